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

extern cptr_t world_faults;  /* fault endpoint; badge: number of the thread or server + 1 */
extern cptr_t round_untyped; /* the memory of a round */
extern bool kernel_freehold;

/* Once: takes the fixed capabilities, and all ports away from everybody. */
void world_init(word_t seed, bool freehold);
void world_make(void);
void world_destroy(void);

struct group *world_group(unsigned int group);
/* For what is made with a round: an empty slot of the root CNode, an object, a copy. */
cptr_t world_slot(void);
cptr_t world_object(enum abi_object type, word_t bits);
cptr_t world_mint(cptr_t source, word_t data);

/* Panics with the call's text: the controller's own calls never fail. */
#define must(call)                                                                                 \
	do {                                                                                       \
		enum abi_error must_err = (call);                                                  \
		if (must_err)                                                                      \
			panic("%s: error %d, 0x%lx 0x%lx", #call, must_err, sel4_get_word(0),      \
			      sel4_get_word(1));                                                   \
	} while (0)

extern word_t controller_random;
