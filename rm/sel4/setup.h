/* SPDX-License-Identifier: BSD-2-Clause */
/* From the boot info to what the core starts with. */
#pragma once
#include "kernel.h"

struct setup {
	struct kernel kernel;
	struct rm_boot boot;
	cptr_t endpoint;        /* rm's, unbadged, all rights */
	cptr_t worker_tcb;      /* configured: rm's CSpace and vspace; not started */
	cptr_t worker_signal;   /* a notification */
	cptr_t worker_endpoint; /* the endpoint with WORKER_BADGE */
	struct abi_ipc_buffer *worker_buffer;
};

/* No object has this id: who steps and ticks. */
#define WORKER_BADGE UINT64_MAX

/* Fails with a message if the machine has too little memory. */
void setup(struct setup *s, const struct abi_boot_info *info);

_Noreturn void setup_fail(const char *what, word_t value);
