/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The I/O APICs: which pin interrupts the processor with which vector. Every pin is masked until it
 * is routed, and masked when it is. All interrupts go to the processor that booted. `routes` is
 * what the hardware has in the low halves of its table: reading it there is slow.
 */
#include "arch.h"
#include "boot.h"
#include "layout.h"

enum { IOAPIC_SELECT = 0, IOAPIC_DATA = 4 }; /* words */
enum { REG_VERSION = 1, REG_ROUTES = 0x10 };
enum { PINS_MAX = 256 };
enum { ROUTE_LOW_ACTIVE = 1 << 13, ROUTE_LEVEL = 1 << 15, ROUTE_MASKED = 1 << 16 };

static unsigned count;
static volatile uint32_t *registers[IOAPICS_MAX];
static unsigned pins[IOAPICS_MAX];
static uint32_t routes[IOAPICS_MAX][PINS_MAX];

_Static_assert(IOAPICS_MAX == ACPI_IOAPICS_MAX, "as many as acpi.c finds");

static uint32_t ioapic_read(unsigned ioapic, unsigned reg)
{
	registers[ioapic][IOAPIC_SELECT] = reg;
	return registers[ioapic][IOAPIC_DATA];
}

static void ioapic_write(unsigned ioapic, unsigned reg, uint32_t value)
{
	registers[ioapic][IOAPIC_SELECT] = reg;
	registers[ioapic][IOAPIC_DATA] = value;
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

static void set_route(unsigned ioapic, unsigned pin, uint32_t route)
{
	routes[ioapic][pin] = route;
	ioapic_write(ioapic, REG_ROUTES + 2 * pin, route);
}

void plat_ioapic_route(unsigned ioapic, unsigned pin, bool level, bool active_low, unsigned vector)
{
	assert(ioapic < count && pin < pins[ioapic] && vector >= ABI_IRQ_VECTOR_BASE);
	set_route(ioapic, pin,
	          ROUTE_MASKED | (level ? ROUTE_LEVEL : 0) | (active_low ? ROUTE_LOW_ACTIVE : 0) |
	                  vector);
}

void plat_ioapic_mask(unsigned ioapic, unsigned pin, bool masked)
{
	assert(ioapic < count && pin < pins[ioapic]);
	uint32_t route = routes[ioapic][pin] & ~(uint32_t)ROUTE_MASKED;
	set_route(ioapic, pin, masked ? route | ROUTE_MASKED : route);
}

BOOT_TEXT void ioapic_init(void)
{
	count = acpi_ioapic_count;
	uint32_t destination = apic_id() << 24;
	for (unsigned i = 0; i < count; i++) {
		unsigned page = DEVICE_PAGE_IOAPIC + i;
		window_map_device(page, acpi_ioapics[i]);
		registers[i] = (void *)(KERNEL_IMAGE + (page << 12) + (acpi_ioapics[i] & MASK(12)));
		pins[i] = (ioapic_read(i, REG_VERSION) >> 16 & 0xff) + 1;
		for (unsigned pin = 0; pin < pins[i]; pin++) {
			set_route(i, pin, ROUTE_MASKED);
			ioapic_write(i, REG_ROUTES + 2 * pin + 1, destination);
		}
	}
}
