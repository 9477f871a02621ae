/* SPDX-License-Identifier: BSD-2-Clause */
#include "text.h"
#include <string.h>
#include <unit_test.h>

static unsigned int count(const char *text, size_t bytes)
{
	struct text_line line = { 0 };
	unsigned int lines = 0;
	size_t at = 0;
	for (; text_next(text, bytes, &line); lines++) {
		CHECK(line.at == at && line.at + line.bytes <= bytes);
		CHECK(!memchr(text + line.at, '\n', line.bytes));
		at = line.at + line.bytes + 1;
	}
	CHECK(at >= bytes);
	return lines;
}

int main(void)
{
	CHECK(count("", 0) == 0);
	CHECK(count("\n", 1) == 1);
	CHECK(count("a", 1) == 1);
	CHECK(count("a\nb", 3) == 2);
	CHECK(count("a\n\nb\n", 5) == 3);
	char text[] = "a\x01\n\xff z\x7f";
	text_clean(text, sizeof(text), true);
	CHECK(memcmp(text, "a?\n? z??", sizeof(text)) == 0);
	text_clean(text, sizeof(text), false);
	CHECK(memcmp(text, "a??? z??", sizeof(text)) == 0);
	return 0;
}
