/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Messages through endpoints: every system call that sends or receives one, all lengths, badges,
 * rights, and what a call does to the registers. Capabilities in messages: ipc_caps.c; the order
 * of waiting threads: ipc_queue.c. seL4 manual, chapter 4 (Message Passing).
 */
#include "jobs.h"

/* Message word i of message number seed. */
static word_t word_of(word_t seed, word_t i)
{
	return (seed << 8 | i) * 0x9e3779b97f4a7c15ull;
}

/* A message of this length; the words from the fifth on go to the caller's IPC buffer. */
static struct sel4_msg fill(word_t seed, word_t label, word_t length)
{
	struct sel4_msg m = { abi_msginfo(label, 0, 0, length), { 0 }, 0 };
	for (unsigned int i = 0; i < ABI_MSG_REGS; i++)
		m.mr[i] = word_of(seed, i);
	for (unsigned int i = ABI_MSG_REGS; i < ABI_MSG_MAX; i++)
		sel4_set_word(i, word_of(seed, i));
	return m;
}

static void check_words(struct sel4_msg m, word_t seed, word_t label, word_t length)
{
	CHECK_EQ(m.info, abi_msginfo(label, 0, 0, length));
	for (unsigned int i = 0; i < length; i++)
		CHECK_EQ(i < ABI_MSG_REGS ? m.mr[i] : sel4_get_word(i), word_of(seed, i));
}

/* Words in the IPC buffer that no message may touch. */
static void set_canary(struct abi_ipc_buffer *buffer)
{
	for (unsigned int i = 0; i < ABI_MSG_MAX; i++)
		buffer->msg[i] = ~word_of(77, i);
}

static void check_canary(const struct abi_ipc_buffer *buffer, unsigned int first, unsigned int last)
{
	for (unsigned int i = first; i <= last; i++)
		CHECK_EQ(buffer->msg[i], ~word_of(77, i));
}

/* One thread's endpoint and reply object, for those that need just these. */
static struct {
	cptr_t ep, reply;
} test;

static void make_endpoint(void)
{
	test.ep = endpoint_new();
	test.reply = reply_new();
}

/* Lengths */

/* Message number 2n comes with label 3n and length n, its answer is message 2n + 1. */
static word_t echo_server(word_t arg)
{
	(void)arg;
	struct sel4_msg m = sel4_recv(test.ep, test.reply);
	for (;;) {
		word_t n = abi_msginfo_length(m.info);
		check_words(m, 2 * n, 3 * n, n);
		CHECK_EQ(m.badge, 0);
		m = sel4_reply_recv(test.ep, fill(2 * n + 1, 5 * n, n), test.reply);
	}
}

static word_t echo_client(word_t arg)
{
	(void)arg;
	for (word_t n = 0; n <= ABI_MSG_MAX; n++) {
		struct sel4_msg m = sel4_call(test.ep, fill(2 * n, 3 * n, n));
		check_words(m, 2 * n + 1, 5 * n, n);
		CHECK_EQ(m.badge, 0);
	}
	return 0;
}

static void echo_all_lengths(word_t server_priority, bool passive)
{
	make_endpoint();
	struct thread *server = thread_new(&(struct thread_options){ .priority = server_priority });
	thread_start(server, echo_server, 0);
	if (passive) {
		settle();
		make_passive(server);
	}
	thread_join(thread_run(echo_client, 0));
}

TEST(ipc_call_all_lengths_to_a_passive_server)
{
	echo_all_lengths(THREAD_PRIORITY + 1, true);
}

TEST(ipc_call_all_lengths_to_a_passive_server_of_lower_priority)
{
	echo_all_lengths(THREAD_PRIORITY - 1, true);
}

TEST(ipc_call_all_lengths_to_an_active_server)
{
	echo_all_lengths(THREAD_PRIORITY + 1, false);
}

TEST(ipc_call_all_lengths_to_an_active_server_of_lower_priority)
{
	echo_all_lengths(THREAD_PRIORITY - 1, false);
}

/* Message n from thread to main, by nr. */
static word_t send_all(word_t nr)
{
	for (word_t n = 0; n <= ABI_MSG_MAX; n++)
		(void)sel4_syscall_plain((enum abi_syscall)nr, test.ep, fill(n, n, n));
	return 0;
}

TEST(ipc_send_all_lengths_sender_first)
{
	make_endpoint();
	struct thread *t = thread_run(send_all, (word_t)SYS_SEND);
	for (word_t n = 0; n <= ABI_MSG_MAX; n++) {
		settle();
		set_canary(sel4_ipc_buffer());
		check_words(sel4_recv(test.ep, test.reply), n, n, n);
		check_canary(sel4_ipc_buffer(), 0, 3);
		check_canary(sel4_ipc_buffer(), n < 4 ? 4 : (unsigned int)n, ABI_MSG_MAX - 1);
	}
	thread_join(t);
}

TEST(ipc_send_all_lengths_receiver_first)
{
	make_endpoint();
	thread_run(send_all, (word_t)SYS_SEND);
	for (word_t n = 0; n <= ABI_MSG_MAX; n++) {
		set_canary(sel4_ipc_buffer());
		check_words(sel4_wait(test.ep), n, n, n);
		check_canary(sel4_ipc_buffer(), 0, 3);
		check_canary(sel4_ipc_buffer(), n < 4 ? 4 : (unsigned int)n, ABI_MSG_MAX - 1);
	}
}

TEST(ipc_nb_send_all_lengths)
{
	make_endpoint();
	thread_run(send_all, (word_t)SYS_NB_SEND);
	for (word_t n = 0; n <= ABI_MSG_MAX; n++)
		check_words(sel4_recv(test.ep, test.reply), n, n, n);
}

/* Main receives what a helper does by job. */
static struct sel4_msg receive_from(struct job *job, const struct thread_options *options)
{
	job_start(job, options);
	return sel4_recv(test.ep, test.reply);
}

TEST(ipc_length_beyond_120_is_clamped)
{
	make_endpoint();
	for (word_t length = ABI_MSG_MAX + 1; length <= 127; length++) {
		struct job job = { .nr = SYS_SEND, .cap = test.ep };
		job.in = message(7, length, 1, 2, 3, 4);
		struct sel4_msg m = receive_from(&job, NULL);
		CHECK_EQ(m.info, abi_msginfo(7, 0, 0, ABI_MSG_MAX));
		cap_delete(job.thread->tcb);
	}
}

TEST(ipc_clamped_length_spares_the_words_behind_the_message)
{
	make_endpoint();
	struct job job = { .nr = SYS_SEND, .cap = test.ep, .in = message(7, 127, 0, 0, 0, 0) };
	struct abi_ipc_buffer *buffer = sel4_ipc_buffer();
	job_start(&job, NULL);
	buffer->user_data = 0x1234;
	for (unsigned int i = 0; i < ABI_MSG_CAPS_MAX; i++)
		buffer->caps_or_badges[i] = 0x5678 + i;
	CHECK_EQ(sel4_wait(test.ep).info, abi_msginfo(7, 0, 0, ABI_MSG_MAX));
	CHECK_EQ(buffer->user_data, 0x1234);
	for (unsigned int i = 0; i < ABI_MSG_CAPS_MAX; i++)
		CHECK_EQ(buffer->caps_or_badges[i], 0x5678 + i);
}

TEST(ipc_label_of_52_bits)
{
	make_endpoint();
	word_t label = 0xfedcba9876543ull;
	struct job job = { .nr = SYS_SEND, .cap = test.ep, .in = message(label, 2, 1, 2, 3, 4) };
	struct sel4_msg m = receive_from(&job, NULL);
	CHECK_EQ(m.info, abi_msginfo(label, 0, 0, 2));
	CHECK_EQ(m.mr[0], 1);
	CHECK_EQ(m.mr[1], 2);
}

TEST(ipc_unwrapped_field_of_the_sender_is_cleared)
{
	make_endpoint();
	struct job job = { .nr = SYS_SEND,
		           .cap = test.ep,
		           .in = { abi_msginfo(9, 7, 0, 1), { 1 }, 0 } };
	CHECK_EQ(receive_from(&job, NULL).info, abi_msginfo(9, 0, 0, 1));
}

static void unwrapped_by_call(bool passive)
{
	make_endpoint();
	struct job server = { .nr = SYS_RECV, .cap = test.ep, .r12 = test.reply };
	job_start_at(&server, 120);
	settle();
	if (passive)
		make_passive(server.thread);
	struct job client = { .nr = SYS_CALL,
		              .cap = test.ep,
		              .in = { abi_msginfo(9, 7, 0, 1), { 1 }, 0 } };
	job_start(&client, NULL);
	settle();
	CHECK(server.done);
	CHECK_EQ(server.out.info, abi_msginfo(9, 0, 0, 1));
}

TEST(ipc_unwrapped_field_of_a_caller_is_cleared)
{
	unwrapped_by_call(false);
}

TEST(ipc_unwrapped_field_of_a_caller_of_a_passive_server_is_cleared)
{
	unwrapped_by_call(true);
}

/* IPC buffers */

static void remove_buffer(struct thread *t)
{
	CHECK_OK(sel4_tcb_set_ipc_buffer(t->tcb, 0, INIT_NULL));
}

TEST(ipc_sender_without_buffer_sends_four_words)
{
	make_endpoint();
	for (word_t length = 0; length < 8; length++) {
		struct job job = { .nr = SYS_SEND, .cap = test.ep };
		job.in = message(7, length, 1, 2, 3, 4);
		struct thread *t = thread_new(&(struct thread_options){ 0 });
		remove_buffer(t);
		thread_start(t, job_run, (word_t)&job);
		struct sel4_msg m = sel4_recv(test.ep, test.reply);
		CHECK_EQ(m.info, abi_msginfo(7, 0, 0, length < 4 ? length : 4));
	}
}

TEST(ipc_sender_without_buffer_sends_no_caps)
{
	make_endpoint();
	struct job job = { .nr = SYS_SEND,
		           .cap = test.ep,
		           .in = { abi_msginfo(7, 0, 3, 1), { 1 }, 0 } };
	struct thread *t = thread_new(&(struct thread_options){ 0 });
	remove_buffer(t);
	thread_start(t, job_run, (word_t)&job);
	CHECK_EQ(sel4_recv(test.ep, test.reply).info, abi_msginfo(7, 0, 0, 1));
}

TEST(ipc_receiver_without_buffer_receives_four_words)
{
	make_endpoint();
	for (word_t length = 0; length < 8; length++) {
		struct job job = { .nr = SYS_WAIT, .cap = test.ep };
		struct thread *t = thread_new(&(struct thread_options){ 0 });
		remove_buffer(t);
		thread_start(t, job_run, (word_t)&job);
		settle();
		set_canary(t->ipc_buffer);
		sel4_send(test.ep, fill(5, 7, length));
		settle();
		CHECK(job.done);
		CHECK_EQ(job.out.info, abi_msginfo(7, 0, 0, length < 4 ? length : 4));
		check_canary(t->ipc_buffer, 0, ABI_MSG_MAX - 1);
	}
}

/* A read-only buffer: its thread can send all words from it, but not receive any into it. */
static struct thread *read_only_buffer(struct job *job)
{
	job->thread = thread_new(&(struct thread_options){ 0 });
	struct abi_ipc_buffer *buffer = job->thread->ipc_buffer;
	cptr_t frame = cap_copy(image_frame(buffer), RIGHT_READ);
	CHECK_OK(sel4_tcb_set_ipc_buffer(job->thread->tcb, (word_t)buffer, frame));
	thread_start(job->thread, job_run, (word_t)job);
	return job->thread;
}

TEST(ipc_read_only_buffer_is_sent_from)
{
	make_endpoint();
	struct job job = { .nr = SYS_SEND, .cap = test.ep, .in = message(7, 6, 1, 2, 3, 4) };
	struct thread *t = read_only_buffer(&job);
	t->ipc_buffer->msg[4] = 55;
	t->ipc_buffer->msg[5] = 66;
	CHECK_EQ(sel4_wait(test.ep).info, abi_msginfo(7, 0, 0, 6));
	CHECK_EQ(sel4_get_word(4), 55);
	CHECK_EQ(sel4_get_word(5), 66);
}

TEST(ipc_read_only_buffer_is_not_received_into)
{
	make_endpoint();
	struct job job = { .nr = SYS_WAIT, .cap = test.ep };
	struct thread *t = read_only_buffer(&job);
	settle();
	set_canary(t->ipc_buffer);
	sel4_send(test.ep, fill(5, 7, 6));
	settle();
	CHECK(job.done);
	CHECK_EQ(job.out.info, abi_msginfo(7, 0, 0, 4));
	check_canary(t->ipc_buffer, 0, ABI_MSG_MAX - 1);
}

/* Blocking and not blocking */

TEST(ipc_send_waits_for_a_receiver)
{
	make_endpoint();
	struct job job = { .nr = SYS_SEND, .cap = test.ep, .in = message(7, 1, 11, 0, 0, 0) };
	job_start(&job, NULL);
	settle();
	CHECK(!job.done);
	CHECK_EQ(sel4_wait(test.ep).mr[0], 11);
	settle();
	CHECK(job.done);
}

TEST(ipc_recv_waits_for_a_sender)
{
	make_endpoint();
	struct job job = { .nr = SYS_RECV, .cap = test.ep, .r12 = test.reply };
	job_start(&job, NULL);
	settle();
	CHECK(!job.done);
	sel4_send(test.ep, message(7, 1, 11, 0, 0, 0));
	settle();
	CHECK(job.done);
	CHECK_EQ(job.out.info, abi_msginfo(7, 0, 0, 1));
	CHECK_EQ(job.out.mr[0], 11);
}

TEST(ipc_nb_send_without_a_receiver_is_lost)
{
	make_endpoint();
	sel4_nb_send(test.ep, message(7, 1, 11, 0, 0, 0));
	struct sel4_msg m = sel4_nb_wait(test.ep);
	CHECK_EQ(m.info, 0);
	CHECK_EQ(m.badge, 0);
}

TEST(ipc_nb_recv_takes_a_waiting_message)
{
	make_endpoint();
	cptr_t badged = cap_mint(test.ep, RIGHTS_ALL, 99);
	struct job job = { .nr = SYS_SEND, .cap = badged, .in = message(7, 1, 11, 0, 0, 0) };
	job_start(&job, NULL);
	settle();
	struct sel4_msg m = sel4_nb_recv(test.ep, test.reply);
	CHECK_EQ(m.badge, 99);
	CHECK_EQ(m.info, abi_msginfo(7, 0, 0, 1));
	CHECK_EQ(m.mr[0], 11);
	CHECK_EQ(sel4_nb_recv(test.ep, test.reply).badge, 0);
}

TEST(ipc_nb_recv_takes_a_waiting_call)
{
	make_endpoint();
	struct job job = { .nr = SYS_CALL, .cap = test.ep, .in = message(7, 1, 11, 0, 0, 0) };
	job_start(&job, NULL);
	settle();
	CHECK_EQ(sel4_nb_recv(test.ep, test.reply).mr[0], 11);
	sel4_send(test.reply, message(8, 1, 22, 0, 0, 0));
	settle();
	CHECK(job.done);
	CHECK_EQ(job.out.info, abi_msginfo(8, 0, 0, 1));
	CHECK_EQ(job.out.mr[0], 22);
}

TEST(ipc_nb_wait_takes_a_waiting_message)
{
	make_endpoint();
	struct job job = { .nr = SYS_SEND, .cap = test.ep, .in = message(7, 1, 11, 0, 0, 0) };
	job_start(&job, NULL);
	settle();
	CHECK_EQ(sel4_nb_wait(test.ep).mr[0], 11);
	settle();
	CHECK(job.done);
}

/* A caller whose message was taken without a reply object waits for ever, but for nothing: its
 * thread is inactive, and resuming it makes the call again. */
static void check_call_restarts(struct job *job)
{
	settle();
	CHECK(!job->done);
	CHECK_OK(sel4_tcb_resume(job->thread->tcb));
	struct sel4_msg m = sel4_recv(test.ep, test.reply);
	CHECK_EQ(m.info, job->in.info);
	CHECK_EQ(m.mr[0], job->in.mr[0]);
}

TEST(ipc_call_to_a_waiting_receiver_without_reply_object)
{
	make_endpoint();
	struct job job = { .nr = SYS_CALL, .cap = test.ep, .in = message(7, 1, 11, 0, 0, 0) };
	job_start(&job, NULL);
	CHECK_EQ(sel4_wait(test.ep).mr[0], 11);
	check_call_restarts(&job);
}

TEST(ipc_call_taken_by_a_receiver_without_reply_object)
{
	make_endpoint();
	struct job job = { .nr = SYS_CALL, .cap = test.ep, .in = message(7, 1, 11, 0, 0, 0) };
	job_start(&job, NULL);
	settle();
	CHECK_EQ(sel4_nb_wait(test.ep).mr[0], 11);
	check_call_restarts(&job);
}

TEST(ipc_suspended_sender_leaves_the_endpoint)
{
	make_endpoint();
	struct job job = { .nr = SYS_SEND, .cap = test.ep, .in = message(7, 1, 11, 0, 0, 0) };
	job_start(&job, NULL);
	settle();
	CHECK_OK(sel4_tcb_suspend(job.thread->tcb));
	CHECK_EQ(sel4_nb_wait(test.ep).info, 0);
	CHECK_OK(sel4_tcb_resume(job.thread->tcb));
	CHECK_EQ(sel4_wait(test.ep).mr[0], 11);
	CHECK_EQ(thread_join(job.thread), 0);
}

TEST(ipc_suspended_receiver_leaves_the_endpoint)
{
	make_endpoint();
	struct job job = { .nr = SYS_RECV, .cap = test.ep, .r12 = test.reply };
	job_start(&job, NULL);
	settle();
	CHECK_OK(sel4_tcb_suspend(job.thread->tcb));
	sel4_nb_send(test.ep, message(7, 1, 11, 0, 0, 0));
	CHECK_OK(sel4_tcb_resume(job.thread->tcb));
	settle();
	CHECK(!job.done);
	sel4_nb_send(test.ep, message(7, 1, 22, 0, 0, 0));
	settle();
	CHECK(job.done);
	CHECK_EQ(job.out.mr[0], 22);
}

TEST(ipc_resume_of_a_blocked_sender_sends_again)
{
	make_endpoint();
	struct job job = { .nr = SYS_SEND, .cap = test.ep, .in = message(7, 1, 11, 0, 0, 0) };
	job_start(&job, NULL);
	settle();
	CHECK_OK(sel4_tcb_resume(job.thread->tcb));
	CHECK_EQ(sel4_nb_wait(test.ep).info, 0);
	settle();
	CHECK_EQ(sel4_nb_wait(test.ep).mr[0], 11);
}

TEST(ipc_deleted_endpoint_sends_its_senders_on)
{
	make_endpoint();
	struct job send = { .nr = SYS_SEND, .cap = test.ep, .in = message(7, 1, 11, 0, 0, 0) };
	struct job call = send;
	call.nr = SYS_CALL;
	job_start(&send, NULL);
	job_start(&call, NULL);
	settle();
	cap_delete(test.ep);
	settle();
	/* They send again, to an empty slot: an error for the caller, nothing for the sender. */
	CHECK(send.done);
	CHECK(call.done);
	CHECK_EQ(call.out.info, abi_msginfo(ERR_INVALID_CAPABILITY, 0, 0, 1));
	CHECK_EQ(call.out.mr[0], 0);
}

TEST(ipc_deleted_copy_of_an_endpoint_sends_nobody_on)
{
	make_endpoint();
	cptr_t copy = cap_copy(test.ep, RIGHTS_ALL);
	struct job send = { .nr = SYS_SEND, .cap = copy, .in = message(7, 1, 11, 0, 0, 0) };
	job_start(&send, NULL);
	settle();
	cap_delete(copy);
	settle();
	CHECK(!send.done);
	CHECK_EQ(sel4_wait(test.ep).mr[0], 11);
}

/* Badges and rights */

TEST(ipc_badge_of_64_bits)
{
	make_endpoint();
	cptr_t badged = cap_mint(test.ep, RIGHTS_ALL, ~0ull);
	struct job job = { .nr = SYS_SEND, .cap = badged, .in = message(7, 0, 0, 0, 0, 0) };
	CHECK_EQ(receive_from(&job, NULL).badge, ~0ull);
}

TEST(ipc_badge_of_a_call_and_of_its_reply)
{
	make_endpoint();
	cptr_t badged = cap_mint(test.ep, RIGHTS_ALL, 0xabc);
	struct job job = { .nr = SYS_CALL, .cap = badged, .in = message(7, 0, 0, 0, 0, 0) };
	CHECK_EQ(receive_from(&job, NULL).badge, 0xabc);
	sel4_send(test.reply, message(8, 0, 0, 0, 0, 0));
	thread_join(job.thread);
	CHECK_EQ(job.out.badge, 0);
}

TEST(ipc_call_without_the_write_right)
{
	make_endpoint();
	cptr_t cap = cap_copy(test.ep, RIGHT_READ | RIGHT_GRANT | RIGHT_GRANT_REPLY);
	CHECK_ERR(invoke(cap, 7, 0, 0, 0, 0, 0, 0), ERR_INVALID_CAPABILITY, 0);
}

TEST(ipc_send_without_the_write_right_does_nothing)
{
	make_endpoint();
	cptr_t cap = cap_copy(test.ep, RIGHT_READ);
	sel4_send(cap, message(7, 0, 0, 0, 0, 0));
	sel4_nb_send(cap, message(7, 0, 0, 0, 0, 0));
	CHECK_EQ(sel4_nb_wait(test.ep).info, 0);
}

TEST(ipc_recv_with_only_the_read_right)
{
	make_endpoint();
	cptr_t cap = cap_copy(test.ep, RIGHT_READ);
	struct job job = { .nr = SYS_SEND, .cap = test.ep, .in = message(7, 1, 11, 0, 0, 0) };
	job_start(&job, NULL);
	CHECK_EQ(sel4_recv(cap, test.reply).mr[0], 11);
}

/* A call with these rights arrives; true if it can be answered. */
static bool call_is_answered(word_t rights, bool caller_first)
{
	make_endpoint();
	struct job job = { .nr = SYS_CALL,
		           .cap = cap_copy(test.ep, rights),
		           .in = message(7, 1, 11, 0, 0, 0) };
	job_start(&job, NULL);
	if (caller_first)
		settle();
	CHECK_EQ(sel4_recv(test.ep, test.reply).mr[0], 11);
	sel4_send(test.reply, message(8, 0, 0, 0, 0, 0));
	settle();
	return job.done;
}

TEST(ipc_call_with_only_the_write_right_is_never_answered)
{
	CHECK(!call_is_answered(RIGHT_WRITE, true));
	CHECK(!call_is_answered(RIGHT_WRITE, false));
}

TEST(ipc_call_with_grant_reply)
{
	CHECK(call_is_answered(RIGHT_WRITE | RIGHT_GRANT_REPLY, true));
	CHECK(call_is_answered(RIGHT_WRITE | RIGHT_GRANT_REPLY, false));
}

TEST(ipc_call_with_grant)
{
	CHECK(call_is_answered(RIGHT_WRITE | RIGHT_GRANT, true));
	CHECK(call_is_answered(RIGHT_WRITE | RIGHT_GRANT, false));
}

/* Calls on what is no endpoint */

TEST(ipc_call_on_an_empty_slot)
{
	CHECK_ERR(invoke(slot_new(), 7, 0, 0, 0, 0, 0, 0), ERR_INVALID_CAPABILITY, 0);
	CHECK_ERR(invoke(INIT_NULL, 7, 0, 0, 0, 0, 0, 0), ERR_INVALID_CAPABILITY, 0);
}

TEST(ipc_call_on_a_notification_signals_and_returns)
{
	cptr_t notification = cap_mint(notification_new(), RIGHTS_ALL, 6);
	struct sel4_msg m = sel4_call(notification, message(7, 4, 1, 2, 3, 4));
	CHECK_EQ(m.info, 0);
	CHECK_EQ(m.badge, 0);
	CHECK_EQ(m.mr[0], 1);
	CHECK_EQ(sel4_nb_wait(notification).badge, 6);
}

TEST(ipc_nb_send_to_what_does_not_exist_does_nothing)
{
	sel4_nb_send(INIT_NULL, message(7, 0, 0, 0, 0, 0));
	sel4_nb_send(1 << 13, message(7, 0, 0, 0, 0, 0));
	sel4_nb_send(~0ull, message(7, 0, 0, 0, 0, 0));
}

/* An invocation by Send or NBSend is done, but nothing is said about it. */
TEST(ipc_send_invokes_objects_silently)
{
	struct sel4_msg flags = message(INV_TCB_SET_FLAGS, 2, 0, TCB_FLAG_FPU_DISABLED, 0, 0);
	word_t result = 0;
	cptr_t tcb = tcb_new();
	struct sel4_msg m = sel4_syscall_plain(SYS_SEND, tcb, flags);
	CHECK_EQ(m.info, flags.info);
	CHECK_EQ(m.badge, tcb);
	CHECK_OK(sel4_tcb_set_flags(tcb, 0, 0, &result));
	CHECK_EQ(result, TCB_FLAG_FPU_DISABLED);
	flags.mr[0] = TCB_FLAG_FPU_DISABLED;
	flags.mr[1] = 0;
	sel4_nb_send(tcb, flags);
	CHECK_OK(sel4_tcb_set_flags(tcb, 0, 0, &result));
	CHECK_EQ(result, 0);
}

TEST(ipc_send_with_an_error_is_silent)
{
	cptr_t tcb = tcb_new();
	struct sel4_msg wrong = message(INV_CNODE_DELETE, 2, 1, 2, 3, 4);
	struct sel4_msg m = sel4_syscall_plain(SYS_SEND, tcb, wrong);
	CHECK_EQ(m.info, wrong.info);
	CHECK_EQ(m.badge, tcb);
	CHECK_EQ(m.mr[0], 1);
	m = sel4_syscall_plain(SYS_NB_SEND, tcb, wrong);
	CHECK_EQ(m.info, wrong.info);
	CHECK_EQ(m.badge, tcb);
}
