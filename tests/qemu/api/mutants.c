/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the rest of the suite did not notice when it was broken on purpose (tests/mutants).
 */
#include "servers.h"

/* ---- Threads that make a table of calls (mutants.S) ---- */

struct table_call {
	word_t cap, info, nr, mr[4];
	word_t result; /* message info */
};
_Static_assert(sizeof(struct table_call) == 64, "mutants.S");

extern const char mutant_calls[], mutant_fpu_calls[], mutant_fpu_keeps[], mutant_ud2[];

static struct table_call wait_at(cptr_t cap)
{
	return (struct table_call){ .cap = cap, .nr = (word_t)SYS_WAIT };
}

static struct table_call signal_at(cptr_t cap)
{
	return (struct table_call){ .cap = cap, .nr = (word_t)SYS_SEND };
}

static void table_start(cptr_t tcb, const void *code, const struct table_call *table)
{
	CHECK_OK(sel4_tcb_write_registers(
	        tcb, SEL4_WRITE_RESUME, ABI_CONTEXT_WORDS,
	        &(struct abi_user_context){ .rip = (word_t)code, .rbx = (word_t)table }));
}

static volatile word_t count;

_Noreturn static word_t count_for_ever(word_t arg)
{
	(void)arg;
	for (;;)
		count++;
}

/* ---- CNodes ---- */

TEST(mutants_rotate_of_two_empty_slots_names_the_source)
{
	CHECK_ERR(sel4_cnode_rotate(slot(slot_new()), 0, slot(slot_new()), 0, slot(slot_new())),
	          ERR_FAILED_LOOKUP, AT_SOURCE, WORDS_MISSING(64));
}

/* ---- Many waiting threads ---- */

enum { WAITERS = 100 };

/* They wait through `cap`; when it is deleted they all try again, and fault. */
static void check_all_restart(cptr_t cap)
{
	static struct table_call table;
	cptr_t faults = endpoint_new(), reply = reply_new();
	cptr_t tcbs = object_new_range(OBJ_TCB, 0, WAITERS);
	table = wait_at(cap);
	for (word_t i = 0; i < WAITERS; i++) {
		CHECK_OK(sel4_tcb_configure(tcbs + i, INIT_CNODE, 0, INIT_VSPACE, 0, 0, 0));
		CHECK_OK(sel4_tcb_set_sched_params(tcbs + i, INIT_TCB, 0, 100,
		                                   sched_context_new_sized(8, 10000, 10000, 0),
		                                   faults));
		table_start(tcbs + i, mutant_calls, &table);
	}
	settle();
	CHECK_EQ(sel4_nb_recv(faults, reply).badge, 0);
	cap_delete(cap);
	settle();
	for (word_t i = 0; i < WAITERS; i++) {
		struct sel4_msg m = sel4_nb_recv(faults, reply);
		CHECK_EQ(abi_msginfo_label(m.info), FAULT_CAP);
		CHECK_EQ(m.mr[1], cap);
	}
}

TEST(mutants_all_threads_of_a_deleted_endpoint_try_again)
{
	check_all_restart(endpoint_new());
}

TEST(mutants_all_threads_of_a_deleted_notification_try_again)
{
	check_all_restart(notification_new());
}

/* ---- Floating point ---- */

/*
 * A thread that used the FPU dies while another, without FPU, runs: its registers are still the
 * CPU's. They must go nowhere, least of all into what its memory has become.
 */
TEST(mutants_fpu_registers_of_a_dead_thread_go_nowhere)
{
	static struct table_call user_calls[2], killer_calls[5];
	cptr_t untyped = untyped_new(12), user = slot_new(), frame = slot_new();
	cptr_t go = notification_new(), done = notification_new(), never = notification_new();
	cptr_t buffer_frame;
	struct abi_ipc_buffer *buffer = page_new(&buffer_frame);
	const word_t vaddr = TEST_VADDR;
	word_t flags;
	CHECK_OK(sel4_untyped_retype(untyped, OBJ_TCB, 0, root_node(), user, 1));
	CHECK_OK(sel4_tcb_configure(user, INIT_CNODE, 0, INIT_VSPACE, 0, 0, 0));
	CHECK_OK(sel4_tcb_set_sched_params(user, INIT_TCB, 0, 100, sched_context_new(),
	                                   thread_fault_ep));
	cptr_t killer = tcb_new();
	CHECK_OK(sel4_tcb_configure(killer, INIT_CNODE, 0, INIT_VSPACE, 0, (word_t)buffer,
	                            buffer_frame));
	CHECK_OK(sel4_tcb_set_sched_params(killer, INIT_TCB, 0, 110, sched_context_new(),
	                                   thread_fault_ep));
	CHECK_OK(sel4_tcb_set_flags(killer, 0, TCB_FLAG_FPU_DISABLED, &flags));
	buffer->caps_or_badges[0] = INIT_CNODE;
	buffer->msg[4] = frame;
	buffer->msg[5] = 1;
	vspace_map_tables(INIT_VSPACE, vaddr);

	user_calls[0] = signal_at(go);
	user_calls[1] = wait_at(never);
	killer_calls[0] = wait_at(go);
	killer_calls[1] = (struct table_call){ .cap = INIT_CNODE,
		                               .info = abi_msginfo(INV_CNODE_DELETE, 0, 0, 2),
		                               .nr = (word_t)SYS_CALL,
		                               .mr = { user, ABI_WORD_BITS } };
	killer_calls[2] = (struct table_call){ .cap = untyped,
		                               .info = abi_msginfo(INV_UNTYPED_RETYPE, 0, 1, 6),
		                               .nr = (word_t)SYS_CALL,
		                               .mr = { OBJ_X86_4K_PAGE, 0, 0, 0 } };
	killer_calls[3] = signal_at(done);
	killer_calls[4] = wait_at(never);
	table_start(killer, mutant_calls, killer_calls);
	settle();
	table_start(user, mutant_fpu_calls, user_calls);
	(void)sel4_wait(done);
	CHECK_EQ(killer_calls[1].result, 0);
	CHECK_EQ(killer_calls[2].result, 0);
	CHECK_OK(sel4_x86_page_map(frame, INIT_VSPACE, vaddr, RIGHTS_ALL, 0));
	const volatile word_t *words = (const volatile word_t *)vaddr;
	for (word_t i = 0; i < 512; i++)
		CHECK_EQ(words[i], 0);
}

/* In between runs a thread without FPU. */
TEST(mutants_fpu_registers_outlast_a_thread_without)
{
	static struct table_call user_calls[2], other_calls[3];
	cptr_t go = notification_new(), user = tcb_new(), other = tcb_new();
	word_t flags;
	CHECK_OK(sel4_tcb_configure(user, INIT_CNODE, 0, INIT_VSPACE, 0, 0, 0));
	CHECK_OK(sel4_tcb_set_sched_params(user, INIT_TCB, 0, 100, sched_context_new(),
	                                   thread_fault_ep));
	CHECK_OK(sel4_tcb_configure(other, INIT_CNODE, 0, INIT_VSPACE, 0, 0, 0));
	CHECK_OK(sel4_tcb_set_sched_params(other, INIT_TCB, 0, 110, sched_context_new(),
	                                   thread_fault_ep));
	CHECK_OK(sel4_tcb_set_flags(other, 0, TCB_FLAG_FPU_DISABLED, &flags));
	user_calls[0] = signal_at(go);
	user_calls[0].result = 0;
	user_calls[1] = wait_at(notification_new());
	other_calls[0] = other_calls[1] = other_calls[2] = wait_at(go);
	table_start(other, mutant_calls, other_calls);
	settle();
	table_start(user, mutant_fpu_keeps, user_calls);
	settle();
	CHECK_EQ(user_calls[0].result, (word_t)&user_calls[0]);
}

/* ---- Threads ---- */

TEST(mutants_set_sched_params_of_a_waiting_thread_needs_budget)
{
	struct job job = { .nr = SYS_WAIT, .cap = notification_new() };
	struct thread *t = job_start(&job, NULL);
	settle();
	make_passive(t);
	cptr_t sc = object_new(OBJ_SCHED_CONTEXT, 8); /* not configured */
	CHECK_ERR(sel4_tcb_set_sched_params(t->tcb, INIT_TCB, 0, 100, sc, thread_fault_ep),
	          ERR_ILLEGAL_OPERATION);
}

/* ---- Messages ---- */

/* The sender waits first, and its capability has no right to grant. */
TEST(mutants_caps_of_a_waiting_sender_need_grant)
{
	cptr_t ep = endpoint_new(), dest = slot_new();
	struct job job = { .nr = SYS_SEND, .cap = cap_mint(ep, RIGHT_WRITE | RIGHT_READ, 0) };
	struct thread *t = thread_new(&(struct thread_options){ 0 });
	job.in.info = abi_msginfo(5, 0, 1, 0);
	t->ipc_buffer->caps_or_badges[0] = notification_new();
	thread_start(t, job_run, (word_t)&job);
	settle();
	set_receive_slot(sel4_ipc_buffer(), dest);
	CHECK_EQ(sel4_recv(ep, reply_new()).info, abi_msginfo(5, 0, 0, 0));
	CHECK(slot_is_empty(dest));
}

/* Signals by the first half of a combined call. */
TEST(mutants_signals_before_a_wait_are_combined)
{
	cptr_t ntfn = notification_new();
	sel4_signal(cap_mint(ntfn, RIGHT_WRITE, 1));
	cptr_t other = cap_mint(ntfn, RIGHT_WRITE, 2);
	CHECK_EQ(sel4_nb_send_wait(other, (struct sel4_msg){ 0 }, ntfn).badge, 3);
}

/* An invocation by Send has no answer: no register changes. */
TEST(mutants_invocation_by_send_has_no_result)
{
	cptr_t frame = frame_new();
	struct sel4_msg m = { abi_msginfo(INV_X86_PAGE_GET_ADDRESS, 0, 0, 0), { 1, 2, 3, 4 }, 0 };
	struct sel4_msg out = sel4_syscall_plain(SYS_SEND, frame, m);
	CHECK_EQ(out.info, m.info);
	CHECK_EQ(out.badge, frame);
	for (unsigned int i = 0; i < ABI_MSG_REGS; i++)
		CHECK_EQ(out.mr[i], i + 1);
}

static cptr_t lacking;

static word_t send_twice(word_t ep)
{
	sel4_set_cap(0, lacking);
	sel4_nb_send(ep, (struct sel4_msg){ .info = abi_msginfo(3, 0, 1, 0) });
	sel4_send(ep, (struct sel4_msg){ .info = abi_msginfo(4, 0, 0, 0) });
	return 0;
}

/* A send that does not wait and whose capabilities are not found is forgotten. */
TEST(mutants_nonblocking_send_without_its_caps_is_forgotten)
{
	cptr_t ep = endpoint_new();
	lacking = 1ull << 40; /* not in the CSpace */
	struct thread *t = thread_run(send_twice, ep);
	settle();
	CHECK_EQ(sel4_recv(ep, reply_new()).info, abi_msginfo(4, 0, 0, 0));
	thread_join(t);
}

/* Also where a receiver waits, and the answer would be granted. */
TEST(mutants_call_without_write)
{
	cptr_t ep = endpoint_new();
	struct job job = { .nr = SYS_RECV, .cap = ep, .r12 = reply_new() };
	job_start(&job, NULL);
	settle();
	for (word_t rights = 0; rights <= RIGHTS_ALL; rights++)
		if (!(rights & RIGHT_WRITE))
			CHECK_ERR(invoke(cap_mint(ep, rights, 0), 1, 0, 0, 0, 0, 0, 0),
			          ERR_INVALID_CAPABILITY, 0);
	settle();
	CHECK(!job.done);
}

static struct {
	cptr_t ep, reply, gate;
	char order[4];
	volatile unsigned int steps;
} race;

static word_t race_low(word_t arg)
{
	(void)sel4_recv(race.ep, race.reply);
	race.order[race.steps++] = 'l';
	return arg;
}

static word_t race_middle(word_t arg)
{
	(void)sel4_wait(race.gate);
	race.order[race.steps++] = 'm';
	return arg;
}

static word_t race_high(word_t arg)
{
	sel4_signal(race.gate);
	race.order[race.steps++] = 'h';
	(void)sel4_call(race.ep, (struct sel4_msg){ 0 });
	return arg;
}

/* A call to a thread of low priority: one that is ready goes before it. */
TEST(mutants_call_runs_the_highest_not_the_called)
{
	race.ep = endpoint_new();
	race.reply = reply_new();
	race.gate = notification_new();
	race.steps = 0;
	static const thread_fn fn[] = { race_low, race_middle, race_high };
	for (word_t i = 0; i < 3; i++) {
		struct thread *t = thread_new(&(struct thread_options){ .priority = 50 + 10 * i });
		thread_start(t, fn[i], 0);
		settle();
	}
	CHECK_EQ(race.steps, 3);
	CHECK_EQ(memcmp(race.order, "hml", 3), 0);
}

/* Who waited for the answer to a fault and is sent elsewhere has no fault any more. */
TEST(mutants_fault_is_forgotten_by_a_restart)
{
	static struct table_call calls[2];
	cptr_t ep = endpoint_new(), faults = endpoint_new(), reply = reply_new(), tcb = tcb_new();
	calls[0] = signal_at(ep);
	calls[0].info = abi_msginfo(9, 0, 0, 1);
	calls[1] = wait_at(notification_new());
	CHECK_OK(sel4_tcb_configure(tcb, INIT_CNODE, 0, INIT_VSPACE, 0, 0, 0));
	CHECK_OK(sel4_tcb_set_sched_params(tcb, INIT_TCB, 0, 100, sched_context_new(), faults));
	table_start(tcb, (const void *)TEST_VADDR, calls);
	CHECK_EQ(abi_msginfo_label(sel4_recv(faults, reply).info), FAULT_VM);
	table_start(tcb, mutant_calls, calls);
	settle();
	CHECK_EQ(sel4_recv(ep, reply_new()).info, abi_msginfo(9, 0, 0, 1));
}

/* ---- Messages the short way ---- */

struct long_call {
	cptr_t ep;
	word_t length;
};

static word_t call_long(word_t arg)
{
	const struct long_call *c = (const struct long_call *)arg;
	for (unsigned int i = 0; i < ABI_MSG_MAX; i++)
		sel4_set_word(i, 0x1000 + i);
	sel4_ipc_buffer()->user_data = 0xbad;
	(void)sel4_call(c->ep, (struct sel4_msg){ .info = abi_msginfo(6, 0, 0, c->length) });
	return 0;
}

/* A receiver waits with this right to its buffer; what came in is in job, and in the buffer. */
static const struct abi_ipc_buffer *receive_long(struct job *job, word_t rights, word_t length)
{
	static struct long_call c;
	cptr_t frame;
	const struct abi_ipc_buffer *buffer = page_new(&frame);
	*job = (struct job){ .nr = SYS_RECV, .cap = endpoint_new(), .r12 = reply_new() };
	struct thread *t = thread_new(&(struct thread_options){ 0 });
	CHECK_OK(sel4_tcb_set_ipc_buffer(t->tcb, (word_t)buffer, cap_copy(frame, rights)));
	thread_start(t, job_run, (word_t)job);
	settle();
	c = (struct long_call){ job->cap, length };
	thread_run(call_long, (word_t)&c);
	settle();
	CHECK(job->done);
	return buffer;
}

TEST(mutants_call_to_a_receiver_with_a_read_only_buffer)
{
	struct job job;
	const struct abi_ipc_buffer *buffer = receive_long(&job, RIGHT_READ, 6);
	CHECK_EQ(job.out.info, abi_msginfo(6, 0, 0, ABI_MSG_REGS));
	for (unsigned int i = 0; i < 8; i++)
		CHECK_EQ(buffer->msg[i], 0);
}

TEST(mutants_call_longer_than_a_buffer)
{
	struct job job;
	const struct abi_ipc_buffer *buffer = receive_long(&job, RIGHTS_ALL, 127);
	CHECK_EQ(job.out.info, abi_msginfo(6, 0, 0, ABI_MSG_MAX));
	CHECK_EQ(buffer->msg[ABI_MSG_MAX - 1], 0x1000 + ABI_MSG_MAX - 1);
	CHECK_EQ(buffer->user_data, 0);
}

/* The first of two receivers was called; the second one leaves; then nobody waits. */
TEST(mutants_second_receiver_leaves_after_the_first_was_called)
{
	cptr_t ep = endpoint_new();
	struct job first = { .nr = SYS_RECV, .cap = ep, .r12 = reply_new() };
	struct job second = { .nr = SYS_RECV, .cap = ep, .r12 = reply_new() };
	struct job caller = { .nr = SYS_CALL, .cap = ep };
	job_start(&first, NULL);
	settle();
	job_start(&second, NULL);
	settle();
	job_start(&caller, NULL);
	settle();
	CHECK(first.done);
	CHECK(!second.done);
	CHECK_OK(sel4_tcb_suspend(second.thread->tcb));
	sel4_nb_send(ep, (struct sel4_msg){ 0 });
	settle();
	CHECK(!second.done);
}

/* There is a signal, but the capability may not take it. */
TEST(mutants_wait_without_read_where_a_signal_is)
{
	static const enum abi_syscall calls[] = { SYS_WAIT, SYS_NB_WAIT };
	cptr_t ntfn = notification_new(), faults = endpoint_new(), reply = reply_new();
	cptr_t cap = cap_mint(ntfn, RIGHT_WRITE, 1);
	sel4_signal(cap);
	for (unsigned int i = 0; i < 2; i++) {
		struct job job = { .nr = calls[i], .cap = cap };
		job_start(&job, &(struct thread_options){ .fault_ep = faults });
		struct sel4_msg m = sel4_recv(faults, reply);
		CHECK_EQ(abi_msginfo_label(m.info), FAULT_CAP);
		CHECK_EQ(m.mr[1], cap);
	}
	CHECK_EQ(sel4_nb_wait(ntfn).badge, 1);
}

static struct {
	cptr_t faults, reply, sc, gate;
	volatile word_t count;
	word_t us;
} shared;

static word_t refuse_faults(word_t arg)
{
	struct sel4_msg m = sel4_recv(shared.faults, shared.reply);
	for (;;) {
		shared.count += abi_msginfo_label(m.info) == FAULT_USER_EXCEPTION;
		m = sel4_reply_recv(shared.faults,
		                    (struct sel4_msg){ .info = abi_msginfo(1, 0, 0, 0) },
		                    shared.reply);
	}
	return arg;
}

/* The answer to an exception by ReplyRecv has a label: the thread does not run again. */
TEST(mutants_fault_is_refused_by_reply_recv)
{
	shared.faults = endpoint_new();
	shared.reply = reply_new();
	shared.count = 0;
	thread_run(refuse_faults, 0);
	settle();
	struct thread *t = thread_new(&(struct thread_options){ .fault_ep = shared.faults });
	struct abi_user_context start = { .rip = (word_t)mutant_ud2 };
	thread_start_at(t, &start);
	settle();
	CHECK_EQ(shared.count, 1);
}

TEST(mutants_tls_base_is_canonical)
{
	if (!kernel_is_freehold())
		SKIP("what seL4 does is its own business");
	static struct table_call calls[2];
	struct thread *t = thread_new(&(struct thread_options){ 0 });
	calls[0] = (struct table_call){ .cap = 1ull << 63, .nr = (word_t)SYS_SET_TLS_BASE };
	calls[1] = wait_at(notification_new());
	table_start(t->tcb, mutant_calls, calls);
	settle();
	CHECK_EQ(thread_registers(t).fs_base, 0);
}

/* ---- Time the short way ---- */

static word_t yield_to(word_t arg)
{
	CHECK_OK(sel4_sched_context_yield_to(shared.sc, &shared.us));
	return arg;
}

static word_t spin_and_wait(word_t us)
{
	(void)sel4_wait(shared.gate);
	spin_us(us);
	(void)sel4_wait(shared.gate);
	return 0;
}

/* Whom a thread yielded to waits: the yielder goes on and gets its answer. */
TEST(mutants_yield_to_one_that_waits)
{
	shared.gate = notification_new();
	shared.us = 0;
	struct thread *t = thread_run(spin_and_wait, 3000);
	settle();
	shared.sc = t->sched_context;
	struct thread *yielder = thread_new(&(struct thread_options){ 0 });
	word_t before;
	CHECK_OK(sel4_sched_context_consumed(shared.sc, &before));
	/* First the yielder, then the other one: who is made ready last by main goes first. */
	sel4_signal(shared.gate);
	thread_start(yielder, yield_to, 0);
	thread_join(yielder);
	CHECK_LT(2500, shared.us);
}

/*
 * The context that a thread yielded to goes while it waits its turn: it gets its answer, and what
 * becomes of the memory is left alone.
 */
TEST(mutants_yield_to_a_context_that_goes)
{
	cptr_t untyped = untyped_new(12), frame = slot_new();
	shared.sc = slot_new();
	shared.gate = notification_new();
	CHECK_OK(sel4_untyped_retype(untyped, OBJ_SCHED_CONTEXT, 8, root_node(), shared.sc, 1));
	CHECK_OK(sel4_sched_control_configure_flags(env_sched_control, shared.sc, 100000, 100000, 0,
	                                            0, 0));
	struct thread *t = thread_new(&(struct thread_options){ .passive = true });
	CHECK_OK(sel4_sched_context_bind(shared.sc, t->tcb));
	thread_start(t, count_for_ever, 0);
	struct thread *yielder = thread_run(yield_to, 0);
	sleep_us(5000);
	CHECK_OK(sel4_cnode_delete(slot(shared.sc)));
	CHECK_OK(sel4_untyped_retype(untyped, OBJ_X86_4K_PAGE, 0, root_node(), frame, 1));
	vspace_map(INIT_VSPACE, TEST_VADDR, frame, RIGHTS_ALL, 0);
	volatile word_t *words = (volatile word_t *)TEST_VADDR;
	for (word_t i = 0; i < 512; i++)
		words[i] = ~(word_t)0;
	thread_join(yielder);
	for (word_t i = 0; i < 512; i++)
		CHECK_EQ(words[i], ~(word_t)0);
}

/* Suspended while it waited its turn, and sent elsewhere: it is told nothing any more. */
TEST(mutants_yield_to_ends_with_a_suspension)
{
	cptr_t faults = endpoint_new();
	struct thread *t = thread_run(count_for_ever, 0);
	struct thread *yielder = thread_new(&(struct thread_options){ .fault_ep = faults });
	shared.sc = t->sched_context;
	thread_start(yielder, yield_to, 0);
	sleep_us(5000);
	CHECK_OK(sel4_tcb_suspend(yielder->tcb));
	CHECK_OK(sel4_tcb_suspend(t->tcb));
	struct abi_user_context start = { .rip = (word_t)mutant_ud2, .rdi = 7, .rsi = 8, .r10 = 9 };
	thread_start_at(yielder, &start);
	CHECK_EQ(abi_msginfo_label(sel4_recv(faults, reply_new()).info), FAULT_USER_EXCEPTION);
	struct abi_user_context is = thread_registers(yielder);
	CHECK_EQ(is.rdi, 7);
	CHECK_EQ(is.rsi, 8);
	CHECK_EQ(is.r10, 9);
}

static word_t consume_and_ask(word_t sc)
{
	word_t us;
	CHECK_OK(sel4_sched_context_consumed(sc, &us));
	spin_us(2000);
	CHECK_OK(sel4_sched_context_consumed(sc, &us));
	return us;
}

TEST(mutants_consumed_of_oneself_is_up_to_now)
{
	if (!kernel_is_freehold())
		SKIP("seL4 counts what was charged so far");
	struct thread *t = thread_new(&(struct thread_options){ 0 });
	thread_start(t, consume_and_ask, t->sched_context);
	CHECK_LT(1500, thread_join(t));
}

static word_t spin_and_configure(word_t sc)
{
	spin_us(3500);
	CHECK_OK(sel4_sched_control_configure_flags(env_sched_control, sc, 4000, 500000, 0, 0, 0));
	word_t start = now_us();
	spin_us(2500);
	return now_us() - start;
}

static bool own_new_budget_is_whole(void)
{
	struct thread *t = thread_new(&(struct thread_options){ .budget_us = 20000 });
	thread_start(t, spin_and_configure, t->sched_context);
	return thread_join(t) < 100000;
}

/* What a thread used before it configures its own context is not taken from the new budget. */
TEST(mutants_configure_of_oneself)
{
	CHECK(any_attempt(own_new_budget_is_whole));
}

static word_t receive_and_delete_reply(word_t arg)
{
	(void)sel4_recv(shared.faults, shared.reply);
	(void)sel4_cnode_delete(slot(shared.reply));
	shared.count++;
	return arg;
}

/* The donated context goes back with the reply object: the server does not run on. */
TEST(mutants_server_that_deletes_its_reply_object)
{
	shared.faults = endpoint_new();
	shared.reply = reply_new();
	shared.count = 0;
	struct thread *server = thread_run(receive_and_delete_reply, 0);
	settle();
	make_passive(server);
	struct job job = { .nr = SYS_CALL, .cap = shared.faults };
	job_start(&job, NULL);
	settle();
	CHECK_EQ(shared.count, 0);
	CHECK(!has_context(server->tcb));
	CHECK(has_context(job.thread->tcb));
}

static bool main_has_its_slice(void)
{
	struct thread *t = thread_new(
	        &(struct thread_options){ .priority = ABI_PRIORITY_MAX, .budget_us = 1000 });
	thread_start(t, count_for_ever, 0);
	sel4_yield();
	word_t before = count;
	spin_us(3000);
	bool alone = count == before;
	CHECK_OK(sel4_tcb_suspend(t->tcb));
	return alone;
}

/* The root task's own context: round robin, 5 ms. */
TEST(mutants_slice_of_the_root_task)
{
	CHECK(any_attempt(main_has_its_slice));
}

static word_t spin_and_call(word_t us)
{
	spin_us(us);
	(void)sel4_call(shared.faults, (struct sel4_msg){ 0 });
	return 0;
}

static word_t receive_for_ever(word_t arg)
{
	(void)sel4_recv(shared.faults, shared.reply);
	(void)sel4_wait(shared.gate);
	return arg;
}

/* What a thread used before it called an active server. */
TEST(mutants_consumed_before_a_call)
{
	shared.faults = endpoint_new();
	shared.reply = reply_new();
	shared.gate = notification_new();
	thread_run(receive_for_ever, 0);
	settle();
	struct thread *t = thread_run(spin_and_call, 3000);
	settle();
	word_t us;
	CHECK_OK(sel4_sched_context_consumed(t->sched_context, &us));
	CHECK_LT(2500, us);
}

/* ---- Stacks of calls ---- */

/* A passive server that takes one call, and makes one to the next or waits for ever. */
struct link {
	cptr_t ep, reply;
	struct link *next;
	word_t caps; /* in its call: a call with capabilities is not a fast one */
	struct thread *thread;
};

static word_t link_run(word_t arg)
{
	struct link *l = (struct link *)arg;
	(void)sel4_recv(l->ep, l->reply);
	sel4_set_cap(0, INIT_TCB);
	if (l->next)
		(void)sel4_call(l->next->ep,
		                (struct sel4_msg){ .info = abi_msginfo(7, 0, l->caps, 0) });
	(void)sel4_wait(notification_new());
	return 0;
}

/* The client's context has come to the last one afterwards. */
static void chain_start(struct link *links, unsigned int length, word_t caps, struct job *client)
{
	for (unsigned int i = length; i-- > 0;) {
		struct link *l = &links[i];
		l->ep = endpoint_new();
		if (!l->reply)
			l->reply = reply_new();
		l->next = i + 1 < length ? &links[i + 1] : NULL;
		l->caps = caps;
		l->thread = thread_run(link_run, (word_t)l);
		settle();
		make_passive(l->thread);
	}
	*client = (struct job){ .nr = SYS_CALL, .cap = links[0].ep };
	client->in.info = abi_msginfo(7, 0, caps, 0);
	client->thread = thread_new(&(struct thread_options){ 0 });
	client->thread->ipc_buffer->caps_or_badges[0] = INIT_TCB;
	thread_start(client->thread, job_run, (word_t)client);
	settle();
	CHECK(has_context(links[length - 1].thread->tcb));
}

static void check_oldest_goes(word_t caps)
{
	static struct link links[2];
	static struct job client;
	memset(links, 0, sizeof links);
	chain_start(links, 2, caps, &client);
	cap_delete(links[0].reply);
	CHECK(has_context(links[1].thread->tcb));
	CHECK(!has_context(client.thread->tcb));
}

TEST(mutants_stack_without_its_oldest_call)
{
	check_oldest_goes(0);
}

TEST(mutants_stack_of_calls_with_capabilities_without_its_oldest)
{
	check_oldest_goes(1);
}

/* What leaves the middle of a stack is forgotten by the older ones as well. */
TEST(mutants_stack_forgets_what_left_its_middle)
{
	static struct link links[3];
	static struct job client;
	cptr_t untyped = untyped_new(6), reply = slot_new(), ntfn = slot_new(), badged = slot_new();
	memset(links, 0, sizeof links);
	CHECK_OK(sel4_untyped_retype(untyped, OBJ_REPLY, 0, root_node(), reply, 1));
	links[1].reply = reply;
	chain_start(links, 3, 0, &client);
	cap_delete(reply);
	CHECK_OK(sel4_untyped_retype(untyped, OBJ_NOTIFICATION, 0, root_node(), ntfn, 1));
	CHECK_OK(sel4_cnode_mint(slot(badged), slot(ntfn), RIGHTS_ALL, ~(word_t)0));
	sel4_signal(badged);
	cap_delete(links[0].reply);
	CHECK_EQ(sel4_nb_wait(ntfn).badge, ~(word_t)0);
}

/*
 * Cancelling the newest call makes the context forget all older ones; calls made with it later do
 * not bring them back.
 */
TEST(mutants_stack_is_forgotten_with_its_newest_call)
{
	static struct link links[2], third;
	static struct job client;
	static struct table_call calls[2];
	memset(links, 0, sizeof links);
	third = (struct link){ .ep = endpoint_new(), .reply = reply_new() };
	third.thread = thread_run(link_run, (word_t)&third);
	settle();
	make_passive(third.thread);
	chain_start(links, 2, 0, &client);
	cptr_t second = links[1].thread->tcb;
	CHECK_OK(sel4_tcb_suspend(links[0].thread->tcb));
	CHECK(has_context(second));
	calls[0] = (struct table_call){ .cap = third.ep, .nr = (word_t)SYS_CALL };
	calls[1] = wait_at(notification_new());
	table_start(second, mutant_calls, calls);
	settle();
	CHECK(has_context(third.thread->tcb));
	sel4_send(third.reply, (struct sel4_msg){ 0 });
	CHECK(has_context(second));
	sel4_send(links[0].reply, (struct sel4_msg){ 0 });
	CHECK(has_context(second));
	CHECK(!has_context(client.thread->tcb));
}

/* ---- Timeouts ---- */

/* A context's share of the processor, in thousandths, while its thread never waits. */
static word_t share_of(cptr_t sc)
{
	word_t us, start = now_us();
	CHECK_OK(sel4_sched_context_consumed(sc, &us));
	sleep_us(300000);
	CHECK_OK(sel4_sched_context_consumed(sc, &us));
	return us * 1000 / (now_us() - start);
}

static void set_budget(cptr_t sc, word_t budget_us, word_t period_us, word_t refills)
{
	CHECK_OK(sel4_sched_control_configure_flags(env_sched_control, sc, budget_us, period_us,
	                                            refills, 0, 0));
}

static struct thread *start_with_context(cptr_t sc)
{
	struct thread *t = thread_new(&(struct thread_options){ .passive = true });
	CHECK_OK(sel4_sched_context_bind(sc, t->tcb));
	thread_start(t, count_for_ever, 0);
	return t;
}

/* It interrupts threads of lower priority often, so that their refills are split. */
static struct thread *start_interrupting(void)
{
	struct thread *t = thread_new(
	        &(struct thread_options){ .priority = 120, .budget_us = 100, .period_us = 1300 });
	thread_start(t, count_for_ever, 0);
	return t;
}

static bool budget_whole(void)
{
	cptr_t sc = sched_context_new_sized(8, 4000, 40000, 0);
	struct thread *t = start_with_context(sc);
	word_t share = share_of(sc);
	CHECK_OK(sel4_tcb_suspend(t->tcb));
	return share > 50 && share < 150;
}

_Noreturn static word_t call_for_ever(word_t notification)
{
	for (;;)
		(void)sel4_nb_wait(notification);
}

/* Its budget ends in the kernel now and then, where it is charged late. */
static bool budget_of_calls(void)
{
	cptr_t sc = sched_context_new_sized(8, 4000, 40000, 0);
	struct thread *t = thread_new(&(struct thread_options){ .passive = true });
	CHECK_OK(sel4_sched_context_bind(sc, t->tcb));
	thread_start(t, call_for_ever, notification_new());
	word_t share = share_of(sc);
	CHECK_OK(sel4_tcb_suspend(t->tcb));
	return share > 50 && share < 150;
}

static bool budget_split(void)
{
	cptr_t sc = sched_context_new_sized(8, 4000, 40000, 0);
	set_budget(sc, 4000, 40000, 4);
	struct thread *t = start_with_context(sc), *other = start_interrupting();
	word_t share = share_of(sc);
	CHECK_OK(sel4_tcb_suspend(t->tcb));
	CHECK_OK(sel4_tcb_suspend(other->tcb));
	return share > 50 && share < 150;
}

static bool budget_raised(void)
{
	cptr_t sc = sched_context_new_sized(8, 4000, 40000, 0);
	struct thread *t = start_with_context(sc);
	sleep_us(50000);
	set_budget(sc, 5000, 40000, 0);
	sleep_us(50000);
	word_t share = share_of(sc);
	CHECK_OK(sel4_tcb_suspend(t->tcb));
	return share > 60 && share < 175;
}

static bool budget_lowered(void)
{
	cptr_t sc = sched_context_new_sized(8, 20000, 40000, 0);
	struct thread *t = start_with_context(sc);
	sleep_us(50000);
	set_budget(sc, 4000, 40000, 0);
	sleep_us(50000);
	word_t share = share_of(sc);
	CHECK_OK(sel4_tcb_suspend(t->tcb));
	return share > 50 && share < 150;
}

TEST(mutants_share_of_a_whole_budget)
{
	CHECK(any_attempt(budget_whole));
}

TEST(mutants_share_of_a_budget_of_calls)
{
	CHECK(any_attempt(budget_of_calls));
}

TEST(mutants_share_of_a_split_budget)
{
	CHECK(any_attempt(budget_split));
}

TEST(mutants_share_of_a_raised_budget)
{
	CHECK(any_attempt(budget_raised));
}

TEST(mutants_share_of_a_lowered_budget)
{
	CHECK(any_attempt(budget_lowered));
}

/* The smallest context keeps no more refills than it has room for: behind it is another object. */
TEST(mutants_refills_stay_in_their_context)
{
	cptr_t untyped = untyped_new(8), sc = slot_new(), ntfn = slot_new();
	CHECK_OK(sel4_untyped_retype(untyped, OBJ_SCHED_CONTEXT, 7, root_node(), sc, 1));
	CHECK_OK(sel4_untyped_retype(untyped, OBJ_NOTIFICATION, 0, root_node(), ntfn, 1));
	sel4_signal(cap_mint(ntfn, RIGHT_WRITE, ~(word_t)0));
	set_budget(sc, 4000, 40000, 0);
	struct thread *t = start_with_context(sc), *other = start_interrupting();
	sleep_us(200000);
	CHECK_OK(sel4_tcb_suspend(t->tcb));
	CHECK_OK(sel4_tcb_suspend(other->tcb));
	CHECK_EQ(sel4_nb_wait(ntfn).badge, ~(word_t)0);
}

static word_t call_often(word_t us)
{
	for (;;) {
		spin_us(us);
		(void)sel4_call(shared.faults, (struct sel4_msg){ 0 });
		shared.count++;
	}
	return 0;
}

static word_t answer_for_ever(word_t arg)
{
	(void)sel4_recv(shared.faults, shared.reply);
	for (;;)
		(void)sel4_reply_recv(shared.faults, (struct sel4_msg){ 0 }, shared.reply);
	return arg;
}

/* Calls to an active server do not stretch a budget. */
static bool budget_with_calls(void)
{
	shared.faults = endpoint_new();
	shared.reply = reply_new();
	shared.count = 0;
	struct thread *server = thread_run(answer_for_ever, 0);
	settle();
	struct thread *t =
	        thread_new(&(struct thread_options){ .budget_us = 4000, .period_us = 40000 });
	thread_start(t, call_often, 300);
	word_t start = now_us();
	sleep_us(300000);
	word_t periods = (now_us() - start) / 40000 + 1;
	CHECK_OK(sel4_tcb_suspend(t->tcb));
	CHECK_OK(sel4_tcb_suspend(server->tcb));
	return shared.count > periods * 3 && shared.count < periods * 20;
}

TEST(mutants_budget_with_calls)
{
	CHECK(any_attempt(budget_with_calls));
}

static volatile word_t turn_us;

static word_t take_turn(word_t arg)
{
	(void)sel4_wait(shared.gate);
	turn_us = now_us();
	return arg;
}

static word_t serve_long(word_t arg)
{
	(void)sel4_recv(shared.faults, shared.reply);
	sel4_signal(shared.gate);
	shared.us = now_us();
	spin_us(30000);
	return arg;
}

/* A called server has a short slice of its own: it ends in time. */
static bool called_slice_ends(void)
{
	struct thread_options server = { .priority = 110, .budget_us = 1000 };
	struct thread_options client = { .budget_us = 40000 };
	shared.faults = endpoint_new();
	shared.reply = reply_new();
	shared.gate = notification_new();
	struct thread *s = thread_new(&server), *peer = thread_new(&server);
	struct thread *c = thread_new(&client);
	thread_start(s, serve_long, 0);
	thread_start(peer, take_turn, 0);
	settle();
	/* Long enough for every timer that was set before. */
	thread_start(c, spin_and_call, 12000);
	thread_join(peer);
	CHECK_OK(sel4_tcb_suspend(s->tcb));
	CHECK_OK(sel4_tcb_suspend(c->tcb));
	return turn_us - shared.us < 5000;
}

TEST(mutants_slice_of_a_called_server_ends)
{
	CHECK(any_attempt(called_slice_ends));
}

/*
 * A server that gives back the context that a signal lent it, and finds a timeout fault that waits,
 * has no context: it does not get the one that has run out.
 */
static bool waiting_timeout_donates_nothing(void)
{
	static struct table_call calls[4];
	cptr_t ep = endpoint_new(), bell = notification_new(), done = notification_new();
	cptr_t tcb = tcb_new(), sc = sched_context_new(), own = sched_context_new();
	struct thread *t = thread_new(&(struct thread_options){
	        .timeout_ep = ep, .budget_us = 1500, .period_us = 13000 });
	thread_start(t, count_for_ever, 0);
	bool rests = comes_to_rest(&count);

	memset(calls, 0, sizeof calls);
	calls[0] = wait_at(bell);
	calls[1] = (struct table_call){ .cap = ep, .nr = (word_t)SYS_RECV };
	calls[2] = signal_at(cap_mint(done, RIGHTS_ALL, 1));
	calls[3] = wait_at(notification_new());
	CHECK_OK(sel4_sched_context_bind(sc, bell));
	CHECK_OK(sel4_tcb_configure(tcb, INIT_CNODE, 0, INIT_VSPACE, 0, 0, 0));
	CHECK_OK(sel4_tcb_set_sched_params(tcb, INIT_TCB, 0, 100, own, thread_fault_ep));
	CHECK_OK(sel4_tcb_bind_notification(tcb, bell));
	CHECK_OK(sel4_tcb_write_registers(tcb, SEL4_WRITE_RESUME, ABI_CONTEXT_WORDS,
	                                  &(struct abi_user_context){ .rip = (word_t)mutant_calls,
	                                                              .rbx = (word_t)calls,
	                                                              .r12 = reply_new() }));
	settle();
	CHECK_OK(sel4_sched_context_unbind(own));
	sel4_signal(bell);
	sleep_us(60000);
	bool went_on = sel4_nb_wait(done).badge != 0;
	/* With a context of its own it goes on with the fault. */
	bool has_none = sel4_sched_context_bind(own, tcb) == ERR_NONE;
	settle();
	CHECK_OK(sel4_tcb_suspend(t->tcb));
	CHECK_OK(sel4_tcb_suspend(tcb));
	return rests && !went_on && has_none && sel4_nb_wait(done).badge != 0 &&
	       abi_msginfo_label(calls[1].result) == FAULT_TIMEOUT;
}

TEST(mutants_timeout_fault_that_waits_donates_nothing)
{
	CHECK(any_attempt(waiting_timeout_donates_nothing));
}

/* ---- Registers ---- */

/* RCX is RIP, as after a system call, but R11 is not RFLAGS. */
TEST(mutants_r11_beside_an_rcx_of_rip)
{
	if (!kernel_is_freehold())
		SKIP("what seL4 does is its own business");
	cptr_t faults = endpoint_new();
	struct thread *t = thread_new(&(struct thread_options){ .fault_ep = faults });
	struct abi_user_context start = { .rip = (word_t)mutant_ud2,
		                          .rcx = (word_t)mutant_ud2,
		                          .r11 = 0x1234567812345678 };
	thread_start_at(t, &start);
	CHECK_EQ(abi_msginfo_label(sel4_recv(faults, reply_new()).info), FAULT_USER_EXCEPTION);
	CHECK_EQ(thread_registers(t).r11, 0x1234567812345678);
	CHECK_EQ(thread_registers(t).rcx, (word_t)mutant_ud2);
}

/* ---- Address spaces ---- */

TEST(mutants_all_spaces_of_a_deleted_pool_are_gone)
{
	enum { SPACES = 4 };
	cptr_t pool = slot_new(), frame = frame_new();
	cptr_t spaces = object_new_range(OBJ_X86_PML4, 0, SPACES);
	CHECK_OK(sel4_x86_asid_control_make_pool(INIT_ASID_CONTROL, untyped_new(12), slot(pool)));
	for (word_t i = 0; i < SPACES; i++)
		CHECK_OK(sel4_x86_asid_pool_assign(pool, spaces + i));
	cap_delete(pool);
	for (word_t i = 0; i < SPACES; i++)
		CHECK_ERR(sel4_x86_page_map(frame, spaces + i, TEST_VADDR, RIGHTS_ALL, 0),
		          ERR_FAILED_LOOKUP, AT_DEST, WORDS_INVALID_ROOT);
}

/* ---- Interrupts ---- */

/* A level that nobody handles any more does not take the machine's time. */
static bool unhandled_level_is_quiet(void)
{
	enum { PIT_PIN = 2, PIT_DATA = 0x40, PIT_CONTROL = 0x43, PIT_ONE_SHOT = 0x30 };
	cptr_t ports = slot_new(), handler = slot_new();
	CHECK_OK(sel4_x86_io_port_control_issue(INIT_IO_PORT_CONTROL, PIT_DATA, PIT_CONTROL,
	                                        slot(ports)));
	/* Low for 54 ms; after the handler is gone, for a tenth of a millisecond. */
	CHECK_OK(sel4_x86_io_port_out8(ports, PIT_CONTROL, PIT_ONE_SHOT));
	CHECK_OK(sel4_x86_io_port_out8(ports, PIT_DATA, 0xff));
	CHECK_OK(sel4_x86_io_port_out8(ports, PIT_DATA, 0xff));
	CHECK_OK(sel4_x86_irq_get_ioapic(INIT_IRQ_CONTROL, slot(handler), 0, PIT_PIN, 1, 0, 9));
	cap_delete(handler);
	word_t start = now_us();
	CHECK_OK(sel4_x86_io_port_out8(ports, PIT_DATA, 100));
	CHECK_OK(sel4_x86_io_port_out8(ports, PIT_DATA, 0));
	for (volatile int i = 0; i < 100000; i++)
		;
	word_t with = now_us() - start;
	CHECK_OK(sel4_x86_io_port_out8(ports, PIT_CONTROL, PIT_ONE_SHOT));
	CHECK_OK(sel4_x86_io_port_out8(ports, PIT_DATA, 0xff));
	CHECK_OK(sel4_x86_io_port_out8(ports, PIT_DATA, 0xff));
	start = now_us();
	for (volatile int i = 0; i < 100000; i++)
		;
	word_t without = now_us() - start;
	cap_delete(ports);
	return with < 2 * without + 100;
}

TEST(mutants_level_without_a_handler)
{
	CHECK(any_attempt(unhandled_level_is_quiet));
}
