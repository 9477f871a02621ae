/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What is lent and sealed, wanted back when it is released, passed on from server to server: real
 * programs, who die in between. Main asks in their names; who has to wait asks itself.
 */
#include "test.h"

enum { PAGES = LENT_PAGES, WINDOW_PAGES = PAGES - 1, NEXT = 2, HELPER = 3 };
#define SEALED RM_SHARE_CLASS_SEALED
#define FAULTABLE RM_SHARE_CLASS_FAULTABLE

/* -- what others do: word[1] the error ------------------------------------------------------- */

/* The client: what it lent is to be back, when that is released. */
static void want_back(struct box *box)
{
	const struct rm_share_revoke_in in = { .share = { box->word[SHARE] },
		                               .when = RM_WHEN_RELEASED };
	box->word[1] = (uint64_t)rm_share_revoke(RT_TASK, &in);
}

static void release(struct box *box)
{
	const struct rm_share_release_in in = { .share = { box->word[SHARE] } };
	box->word[1] = (uint64_t)rm_share_release(RT_TASK, &in);
}

static void destroy_bank(struct box *box)
{
	box->word[1] = (uint64_t)rm_bank_destroy(GIFT_FIRST);
}

static void connect_next(struct box *box)
{
	const struct rm_session_connect_in in = {
		.limit = 16 * PAGE, .version = 1, .name = "t", .name_count = 1
	};
	struct rm_session_connect_out out = { 0 };
	box->word[1] =
	        (uint64_t)rm_session_connect(RT_TASK, RT_BANK, &in, rt_slot(GIFT_FIRST + 20), &out);
	box->word[5] = out.session.raw;
}

static void leave(struct box *box)
{
	(void)box;
	rt_exit(5);
}

/* -- helpers --------------------------------------------------------------------------------- */

static err_t revoke(const struct actor *client, rm_share_t share, uint8_t when)
{
	const struct rm_share_revoke_in in = { .share = share, .when = when };
	return rm_share_revoke(client->program.task, &in);
}

static err_t resize(cptr_t memory, uint64_t pages)
{
	return rm_dataspace_resize(memory, &(struct rm_dataspace_resize_in){ .size = pages });
}

/* The server has all pages: values from the first on, and may write them. */
static bool server_has_all(struct lent *l, uint64_t value)
{
	struct box *box = l->p.server->box;
	for (uint64_t page = 0; page < WINDOW_PAGES; page++)
		if (server_loads(l->p.server, load, page) != E_OK ||
		    box->word[VALUE] != value + page ||
		    server_loads(l->p.server, load_in_place, page) != E_OK)
			return false;
	return true;
}

static bool server_has_none(struct lent *l)
{
	for (uint64_t page = 0; page < WINDOW_PAGES; page++)
		if (server_loads(l->p.server, load, page) != E_GONE)
			return false;
	return true;
}

/* The next event of the task that is of that number; it comes soon. */
static struct event told(const struct actor *actor, unsigned int number)
{
	struct event event = { 0 };
	for (unsigned int i = 0; i < 200 && event.number != number; i++) {
		event = event_next(actor->program.task);
		if (event.number == 0)
			wait_ms(1);
	}
	CHECK(event.number == number);
	return event;
}

/* Somebody else destroys its bank, and waits until that is done. */
static struct actor *bank_ends(const struct actor *actor, cptr_t bank)
{
	struct actor *helper = actor_new(HELPER, bank);
	const struct rm_task_unwatch_in in = { .cookie = actor->box->number };
	CHECK_OK(rm_task_unwatch(actor->program.task, RT_TASK, &in));
	CHECK_OK(task_put(helper->program.task, actor->bank, GIFT_FIRST));
	actor_start(helper, destroy_bank);
	return helper;
}

static void bank_ended(struct actor *actor, struct actor *helper)
{
	actor_join(helper);
	CHECK(helper->box->word[1] == E_OK);
	actor_end(helper);
	rt_program_forget(&actor->program);
	rt_slot_put(actor->bank);
	actor->bank = 0;
}

/* -- sealed ---------------------------------------------------------------------------------- */

static void test_sealed(cptr_t bank)
{
	struct lent l;
	cptr_t copy;
	lent_make(&l, bank, RM_POLICY_REPORT, SEALED);
	CHECK(server_has_all(&l, 101));
	/* Nothing of it can be taken away, though it may grow, and its client may write to it. */
	CHECK_ERR(revoke(l.p.client, l.share, RM_WHEN_NOW), E_BUSY);
	CHECK_ERR(resize(l.memory, PAGES - 1), E_BUSY);
	CHECK_ERR(rm_dataspace_destroy(l.memory), E_BUSY);
	CHECK_OK(resize(l.memory, PAGES + 1));
	CHECK_ERR(resize(l.memory, PAGES), E_BUSY);
	*word_at(l.at, 3) = 7;
	CHECK_OK(server_loads(l.p.server, load, 2));
	CHECK(l.p.server->box->word[VALUE] == 7);
	*word_at(l.at, 3) = 104;
	/* What is copied meanwhile is copied at once: a write takes no memory. */
	CHECK_OK(memory_clone(l.memory, l.p.client->bank, 0, PAGES, &copy));
	bank_leave(l.p.client->bank, 0);
	CHECK(server_has_all(&l, 102));
	CHECK(holds(l.at + PAGE, WINDOW_PAGES, 103));
	/* It is the server's to end it. */
	actor_do(l.p.server, release);
	CHECK_ERR(l.p.server->box->word[1], E_OK);
	CHECK(server_has_none(&l));
	CHECK_ERR(revoke(l.p.client, l.share, RM_WHEN_NOW), E_GONE);
	CHECK(pair_calls(&l.p));
	rt_slot_put(copy);
	lent_end(&l);
}

/* All pages are there before the server hears of it, or there is an error. */
static void test_filled(cptr_t bank)
{
	struct lent l;
	cptr_t empty, large, poor = slot_new();
	enum { EMPTY_PAGES = 70 };
	lent_make(&l, bank, RM_POLICY_REPORT, FAULTABLE);
	struct box *box = l.p.server->box;
	CHECK_OK(memory_make(l.p.client->bank, EMPTY_PAGES, 0, &empty));
	CHECK_OK(memory_make(l.p.client->bank, 1 << 20, 0, &large));
	CHECK_ERR(lend(&l, large, 0, 1 << 20, RW, SEALED), E_NOMEM);
	CHECK(memory_status(large).resident == 0 &&
	      event_next(l.p.server->program.task).number == 0);
	CHECK_OK(rm_dataspace_restrict(empty, &(struct rm_dataspace_restrict_in){ .rights = RW },
	                               rt_slot(poor)));
	CHECK_ERR(lend(&l, poor, 0, 1, RW, SEALED), E_PERM);
	CHECK_OK(lend(&l, empty, 0, EMPTY_PAGES, RW, SEALED));
	CHECK(memory_status(empty).resident == EMPTY_PAGES);
	bank_leave(l.p.client->bank, 0);
	actor_do(l.p.server, take_shared);
	CHECK(box->word[CLASS] == SEALED && box->word[SIZE] == EMPTY_PAGES);
	actor_do(l.p.server, map_window);
	CHECK(box->word[1] == E_OK);
	for (uint64_t page = 0; page < EMPTY_PAGES; page += 7)
		CHECK(server_loads(l.p.server, load_in_place, page) == E_OK &&
		      box->word[VALUE] == 0);
	/* It refuses it. */
	actor_do(l.p.server, release);
	CHECK(box->word[1] == E_OK);
	CHECK_OK(resize(empty, 1));
	const cptr_t slots[] = { empty, large, poor };
	for (unsigned int i = 0; i < COUNT_OF(slots); i++)
		rt_slot_clear(slots[i]);
	slots_put(slots, COUNT_OF(slots));
	lent_end(&l);
}

enum ending { ACKNOWLEDGES, RELEASES, DIES, NOTHING, ENDINGS };

/* The client is gone, and its bank: the pages stay until the server has done with them. */
static void test_outlives(cptr_t bank)
{
	for (enum ending how = 0; how < ENDINGS; how++) {
		struct lent l;
		lent_make(&l, bank, RM_POLICY_REPORT, SEALED);
		CHECK_OK(hide(RT_VSPACE, l.at, PAGES));
		struct actor *helper = bank_ends(l.p.client, bank);
		wait_ms(30);
		CHECK(actor_is_busy(helper));
		CHECK(server_has_all(&l, 101));
		if (how == ACKNOWLEDGES) {
			server_cleans_up(&l.p, RM_REASON_BANK);
			bank_ended(l.p.client, helper);
			CHECK(server_has_none(&l));
		} else if (how == RELEASES) {
			CHECK(told(l.p.server, RM_EVENT_SESSION_SEVERED).severed.reason ==
			      RM_REASON_BANK);
			actor_do(l.p.server, release);
			CHECK(l.p.server->box->word[1] == E_OK);
			bank_ended(l.p.client, helper);
			CHECK(server_has_none(&l));
		} else {
			if (how == DIES)
				actor_start(l.p.server, leave);
			CHECK(actor_died(l.p.server).reason ==
			      (how == DIES ? RM_REASON_EXIT : RM_REASON_DEADLINE));
			bank_ended(l.p.client, helper);
		}
		rt_slot_put(l.memory);
		actor_end(l.p.server);
		CHECK(rm_is_valid());
	}
}

/* The client ends its session, or itself. */
static void test_severed(cptr_t bank)
{
	struct lent l;
	lent_make(&l, bank, RM_POLICY_SEVER, SEALED);
	const rm_session_t session = { l.p.client->box->word[0] };
	CHECK_OK(session_sever(l.p.client->program.task, session));
	CHECK(server_has_all(&l, 101));
	CHECK_ERR(resize(l.memory, 1), E_BUSY);
	actor_do(l.p.server, map_window);
	CHECK(l.p.server->box->word[1] == E_GONE);
	/* It cannot be revoked, but waited for. */
	CHECK_ERR(revoke(l.p.client, l.share, RM_WHEN_NOW), E_BUSY);
	l.p.client->box->word[SHARE] = l.share.raw;
	actor_start(l.p.client, want_back);
	CHECK(actor_is_busy(l.p.client));
	server_cleans_up(&l.p, RM_REASON_CLOSED);
	actor_join(l.p.client);
	CHECK(l.p.client->box->word[1] == E_OK);
	CHECK(server_has_none(&l));
	CHECK_OK(rm_dataspace_destroy(l.memory));
	lent_end(&l);
}

/* -- wanted back ----------------------------------------------------------------------------- */

static void start_wanting(struct lent *l)
{
	l->p.client->box->word[SHARE] = l->share.raw;
	actor_start(l->p.client, want_back);
}

static void wanted(struct lent *l)
{
	start_wanting(l);
	CHECK(actor_is_busy(l->p.client));
	const struct event event = told(l->p.server, RM_EVENT_SHARE_RECALLED);
	CHECK(event.recalled.share.raw == l->share.raw &&
	      event.recalled.session.raw == l->p.client->box->word[0]);
	actor_do(l->p.server, map_window);
	CHECK(l->p.server->box->word[1] == E_BUSY);
}

static void is_back(struct lent *l)
{
	actor_join(l->p.client);
	CHECK(l->p.client->box->word[1] == E_OK);
	CHECK_ERR(revoke(l->p.client, l->share, RM_WHEN_NOW), E_GONE);
}

static void test_wanted(cptr_t bank)
{
	static const uint8_t classes[] = { FAULTABLE, SEALED };
	for (unsigned int i = 0; i < 4; i++) {
		struct lent l;
		lent_make(&l, bank, RM_POLICY_SEVER, classes[i % 2]);
		wanted(&l);
		CHECK(server_has_all(&l, 101)); /* no fault happens */
		actor_do(l.p.server, i < 2 ? unmap_window : release);
		CHECK(l.p.server->box->word[1] == E_OK);
		is_back(&l);
		CHECK_OK(resize(l.memory, 1));
		/* Without a window there is nothing to be released. */
		CHECK_OK(lend(&l, l.memory, 0, 1, RW, classes[i % 2]));
		start_wanting(&l);
		is_back(&l);
		CHECK(event_next(l.p.server->program.task).number == 0);
		CHECK(pair_calls(&l.p));
		CHECK_OK(rm_dataspace_destroy(l.memory));
		lent_end(&l);
	}
}

/* Everybody who waits gets an answer. */
static void test_wanted_answered(cptr_t bank)
{
	for (unsigned int i = 0; i < 4; i++) {
		struct lent l;
		lent_make(&l, bank, RM_POLICY_REPORT, FAULTABLE);
		const rm_session_t session = { l.p.client->box->word[0] };
		wanted(&l);
		switch (i) {
		case 0: /* now, after all */
			CHECK_OK(revoke(l.p.client, l.share, RM_WHEN_NOW));
			CHECK(server_has_none(&l));
			break;
		case 1:
			CHECK_OK(session_sever(l.p.client->program.task, session));
			CHECK(server_has_none(&l));
			break;
		case 2:
			CHECK_OK(rm_dataspace_destroy(l.memory));
			CHECK(server_has_none(&l));
			break;
		default:
			actor_start(l.p.server, leave);
			CHECK(actor_died(l.p.server).reason == RM_REASON_EXIT);
			break;
		}
		is_back(&l);
		lent_end(&l);
	}
	/* The client dies while it waits, and the server never says a word. */
	struct lent l;
	lent_make(&l, bank, RM_POLICY_REPORT, SEALED);
	wanted(&l);
	CHECK_OK(hide(RT_VSPACE, l.at, PAGES));
	struct actor *helper = bank_ends(l.p.client, bank);
	CHECK(actor_died(l.p.server).reason == RM_REASON_DEADLINE);
	bank_ended(l.p.client, helper);
	rt_slot_put(l.memory);
	actor_end(l.p.server);
}

/* -- passed on ------------------------------------------------------------------------------- */

struct chain {
	struct lent l; /* its server is the next one's client */
	struct actor *next;
	rm_session_t session; /* with the next one */
	rm_share_t passed;
};

static err_t pass(struct chain *c, uint64_t first, uint64_t size, uint8_t rights)
{
	const struct rm_share_pass_in in = { .share = c->l.share,
		                             .session = c->session,
		                             .first = first,
		                             .size = size,
		                             .rights = rights };
	struct rm_share_pass_out out = { 0 };
	err_t err = rm_share_pass(c->l.p.server->program.task, &in, &out);
	if (err == E_OK)
		c->passed = out.share;
	return err;
}

static void pass_next(struct chain *c, uint64_t first, uint64_t size, uint8_t rights)
{
	struct box *box = c->next->box;
	CHECK_OK(pass(c, first, size, rights));
	actor_do(c->next, take_shared);
	CHECK(box->word[SHARE] == c->passed.raw && box->word[SIZE] == size &&
	      box->word[RIGHTS] == rights);
	box->word[POLICY] = RM_POLICY_SEVER;
	actor_do(c->next, map_window);
	CHECK(box->word[1] == E_OK);
}

static void chain_make(struct chain *c, cptr_t bank, uint8_t class)
{
	cptr_t endpoint;
	lent_make(&c->l, bank, RM_POLICY_REPORT, class);
	struct actor *server = c->l.p.server;
	c->next = actor_new(NEXT, bank);
	CHECK_OK(rt_name_grant(c->next->program.task, "t", RM_NAME_RIGHT_SERVE));
	CHECK_OK(rt_name_grant(server->program.task, "t", RM_NAME_RIGHT_CONNECT));
	CHECK_OK(name_register(c->next->program.task, "t", LENT_DEADLINE_MS, &endpoint));
	actor_start(server, connect_next);
	c->session = told(c->next, RM_EVENT_SESSION_OPENED).opened.session;
	CHECK_OK(session_accept(c->next->program.task, c->session));
	actor_join(server);
	CHECK(server->box->word[1] == E_OK && server->box->word[5] == c->session.raw);
	c->next->box->word[0] = c->session.raw;
	rt_slot_clear(endpoint);
	rt_slot_put(endpoint);
	pass_next(c, 2, 3, RM_RIGHT_READ);
	CHECK(c->next->box->word[CLASS] == class);
}

static void chain_end(struct chain *c)
{
	CHECK_OK(hide(RT_VSPACE, c->l.at, PAGES));
	rt_slot_put(c->l.memory);
	actor_end(c->l.p.client);
	actor_end(c->next);
	actor_end(c->l.p.server);
	CHECK(rm_is_valid());
}

/* What the next one finds at a page of what was passed on. */
static bool next_has(struct chain *c, uint64_t page, uint64_t value)
{
	return server_loads(c->next, load, page) == E_OK && c->next->box->word[VALUE] == value;
}

static enum rm_session_state state_of(const struct actor *server, rm_session_t session)
{
	const struct rm_session_query_in in = { .session = session };
	struct rm_session_query_out out = { 0 };
	return rm_session_query(server->program.task, &in, &out) == E_OK ? out.status.state : 0;
}

static void test_passed_on(cptr_t bank)
{
	struct chain c;
	chain_make(&c, bank, FAULTABLE);
	const rm_session_t first = { c.l.p.client->box->word[0] };
	CHECK(next_has(&c, 0, 103) && next_has(&c, 2, 105));
	CHECK_ERR(pass(&c, 0, 1, RM_RIGHT_EXECUTE), E_PERM);
	CHECK_ERR(pass(&c, 1, WINDOW_PAGES, RW), E_RANGE);
	c.next->box->word[RIGHTS] = RW;
	actor_do(c.next, map_window);
	CHECK(c.next->box->word[1] == E_PERM);
	c.l.p.server->box->word[SHARE] = c.l.share.raw;
	actor_do(c.l.p.server, release);
	CHECK(c.l.p.server->box->word[1] == E_BUSY);
	/* Neither the first client nor the last server has to do with the other's. */
	CHECK_ERR(revoke(c.l.p.client, c.passed, RM_WHEN_NOW), E_GONE);
	CHECK_ERR(revoke(c.next, c.l.share, RM_WHEN_NOW), E_GONE);
	/* A page goes: the access fails, and its owner alone is cut off. */
	CHECK_OK(resize(c.l.memory, 5));
	CHECK(next_has(&c, 1, 104));
	CHECK_ERR(server_loads(c.next, load, 2), E_GONE);
	CHECK(state_of(c.l.p.server, first) == RM_SESSION_STATE_SEVERED);
	CHECK(state_of(c.next, c.session) == RM_SESSION_STATE_OPEN);
	CHECK_ERR(server_loads(c.next, load, 1), E_GONE);
	server_cleans_up(&c.l.p, RM_REASON_VIOLATION);
	CHECK(state_of(c.next, c.session) == RM_SESSION_STATE_OPEN);
	CHECK_OK(rm_dataspace_destroy(c.l.memory));
	chain_end(&c);
}

/* It ends with what it is a part of; and the one in between may take it away, too. */
static void test_passed_back(cptr_t bank)
{
	struct chain c;
	chain_make(&c, bank, FAULTABLE);
	const rm_session_t first = { c.l.p.client->box->word[0] };
	CHECK(next_has(&c, 1, 104));
	CHECK_OK(revoke(c.l.p.client, c.l.share, RM_WHEN_NOW));
	CHECK_ERR(server_loads(c.next, load, 0), E_GONE);
	CHECK_ERR(revoke(c.l.p.server, c.passed, RM_WHEN_NOW), E_GONE);
	CHECK(state_of(c.next, c.session) == RM_SESSION_STATE_OPEN);
	CHECK(state_of(c.l.p.server, first) == RM_SESSION_STATE_SEVERED);
	chain_end(&c);
	chain_make(&c, bank, FAULTABLE);
	const rm_session_t again = { c.l.p.client->box->word[0] };
	CHECK_OK(revoke(c.l.p.server, c.passed, RM_WHEN_NOW));
	CHECK_ERR(server_loads(c.next, load, 0), E_GONE);
	CHECK(state_of(c.next, c.session) == RM_SESSION_STATE_SEVERED);
	CHECK(state_of(c.l.p.server, again) == RM_SESSION_STATE_OPEN);
	CHECK(server_has_all(&c.l, 101));
	chain_end(&c);
	/* Wanted back: until both are done with it. */
	chain_make(&c, bank, FAULTABLE);
	start_wanting(&c.l);
	CHECK(told(c.l.p.server, RM_EVENT_SHARE_RECALLED).recalled.share.raw == c.l.share.raw);
	CHECK_ERR(pass(&c, 0, 1, RM_RIGHT_READ), E_BUSY);
	actor_do(c.l.p.server, unmap_window);
	CHECK(actor_is_busy(c.l.p.client) && next_has(&c, 1, 104));
	c.l.p.server->box->word[SHARE] = c.passed.raw;
	actor_start(c.l.p.server, want_back);
	CHECK(actor_is_busy(c.l.p.server));
	CHECK(told(c.next, RM_EVENT_SHARE_RECALLED).recalled.share.raw == c.passed.raw);
	CHECK(next_has(&c, 1, 104));
	actor_do(c.next, unmap_window);
	actor_join(c.l.p.server);
	is_back(&c.l);
	chain_end(&c);
}

/* The client is gone. The next server has sealed pages until it lets go of them. */
static void test_passed_sealed(cptr_t bank)
{
	for (unsigned int i = 0; i < 2; i++) {
		struct chain c;
		chain_make(&c, bank, SEALED);
		CHECK_ERR(revoke(c.l.p.server, c.passed, RM_WHEN_NOW), E_BUSY);
		actor_do(c.l.p.server, release);
		CHECK(c.l.p.server->box->word[1] == E_BUSY);
		CHECK_OK(hide(RT_VSPACE, c.l.at, PAGES));
		struct actor *helper = bank_ends(c.l.p.client, bank);
		const struct event event = told(c.l.p.server, RM_EVENT_SESSION_SEVERED);
		CHECK(event.severed.reason == RM_REASON_BANK);
		CHECK(server_has_all(&c.l, 101) && next_has(&c, 1, 105));
		if (i == 0) { /* as it should: it gets it back first */
			actor_do(c.next, release);
			CHECK(c.next->box->word[1] == E_OK);
			CHECK(actor_is_busy(helper));
			CHECK_OK(session_acknowledge(c.l.p.server->program.task,
			                             event.severed.session));
			CHECK(state_of(c.next, c.session) == RM_SESSION_STATE_OPEN);
		} else {
			CHECK_OK(session_acknowledge(c.l.p.server->program.task,
			                             event.severed.session));
			CHECK(told(c.next, RM_EVENT_SESSION_SEVERED).severed.reason ==
			      RM_REASON_VIOLATION);
			CHECK(server_has_none(&c.l) && next_has(&c, 1, 105));
			CHECK(actor_is_busy(helper));
			CHECK_OK(session_acknowledge(c.next->program.task, c.session));
		}
		bank_ended(c.l.p.client, helper);
		CHECK_ERR(server_loads(c.next, load, 1), E_GONE);
		rt_slot_put(c.l.memory);
		actor_end(c.next);
		actor_end(c.l.p.server);
		CHECK(rm_is_valid());
	}
}

const struct test seal_tests[] = {
	{ "seal: nothing is taken away", test_sealed },
	{ "seal: all pages are there", test_filled },
	{ "seal: outlives its client", test_outlives },
	{ "seal: a severed session", test_severed },
	{ "share: back when released", test_wanted },
	{ "share: who wants it back is answered", test_wanted_answered },
	{ "share: passed on", test_passed_on },
	{ "share: passed on, and taken back", test_passed_back },
	{ "seal: passed on", test_passed_sealed },
	{ 0 },
};
