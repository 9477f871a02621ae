/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Between a server and rt, in a test build: see README.md. A window's pages can be accessed where
 * the server knows them only while it is in a window in place, or one that is left, and only those
 * that this one covers. Copies are made by way of a second mapping, which the server does not know.
 * fetches.c knows what each request has read.
 *
 * One thread serves. Nothing here is fast.
 */
#include "guarded.h"
#include <lib/assert.h>
#include <lib/range.h>
#include <proto/rm_client.h>
#include <rt/program.h>
#include <rt/server.h>
#include <rt/share.h>

enum { PAGE = 4096, WINDOWS_MAX = 1024 };

/* rt's own (guard.mk renames them). */
#define RT_OWN(type, name, ...)                                                                    \
	type plain_##name(__VA_ARGS__);                                                            \
	type name(__VA_ARGS__)
#define CALLER __builtin_return_address(0)

static struct shown {
	uint64_t at, hidden, bytes; /* at 0: free */
	uint8_t rights;
} windows[WINDOWS_MAX];

/* What can be accessed just now. low 0: nothing. */
static struct {
	uint64_t low, bytes;
} open;

/* The window that all of it is in; NULL: it is in none. */
static const struct shown *window_of(uint64_t at, uint64_t bytes)
{
	for (const struct shown *w = windows; w < windows + WINDOWS_MAX; w++)
		if (w->at && at >= w->at && range_ok(at - w->at, bytes, w->bytes))
			return w;
	return NULL;
}

/* The same where it can be copied from and to. What is in no window stays as it is. */
static char __client *hidden(const void __client *at, uint64_t bytes)
{
	const struct shown *w = window_of((uint64_t)at, bytes);
	return (char __client *)(w ? (uint64_t)at - w->at + w->hidden : (uint64_t)at);
}

static struct fetch fetch_of(const void __client *at, uint64_t bytes, const void *by)
{
	return (struct fetch){ .at = (uint64_t)at,
		               .bytes = window_of((uint64_t)at, bytes) ? bytes : 0,
		               .by = (uint64_t)by };
}

/* False: the window shows nothing any more. */
static bool protect(uint64_t at, uint64_t bytes, uint8_t rights)
{
	uint64_t start = range_align_down(at, PAGE);
	const struct rm_region_protect_in in = { .start = start,
		                                 .size = (at + bytes - start + PAGE - 1) / PAGE,
		                                 .rights = rights };
	err_t err = rm_region_protect(RT_VSPACE, &in);
	assert(err == E_OK || err == E_NOENT);
	return err == E_OK;
}

/* -- windows that are mapped ------------------------------------------------------------------- */

RT_OWN(void, rt_window_unmap, struct client_window *window)
{
	for (struct shown *w = windows; window->at && w < windows + WINDOWS_MAX; w++)
		if (w->at == (uint64_t)window->at) {
			struct client_window other = { (char __client *)w->hidden, w->bytes };
			*w = (struct shown){ 0 };
			plain_rt_window_unmap(&other);
		}
	plain_rt_window_unmap(window);
}

RT_OWN(err_t, rt_window_map, rm_share_t share, uint64_t first, uint64_t pages, uint8_t rights,
       enum rm_policy policy, struct client_window *window)
{
	struct client_window shown, other;
	struct shown *w = windows;
	while (w < windows + WINDOWS_MAX && w->at)
		w++;
	assert(w < windows + WINDOWS_MAX);
	err_t err = plain_rt_window_map(share, first, pages, rights, policy, &shown);
	if (err != E_OK)
		return err;
	err = plain_rt_window_map(share, first, pages, rights, policy, &other);
	if (err != E_OK) {
		plain_rt_window_unmap(&shown);
		return err;
	}
	*w = (struct shown){ .at = (uint64_t)shown.at,
		             .hidden = (uint64_t)other.at,
		             .bytes = shown.bytes,
		             .rights = rights };
	(void)protect(w->at, w->bytes, 0);
	*window = shown;
	return E_OK;
}

/* -- copies ------------------------------------------------------------------------------------ */

RT_OWN(err_t, client_read, void *to, const void __client *from, size_t bytes, size_t *done)
{
	fetch_check(fetch_of(from, bytes, CALLER), false);
	err_t err = plain_client_read(to, hidden(from, bytes), bytes, done);
	fetch_note(fetch_of(from, *done, CALLER));
	return err;
}

RT_OWN(err_t, client_write, void __client *to, const void *from, size_t bytes, size_t *done)
{
	return plain_client_write(hidden(to, bytes), from, bytes, done);
}

/* Nothing of it comes to the server. */
RT_OWN(err_t, client_copy, void __client *to, const void __client *from, size_t bytes, size_t *done)
{
	return plain_client_copy(hidden(to, bytes), hidden(from, bytes), bytes, done);
}

#define LOAD(name, type)                                                                           \
	RT_OWN(err_t, name, const type __client *from, type *value)                                \
	{                                                                                          \
		const struct fetch it = fetch_of(from, sizeof(*value), CALLER);                    \
		fetch_check(it, false);                                                            \
		err_t err =                                                                        \
		        plain_##name((const type __client *)hidden(from, sizeof(*value)), value);  \
		if (err == E_OK)                                                                   \
			fetch_note(it);                                                            \
		return err;                                                                        \
	}
LOAD(client_load32, uint32_t)
LOAD(client_load64, uint64_t)

RT_OWN(err_t, client_store32, uint32_t __client *to, uint32_t value)
{
	return plain_client_store32((uint32_t __client *)hidden(to, sizeof(value)), value);
}

RT_OWN(err_t, client_store64, uint64_t __client *to, uint64_t value)
{
	return plain_client_store64((uint64_t __client *)hidden(to, sizeof(value)), value);
}

/* What it finds is compared to what was read before: that is no second decision. */
RT_OWN(err_t, client_cas32, uint32_t __client *at, uint32_t expected, uint32_t desired,
       uint32_t *found)
{
	const struct fetch it = fetch_of(at, sizeof(*found), CALLER);
	err_t err = plain_client_cas32((uint32_t __client *)hidden(at, sizeof(*found)), expected,
	                               desired, found);
	if (err == E_OK && !fetch_known(it))
		fetch_note(it);
	return err;
}

/* A hint: what it looked at may be read, once. */
RT_OWN(err_t, client_strnlen, const char __client *string, size_t max, size_t *length)
{
	struct fetch it = fetch_of(string, max, CALLER);
	err_t err = plain_client_strnlen(hidden(string, max), max, length);
	it.bytes = it.bytes && *length < max ? *length + (err == E_OK) : it.bytes;
	it.is_hint = true;
	fetch_check(it, true);
	fetch_note(it);
	return err;
}

RT_OWN(void, client_reread, const void __client *at, size_t bytes)
{
	fetch_forget(fetch_of(at, bytes, CALLER));
}

/* -- windows that a thread is in --------------------------------------------------------------- */

/*
 * The part of a window can be accessed from now on. False: the window shows nothing; then the
 * hidden one stands in for it, which does the same to whoever accesses it.
 */
static bool begin(const struct client_window *window, uint64_t offset, uint64_t bytes,
                  const void *by)
{
	const char __client *at = window->at + offset;
	const struct shown *w = window_of((uint64_t)at, bytes);
	if (!w)
		return true;
	const struct fetch it = fetch_of(at, bytes, by);
	fetch_check(it, false);
	fetch_note(it);
	if (!protect((uint64_t)at, bytes, w->rights))
		return false;
	open.low = (uint64_t)at;
	open.bytes = bytes;
	return true;
}

/* And no more. Zeros that stand there go from all its pages: rm's window is in parts by now. */
static void end(err_t err)
{
	uint64_t low = open.low, high = low + open.bytes;
	open.low = 0;
	if (!low)
		return;
	for (uint64_t at = range_align_down(low, PAGE); err != E_OK && at < high; at += PAGE)
		(void)rm_window_clean(RT_VSPACE, &(struct rm_window_clean_in){ .at = at });
	(void)protect(low, high - low, 0);
}

static struct client_window hidden_window(const struct client_window *window)
{
	return (struct client_window){ hidden(window->at, window->bytes), window->bytes };
}

RT_OWN(err_t, window_end, void)
{
	err_t err = plain_window_end();
	end(err);
	return err;
}

RT_OWN(err_t, window_begin, const struct client_window *window, uint64_t offset, uint64_t bytes,
       void **at)
{
	err_t err = plain_window_begin(window, offset, bytes, at);
	if (err != E_OK || begin(window, offset, bytes, CALLER))
		return err;
	(void)plain_window_end();
	const struct client_window other = hidden_window(window);
	return plain_window_begin(&other, offset, bytes, at);
}

RT_OWN(err_t, window_run, const struct client_window *window, uint64_t offset, uint64_t bytes,
       err_t (*fn)(void *at, void *arg), void *arg)
{
	struct client_window used = *window;
	void *at;
	/* Whether that is a window, and may begin. */
	err_t err = plain_window_begin(window, offset, bytes, &at);
	if (err != E_OK)
		return err;
	(void)plain_window_end();
	if (!begin(window, offset, bytes, CALLER))
		used = hidden_window(window);
	err = plain_window_run(&used, offset, bytes, fn, arg);
	end(E_OK);
	return err;
}

RT_OWN(void, window_drop, void)
{
	plain_window_drop();
	end(E_GONE);
}

/* -- requests ---------------------------------------------------------------------------------- */

static struct rt_server *server;

bool fetch_counts(void)
{
	return server && server->is_handling;
}

/* In a trace no request is a plain one: all come by guarded_dispatch(). */
RT_OWN(err_t, rt_server_start, struct rt_server *s, const struct rt_service *service)
{
	err_t err = plain_rt_server_start(s, service);
	server = err == E_OK ? s : NULL;
	s->methods_count = 0;
	return err;
}

/* In place of proto_dispatch(), for rt's server. */
bool guarded_dispatch(const struct proto_interface *interface, const void *ops, void *self,
                      struct proto_request *request)
{
	fetch_none();
	return proto_dispatch(interface, ops, self, request);
}
