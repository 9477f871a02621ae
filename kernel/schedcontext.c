/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Scheduling contexts as objects, and SchedControl (seL4 manual, 6.1.8 to 6.1.12, 10.3.7/8).
 *
 * A context belongs to at most one thread at a time, and may be bound to a notification besides,
 * which lends it. Calls move it along (reply.c).
 */
#include "arch.h"
#include "time.h"

/* ---- Operations ---- */

void sc_unblocked(struct sched_context *sc)
{
	if (sc && sc->sporadic && sc_active(sc) && sc != current_sc) {
		sched_update_time();
		refill_unblock(sc);
	}
}

void sc_resume(struct sched_context *sc)
{
	struct tcb *thread = sc ? sc->tcb : NULL;
	if (!thread || !thread_is_schedulable(thread) || refill_ready(sc))
		return;
	if (thread == current)
		sched_reschedule();
	else
		sched_postpone(thread);
}

void sc_bind_tcb(struct sched_context *sc, struct tcb *thread)
{
	thread->sc = sc;
	sc->tcb = thread;
	sc_unblocked(sc);
	sc_resume(sc);
	if (thread_is_schedulable(thread)) {
		if (thread != current)
			sched_enqueue(thread);
		sched_reschedule();
	}
}

/* Takes the context from its thread. */
static void take_from_thread(struct sched_context *sc)
{
	struct tcb *thread = sc->tcb;
	sched_dequeue(thread);
	thread->sc = NULL;
	sc->tcb = NULL;
	if (thread == current)
		sched_reschedule();
}

void sc_unbind_tcb(struct sched_context *sc)
{
	take_from_thread(sc);
}

void sc_donate(struct sched_context *sc, struct tcb *to)
{
	if (sc->tcb)
		take_from_thread(sc);
	sc->tcb = to;
	to->sc = sc;
}

void sc_unbind_ntfn(struct sched_context *sc)
{
	if (sc->ntfn) {
		sc->ntfn->sc = NULL;
		sc->ntfn = NULL;
	}
}

static void unbind_all(struct sched_context *sc)
{
	if (sc->tcb)
		sc_unbind_tcb(sc);
	sc_unbind_ntfn(sc);
	if (sc->reply) {
		sc->reply->next = 0;
		sc->reply = NULL;
	}
}

void sc_finalise(struct sched_context *sc)
{
	unbind_all(sc);
	if (sc->yield_from)
		sc_complete_yield(sc->yield_from);
	sc->refills_max = 0;
	sc->sporadic = false;
	if (sc == current_sc) { /* what runs now is charged to nobody */
		current_sc = NULL;
		sched_reschedule();
	}
}

word_t sc_take_consumed(struct sched_context *sc)
{
	if (sc == current_sc)
		sc_commit();
	return sc_take_charged(sc);
}

word_t sc_take_charged(struct sched_context *sc)
{
	word_t us = sc->consumed / ticks_per_us;
	sc->consumed = 0;
	return us;
}

void sc_cancel_yield(struct tcb *yielder)
{
	if (yielder->yield_to) {
		yielder->yield_to->yield_from = NULL;
		yielder->yield_to = NULL;
	}
}

/* The yielder learns what the other one used, as the result of its YieldTo. */
void sc_complete_yield(struct tcb *yielder)
{
	if (!yielder->yield_to)
		return;
	yielder->ctx.rdi = 0;
	yielder->ctx.rsi = abi_msginfo(0, 0, 0, 1);
	ipc_set_mr(yielder, 0, sc_take_consumed(yielder->yield_to));
	sc_cancel_yield(yielder);
}

/* ---- Invocations ---- */

static enum outcome decode_bind(struct invocation *inv)
{
	struct sched_context *sc = cap_sc(inv->cap);
	if (!inv->extra[0])
		return fail(ERR_TRUNCATED_MESSAGE);
	struct cap cap = inv->extra[0]->cap;
	if (cap_type(cap) == CAP_TCB) {
		struct tcb *thread = cap_tcb(cap);
		if (sc->tcb || thread->sc)
			return fail(ERR_ILLEGAL_OPERATION);
		if (thread_is_blocked(thread) && !(sc_active(sc) && refill_ready(sc)))
			return fail(ERR_ILLEGAL_OPERATION);
		sc_bind_tcb(sc, thread);
	} else if (cap_type(cap) == CAP_NOTIFICATION) {
		struct notification *ntfn = cap_notification(cap);
		if (sc->ntfn || ntfn->sc)
			return fail(ERR_ILLEGAL_OPERATION);
		sc->ntfn = ntfn;
		ntfn->sc = sc;
	} else {
		return fail_word(ERR_INVALID_CAPABILITY, 1);
	}
	return DONE;
}

static enum outcome decode_unbind_object(struct invocation *inv)
{
	struct sched_context *sc = cap_sc(inv->cap);
	if (!inv->extra[0])
		return fail(ERR_TRUNCATED_MESSAGE);
	struct cap cap = inv->extra[0]->cap;
	if (cap_type(cap) == CAP_TCB) {
		if (sc->tcb != cap_tcb(cap) || sc->tcb == current)
			return fail(ERR_ILLEGAL_OPERATION);
		sc_unbind_tcb(sc);
	} else if (cap_type(cap) == CAP_NOTIFICATION) {
		if (sc->ntfn != cap_notification(cap))
			return fail(ERR_ILLEGAL_OPERATION);
		sc_unbind_ntfn(sc);
	} else {
		return fail_word(ERR_INVALID_CAPABILITY, 1);
	}
	return DONE;
}

static enum outcome decode_yield_to(struct invocation *inv)
{
	struct sched_context *sc = cap_sc(inv->cap);
	struct tcb *thread = sc->tcb;
	if (!thread || thread == current || thread->priority > current->mcp)
		return fail(ERR_ILLEGAL_OPERATION);
	if (sc->yield_from)
		sc_complete_yield(sc->yield_from);
	sc_resume(sc);
	if (thread_is_schedulable(thread) && thread->priority >= current->priority) {
		/* The empty answer of now stays if it is suspended before the real one. */
		current->yield_to = sc;
		sc->yield_from = current;
		sched_yield_behind(thread);
		return DONE;
	}
	if (thread_is_schedulable(thread)) {
		sched_dequeue(thread);
		sched_enqueue(thread);
	}
	inv_result(inv, 0, sc_take_consumed(sc));
	return DONE;
}

enum outcome decode_sched_context(struct invocation *inv)
{
	struct sched_context *sc = cap_sc(inv->cap);
	switch (inv->label) {
	case INV_SCHED_CONTEXT_CONSUMED:
		inv_result(inv, 0, sc_take_consumed(sc));
		return DONE;
	case INV_SCHED_CONTEXT_BIND:
		return decode_bind(inv);
	case INV_SCHED_CONTEXT_UNBIND_OBJECT:
		return decode_unbind_object(inv);
	case INV_SCHED_CONTEXT_UNBIND:
		if (sc->tcb == current)
			return fail(ERR_ILLEGAL_OPERATION);
		unbind_all(sc);
		return DONE;
	case INV_SCHED_CONTEXT_YIELD_TO:
		return decode_yield_to(inv);
	default:
		return fail(ERR_ILLEGAL_OPERATION);
	}
}

static void configure(struct sched_context *sc, ticks_t budget, ticks_t period, unsigned refills)
{
	struct tcb *thread = sc->tcb;
	sc_commit(); /* what was used so far is charged to the old parameters */
	if (thread)
		sched_dequeue(thread);
	if (budget == period)
		refill_new(sc, 2, budget, 0);
	else if (sc_active(sc) && thread && thread_is_runnable(thread))
		refill_update(sc, period, budget, refills);
	else
		refill_new(sc, refills, budget, period);
	sched_need_timer();
	if (!thread)
		return;
	sc_resume(sc);
	if (thread == current)
		sched_reschedule();
	else if (thread_is_runnable(thread))
		sched_consider(thread);
}

enum outcome decode_sched_control(struct invocation *inv)
{
	word_t max_us = MAX_PERIOD_US;
	if (inv->label != INV_SCHED_CONTROL_CONFIGURE_FLAGS)
		return fail(ERR_ILLEGAL_OPERATION);
	if (inv->length < 5 || !inv->extra[0])
		return fail(ERR_TRUNCATED_MESSAGE);
	word_t budget = inv_arg(inv, 0), period = inv_arg(inv, 1), extra = inv_arg(inv, 2);
	if (budget > max_us || period > max_us || budget < ABI_BUDGET_MIN_US ||
	    period < ABI_BUDGET_MIN_US)
		return fail_range(ABI_BUDGET_MIN_US, max_us);
	if (budget > period)
		return fail_range(ABI_BUDGET_MIN_US, period);
	struct cap cap = inv->extra[0]->cap;
	if (cap_type(cap) != CAP_SCHED_CONTEXT)
		return fail_word(ERR_INVALID_CAPABILITY, 1);
	/* As many refills as fit, beyond the two of the core. */
	word_t extra_max = (BIT(cap_size_bits(cap)) - ABI_SCHED_CONTEXT_CORE) / ABI_REFILL_BYTES;
	if (extra > extra_max)
		return fail_range(0, extra_max);

	struct sched_context *sc = cap_sc(cap);
	configure(sc, budget * ticks_per_us, period * ticks_per_us, extra + 2);
	sc->badge = inv_arg(inv, 3);
	sc->sporadic = inv_arg(inv, 4) & SCHED_FLAG_SPORADIC;
	return DONE;
}
