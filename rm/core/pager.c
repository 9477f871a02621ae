/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Dataspaces whose pages come from a server: it is told by pager_read, and supplies them, fails
 * them, or lets the deadline pass; who waits gets the page, or learns that it is lost.
 */
#include "internal.h"
#include <lib/range.h>

static struct dataspace *target(struct rm *rm)
{
	return (struct dataspace *)rm->target;
}

/* Those who wait for pages of a range are told that they are lost. */
static void fail_range(struct rm *rm, struct dataspace *ds, uint64_t first, uint64_t count)
{
	struct list *at = list_first(&ds->waiters), *next;
	for (; at; at = next) {
		struct fault *fault = container_of(at, struct fault, link);
		next = list_after(&ds->waiters, at);
		if (fault->page < first || fault->page - first >= count)
			continue;
		list_remove(at);
		if (fault->thread) {
			thread_crash(rm, fault->thread, FAULT_VM, RM_FAULT_RESULT_LOST);
		} else {
			fault->result = RM_FAULT_RESULT_LOST;
			event_send(rm, fault->vspace->handler, &fault->event);
		}
	}
}

/* The deadline of the longest wait has passed: nothing is answered in time any more. */
void dataspace_timeout(struct rm *rm, struct dataspace *ds)
{
	fail_range(rm, ds, 0, UINT64_MAX);
	if (ds->pager)
		event_cancel(rm, ds->pager, &ds->read_event);
}

/* The longest wait may be over: those that are left have the whole time again. */
static void settle_deadline(struct rm *rm, struct dataspace *ds)
{
	if (list_is_empty(&ds->waiters))
		deadline_cancel(&rm->pager_deadlines, &ds->deadline);
	else
		deadline_set(&rm->pager_deadlines, &ds->deadline,
		             rm->now_ns + ds->deadline_ms * 1000000ull);
}

err_t on_pager_create(void *server, struct proto_request *request,
                      const struct rm_pager_create_in *in)
{
	struct rm *rm = server;
	struct bank *bank = (struct bank *)rm->target;
	struct task *pager = (struct task *)object_find(rm, request->cap_badges[0]);
	struct dataspace *ds;
	if (pager->state == RM_TASK_STATE_DEAD)
		return E_GONE;
	err_t err = dataspace_new(rm, bank, RM_DATASPACE_KIND_PAGED, in->size, false, &ds);
	if (err != E_OK)
		return err;
	ds->pager = pager;
	ds->cookie = in->cookie;
	ds->deadline_ms = in->deadline;
	list_push_back(&pager->pagers, &ds->pager_link);
	err = object_cap(rm, request, &ds->object, FACET_OTHER);
	if (err != E_OK)
		object_kill(rm, &ds->object);
	return err;
}

err_t on_pager_open(void *server, struct proto_request *request, const struct rm_pager_open_in *in)
{
	struct rm *rm = server;
	return object_cap(rm, request, &target(rm)->object, in->rights);
}

err_t on_pager_supply(void *server, struct proto_request *request,
                      const struct rm_pager_supply_in *in)
{
	struct rm *rm = server;
	struct dataspace *ds = target(rm);
	struct dataspace *source = (struct dataspace *)object_find(rm, request->cap_badges[0]);
	uint8_t rights = request->cap_badges[0] >> FACET_SHIFT & FACET_RIGHTS;
	if (ds->lost)
		return E_GONE;
	if (rights != FACET_RIGHTS || source == ds)
		return E_PERM;
	if (!range_ok(in->first, in->count, ds->size) ||
	    !range_ok(in->from, in->count, source->size))
		return E_RANGE;
	if (in->count > STEP_PAGES)
		return E_LIMIT;
	if (ds->copy || source->copy || source->kind != RM_DATASPACE_KIND_ANONYMOUS ||
	    source->flags || source->object.bank != ds->object.bank)
		return E_BUSY;
	/* All must be there, and be the source's alone. */
	for (uint64_t i = 0; i < in->count; i++) {
		bool shared;
		struct page *page = dataspace_page(source, in->from + i, &shared);
		if (!page)
			return E_NOENT;
		if (shared || page->pins > 0)
			return E_BUSY;
	}
	for (uint64_t i = 0; i < in->count; i++) {
		err_t err = dataspace_move(rm, source, in->from + i, ds, in->first + i);
		if (err != E_OK)
			return err;
	}
	dataspace_wake(rm, ds);
	settle_deadline(rm, ds);
	return E_OK;
}

err_t on_pager_fail(void *server, struct proto_request *request, const struct rm_pager_fail_in *in)
{
	struct rm *rm = server;
	(void)request;
	struct dataspace *ds = target(rm);
	if (ds->lost)
		return E_GONE;
	if (!range_ok(in->first, in->count, ds->size))
		return E_RANGE;
	fail_range(rm, ds, in->first, in->count);
	settle_deadline(rm, ds);
	return E_OK;
}

err_t on_pager_detach(void *server, struct proto_request *request)
{
	struct rm *rm = server;
	(void)request;
	struct dataspace *ds = target(rm);
	if (ds->lost)
		return E_GONE;
	struct task *pager = ds->pager;
	dataspace_detach(rm, ds);
	if (pager) {
		list_push_back(&pager->pagers, &ds->pager_link);
		event_send(rm, pager, &ds->detached_event);
	}
	return E_OK;
}
