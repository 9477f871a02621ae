/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Budgets: a thread gets no more than its budget in each period, saves nothing up, and waits for
 * the next period or tells its timeout handler. Times are compared within wide bounds, for seL4's
 * timer comes late by up to a half where the clocks' rates are no multiples of each other.
 */
#include "servers.h"

/* The time during which a thread saw the clock go on without a jump. */
struct watch {
	word_t until_us;         /* of now_us() */
	volatile word_t used_us; /* without the gaps */
	word_t first_run_us;     /* until the first gap */
	word_t first_gap_us;
	word_t gap_min_us; /* what counts as a gap */
};

static word_t watch_clock(word_t arg)
{
	struct watch *w = (struct watch *)arg;
	word_t mhz = tsc_mhz(), used = 0, last = rdtsc(), gap = w->gap_min_us * mhz;
	while (last / mhz < w->until_us) {
		word_t now = rdtsc();
		if (now - last < gap) {
			used += now - last;
		} else if (w->first_gap_us == 0) {
			w->first_run_us = used / mhz;
			w->first_gap_us = (now - last) / mhz;
		}
		last = now;
	}
	w->used_us = used / mhz;
	return 0;
}

static word_t spin(word_t us)
{
	spin_us(us);
	return 0;
}

static volatile word_t spins;

_Noreturn static word_t spin_counting(word_t arg)
{
	(void)arg;
	for (;;)
		spins++;
}

static struct thread *spinner(word_t budget_us, word_t period_us)
{
	spins = 0;
	struct thread *t = thread_new(
	        &(struct thread_options){ .budget_us = budget_us, .period_us = period_us });
	thread_start(t, spin_counting, 0);
	return t;
}

/* Shares */

enum { SHARE_BUDGET_US = 4000, SHARE_PERIOD_US = 20000, SHARE_TIME_US = 400000 };

/* About a fifth of the time. */
static bool is_share(word_t used_us, word_t elapsed_us)
{
	word_t share = elapsed_us * SHARE_BUDGET_US / SHARE_PERIOD_US;
	return share / 2 < used_us && used_us < share * 3 / 2;
}

static bool measure_share(word_t extra_refills, word_t flags)
{
	struct thread *t = thread_new(&(struct thread_options){ 0 });
	CHECK_OK(sel4_sched_control_configure_flags(env_sched_control, t->sched_context,
	                                            SHARE_BUDGET_US, SHARE_PERIOD_US, extra_refills,
	                                            0, flags));
	word_t used, start = now_us();
	struct watch w = { .until_us = start + SHARE_TIME_US, .gap_min_us = 2000 };
	thread_start(t, watch_clock, (word_t)&w);
	thread_join(t);
	CHECK_OK(sel4_sched_context_consumed(t->sched_context, &used));
	/* The thread itself saw no more than that; it may have seen less, see any_attempt. */
	return is_share(used, now_us() - start) && w.used_us < used * 3 / 2;
}

static bool share_constant_bandwidth(void)
{
	return measure_share(0, 0);
}

static bool share_sporadic(void)
{
	return measure_share(0, SCHED_FLAG_SPORADIC);
}

static bool share_with_many_refills(void)
{
	return measure_share(10, SCHED_FLAG_SPORADIC);
}

TEST(budget_limits_a_thread)
{
	CHECK(any_attempt(share_constant_bandwidth));
}

TEST(budget_limits_a_sporadic_thread)
{
	CHECK(any_attempt(share_sporadic));
}

TEST(budget_limits_a_thread_with_many_refills)
{
	CHECK(any_attempt(share_with_many_refills));
}

/* What the limited thread leaves is for others of lower priority. */
static bool share_of_the_rest(void)
{
	struct thread *high = spinner(SHARE_BUDGET_US, SHARE_PERIOD_US);
	struct thread *low = thread_new(&(struct thread_options){ .priority = 90 });
	word_t high_used, low_used, start = now_us();
	thread_start(low, spin, SHARE_TIME_US);
	thread_join(low);
	CHECK_OK(sel4_tcb_suspend(high->tcb));
	word_t elapsed = now_us() - start;
	CHECK_OK(sel4_sched_context_consumed(high->sched_context, &high_used));
	CHECK_OK(sel4_sched_context_consumed(low->sched_context, &low_used));
	return is_share(high_used, elapsed) && low_used > elapsed / 2;
}

TEST(budget_leaves_the_rest_to_others)
{
	CHECK(any_attempt(share_of_the_rest));
}

/* A thread that blocks often splits its budget into many refills. */
struct blocker {
	word_t until_us;
	cptr_t go, done;
};

static word_t block_often(word_t arg)
{
	struct blocker *b = (struct blocker *)arg;
	while (now_us() < b->until_us) {
		spin_us(100);
		(void)sel4_nb_send_wait(b->done, message(0, 0, 0, 0, 0, 0), b->go);
	}
	sel4_signal(b->done);
	return 0;
}

static word_t unblock_often(word_t arg)
{
	struct blocker *b = (struct blocker *)arg;
	while (now_us() < b->until_us) {
		sel4_signal(b->go);
		(void)sel4_wait(b->done);
		spin_us(100);
	}
	sel4_signal(b->go);
	return 0;
}

static bool measure_blocker(word_t extra_refills, word_t flags)
{
	struct thread *t = thread_new(&(struct thread_options){ .priority = 110 });
	CHECK_OK(sel4_sched_control_configure_flags(env_sched_control, t->sched_context,
	                                            SHARE_BUDGET_US, SHARE_PERIOD_US, extra_refills,
	                                            0, flags));
	struct blocker b = { now_us() + SHARE_TIME_US, notification_new(), notification_new() };
	thread_start(t, block_often, (word_t)&b);
	struct thread *other = thread_run(unblock_often, (word_t)&b);
	thread_join(t);
	thread_join(other);
	word_t used;
	CHECK_OK(sel4_sched_context_consumed(t->sched_context, &used));
	/* It may get less: with few refills, seL4 merges and delays them. */
	return used < SHARE_TIME_US * SHARE_BUDGET_US / SHARE_PERIOD_US * 3 / 2 && used > 2000;
}

static bool blocker_constant_bandwidth(void)
{
	return measure_blocker(0, 0);
}

static bool blocker_sporadic(void)
{
	return measure_blocker(0, SCHED_FLAG_SPORADIC);
}

static bool blocker_with_many_refills(void)
{
	return measure_blocker(16, SCHED_FLAG_SPORADIC);
}

TEST(budget_limits_a_thread_that_blocks_often)
{
	CHECK(any_attempt(blocker_constant_bandwidth));
}

TEST(budget_limits_a_sporadic_thread_that_blocks_often)
{
	CHECK(any_attempt(blocker_sporadic));
}

TEST(budget_limits_a_thread_that_blocks_often_with_many_refills)
{
	CHECK(any_attempt(blocker_with_many_refills));
}

/* The work of a passive server is its client's. */
static word_t call_until(word_t arg)
{
	struct blocker *b = (struct blocker *)arg;
	while (now_us() < b->until_us)
		(void)sel4_call(b->go, message(7, 0, 0, 0, 0, 0));
	return 0;
}

_Noreturn static word_t serve_spinning(word_t arg)
{
	struct blocker *b = (struct blocker *)arg;
	(void)sel4_recv(b->go, b->done);
	for (;;) {
		spin_us(300);
		(void)sel4_reply_recv(b->go, message(8, 0, 0, 0, 0, 0), b->done);
	}
}

static bool share_of_a_client(void)
{
	word_t used, start = now_us();
	struct blocker b = { start + SHARE_TIME_US, endpoint_new(), reply_new() };
	struct thread *server = thread_new(&(struct thread_options){ .priority = 110 });
	thread_start(server, serve_spinning, (word_t)&b);
	settle();
	make_passive(server);
	struct thread *client = thread_new(&(struct thread_options){
	        .budget_us = SHARE_BUDGET_US, .period_us = SHARE_PERIOD_US });
	thread_start(client, call_until, (word_t)&b);
	thread_join(client);
	CHECK_OK(sel4_tcb_suspend(server->tcb));
	CHECK_OK(sel4_sched_context_consumed(client->sched_context, &used));
	return is_share(used, now_us() - start);
}

TEST(budget_limits_the_calls_of_a_client)
{
	CHECK(any_attempt(share_of_a_client));
}

/* Replenishment */

/* Unused budget is not saved: after ten idle periods there is one budget to use. */
static bool first_run(word_t flags)
{
	struct watch w = { .gap_min_us = 8000 };
	struct thread *t = thread_new(&(struct thread_options){ 0 });
	struct job job = { .nr = SYS_WAIT, .cap = notification_new() };
	CHECK_OK(sel4_sched_control_configure_flags(env_sched_control, t->sched_context, 5000,
	                                            40000, 8, 0, flags));
	thread_start(t, job_run, (word_t)&job);
	sleep_us(400000);
	w.until_us = now_us() + 150000;
	t->done = false;
	thread_start(t, watch_clock, (word_t)&w);
	thread_join(t);
	return w.first_run_us < 5000 * 2 && w.first_gap_us > 40000 / 3;
}

static bool first_run_constant_bandwidth(void)
{
	return first_run(0);
}

static bool first_run_sporadic(void)
{
	return first_run(SCHED_FLAG_SPORADIC);
}

TEST(budget_is_not_saved_up)
{
	CHECK(any_attempt(first_run_constant_bandwidth));
	CHECK(any_attempt(first_run_sporadic));
}

static word_t wait_then_watch(word_t arg)
{
	struct watch *w = (struct watch *)arg;
	(void)sel4_wait(w->until_us);
	w->until_us = now_us() + 400000;
	return watch_clock(arg);
}

/*
 * A thread of 20 ms in 200 ms becomes ready, but somebody else has the processor for the first
 * 120 ms. The period of a sporadic one begins when it became ready, so it waits 60 ms for its
 * second budget; else it begins with its first instruction, so it waits 180 ms.
 */
static word_t gap_after_preemption(word_t flags)
{
	cptr_t go = notification_new();
	struct watch w = { .until_us = go, .gap_min_us = 20000 };
	struct thread *t = thread_new(&(struct thread_options){ 0 });
	struct thread *hog =
	        thread_new(&(struct thread_options){ .priority = 150, .budget_us = 1000000 });
	CHECK_OK(sel4_sched_control_configure_flags(env_sched_control, t->sched_context, 20000,
	                                            200000, 0, 0, flags));
	thread_start(t, wait_then_watch, (word_t)&w);
	settle();
	thread_start(hog, spin, 120000);
	sel4_signal(go);
	thread_join(t);
	return w.first_gap_us;
}

static bool sporadic_gap_is_short(void)
{
	return gap_after_preemption(SCHED_FLAG_SPORADIC) < 120000;
}

static bool constant_bandwidth_gap_is_long(void)
{
	return gap_after_preemption(0) > 130000;
}

TEST(budget_period_of_a_sporadic_thread_begins_when_it_is_ready)
{
	CHECK(any_attempt(sporadic_gap_is_short));
}

TEST(budget_period_of_constant_bandwidth_begins_when_it_runs)
{
	CHECK(any_attempt(constant_bandwidth_gap_is_long));
}

/* Yield gives up the rest of the budget. */
TEST(budget_yield_waits_for_the_next_period)
{
	word_t start = now_us();
	sleep_us(50000);
	CHECK_LT(50000 / 2, now_us() - start);
}

static word_t yield_often(word_t count)
{
	while (count-- > 0)
		sel4_yield();
	return 0;
}

TEST(budget_yield_in_each_period)
{
	struct thread *t =
	        thread_new(&(struct thread_options){ .budget_us = 1000, .period_us = 10000 });
	word_t start = now_us();
	thread_start(t, yield_often, 10);
	thread_join(t);
	CHECK_LT(10 * 10000 / 2, now_us() - start);
}

TEST(budget_yield_counts_only_what_was_used)
{
	struct thread *t =
	        thread_new(&(struct thread_options){ .budget_us = 20000, .period_us = 40000 });
	word_t used, start = now_us();
	thread_start(t, yield_often, 3);
	thread_join(t);
	CHECK_OK(sel4_sched_context_consumed(t->sched_context, &used));
	CHECK_LT(used, (now_us() - start) / 2);
}

/* Periods of several threads */

static volatile word_t turns[3];

_Noreturn static word_t count_periods(word_t i)
{
	for (;;) {
		turns[i]++;
		sel4_yield();
	}
}

static bool periods_are_kept(void)
{
	struct thread *t[3];
	word_t start = now_us();
	for (word_t i = 0; i < 3; i++) {
		turns[i] = 0;
		t[i] = thread_new(&(struct thread_options){
		        .priority = 100 + i, .budget_us = 1000, .period_us = 10000u << i });
		thread_start(t[i], count_periods, i);
	}
	sleep_us(400000);
	for (word_t i = 0; i < 3; i++)
		CHECK_OK(sel4_tcb_suspend(t[i]->tcb));
	word_t most = (now_us() - start) / 10000 + 2;
	return turns[2] >= 4 && turns[1] > turns[2] * 4 / 3 && turns[0] > turns[1] * 4 / 3 &&
	       turns[0] <= most * 5 / 4;
}

TEST(budget_threads_of_different_periods)
{
	CHECK(any_attempt(periods_are_kept));
}

/* Threads that wait for their budget, and what is done to them meanwhile */

enum { FOR_EVER_US = 1000000000 };

TEST(budget_spent_suspended_and_resumed)
{
	struct thread *t = spinner(1000, FOR_EVER_US);
	CHECK(comes_to_rest(&spins));
	CHECK_OK(sel4_tcb_suspend(t->tcb));
	CHECK_OK(sel4_tcb_resume(t->tcb));
	word_t used;
	CHECK_OK(sel4_sched_context_consumed(t->sched_context, &used));
	sleep_us(20000);
	CHECK_OK(sel4_sched_context_consumed(t->sched_context, &used));
	CHECK_EQ(used, 0);
}

TEST(budget_spent_and_unbound_and_bound)
{
	struct thread *t = spinner(1000, FOR_EVER_US);
	CHECK(comes_to_rest(&spins));
	make_passive(t);
	CHECK_OK(sel4_sched_context_bind(t->sched_context, t->tcb));
	word_t used;
	CHECK_OK(sel4_sched_context_consumed(t->sched_context, &used));
	sleep_us(20000);
	CHECK_OK(sel4_sched_context_consumed(t->sched_context, &used));
	CHECK_EQ(used, 0);
}

TEST(budget_spent_and_priority_changed)
{
	struct thread *t = spinner(1000, FOR_EVER_US);
	CHECK(comes_to_rest(&spins));
	CHECK_OK(sel4_tcb_set_priority(t->tcb, INIT_TCB, 200));
	word_t used;
	CHECK_OK(sel4_sched_context_consumed(t->sched_context, &used));
	sleep_us(20000);
	CHECK_OK(sel4_sched_context_consumed(t->sched_context, &used));
	CHECK_EQ(used, 0);
	/* With another context it runs, at its new priority. */
	make_passive(t);
	CHECK_OK(sel4_sched_context_bind(sched_context_new(), t->tcb));
	sleep_us(10000);
	CHECK_OK(sel4_tcb_suspend(t->tcb));
}

TEST(budget_spent_and_thread_deleted)
{
	struct thread *t = spinner(1000, 20000);
	sleep_us(10000);
	cap_delete(t->tcb);
	sleep_us(40000);
	CHECK_OK(sel4_sched_context_bind(t->sched_context, tcb_new()));
}

TEST(budget_spent_and_context_deleted)
{
	struct thread *t = spinner(1000, 20000);
	sleep_us(10000);
	cap_delete(t->sched_context);
	sleep_us(40000);
	CHECK_OK(sel4_sched_context_bind(sched_context_new(), t->tcb));
	sleep_us(5000);
}

/* The next budget comes to a thread that is in another's service by then. */
TEST(budget_spent_by_a_server_of_the_thread)
{
	struct blocker b = { 0, endpoint_new(), reply_new() };
	struct thread *server = thread_new(&(struct thread_options){ .priority = 110 });
	thread_start(server, serve_spinning, (word_t)&b);
	settle();
	make_passive(server);
	struct job job = { .nr = SYS_CALL, .cap = b.go };
	/* Three budgets and more for 300 us of service. */
	job_start(&job, &(struct thread_options){ .budget_us = 100, .period_us = 10000 });
	thread_join(job.thread);
	CHECK(job.done);
}
