/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The time stamp counter (Intel SDM, volume 2, RDTSC), which counts tsc_hz ticks a second (struct
 * rt_start); under QEMU's -icount shift=0, instructions. It does not wait for what is before it.
 */
#pragma once
#include <stdint.h>

static inline uint64_t rt_tsc(void)
{
	uint32_t low, high;
	__asm__ volatile("rdtsc" : "=a"(low), "=d"(high) : : "memory");
	return (uint64_t)high << 32 | low;
}
