/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The ACPI tables, as far as the kernel needs them: from the root pointer over the root table (XSDT
 * or RSDT) to the MADT, and in that the I/O APICs. The rest is the root task's: it gets the root
 * pointer in its boot info, and the tables as device memory.
 *
 * Firmware writes these tables; they are checked (place, length, checksum), and what is broken is a
 * panic that says so. ACPI specification 6.5, sections 5.2.5 to 5.2.12.
 */
#include "arch.h"
#include "boot.h"

struct rsdp {
	char signature[8];
	uint8_t checksum;
	char oem[6];
	uint8_t revision;
	uint32_t rsdt;
	/* revision 2 and later */
	uint32_t length;
	uint64_t xsdt;
	uint8_t extended_checksum, reserved[3];
} __attribute__((packed));
_Static_assert(sizeof(struct rsdp) == RSDP_SIZE, "rsdp");

struct table {
	char signature[4];
	uint32_t length; /* all of the table */
	uint8_t revision, checksum;
	char oem[6], oem_table[8];
	uint32_t oem_revision, creator, creator_revision;
} __attribute__((packed)); /* and at any address */
_Static_assert(sizeof(struct table) == 36, "table");

enum { MADT_HEADER = sizeof(struct table) + 8, MADT_LAPIC = 0, MADT_IOAPIC = 1, MADT_X2APIC = 9 };

struct madt_ioapic {
	uint8_t type, length, id, reserved;
	uint32_t address, interrupt_base;
};

enum {
	BIOS_EBDA_SEGMENT = 0x40e,
	BIOS_EBDA_SIZE = 1024,
	BIOS_START = 0xe0000,
	BIOS_END = 0x100000,
};
enum { TABLE_LENGTH_MAX = 1 << 20 };

unsigned acpi_ioapic_count;
paddr_t acpi_ioapics[ACPI_IOAPICS_MAX];

static bool sum_is_zero(const uint8_t *bytes, uint32_t length)
{
	uint8_t sum = 0;
	for (uint32_t i = 0; i < length; i++)
		sum += bytes[i];
	return sum == 0;
}

static bool rsdp_scan(paddr_t start, paddr_t end)
{
	const uint8_t *bytes = window_ptr(start, end - start);
	for (uint64_t at = 0; bytes && at + RSDP_SIZE <= end - start; at += 16) {
		if (memcmp(bytes + at, "RSD PTR ", 8) != 0 ||
		    !sum_is_zero(bytes + at, RSDP_V1_SIZE))
			continue;
		memcpy(loader.rsdp, bytes + at, RSDP_SIZE);
		loader.has_rsdp = true;
		return true;
	}
	return false;
}

static void rsdp_find(void)
{
	uint16_t segment = 0;
	const void *from = window_ptr(BIOS_EBDA_SEGMENT, sizeof(segment));
	if (loader.has_rsdp)
		return;
	if (from)
		memcpy(&segment, from, sizeof(segment));
	paddr_t ebda = (paddr_t)segment << 4;
	if (ebda >= 0x80000 && ebda < 0xa0000 && rsdp_scan(ebda, ebda + BIOS_EBDA_SIZE))
		return;
	if (!rsdp_scan(BIOS_START, BIOS_END))
		panic("ACPI: no root pointer found");
}

/* A whole table that lies where it can be read and has the right sum; null otherwise. */
static const struct table *table_at(paddr_t paddr, const char *what)
{
	const struct table *table = window_ptr(paddr, sizeof(*table));
	if (paddr == 0 || !table) {
		kprintf("ACPI: %s at 0x%lx, where it cannot be\n", what, paddr);
		return NULL;
	}
	uint32_t length = table->length;
	if (length < sizeof(*table) || length > TABLE_LENGTH_MAX || !window_ptr(paddr, length)) {
		kprintf("ACPI: %s at 0x%lx has a length of %u\n", what, paddr, length);
		return NULL;
	}
	if (!sum_is_zero((const uint8_t *)table, length)) {
		kprintf("ACPI: %s at 0x%lx has a wrong checksum\n", what, paddr);
		return NULL;
	}
	return table;
}

/* The MADT among a root table's entries, each `entry_size` bytes. */
static const struct table *madt_find(const struct table *root, unsigned entry_size)
{
	const uint8_t *entries = (const uint8_t *)(root + 1);
	uint32_t count = (root->length - (uint32_t)sizeof(*root)) / entry_size;
	for (uint32_t i = 0; i < count; i++) {
		paddr_t paddr = 0;
		memcpy(&paddr, entries + i * entry_size, entry_size);
		const struct table *table = window_ptr(paddr, sizeof(*table));
		if (table && memcmp(table->signature, "APIC", 4) == 0)
			return table_at(paddr, "MADT");
	}
	return NULL;
}

static const struct table *root_find_madt(void)
{
	struct rsdp rsdp;
	const struct table *root = NULL, *madt = NULL;
	memcpy(&rsdp, loader.rsdp, sizeof(rsdp));
	if (!sum_is_zero(loader.rsdp, RSDP_V1_SIZE))
		panic("ACPI: the root pointer has a wrong checksum");
	if (rsdp.revision >= 2 && rsdp.xsdt != 0 && sum_is_zero(loader.rsdp, RSDP_SIZE))
		root = table_at(rsdp.xsdt, "XSDT");
	if (root)
		madt = madt_find(root, sizeof(uint64_t));
	if (!madt) {
		root = table_at(rsdp.rsdt, "RSDT");
		if (root)
			madt = madt_find(root, sizeof(uint32_t));
	}
	if (!madt)
		panic("ACPI: no MADT found: the interrupt controllers are unknown");
	return madt;
}

static void ioapic_add(const uint8_t *entry, unsigned length)
{
	struct madt_ioapic ioapic;
	if (length < sizeof(ioapic)) {
		kprintf("ACPI: MADT: I/O APIC entry of %u bytes\n", length);
		return;
	}
	memcpy(&ioapic, entry, sizeof(ioapic));
	if (acpi_ioapic_count == ACPI_IOAPICS_MAX) {
		kprintf("ACPI: more than %u I/O APICs\n", ACPI_IOAPICS_MAX);
		return;
	}
	acpi_ioapics[acpi_ioapic_count++] = ioapic.address;
}

void acpi_init(void)
{
	unsigned processors = 0;
	rsdp_find();
	const struct table *madt = root_find_madt();
	const uint8_t *bytes = (const uint8_t *)madt;
	for (uint32_t at = MADT_HEADER; at < madt->length && madt->length - at >= 2;) {
		unsigned type = bytes[at], length = bytes[at + 1];
		if (length < 2 || length > madt->length - at) {
			kprintf("ACPI: MADT: entry of type %u with length %u\n", type, length);
			break;
		}
		if (type == MADT_IOAPIC)
			ioapic_add(bytes + at, length);
		else if (type == MADT_LAPIC || type == MADT_X2APIC)
			processors++;
		at += length;
	}
	if (processors == 0)
		panic("ACPI: the MADT names no processor");
	if (acpi_ioapic_count == 0)
		panic("ACPI: the MADT names no I/O APIC");
}
