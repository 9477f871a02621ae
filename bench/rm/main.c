/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the resource manager and the runtime cost, in instructions: under QEMU's -icount shift=0 the
 * time stamp counter counts them. This program stands in for init; a figure is the median of its
 * runs, or a total divided by what it was for, as the row says.
 */
#include "bench.h"
#include <proto/rm_client.h>
#include <rt/program.h>

static const struct {
	const char *name;
	uint64_t bar;
} rows[] = {
#define ROW(id, name, bar) { name, bar },
#include "rows.def"
#undef ROW
};

void report(enum row row, uint64_t figure)
{
	rt_log("B|%s|instructions|%lu|%lu", rows[row].name, (unsigned long)figure,
	       (unsigned long)rows[row].bar);
}

void fail(const char *what, err_t err)
{
	rt_log("bench: %s: %s", what, err_name(err));
	(void)!rm_system_off(RT_SYSTEM, &(struct rm_system_off_in){ .status = 1 });
	for (;;)
		continue;
}

uint64_t median(uint64_t *values, unsigned int count)
{
	for (unsigned int i = 1; i < count; i++)
		for (unsigned int k = i; k > 0 && values[k] < values[k - 1]; k--) {
			uint64_t v = values[k];
			values[k] = values[k - 1];
			values[k - 1] = v;
		}
	return values[count / 2];
}

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

static void measure_request(void)
{
	uint64_t times[RUNS];
	struct rm_bank_query_out out;
	for (unsigned int i = 0; i < RUNS; i++) {
		uint64_t t = ticks();
		must(rm_bank_query(RT_BANK, &out));
		times[i] = ticks() - t;
	}
	report(ROW_REQUEST, median(times, RUNS));
}

static void measure_map(void)
{
	uint64_t times[RUNS];
	cptr_t ds = new_dataspace(1);
	for (unsigned int i = 0; i < RUNS; i++) {
		uint64_t t = ticks();
		uint64_t at = map(ds, 0, 1);
		unmap(at, 1);
		times[i] = ticks() - t;
	}
	drop(ds);
	report(ROW_MAP_UNMAP, median(times, RUNS));
}

int rt_main(const struct rt_start *start)
{
	uint64_t begun = ticks();
	(void)start;
	report(ROW_BOOT, begun);
	measure_request();
	measure_map();
	measure_memory();
	measure_threads();
	measure_servers();
	must(rm_system_off(RT_SYSTEM, &(struct rm_system_off_in){ .status = 0 }));
	return 0;
}
