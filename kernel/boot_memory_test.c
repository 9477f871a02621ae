/* SPDX-License-Identifier: BSD-2-Clause */
/* Sets of regions against a plain array of pages, and the division into untypeds. */
#include <string.h>
#include "boot_test.h"

enum { PAGES = 512, ROUNDS = 20000 };

static void check_same(const struct regions *regions, const bool *pages)
{
	unsigned at = 0;
	for (unsigned i = 0; i < regions->count; i++) {
		struct region r = regions->list[i];
		CHECK(r.start < r.end && r.start >= at);
		CHECK(i == 0 || r.start > at); /* none touch */
		for (; at < r.start; at++)
			CHECK(!pages[at]);
		for (; at < r.end; at++)
			CHECK(pages[at]);
	}
	for (; at < PAGES; at++)
		CHECK(!pages[at]);
}

static void test_sets(void)
{
	static struct regions regions;
	static bool pages[PAGES];
	for (unsigned round = 0; round < ROUNDS; round++) {
		uint64_t start = test_random_below(PAGES);
		uint64_t end = start + test_random_below(PAGES - start) / 8;
		unsigned what = (unsigned)test_random_below(3);
		paddr_t got;
		if (what == 0) {
			regions_add(&regions, start, end);
			memset(pages + start, true, end - start);
		} else if (what == 1) {
			regions_remove(&regions, start, end);
			memset(pages + start, false, end - start);
		} else if (regions_take(&regions, 8, 2, start, PAGES, &got)) {
			CHECK(got % 4 == 0 && got >= start && got + 8 <= PAGES);
			for (unsigned i = 0; i < 8; i++)
				CHECK(pages[got + i]);
			memset(pages + got, false, 8);
		}
		if (regions.count < REGIONS_MAX) /* at the limit the smallest are lost */
			check_same(&regions, pages);
		else
			for (unsigned i = 0; i < PAGES; i++)
				pages[i] = false, regions.count = 0;
	}
}

static void test_limit(void)
{
	static struct regions regions;
	for (uint64_t i = 0; i < REGIONS_MAX + 50; i++)
		regions_add(&regions, i * 100, i * 100 + 1 + i % 50);
	CHECK(regions.count == REGIONS_MAX);
	regions_remove(&regions, 130, 131);
	CHECK(regions.count <= REGIONS_MAX);
	regions_remove(&regions, 0, ~0ull);
	CHECK(regions.count == 0 && regions_size(&regions) == 0);
}

/* Every untyped is aligned and in the region; together they leave out only what is too small. */
static void test_untypeds(void)
{
	static struct untyped_list list;
	for (unsigned round = 0; round < ROUNDS; round++) {
		uint64_t start = test_random() >> (17 + test_random_below(40));
		uint64_t end = start + (test_random() >> (17 + test_random_below(40)));
		uint64_t at = start;
		list.count = list.dropped = 0;
		untyped_list_add(&list, start, end, round & 1);
		for (unsigned i = 0; i < list.count; i++) {
			const struct abi_untyped_desc *u = &list.list[i];
			CHECK(u->size_bits >= ABI_UNTYPED_BITS_MIN);
			CHECK(u->size_bits <= ABI_UNTYPED_BITS_MAX);
			CHECK(u->paddr % BIT(u->size_bits) == 0 && u->is_device == (round & 1));
			CHECK(u->paddr >= at && u->paddr - at < BIT(ABI_UNTYPED_BITS_MIN));
			at = u->paddr + BIT(u->size_bits);
		}
		CHECK(at <= end && end - at < BIT(ABI_UNTYPED_BITS_MIN + 1));
	}
}

/* Of too many, the largest are kept, in order. */
static void test_untyped_limit(void)
{
	static struct untyped_list list;
	for (uint64_t i = 0; i < 600; i++)
		untyped_list_add(&list, (i + 1) << 20, ((i + 1) << 20) + BIT(4 + i % 10), false);
	CHECK(list.count == ABI_BOOT_UNTYPEDS_MAX);
	CHECK(list.dropped == 600 - ABI_BOOT_UNTYPEDS_MAX);
	for (unsigned i = 0; i < list.count; i++) {
		CHECK(list.list[i].size_bits >= 10);
		CHECK(i == 0 || list.list[i].paddr > list.list[i - 1].paddr);
	}
}

int main(void)
{
	test_sets();
	test_limit();
	test_untypeds();
	test_untyped_limit();
	return 0;
}
