/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The record by which a thread says that it touches client memory, and how it is to go on if that
 * is gone. It stands in the page of the thread's IPC buffer, at GUARD_OFFSET; the thread writes it,
 * rm reads it upon a fault and writes what came of it (docs/design/protocols.md, section 4).
 */
#pragma once
#include <stdint.h>

enum guard_mode { GUARD_NONE, GUARD_ABORT, GUARD_SUBSTITUTE };
enum { GUARD_OFFSET = 2048 };

/* Rather than wait for a page that a pager is to bring, the access ends with E_AGAIN. */
enum guard_flags { GUARD_NOWAIT = 1 };

struct guard {
	uint64_t mode; /* enum guard_mode; NONE: the thread touches no client memory */
	/* The client memory [low, high) that it may touch; a fault outside is its own mistake. */
	uint64_t low, high;
	uint64_t landing; /* ABORT: the instruction where the thread goes on */
	uint64_t stack;   /* ABORT: its stack pointer then */
	/*
	 * rm writes: why, an err_t (0: all went well; E_GONE; E_AGAIN; E_NOMEM: E_AGAIN, but the
	 * server's bank cannot pay for being told), and the first access that failed.
	 */
	uint64_t result, address;
	uint64_t flags; /* enum guard_flags: the thread's, for all its accesses */
};
