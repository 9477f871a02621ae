/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Invocations: a message to a capability (seL4 manual, section 2.2 and chapter 10). Looks up the
 * capability and the extra ones, lets the object's module decode, and answers a Call.
 */
#include "arch.h"
#include "invocation.h"

void inv_result(struct invocation *inv, unsigned i, word_t value)
{
	struct tcb *thread = inv->thread;
	if (!inv->call)
		return;
	if (likely(i == 0))
		thread->ctx.r10 = value;
	else if (i >= ABI_MSG_REGS && !(thread->buffer && thread->buffer_writable))
		return;
	else
		ipc_set_mr(thread, i, value);
	inv->result_words = i + 1;
}

static void answer_error(struct tcb *thread)
{
	word_t n = 0;
	for (; n < failure.length; n++) {
		if (n >= ABI_MSG_REGS && !(thread->buffer && thread->buffer_writable))
			break;
		ipc_set_mr(thread, n, failure.words[n]);
	}
	thread->ctx.rdi = 0;
	thread->ctx.rsi = abi_msginfo(failure.label, 0, 0, n);
}

static enum outcome send(struct invocation *inv)
{
	if (!cap_may(inv->cap, RIGHT_WRITE))
		return fail_word(ERR_INVALID_CAPABILITY, 0);
	ipc_send(inv->thread, inv->cap, inv->blocking, inv->call, inv->may_donate);
	return DONE;
}

static enum outcome signal(struct invocation *inv)
{
	if (!cap_may(inv->cap, RIGHT_WRITE))
		return fail_word(ERR_INVALID_CAPABILITY, 0);
	ntfn_signal(cap_notification(inv->cap), inv->cap.w1);
	return DONE;
}

static always_inline enum outcome decode(struct invocation *inv)
{
	enum cap_type type = cap_type(inv->cap);
	if (unlikely(inv->first_phase)) {
		/* Not in the send phase of a combined call: these may end the invoker. */
		if (type == CAP_TCB || type == CAP_CNODE || type == CAP_DOMAIN ||
		    type == CAP_SCHED_CONTROL || type == CAP_SCHED_CONTEXT)
			return fail_word(ERR_INVALID_CAPABILITY, 0);
	}
	switch (type) {
	case CAP_ENDPOINT:
		return send(inv);
	case CAP_NOTIFICATION:
		return signal(inv);
	case CAP_REPLY:
		ipc_reply(inv->thread, cap_reply(inv->cap), cap_may(inv->cap, RIGHT_GRANT));
		return DONE;
	case CAP_FRAME:
		return decode_frame(inv);
	case CAP_UNTYPED:
		return decode_untyped(inv);
	case CAP_CNODE:
		return decode_cnode(inv);
	case CAP_TCB:
		return decode_tcb(inv);
	case CAP_SCHED_CONTEXT:
		return decode_sched_context(inv);
	case CAP_SCHED_CONTROL:
		return decode_sched_control(inv);
	case CAP_DOMAIN:
		return decode_domain(inv);
	case CAP_PAGE_TABLE:
	case CAP_PAGE_DIRECTORY:
	case CAP_PDPT:
		return decode_page_table(inv);
	case CAP_PML4:
		return fail(ERR_ILLEGAL_OPERATION);
	case CAP_ASID_CONTROL:
		return decode_asid_control(inv);
	case CAP_ASID_POOL:
		return decode_asid_pool(inv);
	case CAP_IO_PORT_CONTROL:
		return decode_io_port_control(inv);
	case CAP_IO_PORT:
		return decode_io_port(inv);
	case CAP_IRQ_CONTROL:
		return decode_irq_control(inv);
	case CAP_IRQ_HANDLER:
		return decode_irq_handler(inv);
	default: /* null, zombie */
		return fail_word(ERR_INVALID_CAPABILITY, 0);
	}
}

void invocation_failed(struct invocation *inv)
{
	inv->thread->cancel_until = 0; /* what had been preempted ends like this, perhaps */
	if (inv->call)
		answer_error(inv->thread);
}

/* Inline in both entries. */
static always_inline enum outcome perform(struct invocation *inv)
{
	struct tcb *thread = inv->thread;
	/* While it acts, the thread counts as to be restarted: so suspending itself finds it. */
	thread->state = THREAD_RESTART;
	enum outcome outcome = decode(inv);
	if (outcome == PREEMPTED)
		return PREEMPTED;
	if (outcome == FAILED) {
		invocation_failed(inv);
		thread->state = THREAD_RUNNING;
	} else if (thread->state == THREAD_RESTART) {
		invocation_done(inv);
		thread->state = THREAD_RUNNING;
	}
	return DONE;
}

enum outcome invocation_perform(struct invocation *inv)
{
	return perform(inv);
}

enum outcome invoke(struct tcb *thread, word_t cptr, bool call, bool blocking, bool may_donate,
                    bool first_phase)
{
	word_t info = thread->ctx.rsi;
	struct invocation inv;
	struct slot *slot;
	if (cspace_lookup(thread, cptr, &slot) != DONE) {
		if (blocking)
			fault_cap(thread, cptr, false);
		return DONE;
	}
	invocation_begin(&inv, thread, slot, info);
	inv.call = call;
	inv.blocking = blocking;
	inv.may_donate = may_donate;
	inv.first_phase = first_phase;
	if (!abi_msginfo_caps(info)) {
		inv.extra[0] = inv.extra[1] = inv.extra[2] = NULL;
	} else if (ipc_lookup_extra_caps(thread, inv.buffer, info, inv.extra) != DONE) {
		if (blocking)
			fault_raise(thread);
		else
			thread->fault.type = FAULT_NONE;
		return DONE;
	}
	return perform(&inv);
}
