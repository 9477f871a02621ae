/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Memory across sessions: a client lends pages of a dataspace to the session's server, and keeps
 * the power to take them away at any moment.
 *
 * What the server has is a window: a region of its own address space that shows the client's
 * dataspace, and bears the ids of share and session. So a page that the client gives up in any way
 * (shrinks, destroys, moves away) leaves the window as it leaves every region. When the share ends,
 * the windows' mappings go, and they show nothing from then on (GONE) until the server unmaps them:
 * an address that it remembers never comes to mean something else.
 *
 * Sealed memory needs no guard. Before the server hears of a sealed share, all its pages are made,
 * in steps, and if they may be written they are the dataspace's alone, and single: no fault in a
 * window on them takes memory of the client's from then on. While ds->seals, the dataspace gives
 * up no page, what copies it copies its pages at once, and its end waits, and with it that of its
 * bank. It waits until the server has released the share, acknowledged the end of the session, or
 * is dead: when a sealed dataspace dies, the session is severed: the server's deadline runs.
 *
 * What its client wants back when it is released (recalled) ends when no window shows it.
 *
 * A server passes a share, or a part of it, on in a session in which it is the client: a share with
 * a parent. The end of the parent is the end of its children first; but a sealed child is the
 * server's promise: it is left as it is, without a parent, and its session severed, so that it ends
 * within the next server's deadline. Who is cut off for a missing page is the client whose end of
 * the chain took it away.
 *
 * A server's access to what is gone is no mistake of its own while a guard says so (proto/guard.h):
 * then the thread goes on where the guard says, or zeros stand in for the page. With SEVER the
 * session is cut off first: marked, its capabilities revoked, what was queued cancelled, all its
 * windows empty; only then does the thread go on.
 */
#include "internal.h"
#include <lib/range.h>
#include <proto/guard.h>

enum { CUT_STEPS = 8, GUARD_PAGES = 1, PASSED_ON_MAX = 8 };

/* The share of that id, if neither it has ended nor what it was passed on from. */
struct share *share_find(const struct rm *rm, uint64_t id)
{
	struct share *share = object_of_kind(rm, id, KIND_SHARE);
	if (!share || share->filling)
		return NULL;
	for (const struct share *at = share; at && !at->sealed; at = at->parent)
		if (at->object.dying)
			return NULL;
	return share;
}

/* The same, if the task is the session's client, or its server. */
static struct share *share_of_client(const struct rm *rm, const struct task *task, uint64_t id)
{
	struct share *share = share_find(rm, id);
	return share && share->session->client == task ? share : NULL;
}

static struct share *share_of_server(const struct rm *rm, const struct task *task, uint64_t id)
{
	struct share *share = share_find(rm, id);
	return share && share->session->server == task ? share : NULL;
}

/* Its server may do something new with it: the session is open, and there are pages. */
static bool is_open(const struct share *share)
{
	return share->session->state == RM_SESSION_STATE_OPEN && share->dataspace &&
	       !share->dataspace->object.dying;
}

/* -- sealing ---------------------------------------------------------------------------------- */

/* All its pages are there: its server is told. */
static void seal(struct share *share)
{
	share->filling = false;
	share->sealed = true;
	list_remove(&share->session_link);
	list_push_back(&share->session->shares, &share->session_link);
}

/* It ends, or its server has left: that is told nothing more, and no page is kept for it. */
void share_close(struct rm *rm, struct share *share)
{
	struct dataspace *ds = share->dataspace;
	if (share->session->server) {
		event_cancel(rm, share->session->server, &share->shared);
		event_cancel(rm, share->session->server, &share->recall);
	}
	if (!share->filling && !share->sealed)
		return;
	if (share->filling)
		answer_all(rm, &share->object.waiters, E_GONE);
	share->filling = share->sealed = false;
	list_remove(&share->session_link);
	list_push_front(&share->session->shares, &share->session_link);
	if (--ds->seals == 0 && ds->object.dying)
		job_add(rm, &ds->object);
}

/* A page is there, and needs no memory to be written, if it may be. */
static err_t keep_page(struct rm *rm, struct dataspace *ds, uint64_t index, bool writable)
{
	bool shared;
	struct page *page = dataspace_page(ds, index, &shared);
	if (!page)
		return ds->lost || donation_took(ds, index) ? E_GONE
		                                            : dataspace_fill(rm, ds, index, &page);
	err_t err = dataspace_split(rm, ds, index);
	return err == E_OK && writable ? dataspace_own(rm, ds, index, &page) : err;
}

/* A part of the pages of a share that is to be sealed. PENDING: there are more. */
static err_t fill_step(struct rm *rm, struct share *share)
{
	struct dataspace *ds = share->dataspace;
	if (ds->object.dying || share->session->state != RM_SESSION_STATE_OPEN)
		return E_GONE;
	const struct bank *bank = ds->object.bank;
	uint64_t most = bank->used + STEP_PAGES;
	/* Those that are there are quick to look at. */
	for (unsigned int i = 0; i < CHUNK_PAGES && bank->used < most && !ds->copy;
	     i++, share->filled++) {
		if (share->filled == share->size)
			return E_OK;
		err_t err = keep_page(rm, ds, share->first + share->filled,
		                      share->rights & RM_RIGHT_WRITE);
		if (err != E_OK)
			return err;
	}
	return E_PENDING;
}

/* The same of the work on it; true: it is done, and the caller answered. */
bool share_work(struct rm *rm, struct share *share)
{
	uint64_t words[PROTO_WORDS_FAST];
	struct proto_request request = { .state = PROTO_PARKED, .reply = words };
	const struct rm_share_create_out out = { .share = { slotmap_id(&rm->objects, share) } };
	err_t err = fill_step(rm, share);
	if (err == E_PENDING)
		return false;
	job_end(rm, &share->object);
	rm_share_create_answer(&request, err, &out);
	answer_request(rm, container_of(list_first(&share->object.waiters), struct waiter, link),
	               &request);
	if (err != E_OK) {
		object_kill(rm, &share->object);
		return true;
	}
	seal(share);
	event_send(rm, share->session->server, &share->shared);
	return true;
}

/*
 * A dataspace that dies has to stay, for something of it is sealed: share_close goes on with its
 * end. Those to whom its owners have sealed it are to let go.
 */
bool share_holds(struct rm *rm, struct dataspace *ds)
{
	for (struct list *at = list_first(&ds->shares); at; at = list_after(&ds->shares, at)) {
		struct share *share = container_of(at, struct share, link);
		if (share->sealed && !share->parent)
			session_sever(rm, share->session, RM_REASON_BANK);
	}
	if (ds->seals == 0)
		return false;
	list_remove(&ds->object.link);
	return true;
}

/* -- the end of a share ----------------------------------------------------------------------- */

/* A window on it that shows something; NULL: none. */
static struct region *window_of(const struct rm *rm, const struct share *share)
{
	const struct dataspace *ds = share->dataspace;
	uint64_t id = slotmap_id(&rm->objects, share);
	for (struct list *at = ds ? list_first(&ds->regions) : NULL; at;
	     at = list_after(&ds->regions, at)) {
		struct region *r = container_of(at, struct region, link);
		if (r->share == id)
			return r;
	}
	return NULL;
}

static struct share *child_of(const struct share *share)
{
	struct list *link = list_first(&share->children);
	return link ? container_of(link, struct share, sibling) : NULL;
}

/* If its client wants it back, and nobody uses it, it ends. NULL: there is none. */
void share_settle(struct rm *rm, struct share *share)
{
	if (share && share->recalled && !child_of(share) && !window_of(rm, share))
		object_kill(rm, &share->object);
}

/* The session whose client took its pages away, or would if they go. */
static uint64_t session_to_blame(const struct rm *rm, const struct share *share)
{
	const struct share *ended = NULL, *first = share;
	for (; share; first = share, share = share->parent)
		ended = share->object.dying ? share : ended;
	return slotmap_id(&rm->objects, (ended ? ended : first)->session);
}

/* The next that was passed on from it has to do without, or ends first. */
static void reap_child(struct rm *rm, struct share *child)
{
	if (child->sealed) {
		list_remove(&child->sibling);
		child->parent = NULL;
		session_sever(rm, child->session, RM_REASON_VIOLATION);
	} else {
		object_kill(rm, &child->object);
		(void)share_reap(rm, child);
	}
}

/* A part of its end. True: no window shows any of it, and it is gone. */
bool share_reap(struct rm *rm, struct share *share)
{
	struct share *child = child_of(share), *parent = share->parent;
	struct region *r = child ? NULL : window_of(rm, share);
	if (child)
		reap_child(rm, child);
	if (r && unmap_step(rm, r->vspace, r->interval.start, r->interval.end)) {
		r->session = session_to_blame(rm, share);
		region_hide(rm, r);
	}
	if (child || r)
		return false;
	list_remove(&share->session_link);
	list_remove(&share->link);
	list_remove(&share->sibling);
	object_free(rm, &share->object);
	share_settle(rm, parent);
	return true;
}

/* -- accesses to what is gone ----------------------------------------------------------------- */

/* Nothing stands in for pages of the window any more. */
void window_restore(struct rm *rm, struct region *window)
{
	/* It may have died with its bank. */
	struct dataspace *ds =
	        window->substitute ? slotmap_get(&rm->objects, window->substitute) : NULL;
	window->substitute = 0;
	if (!ds)
		return;
	for (uint64_t at = window->interval.start; at < window->interval.end;) {
		struct mapping *m = mapping_at(window->vspace, at);
		bool shared;
		const struct page *page =
		        dataspace_page(ds, (at - window->interval.start) / PAGE, &shared);
		at += PAGE;
		if (m && page && page->frame == m->frame)
			unmap_page(rm, window->vspace, at - PAGE);
	}
	object_kill(rm, &ds->object);
}

/* A page of zeros, which the server pays for, in place of the client's. */
static enum rm_fault_result substitute(struct rm *rm, struct region *window, uint64_t address)
{
	struct bank *bank = window->vspace->object.bank;
	uint64_t start = window->interval.start, index = (address - start) / PAGE;
	struct page *page;
	bool shared;
	struct dataspace *ds = slotmap_get(&rm->objects, window->substitute);
	if (!ds && dataspace_new(rm, bank, RM_DATASPACE_KIND_ANONYMOUS,
	                         (window->interval.end - start) / PAGE, true, &ds) != E_OK)
		return RM_FAULT_RESULT_NO_MEMORY;
	window->substitute = slotmap_id(&rm->objects, ds);
	page = dataspace_page(ds, index, &shared);
	if (ds->object.dying || (!page && dataspace_fill(rm, ds, index, &page) != E_OK))
		return RM_FAULT_RESULT_NO_MEMORY;
	return map_page(rm, window->vspace, start + index * PAGE, page->frame,
	                window->rights & RM_RIGHT_WRITE, region_attributes(window)) == E_OK
	               ? RM_FAULT_RESULT_RESUME
	               : RM_FAULT_RESULT_NO_MEMORY;
}

/* The program can write to it meanwhile: each word is to be read once. NULL: no memory. */
static volatile struct guard *guard_of(struct rm *rm, const struct thread *thread)
{
	char *buffer = frame_window(rm, thread->buffer->frame);
	return buffer ? (volatile struct guard *)(buffer + GUARD_OFFSET) : NULL;
}

static bool guard_covers(const volatile struct guard *guard, uint64_t address)
{
	return address >= guard->low && address < guard->high;
}

/* The thread's guard says how it goes on; without one the access is the server's own mistake. */
static enum rm_fault_result guard_apply(struct rm *rm, const struct thread *thread,
                                        struct region *window, uint64_t address, err_t why)
{
	struct abi_user_context context;
	volatile struct guard *guard = guard_of(rm, thread);
	if (!guard)
		return RM_FAULT_RESULT_NO_MEMORY;
	uint64_t mode = guard->mode, landing = guard->landing, stack = guard->stack;
	if (!guard_covers(guard, address) || landing >= RM_USER_TOP || stack >= RM_USER_TOP ||
	    (mode != GUARD_ABORT && mode != GUARD_SUBSTITUTE))
		return RM_FAULT_RESULT_GONE;
	if (mode == GUARD_SUBSTITUTE) {
		enum rm_fault_result result = substitute(rm, window, address);
		if (result != RM_FAULT_RESULT_RESUME)
			return result;
	} else {
		if (KERNEL(rm, thread_read, thread->tcb, &context) != E_OK)
			return RM_FAULT_RESULT_GONE;
		context.rip = landing;
		context.rsp = stack;
		if (KERNEL(rm, thread_write, thread->tcb, &context) != E_OK)
			return RM_FAULT_RESULT_GONE;
		guard->mode = GUARD_NONE;
	}
	if (guard->result == 0) {
		guard->result = (uint64_t)why;
		guard->address = address;
	}
	return RM_FAULT_RESULT_RESUME;
}

/*
 * A thread's access to a window came to GONE. GONE: its session, *blamed, is severed by now, if
 * that is the policy. WAIT: it will be.
 */
enum rm_fault_result share_gone(struct rm *rm, struct thread *thread, uint64_t address,
                                uint64_t *blamed)
{
	const struct region *window = region_find(thread->task->vspace, address);
	const struct share *share = slotmap_get(&rm->objects, window->share);
	/* Of one that shows nothing any more, who was to blame when it came to that. */
	bool shows = share && window->dataspace;
	*blamed = shows ? session_to_blame(rm, share) : window->session;
	struct session *s = object_of_kind(rm, *blamed, KIND_SESSION);
	if (window->policy == RM_POLICY_SEVER && s) {
		session_sever(rm, s, RM_REASON_VIOLATION);
		bool over = session_is_cut(s);
		for (unsigned int i = 0; i < CUT_STEPS && !over && !s->object.dying; i++)
			over = session_step(rm, s);
		if (!session_is_cut(s)) {
			list_push_back(&s->faulted, &thread->fault.link);
			return RM_FAULT_RESULT_WAIT;
		}
	}
	return RM_FAULT_RESULT_GONE;
}

/* The same, then as the thread's guard has it. RESUME: it goes on. Else it is its own mistake. */
enum rm_fault_result share_fault(struct rm *rm, struct thread *thread, uint64_t address)
{
	uint64_t blamed;
	enum rm_fault_result result = share_gone(rm, thread, address, &blamed);
	struct region *window = region_find(thread->task->vspace, address);
	return result == RM_FAULT_RESULT_GONE ? guard_apply(rm, thread, window, address, E_GONE)
	                                      : result;
}

/* A thread that waits for a pager's page of a window would not have waited. */
bool share_hurries(struct rm *rm, const struct thread *thread)
{
	uint64_t address = thread->fault.address;
	const struct region *window = region_find(thread->task->vspace, address);
	volatile struct guard *guard = window && window->share ? guard_of(rm, thread) : NULL;
	return guard && guard->flags & GUARD_NOWAIT && guard->mode != GUARD_NONE &&
	       guard_covers(guard, address);
}

/* It goes on without the page, and its task is told when that has come. */
enum rm_fault_result share_again(struct rm *rm, struct thread *thread)
{
	struct fault *fault = &thread->fault;
	struct task *task = thread->task;
	struct fault *ask = fault_ask(fault, task, &task->awaited, RM_EVENT_CLIENT_PAGE);
	enum rm_fault_result result =
	        guard_apply(rm, thread, region_find(task->vspace, fault->address), fault->address,
	                    ask ? E_AGAIN : E_NOMEM);
	if (result != RM_FAULT_RESULT_RESUME) { /* then it waits all the same */
		if (ask)
			fault_forget(rm, ask);
		return RM_FAULT_RESULT_WAIT;
	}
	if (ask)
		list_insert_before(&fault->link, &ask->link);
	list_remove(&fault->link);
	return result;
}

/* -- requests --------------------------------------------------------------------------------- */

static err_t share_new(struct rm *rm, struct session *s, struct dataspace *ds, struct share **made)
{
	err_t err = object_new(rm, s->object.bank, KIND_SHARE, made);
	if (err != E_OK)
		return err;
	struct share *share = *made;
	share->session = s;
	share->dataspace = ds;
	event_init(&share->shared, RM_EVENT_SHARED);
	event_init(&share->recall, RM_EVENT_SHARE_RECALLED);
	list_init(&share->session_link);
	list_init(&share->link);
	list_init(&share->children);
	list_init(&share->sibling);
	return E_OK;
}

/* Its session and its dataspace have it from now on; its server, if it is not to be filled. */
static void share_begin(struct rm *rm, struct share *share)
{
	struct dataspace *ds = share->dataspace;
	list_push_back(&ds->shares, &share->link);
	list_push_front(&share->session->shares, &share->session_link);
	ds->seals += share->filling || share->sealed;
	if (share->filling)
		job_add(rm, &share->object);
	else
		event_send(rm, share->session->server, &share->shared);
	if (share->sealed)
		seal(share);
}

err_t on_share_create(struct rm *rm, struct proto_request *request, struct task *task,
                      struct dataspace *ds, const struct rm_share_create_in *in,
                      struct rm_share_create_out *out)
{
	struct session *s = session_to_give(rm, task, in->session.raw);
	const struct bank *bank = ds->object.bank;
	uint8_t rights = rights_of(request->cap_badges[0]);
	bool sealed = in->class == RM_SHARE_CLASS_SEALED;
	struct share *share;
	if (!s)
		return E_GONE;
	if (!in->rights || in->rights & ~(rights & (RM_RIGHT_READ | RM_RIGHT_WRITE)) ||
	    (sealed && rights != FACET_RIGHTS))
		return E_PERM;
	if (!range_ok(in->first, in->size, ds->size))
		return E_RANGE;
	if ((ds->kind == RM_DATASPACE_KIND_PAGED && sealed) ||
	    ds->kind == RM_DATASPACE_KIND_DEVICE || ds->kind == RM_DATASPACE_KIND_RAW ||
	    ds->backing)
		return E_UNSUPPORTED;
	if (sealed && (ds->giving || !donation_spares(ds, in->first, in->first + in->size)))
		return E_BUSY;
	/* What can never be filled is not begun. */
	if (sealed && in->size > ds->resident && in->size - ds->resident > bank->limit - bank->used)
		return E_NOMEM;
	err_t err = share_new(rm, s, ds, &share);
	if (err != E_OK)
		return err;
	if (sealed)
		err = wait_for(rm, task->object.bank, &share->object.waiters,
		               RM_METHOD_SHARE_CREATE);
	if (err != E_OK) {
		object_free(rm, &share->object);
		return err;
	}
	share->first = in->first;
	share->size = in->size;
	share->rights = in->rights;
	share->filling = sealed;
	share_begin(rm, share);
	out->share = (rm_share_t){ slotmap_id(&rm->objects, share) };
	return sealed ? E_PENDING : E_OK;
}

err_t on_share_pass(struct rm *rm, struct proto_request *, struct task *task,
                    const struct rm_share_pass_in *in, struct rm_share_pass_out *out)
{
	struct share *share = share_of_server(rm, task, in->share.raw), *child;
	struct session *s = session_to_give(rm, task, in->session.raw);
	if (!share || !is_open(share) || !s)
		return E_GONE;
	if (!in->rights || in->rights & ~share->rights)
		return E_PERM;
	if (!range_ok(in->first, in->size, share->size))
		return E_RANGE;
	if (share->recalled)
		return E_BUSY;
	if (share->depth == PASSED_ON_MAX)
		return E_LIMIT;
	err_t err = share_new(rm, s, share->dataspace, &child);
	if (err != E_OK)
		return err;
	child->parent = share;
	child->depth = share->depth + 1;
	child->first = share->first + in->first;
	child->size = in->size;
	child->rights = in->rights;
	child->sealed = share->sealed;
	list_push_back(&share->children, &child->sibling);
	share_begin(rm, child);
	out->share = (rm_share_t){ slotmap_id(&rm->objects, child) };
	return E_OK;
}

/* It was not passed on, and at most one window shows it, a small one: it ends in a few steps. */
static bool is_small(const struct rm *rm, const struct share *share)
{
	const struct dataspace *ds = share->dataspace;
	uint64_t id = slotmap_id(&rm->objects, share);
	unsigned int windows = 0;
	for (struct list *at = ds ? list_first(&ds->regions) : NULL; at;
	     at = list_after(&ds->regions, at)) {
		const struct region *r = container_of(at, struct region, link);
		if (r->share == id &&
		    (++windows > 1 || r->interval.end - r->interval.start > 1ull << LARGE_BITS))
			return false;
	}
	return !child_of(share);
}

/* It ends: at once, if that is quick; else the caller is answered later. */
static err_t share_end(struct rm *rm, struct task *task, struct share *share, uint8_t method)
{
	if (!is_small(rm, share))
		return object_destroy(rm, task->object.bank, &share->object, method);
	object_kill(rm, &share->object);
	while (!share_reap(rm, share))
		continue;
	return E_OK;
}

err_t on_share_revoke(struct rm *rm, struct proto_request *, struct task *task,
                      const struct rm_share_revoke_in *in)
{
	struct share *share = share_of_client(rm, task, in->share.raw);
	if (!share)
		return E_GONE;
	if (in->when == RM_WHEN_NOW)
		return share->sealed ? E_BUSY : share_end(rm, task, share, RM_METHOD_SHARE_REVOKE);
	err_t err = wait_for(rm, task->object.bank, &share->object.waiters, RM_METHOD_SHARE_REVOKE);
	if (err != E_OK)
		return err;
	bool again = share->recalled;
	share->recalled = true;
	share_settle(rm, share);
	if (!again && !share->object.dying && share->session->server)
		event_send(rm, share->session->server, &share->recall);
	return E_PENDING;
}

err_t on_share_release(struct rm *rm, struct proto_request *, struct task *task,
                       const struct rm_share_release_in *in)
{
	struct share *share = share_of_server(rm, task, in->share.raw);
	if (!share)
		return E_GONE;
	/* Nobody is to blame its client when that one's pages are missing. */
	if (child_of(share))
		return E_BUSY;
	return share_end(rm, task, share, RM_METHOD_SHARE_RELEASE);
}

err_t on_window_map(struct rm *rm, struct proto_request *, struct vspace *vspace, struct task *task,
                    const struct rm_window_map_in *in, struct rm_window_map_out *out)
{
	struct share *share = share_of_server(rm, task, in->share.raw);
	uint64_t start = in->start;
	if (!share || !is_open(share))
		return E_GONE;
	if (task->vspace != vspace || !in->rights || in->rights & ~share->rights)
		return E_PERM;
	if (!range_ok(in->first, in->size, share->size))
		return E_RANGE;
	if (vspace->copier || share->recalled)
		return E_BUSY;
	if (!start) {
		if (region_place(vspace, in->size + 2 * GUARD_PAGES, &start) != E_OK)
			return E_RANGE;
		start += GUARD_PAGES * PAGE;
	}
	const struct region like = { .rights = in->rights,
		                     .rights_max = in->rights,
		                     .inherit = RM_INHERIT_NONE,
		                     .policy = in->policy,
		                     .share = in->share.raw,
		                     .session = session_to_blame(rm, share) };
	out->at = start;
	err_t err = region_new(rm, vspace, &like, share->dataspace, start, in->size,
	                       share->first + in->first);
	/* It will be touched, from its beginning on most likely. */
	if (err == E_OK)
		fault_populate(rm, vspace, start, in->size < AROUND_MAX ? in->size : AROUND_MAX);
	return err;
}

err_t on_window_clean(struct rm *rm, struct proto_request *, struct vspace *vspace,
                      const struct rm_window_clean_in *in)
{
	struct region *window = region_find(vspace, in->at);
	if (!window || !window->share)
		return E_NOENT;
	window_restore(rm, window);
	return E_OK;
}
