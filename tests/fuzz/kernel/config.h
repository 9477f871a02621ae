/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once
#include <abi/abi.h>

/* The number that QEMU was given under this name; `otherwise` if there is none. */
word_t config_number(const char *name, word_t otherwise);
