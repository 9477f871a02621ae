/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A server that is lent memory. What it is to do is the first character of what it is told:
 *
 *   m r w c   4 KiB by memcpy, client_read, client_write, client_copy: instructions
 *   i         window_begin and window_end
 *   a         one word of the window; if it is gone the handler is left
 *   l         what that took, the last time
 */
#include "bench.h"
#include <proto/echo.h>
#include <rt/client_memory.h>
#include <rt/memory.h>
#include <rt/server.h>
#include <rt/share.h>

enum { PAGES = 4 };

struct state {
	struct client_window window;
};
static uint64_t last;
static char mine[2 * PAGE] __attribute__((aligned(4096)));

/* An odd number of pages: SEVER. */
static void on_shared(void *self, struct rt_client *client, const struct rm_shared_event *it)
{
	struct state *state = rt_client_state(client);
	(void)self;
	rt_window_unmap(&state->window);
	must(rt_window_map(it->share, 0, it->size, it->rights,
	                   it->size % 2 ? RM_POLICY_SEVER : RM_POLICY_REPORT, &state->window));
}

static void once(const struct client_window *window, char what)
{
	size_t done = PAGE;
	void *at;
	switch (what) {
	case 'n':
		break;
	case 'm':
		(void)memcpy(mine, mine + PAGE, PAGE);
		break;
	case 'r':
		must(client_read(mine, window->at, PAGE, &done));
		break;
	case 'w':
		must(client_write(window->at, mine, PAGE, &done));
		break;
	case 'c':
		must(client_copy(window->at, window->at + PAGE, PAGE, &done));
		break;
	default:
		must(window_begin(window, 0, PAGE, &at));
		must(window_end());
	}
	if (done != PAGE)
		fail("copied", E_IO);
}

static uint64_t median_of(const struct client_window *window, char what)
{
	static uint64_t times[RUNS];
	for (unsigned int i = 0; i < RUNS; i++) {
		uint64_t t = rt_tsc();
		once(window, what);
		times[i] = rt_tsc() - t;
	}
	return median(times, RUNS);
}

/* Without what measuring takes. */
static uint64_t measure(const struct client_window *window, char what)
{
	return median_of(window, what) - median_of(window, 'n');
}

static err_t on_say(void *self, struct proto_request *request, const struct echo_say_in *in,
                    struct echo_say_out *out)
{
	struct rt_request *r = rt_request(request);
	const struct state *state = rt_client_state(r->client);
	(void)self;
	out->said[0] = in->said[0];
	out->said_count = 1;
	out->times = last;
	if (in->said[0] == 'a') {
		uint64_t t = rt_tsc(), value;
		err_t err = client_load64((uint64_t __client *)state->window.at, &value);
		last = rt_tsc() - t;
		if (err != E_OK)
			rt_abort(r, err);
	} else if (in->said[0] != 'l') {
		out->times = measure(&state->window, in->said[0]);
	}
	return E_OK;
}

static err_t on_null(void *self, struct proto_request *request)
{
	(void)self;
	(void)request;
	return E_OK;
}

static void on_close(void *self, struct rt_client *client)
{
	struct state *state = rt_client_state(client);
	(void)self;
	rt_window_unmap(&state->window);
}

int rt_main(const struct rt_start *start)
{
	static const struct echo_ops ops = { .say = on_say, .null = on_null };
	static struct rt_server server;
	static const struct rt_service service = { .name = "borrower",
		                                   .interface = &echo_interface,
		                                   .ops = &ops,
		                                   .shared = on_shared,
		                                   .close = on_close,
		                                   .client_bytes = sizeof(struct state) };
	(void)start;
	must(rt_server_start(&server, &service));
	rt_server_run(&server);
}
