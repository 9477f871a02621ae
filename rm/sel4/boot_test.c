/* SPDX-License-Identifier: BSD-2-Clause */
/* The boot info, with records that are right, cut off, and nonsense. */
#include "boot.h"
#include <unit_test.h>

enum { EXTRA = 4096 };

/* Boot info with its extra records, in a block as long as it says, so that ASan sees its end. */
static struct abi_boot_info *info_new(size_t extra_len)
{
	struct abi_boot_info *info = calloc(1, EXTRA + extra_len);
	CHECK(info != NULL);
	info->extra_len = extra_len;
	info->init_cnode_size_bits = ABI_ROOT_CNODE_RADIX;
	info->empty = (struct abi_slot_region){ 100, 8192 };
	return info;
}

static void add_untyped(struct abi_boot_info *info, uint8_t bits, bool device)
{
	word_t i = info->untyped.end++ - info->untyped.start;
	info->untyped_list[i] = (struct abi_untyped_desc){ .size_bits = bits, .is_device = device };
}

static size_t add_record(struct abi_boot_info *info, size_t at, word_t id, word_t len)
{
	struct abi_boot_record record = { id, len };
	memcpy((char *)info + EXTRA + at, &record, sizeof(record));
	return at + sizeof(record);
}

static void check_untypeds(void)
{
	struct abi_boot_info *info = info_new(0);
	info->untyped = (struct abi_slot_region){ 50, 50 };
	add_untyped(info, 47, true);
	add_untyped(info, 4, true);
	add_untyped(info, 20, false);
	add_untyped(info, 5, false);
	add_untyped(info, 12, false);
	CHECK(boot_untypeds(info) == 5);
	CHECK(boot_find_untyped(info, 4) == 53);
	CHECK(boot_find_untyped(info, 6) == 54);
	CHECK(boot_find_untyped(info, 13) == 52);
	CHECK(boot_find_untyped(info, 21) == 0);
	info->untyped.end = info->untyped.start + 5000;
	CHECK(boot_untypeds(info) == ABI_BOOT_UNTYPEDS_MAX);
	free(info);
}

static void check_records(void)
{
	struct abi_boot_info *info = info_new(52 + 17 + 20);
	(void)add_record(info, 0, BOOT_RECORD_X86_ACPI_RSDP, 52);
	(void)add_record(info, 52, BOOT_RECORD_PADDING, 17);
	size_t at = add_record(info, 69, BOOT_RECORD_X86_TSC_FREQ, 20);
	memcpy((char *)info + EXTRA + at, &(uint32_t){ 2600 }, 4);
	CHECK(boot_tsc_mhz(info) == 2600);
	free(info);

	/* Without records, and with one that is cut off, has no length, or is too short. */
	static const struct {
		size_t extra_len;
		word_t len;
	} odd[] = { { 0, 0 }, { 16, 0 }, { 16, 15 }, { 16, 52 }, { 16, ~(word_t)0 }, { 16, 16 } };
	for (size_t i = 0; i < sizeof(odd) / sizeof(odd[0]); i++) {
		info = info_new(odd[i].extra_len);
		if (odd[i].extra_len)
			(void)add_record(info, 0, BOOT_RECORD_X86_TSC_FREQ, odd[i].len);
		CHECK(boot_tsc_mhz(info) == 0);
		free(info);
	}
}

int main(void)
{
	check_untypeds();
	check_records();
	return 0;
}
