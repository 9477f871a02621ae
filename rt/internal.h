/* SPDX-License-Identifier: BSD-2-Clause */
/* What the parts of rt share. */
#pragma once
#include <proto/guard.h>
#include <proto/rm.h>
#include <rt/dataspace.h>
#include <rt/program.h>
#include <rt/sel4.h>

enum { RT_PAGE = 4096, RT_THREADS_MAX = 256 };

/*
 * A thread's own, behind its IPC buffer in the same page; then, at GUARD_OFFSET, its guard, and at
 * the end of the page the stack on which it ends.
 */
struct rt_local {
	struct rt_thread block; /* its FS at first and at last */
	int (*fn)(void *arg);
	void *arg;
	cptr_t thread;
	struct rt_local *next_dead;
	uint32_t place; /* among the waiters; its number is one more */
	bool is_first;
};
_Static_assert(sizeof(struct abi_ipc_buffer) + sizeof(struct rt_local) <= GUARD_OFFSET,
               "the guard is the thread's");

static inline struct rt_local *rt_local(void)
{
	return (struct rt_local *)(sel4_ipc_buffer() + 1);
}

/* A thread as one that can wait: its place, kept while it lives. */
struct rt_waiter {
	const volatile int *_Atomic at; /* what it waits for, or NULL */
	cptr_t notification;            /* 0: there was none to be had */
	_Atomic bool is_taken;
};
extern struct rt_waiter rt_waiters[RT_THREADS_MAX];

/* A free place. False: there is none. */
bool rt_waiter_take(uint32_t *place);
void rt_waiter_give(uint32_t place);

/* The first thread's, before anything else. */
void rt_slot_start(const struct rt_start *start);
void rt_time_start(const struct rt_start *start);

/* What a thread runs with by default. */
struct rm_schedule rt_schedule(void);

/* A line for the log, at once and without any lock. */
void rt_log_line(const char *line, size_t length);

/* A part of a dataspace, mapped at *at, or anywhere if that is 0. */
err_t rt_memory_show(cptr_t vspace, cptr_t memory, uint64_t first, uint64_t pages, uint8_t rights,
                     uint64_t *at);
void rt_memory_hide(uint64_t at, uint64_t pages);

/*
 * The trace of a server (trace.c): a request is noted as it comes, and shown when it is parked, or
 * with its answer, which is noted before it is sent and shown when nobody waits for it any more.
 */
struct rt_request;
struct rt_server;
void rt_trace_request(struct rt_request *r);
void rt_trace_answer(const struct rt_request *r);
void rt_trace_show(const struct rt_server *s);
bool rt_trace_is_wanted(void);

/* Pages from rt_map(). */
extern const struct lib_pages rt_pages;

/* What events mean to those parts of rt that a program uses; set by them. */
struct rt_event_hooks {
	void (*opened)(const struct rm_session_opened_event *it);
	bool (*server_severed)(const struct rm_session_severed_event *it); /* it was one of ours */
	void (*client_severed)(const struct rm_session_severed_event *it);
	void (*shared)(const struct rm_shared_event *it);
	void (*recalled)(const struct rm_share_recalled_event *it);
	void (*donated)(const struct rm_donated_event *it);
	void (*client_page)(const struct rm_client_page_event *it);
	void (*name_up)(uint64_t cookie);
};
extern struct rt_event_hooks rt_event_hooks;
