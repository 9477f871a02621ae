/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The trace (system_trace): a line for each request, each fault, and what they come to, at once or
 * later. docs/trace.md explains the lines, tools/trace shows them to a person:
 *
 *   ~ TIME SPENT rm NUMBER KIND:ID/TASK | what        microseconds; SPENT: by the trace so far
 *   ~ TIME SPENT rm NUMBER - | -> what it came to     with the number of what it answers
 *
 * Who is told by the capability that was used. What programs say of themselves is as it comes.
 */
#include "internal.h"
#include <lib/format.h>
#include <proto/trace.h>

static struct {
	uint64_t at_ns;
	size_t length;
	char text[4096];
} line;

static void put(void *unused, char c)
{
	(void)unused;
	if (line.length < sizeof(line.text) - 1)
		line.text[line.length++] = c;
}

__attribute__((format(printf, 1, 2))) static void add(const char *format, ...)
{
	va_list args;
	va_start(args, format);
	format_va(put, NULL, format, args);
	va_end(args);
}

static void begin(struct rm *rm, uint32_t number)
{
	line.at_ns = rm->ops->time_ns(rm->kernel);
	line.length = 0;
	add("~ %lu.%03lu %lu.%03lu rm %u ", line.at_ns / 1000, line.at_ns % 1000,
	    rm->trace_ns / 1000, rm->trace_ns % 1000, number);
}

static void end(struct rm *rm)
{
	line.text[line.length] = 0;
	rm->ops->trace(rm->kernel, line.text);
	rm->trace_ns += rm->ops->time_ns(rm->kernel) - line.at_ns;
}

/* What one of proto/trace.h has written there. */
static void added(size_t bytes)
{
	size_t room = sizeof(line.text) - line.length - 1;
	line.length += bytes < room ? bytes : room;
}
#define ADD(what, ...)                                                                             \
	added(proto_trace_##what(&rm_interface, __VA_ARGS__, line.text + line.length,              \
	                         sizeof(line.text) - line.length))

static void add_object(const struct rm *rm, const char *before, uint64_t badge)
{
	static const char *const kinds[] = { "gone",    "bank", "dataspace",   "pager",
		                             "vspace",  "task", "thread",      "system",
		                             "session", "root", "notification" };
	const struct object *object = object_find(rm, badge);
	bool pager = object && object->kind == KIND_DATASPACE && badge >> FACET_SHIFT & FACET_OTHER;
	add("%s%s:%lx", before,
	    kinds[pager    ? KIND_PAGER
	          : object ? object->kind
	                   : 0],
	    badge << 4 >> 4);
}

static void add_target(const struct rm *rm, uint64_t badge)
{
	const struct object *object = object_find(rm, badge);
	const struct task *task = NULL;
	add_object(rm, "", badge);
	if (object && object->kind == KIND_TASK)
		task = (const struct task *)object;
	else if (object && object->kind == KIND_THREAD)
		task = ((const struct thread *)object)->task;
	else if (object && object->kind == KIND_VSPACE &&
	         !list_is_empty(&((const struct vspace *)object)->tasks))
		task = container_of(list_first(&((const struct vspace *)object)->tasks),
		                    struct task, vspace_link);
	for (const char *c = task ? task->name : ""; *c; c++)
		add("%s%c", c == task->name ? "/" : "", *c > ' ' && *c <= '~' ? *c : '?');
	add(" | ");
}

static void tell_answer(struct rm *rm, uint32_t number, uint64_t label, uint64_t result,
                        const uint64_t *words, unsigned int length, slot_t cap)
{
	struct rm_event_next_out next;
	begin(rm, number);
	add("- | ");
	if (label == PROTO_LABEL_BASE + RM_METHOD_EVENT_NEXT && result == 0 &&
	    rm_event_next_out_decode(&next, words, length) == E_OK && next.record_count > 0) {
		add("-> OK left=%u event ", next.left);
		ADD(event, next.record, next.record_count);
	} else {
		ADD(reply, label, result, words, length);
	}
	if (cap == rm->scratch && rm->scratch_badge)
		add_object(rm, " &", rm->scratch_badge);
	end(rm);
}

bool trace_request(struct rm *rm, struct proto_request *request)
{
	uint32_t number = ++rm->trace_number;
	begin(rm, number);
	add_target(rm, request->badge);
	ADD(request, request->label, request->words, request->length);
	for (unsigned int i = 0; i < request->caps; i++)
		if (request->unwrapped >> i & 1)
			add_object(rm, " &", request->cap_badges[i]);
	end(rm);
	bool answered = request_handle(rm, request);
	if (answered)
		tell_answer(rm, number, request->label, proto_reply_label(request), request->reply,
		            request->reply_length, request->cap_out);
	return answered;
}

/* A request that was parked is answered. */
void trace_answer(struct rm *rm, const struct waiter *waiter, uint64_t result,
                  const uint64_t *words, unsigned int length, slot_t cap)
{
	if (rm->traced)
		tell_answer(rm, waiter->number, PROTO_LABEL_BASE + waiter->method, result, words,
		            length, cap);
}

/* What a thread's fault came to: RESUME, or else its end. */
void trace_fault_end(struct rm *rm, const struct thread *thread, uint64_t result)
{
	static const char *const names[] = { "the end",   "RESUME",   "WAIT",
		                             "NO_REGION", "NO_RIGHT", "LOST",
		                             "NO_MEMORY", "GONE",     "NOT_PINNED" };
	if (!rm->traced)
		return;
	begin(rm, thread->fault_number);
	add("- | -> %s", names[result]);
	end(rm);
}

enum rm_fault_answer trace_fault(struct rm *rm, uint64_t badge, uint64_t label,
                                 const uint64_t *words, unsigned int length)
{
	static const char *const names[] = { "none",  "capability", "system_call", "exception",
		                             "debug", "timeout",    "page" };
	static const char *const of_page[] = { "instruction=", "at=", "fetch=", "code=" };
	struct object *object = object_find(rm, badge);
	struct thread *thread =
	        object && object->kind == KIND_THREAD ? (struct thread *)object : NULL;
	begin(rm, ++rm->trace_number);
	add_target(rm, badge);
	add("fault %s", label <= FAULT_VM ? names[label] : "?");
	for (unsigned int i = 0; i < length; i++)
		add(" %s0x%lx", label == FAULT_VM && i < 4 ? of_page[i] : "", words[i]);
	end(rm);
	if (thread)
		thread->fault_number = rm->trace_number;
	enum rm_fault_answer answer = fault_handle(rm, badge, label, words, length);
	if (thread && answer == RM_FAULT_RESUME)
		trace_fault_end(rm, thread, RM_FAULT_RESULT_RESUME);
	return answer;
}
