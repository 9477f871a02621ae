/* SPDX-License-Identifier: BSD-2-Clause */
/* Fake guest: prints the TSC at its first instruction, as 16 hexadecimal digits. */
	.text
	.align 4
	.long 0x1badb002, 0, -0x1badb002
	.globl _start
_start:
	rdtsc
	movl %eax, %ebx
	movl %edx, %ecx
	movl $16, %esi
	movw $0x3f8, %dx
1:	movl %ecx, %eax /* the next digit, from the top of ecx:ebx */
	shrl $28, %eax
	shldl $4, %ebx, %ecx
	shll $4, %ebx
	movb digits(%eax), %al
	outb %al, %dx
	decl %esi
	jnz 1b
	movb $'\n', %al
	outb %al, %dx
	movb $0x10, %al
	outb %al, $0xf4
digits:	.ascii "0123456789abcdef"
