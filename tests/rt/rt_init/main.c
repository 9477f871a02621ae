/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * An init that tests rt: what a native program starts with, and starts others with. Prints TAP to
 * rm's log and switches the machine off. The programs that it starts are in its archive.
 */
#include "test.h"
#include <proto/echo_client.h>
#include <proto/rm_client.h>
#include <rt/archive.h>
#include <rt/event.h>
#include <rt/load.h>
#include <rt/name.h>
#include <rt/session.h>
#include <rt/slot.h>
#include <rt/thread.h>
#include <rt/tsc.h>

static unsigned int passed, failed;
const char *test_name;
bool test_failed;

/* -- what is there at the start ---------------------------------------------------------------- */

static void test_start(void)
{
	const struct rt_start *start = rt_start();
	CHECK(start->magic == RT_START_MAGIC && start->stack_low < start->stack_high);
	CHECK((uint64_t)&start > start->stack_low - 1 && (uint64_t)&start < start->stack_high);
	CHECK(rt_arg(0) == NULL && rt_env(0) == NULL && rt_given("x") == 0);
	uint64_t before = rt_time_ns();
	for (int i = 0; i < 1000; i++)
		rt_yield();
	CHECK(rt_time_ns() > before);
}

static void test_slots(void)
{
	enum { COUNT = 64 };
	cptr_t slot[COUNT];
	uint32_t before = rt_slots_free();
	CHECK(before > COUNT);
	for (unsigned int i = 0; i < COUNT; i++) {
		slot[i] = rt_slot_get();
		CHECK(slot[i] >= RT_SLOT_FIRST);
		CHECK_OK(rm_vspace_create(RT_BANK, rt_slot(slot[i])));
	}
	CHECK(rt_slots_free() == before - COUNT);
	for (unsigned int i = 0; i < COUNT; i++) {
		CHECK_OK(rm_vspace_destroy(slot[i]));
		CHECK(rm_vspace_destroy(slot[i]) == E_GONE);
		rt_slot_clear(slot[i]);
		CHECK(rm_vspace_destroy(slot[i]) == E_SEVERED);
		rt_slot_put(slot[i]);
	}
	CHECK(rt_slots_free() == before);
}

/* -- memory ------------------------------------------------------------------------------------ */

static bool is_zero(const uint64_t *at, size_t bytes)
{
	for (size_t i = 0; i < bytes / 8; i++)
		if (at[i])
			return false;
	return true;
}

static uint64_t used(void)
{
	struct rm_bank_query_out out;
	return rm_bank_query(RT_BANK, &out) == E_OK ? out.status.used : 0;
}

static void test_memory(void)
{
	enum { COUNT = 24 };
	void *at[COUNT];
	size_t bytes[COUNT];
	CHECK(rt_map(0, &at[0]) == E_INVAL && rt_map(100, &at[0]) == E_INVAL);
	for (unsigned int round = 0; round < 3; round++) {
		for (unsigned int i = 0; i < COUNT; i++) {
			bytes[i] = (1 + i * i % 90) * PAGE;
			at[i] = NULL;
			CHECK_OK(rt_map(bytes[i], &at[i]));
			if (!at[i])
				continue;
			CHECK(is_zero(at[i], bytes[i]));
			__builtin_memset(at[i], (int)i + 1, bytes[i]);
		}
		for (unsigned int i = 0; i < COUNT; i++) {
			CHECK(at[i] && ((char *)at[i])[bytes[i] - 1] == (char)(i + 1));
			CHECK(rt_unmap((char *)at[i] + 1, bytes[i]) == E_INVAL);
			CHECK_OK(rt_unmap(at[i], bytes[i]));
			CHECK(rt_unmap(at[i], bytes[i]) == E_INVAL);
		}
	}
	uint64_t before = used();
	CHECK_OK(rt_map(8 * MIB, &at[0]));
	CHECK_OK(rt_unmap(at[0], 8 * MIB));
	CHECK(used() == before);
}

/* -- threads ----------------------------------------------------------------------------------- */

static struct rt_lock lock;
static volatile unsigned int counter;
static volatile int word;

static int count_up(void *arg)
{
	for (unsigned int i = 0; i < 200; i++) {
		rt_lock(&lock);
		unsigned int is = counter;
		if (i % 16 == 0)
			rt_yield();
		counter = is + 1;
		rt_unlock(&lock);
	}
	return (int)(uintptr_t)arg;
}

static int wait_for_word(void *arg)
{
	(void)arg;
	while (word == 0)
		if (rt_futex_wait(&word, 0, RT_FOREVER) == E_INVAL)
			return -1;
	return word;
}

static void test_threads(void)
{
	enum { COUNT = 5, ROUNDS = 20 };
	static struct rt_worker worker[COUNT];
	uint32_t before = 0, now = 0;
	/* A thread that was joined may still be on its way out, with its slots. */
	for (unsigned int round = 0; round < ROUNDS && (round < 4 || now != before); round++) {
		before = now;
		counter = 0;
		for (unsigned int i = 0; i < COUNT; i++)
			CHECK_OK(rt_worker_start(&worker[i], count_up, (void *)(uintptr_t)(i + 7),
			                         0, NULL));
		for (unsigned int i = 0; i < COUNT; i++)
			CHECK(rt_worker_join(&worker[i]) == (int)i + 7);
		CHECK(counter == COUNT * 200);
		now = rt_slots_free();
	}
	CHECK(now == before);
	word = 0;
	for (unsigned int i = 0; i < COUNT; i++)
		CHECK_OK(rt_worker_start(&worker[i], wait_for_word, NULL, 2 * PAGE, NULL));
	for (unsigned int i = 0; i < 50; i++)
		rt_yield();
	word = 3;
	(void)rt_futex_wake(&word, COUNT);
	for (unsigned int i = 0; i < COUNT; i++)
		CHECK(rt_worker_join(&worker[i]) == 3);
	CHECK(rt_futex_wait(&word, 4, RT_FOREVER) == E_AGAIN);
	uint64_t start = rt_time_ns();
	CHECK(rt_futex_wait(&word, 3, 2000000) == E_TIMEOUT);
	CHECK(rt_time_ns() - start >= 2000000);
}

/* -- programs ---------------------------------------------------------------------------------- */

struct child {
	cptr_t bank;
	struct rt_program program;
	bool died;
	uint32_t status;
	uint8_t reason;
};

static void on_died(void *self, const struct rm_task_died_event *it)
{
	struct child *child = (struct child *)it->cookie;
	(void)self;
	child->died = true;
	child->status = it->status;
	child->reason = it->reason;
}

static void test_archive(void)
{
	CHECK_OK(rt_archive_open());
}

static err_t load(struct child *child, const char *name, const char *argument)
{
	const struct rm_bank_create_in bank = {
		.guarantee = 0, .limit = 4 * MIB, .pin_limit = 16 * PAGE, .priority_max = 200
	};
	struct rt_archive_file file;
	*child = (struct child){ .bank = rt_slot_get() };
	err_t err = rt_archive_find(name, &file);
	if (err == E_OK)
		err = rm_bank_create(RT_BANK, &bank, rt_slot(child->bank));
	if (err != E_OK)
		return err;
	const char *argv[] = { name, argument };
	const char *env[] = { "COLOUR=blue" };
	const struct rt_gift gift = { "vspace", RT_VSPACE };
	struct rt_spawn how = { .name = name,
		                .bank = child->bank,
		                .argc = argument ? 2 : 1,
		                .argv = argv,
		                .envc = 1,
		                .env = env,
		                .gifts = 1,
		                .gift = &gift };
	rt_archive_image(&file, &how);
	return rt_program_load(&child->program, &how);
}

static err_t run(struct child *child, const char *name, uint8_t rights)
{
	err_t err = rt_name_grant(child->program.task, name, rights);
	if (err == E_OK)
		err = rm_task_watch(child->program.task, RT_TASK,
		                    &(struct rm_task_watch_in){ .cookie = (uint64_t)child });
	return err == E_OK ? rt_program_start(&child->program) : err;
}

static void end(struct child *child)
{
	CHECK_OK(rt_program_destroy(&child->program));
	CHECK_OK(rm_bank_destroy(child->bank));
	rt_slot_put(child->bank);
}

static struct child echo, ping, tester, passive;

static void test_spawn(void)
{
	CHECK_OK(load(&echo, "echo", NULL));
	CHECK_OK(run(&echo, "echo", RM_NAME_RIGHT_SERVE));
	CHECK_OK(load(&ping, "ping", "100"));
	CHECK_OK(run(&ping, "echo", RM_NAME_RIGHT_CONNECT));
	while (!ping.died)
		rt_event_wait();
	CHECK(ping.reason == RM_REASON_EXIT && ping.status == 0);
	end(&ping);
	CHECK(!echo.died);
}

static void test_spawn_undone(void)
{
	struct child child;
	uint32_t slots = rt_slots_free();
	uint64_t before = used();
	CHECK(load(&child, "nothing", NULL) == E_NOENT);
	rt_slot_put(child.bank);
	CHECK(load(&child, "garbage", NULL) == E_CORRUPT);
	CHECK(child.program.task == 0 && child.program.memory == 0);
	CHECK_OK(rm_bank_destroy(child.bank));
	rt_slot_put(child.bank);
	for (unsigned int i = 0; i < 3; i++) {
		CHECK_OK(load(&child, "echo", NULL));
		end(&child);
	}
	CHECK(rt_slots_free() == slots);
	CHECK(used() == before);
}

static void test_libc(void)
{
	struct child child;
	CHECK_OK(load(&child, "rt_libc", "seven"));
	CHECK_OK(run(&child, "echo", RM_NAME_RIGHT_CONNECT));
	while (!child.died)
		rt_event_wait();
	CHECK(child.reason == RM_REASON_EXIT && child.status == 7);
	if (child.status != 7)
		rt_log("# status %u, reason %u", child.status, child.reason);
	end(&child);
}

/* -- sessions ---------------------------------------------------------------------------------- */

static struct rt_session session;
static unsigned int severed;

static void on_severed(struct rt_session *it, enum rm_reason reason)
{
	(void)it;
	(void)reason;
	severed++;
}

static const struct rt_connect to_echo = { .name = "echo",
	                                   .version = ECHO_VERSION,
	                                   .limit = 16 * PAGE,
	                                   .wait = true,
	                                   .severed = on_severed };

static uint64_t say(void)
{
	struct echo_say_in in = { .said = "hm", .said_count = 2 };
	struct echo_say_out out = { 0 };
	CHECK_OK(echo_say(session.endpoint, &in, &out));
	CHECK(out.said_count == 2 && out.said[1] == 'm');
	return out.times;
}

static void test_session(void)
{
	struct rt_connect other = to_echo;
	CHECK_OK(rt_name_grant(RT_TASK, "echo", RM_NAME_RIGHT_CONNECT));
	CHECK_OK(rt_name_grant(RT_TASK, "nobody", RM_NAME_RIGHT_CONNECT));
	other.version = ECHO_VERSION + 1;
	CHECK(rt_session_open(&session, &other) == E_UNSUPPORTED);
	other.name = "unknown";
	CHECK(rt_session_open(&session, &other) == E_NOENT);
	other.name = "nobody";
	other.wait = false;
	CHECK(rt_session_open(&session, &other) == E_AGAIN);
	CHECK_OK(rt_session_open(&session, &to_echo));
	CHECK(say() == 1);
	CHECK(say() == 2);
	CHECK(rm_vspace_create(session.endpoint, rt_slot(0)) == E_UNSUPPORTED);
	rt_session_close(&session);
	CHECK_OK(rt_session_open(&session, &to_echo));
	CHECK(say() == 1);
}

static volatile err_t waited[4];

static int wait_much(void *arg)
{
	uintptr_t i = (uintptr_t)arg;
	waited[i] = echo_wait(session.endpoint, &(struct echo_wait_in){ .times = 1000000 + i });
	return 0;
}

/* Whoever waits at the server gets an answer, whatever ends. */
static void test_parked(void)
{
	static struct rt_worker worker[4];
	for (unsigned int i = 0; i < 4; i++)
		CHECK_OK(rt_worker_start(&worker[i], wait_much, (void *)(uintptr_t)i, 0, NULL));
	for (unsigned int i = 0; i < 100; i++)
		rt_yield();
	CHECK(say() > 1);
	rt_session_close(&session);
	for (unsigned int i = 0; i < 4; i++) {
		(void)rt_worker_join(&worker[i]);
		CHECK(waited[i] == E_SEVERED);
	}
	CHECK_OK(rt_session_open(&session, &to_echo));
	CHECK(say() == 1);
	for (unsigned int i = 0; i < 4; i++)
		CHECK_OK(rt_worker_start(&worker[i], wait_much, (void *)(uintptr_t)i, 0, NULL));
	for (unsigned int i = 0; i < 100; i++)
		rt_yield();
	severed = 0;
	end(&echo);
	for (unsigned int i = 0; i < 4; i++) {
		(void)rt_worker_join(&worker[i]);
		CHECK(rt_session_is_lost(waited[i]));
	}
	while (session.state == RT_SESSION_OPEN)
		rt_event_wait();
	CHECK(severed == 1 && session.reason == RM_REASON_PEER);
	CHECK(rt_session_is_lost(echo_null(session.endpoint)));
	CHECK_OK(load(&echo, "echo", NULL));
	CHECK_OK(run(&echo, "echo", RM_NAME_RIGHT_SERVE));
	CHECK(rt_session_again(&session, echo_null(session.endpoint)));
	CHECK(say() == 1);
	rt_session_close(&session);
}

static uint64_t signalled;

static void on_signal(void *self, uint64_t bits)
{
	(void)self;
	signalled |= bits;
}

static void test_signals(void)
{
	cptr_t slot = 0;
	CHECK_OK(rt_signal_set(6, on_signal, NULL));
	CHECK_OK(rt_signal_mint(4, &slot));
	sel4_signal(slot);
	rt_event_wait();
	CHECK(signalled == 4);
	rt_slot_put(slot);
}

static void test_tester(void)
{
	CHECK_OK(load(&tester, "rt_server", NULL));
	CHECK_OK(run(&tester, "test", RM_NAME_RIGHT_SERVE));
	test_server_open();
}

static void test_tester_passive(void)
{
	CHECK_OK(load(&passive, "rt_server", "passive"));
	CHECK_OK(run(&passive, "passive", RM_NAME_RIGHT_SERVE));
	test_passive();
	/* It has no context of its own whose schedule could be changed. */
	const struct rm_thread_schedule_in in = { .schedule = { .budget_us = 1000,
		                                                .period_us = 1000,
		                                                .priority = 1,
		                                                .priority_max = 1 } };
	CHECK(rm_thread_schedule(passive.program.thread, &in) == E_LIMIT);
	CHECK_OK(rm_thread_schedule(tester.program.thread, &in));
	CHECK(!passive.died);
}

/* What its clients do to it does not end it, and leaves it as it was. */
static void test_tester_hostile(void)
{
	test_passive();
	CHECK(!passive.died);
	end(&passive);
}

/* -- figures ----------------------------------------------------------------------------------- */

static void test_figures(void)
{
	enum { ROUNDS = 200 };
	struct child child;
	uint64_t start = 0, loaded = 0;
	for (unsigned int i = 0; i < 3; i++) {
		start = rt_tsc();
		CHECK_OK(load(&child, "rt_null", NULL));
		loaded = rt_tsc();
		CHECK_OK(run(&child, "echo", RM_NAME_RIGHT_CONNECT));
		while (!child.died)
			rt_event_wait();
		end(&child);
	}
	rt_log("# load %lu ticks, until its main %u", loaded - start,
	       child.status - (uint32_t)start);
	CHECK_OK(rt_session_open(&session, &to_echo));
	for (unsigned int i = 0; i < ROUNDS; i++)
		CHECK_OK(echo_null(session.endpoint));
	start = rt_tsc();
	for (unsigned int i = 0; i < ROUNDS; i++)
		CHECK_OK(echo_null(session.endpoint));
	rt_log("# null request %lu ticks", (rt_tsc() - start) / ROUNDS);
	rt_session_close(&session);
}

/* -- all of them ------------------------------------------------------------------------------- */

static void test(const char *name, void (*fn)(void))
{
	test_name = name;
	test_failed = false;
	fn();
	rt_log("%sok %u - %s", test_failed ? "not " : "", passed + failed + 1, name);
	if (test_failed)
		failed++;
	else
		passed++;
}

int rt_main(const struct rt_start *start)
{
	static const struct rm_event_ops ops = { .task_died = on_died };
	(void)start;
	rt_event_set(&ops, NULL);
	rt_log("1..23");
	test("start", test_start);
	test("slots", test_slots);
	test("memory", test_memory);
	test("archive", test_archive);
	test("spawn", test_spawn);
	test("spawn undone", test_spawn_undone);
	test("threads", test_threads);
	test("session", test_session);
	test("parked", test_parked);
	test("signals", test_signals);
	test("server: open", test_tester);
	test("server: abort", test_abort);
	test("server: objects", test_objects);
	test("server: capabilities", test_capabilities);
	test("server: rings", test_rings);
	test("server: close", test_server_close);
	test("server: passive", test_tester_passive);
	test("server: passive, a client's budget ends", test_passive_budget);
	test("server: passive, a client's thread goes", test_passive_destroyed);
	test("server: passive, a client sends", test_passive_sent);
	test("server: passive, and goes on", test_tester_hostile);
	test("figures", test_figures);
	test("libc", test_libc);
	rt_log("%u passed, %u failed", passed, failed);
	const struct rm_system_off_in off = { .status = failed > 0 };
	(void)rm_system_off(RT_SYSTEM, &off);
	return failed > 0;
}
