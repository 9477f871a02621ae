/* SPDX-License-Identifier: BSD-2-Clause */
/* See line.h. */
#include "line.h"

enum {
	CTRL_D = 0x04,
	BACKSPACE = 0x08,
	CTRL_U = 0x15,
	ESCAPE = 0x1b,
	DELETE = 0x7f,
};

bool line_valid(const struct line *line)
{
	if (line->length > LINE_MAX || line->text[line->length] != 0)
		return false;
	for (size_t i = 0; i < line->length; i++)
		if (line->text[i] < ' ' || line->text[i] >= DELETE)
			return false;
	return true;
}

void line_clear(struct line *line)
{
	line->length = 0;
	line->text[0] = 0;
	line->too_long = false;
}

static enum line_event take_back(struct line *line, size_t count, size_t *rubout)
{
	if (count > line->length)
		count = line->length;
	line->length -= count;
	line->text[line->length] = 0;
	*rubout = count;
	return count ? LINE_RUBOUT : LINE_NOTHING;
}

static enum line_event take_character(struct line *line, char c)
{
	if (line->length == LINE_MAX) {
		line->too_long = true;
		return LINE_NOTHING;
	}
	line->text[line->length++] = c;
	line->text[line->length] = 0;
	return LINE_ECHO;
}

/* The bytes of an escape sequence: ESC x, or ESC [ and ESC O up to a letter or ~. */
static enum line_event take_escaped(struct line *line, uint8_t byte)
{
	if (line->state == LINE_ESCAPE && (byte == '[' || byte == 'O'))
		line->state = LINE_SEQUENCE;
	else if (line->state == LINE_ESCAPE || byte < ' ' || byte >= '@')
		line->state = LINE_PLAIN;
	return LINE_NOTHING;
}

enum line_event line_take(struct line *line, uint8_t byte, size_t *rubout)
{
	bool after_cr = line->after_cr;
	line->after_cr = byte == '\r';
	switch (byte) {
	case '\n':
		if (after_cr)
			return LINE_NOTHING;
		[[fallthrough]];
	case '\r':
		line->state = LINE_PLAIN;
		return LINE_DONE;
	case CTRL_D:
		line->state = LINE_PLAIN;
		return LINE_END;
	case ESCAPE:
		line->state = LINE_ESCAPE;
		return LINE_NOTHING;
	default:
		break;
	}
	if (line->state != LINE_PLAIN)
		return take_escaped(line, byte);
	if (byte == BACKSPACE || byte == DELETE)
		return take_back(line, 1, rubout);
	if (byte == CTRL_U)
		return take_back(line, line->length, rubout);
	if (byte < ' ' || byte > DELETE)
		return LINE_NOTHING;
	return take_character(line, (char)byte);
}
