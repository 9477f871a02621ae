/* SPDX-License-Identifier: BSD-2-Clause */
/* What programs do beside asking rm: touch memory, fault, call servers, serve. */
#include "world.h"
#include <string.h>

void sim_logged(const char *text)
{
	note("log: %s", text);
}

/* -- threads ----------------------------------------------------------------------------------- */

static struct model_space *space_by_pml4(uint32_t pml4)
{
	for (unsigned int i = 0; i < MODEL_SPACES; i++)
		if (w.space[i].id && w.space[i].pml4 == pml4 && model_space(w.space[i].id))
			return &w.space[i];
	return NULL;
}

/* What became of the fault of a thread that does not go on: its task's status says so. */
static enum rm_fault_result crash_result(uint64_t badge)
{
	const struct object *o = slotmap_get(&w.rm.objects, ID(badge));
	MUST(o && o->kind == KIND_THREAD, "a thread is no more that faults");
	const struct task *task = ((const struct thread *)o)->task;
	return task->state == RM_TASK_STATE_DEAD ? (task->status >> 8 & 255) : RM_FAULT_RESULT_WAIT;
}

/* A message of the kernel's to rm, about a thread; true: it goes on. */
bool thread_message(uint32_t t, uint64_t label, const uint64_t *words, unsigned int length)
{
	struct sim_tcb *tcb = &w.kernel.tcbs[t];
	uint64_t badge = label == FAULT_TIMEOUT ? tcb->timeout_badge
	                                        : sim_thread_handler(&w.kernel, t)->badge;
	w.faults++;
	tcb->state = SIM_IN_FAULT;
	uint64_t ops = w.kernel.ops;
	enum rm_fault_answer answer = rm_fault(&w.rm, badge, label, words, length);
	if (w.kernel.ops - ops > w.ops_request_max) {
		w.ops_request_max = w.kernel.ops - ops;
		w.ops_request_method = 0;
	}
	if (answer == RM_FAULT_RESUME) {
		MUST(tcb->state == SIM_IN_FAULT, "a thread is answered that rm stopped");
		tcb->state = SIM_RUNNING;
	} else if (tcb->state == SIM_IN_FAULT) {
		/* rm receives with the same reply object again: the thread is cut off it. */
		tcb->state = SIM_INACTIVE;
	}
	return answer == RM_FAULT_RESUME;
}

enum { LANDING = 0x5000, STACK = 0x6000 };

/* A record that no guard of rt's is: nothing is to come of it (attack 27). */
static bool forge(struct guard *guard)
{
	switch (below(60)) {
	case 0:
		guard->mode = 3 + below(9);
		return true;
	case 1:
		guard->landing = RM_USER_TOP + below(2) * PAGE;
		return true;
	case 2:
		guard->stack = ~0ull - below(2) * PAGE;
		return true;
	case 3:
		guard->low = guard->high;
		return true;
	case 4:
		guard->high = guard->low;
		return true;
	default:
		return false;
	}
}

/* The thread's guard record, if it touches client memory by a guard; NULL: it does without. */
static struct guard *guard_up(struct model_space *s, uint64_t badge, uint64_t address)
{
	const struct thread *thread = slotmap_get(&w.rm.objects, ID(badge));
	if (!thread || !model_share_at(s, address) || one_in(4))
		return NULL;
	char *buffer = frame_window(&w.rm, thread->buffer->frame);
	if (!buffer)
		return NULL;
	struct guard *guard = (struct guard *)(buffer + GUARD_OFFSET);
	w.guard_was = *guard;
	*guard = (struct guard){ .mode = 1 + below(2),
		                 .flags = below(2) * GUARD_NOWAIT,
		                 .low = address & ~(PAGE - 1ull),
		                 .high = address + 8,
		                 .landing = LANDING,
		                 .stack = STACK };
	w.forged = forge(guard);
	w.forgeries += w.forged;
	return guard;
}

/* Who would not wait for a page will be told of it. */
static bool will_be_told(const struct task *task, uint64_t address)
{
	for (const struct list *at = list_first(&task->awaited); at;
	     at = list_after(&task->awaited, at)) {
		const struct fault *fault = container_of(at, struct fault, asked_link);
		if (fault->address == address && !list_is_empty(&fault->link))
			return true;
	}
	return false;
}

/* The thread went on although what it touched is gone: as its guard says. */
static void guard_held(struct model_space *s, uint32_t t, uint64_t address, struct guard *guard)
{
	const struct sim_tcb *tcb = &w.kernel.tcbs[t];
	bool write;
	MUST(guard, "a thread goes on without a guard, and %#lx is gone", address);
	MUST((guard->result == E_GONE ||
	      (guard->flags & GUARD_NOWAIT &&
	       (guard->result == E_AGAIN || guard->result == E_NOMEM))) &&
	             guard->address == address,
	     "a guard is told %ld of %#lx", (long)guard->result, guard->address);
	w.hurried += guard->result == E_AGAIN;
	uint32_t frame = sim_walk(&w.kernel, s->pml4, address, &write);
	if (guard->mode == GUARD_SUBSTITUTE) {
		MUST(frame && !*(uint64_t *)sim_content(&w.kernel, frame, 0),
		     "no zeros stand in for %#lx", address);
		window_restore(&w.rm, region_find(s->core, address));
	} else {
		MUST(guard->mode == GUARD_NONE && tcb->context.rip == LANDING &&
		             tcb->context.rsp == STACK,
		     "an aborted access goes on at %#lx", tcb->context.rip);
	}
	/* A page that its owner shares, and cannot pay a copy of to be written, can be read. */
	MUST(!sim_walk(&w.kernel, s->pml4, address, &write) ||
	             (!write && model_is_poor(s, address)),
	     "%#lx is gone, and mapped (I13)", address);
	w.guarded++;
}

static void page_fault(struct model_space *s, uint32_t t, uint64_t address, enum rm_access access)
{
	enum expected x = model_expect(s, address, access);
	uint64_t words[4] = { 0x401000, address, access == RM_ACCESS_EXECUTE,
		              access == RM_ACCESS_WRITE ? 6 : 4 };
	note("thread %u of %#lx: %s at %#lx", t, s->id,
	     access == RM_ACCESS_WRITE  ? "writes"
	     : access == RM_ACCESS_READ ? "reads"
	                                : "executes",
	     address);
	uint64_t id = s->id, badge = sim_thread_handler(&w.kernel, t)->badge;
	struct guard *guard = guard_up(s, badge, address), told = { 0 };
	uint64_t share = model_share_at(s, address);
	bool was_open = lend_session_open(share), was_honest = !lend_is_violated(share);
	const struct thread *thread = slotmap_get(&w.rm.objects, ID(badge));
	bool unpinned = thread->handler_endpoint && !thread_has_pinned(thread, address);
	bool goes_on = thread_message(t, FAULT_VM, words, 4);
	MUST(!was_open || lend_session_open(share) || lend_may_blame(share),
	     "a session is severed for what was taken away further up (I17)");
	MUST(!was_honest || x == X_GONE || x == X_ANY || model_is_poor(s, address) ||
	             !lend_is_violated(share),
	     "a session is severed for a page that is there (attack 28)");
	enum rm_fault_result result = goes_on ? RM_FAULT_RESULT_RESUME : crash_result(badge);
	thread = slotmap_get(&w.rm.objects, ID(badge)); /* if it is still there */
	if (guard) {
		told = *guard;
		*guard = w.guard_was;
		MUST(!w.forged || !told.result, "a forged guard is followed (attack 27)");
		guard = w.forged ? NULL : guard;
	}
	MUST(unpinned == (!goes_on && result == RM_FAULT_RESULT_NOT_PINNED),
	     "a fault at %#lx comes to %u, and what is there is %spinned", address, result,
	     unpinned ? "not " : "");
	if (s->id != id || unpinned)
		return;
	if (told.result) {
		MUST(told.result != E_AGAIN || !thread || will_be_told(thread->task, address),
		     "nobody is told when %#lx has come", address);
		MUST(goes_on || result == RM_FAULT_RESULT_WAIT, "a guarded access crashes");
		MUST(x == X_ANY ||
		             (told.result == E_GONE
		                      ? x == X_GONE || (x == X_OK && model_is_poor(s, address))
		                      : x == X_WAIT),
		     "%#lx is told to be gone, or not there", address);
		w.kernel.tcbs[t].access = 0;
		guard_held(s, t, address, &told);
		return;
	}
	MUST(!guard || x != X_GONE || !goes_on, "%#lx is gone, and the guard does not know",
	     address);
	/* Unless nobody pays for the zeros, or the notice. */
	MUST(!guard || !(told.flags & GUARD_NOWAIT) || result != RM_FAULT_RESULT_WAIT || !thread ||
	             !thread->fault.paged || model_is_poor(s, address) ||
	             s->core->object.bank->limit - s->core->object.bank->used < 32,
	     "a thread waits for %#lx that would not", address);
	MUST(model_result_ok(s, address, access, x, result),
	     "a fault at %#lx comes to %u, which is not %u", address, result, x);
	if (!goes_on)
		return;
	bool write;
	uint32_t frame = sim_walk(&w.kernel, s->pml4, address, &write);
	MUST(frame && (access != RM_ACCESS_WRITE || write),
	     "a thread goes on, and %#lx is not mapped for that", address);
	w.kernel.tcbs[t].access = 0;
	if (access != RM_ACCESS_EXECUTE)
		model_touch(s, address, access == RM_ACCESS_WRITE, frame);
}

/* A program touches what is not mapped; false: it got no page. */
static bool touch(struct model_space *s, uint64_t at)
{
	bool write = one_in(4);
	enum rm_access access = write ? RM_ACCESS_WRITE : RM_ACCESS_READ;
	struct fault fault = { 0 };
	if (sim_walk(&w.kernel, s->pml4, at, &write) || model_expect(s, at, access) != X_OK)
		return true;
	w.faults++;
	list_init(&fault.link);
	enum rm_fault_result result = fault_resolve(&w.rm, s->core, at, access, &fault);
	MUST(model_result_ok(s, at, access, X_OK, result), "a touch of %#lx comes to %u", at,
	     result);
	uint32_t frame = sim_walk(&w.kernel, s->pml4, at, &write);
	if (result != RM_FAULT_RESULT_RESUME)
		return false;
	model_touch(s, at, access == RM_ACCESS_WRITE, frame);
	return true;
}

/*
 * A program touches page after page of that region, or (0) any, up to a multiple of 2 MiB, and
 * beyond: there a large page may begin. (Its thread is left out: few have one when they show so
 * much.)
 */
static void sweep(struct model_space *s, uint64_t region)
{
	uint64_t at = 0, end = 0;
	for (unsigned int i = 0; i < s->regions && (!end || one_in(2)); i++) {
		const struct model_region *r = &s->region[i];
		uint64_t edge = (r->start | ((1ull << LARGE_BITS) - 1)) + 1;
		uint64_t start = edge - r->start > 64 * PAGE ? edge - 64 * PAGE : r->start;
		if ((region && r->start != region) || edge + (1ull << LARGE_BITS) > r->end ||
		    model_expect(s, start, RM_ACCESS_READ) != X_OK)
			continue;
		at = start;
		end = edge + (1 + below(3)) * PAGE;
	}
	note("a program of %#lx touches %#lx to %#lx", s->id, at, end);
	while (at < end && touch(s, at))
		at += PAGE;
}

/* What a program may do with large pages that it has, and with their dataspace. */
static void use_large(uint32_t vspace, uint32_t memory, uint64_t start, uint64_t pages)
{
	struct rm_dataspace_clone_in clone = { .first = below(3) * LARGE_PAGES };
	struct rm_region_unmap_in unmap = { .start = start + below(pages) * PAGE };
	struct rm_region_protect_in protect = { .start = unmap.start,
		                                .size = 1,
		                                .rights = (uint8_t)below(4) };
	struct rm_dataspace_resize_in resize = { .size = below(pages) };
	struct request r = { .target = memory };
	unmap.size = 1 + below((start + pages * PAGE - unmap.start) / PAGE);
	clone.first = clone.first < pages ? clone.first : below(pages);
	clone.size = 1 + below(pages - clone.first);
	switch (below(7)) {
	case 0:
	case 1:
		r.method = RM_METHOD_DATASPACE_CLONE;
		r.caps = 1;
		r.cap[0] = own(KIND_BANK);
		PUT_BODY(r, clone);
		break;
	case 2:
		unmap.start = start;
		unmap.size = pages < LARGE_PAGES ? pages : LARGE_PAGES;
		/* fall through */
	case 6:
		r.method = RM_METHOD_REGION_UNMAP;
		r.target = vspace;
		PUT_BODY(r, unmap);
		break;
	case 3:
		r.method = RM_METHOD_REGION_PROTECT;
		r.target = vspace;
		PUT_BODY(r, protect);
		break;
	case 4:
		r.method = RM_METHOD_DATASPACE_RESIZE;
		PUT_BODY(r, resize);
		break;
	default:
		r.method = RM_METHOD_VSPACE_CLONE;
		r.target = vspace;
		r.caps = 1;
		r.cap[0] = own(KIND_BANK);
		break;
	}
	const struct model_space *s = vspace_of((int)vspace);
	if (s && s->regions < MODEL_REGIONS / 2 && !model_is_crowded() &&
	    sim_is_held(&w.kernel, w.held[r.target].cap))
		(void)send_request(&r);
}

/* A program wants much memory, at a multiple of 2 MiB, and uses it. */
static void want_much(void)
{
	int vspace = one_in(2) ? (int)own(KIND_VSPACE) : pick(KIND_VSPACE);
	struct rm_dataspace_create_in create = { .size = 1024 + below(700), .align = PAGE_BITS };
	struct rm_region_map_in map = { .start = (1 + below(40)) << LARGE_BITS,
		                        .size = create.size,
		                        .rights = RM_RIGHT_READ | RM_RIGHT_WRITE,
		                        .flags = RM_REGION_FLAGS_FIXED,
		                        .inherit = RM_INHERIT_COPY };
	struct request r = { .method = RM_METHOD_DATASPACE_CREATE, .target = own(KIND_BANK) };
	struct model_space *s = vspace_of(vspace);
	PUT_BODY(r, create);
	if (!s || s->regions > MODEL_REGIONS / 3 || model_is_crowded() || w.sealed ||
	    w.waiting > SENT_MAX / 2 || send_request(&r) != E_OK ||
	    w.held[w.held_count - 1].kind != KIND_DATASPACE)
		return;
	uint32_t memory = w.held_count - 1;
	uint64_t badge = w.held[memory].badge;
	r = (struct request){ .method = RM_METHOD_REGION_MAP,
		              .target = (uint32_t)vspace,
		              .caps = 1,
		              .cap = { memory } };
	PUT_BODY(r, map);
	if (send_request(&r) != E_OK)
		return;
	if (one_in(3)) { /* a page is there already, though nothing shows it */
		struct request end = { .method = RM_METHOD_REGION_UNMAP, .target = r.target };
		const struct rm_region_unmap_in unmap = { map.start, map.size };
		PUT_BODY(end, unmap);
		(void)touch(s, map.start + (1ull << LARGE_BITS) + below(LARGE_PAGES) * PAGE);
		if (send_request(&end) != E_OK || send_request(&r) != E_OK)
			return;
	}
	if (one_in(3))
		donate_page(memory, LARGE_PAGES + below(LARGE_PAGES));
	sweep(s, map.start);
	for (unsigned int i = (unsigned int)below(6); i > 0 && w.held[memory].badge == badge; i--)
		use_large((uint32_t)vspace, memory, map.start, map.size);
}

static bool faults_to_rm(uint32_t t)
{
	const struct sim_cap *handler = sim_thread_handler(&w.kernel, t);
	return handler->type == SIM_ENDPOINT && handler->object == w.rm_object &&
	       handler->badge >> FACET_SHIFT == FACET_OTHER;
}

static int held_thread(const struct thread *thread)
{
	uint64_t id = slotmap_id(&w.rm.objects, thread);
	for (uint32_t i = 0; i < w.held_count; i++)
		if (w.held[i].kind == KIND_THREAD && ID(w.held[i].badge) == id &&
		    sim_is_held(&w.kernel, w.held[i].cap))
			return (int)i;
	return -1;
}

/* The thread of a TCB, if it has a handler of its task's. */
static const struct thread *handled_thread(uint32_t t)
{
	uint32_t cursor = 0;
	const struct object *o;
	while ((o = slotmap_next(&w.rm.objects, &cursor)) != NULL) {
		const struct thread *thread = (const struct thread *)o;
		if (o->kind == KIND_THREAD && !o->dying && thread->handler &&
		    w.kernel.objects[w.kernel.caps[thread->tcb].object].data == t)
			return thread;
	}
	return NULL;
}

/* What its handler does about a page fault: asks rm, and answers, leaves it to rm, or forgets. */
static void handler_does(struct model_space *s, uint32_t t, const struct thread *thread,
                         uint64_t address, enum rm_access access)
{
	struct sim_tcb *tcb = &w.kernel.tcbs[t];
	int held = held_thread(thread);
	enum expected x = model_expect(s, address, access);
	uint64_t id = s->id;
	if (held < 0 || thread->in_fault || address >= RM_USER_TOP)
		return;
	struct request r = { .method = RM_METHOD_THREAD_FAULT, .target = (uint32_t)held };
	const struct rm_thread_fault_in in = { .at = address, .access = access };
	memcpy(r.words, &in, sizeof(in));
	r.length = sizeof(in) / 8;
	note("thread %u of %#lx faults at %#lx, and has a handler", t, s->id, address);
	tcb->state = SIM_IN_FAULT;
	tcb->access = access;
	tcb->address = address;
	if (send_request(&r) != E_OK || s->id != id) {
		tcb->state = tcb->state == SIM_IN_FAULT ? SIM_RUNNING : tcb->state;
		return;
	}
	enum rm_fault_result result = w.told;
	w.handled++;
	/* As with rm, or the reverse: what is gone is told, nothing else is taken for it (I16). */
	MUST(model_result_ok(s, address, access, x, result),
	     "a handler is told %u of %#lx, which is not %u", result, address, x);
	if (result == RM_FAULT_RESULT_WAIT) {
		MUST(thread->in_fault, "a thread waits, and nobody will resume it");
		MUST(!one_in(4) || !sim_is_held(&w.kernel, w.held[held].cap) ||
		             send_request(&r) == E_BUSY,
		     "a thread that waits is put to wait once more");
		tcb->state = tcb->state == SIM_IN_FAULT ? SIM_INACTIVE : tcb->state;
		return;
	}
	MUST(tcb->state == SIM_IN_FAULT, "a thread goes on before its handler answers");
	tcb->state = SIM_RUNNING;
	tcb->access = 0;
	bool write;
	uint32_t frame = sim_walk(&w.kernel, s->pml4, address, &write);
	MUST((result == RM_FAULT_RESULT_RESUME) == (frame && (access != RM_ACCESS_WRITE || write)),
	     "a handler is told %u, and %#lx is mapped otherwise", result, address);
	if (result == RM_FAULT_RESULT_RESUME && access != RM_ACCESS_EXECUTE)
		model_touch(s, address, access == RM_ACCESS_WRITE, frame);
}

static void access_by(struct model_space *s, uint32_t t, uint64_t address, enum rm_access access)
{
	struct sim_tcb *tcb = &w.kernel.tcbs[t];
	bool write;
	uint32_t frame = sim_walk(&w.kernel, s->pml4, address, &write);
	tcb->access = 0;
	if (frame && (write || access != RM_ACCESS_WRITE)) {
		if (access != RM_ACCESS_EXECUTE)
			model_touch(s, address, access == RM_ACCESS_WRITE, frame);
	} else if (faults_to_rm(t)) {
		const struct thread *thread =
		        slotmap_get(&w.rm.objects, ID(sim_thread_handler(&w.kernel, t)->badge));
		if (thread->handler_endpoint && !one_in(40))
			return; /* that would be the end of it */
		tcb->access = access;
		tcb->address = address;
		page_fault(s, t, address, access);
	} else {
		const struct thread *thread = handled_thread(t);
		if (thread)
			handler_does(s, t, thread, address, access);
	}
}

/* A program has all its memory laid out, until there is nothing left to do: then it is so. */
static void lay_out(void)
{
	enum { ROUNDS = 6, MOST = 1500 };
	int vspace = one_in(4) ? (int)own(KIND_VSPACE) : pick(KIND_VSPACE);
	struct model_space *s = vspace_of(vspace);
	struct request r = { .method = RM_METHOD_VSPACE_POPULATE, .target = (uint32_t)vspace };
	if (!s || w.waiting > SENT_MAX / 2 || model_pages(s) > MOST)
		return;
	drain();
	for (unsigned int i = 0; (s = vspace_of(vspace)) != NULL; i++) {
		MUST(i < ROUNDS, "an address space is never laid out");
		w.populated = UINT64_MAX;
		(void)send_request(&r);
		drain();
		if (w.populated == UINT64_MAX || !sim_is_held(&w.kernel, w.held[vspace].cap))
			return;
		if (w.populated > 0)
			continue;
		model_collect();
		model_check_laid_out(s);
		w.laid_out++;
		return;
	}
}

void thread_chance(void)
{
	if (one_in(150)) {
		lay_out();
		return;
	}
	if (!list_is_empty(&w.rm.passive) && one_in(3)) {
		passive_chance();
		return;
	}
	if (one_in(w.seed % 4 == 1 ? 3 : 12)) {
		lend_chance();
		return;
	}
	if (one_in(10)) {
		donate_chance();
		return;
	}
	if (one_in(w.seed % 4 ? 60 : 6)) {
		int vspace = one_in(2) ? (int)own(KIND_VSPACE) : pick(KIND_VSPACE);
		if (one_in(3))
			want_much();
		else if (vspace_of(vspace))
			sweep(vspace_of(vspace), 0);
		return;
	}
	uint32_t t = sim_some_thread(&w.kernel, (uint32_t)below(w.kernel.tcbs_end));
	if (!t)
		return;
	struct sim_tcb *tcb = &w.kernel.tcbs[t];
	struct model_space *s = space_by_pml4(sim_thread_space(&w.kernel, t)->object);
	if (!s)
		return;
	if (one_in(3000) && faults_to_rm(t)) {
		uint64_t words[5] = { 0x400123, 0, 0, 13, 0 };
		note("thread %u crashes", t);
		(void)thread_message(t, FAULT_USER_EXCEPTION, words, 5);
		return;
	}
	for (unsigned int i = 1 + (unsigned int)below(6); i > 0 && tcb->state == SIM_RUNNING; i--) {
		enum rm_access access = one_in(20)  ? RM_ACCESS_EXECUTE
		                        : one_in(2) ? RM_ACCESS_WRITE
		                                    : RM_ACCESS_READ;
		uint64_t address = model_address(s);
		if (tcb->access) {
			access = tcb->access;
			address = tcb->address;
		}
		w.accesses++;
		/* Programs that crash at once would be dull. */
		enum expected x = model_expect(s, address, access);
		if (!tcb->access && x >= X_NO_REGION && (x != X_GONE || one_in(3)) &&
		    (s->core == w.vspace || !one_in(300)))
			continue;
		access_by(s, t, address, access);
	}
}

void thread_uses(struct model_space *s, uint64_t at)
{
	uint32_t t = sim_some_thread(&w.kernel, (uint32_t)below(w.kernel.tcbs_end));
	for (uint32_t n = 0; n < 40 && t; n++, t = sim_some_thread(&w.kernel, t + 1)) {
		if (sim_thread_space(&w.kernel, t)->object != s->pml4 || w.kernel.tcbs[t].access ||
		    !faults_to_rm(t))
			continue;
		access_by(s, t, at, one_in(2) ? RM_ACCESS_WRITE : RM_ACCESS_READ);
		return;
	}
	(void)touch(s, at);
}

/* -- clients and servers ----------------------------------------------------------------------- */

static void client_calls(void)
{
	int h = pick(HELD_SESSION);
	if (h < 0 || w.waiting > SENT_MAX - 60)
		return;
	for (uint32_t i = 0; i < SENT_MAX; i++) {
		if (w.sent[i].used)
			continue;
		w.sent[i] = (struct sent){
			.used = true, .is_call = true, .step = w.step, .badge = w.held[h].badge
		};
		w.waiting++;
		(void)sim_call_queue(&w.kernel, w.held[h].cap, i);
		note("a client calls in session %#lx", w.held[h].badge);
		return;
	}
}

void server_chance(void)
{
	if (one_in(3)) {
		client_calls();
		return;
	}
	int server = pick(HELD_SERVER), reply = pick(HELD_REPLY);
	if (reply < 0)
		return;
	uint32_t r = w.kernel.caps[w.held[reply].cap].object;
	if (w.kernel.objects[r].data) {
		if (one_in(2))
			sim_call_answer(&w.kernel, r);
		return;
	}
	if (server >= 0)
		(void)sim_call_receive(&w.kernel, w.kernel.caps[w.held[server].cap].object, r);
}
