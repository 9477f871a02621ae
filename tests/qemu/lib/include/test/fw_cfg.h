/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Numbers that the command line of QEMU may give: `-fw_cfg name=opt/NAME,string=NUMBER` (QEMU's
 * docs/specs/fw_cfg). The device is two ports: a selector, and the bytes of what is selected.
 */
#pragma once
#include <abi/abi.h>
#include <rt/sel4_x86.h>
#include <stdbool.h>

enum {
	FW_CFG_PORT_SELECTOR = 0x510,
	FW_CFG_PORT_DATA = 0x511,
	FW_CFG_ITEM_SIGNATURE = 0,
	FW_CFG_ITEM_DIRECTORY = 0x19, /* the names of all items that have one */
	FW_CFG_NAME_BYTES = 56,
	FW_CFG_FILES_MAX = 256,
};

/* So many bytes of what is selected, as a big-endian number; 0 if the ports cannot be read. */
static inline word_t fw_cfg_read(cptr_t ports, unsigned int count)
{
	word_t value = 0, byte = 0;
	for (unsigned int i = 0; i < count; i++) {
		if (sel4_x86_io_port_in8(ports, FW_CFG_PORT_DATA, &byte))
			return 0;
		value = value << 8 | (byte & 0xff);
	}
	return value;
}

static inline bool fw_cfg_select(cptr_t ports, word_t item)
{
	return sel4_x86_io_port_out16(ports, FW_CFG_PORT_SELECTOR, item) == ERR_NONE;
}

/* The item's number and size, if there is one of this name. */
static inline bool fw_cfg_find(cptr_t ports, const char *name, word_t *item, word_t *size)
{
	if (!fw_cfg_select(ports, FW_CFG_ITEM_DIRECTORY))
		return false;
	word_t files = fw_cfg_read(ports, 4);
	for (word_t i = 0; i < files && i < FW_CFG_FILES_MAX; i++) {
		char have[FW_CFG_NAME_BYTES + 1] = { 0 };
		*size = fw_cfg_read(ports, 4);
		*item = fw_cfg_read(ports, 2);
		(void)fw_cfg_read(ports, 2);
		for (unsigned int j = 0; j < FW_CFG_NAME_BYTES; j++)
			have[j] = (char)fw_cfg_read(ports, 1);
		unsigned int same = 0;
		while (have[same] && have[same] == name[same])
			same++;
		if (have[same] == name[same])
			return true;
	}
	return false;
}

/*
 * ports: a capability to both ports. The number that QEMU was given under this name; `otherwise`,
 * if there is none, or no such device.
 */
static inline word_t fw_cfg_number(cptr_t ports, const char *name, word_t otherwise)
{
	word_t item, size, number = 0;
	if (!fw_cfg_select(ports, FW_CFG_ITEM_SIGNATURE) ||
	    fw_cfg_read(ports, 4) != 0x51454d55 /* "QEMU" */ ||
	    !fw_cfg_find(ports, name, &item, &size) || !fw_cfg_select(ports, item) || size == 0)
		return otherwise;
	for (word_t i = 0; i < size; i++)
		number = number * 10 + (fw_cfg_read(ports, 1) - '0');
	return number;
}
