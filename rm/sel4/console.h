/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * rm's log on COM1: polled output. A driver may have the same ports (system/), and rm's lines
 * come in between its own.
 */
#pragma once
#include <rt/sel4.h>

enum {
	CONSOLE_PORT_FIRST = 0x3f8,
	CONSOLE_PORT_LAST = 0x3ff,
};

/* Output works from here on. */
void console_init(cptr_t ports);

__attribute__((format(printf, 1, 2))) void console_print(const char *format, ...);
