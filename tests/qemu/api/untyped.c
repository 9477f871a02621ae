/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Untyped_Retype: every type and size, where objects come to lie, where their capabilities go,
 * and every refusal. seL4 manual, sections 2.4 and 10.3.1.
 *
 * Where an object lies is seen by the physical address of a frame made at that place.
 */
#include "api.h"

static enum abi_error retype(cptr_t untyped, word_t type, word_t bits)
{
	return sel4_untyped_retype(untyped, type, bits, root_node(), slot_new(), 1);
}

/* Makes a frame and says where it lies. */
static word_t frame_address(cptr_t untyped, cptr_t *frame)
{
	cptr_t f = slot_new();
	word_t paddr = 0;
	CHECK_OK(sel4_untyped_retype(untyped, OBJ_X86_4K_PAGE, 0, root_node(), f, 1));
	CHECK_OK(sel4_x86_page_get_address(f, &paddr));
	if (frame)
		*frame = f;
	return paddr;
}

/* The physical address of a childless untyped of at least 4 KiB. */
static word_t base_of(cptr_t untyped)
{
	word_t paddr = frame_address(untyped, NULL);
	CHECK_OK(sel4_cnode_revoke(slot(untyped)));
	return paddr;
}

/* Bytes left, as the kernel says when too much is asked for. */
static word_t bytes_left(cptr_t untyped)
{
	enum abi_error err = retype(untyped, OBJ_UNTYPED, ABI_UNTYPED_BITS_MAX);
	CHECK_EQ(err, ERR_NOT_ENOUGH_MEMORY);
	return sel4_get_word(0);
}

/* Sizes */

static const struct {
	enum abi_object type;
	word_t bits_argument, size_bits;
} sizes[] = {
	{ OBJ_UNTYPED, 4, 4 },         { OBJ_UNTYPED, 12, 12 },
	{ OBJ_UNTYPED, 22, 22 },       { OBJ_TCB, 0, 11 },
	{ OBJ_ENDPOINT, 0, 4 },        { OBJ_NOTIFICATION, 0, 6 },
	{ OBJ_CNODE, 1, 6 },           { OBJ_CNODE, 2, 7 },
	{ OBJ_CNODE, 8, 13 },          { OBJ_CNODE, 14, 19 },
	{ OBJ_SCHED_CONTEXT, 7, 7 },   { OBJ_SCHED_CONTEXT, 8, 8 },
	{ OBJ_SCHED_CONTEXT, 12, 12 }, { OBJ_REPLY, 0, 5 },
	{ OBJ_X86_PDPT, 0, 12 },       { OBJ_X86_PML4, 0, 12 },
	{ OBJ_X86_4K_PAGE, 0, 12 },    { OBJ_X86_LARGE_PAGE, 0, 21 },
	{ OBJ_X86_PAGE_TABLE, 0, 12 }, { OBJ_X86_PAGE_DIRECTORY, 0, 12 },
};
enum { SIZES = sizeof sizes / sizeof sizes[0] };

TEST(untyped_retype_object_sizes)
{
	cptr_t untyped = untyped_new(22);
	for (int i = 0; i < SIZES; i++) {
		CHECK_OK(retype(untyped, sizes[i].type, sizes[i].bits_argument));
		CHECK_EQ(bytes_left(untyped), (1 << 22) - (1ull << sizes[i].size_bits));
		CHECK_OK(sel4_cnode_revoke(slot(untyped)));
	}
}

TEST(untyped_retype_fills_an_untyped_exactly)
{
	for (int i = 0; i < SIZES; i++) {
		cptr_t untyped = untyped_new(sizes[i].size_bits);
		CHECK_OK(retype(untyped, sizes[i].type, sizes[i].bits_argument));
		CHECK_ERR(retype(untyped, sizes[i].type, sizes[i].bits_argument),
		          ERR_NOT_ENOUGH_MEMORY, 0);
	}
}

TEST(untyped_retype_too_small_an_untyped)
{
	for (int i = 0; i < SIZES; i++) {
		if (sizes[i].size_bits == ABI_UNTYPED_BITS_MIN)
			continue;
		word_t bits = sizes[i].size_bits - 1;
		cptr_t untyped = untyped_new(bits);
		CHECK_ERR(retype(untyped, sizes[i].type, sizes[i].bits_argument),
		          ERR_NOT_ENOUGH_MEMORY, 1ull << bits);
	}
}

/* The size is ignored where the type fixes it, but must be below 64. */
TEST(untyped_retype_size_of_a_fixed_type)
{
	cptr_t untyped = untyped_new(16);
	CHECK_OK(retype(untyped, OBJ_ENDPOINT, 63));
	CHECK_EQ(bytes_left(untyped), (1 << 16) - 16);
	CHECK_OK(retype(untyped, OBJ_TCB, 48));
	CHECK_ERR(retype(untyped, OBJ_ENDPOINT, 64), ERR_RANGE, 0, ABI_UNTYPED_BITS_MAX);
	CHECK_ERR(retype(untyped, OBJ_X86_4K_PAGE, ~0ull), ERR_RANGE, 0, ABI_UNTYPED_BITS_MAX);
}

TEST(untyped_retype_size_out_of_range)
{
	cptr_t untyped = untyped_new(16);
	CHECK_ERR(retype(untyped, OBJ_UNTYPED, 48), ERR_RANGE, 0, ABI_UNTYPED_BITS_MAX);
	CHECK_ERR(retype(untyped, OBJ_UNTYPED, 64), ERR_RANGE, 0, ABI_UNTYPED_BITS_MAX);
	CHECK_ERR(retype(untyped, OBJ_UNTYPED, ~0ull), ERR_RANGE, 0, ABI_UNTYPED_BITS_MAX);
	CHECK_ERR(retype(untyped, OBJ_CNODE, 43), ERR_RANGE, 0, ABI_UNTYPED_BITS_MAX);
	CHECK_ERR(retype(untyped, OBJ_CNODE, ~0ull - 3), ERR_RANGE, 0, ABI_UNTYPED_BITS_MAX);
	CHECK_ERR(retype(untyped, OBJ_SCHED_CONTEXT, 48), ERR_RANGE, 0, ABI_UNTYPED_BITS_MAX);
	CHECK_ERR(retype(untyped, OBJ_UNTYPED, 47), ERR_NOT_ENOUGH_MEMORY, 1 << 16);
	CHECK_ERR(retype(untyped, OBJ_CNODE, 42), ERR_NOT_ENOUGH_MEMORY, 1 << 16);
}

TEST(untyped_retype_size_too_small)
{
	cptr_t untyped = untyped_new(16);
	for (word_t bits = 0; bits < ABI_UNTYPED_BITS_MIN; bits++)
		CHECK_ERR(retype(untyped, OBJ_UNTYPED, bits), ERR_INVALID_ARGUMENT, 1);
	CHECK_ERR(retype(untyped, OBJ_CNODE, 0), ERR_INVALID_ARGUMENT, 1);
	for (word_t bits = 0; bits < ABI_SCHED_CONTEXT_BITS_MIN; bits++)
		CHECK_ERR(retype(untyped, OBJ_SCHED_CONTEXT, bits), ERR_INVALID_ARGUMENT, 1);
}

TEST(untyped_retype_unknown_type)
{
	cptr_t untyped = untyped_new(16);
	CHECK_ERR(retype(untyped, OBJ_COUNT, 0), ERR_INVALID_ARGUMENT, 0);
	CHECK_ERR(retype(untyped, OBJ_COUNT + 1, 12), ERR_INVALID_ARGUMENT, 0);
	CHECK_ERR(retype(untyped, 1ull << 32, 12), ERR_INVALID_ARGUMENT, 0);
	CHECK_ERR(retype(untyped, ~0ull, 12), ERR_INVALID_ARGUMENT, 0);
}

/* Counts */

TEST(untyped_retype_count)
{
	cptr_t untyped = untyped_new(16), slots = slot_new_range(257);
	CHECK_ERR(sel4_untyped_retype(untyped, OBJ_ENDPOINT, 0, root_node(), slots, 0), ERR_RANGE,
	          1, ABI_RETYPE_MAX);
	CHECK_ERR(sel4_untyped_retype(untyped, OBJ_ENDPOINT, 0, root_node(), slots, 257), ERR_RANGE,
	          1, ABI_RETYPE_MAX);
	CHECK_ERR(sel4_untyped_retype(untyped, OBJ_ENDPOINT, 0, root_node(), slots, ~0ull),
	          ERR_RANGE, 1, ABI_RETYPE_MAX);
	CHECK_OK(sel4_untyped_retype(untyped, OBJ_ENDPOINT, 0, root_node(), slots, 256));
	for (word_t i = 0; i < 256; i++)
		CHECK(!slot_is_empty(slots + i));
	CHECK(slot_is_empty(slots + 256));
	CHECK_EQ(bytes_left(untyped), (1 << 16) - 256 * 16);
}

TEST(untyped_retype_objects_lie_in_the_order_of_slots)
{
	enum { COUNT = 16 };
	cptr_t untyped = untyped_new(16), slots = slot_new_range(COUNT);
	CHECK_OK(sel4_untyped_retype(untyped, OBJ_X86_4K_PAGE, 0, root_node(), slots, COUNT));
	word_t first, paddr;
	CHECK_OK(sel4_x86_page_get_address(slots, &first));
	CHECK_EQ(first & 0xffff, 0);
	for (word_t i = 0; i < COUNT; i++) {
		CHECK_OK(sel4_x86_page_get_address(slots + i, &paddr));
		CHECK_EQ(paddr, first + (i << 12));
	}
}

TEST(untyped_retype_of_several_that_do_not_fit)
{
	cptr_t untyped = untyped_new(14), slots = slot_new_range(5);
	CHECK_ERR(sel4_untyped_retype(untyped, OBJ_X86_4K_PAGE, 0, root_node(), slots, 5),
	          ERR_NOT_ENOUGH_MEMORY, 1 << 14);
	CHECK(slot_is_empty(slots));
	CHECK_OK(sel4_untyped_retype(untyped, OBJ_X86_4K_PAGE, 0, root_node(), slots, 4));
}

/* The free mark */

TEST(untyped_retype_aligns_after_the_free_mark)
{
	cptr_t untyped = untyped_new(16);
	word_t base = base_of(untyped);
	CHECK_OK(retype(untyped, OBJ_ENDPOINT, 0));
	CHECK_EQ(bytes_left(untyped), (1 << 16) - 16);
	CHECK_EQ(frame_address(untyped, NULL), base + 0x1000);
	CHECK_EQ(bytes_left(untyped), (1 << 16) - 0x2000);
	CHECK_EQ(frame_address(untyped, NULL), base + 0x2000);
	CHECK_OK(retype(untyped, OBJ_UNTYPED, 14));
	CHECK_EQ(bytes_left(untyped), (1 << 16) - 0x8000);
	CHECK_OK(retype(untyped, OBJ_ENDPOINT, 0));
	CHECK_EQ(frame_address(untyped, NULL), base + 0x9000);
}

/* What fits unaligned fits aligned: the rest of an untyped is a sum of powers of two. */
TEST(untyped_retype_last_object)
{
	cptr_t untyped = untyped_new(14);
	word_t base = base_of(untyped);
	CHECK_OK(sel4_untyped_retype(untyped, OBJ_ENDPOINT, 0, root_node(), slot_new_range(256),
	                             256));
	CHECK_OK(sel4_untyped_retype(untyped, OBJ_ENDPOINT, 0, root_node(), slot_new_range(256),
	                             256));
	CHECK_OK(retype(untyped, OBJ_ENDPOINT, 0));
	CHECK_EQ(bytes_left(untyped), 0x4000 - 0x2010);
	CHECK_EQ(frame_address(untyped, NULL), base + 0x3000);
	CHECK_ERR(retype(untyped, OBJ_ENDPOINT, 0), ERR_NOT_ENOUGH_MEMORY, 0);
}

TEST(untyped_retype_memory_is_not_reused_while_a_child_lives)
{
	cptr_t untyped = untyped_new(14), frame;
	word_t base = base_of(untyped);
	CHECK_OK(retype(untyped, OBJ_ENDPOINT, 0));
	CHECK_EQ(frame_address(untyped, &frame), base + 0x1000);
	CHECK_OK(sel4_cnode_delete(slot(frame)));
	CHECK_EQ(frame_address(untyped, NULL), base + 0x2000);
}

TEST(untyped_retype_starts_again_when_childless)
{
	cptr_t untyped = untyped_new(14), a, b;
	word_t base = base_of(untyped);
	CHECK_EQ(frame_address(untyped, &a), base);
	CHECK_EQ(frame_address(untyped, &b), base + 0x1000);
	CHECK_OK(sel4_cnode_delete(slot(a)));
	CHECK_OK(sel4_cnode_delete(slot(b)));
	CHECK_EQ(bytes_left(untyped), 1 << 14);
	CHECK_EQ(frame_address(untyped, NULL), base);
}

TEST(untyped_retype_a_refusal_changes_nothing)
{
	cptr_t untyped = untyped_new(14);
	word_t base = base_of(untyped);
	CHECK_EQ(frame_address(untyped, NULL), base);
	CHECK_ERR(retype(untyped, OBJ_UNTYPED, 14), ERR_NOT_ENOUGH_MEMORY, 0x3000);
	CHECK_ERR(sel4_untyped_retype(untyped, OBJ_ENDPOINT, 0, root_node(), untyped, 1),
	          ERR_DELETE_FIRST);
	CHECK_EQ(frame_address(untyped, NULL), base + 0x1000);
}

TEST(untyped_retype_moved_child_still_counts)
{
	cptr_t untyped = untyped_new(13), frame, moved = slot_new();
	word_t base = frame_address(untyped, &frame);
	CHECK_OK(sel4_cnode_move(slot(moved), slot(frame)));
	CHECK_EQ(frame_address(untyped, NULL), base + 0x1000);
}

TEST(untyped_retype_a_copy_of_a_child_still_counts)
{
	cptr_t untyped = untyped_new(13), frame;
	word_t base = frame_address(untyped, &frame);
	cap_copy(frame, RIGHTS_ALL);
	CHECK_OK(sel4_cnode_delete(slot(frame)));
	CHECK_EQ(frame_address(untyped, NULL), base + 0x1000);
}

TEST(untyped_retype_the_smallest)
{
	cptr_t untyped = untyped_new(4);
	CHECK_ERR(retype(untyped, OBJ_REPLY, 0), ERR_NOT_ENOUGH_MEMORY, 16);
	CHECK_OK(retype(untyped, OBJ_ENDPOINT, 0));
	CHECK_OK(sel4_cnode_revoke(slot(untyped)));
	CHECK_OK(retype(untyped, OBJ_UNTYPED, 4));
}

/* Memory comes out cleared */

static void check_zero(cptr_t frame, word_t bytes)
{
	vspace_map(INIT_VSPACE, TEST_VADDR, frame, RIGHTS_ALL, 0);
	volatile word_t *p = (volatile word_t *)TEST_VADDR;
	for (word_t i = 0; i < bytes / 8; i++)
		if (p[i])
			FAIL("word %lu of the frame is 0x%lx", i, p[i]);
}

TEST(untyped_memory_is_cleared_again)
{
	cptr_t untyped = untyped_new(14), frame;
	for (int round = 0; round < 3; round++) {
		frame_address(untyped, NULL);
		frame_address(untyped, &frame);
		check_zero(frame, 4096);
		memset((void *)TEST_VADDR, 0xa5, 4096);
		CHECK_OK(sel4_cnode_revoke(slot(untyped)));
	}
}

TEST(untyped_large_page_is_cleared_again)
{
	cptr_t untyped = untyped_new(21), page = slot_new();
	vspace_map_tables(INIT_VSPACE, TEST_VADDR + (1 << 21));
	for (int round = 0; round < 2; round++) {
		CHECK_OK(sel4_untyped_retype(untyped, OBJ_X86_LARGE_PAGE, 0, root_node(), page, 1));
		CHECK_OK(sel4_x86_page_map(page, INIT_VSPACE, TEST_VADDR, RIGHTS_ALL, 0));
		volatile word_t *p = (volatile word_t *)TEST_VADDR;
		for (word_t i = 0; i < (1 << 21) / 8; i++)
			if (p[i])
				FAIL("word %lu of the page is 0x%lx", i, p[i]);
		memset((void *)TEST_VADDR, 0xa5, 1 << 21);
		CHECK_OK(sel4_cnode_revoke(slot(untyped)));
	}
}

/* Objects in used memory start out empty: here, tables that were full of ones. */
TEST(untyped_objects_are_cleared)
{
	cptr_t untyped = untyped_new(13), frame, node = slot_new();
	frame_address(untyped, &frame);
	vspace_map(INIT_VSPACE, TEST_VADDR, frame, RIGHTS_ALL, 0);
	memset((void *)TEST_VADDR, 0xff, 4096);
	CHECK_OK(sel4_cnode_revoke(slot(untyped)));
	CHECK_OK(sel4_untyped_retype(untyped, OBJ_CNODE, 7, root_node(), node, 1));
	for (word_t i = 0; i < 128; i++)
		CHECK(is_empty(at(node, i, 7)));
}

/* A child untyped takes over memory that may be dirty: its own objects are clean all the same. */
TEST(untyped_child_memory_is_cleared)
{
	cptr_t untyped = untyped_new(14), frame, child = slot_new();
	frame_address(untyped, &frame);
	vspace_map(INIT_VSPACE, TEST_VADDR, frame, RIGHTS_ALL, 0);
	memset((void *)TEST_VADDR, 0xff, 4096);
	CHECK_OK(sel4_cnode_revoke(slot(untyped)));
	CHECK_OK(sel4_untyped_retype(untyped, OBJ_UNTYPED, 13, root_node(), child, 1));
	frame_address(child, &frame);
	check_zero(frame, 4096);
}

/* Where the capabilities go */

TEST(untyped_retype_into_a_node_of_its_own)
{
	cptr_t untyped = untyped_new(12), node = cnode_new(3);
	CHECK_OK(sel4_untyped_retype(untyped, OBJ_ENDPOINT, 0, at(node, 0, 0), 5, 3));
	CHECK(is_empty(at(node, 4, 3)));
	CHECK(!is_empty(at(node, 5, 3)));
	CHECK(!is_empty(at(node, 7, 3)));
}

TEST(untyped_retype_node_depth_0_ignores_the_index)
{
	cptr_t untyped = untyped_new(12), node = cnode_new(3);
	CHECK_OK(sel4_untyped_retype(untyped, OBJ_ENDPOINT, 0, at(node, ~0ull, 0), 5, 1));
	CHECK(!is_empty(at(node, 5, 3)));
}

TEST(untyped_retype_into_a_node_below_the_root)
{
	cptr_t untyped = untyped_new(12), node = cnode_new(3), outer = cnode_new(2);
	CHECK_OK(sel4_untyped_retype(untyped, OBJ_ENDPOINT, 0, at(INIT_CNODE, node, 64), 5, 1));
	CHECK(!is_empty(at(node, 5, 3)));
	CHECK_OK(sel4_cnode_copy(at(outer, 2, 2), slot(node), RIGHTS_ALL));
	CHECK_OK(sel4_untyped_retype(untyped, OBJ_ENDPOINT, 0, at(outer, 2, 2), 6, 1));
	CHECK(!is_empty(at(node, 6, 3)));
}

/* The guard of the target does not matter: the offset counts its slots. */
TEST(untyped_retype_into_a_guarded_node)
{
	cptr_t untyped = untyped_new(12), node = cnode_new(3);
	cptr_t guarded = cap_mint(node, RIGHTS_ALL, abi_cnode_guard(1, 4));
	CHECK_OK(sel4_untyped_retype(untyped, OBJ_ENDPOINT, 0, at(guarded, 0, 0), 5, 1));
	CHECK(!is_empty(at(node, 5, 3)));
}

TEST(untyped_retype_node_lookup)
{
	cptr_t untyped = untyped_new(12), node = cnode_new(3);
	cptr_t guarded = cap_mint(node, RIGHTS_ALL, abi_cnode_guard(1, 4));
	CHECK_ERR(sel4_untyped_retype(untyped, OBJ_ENDPOINT, 0, at(node, 0, 65), 0, 1), ERR_RANGE,
	          1, 64);
	CHECK_ERR(sel4_untyped_retype(untyped, OBJ_ENDPOINT, 0, at(node, 0, 2), 0, 1),
	          ERR_FAILED_LOOKUP, AT_DEST, WORDS_DEPTH(2, 3));
	CHECK_ERR(sel4_untyped_retype(untyped, OBJ_ENDPOINT, 0, at(node, 0, 9), 0, 1),
	          ERR_FAILED_LOOKUP, AT_DEST, WORDS_DEPTH(6, 0));
	CHECK_ERR(sel4_untyped_retype(untyped, OBJ_ENDPOINT, 0, at(guarded, 0, 7), 0, 1),
	          ERR_FAILED_LOOKUP, AT_DEST, WORDS_GUARD(7, 1, 4));
}

TEST(untyped_retype_root_is_no_cnode)
{
	cptr_t untyped = untyped_new(12), ep = endpoint_new();
	CHECK_ERR(sel4_untyped_retype(untyped, OBJ_ENDPOINT, 0, at(ep, 0, 64), 0, 1),
	          ERR_FAILED_LOOKUP, AT_DEST, WORDS_INVALID_ROOT);
	/* With depth 0 there is no look-up: the capability is missing, with no bits left. */
	CHECK_ERR(sel4_untyped_retype(untyped, OBJ_ENDPOINT, 0, at(ep, 0, 0), 0, 1),
	          ERR_FAILED_LOOKUP, AT_DEST, WORDS_MISSING(0));
}

TEST(untyped_retype_node_is_no_cnode)
{
	cptr_t untyped = untyped_new(12), node = cnode_new(3);
	CHECK_ERR(sel4_untyped_retype(untyped, OBJ_ENDPOINT, 0, at(node, 1, 3), 0, 1),
	          ERR_FAILED_LOOKUP, AT_DEST, WORDS_MISSING(3));
	CHECK_ERR(sel4_untyped_retype(untyped, OBJ_ENDPOINT, 0, at(INIT_CNODE, untyped, 64), 0, 1),
	          ERR_FAILED_LOOKUP, AT_DEST, WORDS_MISSING(64));
}

TEST(untyped_retype_offset)
{
	cptr_t untyped = untyped_new(12), node = cnode_new(3);
	CHECK_ERR(sel4_untyped_retype(untyped, OBJ_ENDPOINT, 0, at(node, 0, 0), 8, 1), ERR_RANGE, 0,
	          7);
	CHECK_ERR(sel4_untyped_retype(untyped, OBJ_ENDPOINT, 0, at(node, 0, 0), ~0ull, 1),
	          ERR_RANGE, 0, 7);
	CHECK_ERR(sel4_untyped_retype(untyped, OBJ_ENDPOINT, 0, root_node(), 1 << 13, 1), ERR_RANGE,
	          0, (1 << 13) - 1);
	CHECK_OK(sel4_untyped_retype(untyped, OBJ_ENDPOINT, 0, at(node, 0, 0), 7, 1));
}

TEST(untyped_retype_window_beyond_the_node)
{
	cptr_t untyped = untyped_new(12), node = cnode_new(3);
	CHECK_ERR(sel4_untyped_retype(untyped, OBJ_ENDPOINT, 0, at(node, 0, 0), 5, 4), ERR_RANGE, 1,
	          3);
	CHECK_ERR(sel4_untyped_retype(untyped, OBJ_ENDPOINT, 0, at(node, 0, 0), 0, 9), ERR_RANGE, 1,
	          8);
	CHECK_OK(sel4_untyped_retype(untyped, OBJ_ENDPOINT, 0, at(node, 0, 0), 0, 8));
}

TEST(untyped_retype_window_over_an_occupied_slot)
{
	cptr_t untyped = untyped_new(12), node = cnode_new(3);
	CHECK_OK(sel4_cnode_copy(at(node, 4, 3), slot(endpoint_new()), RIGHTS_ALL));
	CHECK_ERR(sel4_untyped_retype(untyped, OBJ_ENDPOINT, 0, at(node, 0, 0), 2, 3),
	          ERR_DELETE_FIRST);
	CHECK_ERR(sel4_untyped_retype(untyped, OBJ_ENDPOINT, 0, at(node, 0, 0), 4, 3),
	          ERR_DELETE_FIRST);
	CHECK(is_empty(at(node, 2, 3)));
	CHECK(is_empty(at(node, 5, 3)));
	CHECK_OK(sel4_untyped_retype(untyped, OBJ_ENDPOINT, 0, at(node, 0, 0), 5, 3));
}

/* Order of the checks, as far as two of them can fail at once. */
TEST(untyped_retype_order_of_checks)
{
	cptr_t untyped = untyped_new(12), node = cnode_new(3), full = endpoint_new();
	/* type, size, node, offset, count, window, slots, memory */
	CHECK_ERR(sel4_untyped_retype(untyped, 99, 99, at(full, 0, 0), 99, 0), ERR_INVALID_ARGUMENT,
	          0);
	CHECK_ERR(sel4_untyped_retype(untyped, OBJ_CNODE, 99, at(full, 0, 0), 99, 0), ERR_RANGE, 0,
	          47);
	CHECK_ERR(sel4_untyped_retype(untyped, OBJ_CNODE, 0, at(full, 0, 0), 99, 0),
	          ERR_INVALID_ARGUMENT, 1);
	CHECK_ERR(sel4_untyped_retype(untyped, OBJ_CNODE, 1, at(full, 0, 0), 99, 0),
	          ERR_FAILED_LOOKUP, AT_DEST, WORDS_MISSING(0));
	CHECK_ERR(sel4_untyped_retype(untyped, OBJ_CNODE, 40, at(node, 0, 0), 99, 0), ERR_RANGE, 0,
	          7);
	CHECK_ERR(sel4_untyped_retype(untyped, OBJ_CNODE, 40, at(node, 0, 0), 7, 257), ERR_RANGE, 1,
	          256);
	CHECK_ERR(sel4_untyped_retype(untyped, OBJ_CNODE, 40, at(node, 0, 0), 7, 2), ERR_RANGE, 1,
	          1);
	CHECK_ERR(sel4_untyped_retype(untyped, OBJ_CNODE, 40, root_node(), full, 1),
	          ERR_DELETE_FIRST);
	CHECK_ERR(sel4_untyped_retype(untyped, OBJ_CNODE, 40, at(node, 0, 0), 7, 1),
	          ERR_NOT_ENOUGH_MEMORY, 4096);
}

TEST(untyped_retype_truncated)
{
	cptr_t untyped = untyped_new(12), dest = slot_new();
	for (word_t words = 0; words < 6; words++) {
		sel4_set_cap(0, INIT_CNODE);
		sel4_set_word(4, dest);
		sel4_set_word(5, 1);
		CHECK_ERR(invoke(untyped, INV_UNTYPED_RETYPE, 1, words, OBJ_ENDPOINT, 0, 0, 0),
		          ERR_TRUNCATED_MESSAGE);
	}
	CHECK_ERR(invoke(untyped, INV_UNTYPED_RETYPE, 0, 6, OBJ_ENDPOINT, 0, 0, 0),
	          ERR_TRUNCATED_MESSAGE);
	CHECK(slot_is_empty(dest));
}

/* More words and capabilities than needed do not matter. */
TEST(untyped_retype_with_a_longer_message)
{
	cptr_t untyped = untyped_new(12), dest = slot_new();
	sel4_set_cap(0, INIT_CNODE);
	sel4_set_cap(1, slot_new());
	sel4_set_cap(2, INIT_TCB);
	sel4_set_word(4, dest);
	sel4_set_word(5, 1);
	CHECK_OK(invoke(untyped, INV_UNTYPED_RETYPE, 3, 120, OBJ_ENDPOINT, 0, 0, 0));
	CHECK(!slot_is_empty(dest));
}

TEST(untyped_invoke_with_wrong_labels)
{
	cptr_t untyped = untyped_new(12);
	for (word_t label = 0; label <= INV_COUNT + 2; label++)
		if (label != INV_UNTYPED_RETYPE)
			CHECK_ERR(invoke(untyped, label, 0, 6, 0, 0, 0, 0), ERR_ILLEGAL_OPERATION);
}

/* Success has no words and no badge. */
TEST(untyped_retype_reply)
{
	cptr_t untyped = untyped_new(12);
	sel4_set_cap(0, INIT_CNODE);
	sel4_set_word(4, slot_new());
	sel4_set_word(5, 1);
	struct sel4_msg m = sel4_invoke(untyped, INV_UNTYPED_RETYPE, 1, 6, OBJ_ENDPOINT, 0, 0, 0);
	CHECK_EQ(m.info, 0);
	CHECK_EQ(m.badge, 0);
}

/* Device memory: frames and untypeds only. */

TEST(untyped_device_refuses_kernel_objects)
{
	cptr_t device = boot_untyped_find(13, true);
	CHECK_NE(device, 0);
	cptr_t child = slot_new();
	CHECK_OK(sel4_untyped_retype(device, OBJ_UNTYPED, 13, root_node(), child, 1));
	for (int i = 0; i < SIZES; i++) {
		if (sizes[i].size_bits > 13 || sizes[i].type == OBJ_UNTYPED ||
		    sizes[i].type == OBJ_X86_4K_PAGE)
			continue;
		CHECK_ERR(retype(child, sizes[i].type, sizes[i].bits_argument),
		          ERR_INVALID_ARGUMENT, 1);
	}
	CHECK_OK(retype(child, OBJ_UNTYPED, 4));
	CHECK_OK(retype(child, OBJ_X86_4K_PAGE, 0));
}

TEST(untyped_device_memory_comes_before_the_type)
{
	cptr_t device = boot_untyped_find(12, true), child = slot_new();
	CHECK_OK(sel4_untyped_retype(device, OBJ_UNTYPED, 12, root_node(), child, 1));
	CHECK_ERR(retype(child, OBJ_CNODE, 10), ERR_NOT_ENOUGH_MEMORY, 4096);
}

TEST(untyped_device_is_inherited)
{
	cptr_t device = boot_untyped_find(14, true), child = slot_new(), grandchild = slot_new();
	CHECK_OK(sel4_untyped_retype(device, OBJ_UNTYPED, 14, root_node(), child, 1));
	CHECK_OK(sel4_untyped_retype(child, OBJ_UNTYPED, 13, root_node(), grandchild, 1));
	CHECK_ERR(retype(grandchild, OBJ_TCB, 0), ERR_INVALID_ARGUMENT, 1);
}

TEST(untyped_device_frames_lie_where_the_untyped_says)
{
	cptr_t device = boot_untyped_find(12, true);
	CHECK_EQ(frame_address(device, NULL), boot_untyped_desc(device)->paddr);
}

/* All three page sizes from device memory: 1 GiB pages need not be RAM. */
TEST(untyped_device_huge_page)
{
	cptr_t device = boot_untyped_find(30, true), page = slot_new();
	CHECK_NE(device, 0);
	word_t paddr;
	CHECK_OK(sel4_untyped_retype(device, OBJ_X86_HUGE_PAGE, 0, root_node(), page, 1));
	CHECK_OK(sel4_x86_page_get_address(page, &paddr));
	CHECK_EQ(paddr & ((1 << 30) - 1), 0);
	cptr_t copy = cap_copy(page, RIGHTS_ALL);
	word_t copy_paddr;
	CHECK_OK(sel4_x86_page_get_address(copy, &copy_paddr));
	CHECK_EQ(copy_paddr, paddr);
}

TEST(untyped_of_47_bits)
{
	cptr_t untyped = untyped_new(12);
	CHECK_ERR(retype(untyped, OBJ_X86_HUGE_PAGE, 0), ERR_NOT_ENOUGH_MEMORY, 4096);
	for (cptr_t c = boot_info->untyped.start; c < boot_info->untyped.end; c++)
		CHECK_LE(boot_untyped_desc(c)->size_bits, ABI_UNTYPED_BITS_MAX);
}

/* Retype of all of RAM's biggest piece works, whatever was there: its memory comes out clean. */
TEST(untyped_initial_memory_is_clean)
{
	cptr_t ram = boot_untyped_find(16, false), frame;
	CHECK_NE(ram, 0);
	frame_address(ram, &frame);
	check_zero(frame, 4096);
}
