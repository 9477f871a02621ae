/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A thread that loads, stores or jumps at an address of some address space, and what comes of it.
 * It needs no stack: the page of its few instructions is all that must be mapped there.
 */
#pragma once
#include "api.h"

struct prober {
	struct thread *thread;
	cptr_t faults, reply;
};

/* A prober in the program's own address space (0) or in another, where it maps its code. */
struct prober prober_new(cptr_t vspace);

/* Page-fault error codes. */
enum {
	PF_PRESENT = 1,
	PF_WRITE = 2,
	PF_USER = 4,
	PF_FETCH = 16, /* said only where no-execute or SMEP is on */
};
enum {
	LOAD_ABSENT = PF_USER,
	LOAD_DENIED = PF_USER | PF_PRESENT,
	STORE_ABSENT = PF_USER | PF_WRITE,
	STORE_DENIED = PF_USER | PF_WRITE | PF_PRESENT,
};

struct outcome {
	bool faulted;
	word_t address, code; /* of the fault */
	word_t value;         /* loaded */
};

struct outcome probe_load(struct prober *p, word_t vaddr);
struct outcome probe_store(struct prober *p, word_t vaddr, word_t value);

/* Loading works and gives the value; storing works; either fails with this code. */
void check_load(struct prober *p, word_t vaddr, word_t value);
void check_store(struct prober *p, word_t vaddr, word_t value);
void check_no_load(struct prober *p, word_t vaddr, word_t code);
void check_no_store(struct prober *p, word_t vaddr, word_t code);
