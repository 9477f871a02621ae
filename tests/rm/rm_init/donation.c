/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Donation: rm.idl's methods 140 to 142. Main asks in the client's name, and writes to the client's
 * memory; the server, an actor, takes what it is given, uses it, and gives it back.
 */
#include "test.h"

enum { PAGES = 8, DEADLINE_MS = 400, MANY = 150 };

/* -- what the server does ---------------------------------------------------------------------- */

static void take_donated(struct box *box)
{
	const struct event event = event_next(RT_TASK);
	CHECK(event.number == RM_EVENT_DONATED && event.donated.session.raw == box->word[0]);
	box->word[DONATION] = event.donated.donation.raw;
	box->word[GIVEN] = event.donated.size;
}

static void map_donated(struct box *box)
{
	cptr_t memory = slot_new();
	const struct rm_donation_open_in in = { .donation = { box->word[DONATION] } };
	box->word[1] = (uint64_t)rm_donation_open(RT_TASK, &in, rt_slot(memory));
	uint64_t at = 0;
	if (box->word[1] == E_OK)
		box->word[1] = (uint64_t)show(memory, box->word[GIVEN], &at);
	box->word[GIVEN_AT] = at;
	rt_slot_clear(memory);
	rt_slot_put(memory);
}

static void load_donated(struct box *box)
{
	box->word[GIVEN_VALUE] = *word_at(box->word[GIVEN_AT], box->word[PAGE_AT]);
}

static void fill_donated(struct box *box)
{
	fill(box->word[GIVEN_AT], box->word[GIVEN], box->word[GIVEN_VALUE]);
}

static void give_back(struct box *box)
{
	const struct rm_donation_return_in in = { .donation = { box->word[DONATION] },
		                                  .contents = (uint8_t)box->word[CONTENTS] };
	box->word[1] = (uint64_t)rm_donation_return(RT_TASK, &in);
}

/* -- donating ---------------------------------------------------------------------------------- */

err_t given_donate(struct given *g, cptr_t memory, uint64_t first, uint64_t size, uint8_t contents)
{
	const struct rm_donate_in in = { .session = { g->p.client->box->word[0] },
		                         .first = first,
		                         .size = size,
		                         .contents = contents };
	struct rm_donate_out out = { 0 };
	return rm_donate(g->p.client->program.task, memory, &in, &out);
}

static void given_make(struct given *g, cptr_t bank, uint64_t pages)
{
	g->at = 0;
	g->pages = pages;
	pair_make(&g->p, bank, DEADLINE_MS);
	pair_open(&g->p);
	CHECK_OK(memory_make(g->p.client->bank, pages, 0, &g->memory));
	CHECK_OK(show(g->memory, pages, &g->at));
	fill(g->at, pages, 100);
	g->client = bank_status(g->p.client->bank);
}

/* Pages [first, first + size), which the server then has. */
void given_take(struct given *g, uint64_t first, uint64_t size, uint8_t contents)
{
	struct box *box = g->p.server->box;
	CHECK_OK(given_donate(g, g->memory, first, size, contents));
	actor_do(g->p.server, take_donated);
	CHECK(box->word[GIVEN] == size);
	actor_do(g->p.server, map_donated);
	CHECK(box->word[1] == E_OK);
}

static void given_end(struct given *g)
{
	CHECK_OK(hide(RT_VSPACE, g->at, g->pages));
	rt_slot_put(g->memory);
	pair_end(&g->p);
	CHECK(rm_is_valid());
}

uint64_t server_has(struct given *g, uint64_t page)
{
	struct box *box = g->p.server->box;
	box->word[PAGE_AT] = page;
	box->word[GIVEN_VALUE] = 0;
	actor_do(g->p.server, load_donated);
	return box->word[GIVEN_VALUE];
}

err_t server_gives_back(struct given *g, uint8_t contents)
{
	struct box *box = g->p.server->box;
	box->word[CONTENTS] = contents;
	actor_do(g->p.server, give_back);
	return (err_t)box->word[1];
}

/* The client's bank has so many pages less than at first, in use and to use. */
static bool client_lent(const struct given *g, uint64_t pages)
{
	const struct rm_bank_status now = bank_status(g->p.client->bank);
	return now.limit + pages * PAGE == g->client.limit &&
	       now.used + pages * PAGE <= g->client.used + 2ull * PAGE;
}

static void test_keep(cptr_t bank)
{
	struct given g;
	given_make(&g, bank, PAGES);
	struct box *box = g.p.server->box;
	given_take(&g, 2, 4, RM_CONTENTS_KEPT);
	CHECK(client_lent(&g, 4));
	for (uint64_t page = 0; page < 4; page++)
		CHECK(server_has(&g, page) == 102 + page);
	/* The client has none of them, and can do nothing about them. */
	for (uint64_t page = 2; page < 6; page++)
		CHECK(peek(RT_VSPACE, g.at + page * PAGE) == NOT_THERE);
	CHECK(holds(g.at, 2, 100));
	box->word[GIVEN_VALUE] = 500;
	actor_do(g.p.server, fill_donated);
	CHECK_OK(rm_dataspace_resize(g.memory, &(struct rm_dataspace_resize_in){ .size = 5 }));
	CHECK(server_has(&g, 3) == 503);
	CHECK_OK(rm_dataspace_resize(g.memory, &(struct rm_dataspace_resize_in){ .size = PAGES }));
	/* With the server's content they are where they were. */
	CHECK_OK(server_gives_back(&g, RM_CONTENTS_KEPT));
	CHECK(client_lent(&g, 0));
	CHECK(holds(g.at + 2 * PAGE, 4, 500));
	CHECK(*word_at(g.at, 6) == 0); /* it was cut, meanwhile */
	CHECK_ERR(server_gives_back(&g, RM_CONTENTS_KEPT), E_GONE);
	CHECK(pair_calls(&g.p));
	CHECK_OK(rm_dataspace_destroy(g.memory));
	given_end(&g);
}

static void test_wipe(cptr_t bank)
{
	struct given g;
	given_make(&g, bank, PAGES);
	struct box *box = g.p.server->box;
	given_take(&g, 0, PAGES, RM_CONTENTS_WIPED);
	CHECK(client_lent(&g, PAGES));
	for (uint64_t page = 0; page < PAGES; page++)
		CHECK(server_has(&g, page) == 0);
	box->word[GIVEN_VALUE] = 7;
	actor_do(g.p.server, fill_donated);
	CHECK_OK(server_gives_back(&g, RM_CONTENTS_WIPED));
	CHECK(client_lent(&g, 0));
	for (uint64_t page = 0; page < PAGES; page++)
		CHECK(*word_at(g.at, page) == 0);
	CHECK_OK(rm_dataspace_destroy(g.memory));
	given_end(&g);
}

/* Many pages go in steps, while others are served; they come back in steps. */
static void test_many(cptr_t bank)
{
	struct given g;
	given_make(&g, bank, MANY);
	given_take(&g, 0, MANY, RM_CONTENTS_KEPT);
	CHECK(client_lent(&g, MANY));
	for (uint64_t page = 0; page < MANY; page += 37)
		CHECK(server_has(&g, page) == 100 + page);
	CHECK_OK(server_gives_back(&g, RM_CONTENTS_KEPT));
	CHECK(client_lent(&g, 0) && holds(g.at, MANY, 100));
	CHECK_OK(rm_dataspace_destroy(g.memory));
	given_end(&g);
}

/* Pages that nobody touched, and such as a copy shares, are the server's alone all the same. */
static void test_shared(cptr_t bank)
{
	struct given g;
	cptr_t copy, fresh;
	uint64_t at = 0;
	given_make(&g, bank, PAGES);
	CHECK_OK(memory_clone(g.memory, g.p.client->bank, 0, PAGES, &copy));
	CHECK_OK(show(copy, PAGES, &at));
	given_take(&g, 0, 3, RM_CONTENTS_KEPT);
	struct box *box = g.p.server->box;
	box->word[GIVEN_VALUE] = 900;
	actor_do(g.p.server, fill_donated);
	CHECK(holds(at, PAGES, 100));
	CHECK_OK(memory_make(g.p.client->bank, 2, 0, &fresh));
	CHECK_OK(given_donate(&g, fresh, 0, 2, RM_CONTENTS_KEPT));
	CHECK(memory_status(fresh).resident == 0);
	CHECK_OK(hide(RT_VSPACE, at, PAGES));
	CHECK_OK(rm_dataspace_destroy(copy));
	rt_slot_put(copy);
	rt_slot_put(fresh);
	CHECK_OK(rm_dataspace_destroy(g.memory));
	/* The dataspace they came from is gone: they are not. */
	CHECK(server_has(&g, 2) == 902);
	CHECK_OK(server_gives_back(&g, RM_CONTENTS_KEPT));
	given_end(&g);
}

/* Attack 20: the client touches what it gave. */
static void touch(struct box *box)
{
	*word_at(box->word[20], 0) = 1;
}

static void test_touch(cptr_t bank)
{
	struct given g;
	given_make(&g, bank, PAGES);
	struct actor *client = g.p.client;
	client->box->word[20] = 0x5000000;
	uint64_t at = client->box->word[20];
	CHECK_OK(show_as(client->program.vspace, g.memory, 0, PAGES, RW, RM_REGION_FLAGS_FIXED,
	                 RM_INHERIT_NONE, &at));
	actor_do(client, touch);
	CHECK(*word_at(g.at, 0) == 1);
	given_take(&g, 0, 1, RM_CONTENTS_KEPT);
	actor_start(client, touch);
	const struct rm_task_died_event died = actor_died(client);
	CHECK(died.reason == RM_REASON_FAULT && (died.status >> 8 & 0xff) == RM_FAULT_RESULT_LOST);
	/* The server has it until it has acknowledged the end of the session. */
	CHECK(server_has(&g, 0) == 1);
	server_cleans_up(&g.p, RM_REASON_PEER);
	CHECK_OK(rm_dataspace_destroy(g.memory));
	given_end(&g);
}

/* The client dies, and its bank with it, before the server has given back. */
static void test_client_dies(cptr_t bank)
{
	struct given g;
	given_make(&g, bank, PAGES);
	given_take(&g, 1, 5, RM_CONTENTS_KEPT);
	CHECK_OK(hide(RT_VSPACE, g.at, PAGES));
	actor_end(g.p.client);
	rt_slot_put(g.memory);
	for (uint64_t page = 0; page < 5; page++)
		CHECK(server_has(&g, page) == 101 + page);
	server_cleans_up(&g.p, RM_REASON_BANK);
	actor_end(g.p.server);
	CHECK(rm_is_valid());
}

/* The server dies: all is back, without its content. */
static void die(struct box *box)
{
	(void)box;
	__builtin_trap();
}

static void test_server_dies(cptr_t bank)
{
	struct given g;
	given_make(&g, bank, PAGES);
	given_take(&g, 1, 5, RM_CONTENTS_KEPT);
	g.p.server->box->word[GIVEN_VALUE] = 77;
	actor_do(g.p.server, fill_donated);
	actor_start(g.p.server, die);
	CHECK(actor_died(g.p.server).reason == RM_REASON_FAULT);
	wait_ms(20);
	CHECK(event_next(g.p.client->program.task).number == RM_EVENT_SESSION_SEVERED);
	wait_ms(20);
	CHECK(*word_at(g.at, 0) == 100 && *word_at(g.at, 6) == 106);
	for (uint64_t page = 1; page < 6; page++)
		CHECK(*word_at(g.at, page) == 0);
	CHECK_OK(rm_dataspace_destroy(g.memory));
	given_end(&g);
}

static void test_errors(cptr_t bank)
{
	struct given g;
	cptr_t poor = slot_new(), pinned;
	given_make(&g, bank, PAGES);
	CHECK_ERR(given_donate(&g, g.memory, PAGES, 1, RM_CONTENTS_KEPT), E_RANGE);
	CHECK_ERR(given_donate(&g, g.memory, 0, PAGES + 1, RM_CONTENTS_KEPT), E_RANGE);
	CHECK_ERR(given_donate(&g, g.memory, RM_PAGES_MAX, RM_PAGES_MAX, RM_CONTENTS_KEPT),
	          E_INVAL);
	CHECK_ERR(given_donate(&g, g.memory, 0, 0, RM_CONTENTS_KEPT), E_INVAL);
	CHECK_ERR(given_donate(&g, g.memory, 0, 1, 3), E_INVAL);
	CHECK_OK(rm_dataspace_restrict(g.memory, &(struct rm_dataspace_restrict_in){ .rights = RW },
	                               rt_slot(poor)));
	CHECK_ERR(given_donate(&g, poor, 0, 1, RM_CONTENTS_KEPT), E_PERM);
	CHECK_OK(memory_make(g.p.client->bank, 2, RM_DATASPACE_FLAGS_PINNED, &pinned));
	CHECK_ERR(given_donate(&g, pinned, 0, 1, RM_CONTENTS_KEPT), E_BUSY);
	/* Twice; and more than the client's bank, and the session's, can bear. */
	given_take(&g, 3, 2, RM_CONTENTS_KEPT);
	CHECK_ERR(given_donate(&g, g.memory, 0, PAGES, RM_CONTENTS_KEPT), E_BUSY);
	CHECK_ERR(given_donate(&g, g.memory, 4, 1, RM_CONTENTS_KEPT), E_BUSY);
	CHECK_OK(rm_dataspace_resize(g.memory,
	                             &(struct rm_dataspace_resize_in){ .size = 1ull << 30 }));
	CHECK_ERR(given_donate(&g, g.memory, 8, (1ull << 30) - 8, RM_CONTENTS_KEPT), E_LIMIT);
	CHECK_OK(rm_dataspace_resize(g.memory, &(struct rm_dataspace_resize_in){ .size = PAGES }));
	/* Nobody but the server gives them back. */
	const struct rm_donation_return_in in = { .donation = { g.p.server->box->word[DONATION] },
		                                  .contents = RM_CONTENTS_KEPT };
	CHECK_ERR(rm_donation_return(RT_TASK, &in), E_GONE);
	CHECK_ERR(rm_donation_return(g.p.client->program.task, &in), E_GONE);
	CHECK(server_has(&g, 1) == 104);
	CHECK_OK(session_sever(g.p.client->program.task,
	                       (rm_session_t){ g.p.client->box->word[0] }));
	CHECK(server_has(&g, 1) == 104);
	CHECK_ERR(server_gives_back(&g, RM_CONTENTS_KEPT), E_GONE);
	server_cleans_up(&g.p, RM_REASON_CLOSED);
	CHECK_OK(rm_dataspace_destroy(pinned));
	rt_slot_put(pinned);
	rt_slot_clear(poor);
	rt_slot_put(poor);
	CHECK_OK(rm_dataspace_destroy(g.memory));
	given_end(&g);
}

const struct test donation_tests[] = {
	{ "donation: keep and give back", test_keep },
	{ "donation: wiped, there and back", test_wipe },
	{ "donation: many pages", test_many },
	{ "donation: of what others share, of what is not there", test_shared },
	{ "donation: the client touches it afterwards", test_touch },
	{ "donation: the client dies", test_client_dies },
	{ "donation: the server dies", test_server_dies },
	{ "donation: errors", test_errors },
	{ 0 },
};
