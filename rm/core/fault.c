/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Page faults: what an address is, by rm's own tables and nothing else, and what becomes of the
 * fault. fault_resolve() decides, in this order:
 *
 *   no region, no right          the program's own mistake
 *   its dataspace ended          lost, if it is not sealed
 *   being copied                 wait
 *   beyond the dataspace's end   lost
 *   a page that a pager has      wait, and tell it
 *   donated                      lost
 *   no page                      one of zeros, which the bank pays for; or a large one
 *   in a large page              that is mapped, or the page is taken out of it
 *   shared, and written to       a page of its own
 *   else                         it was not mapped: map it
 *
 * Around the page its neighbours are mapped as well: those that are there, and, where a region is
 * touched for the first time in order, those that come next, twice as many each time, but few if
 * each would have to be cleared; and where that goes on beyond 2 MiB, the next 2 MiB as one page,
 * if the bank can well afford them.
 */
#include "internal.h"
#include <lib/assert.h>
#include <lib/range.h>

enum { FEW = 4, GROW_MAX = 1 << 20, LARGE_BANK_MIN = 2 * LARGE_PAGES };

static uint8_t right_for(enum rm_access access)
{
	return access == RM_ACCESS_WRITE     ? RM_RIGHT_WRITE
	       : access == RM_ACCESS_EXECUTE ? RM_RIGHT_EXECUTE
	                                     : RM_RIGHT_READ;
}

unsigned int region_attributes(const struct region *r)
{
	unsigned int attributes = r->rights & RM_RIGHT_EXECUTE ? 0 : VM_NO_EXECUTE;
	switch (r->dataspace ? r->dataspace->caching : RM_CACHING_CACHED) {
	case RM_CACHING_UNCACHED:
		return attributes | VM_UNCACHEABLE;
	case RM_CACHING_WRITE_COMBINING:
		return attributes | VM_WRITE_COMBINING;
	default:
		return attributes | VM_WRITE_BACK;
	}
}

/* The region of an address; one that grows down comes to include it. */
static struct region *find_region(struct vspace *vspace, uint64_t address)
{
	struct interval *i = interval_find_from(&vspace->regions, address);
	struct region *r = i ? container_of(i, struct region, interval) : NULL;
	if (!r || r->interval.start <= address)
		return r;
	uint64_t start = range_align_down(address, PAGE);
	uint64_t more = (r->interval.start - start) / PAGE;
	if (!(r->flags & RM_REGION_FLAGS_GROWS_DOWN) || r->interval.start - start > GROW_MAX ||
	    more > r->first)
		return NULL;
	if (interval_resize(&vspace->regions, &r->interval, start, r->interval.end) != E_OK)
		return NULL;
	r->first -= more;
	return r;
}

/* What is behind a page that is not in the region's own dataspace. */
static struct dataspace *source_of(struct dataspace *ds, uint64_t index)
{
	return ds->backing && index < ds->backing->size ? ds->backing : ds;
}

/* The pager is told of the pages that are waited for. */
static enum rm_fault_result wait_for_page(struct rm *rm, struct dataspace *ds, uint64_t index,
                                          struct fault *fault)
{
	fault->page = index;
	fault->told = false;
	fault->paged = true;
	fault->since_ns = rm_time_ns(rm);
	list_push_back(&ds->waiters, &fault->link);
	event_send(rm, ds->pager, &ds->read_event);
	if (!ds->deadline.is_set)
		deadline_set(&rm->pager_deadlines, &ds->deadline,
		             fault->since_ns + ds->deadline_ms * 1000000ull);
	return RM_FAULT_RESULT_WAIT;
}

/* Whether a page may be made where none is. */
static bool may_fill(struct dataspace *ds, uint64_t index)
{
	const struct dataspace *source = source_of(ds, index);
	return !ds->lost && !source->lost && source->kind != RM_DATASPACE_KIND_PAGED &&
	       source->kind != RM_DATASPACE_KIND_DEVICE && !donation_took(source, index);
}

/* One page of a region, which nobody waits for. False: it could not be. */
static bool map_neighbour(struct rm *rm, struct region *r, uint64_t address, bool fills)
{
	struct dataspace *ds = r->dataspace;
	uint64_t index = region_index(r, address);
	bool shared;
	if (index >= ds->size)
		return false;
	struct page *page = dataspace_page(ds, index, &shared);
	if (!page && fills && may_fill(ds, index)) {
		if (dataspace_fill(rm, ds, index, &page) != E_OK)
			return false;
		shared = false;
	}
	return page && !page_is_large(rm, page) &&
	       map_page(rm, r->vspace, address, page->frame, r->rights & RM_RIGHT_WRITE && !shared,
	                region_attributes(r)) == E_OK;
}

/*
 * The pages of the same leaf around address, which was mapped just now. filled: for the first
 * time.
 */
static void map_around(struct rm *rm, struct region *r, uint64_t address, bool filled)
{
	uint64_t low = range_align_down(address, AROUND_MAX * PAGE), high = low + AROUND_MAX * PAGE;
	if (filled) {
		bool in_order = address == r->next_touch;
		r->around = in_order && r->around < AROUND_FILLED ? r->around * 2
		            : in_order                            ? r->around
		                                                  : 1;
		low = address + PAGE;
		uint64_t leaf_end = (address | ((1 << LEAF_BITS) - 1)) + 1;
		high = address + r->around * (uint64_t)PAGE;
		high = high < leaf_end ? high : leaf_end;
	}
	low = low > r->interval.start ? low : r->interval.start;
	high = high < r->interval.end ? high : r->interval.end;
	uint64_t at = low;
	for (; at < high; at += PAGE) {
		const struct mapping *m = mapping_at(r->vspace, at);
		if (at == address || (m && m->state == MAPPING_LIVE))
			continue;
		if (filled && !rm->cleared.first && at >= address + FEW * PAGE)
			break; /* each would be cleared now */
		if (!map_neighbour(rm, r, at, filled) && filled)
			break;
	}
	if (filled)
		r->next_touch = at > address + PAGE ? at : address + PAGE;
}

/* -- large pages ------------------------------------------------------------------------------- */

/* The region shows all of the 2 MiB that an address is in, as 2 MiB of its dataspace. */
static bool shows_large(const struct region *r, uint64_t address)
{
	uint64_t base = range_align_down(address, 1ull << LARGE_BITS);
	return base >= r->interval.start && base + (1ull << LARGE_BITS) <= r->interval.end &&
	       region_index(r, base) % LARGE_PAGES == 0 && may_map_large(r->vspace, base);
}

static err_t map_large(struct rm *rm, struct region *r, uint64_t address, const struct page *page)
{
	return map_page(rm, r->vspace, range_align_down(address, 1ull << LARGE_BITS), page->frame,
	                r->rights & RM_RIGHT_WRITE && page->holders == 1, region_attributes(r));
}

static bool is_touched_in_order(const struct region *r, uint64_t address)
{
	return address == r->next_touch && r->around == AROUND_FILLED;
}

/* The next 2 MiB, if they begin at the address, become one page. False: better not. */
static bool fill_large(struct rm *rm, struct region *r, uint64_t address)
{
	struct dataspace *ds = r->dataspace;
	const struct bank *bank = ds->object.bank;
	uint64_t index = region_index(r, address), next = index;
	if (address % (1ull << LARGE_BITS) != 0 || ds->backing || ds->flags ||
	    bank->limit - bank->used < LARGE_BANK_MIN || index + LARGE_PAGES > ds->size ||
	    !shows_large(r, address) || !donation_spares(ds, index, index + LARGE_PAGES) ||
	    (radix_next(&ds->pages, &next) && next < index + LARGE_PAGES) ||
	    radix_get(&ds->large, index / LARGE_PAGES) ||
	    dataspace_fill_large(rm, ds, index) != E_OK)
		return false;
	r->next_touch = address + (1ull << LARGE_BITS);
	return true;
}

/* The page is in a large one, which can be mapped there as a whole. */
static bool may_show_large(const struct region *r, uint64_t address, bool writes,
                           const struct page *page)
{
	return dataspace_is_whole(r->dataspace, region_index(r, address)) &&
	       shows_large(r, address) && !(writes && page->holders > 1);
}

/* The page is taken out of a large one. */
static err_t split(struct rm *rm, const struct region *r, uint64_t address)
{
	/* What has a backing has no large pages of its own. */
	struct dataspace *ds = r->dataspace->backing ? r->dataspace->backing : r->dataspace;
	return dataspace_split(rm, ds, region_index(r, address));
}

/* The page is in a large one: that is mapped, or it is taken out of it. PENDING: that. */
static err_t large_fault(struct rm *rm, struct region *r, uint64_t address, bool writes,
                         const struct page *page)
{
	if (may_show_large(r, address, writes, page))
		return map_large(rm, r, address, page);
	err_t err = split(rm, r, address);
	return err == E_OK ? E_PENDING : err;
}

/*
 * RESUME: the page is mapped. WAIT: the fault stands in a list from which it is tried again.
 */
enum rm_fault_result fault_resolve(struct rm *rm, struct vspace *vspace, uint64_t address,
                                   enum rm_access access, struct fault *fault)
{
	fault->paged = false;
	if (vspace->copier) {
		list_push_back(&vspace->waiters, &fault->link);
		return RM_FAULT_RESULT_WAIT;
	}
	address = range_align_down(address, PAGE);
	struct region *r = find_region(vspace, address);
	if (!r)
		return RM_FAULT_RESULT_NO_REGION;
	if (!(r->rights & right_for(access)))
		return RM_FAULT_RESULT_NO_RIGHT;
	struct dataspace *ds = r->dataspace;
	bool window = r->share != 0;
	const struct share *share = window ? share_find(rm, r->share) : NULL;
	if (window && !share)
		return RM_FAULT_RESULT_GONE;
	bool stays = share && share->sealed;
	if (!ds || (ds->object.dying && !stays) || region_index(r, address) >= ds->size)
		return window ? RM_FAULT_RESULT_GONE : RM_FAULT_RESULT_LOST;
	uint64_t index = region_index(r, address);
	if (ds->copy) {
		list_push_back(&ds->waiters, &fault->link);
		fault->told = true;
		return RM_FAULT_RESULT_WAIT;
	}
	bool shared, filled = false, copied = false;
	struct page *page = dataspace_page(ds, index, &shared);
	if (!page) {
		struct dataspace *source = source_of(ds, index);
		if (source->kind == RM_DATASPACE_KIND_PAGED && !source->lost && !ds->lost)
			return wait_for_page(rm, source, index, fault);
		if (!may_fill(ds, index))
			return window ? RM_FAULT_RESULT_GONE : RM_FAULT_RESULT_LOST;
		if (is_touched_in_order(r, address) && fill_large(rm, r, address))
			page = dataspace_page(ds, index, &shared);
		else if (dataspace_fill(rm, ds, index, &page) != E_OK)
			return window ? RM_FAULT_RESULT_GONE : RM_FAULT_RESULT_NO_MEMORY;
		shared = false;
		filled = true;
	}
	if (page_is_large(rm, page)) {
		err_t err = large_fault(rm, r, address, access == RM_ACCESS_WRITE, page);
		if (err != E_PENDING)
			return err == E_OK ? RM_FAULT_RESULT_RESUME : RM_FAULT_RESULT_NO_MEMORY;
		page = dataspace_page(ds, index, &shared);
		filled = false;
	}
	if (access == RM_ACCESS_WRITE && shared) {
		if (dataspace_own(rm, ds, index, &page) != E_OK)
			return window ? RM_FAULT_RESULT_GONE : RM_FAULT_RESULT_NO_MEMORY;
		shared = false;
		copied = true;
	}
	if (map_page(rm, vspace, address, page->frame, r->rights & RM_RIGHT_WRITE && !shared,
	             region_attributes(r)) != E_OK)
		return RM_FAULT_RESULT_NO_MEMORY;
	if (filled || !copied)
		map_around(rm, r, address, filled);
	return RM_FAULT_RESULT_RESUME;
}

/* Maps what is there, as far as it is quick; the rest comes by faults. */
void fault_populate(struct rm *rm, struct vspace *vspace, uint64_t start, uint64_t pages)
{
	struct region *r = find_region(vspace, start);
	if (!r->dataspace || r->dataspace->copy || vspace->copier)
		return;
	for (uint64_t i = 0; i < pages && i < AROUND_MAX; i++)
		(void)map_neighbour(rm, r, start + i * PAGE, false);
}

/* -- before any access ------------------------------------------------------------------------- */

/* No access that the region allows faults there. *next: the address behind what is mapped so. */
bool fault_is_laid_out(const struct rm *rm, const struct region *r, uint64_t address,
                       uint64_t *next)
{
	uint64_t base = range_align_down(address, 1ull << LARGE_BITS);
	const struct mapping *m = mapping_at(r->vspace, base);
	bool large = m && chunk_of(rm, m->frame)->kind == CHUNK_LARGE;
	if (!large)
		m = mapping_at(r->vspace, address);
	*next = large ? base + (1ull << LARGE_BITS) : address + PAGE;
	return m && m->state == MAPPING_LIVE && (m->writable || !(r->rights & RM_RIGHT_WRITE));
}

/* The page is there, and, if it is to be written, nobody else's; large if it can be shown so. */
static err_t have_page(struct rm *rm, struct region *r, uint64_t address, bool writes,
                       struct page **page)
{
	struct dataspace *ds = r->dataspace;
	uint64_t index = region_index(r, address);
	bool shared;
	err_t err = E_OK;
	*page = dataspace_page(ds, index, &shared);
	if (!*page && !may_fill(ds, index))
		return E_NOENT;
	if (!*page) {
		if (!fill_large(rm, r, address))
			err = dataspace_fill(rm, ds, index, page);
		if (err != E_OK)
			return err;
		*page = dataspace_page(ds, index, &shared);
	}
	if (page_is_large(rm, *page)) {
		if (may_show_large(r, address, writes, *page))
			return E_OK;
		err = split(rm, r, address);
		*page = dataspace_page(ds, index, &shared);
	}
	return err == E_OK && writes && shared ? dataspace_own(rm, ds, index, page) : err;
}

/*
 * A page of a region that shows its dataspace there, which nobody copies and no pager supplies:
 * from now on it is laid out. NOENT: it is lost. GONE: client memory that the client cannot pay
 * for.
 */
err_t fault_lay_out(struct rm *rm, struct region *r, uint64_t address)
{
	bool writes = r->rights & RM_RIGHT_WRITE;
	struct page *page;
	err_t err = have_page(rm, r, address, writes, &page);
	if (err != E_OK)
		return err != E_NOENT && r->share ? E_GONE : err;
	if (page_is_large(rm, page))
		address = range_align_down(address, 1ull << LARGE_BITS);
	return map_page(rm, r->vspace, address, page->frame, writes, region_attributes(r));
}

/* -- waiting ----------------------------------------------------------------------------------- */

/* A handler's fault is over without a word. */
void fault_forget(struct rm *rm, struct fault *fault)
{
	list_remove(&fault->link);
	if (fault->thread)
		return;
	event_cancel(rm, fault->asker, &fault->event);
	list_remove(&fault->asked_link);
	record_put(fault->vspace->object.bank, SLAB_RECORD, fault);
}

/* All that somebody asked about. */
void fault_forget_asked(struct rm *rm, struct list *asked)
{
	struct list *link;
	while ((link = list_first(asked)) != NULL)
		fault_forget(rm, container_of(link, struct fault, asked_link));
}

/* What a thread's fault comes to, if it is in a window: its guard has a say then. */
enum rm_fault_result fault_of_thread(struct rm *rm, struct thread *thread,
                                     enum rm_fault_result result)
{
	const struct fault *fault = &thread->fault;
	const struct region *r;
	switch (result) {
	case RM_FAULT_RESULT_WAIT:
		return fault->paged && share_hurries(rm, thread) ? share_again(rm, thread) : result;
	case RM_FAULT_RESULT_LOST:
		r = region_find(fault->vspace, fault->address);
		return r && r->share ? share_fault(rm, thread, fault->address) : result;
	case RM_FAULT_RESULT_GONE:
		return share_fault(rm, thread, fault->address);
	default:
		return result;
	}
}

/* A fault that waited comes to that, or waits again. */
void fault_end(struct rm *rm, struct fault *fault, enum rm_fault_result result)
{
	struct thread *thread = fault->thread;
	if (thread)
		result = fault_of_thread(rm, thread, result);
	if (result == RM_FAULT_RESULT_WAIT)
		return;
	if (!thread) {
		fault->result = (uint8_t)result;
		event_send(rm, fault->asker, &fault->event);
	} else if (result == RM_FAULT_RESULT_RESUME) {
		thread_fault_end(rm, thread);
	} else {
		thread_crash(rm, thread, FAULT_VM, result);
	}
}

/* A fault that waited is tried again. */
void fault_retry(struct rm *rm, struct fault *fault)
{
	enum rm_fault_result result =
	        fault_resolve(rm, fault->vspace, fault->address, fault->access, fault);
	/* One that has a handler tries again, and its handler asks what that comes to. */
	if (fault->thread && fault->thread->handler && result != RM_FAULT_RESULT_WAIT)
		result = RM_FAULT_RESULT_RESUME;
	fault_end(rm, fault, result);
}

/* A fault without a thread, in the asker's list: its event is sent when it is over. NULL: NOMEM. */
struct fault *fault_ask(const struct fault *like, struct task *asker, struct list *asked,
                        uint8_t event)
{
	struct fault *fault = record_get(like->vspace->object.bank, SLAB_RECORD);
	_Static_assert(sizeof(*fault) <= RECORD_BYTES);
	if (!fault)
		return NULL;
	*fault = *like;
	fault->thread = NULL;
	fault->asker = asker;
	list_init(&fault->link);
	event_init(&fault->event, event);
	list_init(&fault->asked_link);
	list_push_back(asked, &fault->asked_link);
	return fault;
}

err_t on_vspace_fault(struct rm *rm, struct proto_request *, struct vspace *vspace,
                      const struct rm_vspace_fault_in *in, struct rm_vspace_fault_out *out)
{
	const struct fault like = {
		.vspace = vspace, .address = in->at, .token = in->token, .access = in->access
	};
	struct fault *fault = vspace->handler ? fault_ask(&like, vspace->handler, &vspace->asked,
	                                                  RM_EVENT_FAULT_DONE)
	                                      : NULL;
	if (!fault)
		return E_NOMEM;
	out->result = (uint8_t)fault_resolve(rm, vspace, in->at, in->access, fault);
	if (out->result != RM_FAULT_RESULT_WAIT)
		fault_forget(rm, fault);
	return E_OK;
}
