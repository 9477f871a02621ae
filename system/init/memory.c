/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The memory of a static system: once it is sealed, all of every program's, and init's own, is laid
 * out. One program's pages may take what another had mapped, so it is done again until there was
 * nothing left to do. From then on nobody's access to memory needs any.
 */
#include "init.h"
#include <proto/rm_client.h>

enum { ROUNDS_MAX = 16, PAGES_TO_SPARE = 16, KIB = 1024, MIB = 1024 * KIB };

static void tell(const char *name, const struct program *program, err_t err)
{
	struct rm_bank_query_out bank;
	uint64_t limit = 0, left = UINT64_MAX;
	if (program && rm_bank_query(program->bank, &bank) == E_OK) {
		limit = bank.status.limit;
		left = limit - bank.status.used;
	}
	/* What was made of the last pages, but not all of it, has been given back. */
	if (left > PAGES_TO_SPARE * RM_PAGE)
		rt_log("init: %s: its memory cannot be laid out: %s", name, err_text(err));
	else if (limit % MIB == 0)
		rt_log("init: %s: its memory does not fit into its limit of %luM", name,
		       limit / MIB);
	else
		rt_log("init: %s: its memory does not fit into its limit of %luK", name,
		       limit / KIB);
}

/* program NULL: init. made: pages of which something was to be done are added. */
static bool lay_out(const struct program *program, uint64_t *made)
{
	struct rm_vspace_populate_out out;
	cptr_t vspace = program ? program->made.vspace : RT_VSPACE;
	const char *name = program ? program->what->name : "init";
	err_t err = rm_vspace_populate(vspace, &out);
	if (err == E_OK)
		*made += out.made;
	if (err == E_OK || err == E_GONE) /* it has died; that will be told */
		return true;
	tell(name, program, err);
	return false;
}

bool memory_lay_out(void)
{
	for (unsigned int round = 0; round < ROUNDS_MAX; round++) {
		uint64_t made = 0;
		if (!lay_out(NULL, &made))
			return false;
		for (uint32_t i = 0; i < manifest.count; i++)
			if (programs[i].state == INIT_PROGRAM_STATE_RUNNING &&
			    !lay_out(&programs[i], &made))
				return false;
		if (made == 0)
			return true;
	}
	rt_log("init: the programs' memory changes while it is laid out");
	return false;
}
