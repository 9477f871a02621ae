/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Registers of threads: what a fresh one has, what users may set, and those that are not in the TCB
 * while a thread runs (FS and GS base, where the CPU lets user programs change them).
 */
#include "switch.h"

paddr_t loaded_cr3;

enum { RFLAGS_FIXED = 1 << 1, RFLAGS_IF = 1 << 9, RFLAGS_USER = 0xed7 & ~(1 << 9 | 1 << 8) };

void context_init(struct context *ctx)
{
	ctx->cs = SEL_USER_CODE;
	ctx->ss = SEL_USER_DATA;
	ctx->rflags = RFLAGS_IF | RFLAGS_FIXED;
}

uint64_t context_sanitise(unsigned offset, uint64_t value)
{
	switch (offset) {
	case offsetof(struct context, rflags):
		return (value & RFLAGS_USER) | RFLAGS_IF | RFLAGS_FIXED;
	case offsetof(struct context, fault_ip):
	case offsetof(struct context, fs_base):
	case offsetof(struct context, gs_base):
		/* Only canonical addresses: sysretq and wrmsr fault on others, in the kernel. */
		return value > ABI_USER_TOP && value < 0xffff800000000000ull ? 0 : value;
	default:
		return value;
	}
}

void context_sync(struct tcb *thread)
{
	if (cpu.fsgsbase)
		bases_save(thread);
}

void context_load(struct tcb *thread)
{
	bases_load(thread);
}

void context_init_idle(struct context *ctx)
{
	ctx->cs = SEL_KERNEL_CODE;
	ctx->ss = SEL_KERNEL_DATA;
	ctx->rflags = RFLAGS_IF | RFLAGS_FIXED;
	ctx->rip = (uint64_t)idle_loop;
	ctx->rsp = (uint64_t)kernel_stack_top;
}

/* An exception in the kernel: its own bug. Frame: vector, error code, RIP, CS, RFLAGS, RSP, SS. */
void kernel_bug(unsigned vector, const uint64_t *frame)
{
	panic("exception %u, error %lx, at %lx, rsp %lx, cr2 %lx, thread %p \"%s\"", vector,
	      frame[1], frame[2], frame[5], cpu_cr2(), (void *)current, current->name);
}
