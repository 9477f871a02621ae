/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Numbers that the command line of QEMU may give: `-fw_cfg name=NAME,string=NUMBER`. The device is
 * two ports: a selector, and the bytes of what is selected. Item 0x19 lists all names.
 */
#include "test.h"
#include <rt/sel4_x86.h>

enum {
	PORT_SELECTOR = 0x510,
	PORT_DATA = 0x511,
	ITEM_SIGNATURE = 0,
	ITEM_DIRECTORY = 0x19,
	NAME_BYTES = 56,
	FILES_MAX = 256,
};

static cptr_t ports;

static uint64_t read_bytes(unsigned int count)
{
	uint64_t value = 0, byte = 0;
	for (unsigned int i = 0; i < count; i++) {
		if (sel4_x86_io_port_in8(ports, PORT_DATA, &byte))
			return 0;
		value = value << 8 | (byte & 0xff);
	}
	return value;
}

static bool select_item(uint64_t item)
{
	return sel4_x86_io_port_out16(ports, PORT_SELECTOR, item) == ERR_NONE;
}

static bool same(const char *a, const char *b)
{
	while (*a && *a == *b)
		a++, b++;
	return *a == *b;
}

static bool find(const char *name, uint64_t *item, uint64_t *size)
{
	if (!select_item(ITEM_DIRECTORY))
		return false;
	uint64_t files = read_bytes(4);
	for (uint64_t i = 0; i < files && i < FILES_MAX; i++) {
		char have[NAME_BYTES + 1] = { 0 };
		*size = read_bytes(4);
		*item = read_bytes(2);
		(void)read_bytes(2);
		for (unsigned int j = 0; j < NAME_BYTES; j++)
			have[j] = (char)read_bytes(1);
		if (same(have, name))
			return true;
	}
	return false;
}

uint64_t config_number(const char *name, uint64_t otherwise)
{
	const struct rm_ports_create_in in = { .first = PORT_SELECTOR, .last = PORT_DATA };
	uint64_t item, size, number = 0;
	if (!ports) {
		ports = slot_new();
		if (rm_ports_create(RT_SYSTEM, &in, rt_slot(ports)) != E_OK)
			return otherwise;
	}
	if (!select_item(ITEM_SIGNATURE) || read_bytes(4) != 0x51454d55 /* "QEMU" */ ||
	    !find(name, &item, &size) || !select_item(item))
		return otherwise;
	for (uint64_t i = 0; i < size; i++)
		number = number * 10 + (read_bytes(1) - '0');
	return number;
}
