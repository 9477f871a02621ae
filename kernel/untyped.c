/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Untyped memory and the making of objects (seL4 manual, section 2.4).
 *
 * An untyped is used from its start upwards: what lies below the free mark has been retyped. When
 * it has no descendants left, the mark goes back to the start. Memory is cleared when it is
 * retyped, not before; so that clearing much of it can be preempted, a second mark says how far the
 * memory behind the free mark is known to be clean.
 *
 * Word 1 of an untyped capability: RAM: free mark / 16 in bits 0..35, clean mark / 4096 in 36..63.
 * Device memory (never cleared, up to 2^47 bytes): free mark / 16.
 */
#include "arch.h"

enum { FREE_BITS = 36, FREE_UNIT = 4, CLEAN_UNIT = 12 };

static word_t free_mark(struct cap cap)
{
	return (cap_untyped_is_device(cap) ? cap.w1 : cap.w1 & MASK(FREE_BITS)) << FREE_UNIT;
}

static word_t clean_mark(struct cap cap)
{
	return cap.w1 >> FREE_BITS << CLEAN_UNIT;
}

static uint64_t make_marks(struct cap cap, word_t free, word_t clean)
{
	if (cap_untyped_is_device(cap))
		return free >> FREE_UNIT;
	return free >> FREE_UNIT | clean >> CLEAN_UNIT << FREE_BITS;
}

word_t untyped_full(struct cap cap)
{
	return make_marks(cap, BIT(cap_size_bits(cap)), 0);
}

word_t untyped_free(struct cap cap)
{
	return free_mark(cap);
}

unsigned object_size_bits(word_t type, word_t size_bits)
{
	static const uint8_t bits[] = {
#define OBJECT(name, nr, bits) [nr] = bits,
#include <abi/object.def>
#undef OBJECT
	};
	if (type == OBJ_CNODE)
		return size_bits + ABI_SLOT_BITS;
	return bits[type] ? bits[type] : size_bits;
}

/*
 * Clears [from, to) of the untyped in `slot`, which is free. Small pieces at once, large ones page
 * by page, with the progress kept in the capability.
 */
static enum outcome clear(struct slot *slot, word_t from, word_t to)
{
	struct cap cap = slot->cap;
	word_t clean = clean_mark(cap), free = free_mark(cap);
	uint8_t *base = cap_ptr(cap);
	enum { PAGES_PER_CHECK = 4 };

	if (to <= clean)
		return DONE;
	if (to - from <= BIT(CLEAN_UNIT)) {
		memset(base + from, 0, to - from);
		return DONE;
	}
	if (clean < from) /* the first piece, up to a page boundary */
		clean = from;
	for (unsigned pages = 1; clean < to; pages++) {
		word_t end = ALIGN_DOWN(clean, CLEAN_UNIT) + BIT(CLEAN_UNIT);
		if (end > BIT(cap_size_bits(cap)))
			end = BIT(cap_size_bits(cap));
		memset(base + clean, 0, end - clean);
		clean = end;
		if (pages % PAGES_PER_CHECK == 0 && clean < to && plat_interrupt_pending()) {
			/* What alignment skips is dirty: it must not count as free and clean. */
			slot->cap.w1 = make_marks(cap, from, clean);
			return PREEMPTED;
		}
	}
	slot->cap.w1 = make_marks(cap, free, clean);
	return DONE;
}

static struct cap make_object(word_t type, word_t size_bits, paddr_t paddr, bool device)
{
	switch (type) {
	case OBJ_UNTYPED:
		return cap_untyped(paddr, size_bits, device);
	case OBJ_TCB:
		tcb_init(ptr_of(paddr));
		return cap_make(CAP_TCB, 0, paddr, 0);
	case OBJ_ENDPOINT:
		return cap_make(CAP_ENDPOINT, RIGHTS_ALL, paddr, 0);
	case OBJ_NOTIFICATION:
		return cap_make(CAP_NOTIFICATION, RIGHT_WRITE | RIGHT_READ, paddr, 0);
	case OBJ_CNODE:
		return cap_cnode(paddr, size_bits, 0, 0);
	case OBJ_SCHED_CONTEXT:
		return cap_make(CAP_SCHED_CONTEXT, size_bits, paddr, 0);
	case OBJ_REPLY:
		return cap_make(CAP_REPLY, RIGHT_GRANT, paddr, 0);
	case OBJ_X86_PDPT:
		return cap_make(CAP_PDPT, 0, paddr, 0);
	case OBJ_X86_PML4:
		vspace_init(paddr);
		return cap_make(CAP_PML4, 0, paddr, 0);
	case OBJ_X86_HUGE_PAGE:
		return cap_frame(paddr, 2, device);
	case OBJ_X86_4K_PAGE:
		return cap_frame(paddr, 0, device);
	case OBJ_X86_LARGE_PAGE:
		return cap_frame(paddr, 1, device);
	case OBJ_X86_PAGE_TABLE:
		return cap_make(CAP_PAGE_TABLE, 0, paddr, 0);
	default:
		return cap_make(CAP_PAGE_DIRECTORY, 0, paddr, 0);
	}
}

static bool type_is_frame(word_t type)
{
	return type == OBJ_X86_4K_PAGE || type == OBJ_X86_LARGE_PAGE || type == OBJ_X86_HUGE_PAGE;
}

static enum outcome check_type(word_t type, word_t size_bits)
{
	if (type >= OBJ_COUNT)
		return fail_word(ERR_INVALID_ARGUMENT, 0);
	if (size_bits >= ABI_WORD_BITS || object_size_bits(type, size_bits) > ABI_UNTYPED_BITS_MAX)
		return fail_range(0, ABI_UNTYPED_BITS_MAX);
	if ((type == OBJ_CNODE && size_bits == 0) ||
	    (type == OBJ_UNTYPED && size_bits < ABI_UNTYPED_BITS_MIN) ||
	    (type == OBJ_SCHED_CONTEXT && size_bits < ABI_SCHED_CONTEXT_BITS_MIN))
		return fail_word(ERR_INVALID_ARGUMENT, 1);
	return DONE;
}

/* The slots for the new capabilities: *dest is the first of `count` empty ones. */
static enum outcome lookup_dest(struct invocation *inv, struct slot **dest, word_t count)
{
	word_t index = inv_arg(inv, 2), depth = inv_arg(inv, 3), offset = inv_arg(inv, 4);
	struct slot *node = inv->extra[0];
	if (depth != 0 && cspace_lookup_op(false, node->cap, index, depth, &node) != DONE)
		return FAILED;
	if (cap_type(node->cap) != CAP_CNODE)
		return fail_missing(false, depth);
	word_t slots = BIT(cap_cnode_radix(node->cap));
	if (offset > slots - 1)
		return fail_range(0, slots - 1);
	if (count < 1 || count > ABI_RETYPE_MAX)
		return fail_range(1, ABI_RETYPE_MAX);
	if (count > slots - offset)
		return fail_range(1, slots - offset);
	*dest = cap_cnode_slots(node->cap) + offset;
	for (word_t i = 0; i < count; i++) {
		if (slot_must_be_empty(*dest + i) != DONE)
			return FAILED;
	}
	return DONE;
}

enum outcome decode_untyped(struct invocation *inv)
{
	struct slot *slot = inv->slot, *dest = NULL;
	struct cap cap = inv->cap;
	if (inv->label != INV_UNTYPED_RETYPE)
		return fail(ERR_ILLEGAL_OPERATION);
	if (inv->length < 6 || !inv->extra[0])
		return fail(ERR_TRUNCATED_MESSAGE);
	word_t type = inv_arg(inv, 0), size_bits = inv_arg(inv, 1), count = inv_arg(inv, 5);
	if (check_type(type, size_bits) != DONE || lookup_dest(inv, &dest, count) != DONE)
		return FAILED;

	unsigned bits = object_size_bits(type, size_bits);
	bool device = cap_untyped_is_device(cap), reset = !cdt_has_children(slot);
	word_t free = reset ? 0 : free_mark(cap);
	word_t left = BIT(cap_size_bits(cap)) - free;
	if (left >> bits < count)
		return fail_word(ERR_NOT_ENOUGH_MEMORY, left);
	if (device && type != OBJ_UNTYPED && !type_is_frame(type))
		return fail_word(ERR_INVALID_ARGUMENT, 1);

	word_t start = ALIGN_UP(free, bits), end = start + (count << bits);
	/* Not before all checks: what was used is dirty now. A reset one at 0 keeps its mark. */
	if (reset && free_mark(cap) != 0)
		slot->cap.w1 = make_marks(cap, 0, 0);
	if (!device && type != OBJ_UNTYPED) {
		enum outcome outcome = clear(slot, start, end);
		if (outcome != DONE)
			return outcome;
	}
	slot->cap.w1 = make_marks(cap, end, device ? 0 : clean_mark(slot->cap));
	for (word_t i = 0; i < count; i++)
		cdt_insert_child(
		        dest + i,
		        make_object(type, size_bits, cap_paddr(cap) + start + (i << bits), device),
		        slot);
	return DONE;
}
