/* SPDX-License-Identifier: BSD-2-Clause */
/* A client of kv and filter, or, with an argument, of logger. See README.md. */
#include "client.h"
#include <rt/dataspace.h>
#include <rt/program.h>
#include <rt/share.h>

bool check(bool is_so, err_t err, const char *what)
{
	if (!is_so || err != E_OK)
		rt_log("client: %s: %s", what, err != E_OK ? err_text(err) : "not so");
	return is_so && err == E_OK;
}

err_t lender_open(struct lender *l, const char *name, unsigned int version, uint64_t pages)
{
	const struct rt_connect how = {
		.name = name, .version = version, .limit = 16 * PAGE, .wait = true
	};
	*l = (struct lender){ .pages = pages };
	err_t err = rt_memory_make(RT_BANK, pages, &l->memory, &l->at);
	if (err == E_OK)
		err = rt_session_open(&l->session, &how);
	if (err == E_OK)
		err = rt_share(&l->session, l->memory, 0, pages, RW, &l->share);
	if (err != E_OK)
		lender_close(l);
	return err;
}

void lender_close(struct lender *l)
{
	rt_session_close(&l->session);
	if (l->memory)
		rt_memory_end(l->memory, l->pages, l->at);
	*l = (struct lender){ 0 };
}

int rt_main(const struct rt_start *start)
{
	(void)start;
	bool good = rt_arg(1) ? client_logger() : client_kv() && client_filter();
	return good ? 0 : 1;
}
