/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Unknown system calls, by `syscall` and by `int`: the message with all registers, and what the
 * answer writes back. seL4 manual, section 6.2.2 (Unknown syscall). What Freehold's kernel
 * promises beyond that is in extension.c.
 */
#include "faults.h"

static const word_t unknown_numbers[] = {
	0, 1, 2, 59, 0x7fffffffffffffffull, 0x8000000000000000ull, 0xffffffff, 0xfffffff5,
	/* -18 to -32, -34: reserved for calls that this configuration does not have. */
	(word_t)-18, (word_t)-19, (word_t)-20, (word_t)-21, (word_t)-22, (word_t)-23, (word_t)-24,
	(word_t)-25, (word_t)-26, (word_t)-27, (word_t)-28, (word_t)-29, (word_t)-30, (word_t)-31,
	(word_t)-32, (word_t)-34, (word_t)-100, (word_t)-0x100000001ll
};

TEST(fault_syscall_of_each_unknown_number)
{
	faulter_new(fault_syscall);
	for (unsigned int i = 0; i < sizeof unknown_numbers / sizeof *unknown_numbers; i++) {
		faulter.start.rdx = unknown_numbers[i];
		faulter_run();
		check_unknown_syscall(unknown_numbers[i], &faulter.start, false);
		CHECK_OK(sel4_tcb_suspend(faulter.thread->tcb));
	}
}

TEST(fault_syscall_reply_restarts_it)
{
	faulter_new(fault_syscall);
	faulter.start.rdx = 7;
	faulter_run();
	check_unknown_syscall(7, &faulter.start, false);
	faulter_reply(0, 0);
	faulter_receive();
	check_unknown_syscall(7, &faulter.start, false);
}

/* An emulated call: the result in RAX, and on behind the instruction. */
TEST(fault_syscall_reply_skips_it)
{
	faulter_new(fault_syscall);
	faulter.start.rdx = 7;
	faulter_run();
	faulter.words[UNKNOWN_SYSCALL_RAX] = 0x1234;
	faulter.words[UNKNOWN_SYSCALL_FAULT_IP] += 2;
	faulter_reply(0, UNKNOWN_SYSCALL_FAULT_IP + 1);
	faulter_receive();
	faulter.start.rax = 0x1234;
	faulter.start.rip = (word_t)fault_report;
	check_unknown_syscall(int_syscall_nr(0x9e, 0x1234), &faulter.start, false);
	/* This one comes by an interrupt frame: as `sysret` has left them. */
	CHECK_EQ(faulter.words[UNKNOWN_SYSCALL_RCX], (word_t)fault_syscall + 2);
	CHECK_EQ(faulter.words[UNKNOWN_SYSCALL_R11], faulter.start.rflags);
}

TEST(fault_syscall_reply_with_a_label_leaves_it_suspended)
{
	faulter_new(fault_syscall);
	faulter.start.rdx = 7;
	faulter_run();
	faulter.words[UNKNOWN_SYSCALL_RBX] = 0x4444;
	faulter_reply(1, 2);
	settle();
	CHECK_EQ(sel4_nb_recv(faulter.ep, faulter.reply).info, 0);
	CHECK_EQ(thread_registers(faulter.thread).rbx, 0x4444);
	CHECK_OK(sel4_tcb_resume(faulter.thread->tcb));
	faulter_receive();
	faulter.start.rbx = 0x4444;
	check_unknown_syscall(7, &faulter.start, false);
}

TEST(fault_syscall_seen_by_read_registers)
{
	faulter_new(fault_syscall);
	faulter.start.rdx = 7;
	faulter_run();
	struct abi_user_context now = thread_registers(faulter.thread);
	CHECK_EQ(now.rip, (word_t)fault_syscall);
	CHECK_EQ(now.rdx, 7);
	CHECK_EQ(now.rbp, faulter.start.rbp);
	CHECK_EQ(now.rflags, faulter.start.rflags);
	CHECK_EQ(now.gs_base, faulter.start.gs_base);
}

/* With WriteRegisters, all registers take effect at once, RSP, RCX and R11 as well. */
TEST(fault_syscall_then_write_registers)
{
	faulter_new(fault_syscall);
	faulter.start.rdx = 7;
	faulter_run();
	faulter.start.rip = (word_t)fault_report;
	faulter.start.rsp = 0x123456789abcull;
	faulter.start.rcx = 0xcccc;
	faulter.start.r11 = 0xbbbb;
	CHECK_OK(sel4_tcb_write_registers(faulter.thread->tcb, 0, ABI_CONTEXT_WORDS,
	                                  &faulter.start));
	faulter_reply(0, 0);
	faulter_receive();
	check_report(&faulter.start);
}

/* By `int`: all registers are right, in both directions. */

static const struct {
	const void *code;
	word_t vector;
} gates[] = { { fault_int_158, 158 },
	      { fault_int_159, 159 },
	      { fault_int_200, 200 },
	      { fault_int_254, 254 } };

TEST(fault_int_of_each_kind_of_gate)
{
	for (unsigned int i = 0; i < sizeof gates / sizeof *gates; i++) {
		faulter_new(gates[i].code);
		faulter.start.rax = 0x1122334455667788ull;
		faulter_run();
		check_unknown_syscall(int_syscall_nr(gates[i].vector, 0x667788), &faulter.start,
		                      true);
		check_registers_are(faulter.thread, &faulter.start);
	}
}

TEST(fault_int_number)
{
	CHECK_EQ(int_syscall_nr(0xa0, 0xffabcdef), 0xffffffffa0abcdefull);
	CHECK_EQ(int_syscall_nr(200, 0), 0xffffffffc8000000ull);
	faulter_new(fault_int_200);
	faulter.start.rax = ~0ull;
	faulter_run();
	CHECK_EQ(faulter.words[UNKNOWN_SYSCALL_NR], 0xffffffffc8ffffffull);
	faulter_new(fault_int_158);
	faulter.start.rax = 0;
	faulter_run();
	CHECK_EQ(faulter.words[UNKNOWN_SYSCALL_NR], 0xffffffff9e000000ull);
}

TEST(fault_int_reply_writes_the_first_words)
{
	for (unsigned int length = 0; length <= UNKNOWN_SYSCALL_WORDS + 2; length++) {
		faulter_new(fault_report);
		faulter_run();
		check_report(&faulter.start);
		struct abi_user_context expected = faulter.start;
		for (unsigned int i = 0; i < UNKNOWN_SYSCALL_NR; i++) {
			word_t new = 0x2020202020202023ull * (i + 1);
			if (i == UNKNOWN_SYSCALL_FAULT_IP)
				new = (word_t)fault_report + 2;
			if (i == UNKNOWN_SYSCALL_RSP)
				new = 0x7ffffff0;
			if (i == UNKNOWN_SYSCALL_RFLAGS)
				new = 0x246;
			faulter.words[i] = new;
			if (i < length)
				*unknown_syscall_word(&expected, i) = new;
		}
		faulter_reply(0, length);
		faulter_receive();
		check_report(&expected);
		env_release();
		thread_reset();
	}
}

TEST(fault_int_reply_of_120_words)
{
	faulter_start(fault_report);
	for (unsigned int i = UNKNOWN_SYSCALL_NR; i < ABI_MSG_MAX; i++)
		faulter.words[i] = 0xdead;
	faulter_reply(0, ABI_MSG_MAX);
	faulter_receive();
	check_report(&faulter.start);
}

/* Interrupts stay on, and what a user has no business with stays off. */
TEST(fault_int_reply_flags_are_sanitised)
{
	static const struct {
		word_t given, taken;
	} flags[] = { { 0, 0x202 },       { 0x8d5, 0x8d5 | 0x202 }, { ~0ull, 0xed7 },
		      { 0x100, 0x202 },   { 0x3000, 0x202 },        { 0x400, 0x602 },
		      { 0x40000, 0x202 }, { 0x200000, 0x202 },      { 0x20 | 8, 0x202 },
		      { 0x24000, 0x202 }, { 1ull << 63, 0x202 },    { 0x10000, 0x202 } };
	for (unsigned int i = 0; i < sizeof flags / sizeof *flags; i++) {
		faulter_start(fault_report);
		faulter.words[UNKNOWN_SYSCALL_RFLAGS] = flags[i].given;
		faulter_reply(0, UNKNOWN_SYSCALL_NR);
		faulter_receive();
		CHECK_EQ(faulter.words[UNKNOWN_SYSCALL_RFLAGS], flags[i].taken);
	}
}

TEST(fault_int_reply_with_a_non_canonical_address)
{
	faulter_start(fault_report);
	faulter.words[UNKNOWN_SYSCALL_FAULT_IP] = 0x8000000000000000ull;
	faulter_reply(0, UNKNOWN_SYSCALL_NR);
	faulter_receive();
	/* It goes on at address 0, where nothing is mapped. */
	check_vm_fault(0, 0, 4 | 16);
}

TEST(fault_int_reply_with_a_label_leaves_it_suspended)
{
	faulter_start(fault_report);
	faulter.words[UNKNOWN_SYSCALL_RBX] = 0x4444;
	faulter_reply(5, 2);
	settle();
	CHECK_EQ(sel4_nb_recv(faulter.ep, faulter.reply).info, 0);
	faulter.start.rbx = 0x4444;
	check_registers_are(faulter.thread, &faulter.start);
	CHECK_OK(sel4_tcb_resume(faulter.thread->tcb));
	faulter_receive();
	check_report(&faulter.start);
}

/* A handler without an IPC buffer gets, and answers with, four words. */
TEST(fault_int_to_a_handler_without_buffer)
{
	faulter_new(fault_report);
	struct job handler = { .nr = SYS_RECV, .cap = faulter.ep, .r12 = faulter.reply };
	handler.thread = thread_new(&(struct thread_options){ 0 });
	CHECK_OK(sel4_tcb_set_ipc_buffer(handler.thread->tcb, 0, INIT_NULL));
	thread_start(handler.thread, job_run, (word_t)&handler);
	thread_start_at(faulter.thread, &faulter.start);
	settle();
	CHECK(handler.done);
	CHECK_EQ(abi_msginfo_label(handler.out.info), FAULT_UNKNOWN_SYSCALL);
	CHECK_EQ(handler.out.mr[0], faulter.start.rax);
	CHECK_EQ(handler.out.mr[3], faulter.start.rdx);
	struct job answer = { .nr = SYS_SEND,
		              .cap = faulter.reply,
		              .in = message(0, UNKNOWN_SYSCALL_NR, 0xa, 0xb, 0xc, 0xd) };
	answer.thread = thread_new(&(struct thread_options){ 0 });
	CHECK_OK(sel4_tcb_set_ipc_buffer(answer.thread->tcb, 0, INIT_NULL));
	thread_start(answer.thread, job_run, (word_t)&answer);
	settle();
	faulter_receive();
	faulter.start.rax = 0xa;
	faulter.start.rbx = 0xb;
	faulter.start.rcx = 0xc;
	faulter.start.rdx = 0xd;
	check_report(&faulter.start);
}

/* The vector of spurious interrupts: nothing happens. */
TEST(fault_int_255_does_nothing)
{
	faulter_start(fault_int_255);
	check_report(&faulter.start);
}
