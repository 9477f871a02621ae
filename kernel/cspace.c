/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Capability spaces: from a capability pointer to a slot (seL4 manual, sections 3.2 to 3.4).
 *
 * A cptr is resolved from its most significant bits on: each CNode consumes its guard, which must
 * match, and its radix, which selects a slot. Every level consumes at least one bit, so a look-up
 * takes at most 64 steps.
 */
#include "cspace.h"

struct cspace_memory cspace_memories[CSPACE_MEMORIES];
uint64_t cspace_epoch;

/*
 * Through any number of levels; what is left of the cptr stands at the top of path. Null: the
 * look-up fails, and cspace_resolve says why. *bits: in, of the cptr; out, those left. *radix: of
 * the last CNode.
 */
static always_inline struct slot *walk(struct cap root, word_t cptr, unsigned *bits,
                                       unsigned *last_radix)
{
	unsigned left = *bits;
	word_t path = cptr << (64 - left);
	while (cap_type(root) == CAP_CNODE) {
		unsigned radix = cap_cnode_radix(root), guard_bits = cap_cnode_guard_bits(root);
		if (unlikely(radix + guard_bits > left))
			return NULL;
		if (guard_bits) {
			if (unlikely(path >> (64 - guard_bits) != root.w1))
				return NULL;
			path <<= guard_bits;
		}
		struct slot *slot = cap_cnode_slots(root) + (path >> (64 - radix));
		left -= radix + guard_bits;
		if (likely(left == 0 || cap_type(slot->cap) != CAP_CNODE)) {
			*bits = left;
			*last_radix = radix;
			return slot;
		}
		path <<= radix;
		root = slot->cap;
	}
	return NULL;
}

struct slot *cspace_walk(struct cap root, word_t cptr)
{
	unsigned bits = 64, radix;
	struct slot *slot = walk(root, cptr, &bits, &radix);
	if (slot && bits == 0) {
		word_t mask = MASK(radix);
		*cspace_memory_of(cptr) = (struct cspace_memory){
			.root = root,
			.prefix = cptr & ~mask,
			.prefix_mask = ~mask,
			.epoch = cspace_epoch,
			.base = (uint64_t)slot - cptr * sizeof(struct slot),
		};
	}
	return slot;
}

/* Why a look-up fails. */
static enum outcome cspace_failure(struct cap root, word_t cptr, unsigned bits)
{
	while (cap_type(root) == CAP_CNODE) {
		unsigned radix = cap_cnode_radix(root);
		unsigned guard_bits = cap_cnode_guard_bits(root);
		if (guard_bits) {
			word_t guard = cptr >> ((bits - guard_bits) & 63) & MASK(guard_bits);
			if (guard_bits > bits || guard != root.w1)
				return lookup_guard_mismatch(bits, root.w1, guard_bits);
		}
		if (radix + guard_bits > bits)
			return lookup_depth_mismatch(bits, radix + guard_bits);
		bits -= radix + guard_bits;
		root = cap_cnode_slots(root)[cptr >> bits & MASK(radix)].cap;
	}
	return lookup_invalid_root();
}

enum outcome cspace_resolve(struct cap root, word_t cptr, unsigned bits, struct slot **slot,
                            unsigned *bits_left)
{
	unsigned radix;
	*bits_left = bits;
	*slot = walk(root, cptr, bits_left, &radix);
	return likely(*slot) ? DONE : cspace_failure(root, cptr, bits);
}

enum outcome cspace_lookup_op(bool source, struct cap root, word_t cptr, word_t depth,
                              struct slot **slot)
{
	unsigned bits_left;
	if (likely(depth == 64 && cspace_whole(root, cptr, slot)))
		return DONE;
	if (depth == 64 && cspace_recall(root, cptr, slot))
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
