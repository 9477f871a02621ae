/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Fast paths for what happens most: Call and ReplyRecv without capabilities, faults to a waiting
 * handler and the answers to them, and signals that wake nobody. Each looks whether its case is there
 * before it changes anything, and returns false if not: then the general code does the whole system
 * call, with the same effect.
 *
 * Both kinds of receivers are served: passive ones, which run on the caller's scheduling context, and
 * active ones, which run on their own. The latter must be round robin, so that charging is two
 * additions (refill.c).
 */
#include "endpoint.h"
#include "switch.h"
#include "time.h"

/* As cspace_lookup; null if the look-up fails. */
static inline struct slot *lookup(const struct tcb *thread, word_t cptr)
{
	struct cap root = thread->slots[TCB_CSPACE].cap;
	unsigned bits = 64;
	for (;;) {
		if (unlikely(cap_type(root) != CAP_CNODE))
			return NULL;
		unsigned radix = cap_cnode_radix(root), guard_bits = cap_cnode_guard_bits(root);
		if (guard_bits && (guard_bits > bits || (cptr >> (bits - guard_bits) &
							 MASK(guard_bits)) != root.w1))
			return NULL;
		if (unlikely(radix + guard_bits > bits))
			return NULL;
		bits -= radix + guard_bits;
		struct slot *slot = cap_cnode_slots(root) + (cptr >> bits & MASK(radix));
		if (likely(bits == 0))
			return slot;
		root = slot->cap;
	}
}

/* `thread`, which becomes runnable, may run at once: nobody goes before it. */
static inline bool may_switch_to(const struct tcb *thread)
{
	return likely(thread->priority >= current->priority) ||
	       thread->priority >= sched_highest_priority();
}

/* The words of a message that are not in registers can be copied. */
static inline bool may_copy(const struct tcb *from, const struct tcb *to, word_t length)
{
	if (likely(length <= ABI_MSG_REGS))
		return true;
	return length <= ABI_MSG_MAX && from->buffer && to->buffer && to->buffer_writable;
}

static inline void copy(const struct tcb *from, struct tcb *to, word_t length)
{
	const struct context *a = &from->ctx;
	struct context *b = &to->ctx;
	if (length == 0)
		return;
	b->r10 = a->r10;
	if (length == 1)
		return;
	b->r8 = a->r8;
	if (length == 2)
		return;
	b->r9 = a->r9;
	if (length == 3)
		return;
	b->r15 = a->r15;
	for (word_t i = ABI_MSG_REGS; unlikely(i < length); i++)
		to->buffer->msg[i] = from->buffer->msg[i];
}

static inline word_t plain_info(word_t info)
{
	return info & ~(word_t)(31 << 7);
}

/* ---- Switching to a thread with a scheduling context of its own ---- */

static inline bool may_switch_context(struct sched_context *sc, struct sched_context *old,
				      ticks_t *time)
{
	if (unlikely(!sc_active(sc) || sc->period || !old || old->period))
		return false;
	*time = rdtsc();
	return likely(sched_may_charge(old, *time) && refill_head(sc)->time <= *time);
}

/* ---- Endpoint queues ---- */

static inline void dequeue_head(struct endpoint *ep, struct tcb *thread)
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

static inline void wait_at(struct endpoint *ep, struct tcb *thread)
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
 * The thread that can take a call through `ep` now, or null; *time is set if it has a context of its
 * own that would run.
 */
static inline struct tcb *callee_at(const struct endpoint *ep, ticks_t *time)
{
	if (endpoint_state(ep) != EP_RECV)
		return NULL;
	struct tcb *callee = endpoint_head(ep);
	if (unlikely(!callee->reply || !may_switch_to(callee)))
		return NULL;
	if (callee->sc && !may_switch_context(callee->sc, current_sc, time))
		return NULL;
	return callee;
}

/* `caller`, the current thread, has handed its message to `callee`: waits for the answer. */
static inline void call_switch(struct tcb *caller, struct tcb *callee, struct endpoint *ep,
			       ticks_t time)
{
	struct reply *reply = callee->reply;
	dequeue_head(ep, callee);
	callee->reply = NULL;
	callee->state = THREAD_RUNNING;
	reply->tcb = caller;
	caller->reply = reply;
	caller->state = THREAD_BLOCKED_REPLY;
	if (callee->sc) {
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
	switch_to(callee);
}

bool fast_call(word_t cptr, word_t info)
{
	struct tcb *caller = current;
	word_t length = abi_msginfo_length(info);
	ticks_t time = 0;
	if (unlikely(abi_msginfo_caps(info)))
		return false;
	struct slot *slot = lookup(caller, cptr);
	if (unlikely(!slot || cap_type(slot->cap) != CAP_ENDPOINT))
		return false;
	struct cap cap = slot->cap;
	if (unlikely(!cap_may(cap, RIGHT_WRITE) ||
		     !(cap_may(cap, RIGHT_GRANT) || cap_may(cap, RIGHT_GRANT_REPLY))))
		return false;
	struct endpoint *ep = cap_endpoint(cap);
	struct tcb *callee = callee_at(ep, &time);
	if (unlikely(!callee || !may_copy(caller, callee, length)))
		return false;

	copy(caller, callee, length);
	callee->ctx.rdi = cap.w1;
	callee->ctx.rsi = plain_info(info);
	call_switch(caller, callee, ep, time);
	return true;
}

bool fast_fault(void)
{
	struct tcb *faulter = current;
	struct cap cap = faulter->slots[TCB_FAULT_EP].cap;
	ticks_t time = 0;
	if (unlikely(cap_type(cap) != CAP_ENDPOINT || !cap_may(cap, RIGHT_WRITE)))
		return false;
	struct endpoint *ep = cap_endpoint(cap);
	struct tcb *handler = callee_at(ep, &time);
	if (unlikely(!handler))
		return false;

	word_t length = fault_message(faulter, handler);
	handler->ctx.rdi = cap.w1;
	handler->ctx.rsi = abi_msginfo(faulter->fault.type, 0, 0, length);
	call_switch(faulter, handler, ep, time);
	return true;
}

/* ---- ReplyRecv ---- */

/* The server's part of ReplyRecv: where it will wait, with which reply object. */
struct service {
	struct endpoint *ep;
	struct reply *reply;
};

static inline bool service_of(struct tcb *server, word_t cptr, struct service *service)
{
	struct slot *slot = lookup(server, cptr);
	if (unlikely(!slot || cap_type(slot->cap) != CAP_ENDPOINT ||
		     !cap_may(slot->cap, RIGHT_READ)))
		return false;
	service->ep = cap_endpoint(slot->cap);
	slot = lookup(server, server->ctx.r12);
	if (unlikely(!slot || cap_type(slot->cap) != CAP_REPLY))
		return false;
	service->reply = cap_reply(slot->cap);
	const struct notification *ntfn = server->bound_ntfn;
	if (ntfn && (ntfn->state == NTFN_ACTIVE || ntfn->sc))
		return false;
	return endpoint_state(service->ep) != EP_SEND;
}

/* The caller can be answered and run at once; *time as in callee_at. */
static inline bool caller_may_run(struct tcb *server, struct reply *reply, word_t info,
				  ticks_t *time)
{
	struct tcb *caller = reply->tcb;
	if (unlikely(!caller || caller->state != THREAD_BLOCKED_REPLY || !may_switch_to(caller)))
		return false;
	if (caller->fault.type != FAULT_NONE) {
		if (unlikely(caller->fault.type == FAULT_TIMEOUT || abi_msginfo_label(info)))
			return false;
	} else if (unlikely(!may_copy(server, caller, abi_msginfo_length(info)))) {
		return false;
	}
	if (reply->next & REPLY_NEXT_IS_SC) /* donated: the server runs on the caller's context */
		return !caller->sc && server->sc && reply->next == ((word_t)server->sc | 1);
	return !reply->next && !reply->prev && caller->sc &&
	       may_switch_context(caller->sc, current_sc, time);
}

static inline void answer(struct tcb *server, struct tcb *caller, word_t info)
{
	if (likely(caller->fault.type == FAULT_NONE)) {
		copy(server, caller, abi_msginfo_length(info));
		caller->ctx.rdi = 0;
		caller->ctx.rsi = plain_info(info);
		return;
	}
	(void)fault_reply(caller, server);
	caller->fault.type = FAULT_NONE;
	caller->ctx.rip = caller->ctx.fault_ip;
}

bool fast_reply_recv(word_t cptr, word_t info)
{
	struct tcb *server = current;
	struct service service;
	ticks_t time = 0;
	if (unlikely(abi_msginfo_caps(info)))
		return false;
	if (unlikely(!service_of(server, cptr, &service)))
		return false;
	struct reply *reply = service.reply;
	if (unlikely(!caller_may_run(server, reply, info, &time)))
		return false;

	struct tcb *caller = reply->tcb;
	answer(server, caller, info);
	caller->reply = NULL;
	caller->state = THREAD_RUNNING;
	if (reply->next) {
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
	switch_to(caller);
	return true;
}

/* ---- Signals ---- */

bool fast_signal(word_t cptr)
{
	struct slot *slot = lookup(current, cptr);
	if (unlikely(!slot || cap_type(slot->cap) != CAP_NOTIFICATION ||
		     !cap_may(slot->cap, RIGHT_WRITE)))
		return false;
	struct notification *ntfn = cap_notification(slot->cap);
	word_t badge = slot->cap.w1;
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
		return false;
	}
}
