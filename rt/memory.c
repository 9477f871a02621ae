/* SPDX-License-Identifier: BSD-2-Clause */
/* See rt/memory.h. String instructions: 8 bytes at a time, then 1. */
#include <rt/memory.h>

void *memcpy(void *restrict to, const void *restrict from, size_t n)
{
	void *at = to;
	size_t words = n / 8, bytes = n % 8;
	__asm__ volatile("rep movsq" : "+D"(at), "+S"(from), "+c"(words) : : "memory");
	__asm__ volatile("rep movsb" : "+D"(at), "+S"(from), "+c"(bytes) : : "memory");
	return to;
}

void *memmove(void *to, const void *from, size_t n)
{
	if ((size_t)to - (size_t)from >= n) /* upwards is right unless to lies inside from[0..n) */
		return memcpy(to, from, n);
	volatile char *bytes_to = to; /* or the compiler makes this loop a call of memmove */
	const char *bytes_from = from;
	while (n-- > 0)
		bytes_to[n] = bytes_from[n];
	return to;
}

void *memset(void *to, int c, size_t n)
{
	void *at = to;
	size_t words = n / 8, bytes = n % 8;
	unsigned long pattern = 0x0101010101010101ul * (unsigned char)c;
	__asm__ volatile("rep stosq" : "+D"(at), "+c"(words) : "a"(pattern) : "memory");
	__asm__ volatile("rep stosb" : "+D"(at), "+c"(bytes) : "a"(pattern) : "memory");
	return to;
}

int memcmp(const void *a, const void *b, size_t n)
{
	const unsigned char *x = a, *y = b;
	for (size_t i = 0; i < n; i++)
		if (x[i] != y[i])
			return x[i] - y[i];
	return 0;
}
