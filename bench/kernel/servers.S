/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The other sides of what is measured, in as few instructions as they can have. Each takes a
 * struct server (bench.h) in RDI and never returns; none needs its stack. The kernel keeps RDX,
 * RBX, RBP, R12, R13 and R14 over a system call.
 */
#define REPLY_RECV (-2)
#define NB_SEND_RECV (-3)
#define NB_SEND_WAIT (-4)
#define SEND (-5)
#define RECV (-7)
#define WAIT (-9)

#define MSG(i) (8 + 8 * (i)) /* word i of the message in an IPC buffer */
#define RUNS 400

	.text

	/* endpoint in RBP, reply object in R12, answers' info in R14, IPC buffer in R13 */
.macro load_server
	movq 0(%rdi), %rbp
	movq 8(%rdi), %r12
	movq 16(%rdi), %r14
	movq 24(%rdi), %rbx
	movq 40(%rdi), %r13
.endm

.macro first nr
	movq $\nr, %rdx
	movq %rbp, %rdi
	syscall
.endm

.macro function name
	.globl \name
	.type \name, @function
\name:
.endm

function serve
	load_server
	first RECV
	movq $REPLY_RECV, %rdx
1:	movq %rbp, %rdi
	movq %r14, %rsi
	syscall
	jmp 1b

function serve_nb_send_recv
	load_server
	first RECV
	movq %r12, %r13
	movq $NB_SEND_RECV, %rdx
1:	movq %rbp, %rdi
	movq %r14, %rsi
	syscall
	jmp 1b

function serve_faults
	load_server
	movq 32(%rdi), %r13
	leaq (RUNS + 2) * 4(%rbx), %r14
	first RECV
1:	movq $REPLY_RECV, %rdx
	movq %rbp, %rdi
	xorl %esi, %esi
	syscall
	rdtsc
	movl %eax, (%rbx)
	addq $4, %rbx
	cmpq %r14, %rbx
	jne 1b
	movq $SEND, %rdx
	movq %r13, %rdi
	xorl %esi, %esi
	syscall
	/* The faulter stays where it is. */
	first RECV
	ud2

	/* The fault's words are the answer, but for the instruction pointer. */
function serve_syscalls
	load_server
	first RECV
	movq $REPLY_RECV, %rdx
1:	movq %rbp, %rdi
	movq %r14, %rsi
	addq $2, MSG(15)(%r13)
	syscall
	jmp 1b

function serve_syscalls_rcx
	load_server
	first RECV
	movq $REPLY_RECV, %rdx
1:	movq %rbp, %rdi
	movq %r14, %rsi
	addq $2, MSG(15)(%r13)
	incq %r9
	syscall
	jmp 1b

function serve_bound
	load_server
	movq $RECV, %rdx
1:	movq %rbp, %rdi
	syscall
	jmp 1b

function serve_wait
	load_server
	movq $WAIT, %rdx
1:	movq %rbp, %rdi
	syscall
	jmp 1b

function serve_ping
	load_server
	first WAIT
	movq $NB_SEND_WAIT, %rdx
1:	movq %rbp, %rdi
	xorl %esi, %esi
	syscall
	jmp 1b

function touch
	movq (%rdi), %rax
	ud2

function send_to
	movq $SEND, %rdx
	xorl %esi, %esi
	syscall
	ud2

function receive_from
	movq $WAIT, %rdx
	syscall
	ud2

	.section .note.GNU-stack, "", @progbits
