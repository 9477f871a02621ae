/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Requests made up: any that the interface's tables allow, and mostly such as make sense now. What
 * makes sense is read off the core's state, as far as a program could know it.
 */
#include "world.h"
#include <string.h>

/* -- making them up ---------------------------------------------------------------------------- */

static uint64_t some_pages(void)
{
	static const uint16_t sizes[] = { 1, 1, 2, 3, 4, 7, 16, 17, 40, 63, 64, 65, 128, 200, 513 };
	if (one_in(60))
		return 1024 + below(700);
	if (one_in(60))
		return one_in(2) ? RM_PAGES_MAX : chance() >> below(64);
	return sizes[below(sizeof(sizes) / sizeof(sizes[0]))];
}

static uint64_t some_address(const struct model_space *s)
{
	if (s && s->regions && !one_in(4)) {
		const struct model_region *r = &s->region[below(s->regions)];
		uint64_t at = r->start + below(6) * PAGE;
		if (r->end - r->start > 1ull << LARGE_BITS && one_in(2))
			return at + (below(3) << LARGE_BITS) + below(2) * below(LARGE_PAGES) * PAGE;
		return one_in(3) ? r->end : one_in(3) ? r->start : at;
	}
	static const uint64_t bases[] = { 0x400000,      0x5ff000, 0x800000,
		                          0x7ffff000000, 0x10000,  0x7fffffe00000 };
	return bases[below(6)] + below(600) * PAGE;
}

static struct rm_schedule some_schedule(void)
{
	struct rm_schedule s = { .budget_us = 1000,
		                 .period_us = 1000 + (uint32_t)below(3) * 500,
		                 .priority = (uint8_t)below(256),
		                 .priority_max = 200 };
	if (one_in(40))
		s.budget_us = 3000;
	if (!one_in(20))
		s.priority = 100;
	return s;
}

/* -- who may ask for what ---------------------------------------------------------------------- */

static const struct object *object_held(uint32_t held)
{
	const struct object *o = slotmap_get(&w.rm.objects, ID(w.held[held].badge));
	return o && !o->dying ? o : NULL;
}

/* A name that the task may register, or connect to; NULL: there is none. */
static const struct name *name_of(const struct task *t, bool is_up)
{
	for (const struct list *at = list_first(&t->grants); at; at = list_after(&t->grants, at)) {
		const struct name *name = container_of(at, struct grant, task_link)->name;
		if ((name->server != NULL) == is_up)
			return name;
	}
	return NULL;
}

/* A page of its own that the task could have for an IPC buffer; 0: there is none. */
static uint64_t buffer_of(const struct task *t, const struct model_space *s)
{
	unsigned int skip = (unsigned int)below(4);
	for (unsigned int i = 0; i < 2 * s->regions; i++) {
		const struct model_region *r = &s->region[i % s->regions];
		const struct model_dataspace *m = &w.ds[r->dataspace];
		if (!r->dataspace || !slotmap_get(&w.rm.objects, m->id) ||
		    !(r->rights & RM_RIGHT_WRITE) || r->first >= m->size ||
		    m->core->object.bank != t->object.bank || skip-- > 0)
			continue;
		return r->start + below(m->size - r->first < 3 ? m->size - r->first : 3) * PAGE;
	}
	return 0;
}

static bool task_fits(uint8_t method, const struct task *t)
{
	switch (method) {
	case RM_METHOD_NAME_REGISTER:
		return t->state != RM_TASK_STATE_DEAD && name_of(t, false);
	case RM_METHOD_SESSION_CONNECT:
		return t->state != RM_TASK_STATE_DEAD && name_of(t, true);
	case RM_METHOD_NAME_UNREGISTER:
		return !list_is_empty(&t->names);
	case RM_METHOD_THREAD_CREATE: {
		const struct model_space *s = model_space(slotmap_id(&w.rm.objects, t->vspace));
		return t->state != RM_TASK_STATE_DEAD && s && t->thread_count < 6 &&
		       buffer_of(t, s);
	}
	case RM_METHOD_EVENT_NEXT:
		return !list_is_empty(&t->events);
	case RM_METHOD_SESSION_PROBE:
		return !list_is_empty(&t->client_sessions);
	case RM_METHOD_SESSION_SEVER:
		return !list_is_empty(&t->server_sessions) || !list_is_empty(&t->client_sessions);
	case RM_METHOD_TASK_QUERY:
	case RM_METHOD_TASK_WATCH:
	case RM_METHOD_TASK_DESTROY:
		return true;
	default:
		if ((method >= RM_METHOD_SESSION_ACCEPT && method <= RM_METHOD_SESSION_QUERY))
			return !list_is_empty(&t->server_sessions);
		return t->state != RM_TASK_STATE_DEAD;
	}
}

/* A thread of it is a handler. */
static bool has_handler(const struct task *t)
{
	for (const struct list *at = list_first(&t->threads); at; at = list_after(&t->threads, at))
		if (container_of(at, struct thread, link)->handler_endpoint)
			return true;
	return false;
}

static bool fits(uint8_t method, const struct object *o)
{
	switch (o->kind) {
	case KIND_TASK:
		return task_fits(method, (const struct task *)o);
	case KIND_THREAD: {
		const struct thread *t = (const struct thread *)o;
		return method == RM_METHOD_THREAD_START
		               ? t->state == THREAD_NEW && t->task->state != RM_TASK_STATE_DEAD
		       : method == RM_METHOD_THREAD_RESUME ? t->state == THREAD_STOPPED
		       : method == RM_METHOD_HANDLER_CREATE
		               ? t->state != THREAD_NEW && !t->handler_endpoint && !t->handler
		       : method == RM_METHOD_HANDLER_SET ? has_handler(t->task)
		                                         : true;
	}
	case KIND_VSPACE: {
		const struct model_space *s = model_space(slotmap_id(&w.rm.objects, o));
		if (method == RM_METHOD_VSPACE_POPULATE)
			return s && (model_pages(s) < 700 || one_in(50));
		return method != RM_METHOD_VSPACE_FAULT || ((const struct vspace *)o)->handler;
	}
	case KIND_DATASPACE:
		if (method == RM_METHOD_RAW_OPEN)
			return ((const struct dataspace *)o)->kind == RM_DATASPACE_KIND_RAW;
		return method < RM_METHOD_PAGER_OPEN || method > RM_METHOD_PAGER_DETACH ||
		       !((const struct dataspace *)o)->lost;
	default:
		return true;
	}
}

/* One for which the method makes sense, mostly; -1: there is none. */
static int pick_for(uint8_t method, uint8_t kind)
{
	/* Programs with a bank of their own have little to do with each other. */
	if (kind == KIND_BANK && one_in(3))
		return 0;
	uint32_t at = (uint32_t)below(w.held_count);
	for (uint32_t n = 0; n < w.held_count && n < 200; n++, at = (at + 1) % w.held_count) {
		if (w.held[at].kind != kind || !sim_is_held(&w.kernel, w.held[at].cap))
			continue;
		const struct object *o = object_held(at);
		if (o && fits(method, o))
			return (int)at;
	}
	return one_in(40) ? pick(kind) : -1;
}

/* A capability that goes well with the target. */
static bool goes_with(const struct request *r, uint32_t held)
{
	const struct object *o = object_held(r->target), *given = object_held(held);
	if (!o || !given)
		return false;
	const struct dataspace *ds = (const struct dataspace *)given;
	switch (r->method) {
	case RM_METHOD_PAGER_SUPPLY:
		return given->kind == KIND_DATASPACE && ds->kind == RM_DATASPACE_KIND_ANONYMOUS &&
		       ds->resident > 0 && !ds->flags && ds->object.bank == o->bank &&
		       (w.held[held].badge >> FACET_SHIFT & FACET_RIGHTS) == FACET_RIGHTS;
	case RM_METHOD_EVENT_BIND:
		return given->kind == KIND_THREAD &&
		       &((const struct thread *)given)->task->object == o;
	case RM_METHOD_HANDLER_SET:
		return given->kind == KIND_THREAD &&
		       ((const struct thread *)given)->task == ((const struct thread *)o)->task &&
		       ((const struct thread *)given)->handler_endpoint;
	case RM_METHOD_TASK_CREATE:
		return &given->bank->object == o || one_in(4);
	case RM_METHOD_REGION_MAP:
		return given->bank == o->bank || one_in(3);
	default:
		return fits(RM_METHOD_TASK_STOP, given);
	}
}

static int pick_given(const struct request *r, uint8_t kind)
{
	if (r->method == RM_METHOD_THREAD_SET_HANDLER)
		return pick(HELD_SESSION);
	if (kind == KIND_BANK && one_in(3))
		return 0;
	uint32_t at = (uint32_t)below(w.held_count);
	for (uint32_t n = 0; n < w.held_count && n < 200; n++, at = (at + 1) % w.held_count)
		if (w.held[at].kind == kind && sim_is_held(&w.kernel, w.held[at].cap) &&
		    goes_with(r, at))
			return (int)at;
	return one_in(20) ? pick(kind) : -1;
}

static unsigned int some_name(char *text)
{
	static const char *const names[] = { "a", "log", "fs", "net", "x.y" };
	const char *name = names[below(5)];
	unsigned int length = (unsigned int)strlen(name);
	memcpy(text, name, length);
	return length;
}

/* Any body that the interface allows, mostly: by its tables. */
static void any_body(struct request *r, const struct proto_method *m)
{
	unsigned char *bytes = (unsigned char *)r->words;
	r->length = m->in.words_min;
	for (unsigned int i = 0; i < m->in.fields_count; i++) {
		const struct proto_field *f = &m->in.fields[i];
		unsigned int count = f->count;
		if (f->count_offset != PROTO_FIXED) {
			count = f->count_min + (unsigned int)below(f->count - f->count_min + 1u);
			uint16_t n = (uint16_t)count;
			memcpy(bytes + f->count_offset, &n, 2);
			unsigned int length = (f->offset + count * f->stride + 7u) / 8;
			r->length = length > r->length ? length : r->length;
		}
		for (unsigned int e = 0; e < count; e++) {
			uint64_t span = f->high - f->low + 1, value;
			value = f->low + (span ? below(span) : chance());
			if (f->kind == PROTO_FLAGS)
				value = chance() & f->high;
			else if (f->kind == PROTO_ID)
				value = one_in(8) ? chance() >> 4 : w.recent[below(32)];
			else if (f->kind == PROTO_TEXT)
				value = 'a' + below(26);
			else if (one_in(3))
				value = f->low + below(span && span < 64 ? span : 64);
			if (f->step > 1)
				value -= value % f->step;
			if (one_in(200))
				value = chance();
			memcpy(bytes + f->offset + e * f->stride, &value, f->size);
		}
	}
}

static void put(struct request *r, const void *body, size_t bytes)
{
	memset(r->words, 0, sizeof(r->words));
	memcpy(r->words, body, bytes);
	r->length = (unsigned int)(bytes + 7) / 8;
}
#define PUT(r, body) put(r, &(body), sizeof(body))
#define PUT_TEXT(r, body, text) put(r, &(body), offsetof(typeof(body), text) + (body).text##_count)

static struct model_space *space_of(uint32_t held)
{
	return model_space(ID(w.held[held].badge));
}

static uint64_t free_pages(uint32_t held)
{
	const struct object *o = slotmap_get(&w.rm.objects, ID(w.held[held].badge));
	const struct bank *b = (const struct bank *)o;
	return o && o->kind == KIND_BANK ? b->limit - b->used : 0;
}

/* Bodies that make sense, of what is asked most. False: the tables' will do. */
static bool memory_body(struct request *r)
{
	switch (r->method) {
	case RM_METHOD_BANK_CREATE: {
		uint64_t most = free_pages(r->target);
		uint64_t limit = below(one_in(6) ? most + 2 : most / 3 + 1);
		struct rm_bank_create_in in = { .limit = limit * PAGE,
			                        .guarantee = one_in(4) ? limit / 8 * PAGE : 0,
			                        .pin_limit = limit / 3 * PAGE,
			                        .priority_max =
			                                (uint8_t)(253 - below(3) * below(60)),
			                        .privileged = one_in(3) };
		PUT(r, in);
		return true;
	}
	case RM_METHOD_BANK_TRANSFER: {
		struct rm_bank_transfer_in in = { .limit = below(free_pages(r->target) / 4 + 2) *
			                                   PAGE };
		PUT(r, in);
		return true;
	}
	case RM_METHOD_DATASPACE_CREATE: {
		struct rm_dataspace_create_in in = { .size = some_pages(), .align = 12 };
		if (one_in(5))
			in.flags = RM_DATASPACE_FLAGS_PINNED;
		if (one_in(12))
			in.flags = RM_DATASPACE_FLAGS_PINNED | RM_DATASPACE_FLAGS_CONTIGUOUS;
		if (one_in(3))
			in.align = (uint8_t)(12 + below(6));
		PUT(r, in);
		return true;
	}
	case RM_METHOD_DATASPACE_CREATE_DEVICE: {
		struct rm_dataspace_create_device_in in = { .size = 1 + below(6),
			                                    .caching = (uint8_t)(1 + below(3)) };
		in.physical = DEVICES + below(3) * (1 << 20) + below(8) * PAGE;
		if (one_in(20))
			in.physical = below(1 << 20) * PAGE;
		PUT(r, in);
		return true;
	}
	case RM_METHOD_DATASPACE_RESIZE: {
		struct rm_dataspace_resize_in in = { .size = one_in(9) ? 0 : some_pages() };
		const struct model_dataspace *m = model_dataspace(ID(w.held[r->target].badge));
		if (m && m->size > LARGE_PAGES && m->size < 8 * LARGE_PAGES && one_in(2))
			in.size = m->size - below(LARGE_PAGES);
		PUT(r, in);
		return true;
	}
	case RM_METHOD_DATASPACE_CLONE: {
		const struct model_dataspace *m = model_dataspace(ID(w.held[r->target].badge));
		struct rm_dataspace_clone_in in = { .size = m && m->size ? m->size : 1 };
		if (one_in(3)) {
			in.first = below(in.size);
			if (in.size > LARGE_PAGES && one_in(2))
				in.first -= in.first % LARGE_PAGES;
			in.size = 1 + below(in.size - in.first);
		}
		PUT(r, in);
		return true;
	}
	default:
		return false;
	}
}

static bool raw_body(struct request *r)
{
	const struct model_dataspace *m = model_dataspace(ID(w.held[r->target].badge));
	if (r->method == RM_METHOD_RAW_CREATE)
		r->words[0] = one_in(4) ? some_pages() : 1 + below(12);
	else if (r->method == RM_METHOD_RAW_OPEN)
		r->words[0] = below(m && m->size && m->size < 12 ? m->size : 12);
	else
		return false;
	r->length = 1;
	return true;
}

static bool pager_body(struct request *r)
{
	switch (r->method) {
	case RM_METHOD_PAGER_CREATE: {
		struct rm_pager_create_in in = { .size = some_pages(),
			                         .cookie = chance(),
			                         .deadline = (uint32_t)(1 + below(1000)) };
		PUT(r, in);
		return true;
	}
	case RM_METHOD_PAGER_OPEN: {
		struct rm_pager_open_in in = { .rights = one_in(3) ? 1 : 7 };
		PUT(r, in);
		return true;
	}
	case RM_METHOD_PAGER_SUPPLY: {
		struct rm_pager_supply_in in = { .first = below(8),
			                         .count = 1 + below(8),
			                         .from = below(8) };
		const struct object *o = object_held(r->target), *from = object_held(r->cap[0]);
		if (o && o->kind == KIND_DATASPACE && from && from->kind == KIND_DATASPACE &&
		    !one_in(6)) {
			/* What is waited for, from what there is. */
			const struct dataspace *ds = (const struct dataspace *)o;
			const struct dataspace *source = (const struct dataspace *)from;
			const struct list *link = list_first(&ds->waiters);
			in.first = link ? container_of(link, struct fault, link)->page : below(4);
			in.from = 0;
			(void)radix_next(&source->pages, &in.from);
			in.count = 1;
			while (in.count < 9 && radix_get(&source->pages, in.from + in.count))
				in.count++;
			while (in.count > 1 && in.first + in.count > ds->size)
				in.count--;
		} else if (one_in(6)) {
			in.count = 1 + below(70);
		}
		PUT(r, in);
		return true;
	}
	case RM_METHOD_PAGER_FAIL: {
		struct rm_pager_fail_in in = { .first = below(4),
			                       .count = 1 + below(4),
			                       .error = 1 };
		PUT(r, in);
		return true;
	}
	default:
		return false;
	}
}

static bool space_body(struct request *r)
{
	const struct model_space *s = space_of(r->target);
	switch (r->method) {
	case RM_METHOD_REGION_MAP: {
		struct model_dataspace *m = model_dataspace(ID(w.held[r->cap[0]].badge));
		uint64_t size = m && m->size && !one_in(20) ? m->size : some_pages();
		struct rm_region_map_in in = { .start = some_address(s),
			                       .size = size,
			                       .rights = (uint8_t)(one_in(3) ? 1 + below(7) : 3),
			                       .inherit = (uint8_t)(1 + below(3)) };
		if (one_in(3) && size < RM_PAGES_MAX) {
			in.first = below(size);
			in.size = 1 + below(size - in.first);
		}
		in.flags = (uint8_t)(below(16) & below(16));
		if (in.flags & RM_REGION_FLAGS_GROWS_DOWN && m && m->size > 4) {
			in.first = m->size - 2;
			in.size = 2;
		}
		in.start -= in.start % PAGE;
		if (s && s->regions > MODEL_REGIONS / 3)
			return false;
		PUT(r, in);
		return true;
	}
	case RM_METHOD_REGION_UNMAP: {
		struct rm_region_unmap_in in = { .start = some_address(s), .size = some_pages() };
		if (s && s->regions > MODEL_REGIONS / 2) { /* not one more */
			const struct model_region *one = &s->region[below(s->regions)];
			in.start = one->start;
			in.size = (one->end - one->start) / PAGE;
		}
		PUT(r, in);
		return true;
	}
	case RM_METHOD_REGION_PROTECT: {
		struct rm_region_protect_in in = { .start = some_address(s),
			                           .size = 1 + below(6),
			                           .rights = (uint8_t)below(8) };
		if (s && s->regions > MODEL_REGIONS / 2)
			return false;
		PUT(r, in);
		return true;
	}
	case RM_METHOD_VSPACE_FAULT: {
		struct rm_vspace_fault_in in = { .at = s ? model_address(s) & ~7ull : 0,
			                         .token = chance(),
			                         .access = (uint8_t)(1 + below(3)) };
		PUT(r, in);
		return true;
	}
	case RM_METHOD_VSPACE_READ: {
		struct rm_vspace_read_in in = { .at = s ? model_address(s) & ~7ull : 0,
			                        .count = (uint16_t)(1 + below(100)) };
		PUT(r, in);
		return true;
	}
	case RM_METHOD_REGION_QUERY: {
		struct rm_region_query_in in = { .at = some_address(s) };
		PUT(r, in);
		return true;
	}
	default:
		return false;
	}
}

static bool thread_body(struct request *r)
{
	switch (r->method) {
	case RM_METHOD_THREAD_CREATE: {
		const struct object *o = object_held(r->target);
		const struct task *t = (const struct task *)o;
		const struct model_space *s =
		        o && o->kind == KIND_TASK
		                ? model_space(slotmap_id(&w.rm.objects, t->vspace))
		                : NULL;
		struct rm_thread_create_in in = { .schedule = some_schedule() };
		in.buffer = s && !one_in(12) ? buffer_of(t, s)
		            : s              ? model_address(s) & 0x7ffffffff000
		                             : 0x400000;
		PUT(r, in);
		return true;
	}
	case RM_METHOD_THREAD_START: {
		/* On its buffer's page, which it has pinned: so it can become a handler. */
		const struct thread *t = (const struct thread *)object_held(r->target);
		if (!t || t->object.kind != KIND_THREAD || one_in(3))
			return false;
		struct rm_thread_start_in in = { .entry = t->buffer_address + 0x800,
			                         .stack = t->buffer_address + 0xff8 };
		PUT(r, in);
		return true;
	}
	case RM_METHOD_HANDLER_CREATE: {
		const struct thread *t = (const struct thread *)object_held(r->target);
		if (!t || t->object.kind != KIND_THREAD)
			return false;
		const struct model_space *s =
		        model_space(slotmap_id(&w.rm.objects, t->task->vspace));
		struct rm_handler_create_in in = {
			.stack = (s && one_in(4) ? buffer_of(t->task, s) : t->buffer_address) +
			         0xff8,
		};
		PUT(r, in);
		return true;
	}
	case RM_METHOD_THREAD_PIN: {
		const struct thread *t = (const struct thread *)object_held(r->target);
		const struct model_space *s =
		        t && t->object.kind == KIND_THREAD
		                ? model_space(slotmap_id(&w.rm.objects, t->task->vspace))
		                : NULL;
		struct rm_thread_pin_in in = { .count = (uint16_t)(1 + below(3)) };
		in.start = s && !one_in(8) ? buffer_of(t->task, s)
		           : s             ? model_address(s) & 0x7ffffffff000
		                           : 0x400000;
		PUT(r, in);
		return true;
	}
	case RM_METHOD_THREAD_SCHEDULE: {
		struct rm_thread_schedule_in in = { .schedule = some_schedule() };
		PUT(r, in);
		return true;
	}
	default:
		return false;
	}
}

static bool task_body(struct request *r)
{
	switch (r->method) {
	case RM_METHOD_TASK_PROBE: {
		struct rm_task_probe_in in = { .deadline = (uint32_t)(1 + below(1000)) };
		PUT(r, in);
		return true;
	}
	case RM_METHOD_TASK_CREATE: {
		struct rm_task_create_in in = { .slot_bits =
			                                (uint8_t)(4 + below(one_in(9) ? 8 : 4)) };
		in.name_count = (uint16_t)some_name(in.name);
		PUT_TEXT(r, in, name);
		return true;
	}
	case RM_METHOD_TASK_GIVE: {
		struct rm_task_give_in in = { .slot = (uint32_t)(2 + below(one_in(8) ? 300 : 14)) };
		PUT(r, in);
		return true;
	}
	case RM_METHOD_INTERRUPT_CREATE: {
		struct rm_interrupt_create_in in = { .pin = (uint8_t)below(26) };
		PUT(r, in);
		return true;
	}
	case RM_METHOD_TASK_WATCH:
	case RM_METHOD_TASK_UNWATCH:
		r->words[0] = below(5);
		r->length = 1;
		return true;
	default:
		return false;
	}
}

/* A name that the task may do that with, mostly. */
static unsigned int aimed_name(const struct request *r, char *text)
{
	const struct object *o = object_held(r->target);
	if (!o || o->kind != KIND_TASK || one_in(10))
		return some_name(text);
	const struct task *t = (const struct task *)o;
	const struct name *name = name_of(t, r->method == RM_METHOD_SESSION_CONNECT);
	if (r->method == RM_METHOD_NAME_UNREGISTER && !list_is_empty(&t->names))
		name = container_of(list_first(&t->names), struct name, server_link);
	if (!name)
		return some_name(text);
	unsigned int length = (unsigned int)strlen(name->text);
	memcpy(text, name->text, length);
	return length;
}

static bool name_body(struct request *r)
{
	switch (r->method) {
	case RM_METHOD_NAME_GRANT: {
		struct rm_name_grant_in in = { .rights = one_in(8) ? 0 : 3 };
		in.name_count = (uint16_t)some_name(in.name);
		PUT_TEXT(r, in, name);
		return true;
	}
	case RM_METHOD_NAME_REGISTER: {
		struct rm_name_register_in in = { .deadline = (uint32_t)(1 + below(2000)),
			                          .version = 1 };
		in.name_count = (uint16_t)aimed_name(r, in.name);
		PUT_TEXT(r, in, name);
		return true;
	}
	case RM_METHOD_NAME_UNREGISTER:
	case RM_METHOD_NAME_QUERY: {
		struct rm_name_query_in in = { 0 };
		in.name_count = (uint16_t)aimed_name(r, in.name);
		PUT_TEXT(r, in, name);
		return true;
	}
	case RM_METHOD_NAME_WATCH: {
		struct rm_name_watch_in in = { .cookie = below(4) };
		in.name_count = (uint16_t)aimed_name(r, in.name);
		PUT_TEXT(r, in, name);
		return true;
	}
	case RM_METHOD_SESSION_CONNECT: {
		struct rm_session_connect_in in = { .version = one_in(20) ? 2 : 1,
			                            .limit = (below(60) + (one_in(6) ? 0 : 8)) *
			                                     PAGE };
		uint64_t most = free_pages(w.held[r->cap[0]].kind == KIND_BANK ? r->cap[0] : 0);
		if (in.limit > most * PAGE && !one_in(8))
			in.limit = most / 2 * PAGE;
		in.name_count = (uint16_t)aimed_name(r, in.name);
		PUT_TEXT(r, in, name);
		return true;
	}
	default:
		return false;
	}
}

/* How often each method is asked, of those that are served. */
static const struct {
	uint8_t method, weight;
} weights[] = {
	{ RM_METHOD_BANK_CREATE, 6 },
	{ RM_METHOD_BANK_DESTROY, 1 },
	{ RM_METHOD_BANK_TRANSFER, 2 },
	{ RM_METHOD_BANK_QUERY, 1 },
	{ RM_METHOD_DATASPACE_CREATE, 20 },
	{ RM_METHOD_DATASPACE_CLONE, 6 },
	{ RM_METHOD_DATASPACE_RESIZE, 5 },
	{ RM_METHOD_DATASPACE_DESTROY, 5 },
	{ RM_METHOD_DATASPACE_QUERY, 1 },
	{ RM_METHOD_DATASPACE_CREATE_DEVICE, 3 },
	{ RM_METHOD_DATASPACE_RESTRICT, 3 },
	{ RM_METHOD_DATASPACE_PHYSICAL, 1 },
	{ RM_METHOD_RAW_CREATE, 4 },
	{ RM_METHOD_RAW_OPEN, 12 },
	{ RM_METHOD_PAGER_CREATE, 4 },
	{ RM_METHOD_PAGER_OPEN, 4 },
	{ RM_METHOD_PAGER_SUPPLY, 8 },
	{ RM_METHOD_PAGER_FAIL, 2 },
	{ RM_METHOD_PAGER_DETACH, 1 },
	{ RM_METHOD_VSPACE_CREATE, 4 },
	{ RM_METHOD_VSPACE_CLONE, 3 },
	{ RM_METHOD_VSPACE_DESTROY, 1 },
	{ RM_METHOD_VSPACE_SET_PAGER, 2 },
	{ RM_METHOD_REGION_MAP, 30 },
	{ RM_METHOD_REGION_UNMAP, 12 },
	{ RM_METHOD_REGION_PROTECT, 8 },
	{ RM_METHOD_REGION_QUERY, 1 },
	{ RM_METHOD_VSPACE_READ, 3 },
	{ RM_METHOD_VSPACE_FAULT, 6 },
	{ RM_METHOD_VSPACE_POPULATE, 3 },
	{ RM_METHOD_TASK_CREATE, 6 },
	{ RM_METHOD_TASK_GIVE, 4 },
	{ RM_METHOD_TASK_QUERY, 1 },
	{ RM_METHOD_TASK_STOP, 1 },
	{ RM_METHOD_TASK_RESUME, 4 },
	{ RM_METHOD_TASK_DESTROY, 1 },
	{ RM_METHOD_TASK_WATCH, 3 },
	{ RM_METHOD_TASK_UNWATCH, 2 },
	{ RM_METHOD_TASK_EXIT, 1 },
	{ RM_METHOD_REPLY_CREATE, 4 },
	{ RM_METHOD_THREAD_CREATE, 16 },
	{ RM_METHOD_THREAD_SCHEDULE, 2 },
	{ RM_METHOD_THREAD_SET_HANDLER, 1 },
	{ RM_METHOD_THREAD_START, 14 },
	{ RM_METHOD_THREAD_STOP, 1 },
	{ RM_METHOD_THREAD_RESUME, 3 },
	{ RM_METHOD_THREAD_DESTROY, 1 },
	{ RM_METHOD_THREAD_READ_REGISTERS, 1 },
	{ RM_METHOD_THREAD_WRITE_REGISTERS, 1 },
	{ RM_METHOD_THREAD_OBJECT, 1 },
	{ RM_METHOD_THREAD_PIN, 4 },
	{ RM_METHOD_HANDLER_CREATE, 10 },
	{ RM_METHOD_HANDLER_SET, 10 },
	{ RM_METHOD_THREAD_FAULT, 1 },
	{ RM_METHOD_NAME_GRANT, 8 },
	{ RM_METHOD_NAME_REGISTER, 8 },
	{ RM_METHOD_NAME_UNREGISTER, 2 },
	{ RM_METHOD_NAME_QUERY, 1 },
	{ RM_METHOD_NAME_WATCH, 3 },
	{ RM_METHOD_SESSION_CONNECT, 14 },
	{ RM_METHOD_SESSION_ACCEPT, 10 },
	{ RM_METHOD_SESSION_REFUSE, 2 },
	{ RM_METHOD_SESSION_BANK, 3 },
	{ RM_METHOD_SESSION_SEVER, 4 },
	{ RM_METHOD_SESSION_ACKNOWLEDGE, 4 },
	{ RM_METHOD_SESSION_MINT_ENDPOINT, 4 },
	{ RM_METHOD_NOTIFICATION_CREATE, 4 },
	{ RM_METHOD_SESSION_MINT_NOTIFICATION, 4 },
	{ RM_METHOD_SESSION_REVOKE_ROOT, 2 },
	{ RM_METHOD_SESSION_ROOTS, 1 },
	{ RM_METHOD_SESSION_QUERY, 1 },
	{ RM_METHOD_SESSION_PROBE, 2 },
	{ RM_METHOD_TASK_PROBE, 6 },
	{ RM_METHOD_EVENT_NEXT, 24 },
	{ RM_METHOD_EVENT_NOTIFICATION, 2 },
	{ RM_METHOD_EVENT_BIND, 2 },
	{ RM_METHOD_THREAD_GIVE_UP_CONTEXT, 8 },
	{ RM_METHOD_MEMORY_QUERY, 1 },
	{ RM_METHOD_PORTS_CREATE, 1 },
	{ RM_METHOD_INTERRUPT_CREATE, 1 },
};

static uint8_t some_method(void)
{
	enum { N = sizeof(weights) / sizeof(weights[0]) };
	static uint16_t total;
	if (!total)
		for (unsigned int i = 0; i < N; i++)
			total += weights[i].weight;
	if (one_in(100))
		return (uint8_t)below(rm_interface.methods_count + 2);
	uint64_t at = below(total);
	for (unsigned int i = 0; i < N; i++) {
		if (at < weights[i].weight)
			return weights[i].method;
		at -= weights[i].weight;
	}
	return 1;
}

/* The session whose server, or client, a task is: what it may be asked about. */
static void aim_at_session(struct request *r)
{
	const struct object *o = slotmap_get(&w.rm.objects, ID(w.held[r->target].badge));
	if (!o || o->kind != KIND_TASK || one_in(10))
		return;
	const struct task *t = (const struct task *)o;
	bool server = r->method != RM_METHOD_SESSION_PROBE &&
	              !(r->method == RM_METHOD_SESSION_SEVER && one_in(2));
	const struct list *list = server ? &t->server_sessions : &t->client_sessions;
	uint64_t skip = below(4);
	const struct session *s = NULL;
	for (struct list *at = list_first(list); at && (!s || skip-- > 0);
	     at = list_after(list, at))
		s = server ? container_of(at, struct session, server_link)
		           : container_of(at, struct session, client_link);
	if (!s)
		return;
	r->words[0] = slotmap_id(&w.rm.objects, s);
	if (r->method == RM_METHOD_SESSION_REVOKE_ROOT && !list_is_empty(&s->roots))
		r->words[1] = slotmap_id(&w.rm.objects,
		                         container_of(list_last(&s->roots), struct root, link));
	if (r->method == RM_METHOD_SESSION_MINT_NOTIFICATION && !list_is_empty(&s->notifications))
		r->words[1] = slotmap_id(&w.rm.objects, container_of(list_last(&s->notifications),
		                                                     struct notification, link));
}

static bool is_of_session(uint8_t method)
{
	return (method >= RM_METHOD_SESSION_ACCEPT && method <= RM_METHOD_SESSION_QUERY) ||
	       method == RM_METHOD_SESSION_PROBE;
}

/* What must not happen: the first program is not ended, the machine not switched off. */
static bool is_wise(const struct request *r)
{
	bool first = w.held[r->target].keep ||
	             ID(w.held[r->target].badge) == slotmap_id(&w.rm.objects, w.task) ||
	             ID(w.held[r->target].badge) == slotmap_id(&w.rm.objects, w.vspace);
	switch (r->method) {
	case RM_METHOD_VSPACE_DESTROY:
	case RM_METHOD_TASK_DESTROY:
	case RM_METHOD_TASK_EXIT:
		return !first;
	case RM_METHOD_SYSTEM_SEAL:
		return one_in(200);
	case RM_METHOD_NAME_REGISTER:
	case RM_METHOD_VSPACE_SET_PAGER:
	case RM_METHOD_PAGER_CREATE:
		return true;
	default:
		return true;
	}
}

static bool try_make_up(struct request *r)
{
	*r = (struct request){ .method = some_method() };
	/* The model has room for so many. */
	bool crowded = model_is_crowded();
	if (crowded &&
	    (r->method == RM_METHOD_VSPACE_CREATE || r->method == RM_METHOD_VSPACE_CLONE ||
	     r->method == RM_METHOD_DATASPACE_CREATE || r->method == RM_METHOD_DATASPACE_CLONE ||
	     r->method == RM_METHOD_RAW_CREATE))
		r->method = one_in(2) ? RM_METHOD_VSPACE_DESTROY : RM_METHOD_BANK_DESTROY;
	const struct proto_method *m = r->method < rm_interface.methods_count
	                                       ? &rm_interface.methods[r->method]
	                                       : &rm_interface.methods[0];
	int target = one_in(40)                 ? pick(m->target ? m->target : KIND_BANK)
	             : m->target && !one_in(60) ? pick_for(r->method, m->target)
	                                        : pick(w.held[below(w.held_count)].kind);
	if (target < 0 || w.kernel.caps[w.held[target].cap].type != SIM_ENDPOINT ||
	    w.kernel.caps[w.held[target].cap].object != w.rm_object)
		return false;
	r->target = (uint32_t)target;
	r->caps = one_in(100) ? (unsigned int)below(4) : m->caps_in;
	for (unsigned int i = 0; i < r->caps; i++) {
		uint8_t kind = m->cap_kinds[i] && !one_in(60) ? m->cap_kinds[i]
		                                              : w.held[below(w.held_count)].kind;
		int given = one_in(30) ? pick(kind) : pick_given(r, kind);
		if (given < 0)
			return false;
		r->cap[i] = (uint32_t)given;
	}
	bool rough = one_in(12) || r->caps != m->caps_in;
	if (rough || !(memory_body(r) || raw_body(r) || pager_body(r) || space_body(r) ||
	               task_body(r) || thread_body(r) || name_body(r)))
		any_body(r, m);
	if (is_of_session(r->method) || r->method == RM_METHOD_NOTIFICATION_CREATE)
		aim_at_session(r);
	if (one_in(150))
		r->length = (unsigned int)below(8);
	if (one_in(150))
		r->words[below(8)] ^= 1ull << below(64);
	return is_wise(r);
}

bool make_up(struct request *r)
{
	for (unsigned int i = 0; i < 8; i++)
		if (try_make_up(r))
			return true;
	return false;
}
