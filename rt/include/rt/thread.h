/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Threads of a program, beside its first one, for programs without libc. (With libc use pthreads,
 * which stand on the same ground.) Each has a stack and a page with its IPC buffer, and pins that
 * page: the bank needs a pin quota.
 *
 * Threads share everything but the events (rt/event.h), which are the first thread's.
 */
#pragma once
#include <proto/rm.h>
#include <rt/libc.h>
#include <rt/sel4.h>

/* The caller's until it was joined. All 0 at first. */
struct rt_worker {
	int (*fn)(void *arg);
	void *arg;
	int result;
	volatile int running; /* 0: it has ended */
	void *stack;
	size_t stack_bytes;
	struct rt_thread block; /* what its FS points at */
};

/*
 * Starts a thread that runs fn(arg). stack_bytes: a multiple of 4096, or 0 for 64 KiB; there is a
 * guard of a page below it. schedule NULL: as the first thread's. NOMEM, LIMIT (slots, pin quota),
 * PERM (a priority above the bank's).
 */
err_t rt_worker_start(struct rt_worker *worker, int (*fn)(void *arg), void *arg, size_t stack_bytes,
                      const struct rm_schedule *schedule);

/* Waits until fn has returned: its result. The thread and its stack are no more. Once. */
int rt_worker_join(struct rt_worker *worker);

/* A lock, all 0 at first: of the threads of one program. Not recursive. */
struct rt_lock {
	volatile int word; /* 0: free; 1: taken; 2: taken, and somebody waits */
};
void rt_lock(struct rt_lock *lock);
void rt_unlock(struct rt_lock *lock);
