/* SPDX-License-Identifier: BSD-2-Clause */
/* See proto/trace.h. */
#include <proto/trace.h>
#include <lib/format.h>

/* The line so far; length counts what did not fit as well. */
struct line {
	char *out;
	size_t size, length;
};

struct body {
	const unsigned char *bytes;
	size_t size;
	size_t end; /* of the last field seen */
};

static void put(void *to, char c)
{
	struct line *line = to;
	if (line->length + 1 < line->size)
		line->out[line->length] = c;
	line->length++;
}

__attribute__((format(printf, 2, 3))) static void add(struct line *line, const char *format, ...)
{
	va_list args;
	va_start(args, format);
	format_va(put, line, format, args);
	va_end(args);
}

static size_t finish(const struct line *line)
{
	if (line->size > 0)
		line->out[line->length < line->size ? line->length : line->size - 1] = 0;
	return line->length;
}

/* False if it is cut off. */
static bool load(struct body *body, size_t offset, size_t size, uint64_t *value)
{
	*value = 0;
	if (!range_ok(offset, size, body->size))
		return false;
	for (size_t i = 0; i < size; i++)
		*value |= (uint64_t)body->bytes[offset + i] << 8 * i;
	if (body->end < offset + size)
		body->end = offset + size;
	return true;
}

static void add_flags(struct line *line, const struct proto_field *field, uint64_t value)
{
	const char *between = "";
	uint64_t left = value;
	for (const struct proto_name *n = field->names; n && n->name; n++) {
		if ((value & n->value) != n->value)
			continue;
		add(line, "%s%s", between, n->name);
		left &= ~n->value;
		between = "|";
	}
	if (left || !value)
		add(line, "%s%s%lx%s", between, left ? "0x" : "", left,
		    left & ~field->high ? "!" : "");
}

static void add_named(struct line *line, const char *name, uint64_t value)
{
	if (name)
		add(line, "%s", name);
	else
		add(line, "0x%lx", value);
}

static const char *enum_name(const struct proto_field *field, uint64_t value)
{
	for (const struct proto_name *n = field->names; n && n->name; n++)
		if (n->value == value)
			return n->name;
	return NULL;
}

/* Null if there is no such error. */
static const char *known_error(uint64_t value)
{
	const char *name = err_name(value);
	return *name == '?' ? NULL : name;
}

static void add_value(struct line *line, const struct proto_field *field, uint64_t value)
{
	if (field->kind == PROTO_FLAGS) {
		add_flags(line, field, value);
		return;
	}
	if (proto_check_value(value, field->low, field->high, field->step, field->optional) !=
	    E_OK) {
		add(line, "0x%lx!", value);
		return;
	}
	switch (field->kind) {
	case PROTO_UINT:
		add(line, "%lu", value);
		break;
	case PROTO_BOOL:
		add(line, "%s", value ? "true" : "false");
		break;
	case PROTO_ERR:
		add_named(line, known_error(value), value);
		break;
	case PROTO_ENUM:
		add_named(line, enum_name(field, value), value);
		break;
	default:
		add(line, "0x%lx", value);
		break;
	}
}

/* A character of a text. */
static void add_character(struct line *line, unsigned char c)
{
	if (c < ' ' || c > '~' || c == '"' || c == '\\')
		add(line, "\\x%02x", c);
	else
		put(line, (char)c);
}

/* As many of its elements as there are. */
static void add_array(struct line *line, const struct proto_field *field, struct body *body,
                      uint64_t count)
{
	bool text = field->kind == PROTO_TEXT;
	uint64_t value = 0;
	bool cut = false;
	put(line, text ? '"' : '[');
	for (uint64_t i = 0; i < count && i < field->count && !cut; i++) {
		cut = !load(body, field->offset + i * field->stride, field->size, &value);
		if (i > 0 && !text)
			put(line, ',');
		if (text && !cut)
			add_character(line, (unsigned char)value);
		else if (!text && !cut)
			add_value(line, field, value);
		else if (!text)
			add(line, "...");
	}
	add(line, "%s", !text ? "]" : cut ? "\"..." : "\"");
}

static void add_field(struct line *line, const struct proto_field *field, struct body *body)
{
	uint64_t value = 0;
	uint64_t count = field->count;
	add(line, " %s=", field->name);
	if (field->count_offset != PROTO_FIXED) {
		if (!load(body, field->count_offset, 2, &count)) {
			add(line, "...");
			return;
		}
		add_array(line, field, body, count);
		if (count < field->count_min || count > field->count)
			add(line, "!0x%lx", count);
	} else if (field->stride != 0) {
		add_array(line, field, body, count);
	} else if (load(body, field->offset, field->size, &value)) {
		add_value(line, field, value);
	} else {
		add(line, "...");
	}
}

/* Whether a request may end with it; method: null if there is none. */
static bool may_end_with(const struct proto_method *method, uint64_t error)
{
	uint64_t errors = PROTO_ERRORS_COMMON | (method ? method->errors : 0);
	return error >= PROTO_LABEL_BASE && range_ok(error, 1, PROTO_LABEL_BASE + 64) &&
	       errors >> (error - PROTO_LABEL_BASE) & 1;
}

/* shape: null if nothing is known of the words. */
static void add_body(struct line *line, const struct proto_shape *shape, const uint64_t *words,
                     unsigned int length)
{
	struct body body = { (const unsigned char *)words, (size_t)length * sizeof(*words), 0 };
	for (unsigned int i = 0; shape && i < shape->fields_count; i++)
		add_field(line, &shape->fields[i], &body);
	size_t first = (body.end + sizeof(*words) - 1) / sizeof(*words);
	for (size_t i = first; i < length; i++)
		add(line, "%s0x%lx", i == first ? " +[" : ",", words[i]);
	if (first < length)
		put(line, ']');
}

size_t proto_trace_request(const struct proto_interface *interface, uint64_t label,
                           const uint64_t *words, unsigned int length, char *out, size_t size)
{
	struct line line = { out, size, 0 };
	const struct proto_method *method = proto_find_method(interface, label);
	if (method)
		add(&line, "%s", method->name);
	else
		add(&line, "?0x%lx", label);
	add_body(&line, method ? &method->in : NULL, words, length);
	return finish(&line);
}

size_t proto_trace_reply(const struct proto_interface *interface, uint64_t request_label,
                         uint64_t reply_label, const uint64_t *words, unsigned int length,
                         char *out, size_t size)
{
	struct line line = { out, size, 0 };
	const struct proto_method *method = proto_find_method(interface, request_label);
	const struct proto_shape *shape = NULL;
	uint64_t error = reply_label == PROTO_LABEL_SEVERED ? E_SEVERED : reply_label;
	add(&line, "-> ");
	add_named(&line, known_error(error), error);
	if (error == E_OK && method) {
		shape = &method->out;
		if (method->cap_out_name)
			add(&line, " %s", method->cap_out_name);
	} else if (error != E_OK && !may_end_with(method, error)) {
		put(&line, '!');
	}
	add_body(&line, shape, words, length);
	return finish(&line);
}

size_t proto_trace_event(const struct proto_interface *interface, const uint64_t *record,
                         unsigned int length, char *out, size_t size)
{
	struct line line = { out, size, 0 };
	uint64_t header = length > 0 ? record[0] : 0;
	uint64_t number = (uint32_t)header - (uint64_t)PROTO_LABEL_BASE;
	const struct proto_event *event = NULL;
	if (number < interface->events_count && interface->events[number].name)
		event = &interface->events[number];
	if (event)
		add(&line, "%s", event->name);
	else if (length > 0)
		add(&line, "?0x%x", (uint32_t)header);
	else
		add(&line, "?");
	add_body(&line, event ? &event->body : NULL, length > 0 ? record + 1 : record,
	         length > 0 ? length - 1 : 0);
	if (length > 0 && header >> 32 != length - 1)
		add(&line, " !0x%lx", header >> 32);
	return finish(&line);
}
