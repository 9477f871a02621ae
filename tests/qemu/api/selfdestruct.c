/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Threads that take away what they themselves stand on: TCB, scheduling context, address space,
 * IPC buffer, the untyped all of it was made from. The kernel must come back from each, to
 * somebody else.
 */
#include "probe.h"

static struct sel4_slot victim;

static word_t delete_victim(word_t arg)
{
	(void)arg;
	return sel4_cnode_delete(victim);
}

static word_t revoke_victim(word_t arg)
{
	(void)arg;
	return sel4_cnode_revoke(victim);
}

static void run(struct thread *t, thread_fn fn, cptr_t cap)
{
	victim = slot(cap);
	thread_start(t, fn, 0);
	thread_settle();
}

TEST(selfdestruct_tcb)
{
	struct thread *t = thread_new(&(struct thread_options){ 0 });
	run(t, delete_victim, t->tcb);
	CHECK(!t->done);
	CHECK(slot_is_empty(t->tcb));
}

TEST(selfdestruct_sched_context)
{
	struct thread *t = thread_new(&(struct thread_options){ 0 });
	run(t, delete_victim, t->sched_context);
	CHECK(!t->done);
	CHECK(slot_is_empty(t->sched_context));
	/* With another one it goes on, and sees its answer. */
	CHECK_OK(sel4_sched_context_bind(sched_context_new(), t->tcb));
	CHECK_EQ(thread_join(t), ERR_NONE);
}

TEST(selfdestruct_untyped)
{
	cptr_t untyped = untyped_new(16), tcb = slot_new(), sc = slot_new();
	struct thread *t = thread_new(&(struct thread_options){ 0 });
	cptr_t own_tcb = t->tcb;
	CHECK_OK(sel4_untyped_retype(untyped, OBJ_TCB, 0, root_node(), tcb, 1));
	CHECK_OK(sel4_untyped_retype(untyped, OBJ_SCHED_CONTEXT, 9, root_node(), sc, 1));
	CHECK_OK(sel4_sched_control_configure_flags(env_sched_control, sc, 10000, 10000, 0, 0, 0));
	CHECK_OK(sel4_tcb_configure(tcb, INIT_CNODE, 0, INIT_VSPACE, 0, (word_t)t->ipc_buffer,
	                            image_frame(t->ipc_buffer)));
	CHECK_OK(sel4_tcb_set_sched_params(tcb, INIT_TCB, 255, 100, sc, thread_fault_ep));
	t->tcb = tcb; /* the same thread of the program, under another TCB */
	run(t, revoke_victim, untyped);
	CHECK(!t->done);
	/* Interrupted without a context, it could not come to the end. */
	cap_revoke(untyped);
	CHECK(slot_is_empty(tcb));
	CHECK(slot_is_empty(sc));
	CHECK(!slot_is_empty(own_tcb));
	CHECK_OK(sel4_cnode_copy(slot(slot_new()), slot(untyped), RIGHTS_ALL));
}

TEST(selfdestruct_ipc_buffer_frame)
{
	struct thread *t = thread_new(&(struct thread_options){ 0 });
	cptr_t frame = frame_new();
	CHECK_OK(sel4_tcb_set_ipc_buffer(t->tcb, 0x400, frame));
	run(t, revoke_victim, frame);
	CHECK_EQ(thread_join(t), ERR_NONE);
}

/* The answer finds no code to return to: a fault of the next fetch. */

static struct thread *thread_in(cptr_t vspace, cptr_t faults)
{
	vspace_map_image(vspace);
	return thread_new(&(struct thread_options){ .vspace = vspace, .fault_ep = faults });
}

static void check_lost(struct thread *t, cptr_t faults)
{
	struct sel4_msg m = sel4_recv(faults, reply_new());
	CHECK_EQ(abi_msginfo_label(m.info), FAULT_VM);
	CHECK_EQ(m.mr[0], m.mr[1]);
	CHECK(!t->done);
}

/*
 * The TCB's capability goes, not the address space: the thread may go on in it until there is a
 * switch to another thread.
 */
TEST(selfdestruct_pml4)
{
	cptr_t vspace = vspace_new(), faults = endpoint_new();
	struct thread *t = thread_in(vspace, faults);
	run(t, revoke_victim, vspace);
	if (!t->done)
		check_lost(t, faults);
	CHECK(!slot_is_empty(vspace));
}

/* Deleting all capabilities but the TCB's own changes nothing. */
TEST(selfdestruct_pml4_but_for_ones_own)
{
	cptr_t vspace = vspace_new();
	struct thread *t = thread_in(vspace, 0);
	run(t, delete_victim, vspace);
	CHECK_EQ(thread_join(t), ERR_NONE);
}

TEST(selfdestruct_asid_pool)
{
	cptr_t pool = slot_new(), pml4 = object_new(OBJ_X86_PML4, 0), faults = endpoint_new();
	CHECK_OK(sel4_x86_asid_control_make_pool(INIT_ASID_CONTROL, untyped_new(12), slot(pool)));
	CHECK_OK(sel4_x86_asid_pool_assign(pool, pml4));
	struct thread *t = thread_in(pml4, faults);
	run(t, delete_victim, pool);
	check_lost(t, faults);
}

TEST(selfdestruct_page_tables)
{
	cptr_t untyped = untyped_new(16), vspace = vspace_new(), faults = endpoint_new();
	cptr_t pdpt = slot_new();
	CHECK_OK(sel4_untyped_retype(untyped, OBJ_X86_PDPT, 0, root_node(), pdpt, 1));
	CHECK_OK(sel4_x86_pdpt_map(pdpt, vspace, image_base(), 0));
	struct thread *t = thread_in(vspace, faults);
	run(t, delete_victim, pdpt);
	check_lost(t, faults);
}

/* A CNode that is the thread's CSpace, by way of itself. */
TEST(selfdestruct_cspace_contents)
{
	cptr_t faults = endpoint_new(), reply = reply_new(), node = cnode_new(8);
	/* Slot 0 leads to the root CNode, as long as it is there. */
	CHECK_OK(sel4_cnode_mint(at(node, 0, 8), slot(INIT_CNODE), RIGHTS_ALL,
	                         abi_cnode_guard(0, 43)));
	struct thread *t =
	        thread_new(&(struct thread_options){ .cspace = node, .fault_ep = faults });
	victim = at(INIT_CNODE, node, 64);
	thread_start(t, delete_victim, 0);
	/* The TCB's capability is the last one now, and nothing is lost. */
	thread_settle();
	CHECK(slot_is_empty(node));
	CHECK_EQ(t->result, ERR_NONE);
	CHECK_EQ(sel4_nb_recv(faults, reply).badge, 0);
	CHECK(t->done);
}
