/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * See boot.h. The extra records lie packed, without alignment, one page above the boot info: their
 * headers are copied out before they are read.
 */
#include "boot.h"

enum { EXTRA_OFFSET = 4096 };

word_t boot_untypeds(const struct abi_boot_info *info)
{
	word_t count = info->untyped.end - info->untyped.start;
	return count < ABI_BOOT_UNTYPEDS_MAX ? count : ABI_BOOT_UNTYPEDS_MAX;
}

word_t boot_find_untyped(const struct abi_boot_info *info, word_t bits)
{
	word_t best = 0;
	unsigned int best_bits = ABI_WORD_BITS;
	for (word_t i = 0; i < boot_untypeds(info); i++) {
		const struct abi_untyped_desc *u = &info->untyped_list[i];
		if (!u->is_device && u->size_bits >= bits && u->size_bits < best_bits) {
			best = info->untyped.start + i;
			best_bits = u->size_bits;
		}
	}
	return best;
}

static void copy(void *to, const uint8_t *from, size_t n)
{
	for (uint8_t *p = to; n-- > 0;)
		*p++ = *from++;
}

uint32_t boot_tsc_mhz(const struct abi_boot_info *info)
{
	const uint8_t *at = (const uint8_t *)info + EXTRA_OFFSET;
	size_t left = info->extra_len;
	struct abi_boot_record record;
	uint32_t mhz = 0;
	while (left >= sizeof(record)) {
		copy(&record, at, sizeof(record));
		if (record.len < sizeof(record) || record.len > left)
			break;
		if (record.id == BOOT_RECORD_X86_TSC_FREQ &&
		    record.len >= sizeof(record) + sizeof(mhz))
			copy(&mhz, at + sizeof(record), sizeof(mhz));
		at += record.len;
		left -= record.len;
	}
	return mhz;
}
