/* SPDX-License-Identifier: BSD-2-Clause */
/* See screen.h. */
#include "screen.h"
#include <stddef.h>

enum { BACKSPACE = 8, FIRST_PRINTABLE = 32, DELETE = 127 };

static void put_text(struct screen *screen, const char *text, uint32_t length)
{
	for (uint32_t i = 0; i < length; i++)
		screen->put(screen->ctx, text[i]);
}

static void put_line(struct screen *screen, const struct screen_line *line)
{
	if (line->name_length > 0) {
		put_text(screen, line->name, line->name_length);
		put_text(screen, ": ", 2);
	}
	put_text(screen, line->text, line->length);
}

static void put_end(struct screen *screen)
{
	put_text(screen, "\r\n", 2);
}

/* The line is at its end. */
static void end_line(struct screen *screen, struct screen_line *line)
{
	if (screen->shown == line) {
		if (screen->left)
			put_line(screen, line);
		screen->shown = NULL;
		screen->left = false;
	} else {
		if (screen->shown && !screen->left)
			put_end(screen);
		screen->left = screen->shown;
		put_line(screen, line);
	}
	put_end(screen);
	line->length = 0;
}

/* The last character of the line is to be seen, if the line is. */
static void show_last(struct screen *screen, struct screen_line *line)
{
	if (!screen->shown) {
		screen->shown = line;
		put_line(screen, line);
	} else if (screen->shown == line && !screen->left) {
		if (line->length == 1)
			put_line(screen, line);
		else
			screen->put(screen->ctx, line->text[line->length - 1]);
	}
}

static void take_back(struct screen *screen, struct screen_line *line)
{
	if (line->length == 0)
		return;
	line->length--;
	if (screen->shown == line && !screen->left)
		put_text(screen, "\b \b", 3);
}

void screen_write(struct screen *screen, struct screen_line *line, uint8_t byte)
{
	if (byte == '\n') {
		end_line(screen, line);
		return;
	}
	if (byte == BACKSPACE) {
		take_back(screen, line);
		return;
	}
	if (line->length == SCREEN_LINE_MAX)
		end_line(screen, line);
	bool plain = byte >= FIRST_PRINTABLE && byte != DELETE;
	line->text[line->length++] = plain ? (char)byte : '?';
	show_last(screen, line);
}

void screen_settle(struct screen *screen)
{
	if (screen->left)
		put_line(screen, screen->shown);
	screen->left = false;
}

void screen_drop(struct screen *screen, struct screen_line *line)
{
	if (screen->shown == line) {
		if (!screen->left)
			put_end(screen);
		screen->shown = NULL;
		screen->left = false;
	}
	line->length = 0;
}
