/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Capabilities in messages: at most one is copied, into the receiver's one slot; those of the
 * very endpoint that carries the message arrive as badges. seL4 manual, sections 4.2.1 (IPC with
 * capability transfer) and 4.2.2 (errors).
 */
#include "jobs.h"

static struct {
	cptr_t ep, reply;
	cptr_t dest;                     /* main's receive slot */
	word_t badges[ABI_MSG_CAPS_MAX]; /* caps_or_badges, as received */
} test;

static void make_objects(void)
{
	test.ep = endpoint_new();
	test.reply = reply_new();
	test.dest = slot_new();
	set_receive_slot(sel4_ipc_buffer(), test.dest);
}

/*
 * A helper sends these capabilities with cap; main receives. The message must arrive with this
 * many of them, of which those in unwrapped as badges; whether test.dest holds something now.
 */
static bool check_transfer_through(cptr_t cap, const cptr_t *caps, word_t count, word_t arrived,
                                   word_t unwrapped)
{
	struct job job = { .nr = SYS_SEND,
		           .cap = cap,
		           .in = { abi_msginfo(7, 0, count, 2), { 11, 22 }, 0 } };
	struct thread *t = job_start(&job, NULL);
	for (unsigned int i = 0; i < count; i++)
		t->ipc_buffer->caps_or_badges[i] = caps[i];
	struct sel4_msg m = sel4_wait(test.ep);
	CHECK_EQ(m.info, abi_msginfo(7, unwrapped, arrived, 2));
	CHECK_EQ(m.mr[0], 11);
	CHECK_EQ(m.mr[1], 22);
	memcpy(test.badges, sel4_ipc_buffer()->caps_or_badges, sizeof test.badges);
	return !slot_is_empty(test.dest);
}

static bool check_transfer(const cptr_t *caps, word_t count, word_t arrived, word_t unwrapped)
{
	return check_transfer_through(test.ep, caps, count, arrived, unwrapped);
}

#define CAPS(...)                                                                                  \
	(const cptr_t[]){ __VA_ARGS__ }, sizeof((cptr_t[]){ __VA_ARGS__ }) / sizeof(cptr_t)

TEST(caps_one_is_copied)
{
	make_objects();
	cptr_t notification = cap_mint(notification_new(), RIGHTS_ALL, 0x99);
	CHECK(check_transfer(CAPS(notification), 1, 0));
	sel4_signal(test.dest);
	CHECK_EQ(sel4_nb_wait(notification).badge, 0x99);
}

TEST(caps_sender_first)
{
	make_objects();
	cptr_t notification = notification_new();
	struct job job = { .nr = SYS_SEND,
		           .cap = test.ep,
		           .in = { abi_msginfo(7, 0, 1, 0), { 0 }, 0 } };
	struct thread *t = job_start(&job, NULL);
	t->ipc_buffer->caps_or_badges[0] = notification;
	settle();
	set_receive_slot(sel4_ipc_buffer(), test.dest);
	CHECK_EQ(sel4_wait(test.ep).info, abi_msginfo(7, 0, 1, 0));
	CHECK(!slot_is_empty(test.dest));
}

TEST(caps_copy_is_a_child_of_the_sent_one)
{
	make_objects();
	cptr_t notification = notification_new();
	cptr_t minted = cap_mint(notification, RIGHTS_ALL, 4);
	CHECK(check_transfer(CAPS(notification), 1, 0));
	cap_revoke(notification);
	CHECK(slot_is_empty(test.dest));
	CHECK(slot_is_empty(minted));
	CHECK(!slot_is_empty(notification));
}

TEST(caps_without_grant_none_arrives)
{
	make_objects();
	cptr_t no_grant = cap_copy(test.ep, RIGHTS_ALL & ~RIGHT_GRANT);
	CHECK(!check_transfer_through(no_grant, CAPS(notification_new()), 0, 0));
	CHECK(!check_transfer_through(no_grant, CAPS(test.ep, test.ep), 0, 0));
}

TEST(caps_only_the_first_of_several_is_copied)
{
	make_objects();
	cptr_t first = cap_mint(notification_new(), RIGHTS_ALL, 1), second = notification_new();
	CHECK(check_transfer(CAPS(first, second), 1, 0));
	sel4_signal(test.dest);
	CHECK_EQ(sel4_nb_wait(first).badge, 1);
}

TEST(caps_three_of_them)
{
	make_objects();
	cptr_t n = notification_new();
	CHECK(check_transfer(CAPS(n, n, n), 1, 0));
}

TEST(caps_no_receive_slot_named)
{
	make_objects();
	struct abi_ipc_buffer *buffer = sel4_ipc_buffer();
	buffer->receive_cnode = buffer->receive_index = buffer->receive_depth = 0;
	CHECK(!check_transfer(CAPS(notification_new()), 0, 0));
}

TEST(caps_receive_cnode_is_no_cnode)
{
	make_objects();
	sel4_ipc_buffer()->receive_cnode = notification_new();
	CHECK(!check_transfer(CAPS(notification_new()), 0, 0));
}

TEST(caps_receive_cnode_does_not_resolve)
{
	make_objects();
	sel4_ipc_buffer()->receive_cnode = 1 << 13;
	CHECK(!check_transfer(CAPS(notification_new()), 0, 0));
}

TEST(caps_receive_depth_is_wrong)
{
	make_objects();
	static const word_t depths[] = { 0, 13, 63, 65, ~0ull };
	for (unsigned int i = 0; i < 5; i++) {
		sel4_ipc_buffer()->receive_depth = depths[i];
		CHECK(!check_transfer(CAPS(notification_new()), 0, 0));
	}
}

TEST(caps_receive_slot_is_full)
{
	make_objects();
	cptr_t n = notification_new();
	CHECK_OK(sel4_cnode_copy(slot(test.dest), slot(n), RIGHTS_ALL));
	CHECK(check_transfer(CAPS(notification_new()), 0, 0));
}

TEST(caps_receive_slot_in_another_cnode)
{
	make_objects();
	cptr_t node = cnode_new(3);
	sel4_ipc_buffer()->receive_cnode = node;
	sel4_ipc_buffer()->receive_index = 5;
	sel4_ipc_buffer()->receive_depth = 3;
	CHECK(!check_transfer(CAPS(notification_new()), 1, 0));
	CHECK(!is_empty(at(node, 5, 3)));
}

TEST(caps_receive_slot_through_two_levels)
{
	make_objects();
	cptr_t node = cnode_new(3), inner = cnode_new(2);
	CHECK_OK(sel4_cnode_mint(at(node, 6, 3), slot(inner), RIGHTS_ALL, abi_cnode_guard(5, 3)));
	sel4_ipc_buffer()->receive_cnode = node;
	sel4_ipc_buffer()->receive_index = 6 << 5 | 5 << 2 | 3;
	sel4_ipc_buffer()->receive_depth = 8;
	CHECK(!check_transfer(CAPS(notification_new()), 1, 0));
	CHECK(!is_empty(at(inner, 3, 2)));
}

/* Unwrapping */

TEST(caps_of_the_same_endpoint_arrive_as_badges)
{
	make_objects();
	cptr_t a = cap_mint(test.ep, RIGHTS_ALL, 0xaaa), b = cap_mint(test.ep, RIGHTS_ALL, ~0ull);
	CHECK(!check_transfer(CAPS(a, test.ep, b), 3, 7));
	CHECK_EQ(test.badges[0], 0xaaa);
	CHECK_EQ(test.badges[1], 0);
	CHECK_EQ(test.badges[2], ~0ull);
}

TEST(caps_of_the_same_endpoint_without_rights_arrive_as_badges)
{
	make_objects();
	cptr_t a = cap_mint(test.ep, 0, 0xaaa);
	CHECK(!check_transfer(CAPS(a), 1, 1));
	CHECK_EQ(test.badges[0], 0xaaa);
}

TEST(caps_badges_around_a_copied_one)
{
	make_objects();
	cptr_t a = cap_mint(test.ep, RIGHTS_ALL, 0xaaa), b = cap_mint(test.ep, RIGHTS_ALL, 0xbbb);
	CHECK(check_transfer(CAPS(a, notification_new(), b), 3, 5));
	CHECK_EQ(test.badges[0], 0xaaa);
	CHECK_EQ(test.badges[2], 0xbbb);
}

TEST(caps_badge_after_a_copied_one)
{
	make_objects();
	cptr_t a = cap_mint(test.ep, RIGHTS_ALL, 0xaaa);
	CHECK(check_transfer(CAPS(notification_new(), a), 2, 2));
	CHECK_EQ(test.badges[1], 0xaaa);
}

TEST(caps_a_second_copy_ends_the_transfer)
{
	make_objects();
	cptr_t a = cap_mint(test.ep, RIGHTS_ALL, 0xaaa);
	cptr_t n = notification_new();
	CHECK(check_transfer(CAPS(n, n, a), 1, 0));
}

TEST(caps_badges_need_no_receive_slot)
{
	make_objects();
	cptr_t a = cap_mint(test.ep, RIGHTS_ALL, 0xaaa);
	sel4_ipc_buffer()->receive_depth = 0;
	CHECK(!check_transfer(CAPS(a, notification_new(), a), 1, 1));
	CHECK_EQ(test.badges[0], 0xaaa);
}

TEST(caps_of_another_endpoint_are_copied)
{
	make_objects();
	CHECK(check_transfer(CAPS(cap_mint(endpoint_new(), RIGHTS_ALL, 5)), 1, 0));
}

/* What cannot be copied */

TEST(caps_an_empty_slot_ends_the_transfer)
{
	make_objects();
	cptr_t a = cap_mint(test.ep, RIGHTS_ALL, 0xaaa);
	CHECK(!check_transfer(CAPS(slot_new()), 0, 0));
	CHECK(!check_transfer(CAPS(slot_new(), a), 0, 0));
	CHECK(!check_transfer(CAPS(a, slot_new(), a), 1, 1));
}

TEST(caps_controls_are_not_copied)
{
	make_objects();
	CHECK(!check_transfer(CAPS(INIT_IRQ_CONTROL), 0, 0));
	CHECK(!check_transfer(CAPS(INIT_IO_PORT_CONTROL), 0, 0));
}

TEST(caps_untyped_with_children_is_not_copied)
{
	make_objects();
	cptr_t untyped = untyped_new(13), child = slot_new();
	CHECK_OK(sel4_untyped_retype(untyped, OBJ_ENDPOINT, 0, root_node(), child, 1));
	CHECK(!check_transfer(CAPS(untyped), 0, 0));
}

TEST(caps_untyped_without_children_is_copied)
{
	make_objects();
	CHECK(check_transfer(CAPS(untyped_new(13)), 1, 0));
}

TEST(caps_unmapped_tables_are_not_copied)
{
	make_objects();
	CHECK(!check_transfer(CAPS(object_new(OBJ_X86_PML4, 0)), 0, 0));
	CHECK(!check_transfer(CAPS(object_new(OBJ_X86_PDPT, 0)), 0, 0));
	CHECK(!check_transfer(CAPS(object_new(OBJ_X86_PAGE_DIRECTORY, 0)), 0, 0));
	CHECK(!check_transfer(CAPS(object_new(OBJ_X86_PAGE_TABLE, 0)), 0, 0));
}

TEST(caps_mapped_page_arrives_unmapped)
{
	make_objects();
	cptr_t frame;
	page_new(&frame);
	CHECK(check_transfer(CAPS(frame), 1, 0));
	vspace_map(INIT_VSPACE, TEST_VADDR, test.dest, RIGHTS_ALL, 0);
}

TEST(caps_many_types_are_copied)
{
	make_objects();
	const cptr_t caps[] = { INIT_TCB,           INIT_CNODE,       INIT_VSPACE, INIT_ASID_POOL,
		                INIT_SCHED_CONTEXT, INIT_DOMAIN,      reply_new(), tcb_new(),
		                INIT_ASID_CONTROL,  env_sched_control };
	for (unsigned int i = 0; i < sizeof caps / sizeof *caps; i++) {
		CHECK(check_transfer(&caps[i], 1, 1, 0));
		cap_delete(test.dest);
	}
}

/* The rights of a sent capability do not change on the way. */
TEST(caps_rights_stay)
{
	make_objects();
	cptr_t n = notification_new();
	CHECK(check_transfer(CAPS(cap_copy(n, RIGHT_READ)), 1, 0));
	CHECK_ERR(invoke(test.dest, 0, 0, 0, 0, 0, 0, 0), ERR_INVALID_CAPABILITY, 0);
	sel4_signal(n);
	(void)sel4_wait(test.dest);
}

/* Look-up of the extra capabilities; the faults that it raises are in fault_cap.c. */

TEST(caps_nb_send_of_unresolvable_caps_is_lost)
{
	make_objects();
	struct job job = { .nr = SYS_NB_SEND,
		           .cap = test.ep,
		           .in = { abi_msginfo(7, 0, 1, 0), { 0 }, 0 } };
	struct job receiver = { .nr = SYS_WAIT, .cap = test.ep };
	job_start(&receiver, NULL);
	settle();
	struct thread *t = job_start(&job, NULL);
	t->ipc_buffer->caps_or_badges[0] = 1 << 13;
	settle();
	CHECK(job.done);
	CHECK(!receiver.done);
}

TEST(caps_are_looked_up_again_when_the_message_is_taken)
{
	make_objects();
	struct job job = { .nr = SYS_SEND,
		           .cap = test.ep,
		           .in = { abi_msginfo(7, 0, 2, 0), { 0 }, 0 } };
	cptr_t n = notification_new();
	struct thread *t = job_start(&job, NULL);
	t->ipc_buffer->caps_or_badges[0] = n;
	t->ipc_buffer->caps_or_badges[1] = n;
	settle();
	/* One that fails now makes the message arrive without any. */
	t->ipc_buffer->caps_or_badges[1] = 1 << 13;
	CHECK_EQ(sel4_wait(test.ep).info, abi_msginfo(7, 0, 0, 0));
	CHECK(slot_is_empty(test.dest));
}

TEST(caps_are_looked_up_in_the_cspaces_of_both)
{
	make_objects();
	cptr_t node = cnode_new(4);
	CHECK_OK(sel4_cnode_copy(at(node, 1, 4), slot(test.ep), RIGHTS_ALL));
	CHECK_OK(sel4_cnode_copy(at(node, 2, 4), slot(notification_new()), RIGHTS_ALL));
	struct job job = { .nr = SYS_SEND, .cap = 1, .in = { abi_msginfo(7, 0, 1, 0), { 0 }, 0 } };
	struct thread *t =
	        job_start(&job, &(struct thread_options){ .cspace = node,
	                                                  .cspace_guard = abi_cnode_guard(0, 60),
	                                                  .no_fault_ep = true });
	t->ipc_buffer->caps_or_badges[0] = 2;
	CHECK_EQ(sel4_wait(test.ep).info, abi_msginfo(7, 0, 1, 0));
	CHECK(!slot_is_empty(test.dest));
}

/* Calls and replies */

/* Calls test.ep with one capability and names a receive slot. */
static struct thread *call_with_cap(struct job *job, cptr_t cap, cptr_t dest)
{
	*job = (struct job){ .nr = SYS_CALL,
		             .cap = test.ep,
		             .in = { abi_msginfo(7, 0, cap != 0, 0), { 0 }, 0 } };
	struct thread *t = job_start(job, NULL);
	t->ipc_buffer->caps_or_badges[0] = cap;
	set_receive_slot(t->ipc_buffer, dest);
	return t;
}

TEST(caps_in_a_call)
{
	make_objects();
	struct job job;
	call_with_cap(&job, notification_new(), 0);
	CHECK_EQ(sel4_recv(test.ep, test.reply).info, abi_msginfo(7, 0, 1, 0));
	CHECK(!slot_is_empty(test.dest));
}

TEST(caps_in_a_reply)
{
	make_objects();
	struct job job;
	cptr_t dest = slot_new(), n = notification_new();
	call_with_cap(&job, 0, dest);
	(void)sel4_recv(test.ep, test.reply);
	sel4_set_cap(0, n);
	sel4_send(test.reply, (struct sel4_msg){ abi_msginfo(8, 0, 1, 0), { 0 }, 0 });
	thread_join(job.thread);
	CHECK_EQ(job.out.info, abi_msginfo(8, 0, 1, 0));
	CHECK(!slot_is_empty(dest));
}

TEST(caps_in_a_reply_by_reply_recv)
{
	make_objects();
	struct job job, next;
	cptr_t dest = slot_new(), n = notification_new();
	call_with_cap(&job, 0, dest);
	(void)sel4_recv(test.ep, test.reply);
	call_with_cap(&next, 0, 0);
	sel4_set_cap(0, n);
	(void)sel4_reply_recv(test.ep, (struct sel4_msg){ abi_msginfo(8, 0, 1, 0), { 0 }, 0 },
	                      test.reply);
	thread_join(job.thread);
	CHECK_EQ(job.out.info, abi_msginfo(8, 0, 1, 0));
	CHECK(!slot_is_empty(dest));
}

/* A reply does not go through an endpoint, so nothing in it is unwrapped. */
TEST(caps_of_the_endpoint_in_a_reply_are_copied)
{
	make_objects();
	struct job job;
	cptr_t dest = slot_new();
	call_with_cap(&job, 0, dest);
	(void)sel4_recv(test.ep, test.reply);
	sel4_set_cap(0, test.ep);
	sel4_send(test.reply, (struct sel4_msg){ abi_msginfo(8, 0, 1, 0), { 0 }, 0 });
	thread_join(job.thread);
	CHECK_EQ(job.out.info, abi_msginfo(8, 0, 1, 0));
	CHECK(!slot_is_empty(dest));
}

TEST(caps_in_a_reply_need_grant_on_the_reply_capability)
{
	make_objects();
	struct job job;
	cptr_t dest = slot_new(), n = notification_new();
	cptr_t no_grant = cap_copy(test.reply, RIGHTS_ALL & ~RIGHT_GRANT);
	call_with_cap(&job, 0, dest);
	(void)sel4_recv(test.ep, test.reply);
	sel4_set_cap(0, n);
	sel4_send(no_grant, (struct sel4_msg){ abi_msginfo(8, 0, 1, 1), { 5 }, 0 });
	thread_join(job.thread);
	CHECK_EQ(job.out.info, abi_msginfo(8, 0, 0, 1));
	CHECK_EQ(job.out.mr[0], 5);
	CHECK(slot_is_empty(dest));
}

/* Only the reply capability that answers counts, not the one that was waited with. */
TEST(caps_in_a_reply_need_no_grant_when_receiving)
{
	make_objects();
	struct job job;
	cptr_t dest = slot_new(), n = notification_new();
	cptr_t no_grant = cap_copy(test.reply, 0);
	call_with_cap(&job, 0, dest);
	(void)sel4_recv(test.ep, no_grant);
	sel4_set_cap(0, n);
	sel4_send(test.reply, (struct sel4_msg){ abi_msginfo(8, 0, 1, 0), { 0 }, 0 });
	thread_join(job.thread);
	CHECK_EQ(job.out.info, abi_msginfo(8, 0, 1, 0));
	CHECK(!slot_is_empty(dest));
}

/* The caller's rights to the endpoint do not limit the answer. */
TEST(caps_in_a_reply_to_a_caller_with_grant_reply_only)
{
	make_objects();
	struct job job;
	cptr_t dest = slot_new(), n = notification_new(), ep = test.ep;
	test.ep = cap_copy(ep, RIGHT_WRITE | RIGHT_GRANT_REPLY);
	call_with_cap(&job, notification_new(), dest);
	test.ep = ep;
	CHECK_EQ(sel4_recv(test.ep, test.reply).info, abi_msginfo(7, 0, 0, 0));
	sel4_set_cap(0, n);
	sel4_send(test.reply, (struct sel4_msg){ abi_msginfo(8, 0, 1, 0), { 0 }, 0 });
	thread_join(job.thread);
	CHECK_EQ(job.out.info, abi_msginfo(8, 0, 1, 0));
	CHECK(!slot_is_empty(dest));
}

TEST(caps_to_a_receiver_without_buffer)
{
	make_objects();
	struct job job = { .nr = SYS_WAIT, .cap = test.ep };
	struct thread *t = thread_new(&(struct thread_options){ 0 });
	set_receive_slot(t->ipc_buffer, test.dest);
	CHECK_OK(sel4_tcb_set_ipc_buffer(t->tcb, 0, INIT_NULL));
	thread_start(t, job_run, (word_t)&job);
	settle();
	cptr_t n = notification_new();
	sel4_set_cap(0, n);
	sel4_send(test.ep, (struct sel4_msg){ abi_msginfo(7, 0, 1, 0), { 0 }, 0 });
	thread_join(t);
	CHECK_EQ(job.out.info, abi_msginfo(7, 0, 0, 0));
	CHECK(slot_is_empty(test.dest));
}

TEST(caps_with_a_message_of_120_words)
{
	make_objects();
	struct job job = { .nr = SYS_SEND,
		           .cap = test.ep,
		           .in = { abi_msginfo(7, 0, 1, ABI_MSG_MAX), { 1, 2, 3, 4 }, 0 } };
	struct thread *t = job_start(&job, NULL);
	t->ipc_buffer->caps_or_badges[0] = notification_new();
	t->ipc_buffer->msg[ABI_MSG_MAX - 1] = 0x120;
	CHECK_EQ(sel4_wait(test.ep).info, abi_msginfo(7, 0, 1, ABI_MSG_MAX));
	CHECK_EQ(sel4_get_word(ABI_MSG_MAX - 1), 0x120);
	CHECK(!slot_is_empty(test.dest));
}
