/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * PCI devices, found through the configuration ports 0xcf8 and 0xcfc: bus 0, and every bus that
 * the firmware has put behind a bridge.
 */
#pragma once
#include <rt/sel4.h>

enum { PCI_PORT_FIRST = 0xcf8, PCI_PORT_LAST = 0xcff };

struct pci_function {
	uint8_t bus, device, function;
	uint16_t vendor_id, device_id;
	uint8_t class, subclass;
};

typedef void pci_found_fn(void *to, const struct pci_function *found);

/* Calls found for each function, in the order in which they were found; returns their number. */
size_t pci_enumerate(cptr_t ports, pci_found_fn *found, void *to);

/* What a class and subclass are called; the class alone, or "device", where that is not known. */
const char *pci_class_name(uint8_t class, uint8_t subclass);
