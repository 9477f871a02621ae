/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What all objects have in common: capabilities to them, how they die, and callers who wait.
 *
 * A capability that goes into a reply stands in the scratch slot until the next request; a
 * session's until the next that needs the slot, or until it is revoked. Its copies outlive it,
 * and the object: then they name an id that is never used again.
 *
 * An object that dies is taken out of its bank's list and put on rm->jobs; steps in turn, one job
 * after the other, take it apart. object_count of its bank counts it until it is gone.
 */
#include "internal.h"
#include <lib/assert.h>

#define ID_MASK ((1ull << FACET_SHIFT) - 1)

/* The living object that a badge stands for; NULL: there is none. */
struct object *object_find(const struct rm *rm, uint64_t badge)
{
	struct object *object = slotmap_get(&rm->objects, badge & ID_MASK);
	return object && !object->dying ? object : NULL;
}

/* The living object that has such an id, as a plain number; NULL: there is none of that kind. */
void *object_of_kind(const struct rm *rm, uint64_t id, enum kind kind)
{
	struct object *object = id >> FACET_SHIFT ? NULL : object_find(rm, id);
	return object && object->kind == kind ? object : NULL;
}

uint64_t object_badge(const struct rm *rm, const struct object *object, unsigned int facet)
{
	return slotmap_id(&rm->objects, object) | (uint64_t)facet << FACET_SHIFT;
}

void scratch_clear(struct rm *rm)
{
	if (rm->scratch_full)
		rm->ops->remove(rm->kernel, rm->scratch);
	rm->scratch_full = false;
	rm->scratch_root = NULL;
}

err_t scratch_mint(struct rm *rm, slot_t from, unsigned int rights, uint64_t badge)
{
	scratch_clear(rm);
	err_t err = KERNEL(rm, mint, rm->scratch, from, rights, badge);
	rm->scratch_badge = badge;
	rm->scratch_full = err == E_OK;
	return err;
}

/* The reply carries a copy of a capability. */
err_t reply_copy(struct rm *rm, struct proto_request *request, slot_t from, unsigned int rights)
{
	scratch_clear(rm);
	err_t err = KERNEL(rm, copy, rm->scratch, from, rights);
	rm->scratch_badge = 0;
	rm->scratch_full = err == E_OK;
	if (err == E_OK)
		request->cap_out = rm->scratch;
	return err;
}

/* The reply carries a capability to the object. */
err_t object_cap(struct rm *rm, struct proto_request *request, const struct object *object,
                 unsigned int facet)
{
	err_t err = scratch_mint(rm, rm->endpoint, CAP_SEND, object_badge(rm, object, facet));
	if (err == E_OK)
		request->cap_out = rm->scratch;
	return err;
}

/* The same for one that was made for the caller: if that fails, it is no more. */
err_t object_made(struct rm *rm, struct proto_request *request, struct object *object,
                  unsigned int facet)
{
	err_t err = object_cap(rm, request, object, facet);
	if (err != E_OK)
		object_kill(rm, object);
	return err;
}

/* -- long work --------------------------------------------------------------------------------- */

/* The object is worked on from now on, by steps. */
void job_add(struct rm *rm, struct object *object)
{
	list_remove(&object->link);
	list_push_back(&rm->jobs, &object->link);
}

/* It stays, and is not worked on any more. */
void job_end(struct rm *rm, struct object *object)
{
	list_remove(&object->link);
	list_push_front(&object->bank->objects, &object->link);
	bank_wake(rm, object->bank);
}

static bool job_step(struct rm *rm, struct object *object)
{
	switch (object->kind) {
	case KIND_BANK:
		return bank_reap(rm, (struct bank *)object);
	case KIND_DATASPACE:
		return object->dying ? dataspace_reap(rm, (struct dataspace *)object)
		                     : dataspace_work(rm, (struct dataspace *)object);
	case KIND_VSPACE:
		return object->dying ? vspace_reap(rm, (struct vspace *)object)
		                     : vspace_work(rm, (struct vspace *)object);
	case KIND_TASK:
		return object->dying ? task_reap(rm, (struct task *)object)
		                     : task_work(rm, (struct task *)object);
	case KIND_THREAD:
		return thread_reap(rm, (struct thread *)object);
	case KIND_SHARE:
		return object->dying ? share_reap(rm, (struct share *)object)
		                     : share_work(rm, (struct share *)object);
	case KIND_DONATION:
		return donation_work(rm, (struct donation *)object);
	default:
		assert(object->kind == KIND_SESSION);
		return session_step(rm, (struct session *)object);
	}
}

bool rm_has_work(const struct rm *rm)
{
	return rm_has_jobs(rm) || memory_has_work(rm);
}

/* How important its work is: as who pays; a session's end also as its server, which waits. */
static uint8_t job_priority(const struct object *object)
{
	const struct session *s = (const struct session *)object;
	const struct task *server = object->kind == KIND_SESSION ? s->server : NULL;
	uint8_t own = object->bank->priority_max;
	uint8_t its = server ? server->object.bank->priority_max : 0;
	return own > its ? own : its;
}

uint8_t rm_work_priority(const struct rm *rm)
{
	enum { LOOKED_AT_MAX = 16 };
	const struct list *retry = list_first(&rm->retry);
	uint8_t best =
	        retry ? container_of(retry, struct fault, link)->vspace->object.bank->priority_max
	              : 0;
	struct list *at = list_first(&rm->jobs);
	for (unsigned int i = 0; at && i < LOOKED_AT_MAX; i++, at = list_after(&rm->jobs, at)) {
		uint8_t priority = job_priority(container_of(at, struct object, link));
		best = priority > best ? priority : best;
	}
	return rm_has_jobs(rm) ? best - (best > 0) : rm->refill_priority;
}

bool rm_step(struct rm *rm)
{
	struct list *retry = list_pop_front(&rm->retry);
	if (retry) {
		fault_retry(rm, container_of(retry, struct fault, link));
		return true;
	}
	struct list *link = list_first(&rm->jobs);
	if (!link) {
		bool more = memory_refill(rm);
		if (!more)
			rm->refill_priority = 0;
		return more;
	}
	/* It may free itself, leave the jobs, or stay; then the others have their turn. */
	struct object *object = container_of(link, struct object, link);
	if (!job_step(rm, object)) {
		list_remove(link);
		list_push_back(&rm->jobs, link);
	}
	return true;
}

/* The object dies: from now on no request finds it. A second time is no harm. */
void object_kill(struct rm *rm, struct object *object)
{
	if (object->dying)
		return;
	switch (object->kind) {
	case KIND_ROOT:
		root_kill(rm, (struct root *)object);
		return;
	case KIND_NOTIFICATION:
		notification_kill(rm, (struct notification *)object);
		return;
	case KIND_SYSTEM:
		object_free(rm, object);
		return;
	case KIND_TASK:
		task_died(rm, (struct task *)object,
		          object->bank->object.dying ? RM_REASON_BANK : RM_REASON_STOPPED, 0);
		break;
	case KIND_DATASPACE:
		dataspace_detach(rm, (struct dataspace *)object);
		break;
	case KIND_SHARE:
		share_close(rm, (struct share *)object);
		break;
	default:
		break;
	}
	object->dying = true;
	job_add(rm, object);
	/* What is small is gone at once. */
	if (object->kind == KIND_THREAD || object->kind == KIND_DATASPACE ||
	    (object->kind == KIND_SESSION && session_is_small((struct session *)object)))
		(void)job_step(rm, object);
}

/* -- callers who wait -------------------------------------------------------------------------- */

/*
 * The caller of the request at hand waits in the list, and the bank pays: rm->reply is another
 * reply object from now on. The handler answers PENDING.
 */
err_t wait_for(struct rm *rm, struct bank *bank, struct list *list, uint8_t method)
{
	struct waiter *waiter = record_get(bank, SLAB_RECORD);
	if (!waiter)
		return E_NOMEM;
	slot_t next = reply_get(rm);
	if (!next) {
		record_put(bank, SLAB_RECORD, waiter);
		return E_NOMEM;
	}
	*waiter = (struct waiter){
		.bank = bank, .reply = rm->reply, .method = method, .number = rm->trace_number
	};
	list_push_back(list, &waiter->link);
	bank->waits++;
	rm->reply = next;
	rm->parked++;
	return E_OK;
}

/* The object dies, and the caller is answered when it is gone; the bank pays for the wait. */
err_t object_destroy(struct rm *rm, struct bank *bank, struct object *object, uint8_t method)
{
	err_t err = wait_for(rm, bank, &object->waiters, method);
	if (err != E_OK)
		return err;
	object_kill(rm, object);
	return E_PENDING;
}

static void waiter_free(struct rm *rm, struct waiter *waiter)
{
	struct bank *bank = waiter->bank;
	list_remove(&waiter->link);
	reply_put(rm, waiter->reply);
	record_put(bank, SLAB_RECORD, waiter);
	bank->waits--;
	bank_wake(rm, bank);
	rm->parked--;
}

/* The request is that of the waiter, answered by now: words, label, capability. */
void answer_request(struct rm *rm, struct waiter *waiter, struct proto_request *request)
{
	assert(request->state == PROTO_ANSWERED);
	trace_answer(rm, waiter, proto_reply_label(request), request->reply, request->reply_length,
	             request->cap_out);
	rm->ops->answer(rm->kernel, waiter->reply, proto_reply_label(request), request->reply,
	                request->reply_length, request->cap_out);
	waiter_free(rm, waiter);
}

/* Of a method without results, or with an error. */
void answer_err(struct rm *rm, struct waiter *waiter, err_t err)
{
	trace_answer(rm, waiter, err == E_OK ? 0 : (uint64_t)err, NULL, 0, 0);
	rm->ops->answer(rm->kernel, waiter->reply, err == E_OK ? 0 : (uint64_t)err, NULL, 0, 0);
	waiter_free(rm, waiter);
}

void answer_all(struct rm *rm, struct list *waiters, err_t err)
{
	while (!list_is_empty(waiters))
		answer_err(rm, container_of(list_first(waiters), struct waiter, link), err);
}
