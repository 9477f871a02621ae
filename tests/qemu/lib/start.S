/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The first instruction of a root task: the kernel gives no stack, and boot info in RDI. The
 * registers as the kernel left them and the time are kept for tests.
 */
	.text
	.globl	_start
	.type	_start, @function
_start:
	movq	%rsp, root_entry_registers+8(%rip)
	leaq	entry_stack_top(%rip), %rsp
	pushfq
	popq	root_entry_registers+16(%rip)
	movq	%rax, root_entry_registers+24(%rip)
	movq	%rdx, root_entry_registers+48(%rip)
	rdtsc
	shlq	$32, %rdx
	orq	%rdx, %rax
	movq	%rax, root_entry_time(%rip)
	movq	%rbx, root_entry_registers+32(%rip)
	movq	%rcx, root_entry_registers+40(%rip)
	movq	%rsi, root_entry_registers+56(%rip)
	movq	%rdi, root_entry_registers+64(%rip)
	movq	%rbp, root_entry_registers+72(%rip)
	movq	%r8, root_entry_registers+80(%rip)
	movq	%r9, root_entry_registers+88(%rip)
	movq	%r10, root_entry_registers+96(%rip)
	movq	%r11, root_entry_registers+104(%rip)
	movq	%r12, root_entry_registers+112(%rip)
	movq	%r13, root_entry_registers+120(%rip)
	movq	%r14, root_entry_registers+128(%rip)
	movq	%r15, root_entry_registers+136(%rip)
	xorl	%ebp, %ebp
	call	entry
	ud2

	/* A helper starts here with RDI = its struct thread; the stack is 16-byte aligned. */
	.globl	thread_entry
	.type	thread_entry, @function
thread_entry:
	xorl	%ebp, %ebp
	call	thread_main
	ud2

	.bss
	.balign	4096
	.skip	65536
entry_stack_top:
	.globl	root_entry_time
root_entry_time:
	.skip	8
	/* A struct abi_user_context: what the kernel left in the registers. */
	.globl	root_entry_registers
root_entry_registers:
	.skip	160

	.section .note.GNU-stack, "", @progbits
