/* SPDX-License-Identifier: BSD-2-Clause */
/* See test/mem.h. */
#include <test/mem.h>

int strcmp(const char *a, const char *b)
{
	for (; *a && *a == *b; a++, b++)
		;
	return (unsigned char)*a - (unsigned char)*b;
}
