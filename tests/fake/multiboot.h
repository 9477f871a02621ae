/* SPDX-License-Identifier: BSD-2-Clause */
/* A multiboot 1 header, a stack and an entry in 32-bit protected mode, for the fake guests. */
#pragma once

	.text
	.align 4
	.long 0x1badb002, 0, -0x1badb002
	.globl _start
_start:
	movl $0x180000, %esp

/* Prints a string on COM1; QEMU's UART is always ready. */
.macro print text
	movl $9f, %esi
	movw $0x3f8, %dx
8:	lodsb
	testb %al, %al
	jz 7f
	outb %al, %dx
	jmp 8b
9:	.asciz "\text"
7:
.endm

/* Ends QEMU by the debug-exit device. */
.macro leave_with value
	movb $\value, %al
	outb %al, $0xf4
.endm
