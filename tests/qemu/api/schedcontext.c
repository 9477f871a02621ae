/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Scheduling contexts as objects: configuration and its limits, binding, Consumed, YieldTo, each
 * error. What a budget does to a thread is in sched_budget.c, donation in reply_stack.c.
 * seL4 manual, section 6.1 (Threads: scheduling contexts) and 10.3.
 */
#include "jobs.h"

enum { MIN_US = ABI_BUDGET_MIN_US };

static enum abi_error configure(cptr_t sc, word_t budget_us, word_t period_us)
{
	return sel4_sched_control_configure_flags(env_sched_control, sc, budget_us, period_us, 0, 0,
	                                          0);
}

static cptr_t unconfigured(word_t bits)
{
	return object_new(OBJ_SCHED_CONTEXT, bits);
}

/* ConfigureFlags */

TEST(sched_control_needs_a_capability)
{
	CHECK_ERR(invoke(env_sched_control, INV_SCHED_CONTROL_CONFIGURE_FLAGS, 0, 5, 1000, 1000, 0,
	                 0),
	          ERR_TRUNCATED_MESSAGE);
}

TEST(sched_control_needs_five_words)
{
	cptr_t sc = unconfigured(7);
	for (word_t length = 0; length < 5; length++) {
		sel4_set_cap(0, sc);
		CHECK_ERR(invoke(env_sched_control, INV_SCHED_CONTROL_CONFIGURE_FLAGS, 1, length,
		                 1000, 1000, 0, 0),
		          ERR_TRUNCATED_MESSAGE);
	}
}

TEST(sched_control_wrong_label)
{
	cptr_t sc = unconfigured(7);
	static const word_t labels[] = { INV_INVALID, INV_SCHED_CONTEXT_BIND, INV_TCB_SUSPEND,
		                         INV_COUNT, ~0ull >> 12 };
	for (unsigned int i = 0; i < 5; i++) {
		sel4_set_cap(0, sc);
		CHECK_ERR(invoke(env_sched_control, labels[i], 1, 5, 1000, 1000, 0, 0),
		          ERR_ILLEGAL_OPERATION);
	}
}

/* (2^64 - 1) / (ticks per microsecond) / 8. */
TEST(sched_control_longest_period)
{
	word_t max = max_period_us(), expected = ~0ull / boot_tsc_mhz() / 8;
	CHECK_EQ(sel4_get_word(0), MIN_US);
	if (kernel_is_freehold())
		CHECK_EQ(max, expected);
	CHECK_LT(expected / 8, max);
	CHECK_LT(max, expected * 8);
}

TEST(sched_control_budget_too_long)
{
	word_t max = max_period_us();
	cptr_t sc = unconfigured(7);
	CHECK_ERR(configure(sc, max + 1, max), ERR_RANGE, MIN_US, max);
	CHECK_ERR(configure(sc, ~0ull, 0), ERR_RANGE, MIN_US, max);
}

TEST(sched_control_period_too_long)
{
	word_t max = max_period_us();
	cptr_t sc = unconfigured(7);
	CHECK_ERR(configure(sc, 1000, max + 1), ERR_RANGE, MIN_US, max);
	CHECK_ERR(configure(sc, 0, max + 1), ERR_RANGE, MIN_US, max);
	CHECK_ERR(configure(sc, 1000, ~0ull), ERR_RANGE, MIN_US, max);
}

TEST(sched_control_budget_too_short)
{
	word_t max = max_period_us();
	cptr_t sc = unconfigured(7);
	CHECK_ERR(configure(sc, MIN_US - 1, 1000), ERR_RANGE, MIN_US, max);
	CHECK_ERR(configure(sc, 0, 1000), ERR_RANGE, MIN_US, max);
	CHECK_ERR(configure(sc, 0, 0), ERR_RANGE, MIN_US, max);
}

TEST(sched_control_period_too_short)
{
	word_t max = max_period_us();
	cptr_t sc = unconfigured(7);
	CHECK_ERR(configure(sc, 1000, MIN_US - 1), ERR_RANGE, MIN_US, max);
	CHECK_ERR(configure(sc, 1000, 0), ERR_RANGE, MIN_US, max);
}

TEST(sched_control_budget_above_the_period)
{
	cptr_t sc = unconfigured(7);
	CHECK_ERR(configure(sc, 1001, 1000), ERR_RANGE, MIN_US, 1000);
	CHECK_ERR(configure(sc, max_period_us(), MIN_US), ERR_RANGE, MIN_US, MIN_US);
}

TEST(sched_control_limits_are_allowed)
{
	word_t max = max_period_us();
	cptr_t sc = unconfigured(7);
	CHECK_OK(configure(sc, MIN_US, MIN_US));
	CHECK_OK(configure(sc, MIN_US, max));
	CHECK_OK(configure(sc, max, max));
	CHECK_OK(configure(sc, 1000, 1000));
}

TEST(sched_control_times_are_checked_before_the_context)
{
	word_t max = max_period_us();
	cptr_t ep = endpoint_new();
	CHECK_ERR(configure(ep, 0, 0), ERR_RANGE, MIN_US, max);
	CHECK_ERR(configure(ep, 1001, 1000), ERR_RANGE, MIN_US, 1000);
}

TEST(sched_control_not_a_context)
{
	const cptr_t caps[] = { INIT_NULL, endpoint_new(), INIT_TCB, env_sched_control };
	for (unsigned int i = 0; i < 4; i++)
		CHECK_ERR(configure(caps[i], 1000, 1000), ERR_INVALID_CAPABILITY, 1);
}

TEST(sched_control_extra_refills)
{
	for (word_t bits = ABI_SCHED_CONTEXT_BITS_MIN; bits <= 12; bits++) {
		cptr_t sc = unconfigured(bits);
		word_t max = ((1ull << bits) - ABI_SCHED_CONTEXT_CORE) / ABI_REFILL_BYTES;
		CHECK_OK(sel4_sched_control_configure_flags(env_sched_control, sc, 1000, 2000, max,
		                                            0, 0));
		CHECK_ERR(sel4_sched_control_configure_flags(env_sched_control, sc, 1000, 2000,
		                                             max + 1, 0, 0),
		          ERR_RANGE, 0, max);
		CHECK_ERR(sel4_sched_control_configure_flags(env_sched_control, sc, 1000, 2000,
		                                             ~0ull, 0, 0),
		          ERR_RANGE, 0, max);
		/* Round robin uses none, but they are checked. */
		CHECK_ERR(sel4_sched_control_configure_flags(env_sched_control, sc, 1000, 1000,
		                                             max + 1, 0, 0),
		          ERR_RANGE, 0, max);
	}
}

TEST(sched_control_ignores_other_flags)
{
	CHECK_OK(sel4_sched_control_configure_flags(env_sched_control, unconfigured(7), 1000, 2000,
	                                            0, 0, ~0ull));
}

TEST(sched_control_makes_a_waiting_thread_run)
{
	cptr_t sc = unconfigured(8), done = notification_new();
	struct thread *t = thread_new(&(struct thread_options){ .passive = true });
	struct job job = { .nr = SYS_NB_SEND, .cap = done };
	CHECK_OK(sel4_sched_context_bind(sc, t->tcb));
	thread_start(t, job_run, (word_t)&job);
	settle();
	CHECK(!job.done);
	CHECK_OK(configure(sc, 1000, 1000));
	settle();
	CHECK(job.done);
}

_Noreturn static word_t count_for_ever(word_t arg)
{
	for (;;)
		++*(volatile word_t *)arg;
}

/* Whatever state its thread is in, it runs on as configured. */
TEST(sched_control_of_a_running_thread)
{
	volatile word_t count = 0;
	struct thread *t = thread_run(count_for_ever, (word_t)&count);
	static const struct {
		word_t budget_us, period_us;
	} settings[] = { { 1000, 3000 }, { 5000, 5000 }, { 4000, 8000 }, { 1000, 2000 } };
	for (unsigned int i = 0; i < 8; i++) {
		CHECK_OK(configure(t->sched_context, settings[i % 4].budget_us,
		                   settings[i % 4].period_us));
		CHECK(counts_on(&count));
		sleep_us(20000);
		CHECK(counts_on(&count));
	}
}

TEST(sched_control_of_a_thread_waiting_for_its_budget)
{
	volatile word_t count = 0;
	struct thread *t =
	        thread_new(&(struct thread_options){ .budget_us = 1000, .period_us = 1000000000 });
	thread_start(t, count_for_ever, (word_t)&count);
	CHECK(comes_to_rest(&count));
	CHECK_OK(configure(t->sched_context, 1000, 1000));
	CHECK(counts_on(&count));
}

TEST(sched_control_of_the_caller)
{
	CHECK_OK(configure(INIT_SCHED_CONTEXT, 4000, 4000));
	spin_us(10000);
	CHECK_OK(configure(INIT_SCHED_CONTEXT, 5000, 5000));
	spin_us(10000);
}

/* Bind */

TEST(sched_context_bind_needs_a_capability)
{
	CHECK_ERR(invoke(sched_context_new(), INV_SCHED_CONTEXT_BIND, 0, 0, 0, 0, 0, 0),
	          ERR_TRUNCATED_MESSAGE);
	CHECK_ERR(invoke(sched_context_new(), INV_SCHED_CONTEXT_UNBIND_OBJECT, 0, 0, 0, 0, 0, 0),
	          ERR_TRUNCATED_MESSAGE);
}

TEST(sched_context_bind_to_something_else)
{
	cptr_t sc = sched_context_new();
	const cptr_t caps[] = {
		INIT_NULL, endpoint_new(), reply_new(), sc, INIT_CNODE, INIT_VSPACE
	};
	for (unsigned int i = 0; i < 6; i++) {
		CHECK_ERR(sel4_sched_context_bind(sc, caps[i]), ERR_INVALID_CAPABILITY, 1);
		CHECK_ERR(sel4_sched_context_unbind_object(sc, caps[i]), ERR_INVALID_CAPABILITY, 1);
	}
}

TEST(sched_context_bound_already)
{
	cptr_t sc = sched_context_new(), tcb = tcb_new();
	CHECK_OK(sel4_sched_context_bind(sc, tcb));
	CHECK_ERR(sel4_sched_context_bind(sc, tcb_new()), ERR_ILLEGAL_OPERATION);
	CHECK_ERR(sel4_sched_context_bind(sc, tcb), ERR_ILLEGAL_OPERATION);
	CHECK_ERR(sel4_sched_context_bind(sched_context_new(), tcb), ERR_ILLEGAL_OPERATION);
	CHECK_ERR(sel4_sched_context_bind(sched_context_new(), INIT_TCB), ERR_ILLEGAL_OPERATION);
}

TEST(sched_context_bound_to_a_notification_already)
{
	cptr_t sc = sched_context_new(), notification = notification_new();
	CHECK_OK(sel4_sched_context_bind(sc, notification));
	CHECK_ERR(sel4_sched_context_bind(sc, notification_new()), ERR_ILLEGAL_OPERATION);
	CHECK_ERR(sel4_sched_context_bind(sc, notification), ERR_ILLEGAL_OPERATION);
	CHECK_ERR(sel4_sched_context_bind(sched_context_new(), notification),
	          ERR_ILLEGAL_OPERATION);
}

TEST(sched_context_bound_to_a_thread_and_a_notification)
{
	cptr_t sc = sched_context_new(), notification = notification_new(), tcb = tcb_new();
	CHECK_OK(sel4_sched_context_bind(sc, tcb));
	CHECK_OK(sel4_sched_context_bind(sc, notification));
	CHECK_OK(sel4_sched_context_unbind_object(sc, tcb));
	CHECK_ERR(sel4_sched_context_bind(sc, notification), ERR_ILLEGAL_OPERATION);
	CHECK_OK(sel4_sched_context_unbind_object(sc, notification));
	CHECK_OK(sel4_sched_context_bind(sc, notification));
}

TEST(sched_context_bind_ignores_rights)
{
	cptr_t sc = cap_copy(sched_context_new(), 0), tcb = cap_copy(tcb_new(), 0);
	CHECK_OK(sel4_sched_context_bind(sc, tcb));
	CHECK_OK(sel4_sched_context_unbind_object(sc, tcb));
	CHECK_OK(sel4_sched_context_bind(sc, cap_copy(notification_new(), 0)));
}

TEST(sched_context_bind_makes_a_thread_run)
{
	struct thread *t = thread_new(&(struct thread_options){ .passive = true });
	struct job job = { .nr = SYS_NB_SEND, .cap = endpoint_new() };
	thread_start(t, job_run, (word_t)&job);
	settle();
	CHECK(!job.done);
	CHECK_OK(sel4_sched_context_bind(sched_context_new(), t->tcb));
	settle();
	CHECK(job.done);
}

/* A blocked thread can only get a context that could run it. */
TEST(sched_context_bind_to_a_blocked_thread)
{
	struct job jobs[4] = { { .nr = SYS_RECV, .cap = endpoint_new(), .r12 = reply_new() },
		               { .nr = SYS_SEND, .cap = endpoint_new() },
		               { .nr = SYS_WAIT, .cap = notification_new() },
		               { .nr = SYS_CALL, .cap = endpoint_new() } };
	for (unsigned int i = 0; i < 4; i++) {
		struct thread *t = job_start(&jobs[i], NULL);
		settle();
		if (i == 3)
			(void)sel4_recv(jobs[3].cap, jobs[0].r12 = reply_new());
		make_passive(t);
		cptr_t sc = unconfigured(7);
		CHECK_ERR(sel4_sched_context_bind(sc, t->tcb), ERR_ILLEGAL_OPERATION);
		CHECK_OK(configure(sc, 1000, 1000));
		CHECK_OK(sel4_sched_context_bind(sc, t->tcb));
	}
}

TEST(sched_context_bind_to_a_blocked_thread_before_the_next_period)
{
	volatile word_t count = 0;
	struct job job = { .nr = SYS_WAIT, .cap = notification_new() };
	struct thread *spinner =
	        thread_new(&(struct thread_options){ .budget_us = 1000, .period_us = 1000000000 });
	thread_start(spinner, count_for_ever, (word_t)&count);
	struct thread *t = job_start(&job, NULL);
	CHECK(comes_to_rest(&count));
	make_passive(t);
	make_passive(spinner);
	/* The budget is used up, and comes back in 1000 seconds. */
	CHECK_ERR(sel4_sched_context_bind(spinner->sched_context, t->tcb), ERR_ILLEGAL_OPERATION);
	CHECK_OK(sel4_sched_context_bind(spinner->sched_context, tcb_new()));
}

TEST(sched_context_without_configuration_binds_to_a_thread_that_is_not_blocked)
{
	CHECK_OK(sel4_sched_context_bind(unconfigured(7), tcb_new()));
	CHECK_OK(sel4_sched_context_bind(unconfigured(7), notification_new()));
}

/* UnbindObject and Unbind */

TEST(sched_context_unbind_object_that_is_not_bound)
{
	cptr_t sc = sched_context_new(), tcb = tcb_new(), notification = notification_new();
	CHECK_ERR(sel4_sched_context_unbind_object(sc, tcb), ERR_ILLEGAL_OPERATION);
	CHECK_ERR(sel4_sched_context_unbind_object(sc, notification), ERR_ILLEGAL_OPERATION);
	CHECK_OK(sel4_sched_context_bind(sc, tcb));
	CHECK_OK(sel4_sched_context_bind(sc, notification));
	CHECK_ERR(sel4_sched_context_unbind_object(sc, tcb_new()), ERR_ILLEGAL_OPERATION);
	CHECK_ERR(sel4_sched_context_unbind_object(sc, notification_new()), ERR_ILLEGAL_OPERATION);
}

TEST(sched_context_of_the_caller_cannot_be_unbound)
{
	CHECK_ERR(sel4_sched_context_unbind_object(INIT_SCHED_CONTEXT, INIT_TCB),
	          ERR_ILLEGAL_OPERATION);
	CHECK_ERR(sel4_sched_context_unbind(INIT_SCHED_CONTEXT), ERR_ILLEGAL_OPERATION);
}

TEST(sched_context_unbind_of_an_unbound_one)
{
	CHECK_OK(sel4_sched_context_unbind(sched_context_new()));
	CHECK_OK(sel4_sched_context_unbind(unconfigured(7)));
}

TEST(sched_context_unbind_takes_thread_and_notification)
{
	cptr_t sc = sched_context_new(), notification = notification_new(), tcb = tcb_new();
	CHECK_OK(sel4_sched_context_bind(sc, tcb));
	CHECK_OK(sel4_sched_context_bind(sc, notification));
	CHECK_OK(sel4_sched_context_unbind(sc));
	CHECK_OK(sel4_sched_context_bind(sc, tcb_new()));
	CHECK_OK(sel4_sched_context_bind(sc, notification_new()));
	cptr_t other = sched_context_new();
	CHECK_OK(sel4_sched_context_bind(other, tcb));
	CHECK_OK(sel4_sched_context_bind(other, notification));
}

TEST(sched_context_unbind_stops_a_running_thread)
{
	volatile word_t count = 0;
	struct thread *t = thread_run(count_for_ever, (word_t)&count);
	CHECK(counts_on(&count));
	CHECK_OK(sel4_sched_context_unbind(t->sched_context));
	word_t before = count;
	sleep_us(10000);
	CHECK_EQ(count, before);
	CHECK_OK(sel4_sched_context_bind(t->sched_context, t->tcb));
	CHECK(counts_on(&count));
}

TEST(sched_context_deleted_stops_a_running_thread)
{
	volatile word_t count = 0;
	struct thread *t = thread_run(count_for_ever, (word_t)&count);
	cptr_t copy = cap_copy(t->sched_context, RIGHTS_ALL);
	CHECK(counts_on(&count));
	cap_delete(t->sched_context);
	CHECK(counts_on(&count));
	cap_delete(copy);
	word_t before = count;
	sleep_us(10000);
	CHECK_EQ(count, before);
	CHECK_OK(sel4_sched_context_bind(sched_context_new(), t->tcb));
	CHECK(counts_on(&count));
}

TEST(sched_context_of_a_deleted_thread_is_free)
{
	cptr_t sc = sched_context_new(), tcb = tcb_new();
	CHECK_OK(sel4_sched_context_bind(sc, tcb));
	cap_delete(tcb);
	CHECK_OK(sel4_sched_context_bind(sc, tcb_new()));
}

TEST(sched_context_unbound_in_sched_params)
{
	struct thread *t = thread_new(&(struct thread_options){ 0 });
	CHECK_OK(sel4_tcb_set_sched_params(t->tcb, INIT_TCB, 255, 100, INIT_NULL, INIT_NULL));
	CHECK_OK(sel4_sched_context_bind(t->sched_context, tcb_new()));
}

TEST(sched_context_wrong_label)
{
	cptr_t sc = sched_context_new();
	static const word_t labels[] = { INV_INVALID, INV_SCHED_CONTROL_CONFIGURE_FLAGS,
		                         INV_SCHED_CONTEXT_YIELD_TO + 1, INV_COUNT, ~0ull >> 12 };
	for (unsigned int i = 0; i < 5; i++) {
		sel4_set_cap(0, INIT_TCB);
		CHECK_ERR(invoke(sc, labels[i], 1, 0, 0, 0, 0, 0), ERR_ILLEGAL_OPERATION);
	}
}

/* Consumed */

static word_t consumed(cptr_t sc)
{
	word_t us = ~0ull;
	CHECK_OK(sel4_sched_context_consumed(sc, &us));
	return us;
}

TEST(sched_context_consumed_nothing)
{
	CHECK_EQ(consumed(unconfigured(7)), 0);
	cptr_t sc = sched_context_new();
	CHECK_EQ(consumed(sc), 0);
	CHECK_OK(sel4_sched_context_bind(sc, tcb_new()));
	CHECK_EQ(consumed(sc), 0);
}

TEST(sched_context_consumed_has_one_word)
{
	struct sel4_msg m =
	        sel4_invoke(sched_context_new(), INV_SCHED_CONTEXT_CONSUMED, 0, 0, 7, 7, 7, 7);
	CHECK_EQ(m.info, abi_msginfo(0, 0, 0, 1));
	CHECK_EQ(m.badge, 0);
	CHECK_EQ(m.mr[0], 0);
	CHECK_EQ(m.mr[1], 7);
}

static word_t spin(word_t us)
{
	spin_us(us);
	return 0;
}

/* Clocks are measured at boot and may be off, so bounds are wide. */
TEST(sched_context_consumed_is_the_time_that_was_used)
{
	struct thread *t = thread_run(spin, 20000);
	word_t start = now_us();
	thread_join(t);
	word_t elapsed = now_us() - start, used = consumed(t->sched_context);
	CHECK_LT(20000 / 2, used);
	CHECK_LT(used, elapsed * 2);
	/* Asking starts anew. */
	CHECK_LE(consumed(t->sched_context), 1000);
}

TEST(sched_context_consumed_by_the_caller)
{
	(void)consumed(INIT_SCHED_CONTEXT);
	spin_us(20000);
	CHECK_LT(20000 / 2, consumed(INIT_SCHED_CONTEXT));
}

TEST(sched_context_consumed_survives_unbinding)
{
	struct thread *t = thread_run(spin, 20000);
	thread_join(t);
	make_passive(t);
	CHECK_LT(20000 / 2, consumed(t->sched_context));
}
