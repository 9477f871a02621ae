/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Making the processor that of another thread: inline, for the scheduler and the fast paths.
 */
#pragma once
#include "arch.h"

enum { MSR_FS_BASE = 0xc0000100, MSR_GS_BASE = 0xc0000101 };

extern paddr_t loaded_cr3;
extern uint64_t loaded_fs_base, loaded_gs_base;

/* The address space of a thread, or the kernel's if it has none that is valid. */
static inline void vspace_switch(const struct tcb *thread)
{
	struct cap cap = thread->slots[TCB_VSPACE].cap;
	paddr_t cr3 = kernel_cr3;
	unsigned asid = cap_asid(cap);
	if (likely(cap_type(cap) == CAP_PML4 && asid)) {
		const uint64_t *pool = asid_table[asid / ABI_ASIDS_PER_POOL];
		if (likely(pool && pool[asid % ABI_ASIDS_PER_POOL] == cap_paddr(cap)))
			cr3 = cap_paddr(cap);
	}
	if (cr3 != loaded_cr3) {
		loaded_cr3 = cr3;
		cpu_set_cr3(cr3);
	}
}

static inline void bases_save(struct tcb *thread)
{
	__asm__ volatile("rdfsbase %0" : "=r"(thread->ctx.fs_base));
	__asm__ volatile("rdgsbase %0" : "=r"(thread->ctx.gs_base));
	loaded_fs_base = thread->ctx.fs_base;
	loaded_gs_base = thread->ctx.gs_base;
}

static inline void bases_load(const struct tcb *thread)
{
	if (unlikely(thread->ctx.fs_base != loaded_fs_base)) {
		loaded_fs_base = thread->ctx.fs_base;
		wrmsr(MSR_FS_BASE, loaded_fs_base);
	}
	if (unlikely(thread->ctx.gs_base != loaded_gs_base)) {
		loaded_gs_base = thread->ctx.gs_base;
		wrmsr(MSR_GS_BASE, loaded_gs_base);
	}
}

/* `thread` becomes current. The idle thread goes on in whatever address space there is. */
static inline void switch_to(struct tcb *thread)
{
	struct tcb *previous = current;
	current = thread;
	tss_rsp0 = (uint64_t)&thread->ctx + CTX_TOP;
	if (cpu.fsgsbase)
		bases_save(previous);
	if (unlikely(thread == &idle_tcb))
		return;
	vspace_switch(thread);
	bases_load(thread);
	fpu_switch(thread);
}
