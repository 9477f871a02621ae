/* SPDX-License-Identifier: BSD-2-Clause */
/* Numbers that QEMU was given. */
#include "test.h"
#include <test/fw_cfg.h>

uint64_t config_number(const char *name, uint64_t otherwise)
{
	static cptr_t ports;
	const struct rm_ports_create_in in = { .first = FW_CFG_PORT_SELECTOR,
		                               .last = FW_CFG_PORT_DATA };
	if (!ports) {
		ports = slot_new();
		if (rm_ports_create(RT_SYSTEM, &in, rt_slot(ports)) != E_OK)
			return otherwise;
	}
	return fw_cfg_number(ports, name, otherwise);
}
