/* SPDX-License-Identifier: BSD-2-Clause */
/* The server's loop is entered here, so that handlers can be left from any depth. See server.c. */
	.text

/* rt_loop_run(s, loop, frame): loop(s). *frame: what rt_loop_again() needs meanwhile. */
	.globl	rt_loop_run
	.type	rt_loop_run, @function
rt_loop_run:
	pushq	%rbp
	movq	%rsp, %rbp
	pushq	%rdi
	pushq	%rsi
	movq	%rsp, (%rdx)
again:
	movq	8(%rsp), %rdi
	call	*(%rsp)
	ud2
	.size	rt_loop_run, . - rt_loop_run

/* rt_loop_again(frame): loop(s) once more, in place of all that was called since. */
	.globl	rt_loop_again
	.type	rt_loop_again, @function
rt_loop_again:
	movq	%rdi, %rsp
	leaq	16(%rdi), %rbp
	jmp	again
	.size	rt_loop_again, . - rt_loop_again

	.section .note.GNU-stack, "", @progbits
