/* SPDX-License-Identifier: BSD-2-Clause */
/* A server: says again what it is told. See README.md. */
#include <proto/echo.h>
#include <rt/program.h>
#include <rt/server.h>

/* What is kept for each client. */
struct client {
	uint64_t times;
};

static struct rt_server server;
static uint64_t times_all;

static err_t on_null(void *self, struct proto_request *request)
{
	(void)self;
	(void)request;
	return E_OK;
}

/* Those who waited for it to be said so often get their answers. */
static void wake(void)
{
	for (struct list *at = list_first(&server.clients); at;
	     at = list_after(&server.clients, at)) {
		struct rt_client *client = container_of(at, struct rt_client, link);
		struct list *next, *parked = list_first(&client->parked);
		for (; parked; parked = next) {
			struct rt_request *r = container_of(parked, struct rt_request, link);
			next = list_after(&client->parked, parked);
			if (r->state[0] > times_all)
				continue;
			echo_wait_answer(&r->proto, E_OK);
			rt_answer(r);
		}
	}
}

static err_t on_say(void *self, struct proto_request *request, const struct echo_say_in *in,
                    struct echo_say_out *out)
{
	struct client *client = rt_client_state(rt_request(request)->client);
	(void)self;
	out->said_count = in->said_count;
	__builtin_memcpy(out->said, in->said, in->said_count);
	out->times = ++client->times;
	times_all++;
	wake();
	return E_OK;
}

static err_t on_wait(void *self, struct proto_request *request, const struct echo_wait_in *in)
{
	(void)self;
	if (in->times <= times_all)
		return E_OK;
	rt_request(request)->state[0] = in->times;
	return E_PENDING;
}

static void on_close(void *self, struct rt_client *client)
{
	(void)self;
	rt_log("echo: a client is gone that said %lu things",
	       ((struct client *)rt_client_state(client))->times);
}

int rt_main(const struct rt_start *start)
{
	static const struct echo_ops ops = { .null = on_null, .say = on_say, .wait = on_wait };
	static const struct rt_service service = {
		.name = "echo",
		.interface = &echo_interface,
		.ops = &ops,
		.close = on_close,
		.client_bytes = sizeof(struct client),
	};
	(void)start;
	err_t err = rt_server_start(&server, &service);
	if (err != E_OK) {
		rt_log("echo: cannot serve: %s", err_text(err));
		return 1;
	}
	rt_server_run(&server);
}
