/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * See console.h. A 16550 UART: PC16550D data sheet, section 8.
 *
 * If a port cannot be accessed, or the UART takes nothing for long, output is lost in silence:
 * there is nowhere to say it, and rm waits for nobody.
 */
#include "console.h"
#include <lib/format.h>
#include <rt/sel4_object.h>
#include <rt/sel4_x86.h>

enum {
	UART_DATA = CONSOLE_PORT_FIRST,
	UART_INTERRUPT_ENABLE = CONSOLE_PORT_FIRST + 1,
	UART_FIFO_CONTROL = CONSOLE_PORT_FIRST + 2,
	UART_LINE_CONTROL = CONSOLE_PORT_FIRST + 3,
	UART_MODEM_CONTROL = CONSOLE_PORT_FIRST + 4,
	UART_LINE_STATUS = CONSOLE_PORT_FIRST + 5,

	FIFO_ON = 0x01,
	FIFO_BYTES = 16,
	LINE_8N1 = 0x03,
	MODEM_DTR_RTS_OUT2 = 0x0b, /* OUT2 lets a driver's interrupt through */
	STATUS_TRANSMIT_EMPTY = 0x20,
	TRIES = 1000000,
};

static struct {
	cptr_t ports;
	unsigned int transmit_room; /* bytes that the FIFO surely takes */
} console;

static void write_register(word_t port, word_t value)
{
	(void)sel4_x86_io_port_out8(console.ports, port, value);
}

/* The line status, with everything ready where it cannot be read: nothing waits for ever then. */
static word_t read_status(void)
{
	word_t status = STATUS_TRANSMIT_EMPTY;
	(void)sel4_x86_io_port_in8(console.ports, UART_LINE_STATUS, &status);
	return status;
}

void console_init(cptr_t ports)
{
	console.ports = ports;
	write_register(UART_INTERRUPT_ENABLE, 0);
	write_register(UART_LINE_CONTROL, LINE_8N1);
	write_register(UART_FIFO_CONTROL, FIFO_ON);
	write_register(UART_MODEM_CONTROL, MODEM_DTR_RTS_OUT2);
}

static void put_byte(char c)
{
	if (console.transmit_room == 0) {
		unsigned int tries = 0;
		while (!(read_status() & STATUS_TRANSMIT_EMPTY) && tries < TRIES)
			tries++;
		console.transmit_room = FIFO_BYTES;
	}
	console.transmit_room--;
	write_register(UART_DATA, (unsigned char)c);
}

static void put_character(void *unused, char c)
{
	(void)unused;
	if (c == '\n')
		put_byte('\r');
	put_byte(c);
}

void console_print(const char *format, ...)
{
	va_list args;
	/* A driver may have filled the FIFO since. */
	console.transmit_room = 0;
	va_start(args, format);
	format_va(put_character, NULL, format, args);
	va_end(args);
}
