/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A screen that several clients write to, line by line, as a pure state machine: bytes of clients
 * come in, bytes for the device go out.
 *
 * Each client has one line that is not ended yet. One such line at most is on the screen (the
 * screen's `shown`), and the cursor is behind it. When another client ends a line, the shown one is
 * left, the other's line is shown on a row of its own, and then, by screen_settle(), the shown one
 * again. So a prompt with what was typed stays the last thing on the screen.
 *
 * A line begins with the client's name, if it has one. A line longer than SCREEN_LINE_MAX is
 * broken. Backspace takes back a character of the line. Other control characters are shown as `?`,
 * so that nobody steers the terminal.
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>

enum { SCREEN_LINE_MAX = 240, SCREEN_NAME_MAX = 31 };

/* All 0 at first. */
struct screen_line {
	uint16_t length;
	uint8_t name_length;
	char name[SCREEN_NAME_MAX];
	char text[SCREEN_LINE_MAX];
};

struct screen {
	void (*put)(void *ctx, char c); /* to the device */
	void *ctx;
	struct screen_line *shown; /* No ownership. NULL: the cursor is in an empty row */
	bool left;                 /* it was left for others, and is to be shown again */
};

/* put is called so often at most by one screen_write() and a screen_settle() behind it. */
enum { SCREEN_PUTS_MAX = 3 * (SCREEN_LINE_MAX + SCREEN_NAME_MAX + 2 + 2) };

/* One byte of a client. */
void screen_write(struct screen *screen, struct screen_line *line, uint8_t byte);

/* After any number of bytes: the shown line is on the screen again. */
void screen_settle(struct screen *screen);

/* The client is no more; what it had of a line stays on the screen. */
void screen_drop(struct screen *screen, struct screen_line *line);
