/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The screen: what clients' writing comes to, and for random writing, that no line is ever inside
 * another, none is lost, and no more bytes come out than is promised.
 */
#include "screen.h"
#include <unit_test.h>

enum { CLIENTS = 3, OUT_MAX = 1 << 20 };

static char out[OUT_MAX];
static size_t out_length;

static void put(void *ctx, char c)
{
	CHECK(ctx == out && out_length + 1 < OUT_MAX);
	out[out_length++] = c;
	out[out_length] = 0;
}

static struct screen screen;
static struct screen_line lines[CLIENTS];

static void start(void)
{
	screen = (struct screen){ .put = put, .ctx = out };
	memset(lines, 0, sizeof(lines));
	out_length = 0;
	out[0] = 0;
}

static void name(int client, const char *text)
{
	lines[client].name_length = (uint8_t)strlen(text);
	memcpy(lines[client].name, text, strlen(text));
}

static void write_text(int client, const char *text)
{
	for (; *text; text++)
		screen_write(&screen, &lines[client], (uint8_t)*text);
	screen_settle(&screen);
}

static void check(const char *expected)
{
	if (strcmp(out, expected) == 0)
		return;
	fprintf(stderr, "\"%s\", not \"%s\"\n", out, expected);
	exit(1);
}

static void check_writing(void)
{
	start();
	write_text(0, "> ");
	write_text(0, "he");
	check("> he");
	write_text(1, "one\ntwo\nthr");
	check("> he\r\none\r\ntwo\r\n> he");
	write_text(0, "\b\bx\n");
	check("> he\r\none\r\ntwo\r\n> he\b \b\b \bx\r\n");
	start();
	name(1, "disk");
	write_text(1, "a");
	write_text(1, "b");
	check("disk: ab");
	write_text(0, "c\n");
	check("disk: ab\r\nc\r\ndisk: ab");
	write_text(1, "\n");
	write_text(1, "\033[2J\t\n");
	check("disk: ab\r\nc\r\ndisk: ab\r\ndisk: ?[2J?\r\n");
	start();
	write_text(0, "\b\n\n> ");
	check("\r\n\r\n> ");
	screen_drop(&screen, &lines[0]);
	write_text(1, "x\n");
	check("\r\n\r\n> \r\nx\r\n");
	start();
	write_text(0, "0");
	write_text(1, "1");
	write_text(0, "\n");
	write_text(1, "2");
	check("0\r\n12");
}

/* Words of the client's own letter, so that a mixed line shows. */
static void check_random(void)
{
	size_t written[CLIENTS] = { 0 }, seen[CLIENTS] = { 0 };
	start();
	test_start(1);
	for (int i = 0; i < 20000; i++) {
		uint32_t r = (uint32_t)(test_random() >> 33);
		int client = (int)(r % CLIENTS);
		size_t before = out_length;
		bool ends = r >> 8 & 1;
		written[client] += !ends;
		screen_write(&screen, &lines[client], ends ? '\n' : (uint8_t)('a' + client));
		if (r >> 9 & 1)
			screen_settle(&screen);
		CHECK(out_length - before <= SCREEN_PUTS_MAX);
	}
	for (int i = 0; i < CLIENTS; i++)
		write_text(i, "\n");
	/* A row that another one, longer, begins with was left and is shown again later. */
	size_t most[CLIENTS] = { 0 };
	for (char *row = strtok(out, "\r\n"); row; row = strtok(NULL, "\r\n")) {
		for (const char *c = row; *c; c++)
			CHECK(*c == row[0]);
		CHECK(row[0] >= 'a' && row[0] < 'a' + CLIENTS);
		seen[row[0] - 'a'] += strlen(row);
		most[row[0] - 'a']++;
	}
	for (int i = 0; i < CLIENTS; i++)
		CHECK(seen[i] >= written[i] && most[i] > 0);
}

static void check_long(void)
{
	start();
	write_text(0, "> ");
	for (int i = 0; i < SCREEN_LINE_MAX + 3; i++)
		screen_write(&screen, &lines[1], 'x');
	write_text(1, "\n");
	const char *broken = strstr(out, "xxx\r\nxxx\r\n> ");
	CHECK(broken && strlen(out) == 4 + SCREEN_LINE_MAX + 2 + 3 + 2 + 2);
}

int main(void)
{
	check_writing();
	check_random();
	check_long();
	return 0;
}
