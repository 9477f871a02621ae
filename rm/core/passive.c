/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Passive servers: threads that run on their callers' scheduling contexts, and on their own for
 * events. That one is bound to the task's notification, which lends it, and to which the kernel
 * gives it back when the thread receives again.
 *
 * What a caller does must not stop such a server in the middle of a request. So it goes on with its
 * own context, to the request's end, when the caller's
 *
 *   - has no budget left: a timeout fault tells, with whose context it was in its badge;
 *   - goes, with the caller's thread, or is wanted back, when that is stopped: rm asks all passive
 *     servers whether they have it;
 *   - never came: the caller sent and did not call. Nothing tells of that. A server that has no
 *     context though it was just woken is such a one: rm looks when it tells it something, and now
 *     and then while it has several sessions.
 *
 * Binding is all there is to do: the kernel takes the context back as after an event, and the
 * answer still finds the caller's.
 */
#include "internal.h"

enum { WATCH_NS = 50000000 };

/*
 * It has no context. If it waits for somebody (rm, say) it can be given one with budget only: then
 * its own gets that again.
 */
static void rescue(struct rm *rm, struct thread *server)
{
	const struct kernel_ops *ops = rm->ops;
	if (ops->context_give(rm->kernel, server->sched_context, server->tcb) == ERR_NONE)
		return;
	(void)thread_schedule(rm, server, &server->schedule);
	/* That does not give it to one that keeps a handler. */
	(void)ops->context_give(rm->kernel, server->sched_context, server->tcb);
}

/*
 * The thread does not run any more: its context is nobody else's. (In one go: who has it may call
 * another one meanwhile.)
 */
void context_take_home(struct rm *rm, const struct thread *thread)
{
	const struct kernel_ops *ops = rm->ops;
	if (ops->context_take(rm->kernel, thread->sched_context, thread->tcb) == ERR_NONE)
		return;
	for (struct list *at = list_first(&rm->passive); at; at = list_after(&rm->passive, at)) {
		struct thread *server = container_of(at, struct task, passive_link)->passive;
		if (server != thread &&
		    ops->context_take(rm->kernel, thread->sched_context, server->tcb) == ERR_NONE) {
			rescue(rm, server);
			return;
		}
	}
}

/*
 * The kernel tells also of a thread that is answered and has no budget then, and lets it make its
 * call again when it goes on. So it is put behind the call. (Of who calls now, the first register
 * is no answer's badge, which is 0, but a capability.)
 */
static void skip_call(struct rm *rm, const struct thread *server)
{
	enum { CALL_BYTES = 2 };
	struct abi_user_context context;
	if (KERNEL(rm, thread_read, server->tcb, &context) != E_OK || context.rdi != 0 ||
	    context.rdx != (uint64_t)SYS_CALL || context.rcx != context.rip + CALL_BYTES)
		return;
	context.rip += CALL_BYTES;
	(void)rm->ops->thread_write(rm->kernel, server->tcb, &context);
}

/* It ran until the budget was used up of the context with that badge: that thread's. */
void passive_timeout(struct rm *rm, struct thread *server, uint64_t badge)
{
	const struct thread *owner = object_of_kind(rm, badge, KIND_THREAD);
	bool lost =
	        owner && owner != server &&
	        rm->ops->context_take(rm->kernel, owner->sched_context, server->tcb) == ERR_NONE;
	skip_call(rm, server);
	/* First: one that runs can be given a context that has to wait for budget. */
	thread_fault_end(rm, server);
	if (lost)
		rescue(rm, server);
}

/*
 * Signals it. If it was waiting it has its context then; if it is at work, its caller's. True: it
 * had none.
 */
static bool revive(struct rm *rm, const struct thread *server)
{
	rm->ops->signal(rm->kernel, server->task->event_slot);
	return rm->ops->context_give(rm->kernel, server->sched_context, server->tcb) == ERR_NONE;
}

/* The task has a passive server, which is to be told of events. */
void passive_tell(struct rm *rm, struct task *task)
{
	(void)revive(rm, task->passive);
}

/* It has one more session, maybe: one client's message could keep others waiting. */
void passive_watch(struct rm *rm, struct task *task)
{
	if (task->session_count > 1 && !task->watch.is_set)
		deadline_set(&rm->passive_deadlines, &task->watch, rm_time_ns(rm) + WATCH_NS);
}

/* Whoever sent it a message, which is all that it got so far, is cut off. */
static void blame_sender(struct rm *rm, const struct thread *server)
{
	struct abi_user_context context;
	if (KERNEL(rm, thread_read, server->tcb, &context) != E_OK)
		return;
	struct object *object = object_find(rm, context.rdi);
	struct session *s = object && object->kind == KIND_ROOT ? ((struct root *)object)->session
	                    : object && object->kind == KIND_SESSION ? (struct session *)object
	                                                             : NULL;
	if (s && s->server == server->task)
		session_sever(rm, s, RM_REASON_VIOLATION);
}

/* Now and then, as long as that is so. */
void passive_look(struct rm *rm, struct task *task)
{
	const struct thread *server = task->passive;
	if (task->state == RM_TASK_STATE_DEAD)
		return;
	if (revive(rm, server))
		blame_sender(rm, server);
	passive_watch(rm, task);
}

void passive_leave(struct rm *rm, struct thread *thread)
{
	struct task *task = thread->task;
	if (!thread->is_passive)
		return;
	thread->is_passive = false;
	task->passive = NULL;
	list_remove(&task->passive_link);
	deadline_cancel(&rm->passive_deadlines, &task->watch);
}

static err_t give_up_context(struct rm *rm, struct thread *thread)
{
	struct task *task = thread->task;
	err_t err = scratch_mint(rm, rm->endpoint, CAP_SEND,
	                         object_badge(rm, &thread->object, FACET_OTHER));
	if (err == E_OK)
		err = KERNEL(rm, thread_lend, thread->sched_context, thread->tcb,
		             task->event_object, rm->scratch);
	if (err != E_OK)
		return err;
	thread->is_passive = true;
	task->passive = thread;
	list_push_back(&rm->passive, &task->passive_link);
	passive_watch(rm, task);
	return E_OK;
}

/*
 * Whoever runs when its context goes never runs again; so it must be waiting. If no event waits for
 * the task, none was told of since the thread looked last.
 */
err_t on_thread_give_up_context(struct rm *rm, struct proto_request *, struct thread *thread)
{
	struct task *task = thread->task;
	err_t err = E_OK;
	if (task->state == RM_TASK_STATE_DEAD)
		return E_GONE;
	if (!task->event_object)
		return E_INVAL;
	if (thread->handler_endpoint || (task->passive && task->passive != thread))
		return E_LIMIT;
	if (!task->passive && list_is_empty(&task->events))
		err = give_up_context(rm, thread);
	rm->ops->signal(rm->kernel, task->event_slot);
	return err;
}
