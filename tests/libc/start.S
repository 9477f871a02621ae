/* SPDX-License-Identifier: BSD-2-Clause */
/* Where Linux starts the program, and how a thread is made there. */
	.text
	.globl	_start
	.type	_start, @function
_start:
	xorl	%ebp, %ebp
	movq	%rsp, %rdi
	andq	$-16, %rsp
	call	host_start
	ud2

/* long host_clone(long flags, void *stack, int *tid, void *fs, int (*fn)(void *), void *arg) */
	.globl	host_clone
	.type	host_clone, @function
host_clone:
	andq	$-16, %rsi
	subq	$16, %rsi
	movq	%r8, 0(%rsi)
	movq	%r9, 8(%rsi)
	movq	%rcx, %r8
	xorl	%r10d, %r10d
	movl	$56, %eax
	syscall
	testq	%rax, %rax
	jz	1f
	ret
1:	xorl	%ebp, %ebp
	popq	%rax
	popq	%rdi
	call	*%rax
	ud2

	.section .note.GNU-stack, "", @progbits
