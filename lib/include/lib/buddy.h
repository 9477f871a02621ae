/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A buddy allocator of physical memory: blocks of 4 KiB to 1 GiB, powers of 2, each at a multiple
 * of its size.
 *
 * It never touches the memory that it hands out; what it knows stands in words of the caller's, two
 * bits and a little for each block that there could be: half a byte a page, 8 MiB for 64 GiB. For
 * each order (a block of order k has 2^k pages) there is a set of free blocks and a map of those
 * handed out. A page that is in neither is not ours (a hole, a device) until it is added. An
 * allocation takes the smallest block that will do, of those the lowest; what is freed is merged
 * with its buddy at once. Every operation is O(orders), adding memory apart.
 *
 * Who owns what: blocks are owned by those who got them; addresses that are freed are checked, so a
 * wrong one is an error and changes nothing.
 *
 * Invariants: no page is in two blocks, free or handed out; of two buddies not both are free (they
 * would be one block); every block lies in the range; free_pages is the sum of the free blocks.
 */
#pragma once
#include <lib/bitmap.h>
#include <lib/err.h>
#include <stdint.h>

enum { BUDDY_PAGE_BITS = 12, BUDDY_ORDER_MAX = 18, BUDDY_ORDERS = BUDDY_ORDER_MAX + 1 };

struct buddy {
	uint64_t base;  /* address of the first page, a multiple of the largest block */
	uint64_t pages; /* of the range, holes included */
	uint64_t free_pages;
	struct bitset free[BUDDY_ORDERS];
	uint64_t *taken[BUDDY_ORDERS]; /* No ownership. */
};

/* The words of memory that a range of so many pages needs; 0 < pages <= BITSET_BITS_MAX. */
uint64_t buddy_words(uint64_t pages);

/* All of it not ours. memory: buddy_words(pages) words, the allocator's as long as it is used. */
void buddy_init(struct buddy *buddy, uint64_t *memory, uint64_t base, uint64_t pages);

/*
 * These pages are ours, and free. RANGE: not all in the range. INVAL: bytes is 0, or something is
 * no multiple of a page. EXIST: some are ours already. O(pages / 64).
 */
err_t buddy_add(struct buddy *buddy, uint64_t address, uint64_t bytes);

/*
 * A block of the order that ends at or below limit (UINT64_MAX: anywhere). INVAL: there is no such
 * order. NOMEM: there is none.
 */
err_t buddy_alloc(struct buddy *buddy, unsigned int order, uint64_t limit, uint64_t *address);

/* That very block. INVAL: no such order or not its multiple. RANGE: outside. BUSY: not all free. */
err_t buddy_alloc_at(struct buddy *buddy, uint64_t address, unsigned int order);

/* A block that was handed out in that order comes back. INVAL: it is no such block. */
err_t buddy_free(struct buddy *buddy, uint64_t address, unsigned int order);

/* A block handed out becomes blocks of a lower order, handed out. INVAL: it is no such block. */
err_t buddy_split(struct buddy *buddy, uint64_t address, unsigned int order, unsigned int into);

/* Every invariant holds. O(pages). */
bool buddy_valid(const struct buddy *buddy);
