/* SPDX-License-Identifier: BSD-2-Clause */
#include <proto/fuzz.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MESSAGE_BYTES = PROTO_WORDS_MAX * 8 };

/* What is wrong with a message, as a set. */
enum { WRONG_SHAPE = 1, WRONG_VALUE = 2 };

static const char *current = "?";

#define MUST(x)                                                                                    \
	do {                                                                                       \
		if (!(x)) {                                                                        \
			fprintf(stderr, "%s:%d: %s: not so: %s\n", __FILE__, __LINE__, current,    \
			        #x);                                                               \
			abort();                                                                   \
		}                                                                                  \
	} while (0)

static uint64_t next_random(uint64_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return *state;
}

/* Often near an end of the range. */
static uint64_t random_between(uint64_t *state, uint64_t low, uint64_t high, uint64_t step)
{
	uint64_t steps = (high - low) / step;
	uint64_t which = next_random(state);
	if (which % 4 == 0)
		return low;
	if (which % 4 == 1)
		return low + steps * step;
	which = next_random(state) >> (which / 4 % 64);
	return low + (steps == UINT64_MAX ? which : which % (steps + 1)) * step;
}

static uint64_t load(const uint64_t *words, size_t offset, size_t size)
{
	uint64_t value = 0;
	memcpy(&value, (const char *)words + offset, size);
	return value;
}

static void store(uint64_t *words, size_t offset, size_t size, uint64_t value)
{
	memcpy((char *)words + offset, &value, size);
}

static const struct proto_shape *shape_of(const struct proto_fuzz *fuzz,
                                          const struct proto_codec *codec)
{
	switch ((enum proto_codec_kind)codec->kind) {
	case PROTO_FUZZ_IN:
		return &fuzz->interface->methods[codec->number].in;
	case PROTO_FUZZ_OUT:
		return &fuzz->interface->methods[codec->number].out;
	case PROTO_FUZZ_EVENT:
		break;
	}
	return &fuzz->interface->events[codec->number].body;
}

static bool value_ok(const struct proto_field *field, uint64_t value)
{
	if (field->kind == PROTO_FLAGS)
		return (value & ~field->high) == 0;
	if (field->optional && value == 0)
		return true;
	return value >= field->low && value <= field->high &&
	       (value - field->low) % field->step == 0;
}

static unsigned int wrong_values(const struct proto_shape *shape, const uint64_t *words)
{
	unsigned int wrong = 0;
	for (unsigned int i = 0; i < shape->fields_count; i++) {
		const struct proto_field *field = &shape->fields[i];
		uint64_t count = field->count;
		if (field->count_offset != PROTO_FIXED)
			count = load(words, field->count_offset, 2);
		for (uint64_t j = 0; j < count; j++)
			if (!value_ok(field,
			              load(words, field->offset + j * field->stride, field->size)))
				wrong |= WRONG_VALUE;
	}
	for (unsigned int i = 0; i < shape->ranges_count; i++) {
		const struct proto_range *range = &shape->ranges[i];
		__uint128_t end = load(words, range->count_offset, range->count_size);
		end = end * range->unit + load(words, range->start_offset, range->start_size);
		if (end > range->limit)
			wrong |= WRONG_VALUE;
	}
	return wrong;
}

/* Marks the bytes that belong to a field; returns how many bytes the message has. */
static size_t covered_bytes(const struct proto_shape *shape, const uint64_t *words,
                            bool covered[MESSAGE_BYTES])
{
	size_t size = 0;
	bool counted = false;
	memset(covered, 0, MESSAGE_BYTES);
	for (unsigned int i = 0; i < shape->fields_count; i++) {
		const struct proto_field *field = &shape->fields[i];
		size_t count = field->count;
		if (field->count_offset != PROTO_FIXED) {
			count = load(words, field->count_offset, 2);
			memset(covered + field->count_offset, 1, 2);
			if (!counted) /* the first of its fields starts the array */
				size = field->offset;
			counted = true;
		}
		for (size_t j = 0; j < count; j++) {
			size_t at = field->offset + j * field->stride;
			memset(covered + at, 1, field->size);
			if (size < at + field->size)
				size = at + field->size;
		}
	}
	return size;
}

/* Whether the count is within bounds and inside the message; if not, nothing else can be said. */
static bool counts_ok(const struct proto_shape *shape, const uint64_t *words, unsigned int length)
{
	for (unsigned int i = 0; i < shape->fields_count; i++) {
		const struct proto_field *field = &shape->fields[i];
		if (field->count_offset == PROTO_FIXED)
			continue;
		uint64_t count = load(words, field->count_offset, 2);
		if (count < field->count_min || count > field->count)
			return false;
		if (count && field->offset + (count - 1) * field->stride + field->size > length * 8)
			return false;
	}
	return true;
}

static unsigned int judge(const struct proto_shape *shape, const uint64_t *words,
                          unsigned int length)
{
	bool covered[MESSAGE_BYTES];
	if (length < shape->words_min || length > shape->words_max)
		return WRONG_SHAPE;
	if (!counts_ok(shape, words, length))
		return WRONG_SHAPE | WRONG_VALUE;
	unsigned int wrong = wrong_values(shape, words);
	/* A structure in an array that varies ends with its own padding: whole elements count. */
	size_t size = covered_bytes(shape, words, covered);
	if ((size + 7) / 8 != length)
		wrong |= WRONG_SHAPE;
	for (size_t i = 0; i < length * 8; i++)
		if (!covered[i] && load(words, i, 1) != 0)
			wrong |= WRONG_SHAPE;
	return wrong;
}

/* Decodes a copy that is exactly as long as it says, so that reading beyond it shows. */
static err_t decode(const struct proto_fuzz *fuzz, const struct proto_codec *codec,
                    const uint64_t *words, unsigned int length)
{
	const struct proto_shape *shape = shape_of(fuzz, codec);
	uint64_t again[PROTO_WORDS_MAX];
	unsigned int again_length = 0;
	uint64_t *copy = malloc(length * 8 + (length == 0));
	current = codec->name;
	MUST(copy);
	if (length)
		memcpy(copy, words, length * 8);
	memset(again, 0xee, sizeof(again));
	err_t err = codec->again(copy, length, again, &again_length);
	unsigned int wrong = judge(shape, copy, length);
	MUST(wrong || err == E_OK);
	MUST(!wrong || (wrong & WRONG_SHAPE && err == E_PROTOCOL) ||
	     (wrong & WRONG_VALUE && err == E_INVAL));
	if (err == E_OK) {
		MUST(again_length == length);
		MUST(memcmp(again, copy, length * 8) == 0);
	}
	free(copy);
	return err;
}

/* Bit i: the i-th capability is to be an object of the server's. */
static unsigned int own_caps(const struct proto_method *method)
{
	unsigned int own = 0;
	for (unsigned int i = 0; i < method->caps_in; i++)
		own |= (method->cap_kinds[i] != 0) << i;
	return own;
}

static void dispatch(const struct proto_fuzz *fuzz, struct proto_request *request,
                     const uint64_t *words)
{
	uint64_t reply[PROTO_WORDS_MAX];
	uint64_t *copy = malloc(request->length * 8 + (request->length == 0));
	MUST(copy);
	if (request->length)
		memcpy(copy, words, request->length * 8);
	request->words = copy;
	request->reply = reply;
	bool answered = proto_dispatch(fuzz->interface, fuzz->ops, NULL, request);
	const struct proto_method *method = NULL;
	if (request->label >= PROTO_LABEL_BASE &&
	    request->label - PROTO_LABEL_BASE < fuzz->interface->methods_count)
		method = &fuzz->interface->methods[request->label - PROTO_LABEL_BASE];
	if (!method || !method->serve)
		MUST(request->error == E_UNSUPPORTED);
	else if (request->error == E_OK || !answered)
		MUST(request->caps == method->caps_in &&
		     (request->unwrapped & own_caps(method)) == own_caps(method) &&
		     judge(&method->in, copy, request->length) == 0 &&
		     (request->privileged || !(method->flags & PROTO_PRIVILEGED)) &&
		     !(request->sealed && method->flags & PROTO_CREATES));
	MUST(request->state == (answered ? PROTO_ANSWERED : PROTO_PARKED));
	MUST(answered || (method && method->flags & PROTO_PARKS));
	if (request->error != E_OK)
		MUST(request->reply_length == 0);
	free(copy);
}

static unsigned int codecs_count(const struct proto_fuzz *fuzz)
{
	unsigned int count = 0;
	while (fuzz->codecs[count].name)
		count++;
	return count;
}

/* A request as the method wants it: its body is what is tried. */
static struct proto_request request_for(const struct proto_fuzz *fuzz, uint64_t label,
                                        unsigned int length)
{
	struct proto_request request = { .label = label, .length = length, .privileged = true };
	uint64_t number = label - PROTO_LABEL_BASE;
	if (label < PROTO_LABEL_BASE || number >= fuzz->interface->methods_count)
		return request;
	const struct proto_method *method = &fuzz->interface->methods[number];
	request.caps = method->caps_in;
	request.unwrapped = own_caps(method);
	request.target_kind = method->target;
	memcpy(request.cap_kinds, method->cap_kinds, sizeof(request.cap_kinds));
	return request;
}

err_t proto_fuzz_handle(const struct proto_interface *interface, struct proto_request *request)
{
	const struct proto_method *method = &interface->methods[request->label - PROTO_LABEL_BASE];
	request->cap_out = method->caps_out;
	return method->flags & PROTO_PARKS && request->badge & 1 ? E_PENDING : E_OK;
}

void proto_fuzz_input(const struct proto_fuzz *fuzz, const uint8_t *data, size_t size)
{
	uint64_t words[PROTO_WORDS_MAX] = { 0 };
	if (size < 4)
		return;
	unsigned int length = (unsigned int)((size - 4 + 7) / 8);
	if (length > PROTO_WORDS_MAX)
		return;
	memcpy(words, data + 4, size - 4);
	unsigned int codecs = codecs_count(fuzz);
	if (codecs)
		(void)decode(fuzz, &fuzz->codecs[data[0] % codecs], words, length);
	current = "dispatch";
	struct proto_request request = request_for(fuzz, data[1], length);
	request.badge = data[2];
	request.sealed = data[0] >> 7;
	if (data[3] & 1)
		request.caps = data[3] >> 1 & 3;
	if (data[3] & 8)
		request.unwrapped = data[3] >> 4 & 7;
	if (data[3] & 128)
		request.target_kind = data[2];
	dispatch(fuzz, &request, words);
}

static const struct proto_field *field_at(const struct proto_shape *shape, size_t offset)
{
	const struct proto_field *field = shape->fields;
	while (field->offset != offset)
		field++;
	return field;
}

/* Where values that are allowed one by one do not go together: the least start, a smaller count. */
static void mend_range(const struct proto_shape *shape, const struct proto_range *range,
                       uint64_t *words)
{
	uint64_t least = field_at(shape, range->count_offset)->low;
	uint64_t start = load(words, range->start_offset, range->start_size);
	uint64_t count = load(words, range->count_offset, range->count_size);
	while ((__uint128_t)count * range->unit + start > range->limit) {
		MUST(count > least || start != field_at(shape, range->start_offset)->low);
		start = field_at(shape, range->start_offset)->low;
		count = count / 2 > least ? count / 2 : least;
	}
	store(words, range->start_offset, range->start_size, start);
	store(words, range->count_offset, range->count_size, count);
}

/* A message that is valid, at random. */
static unsigned int make_valid(const struct proto_shape *shape, uint64_t *words, uint64_t *state)
{
	bool covered[MESSAGE_BYTES];
	bool counted = false;
	memset(words, 0, MESSAGE_BYTES);
	for (unsigned int i = 0; i < shape->fields_count; i++) {
		const struct proto_field *field = &shape->fields[i];
		uint64_t count = field->count;
		if (field->count_offset != PROTO_FIXED) {
			if (!counted) /* at most one array varies; its fields have one count */
				store(words, field->count_offset, 2,
				      random_between(state, field->count_min, field->count, 1));
			counted = true;
			count = load(words, field->count_offset, 2);
		}
		for (uint64_t j = 0; j < count; j++) {
			uint64_t value =
			        random_between(state, field->low, field->high, field->step);
			if (field->kind == PROTO_FLAGS)
				value = next_random(state) & field->high;
			if (field->optional && next_random(state) % 4 == 0)
				value = 0;
			store(words, field->offset + j * field->stride, field->size, value);
		}
	}
	for (unsigned int i = 0; i < shape->ranges_count; i++)
		mend_range(shape, &shape->ranges[i], words);
	return (unsigned int)((covered_bytes(shape, words, covered) + 7) / 8);
}

/* Counts out of bounds, in messages that are as long as these say, as far as there is room. */
static void break_count(const struct proto_fuzz *fuzz, const struct proto_codec *codec,
                        const uint64_t *good)
{
	const struct proto_shape *shape = shape_of(fuzz, codec);
	const struct proto_field *field = &shape->fields[shape->fields_count - 1];
	if (field->count_offset == PROTO_FIXED)
		return;
	const uint32_t counts[] = { 0, field->count_min - 1u, field->count + 1u, UINT16_MAX };
	while (field > shape->fields && field[-1].count_offset == field->count_offset)
		field--;
	for (unsigned int i = 0; i < sizeof(counts) / sizeof(*counts); i++) {
		uint64_t words[PROTO_WORDS_MAX];
		size_t size = field->offset + (size_t)(uint16_t)counts[i] * field->stride;
		if (size > MESSAGE_BYTES)
			size = MESSAGE_BYTES;
		memcpy(words, good, sizeof(words));
		memset((char *)words + size, 0, MESSAGE_BYTES - size);
		store(words, field->count_offset, 2, counts[i]);
		(void)decode(fuzz, codec, words, (unsigned int)((size + 7) / 8));
	}
}

/* Each byte that no field has, and each bound of each field, from a valid message. */
static void break_one(const struct proto_fuzz *fuzz, const struct proto_codec *codec,
                      const uint64_t *good, unsigned int length)
{
	const struct proto_shape *shape = shape_of(fuzz, codec);
	uint64_t words[PROTO_WORDS_MAX + 1];
	bool covered[MESSAGE_BYTES];
	(void)covered_bytes(shape, good, covered);
	for (size_t i = 0; i < length * 8; i++) {
		memcpy(words, good, MESSAGE_BYTES);
		store(words, i, 1, 0x80);
		err_t err = decode(fuzz, codec, words, length);
		MUST(covered[i] || err == E_PROTOCOL);
	}
	for (unsigned int i = 0; i < shape->fields_count; i++) {
		const struct proto_field *field = &shape->fields[i];
		const uint64_t tried[] = { 0,
			                   field->low - 1,
			                   field->low,
			                   field->low + 1,
			                   field->high,
			                   field->high + 1,
			                   field->high - field->step,
			                   UINT64_MAX };
		for (size_t j = 0; j < sizeof(tried) / sizeof(*tried); j++) {
			memcpy(words, good, MESSAGE_BYTES);
			store(words, field->offset, field->size, tried[j]);
			(void)decode(fuzz, codec, words, length);
			memcpy(words, good, MESSAGE_BYTES);
			if (field->count_offset != PROTO_FIXED)
				store(words, field->count_offset, 2, tried[j]);
			(void)decode(fuzz, codec, words, length);
		}
	}
	break_count(fuzz, codec, good);
	for (unsigned int i = 0; i <= PROTO_WORDS_MAX; i++)
		MUST((decode(fuzz, codec, good, i) == E_OK) == (i == length));
}

/* A server without handlers. */
static void no_handlers(const struct proto_fuzz *fuzz)
{
	uint64_t words[PROTO_WORDS_MAX] = { 0 };
	/* Of the kind that a table of handlers is, and longer. */
	void *ops = calloc(fuzz->interface->methods_count, sizeof(proto_serve_fn *));
	MUST(ops);
	const struct proto_fuzz without = { fuzz->interface, ops, fuzz->codecs };
	for (unsigned int i = 0; i < fuzz->interface->methods_count; i++) {
		const struct proto_method *method = &fuzz->interface->methods[i];
		struct proto_request request =
		        request_for(fuzz, PROTO_LABEL_BASE + i, method->in.words_min);
		current = method->name;
		dispatch(&without, &request, words);
		MUST(request.error == E_UNSUPPORTED);
	}
	free(ops);
}

void proto_fuzz_all(const struct proto_fuzz *fuzz, unsigned int rounds, uint64_t seed)
{
	no_handlers(fuzz);
	uint64_t words[PROTO_WORDS_MAX];
	uint64_t state = seed ? seed : 1;
	for (const struct proto_codec *codec = fuzz->codecs; codec->name; codec++) {
		const struct proto_shape *shape = shape_of(fuzz, codec);
		for (unsigned int round = 0; round < rounds; round++) {
			unsigned int length = make_valid(shape, words, &state);
			MUST(decode(fuzz, codec, words, length) == E_OK);
			if (codec->kind == PROTO_FUZZ_IN) {
				struct proto_request request =
				        request_for(fuzz, PROTO_LABEL_BASE + codec->number, length);
				request.badge = next_random(&state);
				dispatch(fuzz, &request, words);
				MUST(request.error == E_OK || request.error == E_PENDING);
			}
			if (round < 4)
				break_one(fuzz, codec, words, length);
			uint64_t bit = next_random(&state) % (length * 64);
			words[bit / 64] ^= (uint64_t)1 << bit % 64;
			(void)decode(fuzz, codec, words, length);
		}
	}
}
