/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Text for people: kprintf, and panic_at, which ends everything. No state but the one that keeps a
 * panic within a panic from going on for ever.
 *
 * Format: %[0][width]{s,c,d,u,x,ld,lu,lx,p,%}. Numbers are padded on the left; strings are not.
 */
#include "arch.h"
#include "layout.h"
#include <stdarg.h>

extern const uint8_t rodata_start[], image_end[];

enum { TRACE_WORDS = 256, TRACE_LINES = 16 };

static void print_text(const char *text)
{
	while (*text)
		plat_console_putc(*text++);
}

static void print_number(uint64_t value, unsigned base, unsigned width, char pad, bool negative)
{
	char digits[24];
	unsigned n = 0;
	do {
		digits[n++] = "0123456789abcdef"[value % base];
		value /= base;
	} while (value);
	if (negative && pad == '0')
		plat_console_putc('-');
	for (unsigned shown = n + negative; shown < width; shown++)
		plat_console_putc(pad);
	if (negative && pad != '0')
		plat_console_putc('-');
	while (n > 0)
		plat_console_putc(digits[--n]);
}

struct spec {
	char conversion;
	char pad;
	bool wide;
	unsigned width;
};

/* Reads one conversion; `*format` is behind the '%' before, behind the conversion afterwards. */
static struct spec spec_read(const char **format)
{
	struct spec spec = { .pad = ' ' };
	const char *p = *format;
	if (*p == '0') {
		spec.pad = '0';
		p++;
	}
	for (; *p >= '0' && *p <= '9'; p++)
		spec.width = 10 * spec.width + (unsigned)(*p - '0');
	if (*p == 'l') {
		spec.wide = true;
		p++;
	}
	spec.conversion = *p;
	*format = *p ? p + 1 : p;
	return spec;
}

static void print_signed(const struct spec *spec, int64_t value)
{
	uint64_t magnitude = value < 0 ? -(uint64_t)value : (uint64_t)value;
	print_number(magnitude, 10, spec->width, spec->pad, value < 0);
}

static void vkprintf(const char *format, va_list args)
{
	while (*format) {
		if (*format != '%') {
			plat_console_putc(*format++);
			continue;
		}
		format++;
		struct spec spec = spec_read(&format);
		switch (spec.conversion) {
		case 's':
			print_text(va_arg(args, const char *));
			break;
		case 'c':
			plat_console_putc((char)va_arg(args, int));
			break;
		case 'd':
			print_signed(&spec, spec.wide ? va_arg(args, long) : va_arg(args, int));
			break;
		case 'u':
		case 'x':
			print_number(spec.wide ? va_arg(args, unsigned long)
			                       : va_arg(args, unsigned),
			             spec.conversion == 'u' ? 10 : 16, spec.width, spec.pad, false);
			break;
		case 'p':
			print_text("0x");
			print_number((uint64_t)va_arg(args, void *), 16, 16, '0', false);
			break;
		default:
			plat_console_putc(spec.conversion);
			break;
		}
	}
}

void kprintf(const char *format, ...)
{
	va_list args;
	va_start(args, format);
	vkprintf(format, args);
	va_end(args);
}

/* Shows what on the stack looks like a return address: there are no frame pointers to follow. */
static void print_trace(const uint64_t *stack)
{
	const uint64_t text = KERNEL_IMAGE + IMAGE_PADDR;
	const uint64_t *end = stack + TRACE_WORDS;
	unsigned lines = 0;
	if ((uint64_t)stack < text || (const uint8_t *)end > image_end)
		end = (const uint64_t *)ALIGN_UP((uint64_t)stack + 1, 12);
	print_text("trace:");
	for (; stack < end && lines < TRACE_LINES; stack++) {
		if (*stack >= text && *stack < (uint64_t)rodata_start) {
			kprintf(" %lx", *stack);
			lines++;
		}
	}
	print_text("\n");
}

void panic_at(const char *file, int line, const char *format, ...)
{
	static bool panicking;
	va_list args;
	if (panicking)
		plat_halt();
	panicking = true;
	kprintf("\npanic: %s:%d: ", file, line);
	va_start(args, format);
	vkprintf(format, args);
	va_end(args);
	print_text("\n");
	print_trace(__builtin_frame_address(0));
	plat_halt();
}
