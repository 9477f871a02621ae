/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a root task starts with, and what it makes of it.
 *
 * Slots of the root CNode are handed out ascending; objects come from one RAM untyped, the pool
 * (at least 16 MiB). env_release() gives back everything since env_mark(): it revokes the pool
 * and deletes the slots, so a test need not clean up. Everything made before env_mark() must not
 * come from the pool: it comes from the "keep" untyped.
 */
#pragma once
#include <abi/abi.h>
#include <rt/sel4.h>
#include <rt/sel4_object.h>
#include <rt/sel4_x86.h>

extern const struct abi_boot_info *boot_info;
extern cptr_t env_sched_control;     /* core 0's */
extern const word_t root_entry_time; /* the time stamp counter at the program's first instruction */
extern const struct abi_user_context root_entry_registers; /* there, but rip and the bases */

void env_init(const struct abi_boot_info *info);
void env_mark(void);
void env_release(void);

/* A slot of the root CNode as CNode operations address it. */
static inline struct sel4_slot slot(cptr_t index)
{
	return (struct sel4_slot){ INIT_CNODE, index, ABI_WORD_BITS };
}
/* The root CNode itself as a destination of Retype. */
static inline struct sel4_slot root_node(void)
{
	return (struct sel4_slot){ INIT_CNODE, 0, 0 };
}

/* Slots: empty, to be used by the caller. */
cptr_t slot_new(void);
cptr_t slot_new_range(word_t count); /* consecutive */

/* Objects from the pool; any failure panics. bits: for those types whose size varies. */
cptr_t object_new(enum abi_object type, word_t bits);
cptr_t object_new_range(enum abi_object type, word_t bits, word_t count);
cptr_t untyped_new(word_t bits);
cptr_t endpoint_new(void);
cptr_t notification_new(void);
cptr_t reply_new(void);
cptr_t tcb_new(void);
cptr_t cnode_new(word_t radix);
cptr_t frame_new(void); /* 4 KiB */
/* Configured round robin, budget = period = 10 ms; the object has 2^9 bytes. */
cptr_t sched_context_new(void);
cptr_t sched_context_new_sized(word_t bits, word_t budget_us, word_t period_us, word_t badge);

/* Capabilities made from others; any failure panics. */
cptr_t cap_copy(cptr_t source, word_t rights);
cptr_t cap_mint(cptr_t source, word_t rights, word_t badge);
void cap_delete(cptr_t cap);
void cap_revoke(cptr_t cap);

/* True if the slot holds nothing (asked by moving it onto itself: that needs a full slot). */
bool slot_is_empty(cptr_t index);

/* The first boot untyped of at least this size that the environment does not use, or 0. */
cptr_t boot_untyped_find(word_t bits_min, bool device);
const struct abi_untyped_desc *boot_untyped_desc(cptr_t untyped);

/* The frame that holds an address of this program. */
cptr_t image_frame(const void *address);
/* First address of the program, and the number of its frames. */
word_t image_base(void);
word_t image_frames(void);

/* A part of the address space that belongs to the tests: nothing mapped there, 512 GiB. */
#define TEST_VADDR 0x10000000000ull

/* Address spaces. All objects come from the pool; any failure panics. */
cptr_t vspace_new(void); /* empty, has an ASID */
/* Maps the frame, with whatever tables are missing. */
void vspace_map(cptr_t vspace, word_t vaddr, cptr_t frame, word_t rights, word_t attr);
/* Only the tables: all that a 4 KiB page at vaddr needs. */
void vspace_map_tables(cptr_t vspace, word_t vaddr);
/* The program's own pages, IPC buffers and stacks included, at their own addresses. */
void vspace_map_image(cptr_t vspace);
/* Forgets all addresses that page_new gave out. */
void vspace_reset(void);
/* A new 4 KiB frame, mapped for reading and writing in the program's own address space. */
void *page_new(cptr_t *frame);

/* True on Freehold's kernel, found out by its TCB flag; false on seL4. */
bool kernel_is_freehold(void);
/* True if the kernel has the debug call -12 (printing). */
bool kernel_has_printing(void);
/* True if the kernel has the debug calls -14 to -17. */
bool kernel_has_debug_calls(void);
