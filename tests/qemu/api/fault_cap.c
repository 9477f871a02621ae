/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Capability faults: where a system call's capability address does not resolve, in its send or
 * its receive phase, with all words of the look-up failure. seL4 manual, section 6.2.1.
 */
#include "faults.h"

enum { SEND_PHASE = 0, RECEIVE_PHASE = 1 };
enum { RADIX = 4 };

static cptr_t node; /* the faulting thread's CSpace, for as long as it has one of its own */

/* Makes the call with registers and all; its `syscall` is fault_syscall. */
static void faulter_call(enum abi_syscall nr, cptr_t cap, word_t info, cptr_t r12, cptr_t r13)
{
	faulter_new(fault_syscall);
	struct abi_user_context *c = &faulter.start;
	c->rdx = (word_t)nr;
	c->rdi = cap;
	c->rsi = info;
	c->r12 = r12;
	c->r13 = r13;
}

/* In a CSpace of 2^4 slots behind a guard of 58 zeros: cptrs 0..15 and two more bits. */
static void small_cspace(void)
{
	node = cnode_new(RADIX);
	CHECK_OK(sel4_tcb_set_space(faulter.thread->tcb, faulter.ep, node, abi_cnode_guard(0, 58),
	                            INIT_VSPACE, 0));
}

/* Words: those of the look-up failure. */
static void check_fault(word_t cptr, word_t phase, const word_t *words, unsigned int count)
{
	CHECK_EQ(faulter.m.info, abi_msginfo(FAULT_CAP, 0, 0, 3 + count));
	CHECK_EQ(faulter.words[0], (word_t)fault_syscall);
	CHECK_EQ(faulter.words[1], cptr);
	CHECK_EQ(faulter.words[2], phase);
	for (unsigned int i = 0; i < count; i++)
		CHECK_EQ(faulter.words[3 + i], words[i]);
}

#define CHECK_FAULT(cptr, phase, ...)                                                              \
	check_fault(cptr, phase, (const word_t[]){ __VA_ARGS__ },                                  \
	            sizeof((word_t[]){ __VA_ARGS__ }) / sizeof(word_t))

static const enum abi_syscall senders[] = { SYS_SEND, SYS_CALL };
static const enum abi_syscall receivers[] = { SYS_RECV, SYS_WAIT, SYS_NB_RECV, SYS_NB_WAIT };

/* Send phase */

TEST(cap_fault_send_guard_mismatch)
{
	for (unsigned int i = 0; i < 2; i++) {
		faulter_call(senders[i], 1ull << 40, 0, 0, 0);
		faulter_run();
		CHECK_FAULT(1ull << 40, SEND_PHASE, WORDS_GUARD(64, 0, 51));
	}
}

TEST(cap_fault_send_guard_mismatch_at_the_second_level)
{
	faulter_call(SYS_SEND, 3 << 2 | 1, 0, 0, 0);
	small_cspace();
	CHECK_OK(sel4_cnode_mint(at(node, 3, RADIX), slot(cnode_new(1)), RIGHTS_ALL,
	                         abi_cnode_guard(1, 1)));
	faulter_run();
	CHECK_FAULT(3 << 2 | 1, SEND_PHASE, WORDS_GUARD(2, 1, 1));
}

TEST(cap_fault_send_depth_mismatch)
{
	faulter_call(SYS_CALL, 3 << 2, 0, 0, 0);
	small_cspace();
	CHECK_OK(sel4_cnode_copy(at(node, 3, RADIX), slot(cnode_new(3)), RIGHTS_ALL));
	faulter_run();
	CHECK_FAULT(3 << 2, SEND_PHASE, WORDS_DEPTH(2, 3));
}

/* A thread without a CSpace: its capability was a copy of ours. */
TEST(cap_fault_send_invalid_root)
{
	for (unsigned int i = 0; i < 2; i++) {
		faulter_call(senders[i], 5, 0, 0, 0);
		small_cspace();
		cap_revoke(node);
		faulter_run();
		CHECK_FAULT(5, SEND_PHASE, WORDS_INVALID_ROOT);
	}
}

TEST(cap_fault_recv_invalid_root)
{
	for (unsigned int i = 0; i < 4; i++) {
		faulter_call(receivers[i], 5, 0, 6, 0);
		small_cspace();
		cap_revoke(node);
		faulter_run();
		CHECK_FAULT(5, RECEIVE_PHASE, WORDS_INVALID_ROOT);
	}
}

/* Empty slots and capabilities of other kinds are errors of an invocation, no faults. */
TEST(cap_fault_not_by_sending_to_an_empty_slot)
{
	for (unsigned int i = 0; i < 2; i++) {
		faulter_call(senders[i], slot_new(), 0, 0, 0);
		faulter_run();
		CHECK_EQ(abi_msginfo_label(faulter.m.info), FAULT_UNKNOWN_SYSCALL);
	}
}

/* A look-up that ends early, at something that is no CNode, is good enough. */
TEST(cap_fault_not_by_bits_left_over)
{
	cptr_t n = notification_new();
	faulter_call(SYS_SEND, 3 << 2 | 2, 0, 0, 0);
	small_cspace();
	CHECK_OK(sel4_cnode_mint(at(node, 3, RADIX), slot(n), RIGHTS_ALL, 6));
	faulter_run();
	CHECK_EQ(abi_msginfo_label(faulter.m.info), FAULT_UNKNOWN_SYSCALL);
	CHECK_EQ(sel4_nb_wait(n).badge, 6);
}

TEST(cap_fault_not_by_nb_send)
{
	faulter_call(SYS_NB_SEND, ~0ull, 0, 0, 0);
	faulter_run();
	CHECK_EQ(abi_msginfo_label(faulter.m.info), FAULT_UNKNOWN_SYSCALL);
}

/* Extra capabilities: looked up before anything else is done. */
TEST(cap_fault_extra_capability)
{
	cptr_t n = notification_new();
	for (unsigned int i = 0; i < 2; i++) {
		faulter_call(senders[i], n, abi_msginfo(0, 0, 3, 0), 0, 0);
		struct abi_ipc_buffer *buffer = faulter.thread->ipc_buffer;
		buffer->caps_or_badges[0] = INIT_TCB;
		buffer->caps_or_badges[1] = INIT_NULL;
		buffer->caps_or_badges[2] = 7 << 13;
		faulter_run();
		CHECK_FAULT(7 << 13, SEND_PHASE, WORDS_GUARD(64, 0, 51));
		CHECK_EQ(sel4_nb_wait(n).badge, 0);
	}
}

TEST(cap_fault_not_by_extra_capabilities_of_nb_send)
{
	faulter_call(SYS_NB_SEND, notification_new(), abi_msginfo(0, 0, 1, 0), 0, 0);
	faulter.thread->ipc_buffer->caps_or_badges[0] = 7 << 13;
	faulter_run();
	CHECK_EQ(abi_msginfo_label(faulter.m.info), FAULT_UNKNOWN_SYSCALL);
}

/* Receive phase */

TEST(cap_fault_recv_guard_mismatch)
{
	for (unsigned int i = 0; i < 4; i++) {
		faulter_call(receivers[i], 1ull << 40, 0, reply_new(), 0);
		faulter_run();
		CHECK_FAULT(1ull << 40, RECEIVE_PHASE, WORDS_GUARD(64, 0, 51));
	}
}

TEST(cap_fault_recv_depth_mismatch)
{
	faulter_call(SYS_WAIT, 3 << 2, 0, 0, 0);
	small_cspace();
	CHECK_OK(sel4_cnode_copy(at(node, 3, RADIX), slot(cnode_new(3)), RIGHTS_ALL));
	faulter_run();
	CHECK_FAULT(3 << 2, RECEIVE_PHASE, WORDS_DEPTH(2, 3));
}

TEST(cap_fault_recv_on_an_empty_slot)
{
	for (unsigned int i = 0; i < 4; i++) {
		cptr_t empty = slot_new();
		faulter_call(receivers[i], empty, 0, reply_new(), 0);
		faulter_run();
		CHECK_FAULT(empty, RECEIVE_PHASE, WORDS_MISSING(0));
	}
}

TEST(cap_fault_recv_on_something_else)
{
	const cptr_t caps[] = { INIT_TCB, INIT_CNODE, INIT_VSPACE, reply_new(),
		                sched_context_new() };
	for (unsigned int i = 0; i < 5; i++) {
		faulter_call(receivers[i % 4], caps[i], 0, reply_new(), 0);
		faulter_run();
		CHECK_FAULT(caps[i], RECEIVE_PHASE, WORDS_MISSING(0));
	}
}

TEST(cap_fault_recv_without_the_read_right)
{
	cptr_t ep = cap_copy(endpoint_new(), RIGHTS_ALL & ~RIGHT_READ);
	cptr_t notification = cap_copy(notification_new(), RIGHTS_ALL & ~RIGHT_READ);
	for (unsigned int i = 0; i < 8; i++) {
		cptr_t cap = i < 4 ? ep : notification;
		faulter_call(receivers[i % 4], cap, 0, reply_new(), 0);
		faulter_run();
		CHECK_FAULT(cap, RECEIVE_PHASE, WORDS_MISSING(0));
	}
}

/* The reply object's address; the endpoint comes before it. */
TEST(cap_fault_reply_object_does_not_resolve)
{
	static const enum abi_syscall calls[] = { SYS_RECV, SYS_NB_RECV, SYS_REPLY_RECV };
	for (unsigned int i = 0; i < 3; i++) {
		faulter_call(calls[i], endpoint_new(), 0, 9 << 13, 0);
		faulter_run();
		CHECK_FAULT(9 << 13, RECEIVE_PHASE, WORDS_GUARD(64, 0, 51));
	}
}

TEST(cap_fault_reply_object_is_something_else)
{
	const cptr_t caps[] = { INIT_NULL, slot_new(), endpoint_new(), sched_context_new() };
	for (unsigned int i = 0; i < 4; i++) {
		faulter_call(SYS_RECV, endpoint_new(), 0, caps[i], 0);
		faulter_run();
		CHECK_FAULT(caps[i], RECEIVE_PHASE, WORDS_MISSING(0));
	}
}

TEST(cap_fault_endpoint_before_the_reply_object)
{
	cptr_t empty = slot_new();
	faulter_call(SYS_RECV, empty, 0, ~0ull, 0);
	faulter_run();
	CHECK_FAULT(empty, RECEIVE_PHASE, WORDS_MISSING(0));
}

TEST(cap_fault_reply_object_even_if_a_message_waits)
{
	cptr_t ep = endpoint_new();
	struct job sender = { .nr = SYS_SEND, .cap = ep };
	job_start(&sender, NULL);
	settle();
	faulter_call(SYS_RECV, ep, 0, INIT_NULL, 0);
	faulter_run();
	CHECK_FAULT(INIT_NULL, RECEIVE_PHASE, WORDS_MISSING(0));
	CHECK(!sender.done);
}

/* Calls of two phases: the first is done, the second faults. */

TEST(cap_fault_reply_recv_has_replied)
{
	cptr_t n = notification_new(), badged = cap_mint(n, RIGHTS_ALL, 8);
	/* What is in R12 is invoked first, whatever it is. */
	faulter_call(SYS_REPLY_RECV, endpoint_new(), 0, badged, 0);
	faulter_run();
	CHECK_FAULT(badged, RECEIVE_PHASE, WORDS_MISSING(0));
	CHECK_EQ(sel4_nb_wait(n).badge, 8);
}

TEST(cap_fault_nb_send_recv_has_sent)
{
	cptr_t n = notification_new(), badged = cap_mint(n, RIGHTS_ALL, 8);
	faulter_call(SYS_NB_SEND_RECV, INIT_NULL, 0, reply_new(), badged);
	faulter_run();
	CHECK_FAULT(INIT_NULL, RECEIVE_PHASE, WORDS_MISSING(0));
	CHECK_EQ(sel4_nb_wait(n).badge, 8);
	/* An answer restarts the call: it sends again. */
	faulter_reply(0, 0);
	faulter_receive();
	CHECK_FAULT(INIT_NULL, RECEIVE_PHASE, WORDS_MISSING(0));
	CHECK_EQ(sel4_nb_wait(n).badge, 8);
}

TEST(cap_fault_nb_send_wait_has_sent)
{
	cptr_t n = notification_new(), badged = cap_mint(n, RIGHTS_ALL, 8);
	faulter_call(SYS_NB_SEND_WAIT, 1 << 13, 0, badged, 0);
	faulter_run();
	CHECK_FAULT(1 << 13, RECEIVE_PHASE, WORDS_GUARD(64, 0, 51));
	CHECK_EQ(sel4_nb_wait(n).badge, 8);
}

/* Answers */

TEST(cap_fault_registers_are_kept)
{
	faulter_call(SYS_CALL, ~0ull, abi_msginfo(5, 0, 0, 4), 0, 0);
	faulter_run();
	CHECK_FAULT(~0ull, SEND_PHASE, WORDS_GUARD(64, 0, 51));
	struct abi_user_context now = thread_registers(faulter.thread);
	/* As far as `syscall` keeps them. */
	now.rcx = faulter.start.rcx;
	now.r11 = faulter.start.r11;
	now.rsp = faulter.start.rsp;
	CHECK_EQ(memcmp(&now, &faulter.start, sizeof now), 0);
}

TEST(cap_fault_handler_provides_the_capability)
{
	cptr_t n = notification_new();
	faulter_call(SYS_SEND, 3 << 2, 0, 0, 0);
	small_cspace();
	CHECK_OK(sel4_cnode_copy(at(node, 3, RADIX), slot(cnode_new(3)), RIGHTS_ALL));
	faulter_run();
	CHECK_FAULT(3 << 2, SEND_PHASE, WORDS_DEPTH(2, 3));
	CHECK_OK(sel4_cnode_delete(at(node, 3, RADIX)));
	CHECK_OK(sel4_cnode_mint(at(node, 3, RADIX), slot(n), RIGHTS_ALL, 2));
	faulter_reply(0, 0);
	faulter_receive();
	CHECK_EQ(abi_msginfo_label(faulter.m.info), FAULT_UNKNOWN_SYSCALL);
	CHECK_EQ(sel4_nb_wait(n).badge, 2);
}

TEST(cap_fault_reply_always_restarts)
{
	faulter_call(SYS_SEND, ~0ull, 0, 0, 0);
	faulter_run();
	for (unsigned int i = 0; i < ABI_MSG_MAX; i++)
		faulter.words[i] = 0x1234;
	faulter_reply(55, ABI_MSG_MAX);
	faulter_receive();
	CHECK_FAULT(~0ull, SEND_PHASE, WORDS_GUARD(64, 0, 51));
}
