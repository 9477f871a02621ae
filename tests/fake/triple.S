/* SPDX-License-Identifier: BSD-2-Clause */
/* Fake guest: a triple fault: an exception without any descriptor table. */
#include "multiboot.h"

	print "1..1\nabout to fault\n"
	lidt nothing
	ud2
nothing:
	.word 0
	.long 0
