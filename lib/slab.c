/* SPDX-License-Identifier: BSD-2-Clause */
/* See lib/slab.h. A free block holds the address of the next one of its page. */
#include <lib/assert.h>
#include <lib/slab.h>

struct page {
	struct list link; /* in the slab's free, if blocks are left */
	void *first;      /* free block */
	uint64_t out;
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
	char *block = (char *)page + SLAB_HEAD_BYTES + slab->blocks * slab->block_bytes;
	for (uint32_t i = 0; i < slab->blocks; i++) {
		block -= slab->block_bytes;
		*(void **)block = page->first;
		page->first = block;
	}
	list_push_back(&slab->free, &page->link);
	slab->pages++;
	return page;
}

void *slab_get(struct slab *slab)
{
	struct page *page = list_is_empty(&slab->free)
	                            ? page_get(slab)
	                            : container_of(list_first(&slab->free), struct page, link);
	if (!page)
		return NULL;
	void *block = page->first;
	assert(block);
	page->first = *(void **)block;
	page->out++;
	slab->out++;
	if (!page->first)
		list_remove(&page->link);
	return block;
}

void slab_put(struct slab *slab, void *block)
{
	uint64_t offset = (uint64_t)block % LIB_PAGE_BYTES;
	struct page *page = (struct page *)((char *)block - offset);
	assert(offset >= SLAB_HEAD_BYTES && (offset - SLAB_HEAD_BYTES) % slab->block_bytes == 0);
	assert(page->out > 0);
	if (!page->first)
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
		uint64_t free = 0;
		for (void *block = page->first; block && free <= slab->blocks; free++)
			block = *(void **)block;
		if (free == 0 || page->out == 0 || free + page->out != slab->blocks)
			return false;
		listed++;
		out += page->out;
	}
	return out + (slab->pages - listed) * slab->blocks == slab->out;
}
