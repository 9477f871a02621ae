/* SPDX-License-Identifier: BSD-2-Clause */
/* Requests as programs make them: its CSpace is one CNode, as that of most. */
#include "bench.h"
#include <proto/echo_client.h>
#include <proto/rm_client.h>
#include <rt/session.h>

enum { SESSIONS = 4000 };

static void measure_request(void)
{
	uint64_t times[RUNS];
	struct rm_bank_query_out out;
	for (unsigned int i = 0; i < RUNS; i++) {
		uint64_t t = rt_tsc();
		must(rm_bank_query(RT_BANK, &out));
		times[i] = rt_tsc() - t;
	}
	report(ROW_REQUEST, median(times, RUNS));
}

static void open(struct rt_session *session, const char *name)
{
	must(rt_session_open(session, &(struct rt_connect){ .name = name,
	                                                    .version = ECHO_VERSION,
	                                                    .limit = 4 * PAGE,
	                                                    .wait = true }));
}

static void measure_null(const char *name, enum row row)
{
	uint64_t times[RUNS];
	static struct rt_session session;
	open(&session, name);
	for (unsigned int i = 0; i < RUNS; i++) {
		uint64_t t = rt_tsc();
		must(echo_null(session.endpoint));
		times[i] = rt_tsc() - t;
	}
	rt_session_close(&session);
	report(row, median(times, RUNS));
}

/*
 * So many that it takes many periods of rm's worker, which destroys what the sessions had: by then
 * as much goes as comes.
 */
static void measure_session(void)
{
	static struct rt_session session;
	uint64_t t = rt_tsc();
	for (unsigned int i = 0; i < SESSIONS; i++) {
		open(&session, "active");
		rt_session_close(&session);
	}
	report(ROW_CONNECT_CLOSE, (rt_tsc() - t) / SESSIONS);
}

int rt_main(const struct rt_start *start)
{
	(void)start;
	measure_request();
	measure_null("active", ROW_NULL_ACTIVE);
	measure_null("passive", ROW_NULL_PASSIVE);
	measure_session();
	return 0;
}
