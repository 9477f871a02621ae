/* SPDX-License-Identifier: BSD-2-Clause */
/* Blocks keep what was written into them, and pages come and go with them. */
#include <lib/slab.h>
#include "unit_test.h"

enum { SEEDS = 30, STEPS = 3000, MAX = 600 };

static unsigned char *blocks[MAX], stamps[MAX];
static size_t count;
static struct test_pages test_pages;
static const struct lib_pages pages = { test_pages_get, test_pages_put, &test_pages };
static const uint32_t sizes[] = { 8, 24, 520, 1, 2000, SLAB_BLOCK_MAX };

static void get(const struct lib_pages *provider, uint32_t bytes)
{
	if (test_below(4) == 0)
		test_pages.left = 0;
	unsigned char *block = provider->get(provider->ctx);
	CHECK(block || test_pages.left == 0);
	test_pages.left = SIZE_MAX;
	if (!block)
		return;
	CHECK((uint64_t)block % 8 == 0);
	stamps[count] = (unsigned char)test_random();
	memset(block, stamps[count], bytes);
	blocks[count++] = block;
}

static void put(const struct lib_pages *provider, uint32_t bytes)
{
	size_t i = test_below(count);
	for (uint32_t j = 0; j < bytes; j++)
		CHECK(blocks[i][j] == stamps[i]);
	provider->put(provider->ctx, blocks[i]);
	count--;
	blocks[i] = blocks[count];
	stamps[i] = stamps[count];
}

int main(void)
{
	for (uint64_t seed = 1; seed <= SEEDS; seed++) {
		struct slab slab;
		uint32_t bytes = sizes[seed % (sizeof(sizes) / sizeof(sizes[0]))];
		test_start(seed);
		test_pages = (struct test_pages){ LIB_PAGE_BYTES, 0, SIZE_MAX };
		slab_init(&slab, &pages, bytes);
		struct lib_pages provider = slab_provider(&slab);
		for (test_step = 0; test_step < STEPS; test_step++) {
			bool grows = test_step / 500 % 2 == 0;
			if (count < MAX && (count == 0 || test_below(8) < (grows ? 6 : 2)))
				get(&provider, bytes);
			else
				put(&provider, bytes);
			CHECK(slab.out == count && (test_step % 8 || slab_valid(&slab)));
			CHECK(slab.pages == test_pages.out);
			CHECK(slab.pages >= (count + slab.blocks - 1) / slab.blocks);
		}
		while (count > 0)
			put(&provider, bytes);
		CHECK(slab_valid(&slab) && test_pages.out == 0);
	}
	return 0;
}
