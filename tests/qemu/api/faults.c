/* SPDX-License-Identifier: BSD-2-Clause */
/* See faults.h. */
#include "faults.h"

struct faulter faulter;

void faulter_new(const void *code)
{
	struct faulter *f = &faulter;
	f->ep = endpoint_new();
	f->reply = reply_new();
	f->thread = thread_new(&(struct thread_options){ .fault_ep = f->ep });
	f->start = (struct abi_user_context){ 0 };
	for (unsigned int i = 3; i < ABI_CONTEXT_FRAME_WORDS; i++)
		((word_t *)&f->start)[i] = 0x1010101010101011ull * i;
	f->start.rip = (word_t)code;
	f->start.rsp = f->thread->stack_top - 512;
	f->start.rflags = 0x202 | 0x8d5;
	f->start.fs_base = (word_t)&f->thread->block;
	f->start.gs_base = 0x7654321000;
}

void faulter_receive(void)
{
	struct faulter *f = &faulter;
	f->m = sel4_recv(f->ep, f->reply);
	for (unsigned int i = 0; i < ABI_MSG_MAX; i++)
		f->words[i] = i < ABI_MSG_REGS ? f->m.mr[i] : sel4_get_word(i);
}

void faulter_run(void)
{
	thread_start_at(faulter.thread, &faulter.start);
	faulter_receive();
}

void faulter_start(const void *code)
{
	faulter_new(code);
	faulter_run();
}

void faulter_reply(word_t label, word_t length)
{
	struct sel4_msg m = message(label, length, 0, 0, 0, 0);
	for (unsigned int i = 0; i < ABI_MSG_REGS; i++)
		m.mr[i] = faulter.words[i];
	for (unsigned int i = ABI_MSG_REGS; i < ABI_MSG_MAX; i++)
		sel4_set_word(i, faulter.words[i]);
	sel4_send(faulter.reply, m);
}

void check_vm_fault(const void *ip, word_t address, word_t error)
{
	const struct faulter *f = &faulter;
	CHECK_EQ(f->m.info, abi_msginfo(FAULT_VM, 0, 0, 4));
	CHECK_EQ(f->words[0], (word_t)ip);
	CHECK_EQ(f->words[1], address);
	/* Bit 4 (instruction fetch) exists where pages can be non-executable, see fault_vm.c. */
	CHECK_EQ(f->words[2], f->words[3] >> 4 & 1);
	CHECK_EQ(f->words[3] & ~(word_t)0x10, error & ~(word_t)0x10);
	CHECK((error & 0x10) || !(f->words[3] & 0x10));
}

void check_exception(const void *ip, word_t vector, word_t error)
{
	const struct faulter *f = &faulter;
	CHECK_EQ(f->m.info, abi_msginfo(FAULT_USER_EXCEPTION, 0, 0, 5));
	CHECK_EQ(f->words[0], (word_t)ip);
	CHECK_EQ(f->words[3], vector);
	CHECK_EQ(f->words[4], error);
}

word_t *unknown_syscall_word(struct abi_user_context *c, unsigned int i)
{
	word_t *const words[UNKNOWN_SYSCALL_NR] = { &c->rax, &c->rbx, &c->rcx,   &c->rdx, &c->rsi,
		                                    &c->rdi, &c->rbp, &c->r8,    &c->r9,  &c->r10,
		                                    &c->r11, &c->r12, &c->r13,   &c->r14, &c->r15,
		                                    &c->rip, &c->rsp, &c->rflags };
	return words[i];
}

void check_unknown_syscall(word_t nr, const struct abi_user_context *expected, bool exact)
{
	struct abi_user_context c = *expected;
	CHECK_EQ(faulter.m.info, abi_msginfo(FAULT_UNKNOWN_SYSCALL, 0, 0, UNKNOWN_SYSCALL_WORDS));
	CHECK_EQ(faulter.words[UNKNOWN_SYSCALL_NR], nr);
	for (unsigned int i = 0; i < UNKNOWN_SYSCALL_NR; i++) {
		bool known = i != UNKNOWN_SYSCALL_RCX && i != UNKNOWN_SYSCALL_R11 &&
		             i != UNKNOWN_SYSCALL_RSP;
		if ((exact || known) && faulter.words[i] != *unknown_syscall_word(&c, i))
			FAIL("word %u is 0x%lx, not 0x%lx", i, faulter.words[i],
			     *unknown_syscall_word(&c, i));
	}
}

word_t int_syscall_nr(word_t vector, word_t rax)
{
	return (word_t)(int64_t)(int32_t)(vector << 24 | (rax & 0xffffff));
}

void check_report(const struct abi_user_context *expected)
{
	struct abi_user_context c = *expected;
	c.rip = (word_t)fault_report;
	check_unknown_syscall(int_syscall_nr(0x9e, c.rax), &c, true);
}

void check_registers_are(struct thread *thread, const struct abi_user_context *expected)
{
	struct abi_user_context now = thread_registers(thread);
	for (unsigned int i = 0; i < ABI_CONTEXT_WORDS; i++)
		if (((const word_t *)&now)[i] != ((const word_t *)expected)[i])
			FAIL("register word %u is 0x%lx, not 0x%lx", i, ((const word_t *)&now)[i],
			     ((const word_t *)expected)[i]);
}
