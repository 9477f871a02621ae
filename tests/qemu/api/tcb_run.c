/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * TCB_Suspend, Resume, BindNotification, UnbindNotification, SetTLSBase and SetFlags, and what a
 * TCB refuses. What a notification bound to a thread does is tested in notification.c.
 */
#include "jobs.h"

static word_t return_arg(word_t arg)
{
	return arg;
}

static word_t wait_for(word_t cap)
{
	return sel4_wait(cap).badge;
}

static word_t call(word_t cap)
{
	struct sel4_msg m = { abi_msginfo(70, 0, 0, 1), { 0x5555 }, 0 };
	return abi_msginfo_label(sel4_call(cap, m).info);
}

/* Suspend and Resume */

TEST(tcb_suspend_stops_a_ready_thread)
{
	struct thread *t = thread_run(return_arg, 3);
	CHECK_OK(sel4_tcb_suspend(t->tcb));
	thread_settle();
	CHECK(!t->done);
	CHECK_OK(sel4_tcb_resume(t->tcb));
	CHECK_EQ(thread_join(t), 3);
}

TEST(tcb_suspend_twice)
{
	struct thread *t = thread_run(return_arg, 3);
	CHECK_OK(sel4_tcb_suspend(t->tcb));
	CHECK_OK(sel4_tcb_suspend(t->tcb));
	CHECK_OK(sel4_tcb_resume(t->tcb));
	CHECK_EQ(thread_join(t), 3);
}

TEST(tcb_resume_a_running_thread)
{
	struct thread *t = thread_run(return_arg, 3);
	CHECK_OK(sel4_tcb_resume(t->tcb));
	CHECK_EQ(thread_join(t), 3);
	CHECK_OK(sel4_tcb_resume(INIT_TCB));
}

TEST(tcb_suspend_and_resume_unconfigured)
{
	cptr_t tcb = tcb_new();
	CHECK_OK(sel4_tcb_suspend(tcb));
	CHECK_OK(sel4_tcb_resume(tcb)); /* no scheduling context: it cannot run */
	thread_settle();
	CHECK_OK(sel4_tcb_suspend(tcb));
}

static word_t suspend_myself(word_t tcb)
{
	enum abi_error err = sel4_tcb_suspend(tcb);
	return err == ERR_NONE ? 0x600d : err;
}

/* Resumed, it makes the call again, and so stops again: only other registers get it out. */
TEST(tcb_suspend_oneself)
{
	struct thread *t = thread_new(&(struct thread_options){ 0 });
	thread_start(t, suspend_myself, t->tcb);
	thread_settle();
	CHECK(!t->done);
	struct abi_user_context c = thread_registers(t);
	CHECK_OK(sel4_tcb_resume(t->tcb));
	thread_settle();
	CHECK(!t->done);
	CHECK_EQ(thread_registers(t).rip, c.rip);
	/* As if answered: after the instruction, message info 0. */
	c.rip += 2;
	c.rsi = 0;
	c.rsp = c.rbx;
	CHECK_OK(sel4_tcb_write_registers(t->tcb, SEL4_WRITE_RESUME, ABI_CONTEXT_WORDS, &c));
	CHECK_EQ(thread_join(t), 0x600d);
}

TEST(tcb_resume_makes_a_waiting_thread_wait_again)
{
	cptr_t ntfn = notification_new();
	struct thread *t = thread_run(wait_for, ntfn);
	thread_settle();
	CHECK_OK(sel4_tcb_suspend(t->tcb));
	sel4_signal(cap_mint(ntfn, RIGHTS_ALL, 5));
	thread_settle();
	CHECK(!t->done);
	CHECK_OK(sel4_tcb_resume(t->tcb));
	CHECK_EQ(thread_join(t), 5);
}

/* Resume without Suspend: the wait is started again, which is no difference to see. */
TEST(tcb_resume_a_waiting_thread)
{
	cptr_t ntfn = notification_new();
	struct thread *t = thread_run(wait_for, ntfn);
	thread_settle();
	CHECK_OK(sel4_tcb_resume(t->tcb));
	thread_settle();
	CHECK(!t->done);
	sel4_signal(cap_mint(ntfn, RIGHTS_ALL, 5));
	CHECK_EQ(thread_join(t), 5);
}

TEST(tcb_suspend_withdraws_a_waiting_sender)
{
	cptr_t ep = endpoint_new(), reply = reply_new();
	cptr_t badged = cap_mint(ep, RIGHTS_ALL, 1);
	struct thread *t = thread_run(call, badged);
	thread_settle();
	CHECK_OK(sel4_tcb_suspend(t->tcb));
	CHECK_EQ(sel4_nb_recv(ep, reply).badge, 0);
	CHECK_OK(sel4_tcb_resume(t->tcb));
	struct sel4_msg m = sel4_recv(ep, reply);
	CHECK_EQ(m.badge, 1);
	CHECK_EQ(m.info, abi_msginfo(70, 0, 0, 1));
	CHECK_EQ(m.mr[0], 0x5555);
}

/* A caller that waits for its reply forgets the call, and makes it again when resumed. */
TEST(tcb_suspend_withdraws_a_waiting_caller)
{
	cptr_t ep = endpoint_new(), reply = reply_new();
	cptr_t badged = cap_mint(ep, RIGHTS_ALL, 1);
	struct thread *t = thread_run(call, badged);
	CHECK_EQ(sel4_recv(ep, reply).badge, 1);
	CHECK_OK(sel4_tcb_suspend(t->tcb));
	sel4_send(reply, (struct sel4_msg){ abi_msginfo(9, 0, 0, 0), { 0 }, 0 });
	thread_settle();
	CHECK(!t->done);
	CHECK_OK(sel4_tcb_resume(t->tcb));
	CHECK_EQ(sel4_recv(ep, reply).badge, 1);
	sel4_send(reply, (struct sel4_msg){ abi_msginfo(9, 0, 0, 0), { 0 }, 0 });
	CHECK_EQ(thread_join(t), 9);
}

TEST(tcb_write_registers_with_resume_ends_a_wait)
{
	cptr_t ntfn = notification_new();
	struct thread *t = thread_run(wait_for, ntfn);
	thread_settle();
	thread_start(t, return_arg, 11);
	CHECK_EQ(thread_join(t), 11);
}

/* Deleting a thread that waits takes it off the queue. */
TEST(tcb_delete_a_waiting_thread)
{
	cptr_t ep = endpoint_new(), reply = reply_new();
	struct thread *t = thread_run(call, cap_mint(ep, RIGHTS_ALL, 1));
	struct thread *u = thread_run(call, cap_mint(ep, RIGHTS_ALL, 2));
	thread_settle();
	CHECK_OK(sel4_cnode_delete(slot(t->tcb)));
	CHECK_EQ(sel4_nb_recv(ep, reply).badge, 2);
	CHECK_EQ(sel4_nb_recv(ep, reply_new()).badge, 0);
	CHECK(!u->done);
}

TEST(tcb_delete_a_ready_thread)
{
	struct thread *t = thread_run(return_arg, 1);
	CHECK_OK(sel4_cnode_delete(slot(t->tcb)));
	thread_settle();
	CHECK(!t->done);
}

/* Notifications */

TEST(tcb_bind_and_unbind_notification)
{
	cptr_t tcb = tcb_new(), ntfn = notification_new();
	CHECK_OK(sel4_tcb_bind_notification(tcb, ntfn));
	CHECK_OK(sel4_tcb_unbind_notification(tcb));
	CHECK_OK(sel4_tcb_bind_notification(tcb, ntfn));
}

TEST(tcb_bind_notification_twice)
{
	cptr_t a = tcb_new(), b = tcb_new(), ntfn = notification_new();
	CHECK_OK(sel4_tcb_bind_notification(a, ntfn));
	CHECK_ERR(sel4_tcb_bind_notification(a, ntfn), ERR_ILLEGAL_OPERATION);
	CHECK_ERR(sel4_tcb_bind_notification(a, notification_new()), ERR_ILLEGAL_OPERATION);
	CHECK_ERR(sel4_tcb_bind_notification(b, ntfn), ERR_ILLEGAL_OPERATION);
	CHECK_OK(sel4_tcb_unbind_notification(a));
	CHECK_OK(sel4_tcb_bind_notification(b, ntfn));
}

TEST(tcb_bind_notification_needs_read)
{
	cptr_t ntfn = notification_new();
	CHECK_ERR(sel4_tcb_bind_notification(tcb_new(), cap_copy(ntfn, RIGHT_WRITE)),
	          ERR_ILLEGAL_OPERATION);
	CHECK_OK(sel4_tcb_bind_notification(tcb_new(), cap_mint(ntfn, RIGHT_READ, 5)));
}

TEST(tcb_bind_notification_type)
{
	CHECK_ERR(sel4_tcb_bind_notification(tcb_new(), endpoint_new()), ERR_ILLEGAL_OPERATION);
	CHECK_ERR(sel4_tcb_bind_notification(tcb_new(), slot_new()), ERR_ILLEGAL_OPERATION);
}

TEST(tcb_bind_notification_truncated)
{
	CHECK_ERR(invoke(tcb_new(), INV_TCB_BIND_NOTIFICATION, 0, 0, 0, 0, 0, 0),
	          ERR_TRUNCATED_MESSAGE);
}

/* A TCB with a notification does not even look at the message. */
TEST(tcb_bind_notification_order_of_checks)
{
	cptr_t tcb = tcb_new();
	CHECK_OK(sel4_tcb_bind_notification(tcb, notification_new()));
	CHECK_ERR(invoke(tcb, INV_TCB_BIND_NOTIFICATION, 0, 0, 0, 0, 0, 0), ERR_TRUNCATED_MESSAGE);
	CHECK_ERR(sel4_tcb_bind_notification(tcb, slot_new()), ERR_ILLEGAL_OPERATION);
}

TEST(tcb_bind_notification_with_waiters)
{
	cptr_t ntfn = notification_new();
	struct thread *t = thread_run(wait_for, ntfn);
	thread_settle();
	CHECK_ERR(sel4_tcb_bind_notification(tcb_new(), ntfn), ERR_ILLEGAL_OPERATION);
	CHECK_ERR(sel4_tcb_bind_notification(t->tcb, ntfn), ERR_ILLEGAL_OPERATION);
}

TEST(tcb_bind_an_active_notification)
{
	cptr_t ntfn = notification_new(), tcb = tcb_new();
	sel4_signal(cap_mint(ntfn, RIGHTS_ALL, 5));
	CHECK_OK(sel4_tcb_bind_notification(tcb, ntfn));
}

TEST(tcb_unbind_notification_without)
{
	CHECK_ERR(sel4_tcb_unbind_notification(tcb_new()), ERR_ILLEGAL_OPERATION);
}

TEST(tcb_deleting_the_notification_unbinds)
{
	cptr_t tcb = tcb_new(), ntfn = notification_new();
	CHECK_OK(sel4_tcb_bind_notification(tcb, ntfn));
	CHECK_OK(sel4_cnode_delete(slot(ntfn)));
	CHECK_ERR(sel4_tcb_unbind_notification(tcb), ERR_ILLEGAL_OPERATION);
	CHECK_OK(sel4_tcb_bind_notification(tcb, notification_new()));
}

TEST(tcb_deleting_the_tcb_unbinds)
{
	cptr_t tcb = tcb_new(), ntfn = notification_new();
	CHECK_OK(sel4_tcb_bind_notification(tcb, ntfn));
	CHECK_OK(sel4_cnode_delete(slot(tcb)));
	CHECK_OK(sel4_tcb_bind_notification(tcb_new(), ntfn));
}

/* The binding is no capability: one of several going away changes nothing. */
TEST(tcb_deleting_one_notification_capability_keeps_the_binding)
{
	cptr_t tcb = tcb_new(), ntfn = notification_new();
	cap_copy(ntfn, RIGHTS_ALL);
	CHECK_OK(sel4_tcb_bind_notification(tcb, ntfn));
	CHECK_OK(sel4_cnode_delete(slot(ntfn)));
	CHECK_OK(sel4_tcb_unbind_notification(tcb));
}

/* TLS */

static word_t tls_block[5] = { 0, 0, 0, 0, 0 };

static word_t read_fs_0(word_t arg)
{
	word_t value;
	(void)arg;
	__asm__ volatile("movq %%fs:0, %0" : "=r"(value));
	return value;
}

TEST(tcb_set_tls_base_of_another_thread)
{
	struct thread *t = thread_new(&(struct thread_options){ 0 });
	thread_start(t, read_fs_0, 0);
	/* Before it ran: its own block is replaced by one that says the same of the buffer. */
	tls_block[0] = 0x715b10c;
	tls_block[4] = (word_t)t->ipc_buffer;
	CHECK_OK(sel4_tcb_set_tls_base(t->tcb, (word_t)tls_block));
	CHECK_EQ(thread_registers(t).fs_base, (word_t)tls_block);
	CHECK_EQ(thread_join(t), 0x715b10c);
}

TEST(tcb_set_tls_base_of_the_caller)
{
	word_t own, seen;
	__asm__ volatile("movq %%fs:0, %0" : "=r"(own));
	tls_block[0] = 0x715b10c;
	tls_block[4] = (word_t)sel4_ipc_buffer();
	enum abi_error err = sel4_tcb_set_tls_base(INIT_TCB, (word_t)tls_block);
	__asm__ volatile("movq %%fs:0, %0" : "=r"(seen));
	enum abi_error back = sel4_tcb_set_tls_base(INIT_TCB, own);
	CHECK_OK(err);
	CHECK_OK(back);
	CHECK_EQ(seen, 0x715b10c);
}

TEST(tcb_set_tls_base_survives_a_switch)
{
	word_t own, seen;
	__asm__ volatile("movq %%fs:0, %0" : "=r"(own));
	tls_block[0] = 0x715b10d;
	tls_block[4] = (word_t)sel4_ipc_buffer();
	struct thread *t = thread_run(return_arg, 0);
	sel4_set_tls_base((word_t)tls_block);
	sel4_wait(t->exited);
	__asm__ volatile("movq %%fs:0, %0" : "=r"(seen));
	sel4_set_tls_base(own);
	CHECK_EQ(seen, 0x715b10d);
}

TEST(tcb_set_tls_base_truncated)
{
	CHECK_ERR(invoke(tcb_new(), INV_TCB_SET_TLS_BASE, 0, 0, 0, 0, 0, 0), ERR_TRUNCATED_MESSAGE);
}

/* Flags */

TEST(tcb_set_flags_fpu)
{
	cptr_t tcb = tcb_new();
	word_t flags;
	CHECK_OK(sel4_tcb_set_flags(tcb, 0, 0, &flags));
	CHECK_EQ(flags, 0);
	CHECK_OK(sel4_tcb_set_flags(tcb, 0, TCB_FLAG_FPU_DISABLED, &flags));
	CHECK_EQ(flags, 1);
	CHECK_OK(sel4_tcb_set_flags(tcb, 0, 0, &flags));
	CHECK_EQ(flags, 1);
	CHECK_OK(sel4_tcb_set_flags(tcb, ~1ull, 0, &flags));
	CHECK_EQ(flags, 1);
	CHECK_OK(sel4_tcb_set_flags(tcb, TCB_FLAG_FPU_DISABLED, 0, &flags));
	CHECK_EQ(flags, 0);
}

TEST(tcb_set_flags_set_wins_over_clear)
{
	cptr_t tcb = tcb_new();
	word_t flags;
	CHECK_OK(sel4_tcb_set_flags(tcb, 1, 1, &flags));
	CHECK_EQ(flags, 1);
	CHECK_OK(sel4_tcb_set_flags(tcb, 1, 1, &flags));
	CHECK_EQ(flags, 1);
}

/* Software sees by the answer which flags there are. */
TEST(tcb_set_flags_unknown_ones_are_masked_off)
{
	cptr_t tcb = tcb_new();
	word_t flags, known = TCB_FLAG_FPU_DISABLED;
	if (kernel_is_freehold())
		known |= TCB_FLAG_SYSCALLS_FAULT;
	CHECK_OK(sel4_tcb_set_flags(tcb, 0, ~0ull, &flags));
	CHECK_EQ(flags, known);
	CHECK_OK(sel4_tcb_set_flags(tcb, ~0ull, 0, &flags));
	CHECK_EQ(flags, 0);
}

TEST(tcb_set_flags_reply)
{
	struct sel4_msg m = sel4_invoke(tcb_new(), INV_TCB_SET_FLAGS, 0, 2, 0, 1, 7, 8);
	CHECK_EQ(m.info, abi_msginfo(0, 0, 0, 1));
	CHECK_EQ(m.badge, 0);
	CHECK_EQ(m.mr[0], 1);
	CHECK_EQ(m.mr[1], 1);
	CHECK_EQ(m.mr[2], 7);
}

TEST(tcb_set_flags_truncated)
{
	cptr_t tcb = tcb_new();
	CHECK_ERR(invoke(tcb, INV_TCB_SET_FLAGS, 0, 0, 0, 1, 0, 0), ERR_TRUNCATED_MESSAGE);
	CHECK_ERR(invoke(tcb, INV_TCB_SET_FLAGS, 0, 1, 0, 1, 0, 0), ERR_TRUNCATED_MESSAGE);
}

/* The caller's own. Nothing may use the FPU in between, so no C runs there. */
TEST(tcb_set_flags_of_the_caller)
{
	struct registers set = { .rdx = (word_t)SYS_CALL,
		                 .rdi = INIT_TCB,
		                 .rsi = abi_msginfo(INV_TCB_SET_FLAGS, 0, 0, 2),
		                 .r8 = TCB_FLAG_FPU_DISABLED };
	struct registers clear = set;
	clear.r8 = 0;
	clear.r10 = TCB_FLAG_FPU_DISABLED;
	syscall_with(&set);
	syscall_with(&clear);
	CHECK_EQ(set.rsi, 1);
	CHECK_EQ(set.r10, 1);
	CHECK_EQ(clear.rsi, 1);
	CHECK_EQ(clear.r10, 0);
}

TEST(tcb_invoke_with_wrong_labels)
{
	cptr_t tcb = tcb_new();
	for (word_t label = 0; label <= INV_COUNT + 2; label++)
		if (label < INV_TCB_READ_REGISTERS || label > INV_TCB_SET_FLAGS)
			CHECK_ERR(invoke(tcb, label, 0, 0, 0, 0, 0, 0), ERR_ILLEGAL_OPERATION);
	CHECK_ERR(invoke(tcb, 1ull << 32 | INV_TCB_SUSPEND, 0, 0, 0, 0, 0, 0),
	          ERR_ILLEGAL_OPERATION);
}

/* A Send does what a Call does, without an answer; errors are silent. */
TEST(tcb_invoke_by_send)
{
	struct thread *t = thread_run(return_arg, 3);
	sel4_send(t->tcb, (struct sel4_msg){ abi_msginfo(INV_TCB_SUSPEND, 0, 0, 0), { 0 }, 0 });
	thread_settle();
	CHECK(!t->done);
	sel4_nb_send(t->tcb, (struct sel4_msg){ abi_msginfo(INV_TCB_RESUME, 0, 0, 0), { 0 }, 0 });
	CHECK_EQ(thread_join(t), 3);
	sel4_send(t->tcb, (struct sel4_msg){ abi_msginfo(INV_COUNT, 0, 0, 0), { 0 }, 0 });
}
