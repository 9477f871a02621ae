/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Faults and their messages (seL4 manual, section 6.2 and 10.2).
 *
 * A fault is recorded in the thread (thread.fault) and sent to its fault endpoint as a call; the
 * thread waits for the answer like any caller. The message shows registers in an order of its own; the
 * answer to some faults writes them back. The two orders are tables of offsets into struct context.
 */
#include "arch.h"

#define REG(name) offsetof(struct context, name)
enum { SYSCALL_REGS = 18, EXCEPTION_REGS = 3, TIMEOUT_REGS = 19 };

static const uint8_t syscall_regs[SYSCALL_REGS] = {
	REG(rax), REG(rbx), REG(rcx), REG(rdx), REG(rsi), REG(rdi), REG(rbp),      REG(r8),  REG(r9),
	REG(r10), REG(r11), REG(r12), REG(r13), REG(r14), REG(r15), REG(fault_ip), REG(rsp), REG(rflags),
};
static const uint8_t exception_regs[EXCEPTION_REGS] = {REG(fault_ip), REG(rsp), REG(rflags)};
static const uint8_t timeout_regs[TIMEOUT_REGS] = {
	REG(fault_ip), REG(rsp), REG(rflags), REG(rax), REG(rbx), REG(rcx), REG(rdx),
	REG(rsi),      REG(rdi), REG(rbp),    REG(r8),  REG(r9),  REG(r10), REG(r11),
	REG(r12),      REG(r13), REG(r14),    REG(r15), REG(fs_base),
};

static word_t *reg_of(struct tcb *thread, unsigned offset)
{
	return (word_t *)((char *)&thread->ctx + offset);
}

void fault_set(struct tcb *thread, enum abi_fault type, word_t w0, word_t w1, word_t w2)
{
	thread->fault = (struct fault){type, {w0, w1, w2}};
}

/* Appends a word where there is room; returns the number of words afterwards. */
static unsigned put(struct tcb *to, unsigned i, word_t value)
{
	if (i >= ABI_MSG_REGS && !(to->buffer && to->buffer_writable))
		return i;
	ipc_set_mr(to, i, value);
	return i + 1;
}

static unsigned put_registers(struct tcb *from, struct tcb *to, const uint8_t *regs, unsigned count)
{
	to->ctx.r10 = *reg_of(from, regs[0]);
	to->ctx.r8 = *reg_of(from, regs[1]);
	to->ctx.r9 = *reg_of(from, regs[2]);
	if (count > 3)
		to->ctx.r15 = *reg_of(from, regs[3]);
	if (to->buffer && to->buffer_writable) {
		for (unsigned i = ABI_MSG_REGS; i < count; i++)
			to->buffer->msg[i] = *reg_of(from, regs[i]);
	}
	return count;
}

word_t fault_message(struct tcb *faulter, struct tcb *handler)
{
	const struct fault *fault = &faulter->fault;
	unsigned n = 0;
	switch (fault->type) {
	case FAULT_UNKNOWN_SYSCALL:
		n = put_registers(faulter, handler, syscall_regs, SYSCALL_REGS);
		return put(handler, n, fault->words[0]);
	case FAULT_USER_EXCEPTION:
		n = put_registers(faulter, handler, exception_regs, EXCEPTION_REGS);
		n = put(handler, n, fault->words[0]);
		return put(handler, n, fault->words[1]);
	case FAULT_TIMEOUT:
		n = put(handler, n, fault->words[0]);
		if (faulter->sc)
			n = put(handler, n, sc_take_consumed(faulter->sc));
		return n;
	case FAULT_VM:
		n = put(handler, n, faulter->ctx.fault_ip);
		n = put(handler, n, fault->words[0]);
		n = put(handler, n, fault->words[2]);
		return put(handler, n, fault->words[1]);
	default: /* cap fault */
		n = put(handler, n, faulter->ctx.fault_ip);
		n = put(handler, n, fault->words[0]);
		n = put(handler, n, fault->words[1]);
		for (unsigned i = 0; i < faulter->lookup_failure.length; i++)
			n = put(handler, n, faulter->lookup_failure.words[i]);
		return n;
	}
}

/* Writes registers back from the answer of `handler`. */
static void take_registers(struct tcb *faulter, const struct tcb *handler, const uint8_t *regs,
			   unsigned count)
{
	unsigned length = abi_msginfo_length(handler->ctx.rsi);
	if (length < count)
		count = length;
	if (count > ABI_MSG_REGS && !handler->buffer)
		count = ABI_MSG_REGS;
	for (unsigned i = 0; i < count; i++) {
		word_t value = i < ABI_MSG_REGS ? ipc_get_mr(handler, i) : handler->buffer->msg[i];
		*reg_of(faulter, regs[i]) = context_sanitise(regs[i], value);
	}
}

bool fault_reply(struct tcb *faulter, const struct tcb *handler)
{
	switch (faulter->fault.type) {
	case FAULT_UNKNOWN_SYSCALL:
		take_registers(faulter, handler, syscall_regs, SYSCALL_REGS);
		break;
	case FAULT_USER_EXCEPTION:
		take_registers(faulter, handler, exception_regs, EXCEPTION_REGS);
		break;
	case FAULT_TIMEOUT:
		take_registers(faulter, handler, timeout_regs, TIMEOUT_REGS);
		break;
	default:
		return true;
	}
	return abi_msginfo_label(handler->ctx.rsi) == 0;
}

/* Nobody handles it: say what happened, with what a person needs to find it. */
static void report(struct tcb *thread)
{
	const struct fault *fault = &thread->fault;
	const struct context *ctx = &thread->ctx;
	word_t word;
	static const char *const texts[] = {
#define FAULT(name, nr, words, text) [nr] = text,
#include <abi/fault.def>
#undef FAULT
	};
	kprintf("kernel: thread %p \"%s\": %s without a fault handler; words %lx %lx %lx\n",
		(void *)thread, thread->name, texts[fault->type], fault->words[0], fault->words[1],
		fault->words[2]);
	kprintf("  rip %lx rsp %lx rflags %lx rax %lx rdi %lx rsi %lx rdx %lx\n", ctx->fault_ip,
		ctx->rsp, ctx->rflags, ctx->rax, ctx->rdi, ctx->rsi, ctx->rdx);
	if (!config_debug)
		return;
	kprintf("  stack:");
	for (unsigned i = 0; i < 12 && vspace_read_word(thread, ctx->rsp + 8 * i, &word); i++)
		kprintf(" %lx", word);
	kprintf("\n");
}

static bool send_to(struct tcb *thread, struct cap handler, bool may_donate)
{
	if (cap_type(handler) != CAP_ENDPOINT || !cap_may(handler, RIGHT_WRITE))
		return false;
	ipc_send(thread, handler, true, false, may_donate);
	return true;
}

void fault_raise(struct tcb *thread)
{
	if (thread->fault.type == FAULT_CAP)
		thread->lookup_failure = lookup_failure;
	if (send_to(thread, thread->slots[TCB_FAULT_EP].cap, thread->sc))
		return;
	report(thread);
	thread->fault.type = FAULT_NONE;
	thread_set_state(thread, THREAD_INACTIVE);
}

void fault_raise_timeout(struct tcb *thread)
{
	fault_set(thread, FAULT_TIMEOUT, thread->sc->badge, 0, 0);
	if (!send_to(thread, thread->slots[TCB_TIMEOUT_EP].cap, false))
		thread_set_state(thread, THREAD_INACTIVE);
}

void fault_cap(struct tcb *thread, word_t cptr, bool receiving)
{
	fault_set(thread, FAULT_CAP, cptr, receiving, 0);
	fault_raise(thread);
}
