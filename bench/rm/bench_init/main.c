/* SPDX-License-Identifier: BSD-2-Clause */
/* What the resource manager and the runtime cost. This program stands in for init. */
#include "init.h"
#include <proto/rm_client.h>

cptr_t new_dataspace(uint64_t pages)
{
	cptr_t slot = rt_slot_get();
	const struct rm_dataspace_create_in in = { .size = pages, .align = 12 };
	must(rm_dataspace_create(RT_BANK, &in, rt_slot(slot)));
	return slot;
}

uint64_t map(cptr_t dataspace, uint64_t address, uint64_t pages)
{
	struct rm_region_map_out out;
	const struct rm_region_map_in in = { .start = address,
		                             .size = pages,
		                             .rights = RM_RIGHT_READ | RM_RIGHT_WRITE,
		                             .flags = address ? RM_REGION_FLAGS_FIXED : 0,
		                             .inherit = RM_INHERIT_COPY };
	must(rm_region_map(RT_VSPACE, dataspace, &in, &out));
	return out.at;
}

void unmap(uint64_t address, uint64_t pages)
{
	must(rm_region_unmap(RT_VSPACE,
	                     &(struct rm_region_unmap_in){ .start = address, .size = pages }));
}

void drop(cptr_t dataspace)
{
	must(rm_dataspace_destroy(dataspace));
	rt_slot_put(dataspace);
}

void settle(void)
{
	for (unsigned int i = 0; i < 20; i++)
		sel4_yield();
}

static void measure_map(void)
{
	uint64_t times[RUNS];
	cptr_t ds = new_dataspace(1);
	for (unsigned int i = 0; i < RUNS; i++) {
		uint64_t t = rt_tsc();
		uint64_t at = map(ds, 0, 1);
		unmap(at, 1);
		times[i] = rt_tsc() - t;
	}
	drop(ds);
	report(ROW_MAP_UNMAP, median(times, RUNS));
}

int rt_main(const struct rt_start *start)
{
	uint64_t begun = rt_tsc();
	(void)start;
	report(ROW_BOOT, begun);
	measure_map();
	measure_memory();
	measure_threads();
	measure_programs();
	must(rm_system_off(RT_SYSTEM, &(struct rm_system_off_in){ .status = 0 }));
	return 0;
}
