/* SPDX-License-Identifier: BSD-2-Clause */
/* See rt/name.h. */
#include <proto/rm_client.h>
#include <rt/name.h>
#include <rt/program.h>

err_t rt_name_grant(cptr_t task, const char *name, uint8_t rights)
{
	struct rm_name_grant_in in = { .rights = rights };
	in.name_count = rt_name(in.name, name, RM_NAME_MAX);
	return rm_name_grant(RT_SYSTEM, task, &in);
}
