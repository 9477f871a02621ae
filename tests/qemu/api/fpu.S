/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * FPU state loaded from one FXSAVE area, something done, and stored to another: nothing the
 * compiler makes stands in between.
 */
	.text

	/* fpu_store(out) */
	.globl	fpu_store
fpu_store:
	fxsave64 (%rdi)
	ret

	/* fpu_syscall(in, out, nr, cap) */
	.globl	fpu_syscall
fpu_syscall:
	movslq	%edx, %rdx
	pushq	%rbx
	pushq	%rbp
	movq	%rsi, %rbp
	fxrstor64 (%rdi)
	movq	%rcx, %rdi
	xorl	%esi, %esi
	movq	%rsp, %rbx
	syscall
	movq	%rbx, %rsp
	fxsave64 (%rbp)
	popq	%rbp
	popq	%rbx
	ret

	/* fpu_spin(in, out, rounds) */
	.globl	fpu_spin
fpu_spin:
	fxrstor64 (%rdi)
1:	decq	%rdx
	jnz	1b
	fxsave64 (%rsi)
	ret

	/* fpu_fault(in, out): the handler has to skip an instruction of two bytes. */
	.globl	fpu_fault
fpu_fault:
	fxrstor64 (%rdi)
	ud2
	fxsave64 (%rsi)
	ret

	/* fpu_disable_oneself(in, out, tcb, info): a use of the FPU between disabling and enabling
	 * it. The handler has to skip an instruction of two bytes. */
	.globl	fpu_disable_oneself
fpu_disable_oneself:
	pushq	%rbx
	pushq	%rbp
	pushq	%r12
	pushq	%r13
	movq	%rsi, %rbp
	movq	%rdx, %r12
	movq	%rcx, %r13
	fxrstor64 (%rdi)
	movq	%rsp, %rbx
	movl	$0, %r10d
	movl	$1, %r8d
	call	set_flags
	fnop
	movl	$1, %r10d
	movl	$0, %r8d
	call	set_flags
	fxsave64 (%rbp)
	popq	%r13
	popq	%r12
	popq	%rbp
	popq	%rbx
	ret

	/* With TCB R12 and message info R13; the stack pointer, with this call, is RBX - 8. */
set_flags:
	movq	%r12, %rdi
	movq	%r13, %rsi
	movq	$-1, %rdx
	syscall
	leaq	-8(%rbx), %rsp
	ret

	/* A thread's first instruction, with the area in RDI; then it reports. */
	.globl	fpu_first
fpu_first:
	fxsave64 (%rdi)
	jmp	fault_report

	/* The state from RDI, a report, and the state to RSI. */
	.globl	fpu_report
fpu_report:
	fxrstor64 (%rdi)
	int	$0x9e
	fxsave64 (%rsi)
	jmp	fault_report

	.section .note.GNU-stack, "", @progbits
