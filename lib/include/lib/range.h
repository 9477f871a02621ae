/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Arithmetic on ranges that an untrusted party names. Nothing here can wrap; every range check of
 * the system is range_ok, which subtracts where others add.
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>

/* [off, off+len) lies in [0, size). An empty range does so at any off <= size. */
static inline bool range_ok(uint64_t off, uint64_t len, uint64_t size)
{
	return off <= size && len <= size - off;
}

/*
 * [start, start+len) and [other, other+other_len), neither of which wraps, have a unit in common.
 */
static inline bool range_overlaps(uint64_t start, uint64_t len, uint64_t other, uint64_t other_len)
{
	return start < other ? other_len > 0 && other - start < len
	                     : len > 0 && start - other < other_len;
}

static inline bool range_is_power_of_2(uint64_t x)
{
	return x != 0 && (x & (x - 1)) == 0;
}

/* align is a power of 2. */
static inline bool range_is_aligned(uint64_t x, uint64_t align)
{
	return (x & (align - 1)) == 0;
}

static inline uint64_t range_align_down(uint64_t x, uint64_t align)
{
	return x & ~(align - 1);
}

/* False, and *up undefined, if there is no multiple of align from x on. */
static inline bool range_align_up(uint64_t x, uint64_t align, uint64_t *up)
{
	*up = (x + (align - 1)) & ~(align - 1);
	return *up >= x;
}
