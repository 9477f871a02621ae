/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Has lines logged. Then, as another client, it takes its memory away under the logger, until that
 * has enough of it; the first one is served as ever.
 */
#include "client.h"
#include <lib/range.h>
#include <proto/logger_client.h>
#include <proto/rm_client.h>
#include <rt/name.h>
#include <rt/program.h>

static bool open_as(struct lender *l, const char *name)
{
	struct logger_name_in in = { 0 };
	in.name_count = rt_name(in.name, name, LOGGER_NAME_MAX);
	err_t err = lender_open(l, "logger", LOGGER_VERSION, 2);
	return check(true, err == E_OK ? logger_name(l->session.endpoint, &in) : err, name);
}

/* Text at an offset of what is lent. */
static err_t write(const struct lender *l, uint64_t at, const char *text, uint32_t *lines)
{
	struct logger_write_in in = { .text = { l->share.raw, at, 0 } };
	struct logger_write_out out = { 0 };
	for (; text[in.text.length]; in.text.length++)
		if (lines)
			((char *)l->at)[at + in.text.length] = text[in.text.length];
	err_t err = logger_write(l->session.endpoint, &in, &out);
	if (lines)
		*lines = out.lines;
	return err;
}

static struct logger_status status_of(const struct lender *l)
{
	struct logger_query_out out = { 0 };
	(void)check(true, logger_query(l->session.endpoint, &out), "query");
	return out.status;
}

/* The second page goes; a text that goes on there is not logged, nor the part that is left. */
static bool misbehave(const struct lender *honest, struct lender *l)
{
	const struct rm_dataspace_resize_in cut = { .size = 1 };
	uint32_t lines;
	bool good = check(true, rm_dataspace_resize(l->memory, &cut), "cut");
	for (uint64_t i = 1; i <= LOGGER_MISDEEDS_MAX && good; i++) {
		err_t err = write(l, PAGE - 5, "never to be seen\n", NULL);
		bool last = i == LOGGER_MISDEEDS_MAX;
		good = check(err == E_GONE || (last && (err == E_SEVERED || err == E_SERVER_DIED)),
		             E_OK, "what is gone is told") &&
		       check(status_of(honest).gone == i, E_OK, "and counted") &&
		       check(true, write(honest, PAGE - 3, "still served\n", &lines), "honest");
		if (good && !last)
			good = check(status_of(l).gone_yours == i, E_OK, "for the right one") &&
			       check(true, write(l, 0, "sorry\n", &lines), "what is left");
	}
	return good && check(write(l, 0, "too late\n", NULL) != E_OK, E_OK, "it is cut off");
}

bool client_logger(void)
{
	static struct lender honest, other;
	uint32_t lines = 0;
	bool good = open_as(&honest, "anne") && open_as(&other, "bob") &&
	            check(true, write(&honest, 100, "one\n\nthree", &lines), "write") &&
	            check(lines == 3, E_OK, "three lines") &&
	            check(write(&honest, 2 * PAGE, "x", NULL) == E_RANGE, E_OK, "nothing there") &&
	            misbehave(&honest, &other) &&
	            check(status_of(&honest).gone_yours == 0, E_OK, "the honest one is not blamed");
	lender_close(&other);
	good = good && check(true, write(&honest, PAGE - 2, "the end\n", &lines), "write");
	lender_close(&honest);
	return good;
}
