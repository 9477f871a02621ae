/* SPDX-License-Identifier: BSD-2-Clause */
/* Tests are functions of these files, listed in tests.def; a test fails where a CHECK does. */
#pragma once
#include <stdbool.h>

#define CHECK(x) check((x), __FILE__, __LINE__, #x)
/* What printf makes of format and arguments, and how many characters it says that are. */
#define CHECK_PRINT(text, ...) check_print(__FILE__, __LINE__, text, __VA_ARGS__)

void check(bool holds, const char *file, int line, const char *what);
__attribute__((format(printf, 4, 5))) void check_print(const char *file, int line, const char *text,
                                                       const char *format, ...);

#define TEST(name) void test_##name(void);
#include "tests.def"
#undef TEST
