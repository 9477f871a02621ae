/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Raw memory: rm.idl's methods 18 and 19, and its donation. A client, an actor, makes kernel
 * objects of it, copies them and gives them to a friend; main has rm take it back.
 */
#include "test.h"
#include <rt/sel4_object.h>

enum { PAGES = 6, MANY = 150, DEADLINE_MS = 400, BANK_PAGES = 600 };
/* In the client's table, and in its friend's. */
enum {
	RAW = GIFT_FIRST + 20,
	FRIEND,
	UNTYPED,
	PIECE,
	TCB,
	NODE,
	SIGNAL,
	FRAME,
	COPY,
	GUARDED,
	SPARE
};
enum { PAGE_NUMBER = 20, LEFT, LEAF_BITS = 7 };

/* -- what the client does ---------------------------------------------------------------------- */

static void open_page(struct box *box)
{
	const struct rm_raw_open_in in = { .page = box->word[PAGE_NUMBER] };
	rt_slot_clear(UNTYPED);
	box->word[1] = (uint64_t)rm_raw_open(RAW, &in, rt_slot(UNTYPED));
}

static enum abi_error make(cptr_t from, enum abi_object type, unsigned int bits, cptr_t to)
{
	/* An actor's table has two levels: leaves of 128 slots. */
	const struct sel4_slot leaf = { RT_CNODE, to >> LEAF_BITS, rt_slot(to).depth - LEAF_BITS };
	rt_slot_clear(to);
	return sel4_untyped_retype(from, type, bits, leaf, to % (1 << LEAF_BITS), 1);
}

static enum abi_error copy(cptr_t from, cptr_t to)
{
	rt_slot_clear(to);
	return sel4_cnode_copy(rt_slot(to), rt_slot(from), RIGHTS_ALL);
}

/* A page full of objects, which hold on to each other, and are in a CNode of their own. */
static void make_objects(struct box *box)
{
	const struct sel4_slot inner = { NODE, 3, ABI_WORD_BITS };
	(void)box;
	CHECK(make(UNTYPED, OBJ_TCB, 0, TCB) == ERR_NONE);
	CHECK(make(UNTYPED, OBJ_UNTYPED, 10, PIECE) == ERR_NONE);
	CHECK(make(PIECE, OBJ_CNODE, 4, NODE) == ERR_NONE);
	CHECK(make(PIECE, OBJ_NOTIFICATION, 0, SIGNAL) == ERR_NONE);
	CHECK(make(UNTYPED, OBJ_X86_4K_PAGE, 0, SPARE) == ERR_NOT_ENOUGH_MEMORY);
	CHECK(copy(UNTYPED, COPY) == ERR_REVOKE_FIRST);
	CHECK(copy(TCB, COPY) == ERR_NONE);
	CHECK(sel4_tcb_bind_notification(TCB, SIGNAL) == ERR_NONE);
	CHECK(sel4_cnode_mint(rt_slot(GUARDED), rt_slot(NODE), RIGHTS_ALL,
	                      abi_cnode_guard(0, ABI_WORD_BITS - 4)) == ERR_NONE);
	CHECK(sel4_cnode_copy((struct sel4_slot){ GUARDED, inner.index, inner.depth }, rt_slot(TCB),
	                      RIGHTS_ALL) == ERR_NONE);
	/* What was made of the piece is there without it. */
	rt_slot_clear(PIECE);
}

static void make_frame(struct box *box)
{
	(void)box;
	CHECK(make(UNTYPED, OBJ_X86_4K_PAGE, 0, FRAME) == ERR_NONE);
	CHECK(copy(FRAME, COPY) == ERR_NONE);
	rt_slot_clear(UNTYPED);
}

/*
 * Two CNodes whose last capabilities are in each other, and a third that is in itself; in each is
 * something of others. Nobody can reach them.
 */
static void make_knot(struct box *box)
{
	enum { BITS = 4 };
	const cptr_t nodes[] = { NODE, SIGNAL, FRAME };
	(void)box;
	for (unsigned int i = 0; i < COUNT_OF(nodes); i++) {
		const struct sel4_slot in = { nodes[i], 1, BITS };
		CHECK(make(UNTYPED, OBJ_CNODE, BITS, nodes[i]) == ERR_NONE);
		CHECK(sel4_cnode_copy(in, rt_slot(FRIEND), RIGHTS_ALL) == ERR_NONE);
	}
	CHECK(sel4_cnode_move((struct sel4_slot){ FRAME, 2, BITS }, rt_slot(FRAME)) == ERR_NONE);
	CHECK(copy(SIGNAL, COPY) == ERR_NONE);
	CHECK(sel4_cnode_move((struct sel4_slot){ SIGNAL, 2, BITS }, rt_slot(NODE)) == ERR_NONE);
	CHECK(sel4_cnode_delete(rt_slot(SIGNAL)) == ERR_NONE);
	CHECK(sel4_cnode_move((struct sel4_slot){ COPY, 3, BITS }, rt_slot(COPY)) == ERR_NONE);
}

/* The friend gets the untyped, or what was made of it. */
static void pass_on(struct box *box)
{
	for (cptr_t slot = UNTYPED; slot <= COPY; slot++)
		(void)task_put(FRIEND, slot, (uint32_t)slot);
	box->word[1] = E_OK;
}

/* Capabilities that are left: what is not there cannot be copied. */
static void count_left(struct box *box)
{
	box->word[LEFT] = 0;
	for (cptr_t slot = UNTYPED; slot <= GUARDED; slot++) {
		enum abi_error err = sel4_cnode_move(rt_slot(SPARE), rt_slot(slot));
		box->word[LEFT] += err == ERR_NONE;
		if (err == ERR_NONE)
			CHECK(sel4_cnode_move(rt_slot(slot), rt_slot(SPARE)) == ERR_NONE);
	}
}

/* -- the scene --------------------------------------------------------------------------------- */

struct raw {
	struct given g;
	struct actor *friend;
	cptr_t bank, memory;
};

/* A bank that may buy raw memory. */
static cptr_t privileged_bank(uint64_t pages)
{
	cptr_t made = slot_new();
	const struct rm_bank_create_in in = { .limit = pages * PAGE,
		                              .priority_max = 200,
		                              .privileged = true };
	CHECK_OK(rm_bank_create(RT_BANK, &in, rt_slot(made)));
	return made;
}

static err_t raw_make(cptr_t bank, uint64_t pages, cptr_t *made)
{
	*made = slot_new();
	return rm_raw_create(bank, &(struct rm_raw_create_in){ .size = pages }, rt_slot(*made));
}

static void scene_make(struct raw *r, cptr_t bank, uint64_t pages)
{
	pair_make(&r->g.p, bank, DEADLINE_MS);
	pair_open(&r->g.p);
	r->friend = actor_new(5, bank);
	r->bank = privileged_bank(BANK_PAGES);
	CHECK_OK(raw_make(r->bank, pages, &r->memory));
	r->g.memory = r->memory;
	r->g.pages = pages;
	CHECK_OK(task_put(r->g.p.client->program.task, r->memory, RAW));
	CHECK_OK(task_put(r->g.p.client->program.task, r->friend->program.task, FRIEND));
}

static void scene_end(struct raw *r)
{
	actor_end(r->friend);
	pair_end(&r->g.p);
	CHECK_OK(rm_bank_destroy(r->bank));
	slots_put((cptr_t[]){ r->bank, r->memory }, 2);
	CHECK(rm_is_valid());
}

static err_t client_opens(const struct raw *r, uint64_t page)
{
	r->g.p.client->box->word[PAGE_NUMBER] = page;
	actor_do(r->g.p.client, open_page);
	return (err_t)r->g.p.client->box->word[1];
}

static uint64_t left_of(struct actor *actor)
{
	actor_do(actor, count_left);
	return actor->box->word[LEFT];
}

/* Page 0 is full of objects, page 1 a frame; the friend has some of all of it. */
static void client_makes(const struct raw *r)
{
	struct actor *client = r->g.p.client;
	CHECK_OK(client_opens(r, 1));
	actor_do(client, make_frame);
	actor_do(client, pass_on);
	CHECK_OK(client_opens(r, 0));
	actor_do(client, make_objects);
	actor_do(client, pass_on);
	CHECK(left_of(client) >= 5 && left_of(r->friend) >= 4);
}

static bool nothing_is_left(const struct raw *r)
{
	return left_of(r->g.p.client) == 0 && left_of(r->friend) == 0;
}

static uint64_t used(const struct raw *r)
{
	return bank_status(r->bank).used / PAGE;
}

/* -- the tests --------------------------------------------------------------------------------- */

/* Opened anew, a page is empty, and only who opened it has something of it. */
static void test_open(cptr_t bank)
{
	struct raw r;
	scene_make(&r, bank, PAGES);
	CHECK(memory_status(r.memory).kind == RM_DATASPACE_KIND_RAW);
	CHECK(memory_status(r.memory).resident == 0);
	client_makes(&r);
	CHECK(memory_status(r.memory).resident == 2);
	uint64_t before = used(&r);
	CHECK_OK(client_opens(&r, 0));
	CHECK(left_of(r.g.p.client) == 2); /* the untyped, and the frame, of page 1 */
	actor_do(r.g.p.client, make_objects);
	CHECK_OK(client_opens(&r, 0));
	CHECK_OK(client_opens(&r, 1));
	CHECK(left_of(r.g.p.client) == 1 && used(&r) == before);
	/* The untyped itself is passed on, and is the friend's until it is opened again. */
	actor_do(r.g.p.client, pass_on);
	CHECK(left_of(r.friend) == 1);
	CHECK_OK(client_opens(&r, 1));
	CHECK(left_of(r.friend) == 0);
	scene_end(&r);
}

/* Cut, or destroyed, or by its bank's end: nothing of it is left, though nobody helps. */
static void test_end(cptr_t bank)
{
	for (unsigned int how = 0; how < 3; how++) {
		struct raw r;
		scene_make(&r, bank, PAGES);
		client_makes(&r);
		if (how == 0) {
			CHECK_OK(rm_dataspace_resize(r.memory,
			                             &(struct rm_dataspace_resize_in){ 0 }));
			CHECK_ERR(client_opens(&r, 0), E_RANGE);
			CHECK(memory_status(r.memory).resident == 0);
		} else if (how == 1) {
			CHECK_OK(rm_dataspace_destroy(r.memory));
			CHECK_ERR(client_opens(&r, 0), E_GONE);
		} else {
			CHECK_OK(rm_bank_destroy(r.bank));
			rt_slot_put(r.bank);
			r.bank = privileged_bank(BANK_PAGES);
		}
		CHECK(nothing_is_left(&r));
		scene_end(&r);
	}
}

/* All words of a page that the server was given. */
static void sum_page(struct box *box)
{
	uint64_t any = 0;
	const volatile uint64_t *words = word_at(box->word[GIVEN_AT], box->word[PAGE_AT]);
	for (unsigned int i = 0; i < PAGE / 8; i++)
		any |= words[i];
	box->word[GIVEN_VALUE] = any;
}

static bool server_has_zeros(const struct raw *r, uint64_t pages)
{
	struct box *box = r->g.p.server->box;
	uint64_t any = 0;
	for (uint64_t page = 0; page < pages; page++) {
		box->word[PAGE_AT] = page;
		actor_do(r->g.p.server, sum_page);
		any |= box->word[GIVEN_VALUE];
	}
	return any == 0;
}

/* What nobody has a capability to any more goes as well; the page is as any other then. */
static void test_knot(cptr_t bank)
{
	struct raw r;
	scene_make(&r, bank, PAGES);
	for (unsigned int i = 0; i < 3; i++) {
		CHECK_OK(client_opens(&r, 0));
		actor_do(r.g.p.client, make_knot);
		CHECK(left_of(r.g.p.client) == 1);
	}
	given_take(&r.g, 0, 1, RM_CONTENTS_WIPED);
	CHECK(nothing_is_left(&r) && server_has_zeros(&r, 1));
	CHECK_OK(server_gives_back(&r.g, RM_CONTENTS_WIPED));
	wait_ms(5);
	CHECK_OK(client_opens(&r, 0));
	actor_do(r.g.p.client, make_knot);
	scene_end(&r);
}

static void fill_given(struct box *box)
{
	fill(box->word[GIVEN_AT], box->word[GIVEN], 77);
}

/* The server has the pages, zeros, and nobody anything of them; then they are raw again. */
static void test_donate(cptr_t bank)
{
	for (unsigned int back = RM_CONTENTS_KEPT; back <= RM_CONTENTS_WIPED; back++) {
		struct raw r;
		scene_make(&r, bank, PAGES);
		client_makes(&r);
		const struct rm_bank_status before = bank_status(r.bank);
		/* The third was never opened. */
		given_take(&r.g, 0, 3, RM_CONTENTS_WIPED);
		CHECK(nothing_is_left(&r) && server_has_zeros(&r, 3));
		const struct rm_bank_status lent = bank_status(r.bank);
		CHECK(lent.limit + 3ull * PAGE == before.limit);
		CHECK(lent.used + 2ull * PAGE <= before.used);
		actor_do(r.g.p.server, fill_given);
		for (uint64_t page = 0; page < 3; page++)
			CHECK_ERR(client_opens(&r, page), E_BUSY);
		CHECK_OK(client_opens(&r, 3));
		CHECK(server_has(&r.g, 2) == 79);
		CHECK_OK(server_gives_back(&r.g, (uint8_t)back));
		wait_ms(5);
		CHECK(bank_status(r.bank).limit == before.limit);
		client_makes(&r);
		CHECK(used(&r) <= before.used / PAGE + 1);
		CHECK(pair_calls(&r.g.p));
		scene_end(&r);
	}
}

/* Many go in steps. */
static void test_many(cptr_t bank)
{
	struct raw r;
	scene_make(&r, bank, MANY);
	for (uint64_t page = 0; page < MANY; page += 2)
		CHECK_OK(client_opens(&r, page));
	given_take(&r.g, 0, MANY, RM_CONTENTS_WIPED);
	CHECK(nothing_is_left(&r) && server_has_zeros(&r, MANY));
	CHECK(bank_status(r.bank).limit == (BANK_PAGES - MANY) * (uint64_t)PAGE);
	CHECK_OK(server_gives_back(&r.g, RM_CONTENTS_WIPED));
	wait_ms(20);
	CHECK(bank_status(r.bank).limit == BANK_PAGES * (uint64_t)PAGE);
	scene_end(&r);
}

/* The client dies: its friend has what it was given, until the memory is taken back. */
static void crash(struct box *box)
{
	(void)box;
	__builtin_trap();
}

static void test_client_dies(cptr_t bank)
{
	struct raw r;
	scene_make(&r, bank, PAGES);
	client_makes(&r);
	CHECK_OK(client_opens(&r, 2));
	given_take(&r.g, 2, 2, RM_CONTENTS_WIPED);
	actor_do(r.g.p.server, fill_given);
	actor_start(r.g.p.client, crash);
	CHECK(actor_died(r.g.p.client).reason == RM_REASON_FAULT);
	CHECK(left_of(r.friend) >= 4);
	/* Its bank, too; the server has what it was given. */
	CHECK_OK(rm_bank_destroy(r.bank));
	rt_slot_put(r.bank);
	CHECK(left_of(r.friend) == 0);
	CHECK(server_has(&r.g, 0) == 77 && server_has(&r.g, 1) == 78);
	server_cleans_up(&r.g.p, RM_REASON_PEER);
	r.bank = privileged_bank(BANK_PAGES);
	scene_end(&r);
}

/* The server dies: the memory is raw again. */
static void test_server_dies(cptr_t bank)
{
	struct raw r;
	scene_make(&r, bank, PAGES);
	client_makes(&r);
	given_take(&r.g, 0, 2, RM_CONTENTS_WIPED);
	actor_do(r.g.p.server, fill_given);
	actor_start(r.g.p.server, crash);
	CHECK(actor_died(r.g.p.server).reason == RM_REASON_FAULT);
	wait_ms(20);
	CHECK(event_next(r.g.p.client->program.task).number == RM_EVENT_SESSION_SEVERED);
	wait_ms(20);
	CHECK(bank_status(r.bank).limit == BANK_PAGES * (uint64_t)PAGE);
	client_makes(&r);
	scene_end(&r);
}

static void test_errors(cptr_t bank)
{
	struct raw r;
	cptr_t none = slot_new(), spare = slot_new(), plain;
	uint64_t at = 0;
	scene_make(&r, bank, PAGES);
	const struct rm_raw_create_in in = { .size = 1 };
	const struct rm_raw_open_in open = { .page = 0 };
	CHECK_ERR(rm_raw_create(bank, &in, rt_slot(none)), E_PERM);
	CHECK_OK(memory_make(bank, 2, 0, &plain));
	CHECK_ERR(rm_raw_open(plain, &open, rt_slot(none)), E_UNSUPPORTED);
	CHECK_OK(rm_dataspace_destroy(plain));
	rt_slot_put(plain);
	CHECK_OK(rm_dataspace_restrict(r.memory, &(struct rm_dataspace_restrict_in){ .rights = RW },
	                               rt_slot(none)));
	CHECK_ERR(rm_raw_open(none, &open, rt_slot(spare)), E_PERM);
	CHECK_ERR(given_donate(&r.g, none, 0, 1, RM_CONTENTS_WIPED), E_PERM);
	rt_slot_clear(none);
	CHECK_ERR(client_opens(&r, PAGES), E_RANGE);
	client_makes(&r);
	/* It is no memory to look at. */
	CHECK_ERR(show(r.memory, PAGES, &at), E_INVAL);
	CHECK_ERR(show_as(RT_VSPACE, r.memory, 0, 1, RW, RM_REGION_FLAGS_PRIVATE, RM_INHERIT_COPY,
	                  &at),
	          E_INVAL);
	CHECK_ERR(memory_clone(r.memory, r.bank, 0, 1, &plain), E_UNSUPPORTED);
	for (unsigned int sealed = 0; sealed < 2; sealed++) {
		const struct rm_share_create_in share = {
			.session = { r.g.p.client->box->word[0] },
			.size = 1,
			.rights = RW,
			.class = (uint8_t)(RM_SHARE_CLASS_FAULTABLE + sealed)
		};
		struct rm_share_create_out out = { 0 };
		CHECK_ERR(rm_share_create(r.g.p.client->program.task, r.memory, &share, &out),
		          E_UNSUPPORTED);
	}
	CHECK_ERR(given_donate(&r.g, r.memory, 0, 1, RM_CONTENTS_KEPT), E_UNSUPPORTED);
	CHECK_ERR(given_donate(&r.g, r.memory, 1, PAGES, RM_CONTENTS_WIPED), E_RANGE);
	given_take(&r.g, 2, 2, RM_CONTENTS_WIPED);
	CHECK_ERR(given_donate(&r.g, r.memory, 1, 2, RM_CONTENTS_WIPED), E_BUSY);
	/* After all that the client has what it had. */
	CHECK(left_of(r.g.p.client) >= 5 && left_of(r.friend) >= 4);
	slots_put((cptr_t[]){ none, spare }, 2);
	scene_end(&r);
}

/* With 0, 1, 2, ... pages left: an error, and all is as it was. */
static void test_poor(cptr_t bank)
{
	unsigned int done = 0;
	(void)bank;
	for (uint64_t pages = 0; done < 2 && pages < 40; pages++) {
		cptr_t poor = privileged_bank(60), raw, first, second = slot_new();
		CHECK_OK(raw_make(poor, PAGES, &raw));
		bank_leave(poor, pages);
		const struct rm_bank_status before = bank_status(poor);
		err_t err = raw_make(poor, PAGES, &first);
		const struct rm_bank_status between = bank_status(poor);
		done = err == E_OK;
		CHECK(err == E_OK || (err == E_NOMEM && bank_same(&before, &between)));
		err = rm_raw_open(raw, &(struct rm_raw_open_in){ 0 }, rt_slot(second));
		const struct rm_bank_status after = bank_status(poor);
		done += err == E_OK;
		CHECK(err == E_OK || (err == E_NOMEM && bank_same(&between, &after)));
		CHECK_OK(rm_bank_destroy(poor));
		slots_put((cptr_t[]){ poor, raw, first, second }, 4);
	}
	CHECK(done == 2);
}

const struct test raw_tests[] = {
	{ "raw memory: objects of it, until it is opened anew", test_open },
	{ "raw memory: cut, destroyed, its bank's end", test_end },
	{ "raw memory: donated, and back", test_donate },
	{ "raw memory: what nobody can reach any more", test_knot },
	{ "raw memory: many pages donated", test_many },
	{ "raw memory: the client dies", test_client_dies },
	{ "raw memory: the server dies", test_server_dies },
	{ "raw memory: errors", test_errors },
	{ "raw memory: out of memory", test_poor },
	{ 0 },
};
