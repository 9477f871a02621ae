/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What holds for every system call and every invocation: numbers that are none, capabilities that
 * are none, message info with strange values. What an unknown system call's fault message says is
 * tested in fault.c, what becomes of the registers in ipc.c.
 */
#include "jobs.h"

/* The fault of a thread that makes this call. */
struct unknown {
	bool faulted;
	word_t info, number;
};

static struct unknown try_number(word_t number)
{
	static struct registers registers;
	cptr_t faults = endpoint_new(), reply = reply_new();
	struct thread *t = thread_new(&(struct thread_options){ .fault_ep = faults });
	registers = (struct registers){ .rdx = number };
	thread_start(t, registers_run, (word_t)&registers);
	thread_settle();
	struct unknown u = { .faulted = !t->done };
	if (u.faulted) {
		u.info = sel4_recv(faults, reply).info;
		u.number = sel4_get_word(UNKNOWN_SYSCALL_NR);
	}
	cap_delete(t->tcb);
	thread_reset();
	return u;
}

static void check_unknown(word_t number)
{
	struct unknown u = try_number(number);
	if (!u.faulted ||
	    u.info != abi_msginfo(FAULT_UNKNOWN_SYSCALL, 0, 0, UNKNOWN_SYSCALL_WORDS) ||
	    u.number != number)
		FAIL("system call 0x%lx: faulted %d, info 0x%lx, number 0x%lx", number, u.faulted,
		     u.info, u.number);
}

TEST(syscall_numbers_from_0_upward_are_unknown)
{
	static const word_t numbers[] = { 0,          1,          2,         12,     60,
		                          231,        0x7f,       0x80,      0x1000, 0x7fffffff,
		                          0x80000000, 1ull << 32, ~0ull >> 1 };
	for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++)
		check_unknown(numbers[i]);
}

TEST(syscall_numbers_of_other_configurations_are_unknown)
{
	for (long number = -32; number <= -18; number++)
		check_unknown((word_t)number);
}

TEST(syscall_numbers_below_the_last_are_unknown)
{
	static const long numbers[] = { -34,          -35,          -100,        -128,
		                        -129,         -256,         -4096,       -65536,
		                        -0x7fffffffl, -0x80000000l, -0x80000001l };
	for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++)
		check_unknown((word_t)numbers[i]);
	check_unknown(1ull << 63);
}

/* All 64 bits of RDX are the number: the low half of -1 alone is no Call. */
TEST(syscall_numbers_are_64_bits)
{
	check_unknown(0xffffffff);
	check_unknown(0xfffffff7);
	check_unknown(0xffffffff | 1ull << 33);
	check_unknown(0xffffffff00000000 | 5);
}

TEST(syscall_debug_numbers)
{
	static const long debug[] = { SYS_DEBUG_CAP_IDENTIFY };
	if (!kernel_has_printing())
		check_unknown((word_t)SYS_DEBUG_PUT_CHAR);
	if (!kernel_has_printing())
		check_unknown((word_t)SYS_DEBUG_DUMP_SCHEDULER);
	for (size_t i = 0; i < sizeof debug / sizeof debug[0]; i++)
		CHECK_EQ(try_number((word_t)debug[i]).faulted, !kernel_has_debug_calls());
	if (!kernel_has_debug_calls())
		for (long number = SYS_DEBUG_NAME_THREAD; number <= SYS_DEBUG_HALT; number++)
			check_unknown((word_t)number);
}

/* Capabilities that are none */

TEST(invoke_an_empty_slot)
{
	cptr_t empty = slot_new();
	for (word_t label = 0; label <= INV_COUNT; label++)
		CHECK_ERR(invoke(empty, label, 0, 0, 0, 0, 0, 0), ERR_INVALID_CAPABILITY, 0);
	CHECK_ERR(invoke(INIT_NULL, 0, 0, 0, 0, 0, 0, 0), ERR_INVALID_CAPABILITY, 0);
}

/* Sends to nothing are lost without a word. */
TEST(send_to_an_empty_slot)
{
	cptr_t empty = slot_new();
	sel4_send(empty, (struct sel4_msg){ 0 });
	sel4_nb_send(empty, (struct sel4_msg){ 0 });
}

/* An address without a slot: a fault of who waits for an answer, nothing for the others. */

static void check_call_faults(enum abi_syscall nr, bool faults)
{
	cptr_t ep = endpoint_new(), reply = reply_new();
	struct job job = { .nr = nr, .cap = 1 << 13, .in = message(0, 0, 0, 0, 0, 0) };
	job_start(&job, &(struct thread_options){ .fault_ep = ep });
	thread_settle();
	CHECK_EQ(job.done, !faults);
	if (!faults)
		return;
	struct sel4_msg m = sel4_recv(ep, reply);
	CHECK_EQ(m.info, abi_msginfo(FAULT_CAP, 0, 0, 7));
	CHECK_EQ(m.mr[1], 1 << 13);
	CHECK_EQ(m.mr[2], 0); /* not in the receive phase */
	CHECK_EQ(m.mr[3], LOOKUP_GUARD_MISMATCH);
	CHECK_EQ(sel4_get_word(4), 64);
	CHECK_EQ(sel4_get_word(5), 0);
	CHECK_EQ(sel4_get_word(6), 51);
}

TEST(invoke_an_unresolvable_address)
{
	check_call_faults(SYS_CALL, true);
	check_call_faults(SYS_SEND, true);
	check_call_faults(SYS_NB_SEND, false);
}

/* The same for an extra capability. */

static void check_extra_cap_faults(enum abi_syscall nr, word_t count, word_t bad, bool faults)
{
	cptr_t ep = endpoint_new(), reply = reply_new();
	struct job job = { .nr = nr, .cap = tcb_new() };
	job.in.info = abi_msginfo(INV_TCB_SUSPEND, 0, count, 0);
	struct thread *t = thread_new(&(struct thread_options){ .fault_ep = ep });
	for (word_t i = 0; i < count; i++)
		t->ipc_buffer->caps_or_badges[i] = i == bad ? 1 << 13 : INIT_TCB;
	job.thread = t;
	thread_start(t, job_run, (word_t)&job);
	thread_settle();
	CHECK_EQ(job.done, !faults);
	if (faults) {
		struct sel4_msg m = sel4_recv(ep, reply);
		CHECK_EQ(m.info, abi_msginfo(FAULT_CAP, 0, 0, 7));
		CHECK_EQ(m.mr[1], 1 << 13);
		CHECK_EQ(m.mr[2], 0);
	}
}

TEST(invoke_with_an_unresolvable_extra_capability)
{
	for (word_t count = 1; count <= ABI_MSG_CAPS_MAX; count++)
		for (word_t bad = 0; bad < count; bad++)
			check_extra_cap_faults(SYS_CALL, count, bad, true);
	check_extra_cap_faults(SYS_SEND, 2, 1, true);
	check_extra_cap_faults(SYS_NB_SEND, 2, 1, false);
}

TEST(invoke_with_empty_extra_capabilities)
{
	cptr_t tcb = tcb_new(), empty = slot_new();
	for (unsigned int i = 0; i < ABI_MSG_CAPS_MAX; i++)
		sel4_set_cap(i, empty);
	CHECK_OK(invoke(tcb, INV_TCB_SUSPEND, 3, 0, 0, 0, 0, 0));
}

/* The look-up of the capability itself comes first. */
TEST(invoke_with_both_unresolvable)
{
	cptr_t ep = endpoint_new(), reply = reply_new();
	struct job job = { .nr = SYS_CALL, .cap = 2 << 13 };
	job.in.info = abi_msginfo(0, 0, 1, 0);
	struct thread *t = thread_new(&(struct thread_options){ .fault_ep = ep });
	t->ipc_buffer->caps_or_badges[0] = 1 << 13;
	job.thread = t;
	thread_start(t, job_run, (word_t)&job);
	CHECK_EQ(sel4_recv(ep, reply).mr[1], 2 << 13);
}

/* Message info: a length of 121 to 127 counts as 120; the unwrapped bits are ignored. */

TEST(invoke_with_the_longest_messages)
{
	cptr_t tcb = tcb_new();
	for (word_t length = 118; length < 128; length++) {
		enum abi_error err = invoke(tcb, INV_TCB_WRITE_REGISTERS, 0, length, 0, 118, 0, 0);
		CHECK_EQ(err, length < 120 ? ERR_TRUNCATED_MESSAGE : ERR_NONE);
		err = invoke(tcb, INV_TCB_WRITE_REGISTERS, 0, length, 0, 119, 0, 0);
		CHECK_EQ(err, ERR_TRUNCATED_MESSAGE);
	}
}

TEST(invoke_ignores_the_unwrapped_bits)
{
	cptr_t tcb = tcb_new();
	for (word_t bits = 0; bits < 8; bits++) {
		struct sel4_msg m = { abi_msginfo(INV_TCB_SUSPEND, bits, 0, 0), { 0 }, 0 };
		CHECK_EQ(sel4_call(tcb, m).info, 0);
	}
}

/* Kernel objects answer a Call at once, whatever the caller's reply register says. */
TEST(invoke_ignores_the_reply_register)
{
	struct registers r = registers_pattern(5);
	r.rdx = (word_t)SYS_CALL;
	r.rdi = tcb_new();
	r.rsi = abi_msginfo(INV_TCB_SUSPEND, 0, 0, 0);
	r.r12 = 1 << 13;
	r.r13 = 1 << 13;
	syscall_with(&r);
	CHECK_EQ(r.rsi, 0);
	CHECK_EQ(r.rdi, 0);
	CHECK_EQ(r.r12, 1 << 13);
}

/* Receiving from what is no endpoint and no notification: a fault in the receive phase. */

static void check_receive_faults(enum abi_syscall nr, cptr_t cap, word_t type, word_t bits_left)
{
	cptr_t ep = endpoint_new(), reply = reply_new();
	struct job job = { .nr = nr, .cap = cap, .r12 = reply_new() };
	job_start(&job, &(struct thread_options){ .fault_ep = ep });
	struct sel4_msg m = sel4_recv(ep, reply);
	CHECK_EQ(abi_msginfo_label(m.info), FAULT_CAP);
	CHECK_EQ(m.mr[1], cap);
	CHECK_EQ(m.mr[2], 1);
	CHECK_EQ(m.mr[3], type);
	CHECK_EQ(sel4_get_word(4), bits_left);
	thread_reset();
}

TEST(receive_from_other_objects)
{
	static const enum abi_syscall calls[] = { SYS_RECV, SYS_WAIT, SYS_NB_RECV, SYS_NB_WAIT };
	for (int i = 0; i < 4; i++) {
		check_receive_faults(calls[i], tcb_new(), LOOKUP_MISSING_CAPABILITY, 0);
		check_receive_faults(calls[i], slot_new(), LOOKUP_MISSING_CAPABILITY, 0);
		check_receive_faults(calls[i], INIT_CNODE, LOOKUP_MISSING_CAPABILITY, 0);
		check_receive_faults(calls[i], 1 << 13, LOOKUP_GUARD_MISMATCH, 64);
	}
}

/* SchedControl and scheduling contexts, labels only: the rest is in schedcontext.c. */
TEST(sched_objects_invoke_with_wrong_labels)
{
	cptr_t sc = sched_context_new();
	for (word_t label = 0; label <= INV_COUNT + 2; label++) {
		if (label < INV_SCHED_CONTEXT_BIND || label > INV_SCHED_CONTEXT_YIELD_TO)
			CHECK_ERR(invoke(sc, label, 0, 0, 0, 0, 0, 0), ERR_ILLEGAL_OPERATION);
		if (label != INV_SCHED_CONTROL_CONFIGURE_FLAGS)
			CHECK_ERR(invoke(env_sched_control, label, 0, 0, 0, 0, 0, 0),
			          ERR_ILLEGAL_OPERATION);
	}
}

/* A notification is signalled by any label, message or none. */
TEST(invoke_a_notification)
{
	cptr_t ntfn = notification_new();
	for (word_t label = 0; label <= INV_COUNT; label++)
		CHECK_OK(invoke(ntfn, label, 0, label, 1, 2, 3, 4));
}

/* A reply object on which nobody waits answers at once, too. */
TEST(invoke_an_unused_reply_object)
{
	cptr_t reply = reply_new();
	for (word_t label = 0; label <= INV_COUNT; label++)
		CHECK_OK(invoke(reply, label, 0, 0, 0, 0, 0, 0));
}
