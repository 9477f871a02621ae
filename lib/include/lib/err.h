/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * err_t: how a native operation ended. A result that is ignored fails the build. The kernel's own
 * labels are abi's (enum abi_error, ERR_...); only posix knows errno.
 */
#pragma once

typedef enum [[nodiscard]] err{
#define ERR(name, nr, text) E_##name = nr,
#include <lib/err.def>
#undef ERR
} err_t;

/* For logs: the code's name, and what it means. Any number may be asked for; never NULL. */
const char *err_name(unsigned long err);
const char *err_text(unsigned long err);
