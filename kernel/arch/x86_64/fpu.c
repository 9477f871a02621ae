/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * x87, SSE and AVX state: switched eagerly, so that no thread can ever see another's, not even by
 * speculation. The registers hold the state of `fpu_ready`. A thread with the FPU disabled runs
 * with CR0.TS set, which makes its FPU instructions fault; the state of the last user stays in the
 * registers meanwhile.
 */
#include "switch.h"

struct tcb *fpu_ready;
static struct tcb *fpu_parked; /* while fpu_ready is null: whose state is in the registers */
static bool disabled;          /* CR0.TS */

enum { FCW_OFFSET = 0, MXCSR_OFFSET = 24, FCW_INITIAL = 0x37f, MXCSR_INITIAL = 0x1f80 };

void fpu_init(struct fpu_state *state)
{
	*(uint16_t *)(state->area + FCW_OFFSET) = FCW_INITIAL;
	*(uint32_t *)(state->area + MXCSR_OFFSET) = MXCSR_INITIAL;
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

void fpu_switch_mode(struct tcb *thread)
{
	struct tcb *owner = fpu_ready ? fpu_ready : fpu_parked;
	bool disable = thread->flags & TCB_FLAG_FPU_DISABLED;
	fpu_ready = disable ? NULL : thread;
	fpu_parked = disable ? owner : NULL;
	if (disable != disabled)
		set_disabled(disable);
	if (!disable && owner != thread)
		fpu_exchange(owner, thread);
}

void fpu_release(struct tcb *thread)
{
	bool was_disabled = disabled;
	if (thread != (fpu_ready ? fpu_ready : fpu_parked))
		return;
	if (was_disabled)
		set_disabled(false);
	fpu_exchange(thread, NULL);
	if (was_disabled)
		set_disabled(true);
	fpu_ready = fpu_parked = NULL;
}
