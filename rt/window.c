/* SPDX-License-Identifier: BSD-2-Clause */
/* Apart from share.c: every server that has windows in place or rt_abort() gets this. */
#include <proto/rm_client.h>
#include <rt/program.h>
#include <rt/share.h>

void rt_window_clean(uint64_t at)
{
	(void)rm_window_clean(RT_VSPACE, &(struct rm_window_clean_in){ .at = at });
}
