/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The resource manager's core: a state machine that owns all memory. It is given requests and
 * faults, one at a time, and acts through struct kernel_ops; it never waits and makes no system
 * call. rm/README.md is the map; each core/x.c opens with its part's rules.
 *
 * Physical memory is numbered: a frame_t is a chunk's number and a page in it. Everything that rm
 * gives out, frames, kernel objects, slots of its CSpace and its own records alike, is made of
 * whole pages, each charged to one bank (I2).
 *
 * Objects live in one slot map; a capability to one is a capability to rm's endpoint whose badge
 * is the object's id, with what the capability is for (enum facet, rights) in the top four bits.
 *
 * Long work: an object that dies, or is being copied, is put on rm->jobs, and rm_step() does a
 * bounded part of the first one (I5).
 */
#pragma once
#include <lib/bitmap.h>
#include <lib/deadline.h>
#include <lib/interval.h>
#include <lib/list.h>
#include <lib/radix.h>
#include <lib/slab.h>
#include <lib/slotmap.h>
#include <proto/rm.h>
#include <rm/kernel.h>

typedef uint32_t frame_t; /* 0: none */

enum {
	PAGE_BITS = 12,
	PAGE = 1 << PAGE_BITS,
	SLOT_PAGE_BITS = 7,
	SLOT_PAGE = 1 << SLOT_PAGE_BITS, /* slots in a CNode of one page */
	CHUNK_BITS = 7,
	CHUNK_PAGES = 1 << CHUNK_BITS,
	LARGE_BITS = 21,
	LARGE_PAGES = 1 << (LARGE_BITS - PAGE_BITS),
	BOOT_KERNEL_PAGES = 7, /* untypeds of 4 KiB that rm starts with */
	BULKS_MAX = 230,
	DEVICE_CHUNKS_MAX = 256,
	PRIORITY_PROGRAMS = 253, /* the highest of programs; rm's own are above */
	STEP_PAGES = 8,          /* pages that one step of a long operation handles */
	SUPPLY_MAX = 64,         /* that a pager supplies, or is told of, at once */
	AROUND_MAX = 16,         /* pages that one fault maps */
	AROUND_FILLED = 8,       /* or makes */
	CLEARED_LOW =
	        32, /* frames cleared in advance: more are made below the one, up to the other */
	CLEARED_WANTED = 320,
	READY_LOW = 16, /* the same for frames that rm can write to at once */
	READY_WANTED = 48,
};

/* What a page of a chunk is used for. */
enum frame_use {
	FRAME_ABSENT, /* not in any chunk that is open */
	FRAME_CLEARED,
	FRAME_DIRTY, /* free, its content somebody's */
	FRAME_READY, /* the same, in rm's window already, by a copy */
	FRAME_PAGE,  /* of a dataspace */
	FRAME_META,  /* rm's own records */
	FRAME_META_FREE,
	FRAME_KERNEL_FREE,
	FRAME_KERNEL,      /* one kernel object */
	FRAME_SLOTS,       /* a slot page; free: its free slots */
	FRAME_SMALL,       /* SMALL_OBJECTS small objects; free[0]: those free; number: slot page */
	FRAME_SMALL_SLOTS, /* its slots; free[0]: the FRAME_SMALL */
};

enum { SMALL_OBJECTS = SLOT_PAGE / 2, SMALL_BITS = 6 };

struct frame {
	frame_t next, prev; /* in a list of frames */
	union {
		struct {
			struct mapping *maps; /* all of them */
			struct page *page;
		};
		uint64_t free[2];
	};
	uint32_t number;    /* of a slot page: in rm's CSpace */
	uint8_t use;        /* enum frame_use */
	bool in_window;     /* by the original, or by a copy in the chunk's window_page */
	bool original_used; /* the original is what a mapping is made with, or the window */
	bool has_page_slot; /* of a kernel page that became a frame: see frame_slot() */
};

struct frame_list {
	frame_t first;
	uint32_t count;
};

enum chunk_kind {
	CHUNK_NONE,
	CHUNK_RAW, /* an untyped */
	CHUNK_FRAMES,
	CHUNK_META,      /* frames for rm's own records */
	CHUNK_KERNEL,    /* untypeds of 4 KiB; a second slot page for what is made of each */
	CHUNK_ADOPTED,   /* frames that the kernel gave at boot: never closed */
	CHUNK_DEVICE,    /* of one device dataspace; free: pages in use */
	CHUNK_LARGE_RAW, /* an untyped of 2 MiB */
	CHUNK_LARGE,     /* a frame of 2 MiB */
	CHUNK_SPLIT,     /* 2 MiB that are four other chunks, or one frame, now */
};

struct chunk {
	slot_t untyped;
	uint64_t base; /* physical address */
	struct frame *frames;
	/*
	 * Of the pages' capabilities; what is made of kernel pages; their copies for rm's window.
	 */
	uint32_t slot_page, object_page, window_page;
	uint32_t next, prev; /* in the list of its kind: raw ones, or those wholly free */
	uint32_t parent;     /* the split one that it is part of, or 0 */
	uint16_t free;       /* pages; of a split one: chunks that are raw */
	uint8_t kind;
	uint8_t pages_bits; /* of its size */
	uint8_t made;       /* so many of its pages are there, the first ones */
};

struct chunk_list {
	uint32_t first, count;
};

/* Memory as the kernel gave it, of which chunks are cut from the bottom up. */
struct bulk {
	slot_t untyped;
	uint64_t base;
	uint64_t used; /* bytes */
	uint8_t bits;
};

/* -- objects -------------------------------------------------------------------------------- */

enum kind {
	KIND_BANK = RM_OBJECT_BANK,
	KIND_DATASPACE = RM_OBJECT_DATASPACE,
	KIND_PAGER = RM_OBJECT_PAGER, /* only of capabilities: the object is a dataspace */
	KIND_VSPACE = RM_OBJECT_VSPACE,
	KIND_TASK = RM_OBJECT_TASK,
	KIND_THREAD = RM_OBJECT_THREAD,
	KIND_SYSTEM = RM_OBJECT_SYSTEM,
	KIND_SESSION,
	KIND_ROOT,
	KIND_NOTIFICATION,
	KIND_SHARE,
	KIND_DONATION,
};

/* The top four bits of a badge: rights to a dataspace, or what else the capability is for. */
enum facet {
	FACET_SHIFT = 60,
	FACET_RIGHTS = 7,
	FACET_PRIVILEGE = 1, /* of any object but a dataspace */
	FACET_OTHER = 8,     /* a thread's faults; a dataspace's pager */
};

struct object {
	struct list link; /* in its bank's objects, or in rm->jobs: it dies, or is in the making */
	struct bank *bank;
	uint8_t kind;
	bool dying;
	uint32_t holders;    /* of a dataspace: who else needs it; it goes when there are none */
	struct list waiters; /* callers who are answered when it is gone */
};

/* A caller who is answered later. */
struct waiter {
	struct list link;
	struct bank *bank; /* who pays for this */
	slot_t reply;
	uint8_t method;
	uint32_t number; /* of the request, in a trace */
};

/* Something that a task is to be told; it stands in what it is about. */
struct event {
	struct list link; /* in the task's events; alone: not queued */
	uint8_t number;   /* enum rm_event */
};

/* Records: pages; regions, waiters, grants, watches; nodes of radix trees, names. */
enum { SLAB_PAGE, SLAB_RECORD, SLAB_NODE, SLABS };
enum { REPLIES_KEPT_MAX = 8 };
enum { RECORD_BYTES = 168 };

/* All amounts are in pages. */
struct bank {
	struct object object;
	struct bank *parent; /* who funds it, and gets its limit back; NULL: the root */
	struct list children, sibling;
	struct list objects; /* that it pays for, the dying ones not among them */
	uint32_t object_count, child_count;
	uint32_t waits; /* of callers, that it pays for */
	uint64_t limit, used;
	uint64_t guarantee;
	uint8_t priority_max;
	uint64_t pinned, pin_limit;
	struct session *session; /* whose bank it is, if one's */
	struct list lent;        /* donations that it gets its limit back from */
	struct rm *rm;
	struct lib_pages pages;
	struct list entries; /* its pages of the slot map that have free places */
	struct frame_list slots, small;
	struct slab slab[SLABS];
};

/* A page of memory, in one dataspace or, until one of them writes, in several of one bank. */
struct page {
	frame_t frame; /* FRAME_PAGE; of CHUNK_LARGE: LARGE_PAGES pages in one; 0: to come */
	uint32_t holders;
	uint32_t pins;
};

/* 2 MiB of a dataspace, as far as they are in one page: it is mapped as one while all of it is. */
struct large {
	struct page *page;
	uint32_t count;
	uint64_t has[LARGE_PAGES / 64]; /* bits: the others are elsewhere, or nowhere */
};

/* Long work on a dataspace. */
enum dataspace_work { WORK_NONE, WORK_FILL, WORK_TRIM, WORK_HIDE, WORK_COPY, WORK_COPY_LARGE };

struct dataspace {
	struct object object;
	struct radix pages; /* to struct page */
	struct radix large; /* by page number / LARGE_PAGES, to struct large */
	uint64_t size;
	struct dataspace *backing; /* where pages are that are not here; never itself backed */
	struct list shadows, shadow_link;
	struct list shares;        /* of its pages */
	uint32_t seals;            /* of them, those that are sealed: no page goes */
	struct interval_map away;  /* its pages that are donated, by their numbers */
	struct donation *giving;   /* one that is being moved out of it, or back */
	struct donation *donation; /* that its pages come from */
	struct list regions;
	uint32_t regions_count;
	uint8_t kind, flags, caching, rights;
	bool internal; /* no capability to it: goes with its last holder */
	bool lost;     /* what is absent cannot be had any more: no pager, no backing */
	uint8_t work;  /* enum dataspace_work */
	uint64_t cursor;
	struct dataspace *source, *copy; /* of a copy in the making; see dataspace.c */
	uint64_t copy_first, hidden;
	struct vspace *copied_by; /* whose copy it is part of */
	struct list working;      /* callers who are answered when the work is done */
	struct list waiters;      /* faults that wait for one of its pages */
	uint64_t physical;        /* of a device's */
	uint64_t resident;        /* pages */
	/* Of one with a pager. */
	struct task *pager;
	struct list pager_link;
	uint64_t cookie;
	uint32_t deadline_ms;
	struct deadline deadline;
	struct event read_event, detached_event;
};

struct region {
	struct interval interval;
	struct vspace *vspace;
	struct dataspace *dataspace; /* NULL: gone */
	struct list link;            /* in the dataspace's regions */
	struct list ending;          /* in the vspace's: it is unmapped, in steps */
	uint64_t first;              /* page of the dataspace at its start */
	uint64_t next_touch;         /* where a fault is expected if it is touched in order */
	uint8_t rights, rights_max, flags, inherit, around;
	/*
	 * Of a window: ids, for any may be gone; 0: none. Whose client is to blame for missing
	 * pages, what stands in for them.
	 */
	uint8_t policy;
	uint64_t share, session, substitute;
};

/* A capability to a frame in a leaf's slot, and where it is mapped. */
enum mapping_state { MAPPING_NONE, MAPPING_STALE, MAPPING_LIVE };

struct mapping {
	struct mapping *next, **prev; /* in the frame's maps */
	frame_t frame;
	uint8_t state;
	bool writable, original;
};

/* What is mapped in 512 KiB of an address space: one page. Of 2 MiB, if that is one frame. */
struct leaf {
	struct vspace *vspace;
	uint64_t base;
	frame_t slots; /* FRAME_KERNEL page that is the CNode of its capabilities */
	uint32_t slot_page;
	uint32_t used, live;
	bool has_table; /* its page table is there, and mapped; if large, the table above */
	bool large;
	struct mapping map[SLOT_PAGE];
};

/* A fault that waits for a page: a thread's, or one that a handler asked about. */
struct fault {
	struct list link; /* in a dataspace's waiters, or in rm->retry */
	struct vspace *vspace;
	struct thread *thread; /* NULL: somebody asks about it */
	uint64_t address, page;
	uint64_t token;
	uint64_t since_ns; /* when it began to wait for a page */
	/* Without a thread: who is told, in whose list of such it is, and how. */
	struct task *asker;
	struct list asked_link;
	struct event event;
	uint8_t access, result;
	bool told;  /* the pager knows that the page is wanted */
	bool paged; /* it waits for a pager */
};

struct vspace {
	struct object object;
	struct interval_map regions;
	struct radix leaves; /* by address >> LEAF_BITS */
	struct leaf *recent; /* looked up last, or NULL */
	struct radix tables; /* by table_key(): frame << 1 | mapped */
	frame_t root;        /* FRAME_KERNEL: the PML4; 0: gone */
	struct list tasks;
	struct list ending; /* regions of which mappings are left */
	struct list ending_waiters;
	struct task *handler; /* who asks about its faults */
	struct list handler_link, asked;
	uint64_t cookie;
	/* A copy in the making; of source, whose copier it is. */
	struct vspace *source, *copier;
	struct list copying; /* the caller who waits */
	struct list waiters; /* faults, while it is being copied */
	uint64_t cursor;
	uint8_t phase;
	/* The caller who waits until all is laid out; how far that is, pages that it took. */
	struct list populating;
	uint64_t populate_at, populated;
};

enum { LEAF_BITS = PAGE_BITS + SLOT_PAGE_BITS, TABLE_BITS = 21, LEVELS = 3 };

struct task {
	struct object object;
	struct vspace *vspace;
	struct list vspace_link;
	frame_t cnode; /* FRAME_KERNEL: the root of its CSpace */
	struct frame_list cnode_leaves;
	uint8_t slot_bits, state, reason;
	uint32_t status;
	uint32_t thread_count, session_count, event_count;
	struct list threads, client_sessions, server_sessions, names, grants, watches, watchers;
	struct list pagers, handled;    /* dataspaces and vspaces that it serves */
	struct list awaited;            /* pages of windows that it would not wait for: faults */
	struct list replies, endpoints; /* reply objects that it was given, where it receives */
	struct list events;
	struct event probed; /* until it is taken, its deadline runs */
	struct deadline probe;
	slot_t event_object, event_slot; /* the notification; a capability with its badge */
	struct thread *passive;          /* its passive server; NULL: none */
	struct list passive_link;
	struct deadline watch; /* when that is looked after next */
	uint64_t fault_address, fault_instruction;
	char name[RM_NAME_MAX + 1];
};

enum thread_state { THREAD_NEW, THREAD_RUNNING, THREAD_STOPPED };

struct thread {
	struct object object;
	struct task *task;
	struct list link;
	frame_t page; /* FRAME_KERNEL: the untyped of both objects */
	slot_t tcb, sched_context;
	struct page *buffer;
	uint64_t buffer_address, fs_base;
	struct fault fault;
	uint8_t state;
	bool in_fault;   /* it waits for the answer to a fault */
	bool is_passive; /* its context is its task's notification's */
	uint32_t fault_number;
	/* See handler.c. What it has pinned; where it gets the faults of how many others. */
	struct list pins;
	slot_t handler_endpoint;
	uint32_t handled;
	/* Who gets its faults in rm's stead, an id, and with which badge; 0: rm does. */
	uint64_t handler, handler_badge;
	bool left_to_handler; /* that may read and write its registers, once */
	bool keeps_handler;   /* an endpoint of others' gets them: thread_set_handler */
	struct rm_schedule schedule;
};

struct session {
	struct object object;         /* in its own bank, which goes with it */
	struct task *client, *server; /* NULL: dead, or done with it */
	struct list client_link, server_link;
	struct list roots, notifications, donations;
	struct list shares;  /* the sealed ones at the end */
	struct list faulted; /* threads of the server, which go on when it is severed */
	slot_t endpoint;     /* the server's */
	uint32_t deadline_ms;
	uint8_t state, reason;
	bool server_knows;      /* it took session_opened: an acknowledgement is due */
	struct list connecting; /* the client's call */
	struct list severing;   /* who waits until no capability is left */
	struct event opened, severed_server, severed_client;
	struct deadline deadline;
};

struct root {
	struct object object;
	struct list link;
	struct session *session;
	struct bank *slots; /* whose slot it is */
	slot_t slot;
	uint64_t badge;
	uint8_t kind, rights;
};

/* Pages that the session's client lends its server. Its windows are regions of the dataspace. */
struct share {
	struct object object; /* in the session's bank */
	struct session *session;
	struct list session_link;
	struct dataspace *dataspace; /* NULL: dead */
	struct list link;            /* in the dataspace's shares */
	struct share *parent;        /* that it was passed on from, or NULL */
	struct list children, sibling;
	uint64_t first, size;
	uint64_t filled; /* pages, while filling */
	uint8_t rights, depth;
	bool filling;  /* nobody has it yet: its caller waits until it is sealed */
	bool sealed;   /* its pages are there, and stay */
	bool recalled; /* it ends when it is not in use */
	struct event shared, recall;
};

/* A move of the pages is made ready, or undone; or under way; or there is none. */
enum donation_phase { DONATION_PREPARING, DONATION_FAILED, DONATION_MOVING, DONATION_GIVEN };

/* Pages that the session's client gave its server. */
struct donation {
	struct object object; /* in the session's bank */
	struct session *session;
	struct list session_link;
	struct dataspace *dataspace; /* the server's; NULL: gone */
	struct dataspace *home;      /* where they come from; NULL: gone */
	struct interval away;        /* in the home's */
	struct bank *lender;         /* whose limit they came with, and owed how much of it */
	struct list lender_link;
	uint64_t owed;
	uint64_t cursor; /* of a move: see donation.c */
	struct list working;
	err_t error;
	uint8_t phase; /* enum donation_phase */
	bool took, returns, wipes;
	struct event donated;
};

/* A small kernel object: a session's notification; a task's reply object, or endpoint. */
struct notification {
	struct object object;
	struct list link;
	slot_t slot;
};

struct name {
	struct tree_node node;
	struct task *server; /* NULL: none */
	struct list server_link;
	struct list grants, watches;
	slot_t endpoint;
	uint32_t deadline_ms;
	uint16_t version;
	char text[RM_NAME_MAX + 1];
};

struct grant {
	struct list task_link, name_link;
	struct task *task;
	struct name *name;
	uint8_t rights;
};

/* A task's wish to be told: of a name that comes up, of a task that dies. */
struct watch {
	struct event event;
	struct list watcher_link; /* in the watcher's watches */
	struct list link;         /* in what is watched; alone: that is gone, and told */
	struct task *watcher;
	uint64_t cookie, fault_address, fault_instruction;
	uint32_t status;
	uint8_t reason;
	struct name *of_name; /* or NULL: a task */
};

/* What a place in the table of objects has room for. */
union any_object {
	struct object object;
	struct bank bank;
	struct dataspace dataspace;
	struct vspace vspace;
	struct task task;
	struct thread thread;
	struct session session;
	struct root root;
	struct notification notification;
	struct share share;
	struct donation donation;
};

/* -- the whole ------------------------------------------------------------------------------ */

struct rm {
	const struct kernel_ops *ops;
	void *kernel;
	char *window;

	struct chunk *chunks;
	uint32_t chunks_max,
	        chunks_count; /* the parts of 2 MiB pieces apart, from parts_first on */
	uint32_t parts_first, parts_next;
	struct chunk_list raw, large_raw, empty[CHUNK_KERNEL + 1]; /* empty: by kind */
	struct bulk bulks[BULKS_MAX];
	uint32_t bulks_count, bulk_next;
	struct frame_list cleared, dirty, ready, meta_free, kernel_free;
	/*
	 * Slot pages that are free, what the others are made of, directories that are there: all
	 * from slot_page_first on, a directory's first.
	 */
	uint32_t slot_page_first, slot_page_flat;
	struct bitset slot_pages;
	frame_t *slot_page_frames;
	uint64_t *directories;
	frame_t *window_tables;
	char *spare;  /* pages of the tables' memory for the first records */
	bool opening; /* a chunk */
	struct chunk_list partial[CHUNK_KERNEL + 1]; /* open in part; by kind */
	uint32_t closing;                            /* a chunk, or 0 */
	struct making {
		slot_t untyped, dest;
		uint32_t chunk, count; /* count 0: nothing */
	} making;
	bool readies; /* frames are being made ready */
	uint64_t pages_total, pages_given;
	bool may_move;    /* a chunk may have so few pages that they can move */
	uint32_t move_at; /* the chunk that is looked at next for that */
	uint64_t chunks_moved;

	struct slotmap objects;
	struct bank *root, root_bank;
	struct list devices;                        /* untypeds, and pages, of devices */
	uint32_t device_chunks, device_chunks_made; /* those without a dataspace, by next */
	struct list jobs;
	uint8_t refill_priority; /* of who took frames since there were enough of them */
	struct list retry;       /* faults that are to be tried again */
	struct deadlines session_deadlines, pager_deadlines, passive_deadlines, probe_deadlines;
	struct list passive; /* tasks with a passive server */
	uint64_t now_ns;     /* of the last tick, which may be long ago */
	struct tree names;
	struct object *system;

	slot_t endpoint; /* rm's own, unbadged */
	slot_t scratch, receive;
	bool scratch_full, receive_full;
	const struct root *scratch_root; /* the scratch slot has a copy of its capability */
	slot_t reply;                    /* in use for the request that is being handled */
	slot_t reply_kept[REPLIES_KEPT_MAX];
	uint32_t replies_kept;
	uint32_t parked;
	struct task *init;
	bool sealed;
	bool traced;
	uint32_t trace_number;    /* of the last request or fault that was traced */
	uint64_t trace_ns;        /* spent on it */
	uint64_t scratch_badge;   /* of the capability in the scratch slot; 0: it has none */
	uint8_t irq_next;         /* vector */
	uint64_t failures_kernel; /* kernel ops that failed */
};

/* What the core is given at boot. */
struct rm_boot {
	const struct kernel_ops *ops;
	void *kernel;
	void *window; /* where frame f is in rm's address space: window + f * PAGE */
	void *tables; /* rm_tables_bytes() of zeroed memory at a multiple of PAGE */
	slot_t boot_pages[BOOT_KERNEL_PAGES]; /* untypeds of 4 KiB */
	/*
	 * The slot pages of rm's CSpace have numbers [first, end), first a multiple of 128. The
	 * first so many of them hang in the root, the others in directories.
	 */
	uint32_t slot_pages_first, slot_pages_end, slot_pages_flat;
	slot_t endpoint;
	struct bulk bulks[BULKS_MAX], devices[BULKS_MAX];
	uint32_t bulks_count, devices_count;
	uint32_t adopted; /* frames that rm_adopt will get */
};

/* What rm_init needs in tables; how much of its address space the window takes. */
uint64_t rm_tables_bytes(const struct rm_boot *boot);
uint64_t rm_window_bytes(const struct rm_boot *boot);

/* NOMEM: there is too little memory. */
err_t rm_init(struct rm *rm, const struct rm_boot *boot);

/*
 * The first program's bank, with all memory that is not rm's own, its address space and its task;
 * and what it starts with, in slots of its CSpace. NOMEM, LIMIT: there is too little memory.
 */
err_t rm_init_task(struct rm *rm, unsigned int slot_bits, struct bank **bank,
                   struct vspace **vspace, struct task **task);
err_t rm_give(struct rm *rm, struct task *task, uint32_t slot, const struct object *object,
              unsigned int facet);

/*
 * A dataspace of frames that the kernel gave rm at boot, in the bank, which has so many more pages
 * from then on. Their content stays.
 */
err_t rm_adopt(struct rm *rm, struct bank *bank, uint32_t pages, struct dataspace **made);

/*
 * Loads init out of a boot archive (cpio, whole pages, which rm_adopt takes over), and starts it.
 * NOENT, CORRUPT, UNSUPPORTED: there is no program init in it.
 */
struct rm_init {
	const void *archive;
	uint64_t archive_bytes;
	uint64_t tsc_hz;
	uint8_t random[16];
};
err_t rm_start_init(struct rm *rm, const struct rm_init *init);

/*
 * A request, whose sender waits on rm->reply: true if it is answered now. False: it is parked, and
 * rm->reply is another reply object from now on. The badge and the capabilities' badges are as they
 * were received; the rest of the request is filled in here.
 */
[[nodiscard]] bool rm_request(struct rm *rm, struct proto_request *request);

/* What a thread's faults come to. NONE: it is none, but a request with such a label. */
enum rm_fault_answer { RM_FAULT_RESUME, RM_FAULT_WAIT, RM_FAULT_NONE };

/* A fault message, its badge a thread's with FACET_OTHER. RESUME: the thread is to be answered. */
[[nodiscard]] enum rm_fault_answer rm_fault(struct rm *rm, uint64_t badge, uint64_t label,
                                            const uint64_t *words, unsigned int length);

/* A bounded part of what is to be done. False: there was nothing to do. */
bool rm_step(struct rm *rm);

/*
 * While rm->making.count is not 0, rm_make() is to be called, by the worker itself: the kernel
 * clears much memory then, and others go on meanwhile. rm_made() is told what that came to.
 */
enum abi_error rm_make(const struct rm *rm);
void rm_made(struct rm *rm, enum abi_error err);

/* There is something for rm_step to do; at once, that is what somebody waits for. */
bool rm_has_work(const struct rm *rm);
static inline bool rm_has_jobs(const struct rm *rm)
{
	return !list_is_empty(&rm->jobs) || !list_is_empty(&rm->retry);
}

/*
 * How important that is: just below the most important of the threads that those may pay for for
 * whom something is done (of many, the next few); frames made ready in advance, as who took some.
 */
uint8_t rm_work_priority(const struct rm *rm);

/* The time, in nanoseconds from any start on; whose deadline passed is dealt with. */
void rm_tick(struct rm *rm, uint64_t now_ns);

/*
 * Every invariant of the core's own state holds; walks everything. Says what does not to log. It is
 * no part of the core (tests/valid): NULL where it is not linked.
 */
__attribute__((weak)) bool rm_valid(struct rm *rm);
