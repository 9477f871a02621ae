/* SPDX-License-Identifier: BSD-2-Clause */
/* What the boot info says. The kernel's word is taken for it, its lengths are not. */
#pragma once
#include <abi/abi.h>

/* Of the time stamp counter; 0 if not told. */
uint32_t boot_tsc_mhz(const struct abi_boot_info *info);

/* The number of untypeds that are described; the kernel may have given more capabilities. */
word_t boot_untypeds(const struct abi_boot_info *info);

/* The smallest untyped of RAM that has at least 2^bits bytes; 0 if there is none. */
word_t boot_find_untyped(const struct abi_boot_info *info, word_t bits);
