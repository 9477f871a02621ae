/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * printf's language, as far as consoles and logs need it, into any sink.
 *
 *   %s %c %d %u %x %%, with l or z before d, u, x; a minimal width; - to pad on the right and 0 to
 *   pad with zeros. A directive not among these is written as it stands and takes no argument.
 */
#pragma once
#include <stdarg.h>
#include <stddef.h>

/* Takes one character; to is the caller's. */
typedef void format_put_fn(void *to, char c);

__attribute__((format(printf, 3, 0))) void format_va(format_put_fn *put, void *to,
                                                     const char *format, va_list args);

/* Into a buffer of size bytes, size > 0; always ends it with 0. Returns the whole length. */
__attribute__((format(printf, 3, 4))) size_t format_buffer(char *buffer, size_t size,
                                                           const char *format, ...);
