/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A server of tests/guard/lent.idl: touches memory that its clients lend, in every way that
 * rt/client_memory.h has. What a request changes it changes in COMMIT. Its name is its argument;
 * with a second one it has a handler of its own faults.
 */
#include "server.h"
#include <rt/handler.h>
#include <rt/program.h>
#include <rt/slot.h>

struct board board;
static struct rt_server server;

/* -- windows ----------------------------------------------------------------------------------- */

static void on_shared(void *self, struct rt_client *client, const struct rm_shared_event *it)
{
	struct state *state = rt_client_state(client);
	(void)self;
	state->told[state->told_count++ % LENT_PLACES] = it->share;
}

static err_t on_map(void *, struct proto_request *request, const struct lent_map_in *in)
{
	struct state *state = state_of(request);
	const rm_share_t share = { in->share };
	bool told = false;
	for (unsigned int i = 0; i < LENT_PLACES; i++)
		told |= in->share != 0 && state->told[i].raw == in->share;
	if (!told)
		return E_NOENT;
	if (state->window[in->place].at)
		return E_EXIST;
	return rt_window_map(share, in->first, in->pages, in->rights, in->policy,
	                     &state->window[in->place]);
}

static err_t on_unmap(void *, struct proto_request *request, const struct lent_unmap_in *in)
{
	rt_window_unmap(&state_of(request)->window[in->place]);
	return E_OK;
}

/* -- for the test ------------------------------------------------------------------------------ */

void stop_at(enum lent_stop point, enum lent_stop wanted)
{
	if (point == LENT_STOP_NOWHERE || point != wanted)
		return;
	sel4_signal(rt_given("stop"));
	(void)sel4_wait(rt_given("resume"));
}

uint64_t hash(const void *bytes, size_t count, uint64_t seed)
{
	const char *at = bytes;
	uint64_t word;
	for (; count >= sizeof(word); count -= sizeof(word), at += sizeof(word)) {
		__builtin_memcpy(&word, at, sizeof(word));
		seed = (seed ^ word) * 0x100000001b3;
		seed ^= seed >> 29;
	}
	for (size_t i = 0; i < count; i++)
		seed = (seed ^ (unsigned char)at[i]) * 0x100000001b3;
	return seed;
}

/*
 * Of all that outlives a request: of each session, whatever their order and their names for it, and
 * of all of them together.
 */
static err_t on_state(void *, struct proto_request *, struct lent_state_out *out)
{
	enum { SEED = 12345 };
	uint64_t digest = hash(&board, sizeof(board), SEED);
	for (struct list *at = list_first(&server.clients); at;
	     at = list_after(&server.clients, at)) {
		struct rt_client *client = container_of(at, struct rt_client, link);
		struct state *state = rt_client_state(client);
		uint64_t windows = 0;
		if (state->ignored)
			continue;
		for (unsigned int i = 0; i < LENT_PLACES; i++)
			windows = windows << 16 ^ state->window[i].bytes;
		digest += hash(&state->content, sizeof(state->content), SEED + windows);
	}
	out->digest = digest + server.clients_count + server.arena.used + rt_slots_free();
	out->sessions = server.clients_count;
	return E_OK;
}

static err_t on_last(void *, struct proto_request *request, struct lent_last_out *out)
{
	out->done = state_of(request)->done;
	return E_OK;
}

static err_t on_ignore(void *, struct proto_request *request)
{
	state_of(request)->ignored = true;
	return E_OK;
}

static err_t on_nowait(void *, struct proto_request *request)
{
	state_of(request)->hurries = true;
	return E_OK;
}

static void on_close(void *self, struct rt_client *client)
{
	struct state *state = rt_client_state(client);
	(void)self;
	for (unsigned int i = 0; i < LENT_PLACES; i++)
		rt_window_unmap(&state->window[i]);
}

static volatile uint64_t told;

static void on_gone(void *, const struct rt_gone *)
{
	told++;
}

static err_t on_told(void *, struct proto_request *, struct lent_told_out *out)
{
	out->count = told;
	return E_OK;
}

static err_t handler_start(void)
{
	static struct rt_handler handler;
	err_t err = rt_handler_start(&handler, on_gone, NULL, NULL);
	if (err == E_OK)
		err = rt_handler_add(&handler);
	if (err != E_OK)
		rt_log("# no handler: %s", err_name(err));
	return err;
}

int rt_main(const struct rt_start *start)
{
	static const struct lent_ops ops = { .map = on_map,
		                             .unmap = on_unmap,
		                             .put = on_put,
		                             .get = on_get,
		                             .copy = on_copy,
		                             .cells = on_cells,
		                             .name = on_name,
		                             .vector = on_vector,
		                             .sum = on_sum,
		                             .fill = on_fill,
		                             .seek = on_seek,
		                             .count = on_count,
		                             .run = on_run,
		                             .mix = on_mix,
		                             .plant = on_plant,
		                             .state = on_state,
		                             .last = on_last,
		                             .ignore = on_ignore,
		                             .nowait = on_nowait,
		                             .told = on_told };
	static struct rt_service service = { .interface = &lent_interface,
		                             .ops = &ops,
		                             .close = on_close,
		                             .shared = on_shared,
		                             .client_bytes = sizeof(struct state) };
	(void)start;
	service.name = rt_arg(1);
	if (rt_server_start(&server, &service) != E_OK)
		return 1;
	if (rt_arg(2) && handler_start() != E_OK)
		return 2;
	rt_server_run(&server);
}
