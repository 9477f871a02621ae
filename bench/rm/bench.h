/* SPDX-License-Identifier: BSD-2-Clause */
/* What the parts of this benchmark share. */
#pragma once
#include <lib/err.h>
#include <rt/sel4.h>
#include <rt/slot.h>
#include <stdint.h>

enum row {
#define ROW(id, name, bar) ROW_##id,
#include "rows.def"
#undef ROW
};

enum { RUNS = 200, PAGE = 4096 };

static inline uint64_t ticks(void)
{
	uint32_t low, high;
	__asm__ volatile("rdtsc" : "=a"(low), "=d"(high) : : "memory");
	return (uint64_t)high << 32 | low;
}

_Noreturn void fail(const char *what, err_t err);

/* A failed step makes every figure worthless. */
#define must(call)                                                                                 \
	do {                                                                                       \
		err_t must_err = (call);                                                           \
		if (must_err != E_OK)                                                              \
			fail(#call, must_err);                                                     \
	} while (0)

void report(enum row row, uint64_t figure);
uint64_t median(uint64_t *values, unsigned int count);

cptr_t new_dataspace(uint64_t pages);
void drop(cptr_t dataspace);
uint64_t map(cptr_t dataspace, uint64_t address, uint64_t pages); /* address 0: anywhere */
void unmap(uint64_t address, uint64_t pages);

void measure_memory(void);
void measure_threads(void);
void measure_servers(void);
