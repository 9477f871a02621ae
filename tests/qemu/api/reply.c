/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Reply objects with receivers that have scheduling contexts of their own: one answer for each
 * call, use of one object by several, deletion at each moment. The scheduling contexts that
 * calls carry with them are the subject of reply_stack.c.
 */
#include "servers.h"

static struct {
	cptr_t ep, reply;
} test;

static void make_objects(void)
{
	test.ep = endpoint_new();
	test.reply = reply_new();
}

/* A helper calls test.ep with this word; the call is taken by main with test.reply. */
static struct thread *take_call(struct job *job, word_t word)
{
	*job = (struct job){ .nr = SYS_CALL, .cap = test.ep, .in = message(7, 1, word, 0, 0, 0) };
	job_start(job, NULL);
	CHECK_EQ(sel4_recv(test.ep, test.reply).mr[0], word);
	return job->thread;
}

static void answer(cptr_t reply, word_t word)
{
	sel4_send(reply, message(8, 1, word, 0, 0, 0));
}

static void check_answered(struct job *job, word_t word)
{
	settle();
	CHECK(job->done);
	CHECK_EQ(job->out.info, abi_msginfo(8, 0, 0, 1));
	CHECK_EQ(job->out.mr[0], word);
	CHECK_EQ(job->out.badge, 0);
}

/* The caller has been taken off its call: it waits for nothing, and resumed, it calls again. */
static void check_cancelled(struct job *job)
{
	settle();
	CHECK(!job->done);
	CHECK_OK(sel4_tcb_resume(job->thread->tcb));
	cptr_t reply = reply_new();
	CHECK_EQ(sel4_recv(job->cap, reply).mr[0], job->in.mr[0]);
	answer(reply, 71);
	check_answered(job, 71);
}

TEST(reply_on_an_unused_object_is_no_error)
{
	make_objects();
	answer(test.reply, 1);
	sel4_nb_send(test.reply, message(8, 1, 1, 0, 0, 0));
	struct sel4_msg m = sel4_call(test.reply, message(8, 4, 1, 2, 3, 4));
	CHECK_EQ(m.info, 0);
	CHECK_EQ(m.badge, 0);
	CHECK_EQ(m.mr[0], 1);
}

TEST(reply_by_each_kind_of_send)
{
	make_objects();
	struct job job;
	take_call(&job, 1);
	sel4_send(test.reply, message(8, 1, 21, 0, 0, 0));
	check_answered(&job, 21);
	take_call(&job, 2);
	sel4_nb_send(test.reply, message(8, 1, 22, 0, 0, 0));
	check_answered(&job, 22);
	take_call(&job, 3);
	struct sel4_msg m = sel4_call(test.reply, message(8, 1, 23, 0, 0, 0));
	CHECK_EQ(m.info, 0);
	check_answered(&job, 23);
	take_call(&job, 4);
	cptr_t poll = cap_mint(notification_new(), RIGHTS_ALL, 6);
	sel4_signal(poll);
	m = sel4_nb_send_wait(test.reply, message(8, 1, 24, 0, 0, 0), poll);
	CHECK_EQ(m.badge, 6);
	check_answered(&job, 24);
}

TEST(reply_works_once)
{
	make_objects();
	struct job job, next;
	take_call(&job, 1);
	answer(test.reply, 21);
	check_answered(&job, 21);
	next = (struct job){ .nr = SYS_CALL, .cap = test.ep, .in = message(7, 1, 2, 0, 0, 0) };
	job_start(&next, NULL);
	settle();
	answer(test.reply, 22);
	settle();
	CHECK(!next.done);
}

TEST(reply_object_is_used_again)
{
	make_objects();
	for (word_t i = 0; i < 8; i++) {
		struct job job;
		take_call(&job, i);
		answer(test.reply, 20 + i);
		check_answered(&job, 20 + i);
	}
}

TEST(reply_by_a_copy_of_the_capability)
{
	make_objects();
	struct job job;
	cptr_t copy = cap_copy(test.reply, 0);
	take_call(&job, 1);
	answer(copy, 21);
	check_answered(&job, 21);
}

TEST(reply_by_another_thread)
{
	make_objects();
	struct job job,
	        other = { .nr = SYS_SEND, .cap = test.reply, .in = message(8, 1, 21, 0, 0, 0) };
	take_call(&job, 1);
	job_start(&other, NULL);
	check_answered(&job, 21);
}

TEST(reply_objects_hold_several_callers)
{
	make_objects();
	struct job jobs[4];
	cptr_t replies[4];
	for (unsigned int i = 0; i < 4; i++) {
		replies[i] = test.reply = reply_new();
		take_call(&jobs[i], i);
	}
	static const unsigned int order[] = { 2, 0, 3, 1 };
	for (unsigned int i = 0; i < 4; i++) {
		answer(replies[order[i]], 20 + i);
		check_answered(&jobs[order[i]], 20 + i);
	}
}

TEST(reply_object_of_a_waiting_caller_used_again_cancels_it)
{
	make_objects();
	struct job old, new;
	take_call(&old, 1);
	take_call(&new, 2);
	answer(test.reply, 22);
	check_answered(&new, 22);
	check_cancelled(&old);
}

TEST(reply_object_used_again_by_nb_recv_cancels_too)
{
	make_objects();
	struct job old;
	take_call(&old, 1);
	CHECK_EQ(sel4_nb_recv(test.ep, test.reply).info, 0);
	answer(test.reply, 21);
	check_cancelled(&old);
}

TEST(reply_object_used_by_another_receiver_cancels_the_caller)
{
	make_objects();
	struct job old, receiver = { .nr = SYS_RECV, .cap = endpoint_new(), .r12 = test.reply };
	take_call(&old, 1);
	job_start(&receiver, NULL);
	settle();
	answer(test.reply, 21);
	check_cancelled(&old);
	CHECK(!receiver.done);
}

TEST(reply_object_of_a_waiting_receiver_used_by_another_cancels_it)
{
	make_objects();
	struct job first = { .nr = SYS_RECV, .cap = test.ep, .r12 = test.reply };
	struct job second = first;
	job_start(&first, NULL);
	settle();
	job_start(&second, NULL);
	settle();
	sel4_nb_send(test.ep, message(7, 1, 5, 0, 0, 0));
	settle();
	CHECK(!first.done);
	CHECK(second.done);
	sel4_nb_send(test.ep, message(7, 1, 6, 0, 0, 0));
	settle();
	CHECK(!first.done);
	CHECK_OK(sel4_tcb_resume(first.thread->tcb));
	settle();
	sel4_nb_send(test.ep, message(7, 1, 7, 0, 0, 0));
	settle();
	CHECK(first.done);
	CHECK_EQ(first.out.mr[0], 7);
}

TEST(reply_object_is_free_after_a_plain_message)
{
	make_objects();
	struct job receiver = { .nr = SYS_RECV, .cap = test.ep, .r12 = test.reply };
	job_start(&receiver, NULL);
	settle();
	sel4_send(test.ep, message(7, 1, 5, 0, 0, 0));
	settle();
	CHECK(receiver.done);
	struct job job;
	take_call(&job, 1);
	answer(test.reply, 21);
	check_answered(&job, 21);
}

TEST(reply_object_is_free_after_its_receiver_was_suspended)
{
	make_objects();
	struct job receiver = { .nr = SYS_RECV, .cap = endpoint_new(), .r12 = test.reply };
	job_start(&receiver, NULL);
	settle();
	CHECK_OK(sel4_tcb_suspend(receiver.thread->tcb));
	struct job job;
	take_call(&job, 1);
	/* The receiver has nothing to do with it any more. */
	cap_delete(receiver.thread->tcb);
	answer(test.reply, 21);
	check_answered(&job, 21);
}

TEST(reply_to_a_suspended_caller_goes_nowhere)
{
	make_objects();
	struct job job;
	take_call(&job, 1);
	CHECK_OK(sel4_tcb_suspend(job.thread->tcb));
	answer(test.reply, 21);
	check_cancelled(&job);
}

TEST(reply_to_a_resumed_caller_goes_nowhere)
{
	make_objects();
	struct job job;
	take_call(&job, 1);
	CHECK_OK(sel4_tcb_resume(job.thread->tcb));
	answer(test.reply, 21);
	settle();
	CHECK(!job.done);
	CHECK_EQ(sel4_recv(test.ep, test.reply).mr[0], 1);
	answer(test.reply, 22);
	check_answered(&job, 22);
}

TEST(reply_to_a_deleted_caller_goes_nowhere)
{
	make_objects();
	struct job job;
	take_call(&job, 1);
	cap_delete(job.thread->tcb);
	answer(test.reply, 21);
	take_call(&job, 2);
	answer(test.reply, 22);
	check_answered(&job, 22);
}

TEST(reply_object_deleted_while_called)
{
	make_objects();
	struct job job;
	take_call(&job, 1);
	cap_delete(test.reply);
	check_cancelled(&job);
}

TEST(reply_object_revoked_while_called_stays)
{
	make_objects();
	struct job job;
	cptr_t copy = cap_copy(test.reply, RIGHTS_ALL);
	take_call(&job, 1);
	cap_revoke(test.reply);
	CHECK(slot_is_empty(copy));
	answer(test.reply, 21);
	check_answered(&job, 21);
}

TEST(reply_object_lives_until_its_last_capability_goes)
{
	make_objects();
	struct job job;
	cptr_t copy = cap_copy(test.reply, RIGHTS_ALL);
	take_call(&job, 1);
	cap_delete(test.reply);
	settle();
	answer(copy, 21);
	check_answered(&job, 21);
	test.reply = copy;
	take_call(&job, 2);
	cap_delete(copy);
	check_cancelled(&job);
}

TEST(reply_object_deleted_while_waited_with)
{
	make_objects();
	struct job job = { .nr = SYS_RECV, .cap = test.ep, .r12 = test.reply };
	job_start(&job, &(struct thread_options){ .no_fault_ep = true });
	settle();
	cap_delete(test.reply);
	sel4_nb_send(test.ep, message(7, 1, 5, 0, 0, 0));
	settle();
	CHECK(!job.done);
	/* The receiver has left the endpoint: a sender has to wait. */
	struct job sender = { .nr = SYS_SEND, .cap = test.ep };
	job_start(&sender, NULL);
	settle();
	CHECK(!sender.done);
}

TEST(reply_object_deleted_with_its_untyped)
{
	make_objects();
	cptr_t untyped = untyped_new(12);
	test.reply = slot_new();
	CHECK_OK(sel4_untyped_retype(untyped, OBJ_REPLY, 0, root_node(), test.reply, 1));
	struct job job;
	take_call(&job, 1);
	cap_revoke(untyped);
	check_cancelled(&job);
}

TEST(reply_wakes_a_caller_of_higher_priority_at_once)
{
	make_objects();
	struct job job = { .nr = SYS_CALL, .cap = test.ep, .in = message(7, 1, 1, 0, 0, 0) };
	job_start_at(&job, 200);
	(void)sel4_recv(test.ep, test.reply);
	CHECK_OK(sel4_tcb_set_priority(INIT_TCB, INIT_TCB, 150));
	answer(test.reply, 2);
	bool done = job.done;
	CHECK_OK(sel4_tcb_set_priority(INIT_TCB, INIT_TCB, 255));
	CHECK(done);
}

TEST(reply_to_a_caller_of_lower_priority_does_not_yield)
{
	make_objects();
	struct job job;
	take_call(&job, 1);
	answer(test.reply, 2);
	CHECK(!job.done);
	check_answered(&job, 2);
}

/* A server of its own context keeps it, and so does its client. */
TEST(reply_of_an_active_server_moves_no_context)
{
	struct server server = { 0 };
	server_start(&server, NULL, 120, false);
	struct job job;
	struct thread *client = client_start(&job, &server);
	settle();
	CHECK_EQ(server.entered, 1);
	CHECK(has_context(client->tcb));
	CHECK(has_context(server.thread->tcb));
	sel4_signal(server.gate);
	check_answered(&job, 11);
	CHECK(has_context(client->tcb));
	CHECK(has_context(server.thread->tcb));
}

TEST(reply_of_an_active_server_after_the_clients_context_is_gone)
{
	struct server server = { 0 };
	server_start(&server, NULL, 120, false);
	struct job job;
	struct thread *client = client_start(&job, &server);
	settle();
	cap_delete(client->sched_context);
	sel4_signal(server.gate);
	settle();
	CHECK_EQ(server.left, 1);
	CHECK(!job.done);
	CHECK_OK(sel4_sched_context_bind(sched_context_new(), client->tcb));
	check_answered(&job, 11);
}
