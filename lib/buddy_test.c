/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The buddy allocator against one word for each page: not ours, free, or in which block. Ranges
 * with holes; a request may fail only where no free, aligned run of that length is there.
 */
#include <lib/buddy.h>
#include "unit_test.h"

enum { PAGES_MAX = 1500, SEEDS = 40, STEPS = 1200, FREE = -1, HOLE = -2 };

#define BASE (3ull << 30)

/* Of a page: FREE, HOLE, or the first page of its block; the block's order stands at that page. */
static int state[PAGES_MAX];
static unsigned int orders[PAGES_MAX];
static uint64_t pages;

static uint64_t address_of(uint64_t page)
{
	return BASE + (page << BUDDY_PAGE_BITS);
}

static bool all_are(uint64_t first, uint64_t count, int what)
{
	for (uint64_t i = first; i < first + count; i++)
		if (i >= pages || state[i] != what)
			return false;
	return true;
}

static void paint(uint64_t first, uint64_t count, int with)
{
	for (uint64_t i = first; i < first + count; i++)
		state[i] = with;
}

static bool is_block(uint64_t page, unsigned int order)
{
	return page < pages && state[page] == (int)page && orders[page] == order;
}

static unsigned int some_order(void)
{
	return (unsigned int)(test_below(3) ? test_below(4) : test_below(BUDDY_ORDERS + 1));
}

static void add(struct buddy *buddy)
{
	uint64_t first = test_below(pages), count = test_below(pages / 4 + 2);
	err_t expected = count == 0                    ? E_INVAL
	                 : first + count > pages       ? E_RANGE
	                 : all_are(first, count, HOLE) ? E_OK
	                                               : E_EXIST;
	uint64_t bytes = count << BUDDY_PAGE_BITS;
	CHECK(buddy_add(buddy, address_of(first), bytes) == expected);
	if (expected == E_OK)
		paint(first, count, FREE);
	CHECK(buddy_add(buddy, address_of(first) + 1, bytes) == E_INVAL);
	CHECK(buddy_add(buddy, BASE - 4096, 8192) == E_RANGE);
}

static void hand_out(uint64_t page, unsigned int order)
{
	CHECK(page % (1ull << order) == 0 && all_are(page, 1ull << order, FREE));
	paint(page, 1ull << order, (int)page);
	orders[page] = order;
}

static void alloc(struct buddy *buddy)
{
	unsigned int order = some_order();
	uint64_t limit_page = test_below(3) ? pages : test_below(pages + 1), address;
	uint64_t limit = limit_page == pages ? UINT64_MAX : address_of(limit_page) + test_below(9);
	err_t err = buddy_alloc(buddy, order, limit, &address);
	bool possible = false;
	for (uint64_t i = 0; order <= BUDDY_ORDER_MAX && i + (1ull << order) <= limit_page;
	     i += 1ull << order)
		possible = possible || all_are(i, 1ull << order, FREE);
	CHECK(err == (order > BUDDY_ORDER_MAX ? E_INVAL : possible ? E_OK : E_NOMEM));
	if (err == E_OK) {
		uint64_t page = (address - BASE) >> BUDDY_PAGE_BITS;
		CHECK(address >= BASE && address_of(page) == address);
		CHECK(page + (1ull << order) <= limit_page);
		hand_out(page, order);
	}
}

static void alloc_at(struct buddy *buddy)
{
	unsigned int order = some_order();
	uint64_t page = test_below(pages + 2);
	if (test_below(4) && order <= BUDDY_ORDER_MAX)
		page &= ~((1ull << order) - 1);
	err_t expected = order > BUDDY_ORDER_MAX || page % (1ull << order) ? E_INVAL
	                 : page + (1ull << order) > pages                  ? E_RANGE
	                 : all_are(page, 1ull << order, FREE)              ? E_OK
	                                                                   : E_BUSY;
	CHECK(buddy_alloc_at(buddy, address_of(page), order) == expected);
	if (expected == E_OK)
		hand_out(page, order);
}

static void give_back(struct buddy *buddy)
{
	uint64_t page = test_below(pages);
	for (int tries = 0; tries < 50 && state[page] < 0; tries++)
		page = test_below(pages);
	if (test_below(8) && state[page] >= 0)
		page = (uint64_t)state[page];
	unsigned int order = test_below(8) ? orders[page] : some_order();
	bool is = is_block(page, order);
	unsigned int into = some_order();
	if (test_below(4) == 0) {
		CHECK(buddy_split(buddy, address_of(page), order, into) ==
		      (is && into <= order ? E_OK : E_INVAL));
		for (uint64_t i = 0; is && into <= order && i < 1ull << order; i += 1ull << into) {
			paint(page + i, 1ull << into, (int)(page + i));
			orders[page + i] = into;
		}
	} else {
		CHECK(buddy_free(buddy, address_of(page), order) == (is ? E_OK : E_INVAL));
		if (is)
			paint(page, 1ull << order, FREE);
	}
}

static void check_same(const struct buddy *buddy)
{
	uint64_t free_pages = 0;
	for (uint64_t i = 0; i < pages; i++)
		free_pages += state[i] == FREE;
	CHECK(buddy->free_pages == free_pages);
	CHECK(test_step % 4 || buddy_valid(buddy));
}

static void run(uint64_t seed)
{
	test_start(seed);
	struct buddy buddy;
	pages = 1 + test_below(seed % 2 ? PAGES_MAX : 70);
	size_t bytes = buddy_words(pages) * sizeof(uint64_t);
	uint64_t *memory = malloc(bytes);
	CHECK(memory);
	memset(memory, 0xa5, bytes);
	buddy_init(&buddy, memory, BASE, pages);
	paint(0, pages, HOLE);
	if (seed % 3 == 0) {
		CHECK(buddy_add(&buddy, BASE, pages << BUDDY_PAGE_BITS) == E_OK);
		paint(0, pages, FREE);
	}
	for (test_step = 0; test_step < STEPS; test_step++) {
		bool fills = test_step / 150 % 2 == 0;
		if (test_below(20) == 0)
			add(&buddy);
		else if (test_below(4) == 0)
			alloc_at(&buddy);
		else if (test_below(8) < (fills ? 5 : 2))
			alloc(&buddy);
		else
			give_back(&buddy);
		check_same(&buddy);
	}
	for (uint64_t i = 0; i < pages; i++) {
		if (state[i] != (int)i)
			continue;
		CHECK(buddy_free(&buddy, address_of(i), orders[i]) == E_OK);
		paint(i, 1ull << orders[i], FREE);
	}
	test_step = 0;
	check_same(&buddy);
	free(memory);
}

/* The largest orders, and what the tables of a large machine take. */
static void check_large(void)
{
	struct buddy buddy;
	uint64_t address, count = 4ull << BUDDY_ORDER_MAX;
	test_start(100);
	CHECK(buddy_words(16 << 20) * 8 <= 9 << 20);
	uint64_t *memory = malloc(buddy_words(count) * sizeof(uint64_t));
	CHECK(memory);
	buddy_init(&buddy, memory, 0, count);
	CHECK(buddy_add(&buddy, 0x1000, (count << BUDDY_PAGE_BITS) - 0x1000) == E_OK);
	CHECK(buddy_valid(&buddy) && buddy.free_pages == count - 1);
	for (uint64_t i = 1; i < 4; i++)
		CHECK(buddy_alloc(&buddy, 18, UINT64_MAX, &address) == E_OK && address == i << 30);
	CHECK(buddy_alloc(&buddy, 18, UINT64_MAX, &address) == E_NOMEM);
	CHECK(buddy_alloc(&buddy, 9, 16 << 20, &address) == E_OK && address == 2 << 20);
	CHECK(buddy_add(&buddy, 0, 0x1000) == E_OK && buddy_valid(&buddy));
	CHECK(buddy_free(&buddy, 2 << 20, 9) == E_OK);
	CHECK(buddy_alloc(&buddy, 18, 1 << 30, &address) == E_OK && address == 0);
	CHECK(buddy.free_pages == 0 && buddy_valid(&buddy));
	free(memory);
}

int main(void)
{
	for (uint64_t seed = 1; seed <= SEEDS; seed++)
		run(seed);
	check_large();
	return 0;
}
