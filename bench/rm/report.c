/* SPDX-License-Identifier: BSD-2-Clause */
/* See bench.h. */
#include "bench.h"
#include <proto/rm_client.h>
#include <rt/libc.h>

static const struct {
	const char *name;
	uint64_t bar;
} rows[] = {
#define ROW(id, name, bar) { name, bar },
#include "rows.def"
#undef ROW
};

void report(enum row row, uint64_t figure)
{
	rt_log("B|%s|instructions|%lu|%lu", rows[row].name, (unsigned long)figure,
	       (unsigned long)rows[row].bar);
}

void report_as(const char *name, const char *unit, const char *figure, const char *bar)
{
	rt_log("B|%s|%s|%s|%s", name, unit, figure, bar);
}

void fail(const char *what, err_t err)
{
	rt_log("bench: %s: %s", what, err_name(err));
	/* init has the right to; the end of another one init sees. */
	(void)!rm_system_off(RT_SYSTEM, &(struct rm_system_off_in){ .status = 1 });
	rt_exit(1);
}

uint64_t median(uint64_t *values, unsigned int count)
{
	for (unsigned int i = 1; i < count; i++)
		for (unsigned int k = i; k > 0 && values[k] < values[k - 1]; k--) {
			uint64_t v = values[k];
			values[k] = values[k - 1];
			values[k - 1] = v;
		}
	return values[count / 2];
}
