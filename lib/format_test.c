/* SPDX-License-Identifier: BSD-2-Clause */
/* format against the host's printf, and what it does with formats that printf would not take. */
#include <lib/format.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SAME(...)                                                                                  \
	do {                                                                                       \
		char ours[200], theirs[200];                                                       \
		int length = snprintf(theirs, sizeof(theirs), __VA_ARGS__);                        \
		size_t have = format_buffer(ours, sizeof(ours), __VA_ARGS__);                      \
		check(__LINE__, have == (size_t)length, ours, theirs);                             \
	} while (0)

static void check(int line, int same_length, const char *ours, const char *theirs)
{
	if (same_length && strcmp(ours, theirs) == 0)
		return;
	fprintf(stderr, "line %d: \"%s\", not \"%s\"\n", line, ours, theirs);
	exit(1);
}

/* A format that the compiler's check does not see. */
static void check_odd(int line, const char *format, const char *expected)
{
	char ours[100];
	const char *volatile hidden = format;
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-security"
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
	size_t length = format_buffer(ours, sizeof(ours), hidden);
#pragma GCC diagnostic pop
	check(line, length == strlen(expected), ours, expected);
}

static void check_truncation(void)
{
	char small[4] = "zzz";
	size_t length = format_buffer(small, sizeof(small), "%u", 123456u);
	check(__LINE__, length == 6, small, "123");
	length = format_buffer(small, 1, "%u", 123456u);
	check(__LINE__, length == 6, small, "");
}

int main(void)
{
	SAME("plain");
	SAME("%s and %c and %%", "text", 'c');
	SAME("%d %d %d %d", 0, -1, INT_MAX, INT_MIN);
	SAME("%ld %ld %ld", 0L, LONG_MAX, LONG_MIN);
	SAME("%u %u %x %x", 0u, UINT_MAX, 0u, UINT_MAX);
	SAME("%lu %lx %zu", ULONG_MAX, ULONG_MAX, (size_t)7);
	SAME("[%5u] [%-5u] [%05u]", 42u, 42u, 42u);
	SAME("[%5d] [%-5d] [%05d] [%1d]", -42, -42, -42, -42);
	SAME("[%8s] [%-8s] [%2s] [%5c]", "text", "text", "text", 'x');
	SAME("[%016lx] [%-16lx]", 0xabcdefUL, 0xabcdefUL);
	check_odd(__LINE__, "100%", "100%");
	check_odd(__LINE__, "%q %-05l!", "%q %-05l!");
	check_truncation();
	return 0;
}
