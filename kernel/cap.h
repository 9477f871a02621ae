/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Capabilities and slots.
 *
 * A capability is two words. Word 0: type in bits 59..63, type-specific fields in 48..58, the
 * object's address in the kernel's window, modulo 2^48, in 0..47; word 1 is the type's own. The
 * window starts at a multiple of 2^39, and RAM ends below it: so of an object in RAM bits 0..38 are
 * the physical address.
 *
 *   type            bits 48..58 of word 0           word 1
 *   untyped         size bits (6), device (1)       free mark / clean mark (untyped.c)
 *   endpoint        rights (4)                      badge
 *   notification    rights (2)                      badge
 *   reply           rights (grant only)             -
 *   CNode           guard bits (6), whole (1);      guard
 *                   radix in bits 0..5
 *   sched context   size bits (6)                   -
 *   frame           size class (2), rights (2),     mapping: ASID in 48..59, vaddr in 0..47
 *                   device (1)
 *   tables, PML4    -                               mapping, as of a frame; ASID 0 = not mapped
 *   ASID pool       -                               first ASID
 *   I/O port        -                               first port, last port << 16
 *   IRQ handler     -                               interrupt number (0 = vector 0x30)
 *   zombie          see delete.c                    see delete.c
 *
 * A slot is a capability and its node in the derivation list (cdt.c). An empty slot is all zero.
 */
#pragma once
#include "types.h"

enum cap_type {
	CAP_NULL = 0,
	CAP_FRAME = 1,
	CAP_UNTYPED = 2,
	CAP_PAGE_TABLE = 3,
	CAP_ENDPOINT = 4,
	CAP_PAGE_DIRECTORY = 5,
	CAP_NOTIFICATION = 6,
	CAP_PDPT = 7,
	CAP_REPLY = 8,
	CAP_PML4 = 9,
	CAP_CNODE = 10,
	CAP_ASID_CONTROL = 11,
	CAP_TCB = 12,
	CAP_ASID_POOL = 13,
	CAP_IRQ_CONTROL = 14,
	CAP_IRQ_HANDLER = 16,
	CAP_ZOMBIE = 18,
	CAP_IO_PORT = 19,
	CAP_DOMAIN = 20,
	CAP_SCHED_CONTEXT = 22,
	CAP_SCHED_CONTROL = 24,
	CAP_IO_PORT_CONTROL = 31,
};

struct cap {
	uint64_t w0, w1;
};

struct slot {
	struct cap cap;
	uint64_t prev_flags; /* previous slot of the list, with the flags below */
	struct slot *next;
};
_Static_assert(sizeof(struct slot) == 1 << ABI_SLOT_BITS, "slot size");

enum {
	CDT_REVOCABLE = 1, /* may have descendants */
	/* first of its badge: no sibling with the same badge is its ancestor */
	CDT_FIRST_BADGED = 2,
	CDT_FLAGS = 3,
};

enum { CAP_AUX_SHIFT = 48, CAP_TYPE_SHIFT = 59 };

static inline enum cap_type cap_type(struct cap cap)
{
	return cap.w0 >> CAP_TYPE_SHIFT;
}
static inline paddr_t cap_paddr(struct cap cap)
{
	return (cap.w0 - KERNEL_WINDOW) & MASK(48);
}
static inline void *cap_ptr(struct cap cap)
{
	return (void *)((int64_t)(cap.w0 << 16) >> 16);
}
static inline unsigned cap_aux(struct cap cap)
{
	return cap.w0 >> CAP_AUX_SHIFT & MASK(11);
}
static inline struct cap cap_make(enum cap_type type, unsigned aux, paddr_t paddr, uint64_t w1)
{
	uint64_t address = (paddr + KERNEL_WINDOW) & MASK(48);
	return (struct cap){
		(uint64_t)type << CAP_TYPE_SHIFT | (uint64_t)aux << CAP_AUX_SHIFT | address, w1
	};
}
static inline struct cap cap_null(void)
{
	return (struct cap){ 0, 0 };
}

/* Endpoint, notification and reply capabilities: rights are enum abi_rights. */
static inline unsigned cap_rights(struct cap cap)
{
	return cap_aux(cap) & RIGHTS_ALL;
}
/* Of that type and with that right, in one look. */
static inline bool cap_is_with(struct cap cap, enum cap_type type, enum abi_rights right)
{
	unsigned shift = CAP_TYPE_SHIFT - CAP_AUX_SHIFT;
	return (cap.w0 >> CAP_AUX_SHIFT & (31u << shift | right)) == (type << shift | right);
}
static inline bool cap_may(struct cap cap, enum abi_rights right)
{
	return cap.w0 >> CAP_AUX_SHIFT & right;
}

/* CNode */
static inline unsigned cap_cnode_radix(struct cap cap)
{
	return cap.w0 & MASK(6);
}
static inline unsigned cap_cnode_guard_bits(struct cap cap)
{
	return cap.w0 >> CAP_AUX_SHIFT & MASK(6);
}
static inline struct slot *cap_cnode_slots(struct cap cap)
{
	return (struct slot *)((uint64_t)cap_ptr(cap) & ~MASK(6));
}
/* Guard and radix are 64 bits together: a cptr is resolved in this CNode alone. */
enum { CNODE_WHOLE = 1 << 6 };
static inline struct cap cap_cnode(paddr_t paddr, unsigned radix, word_t guard, unsigned guard_bits)
{
	unsigned whole = radix + guard_bits == 64 ? CNODE_WHOLE : 0;
	return cap_make(CAP_CNODE, guard_bits | whole, paddr | radix, guard);
}

/* Untyped, scheduling context: size in bits. */
static inline unsigned cap_size_bits(struct cap cap)
{
	return cap.w0 >> CAP_AUX_SHIFT & MASK(6);
}
enum { CAP_UNTYPED_DEVICE = 1 << 6 };
static inline bool cap_untyped_is_device(struct cap cap)
{
	return cap_aux(cap) & CAP_UNTYPED_DEVICE;
}
static inline struct cap cap_untyped(paddr_t paddr, unsigned size_bits, bool device)
{
	return cap_make(CAP_UNTYPED, size_bits | (device ? CAP_UNTYPED_DEVICE : 0), paddr, 0);
}

/* Frames and page tables. */
enum frame_aux {
	FRAME_CLASS = 3, /* 0: 4 KiB, 1: 2 MiB, 2: 1 GiB */
	FRAME_WRITE = 1 << 2,
	FRAME_USER = 1 << 3, /* neither right: mapped for the kernel only */
	FRAME_DEVICE = 1 << 4,
	FRAME_IPC_BUFFER = 1 << 5, /* the copy in a TCB's buffer slot (tcb.c) */
};
static inline unsigned cap_frame_class(struct cap cap)
{
	return cap_aux(cap) & FRAME_CLASS;
}
static inline unsigned cap_frame_bits(struct cap cap)
{
	return 12 + 9 * cap_frame_class(cap);
}
static inline struct cap cap_frame(paddr_t paddr, unsigned class, bool device)
{
	return cap_make(CAP_FRAME, class | FRAME_WRITE | FRAME_USER | (device ? FRAME_DEVICE : 0),
	                paddr, 0);
}
static inline unsigned cap_asid(struct cap cap)
{
	return cap.w1 >> 48;
}
static inline vaddr_t cap_vaddr(struct cap cap)
{
	return cap.w1 & MASK(48);
}
static inline uint64_t cap_mapping(unsigned asid, vaddr_t vaddr)
{
	return (uint64_t)asid << 48 | vaddr;
}

/* I/O ports. */
static inline unsigned cap_io_port_first(struct cap cap)
{
	return cap.w1 & 0xffff;
}
static inline unsigned cap_io_port_last(struct cap cap)
{
	return cap.w1 >> 16 & 0xffff;
}

static inline bool slot_empty(const struct slot *slot)
{
	return slot->cap.w0 == 0;
}
static inline struct slot *slot_prev(const struct slot *slot)
{
	return (struct slot *)(slot->prev_flags & ~(uint64_t)CDT_FLAGS);
}
