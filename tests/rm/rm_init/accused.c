/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Attacks of docs/design/protocols.md, section 8, by servers, or of which a server might be thought
 * to be guilty, or its client: who ends, and who does not. And what a client can use up.
 */
#include "test.h"
#include <proto/guard.h>
#include <rt/sel4.h>
#include <rt/thread.h>

enum { PAGES = LENT_PAGES, OTHER = 2, ROOTS = 40 };
/* Words of a server's box: its guard, as it says it. */
enum { MODE = 40, LOW, HIGH, LANDING, STACK };

/* -- 25 to 28: a server's lies ----------------------------------------------------------------- */

static char landing_stack[4096] __attribute__((aligned(16)));

/* Where an abort leads that is no better than what was aborted. */
static void bad_handler(void)
{
	static uint64_t *volatile nothing = (uint64_t *)24;
	*nothing = 1;
	for (;;)
		continue;
}

/* An access to the window with the guard that the box has. */
static void lie(struct box *box)
{
	volatile struct guard *g = (struct guard *)((char *)sel4_ipc_buffer() + GUARD_OFFSET);
	g->low = box->word[LOW];
	g->high = box->word[HIGH];
	g->landing = box->word[LANDING];
	g->stack = box->word[STACK];
	g->result = g->address = 0;
	g->mode = box->word[MODE];
	box->word[VALUE] = *(volatile uint64_t *)(box->word[WINDOW] + box->word[AT]);
	g->mode = GUARD_NONE;
}

enum liar {
	HONEST,
	NO_GUARD,
	ELSEWHERE,
	EMPTY,
	BELOW,
	WILD_MODE,
	KERNEL,
	FAR_STACK,
	NOWHERE,
	NULLS,
	UNMAPPED,
	LIARS
};

static const struct {
	const char *what;
	uint8_t result; /* enum rm_fault_result */
	uint64_t at;    /* of the fault; 0: of the access */
} lies[LIARS] = {
	[NO_GUARD] = { "attack 25: no guard", RM_FAULT_RESULT_GONE, 0 },
	[ELSEWHERE] = { "attack 25: a guard for other addresses", RM_FAULT_RESULT_GONE, 0 },
	[EMPTY] = { "attack 27: a range without bytes", RM_FAULT_RESULT_GONE, 0 },
	[BELOW] = { "attack 27: a range that ends before it begins", RM_FAULT_RESULT_GONE, 0 },
	[WILD_MODE] = { "attack 27: no such mode", RM_FAULT_RESULT_GONE, 0 },
	[KERNEL] = { "attack 27: a landing in the kernel", RM_FAULT_RESULT_GONE, 0 },
	[FAR_STACK] = { "attack 27: a stack in the kernel", RM_FAULT_RESULT_GONE, 0 },
	[NOWHERE] = { "attack 27: a landing where nothing is", RM_FAULT_RESULT_NO_REGION, 0x7000 },
	[NULLS] = { "attack 26: a landing that faults itself", RM_FAULT_RESULT_NO_REGION, 24 },
	[UNMAPPED] = { "attack 28: it unmapped the window itself", RM_FAULT_RESULT_NO_REGION, 0 },
};

static void prepare_lie(struct box *box, enum liar liar)
{
	uint64_t at = box->word[WINDOW] + 2 * PAGE;
	box->word[AT] = 2 * PAGE;
	box->word[MODE] = liar == NO_GUARD ? GUARD_NONE : liar == WILD_MODE ? 77 : GUARD_ABORT;
	box->word[LOW] = liar == ELSEWHERE || liar == BELOW ? at + 8 : at;
	box->word[HIGH] = liar == EMPTY || liar == BELOW ? at : at + 16;
	box->word[LANDING] = liar == KERNEL    ? 0xffffffff80000000
	                     : liar == NOWHERE ? 0x7000
	                                       : (uint64_t)bad_handler;
	box->word[STACK] = liar == FAR_STACK
	                           ? RM_USER_TOP
	                           : (uint64_t)(landing_stack + sizeof(landing_stack) - 8);
}

/*
 * The server ends, by a fault of its own, and its client is told so. With SEVER, a client that took
 * pages away is severed for that before the guard is looked at.
 */
static void lies_and_dies(cptr_t bank, enum liar liar, uint8_t policy)
{
	struct lent l;
	lent_make(&l, bank, policy, RM_SHARE_CLASS_FAULTABLE);
	const struct box *box = l.p.server->box;
	const struct rm_dataspace_resize_in two = { .size = 2 };
	bool violates = policy == RM_POLICY_SEVER && liar != UNMAPPED;
	prepare_lie(l.p.server->box, liar);
	if (liar == UNMAPPED)
		actor_do(l.p.server, unmap_window);
	else
		CHECK_OK(rm_dataspace_resize(l.memory, &two));
	actor_start(l.p.server, lie);
	const struct rm_task_died_event died = actor_died(l.p.server);
	uint64_t at = lies[liar].at ? lies[liar].at : box->word[WINDOW] + 2 * PAGE;
	bool good = died.reason == RM_REASON_FAULT && died.at == at &&
	            (died.status >> 8 & 0xff) == lies[liar].result;
	struct event event = { 0 };
	for (unsigned int i = 0; i < 200 && event.number == 0; i++, wait_ms(1))
		event = event_next(l.p.client->program.task);
	good &= event.number == RM_EVENT_SESSION_SEVERED &&
	        event.severed.reason == (violates ? RM_REASON_VIOLATION : RM_REASON_PEER);
	if (!good)
		rt_log("# %s: reason %u, at 0x%lx, status 0x%x; session: %u", lies[liar].what,
		       died.reason, died.at, died.status, event.severed.reason);
	CHECK(good);
	CHECK_OK(rm_dataspace_destroy(l.memory));
	lent_end(&l);
}

static void test_liars(cptr_t bank)
{
	for (enum liar liar = NO_GUARD; liar < LIARS; liar++)
		for (unsigned int policy = RM_POLICY_REPORT; policy <= RM_POLICY_SEVER; policy++)
			lies_and_dies(bank, liar, (uint8_t)policy);
}

/* -- 24 ---------------------------------------------------------------------------------------- */

/* It keeps what it was given and lent, and never acknowledges: it is ended, and all is back. */
static void test_keeps(cptr_t bank)
{
	struct lent l;
	cptr_t given;
	uint64_t at;
	lent_make(&l, bank, RM_POLICY_REPORT, RM_SHARE_CLASS_SEALED);
	const struct rm_bank_status before = bank_status(l.p.client->bank);
	CHECK_OK(memory_make(l.p.client->bank, 4, 0, &given));
	CHECK_OK(show(given, 4, &at));
	fill(at, 4, 50);
	const struct rm_donate_in in = { .session = { l.p.client->box->word[0] },
		                         .size = 4,
		                         .contents = RM_CONTENTS_KEPT };
	struct rm_donate_out out = { 0 };
	CHECK_OK(rm_donate(l.p.client->program.task, given, &in, &out));
	CHECK_OK(session_sever(l.p.client->program.task, in.session));
	wait_ms(LENT_DEADLINE_MS / 4);
	CHECK(peek(RT_VSPACE, at) == NOT_THERE);
	CHECK_OK(server_loads(l.p.server, load, 3)); /* what is sealed it still has */
	CHECK(actor_died(l.p.server).reason == RM_REASON_DEADLINE);
	for (unsigned int i = 0; i < 200 && bank_status(l.p.client->bank).children > 0; i++)
		wait_ms(1);
	for (uint64_t page = 0; page < 4; page++)
		CHECK(*word_at(at, page) == 0);
	CHECK_OK(hide(RT_VSPACE, at, 4));
	CHECK_OK(rm_dataspace_destroy(given));
	/* And the session's own pages, which it had when that began. */
	CHECK(bank_status(l.p.client->bank).limit == before.limit + 16 * PAGE);
	rt_slot_put(given);
	CHECK_OK(rm_dataspace_destroy(l.memory));
	lent_end(&l);
}

/* -- 39 ---------------------------------------------------------------------------------------- */

static struct box second_box;

static int second_thread(void *arg)
{
	(void)arg;
	load(&second_box);
	return 0;
}

/* The first thread's access fails at once; the second one's while that is dealt with, or after. */
static void load_by_two(struct box *box)
{
	static struct rt_worker worker;
	second_box = *box;
	second_box.word[AT] += PAGE;
	CHECK_OK(rt_worker_start(&worker, second_thread, NULL, 0, NULL));
	load(box);
	(void)rt_worker_join(&worker);
	CHECK(second_box.word[1] == E_GONE);
	CHECK(second_box.word[FAILED_AT] == second_box.word[WINDOW] + second_box.word[AT]);
}

static void test_two_threads(cptr_t bank)
{
	struct lent l;
	struct event event;
	lent_make(&l, bank, RM_POLICY_SEVER, RM_SHARE_CLASS_FAULTABLE);
	const struct rm_session_mint_endpoint_in mint = { .session = { l.p.client->box->word[0] } };
	cptr_t slot = slot_new(), server = l.p.server->program.task;
	/* To cut it off takes longer than one request. */
	for (unsigned int i = 0; i < ROOTS; i++) {
		struct rm_session_mint_endpoint_out out = { 0 };
		CHECK_OK(rm_session_mint_endpoint(server, &mint, rt_slot(slot), &out));
		rt_slot_clear(slot);
	}
	CHECK_OK(rm_dataspace_resize(l.memory, &(struct rm_dataspace_resize_in){ .size = 3 }));
	CHECK_ERR(server_loads(l.p.server, load_by_two, 4), E_GONE);
	server_cleans_up(&l.p, RM_REASON_VIOLATION);
	event = event_next(server);
	CHECK(event.number == 0); /* one cut-off */
	CHECK(event_next(l.p.client->program.task).severed.reason == RM_REASON_VIOLATION);
	rt_slot_put(slot);
	CHECK_OK(rm_dataspace_destroy(l.memory));
	lent_end(&l);
}

/* -- 40 ---------------------------------------------------------------------------------------- */

/* A client lends, gives and asks for capabilities without end: it is its own session's bank. */
static void test_fills(cptr_t bank)
{
	struct lent l;
	err_t err = E_OK;
	unsigned int made = 0;
	lent_make(&l, bank, RM_POLICY_REPORT, RM_SHARE_CLASS_FAULTABLE);
	const struct rm_bank_status server = bank_status(l.p.server->bank),
	                            client = bank_status(l.p.client->bank);
	for (; err == E_OK && made < 5000; made++)
		err = lend(&l, l.memory, made % PAGES, 1, RM_RIGHT_READ, RM_SHARE_CLASS_FAULTABLE);
	CHECK(err == E_NOMEM || err == E_LIMIT);
	const struct rm_donate_in in = { .session = { l.p.client->box->word[0] },
		                         .size = 1,
		                         .contents = RM_CONTENTS_KEPT };
	struct rm_donate_out out;
	err = rm_donate(l.p.client->program.task, l.memory, &in, &out);
	CHECK(err == E_NOMEM || err == E_LIMIT);
	rt_log("# %u shares in a session of 16 pages", made);
	const struct rm_bank_status full = bank_status(l.p.server->bank),
	                            rest = bank_status(l.p.client->bank);
	CHECK(bank_same(&server, &full) && bank_same(&client, &rest));
	CHECK(pair_calls(&l.p));
	CHECK(server_loads(l.p.server, load, 1) == E_OK);
	/* Somebody else's session has what it had. */
	struct pair p = { .server = l.p.server, .client = actor_new(OTHER, bank) };
	CHECK_OK(rt_name_grant(p.client->program.task, "s", RM_NAME_RIGHT_CONNECT));
	p.client->box->word[2] = 16;
	while (event_next(p.server->program.task).number)
		continue;
	uint64_t first = p.server->box->word[0];
	pair_open(&p);
	CHECK(pair_calls(&p));
	actor_end(p.client);
	p.server->box->word[0] = first;
	CHECK_OK(rm_dataspace_destroy(l.memory));
	lent_end(&l);
}

/* -- 45 ---------------------------------------------------------------------------------------- */

static const uint64_t wild[] = { 0,
	                         1,
	                         PAGES - 1,
	                         PAGES,
	                         PAGES + 1,
	                         RM_PAGES_MAX - 1,
	                         RM_PAGES_MAX,
	                         RM_PAGES_MAX + 1,
	                         1ull << 52,
	                         1ull << 63,
	                         UINT64_MAX - 1,
	                         UINT64_MAX };

static bool is_refused(err_t err)
{
	return err == E_INVAL || err == E_RANGE;
}

static uint32_t wild_ranges(struct lent *l, uint64_t first, uint64_t size)
{
	const struct actor *client = l->p.client, *server = l->p.server;
	const rm_session_t session = { client->box->word[0] };
	const struct rm_donate_in gift = {
		.session = session, .first = first, .size = size, .contents = RM_CONTENTS_KEPT
	};
	const struct rm_share_create_in loan = { .session = session,
		                                 .first = first,
		                                 .size = size,
		                                 .rights = RW,
		                                 .class = RM_SHARE_CLASS_FAULTABLE };
	const struct rm_share_pass_in pass = {
		.share = l->share, .session = session, .first = first, .size = size, .rights = RW
	};
	const struct rm_window_map_in map = { .share = l->share,
		                              .first = first,
		                              .size = size,
		                              .rights = RW,
		                              .policy = RM_POLICY_REPORT };
	const struct rm_dataspace_clone_in clone = { .first = first, .size = size };
	struct rm_donate_out gift_out;
	struct rm_share_create_out loan_out;
	struct rm_share_pass_out pass_out;
	struct rm_window_map_out map_out;
	cptr_t slot = slot_new(), task = client->program.task;
	uint32_t wrong = 0;
	wrong += !is_refused(rm_donate(task, l->memory, &gift, &gift_out));
	wrong += !is_refused(rm_share_create(task, l->memory, &loan, &loan_out));
	err_t err = rm_share_pass(server->program.task, &pass, &pass_out);
	wrong += !is_refused(err) && err != E_GONE; /* it is no client of that session */
	wrong += !is_refused(
	        rm_window_map(server->program.vspace, server->program.task, &map, &map_out));
	wrong += !is_refused(rm_dataspace_clone(l->memory, client->bank, &clone, rt_slot(slot)));
	rt_slot_put(slot);
	if (wrong)
		rt_log("# pages 0x%lx, 0x%lx of them", first, size);
	return wrong;
}

static void test_wild(cptr_t bank)
{
	struct lent l;
	uint32_t wrong = 0;
	lent_make(&l, bank, RM_POLICY_SEVER, RM_SHARE_CLASS_FAULTABLE);
	const struct rm_bank_status client = bank_status(l.p.client->bank),
	                            server = bank_status(l.p.server->bank);
	for (unsigned int i = 0; i < COUNT_OF(wild); i++)
		for (unsigned int j = 0; j < COUNT_OF(wild); j++)
			if (wild[j] == 0 || wild[i] >= PAGES || wild[j] > PAGES - wild[i])
				wrong += wild_ranges(&l, wild[i], wild[j]);
	CHECK(wrong == 0);
	const struct rm_bank_status client_after = bank_status(l.p.client->bank),
	                            server_after = bank_status(l.p.server->bank);
	CHECK(bank_same(&client, &client_after) && bank_same(&server, &server_after));
	CHECK(event_next(l.p.server->program.task).number == 0);
	CHECK(server_loads(l.p.server, load, PAGES - 2) == E_OK);
	lent_end(&l);
}

const struct test accused_tests[] = {
	{ "attack 24: keeps all, and never acknowledges", test_keeps },
	{ "attacks 25 to 28: servers that lie", test_liars },
	{ "attack 39: two threads, one session", test_two_threads },
	{ "attack 40: a client fills all tables", test_fills },
	{ "attack 45: wild ranges", test_wild },
	{ 0 },
};
