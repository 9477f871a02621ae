/* SPDX-License-Identifier: BSD-2-Clause */
/* Instructions of newer processors, for extension_cpu.c. */
	.text

	/* avx_yield(in, out): 16 YMM registers loaded, Yield, and stored. */
	.globl	avx_yield
avx_yield:
	pushq	%rbx
	pushq	%rbp
	movq	%rsi, %rbp
	.irp	i, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15
	vmovdqu	(32 * \i)(%rdi), %ymm\i
	.endr
	movq	$-11, %rdx
	movq	%rsp, %rbx
	syscall
	movq	%rbx, %rsp
	.irp	i, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15
	vmovdqu	%ymm\i, (32 * \i)(%rbp)
	.endr
	vzeroupper
	popq	%rbp
	popq	%rbx
	ret

	/* avx_spin(in, out, rounds) */
	.globl	avx_spin
avx_spin:
	.irp	i, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15
	vmovdqu	(32 * \i)(%rdi), %ymm\i
	.endr
1:	decq	%rdx
	jnz	1b
	.irp	i, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15
	vmovdqu	%ymm\i, (32 * \i)(%rsi)
	.endr
	vzeroupper
	ret

	/* A thread's first instructions, with the area in RDI; then it reports. */
	.globl	avx_first
avx_first:
	.irp	i, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15
	vmovdqu	%ymm\i, (32 * \i)(%rdi)
	.endr
	jmp	fault_report

	/* FS base from RBX, GS base from RBP; a report, and both read back. */
	.globl	bases_set, bases_set_report
bases_set:
	wrfsbase %rbx
	wrgsbase %rbp
bases_set_report:
	int	$0x9e
	rdfsbase %rax
	rdgsbase %rcx
	jmp	fault_report

	.globl	umip_sgdt
umip_sgdt:
	sgdt	(%rsi)
	jmp	fault_report

	.section .note.GNU-stack, "", @progbits
