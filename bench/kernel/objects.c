/* SPDX-License-Identifier: BSD-2-Clause */
/* Invocations on frames, untypeds and CNodes. */
#include "bench.h"

enum { PAGE = 4096, COPIES = 4 };

static struct samples samples, more;

static void measure_map(void)
{
	cptr_t frame = frame_new();
	vspace_map_tables(INIT_VSPACE, TEST_VADDR);
	word_t mr[ABI_MSG_REGS] = { TEST_VADDR, RIGHT_READ | RIGHT_WRITE, 0 };
	for (unsigned int i = 0; i < RUNS; i++) {
		sel4_set_cap(0, INIT_VSPACE);
		sample_add(&samples, invoke_timed(frame, INV_X86_PAGE_MAP, 1, 3, mr));
		sample_add(&more, invoke_timed(frame, INV_X86_PAGE_UNMAP, 0, 0, mr));
	}
	report(ROW_MAP, &samples);
	report(ROW_UNMAP, &more);

	word_t mr_read_only[ABI_MSG_REGS] = { TEST_VADDR, RIGHT_READ, 0 };
	for (unsigned int i = 0; i < RUNS; i++) {
		must(sel4_x86_page_map(frame, INIT_VSPACE, TEST_VADDR, RIGHTS_ALL, 0));
		sample_add(&samples, invoke_timed(frame, INV_X86_PAGE_MAP, 1, 3, mr_read_only));
	}
	report(ROW_REMAP, &samples);
	must(sel4_x86_page_unmap(frame));
}

/*
 * What a page costs to clear, as the kernel does it. seL4 clears an untyped when it becomes free
 * again, ours what it retypes; neither is counted.
 */
static word_t clearing(void)
{
	if (!kernel_is_freehold())
		return 0;
	static unsigned char page[PAGE] __attribute__((aligned(PAGE)));
	for (unsigned int i = 0; i < RUNS; i++) {
		void *at = page;
		word_t words = PAGE / sizeof(word_t), start = time_now();
		__asm__ volatile("rep stosq" : "+D"(at), "+c"(words) : "a"(0) : "memory");
		sample_add(&samples, time_now() - start);
	}
	word_t cost = samples.value[RUNS - 1];
	samples.count = 0;
	return cost;
}

static void measure_retype_and_delete(void)
{
	word_t clear = clearing();
	cptr_t untyped = untyped_new(22), frames = slot_new_range(RUNS);
	for (unsigned int i = 0; i < RUNS; i++) {
		word_t mr[ABI_MSG_REGS] = { OBJ_X86_4K_PAGE, 0, 0, 0 };
		sel4_set_cap(0, INIT_CNODE);
		sel4_set_word(4, frames + i);
		sel4_set_word(5, 1);
		sample_add(&samples, invoke_timed(untyped, INV_UNTYPED_RETYPE, 1, 6, mr) - clear);
	}
	report(ROW_RETYPE, &samples);
	for (unsigned int i = 0; i < RUNS; i++) {
		word_t mr[ABI_MSG_REGS] = { frames + i, ABI_WORD_BITS };
		sample_add(&samples, invoke_timed(INIT_CNODE, INV_CNODE_DELETE, 0, 2, mr));
	}
	report(ROW_DELETE, &samples);
}

static void measure_copy_and_revoke(void)
{
	cptr_t frame = frame_new(), copies = slot_new_range(COPIES);
	for (unsigned int i = 0; i < RUNS; i++) {
		for (unsigned int j = 0; j < COPIES; j++) {
			word_t mr[ABI_MSG_REGS] = { copies + j, ABI_WORD_BITS, frame,
				                    ABI_WORD_BITS };
			sel4_set_cap(0, INIT_CNODE);
			sel4_set_word(4, RIGHTS_ALL);
			sample_add(&samples, invoke_timed(INIT_CNODE, INV_CNODE_COPY, 1, 5, mr));
			must(sel4_x86_page_map(copies + j, INIT_VSPACE, TEST_VADDR + j * PAGE,
			                       RIGHTS_ALL, 0));
		}
		word_t mr[ABI_MSG_REGS] = { frame, ABI_WORD_BITS };
		sample_add(&more, invoke_timed(INIT_CNODE, INV_CNODE_REVOKE, 0, 2, mr));
	}
	report(ROW_COPY, &samples);
	report(ROW_REVOKE, &more);
}

void objects_measure(void)
{
	measure_map();
	measure_retype_and_delete();
	measure_copy_and_revoke();
}
