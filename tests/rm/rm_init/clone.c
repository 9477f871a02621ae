/* SPDX-License-Identifier: BSD-2-Clause */
/* vspace_clone: what regions become, while threads write. */
#include "test.h"
#include <rt/thread.h>

enum { FIXED = RM_REGION_FLAGS_FIXED };
#define BASE 0x10000000ul
#define SHARED (BASE + 0x1000000)
#define NOTHING (BASE + 0x2000000)
#define PRIVATE (BASE + 0x3000000)

static void map_at(cptr_t space, cptr_t memory, uint64_t pages, uint64_t at, uint8_t flags,
                   uint8_t inherit)
{
	CHECK_OK(show_as(space, memory, 0, pages, RW, FIXED | flags, inherit, &at));
}

static err_t clone(cptr_t space, cptr_t payer, cptr_t *made)
{
	*made = slot_new();
	err_t err = rm_vspace_clone(space, payer, rt_slot(*made));
	if (err == E_OK)
		CHECK_OK(
		        rm_vspace_set_pager(*made, RT_TASK, &(struct rm_vspace_set_pager_in){ 0 }));
	else
		rt_slot_put(*made);
	return err;
}

static bool space_holds(cptr_t space, uint64_t at, uint64_t pages, uint64_t value)
{
	for (uint64_t i = 0; i < pages; i++)
		if (peek(space, at + i * PAGE) != value + i)
			return false;
	return true;
}

static void check_clone(cptr_t bank, cptr_t payer)
{
	enum { PAGES = 150 };
	cptr_t memory[4], space = space_make(bank), made, again;
	uint64_t at[4];
	for (unsigned int i = 0; i < 4; i++) {
		CHECK_OK(memory_make(bank, PAGES, 0, &memory[i]));
		CHECK_OK(show(memory[i], PAGES, &at[i]));
		fill(at[i], PAGES, 1000 * (i + 1));
	}
	map_at(space, memory[0], PAGES, BASE, 0, RM_INHERIT_COPY);
	map_at(space, memory[1], PAGES, SHARED, 0, RM_INHERIT_SHARE);
	map_at(space, memory[2], PAGES, NOTHING, 0, RM_INHERIT_NONE);
	map_at(space, memory[3], PAGES, PRIVATE, RM_REGION_FLAGS_PRIVATE, RM_INHERIT_COPY);
	map_at(space, memory[0], 5, BASE + 0x100000, 0, RM_INHERIT_COPY);
	/* One page of the private one is its own. */
	CHECK(fault(space, PRIVATE + PAGE, RM_ACCESS_WRITE) == RM_FAULT_RESULT_RESUME);
	*(volatile uint64_t *)(at[3] + PAGE) = 1;
	CHECK(peek(space, PRIVATE + PAGE) == 4001);
	CHECK_OK(clone(space, payer, &made));
	CHECK(space_holds(made, BASE, PAGES, 1000) && space_holds(made, SHARED, PAGES, 2000));
	CHECK(peek(made, NOTHING) == NOT_THERE);
	CHECK(fault(made, NOTHING, RM_ACCESS_READ) == RM_FAULT_RESULT_NO_REGION);
	CHECK(peek(made, PRIVATE) == 4000 && peek(made, PRIVATE + PAGE) == 4001);
	/* Both regions of one dataspace are regions of one copy. */
	struct rm_region_query_out out = { 0 };
	CHECK_OK(rm_region_query(made, &(struct rm_region_query_in){ .at = BASE }, &out));
	CHECK(out.region.start == BASE && out.region.size == PAGES &&
	      out.region.inherit == RM_INHERIT_COPY && out.region.rights == RW);
	fill(at[0], PAGES, 7000);
	fill(at[1], PAGES, 8000);
	CHECK(space_holds(made, BASE, PAGES, 1000) && space_holds(made, SHARED, PAGES, 8000));
	CHECK(space_holds(made, BASE + 0x100000, 5, 1000) && space_holds(space, BASE, PAGES, 7000));
	/* A clone of the clone, and the first one's end. */
	for (uint64_t i = 0; i < PAGES; i += 3)
		CHECK(fault(made, BASE + i * PAGE, RM_ACCESS_WRITE) == RM_FAULT_RESULT_RESUME);
	CHECK_OK(clone(made, payer, &again));
	CHECK_OK(rm_vspace_destroy(space));
	CHECK_OK(rm_vspace_destroy(made));
	CHECK(space_holds(again, BASE, PAGES, 1000) && space_holds(again, SHARED, PAGES, 8000));
	for (unsigned int i = 0; i < 4; i++)
		CHECK_OK(rm_dataspace_destroy(memory[i]));
	CHECK(space_holds(again, BASE, PAGES, 1000) && peek(again, SHARED) == NOT_THERE);
	CHECK_OK(rm_vspace_destroy(again));
	for (unsigned int i = 0; i < 4; i++)
		CHECK_OK(hide(RT_VSPACE, at[i], PAGES));
	slots_put(memory, 4);
	slots_put((cptr_t[]){ space, made, again }, 3);
}

static void test_clone(cptr_t bank)
{
	check_clone(bank, bank);
}

static void test_elsewhere(cptr_t bank)
{
	cptr_t other;
	CHECK_OK(bank_make(bank, 1500, &other));
	check_clone(bank, other);
	CHECK_OK(rm_bank_destroy(other));
	rt_slot_put(other);
}

/*
 * Threads that write in the space while it is copied: each writes a count to its page, then the
 * same count to its second one. In a copy the second is never ahead, and at most one behind: it is
 * as the space was at one moment.
 */
enum { WRITERS = 3, WRITE_PAGES = 10 };
static volatile bool writers_stop;
static uint64_t arena;

static int write_pairs(void *arg)
{
	volatile uint64_t *first = (uint64_t *)(arena + (uintptr_t)arg * 2 * WRITE_PAGES * PAGE);
	uint64_t stride = PAGE / 8, second = WRITE_PAGES * stride;
	for (uint64_t count = 1; !writers_stop; count++)
		for (uint64_t i = 0; i < WRITE_PAGES && !writers_stop; i++) {
			first[i * stride] = count;
			__asm__ volatile("" ::: "memory");
			first[second + i * stride] = count;
		}
	return 0;
}

static void write_much(struct box *box)
{
	static struct rt_worker worker[WRITERS];
	const struct rm_schedule low = schedule_at(200);
	const struct rm_dataspace_create_in in = { .size = 2 * WRITERS * WRITE_PAGES, .align = 12 };
	cptr_t memory = slot_new();
	CHECK_OK(rm_dataspace_create(RT_BANK, &in, rt_slot(memory)));
	uint64_t at = 0;
	CHECK_OK(show_as(RT_VSPACE, memory, 0, in.size, RW, 0, RM_INHERIT_COPY, &at));
	arena = at;
	for (uintptr_t i = 0; i < WRITERS; i++)
		CHECK_OK(rt_worker_start(&worker[i], write_pairs, (void *)i, 0, &low));
	box->word[0] = at;
	(void)worker;
}

static void test_writing(cptr_t bank)
{
	enum { ROUNDS = 12 };
	struct actor *a = actor_new(0, bank);
	actor_do(a, write_much);
	unsigned int torn = 0, written = 0;
	/* For a copy of everything, and for each page that is written while that is there. */
	const struct rm_bank_transfer_in more = { .limit = MIB_PAGES * PAGE };
	CHECK_OK(rm_bank_transfer(bank, a->bank, &more));
	for (unsigned int round = 0; round < ROUNDS; round++) {
		cptr_t made;
		wait_ms(1);
		const struct rm_thread_schedule_in above = { .schedule = schedule_at(
			                                             round % 3 ? 201 : 200) };
		CHECK_OK(rm_thread_schedule(a->program.thread, &above));
		CHECK_OK(clone(a->program.vspace, round % 2 ? bank : a->bank, &made));
		for (uint64_t i = 0; i < WRITERS * WRITE_PAGES; i++) {
			uint64_t page = i / WRITE_PAGES * 2 * WRITE_PAGES + i % WRITE_PAGES;
			uint64_t first = peek(made, a->box->word[0] + page * PAGE);
			uint64_t second = peek(made, a->box->word[0] + (page + WRITE_PAGES) * PAGE);
			first = first == NOT_THERE ? 0 : first;
			second = second == NOT_THERE ? 0 : second;
			written += first > 0;
			torn += second > first || second + 1 < first;
		}
		CHECK_OK(rm_vspace_destroy(made));
		rt_slot_put(made);
	}
	CHECK(torn == 0 && written > 0);
	if (torn)
		rt_log("# %u of %u torn", torn, written);
	actor_end(a);
}

static void clone_it(struct box *box)
{
	box->word[1] =
	        (uint64_t)rm_vspace_clone(GIFT_FIRST, GIFT_FIRST + 1, rt_slot(GIFT_FIRST + 2));
	if (box->word[1] != E_OK)
		return;
	CHECK_OK(rm_vspace_destroy(GIFT_FIRST + 2));
	rt_slot_clear(GIFT_FIRST + 2);
}

/* Two at once: one is refused, or both come one after the other; the source goes on. */
static void test_busy(cptr_t bank)
{
	enum { PAGES = 1500 };
	cptr_t space = space_make(bank), memory, made = slot_new(), other;
	uint64_t at;
	struct actor *a = actor_new(0, bank), *b = actor_new(1, bank);
	CHECK_OK(memory_make(bank, PAGES, 0, &memory));
	CHECK_OK(show(memory, PAGES, &at));
	fill(at, PAGES, 5);
	map_at(space, memory, PAGES, BASE, 0, RM_INHERIT_COPY);
	CHECK_OK(bank_make(RT_BANK, 2 * PAGES + 500, &other));
	CHECK_OK(task_put(a->program.task, other, GIFT_FIRST + 1));
	CHECK_OK(task_put(b->program.task, other, GIFT_FIRST + 1));
	CHECK_OK(task_put(a->program.task, space, GIFT_FIRST));
	CHECK_OK(task_put(b->program.task, space, GIFT_FIRST));
	unsigned int busy = 0;
	for (unsigned int round = 0; round < 6; round++) {
		for (uint64_t i = 0; i < PAGES; i++)
			CHECK(fault(space, BASE + i * PAGE, RM_ACCESS_WRITE) ==
			      RM_FAULT_RESULT_RESUME);
		actor_start(a, clone_it);
		actor_start(b, clone_it);
		err_t err = rm_region_unmap(space, &(struct rm_region_unmap_in){ BASE * 4, 1 });
		CHECK(err == E_OK || err == E_BUSY);
		busy += err == E_BUSY;
		actor_join(a);
		actor_join(b);
		CHECK(a->box->word[1] == E_OK);
		CHECK(b->box->word[1] == E_OK || b->box->word[1] == E_BUSY);
		busy += b->box->word[1] == E_BUSY;
	}
	if (busy == 0)
		rt_log("# no two copies met");
	/* The source ends while it is copied, or the bank of the copy. */
	actor_start(a, clone_it);
	CHECK_OK(rm_vspace_destroy(space));
	actor_join(a);
	CHECK(a->box->word[1] == E_GONE || a->box->word[1] == E_OK);
	CHECK_ERR(rm_vspace_clone(space, bank, rt_slot(made)), E_GONE);
	CHECK_OK(hide(RT_VSPACE, at, PAGES));
	actor_end(a);
	actor_end(b);
	CHECK_OK(rm_bank_destroy(other));
	slots_put((cptr_t[]){ space, memory, made, other }, 4);
}

static void clone_there(struct box *box)
{
	box->word[1] =
	        (uint64_t)rm_vspace_clone(GIFT_FIRST, GIFT_FIRST + 1, rt_slot(GIFT_FIRST + 2));
	for (unsigned int i = 0; i < 3; i++)
		rt_slot_clear(GIFT_FIRST + i);
}

/* The payer's bank goes in the middle of it: the caller gets an answer, the source goes on. */
static void test_payer_dies(cptr_t bank)
{
	enum { PAGES = 800 };
	cptr_t space = space_make(bank), memory, payer;
	uint64_t at;
	struct actor *a = actor_new(0, bank);
	CHECK_OK(memory_make(bank, PAGES, 0, &memory));
	CHECK_OK(show(memory, PAGES, &at));
	fill(at, PAGES, 5);
	map_at(space, memory, PAGES, BASE, 0, RM_INHERIT_COPY);
	for (unsigned int steps = 0; steps < 4; steps++) {
		struct box *box = a->box;
		CHECK_OK(bank_make(bank, 1000, &payer));
		CHECK_OK(task_put(a->program.task, space, GIFT_FIRST));
		CHECK_OK(task_put(a->program.task, payer, GIFT_FIRST + 1));
		actor_start(a, clone_there);
		for (unsigned int i = 0; i < steps; i++)
			wait_ms(1);
		CHECK_OK(rm_bank_destroy(payer));
		actor_join(a);
		CHECK(box->word[1] == E_GONE || box->word[1] == E_OK);
		CHECK(fault(space, BASE, RM_ACCESS_WRITE) == RM_FAULT_RESULT_RESUME);
		CHECK(space_holds(space, BASE, PAGES, 5));
		*(volatile uint64_t *)at = 5;
		rt_slot_put(payer);
	}
	CHECK_OK(hide(RT_VSPACE, at, PAGES));
	actor_end(a);
	slots_put((cptr_t[]){ space, memory }, 2);
}

const struct test clone_tests[] = {
	{ "vspace_clone", test_clone },
	{ "vspace_clone: for another bank", test_elsewhere },
	{ "vspace_clone: while threads write", test_writing },
	{ "vspace_clone: busy, gone", test_busy },
	{ "vspace_clone: its payer dies", test_payer_dies },
	{ 0 },
};
