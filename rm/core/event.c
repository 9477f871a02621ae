/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Events: what a task is told without asking. An event stands in what it is about, so that sending
 * needs no memory, cannot fail, and happens once until it is taken. What it says is read off when
 * the task takes it.
 */
#include "internal.h"
#include <lib/assert.h>

void event_init(struct event *event, uint8_t number)
{
	list_init(&event->link);
	event->number = number;
}

/* The task is told; nothing happens if it is to be already, or is no more. */
void event_send(struct rm *rm, struct task *task, struct event *event)
{
	if (!list_is_empty(&event->link) || task->state == RM_TASK_STATE_DEAD)
		return;
	bool was_empty = list_is_empty(&task->events);
	list_push_back(&task->events, &event->link);
	task->event_count++;
	if (!was_empty || !task->event_slot)
		return;
	if (task->passive)
		passive_tell(rm, task);
	else
		rm->ops->signal(rm->kernel, task->event_slot);
}

void event_cancel(struct rm *rm, struct task *task, struct event *event)
{
	(void)rm;
	if (list_is_empty(&event->link))
		return;
	list_remove(&event->link);
	task->event_count--;
}

/* ---- what they say --------------------------------------------------------------------------- */

/* The body of an event of that name, in words from the second on. */
#define BODY(name, ...)                                                                            \
	rm_##name##_event_encode(words + 1, &(struct rm_##name##_event){ __VA_ARGS__ })

/* The next pages in order that are waited for, and were not told of. */
static unsigned int read_words(struct rm *rm, struct dataspace *ds, uint64_t *words)
{
	uint64_t first = 0, count = 0;
	struct list *at = list_first(&ds->waiters);
	for (unsigned int i = 0; at && i < SUPPLY_MAX; i++, at = list_after(&ds->waiters, at)) {
		struct fault *fault = container_of(at, struct fault, link);
		if (fault->told)
			continue;
		if (count == 0)
			first = fault->page;
		if (fault->page != first + count &&
		    (count == 0 || fault->page != first + count - 1))
			break;
		count += fault->page == first + count;
		fault->told = true;
	}
	/* Who waits behind those is the next event's. */
	if (at && count > 0)
		event_send(rm, ds->pager, &ds->read_event);
	return count == 0 ? 0
	                  : BODY(pager_read, .cookie = ds->cookie, .first = first, .count = count);
}

static unsigned int severed_words(const struct rm *rm, const struct session *s, uint64_t *words)
{
	return BODY(session_severed, .session = { slotmap_id(&rm->objects, s) },
	            .reason = s->reason);
}

/* With that, it has answered. */
static unsigned int probed_words(struct rm *rm, struct task *task, uint64_t *words)
{
	deadline_cancel(&rm->probe_deadlines, &task->probe);
	return BODY(probed, .behind = task->event_count);
}

static unsigned int shared_words(struct rm *rm, const struct share *share, uint64_t *words)
{
	return BODY(shared, .session = { slotmap_id(&rm->objects, share->session) },
	            .share = { slotmap_id(&rm->objects, share) }, .size = share->size,
	            .rights = share->rights,
	            .class = share->sealed ? RM_SHARE_CLASS_SEALED : RM_SHARE_CLASS_FAULTABLE);
}

static unsigned int event_words(struct rm *rm, struct event *event, uint64_t *words)
{
	struct session *s;
	struct watch *watch;
	struct fault *fault;
	struct share *share;
	struct donation *donation;
	unsigned int length;
	switch (event->number) {
	case RM_EVENT_SESSION_OPENED:
		s = container_of(event, struct session, opened);
		s->server_knows = true;
		return BODY(session_opened, .session = { slotmap_id(&rm->objects, s) },
		            .badge = slotmap_id(&rm->objects, s),
		            .guarantee = s->object.bank->guarantee * PAGE,
		            .limit = s->object.bank->limit * PAGE);
	case RM_EVENT_SESSION_SEVERED:
		return severed_words(rm, container_of(event, struct session, severed_server),
		                     words);
	case EVENT_SEVERED_CLIENT:
		/* With that, the session may be over. */
		s = container_of(event, struct session, severed_client);
		length = severed_words(rm, s, words);
		session_settle(rm, s);
		return length;
	case RM_EVENT_NAME_UP:
		watch = container_of(event, struct watch, event);
		return BODY(name_up, .cookie = watch->cookie);
	case RM_EVENT_TASK_DIED:
		watch = container_of(event, struct watch, event);
		length = BODY(task_died, .cookie = watch->cookie, .at = watch->fault_address,
		              .instruction = watch->fault_instruction, .status = watch->status,
		              .reason = watch->reason);
		watch_drop(rm, watch);
		return length;
	case RM_EVENT_PAGER_READ:
		return read_words(rm, container_of(event, struct dataspace, read_event), words);
	case RM_EVENT_PAGER_DETACHED:
		return BODY(pager_detached,
		            .cookie =
		                    container_of(event, struct dataspace, detached_event)->cookie);
	case RM_EVENT_SHARED:
		return shared_words(rm, container_of(event, struct share, shared), words);
	case RM_EVENT_SHARE_RECALLED:
		share = container_of(event, struct share, recall);
		return BODY(share_recalled, .session = { slotmap_id(&rm->objects, share->session) },
		            .share = { slotmap_id(&rm->objects, share) });
	case RM_EVENT_CLIENT_PAGE:
		fault = container_of(event, struct fault, event);
		length = BODY(client_page, .at = fault->address, .result = fault->result);
		fault_forget(rm, fault);
		return length;
	case RM_EVENT_PROBED:
		return probed_words(rm, container_of(event, struct task, probed), words);
	case RM_EVENT_DONATED:
		donation = container_of(event, struct donation, donated);
		return BODY(donated, .session = { slotmap_id(&rm->objects, donation->session) },
		            .donation = { slotmap_id(&rm->objects, donation) },
		            .size = donation->away.end - donation->away.start);
	default:
		assert(event->number == RM_EVENT_FAULT_DONE);
		fault = container_of(event, struct fault, event);
		length = BODY(fault_done, .cookie = fault->vspace->cookie, .token = fault->token,
		              .result = fault->result);
		fault_forget(rm, fault);
		return length;
	}
}

/* ---- requests -------------------------------------------------------------------------------- */

err_t on_event_next(struct rm *rm, struct proto_request *, struct task *task,
                    struct rm_event_next_out *out)
{
	out->record_count = 0;
	out->left = 0;
	struct list *link;
	while ((link = list_first(&task->events)) != NULL) {
		struct event *event = container_of(link, struct event, link);
		unsigned int number = event->number == EVENT_SEVERED_CLIENT
		                              ? RM_EVENT_SESSION_SEVERED
		                              : event->number;
		event_cancel(rm, task, event);
		unsigned int length = event_words(rm, event, out->record);
		if (length == 0)
			continue;
		out->record[0] = proto_event_header(number, length);
		out->record_count = (uint16_t)(length + 1);
		out->left = task->event_count;
		return E_OK;
	}
	return E_OK;
}

/*
 * The notification is there, and rm's capability to it has the badge. It is bound to the thread;
 * NULL: the reply carries a capability for whoever waits on it.
 */
static err_t notification_with(struct rm *rm, struct proto_request *request, struct task *task,
                               uint64_t badge, const struct thread *thread)
{
	struct bank *bank = task->object.bank;
	slot_t object = task->event_object;
	if (!object)
		object = small_get(rm, bank, OBJ_NOTIFICATION);
	slot_t slot = object ? slot_get(rm, bank) : 0;
	err_t err = slot ? KERNEL(rm, mint, slot, object, CAP_ALL, badge) : E_NOMEM;
	if (err == E_OK) {
		err = thread ? KERNEL(rm, thread_bind, thread->tcb, object)
		             : reply_copy(rm, request, object, CAP_ALL);
		if (err != E_OK)
			rm->ops->remove(rm->kernel, slot);
	}
	if (err != E_OK) {
		if (slot)
			slot_put(rm, bank, slot);
		if (object && !task->event_object)
			small_put(rm, bank, object);
		return err;
	}
	if (task->event_slot) {
		rm->ops->remove(rm->kernel, task->event_slot);
		slot_put(rm, bank, task->event_slot);
	}
	task->event_object = object;
	task->event_slot = slot;
	if (!list_is_empty(&task->events))
		rm->ops->signal(rm->kernel, slot);
	return E_OK;
}

void event_end(struct rm *rm, struct task *task)
{
	if (task->event_slot) {
		rm->ops->remove(rm->kernel, task->event_slot);
		slot_put(rm, task->object.bank, task->event_slot);
	}
	if (task->event_object)
		small_put(rm, task->object.bank, task->event_object);
	task->event_slot = task->event_object = 0;
}

err_t on_event_notification(struct rm *rm, struct proto_request *request, struct task *task,
                            const struct rm_event_notification_in *in)
{
	return notification_with(rm, request, task, in->badge, NULL);
}

err_t on_event_bind(struct rm *rm, struct proto_request *request, struct task *task,
                    struct thread *thread, const struct rm_event_bind_in *in)
{
	if (thread->task != task)
		return E_PERM;
	return notification_with(rm, request, task, in->badge, thread);
}

/* ---- watchers of death ----------------------------------------------------------------------- */

/* What was watched is no more; the watch goes when its watcher has taken the event. */
void watch_tell(struct rm *rm, struct watch *watch, const struct task *dead)
{
	list_remove(&watch->link);
	watch->reason = dead->reason;
	watch->status = dead->status;
	watch->fault_address = dead->fault_address;
	watch->fault_instruction = dead->fault_instruction;
	event_send(rm, watch->watcher, &watch->event);
}

void watch_drop(struct rm *rm, struct watch *watch)
{
	event_cancel(rm, watch->watcher, &watch->event);
	list_remove(&watch->link);
	list_remove(&watch->watcher_link);
	struct name *name = watch->of_name;
	record_put(watch->watcher->object.bank, SLAB_RECORD, watch);
	if (name)
		name_settle(rm, name);
}

struct watch *watch_new(struct task *watcher, struct list *watched, uint64_t cookie,
                        struct name *of_name)
{
	struct watch *watch = record_get(watcher->object.bank, SLAB_RECORD);
	_Static_assert(sizeof(*watch) <= RECORD_BYTES);
	if (!watch)
		return NULL;
	*watch = (struct watch){ .watcher = watcher, .cookie = cookie, .of_name = of_name };
	event_init(&watch->event, of_name ? RM_EVENT_NAME_UP : RM_EVENT_TASK_DIED);
	list_push_back(&watcher->watches, &watch->watcher_link);
	list_push_back(watched, &watch->link);
	return watch;
}

static struct watch *watch_find(const struct task *watcher, const struct list *watched,
                                uint64_t cookie)
{
	for (struct list *at = list_first(watched); at; at = list_after(watched, at)) {
		struct watch *watch = container_of(at, struct watch, link);
		if (watch->watcher == watcher && watch->cookie == cookie)
			return watch;
	}
	return NULL;
}

err_t on_task_watch(struct rm *rm, struct proto_request *, struct task *task, struct task *watcher,
                    const struct rm_task_watch_in *in)
{
	if (watcher->state == RM_TASK_STATE_DEAD)
		return E_GONE;
	if (watch_find(watcher, &task->watchers, in->cookie))
		return E_EXIST;
	struct watch *watch = watch_new(watcher, &task->watchers, in->cookie, NULL);
	if (!watch)
		return E_NOMEM;
	if (task->state == RM_TASK_STATE_DEAD)
		watch_tell(rm, watch, task);
	return E_OK;
}

err_t on_task_unwatch(struct rm *rm, struct proto_request *, struct task *task,
                      struct task *watcher, const struct rm_task_unwatch_in *in)
{
	struct watch *watch = watch_find(watcher, &task->watchers, in->cookie);
	if (!watch)
		return E_NOENT;
	watch_drop(rm, watch);
	return E_OK;
}
