/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * CNode_CancelBadgedSends: senders that wait with the badge of the capability start their system
 * call again; all others keep their places. seL4 manual, section 3.1.4.
 */
#include "api.h"

/* A thread that calls or sends through the capability; its result says how that ended. */

static word_t call(word_t cap)
{
	struct sel4_msg m = sel4_call(cap, (struct sel4_msg){ abi_msginfo(77, 0, 0, 0), { 0 }, 0 });
	return abi_msginfo_label(m.info);
}

static word_t send_once(word_t cap)
{
	sel4_send(cap, (struct sel4_msg){ abi_msginfo(77, 0, 0, 0), { 0 }, 0 });
	return 1;
}

static struct thread *start(thread_fn fn, cptr_t cap)
{
	struct thread *t = thread_run(fn, cap);
	thread_settle();
	return t;
}

TEST(cancel_needs_all_rights)
{
	cptr_t ep = endpoint_new();
	CHECK_OK(sel4_cnode_cancel_badged_sends(slot(cap_mint(ep, RIGHTS_ALL, 1))));
	for (word_t rights = 0; rights < RIGHTS_ALL; rights++)
		CHECK_ERR(sel4_cnode_cancel_badged_sends(slot(cap_mint(ep, rights, 1))),
		          ERR_ILLEGAL_OPERATION);
}

TEST(cancel_of_other_objects)
{
	CHECK_ERR(sel4_cnode_cancel_badged_sends(slot(notification_new())), ERR_ILLEGAL_OPERATION);
	CHECK_ERR(sel4_cnode_cancel_badged_sends(slot(cap_mint(notification_new(), 15, 1))),
	          ERR_ILLEGAL_OPERATION);
	CHECK_ERR(sel4_cnode_cancel_badged_sends(slot(tcb_new())), ERR_ILLEGAL_OPERATION);
	CHECK_ERR(sel4_cnode_cancel_badged_sends(slot(slot_new())), ERR_ILLEGAL_OPERATION);
}

TEST(cancel_truncated)
{
	cptr_t ep = cap_mint(endpoint_new(), RIGHTS_ALL, 1);
	for (word_t words = 0; words < 2; words++)
		CHECK_ERR(invoke(INIT_CNODE, INV_CNODE_CANCEL_BADGED_SENDS, 0, words, ep, 64, 0, 0),
		          ERR_TRUNCATED_MESSAGE);
}

TEST(cancel_lookup)
{
	CHECK_ERR(sel4_cnode_cancel_badged_sends(at(INIT_CNODE, 0, 0)), ERR_RANGE, 1, 64);
}

TEST(cancel_without_badge_does_nothing)
{
	cptr_t ep = endpoint_new(), reply = reply_new();
	struct thread *t = start(call, ep);
	CHECK_OK(sel4_cnode_cancel_badged_sends(slot(ep)));
	struct sel4_msg m = sel4_nb_recv(ep, reply);
	CHECK_EQ(abi_msginfo_label(m.info), 77);
	sel4_send(reply, (struct sel4_msg){ abi_msginfo(5, 0, 0, 0), { 0 }, 0 });
	CHECK_EQ(thread_join(t), 5);
}

/* The way to sever a client: its capability goes, then its waiting sends. */
TEST(cancel_after_revoke_ends_a_call)
{
	cptr_t ep = endpoint_new(), root = cap_mint(ep, RIGHTS_ALL, 1);
	struct thread *t = start(call, cap_copy(root, RIGHTS_ALL));
	CHECK_OK(sel4_cnode_revoke(slot(root)));
	CHECK_OK(sel4_cnode_cancel_badged_sends(slot(root)));
	CHECK_EQ(thread_join(t), ERR_INVALID_CAPABILITY);
	CHECK_EQ(sel4_nb_recv(ep, reply_new()).badge, 0);
}

TEST(cancel_after_revoke_ends_a_send)
{
	cptr_t ep = endpoint_new(), root = cap_mint(ep, RIGHTS_ALL, 1);
	struct thread *t = start(send_once, cap_copy(root, RIGHTS_ALL));
	CHECK_OK(sel4_cnode_revoke(slot(root)));
	CHECK_OK(sel4_cnode_cancel_badged_sends(slot(root)));
	CHECK_EQ(thread_join(t), 1);
	CHECK_EQ(sel4_nb_recv(ep, reply_new()).badge, 0);
}

/* Revoke alone leaves a message that waits already. */
TEST(cancel_revoke_alone_does_not_cancel)
{
	cptr_t ep = endpoint_new(), root = cap_mint(ep, RIGHTS_ALL, 9), reply = reply_new();
	start(call, cap_copy(root, RIGHTS_ALL));
	CHECK_OK(sel4_cnode_revoke(slot(root)));
	CHECK_EQ(sel4_nb_recv(ep, reply).badge, 9);
}

TEST(cancel_with_the_capability_in_place_sends_again)
{
	cptr_t ep = endpoint_new(), root = cap_mint(ep, RIGHTS_ALL, 9), reply = reply_new();
	struct thread *t = start(call, cap_copy(root, RIGHTS_ALL));
	CHECK_OK(sel4_cnode_cancel_badged_sends(slot(root)));
	/* It has been taken off the queue and has not run yet. */
	CHECK_EQ(sel4_nb_recv(ep, reply).badge, 0);
	struct sel4_msg m = sel4_recv(ep, reply);
	CHECK_EQ(m.badge, 9);
	CHECK_EQ(abi_msginfo_label(m.info), 77);
	sel4_send(reply, (struct sel4_msg){ abi_msginfo(5, 0, 0, 0), { 0 }, 0 });
	CHECK_EQ(thread_join(t), 5);
}

TEST(cancel_spares_other_badges)
{
	cptr_t ep = endpoint_new(), reply = reply_new();
	cptr_t one = cap_mint(ep, RIGHTS_ALL, 1), two = cap_mint(ep, RIGHTS_ALL, 2);
	struct thread *first = start(send_once, cap_copy(one, RIGHTS_ALL));
	start(send_once, cap_copy(two, RIGHTS_ALL));
	struct thread *third = start(send_once, cap_copy(one, RIGHTS_ALL));
	start(send_once, ep);
	CHECK_OK(sel4_cnode_revoke(slot(one)));
	CHECK_OK(sel4_cnode_cancel_badged_sends(slot(one)));
	thread_join(first);
	thread_join(third);
	struct sel4_msg m = sel4_nb_recv(ep, reply);
	CHECK_EQ(m.badge, 2);
	CHECK_EQ(abi_msginfo_label(m.info), 77);
	m = sel4_nb_recv(ep, reply);
	CHECK_EQ(m.badge, 0);
	CHECK_EQ(abi_msginfo_label(m.info), 77);
	CHECK_EQ(sel4_nb_recv(ep, reply).badge, 0);
}

TEST(cancel_with_nobody_waiting)
{
	cptr_t ep = endpoint_new(), one = cap_mint(ep, RIGHTS_ALL, 1);
	CHECK_OK(sel4_cnode_cancel_badged_sends(slot(one)));
}

static word_t receive(word_t ep)
{
	return sel4_wait(ep).badge;
}

TEST(cancel_spares_receivers)
{
	cptr_t ep = endpoint_new(), one = cap_mint(ep, RIGHTS_ALL, 1);
	struct thread *t = start(receive, ep);
	CHECK_OK(sel4_cnode_cancel_badged_sends(slot(one)));
	sel4_nb_send(one, (struct sel4_msg){ 0 });
	CHECK_EQ(thread_join(t), 1);
}

TEST(cancel_of_many_senders)
{
	enum { SENDERS = 12 };
	cptr_t ep = endpoint_new(), one = cap_mint(ep, RIGHTS_ALL, 1);
	cptr_t copy = cap_copy(one, RIGHTS_ALL);
	struct thread *threads[SENDERS];
	for (int i = 0; i < SENDERS; i++)
		threads[i] = thread_run(call, copy);
	start(send_once, cap_mint(ep, RIGHTS_ALL, 2));
	CHECK_OK(sel4_cnode_revoke(slot(one)));
	CHECK_OK(sel4_cnode_cancel_badged_sends(slot(one)));
	for (int i = 0; i < SENDERS; i++)
		CHECK_EQ(thread_join(threads[i]), ERR_INVALID_CAPABILITY);
	CHECK_EQ(sel4_nb_recv(ep, reply_new()).badge, 2);
}
