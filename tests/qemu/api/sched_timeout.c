/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Timeout faults: what a thread with a timeout endpoint sends when its budget is used up, and what
 * the answers do. seL4 manual, section 6.2.6 (Timeout fault).
 */
#include "servers.h"

enum { BADGE = 0x7788, BUDGET_US = 2000, PERIOD_US = 20000 };

static struct {
	cptr_t ep, reply;
	volatile word_t count;
} test;

/* Registers as given, for ever; it counts in RAX, which nobody minds. */
__attribute__((naked)) static void spin_for_ever(void)
{
	__asm__("1: jmp 1b");
}

static word_t spin_counting(word_t arg)
{
	(void)arg;
	for (;;)
		test.count++;
	return 0;
}

static struct thread *timeout_thread(word_t budget_us, word_t period_us)
{
	test.ep = endpoint_new();
	test.reply = reply_new();
	test.count = 1; /* for a budget may be gone before the first instruction */
	return thread_new(&(struct thread_options){ .timeout_ep = test.ep,
	                                            .budget_us = budget_us,
	                                            .period_us = period_us,
	                                            .sc_badge = BADGE });
}

static struct thread *start_spinning(word_t budget_us, word_t period_us)
{
	struct thread *t = timeout_thread(budget_us, period_us);
	thread_start(t, spin_counting, 0);
	return t;
}

static void check_timeout(struct sel4_msg m)
{
	CHECK_EQ(m.info, abi_msginfo(FAULT_TIMEOUT, 0, 0, 2));
	CHECK_EQ(m.mr[0], BADGE);
}

static void reply_with(word_t label, word_t length)
{
	sel4_send(test.reply, message(label, length, 0, 0, 0, 0));
}

TEST(timeout_message)
{
	start_spinning(BUDGET_US, PERIOD_US);
	struct sel4_msg m = sel4_recv(test.ep, test.reply);
	check_timeout(m);
	CHECK_EQ(m.badge, 0);
	/* The time used, in microseconds. */
	CHECK_LT(BUDGET_US / 2, m.mr[1]);
}

TEST(timeout_endpoint_has_its_badge)
{
	struct thread *t = start_spinning(BUDGET_US, PERIOD_US);
	CHECK_OK(sel4_tcb_set_timeout_endpoint(t->tcb, cap_mint(test.ep, RIGHTS_ALL, 0x123)));
	CHECK_EQ(sel4_recv(test.ep, test.reply).badge, 0x123);
}

TEST(timeout_message_resets_the_time_used)
{
	struct thread *t = start_spinning(BUDGET_US, PERIOD_US);
	check_timeout(sel4_recv(test.ep, test.reply));
	word_t used;
	CHECK_OK(sel4_sched_context_consumed(t->sched_context, &used));
	CHECK_LT(used, BUDGET_US / 2);
}

TEST(timeout_stops_the_thread_until_the_reply)
{
	start_spinning(BUDGET_US, PERIOD_US);
	check_timeout(sel4_recv(test.ep, test.reply));
	word_t before = test.count;
	sleep_us(2 * PERIOD_US);
	CHECK_EQ(test.count, before);
	/* One budget may be too little to get anywhere. */
	for (int i = 0; i < 20 && test.count == before; i++) {
		reply_with(0, 0);
		check_timeout(sel4_recv(test.ep, test.reply));
	}
	CHECK_LT(before, test.count);
}

TEST(timeout_reply_waits_for_the_next_period)
{
	start_spinning(1000, 1000000000);
	check_timeout(sel4_recv(test.ep, test.reply));
	reply_with(0, 0);
	word_t before = test.count;
	sleep_us(20000);
	CHECK_EQ(test.count, before);
}

TEST(timeout_handler_gives_more_budget)
{
	struct thread *t = start_spinning(1000, 1000000000);
	check_timeout(sel4_recv(test.ep, test.reply));
	CHECK_OK(sel4_sched_control_configure_flags(env_sched_control, t->sched_context, 3000, 3000,
	                                            0, BADGE, 0));
	reply_with(0, 0);
	CHECK(counts_on(&test.count));
}

TEST(timeout_reply_with_a_label_leaves_it_suspended)
{
	struct thread *t = start_spinning(BUDGET_US, PERIOD_US);
	check_timeout(sel4_recv(test.ep, test.reply));
	reply_with(1, 0);
	word_t before = test.count;
	sleep_us(3 * PERIOD_US);
	CHECK_EQ(test.count, before);
	CHECK_OK(sel4_tcb_resume(t->tcb));
	check_timeout(sel4_recv(test.ep, test.reply));
}

TEST(timeout_of_round_robin_does_not_happen)
{
	start_spinning(2000, 2000);
	CHECK(counts_on(&test.count));
	sleep_us(30000);
	CHECK(counts_on(&test.count));
	CHECK_EQ(sel4_nb_recv(test.ep, test.reply).info, 0);
}

static word_t yield_often(word_t count)
{
	while (count-- > 0)
		sel4_yield();
	return 0;
}

TEST(timeout_does_not_happen_by_yield)
{
	struct thread *t = timeout_thread(400000, 500000);
	thread_start(t, yield_often, 3);
	thread_join(t);
	CHECK_EQ(sel4_nb_recv(test.ep, test.reply).info, 0);
}

TEST(timeout_without_endpoint_waits)
{
	struct thread *t = start_spinning(BUDGET_US, PERIOD_US);
	CHECK_OK(sel4_tcb_set_timeout_endpoint(t->tcb, INIT_NULL));
	for (int i = 0; i < 4; i++) {
		CHECK(counts_on(&test.count));
		sleep_us(PERIOD_US);
	}
}

TEST(timeout_waits_for_its_handler)
{
	start_spinning(BUDGET_US, PERIOD_US);
	CHECK(comes_to_rest(&test.count));
	word_t before = test.count;
	sleep_us(2 * PERIOD_US);
	CHECK_EQ(test.count, before);
	check_timeout(sel4_recv(test.ep, test.reply));
}

TEST(timeout_message_without_a_context)
{
	struct thread *t = start_spinning(BUDGET_US, PERIOD_US);
	sleep_us(2 * PERIOD_US);
	CHECK(comes_to_rest(&test.count));
	make_passive(t);
	struct sel4_msg m = sel4_recv(test.ep, test.reply);
	CHECK_EQ(m.info, abi_msginfo(FAULT_TIMEOUT, 0, 0, 1));
	CHECK_EQ(m.mr[0], BADGE);
}

TEST(timeout_endpoint_deleted_while_it_waits)
{
	struct thread *t = start_spinning(BUDGET_US, PERIOD_US);
	CHECK(comes_to_rest(&test.count));
	word_t before = test.count;
	cap_delete(test.ep);
	CHECK_OK(sel4_tcb_set_timeout_endpoint(t->tcb, INIT_NULL));
	sleep_us(2 * PERIOD_US);
	CHECK_EQ(test.count, before);
	CHECK_OK(sel4_tcb_resume(t->tcb));
	CHECK(counts_on(&test.count));
}

/* A timeout never brings a context: a passive handler has the message, and stands still. */
TEST(timeout_does_not_donate)
{
	struct thread *t = timeout_thread(BUDGET_US, PERIOD_US);
	struct job handler = { .nr = SYS_RECV, .cap = test.ep, .r12 = test.reply };
	job_start_at(&handler, 120);
	settle();
	make_passive(handler.thread);
	thread_start(t, spin_counting, 0);
	CHECK(comes_to_rest(&test.count));
	CHECK(!handler.done);
	CHECK(has_context(t->tcb));
	CHECK(!has_context(handler.thread->tcb));
	CHECK_OK(sel4_sched_context_bind(sched_context_new(), handler.thread->tcb));
	settle();
	CHECK(handler.done);
	check_timeout(handler.out);
}

/* Registers: a reply of n words sets the first n of these. */

static word_t *reply_word(struct abi_user_context *c, unsigned int i)
{
	word_t *const words[] = { &c->rip, &c->rsp, &c->rflags, &c->rax,    &c->rbx,
		                  &c->rcx, &c->rdx, &c->rsi,    &c->rdi,    &c->rbp,
		                  &c->r8,  &c->r9,  &c->r10,    &c->r11,    &c->r12,
		                  &c->r13, &c->r14, &c->r15,    &c->fs_base };
	return words[i];
}
enum { REPLY_WORDS = 19 };

static struct abi_user_context pattern(word_t factor)
{
	struct abi_user_context c = { 0 };
	for (unsigned int i = 1; i < ABI_CONTEXT_FRAME_WORDS; i++)
		((word_t *)&c)[i] = factor * i;
	c.rip = (word_t)spin_for_ever;
	c.rflags = 0x202;
	c.fs_base = factor >> 20;
	return c;
}

static void reply_with_registers(struct abi_user_context *c, unsigned int length)
{
	struct sel4_msg m = message(0, length, 0, 0, 0, 0);
	for (unsigned int i = 0; i < REPLY_WORDS; i++) {
		if (i < ABI_MSG_REGS)
			m.mr[i] = *reply_word(c, i);
		else
			sel4_set_word(i, *reply_word(c, i));
	}
	sel4_send(test.reply, m);
}

TEST(timeout_reply_writes_registers)
{
	for (unsigned int length = 0; length <= REPLY_WORDS + 1; length++) {
		struct thread *t = timeout_thread(BUDGET_US, PERIOD_US);
		struct abi_user_context start = pattern(0x0111111111111111ull);
		struct abi_user_context reply = pattern(0x0777777777777777ull);
		reply.rflags = 0x8d7;
		thread_start_at(t, &start);
		check_timeout(sel4_recv(test.ep, test.reply));
		/* Stopped before it runs: its registers are as the reply left them. */
		reply_with_registers(&reply, length);
		struct abi_user_context now = thread_registers(t);
		reply.rflags = 0x202 | 0x8d5;
		for (unsigned int i = 0; i < REPLY_WORDS; i++)
			CHECK_EQ(*reply_word(&now, i),
			         *reply_word(i < length ? &reply : &start, i));
		cap_delete(t->tcb);
		env_release();
		thread_reset();
	}
}

TEST(timeout_reply_sets_the_next_instruction)
{
	struct thread *t = timeout_thread(BUDGET_US, PERIOD_US);
	thread_start(t, spin_counting, 0);
	check_timeout(sel4_recv(test.ep, test.reply));
	sel4_send(test.reply, message(0, 1, (word_t)spin_for_ever, 0, 0, 0));
	check_timeout(sel4_recv(test.ep, test.reply));
	CHECK_EQ(thread_registers(t).rip, (word_t)spin_for_ever);
}

TEST(timeout_reply_with_a_label_writes_registers_too)
{
	struct thread *t = timeout_thread(BUDGET_US, PERIOD_US);
	thread_start(t, spin_counting, 0);
	check_timeout(sel4_recv(test.ep, test.reply));
	sel4_send(test.reply, message(9, 2, (word_t)spin_for_ever, 0x5550, 0, 0));
	struct abi_user_context now = thread_registers(t);
	CHECK_EQ(now.rip, (word_t)spin_for_ever);
	CHECK_EQ(now.rsp, 0x5550);
}

/* Servers on their client's budget */

/* A passive server that spins, with a timeout endpoint; its client has BADGE. */
static struct {
	struct thread *server;
	cptr_t ep, reply;
	struct job job;
	volatile bool finish;
} service;

static word_t serve(word_t arg)
{
	(void)arg;
	struct sel4_msg m = sel4_recv(service.ep, service.reply);
	for (;;) {
		while (!service.finish)
			test.count++;
		m = sel4_reply_recv(service.ep, message(8, 1, m.mr[0] + 1, 0, 0, 0), service.reply);
	}
	return 0;
}

static void start_service(bool server_timeout, bool client_timeout, word_t period_us)
{
	test.ep = endpoint_new();
	test.reply = reply_new();
	test.count = 1;
	service.ep = endpoint_new();
	service.reply = reply_new();
	service.finish = false;
	service.server = thread_new(&(struct thread_options){
	        .priority = 120, .timeout_ep = server_timeout ? test.ep : 0 });
	thread_start(service.server, serve, 0);
	settle();
	make_passive(service.server);
	service.job =
	        (struct job){ .nr = SYS_CALL, .cap = service.ep, .in = message(7, 1, 5, 0, 0, 0) };
	job_start(&service.job,
	          &(struct thread_options){ .timeout_ep = client_timeout ? test.ep : 0,
	                                    .budget_us = BUDGET_US,
	                                    .period_us = period_us,
	                                    .sc_badge = BADGE });
}

TEST(timeout_of_a_server_has_the_badge_of_its_client)
{
	start_service(true, false, PERIOD_US);
	check_timeout(sel4_recv(test.ep, test.reply));
	service.finish = true;
	/* One is enough. */
	CHECK_OK(sel4_tcb_set_timeout_endpoint(service.server->tcb, INIT_NULL));
	reply_with(0, 0);
	thread_join(service.job.thread);
	CHECK_EQ(service.job.out.mr[0], 6);
}

TEST(timeout_of_a_server_without_endpoint_waits)
{
	start_service(false, false, PERIOD_US);
	for (int i = 0; i < 4; i++) {
		CHECK(counts_on(&test.count));
		sleep_us(PERIOD_US);
	}
	service.finish = true;
	thread_join(service.job.thread);
	CHECK_EQ(service.job.out.mr[0], 6);
	CHECK_EQ(sel4_nb_recv(test.ep, test.reply).info, 0);
}

/* The handler lets the server finish on a reserve; the client's context goes back to it. */
TEST(timeout_of_a_server_finished_on_a_reserve)
{
	start_service(true, false, 1000000000);
	check_timeout(sel4_recv(test.ep, test.reply));
	struct thread *client = service.job.thread;
	cptr_t reserve = sched_context_new();
	CHECK_OK(sel4_sched_context_unbind_object(client->sched_context, service.server->tcb));
	CHECK_OK(sel4_sched_context_bind(reserve, service.server->tcb));
	service.finish = true;
	reply_with(0, 0);
	settle();
	/* Answered, but without a budget the client cannot go on. */
	CHECK(!service.job.done);
	CHECK(has_context(client->tcb));
	CHECK_OK(sel4_sched_context_unbind_object(reserve, service.server->tcb));
	CHECK_OK(sel4_sched_control_configure_flags(env_sched_control, client->sched_context, 1000,
	                                            1000, 0, 0, 0));
	settle();
	CHECK(service.job.done);
	CHECK_EQ(service.job.out.mr[0], 6);
}

/* A client that gets its context back without budget has its own timeout. */
TEST(timeout_of_a_client_by_its_answer)
{
	start_service(false, true, 1000000000);
	CHECK(comes_to_rest(&test.count));
	sel4_send(service.reply, message(8, 1, 6, 0, 0, 0));
	check_timeout(sel4_recv(test.ep, test.reply));
	CHECK(!service.job.done);
	CHECK(has_context(service.job.thread->tcb));
	CHECK(!has_context(service.server->tcb));
}

TEST(timeout_of_a_client_by_its_answer_without_endpoint_waits)
{
	start_service(false, false, PERIOD_US);
	sleep_us(PERIOD_US / 2);
	sel4_send(service.reply, message(8, 1, 6, 0, 0, 0));
	thread_join(service.job.thread);
	CHECK_EQ(service.job.out.mr[0], 6);
}
