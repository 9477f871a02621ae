/* SPDX-License-Identifier: BSD-2-Clause */
/* Time, from the time stamp counter: see rt/libc.h. */
#include "internal.h"
#include <rt/tsc.h>

/* Nanoseconds of a tick, times 2^32. */
static uint64_t scale;

void rt_time_start(const struct rt_start *start)
{
	uint64_t hz = start->tsc_hz ? start->tsc_hz : 1000000000;
	scale = (1000000000ull << 32) / hz;
}

uint64_t rt_time_ns(void)
{
	return (uint64_t)((unsigned __int128)rt_tsc() * scale >> 32);
}

void rt_yield(void)
{
	sel4_yield();
}
