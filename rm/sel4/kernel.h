/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * struct kernel_ops by invocations, on whichever kernel of the seL4 API runs.
 *
 * rm's CSpace has three levels: the root CNode that the kernel made, of which the guard is shortened
 * so that 14 bits are left below it, and two levels of CNodes of 128 slots. What stands in the root
 * itself, CNodes apart, is found by its number shifted by 14: bits that are left over are not looked
 * at.
 */
#pragma once
#include <rm/core.h>
#include <rt/sel4_object.h>
#include <rt/sel4_x86.h>

enum { ROOT_SHIFT = 2 * SLOT_PAGE_BITS };

/* Where rm's own address space has what. */
#define WINDOW_BASE 0x100000000000ul
#define TABLES_BASE 0x200000000000ul

struct kernel {
	cptr_t root; /* the CSpace's root, with a guard for 64 bits */
	cptr_t tcb, vspace, asid_pool, asid_control, irq_control, port_control, sched_control;
	cptr_t console_ports, exit_ports;
	word_t directories_first; /* slots of the root before this one hold no directory */
	word_t archive_frames; /* slot of the root, of the first page of the boot archive */
};

extern const struct kernel_ops kernel_ops;

/* A slot as CNode operations name it; they take every bit of the index. */
static inline struct sel4_slot kernel_slot_at(const struct kernel *k, slot_t slot)
{
	if (slot >> ROOT_SHIFT < k->directories_first)
		return (struct sel4_slot){ k->root, slot >> ROOT_SHIFT, ABI_WORD_BITS - ROOT_SHIFT };
	return (struct sel4_slot){ k->root, slot, ABI_WORD_BITS };
}
