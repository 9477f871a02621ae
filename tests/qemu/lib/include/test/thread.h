/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Threads for tests. Stack, IPC buffer and thread block are static memory of the program, so a
 * thread costs a TCB and a scheduling context, nothing else. Threads of a test need no cleaning
 * up: env_release deletes their objects and thread_reset gives the memory back.
 *
 * A helper runs below the main thread, which has priority 255: it runs when main waits.
 */
#pragma once
#include <test/env.h>

enum {
	THREADS_MAX = 24,
	THREAD_STACK_BYTES = 8192,
	THREAD_PRIORITY = 100,
};

typedef word_t (*thread_fn)(word_t arg);

struct thread {
	struct rt_thread block; /* FS base points here */
	cptr_t tcb;
	cptr_t sched_context; /* 0 in a passive thread */
	cptr_t exited;        /* notification, signalled when fn has returned */
	struct abi_ipc_buffer *ipc_buffer;
	word_t stack_top;
	word_t priority;
	thread_fn fn;
	word_t arg;
	volatile word_t result; /* of fn */
	volatile bool done;     /* fn has returned */
};

/* What to make; all zero is an active thread at THREAD_PRIORITY in the program's own spaces. */
struct thread_options {
	word_t priority;     /* 0: THREAD_PRIORITY (for priority 0 use sel4_tcb_set_priority) */
	bool passive;        /* no scheduling context */
	cptr_t cspace;       /* 0: root CNode */
	word_t cspace_guard; /* cspace_root_data */
	cptr_t vspace;       /* 0: the program's */
	cptr_t fault_ep;     /* 0: thread_fault_ep, the monitor, which fails the test */
	bool no_fault_ep;    /* a fault makes the thread inactive */
	cptr_t timeout_ep;   /* 0: none */
	word_t budget_us;    /* 0: 10 ms, round robin */
	word_t period_us;    /* 0: as the budget */
	word_t sc_badge;
};

/* Configured, not started. */
struct thread *thread_new(const struct thread_options *options);
/* Runs fn(arg); signals thread->exited when it returns and stops. */
void thread_start(struct thread *thread, thread_fn fn, word_t arg);
/* thread_new with default options and thread_start. */
struct thread *thread_run(thread_fn fn, word_t arg);
/* Waits until fn has returned; its result. */
word_t thread_join(struct thread *thread);

/* Lets all threads of a priority above 1 run until each of them waits. */
void thread_settle(void);

/* Starts the thread at rip with these registers; rsp and fs_base are filled in if 0. */
void thread_start_at(struct thread *thread, struct abi_user_context *context);
/* Reads all registers. */
struct abi_user_context thread_registers(struct thread *thread);

/* Where threads without a fault_ep of their own send their faults; 0: nowhere. */
extern cptr_t thread_fault_ep;

/* The calling thread; NULL in the main thread. */
struct thread *thread_self(void);

/* The threads made so far stay for ever. */
void thread_keep(void);
/* Takes back the memory of all other threads; their objects must be gone. */
void thread_reset(void);
