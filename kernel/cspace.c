/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Capability spaces: from a capability pointer to a slot (seL4 manual, sections 3.2 to 3.4).
 *
 * A cptr is resolved from its most significant bits on: each CNode consumes its guard, which must
 * match, and its radix, which selects a slot. Every level consumes at least one bit, so a look-up
 * takes at most 64 steps.
 */
#include "cspace.h"

enum outcome cspace_resolve(struct cap root, word_t cptr, unsigned bits, struct slot **slot,
                            unsigned *bits_left)
{
	if (unlikely(cap_type(root) != CAP_CNODE))
		return lookup_invalid_root();

	for (;;) {
		unsigned radix = cap_cnode_radix(root);
		unsigned guard_bits = cap_cnode_guard_bits(root);
		if (guard_bits) {
			word_t guard = cptr >> ((bits - guard_bits) & 63) & MASK(guard_bits);
			if (unlikely(guard_bits > bits || guard != root.w1))
				return lookup_guard_mismatch(bits, root.w1, guard_bits);
		}
		if (unlikely(radix + guard_bits > bits))
			return lookup_depth_mismatch(bits, radix + guard_bits);
		bits -= radix + guard_bits;
		*slot = cap_cnode_slots(root) + (cptr >> bits & MASK(radix));
		if (likely(bits == 0))
			break;
		root = (*slot)->cap;
		if (cap_type(root) != CAP_CNODE)
			break;
	}
	*bits_left = bits;
	return DONE;
}

enum outcome cspace_lookup_op(bool source, struct cap root, word_t cptr, word_t depth,
                              struct slot **slot)
{
	unsigned bits_left;
	if (likely(depth == 64 && cspace_whole(root, cptr, slot)))
		return DONE;
	if (unlikely(cap_type(root) != CAP_CNODE)) {
		(void)lookup_invalid_root();
		return fail_lookup(source);
	}
	if (unlikely(depth < 1 || depth > 64))
		return fail_range(1, 64);
	if (unlikely(cspace_resolve(root, cptr, depth, slot, &bits_left) != DONE))
		return fail_lookup(source);
	if (unlikely(bits_left)) {
		(void)lookup_depth_mismatch(bits_left, 0);
		return fail_lookup(source);
	}
	return DONE;
}

enum outcome slot_must_be_empty(const struct slot *slot)
{
	return likely(slot_empty(slot)) ? DONE : fail(ERR_DELETE_FIRST);
}
