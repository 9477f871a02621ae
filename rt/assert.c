/* SPDX-License-Identifier: BSD-2-Clause */
/* A native program's own mistake: told to the log, and the end of the program. */
#include "internal.h"
#include <lib/assert.h>
#include <lib/format.h>

enum { STATUS_ASSERT = 134 };

_Noreturn void assert_failed(const char *file, int line, const char *what)
{
	char text[RT_LOG_LINE_MAX];
	size_t length = format_buffer(text, sizeof(text), "%s: %s:%d: does not hold: %s",
	                              rt_arg(0) ? rt_arg(0) : "program", file, line, what);
	rt_log_line(text, length < sizeof(text) ? length : sizeof(text) - 1);
	rt_exit(STATUS_ASSERT);
}
