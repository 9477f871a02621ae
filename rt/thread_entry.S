/* SPDX-License-Identifier: BSD-2-Clause */
/* Where the other threads of a native program begin and end. See thread.c. */
	.text

/* RDI is the thread's struct rt_local. */
	.globl	rt_thread_entry
	.type	rt_thread_entry, @function
rt_thread_entry:
	andq	$-16, %rsp
	xorl	%ebp, %ebp
	call	rt_thread_begin
	ud2
	.size	rt_thread_entry, . - rt_thread_entry

/* rt_on_stack(a, b, c, fn, stack): fn(a, b, c) on that stack; fn does not return. */
	.globl	rt_on_stack
	.type	rt_on_stack, @function
rt_on_stack:
	movq	%r8, %rsp
	xorl	%ebp, %ebp
	call	*%rcx
	ud2
	.size	rt_on_stack, . - rt_on_stack

	.section .note.GNU-stack, "", @progbits
