/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Numbers that the command line of QEMU may give: `-fw_cfg name=opt/NAME,string=NUMBER`. The
 * device is two ports: a selector, and the bytes of what is selected. Item 0x19 lists all names.
 */
#include <test/env.h>
#include <test/mem.h>
#include "config.h"

enum {
	PORT_SELECTOR = 0x510,
	PORT_DATA = 0x511,
	ITEM_SIGNATURE = 0,
	ITEM_DIRECTORY = 0x19,
	NAME_BYTES = 56,
	FILES_MAX = 256,
};

static cptr_t ports;

static word_t read_bytes(unsigned int count)
{
	word_t value = 0, byte = 0;
	for (unsigned int i = 0; i < count; i++) {
		if (sel4_x86_io_port_in8(ports, PORT_DATA, &byte))
			return 0;
		value = value << 8 | (byte & 0xff);
	}
	return value;
}

static bool select_item(word_t item)
{
	return sel4_x86_io_port_out16(ports, PORT_SELECTOR, item) == ERR_NONE;
}

/* The item's number and size, if its name is this. */
static bool find(const char *name, word_t *item, word_t *size)
{
	if (!select_item(ITEM_DIRECTORY))
		return false;
	word_t files = read_bytes(4);
	for (word_t i = 0; i < files && i < FILES_MAX; i++) {
		char have[NAME_BYTES + 1] = { 0 };
		*size = read_bytes(4);
		*item = read_bytes(2);
		(void)read_bytes(2);
		for (unsigned int j = 0; j < NAME_BYTES; j++)
			have[j] = (char)read_bytes(1);
		if (strcmp(have, name) == 0)
			return true;
	}
	return false;
}

static word_t read_number(const char *name, word_t otherwise)
{
	word_t item, size, number = 0;
	if (!find(name, &item, &size) || !select_item(item) || size == 0)
		return otherwise;
	for (word_t i = 0; i < size; i++)
		number = number * 10 + (read_bytes(1) - '0');
	return number;
}

word_t config_number(const char *name, word_t otherwise)
{
	ports = slot_new();
	if (sel4_x86_io_port_control_issue(INIT_IO_PORT_CONTROL, PORT_SELECTOR, PORT_DATA,
	                                   slot(ports)))
		return otherwise;
	bool there = select_item(ITEM_SIGNATURE) && read_bytes(4) == 0x51454d55; /* "QEMU" */
	word_t number = there ? read_number(name, otherwise) : otherwise;
	cap_delete(ports);
	return number;
}
