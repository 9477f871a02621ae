/* SPDX-License-Identifier: BSD-2-Clause */
/* Lines in a piece of text, whatever bytes it has. Pure; tested on the host. */
#pragma once
#include <stdbool.h>
#include <stddef.h>

/* All 0 before the first one. */
struct text_line {
	size_t at, bytes, next;
};

/* The next line of text[0..bytes), without its end; empty ones as well. False: no more. */
bool text_next(const char *text, size_t bytes, struct text_line *line);

/* What is no printable character of ASCII becomes a question mark; ends of lines only if !lines. */
void text_clean(char *text, size_t bytes, bool lines);
