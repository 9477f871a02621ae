/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A server of the interface of tests (proto/golden/test.idl), for rt_init: objects, capabilities in
 * both directions, parking, abort, rings. What a session's own capability stands for is an account.
 * With an argument it is passive, and its name is so, too.
 */
#include <proto/rm_client.h>
#include <proto/test.h>
#include <rt/client_memory.h>
#include <rt/program.h>
#include <rt/ring.h>
#include <rt/server.h>
#include <rt/slot.h>
#include <rt_tests/work.h>

enum { RING_CAPACITY = 8 };

struct state {
	struct rt_badge door;
	bool has_door, has_rings;
	cptr_t up_memory, down_memory, mine, theirs;
	struct rt_ring up, down;
};

static struct rt_server server;

static struct state *state_of(struct proto_request *request)
{
	return rt_client_state(rt_request(request)->client);
}

/* Far down in a handler, as an access to client memory is. */
__attribute__((noinline)) static void access(struct rt_request *r, uint64_t value,
                                             unsigned int depth)
{
	volatile char here[64];
	here[0] = (char)value;
	if (depth > 0) {
		access(r, value, depth - 1);
	} else {
		/* It leaves the window, or the next could not begin. */
		const struct client_window window = { (char __client *)(uintptr_t)here, 64 };
		void *at;
		assert(window_begin(&window, 0, 64, &at) == E_OK && at == here);
		if (value == 13)
			rt_abort(r, E_RANGE);
		assert(window_end() == E_OK);
	}
	here[1] = here[0];
}

/* Requests that began to change the server's state, and did not end that. */
static uint64_t left_in_commit;

static void work(uint64_t rounds)
{
	for (volatile uint64_t i = 0; i < rounds; i++)
		continue;
}

/* A request that takes its time, in one of the phases. */
static void work_in(struct rt_request *r, const struct test_add_in *in)
{
	static char memory[64];
	const struct client_window window = { (char __client *)(uintptr_t)memory, 64 };
	void *at;
	if (in->a == WORK_WINDOW)
		assert(window_begin(&window, 0, 64, &at) == E_OK);
	if (in->a <= WORK_WINDOW)
		work(in->b);
	if (in->a == WORK_WINDOW)
		assert(window_end() == E_OK);
	rt_commit(r);
	left_in_commit++;
	if (in->a == WORK_COMMIT)
		work(in->b);
	struct rm_bank_query_out bank;
	for (uint64_t i = 0; in->a == WORK_CALLS && i < in->b / 1000; i++)
		assert(rm_bank_query(RT_BANK, &bank) == E_OK);
	left_in_commit--;
	rt_deliver(r);
	if (in->a == WORK_DELIVER)
		work(in->b);
}

static err_t on_add(struct test *, struct proto_request *request, struct ledger *account,
                    const struct test_add_in *in, struct test_add_out *out)
{
	struct rt_request *r = rt_request(request);
	assert((char *)account == r->client->state);
	if (in->a >= WORK_FETCH) {
		if (in->a < WORK_END)
			work_in(r, in);
		out->sum = in->a == WORK_LEFT ? left_in_commit : in->a + in->b;
		return E_OK;
	}
	uint64_t *copy = rt_request_alloc(r, 1000);
	assert(copy && r->server->arena.used == 1000);
	*copy = in->a;
	access(r, in->a, 5);
	rt_commit(r);
	out->sum = *copy + in->b;
	rt_deliver(r);
	access(r, in->b, 5);
	return E_OK;
}

/* A door, at once or later. */
static err_t give_door(struct rt_request *r)
{
	struct state *state = rt_client_state(r->client);
	cptr_t slot;
	if (state->has_door)
		rt_badge_end(r->client, &state->door);
	state->has_door = false;
	err_t err = rt_badge_make(r->client, &state->door, TEST_OBJECT_DOOR, NULL, &slot);
	if (err != E_OK)
		return E_GONE;
	state->has_door = true;
	rt_give(r, slot, true);
	return E_OK;
}

static err_t on_wait(struct test *, struct proto_request *request, struct ledger *,
                     const struct test_wait_in *in, struct test_wait_out *out)
{
	out->token = in->milliseconds;
	if (in->milliseconds == 1)
		return give_door(rt_request(request));
	rt_request(request)->state[0] = in->milliseconds;
	return E_PENDING;
}

/* On a door: ends the waits of its client, each with a door. */
static err_t on_place(struct test *, struct proto_request *request, const struct test_place_in *)
{
	struct rt_client *client = rt_request(request)->client;
	struct list *link;
	if (rt_request(request)->target != &state_of(request)->door)
		return E_EXIST;
	while ((link = list_first(&client->parked)) != NULL) {
		struct rt_request *r = container_of(link, struct rt_request, link);
		const struct test_wait_out out = { .token = r->state[0] };
		err_t err = give_door(r);
		test_wait_answer(&r->proto, err, &out);
		rt_answer(r);
	}
	return E_OK;
}

static err_t make_rings(struct rt_client *client, struct state *state)
{
	err_t err = rt_client_notification(client, &state->mine, &state->theirs);
	if (err == E_OK)
		err = rt_ring_make(&state->up, RT_BANK, RING_CAPACITY, 8, false, 0,
		                   &state->up_memory);
	if (err == E_OK)
		err = rt_ring_make(&state->down, RT_BANK, RING_CAPACITY, 8, true, state->mine,
		                   &state->down_memory);
	state->has_rings = err == E_OK;
	if (err == E_OK)
		(void)rt_ring_may_sleep(&state->up);
	return err;
}

/* which: 0 gives back the capability that came; else parts of the rings. */
static err_t on_caps(struct test *, struct proto_request *request, struct ledger *account,
                     struct ledger *other, const struct test_caps_in *in, struct test_caps_out *out)
{
	struct rt_request *r = rt_request(request);
	struct state *state = state_of(request);
	assert(request->cap_kinds[0] == TEST_OBJECT_ACCOUNT);
	assert(request->cap_kinds[2] == TEST_OBJECT_DOOR);
	if (rt_came(r, 0) != &r->client->badge)
		return E_PERM;
	assert(other == account);
	out->count = (uint32_t)server.clients_count;
	if (in->which > 0 && !state->has_rings && make_rings(r->client, state) != E_OK)
		return E_GONE;
	switch (in->which) {
	case 0:
		rt_give(r, rt_take(r), true);
		break;
	case 1:
		rt_give(r, state->up_memory, false);
		break;
	case 2:
		rt_give(r, state->down_memory, false);
		break;
	default:
		rt_give(r, state->theirs, false);
	}
	return r->proto.cap_out ? E_OK : E_GONE;
}

/* Twice of each number that came up goes down; what finds no room is lost. */
static void on_bell(void *self, struct rt_client *client)
{
	struct state *state = rt_client_state(client);
	uint64_t value;
	(void)self;
	if (!state->has_rings)
		return;
	do
		while (rt_ring_get(&state->up, &value) == E_OK) {
			value *= 2;
			if (rt_ring_put(&state->down, &value) != E_OK)
				break;
		}
	while (!rt_ring_may_sleep(&state->up) && !state->up.end.broken);
	rt_ring_flush(&state->up);
	rt_ring_flush(&state->down);
}

static err_t on_open(void *self, struct rt_client *client)
{
	(void)self;
	client->badge.kind = TEST_OBJECT_ACCOUNT;
	client->badge.ctx = client->state;
	return client->limit < 8192 ? E_NOMEM : E_OK;
}

static void on_close(void *self, struct rt_client *client)
{
	struct state *state = rt_client_state(client);
	(void)self;
	if (!state->has_rings)
		return;
	rt_ring_fini(&state->up);
	rt_ring_fini(&state->down);
	rt_slot_put(state->up_memory);
	rt_slot_put(state->down_memory);
	rt_slot_put(state->mine);
	rt_slot_put(state->theirs);
}

int rt_main(const struct rt_start *start)
{
	static const struct test_ops ops = {
		.add = on_add, .wait = on_wait, .place = on_place, .caps = on_caps
	};
	static struct rt_service service = {
		.name = "test",
		.interface = &test_interface,
		.ops = &ops,
		.open = on_open,
		.close = on_close,
		.bell = on_bell,
		.client_bytes = sizeof(struct state),
		.clients_max = 3,
		.parked_max = 2,
	};
	if (start->argc > 1) {
		service.name = "passive";
		service.passive = true;
		service.deadline_ms = 200;
	}
	err_t err = rt_server_start(&server, &service);
	if (err != E_OK)
		return 1;
	rt_server_run(&server);
}
