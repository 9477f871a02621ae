/* SPDX-License-Identifier: BSD-2-Clause */
/* Numbers that QEMU was given. */
#include "config.h"
#include <test/env.h>
#include <test/fw_cfg.h>
#include <test/mem.h>

word_t config_number(const char *name, word_t otherwise)
{
	cptr_t ports = slot_new();
	if (sel4_x86_io_port_control_issue(INIT_IO_PORT_CONTROL, FW_CFG_PORT_SELECTOR,
	                                   FW_CFG_PORT_DATA, slot(ports)))
		return otherwise;
	word_t number = fw_cfg_number(ports, name, otherwise);
	cap_delete(ports);
	return number;
}
