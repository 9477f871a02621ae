/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Two threads that watch over the tests. The monitor (priority 255) handles the faults of all
 * threads that have no handler of their own; the watchdog (priority 0) runs when nothing else
 * can, so it sees that everybody waits. Both fail the running test.
 */
#pragma once
void monitor_init(void);
/* A test has begun or ended. */
void monitor_tick(void);
/* While stopped, the machine idles when all threads wait. */
void monitor_stop_watchdog(void);
void monitor_start_watchdog(void);
