/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Bugs that Freehold's kernel had: what each of them let a program do.
 */
#include "jobs.h"

/* ---- Untyped memory is handed out clean, also between the steps of a preempted Retype ---- */

enum { UNTYPED_BITS = 23, LARGE_PAGES = 3 };

static struct {
	cptr_t untyped, frame;
	volatile bool begun;
	volatile bool taken;
} retype;

/* Fills the untyped with 4 KiB frames of ones, and gives them back. */
static void make_dirty(cptr_t untyped, word_t pages)
{
	cptr_t frames = slot_new_range(pages);
	cptr_t vspace = INIT_VSPACE;
	for (word_t i = 0; i < pages; i++) {
		CHECK_OK(sel4_untyped_retype(untyped, OBJ_X86_4K_PAGE, 0, root_node(), frames + i,
		                             1));
		vspace_map(vspace, TEST_VADDR, frames + i, RIGHT_READ | RIGHT_WRITE, 0);
		memset((void *)TEST_VADDR, 0xff, 4096);
		CHECK_OK(sel4_x86_page_unmap(frames + i));
	}
	cap_revoke(untyped);
}

/* Comes round every now and then; once the large Retype is under way, it takes a page behind it. */
static word_t take_a_page(word_t arg)
{
	(void)arg;
	while (!retype.begun)
		sel4_yield();
	retype.taken = sel4_untyped_retype(retype.untyped, OBJ_X86_4K_PAGE, 0, root_node(),
	                                   retype.frame, 1) == ERR_NONE;
	return 0;
}

static word_t retype_large(word_t large)
{
	retype.begun = true;
	return sel4_untyped_retype(retype.untyped, OBJ_X86_LARGE_PAGE, 0, root_node(), large,
	                           LARGE_PAGES);
}

TEST(retype_preempted_leaves_nothing_dirty_before_an_aligned_object)
{
	enum { PAGES = 16, TRIES = 5 };
	retype.untyped = untyped_new(UNTYPED_BITS);
	for (unsigned int i = 0; i < TRIES; i++) {
		cptr_t first = slot_new();
		retype.frame = slot_new();
		retype.begun = retype.taken = false;
		make_dirty(retype.untyped, PAGES);
		/* With a child at its start, the large page comes behind a gap. */
		CHECK_OK(sel4_untyped_retype(retype.untyped, OBJ_X86_4K_PAGE, 0, root_node(), first,
		                             1));
		struct thread *small = thread_new(&(struct thread_options){
		        .priority = THREAD_PRIORITY + 1, .budget_us = 500, .period_us = 2000 });
		struct thread *large = thread_new(&(struct thread_options){ 0 });
		thread_start(small, take_a_page, 0);
		thread_start(large, retype_large, slot_new_range(LARGE_PAGES));
		thread_join(large);
		thread_join(small);
		if (retype.taken) {
			const word_t *words = (const word_t *)TEST_VADDR;
			vspace_map(INIT_VSPACE, TEST_VADDR, retype.frame, RIGHT_READ, 0);
			for (word_t k = 0; k < 512; k++)
				CHECK_EQ(words[k], 0);
		}
		cap_revoke(retype.untyped);
	}
}

/* ---- The report of a fault that nobody handles reads only valid page tables ---- */

TEST(fault_report_of_a_thread_whose_address_space_is_gone)
{
	if (!kernel_is_freehold())
		SKIP("about Freehold's report");
	enum { TABLE_BITS = 12 };
	cptr_t pool = slot_new(), memory = untyped_new(TABLE_BITS), directory = slot_new();
	cptr_t vspace = object_new(OBJ_X86_PML4, 0), frame = slot_new();
	cptr_t pdpt = object_new(OBJ_X86_PDPT, 0);
	CHECK_OK(sel4_x86_asid_control_make_pool(INIT_ASID_CONTROL, untyped_new(12), slot(pool)));
	CHECK_OK(sel4_x86_asid_pool_assign(pool, vspace));
	CHECK_OK(sel4_untyped_retype(memory, OBJ_X86_PAGE_DIRECTORY, 0, root_node(), directory, 1));
	CHECK_OK(sel4_x86_pdpt_map(pdpt, vspace, TEST_VADDR, 0));
	CHECK_OK(sel4_x86_page_directory_map(directory, vspace, TEST_VADDR, 0));
	struct thread *t =
	        thread_new(&(struct thread_options){ .vspace = vspace, .no_fault_ep = true });
	/* The address space loses its identifier, its directory becomes a page of garbage. */
	cap_delete(pool);
	cap_delete(directory);
	CHECK_OK(sel4_untyped_retype(memory, OBJ_X86_4K_PAGE, 0, root_node(), frame, 1));
	vspace_map(INIT_VSPACE, TEST_VADDR, frame, RIGHT_READ | RIGHT_WRITE, 0);
	word_t *words = (word_t *)TEST_VADDR;
	for (unsigned int i = 0; i < 512; i++)
		words[i] = 0x0007fffffffff007;
	thread_start_at(t, &(struct abi_user_context){ .rip = TEST_VADDR, .rsp = TEST_VADDR });
	thread_settle();
	CHECK_EQ(thread_registers(t).rip, TEST_VADDR);
}

/* ---- The root task's IPC buffer is gone when its capability is ---- */

static struct {
	cptr_t go;
	enum abi_error restored;
} root_buffer;

static word_t give_main_its_buffer(word_t arg)
{
	(void)arg;
	(void)sel4_wait(root_buffer.go);
	root_buffer.restored =
	        sel4_tcb_set_ipc_buffer(INIT_TCB, boot_info->ipc_buffer, INIT_IPC_BUFFER_FRAME);
	return 0;
}

TEST(boot_ipc_buffer_of_the_root_task_is_revoked)
{
	root_buffer.go = notification_new();
	struct thread *t = thread_run(give_main_its_buffer, 0);
	enum abi_error revoked = sel4_cnode_revoke(slot(INIT_IPC_BUFFER_FRAME));
	/* Without a buffer there are no extra capabilities. */
	enum abi_error err = sel4_tcb_set_priority(INIT_TCB, INIT_TCB, ABI_PRIORITY_MAX);
	sel4_signal(root_buffer.go);
	thread_join(t);
	CHECK_OK(revoked);
	CHECK_OK(root_buffer.restored);
	CHECK_EQ(err, ERR_TRUNCATED_MESSAGE);
}
