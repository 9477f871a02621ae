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
 * A server's access to what is gone is no mistake of its own while a guard says so (proto/guard.h):
 * then the thread goes on where the guard says, or zeros stand in for the page. With SEVER the
 * session is cut off first: marked, its capabilities revoked, what was queued cancelled, all its
 * windows empty; only then does the thread go on.
 */
#include "internal.h"
#include <lib/range.h>
#include <proto/guard.h>

enum { CUT_STEPS = 8, REVOKE_STEPS = 8, GUARD_PAGES = 1 };

static struct share *share_at(const struct rm *rm, uint64_t id)
{
	struct object *object = id >> FACET_SHIFT ? NULL : object_find(rm, id);
	return object && object->kind == KIND_SHARE ? (struct share *)object : NULL;
}

bool share_lives(const struct rm *rm, uint64_t id)
{
	return share_at(rm, id) != NULL;
}

/* The share of that id, if the task is on that side of its session. */
static struct share *share_of(struct rm *rm, const struct task *task, uint64_t id, bool client)
{
	struct share *share = share_at(rm, id);
	const struct session *s = share ? share->session : NULL;
	return s && (s->server == task || (client && s->client == task)) ? share : NULL;
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

/* A part of its end. True: no window shows any of it, and it is gone. */
bool share_reap(struct rm *rm, struct share *share)
{
	struct region *r = window_of(rm, share);
	if (r) {
		if (unmap_step(rm, r->vspace, r->interval.start, r->interval.end))
			region_lose(r);
		return false;
	}
	if (share->session->server)
		event_cancel(rm, share->session->server, &share->shared);
	list_remove(&share->session_link);
	list_remove(&share->link);
	object_free(rm, &share->object);
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

/* The thread's guard says how it goes on; without one the access is the server's own mistake. */
static enum rm_fault_result guard_apply(struct rm *rm, const struct thread *thread,
                                        struct region *window, uint64_t address)
{
	char *buffer = frame_window(rm, thread->buffer->frame);
	struct abi_user_context context;
	if (!buffer)
		return RM_FAULT_RESULT_NO_MEMORY;
	/* The program can write to it meanwhile: each word is read once. */
	volatile struct guard *guard = (volatile struct guard *)(buffer + GUARD_OFFSET);
	uint64_t mode = guard->mode, landing = guard->landing, stack = guard->stack;
	if (address < guard->low || address >= guard->high || landing >= RM_USER_TOP ||
	    stack >= RM_USER_TOP || (mode != GUARD_ABORT && mode != GUARD_SUBSTITUTE))
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
		guard->result = E_GONE;
		guard->address = address;
	}
	return RM_FAULT_RESULT_RESUME;
}

/*
 * A thread's access to a window came to GONE. RESUME: it goes on. WAIT: when its session is
 * severed. Else it is the thread's own mistake.
 */
enum rm_fault_result share_fault(struct rm *rm, struct thread *thread, uint64_t address)
{
	struct region *window = region_find(thread->task->vspace, address);
	struct object *object = object_find(rm, window->session);
	struct session *s =
	        object && object->kind == KIND_SESSION ? (struct session *)object : NULL;
	if (window->policy == RM_POLICY_SEVER && s && s->server == thread->task) {
		session_sever(rm, s, RM_REASON_VIOLATION);
		for (unsigned int i = 0; i < CUT_STEPS && !session_is_cut(s); i++)
			(void)session_step(rm, s);
		if (!session_is_cut(s)) {
			list_push_back(&s->faulted, &thread->fault.link);
			return RM_FAULT_RESULT_WAIT;
		}
	}
	return guard_apply(rm, thread, window, address);
}

/* -- requests --------------------------------------------------------------------------------- */

err_t on_share_create(struct rm *rm, struct proto_request *request, struct task *task,
                      struct dataspace *ds, const struct rm_share_create_in *in,
                      struct rm_share_create_out *out)
{
	struct session *s = session_of(rm, task, in->session.raw, false, true);
	uint8_t rights = request->cap_badges[0] >> FACET_SHIFT & FACET_RIGHTS;
	struct share *share;
	if (!s || s->state != RM_SESSION_STATE_OPEN || !s->server)
		return E_GONE;
	if (!in->rights || in->rights & ~(rights & (RM_RIGHT_READ | RM_RIGHT_WRITE)))
		return E_PERM;
	if (!range_ok(in->first, in->size, ds->size))
		return E_RANGE;
	if (ds->kind == RM_DATASPACE_KIND_PAGED || ds->kind == RM_DATASPACE_KIND_DEVICE ||
	    ds->backing)
		return E_UNSUPPORTED;
	err_t err = object_new(rm, s->object.bank, KIND_SHARE, &share);
	if (err != E_OK)
		return err;
	share->session = s;
	share->dataspace = ds;
	share->first = in->first;
	share->size = in->size;
	share->rights = in->rights;
	event_init(&share->shared, RM_EVENT_SHARED);
	list_init(&share->session_link);
	list_init(&share->link);
	list_push_back(&s->shares, &share->session_link);
	list_push_back(&ds->shares, &share->link);
	event_send(rm, s->server, &share->shared);
	out->share = (rm_share_t){ slotmap_id(&rm->objects, share) };
	return E_OK;
}

err_t on_share_revoke(struct rm *rm, struct proto_request *, struct task *task,
                      const struct rm_share_revoke_in *in)
{
	struct share *share = share_of(rm, task, in->share.raw, true);
	if (!share)
		return E_GONE;
	share->object.dying = true;
	for (unsigned int i = 0; i < REVOKE_STEPS; i++)
		if (share_reap(rm, share))
			return E_OK;
	share->object.dying = false;
	err_t err = object_destroy(rm, task->object.bank, &share->object, RM_METHOD_SHARE_REVOKE);
	if (err == E_PENDING)
		return err;
	share->object.dying = true;
	while (!share_reap(rm, share))
		continue; /* there is no memory to wait with */
	return E_OK;
}

err_t on_window_map(struct rm *rm, struct proto_request *, struct vspace *vspace, struct task *task,
                    const struct rm_window_map_in *in, struct rm_window_map_out *out)
{
	struct share *share = share_of(rm, task, in->share.raw, false);
	uint64_t start = in->start;
	if (!share || !share->dataspace || share->dataspace->object.dying)
		return E_GONE;
	if (task->vspace != vspace || !in->rights || in->rights & ~share->rights)
		return E_PERM;
	if (!range_ok(in->first, in->size, share->size))
		return E_RANGE;
	if (vspace->copier)
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
		                     .session = slotmap_id(&rm->objects, share->session) };
	out->at = start;
	return region_new(rm, vspace, &like, share->dataspace, start, in->size,
	                  share->first + in->first);
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
