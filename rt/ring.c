/* SPDX-License-Identifier: BSD-2-Clause */
/* See rt/ring.h. */
#include "internal.h"
#include <proto/rm_client.h>
#include <rt/ring.h>
#include <rt/slot.h>

static uint64_t pages_of(uint32_t capacity, uint32_t entry_bytes)
{
	return (ring_bytes(capacity, entry_bytes) + RT_PAGE - 1) / RT_PAGE;
}

static void begin(struct rt_ring *ring, uint64_t at, uint32_t capacity, uint32_t entry_bytes,
                  bool produces)
{
	*ring = (struct rt_ring){ .at = (void *)at,
		                  .bytes = pages_of(capacity, entry_bytes) * RT_PAGE };
	ring_end_init(&ring->end, ring->at, capacity, entry_bytes, produces);
}

err_t rt_ring_make(struct rt_ring *ring, cptr_t bank, uint32_t capacity, uint32_t entry_bytes,
                   bool produces, cptr_t signal, cptr_t *memory)
{
	uint64_t at;
	if (!ring_shape_ok(capacity, entry_bytes))
		return E_INVAL;
	err_t err = rt_memory_make(bank, pages_of(capacity, entry_bytes), memory, &at);
	if (err != E_OK)
		return err;
	ring_shared_init((struct ring_shared *)at);
	begin(ring, at, capacity, entry_bytes, produces);
	ring->signal = signal;
	return E_OK;
}

err_t rt_ring_join(struct rt_ring *ring, const struct rt_session *session, cptr_t memory,
                   uint32_t capacity, uint32_t entry_bytes, bool produces, cptr_t wait)
{
	uint64_t at = 0;
	if (!ring_shape_ok(capacity, entry_bytes))
		return E_INVAL;
	err_t err = rt_memory_show(RT_VSPACE, memory, 0, pages_of(capacity, entry_bytes),
	                           RM_RIGHT_READ | RM_RIGHT_WRITE, &at);
	if (err != E_OK)
		return err;
	begin(ring, at, capacity, entry_bytes, produces);
	ring->session = session;
	ring->wait = wait;
	return E_OK;
}

void rt_ring_fini(struct rt_ring *ring)
{
	rt_memory_hide((uint64_t)ring->at, ring->bytes / RT_PAGE);
	*ring = (struct rt_ring){ 0 };
}

void rt_ring_flush(struct rt_ring *ring)
{
	if (!ring_must_signal(&ring->end))
		return;
	if (ring->signal)
		sel4_signal(ring->signal);
	else if (ring->session)
		rt_session_ring_bell(ring->session);
}

err_t rt_ring_wait(struct rt_ring *ring)
{
	for (;;) {
		uint32_t ready;
		err_t err = ring_ready(&ring->end, &ready);
		if (err != E_OK || ready > 0)
			return err;
		if (ring_may_sleep(&ring->end))
			(void)sel4_wait(ring->wait);
	}
}
