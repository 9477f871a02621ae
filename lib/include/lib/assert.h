/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Assertions: against our own mistakes, never against another's data. They stay in release builds.
 */
#pragma once

/* The program's: says what does not hold, and where, and ends the program. */
_Noreturn void assert_failed(const char *file, int line, const char *what);

#define assert(x) (__builtin_expect(!!(x), 1) ? (void)0 : assert_failed(__FILE__, __LINE__, #x))
