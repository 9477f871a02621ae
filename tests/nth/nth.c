/* SPDX-License-Identifier: BSD-2-Clause */
/* In the server, between it and rt: see nth/nth.h. The linker's --wrap has the calls come here. */
#include <lib/range.h>
#include <nth/nth.h>
#include <proto/rm_client.h>
#include <rt/client_memory.h>
#include <rt/program.h>
#include <rt/server.h>
#include <rt/share.h>

enum { PAGE = 4096, WINDOWS_MAX = 64 };

#define WRAPPED(type, name, ...)                                                                   \
	type __real_##name(__VA_ARGS__);                                                           \
	type __wrap_##name(__VA_ARGS__);                                                           \
	type __wrap_##name(__VA_ARGS__)

static struct {
	uint64_t at, bytes, first; /* first: byte of the share */
	rm_share_t share;
	uint8_t rights, policy;
} windows[WINDOWS_MAX];
static volatile struct nth_control *control;
static struct rt_server *server;

err_t __real_client_store64(uint64_t __client *to, uint64_t value);

/* As the client would, by any window that shows the word. */
static void change_word(rm_share_t share)
{
	for (unsigned int i = 0; i < WINDOWS_MAX; i++) {
		uint64_t at = control->word - windows[i].first;
		if (windows[i].share.raw != share.raw || !range_ok(at, 8, windows[i].bytes))
			continue;
		at += windows[i].at;
		control->wrong +=
		        __real_client_store64((uint64_t __client *)at, control->value) != E_OK;
		return;
	}
	control->wrong++;
}

/* The window shows the same part of another share. */
static err_t show_other(unsigned int i, rm_share_t share)
{
	const struct rm_region_unmap_in old = { .start = windows[i].at,
		                                .size = windows[i].bytes / PAGE };
	const struct rm_window_map_in in = { .share = share,
		                             .start = windows[i].at,
		                             .size = windows[i].bytes / PAGE,
		                             .first = windows[i].first / PAGE,
		                             .rights = windows[i].rights,
		                             .policy = windows[i].policy };
	struct rm_window_map_out out;
	err_t err = rm_region_unmap(RT_VSPACE, &old);
	return err == E_OK ? rm_window_map(RT_VSPACE, RT_TASK, &in, &out) : err;
}

/* The next access, at that address. */
static void access(uint64_t at)
{
	unsigned int i = 0;
	if (!control)
		return;
	while (i < WINDOWS_MAX && !range_ok(at - windows[i].at, 1, windows[i].bytes))
		i++;
	unsigned int phase = server->is_handling ? server->current->phase : RT_FETCH;
	control->wrong += phase == RT_COMMIT || i == WINDOWS_MAX;
	control->count++;
	if (i < WINDOWS_MAX && control->count == control->change_at)
		change_word(windows[i].share);
	if (control->count != control->fail_at || i == WINDOWS_MAX)
		return;
	control->phase = phase;
	rm_share_t other = { control->other };
	control->wrong +=
	        (other.raw ? show_other(i, other) : rt_share_release(windows[i].share)) != E_OK;
}

/* -- what the server has ----------------------------------------------------------------------- */

WRAPPED(err_t, rt_server_start, struct rt_server *s, const struct rt_service *service)
{
	cptr_t memory = rt_given("nth");
	const struct rm_region_map_in in = { .size = 1,
		                             .rights = RM_RIGHT_READ | RM_RIGHT_WRITE,
		                             .inherit = RM_INHERIT_NONE };
	struct rm_region_map_out out;
	server = s;
	if (memory && rm_region_map(RT_VSPACE, memory, &in, &out) == E_OK)
		control = (volatile struct nth_control *)out.at;
	return __real_rt_server_start(s, service);
}

WRAPPED(err_t, rt_window_map, rm_share_t share, uint64_t first, uint64_t pages, uint8_t rights,
        enum rm_policy policy, struct client_window *window)
{
	err_t err = __real_rt_window_map(share, first, pages, rights, policy, window);
	for (unsigned int i = 0; err == E_OK && i < WINDOWS_MAX; i++)
		if (windows[i].bytes == 0) {
			windows[i].at = (uint64_t)window->at;
			windows[i].bytes = window->bytes;
			windows[i].first = first * PAGE;
			windows[i].share = share;
			windows[i].rights = rights;
			windows[i].policy = (uint8_t)policy;
			break;
		}
	return err;
}

WRAPPED(void, rt_window_unmap, struct client_window *window)
{
	for (unsigned int i = 0; window->at && i < WINDOWS_MAX; i++)
		if (windows[i].at == (uint64_t)window->at)
			windows[i].bytes = 0;
	__real_rt_window_unmap(window);
}

/* -- copies ------------------------------------------------------------------------------------ */

/* As much of it as lies in one page. */
static size_t piece_of(uint64_t at, size_t bytes)
{
	size_t left = PAGE - at % PAGE;
	return bytes < left ? bytes : left;
}

WRAPPED(err_t, client_read, void *to, const void __client *from, size_t bytes, size_t *done)
{
	err_t err = E_OK;
	size_t more = 0;
	if (!range_ok((uint64_t)from, bytes, ABI_USER_TOP) || bytes == 0)
		return __real_client_read(to, from, bytes, done);
	for (*done = 0; *done < bytes && err == E_OK; *done += more) {
		const char __client *at = (const char __client *)from + *done;
		access((uint64_t)at);
		err = __real_client_read((char *)to + *done, at,
		                         piece_of((uint64_t)at, bytes - *done), &more);
	}
	return err;
}

WRAPPED(err_t, client_write, void __client *to, const void *from, size_t bytes, size_t *done)
{
	err_t err = E_OK;
	size_t more = 0;
	if (!range_ok((uint64_t)to, bytes, ABI_USER_TOP) || bytes == 0)
		return __real_client_write(to, from, bytes, done);
	for (*done = 0; *done < bytes && err == E_OK; *done += more) {
		char __client *at = (char __client *)to + *done;
		access((uint64_t)at);
		err = __real_client_write(at, (const char *)from + *done,
		                          piece_of((uint64_t)at, bytes - *done), &more);
	}
	return err;
}

WRAPPED(err_t, client_copy, void __client *to, const void __client *from, size_t bytes,
        size_t *done)
{
	uint64_t a = (uint64_t)to, b = (uint64_t)from, apart = a < b ? b - a : a - b;
	err_t err = E_OK;
	size_t more = 0;
	if (!range_ok(a, bytes, ABI_USER_TOP) || !range_ok(b, bytes, ABI_USER_TOP) ||
	    apart < bytes || bytes == 0)
		return __real_client_copy(to, from, bytes, done);
	for (*done = 0; *done < bytes && err == E_OK; *done += more) {
		size_t piece = piece_of(a + *done, piece_of(b + *done, bytes - *done));
		access(b + *done);
		access(a + *done);
		err = __real_client_copy((char __client *)to + *done,
		                         (const char __client *)from + *done, piece, &more);
	}
	return err;
}

WRAPPED(err_t, client_load32, const uint32_t __client *from, uint32_t *value)
{
	access((uint64_t)from);
	return __real_client_load32(from, value);
}

WRAPPED(err_t, client_load64, const uint64_t __client *from, uint64_t *value)
{
	access((uint64_t)from);
	return __real_client_load64(from, value);
}

WRAPPED(err_t, client_store32, uint32_t __client *to, uint32_t value)
{
	access((uint64_t)to);
	return __real_client_store32(to, value);
}

WRAPPED(err_t, client_store64, uint64_t __client *to, uint64_t value)
{
	access((uint64_t)to);
	return __real_client_store64(to, value);
}

WRAPPED(err_t, client_cas32, uint32_t __client *at, uint32_t expected, uint32_t desired,
        uint32_t *found)
{
	access((uint64_t)at);
	return __real_client_cas32(at, expected, desired, found);
}

WRAPPED(err_t, client_strnlen, const char __client *string, size_t max, size_t *length)
{
	err_t err = E_OK;
	size_t piece = 0, more = 0;
	if (!range_ok((uint64_t)string, max, ABI_USER_TOP) || max == 0)
		return __real_client_strnlen(string, max, length);
	for (*length = 0; *length < max && err == E_OK && more == piece; *length += more) {
		piece = piece_of((uint64_t)string + *length, max - *length);
		access((uint64_t)string + *length);
		err = __real_client_strnlen(string + *length, piece, &more);
	}
	return err;
}

/* -- windows ----------------------------------------------------------------------------------- */

WRAPPED(err_t, window_begin, const struct client_window *window, uint64_t offset, uint64_t bytes,
        void **at)
{
	access((uint64_t)window->at + offset);
	return __real_window_begin(window, offset, bytes, at);
}

WRAPPED(err_t, window_run, const struct client_window *window, uint64_t offset, uint64_t bytes,
        err_t (*fn)(void *at, void *arg), void *arg)
{
	access((uint64_t)window->at + offset);
	return __real_window_run(window, offset, bytes, fn, arg);
}
