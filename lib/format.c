/* SPDX-License-Identifier: BSD-2-Clause */
/* See lib/format.h. Numbers are at most 64 bits wide; nothing is allocated. */
#include <lib/format.h>
#include <stdbool.h>
#include <stdint.h>

/* What stands between % and the letter. */
struct directive {
	bool left, zeros, is_long;
	unsigned int width;
};

struct sink {
	format_put_fn *put;
	void *to;
};

static void put_repeated(const struct sink *sink, char c, size_t count)
{
	while (count-- > 0)
		sink->put(sink->to, c);
}

/* text[0..length), padded to the width; a sign stands before zeros, but after spaces. */
static void put_padded(const struct sink *sink, const struct directive *d, const char *sign,
                       const char *text, size_t length)
{
	size_t have = length + (*sign ? 1 : 0);
	size_t padding = d->width > have ? d->width - have : 0;
	bool zeros = d->zeros && !d->left;
	if (!d->left && !zeros)
		put_repeated(sink, ' ', padding);
	if (*sign)
		sink->put(sink->to, *sign);
	if (zeros)
		put_repeated(sink, '0', padding);
	for (size_t i = 0; i < length; i++)
		sink->put(sink->to, text[i]);
	if (d->left)
		put_repeated(sink, ' ', padding);
}

static void put_number(const struct sink *sink, const struct directive *d, const char *sign,
                       uint64_t value, unsigned int base)
{
	char digits[20]; /* 2^64 - 1 in decimal */
	size_t at = sizeof(digits);
	do
		digits[--at] = "0123456789abcdef"[value % base];
	while (value /= base);
	put_padded(sink, d, sign, digits + at, sizeof(digits) - at);
}

static void put_string(const struct sink *sink, struct directive *d, const char *text)
{
	size_t length = 0;
	while (text[length])
		length++;
	d->zeros = false;
	put_padded(sink, d, "", text, length);
}

static const char *parse_directive(const char *p, struct directive *d)
{
	*d = (struct directive){ 0 };
	for (; *p == '-' || *p == '0'; p++) {
		if (*p == '-')
			d->left = true;
		else
			d->zeros = true;
	}
	for (; *p >= '0' && *p <= '9'; p++)
		if (d->width < 1000) /* no one can want more, and it must not overflow */
			d->width = d->width * 10 + (unsigned int)(*p - '0');
	if (*p == 'l' || *p == 'z') {
		d->is_long = true;
		p++;
	}
	return p;
}

static void put_signed(const struct sink *sink, const struct directive *d, int64_t value)
{
	if (value < 0)
		put_number(sink, d, "-", -(uint64_t)value, 10);
	else
		put_number(sink, d, "", (uint64_t)value, 10);
}

void format_va(format_put_fn *put, void *to, const char *format, va_list args)
{
	struct sink sink = { put, to };
	struct directive d;
	for (const char *p = format; *p; p++) {
		if (*p != '%') {
			put(to, *p);
			continue;
		}
		const char *start = p;
		p = parse_directive(p + 1, &d);
		switch (*p) {
		case 's':
			put_string(&sink, &d, va_arg(args, const char *));
			break;
		case 'c':
			put_string(&sink, &d, (char[]){ (char)va_arg(args, int), 0 });
			break;
		case 'd':
			put_signed(&sink, &d, d.is_long ? va_arg(args, long) : va_arg(args, int));
			break;
		case 'u':
		case 'x':
			put_number(&sink, &d, "",
			           d.is_long ? va_arg(args, unsigned long)
			                     : va_arg(args, unsigned int),
			           *p == 'u' ? 10 : 16);
			break;
		case '%':
			put(to, '%');
			break;
		default:
			/* Not known: from the % on it is text. */
			put(to, '%');
			p = start;
			break;
		}
	}
}

struct buffer {
	char *bytes;
	size_t size, length;
};

static void put_in_buffer(void *to, char c)
{
	struct buffer *buffer = to;
	if (buffer->length + 1 < buffer->size)
		buffer->bytes[buffer->length] = c;
	buffer->length++;
}

size_t format_buffer(char *bytes, size_t size, const char *format, ...)
{
	struct buffer buffer = { bytes, size, 0 };
	va_list args;
	va_start(args, format);
	format_va(put_in_buffer, &buffer, format, args);
	va_end(args);
	bytes[buffer.length < size ? buffer.length : size - 1] = 0;
	return buffer.length;
}
