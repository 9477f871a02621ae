/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * word_t bystander_watch(word_t pattern): all general registers and all of SSE's hold values made
 * from the pattern while time passes, once while computing and once over a Yield, which keeps all
 * but RCX and R11. Returns how many differ.
 */
#define ROUNDS 2000

	.text
	.globl bystander_watch
	.type bystander_watch, @function
bystander_watch:
	pushq %rbx
	pushq %rbp
	pushq %r12
	pushq %r13
	pushq %r14
	pushq %r15
	movq %rdi, %rax
	xorl %edi, %edi /* errors */
	.irp n, 0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15
	leaq \n(%rax), %rcx
	movq %rcx, %xmm\n
	.endr
	.irp reg, rbx,rdx,rsi,rbp,r8,r9,r10,r11,r12,r13,r14,r15
	movq %rax, %\reg
	.endr
	movl $ROUNDS, %ecx
1:	.irp reg, rbx,rdx,rsi,rbp,r8,r9,r10,r11,r12,r13,r14,r15
	cmpq %rax, %\reg
	jne 8f
	.endr
	loop 1b
	jmp 2f
8:	incq %rdi

	/* Over a Yield. RSP waits in RBX: seL4 does not keep it. */
2:	movq $-11, %rdx
	pushq %rdi
	movq %rsp, %rbx
	xorl %edi, %edi
	syscall
	movq %rbx, %rsp
	popq %rdi
	.irp reg, rbp,r12,r13,r14
	xorl %ecx, %ecx
	cmpq %rax, %\reg
	setne %cl
	addq %rcx, %rdi
	.endr
	.irp n, 0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15
	leaq \n(%rax), %rdx
	movq %xmm\n, %rcx
	cmpq %rdx, %rcx
	setne %cl
	movzbl %cl, %ecx
	addq %rcx, %rdi
	.endr
	movq %rdi, %rax
	popq %r15
	popq %r14
	popq %r13
	popq %r12
	popq %rbp
	popq %rbx
	ret

	.section .note.GNU-stack, "", @progbits
