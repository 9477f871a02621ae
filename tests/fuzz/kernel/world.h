/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Everything that fuzz threads can reach, made for a round and destroyed after it. All objects
 * come from one untyped, which the controller keeps and revokes; nothing that the controller
 * needs is among them. The fixed capabilities (control of interrupts, ports and so on) outlive the
 * rounds: they lie in a CNode to which no fuzz thread has a capability.
 */
#pragma once
#include <test/env.h>
#include "fuzz.h"

struct world_thread {
	struct fuzz *fuzz;
	cptr_t tcb, context, cspace, vspace, buffer, faults;
	word_t group;
};

extern struct world_thread world_threads[THREADS];
extern cptr_t world_faults; /* fault endpoint; badge: number of the thread + 1 */

/* Once: takes the fixed capabilities, and all ports away from everybody. */
void world_init(word_t seed, bool freehold);
void world_make(void);
void world_destroy(void);
/* Stops the thread and starts it anew, whatever was done to it. */
void world_revive(unsigned int thread);
/* Only its registers. False: that did not work. */
bool world_restart(unsigned int thread);
/* What a fuzz thread finds in its memory when it starts. */
void world_reset_memory(unsigned int thread);

/* Panics with the call's text: the controller's own calls never fail. */
#define must(call)                                                                                 \
	do {                                                                                       \
		enum abi_error must_err = (call);                                                  \
		if (must_err)                                                                      \
			panic("%s: error %d, 0x%lx 0x%lx", #call, must_err, sel4_get_word(0),      \
			      sel4_get_word(1));                                                   \
	} while (0)

extern word_t controller_random;
