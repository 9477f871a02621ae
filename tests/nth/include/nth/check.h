/* SPDX-License-Identifier: BSD-2-Clause */
/* Checks of a test that has a check_failed(): what it does about one that fails is its own. */
#pragma once
#include <lib/err.h>

/* err: what came instead; E_OK: it is no error that was wrong. */
void check_failed(const char *file, int line, const char *what, err_t err);

/* A hundred failures of one check say no more than one. */
#define CHECK(x) ((x) ? (void)0 : check_failed(__FILE__, __LINE__, #x, E_OK))
#define CHECK_ERR(x, expected)                                                                     \
	do {                                                                                       \
		err_t check_err = (x);                                                             \
		if (check_err != (expected))                                                       \
			check_failed(__FILE__, __LINE__, #x " == " #expected, check_err);          \
	} while (0)
#define CHECK_OK(x) CHECK_ERR(x, E_OK)
