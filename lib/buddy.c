/* SPDX-License-Identifier: BSD-2-Clause */
/* See lib/buddy.h. Block i of order k has the pages from i * 2^k on; its buddy is block i ^ 1. */
#include <lib/assert.h>
#include <lib/buddy.h>
#include <lib/range.h>

/* The blocks of an order, the last of which may reach over the end (and then is never used). */
static uint64_t blocks_of(uint64_t pages, unsigned int order)
{
	return ((pages - 1) >> order) + 1;
}

uint64_t buddy_words(uint64_t pages)
{
	assert(pages > 0 && pages <= BITSET_BITS_MAX);
	uint64_t words = 0;
	for (unsigned int order = 0; order < BUDDY_ORDERS; order++) {
		uint64_t blocks = blocks_of(pages, order);
		words += bitset_words(blocks) + bitmap_words(blocks);
	}
	return words;
}

void buddy_init(struct buddy *buddy, uint64_t *memory, uint64_t base, uint64_t pages)
{
	assert(range_is_aligned(base, 1ull << (BUDDY_PAGE_BITS + BUDDY_ORDER_MAX)));
	assert(range_ok(base, pages << BUDDY_PAGE_BITS, UINT64_MAX));
	__builtin_memset(memory, 0, buddy_words(pages) * sizeof(uint64_t));
	*buddy = (struct buddy){ .base = base, .pages = pages };
	for (unsigned int order = 0; order < BUDDY_ORDERS; order++) {
		uint64_t blocks = blocks_of(pages, order);
		bitset_init(&buddy->free[order], memory, blocks);
		memory += bitset_words(blocks);
		buddy->taken[order] = memory;
		memory += bitmap_words(blocks);
	}
}

/* The order of the free block that contains block i of an order; BUDDY_ORDERS: there is none. */
static unsigned int free_around(const struct buddy *buddy, uint64_t i, unsigned int order)
{
	for (; order < BUDDY_ORDERS; order++, i /= 2)
		if (bitset_has(&buddy->free[order], i))
			break;
	return order;
}

static bool is_taken_around(const struct buddy *buddy, uint64_t i, unsigned int order)
{
	for (; order < BUDDY_ORDERS; order++, i /= 2)
		if (bitmap_get(buddy->taken[order], i))
			return true;
	return false;
}

static void insert_free(struct buddy *buddy, uint64_t i, unsigned int order)
{
	buddy->free_pages += 1ull << order;
	for (; order < BUDDY_ORDER_MAX; order++, i /= 2) {
		struct bitset *set = &buddy->free[order];
		if (!bitset_has(set, i ^ 1)) /* in the same word, so it may be asked for */
			break;
		bitset_remove(set, i ^ 1);
	}
	bitset_add(&buddy->free[order], i);
}

/* Takes block i of an order out of the free block of order from around it, and hands it out. */
static void carve(struct buddy *buddy, uint64_t i, unsigned int order, unsigned int from)
{
	bitset_remove(&buddy->free[from], i >> (from - order));
	for (unsigned int k = order; k < from; k++)
		bitset_add(&buddy->free[k], i >> (k - order) ^ 1);
	bitmap_put(buddy->taken[order], i, true);
	buddy->free_pages -= 1ull << order;
}

/* The number of the block, if it could be one. */
static err_t block_at(const struct buddy *buddy, uint64_t address, unsigned int order, uint64_t *i)
{
	if (order > BUDDY_ORDER_MAX)
		return E_INVAL;
	uint64_t bits = BUDDY_PAGE_BITS + order;
	if (!range_is_aligned(address, 1ull << bits))
		return E_INVAL;
	if (address < buddy->base ||
	    !range_ok(address - buddy->base, 1ull << bits, buddy->pages << BUDDY_PAGE_BITS))
		return E_RANGE;
	*i = (address - buddy->base) >> bits;
	return E_OK;
}

err_t buddy_alloc(struct buddy *buddy, unsigned int order, uint64_t limit, uint64_t *address)
{
	if (order > BUDDY_ORDER_MAX)
		return E_INVAL;
	uint64_t bytes = 1ull << (BUDDY_PAGE_BITS + order);
	for (unsigned int from = order; from < BUDDY_ORDERS; from++) {
		const struct bitset *set = &buddy->free[from];
		uint64_t i = bitset_next(set, 0) << (from - order);
		uint64_t at = buddy->base + i * bytes;
		if (bitset_next(set, 0) == set->bits || at > limit || bytes > limit - at)
			continue;
		carve(buddy, i, order, from);
		*address = at;
		return E_OK;
	}
	return E_NOMEM;
}

err_t buddy_alloc_at(struct buddy *buddy, uint64_t address, unsigned int order)
{
	uint64_t i;
	err_t err = block_at(buddy, address, order, &i);
	if (err != E_OK)
		return err;
	unsigned int from = free_around(buddy, i, order);
	if (from == BUDDY_ORDERS)
		return E_BUSY;
	carve(buddy, i, order, from);
	return E_OK;
}

err_t buddy_free(struct buddy *buddy, uint64_t address, unsigned int order)
{
	uint64_t i;
	if (block_at(buddy, address, order, &i) != E_OK || !bitmap_get(buddy->taken[order], i))
		return E_INVAL;
	bitmap_put(buddy->taken[order], i, false);
	insert_free(buddy, i, order);
	return E_OK;
}

err_t buddy_split(struct buddy *buddy, uint64_t address, unsigned int order, unsigned int into)
{
	uint64_t i;
	if (block_at(buddy, address, order, &i) != E_OK || !bitmap_get(buddy->taken[order], i) ||
	    into > order)
		return E_INVAL;
	bitmap_put(buddy->taken[order], i, false);
	bitmap_fill(buddy->taken[into], i << (order - into), 1ull << (order - into), true);
	return E_OK;
}

/* Nothing of block i of an order is ours. */
static bool is_unknown(const struct buddy *buddy, uint64_t i, unsigned int order)
{
	if (free_around(buddy, i, order) < BUDDY_ORDERS || is_taken_around(buddy, i, order))
		return false;
	for (unsigned int k = 0; k < order; k++) {
		uint64_t first = i << (order - k), end = first + (1ull << (order - k));
		if (bitset_next(&buddy->free[k], first) < end ||
		    bitmap_find(buddy->taken[k], end, first, true) < end)
			return false;
	}
	return true;
}

/* The largest order of a block that begins at page and ends at or before end. */
static unsigned int largest_at(uint64_t page, uint64_t end)
{
	unsigned int order = 0;
	while (order < BUDDY_ORDER_MAX && range_is_aligned(page, 2ull << order) &&
	       2ull << order <= end - page)
		order++;
	return order;
}

err_t buddy_add(struct buddy *buddy, uint64_t address, uint64_t bytes)
{
	if (bytes == 0 || !range_is_aligned(address | bytes, 1ull << BUDDY_PAGE_BITS))
		return E_INVAL;
	if (address < buddy->base ||
	    !range_ok(address - buddy->base, bytes, buddy->pages << BUDDY_PAGE_BITS))
		return E_RANGE;
	uint64_t first = (address - buddy->base) >> BUDDY_PAGE_BITS;
	uint64_t end = first + (bytes >> BUDDY_PAGE_BITS);
	unsigned int order;
	for (uint64_t page = first; page < end; page += 1ull << order) {
		order = largest_at(page, end);
		if (!is_unknown(buddy, page >> order, order))
			return E_EXIST;
	}
	for (uint64_t page = first; page < end; page += 1ull << order) {
		order = largest_at(page, end);
		insert_free(buddy, page >> order, order);
	}
	return E_OK;
}

/* -- checking ---------------------------------------------------------------------------------- */

/*
 * Block i of an order, known as free or as taken, is in no other block; a free buddy would merge.
 */
static bool block_valid(const struct buddy *buddy, uint64_t i, unsigned int order, bool is_free)
{
	const struct bitset *set = &buddy->free[order];
	if (bitmap_get(buddy->taken[order], i) == is_free || bitset_has(set, i) != is_free)
		return false;
	if ((i + 1) << order > buddy->pages)
		return false;
	if (is_free && order < BUDDY_ORDER_MAX && bitset_has(set, i ^ 1))
		return false;
	return free_around(buddy, i / 2, order + 1) == BUDDY_ORDERS &&
	       !is_taken_around(buddy, i / 2, order + 1);
}

bool buddy_valid(const struct buddy *buddy)
{
	uint64_t free_pages = 0;
	for (unsigned int order = 0; order < BUDDY_ORDERS; order++) {
		const struct bitset *set = &buddy->free[order];
		const uint64_t *taken = buddy->taken[order];
		if (!bitset_valid(set))
			return false;
		free_pages += set->count << order;
		for (uint64_t i = bitset_next(set, 0); i < set->bits; i = bitset_next(set, i + 1))
			if (!block_valid(buddy, i, order, true))
				return false;
		for (uint64_t i = bitmap_find(taken, set->bits, 0, true); i < set->bits;
		     i = bitmap_find(taken, set->bits, i + 1, true))
			if (!block_valid(buddy, i, order, false))
				return false;
	}
	return free_pages == buddy->free_pages;
}
