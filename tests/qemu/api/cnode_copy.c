/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * CNode_Copy, Mint, Move, Mutate and Rotate: what arrives, with which rights, badge and guard,
 * and what may not be derived. seL4 manual, sections 3.1.2 to 3.1.4.
 *
 * Rights and badges are observed by using the capability: a notification that may not be
 * signalled answers InvalidCapability to a Call, a badge arrives in RDI.
 */
#include "api.h"

/* Calls the notification; a call of one that can be signalled is answered like an invocation. */
static enum abi_error call_notification(cptr_t notification)
{
	return invoke(notification, 0, 0, 0, 0, 0, 0, 0);
}

/* What a waiter on the original gets after a signal through cap. */
static word_t badge_of(cptr_t original, cptr_t cap)
{
	sel4_signal(cap);
	return sel4_nb_wait(original).badge;
}

TEST(cnode_copy_keeps_the_source)
{
	cptr_t ntfn = notification_new(), copy = slot_new();
	CHECK_OK(sel4_cnode_copy(slot(copy), slot(ntfn), RIGHTS_ALL));
	CHECK(!slot_is_empty(ntfn));
	CHECK(!slot_is_empty(copy));
}

TEST(cnode_copy_refers_to_the_same_object)
{
	cptr_t ntfn = notification_new(), copy = cap_copy(ntfn, RIGHTS_ALL);
	cptr_t badged = cap_mint(copy, RIGHTS_ALL, 6);
	CHECK_EQ(badge_of(ntfn, badged), 6);
	CHECK_EQ(badge_of(copy, badged), 6);
}

TEST(cnode_copy_masks_notification_rights)
{
	cptr_t ntfn = notification_new();
	CHECK_OK(call_notification(cap_copy(ntfn, RIGHT_WRITE)));
	CHECK_ERR(call_notification(cap_copy(ntfn, RIGHT_READ)), ERR_INVALID_CAPABILITY, 0);
	CHECK_ERR(call_notification(cap_copy(ntfn, 0)), ERR_INVALID_CAPABILITY, 0);
	CHECK_ERR(call_notification(cap_copy(ntfn, RIGHT_GRANT | RIGHT_GRANT_REPLY)),
	          ERR_INVALID_CAPABILITY, 0);
}

TEST(cnode_copy_cannot_add_rights)
{
	cptr_t read_only = cap_copy(notification_new(), RIGHT_READ);
	CHECK_ERR(call_notification(cap_copy(read_only, RIGHTS_ALL)), ERR_INVALID_CAPABILITY, 0);
}

TEST(cnode_copy_ignores_the_upper_bits_of_rights)
{
	cptr_t copy = cap_copy(notification_new(), ~0ull);
	CHECK_OK(call_notification(copy));
	copy = cap_copy(notification_new(), ~15ull);
	CHECK_ERR(call_notification(copy), ERR_INVALID_CAPABILITY, 0);
}

TEST(cnode_copy_masks_endpoint_rights)
{
	cptr_t ep = endpoint_new();
	/* An endpoint capability without send right answers a Call by an error. */
	CHECK_ERR(invoke(cap_copy(ep, RIGHT_READ), 0, 0, 0, 0, 0, 0, 0), ERR_INVALID_CAPABILITY, 0);
	CHECK_ERR(invoke(cap_copy(ep, RIGHT_READ | RIGHT_GRANT), 0, 0, 0, 0, 0, 0, 0),
	          ERR_INVALID_CAPABILITY, 0);
}

TEST(cnode_copy_keeps_the_badge)
{
	cptr_t ntfn = notification_new();
	cptr_t badged = cap_mint(ntfn, RIGHTS_ALL, 0x123456789abcdef0);
	CHECK_EQ(badge_of(ntfn, cap_copy(badged, RIGHTS_ALL)), 0x123456789abcdef0);
}

TEST(cnode_copy_of_every_object)
{
	static const struct {
		enum abi_object type;
		word_t bits;
	} kinds[] = {
		{ OBJ_UNTYPED, 12 },     { OBJ_TCB, 0 },         { OBJ_ENDPOINT, 0 },
		{ OBJ_NOTIFICATION, 0 }, { OBJ_CNODE, 1 },       { OBJ_SCHED_CONTEXT, 7 },
		{ OBJ_REPLY, 0 },        { OBJ_X86_4K_PAGE, 0 }, { OBJ_X86_LARGE_PAGE, 0 },
	};
	for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
		cptr_t copy = slot_new(), object = object_new(kinds[i].type, kinds[i].bits);
		CHECK_OK(sel4_cnode_copy(slot(copy), slot(object), RIGHTS_ALL));
		CHECK(!slot_is_empty(copy));
	}
}

TEST(cnode_copy_of_initial_capabilities)
{
	static const word_t slots[] = {
		INIT_TCB,          INIT_CNODE,           INIT_VSPACE,           INIT_ASID_CONTROL,
		INIT_ASID_POOL,    INIT_BOOT_INFO_FRAME, INIT_IPC_BUFFER_FRAME, INIT_DOMAIN,
		INIT_SCHED_CONTEXT
	};
	for (size_t i = 0; i < sizeof slots / sizeof slots[0]; i++)
		CHECK_OK(sel4_cnode_copy(slot(slot_new()), slot(slots[i]), RIGHTS_ALL));
	CHECK_OK(sel4_cnode_copy(slot(slot_new()), slot(env_sched_control), RIGHTS_ALL));
}

TEST(cnode_copy_of_irq_control)
{
	CHECK_ERR(sel4_cnode_copy(slot(slot_new()), slot(INIT_IRQ_CONTROL), RIGHTS_ALL),
	          ERR_ILLEGAL_OPERATION);
	CHECK_ERR(sel4_cnode_mint(slot(slot_new()), slot(INIT_IRQ_CONTROL), RIGHTS_ALL, 0),
	          ERR_ILLEGAL_OPERATION);
}

TEST(cnode_copy_of_io_port_control)
{
	CHECK_ERR(sel4_cnode_copy(slot(slot_new()), slot(INIT_IO_PORT_CONTROL), RIGHTS_ALL),
	          ERR_ILLEGAL_OPERATION);
	CHECK_ERR(sel4_cnode_mint(slot(slot_new()), slot(INIT_IO_PORT_CONTROL), RIGHTS_ALL, 0),
	          ERR_ILLEGAL_OPERATION);
}

TEST(cnode_move_of_the_control_capabilities)
{
	static const word_t slots[] = { INIT_IRQ_CONTROL, INIT_IO_PORT_CONTROL };
	for (size_t i = 0; i < sizeof slots / sizeof slots[0]; i++) {
		cptr_t aside = slot_new();
		CHECK_OK(sel4_cnode_move(slot(aside), slot(slots[i])));
		CHECK(slot_is_empty(slots[i]));
		CHECK_OK(sel4_cnode_move(slot(slots[i]), slot(aside)));
	}
}

TEST(cnode_copy_of_unmapped_tables)
{
	static const enum abi_object types[] = { OBJ_X86_PML4, OBJ_X86_PDPT, OBJ_X86_PAGE_DIRECTORY,
		                                 OBJ_X86_PAGE_TABLE };
	for (size_t i = 0; i < sizeof types / sizeof types[0]; i++) {
		cptr_t table = object_new(types[i], 0);
		struct sel4_slot dest = slot(slot_new());
		CHECK_ERR(sel4_cnode_copy(dest, slot(table), RIGHTS_ALL), ERR_ILLEGAL_OPERATION);
		CHECK_ERR(sel4_cnode_mint(dest, slot(table), RIGHTS_ALL, 0), ERR_ILLEGAL_OPERATION);
		CHECK_OK(sel4_cnode_move(dest, slot(table)));
	}
}

TEST(cnode_copy_of_mapped_tables)
{
	cptr_t vspace = vspace_new();
	cptr_t pdpt = object_new(OBJ_X86_PDPT, 0);
	cptr_t directory = object_new(OBJ_X86_PAGE_DIRECTORY, 0);
	cptr_t table = object_new(OBJ_X86_PAGE_TABLE, 0);
	CHECK_OK(sel4_x86_pdpt_map(pdpt, vspace, TEST_VADDR, 0));
	CHECK_OK(sel4_x86_page_directory_map(directory, vspace, TEST_VADDR, 0));
	CHECK_OK(sel4_x86_page_table_map(table, vspace, TEST_VADDR, 0));
	cap_copy(vspace, RIGHTS_ALL);
	cap_copy(pdpt, RIGHTS_ALL);
	cap_copy(directory, RIGHTS_ALL);
	cap_copy(table, RIGHTS_ALL);
}

TEST(cnode_copy_of_untyped_with_children)
{
	cptr_t untyped = untyped_new(12);
	CHECK_OK(sel4_untyped_retype(untyped, OBJ_ENDPOINT, 0, root_node(), slot_new(), 1));
	CHECK_ERR(sel4_cnode_copy(slot(slot_new()), slot(untyped), RIGHTS_ALL), ERR_REVOKE_FIRST);
	CHECK_ERR(sel4_cnode_mint(slot(slot_new()), slot(untyped), RIGHTS_ALL, 0),
	          ERR_REVOKE_FIRST);
}

TEST(cnode_copy_truncated)
{
	cptr_t ep = endpoint_new(), dest = slot_new();
	sel4_set_word(4, RIGHTS_ALL);
	for (word_t words = 0; words < 5; words++) {
		sel4_set_cap(0, INIT_CNODE);
		CHECK_ERR(invoke(INIT_CNODE, INV_CNODE_COPY, 1, words, dest, 64, ep, 64),
		          ERR_TRUNCATED_MESSAGE);
	}
	CHECK_ERR(invoke(INIT_CNODE, INV_CNODE_COPY, 0, 5, dest, 64, ep, 64),
	          ERR_TRUNCATED_MESSAGE);
	CHECK(slot_is_empty(dest));
}

/* What is checked between two looks at the length. */
TEST(cnode_copy_truncated_order_of_checks)
{
	cptr_t full = endpoint_new(), dest = slot_new();
	sel4_set_cap(0, INIT_CNODE);
	/* With two words, the destination is looked up first. */
	CHECK_ERR(invoke(INIT_CNODE, INV_CNODE_COPY, 1, 2, dest, 0, full, 64), ERR_RANGE, 1, 64);
	CHECK_ERR(invoke(INIT_CNODE, INV_CNODE_COPY, 1, 1, dest, 0, full, 64),
	          ERR_TRUNCATED_MESSAGE);
	/* With four, that it is empty, and the source, before the missing rights are noticed. */
	CHECK_ERR(invoke(INIT_CNODE, INV_CNODE_COPY, 1, 4, full, 64, full, 64), ERR_DELETE_FIRST);
	CHECK_ERR(invoke(INIT_CNODE, INV_CNODE_COPY, 1, 3, full, 64, full, 64),
	          ERR_TRUNCATED_MESSAGE);
	CHECK_ERR(invoke(INIT_CNODE, INV_CNODE_MINT, 1, 4, dest, 64, dest, 64), ERR_FAILED_LOOKUP,
	          AT_SOURCE, WORDS_MISSING(64));
}

TEST(cnode_mint_truncated)
{
	cptr_t ep = endpoint_new(), dest = slot_new();
	sel4_set_word(4, RIGHTS_ALL);
	sel4_set_word(5, 1);
	for (word_t words = 0; words < 6; words++) {
		sel4_set_cap(0, INIT_CNODE);
		CHECK_ERR(invoke(INIT_CNODE, INV_CNODE_MINT, 1, words, dest, 64, ep, 64),
		          ERR_TRUNCATED_MESSAGE);
	}
	CHECK_ERR(invoke(INIT_CNODE, INV_CNODE_MINT, 0, 6, dest, 64, ep, 64),
	          ERR_TRUNCATED_MESSAGE);
}

TEST(cnode_move_truncated)
{
	cptr_t ep = endpoint_new(), dest = slot_new();
	for (word_t words = 0; words < 4; words++) {
		sel4_set_cap(0, INIT_CNODE);
		CHECK_ERR(invoke(INIT_CNODE, INV_CNODE_MOVE, 1, words, dest, 64, ep, 64),
		          ERR_TRUNCATED_MESSAGE);
	}
	CHECK_ERR(invoke(INIT_CNODE, INV_CNODE_MOVE, 0, 4, dest, 64, ep, 64),
	          ERR_TRUNCATED_MESSAGE);
}

TEST(cnode_mutate_truncated)
{
	cptr_t node = cnode_new(2), dest = slot_new();
	sel4_set_word(4, 0);
	for (word_t words = 0; words < 5; words++) {
		sel4_set_cap(0, INIT_CNODE);
		CHECK_ERR(invoke(INIT_CNODE, INV_CNODE_MUTATE, 1, words, dest, 64, node, 64),
		          ERR_TRUNCATED_MESSAGE);
	}
	CHECK_ERR(invoke(INIT_CNODE, INV_CNODE_MUTATE, 0, 5, dest, 64, node, 64),
	          ERR_TRUNCATED_MESSAGE);
}

TEST(cnode_mint_badges_a_notification)
{
	cptr_t ntfn = notification_new();
	CHECK_EQ(badge_of(ntfn, cap_mint(ntfn, RIGHTS_ALL, 1)), 1);
	CHECK_EQ(badge_of(ntfn, cap_mint(ntfn, RIGHT_WRITE, ~0ull)), ~0ull);
	CHECK_EQ(badge_of(ntfn, cap_mint(ntfn, RIGHTS_ALL, 0)), 0);
}

TEST(cnode_mint_of_a_badged_capability)
{
	cptr_t ep = cap_mint(endpoint_new(), RIGHTS_ALL, 1);
	cptr_t ntfn = cap_mint(notification_new(), RIGHTS_ALL, 1);
	struct sel4_slot dest = slot(slot_new());
	static const word_t badges[] = { 0, 1, 2 };
	for (int i = 0; i < 3; i++) {
		CHECK_ERR(sel4_cnode_mint(dest, slot(ep), RIGHTS_ALL, badges[i]),
		          ERR_ILLEGAL_OPERATION);
		CHECK_ERR(sel4_cnode_mint(dest, slot(ntfn), RIGHTS_ALL, badges[i]),
		          ERR_ILLEGAL_OPERATION);
	}
}

TEST(cnode_mint_with_badge_0_can_be_badged_later)
{
	cptr_t ntfn = notification_new();
	cptr_t unbadged = cap_mint(ntfn, RIGHTS_ALL, 0);
	CHECK_EQ(badge_of(ntfn, cap_mint(unbadged, RIGHTS_ALL, 9)), 9);
}

TEST(cnode_mint_badge_is_ignored_where_there_is_none)
{
	cptr_t tcb = cap_mint(tcb_new(), RIGHTS_ALL, ~0ull);
	CHECK_OK(sel4_tcb_suspend(tcb));
	cptr_t reply = slot_new(), sc = slot_new(), frame = slot_new();
	CHECK_OK(sel4_cnode_mint(slot(reply), slot(reply_new()), RIGHTS_ALL, ~0ull));
	CHECK_OK(sel4_cnode_mint(slot(sc), slot(sched_context_new()), RIGHTS_ALL, ~0ull));
	CHECK_OK(sel4_cnode_mint(slot(frame), slot(frame_new()), RIGHTS_ALL, ~0ull));
}

TEST(cnode_mint_masks_rights)
{
	cptr_t ntfn = notification_new();
	CHECK_ERR(call_notification(cap_mint(ntfn, RIGHT_READ, 3)), ERR_INVALID_CAPABILITY, 0);
	CHECK_OK(call_notification(cap_mint(ntfn, RIGHT_WRITE, 3)));
}

TEST(cnode_mint_sets_a_guard)
{
	cptr_t node = cnode_new(4);
	cptr_t guarded = cap_mint(node, 0, abi_cnode_guard(0x15, 5));
	CHECK_OK(sel4_cnode_delete(at(guarded, 0x15 << 4 | 1, 9)));
	/* Minted from a guarded capability, the new guard replaces the old one. */
	cptr_t again = cap_mint(guarded, 0, abi_cnode_guard(1, 1));
	CHECK_OK(sel4_cnode_delete(at(again, 1 << 4 | 1, 5)));
}

TEST(cnode_mint_guard_data_0_is_no_guard)
{
	cptr_t guarded = cap_mint(cnode_new(4), 0, abi_cnode_guard(0x15, 5));
	cptr_t plain = cap_mint(guarded, 0, 0);
	CHECK_OK(sel4_cnode_delete(at(plain, 1, 4)));
}

TEST(cnode_copy_keeps_the_guard)
{
	cptr_t guarded = cap_mint(cnode_new(4), 0, abi_cnode_guard(0x15, 5));
	cptr_t copy = cap_copy(guarded, 0);
	CHECK_OK(sel4_cnode_delete(at(copy, 0x15 << 4, 9)));
}

TEST(cnode_mint_guard_is_cut_to_its_size)
{
	cptr_t guarded = cap_mint(cnode_new(4), 0, abi_cnode_guard(0xff5, 4));
	CHECK_OK(sel4_cnode_delete(at(guarded, 0x5 << 4, 8)));
	CHECK_ERR(sel4_cnode_delete(at(guarded, 0, 8)), ERR_FAILED_LOOKUP, AT_DEST,
	          WORDS_GUARD(8, 5, 4));
}

TEST(cnode_mint_guard_too_long)
{
	cptr_t node = cnode_new(4);
	struct sel4_slot dest = slot(slot_new());
	CHECK_ERR(sel4_cnode_mint(dest, slot(node), 0, abi_cnode_guard(0, 61)),
	          ERR_ILLEGAL_OPERATION);
	CHECK_ERR(sel4_cnode_mint(dest, slot(node), 0, abi_cnode_guard(0, 63)),
	          ERR_ILLEGAL_OPERATION);
	CHECK_OK(sel4_cnode_mint(dest, slot(node), 0, abi_cnode_guard(0, 60)));
}

TEST(cnode_move_empties_the_source)
{
	cptr_t ntfn = notification_new(), dest = slot_new();
	cptr_t badged = cap_mint(ntfn, RIGHTS_ALL, 5);
	CHECK_OK(sel4_cnode_move(slot(dest), slot(badged)));
	CHECK(slot_is_empty(badged));
	CHECK_EQ(badge_of(ntfn, dest), 5);
}

TEST(cnode_move_keeps_rights)
{
	cptr_t dest = slot_new(), read_only = cap_copy(notification_new(), RIGHT_READ);
	CHECK_OK(sel4_cnode_move(slot(dest), slot(read_only)));
	CHECK_ERR(call_notification(dest), ERR_INVALID_CAPABILITY, 0);
}

TEST(cnode_move_of_an_untyped_with_children)
{
	cptr_t untyped = untyped_new(12), dest = slot_new(), ep = slot_new();
	CHECK_OK(sel4_untyped_retype(untyped, OBJ_ENDPOINT, 0, root_node(), ep, 1));
	CHECK_OK(sel4_cnode_move(slot(dest), slot(untyped)));
	CHECK_OK(sel4_cnode_revoke(slot(dest)));
	CHECK(slot_is_empty(ep));
}

TEST(cnode_move_to_itself)
{
	cptr_t ep = endpoint_new();
	CHECK_ERR(sel4_cnode_move(slot(ep), slot(ep)), ERR_DELETE_FIRST);
}

TEST(cnode_mutate_sets_a_guard)
{
	cptr_t node = cnode_new(4), dest = slot_new();
	CHECK_OK(sel4_cnode_mutate(slot(dest), slot(node), abi_cnode_guard(7, 3)));
	CHECK(slot_is_empty(node));
	CHECK_OK(sel4_cnode_delete(at(dest, 7 << 4, 7)));
}

TEST(cnode_mutate_guard_too_long)
{
	cptr_t node = cnode_new(4);
	CHECK_ERR(sel4_cnode_mutate(slot(slot_new()), slot(node), abi_cnode_guard(0, 61)),
	          ERR_ILLEGAL_OPERATION);
	CHECK(!slot_is_empty(node));
}

TEST(cnode_mutate_of_endpoints_and_notifications)
{
	cptr_t ep = endpoint_new(), ntfn = notification_new();
	struct sel4_slot dest = slot(slot_new());
	CHECK_ERR(sel4_cnode_mutate(dest, slot(ep), 1), ERR_ILLEGAL_OPERATION);
	CHECK_ERR(sel4_cnode_mutate(dest, slot(ep), 0), ERR_ILLEGAL_OPERATION);
	CHECK_ERR(sel4_cnode_mutate(dest, slot(ntfn), 1), ERR_ILLEGAL_OPERATION);
	CHECK_ERR(sel4_cnode_mutate(dest, slot(cap_mint(ep, RIGHTS_ALL, 1)), 1),
	          ERR_ILLEGAL_OPERATION);
}

TEST(cnode_mutate_of_other_objects_is_a_move)
{
	cptr_t tcb = tcb_new(), dest = slot_new();
	CHECK_OK(sel4_cnode_mutate(slot(dest), slot(tcb), ~0ull));
	CHECK(slot_is_empty(tcb));
	CHECK_OK(sel4_tcb_suspend(dest));
	cptr_t untyped = untyped_new(12), untyped_dest = slot_new();
	CHECK_OK(sel4_untyped_retype(untyped, OBJ_ENDPOINT, 0, root_node(), slot_new(), 1));
	CHECK_OK(sel4_cnode_mutate(slot(untyped_dest), slot(untyped), 0));
}

/* Rotate: pivot to dest, source to pivot. */

TEST(cnode_rotate_moves_both)
{
	cptr_t tcb = tcb_new(), sc = sched_context_new(), dest = slot_new();
	CHECK_OK(sel4_cnode_rotate(slot(dest), 0, slot(tcb), 0, slot(sc)));
	CHECK(slot_is_empty(sc));
	CHECK_OK(sel4_tcb_suspend(dest));
	word_t consumed = 1;
	CHECK_OK(sel4_sched_context_consumed(tcb, &consumed));
	CHECK_EQ(consumed, 0);
}

TEST(cnode_rotate_swaps)
{
	cptr_t tcb = tcb_new(), sc = sched_context_new();
	CHECK_OK(sel4_cnode_rotate(slot(sc), 0, slot(tcb), 0, slot(sc)));
	CHECK_OK(sel4_tcb_suspend(sc));
	word_t consumed;
	CHECK_OK(sel4_sched_context_consumed(tcb, &consumed));
}

TEST(cnode_rotate_sets_guards)
{
	cptr_t a = cnode_new(4), b = cnode_new(4), dest = slot_new();
	CHECK_OK(sel4_cnode_rotate(slot(dest), abi_cnode_guard(1, 2), slot(a),
	                           abi_cnode_guard(2, 3), slot(b)));
	CHECK_OK(sel4_cnode_delete(at(dest, 1 << 4, 6)));
	CHECK_OK(sel4_cnode_delete(at(a, 2 << 4, 7)));
}

TEST(cnode_rotate_refuses_endpoints)
{
	cptr_t tcb = tcb_new(), ep = endpoint_new(), dest = slot_new();
	CHECK_ERR(sel4_cnode_rotate(slot(dest), 0, slot(tcb), 0, slot(ep)), ERR_ILLEGAL_OPERATION);
	CHECK_ERR(sel4_cnode_rotate(slot(dest), 0, slot(ep), 0, slot(tcb)), ERR_ILLEGAL_OPERATION);
}

TEST(cnode_rotate_guard_too_long)
{
	cptr_t a = cnode_new(4), b = tcb_new(), dest = slot_new();
	CHECK_ERR(sel4_cnode_rotate(slot(dest), abi_cnode_guard(0, 61), slot(a), 0, slot(b)),
	          ERR_ILLEGAL_OPERATION);
	CHECK_ERR(sel4_cnode_rotate(slot(dest), 0, slot(b), abi_cnode_guard(0, 61), slot(a)),
	          ERR_ILLEGAL_OPERATION);
}

TEST(cnode_rotate_pivot_is_source_or_dest)
{
	cptr_t a = tcb_new(), b = tcb_new();
	CHECK_ERR(sel4_cnode_rotate(slot(slot_new()), 0, slot(a), 0, slot(a)),
	          ERR_ILLEGAL_OPERATION);
	CHECK_ERR(sel4_cnode_rotate(slot(a), 0, slot(a), 0, slot(b)), ERR_ILLEGAL_OPERATION);
}

TEST(cnode_rotate_dest_occupied)
{
	cptr_t a = tcb_new(), b = tcb_new(), full = tcb_new();
	CHECK_ERR(sel4_cnode_rotate(slot(full), 0, slot(a), 0, slot(b)), ERR_DELETE_FIRST);
}

TEST(cnode_rotate_source_empty)
{
	cptr_t a = tcb_new();
	CHECK_ERR(sel4_cnode_rotate(slot(slot_new()), 0, slot(a), 0, slot(slot_new())),
	          ERR_FAILED_LOOKUP, AT_SOURCE, WORDS_MISSING(64));
}

/* An empty pivot counts as "not the source", its failed look-up as "source". */
TEST(cnode_rotate_pivot_empty)
{
	cptr_t a = tcb_new();
	CHECK_ERR(sel4_cnode_rotate(slot(slot_new()), 0, slot(slot_new()), 0, slot(a)),
	          ERR_FAILED_LOOKUP, AT_DEST, WORDS_MISSING(64));
}

TEST(cnode_rotate_lookups)
{
	cptr_t a = tcb_new(), node = cnode_new(4);
	struct sel4_slot dest = slot(slot_new());
	CHECK_ERR(sel4_cnode_rotate(at(node, 0, 0), 0, at(node, 0, 0), 0, at(node, 0, 0)),
	          ERR_RANGE, 1, 64);
	CHECK_ERR(sel4_cnode_rotate(at(node, 0, 3), 0, slot(a), 0, slot(a)), ERR_FAILED_LOOKUP,
	          AT_DEST, WORDS_DEPTH(3, 4));
	CHECK_ERR(sel4_cnode_rotate(dest, 0, at(node, 0, 3), 0, slot(a)), ERR_FAILED_LOOKUP,
	          AT_SOURCE, WORDS_DEPTH(3, 4));
	CHECK_ERR(sel4_cnode_rotate(dest, 0, slot(a), 0, at(node, 0, 2)), ERR_FAILED_LOOKUP,
	          AT_SOURCE, WORDS_DEPTH(2, 4));
	/* The source is looked up before the pivot. */
	CHECK_ERR(sel4_cnode_rotate(dest, 0, at(node, 0, 3), 0, at(node, 0, 2)), ERR_FAILED_LOOKUP,
	          AT_SOURCE, WORDS_DEPTH(2, 4));
	CHECK_ERR(sel4_cnode_rotate(dest, 0, at(a, 0, 3), 0, slot(a)), ERR_FAILED_LOOKUP, AT_SOURCE,
	          WORDS_INVALID_ROOT);
}

TEST(cnode_rotate_truncated)
{
	cptr_t a = tcb_new(), b = tcb_new(), dest = slot_new();
	for (word_t words = 0; words <= 8; words++)
		for (word_t caps = 0; caps <= 2; caps++) {
			if (words == 8 && caps == 2)
				continue;
			sel4_set_cap(0, INIT_CNODE);
			sel4_set_cap(1, INIT_CNODE);
			sel4_set_word(4, 64);
			sel4_set_word(5, 0);
			sel4_set_word(6, b);
			sel4_set_word(7, 64);
			CHECK_ERR(invoke(INIT_CNODE, INV_CNODE_ROTATE, caps, words, dest, 64, 0, a),
			          ERR_TRUNCATED_MESSAGE);
		}
}

TEST(cnode_rotate_keeps_derivation)
{
	cptr_t a = tcb_new(), b = tcb_new(), dest = slot_new();
	cptr_t a_copy = cap_copy(a, 0), b_copy = cap_copy(b, 0);
	CHECK_OK(sel4_cnode_rotate(slot(dest), 0, slot(a), 0, slot(b)));
	cap_revoke(dest);
	CHECK(slot_is_empty(a_copy));
	CHECK(!slot_is_empty(b_copy));
	cap_revoke(a);
	CHECK(slot_is_empty(b_copy));
}

/* Parent and child may change places: the tree follows the capabilities. */
TEST(cnode_rotate_swaps_parent_and_child)
{
	cptr_t parent = tcb_new(), child = cap_copy(parent, 0);
	CHECK_OK(sel4_cnode_rotate(slot(child), 0, slot(parent), 0, slot(child)));
	cap_revoke(parent);
	CHECK(!slot_is_empty(child));
	cap_revoke(child);
	CHECK(slot_is_empty(parent));
}

TEST(cnode_invoke_with_wrong_labels)
{
	cptr_t node = cnode_new(2);
	for (word_t label = 0; label <= INV_COUNT + 2; label++)
		if (label < INV_CNODE_REVOKE || label > INV_CNODE_ROTATE)
			CHECK_ERR(invoke(node, label, 0, 2, 0, 2, 0, 0), ERR_ILLEGAL_OPERATION);
	CHECK_ERR(invoke(node, INV_CNODE_DELETE | 1ull << 32, 0, 2, 0, 2, 0, 0),
	          ERR_ILLEGAL_OPERATION);
	CHECK_ERR(invoke(node, (1ull << 52) - 1, 0, 2, 0, 2, 0, 0), ERR_ILLEGAL_OPERATION);
}
