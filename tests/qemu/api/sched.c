/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Who runs: priorities, Yield, round robin, threads made ready and stopped. Budgets and timeouts
 * are in sched_budget.c. seL4 manual, section 6.1 (Threads).
 */
#include "jobs.h"
#include <test/monitor.h>

/* Who ran, in this order. */
static struct {
	char log[64];
	volatile unsigned int length;
} order;

static void note(char c)
{
	if (order.length < sizeof order.log - 1)
		order.log[order.length++] = c;
	order.log[order.length] = 0;
}

static void check_order(const char *expected)
{
	if (strcmp(order.log, expected) != 0)
		FAIL("order %s, not %s", order.log, expected);
}

static word_t note_letter(word_t c)
{
	note((char)c);
	return 0;
}

static struct thread *ready(char letter, word_t priority)
{
	struct thread *t = thread_new(
	        &(struct thread_options){ .priority = priority, .budget_us = LONG_SLICE_US });
	thread_start(t, note_letter, (word_t)letter);
	return t;
}

static void reset_order(void)
{
	order.length = 0;
	order.log[0] = 0;
}

TEST(sched_highest_priority_first)
{
	reset_order();
	ready('a', 10);
	ready('b', 30);
	ready('c', 20);
	ready('d', 254);
	ready('e', 64);
	ready('f', 63);
	check_order("");
	settle();
	check_order("defbca");
}

TEST(sched_every_priority)
{
	static char letters[] = "zyxwvutsrqponmlk";
	for (word_t base = 0; base < 256; base += 16) {
		reset_order();
		for (word_t i = 0; i < 16; i++) {
			/* Main settles at priority 1, and runs at 255. */
			word_t priority = base + i < 2 ? 2 : base + i > 254 ? 254 : base + i;
			struct thread *t = ready(letters[i], priority);
			CHECK_OK(sel4_tcb_set_priority(t->tcb, INIT_TCB, priority));
		}
		settle();
		CHECK_EQ(order.length, 16);
		for (unsigned int i = 3; i < 14; i++)
			CHECK_EQ(order.log[i], letters[15 - i]);
		env_release();
		thread_reset();
	}
}

TEST(sched_priority_of_a_ready_thread_raised)
{
	reset_order();
	struct thread *a = ready('a', 10);
	ready('b', 20);
	CHECK_OK(sel4_tcb_set_priority(a->tcb, INIT_TCB, 30));
	settle();
	check_order("ab");
}

TEST(sched_priority_of_a_ready_thread_lowered)
{
	reset_order();
	ready('a', 10);
	struct thread *b = ready('b', 20);
	CHECK_OK(sel4_tcb_set_priority(b->tcb, INIT_TCB, 5));
	settle();
	check_order("ab");
}

TEST(sched_priority_raised_above_the_callers)
{
	reset_order();
	struct thread *a = ready('a', 10);
	CHECK_OK(sel4_tcb_set_priority(INIT_TCB, INIT_TCB, 50));
	note('m');
	settle();
	reset_order();
	CHECK_OK(sel4_tcb_set_priority(INIT_TCB, INIT_TCB, 50));
	a->done = false;
	thread_start(a, note_letter, 'b');
	note('m');
	CHECK_OK(sel4_tcb_set_priority(a->tcb, INIT_TCB, 60));
	note('n');
	CHECK_OK(sel4_tcb_set_priority(INIT_TCB, INIT_TCB, 255));
	check_order("mbn");
}

TEST(sched_own_priority_lowered)
{
	reset_order();
	main_slice_long();
	ready('a', 100);
	CHECK_OK(sel4_tcb_set_priority(INIT_TCB, INIT_TCB, 100));
	note('m');
	CHECK_OK(sel4_tcb_set_priority(INIT_TCB, INIT_TCB, 99));
	note('n');
	CHECK_OK(sel4_tcb_set_priority(INIT_TCB, INIT_TCB, 255));
	main_slice_restore();
	check_order("man");
}

TEST(sched_started_above_the_callers_priority_runs_at_once)
{
	reset_order();
	CHECK_OK(sel4_tcb_set_priority(INIT_TCB, INIT_TCB, 50));
	ready('a', 51);
	note('m');
	CHECK_OK(sel4_tcb_set_priority(INIT_TCB, INIT_TCB, 255));
	check_order("am");
}

TEST(sched_started_at_the_callers_priority_waits)
{
	reset_order();
	main_slice_long();
	ready('a', 255);
	note('m');
	sel4_yield();
	main_slice_restore();
	check_order("ma");
}

/* Yield */

static word_t note_and_yield(word_t c)
{
	for (int i = 0; i < 4; i++) {
		note((char)c);
		sel4_yield();
	}
	return 0;
}

TEST(sched_yield_alternates)
{
	reset_order();
	thread_run(note_and_yield, 'a');
	settle();
	check_order("aaaa");
	reset_order();
	main_slice_long();
	struct thread *a =
	        thread_new(&(struct thread_options){ .priority = 255, .budget_us = LONG_SLICE_US });
	struct thread *b =
	        thread_new(&(struct thread_options){ .priority = 255, .budget_us = LONG_SLICE_US });
	thread_start(a, note_and_yield, 'a');
	thread_start(b, note_and_yield, 'b');
	for (int i = 0; i < 6; i++) {
		note('m');
		sel4_yield();
	}
	main_slice_restore();
	check_order("mabmabmabmabmm");
}

TEST(sched_yield_does_not_let_lower_priorities_run)
{
	reset_order();
	ready('a', 254);
	for (int i = 0; i < 5; i++)
		sel4_yield();
	check_order("");
}

TEST(sched_yield_leaves_higher_priorities_alone)
{
	reset_order();
	struct thread *t = thread_new(&(struct thread_options){ .priority = 60 });
	thread_start(t, note_and_yield, 'a');
	ready('b', 59);
	settle();
	check_order("aaaab");
}

/* Threads started below the caller's priority: the last one goes first. */
TEST(sched_started_threads_queue_at_the_front)
{
	reset_order();
	ready('a', 100);
	ready('b', 100);
	ready('c', 100);
	settle();
	check_order("cba");
}

/* Stopping and starting */

TEST(sched_suspended_thread_does_not_run)
{
	reset_order();
	struct thread *a = ready('a', 100);
	CHECK_OK(sel4_tcb_suspend(a->tcb));
	settle();
	check_order("");
	CHECK_OK(sel4_tcb_resume(a->tcb));
	settle();
	check_order("a");
}

TEST(sched_resume_of_a_ready_thread_changes_nothing)
{
	reset_order();
	struct thread *a = ready('a', 100);
	CHECK_OK(sel4_tcb_resume(a->tcb));
	CHECK_OK(sel4_tcb_resume(a->tcb));
	settle();
	check_order("a");
}

TEST(sched_deleted_thread_does_not_run)
{
	reset_order();
	struct thread *a = ready('a', 100);
	ready('b', 100);
	cap_delete(a->tcb);
	settle();
	check_order("b");
}

_Noreturn static word_t count_for_ever(word_t arg)
{
	for (;;)
		++*(volatile word_t *)arg;
}

TEST(sched_running_thread_is_suspended_and_resumed)
{
	volatile word_t count = 0;
	struct thread *t = thread_run(count_for_ever, (word_t)&count);
	for (int i = 0; i < 3; i++) {
		CHECK(counts_on(&count));
		CHECK_OK(sel4_tcb_suspend(t->tcb));
		word_t before = count;
		sleep_us(5000);
		CHECK_EQ(count, before);
		CHECK_OK(sel4_tcb_resume(t->tcb));
	}
}

/* Round robin: threads of one priority share the processor. */

static volatile word_t counts[4];

/* The time that n threads with these slices used within 300 ms. */
static void run_counters(unsigned int n, const word_t *slice_us, word_t *used_us)
{
	struct thread *t[4];
	for (unsigned int i = 0; i < n; i++) {
		counts[i] = 0;
		t[i] = thread_new(&(struct thread_options){ .budget_us = slice_us[i] });
		thread_start(t[i], count_for_ever, (word_t)&counts[i]);
	}
	sleep_us(300000);
	for (unsigned int i = 0; i < n; i++) {
		CHECK_OK(sel4_tcb_suspend(t[i]->tcb));
		CHECK_OK(sel4_sched_context_consumed(t[i]->sched_context, &used_us[i]));
	}
}

static bool equal_slices(void)
{
	word_t used[4];
	run_counters(4, (const word_t[]){ 2000, 2000, 2000, 2000 }, used);
	word_t total = used[0] + used[1] + used[2] + used[3];
	for (unsigned int i = 0; i < 4; i++)
		if (used[i] < total / 4 / 2 || used[i] > total / 4 * 2)
			return false;
	return true;
}

TEST(sched_round_robin_is_fair)
{
	CHECK(any_attempt(equal_slices));
}

/* 16 ms to 2 ms. */
static bool unequal_slices(void)
{
	word_t used[2];
	run_counters(2, (const word_t[]){ 2000, 16000 }, used);
	return used[0] * 4 < used[1] && used[1] < used[0] * 16;
}

TEST(sched_round_robin_by_budget)
{
	CHECK(any_attempt(unequal_slices));
}

TEST(sched_lower_priority_runs_only_when_all_others_wait)
{
	static volatile word_t high, low;
	high = low = 0;
	struct thread *t = thread_new(&(struct thread_options){ .priority = 101 });
	thread_start(t, count_for_ever, (word_t)&high);
	thread_run(count_for_ever, (word_t)&low);
	CHECK(counts_on(&high));
	sleep_us(30000);
	CHECK_EQ(low, 0);
	CHECK_OK(sel4_tcb_suspend(t->tcb));
	CHECK(counts_on(&low));
}

/* With nobody to run, the processor idles until the next period of somebody. */
TEST(sched_idle_until_a_period_begins)
{
	monitor_stop_watchdog();
	word_t start = now_us();
	for (int i = 0; i < 3; i++)
		sleep_us(20000);
	word_t elapsed = now_us() - start;
	monitor_start_watchdog();
	CHECK_LT(60000 / 2, elapsed);
}

_Noreturn static word_t poll_for_ever(word_t notification)
{
	for (;;)
		(void)sel4_nb_wait(notification);
}

/* Time in the kernel is charged as well. */
static bool kernel_dweller(void)
{
	static volatile word_t count;
	count = 0;
	struct thread *caller = thread_new(&(struct thread_options){ .budget_us = 2000 });
	struct thread *counter = thread_new(&(struct thread_options){ .budget_us = 2000 });
	thread_start(caller, poll_for_ever, notification_new());
	thread_start(counter, count_for_ever, (word_t)&count);
	sleep_us(200000);
	CHECK_OK(sel4_tcb_suspend(caller->tcb));
	CHECK_OK(sel4_tcb_suspend(counter->tcb));
	word_t used[2];
	CHECK_OK(sel4_sched_context_consumed(caller->sched_context, &used[0]));
	CHECK_OK(sel4_sched_context_consumed(counter->sched_context, &used[1]));
	return used[0] / 3 < used[1] && used[1] / 3 < used[0];
}

TEST(sched_round_robin_with_a_thread_that_lives_in_the_kernel)
{
	CHECK(any_attempt(kernel_dweller));
}
