/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Rules on capabilities: what may be copied, with which rights and data, and when two are about the
 * same object or memory (seL4 manual, sections 3.1.3 and 3.1.4). Pure functions of the two words.
 */
#include "arch.h"

unsigned cap_memory(struct cap cap, paddr_t *paddr)
{
	*paddr = cap_paddr(cap);
	switch (cap_type(cap)) {
	case CAP_UNTYPED:
	case CAP_SCHED_CONTEXT:
		return cap_size_bits(cap);
	case CAP_ENDPOINT:
		return OBJ_BITS_ENDPOINT;
	case CAP_NOTIFICATION:
		return OBJ_BITS_NOTIFICATION;
	case CAP_REPLY:
		return OBJ_BITS_REPLY;
	case CAP_CNODE:
		*paddr &= ~MASK(6);
		return cap_cnode_radix(cap) + ABI_SLOT_BITS;
	case CAP_TCB:
		return OBJ_BITS_TCB;
	case CAP_ZOMBIE:
		return zombie_memory(cap, paddr);
	case CAP_FRAME:
		return cap_frame_bits(cap);
	case CAP_PAGE_TABLE:
	case CAP_PAGE_DIRECTORY:
	case CAP_PDPT:
	case CAP_PML4:
		return OBJ_BITS_X86_PML4;
	case CAP_ASID_POOL:
		return ABI_ASID_POOL_BITS;
	default:
		return 0;
	}
}

static bool region_contains(struct cap outer, struct cap inner)
{
	paddr_t a, b;
	unsigned a_bits = cap_memory(outer, &a);
	unsigned b_bits = cap_memory(inner, &b);
	if (a_bits == 0 || b_bits == 0)
		return false;
	return b_bits <= a_bits && (b & ~MASK(a_bits)) == a;
}

/* True if `b` could have been made from `a`. */
bool cap_same_region(struct cap a, struct cap b)
{
	enum cap_type type = cap_type(b);
	switch (cap_type(a)) {
	case CAP_NULL:
	case CAP_ZOMBIE:
		return false;
	case CAP_UNTYPED:
		return region_contains(a, b);
	case CAP_FRAME:
		return type == CAP_FRAME && region_contains(a, b);
	case CAP_CNODE: /* the radix is in the low bits of word 0 */
		return type == CAP_CNODE && cap_paddr(a) == cap_paddr(b);
	case CAP_SCHED_CONTEXT:
		return a.w0 == b.w0;
	case CAP_IRQ_CONTROL:
		return type == CAP_IRQ_CONTROL || type == CAP_IRQ_HANDLER;
	case CAP_IO_PORT_CONTROL:
		return type == CAP_IO_PORT_CONTROL || type == CAP_IO_PORT;
	case CAP_IRQ_HANDLER:
	case CAP_IO_PORT:
		return type == cap_type(a) && a.w1 == b.w1;
	case CAP_DOMAIN:
	case CAP_SCHED_CONTROL:
	case CAP_ASID_CONTROL:
		return type == cap_type(a);
	default:
		return type == cap_type(a) && cap_paddr(a) == cap_paddr(b);
	}
}

bool cap_same_object(struct cap a, struct cap b)
{
	switch (cap_type(a)) {
	case CAP_UNTYPED:
	case CAP_IRQ_CONTROL:
		return false;
	case CAP_IO_PORT_CONTROL:
		return cap_type(b) == CAP_IO_PORT_CONTROL;
	case CAP_FRAME: {
		unsigned fixed = FRAME_CLASS | FRAME_DEVICE;
		return cap_type(b) == CAP_FRAME && cap_paddr(a) == cap_paddr(b) &&
		       (cap_aux(a) & fixed) == (cap_aux(b) & fixed);
	}
	default:
		return cap_same_region(a, b);
	}
}

struct cap cap_mask_rights(struct cap cap, word_t rights)
{
	uint64_t keep;
	switch (cap_type(cap)) {
	case CAP_ENDPOINT:
		keep = rights & RIGHTS_ALL;
		break;
	case CAP_NOTIFICATION:
		keep = rights & (RIGHT_WRITE | RIGHT_READ);
		break;
	case CAP_REPLY:
		keep = rights & RIGHT_GRANT;
		break;
	case CAP_FRAME:
		keep = frame_mask_rights(cap_aux(cap), rights);
		break;
	default:
		return cap;
	}
	unsigned field = cap_type(cap) == CAP_FRAME ? FRAME_WRITE | FRAME_USER : RIGHTS_ALL;
	cap.w0 &= ~((uint64_t)field << CAP_AUX_SHIFT) | keep << CAP_AUX_SHIFT;
	return cap;
}

/* With the badge or guard of Mint and Mutate (`preserve`: Mutate, which keeps badges); or null. */
struct cap cap_with_data(struct cap cap, word_t data, bool preserve)
{
	switch (cap_type(cap)) {
	case CAP_ENDPOINT:
	case CAP_NOTIFICATION:
		if (preserve || cap.w1 != 0)
			return cap_null();
		cap.w1 = data;
		return cap;
	case CAP_CNODE: {
		unsigned guard_bits = data & MASK(6), radix = cap_cnode_radix(cap);
		if (guard_bits + radix > 64)
			return cap_null();
		return cap_cnode(paddr_of(cap_cnode_slots(cap)), radix,
		                 data >> 6 & MASK(guard_bits), guard_bits);
	}
	default:
		return cap;
	}
}

enum outcome cap_derive(struct slot *slot, struct cap cap, struct cap *copy)
{
	*copy = cap;
	switch (cap_type(cap)) {
	case CAP_ZOMBIE:
	case CAP_IRQ_CONTROL:
	case CAP_IO_PORT_CONTROL:
		*copy = cap_null();
		return DONE;
	case CAP_UNTYPED:
		return cdt_has_children(slot) ? fail(ERR_REVOKE_FIRST) : DONE;
	case CAP_PAGE_TABLE:
	case CAP_PAGE_DIRECTORY:
	case CAP_PDPT:
	case CAP_PML4:
		return cap_asid(cap) ? DONE : fail(ERR_ILLEGAL_OPERATION);
	case CAP_FRAME:
		copy->w1 = 0;
		return DONE;
	default:
		return DONE;
	}
}

bool cap_copy_is_revocable(struct cap copy, struct cap source)
{
	switch (cap_type(copy)) {
	case CAP_ENDPOINT:
	case CAP_NOTIFICATION:
		return copy.w1 != source.w1;
	case CAP_IRQ_HANDLER:
		return cap_type(source) == CAP_IRQ_CONTROL;
	case CAP_IO_PORT:
		return cap_type(source) == CAP_IO_PORT_CONTROL;
	case CAP_UNTYPED:
		return true;
	default:
		return false;
	}
}
