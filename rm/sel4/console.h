/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The console on COM1. Output is polled; input comes by the UART's interrupt, and who waits for it
 * sleeps.
 */
#pragma once
#include <rt/sel4.h>

enum {
	CONSOLE_PORT_FIRST = 0x3f8,
	CONSOLE_PORT_LAST = 0x3ff,
	CONSOLE_IOAPIC_PIN = 4,
};

/* Output works from here on. */
void console_init(cptr_t ports);

/* Input works from here on: irq is the handler of the UART's interrupt, bound to notification. */
void console_init_input(cptr_t irq, cptr_t notification);

__attribute__((format(printf, 1, 2))) void console_print(const char *format, ...);

/* The next byte of input; waits for it. */
uint8_t console_read(void);
