/* SPDX-License-Identifier: BSD-2-Clause */
/* Banks: rm.idl's methods 1 to 4. */
#include "test.h"

static err_t create(cptr_t parent, uint64_t guarantee, uint64_t limit, uint64_t pins,
                    bool privileged, cptr_t made)
{
	const struct rm_bank_create_in in = { .guarantee = guarantee * PAGE,
		                              .limit = limit * PAGE,
		                              .pin_limit = pins * PAGE,
		                              .priority_max = 220,
		                              .privileged = privileged };
	return rm_bank_create(parent, &in, rt_slot(made));
}

static void test_create(cptr_t bank)
{
	cptr_t child = slot_new(), poor = slot_new();
	const struct rm_bank_status before = bank_status(bank);
	CHECK(before.used > 0 && before.limit == 16 * MIB && before.children == 0 &&
	      before.objects == 0 && before.pinned == 0);
	CHECK_ERR(create(bank, 0, 16 * MIB_PAGES + 1, 0, false, child), E_LIMIT);
	CHECK_ERR(create(bank, 0, before.limit / PAGE, 0, false, child), E_LIMIT);
	CHECK_ERR(create(bank, 1, 100, 0, false, child), E_LIMIT);
	CHECK_ERR(create(bank, 0, 100, before.pin_limit / PAGE + 1, false, child), E_LIMIT);
	CHECK_ERR(create(bank, 0, 0, 0, false, child), E_NOMEM);
	struct rm_bank_status after = bank_status(bank);
	CHECK(bank_same(&before, &after));
	CHECK_OK(create(bank, 0, 100, 10, false, child));
	after = bank_status(bank);
	CHECK(after.limit == before.limit - 100 * PAGE && after.used == before.used &&
	      after.pin_limit == before.pin_limit - 10 * PAGE && after.children == 1);
	const struct rm_bank_status made = bank_status(child);
	CHECK(made.limit == 100 * PAGE && made.used > 0 && made.used <= 4 * PAGE &&
	      made.pin_limit == 10 * PAGE && made.guarantee == 0);
	/* All that is left can go to a child of the child, and then nothing is left. */
	CHECK_OK(create(child, 0, 100 - made.used / PAGE, 0, false, poor));
	CHECK_ERR(create(child, 0, 1, 0, false, poor), E_LIMIT);
	CHECK_OK(rm_bank_destroy(child));
	after = bank_status(bank);
	CHECK(bank_same(&before, &after));
	CHECK_ERR(rm_bank_destroy(child), E_GONE);
	CHECK_ERR(rm_bank_destroy(poor), E_GONE);
	CHECK_ERR(create(poor, 0, 1, 0, false, child), E_GONE);
	CHECK_ERR(rm_bank_destroy(RT_BANK), E_BUSY);
	slots_put((cptr_t[]){ child, poor }, 2);
}

/* What is privileged comes only from what is. */
static void test_privilege(cptr_t bank)
{
	cptr_t child = slot_new(), mine = slot_new(), task, thread = slot_new(), tcb = slot_new();
	cptr_t space = slot_new();
	CHECK_ERR(create(bank, 0, 100, 0, true, child), E_PERM);
	CHECK_OK(create(RT_BANK, 0, 200, 10, true, mine));
	CHECK_OK(create(mine, 0, 100, 5, true, child));
	CHECK_OK(rm_bank_destroy(child));
	rt_slot_clear(child);
	CHECK_OK(create(mine, 0, 10, 0, false, child));
	CHECK_ERR(create(child, 0, 2, 0, true, tcb), E_PERM);
	for (int privileged = 0; privileged < 2; privileged++) {
		cptr_t memory, payer = privileged ? mine : bank;
		uint64_t at = 0;
		CHECK_OK(rm_vspace_create(payer, rt_slot(space)));
		CHECK_OK(task_make(payer, space, "t", &task));
		CHECK_OK(memory_make(payer, 1, 0, &memory));
		CHECK_OK(show_as(space, memory, 0, 1, RW, 0, RM_INHERIT_NONE, &at));
		const struct rm_thread_create_in in = { .buffer = at, .schedule = schedule_at(1) };
		CHECK_OK(rm_thread_create(task, &in, rt_slot(thread)));
		CHECK_ERR(rm_thread_object(thread, rt_slot(tcb)), privileged ? E_OK : E_PERM);
		CHECK_OK(rm_vspace_destroy(space));
		CHECK_ERR(rm_task_destroy(task), E_GONE);
		slots_put((cptr_t[]){ task, memory }, 2);
		rt_slot_clear(space);
		rt_slot_clear(thread);
	}
	CHECK_OK(rm_bank_destroy(mine));
	slots_put((cptr_t[]){ child, mine, thread, tcb, space }, 5);
}

static void test_transfer(cptr_t bank)
{
	cptr_t a = slot_new(), b = slot_new();
	CHECK_OK(create(bank, 0, 100, 20, false, a));
	CHECK_OK(create(bank, 0, 100, 20, false, b));
	const struct rm_bank_status was_a = bank_status(a), was_b = bank_status(b);
	struct rm_bank_transfer_in in = { .limit = 100 * PAGE };
	CHECK_ERR(rm_bank_transfer(a, b, &in), E_LIMIT);
	in = (struct rm_bank_transfer_in){ .guarantee = PAGE };
	CHECK_ERR(rm_bank_transfer(a, b, &in), E_LIMIT);
	in = (struct rm_bank_transfer_in){ .pin_limit = 21 * PAGE };
	CHECK_ERR(rm_bank_transfer(a, b, &in), E_LIMIT);
	in = (struct rm_bank_transfer_in){ .limit = 30 * PAGE, .pin_limit = 20 * PAGE };
	CHECK_OK(rm_bank_transfer(a, b, &in));
	CHECK(bank_status(a).limit == was_a.limit - 30 * PAGE && bank_status(a).pin_limit == 0);
	CHECK(bank_status(b).limit == was_b.limit + 30 * PAGE);
	CHECK(bank_status(b).pin_limit == was_b.pin_limit + 20 * PAGE);
	/* To itself: nothing changes. To its parent, and all that is left. */
	in = (struct rm_bank_transfer_in){ .limit = 10 * PAGE };
	CHECK_OK(rm_bank_transfer(a, a, &in));
	CHECK(bank_status(a).limit == was_a.limit - 30 * PAGE);
	in.limit = bank_status(a).limit - bank_status(a).used;
	CHECK_OK(rm_bank_transfer(a, bank, &in));
	CHECK(bank_status(a).limit == bank_status(a).used);
	CHECK_ERR(rm_bank_transfer(a, RT_VSPACE, &(struct rm_bank_transfer_in){ 0 }), E_INVAL);
	CHECK_OK(rm_bank_destroy(b));
	CHECK_ERR(rm_bank_transfer(a, b, &(struct rm_bank_transfer_in){ 0 }), E_INVAL);
	CHECK_OK(rm_bank_destroy(a));
	slots_put((cptr_t[]){ a, b }, 2);
}

/* Something of every kind goes with its bank, also what is in banks below. */
static void test_destroy(cptr_t bank)
{
	cptr_t outer, inner, memory, pinned, copy, space, task, pager = slot_new();
	cptr_t thread = slot_new(), reply = slot_new(), shown = slot_new();
	uint64_t at = 0, here;
	const struct rm_bank_status before = bank_status(bank);
	CHECK_OK(bank_make(bank, 1200, &outer));
	CHECK_OK(bank_make(outer, 800, &inner));
	CHECK_OK(memory_make(inner, 300, 0, &memory));
	CHECK_OK(memory_make(outer, 20, RM_DATASPACE_FLAGS_PINNED, &pinned));
	CHECK(bank_status(outer).pinned == 20 * PAGE);
	CHECK_OK(show(memory, 300, &here));
	for (uint64_t i = 0; i < 300; i++)
		*(volatile uint64_t *)(here + i * PAGE) = i;
	CHECK(bank_status(inner).used >= 300 * PAGE);
	CHECK_OK(memory_clone(memory, inner, 0, 300, &copy));
	CHECK_OK(rm_vspace_create(inner, rt_slot(shown)));
	space = shown;
	CHECK_OK(show_as(space, copy, 0, 300, RW, 0, RM_INHERIT_COPY, &at));
	CHECK_OK(task_make(inner, space, "t", &task));
	const struct rm_thread_create_in in = { .buffer = at, .schedule = schedule_at(1) };
	CHECK_OK(rm_thread_create(task, &in, rt_slot(thread)));
	CHECK_OK(rm_reply_create(task, rt_slot(reply)));
	const struct rm_pager_create_in paged = { .size = 5, .deadline = 1000 };
	CHECK_OK(rm_pager_create(outer, task, &paged, rt_slot(pager)));
	CHECK(bank_status(outer).children == 1 && bank_status(bank).children == 1);
	CHECK_OK(rm_bank_destroy(outer));
	const struct rm_bank_status after = bank_status(bank);
	CHECK(bank_same(&before, &after));
	const cptr_t gone[] = { outer, inner, memory, pinned, copy, space, task, pager, thread };
	for (unsigned int i = 0; i < COUNT_OF(gone); i++) {
		struct rm_bank_query_out out = { 0 };
		CHECK_ERR(rm_bank_query(gone[i], &out), E_GONE);
	}
	/* What it was mapped in is still to be unmapped. */
	CHECK(peek(RT_VSPACE, here) == NOT_THERE);
	CHECK_OK(hide(RT_VSPACE, here, 300));
	slots_put(gone, COUNT_OF(gone));
	rt_slot_put(reply);
}

/* 30 banks, one in the other, go at once. */
static void test_deep(cptr_t bank)
{
	enum { DEPTH = 30 };
	cptr_t banks[DEPTH];
	const struct rm_bank_status before = bank_status(bank);
	for (unsigned int i = 0; i < DEPTH; i++)
		CHECK_OK(bank_make(i ? banks[i - 1] : bank, 4 * (DEPTH - i), &banks[i]));
	for (unsigned int i = 0; i + 1 < DEPTH; i++)
		CHECK(bank_status(banks[i]).children == 1);
	CHECK_OK(rm_bank_destroy(banks[0]));
	const struct rm_bank_status after = bank_status(bank);
	CHECK(bank_same(&before, &after));
	CHECK_ERR(rm_bank_destroy(banks[DEPTH - 1]), E_GONE);
	slots_put(banks, DEPTH);
}

static void destroy_own(struct box *box)
{
	(void)box;
	CHECK_OK(rm_bank_destroy(RT_BANK)); /* it does not come back */
}

/* A program that destroys the bank that pays for it is gone, and nothing of it is left. */
static void test_own(cptr_t bank)
{
	const struct rm_bank_status before = bank_status(bank);
	struct actor *actor = actor_new(0, bank);
	actor_start(actor, destroy_own);
	const struct rm_task_died_event died = actor_died(actor);
	CHECK(died.reason == RM_REASON_BANK || died.reason == RM_REASON_STOPPED);
	while (bank_status(bank).children > 0)
		wait_ms(1);
	const struct rm_bank_status after = bank_status(bank);
	CHECK(bank_same(&before, &after));
	rt_program_forget(&actor->program);
	rt_slot_put(actor->bank);
}

/* A CNode of some pages, again and again if need be: rm makes room in steps. */
static err_t make_objects(cptr_t payer, cptr_t space)
{
	const struct rm_task_create_in in = { .slot_bits = 12, .name_count = 1, .name = "x" };
	err_t err = E_NOMEM;
	for (unsigned int tries = 0; tries < 200 && err == E_NOMEM; tries++) {
		cptr_t task = slot_new();
		err = rm_task_create(payer, space, &in, rt_slot(task));
		rt_slot_put(task);
		if (err == E_NOMEM)
			wait_ms(1);
	}
	return err;
}

/*
 * All memory is touched, and given back but for one page in 128: whoever keeps those keeps no
 * memory from others, whatever it is for.
 */
static void test_spread(cptr_t bank)
{
	enum { EVERY = 128, OVERHEAD = 6, OBJECT_PAGES = 36, LEFT = 8 * MIB_PAGES };
	const struct rm_bank_status status = bank_status(RT_BANK);
	uint64_t pages = (status.limit - status.used) / PAGE - LEFT;
	uint64_t groups = pages / (EVERY + OVERHEAD), at = 0x300000000000,
	         rest_at = at + ((uint64_t)1 << 40);
	cptr_t kept, rest, payer, space;
	/* A page further, so that no large pages come. */
	CHECK_OK(memory_make(RT_BANK, groups, 0, &kept));
	CHECK_OK(memory_make(RT_BANK, groups * EVERY, 0, &rest));
	at += PAGE;
	rest_at += PAGE;
	CHECK_OK(show_as(RT_VSPACE, kept, 0, groups, RW, RM_REGION_FLAGS_FIXED, RM_INHERIT_NONE,
	                 &at));
	CHECK_OK(show_as(RT_VSPACE, rest, 0, groups * EVERY, RW, RM_REGION_FLAGS_FIXED,
	                 RM_INHERIT_NONE, &rest_at));
	for (uint64_t i = 0; i < groups; i++) {
		*word_at(at, groups - 1 - i) = groups - i; /* not in order: one at a time */
		fill(rest_at + i * EVERY * PAGE, EVERY - 1, 1);
	}
	CHECK_OK(hide(RT_VSPACE, rest_at, groups * EVERY));
	CHECK_OK(rm_dataspace_destroy(rest));
	uint64_t objects = groups * EVERY * 3 / 4 / OBJECT_PAGES, made = 0;
	CHECK_OK(bank_make(RT_BANK, objects * OBJECT_PAGES, &payer));
	space = space_make(bank);
	while (made < objects && make_objects(payer, space) == E_OK)
		made++;
	CHECK(made >= objects - objects / 16);
	CHECK(holds(at, groups, 1));
	CHECK_OK(rm_bank_destroy(payer));
	CHECK_OK(hide(RT_VSPACE, at, groups));
	CHECK_OK(rm_dataspace_destroy(kept));
	CHECK_OK(rm_vspace_destroy(space));
	slots_put((cptr_t[]){ kept, rest, payer, space }, 4);
	rt_log("# %lu objects", made);
}

const struct test bank_tests[] = {
	{ "bank_create", test_create },
	{ "bank_create: privilege", test_privilege },
	{ "bank_transfer", test_transfer },
	{ "bank_destroy", test_destroy },
	{ "bank_destroy: deep", test_deep },
	{ "bank_destroy: one's own", test_own },
	{ "banks: memory spread thin", test_spread },
	{ 0 },
};
