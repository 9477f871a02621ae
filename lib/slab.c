/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * See lib/slab.h. A free block holds the address of the next one of its page; those that were never
 * given out are the last ones, so a new page costs the same however small its blocks are.
 */
#include <lib/assert.h>
#include <lib/slab.h>

struct page {
	struct list link; /* in the slab's free, if blocks are left */
	void *first;      /* block that is free again */
	uint32_t out;
	uint32_t fresh; /* the first block that was never given out */
};

_Static_assert(sizeof(struct page) == SLAB_HEAD_BYTES);

void slab_init(struct slab *slab, const struct lib_pages *from, uint32_t block_bytes)
{
	assert(block_bytes > 0 && block_bytes <= SLAB_BLOCK_MAX);
	block_bytes = (block_bytes + 7) & ~7u;
	*slab = (struct slab){
		.from = from,
		.block_bytes = block_bytes,
		.blocks = SLAB_BLOCK_MAX / block_bytes,
	};
	list_init(&slab->free);
}

static struct page *page_get(struct slab *slab)
{
	struct page *page = slab->from->get(slab->from->ctx);
	if (!page)
		return NULL;
	*page = (struct page){ .first = NULL };
	list_push_back(&slab->free, &page->link);
	slab->pages++;
	return page;
}

static bool is_full(const struct slab *slab, const struct page *page)
{
	return !page->first && page->fresh == slab->blocks;
}

void *slab_get(struct slab *slab)
{
	struct page *page = list_is_empty(&slab->free)
	                            ? page_get(slab)
	                            : container_of(list_first(&slab->free), struct page, link);
	if (!page)
		return NULL;
	void *block = page->first;
	if (block)
		page->first = *(void **)block;
	else
		block = (char *)page + SLAB_HEAD_BYTES + page->fresh++ * slab->block_bytes;
	page->out++;
	slab->out++;
	if (is_full(slab, page))
		list_remove(&page->link);
	return block;
}

void slab_put(struct slab *slab, void *block)
{
	uint64_t offset = (uint64_t)block % LIB_PAGE_BYTES;
	struct page *page = (struct page *)((char *)block - offset);
	assert(offset >= SLAB_HEAD_BYTES && (offset - SLAB_HEAD_BYTES) % slab->block_bytes == 0);
	assert(page->out > 0);
	if (is_full(slab, page))
		list_push_back(&slab->free, &page->link);
	*(void **)block = page->first;
	page->first = block;
	page->out--;
	slab->out--;
	if (page->out > 0)
		return;
	list_remove(&page->link);
	slab->pages--;
	slab->from->put(slab->from->ctx, page);
}

static void *provider_get(void *ctx)
{
	return slab_get(ctx);
}

static void provider_put(void *ctx, void *block)
{
	slab_put(ctx, block);
}

struct lib_pages slab_provider(struct slab *slab)
{
	return (struct lib_pages){ provider_get, provider_put, slab };
}

bool slab_valid(const struct slab *slab)
{
	uint64_t listed = 0, out = 0;
	if (!list_valid(&slab->free, slab->pages))
		return false;
	for (const struct list *at = list_first(&slab->free); at;
	     at = list_after(&slab->free, at)) {
		const struct page *page = container_of(at, struct page, link);
		uint64_t free = slab->blocks - page->fresh;
		for (void *block = page->first; block && free <= slab->blocks; free++)
			block = *(void **)block;
		if (free == 0 || page->out == 0 || free + page->out != slab->blocks)
			return false;
		listed++;
		out += page->out;
	}
	return out + (slab->pages - listed) * slab->blocks == slab->out;
}
