/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Out of memory at every n-th page: each operation that allocates, with a bank that has 0, 1, 2,
 * ... pages left, until it succeeds. Before that it is an error, and the bank is as it was; and
 * when the bank is destroyed RT_BANK is what it was, to the page.
 */
#include "test.h"
#include <rt/sel4_object.h>

enum { TRIES_MAX = 600 };
#define BASE 0x10000000ul

/* What an operation finds. `rich` is another bank, which has enough. */
struct world {
	cptr_t poor, rich;
	cptr_t space, task, memory, thread, pager, made;
	uint64_t at;
	rm_session_t session;
};

struct operation {
	const char *name;
	void (*prepare)(struct world *w);
	err_t (*fn)(struct world *w);
};

static void nothing(struct world *w)
{
	(void)w;
}

static void with_space(struct world *w)
{
	w->space = space_make(w->poor);
}

static void with_memory(struct world *w)
{
	CHECK_OK(memory_make(w->poor, 200, 0, &w->memory));
}

static void with_rich_memory(struct world *w)
{
	CHECK_OK(memory_make(w->rich, 200, 0, &w->memory));
	CHECK_OK(show(w->memory, 200, &w->at));
	for (uint64_t i = 0; i < 200; i++)
		*(volatile uint64_t *)(w->at + i * PAGE) = i;
	CHECK_OK(hide(RT_VSPACE, w->at, 200));
}

static void with_region(struct world *w)
{
	with_space(w);
	with_memory(w);
	w->at = BASE;
	CHECK_OK(show_as(w->space, w->memory, 0, 200, RW, RM_REGION_FLAGS_FIXED, RM_INHERIT_COPY,
	                 &w->at));
}

static void with_pages(struct world *w)
{
	with_region(w);
	for (uint64_t i = 0; i < 200; i++)
		CHECK(fault(w->space, w->at + i * PAGE, RM_ACCESS_WRITE) == RM_FAULT_RESULT_RESUME);
}

static void with_task(struct world *w)
{
	with_region(w);
	CHECK_OK(task_make(w->poor, w->space, "oom", &w->task));
}

static void with_buffer(struct world *w)
{
	with_task(w);
	CHECK(fault(w->space, w->at, RM_ACCESS_WRITE) == RM_FAULT_RESULT_RESUME);
}

static void with_thread(struct world *w)
{
	const struct rm_thread_create_in in = { .buffer = BASE, .schedule = schedule_at(1) };
	with_task(w);
	w->thread = slot_new();
	CHECK_OK(rm_thread_create(w->task, &in, rt_slot(w->thread)));
}

static void with_server(struct world *w)
{
	with_task(w);
	CHECK_OK(rt_name_grant(w->task, "oom", RM_NAME_RIGHT_SERVE | RM_NAME_RIGHT_CONNECT));
}

static err_t made(struct world *w, err_t err)
{
	if (err == E_OK)
		rt_slot_clear(w->made);
	return err;
}

static err_t op_bank(struct world *w)
{
	/* The child takes what is left. */
	const struct rm_bank_status status = bank_status(w->poor);
	const struct rm_bank_create_in in = { .limit = status.limit - status.used };
	return made(w, rm_bank_create(w->poor, &in, rt_slot(w->made)));
}

static err_t op_dataspace(struct world *w)
{
	const struct rm_dataspace_create_in in = { .size = 100, .align = 12 };
	return made(w, rm_dataspace_create(w->poor, &in, rt_slot(w->made)));
}

static err_t op_pinned(struct world *w)
{
	const struct rm_dataspace_create_in in = { .size = 30,
		                                   .flags = RM_DATASPACE_FLAGS_PINNED,
		                                   .align = 12 };
	return made(w, rm_dataspace_create(w->poor, &in, rt_slot(w->made)));
}

static err_t op_contiguous(struct world *w)
{
	const struct rm_dataspace_create_in in = { .size = 30,
		                                   .flags = RM_DATASPACE_FLAGS_PINNED |
		                                            RM_DATASPACE_FLAGS_CONTIGUOUS,
		                                   .align = 12 };
	return made(w, rm_dataspace_create(w->poor, &in, rt_slot(w->made)));
}

static err_t op_clone(struct world *w)
{
	const struct rm_dataspace_clone_in in = { .size = 60 };
	return made(w, rm_dataspace_clone(w->memory, w->poor, &in, rt_slot(w->made)));
}

static err_t op_clone_own(struct world *w)
{
	const struct rm_dataspace_clone_in in = { .size = 200 };
	return made(w, rm_dataspace_clone(w->memory, w->poor, &in, rt_slot(w->made)));
}

static err_t op_resize(struct world *w)
{
	return rm_dataspace_resize(w->memory, &(struct rm_dataspace_resize_in){ .size = 10 });
}

static err_t op_restrict(struct world *w)
{
	const struct rm_dataspace_restrict_in in = { .rights = RM_RIGHT_READ };
	return made(w, rm_dataspace_restrict(w->memory, &in, rt_slot(w->made)));
}

static err_t op_destroy(struct world *w)
{
	return rm_dataspace_destroy(w->memory);
}

static err_t op_pager(struct world *w)
{
	const struct rm_pager_create_in in = { .size = 100, .deadline = 60000 };
	return made(w, rm_pager_create(w->poor, RT_TASK, &in, rt_slot(w->made)));
}

static void with_pager(struct world *w)
{
	const struct rm_pager_create_in in = { .size = RM_PAGES_MAX, .deadline = 60000 };
	with_pages(w);
	w->pager = slot_new();
	CHECK_OK(rm_pager_create(w->poor, RT_TASK, &in, rt_slot(w->pager)));
}

static err_t op_supply(struct world *w)
{
	const struct rm_pager_supply_in in = { .first = RM_PAGES_MAX / 2 + 3, .count = 64 };
	return rm_pager_supply(w->pager, w->memory, &in);
}

static err_t op_vspace(struct world *w)
{
	return made(w, rm_vspace_create(w->poor, rt_slot(w->made)));
}

static err_t op_vspace_clone(struct world *w)
{
	return made(w, rm_vspace_clone(w->space, w->poor, rt_slot(w->made)));
}

/* Several regions, of which some are private, and of a bank that is not the copy's. */
static void with_rich_space(struct world *w)
{
	cptr_t poor = w->poor;
	w->poor = w->rich;
	with_pages(w);
	w->poor = poor;
	for (unsigned int i = 0; i < 6; i++) {
		uint64_t at = BASE + 0x1000000 * (i + 1ul);
		CHECK_OK(show_as(w->space, w->memory, i, 3, RW,
		                 RM_REGION_FLAGS_FIXED | (i % 2 ? RM_REGION_FLAGS_PRIVATE : 0),
		                 i % 3 ? RM_INHERIT_COPY : RM_INHERIT_SHARE, &at));
		CHECK(fault(w->space, at, RM_ACCESS_WRITE) == RM_FAULT_RESULT_RESUME);
	}
}

static err_t op_vspace_destroy(struct world *w)
{
	return rm_vspace_destroy(w->space);
}

static err_t op_map(struct world *w)
{
	uint64_t at = 0;
	return show_as(w->space, w->memory, 0, 10, RW, 0, RM_INHERIT_COPY, &at);
}

static err_t op_map_private(struct world *w)
{
	uint64_t at = 0;
	return show_as(w->space, w->memory, 0, 10, RW, RM_REGION_FLAGS_PRIVATE, RM_INHERIT_COPY,
	               &at);
}

static err_t op_unmap(struct world *w)
{
	return hide(w->space, BASE + 10 * PAGE, 50);
}

static err_t op_protect(struct world *w)
{
	return protect(w->space, BASE + 10 * PAGE, 50, RM_RIGHT_READ);
}

static err_t op_fault(struct world *w)
{
	struct rm_vspace_fault_out out = { 0 };
	const struct rm_vspace_fault_in in = { .at = BASE, .access = RM_ACCESS_WRITE };
	err_t err = rm_vspace_fault(w->space, &in, &out);
	return err != E_OK ? err : out.result == RM_FAULT_RESULT_NO_MEMORY ? E_NOMEM : E_OK;
}

static err_t op_populate(struct world *w)
{
	struct rm_vspace_populate_out out = { 0 };
	return rm_vspace_populate(w->space, &out);
}

static err_t task_of(struct world *w, uint8_t bits)
{
	const struct rm_task_create_in in = { .slot_bits = bits, .name = "o", .name_count = 1 };
	return made(w, rm_task_create(w->poor, w->space, &in, rt_slot(w->made)));
}

static err_t op_task_4(struct world *w)
{
	return task_of(w, 4);
}

static err_t op_task_12(struct world *w)
{
	return task_of(w, 12);
}

static err_t op_task_destroy(struct world *w)
{
	return rm_task_destroy(w->task);
}

static err_t op_watch(struct world *w)
{
	return rm_task_watch(RT_TASK, w->task, &(struct rm_task_watch_in){ .cookie = 9 });
}

static err_t op_reply(struct world *w)
{
	return made(w, rm_reply_create(w->task, rt_slot(w->made)));
}

static err_t op_thread(struct world *w)
{
	const struct rm_thread_create_in in = { .buffer = BASE, .schedule = schedule_at(1) };
	return made(w, rm_thread_create(w->task, &in, rt_slot(w->made)));
}

static err_t op_grant(struct world *w)
{
	return rt_name_grant(w->task, "oom", RM_NAME_RIGHT_SERVE);
}

static err_t op_register(struct world *w)
{
	const struct rm_name_register_in in = {
		.deadline = 1000, .version = 1, .name = "oom", .name_count = 3
	};
	return made(w, rm_name_register(w->task, &in, rt_slot(w->made)));
}

static err_t op_name_watch(struct world *w)
{
	const struct rm_name_watch_in in = { .name = "oom", .name_count = 3 };
	return rm_name_watch(w->task, &in);
}

static err_t op_notification(struct world *w)
{
	struct rm_notification_create_out out = { 0 };
	const struct rm_notification_create_in in = { .badge = 1 };
	return made(w, rm_notification_create(w->task, &in, rt_slot(w->made), &out));
}

static err_t op_event_notification(struct world *w)
{
	const struct rm_event_notification_in in = { .badge = 1 };
	return made(w, rm_event_notification(w->task, &in, rt_slot(w->made)));
}

static err_t op_event_bind(struct world *w)
{
	const struct rm_event_bind_in in = { .badge = 1 };
	return rm_event_bind(w->task, w->thread, &in);
}

static const struct operation operations[] = {
	{ "bank_create", nothing, op_bank },
	{ "dataspace_create", nothing, op_dataspace },
	{ "dataspace_create: pinned", nothing, op_pinned },
	{ "dataspace_create: contiguous", nothing, op_contiguous },
	{ "dataspace_clone: another bank's", with_rich_memory, op_clone },
	{ "dataspace_clone", with_pages, op_clone_own },
	{ "dataspace_resize", with_pages, op_resize },
	{ "dataspace_restrict", with_memory, op_restrict },
	{ "dataspace_destroy", with_pages, op_destroy },
	{ "pager_create", nothing, op_pager },
	{ "pager_supply", with_pager, op_supply },
	{ "vspace_create", nothing, op_vspace },
	{ "vspace_clone", with_pages, op_vspace_clone },
	{ "vspace_clone: another bank's", with_rich_space, op_vspace_clone },
	{ "vspace_destroy", with_pages, op_vspace_destroy },
	{ "region_map", with_region, op_map },
	{ "region_map: private", with_region, op_map_private },
	{ "region_unmap", with_pages, op_unmap },
	{ "region_protect", with_pages, op_protect },
	{ "vspace_fault", with_region, op_fault },
	{ "vspace_populate", with_region, op_populate },
	{ "task_create: 16 slots", with_space, op_task_4 },
	{ "task_create: 4096 slots", with_space, op_task_12 },
	{ "task_destroy", with_thread, op_task_destroy },
	{ "task_watch", with_task, op_watch },
	{ "reply_create", with_task, op_reply },
	{ "thread_create", with_buffer, op_thread },
	{ "thread_create: its buffer is not there", with_task, op_thread },
	{ "name_grant", with_task, op_grant },
	{ "name_register", with_server, op_register },
	{ "name_watch", with_server, op_name_watch },
	{ "notification_create", with_task, op_notification },
	{ "event_notification", with_task, op_event_notification },
	{ "event_bind", with_thread, op_event_bind },
};

static bool is_want(err_t err)
{
	return err == E_NOMEM || err == E_LIMIT;
}

/* True: it succeeded with so many pages. */
static bool attempt(const struct operation *op, uint64_t pages)
{
	struct world w = { .made = slot_new() };
	const struct rm_bank_status all_before = bank_status(RT_BANK);
	CHECK_OK(bank_make(RT_BANK, 900, &w.rich));
	CHECK_OK(bank_make(RT_BANK, 900, &w.poor));
	op->prepare(&w);
	bank_leave(w.poor, pages);
	const struct rm_bank_status before = bank_status(w.poor);
	err_t err = op->fn(&w);
	CHECK(err == E_OK || is_want(err));
	if (err != E_OK && !is_want(err))
		rt_log("# %s with %lu pages: %s", op->name, pages, err_name(err));
	struct rm_bank_status after =
	        err == E_OK ? bank_status(w.poor) : bank_settled(w.poor, &before);
	/* A page that was touched on the way stays. */
	if (op->fn == op_fault || op->fn == op_populate ||
	    (op->fn == op_thread && op->prepare == with_task))
		after.used = before.used;
	if (err != E_OK && !bank_same(&before, &after)) {
		rt_log("# %s with %lu pages: used %lu -> %lu, pinned %lu -> %lu, objects %u -> %u",
		       op->name, pages, before.used, after.used, before.pinned, after.pinned,
		       before.objects, after.objects);
		check_failed(__FILE__, __LINE__, "an error changes nothing", E_OK);
	}
	CHECK_OK(rm_bank_destroy(w.poor));
	CHECK_OK(rm_bank_destroy(w.rich));
	const struct rm_bank_status all_after = bank_status(RT_BANK);
	if (!bank_same(&all_before, &all_after)) {
		rt_log("# %s with %lu pages: used %lu -> %lu, limit %lu -> %lu", op->name, pages,
		       all_before.used, all_after.used, all_before.limit, all_after.limit);
		check_failed(__FILE__, __LINE__, "nothing is left", E_OK);
	}
	slots_put(
	        (cptr_t[]){ w.poor, w.rich, w.space, w.task, w.memory, w.thread, w.pager, w.made },
	        8);
	return err == E_OK;
}

static void test_all(cptr_t bank)
{
	(void)bank;
	for (unsigned int i = 0; i < COUNT_OF(operations); i++) {
		uint64_t pages = 0;
		while (pages < TRIES_MAX && !attempt(&operations[i], pages))
			pages += pages < 40 ? 1 : 13;
		CHECK(pages < TRIES_MAX);
		CHECK(rm_is_valid());
		if (pages >= TRIES_MAX)
			rt_log("# %s: not even with %lu pages", operations[i].name, pages);
	}
}

/* -- sessions: the payer is the client's, then the session's bank is the one without ----------- */

static void session_world(struct world *w, cptr_t *endpoint, cptr_t *client)
{
	with_server(w);
	CHECK_OK(name_register(w->task, "oom", 60000, endpoint));
	CHECK_OK(task_make(w->rich, w->space, "client", client));
	CHECK_OK(rt_name_grant(*client, "oom", RM_NAME_RIGHT_CONNECT));
}

static void connect_it(struct box *box)
{
	struct rm_session_connect_in in = {
		.limit = box->word[2] * PAGE, .version = 1, .name = "oom", .name_count = 3
	};
	struct rm_session_connect_out out = { 0 };
	box->word[1] = (uint64_t)rm_session_connect(GIFT_FIRST, GIFT_FIRST + 1, &in,
	                                            rt_slot(GIFT_FIRST + 2), &out);
	rt_slot_clear(GIFT_FIRST + 2);
	box->word[0] = out.session.raw;
}

static err_t mint_all(struct world *w, unsigned int what)
{
	struct rm_session_mint_endpoint_out endpoint = { 0 };
	struct rm_notification_create_out notification = { 0 };
	struct rm_session_mint_notification_out minted = { 0 };
	const struct rm_session_mint_endpoint_in a = { .session = w->session };
	const struct rm_notification_create_in b = { .session = w->session, .badge = 4 };
	if (what == 0)
		return made(w, rm_session_mint_endpoint(w->task, &a, rt_slot(w->made), &endpoint));
	err_t err = made(w, rm_notification_create(w->task, &b, rt_slot(w->made), &notification));
	if (err != E_OK)
		return err;
	const struct rm_session_mint_notification_in c = { .session = w->session,
		                                           .notification =
		                                                   notification.notification,
		                                           .badge = 1,
		                                           .rights = RM_RIGHT_WRITE };
	for (unsigned int i = 0; i < 200 && err == E_OK; i++)
		err = made(w, rm_session_mint_notification(w->task, &c, rt_slot(w->made), &minted));
	return err;
}

static void clear_gifts(struct box *box)
{
	(void)box;
	for (unsigned int i = 0; i < 3; i++)
		rt_slot_clear(GIFT_FIRST + i);
}

/* With a limit of 0, 1, 2, ... pages; then roots are made until the session's bank is full. */
static void test_session(cptr_t bank)
{
	struct actor *a = actor_new(0, bank);
	unsigned int opened = 0;
	for (uint64_t pages = 0; pages < 12; pages++) {
		struct world w = { .made = slot_new() };
		cptr_t endpoint, client;
		const struct rm_bank_status all_before = bank_status(bank);
		CHECK_OK(bank_make(bank, 700, &w.rich));
		CHECK_OK(bank_make(bank, 700, &w.poor));
		session_world(&w, &endpoint, &client);
		CHECK_OK(task_put(a->program.task, client, GIFT_FIRST));
		CHECK_OK(task_put(a->program.task, w.rich, GIFT_FIRST + 1));
		const struct rm_bank_status before = bank_status(w.rich);
		a->box->word[2] = pages;
		actor_start(a, connect_it);
		if (!actor_is_busy(a)) {
			CHECK(is_want((err_t)a->box->word[1]) && opened == 0);
			for (unsigned int i = 0; i < 50 && bank_status(w.rich).children; i++)
				wait_ms(1);
			const struct rm_bank_status after = bank_status(w.rich);
			CHECK(bank_same(&before, &after));
			CHECK(task_status(w.task).sessions == 0 && task_status(w.task).events == 0);
		} else {
			const struct event event = event_next(w.task);
			w.session = event.opened.session;
			CHECK_OK(session_accept(w.task, w.session));
			opened++;
		}
		actor_join(a);
		for (unsigned int what = 0; w.session.raw && what < 2; what++) {
			err_t err;
			struct rm_session_query_out s0 = { 0 }, s1 = { 0 };
			const struct rm_session_query_in query = { .session = w.session };
			unsigned int count = 0;
			do {
				CHECK_OK(rm_session_query(w.task, &query, &s0));
				err = mint_all(&w, what);
				CHECK_OK(rm_session_query(w.task, &query, &s1));
			} while (err == E_OK && ++count < 2000);
			CHECK(is_want(err));
			CHECK(what == 1 || (s0.status.used == s1.status.used &&
			                    s0.status.roots == s1.status.roots));
		}
		if (w.session.raw) {
			CHECK_OK(session_sever(w.task, w.session));
			CHECK_OK(session_acknowledge(w.task, w.session));
		}
		CHECK_OK(rm_bank_destroy(w.poor));
		CHECK_OK(rm_bank_destroy(w.rich));
		for (unsigned int i = 0; i < 50 && bank_status(bank).children > 1; i++)
			wait_ms(1);
		const struct rm_bank_status all_after = bank_status(bank);
		CHECK(bank_same(&all_before, &all_after));
		CHECK(rm_is_valid());
		slots_put((cptr_t[]){ w.poor, w.rich, w.space, w.task, w.memory, w.made, endpoint,
		                      client },
		          8);
		actor_do(a, clear_gifts);
	}
	CHECK(opened > 0);
	actor_end(a);
}

const struct test oom_tests[] = {
	{ "out of memory: every operation", test_all },
	{ "out of memory: sessions", test_session },
	{ 0 },
};
