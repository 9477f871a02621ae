/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A line editor, as a pure state machine: bytes go in, a line and what to echo come out.
 *
 * Return or newline ends a line, and CR LF is one end. Backspace and Delete take back a character,
 * Ctrl-U the line. Ctrl-D ends the input; what stands on the line is a last line then. Characters
 * beyond LINE_MAX are not taken, and the line is marked too long. Other control characters, bytes
 * outside of ASCII and escape sequences (arrow keys) are swallowed.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { LINE_MAX = 80 };

struct line {
	char text[LINE_MAX + 1]; /* always ends with 0 */
	size_t length;
	bool too_long;
	bool after_cr; /* a newline that follows belongs to the carriage return */
	enum { LINE_PLAIN, LINE_ESCAPE, LINE_SEQUENCE } state;
};

enum line_event {
	LINE_NOTHING,
	LINE_ECHO,   /* the byte was taken: echo it */
	LINE_RUBOUT, /* the last character went: remove count of them from the screen */
	LINE_DONE,   /* a line is there; line_clear before the next byte */
	LINE_END,    /* the input is over; the line may hold a last one */
};

/* Takes one byte. *rubout is the number of characters that went, for LINE_RUBOUT. */
enum line_event line_take(struct line *line, uint8_t byte, size_t *rubout);

/* Makes ready for the next line. */
void line_clear(struct line *line);

bool line_valid(const struct line *line);
