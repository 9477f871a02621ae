/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Waiting of threads for each other: futexes and locks.
 *
 * Each thread has a place in a table: what it waits for. Who waits puts the address there, then
 * looks at the word once more. Who wakes has changed the word, then looks through the table and
 * takes the address out, which claims the waiter; both with sequential consistency, so at least one
 * of the two sees the other. A claimed waiter is signalled once, and takes that signal, always: so
 * a notification has no signal left over between two waits.
 *
 * A notification comes from rm when a thread waits for the first time. If there is none to be had
 * the thread yields until it is claimed; likewise as long as a timeout runs, for rm tells no time.
 */
#include "internal.h"
#include <proto/rm_client.h>
#include <rt/slot.h>
#include <rt/thread.h>

struct rt_waiter rt_waiters[RT_THREADS_MAX];
static _Atomic uint32_t places; /* above those that were ever taken */

bool rt_waiter_take(uint32_t *place)
{
	for (uint32_t i = 0; i < RT_THREADS_MAX; i++) {
		if (rt_waiters[i].is_taken ||
		    __atomic_exchange_n((bool *)&rt_waiters[i].is_taken, true, __ATOMIC_SEQ_CST))
			continue;
		uint32_t before = places;
		while (before <= i &&
		       !__atomic_compare_exchange_n((uint32_t *)&places, &before, i + 1, false,
		                                    __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST))
			continue;
		*place = i;
		return true;
	}
	return false;
}

/* Its notification stays, for whoever comes next. */
void rt_waiter_give(uint32_t place)
{
	rt_waiters[place].is_taken = false;
}

static bool claim(struct rt_waiter *waiter, const volatile int *at)
{
	return __atomic_compare_exchange_n((const volatile int **)&waiter->at, &at, NULL, false,
	                                   __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);
}

/* Of no session: the task's own. rm has said once whether there are such. */
static void need_notification(struct rt_waiter *waiter)
{
	static bool refused;
	if (waiter->notification || refused)
		return;
	struct rm_notification_create_out out;
	cptr_t slot = rt_slot_get();
	if (slot == 0)
		return;
	err_t err = rm_notification_create(
	        RT_TASK, &(struct rm_notification_create_in){ .badge = 1 }, rt_slot(slot), &out);
	if (err == E_OK) {
		waiter->notification = slot;
		return;
	}
	refused = err != E_NOMEM && err != E_LIMIT;
	rt_slot_put(slot);
}

err_t rt_futex_wait(const volatile int *at, int value, uint64_t timeout_ns)
{
	struct rt_waiter *waiter = &rt_waiters[rt_local()->place];
	need_notification(waiter);
	uint64_t now = timeout_ns == RT_FOREVER ? 0 : rt_time_ns();
	uint64_t end = timeout_ns > RT_FOREVER - now ? RT_FOREVER : now + timeout_ns;
	waiter->at = at;
	err_t err = *at == value ? E_OK : E_AGAIN;
	while (err == E_OK && waiter->at) {
		if (waiter->notification && end == RT_FOREVER)
			break;
		sel4_yield();
		if (end != RT_FOREVER && rt_time_ns() >= end)
			err = E_TIMEOUT;
	}
	if (err != E_OK && claim(waiter, at))
		return err;
	/* Who claimed it signals it, or will. */
	if (waiter->notification)
		(void)sel4_wait(waiter->notification);
	return E_OK;
}

unsigned int rt_futex_wake(const volatile int *at, unsigned int count)
{
	unsigned int woken = 0;
	uint32_t end = places;
	for (uint32_t i = 0; i < end && woken < count; i++) {
		struct rt_waiter *waiter = &rt_waiters[i];
		if (waiter->at != at)
			continue;
		cptr_t notification = waiter->notification;
		if (!claim(waiter, at))
			continue;
		if (notification)
			sel4_signal(notification);
		woken++;
	}
	return woken;
}

void rt_lock(struct rt_lock *lock)
{
	int word = 0;
	if (__atomic_compare_exchange_n(&lock->word, &word, 1, false, __ATOMIC_SEQ_CST,
	                                __ATOMIC_SEQ_CST))
		return;
	while (__atomic_exchange_n(&lock->word, 2, __ATOMIC_SEQ_CST) != 0)
		(void)rt_futex_wait(&lock->word, 2, RT_FOREVER);
}

void rt_unlock(struct rt_lock *lock)
{
	if (__atomic_exchange_n(&lock->word, 0, __ATOMIC_SEQ_CST) == 2)
		(void)rt_futex_wake(&lock->word, 1);
}
