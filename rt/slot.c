/* SPDX-License-Identifier: BSD-2-Clause */
/* A program's own slots: see rt/slot.h. */
#include "internal.h"
#include <lib/bitmap.h>
#include <rt/sel4_object.h>
#include <rt/slot.h>

static struct rt_slots slots;
static uint32_t slot_bits;

void rt_slot_start(const struct rt_start *start)
{
	slot_bits = start->slot_bits;
	rt_slots_init(&slots, start->slot_first_free, 1u << slot_bits);
}

struct sel4_slot rt_slot(cptr_t slot)
{
	return (struct sel4_slot){ RT_CNODE, slot, slot_bits };
}

cptr_t rt_slot_get(void)
{
	return rt_slots_get(&slots);
}

/* Deleting what is not there is no error, and nothing else can go wrong. */
void rt_slot_clear(cptr_t slot)
{
	enum abi_error err = sel4_cnode_delete(rt_slot(slot));
	(void)err;
}

void rt_slot_put(cptr_t slot)
{
	if (slot == 0)
		return;
	rt_slot_clear(slot);
	rt_slot_put_empty(slot);
}

void rt_slot_put_empty(cptr_t slot)
{
	rt_slots_put(&slots, (uint32_t)slot);
}

uint32_t rt_slots_free(void)
{
	return slots.count - (uint32_t)bitmap_count(slots.taken, 0, slots.count);
}
