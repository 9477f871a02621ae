/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a server is asked and answers, as lines on the log; docs/trace.md explains them:
 *
 *   ~ TIME SERVER NUMBER KIND:ID | what     in microseconds; ID: of the client's session
 *   ~ TIME SERVER NUMBER - | -> answer      with the number of what it answers
 */
#include "internal.h"
#include <lib/format.h>
#include <proto/trace.h>
#include <rt/server.h>

enum { LINE_BYTES = RM_LINE_MAX + 1 };

/* A message that is to be shown. */
struct noted {
	bool is_there;
	uint64_t at_ns, label, id;
	uint32_t number;
	unsigned int length;
	uint64_t words[PROTO_WORDS_MAX];
};
static struct noted request, answer;
static uint64_t answered_label; /* of the answer's request */

static void note(struct noted *noted, const struct rt_request *r, uint64_t label,
                 unsigned int length)
{
	noted->is_there = true;
	noted->at_ns = rt_time_ns();
	noted->label = label;
	noted->number = r->number;
	noted->length = length < PROTO_WORDS_MAX ? length : PROTO_WORDS_MAX;
	for (unsigned int i = 0; i < noted->length; i++)
		noted->words[i] = sel4_ipc_buffer()->msg[i];
}

void rt_trace_request(struct rt_request *r)
{
	r->number = ++r->server->number;
	note(&request, r, r->proto.label, r->proto.length);
	request.id = r->client->session.raw;
}

void rt_trace_answer(const struct rt_request *r)
{
	answered_label = r->proto.label;
	note(&answer, r, proto_reply_label(&r->proto), r->proto.reply_length);
}

static size_t begin(char *line, const struct rt_server *s, const struct noted *noted)
{
	return format_buffer(line, LINE_BYTES, "~ %lu.%03lu %s %u ", noted->at_ns / 1000,
	                     noted->at_ns % 1000, s->service->name, noted->number);
}

static void show(char *line, size_t length)
{
	if (length >= LINE_BYTES) {
		length = LINE_BYTES - 1;
		__builtin_memcpy(line + length - 3, "...", 3);
	}
	rt_log_line(line, length);
}

void rt_trace_show(const struct rt_server *s)
{
	const struct proto_interface *interface = s->service->interface;
	char line[LINE_BYTES];
	size_t length;
	if (request.is_there) {
		request.is_there = false;
		length = begin(line, s, &request);
		length += format_buffer(line + length, LINE_BYTES - length, "client:%lx | ",
		                        request.id);
		length += proto_trace_request(interface, request.label, request.words,
		                              request.length, line + length, LINE_BYTES - length);
		show(line, length);
	}
	if (answer.is_there) {
		answer.is_there = false;
		length = begin(line, s, &answer);
		length += format_buffer(line + length, LINE_BYTES - length, "- | ");
		length += proto_trace_reply(interface, answered_label, answer.label, answer.words,
		                            answer.length, line + length, LINE_BYTES - length);
		show(line, length);
	}
}

/* TRACE=1 is in the program's environment. */
bool rt_trace_is_wanted(void)
{
	const char *is, *wanted;
	for (uint32_t i = 0; (is = rt_env(i)) != NULL; i++) {
		for (wanted = "TRACE=1"; *wanted && *is == *wanted; is++)
			wanted++;
		if (*is == *wanted)
			return true;
	}
	return false;
}
