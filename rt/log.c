/* SPDX-License-Identifier: BSD-2-Clause */
/* Lines of a program for whoever reads them: see rt/program.h and rt_log_write() in rt/libc.h. */
#include "internal.h"
#include <lib/format.h>
#include <proto/rm_client.h>
#include <rt/thread.h>

static struct {
	struct rt_lock lock;
	size_t used;
	char line[RT_LOG_LINE_MAX];
	void (*out)(void *ctx, const char *line, size_t length);
	void *ctx;
} log;

void rt_log_line(const char *line, size_t length)
{
	struct rm_log_write_in in = { 0 };
	for (; length > 0 && in.line_count < RM_LINE_MAX; line++, length--)
		in.line[in.line_count++] = *line ? *line : '?';
	if (in.line_count == 0)
		in.line[in.line_count++] = ' ';
	(void)rm_log_write(RT_TASK, &in);
}

/* The lock is held. */
static void send(void)
{
	size_t length = log.used;
	log.used = 0;
	if (log.out)
		log.out(log.ctx, log.line, length);
	else
		rt_log_line(log.line, length);
}

void rt_log_write(const char *text, size_t length)
{
	rt_lock(&log.lock);
	for (; length > 0; text++, length--) {
		if (*text == '\n') {
			send();
			continue;
		}
		log.line[log.used++] = *text;
		if (log.used == sizeof(log.line))
			send();
	}
	rt_unlock(&log.lock);
}

void rt_log_flush(void)
{
	rt_lock(&log.lock);
	if (log.used > 0)
		send();
	rt_unlock(&log.lock);
}

void rt_log_set(void (*out)(void *ctx, const char *line, size_t length), void *ctx)
{
	rt_lock(&log.lock);
	log.out = out;
	log.ctx = ctx;
	rt_unlock(&log.lock);
}

static void put(void *to, char c)
{
	size_t *length = to;
	if (*length < sizeof(log.line))
		log.line[(*length)++] = c;
}

void rt_log(const char *format, ...)
{
	va_list args;
	rt_lock(&log.lock);
	if (log.used > 0)
		send();
	va_start(args, format);
	format_va(put, &log.used, format, args);
	va_end(args);
	send();
	rt_unlock(&log.lock);
}
