/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the programs of this benchmark share. In instructions: under QEMU's -icount shift=0 the time
 * stamp counter counts them. A figure is the median of its runs, or a total divided by what it was
 * for, as the row says.
 */
#pragma once
#include <lib/err.h>
#include <rt/program.h>
#include <rt/sel4.h>
#include <rt/slot.h>
#include <rt/tsc.h>
#include <stdint.h>

enum row {
#define ROW(id, name, bar) ROW_##id,
#include "rows.def"
#undef ROW
};

enum { RUNS = 200, PAGE = 4096 };

/* Ends the program; and the machine, if it is init. */
_Noreturn void fail(const char *what, err_t err);

/* A failed step makes every figure worthless. */
#define must(call)                                                                                 \
	do {                                                                                       \
		err_t must_err = (call);                                                           \
		if (must_err != E_OK)                                                              \
			fail(#call, must_err);                                                     \
	} while (0)

void report(enum row row, uint64_t figure);
/* A row of another benchmark's: figure and bar are in the unit. */
void report_as(const char *name, const char *unit, const char *figure, const char *bar);
uint64_t median(uint64_t *values, unsigned int count);
