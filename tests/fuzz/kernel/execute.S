/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The only code of a fuzz thread that depends on registers: everything is found through FS, so
 * that it goes on after a system call that kept nothing else.
 */
#include "layout.h"

	.text

	/* void fuzz_execute(void): fuzz->in to the registers, jump to fuzz->target. */
	.globl fuzz_execute
	.type fuzz_execute, @function
fuzz_execute:
	pushq %rbx
	pushq %rbp
	pushq %r12
	pushq %r13
	pushq %r14
	pushq %r15
	movq %rsp, %fs:FUZZ_SAVED_RSP
	movq %fs:FUZZ_TAG, %xmm15
	pushq %fs:FUZZ_IN + REG_RFLAGS
	popfq
	movq %fs:FUZZ_IN + REG_RAX, %rax
	movq %fs:FUZZ_IN + REG_RBX, %rbx
	movq %fs:FUZZ_IN + REG_RCX, %rcx
	movq %fs:FUZZ_IN + REG_RDX, %rdx
	movq %fs:FUZZ_IN + REG_RSI, %rsi
	movq %fs:FUZZ_IN + REG_RDI, %rdi
	movq %fs:FUZZ_IN + REG_RBP, %rbp
	movq %fs:FUZZ_IN + REG_RSP, %rsp
	movq %fs:FUZZ_IN + REG_R8, %r8
	movq %fs:FUZZ_IN + REG_R9, %r9
	movq %fs:FUZZ_IN + REG_R10, %r10
	movq %fs:FUZZ_IN + REG_R11, %r11
	movq %fs:FUZZ_IN + REG_R12, %r12
	movq %fs:FUZZ_IN + REG_R13, %r13
	movq %fs:FUZZ_IN + REG_R14, %r14
	movq %fs:FUZZ_IN + REG_R15, %r15
	jmp *%fs:FUZZ_TARGET

	/* A target. */
	.globl fuzz_syscall
fuzz_syscall:
	syscall

	/* All targets end here: registers to fuzz->out, back to the caller of fuzz_execute. * */
	.globl fuzz_after
fuzz_after:
	movq %rax, %fs:FUZZ_OUT + REG_RAX
	movq %rbx, %fs:FUZZ_OUT + REG_RBX
	movq %rcx, %fs:FUZZ_OUT + REG_RCX
	movq %rdx, %fs:FUZZ_OUT + REG_RDX
	movq %rsi, %fs:FUZZ_OUT + REG_RSI
	movq %rdi, %fs:FUZZ_OUT + REG_RDI
	movq %rbp, %fs:FUZZ_OUT + REG_RBP
	movq %rsp, %fs:FUZZ_OUT + REG_RSP
	movq %r8, %fs:FUZZ_OUT + REG_R8
	movq %r9, %fs:FUZZ_OUT + REG_R9
	movq %r10, %fs:FUZZ_OUT + REG_R10
	movq %r11, %fs:FUZZ_OUT + REG_R11
	movq %r12, %fs:FUZZ_OUT + REG_R12
	movq %r13, %fs:FUZZ_OUT + REG_R13
	movq %r14, %fs:FUZZ_OUT + REG_R14
	movq %r15, %fs:FUZZ_OUT + REG_R15
	movq %fs:FUZZ_SAVED_RSP, %rsp
	pushq $2
	popfq
	popq %r15
	popq %r14
	popq %r13
	popq %r12
	popq %rbp
	popq %rbx
	ret

	/* A fuzz thread begins here, and again whenever it was lost: FS is its struct fuzz. */
	.globl fuzz_entry
fuzz_entry:
	movq %fs:0, %rdi
	movq %fs:FUZZ_STACK, %rsp
	pushq $2
	popfq
	xorl %ebp, %ebp
	call fuzz_main
	ud2

	/*
	 * What threads run that the fuzzer itself started: some calls on the capabilities that
	 * groups have at the start (world.h), then a fault. No memory is touched.
	 */
	.globl fuzz_rogue
fuzz_rogue:
	movl $50, %ebx
1:	movl $20, %edi
	movl $24, %r12d
	movq $-8, %rdx /* NBRecv */
	syscall
	movl $22, %edi
	movl $5, %esi
	movq $-6, %rdx /* NBSend */
	syscall
	movq $-11, %rdx /* Yield */
	syscall
	movl $21, %edi
	movl $4, %esi
	movq $-6, %rdx
	syscall
	movl $25, %r12d
	movl $20, %edi
	movl $24, %r13d
	movq $-3, %rdx /* NBSendRecv */
	syscall
	movl $23, %edi
	movq $-9, %rdx /* Wait */
	syscall
	decl %ebx
	jnz 1b
	ud2

	/*
	 * A server: RDI its endpoint, R12 its reply object, R14 another endpoint. Bits of the first
	 * message word say whether that is called before the answer, and by each after it.
	 */
	.globl fuzz_server
fuzz_server:
	movq %rdi, %rbp
	movq $-7, %rdx /* Recv */
	syscall
1:	testb $1, %r10b
	jz 2f
	shrq %r10
	movq %r14, %rdi
	movq $-1, %rdx /* Call */
	syscall
2:	movq %rbp, %rdi
	movq $-2, %rdx /* ReplyRecv */
	syscall
	jmp 1b

	.section .note.GNU-stack, "", @progbits
