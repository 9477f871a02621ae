/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Making the processor that of another thread: inline, for the scheduler and the fast paths.
 */
#pragma once
#include "arch.h"

enum { MSR_FS_BASE = 0xc0000100, MSR_GS_BASE = 0xc0000101 };

extern paddr_t loaded_cr3;

/*
 * The address space of a thread, or the kernel's if it has none that is valid: none at all, or its
 * ASID was given up. What is loaded is always valid (asid.c sees to it).
 */
static always_inline void vspace_switch(const struct tcb *thread)
{
	struct cap cap = thread->slots[TCB_VSPACE].cap;
	paddr_t cr3 = cap.w0 ^ cap_make(CAP_PML4, 0, 0, 0).w0;
	if (cr3 == loaded_cr3)
		return;
	/* The slot holds a PML4 or nothing. */
	if (unlikely(!cap.w0 || *vspace_asid_mark(cr3) != vspace_mark(cap)))
		cr3 = kernel_cr3;
	if (cr3 != loaded_cr3) {
		loaded_cr3 = cr3;
		cpu_set_cr3(cr3);
	}
}

/* ---- FS and GS base ---- */

static always_inline void bases_save(struct tcb *thread)
{
	__asm__ volatile("rdfsbase %0" : "=r"(thread->ctx.fs_base));
	__asm__ volatile("rdgsbase %0" : "=r"(thread->ctx.gs_base));
}

/* Always both: programs can change them unseen, by loading the segment registers. */
static always_inline void bases_load(const struct tcb *thread)
{
	if (unlikely(cpu.fsgsbase)) {
		__asm__ volatile("wrfsbase %0" ::"r"(thread->ctx.fs_base));
		__asm__ volatile("wrgsbase %0" ::"r"(thread->ctx.gs_base));
	} else {
		wrmsr(MSR_FS_BASE, thread->ctx.fs_base);
		wrmsr(MSR_GS_BASE, thread->ctx.gs_base);
	}
}

/* ---- FPU (fpu.c) ---- */

/* The registers go to `from` and come from `to`, where these are not null. */
static always_inline void fpu_exchange(struct tcb *from, struct tcb *to)
{
	if (likely(cpu.xsave)) {
		uint32_t components = cpu.xcr0;
		if (from)
			__asm__ volatile("xsave64 %0" : "+m"(from->fpu) : "a"(components), "d"(0));
		if (to)
			__asm__ volatile("xrstor64 %0" ::"m"(to->fpu), "a"(components), "d"(0));
	} else {
		if (from)
			__asm__ volatile("fxsave64 %0" : "=m"(from->fpu));
		if (to)
			__asm__ volatile("fxrstor64 %0" ::"m"(to->fpu));
	}
}

/* `thread` is about to run. */
static always_inline void fpu_switch(struct tcb *thread)
{
	struct tcb *previous = fpu_ready;
	if (likely(previous == thread))
		return;
	if (unlikely(!previous || thread->flags & TCB_FLAG_FPU_DISABLED)) {
		fpu_switch_mode(thread);
		return;
	}
	fpu_ready = thread;
	fpu_exchange(previous, thread);
}

/* `thread`, not the idle one, becomes current. */
static always_inline void switch_to_user(struct tcb *thread)
{
	if (unlikely(cpu.fsgsbase))
		bases_save(current);
	current = thread;
	tss_rsp0 = (uint64_t)&thread->ctx + CTX_TOP;
	vspace_switch(thread);
	bases_load(thread);
	fpu_switch(thread);
}

/* ---- Scheduling contexts, for the fast paths: round robin only ---- */

static always_inline bool sched_may_charge(struct sched_context *sc, ticks_t time)
{
	return refill_head(sc)->amount >= time - charged_until + min_budget;
}

/* current_sc is charged up to `time`, `sc` from then on. */
static always_inline void sched_charge_switch(struct sched_context *sc, ticks_t time)
{
	struct sched_context *old = current_sc;
	ticks_t used = time - charged_until;
	charged_until = now = time;
	old->consumed += used;
	old->refills[old->head].amount -= used;
	old->refills[old->tail].amount += used;
	current_sc = sc;
	time += refill_head(sc)->amount;
	if (unlikely(time < timer_armed)) {
		timer_armed = time;
		plat_timer_set(time);
	}
}
