/* SPDX-License-Identifier: BSD-2-Clause */
/* What the parts of this program share. */
#pragma once
#include "bench.h"

cptr_t new_dataspace(uint64_t pages);
void drop(cptr_t dataspace);
uint64_t map(cptr_t dataspace, uint64_t address, uint64_t pages); /* address 0: anywhere */
void unmap(uint64_t address, uint64_t pages);

/* rm's worker, which is above this program, has nothing to do any more: its pool is full again. */
void settle(void);

void measure_memory(void);
void measure_threads(void);
void measure_programs(void); /* how they start, and what those in the archive measure */
