/* SPDX-License-Identifier: BSD-2-Clause */
/* Runs the tests; TAP, by libc's own stdio. The exit status is 0 if none failed. */
#include "check.h"
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool failed;
static int arguments;

static const struct {
	const char *name;
	void (*run)(void);
} tests[] = {
#define TEST(name) { #name, test_##name },
#include "tests.def"
#undef TEST
};
enum { TESTS = sizeof(tests) / sizeof(tests[0]) };

void check(bool holds, const char *file, int line, const char *what)
{
	if (holds)
		return;
	failed = true;
	printf("# %s:%d: %s\n", file, line, what);
	fflush(stdout);
}

void check_print(const char *file, int line, const char *text, const char *format, ...)
{
	char got[512];
	va_list args;
	va_start(args, format);
	int length = vsnprintf(got, sizeof(got), format, args);
	va_end(args);
	if (length == (int)strlen(text) && strcmp(got, text) == 0)
		return;
	failed = true;
	printf("# %s:%d: %d, '%s' in place of '%s'\n", file, line, length, got, text);
	fflush(stdout);
}

static int constructed;
__attribute__((constructor)) static void construct(void)
{
	constructed = 7;
}

void test_start(void)
{
	CHECK(constructed == 7);
	CHECK(arguments == 1);
}

static int failures;

static void last_words(void)
{
	printf("# %d of %d failed\n", failures, TESTS);
}

int main(int argc, char **argv)
{
	arguments = argc;
	if (argc < 1 || argv[argc] || atexit(last_words) != 0)
		return 1;
	printf("1..%d\n", TESTS);
	for (int i = 0; i < TESTS; i++) {
		failed = false;
		fflush(stdout);
		tests[i].run();
		printf("%sok %d - %s\n", failed ? "not " : "", i + 1, tests[i].name);
		failures += failed;
	}
	return failures > 0;
}
