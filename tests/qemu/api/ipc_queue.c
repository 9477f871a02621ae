/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The order in which threads that wait at an endpoint or a notification are served: by priority,
 * first come first served within one; and what a change of priority does to a waiting thread.
 */
#include "jobs.h"

enum { N = 6 };

/* In the order of their coming; the last column: who is served when, by priority, then coming. */
static const struct {
	word_t priority;
	unsigned int place;
} comers[N] = { { 100, 2 }, { 50, 5 }, { 150, 0 }, { 100, 3 }, { 99, 4 }, { 150, 1 } };

static struct job jobs[N];

/* Number i comes after number i - 1 has got stuck. */
static void start_jobs(const struct job *model)
{
	for (unsigned int i = 0; i < N; i++) {
		jobs[i] = *model;
		jobs[i].in = message(7, 1, i, 0, 0, 0);
		job_start_at(&jobs[i], comers[i].priority);
		settle();
		CHECK(!jobs[i].done);
	}
}

static unsigned int comer_at(unsigned int place)
{
	for (unsigned int i = 0; i < N; i++)
		if (comers[i].place == place)
			return i;
	panic("comer_at");
}

static void check_only_done(unsigned int places)
{
	settle();
	for (unsigned int i = 0; i < N; i++)
		CHECK_EQ(jobs[i].done, comers[i].place < places);
}

TEST(queue_of_senders)
{
	cptr_t ep = endpoint_new();
	start_jobs(&(struct job){ .nr = SYS_SEND, .cap = ep });
	for (unsigned int place = 0; place < N; place++) {
		CHECK_EQ(sel4_wait(ep).mr[0], comer_at(place));
		check_only_done(place + 1);
	}
}

TEST(queue_of_callers)
{
	cptr_t ep = endpoint_new(), reply = reply_new();
	start_jobs(&(struct job){ .nr = SYS_CALL, .cap = ep });
	for (unsigned int place = 0; place < N; place++) {
		CHECK_EQ(sel4_recv(ep, reply).mr[0], comer_at(place));
		sel4_send(reply, message(0, 0, 0, 0, 0, 0));
		check_only_done(place + 1);
	}
}

TEST(queue_of_receivers)
{
	cptr_t ep = endpoint_new();
	start_jobs(&(struct job){ .nr = SYS_WAIT, .cap = ep });
	for (unsigned int place = 0; place < N; place++) {
		sel4_nb_send(ep, message(8, 1, place, 0, 0, 0));
		check_only_done(place + 1);
		CHECK_EQ(jobs[comer_at(place)].out.mr[0], place);
	}
	sel4_nb_send(ep, message(8, 1, 0, 0, 0, 0));
}

TEST(queue_of_waiters_for_a_notification)
{
	cptr_t notification = cap_mint(notification_new(), RIGHTS_ALL, 5);
	start_jobs(&(struct job){ .nr = SYS_WAIT, .cap = notification });
	for (unsigned int place = 0; place < N; place++) {
		sel4_signal(notification);
		check_only_done(place + 1);
		CHECK_EQ(jobs[comer_at(place)].out.badge, 5);
	}
	CHECK_EQ(sel4_nb_wait(notification).badge, 0);
}

/* Receivers that came by ReplyRecv stand in the same queue. */
TEST(queue_of_receivers_by_reply_recv)
{
	cptr_t ep = endpoint_new();
	start_jobs(&(struct job){ .nr = SYS_REPLY_RECV, .cap = ep, .r12 = reply_new() });
}

TEST(queue_removal_in_the_middle)
{
	cptr_t ep = endpoint_new();
	start_jobs(&(struct job){ .nr = SYS_SEND, .cap = ep });
	CHECK_OK(sel4_tcb_suspend(jobs[comer_at(2)].thread->tcb));
	CHECK_OK(sel4_tcb_suspend(jobs[comer_at(5)].thread->tcb));
	CHECK_OK(sel4_tcb_suspend(jobs[comer_at(0)].thread->tcb));
	CHECK_EQ(sel4_wait(ep).mr[0], comer_at(1));
	CHECK_EQ(sel4_wait(ep).mr[0], comer_at(3));
	CHECK_EQ(sel4_wait(ep).mr[0], comer_at(4));
	CHECK_EQ(sel4_nb_wait(ep).info, 0);
}

TEST(queue_place_is_lost_by_suspending)
{
	cptr_t ep = endpoint_new();
	start_jobs(&(struct job){ .nr = SYS_SEND, .cap = ep });
	struct job *first = &jobs[comer_at(0)], *second = &jobs[comer_at(1)];
	CHECK_OK(sel4_tcb_suspend(first->thread->tcb));
	CHECK_OK(sel4_tcb_resume(first->thread->tcb));
	settle();
	CHECK_EQ(sel4_wait(ep).mr[0], second->in.mr[0]);
	CHECK_EQ(sel4_wait(ep).mr[0], first->in.mr[0]);
}

static void set_priority(unsigned int comer, word_t priority)
{
	CHECK_OK(sel4_tcb_set_priority(jobs[comer].thread->tcb, INIT_TCB, priority));
}

TEST(queue_priority_raised_while_sending)
{
	cptr_t ep = endpoint_new();
	start_jobs(&(struct job){ .nr = SYS_SEND, .cap = ep });
	set_priority(1, 200);
	CHECK_EQ(sel4_wait(ep).mr[0], 1);
	CHECK_EQ(sel4_wait(ep).mr[0], 2);
}

TEST(queue_priority_lowered_while_sending)
{
	cptr_t ep = endpoint_new();
	start_jobs(&(struct job){ .nr = SYS_SEND, .cap = ep });
	set_priority(2, 10);
	CHECK_EQ(sel4_wait(ep).mr[0], 5);
	for (int i = 0; i < 4; i++)
		CHECK_NE(sel4_wait(ep).mr[0], 2);
	CHECK_EQ(sel4_wait(ep).mr[0], 2);
}

/* The thread goes behind the others of its new priority, even if that is its old one. */
TEST(queue_priority_set_again_while_sending)
{
	cptr_t ep = endpoint_new();
	start_jobs(&(struct job){ .nr = SYS_SEND, .cap = ep });
	set_priority(2, 150);
	CHECK_EQ(sel4_wait(ep).mr[0], 5);
	CHECK_EQ(sel4_wait(ep).mr[0], 2);
}

TEST(queue_priority_raised_while_receiving)
{
	cptr_t ep = endpoint_new();
	start_jobs(&(struct job){ .nr = SYS_WAIT, .cap = ep });
	set_priority(1, 200);
	sel4_nb_send(ep, message(8, 0, 0, 0, 0, 0));
	settle();
	CHECK(jobs[1].done);
	CHECK(!jobs[2].done);
}

TEST(queue_priority_raised_while_waiting)
{
	cptr_t notification = notification_new();
	start_jobs(&(struct job){ .nr = SYS_WAIT, .cap = notification });
	set_priority(1, 200);
	sel4_signal(notification);
	settle();
	CHECK(jobs[1].done);
	CHECK(!jobs[2].done);
}

TEST(queue_priority_by_sched_params)
{
	cptr_t notification = notification_new();
	start_jobs(&(struct job){ .nr = SYS_WAIT, .cap = notification });
	struct thread *t = jobs[1].thread;
	CHECK_OK(sel4_tcb_set_sched_params(t->tcb, INIT_TCB, 255, 200, t->sched_context,
	                                   thread_fault_ep));
	sel4_signal(notification);
	settle();
	CHECK(jobs[1].done);
	CHECK(!jobs[2].done);
}

TEST(queue_of_a_deleted_endpoint_is_empty_again)
{
	cptr_t ep = endpoint_new();
	start_jobs(&(struct job){ .nr = SYS_SEND, .cap = ep });
	cap_delete(ep);
	check_only_done(N);
}

TEST(queue_cancel_badged_sends_cancels_these_only)
{
	cptr_t ep = endpoint_new();
	cptr_t odd = cap_mint(ep, RIGHTS_ALL, 1), even = cap_mint(ep, RIGHTS_ALL, 2);
	for (unsigned int i = 0; i < N; i++) {
		jobs[i] = (struct job){ .nr = SYS_SEND,
			                .cap = i % 2 ? odd : even,
			                .in = message(7, 1, i, 0, 0, 0) };
		job_start_at(&jobs[i], comers[i].priority);
	}
	settle();
	/* The cancelled ones send again: let that be noticed. */
	for (unsigned int i = 1; i < N; i += 2)
		set_priority(i, 20 - i);
	CHECK_OK(sel4_cnode_cancel_badged_sends(slot(odd)));
	settle();
	static const unsigned int order[N] = { 2, 0, 4, 1, 3, 5 };
	for (unsigned int i = 0; i < N; i++) {
		struct sel4_msg m = sel4_wait(ep);
		CHECK_EQ(m.mr[0], order[i]);
		CHECK_EQ(m.badge, m.mr[0] % 2 ? 1 : 2);
	}
}
