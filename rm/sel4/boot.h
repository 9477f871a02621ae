/* SPDX-License-Identifier: BSD-2-Clause */
/* What the boot info says, summed up. The kernel's word is taken for it, its lengths are not. */
#pragma once
#include <abi/abi.h>

struct boot_summary {
	word_t ram_bytes, ram_untypeds;
	word_t device_untypeds;
	word_t slots, slots_free;
	uint32_t tsc_mhz;  /* 0 if not told */
	int acpi_revision; /* -1 without ACPI */
};

void boot_summarize(const struct abi_boot_info *info, struct boot_summary *summary);

/* The number of untypeds that are described; the kernel may have given more capabilities. */
word_t boot_untypeds(const struct abi_boot_info *info);

/* The smallest untyped of RAM that has at least 2^bits bytes; 0 if there is none. */
word_t boot_find_untyped(const struct abi_boot_info *info, word_t bits);
