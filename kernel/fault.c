/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Faults and their messages (seL4 manual, section 6.2 and 10.2).
 *
 * A fault is recorded in the thread (thread.fault) and sent to its fault endpoint as a call; the
 * thread waits for the answer like any caller. The message shows registers in an order of its own;
 * the answer to some faults writes them back. The two orders are tables of offsets into struct
 * context.
 */
#include "fastpath.h"

/* The registers of a message in order. */
/* clang-format off */
#define SYSCALL_REGS(X)                                                      \
	X(0, rax) X(1, rbx) X(2, rcx) X(3, rdx) X(4, rsi) X(5, rdi) X(6, rbp) \
	X(7, r8) X(8, r9) X(9, r10) X(10, r11) X(11, r12) X(12, r13) X(13, r14) X(14, r15) \
	X(15, fault_ip) X(16, rsp) X(17, rflags)
#define EXCEPTION_REGS(X) X(0, fault_ip) X(1, rsp) X(2, rflags)
#define TIMEOUT_REGS(X)                                                      \
	X(0, fault_ip) X(1, rsp) X(2, rflags)                                \
	X(3, rax) X(4, rbx) X(5, rcx) X(6, rdx) X(7, rsi) X(8, rdi) X(9, rbp) \
	X(10, r8) X(11, r9) X(12, r10) X(13, r11) X(14, r12) X(15, r13) X(16, r14) X(17, r15) \
	X(18, fs_base)
/* clang-format on */
#define OFFSET(i, name) [i] = offsetof(struct context, name),

static const uint8_t syscall_regs[] = { SYSCALL_REGS(OFFSET) };
static const uint8_t exception_regs[] = { EXCEPTION_REGS(OFFSET) };
static const uint8_t timeout_regs[] = { TIMEOUT_REGS(OFFSET) };

static word_t *reg_of(struct tcb *thread, unsigned offset)
{
	return (word_t *)((char *)&thread->ctx + offset);
}

void fault_set(struct tcb *thread, enum abi_fault type, word_t w0, word_t w1, word_t w2)
{
	thread->fault = (struct fault){ type, { w0, w1, w2 } };
}

/* Appends a word where there is room; returns the number of words afterwards. */
static always_inline unsigned put(struct tcb *to, unsigned i, word_t value)
{
	if (i < ABI_MSG_REGS)
		*message_register(to, i) = value;
	else if (to->buffer && to->buffer_writable)
		to->buffer->msg[i] = value;
	else
		return i;
	return i + 1;
}

/* The registers of a system call: all at once, for this is the way of every Linux system call. */
static unsigned put_syscall(const struct context *from, struct tcb *to)
{
	to->ctx.r10 = from->rax;
	to->ctx.r8 = from->rbx;
	to->ctx.r9 = from->rcx;
	to->ctx.r15 = from->rdx;
	if (unlikely(!to->buffer || !to->buffer_writable))
		return ABI_MSG_REGS;
	word_t *msg = to->buffer->msg;
#define PUT(i, name)                                                                               \
	if (i >= ABI_MSG_REGS)                                                                     \
		msg[i] = from->name;
	SYSCALL_REGS(PUT)
#undef PUT
	return ARRAY_LEN(syscall_regs);
}

word_t fault_message(struct tcb *faulter, struct tcb *handler)
{
	const struct fault *fault = &faulter->fault;
	unsigned n = 0;
	switch (fault->type) {
	case FAULT_UNKNOWN_SYSCALL:
		n = put_syscall(&faulter->ctx, handler);
		return put(handler, n, fault->words[0]);
	case FAULT_USER_EXCEPTION:
		n = put(handler, n, faulter->ctx.fault_ip);
		n = put(handler, n, faulter->ctx.rsp);
		n = put(handler, n, faulter->ctx.rflags);
		n = put(handler, n, fault->words[0]);
		return put(handler, n, fault->words[1]);
	case FAULT_TIMEOUT:
		n = put(handler, n, fault->words[0]);
		if (faulter->sc)
			n = put(handler, n, sc_take_charged(faulter->sc));
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

/* The whole answer to a system call. */
static void take_syscall(struct context *ctx, const struct tcb *handler)
{
	const word_t *msg = handler->buffer->msg;
	ctx->rax = handler->ctx.r10;
	ctx->rbx = handler->ctx.r8;
	ctx->rcx = handler->ctx.r9;
	ctx->rdx = handler->ctx.r15;
#define TAKE(i, name)                                                                              \
	if (i >= ABI_MSG_REGS)                                                                     \
		ctx->name = msg[i];
	SYSCALL_REGS(TAKE)
#undef TAKE
	ctx->fault_ip = context_sanitise(offsetof(struct context, fault_ip), ctx->fault_ip);
	ctx->rflags = context_sanitise(offsetof(struct context, rflags), ctx->rflags);
}

/* Writes registers back from the answer of `handler`: the first words of it. */
static void take_registers(struct tcb *faulter, const struct tcb *handler, const uint8_t *regs,
                           unsigned count)
{
	unsigned length = abi_msginfo_length(handler->ctx.rsi);
	if (length < count)
		count = length;
	if (count > ABI_MSG_REGS && !handler->buffer)
		count = ABI_MSG_REGS;
	for (unsigned i = 0; i < count; i++)
		*reg_of(faulter, regs[i]) = context_sanitise(regs[i], ipc_get_mr(handler, i));
}

bool fault_reply(struct tcb *faulter, const struct tcb *handler)
{
	word_t info = handler->ctx.rsi;
	switch (faulter->fault.type) {
	case FAULT_UNKNOWN_SYSCALL:
		if (abi_msginfo_length(info) >= ARRAY_LEN(syscall_regs) && handler->buffer)
			take_syscall(&faulter->ctx, handler);
		else
			take_registers(faulter, handler, syscall_regs, ARRAY_LEN(syscall_regs));
		break;
	case FAULT_USER_EXCEPTION:
		take_registers(faulter, handler, exception_regs, ARRAY_LEN(exception_regs));
		break;
	case FAULT_TIMEOUT:
		take_registers(faulter, handler, timeout_regs, ARRAY_LEN(timeout_regs));
		break;
	default:
		return true;
	}
	return abi_msginfo_label(info) == 0;
}

/*
 * Nobody handles it: say what happened, with what a person needs to find it. The console is slow:
 * what a release kernel says of its users is limited, so that nobody can keep it busy with that.
 */
static void report(struct tcb *thread)
{
	enum { REPORTS_MAX = 16 };
	static unsigned reports;
	if (!config_debug && reports++ >= REPORTS_MAX)
		return;
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

bool fast_fault(struct tcb *faulter)
{
	struct cap cap = faulter->slots[TCB_FAULT_EP].cap;
	ticks_t time = 0;
	if (unlikely(!cap_is_with(cap, CAP_ENDPOINT, RIGHT_WRITE)))
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
