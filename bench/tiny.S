/* SPDX-License-Identifier: BSD-2-Clause */
/* The smallest Linux program: what exec alone costs. */
	.globl _start
_start:
	mov $60, %eax
	xor %edi, %edi
	syscall

	.section .note.GNU-stack, "", @progbits
