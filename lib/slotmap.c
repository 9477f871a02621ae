/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * See lib/slotmap.h.
 *
 * A reference, in the directory and in the map's root, is the address of a page, or odd: an absent
 * page's floor, shifted by 1. A floor beyond the last generation is that of a page which may not
 * come back. A slot's word is its generation, and below it LIVE, or RETIRED, or the free slot that
 * follows in the page's queue, or END.
 */
#include <lib/assert.h>
#include <lib/slotmap.h>

enum { FANOUT = 256, LEVEL_BITS = 8, LIVE = 0xffffff, END = 0xfffffe, RETIRED = 0xfffffd };

#define LOW_MASK ((1ull << SLOTMAP_INDEX_BITS) - 1)

struct directory {
	uint64_t reference[FANOUT];
	uint32_t present; /* references that are pages */
};

struct page {
	struct list link; /* in its owner's free, if free slots are left */
	uint32_t number;
	uint32_t live;
	uint32_t first, last; /* the queue of free slots; END and undefined when empty */
};

struct slot {
	uint64_t word;
	uint64_t entry[];
};

_Static_assert(sizeof(struct directory) <= LIB_PAGE_BYTES);
_Static_assert(sizeof(struct page) == SLOTMAP_HEAD_BYTES);
_Static_assert((LIB_PAGE_BYTES - SLOTMAP_HEAD_BYTES) / 16 < 1 << SLOTMAP_SLOT_BITS);
_Static_assert(2 * LEVEL_BITS == SLOTMAP_PAGE_BITS && FANOUT == 1 << LEVEL_BITS);

static uint64_t make_absent(uint64_t floor)
{
	return floor << 1 | 1;
}

static bool is_absent(uint64_t reference)
{
	return reference & 1;
}

static uint64_t floor_of(uint64_t reference)
{
	return reference >> 1;
}

/* Absent, and may not come back. */
static bool is_dead(uint64_t reference)
{
	return is_absent(reference) && floor_of(reference) > SLOTMAP_GENERATION_MAX;
}

static void *address(uint64_t reference)
{
	return is_absent(reference) ? NULL : (void *)reference;
}

static uint64_t generation_of(uint64_t word)
{
	return word >> SLOTMAP_INDEX_BITS;
}

static struct slot *slot_at(const struct slotmap *map, const struct page *page, uint32_t index)
{
	return (struct slot *)((char *)page + SLOTMAP_HEAD_BYTES +
	                       (size_t)index * (sizeof(struct slot) + map->entry_bytes));
}

static uint64_t id_of(const struct page *page, uint32_t index, uint64_t word)
{
	return (word & ~LOW_MASK) | page->number << SLOTMAP_SLOT_BITS | index;
}

void slotmap_init(struct slotmap *map, uint32_t entry_bytes, const struct lib_pages *directories)
{
	assert(entry_bytes > 0 && entry_bytes <= SLOTMAP_ENTRY_MAX);
	entry_bytes = (entry_bytes + 7) & ~7u;
	*map = (struct slotmap){
		.directories = directories,
		.root = make_absent(1),
		.entry_bytes = entry_bytes,
		.slots = (uint32_t)((LIB_PAGE_BYTES - SLOTMAP_HEAD_BYTES) /
		                    (sizeof(struct slot) + entry_bytes)),
	};
}

/* -- pages come and go ----------------------------------------------------------------------- */

/* An absent directory comes, all its references absent with its floor. NULL: no memory. */
static struct directory *directory_get(struct slotmap *map, uint64_t *reference)
{
	struct directory *directory = map->directories->get(map->directories->ctx);
	if (!directory)
		return NULL;
	for (unsigned int i = 0; i < FANOUT; i++)
		directory->reference[i] = *reference;
	directory->present = 0;
	map->pages++;
	*reference = (uint64_t)directory;
	return directory;
}

/* If it is empty, a directory goes, and its floor is the highest of those in it. */
static bool directory_put(struct slotmap *map, uint64_t *reference)
{
	struct directory *directory = address(*reference);
	if (directory->present > 0)
		return false;
	uint64_t highest = 0;
	for (unsigned int i = 0; i < FANOUT; i++)
		if (directory->reference[i] > highest)
			highest = directory->reference[i];
	*reference = highest;
	map->pages--;
	map->directories->put(map->directories->ctx, directory);
	return true;
}

static struct page *page_get(struct slotmap *map, struct list *free, const struct lib_pages *pages,
                             uint64_t *reference, uint32_t number)
{
	struct page *page = pages->get(pages->ctx);
	if (!page)
		return NULL;
	*page = (struct page){ .number = number, .first = 0, .last = map->slots - 1 };
	uint64_t generation = floor_of(*reference) << SLOTMAP_INDEX_BITS;
	for (uint32_t i = 0; i < map->slots; i++)
		slot_at(map, page, i)->word = generation | (i + 1 < map->slots ? i + 1 : END);
	list_push_front(free, &page->link);
	map->pages++;
	*reference = (uint64_t)page;
	return page;
}

static void page_put(struct slotmap *map, const struct lib_pages *pages, uint64_t *reference)
{
	struct page *page = address(*reference);
	uint64_t floor = 0;
	for (uint32_t i = 0; i < map->slots; i++) {
		uint64_t word = slot_at(map, page, i)->word;
		uint64_t next = generation_of(word) + ((word & LOW_MASK) == RETIRED);
		if (next > floor)
			floor = next;
	}
	*reference = make_absent(floor);
	list_remove(&page->link);
	map->pages--;
	pages->put(pages->ctx, page);
}

/* The first reference from which a page may come; FANOUT if there is none. */
static unsigned int first_absent(const struct directory *directory)
{
	unsigned int i = 0;
	while (i < FANOUT &&
	       (!is_absent(directory->reference[i]) || is_dead(directory->reference[i])))
		i++;
	return i;
}

/* In the leaf of the directory, a page comes. LIMIT: none may come there. */
static err_t grow_leaf(struct slotmap *map, struct list *free, const struct lib_pages *pages,
                       struct directory *root, unsigned int at)
{
	struct directory *leaf = address(root->reference[at]);
	if (!leaf) {
		leaf = directory_get(map, &root->reference[at]);
		if (!leaf)
			return E_NOMEM;
		root->present++;
	}
	err_t err = E_LIMIT;
	unsigned int i = first_absent(leaf);
	if (i < FANOUT) {
		if (page_get(map, free, pages, &leaf->reference[i], at << LEVEL_BITS | i)) {
			leaf->present++;
			return E_OK;
		}
		err = E_NOMEM;
	}
	if (directory_put(map, &root->reference[at]))
		root->present--;
	return err;
}

/* The lowest page that may come, comes. */
static err_t grow(struct slotmap *map, struct list *free, const struct lib_pages *pages)
{
	if (is_dead(map->root))
		return E_LIMIT;
	struct directory *root = address(map->root);
	if (!root)
		root = directory_get(map, &map->root);
	if (!root)
		return E_NOMEM;
	err_t err = E_LIMIT;
	for (unsigned int i = 0; i < FANOUT && err == E_LIMIT; i++) {
		struct directory *leaf = address(root->reference[i]);
		if (!is_dead(root->reference[i]) && !(leaf && leaf->present == FANOUT))
			err = grow_leaf(map, free, pages, root, i);
	}
	if (err != E_OK)
		directory_put(map, &map->root);
	return err;
}

static void shrink(struct slotmap *map, const struct lib_pages *pages, uint32_t number)
{
	struct directory *root = address(map->root);
	uint64_t *leaf_reference = &root->reference[number >> LEVEL_BITS];
	struct directory *leaf = address(*leaf_reference);
	page_put(map, pages, &leaf->reference[number % FANOUT]);
	leaf->present--;
	if (!directory_put(map, leaf_reference))
		return;
	root->present--;
	directory_put(map, &map->root);
}

static struct page *page_of(const struct slotmap *map, uint32_t number)
{
	const struct directory *root = address(map->root);
	const struct directory *leaf = root ? address(root->reference[number >> LEVEL_BITS]) : NULL;
	return leaf ? address(leaf->reference[number % FANOUT]) : NULL;
}

void slotmap_fini(struct slotmap *map, const struct lib_pages *pages)
{
	struct directory *root = address(map->root);
	for (unsigned int i = 0; root && i < FANOUT; i++) {
		struct directory *leaf = address(root->reference[i]);
		for (unsigned int j = 0; leaf && j < FANOUT; j++)
			if (!is_absent(leaf->reference[j]))
				pages->put(pages->ctx, address(leaf->reference[j]));
		if (leaf)
			map->directories->put(map->directories->ctx, leaf);
	}
	if (root)
		map->directories->put(map->directories->ctx, root);
	slotmap_init(map, map->entry_bytes, map->directories);
}

/* -- objects ---------------------------------------------------------------------------------- */

err_t slotmap_add(struct slotmap *map, struct list *free, const struct lib_pages *pages,
                  uint64_t *id, void **entry)
{
	if (list_is_empty(free)) {
		err_t err = grow(map, free, pages);
		if (err != E_OK)
			return err;
	}
	struct page *page = container_of(list_first(free), struct page, link);
	uint32_t index = page->first;
	struct slot *slot = slot_at(map, page, index);
	page->first = slot->word & LOW_MASK;
	if (page->first == END)
		list_remove(&page->link);
	slot->word |= LIVE;
	__builtin_memset(slot->entry, 0, map->entry_bytes);
	page->live++;
	map->live++;
	*id = id_of(page, index, slot->word);
	*entry = slot->entry;
	return E_OK;
}

/* The slot of a living object; NULL if the id is none's. */
static struct slot *find(const struct slotmap *map, uint64_t id, struct page **page)
{
	uint32_t index = id & ((1u << SLOTMAP_SLOT_BITS) - 1);
	*page = page_of(map, (uint32_t)(id & LOW_MASK) >> SLOTMAP_SLOT_BITS);
	if (!*page || index >= map->slots)
		return NULL;
	struct slot *slot = slot_at(map, *page, index);
	return slot->word == (id | LIVE) ? slot : NULL;
}

void *slotmap_get(const struct slotmap *map, uint64_t id)
{
	struct page *page;
	struct slot *slot = find(map, id, &page);
	return slot ? slot->entry : NULL;
}

err_t slotmap_remove(struct slotmap *map, struct list *free, const struct lib_pages *pages,
                     uint64_t id)
{
	struct page *page;
	struct slot *slot = find(map, id, &page);
	if (!slot)
		return E_GONE;
	uint32_t index = id & ((1u << SLOTMAP_SLOT_BITS) - 1);
	uint64_t generation = generation_of(id);
	if (generation == SLOTMAP_GENERATION_MAX) {
		slot->word = generation << SLOTMAP_INDEX_BITS | RETIRED;
	} else {
		slot->word = (generation + 1) << SLOTMAP_INDEX_BITS | END;
		if (page->first == END) {
			page->first = index;
			list_push_front(free, &page->link);
		} else {
			struct slot *last = slot_at(map, page, page->last);
			last->word = (last->word & ~LOW_MASK) | index;
		}
		page->last = index;
	}
	page->live--;
	map->live--;
	if (page->live == 0)
		shrink(map, pages, page->number);
	return E_OK;
}

static const struct page *page_around(const void *entry)
{
	return (const struct page *)((uint64_t)entry & ~(uint64_t)(LIB_PAGE_BYTES - 1));
}

uint64_t slotmap_id(const struct slotmap *map, const void *entry)
{
	const struct page *page = page_around(entry);
	size_t offset = (size_t)((const char *)entry - (const char *)page) - SLOTMAP_HEAD_BYTES;
	uint32_t index = (uint32_t)(offset / (sizeof(struct slot) + map->entry_bytes));
	uint64_t word = slot_at(map, page, index)->word;
	assert((word & LOW_MASK) == LIVE);
	return id_of(page, index, word);
}

/* The number of the first page from number on; 1 << SLOTMAP_PAGE_BITS if there is none. */
static uint32_t next_page(const struct slotmap *map, uint32_t number)
{
	const struct directory *root = address(map->root);
	while (root && number < 1u << SLOTMAP_PAGE_BITS) {
		const struct directory *leaf = address(root->reference[number >> LEVEL_BITS]);
		if (!leaf)
			number = (number | (FANOUT - 1)) + 1;
		else if (is_absent(leaf->reference[number % FANOUT]))
			number++;
		else
			return number;
	}
	return 1u << SLOTMAP_PAGE_BITS;
}

void *slotmap_next(const struct slotmap *map, uint32_t *cursor)
{
	uint32_t number = *cursor >> SLOTMAP_SLOT_BITS;
	uint32_t index = *cursor & ((1u << SLOTMAP_SLOT_BITS) - 1);
	if (*cursor >> SLOTMAP_INDEX_BITS)
		return NULL;
	for (;; number++, index = 0) {
		uint32_t found = next_page(map, number);
		if (found >> SLOTMAP_PAGE_BITS)
			break;
		if (found != number)
			index = 0;
		number = found;
		const struct page *page = page_of(map, number);
		for (; index < map->slots; index++) {
			struct slot *slot = slot_at(map, page, index);
			if ((slot->word & LOW_MASK) != LIVE)
				continue;
			*cursor = (number << SLOTMAP_SLOT_BITS | index) + 1;
			return slot->entry;
		}
	}
	*cursor = 1u << SLOTMAP_INDEX_BITS;
	return NULL;
}

/* -- checking ---------------------------------------------------------------------------------- */

/* The page's slots are live, retired, or in its queue, each once. */
static bool page_valid(const struct slotmap *map, const struct page *page)
{
	uint32_t live = 0, retired = 0, queued = 0;
	for (uint32_t i = 0; i < map->slots; i++) {
		uint64_t word = slot_at(map, page, i)->word;
		live += (word & LOW_MASK) == LIVE;
		retired += (word & LOW_MASK) == RETIRED;
		if (generation_of(word) == 0)
			return false;
	}
	for (uint32_t i = page->first; i != END; queued++) {
		if (i >= map->slots || queued == map->slots)
			return false;
		uint64_t next = slot_at(map, page, i)->word & LOW_MASK;
		if (next == END && page->last != i)
			return false;
		i = (uint32_t)next;
	}
	return live == page->live && live > 0 && live + retired + queued == map->slots &&
	       list_is_empty(&page->link) == (page->first == END);
}

/* Counts what is below; false if the directory's own count or a page is wrong. */
static bool leaf_valid(const struct slotmap *map, const struct directory *leaf, uint32_t at,
                       struct slotmap *sum)
{
	uint32_t present = 0;
	for (unsigned int i = 0; i < FANOUT; i++) {
		const struct page *page = address(leaf->reference[i]);
		if (!page)
			continue;
		if (page->number != (at << LEVEL_BITS | i) || !page_valid(map, page))
			return false;
		present++;
		sum->live += page->live;
	}
	sum->pages += 1 + present;
	return present > 0 && present == leaf->present;
}

bool slotmap_valid(const struct slotmap *map)
{
	const struct directory *root = address(map->root);
	struct slotmap sum = { .pages = root ? 1 : 0 };
	uint32_t present = 0;
	for (unsigned int i = 0; root && i < FANOUT; i++) {
		const struct directory *leaf = address(root->reference[i]);
		if (leaf && !leaf_valid(map, leaf, i, &sum))
			return false;
		present += leaf != NULL;
	}
	if (root && (present == 0 || present != root->present))
		return false;
	return sum.live == map->live && sum.pages == map->pages;
}
