/* SPDX-License-Identifier: BSD-2-Clause */
/* A log of lines in lent memory, with a handler of its own faults. See README.md. */
#include "text.h"
#include <proto/logger.h>
#include <rt/handler.h>
#include <rt/program.h>
#include <rt/server.h>
#include <rt/share.h>

enum { CLIENTS_MAX = 32 };

/*
 * What the handler counts, in static memory, which is pinned. The server gives a place to a session
 * and takes it back; the handler only adds to it.
 */
struct tally {
	uint64_t session; /* 0: free */
	uint64_t count, at;
};

struct client {
	struct tally *tally;
	char name[LOGGER_NAME_MAX + 1];
	rm_share_t share;
	uint8_t rights;
	struct client_window window;
};

static struct rt_server server;
static struct rt_handler handler;
static struct tally tallies[CLIENTS_MAX];
static uint64_t lines, gone;

/* On the handler's thread. */
static void on_gone(void *arg, const struct rt_gone *it)
{
	(void)arg;
	__atomic_fetch_add(&gone, 1, __ATOMIC_RELAXED);
	for (unsigned int i = 0; i < CLIENTS_MAX; i++) {
		if (__atomic_load_n(&tallies[i].session, __ATOMIC_RELAXED) != it->session.raw)
			continue;
		tallies[i].at = it->at;
		__atomic_fetch_add(&tallies[i].count, 1, __ATOMIC_RELAXED);
	}
}

static uint64_t count_of(const struct client *c)
{
	return __atomic_load_n(&c->tally->count, __ATOMIC_RELAXED);
}

/* -- clients ----------------------------------------------------------------------------------- */

static err_t on_open(void *self, struct rt_client *client)
{
	struct client *c = rt_client_state(client);
	(void)self;
	for (unsigned int i = 0; i < CLIENTS_MAX && !c->tally; i++)
		if (tallies[i].session == 0)
			c->tally = &tallies[i];
	if (!c->tally)
		return E_LIMIT;
	*c->tally = (struct tally){ .session = client->session.raw };
	__builtin_memcpy(c->name, "nameless", sizeof("nameless"));
	return E_OK;
}

static void lent_end(struct client *c)
{
	rt_window_unmap(&c->window);
	if (c->share.raw)
		(void)rt_share_release(c->share);
	c->share.raw = 0;
}

static void on_close(void *self, struct rt_client *client)
{
	struct client *c = rt_client_state(client);
	(void)self;
	if (count_of(c) > 0)
		rt_log("logger: %s took its memory away while I read it, %lu times; last at 0x%lx",
		       c->name, count_of(c), c->tally->at);
	lent_end(c);
	c->tally->session = 0;
}

static void on_shared(void *self, struct rt_client *client, const struct rm_shared_event *it)
{
	struct client *c = rt_client_state(client);
	(void)self;
	lent_end(c);
	c->share = it->share;
	c->rights = it->rights;
	if (it->size > LOGGER_SHARE_PAGES_MAX ||
	    rt_window_map(it->share, 0, it->size, RM_RIGHT_READ, RM_POLICY_REPORT, &c->window) !=
	            E_OK)
		lent_end(c);
}

static void on_recalled(void *self, struct rt_client *client,
                        const struct rm_share_recalled_event *it)
{
	struct client *c = rt_client_state(client);
	(void)self;
	if (c->share.raw == it->share.raw)
		lent_end(c);
}

/* -- requests ---------------------------------------------------------------------------------- */

static err_t on_name(void *self, struct proto_request *request, const struct logger_name_in *in)
{
	struct client *c = rt_client_state(rt_request(request)->client);
	(void)self;
	__builtin_memcpy(c->name, in->name, in->name_count);
	c->name[in->name_count] = 0;
	text_clean(c->name, in->name_count, false);
	return E_OK;
}

/* It was told what that costs. What the handler saw is in the tally by now. */
static err_t misdeed(struct rt_client *client, err_t err)
{
	const struct client *c = rt_client_state(client);
	if (count_of(c) >= LOGGER_MISDEEDS_MAX)
		rt_client_sever(client);
	return err;
}

static err_t on_write(void *self, struct proto_request *request, const struct logger_write_in *in,
                      struct logger_write_out *out)
{
	struct rt_client *client = rt_request(request)->client;
	const struct client *c = rt_client_state(client);
	size_t done, bytes = in->text.length;
	(void)self;
	if (!c->share.raw || in->text.share != c->share.raw || !(c->rights & RM_RIGHT_READ))
		return E_PERM;
	const void __client *from = client_at(&c->window, in->text.offset, bytes);
	char *text = rt_request_alloc(rt_request(request), bytes);
	if (!from || !text)
		return from ? E_NOMEM : E_RANGE;
	/* FETCH: into the arena. */
	err_t err = client_read(text, from, bytes, &done);
	if (err != E_OK)
		return misdeed(client, err);
	rt_commit(rt_request(request));
	text_clean(text, bytes, true);
	for (struct text_line line = { 0 }; text_next(text, bytes, &line); out->lines++) {
		char one[LOGGER_LINE_MAX + 1] = "";
		__builtin_memcpy(one, text + line.at,
		                 line.bytes < LOGGER_LINE_MAX ? line.bytes : LOGGER_LINE_MAX);
		rt_log("logger: %s: %s", c->name, one);
	}
	lines += out->lines;
	return E_OK;
}

static err_t on_query(void *self, struct proto_request *request, struct logger_query_out *out)
{
	const struct client *c = rt_client_state(rt_request(request)->client);
	(void)self;
	out->status = (struct logger_status){ .clients = server.clients_count,
		                              .lines = lines,
		                              .gone = __atomic_load_n(&gone, __ATOMIC_RELAXED),
		                              .gone_yours = count_of(c) };
	return E_OK;
}

int rt_main(const struct rt_start *start)
{
	static const struct logger_ops ops = { .name = on_name,
		                               .write = on_write,
		                               .query = on_query };
	static const struct rt_service service = { .name = "logger",
		                                   .interface = &logger_interface,
		                                   .ops = &ops,
		                                   .open = on_open,
		                                   .close = on_close,
		                                   .shared = on_shared,
		                                   .recalled = on_recalled,
		                                   .client_bytes = sizeof(struct client),
		                                   .arena_bytes = LOGGER_BYTES_MAX,
		                                   .clients_max = CLIENTS_MAX };
	(void)start;
	err_t err = rt_server_start(&server, &service);
	if (err == E_OK)
		err = rt_handler_start(&handler, on_gone, NULL, NULL);
	if (err == E_OK)
		err = rt_handler_add(&handler);
	if (err != E_OK) {
		rt_log("logger: cannot serve: %s", err_text(err));
		return 1;
	}
	rt_server_run(&server);
}
