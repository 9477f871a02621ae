/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * How CNode operations find their slots: depth, guard and root failures with all their words, in
 * the order in which the kernel finds them. seL4 manual, sections 3.3 and 10.1.
 */
#include "api.h"

enum { RADIX = 4 };

TEST(cnode_lookup_in_a_node_of_its_own)
{
	cptr_t node = cnode_new(RADIX);
	CHECK_OK(sel4_cnode_copy(at(node, 3, RADIX), slot(endpoint_new()), RIGHTS_ALL));
	CHECK(!is_empty(at(node, 3, RADIX)));
	CHECK(is_empty(at(node, 2, RADIX)));
}

TEST(cnode_lookup_ignores_index_bits_above_the_depth)
{
	cptr_t node = cnode_new(RADIX);
	CHECK_OK(sel4_cnode_copy(at(node, 0xabc3, RADIX), slot(endpoint_new()), RIGHTS_ALL));
	CHECK(!is_empty(at(node, 3, RADIX)));
}

TEST(cnode_lookup_depth_0)
{
	cptr_t node = cnode_new(RADIX);
	CHECK_ERR(sel4_cnode_delete(at(node, 0, 0)), ERR_RANGE, 1, ABI_WORD_BITS);
}

TEST(cnode_lookup_depth_65)
{
	cptr_t node = cnode_new(RADIX);
	CHECK_ERR(sel4_cnode_delete(at(node, 0, 65)), ERR_RANGE, 1, ABI_WORD_BITS);
}

TEST(cnode_lookup_depth_is_a_whole_word)
{
	cptr_t node = cnode_new(RADIX);
	CHECK_ERR(sel4_cnode_delete(at(node, 0, 1ull << 32 | RADIX)), ERR_RANGE, 1, ABI_WORD_BITS);
	CHECK_ERR(sel4_cnode_delete(at(node, 0, ~0ull)), ERR_RANGE, 1, ABI_WORD_BITS);
}

TEST(cnode_lookup_depth_below_the_radix)
{
	cptr_t node = cnode_new(RADIX);
	CHECK_ERR(sel4_cnode_delete(at(node, 0, RADIX - 1)), ERR_FAILED_LOOKUP, AT_DEST,
	          WORDS_DEPTH(RADIX - 1, RADIX));
	CHECK_ERR(sel4_cnode_delete(at(node, 0, 1)), ERR_FAILED_LOOKUP, AT_DEST,
	          WORDS_DEPTH(1, RADIX));
}

TEST(cnode_lookup_depth_beyond_an_empty_slot)
{
	cptr_t node = cnode_new(RADIX);
	CHECK_ERR(sel4_cnode_delete(at(node, 0, RADIX + 1)), ERR_FAILED_LOOKUP, AT_DEST,
	          WORDS_DEPTH(1, 0));
	CHECK_ERR(sel4_cnode_delete(at(node, 0, 64)), ERR_FAILED_LOOKUP, AT_DEST,
	          WORDS_DEPTH(64 - RADIX, 0));
}

TEST(cnode_lookup_depth_beyond_another_object)
{
	cptr_t node = cnode_new(RADIX);
	CHECK_OK(sel4_cnode_copy(at(node, 3, RADIX), slot(endpoint_new()), RIGHTS_ALL));
	CHECK_ERR(sel4_cnode_delete(at(node, 3 << 5, RADIX + 5)), ERR_FAILED_LOOKUP, AT_DEST,
	          WORDS_DEPTH(5, 0));
}

TEST(cnode_lookup_through_two_levels)
{
	cptr_t outer = cnode_new(RADIX), inner = cnode_new(3);
	CHECK_OK(sel4_cnode_copy(at(outer, 9, RADIX), slot(inner), RIGHTS_ALL));
	CHECK_OK(sel4_cnode_copy(at(outer, 9 << 3 | 5, RADIX + 3), slot(endpoint_new()),
	                         RIGHTS_ALL));
	CHECK(!is_empty(at(inner, 5, 3)));
	/* A depth that ends at the first level names the slot of the inner node's capability. */
	CHECK(!is_empty(at(outer, 9, RADIX)));
}

TEST(cnode_lookup_second_level_too_deep)
{
	cptr_t outer = cnode_new(RADIX), inner = cnode_new(3);
	CHECK_OK(sel4_cnode_copy(at(outer, 9, RADIX), slot(inner), RIGHTS_ALL));
	CHECK_ERR(sel4_cnode_delete(at(outer, 9 << 2, RADIX + 2)), ERR_FAILED_LOOKUP, AT_DEST,
	          WORDS_DEPTH(2, 3));
	CHECK_ERR(sel4_cnode_delete(at(outer, 9 << 5, RADIX + 5)), ERR_FAILED_LOOKUP, AT_DEST,
	          WORDS_DEPTH(2, 0));
}

TEST(cnode_lookup_through_a_guard)
{
	cptr_t node = cnode_new(RADIX);
	cptr_t guarded = cap_mint(node, RIGHTS_ALL, abi_cnode_guard(5, 3));
	CHECK_OK(sel4_cnode_copy(at(guarded, 5 << RADIX | 2, 3 + RADIX), slot(endpoint_new()),
	                         RIGHTS_ALL));
	CHECK(!is_empty(at(node, 2, RADIX)));
}

TEST(cnode_lookup_wrong_guard)
{
	cptr_t guarded = cap_mint(cnode_new(RADIX), RIGHTS_ALL, abi_cnode_guard(5, 3));
	CHECK_ERR(sel4_cnode_delete(at(guarded, 4 << RADIX, 3 + RADIX)), ERR_FAILED_LOOKUP, AT_DEST,
	          WORDS_GUARD(3 + RADIX, 5, 3));
	CHECK_ERR(sel4_cnode_delete(at(guarded, 0, 64)), ERR_FAILED_LOOKUP, AT_DEST,
	          WORDS_GUARD(64, 5, 3));
}

TEST(cnode_lookup_depth_below_the_guard)
{
	cptr_t guarded = cap_mint(cnode_new(RADIX), RIGHTS_ALL, abi_cnode_guard(5, 3));
	CHECK_ERR(sel4_cnode_delete(at(guarded, 1, 2)), ERR_FAILED_LOOKUP, AT_DEST,
	          WORDS_GUARD(2, 5, 3));
}

TEST(cnode_lookup_depth_ends_after_the_guard)
{
	cptr_t guarded = cap_mint(cnode_new(RADIX), RIGHTS_ALL, abi_cnode_guard(5, 3));
	CHECK_ERR(sel4_cnode_delete(at(guarded, 5, 3)), ERR_FAILED_LOOKUP, AT_DEST,
	          WORDS_DEPTH(3, 3 + RADIX));
	CHECK_ERR(sel4_cnode_delete(at(guarded, 5 << 3, 6)), ERR_FAILED_LOOKUP, AT_DEST,
	          WORDS_DEPTH(6, 3 + RADIX));
}

TEST(cnode_lookup_second_level_wrong_guard)
{
	cptr_t outer = cnode_new(RADIX);
	CHECK_OK(sel4_cnode_mint(at(outer, 1, RADIX), slot(cnode_new(2)), RIGHTS_ALL,
	                         abi_cnode_guard(0x2a, 6)));
	CHECK_OK(sel4_cnode_delete(at(outer, 1 << 8 | 0x2a << 2 | 3, RADIX + 8)));
	CHECK_ERR(sel4_cnode_delete(at(outer, 1 << 8 | 0x2b << 2 | 3, RADIX + 8)),
	          ERR_FAILED_LOOKUP, AT_DEST, WORDS_GUARD(8, 0x2a, 6));
}

TEST(cnode_lookup_guard_of_58_bits)
{
	word_t guard = 0x2aaaaaaaaaaaaaaull; /* 58 bits */
	cptr_t guarded = cap_mint(cnode_new(RADIX), RIGHTS_ALL, abi_cnode_guard(guard, 58));
	CHECK_OK(sel4_cnode_delete(at(guarded, guard << RADIX | 3, 62)));
	CHECK_ERR(sel4_cnode_delete(at(guarded, 3, 62)), ERR_FAILED_LOOKUP, AT_DEST,
	          WORDS_GUARD(62, guard, 58));
}

TEST(cnode_lookup_root_cnode_guard)
{
	/* Guard of the initial CNode: 51 bits of zero. */
	cptr_t ep = endpoint_new();
	CHECK(!is_empty(at(INIT_CNODE, ep, 64)));
	CHECK_ERR(sel4_cnode_delete(at(INIT_CNODE, ep, 63)), ERR_FAILED_LOOKUP, AT_DEST,
	          WORDS_DEPTH(63, 64));
	CHECK_ERR(sel4_cnode_delete(at(INIT_CNODE, ep | 1 << 13, 64)), ERR_FAILED_LOOKUP, AT_DEST,
	          WORDS_GUARD(64, 0, 51));
	CHECK_ERR(sel4_cnode_delete(at(INIT_CNODE, ep, 13)), ERR_FAILED_LOOKUP, AT_DEST,
	          WORDS_GUARD(13, 0, 51));
}

TEST(cnode_lookup_source_root_no_cnode)
{
	cptr_t ep = endpoint_new();
	CHECK_ERR(sel4_cnode_copy(slot(slot_new()), at(ep, 0, 64), RIGHTS_ALL), ERR_FAILED_LOOKUP,
	          AT_SOURCE, WORDS_INVALID_ROOT);
}

TEST(cnode_lookup_source_root_empty)
{
	CHECK_ERR(sel4_cnode_copy(slot(slot_new()), at(slot_new(), 0, 64), RIGHTS_ALL),
	          ERR_FAILED_LOOKUP, AT_SOURCE, WORDS_INVALID_ROOT);
}

TEST(cnode_lookup_source_depth)
{
	cptr_t node = cnode_new(RADIX);
	struct sel4_slot dest = slot(slot_new());
	CHECK_ERR(sel4_cnode_copy(dest, at(node, 0, 0), RIGHTS_ALL), ERR_RANGE, 1, 64);
	CHECK_ERR(sel4_cnode_copy(dest, at(node, 0, 65), RIGHTS_ALL), ERR_RANGE, 1, 64);
	CHECK_ERR(sel4_cnode_copy(dest, at(node, 0, 3), RIGHTS_ALL), ERR_FAILED_LOOKUP, AT_SOURCE,
	          WORDS_DEPTH(3, RADIX));
	CHECK_ERR(sel4_cnode_copy(dest, at(node, 0, 7), RIGHTS_ALL), ERR_FAILED_LOOKUP, AT_SOURCE,
	          WORDS_DEPTH(3, 0));
}

TEST(cnode_lookup_source_guard)
{
	cptr_t guarded = cap_mint(cnode_new(RADIX), RIGHTS_ALL, abi_cnode_guard(5, 3));
	CHECK_ERR(sel4_cnode_move(slot(slot_new()), at(guarded, 0, 7)), ERR_FAILED_LOOKUP,
	          AT_SOURCE, WORDS_GUARD(7, 5, 3));
}

TEST(cnode_lookup_source_empty)
{
	cptr_t node = cnode_new(RADIX);
	struct sel4_slot dest = slot(slot_new());
	CHECK_ERR(sel4_cnode_copy(dest, at(node, 1, RADIX), RIGHTS_ALL), ERR_FAILED_LOOKUP,
	          AT_SOURCE, WORDS_MISSING(RADIX));
	CHECK_ERR(sel4_cnode_mint(dest, at(node, 1, RADIX), RIGHTS_ALL, 1), ERR_FAILED_LOOKUP,
	          AT_SOURCE, WORDS_MISSING(RADIX));
	CHECK_ERR(sel4_cnode_move(dest, at(node, 1, RADIX)), ERR_FAILED_LOOKUP, AT_SOURCE,
	          WORDS_MISSING(RADIX));
	CHECK_ERR(sel4_cnode_mutate(dest, at(node, 1, RADIX), 0), ERR_FAILED_LOOKUP, AT_SOURCE,
	          WORDS_MISSING(RADIX));
	CHECK_ERR(sel4_cnode_copy(dest, slot(slot_new()), RIGHTS_ALL), ERR_FAILED_LOOKUP, AT_SOURCE,
	          WORDS_MISSING(64));
}

TEST(cnode_lookup_dest_occupied)
{
	cptr_t full = endpoint_new(), ep = endpoint_new();
	CHECK_ERR(sel4_cnode_copy(slot(full), slot(ep), RIGHTS_ALL), ERR_DELETE_FIRST);
	CHECK_ERR(sel4_cnode_mint(slot(full), slot(ep), RIGHTS_ALL, 1), ERR_DELETE_FIRST);
	CHECK_ERR(sel4_cnode_move(slot(full), slot(ep)), ERR_DELETE_FIRST);
	CHECK_ERR(sel4_cnode_mutate(slot(full), slot(ep), 0), ERR_DELETE_FIRST);
}

TEST(cnode_lookup_dest_comes_before_source)
{
	cptr_t node = cnode_new(RADIX), full = endpoint_new();
	CHECK_ERR(sel4_cnode_copy(at(node, 0, 0), at(full, 0, 0), RIGHTS_ALL), ERR_RANGE, 1, 64);
	CHECK_ERR(sel4_cnode_copy(slot(full), at(full, 0, 0), RIGHTS_ALL), ERR_DELETE_FIRST);
	/* InvalidRoot comes before the depth is looked at. */
	CHECK_ERR(sel4_cnode_copy(slot(slot_new()), at(full, 0, 0), RIGHTS_ALL), ERR_FAILED_LOOKUP,
	          AT_SOURCE, WORDS_INVALID_ROOT);
}

TEST(cnode_lookup_within_itself)
{
	cptr_t node = cnode_new(RADIX);
	CHECK_OK(sel4_cnode_copy(at(node, 0, RADIX), slot(node), RIGHTS_ALL));
	CHECK_OK(sel4_cnode_copy(at(node, 0x0007, 16), slot(endpoint_new()), RIGHTS_ALL));
	CHECK(!is_empty(at(node, 7, RADIX)));
}

/* The caller's own CSpace: an address that does not resolve is a cap fault of the caller. */

static word_t send_to(word_t cap)
{
	sel4_send(cap, (struct sel4_msg){ abi_msginfo(7, 0, 0, 0), { 0 }, 0 });
	return 1;
}

static void check_send_faults(word_t cap, const word_t *words, word_t count)
{
	cptr_t faults = endpoint_new(), reply = reply_new();
	struct thread *t = thread_new(&(struct thread_options){ .fault_ep = faults });
	thread_start(t, send_to, cap);
	struct sel4_msg m = sel4_recv(faults, reply);
	CHECK_EQ(m.info, abi_msginfo(FAULT_CAP, 0, 0, 3 + count));
	CHECK_EQ(m.mr[1], cap);
	CHECK_EQ(m.mr[2], 0);
	CHECK_EQ(m.mr[3], words[0]);
	for (unsigned int i = 1; i < count; i++)
		CHECK_EQ(sel4_get_word(3 + i), words[i]);
}

TEST(cnode_lookup_of_an_invoked_cptr_beyond_the_guard)
{
	word_t words[] = { WORDS_GUARD(64, 0, 51) };
	check_send_faults(1 << 13, words, 4);
	check_send_faults(~0ull, words, 4);
}

TEST(cnode_lookup_of_an_invoked_empty_slot_is_no_fault)
{
	struct thread *t = thread_run(send_to, slot_new());
	CHECK_EQ(thread_join(t), 1);
}
