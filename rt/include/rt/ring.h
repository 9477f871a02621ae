/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A ring (lib/ring.h) between a client and a server, with its signals: one is sent only when the
 * other side sleeps.
 *
 * The memory is the server's: it makes a dataspace (rt_ring_make), maps it, and gives the client a
 * capability to it; a client that lent its own could take it away under the server. The server
 * wakes the client by a notification of the session (rt_client_notification()), the client wakes
 * the server by the session's bell. So a ring's end signals in one of two ways:
 *
 *   server's: signal = the notification      client's: session = its session
 */
#pragma once
#include <lib/ring.h>
#include <rt/session.h>

struct rt_ring {
	struct ring_end end;
	cptr_t signal;                    /* signalled for the other side; 0: the session's bell */
	const struct rt_session *session; /* No ownership. */
	cptr_t wait;                      /* of a client: what it waits on */
	void *at;                         /* where the ring is mapped */
	size_t bytes;
};

/*
 * The server's: a dataspace with room for a ring, bought from bank, mapped here, in *memory, a slot
 * of the caller's. The ring is fresh. INVAL: not ring_shape_ok(). NOMEM, LIMIT.
 */
err_t rt_ring_make(struct rt_ring *ring, cptr_t bank, uint32_t capacity, uint32_t entry_bytes,
                   bool produces, cptr_t signal, cptr_t *memory);

/* The client's end of a ring that the server made. wait: the notification that it gave. */
err_t rt_ring_join(struct rt_ring *ring, const struct rt_session *session, cptr_t memory,
                   uint32_t capacity, uint32_t entry_bytes, bool produces, cptr_t wait);

/* The ring is not mapped here any more; slots and dataspace stay the caller's. */
void rt_ring_fini(struct rt_ring *ring);

/* As ring_produce() and ring_consume(); nobody is signalled yet. */
static inline err_t rt_ring_put(struct rt_ring *ring, const void *entry)
{
	return ring_produce(&ring->end, entry);
}
static inline err_t rt_ring_get(struct rt_ring *ring, void *entry)
{
	return ring_consume(&ring->end, entry);
}

/* After any number of puts or gets: wakes the other side if it sleeps. */
void rt_ring_flush(struct rt_ring *ring);

/*
 * The server's, before it returns to its loop: true if there is nothing to do and the other side
 * will ring. False: there is.
 */
static inline bool rt_ring_may_sleep(struct rt_ring *ring)
{
	return ring_may_sleep(&ring->end);
}

/*
 * The client's: waits until there is something to get, or room to put. PROTOCOL: the ring is
 * broken. A session that ends does not end the wait: call from a thread that may be ended, or have
 * the session's `severed` handler signal.
 */
err_t rt_ring_wait(struct rt_ring *ring);
