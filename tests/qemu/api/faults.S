/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Instructions that fault, at known addresses. Each is followed by a jump to fault_report, which
 * tells all registers: `int` into a vector of the kernel's unknown system calls.
 */
	.text

	.macro	stub name:req, code:vararg
	.globl	\name
\name:
	\code
	jmp	fault_report
	.endm

	.globl	fault_report
fault_report:
	int	$0x9e
	jmp	fault_report

	stub	fault_read, movq (%rsi), %rax
	stub	fault_read_byte, movb (%rsi), %al
	stub	fault_write, movq %rax, (%rsi)
	stub	fault_add, addq %rax, (%rsi)
	stub	fault_push, pushq %rax
	stub	fault_jump, jmp *%rsi
	stub	fault_read_rbp, movq (%rbp), %rax
	stub	fault_divide, divq %rsi
	stub	fault_ud2, ud2
	stub	fault_int3, int3
	stub	fault_int_3, .byte 0xcd, 3
	stub	fault_int_4, int $4
	stub	fault_int_13, int $13
	stub	fault_int_14, int $14
	stub	fault_int_32, int $32
	stub	fault_int_128, int $128
	stub	fault_int_157, int $157
	stub	fault_int_158, int $158
	stub	fault_int_159, int $159
	stub	fault_int_200, int $200
	stub	fault_int_254, int $254
	stub	fault_int_255, int $255
	stub	fault_hlt, hlt
	stub	fault_cli, cli
	stub	fault_in, inb $0x80, %al
	stub	fault_cr0, movq %cr0, %rax
	stub	fault_rdmsr, rdmsr
	stub	fault_swapgs, swapgs
	stub	fault_lgdt, lgdt (%rsi)
	stub	fault_segment, movl %eax, %ds
	stub	fault_iretq, iretq
	stub	fault_syscall, syscall

	/* Sets the trap flag; the nop traps when it is done. */
	.globl	fault_trap, fault_trapped
fault_trap:
	pushfq
	orq	$0x100, (%rsp)
	popfq
	nop
fault_trapped:
	jmp	fault_report

	/* An x87 exception, unmasked. */
	.globl	fault_x87, fault_x87_wait
fault_x87:
	fninit
	movw	$0x0340, (%rsi)
	fldcw	(%rsi)
	fld1
	fldz
	fdivrp
fault_x87_wait:
	fwait
	jmp	fault_report

	/* The use of each register file. */
	stub	fault_fpu, fnop
	stub	fault_sse, xorps %xmm0, %xmm0

	.section .note.GNU-stack, "", @progbits
