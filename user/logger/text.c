/* SPDX-License-Identifier: BSD-2-Clause */
/* See text.h. */
#include "text.h"

bool text_next(const char *text, size_t bytes, struct text_line *line)
{
	if (line->next >= bytes)
		return false;
	line->at = line->next;
	while (line->next < bytes && text[line->next] != '\n')
		line->next++;
	line->bytes = line->next - line->at;
	line->next++;
	return true;
}

void text_clean(char *text, size_t bytes, bool lines)
{
	for (size_t i = 0; i < bytes; i++)
		if ((text[i] < ' ' || text[i] > '~') && !(lines && text[i] == '\n'))
			text[i] = '?';
}
