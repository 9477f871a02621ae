/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Sessions: rm.idl's methods 100 to 111. The server's and the client's requests come from actors.
 */
#include "test.h"
#include <rt/sel4_object.h>

enum {
	SERVER,
	CLIENT,
	OTHER,
	ENDPOINT = GIFT_FIRST + 10,
	REPLY,
	REPLY2,
	MINTED,
	DEADLINE_MS = 400
};
#define SESSION(box) ((rm_session_t){ (box)->word[0] })

/* -- what the server does: word[0] the session, word[1] the error ------------------------------ */

/* word[10]: the server's name; 0: it is "s". */
static char name_of(const struct box *box)
{
	return box->word[10] ? (char)box->word[10] : 's';
}

static void serve(struct box *box)
{
	struct rm_name_register_in in = { .deadline = (uint32_t)box->word[2],
		                          .version = 1,
		                          .name_count = 1 };
	in.name[0] = name_of(box);
	CHECK_OK(rm_name_register(RT_TASK, &in, rt_slot(ENDPOINT)));
	CHECK_OK(rm_reply_create(RT_TASK, rt_slot(REPLY)));
	CHECK_OK(rm_reply_create(RT_TASK, rt_slot(REPLY2)));
}

/* Takes the next event: word[3] its number, word[4] the reason or the badge. */
static void take_event(struct box *box)
{
	const struct event event = event_next(RT_TASK);
	box->word[3] = event.number;
	if (event.number == RM_EVENT_SESSION_OPENED) {
		box->word[0] = event.opened.session.raw;
		box->word[4] = event.opened.badge;
		box->word[5] = event.opened.limit;
	} else if (event.number == RM_EVENT_SESSION_SEVERED) {
		box->word[0] = event.severed.session.raw;
		box->word[4] = event.severed.reason;
	}
}

static void accept(struct box *box)
{
	box->word[1] = (uint64_t)session_accept(RT_TASK, SESSION(box));
}

static void take_and_accept(struct box *box)
{
	take_event(box);
	CHECK(box->word[3] == RM_EVENT_SESSION_OPENED);
	accept(box);
}

static void refuse(struct box *box)
{
	const struct rm_session_refuse_in in = { .session = SESSION(box),
		                                 .reason = (err_t)box->word[6] };
	box->word[1] = (uint64_t)rm_session_refuse(RT_TASK, &in);
}

static void sever(struct box *box)
{
	box->word[1] = (uint64_t)session_sever(RT_TASK, SESSION(box));
}

static void acknowledge(struct box *box)
{
	box->word[1] = (uint64_t)session_acknowledge(RT_TASK, SESSION(box));
}

/* Receives one message and parks it; word[4] the badge, word[5] the first word. */
static void receive(struct box *box)
{
	const struct sel4_msg m = sel4_recv(ENDPOINT, REPLY);
	box->word[4] = m.badge;
	box->word[5] = m.mr[0];
	box->word[8] = abi_msginfo_label(m.info);
	box->word[9] = m.mr[1];
}

static void receive_now(struct box *box)
{
	const struct sel4_msg m = sel4_nb_recv(ENDPOINT, REPLY2);
	box->word[4] = m.badge;
}

static void answer(struct box *box)
{
	sel4_send(REPLY, (struct sel4_msg){ abi_msginfo(0, 0, 0, 1), { box->word[5] + 1 }, 0 });
}

/* -- what the client does: word[0] the session, word[1] the error ------------------------------ */

static void connect(struct box *box)
{
	struct rm_session_connect_in in = { .limit = box->word[2] * PAGE,
		                            .version = 1,
		                            .name_count = 1 };
	struct rm_session_connect_out out = { 0 };
	in.name[0] = name_of(box);
	uint64_t start = rt_time_ns();
	box->word[1] = (uint64_t)rm_session_connect(RT_TASK, RT_BANK, &in, rt_slot(ENDPOINT), &out);
	box->word[11] = rt_time_ns() - start;
	box->word[0] = out.session.raw;
}

/* word[7] the label of what came back, word[5] the word. */
static void call(struct box *box)
{
	const struct sel4_msg m = sel4_call(
	        ENDPOINT, (struct sel4_msg){ abi_msginfo(100, 0, 0, 1), { box->word[5] }, 0 });
	box->word[7] = abi_msginfo_label(m.info);
	box->word[5] = m.mr[0];
}

static void call_other(struct box *box)
{
	const struct sel4_msg m = sel4_call(
	        GIFT_FIRST, (struct sel4_msg){ abi_msginfo(100, 0, 0, 1), { box->word[5] }, 0 });
	box->word[7] = abi_msginfo_label(m.info);
}

static void drop(struct box *box)
{
	(void)box;
	rt_slot_clear(ENDPOINT);
}

/* -- a pair of them ---------------------------------------------------------------------------- */

void pair_make(struct pair *p, cptr_t bank, uint32_t deadline_ms)
{
	p->server = actor_new(SERVER, bank);
	p->client = actor_new(CLIENT, bank);
	CHECK_OK(rt_name_grant(p->server->program.task, "s", RM_NAME_RIGHT_SERVE));
	CHECK_OK(rt_name_grant(p->client->program.task, "s", RM_NAME_RIGHT_CONNECT));
	p->server->box->word[2] = deadline_ms;
	p->client->box->word[2] = 16;
	actor_do(p->server, serve);
}

void pair_open(struct pair *p)
{
	actor_start(p->client, connect);
	CHECK(actor_is_busy(p->client));
	actor_do(p->server, take_and_accept);
	CHECK(p->server->box->word[1] == E_OK);
	actor_join(p->client);
	CHECK(p->client->box->word[1] == E_OK);
	CHECK(p->client->box->word[0] == p->server->box->word[0]);
}

void pair_end(struct pair *p)
{
	actor_end(p->client);
	actor_end(p->server);
}

bool pair_calls(struct pair *p)
{
	p->client->box->word[5] = 41;
	actor_start(p->client, call);
	actor_do(p->server, receive);
	if (p->server->box->word[5] != 41)
		return false;
	actor_do(p->server, answer);
	actor_join(p->client);
	return p->client->box->word[7] == 0 && p->client->box->word[5] == 42;
}

void server_cleans_up(struct pair *p, uint64_t reason)
{
	p->server->box->word[3] = 0;
	while (p->server->box->word[3] == 0)
		actor_do(p->server, take_event);
	CHECK(p->server->box->word[3] == RM_EVENT_SESSION_SEVERED);
	CHECK(p->server->box->word[4] == reason);
	if (p->server->box->word[4] != reason)
		rt_log("# reason %lu, not %lu", p->server->box->word[4], reason);
	actor_do(p->server, acknowledge);
	CHECK(p->server->box->word[1] == E_OK);
}

static uint32_t sessions(const struct actor *actor)
{
	return task_status(actor->program.task).sessions;
}

/* The client's bank is as it was when the session is over. */
static void client_has_all(struct pair *p, const struct rm_bank_status *before)
{
	for (unsigned int i = 0; i < 100 && bank_status(p->client->bank).children > 0; i++)
		wait_ms(1);
	const struct rm_bank_status after = bank_status(p->client->bank);
	CHECK(bank_same(before, &after));
}

static void test_open(cptr_t bank)
{
	struct pair p;
	pair_make(&p, bank, DEADLINE_MS);
	const struct rm_bank_status before = bank_status(p.client->bank);
	pair_open(&p);
	CHECK(p.server->box->word[5] == 16 * PAGE && p.server->box->word[4] != 0);
	uint64_t badge = p.server->box->word[4];
	CHECK(bank_status(p.client->bank).limit == before.limit - 16 * PAGE);
	CHECK(sessions(p.server) == 1 && sessions(p.client) == 1);
	CHECK(pair_calls(&p) && p.server->box->word[4] == badge);
	actor_do(p.server, accept);
	CHECK(p.server->box->word[1] == E_GONE);
	actor_do(p.server, acknowledge);
	CHECK(p.server->box->word[1] == E_BUSY);
	p.server->box->word[6] = E_IO;
	actor_do(p.server, refuse);
	CHECK(p.server->box->word[1] == E_GONE);
	CHECK(pair_calls(&p));
	actor_do(p.client, sever);
	CHECK(p.client->box->word[1] == E_OK);
	server_cleans_up(&p, RM_REASON_CLOSED);
	actor_do(p.server, acknowledge);
	CHECK(p.server->box->word[1] == E_GONE);
	CHECK(sessions(p.server) == 0 && sessions(p.client) == 0);
	client_has_all(&p, &before);
	actor_do(p.client, sever);
	CHECK(p.client->box->word[1] == E_GONE);
	pair_end(&p);
}

static void test_connect_errors(cptr_t bank)
{
	struct pair p;
	pair_make(&p, bank, DEADLINE_MS);
	const struct rm_bank_status before = bank_status(p.client->bank);
	struct rm_session_connect_in in = {
		.limit = 8 * PAGE, .version = 2, .name = "s", .name_count = 1
	};
	struct rm_session_connect_out out = { 0 };
	cptr_t slot = slot_new(), task = p.client->program.task, payer = p.client->bank;
	CHECK_ERR(rm_session_connect(task, payer, &in, rt_slot(slot), &out), E_UNSUPPORTED);
	in.version = 1;
	in.name[0] = 'x';
	CHECK_ERR(rm_session_connect(task, payer, &in, rt_slot(slot), &out), E_NOENT);
	CHECK_OK(rt_name_grant(task, "x", RM_NAME_RIGHT_CONNECT));
	CHECK_ERR(rm_session_connect(task, payer, &in, rt_slot(slot), &out), E_AGAIN);
	in.name[0] = 's';
	in.limit = 4096ul * PAGE;
	CHECK_ERR(rm_session_connect(task, payer, &in, rt_slot(slot), &out), E_LIMIT);
	in.limit = 0;
	CHECK_ERR(rm_session_connect(task, payer, &in, rt_slot(slot), &out), E_NOMEM);
	in.guarantee = PAGE;
	CHECK_ERR(rm_session_connect(task, payer, &in, rt_slot(slot), &out), E_LIMIT);
	CHECK_ERR(rm_session_connect(task, task, &in, rt_slot(slot), &out), E_INVAL);
	client_has_all(&p, &before);
	CHECK(sessions(p.client) == 0 && sessions(p.server) == 0);
	rt_slot_put(slot);
	pair_end(&p);
}

static void test_refuse(cptr_t bank)
{
	/* What was refused with, what the client is told. */
	static const err_t told[][2] = { { E_NOMEM, E_NOMEM }, { E_LIMIT, E_LIMIT },
		                         { E_BUSY, E_BUSY },   { E_IO, E_IO },
		                         { E_RANGE, E_PERM },  { E_AGAIN, E_AGAIN } };
	struct pair p;
	pair_make(&p, bank, DEADLINE_MS);
	const struct rm_bank_status before = bank_status(p.client->bank);
	for (unsigned int i = 0; i < COUNT_OF(told); i++) {
		actor_start(p.client, connect);
		actor_do(p.server, take_event);
		p.server->box->word[6] = (uint64_t)told[i][0];
		actor_do(p.server, refuse);
		CHECK(p.server->box->word[1] == E_OK);
		actor_join(p.client);
		CHECK(p.client->box->word[1] == (uint64_t)told[i][1]);
		actor_do(p.server, refuse);
		CHECK(p.server->box->word[1] == E_GONE);
		client_has_all(&p, &before);
	}
	CHECK(sessions(p.server) == 0 && sessions(p.client) == 0);
	actor_do(p.server, take_event);
	CHECK(p.server->box->word[3] == 0);
	pair_open(&p);
	pair_end(&p);
}

/* By the server: the client is told. */
static void test_server_severs(cptr_t bank)
{
	struct pair p;
	pair_make(&p, bank, DEADLINE_MS);
	const struct rm_bank_status before = bank_status(p.client->bank);
	pair_open(&p);
	CHECK(pair_calls(&p));
	actor_start(p.client, call);
	actor_do(p.server, receive); /* parked */
	actor_do(p.server, sever);
	CHECK(p.server->box->word[1] == E_OK);
	server_cleans_up(&p, RM_REASON_STOPPED);
	CHECK(actor_is_busy(p.client)); /* the server's to answer, for it lives */
	actor_do(p.server, answer);
	actor_join(p.client);
	actor_do(p.client, take_event);
	CHECK(p.client->box->word[3] == RM_EVENT_SESSION_SEVERED &&
	      p.client->box->word[4] == RM_REASON_STOPPED);
	/* What the client holds is nothing any more. */
	actor_do(p.client, call);
	CHECK(p.client->box->word[7] != 0);
	client_has_all(&p, &before);
	pair_end(&p);
}

/* A message that was queued is not delivered after sever, and its sender gets an answer. */
static void test_queued(cptr_t bank)
{
	struct pair p;
	struct actor *other;
	pair_make(&p, bank, DEADLINE_MS);
	other = actor_new(OTHER, bank);
	pair_open(&p);
	/* The client passes its capability on, by its own task table: an accomplice. */
	rm_session_t session = SESSION(p.client->box);
	const struct rm_session_mint_endpoint_in mint = { .session = session };
	struct rm_session_mint_endpoint_out minted = { 0 };
	cptr_t second = slot_new();
	CHECK_OK(rm_session_mint_endpoint(p.server->program.task, &mint, rt_slot(second), &minted));
	CHECK_OK(task_put(other->program.task, second, GIFT_FIRST));
	actor_start(p.client, call);
	actor_start(other, call_other);
	CHECK(actor_is_busy(p.client) && actor_is_busy(other));
	actor_do(p.server, sever);
	actor_join(p.client);
	actor_join(other);
	CHECK(p.client->box->word[7] != 0 && other->box->word[7] != 0);
	actor_do(p.server, receive_now);
	CHECK(p.server->box->word[4] == 0);
	actor_do(p.client, call);
	actor_do(other, call_other);
	CHECK(p.client->box->word[7] != 0 && other->box->word[7] != 0);
	actor_do(p.server, receive_now);
	CHECK(p.server->box->word[4] == 0);
	server_cleans_up(&p, RM_REASON_STOPPED);
	rt_slot_put(second);
	actor_end(other);
	pair_end(&p);
}

static void test_roots(cptr_t bank)
{
	struct pair p;
	pair_make(&p, bank, DEADLINE_MS);
	pair_open(&p);
	cptr_t task = p.server->program.task, slot = slot_new();
	rm_session_t session = SESSION(p.client->box);
	rm_root_t roots[40];
	/* More than one answer of session_roots. */
	for (unsigned int i = 0; i < 40; i++) {
		struct rm_session_mint_endpoint_out out = { 0 };
		const struct rm_session_mint_endpoint_in in = { .session = session };
		CHECK_OK(rm_session_mint_endpoint(task, &in, rt_slot(slot), &out));
		roots[i] = out.root;
		CHECK(out.badge != 0);
		rt_slot_clear(slot);
	}
	struct rm_session_roots_in in = { .session = session };
	struct rm_session_roots_out out = { 0 };
	unsigned int count = 0;
	do {
		CHECK_OK(rm_session_roots(task, &in, &out));
		for (unsigned int i = 0; i < out.roots_count; i++, count++)
			if (count > 0 && count <= 40)
				CHECK(out.roots[i].root.raw == roots[count - 1].raw &&
				      out.roots[i].kind == RM_ROOT_KIND_ENDPOINT);
		if (out.roots_count)
			in.after = out.roots[out.roots_count - 1].root;
	} while (out.roots_count > 0);
	CHECK(count == 41);
	struct rm_session_query_out status = { 0 };
	const struct rm_session_query_in query = { .session = session };
	CHECK_OK(rm_session_query(task, &query, &status));
	CHECK(status.status.roots == 41 && status.status.state == RM_SESSION_STATE_OPEN &&
	      status.status.limit == 16 * PAGE && status.status.used > 0);
	CHECK_OK(rm_session_query(p.client->program.task, &query, &status));
	/* One is taken back; what was copied of it is nothing. */
	struct rm_session_revoke_root_in revoke = { .session = session, .root = roots[7] };
	CHECK_OK(rm_session_revoke_root(task, &revoke));
	CHECK_ERR(rm_session_revoke_root(task, &revoke), E_NOENT);
	CHECK_ERR(rm_session_revoke_root(p.client->program.task, &revoke), E_GONE);
	/* The client has none of the server's rights. */
	CHECK_ERR(rm_session_roots(p.client->program.task, &in, &out), E_GONE);
	CHECK_ERR(session_accept(p.client->program.task, session), E_GONE);
	CHECK_ERR(session_acknowledge(p.client->program.task, session), E_GONE);
	rt_slot_put(slot);
	pair_end(&p);
}

/* What the server makes for a session: notifications, and out of its bank. All goes with it. */
static void test_session_things(cptr_t bank)
{
	struct pair p;
	pair_make(&p, bank, DEADLINE_MS);
	pair_open(&p);
	cptr_t task = p.server->program.task, slot = slot_new(), mine = slot_new();
	rm_session_t session = SESSION(p.client->box);
	const struct rm_session_query_in query = { .session = session };
	struct rm_session_query_out status = { 0 };
	/* Notifications: the server's own, the client's with fewer rights. */
	const struct rm_notification_create_in make = { .session = session, .badge = 6 };
	struct rm_notification_create_out made = { 0 };
	CHECK_OK(rm_notification_create(task, &make, rt_slot(mine), &made));
	struct rm_session_mint_notification_in mint = { .session = session,
		                                        .notification = made.notification,
		                                        .badge = 9,
		                                        .rights = RM_RIGHT_WRITE };
	struct rm_session_mint_notification_out minted = { 0 };
	CHECK_OK(rm_session_mint_notification(task, &mint, rt_slot(slot), &minted));
	sel4_signal(slot);
	CHECK(sel4_nb_wait(mine).badge == 9);
	CHECK(sel4_nb_wait(mine).badge == 0);
	sel4_signal(mine);
	CHECK(sel4_nb_wait(mine).badge == 6);
	mint.notification.raw += 1;
	cptr_t no = slot_new();
	CHECK_ERR(rm_session_mint_notification(task, &mint, rt_slot(no), &minted), E_NOENT);
	mint.notification.raw = session.raw;
	CHECK_ERR(rm_session_mint_notification(task, &mint, rt_slot(no), &minted), E_NOENT);
	CHECK_ERR(rm_notification_create(p.client->program.task, &make, rt_slot(no), &made),
	          E_GONE);
	/* The session's bank; what the server bought with it goes with it. */
	cptr_t account = slot_new(), memory;
	const struct rm_session_bank_in of = { .session = session };
	CHECK_OK(rm_session_bank(task, &of, rt_slot(account)));
	CHECK_ERR(rm_session_bank(p.client->program.task, &of, rt_slot(no)), E_GONE);
	CHECK_ERR(rm_bank_destroy(account), E_BUSY);
	CHECK_OK(memory_make(account, 3, 0, &memory));
	CHECK(bank_status(account).limit == 16 * PAGE);
	/* It ends: nothing of it works, and the notification's capabilities are gone. */
	CHECK_OK(session_sever(task, session));
	CHECK_ERR(rm_session_bank(task, &of, rt_slot(no)), E_GONE);
	CHECK(memory_status(memory).size == 3); /* until it is acknowledged */
	CHECK_OK(rm_session_query(task, &query, &status));
	CHECK(status.status.state == RM_SESSION_STATE_SEVERED &&
	      status.status.reason == RM_REASON_STOPPED && status.status.roots == 0);
	sel4_signal(slot);
	CHECK(sel4_nb_wait(mine).badge == 0);
	server_cleans_up(&p, RM_REASON_STOPPED);
	actor_do(p.client, take_event);
	CHECK_ERR(rm_session_query(task, &query, &status), E_GONE);
	for (unsigned int i = 0; i < 50; i++)
		wait_ms(1);
	struct rm_dataspace_query_out gone = { 0 };
	CHECK_ERR(rm_dataspace_query(memory, &gone), E_GONE);
	slots_put((cptr_t[]){ slot, mine, no, account, memory }, 5);
	pair_end(&p);
}

static void read_far(struct box *box)
{
	box->word[1] = *(volatile uint64_t *)box->word[0];
}

/* A session's capability as a thread's handler: the server gets its faults, and answers them. */
static void test_handler(cptr_t bank)
{
	struct pair p;
	pair_make(&p, bank, DEADLINE_MS);
	struct actor *other = actor_new(OTHER, bank);
	pair_open(&p);
	cptr_t slot = slot_new(), memory;
	uint64_t at = 0x50000000;
	const struct rm_session_mint_endpoint_in mint = { .session = SESSION(p.client->box) };
	struct rm_session_mint_endpoint_out minted = { 0 };
	CHECK_OK(rm_session_mint_endpoint(p.server->program.task, &mint, rt_slot(slot), &minted));
	/* The only fault is to be that one. */
	struct rm_vspace_populate_out laid_out;
	CHECK_OK(rm_vspace_populate(other->program.vspace, &laid_out));
	CHECK_OK(rm_thread_set_handler(other->program.thread, slot));
	/* It stays what it is, whatever the thread's schedule. */
	const struct rm_thread_schedule_in same = { .schedule = schedule_at(ACTOR_PRIORITY) };
	CHECK_OK(rm_thread_schedule(other->program.thread, &same));
	other->box->word[0] = at;
	actor_start(other, read_far);
	actor_do(p.server, receive);
	CHECK(p.server->box->word[4] == minted.badge && p.server->box->word[8] == FAULT_VM);
	CHECK(p.server->box->word[9] == at && actor_is_busy(other));
	/* rm knows nothing of it: whoever handles it asks, and has the page mapped. */
	CHECK_OK(memory_make(other->bank, 1, 0, &memory));
	CHECK_OK(show_as(other->program.vspace, memory, 0, 1, RW, RM_REGION_FLAGS_FIXED,
	                 RM_INHERIT_NONE, &at));
	const struct rm_vspace_set_pager_in pager = { .cookie = 1 };
	CHECK_OK(rm_vspace_set_pager(other->program.vspace, RT_TASK, &pager));
	CHECK(fault(other->program.vspace, at, RM_ACCESS_READ) == RM_FAULT_RESULT_RESUME);
	p.server->box->word[5] = 0;
	actor_do(p.server, answer);
	actor_join(other);
	CHECK(other->box->word[1] == 0);
	slots_put((cptr_t[]){ slot, memory }, 2);
	actor_end(other);
	pair_end(&p);
}

/* Many sessions, of which ids and badges are never the same again. */
static void test_ids(cptr_t bank)
{
	enum { ROUNDS = 60 };
	struct pair p;
	uint64_t ids[ROUNDS];
	pair_make(&p, bank, DEADLINE_MS);
	for (unsigned int i = 0; i < ROUNDS; i++) {
		pair_open(&p);
		ids[i] = p.client->box->word[0];
		for (unsigned int j = 0; j < i; j++)
			CHECK(ids[j] != ids[i]);
		actor_do(p.client, sever);
		server_cleans_up(&p, RM_REASON_CLOSED);
		actor_do(p.client, drop);
		if (i > 0) {
			const struct rm_session_query_in old = { .session = { ids[i - 1] } };
			struct rm_session_query_out out = { 0 };
			CHECK_ERR(rm_session_query(p.server->program.task, &old, &out), E_GONE);
		}
	}
	pair_end(&p);
}

const struct test session_tests[] = {
	{ "session_connect, session_accept", test_open },
	{ "session_connect: errors", test_connect_errors },
	{ "session_refuse", test_refuse },
	{ "session_sever: by the server", test_server_severs },
	{ "session_sever: what was queued", test_queued },
	{ "session_mint_endpoint, session_roots", test_roots },
	{ "session: notifications, bank", test_session_things },
	{ "session: its server as a fault handler", test_handler },
	{ "session: ids", test_ids },
	{ 0 },
};

/* -- the ends: who dies, in what state --------------------------------------------------------- */

/* The server takes no event: it is a failed server when the deadline has passed. */
static void test_never_accepts(cptr_t bank)
{
	for (unsigned int takes = 0; takes < 2; takes++) {
		struct pair p;
		pair_make(&p, bank, DEADLINE_MS);
		const struct rm_bank_status before = bank_status(p.client->bank);
		uint64_t start = rt_time_ns();
		actor_start(p.client, connect);
		if (takes)
			actor_do(p.server, take_event);
		actor_join(p.client);
		uint64_t took = (rt_time_ns() - start) / 1000000;
		CHECK(took >= DEADLINE_MS && took < 10 * DEADLINE_MS); /* of a host that is busy */
		if (took < DEADLINE_MS || took >= 10 * DEADLINE_MS)
			rt_log("# after %lu ms", took);
		CHECK(p.client->box->word[1] == E_TIMEOUT);
		const struct rm_task_died_event died = actor_died(p.server);
		CHECK(died.reason == RM_REASON_DEADLINE);
		client_has_all(&p, &before);
		CHECK(sessions(p.client) == 0);
		actor_start(p.client, connect);
		actor_join(p.client);
		CHECK(p.client->box->word[1] == E_AGAIN);
		pair_end(&p);
	}
}

/*
 * A deadline begins with the request, also while rm's clock goes on because of another one: it is
 * of a few periods of that clock, so that what the clock said last shows.
 */
static void test_deadline_begins(cptr_t bank)
{
	enum { OTHER_SERVER = OTHER, OTHER_CLIENT, SHORT_MS = 4, ROUNDS = 8 };
	struct pair p;
	pair_make(&p, bank, 10 * DEADLINE_MS);
	actor_start(p.client, connect);
	for (unsigned int i = 0; i < ROUNDS; i++) {
		struct actor *server = actor_new(OTHER_SERVER, bank);
		struct actor *client = actor_new(OTHER_CLIENT, bank);
		CHECK_OK(rt_name_grant(server->program.task, "t", RM_NAME_RIGHT_SERVE));
		CHECK_OK(rt_name_grant(client->program.task, "t", RM_NAME_RIGHT_CONNECT));
		server->box->word[10] = client->box->word[10] = 't';
		server->box->word[2] = SHORT_MS;
		client->box->word[2] = 16;
		actor_do(server, serve);
		actor_do(client, connect);
		CHECK(client->box->word[1] == E_TIMEOUT);
		CHECK(client->box->word[11] >= SHORT_MS * 1000000ull);
		if (client->box->word[11] < SHORT_MS * 1000000ull)
			rt_log("# after %lu ns", client->box->word[11]);
		CHECK(actor_died(server).reason == RM_REASON_DEADLINE);
		actor_end(client);
		actor_end(server);
	}
	pair_end(&p);
}

/* It does not acknowledge: the same, and the client's memory comes back. */
static void test_never_acknowledges(cptr_t bank)
{
	struct pair p;
	pair_make(&p, bank, DEADLINE_MS);
	const struct rm_bank_status before = bank_status(p.client->bank);
	pair_open(&p);
	actor_do(p.client, sever);
	CHECK(p.client->box->word[1] == E_OK);
	wait_ms(DEADLINE_MS / 4);
	CHECK(bank_status(p.client->bank).children == 1);
	CHECK(actor_died(p.server).reason == RM_REASON_DEADLINE);
	client_has_all(&p, &before);
	pair_end(&p);
}

/* A call that is never answered, of a server that takes its events; and then does not. */
static void test_probe(cptr_t bank)
{
	struct pair p;
	pair_make(&p, bank, DEADLINE_MS);
	pair_open(&p);
	cptr_t client = p.client->program.task, server = p.server->program.task;
	const struct rm_session_probe_in in = { .session = SESSION(p.client->box) };
	const struct rm_task_probe_in task_in = { .deadline = DEADLINE_MS };
	actor_start(p.client, call);
	actor_do(p.server, receive);
	/* It is the client's to ask. Many times are one event. */
	CHECK_ERR(rm_session_probe(server, &in), E_GONE);
	for (unsigned int i = 0; i < 3; i++)
		CHECK_OK(rm_session_probe(client, &in));
	CHECK_OK(rm_task_probe(server, &task_in));
	CHECK(task_status(server).events == 1);
	actor_do(p.server, take_event);
	CHECK(p.server->box->word[3] == RM_EVENT_PROBED);
	wait_ms(2 * DEADLINE_MS);
	CHECK(task_status(server).state == RM_TASK_STATE_RUNNING && actor_is_busy(p.client));
	/* Who is asked again and again has no more time for that. */
	uint64_t start = rt_time_ns();
	while (rm_session_probe(client, &in) == E_OK && rt_time_ns() - start < 10000000000)
		wait_ms(DEADLINE_MS / 4);
	uint64_t took = (rt_time_ns() - start) / 1000000;
	CHECK(took >= DEADLINE_MS / 2 && took < 10 * DEADLINE_MS);
	CHECK(actor_died(p.server).reason == RM_REASON_DEADLINE);
	actor_join(p.client);
	CHECK(p.client->box->word[7] == E_SERVER_DIED);
	CHECK_ERR(rm_task_probe(server, &task_in), E_GONE);
	pair_end(&p);
}

static void die(struct box *box)
{
	(void)box;
	rt_exit(1);
}

static void bad_read(struct box *box)
{
	box->word[20] = *(volatile uint64_t *)box->word[21];
}

enum client_state { CONNECTING, CONNECTING_TAKEN, IDLE, QUEUED, RECEIVED, SEVERED, STATES };

/* The client dies, or is destroyed with its bank, in each state. */
static void client_dies(cptr_t bank, enum client_state state, bool destroyed)
{
	struct pair p;
	pair_make(&p, bank, DEADLINE_MS);
	uint64_t badge = 0;
	if (state > CONNECTING_TAKEN)
		pair_open(&p);
	switch (state) {
	case CONNECTING:
		actor_start(p.client, connect);
		break;
	case CONNECTING_TAKEN:
		actor_start(p.client, connect);
		actor_do(p.server, take_event);
		break;
	case QUEUED:
		actor_start(p.client, call);
		break;
	case RECEIVED:
		actor_start(p.client, call);
		actor_do(p.server, receive);
		badge = p.server->box->word[4];
		CHECK(badge != 0);
		break;
	case SEVERED:
		actor_do(p.client, sever);
		break;
	default:
		break;
	}
	if (destroyed) {
		CHECK_OK(rm_task_unwatch(p.client->program.task, RT_TASK,
		                         &(struct rm_task_unwatch_in){ .cookie = CLIENT }));
		CHECK_OK(rm_bank_destroy(p.client->bank));
	} else if (state == IDLE || state == SEVERED) {
		actor_start(p.client, die);
		CHECK(actor_died(p.client).status == 1);
	} else {
		CHECK_OK(rm_task_exit(p.client->program.task,
		                      &(struct rm_task_exit_in){ .status = 1 }));
		CHECK(actor_died(p.client).status == 1);
	}
	/* Whoever was to be told is, and nothing is queued. */
	actor_do(p.server, receive_now);
	CHECK(p.server->box->word[4] == 0);
	if (state != CONNECTING)
		server_cleans_up(&p, state == SEVERED ? RM_REASON_CLOSED
		                     : destroyed      ? RM_REASON_BANK
		                                      : RM_REASON_PEER);
	for (unsigned int i = 0; i < 200 && sessions(p.server) > 0; i++)
		wait_ms(1);
	CHECK(sessions(p.server) == 0);
	actor_do(p.server, take_event);
	CHECK(p.server->box->word[3] == 0);
	if (destroyed) {
		rt_program_forget(&p.client->program);
		rt_slot_put(p.client->bank);
	} else {
		actor_end(p.client);
	}
	/* The server serves on. */
	p.client = actor_new(CLIENT, bank);
	CHECK_OK(rt_name_grant(p.client->program.task, "s", RM_NAME_RIGHT_CONNECT));
	p.client->box->word[2] = 16;
	pair_open(&p);
	CHECK(pair_calls(&p));
	pair_end(&p);
}

static void test_client_dies(cptr_t bank)
{
	for (enum client_state state = 0; state < STATES; state++)
		client_dies(bank, state, false);
}

static void test_client_destroyed(cptr_t bank)
{
	for (enum client_state state = 0; state < STATES; state++)
		client_dies(bank, state, true);
}

/* The server dies with one caller queued, one received, one parked on a second reply. */
static void server_dies(cptr_t bank, unsigned int how)
{
	enum { CLIENTS = 4 };
	struct actor *server = actor_new(0, bank), *client[CLIENTS];
	struct pair p = { .server = server };
	CHECK_OK(rt_name_grant(server->program.task, "s", RM_NAME_RIGHT_SERVE));
	server->box->word[2] = 60000;
	actor_do(server, serve);
	for (unsigned int i = 0; i < CLIENTS; i++) {
		client[i] = p.client = actor_new(1 + i, bank);
		CHECK_OK(rt_name_grant(client[i]->program.task, "s", RM_NAME_RIGHT_CONNECT));
		client[i]->box->word[2] = 16;
		if (i == 3) {
			actor_start(client[i], connect); /* waits to be accepted */
			break;
		}
		pair_open(&p);
		actor_start(client[i], call);
		if (i == 0)
			actor_do(server, receive);
		CHECK(actor_is_busy(client[i]));
	}
	CHECK(sessions(server) == 4);
	if (how == 0)
		actor_start(server, die);
	else if (how == 1)
		actor_start(server, bad_read);
	else if (how == 2)
		CHECK_OK(rm_task_destroy(server->program.task));
	else
		CHECK_OK(rm_bank_destroy(server->bank));
	const struct rm_task_died_event died = actor_died(server);
	static const uint8_t reasons[] = { RM_REASON_EXIT, RM_REASON_FAULT, RM_REASON_STOPPED,
		                           RM_REASON_BANK };
	CHECK(died.reason == reasons[how]);
	for (unsigned int i = 0; i < CLIENTS; i++) {
		actor_join(client[i]);
		struct box *box = client[i]->box;
		if (i == 3) {
			CHECK(box->word[1] == E_SERVER_DIED);
			continue;
		}
		CHECK(box->word[7] != 0);
		box->word[3] = 0;
		for (unsigned int j = 0; j < 200 && !box->word[3]; j++) {
			actor_do(client[i], take_event);
			wait_ms(1);
		}
		CHECK(box->word[3] == RM_EVENT_SESSION_SEVERED && box->word[4] == RM_REASON_PEER);
		for (unsigned int j = 0; j < 200 && sessions(client[i]) > 0; j++)
			wait_ms(1);
		CHECK(sessions(client[i]) == 0);
		actor_do(client[i], call);
		CHECK(box->word[7] != 0);
	}
	for (unsigned int i = 0; i < CLIENTS; i++)
		actor_end(client[i]);
	if (how < 2) {
		actor_end(server);
		return;
	}
	if (how == 2)
		CHECK_OK(rm_bank_destroy(server->bank));
	rt_program_forget(&server->program);
	rt_slot_put(server->bank);
}

static void test_server_dies(cptr_t bank)
{
	for (unsigned int how = 0; how < 4; how++)
		server_dies(bank, how);
}

const struct test end_tests[] = {
	{ "a server that never accepts", test_never_accepts },
	{ "a deadline begins with the request", test_deadline_begins },
	{ "a server that never acknowledges", test_never_acknowledges },
	{ "session_probe, task_probe", test_probe },
	{ "a client that dies", test_client_dies },
	{ "a client that is destroyed", test_client_destroyed },
	{ "a server that dies", test_server_dies },
	{ 0 },
};
