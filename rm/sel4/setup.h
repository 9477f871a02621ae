/* SPDX-License-Identifier: BSD-2-Clause */
/* From the boot info to what the core starts with. */
#pragma once
#include "kernel.h"

struct setup {
	struct kernel kernel;
	struct rm_boot boot;
	cptr_t endpoint; /* rm's, unbadged, all rights */
	/* Threads of rm's own, configured: its CSpace and vspace; not started. */
	struct setup_thread {
		cptr_t tcb;
		cptr_t signal;   /* a notification */
		cptr_t endpoint; /* rm's, with its badge */
		struct abi_ipc_buffer *buffer;
	} clock, worker;
};

/* No object has these ids: who steps and ticks. */
#define CLOCK_BADGE UINT64_MAX
#define WORKER_BADGE (UINT64_MAX - 1)

/* Fails with a message if the machine has too little memory. */
void setup(struct setup *s, const struct abi_boot_info *info);

_Noreturn void setup_fail(const char *what, word_t value);
