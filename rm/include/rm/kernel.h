/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the resource manager's core wants of the kernel: the only way in which it acts. rm/sel4
 * implements these by invocations (seL4 manual, chapter 10; each op names its own), tests/sim by a
 * simulated kernel that enforces what seL4 enforces.
 *
 * A slot is a capability's address in rm's CSpace, as an invocation takes it. What is acquired may
 * fail, with the kernel's error, and then nothing changed. What gives up cannot fail: its slot
 * holds what the core knows to be there.
 */
#pragma once
#include <abi/abi.h>
#include <stdbool.h>
#include <stdint.h>

typedef uint64_t slot_t; /* 0: none */

/* Of a capability to an endpoint or notification, as it is handed out. */
enum cap_rights {
	CAP_SEND = RIGHT_WRITE | RIGHT_GRANT | RIGHT_GRANT_REPLY,
	CAP_RECEIVE = RIGHT_READ,
	CAP_ALL = RIGHTS_ALL,
};

/* A thread as the core sets it up; slots are rm's. */
struct kernel_thread {
	slot_t tcb, sched_context, cnode, vspace;
	uint64_t cnode_guard; /* bits of the guard of the CSpace's root */
	uint64_t buffer;      /* address of the IPC buffer */
	slot_t buffer_frame;
	slot_t fault_endpoint; /* copied into the thread; 0: it keeps the one that it has */
	uint64_t badge;        /* of its scheduling context, which timeout faults tell */
	uint8_t priority, priority_max;
};

struct kernel_ops {
	/* -- objects: Untyped_Retype, CNode_* -------------------------------------------------- */
	/* count objects in the slots from dest on; size_bits as Untyped_Retype takes it. */
	enum abi_error (*retype)(void *kernel, slot_t untyped, enum abi_object type,
	                         unsigned int size_bits, slot_t dest, unsigned int count);
	/* A CNode of SLOT_PAGE slots, out of an untyped of 4 KiB, becomes part of rm's CSpace. */
	enum abi_error (*slots_add)(void *kernel, slot_t untyped, uint32_t slot_page);
	/* The same one level above: what slot pages hang in. */
	enum abi_error (*slots_directory)(void *kernel, slot_t untyped, uint32_t directory);
	enum abi_error (*copy)(void *kernel, slot_t dest, slot_t src, unsigned int rights);
	enum abi_error (*mint)(void *kernel, slot_t dest, slot_t src, unsigned int rights,
	                       uint64_t badge);
	void (*remove)(void *kernel, slot_t slot); /* CNode_Delete */
	void (*revoke)(void *kernel, slot_t slot);
	/* Revokes an untyped of a page, and makes one frame of it, in dest, which is empty then. */
	void (*reframe)(void *kernel, slot_t untyped, slot_t dest);
	void (*cancel_sends)(void *kernel, slot_t slot);
	/* Into slot index, of index_bits, of another CSpace's root CNode. */
	enum abi_error (*give)(void *kernel, slot_t cnode, uint64_t index, unsigned int index_bits,
	                       slot_t src);

	/* Moves the capability of the i-th page that rm was given at boot; it is unmapped then. */
	enum abi_error (*adopt)(void *kernel, slot_t dest, uint32_t i);

	/* -- address spaces: X86_* ------------------------------------------------------------- */
	/* Gives a PML4 its ASID; LIMIT of the kernel: ERR_DELETE_FIRST when there are no more. */
	enum abi_error (*vspace_init)(void *kernel, slot_t vspace);
	/* X86_ASIDControl_MakePool, of an untyped of 4 KiB; for as long as the machine runs. */
	enum abi_error (*asid_pool_add)(void *kernel, slot_t untyped);
	/* level 1: page table, 2: page directory, 3: PDPT. */
	enum abi_error (*table_map)(void *kernel, slot_t table, unsigned int level, slot_t vspace,
	                            uint64_t address);
	void (*table_unmap)(void *kernel, slot_t table, unsigned int level);
	enum abi_error (*page_map)(void *kernel, slot_t page, slot_t vspace, uint64_t address,
	                           unsigned int rights, unsigned int attributes);
	void (*page_unmap)(void *kernel, slot_t page);
	/* Maps an original frame capability in rm's own window, where page says (window_page()). */
	enum abi_error (*window_map)(void *kernel, slot_t frame, uint32_t page);
	enum abi_error (*window_table)(void *kernel, slot_t table, uint32_t page);

	/* -- threads: TCB_*, SchedControl_*, SchedContext_* */
	enum abi_error (*thread_init)(void *kernel, const struct kernel_thread *thread);
	enum abi_error (*thread_schedule)(void *kernel, const struct kernel_thread *thread,
	                                  uint32_t budget_us, uint32_t period_us);
	enum abi_error (*thread_read)(void *kernel, slot_t tcb, struct abi_user_context *context);
	enum abi_error (*thread_write)(void *kernel, slot_t tcb,
	                               const struct abi_user_context *context);
	/* Both have it: the thread's context becomes the notification's, which lends it to who is
	 * waiting there when it is signalled. When a budget ends on which the thread runs, that
	 * endpoint is told. TCB_SetTimeoutEndpoint, SchedContext_UnbindObject, SchedContext_Bind.
	 */
	enum abi_error (*thread_lend)(void *kernel, slot_t sched_context, slot_t tcb,
	                              slot_t notification, slot_t timeout_endpoint);
	/* Refused if the thread has not that context: SchedContext_UnbindObject. If it has one, or
	 * another thread has that, or it waits and there is no budget: SchedContext_Bind. */
	enum abi_error (*context_take)(void *kernel, slot_t sched_context, slot_t tcb);
	enum abi_error (*context_give)(void *kernel, slot_t sched_context, slot_t tcb);
	void (*thread_suspend)(void *kernel, slot_t tcb);
	void (*thread_resume)(void *kernel, slot_t tcb);
	enum abi_error (*thread_bind)(void *kernel, slot_t tcb, slot_t notification);

	/* -- messages -------------------------------------------------------------------------- */
	void (*signal)(void *kernel, slot_t notification);
	/* Answers whoever waits on the reply object; nothing happens if nobody does. */
	void (*answer)(void *kernel, slot_t reply, uint64_t label, const uint64_t *words,
	               unsigned int length, slot_t cap);

	/* -- the machine ----------------------------------------------------------------------- */
	enum abi_error (*ports_issue)(void *kernel, slot_t dest, uint16_t first, uint16_t last);
	enum abi_error (*irq_issue)(void *kernel, slot_t dest, uint8_t ioapic, uint8_t pin,
	                            bool level, bool low, uint8_t vector);
	void (*log)(void *kernel, const char *text);
	/* A line of the trace. NULL: no trace here. */
	void (*trace)(void *kernel, const char *line);
	/* Since the machine was switched on. */
	uint64_t (*time_ns)(void *kernel);
	void (*off)(void *kernel, bool good);
};
