/* SPDX-License-Identifier: BSD-2-Clause */
/* Address spaces: rm.idl's methods 40 to 49, but vspace_clone. Faults are asked about. */
#include "test.h"

static err_t map_at(cptr_t space, cptr_t memory, uint64_t first, uint64_t pages, uint64_t at,
                    uint8_t flags)
{
	uint64_t where = at;
	err_t err = show_as(space, memory, first, pages, RW, flags, RM_INHERIT_COPY, &where);
	CHECK(err != E_OK || !(flags & RM_REGION_FLAGS_FIXED) || where == at);
	return err;
}

static struct rm_region region_at(cptr_t space, uint64_t at)
{
	struct rm_region_query_out out = { 0 };
	err_t err = rm_region_query(space, &(struct rm_region_query_in){ .at = at }, &out);
	CHECK(err == E_OK || err == E_NOENT);
	return err == E_OK ? out.region : (struct rm_region){ 0 };
}

enum { FIXED = RM_REGION_FLAGS_FIXED };
#define BASE 0x10000000ul

static void test_map(cptr_t bank)
{
	cptr_t memory, space = space_make(bank);
	uint64_t at = 0;
	CHECK_OK(memory_make(bank, 64, 0, &memory));
	CHECK(region_at(space, 0).size == 0);
	CHECK_OK(map_at(space, memory, 0, 64, BASE, FIXED));
	CHECK_ERR(map_at(space, memory, 0, 64, BASE, FIXED), E_EXIST);
	CHECK_ERR(map_at(space, memory, 0, 1, BASE + 63 * PAGE, FIXED), E_EXIST);
	CHECK_OK(map_at(space, memory, 0, 1, BASE + 64 * PAGE, FIXED));
	/* A hint: there if it is free, else elsewhere. */
	at = BASE + 100 * PAGE;
	CHECK_OK(show_as(space, memory, 0, 2, RW, 0, RM_INHERIT_COPY, &at));
	CHECK(at == BASE + 100 * PAGE);
	CHECK_OK(show_as(space, memory, 0, 2, RW, 0, RM_INHERIT_COPY, &at));
	CHECK(at != BASE + 100 * PAGE && at % PAGE == 0);
	at = RM_USER_TOP - PAGE;
	CHECK_ERR(show_as(space, memory, 0, 2, RW, 0, RM_INHERIT_COPY, &at), E_INVAL);
	CHECK_OK(show_as(space, memory, 0, 1, RW, FIXED, RM_INHERIT_COPY, &at));
	CHECK_OK(show_as(space, memory, 0, 1, RW, 0, RM_INHERIT_COPY, &at));
	CHECK(at < RM_USER_TOP - PAGE);
	/* Out of range, in many ways. */
	CHECK_ERR(map_at(space, memory, 1, 64, 0, 0), E_RANGE);
	CHECK_ERR(map_at(space, memory, 64, 1, 0, 0), E_RANGE);
	CHECK_ERR(map_at(space, memory, 0, 1, 0, FIXED), E_RANGE);
	CHECK_ERR(map_at(space, memory, 0, 1, BASE + 1, FIXED), E_INVAL);
	CHECK_ERR(map_at(space, memory, 0, 0, BASE, FIXED), E_INVAL);
	CHECK_ERR(map_at(space, memory, RM_PAGES_MAX, 64, 0, 0), E_INVAL);
	CHECK_ERR(map_at(space, memory, 0, RM_PAGES_MAX, BASE, 0), E_INVAL);
	CHECK_ERR(map_at(space, bank, 0, 1, 0, 0), E_INVAL);
	CHECK_ERR(map_at(memory, memory, 0, 1, 0, 0), E_INVAL);
	/* A gap that is too small is not taken. */
	cptr_t huge;
	CHECK_OK(memory_make(bank, RM_PAGES_MAX, 0, &huge));
	at = 0;
	const uint64_t most = RM_USER_TOP / PAGE;
	CHECK_ERR(show_as(space, huge, 0, most, RW, 0, RM_INHERIT_NONE, &at), E_RANGE);
	/* What was said is what is there. */
	const struct rm_region r = region_at(space, BASE + 5);
	CHECK(r.start == BASE && r.size == 64 && r.first == 0 && r.rights == RW &&
	      r.flags == FIXED && r.inherit == RM_INHERIT_COPY);
	CHECK(region_at(space, BASE + 64 * PAGE).start == BASE + 64 * PAGE);
	CHECK(region_at(space, BASE + 65 * PAGE).start == BASE + 100 * PAGE);
	CHECK(memory_status(memory).regions == 6);
	CHECK_OK(rm_vspace_destroy(space));
	CHECK(memory_status(memory).regions == 0);
	slots_put((cptr_t[]){ memory, space, huge }, 3);
}

static void test_unmap(cptr_t bank)
{
	cptr_t memory, space = space_make(bank);
	CHECK_OK(memory_make(bank, 400, 0, &memory));
	CHECK_OK(map_at(space, memory, 0, 400, BASE, FIXED));
	for (uint64_t i = 0; i < 400; i++)
		CHECK(fault(space, BASE + i * PAGE, RM_ACCESS_WRITE) == RM_FAULT_RESULT_RESUME);
	/* A hole in the middle: two regions, and what is there stays. */
	CHECK_OK(hide(space, BASE + 100 * PAGE, 50));
	struct rm_region r = region_at(space, BASE);
	CHECK(r.start == BASE && r.size == 100 && r.first == 0);
	r = region_at(space, BASE + 100 * PAGE);
	CHECK(r.start == BASE + 150 * PAGE && r.size == 250 && r.first == 150);
	CHECK(memory_status(memory).regions == 2 && memory_status(memory).resident == 400);
	for (uint64_t i = 0; i < 400; i++)
		CHECK(fault(space, BASE + i * PAGE, RM_ACCESS_READ) ==
		      (i >= 100 && i < 150 ? RM_FAULT_RESULT_NO_REGION : RM_FAULT_RESULT_RESUME));
	/* Nothing there; the edges; all of it, and more. */
	CHECK_OK(hide(space, BASE + 100 * PAGE, 50));
	CHECK_OK(hide(space, BASE, 1));
	CHECK_OK(hide(space, BASE + 399 * PAGE, 1));
	CHECK(region_at(space, BASE).start == BASE + PAGE);
	CHECK(region_at(space, BASE + 150 * PAGE).size == 249);
	CHECK_ERR(hide(space, BASE, 0), E_INVAL);
	CHECK_ERR(hide(space, BASE + 8, 1), E_INVAL);
	CHECK_ERR(hide(space, RM_USER_TOP - PAGE, 2), E_INVAL);
	CHECK_OK(hide(space, 0, RM_USER_TOP / PAGE));
	CHECK(region_at(space, 0).size == 0 && memory_status(memory).regions == 0);
	/* A huge region with little in it ends quickly. */
	cptr_t huge;
	uint64_t at = 0;
	CHECK_OK(memory_make(bank, RM_PAGES_MAX, 0, &huge));
	CHECK_OK(show_as(space, huge, 0, 1ul << 30, RW, 0, RM_INHERIT_COPY, &at));
	for (uint64_t i = 0; i < 64; i++)
		CHECK(fault(space, at + (i << 34), RM_ACCESS_WRITE) == RM_FAULT_RESULT_RESUME);
	CHECK_OK(hide(space, at, 1ul << 30));
	slots_put((cptr_t[]){ memory, space, huge }, 3);
}

static void test_protect(cptr_t bank)
{
	cptr_t memory, space = space_make(bank);
	CHECK_OK(memory_make(bank, 100, 0, &memory));
	CHECK_OK(map_at(space, memory, 0, 100, BASE, FIXED));
	for (uint64_t i = 0; i < 100; i++)
		CHECK(fault(space, BASE + i * PAGE, RM_ACCESS_WRITE) == RM_FAULT_RESULT_RESUME);
	CHECK_OK(protect(space, BASE + 10 * PAGE, 20, RM_RIGHT_READ));
	struct rm_region r = region_at(space, BASE + 10 * PAGE);
	CHECK(r.start == BASE + 10 * PAGE && r.size == 20 && r.rights == RM_RIGHT_READ);
	CHECK(region_at(space, BASE).size == 10 && region_at(space, BASE + 30 * PAGE).size == 70);
	CHECK(fault(space, BASE + 10 * PAGE, RM_ACCESS_WRITE) == RM_FAULT_RESULT_NO_RIGHT);
	CHECK(fault(space, BASE + 10 * PAGE, RM_ACCESS_READ) == RM_FAULT_RESULT_RESUME);
	CHECK(fault(space, BASE + 9 * PAGE, RM_ACCESS_WRITE) == RM_FAULT_RESULT_RESUME);
	CHECK(fault(space, BASE + 30 * PAGE, RM_ACCESS_WRITE) == RM_FAULT_RESULT_RESUME);
	CHECK(fault(space, BASE, RM_ACCESS_EXECUTE) == RM_FAULT_RESULT_NO_RIGHT);
	CHECK_OK(protect(space, BASE, 100, RW | RM_RIGHT_EXECUTE));
	CHECK(fault(space, BASE + 10 * PAGE, RM_ACCESS_WRITE) == RM_FAULT_RESULT_RESUME);
	CHECK(fault(space, BASE, RM_ACCESS_EXECUTE) == RM_FAULT_RESULT_RESUME);
	CHECK_OK(protect(space, BASE, 100, 0));
	CHECK(fault(space, BASE, RM_ACCESS_READ) == RM_FAULT_RESULT_NO_RIGHT);
	/* Not all of it there: nothing changes. */
	CHECK_ERR(protect(space, BASE, 101, RW), E_NOENT);
	CHECK_ERR(protect(space, BASE - PAGE, 2, RW), E_NOENT);
	CHECK_ERR(protect(space, BASE, 1, 8), E_INVAL);
	CHECK(fault(space, BASE, RM_ACCESS_READ) == RM_FAULT_RESULT_NO_RIGHT);
	CHECK(memory_status(memory).resident == 100);
	slots_put((cptr_t[]){ memory, space }, 2);
}

static void test_grows(cptr_t bank)
{
	enum { PAGES = 300, FIRST = 280 };
	cptr_t memory, space = space_make(bank);
	uint64_t low = BASE + FIRST * PAGE, step = PAGE;
	CHECK_OK(memory_make(bank, PAGES, 0, &memory));
	CHECK_OK(map_at(space, memory, FIRST, PAGES - FIRST, low,
	                FIXED | RM_REGION_FLAGS_GROWS_DOWN));
	CHECK(fault(space, low, RM_ACCESS_WRITE) == RM_FAULT_RESULT_RESUME);
	for (unsigned int i = 0; i < 10; i++) {
		low -= step;
		CHECK(fault(space, low + 8, RM_ACCESS_WRITE) == RM_FAULT_RESULT_RESUME);
		CHECK(region_at(space, 0).start == low);
	}
	low -= 8 * step; /* several at once */
	CHECK(fault(space, low, RM_ACCESS_WRITE) == RM_FAULT_RESULT_RESUME);
	const struct rm_region r = region_at(space, 0);
	CHECK(r.start == low && r.first == FIRST - 18 && r.size == PAGES - FIRST + 18);
	/* Not into another region, nor below its dataspace, nor far below. */
	CHECK_OK(map_at(space, memory, 0, 1, low - 4 * PAGE, FIXED));
	CHECK(fault(space, low - 2 * PAGE, RM_ACCESS_WRITE) == RM_FAULT_RESULT_RESUME);
	CHECK_OK(hide(space, low - 4 * PAGE, 1));
	CHECK(fault(space, low - 280 * PAGE, RM_ACCESS_WRITE) == RM_FAULT_RESULT_NO_REGION);
	CHECK(fault(space, BASE - PAGE, RM_ACCESS_WRITE) == RM_FAULT_RESULT_NO_REGION);
	CHECK(fault(space, BASE + PAGES * PAGE, RM_ACCESS_WRITE) == RM_FAULT_RESULT_NO_REGION);
	CHECK(fault(space, BASE, RM_ACCESS_WRITE) == RM_FAULT_RESULT_NO_REGION ||
	      region_at(space, 0).first == 0);
	slots_put((cptr_t[]){ memory, space }, 2);
}

static void test_fault(cptr_t bank)
{
	cptr_t memory, space = space_make(bank), alone = slot_new(), poor, poor_memory, poor_space;
	struct rm_vspace_fault_out out = { 0 };
	CHECK_OK(memory_make(bank, 10, 0, &memory));
	CHECK_OK(map_at(space, memory, 0, 10, BASE, FIXED));
	CHECK(fault(space, BASE + 10 * PAGE, RM_ACCESS_READ) == RM_FAULT_RESULT_NO_REGION);
	CHECK(fault(space, 0, RM_ACCESS_READ) == RM_FAULT_RESULT_NO_REGION);
	CHECK(fault(space, BASE + 10 * PAGE - 1, RM_ACCESS_READ) == RM_FAULT_RESULT_RESUME);
	const struct rm_dataspace_resize_in resize = { .size = 5 };
	CHECK_OK(rm_dataspace_resize(memory, &resize));
	CHECK(fault(space, BASE + 5 * PAGE, RM_ACCESS_READ) == RM_FAULT_RESULT_LOST);
	const struct rm_vspace_fault_in in = { .at = BASE, .access = RM_ACCESS_READ };
	CHECK_OK(rm_vspace_create(bank, rt_slot(alone)));
	CHECK_ERR(rm_vspace_fault(alone, &in, &out), E_NOMEM); /* no handler */
	CHECK_ERR(rm_vspace_fault(space, &(struct rm_vspace_fault_in){ .at = BASE }, &out),
	          E_INVAL);
	/* A bank that has nothing left. */
	CHECK_OK(bank_make(bank, 200, &poor));
	poor_space = space_make(poor);
	CHECK_OK(memory_make(poor, 100, 0, &poor_memory));
	CHECK_OK(map_at(poor_space, poor_memory, 0, 100, BASE, FIXED));
	CHECK(fault(poor_space, BASE, RM_ACCESS_WRITE) == RM_FAULT_RESULT_RESUME);
	bank_leave(poor, 0);
	uint64_t page = 1;
	while (page < 100 &&
	       fault(poor_space, BASE + page * PAGE, RM_ACCESS_WRITE) == RM_FAULT_RESULT_RESUME)
		page++;
	CHECK(page < 60);
	CHECK(fault(poor_space, BASE + 99 * PAGE, RM_ACCESS_WRITE) == RM_FAULT_RESULT_NO_MEMORY);
	CHECK(fault(poor_space, BASE, RM_ACCESS_WRITE) == RM_FAULT_RESULT_RESUME);
	/* With memory it goes on. */
	const struct rm_bank_transfer_in more = { .limit = 20 * PAGE };
	CHECK_OK(rm_bank_transfer(bank, poor, &more));
	CHECK(fault(poor_space, BASE + 99 * PAGE, RM_ACCESS_WRITE) == RM_FAULT_RESULT_RESUME);
	CHECK_OK(rm_bank_destroy(poor));
	/* What was taken from the bank for good, for RT_BANK to have it as before. */
	slots_put((cptr_t[]){ memory, space, alone, poor, poor_memory, poor_space }, 6);
}

static void test_read(cptr_t bank)
{
	cptr_t memory, space = space_make(bank);
	uint64_t at;
	struct rm_vspace_read_out out = { 0 };
	CHECK_OK(memory_make(bank, 4, 0, &memory));
	CHECK_OK(show(memory, 4, &at));
	for (uint64_t i = 0; i < 2 * PAGE / 8; i++)
		((volatile uint64_t *)at)[i] = i;
	CHECK_OK(map_at(space, memory, 0, 4, BASE, FIXED));
	struct rm_vspace_read_in in = { .at = BASE + PAGE - 80, .count = 100 };
	CHECK_OK(rm_vspace_read(space, &in, &out));
	CHECK(out.content_count == 100);
	for (uint64_t i = 0; i < 100; i++)
		CHECK(out.content[i] == (PAGE - 80) / 8 + i);
	in.at = BASE - 8;
	CHECK_OK(rm_vspace_read(space, &in, &out));
	CHECK(out.content_count == 0);
	in.at = BASE + 4 * PAGE - 16;
	CHECK_OK(rm_vspace_read(space, &in, &out));
	CHECK(out.content_count <= 2);
	in.at = BASE + 4;
	CHECK_ERR(rm_vspace_read(space, &in, &out), E_INVAL);
	CHECK_OK(protect(space, BASE, 4, 0));
	in.at = BASE;
	CHECK_OK(rm_vspace_read(space, &in, &out));
	CHECK(out.content_count == 0);
	CHECK_OK(hide(RT_VSPACE, at, 4));
	slots_put((cptr_t[]){ memory, space }, 2);
}

static void test_populate(cptr_t bank)
{
	cptr_t memory, space = space_make(bank);
	uint64_t at;
	CHECK_OK(memory_make(bank, 100, 0, &memory));
	CHECK_OK(show(memory, 100, &at));
	for (uint64_t i = 0; i < 100; i++)
		((volatile char *)at)[i * PAGE] = 1;
	uint64_t resident = memory_status(memory).resident;
	CHECK_OK(map_at(space, memory, 0, 100, BASE, FIXED | RM_REGION_FLAGS_POPULATE));
	CHECK(memory_status(memory).resident == resident);
	CHECK(peek(space, BASE + 99 * PAGE) == 1);
	CHECK_OK(hide(space, BASE, 100));
	CHECK_OK(hide(RT_VSPACE, at, 100));
	slots_put((cptr_t[]){ memory, space }, 2);
}

/* Its tasks go with it; ASIDs come back: more spaces than there can be at a time. */
static void test_destroy(cptr_t bank)
{
	cptr_t space = slot_new(), task;
	for (unsigned int i = 0; i < 1200; i++) {
		CHECK_OK(rm_vspace_create(bank, rt_slot(space)));
		CHECK_OK(rm_vspace_destroy(space));
		CHECK_ERR(rm_vspace_destroy(space), E_GONE);
		rt_slot_clear(space);
	}
	CHECK_OK(rm_vspace_create(bank, rt_slot(space)));
	CHECK_OK(task_make(bank, space, "one", &task));
	CHECK_OK(rm_task_watch(task, RT_TASK, &(struct rm_task_watch_in){ .cookie = 5 }));
	CHECK_OK(rm_vspace_destroy(space));
	const struct event event = event_wait(RM_EVENT_TASK_DIED);
	CHECK(event.died.cookie == 5 && event.died.reason == RM_REASON_STOPPED);
	struct rm_task_query_out out = { 0 };
	CHECK_ERR(rm_task_query(task, &out), E_GONE);
	slots_put((cptr_t[]){ space, task }, 2);
}

const struct test vspace_tests[] = {
	{ "region_map", test_map },
	{ "region_unmap", test_unmap },
	{ "region_protect", test_protect },
	{ "region: grows down", test_grows },
	{ "vspace_fault", test_fault },
	{ "vspace_read", test_read },
	{ "region: populate", test_populate },
	{ "vspace_destroy", test_destroy },
	{ 0 },
};
