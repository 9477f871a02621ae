/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Time: a thread that sleeps until a moment, and then signals the program's notification, so that
 * the main loop wakes. There is such a thread only while there is something to wait for.
 *
 * It sleeps by giving up its budget: it gets a new one at the beginning of each period, looks at
 * the time, and sleeps on.
 */
#include "init.h"
#include <rt/event.h>
#include <rt/libc.h>
#include <rt/sel4_object.h>
#include <rt/slot.h>
#include <rt/thread.h>

#define BADGE_TIMER (UINT64_C(1) << 62)
enum { BUDGET_US = 500, PERIOD_US = 5000, STACK_BYTES = 8192 };

static struct {
	cptr_t signal;
	struct rt_worker worker;
	bool runs;
	volatile uint64_t due_ns;
} timer;

static int sleep(void *arg)
{
	(void)arg;
	while (rt_time_ns() < timer.due_ns)
		sel4_yield();
	sel4_signal(timer.signal);
	return 0;
}

static void on_timer(void *self, uint64_t bits)
{
	(void)self;
	(void)bits;
	if (timer.runs)
		(void)rt_worker_join(&timer.worker);
	timer.runs = false;
	programs_start_due();
}

err_t timer_init(void)
{
	timer.signal = rt_slot_get();
	if (!timer.signal ||
	    sel4_cnode_mint(rt_slot(timer.signal), rt_slot(rt_event_notification()), RIGHTS_ALL,
	                    BADGE_TIMER) != ERR_NONE)
		return E_LIMIT;
	return rt_signal_set(BADGE_TIMER, on_timer, NULL);
}

void timer_set(uint64_t due_ns)
{
	const uint8_t priority = rt_start()->priority, priority_max = rt_start()->priority_max;
	const struct rm_schedule schedule = { .budget_us = BUDGET_US,
		                              .period_us = PERIOD_US,
		                              .priority = priority,
		                              .priority_max = priority_max };
	if (timer.runs) {
		if (due_ns < timer.due_ns)
			timer.due_ns = due_ns;
		return;
	}
	timer.due_ns = due_ns;
	err_t err = rt_worker_start(&timer.worker, sleep, NULL, STACK_BYTES, &schedule);
	timer.runs = err == E_OK;
	if (err != E_OK) {
		/* Too early is better than never. */
		rt_log("init: no timer: %s", err_text(err));
		sel4_signal(timer.signal);
	}
}
