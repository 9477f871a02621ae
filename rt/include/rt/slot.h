/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The slots of a program's CSpace, from slot_first_free on: taken to receive capabilities into, and
 * given back. Any thread may do so at any time; nobody waits.
 *
 *   cptr_t made = rt_slot_get();
 *   err_t err = made ? rm_vspace_create(RT_BANK, rt_slot(made)) : E_LIMIT;
 *   ...
 *   rt_slot_put(made);
 *
 * A slot is a plain number, and at the same time the address of the capability in it. 0 is none.
 */
#pragma once
#include <rt/program.h>
#include <rt/sel4.h>

/* A slot of the caller's own, empty. 0: all are taken. */
[[nodiscard]] cptr_t rt_slot_get(void);

/*
 * Deletes the capability in it, if there is one, and gives the slot back; 0 is allowed. The object
 * behind the capability stays: what rm made is destroyed by rm's methods.
 */
void rt_slot_put(cptr_t slot);

/* The same of a slot that is empty for sure: what was in it was revoked. */
void rt_slot_put_empty(cptr_t slot);

/* Deletes the capability in it, if there is one; the slot stays the caller's. */
void rt_slot_clear(cptr_t slot);

/* The slot as a place for a capability to come to: what stubs and CNode operations take. */
struct sel4_slot rt_slot(cptr_t slot);

/* Slots that are free at the moment. */
uint32_t rt_slots_free(void);

/* -- the allocator itself: pure, tested on the host -------------------------------------------- */

enum { RT_SLOTS_MAX = 1 << RT_SLOT_BITS_MAX };

/* Bit i: slot i is taken. Changed by atomic operations only. */
struct rt_slots {
	uint64_t taken[RT_SLOTS_MAX / 64];
	uint32_t count; /* slots there are */
	uint32_t next;  /* where to look first; a hint */
};

/* Slots [first, count) are free; first <= count <= RT_SLOTS_MAX. */
void rt_slots_init(struct rt_slots *slots, uint32_t first, uint32_t count);

/* 0: none is free. */
uint32_t rt_slots_get(struct rt_slots *slots);

/* slot was got and not put since. */
void rt_slots_put(struct rt_slots *slots, uint32_t slot);
