/* SPDX-License-Identifier: BSD-2-Clause */
/* See lib/err.h. */
#include <lib/err.h>

const char *err_name(unsigned long err)
{
	switch (err) {
#define ERR(name, nr, text)                                                                        \
	case nr:                                                                                   \
		return #name;
#include <lib/err.def>
#undef ERR
	default:
		return "?";
	}
}

const char *err_text(unsigned long err)
{
	switch (err) {
#define ERR(name, nr, text)                                                                        \
	case nr:                                                                                   \
		return text;
#include <lib/err.def>
#undef ERR
	default:
		return "unknown error";
	}
}
