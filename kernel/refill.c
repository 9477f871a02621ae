/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Budgets: the refills of a scheduling context (seL4 manual, sections 6.1.4 to 6.1.6).
 *
 * A configured context has a ring of 1 to refills_max refills, head to tail, each an amount of time
 * and the moment from which it may be used. Only the head is consumed; what is used comes back one
 * period later, at the tail. Full rings merge with the tail.
 *
 * Round robin (period 0): two refills: the head is what is left of the slice, the tail what is
 * used.
 *
 * Invariants: the amounts sum up to the budget; in order of time, without overlap; the head of a
 * context that is not being charged holds at least MIN_BUDGET.
 */
#include "arch.h"
#include "time.h"

static struct refill *tail(struct sched_context *sc)
{
	return &sc->refills[sc->tail];
}

static unsigned next_index(const struct sched_context *sc, unsigned i)
{
	return i + 1 == sc->refills_max ? 0 : i + 1;
}

static bool single(const struct sched_context *sc)
{
	return sc->head == sc->tail;
}

static bool full(const struct sched_context *sc)
{
	return next_index(sc, sc->tail) == sc->head;
}

static void add_tail(struct sched_context *sc, struct refill refill)
{
	assert(!full(sc));
	sc->tail = next_index(sc, sc->tail);
	*tail(sc) = refill;
}

static struct refill pop_head(struct sched_context *sc)
{
	struct refill refill = *refill_head(sc);
	assert(!single(sc));
	sc->head = next_index(sc, sc->head);
	return refill;
}

bool refill_ready(struct sched_context *sc)
{
	if (likely(refill_head(sc)->time <= now))
		return true;
	sched_update_time();
	return refill_head(sc)->time <= now;
}

ticks_t refill_sum(struct sched_context *sc)
{
	ticks_t sum = refill_head(sc)->amount;
	for (unsigned i = sc->head; i != sc->tail;) {
		i = next_index(sc, i);
		sum += sc->refills[i].amount;
	}
	return sum;
}

bool refill_ordered(struct sched_context *sc)
{
	for (unsigned i = sc->head; sc->period && i != sc->tail;) {
		const struct refill *refill = &sc->refills[i];
		i = next_index(sc, i);
		if (refill->time + refill->amount > sc->refills[i].time)
			return false;
	}
	return true;
}

static void add_round_robin_tail(struct sched_context *sc)
{
	if (sc->period == 0)
		add_tail(sc, (struct refill){ refill_head(sc)->time, 0 });
}

void refill_new(struct sched_context *sc, unsigned max, ticks_t budget, ticks_t period)
{
	sc->period = period;
	sc->head = sc->tail = 0;
	sc->refills_max = max;
	*refill_head(sc) = (struct refill){ now, budget };
	add_round_robin_tail(sc);
}

void refill_update(struct sched_context *sc, ticks_t period, ticks_t budget, unsigned max)
{
	sc->refills[0] = *refill_head(sc);
	sc->head = sc->tail = 0;
	sc->refills_max = max;
	sc->period = period;
	struct refill *head = refill_head(sc);
	if (refill_ready(sc))
		head->time = now;
	if (head->amount >= budget) {
		head->amount = budget;
		add_round_robin_tail(sc);
	} else {
		add_tail(sc, (struct refill){ head->time + period, budget - head->amount });
	}
}

/* What was used comes back at refill.time. */
static void schedule_used(struct sched_context *sc, struct refill refill)
{
	struct refill *last = tail(sc);
	if (last->time + last->amount >= refill.time) {
		last->amount += refill.amount;
	} else if (!full(sc)) {
		add_tail(sc, refill);
	} else { /* delay the last one so that both end together */
		last->time = refill.time - last->amount;
		last->amount += refill.amount;
	}
}

static void charge_sporadic(struct sched_context *sc, ticks_t used)
{
	/* Refills used up entirely; far in the future the arithmetic stops. */
	while (refill_head(sc)->amount <= used && refill_head(sc)->time < MAX_RELEASE_TIME) {
		used -= refill_head(sc)->amount;
		if (single(sc)) {
			refill_head(sc)->time += sc->period;
		} else {
			struct refill refill = pop_head(sc);
			refill.time += sc->period;
			schedule_used(sc, refill);
		}
	}
	struct refill *head = refill_head(sc);
	if (used > 0 && head->time < MAX_RELEASE_TIME) {
		struct refill refill = { head->time + sc->period, used };
		head->amount -= used;
		head->time += used;
		schedule_used(sc, refill);
	}
	/* A rest too small to run on joins the next refill, at whose end both are used up. */
	while (refill_head(sc)->amount < MIN_BUDGET) {
		struct refill rest = pop_head(sc);
		refill_head(sc)->amount += rest.amount;
		refill_head(sc)->time -= rest.amount;
	}
}

bool refill_charge(struct sched_context *sc, ticks_t used)
{
	struct refill *head = refill_head(sc);
	if (sc->period == 0) {
		struct refill *spent = tail(sc);
		if (head->amount >= used + MIN_BUDGET) {
			head->amount -= used;
			spent->amount += used;
			return false;
		}
		head->amount += spent->amount;
		spent->amount = 0;
		return true;
	}
	bool ended = head->amount < used + MIN_BUDGET;
	charge_sporadic(sc, used);
	return ended;
}

void refill_unblock(struct sched_context *sc)
{
	if (sc->period == 0 || !refill_ready(sc))
		return;
	refill_head(sc)->time = now;
	sched_need_timer();
	/* Refills that may all be used by now become one. */
	while (!single(sc)) {
		struct refill *head = refill_head(sc);
		struct refill *second = &sc->refills[next_index(sc, sc->head)];
		if (second->time > head->time + head->amount)
			break;
		struct refill first = pop_head(sc);
		refill_head(sc)->time = first.time;
		refill_head(sc)->amount += first.amount;
	}
}
