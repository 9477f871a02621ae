/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The simulation of the resource manager's core: a kernel that enforces what seL4 enforces
 * (kernel.c), programs that do whatever a seed says (main.c and the files named there), and checks.
 */
#pragma once
#include <rm/core.h>

/* -- failing ---------------------------------------------------------------------------------- */

/* Something does not hold: says where, the last of the history, and ends. */
_Noreturn void sim_fail(const char *format, ...) __attribute__((format(printf, 1, 2)));
#define MUST(x, ...) (__builtin_expect(!!(x), 1) ? (void)0 : sim_fail(__VA_ARGS__))

/* -- the kernel (kernel.c) --------------------------------------------------------------------- */

enum {
	SIM_SLOT_PAGES = 1 << 14,
	SIM_RM_CAPS = SIM_SLOT_PAGES << SLOT_PAGE_BITS, /* rm's slots are capabilities 0 on */
	SIM_CNODES = 1 << 12,
	SIM_TCBS = 1 << 12,
	SIM_HELD = 1 << 12,
	SIM_SYSTEM = SIM_SLOT_PAGES * 2 + 4096, /* CNodes of rm's CSpace, pools of ASIDs */
	SIM_CAP_CNODES = SIM_RM_CAPS,
	SIM_CAP_TCBS = SIM_CAP_CNODES + (SIM_CNODES << SLOT_PAGE_BITS),
	SIM_CAP_HELD = SIM_CAP_TCBS + SIM_TCBS * 4,
	SIM_CAP_SYSTEM = SIM_CAP_HELD + SIM_HELD,
	SIM_CAPS = SIM_CAP_SYSTEM + SIM_SYSTEM,
	SIM_OBJECTS = 1 << 21,
	SIM_TABLES = 1 << 15,
	SIM_ASIDS = 4096,
	SIM_ASIDS_POOL = 512,
	SIM_PAGES = 1 << 20, /* of physical memory, holes included */
	SIM_CALLS = 1 << 10,
	SIM_PORTS = 64,
	SIM_BOOT_SLOTS = 512,
	SIM_ASID_WINDOW = 0xffff,
};

enum sim_type {
	SIM_NONE,
	SIM_UNTYPED,
	SIM_TCB,
	SIM_ENDPOINT,
	SIM_NOTIFICATION,
	SIM_CNODE,
	SIM_SC,
	SIM_REPLY,
	SIM_TABLE, /* level in bits */
	SIM_PML4,
	SIM_FRAME,
	SIM_PORT,
	SIM_IRQ,
	SIM_TYPES,
};

struct sim_cap {
	union {
		uint64_t badge;
		uint64_t address; /* of a mapping */
	};
	uint32_t object, parent, child, next, prev;
	uint16_t asid; /* where it is mapped; 0: nowhere */
	uint8_t type, rights;
	bool revocable;
	bool is_copy; /* of an untyped */
};

struct sim_object {
	uint64_t base;
	/* Of an untyped: its mark; of a notification: its word; of a lent context: its TCB. */
	uint64_t used;
	uint32_t refs, data;
	uint32_t lends; /* a notification's scheduling context, and that one's notification */
	uint8_t type, bits;
	bool is_device;
};

enum sim_thread_state { SIM_INACTIVE, SIM_RUNNING, SIM_IN_FAULT };

struct sim_tcb {
	uint32_t object, sched_context, notification;
	uint64_t timeout_badge; /* of its timeout endpoint; 0: it has none */
	bool works, was_sent;   /* passive, with a request; which brought no context */
	uint64_t address;       /* the driver's: what it was doing when it faulted */
	uint8_t access;
	uint8_t state;
	bool asked; /* a handler asked about a fault of it: it may say anything */
	struct abi_user_context context;
};

enum sim_call_state { SIM_CALL_FREE, SIM_CALL_QUEUED, SIM_CALL_HELD };

/* A caller who waits: in an endpoint's queue, or on a reply object. */
struct sim_call {
	uint8_t state;
	uint32_t next; /* in the queue */
	uint32_t object;
	uint64_t badge;
	uint32_t user; /* the driver's */
};

enum {
	SIM_TABLE_WRITE = 1 << 30,
	SIM_TABLE_LARGE = 1 << 29, /* of a page directory: a frame, not a table */
	SIM_TABLE_OBJECT = SIM_TABLE_LARGE - 1
};

struct sim_kernel {
	struct sim_cap *caps;
	struct sim_object *objects;
	uint32_t (*tables)[512];
	struct sim_tcb *tcbs;
	struct sim_call calls[SIM_CALLS];
	uint32_t *free_objects, *free_tables, *free_tcbs, *free_cnodes, *free_held;
	uint32_t objects_free, objects_end, tables_free, tables_end, tcbs_free, tcbs_end;
	uint32_t cnodes_free, cnodes_end, held_free, held_end;
	uint32_t caps_end; /* of rm's, that were ever used */
	uint32_t live[SIM_TYPES];
	uint32_t asids[SIM_ASIDS]; /* PML4 objects */
	uint32_t asid_limit, asid_max, asid_pools;
	uint32_t flat_end; /* slot pages below it need no directory */
	/* Physical memory: where it is, and whether it must be cleared. */
	char *physical, *window;
	bool *touched;
	uint32_t *window_frames; /* objects, by page of the window; a large one's first */
	uint32_t *window_tables;
	uint64_t window_pages, physical_pages;
	uint8_t *slot_page_there, *directory_there;
	uint8_t ports[SIM_PORTS];
	uint32_t irqs;
	/* Failures: the n-th op that acquires from now on fails; 0: none. */
	uint64_t fail_in, fail_every, acquired;
	uint64_t failed;
	uint64_t ops; /* all */
	uint64_t signals;
	uint64_t device_frames, large_frames, large_made;
	uint64_t pages_used, frames_of_pages; /* untypeds of a page with something in them */
	uint64_t adopted;                     /* physical address of what was loaded at boot */
	slot_t may_be_empty;
	uint64_t now_ns;
	bool off;
};

extern const struct kernel_ops sim_kernel_ops;

/* A new machine. Memory is given to it by sim_boot_untyped. */
void sim_kernel_init(struct sim_kernel *k);
void sim_boot_untyped(struct sim_kernel *k, slot_t slot, uint64_t base, unsigned int bits,
                      bool is_device);
void sim_boot_endpoint(struct sim_kernel *k, slot_t slot);

/* A capability that a program holds outside of any CNode: a copy of another, as a message brings
 * it. */
uint32_t sim_hold(struct sim_kernel *k, uint32_t from);
void sim_drop(struct sim_kernel *k, uint32_t held);
static inline bool sim_is_held(const struct sim_kernel *k, uint32_t held)
{
	return held && k->caps[held].type != SIM_NONE;
}
/* A received capability into a slot of rm's. */
bool sim_receive(struct sim_kernel *k, slot_t slot, uint32_t from);
bool sim_can_copy(const struct sim_kernel *k, uint32_t from);
/* A program makes an object of an untyped that it holds, and holds that; 0: there is no room. */
uint32_t sim_retype(struct sim_kernel *k, uint32_t untyped, enum abi_object type,
                    unsigned int size_bits);

/* A caller waits on a reply object of rm's, or in an endpoint's queue. */
uint32_t sim_call_held(struct sim_kernel *k, slot_t reply, uint32_t user);
uint32_t sim_call_queue(struct sim_kernel *k, uint32_t held, uint32_t user);
/* The first in the queue moves on to a reply object; 0: nobody. */
uint32_t sim_call_receive(struct sim_kernel *k, uint32_t endpoint_object, uint32_t reply_object);

void sim_call_answer(struct sim_kernel *k, uint32_t reply_object);

/* A thread that runs; 0: none was found. Of it: its address space, where its faults go. */
uint32_t sim_some_thread(const struct sim_kernel *k, uint32_t from);
const struct sim_cap *sim_thread_space(const struct sim_kernel *k, uint32_t tcb);
const struct sim_cap *sim_thread_handler(const struct sim_kernel *k, uint32_t tcb);

bool sim_thread_whole(const struct sim_kernel *k, uint32_t tcb);

/* Frames that are mapped in an address space. */
uint64_t sim_mapped(const struct sim_kernel *k, uint32_t pml4);

/* What an address maps; 0: nothing. *write: it may be written. The frame may be one of 2 MiB. */
uint32_t sim_walk(const struct sim_kernel *k, uint32_t pml4, uint64_t address, bool *write);
/* The bytes of a frame's page of that number, counted from any multiple of its size on. */
char *sim_content(struct sim_kernel *k, uint32_t frame, uint64_t page);

/* The driver's: a caller's wait is over. cancelled: by the kernel, without a server's answer. */
void sim_answered(uint32_t user, uint64_t label, const uint64_t *words, unsigned int length,
                  uint32_t cap, bool cancelled);
void sim_logged(const char *text);

/* Everything of the kernel's own is in order. Walks all. */
void sim_kernel_check(const struct sim_kernel *k);
