/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Memory across sessions: rm.idl's methods 112 to 117, but for what is in seal.c. Main asks in the
 * client's name, and writes to the client's memory; the server, an actor, touches it by guards, as
 * rt's copies do.
 */
#include "test.h"
#include <proto/guard.h>
#include <rt/sel4.h>

enum { PAGES = LENT_PAGES, DEADLINE_MS = LENT_DEADLINE_MS };

/* -- what the server does --------------------------------------------------------------------- */

void take_shared(struct box *box)
{
	const struct event event = event_next(RT_TASK);
	CHECK(event.number == RM_EVENT_SHARED && event.shared.session.raw == box->word[0]);
	box->word[SHARE] = event.shared.share.raw;
	box->word[SIZE] = event.shared.size;
	box->word[RIGHTS] = event.shared.rights;
	box->word[CLASS] = event.shared.class;
}

void map_window(struct box *box)
{
	const struct rm_window_map_in in = { .share = { box->word[SHARE] },
		                             .size = box->word[SIZE],
		                             .rights = (uint8_t)box->word[RIGHTS],
		                             .policy = (uint8_t)box->word[POLICY] };
	struct rm_window_map_out out = { 0 };
	box->word[1] = (uint64_t)rm_window_map(RT_VSPACE, RT_TASK, &in, &out);
	if (box->word[1] == E_OK)
		box->word[WINDOW] = out.at;
}

static volatile struct guard *guard(void)
{
	return (struct guard *)((char *)sel4_ipc_buffer() + GUARD_OFFSET);
}

static void guard_set(uint64_t at)
{
	guard()->low = at;
	guard()->high = at + 8;
	guard()->result = guard()->address = 0;
}

static void guard_told(struct box *box)
{
	box->word[1] = guard()->result;
	box->word[FAILED_AT] = guard()->address;
}

/* A word of the window; word[1] says what the guard was told. */
void load(struct box *box)
{
	volatile struct guard *g = guard();
	uint64_t at = box->word[WINDOW] + box->word[AT], value = 0;
	guard_set(at);
	__asm__ volatile("lea 1f(%%rip), %%rax\n\t"
	                 "mov %%rax, %[landing]\n\t"
	                 "mov %%rsp, %[stack]\n\t"
	                 "movq %[abort], %[mode]\n\t"
	                 "mov (%[at]), %[value]\n\t"
	                 "movq $0, %[mode]\n"
	                 "1:"
	                 : [value] "+&r"(value), [landing] "=m"(g->landing), [stack] "=m"(g->stack),
	                   [mode] "=m"(g->mode)
	                 : [at] "r"(at), [abort] "i"(GUARD_ABORT)
	                 : "rax", "memory");
	CHECK(g->mode == GUARD_NONE);
	box->word[VALUE] = value;
	guard_told(box);
}

/* The same and a write, with zeros in place of what is gone. */
void load_in_place(struct box *box)
{
	volatile uint64_t *at = (volatile uint64_t *)(box->word[WINDOW] + box->word[AT]);
	guard_set((uint64_t)at);
	guard()->mode = GUARD_SUBSTITUTE;
	box->word[VALUE] = *at;
	*at = box->word[VALUE] + 1;
	guard()->mode = GUARD_NONE;
	guard_told(box);
}

static void clean(struct box *box)
{
	const struct rm_window_clean_in in = { .at = box->word[WINDOW] };
	box->word[1] = (uint64_t)rm_window_clean(RT_VSPACE, &in);
}

static void load_bare(struct box *box)
{
	box->word[VALUE] = *(volatile uint64_t *)(box->word[WINDOW] + box->word[AT]);
}

void unmap_window(struct box *box)
{
	box->word[1] = (uint64_t)hide(RT_VSPACE, box->word[WINDOW], box->word[SIZE]);
}

/* -- lending ---------------------------------------------------------------------------------- */

err_t lend(struct lent *l, cptr_t memory, uint64_t first, uint64_t size, uint8_t rights,
           uint8_t class)
{
	const struct rm_share_create_in in = { .session = { l->p.client->box->word[0] },
		                               .first = first,
		                               .size = size,
		                               .rights = rights,
		                               .class = class };
	struct rm_share_create_out out = { 0 };
	err_t err = rm_share_create(l->p.client->program.task, memory, &in, &out);
	l->share = out.share;
	return err;
}

static err_t revoke(struct lent *l)
{
	const struct rm_share_revoke_in in = { .share = l->share, .when = RM_WHEN_NOW };
	return rm_share_revoke(l->p.client->program.task, &in);
}

void lent_make(struct lent *l, cptr_t bank, uint8_t policy, uint8_t class)
{
	struct box *box;
	l->at = 0;
	pair_make(&l->p, bank, DEADLINE_MS);
	pair_open(&l->p);
	CHECK_OK(memory_make(l->p.client->bank, PAGES, 0, &l->memory));
	CHECK_OK(show(l->memory, PAGES, &l->at));
	fill(l->at, PAGES, 100);
	CHECK_OK(lend(l, l->memory, 1, PAGES - 1, RW, class));
	box = l->p.server->box;
	actor_do(l->p.server, take_shared);
	CHECK(box->word[SHARE] == l->share.raw && box->word[SIZE] == PAGES - 1 &&
	      box->word[RIGHTS] == RW && box->word[CLASS] == class);
	box->word[POLICY] = policy;
	actor_do(l->p.server, map_window);
	CHECK(box->word[1] == E_OK);
}

void lent_end(struct lent *l)
{
	CHECK_OK(hide(RT_VSPACE, l->at, PAGES));
	rt_slot_put(l->memory);
	pair_end(&l->p);
	CHECK(rm_is_valid());
}

/* What the server finds at a page of the window. */
err_t server_loads(struct actor *server, void (*how)(struct box *box), uint64_t page)
{
	struct box *box = server->box;
	box->word[AT] = page * PAGE;
	box->word[VALUE] = 0;
	actor_do(server, how);
	CHECK(box->word[1] == E_OK || box->word[FAILED_AT] == box->word[WINDOW] + page * PAGE);
	return (err_t)box->word[1];
}

static void test_lend(cptr_t bank)
{
	struct lent l;
	lent_make(&l, bank, RM_POLICY_REPORT, RM_SHARE_CLASS_FAULTABLE);
	struct box *box = l.p.server->box;
	for (uint64_t page = 0; page < PAGES - 1; page++) {
		CHECK_OK(server_loads(l.p.server, load, page));
		CHECK(box->word[VALUE] == 101 + page);
	}
	/* It is the same memory, both ways. */
	CHECK_OK(server_loads(l.p.server, load_in_place, 3));
	CHECK(*word_at(l.at, 4) == 105);
	*word_at(l.at, 5) = 7;
	CHECK_OK(server_loads(l.p.server, load, 4));
	CHECK(box->word[VALUE] == 7);
	CHECK_OK(revoke(&l));
	CHECK_ERR(revoke(&l), E_GONE);
	for (uint64_t page = 0; page < PAGES - 1; page++)
		CHECK_ERR(server_loads(l.p.server, load, page), E_GONE);
	/* In place: zeros, which can be written to, until they are taken out. */
	CHECK_ERR(server_loads(l.p.server, load_in_place, 2), E_GONE);
	CHECK(box->word[VALUE] == 0);
	CHECK_OK(server_loads(l.p.server, load, 2));
	CHECK(box->word[VALUE] == 1 && *word_at(l.at, 3) == 103);
	actor_do(l.p.server, clean);
	CHECK(box->word[1] == E_OK);
	CHECK_ERR(server_loads(l.p.server, load, 2), E_GONE);
	actor_do(l.p.server, map_window);
	CHECK(box->word[1] == E_GONE);
	CHECK(pair_calls(&l.p)); /* the session goes on */
	CHECK_OK(rm_dataspace_destroy(l.memory));
	lent_end(&l);
}

/* The client takes pages away without a word about the share. */
static void test_taken(cptr_t bank)
{
	struct lent l;
	lent_make(&l, bank, RM_POLICY_REPORT, RM_SHARE_CLASS_FAULTABLE);
	struct box *box = l.p.server->box;
	CHECK_OK(server_loads(l.p.server, load, 5));
	CHECK_OK(rm_dataspace_resize(l.memory, &(struct rm_dataspace_resize_in){ .size = 4 }));
	CHECK_OK(server_loads(l.p.server, load, 2));
	CHECK(box->word[VALUE] == 103);
	CHECK_ERR(server_loads(l.p.server, load, 3), E_GONE);
	CHECK_ERR(server_loads(l.p.server, load_in_place, 5), E_GONE);
	CHECK_OK(server_loads(l.p.server, load, 2));
	actor_do(l.p.server, unmap_window);
	CHECK(box->word[1] == E_OK);
	actor_do(l.p.server, map_window);
	CHECK_OK(server_loads(l.p.server, load, 2));
	CHECK_OK(rm_dataspace_destroy(l.memory));
	CHECK_ERR(server_loads(l.p.server, load, 2), E_GONE);
	CHECK(pair_calls(&l.p));
	lent_end(&l);
	/* It dies, and its bank with it. */
	lent_make(&l, bank, RM_POLICY_REPORT, RM_SHARE_CLASS_FAULTABLE);
	CHECK_OK(hide(RT_VSPACE, l.at, PAGES));
	actor_end(l.p.client);
	CHECK_ERR(server_loads(l.p.server, load, 2), E_GONE);
	server_cleans_up(&l.p, RM_REASON_BANK);
	actor_end(l.p.server);
	rt_slot_put(l.memory);
}

/* SEVER: when the access has failed, the session is severed. */
static void test_sever(cptr_t bank)
{
	struct lent l;
	lent_make(&l, bank, RM_POLICY_SEVER, RM_SHARE_CLASS_FAULTABLE);
	CHECK_OK(server_loads(l.p.server, load, 0));
	CHECK_OK(rm_dataspace_resize(l.memory, &(struct rm_dataspace_resize_in){ .size = 3 }));
	CHECK_ERR(server_loads(l.p.server, load, 6), E_GONE);
	/* All of it is cut off, not the page alone. */
	CHECK_ERR(server_loads(l.p.server, load, 0), E_GONE);
	server_cleans_up(&l.p, RM_REASON_VIOLATION);
	CHECK_ERR(lend(&l, l.memory, 0, 1, RW, RM_SHARE_CLASS_FAULTABLE), E_GONE);
	CHECK_OK(rm_dataspace_destroy(l.memory));
	/* The server is well: somebody else's session. */
	actor_end(l.p.client);
	l.p.client = actor_new(2, bank);
	CHECK_OK(rt_name_grant(l.p.client->program.task, "s", RM_NAME_RIGHT_CONNECT));
	l.p.client->box->word[2] = 16;
	pair_open(&l.p);
	CHECK(pair_calls(&l.p));
	lent_end(&l);
}

/* Without a guard it is the server's own mistake, and nobody else's. */
static void test_bare(cptr_t bank)
{
	struct lent l;
	lent_make(&l, bank, RM_POLICY_REPORT, RM_SHARE_CLASS_FAULTABLE);
	CHECK_OK(revoke(&l));
	actor_start(l.p.server, load_bare);
	const struct rm_task_died_event died = actor_died(l.p.server);
	CHECK(died.reason == RM_REASON_FAULT && (died.status >> 8 & 0xff) == RM_FAULT_RESULT_GONE);
	CHECK_OK(rm_dataspace_destroy(l.memory));
	lent_end(&l);
}

static void test_errors(cptr_t bank)
{
	struct lent l;
	lent_make(&l, bank, RM_POLICY_REPORT, RM_SHARE_CLASS_FAULTABLE);
	struct box *box = l.p.server->box;
	cptr_t poor = slot_new();
	rm_share_t share = l.share;
	CHECK_ERR(lend(&l, l.memory, PAGES, 1, RW, RM_SHARE_CLASS_FAULTABLE), E_RANGE);
	CHECK_ERR(lend(&l, l.memory, 1, PAGES, RW, RM_SHARE_CLASS_FAULTABLE), E_RANGE);
	CHECK_ERR(lend(&l, l.memory, 0, 0, RW, RM_SHARE_CLASS_FAULTABLE), E_INVAL);
	CHECK_ERR(lend(&l, l.memory, 0, 1, 0, RM_SHARE_CLASS_FAULTABLE), E_PERM);
	CHECK_ERR(lend(&l, l.memory, 0, 1, RM_RIGHT_EXECUTE | RM_RIGHT_READ,
	               RM_SHARE_CLASS_FAULTABLE),
	          E_PERM);
	CHECK_OK(rm_dataspace_restrict(
	        l.memory, &(struct rm_dataspace_restrict_in){ .rights = RM_RIGHT_READ },
	        rt_slot(poor)));
	CHECK_ERR(lend(&l, poor, 0, 1, RW, RM_SHARE_CLASS_FAULTABLE), E_PERM);
	CHECK_OK(lend(&l, poor, 0, 1, RM_RIGHT_READ, RM_SHARE_CLASS_FAULTABLE));
	actor_do(l.p.server, take_shared);
	/* More than was lent: of rights, of pages, of what is not the server's. */
	box->word[RIGHTS] = RW;
	actor_do(l.p.server, map_window);
	CHECK(box->word[1] == E_PERM);
	box->word[RIGHTS] = RM_RIGHT_READ;
	box->word[SIZE] = 2;
	actor_do(l.p.server, map_window);
	CHECK(box->word[1] == E_RANGE);
	box->word[SIZE] = 1;
	box->word[SHARE] = box->word[0];
	actor_do(l.p.server, map_window);
	CHECK(box->word[1] == E_GONE);
	/* Nobody else takes it back. */
	const struct rm_share_revoke_in in = { .share = share, .when = RM_WHEN_NOW };
	const struct rm_share_release_in release = { .share = share };
	CHECK_ERR(rm_share_revoke(RT_TASK, &in), E_GONE);
	CHECK_ERR(rm_share_revoke(l.p.server->program.task, &in), E_GONE);
	CHECK_ERR(rm_share_release(l.p.client->program.task, &release), E_GONE);
	CHECK_OK(rm_share_release(l.p.server->program.task, &release));
	CHECK_ERR(server_loads(l.p.server, load, 2), E_GONE);
	rt_slot_clear(poor);
	rt_slot_put(poor);
	CHECK_OK(rm_dataspace_destroy(l.memory));
	lent_end(&l);
}

const struct test share_tests[] = {
	{ "share: lend and take back", test_lend },
	{ "share: pages that go, and their owner", test_taken },
	{ "share: a violation severs", test_sever },
	{ "share: without a guard", test_bare },
	{ "share: errors", test_errors },
	{ 0 },
};
