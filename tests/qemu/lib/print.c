/* SPDX-License-Identifier: BSD-2-Clause */
/* The console: COM1 by port capability; the debug-exit device. */
#include <lib/format.h>
#include <test/env.h>
#include <test/print.h>

enum {
	COM1 = 0x3f8,
	COM1_LINE_STATUS = COM1 + 5,
	COM1_TRANSMIT_EMPTY = 0x20,
	EXIT_PORT = 0xf4,
	EXIT_OK = 0x10,
	EXIT_FAILED = 0x11,
};

static cptr_t console_ports, exit_ports;

/* Failures are silent: there is nowhere to say it. */
void console_init(void)
{
	console_ports = slot_new();
	exit_ports = slot_new();
	console_restore();
}

void console_restore(void)
{
	(void)sel4_x86_io_port_control_issue(INIT_IO_PORT_CONTROL, COM1, COM1 + 7,
	                                     slot(console_ports));
	(void)sel4_x86_io_port_control_issue(INIT_IO_PORT_CONTROL, EXIT_PORT, EXIT_PORT + 3,
	                                     slot(exit_ports));
}

static void console_put_raw(char c)
{
	word_t status = 0;
	while (!sel4_x86_io_port_in8(console_ports, COM1_LINE_STATUS, &status) &&
	       !(status & COM1_TRANSMIT_EMPTY))
		;
	(void)sel4_x86_io_port_out8(console_ports, COM1, (unsigned char)c);
}

void console_put(char c)
{
	if (c == '\n')
		console_put_raw('\r');
	console_put_raw(c);
}

_Noreturn void machine_exit(bool ok)
{
	(void)sel4_x86_io_port_out8(exit_ports, EXIT_PORT, ok ? EXIT_OK : EXIT_FAILED);
	for (;;)
		(void)sel4_tcb_suspend(INIT_TCB);
}

static void put(void *unused, char c)
{
	(void)unused;
	console_put(c);
}

void print_args(const char *format, va_list args)
{
	format_va(put, NULL, format, args);
}

void print(const char *format, ...)
{
	va_list args;
	va_start(args, format);
	print_args(format, args);
	va_end(args);
}

void (*panic_hook)(void);

_Noreturn void panic(const char *format, ...)
{
	va_list args;
	va_start(args, format);
	print(panic_hook ? "# " : "\nBail out! ");
	print_args(format, args);
	print("\n");
	va_end(args);
	if (panic_hook)
		panic_hook();
	machine_exit(false);
}
