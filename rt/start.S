/* SPDX-License-Identifier: BSD-2-Clause */
/* The first instruction of a program: the kernel gives it no stack; RDI is its one argument. */
	.text
	.globl	_start
	.type	_start, @function
_start:
	leaq	stack_top(%rip), %rsp
	xorl	%ebp, %ebp
	call	rt_root_start
	ud2

	.bss
	.balign	4096
	.skip	65536
stack_top:

	.section .note.GNU-stack, "", @progbits
