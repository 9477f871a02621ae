/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Bugs that Freehold's kernel had: what each of them let a program do. All hold on seL4 too.
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
