/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The I/O APICs: which pin interrupts the processor with which vector. Every pin is masked until it is
 * routed, and masked when it is. All interrupts go to the processor that booted.
 */
#include "arch.h"
#include "boot.h"
#include "layout.h"

enum { IOAPIC_SELECT = 0x00, IOAPIC_DATA = 0x10 };
enum { REG_VERSION = 1, REG_ROUTES = 0x10 };
enum { ROUTE_LOW_ACTIVE = 1 << 13, ROUTE_LEVEL = 1 << 15, ROUTE_MASKED = 1 << 16 };

static unsigned count;
static unsigned destination; /* APIC ID */
static unsigned pins[IOAPICS_MAX];

_Static_assert(IOAPICS_MAX == ACPI_IOAPICS_MAX, "as many as acpi.c finds");

static volatile uint32_t *ioapic_register(unsigned ioapic, unsigned reg)
{
	return (volatile uint32_t *)(KERNEL_IMAGE + ((DEVICE_PAGE_IOAPIC + ioapic) << 12) + reg);
}

static uint32_t ioapic_read(unsigned ioapic, unsigned reg)
{
	*ioapic_register(ioapic, IOAPIC_SELECT) = reg;
	return *ioapic_register(ioapic, IOAPIC_DATA);
}

static void ioapic_write(unsigned ioapic, unsigned reg, uint32_t value)
{
	*ioapic_register(ioapic, IOAPIC_SELECT) = reg;
	*ioapic_register(ioapic, IOAPIC_DATA) = value;
}

unsigned plat_ioapic_count(void)
{
	return count;
}

unsigned plat_ioapic_pins(unsigned ioapic)
{
	assert(ioapic < count);
	return pins[ioapic];
}

void plat_ioapic_route(unsigned ioapic, unsigned pin, bool level, bool active_low, unsigned vector)
{
	assert(ioapic < count && pin < pins[ioapic] && vector >= ABI_IRQ_VECTOR_BASE);
	ioapic_write(ioapic, REG_ROUTES + 2 * pin, ROUTE_MASKED);
	ioapic_write(ioapic, REG_ROUTES + 2 * pin + 1, destination << 24);
	ioapic_write(ioapic, REG_ROUTES + 2 * pin,
	             ROUTE_MASKED | (level ? ROUTE_LEVEL : 0) |
	                     (active_low ? ROUTE_LOW_ACTIVE : 0) | vector);
}

void plat_ioapic_mask(unsigned ioapic, unsigned pin, bool masked)
{
	assert(ioapic < count && pin < pins[ioapic]);
	uint32_t route = ioapic_read(ioapic, REG_ROUTES + 2 * pin);
	route = masked ? route | ROUTE_MASKED : route & ~(uint32_t)ROUTE_MASKED;
	ioapic_write(ioapic, REG_ROUTES + 2 * pin, route);
}

BOOT_TEXT void ioapic_init(void)
{
	count = acpi_ioapic_count;
	destination = apic_id();
	for (unsigned i = 0; i < count; i++) {
		window_map_device(DEVICE_PAGE_IOAPIC + i, ALIGN_DOWN(acpi_ioapics[i], 12));
		pins[i] = (ioapic_read(i, REG_VERSION) >> 16 & 0xff) + 1;
		for (unsigned pin = 0; pin < pins[i]; pin++) {
			ioapic_write(i, REG_ROUTES + 2 * pin, ROUTE_MASKED);
			ioapic_write(i, REG_ROUTES + 2 * pin + 1, destination << 24);
		}
	}
}
