/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Memory of a program: rt_map() and rt_unmap() of rt/libc.h, on dataspaces.
 *
 * Up to SMALL_PAGES come out of chunks of CHUNK_PAGES, one dataspace each: what is not touched
 * costs nothing. What comes back to a chunk is kept, and cleared when it is given out again; a
 * chunk that is wholly free goes, but for one. More pages are a dataspace of their own.
 *
 * Records of dataspaces: a few at first, then out of the first page of a chunk. There is always
 * one left for that chunk.
 */
#include "internal.h"
#include <lib/bitmap.h>
#include <lib/container.h>
#include <lib/interval.h>
#include <lib/list.h>
#include <lib/pages.h>
#include <lib/range.h>
#include <proto/rm_client.h>
#include <rt/slot.h>
#include <rt/thread.h>

enum { CHUNK_PAGES = 256, SMALL_PAGES = 64, FIRST_RECORDS = 2, KEPT_MAX = 4 };

struct area {
	struct interval interval;
	struct list link; /* of a chunk: among the chunks; a free record: among those */
	cptr_t memory;
	bool is_chunk, holds_records;
	uint32_t used; /* pages of a chunk */
	uint64_t taken[CHUNK_PAGES / 64], dirty[CHUNK_PAGES / 64];
};

static struct {
	struct rt_lock lock;
	bool is_ready;
	struct interval_map areas;
	struct list chunks, records;
	uint32_t record_count, chunk_count;
	struct area first[FIRST_RECORDS];
} map;

/* -- dataspaces and regions -------------------------------------------------------------------- */

err_t rt_memory_show(cptr_t vspace, cptr_t memory, uint64_t first, uint64_t pages, uint8_t rights,
                     uint64_t *at)
{
	struct rm_region_map_out out;
	const struct rm_region_map_in in = { .start = *at,
		                             .size = pages,
		                             .first = first,
		                             .rights = rights,
		                             .flags = *at ? RM_REGION_FLAGS_FIXED : 0,
		                             .inherit = RM_INHERIT_COPY };
	err_t err = rm_region_map(vspace, memory, &in, &out);
	if (err == E_OK)
		*at = out.at;
	return err;
}

/* It was shown here, and a part of no other region. */
void rt_memory_hide(uint64_t at, uint64_t pages)
{
	const struct rm_region_unmap_in in = { .start = at, .size = pages };
	err_t err;
	do
		err = rm_region_unmap(RT_VSPACE, &in);
	while (err == E_BUSY); /* the address space is being copied */
}

err_t rt_memory_make(cptr_t bank, uint64_t pages, cptr_t *memory, uint64_t *at)
{
	const struct rm_dataspace_create_in in = { .size = pages, .align = 12 };
	cptr_t slot = rt_slot_get();
	if (slot == 0)
		return E_LIMIT;
	err_t err = rm_dataspace_create(bank, &in, rt_slot(slot));
	if (err == E_OK) {
		*at = 0;
		err = rt_memory_show(RT_VSPACE, slot, 0, pages, RM_RIGHT_READ | RM_RIGHT_WRITE, at);
		if (err != E_OK)
			(void)rm_dataspace_destroy(slot);
	}
	if (err == E_OK)
		*memory = slot;
	else
		rt_slot_put(slot);
	return err;
}

void rt_memory_end(cptr_t memory, uint64_t pages, uint64_t at)
{
	rt_memory_hide(at, pages);
	(void)rm_dataspace_destroy(memory);
	rt_slot_put(memory);
}

/* -- areas; the lock is held ------------------------------------------------------------------- */

static void record_put(struct area *area)
{
	list_init(&area->link);
	list_push_back(&map.records, &area->link);
	map.record_count++;
}

static err_t area_new(uint64_t pages, struct area **made)
{
	struct list *link = list_first(&map.records);
	uint64_t at;
	cptr_t memory;
	if (!link)
		return E_NOMEM;
	err_t err = rt_memory_make(RT_BANK, pages, &memory, &at);
	if (err != E_OK)
		return err;
	struct area *area = container_of(link, struct area, link);
	list_remove(link);
	map.record_count--;
	*area = (struct area){ .memory = memory };
	list_init(&area->link);
	err = interval_insert(&map.areas, &area->interval, at, at + pages * RT_PAGE);
	assert(err == E_OK);
	*made = area;
	return E_OK;
}

static void area_end(struct area *area)
{
	uint64_t start = area->interval.start, pages = (area->interval.end - start) / RT_PAGE;
	interval_remove(&map.areas, &area->interval);
	list_remove(&area->link);
	rt_memory_end(area->memory, pages, start);
	record_put(area);
}

static err_t chunk_new(void)
{
	struct area *chunk;
	err_t err = area_new(CHUNK_PAGES, &chunk);
	if (err != E_OK)
		return err;
	chunk->is_chunk = true;
	list_push_front(&map.chunks, &chunk->link);
	map.chunk_count++;
	if (map.record_count > 0)
		return E_OK;
	/* Its first page is for records, and so it stays for ever. */
	bitmap_fill(chunk->taken, 0, 1, true);
	chunk->used = 1;
	chunk->holds_records = true;
	struct area *record = (struct area *)chunk->interval.start;
	for (uint32_t i = 0; i < RT_PAGE / sizeof(*record); i++)
		record_put(&record[i]);
	return E_OK;
}

/* Pages out of a chunk; NULL: none has so many in a row. */
static void *chunk_get(uint64_t pages)
{
	for (struct list *at = list_first(&map.chunks); at; at = list_after(&map.chunks, at)) {
		struct area *chunk = container_of(at, struct area, link);
		uint64_t page =
		        chunk->used + pages > CHUNK_PAGES
		                ? CHUNK_PAGES
		                : bitmap_find_run(chunk->taken, CHUNK_PAGES, 0, pages, 1, false);
		if (page == CHUNK_PAGES)
			continue;
		char *got = (char *)chunk->interval.start + page * RT_PAGE;
		for (uint64_t i = 0; i < pages; i++)
			if (bitmap_get(chunk->dirty, page + i))
				__builtin_memset(got + i * RT_PAGE, 0, RT_PAGE);
		bitmap_fill(chunk->taken, page, pages, true);
		bitmap_fill(chunk->dirty, page, pages, true);
		chunk->used += (uint32_t)pages;
		return got;
	}
	return NULL;
}

static void chunk_put(struct area *chunk, uint64_t page, uint64_t pages)
{
	bitmap_fill(chunk->taken, page, pages, false);
	chunk->used -= (uint32_t)pages;
	if (chunk->used == 0 && map.chunk_count > 1) {
		map.chunk_count--;
		area_end(chunk);
	}
}

static err_t map_pages(uint64_t pages, void **at)
{
	struct area *area;
	if (!map.is_ready) {
		interval_map_init(&map.areas);
		list_init(&map.chunks);
		list_init(&map.records);
		for (uint32_t i = 0; i < FIRST_RECORDS; i++)
			record_put(&map.first[i]);
		map.is_ready = true;
	}
	if (pages <= SMALL_PAGES) {
		void *got = chunk_get(pages);
		err_t err = got ? E_OK : chunk_new();
		if (err == E_OK)
			*at = got ? got : chunk_get(pages);
		return err;
	}
	err_t err = map.record_count > 1 ? E_OK : chunk_new();
	if (err == E_OK)
		err = area_new(pages, &area);
	if (err == E_OK)
		*at = (void *)area->interval.start;
	return err;
}

/* -- for others -------------------------------------------------------------------------------- */

err_t rt_map(size_t bytes, void **at)
{
	if (bytes == 0 || bytes % RT_PAGE != 0)
		return E_INVAL;
	rt_lock(&map.lock);
	err_t err = map_pages(bytes / RT_PAGE, at);
	rt_unlock(&map.lock);
	return err;
}

static err_t unmap_pages(uint64_t at, uint64_t bytes)
{
	struct interval *i = map.is_ready ? interval_find(&map.areas, at) : NULL;
	if (!i)
		return E_INVAL;
	struct area *area = container_of(i, struct area, interval);
	if (!area->is_chunk) {
		if (i->start != at || i->end - at != bytes)
			return E_INVAL;
		area_end(area);
		return E_OK;
	}
	uint64_t page = (at - i->start) / RT_PAGE, pages = bytes / RT_PAGE;
	if (!range_ok(page, pages, CHUNK_PAGES) ||
	    bitmap_count(area->taken, page, pages) != pages || (page == 0 && area->holds_records))
		return E_INVAL;
	chunk_put(area, page, pages);
	return E_OK;
}

err_t rt_unmap(void *at, size_t bytes)
{
	if (bytes == 0 || bytes % RT_PAGE != 0 || (uintptr_t)at % RT_PAGE != 0)
		return E_INVAL;
	rt_lock(&map.lock);
	err_t err = unmap_pages((uintptr_t)at, bytes);
	rt_unlock(&map.lock);
	return err;
}

/* -- as a provider of pages -------------------------------------------------------------------- */

/* The last few that came back are kept as they are, for structures that shrink and grow again. */
static struct {
	struct rt_lock lock;
	uint32_t count;
	void *page[KEPT_MAX];
} kept;

static void *page_get(void *ctx)
{
	void *page = NULL;
	(void)ctx;
	rt_lock(&kept.lock);
	if (kept.count > 0)
		page = kept.page[--kept.count];
	rt_unlock(&kept.lock);
	return page || rt_map(RT_PAGE, &page) == E_OK ? page : NULL;
}

static void page_put(void *ctx, void *page)
{
	(void)ctx;
	rt_lock(&kept.lock);
	bool keeps = kept.count < KEPT_MAX;
	if (keeps)
		kept.page[kept.count++] = page;
	rt_unlock(&kept.lock);
	err_t err = keeps ? E_OK : rt_unmap(page, RT_PAGE);
	assert(err == E_OK);
}

const struct lib_pages rt_pages = { page_get, page_put, NULL };
