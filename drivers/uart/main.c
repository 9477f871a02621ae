/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The console: a driver of a 16550 UART that serves proto/console.idl.
 *
 * It is given two capabilities by name: `com1`, the I/O ports 0x3f8 to 0x3ff, and
 * `com1-interrupt`. One thread does everything: requests, and the interrupt, which signals the
 * program's notification with a badge of its own.
 *
 * A client has at most one request of each kind that waits. Readers wait in a queue. When the
 * driver dies and is started again, what waited in the device's buffers is lost, and nothing else.
 */
#include "device.h"
#include "screen.h"
#include <lib/container.h>
#include <proto/console.h>
#include <rt/event.h>
#include <rt/program.h>
#include <rt/sel4_object.h>
#include <rt/server.h>
#include <rt/slot.h>

enum { COM1 = 0x3f8 };
#define BADGE_INTERRUPT (UINT64_C(1) << 62)

struct client {
	struct screen_line line;
	struct rt_request *writes, *reads, *flushes; /* that wait, or NULL */
	struct list reader;                          /* in readers, if one reads */
};

static struct device device;
static struct screen screen;
static struct list readers;
static struct rt_server server;

/* -- answers ----------------------------------------------------------------------------------- */

/* Requests see to it that there is room. What the end of a client adds is no loss without it. */
static void put(void *ctx, char c)
{
	(void)ctx;
	if (device_out_room(&device) > 0)
		device_put(&device, (uint8_t)c);
}

static bool has_room(void)
{
	return device_out_room(&device) >= SCREEN_PUTS_MAX;
}

static void fill(struct console_read_out *out, uint64_t most)
{
	out->bytes_count = 0;
	while (out->bytes_count < most && device_in_count(&device) > 0)
		out->bytes[out->bytes_count++] = device_get(&device);
}

static void answer_readers(void)
{
	struct list *link;
	while (device_in_count(&device) > 0 && (link = list_first(&readers)) != NULL) {
		struct client *client = container_of(link, struct client, reader);
		struct rt_request *r = client->reads;
		struct console_read_out out;
		list_remove(link);
		client->reads = NULL;
		fill(&out, r->state[0]);
		console_read_answer(&r->proto, E_OK, &out);
		rt_answer(r);
	}
}

/* Those who wait for room, and those who wait until all is out. */
static void answer_writers(void)
{
	bool is_empty = device_out_room(&device) == DEVICE_OUT_BYTES;
	if (!has_room())
		return;
	for (struct list *at = list_first(&server.clients); at;
	     at = list_after(&server.clients, at)) {
		struct client *client = rt_client_state(container_of(at, struct rt_client, link));
		struct rt_request *r = client->writes;
		if (r) {
			client->writes = NULL;
			console_write_answer(&r->proto, E_OK, &(struct console_write_out){ 0 });
			rt_answer(r);
		}
		r = client->flushes;
		if (r && is_empty) {
			client->flushes = NULL;
			console_flush_answer(&r->proto, E_OK);
			rt_answer(r);
		}
	}
}

static void on_interrupt(void *self, uint64_t bits)
{
	(void)self;
	(void)bits;
	device_interrupt(&device);
	answer_readers();
	answer_writers();
}

/* -- requests ---------------------------------------------------------------------------------- */

static err_t on_write(void *self, struct proto_request *request, const struct console_write_in *in,
                      struct console_write_out *out)
{
	struct rt_request *r = rt_request(request);
	struct client *client = rt_client_state(r->client);
	(void)self;
	rt_commit(r);
	for (out->taken = 0; out->taken < in->bytes_count && has_room(); out->taken++)
		screen_write(&screen, &client->line, in->bytes[out->taken]);
	screen_settle(&screen);
	device_send(&device);
	if (out->taken > 0)
		return E_OK;
	if (client->writes)
		return E_BUSY;
	client->writes = r;
	return E_PENDING;
}

static err_t on_read(void *self, struct proto_request *request, const struct console_read_in *in,
                     struct console_read_out *out)
{
	struct rt_request *r = rt_request(request);
	struct client *client = rt_client_state(r->client);
	(void)self;
	rt_commit(r);
	if (client->reads)
		return E_BUSY;
	if (device_in_count(&device) > 0 && list_is_empty(&readers)) {
		fill(out, in->most);
		return E_OK;
	}
	r->state[0] = in->most;
	client->reads = r;
	list_push_back(&readers, &client->reader);
	return E_PENDING;
}

static err_t on_set_name(void *self, struct proto_request *request,
                         const struct console_set_name_in *in)
{
	struct rt_request *r = rt_request(request);
	struct screen_line *line = &((struct client *)rt_client_state(r->client))->line;
	(void)self;
	_Static_assert(CONSOLE_NAME_MAX <= SCREEN_NAME_MAX);
	for (unsigned int i = 0; i < in->name_count; i++)
		if (in->name[i] < ' ' || in->name[i] > '~')
			return E_INVAL;
	rt_commit(r);
	line->name_length = (uint8_t)in->name_count;
	__builtin_memcpy(line->name, in->name, in->name_count);
	return E_OK;
}

static err_t on_flush(void *self, struct proto_request *request)
{
	struct rt_request *r = rt_request(request);
	struct client *client = rt_client_state(r->client);
	(void)self;
	rt_commit(r);
	device_send(&device);
	if (device_out_room(&device) == DEVICE_OUT_BYTES)
		return E_OK;
	if (client->flushes)
		return E_BUSY;
	client->flushes = r;
	return E_PENDING;
}

/* -- clients ----------------------------------------------------------------------------------- */

static err_t on_open(void *self, struct rt_client *client)
{
	(void)self;
	list_init(&((struct client *)rt_client_state(client))->reader);
	return E_OK;
}

/* Requests that wait are answered by rt. */
static void on_close(void *self, struct rt_client *rt_client)
{
	struct client *client = rt_client_state(rt_client);
	(void)self;
	list_remove(&client->reader);
	screen_drop(&screen, &client->line);
	device_send(&device);
}

/* -- start ------------------------------------------------------------------------------------- */

/* The interrupt signals the program's notification, to which the server's thread is bound. */
static enum abi_error bind_interrupt(cptr_t interrupt)
{
	cptr_t badged = rt_slot_get();
	if (!badged)
		return ERR_NOT_ENOUGH_MEMORY;
	enum abi_error err = sel4_cnode_mint(rt_slot(badged), rt_slot(rt_event_notification()),
	                                     RIGHTS_ALL, BADGE_INTERRUPT);
	if (!err)
		err = sel4_irq_handler_set_notification(interrupt, badged);
	return err;
}

int rt_main(const struct rt_start *start)
{
	static const struct console_ops ops = {
		.write = on_write, .read = on_read, .set_name = on_set_name, .flush = on_flush
	};
	static const struct rt_service service = { .name = "console",
		                                   .interface = &console_interface,
		                                   .ops = &ops,
		                                   .open = on_open,
		                                   .close = on_close,
		                                   .client_bytes = sizeof(struct client),
		                                   .arena_bytes = 4096,
		                                   .parked_max = 4 };
	cptr_t ports = rt_given("com1"), interrupt = rt_given("com1-interrupt");
	(void)start;
	list_init(&readers);
	screen = (struct screen){ .put = put };
	err_t err = rt_server_start(&server, &service);
	if (err == E_OK)
		err = rt_signal_set(BADGE_INTERRUPT, on_interrupt, NULL);
	if (err != E_OK) {
		rt_log("uart: %s: %s", err_name(err), err_text(err));
		return 1;
	}
	enum abi_error failed = bind_interrupt(interrupt);
	if (!failed)
		failed = device_start(&device, ports, COM1, interrupt);
	if (failed) {
		rt_log("uart: COM1 cannot be used: error %d", (int)failed);
		return 1;
	}
	rt_server_run(&server);
}
