/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Physical memory, slots and records.
 *
 * The kernel's untypeds (bulks) are cut, from the bottom up, into pieces of 2 MiB, those into
 * chunks of 128 pages. A raw chunk is opened as one of three kinds: of frames, which the kernel
 * clears as they are made, a few in one go, for that holds everybody up; of frames for rm's
 * records, which stay where they are and so are kept together; or of kernel pages, untypeds of
 * 4 KiB, of which one kernel object, or several of one size, are made. A chunk that is wholly free
 * can be closed, and opened as the other kind; four of one piece become that piece again. A kernel
 * page can also become a frame where it is, when no other memory is left: its object slot then
 * holds the frame's capability. A piece that is whole can become one frame of 2 MiB.
 *
 * Each chunk comes with the slots for its pages' capabilities and a page of struct frame, and,
 * once rm looks into one of its pages, slots for the copies with which those are mapped in rm's
 * window; all are overhead, charged to the root bank. (The original is left to whoever maps the
 * page first: most pages are mapped once, and a copy costs as much as a mapping.) For rm's
 * CSpace: slot page n is the CNode for the slots n * 128 on, hanging in a directory for 128 of
 * them.
 *
 * Opening a chunk needs kernel pages and a record page itself; so some are kept in reserve: a
 * chunk is opened while KERNEL_RESERVE kernel pages are left, and not from within the opening.
 */
#include "internal.h"
#include <lib/assert.h>
#include <lib/range.h>

enum {
	KERNEL_RESERVE = 8,
	FRAME_RESERVE = 4,
	DIRECTORY = SLOT_PAGE,
	LARGE_PARTS = LARGE_PAGES / CHUNK_PAGES,
	PART = 16,        /* frames of a chunk that are made in one go */
	PART_CLOSED = 8,  /* or given up, of which each may be in rm's window */
	EMPTY_FRAMES = 6, /* chunks that are kept open though wholly free */
	EMPTY_OTHER = 1,
	KERNEL_LOW = 96, /* kernel pages that should be free: else pages move */
	MOVE_MAX = 16,   /* pages of a chunk that do */
};

/* The kernel refused something: counted, for it should not. */
err_t kernel_refused(struct rm *rm)
{
	rm->failures_kernel++;
	return E_LIMIT;
}

/* -- lists of frames and of chunks ------------------------------------------------------------ */

void frames_push(struct rm *rm, struct frame_list *list, frame_t f)
{
	struct frame *frame = frame_at(rm, f);
	frame->prev = 0;
	frame->next = list->first;
	if (list->first)
		frame_at(rm, list->first)->prev = f;
	list->first = f;
	list->count++;
}

void frames_remove(struct rm *rm, struct frame_list *list, frame_t f)
{
	struct frame *frame = frame_at(rm, f);
	if (frame->prev)
		frame_at(rm, frame->prev)->next = frame->next;
	else
		list->first = frame->next;
	if (frame->next)
		frame_at(rm, frame->next)->prev = frame->prev;
	frame->next = frame->prev = 0;
	list->count--;
}

static void chunks_push(struct rm *rm, struct chunk_list *list, uint32_t c)
{
	rm->chunks[c].prev = 0;
	rm->chunks[c].next = list->first;
	if (list->first)
		rm->chunks[list->first].prev = c;
	list->first = c;
	list->count++;
}

static void chunks_remove(struct rm *rm, struct chunk_list *list, uint32_t c)
{
	struct chunk *chunk = &rm->chunks[c];
	if (chunk->prev)
		rm->chunks[chunk->prev].next = chunk->next;
	else
		list->first = chunk->next;
	if (chunk->next)
		rm->chunks[chunk->next].prev = chunk->prev;
	chunk->next = chunk->prev = 0;
	list->count--;
}

/* -- addresses -------------------------------------------------------------------------------- */

uint64_t frame_physical(const struct rm *rm, frame_t f)
{
	return chunk_of(rm, f)->base + (uint64_t)(f % CHUNK_PAGES) * PAGE;
}

/*
 * Slots for the window's copies of a chunk, and the page table for a frame there. What they are
 * made of may need the very same: then that is taken.
 */
static bool window_slots(struct rm *rm, struct chunk *chunk)
{
	frame_t f;
	uint32_t slot_page;
	if (chunk->window_page)
		return true;
	if (slots_make(rm, rm->root, &f, &slot_page) != E_OK)
		return false;
	if (chunk->window_page)
		slots_unmake(rm, rm->root, f, slot_page);
	else
		chunk->window_page = slot_page;
	return true;
}

static bool window_table(struct rm *rm, frame_t f)
{
	frame_t *table = &rm->window_tables[f / LARGE_PAGES];
	if (*table)
		return true;
	frame_t t = object_get(rm, rm->root, OBJ_X86_PAGE_TABLE, 0);
	if (!t)
		return false;
	if (*table || KERNEL(rm, window_table, kernel_slot(rm, t), f) != E_OK)
		kernel_put(rm, rm->root, t);
	else
		*table = t;
	return *table != 0;
}

/* Maps the frame in rm's window: by the original capability if nothing is, or by a copy. */
static bool window_show(struct rm *rm, frame_t f, bool by_copy)
{
	struct frame *frame = frame_at(rm, f);
	struct chunk *chunk = chunk_of(rm, f);
	slot_t slot = frame_slot(rm, f);
	bool copies = by_copy || frame->original_used;
	if ((chunk->kind != CHUNK_LARGE && !window_table(rm, f)) ||
	    (copies && !window_slots(rm, chunk)))
		return false;
	if (copies) {
		slot = (slot_t)chunk->window_page << SLOT_PAGE_BITS | f % CHUNK_PAGES;
		if (KERNEL(rm, copy, slot, frame_slot(rm, f), RIGHTS_ALL) != E_OK)
			return false;
	}
	if (KERNEL(rm, window_map, slot, f) != E_OK) {
		if (copies)
			rm->ops->remove(rm->kernel, slot);
		return false;
	}
	frame->in_window = true;
	frame->original_used |= !copies;
	return true;
}

/*
 * The frame's content, in rm's window from now on, until the frame's end. NULL: there is no memory
 * for what that needs.
 */
void *frame_window(struct rm *rm, frame_t f)
{
	if (!frame_at(rm, f)->in_window && !window_show(rm, f, false))
		return NULL;
	return rm->window + (uint64_t)f * PAGE;
}

/* Of a slot page: the page that it is made of. */
static frame_t *slot_page_frame(const struct rm *rm, uint64_t slot_page)
{
	return &rm->slot_page_frames[slot_page - rm->slot_page_first];
}

/* -- chunks ------------------------------------------------------------------------------------ */

static void chunk_new(struct rm *rm, slot_t untyped, uint64_t base, unsigned int bits)
{
	assert(rm->chunks_count < rm->parts_first);
	uint32_t c = rm->chunks_count++;
	bool large = bits == LARGE_BITS;
	rm->chunks[c] = (struct chunk){
		.untyped = untyped,
		.base = base,
		.kind = large ? CHUNK_LARGE_RAW : CHUNK_RAW,
		.pages_bits = (uint8_t)(bits - PAGE_BITS),
	};
	chunks_push(rm, large ? &rm->large_raw : &rm->raw, c);
}

/*
 * The numbers of the parts of a 2 MiB piece, or of its one frame: the first of four, for good. They
 * have a page table's range of the window for themselves.
 */
static uint32_t large_parts(struct rm *rm, struct chunk *large)
{
	if (!large->parent) {
		assert(rm->parts_next + LARGE_PARTS <= rm->chunks_max);
		large->parent = rm->parts_next;
		rm->parts_next += LARGE_PARTS;
	}
	return large->parent;
}

/* Cuts the next piece off the bulks; false: nothing is left, or there is no slot for it. */
static bool bulk_cut(struct rm *rm)
{
	while (rm->bulk_next < rm->bulks_count) {
		struct bulk *bulk = &rm->bulks[rm->bulk_next];
		uint64_t left = (1ull << bulk->bits) - bulk->used;
		unsigned int bits = bulk->bits < LARGE_BITS ? bulk->bits : LARGE_BITS;
		if (bits > CHUNK_BITS + PAGE_BITS && bits < LARGE_BITS)
			bits = CHUNK_BITS + PAGE_BITS;
		if (left == 0) {
			rm->bulk_next++;
			continue;
		}
		slot_t slot = bulk->used == 0 && left == 1ull << bits ? bulk->untyped
		                                                      : slot_get(rm, rm->root);
		if (!slot)
			return false;
		if (slot != bulk->untyped &&
		    KERNEL(rm, retype, bulk->untyped, OBJ_UNTYPED, bits, slot, 1) != E_OK) {
			slot_put(rm, rm->root, slot);
			return false;
		}
		chunk_new(rm, slot, bulk->base + bulk->used, bits);
		bulk->used += 1ull << bits;
		return true;
	}
	return false;
}

/* Makes four chunks of 2 MiB; their numbers are kept when the piece is whole again. */
static bool large_split(struct rm *rm, uint32_t c)
{
	struct chunk *large = &rm->chunks[c];
	slot_t slots[LARGE_PARTS];
	for (unsigned int i = 0; i < LARGE_PARTS; i++) {
		slots[i] = slot_get(rm, rm->root);
		bool good = slots[i] != 0;
		if (good && KERNEL(rm, retype, large->untyped, OBJ_UNTYPED, CHUNK_BITS + PAGE_BITS,
		                   slots[i], 1) != E_OK) {
			slot_put(rm, rm->root, slots[i]);
			good = false;
		}
		if (good)
			continue;
		rm->ops->revoke(rm->kernel, large->untyped);
		while (i-- > 0)
			slot_put(rm, rm->root, slots[i]);
		return false;
	}
	chunks_remove(rm, &rm->large_raw, c);
	large->kind = CHUNK_SPLIT;
	large->free = LARGE_PARTS;
	uint32_t first = large_parts(rm, large);
	for (unsigned int i = 0; i < LARGE_PARTS; i++) {
		rm->chunks[first + i] = (struct chunk){
			.untyped = slots[i],
			.base = large->base + (uint64_t)i * CHUNK_PAGES * PAGE,
			.parent = c,
			.kind = CHUNK_RAW,
			.pages_bits = CHUNK_BITS,
		};
		chunks_push(rm, &rm->raw, first + i);
	}
	return true;
}

/* All four parts are raw: they are one piece again. */
static void large_join(struct rm *rm, uint32_t c)
{
	struct chunk *large = &rm->chunks[c];
	rm->ops->revoke(rm->kernel, large->untyped);
	for (unsigned int i = 0; i < LARGE_PARTS; i++) {
		struct chunk *part = &rm->chunks[large->parent + i];
		chunks_remove(rm, &rm->raw, large->parent + i);
		slot_put(rm, rm->root, part->untyped);
		*part = (struct chunk){ 0 };
	}
	large->kind = CHUNK_LARGE_RAW;
	chunks_push(rm, &rm->large_raw, c);
}

/* The list in which a free page of a chunk is. */
static struct frame_list *free_list(struct rm *rm, const struct frame *frame)
{
	switch (frame->use) {
	case FRAME_CLEARED:
		return &rm->cleared;
	case FRAME_DIRTY:
		return &rm->dirty;
	case FRAME_READY:
		return &rm->ready;
	case FRAME_META_FREE:
		return &rm->meta_free;
	default:
		assert(frame->use == FRAME_KERNEL_FREE);
		return &rm->kernel_free;
	}
}

/* Its pages' capabilities are gone already. */
static void chunk_empty(struct rm *rm, struct chunk *chunk)
{
	const uint32_t pages[] = { chunk->slot_page, chunk->object_page, chunk->window_page };
	struct frame *frames = chunk->frames;
	for (unsigned int i = 0; i < sizeof(pages) / sizeof(pages[0]); i++)
		if (pages[i])
			slots_unmake(rm, rm->root, *slot_page_frame(rm, pages[i]), pages[i]);
	*chunk = (struct chunk){ .untyped = chunk->untyped,
		                 .base = chunk->base,
		                 .next = chunk->next,
		                 .prev = chunk->prev,
		                 .parent = chunk->parent,
		                 .kind = CHUNK_RAW,
		                 .pages_bits = chunk->pages_bits };
	if (frames)
		rm->root->pages.put(rm->root->pages.ctx, frames);
}

/* Its pages are none of the free ones any more. */
static void chunk_leave(struct rm *rm, uint32_t c)
{
	struct chunk *chunk = &rm->chunks[c];
	unsigned int pages = 1u << chunk->pages_bits;
	assert(chunk->free == pages);
	for (unsigned int i = 0; i < pages; i++) {
		frame_t f = c << CHUNK_BITS | i;
		frames_remove(rm, free_list(rm, &chunk->frames[i]), f);
		chunk->frames[i].use = FRAME_ABSENT;
	}
	chunks_remove(rm, &rm->empty[chunk->kind], c);
	chunk->free = 0;
}

static void chunk_left(struct rm *rm, uint32_t c)
{
	struct chunk *chunk = &rm->chunks[c];
	if (rm->closing == c)
		rm->closing = 0;
	rm->ops->revoke(rm->kernel, chunk->untyped);
	chunk_empty(rm, chunk);
	chunks_push(rm, &rm->raw, c);
	if (chunk->parent && ++rm->chunks[chunk->parent].free == LARGE_PARTS)
		large_join(rm, chunk->parent);
}

static void chunk_close(struct rm *rm, uint32_t c)
{
	chunk_leave(rm, c);
	chunk_left(rm, c);
}

/* A step of the same. */
static void close_step(struct rm *rm)
{
	struct chunk *chunk = &rm->chunks[rm->closing];
	if (chunk->made == 0)
		chunk_left(rm, rm->closing);
	for (unsigned int i = 0; i < PART_CLOSED && chunk->made > 0; i++) {
		frame_t f = rm->closing << CHUNK_BITS | --chunk->made;
		if (frame_at(rm, f)->in_window)
			rm->ops->revoke(rm->kernel, page_slot(rm, f)); /* its copy there */
		rm->ops->remove(rm->kernel, page_slot(rm, f));
	}
}

/* A raw chunk, cut from what there is, or closed for it; 0: none. */
static uint32_t chunk_raw(struct rm *rm, uint8_t for_kind)
{
	if (!rm->raw.first) {
		while (!rm->large_raw.first && !rm->raw.first && bulk_cut(rm))
			continue;
		if (rm->large_raw.first && !rm->raw.first)
			(void)large_split(rm, rm->large_raw.first);
	}
	if (!rm->raw.first && !rm->large_raw.first && rm->closing)
		chunk_left(rm, rm->closing);
	for (unsigned int kind = CHUNK_FRAMES; kind <= CHUNK_KERNEL && !rm->raw.first; kind++)
		if (kind != for_kind && rm->empty[kind].first)
			chunk_close(rm, rm->empty[kind].first);
	if (!rm->raw.first && rm->large_raw.first)
		(void)large_split(rm, rm->large_raw.first);
	return rm->raw.first;
}

/* It has what it takes to be open, and none of its pages. */
static void chunk_begun(struct rm *rm, uint32_t c, uint8_t kind)
{
	struct chunk *chunk = &rm->chunks[c];
	chunks_remove(rm, &rm->raw, c);
	if (chunk->parent)
		rm->chunks[chunk->parent].free--;
	chunk->kind = kind;
	chunks_push(rm, &rm->partial[kind], c);
}

/* The next of its pages are there. They come first in their list, the lowest first of all. */
static void chunk_grown(struct rm *rm, uint32_t c, unsigned int count)
{
	struct chunk *chunk = &rm->chunks[c];
	uint8_t use = chunk->kind == CHUNK_KERNEL ? FRAME_KERNEL_FREE
	              : chunk->kind == CHUNK_META ? FRAME_META_FREE
	                                          : FRAME_CLEARED;
	struct frame_list *list = free_list(rm, &(struct frame){ .use = use });
	frame_t first = c << CHUNK_BITS | chunk->made, after = list->first;
	struct frame *frames = chunk->frames + chunk->made;
	for (unsigned int i = 0; i < count; i++) {
		frames[i] = (struct frame){
			.prev = i ? first + i - 1 : 0,
			.next = i + 1 < count ? first + i + 1 : after,
			.use = use,
		};
	}
	if (after)
		frame_at(rm, after)->prev = first + count - 1;
	list->first = first;
	list->count += count;
	chunk->made += count;
	chunk->free += count;
	if (chunk->made < 1u << chunk->pages_bits)
		return;
	chunks_remove(rm, &rm->partial[chunk->kind], c);
	if (chunk->free == chunk->made)
		chunks_push(rm, &rm->empty[chunk->kind], c);
}

/* What a chunk needs to be open: slots and records. False: no memory is left for that. */
static bool chunk_prepare(struct rm *rm, struct chunk *chunk, uint8_t kind)
{
	struct bank *root = rm->root;
	frame_t f;
	chunk->frames = root->pages.get(root->pages.ctx);
	bool good = chunk->frames && slots_make(rm, root, &f, &chunk->slot_page) == E_OK &&
	            (kind != CHUNK_KERNEL || slots_make(rm, root, &f, &chunk->object_page) == E_OK);
	if (!good)
		chunk_empty(rm, chunk);
	return good;
}

/* The next capabilities of a chunk's pages, made out of an untyped. */
static bool chunk_make(struct rm *rm, const struct chunk *chunk, slot_t untyped,
                       enum abi_object type, unsigned int count)
{
	return KERNEL(rm, retype, untyped, type, PAGE_BITS,
	              ((slot_t)chunk->slot_page << SLOT_PAGE_BITS) + chunk->made, count) == E_OK;
}

/* One that is open in part, or the next to be opened; 0: no memory is left for that. */
static uint32_t chunk_next(struct rm *rm, uint8_t kind)
{
	uint32_t c = rm->partial[kind].first;
	if (c || rm->opening)
		return c;
	rm->opening = true;
	c = chunk_raw(rm, kind);
	if (c && chunk_prepare(rm, &rm->chunks[c], kind))
		chunk_begun(rm, c, kind);
	else
		c = 0;
	rm->opening = false;
	return c;
}

/* Opens one more chunk, or more of one. False: no memory is left for that. */
static bool chunk_open(struct rm *rm, uint8_t kind)
{
	uint32_t c = rm->opening ? 0 : chunk_next(rm, kind);
	struct chunk *chunk = &rm->chunks[c];
	unsigned int count = (1u << chunk->pages_bits) - chunk->made;
	if (count > PART && kind != CHUNK_KERNEL) /* of which nothing is cleared */
		count = PART;
	bool good = c && chunk_make(rm, chunk, chunk->untyped,
	                            kind == CHUNK_KERNEL ? OBJ_UNTYPED : OBJ_X86_4K_PAGE, count);
	if (good)
		chunk_grown(rm, c, count);
	return good;
}

/* All that is left of those that are open in part. */
static void chunk_open_rest(struct rm *rm, uint8_t kind)
{
	while (rm->partial[kind].first && chunk_open(rm, kind))
		continue;
}

/*
 * Opens all that is left of one, by the worker, whom the kernel lets be interrupted. It is
 * nobody else's until that is done.
 */
static bool making_begin(struct rm *rm)
{
	uint32_t c = chunk_next(rm, CHUNK_FRAMES);
	const struct chunk *chunk = &rm->chunks[c];
	if (c) {
		chunks_remove(rm, &rm->partial[CHUNK_FRAMES], c);
		rm->making = (struct making){
			.untyped = chunk->untyped,
			.dest = ((slot_t)chunk->slot_page << SLOT_PAGE_BITS) + chunk->made,
			.chunk = c,
			.count = (1u << chunk->pages_bits) - chunk->made,
		};
	}
	return c != 0;
}

enum abi_error rm_make(const struct rm *rm)
{
	const struct making *m = &rm->making;
	return rm->ops->retype(rm->kernel, m->untyped, OBJ_X86_4K_PAGE, PAGE_BITS, m->dest,
	                       m->count);
}

void rm_made(struct rm *rm, enum abi_error err)
{
	uint32_t c = rm->making.chunk, count = rm->making.count;
	rm->making.count = 0;
	chunks_push(rm, &rm->partial[CHUNK_FRAMES], c);
	if (kernel_err(rm, err) == E_OK)
		chunk_grown(rm, c, count);
}

/* A page of a chunk is taken, or comes back. */
static void chunk_take(struct rm *rm, frame_t f)
{
	uint32_t c = f >> CHUNK_BITS;
	struct chunk *chunk = &rm->chunks[c];
	frames_remove(rm, free_list(rm, frame_at(rm, f)), f);
	if (chunk->free-- == 1u << chunk->pages_bits && chunk->kind != CHUNK_ADOPTED)
		chunks_remove(rm, &rm->empty[chunk->kind], c);
	rm->pages_given++;
}

static void chunk_give(struct rm *rm, frame_t f, uint8_t use)
{
	uint32_t c = f >> CHUNK_BITS;
	struct chunk *chunk = &rm->chunks[c];
	struct frame *frame = frame_at(rm, f);
	frame->use = use;
	frames_push(rm, free_list(rm, frame), f);
	if (++chunk->free == 1u << chunk->pages_bits && chunk->kind != CHUNK_ADOPTED)
		chunks_push(rm, &rm->empty[chunk->kind], c);
	rm->may_move |= chunk->free == CHUNK_PAGES - MOVE_MAX;
	rm->pages_given--;
}

/* -- kernel pages ----------------------------------------------------------------------------- */

/* An untyped of 4 KiB; 0: none is left, or not in the bank. */
frame_t kernel_get(struct rm *rm, struct bank *bank)
{
	if (!bank_charge(bank, 1))
		return 0;
	if (rm->kernel_free.count <= KERNEL_RESERVE)
		(void)chunk_open(rm, CHUNK_KERNEL);
	frame_t f = rm->kernel_free.first;
	if (!f || (rm->kernel_free.count <= KERNEL_RESERVE / 2 && !rm->opening)) {
		bank_release(bank, 1);
		return 0;
	}
	chunk_take(rm, f);
	frame_at(rm, f)->use = FRAME_KERNEL;
	return f;
}

/* Whatever was made of it is gone. */
void kernel_put(struct rm *rm, struct bank *bank, frame_t f)
{
	rm->ops->revoke(rm->kernel, page_slot(rm, f)); /* its copy in the window, too */
	*frame_at(rm, f) = (struct frame){ 0 };
	chunk_give(rm, f, FRAME_KERNEL_FREE);
	bank_release(bank, 1);
}

/* A kernel object of one page, in kernel_slot(); 0: none. */
frame_t object_get(struct rm *rm, struct bank *bank, enum abi_object type, unsigned int bits)
{
	frame_t f = kernel_get(rm, bank);
	if (f && KERNEL(rm, retype, page_slot(rm, f), type, bits, kernel_slot(rm, f), 1) != E_OK) {
		kernel_put(rm, bank, f);
		return 0;
	}
	return f;
}

/* -- frames of 2 MiB -------------------------------------------------------------------------- */

/* The chunk is open, and all of it is free; what kernel pages there must be stays. */
static bool may_close(const struct rm *rm, const struct chunk *chunk)
{
	return chunk->free == CHUNK_PAGES &&
	       (chunk->kind == CHUNK_FRAMES ||
	        (chunk->kind == CHUNK_KERNEL &&
	         rm->kernel_free.count > CHUNK_PAGES + 2 * KERNEL_RESERVE));
}

/* Closes the chunks of one piece if all of it is free. Not every piece is looked at. */
static void large_gather(struct rm *rm)
{
	enum { TRIES = 16 };
	uint32_t c = rm->empty[CHUNK_FRAMES].first;
	for (unsigned int i = 0; i < TRIES && c; i++, c = rm->chunks[c].next) {
		uint32_t parent = rm->chunks[c].parent, first = rm->chunks[parent].parent;
		unsigned int free = 0;
		for (uint32_t part = first; parent && part < first + LARGE_PARTS; part++)
			free += rm->chunks[part].kind == CHUNK_RAW ||
			        may_close(rm, &rm->chunks[part]);
		if (free < LARGE_PARTS)
			continue;
		for (uint32_t part = first; part < first + LARGE_PARTS; part++)
			if (may_close(rm, &rm->chunks[part]))
				chunk_close(rm, part);
		return;
	}
}

/*
 * A frame of 2 MiB, cleared, for the bank: LARGE_PAGES pages, whose number is the first's. 0: no
 * piece of memory is whole, or not in the bank. (What is made for it may cut up pieces: the piece
 * is chosen last, and then nothing can.)
 */
frame_t large_get(struct rm *rm, struct bank *bank)
{
	if (rm->opening || !bank_charge(bank, LARGE_PAGES))
		return 0;
	while (!rm->large_raw.first && bulk_cut(rm))
		continue;
	if (!rm->large_raw.first)
		large_gather(rm);
	uint32_t c = rm->large_raw.first;
	struct chunk *large = &rm->chunks[c], filled = { .pages_bits = LARGE_BITS - PAGE_BITS };
	rm->opening = true;
	bool good = c && chunk_prepare(rm, &filled, CHUNK_LARGE);
	if (good && !chunk_make(rm, &filled, large->untyped, OBJ_X86_LARGE_PAGE, 1)) {
		chunk_empty(rm, &filled);
		good = false;
	}
	rm->opening = false;
	if (!good) {
		bank_release(bank, LARGE_PAGES);
		return 0;
	}
	uint32_t first = large_parts(rm, large);
	frame_t *table = &rm->window_tables[first / LARGE_PARTS], t = *table;
	if (t) {
		*table = 0;
		kernel_put(rm, rm->root, t);
	}
	chunks_remove(rm, &rm->large_raw, c);
	large->kind = CHUNK_SPLIT;
	filled.base = large->base;
	filled.parent = c;
	filled.kind = CHUNK_LARGE;
	rm->chunks[first] = filled;
	*filled.frames = (struct frame){ .use = FRAME_PAGE };
	rm->pages_given += LARGE_PAGES;
	return first << CHUNK_BITS;
}

static void large_put(struct rm *rm, struct bank *bank, frame_t f)
{
	struct chunk *chunk = chunk_of(rm, f);
	uint32_t c = chunk->parent;
	rm->ops->revoke(rm->kernel, rm->chunks[c].untyped);
	chunk_empty(rm, chunk);
	*chunk = (struct chunk){ 0 };
	rm->chunks[c].kind = CHUNK_LARGE_RAW;
	chunks_push(rm, &rm->large_raw, c);
	rm->pages_given -= LARGE_PAGES;
	bank_release(bank, LARGE_PAGES);
}

/* -- frames ------------------------------------------------------------------------------------ */

static uint64_t free_frames(const struct rm *rm)
{
	return rm->cleared.count + rm->dirty.count + rm->ready.count;
}

static bool frame_clear(struct rm *rm, frame_t f)
{
	void *content = frame_window(rm, f);
	if (content)
		__builtin_memset(content, 0, PAGE);
	return content != NULL;
}

/* A frame that was taken; 0: it cannot be cleared, and is given back. */
static frame_t frame_ready(struct rm *rm, struct bank *bank, frame_t f, bool clears)
{
	if (!clears || frame_clear(rm, f))
		return f;
	frame_put(rm, bank, f);
	return 0;
}

/*
 * A frame for the bank; cleared, or with any content. 0: none is left, or not in the bank. Nothing
 * is mapped, and in the window it may be.
 */
frame_t frame_get(struct rm *rm, struct bank *bank, bool cleared)
{
	if (!bank_charge(bank, 1))
		return 0;
	if (bank->priority_max > rm->refill_priority)
		rm->refill_priority = bank->priority_max;
	if (free_frames(rm) <= FRAME_RESERVE)
		(void)chunk_open(rm, CHUNK_FRAMES);
	if (free_frames(rm) <= FRAME_RESERVE / 2 && !rm->opening) {
		/* The last resorts: one meant for records; a kernel page becomes a frame. */
		if (rm->partial[CHUNK_META].first && rm->meta_free.count <= FRAME_RESERVE)
			(void)chunk_open(rm, CHUNK_META);
		frame_t f = rm->meta_free.count > FRAME_RESERVE ? rm->meta_free.first : 0;
		if (f) {
			chunk_take(rm, f);
			return frame_ready(rm, bank, f, cleared);
		}
		f = object_get(rm, rm->root, OBJ_X86_4K_PAGE, 0);
		bank_release(f ? rm->root : bank, 1);
		if (f)
			frame_at(rm, f)->has_page_slot = true;
		return f;
	}
	frame_t dirty = rm->ready.first ? rm->ready.first : rm->dirty.first;
	frame_t f = rm->cleared.first && (cleared || !dirty) ? rm->cleared.first : dirty;
	if (!f) {
		bank_release(bank, 1);
		return 0;
	}
	bool clears = cleared && frame_at(rm, f)->use != FRAME_CLEARED;
	chunk_take(rm, f);
	return frame_ready(rm, bank, f, clears);
}

/*
 * A frame for rm's records, with any content; 0: none is left, or not in the bank. It is one of
 * those that are kept together, while there is memory for more of them.
 */
frame_t meta_get(struct rm *rm, struct bank *bank)
{
	if (rm->meta_free.count <= FRAME_RESERVE)
		(void)chunk_open(rm, CHUNK_META);
	frame_t f = rm->meta_free.first;
	if (!f || (rm->meta_free.count <= FRAME_RESERVE / 2 && !rm->opening))
		return frame_get(rm, bank, false);
	if (!bank_charge(bank, 1))
		return 0;
	chunk_take(rm, f);
	return f;
}

/* Nothing maps it, rm's window apart. Its content is nobody's. */
void frame_put(struct rm *rm, struct bank *bank, frame_t f)
{
	struct frame *frame = frame_at(rm, f);
	uint8_t kind = chunk_of(rm, f)->kind;
	if (kind == CHUNK_DEVICE || kind == CHUNK_LARGE) {
		if (kind == CHUNK_LARGE)
			large_put(rm, bank, f);
		else
			device_put(rm, f);
		return;
	}
	if (frame->has_page_slot) {
		kernel_put(rm, bank, f);
		return;
	}
	*frame = (struct frame){ .in_window = frame->in_window,
		                 .original_used = frame->original_used };
	chunk_give(rm, f, kind == CHUNK_META ? FRAME_META_FREE : FRAME_DIRTY);
	bank_release(bank, 1);
}

/* Whether count free frames stand together from f on. */
static bool run_is_free(struct rm *rm, frame_t f, uint64_t count)
{
	for (uint64_t i = 0; i < count; i++) {
		uint8_t use = frame_at(rm, f + (frame_t)i)->use;
		if (use != FRAME_CLEARED && use != FRAME_DIRTY && use != FRAME_READY)
			return false;
	}
	return true;
}

static frame_t run_take(struct rm *rm, struct bank *bank, frame_t f, uint64_t count)
{
	bool cleared = true;
	for (uint64_t i = 0; i < count; i++) {
		bool dirty = frame_at(rm, f + (frame_t)i)->use != FRAME_CLEARED;
		chunk_take(rm, f + (frame_t)i);
		frame_at(rm, f + (frame_t)i)->use = FRAME_PAGE;
		cleared = cleared && (!dirty || frame_clear(rm, f + (frame_t)i));
	}
	for (uint64_t i = 0; i < count && !cleared; i++)
		frame_put(rm, bank, f + (frame_t)i);
	return cleared ? f : 0;
}

/*
 * count frames one after the other, cleared, the first at a multiple of 2^align bytes, all below
 * the address below (0: anywhere). Within one chunk: at most CHUNK_PAGES. 0: there are none.
 */
frame_t frame_get_run(struct rm *rm, struct bank *bank, uint64_t count, unsigned int align,
                      uint64_t below)
{
	if (count > CHUNK_PAGES || !bank_charge(bank, count))
		return 0;
	for (unsigned int tries = 0; tries < 2; tries++) {
		for (uint32_t c = rm->parts_next; c-- > 1;) {
			const struct chunk *chunk = &rm->chunks[c];
			if (chunk->kind != CHUNK_FRAMES || chunk->free < count ||
			    (below && !range_ok(chunk->base, count * PAGE, below)))
				continue;
			for (uint64_t i = 0; i + count <= chunk->made; i++) {
				frame_t f = c << CHUNK_BITS | (frame_t)i;
				uint64_t physical = frame_physical(rm, f);
				if (!range_is_aligned(physical, 1ull << align) ||
				    (below && !range_ok(physical, count * PAGE, below)) ||
				    !run_is_free(rm, f, count))
					continue;
				return run_take(rm, bank, f, count);
			}
		}
		/* What is left of one, then a whole one. */
		chunk_open_rest(rm, CHUNK_FRAMES);
		if (!chunk_open(rm, CHUNK_FRAMES))
			break;
		chunk_open_rest(rm, CHUNK_FRAMES);
	}
	bank_release(bank, count);
	return 0;
}

/* The next of the boot's frames, up to CHUNK_PAGES from number first on, as a chunk. */
err_t memory_adopt(struct rm *rm, uint32_t first, uint32_t pages, frame_t *f)
{
	frame_t slots;
	uint32_t slot_page;
	struct frame *frames = rm->root->pages.get(rm->root->pages.ctx);
	if (!frames)
		return E_NOMEM;
	err_t err = slots_make(rm, rm->root, &slots, &slot_page);
	for (uint32_t i = 0; i < pages && err == E_OK; i++)
		err = KERNEL(rm, adopt, ((slot_t)slot_page << SLOT_PAGE_BITS) + i, first + i);
	if (err != E_OK)
		return err; /* only at boot, which fails then */
	uint32_t c = rm->chunks_count++;
	rm->chunks[c] = (struct chunk){ .frames = frames,
		                        .slot_page = slot_page,
		                        .kind = CHUNK_ADOPTED,
		                        .pages_bits = CHUNK_BITS,
		                        .made = (uint8_t)pages };
	__builtin_memset(frames, 0, CHUNK_PAGES * sizeof(*frames));
	rm->pages_total += pages;
	rm->pages_given += pages;
	*f = c << CHUNK_BITS;
	return E_OK;
}

/* A chunk for the frames of a device; its slots are empty. */
err_t memory_device_begin(struct rm *rm, uint64_t physical, uint32_t *c)
{
	frame_t slots;
	uint32_t slot_page;
	struct frame *frames = rm->root->pages.get(rm->root->pages.ctx);
	if (!frames)
		return E_NOMEM;
	err_t err = slots_make(rm, rm->root, &slots, &slot_page);
	if (err != E_OK) {
		rm->root->pages.put(rm->root->pages.ctx, frames);
		return err;
	}
	*c = rm->device_chunks ? rm->device_chunks : rm->chunks_count;
	if (!rm->device_chunks && rm->device_chunks_made == DEVICE_CHUNKS_MAX) {
		slots_unmake(rm, rm->root, slots, slot_page);
		rm->root->pages.put(rm->root->pages.ctx, frames);
		return E_LIMIT;
	}
	if (rm->device_chunks) {
		rm->device_chunks = rm->chunks[*c].next;
	} else {
		rm->chunks_count++;
		rm->device_chunks_made++;
	}
	__builtin_memset(frames, 0, CHUNK_PAGES * sizeof(*frames));
	rm->chunks[*c] = (struct chunk){ .base = physical,
		                         .frames = frames,
		                         .slot_page = slot_page,
		                         .kind = CHUNK_DEVICE,
		                         .pages_bits = CHUNK_BITS };
	return E_OK;
}

void memory_device_end(struct rm *rm, uint32_t c)
{
	struct chunk *chunk = &rm->chunks[c];
	slots_unmake(rm, rm->root, *slot_page_frame(rm, chunk->slot_page), chunk->slot_page);
	rm->root->pages.put(rm->root->pages.ctx, chunk->frames);
	*chunk = (struct chunk){ .kind = CHUNK_NONE, .next = rm->device_chunks };
	rm->device_chunks = c;
}

/* -- moving pages ------------------------------------------------------------------------------ */

/*
 * Somebody may keep one page in each chunk of frames, and no memory is left then that can become
 * kernel objects, though nearly all is free. So when kernel pages get scarce, pages of dataspaces
 * move out of a chunk that has few. It is done between requests only: within one, a page stays
 * where it is. In a sealed system no kernel objects are made any more, and pages stay mapped.
 */
static bool kernel_is_scarce(const struct rm *rm)
{
	return rm->may_move && !rm->sealed && rm->kernel_free.count < KERNEL_LOW &&
	       !rm->raw.first && !rm->large_raw.first && rm->bulk_next == rm->bulks_count;
}

/* A chunk of frames has pages of dataspaces only, few, that are not pinned. */
static bool may_move(const struct chunk *chunk)
{
	if (chunk->kind != CHUNK_FRAMES || chunk->made != CHUNK_PAGES ||
	    chunk->free < CHUNK_PAGES - MOVE_MAX)
		return false;
	for (unsigned int i = 0; i < CHUNK_PAGES; i++) {
		const struct frame *frame = &chunk->frames[i];
		if (frame->use == FRAME_META || (frame->use == FRAME_PAGE && frame->page->pins > 0))
			return false;
	}
	return true;
}

/* A page's content goes to another frame, and who maps it does so anew when he touches it. */
static bool page_move(struct rm *rm, frame_t from, frame_t to)
{
	struct page *page = frame_at(rm, from)->page;
	unmap_frame(rm, from);
	void *content = frame_window(rm, from), *copy = content ? frame_window(rm, to) : NULL;
	if (!copy)
		return false;
	__builtin_memcpy(copy, content, PAGE);
	page->frame = to;
	frame_at(rm, to)->use = FRAME_PAGE;
	frame_at(rm, to)->page = page;
	frame_at(rm, from)->use = FRAME_DIRTY;
	frame_at(rm, from)->page = NULL;
	return true;
}

/* All pages of a chunk move. False: there is no room for them; some may have moved. */
static bool chunk_move(struct rm *rm, uint32_t c)
{
	struct chunk *chunk = &rm->chunks[c];
	frame_t first = c << CHUNK_BITS;
	bool was_free[CHUNK_PAGES], good = true;
	for (unsigned int i = 0; i < CHUNK_PAGES; i++) {
		was_free[i] = chunk->frames[i].use != FRAME_PAGE;
		if (was_free[i])
			chunk_take(rm, first + i);
	}
	for (unsigned int i = 0; i < CHUNK_PAGES && good; i++) {
		frame_t to = rm->ready.first   ? rm->ready.first
		             : rm->dirty.first ? rm->dirty.first
		                               : rm->cleared.first;
		if (was_free[i])
			continue;
		good = to != 0;
		if (!good)
			break;
		chunk_take(rm, to);
		good = page_move(rm, first + i, to);
		was_free[i] = good;
		if (!good)
			chunk_give(rm, to, FRAME_DIRTY);
	}
	for (unsigned int i = 0; i < CHUNK_PAGES; i++)
		if (was_free[i])
			chunk_give(rm, first + i, FRAME_DIRTY);
	return good;
}

/* The next chunk that can be moved becomes kernel pages. Some chunks are looked at. */
static void make_kernel(struct rm *rm)
{
	enum { TRIES = 256 };
	for (unsigned int i = 0; i < TRIES; i++) {
		if (rm->move_at >= rm->parts_next) {
			rm->move_at = 0;
			rm->may_move = false; /* until there is another */
			return;
		}
		uint32_t c = rm->move_at++;
		if (!may_move(&rm->chunks[c]) || !chunk_move(rm, c))
			continue;
		chunk_close(rm, c);
		(void)chunk_open(rm, CHUNK_KERNEL);
		rm->chunks_moved++;
		return;
	}
}

/*
 * A chunk that is wholly free, while there are more of them than will be needed soon; of frames
 * not one that was cleared, unless there are enough of those, too. 0: none.
 */
static uint32_t surplus(const struct rm *rm)
{
	uint32_t c = rm->empty[CHUNK_FRAMES].first;
	for (unsigned int kind = CHUNK_META; kind <= CHUNK_KERNEL; kind++)
		if (rm->empty[kind].count > EMPTY_OTHER)
			return rm->empty[kind].first;
	if (rm->empty[CHUNK_FRAMES].count <= EMPTY_FRAMES)
		return 0;
	for (unsigned int i = 0; i < EMPTY_FRAMES && c; i++, c = rm->chunks[c].next)
		if (rm->chunks[c].frames[0].use != FRAME_CLEARED)
			return c;
	return rm->cleared.count >= CLEARED_WANTED + CHUNK_PAGES ? rm->empty[CHUNK_FRAMES].first
	                                                         : 0;
}

/*
 * Has more frames cleared in advance (fresh memory first, which the kernel clears in one go), and
 * more that rm can write to at once, for copies; closes chunks that are free, so that they can
 * become anything again. False: all is as it should be.
 */
bool memory_refill(struct rm *rm)
{
	bool closes = rm->closing != 0;
	if (closes)
		close_step(rm);
	else if ((rm->closing = surplus(rm)) != 0)
		chunk_leave(rm, rm->closing);
	else if (kernel_is_scarce(rm))
		make_kernel(rm);
	if (closes || rm->closing || kernel_is_scarce(rm))
		return true;
	bool clears = rm->cleared.count < CLEARED_WANTED;
	if (rm->making.count || (clears && making_begin(rm)))
		return true;
	frame_t f = rm->dirty.first;
	rm->readies = rm->ready.count < (rm->readies ? READY_WANTED : READY_LOW);
	if (!f || (!clears && !rm->readies))
		return false;
	/* Taken meanwhile: else making room in the window could close its chunk. */
	chunk_take(rm, f);
	bool good = clears ? frame_clear(rm, f)
	                   : frame_at(rm, f)->in_window || window_show(rm, f, true);
	chunk_give(rm, f, !good ? FRAME_DIRTY : clears ? FRAME_CLEARED : FRAME_READY);
	return good;
}

bool memory_has_work(const struct rm *rm)
{
	return rm->making.count || rm->closing || surplus(rm) || kernel_is_scarce(rm) ||
	       rm->cleared.count < CLEARED_LOW || (rm->ready.count < READY_LOW && rm->dirty.count);
}

/* -- slots ------------------------------------------------------------------------------------- */

static err_t directory_make(struct rm *rm, uint32_t slot_page)
{
	uint32_t directory = slot_page / DIRECTORY,
	         bit = directory - rm->slot_page_first / DIRECTORY;
	if (slot_page - rm->slot_page_first < rm->slot_page_flat ||
	    bitmap_get(rm->directories, bit))
		return E_OK;
	frame_t f = kernel_get(rm, rm->root);
	if (!f)
		return E_NOMEM;
	bool meanwhile = bitmap_get(rm->directories, bit);
	err_t err = meanwhile ? E_OK : KERNEL(rm, slots_directory, page_slot(rm, f), directory);
	if (err != E_OK || meanwhile)
		kernel_put(rm, rm->root, f);
	else
		bitmap_put(rm->directories, bit, true);
	return err;
}

/*
 * A slot page, all empty; *f is the page that it is made of. Its number is chosen last: making room
 * for it may take slot pages itself.
 */
err_t slots_make(struct rm *rm, struct bank *bank, frame_t *f, uint32_t *slot_page)
{
	*f = kernel_get(rm, bank);
	if (!*f)
		return E_NOMEM;
	uint64_t n;
	err_t err;
	do {
		n = bitset_next(&rm->slot_pages, 0);
		err = n < rm->slot_pages.bits
		              ? directory_make(rm, (uint32_t)(n + rm->slot_page_first))
		              : E_LIMIT;
	} while (err == E_OK && !bitset_has(&rm->slot_pages, n));
	n += rm->slot_page_first;
	if (err == E_OK)
		err = KERNEL(rm, slots_add, page_slot(rm, *f), (uint32_t)n);
	if (err != E_OK) {
		kernel_put(rm, bank, *f);
		*f = 0;
		return err;
	}
	bitset_remove(&rm->slot_pages, n - rm->slot_page_first);
	*slot_page_frame(rm, n) = *f;
	frame_at(rm, *f)->number = *slot_page = (uint32_t)n;
	return E_OK;
}

/* Whatever is in its slots is deleted. */
void slots_unmake(struct rm *rm, struct bank *bank, frame_t f, uint32_t slot_page)
{
	*slot_page_frame(rm, slot_page) = 0;
	kernel_put(rm, bank, f);
	bitset_add(&rm->slot_pages, slot_page - rm->slot_page_first);
}

/* An empty slot of the bank's; 0: none. */
slot_t slot_get(struct rm *rm, struct bank *bank)
{
	if (!bank->slots.first) {
		frame_t f;
		uint32_t slot_page;
		if (slots_make(rm, bank, &f, &slot_page) != E_OK)
			return 0;
		struct frame *frame = frame_at(rm, f);
		frame->use = FRAME_SLOTS;
		frame->free[0] = frame->free[1] = ~0ull;
		frames_push(rm, &bank->slots, f);
	}
	struct frame *frame = frame_at(rm, bank->slots.first);
	unsigned int half = frame->free[0] == 0;
	unsigned int bit = (unsigned int)__builtin_ctzll(frame->free[half]);
	frame->free[half] &= frame->free[half] - 1;
	if ((frame->free[0] | frame->free[1]) == 0)
		frames_remove(rm, &bank->slots, bank->slots.first);
	return (slot_t)frame->number << SLOT_PAGE_BITS | (half * 64 + bit);
}

/* The slot is empty. */
void slot_put(struct rm *rm, struct bank *bank, slot_t slot)
{
	frame_t f = *slot_page_frame(rm, slot >> SLOT_PAGE_BITS);
	struct frame *frame = frame_at(rm, f);
	assert(frame->use == FRAME_SLOTS);
	if ((frame->free[0] | frame->free[1]) == 0)
		frames_push(rm, &bank->slots, f);
	unsigned int bit = slot % SLOT_PAGE;
	assert(!(frame->free[bit / 64] >> (bit % 64) & 1));
	frame->free[bit / 64] |= 1ull << (bit % 64);
	if ((frame->free[0] & frame->free[1]) != ~0ull || f >> CHUNK_BITS == 0)
		return;
	frames_remove(rm, &bank->slots, f);
	slots_unmake(rm, bank, f, frame->number);
}

/* -- small kernel objects ---------------------------------------------------------------------- */

/* A page of 64 untypeds of 64 bytes, with their slots, and one slot each for what is made. */
static err_t small_grow(struct rm *rm, struct bank *bank)
{
	frame_t slots;
	uint32_t slot_page;
	frame_t f = kernel_get(rm, bank);
	if (!f)
		return E_NOMEM;
	err_t err = slots_make(rm, bank, &slots, &slot_page);
	if (err == E_OK) {
		err = KERNEL(rm, retype, page_slot(rm, f), OBJ_UNTYPED, SMALL_BITS,
		             (slot_t)slot_page << SLOT_PAGE_BITS, SMALL_OBJECTS);
		if (err != E_OK)
			slots_unmake(rm, bank, slots, slot_page);
	}
	if (err != E_OK) {
		kernel_put(rm, bank, f);
		return err;
	}
	*frame_at(rm, f) = (struct frame){ .use = FRAME_SMALL, .number = slot_page };
	frame_at(rm, f)->free[0] = ~0ull;
	frame_at(rm, slots)->use = FRAME_SMALL_SLOTS;
	frame_at(rm, slots)->free[0] = f;
	frames_push(rm, &bank->small, f);
	return E_OK;
}

/* An endpoint, a notification or a reply object; 0: none. */
slot_t small_get(struct rm *rm, struct bank *bank, enum abi_object type)
{
	if (!bank->small.first && small_grow(rm, bank) != E_OK)
		return 0;
	frame_t f = bank->small.first;
	struct frame *frame = frame_at(rm, f);
	slot_t piece = ((slot_t)frame->number << SLOT_PAGE_BITS) +
	               (unsigned int)__builtin_ctzll(frame->free[0]);
	if (KERNEL(rm, retype, piece, type, 0, piece + SMALL_OBJECTS, 1) != E_OK) {
		if (frame->free[0] == ~0ull) {
			frames_remove(rm, &bank->small, f);
			frame_t slots = *slot_page_frame(rm, frame->number);
			slots_unmake(rm, bank, slots, frame->number);
			kernel_put(rm, bank, f);
		}
		return 0;
	}
	frame->free[0] &= frame->free[0] - 1;
	if (frame->free[0] == 0)
		frames_remove(rm, &bank->small, f);
	return piece + SMALL_OBJECTS;
}

/* The object, and every capability to it, is gone. */
void small_put(struct rm *rm, struct bank *bank, slot_t slot)
{
	frame_t slots = *slot_page_frame(rm, slot >> SLOT_PAGE_BITS);
	assert(frame_at(rm, slots)->use == FRAME_SMALL_SLOTS);
	frame_t f = (frame_t)frame_at(rm, slots)->free[0];
	struct frame *frame = frame_at(rm, f);
	rm->ops->revoke(rm->kernel, slot - SMALL_OBJECTS);
	if (frame->free[0] == 0)
		frames_push(rm, &bank->small, f);
	frame->free[0] |= 1ull << (slot % SLOT_PAGE - SMALL_OBJECTS);
	if (frame->free[0] != ~0ull)
		return;
	frames_remove(rm, &bank->small, f);
	slots_unmake(rm, bank, slots, frame->number);
	kernel_put(rm, bank, f);
}

/*
 * Reply objects are one pool of rm's, for any of them may hold anybody's call. There are never
 * more in use than threads wait, and each thread has paid for more than that. A few that are in
 * no use stay as they are.
 */
slot_t reply_get(struct rm *rm)
{
	return rm->replies_kept > 0 ? rm->reply_kept[--rm->replies_kept]
	                            : small_get(rm, rm->root, OBJ_REPLY);
}

void reply_put(struct rm *rm, slot_t reply)
{
	if (rm->replies_kept < REPLIES_KEPT_MAX)
		rm->reply_kept[rm->replies_kept++] = reply;
	else
		small_put(rm, rm->root, reply);
}

/* -- boot -------------------------------------------------------------------------------------- */

static void *spare_page(struct rm *rm)
{
	void *page = rm->spare;
	rm->spare += PAGE;
	return page;
}

/* Chunks beside the parts of 2 MiB pieces, and those: their numbers come last. */
static uint32_t parts_first(const struct rm_boot *boot)
{
	uint64_t chunks = 2 + boot->adopted / CHUNK_PAGES + 1 + DEVICE_CHUNKS_MAX;
	for (uint32_t i = 0; i < boot->bulks_count; i++) {
		unsigned int bits = boot->bulks[i].bits;
		chunks += bits < LARGE_BITS ? 1 + (1u << bits) / (CHUNK_PAGES * PAGE)
		                            : 1ull << (bits - LARGE_BITS);
	}
	return (uint32_t)(chunks + LARGE_PARTS - 1) / LARGE_PARTS * LARGE_PARTS;
}

static uint32_t chunks_max(const struct rm_boot *boot)
{
	uint64_t parts = 0;
	for (uint32_t i = 0; i < boot->bulks_count; i++)
		if (boot->bulks[i].bits >= LARGE_BITS)
			parts += (uint64_t)LARGE_PARTS << (boot->bulks[i].bits - LARGE_BITS);
	return parts_first(boot) + (uint32_t)parts;
}

uint64_t rm_window_bytes(const struct rm_boot *boot)
{
	return (uint64_t)chunks_max(boot) * CHUNK_PAGES * PAGE;
}

/*
 * Slot pages that could ever be: two per chunk, one per 512 KiB mapped, and as many for the rest.
 */
static uint32_t slot_pages_max(const struct rm_boot *boot)
{
	uint64_t wanted = 64 + 8ull * chunks_max(boot);
	uint64_t there = boot->slot_pages_end - boot->slot_pages_first;
	return (uint32_t)(wanted < there ? wanted : there);
}

enum { SPARE_PAGES = 4 };

static uint64_t round_page(uint64_t bytes)
{
	return (bytes + PAGE - 1) & ~(uint64_t)(PAGE - 1);
}

uint64_t rm_tables_bytes(const struct rm_boot *boot)
{
	uint64_t chunks = chunks_max(boot), slots = slot_pages_max(boot);
	return SPARE_PAGES * PAGE + round_page(chunks * sizeof(struct chunk)) +
	       round_page(slots * sizeof(frame_t)) + round_page(bitset_words(slots) * 8) +
	       round_page(bitmap_words(slots / DIRECTORY + 1) * 8) +
	       round_page(chunks / LARGE_PARTS * sizeof(frame_t));
}

/*
 * Chunk 0 stands for the boot pages: of them the first directory, a first slot page for rm's own
 * slots, the slot pages of the first chunk of kernel pages, and that of the first of frames are
 * made.
 */
static void boot_chunk(struct rm *rm, const struct rm_boot *boot)
{
	struct chunk *chunk = &rm->chunks[0];
	chunk->kind = CHUNK_NONE;
	chunk->pages_bits = CHUNK_BITS;
	chunk->frames = spare_page(rm);
	rm->chunks_count = 1;
	for (unsigned int i = 0; i < BOOT_KERNEL_PAGES; i++)
		chunk->frames[i + 1].use = FRAME_KERNEL;
	(void)boot;
}

/* The same as slots_make, out of boot page i. */
static err_t boot_slots(struct rm *rm, const struct rm_boot *boot, unsigned int i, uint32_t n)
{
	err_t err = KERNEL(rm, slots_add, boot->boot_pages[i], n);
	if (err != E_OK)
		return err;
	bitset_remove(&rm->slot_pages, n - rm->slot_page_first);
	*slot_page_frame(rm, n) = i + 1;
	frame_at(rm, i + 1)->number = n;
	return E_OK;
}

/* Opens the first raw chunk; its slot pages are n on, of boot pages i on. */
static err_t boot_open(struct rm *rm, const struct rm_boot *boot, uint8_t kind, unsigned int i,
                       uint32_t n)
{
	bool kernel = kind == CHUNK_KERNEL;
	uint32_t c = chunk_raw(rm, kind);
	if (!c)
		return E_NOMEM;
	struct chunk *chunk = &rm->chunks[c];
	err_t err = boot_slots(rm, boot, i, n);
	if (err == E_OK && kernel)
		err = boot_slots(rm, boot, i + 1, n + 1);
	if (err != E_OK)
		return err;
	chunk->slot_page = n;
	chunk->object_page = kernel ? n + 1 : 0;
	chunk->frames = spare_page(rm);
	err = KERNEL(rm, retype, chunk->untyped, kernel ? OBJ_UNTYPED : OBJ_X86_4K_PAGE, PAGE_BITS,
	             (slot_t)n << SLOT_PAGE_BITS, 1u << chunk->pages_bits);
	if (err != E_OK)
		return err;
	chunk_begun(rm, c, kind);
	chunk_grown(rm, c, 1u << chunk->pages_bits);
	return E_OK;
}

/* The root bank is not there yet; nothing is charged here. */
err_t memory_init(struct rm *rm, const struct rm_boot *boot)
{
	uint32_t chunks = chunks_max(boot), slots = slot_pages_max(boot);
	char *at = boot->tables;
	rm->spare = at;
	at += SPARE_PAGES * PAGE;
	rm->chunks = (struct chunk *)at;
	rm->chunks_max = chunks;
	rm->parts_first = rm->parts_next = parts_first(boot);
	at += round_page(chunks * sizeof(struct chunk));
	rm->slot_page_frames = (frame_t *)at;
	at += round_page(slots * sizeof(frame_t));
	bitset_init(&rm->slot_pages, (uint64_t *)at, slots);
	at += round_page(bitset_words(slots) * 8);
	rm->directories = (uint64_t *)at;
	at += round_page(bitmap_words(slots / DIRECTORY + 1) * 8);
	rm->window_tables = (frame_t *)at;
	rm->slot_page_first = boot->slot_pages_first;
	rm->slot_page_flat = boot->slot_pages_flat;
	for (uint32_t i = 0; i < slots; i++)
		bitset_add(&rm->slot_pages, i);
	rm->bulks_count = boot->bulks_count;
	for (uint32_t i = 0; i < boot->bulks_count; i++) {
		rm->bulks[i] = boot->bulks[i];
		rm->pages_total += 1ull << (boot->bulks[i].bits - PAGE_BITS);
	}
	boot_chunk(rm, boot);

	uint32_t n = boot->slot_pages_first;
	err_t err = E_OK;
	if (rm->slot_page_flat == 0) {
		err = KERNEL(rm, slots_directory, boot->boot_pages[0], n / DIRECTORY);
		if (err != E_OK)
			return err;
		bitmap_put(rm->directories, 0, true);
	}
	err = boot_slots(rm, boot, 1, n);
	if (err != E_OK)
		return err;
	struct frame *first = frame_at(rm, 2);
	first->use = FRAME_SLOTS;
	first->free[0] = first->free[1] = ~0ull;
	frames_push(rm, &rm->root->slots, 2);
	err = boot_open(rm, boot, CHUNK_KERNEL, 2, n + 1);
	return err == E_OK ? boot_open(rm, boot, CHUNK_FRAMES, 4, n + 3) : err;
}
