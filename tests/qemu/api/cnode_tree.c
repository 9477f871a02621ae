/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The derivation tree: what Revoke and Delete take away, and what stays. seL4 manual, section
 * 3.1.4 (Capability Derivation Tree).
 *
 * Only an original (from Retype or from a control object) and a newly badged endpoint or
 * notification capability have descendants; a plain copy has none, whatever is copied from it.
 */
#include "api.h"

struct kind {
	enum abi_object type;
	word_t bits;
};

/* Objects whose plain copies are leaves. */
static const struct kind kinds[] = {
	{ OBJ_TCB, 0 },         { OBJ_ENDPOINT, 0 },       { OBJ_NOTIFICATION, 0 },
	{ OBJ_CNODE, 3 },       { OBJ_SCHED_CONTEXT, 8 },  { OBJ_REPLY, 0 },
	{ OBJ_X86_4K_PAGE, 0 }, { OBJ_X86_LARGE_PAGE, 0 },
};
enum { KINDS = sizeof kinds / sizeof kinds[0] };

TEST(cdt_revoke_the_original_takes_all_copies)
{
	for (int i = 0; i < KINDS; i++) {
		cptr_t original = object_new(kinds[i].type, kinds[i].bits);
		cptr_t copy = cap_copy(original, RIGHTS_ALL), second = cap_copy(copy, RIGHTS_ALL);
		cptr_t third = cap_copy(original, 0);
		CHECK_OK(sel4_cnode_revoke(slot(original)));
		CHECK(!slot_is_empty(original));
		CHECK(slot_is_empty(copy));
		CHECK(slot_is_empty(second));
		CHECK(slot_is_empty(third));
	}
}

TEST(cdt_revoke_a_copy_takes_nothing)
{
	for (int i = 0; i < KINDS; i++) {
		cptr_t original = object_new(kinds[i].type, kinds[i].bits);
		cptr_t copy = cap_copy(original, RIGHTS_ALL), second = cap_copy(copy, RIGHTS_ALL);
		CHECK_OK(sel4_cnode_revoke(slot(copy)));
		CHECK(!slot_is_empty(original));
		CHECK(!slot_is_empty(copy));
		CHECK(!slot_is_empty(second));
	}
}

TEST(cdt_delete_the_original_keeps_the_copies)
{
	for (int i = 0; i < KINDS; i++) {
		cptr_t original = object_new(kinds[i].type, kinds[i].bits);
		cptr_t copy = cap_copy(original, RIGHTS_ALL), second = cap_copy(copy, RIGHTS_ALL);
		CHECK_OK(sel4_cnode_delete(slot(original)));
		CHECK(slot_is_empty(original));
		CHECK(!slot_is_empty(copy));
		/* Nothing is revocable any more. */
		CHECK_OK(sel4_cnode_revoke(slot(copy)));
		CHECK(!slot_is_empty(second));
	}
}

TEST(cdt_a_moved_original_still_revokes)
{
	for (int i = 0; i < KINDS; i++) {
		cptr_t original = object_new(kinds[i].type, kinds[i].bits), moved = slot_new();
		cptr_t copy = cap_copy(original, RIGHTS_ALL);
		CHECK_OK(sel4_cnode_move(slot(moved), slot(original)));
		cptr_t second = cap_copy(copy, RIGHTS_ALL);
		CHECK_OK(sel4_cnode_revoke(slot(moved)));
		CHECK(slot_is_empty(copy));
		CHECK(slot_is_empty(second));
	}
}

TEST(cdt_a_moved_copy_is_still_revoked)
{
	for (int i = 0; i < KINDS; i++) {
		cptr_t original = object_new(kinds[i].type, kinds[i].bits), moved = slot_new();
		CHECK_OK(sel4_cnode_move(slot(moved), slot(cap_copy(original, RIGHTS_ALL))));
		CHECK_OK(sel4_cnode_revoke(slot(original)));
		CHECK(slot_is_empty(moved));
	}
}

TEST(cdt_revoke_does_not_touch_neighbours)
{
	for (int i = 0; i < KINDS; i++) {
		cptr_t a = object_new(kinds[i].type, kinds[i].bits);
		cptr_t b = object_new(kinds[i].type, kinds[i].bits);
		cptr_t a_copy = cap_copy(a, RIGHTS_ALL), b_copy = cap_copy(b, RIGHTS_ALL);
		CHECK_OK(sel4_cnode_revoke(slot(b)));
		CHECK(!slot_is_empty(a));
		CHECK(!slot_is_empty(a_copy));
		CHECK(slot_is_empty(b_copy));
		CHECK_OK(sel4_cnode_revoke(slot(a)));
		CHECK(slot_is_empty(a_copy));
	}
}

TEST(cdt_revoke_an_empty_slot)
{
	CHECK_OK(sel4_cnode_revoke(slot(slot_new())));
}

TEST(cdt_delete_an_empty_slot)
{
	CHECK_OK(sel4_cnode_delete(slot(slot_new())));
}

/* Badges: kinds 0 and 1 below are endpoint and notification. */

static cptr_t badgeable(int i)
{
	return i == 0 ? endpoint_new() : notification_new();
}

TEST(cdt_revoke_a_badged_capability_takes_its_copies)
{
	for (int i = 0; i < 2; i++) {
		cptr_t original = badgeable(i), badged = cap_mint(original, RIGHTS_ALL, 1);
		cptr_t copy = cap_copy(badged, RIGHTS_ALL), second = cap_copy(copy, 0);
		CHECK_OK(sel4_cnode_revoke(slot(badged)));
		CHECK(!slot_is_empty(original));
		CHECK(!slot_is_empty(badged));
		CHECK(slot_is_empty(copy));
		CHECK(slot_is_empty(second));
	}
}

TEST(cdt_revoke_a_copy_of_a_badged_capability)
{
	for (int i = 0; i < 2; i++) {
		cptr_t badged = cap_mint(badgeable(i), RIGHTS_ALL, 1);
		cptr_t copy = cap_copy(badged, RIGHTS_ALL), second = cap_copy(copy, RIGHTS_ALL);
		CHECK_OK(sel4_cnode_revoke(slot(copy)));
		CHECK(!slot_is_empty(second));
		CHECK(!slot_is_empty(badged));
	}
}

TEST(cdt_badged_siblings_are_independent)
{
	for (int i = 0; i < 2; i++) {
		cptr_t original = badgeable(i);
		cptr_t one = cap_mint(original, RIGHTS_ALL, 1), two = cap_mint(original, 0, 2);
		cptr_t one_copy = cap_copy(one, RIGHTS_ALL), two_copy = cap_copy(two, RIGHTS_ALL);
		CHECK_OK(sel4_cnode_revoke(slot(two)));
		CHECK(slot_is_empty(two_copy));
		CHECK(!slot_is_empty(one));
		CHECK(!slot_is_empty(one_copy));
		CHECK_OK(sel4_cnode_revoke(slot(one)));
		CHECK(slot_is_empty(one_copy));
		CHECK(!slot_is_empty(two));
	}
}

/* The same badge minted twice: two families. */
TEST(cdt_equal_badges_are_independent)
{
	for (int i = 0; i < 2; i++) {
		cptr_t original = badgeable(i);
		cptr_t one = cap_mint(original, RIGHTS_ALL, 7), one_copy = cap_copy(one, 0);
		cptr_t two = cap_mint(original, RIGHTS_ALL, 7), two_copy = cap_copy(two, 0);
		CHECK_OK(sel4_cnode_revoke(slot(two)));
		CHECK(slot_is_empty(two_copy));
		CHECK(!slot_is_empty(one));
		CHECK(!slot_is_empty(one_copy));
		CHECK_OK(sel4_cnode_revoke(slot(one)));
		CHECK(slot_is_empty(one_copy));
		CHECK(!slot_is_empty(two));
	}
}

TEST(cdt_revoke_the_original_takes_all_badges)
{
	for (int i = 0; i < 2; i++) {
		cptr_t original = badgeable(i), plain = cap_copy(original, RIGHTS_ALL);
		cptr_t badged = cap_mint(original, RIGHTS_ALL, 1);
		cptr_t from_plain = cap_mint(plain, RIGHTS_ALL, 2), copy = cap_copy(badged, 0);
		CHECK_OK(sel4_cnode_revoke(slot(original)));
		CHECK(slot_is_empty(plain));
		CHECK(slot_is_empty(badged));
		CHECK(slot_is_empty(from_plain));
		CHECK(slot_is_empty(copy));
	}
}

TEST(cdt_badged_from_a_plain_copy_is_revocable)
{
	for (int i = 0; i < 2; i++) {
		cptr_t plain = cap_copy(badgeable(i), RIGHTS_ALL);
		cptr_t badged = cap_mint(plain, RIGHTS_ALL, 3), copy = cap_copy(badged, RIGHTS_ALL);
		CHECK_OK(sel4_cnode_revoke(slot(plain)));
		CHECK(!slot_is_empty(badged));
		CHECK_OK(sel4_cnode_revoke(slot(badged)));
		CHECK(slot_is_empty(copy));
	}
}

/* Minting badge 0 makes a plain copy. */
TEST(cdt_badge_0_is_a_copy)
{
	for (int i = 0; i < 2; i++) {
		cptr_t zero = cap_mint(badgeable(i), RIGHTS_ALL, 0), copy = cap_copy(zero, 0);
		CHECK_OK(sel4_cnode_revoke(slot(zero)));
		CHECK(!slot_is_empty(copy));
	}
}

TEST(cdt_deleting_the_badged_leaves_its_copies_orphaned)
{
	for (int i = 0; i < 2; i++) {
		cptr_t original = badgeable(i), badged = cap_mint(original, RIGHTS_ALL, 4);
		cptr_t copy = cap_copy(badged, RIGHTS_ALL), second = cap_copy(copy, RIGHTS_ALL);
		CHECK_OK(sel4_cnode_delete(slot(badged)));
		CHECK_OK(sel4_cnode_revoke(slot(copy)));
		CHECK(!slot_is_empty(second));
		CHECK_OK(sel4_cnode_revoke(slot(original)));
		CHECK(slot_is_empty(copy));
		CHECK(slot_is_empty(second));
	}
}

/* The orphans of a deleted family do not fall to a neighbour with the same badge. */
TEST(cdt_orphans_do_not_join_an_equal_badge)
{
	for (int i = 0; i < 2; i++) {
		cptr_t original = badgeable(i);
		cptr_t one = cap_mint(original, RIGHTS_ALL, 7), one_copy = cap_copy(one, 0);
		cptr_t two = cap_mint(original, RIGHTS_ALL, 7), two_copy = cap_copy(two, 0);
		CHECK_OK(sel4_cnode_delete(slot(one)));
		CHECK_OK(sel4_cnode_revoke(slot(two)));
		CHECK(slot_is_empty(two_copy));
		CHECK(!slot_is_empty(one_copy));
	}
}

TEST(cdt_a_moved_badged_capability_keeps_its_family)
{
	for (int i = 0; i < 2; i++) {
		cptr_t badged = cap_mint(badgeable(i), RIGHTS_ALL, 7), moved = slot_new();
		cptr_t copy = cap_copy(badged, RIGHTS_ALL);
		CHECK_OK(sel4_cnode_move(slot(moved), slot(badged)));
		cptr_t second = cap_copy(moved, RIGHTS_ALL);
		CHECK_OK(sel4_cnode_revoke(slot(moved)));
		CHECK(slot_is_empty(copy));
		CHECK(slot_is_empty(second));
	}
}

/* Untypeds */

TEST(cdt_revoke_an_untyped_takes_its_objects)
{
	cptr_t untyped = untyped_new(21);
	for (int i = 0; i < KINDS; i++) {
		cptr_t object = slot_new();
		CHECK_OK(sel4_untyped_retype(untyped, kinds[i].type, kinds[i].bits, root_node(),
		                             object, 1));
		cptr_t copy = cap_copy(object, RIGHTS_ALL), moved = slot_new();
		CHECK_OK(sel4_cnode_move(slot(moved), slot(object)));
		CHECK_OK(sel4_cnode_revoke(slot(untyped)));
		CHECK(slot_is_empty(moved));
		CHECK(slot_is_empty(copy));
		CHECK(!slot_is_empty(untyped));
	}
}

TEST(cdt_revoke_an_untyped_takes_grandchildren)
{
	cptr_t untyped = untyped_new(14), child = slot_new(), grandchild = slot_new();
	cptr_t ep = slot_new();
	CHECK_OK(sel4_untyped_retype(untyped, OBJ_UNTYPED, 13, root_node(), child, 1));
	CHECK_OK(sel4_untyped_retype(child, OBJ_UNTYPED, 12, root_node(), grandchild, 1));
	CHECK_OK(sel4_untyped_retype(grandchild, OBJ_ENDPOINT, 0, root_node(), ep, 1));
	cptr_t badged = cap_mint(ep, RIGHTS_ALL, 1);
	CHECK_OK(sel4_cnode_revoke(slot(child)));
	CHECK(slot_is_empty(badged));
	CHECK(slot_is_empty(ep));
	CHECK(slot_is_empty(grandchild));
	CHECK(!slot_is_empty(child));
	CHECK_OK(sel4_cnode_revoke(slot(untyped)));
	CHECK(slot_is_empty(child));
}

TEST(cdt_deleting_an_untyped_keeps_its_objects)
{
	cptr_t untyped = untyped_new(12), ntfn = slot_new();
	CHECK_OK(sel4_untyped_retype(untyped, OBJ_NOTIFICATION, 0, root_node(), ntfn, 1));
	CHECK_OK(sel4_cnode_delete(slot(untyped)));
	sel4_signal(ntfn);
	CHECK(!slot_is_empty(ntfn));
}

/* The grandparent keeps what a deleted child had made: it is not free again. */
TEST(cdt_deleting_an_untyped_does_not_free_its_memory)
{
	cptr_t untyped = untyped_new(12), child = slot_new(), ep = slot_new();
	CHECK_OK(sel4_untyped_retype(untyped, OBJ_UNTYPED, 12, root_node(), child, 1));
	CHECK_OK(sel4_untyped_retype(child, OBJ_ENDPOINT, 0, root_node(), ep, 1));
	CHECK_OK(sel4_cnode_delete(slot(child)));
	CHECK_ERR(sel4_untyped_retype(untyped, OBJ_ENDPOINT, 0, root_node(), slot_new(), 1),
	          ERR_NOT_ENOUGH_MEMORY, 0);
	CHECK_OK(sel4_cnode_delete(slot(ep)));
	CHECK_OK(sel4_untyped_retype(untyped, OBJ_ENDPOINT, 0, root_node(), slot_new(), 1));
}

/* A copied untyped is a child of its source, which has nothing left to give. */
TEST(cdt_copied_untyped)
{
	cptr_t untyped = untyped_new(12), copy = cap_copy(untyped, RIGHTS_ALL), ep = slot_new();
	CHECK_ERR(sel4_untyped_retype(untyped, OBJ_ENDPOINT, 0, root_node(), ep, 1),
	          ERR_NOT_ENOUGH_MEMORY, 0);
	CHECK_OK(sel4_untyped_retype(copy, OBJ_ENDPOINT, 0, root_node(), ep, 1));
	CHECK_OK(sel4_cnode_revoke(slot(untyped)));
	CHECK(slot_is_empty(copy));
	CHECK(slot_is_empty(ep));
	CHECK_OK(sel4_untyped_retype(untyped, OBJ_ENDPOINT, 0, root_node(), ep, 1));
}

TEST(cdt_copied_untyped_cannot_be_copied_again_from_its_source)
{
	cptr_t untyped = untyped_new(12);
	cap_copy(untyped, RIGHTS_ALL);
	CHECK_ERR(sel4_cnode_copy(slot(slot_new()), slot(untyped), RIGHTS_ALL), ERR_REVOKE_FIRST);
}

TEST(cdt_copy_of_a_copied_untyped)
{
	cptr_t untyped = untyped_new(12), copy = cap_copy(untyped, RIGHTS_ALL);
	cptr_t second = cap_copy(copy, RIGHTS_ALL);
	CHECK_OK(sel4_cnode_revoke(slot(copy)));
	CHECK(slot_is_empty(second));
	CHECK(!slot_is_empty(untyped));
}

/* CNodes: deleting the last capability deletes the contents. */

TEST(cdt_deleting_a_cnode_deletes_its_contents)
{
	cptr_t untyped = untyped_new(16), node = slot_new(), object = slot_new();
	CHECK_OK(sel4_untyped_retype(untyped, OBJ_CNODE, 4, root_node(), node, 1));
	CHECK_OK(sel4_untyped_retype(untyped, OBJ_ENDPOINT, 0, root_node(), object, 1));
	for (word_t i = 0; i < 16; i++)
		CHECK_OK(sel4_cnode_copy(at(node, i, 4), slot(object), RIGHTS_ALL));
	CHECK_OK(sel4_cnode_delete(slot(object)));
	CHECK_OK(sel4_cnode_delete(slot(node)));
	/* The untyped is childless again: it can be copied. */
	CHECK_OK(sel4_cnode_copy(slot(slot_new()), slot(untyped), RIGHTS_ALL));
}

TEST(cdt_deleting_one_of_two_cnode_capabilities_keeps_the_contents)
{
	cptr_t node = cnode_new(4), copy = cap_copy(node, RIGHTS_ALL);
	CHECK_OK(sel4_cnode_copy(at(node, 1, 4), slot(endpoint_new()), RIGHTS_ALL));
	CHECK_OK(sel4_cnode_delete(slot(node)));
	CHECK(!is_empty(at(copy, 1, 4)));
}

/* The untyped lets itself be copied only if everything made from it is gone. */
static void check_childless(cptr_t untyped)
{
	CHECK_OK(sel4_cnode_copy(slot(slot_new()), slot(untyped), RIGHTS_ALL));
}

TEST(cdt_cnode_that_holds_itself)
{
	cptr_t untyped = untyped_new(16), node = slot_new();
	CHECK_OK(sel4_untyped_retype(untyped, OBJ_CNODE, 4, root_node(), node, 1));
	CHECK_OK(sel4_cnode_copy(at(node, 3, 4), slot(node), RIGHTS_ALL));
	/* The copy within keeps it alive: a leak, but for the untyped. */
	CHECK_OK(sel4_cnode_delete(slot(node)));
	CHECK_ERR(sel4_cnode_copy(slot(slot_new()), slot(untyped), RIGHTS_ALL), ERR_REVOKE_FIRST);
	CHECK_OK(sel4_cnode_revoke(slot(untyped)));
	check_childless(untyped);
}

TEST(cdt_cnode_whose_last_capability_is_inside)
{
	cptr_t untyped = untyped_new(16), node = slot_new();
	CHECK_OK(sel4_untyped_retype(untyped, OBJ_CNODE, 4, root_node(), node, 1));
	for (word_t i = 1; i < 16; i += 2)
		CHECK_OK(sel4_cnode_copy(at(node, i, 4), slot(node), RIGHTS_ALL));
	CHECK_OK(sel4_cnode_move(at(node, 0, 4), slot(node)));
	CHECK_OK(sel4_cnode_revoke(slot(untyped)));
	check_childless(untyped);
}

TEST(cdt_two_cnodes_that_hold_each_other)
{
	cptr_t untyped = untyped_new(16), a = slot_new(), b = slot_new();
	CHECK_OK(sel4_untyped_retype(untyped, OBJ_CNODE, 4, root_node(), a, 1));
	CHECK_OK(sel4_untyped_retype(untyped, OBJ_CNODE, 4, root_node(), b, 1));
	for (word_t i = 0; i < 8; i++) {
		CHECK_OK(sel4_cnode_copy(at(a, i, 4), slot(b), RIGHTS_ALL));
		CHECK_OK(sel4_cnode_copy(at(b, i, 4), slot(a), RIGHTS_ALL));
	}
	CHECK_OK(sel4_cnode_delete(slot(a)));
	CHECK_OK(sel4_cnode_delete(slot(b)));
	CHECK_OK(sel4_cnode_revoke(slot(untyped)));
	check_childless(untyped);
}

/*
 * A CNode whose last capability lies in a CNode that is deleted is not emptied: only its first
 * slot is (where the kernel keeps what is left of it); the rest is there until its untyped is
 * revoked.
 */
TEST(cdt_deleting_the_outer_of_two_cnodes)
{
	cptr_t untyped = untyped_new(16), outer = slot_new(), inner = slot_new();
	cptr_t first = notification_new(), second = notification_new();
	CHECK_OK(sel4_untyped_retype(untyped, OBJ_CNODE, 2, root_node(), outer, 1));
	CHECK_OK(sel4_untyped_retype(untyped, OBJ_CNODE, 2, root_node(), inner, 1));
	CHECK_OK(sel4_cnode_copy(at(inner, 0, 2), slot(first), RIGHTS_ALL));
	CHECK_OK(sel4_cnode_copy(at(inner, 1, 2), slot(second), RIGHTS_ALL));
	CHECK_OK(sel4_cnode_move(at(outer, 1, 2), slot(inner)));
	/* Bound notifications show which of the two capabilities go: the last one unbinds. */
	cptr_t first_tcb = tcb_new(), second_tcb = tcb_new();
	CHECK_OK(sel4_tcb_bind_notification(first_tcb, first));
	CHECK_OK(sel4_tcb_bind_notification(second_tcb, second));
	CHECK_OK(sel4_cnode_delete(slot(first)));
	CHECK_OK(sel4_cnode_delete(slot(second)));
	CHECK_OK(sel4_cnode_delete(slot(outer)));
	CHECK_ERR(sel4_tcb_unbind_notification(first_tcb), ERR_ILLEGAL_OPERATION);
	CHECK_ERR(sel4_cnode_copy(slot(slot_new()), slot(untyped), RIGHTS_ALL), ERR_REVOKE_FIRST);
	CHECK_OK(sel4_cnode_revoke(slot(untyped)));
	CHECK_ERR(sel4_tcb_unbind_notification(second_tcb), ERR_ILLEGAL_OPERATION);
	check_childless(untyped);
}

TEST(cdt_the_inner_of_two_cnodes_outlives_the_outer)
{
	cptr_t untyped = untyped_new(16), outer = slot_new(), inner = slot_new();
	cptr_t second = notification_new(), second_tcb = tcb_new();
	CHECK_OK(sel4_untyped_retype(untyped, OBJ_CNODE, 2, root_node(), outer, 1));
	CHECK_OK(sel4_untyped_retype(untyped, OBJ_CNODE, 2, root_node(), inner, 1));
	CHECK_OK(sel4_cnode_copy(at(inner, 1, 2), slot(second), RIGHTS_ALL));
	CHECK_OK(sel4_cnode_move(at(outer, 1, 2), slot(inner)));
	CHECK_OK(sel4_tcb_bind_notification(second_tcb, second));
	CHECK_OK(sel4_cnode_delete(slot(second)));
	CHECK_OK(sel4_cnode_delete(slot(outer)));
	CHECK_OK(sel4_tcb_unbind_notification(second_tcb));
}

TEST(cdt_revoking_a_chain_of_cnodes)
{
	enum { LENGTH = 40 };
	cptr_t untyped = untyped_new(16), nodes = slot_new_range(LENGTH);
	CHECK_OK(sel4_untyped_retype(untyped, OBJ_CNODE, 2, root_node(), nodes, LENGTH));
	for (cptr_t n = nodes + LENGTH - 1; n > nodes; n--)
		CHECK_OK(sel4_cnode_move(at(n - 1, n & 3, 2), slot(n)));
	CHECK_OK(sel4_cnode_delete(slot(nodes)));
	CHECK_OK(sel4_cnode_revoke(slot(untyped)));
	check_childless(untyped);
}

TEST(cdt_deleting_a_ring_of_cnodes)
{
	enum { LENGTH = 17 };
	cptr_t untyped = untyped_new(16), nodes = slot_new_range(LENGTH);
	CHECK_OK(sel4_untyped_retype(untyped, OBJ_CNODE, 2, root_node(), nodes, LENGTH));
	for (cptr_t i = 0; i < LENGTH; i++)
		CHECK_OK(sel4_cnode_copy(at(nodes + i, i & 3, 2), slot(nodes + (i + 1) % LENGTH),
		                         RIGHTS_ALL));
	for (cptr_t i = 0; i < LENGTH; i++)
		CHECK_OK(sel4_cnode_delete(slot(nodes + i)));
	CHECK_OK(sel4_cnode_revoke(slot(untyped)));
	check_childless(untyped);
}

TEST(cdt_deleting_a_big_full_cnode)
{
	enum { RADIX = 11 };
	cptr_t untyped = untyped_new(17), node = slot_new(), ep = slot_new();
	CHECK_OK(sel4_untyped_retype(untyped, OBJ_CNODE, RADIX, root_node(), node, 1));
	CHECK_OK(sel4_untyped_retype(untyped, OBJ_ENDPOINT, 0, root_node(), ep, 1));
	for (word_t i = 0; i < 1 << RADIX; i++)
		CHECK_OK(sel4_cnode_mint(at(node, i, RADIX), slot(ep), RIGHTS_ALL, i + 1));
	CHECK_OK(sel4_cnode_delete(slot(node)));
	CHECK_OK(sel4_cnode_delete(slot(ep)));
	check_childless(untyped);
}

TEST(cdt_revoke_of_many_badges)
{
	enum { RADIX = 10 };
	cptr_t node = cnode_new(RADIX), ep = endpoint_new();
	for (word_t i = 0; i < 1 << RADIX; i++)
		CHECK_OK(sel4_cnode_mint(at(node, i, RADIX), slot(ep), RIGHTS_ALL, i % 5));
	CHECK_OK(sel4_cnode_revoke(slot(ep)));
	for (word_t i = 0; i < 1 << RADIX; i++)
		CHECK(is_empty(at(node, i, RADIX)));
}

/* TCBs hold capabilities of their own: spaces, fault handler, IPC buffer. */

TEST(cdt_a_tcb_keeps_its_cnode_alive)
{
	cptr_t node = cnode_new(4), tcb = tcb_new();
	CHECK_OK(sel4_cnode_copy(at(node, 1, 4), slot(endpoint_new()), RIGHTS_ALL));
	cptr_t copy = cap_copy(node, RIGHTS_ALL);
	CHECK_OK(sel4_tcb_set_space(tcb, slot_new(), node, 0, INIT_VSPACE, 0));
	CHECK_OK(sel4_cnode_delete(slot(copy)));
	/* Revoke deletes the TCB's own copy too; the original stays. */
	CHECK_OK(sel4_cnode_revoke(slot(node)));
	CHECK(!is_empty(at(node, 1, 4)));
}

TEST(cdt_deleting_a_tcb_deletes_its_capabilities)
{
	cptr_t untyped = untyped_new(16), node = slot_new(), tcb = slot_new(), ep = slot_new();
	CHECK_OK(sel4_untyped_retype(untyped, OBJ_CNODE, 4, root_node(), node, 1));
	CHECK_OK(sel4_untyped_retype(untyped, OBJ_TCB, 0, root_node(), tcb, 1));
	CHECK_OK(sel4_untyped_retype(untyped, OBJ_ENDPOINT, 0, root_node(), ep, 1));
	CHECK_OK(sel4_tcb_set_space(tcb, ep, node, 0, INIT_VSPACE, 0));
	CHECK_OK(sel4_tcb_set_timeout_endpoint(tcb, ep));
	CHECK_OK(sel4_cnode_delete(slot(ep)));
	CHECK_OK(sel4_cnode_delete(slot(tcb)));
	CHECK_ERR(sel4_cnode_copy(slot(slot_new()), slot(untyped), RIGHTS_ALL), ERR_REVOKE_FIRST);
	CHECK_OK(sel4_cnode_delete(slot(node)));
	check_childless(untyped);
}

TEST(cdt_tcb_in_its_own_cspace)
{
	cptr_t untyped = untyped_new(16), node = slot_new(), tcb = slot_new();
	CHECK_OK(sel4_untyped_retype(untyped, OBJ_CNODE, 4, root_node(), node, 1));
	CHECK_OK(sel4_untyped_retype(untyped, OBJ_TCB, 0, root_node(), tcb, 1));
	CHECK_OK(sel4_tcb_set_space(tcb, slot_new(), node, 0, INIT_VSPACE, 0));
	CHECK_OK(sel4_cnode_move(at(node, 1, 4), slot(node)));
	CHECK_OK(sel4_cnode_move(slot(node), slot(tcb)));
	CHECK_OK(sel4_cnode_delete(slot(node)));
	CHECK_OK(sel4_cnode_revoke(slot(untyped)));
	check_childless(untyped);
}

static cptr_t own_tcb, own_node;

static word_t delete_myself(word_t arg)
{
	(void)arg;
	return sel4_cnode_delete(slot(own_tcb));
}

TEST(cdt_a_thread_deletes_its_last_tcb_capability)
{
	struct thread *t = thread_new(&(struct thread_options){ .priority = 90 });
	cptr_t object = notification_new();
	struct thread *after = thread_new(&(struct thread_options){ .priority = 80 });
	own_tcb = t->tcb;
	thread_start(t, delete_myself, object);
	/* A second thread runs when the first is gone. */
	thread_start(after, delete_myself, 0);
	own_tcb = t->tcb;
	CHECK_EQ(thread_join(after), ERR_NONE);
	CHECK(!t->done);
	CHECK(slot_is_empty(t->tcb));
}

static word_t revoke_my_cspace(word_t arg)
{
	(void)arg;
	return sel4_cnode_revoke(slot(own_node));
}

/* Afterwards its CSpace is empty: the reply still reaches it, the next call is a cap fault. */
TEST(cdt_a_thread_revokes_its_own_cspace)
{
	cptr_t faults = endpoint_new(), reply = reply_new(), untyped = untyped_new(16);
	own_node = slot_new();
	CHECK_OK(sel4_untyped_retype(untyped, OBJ_CNODE, 4, root_node(), own_node, 1));
	CHECK_OK(sel4_cnode_mint(at(own_node, 0, 4), slot(INIT_CNODE), RIGHTS_ALL,
	                         abi_cnode_guard(0, 47)));
	cptr_t space = cap_mint(own_node, RIGHTS_ALL, abi_cnode_guard(0, 0));
	struct thread *t = thread_new(&(struct thread_options){ .fault_ep = faults });
	CHECK_OK(sel4_tcb_set_space(t->tcb, faults, space, 0, INIT_VSPACE, 0));
	thread_start(t, revoke_my_cspace, 0);
	struct sel4_msg m = sel4_recv(faults, reply);
	CHECK_EQ(abi_msginfo_label(m.info), FAULT_CAP);
	CHECK_EQ(abi_msginfo_length(m.info), 4);
	CHECK_EQ(m.mr[1], t->exited);
	CHECK_EQ(m.mr[2], 0);
	CHECK_EQ(m.mr[3], LOOKUP_INVALID_ROOT);
	CHECK_EQ(t->result, ERR_NONE);
}

/* Control objects: what was issued hangs below them. */

TEST(cdt_revoke_of_asid_pool_and_domain_copies)
{
	cptr_t pool = cap_copy(INIT_ASID_POOL, 0), domain = cap_copy(INIT_DOMAIN, 0);
	cptr_t control = cap_copy(INIT_ASID_CONTROL, 0), tcb = cap_copy(INIT_TCB, 0);
	CHECK_OK(sel4_cnode_revoke(slot(INIT_ASID_POOL)));
	CHECK_OK(sel4_cnode_revoke(slot(INIT_DOMAIN)));
	CHECK_OK(sel4_cnode_revoke(slot(INIT_ASID_CONTROL)));
	CHECK(slot_is_empty(pool));
	CHECK(slot_is_empty(domain));
	CHECK(slot_is_empty(control));
	CHECK_OK(sel4_cnode_revoke(slot(tcb)));
	CHECK(!slot_is_empty(tcb));
}

TEST(cdt_revoke_and_delete_truncated)
{
	cptr_t ep = endpoint_new();
	for (word_t words = 0; words < 2; words++) {
		CHECK_ERR(invoke(INIT_CNODE, INV_CNODE_REVOKE, 0, words, ep, 64, 0, 0),
		          ERR_TRUNCATED_MESSAGE);
		CHECK_ERR(invoke(INIT_CNODE, INV_CNODE_DELETE, 0, words, ep, 64, 0, 0),
		          ERR_TRUNCATED_MESSAGE);
	}
	CHECK(!slot_is_empty(ep));
}

TEST(cdt_revoke_lookup)
{
	CHECK_ERR(sel4_cnode_revoke(at(INIT_CNODE, 0, 0)), ERR_RANGE, 1, 64);
	CHECK_ERR(sel4_cnode_revoke(at(INIT_CNODE, 0, 13)), ERR_FAILED_LOOKUP, AT_DEST,
	          WORDS_GUARD(13, 0, 51));
}

/* Deleting frames, tables and address spaces unmaps them: see vspace.c. */
