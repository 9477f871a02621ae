/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Notifications (seL4 manual, chapter 5): one word that signals are OR-ed into.
 *
 * States: idle; waiting (threads queue for a signal, by priority); active (signalled: `badge` holds
 * what was). A thread that a notification is bound to gets signals also while it receives from an
 * endpoint. A scheduling context bound to a notification is lent to a passive thread that a signal
 * wakes, and returned when that thread waits again.
 */
#include "kernel.h"

/* The notification's own context goes to a thread without one. */
static void lend_sc(struct notification *ntfn, struct tcb *thread)
{
	struct sched_context *sc = ntfn->sc;
	if (!thread->sc && sc && !sc->tcb) {
		sc_donate(sc, thread);
		sc_resume(sc);
	}
}

void ntfn_return_sc(struct notification *ntfn, struct tcb *thread)
{
	struct sched_context *sc = ntfn->sc;
	if (!sc || sc != thread->sc)
		return;
	sched_dequeue(thread);
	thread->sc = NULL;
	sc->tcb = NULL;
	if (thread == current)
		sched_reschedule();
}

static void wake(struct notification *ntfn, struct tcb *thread, word_t badge)
{
	thread_set_state(thread, THREAD_RUNNING);
	thread->ctx.rdi = badge;
	lend_sc(ntfn, thread);
	sc_unblocked(thread->sc);
	sched_consider(thread);
}

static void dequeue(struct notification *ntfn, struct tcb *thread)
{
	queue_remove(&ntfn->queue, thread);
	thread->queue = TCB_QUEUE_NONE;
	if (!ntfn->queue.head)
		ntfn->state = NTFN_IDLE;
}

static void enqueue(struct notification *ntfn, struct tcb *thread)
{
	queue_insert_by_priority(&ntfn->queue, thread);
	thread->queue = TCB_QUEUE_OBJECT;
	ntfn->state = NTFN_WAITING;
}

void ntfn_signal(struct notification *ntfn, word_t badge)
{
	struct tcb *bound = ntfn->bound_tcb;
	switch (ntfn->state) {
	case NTFN_IDLE:
		if (bound && bound->state == THREAD_BLOCKED_RECV) {
			ipc_cancel(bound);
			wake(ntfn, bound, badge);
			return;
		}
		ntfn->state = NTFN_ACTIVE;
		ntfn->badge = badge;
		break;
	case NTFN_WAITING: {
		struct tcb *thread = ntfn->queue.head;
		dequeue(ntfn, thread);
		wake(ntfn, thread, badge);
		break;
	}
	default:
		ntfn->badge |= badge;
		break;
	}
}

void ntfn_complete(struct notification *ntfn, struct tcb *thread)
{
	thread->ctx.rdi = ntfn->badge;
	ntfn->state = NTFN_IDLE;
	bool had_sc = thread->sc;
	lend_sc(ntfn, thread);
	if (!had_sc)
		sc_unblocked(thread->sc);
}

void ntfn_receive(struct tcb *thread, struct notification *ntfn, bool blocking)
{
	if (ntfn->state == NTFN_ACTIVE) {
		ntfn_complete(ntfn, thread);
	} else if (blocking) {
		thread->blocked_on = ntfn;
		thread_set_state(thread, THREAD_BLOCKED_NTFN);
		enqueue(ntfn, thread);
		ntfn_return_sc(ntfn, thread);
	} else {
		thread->ctx.rdi = 0;
	}
}

void ntfn_cancel(struct tcb *thread)
{
	dequeue(thread->blocked_on, thread);
	thread_set_state(thread, THREAD_INACTIVE);
}

void ntfn_reorder(struct tcb *thread)
{
	struct notification *ntfn = thread->blocked_on;
	dequeue(ntfn, thread);
	enqueue(ntfn, thread);
}

void ntfn_bind(struct notification *ntfn, struct tcb *thread)
{
	ntfn->bound_tcb = thread;
	thread->bound_ntfn = ntfn;
}

void ntfn_unbind(struct notification *ntfn)
{
	if (ntfn && ntfn->bound_tcb) {
		ntfn->bound_tcb->bound_ntfn = NULL;
		ntfn->bound_tcb = NULL;
	}
}

bool ntfn_finalise(struct notification *ntfn)
{
	enum { BATCH = 32 };
	if (ntfn->sc)
		sc_unbind_ntfn(ntfn->sc);
	ntfn_unbind(ntfn);
	for (unsigned i = 0; i < BATCH && ntfn->state == NTFN_WAITING; i++) {
		struct tcb *thread = ntfn->queue.head;
		dequeue(ntfn, thread);
		thread_set_state(thread, THREAD_RESTART);
		sc_unblocked(thread->sc);
		sched_consider(thread);
		sched_reschedule();
	}
	return ntfn->state != NTFN_WAITING;
}
