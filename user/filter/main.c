/* SPDX-License-Identifier: BSD-2-Clause */
/* Filters pictures where they lie, in memory that clients lent. See README.md. */
#include "image.h"
#include <proto/filter.h>
#include <rt/program.h>
#include <rt/server.h>
#include <rt/share.h>

enum { CLIENTS_MAX = 32, CHUNK_BYTES = 65536, RW = RM_RIGHT_READ | RM_RIGHT_WRITE };

/* Memory that a client lent. */
struct lent {
	rm_share_t share;
	uint8_t rights;
	struct client_window window;
};

struct client {
	struct lent lent[FILTER_WINDOWS_MAX];
	unsigned int lent_count; /* ever */
};

/* Rows that a request is about: the client's numbers, checked, and none of them read again. */
struct work {
	const struct client_window *window;
	uint64_t offset;
	uint32_t rows, width;
};

static struct rt_server server;

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
	struct lent *lent = &c->lent[c->lent_count++ % FILTER_WINDOWS_MAX];
	(void)self;
	if (lent->share.raw)
		lent_end(lent);
	*lent = (struct lent){ .share = it->share, .rights = it->rights };
	if (it->size > FILTER_SHARE_PAGES_MAX ||
	    rt_window_map(it->share, 0, it->size, it->rights, RM_POLICY_REPORT, &lent->window) !=
	            E_OK)
		lent_end(lent);
}

/* It wants it back, and waits. */
static void on_recalled(void *self, struct rt_client *client,
                        const struct rm_share_recalled_event *it)
{
	struct client *c = rt_client_state(client);
	(void)self;
	for (unsigned int i = 0; i < FILTER_WINDOWS_MAX; i++)
		if (c->lent[i].share.raw == it->share.raw)
			lent_end(&c->lent[i]);
}

static void on_close(void *self, struct rt_client *client)
{
	struct client *c = rt_client_state(client);
	(void)self;
	for (unsigned int i = 0; i < FILTER_WINDOWS_MAX; i++)
		rt_window_unmap(&c->lent[i].window);
}

/* What there is to do about the pixels, as far as one request goes. */
static err_t find_work(struct proto_request *request, const struct proto_bulk *pixels,
                       uint32_t width, uint8_t rights, struct work *work)
{
	const struct client *c = rt_client_state(rt_request(request)->client);
	const struct lent *lent = c->lent;
	while (lent->share.raw != pixels->share || (lent->rights & rights) != rights)
		if (++lent == c->lent + FILTER_WINDOWS_MAX)
			return E_PERM;
	if (!client_at(&lent->window, pixels->offset, pixels->length))
		return E_RANGE;
	if (pixels->length % width != 0)
		return E_INVAL;
	uint64_t rows = pixels->length / width;
	uint32_t most = width < FILTER_STEP_BYTES ? FILTER_STEP_BYTES / width : 1;
	*work = (struct work){ .window = &lent->window,
		               .offset = pixels->offset,
		               .rows = rows < most ? (uint32_t)rows : most,
		               .width = width };
	return E_OK;
}

/*
 * In place, chunk by chunk: within a chunk, what goes turns to zeros, and its end says so. All that
 * is the server's is done before: nothing is, here, so this is DELIVER from the start.
 */
static err_t on_apply(void *self, struct proto_request *request, const struct filter_apply_in *in,
                      struct filter_apply_out *out)
{
	struct work work;
	uint8_t *scratch = rt_request_alloc(rt_request(request), in->width);
	void *at;
	(void)self;
	err_t err = find_work(request, &in->pixels, in->width, RW, &work);
	if (err != E_OK || !scratch)
		return err != E_OK ? err : E_RANGE;
	rt_commit(rt_request(request));
	rt_deliver(rt_request(request));
	uint32_t chunk = work.width < CHUNK_BYTES ? CHUNK_BYTES / work.width : 1;
	while (out->rows < work.rows && err == E_OK) {
		uint64_t first = work.offset + (uint64_t)out->rows * work.width;
		uint32_t rows = work.rows - out->rows < chunk ? work.rows - out->rows : chunk;
		err = window_begin(work.window, first, (uint64_t)rows * work.width, &at);
		if (err != E_OK)
			break;
		for (uint32_t i = 0; i < rows; i++)
			image_filter_row((uint8_t *)at + (uint64_t)i * work.width, work.width,
			                 in->kind, in->amount, scratch);
		err = window_end();
		out->rows += err == E_OK ? rows : 0;
	}
	out->why = err;
	return E_OK;
}

struct measuring {
	struct work work;
	struct image_measure measure;
	volatile uint32_t rows; /* done; of the rest nothing is known when it is left */
};

static err_t measure(void *at, void *arg)
{
	struct measuring *m = arg;
	for (uint32_t i = 0; i < m->work.rows; i++) {
		image_measure_row(&m->measure, (const uint8_t *)at + (uint64_t)i * m->work.width,
		                  m->work.width);
		m->rows = i + 1;
	}
	return E_OK;
}

/* All in one go, which is left where it stands when the memory goes. */
static err_t on_measure(void *self, struct proto_request *request,
                        const struct filter_measure_in *in, struct filter_measure_out *out)
{
	struct measuring m = { .measure.darkest = 255 };
	(void)self;
	err_t err = find_work(request, &in->pixels, in->width, RM_RIGHT_READ, &m.work);
	if (err != E_OK)
		return err;
	err = window_run(m.work.window, m.work.offset, (uint64_t)m.work.rows * m.work.width,
	                 measure, &m);
	*out = (struct filter_measure_out){ .rows = m.rows, .why = err };
	if (err == E_OK) {
		out->sum = m.measure.sum;
		out->darkest = m.measure.darkest;
		out->brightest = m.measure.brightest;
	}
	return E_OK;
}

int rt_main(const struct rt_start *start)
{
	static const struct filter_ops ops = { .apply = on_apply, .measure = on_measure };
	static const struct rt_service service = { .name = "filter",
		                                   .interface = &filter_interface,
		                                   .ops = &ops,
		                                   .close = on_close,
		                                   .shared = on_shared,
		                                   .recalled = on_recalled,
		                                   .client_bytes = sizeof(struct client),
		                                   .arena_bytes = FILTER_WIDTH_MAX,
		                                   .clients_max = CLIENTS_MAX };
	(void)start;
	err_t err = rt_server_start(&server, &service);
	if (err != E_OK) {
		rt_log("filter: cannot serve: %s", err_text(err));
		return 1;
	}
	rt_server_run(&server);
}
