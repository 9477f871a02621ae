/* SPDX-License-Identifier: BSD-2-Clause */
/* The console: COM1 by port capability; numbers; the debug-exit device. */
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

struct spec {
	bool zero, left, is_long;
	unsigned int width;
};

static unsigned int pad(unsigned int have, unsigned int width, char c)
{
	for (; have < width; have++)
		console_put(c);
	return have;
}

static void put_text(const char *text, struct spec spec)
{
	unsigned int n = 0;
	while (text[n])
		n++;
	if (!spec.left)
		pad(n, spec.width, ' ');
	for (const char *p = text; *p; p++)
		console_put(*p);
	if (spec.left)
		pad(n, spec.width, ' ');
}

static void put_number(word_t value, unsigned int base, bool negative, struct spec spec)
{
	char digits[24];
	unsigned int n = 0;
	do
		digits[n++] = "0123456789abcdef"[value % base];
	while (value /= base);
	unsigned int have = n + negative;
	if (!spec.left && !spec.zero)
		have = pad(have, spec.width, ' ');
	if (negative)
		console_put('-');
	if (!spec.left && spec.zero)
		have = pad(have, spec.width, '0');
	while (n > 0)
		console_put(digits[--n]);
	if (spec.left)
		pad(have, spec.width, ' ');
}

static const char *parse_spec(const char *p, struct spec *spec)
{
	*spec = (struct spec){ 0 };
	for (;; p++) {
		if (*p == '-')
			spec->left = true;
		else if (*p == '0' && spec->width == 0)
			spec->zero = true;
		else if (*p >= '0' && *p <= '9')
			spec->width = spec->width * 10 + (unsigned int)(*p - '0');
		else if (*p == 'l' || *p == 'z')
			spec->is_long = true;
		else
			return p;
	}
}

void print_args(const char *format, va_list args)
{
	for (const char *p = format; *p; p++) {
		if (*p != '%') {
			console_put(*p);
			continue;
		}
		struct spec spec;
		p = parse_spec(p + 1, &spec);
		if (*p == 's') {
			put_text(va_arg(args, const char *), spec);
		} else if (*p == 'c') {
			console_put((char)va_arg(args, int));
		} else if (*p == 'd') {
			long value = spec.is_long ? va_arg(args, long) : va_arg(args, int);
			put_number(value < 0 ? 0 - (word_t)value : (word_t)value, 10, value < 0,
			           spec);
		} else if (*p == 'u' || *p == 'x') {
			word_t value =
			        spec.is_long ? va_arg(args, word_t) : va_arg(args, unsigned int);
			put_number(value, *p == 'x' ? 16 : 10, false, spec);
		} else if (*p == 'p') {
			put_number((word_t)va_arg(args, void *), 16, false, spec);
		} else if (*p == '%') {
			console_put('%');
		} else {
			return;
		}
	}
}

void print(const char *format, ...)
{
	va_list args;
	va_start(args, format);
	print_args(format, args);
	va_end(args);
}

_Noreturn void panic(const char *format, ...)
{
	va_list args;
	va_start(args, format);
	print("\nBail out! ");
	print_args(format, args);
	print("\n");
	va_end(args);
	machine_exit(false);
}
