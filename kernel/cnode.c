/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * CNode invocations (seL4 manual, section 3.1.2 and 10.3.3): copying, minting, moving, mutating,
 * rotating, deleting and revoking capabilities, and cancelling badged sends.
 */
#include "kernel.h"

/* The source slot of a Copy, Mint, Move or Mutate; must hold something. */
static enum outcome lookup_source(struct invocation *inv, struct slot *dest, struct slot **source)
{
	if (inv->length < 4 || !inv->extra[0])
		return fail(ERR_TRUNCATED_MESSAGE);
	word_t depth = inv_arg(inv, 3);
	if (slot_must_be_empty(dest) != DONE)
		return FAILED;
	if (cspace_lookup_op(true, inv->extra[0]->cap, inv_arg(inv, 2), depth, source) != DONE)
		return FAILED;
	if (slot_empty(*source))
		return fail_missing(true, depth);
	return DONE;
}

static enum outcome decode_copy_mint(struct invocation *inv, struct slot *dest, bool mint)
{
	struct slot *source;
	struct cap cap;
	if (lookup_source(inv, dest, &source) != DONE)
		return FAILED;
	if (inv->length < (mint ? 6 : 5))
		return fail(ERR_TRUNCATED_MESSAGE);
	cap = cap_mask_rights(source->cap, inv_arg(inv, 4));
	if (mint)
		cap = cap_with_data(cap, inv_arg(inv, 5), false);
	if (cap_derive(source, cap, &cap) != DONE)
		return FAILED;
	if (cap_type(cap) == CAP_NULL)
		return fail(ERR_ILLEGAL_OPERATION);
	cdt_insert(dest, cap, source);
	return DONE;
}

static enum outcome decode_move_mutate(struct invocation *inv, struct slot *dest, bool mutate)
{
	struct slot *source;
	if (lookup_source(inv, dest, &source) != DONE)
		return FAILED;
	struct cap cap = source->cap;
	if (mutate) {
		if (inv->length < 5)
			return fail(ERR_TRUNCATED_MESSAGE);
		cap = cap_with_data(cap, inv_arg(inv, 4), true);
		if (cap_type(cap) == CAP_NULL)
			return fail(ERR_ILLEGAL_OPERATION);
	}
	cdt_move(dest, cap, source);
	return DONE;
}

/* source -> pivot -> dest; dest may be source. */
static enum outcome decode_rotate(struct invocation *inv, struct slot *dest)
{
	struct slot *pivot, *source;
	if (inv->length < 8 || !inv->extra[0] || !inv->extra[1])
		return fail(ERR_TRUNCATED_MESSAGE);
	word_t pivot_depth = inv_arg(inv, 4), source_depth = inv_arg(inv, 7);
	if (cspace_lookup_op(true, inv->extra[1]->cap, inv_arg(inv, 6), source_depth, &source) !=
	    DONE)
		return FAILED;
	if (cspace_lookup_op(true, inv->extra[0]->cap, inv_arg(inv, 3), pivot_depth, &pivot) !=
	    DONE)
		return FAILED;
	if (pivot == source || pivot == dest)
		return fail(ERR_ILLEGAL_OPERATION);
	if (source != dest && slot_must_be_empty(dest) != DONE)
		return FAILED;
	if (slot_empty(source))
		return fail_missing(true, source_depth);
	if (slot_empty(pivot))
		return fail_missing(false, pivot_depth);
	struct cap source_cap = cap_with_data(source->cap, inv_arg(inv, 5), true);
	struct cap pivot_cap = cap_with_data(pivot->cap, inv_arg(inv, 2), true);
	if (cap_type(source_cap) == CAP_NULL || cap_type(pivot_cap) == CAP_NULL)
		return fail(ERR_ILLEGAL_OPERATION);
	if (source == dest) {
		cdt_swap(source, pivot_cap, pivot, source_cap);
	} else {
		cdt_move(dest, pivot_cap, pivot);
		cdt_move(pivot, source_cap, source);
	}
	return DONE;
}

static enum outcome decode_cancel_badged_sends(struct slot *slot)
{
	struct cap cap = slot->cap;
	if (cap_type(cap) != CAP_ENDPOINT || cap_rights(cap) != RIGHTS_ALL)
		return fail(ERR_ILLEGAL_OPERATION);
	if (cap.w1 && !ipc_cancel_some_badged(cap_endpoint(cap), cap.w1))
		return PREEMPTED;
	return DONE;
}

enum outcome decode_cnode(struct invocation *inv)
{
	struct slot *slot;
	if (inv->label < INV_CNODE_REVOKE || inv->label > INV_CNODE_ROTATE)
		return fail(ERR_ILLEGAL_OPERATION);
	if (inv->length < 2)
		return fail(ERR_TRUNCATED_MESSAGE);
	if (cspace_lookup_op(false, inv->cap, inv_arg(inv, 0), inv_arg(inv, 1), &slot) != DONE)
		return FAILED;
	switch (inv->label) {
	case INV_CNODE_REVOKE:
		return slot_revoke(slot);
	case INV_CNODE_DELETE:
		return slot_delete(slot);
	case INV_CNODE_CANCEL_BADGED_SENDS:
		return decode_cancel_badged_sends(slot);
	case INV_CNODE_COPY:
		return decode_copy_mint(inv, slot, false);
	case INV_CNODE_MINT:
		return decode_copy_mint(inv, slot, true);
	case INV_CNODE_MOVE:
		return decode_move_mutate(inv, slot, false);
	case INV_CNODE_MUTATE:
		return decode_move_mutate(inv, slot, true);
	default:
		return decode_rotate(inv, slot);
	}
}
