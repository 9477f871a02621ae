/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Dataspaces whose pages come from a server: it is told by pager_read, and supplies them, fails
 * them, or lets the deadline pass; who waits gets the page, or learns that it is lost.
 */
#include "internal.h"
#include <lib/range.h>

/* Those who wait for pages of a range are in the list, and wait no more. */
static void take_range(struct dataspace *ds, uint64_t first, uint64_t count, struct list *taken)
{
	struct list *at = list_first(&ds->waiters), *next;
	list_init(taken);
	for (; at; at = next) {
		const struct fault *fault = container_of(at, struct fault, link);
		next = list_after(&ds->waiters, at);
		if (fault->page < first || fault->page - first >= count)
			continue;
		list_remove(at);
		list_push_back(taken, at);
	}
}

/*
 * They are told that their pages are lost. The end of one may be that of others: see task_died().
 */
static void fail_all(struct rm *rm, struct list *taken)
{
	struct list *link;
	while ((link = list_pop_front(taken)) != NULL)
		fault_end(rm, container_of(link, struct fault, link), RM_FAULT_RESULT_LOST);
}

/* The deadline is that of the longest wait. */
static void settle_deadline(struct rm *rm, struct dataspace *ds)
{
	const struct list *first = list_first(&ds->waiters);
	if (!first)
		deadline_cancel(&rm->pager_deadlines, &ds->deadline);
	else
		deadline_set(&rm->pager_deadlines, &ds->deadline,
		             container_of(first, struct fault, link)->since_ns +
		                     ds->deadline_ms * 1000000ull);
}

/* The deadline has passed: those who have waited so long are told that nothing came. */
void dataspace_timeout(struct rm *rm, struct dataspace *ds)
{
	struct list taken, *link;
	list_init(&taken);
	while ((link = list_first(&ds->waiters)) != NULL) {
		const struct fault *fault = container_of(link, struct fault, link);
		if (fault->since_ns + ds->deadline_ms * 1000000ull > rm->now_ns)
			break;
		list_remove(link);
		list_push_back(&taken, link);
	}
	fail_all(rm, &taken);
	settle_deadline(rm, ds);
	if (ds->pager && list_is_empty(&ds->waiters))
		event_cancel(rm, ds->pager, &ds->read_event);
}

err_t on_pager_create(struct rm *rm, struct proto_request *request, struct bank *bank,
                      struct task *pager, const struct rm_pager_create_in *in)
{
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
	return object_made(rm, request, &ds->object, FACET_OTHER);
}

err_t on_pager_open(struct rm *rm, struct proto_request *request, struct dataspace *ds,
                    const struct rm_pager_open_in *in)
{
	return object_cap(rm, request, &ds->object, in->rights);
}

err_t on_pager_supply(struct rm *rm, struct proto_request *request, struct dataspace *ds,
                      struct dataspace *source, const struct rm_pager_supply_in *in)
{
	if (ds->lost)
		return E_GONE;
	if (rights_of(request->cap_badges[0]) != FACET_RIGHTS || source == ds)
		return E_PERM;
	if (!range_ok(in->first, in->count, ds->size) ||
	    !range_ok(in->from, in->count, source->size))
		return E_RANGE;
	if (in->count > SUPPLY_MAX)
		return E_LIMIT;
	if (ds->copy || source->copy || source->giving || source->donation || source->seals > 0 ||
	    source->kind != RM_DATASPACE_KIND_ANONYMOUS || source->flags ||
	    source->object.bank != ds->object.bank)
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
	err_t err = dataspace_move(rm, source, in->from, ds, in->first, in->count);
	if (err != E_OK)
		return err;
	struct list taken;
	take_range(ds, in->first, in->count, &taken);
	list_append_all(&rm->retry, &taken);
	settle_deadline(rm, ds);
	return E_OK;
}

err_t on_pager_fail(struct rm *rm, struct proto_request *, struct dataspace *ds,
                    const struct rm_pager_fail_in *in)
{
	if (ds->lost)
		return E_GONE;
	if (!range_ok(in->first, in->count, ds->size))
		return E_RANGE;
	struct list taken;
	take_range(ds, in->first, in->count, &taken);
	fail_all(rm, &taken);
	settle_deadline(rm, ds);
	return E_OK;
}

err_t on_pager_detach(struct rm *rm, struct proto_request *, struct dataspace *ds)
{
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
