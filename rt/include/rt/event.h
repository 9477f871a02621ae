/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What rm tells a program: names that come up, tasks that die, sessions that are severed.
 *
 * Events wait at rm until they are taken. They are taken, and handled, by the program's first
 * thread only: in rt_event_wait() or rt_event_poll(), in a call of rt/session.h that waits, or in
 * the server's loop (rt/server.h), which waits for requests and events alike. Handlers run there,
 * one after the other, and may make any request; one that waits for events itself (connecting to a
 * server) handles others meanwhile.
 *
 * What rt needs to know it handles itself (sessions of servers and clients, names that are waited
 * for); the program's own handlers are called for everything else, and after rt for those.
 * Cookies with the highest bit set are rt's.
 */
#pragma once
#include <proto/rm.h>
#include <rt/sel4.h>

#define RT_COOKIE UINT64_C(0x8000000000000000)

/* The badge bit of the notification by which rm says that there are events. */
#define RT_BADGE_EVENT UINT64_C(0x8000000000000000)

/*
 * The handlers, from now on, in place of those before: a null one passes its event over. self is
 * their first argument. ops stays the caller's and must stay where it is; NULL: none.
 */
void rt_event_set(const struct rm_event_ops *ops, void *self);

/* Handles what is there, without waiting: how many. */
unsigned int rt_event_poll(void);

/* Handles what is there; waits first if there is nothing. */
void rt_event_wait(void);

/* Waits and handles for ever: the main loop of a program that is no server. */
_Noreturn void rt_event_loop(void);

/*
 * The same notification can tell of other things: fn gets those of bits, none of them
 * RT_BADGE_EVENT, with which it was signalled. At most RT_SIGNALS_MAX; LIMIT: there are more.
 */
enum { RT_SIGNALS_MAX = 16 };
err_t rt_signal_set(uint64_t bits, void (*fn)(void *self, uint64_t bits), void *self);

/*
 * A capability that signals it with that badge, bits below RT_BADGE_EVENT: for an interrupt, for
 * another thread of the program, or for whoever else it is given to (who can then signal for ever).
 * *slot is the caller's.
 */
err_t rt_signal_mint(uint64_t badge, cptr_t *slot);

/*
 * The task's notification, as rm made it for this program, in a slot that is rt's. 0: it could not
 * be had. Who waits on it by itself must then call rt_event_dispatch() with the badge.
 */
cptr_t rt_event_notification(void);

/* How many events of rm's it found. */
unsigned int rt_event_dispatch(uint64_t badge);
