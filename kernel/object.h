/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The kernel objects as they lie in memory. Each lives in memory that a user retyped; nothing in
 * the kernel is allocated. Fresh objects are all zero, and zero is a valid state of each (a TCB and
 * a PML4 need a few words more: tcb_init, vspace_init).
 *
 * Who points at whom (no pointer owns what it points to; each pair is cut from both sides):
 *   thread <-> scheduling context        thread.sc, sc.tcb
 *   thread <-> notification (bound)      thread.bound_ntfn, ntfn.bound_tcb
 *   sc <-> notification                  sc.ntfn, ntfn.sc
 *   reply -> thread, thread -> reply     while it receives with it or waits for its answer
 *   sc -> reply -> reply ...             the stack of calls that this sc was donated along
 *   sc <-> thread (YieldTo)              sc.yield_from, thread.yield_to
 */
#pragma once
#include "cap.h"
#include "context.h"

struct reply;
struct notification;
struct endpoint;
struct tcb;

/* A doubly linked queue of threads through tcb.next and tcb.prev. */
struct queue {
	struct tcb *head, *tail;
};

/* ---- Scheduling contexts (seL4 manual, section 6.1.8) ---- */
struct refill {
	ticks_t time;   /* when it may be used */
	ticks_t amount; /* how much */
};

struct sched_context {
	ticks_t period;   /* 0: round robin */
	ticks_t consumed; /* since last asked */
	struct tcb *tcb;
	struct reply *reply; /* top of the stack of calls */
	struct notification *ntfn;
	struct tcb *yield_from;
	word_t badge;
	uint32_t head, tail;  /* of the ring of refills */
	uint32_t refills_max; /* 0: not configured */
	uint32_t sporadic;
	uint64_t reserved[2];
	struct refill refills[];
};
_Static_assert(sizeof(struct sched_context) + 2 * sizeof(struct refill) <= ABI_SCHED_CONTEXT_CORE,
               "sched context");

/* ---- Reply objects (section 4.2.4) ---- */
struct reply {
	struct tcb *tcb;    /* who waits with it (receiving) or for it (calling) */
	struct reply *prev; /* next older call on the stack */
	word_t next;        /* next newer one, or the sc | REPLY_NEXT_IS_SC on top */
	word_t reserved;
};
_Static_assert(sizeof(struct reply) == 1 << OBJ_BITS_REPLY, "reply");
enum { REPLY_NEXT_IS_SC = 1 };

/* ---- Endpoints (section 4.2) ---- */
enum endpoint_state { EP_IDLE, EP_SEND, EP_RECV };
struct endpoint {
	/* first waiting thread, with its enum endpoint_state in the low bits */
	uint64_t head_state;
	struct tcb *tail;
};
_Static_assert(sizeof(struct endpoint) == 1 << OBJ_BITS_ENDPOINT, "endpoint");

/* ---- Notifications (chapter 5) ---- */
enum ntfn_state { NTFN_IDLE, NTFN_WAITING, NTFN_ACTIVE };
struct notification {
	word_t state;
	word_t badge; /* while active */
	struct queue queue;
	struct tcb *bound_tcb;
	struct sched_context *sc;
	uint64_t reserved[2];
};
_Static_assert(sizeof(struct notification) == 1 << OBJ_BITS_NOTIFICATION, "notification");

/* ---- Threads (chapter 6) ---- */
enum thread_state {
	THREAD_INACTIVE,
	THREAD_RUNNING,
	THREAD_RESTART, /* runs again from its last system call or fault */
	THREAD_BLOCKED_RECV,
	THREAD_BLOCKED_SEND,
	THREAD_BLOCKED_REPLY,
	THREAD_BLOCKED_NTFN,
	THREAD_IDLE,
};

enum tcb_slot { TCB_CSPACE, TCB_VSPACE, TCB_BUFFER, TCB_FAULT_EP, TCB_TIMEOUT_EP, TCB_SLOTS };

/* The queue that tcb.next and tcb.prev belong to. */
enum tcb_queue { TCB_QUEUE_NONE, TCB_QUEUE_READY, TCB_QUEUE_RELEASE, TCB_QUEUE_OBJECT };

struct fault {
	word_t type;     /* enum abi_fault; FAULT_NONE: none */
	word_t words[3]; /* VM: address, code, prefetch. Cap: cptr, in receive. Syscall: nr.
	                    Exception: vector, code. Timeout: badge */
};

/* Why a capability look-up failed (section 3.4); words as in a message. */
struct lookup_failure {
	unsigned length;
	word_t words[4];
};

enum { TCB_NAME_LEN = 64 };

/*
 * A hint for the fast paths, and no user's: the CSpace is not one CNode that resolves all bits.
 */
enum { TCB_DEEP_CSPACE = 1 << 7 };

struct tcb {
	struct context ctx; /* first: the entry code finds it there */

	uint8_t state; /* enum thread_state */
	uint8_t queue; /* enum tcb_queue */
	uint8_t priority;
	uint8_t mcp;
	uint8_t flags;    /* enum abi_tcb_flags, TCB_DEEP_CSPACE */
	uint8_t send_aux; /* blocked in a send: rights of the endpoint capability; SEND_IS_CALL */
	struct tcb *next, *prev;
	struct sched_context *sc;
	struct notification *bound_ntfn;
	struct reply *reply;
	void *blocked_on; /* endpoint or notification */
	word_t send_badge;
	uint64_t send_number;  /* of its last wait to send: they count up */
	uint64_t cancel_until; /* preempted in CancelBadgedSends: up to this number; 0: it is not */
	struct sched_context *yield_to;
	struct abi_ipc_buffer *buffer; /* kernel address of the IPC buffer, for reading; or null */
	vaddr_t buffer_vaddr;
	bool buffer_writable;
	struct fault fault;
	struct lookup_failure lookup_failure;

	struct slot slots[TCB_SLOTS] __attribute__((aligned(32)));
	struct fpu_state fpu;
	char name[TCB_NAME_LEN];
};
enum { SEND_IS_CALL = 1 << 4 };
_Static_assert(sizeof(struct tcb) <= 1 << OBJ_BITS_TCB, "tcb");
_Static_assert(offsetof(struct tcb, ctx) == 0, "tcb");

static inline struct tcb *cap_tcb(struct cap cap)
{
	return cap_ptr(cap);
}
static inline struct endpoint *cap_endpoint(struct cap cap)
{
	return cap_ptr(cap);
}
static inline struct notification *cap_notification(struct cap cap)
{
	return cap_ptr(cap);
}
static inline struct reply *cap_reply(struct cap cap)
{
	return cap_ptr(cap);
}
static inline struct sched_context *cap_sc(struct cap cap)
{
	return cap_ptr(cap);
}
