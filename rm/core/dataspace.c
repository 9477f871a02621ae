/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Dataspaces: pages 0 to size - 1, each absent or with a struct page.
 *
 * A copy (copy-on-write) has the same struct page for every page there is; both then see it read
 * only, and who writes gets a page of its own. Sharers are always of one bank, which pays once;
 * for another bank the copy is made at once, page by page. A shadow is what private regions map:
 * pages that are not its own are those of its backing, as they are then.
 *
 * While a dataspace is being copied (ds->copy), nobody may map its pages: first all its mappings
 * go, then its pages are shared, in steps. Whoever faults meanwhile waits, so the copy is as the
 * original was at one moment.
 *
 * Pinned pages, and donated ones, are never shared: they are copied at once. Nor are those of a
 * dataspace that is sealed (share.c), large ones apart: a write to a sealed page needs no memory.
 *
 * A large page has the content of up to LARGE_PAGES pages (ds->large says of which); it is mapped
 * as one while it has all of them. A page is taken out of it, by copying it, when it is needed by
 * itself: shown by a region that has not all of the others, written to while the large page is
 * shared, moved, pinned. What is left stays where it is; the large page goes with the last.
 *
 * Raw memory has kernel pages. Below each page's untyped, which rm keeps, is one that is handed out
 * by copies: to revoke either takes back all that was made of it. A page that is donated becomes a
 * frame where it is.
 */
#include "internal.h"
#include <lib/assert.h>
#include <lib/range.h>

/* -- pages ------------------------------------------------------------------------------------- */

enum content { ANY, CLEARED, LARGE_CLEARED, RAW };

/* A kernel page whose one object is an untyped as large, which can be handed out (see on_raw_open).
 */
static frame_t raw_get(struct rm *rm, struct bank *bank)
{
	frame_t f = object_get(rm, bank, OBJ_UNTYPED, PAGE_BITS);
	if (f)
		frame_at(rm, f)->has_page_slot = true;
	return f;
}

static err_t page_new(struct rm *rm, struct bank *bank, enum content content, struct page **made)
{
	struct page *page = record_get(bank, SLAB_PAGE);
	if (!page)
		return E_NOMEM;
	frame_t f = content == RAW             ? raw_get(rm, bank)
	            : content == LARGE_CLEARED ? large_get(rm, bank)
	                                       : frame_get(rm, bank, content == CLEARED);
	if (!f) {
		record_put(bank, SLAB_PAGE, page);
		return E_NOMEM;
	}
	*page = (struct page){ .frame = f, .holders = 1 };
	frame_at(rm, f)->use = FRAME_PAGE;
	frame_at(rm, f)->page = page;
	*made = page;
	return E_OK;
}

static void page_free(struct rm *rm, struct bank *bank, struct page *page)
{
	unmap_frame(rm, page->frame);
	frame_put(rm, bank, page->frame);
	record_put(bank, SLAB_PAGE, page);
}

/* One dataspace less has it. */
void page_drop(struct rm *rm, struct bank *bank, struct page *page)
{
	if (--page->holders == 0 && page->pins == 0)
		page_free(rm, bank, page);
}

/* It stays where it is, whatever becomes of its dataspace. False: over the bank's pin quota. */
bool page_pin(struct bank *bank, struct page *page)
{
	if (bank->pinned == bank->pin_limit)
		return false;
	bank->pinned++;
	page->pins++;
	return true;
}

void page_unpin(struct rm *rm, struct bank *bank, struct page *page)
{
	bank->pinned--;
	if (--page->pins == 0 && page->holders == 0)
		page_free(rm, bank, page);
}

/* The content of one of its pages, in rm's window. NULL: there is no memory for that. */
char *page_content(struct rm *rm, const struct page *page, uint64_t index)
{
	char *content = frame_window(rm, page->frame);
	return content && page_is_large(rm, page) ? content + index % LARGE_PAGES * PAGE : content;
}

/* A page with the content of another; index: of which, if that is large. */
static err_t page_copy(struct rm *rm, struct bank *bank, const struct page *from, uint64_t index,
                       struct page **made)
{
	err_t err = page_new(rm, bank, ANY, made);
	if (err != E_OK)
		return err;
	void *to = frame_window(rm, (*made)->frame), *content = page_content(rm, from, index);
	if (!to || !content) {
		page_drop(rm, bank, *made);
		return E_NOMEM;
	}
	__builtin_memcpy(to, content, PAGE);
	return E_OK;
}

/* -- what is where ----------------------------------------------------------------------------- */

static struct page *own_page(const struct dataspace *ds, uint64_t index)
{
	struct page *page = (struct page *)radix_get(&ds->pages, index);
	return page && page->frame ? page : NULL;
}

static struct large *large_at(const struct dataspace *ds, uint64_t index)
{
	return (struct large *)radix_get(&ds->large, index / LARGE_PAGES);
}

static uint64_t large_bit(uint64_t index)
{
	return 1ull << index % 64;
}

static uint64_t *large_word(struct large *large, uint64_t index)
{
	return &large->has[index % LARGE_PAGES / 64];
}

/* The large page that has the page's content; NULL: none. */
static struct large *large_of(const struct dataspace *ds, uint64_t index)
{
	struct large *large = ds->large.count ? large_at(ds, index) : NULL;
	return large && *large_word(large, index) & large_bit(index) ? large : NULL;
}

/* All of its LARGE_PAGES pages are in one page. */
bool dataspace_is_whole(const struct dataspace *ds, uint64_t index)
{
	const struct large *large = large_of(ds, index);
	return large && large->count == LARGE_PAGES;
}

static struct page *any_page(const struct dataspace *ds, uint64_t index)
{
	struct page *page = own_page(ds, index);
	const struct large *large = page ? NULL : large_of(ds, index);
	return large ? large->page : page;
}

/* The page as it is read; *shared: it must not be written. NULL: there is none. */
struct page *dataspace_page(const struct dataspace *ds, uint64_t index, bool *shared)
{
	struct page *page = any_page(ds, index);
	*shared = page ? page->holders > 1 : true;
	if (!page && ds->backing && index < ds->backing->size)
		page = any_page(ds->backing, index);
	return page;
}

static err_t set_page(struct dataspace *ds, uint64_t index, struct page *page)
{
	const struct lib_pages nodes = bank_nodes(ds->object.bank);
	return radix_set(&ds->pages, &nodes, index, (uint64_t)page);
}

/* No region of the dataspace, nor of its shadows, shows that page of its own there any more. */
static void unmap_index(struct rm *rm, struct dataspace *ds, uint64_t index,
                        const struct page *page)
{
	if (!list_is_empty(&ds->shadows)) {
		unmap_frame(rm, page->frame);
		return;
	}
	for (struct list *at = list_first(&ds->regions); at; at = list_after(&ds->regions, at)) {
		struct region *r = container_of(at, struct region, link);
		uint64_t pages = (r->interval.end - r->interval.start) / PAGE;
		if (index < r->first || index - r->first >= pages)
			continue;
		uint64_t address = r->interval.start + (index - r->first) * PAGE;
		unmap_page(rm, r->vspace, address);
	}
}

/* A page that was made elsewhere, which goes if that fails. */
err_t dataspace_put_page(struct rm *rm, struct dataspace *ds, uint64_t index, struct page *page)
{
	err_t err = set_page(ds, index, page);
	if (err != E_OK)
		page_drop(rm, ds->object.bank, page);
	else
		ds->resident++;
	return err;
}

static void clear_page(struct rm *rm, struct dataspace *ds, uint64_t index)
{
	const struct lib_pages nodes = bank_nodes(ds->object.bank);
	struct page *page = (struct page *)radix_remove(&ds->pages, &nodes, index);
	ds->resident--;
	if (page->holders > 1 || page->pins > 0)
		unmap_index(rm, ds, index, page);
	if (ds->flags & RM_DATASPACE_FLAGS_PINNED)
		page_unpin(rm, ds->object.bank, page);
	page_drop(rm, ds->object.bank, page);
	if (ds->donation)
		donation_pay(ds->donation);
}

/* -- large pages ------------------------------------------------------------------------------- */

/* Zeros where no page is, from index on, a multiple of LARGE_PAGES. NOMEM: nothing changed. */
err_t dataspace_fill_large(struct rm *rm, struct dataspace *ds, uint64_t index)
{
	struct bank *bank = ds->object.bank;
	const struct lib_pages nodes = bank_nodes(bank);
	struct large *large = record_get(bank, SLAB_RECORD);
	_Static_assert(sizeof(*large) <= RECORD_BYTES);
	if (!large)
		return E_NOMEM;
	err_t err = page_new(rm, bank, LARGE_CLEARED, &large->page);
	if (err == E_OK) {
		err = radix_set(&ds->large, &nodes, index / LARGE_PAGES, (uint64_t)large);
		if (err != E_OK)
			page_drop(rm, bank, large->page);
	}
	if (err != E_OK) {
		record_put(bank, SLAB_RECORD, large);
		return err;
	}
	large->count = LARGE_PAGES;
	__builtin_memset(large->has, 0xff, sizeof(large->has));
	ds->resident += LARGE_PAGES;
	return E_OK;
}

/*
 * Its pages from one on, up to count of them, are no longer in it: nobody maps it as a whole then.
 * Without any, it goes.
 */
static void large_cut(struct rm *rm, struct dataspace *ds, struct large *large, uint64_t from,
                      uint64_t count)
{
	struct bank *bank = ds->object.bank;
	const struct lib_pages nodes = bank_nodes(bank);
	if (ds->regions_count > 0)
		unmap_frame(rm, large->page->frame);
	for (uint64_t index = from; index < from + count; index++) {
		uint64_t *word = large_word(large, index), bit = large_bit(index);
		ds->resident -= (*word & bit) != 0;
		large->count -= (*word & bit) != 0;
		*word &= ~bit;
	}
	if (large->count > 0)
		return;
	(void)radix_remove(&ds->large, &nodes, from / LARGE_PAGES);
	page_drop(rm, bank, large->page);
	record_put(bank, SLAB_RECORD, large);
}

/* If the page's content is in a large page, it is in one of its own from now on. */
err_t dataspace_split(struct rm *rm, struct dataspace *ds, uint64_t index)
{
	struct bank *bank = ds->object.bank;
	struct large *large = large_of(ds, index);
	struct page *page;
	if (!large)
		return E_OK;
	/* First, so that the original capability is free for rm's window. */
	unmap_frame(rm, large->page->frame);
	err_t err = page_copy(rm, bank, large->page, index, &page);
	if (err == E_OK)
		err = dataspace_put_page(rm, ds, index, page);
	if (err == E_OK)
		large_cut(rm, ds, large, index, 1);
	return err;
}

/* The copy has the same large page, for the same of its pages. */
static err_t copy_large(struct dataspace *to, uint64_t index, const struct large *large)
{
	struct bank *bank = to->object.bank;
	const struct lib_pages nodes = bank_nodes(bank);
	struct large *mine = record_get(bank, SLAB_RECORD);
	if (!mine)
		return E_NOMEM;
	*mine = *large;
	err_t err = radix_set(&to->large, &nodes, (index - to->copy_first) / LARGE_PAGES,
	                      (uint64_t)mine);
	if (err != E_OK) {
		record_put(bank, SLAB_RECORD, mine);
		return err;
	}
	mine->page->holders++;
	to->resident += mine->count;
	return E_OK;
}

/*
 * A page of one dataspace becomes one of another of the same bank, or several; where there is a
 * page already, that stays, and the other goes. NOMEM: nothing changed.
 */
err_t dataspace_move(struct rm *rm, struct dataspace *from, uint64_t from_index,
                     struct dataspace *to, uint64_t to_index, uint64_t count)
{
	const struct lib_pages nodes = bank_nodes(from->object.bank);
	for (uint64_t i = 0; i < count; i++) {
		err_t err = dataspace_split(rm, from, from_index + i);
		if (err == E_OK && !own_page(to, to_index + i))
			err = set_page(to, to_index + i, own_page(from, from_index + i));
		if (err == E_OK)
			continue;
		while (i-- > 0)
			if (own_page(to, to_index + i) == own_page(from, from_index + i))
				(void)radix_remove(&to->pages, &nodes, to_index + i);
		return err;
	}
	for (uint64_t i = 0; i < count; i++) {
		struct page *page = own_page(from, from_index + i);
		unmap_frame(rm, page->frame);
		if (own_page(to, to_index + i) != page) {
			clear_page(rm, from, from_index + i);
			continue;
		}
		(void)radix_remove(&from->pages, &nodes, from_index + i);
		from->resident--;
		to->resident++;
	}
	return E_OK;
}

/* A page of zeros, or raw, where none is. */
err_t dataspace_fill(struct rm *rm, struct dataspace *ds, uint64_t index, struct page **page)
{
	enum content content = ds->kind == RM_DATASPACE_KIND_RAW ? RAW : CLEARED;
	err_t err = page_new(rm, ds->object.bank, content, page);
	return err == E_OK ? dataspace_put_page(rm, ds, index, *page) : err;
}

/* The page that is there, or in the backing, not in a large one, as one that may be written. */
err_t dataspace_own(struct rm *rm, struct dataspace *ds, uint64_t index, struct page **page)
{
	bool shared;
	struct page *from = dataspace_page(ds, index, &shared), *own = own_page(ds, index);
	*page = from;
	if (!shared)
		return E_OK;
	/*
	 * What shows the old page goes first: so its original capability is free for rm's window.
	 */
	unmap_index(rm, ds, index, from);
	err_t err = page_copy(rm, ds->object.bank, from, index, page);
	if (err != E_OK)
		return err;
	err = set_page(ds, index, *page);
	if (err != E_OK) {
		page_drop(rm, ds->object.bank, *page);
		return err;
	}
	if (own)
		page_drop(rm, ds->object.bank, own);
	else
		ds->resident++;
	return E_OK;
}

/* -- for donations ----------------------------------------------------------------------------- */

bool dataspace_has(const struct dataspace *ds, uint64_t index)
{
	return any_page(ds, index) != NULL;
}

/* The page as one of the dataspace's alone, of zeros if there is none, not in a large one. */
err_t dataspace_take(struct rm *rm, struct dataspace *ds, uint64_t index, struct page **page)
{
	*page = own_page(ds, index);
	if (*page)
		return (*page)->holders == 1 ? E_OK : dataspace_own(rm, ds, index, page);
	if (!large_of(ds, index))
		return dataspace_fill(rm, ds, index, page);
	err_t err = dataspace_split(rm, ds, index);
	*page = own_page(ds, index);
	return err;
}

/*
 * Its frame, which nothing shows any more, is the caller's; who pays for it is, too. Of what was
 * raw the kernel has cleared it.
 */
frame_t dataspace_leave(struct rm *rm, struct dataspace *ds, uint64_t index)
{
	const struct lib_pages nodes = bank_nodes(ds->object.bank);
	struct page *page = (struct page *)radix_remove(&ds->pages, &nodes, index);
	frame_t f = page->frame;
	if (ds->kind == RM_DATASPACE_KIND_RAW)
		rm->ops->reframe(rm->kernel, page_slot(rm, f), kernel_slot(rm, f));
	else
		unmap_frame(rm, f);
	record_put(ds->object.bank, SLAB_PAGE, page);
	ds->resident--;
	return f;
}

/* A record for a page whose frame is to come; until then the page is not there. */
err_t dataspace_place(struct dataspace *ds, uint64_t index)
{
	struct page *page = record_get(ds->object.bank, SLAB_PAGE);
	if (!page)
		return E_NOMEM;
	*page = (struct page){ .holders = 1 };
	err_t err = set_page(ds, index, page);
	if (err != E_OK)
		record_put(ds->object.bank, SLAB_PAGE, page);
	return err;
}

struct page *dataspace_placed(const struct dataspace *ds, uint64_t index)
{
	struct page *page = (struct page *)radix_get(&ds->pages, index);
	return page && !page->frame ? page : NULL;
}

void dataspace_unplace(struct dataspace *ds, uint64_t index)
{
	const struct lib_pages nodes = bank_nodes(ds->object.bank);
	if (dataspace_placed(ds, index))
		record_put(ds->object.bank, SLAB_PAGE,
		           (void *)radix_remove(&ds->pages, &nodes, index));
}

/* -- making and holding ------------------------------------------------------------------------ */

err_t dataspace_new(struct rm *rm, struct bank *bank, uint8_t kind, uint64_t size, bool internal,
                    struct dataspace **made)
{
	err_t err = object_new(rm, bank, KIND_DATASPACE, made);
	if (err != E_OK)
		return err;
	struct dataspace *ds = *made;
	radix_init(&ds->pages);
	radix_init(&ds->large);
	interval_map_init(&ds->away);
	ds->size = size;
	ds->kind = kind;
	ds->internal = internal;
	ds->caching = RM_CACHING_CACHED;
	list_init(&ds->shadows);
	list_init(&ds->shadow_link);
	list_init(&ds->shares);
	list_init(&ds->regions);
	list_init(&ds->working);
	list_init(&ds->waiters);
	list_init(&ds->pager_link);
	list_init(&ds->read_event.link);
	list_init(&ds->detached_event.link);
	ds->read_event.number = RM_EVENT_PAGER_READ;
	ds->detached_event.number = RM_EVENT_PAGER_DETACHED;
	deadline_init(&ds->deadline);
	return E_OK;
}

/* Somebody needs it: a region, a copy in the making. */
void dataspace_hold(struct dataspace *ds)
{
	ds->object.holders++;
}

void dataspace_drop(struct rm *rm, struct dataspace *ds)
{
	assert(ds->object.holders > 0);
	if (--ds->object.holders == 0 && ds->internal)
		object_kill(rm, &ds->object);
}

static void set_backing(struct dataspace *ds, struct dataspace *backing)
{
	ds->backing = backing;
	if (backing)
		list_push_back(&backing->shadows, &ds->shadow_link);
}

err_t dataspace_shadow(struct rm *rm, struct bank *bank, struct dataspace *source,
                       struct dataspace **made)
{
	err_t err = dataspace_new(rm, bank, RM_DATASPACE_KIND_ANONYMOUS, source->size, true, made);
	if (err == E_OK)
		set_backing(*made, source);
	return err;
}

/* -- long work --------------------------------------------------------------------------------- */

static void work_begin(struct rm *rm, struct dataspace *ds, uint8_t work)
{
	ds->work = work;
	ds->cursor = 0;
	job_add(rm, &ds->object);
}

static void work_end(struct rm *rm, struct dataspace *ds)
{
	ds->work = WORK_NONE;
	job_end(rm, &ds->object);
}

/*
 * A copy of size pages of source, from first on: empty so far, its work fills it. BUSY: another one
 * is being made. Until dataspace_copy_end the source's faults wait.
 */
err_t dataspace_copy_begin(struct rm *rm, struct dataspace *source, struct bank *bank,
                           uint64_t first, uint64_t size, struct dataspace **made)
{
	if (dataspace_is_busy(source) || source->object.dying)
		return E_BUSY;
	if (source->kind == RM_DATASPACE_KIND_PAGED || source->kind == RM_DATASPACE_KIND_DEVICE ||
	    source->kind == RM_DATASPACE_KIND_RAW)
		return E_UNSUPPORTED;
	err_t err = dataspace_new(rm, bank, RM_DATASPACE_KIND_CLONE, size, true, made);
	if (err != E_OK)
		return err;
	assert(!source->backing || first == 0);
	set_backing(*made, source->backing);
	(*made)->lost = source->lost;
	(*made)->source = source;
	(*made)->copy_first = first;
	(*made)->cursor = source->regions_count;
	(*made)->work = WORK_HIDE;
	source->copy = *made;
	return E_OK;
}

/* The page, shared or copied, into the copy. */
static err_t copy_page(struct rm *rm, struct dataspace *to, uint64_t index, struct page *page)
{
	struct page *mine = page;
	if (page->pins > 0 || to->object.bank != to->source->object.bank || to->source->donation ||
	    to->source->seals > 0 || page_is_large(rm, page)) {
		err_t err = page_copy(rm, to->object.bank, page, index, &mine);
		if (err != E_OK)
			return err;
	} else {
		page->holders++;
	}
	err_t err = set_page(to, index - to->copy_first, mine);
	if (err != E_OK)
		page_drop(rm, to->object.bank, mine);
	else
		to->resident++;
	return err;
}

/* The next region's mappings go: nobody writes then, for a fault waits for the copy's end. */
static void hide_regions(struct rm *rm, struct dataspace *to)
{
	struct list *link = list_first(&to->source->regions);
	if (!link || to->cursor == 0) {
		to->work = WORK_COPY;
		to->cursor = to->copy_first;
		return;
	}
	struct region *r = container_of(link, struct region, link);
	if (to->hidden < r->interval.start)
		to->hidden = r->interval.start;
	if (!hide_step(rm, r->vspace, &to->hidden, r->interval.end))
		return;
	to->hidden = 0;
	list_remove(link);
	list_push_back(&to->source->regions, link);
	to->cursor--;
}

/* The same for pages in large ones, at and behind the cursor. */
static err_t copy_large_step(struct rm *rm, struct dataspace *to)
{
	const struct dataspace *source = to->source;
	uint64_t key = to->cursor / LARGE_PAGES, end = to->copy_first + to->size;
	const struct large *large = (struct large *)radix_next(&source->large, &key);
	if (!large || key * LARGE_PAGES >= end)
		return E_OK;
	uint64_t from = key * LARGE_PAGES, to_end = from + LARGE_PAGES;
	if (to->cursor <= from && to_end <= end && to->copy_first % LARGE_PAGES == 0 &&
	    to->object.bank == source->object.bank) {
		to->cursor = to_end;
		err_t err = copy_large(to, from, large);
		return err == E_OK ? E_PENDING : err;
	}
	to->cursor = to->cursor > from ? to->cursor : from;
	for (unsigned int i = 0; i < STEP_PAGES && to->cursor < to_end; i++, to->cursor++) {
		if (to->cursor >= end)
			return E_OK;
		err_t err = large_of(source, to->cursor)
		                    ? copy_page(rm, to, to->cursor, large->page)
		                    : E_OK;
		if (err != E_OK)
			return err;
	}
	return E_PENDING;
}

/* A step of a copy. PENDING: there is more to do. */
err_t dataspace_copy_step(struct rm *rm, struct dataspace *to)
{
	if (to->source->object.dying)
		return E_GONE;
	if (to->work == WORK_HIDE) {
		hide_regions(rm, to);
		return E_PENDING;
	}
	if (to->work == WORK_COPY_LARGE)
		return copy_large_step(rm, to);
	for (unsigned int i = 0; i < STEP_PAGES; i++, to->cursor++) {
		struct page *page = (struct page *)radix_next(&to->source->pages, &to->cursor);
		if (!page || to->cursor - to->copy_first >= to->size) {
			to->work = WORK_COPY_LARGE;
			to->cursor = to->copy_first;
			return to->source->large.count ? E_PENDING : E_OK;
		}
		err_t err = copy_page(rm, to, to->cursor, page);
		if (err != E_OK)
			return err;
	}
	return E_PENDING;
}

/* Who waited for the copy's end goes on. What becomes of the copy is the caller's. */
void dataspace_copy_end(struct rm *rm, struct dataspace *to)
{
	to->source->copy = NULL;
	dataspace_wake(rm, to->source);
	to->source = NULL;
	to->work = WORK_NONE;
}

/* All faults that wait for a page here are tried again. */
void dataspace_wake(struct rm *rm, struct dataspace *ds)
{
	list_append_all(&rm->retry, &ds->waiters);
}

/* The caller who waits for a new dataspace gets it, or the error. */
static void answer_made(struct rm *rm, struct dataspace *ds, err_t err, bool is_clone)
{
	struct waiter *waiter = container_of(list_first(&ds->working), struct waiter, link);
	struct proto_request request = { .state = PROTO_PARKED };
	if (err == E_OK)
		err = object_cap(rm, &request, &ds->object, FACET_RIGHTS);
	if (is_clone)
		rm_dataspace_clone_answer(&request, err);
	else
		rm_dataspace_create_answer(&request, err);
	answer_request(rm, waiter, &request);
	if (err != E_OK)
		object_kill(rm, &ds->object);
}

static err_t fill_step(struct rm *rm, struct dataspace *ds)
{
	for (unsigned int i = 0; i < STEP_PAGES; i++, ds->cursor++) {
		struct page *page;
		if (ds->cursor == ds->size)
			return E_OK;
		if (ds->object.bank->pinned == ds->object.bank->pin_limit)
			return E_LIMIT;
		err_t err = dataspace_fill(rm, ds, ds->cursor, &page);
		if (err != E_OK)
			return err;
		(void)page_pin(ds->object.bank, page);
	}
	return E_PENDING;
}

/* The same of those in large pages. */
static bool trim_large(struct rm *rm, struct dataspace *ds, uint64_t from)
{
	uint64_t key = (from + LARGE_PAGES - 1) / LARGE_PAGES;
	struct large *large = large_at(ds, from);
	if (large && from % LARGE_PAGES != 0)
		large_cut(rm, ds, large, from, LARGE_PAGES - from % LARGE_PAGES);
	large = (struct large *)radix_next(&ds->large, &key);
	if (large)
		large_cut(rm, ds, large, key * LARGE_PAGES, LARGE_PAGES);
	return !large;
}

/* The pages from one on go. True: they are gone. */
static bool trim_step(struct rm *rm, struct dataspace *ds, uint64_t from)
{
	for (unsigned int i = 0; i < STEP_PAGES; i++) {
		uint64_t at = from;
		if (!radix_next(&ds->pages, &at))
			return ds->large.count == 0 || trim_large(rm, ds, from);
		clear_page(rm, ds, at);
	}
	return false;
}

/* A part of a dataspace's work. True: the object is gone. */
bool dataspace_work(struct rm *rm, struct dataspace *ds)
{
	err_t err;
	switch (ds->work) {
	case WORK_FILL:
		err = ds->object.bank->object.dying ? E_GONE : fill_step(rm, ds);
		if (err == E_PENDING)
			return false;
		work_end(rm, ds);
		answer_made(rm, ds, err, false);
		return true;
	case WORK_TRIM:
		if (!trim_step(rm, ds, ds->size))
			return false;
		work_end(rm, ds);
		answer_all(rm, &ds->working, E_OK);
		return true;
	default:
		err = ds->object.bank->object.dying ? E_GONE : dataspace_copy_step(rm, ds);
		if (err == E_PENDING)
			return false;
		dataspace_copy_end(rm, ds);
		work_end(rm, ds);
		ds->internal = false;
		answer_made(rm, ds, err, true);
		return true;
	}
}

/* -- the end ----------------------------------------------------------------------------------- */

/* The pager is heard no more. What is not there is lost; who waits is told. */
void dataspace_detach(struct rm *rm, struct dataspace *ds)
{
	if (ds->pager) {
		event_cancel(rm, ds->pager, &ds->read_event);
		list_remove(&ds->pager_link);
	}
	deadline_cancel(&rm->pager_deadlines, &ds->deadline);
	ds->lost = true;
	dataspace_wake(rm, ds);
}

/* The next region shows nothing. False: there is none. */
static bool cut_region(struct rm *rm, struct dataspace *ds)
{
	struct list *link = list_first(&ds->regions);
	if (!link)
		return false;
	struct region *r = container_of(link, struct region, link);
	if (!unmap_step(rm, r->vspace, r->interval.start, r->interval.end))
		return true;
	region_hide(rm, r);
	return true;
}

/* The next share has no pages any more. */
static bool cut_share(struct rm *rm, struct dataspace *ds)
{
	struct list *link = list_pop_front(&ds->shares);
	if (!link)
		return false;
	struct share *share = container_of(link, struct share, link);
	share->dataspace = NULL;
	share_settle(rm, share);
	return true;
}

/* The next shadow, which shows none of its pages by now, has to do without it. */
static bool cut_shadow(struct dataspace *ds)
{
	struct list *link = list_pop_front(&ds->shadows);
	if (!link)
		return false;
	struct dataspace *shadow = container_of(link, struct dataspace, shadow_link);
	shadow->backing = NULL;
	shadow->lost = true;
	return true;
}

/* A part of a dataspace's end: its regions, its pages, its shadows, itself. True: no more now. */
bool dataspace_reap(struct rm *rm, struct dataspace *ds)
{
	if (ds->source) {
		dataspace_copy_end(rm, ds);
		answer_all(rm, &ds->working, E_GONE);
	}
	answer_all(rm, &ds->working, E_GONE);
	dataspace_wake(rm, ds);
	if (ds->giving)
		return false;
	if (share_holds(rm, ds))
		return true;
	if (ds->copy || cut_region(rm, ds) || !trim_step(rm, ds, 0) || cut_shadow(ds) ||
	    cut_share(rm, ds) || donation_orphan(ds) || ds->object.holders > 0)
		return false;
	list_remove(&ds->shadow_link);
	list_remove(&ds->pager_link);
	if (ds->pager)
		event_cancel(rm, ds->pager, &ds->detached_event);
	struct donation *donation = ds->donation;
	object_free(rm, &ds->object);
	if (donation)
		donation_lose(rm, donation);
	return true;
}

/* Boot's frames as a dataspace; a failure is the end of the boot. */
err_t rm_adopt(struct rm *rm, struct bank *bank, uint32_t pages, struct dataspace **made)
{
	err_t err = dataspace_new(rm, bank, RM_DATASPACE_KIND_ANONYMOUS, pages, false, made);
	frame_t f = 0;
	for (uint32_t i = 0; i < pages && err == E_OK; i++, f++) {
		if (i % CHUNK_PAGES == 0) {
			uint32_t left = pages - i < CHUNK_PAGES ? pages - i : CHUNK_PAGES;
			err = memory_adopt(rm, i, left, &f);
			bank->limit += left;
			bank->used += left;
		}
		struct page *page = record_get(bank, SLAB_PAGE);
		if (!page || err != E_OK)
			return E_NOMEM;
		*page = (struct page){ .frame = f, .holders = 1 };
		frame_at(rm, f)->use = FRAME_PAGE;
		frame_at(rm, f)->page = page;
		err = set_page(*made, i, page);
		(*made)->resident++;
	}
	return err;
}

/* -- requests ---------------------------------------------------------------------------------- */

/* A physical range, pinned. */
static err_t fill_contiguous(struct rm *rm, struct dataspace *ds, unsigned int align,
                             uint64_t below)
{
	struct bank *bank = ds->object.bank;
	frame_t f = frame_get_run(rm, bank, ds->size, align, below);
	if (!f)
		return E_NOMEM;
	for (uint64_t i = 0; i < ds->size; i++) {
		struct page *page = record_get(bank, SLAB_PAGE);
		if (page) {
			*page = (struct page){ .frame = f + (frame_t)i, .holders = 1 };
			frame_at(rm, page->frame)->page = page;
			bool pinned = page_pin(bank, page);
			if (pinned && set_page(ds, i, page) == E_OK) {
				ds->resident++;
				continue;
			}
			if (pinned)
				page_unpin(rm, bank, page);
			page_drop(rm, bank, page);
		} else {
			frame_put(rm, bank, f + (frame_t)i);
		}
		for (uint64_t rest = i + 1; rest < ds->size; rest++)
			frame_put(rm, bank, f + (frame_t)rest);
		return E_NOMEM;
	}
	return E_OK;
}

err_t on_dataspace_create(struct rm *rm, struct proto_request *request, struct bank *bank,
                          const struct rm_dataspace_create_in *in)
{
	struct dataspace *ds;
	bool contiguous = in->flags & RM_DATASPACE_FLAGS_CONTIGUOUS;
	bool pinned = in->flags & RM_DATASPACE_FLAGS_PINNED;
	if (contiguous && !pinned)
		return E_INVAL;
	if (contiguous && in->size > CHUNK_PAGES)
		return E_LIMIT;
	err_t err = dataspace_new(rm, bank, RM_DATASPACE_KIND_ANONYMOUS, in->size, false, &ds);
	if (err != E_OK)
		return err;
	ds->flags = in->flags;
	if (contiguous)
		err = fill_contiguous(rm, ds, in->align, in->below);
	else if (pinned)
		err = wait_for(rm, bank, &ds->working, RM_METHOD_DATASPACE_CREATE);
	if (err == E_OK && pinned && !contiguous) {
		work_begin(rm, ds, WORK_FILL);
		return E_PENDING;
	}
	if (err == E_OK)
		return object_made(rm, request, &ds->object, FACET_RIGHTS);
	object_kill(rm, &ds->object);
	return err;
}

err_t on_dataspace_clone(struct rm *rm, struct proto_request *request, struct dataspace *source,
                         struct bank *bank, const struct rm_dataspace_clone_in *in)
{
	struct dataspace *ds;
	if (!(rights_of(request->badge) & RM_RIGHT_READ))
		return E_PERM;
	if (!range_ok(in->first, in->size, source->size))
		return E_RANGE;
	err_t err = dataspace_copy_begin(rm, source, bank, in->first, in->size, &ds);
	if (err != E_OK)
		return err;
	err = wait_for(rm, bank, &ds->working, RM_METHOD_DATASPACE_CLONE);
	if (err != E_OK) {
		dataspace_copy_end(rm, ds);
		object_kill(rm, &ds->object);
		return err;
	}
	job_add(rm, &ds->object);
	return E_PENDING;
}

err_t on_dataspace_resize(struct rm *rm, struct proto_request *request, struct dataspace *ds,
                          const struct rm_dataspace_resize_in *in)
{
	if (!(rights_of(request->badge) & RM_RIGHT_WRITE))
		return E_PERM;
	if (dataspace_is_busy(ds) || ds->donation || ds->flags ||
	    ds->kind == RM_DATASPACE_KIND_DEVICE)
		return E_BUSY;
	if (in->size < ds->size && ds->seals > 0)
		return E_BUSY;
	if (in->size < ds->size) {
		err_t err = wait_for(rm, ds->object.bank, &ds->working, RM_METHOD_DATASPACE_RESIZE);
		if (err != E_OK)
			return err;
		work_begin(rm, ds, WORK_TRIM);
	}
	bool shrinks = in->size < ds->size;
	ds->size = in->size;
	return shrinks ? E_PENDING : E_OK;
}

err_t on_dataspace_destroy(struct rm *rm, struct proto_request *request, struct dataspace *ds)
{
	if (rights_of(request->badge) != FACET_RIGHTS)
		return E_PERM;
	if (ds->seals > 0)
		return E_BUSY;
	return object_destroy(rm, ds->object.bank, &ds->object, RM_METHOD_DATASPACE_DESTROY);
}

err_t on_dataspace_query(struct rm *, struct proto_request *request, struct dataspace *ds,
                         struct rm_dataspace_query_out *out)
{
	out->status = (struct rm_dataspace_status){
		.size = ds->size,
		.resident = ds->resident,
		.pinned = ds->flags & RM_DATASPACE_FLAGS_PINNED ? ds->resident : 0,
		.regions = ds->regions_count,
		.kind = ds->kind,
		.flags = ds->flags,
		.rights = rights_of(request->badge),
	};
	return E_OK;
}

err_t on_dataspace_restrict(struct rm *rm, struct proto_request *request, struct dataspace *ds,
                            const struct rm_dataspace_restrict_in *in)
{
	return object_cap(rm, request, &ds->object, in->rights & rights_of(request->badge));
}

err_t on_dataspace_physical(struct rm *rm, struct proto_request *, struct dataspace *ds,
                            const struct rm_dataspace_physical_in *in,
                            struct rm_dataspace_physical_out *out)
{
	bool stays = ds->flags & RM_DATASPACE_FLAGS_PINNED || ds->kind == RM_DATASPACE_KIND_DEVICE;
	if (!stays || !range_ok(in->first, in->count, ds->size))
		return E_RANGE;
	for (unsigned int i = 0; i < in->count; i++)
		out->frames[i] = frame_physical(rm, own_page(ds, in->first + i)->frame);
	out->frames_count = in->count;
	return E_OK;
}

err_t on_raw_create(struct rm *rm, struct proto_request *request, struct bank *bank,
                    const struct rm_raw_create_in *in)
{
	struct dataspace *ds;
	err_t err = dataspace_new(rm, bank, RM_DATASPACE_KIND_RAW, in->size, false, &ds);
	return err == E_OK ? object_made(rm, request, &ds->object, FACET_RIGHTS) : err;
}

err_t on_raw_open(struct rm *rm, struct proto_request *request, struct dataspace *ds,
                  const struct rm_raw_open_in *in)
{
	struct page *page;
	if (ds->kind != RM_DATASPACE_KIND_RAW)
		return E_UNSUPPORTED;
	if (rights_of(request->badge) != FACET_RIGHTS)
		return E_PERM;
	if (in->page >= ds->size)
		return E_RANGE;
	if (dataspace_is_busy(ds) || !donation_spares(ds, in->page, in->page + 1))
		return E_BUSY;
	err_t err = dataspace_take(rm, ds, in->page, &page);
	if (err != E_OK)
		return err;
	/* An untyped with children is not copied. */
	rm->ops->revoke(rm->kernel, kernel_slot(rm, page->frame));
	request->cap_out = kernel_slot(rm, page->frame);
	return E_OK;
}
