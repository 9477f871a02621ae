/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The shell's side of the console: text goes into a buffer, and from there to the console before
 * the shell waits for keys. A console that died is waited for and connected anew; what it had taken
 * and not shown is lost.
 */
#pragma once
#include <lib/err.h>
#include <stdint.h>

/* Connects; waits for the console. */
err_t console_open(void);

__attribute__((format(printf, 1, 2))) void console_print(const char *format, ...);

/* The next key; what was printed is shown first. Ends the program if there is no console any
 * more. */
uint8_t console_key(void);

/* All that was printed is the console's: what others print comes behind it. */
void console_send(void);

/* All that was printed is on its way out of the machine. */
void console_drain(void);
