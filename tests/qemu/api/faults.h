/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Threads that fault at a known instruction with known registers (faults.S), and main as their
 * fault handler.
 */
#pragma once
#include "jobs.h"

/* The instructions of faults.S. */
extern const char fault_report[], fault_read[], fault_read_byte[], fault_write[], fault_add[],
        fault_push[], fault_jump[], fault_read_rbp[], fault_divide[], fault_ud2[], fault_int3[],
        fault_int_3[], fault_int_4[], fault_int_13[], fault_int_14[], fault_int_32[],
        fault_int_128[], fault_int_157[], fault_int_158[], fault_int_159[], fault_int_200[],
        fault_int_254[], fault_int_255[], fault_hlt[], fault_cli[], fault_in[], fault_cr0[],
        fault_rdmsr[], fault_swapgs[], fault_lgdt[], fault_segment[], fault_iretq[],
        fault_syscall[], fault_trap[], fault_trapped[], fault_x87[], fault_x87_wait[], fault_fpu[],
        fault_sse[];

/* The faulting thread and its handler's objects. */
struct faulter {
	cptr_t ep, reply;
	struct thread *thread;
	struct abi_user_context start; /* its registers, to be changed before it runs */
	struct sel4_msg m;             /* the last fault */
	word_t words[ABI_MSG_MAX];     /* all of its message words */
};
extern struct faulter faulter;

/* A thread that will run code with a pattern in its registers and a stack. */
void faulter_new(const void *code);
/* Runs it, and receives its fault. */
void faulter_run(void);
/* Receives the next fault. */
void faulter_receive(void);
/* Answers with these words (more than four: from faulter.words). */
void faulter_reply(word_t label, word_t length);
/* faulter_new, faulter_run. */
void faulter_start(const void *code);

void check_vm_fault(const void *ip, word_t address, word_t error);
void check_exception(const void *ip, word_t vector, word_t error);
/* An unknown system call: the number, and all registers as in expected (RIP: FaultIP). With
 * `syscall`, seL4 does not know RSP, RCX and R11: exact says that they count. */
void check_unknown_syscall(word_t nr, const struct abi_user_context *expected, bool exact);
/* The thread has come to fault_report, with its registers as expected but for RIP. */
void check_report(const struct abi_user_context *expected);
/* The number that `int vector` gives. */
word_t int_syscall_nr(word_t vector, word_t rax);
/* The thread's registers, which must be as expected. */
void check_registers_are(struct thread *thread, const struct abi_user_context *expected);
/* The word of the context that is word i of an unknown-syscall message. */
word_t *unknown_syscall_word(struct abi_user_context *context, unsigned int i);
