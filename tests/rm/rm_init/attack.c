/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Attacks of docs/design/protocols.md, section 8, that have no place among the methods: the number
 * is in the test's name. Main asks in the names of client and server.
 */
#include "test.h"
#include <proto/guard.h>
#include <rt/sel4.h>
#include <rt/thread.h>

enum { PAGES = LENT_PAGES, NEXT = 2, ENDPOINT = GIFT_FIRST + 10, SESSION2 = 30 };
#define FAULTABLE RM_SHARE_CLASS_FAULTABLE
#define SEALED RM_SHARE_CLASS_SEALED

/* -- helpers ----------------------------------------------------------------------------------- */

static err_t resize(cptr_t memory, uint64_t pages)
{
	return rm_dataspace_resize(memory, &(struct rm_dataspace_resize_in){ .size = pages });
}

static rm_session_t session_of(const struct lent *l)
{
	return (rm_session_t){ l->p.client->box->word[0] };
}

static enum rm_session_state state_of(const struct actor *server, rm_session_t session)
{
	const struct rm_session_query_in in = { .session = session };
	struct rm_session_query_out out = { 0 };
	return rm_session_query(server->program.task, &in, &out) == E_OK ? out.status.state : 0;
}

/* The next event of that number, which comes soon; others before it are dropped. */
static struct event told(const struct actor *actor, unsigned int number)
{
	struct event event = { 0 };
	for (unsigned int i = 0; i < 1000 && event.number != number; i++) {
		event = event_next(actor->program.task);
		if (event.number == 0)
			wait_ms(1);
	}
	CHECK(event.number == number);
	return event;
}

static err_t donate(const struct lent *l, cptr_t memory, uint64_t first, uint64_t size)
{
	const struct rm_donate_in in = {
		.session = session_of(l), .first = first, .size = size, .contents = RM_CONTENTS_KEPT
	};
	struct rm_donate_out out = { 0 };
	return rm_donate(l->p.client->program.task, memory, &in, &out);
}

/* -- 5 ----------------------------------------------------------------------------------------- */

/* Pages that are given up and made anew are the dataspace's new ones, and no violation. */
static void test_anew(cptr_t bank)
{
	struct lent l;
	lent_make(&l, bank, RM_POLICY_SEVER, FAULTABLE);
	const struct box *box = l.p.server->box;
	CHECK(server_loads(l.p.server, load, 5) == E_OK && box->word[VALUE] == 106);
	CHECK_OK(resize(l.memory, 4));
	CHECK_OK(resize(l.memory, PAGES));
	CHECK(server_loads(l.p.server, load, 5) == E_OK && box->word[VALUE] == 0);
	*word_at(l.at, 6) = 7;
	CHECK(server_loads(l.p.server, load, 5) == E_OK && box->word[VALUE] == 7);
	CHECK(server_loads(l.p.server, load, 2) == E_OK && box->word[VALUE] == 103);
	CHECK(state_of(l.p.server, session_of(&l)) == RM_SESSION_STATE_OPEN);
	/* Another dataspace in its place is another one. */
	CHECK_OK(rm_dataspace_destroy(l.memory));
	CHECK_OK(hide(RT_VSPACE, l.at, PAGES));
	rt_slot_put(l.memory);
	CHECK_OK(memory_make(l.p.client->bank, PAGES, 0, &l.memory));
	CHECK_OK(show(l.memory, PAGES, &l.at));
	fill(l.at, PAGES, 500);
	CHECK_ERR(server_loads(l.p.server, load, 5), E_GONE);
	CHECK(state_of(l.p.server, session_of(&l)) == RM_SESSION_STATE_SEVERED);
	lent_end(&l);
}

/* -- 9 ----------------------------------------------------------------------------------------- */

/* What is no memory, or such as cannot be taken away: refused, and the server hears nothing. */
static void refused(struct lent *l, cptr_t what, err_t err)
{
	CHECK_ERR(lend(l, what, 0, 1, RW, FAULTABLE), err);
	CHECK_ERR(lend(l, what, 0, 1, RW, SEALED), err);
	CHECK_ERR(donate(l, what, 0, 1), err);
	CHECK(event_next(l->p.server->program.task).number == 0);
}

static void test_no_memory(cptr_t bank)
{
	struct lent l;
	lent_make(&l, bank, RM_POLICY_REPORT, FAULTABLE);
	const struct rm_notification_create_in in = { .badge = 1 };
	const struct rm_pager_create_in paging = { .size = 4, .deadline = 60000 };
	const struct rm_pager_open_in opening = { .rights = RM_RIGHT_READ | RM_RIGHT_WRITE |
		                                            RM_RIGHT_EXECUTE };
	const struct rm_dataspace_create_device_in device_in = { .physical = 0xb8000,
		                                                 .size = 1,
		                                                 .caching = RM_CACHING_UNCACHED };
	struct rm_notification_create_out out;
	cptr_t signal = slot_new(), pager = slot_new(), paged = slot_new(), device = slot_new();
	CHECK_OK(rm_notification_create(l.p.client->program.task, &in, rt_slot(signal), &out));
	CHECK_OK(rm_pager_create(bank, RT_TASK, &paging, rt_slot(pager)));
	CHECK_OK(rm_pager_open(pager, &opening, rt_slot(paged)));
	const cptr_t none[] = { RT_CNODE,
		                signal,
		                RT_TASK,
		                RT_VSPACE,
		                RT_SYSTEM,
		                bank,
		                pager,
		                l.p.client->program.thread,
		                l.p.server->program.task,
		                ENDPOINT + 700 };
	const struct rm_bank_status before = bank_status(l.p.client->bank);
	for (unsigned int i = 0; i + 1 < COUNT_OF(none); i++)
		refused(&l, none[i], E_INVAL);
	CHECK_ERR(lend(&l, paged, 0, 1, RW, SEALED), E_UNSUPPORTED);
	CHECK_ERR(donate(&l, paged, 0, 1), E_UNSUPPORTED);
	if (rm_dataspace_create_device(RT_SYSTEM, bank, &device_in, rt_slot(device)) == E_OK) {
		refused(&l, device, E_UNSUPPORTED);
		CHECK_OK(rm_dataspace_destroy(device));
	} else {
		rt_log("# there is no memory of a device to be lent");
	}
	const struct rm_bank_status after = bank_status(l.p.client->bank);
	CHECK(bank_same(&before, &after));
	CHECK(server_loads(l.p.server, load, 1) == E_OK);
	CHECK_OK(rm_dataspace_destroy(paged));
	rt_slot_clear(signal);
	slots_put((cptr_t[]){ signal, pager, paged, device }, 4);
	lent_end(&l);
}

/* A large page is lent, sealed and given like any other memory: in parts. */
static void test_large(cptr_t bank)
{
	enum { LARGE = 4 * MIB_PAGES, AT_PAGE = 2 * MIB_PAGES + 77 };
	struct lent l;
	cptr_t memory;
	uint64_t at;
	lent_make(&l, bank, RM_POLICY_REPORT, FAULTABLE);
	struct box *box = l.p.server->box;
	CHECK_OK(memory_make(bank, LARGE, 0, &memory));
	CHECK_OK(show(memory, LARGE, &at));
	fill(at, LARGE, 1000);
	for (unsigned int class = FAULTABLE; class <= SEALED; class ++) {
		CHECK_OK(lend(&l, memory, AT_PAGE, 3, RW, (uint8_t) class));
		actor_do(l.p.server, take_shared);
		actor_do(l.p.server, map_window);
		CHECK(server_loads(l.p.server, load, 2) == E_OK &&
		      box->word[VALUE] == 1000 + AT_PAGE + 2);
		const struct rm_share_release_in release = { .share = l.share };
		CHECK_OK(rm_share_release(l.p.server->program.task, &release));
		CHECK_ERR(server_loads(l.p.server, load, 2), E_GONE);
	}
	CHECK_OK(donate(&l, memory, AT_PAGE + 1, 1));
	CHECK(peek(RT_VSPACE, at + (AT_PAGE + 1) * PAGE) == NOT_THERE);
	CHECK(*word_at(at, AT_PAGE) == 1000 + AT_PAGE);
	CHECK(*word_at(at, AT_PAGE + 2) == 1000 + AT_PAGE + 2);
	CHECK_OK(hide(RT_VSPACE, at, LARGE));
	CHECK_OK(rm_dataspace_destroy(memory));
	rt_slot_put(memory);
	lent_end(&l);
}

/* -- 11 ---------------------------------------------------------------------------------------- */

static void connect_second(struct box *box)
{
	const struct rm_session_connect_in in = {
		.limit = 16 * PAGE, .version = 1, .name = "t", .name_count = 1
	};
	struct rm_session_connect_out out = { 0 };
	box->word[1] =
	        (uint64_t)rm_session_connect(RT_TASK, RT_BANK, &in, rt_slot(GIFT_FIRST + 20), &out);
	box->word[SESSION2] = out.session.raw;
}

static struct actor *second_server(struct lent *l, cptr_t bank, uint8_t policy)
{
	struct actor *second = actor_new(NEXT, bank), *client = l->p.client;
	cptr_t endpoint;
	CHECK_OK(rt_name_grant(second->program.task, "t", RM_NAME_RIGHT_SERVE));
	CHECK_OK(rt_name_grant(client->program.task, "t", RM_NAME_RIGHT_CONNECT));
	CHECK_OK(name_register(second->program.task, "t", LENT_DEADLINE_MS, &endpoint));
	actor_start(client, connect_second);
	const rm_session_t session = told(second, RM_EVENT_SESSION_OPENED).opened.session;
	CHECK_OK(session_accept(second->program.task, session));
	actor_join(client);
	second->box->word[0] = session.raw;
	const struct rm_share_create_in in = {
		.session = session, .size = PAGES, .rights = RW, .class = FAULTABLE
	};
	struct rm_share_create_out out = { 0 };
	CHECK_OK(rm_share_create(client->program.task, l->memory, &in, &out));
	actor_do(second, take_shared);
	second->box->word[POLICY] = policy;
	actor_do(second, map_window);
	CHECK(second->box->word[1] == E_OK);
	rt_slot_clear(endpoint);
	rt_slot_put(endpoint);
	return second;
}

/* One page, two servers: each access fails, and each has it out with its own session. */
static void test_two_servers(cptr_t bank)
{
	for (unsigned int policy = RM_POLICY_REPORT; policy <= RM_POLICY_SEVER; policy++) {
		struct lent l;
		lent_make(&l, bank, RM_POLICY_SEVER, FAULTABLE);
		struct actor *second = second_server(&l, bank, (uint8_t)policy);
		const rm_session_t session = { second->box->word[0] };
		CHECK(server_loads(l.p.server, load, 5) == E_OK);
		CHECK(server_loads(second, load, 6) == E_OK && second->box->word[VALUE] == 106);
		CHECK_OK(resize(l.memory, 4));
		CHECK_ERR(server_loads(l.p.server, load, 5), E_GONE);
		CHECK(state_of(l.p.server, session_of(&l)) == RM_SESSION_STATE_SEVERED);
		/* That was between the other two. */
		CHECK(state_of(second, session) == RM_SESSION_STATE_OPEN);
		CHECK(server_loads(second, load, 3) == E_OK && second->box->word[VALUE] == 103);
		CHECK_ERR(server_loads(second, load, 6), E_GONE);
		bool severed = state_of(second, session) == RM_SESSION_STATE_SEVERED;
		CHECK(severed == (policy == RM_POLICY_SEVER));
		CHECK(server_loads(second, load, 3) == (severed ? E_GONE : E_OK));
		server_cleans_up(&l.p, RM_REASON_VIOLATION);
		CHECK_OK(rm_dataspace_destroy(l.memory));
		CHECK_OK(hide(RT_VSPACE, l.at, PAGES));
		rt_slot_put(l.memory);
		actor_end(l.p.client);
		actor_end(second);
		actor_end(l.p.server);
	}
}

/* -- 15 ---------------------------------------------------------------------------------------- */

/* The client gives what it has of the session to an accomplice, whose task it holds. */
static void pass_badge(struct box *box)
{
	box->word[1] = (uint64_t)task_put(GIFT_FIRST, ENDPOINT, ENDPOINT);
}

static void call_late(struct box *box)
{
	const struct sel4_msg m =
	        sel4_call(ENDPOINT, (struct sel4_msg){ abi_msginfo(100, 0, 0, 1), { 41 }, 0 });
	box->word[7] = abi_msginfo_label(m.info);
}

static void test_accomplice(cptr_t bank)
{
	struct pair p;
	pair_make(&p, bank, LENT_DEADLINE_MS);
	pair_open(&p);
	struct actor *accomplice = actor_new(NEXT, bank);
	struct pair with = { .server = p.server, .client = accomplice };
	CHECK_OK(task_put(p.client->program.task, accomplice->program.task, GIFT_FIRST));
	actor_do(p.client, pass_badge);
	CHECK(p.client->box->word[1] == E_OK);
	CHECK(pair_calls(&p));
	CHECK(pair_calls(&with)); /* as the client: that is its own affair */
	actor_start(accomplice, call_late);
	CHECK(actor_is_busy(accomplice)); /* queued */
	CHECK_OK(session_sever(p.client->program.task, (rm_session_t){ p.client->box->word[0] }));
	actor_join(accomplice);
	CHECK(accomplice->box->word[7] != 0);
	for (unsigned int i = 0; i < 3; i++) {
		actor_do(accomplice, call_late);
		CHECK(accomplice->box->word[7] != 0);
	}
	server_cleans_up(&p, RM_REASON_CLOSED);
	actor_do(accomplice, call_late);
	CHECK(accomplice->box->word[7] != 0);
	actor_end(accomplice);
	pair_end(&p);
}

/* -- 18 ---------------------------------------------------------------------------------------- */

/* Whatever is said of a session that is over says nothing of the one that came after it. */
static void test_stale(cptr_t bank)
{
	struct lent l;
	lent_make(&l, bank, RM_POLICY_REPORT, FAULTABLE);
	struct box *box = l.p.server->box;
	cptr_t server = l.p.server->program.task, client = l.p.client->program.task;
	const rm_session_t old = session_of(&l);
	const rm_share_t share = l.share;
	CHECK_OK(session_sever(client, old));
	server_cleans_up(&l.p, RM_REASON_CLOSED);
	pair_open(&l.p);
	CHECK(session_of(&l).raw != old.raw);
	CHECK_ERR(session_acknowledge(server, old), E_GONE);
	CHECK_ERR(session_accept(server, old), E_GONE);
	CHECK_ERR(session_sever(server, old), E_GONE);
	CHECK_ERR(session_sever(client, old), E_GONE);
	CHECK_ERR(rm_share_release(server, &(struct rm_share_release_in){ .share = share }),
	          E_GONE);
	/* The window of old shows nothing, whatever is lent anew. */
	CHECK_OK(lend(&l, l.memory, 1, PAGES - 1, RW, FAULTABLE));
	CHECK_ERR(server_loads(l.p.server, load, 2), E_GONE);
	CHECK(state_of(l.p.server, session_of(&l)) == RM_SESSION_STATE_OPEN);
	uint64_t window = box->word[WINDOW];
	box->word[0] = session_of(&l).raw;
	actor_do(l.p.server, take_shared);
	actor_do(l.p.server, map_window);
	CHECK(box->word[1] == E_OK && box->word[WINDOW] != window);
	CHECK(server_loads(l.p.server, load, 2) == E_OK && box->word[VALUE] == 103);
	CHECK(pair_calls(&l.p));
	lent_end(&l);
}

/* -- 21 ---------------------------------------------------------------------------------------- */

enum { MANY = 2400, MEMORY = GIFT_FIRST + 1, ENDS = 5 };

static void donate_many(struct box *box)
{
	const struct rm_donate_in in = { .session = { box->word[0] },
		                         .size = MANY,
		                         .contents = RM_CONTENTS_KEPT };
	struct rm_donate_out out = { 0 };
	box->word[1] = (uint64_t)rm_donate(RT_TASK, MEMORY, &in, &out);
}

static void exits(const struct actor *actor)
{
	CHECK_OK(rm_task_exit(actor->program.task, &(struct rm_task_exit_in){ .status = 1 }));
	CHECK(actor_died(actor).status == 1);
}

/* One of those who have to do with it ends; then both. true: while it was under way. */
static bool ends_amid(struct pair *p, cptr_t memory, unsigned int who)
{
	bool amid = actor_is_busy(p->client);
	if (who == 0)
		exits(p->client);
	else if (who == 1)
		exits(p->server);
	else if (who == 2)
		CHECK_OK(rm_dataspace_destroy(memory));
	else if (who == 3)
		CHECK_OK(session_sever(p->client->program.task,
		                       (rm_session_t){ p->client->box->word[0] }));
	pair_end(p);
	return amid;
}

static unsigned int donation_ends(cptr_t bank, unsigned int who, unsigned int steps)
{
	struct pair p;
	cptr_t memory;
	uint64_t at;
	pair_make(&p, bank, 10000);
	p.client->box->word[2] = 90; /* for rm's records */
	pair_open(&p);
	const struct rm_bank_status before = bank_status(bank);
	CHECK_OK(memory_make(bank, MANY, 0, &memory));
	CHECK_OK(show(memory, MANY, &at));
	fill(at, MANY, 1);
	CHECK_OK(task_put(p.client->program.task, memory, MEMORY));
	actor_start(p.client, donate_many);
	/* rm's worker has a fifth of the time: it goes on in between. */
	for (unsigned int i = 0; i < steps && actor_is_busy(p.client); i++)
		wait_ms(5);
	bool amid = ends_amid(&p, memory, who);
	/* The session's bank goes last; until then they are away, and main would end, too. */
	for (unsigned int i = 0; i < 2000 && bank_status(bank).children > 0; i++)
		wait_ms(1);
	CHECK(bank_status(bank).children == 0);
	if (who != 2) {
		/* All of it was given, and is back empty; or none. */
		bool given = *word_at(at, 0) == 0;
		for (uint64_t page = 0; page < MANY; page += given ? 97 : 1)
			CHECK(*word_at(at, page) == (given ? 0 : 1 + page));
	}
	CHECK_OK(hide(RT_VSPACE, at, MANY));
	if (who != 2)
		CHECK_OK(rm_dataspace_destroy(memory));
	rt_slot_put(memory);
	const struct rm_bank_status after = bank_status(bank);
	CHECK(after.limit == before.limit + 2ul * MIB); /* the actors' */
	CHECK(rm_is_valid());
	return amid;
}

/* How many are caught is the machine's speed; in the simulation it is chance. */
static void test_amid(cptr_t bank)
{
	unsigned int amid = 0;
	for (unsigned int who = 0; who < ENDS; who++)
		for (unsigned int steps = 0; steps < 3; steps++)
			amid += donation_ends(bank, who, steps);
	rt_log("# %u of %u donations ended while they were under way", amid, ENDS * 3);
}

const struct test attack_tests[] = {
	{ "attack 5: shrink, then grow", test_anew },
	{ "attack 9: what is no memory", test_no_memory },
	{ "attack 9: large pages", test_large },
	{ "attack 11: one page, two servers", test_two_servers },
	{ "attack 15: an accomplice's copy", test_accomplice },
	{ "attack 18: stale words of an old session", test_stale },
	{ "attack 21: ends amid a donation", test_amid },
	{ 0 },
};
