/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Memory of a program's own that it can lend, give and resize: a dataspace and where it is mapped.
 * (For memory that stays its own there is rt_map() in rt/libc.h.)
 */
#pragma once
#include <lib/err.h>
#include <rt/sel4.h>

/*
 * So many pages of new memory, bought from bank and mapped at *at, readable, writable, all zero;
 * *memory: the dataspace, in a slot of the caller's. NOMEM, LIMIT: nothing is left.
 */
err_t rt_memory_make(cptr_t bank, uint64_t pages, cptr_t *memory, uint64_t *at);

/* It is no more. pages: as it was made, whatever its size is now. */
void rt_memory_end(cptr_t memory, uint64_t pages, uint64_t at);
