/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One `syscall` with every register given and every register looked at. Afterwards no register
 * is known, not even RSP; FS is: %fs:8 (struct rt_thread, free words) leads back.
 */
	.text
	.globl	syscall_with
	.type	syscall_with, @function
syscall_with:
	pushq	%rbx
	pushq	%rbp
	pushq	%r12
	pushq	%r13
	pushq	%r14
	pushq	%r15
	movq	%rsp, 136(%rdi)
	movq	%rdi, %fs:8
	movq	0(%rdi), %rax
	movq	8(%rdi), %rbx
	movq	16(%rdi), %rcx
	movq	24(%rdi), %rdx
	movq	32(%rdi), %rsi
	movq	48(%rdi), %rbp
	movq	56(%rdi), %r8
	movq	64(%rdi), %r9
	movq	72(%rdi), %r10
	movq	80(%rdi), %r11
	movq	88(%rdi), %r12
	movq	96(%rdi), %r13
	movq	104(%rdi), %r14
	movq	112(%rdi), %r15
	movq	40(%rdi), %rdi
	syscall
	.globl	syscall_with_return
syscall_with_return:
	movq	%rax, %fs:16
	movq	%fs:8, %rax
	movq	%rbx, 8(%rax)
	movq	%rcx, 16(%rax)
	movq	%rdx, 24(%rax)
	movq	%rsi, 32(%rax)
	movq	%rdi, 40(%rax)
	movq	%rbp, 48(%rax)
	movq	%r8, 56(%rax)
	movq	%r9, 64(%rax)
	movq	%r10, 72(%rax)
	movq	%r11, 80(%rax)
	movq	%r12, 88(%rax)
	movq	%r13, 96(%rax)
	movq	%r14, 104(%rax)
	movq	%r15, 112(%rax)
	movq	%rsp, 120(%rax)
	movq	136(%rax), %rsp
	movq	%fs:16, %rbx
	movq	%rbx, 0(%rax)
	pushfq
	popq	128(%rax)
	popq	%r15
	popq	%r14
	popq	%r13
	popq	%r12
	popq	%rbp
	popq	%rbx
	ret

	.section .note.GNU-stack, "", @progbits
