/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * SchedContext_YieldTo: the thread of another context goes next among those of its priority; the
 * answer, its time used, comes when the caller runs again. seL4 manual, section 6.1.
 */
#include "jobs.h"

/* Who ran, in this order. */
static struct {
	char log[16];
	volatile unsigned int length;
} order;

static void note(char c)
{
	if (order.length < sizeof order.log - 1)
		order.log[order.length++] = c;
	order.log[order.length] = 0;
}

static word_t note_letter(word_t c)
{
	note((char)c);
	return 0;
}

static word_t yield_to(cptr_t sc)
{
	word_t us = ~0ull;
	CHECK_OK(sel4_sched_context_yield_to(sc, &us));
	CHECK_NE(us, ~0ull);
	return us;
}

/* A thread that notes its letter, ready to run. */
static struct thread *ready(char letter, word_t priority)
{
	struct thread *t = thread_new(
	        &(struct thread_options){ .priority = priority, .budget_us = LONG_SLICE_US });
	thread_start(t, note_letter, (word_t)letter);
	return t;
}

TEST(yield_to_an_unbound_context)
{
	CHECK_ERR(invoke(sched_context_new(), INV_SCHED_CONTEXT_YIELD_TO, 0, 0, 0, 0, 0, 0),
	          ERR_ILLEGAL_OPERATION);
	CHECK_ERR(invoke(object_new(OBJ_SCHED_CONTEXT, 7), INV_SCHED_CONTEXT_YIELD_TO, 0, 0, 0, 0,
	                 0, 0),
	          ERR_ILLEGAL_OPERATION);
}

TEST(yield_to_oneself)
{
	CHECK_ERR(invoke(INIT_SCHED_CONTEXT, INV_SCHED_CONTEXT_YIELD_TO, 0, 0, 0, 0, 0, 0),
	          ERR_ILLEGAL_OPERATION);
}

static word_t yield_to_error(word_t sc)
{
	word_t us;
	return sel4_sched_context_yield_to(sc, &us);
}

TEST(yield_to_above_the_callers_mcp)
{
	struct thread *target = thread_new(&(struct thread_options){ .priority = 61 });
	struct thread *t = thread_new(&(struct thread_options){ .priority = 50 });
	CHECK_OK(sel4_tcb_set_mc_priority(t->tcb, INIT_TCB, 60));
	thread_start(t, yield_to_error, target->sched_context);
	CHECK_EQ(thread_join(t), ERR_ILLEGAL_OPERATION);
	t->done = false;
	CHECK_OK(sel4_tcb_set_priority(target->tcb, INIT_TCB, 60));
	thread_start(t, yield_to_error, target->sched_context);
	CHECK_EQ(thread_join(t), ERR_NONE);
}

TEST(yield_to_a_thread_that_cannot_run)
{
	struct thread *t = thread_new(&(struct thread_options){ .priority = 255 });
	CHECK_EQ(yield_to(t->sched_context), 0);
	struct job job = { .nr = SYS_WAIT, .cap = notification_new() };
	t = job_start_at(&job, 255);
	sel4_yield();
	(void)yield_to(t->sched_context);
	CHECK(!job.done);
}

TEST(yield_to_lower_priority_returns_at_once)
{
	order.length = 0;
	struct thread *t = ready('a', 100);
	CHECK_EQ(yield_to(t->sched_context), 0);
	CHECK_EQ(order.length, 0);
}

TEST(yield_to_lower_priority_makes_it_first_there)
{
	order.length = 0;
	struct thread *t[4];
	for (unsigned int i = 0; i < 4; i++)
		t[i] = ready((char)('a' + i), 100);
	(void)yield_to(t[1]->sched_context);
	settle();
	CHECK_EQ(order.length, 4);
	CHECK_EQ(order.log[0], 'b');
}

TEST(yield_to_the_same_priority)
{
	order.length = 0;
	main_slice_long();
	struct thread *a = ready('a', 255), *b = ready('b', 255);
	(void)a;
	(void)yield_to(b->sched_context);
	note('m');
	CHECK_EQ(order.log[0], 'b');
	CHECK_EQ(order.log[1], 'm');
	sel4_yield();
	main_slice_restore();
	CHECK_EQ(strcmp(order.log, "bma"), 0);
}

/* The answer is the target's time, the part before the call as well. */
static word_t spin(word_t us)
{
	spin_us(us);
	return 0;
}

TEST(yield_to_returns_the_time_used)
{
	struct thread *t =
	        thread_new(&(struct thread_options){ .priority = 255, .budget_us = 1000000 });
	thread_start(t, spin, 20000);
	word_t us = yield_to(t->sched_context);
	CHECK(t->done);
	CHECK_LT(20000 / 2, us);
	word_t again;
	CHECK_OK(sel4_sched_context_consumed(t->sched_context, &again));
	CHECK_LT(again, 20000 / 2);
}

/* A second one that yields to the same context completes the first one's call. */
static word_t spin_until_done(word_t thread)
{
	while (!((struct thread *)thread)->done)
		;
	return 0;
}

static word_t yield_to_later(word_t sc)
{
	sel4_yield();
	return yield_to(sc);
}

TEST(yield_to_the_same_context_twice)
{
	struct thread *target =
	        thread_new(&(struct thread_options){ .priority = 20, .budget_us = 1000000 });
	struct thread *first = thread_new(&(struct thread_options){ .priority = 20 });
	struct thread *second = thread_new(
	        &(struct thread_options){ .priority = 30, .budget_us = 1000, .period_us = 20000 });
	thread_start(target, spin_until_done, (word_t)second);
	thread_start(first, yield_to, target->sched_context);
	thread_start(second, yield_to_later, target->sched_context);
	thread_join(first);
	CHECK(target->done);
	/* The first one learns what was used until the second one asked, and that nothing. */
	CHECK_LT(1000, first->result);
	CHECK_LT(second->result, 1000);
}

/* What was yielded to goes away before the caller runs again. */
static word_t delete_cap(word_t cap)
{
	cap_delete(cap);
	return 0;
}

TEST(yield_to_a_context_that_is_deleted_meanwhile)
{
	struct thread *t = thread_new(&(struct thread_options){ .priority = 255 });
	struct thread *killer = thread_new(&(struct thread_options){ .priority = 255 });
	/* The target runs first and lets the killer run, before main's turn comes. */
	thread_start(t, spin, 100000);
	thread_start(killer, delete_cap, t->sched_context);
	(void)yield_to(t->sched_context);
	thread_join(killer);
	CHECK(slot_is_empty(t->sched_context));
}

TEST(yield_to_a_thread_that_is_deleted_meanwhile)
{
	struct thread *t = thread_new(&(struct thread_options){ .priority = 255 });
	struct thread *killer = thread_new(&(struct thread_options){ .priority = 255 });
	thread_start(t, spin, 100000);
	thread_start(killer, delete_cap, t->tcb);
	(void)yield_to(t->sched_context);
	thread_join(killer);
	CHECK(slot_is_empty(t->tcb));
}

/* The caller is suspended in the middle, and goes on as if nothing had been. */
static word_t suspend_and_resume(word_t tcb)
{
	CHECK_OK(sel4_tcb_suspend(tcb));
	CHECK_OK(sel4_tcb_resume(tcb));
	return 0;
}

static word_t yield_to_and_note(word_t sc)
{
	note('x');
	(void)yield_to(sc);
	note('y');
	return 0;
}

TEST(yield_to_by_a_thread_suspended_meanwhile)
{
	order.length = 0;
	struct thread *target = thread_new(&(struct thread_options){ .budget_us = LONG_SLICE_US });
	struct thread *caller = thread_new(&(struct thread_options){ .budget_us = LONG_SLICE_US });
	thread_start(target, suspend_and_resume, caller->tcb);
	thread_start(caller, yield_to_and_note, target->sched_context);
	settle();
	CHECK(target->done);
	CHECK(caller->done);
	CHECK_EQ(strcmp(order.log, "xy"), 0);
}
