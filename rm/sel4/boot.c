/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * See boot.h. The extra records lie packed, without alignment, one page above the boot info: their
 * headers are copied out before they are read.
 */
#include "boot.h"

enum {
	EXTRA_OFFSET = 4096,
	RSDP_REVISION = 15, /* offset; ACPI specification, section 5.2.5.3 */
};

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

static void read_record(struct boot_summary *summary, word_t id, const uint8_t *data, size_t size)
{
	if (id == BOOT_RECORD_X86_TSC_FREQ && size >= sizeof(summary->tsc_mhz))
		copy(&summary->tsc_mhz, data, sizeof(summary->tsc_mhz));
	if (id == BOOT_RECORD_X86_ACPI_RSDP && size > RSDP_REVISION)
		summary->acpi_revision = data[RSDP_REVISION];
}

static void read_records(struct boot_summary *summary, const uint8_t *at, size_t left)
{
	struct abi_boot_record record;
	while (left >= sizeof(record)) {
		copy(&record, at, sizeof(record));
		if (record.len < sizeof(record) || record.len > left)
			return;
		read_record(summary, record.id, at + sizeof(record), record.len - sizeof(record));
		at += record.len;
		left -= record.len;
	}
}

void boot_summarize(const struct abi_boot_info *info, struct boot_summary *summary)
{
	*summary = (struct boot_summary){ .acpi_revision = -1 };
	for (word_t i = 0; i < boot_untypeds(info); i++) {
		const struct abi_untyped_desc *u = &info->untyped_list[i];
		if (u->is_device) {
			summary->device_untypeds++;
		} else {
			summary->ram_untypeds++;
			summary->ram_bytes += (word_t)1 << u->size_bits;
		}
	}
	summary->slots = (word_t)1 << info->init_cnode_size_bits;
	summary->slots_free = info->empty.end - info->empty.start;
	read_records(summary, (const uint8_t *)info + EXTRA_OFFSET, info->extra_len);
}
