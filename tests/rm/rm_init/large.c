/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Memory that is touched in order, which comes in pages of 2 MiB where it can: whatever is done to
 * it, each page of 4 KiB has what it had.
 */
#include "test.h"

enum { LARGE = 512, PAGES = 3 * LARGE };
#define AREA 0x300000000000ul

/* PAGES pages at AREA, of which the third 2 MiB are not touched, and the second are one page. */
static cptr_t large_make(cptr_t bank, uint64_t value)
{
	cptr_t memory;
	uint64_t at = AREA;
	CHECK_OK(memory_make(bank, PAGES, 0, &memory));
	CHECK_OK(show_as(RT_VSPACE, memory, 0, PAGES, RW, RM_REGION_FLAGS_FIXED, RM_INHERIT_COPY,
	                 &at));
	fill(AREA, LARGE, value);
	CHECK(memory_status(memory).resident == LARGE);
	for (uint64_t i = LARGE; i < 2 * LARGE; i++) {
		volatile uint64_t *page = word_at(AREA, i);
		for (unsigned int j = 0; j < PAGE / 8; j += 32)
			CHECK(page[j] == 0);
		*page = value + i;
	}
	CHECK(memory_status(memory).resident == 2 * LARGE);
	CHECK(holds(AREA, 2 * LARGE, value));
	return memory;
}

static void large_end(cptr_t memory)
{
	CHECK_OK(hide(RT_VSPACE, AREA, PAGES));
	CHECK_OK(rm_dataspace_destroy(memory));
	rt_slot_put(memory);
}

static void test_touch(cptr_t bank)
{
	uint64_t used = bank_status(bank).used, there;
	cptr_t memory = large_make(bank, 7);
	/* The one touch of page LARGE brought all of its 2 MiB, and they are charged. */
	*word_at(AREA, 2 * LARGE) = 1;
	CHECK(memory_status(memory).resident == 3 * LARGE);
	there = bank_status(bank).used;
	CHECK(there >= used + 3ul * LARGE * PAGE && there < used + 4ul * LARGE * PAGE);
	CHECK(peek(RT_VSPACE, AREA + (LARGE + 300) * PAGE) == 7 + LARGE + 300);
	/* A bank that cannot afford 2 MiB gets pages one by one. */
	cptr_t poor, little;
	uint64_t at = AREA + 16ul * MIB;
	CHECK_OK(bank_make(bank, LARGE + 200, &poor));
	CHECK_OK(memory_make(poor, 2 * LARGE, 0, &little));
	CHECK_OK(show_as(RT_VSPACE, little, 0, 2 * LARGE, RW, RM_REGION_FLAGS_FIXED,
	                 RM_INHERIT_COPY, &at));
	fill(at, LARGE + 1, 1);
	CHECK(memory_status(little).resident < LARGE + 32);
	CHECK_OK(hide(RT_VSPACE, at, 2 * LARGE));
	CHECK_OK(rm_bank_destroy(poor));
	slots_put((cptr_t[]){ poor, little }, 2);
	large_end(memory);
	CHECK(rm_is_valid());
}

/* Both keep what they have, whoever writes; sharing and copying alike. */
static void copy_to(cptr_t bank, cptr_t payer, uint64_t first)
{
	cptr_t memory = large_make(bank, 100), copy;
	uint64_t at = AREA + 16ul * MIB;
	CHECK_OK(memory_clone(memory, payer, first, 2 * LARGE - first, &copy));
	CHECK_OK(show_as(RT_VSPACE, copy, 0, 2 * LARGE - first, RW, RM_REGION_FLAGS_FIXED,
	                 RM_INHERIT_COPY, &at));
	CHECK(holds(at, 2 * LARGE - first, 100 + first));
	CHECK(rm_is_valid());
	*word_at(at, LARGE + 3 - first) = 1;
	*word_at(AREA, LARGE + 3) = 2;
	*word_at(AREA, LARGE + 5) = 3;
	CHECK(*word_at(at, LARGE + 3 - first) == 1 && *word_at(AREA, LARGE + 3) == 2);
	CHECK(*word_at(at, LARGE + 5 - first) == 100 + LARGE + 5);
	CHECK(holds(AREA + (LARGE + 6ul) * PAGE, LARGE - 6, 100 + LARGE + 6));
	CHECK(holds(at + (LARGE + 6 - first) * PAGE, LARGE - 6, 100 + LARGE + 6));
	CHECK(rm_is_valid());
	/* When one is gone the other still has all, and writes. */
	CHECK_OK(hide(RT_VSPACE, at, 2 * LARGE - first));
	CHECK_OK(rm_dataspace_destroy(copy));
	rt_slot_put(copy);
	fill(AREA, 2 * LARGE, 500);
	CHECK(holds(AREA, 2 * LARGE, 500));
	large_end(memory);
}

static void test_copy(cptr_t bank)
{
	cptr_t payer;
	copy_to(bank, bank, 0);
	copy_to(bank, bank, LARGE);
	copy_to(bank, bank, 17);
	CHECK_OK(bank_make(bank, 3 * LARGE, &payer));
	copy_to(bank, payer, 0);
	CHECK_OK(rm_bank_destroy(payer));
	rt_slot_put(payer);
	CHECK(rm_is_valid());
}

/* A part of the 2 MiB is hidden, protected, shown elsewhere. */
static void test_parts(cptr_t bank)
{
	cptr_t memory = large_make(bank, 1000);
	uint64_t at = 0, middle = AREA + (LARGE + 200ul) * PAGE;
	CHECK_OK(protect(RT_VSPACE, middle, 10, RM_RIGHT_READ));
	CHECK(holds(AREA, 2 * LARGE, 1000));
	*word_at(middle, 10) = 1;
	CHECK(*word_at(middle, 9) == 1000 + LARGE + 209 && *word_at(middle, 10) == 1);
	CHECK_OK(hide(RT_VSPACE, middle, 10));
	CHECK(peek(RT_VSPACE, middle) == NOT_THERE);
	CHECK(holds(AREA, LARGE + 200, 1000));
	CHECK(rm_is_valid());
	/* What was hidden is still there; where it is shown now it fits no 2 MiB. */
	CHECK_OK(show_as(RT_VSPACE, memory, LARGE + 100, 300, RW, 0, RM_INHERIT_COPY, &at));
	CHECK(*word_at(at, 109) == 1000 + LARGE + 209);
	*word_at(at, 0) = 5;
	CHECK(*word_at(AREA, LARGE + 100) == 5);
	*word_at(AREA, LARGE + 101) = 6;
	CHECK(*word_at(at, 1) == 6);
	CHECK(rm_is_valid());
	CHECK_OK(hide(RT_VSPACE, at, 300));
	CHECK_OK(hide(RT_VSPACE, AREA, PAGES));
	CHECK_OK(rm_dataspace_destroy(memory));
	rt_slot_put(memory);
}

static void test_trim(cptr_t bank)
{
	cptr_t memory = large_make(bank, 40);
	struct rm_dataspace_resize_in in = { .size = LARGE + 77 };
	uint64_t used = bank_status(bank).used;
	CHECK_OK(rm_dataspace_resize(memory, &in));
	CHECK(memory_status(memory).resident == LARGE + 77);
	CHECK(peek(RT_VSPACE, AREA + (LARGE + 77ul) * PAGE) == NOT_THERE);
	CHECK(holds(AREA, LARGE + 77, 40));
	in.size = PAGES;
	CHECK_OK(rm_dataspace_resize(memory, &in));
	CHECK(*word_at(AREA, LARGE + 76) == 40 + LARGE + 76);
	for (uint64_t i = LARGE + 77; i < 2 * LARGE; i++)
		CHECK(*word_at(AREA, i) == 0);
	CHECK(rm_is_valid());
	in.size = LARGE;
	CHECK_OK(rm_dataspace_resize(memory, &in));
	CHECK(memory_status(memory).resident == LARGE && holds(AREA, LARGE, 40));
	CHECK(bank_status(bank).used + LARGE * PAGE <= used);
	large_end(memory);
}

/* A private region of it reads what is there, and writes to pages of its own. */
static void test_private(cptr_t bank)
{
	cptr_t memory = large_make(bank, 60);
	uint64_t at = AREA + 16ul * MIB;
	CHECK_OK(show_as(RT_VSPACE, memory, 0, 2 * LARGE, RW,
	                 RM_REGION_FLAGS_FIXED | RM_REGION_FLAGS_PRIVATE, RM_INHERIT_COPY, &at));
	CHECK(*word_at(at, LARGE + 9) == 60 + LARGE + 9);
	*word_at(at, LARGE + 10) = 1;
	*word_at(AREA, LARGE + 11) = 2;
	CHECK(*word_at(AREA, LARGE + 10) == 60 + LARGE + 10 && *word_at(at, LARGE + 10) == 1);
	CHECK(*word_at(at, LARGE + 11) == 2);
	CHECK(holds(AREA + (LARGE + 12ul) * PAGE, LARGE - 12, 60 + LARGE + 12));
	CHECK(rm_is_valid());
	CHECK_OK(hide(RT_VSPACE, at, 2 * LARGE));
	large_end(memory);
}

const struct test large_tests[] = {
	{ "large pages: touch in order", test_touch },
	{ "large pages: copies", test_copy },
	{ "large pages: parts", test_parts },
	{ "large pages: resize", test_trim },
	{ "large pages: private regions", test_private },
	{ 0 },
};
