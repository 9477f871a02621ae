/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The derivation list: which capability was made from which (seL4 manual, section 3.1.4).
 *
 * All slots that hold a capability stand in one doubly linked list, in an order that is a pre-order
 * walk of the derivation tree. Whether `b` behind `a` is a descendant is not stored but decided
 * from the two (cdt_is_parent): `a` must be revocable, cover the same object or memory, and, if
 * badged, have the same badge.
 *
 * Invariants (checked by debug_check):
 *   - the list starts at `head`, which is no capability; next and prev agree; it has no empty slot;
 *   - the descendants of a capability follow it directly, before anything else;
 *   - the capabilities of one object, except untypeds, stand together: a last one has no
 *     neighbour of the same object (cdt_is_final).
 */
#include "cspace.h"

static struct slot head;

void cdt_init(void)
{
	head = (struct slot){ 0 };
}

struct slot *cdt_first(void)
{
	return head.next;
}

/* Puts `slot` behind `prev` in the list. */
static void link_behind(struct slot *slot, struct slot *prev, unsigned flags)
{
	struct slot *next = prev->next;
	slot->prev_flags = (uint64_t)prev | flags;
	slot->next = next;
	prev->next = slot;
	if (next)
		next->prev_flags = (uint64_t)slot | (next->prev_flags & CDT_FLAGS);
}

/* The neighbours of a slot that was moved to `slot` point to it again. */
static void relink(struct slot *slot)
{
	slot_prev(slot)->next = slot;
	if (slot->next)
		slot->next->prev_flags = (uint64_t)slot | (slot->next->prev_flags & CDT_FLAGS);
}

void cdt_append_boot(struct slot *slot, struct cap cap)
{
	static struct slot *last;
	slot->cap = cap;
	link_behind(slot, last ? last : &head, CDT_REVOCABLE | CDT_FIRST_BADGED);
	last = slot;
}

void cdt_insert(struct slot *slot, struct cap cap, struct slot *source)
{
	bool revocable = cap_copy_is_revocable(cap, source->cap);
	assert(slot_empty(slot));
	/* Of an untyped that has a copy nothing more may be retyped: both are the same memory. */
	if (cap_type(cap) == CAP_UNTYPED && cap_type(source->cap) == CAP_UNTYPED)
		source->cap.w1 = untyped_full(source->cap);
	slot->cap = cap;
	link_behind(slot, source, revocable ? CDT_REVOCABLE | CDT_FIRST_BADGED : 0);
}

void cdt_insert_child(struct slot *slot, struct cap cap, struct slot *parent)
{
	slot->cap = cap;
	link_behind(slot, parent, CDT_REVOCABLE | CDT_FIRST_BADGED);
}

void cdt_move(struct slot *to, struct cap cap, struct slot *from)
{
	assert(slot_empty(to));
	cspace_forget(from->cap);
	*to = *from;
	to->cap = cap;
	*from = (struct slot){ 0 };
	relink(to);
}

void cdt_swap(struct slot *a, struct cap a_new, struct slot *b, struct cap b_new)
{
	if (slot_empty(b)) {
		cdt_move(b, b_new, a);
		return;
	}
	if (slot_empty(a)) {
		cdt_move(a, a_new, b);
		return;
	}
	/* Via a third place, so that neighbours are not special. */
	struct slot third = { 0 };
	cdt_move(&third, b_new, a);
	cdt_move(a, a_new, b);
	cdt_move(b, b_new, &third);
}

void cdt_remove(struct slot *slot)
{
	cspace_forget(slot->cap);
	struct slot *prev = slot_prev(slot), *next = slot->next;
	prev->next = next;
	if (next) /* the next one of the same badge may now be the first */
		next->prev_flags = (uint64_t)prev | (next->prev_flags & CDT_FLAGS) |
		                   (slot->prev_flags & CDT_FIRST_BADGED);
	*slot = (struct slot){ 0 };
}

bool cdt_is_parent(const struct slot *a, const struct slot *b)
{
	if (!(a->prev_flags & CDT_REVOCABLE) || !cap_same_region(a->cap, b->cap))
		return false;
	if (cap_type(a->cap) != CAP_ENDPOINT && cap_type(a->cap) != CAP_NOTIFICATION)
		return true;
	word_t badge = a->cap.w1;
	return badge == 0 || (badge == b->cap.w1 && !(b->prev_flags & CDT_FIRST_BADGED));
}

bool cdt_has_children(const struct slot *slot)
{
	return slot->next && cdt_is_parent(slot, slot->next);
}

bool cdt_is_final(const struct slot *slot)
{
	return !cap_same_object(slot_prev(slot)->cap, slot->cap) &&
	       !(slot->next && cap_same_object(slot->cap, slot->next->cap));
}
