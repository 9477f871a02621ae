/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the memory of all programs must have in it. Of each page a few words are written by
 * programs, the rest stays zero. The model knows contents, sizes and regions by itself; only
 * whether a dataspace is alive, and which pages a private region came to own, it reads off the
 * core's state: a shadow owns a page as it was at that time in its backing, so before a page of a
 * backing changes, what its shadows own is written down (keep_shadow()).
 */
#include "world.h"
#include <string.h>

static const uint16_t offsets[MODEL_WORDS] = { 0, 1032, 2056, 4088 };

void model_reset(void)
{
	memset(w.ds, 0, sizeof(w.ds));
	memset(w.space, 0, sizeof(w.space));
	memset(w.donation, 0, sizeof(w.donation));
	lend_reset();
	memset(w.buckets, 0, 4ull * MODEL_PAGES);
	for (uint32_t i = 1; i < MODEL_PAGES; i++)
		w.pages[i].next = i + 1 < MODEL_PAGES ? i + 1 : 0;
	w.page_free = 1;
	w.ds_next = 1;
}

/* -- pages ------------------------------------------------------------------------------------- */

static uint16_t number_of(const struct model_dataspace *m)
{
	return (uint16_t)(m - w.ds);
}

static uint32_t bucket_of(uint16_t ds, uint64_t index)
{
	return (uint32_t)((index * 0x9e3779b97f4a7c15 + ds * 0x94d049bb133111eb) >>
	                  (64 - MODEL_PAGES_BITS));
}

static struct model_page *page_at(const struct model_dataspace *m, uint64_t index)
{
	uint16_t ds = number_of(m);
	for (uint32_t i = w.buckets[bucket_of(ds, index)]; i; i = w.pages[i].chain)
		if (w.pages[i].dataspace == ds && w.pages[i].index == index)
			return &w.pages[i];
	return NULL;
}

/* like NULL: zeros. */
static struct model_page *page_add(struct model_dataspace *m, uint64_t index, const uint64_t *like)
{
	uint32_t i = w.page_free, *bucket = &w.buckets[bucket_of(number_of(m), index)];
	MUST(i, "the simulation has no more pages of the model");
	struct model_page *p = &w.pages[i];
	w.page_free = p->next;
	*p = (struct model_page){
		.index = index, .next = m->pages, .chain = *bucket, .dataspace = number_of(m)
	};
	if (like)
		memcpy(p->words, like, sizeof(p->words));
	*bucket = m->pages = i;
	return p;
}

static void page_forget(uint32_t i)
{
	struct model_page *p = &w.pages[i];
	uint32_t *at = &w.buckets[bucket_of(p->dataspace, p->index)];
	while (*at != i)
		at = &w.pages[*at].chain;
	*at = p->chain;
	p->next = w.page_free;
	w.page_free = i;
}

/* Those from an index on are no more. */
static void pages_forget(struct model_dataspace *m, uint64_t from)
{
	uint32_t *at = &m->pages;
	while (*at) {
		uint32_t i = *at;
		if (w.pages[i].index >= from) {
			*at = w.pages[i].next;
			page_forget(i);
		} else {
			at = &w.pages[i].next;
		}
	}
}

/* -- dataspaces -------------------------------------------------------------------------------- */

static struct object *living(uint64_t id)
{
	return id ? slotmap_get(&w.rm.objects, id) : NULL;
}

struct model_dataspace *model_dataspace(uint64_t id)
{
	for (unsigned int i = 1; i < MODEL_DATASPACES; i++)
		if (w.ds[i].id == id)
			return living(id) ? &w.ds[i] : NULL;
	return NULL;
}

static bool is_dying(const struct model_dataspace *m)
{
	const struct object *o = living(m->id);
	return !o || o->dying;
}

struct model_dataspace *model_dataspace_new(struct dataspace *core, uint16_t backing)
{
	for (unsigned int tries = 0; tries < MODEL_DATASPACES; tries++) {
		w.ds_next = w.ds_next % (MODEL_DATASPACES - 1) + 1;
		struct model_dataspace *m = &w.ds[w.ds_next];
		if (m->id)
			continue;
		*m = (struct model_dataspace){
			.id = slotmap_id(&w.rm.objects, core),
			.core = core,
			.size = core->size,
			.backing = backing,
			.lost = core->lost,
			.paged = core->kind == RM_DATASPACE_KIND_PAGED,
			.device = core->kind == RM_DATASPACE_KIND_DEVICE,
			.raw = core->kind == RM_DATASPACE_KIND_RAW,
		};
		return m;
	}
	sim_fail("the simulation has no more dataspaces of the model");
}

static bool core_has(const struct model_dataspace *m, uint64_t index)
{
	const struct large *large = (struct large *)radix_get(&m->core->large, index / LARGE_PAGES);
	uint64_t i = index % LARGE_PAGES;
	return radix_get(&m->core->pages, index) || (large && large->has[i / 64] >> i % 64 & 1);
}

/* A page of the shadow's own, if the core has one that is not written down yet. */
static void keep_shadow(struct model_dataspace *shadow, uint64_t index)
{
	if (!living(shadow->id) || page_at(shadow, index) || !core_has(shadow, index))
		return;
	const struct model_dataspace *b = &w.ds[shadow->backing];
	const struct model_page *from =
	        shadow->backing && index < b->size ? page_at(b, index) : NULL;
	(void)page_add(shadow, index, from ? from->words : NULL);
}

static void keep_index(const struct model_dataspace *m, uint64_t index)
{
	for (unsigned int i = 1; i < MODEL_DATASPACES; i++)
		if (w.ds[i].id && w.ds[i].backing == number_of(m))
			keep_shadow(&w.ds[i], index);
}

static void keep_all(struct model_dataspace *shadow)
{
	uint64_t index = 0;
	if (!living(shadow->id))
		return;
	for (; radix_next(&shadow->core->pages, &index); index++)
		keep_shadow(shadow, index);
}

/* What its shadows own stays when it changes. */
void model_keep_shadows(struct model_dataspace *m)
{
	for (unsigned int i = 1; i < MODEL_DATASPACES; i++)
		if (w.ds[i].id && w.ds[i].backing == number_of(m))
			keep_all(&w.ds[i]);
}

void model_resize(struct model_dataspace *m, uint64_t size)
{
	if (size < m->size)
		pages_forget(m, size);
	m->size = size;
}

void model_copy(struct model_dataspace *to, struct model_dataspace *from, uint64_t first,
                uint64_t size)
{
	if (from->backing)
		keep_all(from);
	for (uint32_t i = from->pages; i; i = w.pages[i].next)
		if (w.pages[i].index >= first && w.pages[i].index - first < size)
			(void)page_add(to, w.pages[i].index - first, w.pages[i].words);
}

void model_supply(struct model_dataspace *to, uint64_t first, struct model_dataspace *from,
                  uint64_t from_first, uint64_t count)
{
	for (uint64_t i = 0; i < count; i++) {
		struct model_page *p = page_at(from, from_first + i);
		keep_index(from, from_first + i);
		keep_index(to, first + i);
		if (!page_at(to, first + i))
			(void)page_add(to, first + i, p ? p->words : NULL);
		if (!p)
			continue;
		uint32_t *at = &from->pages;
		while (*at != (uint32_t)(p - w.pages))
			at = &w.pages[*at].next;
		*at = p->next;
		page_forget((uint32_t)(p - w.pages));
	}
}

/* Pages that are donated, or given back, as far as there is a place for them. */
void model_move(struct model_dataspace *to, uint64_t to_first, struct model_dataspace *from,
                uint64_t first, uint64_t count, bool kept)
{
	model_keep_shadows(from);
	model_keep_shadows(to);
	uint32_t *at = &from->pages;
	while (*at) {
		uint32_t i = *at;
		struct model_page p = w.pages[i];
		if (p.index < first || p.index - first >= count) {
			at = &w.pages[i].next;
			continue;
		}
		*at = p.next;
		page_forget(i);
		uint64_t index = to_first + p.index - first;
		if (kept && index < to->size)
			(void)page_add(to, index, p.words);
	}
}

/* The words that are read at a page. */
static void words_of(struct model_dataspace *m, uint64_t index, uint64_t *words)
{
	if (m->backing)
		keep_shadow(m, index);
	const struct model_page *p = page_at(m, index);
	const struct model_dataspace *b = &w.ds[m->backing];
	if (!p && m->backing && index < b->size)
		p = page_at(b, index);
	memset(words, 0, MODEL_WORDS * 8);
	if (p)
		memcpy(words, p->words, MODEL_WORDS * 8);
}

/* What is dead in the core is forgotten. */
void model_collect(void)
{
	for (unsigned int i = 1; i < MODEL_DATASPACES; i++) {
		struct model_dataspace *m = &w.ds[i];
		if (!m->id || living(m->id))
			continue;
		model_keep_shadows(m);
		for (unsigned int j = 1; j < MODEL_DATASPACES; j++)
			if (w.ds[j].id && w.ds[j].backing == i) {
				w.ds[j].backing = 0;
				w.ds[j].lost = true;
			}
		for (unsigned int s = 0; s < MODEL_SPACES; s++)
			for (unsigned int r = 0; w.space[s].id && r < w.space[s].regions; r++)
				if (w.space[s].region[r].dataspace == i)
					w.space[s].region[r].dataspace = 0;
		pages_forget(m, 0);
		*m = (struct model_dataspace){ 0 };
	}
	for (unsigned int s = 0; s < MODEL_SPACES; s++)
		if (w.space[s].id && !living(w.space[s].id))
			w.space[s] = (struct model_space){ 0 };
}

/* Said at fixed times, so that checks in between change nothing of the history. */
void model_count(void)
{
	unsigned int spaces = 0, dataspaces = 0;
	for (unsigned int s = 0; s < MODEL_SPACES; s++)
		spaces += w.space[s].id != 0;
	for (unsigned int i = 1; i < MODEL_DATASPACES; i++)
		dataspaces += w.ds[i].id != 0;
	w.crowded = spaces > MODEL_SPACES / 2 || dataspaces > MODEL_DATASPACES / 2;
}

bool model_is_crowded(void)
{
	return w.crowded;
}

/* -- address spaces ---------------------------------------------------------------------------- */

struct model_space *model_space(uint64_t id)
{
	for (unsigned int i = 0; i < MODEL_SPACES; i++)
		if (w.space[i].id == id)
			return living(id) ? &w.space[i] : NULL;
	return NULL;
}

struct model_space *model_space_new(struct vspace *core)
{
	for (unsigned int i = 0; i < MODEL_SPACES; i++)
		if (!w.space[i].id) {
			uint32_t pml4 = w.kernel.caps[kernel_slot(&w.rm, core->root)].object;
			w.space[i] = (struct model_space){
				.id = slotmap_id(&w.rm.objects, core),
				.core = core,
				.pml4 = pml4,
			};
			return &w.space[i];
		}
	sim_fail("the simulation has no more address spaces of the model");
}

static struct model_region *region_at(struct model_space *s, uint64_t address)
{
	for (unsigned int i = 0; i < s->regions; i++)
		if (s->region[i].start <= address && address < s->region[i].end)
			return &s->region[i];
	return NULL;
}

static void region_add(struct model_space *s, struct model_region r)
{
	MUST(s->regions < MODEL_REGIONS, "the simulation has no more regions of the model");
	s->region[s->regions++] = r;
}

static void region_cut(struct model_space *s, uint64_t at)
{
	struct model_region *r = region_at(s, at);
	if (!r || r->start == at)
		return;
	struct model_region upper = *r;
	upper.first += (at - r->start) / PAGE;
	upper.start = r->end = at;
	region_add(s, upper);
}

void model_unmap(struct model_space *s, uint64_t start, uint64_t end)
{
	region_cut(s, start);
	region_cut(s, end);
	for (unsigned int i = s->regions; i-- > 0;)
		if (s->region[i].start >= start && s->region[i].end <= end)
			s->region[i] = s->region[--s->regions];
}

void model_protect(struct model_space *s, uint64_t start, uint64_t end, uint8_t rights)
{
	uint64_t covered = 0;
	region_cut(s, start);
	region_cut(s, end);
	for (unsigned int i = 0; i < s->regions; i++)
		if (s->region[i].start >= start && s->region[i].end <= end) {
			MUST(!(rights & ~s->region[i].rights_max), "more rights than there may be");
			s->region[i].rights = rights;
			covered += s->region[i].end - s->region[i].start;
		}
	MUST(s->unsettled || covered == end - start, "protected where no region is");
}

static struct region *core_region(const struct model_space *s, uint64_t address)
{
	struct interval *i = interval_find(&s->core->regions, address);
	return i ? container_of(i, struct region, interval) : NULL;
}

void model_map(struct model_space *s, const struct rm_region_map_in *in, uint64_t at,
               struct model_dataspace *ds, uint8_t rights_max)
{
	uint64_t end = at + in->size * PAGE;
	MUST(in->rights && !(in->rights & ~rights_max),
	     "a region with more rights than there may be");
	for (unsigned int i = 0; i < s->regions; i++)
		MUST(s->region[i].end <= at || s->region[i].start >= end,
		     "a region at %#lx where one is", at);
	const struct region *core = core_region(s, at);
	MUST(core && core->interval.start == at && core->interval.end == end,
	     "the new region at %#lx is not there", at);
	struct model_region r = { .start = at,
		                  .end = end,
		                  .first = in->first,
		                  .rights = in->rights,
		                  .rights_max = rights_max,
		                  .flags = in->flags,
		                  .inherit = in->inherit };
	if (in->flags & RM_REGION_FLAGS_PRIVATE)
		ds = model_dataspace_new(core->dataspace, number_of(ds));
	r.dataspace = number_of(ds);
	region_add(s, r);
}

/* A window is a region that ends with its share. */
void model_window(struct model_space *s, const struct rm_window_map_in *in, uint64_t at,
                  struct model_dataspace *ds, uint64_t first)
{
	const struct rm_region_map_in as = {
		.size = in->size, .first = first, .rights = in->rights, .inherit = RM_INHERIT_NONE
	};
	MUST(!(in->rights & RM_RIGHT_EXECUTE), "a window that can be executed");
	model_map(s, &as, at, ds, in->rights);
	s->region[s->regions - 1].share = in->share.raw;
	w.windows++;
}

uint64_t model_share_at(struct model_space *s, uint64_t address)
{
	const struct model_region *r = region_at(s, address);
	return r ? r->share : 0;
}

/* Regions that grow are as the core says: they may only have grown. */
void model_follow_growth(struct model_space *s)
{
	for (unsigned int i = 0; living(s->id) && i < s->regions; i++) {
		struct model_region *r = &s->region[i];
		if (!(r->flags & RM_REGION_FLAGS_GROWS_DOWN))
			continue;
		const struct region *core = core_region(s, r->end - 1);
		if (!core || core->interval.end != r->end || core->interval.start >= r->start)
			continue;
		uint64_t more = (r->start - core->interval.start) / PAGE;
		MUST(more <= r->first, "a region grows below its dataspace");
		r->first -= more;
		r->start = core->interval.start;
	}
}

static void tell_space(const struct model_space *s)
{
	note("space %#lx", s->id);
	for (unsigned int i = 0; i < s->regions; i++)
		note("model: %#lx to %#lx, dataspace %#lx from %lu", s->region[i].start,
		     s->region[i].end, w.ds[s->region[i].dataspace].id, s->region[i].first);
	for (struct interval *i = interval_first(&s->core->regions); i; i = interval_next(i))
		note("core:  %#lx to %#lx from %lu%s", i->start, i->end,
		     container_of(i, struct region, interval)->first,
		     container_of(i, struct region, interval)->dataspace ? "" : " ended");
}

/* Where what the core has from an address on without a gap ends, or end. */
static uint64_t covered_to(const struct model_space *s, uint64_t at, uint64_t end)
{
	const struct region *r;
	while (at < end && (r = core_region(s, at)) != NULL)
		at = r->interval.end;
	return at < end ? at : end;
}

/* A clone is as its source is now; what the core made a copy of is found by its regions. */
void model_clone(struct model_space *to, struct model_space *from)
{
	uint16_t copies[MODEL_DATASPACES] = { 0 };
	model_follow_growth(from);
	for (unsigned int i = 0; i < from->regions; i++) {
		struct model_region r = from->region[i];
		struct model_dataspace *m = &w.ds[r.dataspace];
		const struct region *core = core_region(to, r.start);
		MUST(!core || r.inherit != RM_INHERIT_NONE,
		     "a region is inherited that must not be");
		if (r.inherit == RM_INHERIT_NONE || (!core && (from->unsettled || is_dying(m))))
			continue;
		/* Of one that dies meanwhile, what comes later is not inherited. */
		if (core && is_dying(m))
			r.end = covered_to(to, r.start, r.end);
		if (!core || !core->dataspace) {
			/* Its dataspace has died, before or since. */
			if (!is_dying(m)) {
				tell_space(from);
				tell_space(to);
			}
			MUST(is_dying(m), "a region at %#lx is not inherited", r.start);
			r.dataspace = 0;
			if (core)
				region_add(to, r);
			continue;
		}
		if (r.inherit == RM_INHERIT_COPY && m->core->kind != RM_DATASPACE_KIND_DEVICE) {
			if (!copies[r.dataspace]) {
				struct model_dataspace *copy =
				        model_dataspace_new(core->dataspace, m->backing);
				copies[r.dataspace] = number_of(copy);
				model_copy(copy, m, 0, UINT64_MAX);
			}
			r.dataspace = copies[r.dataspace];
		}
		region_add(to, r);
	}
}

/* -- accesses ---------------------------------------------------------------------------------- */

static bool unsettled(const struct model_dataspace *m)
{
	return m->trims || is_dying(m) || m->core->work == WORK_TRIM || donate_moves(m);
}

enum expected model_expect(struct model_space *s, uint64_t address, enum rm_access access)
{
	static const uint8_t rights[] = { 0, RM_RIGHT_READ, RM_RIGHT_WRITE, RM_RIGHT_EXECUTE };
	model_follow_growth(s);
	const struct object *o = living(s->id);
	if (!o || o->dying || s->unsettled)
		return X_ANY;
	if (s->core->copier)
		return X_WAIT;
	const struct model_region *r = region_at(s, address);
	if (!r)
		return X_NO_REGION;
	struct model_dataspace *m = &w.ds[r->dataspace];
	if (!(r->rights & rights[access]))
		return X_NO_RIGHT;
	const struct object *share = r->share ? living(r->share) : NULL;
	if (r->share && !share)
		return X_GONE;
	if (lend_is_firm(r->share)) {
		MUST(r->dataspace && living(m->id), "sealed memory is gone at %#lx", address);
		return m->core->copy ? X_WAIT : X_OK;
	}
	for (const struct share *up = (const struct share *)share; up; up = up->parent)
		if (up->object.dying)
			return X_ANY; /* until the revocation is answered */
	if (!r->dataspace || !living(m->id))
		return r->share ? X_GONE : X_LOST;
	uint64_t index = r->first + (address - r->start) / PAGE;
	/* Of a backing that is dead nothing is left, whether that was noticed already or not. */
	const struct model_dataspace *b = &w.ds[m->backing];
	bool is_cut = m->backing && !living(b->id), is_backed = m->backing && !is_cut;
	if (unsettled(m) || (is_backed && unsettled(b)))
		return X_ANY;
	if (index >= m->size)
		return r->share ? X_GONE : X_LOST;
	if (m->core->copy)
		return X_WAIT;
	enum expected away = donate_expect(m, index);
	if (away != X_OK)
		return away == X_LOST && r->share ? X_GONE : away;
	if (page_at(m, index) || core_has(m, index))
		return X_OK;
	if (m->device)
		return X_LOST;
	bool behind = is_backed && index < b->size;
	if (behind && page_at(b, index))
		return X_OK;
	away = behind ? donate_expect(b, index) : X_OK;
	if (away != X_OK)
		return away == X_LOST && r->share ? X_GONE : away;
	bool lost = is_cut || m->lost || m->core->lost || (behind && b->core->lost);
	if ((m->paged || (behind && b->paged)) && !lost)
		return X_WAIT;
	return !lost ? X_OK : r->share ? X_GONE : X_LOST;
}

/* Whether it may well be that no memory was left. */
static bool is_scarce(const struct model_space *s)
{
	const struct bank *bank = s->core->object.bank;
	const struct region *r = NULL;
	(void)r;
	return w.failing || w.kernel.failed || bank->limit - bank->used < 32 ||
	       w.rm.pages_total - w.rm.pages_given < w.rm.pages_total / 8 ||
	       w.rm.kernel_free.count < 16;
}

static bool is_short(const struct model_dataspace *m)
{
	if (is_dying(m))
		return true;
	const struct bank *payer = m->core->object.bank;
	return payer->limit - payer->used < 32;
}

/* There may well be no memory for a page there; what is behind it may have to split a large one. */
bool model_is_poor(struct model_space *s, uint64_t address)
{
	const struct model_region *r = region_at(s, address);
	const struct model_dataspace *m = r && r->dataspace ? &w.ds[r->dataspace] : NULL;
	return is_scarce(s) || !m || is_short(m) || (m->backing && is_short(&w.ds[m->backing]));
}

bool model_result_ok(struct model_space *s, uint64_t address, enum rm_access access,
                     enum expected x, enum rm_fault_result result)
{
	struct model_region *r = region_at(s, address);
	if (x == X_NO_REGION && r == NULL) {
		/* It may have grown. */
		model_follow_growth(s);
		if (region_at(s, address))
			x = model_expect(s, address, access);
	}
	r = region_at(s, address);
	switch (result) {
	case RM_FAULT_RESULT_RESUME:
		return x == X_OK || x == X_ANY;
	case RM_FAULT_RESULT_WAIT:
		/* With SEVER, until its session is. */
		return x == X_WAIT || x == X_ANY ||
		       (r && r->share && (x == X_GONE || model_is_poor(s, address)));
	case RM_FAULT_RESULT_NO_REGION:
		return x == X_NO_REGION || x == X_ANY;
	case RM_FAULT_RESULT_NO_RIGHT:
		return x == X_NO_RIGHT || x == X_ANY;
	case RM_FAULT_RESULT_LOST:
		return x == X_LOST || x == X_ANY;
	case RM_FAULT_RESULT_GONE:
		if (x != X_OK)
			return x == X_GONE || x == X_ANY;
		/* Its owner cannot pay for it. */
		return r && r->share && !lend_is_firm(r->share) && model_is_poor(s, address);
	default:
		if (r && lend_is_firm(r->share))
			return is_scarce(s); /* the server cannot pay for its page tables */
		/* Of what is gone: the server cannot pay for what is to stand in. */
		return (x == X_OK || x == X_ANY || x == X_GONE) && model_is_poor(s, address);
	}
}

static void check_words(struct model_dataspace *m, uint64_t index, const char *content)
{
	uint64_t words[MODEL_WORDS];
	words_of(m, index, words);
	for (unsigned int i = 0; i < MODEL_WORDS; i++) {
		uint64_t is;
		memcpy(&is, content + offsets[i], 8);
		MUST(is == words[i], "page %#lx of dataspace %#lx has %#lx at %u, not %#lx", index,
		     m->id, is, offsets[i], words[i]);
	}
}

/* A program reads what is mapped, or writes a word. */
void model_touch(struct model_space *s, uint64_t address, bool write, uint32_t frame)
{
	enum expected x = model_expect(s, address, write ? RM_ACCESS_WRITE : RM_ACCESS_READ);
	const struct model_region *r = region_at(s, address);
	if (x == X_ANY)
		return;
	if (x == X_WAIT && r) {
		/* What is being copied may still be mapped; what a pager has not given may not. */
		const struct model_dataspace *m = &w.ds[r->dataspace];
		MUST(m->core->copy || s->core->copier, "%#lx is mapped before it came", address);
		return;
	}
	/* The hardware cannot forbid reading what may be written or executed. */
	if (x == X_NO_RIGHT && !write && r->rights)
		return;
	MUST(x == X_OK, "%#lx is mapped for %s although it is %s", address,
	     write ? "writing" : "reading",
	     x == X_NO_REGION  ? "in no region"
	     : x == X_NO_RIGHT ? "not allowed"
	     : x == X_GONE     ? "taken back (I13)"
	                       : "lost");
	struct model_dataspace *m = &w.ds[r->dataspace];
	if (m->device)
		return;
	uint64_t index = r->first + (address - r->start) / PAGE;
	char *content = sim_content(&w.kernel, frame, address / PAGE);
	check_words(m, index, content);
	if (!write)
		return;
	uint64_t words[MODEL_WORDS], value = chance() | 1;
	unsigned int i = (unsigned int)below(MODEL_WORDS);
	words_of(m, index, words);
	keep_index(m, index);
	words[i] = value;
	struct model_page *p = page_at(m, index);
	if (p)
		memcpy(p->words, words, sizeof(words));
	else
		(void)page_add(m, index, words);
	memcpy(content + offsets[i], &value, 8);
}

/* A random address: mostly of a region. */
uint64_t model_address(const struct model_space *s)
{
	if (!s->regions || one_in(40))
		return below(RM_USER_TOP);
	const struct model_region *r = &s->region[below(s->regions)];
	for (unsigned int i = 0; i < s->regions && !r->share && one_in(2); i++)
		r = s->region[i].share ? &s->region[i] : r;
	uint64_t pages = (r->end - r->start) / PAGE;
	uint64_t page = one_in(3) ? below(pages < 4 ? pages : 4) : below(pages < 40 ? pages : 40);
	if (one_in(200))
		page = below(pages);
	if (pages > LARGE_PAGES && one_in(3)) { /* near where large pages begin */
		uint64_t from = LARGE_PAGES - r->start / PAGE % LARGE_PAGES;
		page = from + below(pages / LARGE_PAGES) % 3 * LARGE_PAGES + below(4);
		page = page < pages ? page : pages - 1;
	}
	if (r->flags & RM_REGION_FLAGS_GROWS_DOWN && one_in(4))
		return (r->start - PAGE * (1 + below(one_in(10) ? 300 : 8))) & 0x7ffffffff000;
	return r->start + page * PAGE + 8 * below(512);
}

/* -- laid out ---------------------------------------------------------------------------------- */

uint64_t model_pages(const struct model_space *s)
{
	uint64_t pages = 0;
	for (unsigned int i = 0; i < s->regions; i++) {
		const struct model_region *r = &s->region[i];
		pages += (r->end - r->start) / PAGE;
		if (r->flags & RM_REGION_FLAGS_GROWS_DOWN)
			pages += r->first;
	}
	return pages;
}

/* No access that can be had faults, what a pager has apart. */
void model_check_laid_out(struct model_space *s)
{
	model_follow_growth(s);
	for (unsigned int i = 0; i < s->regions; i++) {
		const struct model_region *r = &s->region[i];
		const struct model_dataspace *m = &w.ds[r->dataspace], *b = &w.ds[m->backing];
		enum rm_access access = r->rights & RM_RIGHT_WRITE  ? RM_ACCESS_WRITE
		                        : r->rights & RM_RIGHT_READ ? RM_ACCESS_READ
		                                                    : RM_ACCESS_EXECUTE;
		if (m->paged || (m->backing && b->paged))
			continue;
		MUST(!(r->flags & RM_REGION_FLAGS_GROWS_DOWN) || r->first == 0 ||
		             r->start <= USER_LOW || region_at(s, r->start - 1) ||
		             model_expect(s, r->start, access) != X_OK,
		     "the region at %#lx could still grow", r->start);
		for (uint64_t at = r->start; at < r->end; at += PAGE) {
			bool write;
			if (model_expect(s, at, access) != X_OK ||
			    (r->share && model_is_poor(s, at)))
				continue;
			uint32_t frame = sim_walk(&w.kernel, s->pml4, at, &write);
			MUST(frame && (write || access != RM_ACCESS_WRITE),
			     "%#lx is not laid out%s", at, frame ? " for writing" : "");
		}
	}
}

/* -- all of it --------------------------------------------------------------------------------- */

static void check_zero(const char *content)
{
	for (unsigned int at = 0; at < PAGE; at += 8) {
		uint64_t is;
		memcpy(&is, content + at, 8);
		MUST(!is || at == offsets[0] || at == offsets[1] || at == offsets[2] ||
		             at == offsets[3],
		     "a page has %#lx at %u, which nobody wrote", is, at);
	}
}

static void check_page(struct model_dataspace *m, uint64_t index, const struct page *page)
{
	uint32_t object = w.kernel.caps[frame_slot(&w.rm, page->frame)].object;
	const char *content = sim_content(&w.kernel, object, index);
	check_words(m, index, content);
	check_zero(content);
}

static void check_dataspace(struct model_dataspace *m)
{
	uint64_t index = 0, key = 0;
	const struct page *page;
	const struct large *large;
	MUST(m->core->size == m->size, "dataspace %#lx has %#lx pages, not %#lx", m->id,
	     m->core->size, m->size);
	for (; (page = (struct page *)radix_next(&m->core->pages, &index)) != NULL; index++) {
		if (index >= m->size || m->device || m->raw)
			break;
		check_page(m, index, page);
	}
	for (; (large = (struct large *)radix_next(&m->core->large, &key)) != NULL; key++)
		for (unsigned int i = 0; i < LARGE_PAGES; i++)
			if (large->has[i / 64] >> i % 64 & 1)
				check_page(m, key * LARGE_PAGES + i, large->page);
	for (uint32_t i = m->pages; i; i = w.pages[i].next)
		MUST(core_has(m, w.pages[i].index), "page %#lx of dataspace %#lx is gone",
		     w.pages[i].index, m->id);
}

/* What does not hold is said with all regions. */
#define MUST_HAVE(x, ...) ((x) ? (void)0 : (tell_space(s), sim_fail(__VA_ARGS__)))

static void check_space(struct model_space *s)
{
	model_follow_growth(s);
	uint64_t pages = 0, core_pages = 0;
	for (unsigned int i = 0; i < s->regions; i++)
		for (uint64_t at = s->region[i].start; at < s->region[i].end;) {
			const struct model_region *r = &s->region[i];
			const struct region *c = core_region(s, at);
			MUST_HAVE(c, "the region at %#lx is gone", at);
			MUST_HAVE(c->rights == r->rights && c->flags == r->flags &&
			                  c->first + (at - c->interval.start) / PAGE ==
			                          r->first + (at - r->start) / PAGE,
			          "the region at %#lx is another", at);
			MUST_HAVE(!r->dataspace || !c->dataspace ||
			                  w.ds[r->dataspace].core == c->dataspace,
			          "the region at %#lx shows another dataspace", at);
			at = c->interval.end;
			pages += (c->interval.end - c->interval.start) / PAGE;
		}
	for (struct interval *i = interval_first(&s->core->regions); i; i = interval_next(i))
		core_pages += (i->end - i->start) / PAGE;
	MUST_HAVE(pages == core_pages, "there are %lu pages of regions, not %lu", core_pages,
	          pages);
}

void model_check(void)
{
	for (unsigned int i = 1; i < MODEL_DATASPACES; i++)
		if (w.ds[i].id && !unsettled(&w.ds[i]))
			check_dataspace(&w.ds[i]);
	for (unsigned int i = 0; i < MODEL_SPACES; i++) {
		const struct object *o = living(w.space[i].id);
		if (o && !o->dying && !w.space[i].unsettled && !w.space[i].core->source)
			check_space(&w.space[i]);
	}
}
