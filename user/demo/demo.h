/* SPDX-License-Identifier: BSD-2-Clause */
/* What the honest client asks for, and how it is served. */
#pragma once
#include <lib/err.h>
#include <stdbool.h>
#include <stdint.h>

/* Requests since honest_begin(). */
struct served {
	uint32_t requests, wrong;
	uint64_t slowest_ns, all_ns;
};

/* Sessions with kv and filter, memory lent to both, some given to kv. */
err_t honest_open(void);

/* So many rounds of requests, each followed by a rest until the next period. */
void honest_serve(struct served *served, unsigned int rounds);

/* What kv says of itself: sessions, values. */
err_t honest_query(uint64_t *clients, uint64_t *values, uint64_t *all_served);
