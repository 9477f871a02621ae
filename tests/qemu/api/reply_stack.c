/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Calls to passive servers: the caller's scheduling context goes along and comes back with the
 * answer. The reply objects of one context form a stack; what becomes of the context when
 * something in that stack goes away is a rule for each place. seL4 manual, section 6.1.8
 * (Passive threads).
 *
 * The chain is client -> servers[0] -> servers[1] -> servers[2], the last one at its gate.
 */
#include "servers.h"

static struct {
	struct server servers[3];
	struct server *last;
	struct job job;
	struct thread *client;
	cptr_t sc; /* the client's scheduling context */
} test;

/* A call that has got as far as the last of count servers. */
static void start_chain(unsigned int count)
{
	servers_start(test.servers, count);
	test.last = &test.servers[count - 1];
	test.client = client_start(&test.job, &test.servers[0]);
	test.sc = test.client->sched_context;
	settle();
	CHECK_EQ(test.last->entered, 1);
	CHECK_EQ(test.last->left, 0);
	CHECK(!test.job.done);
}

static void open_gate(void)
{
	sel4_signal(test.last->gate);
	settle();
}

static cptr_t server_tcb(unsigned int i)
{
	return test.servers[i].thread->tcb;
}

static void give_context(cptr_t tcb)
{
	CHECK_OK(sel4_sched_context_bind(sched_context_new(), tcb));
	settle();
}

/* The client's context is with this thread, and with nobody else of the chain. */
static void check_context_with(cptr_t tcb, unsigned int count)
{
	CHECK(has_context(tcb));
	if (tcb != test.client->tcb)
		CHECK(!has_context(test.client->tcb));
	for (unsigned int i = 0; i < count; i++)
		if (tcb != server_tcb(i))
			CHECK(!has_context(server_tcb(i)));
}

static void check_job_done(word_t count)
{
	CHECK(test.job.done);
	CHECK_EQ(test.job.out.info, abi_msginfo(8, 0, 0, 1));
	CHECK_EQ(test.job.out.mr[0], 10 + count);
}

TEST(stack_of_one)
{
	start_chain(1);
	check_context_with(server_tcb(0), 1);
	open_gate();
	check_job_done(1);
	check_context_with(test.client->tcb, 1);
}

TEST(stack_of_two)
{
	start_chain(2);
	check_context_with(server_tcb(1), 2);
	open_gate();
	check_job_done(2);
	check_context_with(test.client->tcb, 2);
}

TEST(stack_of_three)
{
	start_chain(3);
	check_context_with(server_tcb(2), 3);
	open_gate();
	check_job_done(3);
	check_context_with(test.client->tcb, 3);
}

static word_t call_often(word_t arg)
{
	(void)arg;
	for (int i = 0; i < 200; i++) {
		if (!test.last->gate_is_open)
			sel4_signal(test.last->gate);
		struct sel4_msg m = sel4_call(test.servers[0].ep, message(7, 1, 10, 0, 0, 0));
		CHECK_EQ(m.info, abi_msginfo(8, 0, 0, 1));
		CHECK_EQ(m.mr[0], 13);
	}
	return 0;
}

TEST(stack_of_three_used_often)
{
	servers_start(test.servers, 3);
	test.last = &test.servers[2];
	thread_join(thread_run(call_often, 0));
	for (unsigned int i = 0; i < 3; i++)
		CHECK_EQ(test.servers[i].left, 200);
}

TEST(stack_of_three_used_by_two_clients)
{
	servers_start(test.servers, 3);
	test.last = &test.servers[2];
	/* Signals of two clients would become one. */
	test.last->gate_is_open = true;
	struct thread *a = thread_new(&(struct thread_options){ .budget_us = 1000 });
	struct thread *b = thread_new(&(struct thread_options){ .budget_us = 1000 });
	thread_start(a, call_often, 0);
	thread_start(b, call_often, 0);
	thread_join(a);
	thread_join(b);
	CHECK(has_context(a->tcb));
	CHECK(has_context(b->tcb));
	for (unsigned int i = 0; i < 3; i++)
		CHECK(!has_context(server_tcb(i)));
}

/* An active server in the middle calls on with its own context. */
TEST(stack_around_an_active_server)
{
	servers_start(test.servers, 3);
	test.last = &test.servers[2];
	CHECK_OK(sel4_sched_context_bind(test.servers[1].thread->sched_context, server_tcb(1)));
	test.client = client_start(&test.job, &test.servers[0]);
	settle();
	CHECK(!has_context(test.client->tcb));
	CHECK(has_context(server_tcb(0)));
	CHECK(!has_context(server_tcb(1)));
	CHECK(has_context(server_tcb(2)));
	open_gate();
	check_job_done(3);
	CHECK(has_context(test.client->tcb));
	CHECK(!has_context(server_tcb(0)));
	CHECK(has_context(server_tcb(1)));
	CHECK(!has_context(server_tcb(2)));
}

/* Servers that wait for a client get the one of higher priority first. */
TEST(stack_second_client_waits_for_the_first)
{
	start_chain(1);
	struct job low, high;
	low = high = test.job;
	low.in.mr[0] = 20;
	high.in.mr[0] = 30;
	job_start_at(&low, 40);
	job_start_at(&high, 50);
	settle();
	CHECK_EQ(test.last->entered, 1);
	open_gate();
	check_job_done(1);
	CHECK_EQ(test.last->entered, 2);
	open_gate();
	CHECK(high.done);
	CHECK(!low.done);
	open_gate();
	CHECK(low.done);
	CHECK_EQ(high.out.mr[0], 31);
	CHECK_EQ(low.out.mr[0], 21);
}

/* Answers from elsewhere */

/* Whoever answers a passive server's client takes the context away from the server. */
TEST(stack_answered_from_outside)
{
	start_chain(1);
	sel4_send(test.last->reply, message(8, 1, 11, 0, 0, 0));
	settle();
	check_job_done(1);
	check_context_with(test.client->tcb, 1);
	open_gate();
	CHECK_EQ(test.last->left, 0);
	give_context(server_tcb(0));
	CHECK_EQ(test.last->left, 1);
}

/* A passive server that answers by Send has given its context away, and stands still. */
TEST(stack_answered_by_send)
{
	servers_start(test.servers, 1);
	test.last = &test.servers[0];
	test.last->by_send = true;
	test.client = client_start(&test.job, test.last);
	settle();
	open_gate();
	check_job_done(1);
	check_context_with(test.client->tcb, 1);
	struct job next;
	client_start(&next, test.last);
	settle();
	CHECK_EQ(test.last->entered, 1);
	give_context(server_tcb(0));
	CHECK_EQ(test.last->entered, 2);
}

/* Suspending, deleting and resuming threads of a call in progress */

TEST(stack_client_suspended)
{
	start_chain(2);
	CHECK_OK(sel4_tcb_suspend(test.client->tcb));
	open_gate();
	/* The answer comes as far as the first server, which then has a context of its own. */
	CHECK_EQ(test.servers[1].left, 1);
	CHECK_EQ(test.servers[0].left, 1);
	CHECK(!test.job.done);
	check_context_with(server_tcb(0), 2);
	CHECK_OK(sel4_tcb_resume(test.client->tcb));
	settle();
	CHECK_EQ(test.servers[0].entered, 1);
	CHECK_OK(sel4_sched_context_unbind(test.sc));
	CHECK_OK(sel4_sched_context_bind(test.sc, test.client->tcb));
	settle();
	CHECK_EQ(test.servers[0].entered, 2);
	open_gate();
	check_job_done(2);
}

TEST(stack_client_of_one_suspended)
{
	start_chain(1);
	CHECK_OK(sel4_tcb_suspend(test.client->tcb));
	check_context_with(server_tcb(0), 1);
	open_gate();
	CHECK_EQ(test.last->left, 1);
	check_context_with(server_tcb(0), 1);
}

TEST(stack_client_deleted)
{
	start_chain(1);
	cap_delete(test.client->tcb);
	open_gate();
	CHECK_EQ(test.last->left, 1);
	CHECK(has_context(server_tcb(0)));
	CHECK_OK(sel4_sched_context_unbind_object(test.sc, server_tcb(0)));
	test.client = client_start(&test.job, &test.servers[0]);
	settle();
	open_gate();
	check_job_done(1);
}

TEST(stack_middle_server_suspended)
{
	start_chain(2);
	CHECK_OK(sel4_tcb_suspend(server_tcb(0)));
	open_gate();
	/* Its reply object leaves the stack: the answer is lost, the context stays where it is. */
	CHECK_EQ(test.servers[1].left, 1);
	CHECK_EQ(test.servers[0].left, 0);
	check_context_with(server_tcb(1), 2);
	/* Resumed, it makes its call once more, as soon as it has a context. */
	CHECK_OK(sel4_tcb_resume(server_tcb(0)));
	give_context(server_tcb(0));
	CHECK_EQ(test.servers[1].entered, 2);
	open_gate();
	CHECK_EQ(test.servers[0].left, 1);
	CHECK(!test.job.done);
	give_context(test.client->tcb);
	check_job_done(2);
}

TEST(stack_middle_server_deleted)
{
	start_chain(2);
	cap_delete(server_tcb(0));
	open_gate();
	CHECK_EQ(test.servers[1].left, 1);
	CHECK(has_context(server_tcb(1)));
	CHECK(!has_context(test.client->tcb));
	/* The client still waits for an answer; it comes without a context. */
	sel4_send(test.servers[0].reply, message(8, 1, 12, 0, 0, 0));
	settle();
	CHECK(!test.job.done);
	CHECK_OK(sel4_sched_context_unbind(test.sc));
	CHECK_OK(sel4_sched_context_bind(test.sc, test.client->tcb));
	settle();
	check_job_done(2);
}

TEST(stack_last_server_suspended)
{
	start_chain(2);
	CHECK_OK(sel4_tcb_suspend(server_tcb(1)));
	check_context_with(server_tcb(1), 2);
	sel4_send(test.servers[1].reply, message(8, 1, 11, 0, 0, 0));
	settle();
	check_job_done(2);
	check_context_with(test.client->tcb, 2);
}

TEST(stack_last_server_deleted)
{
	start_chain(2);
	cap_delete(server_tcb(1));
	CHECK(!has_context(server_tcb(0)));
	CHECK(!has_context(test.client->tcb));
	CHECK(!context_is_bound(test.sc));
	/* The stack still knows where the context has to go. */
	sel4_send(test.servers[1].reply, message(8, 1, 11, 0, 0, 0));
	settle();
	check_job_done(2);
	CHECK(has_context(test.client->tcb));
	CHECK(!has_context(server_tcb(0)));
}

/* Deleting reply objects of a call in progress */

/* The server has another one afterwards, under the same name. */
static void replace_reply_object(unsigned int i)
{
	cptr_t name = test.servers[i].reply;
	cap_delete(name);
	CHECK_OK(sel4_cnode_move(slot(name), slot(reply_new())));
}

TEST(stack_only_reply_object_deleted)
{
	start_chain(1);
	cap_delete(test.last->reply);
	check_context_with(test.client->tcb, 1);
	open_gate();
	CHECK_EQ(test.last->left, 0);
	/* The client is off its call, with its context. */
	CHECK_OK(sel4_tcb_resume(test.client->tcb));
	cptr_t reply = reply_new();
	CHECK_EQ(sel4_recv(test.last->ep, reply).mr[0], 10);
	sel4_send(reply, message(8, 1, 11, 0, 0, 0));
	settle();
	check_job_done(1);
}

TEST(stack_last_reply_object_deleted)
{
	start_chain(2);
	cap_delete(test.servers[1].reply);
	check_context_with(server_tcb(0), 2);
	/* The rest of the stack is whole. */
	CHECK_OK(sel4_tcb_resume(server_tcb(0)));
	settle();
	cptr_t reply = reply_new();
	CHECK_EQ(sel4_recv(test.servers[1].ep, reply).mr[0], 10);
	sel4_send(reply, message(8, 1, 11, 0, 0, 0));
	settle();
	check_job_done(2);
	check_context_with(test.client->tcb, 2);
}

TEST(stack_first_reply_object_deleted)
{
	start_chain(2);
	replace_reply_object(0);
	check_context_with(server_tcb(1), 2);
	open_gate();
	/* The context comes back as far as the gap. */
	CHECK_EQ(test.servers[0].left, 1);
	CHECK(!test.job.done);
	check_context_with(server_tcb(0), 2);
}

TEST(stack_middle_reply_object_deleted)
{
	start_chain(3);
	replace_reply_object(1);
	open_gate();
	CHECK_EQ(test.servers[2].left, 1);
	CHECK_EQ(test.servers[1].left, 1);
	CHECK_EQ(test.servers[0].left, 0);
	check_context_with(server_tcb(1), 3);
	/* The first server was in the call whose answer was lost: it is off it. The client's
	 * call is still good, but its answer brings no context. */
	CHECK_OK(sel4_tcb_resume(server_tcb(0)));
	give_context(server_tcb(0));
	CHECK_EQ(test.servers[1].entered, 2);
	open_gate();
	CHECK_EQ(test.servers[0].left, 1);
	CHECK(!test.job.done);
	give_context(test.client->tcb);
	check_job_done(3);
}

/* The scheduling context itself */

TEST(stack_context_deleted)
{
	start_chain(2);
	cap_delete(test.sc);
	open_gate();
	CHECK_EQ(test.servers[1].left, 0);
	/* Each answer is given, but brings no context. */
	give_context(server_tcb(1));
	CHECK_EQ(test.servers[1].left, 1);
	CHECK_EQ(test.servers[0].left, 0);
	give_context(server_tcb(0));
	CHECK_EQ(test.servers[0].left, 1);
	CHECK(!test.job.done);
	give_context(test.client->tcb);
	check_job_done(2);
	CHECK(has_context(server_tcb(0)));
	CHECK(has_context(server_tcb(1)));
}

TEST(stack_context_unbound)
{
	start_chain(2);
	CHECK_OK(sel4_sched_context_unbind(test.sc));
	CHECK(!context_is_bound(test.sc));
	open_gate();
	CHECK_EQ(test.servers[1].left, 0);
	/* The context has left the stack: bound to the client, it stays there. */
	CHECK_OK(sel4_sched_context_bind(test.sc, test.client->tcb));
	give_context(server_tcb(1));
	CHECK_EQ(test.servers[1].left, 1);
	CHECK_EQ(test.servers[0].left, 0);
	give_context(server_tcb(0));
	check_job_done(2);
	CHECK(has_context(server_tcb(0)));
	CHECK(has_context(server_tcb(1)));
}

/* UnbindObject takes the context from the thread, not from the stack: a spare context can
 * finish the work, and the answer still gives the right one back. */
TEST(stack_context_unbound_from_the_server_only)
{
	start_chain(2);
	CHECK_OK(sel4_sched_context_unbind_object(test.sc, server_tcb(1)));
	open_gate();
	CHECK_EQ(test.servers[1].left, 0);
	give_context(server_tcb(1));
	CHECK_EQ(test.servers[1].left, 1);
	check_job_done(2);
	CHECK(has_context(test.client->tcb));
	CHECK(!has_context(server_tcb(0)));
	CHECK(has_context(server_tcb(1)));
	CHECK(context_is_bound(test.sc));
}

/* The same, and the client's context is somebody else's by then. */
TEST(stack_context_is_taken_back_from_whoever_has_it)
{
	start_chain(1);
	CHECK_OK(sel4_sched_context_unbind_object(test.sc, server_tcb(0)));
	struct thread *other = thread_new(&(struct thread_options){ .passive = true });
	CHECK_OK(sel4_sched_context_bind(test.sc, other->tcb));
	give_context(server_tcb(0));
	open_gate();
	check_job_done(1);
	CHECK(has_context(test.client->tcb));
	CHECK(!has_context(other->tcb));
}

TEST(stack_client_got_another_context_meanwhile)
{
	start_chain(1);
	give_context(test.client->tcb);
	CHECK(!test.job.done);
	open_gate();
	check_job_done(1);
	/* It cannot take two, so the server keeps the first one. */
	CHECK(has_context(server_tcb(0)));
	CHECK(context_is_bound(test.sc));
	CHECK_OK(sel4_sched_context_unbind_object(test.sc, server_tcb(0)));
}

/* Donation without a call */

/* A plain message lends nothing: its receiver has it, and stands still. */
TEST(stack_send_donates_nothing)
{
	struct job receiver = { .nr = SYS_RECV, .cap = endpoint_new(), .r12 = reply_new() };
	job_start_at(&receiver, 120);
	settle();
	make_passive(receiver.thread);
	struct job sender = { .nr = SYS_SEND, .cap = receiver.cap, .in = { 0 } };
	job_start(&sender, NULL);
	settle();
	CHECK(sender.done);
	CHECK(!receiver.done);
	give_context(receiver.thread->tcb);
	CHECK(receiver.done);
}

/* The sending half of NBSendRecv and NBSendWait gives the sender's context away for good. */
static void check_donation_by(enum abi_syscall nr)
{
	struct job receiver = { .nr = SYS_RECV, .cap = endpoint_new(), .r12 = reply_new() };
	job_start_at(&receiver, 120);
	settle();
	make_passive(receiver.thread);
	cptr_t own = endpoint_new();
	struct job sender = { .nr = nr,
		              .cap = own,
		              .r12 = nr == SYS_NB_SEND_WAIT ? receiver.cap : reply_new(),
		              .r13 = receiver.cap,
		              .in = message(7, 1, 5, 0, 0, 0) };
	job_start(&sender, NULL);
	settle();
	CHECK(receiver.done);
	CHECK_EQ(receiver.out.mr[0], 5);
	CHECK(has_context(receiver.thread->tcb));
	CHECK(!has_context(sender.thread->tcb));
	/* The sender is in its second half, passive: it gets a context with a call. */
	struct job call = { .nr = SYS_CALL, .cap = own, .in = message(7, 1, 6, 0, 0, 0) };
	job_start(&call, NULL);
	settle();
	CHECK_EQ(sender.done, nr == SYS_NB_SEND_RECV);
}

TEST(stack_nb_send_recv_donates)
{
	check_donation_by(SYS_NB_SEND_RECV);
}

TEST(stack_nb_send_wait_donates)
{
	check_donation_by(SYS_NB_SEND_WAIT);
}

/* Two threads that hand one context to and fro. */
_Noreturn static word_t play(word_t arg)
{
	cptr_t *eps = (cptr_t *)arg;
	struct sel4_msg m = sel4_wait(eps[0]);
	for (;;) {
		m.mr[0]++;
		m = sel4_nb_send_wait(eps[1], m, eps[0]);
	}
}

TEST(stack_one_context_for_two_players)
{
	cptr_t a = endpoint_new(), b = endpoint_new(), end = endpoint_new();
	cptr_t first[] = { a, b }, second[] = { b, end };
	struct thread *p = thread_run(play, (word_t)first), *q = thread_run(play, (word_t)second);
	settle();
	make_passive(p);
	make_passive(q);
	struct job job = {
		.nr = SYS_NB_SEND_WAIT, .cap = end, .r12 = a, .in = message(7, 1, 10, 0, 0, 0)
	};
	for (int i = 0; i < 3; i++) {
		struct thread *t = job_start(&job, NULL);
		settle();
		CHECK(job.done);
		CHECK_EQ(job.out.mr[0], 12);
		CHECK(has_context(t->tcb));
		CHECK(!has_context(p->tcb));
		CHECK(!has_context(q->tcb));
	}
}

/* A passive receiver that has no reply object keeps nobody's context. */
TEST(stack_call_without_reply_object)
{
	struct job receiver = { .nr = SYS_WAIT, .cap = endpoint_new() };
	job_start_at(&receiver, 120);
	settle();
	make_passive(receiver.thread);
	struct job call = { .nr = SYS_CALL, .cap = receiver.cap };
	job_start(&call, NULL);
	settle();
	CHECK(!receiver.done);
	CHECK(has_context(call.thread->tcb));
	give_context(receiver.thread->tcb);
	CHECK(receiver.done);
	CHECK(!call.done);
}
