/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * An init that tests user/kv, user/filter and user/logger: each access of each of their requests
 * fails in turn (tests/nth). TAP on rm's log; it ends by switching the machine off.
 */
#include <lib/range.h>
#include <nth/nth.h>
#include <proto/filter_client.h>
#include <proto/kv_client.h>
#include <proto/logger_client.h>
#include <proto/rm_client.h>
#include <rt/archive.h>
#include <rt/dataspace.h>
#include <rt/donate.h>
#include <rt/event.h>
#include <rt/load.h>
#include <rt/name.h>
#include <rt/program.h>
#include <rt/session.h>
#include <rt/share.h>
#include <rt/slot.h>

enum {
	PAGE = 4096,
	MIB = 1 << 20,
	RW = RM_RIGHT_READ | RM_RIGHT_WRITE,
	LENT_PAGES = 64,
	LINES_PAGES = LOGGER_SHARE_PAGES_MAX,
	POOL_PAGES = 32,
	SPAN = 10 * PAGE, /* of a value, from OFFSET on: 11 pages */
	OFFSET = 500,
	WIDTH = 1024,
};

static struct rt_session kv_watcher, logger_watcher, session;
static cptr_t lent, given, nth_memory;
static uint64_t lent_at, given_at;
static rm_share_t share;
static volatile struct nth_control *nth;
static unsigned int failed;

/* -- kv ---------------------------------------------------------------------------------------- */

static err_t put(uint64_t bytes)
{
	const struct kv_put_in in = { .value = { share.raw, OFFSET, bytes },
		                      .key_count = 1,
		                      .key = "k" };
	return kv_put(session.endpoint, &in);
}

static err_t get(void)
{
	const struct kv_get_in in = { .room = { share.raw, OFFSET, SPAN },
		                      .key_count = 1,
		                      .key = "k" };
	struct kv_get_out out;
	return kv_get(session.endpoint, &in, &out);
}

/* A session, with so much memory lent. */
static err_t open_with(const char *name, unsigned int version, uint64_t pages)
{
	const struct rt_connect how = {
		.name = name, .version = version, .limit = 64 * PAGE, .wait = true
	};
	err_t err = rt_memory_make(RT_BANK, LENT_PAGES, &lent, &lent_at);
	if (err == E_OK)
		err = rt_session_open(&session, &how);
	return err == E_OK ? rt_share(&session, lent, 0, pages, RW, &share) : err;
}

static err_t open(const char *name, unsigned int version)
{
	return open_with(name, version, LENT_PAGES);
}

/* And pages that are given. */
static err_t kv_open(void *ctx)
{
	rm_donation_t donation;
	(void)ctx;
	err_t err = open("kv", KV_VERSION);
	if (err == E_OK)
		err = rt_memory_make(RT_BANK, POOL_PAGES, &given, &given_at);
	if (err == E_OK)
		err = rt_donate(&session, given, 0, POOL_PAGES, RM_CONTENTS_WIPED, &donation);
	return err;
}

/* And a value. */
static err_t kv_open_filled(void *ctx)
{
	err_t err = kv_open(ctx);
	return err == E_OK ? put(SPAN) : err;
}

static void close_lent(void *ctx)
{
	(void)ctx;
	rt_session_close(&session);
	rt_memory_end(lent, LENT_PAGES, lent_at);
	if (given)
		rt_memory_end(given, POOL_PAGES, given_at);
	given = 0;
}

/* kv has been told that the session is over. */
static void kv_close(void *ctx)
{
	struct kv_query_out out = { 0 };
	uint64_t until = rt_time_ns() + 1000000000;
	close_lent(ctx);
	while (kv_query(kv_watcher.endpoint, &out) == E_OK && out.status.clients > 1 &&
	       rt_time_ns() < until)
		rt_yield();
}

static err_t kv_probe(void *ctx, uint64_t *digest)
{
	struct kv_query_out out = { 0 };
	(void)ctx;
	err_t err = kv_query(kv_watcher.endpoint, &out);
	*digest = out.status.clients << 48 | out.status.values << 32 | out.status.bytes;
	return err;
}

static err_t put_new(void *ctx)
{
	(void)ctx;
	return put(SPAN);
}

static err_t put_other(void *ctx)
{
	(void)ctx;
	return put(SPAN / 2);
}

static err_t get_all(void *ctx)
{
	(void)ctx;
	return get();
}

/* -- filter ------------------------------------------------------------------------------------ */

static err_t filter_open(void *ctx)
{
	(void)ctx;
	return open("filter", FILTER_VERSION);
}

/* It says how far it came, to the chunk; and then why. */
static err_t apply(void *ctx)
{
	const struct filter_apply_in in = { .pixels = { share.raw, 0, LENT_PAGES * PAGE },
		                            .width = WIDTH,
		                            .kind = *(uint8_t *)ctx,
		                            .amount = 3 };
	struct filter_apply_out out = { 0 };
	err_t err = filter_apply(session.endpoint, &in, &out);
	uint32_t whole = LENT_PAGES * PAGE / WIDTH;
	bool counts = out.why == E_OK ? out.rows == whole
	                              : out.rows < whole && out.rows % (65536 / WIDTH) == 0;
	return err == E_OK ? counts ? out.why : E_PROTOCOL : err;
}

static err_t measure(void *ctx)
{
	const struct filter_measure_in in = { .pixels = { share.raw, 0, LENT_PAGES * PAGE },
		                              .width = WIDTH };
	struct filter_measure_out out = { 0 };
	(void)ctx;
	err_t err = filter_measure(session.endpoint, &in, &out);
	return err == E_OK ? out.why : err;
}

/* filter keeps nothing that anybody could ask for. */
static err_t filter_probe(void *ctx, uint64_t *digest)
{
	(void)ctx;
	*digest = 0;
	return E_OK;
}

/* -- logger, which handles its faults itself --------------------------------------------------- */

static err_t logger_open(void *ctx)
{
	(void)ctx;
	return open_with("logger", LOGGER_VERSION, LINES_PAGES);
}

static err_t write_lines(void *ctx)
{
	const struct logger_write_in in = { .text = { share.raw, OFFSET, LOGGER_BYTES_MAX } };
	struct logger_write_out out;
	(void)ctx;
	return logger_write(session.endpoint, &in, &out);
}

/* Of what it counts only the clients come and go. */
static err_t logger_probe(void *ctx, uint64_t *digest)
{
	struct logger_query_out out = { 0 };
	(void)ctx;
	err_t err = logger_query(logger_watcher.endpoint, &out);
	*digest = out.status.clients;
	return err;
}

static void logger_close(void *ctx)
{
	uint64_t clients = 2, until = rt_time_ns() + 1000000000;
	close_lent(ctx);
	while (logger_probe(NULL, &clients) == E_OK && clients > 1 && rt_time_ns() < until)
		rt_yield();
}

/* -- programs ---------------------------------------------------------------------------------- */

static void on_died(void *self, const struct rm_task_died_event *it)
{
	(void)self;
	rt_log("Bail out! a server died: reason %u, status 0x%x, at 0x%lx, instruction 0x%lx",
	       it->reason, it->status, it->at, it->instruction);
	(void)rm_system_off(RT_SYSTEM, &(struct rm_system_off_in){ .status = 1 });
}

static err_t start(const char *program, const char *name, bool own_code)
{
	static struct rt_program made[3];
	static unsigned int count;
	const struct rm_bank_create_in bank = { .limit = 8 * MIB,
		                                .pin_limit = 256 * PAGE,
		                                .priority_max = 120 };
	const struct rt_gift gift = { "nth", nth_memory };
	const char *argv[] = { program };
	struct rt_archive_file file = { 0 };
	cptr_t slot = rt_slot_get();
	err_t err = rt_archive_find(program, &file);
	if (err == E_OK)
		err = rm_bank_create(RT_BANK, &bank, rt_slot(slot));
	if (err != E_OK)
		return err;
	struct rt_program *it = &made[count++];
	struct rt_spawn how = { .name = program,
		                .bank = slot,
		                .own_code = own_code,
		                .argc = 1,
		                .argv = argv,
		                .gifts = 1,
		                .gift = &gift,
		                .schedule = { .budget_us = 10000,
		                              .period_us = 10000,
		                              .priority = 120,
		                              .priority_max = 120 } };
	rt_archive_image(&file, &how);
	err = rt_program_load(it, &how);
	if (err == E_OK)
		err = rt_name_grant(it->task, name, RM_NAME_RIGHT_SERVE);
	if (err == E_OK)
		err = rt_name_grant(RT_TASK, name, RM_NAME_RIGHT_CONNECT);
	if (err == E_OK)
		err = rm_task_watch(it->task, RT_TASK, &(struct rm_task_watch_in){ .cookie = 1 });
	return err == E_OK ? rt_program_start(it) : err;
}

static err_t start_all(void)
{
	const struct rt_connect to_kv = {
		.name = "kv", .version = KV_VERSION, .limit = 16 * PAGE, .wait = true
	};
	const struct rt_connect to_logger = {
		.name = "logger", .version = LOGGER_VERSION, .limit = 16 * PAGE, .wait = true
	};
	uint64_t at = 0;
	err_t err = rt_archive_open();
	if (err == E_OK)
		err = rt_memory_make(RT_BANK, 1, &nth_memory, &at);
	nth = (volatile struct nth_control *)at;
	if (err == E_OK)
		err = start("kv_nth", "kv", false);
	if (err == E_OK)
		err = start("filter_nth", "filter", false);
	if (err == E_OK)
		err = start("logger_nth", "logger", true);
	if (err == E_OK)
		err = rt_session_open(&kv_watcher, &to_kv);
	return err == E_OK ? rt_session_open(&logger_watcher, &to_logger) : err;
}

static uint8_t kinds[] = { FILTER_KIND_INVERT, FILTER_KIND_BRIGHTEN, FILTER_KIND_DARKEN,
	                   FILTER_KIND_BLUR };
static const struct nth_case cases[] = {
	{ "kv: put", NULL, true, kv_open, kv_close, put_new, kv_probe },
	{ "kv: put in place of another", NULL, true, kv_open_filled, kv_close, put_other,
	  kv_probe },
	{ "kv: get", NULL, true, kv_open_filled, kv_close, get_all, kv_probe },
	{ "filter: invert", &kinds[0], false, filter_open, close_lent, apply, filter_probe },
	{ "filter: brighten", &kinds[1], false, filter_open, close_lent, apply, filter_probe },
	{ "filter: darken", &kinds[2], false, filter_open, close_lent, apply, filter_probe },
	{ "filter: blur", &kinds[3], false, filter_open, close_lent, apply, filter_probe },
	{ "filter: measure", NULL, false, filter_open, close_lent, measure, filter_probe },
	{ "logger: write", NULL, false, logger_open, logger_close, write_lines, logger_probe },
};
enum { CASES = sizeof(cases) / sizeof(cases[0]) };

int rt_main(const struct rt_start *from)
{
	static const struct rm_event_ops ops = { .task_died = on_died };
	(void)from;
	rt_event_set(&ops, NULL);
	err_t err = start_all();
	rt_log("1..%u", CASES);
	for (unsigned int i = 0; i < CASES && err == E_OK; i++) {
		uint64_t accesses = 0;
		const struct nth_change change = { 504, ~0ull };
		bool good = nth_try(&cases[i], nth, &accesses) && accesses > 0;
		/* (logger's windows are for reading: nth cannot write there.) */
		if (good && cases[i].request != write_lines)
			good = nth_try_change(&cases[i], nth, &change, &accesses);
		(void)rt_event_poll();
		rt_log("# %lu accesses failed, one by one", accesses);
		rt_log("%sok %u - %s", good ? "" : "not ", i + 1, cases[i].name);
		failed += !good;
	}
	if (err != E_OK)
		rt_log("Bail out! %s", err_text(err));
	rt_log("%u passed, %u failed", CASES - failed, failed);
	(void)rm_system_off(RT_SYSTEM,
	                    &(struct rm_system_off_in){ .status = failed > 0 || err != E_OK });
	return 1;
}
