/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What enters the kernel: system calls, faults, interrupts (seL4 manual, section 2.2).
 *
 * Each of the kernel_* functions (kernel_syscall is in fastpath.c) is called by entry.S on the
 * kernel's stack with interrupts off, the registers of `current` saved in its TCB, and is followed
 * by the exit to (a maybe different) `current`. Nothing of an entry survives on the stack.
 */
#include "arch.h"
#include "cspace.h"

/* The reply object for a receive, from R12. */
static enum outcome lookup_reply(struct tcb *thread, struct reply **reply)
{
	struct slot *slot;
	word_t cptr = thread->ctx.r12;
	if (cspace_lookup(thread, cptr, &slot) != DONE) {
		fault_cap(thread, cptr, true);
		return FAILED;
	}
	if (cap_type(slot->cap) != CAP_REPLY) {
		(void)lookup_missing(0);
		fault_cap(thread, cptr, true);
		return FAILED;
	}
	*reply = cap_reply(slot->cap);
	return DONE;
}

static void receive(struct tcb *thread, bool blocking, bool with_reply)
{
	struct slot *slot;
	struct reply *reply = NULL;
	word_t cptr = thread->ctx.rdi;
	if (cspace_lookup(thread, cptr, &slot) != DONE) {
		fault_cap(thread, cptr, true);
		return;
	}
	struct cap cap = slot->cap;
	if (cap_type(cap) == CAP_ENDPOINT && cap_may(cap, RIGHT_READ)) {
		if (with_reply && lookup_reply(thread, &reply) != DONE)
			return;
		ipc_receive(thread, cap, blocking, reply);
		return;
	}
	if (cap_type(cap) == CAP_NOTIFICATION && cap_may(cap, RIGHT_READ)) {
		struct notification *ntfn = cap_notification(cap);
		if (!ntfn->bound_tcb || ntfn->bound_tcb == thread) {
			ntfn_receive(thread, ntfn, blocking);
			return;
		}
	}
	(void)lookup_missing(0);
	fault_cap(thread, cptr, true);
}

/* Send to `cptr`, then receive: what the send phase cannot do is dropped. */
static void send_receive(struct tcb *thread, word_t cptr, bool with_reply)
{
	if (invoke(thread, cptr, false, false, true, true) != PREEMPTED)
		receive(thread, true, with_reply);
}

/* `thread` faulted, and thread.fault says how: all that is to be done. */
static void fault(struct tcb *thread)
{
	if (likely(fast_fault(thread)))
		return; /* the handler is current, and nobody else comes into question */
	fault_raise(thread);
	sched_exit();
}

static void unknown_syscall(struct tcb *thread, word_t nr)
{
	fault_set(thread, FAULT_UNKNOWN_SYSCALL, nr, 0, 0);
	fault(thread);
}

/* Everything that the fast paths leave. */
void syscall_slow(struct tcb *thread, long nr)
{
	enum outcome outcome = DONE;
	if (unlikely(thread->flags & TCB_FLAG_SYSCALLS_FAULT)) {
		unknown_syscall(thread, nr);
		return;
	}
	switch (nr) {
	case SYS_CALL:
		outcome = invoke(thread, thread->ctx.rdi, true, true, true, false);
		break;
	case SYS_REPLY_RECV:
		send_receive(thread, thread->ctx.r12, true);
		break;
	case SYS_NB_SEND_RECV:
		send_receive(thread, thread->ctx.r13, true);
		break;
	case SYS_NB_SEND_WAIT:
		send_receive(thread, thread->ctx.r12, false);
		break;
	case SYS_SEND:
		outcome = invoke(thread, thread->ctx.rdi, false, true, false, false);
		break;
	case SYS_NB_SEND:
		outcome = invoke(thread, thread->ctx.rdi, false, false, false, false);
		break;
	case SYS_RECV:
		receive(thread, true, true);
		break;
	case SYS_NB_RECV:
		receive(thread, false, true);
		break;
	case SYS_WAIT:
		receive(thread, true, false);
		break;
	case SYS_NB_WAIT:
		receive(thread, false, false);
		break;
	case SYS_YIELD:
		sched_yield();
		break;
	default:
		if (!(config_debug && debug_syscall(nr))) {
			unknown_syscall(thread, nr);
			return;
		}
		break;
	}
	(void)outcome; /* preempted: the state is THREAD_RESTART, sched_exit does the rest */
	sched_exit();
}

/* `int n` with a gate that user programs may use. */
void kernel_trap(unsigned vector)
{
	struct tcb *thread = current;
	int32_t nr = (int32_t)((uint32_t)vector << 24 | (thread->ctx.rax & 0xffffff));
	thread->ctx.fault_ip = thread->ctx.rip - 2;
	unknown_syscall(thread, (word_t)(int64_t)nr);
}

void kernel_exception(unsigned vector)
{
	enum { PAGE_FAULT = 14, FETCH = 1 << 4 };
	struct tcb *thread = current;
	word_t code = thread->ctx.error;
	thread->ctx.fault_ip = thread->ctx.rip;
	if (vector == PAGE_FAULT)
		fault_set(thread, FAULT_VM, cpu_cr2(), code, code & FETCH ? 1 : 0);
	else
		fault_set(thread, FAULT_USER_EXCEPTION, vector, code, 0);
	fault(thread);
}

void kernel_interrupt(unsigned vector)
{
	current->ctx.fault_ip = current->ctx.rip;
	if (vector == VECTOR_TIMER) {
		plat_eoi();
		sched_timer_interrupt();
	} else if (vector != VECTOR_SPURIOUS) {
		irq_interrupt(vector);
	}
	sched_exit();
}
