/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Text on the first serial port, through an I/O port capability, and the end of the machine
 * through QEMU's isa-debug-exit device at port 0xf4.
 */
#pragma once
#include <abi/abi.h>
#include <stdarg.h>

void console_init(void);
/* After all I/O port capabilities were revoked: the console's come back. */
void console_restore(void);
void console_put(char c);

/* The directives of lib/format.h. */
__attribute__((format(printf, 1, 2))) void print(const char *format, ...);
__attribute__((format(printf, 1, 0))) void print_args(const char *format, va_list args);

/* QEMU ends with status 33 (0x10 written: ok) or 35 (0x11: not ok). */
_Noreturn void machine_exit(bool ok);
/* The library cannot do what it was asked for. Ends the machine, or what panic_hook ends. */
_Noreturn __attribute__((format(printf, 1, 2))) void panic(const char *format, ...);
/* If set, called by panic after its message; the runner's ends the running test only. */
extern void (*panic_hook)(void);
