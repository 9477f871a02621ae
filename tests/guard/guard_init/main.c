/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * An init that tests servers whose clients take lent memory away: see ../README.md. TAP on rm's
 * log; it ends by switching the machine off.
 */
#include "test.h"
#include <rt/archive.h>
#include <rt/event.h>
#include <rt/name.h>

static unsigned int passed, failed;
static const char *test_name;
static bool test_failed;

void check_failed(const char *file, int line, const char *what, err_t err)
{
	if (!test_failed)
		rt_log("# %s:%d: %s: %s%s%s", file, line, test_name, what, err == E_OK ? "" : ": ",
		       err == E_OK ? "" : err_name(err));
	test_failed = true;
}

/* -- programs ---------------------------------------------------------------------------------- */

struct child {
	cptr_t bank;
	struct rt_program program;
	bool died;
};
static struct child lent_server, nth_server, client;
static cptr_t nth_memory, count_memory, stop, resume, go;
static volatile uint64_t *client_count;
static bool is_internal; /* the servers have handlers of their own */
bool is_guarded;
volatile struct nth_control *nth;

static void on_died(void *self, const struct rm_task_died_event *it)
{
	struct child *child = (struct child *)it->cookie;
	(void)self;
	child->died = true;
	rt_log("Bail out! %s: a program died: reason %u, status 0x%x, at 0x%lx, instruction 0x%lx",
	       test_name, it->reason, it->status, it->at, it->instruction);
	(void)rm_system_off(RT_SYSTEM, &(struct rm_system_off_in){ .status = 1 });
}

/* of: that much of each 10 ms, in us. */
static void start(struct child *child, const char *program, const char *name, uint8_t rights,
                  uint8_t priority, uint32_t of)
{
	const struct rm_bank_create_in bank = { .limit = 8 * MIB,
		                                .pin_limit = 64 * PAGE,
		                                .priority_max = priority };
	const struct rt_gift gifts[] = {
		{ "stop", stop },      { "resume", resume },      { "go", go },
		{ "nth", nth_memory }, { "count", count_memory },
	};
	const char *argv[] = { program, name, "internal" };
	struct rt_archive_file file = { 0 };
	child->bank = rt_slot_get();
	CHECK_OK(rt_archive_find(program, &file));
	CHECK_OK(rm_bank_create(RT_BANK, &bank, rt_slot(child->bank)));
	struct rt_spawn how = { .name = program,
		                .bank = child->bank,
		                .argc = is_internal ? 3 : 2,
		                .argv = argv,
		                .own_code = is_internal,
		                .gifts = COUNT_OF(gifts),
		                .gift = gifts,
		                .slot_bits = 8,
		                .schedule = { .budget_us = of,
		                              .period_us = 10000,
		                              .priority = priority,
		                              .priority_max = priority } };
	rt_archive_image(&file, &how);
	CHECK_OK(rt_program_load(&child->program, &how));
	CHECK_OK(rt_name_grant(child->program.task, name, rights));
	CHECK_OK(rm_task_watch(child->program.task, RT_TASK,
	                       &(struct rm_task_watch_in){ .cookie = (uint64_t)child }));
	CHECK_OK(rt_program_start(&child->program));
}

/* A page that is shared with a program, and mapped here. */
static void *page_make(cptr_t *memory)
{
	const struct rm_dataspace_create_in in = { .size = 1, .align = 12 };
	const struct rm_region_map_in map = { .size = 1, .rights = RW, .inherit = RM_INHERIT_NONE };
	struct rm_region_map_out out = { 0 };
	*memory = rt_slot_get();
	CHECK_OK(rm_dataspace_create(RT_BANK, &in, rt_slot(*memory)));
	CHECK_OK(rm_region_map(RT_VSPACE, *memory, &map, &out));
	return (void *)out.at;
}

static cptr_t notification_make(void)
{
	const struct rm_notification_create_in in = { .badge = 1 };
	struct rm_notification_create_out out;
	cptr_t slot = rt_slot_get();
	CHECK_OK(rm_notification_create(RT_TASK, &in, rt_slot(slot), &out));
	return slot;
}

/* The client runs whatever the test does, for some of the time. */
static void programs_start(void)
{
	test_name = "programs";
	struct rt_archive_file file;
	CHECK_OK(rt_archive_open());
	is_internal = rt_archive_find("internal", &file) == E_OK;
	is_guarded = rt_archive_find("guarded", &file) == E_OK;
	nth = page_make(&nth_memory);
	client_count = page_make(&count_memory);
	stop = notification_make();
	resume = notification_make();
	go = notification_make();
	start(&lent_server, "guard_server", LENT, RM_NAME_RIGHT_SERVE, SERVER_PRIORITY, 10000);
	start(&nth_server, "guard_server_nth", LENT_NTH, RM_NAME_RIGHT_SERVE, SERVER_PRIORITY,
	      10000);
	start(&client, "guard_client", LENT, RM_NAME_RIGHT_CONNECT, CLIENT_PRIORITY, 500);
	CHECK_OK(rt_name_grant(RT_TASK, LENT, RM_NAME_RIGHT_CONNECT));
	CHECK_OK(rt_name_grant(RT_TASK, LENT_NTH, RM_NAME_RIGHT_CONNECT));
	revoker_start(stop, resume, notification_make());
}

void client_pause(bool pause)
{
	client_count[1] = pause;
	if (!pause)
		sel4_signal(go);
}

bool all_are_well(void)
{
	uint64_t before = *client_count, end = rt_time_ns() + 10000000000;
	while (*client_count == before && rt_time_ns() < end) {
		rt_yield();
		(void)rt_event_poll();
	}
	return *client_count > before && !lent_server.died && !nth_server.died && !client.died;
}

static uint64_t used(cptr_t bank)
{
	struct rm_bank_query_out out = { 0 };
	CHECK_OK(rm_bank_query(bank, &out));
	return out.status.used;
}

uint64_t used_by_servers(void)
{
	return used(lent_server.bank) + used(nth_server.bank);
}

/* -- all of them ------------------------------------------------------------------------------- */

static bool rm_is_valid(void)
{
	struct rm_system_check_out out = { 0 };
	return rm_system_check(RT_SYSTEM, &out) == E_OK && out.valid;
}

static bool is_settled(uint64_t own, uint64_t servers)
{
	for (unsigned int i = 0; i < (is_guarded ? 2000 : 200); i++) {
		if (used(RT_BANK) == own && used_by_servers() == servers)
			return true;
		rt_yield();
	}
	rt_log("# used %lu -> %lu, servers %lu -> %lu", own, used(RT_BANK), servers,
	       used_by_servers());
	return false;
}

/* Whether nothing was lost: neither of the own bank nor of the servers', nor a slot. */
static bool keeps_all(void (*fn)(void))
{
	uint32_t slots = rt_slots_free();
	uint64_t own = used(RT_BANK), servers = used_by_servers();
	fn();
	CHECK(all_are_well());
	return is_settled(own, servers) && rt_slots_free() == slots;
}

/*
 * What is in use at once is kept for later, and how much that is may depend on the time that others
 * take: once more, then. What is lost is lost each time.
 */
static void test(const char *name, void (*fn)(void))
{
	enum { TRIES = 3 };
	bool kept = false;
	test_name = name;
	test_failed = false;
	for (unsigned int i = 0; i < TRIES && !kept && !test_failed; i++)
		kept = keeps_all(fn);
	CHECK(kept);
	CHECK(rm_is_valid());
	rt_log("%sok %u - %s", test_failed ? "not " : "", passed + failed + 1, name);
	if (test_failed)
		failed++;
	else
		passed++;
}

/* What is used for the first time is paid for once. */
static void warm_up(void)
{
	static struct lender lender[2];
	test_name = "warm-up";
	CHECK(all_are_well()); /* the client has its session: sessions are counted from now on */
	CHECK_OK(honest(LENT, NULL));
	CHECK_OK(honest(LENT_NTH, NULL));
	for (unsigned int i = 0; i < 2; i++)
		CHECK_OK(lender_open(&lender[i], i ? LENT_NTH : LENT, RM_POLICY_REPORT));
	for (unsigned int i = 0; i < kinds_count; i++)
		CHECK_OK(kinds[i].request(&lender[i % 2], LENT_STOP_NOWHERE));
	for (unsigned int i = 0; i < 2; i++)
		lender_close(&lender[i]);
	CHECK(all_are_well());
}

/* With a handler of its own a server is told of each access that fails; else of none. */
static void test_told(void)
{
	struct lent_told_out before = { 0 }, out = { 0 };
	struct lender l;
	CHECK_OK(lender_open(&l, LENT, RM_POLICY_REPORT));
	CHECK_OK(lent_told(l.session.endpoint, &before));
	CHECK_OK(rt_share_revoke(l.share));
	for (unsigned int i = 0; i < kinds_count; i++)
		CHECK_ERR(kinds[i].request(&l, LENT_STOP_NOWHERE), E_GONE);
	CHECK_OK(lent_told(l.session.endpoint, &out));
	CHECK(is_internal ? out.count >= before.count + kinds_count : out.count == 0);
	lender_close(&l);
}

int rt_main(const struct rt_start *from)
{
	static const struct rm_event_ops ops = { .task_died = on_died };
	(void)from;
	rt_event_set(&ops, NULL);
	rt_log("1..16");
	programs_start();
	warm_up();
	failed += test_failed;
	test("requests on lent memory", test_served);
	test("partial counts, to the byte", test_counts);
	test("words", test_words);
	test("in place: zeros, and none left", test_in_place);
	test("taken away before, between, in COMMIT, in DELIVER", test_stops);
	test("attack 10: the same memory twice", test_alias);
	test("at every access", test_every);
	test("changed between any two accesses", test_changes);
	crowd_warm_up();
	nowait_warm_up();
	test("NOWAIT: a pager that is slow", test_slow_pager);
	test("NOWAIT: a pager that never answers, fails, dies", test_lost_pages);
	test("NOWAIT: the session or the share ends meanwhile", test_end_while_waiting);
	test("NOWAIT: AGAIN, and how far it came", test_again);
	test("NOWAIT: at every access", test_nth_waits);
	test("at every instruction", test_sweep);
	test("who is told", test_told);
	test("attack 14: a hundred threads, cut off", test_crowd);
	rt_log("%u passed, %u failed", passed, failed);
	(void)rm_system_off(RT_SYSTEM, &(struct rm_system_off_in){ .status = failed > 0 });
	return failed > 0;
}
