/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The kernel's modules and what they offer each other. Conventions: decode_* check everything and
 * fail without a change, then do the operation, which cannot fail (it may be preempted where it
 * says so). All pointers are borrowed. Nothing here blocks: a thread that must wait is put into a
 * queue, and the scheduler picks another on the way out.
 */
#pragma once
#include "failure.h"

/* ---- The running system (sched.c) ---- */
/* the thread that entered the kernel; maybe the idle one */
extern struct tcb *current;
extern struct sched_context *current_sc; /* who is charged; null when idle */
extern struct tcb idle_tcb;

/* An invocation being decoded (invoke.c). */
struct invocation {
	struct tcb *thread; /* the invoker */
	struct slot *slot;  /* of the invoked capability */
	struct cap cap;
	word_t label;
	word_t length;                        /* message words that are there */
	struct abi_ipc_buffer *buffer;        /* readable; null if none */
	struct slot *extra[ABI_MSG_CAPS_MAX]; /* null behind the last */
	bool call;                            /* wants an answer */
	bool blocking;
	bool may_donate;
	bool first_phase; /* send phase of a combined system call */
	word_t result_words;
};
/* A message word; inv.length says that it is there. */
static inline word_t inv_arg(const struct invocation *inv, unsigned i)
{
	const struct context *ctx = &inv->thread->ctx;
	switch (i) {
	case 0:
		return ctx->r10;
	case 1:
		return ctx->r8;
	case 2:
		return ctx->r9;
	case 3:
		return ctx->r15;
	default:
		return inv->buffer->msg[i];
	}
}
/* Words 0 to ABI_MSG_REGS - 1 of a message. */
static inline word_t *message_register(struct tcb *thread, unsigned i)
{
	struct context *ctx = &thread->ctx;
	switch (i) {
	case 0:
		return &ctx->r10;
	case 1:
		return &ctx->r8;
	case 2:
		return &ctx->r9;
	default:
		return &ctx->r15;
	}
}
/* Results go to the invoker if it called. */
void inv_result(struct invocation *inv, unsigned i, word_t value);

/* ---- cspace.c: chapter 3, look-up ---- */
/* Resolves `cptr` from `root`, `bits` deep. *bits_left: not 0 when a non-CNode stopped it early. */
enum outcome cspace_resolve(struct cap root, word_t cptr, unsigned bits, struct slot **slot,
                            unsigned *bits_left);
/* As system calls look up, 64 bits, stopping early without an error: cspace_lookup in cspace.h. */
/* As CNode operations do: must resolve exactly; sets `failure`. */
enum outcome cspace_lookup_op(bool source, struct cap root, word_t cptr, word_t depth,
                              struct slot **slot);
enum outcome slot_must_be_empty(const struct slot *slot);

/* ---- cdt.c: derivation list ---- */
void cdt_init(void);
void cdt_append_boot(struct slot *slot, struct cap cap); /* a capability made at boot */
void cdt_insert(struct slot *slot, struct cap cap, struct slot *source);
void cdt_insert_child(struct slot *slot, struct cap cap, struct slot *parent); /* from Retype */
void cdt_move(struct slot *to, struct cap cap, struct slot *from);
/* Exchanges two slots; a_new is what a holds afterwards, b_new what b holds. */
void cdt_swap(struct slot *a, struct cap a_new, struct slot *b, struct cap b_new);
void cdt_remove(struct slot *slot); /* empties it */
bool cdt_is_parent(const struct slot *a, const struct slot *b);
bool cdt_has_children(const struct slot *slot);
bool cdt_is_final(const struct slot *slot); /* last capability to its object */
struct slot *cdt_first(void);

/* ---- capops.c: rules on capabilities ---- */
bool cap_same_region(struct cap a, struct cap b);
bool cap_same_object(struct cap a, struct cap b);
/* size bits of the object; 0: it has no memory */
unsigned cap_memory(struct cap cap, paddr_t *paddr);
struct cap cap_mask_rights(struct cap cap, word_t rights);
struct cap cap_with_data(struct cap cap, word_t data, bool preserve);
/* A copy of the capability in `slot`, changed to `cap` already; fails or is null if not allowed. */
enum outcome cap_derive(struct slot *slot, struct cap cap, struct cap *copy);
bool cap_copy_is_revocable(struct cap copy, struct cap source);

/* ---- delete.c ---- */
enum outcome slot_delete(struct slot *slot); /* preemptible */
enum outcome slot_revoke(struct slot *slot); /* preemptible */
bool slot_delete_step(struct slot *slot); /* bounded; not CNode, TCB or zombie. True: it is empty */
bool slot_delete_is_long(const struct slot *slot);
unsigned zombie_memory(struct cap zombie, paddr_t *paddr); /* size bits and address of the object */

/* ---- cnode.c, untyped.c ---- */
enum outcome decode_cnode(struct invocation *inv);
enum outcome decode_untyped(struct invocation *inv);
unsigned object_size_bits(word_t type, word_t size_bits);
word_t untyped_full(struct cap cap); /* its word 1 when nothing is free */
word_t untyped_free(struct cap cap); /* bytes used, from its start */

/* ---- tcb.c ---- */
void tcb_init(struct tcb *thread);
enum outcome decode_tcb(struct invocation *inv);
void tcb_suspend(struct tcb *thread);
void tcb_restart(struct tcb *thread);
void tcb_finalise(struct tcb *thread);
bool cap_is_fault_handler(struct cap cap);
void tcb_update_buffer(struct tcb *thread);               /* after its buffer slot changed */
void tcb_buffer_gone(struct slot *slot);                  /* the buffer slot of a TCB is emptied */
word_t *tcb_context_word(struct tcb *thread, unsigned i); /* in user-context order */
void tcb_set_context_word(struct tcb *thread, unsigned i, word_t value);

/* ---- ipc.c: chapter 4 ---- */
void ipc_send(struct tcb *thread, struct cap ep_cap, bool blocking, bool call, bool may_donate);
void ipc_receive(struct tcb *thread, struct cap ep_cap, bool blocking, struct reply *reply);
void ipc_reply(struct tcb *sender, struct reply *reply, bool grant);
void ipc_cancel(struct tcb *thread);
/* Restarts waiting threads, a bounded number; false: there are more. */
bool ipc_cancel_some(struct endpoint *ep);
bool ipc_cancel_some_badged(struct endpoint *ep, word_t badge);
void ipc_reorder(struct tcb *thread); /* its priority changed while it waits */
struct slot *ipc_receive_slot(struct tcb *thread);
enum outcome ipc_lookup_extra_caps(struct tcb *thread, const struct abi_ipc_buffer *buffer,
                                   word_t info, struct slot *extra[ABI_MSG_CAPS_MAX]);
void ipc_set_mr(struct tcb *thread, unsigned i, word_t value); /* dropped where no buffer is */
word_t ipc_get_mr(const struct tcb *thread, unsigned i);

/* ---- reply.c ---- */
void reply_unlink(struct reply *reply);
void reply_push(struct tcb *caller, struct tcb *callee, struct reply *reply, bool donate);
void reply_remove(struct reply *reply); /* answering: gives the sc back */
void reply_cancel(struct tcb *thread);  /* the caller goes away */
void reply_finalise(struct reply *reply);

/* ---- notification.c: chapter 5 ---- */
void ntfn_signal(struct notification *ntfn, word_t badge);
void ntfn_receive(struct tcb *thread, struct notification *ntfn, bool blocking);
void ntfn_complete(struct notification *ntfn, struct tcb *thread); /* bound and active */
void ntfn_cancel(struct tcb *thread);
void ntfn_reorder(struct tcb *thread);
void ntfn_bind(struct notification *ntfn, struct tcb *thread);
void ntfn_unbind(struct notification *ntfn);
void ntfn_return_sc(struct notification *ntfn, struct tcb *thread);
bool ntfn_finalise(struct notification *ntfn); /* in bounded steps: false: call again */

/* ---- fault.c: section 6.2 ---- */
void fault_set(struct tcb *thread, enum abi_fault type, word_t w0, word_t w1, word_t w2);
void fault_raise(struct tcb *thread); /* thread.fault goes to the handler */
void fault_raise_timeout(struct tcb *thread);
void fault_cap(struct tcb *thread, word_t cptr, bool receiving);  /* with lookup_failure */
word_t fault_message(struct tcb *faulter, struct tcb *handler);   /* words written */
bool fault_reply(struct tcb *faulter, const struct tcb *handler); /* true: run again */

/* ---- sched.c: threads on the processor, section 6.1 ---- */
void sched_init(void);
void thread_set_state(struct tcb *thread, enum thread_state state);
bool thread_is_runnable(const struct tcb *thread);
bool thread_is_blocked(const struct tcb *thread);
bool thread_is_schedulable(const struct tcb *thread);
void sched_enqueue(struct tcb *thread);  /* at the head of its priority */
void sched_append(struct tcb *thread);   /* at the tail */
void sched_dequeue(struct tcb *thread);  /* from the ready or release queue, if in one */
void sched_postpone(struct tcb *thread); /* until its context has budget */
void sched_consider(struct tcb *thread); /* became runnable: may be switched to */
void sched_reschedule(void);             /* the choice is to be made anew */
void sched_set_priority(struct tcb *thread, unsigned priority);
void sched_switch(struct tcb *thread); /* now: address space, FPU, registers */
void sched_exit(void);                 /* before leaving the kernel: chooses and activates */
void sched_timer_interrupt(void);
void sched_yield(void);
void sched_yield_behind(struct tcb *thread); /* it runs next, then current, before their equals */
extern int sched_highest;                    /* priority of the ready threads; -1: there is none */
void sched_update_time(void);                /* now = the time */
void sched_need_timer(void);                 /* the next timer interrupt may be another one */
extern ticks_t now;                          /* as of the last sched_update_time */
extern ticks_t charged_until;                /* current_sc has been charged up to here */
extern ticks_t min_budget;                   /* ABI_BUDGET_MIN_US */
extern ticks_t timer_armed;                  /* when the timer will fire; UINT64_MAX: not armed */
extern struct queue release_queue;
extern struct queue ready_queues[ABI_PRIORITY_MAX + 1];

void queue_insert_by_priority(struct queue *queue, struct tcb *thread);
void queue_remove(struct queue *queue, struct tcb *thread);

/* ---- schedcontext.c, refill.c: sections 6.1.4 to 6.1.8 ---- */
enum outcome decode_sched_context(struct invocation *inv);
enum outcome decode_sched_control(struct invocation *inv);
void sc_bind_tcb(struct sched_context *sc, struct tcb *thread);
void sc_unbind_tcb(struct sched_context *sc);
void sc_donate(struct sched_context *sc, struct tcb *to);
void sc_resume(struct sched_context *sc); /* postpones its thread if there is no budget */
void sc_finalise(struct sched_context *sc);
void sc_unbind_ntfn(struct sched_context *sc);
void sc_commit(void); /* charges current_sc up to now */
void sc_complete_yield(struct tcb *yielder);
void sc_cancel_yield(struct tcb *yielder);
word_t sc_take_consumed(struct sched_context *sc); /* us since last asked */
word_t sc_take_charged(struct sched_context *sc);  /* the same, as of its last charge */
void sc_unblocked(struct sched_context *sc); /* its thread wakes: sporadic refills start now */
static inline bool sc_active(const struct sched_context *sc)
{
	return sc->refills_max > 0;
}
static inline struct refill *refill_head(struct sched_context *sc)
{
	return &sc->refills[sc->head];
}
bool refill_ready(struct sched_context *sc); /* its head may be used now */
void refill_new(struct sched_context *sc, unsigned max, ticks_t budget, ticks_t period);
void refill_update(struct sched_context *sc, ticks_t period, ticks_t budget, unsigned max);
/* Charges `used`; true if that ended the slice: the head is another refill than before. */
bool refill_charge(struct sched_context *sc, ticks_t used);
void refill_unblock(struct sched_context *sc);
ticks_t refill_sum(struct sched_context *sc);
bool refill_ordered(struct sched_context *sc);

/* ---- domain.c ---- */
enum outcome decode_domain(struct invocation *inv);

/* ---- syscall.c, fastpath.c, invoke.c ---- */
enum outcome invoke(struct tcb *thread, word_t cptr, bool call, bool blocking, bool may_donate,
                    bool first_phase);
void syscall_slow(struct tcb *thread, long nr); /* everything that the fast paths leave */
bool fast_fault(struct tcb *thread);            /* its fault is set; it is current */

/* ---- debug.c: debug build only ---- */
bool debug_syscall(long nr); /* true: it was one */
/* whole-system consistency; violations found, each printed (check.c) */
unsigned debug_check(void);
