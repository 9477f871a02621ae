/* SPDX-License-Identifier: BSD-2-Clause */
/* The line editor: what typing comes to, and that no bytes whatsoever break it. */
#include "line.h"
#include <unit_test.h>

/* The lines that input comes to, each in brackets; ! before one too long, . for the end. */
static const char *type(const char *input)
{
	static char out[1000];
	struct line line = { 0 };
	size_t rubout = 0;
	out[0] = 0;
	for (; *input; input++) {
		enum line_event event = line_take(&line, (uint8_t)*input, &rubout);
		CHECK(line_valid(&line));
		if (event != LINE_DONE && event != LINE_END)
			continue;
		size_t at = strlen(out);
		snprintf(out + at, sizeof(out) - at, "%s[%s]%s", line.too_long ? "!" : "",
		         line.text, event == LINE_END ? "." : "");
		line_clear(&line);
	}
	return out;
}

static void check_typing(const char *input, const char *expected)
{
	const char *have = type(input);
	if (strcmp(have, expected) == 0)
		return;
	fprintf(stderr, "\"%s\" came to %s, not %s\n", input, have, expected);
	exit(1);
}

static void check_long_line(void)
{
	char input[LINE_MAX + 3], expected[LINE_MAX + 4];
	memset(input, 'x', LINE_MAX);
	strcpy(input + LINE_MAX, "\n");
	snprintf(expected, sizeof(expected), "[%.*s]", LINE_MAX, input);
	check_typing(input, expected);
	strcpy(input + LINE_MAX, "x\n");
	snprintf(expected, sizeof(expected), "![%.*s]", LINE_MAX, input);
	check_typing(input, expected);
}

static void check_rubout(void)
{
	struct line line = { 0 };
	size_t rubout = 0;
	CHECK(line_take(&line, '\b', &rubout) == LINE_NOTHING);
	CHECK(line_take(&line, 'a', &rubout) == LINE_ECHO);
	CHECK(line_take(&line, 'b', &rubout) == LINE_ECHO);
	CHECK(line_take(&line, 0x7f, &rubout) == LINE_RUBOUT && rubout == 1);
	CHECK(line_take(&line, 'c', &rubout) == LINE_ECHO);
	CHECK(line_take(&line, 0x15, &rubout) == LINE_RUBOUT && rubout == 2);
	CHECK(line.length == 0);
}

/* A million bytes, mostly such as have a meaning. */
static void check_noise(void)
{
	static const char likely[] = "ab \r\n\b\x04\x15\x1b\x7f[O~";
	struct line line = { 0 };
	size_t rubout = 0;
	test_start(1);
	for (int i = 0; i < 1000000; i++) {
		uint32_t r = (uint32_t)(test_random() >> 32);
		uint8_t byte = r & 0x300 ? (uint8_t)likely[r % (sizeof(likely) - 1)] : (uint8_t)r;
		size_t before = line.length;
		enum line_event event = line_take(&line, byte, &rubout);
		CHECK(line_valid(&line));
		CHECK(event != LINE_RUBOUT || line.length + rubout == before);
		CHECK(event != LINE_ECHO || line.length == before + 1);
		if (event == LINE_DONE || event == LINE_END)
			line_clear(&line);
	}
}

int main(void)
{
	check_typing("help\n", "[help]");
	check_typing("a\rb\r\nc\n\nd\n", "[a][b][c][][d]");
	check_typing("hellp\bp\b\x7fp\r", "[help]");
	check_typing("\b\b\bx\n", "[x]");
	check_typing("wrong\x15right\n", "[right]");
	check_typing("\x04", "[].");
	check_typing("quit\x04", "[quit].");
	check_typing("a\x01\x02\x80\xff\tb\n", "[ab]");
	check_typing("a\x1b[Ab\x1b[1;5Cc\x1b[3~d\x1bOPe\x1bxf\n", "[abcdef]");
	check_typing("a\x1b[12\nb\n", "[a][b]");
	check_long_line();
	check_rubout();
	check_noise();
	return 0;
}
