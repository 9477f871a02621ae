/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Servers for tests of calls in progress. A relay calls the next server before it answers; the
 * last one (next == NULL) waits for its gate to be signalled, so that the test can look at a
 * call half done. All answer with the word they got plus one, and are passive unless told.
 */
#pragma once
#include "jobs.h"

struct server {
	cptr_t ep, reply;
	cptr_t gate;       /* notification */
	bool gate_is_open; /* it does not wait there */
	struct server *next;
	struct thread *thread;
	bool by_send;            /* answers with Send, then Recv */
	volatile word_t entered; /* requests taken */
	volatile word_t left;    /* answers about to be given, or given */
};

/* Makes its objects and starts it; it waits for its first request then. */
void server_start(struct server *server, struct server *next, word_t priority, bool passive);
/* Starts count passive servers, each the next one of that before it. */
void servers_start(struct server *servers, unsigned int count);

/* A client: calls server with the word 10. */
struct thread *client_start(struct job *job, const struct server *server);

/* True if the thread has a scheduling context. It must not be main. */
bool has_context(cptr_t tcb);
/* True if the scheduling context is bound to a thread. */
bool context_is_bound(cptr_t sched_context);
