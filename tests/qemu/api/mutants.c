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

extern const char mutant_calls[], mutant_fpu_calls[];
word_t mutant_backwards(cptr_t cap, word_t info, word_t mr0, word_t mr1);

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

/* A send that does not wait fails silently where its capabilities are not found, and is forgotten. */
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
static void chain_start(struct link *links, unsigned int count, word_t caps, struct job *client)
{
	for (unsigned int i = count; i-- > 0;) {
		struct link *l = &links[i];
		l->ep = endpoint_new();
		if (!l->reply)
			l->reply = reply_new();
		l->next = i + 1 < count ? &links[i + 1] : NULL;
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
	CHECK(has_context(links[count - 1].thread->tcb));
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

static volatile word_t count;

_Noreturn static word_t count_for_ever(word_t arg)
{
	(void)arg;
	for (;;)
		count++;
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

/* The kernel clears memory, forwards, whatever the user's direction flag says. */
TEST(mutants_direction_flag_is_not_the_kernels)
{
	if (!kernel_is_freehold())
		SKIP("seL4 does not clear the direction flag");
	cptr_t untyped = untyped_new(13), ut = slot_new_range(2), frame = slot_new();
	CHECK_OK(sel4_untyped_retype(untyped, OBJ_UNTYPED, 12, root_node(), ut, 2));
	for (int i = 0; i < 2; i++) {
		CHECK_OK(sel4_untyped_retype(ut + 1, OBJ_X86_4K_PAGE, 0, root_node(), frame, 1));
		vspace_map(INIT_VSPACE, TEST_VADDR, frame, RIGHTS_ALL, 0);
		volatile word_t *words = (volatile word_t *)TEST_VADDR;
		for (word_t j = 0; j < 512; j++) {
			CHECK_EQ(words[j], 0);
			words[j] = ~j;
		}
		cap_delete(frame);
		if (i == 0) {
			cptr_t node = slot_new();
			sel4_set_cap(0, INIT_CNODE);
			sel4_set_word(4, node);
			sel4_set_word(5, 1);
			CHECK_EQ(mutant_backwards(ut + 1, abi_msginfo(INV_UNTYPED_RETYPE, 0, 1, 6),
			                          OBJ_CNODE, 7),
			         0);
			for (word_t j = 0; j < 128; j++)
				CHECK(is_empty(at(node, j, 7)));
			cap_delete(node);
		}
	}
}
