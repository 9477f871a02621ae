/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What may be done with pointers to client memory, and what may not: each line that is marked must
 * be refused by `make check`, and no other. Never linked.
 */
#include <rt/client_memory.h>

struct in_client {
	uint32_t length;
	char text[12];
};

int accesses(const struct client_window *window, char *mine);

static err_t in_window(void *at, void *arg)
{
	*(char *)arg = *(char *)at;
	return E_OK;
}

int accesses(const struct client_window *window, char *mine)
{
	struct in_client __client *there = (struct in_client __client *)client_at(window, 0, 16);
	char __client *bytes = window->at + 8;
	uint32_t length;
	size_t done;
	void *at;

	if (!there || client_read(mine, there, sizeof(*there), &done) != E_OK)
		return 1;
	if (client_load32(&there->length, &length) != E_OK)
		return 1;
	if (client_copy(there, bytes, 4, &done) != E_OK)
		return 1;
	if (window_begin(window, 0, 8, &at) == E_OK) {
		mine[0] = *(char *)at;
		if (window_end() != E_OK)
			return 1;
	}
	if (window_run(window, 0, 8, in_window, mine) != E_OK)
		return 1;

	mine[1] = *bytes;                               /* refused */
	mine[2] = bytes[2];                             /* refused */
	mine[3] = there->text[3];                       /* refused */
	there->length = 3;                              /* refused */
	*window->at = 'x';                              /* refused */
	__builtin_memcpy(mine, bytes, 4);               /* refused */
	__builtin_memcpy(there, mine, 4);               /* refused */
	char *plain = bytes;                            /* refused */
	const struct in_client *cast = (void *)there;   /* refused */
	char __client *client = mine;                   /* refused */
	if (client_read(bytes, mine, 4, &done) != E_OK) /* refused */
		return 1;
	return plain[0] + (int)cast->length + (client == NULL);
}
