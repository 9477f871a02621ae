/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The handler's thread: see rt/handler.h.
 *
 * It reads the guard of a thread that stands still, in the page of that one's IPC buffer, which is
 * pinned as long as the thread lives. What it cannot make sense of it leaves to rm, which looks at
 * the same guard: so a guard that leads nowhere is refused there, and ends the program.
 */
#include "internal.h"
#include <proto/rm_client.h>
#include <rt/handler.h>
#include <rt/slot.h>

enum { STACK = 2 * RT_PAGE, PIN_MAX = 16 };

extern const char __executable_start[], _end[]; /* the linker's */

/* -- the beginning ----------------------------------------------------------------------------- */

static err_t pin(cptr_t thread, uint64_t start, uint64_t end)
{
	err_t err = E_OK;
	for (uint64_t pages = (end - start) / RT_PAGE, some; pages > 0 && err == E_OK;
	     pages -= some, start += some * RT_PAGE) {
		some = pages < PIN_MAX ? pages : PIN_MAX;
		const struct rm_thread_pin_in in = { .start = start, .count = (uint16_t)some };
		err = rm_thread_pin(thread, &in);
	}
	return err;
}

/* The image, region by region. */
static err_t pin_image(cptr_t thread)
{
	struct rm_region_query_in in = { .at = (uint64_t)__executable_start };
	struct rm_region_query_out out;
	while (in.at < (uint64_t)_end) {
		err_t err = rm_region_query(RT_VSPACE, &in, &out);
		if (err != E_OK || out.region.start >= (uint64_t)_end)
			return err == E_NOENT ? E_OK : err;
		uint64_t end = out.region.start + out.region.size * RT_PAGE;
		err = pin(thread, out.region.start, end);
		if (err != E_OK)
			return err;
		in.at = end;
	}
	return E_OK;
}

static err_t prepare(struct rt_handler *h)
{
	uint64_t stack = (uint64_t)h->worker.stack;
	h->thread = rt_local()->thread;
	h->endpoint = rt_slot_get();
	h->reply = rt_slot_get();
	err_t err = h->endpoint && h->reply ? rm_reply_create(RT_TASK, rt_slot(h->reply)) : E_LIMIT;
	if (err == E_OK)
		err = pin_image(h->thread);
	if (err == E_OK)
		err = pin(h->thread, stack + RT_PAGE, stack + RT_PAGE + STACK);
	const struct rm_handler_create_in in = { .stack = (uint64_t)__builtin_frame_address(0) };
	return err == E_OK ? rm_handler_create(h->thread, &in, rt_slot(h->endpoint)) : err;
}

/* -- faults ------------------------------------------------------------------------------------ */

struct message {
	uint8_t kind;
	unsigned int count;
	uint64_t words[20];
};

/* Where and how a page fault was. */
static struct rt_gone gone_of(const struct message *m)
{
	enum { ERROR_WRITE = 2 };
	return (struct rt_gone){ .instruction = m->words[0],
		                 .at = m->words[1],
		                 .access = m->words[2]                 ? RM_ACCESS_EXECUTE
		                           : m->words[3] & ERROR_WRITE ? RM_ACCESS_WRITE
		                                                       : RM_ACCESS_READ };
}

static bool aborts(const volatile struct guard *guard, uint64_t at)
{
	return guard->mode == GUARD_ABORT && at >= guard->low && at < guard->high &&
	       guard->landing < RM_USER_TOP && guard->stack < RM_USER_TOP;
}

/* The thread goes on as its guard says. */
static err_t abort_access(cptr_t thread, volatile struct guard *guard, uint64_t at)
{
	struct rm_thread_read_registers_out now;
	err_t err = rm_thread_read_registers(thread, &now);
	if (err != E_OK)
		return err;
	struct rm_thread_write_registers_in next = { .registers = now.registers };
	next.registers.rip = guard->landing;
	next.registers.rsp = guard->stack;
	err = rm_thread_write_registers(thread, &next);
	if (err != E_OK)
		return err;
	guard->mode = GUARD_NONE;
	if (guard->result == 0) {
		guard->result = E_GONE;
		guard->address = at;
	}
	return E_OK;
}

static bool pass(cptr_t thread, const struct message *m)
{
	struct rm_thread_fault_pass_in in = { .kind = m->kind, .message_count = m->count };
	struct rm_thread_fault_pass_out out = { 0 };
	__builtin_memcpy(in.message, m->words, sizeof(in.message));
	return rm_thread_fault_pass(thread, &in, &out) == E_OK &&
	       out.result == RM_FAULT_RESULT_RESUME;
}

/* True: the fault is to be answered. */
static bool handle(struct rt_handler *h, unsigned int i, const struct message *m)
{
	cptr_t thread = h->handled[i].thread;
	struct rt_gone it = gone_of(m);
	const struct rm_thread_fault_in in = { .at = it.at, .access = it.access };
	struct rm_thread_fault_out out = { 0 };
	bool is_page = m->kind == FAULT_VM && m->count >= 4;
	if (!is_page || rm_thread_fault(thread, &in, &out) != E_OK)
		return pass(thread, m);
	if (out.result == RM_FAULT_RESULT_RESUME || out.result == RM_FAULT_RESULT_WAIT)
		return out.result == RM_FAULT_RESULT_RESUME;
	it.session = out.session;
	it.in_place = out.result != RM_FAULT_RESULT_GONE || !aborts(h->handled[i].guard, it.at);
	if (it.in_place ? !pass(thread, m)
	                : abort_access(thread, h->handled[i].guard, it.at) != E_OK)
		return false;
	if (h->gone)
		h->gone(h->arg, &it);
	return true;
}

static int handler_main(void *arg)
{
	struct rt_handler *h = arg;
	h->err = prepare(h);
	h->started = 1;
	(void)rt_futex_wake(&h->started, 1);
	if (h->err != E_OK)
		return 1;
	struct sel4_msg m = sel4_recv(h->endpoint, h->reply);
	for (;;) {
		struct message it = { .kind = (uint8_t)abi_msginfo_label(m.info),
			              .count = (unsigned int)abi_msginfo_length(m.info) };
		for (unsigned int i = 0; i < it.count && i < 20; i++)
			it.words[i] = i < ABI_MSG_REGS ? m.mr[i] : sel4_ipc_buffer()->msg[i];
		bool answers = handle(h, (unsigned int)m.badge - 1, &it);
		m = (struct sel4_msg){ 0 };
		m = answers ? sel4_reply_recv(h->endpoint, m, h->reply)
		            : sel4_recv(h->endpoint, h->reply);
	}
}

err_t rt_handler_start(struct rt_handler *h, void (*gone)(void *arg, const struct rt_gone *it),
                       void *arg, const struct rm_schedule *schedule)
{
	*h = (struct rt_handler){ .gone = gone, .arg = arg };
	err_t err = rt_worker_start(&h->worker, handler_main, h, STACK, schedule);
	if (err != E_OK)
		return err;
	while (!h->started)
		(void)rt_futex_wait(&h->started, 0, RT_FOREVER);
	if (h->err == E_OK)
		return E_OK;
	(void)rt_worker_join(&h->worker);
	rt_slot_put(h->endpoint);
	rt_slot_put(h->reply);
	return h->err;
}

err_t rt_handler_add(struct rt_handler *h)
{
	cptr_t thread = rt_local()->thread;
	unsigned int i = __atomic_fetch_add(&h->count, 1, __ATOMIC_RELAXED);
	if (i >= RT_HANDLED_MAX)
		return E_LIMIT;
	h->handled[i].thread = thread;
	h->handled[i].guard = (volatile struct guard *)((char *)sel4_ipc_buffer() + GUARD_OFFSET);
	return rm_handler_set(thread, h->thread, &(struct rm_handler_set_in){ .badge = i + 1ul });
}
