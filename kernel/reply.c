/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Reply objects and the stack of calls (seL4 manual, sections 4.2.4 and 6.1.9).
 *
 * States of a reply object:
 *   free     tcb null, in no stack;
 *   waiting  tcb waits to receive with it (THREAD_BLOCKED_RECV), in no stack;
 *   called   tcb called and waits for the answer (THREAD_BLOCKED_REPLY). If the call donated the
 *            caller's scheduling context, the object is on that context's stack: sc.reply is the
 *            newest call, prev leads to older ones, next to newer ones and from the top to the sc.
 * In the last two, tcb.reply points back.
 *
 * Answering the newest call gives the context back to its caller. An object that leaves the middle
 * of a stack cuts it: calls below it no longer return the context.
 */
#include "kernel.h"

static struct sched_context *stack_sc(const struct reply *reply)
{
	if (!(reply->next & REPLY_NEXT_IS_SC))
		return NULL;
	return (struct sched_context *)(reply->next & ~(word_t)REPLY_NEXT_IS_SC);
}

/* The reply object and its thread part; the thread's state is the caller's business. */
void reply_unlink(struct reply *reply)
{
	reply->tcb->reply = NULL;
	reply->tcb = NULL;
}

void reply_push(struct tcb *caller, struct tcb *callee, struct reply *reply, bool donate)
{
	struct sched_context *sc = caller->sc;
	/* A receiver that took the message at once never waited with the object. */
	if (reply->tcb)
		reply_unlink(reply);
	assert(!reply->next && !reply->prev);
	reply->tcb = caller;
	caller->reply = reply;
	thread_set_state(caller, THREAD_BLOCKED_REPLY);
	if (!sc || callee->sc || !donate)
		return;
	struct reply *older = sc->reply;
	if (older)
		older->next = (word_t)reply;
	reply->prev = older;
	reply->next = (word_t)sc | REPLY_NEXT_IS_SC;
	sc->reply = reply;
	sc_donate(sc, callee);
}

/* Takes the object out of its stack, which is cut there unless it is the top. */
static void leave_stack(struct reply *reply)
{
	struct sched_context *sc = stack_sc(reply);
	if (sc) {
		sc->reply = reply->prev;
		if (reply->prev)
			reply->prev->next = reply->next;
	} else {
		if (reply->next)
			((struct reply *)reply->next)->prev = NULL;
		if (reply->prev)
			reply->prev->next = 0;
	}
	reply->next = 0;
	reply->prev = NULL;
}

void reply_remove(struct reply *reply)
{
	struct tcb *caller = reply->tcb;
	struct sched_context *sc = stack_sc(reply);
	leave_stack(reply);
	reply_unlink(reply);
	thread_set_state(caller, THREAD_INACTIVE);
	/* If the caller has got another context meanwhile, this one stays where it is. */
	if (sc && !caller->sc)
		sc_donate(sc, caller);
}

void reply_cancel(struct tcb *thread)
{
	struct reply *reply = thread->reply;
	struct sched_context *sc = stack_sc(reply);
	if (sc) { /* the whole stack is forgotten: nobody below gets the context back */
		sc->reply = NULL;
		if (reply->prev)
			reply->prev->next = 0;
		reply->next = 0;
		reply->prev = NULL;
	} else {
		leave_stack(reply);
	}
	reply_unlink(reply);
	thread_set_state(thread, THREAD_INACTIVE);
}

void reply_finalise(struct reply *reply)
{
	if (!reply->tcb)
		return;
	if (reply->tcb->state == THREAD_BLOCKED_REPLY)
		reply_remove(reply);
	else
		ipc_cancel(reply->tcb);
}
