/* SPDX-License-Identifier: BSD-2-Clause */
/* What lending memory costs, and taking it away. This program stands in for init. */
#include "lender.h"
#include <lib/format.h>
#include <proto/echo_client.h>
#include <rt/archive.h>
#include <rt/load.h>
#include <rt/name.h>
#include <rt/session.h>
#include <rt/share.h>

enum { PAGES = 4, ROUNDS = 60, PRIORITY = 220 };

static struct rt_session session;
static cptr_t memory;
static uint64_t memory_at;

static void start_server(void)
{
	const struct rm_bank_create_in bank = { .limit = 16 << 20,
		                                .pin_limit = 4 * PAGE,
		                                .priority_max = PRIORITY };
	static struct rt_program program;
	struct rt_archive_file file;
	cptr_t slot = rt_slot_get();
	const char *argv[] = { "bench_borrower" };
	must(rt_archive_open());
	must(rt_archive_find(argv[0], &file));
	must(rm_bank_create(RT_BANK, &bank, rt_slot(slot)));
	struct rt_spawn how = { .name = argv[0],
		                .bank = slot,
		                .argc = 1,
		                .argv = argv,
		                .schedule = { .budget_us = 10000,
		                              .period_us = 10000,
		                              .priority = PRIORITY,
		                              .priority_max = PRIORITY } };
	rt_archive_image(&file, &how);
	must(rt_program_load(&program, &how));
	must(rt_name_grant(program.task, "borrower", RM_NAME_RIGHT_SERVE));
	must(rt_name_grant(RT_TASK, "borrower", RM_NAME_RIGHT_CONNECT));
	must(rt_program_start(&program));
}

cptr_t memory_new(uint64_t pages, uint64_t *at)
{
	const struct rm_dataspace_create_in in = { .size = pages, .align = 12 };
	const struct rm_region_map_in map = { .size = pages,
		                              .rights = RW,
		                              .inherit = RM_INHERIT_NONE };
	struct rm_region_map_out out;
	cptr_t made = rt_slot_get();
	must(rm_dataspace_create(RT_BANK, &in, rt_slot(made)));
	must(rm_region_map(RT_VSPACE, made, &map, &out));
	*at = out.at;
	memory_touch(out.at, pages);
	return made;
}

void memory_touch(uint64_t at, uint64_t pages)
{
	for (uint64_t i = 0; i < pages; i++)
		*(volatile char *)(at + i * PAGE) = 1;
}

static void open(void)
{
	must(rt_session_open(&session, &(struct rt_connect){ .name = "borrower",
	                                                     .version = ECHO_VERSION,
	                                                     .limit = 16 * PAGE,
	                                                     .wait = true }));
}

static rm_share_t lend(uint64_t pages)
{
	rm_share_t share;
	must(rt_share(&session, memory, 0, pages, RW, &share));
	return share;
}

/* The server is told that; its figure is in *figure. */
static err_t tell(char what, uint64_t *figure)
{
	const struct echo_say_in in = { .said = { what }, .said_count = 1 };
	struct echo_say_out out = { 0 };
	err_t err = echo_say(session.endpoint, &in, &out);
	if (figure)
		*figure = out.times;
	return err;
}

void show(const char *name, uint64_t figure, const char *bar)
{
	char text[24];
	(void)format_buffer(text, sizeof(text), "%lu", figure);
	report_as(name, "instructions", text, bar);
}

static void measure_copies(void)
{
	uint64_t plain, worst = 0, window;
	char text[24];
	(void)lend(PAGES);
	must(tell('r', NULL));
	must(tell('m', &plain));
	for (const char *what = "rwc"; *what; what++) {
		uint64_t figure;
		must(tell(*what, &figure));
		worst = figure > worst ? figure : worst;
	}
	must(tell('i', &window));
	uint64_t more = worst > plain ? (worst - plain) * 1000 / plain : 0;
	rt_log("# 4 KiB: memcpy %lu, the slowest guarded copy %lu", plain, worst);
	(void)format_buffer(text, sizeof(text), "%lu.%lu", more / 10, more % 10);
	report_as("guarded copy of 4 KiB, over memcpy", "percent", text, "5");
	show("window_begin and window_end", window, "60");
}

static void measure_revoke(void)
{
	static uint64_t lent[ROUNDS], revoked[ROUNDS], there[ROUNDS], gone[ROUNDS];
	for (unsigned int i = 0; i < ROUNDS; i++) {
		uint64_t t = rt_tsc();
		rm_share_t share = lend(2);
		must(tell('a', NULL));
		lent[i] = rt_tsc() - t;
		t = rt_tsc();
		must(tell('a', NULL));
		there[i] = rt_tsc() - t;
		t = rt_tsc();
		must(rt_share_revoke(share));
		revoked[i] = rt_tsc() - t;
		t = rt_tsc();
		if (tell('a', NULL) != E_GONE)
			fail("a revoked page", E_IO);
		gone[i] = rt_tsc() - t;
	}
	show("lend a page, until a request that touches it is answered", median(lent, ROUNDS),
	     "19000");
	show("revoke of a lent page with the server's window mapped", median(revoked, ROUNDS),
	     "9300");
	show("fault on a revoked page until the server's handler has been aborted",
	     median(gone, ROUNDS) - median(there, ROUNDS), "3700");
}

static void measure_cut_off(void)
{
	static uint64_t times[ROUNDS];
	for (unsigned int i = 0; i < ROUNDS; i++) {
		rm_share_t share = lend(1);
		must(tell('a', NULL));
		must(rt_share_revoke(share));
		err_t err = tell('a', NULL);
		if (err != E_GONE && !rt_session_is_lost(err))
			fail("a violation", err);
		rt_session_close(&session);
		open();
		must(tell('l', &times[i]));
	}
	show("cut-off of a client, from the access until the server goes on", median(times, ROUNDS),
	     "6800");
}

int rt_main(const struct rt_start *start)
{
	(void)start;
	measure_own();
	start_server();
	memory = memory_new(PAGES, &memory_at);
	open();
	measure_copies();
	measure_revoke();
	measure_cut_off();
	must(rm_system_off(RT_SYSTEM, &(struct rm_system_off_in){ .status = 0 }));
	return 0;
}
