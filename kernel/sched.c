/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The scheduler (seL4 manual, sections 6.1.4 to 6.1.7): which thread runs, and who pays for it.
 *
 * A thread runs if it is runnable and has a scheduling context with budget. Such threads are in a
 * ready queue (one for each priority), in the release queue (in order of the time when they get
 * budget), or are `current`. Kernel operations do not switch at once: they record in `choice` what
 * sched_exit has to do on the way out: go on with `current`, switch to one candidate, or choose
 * anew.
 *
 * Time is read only when it matters: `current_sc` is charged (sc_commit) when another context is
 * switched to, when the timer fires, and before its refills are looked at. The timer is never set
 * later than the first thing that it must do; it may fire earlier, which costs no more than a look.
 *
 * Invariants: `current` is in no queue; a thread in a ready queue is schedulable; in the release
 * queue it is runnable and its context not ready; bitmap bits say which ready queues are not empty.
 */
#include "switch.h"
#include "time.h"

struct tcb *current;
struct sched_context *current_sc;
struct tcb idle_tcb;
ticks_t now;

struct queue ready_queues[ABI_PRIORITY_MAX + 1];
struct queue release_queue;
static uint64_t ready_bits[4];
int sched_highest = -1;
ticks_t charged_until;
ticks_t timer_armed;
ticks_t min_budget;
static bool timer_stale; /* the next deadline may have come closer */

/* What sched_exit does; other than these two: the candidate to switch to. */
#define STAY ((struct tcb *)NULL)
#define CHOOSE ((struct tcb *)1)
static struct tcb *choice;

/* ---- Queues ---- */

void queue_remove(struct queue *queue, struct tcb *thread)
{
	if (thread->prev)
		thread->prev->next = thread->next;
	else
		queue->head = thread->next;
	if (thread->next)
		thread->next->prev = thread->prev;
	else
		queue->tail = thread->prev;
	thread->next = thread->prev = NULL;
}

/* Behind `prev`, or first if that is null. */
static void queue_insert_behind(struct queue *queue, struct tcb *thread, struct tcb *prev)
{
	struct tcb *next = prev ? prev->next : queue->head;
	thread->prev = prev;
	thread->next = next;
	if (prev)
		prev->next = thread;
	else
		queue->head = thread;
	if (next)
		next->prev = thread;
	else
		queue->tail = thread;
}

void queue_insert_by_priority(struct queue *queue, struct tcb *thread)
{
	struct tcb *prev = queue->tail;
	while (prev && prev->priority < thread->priority)
		prev = prev->prev;
	queue_insert_behind(queue, thread, prev);
}

static void ready_insert(struct tcb *thread, bool first)
{
	struct queue *queue = &ready_queues[thread->priority];
	assert(thread->queue == TCB_QUEUE_NONE);
	queue_insert_behind(queue, thread, first ? NULL : queue->tail);
	ready_bits[thread->priority >> 6] |= BIT(thread->priority & 63);
	if (sched_highest < thread->priority)
		sched_highest = thread->priority;
	thread->queue = TCB_QUEUE_READY;
}

static int highest_ready(void)
{
	for (int i = 3; i >= 0; i--) {
		if (ready_bits[i])
			return i * 64 + 63 - __builtin_clzll(ready_bits[i]);
	}
	return -1;
}

static void release_insert(struct tcb *thread)
{
	ticks_t time = refill_head(thread->sc)->time;
	struct tcb *prev = release_queue.tail;
	assert(thread->queue == TCB_QUEUE_NONE);
	while (prev && refill_head(prev->sc)->time > time)
		prev = prev->prev;
	queue_insert_behind(&release_queue, thread, prev);
	thread->queue = TCB_QUEUE_RELEASE;
	if (!prev)
		timer_stale = true;
}

void sched_dequeue(struct tcb *thread)
{
	if (thread->queue == TCB_QUEUE_READY) {
		struct queue *queue = &ready_queues[thread->priority];
		queue_remove(queue, thread);
		if (!queue->head) {
			ready_bits[thread->priority >> 6] &= ~BIT(thread->priority & 63);
			sched_highest = highest_ready();
		}
		thread->queue = TCB_QUEUE_NONE;
	} else if (thread->queue == TCB_QUEUE_RELEASE) {
		queue_remove(&release_queue, thread);
		thread->queue = TCB_QUEUE_NONE;
	}
}

/* A thread without budget goes to the release queue instead. */
static void make_ready(struct tcb *thread, bool first)
{
	if (thread->queue != TCB_QUEUE_NONE)
		return;
	if (unlikely(!refill_ready(thread->sc)))
		release_insert(thread);
	else
		ready_insert(thread, first);
}

void sched_enqueue(struct tcb *thread)
{
	make_ready(thread, true);
}

void sched_append(struct tcb *thread)
{
	make_ready(thread, false);
}

void sched_postpone(struct tcb *thread)
{
	sched_dequeue(thread);
	release_insert(thread);
}

/* ---- Thread states ---- */

bool thread_is_runnable(const struct tcb *thread)
{
	return thread->state == THREAD_RUNNING || thread->state == THREAD_RESTART;
}

bool thread_is_blocked(const struct tcb *thread)
{
	return thread->state >= THREAD_BLOCKED_RECV && thread->state <= THREAD_BLOCKED_NTFN;
}

bool thread_is_schedulable(const struct tcb *thread)
{
	return thread_is_runnable(thread) && thread->sc && sc_active(thread->sc) &&
	       thread->queue != TCB_QUEUE_RELEASE;
}

void thread_set_state(struct tcb *thread, enum thread_state state)
{
	thread->state = state;
	if (thread == current && choice == STAY && !thread_is_schedulable(thread))
		choice = CHOOSE;
}

void sched_reschedule(void)
{
	if (choice != STAY && choice != CHOOSE && thread_is_schedulable(choice))
		sched_enqueue(choice);
	choice = CHOOSE;
}

void sched_consider(struct tcb *thread)
{
	if (!thread->sc || !sc_active(thread->sc) || thread->queue != TCB_QUEUE_NONE ||
	    thread == current || thread == choice)
		return;
	if (unlikely(!refill_ready(thread->sc))) {
		sched_enqueue(thread);
	} else if (choice != STAY) {
		sched_reschedule();
		sched_enqueue(thread);
	} else {
		choice = thread;
	}
}

void sched_set_priority(struct tcb *thread, unsigned priority)
{
	bool queued = thread->queue == TCB_QUEUE_READY;
	if (queued)
		sched_dequeue(thread);
	thread->priority = priority;
	if (thread->state == THREAD_BLOCKED_RECV || thread->state == THREAD_BLOCKED_SEND) {
		ipc_reorder(thread);
	} else if (thread->state == THREAD_BLOCKED_NTFN) {
		ntfn_reorder(thread);
	} else if (queued || thread == current) {
		if (queued)
			sched_enqueue(thread);
		sched_reschedule();
	}
}

/* ---- Time ---- */

void sched_update_time(void)
{
	now = rdtsc();
}

void sched_need_timer(void)
{
	timer_stale = true;
}

/* Charges current_sc up to now. True if its slice has ended. */
static bool charge(void)
{
	struct sched_context *sc = current_sc;
	ticks_t used = now - charged_until;
	charged_until = now;
	if (!sc || !sc_active(sc))
		return false;
	sc->consumed += used;
	timer_stale = true;
	return refill_charge(sc, used);
}

static void set_timer(void)
{
	ticks_t deadline = UINT64_MAX;
	/* A little early: a slice that ends before its refill is used up costs no other refill. */
	if (current_sc)
		deadline = charged_until + refill_head(current_sc)->amount - ticks_per_us;
	if (release_queue.head && refill_head(release_queue.head->sc)->time < deadline)
		deadline = refill_head(release_queue.head->sc)->time;
	timer_stale = false;
	if (deadline < timer_armed) {
		timer_armed = deadline;
		plat_timer_set(deadline);
	}
}

static void wake_released(void)
{
	while (release_queue.head && refill_ready(release_queue.head->sc)) {
		struct tcb *thread = release_queue.head;
		sched_dequeue(thread);
		sched_consider(thread);
		timer_stale = true;
	}
}

static bool has_timeouts(const struct tcb *thread)
{
	return thread->sc->period && cap_type(thread->slots[TCB_TIMEOUT_EP].cap) == CAP_ENDPOINT;
}

/* The slice of the current thread's context is over. */
static void end_slice(bool may_fault)
{
	struct sched_context *sc = current_sc;
	if (!thread_is_schedulable(current) || current->sc != sc)
		return;
	if (may_fault && has_timeouts(current))
		fault_raise_timeout(current);
	else
		sched_append(current);
	sched_reschedule();
}

void sc_commit(void)
{
	sched_update_time();
	if (charge())
		end_slice(false);
}

void sched_timer_interrupt(void)
{
	timer_armed = UINT64_MAX;
	timer_stale = true;
	sched_update_time();
	if (charge())
		end_slice(true);
	wake_released();
}

/* seL4_Yield: what is left of the head refill counts as used, but not as consumed. */
void sched_yield(void)
{
	struct sched_context *sc = current_sc;
	sched_update_time();
	if (!charge())
		(void)refill_charge(sc, refill_head(sc)->amount);
	end_slice(false);
}

void sched_yield_behind(struct tcb *thread)
{
	sched_dequeue(thread);
	sched_enqueue(current);
	sched_enqueue(thread);
	sched_reschedule();
}

/* ---- Switching ---- */

void sched_switch(struct tcb *thread)
{
	if (thread != &idle_tcb) {
		switch_to_user(thread);
		return;
	}
	/* It goes on in whatever address space there is. */
	context_sync(current);
	current = thread;
	cpu_set_kernel_stack((uint64_t)&thread->ctx + CTX_TOP);
}

/*
 * The thread of current_sc, which another one follows, pays up to now. One that has just spent its
 * budget pays nothing out of its next one (the new one does): it is in the release queue already,
 * by the time of that.
 */
static void charge_last(void)
{
	struct sched_context *sc = current_sc;
	struct tcb *thread = sc ? sc->tcb : NULL;
	if (thread && thread->queue == TCB_QUEUE_RELEASE)
		return;
	if (charge() && thread && thread->queue == TCB_QUEUE_READY) {
		/* Its slice is over: behind its equals, or until there is budget. */
		sched_dequeue(thread);
		if (has_timeouts(thread))
			fault_raise_timeout(thread);
		else
			sched_append(thread);
	}
}

/* Who is charged from now on. */
static void switch_context(void)
{
	struct sched_context *sc = current->sc;
	if (sc == current_sc)
		return;
	sched_update_time();
	charge_last();
	current_sc = sc;
	timer_stale = true;
	if (sc && !sc->sporadic)
		refill_unblock(sc);
}

static void choose(void)
{
	if (sched_highest < 0) {
		sched_switch(&idle_tcb);
		return;
	}
	struct tcb *thread = ready_queues[sched_highest].head;
	sched_dequeue(thread);
	if (thread != current)
		sched_switch(thread);
}

static void act_on_choice(void)
{
	struct tcb *candidate = choice;
	bool goes_on = thread_is_schedulable(current);
	if (goes_on && current != &idle_tcb)
		sched_enqueue(current);
	choice = STAY;
	if (candidate == CHOOSE || !thread_is_schedulable(candidate)) {
		choose();
	} else if (current == &idle_tcb || candidate->priority < current->priority) {
		/* Others may go before it. */
		sched_enqueue(candidate);
		choose();
	} else if (goes_on && candidate->priority == current->priority) {
		sched_append(candidate);
		choose();
	} else {
		sched_switch(candidate);
	}
}

void sched_exit(void)
{
	do {
		if (choice != STAY)
			act_on_choice();
		if (current->sc != current_sc)
			switch_context();
		if (unlikely(current->yield_to))
			sc_complete_yield(current);
	} while (unlikely(choice != STAY));
	if (timer_stale)
		set_timer();
	if (current->state == THREAD_RESTART) {
		current->ctx.rip = current->ctx.fault_ip;
		current->state = THREAD_RUNNING;
	}
}

void sched_init(void)
{
	idle_tcb.state = THREAD_IDLE;
	idle_tcb.flags = TCB_FLAG_FPU_DISABLED;
	context_init_idle(&idle_tcb.ctx);
	current = &idle_tcb;
	current_sc = NULL;
	choice = STAY;
	timer_armed = UINT64_MAX;
	min_budget = ABI_BUDGET_MIN_US * ticks_per_us;
	sched_update_time();
	charged_until = now;
}
