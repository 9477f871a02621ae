/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the host tests of the boot modules share: a panic that comes back to the test, output that
 * goes nowhere, random numbers, and an assertion that says where.
 */
#pragma once
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include "boot.h"

extern jmp_buf test_panicked;

/* True if the call panicked. */
#define PANICS(call) (setjmp(test_panicked) ? true : (call, false))

#define CHECK(x)                                                                                   \
	do {                                                                                       \
		if (!(x)) {                                                                        \
			fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #x);                    \
			exit(1);                                                                   \
		}                                                                                  \
	} while (0)

uint64_t test_random(void);
uint64_t test_random_below(uint64_t n);
