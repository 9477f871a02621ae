/* SPDX-License-Identifier: BSD-2-Clause */
/* Memory functions: string instructions, short rather than fast. */
#include <test/mem.h>

void *memcpy(void *restrict dest, const void *restrict src, size_t n)
{
	void *to = dest;
	__asm__ volatile("rep movsb" : "+D"(to), "+S"(src), "+c"(n) : : "memory");
	return dest;
}

void *memmove(void *dest, const void *src, size_t n)
{
	char *to = dest;
	const char *from = src;
	if (to <= from)
		return memcpy(dest, src, n);
	while (n-- > 0)
		to[n] = from[n];
	return dest;
}

void *memset(void *dest, int c, size_t n)
{
	void *to = dest;
	__asm__ volatile("rep stosb" : "+D"(to), "+c"(n) : "a"(c) : "memory");
	return dest;
}

int memcmp(const void *a, const void *b, size_t n)
{
	const unsigned char *x = a, *y = b;
	for (; n > 0; n--, x++, y++)
		if (*x != *y)
			return *x - *y;
	return 0;
}

int strcmp(const char *a, const char *b)
{
	for (; *a && *a == *b; a++, b++)
		;
	return (unsigned char)*a - (unsigned char)*b;
}
