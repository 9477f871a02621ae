/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The internal half of a server's fault handling: a thread of its own that is told of accesses to
 * client memory that is gone, and aborts them (docs/design/protocols.md, section 4). Without one rm
 * does all of this, sooner and for less; it is for servers that want to know: which client, when,
 * where. What a page fault is, paging, and cutting off who is to blame stay rm's.
 *
 *   static struct rt_handler handler;
 *   err_t err = rt_handler_start(&handler, on_gone, NULL, NULL);
 *   if (err == E_OK)
 *           err = rt_handler_add(&handler);         the calling thread's faults from now on
 *
 * Nothing changes for what touches client memory (rt/client_memory.h).
 *
 * The handler never faults: all that it runs on is pinned, which is the program's whole image, and
 * the handler's stack. So the program must be started with code of its own (own_code of
 * rt/load.h, `own-code` in a manifest), and its bank needs a pin quota for all of that: LIMIT. If
 * the handler touches anything else that is not mapped, that is the end of the program.
 *
 * Faults that are no matter of client memory, and accesses without a guard, are left to rm, which
 * ends the program as ever. Zeros in place (window_begin()) are rm's, too.
 */
#pragma once
#include <proto/rm.h>
#include <rt/sel4.h>
#include <rt/thread.h>

/* An access to client memory that was gone. */
struct rt_gone {
	rm_session_t session; /* whose client took it away; none of ours if it was passed on */
	uint64_t at, instruction;
	enum rm_access access;
	bool in_place; /* zeros stand in for it; else the access was aborted */
};

enum { RT_HANDLED_MAX = 8 };

/* Static, for it is to be pinned. All 0 at first. */
struct rt_handler {
	/* On the handler's thread: static data only, no lock, nothing that may block. Or NULL. */
	void (*gone)(void *arg, const struct rt_gone *it);
	void *arg;
	struct rt_worker worker;
	cptr_t thread, endpoint, reply;
	volatile int started; /* 0: not yet */
	err_t err;
	unsigned int count;
	struct {
		cptr_t thread;
		volatile struct guard *guard;
	} handled[RT_HANDLED_MAX];
};

/*
 * Starts the handler's thread; schedule NULL: as the first thread's. It should not be below those
 * that it handles. Once. PERM: the program's code is not its own. LIMIT: the pin quota, slots.
 */
err_t rt_handler_start(struct rt_handler *handler,
                       void (*gone)(void *arg, const struct rt_gone *it), void *arg,
                       const struct rm_schedule *schedule);

/*
 * The calling thread's faults are the handler's. It must not be a passive server's, and nobody else
 * may destroy it. LIMIT: RT_HANDLED_MAX have one already.
 */
err_t rt_handler_add(struct rt_handler *handler);
