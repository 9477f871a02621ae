/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Threads: see rt/thread.h, and rt_clone() and its like in rt/libc.h.
 *
 * A thread ends on a small stack at the end of the page of its IPC buffer, with an FS that points
 * there too, so that its own stack and block are free before it is gone. That page, and the thread
 * itself, are given back by another thread later on (the next that begins, ends or is joined): the
 * dead stand in a list.
 */
#include "internal.h"
#include <proto/rm_client.h>
#include <rt/slot.h>
#include <rt/thread.h>

enum { DEFAULT_STACK = 65536 };

static struct rt_local *dead;

void rt_thread_entry(struct rt_local *local);
_Noreturn void rt_thread_begin(struct rt_local *local);
_Noreturn void rt_on_stack(void *a, size_t b, volatile int *c,
                           void (*fn)(void *a, size_t b, volatile int *c), void *stack);

static void *page_of(struct rt_local *local)
{
	return (char *)local - sizeof(struct abi_ipc_buffer);
}

/* -- the end ----------------------------------------------------------------------------------- */

/* A dead one may still be on its way to its last instruction; it goes no further. */
static void bury(struct rt_local *local)
{
	cptr_t thread = local->thread;
	(void)rm_thread_stop(thread);
	(void)rm_thread_destroy(thread);
	rt_slot_put(thread);
	rt_waiter_give(local->place);
	(void)rt_unmap(page_of(local), RT_PAGE);
}

static void bury_all(void)
{
	struct rt_local *at = __atomic_exchange_n(&dead, NULL, __ATOMIC_ACQ_REL);
	while (at) {
		struct rt_local *next = at->next_dead;
		bury(at);
		at = next;
	}
}

/* On the last stack: nothing else of the thread's is used any more. */
_Noreturn static void thread_end(void *stack, size_t bytes, volatile int *done)
{
	struct rt_local *local = rt_local();
	cptr_t thread = local->thread;
	if (stack)
		(void)rt_unmap(stack, bytes);
	*done = 0;
	(void)rt_futex_wake(done, 1);
	bury_all();
	if (!local->is_first) {
		local->next_dead = __atomic_load_n(&dead, __ATOMIC_RELAXED);
		while (!__atomic_compare_exchange_n(&dead, &local->next_dead, local, false,
		                                    __ATOMIC_ACQ_REL, __ATOMIC_RELAXED))
			continue;
	}
	for (;;)
		(void)rm_thread_stop(thread);
}

_Noreturn static void leave(void *stack, size_t bytes, volatile int *done)
{
	struct rt_local *local = rt_local();
	sel4_set_tls_base((word_t)&local->block);
	rt_on_stack(stack, bytes, done, thread_end, (char *)page_of(local) + RT_PAGE);
}

_Noreturn void rt_thread_exit(volatile int *done)
{
	leave(NULL, 0, done);
}

_Noreturn void rt_unmap_self(void *at, size_t bytes, volatile int *done)
{
	leave(at, bytes, done);
}

/* -- the beginning ----------------------------------------------------------------------------- */

_Noreturn void rt_thread_begin(struct rt_local *local)
{
	static volatile int nobody;
	(void)local->fn(local->arg);
	rt_thread_exit(&nobody);
}

/* A thread that does not run yet; its FS is to be block. NULL: it could not be. */
static err_t thread_make(struct rt_thread *block, const struct rm_schedule *schedule,
                         struct rt_local **made)
{
	void *page;
	err_t err = rt_map(RT_PAGE, &page);
	if (err != E_OK)
		return err;
	struct rt_local *local = (struct rt_local *)((char *)page + sizeof(struct abi_ipc_buffer));
	struct rm_thread_create_in in = { .buffer = (uint64_t)page,
		                          .fs_base = (uint64_t)block,
		                          .schedule = schedule ? *schedule : rt_schedule() };
	*local = (struct rt_local){ .block = { .self = &local->block, .ipc_buffer = page },
		                    .thread = rt_slot_get() };
	err = local->thread && rt_waiter_take(&local->place) ? E_OK : E_LIMIT;
	if (err == E_OK) {
		err = rm_thread_create(RT_TASK, &in, rt_slot(local->thread));
		if (err != E_OK)
			rt_waiter_give(local->place);
	}
	if (err != E_OK) {
		rt_slot_put(local->thread);
		(void)rt_unmap(page, RT_PAGE);
		return err;
	}
	block->ipc_buffer = page;
	*made = local;
	return E_OK;
}

static err_t thread_run(struct rt_local *local, int (*fn)(void *arg), void *arg, void *stack)
{
	local->fn = fn;
	local->arg = arg;
	const struct rm_thread_start_in in = { .entry = (uint64_t)rt_thread_entry,
		                               .stack = (uint64_t)stack,
		                               .argument = (uint64_t)local };
	err_t err = rm_thread_start(local->thread, &in);
	if (err != E_OK)
		bury(local);
	return err;
}

/* -- for libc ---------------------------------------------------------------------------------- */

int rt_thread_id(void)
{
	return (int)rt_local()->place + 1;
}

void rt_set_thread_pointer(void *at)
{
	((struct rt_thread *)at)->ipc_buffer = sel4_ipc_buffer();
	sel4_set_tls_base((word_t)at);
}

int rt_clone(int (*fn)(void *), void *stack, int flags, void *arg, int *tid, void *thread_pointer)
{
	enum { EAGAIN = 11 };
	struct rt_local *local;
	(void)flags;
	bury_all();
	if (thread_make(thread_pointer, NULL, &local) != E_OK)
		return -EAGAIN;
	int id = (int)local->place + 1;
	*tid = id;
	return thread_run(local, fn, arg, stack) == E_OK ? id : -EAGAIN;
}

/* -- without libc ------------------------------------------------------------------------------ */

static int worker_main(void *arg)
{
	struct rt_worker *worker = arg;
	worker->result = worker->fn(worker->arg);
	rt_thread_exit(&worker->running);
}

/* The lowest page of the stack, which is in a region of its own, can be touched or not. */
static err_t guard(const struct rt_worker *worker, uint8_t rights)
{
	const struct rm_region_protect_in in = { .start = (uint64_t)worker->stack,
		                                 .size = 1,
		                                 .rights = rights };
	return rm_region_protect(RT_VSPACE, &in);
}

static void stack_end(struct rt_worker *worker)
{
	if (guard(worker, RM_RIGHT_READ | RM_RIGHT_WRITE) == E_OK)
		(void)rt_unmap(worker->stack, worker->stack_bytes);
	worker->stack = NULL;
}

err_t rt_worker_start(struct rt_worker *worker, int (*fn)(void *arg), void *arg, size_t stack_bytes,
                      const struct rm_schedule *schedule)
{
	struct rt_local *local;
	if (stack_bytes % RT_PAGE != 0)
		return E_INVAL;
	bury_all();
	*worker = (struct rt_worker){ .fn = fn, .arg = arg, .running = 1 };
	worker->block.self = &worker->block;
	worker->stack_bytes = (stack_bytes ? stack_bytes : DEFAULT_STACK) + RT_PAGE;
	err_t err = rt_map(worker->stack_bytes, &worker->stack);
	if (err != E_OK)
		return err;
	err = guard(worker, 0);
	if (err == E_OK)
		err = thread_make(&worker->block, schedule, &local);
	if (err == E_OK)
		err = thread_run(local, worker_main, worker,
		                 (char *)worker->stack + worker->stack_bytes);
	if (err != E_OK)
		stack_end(worker);
	return err;
}

int rt_worker_join(struct rt_worker *worker)
{
	while (worker->running)
		(void)rt_futex_wait(&worker->running, 1, RT_FOREVER);
	bury_all();
	stack_end(worker);
	return worker->result;
}
