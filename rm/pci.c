/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * See pci.h. Buses are visited breadth first; a bitmap keeps each from being visited twice, so a
 * bridge that names a wrong bus cannot make a circle.
 */
#include "pci.h"
#include <rt/sel4_x86.h>

enum {
	CONFIG_ADDRESS = 0xcf8,
	CONFIG_DATA = 0xcfc,
	BUSES = 256,
	DEVICES = 32,
	FUNCTIONS = 8,
};

/* Configuration space, in 4-byte registers; PCI Local Bus Specification 3.0, section 6.1. */
enum {
	REG_ID = 0x00,
	REG_CLASS = 0x08,
	REG_HEADER_TYPE = 0x0c,
	REG_BUS_NUMBERS = 0x18, /* of a bridge */
	HEADER_TYPE_MULTIFUNCTION = 0x80,
	HEADER_TYPE_BRIDGE = 1,
	VENDOR_NONE = 0xffff,
};

struct walk {
	cptr_t ports;
	pci_found_fn *found;
	void *to;
	size_t functions;
	uint8_t queue[BUSES]; /* buses in the order of their finding; queue[0..queued) */
	size_t queued;
	bool known[BUSES];
};

/* A register that cannot be read is all ones, as it is on the bus. */
static uint32_t read_config(const struct walk *walk, const struct pci_function *f, word_t reg)
{
	word_t address = 0x80000000u | (word_t)f->bus << 16 | (word_t)f->device << 11 |
	                 (word_t)f->function << 8 | reg;
	word_t value = 0xffffffff;
	if (sel4_x86_io_port_out32(walk->ports, CONFIG_ADDRESS, address) != ERR_NONE)
		return 0xffffffff;
	if (sel4_x86_io_port_in32(walk->ports, CONFIG_DATA, &value) != ERR_NONE)
		return 0xffffffff;
	return (uint32_t)value;
}

static void add_bus(struct walk *walk, uint8_t bus)
{
	if (walk->known[bus])
		return;
	walk->known[bus] = true;
	walk->queue[walk->queued++] = bus;
}

/* Visits one function; returns its header type, or -1 where there is none. */
static int visit_function(struct walk *walk, struct pci_function *f)
{
	uint32_t id = read_config(walk, f, REG_ID);
	f->vendor_id = (uint16_t)id;
	f->device_id = (uint16_t)(id >> 16);
	if (f->vendor_id == VENDOR_NONE)
		return -1;
	uint32_t class = read_config(walk, f, REG_CLASS);
	f->class = (uint8_t)(class >> 24);
	f->subclass = (uint8_t)(class >> 16);
	uint8_t header_type = (uint8_t)(read_config(walk, f, REG_HEADER_TYPE) >> 16);
	if ((header_type & ~HEADER_TYPE_MULTIFUNCTION) == HEADER_TYPE_BRIDGE)
		add_bus(walk, (uint8_t)(read_config(walk, f, REG_BUS_NUMBERS) >> 8));
	walk->functions++;
	walk->found(walk->to, f);
	return header_type;
}

static void visit_device(struct walk *walk, uint8_t bus, unsigned int device)
{
	struct pci_function f = { .bus = bus, .device = (uint8_t)device };
	int header_type = visit_function(walk, &f);
	if (header_type < 0 || !(header_type & HEADER_TYPE_MULTIFUNCTION))
		return;
	for (f.function = 1; f.function < FUNCTIONS; f.function++)
		(void)visit_function(walk, &f);
}

size_t pci_enumerate(cptr_t ports, pci_found_fn *found, void *to)
{
	struct walk walk = { .ports = ports, .found = found, .to = to };
	add_bus(&walk, 0);
	for (size_t next = 0; next < walk.queued; next++)
		for (unsigned int device = 0; device < DEVICES; device++)
			visit_device(&walk, walk.queue[next], device);
	return walk.functions;
}

/* PCI Code and ID Assignment Specification; subclass 0xff here: any other of that class. */
static const struct {
	uint8_t class, subclass;
	const char *name;
} class_names[] = {
	{ 0x01, 0x01, "IDE controller" },
	{ 0x01, 0x06, "SATA controller" },
	{ 0x01, 0x08, "NVMe controller" },
	{ 0x01, 0xff, "storage controller" },
	{ 0x02, 0x00, "Ethernet controller" },
	{ 0x02, 0xff, "network controller" },
	{ 0x03, 0x00, "VGA controller" },
	{ 0x03, 0xff, "display controller" },
	{ 0x04, 0xff, "multimedia device" },
	{ 0x05, 0xff, "memory controller" },
	{ 0x06, 0x00, "host bridge" },
	{ 0x06, 0x01, "ISA bridge" },
	{ 0x06, 0x04, "PCI bridge" },
	{ 0x06, 0xff, "bridge" },
	{ 0x07, 0xff, "serial controller" },
	{ 0x08, 0xff, "system device" },
	{ 0x09, 0xff, "input device" },
	{ 0x0c, 0x03, "USB controller" },
	{ 0x0c, 0x05, "SMBus" },
	{ 0x0c, 0xff, "serial bus" },
};

const char *pci_class_name(uint8_t class, uint8_t subclass)
{
	for (size_t i = 0; i < sizeof(class_names) / sizeof(class_names[0]); i++)
		if (class_names[i].class == class &&
		    (class_names[i].subclass == subclass || class_names[i].subclass == 0xff))
			return class_names[i].name;
	return "device";
}
