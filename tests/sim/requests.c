/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Requests to rm: made up at random, sent with a capability that somebody holds, and what follows
 * from their answers, which may come much later.
 */
#include "world.h"
#include <stdlib.h>
#include <string.h>

/* -- what is held ------------------------------------------------------------------------------ */

bool is_gone(const struct held *it)
{
	return !sim_is_held(&w.kernel, it->cap) ||
	       (it->kind < KIND_SESSION && !slotmap_get(&w.rm.objects, ID(it->badge)));
}

/* The same for what is held already. */
uint32_t hold_made(uint32_t cap, uint8_t kind, uint64_t badge)
{
	if (w.held_count == HELD_MAX) {
		/* Rather one that nothing depends on. */
		uint32_t i, tries = 0;
		do
			i = (uint32_t)below(HELD_MAX);
		while (w.held[i].keep ||
		       (tries++ < 50 && !is_gone(&w.held[i]) &&
		        (w.held[i].kind == KIND_BANK || w.held[i].kind == KIND_TASK ||
		         w.held[i].kind == KIND_VSPACE)));
		drop(i);
	}
	w.held[w.held_count] = (struct held){ .cap = cap, .kind = kind, .badge = badge };
	return w.held_count++;
}

uint32_t hold(uint32_t from, uint8_t kind, uint64_t badge)
{
	return hold_made(sim_hold(&w.kernel, from), kind, badge);
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

/* The first program's own object of a kind. */
uint32_t own(uint8_t kind)
{
	uint32_t i = 0;
	while (!w.held[i].keep || w.held[i].kind != kind)
		i++;
	return i;
}

/* The held capability to an object; -1: nobody has one. */
int held_of(const struct object *o)
{
	uint64_t id = slotmap_id(&w.rm.objects, o);
	for (uint32_t i = 0; i < w.held_count; i++)
		if (ID(w.held[i].badge) == id && w.held[i].kind < HELD_SESSION &&
		    sim_is_held(&w.kernel, w.held[i].cap))
			return (int)i;
	return -1;
}

struct model_space *vspace_of(int held)
{
	return held < 0 ? NULL : model_space(ID(w.held[held].badge));
}

static void remember(uint64_t id)
{
	w.recent[below(32)] = id;
}

static uint8_t kind_of_badge(uint64_t badge)
{
	const struct object *o = slotmap_get(&w.rm.objects, ID(badge));
	if (!o)
		return HELD_OTHER;
	return o->kind == KIND_DATASPACE && badge >> FACET_SHIFT & FACET_OTHER ? KIND_PAGER
	                                                                       : o->kind;
}

/* -- answers ----------------------------------------------------------------------------------- */

static struct model_dataspace *made_dataspace(uint64_t badge, uint16_t backing)
{
	struct object *o = slotmap_get(&w.rm.objects, ID(badge));
	MUST(o && o->kind == KIND_DATASPACE, "the dataspace that was made is not there");
	return model_dataspace_new((struct dataspace *)o, backing);
}

static struct model_space *made_space(uint64_t badge)
{
	struct object *o = slotmap_get(&w.rm.objects, ID(badge));
	MUST(o && o->kind == KIND_VSPACE, "the address space that was made is not there");
	return model_space_new((struct vspace *)o);
}

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
	case RM_METHOD_RAW_OPEN:
		raw_opened(s, cap);
		kind = HELD_RAW;
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
		MUST(w.kernel.calls[i].state != SIM_CALL_QUEUED ||
		             w.kernel.calls[i].badge != session,
		     "a message of session %#lx is still queued (I7)", session);
}

/* The page that is there is pinned, nobody else's, and mapped. */
static void check_pinned_at(const struct thread *t, uint64_t at)
{
	const struct region *r = region_find(t->task->vspace, at);
	const struct model_space *space = model_space(slotmap_id(&w.rm.objects, t->task->vspace));
	bool shared, write = false;
	MUST(r && r->dataspace && space, "nothing is pinned at %#lx", at);
	uint64_t index = r->first + (at - r->interval.start) / PAGE;
	const struct page *page = dataspace_page(r->dataspace, index, &shared);
	MUST(page && page->pins > 0 && !shared, "%#lx is not pinned", at);
	MUST(r->dataspace->object.bank == t->object.bank && !r->share,
	     "%#lx is pinned, and another's", at);
	uint32_t frame = sim_walk(&w.kernel, space->pml4, at, &write);
	MUST(frame && (write || !(r->rights & RM_RIGHT_WRITE)), "%#lx is pinned, not mapped", at);
}

static void check_pinned(const struct thread *t, const uint64_t *words)
{
	struct rm_thread_pin_in in;
	memcpy(&in, words, sizeof(in));
	for (uint64_t i = 0; i < in.count; i++)
		check_pinned_at(t, in.start + i * PAGE);
}

/* A new handler stands on such pages: that of its code, and that of its stack. */
static void check_handler(const struct thread *t, uint64_t stack)
{
	const struct sim_cap *c = &w.kernel.caps[t->tcb];
	const struct abi_user_context *now =
	        &w.kernel.tcbs[w.kernel.objects[c->object].data].context;
	const uint64_t at[] = { now->rip, stack };
	for (unsigned int i = 0; i < 2; i++) {
		const struct region *r = region_find(t->task->vspace, at[i]);
		bool shared;
		MUST(r && r->dataspace, "a handler stands on nothing, at %#lx", at[i]);
		uint64_t index = r->first + (at[i] - r->interval.start) / PAGE;
		const struct page *page = dataspace_page(r->dataspace, index, &shared);
		MUST(page && page->pins > 0, "a handler stands at %#lx, which is not pinned",
		     at[i]);
	}
	w.handlers++;
}

static void answered_late(struct sent *s, bool well, uint32_t cap)
{
	uint64_t badge = cap ? w.kernel.caps[cap].badge : 0;
	struct model_dataspace *ds;
	switch (s->method) {
	case RM_METHOD_DATASPACE_CREATE:
	case RM_METHOD_DATASPACE_CREATE_DEVICE:
	case RM_METHOD_RAW_CREATE:
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
	case RM_METHOD_THREAD_PIN:
		if (well)
			check_pinned(slotmap_get(&w.rm.objects, ID(s->badge)), s->words);
		break;
	case RM_METHOD_HANDLER_CREATE:
		if (well)
			check_handler(slotmap_get(&w.rm.objects, ID(s->badge)), s->words[0]);
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
	case RM_METHOD_SESSION_REVOKE_ROOT:
		for (uint32_t i = 0; well && i < w.held_count; i++)
			w.held[i].may_go |= w.held[i].badge == s->words[0];
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

static void window_answered(const struct sent *s, const uint64_t *words)
{
	struct model_space *space = model_space(ID(s->badge));
	struct rm_window_map_in in;
	memcpy(&in, s->words, sizeof(in));
	const struct share *share = slotmap_get(&w.rm.objects, in.share.raw);
	struct model_dataspace *ds = model_dataspace(slotmap_id(&w.rm.objects, share->dataspace));
	model_window(space, &in, words[0], ds, share->first + in.first);
}

static void ids_answered(const struct sent *s, const uint64_t *words)
{
	switch (s->method) {
	case RM_METHOD_SESSION_CONNECT:
	case RM_METHOD_SESSION_MINT_ENDPOINT:
	case RM_METHOD_SESSION_MINT_NOTIFICATION:
	case RM_METHOD_NOTIFICATION_CREATE:
	case RM_METHOD_SHARE_CREATE:
	case RM_METHOD_DONATE:
	case RM_METHOD_SHARE_PASS:
		remember(words[0]);
		break;
	case RM_METHOD_VSPACE_POPULATE:
		w.populated = words[0];
		break;
	case RM_METHOD_THREAD_FAULT: {
		struct rm_thread_fault_out out;
		memcpy(&out, words, sizeof(out));
		w.told = out.result;
		const struct thread *t = slotmap_get(&w.rm.objects, ID(s->badge));
		w.kernel.tcbs[w.kernel.objects[w.kernel.caps[t->tcb].object].data].asked = true;
		break;
	}
	case RM_METHOD_THREAD_FAULT_PASS:
		w.told = (uint8_t)words[0];
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
	const struct proto_method *m =
	        &rm_interface.methods[method < rm_interface.methods_count ? method : 0];
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
	MUST(is_declared(s->method, label), "an answer that is not declared: %lu to method %u",
	     label, s->method);
	MUST(label != 0 || !s->was_sealed ||
	             !(rm_interface.methods[s->method].flags & PROTO_CREATES),
	     "method %u makes something although the system is sealed", s->method);
	w.method_ok[s->method] += label == 0;
	w.errors[label & 63]++;
	if (label == 0)
		ids_answered(s, words);
	answered_late(s, label == 0, cap);
	donate_answered(s, label == 0, words);
	if (label == 0 && s->method == RM_METHOD_REGION_MAP)
		map_answered(s, words);
	if (label == 0 && s->method == RM_METHOD_WINDOW_MAP)
		window_answered(s, words);
	if (label == 0)
		lend_answered(s, words);
	if (cap)
		take_cap(s, cap, words);
}

/* -- sending ----------------------------------------------------------------------------------- */

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

/* Who gets the faults of the thread that a request is about. */
static uint64_t fault_badge(const struct sent *s)
{
	const struct thread *t = slotmap_get(&w.rm.objects, ID(s->badge));
	uint32_t object = w.kernel.caps[t->tcb].object;
	return sim_thread_handler(&w.kernel, w.kernel.objects[object].data)->badge;
}

static bool is_schedule(const struct sent *s)
{
	const struct object *o = slotmap_get(&w.rm.objects, ID(s->badge));
	const struct thread *t = (const struct thread *)o;
	return s->method == RM_METHOD_THREAD_SCHEDULE && o && o->kind == KIND_THREAD && !o->dying &&
	       t->tcb && t->task->state != RM_TASK_STATE_DEAD;
}

/* Before what may change a page that others look through to. */
static void before(const struct sent *s)
{
	struct model_dataspace *ds = model_dataspace(ID(s->badge));
	struct model_space *space = model_space(ID(s->badge));
	if (space)
		model_follow_growth(space);
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
	lend_taken(s);
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
	s->was_sealed = w.sealed;
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
		} else if (w.kernel.caps[w.rm.receive].type == SIM_NONE &&
		           !sim_receive(&w.kernel, w.rm.receive, w.held[r->cap[i]].cap)) {
			q->caps = i;
			break;
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
	uint64_t due = deadlines_first_ns(&w.rm.probe_deadlines);
	bool schedules = is_schedule(s);
	uint64_t faults = schedules ? fault_badge(s) : 0;
	slot_t with = w.rm.reply;
	uint32_t call = sim_call_held(&w.kernel, with, user);
	uint64_t ops = w.kernel.ops;
	w.kernel.may_be_empty = w.rm.scratch;
	const struct object *o = slotmap_get(&w.rm.objects, ID(s->badge));
	bool is_old = !o || o->dying;
	bool now = rm_request(&w.rm, &q);
	if (!now)
		note("parked as %u", user);
	count_ops(ops, r->method);
	w.kernel.may_be_empty = 0;
	/* What came may have been taken back by this very request. */
	if (w.kernel.caps[w.rm.receive].type)
		sim_kernel_ops.remove(&w.kernel, w.rm.receive);
	uint64_t label = now ? proto_reply_label(&q) : (uint64_t)E_PENDING;
	MUST(!is_old || label == E_GONE, "an old id is answered with %lu (I6)", label);
	MUST((s->method != RM_METHOD_TASK_PROBE && s->method != RM_METHOD_SESSION_PROBE) ||
	             deadlines_first_ns(&w.rm.probe_deadlines) <= due,
	     "a probe makes the time of another one longer");
	MUST(!schedules || fault_badge(s) == faults,
	     "a schedule changes who gets a thread's faults: %#lx, not %#lx", fault_badge(s),
	     faults);
	if (label == 0 || !now) {
		taken(s, !now);
		donate_sent(s, !now);
		donate_follow();
	}
	if (now)
		sim_kernel_ops.answer(&w.kernel, with, label, q.reply, q.reply_length, q.cap_out);
	else
		MUST(w.rm.reply != with &&
		             (!s->used || w.kernel.calls[call].state == SIM_CALL_HELD),
		     "a parked caller is not kept");
	return label;
}

bool rm_work(void)
{
	uint64_t ops = w.kernel.ops;
	w.kernel.may_be_empty = w.rm.scratch;
	bool more = rm_step(&w.rm);
	if (w.rm.making.count && one_in(2))
		rm_made(&w.rm, rm_make(&w.rm));
	w.kernel.may_be_empty = 0;
	w.steps_rm++;
	if (w.kernel.ops - ops > w.ops_step_max)
		w.ops_step_max = w.kernel.ops - ops;
	donate_follow();
	for (unsigned int i = 0; i < MODEL_SPACES; i++)
		if (w.space[i].id && w.space[i].unsettled &&
		    list_is_empty(&w.space[i].core->ending))
			w.space[i].unsettled = 0;
	return more;
}

void drain(void)
{
	for (unsigned int i = 0; rm_work(); i++)
		MUST(i < 200000, "rm never comes to an end of its work");
	/* Then only a server's word is waited for. */
	for (uint32_t i = 0; i < SENT_MAX; i++)
		MUST(!w.sent[i].used || w.sent[i].is_call ||
		             w.sent[i].method == RM_METHOD_SESSION_CONNECT ||
		             lend_may_wait(&w.sent[i]),
		     "a request from step %lu is not answered when all is done (I8)",
		     w.sent[i].step);
}

/* -- failing on purpose ------------------------------------------------------------------------ */

/* What an error must leave as it is, when all work is done. */
struct digest {
	uint64_t used, objects, limits, pinned, waiting, moved;
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
	d->moved = w.rm.chunks_moved;
	memcpy(d->live, w.kernel.live, sizeof(d->live));
	/* rm's own overhead may have grown. */
	d->live[SIM_UNTYPED] = d->live[SIM_FRAME] = d->live[SIM_CNODE] = d->live[SIM_TABLE] = 0;
	d->live[SIM_REPLY] = 0;
}

static void must_be_same(const struct digest *a, struct digest *b, const struct request *r,
                         const char *what)
{
	/* A page that was touched stays, what showed another one is gone: that is not undone. */
	if ((r->method == RM_METHOD_THREAD_CREATE || r->method == RM_METHOD_VSPACE_FAULT ||
	     r->method == RM_METHOD_SHARE_CREATE) &&
	    b->used - a->used + 40 < 80)
		b->used = a->used;
	if (r->method == RM_METHOD_THREAD_PIN)
		b->used = a->used;
	/* A page that moves is not mapped any more. */
	if (a->moved != b->moved && b->used < a->used)
		b->used = a->used;
	/* What was laid out stays; for a page of its own, another's mapping goes. */
	if (r->method == RM_METHOD_VSPACE_POPULATE)
		b->used = a->used;
	/* So do those that a donation, which came to nothing, had made the home's own. */
	if (r->method == RM_METHOD_DONATE && b->used - a->used + 40 < r->words[2] + 80)
		b->used = a->used;
	b->moved = a->moved;
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

uint64_t request_any(const struct request *r)
{
	bool ends = r->method == RM_METHOD_EVENT_NEXT || r->method == RM_METHOD_BANK_DESTROY;
	if (one_in(100) && !ends)
		try_failing(r);
	else if (one_in(100) && !ends)
		try_poor(r);
	else
		return send_request(r);
	return E_CANCELLED; /* it was asked many times */
}

void request_chance(void)
{
	struct request r;
	if (!make_up(&r) || w.waiting > SENT_MAX - 40)
		return;
	(void)request_any(&r);
	/* Whoever learns that an object is gone mostly drops it. */
	for (unsigned int i = 0; i < 2 && w.held_count; i++) {
		uint32_t h = (uint32_t)below(w.held_count);
		if (!w.held[h].keep && is_gone(&w.held[h]) && !one_in(8))
			drop(h);
	}
}
