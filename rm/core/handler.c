/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Threads that handle the faults of others of their task (protocols.md, section 4: the internal
 * half), and what they have pinned.
 *
 * rm still says what a page fault is, and pages; it severs the client that is to blame. The handler
 * does the rest: it aborts the access by the thread's registers. A fault that waits is not kept for
 * the handler: when it is over the thread is resumed, tries again, and if that faults the handler
 * asks again. So nothing need be told to a handler, and it may forget the message. Only a page that
 * its pager does not bring is rm's to deal with, as without a handler: to try again would be to ask
 * the pager again. So is an access that would not wait (NOWAIT).
 *
 * A handler's own faults are rm's, and its task's end, but on pages that it has pinned: these are
 * there, and only their mappings may have gone (a copy hides them). It cannot be destroyed while it
 * has threads to handle: their faults would stay unanswered.
 */
#include "internal.h"
#include <lib/range.h>

enum { PINS = 16 };

/* Pages in a row that a thread has pinned. */
struct pins {
	struct list link; /* in the thread's pins */
	uint64_t address;
	uint32_t count;
	struct page *page[PINS];
};
_Static_assert(sizeof(struct pins) <= RECORD_BYTES);

/* -- pinning ----------------------------------------------------------------------------------- */

/* The region, if what it shows there is the thread's own memory to pin. */
static err_t find_own(const struct thread *thread, uint64_t address, uint8_t rights,
                      struct region **found)
{
	const struct vspace *vspace = thread->task->vspace;
	struct region *r = region_find(vspace, address);
	const struct dataspace *ds = r ? r->dataspace : NULL;
	*found = r;
	if (!ds || ds->object.dying || !r->rights || (r->rights & rights) != rights ||
	    ds->kind == RM_DATASPACE_KIND_DEVICE)
		return E_INVAL;
	return r->share || ds->object.bank != thread->object.bank || vspace->copier || ds->copy ||
	                       ds->giving || ds->donation
	               ? E_PERM
	               : E_OK;
}

/* The page is mapped, with what its region allows. Nobody waits for it. */
static err_t map_own(struct rm *rm, struct vspace *vspace, uint64_t address, uint8_t rights)
{
	enum rm_access access = rights & RM_RIGHT_WRITE  ? RM_ACCESS_WRITE
	                        : rights & RM_RIGHT_READ ? RM_ACCESS_READ
	                                                 : RM_ACCESS_EXECUTE;
	struct fault fault = { .vspace = vspace, .address = address, .access = access };
	list_init(&fault.link);
	enum rm_fault_result result = fault_resolve(rm, vspace, address, access, &fault);
	list_remove(&fault.link);
	return result == RM_FAULT_RESULT_RESUME ? E_OK : E_NOMEM;
}

/*
 * The page at the address, in a region with those rights, is the task's own, there, mapped and
 * pinned. It is no large one, and no other dataspace's.
 */
err_t page_pin_at(struct rm *rm, struct thread *thread, uint64_t address, uint8_t rights,
                  struct page **pinned)
{
	struct vspace *vspace = thread->task->vspace;
	struct region *r;
	bool shared = false;
	err_t err = find_own(thread, address, rights, &r);
	if (err != E_OK)
		return err;
	err = map_own(rm, vspace, address, r->rights);
	uint64_t index = region_index(r, address);
	if (err == E_OK)
		err = dataspace_split(rm, r->dataspace, index);
	struct page *page = err == E_OK ? dataspace_page(r->dataspace, index, &shared) : NULL;
	if (err == E_OK && shared)
		err = dataspace_own(rm, r->dataspace, index, &page);
	/* Both may have unmapped it. */
	if (err == E_OK)
		err = map_own(rm, vspace, address, r->rights);
	if (err != E_OK)
		return err;
	if (!page_pin(thread->object.bank, page))
		return E_LIMIT;
	*pinned = page;
	return E_OK;
}

static void pins_end(struct rm *rm, struct thread *thread, struct pins *pins)
{
	struct bank *bank = thread->object.bank;
	list_remove(&pins->link);
	while (pins->count > 0)
		page_unpin(rm, bank, pins->page[--pins->count]);
	record_put(bank, SLAB_RECORD, pins);
}

/* A part of what it has pinned is no more. True: that was all. */
bool thread_unpin(struct rm *rm, struct thread *thread)
{
	struct list *link = list_first(&thread->pins);
	if (link)
		pins_end(rm, thread, container_of(link, struct pins, link));
	return list_is_empty(&thread->pins);
}

static bool shows(const struct vspace *vspace, uint64_t address, const struct page *page)
{
	const struct region *r = region_find(vspace, address);
	bool shared;
	return r && r->dataspace && page && region_index(r, address) < r->dataspace->size &&
	       dataspace_page(r->dataspace, region_index(r, address), &shared) == page;
}

/* What is at the address is a page that the thread has pinned. */
bool thread_has_pinned(const struct thread *thread, uint64_t address)
{
	const struct vspace *vspace = thread->task->vspace;
	uint64_t at = range_align_down(address, PAGE);
	if (at == thread->buffer_address)
		return shows(vspace, at, thread->buffer);
	for (struct list *link = list_first(&thread->pins); link;
	     link = list_after(&thread->pins, link)) {
		const struct pins *pins = container_of(link, struct pins, link);
		if (at >= pins->address && (at - pins->address) / PAGE < pins->count &&
		    shows(vspace, at, pins->page[(at - pins->address) / PAGE]))
			return true;
	}
	return false;
}

err_t on_thread_pin(struct rm *rm, struct proto_request *, struct thread *thread,
                    const struct rm_thread_pin_in *in)
{
	if (thread->task->state == RM_TASK_STATE_DEAD)
		return E_GONE;
	struct pins *pins = record_get(thread->object.bank, SLAB_RECORD);
	if (!pins)
		return E_NOMEM;
	*pins = (struct pins){ .address = in->start };
	list_init(&pins->link);
	err_t err = E_OK;
	while (err == E_OK && pins->count < in->count) {
		err = page_pin_at(rm, thread, in->start + pins->count * (uint64_t)PAGE, 0,
		                  &pins->page[pins->count]);
		pins->count += err == E_OK;
	}
	if (err == E_OK)
		list_push_back(&thread->pins, &pins->link);
	else
		pins_end(rm, thread, pins);
	return err;
}

/* -- handlers ---------------------------------------------------------------------------------- */

static struct thread *handler_thread(const struct rm *rm, const struct thread *thread)
{
	return thread->handler ? object_of_kind(rm, thread->handler, KIND_THREAD) : NULL;
}

/* Where its handler receives; 0: it has none. */
slot_t handler_of(const struct rm *rm, const struct thread *thread)
{
	const struct thread *handler = handler_thread(rm, thread);
	return handler ? handler->handler_endpoint : 0;
}

/* It has no handler any more. */
void handler_leave(struct rm *rm, struct thread *thread)
{
	struct thread *handler = handler_thread(rm, thread);
	if (handler)
		handler->handled--;
	thread->handler = thread->handler_badge = 0;
	thread->left_to_handler = false;
}

err_t on_handler_create(struct rm *rm, struct proto_request *request, struct thread *thread,
                        const struct rm_handler_create_in *in)
{
	struct abi_user_context context;
	struct bank *bank = thread->object.bank;
	if (thread->task->state == RM_TASK_STATE_DEAD)
		return E_GONE;
	if (thread->handler_endpoint)
		return E_EXIST;
	if (thread->is_passive)
		return E_LIMIT;
	if (thread->handler || thread->keeps_handler)
		return E_INVAL;
	err_t err = KERNEL(rm, thread_read, thread->tcb, &context);
	if (err != E_OK)
		return err;
	if (!thread_has_pinned(thread, context.rip) || !thread_has_pinned(thread, in->stack))
		return E_INVAL;
	slot_t endpoint = small_get(rm, bank, OBJ_ENDPOINT);
	if (!endpoint)
		return E_NOMEM;
	err = reply_copy(rm, request, endpoint, CAP_RECEIVE);
	if (err != E_OK) {
		small_put(rm, bank, endpoint);
		return err;
	}
	thread->handler_endpoint = endpoint;
	return E_OK;
}

err_t on_handler_set(struct rm *rm, struct proto_request *, struct thread *thread,
                     struct thread *handler, const struct rm_handler_set_in *in)
{
	if (thread->task->state == RM_TASK_STATE_DEAD)
		return E_GONE;
	if (!handler->handler_endpoint)
		return E_NOENT;
	if (handler->task != thread->task)
		return E_PERM;
	if (thread->handler_endpoint)
		return E_INVAL;
	if (thread->is_passive)
		return E_LIMIT;
	uint64_t before = thread->handler, badge_before = thread->handler_badge;
	bool kept = thread->keeps_handler;
	struct thread *old = handler_thread(rm, thread);
	thread->handler = slotmap_id(&rm->objects, handler);
	thread->handler_badge = in->badge;
	thread->keeps_handler = false;
	err_t err = thread_schedule(rm, thread, &thread->schedule);
	if (err != E_OK) {
		thread->handler = before;
		thread->handler_badge = badge_before;
		thread->keeps_handler = kept;
		return err;
	}
	if (old)
		old->handled--;
	handler->handled++;
	return E_OK;
}

/* -- what a handler asks ----------------------------------------------------------------------- */

/* Whether a thread can have a fault that its handler asks about. */
static err_t may_ask(const struct thread *thread)
{
	if (thread->task->state == RM_TASK_STATE_DEAD)
		return E_GONE;
	if (!thread->handler)
		return E_INVAL;
	return thread->in_fault ? E_BUSY : E_OK;
}

err_t on_thread_fault(struct rm *rm, struct proto_request *, struct thread *thread,
                      const struct rm_thread_fault_in *in, struct rm_thread_fault_out *out)
{
	struct fault *fault = &thread->fault;
	err_t err = may_ask(thread);
	if (err != E_OK)
		return err;
	fault->address = in->at;
	fault->access = in->access;
	fault->token = 0;
	enum rm_fault_result result =
	        fault_resolve(rm, thread->task->vspace, in->at, in->access, fault);
	const struct region *r = region_find(fault->vspace, in->at);
	bool in_window = r && r->share;
	/* What would not wait goes on by its guard, with AGAIN: that is for rm, who tells of it. */
	if (result == RM_FAULT_RESULT_WAIT && fault->paged && share_hurries(rm, thread))
		result = share_again(rm, thread);
	if (result == RM_FAULT_RESULT_GONE || (result == RM_FAULT_RESULT_LOST && in_window))
		result = share_gone(rm, thread, in->at, &out->session.raw);
	thread->in_fault = result == RM_FAULT_RESULT_WAIT;
	thread->left_to_handler =
	        result != RM_FAULT_RESULT_RESUME && result != RM_FAULT_RESULT_WAIT;
	out->result = (uint8_t)result;
	return E_OK;
}

err_t on_thread_fault_pass(struct rm *rm, struct proto_request *, struct thread *thread,
                           const struct rm_thread_fault_pass_in *in,
                           struct rm_thread_fault_pass_out *out)
{
	err_t err = may_ask(thread);
	if (err != E_OK)
		return err;
	thread->left_to_handler = false;
	enum rm_fault_answer answer =
	        thread_fault_message(rm, thread, in->kind, in->message, in->message_count);
	out->result = answer == RM_FAULT_RESUME ? RM_FAULT_RESULT_RESUME : RM_FAULT_RESULT_WAIT;
	return E_OK;
}
