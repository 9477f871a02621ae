/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Notifications: signals and their badges, notifications bound to a thread, deletion. The order
 * of waiting threads is in ipc_queue.c, scheduling contexts bound to notifications are in
 * notification_context.c. seL4 manual, chapter 5 (Notifications).
 */
#include "jobs.h"

static struct {
	cptr_t object, ep, reply;
	cptr_t a, b, c; /* badged 1, 2, 4 */
} test;

static void make_objects(void)
{
	test.object = notification_new();
	test.a = cap_mint(test.object, RIGHTS_ALL, 1);
	test.b = cap_mint(test.object, RIGHTS_ALL, 2);
	test.c = cap_mint(test.object, RIGHTS_ALL, 4);
	test.ep = endpoint_new();
	test.reply = reply_new();
}

TEST(notification_poll_of_an_idle_one)
{
	make_objects();
	CHECK_EQ(sel4_nb_wait(test.object).badge, 0);
	CHECK_EQ(sel4_nb_recv(test.object, test.reply).badge, 0);
}

TEST(notification_keeps_a_signal)
{
	make_objects();
	sel4_signal(test.a);
	CHECK_EQ(sel4_wait(test.object).badge, 1);
	CHECK_EQ(sel4_nb_wait(test.object).badge, 0);
}

TEST(notification_badges_are_ored)
{
	make_objects();
	cptr_t high = cap_mint(test.object, RIGHTS_ALL, 1ull << 63 | 4);
	sel4_signal(test.a);
	sel4_signal(test.a);
	sel4_signal(test.c);
	sel4_signal(high);
	CHECK_EQ(sel4_nb_wait(test.object).badge, 1ull << 63 | 5);
	sel4_signal(test.b);
	CHECK_EQ(sel4_wait(test.object).badge, 2);
}

TEST(notification_signal_without_a_badge_is_a_signal)
{
	make_objects();
	sel4_signal(test.object);
	/* It does not block. */
	CHECK_EQ(sel4_wait(test.object).badge, 0);
}

TEST(notification_signalled_by_each_kind_of_send)
{
	make_objects();
	sel4_send(test.a, message(9, 4, 1, 2, 3, 4));
	CHECK_EQ(sel4_nb_wait(test.object).badge, 1);
	sel4_nb_send(test.b, message(9, 4, 1, 2, 3, 4));
	CHECK_EQ(sel4_nb_wait(test.object).badge, 2);
	CHECK_EQ(sel4_call(test.c, message(9, 4, 1, 2, 3, 4)).info, 0);
	CHECK_EQ(sel4_nb_wait(test.object).badge, 4);
}

TEST(notification_wakes_a_waiter)
{
	make_objects();
	struct job job = { .nr = SYS_WAIT, .cap = test.object };
	job_start(&job, NULL);
	settle();
	CHECK(!job.done);
	sel4_signal(test.b);
	settle();
	CHECK(job.done);
	CHECK_EQ(job.out.badge, 2);
	CHECK_EQ(sel4_nb_wait(test.object).badge, 0);
}

TEST(notification_signals_for_two_waiters_are_not_ored)
{
	make_objects();
	struct job first = { .nr = SYS_WAIT, .cap = test.object }, second = first;
	job_start(&first, NULL);
	settle();
	job_start(&second, NULL);
	settle();
	sel4_signal(test.a);
	sel4_signal(test.b);
	sel4_signal(test.c);
	settle();
	CHECK_EQ(first.out.badge, 1);
	CHECK_EQ(second.out.badge, 2);
	CHECK_EQ(sel4_nb_wait(test.object).badge, 4);
}

TEST(notification_waiter_of_higher_priority_runs_at_once)
{
	make_objects();
	struct job job = { .nr = SYS_WAIT, .cap = test.object };
	job_start_at(&job, 200);
	settle();
	CHECK_OK(sel4_tcb_set_priority(INIT_TCB, INIT_TCB, 150));
	sel4_signal(test.a);
	bool done = job.done;
	CHECK_OK(sel4_tcb_set_priority(INIT_TCB, INIT_TCB, 255));
	CHECK(done);
}

TEST(notification_waiter_of_the_same_priority_does_not)
{
	make_objects();
	struct job job = { .nr = SYS_WAIT, .cap = test.object };
	main_slice_long();
	job_start_at(&job, 255);
	sel4_yield();
	CHECK(!job.done);
	sel4_signal(test.a);
	CHECK(!job.done);
	sel4_yield();
	CHECK(job.done);
	main_slice_restore();
}

/* Rights */

TEST(notification_signal_without_the_write_right)
{
	make_objects();
	cptr_t cap = cap_mint(test.object, RIGHT_READ | RIGHT_GRANT | RIGHT_GRANT_REPLY, 8);
	CHECK_ERR(invoke(cap, 0, 0, 0, 0, 0, 0, 0), ERR_INVALID_CAPABILITY, 0);
	sel4_signal(cap);
	sel4_nb_send(cap, message(0, 0, 0, 0, 0, 0));
	CHECK_EQ(sel4_nb_wait(test.object).badge, 0);
}

TEST(notification_signal_with_only_the_write_right)
{
	make_objects();
	sel4_signal(cap_mint(test.object, RIGHT_WRITE, 8));
	CHECK_EQ(sel4_nb_wait(cap_copy(test.object, RIGHT_READ)).badge, 8);
}

/* Suspended and resumed waiters */

TEST(notification_suspended_waiter_misses_signals)
{
	make_objects();
	struct job job = { .nr = SYS_WAIT, .cap = test.object };
	job_start(&job, NULL);
	settle();
	CHECK_OK(sel4_tcb_suspend(job.thread->tcb));
	sel4_signal(test.a);
	CHECK_EQ(sel4_nb_wait(test.object).badge, 1);
	CHECK_OK(sel4_tcb_resume(job.thread->tcb));
	settle();
	CHECK(!job.done);
	sel4_signal(test.b);
	settle();
	CHECK(job.done);
	CHECK_EQ(job.out.badge, 2);
}

TEST(notification_resumed_waiter_waits_again)
{
	make_objects();
	struct job job = { .nr = SYS_WAIT, .cap = test.object };
	job_start(&job, NULL);
	settle();
	CHECK_OK(sel4_tcb_resume(job.thread->tcb));
	sel4_signal(test.b);
	settle();
	CHECK(job.done);
	CHECK_EQ(job.out.badge, 2);
}

TEST(notification_deleted_waiter)
{
	make_objects();
	struct job job = { .nr = SYS_WAIT, .cap = test.object };
	job_start(&job, NULL);
	settle();
	cap_delete(job.thread->tcb);
	sel4_signal(test.a);
	CHECK_EQ(sel4_nb_wait(test.object).badge, 1);
}

/* Deletion */

TEST(notification_deleted_sends_its_waiters_on)
{
	make_objects();
	cptr_t faults = endpoint_new();
	struct job job = { .nr = SYS_WAIT, .cap = test.object };
	job_start(&job, &(struct thread_options){ .fault_ep = faults });
	settle();
	cap_delete(test.a);
	cap_delete(test.b);
	cap_delete(test.c);
	cap_delete(test.object);
	/* It waits again, on an empty slot. */
	struct sel4_msg m = sel4_recv(faults, test.reply);
	CHECK_EQ(m.info, abi_msginfo(FAULT_CAP, 0, 0, 5));
	CHECK_EQ(m.mr[1], test.object);
	CHECK_EQ(m.mr[2], 1);
	CHECK_EQ(m.mr[3], LOOKUP_MISSING_CAPABILITY);
	CHECK_EQ(sel4_get_word(4), 0);
}

TEST(notification_lives_until_its_last_capability_goes)
{
	make_objects();
	struct job job = { .nr = SYS_WAIT, .cap = test.object };
	job_start(&job, NULL);
	settle();
	cap_delete(test.object);
	cap_delete(test.a);
	settle();
	CHECK(!job.done);
	sel4_signal(test.b);
	settle();
	CHECK(job.done);
}

/* Bound notifications: one more thing that a Recv on an endpoint may return with. */

/* A thread with test.object bound, stuck in this call (with a reply object if it takes one). */
static struct thread *bound_thread(struct job *job, enum abi_syscall nr, cptr_t cap)
{
	*job = (struct job){
		.nr = nr, .cap = cap, .r12 = test.reply, .in = message(7, 3, 31, 32, 33, 34)
	};
	struct thread *t = job->thread = thread_new(&(struct thread_options){ 0 });
	CHECK_OK(sel4_tcb_bind_notification(t->tcb, test.object));
	thread_start(t, job_run, (word_t)job);
	settle();
	return t;
}

static void check_signalled(struct job *job, word_t badge)
{
	settle();
	CHECK(job->done);
	CHECK_EQ(job->out.badge, badge);
	/* The registers of the message are as they were. */
	CHECK_EQ(job->out.info, job->in.info);
	CHECK_EQ(memcmp(job->out.mr, job->in.mr, sizeof job->in.mr), 0);
}

TEST(notification_bound_wakes_from_recv)
{
	make_objects();
	struct job job;
	bound_thread(&job, SYS_RECV, test.ep);
	CHECK(!job.done);
	sel4_signal(test.b);
	check_signalled(&job, 2);
	CHECK_EQ(sel4_nb_wait(test.ep).info, 0);
}

TEST(notification_bound_wakes_from_wait_on_the_endpoint)
{
	make_objects();
	struct job job;
	bound_thread(&job, SYS_WAIT, test.ep);
	sel4_signal(test.b);
	check_signalled(&job, 2);
}

TEST(notification_bound_wakes_from_reply_recv)
{
	make_objects();
	struct job job;
	bound_thread(&job, SYS_REPLY_RECV, test.ep);
	CHECK(!job.done);
	sel4_signal(test.c);
	check_signalled(&job, 4);
}

TEST(notification_bound_and_active_ends_recv_at_once)
{
	make_objects();
	struct job job;
	sel4_signal(test.a);
	sel4_signal(test.c);
	bound_thread(&job, SYS_RECV, test.ep);
	check_signalled(&job, 5);
}

TEST(notification_bound_and_active_ends_nb_recv)
{
	make_objects();
	struct job job;
	sel4_signal(test.a);
	bound_thread(&job, SYS_NB_RECV, test.ep);
	check_signalled(&job, 1);
}

TEST(notification_bound_and_active_ends_reply_recv)
{
	make_objects();
	struct job job;
	sel4_signal(test.a);
	bound_thread(&job, SYS_REPLY_RECV, test.ep);
	check_signalled(&job, 1);
}

/* The notification goes before the messages that wait. */
TEST(notification_bound_and_active_before_a_waiting_sender)
{
	make_objects();
	struct job sender = { .nr = SYS_SEND, .cap = test.ep }, job;
	job_start(&sender, NULL);
	settle();
	sel4_signal(test.a);
	bound_thread(&job, SYS_RECV, test.ep);
	check_signalled(&job, 1);
	CHECK(!sender.done);
}

TEST(notification_bound_and_idle_lets_a_message_through)
{
	make_objects();
	struct job job;
	cptr_t badged = cap_mint(test.ep, RIGHTS_ALL, 0x99);
	bound_thread(&job, SYS_RECV, test.ep);
	sel4_send(badged, message(5, 1, 55, 0, 0, 0));
	settle();
	CHECK(job.done);
	CHECK_EQ(job.out.badge, 0x99);
	CHECK_EQ(job.out.mr[0], 55);
}

TEST(notification_bound_frees_the_reply_object)
{
	make_objects();
	struct job job, call = { .nr = SYS_CALL, .cap = test.ep };
	bound_thread(&job, SYS_RECV, test.ep);
	sel4_signal(test.b);
	check_signalled(&job, 2);
	job_start(&call, NULL);
	(void)sel4_recv(test.ep, test.reply);
	sel4_send(test.reply, message(0, 0, 0, 0, 0, 0));
	settle();
	CHECK(call.done);
}

TEST(notification_bound_does_not_wake_from_a_call)
{
	make_objects();
	struct job job;
	bound_thread(&job, SYS_CALL, test.ep);
	sel4_signal(test.a);
	settle();
	CHECK(!job.done);
	(void)sel4_recv(test.ep, test.reply);
	sel4_signal(test.b);
	settle();
	CHECK(!job.done);
	sel4_send(test.reply, message(0, 1, 5, 0, 0, 0));
	settle();
	CHECK(job.done);
	CHECK_EQ(job.out.mr[0], 5);
	CHECK_EQ(job.out.badge, 0);
}

TEST(notification_bound_does_not_wake_from_a_send)
{
	make_objects();
	struct job job;
	bound_thread(&job, SYS_SEND, test.ep);
	sel4_signal(test.a);
	settle();
	CHECK(!job.done);
	CHECK_EQ(sel4_wait(test.ep).mr[0], 31);
}

TEST(notification_bound_does_not_wake_from_another_notification)
{
	make_objects();
	struct job job;
	bound_thread(&job, SYS_WAIT, notification_new());
	sel4_signal(test.a);
	settle();
	CHECK(!job.done);
}

TEST(notification_bound_can_be_waited_for_by_its_thread)
{
	make_objects();
	struct job job;
	bound_thread(&job, SYS_WAIT, test.object);
	sel4_signal(test.a);
	check_signalled(&job, 1);
}

/* Everybody else's wait for it is a fault, even when it is active. */
static void check_foreign_wait(enum abi_syscall nr)
{
	make_objects();
	cptr_t faults = endpoint_new();
	CHECK_OK(sel4_tcb_bind_notification(tcb_new(), test.object));
	sel4_signal(test.a);
	struct job job = { .nr = nr, .cap = test.object, .r12 = test.reply };
	job_start(&job, &(struct thread_options){ .fault_ep = faults });
	struct sel4_msg m = sel4_wait(faults);
	CHECK_EQ(m.info, abi_msginfo(FAULT_CAP, 0, 0, 5));
	CHECK_EQ(m.mr[1], test.object);
	CHECK_EQ(m.mr[2], 1);
	CHECK_EQ(m.mr[3], LOOKUP_MISSING_CAPABILITY);
	CHECK_EQ(sel4_get_word(4), 0);
}

TEST(notification_bound_to_another_thread_cannot_be_waited_for)
{
	check_foreign_wait(SYS_WAIT);
	check_foreign_wait(SYS_NB_WAIT);
	check_foreign_wait(SYS_RECV);
	check_foreign_wait(SYS_NB_RECV);
}

TEST(notification_unbound_does_not_wake)
{
	make_objects();
	struct job job;
	struct thread *t = bound_thread(&job, SYS_RECV, test.ep);
	CHECK_OK(sel4_tcb_unbind_notification(t->tcb));
	sel4_signal(test.a);
	settle();
	CHECK(!job.done);
	CHECK_EQ(sel4_nb_wait(test.object).badge, 1);
}

TEST(notification_bound_while_active_does_not_wake_a_receiver)
{
	make_objects();
	struct job job = { .nr = SYS_RECV, .cap = test.ep, .r12 = test.reply };
	struct thread *t = job_start(&job, NULL);
	settle();
	sel4_signal(test.a);
	CHECK_OK(sel4_tcb_bind_notification(t->tcb, test.object));
	settle();
	CHECK(!job.done);
	/* Only a signal to an idle notification looks at its thread. */
	sel4_signal(test.b);
	settle();
	CHECK(!job.done);
}

TEST(notification_bound_is_deleted)
{
	make_objects();
	struct job job;
	struct thread *t = bound_thread(&job, SYS_RECV, test.ep);
	cap_delete(test.a);
	cap_delete(test.b);
	cap_delete(test.c);
	cap_delete(test.object);
	settle();
	CHECK(!job.done);
	/* Its thread is free for another one. */
	cptr_t other = notification_new();
	CHECK_OK(sel4_tcb_bind_notification(t->tcb, other));
	sel4_signal(cap_mint(other, RIGHTS_ALL, 77));
	check_signalled(&job, 77);
}

TEST(notification_bound_thread_is_deleted)
{
	make_objects();
	struct job job;
	struct thread *t = bound_thread(&job, SYS_RECV, test.ep);
	cap_delete(t->tcb);
	sel4_signal(test.a);
	CHECK_EQ(sel4_nb_wait(test.object).badge, 1);
	CHECK_OK(sel4_tcb_bind_notification(tcb_new(), test.object));
}

TEST(notification_bound_thread_is_suspended)
{
	make_objects();
	struct job job;
	struct thread *t = bound_thread(&job, SYS_RECV, test.ep);
	CHECK_OK(sel4_tcb_suspend(t->tcb));
	sel4_signal(test.a);
	settle();
	CHECK(!job.done);
	CHECK_OK(sel4_tcb_resume(t->tcb));
	check_signalled(&job, 1);
}
