/* SPDX-License-Identifier: BSD-2-Clause */
/* What a server of rt can do, by the program rt_server: an active one, and a passive one. */
#include "test.h"
#include <proto/rm_client.h>
#include <proto/test_client.h>
#include <rt/name.h>
#include <rt/ring.h>
#include <rt/slot.h>
#include <rt_tests/work.h>

static struct rt_session session, second;
static struct rt_connect to_test = {
	.name = "test", .version = TEST_VERSION, .limit = 16 * PAGE, .wait = true
};
static cptr_t door;

static err_t add(uint64_t a, uint64_t b, uint64_t *sum)
{
	struct test_add_out out = { 0 };
	err_t err = test_add(session.endpoint, &(struct test_add_in){ .a = a, .b = b }, &out);
	*sum = out.sum;
	return err;
}

static err_t get_door(cptr_t session_cap, cptr_t slot, uint32_t milliseconds)
{
	struct test_wait_out out = { 0 };
	err_t err = test_wait(session_cap, &(struct test_wait_in){ .milliseconds = milliseconds },
	                      rt_slot(slot), &out);
	CHECK(err != E_OK || out.token == milliseconds);
	return err;
}

static err_t open_door(void)
{
	return test_place(door, &(struct test_place_in){ .start = PAGE, .count = 1 });
}

void test_server_open(void)
{
	struct rt_connect poor = to_test;
	struct rt_session more[3] = { 0 };
	CHECK_OK(rt_name_grant(RT_TASK, to_test.name, RM_NAME_RIGHT_CONNECT));
	poor.limit = PAGE;
	CHECK(rt_session_open(&session, &poor) == E_NOMEM);
	for (unsigned int i = 0; i < 3; i++)
		CHECK_OK(rt_session_open(&more[i], &to_test));
	CHECK(rt_session_open(&session, &to_test) == E_LIMIT);
	for (unsigned int i = 0; i < 3; i++)
		rt_session_close(&more[i]);
	CHECK_OK(rt_session_open(&session, &to_test));
}

/* A handler that is left from below answers, and leaves nothing. */
void test_abort(void)
{
	uint64_t sum;
	for (unsigned int i = 0; i < 100; i++) {
		CHECK(add(i, 2, &sum) == (i == 13 ? E_RANGE : E_OK));
		CHECK(i == 13 || sum == i + 2);
	}
	CHECK(add(1, 13, &sum) == E_RANGE);
	CHECK(add(2, 14, &sum) == E_OK && sum == 16);
	CHECK(test_ping(session.endpoint) == E_UNSUPPORTED);
}

static volatile err_t door_err[3];
static cptr_t door_slot[3];

static int wait_for_door(void *arg)
{
	uintptr_t i = (uintptr_t)arg;
	door_err[i] = get_door(session.endpoint, door_slot[i], (uint32_t)(i + 2));
	return 0;
}

void test_objects(void)
{
	static struct rt_worker worker[3];
	door = rt_slot_get();
	CHECK_OK(get_door(session.endpoint, door, 1));
	CHECK(open_door() == E_OK);
	CHECK(get_door(door, rt_slot_get(), 1) == E_INVAL);
	CHECK(test_place(session.endpoint, &(struct test_place_in){ .start = PAGE, .count = 1 }) ==
	      E_INVAL);
	for (unsigned int i = 0; i < 3; i++) {
		door_slot[i] = rt_slot_get();
		CHECK_OK(rt_worker_start(&worker[i], wait_for_door, (void *)(uintptr_t)i, 0, NULL));
		for (unsigned int j = 0; j < 50; j++)
			rt_yield();
	}
	/* Two can be parked; wait names no NOMEM, so that its stub says what it is. */
	CHECK(door_err[2] == E_PROTOCOL);
	CHECK_OK(open_door());
	for (unsigned int i = 0; i < 3; i++)
		(void)rt_worker_join(&worker[i]);
	CHECK(door_err[0] == E_OK && door_err[1] == E_OK);
	/* Each new door ended the one before. */
	CHECK(rt_session_is_lost(open_door()));
	rt_slot_clear(door_slot[0]);
	rt_slot_put(door);
	door = door_slot[1];
	CHECK_OK(open_door());
	rt_slot_put(door_slot[0]);
	rt_slot_put(door_slot[2]);
}

static err_t caps(cptr_t thing, uint8_t which, cptr_t made)
{
	struct test_caps_out out = { 0 };
	return test_caps(session.endpoint, session.endpoint, thing, door,
	                 &(struct test_caps_in){ .which = which }, rt_slot(made), &out);
}

void test_capabilities(void)
{
	cptr_t space = rt_slot_get(), back = rt_slot_get();
	CHECK_OK(rm_vspace_create(RT_BANK, rt_slot(space)));
	uint32_t slots = rt_slots_free();
	for (unsigned int i = 0; i < 40; i++) {
		CHECK_OK(caps(space, 0, back));
		if (i == 39)
			CHECK_OK(rm_vspace_destroy(back));
		rt_slot_clear(back);
	}
	CHECK(rm_vspace_destroy(space) == E_GONE);
	CHECK(rt_slots_free() == slots);
	/* A bell with a capability is answered, and leaves none where the next one comes. */
	sel4_set_cap(0, RT_VSPACE);
	CHECK(sel4_call(session.endpoint,
	                (struct sel4_msg){ abi_msginfo(RT_LABEL_BELL, 0, 1, 0), { 0 }, 0 })
	              .info == 0);
	CHECK_OK(caps(RT_VSPACE, 0, back));
	rt_slot_clear(back);
	/* One of the server's own is not to be taken. */
	CHECK(caps(session.endpoint, 0, back) == E_GONE);
	/* Swapped: no account, no door. */
	CHECK(test_caps(session.endpoint, door, space, session.endpoint,
	                &(struct test_caps_in){ 0 }, rt_slot(back),
	                &(struct test_caps_out){ 0 }) == E_INVAL);
	rt_slot_put(back);
	rt_slot_put(space);
}

void test_rings(void)
{
	cptr_t up_memory = rt_slot_get(), down_memory = rt_slot_get(), wait = rt_slot_get();
	struct rt_ring up, down;
	uint64_t value, sum = 0;
	CHECK_OK(caps(RT_VSPACE, 1, up_memory));
	CHECK_OK(caps(RT_VSPACE, 2, down_memory));
	CHECK_OK(caps(RT_VSPACE, 3, wait));
	CHECK_OK(rt_ring_join(&up, &session, up_memory, 8, 8, true, wait));
	CHECK_OK(rt_ring_join(&down, &session, down_memory, 8, 8, false, wait));
	for (uint64_t i = 1; i <= 100; i++) {
		CHECK_OK(rt_ring_put(&up, &i));
		if (i % 4 != 0)
			continue;
		rt_ring_flush(&up);
		for (unsigned int j = 0; j < 4; j++) {
			CHECK_OK(rt_ring_wait(&down));
			CHECK_OK(rt_ring_get(&down, &value));
			sum += value;
		}
	}
	CHECK(sum == 100 * 101);
	rt_ring_fini(&up);
	rt_ring_fini(&down);
	rt_slot_put(up_memory);
	rt_slot_put(down_memory);
	rt_slot_put(wait);
}

/* The end of one session does nothing to another; objects of it are gone with it. */
void test_server_close(void)
{
	uint64_t sum;
	CHECK_OK(rt_session_open(&second, &to_test));
	cptr_t other = rt_slot_get();
	CHECK_OK(get_door(second.endpoint, other, 1));
	rt_session_close(&session);
	CHECK(rt_session_is_lost(open_door()));
	rt_slot_put(door);
	CHECK_OK(test_place(other, &(struct test_place_in){ .start = PAGE, .count = 1 }));
	rt_session_close(&second);
	rt_slot_put(other);
	for (unsigned int i = 0; i < 50; i++) {
		CHECK_OK(rt_session_open(&session, &to_test));
		CHECK(add(1, i, &sum) == (i == 13 ? E_RANGE : E_OK));
		rt_session_close(&session);
	}
}

/*
 * The same of a passive one. All that is different is invisible, if it goes right: what it cleans
 * up, when it answers, on whose time it is told of sessions.
 */
void test_passive(void)
{
	const struct rt_connect first = to_test;
	uint64_t sum;
	to_test.name = "passive";
	test_server_open();
	test_abort();
	/* It keeps no caller. */
	door = rt_slot_get();
	CHECK(get_door(session.endpoint, door, 2) == E_PENDING);
	CHECK_OK(get_door(session.endpoint, door, 1));
	CHECK_OK(open_door());
	test_capabilities();
	/* Sessions come and go between requests. */
	for (unsigned int i = 0; i < 20; i++) {
		CHECK_OK(rt_session_open(&second, &to_test));
		cptr_t other = rt_slot_get();
		CHECK_OK(get_door(second.endpoint, other, 1));
		CHECK_OK(test_place(other, &(struct test_place_in){ .start = PAGE, .count = 1 }));
		CHECK(add(i, 1, &sum) == (i == 13 ? E_RANGE : E_OK));
		rt_session_close(&second);
		CHECK(rt_session_is_lost(
		        test_place(other, &(struct test_place_in){ .start = PAGE, .count = 1 })));
		rt_slot_put(other);
		CHECK_OK(open_door());
	}
	rt_slot_put(door);
	rt_session_close(&session);
	to_test = first;
}

/* -- a passive server's clients try to stop it ------------------------------------------------- */

enum { ROUNDS = 8000000, PERIOD_US = 4000000 };

/* As important as this thread. */
static struct rm_schedule schedule_of(uint32_t budget_us, uint32_t period_us)
{
	const struct rt_start *start = rt_start();
	return (struct rm_schedule){ .budget_us = budget_us,
		                     .period_us = period_us,
		                     .priority = start->priority,
		                     .priority_max = start->priority };
}

static void wait_ns(uint64_t ns)
{
	uint64_t start = rt_time_ns();
	while (rt_time_ns() - start < ns)
		rt_yield();
}

/* Another client is served; no request was left in the middle. */
static void honest(void)
{
	struct test_add_out out = { 0 };
	CHECK_OK(test_add(second.endpoint, &(struct test_add_in){ .a = 1, .b = 2 }, &out));
	CHECK(out.sum == 3);
	CHECK_OK(test_add(second.endpoint, &(struct test_add_in){ .a = WORK_LEFT }, &out));
	CHECK(out.sum == 0);
}

/* A thread that makes one call, and can be done everything to. */
static struct caller {
	struct rt_thread block;
	void *page, *stack;
	cptr_t thread;
	uint64_t phase;
	volatile bool has_begun, has_ended;
	err_t err;
	uint64_t sum;
} caller;

_Noreturn static void caller_main(struct caller *it)
{
	struct test_add_out out = { 0 };
	it->has_begun = true;
	it->err = test_add(session.endpoint, &(struct test_add_in){ .a = it->phase, .b = ROUNDS },
	                   &out);
	it->sum = out.sum;
	it->has_ended = true;
	for (;;)
		(void)rm_thread_stop(it->thread);
}

static void caller_start(uint64_t phase, const struct rm_schedule *schedule)
{
	caller = (struct caller){ .phase = phase, .thread = rt_slot_get() };
	CHECK_OK(rt_map(PAGE, &caller.page));
	CHECK_OK(rt_map(4 * PAGE, &caller.stack));
	caller.block = (struct rt_thread){ .self = &caller.block, .ipc_buffer = caller.page };
	const struct rm_thread_create_in in = { .buffer = (uint64_t)caller.page,
		                                .fs_base = (uint64_t)&caller.block,
		                                .schedule = *schedule };
	const struct rm_thread_start_in start = { .entry = (uint64_t)caller_main,
		                                  .stack = (uint64_t)caller.stack + 4 * PAGE - 8,
		                                  .argument = (uint64_t)&caller };
	CHECK_OK(rm_thread_create(RT_TASK, &in, rt_slot(caller.thread)));
	CHECK_OK(rm_thread_start(caller.thread, &start));
	while (!caller.has_begun)
		rt_yield();
	wait_ns(1000000);
}

/* It is no more, whatever it does. */
static void caller_destroy(void)
{
	CHECK_OK(rm_thread_destroy(caller.thread));
	rt_slot_clear(caller.thread);
	rt_slot_put(caller.thread);
}

static void caller_unmap(void)
{
	CHECK_OK(rt_unmap(caller.page, PAGE));
	CHECK_OK(rt_unmap(caller.stack, 4 * PAGE));
}

/* It gets its answer. */
static void caller_end(void)
{
	while (!caller.has_ended)
		rt_yield();
	CHECK(caller.err == E_OK && caller.sum == caller.phase + ROUNDS);
	caller_destroy();
	caller_unmap();
}

/* It calls, and is in the server when this returns. (On a busy host time makes jumps.) */
static void caller_begin(uint64_t phase, const struct rm_schedule *schedule)
{
	enum { TRIES = 20 };
	caller_start(phase, schedule);
	for (unsigned int i = 0; caller.has_ended && i < TRIES; i++) {
		caller_end();
		caller_start(phase, schedule);
	}
	CHECK(caller.has_begun && !caller.has_ended);
}

static struct rt_connect open_two(void)
{
	const struct rt_connect first = to_test;
	to_test.name = "passive";
	CHECK_OK(rt_session_open(&session, &to_test));
	CHECK_OK(rt_session_open(&second, &to_test));
	return first;
}

static void close_two(const struct rt_connect *first)
{
	rt_session_close(&session);
	rt_session_close(&second);
	to_test = *first;
}

/*
 * Its budget ends in the server, in each phase: others do not wait for its next one. It does, and
 * is answered.
 */
void test_passive_budget(void)
{
	const struct rt_connect first = open_two();
	const struct rm_schedule schedule = schedule_of(1000, PERIOD_US);
	enum { ROUNDS_OF_CALLS = 30 };
	for (uint64_t i = WORK_FETCH; i < WORK_END + ROUNDS_OF_CALLS; i++) {
		uint64_t phase = i < WORK_END ? i : WORK_CALLS;
		caller_begin(phase, &schedule);
		uint64_t start = rt_time_ns();
		honest();
		CHECK(rt_time_ns() - start < PERIOD_US / 2 * 1000ull);
		if (phase == WORK_COMMIT) {
			caller_end();
		} else {
			caller_destroy();
			caller_unmap();
		}
	}
	close_two(&first);
}

/* Its thread goes, or stands still, and with it the context that the server runs on. */
void test_passive_destroyed(void)
{
	const struct rt_connect first = open_two();
	const struct rm_schedule schedule = schedule_of(2000, 2000);
	for (uint64_t phase = WORK_FETCH; phase < WORK_CALLS; phase++) {
		caller_begin(phase, &schedule);
		caller_destroy();
		honest();
		caller_unmap();
	}
	caller_begin(WORK_COMMIT, &schedule);
	CHECK_OK(rm_thread_stop(caller.thread));
	honest();
	/* It calls once more. */
	CHECK_OK(rm_thread_resume(caller.thread));
	caller_end();
	close_two(&first);
}

static int call_second(void *arg)
{
	(void)arg;
	honest();
	return 0;
}

/*
 * It sends and does not call: its session is at an end. The other client, who waits, is served, and
 * rm need not be asked for anything first.
 */
void test_passive_sent(void)
{
	static struct rt_worker worker;
	const struct rt_connect first = open_two();
	uint64_t sum;
	for (unsigned int i = 0; i < 3; i++) {
		rt_session_ring_bell(&session);
		CHECK_OK(rt_worker_start(&worker, call_second, NULL, 0, NULL));
		(void)rt_worker_join(&worker);
		CHECK(rt_session_is_lost(add(1, 2, &sum)));
		rt_session_close(&session);
		CHECK_OK(rt_session_open(&session, &to_test));
		CHECK(add(1, 2, &sum) == E_OK && sum == 3);
	}
	/* It is alone. Nobody minds, until rm has something to say. */
	rt_session_close(&second);
	wait_ns(100000000);
	rt_session_ring_bell(&session);
	wait_ns(200000000);
	CHECK_OK(rt_session_open(&second, &to_test));
	CHECK(add(1, 2, &sum) == E_OK && sum == 3);
	honest();
	close_two(&first);
}
