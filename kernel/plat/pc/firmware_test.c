/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the boot loader and the firmware leave in memory: good tables are read right, and random
 * damage to them never makes the readers look outside the memory that there is (the sanitizer
 * watches), nor go on for ever.
 */
#include <string.h>
#include "boot_test.h"

enum { MEMORY = 1 << 20, ROUNDS = 2000, INFO = 0x9000, MODULE = 0x40000, MODULE_END = 0x40800 };
enum { MB1_MAGIC = 0x2badb002, MB2_MAGIC = 0x36d76289 };
enum {
	RSDP_AT = 0xf0040,
	RSDT_AT = 0x20000,
	MADT_AT = MEMORY - 76 /* up to the very end */,
	XSDT_AT = 0x22000,
};

static uint8_t *memory; /* physical memory, MEMORY bytes */

const void *window_ptr(paddr_t paddr, uint64_t size)
{
	return paddr > MEMORY || size > MEMORY - paddr ? NULL : memory + paddr;
}

static void put(paddr_t at, uint64_t value, unsigned bytes)
{
	memcpy(memory + at, &value, bytes);
}

static void put_text(paddr_t at, const char *text)
{
	while (*text)
		memory[at++] = (uint8_t)*text++;
}

static void start_over(void)
{
	memset(memory, 0, MEMORY);
	memset(&loader, 0, sizeof(loader));
	acpi_ioapic_count = 0;
}

/* ---- Boot loaders ---- */

static void make_mb1(void)
{
	static const uint64_t map[][3] = { { 0, 0x9fc00, 1 }, { 0x100000, 0x700000, 1 } };
	start_over();
	put(INFO, 1 << 3 | 1 << 6 | 1 << 11, 4);
	put(INFO + 20, 1, 4);
	put(INFO + 24, 0xa000, 4);
	put(0xa000, MODULE, 4);
	put(0xa004, MODULE_END, 4);
	put(INFO + 44, 48, 4);
	put(INFO + 48, 0xb000, 4);
	for (unsigned i = 0; i < 2; i++) {
		put(0xb000 + 24 * i, 20, 4);
		put(0xb004 + 24 * i, map[i][0], 8);
		put(0xb00c + 24 * i, map[i][1], 8);
		put(0xb014 + 24 * i, map[i][2], 4);
	}
	put(INFO + 72, 0xc000, 4);
	put(INFO + 76, 0xd000, 4);
	put(INFO + 80, 0x4118, 2);
	put_text(0xc000, "VESA");
}

static void check_loader(void)
{
	CHECK(loader.module.start == MODULE && loader.module.end == MODULE_END);
	CHECK(loader.memory_count == 2 && loader.memory[1].base == 0x100000);
	CHECK(loader.memory[1].length == 0x700000 && loader.memory[1].type == LOADER_RAM);
}

static void test_mb1(void)
{
	make_mb1();
	multiboot_read(MB1_MAGIC, INFO);
	check_loader();
	CHECK(loader.has_vbe && loader.vbe.mode == 0x4118 && loader.vbe.info[0] == 'V');
	CHECK(!loader.has_rsdp && !loader.has_framebuffer);
	make_mb1();
	put(INFO, 1 << 0 | 1 << 3, 4); /* no map, but an amount */
	put(INFO + 8, 0x1c00, 4);
	multiboot_read(MB1_MAGIC, INFO);
	CHECK(loader.memory_count == 1 && loader.memory[0].length == 0x700000);
	make_mb1();
	put(INFO + 44, 24 * (LOADER_MEMORY_MAX + 50), 4);
	for (unsigned i = 0; i < LOADER_MEMORY_MAX + 50; i++)
		put(0xb000 + 24 * i, 20, 4);
	multiboot_read(MB1_MAGIC, INFO);
	CHECK(loader.memory_count == LOADER_MEMORY_MAX);
	make_mb1();
	put(INFO + 20, 0, 4);
	CHECK(PANICS(multiboot_read(MB1_MAGIC, INFO)));
	make_mb1();
	CHECK(PANICS(multiboot_read(12345, INFO)));
}

static paddr_t put_tag(paddr_t at, unsigned type, unsigned size)
{
	put(at, type, 4);
	put(at + 4, size, 4);
	return at + ALIGN_UP(size, 3);
}

static paddr_t make_mb2(void)
{
	paddr_t at = INFO + 8;
	start_over();
	put(at + 8, MODULE, 4);
	put(at + 12, MODULE_END, 4);
	at = put_tag(at, 3, 21);
	put(at + 8, 24, 4);
	put(at + 16, 0, 8);
	put(at + 24, 0x9fc00, 8);
	put(at + 32, 1, 4);
	put(at + 40, 0x100000, 8);
	put(at + 48, 0x700000, 8);
	put(at + 56, 1, 4);
	at = put_tag(at, 6, 16 + 48);
	put(at + 8, 0xfd000000, 8);
	put(at + 16, 3200, 4);
	at = put_tag(at, 8, 38);
	put_text(at + 8, "RSD PTR ");
	at = put_tag(at, 15, 44);
	at = put_tag(at, 14, 28);
	at = put_tag(at, 0, 8);
	put(INFO, at - INFO, 4);
	return at;
}

static void test_mb2(void)
{
	make_mb2();
	multiboot_read(MB2_MAGIC, INFO);
	check_loader();
	CHECK(loader.has_framebuffer && loader.framebuffer.address == 0xfd000000);
	CHECK(loader.framebuffer.pitch == 3200);
	CHECK(loader.has_rsdp && loader.rsdp[0] == 'R'); /* the second version wins */
}

static void damage(paddr_t start, paddr_t end)
{
	for (uint64_t n = 1 + test_random_below(6); n > 0; n--)
		memory[start + test_random_below(end - start)] = (uint8_t)test_random();
}

static void damage_loader(void)
{
	make_mb1();
	damage(INFO, INFO + 88);
	damage(0xb000, 0xb030);
	(void)PANICS(multiboot_read(MB1_MAGIC, INFO));
	paddr_t end = make_mb2();
	damage(INFO, end);
	(void)PANICS(multiboot_read(MB2_MAGIC, INFO));
	(void)PANICS(multiboot_read(MB2_MAGIC, MEMORY - test_random_below(64)));
}

/* ---- ACPI ---- */

static void fix_sum(paddr_t table, unsigned length, unsigned sum_at)
{
	uint8_t sum = 0;
	memory[table + sum_at] = 0;
	for (unsigned i = 0; i < length; i++)
		sum += memory[table + i];
	memory[table + sum_at] = (uint8_t)-sum;
}

static void put_table(paddr_t at, const char *signature, unsigned length)
{
	put_text(at, signature);
	put(at + 4, length, 4);
	fix_sum(at, length, 9);
}

static void make_acpi(bool xsdt)
{
	start_over();
	put(MADT_AT + 44, 0x0800, 2); /* a processor */
	put(MADT_AT + 52, 0x0c01, 2); /* two I/O APICs */
	put(MADT_AT + 56, 0xfec00000, 4);
	put(MADT_AT + 64, 0x0c01, 2);
	put(MADT_AT + 68, 0xfec10000, 4);
	put_table(MADT_AT, "APIC", 76);
	put(RSDT_AT + 36, 0x12345678, 4); /* not there */
	put(RSDT_AT + 40, MADT_AT, 4);
	put_table(RSDT_AT, "RSDT", 44);
	put(XSDT_AT + 36, MADT_AT, 8);
	put_table(XSDT_AT, "XSDT", 44);
	put_text(RSDP_AT, "RSD PTR ");
	put(RSDP_AT + 15, xsdt ? 2 : 0, 1);
	put(RSDP_AT + 16, xsdt ? 0 : RSDT_AT, 4);
	put(RSDP_AT + 20, RSDP_SIZE, 4);
	put(RSDP_AT + 24, xsdt ? XSDT_AT : 0, 8);
	fix_sum(RSDP_AT, RSDP_V1_SIZE, 8);
	fix_sum(RSDP_AT, RSDP_SIZE, 32);
}

static void test_acpi(void)
{
	for (unsigned xsdt = 0; xsdt < 2; xsdt++) {
		make_acpi(xsdt);
		acpi_init();
		CHECK(acpi_ioapic_count == 2 && acpi_ioapics[0] == 0xfec00000);
		CHECK(acpi_ioapics[1] == 0xfec10000);
		CHECK(memcmp(loader.rsdp, memory + RSDP_AT, RSDP_SIZE) == 0);
	}
	make_acpi(false);
	memory[MADT_AT + 70]++; /* the checksum is wrong */
	CHECK(PANICS(acpi_init()));
	make_acpi(false);
	memory[RSDP_AT]++;
	CHECK(PANICS(acpi_init()));
	make_acpi(false);
	put_table(MADT_AT, "APIC", 52); /* no I/O APIC */
	CHECK(PANICS(acpi_init()));
	make_acpi(false);
	put(MADT_AT + 44, 0x1e00, 2); /* leads to an entry that the table's end cuts off */
	put(MADT_AT + 74, 0x0c01, 2);
	put_table(MADT_AT, "APIC", 76);
	CHECK(PANICS(acpi_init()));
	make_acpi(false);
	put_table(MADT_AT, "XPIC", 76);
	CHECK(PANICS(acpi_init()));
}

static void damage_acpi(bool xsdt)
{
	make_acpi(xsdt);
	damage(MADT_AT, MADT_AT + 76);
	fix_sum(MADT_AT, 76, 9);
	damage(RSDT_AT + 4, RSDT_AT + 44);
	fix_sum(RSDT_AT, 44, 9);
	damage(XSDT_AT + 4, XSDT_AT + 44);
	fix_sum(XSDT_AT, 44, 9);
	(void)PANICS(acpi_init());
}

int main(void)
{
	memory = malloc(MEMORY);
	test_mb1();
	test_mb2();
	test_acpi();
	for (unsigned round = 0; round < ROUNDS; round++) {
		damage_loader();
		damage_acpi(round & 1);
	}
	free(memory);
	return 0;
}
