/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * struct kernel_ops by invocations, on whichever kernel of the seL4 API runs.
 *
 * rm's CSpace: the root CNode that the kernel made, its guard shortened so that 14 bits are left
 * below it. Slot pages, CNodes of 128 slots, hang in it, with a guard for the 7 bits between; when
 * its slots are used up, in directories, CNodes of 128 as well, that do. What a slot_t is to the
 * core is turned into these addresses here:
 *
 *   bit 63 set            a slot of the root itself, by its index: a look-up stops there, whatever
 *                         bits are left (not at a CNode)
 *   flat slot pages       two levels
 *   the others            three levels
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
	uint64_t tsc_mhz;    /* of the time stamp counter */
	uint64_t tick_scale; /* nanoseconds of one of its ticks, times 2^32 */
	word_t flat_first,
	        flat_end;       /* slots of the root with slot pages; behind them: directories */
	word_t asid_pool_first; /* slots of the root, for pools beyond the first */
	unsigned int asid_pools;
	word_t spare;          /* slot of the root, empty */
	word_t archive_frames; /* slot of the root, of the first page of the boot archive */
};

extern const struct kernel_ops kernel_ops;

enum { SLOT_PAGE_FIRST = SLOT_PAGE };
#define SLOT_OF_ROOT (1ull << 63)

/*
 * The trace goes to this port, to which no program has access, if something answers there (QEMU's
 * isa-debugcon); else to the console.
 */
enum { TRACE_PORT = 0xe9 };

/* Since the machine was switched on. */
uint64_t kernel_time_ns(void *kernel);

/* What invocations take. */
static inline cptr_t cptr_of(const struct kernel *k, slot_t slot)
{
	if (slot & SLOT_OF_ROOT)
		return slot << ROOT_SHIFT;
	uint64_t page = (slot >> SLOT_PAGE_BITS) - SLOT_PAGE_FIRST,
	         flat = k->flat_end - k->flat_first;
	if (page < flat)
		return (k->flat_first + page) << ROOT_SHIFT | (slot & (SLOT_PAGE - 1));
	return (k->flat_end << ROOT_SHIFT) +
	       ((page - flat) << SLOT_PAGE_BITS | (slot & (SLOT_PAGE - 1)));
}

/* What CNode operations take: for a slot of the root, and for any. */
static inline struct sel4_slot root_at(const struct kernel *k, word_t index)
{
	return (struct sel4_slot){ k->root, index, ABI_WORD_BITS - ROOT_SHIFT };
}

static inline struct sel4_slot slot_at(const struct kernel *k, slot_t slot)
{
	cptr_t cptr = cptr_of(k, slot);
	if (slot & SLOT_OF_ROOT)
		return root_at(k, cptr >> ROOT_SHIFT);
	return (struct sel4_slot){ k->root, cptr, ABI_WORD_BITS };
}
