/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Debug system calls, in the debug build only (seL4 manual, section 2.2.2).
 * DebugSnapshot checks the whole system's consistency (check.c) and returns how many violations.
 */
#include "arch.h"
#include "cspace.h"

static const char *state_name(const struct tcb *thread)
{
	static const char *const names[] = { "inactive",       "running",      "restart",
		                             "blocked recv",   "blocked send", "blocked reply",
		                             "blocked signal", "idle" };
	return names[thread->state];
}

static void dump_thread(const struct tcb *thread)
{
	kprintf("  %p %s prio %u mcp %u ip %lx sc %p %s\n", (const void *)thread,
	        state_name(thread), thread->priority, thread->mcp, thread->ctx.rip,
	        (void *)thread->sc, thread->name);
}

static void dump_scheduler(void)
{
	struct slot *slot;
	kprintf("kernel: threads (now %lu, current %p)\n", (unsigned long)now, (void *)current);
	for (slot = cdt_first(); slot; slot = slot->next) {
		if (cap_type(slot->cap) == CAP_TCB &&
		    !cap_same_object(slot_prev(slot)->cap, slot->cap))
			dump_thread(cap_tcb(slot->cap));
	}
}

static void cap_identify(struct tcb *thread)
{
	struct slot *slot;
	word_t cptr = thread->ctx.rdi;
	thread->ctx.rdi =
	        cspace_lookup(thread, cptr, &slot) == DONE ? cap_type(slot->cap) : CAP_NULL;
}

/* The name is a string in the IPC buffer, from msg[0] on. */
static void name_thread(struct tcb *thread)
{
	struct slot *slot;
	if (cspace_lookup(thread, thread->ctx.rdi, &slot) != DONE ||
	    cap_type(slot->cap) != CAP_TCB) {
		kprintf("kernel: DebugNameThread: capability %lx is not a TCB\n", thread->ctx.rdi);
		return;
	}
	if (!thread->buffer) {
		kprintf("kernel: DebugNameThread: the caller has no IPC buffer\n");
		return;
	}
	const char *from = (const char *)thread->buffer->msg;
	char *to = cap_tcb(slot->cap)->name;
	size_t i = 0;
	for (; i < TCB_NAME_LEN - 1 && from[i]; i++)
		to[i] = from[i] >= ' ' && from[i] < 127 ? from[i] : '?';
	to[i] = 0;
}

bool debug_syscall(long nr)
{
	switch (nr) {
	case SYS_DEBUG_PUT_CHAR:
		plat_console_putc(current->ctx.rdi);
		return true;
	case SYS_DEBUG_DUMP_SCHEDULER:
		dump_scheduler();
		return true;
	case SYS_DEBUG_HALT:
		kprintf("kernel: halted by DebugHalt\n");
		plat_halt();
	case SYS_DEBUG_CAP_IDENTIFY:
		cap_identify(current);
		return true;
	case SYS_DEBUG_SNAPSHOT:
		current->ctx.rdi = debug_check();
		return true;
	case SYS_DEBUG_NAME_THREAD:
		name_thread(current);
		return true;
	default:
		return false;
	}
}
