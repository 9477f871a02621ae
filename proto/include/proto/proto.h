/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What all generated interfaces share: how a message is described, the request as a server sees it,
 * and dispatch. Pure C: it knows messages as words, not how they travel (rt/client.h does).
 *
 * A request has the label 64 + method number, a reply the label 0 (results follow) or the number
 * of a native error (nothing follows). Labels 0 to 10 of a reply are else the kernel's; 2 says
 * that the session was severed. The body of a message is a C structure in its natural layout, cut
 * into words; what is padding in it must be zero. Only the last field may vary in length, and then
 * the message is exactly as long as that field needs: each value has one encoding.
 *
 * States of a request: NEW -> ANSWERED, by proto_dispatch; or NEW -> PARKED -> ANSWERED, where the
 * handler of a method that `parks` returns E_PENDING and the interface's x_answer() follows.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <lib/assert.h>
#include <lib/err.h>
#include <lib/range.h>

enum {
	PROTO_LABEL_BASE = 64, /* label of method 0; also the first native error */
	PROTO_LABEL_SEVERED = 2,
	PROTO_WORDS_MAX = 120,
	PROTO_WORDS_FAST = 4, /* that travel in registers */
	PROTO_CAPS_MAX = 3,
	PROTO_FIXED = 0xffff,
};

/* Memory of a client, which the message only names; the server reaches it through a window. */
struct proto_bulk {
	uint64_t share; /* handle, not 0 */
	uint64_t offset;
	uint64_t length;
};

/* How a trace shows a field. Fields of structures are listed one by one. */
enum proto_kind {
	PROTO_UINT,
	PROTO_HEX,
	PROTO_BOOL,
	PROTO_ID,
	PROTO_ERR,
	PROTO_ENUM,
	PROTO_FLAGS,
	PROTO_TEXT, /* characters, none of them 0 */
};

struct proto_name {
	const char *name;
	uint64_t value;
};

struct proto_field {
	const char *name;
	uint16_t offset;       /* in the message, in bytes */
	uint16_t count;        /* elements; of a varying field the most */
	uint16_t stride;       /* from one element to the next */
	uint16_t count_offset; /* where a varying field's count is, a uint16_t; or PROTO_FIXED */
	uint16_t count_min;    /* of a varying field */
	uint8_t size;          /* of an element: 1, 2, 4, 8 */
	uint8_t kind;
	bool optional;                  /* PROTO_ID, PROTO_ERR: 0 is allowed as well */
	uint64_t low, high, step;       /* what is allowed; of PROTO_FLAGS, high is the mask */
	const struct proto_name *names; /* of PROTO_ENUM and PROTO_FLAGS, up to a null name */
};

/* [start, start + count * unit) must lie in [0, limit). */
struct proto_range {
	uint16_t start_offset, count_offset; /* in the message, in bytes */
	uint8_t start_size, count_size;
	uint64_t unit, limit;
};

enum proto_flags {
	PROTO_RESTARTABLE = 1, /* done twice is as done once: may be repeated after SERVER_DIED */
	PROTO_PRIVILEGED = 2,  /* the object must have been given with privilege */
	PROTO_PARKS = 4,       /* may be answered later */
	PROTO_CREATES = 8,     /* makes something new: a server that is sealed refuses it */
	PROTO_PLANNED = 16,    /* nobody answers it yet */
};

/* A message's length in words, both ends included, and what is in it. */
struct proto_shape {
	uint8_t words_min, words_max;
	uint8_t fields_count, ranges_count;
	const struct proto_field *fields;
	const struct proto_range *ranges;
};

struct proto_request;
typedef err_t proto_serve_fn(const void *ops, void *server, struct proto_request *request);

struct proto_method {
	const char *name;
	proto_serve_fn *serve; /* null: no method has this number */
	struct proto_shape in, out;
	uint8_t flags;
	uint8_t target;   /* kind of object that is invoked; 0: any */
	uint8_t caps_in;  /* capabilities that come with it */
	uint8_t caps_out; /* capabilities of the reply, 0 or 1 */
	uint8_t cap_kinds[PROTO_CAPS_MAX];
	uint64_t errors;          /* bit e - 64: may be returned */
	const char *cap_out_name; /* null: no capability */
};

struct proto_event {
	const char *name; /* null: no event has this number */
	struct proto_shape body;
	err_t (*serve)(const void *ops, void *client, const uint64_t *body, unsigned int length);
};

/* Methods and events are indexed by their numbers. */
struct proto_interface {
	const char *name;
	unsigned int version;
	unsigned int methods_count, events_count;
	const struct proto_method *methods;
	const struct proto_event *events;
};

enum proto_state { PROTO_NEW, PROTO_PARKED, PROTO_ANSWERED };

/*
 * One request. The receiver fills in the first part; words and reply may be the same memory, for
 * nothing is written to reply before the request was copied and checked. No ownership.
 */
struct proto_request {
	uint64_t label;
	unsigned int length; /* words */
	unsigned int caps;   /* capabilities that came */
	unsigned int unwrapped;
	uint64_t badge; /* of the capability that was invoked */
	uint64_t cap_badges[PROTO_CAPS_MAX];
	uint8_t target_kind; /* what the badge stands for, 0: no object */
	uint8_t cap_kinds[PROTO_CAPS_MAX];
	void *objects[1 + PROTO_CAPS_MAX]; /* what was invoked and what came: see X_ops */
	bool privileged;
	bool sealed; /* the server is: methods that create are refused */
	const uint64_t *words;
	uint64_t *reply; /* PROTO_WORDS_MAX words */

	/* The answer. */
	enum proto_state state;
	err_t error;
	unsigned int reply_length;
	uint64_t cap_out; /* the handler's: address of the capability that the reply carries */
};

/*
 * Errors that any method may return: those of the transport, and of a request that is refused
 * before a handler sees it: PROTOCOL (length, padding or number of capabilities), INVAL (a value
 * that the interface excludes, a capability of the wrong kind), PERM (privilege), UNSUPPORTED (no
 * such method), SEALED (the method creates, and the server is sealed), GONE (the object is no
 * more).
 */
#define PROTO_ERRORS_COMMON                                                                        \
	(PROTO_ERROR(E_SEVERED) | PROTO_ERROR(E_SERVER_DIED) | PROTO_ERROR(E_PROTOCOL) |           \
	 PROTO_ERROR(E_INVAL) | PROTO_ERROR(E_PERM) | PROTO_ERROR(E_UNSUPPORTED) |                 \
	 PROTO_ERROR(E_SEALED) | PROTO_ERROR(E_GONE))
#define PROTO_ERROR(error) ((uint64_t)1 << ((unsigned int)(error)-PROTO_LABEL_BASE))

static inline bool proto_zero(const void *bytes, size_t size)
{
	unsigned char seen = 0;
	for (size_t i = 0; i < size; i++)
		seen |= ((const unsigned char *)bytes)[i];
	return seen == 0;
}

/*
 * What generated code judges values with, in the x_check() of each message and structure. All is
 * inline and the bounds are constants there, so that what cannot be wrong costs nothing.
 */
#define PROTO_TRY(call)                                                                            \
	do {                                                                                       \
		err_t proto_try = (call);                                                          \
		if (proto_try != E_OK)                                                             \
			return proto_try;                                                          \
	} while (0)
#define proto_check_struct(name, value) name##_check(value)

static inline err_t proto_check_zero(const void *reserved, size_t size)
{
	if (!proto_zero(reserved, size))
		return E_PROTOCOL;
	return E_OK;
}

/* low is a multiple of step. */
static inline err_t proto_check_value(uint64_t value, uint64_t low, uint64_t high, uint64_t step,
                                      bool optional)
{
	if (optional && value == 0)
		return E_OK;
	if (value < low)
		return E_INVAL;
	if (value > high)
		return E_INVAL;
	if (value % step != 0)
		return E_INVAL;
	return E_OK;
}

static inline err_t proto_check_flags(uint64_t value, uint64_t mask)
{
	if (value & ~mask)
		return E_INVAL;
	return E_OK;
}

/* low, high: of the length. */
static inline err_t proto_check_bulk(const struct proto_bulk *bulk, uint64_t low, uint64_t high)
{
	if (bulk->share == 0)
		return E_INVAL;
	if (bulk->length < low)
		return E_INVAL;
	if (bulk->length > high)
		return E_INVAL;
	if (!range_ok(bulk->offset, bulk->length, UINT64_MAX))
		return E_INVAL;
	return E_OK;
}

/* count * unit is known not to wrap. */
static inline err_t proto_check_range(uint64_t start, uint64_t count, uint64_t unit, uint64_t limit)
{
	if (!range_ok(start, count * unit, limit))
		return E_INVAL;
	return E_OK;
}

/*
 * A message's encoder, which returns its length in words, and its decoder; each message has an
 * x_check() for the values. Of a message that varies, tail is the last field, up to most elements,
 * and least the fewest words; its bytes beyond the tail must be zero.
 */
#define PROTO_CODEC_FIXED(message)                                                                 \
	static inline unsigned int message##_encode(uint64_t *words, const struct message *from)   \
	{                                                                                          \
		__builtin_memcpy(words, from, sizeof(*from));                                      \
		return sizeof(*from) / sizeof(*words);                                             \
	}                                                                                          \
	static inline err_t message##_decode(struct message *to, const uint64_t *words,            \
	                                     unsigned int length)                                  \
	{                                                                                          \
		if (length != sizeof(*to) / sizeof(*words))                                        \
			return E_PROTOCOL;                                                         \
		__builtin_memcpy(to, words, sizeof(*to));                                          \
		return message##_check(to);                                                        \
	}
#define PROTO_CODEC_VARYING(message, tail, most, least)                                            \
	static inline size_t message##_size(const struct message *v)                               \
	{                                                                                          \
		return offsetof(struct message, tail) + v->tail##_count * sizeof(*v->tail);        \
	}                                                                                          \
	static inline unsigned int message##_encode(uint64_t *words, const struct message *from)   \
	{                                                                                          \
		assert(from->tail##_count <= (most));                                              \
		size_t size = message##_size(from), length = (size + 7) / 8;                       \
		words[length - 1] = 0;                                                             \
		__builtin_memcpy(words, from, size);                                               \
		return (unsigned int)length;                                                       \
	}                                                                                          \
	static inline err_t message##_decode(struct message *to, const uint64_t *words,            \
	                                     unsigned int length)                                  \
	{                                                                                          \
		if (length < (least) || length > sizeof(*to) / sizeof(*words))                     \
			return E_PROTOCOL;                                                         \
		__builtin_memcpy(to, words, length * sizeof(*words));                              \
		size_t size = message##_size(to);                                                  \
		if (length != (size + 7) / 8 ||                                                    \
		    !proto_zero((const char *)words + size, length * sizeof(*words) - size))       \
			return E_PROTOCOL;                                                         \
		return message##_check(to);                                                        \
	}

/*
 * A method's decoder, handler and encoder. takes: IN, or NO_IN if a request has no words; gives:
 * OUT, or NO_OUT if a reply has none; then what is passed to the handler.
 */
#define PROTO_SERVE(interface, method, takes, gives, ...)                                          \
	static err_t serve_##method(const void *ops, void *self, struct proto_request *request)    \
	{                                                                                          \
		const struct interface##_ops *handlers = ops;                                      \
		if (!handlers->method)                                                             \
			return E_UNSUPPORTED;                                                      \
		PROTO_DECODE_##takes(interface##_##method);                                        \
		PROTO_DECLARE_##gives(interface##_##method);                                       \
		err_t error = handlers->method(__VA_ARGS__);                                       \
		PROTO_ENCODE_##gives(interface##_##method, &out);                                  \
		return error;                                                                      \
	}
#define PROTO_DECODE_IN(method)                                                                    \
	struct method##_in in;                                                                     \
	PROTO_TRY(method##_in_decode(&in, request->words, request->length))
#define PROTO_DECLARE_OUT(method) struct method##_out out = { 0 }
#define PROTO_ENCODE_OUT(method, results)                                                          \
	do {                                                                                       \
		if (error == E_OK)                                                                 \
			request->reply_length = method##_out_encode(request->reply, results);      \
	} while (0)
#define PROTO_DECODE_NO_IN(method) (void)0
#define PROTO_DECLARE_NO_OUT(method) (void)0
#define PROTO_ENCODE_NO_OUT(method, results) (void)0

/* The late answer of a method that parks. */
#define PROTO_ANSWER_OUT(interface, method, caps_out)                                              \
	void interface##_##method##_answer(struct proto_request *request, err_t error,             \
	                                   const struct interface##_##method##_out *out)           \
	{                                                                                          \
		proto_answer(request, error, caps_out);                                            \
		PROTO_ENCODE_OUT(interface##_##method, out);                                       \
	}
#define PROTO_ANSWER_NO_OUT(interface, method, caps_out)                                           \
	void interface##_##method##_answer(struct proto_request *request, err_t error)             \
	{                                                                                          \
		proto_answer(request, error, caps_out);                                            \
	}

/* An event's decoder and dispatch, with a body and without. */
#define PROTO_SERVE_EVENT(interface, event)                                                        \
	static err_t serve_##event(const void *ops, void *client, const uint64_t *body,            \
	                           unsigned int length)                                            \
	{                                                                                          \
		const struct interface##_event_ops *handlers = ops;                                \
		struct interface##_##event##_event it;                                             \
		err_t err = interface##_##event##_event_decode(&it, body, length);                 \
		if (err == E_OK && handlers->event)                                                \
			handlers->event(client, &it);                                              \
		return err;                                                                        \
	}
#define PROTO_SERVE_SIGNAL(interface, event)                                                       \
	static err_t serve_##event(const void *ops, void *client, const uint64_t *body,            \
	                           unsigned int length)                                            \
	{                                                                                          \
		const struct interface##_event_ops *handlers = ops;                                \
		(void)body;                                                                        \
		if (length == 0 && handlers->event)                                                \
			handlers->event(client);                                                   \
		return length == 0 ? E_OK : E_PROTOCOL;                                            \
	}

/* Of the tables methods[] and events[], of which entry 0 is empty. */
#define PROTO_INTERFACE(interface, version)                                                        \
	const struct proto_interface interface##_interface = {                                     \
		#interface,                                                                        \
		version,                                                                           \
		sizeof(methods) / sizeof(*methods),                                                \
		sizeof(events) / sizeof(*events),                                                  \
		methods,                                                                           \
		events,                                                                            \
	}

/* The method of a request's label; null if there is none. */
const struct proto_method *proto_find_method(const struct proto_interface *interface,
                                             uint64_t label);

/* What is wrong with a request whose body was not looked at yet; E_OK if it may be decoded. */
err_t proto_check(const struct proto_interface *interface, const struct proto_request *request);

/*
 * Decodes a request, has it handled by ops (the interface's struct x_ops), and encodes the answer.
 * Afterwards the request is ANSWERED, or PARKED. True: ANSWERED, to be sent now.
 */
[[nodiscard]] bool proto_dispatch(const struct proto_interface *interface, const void *ops,
                                  void *server, struct proto_request *request);

/* For the generated x_answer(): ends the wait of a request that was PARKED. */
void proto_answer(struct proto_request *request, err_t error, unsigned int caps_out);

/* The label of an answered request's reply. */
static inline uint64_t proto_reply_label(const struct proto_request *request)
{
	return request->error == E_OK ? 0 : (uint64_t)request->error;
}

/*
 * An event is a record of words: label | length of the body << 32, then the body. It is handled by
 * ops (the interface's struct x_event_ops); an event without a handler there is passed over.
 */
err_t proto_event_dispatch(const struct proto_interface *interface, const void *ops, void *client,
                           const uint64_t *record, unsigned int length);
static inline uint64_t proto_event_header(unsigned int number, unsigned int length)
{
	return (PROTO_LABEL_BASE + number) | (uint64_t)length << 32;
}
