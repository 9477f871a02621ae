/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * System calls that send and then receive: ReplyRecv, NBSendRecv, NBSendWait; what their first
 * phase may invoke, and that the second happens whatever became of the first. Then the registers
 * that each system call leaves behind.
 */
#include "jobs.h"

static struct {
	cptr_t ep, reply, notification;
} test;

static void make_objects(void)
{
	test.ep = endpoint_new();
	test.reply = reply_new();
	test.notification = notification_new();
}

/* A receiver on an endpoint of its own, waiting. */
static struct job *waiting_receiver(cptr_t ep)
{
	static struct job job;
	job = (struct job){ .nr = SYS_WAIT, .cap = ep };
	job_start(&job, NULL);
	settle();
	return &job;
}

/* A sender to test.ep, stuck. */
static struct job *waiting_sender(word_t mr0)
{
	static struct job job;
	job = (struct job){ .nr = SYS_SEND, .cap = test.ep, .in = message(5, 1, mr0, 0, 0, 0) };
	job_start(&job, NULL);
	settle();
	return &job;
}

TEST(ipc_nb_send_recv_does_both)
{
	make_objects();
	cptr_t other = endpoint_new();
	struct job *to = waiting_receiver(other);
	waiting_sender(33);
	struct sel4_msg m =
	        sel4_nb_send_recv(other, message(7, 1, 11, 0, 0, 0), test.ep, test.reply);
	CHECK_EQ(m.info, abi_msginfo(5, 0, 0, 1));
	CHECK_EQ(m.mr[0], 33);
	settle();
	CHECK(to->done);
	CHECK_EQ(to->out.info, abi_msginfo(7, 0, 0, 1));
	CHECK_EQ(to->out.mr[0], 11);
}

TEST(ipc_nb_send_recv_waits_in_its_second_phase)
{
	make_objects();
	struct job job = { .nr = SYS_NB_SEND_RECV,
		           .cap = test.ep,
		           .r12 = test.reply,
		           .r13 = cap_mint(test.notification, RIGHTS_ALL, 4) };
	job_start(&job, NULL);
	CHECK_EQ(sel4_wait(test.notification).badge, 4);
	settle();
	CHECK(!job.done);
	sel4_send(test.ep, message(7, 1, 44, 0, 0, 0));
	settle();
	CHECK(job.done);
	CHECK_EQ(job.out.mr[0], 44);
}

TEST(ipc_nb_send_recv_without_a_receiver_loses_the_message)
{
	make_objects();
	cptr_t other = endpoint_new();
	waiting_sender(33);
	struct sel4_msg m =
	        sel4_nb_send_recv(other, message(7, 1, 11, 0, 0, 0), test.ep, test.reply);
	CHECK_EQ(m.mr[0], 33);
	CHECK_EQ(sel4_nb_wait(other).info, 0);
}

TEST(ipc_nb_send_recv_ignores_a_first_capability_that_does_not_exist)
{
	make_objects();
	const cptr_t bad[] = { INIT_NULL, 1 << 13, ~0ull };
	for (unsigned int i = 0; i < 3; i++) {
		struct job *job = waiting_sender(33 + i);
		struct sel4_msg m =
		        sel4_nb_send_recv(bad[i], message(7, 1, 11, 0, 0, 0), test.ep, test.reply);
		CHECK_EQ(m.mr[0], 33 + i);
		thread_join(job->thread);
	}
}

TEST(ipc_nb_send_recv_answers_a_caller)
{
	make_objects();
	struct job call = { .nr = SYS_CALL, .cap = test.ep, .in = message(1, 1, 10, 0, 0, 0) };
	job_start(&call, NULL);
	CHECK_EQ(sel4_recv(test.ep, test.reply).mr[0], 10);
	waiting_sender(33);
	struct sel4_msg m =
	        sel4_nb_send_recv(test.reply, message(2, 1, 20, 0, 0, 0), test.ep, test.reply);
	CHECK_EQ(m.mr[0], 33);
	settle();
	CHECK(call.done);
	CHECK_EQ(call.out.info, abi_msginfo(2, 0, 0, 1));
	CHECK_EQ(call.out.mr[0], 20);
}

TEST(ipc_nb_send_wait_does_both)
{
	make_objects();
	cptr_t other = endpoint_new();
	struct job *to = waiting_receiver(other);
	sel4_signal(cap_mint(test.notification, RIGHTS_ALL, 9));
	struct sel4_msg m = sel4_nb_send_wait(other, message(7, 1, 11, 0, 0, 0), test.notification);
	CHECK_EQ(m.badge, 9);
	settle();
	CHECK(to->done);
	CHECK_EQ(to->out.mr[0], 11);
}

TEST(ipc_nb_send_wait_on_an_endpoint)
{
	make_objects();
	waiting_sender(33);
	struct sel4_msg m = sel4_nb_send_wait(cap_mint(test.notification, RIGHTS_ALL, 9),
	                                      message(7, 1, 11, 0, 0, 0), test.ep);
	CHECK_EQ(m.mr[0], 33);
	CHECK_EQ(sel4_nb_wait(test.notification).badge, 9);
}

TEST(ipc_nb_send_wait_takes_a_call_without_reply_object)
{
	make_objects();
	struct job call = { .nr = SYS_CALL, .cap = test.ep, .in = message(1, 1, 10, 0, 0, 0) };
	job_start(&call, NULL);
	CHECK_EQ(sel4_nb_send_wait(INIT_NULL, message(7, 0, 0, 0, 0, 0), test.ep).mr[0], 10);
	settle();
	CHECK(!call.done);
}

/* Objects whose state hangs together with the scheduler's cannot be invoked in a first phase. */

TEST(ipc_first_phase_does_not_invoke_a_tcb)
{
	make_objects();
	cptr_t tcb = tcb_new();
	word_t flags = 1;
	waiting_sender(33);
	struct sel4_msg m = message(INV_TCB_SET_FLAGS, 2, 0, TCB_FLAG_FPU_DISABLED, 0, 0);
	CHECK_EQ(sel4_nb_send_recv(tcb, m, test.ep, test.reply).mr[0], 33);
	CHECK_OK(sel4_tcb_set_flags(tcb, 0, 0, &flags));
	CHECK_EQ(flags, 0);
}

TEST(ipc_first_phase_does_not_invoke_a_cnode)
{
	make_objects();
	cptr_t victim = endpoint_new();
	waiting_sender(33);
	struct sel4_msg m = message(INV_CNODE_DELETE, 2, victim, ABI_WORD_BITS, 0, 0);
	CHECK_EQ(sel4_nb_send_wait(INIT_CNODE, m, test.ep).mr[0], 33);
	CHECK(!slot_is_empty(victim));
}

TEST(ipc_first_phase_does_not_invoke_a_scheduling_context)
{
	make_objects();
	struct thread *t = thread_new(&(struct thread_options){ 0 });
	waiting_sender(33);
	struct sel4_msg m = message(INV_SCHED_CONTEXT_UNBIND, 0, 0, 0, 0, 0);
	CHECK_EQ(sel4_nb_send_recv(t->sched_context, m, test.ep, test.reply).mr[0], 33);
	CHECK_OK(sel4_sched_context_unbind_object(t->sched_context, t->tcb));
}

TEST(ipc_first_phase_does_not_invoke_sched_control)
{
	make_objects();
	struct thread *t = thread_new(&(struct thread_options){ .passive = true });
	cptr_t sc = object_new(OBJ_SCHED_CONTEXT, ABI_SCHED_CONTEXT_BITS_MIN);
	waiting_sender(33);
	sel4_set_cap(0, sc);
	sel4_set_word(4, 0);
	struct sel4_msg m = { abi_msginfo(INV_SCHED_CONTROL_CONFIGURE_FLAGS, 0, 1, 5),
		              { 1000, 1000, 0, 0 },
		              0 };
	CHECK_EQ(sel4_nb_send_recv(env_sched_control, m, test.ep, test.reply).mr[0], 33);
	/* A context that was never configured does not make its thread run. */
	CHECK_OK(sel4_sched_context_bind(sc, t->tcb));
	struct job job = { .nr = SYS_NB_SEND, .cap = test.ep };
	thread_start(t, job_run, (word_t)&job);
	settle();
	CHECK(!job.done);
}

TEST(ipc_first_phase_does_not_invoke_domains)
{
	make_objects();
	waiting_sender(33);
	sel4_set_cap(0, tcb_new());
	struct sel4_msg m = { abi_msginfo(INV_DOMAIN_SET_SET, 0, 1, 1), { 0 }, 0 };
	CHECK_EQ(sel4_nb_send_recv(INIT_DOMAIN, m, test.ep, test.reply).mr[0], 33);
}

TEST(ipc_first_phase_invokes_an_untyped)
{
	make_objects();
	cptr_t untyped = untyped_new(12), dest = slot_new();
	waiting_sender(33);
	sel4_set_cap(0, INIT_CNODE);
	sel4_set_word(4, dest);
	sel4_set_word(5, 1);
	struct sel4_msg m = { abi_msginfo(INV_UNTYPED_RETYPE, 0, 1, 6), { OBJ_ENDPOINT }, 0 };
	CHECK_EQ(sel4_nb_send_recv(untyped, m, test.ep, test.reply).mr[0], 33);
	CHECK(!slot_is_empty(dest));
}

TEST(ipc_first_phase_invokes_a_page)
{
	make_objects();
	cptr_t frame;
	page_new(&frame);
	waiting_sender(33);
	struct sel4_msg m = message(INV_X86_PAGE_UNMAP, 0, 0, 0, 0, 0);
	CHECK_EQ(sel4_nb_send_wait(frame, m, test.ep).mr[0], 33);
	/* It is unmapped, so it can be mapped elsewhere. */
	vspace_map(INIT_VSPACE, TEST_VADDR, frame, RIGHTS_ALL, 0);
}

TEST(ipc_reply_recv_without_a_caller_receives)
{
	make_objects();
	waiting_sender(33);
	CHECK_EQ(sel4_reply_recv(test.ep, message(7, 1, 11, 0, 0, 0), test.reply).mr[0], 33);
}

TEST(ipc_reply_recv_answers_and_receives)
{
	make_objects();
	struct job call = { .nr = SYS_CALL, .cap = test.ep, .in = message(1, 1, 10, 0, 0, 0) };
	job_start(&call, NULL);
	CHECK_EQ(sel4_recv(test.ep, test.reply).mr[0], 10);
	waiting_sender(33);
	CHECK_EQ(sel4_reply_recv(test.ep, message(2, 1, 20, 0, 0, 0), test.reply).mr[0], 33);
	settle();
	CHECK(call.done);
	CHECK_EQ(call.out.mr[0], 20);
}

TEST(ipc_reply_recv_on_a_notification)
{
	make_objects();
	struct job call = { .nr = SYS_CALL, .cap = test.ep, .in = message(1, 1, 10, 0, 0, 0) };
	job_start(&call, NULL);
	CHECK_EQ(sel4_recv(test.ep, test.reply).mr[0], 10);
	sel4_signal(cap_mint(test.notification, RIGHTS_ALL, 3));
	struct sel4_msg m =
	        sel4_reply_recv(test.notification, message(2, 1, 20, 0, 0, 0), test.reply);
	CHECK_EQ(m.badge, 3);
	settle();
	CHECK(call.done);
}

/* A wait on a notification never looks at R12, so anything may be there. */
TEST(ipc_recv_on_a_notification_needs_no_reply_object)
{
	make_objects();
	sel4_signal(cap_mint(test.notification, RIGHTS_ALL, 3));
	CHECK_EQ(sel4_recv(test.notification, ~0ull).badge, 3);
	CHECK_EQ(sel4_nb_recv(test.notification, INIT_NULL).badge, 0);
}

/* Registers. Those of the message aside, a call changes RCX and R11 (and, on seL4, RSP). */

enum message_registers { MR0 = 1, MR1 = 2, MR2 = 4, MR3 = 8, INFO = 16, BADGE = 32 };

/* All registers but those in changed are as before; RCX and R11 as `syscall` leaves them. */
static void check_registers(const struct registers *before, const struct registers *after,
                            word_t changed)
{
	CHECK_EQ(after->rax, before->rax);
	CHECK_EQ(after->rbx, before->rbx);
	CHECK_EQ(after->rdx, before->rdx);
	CHECK_EQ(after->rbp, before->rbp);
	CHECK_EQ(after->r12, before->r12);
	CHECK_EQ(after->r13, before->r13);
	CHECK_EQ(after->r14, before->r14);
	CHECK((changed & MR0) || after->r10 == before->r10);
	CHECK((changed & MR1) || after->r8 == before->r8);
	CHECK((changed & MR2) || after->r9 == before->r9);
	CHECK((changed & MR3) || after->r15 == before->r15);
	CHECK((changed & INFO) || after->rsi == before->rsi);
	CHECK((changed & BADGE) || after->rdi == before->rdi);
	CHECK_EQ(after->rcx, (word_t)syscall_with_return);
	/* The arithmetic flags are whatever the code before left in them. */
	CHECK_EQ(after->r11 & ~(word_t)0x8d5, 0x202);
	CHECK_EQ(after->r11, after->rflags);
}

static struct registers registers_for(enum abi_syscall nr, cptr_t cap, word_t info)
{
	struct registers r = registers_pattern((word_t)nr * 31);
	r.rdx = (word_t)nr;
	r.rdi = cap;
	r.rsi = info;
	r.r12 = test.reply;
	r.r13 = test.notification;
	return r;
}

TEST(registers_after_yield)
{
	make_objects();
	struct registers before = registers_for(SYS_YIELD, 1, 2), after = before;
	syscall_with(&after);
	check_registers(&before, &after, 0);
}

TEST(registers_after_sends_that_are_lost)
{
	make_objects();
	static const enum abi_syscall calls[] = { SYS_SEND, SYS_NB_SEND };
	for (unsigned int i = 0; i < 2; i++) {
		struct registers before = registers_for(calls[i], INIT_NULL, 3), after = before;
		syscall_with(&after);
		check_registers(&before, &after, 0);
	}
}

TEST(registers_after_signal)
{
	make_objects();
	static const enum abi_syscall calls[] = { SYS_SEND, SYS_NB_SEND };
	for (unsigned int i = 0; i < 2; i++) {
		struct registers before = registers_for(calls[i], test.notification, 4);
		struct registers after = before;
		syscall_with(&after);
		check_registers(&before, &after, 0);
	}
}

TEST(registers_after_polls_that_find_nothing)
{
	make_objects();
	static const enum abi_syscall calls[] = { SYS_NB_RECV, SYS_NB_WAIT };
	for (unsigned int i = 0; i < 4; i++) {
		cptr_t cap = i < 2 ? test.ep : test.notification;
		struct registers before = registers_for(calls[i % 2], cap, 5), after = before;
		syscall_with(&after);
		check_registers(&before, &after, BADGE);
		CHECK_EQ(after.rdi, 0);
	}
}

TEST(registers_after_an_invocation)
{
	make_objects();
	struct registers before =
	        registers_for(SYS_CALL, test.notification, abi_msginfo(7, 0, 0, 4));
	struct registers after = before;
	syscall_with(&after);
	check_registers(&before, &after, INFO | BADGE);
	CHECK_EQ(after.rdi, 0);
	CHECK_EQ(after.rsi, 0);
}

TEST(registers_after_an_invocation_with_one_result)
{
	make_objects();
	cptr_t frame = frame_new();
	struct registers before =
	        registers_for(SYS_CALL, frame, abi_msginfo(INV_X86_PAGE_GET_ADDRESS, 0, 0, 0));
	struct registers after = before;
	syscall_with(&after);
	check_registers(&before, &after, INFO | BADGE | MR0);
	CHECK_EQ(after.rdi, 0);
	CHECK_EQ(after.rsi, abi_msginfo(0, 0, 0, 1));
}

TEST(registers_after_an_error)
{
	make_objects();
	struct registers before = registers_for(SYS_CALL, INIT_NULL, abi_msginfo(7, 0, 0, 0));
	struct registers after = before;
	syscall_with(&after);
	check_registers(&before, &after, INFO | BADGE | MR0);
	CHECK_EQ(after.rdi, 0);
	CHECK_EQ(after.rsi, abi_msginfo(ERR_INVALID_CAPABILITY, 0, 0, 1));
	CHECK_EQ(after.r10, 0);
}

TEST(registers_after_an_error_with_two_words)
{
	make_objects();
	struct registers before =
	        registers_for(SYS_CALL, INIT_CNODE, abi_msginfo(INV_CNODE_DELETE, 0, 0, 2));
	before.r10 = 0;
	before.r8 = 65;
	struct registers after = before;
	syscall_with(&after);
	check_registers(&before, &after, INFO | BADGE | MR0 | MR1);
	CHECK_EQ(after.rsi, abi_msginfo(ERR_RANGE, 0, 0, 2));
	CHECK_EQ(after.r10, 1);
	CHECK_EQ(after.r8, 64);
}

TEST(registers_after_set_tls_base)
{
	make_objects();
	struct rt_thread *block;
	__asm__("movq %%fs:0, %0" : "=r"(block));
	struct registers before = registers_for(SYS_SET_TLS_BASE, (word_t)block, 3);
	struct registers after = before;
	syscall_with(&after);
	check_registers(&before, &after, 0);
}

/* What a thread that receives length words by this call sees; main sends. */
static void check_receiver(enum abi_syscall nr, word_t length, bool sender_first)
{
	cptr_t badged = cap_mint(test.ep, RIGHTS_ALL, 0x77);
	struct job sender = { .nr = SYS_SEND,
		              .cap = badged,
		              .in = message(9, length, 101, 102, 103, 104) };
	if (sender_first) {
		job_start(&sender, NULL);
		settle();
	}
	struct registers before = registers_for(nr, test.ep, 5), after = before;
	struct thread *t = thread_new(&(struct thread_options){ 0 });
	thread_start(t, registers_run, (word_t)&after);
	settle();
	if (!sender_first) {
		job_start(&sender, NULL);
		settle();
	}
	CHECK(t->done);
	word_t mask = (1u << (length < 4 ? length : 4)) - 1;
	check_registers(&before, &after, INFO | BADGE | mask);
	CHECK_EQ(after.rdi, 0x77);
	CHECK_EQ(after.rsi, abi_msginfo(9, 0, 0, length));
	CHECK(!(mask & MR0) || after.r10 == 101);
	CHECK(!(mask & MR1) || after.r8 == 102);
	CHECK(!(mask & MR2) || after.r9 == 103);
	CHECK(!(mask & MR3) || after.r15 == 104);
}

TEST(registers_after_a_message_that_waited)
{
	make_objects();
	for (word_t length = 0; length < 6; length++)
		check_receiver(SYS_RECV, length, true);
	check_receiver(SYS_NB_RECV, 2, true);
	check_receiver(SYS_WAIT, 2, true);
	check_receiver(SYS_NB_WAIT, 2, true);
}

TEST(registers_after_waiting_for_a_message)
{
	make_objects();
	for (word_t length = 0; length < 6; length++)
		check_receiver(SYS_RECV, length, false);
	check_receiver(SYS_WAIT, 2, false);
}

static void check_waiter(enum abi_syscall nr, bool signal_first)
{
	cptr_t badged = cap_mint(test.notification, RIGHTS_ALL, 0x55);
	if (signal_first)
		sel4_signal(badged);
	struct registers before = registers_for(nr, test.notification, 5), after = before;
	struct thread *t = thread_new(&(struct thread_options){ 0 });
	thread_start(t, registers_run, (word_t)&after);
	settle();
	if (!signal_first) {
		sel4_signal(badged);
		settle();
	}
	CHECK(t->done);
	check_registers(&before, &after, BADGE);
	CHECK_EQ(after.rdi, 0x55);
}

TEST(registers_after_a_signal_that_waited)
{
	make_objects();
	check_waiter(SYS_WAIT, true);
	check_waiter(SYS_NB_WAIT, true);
	check_waiter(SYS_RECV, true);
	check_waiter(SYS_NB_RECV, true);
}

TEST(registers_after_waiting_for_a_signal)
{
	make_objects();
	check_waiter(SYS_WAIT, false);
	check_waiter(SYS_RECV, false);
}

static word_t answer_with(word_t length)
{
	struct sel4_msg m = sel4_recv(test.ep, test.reply);
	m.info = abi_msginfo(6, 0, 0, length);
	for (unsigned int i = 0; i < ABI_MSG_REGS; i++)
		m.mr[i] = 201 + i;
	(void)sel4_reply_recv(test.ep, m, test.reply);
	return 0;
}

/* A call with 4 words that is answered with length words. */
static void check_caller(word_t length, bool passive)
{
	make_objects();
	struct thread *server = thread_new(&(struct thread_options){ .priority = 120 });
	thread_start(server, answer_with, length);
	settle();
	if (passive)
		make_passive(server);
	struct registers before = registers_for(SYS_CALL, test.ep, abi_msginfo(9, 0, 0, 4));
	struct registers after = before;
	thread_join(thread_run(registers_run, (word_t)&after));
	word_t mask = (1u << (length < 4 ? length : 4)) - 1;
	check_registers(&before, &after, INFO | BADGE | mask);
	CHECK_EQ(after.rdi, 0);
	CHECK_EQ(after.rsi, abi_msginfo(6, 0, 0, length));
	CHECK(!(mask & MR0) || after.r10 == 201);
	CHECK(!(mask & MR1) || after.r8 == 202);
	CHECK(!(mask & MR2) || after.r9 == 203);
	CHECK(!(mask & MR3) || after.r15 == 204);
}

TEST(registers_after_a_call)
{
	for (word_t length = 0; length < 6; length++)
		check_caller(length, false);
}

TEST(registers_after_a_call_to_a_passive_server)
{
	for (word_t length = 0; length < 6; length++)
		check_caller(length, true);
}

/* Timer interrupts, and other threads meanwhile, must not show. */
/* Registers as given, for ever. */
__attribute__((naked)) static void spin_for_ever(void)
{
	__asm__("1: jmp 1b");
}

_Noreturn static word_t spin_in_calls(word_t registers)
{
	for (;;)
		syscall_with((struct registers *)registers);
}

TEST(registers_survive_preemption)
{
	struct thread *t = thread_new(&(struct thread_options){ .budget_us = 1000 });
	struct thread *rival = thread_new(&(struct thread_options){ .budget_us = 1000 });
	struct registers noise = registers_pattern(5);
	noise.rdx = (word_t)SYS_YIELD;
	struct abi_user_context expected = { .rip = (word_t)spin_for_ever };
	for (unsigned int i = 1; i < ABI_CONTEXT_FRAME_WORDS; i++)
		((word_t *)&expected)[i] = 0x1111111111111111ull * i;
	expected.rflags = 0x202 | 0x8d5;
	expected.fs_base = (word_t)&t->block;
	expected.gs_base = 0x123456789000;
	thread_start_at(t, &expected);
	thread_start(rival, spin_in_calls, (word_t)&noise);
	for (int i = 0; i < 5; i++) {
		sleep_us(5000);
		struct abi_user_context now = thread_registers(t);
		CHECK_EQ(memcmp(&now, &expected, sizeof now), 0);
	}
}
