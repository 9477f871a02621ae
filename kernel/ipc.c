/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Endpoints and message passing (seL4 manual, chapter 4).
 *
 * An endpoint is idle, or threads wait at it, all to send or all to receive, in order of priority,
 * first come first served within one. A message goes from registers to registers (MR0..3) and from
 * IPC buffer to IPC buffer (the rest, through the physical window: buffers never fault).
 *
 * A thread that waits to receive holds on to its reply object (thread.reply, reply.tcb); when a
 * call arrives the object becomes the caller's, who waits for the answer (reply.c).
 *
 * The common cases of Call and ReplyRecv never come here: fastpath.c.
 */
#include "arch.h"
#include "cspace.h"
#include "endpoint.h"

/* ---- Message words ---- */

void ipc_set_mr(struct tcb *thread, unsigned i, word_t value)
{
	if (i < ABI_MSG_REGS)
		*message_register(thread, i) = value;
	else if (thread->buffer && thread->buffer_writable)
		thread->buffer->msg[i] = value;
}

word_t ipc_get_mr(const struct tcb *thread, unsigned i)
{
	if (i < ABI_MSG_REGS)
		return *message_register((struct tcb *)thread, i);
	return thread->buffer ? thread->buffer->msg[i] : 0;
}

/* Copies `length` words; returns how many arrived. */
static word_t copy_message(const struct tcb *from, struct tcb *to, word_t length)
{
	for (unsigned i = 0; i < length && i < ABI_MSG_REGS; i++)
		*message_register(to, i) = *message_register((struct tcb *)from, i);
	if (length <= ABI_MSG_REGS)
		return length;
	if (!from->buffer || !to->buffer || !to->buffer_writable)
		return ABI_MSG_REGS;
	for (unsigned i = ABI_MSG_REGS; i < length; i++)
		to->buffer->msg[i] = from->buffer->msg[i];
	return length;
}

/* ---- Capabilities in messages ---- */

enum outcome ipc_lookup_extra_caps(struct tcb *thread, const struct abi_ipc_buffer *buffer,
                                   word_t info, struct slot *extra[ABI_MSG_CAPS_MAX])
{
	unsigned count = buffer ? abi_msginfo_caps(info) : 0, i = 0;
	struct cap root = thread->slots[TCB_CSPACE].cap;
	for (; i < count; i++) {
		word_t cptr = buffer->caps_or_badges[i];
		if (likely(cspace_whole(root, cptr, &extra[i])))
			continue;
		if (cspace_lookup(thread, cptr, &extra[i]) != DONE) {
			fault_set(thread, FAULT_CAP, cptr, false, 0);
			return FAILED;
		}
	}
	for (; i < ABI_MSG_CAPS_MAX; i++)
		extra[i] = NULL;
	return DONE;
}

struct slot *ipc_receive_slot(struct tcb *thread)
{
	struct slot *root, *slot;
	struct abi_ipc_buffer *buffer = thread->buffer;
	if (cspace_lookup(thread, buffer->receive_cnode, &root) != DONE)
		return NULL;
	if (cspace_lookup_op(false, root->cap, buffer->receive_index, buffer->receive_depth,
	                     &slot) != DONE)
		return NULL;
	return slot_empty(slot) ? slot : NULL;
}

/*
 * Gives the receiver the extra capabilities: those to the endpoint of the message become badges,
 * one other is copied. Returns the caps and unwrapped fields of the message info.
 */
static word_t transfer_caps(struct slot *const extra[], const struct endpoint *ep,
                            struct tcb *receiver)
{
	word_t unwrapped = 0;
	unsigned i;
	if (!extra[0] || !receiver->buffer || !receiver->buffer_writable)
		return 0;
	struct slot *dest = ipc_receive_slot(receiver);
	for (i = 0; i < ABI_MSG_CAPS_MAX && extra[i]; i++) {
		struct cap cap = extra[i]->cap;
		if (cap_type(cap) == CAP_ENDPOINT && cap_endpoint(cap) == ep) {
			receiver->buffer->caps_or_badges[i] = cap.w1;
			unwrapped |= 1u << i;
			continue;
		}
		if (!dest || cap_derive(extra[i], cap, &cap) != DONE || cap_type(cap) == CAP_NULL)
			break;
		cdt_insert(dest, cap, extra[i]);
		dest = NULL;
	}
	return abi_msginfo(0, unwrapped, i, 0);
}

/* The message, or the fault, of `sender` arrives at `receiver`. `ep` is null for replies. */
static void transfer(struct tcb *sender, const struct endpoint *ep, word_t badge, bool grant,
                     struct tcb *receiver)
{
	struct slot *extra[ABI_MSG_CAPS_MAX];
	word_t info, length;

	receiver->ctx.rdi = badge;
	if (sender->fault.type != FAULT_NONE) {
		length = fault_message(sender, receiver);
		receiver->ctx.rsi = abi_msginfo(sender->fault.type, 0, 0, length);
		return;
	}
	info = sender->ctx.rsi;
	length = abi_msginfo_length(info);
	if (length > ABI_MSG_MAX)
		length = ABI_MSG_MAX;
	length = copy_message(sender, receiver, length);
	word_t caps = 0;
	if (grant && abi_msginfo_caps(info)) {
		struct fault fault = sender->fault;
		if (ipc_lookup_extra_caps(sender, sender->buffer, info, extra) == DONE)
			caps = transfer_caps(extra, ep, receiver);
		sender->fault = fault; /* that the capabilities are gone by now is no fault */
	}
	receiver->ctx.rsi = abi_msginfo(abi_msginfo_label(info), 0, 0, length) | caps;
}

/* ---- Send and receive ---- */

static uint64_t last_send;

static void block_sender(struct tcb *thread, struct cap ep_cap, bool call)
{
	thread->blocked_on = cap_endpoint(ep_cap);
	thread->send_badge = ep_cap.w1;
	thread->send_number = ++last_send;
	thread->send_aux = cap_rights(ep_cap) | (call ? SEND_IS_CALL : 0);
	thread_set_state(thread, THREAD_BLOCKED_SEND);
	endpoint_enqueue(cap_endpoint(ep_cap), thread, EP_SEND);
}

void ipc_send(struct tcb *thread, struct cap ep_cap, bool blocking, bool call, bool may_donate)
{
	struct endpoint *ep = cap_endpoint(ep_cap);
	bool may_reply = cap_may(ep_cap, RIGHT_GRANT) || cap_may(ep_cap, RIGHT_GRANT_REPLY);

	if (endpoint_state(ep) != EP_RECV) {
		if (blocking)
			block_sender(thread, ep_cap, call);
		return;
	}
	struct tcb *dest = endpoint_head(ep);
	endpoint_dequeue(ep, dest);
	transfer(thread, ep, ep_cap.w1, cap_may(ep_cap, RIGHT_GRANT), dest);
	struct reply *reply = dest->reply;
	if (reply)
		reply_unlink(reply);
	thread_set_state(dest, THREAD_RUNNING);
	if (call || thread->fault.type != FAULT_NONE) {
		if (reply && may_reply)
			reply_push(thread, dest, reply, may_donate);
		else
			thread_set_state(thread, THREAD_INACTIVE);
	} else if (may_donate && !dest->sc) {
		sc_donate(thread->sc, dest);
	}
	sc_unblocked(dest->sc);
	sched_consider(dest);
}

/* `sender` waits at the endpoint; `thread` takes its message. */
static void receive_from(struct tcb *thread, struct endpoint *ep, struct tcb *sender,
                         struct reply *reply)
{
	unsigned aux = sender->send_aux;
	endpoint_dequeue(ep, sender);
	transfer(sender, ep, sender->send_badge, aux & RIGHT_GRANT, thread);
	sc_unblocked(sender->sc);
	if (!(aux & SEND_IS_CALL) && sender->fault.type == FAULT_NONE) {
		thread_set_state(sender, THREAD_RUNNING);
		sched_consider(sender);
		return;
	}
	if (reply && (aux & (RIGHT_GRANT | RIGHT_GRANT_REPLY)))
		reply_push(sender, thread, reply,
		           sender->sc && sender->fault.type != FAULT_TIMEOUT);
	else
		thread_set_state(sender, THREAD_INACTIVE);
}

void ipc_receive(struct tcb *thread, struct cap ep_cap, bool blocking, struct reply *reply)
{
	struct endpoint *ep = cap_endpoint(ep_cap);
	struct notification *ntfn = thread->bound_ntfn;

	if (reply && reply->tcb && reply->tcb != thread)
		ipc_cancel(reply->tcb);
	if (ntfn && ntfn->state == NTFN_ACTIVE) {
		ntfn_complete(ntfn, thread);
		return;
	}
	if (ntfn && blocking)
		ntfn_return_sc(ntfn, thread);
	if (endpoint_state(ep) == EP_SEND) {
		receive_from(thread, ep, endpoint_head(ep), reply);
	} else if (blocking) {
		thread->blocked_on = ep;
		thread->reply = reply;
		if (reply)
			reply->tcb = thread;
		thread_set_state(thread, THREAD_BLOCKED_RECV);
		endpoint_enqueue(ep, thread, EP_RECV);
	} else {
		thread->ctx.rdi = 0;
	}
}

void ipc_reply(struct tcb *sender, struct reply *reply, bool grant)
{
	struct tcb *caller = reply->tcb;
	if (!caller || caller->state != THREAD_BLOCKED_REPLY)
		return;
	reply_remove(reply);
	sc_unblocked(caller->sc);
	word_t fault = caller->fault.type;
	if (likely(fault == FAULT_NONE)) {
		transfer(sender, NULL, 0, grant, caller);
		thread_set_state(caller, THREAD_RUNNING);
	} else {
		bool again = fault_reply(caller, sender);
		caller->fault.type = FAULT_NONE;
		thread_set_state(caller, again ? THREAD_RESTART : THREAD_INACTIVE);
	}
	if (!caller->sc || !thread_is_runnable(caller))
		return;
	if (sc_active(caller->sc) && !refill_ready(caller->sc) && fault != FAULT_TIMEOUT &&
	    cap_type(caller->slots[TCB_TIMEOUT_EP].cap) == CAP_ENDPOINT)
		fault_raise_timeout(caller);
	else
		sched_consider(caller);
}

/* ---- Cancelling ---- */

void ipc_cancel(struct tcb *thread)
{
	thread->fault.type = FAULT_NONE;
	switch (thread->state) {
	case THREAD_BLOCKED_RECV:
	case THREAD_BLOCKED_SEND:
		endpoint_dequeue(thread->blocked_on, thread);
		if (thread->reply)
			reply_unlink(thread->reply);
		thread_set_state(thread, THREAD_INACTIVE);
		break;
	case THREAD_BLOCKED_NTFN:
		ntfn_cancel(thread);
		break;
	case THREAD_BLOCKED_REPLY:
		reply_cancel(thread);
		break;
	default:
		break;
	}
}

/* A waiting thread's endpoint goes away, or its badge: it tries again, unless it sent a fault. */
static void restart_waiter(struct tcb *thread)
{
	bool faulted = thread->fault.type != FAULT_NONE;
	endpoint_dequeue(thread->blocked_on, thread);
	if (thread->reply)
		reply_unlink(thread->reply);
	thread_set_state(thread, faulted ? THREAD_INACTIVE : THREAD_RESTART);
	if (!faulted) {
		sc_unblocked(thread->sc);
		sched_consider(thread);
	}
}

enum { CANCEL_BATCH = 32 };

bool ipc_cancel_some(struct endpoint *ep)
{
	if (endpoint_state(ep) == EP_IDLE)
		return true;
	for (unsigned i = 0; i < CANCEL_BATCH && endpoint_head(ep); i++)
		restart_waiter(endpoint_head(ep));
	sched_reschedule();
	return endpoint_state(ep) == EP_IDLE;
}

/*
 * Those that wait when the operation begins, not those that come back while it is preempted: so it
 * ends, whoever gets to run in between.
 */
bool ipc_cancel_some_badged(struct endpoint *ep, word_t badge)
{
	uint64_t until = current->cancel_until ? current->cancel_until : last_send;
	unsigned cancelled = 0;
	struct tcb *thread, *next;
	current->cancel_until = 0;
	if (endpoint_state(ep) != EP_SEND)
		return true;
	for (thread = endpoint_head(ep); thread; thread = next) {
		next = thread->next;
		if (thread->send_badge != badge || thread->send_number > until)
			continue;
		if (cancelled == CANCEL_BATCH && plat_interrupt_pending()) {
			current->cancel_until = until;
			sched_reschedule();
			return false;
		}
		cancelled = cancelled == CANCEL_BATCH ? 1 : cancelled + 1;
		restart_waiter(thread);
	}
	sched_reschedule();
	return true;
}

void ipc_reorder(struct tcb *thread)
{
	struct endpoint *ep = thread->blocked_on;
	enum endpoint_state state = endpoint_state(ep);
	endpoint_dequeue(ep, thread);
	endpoint_enqueue(ep, thread, state);
}
