/* SPDX-License-Identifier: BSD-2-Clause */
/* Threads. */
#include "init.h"
#include <proto/rm_client.h>

void measure_threads(void)
{
	uint64_t times[RUNS];
	cptr_t ds = new_dataspace(1), thread = rt_slot_get();
	uint64_t at = map(ds, 0, 1);
	const struct rm_thread_create_in in = {
		.buffer = at,
		.schedule = { .budget_us = 10000,
		              .period_us = 10000,
		              .priority = 10,
		              .priority_max = 10 },
	};
	for (unsigned int i = 0; i < RUNS; i++) {
		uint64_t t = rt_tsc();
		must(rm_thread_create(RT_TASK, &in, rt_slot(thread)));
		must(rm_thread_destroy(thread));
		times[i] = rt_tsc() - t;
		rt_slot_clear(thread);
	}
	report(ROW_THREAD, median(times, RUNS));
	rt_slot_put(thread);
	unmap(at, 1);
	drop(ds);
}
