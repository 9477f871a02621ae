/* SPDX-License-Identifier: BSD-2-Clause */
/* vspace_populate: what is laid out, what takes no fault then, what does not fit. */
#include "test.h"

enum { FIXED = RM_REGION_FLAGS_FIXED, OTHER = 2, ROUNDS_MAX = 6 };
#define BASE 0x10000000ul
#define AT(i) (BASE + (i)*0x4000000ul)

static err_t lay_out(cptr_t space, uint64_t *made)
{
	struct rm_vspace_populate_out out = { 0 };
	err_t err = rm_vspace_populate(space, &out);
	*made = out.made;
	return err;
}

/* Until there is nothing to do; how many pages took something. */
static uint64_t lay_out_all(cptr_t space)
{
	uint64_t all = 0, made = 1;
	for (unsigned int i = 0; i < ROUNDS_MAX && made > 0; i++) {
		CHECK_OK(lay_out(space, &made));
		all += made;
	}
	CHECK(made == 0);
	return all;
}

static void map_at(cptr_t space, cptr_t memory, uint64_t first, uint64_t pages, uint64_t at,
                   uint8_t rights, uint8_t flags)
{
	CHECK_OK(show_as(space, memory, first, pages, rights, FIXED | flags, RM_INHERIT_COPY, &at));
}

/* No access costs the bank anything. */
static void check_free(cptr_t bank, cptr_t space, uint64_t at, uint64_t pages,
                       enum rm_access access)
{
	const struct rm_bank_status before = bank_status(bank);
	for (uint64_t i = 0; i < pages; i++)
		CHECK(fault(space, at + i * PAGE, access) == RM_FAULT_RESULT_RESUME);
	const struct rm_bank_status after = bank_status(bank);
	CHECK(before.used == after.used);
}

static void test_regions(cptr_t bank)
{
	enum { PAGES = 150, GROWS = 40 };
	cptr_t plain, origin, clone, stack, space = space_make(bank);
	uint64_t here;
	CHECK_OK(memory_make(bank, PAGES, 0, &plain));
	CHECK_OK(memory_make(bank, PAGES, 0, &origin));
	CHECK_OK(memory_make(bank, GROWS, 0, &stack));
	CHECK_OK(show(origin, PAGES, &here));
	fill(here, PAGES, 100);
	CHECK_OK(memory_clone(origin, bank, 0, PAGES, &clone));
	map_at(space, plain, 0, PAGES, AT(0), RW, 0);
	map_at(space, origin, 0, PAGES, AT(1), RM_RIGHT_READ, 0);
	map_at(space, origin, 0, PAGES, AT(2), RW, RM_REGION_FLAGS_PRIVATE);
	map_at(space, clone, 0, PAGES, AT(3), RW, 0);
	map_at(space, stack, GROWS - 2, 2, AT(4), RW, RM_REGION_FLAGS_GROWS_DOWN);
	map_at(space, plain, 0, PAGES, AT(5), RM_RIGHT_READ, 0);
	CHECK_OK(protect(space, AT(5), 1, 0));
	CHECK(lay_out_all(space) == 5 * PAGES + GROWS - 1);
	CHECK(memory_status(plain).resident == PAGES && memory_status(stack).resident == GROWS);
	check_free(bank, space, AT(0), PAGES, RM_ACCESS_WRITE);
	check_free(bank, space, AT(1), PAGES, RM_ACCESS_READ);
	check_free(bank, space, AT(2), PAGES, RM_ACCESS_WRITE);
	check_free(bank, space, AT(3), PAGES, RM_ACCESS_WRITE);
	check_free(bank, space, AT(4) - (GROWS - 2) * PAGE, GROWS, RM_ACCESS_WRITE);
	check_free(bank, space, AT(5) + PAGE, PAGES - 1, RM_ACCESS_READ);
	/* What is its own does not change with what it was. */
	fill(here, PAGES, 500);
	CHECK(peek(space, AT(1) + PAGE) == 501 && peek(space, AT(2) + PAGE) == 101);
	CHECK(peek(space, AT(3) + PAGE) == 101 && peek(space, AT(0)) == 0);
	CHECK(rm_is_valid());
	CHECK_OK(hide(RT_VSPACE, here, PAGES));
	slots_put((cptr_t[]){ plain, origin, clone, stack, space }, 5);
}

/* Much of it is large pages; and a region with a part of one takes them apart again. */
static void test_large(cptr_t bank)
{
	enum { PAGES = 1500 };
	cptr_t memory, space = space_make(bank), part = space_make(bank);
	uint64_t made;
	CHECK_OK(memory_make(bank, PAGES, 0, &memory));
	map_at(space, memory, 0, PAGES, AT(0), RW, 0);
	CHECK_OK(lay_out(space, &made));
	CHECK(made < PAGES && memory_status(memory).resident == PAGES);
	check_free(bank, space, AT(0), PAGES, RM_ACCESS_WRITE);
	map_at(part, memory, 500, 100, AT(0), RW, 0);
	do {
		uint64_t more;
		CHECK_OK(lay_out(space, &made));
		CHECK_OK(lay_out(part, &more));
		made += more;
	} while (made > 0);
	check_free(bank, space, AT(0), PAGES, RM_ACCESS_WRITE);
	check_free(bank, part, AT(0), 100, RM_ACCESS_WRITE);
	slots_put((cptr_t[]){ memory, space, part }, 3);
}

/* -- what does not fit, or cannot be had ------------------------------------------------------- */

static void test_limit(cptr_t bank)
{
	enum { PAGES = 400, LIMIT = 200 };
	cptr_t poor, memory, space;
	uint64_t made;
	CHECK_OK(bank_make(bank, LIMIT, &poor));
	space = space_make(poor);
	CHECK_OK(memory_make(poor, PAGES, 0, &memory));
	map_at(space, memory, 0, PAGES, AT(0), RW, 0);
	err_t err = lay_out(space, &made);
	CHECK(err == E_NOMEM || err == E_LIMIT);
	/* What was laid out stays, and can be used. */
	const struct rm_bank_status status = bank_status(poor);
	CHECK(status.limit - status.used < 4 * PAGE && memory_status(memory).resident > 150);
	CHECK(fault(space, AT(0), RM_ACCESS_WRITE) == RM_FAULT_RESULT_RESUME);
	const struct rm_bank_transfer_in more = { .limit = PAGES * PAGE };
	CHECK_OK(rm_bank_transfer(bank, poor, &more));
	CHECK(lay_out_all(space) > 0 && memory_status(memory).resident == PAGES);
	bank_leave(poor, 1);
	check_free(poor, space, AT(0), PAGES, RM_ACCESS_WRITE);
	slots_put((cptr_t[]){ poor, memory, space }, 3);
}

static void test_left_out(cptr_t bank)
{
	const struct rm_pager_create_in in = { .size = 10, .deadline = 1000 };
	const struct rm_pager_open_in rights = { .rights = RW };
	cptr_t pager = slot_new(), paged = slot_new(), memory, lost, space = space_make(bank);
	uint64_t made;
	CHECK_OK(lay_out(space, &made));
	CHECK(made == 0);
	CHECK_OK(rm_pager_create(bank, RT_TASK, &in, rt_slot(pager)));
	CHECK_OK(rm_pager_open(pager, &rights, rt_slot(paged)));
	CHECK_OK(memory_make(bank, 10, 0, &memory));
	CHECK_OK(memory_make(bank, 10, 0, &lost));
	map_at(space, paged, 0, 10, AT(0), RW, 0);
	map_at(space, lost, 0, 10, AT(1), RW, 0);
	map_at(space, memory, 0, 10, AT(2), RW, 0);
	const struct rm_dataspace_resize_in shorter = { .size = 7 };
	CHECK_OK(rm_dataspace_resize(memory, &shorter));
	CHECK_OK(rm_dataspace_destroy(lost));
	CHECK(lay_out_all(space) == 7);
	CHECK(memory_status(paged).resident == 0);
	event_none();
	slots_put((cptr_t[]){ pager, paged, memory, lost, space }, 5);
}

/* -- while others do something ----------------------------------------------------------------- */

static void lay_out_there(struct box *box)
{
	uint64_t made;
	box->word[1] = (uint64_t)lay_out(GIFT_FIRST, &made);
}

static void clone_there(struct box *box)
{
	box->word[1] =
	        (uint64_t)rm_vspace_clone(GIFT_FIRST, GIFT_FIRST + 1, rt_slot(GIFT_FIRST + 2));
	if (box->word[1] == E_OK)
		CHECK_OK(rm_vspace_destroy(GIFT_FIRST + 2));
	rt_slot_clear(GIFT_FIRST + 2);
}

/* Twice at once, while it is copied, or unmapped; and the space, or its bank, ends meanwhile. */
static void test_meanwhile(cptr_t bank)
{
	enum { PAGES = 1200 };
	for (unsigned int round = 0; round < 8; round++) {
		struct actor *a = actor_new(0, bank), *b = actor_new(1, bank);
		cptr_t own, memory, space;
		CHECK_OK(bank_make(bank, 3 * PAGES / 2, &own));
		space = space_make(own);
		CHECK_OK(memory_make(own, PAGES, 0, &memory));
		map_at(space, memory, 0, PAGES, AT(0) + PAGE, RW, 0);
		CHECK_OK(task_put(a->program.task, space, GIFT_FIRST));
		CHECK_OK(task_put(b->program.task, space, GIFT_FIRST));
		CHECK_OK(task_put(b->program.task, own, GIFT_FIRST + 1));
		actor_start(a, lay_out_there);
		if (round % 4 == 0)
			actor_start(b, lay_out_there);
		else if (round % 4 == 1)
			actor_start(b, clone_there);
		if (round % 4 == 2)
			CHECK_OK(rm_vspace_destroy(space));
		else if (round % 4 == 3)
			CHECK_OK(rm_bank_destroy(own));
		else if (round < 4)
			CHECK(hide(space, AT(0), PAGES / 2) != E_GONE);
		actor_join(a);
		err_t err = (err_t)a->box->word[1];
		CHECK(err == E_OK || (round % 4 >= 2 && err == E_GONE));
		if (round % 4 < 2) {
			actor_join(b);
			err = (err_t)b->box->word[1];
			CHECK(err == E_OK || err == E_BUSY || (round % 4 == 1 && err == E_NOMEM));
			(void)lay_out_all(space);
			CHECK(rm_is_valid());
		}
		if (round % 4 != 3)
			CHECK_OK(rm_bank_destroy(own));
		actor_end(a);
		actor_end(b);
		slots_put((cptr_t[]){ own, memory, space }, 3);
	}
}

/* -- a program of its own ---------------------------------------------------------------------- */

static void lay_out_self(struct box *box)
{
	box->word[3] = lay_out_all(RT_VSPACE);
}

/* Every page of every region is read, and written as it is; word[3]: pages. */
static void touch_all(struct box *box)
{
	struct rm_region_query_out out;
	box->word[3] = 0;
	for (uint64_t at = 0;
	     rm_region_query(RT_VSPACE, &(struct rm_region_query_in){ .at = at }, &out) == E_OK;
	     at = out.region.start + out.region.size * PAGE)
		for (uint64_t i = 0; i < out.region.size; i++) {
			uint64_t page = out.region.start + i * PAGE;
			if (out.region.rights & RM_RIGHT_WRITE)
				__asm__ volatile("lock orq $0, (%0)" ::"r"(page) : "memory");
			else if (out.region.rights & RM_RIGHT_READ)
				(void)*(volatile uint64_t *)page;
			box->word[3]++;
		}
}

static void touch_one(struct box *box)
{
	*(volatile uint64_t *)box->word[2] = 1;
}

/*
 * A program lays itself out. Then its faults go to a server, which does not answer: it touches all
 * that it has, and goes on; but not behind a page that it got afterwards.
 */
static void test_program(cptr_t bank)
{
	struct pair p;
	cptr_t slot = slot_new(), memory, late;
	uint64_t at = AT(0), late_at = AT(1);
	pair_make(&p, bank, 1000);
	struct actor *a = actor_new(OTHER, bank);
	pair_open(&p);
	const struct rm_bank_transfer_in more = { .limit = MIB };
	CHECK_OK(rm_bank_transfer(bank, a->bank, &more));
	CHECK_OK(memory_make(a->bank, 200, 0, &memory));
	CHECK_OK(show_as(a->program.vspace, memory, 0, 200, RW, FIXED, RM_INHERIT_COPY, &at));
	actor_do(a, lay_out_self);
	CHECK(a->box->word[3] > 200);
	CHECK_OK(memory_make(a->bank, 1, 0, &late));
	CHECK_OK(show_as(a->program.vspace, late, 0, 1, RW, FIXED, RM_INHERIT_COPY, &late_at));
	CHECK_OK(hide(a->program.vspace, late_at, 1));
	const struct rm_session_mint_endpoint_in mint = { .session = { p.client->box->word[0] } };
	struct rm_session_mint_endpoint_out minted = { 0 };
	CHECK_OK(rm_session_mint_endpoint(p.server->program.task, &mint, rt_slot(slot), &minted));
	CHECK_OK(rm_thread_set_handler(a->program.thread, slot));
	const struct rm_bank_status before = bank_status(a->bank);
	actor_start(a, touch_all);
	CHECK(!actor_is_busy(a) && a->box->word[3] > 200);
	CHECK(bank_status(a->bank).used == before.used);
	CHECK_OK(show_as(a->program.vspace, late, 0, 1, RW, FIXED, RM_INHERIT_COPY, &late_at));
	a->box->word[2] = late_at;
	actor_start(a, touch_one);
	CHECK(actor_is_busy(a));
	slots_put((cptr_t[]){ slot, memory, late }, 3);
	actor_end(a);
	pair_end(&p);
}

const struct test populate_tests[] = {
	{ "vspace_populate: regions of every kind", test_regions },
	{ "vspace_populate: large pages", test_large },
	{ "vspace_populate: what does not fit", test_limit },
	{ "vspace_populate: what is left out", test_left_out },
	{ "vspace_populate: while others change it", test_meanwhile },
	{ "vspace_populate: a program takes no fault", test_program },
	{ 0 },
};
