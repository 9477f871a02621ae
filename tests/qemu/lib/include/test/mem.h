/* SPDX-License-Identifier: BSD-2-Clause */
/* The four functions that compilers take for granted, and strcmp. */
#pragma once
#include <stddef.h>

void *memcpy(void *restrict dest, const void *restrict src, size_t n);
void *memmove(void *dest, const void *src, size_t n);
void *memset(void *dest, int c, size_t n);
int memcmp(const void *a, const void *b, size_t n);
int strcmp(const char *a, const char *b);
