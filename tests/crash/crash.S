/* SPDX-License-Identifier: BSD-2-Clause */
/* A root task that dies of its first instruction: for the test that `make run` fails then. */
	.globl _start
_start:
	ud2

	.section .note.GNU-stack, "", @progbits
