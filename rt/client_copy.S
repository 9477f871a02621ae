/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What touches client memory under an ABORT guard. See client_memory.c.
 *
 * rm makes the thread go on at the landing with RSP as it was noted and all other registers as they
 * were at the access that failed, so each landing finds what it needs where its function keeps it
 * from before mode is set until after it is cleared:
 *
 *   R11 the IPC buffer; RSP as at the function's entry.
 *
 * It clears the result that it takes (see client_memory.c).
 *
 * An access that fails has done nothing; of a `rep` those before it are done, and RDI, RSI and RCX
 * say how many.
 *
 * A function that finds a guard (the thread is in a window) comes in again by `nested`, which keeps
 * that guard on the stack meanwhile.
 */
	.set	MODE, 2048		/* struct guard in the page of the IPC buffer */
	.set	LOW, MODE + 8
	.set	HIGH, MODE + 16
	.set	LANDING, MODE + 24
	.set	STACK, MODE + 32
	.set	RESULT, MODE + 40
	.set	ADDRESS, MODE + 48
	.set	NONE, 0
	.set	ABORT, 1

	.text

	.macro	function name
	.globl	\name
	.type	\name, @function
\name:
	.endm

	.macro	end name
	.size	\name, . - \name
	.endm

/* The guard's landing. Programs are linked below 2 GiB; the host's tests may be anywhere. */
	.macro	set_landing name
#ifdef __pic__
	leaq	\name(%rip), %rax
	movq	%rax, LANDING(%r11)
#else
	movq	$\name, LANDING(%r11)
#endif
	.endm

/* rt_client_copy(to, from, bytes, done, low, high). RAX: where RDI was; R10: done. */
function rt_client_copy
	movq	%fs:32, %r11
	cmpq	$NONE, MODE(%r11)
	jne	copy_nested
	movq	%r8, LOW(%r11)
	movq	%r9, HIGH(%r11)
	set_landing copy_failed
	movq	%rsp, STACK(%r11)
	movq	%rcx, %r10
	movq	%rdi, %rax
	movq	%rdx, %rcx
	shrq	$3, %rcx
	movq	$ABORT, MODE(%r11)
	rep movsq
	movl	%edx, %ecx
	andl	$7, %ecx
	rep movsb
	movq	$NONE, MODE(%r11)
	movq	%rdx, (%r10)
	xorl	%eax, %eax
	ret

/*
 * Of a word that failed, the bytes may be there that lie before the end of a page on either side:
 * they are copied one by one, and if one of those fails the copy ends there. Fewer than 8 bytes are
 * left only if a single byte failed.
 */
copy_failed:
	movl	RESULT(%r11), %r8d
	leaq	(%rax, %rdx), %rcx
	subq	%rdi, %rcx
	cmpq	$8, %rcx
	jb	copy_ends
	movl	%esi, %ecx
	negl	%ecx
	andl	$4095, %ecx
	movl	%edi, %edx
	negl	%edx
	andl	$4095, %edx
	cmpl	$8, %ecx
	jb	1f
	xorl	%ecx, %ecx
1:	cmpl	$8, %edx
	jae	2f
	cmpl	%edx, %ecx
	cmovbl	%edx, %ecx
2:	leaq	copy_ends(%rip), %rdx
	movq	%rdx, LANDING(%r11)
	movq	$ABORT, MODE(%r11)
	rep movsb
	movq	$NONE, MODE(%r11)
copy_ends:
	movq	$0, RESULT(%r11)
	subq	%rax, %rdi
	movq	%rdi, (%r10)
	movl	%r8d, %eax
	ret
copy_nested:
	leaq	rt_client_copy(%rip), %rax
	jmp	nested
end rt_client_copy

/* The guard of a function whose first argument is the address of a word. Changes RAX. */
	.macro	guard_word name, bytes
	movq	%fs:32, %r11
	leaq	\name(%rip), %rax
	cmpq	$NONE, MODE(%r11)
	jne	nested
	movq	%rdi, LOW(%r11)
	leaq	\bytes(%rdi), %rax
	movq	%rax, HIGH(%r11)
	set_landing word_failed
	movq	%rsp, STACK(%r11)
	movq	$ABORT, MODE(%r11)
	.endm

function rt_client_load32
	guard_word rt_client_load32, 4
	movl	(%rdi), %eax
	movq	$NONE, MODE(%r11)
	movl	%eax, (%rsi)
	xorl	%eax, %eax
	ret
end rt_client_load32

function rt_client_load64
	guard_word rt_client_load64, 8
	movq	(%rdi), %rax
	movq	$NONE, MODE(%r11)
	movq	%rax, (%rsi)
	xorl	%eax, %eax
	ret
end rt_client_load64

function rt_client_store32
	guard_word rt_client_store32, 4
	movl	%esi, (%rdi)
	movq	$NONE, MODE(%r11)
	xorl	%eax, %eax
	ret
end rt_client_store32

function rt_client_store64
	guard_word rt_client_store64, 8
	movq	%rsi, (%rdi)
	movq	$NONE, MODE(%r11)
	xorl	%eax, %eax
	ret
end rt_client_store64

/* rt_client_cas32(at, expected, desired, found) */
function rt_client_cas32
	guard_word rt_client_cas32, 4
	movl	%esi, %eax
	lock cmpxchgl %edx, (%rdi)
	movq	$NONE, MODE(%r11)
	movl	%eax, (%rcx)
	xorl	%eax, %eax
	ret
end rt_client_cas32

word_failed:
	movl	RESULT(%r11), %eax
	movq	$0, RESULT(%r11)
	ret

/* rt_client_strnlen(string, max, length, high). R8: where RDI was; R10: length. */
function rt_client_strnlen
	movq	%fs:32, %r11
	leaq	rt_client_strnlen(%rip), %rax
	cmpq	$NONE, MODE(%r11)
	jne	nested
	movq	%rdi, LOW(%r11)
	movq	%rcx, HIGH(%r11)
	set_landing strnlen_failed
	movq	%rsp, STACK(%r11)
	movq	%rdx, %r10
	movq	%rdi, %r8
	movq	%rsi, %rcx
	xorl	%eax, %eax
	movq	$ABORT, MODE(%r11)
	testq	%rsp, %rsp		/* "not found", should max be 0 */
	repne scasb
	movq	$NONE, MODE(%r11)
	jne	1f
	decq	%rdi
1:	subq	%r8, %rdi
	movq	%rdi, (%r10)
	ret
strnlen_failed:
	subq	%r8, %rdi
	movq	%rdi, (%r10)
	movl	RESULT(%r11), %eax
	movq	$0, RESULT(%r11)
	ret
end rt_client_strnlen

/*
 * RAX: the function, whose arguments are all in registers. R11: the IPC buffer. ADDRESS stays that
 * of the last failure: client_missed().
 */
nested:
	pushq	MODE(%r11)
	pushq	LOW(%r11)
	pushq	HIGH(%r11)
	pushq	LANDING(%r11)
	pushq	STACK(%r11)
	pushq	RESULT(%r11)
	movq	$NONE, MODE(%r11)
	movq	$0, RESULT(%r11)
	call	*%rax
	movq	%fs:32, %r11
	popq	RESULT(%r11)
	popq	STACK(%r11)
	popq	LANDING(%r11)
	popq	HIGH(%r11)
	popq	LOW(%r11)
	popq	MODE(%r11)
	ret

/*
 * rt_window_run(fn, at, arg, high): on its stack are the registers that a function must not change,
 * the control words of floating point among them. What fn was left in the middle of is undone: a
 * backward string instruction, values on the floating point stack.
 */
function rt_window_run
	pushq	%rbp
	movq	%rsp, %rbp
	pushq	%rbx
	pushq	%r12
	pushq	%r13
	pushq	%r14
	pushq	%r15
	subq	$8, %rsp
	stmxcsr	(%rsp)
	fnstcw	4(%rsp)
	movq	%fs:32, %r11
	movq	%rsi, LOW(%r11)
	movq	%rcx, HIGH(%r11)
	set_landing run_left
	movq	%rsp, STACK(%r11)
	movq	%rdi, %rax
	movq	%rsi, %rdi
	movq	%rdx, %rsi
	movq	$ABORT, MODE(%r11)
	call	*%rax
	movq	%fs:32, %r11
	movq	$NONE, MODE(%r11)
run_ends:
	addq	$8, %rsp
	popq	%r15
	popq	%r14
	popq	%r13
	popq	%r12
	popq	%rbx
	popq	%rbp
	ret
run_left:
	cld
	emms
	fldcw	4(%rsp)
	ldmxcsr	(%rsp)
	movq	%fs:32, %r11
	movl	RESULT(%r11), %eax
	movq	$0, RESULT(%r11)
	jmp	run_ends
end rt_window_run

	.section .note.GNU-stack, "", @progbits
