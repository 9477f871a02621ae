/* SPDX-License-Identifier: BSD-2-Clause */
/* Dataspaces whose pages come from a server: rm.idl's methods 20 to 29. The server is main. */
#include "test.h"
#include <rt/thread.h>

struct paged {
	cptr_t pager, memory, source, space;
	uint64_t at, from;
};
enum { PAGES = 100, DEADLINE_MS = 300, COOKIE = 77, SPACE_COOKIE = 88 };

/* A paged dataspace, shown in a space that main asks about; and what main supplies from. */
static void open_paged(struct paged *p, cptr_t bank, cptr_t server, uint32_t deadline_ms)
{
	const struct rm_pager_create_in in = { .size = PAGES,
		                               .cookie = COOKIE,
		                               .deadline = deadline_ms };
	const struct rm_pager_open_in rights = { .rights = RW };
	*p = (struct paged){ .pager = slot_new(), .memory = slot_new(), .space = slot_new() };
	CHECK_OK(rm_pager_create(bank, server, &in, rt_slot(p->pager)));
	CHECK_OK(rm_pager_open(p->pager, &rights, rt_slot(p->memory)));
	CHECK_OK(memory_make(bank, PAGES, 0, &p->source));
	CHECK_OK(show(p->source, PAGES, &p->from));
	CHECK_OK(rm_vspace_create(bank, rt_slot(p->space)));
	const struct rm_vspace_set_pager_in pager = { .cookie = SPACE_COOKIE };
	CHECK_OK(rm_vspace_set_pager(p->space, RT_TASK, &pager));
	CHECK_OK(show_as(p->space, p->memory, 0, PAGES, RW, 0, RM_INHERIT_SHARE, &p->at));
}

static void close_paged(struct paged *p)
{
	CHECK_OK(hide(RT_VSPACE, p->from, PAGES));
	slots_put((cptr_t[]){ p->pager, p->memory, p->source, p->space }, 4);
}

static err_t supply(const struct paged *p, cptr_t source, uint64_t first, uint64_t count,
                    uint64_t from)
{
	const struct rm_pager_supply_in in = { .first = first, .count = count, .from = from };
	return rm_pager_supply(p->pager, source, &in);
}

static enum rm_fault_result touch(const struct paged *p, uint64_t page)
{
	return fault(p->space, p->at + page * PAGE, RM_ACCESS_READ);
}

static void supply_page(const struct paged *p, uint64_t page, uint64_t value)
{
	*(volatile uint64_t *)(p->from + page * PAGE) = value;
}

static bool is_done(const struct paged *p, uint64_t page, enum rm_fault_result result)
{
	const struct event event = event_wait(RM_EVENT_FAULT_DONE);
	return event.fault_done.cookie == SPACE_COOKIE && event.fault_done.result == result &&
	       event.fault_done.token == p->at + page * PAGE;
}

static bool is_read(uint64_t first, uint64_t count)
{
	const struct event event = event_wait(RM_EVENT_PAGER_READ);
	return event.read.cookie == COOKIE && event.read.first == first &&
	       event.read.count == count;
}

static void test_supply(cptr_t bank)
{
	struct paged p;
	open_paged(&p, bank, RT_TASK, 60000);
	const struct rm_dataspace_status status = memory_status(p.memory);
	CHECK(status.kind == RM_DATASPACE_KIND_PAGED && status.size == PAGES &&
	      status.rights == RW);
	/* Three pages in order are one event; who asks for one of them twice waits as well. */
	CHECK(touch(&p, 5) == RM_FAULT_RESULT_WAIT && touch(&p, 6) == RM_FAULT_RESULT_WAIT);
	CHECK(touch(&p, 7) == RM_FAULT_RESULT_WAIT && touch(&p, 7) == RM_FAULT_RESULT_WAIT);
	CHECK(is_read(5, 3));
	event_none();
	for (unsigned int i = 0; i < 3; i++)
		supply_page(&p, i, 50 + i);
	uint64_t resident = memory_status(p.source).resident;
	CHECK_OK(supply(&p, p.source, 5, 3, 0));
	CHECK(memory_status(p.source).resident == resident - 3);
	CHECK(memory_status(p.memory).resident == 3);
	for (uint64_t i = 5; i < 8; i++)
		CHECK(is_done(&p, i, RM_FAULT_RESULT_RESUME));
	CHECK(is_done(&p, 7, RM_FAULT_RESULT_RESUME));
	for (uint64_t i = 0; i < 3; i++)
		CHECK(peek(p.space, p.at + (5 + i) * PAGE) == 50 + i);
	CHECK(touch(&p, 6) == RM_FAULT_RESULT_RESUME);
	/* The source has nothing there any more: it reads as zero. */
	CHECK(*(volatile uint64_t *)p.from == 0);
	/* Twice: what is there stays, the source's goes. */
	supply_page(&p, 0, 99);
	resident = memory_status(p.source).resident;
	CHECK_OK(supply(&p, p.source, 5, 1, 0));
	CHECK(peek(p.space, p.at + 5 * PAGE) == 50);
	CHECK(memory_status(p.source).resident == resident - 1);
	/* Without having been asked. */
	supply_page(&p, 0, 98);
	CHECK_OK(supply(&p, p.source, 20, 1, 0));
	CHECK(touch(&p, 20) == RM_FAULT_RESULT_RESUME);
	CHECK(peek(p.space, p.at + 20 * PAGE) == 98);
	close_paged(&p);
}

static void test_supply_refused(cptr_t bank)
{
	struct paged p;
	cptr_t other_bank, other, reader = slot_new(), copy;
	uint64_t at;
	open_paged(&p, bank, RT_TASK, 60000);
	CHECK(touch(&p, 0) == RM_FAULT_RESULT_WAIT);
	CHECK(is_read(0, 1));
	CHECK_ERR(supply(&p, p.source, 0, 1, PAGES - 1), E_NOENT);
	supply_page(&p, 0, 1);
	CHECK_ERR(supply(&p, p.source, PAGES, 1, 0), E_RANGE);
	CHECK_ERR(supply(&p, p.source, 0, 1, PAGES), E_RANGE);
	CHECK_ERR(supply(&p, p.source, 0, PAGES, 1), E_RANGE);
	CHECK_ERR(supply(&p, p.source, 0, 65, 0), E_LIMIT);
	CHECK_ERR(supply(&p, p.source, 0, 0, 0), E_INVAL);
	CHECK_ERR(supply(&p, p.memory, 0, 1, 0), E_PERM);
	const struct rm_dataspace_restrict_in few = { .rights = RW };
	CHECK_OK(rm_dataspace_restrict(p.source, &few, rt_slot(reader)));
	CHECK_ERR(supply(&p, reader, 0, 1, 0), E_PERM);
	CHECK_ERR(supply(&p, bank, 0, 1, 0), E_INVAL);
	/* Of another bank; a page that is shared, one that is pinned. */
	CHECK_OK(bank_make(bank, 100, &other_bank));
	CHECK_OK(memory_make(other_bank, 1, 0, &other));
	CHECK_OK(show(other, 1, &at));
	*(volatile uint64_t *)at = 1;
	CHECK_ERR(supply(&p, other, 0, 1, 0), E_BUSY);
	CHECK_OK(hide(RT_VSPACE, at, 1));
	CHECK_OK(rm_bank_destroy(other_bank));
	CHECK_ERR(supply(&p, other, 0, 1, 0), E_INVAL);
	CHECK_OK(memory_clone(p.source, bank, 0, 1, &copy));
	CHECK_ERR(supply(&p, p.source, 0, 1, 0), E_BUSY);
	CHECK_OK(rm_dataspace_destroy(copy));
	rt_slot_put(copy);
	CHECK_OK(memory_make(bank, 1, RM_DATASPACE_FLAGS_PINNED, &copy));
	CHECK_ERR(supply(&p, copy, 0, 1, 0), E_BUSY);
	/* After all that it is waited for still, and comes. */
	CHECK_OK(supply(&p, p.source, 0, 1, 0));
	CHECK(is_done(&p, 0, RM_FAULT_RESULT_RESUME));
	CHECK(peek(p.space, p.at) == 1);
	cptr_t none;
	CHECK_ERR(memory_clone(p.memory, bank, 0, 1, &none), E_UNSUPPORTED);
	/* A dataspace without a pager takes no supply. */
	const struct rm_pager_supply_in in = { .count = 1 };
	CHECK_ERR(rm_pager_supply(p.source, p.source, &in), E_INVAL);
	CHECK_ERR(rm_pager_supply(p.memory, p.source, &in), E_INVAL);
	slots_put((cptr_t[]){ other_bank, reader, copy, other }, 4);
	close_paged(&p);
}

static void test_fail(cptr_t bank)
{
	struct paged p;
	open_paged(&p, bank, RT_TASK, 60000);
	for (uint64_t i = 10; i < 14; i++)
		CHECK(touch(&p, i) == RM_FAULT_RESULT_WAIT);
	CHECK(is_read(10, 4));
	struct rm_pager_fail_in in = { .first = 11, .count = 2, .error = RM_PAGE_ERROR_IO };
	CHECK_OK(rm_pager_fail(p.pager, &in));
	CHECK(is_done(&p, 11, RM_FAULT_RESULT_LOST) && is_done(&p, 12, RM_FAULT_RESULT_LOST));
	event_none();
	in.first = PAGES;
	CHECK_ERR(rm_pager_fail(p.pager, &in), E_RANGE);
	in = (struct rm_pager_fail_in){ .count = 1, .error = 9 };
	CHECK_ERR(rm_pager_fail(p.pager, &in), E_INVAL);
	/* It may be asked again. */
	CHECK(touch(&p, 11) == RM_FAULT_RESULT_WAIT);
	CHECK(is_read(11, 1));
	supply_page(&p, 0, 1);
	supply_page(&p, 1, 2);
	CHECK_OK(supply(&p, p.source, 10, 2, 0));
	CHECK(is_done(&p, 10, RM_FAULT_RESULT_RESUME) && is_done(&p, 11, RM_FAULT_RESULT_RESUME));
	CHECK(peek(p.space, p.at + 11 * PAGE) == 2);
	in = (struct rm_pager_fail_in){ .count = PAGES, .error = RM_PAGE_ERROR_GONE };
	CHECK_OK(rm_pager_fail(p.pager, &in));
	CHECK(is_done(&p, 13, RM_FAULT_RESULT_LOST));
	close_paged(&p);
}

/* Never, and late. */
static void test_deadline(cptr_t bank)
{
	struct paged p;
	open_paged(&p, bank, RT_TASK, DEADLINE_MS);
	uint64_t start = rt_time_ns();
	CHECK(touch(&p, 1) == RM_FAULT_RESULT_WAIT && touch(&p, 2) == RM_FAULT_RESULT_WAIT);
	CHECK(is_read(1, 2));
	CHECK(is_done(&p, 1, RM_FAULT_RESULT_LOST) && is_done(&p, 2, RM_FAULT_RESULT_LOST));
	uint64_t took = (rt_time_ns() - start) / 1000000;
	CHECK(took >= DEADLINE_MS && took < 10 * DEADLINE_MS);
	if (took < DEADLINE_MS || took >= 10 * DEADLINE_MS)
		rt_log("# deadline of %u ms after %lu ms", DEADLINE_MS, took);
	supply_page(&p, 0, 6);
	CHECK_OK(supply(&p, p.source, 1, 1, 0));
	event_none();
	CHECK(touch(&p, 1) == RM_FAULT_RESULT_RESUME);
	CHECK(peek(p.space, p.at + PAGE) == 6);
	/* Not asked for at all: the pager never took the event. */
	CHECK(touch(&p, 3) == RM_FAULT_RESULT_WAIT);
	wait_ms(3 * DEADLINE_MS / 2);
	CHECK(is_done(&p, 3, RM_FAULT_RESULT_LOST));
	event_none();
	close_paged(&p);
}

static void test_detach(cptr_t bank)
{
	struct paged p;
	open_paged(&p, bank, RT_TASK, 60000);
	supply_page(&p, 0, 4);
	CHECK_OK(supply(&p, p.source, 4, 1, 0));
	CHECK(touch(&p, 4) == RM_FAULT_RESULT_RESUME);
	CHECK(touch(&p, 5) == RM_FAULT_RESULT_WAIT);
	CHECK(is_read(5, 1));
	CHECK_OK(rm_pager_detach(p.pager));
	/* The one who waits is told, and the pager. Which comes first is not said. */
	bool done = false, detached = false;
	while (!done || !detached) {
		const struct event event = event_next(RT_TASK);
		CHECK(event.number == 0 || event.number == RM_EVENT_FAULT_DONE ||
		      event.number == RM_EVENT_PAGER_DETACHED);
		if (event.number == RM_EVENT_FAULT_DONE) {
			done = true;
			CHECK(event.fault_done.result == RM_FAULT_RESULT_LOST);
		} else if (event.number == RM_EVENT_PAGER_DETACHED) {
			detached = true;
			CHECK(event.detached.cookie == COOKIE);
		} else {
			sel4_yield();
		}
	}
	supply_page(&p, 0, 4);
	CHECK_ERR(supply(&p, p.source, 5, 1, 0), E_GONE);
	CHECK_ERR(rm_pager_detach(p.pager), E_GONE);
	const struct rm_pager_fail_in in = { .count = 1, .error = RM_PAGE_ERROR_IO };
	CHECK_ERR(rm_pager_fail(p.pager, &in), E_GONE);
	CHECK(touch(&p, 5) == RM_FAULT_RESULT_LOST && touch(&p, 4) == RM_FAULT_RESULT_RESUME);
	CHECK(peek(p.space, p.at + 4 * PAGE) == 4);
	close_paged(&p);
}

static void read_page(struct box *box)
{
	box->word[1] = *(volatile uint64_t *)box->word[0];
}

/* An actor shows the page of a dataspace, and reads it. */
static void map_paged(struct box *box)
{
	uint64_t at = 0;
	CHECK_OK(show_as(RT_VSPACE, GIFT_FIRST, 0, PAGES, RW, 0, RM_INHERIT_SHARE, &at));
	box->word[0] = at;
}

/* Threads that run into it: they wait, and go on or die. */
static void test_threads(cptr_t bank)
{
	struct paged p;
	struct actor *a = actor_new(0, bank), *b = actor_new(1, bank);
	open_paged(&p, bank, RT_TASK, 60000);
	CHECK_OK(task_put(a->program.task, p.memory, GIFT_FIRST));
	CHECK_OK(task_put(b->program.task, p.memory, GIFT_FIRST));
	actor_do(a, map_paged);
	actor_do(b, map_paged);
	actor_start(a, read_page);
	actor_start(b, read_page);
	CHECK(is_read(0, 1));
	wait_ms(5);
	CHECK(actor_is_busy(a) && actor_is_busy(b));
	supply_page(&p, 0, 4711);
	CHECK_OK(supply(&p, p.source, 0, 1, 0));
	actor_join(a);
	actor_join(b);
	CHECK(a->box->word[1] == 4711 && b->box->word[1] == 4711);
	a->box->word[0] += PAGE;
	actor_start(a, read_page);
	CHECK(is_read(1, 1));
	const struct rm_pager_fail_in in = { .count = 9, .error = RM_PAGE_ERROR_CORRUPT };
	CHECK_OK(rm_pager_fail(p.pager, &in));
	const struct rm_task_died_event died = actor_died(a);
	CHECK(died.reason == RM_REASON_FAULT && died.at == a->box->word[0]);
	CHECK((died.status & 0xff) == FAULT_VM &&
	      (died.status >> 8 & 0xff) == RM_FAULT_RESULT_LOST &&
	      died.status >> 16 == RM_ACCESS_READ);
	actor_end(a);
	actor_end(b);
	close_paged(&p);
}

static volatile uint64_t *wanted;

static int read_wanted(void *arg)
{
	return (int)wanted[(uintptr_t)arg];
}

/* The actor's own thread and two more wait for pages, some for the same. */
static void read_by_three(struct box *box)
{
	static struct rt_worker worker[2];
	const struct rm_schedule schedule = schedule_at(ACTOR_PRIORITY);
	wanted = (volatile uint64_t *)box->word[0];
	for (uintptr_t i = 0; i < 2; i++)
		CHECK_OK(rt_worker_start(&worker[i], read_wanted, (void *)(i * PAGE / 8), 0,
		                         &schedule));
	box->word[1] = *wanted;
	CHECK(rt_worker_join(&worker[0]) == (int)box->word[1]);
	box->word[2] = (uint64_t)rt_worker_join(&worker[1]);
}

/* Several threads of one program: they all go on, or one fails them all. */
static void test_one_program(cptr_t bank)
{
	struct paged p;
	struct actor *a = actor_new(0, bank);
	open_paged(&p, bank, RT_TASK, 60000);
	CHECK_OK(task_put(a->program.task, p.memory, GIFT_FIRST));
	actor_do(a, map_paged);
	actor_start(a, read_by_three);
	while (memory_status(p.memory).resident < 2) {
		const struct event event = event_next(RT_TASK);
		for (uint64_t i = 0; event.number && i < event.read.count; i++) {
			supply_page(&p, 0, 1000 + event.read.first + i);
			CHECK_OK(supply(&p, p.source, event.read.first + i, 1, 0));
		}
		sel4_yield();
	}
	actor_join(a);
	CHECK(a->box->word[1] == 1000 && a->box->word[2] == 1001);
	a->box->word[0] += 10 * PAGE;
	actor_start(a, read_by_three);
	wait_ms(20);
	const struct rm_pager_fail_in in = { .count = PAGES, .error = RM_PAGE_ERROR_IO };
	CHECK_OK(rm_pager_fail(p.pager, &in));
	while (event_next(RT_TASK).number != RM_EVENT_TASK_DIED)
		sel4_yield();
	actor_end(a);
	/* The same by the deadline, which no other page puts off. */
	a = actor_new(0, bank);
	close_paged(&p);
	open_paged(&p, bank, RT_TASK, DEADLINE_MS);
	CHECK_OK(task_put(a->program.task, p.memory, GIFT_FIRST));
	actor_do(a, map_paged);
	actor_start(a, read_by_three);
	uint64_t start = rt_time_ns(), page = 50;
	unsigned int reads = 0;
	struct event event;
	while ((event = event_next(RT_TASK)).number != RM_EVENT_TASK_DIED) {
		reads += event.number == RM_EVENT_PAGER_READ;
		wait_ms(10);
		supply_page(&p, 0, 1);
		if (page < PAGES)
			CHECK_OK(supply(&p, p.source, page++, 1, 0));
	}
	CHECK(rt_time_ns() - start < 10 * DEADLINE_MS * 1000000ul && reads <= 3);
	actor_end(a);
	close_paged(&p);
}

/* The server is another program, and dies while others wait for it. */
static void test_dies(cptr_t bank)
{
	struct paged p;
	struct actor *a = actor_new(0, bank), *b = actor_new(1, bank);
	open_paged(&p, bank, a->program.task, 60000);
	CHECK_OK(task_put(b->program.task, p.memory, GIFT_FIRST));
	actor_do(b, map_paged);
	CHECK(touch(&p, 3) == RM_FAULT_RESULT_WAIT);
	actor_start(b, read_page);
	wait_ms(2);
	CHECK(actor_is_busy(b));
	CHECK(task_status(a->program.task).events == 1);
	CHECK_OK(rm_task_exit(a->program.task, &(struct rm_task_exit_in){ .status = 3 }));
	bool done = false, a_died = false, b_died = false;
	while (!done || !a_died || !b_died) {
		const struct event event = event_next(RT_TASK);
		if (event.number == RM_EVENT_FAULT_DONE) {
			done = true;
			CHECK(event.fault_done.result == RM_FAULT_RESULT_LOST);
		} else if (event.number == RM_EVENT_TASK_DIED) {
			a_died |= event.died.cookie == 0 && event.died.reason == RM_REASON_EXIT &&
			          event.died.status == 3;
			b_died |= event.died.cookie == 1 && event.died.reason == RM_REASON_FAULT;
		} else {
			sel4_yield();
		}
	}
	CHECK(touch(&p, 3) == RM_FAULT_RESULT_LOST);
	supply_page(&p, 0, 1);
	CHECK_ERR(supply(&p, p.source, 3, 1, 0), E_GONE);
	/* A dead task cannot be a pager. */
	cptr_t pager = slot_new();
	const struct rm_pager_create_in in = { .size = PAGES, .deadline = 1 };
	CHECK_ERR(rm_pager_create(bank, a->program.task, &in, rt_slot(pager)), E_GONE);
	rt_slot_put(pager);
	actor_end(a);
	actor_end(b);
	close_paged(&p);
}

/* A private region of it, and the end of the dataspace while somebody waits. */
static void test_destroy(cptr_t bank)
{
	struct paged p;
	uint64_t mine = 0;
	open_paged(&p, bank, RT_TASK, 60000);
	CHECK_OK(show_as(p.space, p.memory, 0, PAGES, RW, RM_REGION_FLAGS_PRIVATE, RM_INHERIT_COPY,
	                 &mine));
	CHECK(fault(p.space, mine + 2 * PAGE, RM_ACCESS_WRITE) == RM_FAULT_RESULT_WAIT);
	CHECK(is_read(2, 1));
	supply_page(&p, 0, 12);
	CHECK_OK(supply(&p, p.source, 2, 1, 0));
	struct event event = event_wait(RM_EVENT_FAULT_DONE);
	CHECK(event.fault_done.result == RM_FAULT_RESULT_RESUME);
	CHECK(peek(p.space, mine + 2 * PAGE) == 12);
	CHECK(touch(&p, 2) == RM_FAULT_RESULT_RESUME && touch(&p, 9) == RM_FAULT_RESULT_WAIT);
	CHECK(is_read(9, 1));
	const struct rm_pager_open_in all = { .rights = RW | RM_RIGHT_EXECUTE };
	cptr_t whole = slot_new();
	CHECK_ERR(rm_dataspace_destroy(p.memory), E_PERM);
	CHECK_ERR(rm_dataspace_destroy(p.pager), E_INVAL);
	CHECK_OK(rm_pager_open(p.pager, &all, rt_slot(whole)));
	CHECK_OK(rm_dataspace_destroy(whole));
	CHECK(is_done(&p, 9, RM_FAULT_RESULT_LOST));
	CHECK_ERR(rm_pager_detach(p.pager), E_GONE);
	CHECK(peek(p.space, mine + 2 * PAGE) == 12 && peek(p.space, p.at + 2 * PAGE) == NOT_THERE);
	CHECK(fault(p.space, mine + 3 * PAGE, RM_ACCESS_READ) == RM_FAULT_RESULT_LOST);
	rt_slot_put(whole);
	close_paged(&p);
}

/* What rm does not have yet says so. */
static void test_missing(cptr_t bank)
{
	struct paged p;
	struct rm_pager_query_dirty_out out = { 0 };
	open_paged(&p, bank, RT_TASK, 60000);
	const struct rm_pager_dirty_in dirty = { .count = 1 };
	err_t err = rm_pager_dirty(p.pager, &dirty);
	if (err == E_UNSUPPORTED) {
		const struct rm_pager_writeback_begin_in begin = { .count = 1 };
		const struct rm_pager_writeback_end_in end = { .count = 1 };
		const struct rm_pager_resize_in size = { .size = 1 };
		CHECK_ERR(
		        rm_pager_query_dirty(p.pager, &(struct rm_pager_query_dirty_in){ 0 }, &out),
		        E_UNSUPPORTED);
		CHECK_ERR(rm_pager_writeback_begin(p.pager, &begin), E_UNSUPPORTED);
		CHECK_ERR(rm_pager_writeback_end(p.pager, &end), E_UNSUPPORTED);
		CHECK_ERR(rm_pager_resize(p.pager, &size), E_UNSUPPORTED);
	} else {
		CHECK_OK(err);
	}
	close_paged(&p);
}

const struct test pager_tests[] = {
	{ "pager_supply", test_supply },
	{ "pager_supply: refused", test_supply_refused },
	{ "pager_fail", test_fail },
	{ "pager: deadline", test_deadline },
	{ "pager_detach", test_detach },
	{ "pager: threads that wait", test_threads },
	{ "pager: threads of one program", test_one_program },
	{ "pager: the server dies", test_dies },
	{ "pager: destroyed, private", test_destroy },
	{ "pager: not there yet", test_missing },
	{ 0 },
};
