/* SPDX-License-Identifier: BSD-2-Clause */
/* Apart from share.c: every server that has windows in place or rt_abort() gets this. */
#include "internal.h"
#include <proto/rm_client.h>
#include <rt/program.h>
#include <rt/share.h>

void rt_window_clean(uint64_t at)
{
	const struct rm_window_clean_in in = { .at = at - at % RT_PAGE };
	(void)rm_window_clean(RT_VSPACE, &in);
}
