/* SPDX-License-Identifier: BSD-2-Clause */
/* Where threads of a native program begin, and end. See rt/program.h, program.c and thread.c. */
	.text

/* The first thread: RDI is the start block; RSP may be anything. */
	.globl	rt_program_start
	.type	rt_program_start, @function
rt_program_start:
	andq	$-16, %rsp
	xorl	%ebp, %ebp
	call	rt_program_begin
	ud2
	.size	rt_program_start, . - rt_program_start

	.section .note.GNU-stack, "", @progbits
