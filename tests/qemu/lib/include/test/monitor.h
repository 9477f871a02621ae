/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Two threads that watch over the tests. The monitor (priority 255) handles the faults of all
 * threads that have no handler of their own; the watchdog (priority 0) runs when nothing else
 * can, so it sees that everybody waits. Both fail the running test.
 */
#pragma once
#include <rt/sel4.h>

void monitor_init(void);
/* Where threads send their faults; 0 if there is no monitor. */
cptr_t monitor_endpoint(void);
/* A test has begun or ended. */
void monitor_tick(void);
/* While stopped, the machine idles when all threads wait. */
void monitor_stop_watchdog(void);
void monitor_start_watchdog(void);
