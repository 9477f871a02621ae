/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * x87, SSE and AVX state: switched eagerly, so that no thread can ever see another's, not even by
 * speculation. The registers hold the state of `fpu_owner`; a thread with the FPU disabled leaves it
 * there and runs with CR0.TS set, which makes its FPU instructions fault.
 */
#include "arch.h"

struct tcb *fpu_owner;
static bool disabled; /* CR0.TS */

enum { FCW_OFFSET = 0, MXCSR_OFFSET = 24, FCW_INITIAL = 0x37f, MXCSR_INITIAL = 0x1f80 };

void fpu_init(struct fpu_state *state)
{
	*(uint16_t *)(state->area + FCW_OFFSET) = FCW_INITIAL;
	*(uint32_t *)(state->area + MXCSR_OFFSET) = MXCSR_INITIAL;
}

static void save(struct fpu_state *state)
{
	if (cpu.xsave)
		__asm__ volatile("xsave64 %0"
				 : "+m"(*state)
				 : "a"((uint32_t)cpu.xcr0), "d"(0));
	else
		__asm__ volatile("fxsave64 %0" : "=m"(*state));
}

static void restore(const struct fpu_state *state)
{
	if (cpu.xsave)
		__asm__ volatile("xrstor64 %0" ::"m"(*state), "a"((uint32_t)cpu.xcr0), "d"(0));
	else
		__asm__ volatile("fxrstor64 %0" ::"m"(*state));
}

static void set_disabled(bool disable)
{
	enum { CR0_TS = 1 << 3 };
	uint64_t cr0;
	disabled = disable;
	if (!disable) {
		__asm__ volatile("clts");
		return;
	}
	__asm__ volatile("mov %%cr0, %0" : "=r"(cr0));
	__asm__ volatile("mov %0, %%cr0" ::"r"(cr0 | CR0_TS));
}

void fpu_switch(struct tcb *thread)
{
	bool disable = thread->flags & TCB_FLAG_FPU_DISABLED;
	if (disable != disabled)
		set_disabled(disable);
	if (disable || fpu_owner == thread)
		return;
	if (fpu_owner)
		save(&fpu_owner->fpu);
	restore(&thread->fpu);
	fpu_owner = thread;
}

void fpu_release(struct tcb *thread)
{
	if (fpu_owner != thread)
		return;
	bool was_disabled = disabled;
	if (was_disabled)
		set_disabled(false);
	save(&thread->fpu);
	fpu_owner = NULL;
	if (was_disabled)
		set_disabled(true);
}
