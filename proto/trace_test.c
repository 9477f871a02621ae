/* SPDX-License-Identifier: BSD-2-Clause */
/* Lines of the messages of test.idl, then garbage in messages that end where memory does. */
#include <proto/log.h>
#include <proto/rm.h>
#include <proto/test.h>
#include <proto/trace.h>
#include <unit_test.h>

enum { LINE = 1 << 16 };

static char line[LINE];

static void is(const char *expected)
{
	if (strcmp(line, expected) == 0)
		return;
	fprintf(stderr, "expected: %s\nwas:      %s\n", expected, line);
	exit(1);
}

static void request(unsigned int number, const uint64_t *words, unsigned int length,
                    const char *expected)
{
	size_t size = proto_trace_request(&test_interface, PROTO_LABEL_BASE + number, words, length,
	                                  line, sizeof(line));
	assert(size == strlen(line));
	is(expected);
}

static void reply(unsigned int number, uint64_t label, const uint64_t *words, unsigned int length,
                  const char *expected)
{
	size_t size = proto_trace_reply(&test_interface, PROTO_LABEL_BASE + number, label, words,
	                                length, line, sizeof(line));
	assert(size == strlen(line));
	is(expected);
}

static void event(const uint64_t *record, unsigned int length, const char *expected)
{
	size_t size = proto_trace_event(&test_interface, record, length, line, sizeof(line));
	assert(size == strlen(line));
	is(expected);
}

static void check_values(void)
{
	uint64_t words[PROTO_WORDS_MAX] = { 0 };
	request(TEST_METHOD_PING, NULL, 0, "ping");
	struct test_add_in add = { 1, UINT64_MAX };
	request(TEST_METHOD_ADD, words, test_add_in_encode(words, &add),
	        "add a=1 b=18446744073709551615");
	struct test_scalars_in scalars = { .a = 7, .b = 5, .d = 1, .e = TEST_LEVEL_HIGH };
	scalars.f = TEST_RIGHT_READ | TEST_RIGHT_BOTH_ENDS;
	scalars.g.raw = 0x1234;
	scalars.i = E_NOMEM;
	scalars.j = 0x3000;
	request(TEST_METHOD_SCALARS, words, test_scalars_in_encode(words, &scalars),
	        "scalars a=7 b=5 c=0 d=true e=HIGH f=READ|BOTH_ENDS g=0x1234 h=0x0 i=NOMEM "
	        "j=0x3000");
	scalars = (struct test_scalars_in){ .b = 4, .d = 2, .e = 6, .f = 0x8012, .i = 7, .j = 5 };
	request(TEST_METHOD_SCALARS, words, test_scalars_in_encode(words, &scalars),
	        "scalars a=0 b=0x4! c=0 d=0x2! e=0x6! f=WRITE|0x8010! g=0x0! h=0x0 i=0x7! j=0x5!");
	scalars = (struct test_scalars_in){ .b = 6, .e = TEST_LEVEL_LOW, .i = 127, .f = 0x10 };
	request(TEST_METHOD_SCALARS, words, test_scalars_in_encode(words, &scalars),
	        "scalars a=0 b=6 c=0 d=false e=LOW f=0x10 g=0x0! h=0x0 i=0x7f j=0x0!");
	struct test_copy_in copy = { { 3, 4096, 10 }, { 0, 0, 0 }, { 1, 2, 4096 } };
	request(TEST_METHOD_COPY, words, test_copy_in_encode(words, &copy),
	        "copy source.share=0x3 source.offset=0x1000 source.length=10 target.share=0x0! "
	        "target.offset=0x0 target.length=0x0! both.share=0x1 both.offset=0x2 "
	        "both.length=4096");
}

static void check_arrays(void)
{
	uint64_t words[PROTO_WORDS_MAX] = { 0 };
	struct test_say_in say = { .level = TEST_LEVEL_LOW, .line_count = 8 };
	memcpy(say.line, "hi\"\\\n\x7f~ ", 8);
	unsigned int length = test_say_in_encode(words, &say);
	request(TEST_METHOD_SAY, words, length, "say level=LOW line=\"hi\\x22\\x5c\\x0a\\x7f~ \"");
	request(TEST_METHOD_SAY, words, 1, "say level=LOW line=\"hi\\x22\\x5c\"...");
	request(TEST_METHOD_SAY, words, 0, "say level=... line=...");
	say.line_count = 0;
	request(TEST_METHOD_SAY, words, test_say_in_encode(words, &say),
	        "say level=LOW line=\"\"!0x0");
	struct test_spans_in spans = { .spans_count = 2, .spans[0] = { .first = 1, .count = 2 } };
	spans.spans[1] = (struct test_span){ .first = 3, .count = 10 };
	length = test_spans_in_encode(words, &spans);
	request(TEST_METHOD_SPANS, words, length, "spans spans.first=[1,3] spans.count=[2,0xa!]");
	request(TEST_METHOD_SPANS, words, length - 1,
	        "spans spans.first=[1,3] spans.count=[2,...]");
	words[0] = 0xffff;
	request(TEST_METHOD_SPANS, words, 3,
	        "spans spans.first=[1,...]!0xffff "
	        "spans.count=[2,...]!0xffff");
	struct test_shapes_in shapes = { .first = { .x = 1, .y = 12 }, .raw = { 5, 6, 7 } };
	length = test_shapes_in_encode(words, &shapes);
	request(TEST_METHOD_SHAPES, words, length,
	        "shapes first.x=1 first.y=12 first.z=0 second.corners.x=[0,0] "
	        "second.corners.y=[0x0!,0x0!] second.corners.z=[0,0] second.owner=0x0! "
	        "second.level=0x0! raw=[5,6,7] line.x=[0,0,0] line.y=[0x0!,0x0!,0x0!] "
	        "line.z=[0,0,0]");
}

static void check_labels(void)
{
	const uint64_t words[] = { 1, 2, 0xabc };
	request(TEST_METHOD_ADD, words, 3, "add a=1 b=2 +[0xabc]");
	request(TEST_METHOD_PING, words, 2, "ping +[0x1,0x2]");
	request(TEST_METHOD_LAST + 1, words, 2, "?0xff +[0x1,0x2]");
	request(0, NULL, 0, "?0x40");
	(void)proto_trace_request(&test_interface, UINT64_MAX, NULL, 0, line, sizeof(line));
	is("?0xffffffffffffffff");
	reply(TEST_METHOD_PING, 0, NULL, 0, "-> OK");
	reply(TEST_METHOD_ADD, 0, words, 1, "-> OK sum=1");
	reply(TEST_METHOD_CAPS, 0, words, 1, "-> OK made count=1");
	reply(TEST_METHOD_CAPS, 0, words, 0, "-> OK made count=...");
	reply(TEST_METHOD_ADD, E_RANGE, NULL, 0, "-> RANGE");
	reply(TEST_METHOD_ADD, E_INVAL, words, 1, "-> INVAL +[0x1]");
	reply(TEST_METHOD_ADD, PROTO_LABEL_SEVERED, NULL, 0, "-> SEVERED");
	reply(TEST_METHOD_ADD, E_NOMEM, NULL, 0, "-> NOMEM!"); /* add does not declare it */
	reply(TEST_METHOD_ADD, 1, NULL, 0, "-> 0x1!");
	reply(TEST_METHOD_ADD, 127, NULL, 0, "-> 0x7f!");
	reply(TEST_METHOD_ADD, 1 << 20, NULL, 0, "-> 0x100000!");
	reply(0, E_UNSUPPORTED, NULL, 0, "-> UNSUPPORTED");
	reply(0, 0, words, 1, "-> OK +[0x1]");
}

static void check_events(void)
{
	uint64_t record[1 + PROTO_WORDS_MAX] = { 0 };
	struct test_told_event told = { .thing = { 5 }, .start = 90, .count = 10, .said_count = 2 };
	memcpy(told.said, "ok", 2);
	unsigned int length = test_told_event_encode(record + 1, &told);
	record[0] = proto_event_header(TEST_EVENT_TOLD, length);
	event(record, length + 1, "told thing=0x5 start=90 count=10 said=\"ok\"");
	event(record, 3, "told thing=0x5 start=90 count=... said=... !0x4");
	event(record, 0, "?");
	record[0] = proto_event_header(TEST_EVENT_STARTED, 0);
	event(record, 1, "started");
	event(record, 2, "started +[0x5] !0x0");
	record[0] = 99;
	event(record, 1, "?0x63");
}

/* ---- garbage -------------------------------------------------------------------------------- */

static size_t trace(const struct proto_interface *interface, unsigned int what, uint64_t label,
                    const uint64_t *words, unsigned int length, char *out, size_t size)
{
	uint64_t end = label % 3 ? label >> 7 & 255 : 0;
	if (what == 0)
		return proto_trace_request(interface, label & 255, words, length, out, size);
	if (what == 1)
		return proto_trace_reply(interface, label & 255, end, words, length, out, size);
	return proto_trace_event(interface, words, length, out, size);
}

/* What is written is the whole line's beginning, ends with 0, and nothing else is touched. */
static void check_garbage(const struct proto_interface *interface)
{
	unsigned int what = test_random() % 3;
	unsigned int length = test_random() % (test_random() % 2 ? 8 : PROTO_WORDS_MAX + 2);
	uint64_t label = test_random();
	uint64_t *words = malloc(length * sizeof(*words) + !length);
	assert(words);
	for (unsigned int i = 0; i < length; i++)
		words[i] = test_random() >> test_random() % 64;
	if (what == 2 && length > 0 && label % 4)
		words[0] = proto_event_header(label >> 8 & 15, length - 1);
	size_t whole = trace(interface, what, label, words, length, line, sizeof(line));
	assert(whole < sizeof(line) && strlen(line) == whole);
	for (size_t i = 0; i < whole; i++)
		assert(line[i] >= ' ' && line[i] <= '~');
	size_t size = test_random() % (whole + 3);
	char *out = malloc(size + !size);
	assert(out);
	assert(trace(interface, what, label, words, length, out, size) == whole);
	if (size > 0) {
		size_t written = whole < size ? whole : size - 1;
		assert(memcmp(out, line, written) == 0 && out[written] == 0);
	}
	free(out);
	free(words);
}

int main(void)
{
	const struct proto_interface *interfaces[] = { &test_interface, &rm_interface,
		                                       &log_interface };
	check_values();
	check_arrays();
	check_labels();
	check_events();
	for (unsigned int i = 0; i < 60000; i++)
		check_garbage(interfaces[i % 3]);
	return 0;
}
