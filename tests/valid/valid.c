/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Every invariant of rm's own state, by walking everything: rm_valid() of <rm/core.h>. Linked into
 * the simulation and into the rm of tests/rm, which answers system_check by it.
 */
#include <internal.h>
#include <lib/format.h>

struct walk {
	struct rm *rm;
	const char *wrong; /* what does not hold first */
	uint64_t charged;  /* pages, by all banks */
	uint64_t limits;
	uint64_t objects;
};

static void must(struct walk *w, bool holds, const char *what)
{
	if (!holds && !w->wrong)
		w->wrong = what;
}

/* -- memory ------------------------------------------------------------------------------------ */

static void check_list(struct walk *w, const struct frame_list *list, uint8_t use)
{
	uint32_t count = 0;
	frame_t before = 0;
	for (frame_t f = list->first; f && count <= list->count; f = frame_at(w->rm, f)->next) {
		must(w, frame_at(w->rm, f)->use == use, "a free list has only free pages");
		must(w, frame_at(w->rm, f)->prev == before, "a free list is linked both ways");
		before = f;
		count++;
	}
	must(w, count == list->count, "a free list counts right");
}

static void check_memory(struct walk *w)
{
	struct rm *rm = w->rm;
	uint64_t given = 0;
	for (uint32_t c = 1; c < rm->parts_next; c++) {
		const struct chunk *chunk = &rm->chunks[c];
		if (chunk->kind == CHUNK_LARGE) {
			const struct frame *frame = &chunk->frames[0];
			must(w, frame->use == FRAME_PAGE && frame->page->frame == c << CHUNK_BITS,
			     "a large page and its frame name each other");
			given += LARGE_PAGES;
		}
		if (chunk->kind != CHUNK_FRAMES && chunk->kind != CHUNK_META &&
		    chunk->kind != CHUNK_KERNEL && chunk->kind != CHUNK_ADOPTED)
			continue;
		unsigned int free = 0, pages = chunk->made;
		for (unsigned int i = 0; i < pages; i++) {
			const struct frame *frame = &chunk->frames[i];
			bool is_free = frame->use == FRAME_CLEARED || frame->use == FRAME_DIRTY ||
			               frame->use == FRAME_READY || frame->use == FRAME_META_FREE ||
			               frame->use == FRAME_KERNEL_FREE;
			free += is_free;
			if (frame->use == FRAME_PAGE)
				must(w, frame->page->frame == (c << CHUNK_BITS | i),
				     "a page and its frame name each other");
		}
		must(w, free == chunk->free, "a chunk counts its free pages");
		unsigned int absent = 0;
		for (unsigned int i = 0; i < pages; i++)
			absent += chunk->frames[i].use == FRAME_ABSENT;
		given += pages - free - absent;
	}
	must(w, given == rm->pages_given, "pages given out are counted");
	check_list(w, &rm->cleared, FRAME_CLEARED);
	check_list(w, &rm->dirty, FRAME_DIRTY);
	check_list(w, &rm->ready, FRAME_READY);
	check_list(w, &rm->meta_free, FRAME_META_FREE);
	check_list(w, &rm->kernel_free, FRAME_KERNEL_FREE);
}

/* -- objects ----------------------------------------------------------------------------------- */

static void check_bank(struct walk *w, const struct bank *bank)
{
	must(w, bank->used <= bank->limit, "a bank is within its limit");
	must(w, bank->pinned <= bank->pin_limit, "a bank is within its pin quota");
	w->charged += bank->used;
	w->limits += bank->limit;
	for (unsigned int i = 0; i < SLABS; i++)
		must(w, slab_valid(&bank->slab[i]), "a slab is valid");
}

/* index: the last one that it has. */
static void check_page(struct walk *w, const struct dataspace *ds, const struct page *page,
                       uint64_t index)
{
	const struct frame *frame = frame_at(w->rm, page->frame);
	must(w, frame->use == FRAME_PAGE && frame->page == page, "a page has its frame");
	must(w, page->holders > 0, "a page in a dataspace is held");
	must(w, index < ds->size || ds->work == WORK_TRIM || ds->object.dying,
	     "no page is beyond the end");
	for (const struct mapping *m = frame->maps; m; m = m->next) {
		must(w, m->frame == page->frame, "a mapping is of its frame");
		must(w, *m->prev == m, "a frame's mappings are chained");
		must(w, !(m->state == MAPPING_LIVE && m->writable && page->holders > 1),
		     "nobody can write a shared page");
	}
}

static uint64_t check_large(struct walk *w, const struct dataspace *ds, const struct large *large,
                            uint64_t from)
{
	uint64_t count = 0, last = 0;
	must(w, page_is_large(w->rm, large->page), "a large page has a large frame");
	for (uint64_t i = 0; i < LARGE_PAGES; i++) {
		if (!(large->has[i / 64] >> i % 64 & 1))
			continue;
		must(w, !radix_get(&ds->pages, from + i), "a page is in one place only");
		last = from + i;
		count++;
	}
	must(w, count == large->count && count > 0, "a large page counts what is in it");
	must(w,
	     !frame_at(w->rm, large->page->frame)->maps || count == LARGE_PAGES ||
	             large->page->holders > 1,
	     "a large page that is not whole is not mapped");
	check_page(w, ds, large->page, last);
	return count;
}

static void check_dataspace(struct walk *w, const struct dataspace *ds)
{
	uint64_t index = 0, resident = 0, key = 0;
	const struct page *page;
	const struct large *large;
	must(w, radix_valid(&ds->pages) && radix_valid(&ds->large),
	     "a dataspace's indices are valid");
	for (; (page = (struct page *)radix_next(&ds->pages, &index)) != NULL; index++) {
		if (!page->frame) {
			must(w, ds->giving || (ds->donation && ds->donation->home),
			     "a place for a page is kept while a donation moves");
			continue;
		}
		must(w, !page_is_large(w->rm, page), "a page by itself is not large");
		check_page(w, ds, page, index);
		resident++;
	}
	for (; (large = (struct large *)radix_next(&ds->large, &key)) != NULL; key++)
		resident += check_large(w, ds, large, key * LARGE_PAGES);
	must(w, resident == ds->resident, "a dataspace counts its pages");
	uint32_t regions = 0, seals = 0;
	for (const struct list *at = list_first(&ds->shares); at;
	     at = list_after(&ds->shares, at)) {
		const struct share *share = container_of(at, struct share, link);
		must(w, share->dataspace == ds, "a share in a dataspace's list is of it");
		seals += share->sealed || share->filling;
	}
	must(w, seals == ds->seals, "a dataspace counts what is sealed");
	for (const struct list *at = list_first(&ds->regions); at;
	     at = list_after(&ds->regions, at)) {
		must(w, container_of(at, struct region, link)->dataspace == ds,
		     "a region in a dataspace's list shows it");
		regions++;
	}
	must(w, regions == ds->regions_count && ds->object.holders >= regions,
	     "a dataspace counts its regions");
	for (const struct list *at = list_first(&ds->shadows); at;
	     at = list_after(&ds->shadows, at))
		must(w, container_of(at, struct dataspace, shadow_link)->backing == ds,
		     "a shadow is backed");
}

/* This region, and those that follow, show all of the large page. */
static bool shows_whole(const struct region *r, const struct leaf *leaf, const struct mapping *m)
{
	uint64_t end = leaf->base + (1ull << LARGE_BITS);
	while (r->interval.end < end) {
		const struct interval *next = interval_next(&r->interval);
		const struct region *upper = next ? container_of(next, struct region, interval) : r;
		if (!next || next->start != r->interval.end || upper->dataspace != r->dataspace ||
		    (m->writable && !(upper->rights & RM_RIGHT_WRITE)))
			return false;
		r = upper;
	}
	return true;
}

/* What is mapped is what the regions say. */
static void check_leaf(struct walk *w, const struct vspace *vspace, const struct leaf *leaf)
{
	uint32_t used = 0, live = 0;
	for (unsigned int i = 0; i < SLOT_PAGE; i++) {
		const struct mapping *m = &leaf->map[i];
		if (m->state == MAPPING_NONE)
			continue;
		used++;
		live += m->state == MAPPING_LIVE;
		if (m->state != MAPPING_LIVE || vspace->object.dying)
			continue;
		uint64_t address = leaf->base + (uint64_t)i * PAGE;
		const struct interval *interval = interval_find(&vspace->regions, address);
		const struct region *r =
		        interval ? container_of(interval, struct region, interval) : NULL;
		bool shared;
		const struct dataspace *instead =
		        r && r->substitute ? slotmap_get(&w->rm->objects, r->substitute) : NULL;
		const struct page *page =
		        instead ? dataspace_page(instead, (address - r->interval.start) / PAGE,
		                                 &shared)
		                : NULL;
		if (page && page->frame == m->frame)
			continue;
		must(w, r && r->dataspace, "what is mapped is in a region");
		if (!r || !r->dataspace || r->dataspace->object.dying)
			continue;
		const struct dataspace *behind = r->dataspace->backing;
		if (behind && (behind->object.dying || behind->work == WORK_TRIM))
			continue; /* it loses its pages one after the other */
		uint64_t index = region_index(r, address);
		page = dataspace_page(r->dataspace, index, &shared);
		must(w, page && page->frame == m->frame, "what is mapped is the region's page");
		must(w, !leaf->large || (i == 0 && dataspace_is_whole(r->dataspace, index)),
		     "what is mapped as a whole is whole");
		must(w, !leaf->large || !list_is_empty(&vspace->ending) || shows_whole(r, leaf, m),
		     "regions show all of what is mapped as a whole");
		bool may = r->rights & RM_RIGHT_WRITE || !list_is_empty(&r->ending);
		must(w, !m->writable || (may && !shared),
		     "what may be written is the region's own");
		must(w, !r->dataspace->copy || r->dataspace->copy->work == WORK_HIDE,
		     "nothing is mapped of what is being copied");
	}
	must(w, used == leaf->used && live == leaf->live && used > 0, "a leaf counts right");
}

static void check_vspace(struct walk *w, const struct vspace *vspace)
{
	uint64_t key = 0, end = 0;
	const struct leaf *leaf;
	for (struct interval *i = interval_first(&vspace->regions); i; i = interval_next(i)) {
		const struct region *r = container_of(i, struct region, interval);
		must(w,
		     !r->share || !r->dataspace || slotmap_get(&w->rm->objects, r->share) != NULL,
		     "a window shows nothing when its share is gone (I13)");
		must(w, !r->share || !(r->rights & RM_RIGHT_EXECUTE), "no window is executable");
	}
	must(w, interval_map_valid(&vspace->regions), "an address space's regions are in order");
	must(w, radix_valid(&vspace->leaves) && radix_valid(&vspace->tables),
	     "an address space's indices are valid");
	for (; (leaf = (struct leaf *)radix_next(&vspace->leaves, &key)) != NULL; key++) {
		must(w, leaf->vspace == vspace && leaf->base >> LEAF_BITS == key,
		     "a leaf is where it says");
		must(w, leaf->base >= end, "no leaf is in a large one's range");
		end = leaf->base + (1ull << (leaf->large ? LARGE_BITS : LEAF_BITS));
		check_leaf(w, vspace, leaf);
	}
}

static void check_task(struct walk *w, const struct task *task)
{
	uint32_t threads = 0, events = 0;
	for (const struct list *at = list_first(&task->threads); at;
	     at = list_after(&task->threads, at)) {
		const struct thread *thread = container_of(at, struct thread, link);
		must(w, thread->task == task, "a thread is of its task");
		must(w, task->state != RM_TASK_STATE_DEAD || thread->state != THREAD_RUNNING,
		     "no thread of a dead task runs");
		threads++;
	}
	for (const struct list *at = list_first(&task->events); at;
	     at = list_after(&task->events, at))
		events++;
	for (const struct list *at = list_first(&task->awaited); at;
	     at = list_after(&task->awaited, at)) {
		const struct fault *fault = container_of(at, struct fault, asked_link);
		must(w,
		     fault->asker == task &&
		             (!list_is_empty(&fault->link) || !list_is_empty(&fault->event.link) ||
		              task->state == RM_TASK_STATE_DEAD),
		     "who would not wait for a page is told of it");
	}
	must(w,
	     task->state == RM_TASK_STATE_DEAD
	             ? !task->probe.is_set
	             : task->probe.is_set == !list_is_empty(&task->probed.link),
	     "a probe's deadline runs until its event is taken");
	must(w, threads <= task->thread_count && events == task->event_count,
	     "a task counts right");
}

static void check_session(struct walk *w, const struct session *s)
{
	must(w, !s->object.bank->session || s->object.bank->session == s,
	     "a session's bank is its own");
	must(w,
	     !s->client || s->client->state != RM_TASK_STATE_DEAD ||
	             !list_is_empty(&s->client_link),
	     "a dead client's session is still to be severed");
	for (const struct list *at = list_first(&s->roots); at; at = list_after(&s->roots, at))
		must(w, container_of(at, struct root, link)->session == s,
		     "a root is of its session");
	bool sealed = false;
	for (const struct list *at = list_first(&s->shares); at; at = list_after(&s->shares, at)) {
		const struct share *share = container_of(at, struct share, session_link);
		must(w, share->session == s && (!sealed || share->sealed),
		     "a session's sealed shares are its last");
		must(w, !share->sealed || s->server, "what is sealed has a server");
		sealed = share->sealed;
	}
}

/* Its pages are there, and a write to one of them needs no memory. */
static void check_sealed(struct walk *w, const struct share *share)
{
	const struct dataspace *ds = share->dataspace;
	must(w, ds && !share->object.dying, "what is sealed has its dataspace");
	must(w,
	     share->parent || share->depth == 0 ||
	             share->session->state == RM_SESSION_STATE_SEVERED,
	     "what outlives the share that it was a part of is to be released");
	for (uint64_t i = 0; ds && i < share->size; i++) {
		bool shared;
		const struct page *page = dataspace_page(ds, share->first + i, &shared);
		must(w, page && !page_is_large(w->rm, page), "a sealed page is there, and single");
		must(w, !shared || !(share->rights & RM_RIGHT_WRITE),
		     "a sealed page that may be written is nobody else's");
	}
}

static bool has_window(const struct walk *w, const struct share *share)
{
	const struct list *regions = &share->dataspace->regions;
	for (const struct list *at = list_first(regions); at; at = list_after(regions, at))
		if (container_of(at, struct region, link)->share ==
		    slotmap_id(&w->rm->objects, share))
			return true;
	return false;
}

/* It ends by steps to come, or its dataspace does. */
static bool ends(const struct share *share)
{
	if (!share->dataspace || share->dataspace->object.dying)
		return true;
	for (; share; share = share->parent)
		if (share->object.dying)
			return true;
	return false;
}

static void check_share(struct walk *w, const struct share *share)
{
	const struct share *parent = share->parent;
	must(w,
	     !parent || !parent->dataspace || !share->dataspace ||
	             parent->dataspace == share->dataspace,
	     "a share is of its parent's dataspace");
	must(w,
	     !parent || (share->first >= parent->first &&
	                 share->first + share->size <= parent->first + parent->size &&
	                 !(share->rights & ~parent->rights)),
	     "what is passed on is no more than there was");
	if (share->sealed)
		check_sealed(w, share);
	if (share->recalled && !ends(share))
		must(w, !list_is_empty(&share->children) || has_window(w, share),
		     "what is wanted back is in use");
}

/* What is owed is there, or was passed on (I11). */
static void check_donation(struct walk *w, const struct donation *d)
{
	uint64_t owed = 0;
	const struct dataspace *ds = d->dataspace;
	if (d->object.dying || !ds || ds->object.dying || ds->giving ||
	    (d->home && d->home->giving == d))
		return;
	for (struct interval *i = interval_first(&ds->away); i; i = interval_next(i))
		owed += container_of(i, struct donation, away)->owed;
	must(w, d->owed == ds->resident + owed, "what is owed is there (I11)");
	must(w, ds->object.bank == d->object.bank && ds->donation == d,
	     "a donation's dataspace is the session's");
	uint64_t index = 0;
	const struct page *page;
	for (; (page = (struct page *)radix_next(&ds->pages, &index)) != NULL; index++)
		must(w, page->holders == 1 && page->pins == 0,
		     "a donated page is nobody else's (I10)");
}

/* Those that a handler handles are as many as it thinks, and of its task. */
static void check_thread(struct walk *w, const struct thread *t)
{
	uint64_t id = slotmap_id(&w->rm->objects, t);
	uint32_t handled = 0, cursor = 0;
	const struct object *o;
	if (t->object.dying)
		return;
	o = t->handler ? slotmap_get(&w->rm->objects, t->handler) : NULL;
	must(w,
	     !t->handler || t->task->state == RM_TASK_STATE_DEAD || t->object.bank->object.dying ||
	             (o && !o->dying),
	     "a thread's handler is there (I8)");
	must(w, t->handled == 0 || t->handler_endpoint, "who handles faults is a handler");
	must(w, !t->handler || !t->handler_endpoint, "a handler's faults are rm's");
	while ((t->handled || t->handler_endpoint) &&
	       (o = slotmap_next(&w->rm->objects, &cursor)) != NULL) {
		const struct thread *other = (const struct thread *)o;
		if (o->kind != KIND_THREAD || other->handler != id)
			continue;
		must(w, other->task == t->task, "a handler is of the same task");
		handled++;
	}
	must(w, t->handled == handled, "a handler knows how many it handles");
}

static void check_object(struct walk *w, const struct object *object)
{
	switch (object->kind) {
	case KIND_BANK:
		check_bank(w, (const struct bank *)object);
		break;
	case KIND_DATASPACE:
		check_dataspace(w, (const struct dataspace *)object);
		break;
	case KIND_VSPACE:
		check_vspace(w, (const struct vspace *)object);
		break;
	case KIND_TASK:
		check_task(w, (const struct task *)object);
		break;
	case KIND_THREAD:
		check_thread(w, (const struct thread *)object);
		break;
	case KIND_DONATION:
		check_donation(w, (const struct donation *)object);
		break;
	case KIND_SESSION:
		check_session(w, (const struct session *)object);
		break;
	case KIND_SHARE:
		check_share(w, (const struct share *)object);
		break;
	default:
		break;
	}
}

bool rm_valid(struct rm *rm)
{
	struct walk w = { .rm = rm };
	uint32_t cursor = 0;
	const struct object *object;
	must(&w, slotmap_valid(&rm->objects), "the table of objects is valid");
	check_bank(&w, rm->root);
	while ((object = slotmap_next(&rm->objects, &cursor)) != NULL && !w.wrong)
		check_object(&w, object);
	check_memory(&w);
	must(&w, w.charged == rm->pages_given, "every page given out is charged to one bank (I2)");
	must(&w, w.limits == rm->pages_total, "limits are conserved (I11)");
	must(&w,
	     deadlines_valid(&rm->session_deadlines) && deadlines_valid(&rm->pager_deadlines) &&
	             deadlines_valid(&rm->passive_deadlines) &&
	             deadlines_valid(&rm->probe_deadlines),
	     "deadlines are in order");
	if (w.wrong) {
		char text[160];
		format_buffer(text, sizeof(text), "rm: does not hold: %s", w.wrong);
		rm->ops->log(rm->kernel, text);
	}
	return !w.wrong;
}
