/* SPDX-License-Identifier: BSD-2-Clause */
/* What the files of bench_lender share. */
#pragma once
#include "bench.h"
#include <proto/rm_client.h>

enum { RW = RM_RIGHT_READ | RM_RIGHT_WRITE };

void show(const char *name, uint64_t figure, const char *bar);
/* New memory of so many pages, at *at, touched. */
cptr_t memory_new(uint64_t pages, uint64_t *at);
void memory_touch(uint64_t at, uint64_t pages);

/* own.c: sessions of which this program is both ends; so what it measures is rm's work alone. */
void measure_own(void);
