/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The threads of a round, and how they are brought back whatever was done to them. Fuzz threads;
 * of these, mortal ones, whose TCB and scheduling context the group alone has, so that they can
 * delete themselves; and servers, mostly passive, which answer calls on a context that is lent, and
 * call each other first if the message says so.
 */
#pragma once
#include <test/env.h>
#include "fuzz.h"

/* Where threads of a group live. */
struct space {
	cptr_t play, cspace, vspace;
};

struct world_thread {
	struct fuzz *fuzz;
	struct space space;
	cptr_t tcb, context; /* of mortal ones: slots that are empty, but for a moment */
	cptr_t buffer, faults;
	word_t group;
	bool mortal;
};

struct world_server {
	struct space space;
	cptr_t tcb, context, buffer, faults;
	bool to_be_passive; /* waiting, once it has run */
};

extern struct world_thread world_threads[THREADS];
extern struct world_server world_servers[SERVERS];

void actors_init(void);
/* In a new round: objects; then, for each group, its spaces; then all start. */
void actors_make(void);
void actors_enter(unsigned int group, struct space space);
void actors_start(void);

/* Stops the thread and starts it anew, whatever was done to it. False: there is no memory left. */
bool world_revive(unsigned int thread);
/* Only its registers. False: that did not work. */
bool world_restart(unsigned int thread);
void world_start_server(unsigned int server);
/* Some time later: takes the scheduling context from servers that are to be passive. */
void world_settle_servers(void);
