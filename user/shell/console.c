/* SPDX-License-Identifier: BSD-2-Clause */
/* See console.h. */
#include "console.h"
#include "connect.h"
#include <lib/format.h>
#include <proto/console_client.h>
#include <rt/libc.h>
#include <rt/program.h>

static struct rt_session console;
static struct console_write_in out; /* not sent yet */
static struct console_read_out in;  /* in.bytes[in_next..in.bytes_count) are not used yet */
static uint16_t in_next;

static const struct rt_connect how = { .name = "console",
	                               .version = CONSOLE_VERSION,
	                               .limit = 32 * 4096 };

/* Without a console there is nothing to do here; the log can still be written to. */
static void must(err_t err, const char *what)
{
	if (err == E_OK)
		return;
	rt_log_set(NULL, NULL);
	rt_log("shell: %s: %s", what, err_text(err));
	rt_exit(1);
}

/* True: the console was lost, and is there again. */
static bool again(err_t err)
{
	if (!rt_session_is_lost(err))
		return false;
	must(connect_again(&console, &how), "the console is gone");
	return true;
}

/* What is left of the buffer moves to its beginning. */
void console_send(void)
{
	struct console_write_out taken;
	while (out.bytes_count > 0) {
		err_t err = console_write(console.endpoint, &out, &taken);
		if (again(err))
			continue;
		must(err, "the console does not write");
		if (taken.taken > out.bytes_count)
			must(E_PROTOCOL, "the console");
		out.bytes_count -= taken.taken;
		for (uint16_t i = 0; i < out.bytes_count; i++)
			out.bytes[i] = out.bytes[i + taken.taken];
	}
}

static void put(void *to, char c)
{
	(void)to;
	if (out.bytes_count == CONSOLE_TEXT_MAX)
		console_send();
	out.bytes[out.bytes_count++] = (uint8_t)c;
}

void console_print(const char *format, ...)
{
	va_list args;
	va_start(args, format);
	format_va(put, NULL, format, args);
	va_end(args);
}

/* What rt, or whoever, says on the program's log. */
static void log_line(void *ctx, const char *line, size_t length)
{
	(void)ctx;
	for (size_t i = 0; i < length; i++)
		put(NULL, line[i]);
	put(NULL, '\n');
}

void console_drain(void)
{
	err_t err;
	do {
		console_send();
		err = console_flush(console.endpoint);
	} while (again(err));
}

uint8_t console_key(void)
{
	const struct console_read_in most = { .most = CONSOLE_TEXT_MAX };
	while (in_next >= in.bytes_count) {
		console_send();
		err_t err = console_read(console.endpoint, &most, &in);
		in_next = 0;
		if (err == E_OK)
			continue;
		in.bytes_count = 0;
		if (again(err))
			console_print("(the console was started again)\n> ");
		else
			must(err, "the console does not read");
	}
	return in.bytes[in_next++];
}

err_t console_open(void)
{
	err_t err = connect_again(&console, &how);
	if (err == E_OK)
		rt_log_set(log_line, NULL);
	return err;
}
