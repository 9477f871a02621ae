/* SPDX-License-Identifier: BSD-2-Clause */
/* The queue of an endpoint: its state is kept in the low bits of the head. */
#pragma once
#include "kernel.h"

static inline enum endpoint_state endpoint_state(const struct endpoint *ep)
{
	return ep->head_state & 3;
}

static inline struct tcb *endpoint_head(const struct endpoint *ep)
{
	return (struct tcb *)(ep->head_state & ~3ull);
}

/* The first of the threads that wait to receive; not aligned if none does. */
static inline struct tcb *endpoint_receiver(const struct endpoint *ep)
{
	return (struct tcb *)(ep->head_state - EP_RECV);
}
static inline bool endpoint_has_receiver(const struct endpoint *ep)
{
	return !((uint64_t)endpoint_receiver(ep) & 3);
}

static inline void endpoint_set(struct endpoint *ep, struct queue queue, enum endpoint_state state)
{
	ep->head_state = (uint64_t)queue.head | (queue.head ? state : EP_IDLE);
	ep->tail = queue.tail;
}

static inline void endpoint_enqueue(struct endpoint *ep, struct tcb *thread,
                                    enum endpoint_state state)
{
	struct queue queue = { endpoint_head(ep), ep->tail };
	queue_insert_by_priority(&queue, thread);
	thread->queue = TCB_QUEUE_OBJECT;
	endpoint_set(ep, queue, state);
}

static inline void endpoint_dequeue(struct endpoint *ep, struct tcb *thread)
{
	struct queue queue = { endpoint_head(ep), ep->tail };
	queue_remove(&queue, thread);
	thread->queue = TCB_QUEUE_NONE;
	endpoint_set(ep, queue, endpoint_state(ep));
}
