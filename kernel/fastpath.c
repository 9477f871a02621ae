/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The entry of all system calls, with the fast paths (fastpath.h).
 *
 * This file holds one function that does not return, entered from entry.S, which has saved all
 * registers: so gcc is told that it need not preserve any (room.mk).
 */
#include "fastpath.h"
#include "invocation.h"

static _Noreturn void dispatch_deep(word_t cptr, word_t info, long nr) __attribute__((noinline));

/*
 * The message's capabilities, all of them to the endpoint that it is sent to, become badges: so a
 * server's clients name its objects. *caps: the caps and unwrapped fields of the message info.
 */
static bool unwrap(struct tcb *caller, struct tcb *callee, const struct endpoint *ep, word_t info,
                   word_t *caps)
{
	unsigned count = abi_msginfo_caps(info);
	word_t badges[ABI_MSG_CAPS_MAX];
	if (unlikely(!caller->buffer || !callee->buffer || !callee->buffer_writable))
		return false;
	for (unsigned i = 0; i < count; i++) {
		struct cap cap;
		if (!lookup(DEEP, caller, caller->buffer->caps_or_badges[i], &cap) ||
		    cap_type(cap) != CAP_ENDPOINT || cap_endpoint(cap) != ep)
			return false;
		badges[i] = cap.w1;
	}
	for (unsigned i = 0; i < count; i++)
		callee->buffer->caps_or_badges[i] = badges[i];
	*caps = abi_msginfo(0, MASK(count), count, 0);
	return true;
}

static always_inline bool call_endpoint(enum fast fast, struct tcb *caller, struct cap cap,
                                        word_t info)
{
	word_t length = abi_msginfo_length(info), caps = 0;
	ticks_t time = 0;
	if (unlikely(!cap_is_with(cap, CAP_ENDPOINT, RIGHT_WRITE) ||
	             !(cap_rights(cap) & (RIGHT_GRANT | RIGHT_GRANT_REPLY))))
		return false;
	struct endpoint *ep = cap_endpoint(cap);
	struct tcb *callee = callee_at(ep, &time);
	if (unlikely(!callee || !may_copy(caller, callee, length)))
		return false;
	if (fast == DEEP && abi_msginfo_caps(info) &&
	    (!cap_may(cap, RIGHT_GRANT) || !unwrap(caller, callee, ep, info, &caps)))
		return false;

	copy(caller, callee, length);
	callee->ctx.rdi = cap.w1;
	callee->ctx.rsi = plain_info(info) | caps;
	call_switch(caller, callee, ep, time);
	return true;
}

static always_inline bool lookup_extra_caps(struct invocation *inv, word_t info)
{
	struct tcb *thread = inv->thread;
	unsigned count = abi_msginfo_caps(info);
	if (unlikely(count > 1))
		return ipc_lookup_extra_caps(thread, inv->buffer, info, inv->extra) == DONE;
	inv->extra[0] = inv->extra[1] = inv->extra[2] = NULL;
	if (count == 0 || unlikely(!inv->buffer))
		return true;
	return lookup_slot(DEEP, thread, inv->buffer->caps_or_badges[0], &inv->extra[0]);
}

/* Call: an invocation of the capability in `slot`. */
static _Noreturn __attribute__((noinline)) void call_object(struct tcb *thread, struct slot *slot,
                                                            word_t info)
{
	struct invocation inv;
	invocation_begin(&inv, thread, slot, info);
	inv.call = inv.blocking = inv.may_donate = true;
	inv.first_phase = false;
	if (unlikely(!lookup_extra_caps(&inv, info))) {
		syscall_slow(thread, SYS_CALL);
		exit_to_user();
	}
	/* Frames concern no thread: who is current stays it, whatever is done. */
	if (cap_type(inv.cap) == CAP_FRAME) {
		if (likely(decode_frame(&inv) == DONE))
			invocation_done(&inv);
		else
			invocation_failed(&inv);
		exit_to_user();
	}
	(void)invocation_perform(&inv); /* preempted: sched_exit has it restarted */
	sched_exit();
	exit_to_user();
}

static always_inline bool fast_call(enum fast fast, struct tcb *caller, word_t cptr, word_t info)
{
	if (fast == PLAIN && unlikely(abi_msginfo_caps(info)))
		dispatch_deep(cptr, info, SYS_CALL);
	struct slot *slot;
	if (unlikely(!lookup_slot(fast, caller, cptr, &slot)))
		return false;
	/* Smaller labels are mostly those of invocations. */
	if (fast == DEEP && abi_msginfo_label(info) < INV_COUNT)
		call_object(caller, slot, info);
	if (unlikely(!call_endpoint(fast, caller, slot->cap, info)))
		call_object(caller, slot, info);
	return true;
}

/* ---- ReplyRecv ---- */

/* The server's part of ReplyRecv: where it will wait, with which reply object. */
struct service {
	struct endpoint *ep;
	struct reply *reply;
};

static always_inline bool service_of(enum fast fast, struct tcb *server, word_t cptr,
                                     struct service *service)
{
	struct cap ep, reply;
	if (unlikely(!lookup(fast, server, cptr, &ep) ||
	             !cap_is_with(ep, CAP_ENDPOINT, RIGHT_READ) ||
	             !lookup(fast, server, server->ctx.r12, &reply) ||
	             cap_type(reply) != CAP_REPLY))
		return false;
	service->ep = cap_endpoint(ep);
	service->reply = cap_reply(reply);
	const struct notification *ntfn = server->bound_ntfn;
	/* Its own context, if that is what the server runs on, goes back when it waits. */
	if (ntfn && (ntfn->state == NTFN_ACTIVE || ntfn->sc == server->sc))
		return false;
	return endpoint_state(service->ep) != EP_SEND;
}

/*
 * The caller can be answered and run at once. *donated: on the context that it lent; otherwise it
 * has its own, and *time is set.
 */
static always_inline bool caller_may_run(struct tcb *server, struct reply *reply, word_t info,
                                         bool *donated, ticks_t *time)
{
	struct tcb *caller = reply->tcb;
	if (unlikely(!caller || caller->state != THREAD_BLOCKED_REPLY || !may_switch_to(caller)))
		return false;
	if (unlikely(caller->fault.type != FAULT_NONE)) {
		if (unlikely(caller->fault.type == FAULT_TIMEOUT || abi_msginfo_label(info)))
			return false;
	} else if (unlikely(!may_copy(server, caller, abi_msginfo_length(info)))) {
		return false;
	}
	*donated = reply->next & REPLY_NEXT_IS_SC;
	if (likely(*donated))
		return likely(!caller->sc && reply->next - REPLY_NEXT_IS_SC == (word_t)server->sc);
	return !reply->next && !reply->prev && caller->sc &&
	       may_switch_context(caller->sc, current_sc, time);
}

static always_inline void answer(struct tcb *server, struct tcb *caller, word_t info)
{
	if (likely(caller->fault.type == FAULT_NONE)) {
		copy(server, caller, abi_msginfo_length(info));
		caller->ctx.rdi = 0;
		caller->ctx.rsi = plain_info(info);
		return;
	}
	if (caller->fault.type != FAULT_VM) /* the answer to that sets no register */
		(void)fault_reply(caller, server);
	caller->fault.type = FAULT_NONE;
	caller->ctx.rip = caller->ctx.fault_ip;
}

static always_inline bool fast_reply_recv(enum fast fast, struct tcb *server, word_t cptr,
                                          word_t info)
{
	struct service service;
	ticks_t time = 0;
	bool donated;
	if (unlikely(abi_msginfo_caps(info)))
		return false;
	if (unlikely(!service_of(fast, server, cptr, &service)))
		return false;
	struct reply *reply = service.reply;
	if (unlikely(!caller_may_run(server, reply, info, &donated, &time)))
		return false;

	struct tcb *caller = reply->tcb;
	answer(server, caller, info);
	caller->reply = NULL;
	caller->state = THREAD_RUNNING;
	if (likely(donated)) {
		struct sched_context *sc = server->sc;
		struct reply *older = reply->prev;
		sc->reply = older;
		if (older)
			older->next = reply->next;
		reply->next = 0;
		reply->prev = NULL;
		sc->tcb = caller;
		caller->sc = sc;
		server->sc = NULL;
	} else {
		sched_charge_switch(caller->sc, time);
	}
	reply->tcb = server;
	server->reply = reply;
	server->blocked_on = service.ep;
	server->state = THREAD_BLOCKED_RECV;
	wait_at(service.ep, server);
	switch_to_user(caller);
	return true;
}

/* ---- Signals ---- */

/* A signal wakes `thread`, which has a context of its own: it runs at once if it goes before us. */
static always_inline bool wake(struct tcb *signaller, struct notification *ntfn, struct tcb *thread,
                               word_t badge)
{
	struct sched_context *sc = thread->sc;
	ticks_t time;
	if (unlikely(!sc || thread->priority <= signaller->priority ||
	             !may_switch_context(sc, current_sc, &time)))
		return false;
	struct tcb *next = thread->next;
	ntfn->queue.head = next;
	if (likely(!next)) {
		ntfn->queue.tail = NULL;
		ntfn->state = NTFN_IDLE;
	} else {
		next->prev = NULL;
		thread->next = NULL;
	}
	thread->queue = TCB_QUEUE_NONE;
	thread->state = THREAD_RUNNING;
	thread->ctx.rdi = badge;
	sched_charge_switch(sc, time);
	sched_enqueue(signaller);
	switch_to_user(thread);
	return true;
}

static always_inline bool fast_signal(enum fast fast, struct tcb *signaller, word_t cptr,
                                      word_t info)
{
	struct cap cap;
	if (unlikely(abi_msginfo_caps(info))) /* they are ignored, but must resolve */
		return false;
	if (unlikely(!lookup(fast, signaller, cptr, &cap) ||
	             !cap_is_with(cap, CAP_NOTIFICATION, RIGHT_WRITE)))
		return false;
	struct notification *ntfn = cap_notification(cap);
	word_t badge = cap.w1;
	switch (ntfn->state) {
	case NTFN_ACTIVE:
		ntfn->badge |= badge;
		return true;
	case NTFN_IDLE:
		if (ntfn->bound_tcb && ntfn->bound_tcb->state == THREAD_BLOCKED_RECV)
			return false;
		ntfn->state = NTFN_ACTIVE;
		ntfn->badge = badge;
		return true;
	default:
		return wake(signaller, ntfn, ntfn->queue.head, badge);
	}
}

/* Waiting for a signal: there is one, or another thread is ready to run. */
static always_inline bool fast_wait(enum fast fast, struct tcb *thread, word_t cptr, bool blocking)
{
	struct cap cap;
	if (unlikely(!lookup(fast, thread, cptr, &cap) ||
	             !cap_is_with(cap, CAP_NOTIFICATION, RIGHT_READ)))
		return false;
	struct notification *ntfn = cap_notification(cap);
	ticks_t time;
	if (unlikely(ntfn->sc || (ntfn->bound_tcb && ntfn->bound_tcb != thread)))
		return false;
	if (ntfn->state == NTFN_ACTIVE) {
		thread->ctx.rdi = ntfn->badge;
		ntfn->state = NTFN_IDLE;
		return true;
	}
	if (unlikely(!blocking || ntfn->state != NTFN_IDLE || sched_highest < 0))
		return false;
	struct tcb *next = ready_queues[sched_highest].head;
	if (unlikely(next->state != THREAD_RUNNING || next->yield_to ||
	             !may_switch_context(next->sc, current_sc, &time)))
		return false;
	thread->blocked_on = ntfn;
	thread->state = THREAD_BLOCKED_NTFN;
	thread->queue = TCB_QUEUE_OBJECT;
	ntfn->queue.head = ntfn->queue.tail = thread;
	ntfn->state = NTFN_WAITING;
	sched_dequeue(next);
	sched_charge_switch(next->sc, time);
	switch_to_user(next);
	return true;
}

static always_inline bool fast_set_tls_base(struct tcb *thread, word_t base)
{
	context_sync(thread);
	thread->ctx.fs_base = context_sanitise(offsetof(struct context, fs_base), base);
	wrmsr(MSR_FS_BASE, thread->ctx.fs_base);
	return true;
}

/* ---- The entry of all system calls ---- */

/* False: the general code has to do it. */
static always_inline bool dispatch(enum fast fast, struct tcb *thread, word_t cptr, word_t info,
                                   long nr)
{
	if (nr == SYS_CALL)
		return fast_call(fast, thread, cptr, info);
	if (nr == SYS_REPLY_RECV)
		return fast_reply_recv(fast, thread, cptr, info);
	if (nr == SYS_SEND || nr == SYS_NB_SEND)
		return fast_signal(fast, thread, cptr, info);
	if (nr == SYS_WAIT || nr == SYS_NB_WAIT)
		return fast_wait(fast, thread, cptr, nr == SYS_WAIT);
	return nr == SYS_SET_TLS_BASE && fast_set_tls_base(thread, cptr);
}

static _Noreturn void dispatch_deep(word_t cptr, word_t info, long nr)
{
	struct tcb *thread = current;
	if (unlikely(!dispatch(DEEP, thread, cptr, info, nr)))
		syscall_slow(thread, nr);
	exit_to_user();
}

/* Does not return, so that nothing is restored that exit_to_user restores anyway. */
_Noreturn void kernel_syscall(word_t cptr, word_t info, long nr)
{
	struct tcb *thread = current;
	bool done = false;
	if (likely(!(thread->flags & (TCB_FLAG_SYSCALLS_FAULT | TCB_DEEP_CSPACE))))
		done = dispatch(PLAIN, thread, cptr, info, nr);
	else if (!(thread->flags & TCB_FLAG_SYSCALLS_FAULT))
		dispatch_deep(cptr, info, nr);
	if (unlikely(!done))
		syscall_slow(thread, nr);
	exit_to_user();
}
