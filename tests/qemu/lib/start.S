/* SPDX-License-Identifier: BSD-2-Clause */
/* The first instruction of a root task: the kernel gives no stack, and boot info in RDI. */
	.text
	.globl	_start
	.type	_start, @function
_start:
	rdtsc
	shlq	$32, %rdx
	orq	%rdx, %rax
	movq	%rax, root_entry_time(%rip)
	leaq	entry_stack_top(%rip), %rsp
	xorl	%ebp, %ebp
	call	entry
	ud2

	/* A helper starts here with RDI = its struct thread; the stack is 16-byte aligned. */
	.globl	thread_entry
	.type	thread_entry, @function
thread_entry:
	xorl	%ebp, %ebp
	call	thread_main
	ud2

	.bss
	.balign	4096
	.skip	65536
entry_stack_top:
	.globl	root_entry_time
root_entry_time:
	.skip	8

	.section .note.GNU-stack, "", @progbits
