/* SPDX-License-Identifier: BSD-2-Clause */
/* Fake guest: a failed test, honestly reported. */
#include "multiboot.h"

	print "1..2\nok 1 - first\nnot ok 2 - second # it broke\n"
	leave_with 0x11
