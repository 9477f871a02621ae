/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * X86_Page_Map, Unmap and GetAddress for 4 KiB, 2 MiB and 1 GiB pages: rights, attributes,
 * mapping again, what unmaps, and every refusal. seL4 manual, chapter 7 and section 10.5.
 */
#include "probe.h"

#define V TEST_VADDR
enum { PAGE = 1 << 12, LARGE = 1 << 21, HUGE = 1 << 30 };

static cptr_t large_page_new(void)
{
	return object_new(OBJ_X86_LARGE_PAGE, 0);
}

/* From device memory: the machine may have less than 1 GiB of RAM. */
static cptr_t huge_page_new(void)
{
	cptr_t page = slot_new();
	CHECK_OK(sel4_untyped_retype(boot_untyped_find(30, true), OBJ_X86_HUGE_PAGE, 0, root_node(),
	                             page, 1));
	return page;
}

/* The tables above a page table. */
static void map_directories(cptr_t vspace, word_t vaddr)
{
	CHECK_OK(sel4_x86_pdpt_map(object_new(OBJ_X86_PDPT, 0), vspace, vaddr, 0));
	CHECK_OK(sel4_x86_page_directory_map(object_new(OBJ_X86_PAGE_DIRECTORY, 0), vspace, vaddr,
	                                     0));
}

static void map_pdpt(cptr_t vspace, word_t vaddr)
{
	CHECK_OK(sel4_x86_pdpt_map(object_new(OBJ_X86_PDPT, 0), vspace, vaddr, 0));
}

/* Mapping */

TEST(page_map_and_use)
{
	struct prober p = prober_new(0);
	cptr_t page = frame_new();
	vspace_map(INIT_VSPACE, V, page, RIGHTS_ALL, 0);
	check_store(&p, V + 0xff8, 0x1234);
	check_load(&p, V + 0xff8, 0x1234);
	check_load(&p, V, 0);
	check_no_load(&p, V + PAGE, LOAD_ABSENT);
	check_no_store(&p, V + PAGE, STORE_ABSENT);
	check_no_load(&p, V - PAGE, LOAD_ABSENT);
}

TEST(page_large_map_and_use)
{
	struct prober p = prober_new(0);
	cptr_t page = large_page_new();
	map_directories(INIT_VSPACE, V);
	CHECK_OK(sel4_x86_page_map(page, INIT_VSPACE, V, RIGHTS_ALL, 0));
	check_store(&p, V + LARGE - 8, 0x4321);
	check_load(&p, V + LARGE - 8, 0x4321);
	check_no_load(&p, V + LARGE, LOAD_ABSENT);
}

TEST(page_huge_map_and_use)
{
	struct prober p = prober_new(0);
	cptr_t page = huge_page_new();
	map_pdpt(INIT_VSPACE, V);
	CHECK_OK(sel4_x86_page_map(page, INIT_VSPACE, V, RIGHTS_ALL, VM_UNCACHEABLE));
	CHECK(!probe_load(&p, V).faulted);
	CHECK(!probe_load(&p, V + HUGE - 8).faulted);
	check_no_load(&p, V + HUGE, LOAD_ABSENT);
	CHECK_OK(sel4_x86_page_unmap(page));
	check_no_load(&p, V, LOAD_ABSENT);
}

TEST(page_map_in_another_vspace)
{
	cptr_t vspace = vspace_new(), page = frame_new();
	struct prober p = prober_new(vspace), own = prober_new(0);
	vspace_map(vspace, V, page, RIGHTS_ALL, 0);
	check_store(&p, V, 0x77);
	check_no_load(&own, V, LOAD_ABSENT);
	vspace_map(INIT_VSPACE, V + PAGE, cap_copy(page, RIGHTS_ALL), RIGHTS_ALL, 0);
	check_load(&own, V + PAGE, 0x77);
}

TEST(page_map_one_frame_at_many_places)
{
	struct prober p = prober_new(0);
	cptr_t page = frame_new();
	vspace_map(INIT_VSPACE, V, page, RIGHTS_ALL, 0);
	for (word_t i = 1; i < 8; i++)
		vspace_map(INIT_VSPACE, V + i * PAGE, cap_copy(page, RIGHTS_ALL), RIGHTS_ALL, 0);
	check_store(&p, V + 3 * PAGE, 0x3333);
	for (word_t i = 0; i < 8; i++)
		check_load(&p, V + i * PAGE, 0x3333);
}

/* Rights: those asked for, cut by those of the capability. */

TEST(page_map_rights)
{
	cptr_t vspace = vspace_new();
	struct prober p = prober_new(vspace);
	cptr_t page = frame_new();
	vspace_map_tables(vspace, V);
	for (word_t rights = 0; rights <= RIGHTS_ALL; rights++) {
		CHECK_OK(sel4_x86_page_map(page, vspace, V, rights, 0));
		if (!(rights & RIGHT_READ)) {
			check_no_load(&p, V, LOAD_DENIED);
			check_no_store(&p, V, STORE_DENIED);
		} else if (!(rights & RIGHT_WRITE)) {
			check_load(&p, V, 0);
			check_no_store(&p, V, STORE_DENIED);
		} else {
			check_store(&p, V, 0);
		}
	}
}

TEST(page_map_rights_of_the_capability)
{
	struct prober p = prober_new(0);
	cptr_t page = frame_new();
	vspace_map_tables(INIT_VSPACE, V);
	vspace_map(INIT_VSPACE, V, cap_copy(page, RIGHT_READ), RIGHTS_ALL, 0);
	check_load(&p, V, 0);
	check_no_store(&p, V, STORE_DENIED);
	vspace_map(INIT_VSPACE, V + PAGE, cap_copy(page, 0), RIGHTS_ALL, 0);
	check_no_load(&p, V + PAGE, LOAD_DENIED);
	vspace_map(INIT_VSPACE, V + 2 * PAGE, cap_copy(page, RIGHT_WRITE), RIGHTS_ALL, 0);
	check_no_load(&p, V + 2 * PAGE, LOAD_DENIED);
	vspace_map(INIT_VSPACE, V + 3 * PAGE, cap_copy(page, RIGHT_READ), RIGHT_WRITE, 0);
	check_no_load(&p, V + 3 * PAGE, LOAD_DENIED);
	/* Lost once, rights do not come back with a copy. */
	cptr_t again = cap_copy(cap_copy(page, RIGHT_READ), RIGHTS_ALL);
	vspace_map(INIT_VSPACE, V + 4 * PAGE, again, RIGHTS_ALL, 0);
	check_no_store(&p, V + 4 * PAGE, STORE_DENIED);
}

TEST(page_large_map_rights)
{
	cptr_t vspace = vspace_new();
	struct prober p = prober_new(vspace);
	cptr_t page = large_page_new();
	map_directories(vspace, V);
	CHECK_OK(sel4_x86_page_map(page, vspace, V, RIGHT_READ, 0));
	check_load(&p, V + 0x12340, 0);
	check_no_store(&p, V + 0x12340, STORE_DENIED);
	CHECK_OK(sel4_x86_page_map(page, vspace, V, 0, 0));
	check_no_load(&p, V + 0x12340, LOAD_DENIED);
	CHECK_OK(sel4_x86_page_map(page, vspace, V, RIGHTS_ALL, 0));
	check_store(&p, V + 0x12340, 1);
}

TEST(page_huge_map_rights)
{
	cptr_t vspace = vspace_new();
	struct prober p = prober_new(vspace);
	cptr_t page = huge_page_new();
	map_pdpt(vspace, V);
	CHECK_OK(sel4_x86_page_map(page, vspace, V, RIGHT_READ, 0));
	CHECK(!probe_load(&p, V).faulted);
	check_no_store(&p, V, STORE_DENIED);
	CHECK_OK(sel4_x86_page_map(page, vspace, V, 0, 0));
	check_no_load(&p, V, LOAD_DENIED);
}

TEST(page_map_attributes)
{
	cptr_t vspace = vspace_new();
	struct prober p = prober_new(vspace);
	cptr_t page = frame_new(), large = large_page_new(), huge = huge_page_new();
	vspace_map_tables(vspace, V);
	map_pdpt(vspace, V + (1ull << 39));
	for (word_t attr = 0; attr < 8; attr++) {
		CHECK_OK(sel4_x86_page_map(page, vspace, V, RIGHTS_ALL, attr));
		check_store(&p, V, attr);
		check_load(&p, V, attr);
		CHECK_OK(sel4_x86_page_map(large, vspace, V + LARGE, RIGHTS_ALL, attr));
		check_store(&p, V + LARGE, attr);
		check_load(&p, V + LARGE, attr);
		CHECK_OK(sel4_x86_page_map(huge, vspace, V + (1ull << 39), RIGHTS_ALL, attr));
	}
	/* Bits above those that mean something are no error. */
	CHECK_OK(sel4_x86_page_map(page, vspace, V, RIGHTS_ALL, ~15ull));
	check_load(&p, V, 7);
}

/*
 * Mapping again. What a mapping was before may stay in the TLB as long as its address space is
 * the current one, so the prober has an address space of its own here; Unmap leaves nothing.
 */

TEST(page_map_again_changes_rights_at_once)
{
	cptr_t vspace = vspace_new();
	struct prober p = prober_new(vspace);
	cptr_t page = frame_new();
	vspace_map(vspace, V, page, RIGHTS_ALL, 0);
	check_store(&p, V, 5);
	CHECK_OK(sel4_x86_page_map(page, vspace, V, RIGHT_READ, 0));
	check_load(&p, V, 5);
	check_no_store(&p, V, STORE_DENIED);
	CHECK_OK(sel4_x86_page_map(page, vspace, V, RIGHTS_ALL, 0));
	check_store(&p, V, 6);
}

/* In the running thread's own address space: after an Unmap nothing stale may be in the TLB. */
TEST(page_unmap_in_the_callers_vspace)
{
	cptr_t a = frame_new(), b = frame_new();
	vspace_map(INIT_VSPACE, V, a, RIGHTS_ALL, 0);
	volatile word_t *p = (volatile word_t *)V;
	*p = 0xa;
	CHECK_OK(sel4_x86_page_unmap(a));
	CHECK_OK(sel4_x86_page_map(b, INIT_VSPACE, V, RIGHTS_ALL, 0));
	CHECK_EQ(*p, 0);
	*p = 0xb;
	CHECK_OK(sel4_x86_page_unmap(b));
	CHECK_OK(sel4_x86_page_map(a, INIT_VSPACE, V, RIGHTS_ALL, 0));
	CHECK_EQ(*p, 0xa);
}

TEST(page_map_elsewhere_while_mapped)
{
	cptr_t page = frame_new(), large = large_page_new();
	vspace_map(INIT_VSPACE, V, page, RIGHTS_ALL, 0);
	vspace_map_tables(INIT_VSPACE, V + HUGE);
	CHECK_ERR(sel4_x86_page_map(page, INIT_VSPACE, V + PAGE, RIGHTS_ALL, 0),
	          ERR_INVALID_ARGUMENT, 0);
	CHECK_ERR(sel4_x86_page_map(page, INIT_VSPACE, V + 1, RIGHTS_ALL, 0), ERR_INVALID_ARGUMENT,
	          0);
	CHECK_OK(sel4_x86_page_map(large, INIT_VSPACE, V + LARGE, RIGHTS_ALL, 0));
	CHECK_ERR(sel4_x86_page_map(large, INIT_VSPACE, V + 2 * LARGE, RIGHTS_ALL, 0),
	          ERR_INVALID_ARGUMENT, 0);
	CHECK_OK(sel4_x86_page_unmap(page));
	CHECK_OK(sel4_x86_page_map(page, INIT_VSPACE, V + PAGE, RIGHTS_ALL, 0));
}

TEST(page_map_in_another_vspace_while_mapped)
{
	cptr_t vspace = vspace_new(), page = frame_new();
	vspace_map(INIT_VSPACE, V, page, RIGHTS_ALL, 0);
	vspace_map_tables(vspace, V);
	CHECK_ERR(sel4_x86_page_map(page, vspace, V, RIGHTS_ALL, 0), ERR_INVALID_CAPABILITY, 1);
	/* That comes before the address. */
	CHECK_ERR(sel4_x86_page_map(page, vspace, ~0ull, RIGHTS_ALL, 0), ERR_INVALID_CAPABILITY, 1);
	CHECK_OK(sel4_x86_page_unmap(page));
	CHECK_OK(sel4_x86_page_map(page, vspace, V, RIGHTS_ALL, 0));
}

/* The frames of the image are mapped already. */
TEST(page_map_of_an_image_frame)
{
	cptr_t frame = boot_info->user_image_frames.start;
	CHECK_ERR(sel4_x86_page_map(frame, INIT_VSPACE, V, RIGHTS_ALL, 0), ERR_INVALID_ARGUMENT, 0);
	CHECK_OK(sel4_x86_page_map(frame, INIT_VSPACE, image_base(), RIGHTS_ALL, 0));
	CHECK_ERR(sel4_x86_page_map(INIT_IPC_BUFFER_FRAME, INIT_VSPACE, V, RIGHTS_ALL, 0),
	          ERR_INVALID_ARGUMENT, 0);
	CHECK_OK(sel4_x86_page_map(INIT_BOOT_INFO_FRAME, INIT_VSPACE, (word_t)boot_info, RIGHTS_ALL,
	                           0));
}

/* Unmapping */

TEST(page_unmap)
{
	struct prober p = prober_new(0);
	cptr_t page = frame_new();
	vspace_map(INIT_VSPACE, V, page, RIGHTS_ALL, 0);
	check_store(&p, V, 1);
	CHECK_OK(sel4_x86_page_unmap(page));
	check_no_load(&p, V, LOAD_ABSENT);
	CHECK_OK(sel4_x86_page_unmap(page));
}

TEST(page_unmap_large)
{
	struct prober p = prober_new(0);
	cptr_t page = large_page_new();
	map_directories(INIT_VSPACE, V);
	CHECK_OK(sel4_x86_page_map(page, INIT_VSPACE, V, RIGHTS_ALL, 0));
	check_store(&p, V + 8 * PAGE, 1);
	CHECK_OK(sel4_x86_page_unmap(page));
	check_no_load(&p, V + 8 * PAGE, LOAD_ABSENT);
	CHECK_OK(sel4_x86_page_map(page, INIT_VSPACE, V + LARGE, RIGHTS_ALL, 0));
	check_load(&p, V + LARGE + 8 * PAGE, 1);
}

TEST(page_unmap_never_mapped)
{
	CHECK_OK(sel4_x86_page_unmap(frame_new()));
	CHECK_OK(sel4_x86_page_unmap(large_page_new()));
	CHECK_OK(sel4_x86_page_unmap(huge_page_new()));
}

/* Unmapping a page whose place another has taken leaves the other one. */
TEST(page_unmap_after_being_replaced)
{
	cptr_t vspace = vspace_new();
	struct prober p = prober_new(vspace);
	cptr_t a = frame_new(), b = frame_new();
	vspace_map(vspace, V, a, RIGHTS_ALL, 0);
	CHECK_OK(sel4_x86_page_map(b, vspace, V, RIGHTS_ALL, 0));
	check_store(&p, V, 0xb);
	CHECK_OK(sel4_x86_page_unmap(a));
	check_load(&p, V, 0xb);
	CHECK_OK(sel4_x86_page_unmap(b));
	check_no_load(&p, V, LOAD_ABSENT);
}

/* It looks at the frame, not at the capability: a copy at the same place goes too. */
TEST(page_unmap_takes_the_mapping_of_a_copy_at_the_same_place)
{
	cptr_t vspace = vspace_new();
	struct prober p = prober_new(vspace);
	cptr_t a = frame_new(), copy = cap_copy(a, RIGHTS_ALL);
	vspace_map(vspace, V, a, RIGHTS_ALL, 0);
	CHECK_OK(sel4_x86_page_map(copy, vspace, V, RIGHTS_ALL, 0));
	CHECK_OK(sel4_x86_page_unmap(a));
	check_no_load(&p, V, LOAD_ABSENT);
	CHECK_OK(sel4_x86_page_unmap(copy));
}

TEST(page_deleting_the_capability_unmaps)
{
	struct prober p = prober_new(0);
	cptr_t page = frame_new(), copy = cap_copy(page, RIGHTS_ALL);
	vspace_map(INIT_VSPACE, V, page, RIGHTS_ALL, 0);
	vspace_map(INIT_VSPACE, V + PAGE, copy, RIGHTS_ALL, 0);
	check_store(&p, V, 1);
	CHECK_OK(sel4_cnode_delete(slot(copy)));
	check_no_load(&p, V + PAGE, LOAD_ABSENT);
	check_load(&p, V, 1);
	CHECK_OK(sel4_cnode_delete(slot(page)));
	check_no_load(&p, V, LOAD_ABSENT);
}

TEST(page_revoking_unmaps_the_copies)
{
	struct prober p = prober_new(0);
	cptr_t page = frame_new();
	vspace_map(INIT_VSPACE, V, page, RIGHTS_ALL, 0);
	for (word_t i = 1; i < 5; i++)
		vspace_map(INIT_VSPACE, V + i * PAGE, cap_copy(page, RIGHTS_ALL), RIGHTS_ALL, 0);
	CHECK_OK(sel4_cnode_revoke(slot(page)));
	check_load(&p, V, 0);
	for (word_t i = 1; i < 5; i++)
		check_no_load(&p, V + i * PAGE, LOAD_ABSENT);
}

TEST(page_moving_the_capability_keeps_the_mapping)
{
	struct prober p = prober_new(0);
	cptr_t page = frame_new(), moved = slot_new();
	vspace_map(INIT_VSPACE, V, page, RIGHTS_ALL, 0);
	CHECK_OK(sel4_cnode_move(slot(moved), slot(page)));
	check_load(&p, V, 0);
	CHECK_OK(sel4_x86_page_unmap(moved));
	check_no_load(&p, V, LOAD_ABSENT);
}

TEST(page_a_copy_of_a_mapped_frame_is_not_mapped)
{
	cptr_t page = frame_new();
	vspace_map(INIT_VSPACE, V, page, RIGHTS_ALL, 0);
	cptr_t copy = cap_copy(page, RIGHTS_ALL);
	CHECK_OK(sel4_x86_page_map(copy, INIT_VSPACE, V + PAGE, RIGHTS_ALL, 0));
}

/* Missing tables: how many bits of the address are not resolved. */

TEST(page_map_without_tables)
{
	cptr_t page = frame_new(), large = large_page_new(), huge = huge_page_new();
	CHECK_ERR(sel4_x86_page_map(page, INIT_VSPACE, V, RIGHTS_ALL, 0), ERR_FAILED_LOOKUP,
	          AT_DEST, WORDS_MISSING(39));
	CHECK_ERR(sel4_x86_page_map(large, INIT_VSPACE, V, RIGHTS_ALL, 0), ERR_FAILED_LOOKUP,
	          AT_DEST, WORDS_MISSING(39));
	CHECK_ERR(sel4_x86_page_map(huge, INIT_VSPACE, V, RIGHTS_ALL, 0), ERR_FAILED_LOOKUP,
	          AT_DEST, WORDS_MISSING(39));
	map_pdpt(INIT_VSPACE, V);
	CHECK_ERR(sel4_x86_page_map(page, INIT_VSPACE, V, RIGHTS_ALL, 0), ERR_FAILED_LOOKUP,
	          AT_DEST, WORDS_MISSING(30));
	CHECK_ERR(sel4_x86_page_map(large, INIT_VSPACE, V, RIGHTS_ALL, 0), ERR_FAILED_LOOKUP,
	          AT_DEST, WORDS_MISSING(30));
	CHECK_OK(sel4_x86_page_directory_map(object_new(OBJ_X86_PAGE_DIRECTORY, 0), INIT_VSPACE, V,
	                                     0));
	CHECK_ERR(sel4_x86_page_map(page, INIT_VSPACE, V, RIGHTS_ALL, 0), ERR_FAILED_LOOKUP,
	          AT_DEST, WORDS_MISSING(21));
}

TEST(page_map_where_a_larger_page_is)
{
	cptr_t page = frame_new(), large = large_page_new(), huge = huge_page_new();
	map_directories(INIT_VSPACE, V);
	CHECK_OK(sel4_x86_page_map(large, INIT_VSPACE, V, RIGHTS_ALL, 0));
	CHECK_ERR(sel4_x86_page_map(page, INIT_VSPACE, V, RIGHTS_ALL, 0), ERR_FAILED_LOOKUP,
	          AT_DEST, WORDS_MISSING(21));
	CHECK_OK(sel4_x86_page_map(huge, INIT_VSPACE, V + HUGE, RIGHTS_ALL, 0));
	CHECK_ERR(sel4_x86_page_map(page, INIT_VSPACE, V + HUGE, RIGHTS_ALL, 0), ERR_FAILED_LOOKUP,
	          AT_DEST, WORDS_MISSING(30));
	CHECK_ERR(sel4_x86_page_map(large_page_new(), INIT_VSPACE, V + HUGE, RIGHTS_ALL, 0),
	          ERR_FAILED_LOOKUP, AT_DEST, WORDS_MISSING(30));
}

TEST(page_map_where_a_table_is)
{
	cptr_t large = large_page_new(), huge = huge_page_new();
	vspace_map_tables(INIT_VSPACE, V);
	CHECK_ERR(sel4_x86_page_map(large, INIT_VSPACE, V, RIGHTS_ALL, 0), ERR_DELETE_FIRST);
	CHECK_ERR(sel4_x86_page_map(huge, INIT_VSPACE, V, RIGHTS_ALL, 0), ERR_DELETE_FIRST);
	CHECK_OK(sel4_x86_page_map(large, INIT_VSPACE, V + LARGE, RIGHTS_ALL, 0));
	CHECK_OK(sel4_x86_page_map(huge, INIT_VSPACE, V + HUGE, RIGHTS_ALL, 0));
}

TEST(page_map_a_large_page_over_another)
{
	cptr_t vspace = vspace_new();
	struct prober p = prober_new(vspace);
	cptr_t a = large_page_new(), b = large_page_new();
	map_directories(vspace, V);
	CHECK_OK(sel4_x86_page_map(a, vspace, V, RIGHTS_ALL, 0));
	check_store(&p, V, 0xa);
	CHECK_OK(sel4_x86_page_map(b, vspace, V, RIGHTS_ALL, 0));
	check_load(&p, V, 0);
	CHECK_OK(sel4_x86_page_unmap(a));
	check_load(&p, V, 0);
	CHECK_OK(sel4_x86_page_unmap(b));
	check_no_load(&p, V, LOAD_ABSENT);
}

/* Alignment and range */

TEST(page_map_alignment)
{
	cptr_t page = frame_new(), large = large_page_new(), huge = huge_page_new();
	vspace_map_tables(INIT_VSPACE, V);
	CHECK_ERR(sel4_x86_page_map(page, INIT_VSPACE, V + 1, RIGHTS_ALL, 0), ERR_ALIGNMENT);
	CHECK_ERR(sel4_x86_page_map(page, INIT_VSPACE, V + 0x800, RIGHTS_ALL, 0), ERR_ALIGNMENT);
	CHECK_ERR(sel4_x86_page_map(large, INIT_VSPACE, V + PAGE, RIGHTS_ALL, 0), ERR_ALIGNMENT);
	CHECK_ERR(sel4_x86_page_map(large, INIT_VSPACE, V + LARGE / 2, RIGHTS_ALL, 0),
	          ERR_ALIGNMENT);
	CHECK_ERR(sel4_x86_page_map(huge, INIT_VSPACE, V + LARGE, RIGHTS_ALL, 0), ERR_ALIGNMENT);
	/* It comes before the tables. */
	CHECK_ERR(sel4_x86_page_map(page, INIT_VSPACE, V + (1ull << 40) + 1, RIGHTS_ALL, 0),
	          ERR_ALIGNMENT);
}

TEST(page_map_address_too_high)
{
	static const word_t addresses[] = {
		0x7ffffffff000,     0x800000000000,     0x800000000001, 0xffff7ffffffff000,
		0xffff800000000000, 0xffffff8000000000, ~0xfffull,      ~0ull,
	};
	cptr_t page = frame_new();
	for (size_t i = 0; i < sizeof addresses / sizeof addresses[0]; i++)
		CHECK_ERR(sel4_x86_page_map(page, INIT_VSPACE, addresses[i], RIGHTS_ALL, 0),
		          ERR_INVALID_ARGUMENT, 0);
	CHECK_ERR(sel4_x86_page_map(large_page_new(), INIT_VSPACE, 0x7fffffe00000, RIGHTS_ALL, 0),
	          ERR_INVALID_ARGUMENT, 0);
	CHECK_ERR(sel4_x86_page_map(huge_page_new(), INIT_VSPACE, 0x7fffc0000000, RIGHTS_ALL, 0),
	          ERR_INVALID_ARGUMENT, 0);
}

TEST(page_map_at_the_highest_address)
{
	cptr_t vspace = vspace_new(), page = frame_new();
	struct prober p = prober_new(vspace);
	vspace_map(vspace, 0x7fffffffe000, page, RIGHTS_ALL, 0);
	check_store(&p, 0x7fffffffeff8, 0x99);
	check_load(&p, 0x7fffffffeff8, 0x99);
	check_no_load(&p, 0x7ffffffff000, LOAD_ABSENT);
}

TEST(page_map_at_address_0)
{
	cptr_t vspace = vspace_new();
	struct prober p = prober_new(vspace);
	check_no_load(&p, 0, LOAD_ABSENT);
	vspace_map(vspace, 0, frame_new(), RIGHTS_ALL, 0);
	check_store(&p, 0, 0x99);
	check_load(&p, 0, 0x99);
}

/* Users see nothing of the kernel, whether something is mapped there or not. */
TEST(page_kernel_addresses_are_denied)
{
	static const word_t addresses[] = { 0xffff800000000000, 0xffffff8000000000,
		                            0xffffff8000100000, 0xffffffff80000000,
		                            0xffffffff80100000, 0xffffffffc0000000,
		                            0xfffffffffffff000 };
	struct prober p = prober_new(0);
	for (size_t i = 0; i < sizeof addresses / sizeof addresses[0]; i++) {
		struct outcome o = probe_load(&p, addresses[i]);
		CHECK(o.faulted);
		CHECK_EQ(o.address, addresses[i]);
		CHECK_EQ(o.code & PF_USER, PF_USER);
		CHECK(probe_store(&p, addresses[i], 0).faulted);
	}
}

/* The address space given */

TEST(page_map_vspace_is_none)
{
	cptr_t page = frame_new();
	CHECK_ERR(sel4_x86_page_map(page, slot_new(), V, RIGHTS_ALL, 0), ERR_INVALID_CAPABILITY, 1);
	CHECK_ERR(sel4_x86_page_map(page, INIT_CNODE, V, RIGHTS_ALL, 0), ERR_INVALID_CAPABILITY, 1);
	CHECK_ERR(sel4_x86_page_map(page, object_new(OBJ_X86_PML4, 0), V, RIGHTS_ALL, 0),
	          ERR_INVALID_CAPABILITY, 1);
	CHECK_ERR(sel4_x86_page_map(page, boot_info->user_image_paging.start, V, RIGHTS_ALL, 0),
	          ERR_INVALID_CAPABILITY, 1);
}

TEST(page_map_by_a_copied_vspace_capability)
{
	cptr_t page = frame_new(), copy = cap_copy(INIT_VSPACE, 0);
	struct prober p = prober_new(0);
	vspace_map(copy, V, page, RIGHTS_ALL, 0);
	check_load(&p, V, 0);
}

TEST(page_map_truncated)
{
	cptr_t page = frame_new();
	sel4_set_cap(0, INIT_VSPACE);
	for (word_t words = 0; words < 3; words++)
		CHECK_ERR(invoke(page, INV_X86_PAGE_MAP, 1, words, V, RIGHTS_ALL, 0, 0),
		          ERR_TRUNCATED_MESSAGE);
	CHECK_ERR(invoke(page, INV_X86_PAGE_MAP, 0, 3, V, RIGHTS_ALL, 0, 0), ERR_TRUNCATED_MESSAGE);
}

TEST(page_map_reply)
{
	cptr_t page = frame_new();
	vspace_map_tables(INIT_VSPACE, V);
	sel4_set_cap(0, INIT_VSPACE);
	struct sel4_msg m = sel4_invoke(page, INV_X86_PAGE_MAP, 1, 3, V, RIGHTS_ALL, 0, 0);
	CHECK_EQ(m.info, 0);
	CHECK_EQ(m.badge, 0);
}

/* GetAddress */

TEST(page_get_address)
{
	cptr_t page = frame_new();
	struct sel4_msg m = sel4_invoke(page, INV_X86_PAGE_GET_ADDRESS, 0, 0, 1, 2, 3, 4);
	CHECK_EQ(m.info, 1);
	CHECK_EQ(m.badge, 0);
	CHECK_EQ(m.mr[0] & 0xfff, 0);
	CHECK_NE(m.mr[0], 0);
	CHECK_EQ(m.mr[1], 2);
	CHECK_EQ(m.mr[3], 4);
}

TEST(page_get_address_of_copies_and_mappings)
{
	cptr_t page = large_page_new(), copy = cap_copy(page, 0);
	word_t a, b;
	CHECK_OK(sel4_x86_page_get_address(page, &a));
	CHECK_OK(sel4_x86_page_get_address(copy, &b));
	CHECK_EQ(a, b);
	CHECK_EQ(a & (LARGE - 1), 0);
}

/* The image's frames: where the kernel put the program, page after page. */
TEST(page_get_address_of_the_image)
{
	word_t first, paddr;
	CHECK_OK(sel4_x86_page_get_address(boot_info->user_image_frames.start, &first));
	for (word_t i = 1; i < image_frames(); i++) {
		CHECK_OK(sel4_x86_page_get_address(boot_info->user_image_frames.start + i, &paddr));
		CHECK_EQ(paddr, first + i * PAGE);
	}
}

TEST(page_invoke_with_wrong_labels)
{
	cptr_t page = frame_new();
	for (word_t label = 0; label <= INV_COUNT + 2; label++)
		if (label < INV_X86_PAGE_MAP || label > INV_X86_PAGE_GET_ADDRESS)
			CHECK_ERR(invoke(page, label, 0, 3, 0, 0, 0, 0), ERR_ILLEGAL_OPERATION);
}
