/* SPDX-License-Identifier: BSD-2-Clause */
/* Where threads of a native program begin, and end. See rt/program.h, program.c and thread.c. */
	.text

/* The first thread: RDI is the start block; RSP may be anything. */
	.globl	rt_program_entry
	.type	rt_program_entry, @function
rt_program_entry:
	andq	$-16, %rsp
	xorl	%ebp, %ebp
	call	rt_program_begin
	ud2
	.size	rt_program_entry, . - rt_program_entry

	.section .note.GNU-stack, "", @progbits
