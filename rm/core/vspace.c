/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Address spaces: regions, page tables, and what is mapped.
 *
 * For every 512 KiB with something mapped there is a leaf: a page of records, and a slot page
 * whose slots hold the copies of frame capabilities that are mapped there, each at the place of
 * its page. The first mapping of a frame is made with the original capability, without a copy: to
 * end all mappings, that one is unmapped, and the copies are deleted. A mapping is LIVE, or
 * STALE: the capability is there, but what it maps is hidden, because the page table was taken
 * out as a whole, or the page alone; a fault maps it again without a new copy. The mappings of a
 * frame are chained, so that all of them can be ended.
 *
 * A large frame has a leaf for itself, at the beginning of its 2 MiB, of whose places the first is
 * its mapping; there is no page table then, and no other leaf in them.
 *
 * A region whose mappings are too many to end at once stays in the map, without rights, on
 * vspace->ending, until steps have ended them. Until then it is one of its dataspace's regions: a
 * page that the dataspace gives up must not be seen there when somebody else writes to it.
 */
#include "internal.h"
#include <lib/assert.h>
#include <lib/range.h>

enum { UNMAP_STEPS = 8 };

static const enum abi_object table_type[LEVELS + 1] = { 0, OBJ_X86_PAGE_TABLE,
	                                                OBJ_X86_PAGE_DIRECTORY, OBJ_X86_PDPT };

static struct bank *bank_of(const struct vspace *vspace)
{
	return vspace->object.bank;
}

/* -- page tables ------------------------------------------------------------------------------- */

static unsigned int table_shift(unsigned int level)
{
	return TABLE_BITS + 9 * (level - 1);
}

static uint64_t table_key(unsigned int level, uint64_t address)
{
	return (uint64_t)level << 32 | address >> table_shift(level);
}

/* The page tables for an address are there, down to the lowest level, and mapped. */
static err_t tables_make(struct rm *rm, struct vspace *vspace, uint64_t address,
                         unsigned int lowest)
{
	const struct lib_pages nodes = bank_nodes(bank_of(vspace));
	for (unsigned int level = LEVELS; level >= lowest; level--) {
		uint64_t key = table_key(level, address), value = radix_get(&vspace->tables, key);
		if (value & 1)
			continue;
		frame_t f = (frame_t)(value >> 1);
		if (!f)
			f = object_get(rm, bank_of(vspace), table_type[level], 0);
		if (!f)
			return E_NOMEM;
		err_t err =
		        value ? E_OK : radix_set(&vspace->tables, &nodes, key, (uint64_t)f << 1);
		if (err == E_OK)
			err = KERNEL(rm, table_map, kernel_slot(rm, f), level,
			             kernel_slot(rm, vspace->root), address);
		if (err != E_OK) {
			if (!value) {
				(void)radix_remove(&vspace->tables, &nodes, key);
				kernel_put(rm, bank_of(vspace), f);
			}
			return err;
		}
		(void)radix_set(&vspace->tables, &nodes, key, (uint64_t)f << 1 | 1);
	}
	return E_OK;
}

static bool has_children(const struct vspace *vspace, unsigned int level, uint64_t address)
{
	uint64_t base = range_align_down(address, 1ull << table_shift(level));
	uint64_t end = base + (1ull << table_shift(level));
	if (level <= 2) {
		uint64_t key = base >> LEAF_BITS;
		return radix_next(&vspace->leaves, &key) && key < end >> LEAF_BITS;
	}
	uint64_t key = table_key(level - 1, base);
	return radix_next(&vspace->tables, &key) && key < table_key(level - 1, end);
}

/* The tables that an address no longer needs go. */
static void tables_unmake(struct rm *rm, struct vspace *vspace, uint64_t address)
{
	const struct lib_pages nodes = bank_nodes(bank_of(vspace));
	for (unsigned int level = 1; level <= LEVELS; level++) {
		uint64_t key = table_key(level, address), value = radix_get(&vspace->tables, key);
		if (!value)
			continue;
		if (has_children(vspace, level, address))
			return;
		(void)radix_remove(&vspace->tables, &nodes, key);
		kernel_put(rm, bank_of(vspace), (frame_t)(value >> 1));
	}
}

/* -- leaves and mappings ----------------------------------------------------------------------- */

static struct leaf *leaf_at(const struct vspace *vspace, uint64_t address)
{
	struct leaf *recent = vspace->recent;
	if (recent && recent->base == range_align_down(address, 1ull << LEAF_BITS))
		return recent;
	return (struct leaf *)radix_get(&vspace->leaves, address >> LEAF_BITS);
}

/* The leaf that an address is in, or the next one behind it; NULL: none. */
static struct leaf *leaf_from(const struct vspace *vspace, uint64_t address)
{
	struct leaf *leaf = vspace->recent;
	if (leaf && leaf->base == range_align_down(address, 1ull << LEAF_BITS))
		return leaf;
	uint64_t key = address >> TABLE_BITS << (TABLE_BITS - LEAF_BITS);
	leaf = (struct leaf *)radix_next(&vspace->leaves, &key);
	if (!leaf || leaf->large || key >= address >> LEAF_BITS)
		return leaf;
	key = address >> LEAF_BITS;
	return (struct leaf *)radix_next(&vspace->leaves, &key);
}

static uint64_t leaf_end_of(const struct leaf *leaf)
{
	return leaf->base + (1ull << (leaf->large ? TABLE_BITS : LEAF_BITS));
}

/* The 2 MiB from an address on have no mappings of single pages. */
bool may_map_large(const struct vspace *vspace, uint64_t address)
{
	const struct leaf *leaf = leaf_from(vspace, address);
	return !leaf || leaf->large || leaf->base >= address + (1ull << TABLE_BITS);
}

static struct leaf *leaf_of(struct mapping *m)
{
	return (struct leaf *)((uint64_t)m & ~(uint64_t)(PAGE - 1));
}

static slot_t mapping_slot(const struct rm *rm, struct mapping *m)
{
	const struct leaf *leaf = leaf_of(m);
	if (m->original)
		return frame_slot(rm, m->frame);
	return ((slot_t)leaf->slot_page << SLOT_PAGE_BITS) + (slot_t)(m - leaf->map);
}

static err_t leaf_make(struct rm *rm, struct vspace *vspace, uint64_t address, struct leaf **made)
{
	struct bank *bank = bank_of(vspace);
	_Static_assert(sizeof(struct leaf) <= PAGE);
	struct leaf *leaf = bank->pages.get(bank->pages.ctx);
	if (!leaf)
		return E_NOMEM;
	__builtin_memset(leaf, 0, sizeof(*leaf));
	leaf->vspace = vspace;
	leaf->base = range_align_down(address, 1ull << LEAF_BITS);
	err_t err = slots_make(rm, bank, &leaf->slots, &leaf->slot_page);
	if (err == E_OK) {
		const struct lib_pages nodes = bank_nodes(bank);
		err = radix_set(&vspace->leaves, &nodes, address >> LEAF_BITS, (uint64_t)leaf);
		if (err != E_OK)
			slots_unmake(rm, bank, leaf->slots, leaf->slot_page);
	}
	if (err != E_OK)
		bank->pages.put(bank->pages.ctx, leaf);
	else
		*made = leaf;
	return err;
}

static void leaf_free(struct rm *rm, struct leaf *leaf)
{
	struct vspace *vspace = leaf->vspace;
	struct bank *bank = bank_of(vspace);
	const struct lib_pages nodes = bank_nodes(bank);
	uint64_t base = leaf->base;
	if (vspace->recent == leaf)
		vspace->recent = NULL;
	(void)radix_remove(&vspace->leaves, &nodes, base >> LEAF_BITS);
	slots_unmake(rm, bank, leaf->slots, leaf->slot_page);
	bank->pages.put(bank->pages.ctx, leaf);
	tables_unmake(rm, vspace, base);
}

static void mapping_link(struct rm *rm, struct mapping *m, frame_t f)
{
	struct frame *frame = frame_at(rm, f);
	m->frame = f;
	m->next = frame->maps;
	m->prev = &frame->maps;
	if (m->next)
		m->next->prev = &m->next;
	frame->maps = m;
	frame->original_used |= m->original;
	m->state = MAPPING_STALE;
	leaf_of(m)->used++;
}

/* The mapping is no more; its capability is still to be dealt with, if it is a copy. */
static void mapping_unlink(struct rm *rm, struct mapping *m)
{
	struct leaf *leaf = leaf_of(m);
	if (m->original) {
		rm->ops->page_unmap(rm->kernel, frame_slot(rm, m->frame));
		frame_at(rm, m->frame)->original_used = false;
	}
	*m->prev = m->next;
	if (m->next)
		m->next->prev = m->prev;
	leaf->live -= m->state == MAPPING_LIVE;
	leaf->used--;
	*m = (struct mapping){ 0 };
}

static void mapping_remove(struct rm *rm, struct mapping *m)
{
	if (!m->original)
		rm->ops->remove(rm->kernel, mapping_slot(rm, m));
	mapping_unlink(rm, m);
}

/* The mapping and its capability are gone; its leaf, if it was the last one. */
static void mapping_end(struct rm *rm, struct mapping *m)
{
	struct leaf *leaf = leaf_of(m);
	mapping_remove(rm, m);
	if (leaf->used == 0)
		leaf_free(rm, leaf);
}

static void leaf_end(struct rm *rm, struct leaf *leaf)
{
	for (unsigned int i = 0; leaf->used > 0; i++)
		if (leaf->map[i].state != MAPPING_NONE)
			mapping_unlink(rm, &leaf->map[i]);
	leaf_free(rm, leaf);
}

/* What is mapped, or hidden, at an address; NULL: nothing. */
struct mapping *mapping_at(const struct vspace *vspace, uint64_t address)
{
	struct leaf *leaf = leaf_at(vspace, address);
	struct mapping *m = leaf ? &leaf->map[address >> PAGE_BITS & (SLOT_PAGE - 1)] : NULL;
	return m && m->state != MAPPING_NONE ? m : NULL;
}

/* The frame, of either size, is mapped there, in place of any other of its size. */
err_t map_page(struct rm *rm, struct vspace *vspace, uint64_t address, frame_t f, bool writable,
               unsigned int attributes)
{
	struct leaf *leaf = leaf_at(vspace, address);
	err_t err = leaf ? E_OK : leaf_make(rm, vspace, address, &leaf);
	if (err != E_OK)
		return err;
	struct mapping *m = &leaf->map[address >> PAGE_BITS & (SLOT_PAGE - 1)];
	vspace->recent = leaf;
	if (!leaf->has_table) {
		leaf->large = chunk_of(rm, f)->kind == CHUNK_LARGE;
		err = tables_make(rm, vspace, address, leaf->large ? 2 : 1);
	}
	leaf->has_table = err == E_OK;
	if (err == E_OK && m->state != MAPPING_NONE && m->frame != f)
		mapping_remove(rm, m);
	bool fresh = m->state == MAPPING_NONE;
	if (err == E_OK && fresh) {
		m->original = !frame_at(rm, f)->original_used;
		if (!m->original)
			err = KERNEL(rm, copy, mapping_slot(rm, m), frame_slot(rm, f), RIGHTS_ALL);
		if (err == E_OK)
			mapping_link(rm, m, f);
	}
	if (err == E_OK) {
		err = KERNEL(rm, page_map, mapping_slot(rm, m), kernel_slot(rm, vspace->root),
		             address, writable ? RIGHT_READ | RIGHT_WRITE : RIGHT_READ, attributes);
		if (err != E_OK && fresh)
			mapping_remove(rm, m);
	}
	if (err != E_OK) {
		if (leaf->used == 0)
			leaf_free(rm, leaf);
		return err;
	}
	leaf->live += m->state != MAPPING_LIVE;
	m->state = MAPPING_LIVE;
	m->writable = writable;
	return E_OK;
}

/* Nobody maps the frame any more; rm's window apart. */
void unmap_frame(struct rm *rm, frame_t f)
{
	struct frame *frame = frame_at(rm, f);
	while (frame->maps)
		mapping_end(rm, frame->maps);
}

/* Ends mappings in [start, end); true: there are none any more. */
bool unmap_step(struct rm *rm, struct vspace *vspace, uint64_t start, uint64_t end)
{
	struct leaf *leaf = leaf_from(vspace, start);
	if (!leaf || leaf->base >= end)
		return true;
	uint64_t leaf_end_at = leaf_end_of(leaf);
	if (leaf->large || (start <= leaf->base && end >= leaf_end_at)) {
		leaf_end(rm, leaf);
		return false;
	}
	uint64_t from = start > leaf->base ? start : leaf->base;
	uint64_t to = end < leaf_end_at ? end : leaf_end_at;
	for (uint64_t at = from; at < to; at += PAGE) {
		struct mapping *m = mapping_at(vspace, at);
		if (m)
			mapping_end(rm, m);
	}
	/* What is left of it lies outside. */
	return to == end ? true : unmap_step(rm, vspace, to, end);
}

/* Nothing is mapped at an address any more. */
void unmap_page(struct rm *rm, struct vspace *vspace, uint64_t address)
{
	struct mapping *m = mapping_at(vspace, address);
	if (m)
		mapping_end(rm, m);
}

static void hide(struct leaf *leaf, unsigned int i)
{
	struct mapping *m = &leaf->map[i];
	if (m->state == MAPPING_LIVE) {
		m->state = MAPPING_STALE;
		leaf->live--;
	}
}

/* What is mapped under one page table, all of it, is hidden by taking the table out. */
static void hide_table(struct rm *rm, struct vspace *vspace, uint64_t base)
{
	const struct lib_pages nodes = bank_nodes(bank_of(vspace));
	uint64_t key = table_key(1, base), value = radix_get(&vspace->tables, key);
	if (value & 1) {
		rm->ops->table_unmap(rm->kernel, kernel_slot(rm, (frame_t)(value >> 1)), 1);
		(void)radix_set(&vspace->tables, &nodes, key, value & ~1ull);
	}
	for (uint64_t at = base; at < base + (1ull << TABLE_BITS); at += 1ull << LEAF_BITS) {
		struct leaf *leaf = leaf_at(vspace, at);
		if (leaf)
			leaf->has_table = false;
		for (unsigned int i = 0; leaf && leaf->live > 0 && i < SLOT_PAGE; i++)
			hide(leaf, i);
	}
}

/*
 * Hides what is mapped from *at on, as far as one page table goes. True: nothing in [*at, end) is
 * mapped any more.
 */
bool hide_step(struct rm *rm, struct vspace *vspace, uint64_t *at, uint64_t end)
{
	struct leaf *first = leaf_from(vspace, *at);
	if (!first || first->base >= end)
		return true;
	uint64_t base = range_align_down(first->base, 1ull << TABLE_BITS);
	uint64_t next = base + (1ull << TABLE_BITS);
	if (first->large) {
		if (first->live > 0)
			rm->ops->page_unmap(rm->kernel, mapping_slot(rm, &first->map[0]));
		hide(first, 0);
	} else if (*at <= base && end >= next) {
		hide_table(rm, vspace, base);
	} else {
		uint64_t to = end < next ? end : next;
		for (uint64_t a = *at > first->base ? *at : first->base; a < to; a += PAGE) {
			struct mapping *m = mapping_at(vspace, a);
			if (!m || m->state != MAPPING_LIVE)
				continue;
			rm->ops->page_unmap(rm->kernel, mapping_slot(rm, m));
			hide(leaf_of(m), (unsigned int)(m - leaf_of(m)->map));
		}
	}
	*at = next;
	return next >= end;
}

/* -- regions ----------------------------------------------------------------------------------- */

static struct region *region_at(struct interval *interval)
{
	return interval ? container_of(interval, struct region, interval) : NULL;
}

struct region *region_find(const struct vspace *vspace, uint64_t address)
{
	return region_at(interval_find(&vspace->regions, address));
}

/* Where so many pages are free: at *start or above, or anywhere. RANGE: nowhere. */
err_t region_place(const struct vspace *vspace, uint64_t pages, uint64_t *start)
{
	uint64_t from = *start < USER_LOW ? USER_LOW : *start;
	err_t err =
	        interval_find_gap(&vspace->regions, from, RM_USER_TOP, pages * PAGE, PAGE, start);
	if (err != E_OK)
		err = interval_find_gap(&vspace->regions, USER_LOW, RM_USER_TOP, pages * PAGE, PAGE,
		                        start);
	return err == E_OK ? E_OK : E_RANGE;
}

static bool region_ends(const struct region *r)
{
	return !list_is_empty(&r->ending);
}

static uint64_t region_pages(const struct region *r)
{
	return (r->interval.end - r->interval.start) / PAGE;
}

static void region_show(struct region *r, struct dataspace *ds)
{
	r->dataspace = ds;
	list_push_back(&ds->regions, &r->link);
	ds->regions_count++;
	dataspace_hold(ds);
}

/* The upper part of a region, beside it: whoever goes through the regions has both before him. */
static void region_show_after(struct region *r, struct region *upper)
{
	struct dataspace *ds = r->dataspace;
	region_show(upper, ds);
	list_remove(&upper->link);
	list_insert_before(r->link.next, &upper->link);
	if (ds->copy && ds->copy->work == WORK_HIDE)
		ds->copy->cursor++;
}

/* It shows nothing any more; nothing of it is mapped. */
void region_hide(struct rm *rm, struct region *r)
{
	struct dataspace *ds = r->dataspace;
	list_remove(&r->link);
	if (!ds)
		return;
	r->dataspace = NULL;
	ds->regions_count--;
	if (ds->copy)
		ds->copy->hidden = 0;
	dataspace_drop(rm, ds);
}

/* like: what it is as, but for its place and its dataspace. EXIST: there is a region already. */
err_t region_new(struct rm *rm, struct vspace *vspace, const struct region *like,
                 struct dataspace *ds, uint64_t start, uint64_t pages, uint64_t first)
{
	(void)rm;
	struct region *r = record_get(bank_of(vspace), SLAB_RECORD);
	_Static_assert(sizeof(*r) <= RECORD_BYTES);
	if (!r)
		return E_NOMEM;
	*r = *like;
	err_t err = interval_insert(&vspace->regions, &r->interval, start, start + pages * PAGE);
	if (err != E_OK) {
		record_put(bank_of(vspace), SLAB_RECORD, r);
		return err;
	}
	r->vspace = vspace;
	r->first = first;
	r->next_touch = start;
	r->around = 1;
	list_init(&r->link);
	list_init(&r->ending);
	if (ds)
		region_show(r, ds);
	return E_OK;
}

static void region_free(struct rm *rm, struct region *r)
{
	region_hide(rm, r);
	window_restore(rm, r);
	list_remove(&r->ending);
	if (r->share)
		share_settle(rm, share_find(rm, r->share));
	interval_remove(&r->vspace->regions, &r->interval);
	record_put(bank_of(r->vspace), SLAB_RECORD, r);
}

/* The region that goes across an address becomes two there. */
static err_t region_cut(struct rm *rm, struct vspace *vspace, uint64_t at)
{
	struct region *r = region_at(interval_find(&vspace->regions, at)), *upper;
	if (!r || r->interval.start == at)
		return E_OK;
	upper = record_get(bank_of(vspace), SLAB_RECORD);
	if (!upper)
		return E_NOMEM;
	window_restore(rm, r);
	*upper = *r;
	err_t err = interval_split(&vspace->regions, &r->interval, at, &upper->interval);
	assert(err == E_OK);
	upper->first = r->first + region_pages(r);
	upper->next_touch = at;
	list_init(&upper->link);
	list_init(&upper->ending);
	if (r->dataspace)
		region_show_after(r, upper);
	if (region_ends(r))
		list_push_back(&vspace->ending, &upper->ending);
	return E_OK;
}

/* Edges of regions at both ends of a range. NOMEM: one more region may be there, nothing else. */
static err_t regions_cut(struct rm *rm, struct vspace *vspace, uint64_t start, uint64_t end)
{
	err_t err = region_cut(rm, vspace, start);
	return err == E_OK ? region_cut(rm, vspace, end) : err;
}

static bool ending_step(struct rm *rm, struct vspace *vspace)
{
	struct list *link = list_first(&vspace->ending);
	if (!link) {
		answer_all(rm, &vspace->ending_waiters, E_OK);
		return true;
	}
	struct region *r = container_of(link, struct region, ending);
	if (unmap_step(rm, vspace, r->interval.start, r->interval.end))
		region_free(rm, r);
	return false;
}

/* -- copying ----------------------------------------------------------------------------------- */

enum copy_phase { PHASE_HIDE, PHASE_REGIONS, PHASE_DATASPACE };

/* All copies that this one has begun are over, and its source goes on. */
static void copy_end(struct rm *rm, struct vspace *vspace)
{
	struct vspace *source = vspace->source;
	for (struct interval *i = interval_first(&vspace->regions); i; i = interval_next(i)) {
		struct dataspace *ds = region_at(i)->dataspace;
		if (ds && ds->source)
			dataspace_copy_end(rm, ds);
	}
	source->copier = NULL;
	vspace->source = NULL;
	list_append_all(&rm->retry, &source->waiters);
}

static void copy_answer(struct rm *rm, struct vspace *vspace, err_t err)
{
	copy_end(rm, vspace);
	struct waiter *waiter = container_of(list_first(&vspace->copying), struct waiter, link);
	struct proto_request request = { .state = PROTO_PARKED };
	if (err == E_OK)
		err = object_cap(rm, &request, &vspace->object, 0);
	rm_vspace_clone_answer(&request, err);
	answer_request(rm, waiter, &request);
	if (err != E_OK) {
		object_kill(rm, &vspace->object);
		return;
	}
	job_end(rm, &vspace->object);
}

/* The next region of the source, at or above the cursor. */
static err_t copy_region(struct rm *rm, struct vspace *vspace)
{
	struct vspace *source = vspace->source;
	struct region *r = region_at(interval_find_from(&source->regions, vspace->cursor));
	if (!r)
		return E_OK;
	uint64_t start = r->interval.start;
	bool shows = r->dataspace && !r->dataspace->object.dying && !region_ends(r);
	struct dataspace *ds = shows ? r->dataspace : NULL;
	bool copies = ds && r->inherit == RM_INHERIT_COPY && ds->kind != RM_DATASPACE_KIND_DEVICE;
	err_t err = E_PENDING;
	if (ds && r->inherit != RM_INHERIT_NONE) {
		if (copies && !(ds->copy && ds->copy->copied_by == vspace)) {
			struct dataspace *copy;
			err_t begun =
			        dataspace_copy_begin(rm, ds, bank_of(vspace), 0, ds->size, &copy);
			if (begun != E_OK)
				return begun;
			copy->copied_by = vspace;
			vspace->phase = PHASE_DATASPACE;
		}
		err_t made = region_new(rm, vspace, r, copies ? ds->copy : ds, start,
		                        region_pages(r), r->first);
		if (made != E_OK) {
			if (vspace->phase == PHASE_DATASPACE) {
				struct dataspace *copy = ds->copy;
				dataspace_copy_end(rm, copy);
				object_kill(rm, &copy->object);
			}
			return made;
		}
	}
	if (vspace->phase != PHASE_DATASPACE)
		vspace->cursor = r->interval.end;
	return err;
}

/* A part of a copy in the making. PENDING: there is more to do. */
static err_t copy_step(struct rm *rm, struct vspace *vspace)
{
	struct vspace *source = vspace->source;
	if (source->object.dying)
		return E_GONE;
	switch (vspace->phase) {
	case PHASE_HIDE:
		if (hide_step(rm, source, &vspace->cursor, RM_USER_TOP)) {
			vspace->phase = PHASE_REGIONS;
			vspace->cursor = 0;
		}
		return E_PENDING;
	case PHASE_DATASPACE: {
		struct region *r = region_at(interval_find(&vspace->regions, vspace->cursor));
		/* Where the cursor stands in the copy a region was made last. */
		r = r ? r : region_at(interval_find_from(&vspace->regions, vspace->cursor));
		if (!r->dataspace || !r->dataspace->source)
			return E_GONE; /* the copy died with its bank */
		err_t err = dataspace_copy_step(rm, r->dataspace);
		if (err == E_OK) {
			vspace->phase = PHASE_REGIONS;
			vspace->cursor = r->interval.end;
			err = E_PENDING;
		}
		return err;
	}
	default:
		return copy_region(rm, vspace);
	}
}

/* A part of the work on a living vspace; true: it is done. */
bool vspace_work(struct rm *rm, struct vspace *vspace)
{
	if (vspace->source) {
		/* Its parts die with the bank, one after the other. */
		err_t err = bank_of(vspace)->object.dying ? E_GONE : copy_step(rm, vspace);
		if (err == E_PENDING)
			return false;
		copy_answer(rm, vspace, err);
		return true;
	}
	if (!ending_step(rm, vspace) || !populate_work(rm, vspace))
		return false;
	job_end(rm, &vspace->object);
	return true;
}

/* An ASID; when the pools have none, out of a new pool. LIMIT: the kernel has no more. */
static err_t take_asid(struct rm *rm, struct vspace *vspace)
{
	slot_t root = kernel_slot(rm, vspace->root);
	enum abi_error err = rm->ops->vspace_init(rm->kernel, root);
	frame_t f = err == ERR_DELETE_FIRST ? kernel_get(rm, rm->root) : 0;
	if (!f)
		return kernel_err(rm, err);
	if (KERNEL(rm, asid_pool_add, page_slot(rm, f)) == E_OK)
		return KERNEL(rm, vspace_init, root);
	kernel_put(rm, rm->root, f);
	return E_LIMIT;
}

/* -- beginning and end ------------------------------------------------------------------------- */

err_t vspace_new(struct rm *rm, struct bank *bank, struct vspace **made)
{
	err_t err = object_new(rm, bank, KIND_VSPACE, made);
	if (err != E_OK)
		return err;
	struct vspace *vspace = *made;
	interval_map_init(&vspace->regions);
	radix_init(&vspace->leaves);
	radix_init(&vspace->tables);
	list_init(&vspace->tasks);
	list_init(&vspace->ending);
	list_init(&vspace->ending_waiters);
	list_init(&vspace->handler_link);
	list_init(&vspace->asked);
	list_init(&vspace->copying);
	list_init(&vspace->waiters);
	list_init(&vspace->populating);
	vspace->root = object_get(rm, bank, OBJ_X86_PML4, 0);
	if (vspace->root) {
		err = take_asid(rm, vspace);
		if (err == E_OK)
			return E_OK;
		kernel_put(rm, bank, vspace->root);
	} else {
		err = E_NOMEM;
	}
	object_free(rm, &vspace->object);
	return err;
}

/* A part of a vspace's end: its tasks, what is mapped, regions, tables, itself. */
bool vspace_reap(struct rm *rm, struct vspace *vspace)
{
	const struct lib_pages nodes = bank_nodes(bank_of(vspace));
	if (vspace->source) {
		copy_end(rm, vspace);
		answer_all(rm, &vspace->copying, E_GONE);
	}
	answer_all(rm, &vspace->populating, E_GONE);
	if (!list_is_empty(&vspace->tasks)) {
		struct list *link = list_first(&vspace->tasks);
		struct task *task = container_of(link, struct task, vspace_link);
		if (!task->object.dying)
			object_kill(rm, &task->object);
		/* The next one comes first; each leaves the list when it is gone. */
		list_remove(link);
		list_push_back(&vspace->tasks, link);
		return false;
	}
	if (vspace->copier)
		return false;
	fault_forget_asked(rm, &vspace->asked);
	if (vspace->root)
		kernel_put(rm, bank_of(vspace), vspace->root);
	vspace->root = 0;
	answer_all(rm, &vspace->ending_waiters, E_GONE);
	if (!unmap_step(rm, vspace, 0, UINT64_MAX))
		return false;
	for (unsigned int i = 0; i < UNMAP_STEPS; i++) {
		struct region *r = region_at(interval_first(&vspace->regions));
		if (!r)
			break;
		region_free(rm, r);
	}
	if (interval_first(&vspace->regions))
		return false;
	for (unsigned int i = 0; i < UNMAP_STEPS; i++) {
		uint64_t key = 0, value = radix_next(&vspace->tables, &key);
		if (!value) {
			list_remove(&vspace->handler_link);
			object_free(rm, &vspace->object);
			return true;
		}
		(void)radix_remove(&vspace->tables, &nodes, key);
		kernel_put(rm, bank_of(vspace), (frame_t)(value >> 1));
	}
	return false;
}

/* -- requests ---------------------------------------------------------------------------------- */

err_t on_vspace_create(struct rm *rm, struct proto_request *request, struct bank *bank)
{
	struct vspace *vspace;
	err_t err = vspace_new(rm, bank, &vspace);
	return err == E_OK ? object_made(rm, request, &vspace->object, 0) : err;
}

err_t on_vspace_clone(struct rm *rm, struct proto_request *, struct vspace *source,
                      struct bank *bank)
{
	struct vspace *vspace;
	if (source->copier || source->source)
		return E_BUSY;
	err_t err = vspace_new(rm, bank, &vspace);
	if (err != E_OK)
		return err;
	err = wait_for(rm, bank, &vspace->copying, RM_METHOD_VSPACE_CLONE);
	if (err != E_OK) {
		object_kill(rm, &vspace->object);
		return err;
	}
	vspace->source = source;
	source->copier = vspace;
	job_add(rm, &vspace->object);
	return E_PENDING;
}

err_t on_vspace_destroy(struct rm *rm, struct proto_request *, struct vspace *vspace)
{
	return object_destroy(rm, bank_of(vspace), &vspace->object, RM_METHOD_VSPACE_DESTROY);
}

err_t on_vspace_set_pager(struct rm *rm, struct proto_request *, struct vspace *vspace,
                          struct task *handler, const struct rm_vspace_set_pager_in *in)
{
	fault_forget_asked(rm, &vspace->asked);
	list_remove(&vspace->handler_link);
	list_push_back(&handler->handled, &vspace->handler_link);
	vspace->handler = handler;
	vspace->cookie = in->cookie;
	return E_OK;
}

/* What a private region may do depends on reading only: it writes to its own pages. */
static uint8_t region_rights(uint64_t badge, uint8_t flags)
{
	uint8_t rights = rights_of(badge);
	return flags & RM_REGION_FLAGS_PRIVATE && rights & RM_RIGHT_READ ? rights | RM_RIGHT_WRITE
	                                                                 : rights;
}

err_t on_region_map(struct rm *rm, struct proto_request *request, struct vspace *vspace,
                    struct dataspace *ds, const struct rm_region_map_in *in,
                    struct rm_region_map_out *out)
{
	struct region like = { .rights = in->rights,
		               .rights_max = region_rights(request->cap_badges[0], in->flags),
		               .flags = in->flags,
		               .inherit = in->inherit };
	uint64_t start = in->start;
	if (in->rights & ~like.rights_max || !in->rights)
		return E_PERM;
	if (!range_ok(in->first, in->size, ds->size))
		return E_RANGE;
	if (vspace->copier)
		return E_BUSY;
	if (ds->kind == RM_DATASPACE_KIND_RAW ||
	    (in->flags & RM_REGION_FLAGS_PRIVATE && ds->kind == RM_DATASPACE_KIND_DEVICE))
		return E_INVAL;
	if (in->flags & RM_REGION_FLAGS_FIXED) {
		if (start < USER_LOW)
			return E_RANGE;
	} else if (region_place(vspace, in->size, &start) != E_OK) {
		return E_RANGE;
	}
	struct dataspace *shown = ds;
	if (in->flags & RM_REGION_FLAGS_PRIVATE) {
		err_t err = dataspace_shadow(rm, bank_of(vspace), ds, &shown);
		if (err != E_OK)
			return err;
	}
	err_t err = region_new(rm, vspace, &like, shown, start, in->size, in->first);
	if (err != E_OK && shown != ds)
		object_kill(rm, &shown->object);
	if (err == E_OK && in->flags & RM_REGION_FLAGS_POPULATE)
		fault_populate(rm, vspace, start, in->size);
	out->at = start;
	return err;
}

err_t on_region_unmap(struct rm *rm, struct proto_request *, struct vspace *vspace,
                      const struct rm_region_unmap_in *in)
{
	uint64_t end = in->start + in->size * PAGE;
	if (vspace->copier)
		return E_BUSY;
	err_t err = regions_cut(rm, vspace, in->start, end);
	if (err != E_OK)
		return err;
	struct region *r = region_at(interval_find_from(&vspace->regions, in->start));
	for (; r && r->interval.start < end; r = region_at(interval_next(&r->interval))) {
		if (region_ends(r))
			continue;
		r->rights = r->rights_max = 0;
		list_push_back(&vspace->ending, &r->ending);
	}
	for (unsigned int i = 0; i < UNMAP_STEPS; i++)
		if (ending_step(rm, vspace))
			return E_OK;
	err = wait_for(rm, bank_of(vspace), &vspace->ending_waiters, RM_METHOD_REGION_UNMAP);
	if (err == E_OK) {
		job_add(rm, &vspace->object);
		return E_PENDING;
	}
	while (!ending_step(rm, vspace))
		continue; /* there is no memory to wait with */
	return E_OK;
}

err_t on_region_protect(struct rm *rm, struct proto_request *, struct vspace *vspace,
                        const struct rm_region_protect_in *in)
{
	uint64_t end = in->start + in->size * PAGE, at = in->start;
	if (vspace->copier)
		return E_BUSY;
	/* All of it must be there, and be allowed. */
	while (at < end) {
		const struct region *r = region_at(interval_find(&vspace->regions, at));
		if (!r || !r->dataspace || region_ends(r))
			return E_NOENT;
		if (in->rights & ~r->rights_max)
			return E_PERM;
		at = r->interval.end;
	}
	err_t err = regions_cut(rm, vspace, in->start, end);
	if (err != E_OK)
		return err;
	struct region *r = region_at(interval_find(&vspace->regions, in->start));
	for (; r && r->interval.start < end; r = region_at(interval_next(&r->interval))) {
		bool fewer = r->rights & ~in->rights;
		bool executes = (r->rights ^ in->rights) & RM_RIGHT_EXECUTE;
		r->rights = in->rights;
		at = r->interval.start;
		while ((fewer || executes) && !hide_step(rm, vspace, &at, r->interval.end))
			continue;
	}
	return E_OK;
}

err_t on_region_query(struct rm *, struct proto_request *, struct vspace *vspace,
                      const struct rm_region_query_in *in, struct rm_region_query_out *out)
{
	const struct region *r = region_at(interval_find_from(&vspace->regions, in->at));
	if (!r)
		return E_NOENT;
	out->region = (struct rm_region){
		.start = r->interval.start,
		.size = region_pages(r),
		.first = r->first,
		.rights = r->rights,
		.flags = r->flags,
		.inherit = r->inherit,
	};
	return E_OK;
}

err_t on_vspace_read(struct rm *rm, struct proto_request *, struct vspace *vspace,
                     const struct rm_vspace_read_in *in, struct rm_vspace_read_out *out)
{
	out->content_count = 0;
	for (uint64_t at = in->at; out->content_count < in->count; at += 8) {
		const struct region *r = region_at(interval_find(&vspace->regions, at));
		bool shared;
		if (!r || !r->dataspace || r->dataspace->kind == RM_DATASPACE_KIND_DEVICE ||
		    !(r->rights & RM_RIGHT_READ))
			break;
		uint64_t index = region_index(r, at);
		struct page *page = dataspace_page(r->dataspace, index, &shared);
		const char *content = page ? page_content(rm, page, index) : NULL;
		if (!content)
			break;
		__builtin_memcpy(&out->content[out->content_count++], content + at % PAGE, 8);
	}
	return E_OK;
}
