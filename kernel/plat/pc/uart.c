/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The console: the first serial port, 115200 baud, 8N1, polled. Without one, output goes nowhere. A
 * port that never becomes ready costs a bounded wait for each character, no more.
 *
 * The root task may drive the same port; the kernel sets nothing after booting.
 */
#include "arch.h"
#include "boot.h"

enum {
	COM1 = 0x3f8,
	UART_DATA = COM1,
	UART_INTERRUPTS = COM1 + 1,
	UART_FIFO = COM1 + 2,
	UART_LINE = COM1 + 3,
	UART_MODEM = COM1 + 4,
	UART_STATUS = COM1 + 5,
	UART_SCRATCH = COM1 + 7,
};

enum { LINE_8N1 = 0x03, LINE_DIVISOR = 0x80, FIFO_ENABLE_CLEAR = 0x07, MODEM_DTR_RTS_OUT2 = 0x0b };
enum { STATUS_TRANSMIT_EMPTY = 0x20, POLLS_MAX = 100000 };

static bool present;

BOOT_TEXT static bool scratch_holds(uint8_t value)
{
	outb(UART_SCRATCH, value);
	return inb(UART_SCRATCH) == value;
}

BOOT_TEXT void uart_init(void)
{
	present = scratch_holds(0x5a) && scratch_holds(0xa5);
	if (!present)
		return;
	outb(UART_INTERRUPTS, 0);
	outb(UART_LINE, LINE_DIVISOR);
	outb(UART_DATA, 1);
	outb(UART_INTERRUPTS, 0);
	outb(UART_LINE, LINE_8N1);
	outb(UART_FIFO, FIFO_ENABLE_CLEAR);
	outb(UART_MODEM, MODEM_DTR_RTS_OUT2);
}

static void uart_put(char c)
{
	unsigned polls = 0;
	while (!(inb(UART_STATUS) & STATUS_TRANSMIT_EMPTY) && ++polls < POLLS_MAX)
		;
	outb(UART_DATA, (uint8_t)c);
}

void plat_console_putc(char c)
{
	if (!present)
		return;
	if (c == '\n')
		uart_put('\r');
	uart_put(c);
}

void plat_halt(void)
{
	for (;;)
		__asm__ volatile("cli; hlt");
}
