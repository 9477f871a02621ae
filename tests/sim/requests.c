/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Requests to rm: made up at random, sent with a capability that somebody holds, and what follows
 * from their answers, which may come much later.
 */
#include "world.h"
#include <stdlib.h>
#include <string.h>

/* -- what is held ------------------------------------------------------------------------------- */

uint32_t hold(uint32_t from, uint8_t kind, uint64_t badge)
{
	if (w.held_count == HELD_MAX) {
		uint32_t i;
		do
			i = (uint32_t)below(HELD_MAX);
		while (w.held[i].keep);
		drop(i);
	}
	w.held[w.held_count] = (struct held){ .cap = sim_hold(&w.kernel, from), .kind = kind,
		                              .badge = badge };
	return w.held_count++;
}

void drop(uint32_t index)
{
	sim_drop(&w.kernel, w.held[index].cap);
	w.held[index] = w.held[--w.held_count];
}

/* Of objects of rm: what they are; of those that are gone, and of others, what they were. */
int pick(uint8_t kind)
{
	if (!w.held_count)
		return -1;
	uint32_t at = (uint32_t)below(w.held_count);
	for (uint32_t n = 0; n < w.held_count; n++, at = (at + 1) % w.held_count)
		if (w.held[at].kind == kind && sim_is_held(&w.kernel, w.held[at].cap))
			return (int)at;
	return -1;
}

static void remember(uint64_t id)
{
	w.recent[below(32)] = id;
}

static uint8_t kind_of_badge(uint64_t badge)
{
	const struct object *o = slotmap_get(&w.rm.objects, badge << 4 >> 4);
	if (!o)
		return HELD_OTHER;
	return o->kind == KIND_DATASPACE && badge >> FACET_SHIFT & FACET_OTHER ? KIND_PAGER : o->kind;
}

/* -- answers --------------------------------------------------------------------------------------- */

static struct model_dataspace *made_dataspace(uint64_t badge, uint16_t backing)
{
	struct object *o = slotmap_get(&w.rm.objects, badge << 4 >> 4);
	MUST(o && o->kind == KIND_DATASPACE, "the dataspace that was made is not there");
	return model_dataspace_new((struct dataspace *)o, backing);
}

static struct model_space *made_space(uint64_t badge)
{
	struct object *o = slotmap_get(&w.rm.objects, badge << 4 >> 4);
	MUST(o && o->kind == KIND_VSPACE, "the address space that was made is not there");
	return model_space_new((struct vspace *)o);
}

#define ID(badge) ((badge) << 4 >> 4)

/* A capability came with an answer. */
static void take_cap(const struct sent *s, uint32_t cap, const uint64_t *words)
{
	const struct sim_cap *c = &w.kernel.caps[cap];
	if (c->type == SIM_ENDPOINT && c->object == w.rm_object) {
		(void)hold(cap, kind_of_badge(c->badge), c->badge);
		return;
	}
	uint64_t session = 0;
	uint8_t kind = HELD_OTHER;
	switch (s->method) {
	case RM_METHOD_SESSION_CONNECT:
		session = words[0];
		kind = HELD_SESSION;
		break;
	case RM_METHOD_SESSION_MINT_ENDPOINT:
		session = s->words[0];
		kind = HELD_SESSION;
		break;
	case RM_METHOD_NAME_REGISTER:
		kind = HELD_SERVER;
		break;
	case RM_METHOD_REPLY_CREATE:
		kind = HELD_REPLY;
		break;
	case RM_METHOD_SESSION_MINT_NOTIFICATION:
		session = s->words[0];
		kind = HELD_SIGNAL;
		break;
	default:
		break;
	}
	(void)hold(cap, kind, session);
}

/* After a session was severed nothing of it is left, nor anything that was sent with it (I7). */
static void check_severed(uint64_t session)
{
	for (uint32_t i = 0; i < w.held_count; i++)
		MUST(w.held[i].badge != session || w.held[i].kind < HELD_SESSION ||
		             !sim_is_held(&w.kernel, w.held[i].cap),
		     "a capability of session %#lx outlives it (I7)", session);
	for (uint32_t i = 1; i < SIM_CALLS; i++)
		MUST(w.kernel.calls[i].state != SIM_CALL_QUEUED || w.kernel.calls[i].badge != session,
		     "a message of session %#lx is still queued (I7)", session);
}

static void answered_late(struct sent *s, bool well, uint32_t cap)
{
	uint64_t badge = cap ? w.kernel.caps[cap].badge : 0;
	struct model_dataspace *ds;
	switch (s->method) {
	case RM_METHOD_DATASPACE_CREATE:
		if (well)
			(void)made_dataspace(badge, 0);
		break;
	case RM_METHOD_DATASPACE_CLONE:
		ds = model_dataspace(ID(s->badge));
		if (!well)
			break;
		MUST(ds, "a clone of what is gone");
		model_copy(made_dataspace(badge, 0), ds, s->words[0], s->words[1]);
		break;
	case RM_METHOD_DATASPACE_RESIZE:
		ds = model_dataspace(ID(s->badge));
		if (ds)
			ds->trims = false;
		break;
	case RM_METHOD_VSPACE_CREATE:
		if (well)
			(void)made_space(badge);
		break;
	case RM_METHOD_VSPACE_CLONE:
		if (!well)
			break;
		MUST(model_space(ID(s->badge)), "a clone of an address space that is gone");
		model_clone(made_space(badge), model_space(ID(s->badge)));
		break;
	case RM_METHOD_SESSION_SEVER:
		if (well)
			check_severed(s->words[0]);
		break;
	case RM_METHOD_PAGER_CREATE:
		if (well)
			(void)made_dataspace(badge, 0);
		break;
	default:
		break;
	}
}

static void map_answered(const struct sent *s, const uint64_t *words)
{
	struct rm_region_map_in in;
	memcpy(&in, s->words, sizeof(in));
	uint8_t rights = s->cap_badges[0] >> FACET_SHIFT & FACET_RIGHTS;
	if (in.flags & RM_REGION_FLAGS_PRIVATE && rights & RM_RIGHT_READ)
		rights |= RM_RIGHT_WRITE;
	struct model_space *space = model_space(ID(s->badge));
	struct model_dataspace *ds = model_dataspace(ID(s->cap_badges[0]));
	MUST(space && ds, "a region of what is gone");
	MUST(!(in.flags & RM_REGION_FLAGS_FIXED) || words[0] == in.start,
	     "a region elsewhere than asked for");
	model_map(space, &in, words[0], ds, rights);
}

static void ids_answered(const struct sent *s, const uint64_t *words)
{
	switch (s->method) {
	case RM_METHOD_SESSION_CONNECT:
	case RM_METHOD_SESSION_MINT_ENDPOINT:
	case RM_METHOD_SESSION_MINT_NOTIFICATION:
	case RM_METHOD_NOTIFICATION_CREATE:
		remember(words[0]);
		break;
	case RM_METHOD_EVENT_NEXT:
		if ((uint16_t)words[0] > 0) {
			uint64_t record[RM_EVENT_WORDS_MAX];
			memcpy(record, words + 1, sizeof(record));
			if ((uint32_t)record[0] == PROTO_LABEL_BASE + RM_EVENT_SESSION_OPENED)
				remember(record[1]);
		}
		break;
	default:
		break;
	}
}

static bool is_declared(uint8_t method, uint64_t label)
{
	const struct proto_method *m = &rm_interface.methods[method];
	uint64_t declared = m->serve ? m->errors | PROTO_ERRORS_COMMON : PROTO_ERRORS_COMMON;
	return label < 64 ? label == 0 : label < 128 && declared >> (label - 64) & 1;
}

void sim_answered(uint32_t user, uint64_t label, const uint64_t *words, unsigned int length,
                  uint32_t cap, bool cancelled)
{
	struct sent *s = &w.sent[user];
	MUST(s->used, "a caller is answered a second time (I8)");
	if (w.verbose || s->is_call) {
		char line[600];
		if (s->is_call)
			note("a call from step %lu ends with %lu%s", s->step, label,
			     cancelled ? ", cancelled" : "");
		else if (w.verbose) {
			(void)proto_trace_reply(&rm_interface, s->label, label, words, length, line,
			                        sizeof(line));
			note("%s (of step %lu)", line, s->step);
		}
	}
	w.answers++;
	s->answer = label;
	s->used = false;
	w.waiting--;
	if (s->is_call)
		return;
	MUST(!cancelled, "a request from step %lu is never answered (I8)", s->step);
	MUST(is_declared(s->method, label), "an answer that is not declared: %lu to method %u", label,
	     s->method);
	w.method_ok[s->method] += label == 0;
	w.errors[label & 63]++;
	if (label == 0)
		ids_answered(s, words);
	answered_late(s, label == 0, cap);
	if (label == 0 && s->method == RM_METHOD_REGION_MAP)
		map_answered(s, words);
	if (cap)
		take_cap(s, cap, words);
}

/* -- sending ------------------------------------------------------------------------------------------ */

static uint32_t sent_new(void)
{
	for (uint32_t i = 0; i < SENT_MAX; i++)
		if (!w.sent[i].used) {
			w.sent[i] = (struct sent){ .used = true, .step = w.step };
			w.waiting++;
			return i;
		}
	sim_fail("the simulation has no more requests");
}

/* Before what may change a page that others look through to. */
static void before(const struct sent *s)
{
	struct model_dataspace *ds = model_dataspace(ID(s->badge));
	if (!ds)
		return;
	if (s->method == RM_METHOD_DATASPACE_RESIZE || s->method == RM_METHOD_PAGER_SUPPLY ||
	    s->method == RM_METHOD_DATASPACE_DESTROY)
		model_keep_shadows(ds);
	struct model_dataspace *from = model_dataspace(ID(s->cap_badges[0]));
	if (s->method == RM_METHOD_PAGER_SUPPLY && from)
		model_keep_shadows(from);
}

/* It was taken: what holds from now on, whenever the answer comes. */
static void taken(const struct sent *s, bool parked)
{
	struct model_space *space = model_space(ID(s->badge));
	struct model_dataspace *ds = model_dataspace(ID(s->badge));
	uint64_t end = s->words[0] + s->words[1] * PAGE;
	switch (s->method) {
	case RM_METHOD_DATASPACE_RESIZE:
		ds->trims = parked;
		model_resize(ds, s->words[0]);
		break;
	case RM_METHOD_REGION_UNMAP:
		model_unmap(space, s->words[0], end);
		space->unsettled += parked;
		break;
	case RM_METHOD_REGION_PROTECT:
		model_protect(space, s->words[0], end, (uint8_t)s->words[2]);
		break;
	case RM_METHOD_PAGER_SUPPLY:
		model_supply(ds, s->words[0], model_dataspace(ID(s->cap_badges[0])), s->words[2],
		             s->words[1]);
		break;
	case RM_METHOD_PAGER_DETACH:
		ds->lost = true;
		break;
	default:
		break;
	}
}

static void fill(struct proto_request *q, struct sent *s, const struct request *r)
{
	const struct sim_cap *c = &w.kernel.caps[w.held[r->target].cap];
	s->method = r->method;
	s->label = PROTO_LABEL_BASE + r->method;
	s->badge = c->badge;
	s->length = r->length;
	memcpy(s->words, r->words, sizeof(s->words));
	q->label = s->label;
	q->badge = s->badge;
	q->length = r->length;
	q->caps = r->caps;
	for (unsigned int i = 0; i < r->caps; i++) {
		const struct sim_cap *given = &w.kernel.caps[w.held[r->cap[i]].cap];
		if (given->type == SIM_ENDPOINT && given->object == w.rm_object) {
			q->unwrapped |= 1u << i;
			q->cap_badges[i] = s->cap_badges[i] = given->badge;
		} else if (w.kernel.caps[w.rm.receive].type == SIM_NONE) {
			sim_receive(&w.kernel, w.rm.receive, w.held[r->cap[i]].cap);
		}
	}
}

static void count_ops(uint64_t before_ops, uint8_t method)
{
	uint64_t ops = w.kernel.ops - before_ops;
	if (ops > w.ops_request_max) {
		w.ops_request_max = ops;
		w.ops_request_method = method;
	}
}

/* The answer's label; E_PENDING: it comes later. */
uint64_t send_request(const struct request *r)
{
	/* Of one that was revoked meanwhile nothing can be asked. */
	if (!sim_is_held(&w.kernel, w.held[r->target].cap))
		return E_GONE;
	for (unsigned int i = 0; i < r->caps; i++)
		if (!sim_is_held(&w.kernel, w.held[r->cap[i]].cap))
			return E_GONE;
	uint32_t user = sent_new();
	struct sent *s = &w.sent[user];
	uint64_t reply[PROTO_WORDS_MAX];
	struct proto_request q = { .words = s->words, .reply = reply };
	w.requests++;
	w.method_all[r->method]++;
	fill(&q, s, r);
	char line[600];
	if (w.verbose) {
		(void)proto_trace_request(&rm_interface, q.label, q.words, q.length, line,
		                          sizeof(line));
		note("%#lx(%#lx,%#lx): %s", s->badge, s->cap_badges[0], s->cap_badges[1], line);
	}
	before(s);
	slot_t with = w.rm.reply;
	uint32_t call = sim_call_held(&w.kernel, with, user);
	uint64_t ops = w.kernel.ops;
	w.kernel.may_be_empty = w.rm.scratch;
	bool now = rm_request(&w.rm, &q);
	if (!now)
		note("parked as %u", user);
	count_ops(ops, r->method);
	w.kernel.may_be_empty = 0;
	if (w.kernel.caps[w.rm.receive].type)
		sim_kernel_ops.remove(&w.kernel, w.rm.receive);
	uint64_t label = now ? proto_reply_label(&q) : (uint64_t)E_PENDING;
	if (label == 0 || !now)
		taken(s, !now);
	if (now)
		sim_kernel_ops.answer(&w.kernel, with, label, q.reply, q.reply_length, q.cap_out);
	else
		MUST(w.rm.reply != with && (!s->used || w.kernel.calls[call].state == SIM_CALL_HELD),
		     "a parked caller is not kept");
	return label;
}

bool rm_work(void)
{
	uint64_t ops = w.kernel.ops;
	w.kernel.may_be_empty = w.rm.scratch;
	bool more = rm_step(&w.rm);
	w.kernel.may_be_empty = 0;
	w.steps_rm++;
	if (w.kernel.ops - ops > w.ops_step_max)
		w.ops_step_max = w.kernel.ops - ops;
	for (unsigned int i = 0; i < MODEL_SPACES; i++)
		if (w.space[i].id && w.space[i].unsettled && list_is_empty(&w.space[i].core->ending))
			w.space[i].unsettled = 0;
	return more;
}

void drain(void)
{
	for (unsigned int i = 0; rm_work(); i++)
		MUST(i < 200000, "rm never comes to an end of its work");
}

/* -- making them up -------------------------------------------------------------------------------------- */

static uint64_t some_pages(void)
{
	static const uint16_t sizes[] = { 1, 1, 2, 3, 4, 7, 16, 17, 40, 63, 64, 65, 128, 200, 513 };
	if (one_in(60))
		return one_in(2) ? RM_PAGES_MAX : chance() >> below(64);
	return sizes[below(sizeof(sizes) / sizeof(sizes[0]))];
}

static uint64_t some_address(const struct model_space *s)
{
	if (s && s->regions && !one_in(4)) {
		const struct model_region *r = &s->region[below(s->regions)];
		uint64_t at = r->start + below(6) * PAGE;
		return one_in(3) ? r->end : one_in(3) ? r->start : at;
	}
	static const uint64_t bases[] = { 0x400000, 0x5ff000, 0x800000, 0x7ffff000000, 0x10000,
		                          0x7fffffe00000 };
	return bases[below(6)] + below(600) * PAGE;
}

static struct rm_schedule some_schedule(void)
{
	struct rm_schedule s = { .budget_us = 1000, .period_us = 1000 + (uint32_t)below(3) * 500,
		                 .priority = (uint8_t)below(256), .priority_max = 200 };
	if (one_in(10))
		s.budget_us = 3000;
	if (!one_in(8))
		s.priority = 100;
	return s;
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
			                        .priority_max = 253,
			                        .privileged = one_in(3) };
		PUT(r, in);
		return true;
	}
	case RM_METHOD_BANK_TRANSFER: {
		struct rm_bank_transfer_in in = { .limit = below(free_pages(r->target) / 4 + 2) * PAGE };
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
	case RM_METHOD_DATASPACE_RESIZE: {
		struct rm_dataspace_resize_in in = { .size = one_in(9) ? 0 : some_pages() };
		PUT(r, in);
		return true;
	}
	case RM_METHOD_DATASPACE_CLONE: {
		const struct model_dataspace *m = model_dataspace(ID(w.held[r->target].badge));
		struct rm_dataspace_clone_in in = { .size = m && m->size ? m->size : 1 };
		if (one_in(3)) {
			in.first = below(in.size);
			in.size = 1 + below(in.size - in.first);
		}
		PUT(r, in);
		return true;
	}
	case RM_METHOD_PAGER_CREATE: {
		struct rm_pager_create_in in = { .size = some_pages(), .cookie = chance(),
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
		struct rm_pager_supply_in in = { .first = below(8), .count = 1 + below(8),
			                         .from = below(8) };
		if (one_in(6))
			in.count = 1 + below(70);
		PUT(r, in);
		return true;
	}
	case RM_METHOD_PAGER_FAIL: {
		struct rm_pager_fail_in in = { .first = below(4), .count = 1 + below(4), .error = 1 };
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
		struct rm_region_map_in in = { .start = some_address(s), .size = size,
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
		PUT(r, in);
		return true;
	}
	case RM_METHOD_REGION_PROTECT: {
		struct rm_region_protect_in in = { .start = some_address(s), .size = 1 + below(6),
			                           .rights = (uint8_t)below(8) };
		if (s && s->regions > MODEL_REGIONS / 2)
			return false;
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

static bool task_body(struct request *r)
{
	switch (r->method) {
	case RM_METHOD_TASK_CREATE: {
		struct rm_task_create_in in = { .slot_bits = (uint8_t)(4 + below(one_in(9) ? 8 : 4)) };
		in.name_count = (uint16_t)some_name(in.name);
		PUT_TEXT(r, in, name);
		return true;
	}
	case RM_METHOD_TASK_GIVE: {
		struct rm_task_give_in in = { .slot = (uint32_t)(2 + below(one_in(8) ? 300 : 14)) };
		PUT(r, in);
		return true;
	}
	case RM_METHOD_THREAD_CREATE: {
		const struct object *o = slotmap_get(&w.rm.objects, ID(w.held[r->target].badge));
		const struct task *t = (const struct task *)o;
		const struct model_space *s =
		        o && o->kind == KIND_TASK ? model_space(slotmap_id(&w.rm.objects, t->vspace))
		                                  : NULL;
		struct rm_thread_create_in in = { .schedule = some_schedule() };
		in.buffer = s ? model_address(s) & 0x7ffffffff000 : 0x400000;
		PUT(r, in);
		return true;
	}
	case RM_METHOD_THREAD_SCHEDULE: {
		struct rm_thread_schedule_in in = { .schedule = some_schedule() };
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
		struct rm_name_register_in in = { .deadline = (uint32_t)(1 + below(2000)), .version = 1 };
		in.name_count = (uint16_t)some_name(in.name);
		PUT_TEXT(r, in, name);
		return true;
	}
	case RM_METHOD_NAME_UNREGISTER:
	case RM_METHOD_NAME_QUERY: {
		struct rm_name_query_in in = { 0 };
		in.name_count = (uint16_t)some_name(in.name);
		PUT_TEXT(r, in, name);
		return true;
	}
	case RM_METHOD_NAME_WATCH: {
		struct rm_name_watch_in in = { .cookie = below(4) };
		in.name_count = (uint16_t)some_name(in.name);
		PUT_TEXT(r, in, name);
		return true;
	}
	case RM_METHOD_SESSION_CONNECT: {
		struct rm_session_connect_in in = { .version = one_in(20) ? 2 : 1,
			                            .limit = below(one_in(4) ? 8 : 60) * PAGE };
		in.name_count = (uint16_t)some_name(in.name);
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
	{ RM_METHOD_BANK_CREATE, 6 },         { RM_METHOD_BANK_DESTROY, 3 },
	{ RM_METHOD_BANK_TRANSFER, 2 },       { RM_METHOD_BANK_QUERY, 1 },
	{ RM_METHOD_DATASPACE_CREATE, 20 },   { RM_METHOD_DATASPACE_CLONE, 6 },
	{ RM_METHOD_DATASPACE_RESIZE, 5 },    { RM_METHOD_DATASPACE_DESTROY, 5 },
	{ RM_METHOD_DATASPACE_QUERY, 1 },     { RM_METHOD_DATASPACE_RESTRICT, 3 },
	{ RM_METHOD_DATASPACE_PHYSICAL, 1 },  { RM_METHOD_PAGER_CREATE, 4 },
	{ RM_METHOD_PAGER_OPEN, 4 },          { RM_METHOD_PAGER_SUPPLY, 8 },
	{ RM_METHOD_PAGER_FAIL, 2 },          { RM_METHOD_PAGER_DETACH, 1 },
	{ RM_METHOD_VSPACE_CREATE, 4 },       { RM_METHOD_VSPACE_CLONE, 3 },
	{ RM_METHOD_VSPACE_DESTROY, 1 },      { RM_METHOD_VSPACE_SET_PAGER, 2 },
	{ RM_METHOD_REGION_MAP, 30 },         { RM_METHOD_REGION_UNMAP, 12 },
	{ RM_METHOD_REGION_PROTECT, 8 },      { RM_METHOD_REGION_QUERY, 1 },
	{ RM_METHOD_VSPACE_READ, 3 },         { RM_METHOD_TASK_CREATE, 6 },
	{ RM_METHOD_TASK_GIVE, 4 },           { RM_METHOD_TASK_QUERY, 1 },
	{ RM_METHOD_TASK_STOP, 2 },           { RM_METHOD_TASK_RESUME, 3 },
	{ RM_METHOD_TASK_DESTROY, 3 },        { RM_METHOD_TASK_WATCH, 3 },
	{ RM_METHOD_TASK_UNWATCH, 2 },        { RM_METHOD_TASK_EXIT, 2 },
	{ RM_METHOD_REPLY_CREATE, 4 },        { RM_METHOD_THREAD_CREATE, 16 },
	{ RM_METHOD_THREAD_SCHEDULE, 2 },     { RM_METHOD_THREAD_SET_HANDLER, 1 },
	{ RM_METHOD_THREAD_START, 14 },       { RM_METHOD_THREAD_STOP, 2 },
	{ RM_METHOD_THREAD_RESUME, 3 },       { RM_METHOD_THREAD_DESTROY, 2 },
	{ RM_METHOD_THREAD_READ_REGISTERS, 1 }, { RM_METHOD_THREAD_WRITE_REGISTERS, 1 },
	{ RM_METHOD_THREAD_OBJECT, 1 },       { RM_METHOD_NAME_GRANT, 8 },
	{ RM_METHOD_NAME_REGISTER, 8 },       { RM_METHOD_NAME_UNREGISTER, 2 },
	{ RM_METHOD_NAME_QUERY, 1 },          { RM_METHOD_NAME_WATCH, 3 },
	{ RM_METHOD_SESSION_CONNECT, 14 },    { RM_METHOD_SESSION_ACCEPT, 10 },
	{ RM_METHOD_SESSION_REFUSE, 2 },      { RM_METHOD_SESSION_BANK, 3 },
	{ RM_METHOD_SESSION_SEVER, 4 },       { RM_METHOD_SESSION_ACKNOWLEDGE, 4 },
	{ RM_METHOD_SESSION_MINT_ENDPOINT, 4 }, { RM_METHOD_NOTIFICATION_CREATE, 4 },
	{ RM_METHOD_SESSION_MINT_NOTIFICATION, 4 }, { RM_METHOD_SESSION_REVOKE_ROOT, 2 },
	{ RM_METHOD_SESSION_ROOTS, 1 },       { RM_METHOD_SESSION_QUERY, 1 },
	{ RM_METHOD_EVENT_NEXT, 24 },         { RM_METHOD_EVENT_NOTIFICATION, 2 },
	{ RM_METHOD_EVENT_BIND, 2 },          { RM_METHOD_MEMORY_QUERY, 1 },
	{ RM_METHOD_PORTS_CREATE, 1 },        { RM_METHOD_INTERRUPT_CREATE, 1 },
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
	bool server = !(r->method == RM_METHOD_SESSION_SEVER && one_in(2));
	const struct list *list = server ? &t->server_sessions : &t->client_sessions;
	uint64_t skip = below(4);
	const struct session *s = NULL;
	for (struct list *at = list_first(list); at && (!s || skip-- > 0); at = list_after(list, at))
		s = server ? container_of(at, struct session, server_link)
		           : container_of(at, struct session, client_link);
	if (s)
		r->words[0] = slotmap_id(&w.rm.objects, s);
}

static bool is_of_session(uint8_t method)
{
	return method >= RM_METHOD_SESSION_ACCEPT && method <= RM_METHOD_SESSION_QUERY;
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

static bool make_up(struct request *r)
{
	*r = (struct request){ .method = some_method() };
	const struct proto_method *m = r->method < rm_interface.methods_count
	                                       ? &rm_interface.methods[r->method]
	                                       : &rm_interface.methods[0];
	int target = pick(m->target && !one_in(60) ? m->target : w.held[below(w.held_count)].kind);
	if (target < 0 || w.kernel.caps[w.held[target].cap].type != SIM_ENDPOINT ||
	    w.kernel.caps[w.held[target].cap].object != w.rm_object)
		return false;
	r->target = (uint32_t)target;
	r->caps = one_in(100) ? (unsigned int)below(4) : m->caps_in;
	for (unsigned int i = 0; i < r->caps; i++) {
		uint8_t kind = m->cap_kinds[i] && !one_in(60)
		                       ? m->cap_kinds[i]
		                       : w.held[below(w.held_count)].kind;
		int given = pick(kind);
		if (given < 0)
			return false;
		r->cap[i] = (uint32_t)given;
	}
	bool rough = one_in(12) || r->caps != m->caps_in;
	if (rough || !(memory_body(r) || space_body(r) || task_body(r) || name_body(r)))
		any_body(r, m);
	if (is_of_session(r->method) || r->method == RM_METHOD_NOTIFICATION_CREATE)
		aim_at_session(r);
	if (one_in(150))
		r->length = (unsigned int)below(8);
	if (one_in(150))
		r->words[below(8)] ^= 1ull << below(64);
	return is_wise(r);
}

/* -- failing on purpose ----------------------------------------------------------------------------------- */

/* What an error must leave as it is, when all work is done. */
struct digest {
	uint64_t used, objects, limits, pinned, waiting;
	uint32_t live[SIM_TYPES];
};

static void take_digest(struct digest *d)
{
	uint32_t cursor = 0;
	const struct object *o;
	memset(d, 0, sizeof(*d));
	while ((o = slotmap_next(&w.rm.objects, &cursor)) != NULL) {
		d->objects++;
		if (o->kind != KIND_BANK)
			continue;
		d->used += ((const struct bank *)o)->used;
		d->limits += ((const struct bank *)o)->limit;
		d->pinned += ((const struct bank *)o)->pinned;
	}
	d->waiting = w.waiting;
	memcpy(d->live, w.kernel.live, sizeof(d->live));
	/* rm's own overhead may have grown. */
	d->live[SIM_UNTYPED] = d->live[SIM_FRAME] = d->live[SIM_CNODE] = d->live[SIM_TABLE] = 0;
	d->live[SIM_REPLY] = 0;
}

static void must_be_same(const struct digest *a, struct digest *b, const struct request *r,
                         const char *what)
{
	/* A page that was touched stays: that is not undone. */
	if ((r->method == RM_METHOD_THREAD_CREATE || r->method == RM_METHOD_VSPACE_FAULT) &&
	    b->used >= a->used && b->used - a->used < 80)
		b->used = a->used;
	MUST(a->objects == b->objects, "%s: method %u leaves %ld objects (I4)", what, r->method,
	     (long)(b->objects - a->objects));
	MUST(a->used == b->used, "%s: method %u leaves %ld pages (I4)", what, r->method,
	     (long)(b->used - a->used));
	MUST(!memcmp(a, b, sizeof(*a)), "%s: method %u changed something (I4)", what, r->method);
}

/* The same request with the n-th op failing, n = 1, 2, ..., until none fails. */
static void try_failing(const struct request *r)
{
	struct digest before_all, after;
	drain();
	take_digest(&before_all);
	for (uint64_t n = 1; n < 400; n++) {
		uint64_t failed = w.kernel.failed, waiting = w.waiting;
		w.failing = true;
		w.kernel.fail_in = n;
		uint64_t label = send_request(r);
		w.kernel.fail_in = label == E_PENDING ? w.kernel.fail_in : 0;
		drain();
		w.kernel.fail_in = 0;
		w.failing = false;
		if (label == E_PENDING && w.waiting == waiting)
			for (uint32_t i = 0; i < SENT_MAX; i++)
				if (!w.sent[i].used && w.sent[i].step == w.step)
					label = w.sent[i].answer;
		if (label == 0 || label == E_PENDING || w.kernel.failed == failed)
			break;
		take_digest(&after);
		must_be_same(&before_all, &after, r, "a failed op");
		if (w.step % 8 == 0)
			check_all();
		if (!sim_is_held(&w.kernel, w.held[r->target].cap))
			break;
	}
}

/* The same request with a bank that has 0, 1, 2, ... pages left. */
static void try_poor(const struct request *r)
{
	struct digest before_all, after;
	drain();
	struct object *o = slotmap_get(&w.rm.objects, ID(w.held[r->target].badge));
	if (!o || o->dying || (r->method == RM_METHOD_BANK_CREATE))
		return;
	struct bank *bank = o->kind == KIND_BANK ? (struct bank *)o : o->bank;
	if (r->method == RM_METHOD_SESSION_CONNECT || r->method == RM_METHOD_VSPACE_CLONE ||
	    r->method == RM_METHOD_BANK_TRANSFER || r->method == RM_METHOD_BANK_DESTROY)
		return;
	take_digest(&before_all);
	uint64_t id = slotmap_id(&w.rm.objects, bank);
	for (uint64_t left = 0; left < 40; left++) {
		uint64_t taken_away = bank->limit - bank->used - left;
		if (bank->limit - bank->used < left)
			break;
		w.failing = true;
		bank->limit -= taken_away;
		w.rm.root->limit += taken_away;
		uint64_t waiting = w.waiting;
		uint64_t label = send_request(r);
		drain();
		w.failing = false;
		w.rm.root->limit -= taken_away;
		MUST(slotmap_get(&w.rm.objects, id), "the bank is gone");
		bank->limit += taken_away;
		if (label == E_PENDING && w.waiting == waiting)
			for (uint32_t i = 0; i < SENT_MAX; i++)
				if (!w.sent[i].used && w.sent[i].step == w.step)
					label = w.sent[i].answer;
		if (label != E_NOMEM && label != E_LIMIT)
			break;
		take_digest(&after);
		must_be_same(&before_all, &after, r, "a poor bank");
	}
}

void request_chance(void)
{
	struct request r;
	if (!make_up(&r) || w.waiting > SENT_MAX - 40)
		return;
	bool ends = r.method == RM_METHOD_EVENT_NEXT || r.method == RM_METHOD_BANK_DESTROY;
	if (one_in(100) && !ends)
		try_failing(&r);
	else if (one_in(100) && !ends)
		try_poor(&r);
	else
		(void)send_request(&r);
	/* Whoever learns that an object is gone mostly drops it. */
	for (unsigned int i = 0; i < 2 && w.held_count; i++) {
		uint32_t h = (uint32_t)below(w.held_count);
		const struct held *it = &w.held[h];
		bool gone = !sim_is_held(&w.kernel, it->cap) ||
		            (it->kind < KIND_SESSION && !slotmap_get(&w.rm.objects, ID(it->badge)));
		if (!it->keep && gone && !one_in(8))
			drop(h);
	}
}
