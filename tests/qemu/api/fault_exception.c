/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The processor's exceptions other than page faults: vector and error code, and the registers
 * that the answer writes. seL4 manual, section 6.2.3 (User exception).
 *
 * Where QEMU's emulated processor is known to differ from the architecture, either is right: the
 * kernel only hands on what the processor says.
 */
#include "faults.h"

static void check_stopped_at(const void *ip)
{
	CHECK_EQ(faulter.words[1], faulter.start.rsp);
	CHECK_EQ(faulter.words[2], faulter.start.rflags);
	faulter.start.rip = (word_t)ip;
	check_registers_are(faulter.thread, &faulter.start);
}

/* An instruction that faults as it is, with all registers untouched. */
static void check_instruction(const void *code, word_t vector, word_t error)
{
	faulter_start(code);
	check_exception(code, vector, error);
	check_stopped_at(code);
}

TEST(exception_divide_by_zero)
{
	faulter_new(fault_divide);
	faulter.start.rsi = 0;
	/* A division leaves the arithmetic flags undefined, but this one does not take place. */
	faulter_run();
	check_exception(fault_divide, 0, 0);
	check_stopped_at(fault_divide);
}

TEST(exception_divide_overflow)
{
	faulter_new(fault_divide);
	faulter.start.rdx = faulter.start.rsi = 5;
	faulter_run();
	check_exception(fault_divide, 0, 0);
}

TEST(exception_invalid_opcode)
{
	check_instruction(fault_ud2, 6, 0);
}

TEST(exception_privileged_instructions)
{
	check_instruction(fault_hlt, 13, 0);
	check_instruction(fault_cli, 13, 0);
	check_instruction(fault_cr0, 13, 0);
	check_instruction(fault_rdmsr, 13, 0);
	check_instruction(fault_swapgs, 13, 0);
	check_instruction(fault_lgdt, 13, 0);
}

TEST(exception_io_port)
{
	check_instruction(fault_in, 13, 0);
}

TEST(exception_non_canonical_address)
{
	faulter_new(fault_read);
	faulter.start.rsi = 0x8000000000000000ull;
	faulter_run();
	check_exception(fault_read, 13, 0);
	check_stopped_at(fault_read);
	faulter_new(fault_read);
	faulter.start.rsi = 0x800000000000ull;
	faulter_run();
	check_exception(fault_read, 13, 0);
}

/* Vector 12; QEMU: 13. */
TEST(exception_non_canonical_stack_address)
{
	faulter_new(fault_read_rbp);
	faulter.start.rbp = 0x8000000000000000ull;
	faulter_run();
	check_exception(fault_read_rbp, faulter.words[3] == 13 ? 13 : 12, 0);
	faulter_new(fault_push);
	faulter.start.rsp = 0x8000000000000000ull;
	faulter_run();
	check_exception(fault_push, faulter.words[3] == 13 ? 13 : 12, 0);
}

/* At the jump; QEMU: at its target. */
TEST(exception_jump_to_a_non_canonical_address)
{
	faulter_new(fault_jump);
	faulter.start.rsi = 0x8000000000000000ull;
	faulter_run();
	bool at_target = faulter.words[0] == faulter.start.rsi;
	check_exception(at_target ? (const void *)faulter.start.rsi : fault_jump, 13, 0);
}

TEST(exception_segment_selector)
{
	faulter_new(fault_segment);
	faulter.start.rax = 0xfff8;
	faulter_run();
	check_exception(fault_segment, 13, 0xfff8);
}

TEST(exception_breakpoint)
{
	/* A trap: the thread is behind its instruction. */
	faulter_start(fault_int3);
	check_exception(fault_int3 + 1, 3, 0);
	check_stopped_at(fault_int3 + 1);
	faulter_start(fault_int_3);
	check_exception(fault_int_3 + 2, 3, 0);
}

/* The error code is 8 * vector + 2; QEMU: 16 * vector + 2. */
TEST(exception_int_into_closed_gates)
{
	static const struct {
		const void *code;
		word_t vector;
	} gates[] = { { fault_int_4, 4 },   { fault_int_13, 13 },   { fault_int_14, 14 },
		      { fault_int_32, 32 }, { fault_int_128, 128 }, { fault_int_157, 157 } };
	for (unsigned int i = 0; i < sizeof gates / sizeof *gates; i++) {
		faulter_start(gates[i].code);
		word_t right = gates[i].vector * 8 + 2, qemu = gates[i].vector * 16 + 2;
		check_exception(gates[i].code, 13, faulter.words[4] == qemu ? qemu : right);
		check_stopped_at(gates[i].code);
	}
}

TEST(exception_single_step)
{
	faulter_start(fault_trap);
	check_exception(fault_trapped, 1, 0);
	CHECK(faulter.words[2] & 0x100);
	/* The answer takes the flag away. */
	faulter.words[2] &= ~(word_t)0x100;
	faulter_reply(0, 3);
	faulter_receive();
	CHECK_EQ(abi_msginfo_label(faulter.m.info), FAULT_UNKNOWN_SYSCALL);
	CHECK_EQ(faulter.words[UNKNOWN_SYSCALL_FAULT_IP], (word_t)fault_report);
}

TEST(exception_x87)
{
	word_t scratch = 0;
	faulter_new(fault_x87);
	faulter.start.rsi = (word_t)&scratch;
	faulter_run();
	check_exception(fault_x87_wait, 16, 0);
}

/* Answers */

TEST(exception_reply_restarts_the_instruction)
{
	faulter_start(fault_ud2);
	faulter_reply(0, 0);
	faulter_receive();
	check_exception(fault_ud2, 6, 0);
	check_stopped_at(fault_ud2);
}

TEST(exception_reply_writes_ip_sp_and_flags)
{
	for (unsigned int length = 0; length <= 5; length++) {
		faulter_start(fault_ud2);
		struct abi_user_context expected = faulter.start;
		faulter.words[0] = (word_t)fault_hlt;
		faulter.words[1] = 0x1234567890;
		faulter.words[2] = 0x246;
		faulter.words[3] = faulter.words[4] = 0xdead;
		faulter_reply(0, length);
		faulter_receive();
		if (length > 0)
			expected.rip = (word_t)fault_hlt;
		if (length > 1)
			expected.rsp = 0x1234567890;
		if (length > 2)
			expected.rflags = 0x246;
		check_exception((const void *)expected.rip, length > 0 ? 13 : 6, 0);
		CHECK_EQ(faulter.words[1], expected.rsp);
		CHECK_EQ(faulter.words[2], expected.rflags);
		check_registers_are(faulter.thread, &expected);
	}
}

TEST(exception_reply_flags_are_sanitised)
{
	faulter_start(fault_ud2);
	faulter.words[2] = ~0ull;
	faulter_reply(0, 3);
	faulter_receive();
	CHECK_EQ(faulter.words[2], 0xed7);
}

TEST(exception_reply_skips_the_instruction)
{
	faulter_start(fault_ud2);
	faulter.words[0] += 2;
	faulter_reply(0, 1);
	faulter_receive();
	check_report(&faulter.start);
}

TEST(exception_reply_with_a_label_leaves_it_suspended)
{
	faulter_start(fault_ud2);
	faulter.words[0] += 2;
	faulter_reply(3, 1);
	settle();
	CHECK_EQ(sel4_nb_recv(faulter.ep, faulter.reply).info, 0);
	CHECK_EQ(thread_registers(faulter.thread).rip, (word_t)fault_ud2 + 2);
	CHECK_OK(sel4_tcb_resume(faulter.thread->tcb));
	faulter_receive();
	check_report(&faulter.start);
}

TEST(exception_then_write_registers)
{
	faulter_start(fault_ud2);
	faulter.start.rip = (word_t)fault_report;
	faulter.start.rax = 0x99;
	CHECK_OK(sel4_tcb_write_registers(faulter.thread->tcb, 0, ABI_CONTEXT_WORDS,
	                                  &faulter.start));
	faulter_reply(0, 0);
	faulter_receive();
	check_report(&faulter.start);
}
