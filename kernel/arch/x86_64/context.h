/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A thread's registers as the entry code saves them (entry.S knows the offsets).
 *
 * `rip` to `ss` is the frame that the CPU pushes at an interrupt and pops with iretq: TSS.RSP0
 * points behind `ss` of the running thread, so that interrupts save straight into its TCB. That
 * address must be 16-byte aligned.
 *
 * A thread leaves the kernel by sysretq exactly if rcx == rip and r11 == rflags, which is what
 * `syscall` leaves; otherwise by iretq with everything restored. So user RSP and all registers are
 * right however it entered.
 */
#pragma once

#define CTX_R11 104
#define CTX_RCX 112
#define CTX_FAULT_IP 120
#define CTX_ERROR 128
#define CTX_RIP 136
#define CTX_RFLAGS 152
#define CTX_RSP 160
#define CTX_TOP 176

#define SEL_KERNEL_CODE 0x08
#define SEL_KERNEL_DATA 0x10
#define SEL_USER_DATA 0x23
#define SEL_USER_CODE 0x2b
#define SEL_TSS 0x30

#define RFLAGS_NEVER 0x1a3000 /* VIP, VIF, VM, IOPL */
#define RFLAGS_ALWAYS 0x202   /* IF, and bit 1 */

#define VECTOR_TIMER 157 /* the kernel's own interrupt */
#define VECTOR_SPURIOUS 255
#define VECTOR_TRAP_FIRST 158 /* gates with DPL 3: `int n` is an unknown system call */
#define VECTOR_TRAP_LAST 254

#ifndef __ASSEMBLER__
#include <stddef.h>
#include <stdint.h>

struct context {
	uint64_t rdi, rsi, rax, rbx, rbp, r12, r13, r14, rdx, r10, r8, r9, r15, r11, rcx;
	uint64_t fault_ip; /* where the last system call or fault restarts */
	uint64_t error;    /* hardware error code of the last interrupt or exception */
	uint64_t rip, cs, rflags, rsp, ss;
	uint64_t fs_base, gs_base;
};
_Static_assert(offsetof(struct context, rcx) == CTX_RCX, "context");
_Static_assert(offsetof(struct context, rip) == CTX_RIP, "context");
_Static_assert(offsetof(struct context, rflags) == CTX_RFLAGS, "context");
_Static_assert(offsetof(struct context, rsp) == CTX_RSP, "context");
_Static_assert(offsetof(struct context, fault_ip) == CTX_FAULT_IP, "context");
_Static_assert(offsetof(struct context, fs_base) == CTX_TOP && CTX_TOP % 16 == 0, "context");

/* FXSAVE or XSAVE area: x87, SSE and AVX state and the XSAVE header. */
struct fpu_state {
	uint8_t area[832];
} __attribute__((aligned(64)));
#endif
