/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A bump allocator: memory for the time of one request, dropped as a whole. Pure; owns nothing.
 */
#pragma once
#include <lib/assert.h>
#include <lib/range.h>
#include <stddef.h>
#include <stdint.h>

struct rt_arena {
	char *base; /* No ownership; at a multiple of 16 */
	size_t bytes, used;
};

/*
 * bytes of memory, content undefined, at a multiple of align (a power of 2 up to 4096, of base's
 * alignment at most). NULL: there is not so much left.
 */
static inline void *rt_arena_get(struct rt_arena *arena, size_t bytes, size_t align)
{
	uint64_t at;
	assert(range_is_power_of_2(align));
	if (!range_align_up(arena->used, align, &at) || !range_ok(at, bytes, arena->bytes))
		return NULL;
	arena->used = at + bytes;
	return arena->base + at;
}

/* All that was got is no more. */
static inline void rt_arena_drop(struct rt_arena *arena)
{
	arena->used = 0;
}
