/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Blocks of one size out of pages: what turns a provider of pages into one of smaller blocks.
 *
 * A page comes when no block is free, and goes when its last block does. A page with free blocks is
 * preferred in the order in which pages began to have some. O(1), but for a page that comes: its
 * blocks are chained then.
 *
 * Limits: blocks of 8 to SLAB_BLOCK_MAX bytes, at multiples of 8.
 *
 * Who owns what: the slab owns its pages, whoever got a block owns that. Blocks are put by those
 * who got them: a slab is for our own structures, not for what a client may name.
 *
 * Invariants: a page has at least one block out; the pages with free blocks are exactly those in
 * the list.
 */
#pragma once
#include <lib/list.h>
#include <lib/pages.h>
#include <stdbool.h>
#include <stdint.h>

enum { SLAB_HEAD_BYTES = 32, SLAB_BLOCK_MAX = LIB_PAGE_BYTES - SLAB_HEAD_BYTES };

struct slab {
	struct list free;             /* pages with free blocks */
	const struct lib_pages *from; /* No ownership. */
	uint64_t out;                 /* blocks */
	uint64_t pages;
	uint32_t block_bytes; /* in multiples of 8 */
	uint32_t blocks;      /* per page */
};

/* Without any page. from stays valid for the slab's life. */
void slab_init(struct slab *slab, const struct lib_pages *from, uint32_t block_bytes);

/* A block, content undefined; NULL if there is no page to be had. */
void *slab_get(struct slab *slab);

/* Takes a block of this slab. */
void slab_put(struct slab *slab, void *block);

/* The slab as a provider of blocks. */
struct lib_pages slab_provider(struct slab *slab);

/* The counts and the list are right, as far as the pages with free blocks show. */
bool slab_valid(const struct slab *slab);
