/* SPDX-License-Identifier: BSD-2-Clause */
/* Strings that end with 0, as init and the manifest need them. Pure. */
#pragma once
#include <stdbool.h>
#include <stdint.h>

static inline bool text_equal(const char *a, const char *b)
{
	while (*a && *a == *b) {
		a++;
		b++;
	}
	return *a == *b;
}

/* The number, decimal or 0x..., that text begins with; returns what follows. NULL: there is none,
 * or it needs more than 64 bits. */
static inline const char *text_number(const char *text, uint64_t *value)
{
	uint64_t base = text[0] == '0' && text[1] == 'x' ? 16 : 10;
	const char *at = base == 16 ? text + 2 : text, *first = at;
	*value = 0;
	for (;; at++) {
		uint64_t digit = *at >= '0' && *at <= '9' ? (uint64_t)(*at - '0')
		                 : base == 16 && *at >= 'a' && *at <= 'f'
		                         ? (uint64_t)(*at - 'a') + 10
		                         : base;
		if (digit == base)
			return at > first ? at : NULL;
		if (*value > (UINT64_MAX - digit) / base)
			return NULL;
		*value = *value * base + digit;
	}
}
