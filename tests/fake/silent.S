/* SPDX-License-Identifier: BSD-2-Clause */
/* Fake guest: switches the machine off, and never says that it failed. */
#include "multiboot.h"

	print "1..1\nok 1 - first\n"
	movw $0x604, %dx /* ACPI power management of QEMU's pc */
	movw $0x2000, %ax
	outw %ax, %dx
1:	hlt
	jmp 1b
