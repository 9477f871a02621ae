/* SPDX-License-Identifier: BSD-2-Clause */
/* A key-value server; values lie in memory that clients donated. See README.md. */
#include "store.h"
#include <proto/kv.h>
#include <rt/donate.h>
#include <rt/program.h>
#include <rt/server.h>
#include <rt/share.h>

enum { PAGE = 4096, CLIENTS_MAX = 64 };

/* Memory that a client lent. */
struct lent {
	rm_share_t share;
	uint8_t rights;
	struct client_window window;
};

struct client {
	struct lent lent[KV_WINDOWS_MAX];
	unsigned int lent_count;                 /* ever */
	struct rt_donated donated[KV_POOLS_MAX]; /* the store's pools */
	struct store store;
};

static struct rt_server server;
static uint64_t served, refused;

static struct client *client_of(struct proto_request *request)
{
	return rt_client_state(rt_request(request)->client);
}

static err_t answer(err_t err)
{
	if (err == E_OK)
		served++;
	else
		refused++;
	return err;
}

/* -- memory that comes ------------------------------------------------------------------------- */

static void lent_end(struct lent *lent)
{
	rt_window_unmap(&lent->window);
	(void)rt_share_release(lent->share);
	*lent = (struct lent){ 0 };
}

/* The oldest one makes room: who lends more than that has only itself to blame. */
static void on_shared(void *self, struct rt_client *client, const struct rm_shared_event *it)
{
	struct client *c = rt_client_state(client);
	struct lent *lent = &c->lent[c->lent_count++ % KV_WINDOWS_MAX];
	(void)self;
	if (lent->share.raw)
		lent_end(lent);
	*lent = (struct lent){ .share = it->share, .rights = it->rights };
	if (it->size > KV_SHARE_PAGES_MAX || rt_window_map(it->share, 0, it->size, it->rights,
	                                                   RM_POLICY_SEVER, &lent->window) != E_OK)
		lent_end(lent);
}

/* It wants it back, and waits. */
static void on_recalled(void *self, struct rt_client *client,
                        const struct rm_share_recalled_event *it)
{
	struct client *c = rt_client_state(client);
	(void)self;
	for (unsigned int i = 0; i < KV_WINDOWS_MAX; i++)
		if (c->lent[i].share.raw == it->share.raw)
			lent_end(&c->lent[i]);
}

static void on_donated(void *self, struct rt_client *client, const struct rm_donated_event *it)
{
	struct client *c = rt_client_state(client);
	unsigned int i = 0;
	(void)self;
	while (i < KV_POOLS_MAX && c->donated[i].at)
		i++;
	if (i == KV_POOLS_MAX || it->size > KV_POOL_PAGES_MAX ||
	    rt_donation_map(it, &c->donated[i]) != E_OK) {
		rt_donation_refuse(it);
		return;
	}
	store_add(&c->store, i, c->donated[i].at, (uint32_t)it->size * PAGE);
}

static void on_close(void *self, struct rt_client *client)
{
	struct client *c = rt_client_state(client);
	(void)self;
	for (unsigned int i = 0; i < KV_WINDOWS_MAX; i++)
		rt_window_unmap(&c->lent[i].window);
	for (unsigned int i = 0; i < KV_POOLS_MAX; i++)
		(void)rt_donation_return(&c->donated[i], RM_CONTENTS_WIPED);
}

/* What the client says is its memory, if it is, and lent with that right. */
static err_t find_lent(const struct client *c, const struct proto_bulk *bulk, uint8_t right,
                       void __client **at)
{
	for (unsigned int i = 0; i < KV_WINDOWS_MAX; i++) {
		const struct lent *lent = &c->lent[i];
		if (lent->share.raw != bulk->share || !(lent->rights & right))
			continue;
		*at = client_at(&lent->window, bulk->offset, bulk->length);
		return *at ? E_OK : E_RANGE;
	}
	return E_PERM;
}

/* -- requests ---------------------------------------------------------------------------------- */

static err_t on_put(void *self, struct proto_request *request, const struct kv_put_in *in)
{
	struct client *c = client_of(request);
	void __client *from;
	size_t done;
	unsigned int pool;
	(void)self;
	err_t err = find_lent(c, &in->value, RM_RIGHT_READ, &from);
	if (err != E_OK)
		return answer(err);
	struct store_block *room = store_room(&c->store, in->value.length);
	if (!room)
		return answer(E_NOMEM);
	/* FETCH: to where it will lie. It is free, so nobody looks at it if this ends early. */
	err = client_read(room->value, from, in->value.length, &done);
	if (err != E_OK)
		return answer(err);
	rt_commit(rt_request(request));
	struct store_block *old = store_find(&c->store, in->key, in->key_count, &pool);
	store_fill(&c->store, room, in->key, in->key_count, in->value.length);
	if (old)
		store_remove(&c->store, old, pool);
	return answer(E_OK);
}

static err_t on_get(void *self, struct proto_request *request, const struct kv_get_in *in,
                    struct kv_get_out *out)
{
	const struct client *c = client_of(request);
	void __client *to;
	size_t done;
	unsigned int pool;
	(void)self;
	err_t err = find_lent(c, &in->room, RM_RIGHT_WRITE, &to);
	if (err != E_OK)
		return answer(err);
	const struct store_block *block = store_find(&c->store, in->key, in->key_count, &pool);
	if (!block)
		return answer(E_NOENT);
	rt_commit(rt_request(request));
	served++;
	rt_deliver(rt_request(request));
	out->bytes = block->value_bytes;
	return client_write(to, block->value,
	                    out->bytes < in->room.length ? out->bytes : in->room.length, &done);
}

static err_t on_remove(void *self, struct proto_request *request, const struct kv_remove_in *in)
{
	struct client *c = client_of(request);
	unsigned int pool;
	struct store_block *block = store_find(&c->store, in->key, in->key_count, &pool);
	(void)self;
	rt_commit(rt_request(request));
	if (block)
		store_remove(&c->store, block, pool);
	return answer(block ? E_OK : E_NOENT);
}

static err_t on_take(void *self, struct proto_request *request, const struct kv_take_in *in,
                     struct kv_take_out *out)
{
	struct client *c = client_of(request);
	unsigned int pool;
	(void)self;
	const struct store_block *block = store_find(&c->store, in->key, in->key_count, &pool);
	if (!block)
		return answer(E_NOENT);
	struct rt_donated *donated = &c->donated[pool];
	*out = (struct kv_take_out){ .donation = donated->id.raw,
		                     .offset = (uint64_t)(block->value - donated->at),
		                     .bytes = block->value_bytes };
	/* The store must look at it once more, and cannot any more when it is back. */
	struct store without = c->store;
	store_drop(&without, pool);
	rt_commit(rt_request(request));
	err_t err = rt_donation_return(donated, RM_CONTENTS_KEPT);
	if (err == E_OK)
		c->store = without;
	return answer(err);
}

static err_t on_query(void *self, struct proto_request *request, struct kv_query_out *out)
{
	(void)self;
	(void)request;
	out->status = (struct kv_status){ .served = served, .refused = refused };
	for (struct list *at = list_first(&server.clients); at;
	     at = list_after(&server.clients, at)) {
		const struct client *c = rt_client_state(container_of(at, struct rt_client, link));
		out->status.clients++;
		out->status.values += c->store.values;
		out->status.bytes += c->store.bytes;
	}
	return E_OK;
}

int rt_main(const struct rt_start *start)
{
	static const struct kv_ops ops = { .put = on_put,
		                           .get = on_get,
		                           .remove = on_remove,
		                           .take = on_take,
		                           .query = on_query };
	static const struct rt_service service = { .name = "kv",
		                                   .interface = &kv_interface,
		                                   .ops = &ops,
		                                   .close = on_close,
		                                   .shared = on_shared,
		                                   .recalled = on_recalled,
		                                   .donated = on_donated,
		                                   .client_bytes = sizeof(struct client),
		                                   .clients_max = CLIENTS_MAX };
	(void)start;
	err_t err = rt_server_start(&server, &service);
	if (err != E_OK) {
		rt_log("kv: cannot serve: %s", err_text(err));
		return 1;
	}
	rt_server_run(&server);
}
