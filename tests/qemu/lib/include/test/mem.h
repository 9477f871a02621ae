/* SPDX-License-Identifier: BSD-2-Clause */
/* The functions that compilers take for granted, and strcmp. */
#pragma once
#include <rt/memory.h>

int strcmp(const char *a, const char *b);
