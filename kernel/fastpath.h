/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the fast paths have in common (fastpath.c: system calls; fault.c: faults).
 *
 * They are for what happens most: Call and ReplyRecv without capabilities, faults to a waiting
 * handler and the answers to them, signals, and waiting for them. Each looks whether its case is
 * there before it changes anything, and returns false if not: then the general code does the whole
 * system call, with the same effect.
 *
 * Both kinds of receivers are served: passive ones, which run on the caller's scheduling context,
 * and active ones, which run on their own. The latter must be round robin, so that charging is two
 * additions (refill.c).
 */
#pragma once
#include "cspace.h"
#include "endpoint.h"
#include "switch.h"
#include "time.h"

/*
 * The fast paths are compiled twice. PLAIN: the current thread's CSpace is one CNode, and no
 * capabilities are sent. DEEP: both are allowed.
 */
enum fast { PLAIN, DEEP };

/* The slot at `cptr`; false if there is none. */
static always_inline bool lookup_slot(enum fast fast, const struct tcb *thread, word_t cptr,
                                      struct slot **slot)
{
	struct cap root = thread->slots[TCB_CSPACE].cap;
	return likely(cspace_whole(root, cptr, slot)) ||
	       (fast == DEEP && likely(cspace_find(root, cptr, slot)));
}

/* The capability there; false if there is none. */
static always_inline bool lookup(enum fast fast, const struct tcb *thread, word_t cptr,
                                 struct cap *cap)
{
	struct slot *slot;
	if (unlikely(!lookup_slot(fast, thread, cptr, &slot)))
		return false;
	*cap = slot->cap;
	return true;
}

/* `thread`, which becomes runnable, may run at once: nobody goes before it. */
static always_inline bool may_switch_to(const struct tcb *thread)
{
	return likely(thread->priority >= current->priority) || thread->priority >= sched_highest;
}

/* The words of a message that are not in registers can be copied. */
static always_inline bool may_copy(const struct tcb *from, const struct tcb *to, word_t length)
{
	if (likely(length <= ABI_MSG_REGS))
		return true;
	return length <= ABI_MSG_MAX && from->buffer && to->buffer && to->buffer_writable;
}

static always_inline void copy(const struct tcb *from, struct tcb *to, word_t length)
{
	const struct context *a = &from->ctx;
	struct context *b = &to->ctx;
	if (length == 0)
		return;
	b->r10 = a->r10;
	if (length >= ABI_MSG_REGS) {
		b->r8 = a->r8;
		b->r9 = a->r9;
		b->r15 = a->r15;
		for (word_t i = ABI_MSG_REGS; unlikely(i < length); i++)
			to->buffer->msg[i] = from->buffer->msg[i];
		return;
	}
	if (length >= 2)
		b->r8 = a->r8;
	if (length == 3)
		b->r9 = a->r9;
}

static always_inline word_t plain_info(word_t info)
{
	return info & ~(word_t)(31 << 7);
}

/* ---- Switching to a thread with a scheduling context of its own ---- */

static always_inline bool may_switch_context(struct sched_context *sc, struct sched_context *old,
                                             ticks_t *time)
{
	if (unlikely(!sc_active(sc) || sc->period || !old || old->period))
		return false;
	*time = rdtsc();
	return likely(sched_may_charge(old, *time) && refill_head(sc)->time <= *time);
}

/* ---- Endpoint queues ---- */

static always_inline void dequeue_head(struct endpoint *ep, struct tcb *thread)
{
	struct tcb *next = thread->next;
	if (likely(!next)) {
		ep->head_state = EP_IDLE;
		ep->tail = NULL;
	} else {
		next->prev = NULL;
		ep->head_state = (uint64_t)next | EP_RECV;
		thread->next = NULL;
	}
	thread->queue = TCB_QUEUE_NONE;
}

static always_inline void wait_at(struct endpoint *ep, struct tcb *thread)
{
	if (likely(!ep->tail)) {
		ep->head_state = (uint64_t)thread | EP_RECV;
		ep->tail = thread;
		thread->queue = TCB_QUEUE_OBJECT;
	} else {
		endpoint_enqueue(ep, thread, EP_RECV);
	}
}

/* ---- Call ---- */

/*
 * The thread that can take a call through `ep` now, or null; *time is set if it has a context of
 * its own that would run.
 */
static always_inline struct tcb *callee_at(const struct endpoint *ep, ticks_t *time)
{
	struct tcb *callee = endpoint_receiver(ep);
	if (unlikely(!endpoint_has_receiver(ep)))
		return NULL;
	if (unlikely(!callee->reply || !may_switch_to(callee)))
		return NULL;
	if (unlikely(callee->sc) && !may_switch_context(callee->sc, current_sc, time))
		return NULL;
	return callee;
}

/* `caller`, the current thread, has handed its message to `callee`: waits for the answer. */
static always_inline void call_switch(struct tcb *caller, struct tcb *callee, struct endpoint *ep,
                                      ticks_t time)
{
	struct reply *reply = callee->reply;
	dequeue_head(ep, callee);
	callee->reply = NULL;
	callee->state = THREAD_RUNNING;
	reply->tcb = caller;
	caller->reply = reply;
	caller->state = THREAD_BLOCKED_REPLY;
	if (unlikely(callee->sc)) {
		sched_charge_switch(callee->sc, time);
	} else {
		struct sched_context *sc = caller->sc;
		struct reply *older = sc->reply;
		if (older)
			older->next = (word_t)reply;
		reply->prev = older;
		reply->next = (word_t)sc | REPLY_NEXT_IS_SC;
		sc->reply = reply;
		sc->tcb = callee;
		callee->sc = sc;
		caller->sc = NULL;
	}
	switch_to_user(callee);
}
