/* SPDX-License-Identifier: BSD-2-Clause */
/* Handlers are entered here, so that they can be left from any depth. See server.c. */
	.text

/*
 * bool rt_handler_run(interface, ops, self, request, frame): proto_dispatch() of the first four;
 * *frame: what rt_handler_leave() needs meanwhile.
 */
	.globl	rt_handler_run
	.type	rt_handler_run, @function
rt_handler_run:
	pushq	%rbp
	movq	%rsp, %rbp
	pushq	%rbx
	pushq	%r12
	pushq	%r13
	pushq	%r14
	pushq	%r15
	subq	$8, %rsp
	movq	%rsp, (%r8)
	call	proto_dispatch
left:
	addq	$8, %rsp
	popq	%r15
	popq	%r14
	popq	%r13
	popq	%r12
	popq	%rbx
	popq	%rbp
	ret
	.size	rt_handler_run, . - rt_handler_run

/* rt_handler_leave(frame): rt_handler_run() returns true. */
	.globl	rt_handler_leave
	.type	rt_handler_leave, @function
rt_handler_leave:
	movq	%rdi, %rsp
	movl	$1, %eax
	jmp	left
	.size	rt_handler_leave, . - rt_handler_leave

	.section .note.GNU-stack, "", @progbits
