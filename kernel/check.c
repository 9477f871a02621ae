/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The consistency of everything, checked: derivation list, memory, queues, reply stacks, budgets,
 * address spaces. Each invariant that a module states at its top is looked at here. It takes as
 * long as it takes: only the debug build can ask for it.
 */
#include "arch.h"
#include "endpoint.h"
#include "time.h"

static unsigned violations;

#define CHECK(x, object)                                                                           \
	do {                                                                                       \
		if (!(x)) {                                                                        \
			violations++;                                                              \
			kprintf("kernel: check: %s:%d: %p: not so: %s\n", __FILE__, __LINE__,      \
			        (const void *)(object), #x);                                       \
		}                                                                                  \
	} while (0)

/* ---- Queues ---- */

static void check_queue(const struct queue *queue, enum tcb_queue kind)
{
	const struct tcb *prev = NULL;
	CHECK(!queue->head == !queue->tail, queue);
	for (const struct tcb *thread = queue->head; thread; thread = thread->next) {
		CHECK(thread->prev == prev, thread);
		CHECK(thread->queue == kind, thread);
		prev = thread;
	}
	CHECK(queue->tail == prev, queue);
}

static bool by_priority(const struct tcb *thread)
{
	for (; thread && thread->next; thread = thread->next) {
		if (thread->priority < thread->next->priority)
			return false;
	}
	return true;
}

static void check_ready_queues(void)
{
	int highest = -1;
	for (unsigned i = 0; i <= ABI_PRIORITY_MAX; i++) {
		check_queue(&ready_queues[i], TCB_QUEUE_READY);
		for (struct tcb *thread = ready_queues[i].head; thread; thread = thread->next) {
			CHECK(thread->priority == i, thread);
			CHECK(thread_is_schedulable(thread), thread);
		}
		if (ready_queues[i].head)
			highest = i;
	}
	CHECK(sched_highest == highest, ready_queues);
	check_queue(&release_queue, TCB_QUEUE_RELEASE);
	for (struct tcb *thread = release_queue.head; thread; thread = thread->next) {
		CHECK(thread_is_runnable(thread) && thread->sc && thread != current, thread);
		if (thread->next && thread->sc && thread->next->sc)
			CHECK(refill_head(thread->sc)->time <= refill_head(thread->next->sc)->time,
			      thread);
	}
}

/* ---- Objects ---- */

static void check_endpoint(const struct endpoint *ep)
{
	struct queue queue = { endpoint_head(ep), ep->tail };
	enum endpoint_state state = endpoint_state(ep);
	check_queue(&queue, TCB_QUEUE_OBJECT);
	CHECK((state == EP_IDLE) == !queue.head, ep);
	CHECK(by_priority(queue.head), ep);
	for (const struct tcb *thread = queue.head; thread; thread = thread->next) {
		CHECK(thread->state ==
		              (state == EP_SEND ? THREAD_BLOCKED_SEND : THREAD_BLOCKED_RECV),
		      thread);
		CHECK(thread->blocked_on == ep, thread);
	}
}

static void check_notification(const struct notification *ntfn)
{
	check_queue(&ntfn->queue, TCB_QUEUE_OBJECT);
	CHECK((ntfn->state == NTFN_WAITING) == (ntfn->queue.head != NULL), ntfn);
	CHECK(by_priority(ntfn->queue.head), ntfn);
	CHECK(!ntfn->bound_tcb || ntfn->bound_tcb->bound_ntfn == ntfn, ntfn);
	CHECK(!ntfn->sc || ntfn->sc->ntfn == ntfn, ntfn);
	for (const struct tcb *thread = ntfn->queue.head; thread; thread = thread->next)
		CHECK(thread->state == THREAD_BLOCKED_NTFN && thread->blocked_on == ntfn, thread);
}

static void check_reply(struct reply *reply)
{
	struct tcb *thread = reply->tcb;
	bool stacked = reply->next || reply->prev;
	CHECK(!thread || thread->reply == reply, reply);
	CHECK(!thread || thread->state == THREAD_BLOCKED_RECV ||
	              thread->state == THREAD_BLOCKED_REPLY,
	      reply);
	CHECK(!stacked || (thread && thread->state == THREAD_BLOCKED_REPLY), reply);
	if (reply->next & REPLY_NEXT_IS_SC)
		CHECK(((struct sched_context *)(reply->next - REPLY_NEXT_IS_SC))->reply == reply,
		      reply);
	else if (reply->next)
		CHECK(((struct reply *)reply->next)->prev == reply, reply);
	if (reply->prev)
		CHECK(reply->prev->next == (word_t)reply, reply);
}

static void check_sched_context(struct sched_context *sc)
{
	CHECK(!sc->tcb || sc->tcb->sc == sc, sc);
	CHECK(!sc->ntfn || sc->ntfn->sc == sc, sc);
	CHECK(!sc->reply || sc->reply->next == ((word_t)sc | REPLY_NEXT_IS_SC), sc);
	CHECK(!sc->yield_from || sc->yield_from->yield_to == sc, sc);
	if (!sc_active(sc))
		return;
	CHECK(sc->head < sc->refills_max && sc->tail < sc->refills_max, sc);
	CHECK(refill_ordered(sc), sc);
	CHECK(refill_head(sc)->amount >= MIN_BUDGET, sc);
}

static void check_thread(struct tcb *thread)
{
	CHECK(thread->state < THREAD_IDLE, thread);
	CHECK(!thread->sc || thread->sc->tcb == thread, thread);
	CHECK(!thread->bound_ntfn || thread->bound_ntfn->bound_tcb == thread, thread);
	CHECK(!thread->reply || thread->reply->tcb == thread, thread);
	CHECK(!thread->yield_to || thread->yield_to->yield_from == thread, thread);
	CHECK((thread->queue == TCB_QUEUE_OBJECT) == (thread->state == THREAD_BLOCKED_RECV ||
	                                              thread->state == THREAD_BLOCKED_SEND ||
	                                              thread->state == THREAD_BLOCKED_NTFN),
	      thread);
	if (thread->queue == TCB_QUEUE_NONE && thread != current)
		CHECK(!thread_is_schedulable(thread), thread);
	struct abi_ipc_buffer *buffer = thread->buffer;
	bool writable = thread->buffer_writable;
	tcb_update_buffer(thread);
	CHECK(buffer == thread->buffer && writable == thread->buffer_writable, thread);
	CHECK((thread->ctx.cs == SEL_USER_CODE && thread->ctx.ss == SEL_USER_DATA), thread);
}

static void check_object(struct slot *slot)
{
	struct cap cap = slot->cap;
	switch (cap_type(cap)) {
	case CAP_ENDPOINT:
		check_endpoint(cap_endpoint(cap));
		break;
	case CAP_NOTIFICATION:
		check_notification(cap_notification(cap));
		break;
	case CAP_REPLY:
		check_reply(cap_reply(cap));
		break;
	case CAP_SCHED_CONTEXT:
		check_sched_context(cap_sc(cap));
		break;
	case CAP_TCB:
		check_thread(cap_tcb(cap));
		break;
	case CAP_CNODE:
		CHECK(cap_cnode_radix(cap) + cap_cnode_guard_bits(cap) <= 64, slot);
		break;
	case CAP_PML4:
		CHECK(((uint64_t *)cap_ptr(cap))[511] == ((uint64_t *)ptr_of(kernel_cr3))[511],
		      slot);
		break;
	default:
		break;
	}
}

/* ---- Memory: objects do not overlap, unless they are one, or in an untyped ---- */

static void check_memory(struct slot *slot)
{
	paddr_t a, b;
	unsigned a_bits = cap_memory(slot->cap, &a), b_bits;
	if (!slot->next || !a_bits)
		return;
	b_bits = cap_memory(slot->next->cap, &b);
	if (!b_bits)
		return;
	bool overlap = a < b + BIT(b_bits) && b < a + BIT(a_bits);
	CHECK(!overlap || cap_same_object(slot->cap, slot->next->cap) ||
	              cap_type(slot->cap) == CAP_UNTYPED || cap_type(slot->cap) == CAP_FRAME,
	      slot);
	/* The newest child lies below the free mark. */
	if (cap_type(slot->cap) == CAP_UNTYPED && cdt_is_parent(slot, slot->next))
		CHECK(b + BIT(b_bits) <= a + untyped_free(slot->cap), slot);
}

/* ---- Address spaces: what is mapped has a frame capability ---- */

static unsigned count_leaves(paddr_t table, unsigned level)
{
	const uint64_t *entries = ptr_of(table);
	unsigned count = 0;
	for (unsigned i = 0; i < (level == 4 ? 256 : 512); i++) {
		if (!(entries[i] & PTE_PRESENT))
			continue;
		if (level == 1 || entries[i] & PTE_LARGE)
			count++;
		else
			count += count_leaves(entries[i] & PTE_ADDR, level - 1);
	}
	return count;
}

static bool is_mapped(struct cap cap)
{
	paddr_t pml4;
	if (!cap_asid(cap) || !vspace_of_asid(cap_asid(cap), &pml4))
		return false;
	uint64_t *entry = vspace_entry(pml4, cap_vaddr(cap), cap_frame_class(cap) + 1);
	return entry && *entry & PTE_PRESENT &&
	       ALIGN_DOWN(*entry & PTE_ADDR, cap_frame_bits(cap)) == cap_paddr(cap);
}

static void check_address_spaces(void)
{
	unsigned leaves = 0, mapped = 0;
	for (unsigned i = 0; i < ABI_ASID_POOLS; i++) {
		for (unsigned j = 0; asid_table[i] && j < ABI_ASIDS_PER_POOL; j++) {
			if (asid_table[i][j])
				leaves += count_leaves(asid_table[i][j], 4);
		}
	}
	for (struct slot *slot = cdt_first(); slot; slot = slot->next) {
		if (cap_type(slot->cap) == CAP_FRAME && is_mapped(slot->cap))
			mapped++;
	}
	CHECK(leaves <= mapped, asid_table);
}

unsigned debug_check(void)
{
	struct lookup_failure saved = lookup_failure;
	unsigned slots = 0;
	violations = 0;
	sc_commit(); /* so that every context is settled */
	for (struct slot *slot = cdt_first(); slot; slot = slot->next) {
		slots++;
		CHECK(!slot_empty(slot), slot);
		CHECK(slot_prev(slot)->next == slot, slot);
		check_object(slot);
		check_memory(slot);
	}
	check_ready_queues();
	check_address_spaces();
	CHECK(current->queue == TCB_QUEUE_NONE || current->queue == TCB_QUEUE_READY, current);
	kprintf("kernel: check: %u capabilities, %u violations\n", slots, violations);
	lookup_failure = saved;
	return violations;
}
