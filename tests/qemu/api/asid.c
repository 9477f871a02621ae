/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * X86_ASIDControl_MakePool and X86_ASIDPool_Assign, and what becomes of address spaces, frames
 * and tables whose PML4 or pool is gone. seL4 manual, section 7.3.
 */
#include "probe.h"

#define V TEST_VADDR

static cptr_t pool_new(void)
{
	cptr_t pool = slot_new();
	CHECK_OK(sel4_x86_asid_control_make_pool(INIT_ASID_CONTROL, untyped_new(12), slot(pool)));
	return pool;
}

static cptr_t pml4_new(void)
{
	return object_new(OBJ_X86_PML4, 0);
}

/* MakePool */

TEST(asid_make_pool)
{
	cptr_t pool = pool_new(), pml4 = pml4_new();
	CHECK_OK(sel4_x86_asid_pool_assign(pool, pml4));
	struct prober p = prober_new(pml4);
	vspace_map(pml4, V, frame_new(), RIGHTS_ALL, 0);
	check_load(&p, V, 0);
}

TEST(asid_make_pool_reply)
{
	sel4_set_cap(0, untyped_new(12));
	sel4_set_cap(1, INIT_CNODE);
	struct sel4_msg m = sel4_invoke(INIT_ASID_CONTROL, INV_X86_ASID_CONTROL_MAKE_POOL, 2, 2,
	                                slot_new(), 64, 0, 0);
	CHECK_EQ(m.info, 0);
}

TEST(asid_make_pool_truncated)
{
	cptr_t untyped = untyped_new(12), dest = slot_new();
	for (word_t words = 0; words <= 2; words++)
		for (word_t caps = 0; caps <= 2; caps++) {
			if (words == 2 && caps == 2)
				continue;
			sel4_set_cap(0, untyped);
			sel4_set_cap(1, INIT_CNODE);
			CHECK_ERR(invoke(INIT_ASID_CONTROL, INV_X86_ASID_CONTROL_MAKE_POOL, caps,
			                 words, dest, 64, 0, 0),
			          ERR_TRUNCATED_MESSAGE);
		}
}

static enum abi_error make_pool(cptr_t untyped, struct sel4_slot dest)
{
	return sel4_x86_asid_control_make_pool(INIT_ASID_CONTROL, untyped, dest);
}

TEST(asid_make_pool_untyped)
{
	struct sel4_slot dest = slot(slot_new());
	CHECK_ERR(make_pool(endpoint_new(), dest), ERR_INVALID_CAPABILITY, 1);
	CHECK_ERR(make_pool(slot_new(), dest), ERR_INVALID_CAPABILITY, 1);
	CHECK_ERR(make_pool(frame_new(), dest), ERR_INVALID_CAPABILITY, 1);
	CHECK_ERR(make_pool(untyped_new(11), dest), ERR_INVALID_CAPABILITY, 1);
	CHECK_ERR(make_pool(untyped_new(13), dest), ERR_INVALID_CAPABILITY, 1);
}

TEST(asid_make_pool_device_untyped)
{
	cptr_t child = slot_new();
	CHECK_OK(sel4_untyped_retype(boot_untyped_find(12, true), OBJ_UNTYPED, 12, root_node(),
	                             child, 1));
	CHECK_ERR(make_pool(child, slot(slot_new())), ERR_INVALID_CAPABILITY, 1);
}

TEST(asid_make_pool_untyped_with_children)
{
	cptr_t untyped = untyped_new(12), ep = slot_new();
	CHECK_OK(sel4_untyped_retype(untyped, OBJ_ENDPOINT, 0, root_node(), ep, 1));
	CHECK_ERR(make_pool(untyped, slot(slot_new())), ERR_REVOKE_FIRST);
	CHECK_OK(sel4_cnode_delete(slot(ep)));
	CHECK_OK(make_pool(untyped, slot(slot_new())));
}

TEST(asid_make_pool_destination)
{
	cptr_t untyped = untyped_new(12), full = endpoint_new(), node = cnode_new(4);
	CHECK_ERR(make_pool(untyped, slot(full)), ERR_DELETE_FIRST);
	CHECK_ERR(make_pool(untyped, at(full, 0, 64)), ERR_FAILED_LOOKUP, AT_DEST,
	          WORDS_INVALID_ROOT);
	CHECK_ERR(make_pool(untyped, at(node, 0, 0)), ERR_RANGE, 1, 64);
	CHECK_ERR(make_pool(untyped, at(node, 0, 3)), ERR_FAILED_LOOKUP, AT_DEST,
	          WORDS_DEPTH(3, 4));
	CHECK_OK(make_pool(untyped, at(node, 1, 4)));
	CHECK(!is_empty(at(node, 1, 4)));
}

TEST(asid_make_pool_order_of_checks)
{
	cptr_t full = endpoint_new(), untyped = untyped_new(12);
	CHECK_ERR(make_pool(full, at(full, 0, 0)), ERR_INVALID_CAPABILITY, 1);
	CHECK_OK(sel4_untyped_retype(untyped, OBJ_ENDPOINT, 0, root_node(), slot_new(), 1));
	CHECK_ERR(make_pool(untyped, at(full, 0, 0)), ERR_REVOKE_FIRST);
}

/* The pool is a child of its untyped and has used it up. */
TEST(asid_pool_hangs_below_its_untyped)
{
	cptr_t untyped = untyped_new(12), pool = slot_new();
	CHECK_OK(make_pool(untyped, slot(pool)));
	CHECK_ERR(make_pool(untyped, slot(slot_new())), ERR_REVOKE_FIRST);
	CHECK_ERR(sel4_untyped_retype(untyped, OBJ_ENDPOINT, 0, root_node(), slot_new(), 1),
	          ERR_NOT_ENOUGH_MEMORY, 0);
	CHECK_OK(sel4_cnode_revoke(slot(untyped)));
	CHECK(slot_is_empty(pool));
	CHECK_OK(sel4_untyped_retype(untyped, OBJ_ENDPOINT, 0, root_node(), slot_new(), 1));
}

/* Eight in all, of which the initial one is one. */
TEST(asid_pools_are_limited)
{
	cptr_t pools[ABI_ASID_POOLS];
	for (int i = 1; i < ABI_ASID_POOLS; i++)
		pools[i] = pool_new();
	CHECK_ERR(make_pool(untyped_new(12), slot(slot_new())), ERR_DELETE_FIRST);
	/* That comes before everything else. */
	CHECK_ERR(make_pool(slot_new(), slot(slot_new())), ERR_DELETE_FIRST);
	CHECK_OK(sel4_cnode_delete(slot(pools[3])));
	pools[3] = pool_new();
	CHECK_ERR(make_pool(untyped_new(12), slot(slot_new())), ERR_DELETE_FIRST);
}

TEST(asid_control_by_a_copy)
{
	cptr_t control = cap_copy(INIT_ASID_CONTROL, 0);
	CHECK_OK(sel4_x86_asid_control_make_pool(control, untyped_new(12), slot(slot_new())));
}

/* Assign */

TEST(asid_assign_reply)
{
	sel4_set_cap(0, pml4_new());
	struct sel4_msg m = sel4_invoke(INIT_ASID_POOL, INV_X86_ASID_POOL_ASSIGN, 1, 0, 0, 0, 0, 0);
	CHECK_EQ(m.info, 0);
}

TEST(asid_assign_truncated)
{
	CHECK_ERR(invoke(INIT_ASID_POOL, INV_X86_ASID_POOL_ASSIGN, 0, 0, 0, 0, 0, 0),
	          ERR_TRUNCATED_MESSAGE);
}

TEST(asid_assign_twice)
{
	cptr_t pml4 = pml4_new();
	CHECK_OK(sel4_x86_asid_pool_assign(INIT_ASID_POOL, pml4));
	CHECK_ERR(sel4_x86_asid_pool_assign(INIT_ASID_POOL, pml4), ERR_INVALID_CAPABILITY, 1);
	CHECK_ERR(sel4_x86_asid_pool_assign(pool_new(), pml4), ERR_INVALID_CAPABILITY, 1);
	CHECK_ERR(sel4_x86_asid_pool_assign(INIT_ASID_POOL, INIT_VSPACE), ERR_INVALID_CAPABILITY,
	          1);
}

TEST(asid_assign_no_pml4)
{
	CHECK_ERR(sel4_x86_asid_pool_assign(INIT_ASID_POOL, slot_new()), ERR_INVALID_CAPABILITY, 1);
	CHECK_ERR(sel4_x86_asid_pool_assign(INIT_ASID_POOL, object_new(OBJ_X86_PDPT, 0)),
	          ERR_INVALID_CAPABILITY, 1);
	CHECK_ERR(sel4_x86_asid_pool_assign(INIT_ASID_POOL, INIT_CNODE), ERR_INVALID_CAPABILITY, 1);
}

/* A pool of 512; ASID 0 does not exist, so the first pool has one less. */
TEST(asid_pool_is_limited)
{
	cptr_t pool = pool_new(), pml4s = slot_new_range(ABI_ASIDS_PER_POOL + 1);
	cptr_t untyped = untyped_new(22);
	for (word_t i = 0; i < ABI_ASIDS_PER_POOL; i++) {
		CHECK_OK(sel4_untyped_retype(untyped, OBJ_X86_PML4, 0, root_node(), pml4s + i, 1));
		CHECK_OK(sel4_x86_asid_pool_assign(pool, pml4s + i));
	}
	cptr_t extra = pml4_new();
	CHECK_ERR(sel4_x86_asid_pool_assign(pool, extra), ERR_DELETE_FIRST);
	/* A deleted address space gives its ASID back. */
	CHECK_OK(sel4_cnode_delete(slot(pml4s + 77)));
	CHECK_OK(sel4_x86_asid_pool_assign(pool, extra));
	CHECK_ERR(sel4_x86_asid_pool_assign(pool, pml4_new()), ERR_DELETE_FIRST);
}

TEST(asid_initial_pool_is_limited)
{
	cptr_t untyped = untyped_new(22);
	word_t assigned = 0;
	for (;;) {
		cptr_t pml4 = slot_new();
		CHECK_OK(sel4_untyped_retype(untyped, OBJ_X86_PML4, 0, root_node(), pml4, 1));
		enum abi_error err = sel4_x86_asid_pool_assign(INIT_ASID_POOL, pml4);
		if (err == ERR_DELETE_FIRST)
			break;
		CHECK_OK(err);
		assigned++;
	}
	CHECK_EQ(assigned, ABI_ASIDS_PER_POOL - 2); /* not ASID 0, not this program's */
}

TEST(asid_assign_by_a_copied_pool)
{
	CHECK_OK(sel4_x86_asid_pool_assign(cap_copy(INIT_ASID_POOL, 0), pml4_new()));
}

TEST(asid_deleting_one_pool_capability_keeps_the_pool)
{
	cptr_t pool = pool_new(), copy = cap_copy(pool, 0);
	CHECK_OK(sel4_cnode_delete(slot(pool)));
	CHECK_OK(sel4_x86_asid_pool_assign(copy, pml4_new()));
}

/* An address space whose pool is gone */

TEST(asid_deleting_the_pool_takes_the_address_spaces)
{
	cptr_t pool = pool_new(), pml4 = pml4_new(), frame = frame_new();
	CHECK_OK(sel4_x86_asid_pool_assign(pool, pml4));
	vspace_map(pml4, V, frame, RIGHTS_ALL, 0);
	CHECK_OK(sel4_cnode_delete(slot(pool)));
	CHECK_ERR(sel4_x86_page_map(frame, pml4, V, RIGHTS_ALL, 0), ERR_FAILED_LOOKUP, AT_DEST,
	          WORDS_INVALID_ROOT);
	CHECK_ERR(sel4_x86_page_map(frame_new(), pml4, V, RIGHTS_ALL, 0), ERR_FAILED_LOOKUP,
	          AT_DEST, WORDS_INVALID_ROOT);
	CHECK_ERR(sel4_x86_pdpt_map(object_new(OBJ_X86_PDPT, 0), pml4, V + (1ull << 39), 0),
	          ERR_FAILED_LOOKUP, AT_DEST, WORDS_INVALID_ROOT);
	CHECK_ERR(sel4_x86_page_directory_map(object_new(OBJ_X86_PAGE_DIRECTORY, 0), pml4, V, 0),
	          ERR_FAILED_LOOKUP, AT_DEST, WORDS_INVALID_ROOT);
	CHECK_ERR(sel4_x86_page_table_map(object_new(OBJ_X86_PAGE_TABLE, 0), pml4, V, 0),
	          ERR_FAILED_LOOKUP, AT_DEST, WORDS_INVALID_ROOT);
	/* It keeps its dead ASID. */
	CHECK_ERR(sel4_x86_asid_pool_assign(INIT_ASID_POOL, pml4), ERR_INVALID_CAPABILITY, 1);
	CHECK_OK(sel4_x86_page_unmap(frame));
	CHECK_OK(sel4_tcb_set_space(tcb_new(), slot_new(), INIT_CNODE, 0, pml4, 0));
}

/* The address is looked at before the ASID, the alignment after it. */
TEST(asid_deleted_pool_order_of_checks)
{
	cptr_t pool = pool_new(), pml4 = pml4_new();
	CHECK_OK(sel4_x86_asid_pool_assign(pool, pml4));
	CHECK_OK(sel4_cnode_delete(slot(pool)));
	CHECK_ERR(sel4_x86_page_map(frame_new(), pml4, ~0ull, RIGHTS_ALL, 0), ERR_INVALID_ARGUMENT,
	          0);
	CHECK_ERR(sel4_x86_page_map(frame_new(), pml4, V + 1, RIGHTS_ALL, 0), ERR_FAILED_LOOKUP,
	          AT_DEST, WORDS_INVALID_ROOT);
	CHECK_ERR(sel4_x86_pdpt_map(object_new(OBJ_X86_PDPT, 0), pml4, ~0ull, 0),
	          ERR_INVALID_ARGUMENT, 0);
}

/* A new pool takes the old one's numbers: the old address space is not the one found there. */
TEST(asid_of_a_deleted_pool_used_again)
{
	cptr_t pool = pool_new(), old = pml4_new(), frame = frame_new();
	CHECK_OK(sel4_x86_asid_pool_assign(pool, old));
	vspace_map(old, V, frame, RIGHTS_ALL, 0);
	CHECK_OK(sel4_cnode_delete(slot(pool)));
	cptr_t new_pool = pool_new(), new = pml4_new();
	CHECK_OK(sel4_x86_asid_pool_assign(new_pool, new));
	CHECK_ERR(sel4_x86_page_map(frame_new(), old, V, RIGHTS_ALL, 0), ERR_INVALID_CAPABILITY, 1);
	CHECK_ERR(sel4_x86_pdpt_map(object_new(OBJ_X86_PDPT, 0), old, V + (1ull << 39), 0),
	          ERR_INVALID_CAPABILITY, 1);
	/* Deleting the old one must not touch the new one. */
	struct prober p = prober_new(new);
	vspace_map(new, V, frame_new(), RIGHTS_ALL, 0);
	check_store(&p, V, 8);
	CHECK_OK(sel4_cnode_delete(slot(old)));
	check_load(&p, V, 8);
	/* Nor must the old frame, which counts as mapped at the same ASID and address. */
	CHECK_OK(sel4_x86_page_unmap(frame));
	check_load(&p, V, 8);
}

TEST(asid_thread_of_a_deleted_address_space)
{
	cptr_t pml4 = pml4_new();
	CHECK_OK(sel4_x86_asid_pool_assign(INIT_ASID_POOL, pml4));
	struct prober p = prober_new(pml4);
	vspace_map(pml4, V, frame_new(), RIGHTS_ALL, 0);
	check_load(&p, V, 0);
	/* The TCB has a capability to it: it lives until that goes, too. */
	CHECK_OK(sel4_cnode_delete(slot(pml4)));
	check_load(&p, V, 0);
}

TEST(asid_thread_of_a_revoked_address_space)
{
	cptr_t pml4 = pml4_new();
	CHECK_OK(sel4_x86_asid_pool_assign(INIT_ASID_POOL, pml4));
	struct prober p = prober_new(pml4);
	vspace_map(pml4, V, frame_new(), RIGHTS_ALL, 0);
	check_load(&p, V, 0);
	CHECK_OK(sel4_cnode_revoke(slot(pml4)));
	/* Without an address space it cannot fetch its first instruction. */
	struct abi_user_context c = { .rip = 0x400000 };
	CHECK_OK(sel4_tcb_write_registers(p.thread->tcb, SEL4_WRITE_RESUME, 20, &c));
	struct sel4_msg m = sel4_recv(p.faults, p.reply);
	CHECK_EQ(abi_msginfo_label(m.info), FAULT_VM);
	CHECK_EQ(m.mr[0], 0x400000);
	CHECK_EQ(m.mr[1], 0x400000);
}

TEST(asid_thread_of_a_deleted_pool)
{
	cptr_t pool = pool_new(), pml4 = pml4_new();
	CHECK_OK(sel4_x86_asid_pool_assign(pool, pml4));
	struct prober p = prober_new(pml4);
	vspace_map(pml4, V, frame_new(), RIGHTS_ALL, 0);
	check_load(&p, V, 0);
	CHECK_OK(sel4_cnode_delete(slot(pool)));
	struct abi_user_context c = thread_registers(p.thread);
	CHECK_OK(sel4_tcb_write_registers(p.thread->tcb, SEL4_WRITE_RESUME, 20, &c));
	struct sel4_msg m = sel4_recv(p.faults, p.reply);
	CHECK_EQ(abi_msginfo_label(m.info), FAULT_VM);
	CHECK_EQ(m.mr[1], c.rip);
}

/* Frames outlive the address space they are mapped in, and count as mapped there. */
TEST(asid_frames_of_a_deleted_address_space)
{
	cptr_t pml4 = pml4_new(), other = vspace_new(), frame = frame_new();
	CHECK_OK(sel4_x86_asid_pool_assign(INIT_ASID_POOL, pml4));
	vspace_map(pml4, V, frame, RIGHTS_ALL, 0);
	vspace_map_tables(other, V);
	CHECK_OK(sel4_cnode_delete(slot(pml4)));
	CHECK_ERR(sel4_x86_page_map(frame, other, V, RIGHTS_ALL, 0), ERR_INVALID_CAPABILITY, 1);
	CHECK_OK(sel4_x86_page_unmap(frame));
	CHECK_OK(sel4_x86_page_map(frame, other, V, RIGHTS_ALL, 0));
}

TEST(asid_invoke_with_wrong_labels)
{
	for (word_t label = 0; label <= INV_COUNT + 2; label++) {
		if (label != INV_X86_ASID_CONTROL_MAKE_POOL)
			CHECK_ERR(invoke(INIT_ASID_CONTROL, label, 0, 2, 0, 0, 0, 0),
			          ERR_ILLEGAL_OPERATION);
		if (label != INV_X86_ASID_POOL_ASSIGN)
			CHECK_ERR(invoke(INIT_ASID_POOL, label, 0, 2, 0, 0, 0, 0),
			          ERR_ILLEGAL_OPERATION);
	}
}
