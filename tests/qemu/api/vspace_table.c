/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Mapping and unmapping of PDPTs, page directories and page tables, and PML4s, which have no
 * operations. seL4 manual, chapter 7 and section 10.5.
 */
#include "probe.h"

#define V TEST_VADDR
enum { PAGE = 1 << 12, LARGE = 1 << 21, HUGE = 1 << 30 };
#define PML4_ENTRY (1ull << 39)

static const struct level {
	enum abi_object type;
	word_t map, unmap, bits; /* bits of an address below an entry for this table */
} levels[] = {
	{ OBJ_X86_PDPT, INV_X86_PDPT_MAP, INV_X86_PDPT_UNMAP, 39 },
	{ OBJ_X86_PAGE_DIRECTORY, INV_X86_PAGE_DIRECTORY_MAP, INV_X86_PAGE_DIRECTORY_UNMAP, 30 },
	{ OBJ_X86_PAGE_TABLE, INV_X86_PAGE_TABLE_MAP, INV_X86_PAGE_TABLE_UNMAP, 21 },
};
enum { LEVELS = 3 };

static cptr_t table_new(int level)
{
	return object_new(levels[level].type, 0);
}

static enum abi_error map(int level, cptr_t table, cptr_t vspace, word_t vaddr)
{
	return sel4_x86_table_map(table, levels[level].map, vspace, vaddr, 0);
}

static enum abi_error unmap(int level, cptr_t table)
{
	return invoke(table, levels[level].unmap, 0, 0, 0, 0, 0, 0);
}

/* The tables above this level. */
static void map_above(int level, cptr_t vspace, word_t vaddr)
{
	for (int i = 0; i < level; i++)
		CHECK_OK(map(i, table_new(i), vspace, vaddr));
}

TEST(table_map_and_unmap)
{
	for (int i = 0; i < LEVELS; i++) {
		cptr_t vspace = vspace_new(), table = table_new(i);
		map_above(i, vspace, V);
		CHECK_OK(map(i, table, vspace, V));
		CHECK_OK(unmap(i, table));
		CHECK_OK(map(i, table, vspace, V));
	}
}

TEST(table_map_reply)
{
	cptr_t vspace = vspace_new(), table = table_new(0);
	sel4_set_cap(0, vspace);
	struct sel4_msg m = sel4_invoke(table, levels[0].map, 1, 2, V, 0, 0, 0);
	CHECK_EQ(m.info, 0);
	CHECK_EQ(m.badge, 0);
}

TEST(table_map_low_address_bits_are_ignored)
{
	for (int i = 0; i < LEVELS; i++) {
		cptr_t vspace = vspace_new(), table = table_new(i);
		map_above(i, vspace, V);
		CHECK_OK(map(i, table, vspace, V + (1ull << levels[i].bits) - 1));
		CHECK_ERR(map(i, table_new(i), vspace, V), ERR_DELETE_FIRST);
	}
}

TEST(table_map_truncated)
{
	for (int i = 0; i < LEVELS; i++) {
		cptr_t table = table_new(i);
		sel4_set_cap(0, INIT_VSPACE);
		CHECK_ERR(invoke(table, levels[i].map, 1, 0, V, 0, 0, 0), ERR_TRUNCATED_MESSAGE);
		CHECK_ERR(invoke(table, levels[i].map, 1, 1, V, 0, 0, 0), ERR_TRUNCATED_MESSAGE);
		CHECK_ERR(invoke(table, levels[i].map, 0, 2, V, 0, 0, 0), ERR_TRUNCATED_MESSAGE);
	}
}

TEST(table_map_mapped_already)
{
	for (int i = 0; i < LEVELS; i++) {
		cptr_t vspace = vspace_new(), table = table_new(i);
		map_above(i, vspace, V);
		CHECK_OK(map(i, table, vspace, V));
		CHECK_ERR(map(i, table, vspace, V), ERR_INVALID_CAPABILITY, 0);
		CHECK_ERR(map(i, table, vspace, V + (1ull << levels[i].bits)),
		          ERR_INVALID_CAPABILITY, 0);
		/* That comes before the address space. */
		CHECK_ERR(map(i, table, INIT_CNODE, ~0ull), ERR_INVALID_CAPABILITY, 0);
		CHECK_ERR(map(i, cap_copy(table, RIGHTS_ALL), vspace, V), ERR_INVALID_CAPABILITY,
		          0);
	}
}

TEST(table_map_where_one_is)
{
	for (int i = 0; i < LEVELS; i++) {
		cptr_t vspace = vspace_new();
		map_above(i, vspace, V);
		CHECK_OK(map(i, table_new(i), vspace, V));
		CHECK_ERR(map(i, table_new(i), vspace, V), ERR_DELETE_FIRST);
		CHECK_OK(map(i, table_new(i), vspace, V + (1ull << levels[i].bits)));
	}
}

TEST(table_map_where_a_page_is)
{
	cptr_t huge = slot_new(), large = object_new(OBJ_X86_LARGE_PAGE, 0);
	CHECK_OK(sel4_untyped_retype(boot_untyped_find(30, true), OBJ_X86_HUGE_PAGE, 0, root_node(),
	                             huge, 1));
	map_above(2, INIT_VSPACE, V);
	CHECK_OK(sel4_x86_page_map(large, INIT_VSPACE, V, RIGHTS_ALL, 0));
	CHECK_ERR(map(2, table_new(2), INIT_VSPACE, V), ERR_DELETE_FIRST);
	CHECK_OK(sel4_x86_page_map(huge, INIT_VSPACE, V + HUGE, RIGHTS_ALL, 0));
	CHECK_ERR(map(1, table_new(1), INIT_VSPACE, V + HUGE), ERR_DELETE_FIRST);
	/* Below a 1 GiB page there is no directory. */
	CHECK_ERR(map(2, table_new(2), INIT_VSPACE, V + HUGE), ERR_FAILED_LOOKUP, AT_DEST,
	          WORDS_MISSING(30));
}

TEST(table_map_without_the_table_above)
{
	CHECK_ERR(map(1, table_new(1), INIT_VSPACE, V), ERR_FAILED_LOOKUP, AT_DEST,
	          WORDS_MISSING(39));
	CHECK_ERR(map(2, table_new(2), INIT_VSPACE, V), ERR_FAILED_LOOKUP, AT_DEST,
	          WORDS_MISSING(39));
	map_above(1, INIT_VSPACE, V);
	CHECK_ERR(map(2, table_new(2), INIT_VSPACE, V), ERR_FAILED_LOOKUP, AT_DEST,
	          WORDS_MISSING(30));
}

TEST(table_map_vspace_is_none)
{
	for (int i = 0; i < LEVELS; i++) {
		cptr_t table = table_new(i);
		CHECK_ERR(map(i, table, slot_new(), V), ERR_INVALID_CAPABILITY, 1);
		CHECK_ERR(map(i, table, INIT_CNODE, V), ERR_INVALID_CAPABILITY, 1);
		CHECK_ERR(map(i, table, object_new(OBJ_X86_PML4, 0), V), ERR_INVALID_CAPABILITY, 1);
		/* That comes before the address. */
		CHECK_ERR(map(i, table, INIT_CNODE, ~0ull), ERR_INVALID_CAPABILITY, 1);
	}
}

TEST(table_map_address_too_high)
{
	static const word_t addresses[] = { 0x800000000000, 0xffff800000000000, 0xffffff8000000000,
		                            0xffffffff80000000, ~0ull };
	for (int i = 0; i < LEVELS; i++)
		for (size_t k = 0; k < sizeof addresses / sizeof addresses[0]; k++)
			CHECK_ERR(map(i, table_new(i), INIT_VSPACE, addresses[k]),
			          ERR_INVALID_ARGUMENT, 0);
}

TEST(table_map_at_the_highest_address)
{
	cptr_t vspace = vspace_new();
	for (int i = 0; i < LEVELS; i++)
		CHECK_OK(map(i, table_new(i), vspace, 0x7fffffffffff));
}

TEST(table_map_attributes)
{
	for (int i = 0; i < LEVELS; i++)
		for (word_t attr = 0; attr < 8; attr++) {
			cptr_t vspace = vspace_new();
			struct prober p = prober_new(vspace);
			for (int k = 0; k < LEVELS; k++)
				CHECK_OK(sel4_x86_table_map(table_new(k), levels[k].map, vspace, V,
				                            k == i ? attr : 0));
			CHECK_OK(sel4_x86_page_map(frame_new(), vspace, V, RIGHTS_ALL, 0));
			check_store(&p, V, attr);
			check_load(&p, V, attr);
			thread_reset();
		}
}

/* Unmapping */

TEST(table_unmap_never_mapped)
{
	for (int i = 0; i < LEVELS; i++)
		CHECK_OK(unmap(i, table_new(i)));
}

TEST(table_unmap_with_a_copy)
{
	for (int i = 0; i < LEVELS; i++) {
		cptr_t vspace = vspace_new(), table = table_new(i);
		map_above(i, vspace, V);
		CHECK_OK(map(i, table, vspace, V));
		cptr_t copy = cap_copy(table, RIGHTS_ALL);
		CHECK_ERR(unmap(i, table), ERR_REVOKE_FIRST);
		CHECK_ERR(unmap(i, copy), ERR_REVOKE_FIRST);
		CHECK_OK(sel4_cnode_delete(slot(copy)));
		CHECK_OK(unmap(i, table));
	}
}

/* Everything below goes out of sight at once. */
TEST(table_unmap_takes_what_is_below)
{
	for (int i = 0; i < LEVELS; i++) {
		cptr_t vspace = vspace_new(), tables[LEVELS];
		struct prober p = prober_new(vspace);
		for (int k = 0; k < LEVELS; k++) {
			tables[k] = table_new(k);
			CHECK_OK(map(k, tables[k], vspace, V));
		}
		CHECK_OK(sel4_x86_page_map(frame_new(), vspace, V, RIGHTS_ALL, 0));
		check_load(&p, V, 0);
		CHECK_OK(unmap(i, tables[i]));
		check_no_load(&p, V, LOAD_ABSENT);
		/* And does not come back: the table is empty now. */
		CHECK_OK(map(i, tables[i], vspace, V));
		check_no_load(&p, V, LOAD_ABSENT);
	}
}

/* The same in the caller's own address space. */
TEST(table_unmap_in_the_callers_vspace)
{
	for (int i = 0; i < LEVELS; i++) {
		cptr_t tables[LEVELS], frame = frame_new();
		word_t vaddr = V + (word_t)i * PML4_ENTRY;
		struct prober p = prober_new(0);
		for (int k = 0; k < LEVELS; k++) {
			tables[k] = table_new(k);
			CHECK_OK(map(k, tables[k], INIT_VSPACE, vaddr));
		}
		CHECK_OK(sel4_x86_page_map(frame, INIT_VSPACE, vaddr, RIGHTS_ALL, 0));
		*(volatile word_t *)vaddr = 1;
		CHECK_OK(unmap(i, tables[i]));
		check_no_load(&p, vaddr, LOAD_ABSENT);
	}
}

TEST(table_deleting_the_last_capability_unmaps)
{
	for (int i = 0; i < LEVELS; i++) {
		cptr_t vspace = vspace_new(), tables[LEVELS];
		struct prober p = prober_new(vspace);
		for (int k = 0; k < LEVELS; k++) {
			tables[k] = table_new(k);
			CHECK_OK(map(k, tables[k], vspace, V));
		}
		CHECK_OK(sel4_x86_page_map(frame_new(), vspace, V, RIGHTS_ALL, 0));
		cptr_t copy = cap_copy(tables[i], RIGHTS_ALL);
		CHECK_OK(sel4_cnode_delete(slot(tables[i])));
		check_load(&p, V, 0);
		CHECK_OK(sel4_cnode_delete(slot(copy)));
		check_no_load(&p, V, LOAD_ABSENT);
		CHECK_OK(map(i, table_new(i), vspace, V));
	}
}

/* A frame whose table is gone still counts as mapped there: only the same place is open to it. */
TEST(table_unmap_leaves_the_frames_capabilities)
{
	cptr_t vspace = vspace_new(), table = table_new(2), frame = frame_new();
	struct prober p = prober_new(vspace);
	map_above(2, vspace, V);
	CHECK_OK(map(2, table, vspace, V));
	CHECK_OK(sel4_x86_page_map(frame, vspace, V, RIGHTS_ALL, 0));
	CHECK_OK(unmap(2, table));
	CHECK_ERR(sel4_x86_page_map(frame, vspace, V, RIGHTS_ALL, 0), ERR_FAILED_LOOKUP, AT_DEST,
	          WORDS_MISSING(21));
	CHECK_OK(map(2, table, vspace, V));
	CHECK_ERR(sel4_x86_page_map(frame, vspace, V + PAGE, RIGHTS_ALL, 0), ERR_INVALID_ARGUMENT,
	          0);
	CHECK_OK(sel4_x86_page_map(frame, vspace, V, RIGHTS_ALL, 0));
	check_load(&p, V, 0);
	CHECK_OK(unmap(2, table));
	CHECK_OK(sel4_x86_page_unmap(frame));
	CHECK_OK(map(2, table, vspace, V + LARGE));
	CHECK_OK(sel4_x86_page_map(frame, vspace, V + LARGE, RIGHTS_ALL, 0));
	check_load(&p, V + LARGE, 0);
}

/* The same for tables whose upper table is gone: they are mapped, but nowhere. */
TEST(table_unmap_leaves_the_lower_tables_capabilities)
{
	cptr_t vspace = vspace_new(), tables[LEVELS];
	for (int k = 0; k < LEVELS; k++) {
		tables[k] = table_new(k);
		CHECK_OK(map(k, tables[k], vspace, V));
	}
	CHECK_OK(unmap(0, tables[0]));
	CHECK_ERR(map(1, tables[1], vspace, V), ERR_INVALID_CAPABILITY, 0);
	CHECK_OK(unmap(1, tables[1]));
	CHECK_OK(unmap(2, tables[2]));
	for (int k = 0; k < LEVELS; k++)
		CHECK_OK(map(k, tables[k], vspace, V + PML4_ENTRY));
}

/* A table that was mapped elsewhere meanwhile is not taken out by an old capability's unmap. */
TEST(table_unmap_of_a_table_whose_place_is_taken)
{
	cptr_t vspace = vspace_new(), upper = table_new(1), a = table_new(2), b = table_new(2);
	struct prober p = prober_new(vspace);
	map_above(1, vspace, V);
	CHECK_OK(map(1, upper, vspace, V));
	CHECK_OK(map(2, a, vspace, V));
	CHECK_OK(unmap(1, upper));
	CHECK_OK(map(1, upper, vspace, V));
	CHECK_OK(map(2, b, vspace, V));
	CHECK_OK(sel4_x86_page_map(frame_new(), vspace, V, RIGHTS_ALL, 0));
	CHECK_OK(unmap(2, a));
	check_load(&p, V, 0);
}

TEST(table_moving_the_capability_keeps_the_mapping)
{
	cptr_t vspace = vspace_new(), table = table_new(0), moved = slot_new();
	CHECK_OK(map(0, table, vspace, V));
	CHECK_OK(sel4_cnode_move(slot(moved), slot(table)));
	CHECK_ERR(map(0, moved, vspace, V), ERR_INVALID_CAPABILITY, 0);
	CHECK_OK(unmap(0, moved));
	CHECK_OK(map(0, table_new(0), vspace, V));
}

TEST(table_one_vspace_full_of_tables)
{
	cptr_t vspace = vspace_new();
	for (word_t i = 0; i < 256; i++)
		CHECK_OK(map(0, table_new(0), vspace, i * PML4_ENTRY));
	CHECK_ERR(map(0, table_new(0), vspace, 256 * PML4_ENTRY), ERR_INVALID_ARGUMENT, 0);
}

/* The tables of the image are mapped already. */
TEST(table_map_of_an_image_table)
{
	cptr_t c = boot_info->user_image_paging.start;
	CHECK_ERR(map(0, c, INIT_VSPACE, V), ERR_INVALID_CAPABILITY, 0);
	CHECK_ERR(map(1, c + 1, INIT_VSPACE, V), ERR_INVALID_CAPABILITY, 0);
	CHECK_ERR(map(2, c + 2, INIT_VSPACE, V), ERR_INVALID_CAPABILITY, 0);
}

/* Labels: those of another level are wrong, too. */
TEST(table_invoke_with_wrong_labels)
{
	for (int i = 0; i < LEVELS; i++) {
		cptr_t table = table_new(i);
		for (word_t label = 0; label <= INV_COUNT + 2; label++)
			if (label != levels[i].map && label != levels[i].unmap)
				CHECK_ERR(invoke(table, label, 0, 2, 0, 0, 0, 0),
				          ERR_ILLEGAL_OPERATION);
	}
}

TEST(table_pml4_has_no_operations)
{
	cptr_t vspace = vspace_new();
	for (word_t label = 0; label <= INV_COUNT + 2; label++)
		CHECK_ERR(invoke(vspace, label, 0, 2, 0, 0, 0, 0), ERR_ILLEGAL_OPERATION);
	CHECK_ERR(invoke(object_new(OBJ_X86_PML4, 0), INV_X86_PDPT_MAP, 0, 2, 0, 0, 0, 0),
	          ERR_ILLEGAL_OPERATION);
}
