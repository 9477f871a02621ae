/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A table of objects behind ids that outsiders see: an old id is an error, never somebody else's
 * object.
 *
 * An id is 60 bits: from the top 36 of generation, 16 of page, 8 of slot; 0 is never an id, and the
 * top 4 bits of a word that holds one are the caller's. Objects of one size stand in pages, and do
 * not move. A slot's generation rises when its object is removed, so an id fits its slot once. Free
 * slots of a page are used in turn. Pages come when needed, from whoever adds, and go as soon as
 * they are empty. What stays of a page is its floor in the directory: the generation from which its
 * slots go on when it comes back. Two levels of directory of 256 entries come and go in the same
 * way. A slot whose generation is used up is not used again (2^36 objects, made in that slot one
 * after the other), nor is a page that goes while it has such a slot; so ids never repeat, and who
 * tries to force it only loses slots.
 *
 * Each owner has pages of its own, so that nobody's objects keep another's page: the owner's free
 * list, with which it adds and removes, names those that have free slots.
 *
 * Limits: 65,536 pages, SLOTMAP_ENTRY_MAX bytes an object. add and remove take a bounded time, at
 * most some hundred steps when a page comes or goes, get a few.
 *
 * Who owns what: the map owns its pages, the objects are the caller's to fill. Ids may be any
 * number that a hostile client makes up.
 *
 * Invariants: a page of the directory has at least one object; the pages with free slots are
 * exactly those in their owners' lists; the generation of a free slot was never given out.
 */
#pragma once
#include <lib/err.h>
#include <lib/list.h>
#include <lib/pages.h>
#include <stdint.h>

enum {
	SLOTMAP_SLOT_BITS = 8,
	SLOTMAP_PAGE_BITS = 16,
	SLOTMAP_INDEX_BITS = SLOTMAP_PAGE_BITS + SLOTMAP_SLOT_BITS,
	SLOTMAP_ID_BITS = 60,
	SLOTMAP_GENERATION_BITS = SLOTMAP_ID_BITS - SLOTMAP_INDEX_BITS,
	SLOTMAP_HEAD_BYTES = 32, /* of a page */
	SLOTMAP_ENTRY_MAX = LIB_PAGE_BYTES - SLOTMAP_HEAD_BYTES - 8,
};

#define SLOTMAP_GENERATION_MAX ((1ull << SLOTMAP_GENERATION_BITS) - 1)

struct slotmap {
	const struct lib_pages
	        *directories; /* No ownership. Where the directory's pages come from. */
	uint64_t root;        /* the directory's upper level, or the floor of all (slotmap.c) */
	uint64_t live;        /* objects */
	uint64_t pages;       /* the directory's included */
	uint32_t entry_bytes; /* as asked for, in multiples of 8 */
	uint32_t slots;       /* per page */
};

/* Empty, without any page. entry_bytes: 1 to SLOTMAP_ENTRY_MAX. */
void slotmap_init(struct slotmap *map, uint32_t entry_bytes, const struct lib_pages *directories);

/* Gives back all pages, whatever is in them. */
void slotmap_fini(struct slotmap *map, const struct lib_pages *pages);

/*
 * A new object, all zero, at a multiple of 8, in *entry; its id in *id. Takes a page, and up to two
 * of the directory, if the owner has no free slot. NOMEM: they were not to be had, and nothing
 * changed. LIMIT: the table is full. free: the owner's list, empty (list_init) at first.
 */
err_t slotmap_add(struct slotmap *map, struct list *free, const struct lib_pages *pages,
                  uint64_t *id, void **entry);

/* The object of an id, until it is removed; NULL if the id is not of a living object. */
void *slotmap_get(const struct slotmap *map, uint64_t id);

/*
 * The object, which was added with the same free and pages, is no more; may give back up to three
 * pages. GONE: not the id of a living object.
 */
err_t slotmap_remove(struct slotmap *map, struct list *free, const struct lib_pages *pages,
                     uint64_t id);

/* The id of a living object, from where it stands. */
uint64_t slotmap_id(const struct slotmap *map, const void *entry);

/*
 * The objects one after the other: *cursor is 0 for the first call. NULL after the last one.
 * Between two calls anything may be added or removed: what lives throughout is seen once.
 */
void *slotmap_next(const struct slotmap *map, uint32_t *cursor);

/* Every invariant holds. O(pages and slots). */
bool slotmap_valid(const struct slotmap *map);
