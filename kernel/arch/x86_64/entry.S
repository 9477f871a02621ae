/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Entering and leaving the kernel. Everything is saved in the TCB of `current`, whose first part is
 * struct context; then the kernel's one stack is used from its top: the kernel never sleeps on it.
 * Interrupts are off in the kernel; only the idle loop runs with them on.
 */
#include "context.h"

	.section .bss
	.balign 16
kernel_stack:
	.skip 16384
	.global kernel_stack_top
kernel_stack_top:
user_rsp:
	.skip 8

	.text
/* From `syscall`: RCX = return address, R11 = RFLAGS, RSP is the user's. */
	.global entry_syscall
	.balign 64
entry_syscall:
	mov	%rsp, user_rsp(%rip)
	mov	tss_rsp0_alias(%rip), %rsp
	mov	%rcx, CTX_RIP - CTX_TOP(%rsp)
	mov	%r11, CTX_RFLAGS - CTX_TOP(%rsp)
	mov	%rcx, CTX_RCX - CTX_TOP(%rsp)
	mov	%r11, CTX_R11 - CTX_TOP(%rsp)
	sub	$2, %rcx
	mov	%rcx, CTX_FAULT_IP - CTX_TOP(%rsp)
	mov	user_rsp(%rip), %rcx
	mov	%rcx, CTX_RSP - CTX_TOP(%rsp)
	sub	$(CTX_TOP - CTX_R11), %rsp
	push	%r15
	push	%r9
	push	%r8
	push	%r10
	push	%rdx
	push	%r14
	push	%r13
	push	%r12
	push	%rbp
	push	%rbx
	push	%rax
	push	%rsi
	push	%rdi
	lea	kernel_stack_top(%rip), %rsp
	call	kernel_syscall

/* Leaves to `current`: by sysretq if RCX and R11 are what that leaves, else by iretq. */
	.global exit_to_user
exit_to_user:
	mov	current(%rip), %rsp
	mov	CTX_RIP(%rsp), %rcx
	mov	CTX_RFLAGS(%rsp), %r11
	cmp	%rcx, CTX_RCX(%rsp)
	jne	1f
	cmp	%r11, CTX_R11(%rsp)
	jne	1f
	pop	%rdi
	pop	%rsi
	pop	%rax
	pop	%rbx
	pop	%rbp
	pop	%r12
	pop	%r13
	pop	%r14
	pop	%rdx
	pop	%r10
	pop	%r8
	pop	%r9
	pop	%r15
	mov	CTX_RSP - CTX_R11(%rsp), %rsp
	sysretq
1:	pop	%rdi
	pop	%rsi
	pop	%rax
	pop	%rbx
	pop	%rbp
	pop	%r12
	pop	%r13
	pop	%r14
	pop	%rdx
	pop	%r10
	pop	%r8
	pop	%r9
	pop	%r15
	pop	%r11
	pop	%rcx
	add	$16, %rsp		/* fault_ip, error */
	iretq

/* Where the idle thread is. */
	.global idle_loop
idle_loop:
	hlt
	jmp	idle_loop

/*
 * Interrupts and exceptions: the CPU pushes SS, RSP, RFLAGS, CS, RIP (and an error code for some)
 * on the stack that ends at TSS.RSP0: into the TCB. For a moment the vector stands where fault_ip
 * belongs.
 *
 * What is pushed for CS, SS and the privileged flags is not relied on: QEMU's TCG lets a program
 * get into virtual-8086 mode by a 32-bit iret, which no processor does in long mode.
 */
	.balign 16
entry_common:
	cmp	$-0x80000000, %rsp	/* on a stack of the kernel's image, or in a TCB? */
	jae	entry_from_kernel
	movq	$SEL_USER_CODE, 24(%rsp)
	movq	$SEL_USER_DATA, 48(%rsp)
	andl	$~RFLAGS_NEVER, 32(%rsp)
	orl	$RFLAGS_ALWAYS, 32(%rsp)
	push	%rcx
	push	%r11
	push	%r15
	push	%r9
	push	%r8
	push	%r10
	push	%rdx
	push	%r14
	push	%r13
	push	%r12
	push	%rbp
	push	%rbx
	push	%rax
	push	%rsi
	push	%rdi
	cld
	mov	CTX_FAULT_IP(%rsp), %edi
	lea	kernel_stack_top(%rip), %rsp
	cmp	$32, %edi
	jb	2f
	cmp	$VECTOR_TRAP_FIRST, %edi
	jb	1f
	cmp	$VECTOR_TRAP_LAST, %edi
	ja	1f
	call	kernel_trap
	jmp	exit_to_user
1:	call	kernel_interrupt
	jmp	exit_to_user
2:	call	kernel_exception
	jmp	exit_to_user

/* Interrupts of the idle loop, which keeps nothing; exceptions of the kernel, which are bugs. */
entry_from_kernel:
	cld
	mov	(%rsp), %edi
	cmp	$2, %edi
	je	entry_nmi
	cmp	$32, %edi
	jb	1f
	lea	kernel_stack_top(%rip), %rsp
	call	kernel_interrupt
	jmp	exit_to_user
1:	mov	%rsp, %rsi
	and	$-16, %rsp
	call	kernel_bug
entry_nmi:
	add	$16, %rsp
	iretq

/* One stub for each vector, and its address in entry_vectors. */
	.section .rodata
	.balign	8
	.global	entry_vectors
entry_vectors:
	.text
	.altmacro
	.macro	stub vector
	.balign	16
stub_\vector:
	.if	\vector == 2
	push	$0
	push	$2
	jmp	entry_nmi
	.else
	.if	!(\vector == 8 || (\vector >= 10 && \vector <= 14) || \vector == 17 || \
			\vector == 21 || \vector == 29 || \vector == 30)
	push	$0
	.endif
	push	$\vector
	.if	\vector == 8 || \vector == 18
	jmp	entry_from_kernel
	.else
	jmp	entry_common
	.endif
	.endif
	.section .rodata
	.quad	stub_\vector
	.text
	.endm

	.set	number, 0
	.rept	256
	stub	%number
	.set	number, number + 1
	.endr
	.section .note.GNU-stack, "", @progbits
