/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Fault handlers: their rights, active and passive ones, none at all, and those that go away.
 * seL4 manual, sections 6.2 (Faults) and 6.1.8 (Passive threads).
 */
#include "faults.h"
#include "servers.h"

static void set_fault_ep(cptr_t ep)
{
	CHECK_OK(sel4_tcb_set_space(faulter.thread->tcb, ep, INIT_CNODE, 0, INIT_VSPACE, 0));
}

static void run_faulter(void)
{
	thread_start_at(faulter.thread, &faulter.start);
	settle();
}

static void check_ud2(void)
{
	check_exception(fault_ud2, 6, 0);
}

TEST(fault_endpoint_has_its_badge)
{
	faulter_new(fault_ud2);
	set_fault_ep(cap_mint(faulter.ep, RIGHTS_ALL, ~0ull));
	faulter_run();
	CHECK_EQ(faulter.m.badge, ~0ull);
	check_ud2();
}

/* Write, and one of the grants: with any less, no capability is accepted (tcb_config.c). */
TEST(fault_endpoint_with_few_rights)
{
	static const word_t rights[] = { RIGHT_WRITE | RIGHT_GRANT,
		                         RIGHT_WRITE | RIGHT_GRANT_REPLY };
	for (unsigned int i = 0; i < 2; i++) {
		faulter_new(fault_ud2);
		set_fault_ep(cap_copy(faulter.ep, rights[i]));
		faulter_run();
		check_ud2();
		faulter.words[0] += 2;
		faulter_reply(0, 1);
		faulter_receive();
		check_report(&faulter.start);
	}
}

TEST(fault_waits_for_its_handler)
{
	faulter_new(fault_ud2);
	run_faulter();
	faulter_receive();
	check_ud2();
	faulter.words[0] += 2;
	faulter_reply(0, 1);
	settle();
	faulter_receive();
	check_report(&faulter.start);
}

TEST(fault_taken_by_nb_recv)
{
	faulter_new(fault_ud2);
	run_faulter();
	CHECK_EQ(sel4_nb_recv(faulter.ep, faulter.reply).mr[3], 6);
}

TEST(fault_of_several_threads_by_priority)
{
	cptr_t ep = 0;
	for (word_t i = 0; i < 3; i++) {
		faulter_new(fault_ud2);
		if (!ep)
			ep = faulter.ep;
		set_fault_ep(cap_mint(ep, RIGHTS_ALL, i + 1));
		CHECK_OK(sel4_tcb_set_priority(faulter.thread->tcb, INIT_TCB, 50 + i));
		run_faulter();
	}
	for (word_t i = 0; i < 3; i++)
		CHECK_EQ(sel4_recv(ep, reply_new()).badge, 3 - i);
}

/* A handler that takes the fault without a reply object: nobody can answer it. */
TEST(fault_taken_without_reply_object)
{
	faulter_new(fault_ud2);
	thread_start_at(faulter.thread, &faulter.start);
	CHECK_EQ(sel4_wait(faulter.ep).mr[3], 6);
	settle();
	check_registers_are(faulter.thread, &faulter.start);
	/* The thread is inactive; resumed, it faults again. */
	CHECK_OK(sel4_tcb_resume(faulter.thread->tcb));
	faulter_receive();
	check_ud2();
}

/* Without a handler, the thread stops at the instruction. */

static void check_stopped(const void *code)
{
	faulter_new(code);
	faulter.start.rdx = 7;
	faulter.start.rsi = 16;
	set_fault_ep(INIT_NULL);
	run_faulter();
	CHECK_EQ(thread_registers(faulter.thread).rip, (word_t)code);
	/* It can be given a handler, and resumed. */
	set_fault_ep(faulter.ep);
	CHECK_EQ(sel4_nb_recv(faulter.ep, faulter.reply).info, 0);
	CHECK_OK(sel4_tcb_resume(faulter.thread->tcb));
	faulter_receive();
	CHECK_NE(abi_msginfo_label(faulter.m.info), 0);
}

TEST(fault_without_handler_stops_the_thread)
{
	check_stopped(fault_ud2);
	check_exception(fault_ud2, 6, 0);
	check_stopped(fault_read);
	check_vm_fault(fault_read, 16, 4);
	check_stopped(fault_syscall);
	CHECK_EQ(faulter.words[UNKNOWN_SYSCALL_NR], 7);
	check_stopped(fault_report);
	check_report(&faulter.start);
}

TEST(fault_without_handler_keeps_the_context_for_others)
{
	faulter_new(fault_ud2);
	set_fault_ep(INIT_NULL);
	run_faulter();
	CHECK(has_context(faulter.thread->tcb));
	make_passive(faulter.thread);
}

/* Handlers and threads that go away while a fault is open */

TEST(fault_endpoint_deleted_while_the_fault_waits)
{
	faulter_new(fault_ud2);
	run_faulter();
	set_fault_ep(endpoint_new());
	cap_delete(faulter.ep);
	settle();
	/* It does not fault again: it is inactive, until resumed. */
	faulter.ep = endpoint_new();
	set_fault_ep(faulter.ep);
	settle();
	CHECK_EQ(sel4_nb_recv(faulter.ep, faulter.reply).info, 0);
	CHECK_OK(sel4_tcb_resume(faulter.thread->tcb));
	faulter_receive();
	check_ud2();
}

TEST(fault_endpoint_capability_of_the_thread_is_its_own)
{
	faulter_new(fault_ud2);
	cptr_t copy = cap_copy(faulter.ep, RIGHTS_ALL);
	set_fault_ep(copy);
	cap_delete(copy);
	faulter_run();
	check_ud2();
}

TEST(fault_endpoint_revoked)
{
	faulter_new(fault_ud2);
	cap_revoke(faulter.ep);
	run_faulter();
	/* Without its capability, the thread has no handler. */
	CHECK_EQ(sel4_nb_recv(faulter.ep, faulter.reply).info, 0);
	CHECK_EQ(thread_registers(faulter.thread).rip, (word_t)fault_ud2);
}

TEST(fault_reply_object_deleted)
{
	faulter_start(fault_ud2);
	cap_delete(faulter.reply);
	faulter.reply = reply_new();
	settle();
	CHECK_EQ(sel4_nb_recv(faulter.ep, faulter.reply).info, 0);
	CHECK_OK(sel4_tcb_resume(faulter.thread->tcb));
	faulter_receive();
	check_ud2();
}

TEST(fault_reply_object_used_again)
{
	faulter_start(fault_ud2);
	CHECK_EQ(sel4_nb_recv(faulter.ep, faulter.reply).info, 0);
	faulter_reply(0, 0);
	settle();
	CHECK_EQ(sel4_nb_recv(faulter.ep, faulter.reply).info, 0);
	CHECK_OK(sel4_tcb_resume(faulter.thread->tcb));
	faulter_receive();
	check_ud2();
}

TEST(fault_thread_suspended_while_handled)
{
	faulter_start(fault_ud2);
	CHECK_OK(sel4_tcb_suspend(faulter.thread->tcb));
	faulter_reply(0, 0);
	settle();
	CHECK_EQ(sel4_nb_recv(faulter.ep, faulter.reply).info, 0);
	CHECK_OK(sel4_tcb_resume(faulter.thread->tcb));
	faulter_receive();
	check_ud2();
}

TEST(fault_thread_suspended_while_the_fault_waits)
{
	faulter_new(fault_ud2);
	run_faulter();
	CHECK_OK(sel4_tcb_suspend(faulter.thread->tcb));
	CHECK_EQ(sel4_nb_recv(faulter.ep, faulter.reply).info, 0);
	CHECK_OK(sel4_tcb_resume(faulter.thread->tcb));
	faulter_receive();
	check_ud2();
}

TEST(fault_thread_resumed_while_handled)
{
	faulter_start(fault_ud2);
	CHECK_OK(sel4_tcb_resume(faulter.thread->tcb));
	settle();
	faulter_receive();
	check_ud2();
}

TEST(fault_thread_deleted_while_handled)
{
	faulter_start(fault_ud2);
	cap_delete(faulter.thread->tcb);
	faulter_reply(0, 0);
	CHECK_EQ(sel4_nb_recv(faulter.ep, faulter.reply).info, 0);
}

TEST(fault_handler_thread_deleted)
{
	struct job handler = { .nr = SYS_RECV };
	faulter_new(fault_ud2);
	handler.cap = faulter.ep;
	handler.r12 = faulter.reply;
	job_start(&handler, NULL);
	settle();
	run_faulter();
	CHECK(handler.done);
	cap_delete(handler.thread->tcb);
	/* Whoever has the reply object can still answer. */
	sel4_send(faulter.reply, message(0, 1, (word_t)fault_ud2 + 2, 0, 0, 0));
	faulter_receive();
	check_report(&faulter.start);
}

/* A handler that faults has a handler of its own. */
TEST(fault_of_a_handler)
{
	struct thread *low = thread_new(&(struct thread_options){ 0 });
	cptr_t low_ep = endpoint_new();
	CHECK_OK(sel4_tcb_set_space(low->tcb, low_ep, INIT_CNODE, 0, INIT_VSPACE, 0));
	faulter_new(fault_syscall);
	/* It receives the other one's fault, and comes to fault_report. */
	faulter.start.rdx = (word_t)SYS_WAIT;
	faulter.start.rdi = low_ep;
	thread_start_at(faulter.thread, &faulter.start);
	struct abi_user_context c = { .rip = (word_t)fault_ud2 };
	thread_start_at(low, &c);
	faulter_receive();
	CHECK_EQ(abi_msginfo_label(faulter.m.info), FAULT_UNKNOWN_SYSCALL);
	CHECK_EQ(faulter.words[UNKNOWN_SYSCALL_RSI], abi_msginfo(FAULT_USER_EXCEPTION, 0, 0, 5));
	CHECK_EQ(faulter.words[UNKNOWN_SYSCALL_R10], (word_t)fault_ud2);
	CHECK_EQ(faulter.words[UNKNOWN_SYSCALL_R15], 6);
}

TEST(fault_of_a_thread_that_handles_itself)
{
	/* Nobody receives, so it waits at its own endpoint. */
	faulter_new(fault_ud2);
	run_faulter();
	CHECK_EQ(thread_registers(faulter.thread).rip, (word_t)fault_ud2);
	CHECK_EQ(sel4_nb_recv(faulter.ep, faulter.reply).mr[3], 6);
}

/* Passive handlers */

/* Receives faults at ep and lets the faulting thread skip two bytes, for ever. */
struct handler {
	cptr_t ep, reply;
	struct thread *thread;
	volatile word_t faults;
	volatile word_t context_seen;
};

_Noreturn static word_t handle_by_skipping(word_t arg)
{
	struct handler *h = (struct handler *)arg;
	struct sel4_msg m = sel4_recv(h->ep, h->reply);
	for (;;) {
		h->faults++;
		m = sel4_reply_recv(h->ep, message(0, 1, m.mr[0] + 2, 0, 0, 0), h->reply);
	}
}

static void handler_start(struct handler *h, bool passive)
{
	*h = (struct handler){ .ep = endpoint_new(), .reply = reply_new() };
	h->thread = thread_new(&(struct thread_options){ .priority = 120 });
	thread_start(h->thread, handle_by_skipping, (word_t)h);
	settle();
	if (passive)
		make_passive(h->thread);
}

static word_t fault_often(word_t count)
{
	for (word_t i = 0; i < count; i++)
		__asm__ volatile("ud2");
	return count;
}

static void check_handler(bool passive)
{
	struct handler h;
	handler_start(&h, passive);
	struct thread *t = thread_new(&(struct thread_options){ .fault_ep = h.ep });
	thread_start(t, fault_often, 100);
	CHECK_EQ(thread_join(t), 100);
	CHECK_EQ(h.faults, 100);
	CHECK(has_context(t->tcb));
	CHECK_EQ(has_context(h.thread->tcb), !passive);
}

TEST(fault_handled_by_an_active_thread)
{
	check_handler(false);
}

TEST(fault_handled_by_a_passive_thread)
{
	check_handler(true);
}

TEST(fault_handled_by_a_passive_thread_of_lower_priority)
{
	struct handler h;
	handler_start(&h, true);
	CHECK_OK(sel4_tcb_set_priority(h.thread->tcb, INIT_TCB, 20));
	struct thread *t = thread_new(&(struct thread_options){ .fault_ep = h.ep });
	thread_start(t, fault_often, 10);
	CHECK_EQ(thread_join(t), 10);
	CHECK_EQ(h.faults, 10);
}

/* A page fault, for it has a path of its own in the kernel. */
_Noreturn static word_t handle_by_mapping(word_t arg)
{
	struct handler *h = (struct handler *)arg;
	struct sel4_msg m = sel4_recv(h->ep, h->reply);
	for (;;) {
		h->faults++;
		CHECK_EQ(m.info, abi_msginfo(FAULT_VM, 0, 0, 4));
		CHECK_EQ(m.mr[1] & ~(word_t)0xfff, m.mr[1]);
		CHECK_OK(sel4_x86_page_map((cptr_t)h->context_seen++, INIT_VSPACE, m.mr[1],
		                           RIGHTS_ALL, 0));
		m = sel4_reply_recv(h->ep, message(0, 0, 0, 0, 0, 0), h->reply);
	}
}

enum { PAGES = 16 };

static word_t touch_pages(word_t address)
{
	word_t sum = 0;
	for (word_t i = 0; i < PAGES; i++)
		sum += ++*(volatile word_t *)(address + (i << 12));
	return sum;
}

static void check_pager(bool passive)
{
	vspace_map_tables(INIT_VSPACE, TEST_VADDR);
	cptr_t frames = object_new_range(OBJ_X86_4K_PAGE, 0, PAGES);
	struct handler h = { .ep = endpoint_new(), .reply = reply_new(), .context_seen = frames };
	h.thread = thread_new(&(struct thread_options){ .priority = 120 });
	thread_start(h.thread, handle_by_mapping, (word_t)&h);
	settle();
	if (passive)
		make_passive(h.thread);
	struct thread *t = thread_new(&(struct thread_options){ .fault_ep = h.ep });
	thread_start(t, touch_pages, TEST_VADDR);
	CHECK_EQ(thread_join(t), PAGES);
	CHECK_EQ(h.faults, PAGES);
	t->done = false;
	thread_start(t, touch_pages, TEST_VADDR);
	CHECK_EQ(thread_join(t), 2 * PAGES);
	CHECK_EQ(h.faults, PAGES);
}

TEST(fault_pager_active)
{
	check_pager(false);
}

TEST(fault_pager_passive)
{
	check_pager(true);
}

/* While a passive handler works, it has the context; if the thread dies, it keeps it. */
TEST(fault_context_is_with_a_passive_handler)
{
	struct job handler = { .nr = SYS_RECV };
	faulter_new(fault_ud2);
	handler.cap = faulter.ep;
	handler.r12 = faulter.reply;
	job_start(&handler, NULL);
	settle();
	make_passive(handler.thread);
	run_faulter();
	CHECK(handler.done);
	CHECK(!has_context(faulter.thread->tcb));
	CHECK(has_context(handler.thread->tcb));
	sel4_send(faulter.reply, message(1, 0, 0, 0, 0, 0));
	/* An answer that leaves it suspended gives the context back all the same. */
	CHECK(has_context(faulter.thread->tcb));
	CHECK(!has_context(handler.thread->tcb));
}

/* A handler that faults itself, each time. */
_Noreturn static word_t handle_faulting(word_t arg)
{
	struct handler *h = (struct handler *)arg;
	struct sel4_msg m = sel4_recv(h->ep, h->reply);
	for (;;) {
		h->faults++;
		__asm__ volatile("ud2");
		m = sel4_reply_recv(h->ep, message(0, 1, m.mr[0] + 2, 0, 0, 0), h->reply);
	}
}

TEST(fault_by_a_chain_of_passive_handlers)
{
	struct handler outer, inner = { .ep = endpoint_new(), .reply = reply_new() };
	handler_start(&outer, true);
	inner.thread =
	        thread_new(&(struct thread_options){ .priority = 110, .fault_ep = outer.ep });
	thread_start(inner.thread, handle_faulting, (word_t)&inner);
	settle();
	make_passive(inner.thread);
	struct thread *t = thread_new(&(struct thread_options){ .fault_ep = inner.ep });
	thread_start(t, fault_often, 20);
	CHECK_EQ(thread_join(t), 20);
	CHECK_EQ(inner.faults, 20);
	CHECK_EQ(outer.faults, 20);
	CHECK(has_context(t->tcb));
	CHECK(!has_context(inner.thread->tcb));
	CHECK(!has_context(outer.thread->tcb));
}

/* A fault of a server on its client's context. */
_Noreturn static word_t serve_faulting(word_t arg)
{
	struct server *s = (struct server *)arg;
	struct sel4_msg m = sel4_recv(s->ep, s->reply);
	for (;;) {
		__asm__ volatile("ud2");
		m = sel4_reply_recv(s->ep, message(8, 1, m.mr[0] + 1, 0, 0, 0), s->reply);
	}
}

static void check_faulting_server(bool passive_handler)
{
	struct handler h;
	handler_start(&h, passive_handler);
	struct server s = { .ep = endpoint_new(), .reply = reply_new() };
	s.thread = thread_new(&(struct thread_options){ .priority = 110, .fault_ep = h.ep });
	thread_start(s.thread, serve_faulting, (word_t)&s);
	settle();
	make_passive(s.thread);
	for (word_t i = 1; i <= 5; i++) {
		struct job job;
		client_start(&job, &s);
		thread_join(job.thread);
		CHECK_EQ(job.out.mr[0], 11);
		CHECK_EQ(h.faults, i);
		CHECK(has_context(job.thread->tcb));
		CHECK(!has_context(s.thread->tcb));
		CHECK_EQ(has_context(h.thread->tcb), !passive_handler);
	}
}

TEST(fault_of_a_passive_server)
{
	check_faulting_server(false);
}

TEST(fault_of_a_passive_server_to_a_passive_handler)
{
	check_faulting_server(true);
}
