/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * mutant_calls: the system calls of a table, one after the other, without a stack and without the
 * FPU; RBX is the table. It ends with a call that waits for ever. mutant_fpu_calls: the same, with
 * something in XMM0 to XMM3 before.
 */
	.text
	.globl	mutant_fpu_calls
mutant_fpu_calls:
	movq	%rbx, %xmm0
	movdqa	%xmm0, %xmm1
	movdqa	%xmm0, %xmm2
	movdqa	%xmm0, %xmm3
	.globl	mutant_calls
mutant_calls:
	movq	0(%rbx), %rdi
	movq	8(%rbx), %rsi
	movq	16(%rbx), %rdx
	movq	24(%rbx), %r10
	movq	32(%rbx), %r8
	movq	40(%rbx), %r9
	movq	48(%rbx), %r15
	syscall
	movq	%rsi, 56(%rbx)
	addq	$64, %rbx
	jmp	mutant_calls

/* One call of the table with its address in XMM0; what is there afterwards is its result. */
	.globl	mutant_fpu_keeps
mutant_fpu_keeps:
	movq	%rbx, %xmm0
	movq	0(%rbx), %rdi
	movq	8(%rbx), %rsi
	movq	16(%rbx), %rdx
	syscall
	movq	%xmm0, 56(%rbx)
	addq	$64, %rbx
	jmp	mutant_calls

	.globl	mutant_ud2
mutant_ud2:
	ud2
	jmp	mutant_ud2
	.section .note.GNU-stack, "", @progbits
