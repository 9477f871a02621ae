/* SPDX-License-Identifier: BSD-2-Clause */
/* Deadlines against an array searched from end to end. */
#include <lib/deadline.h>
#include "unit_test.h"

enum { COUNT = 40, SEEDS = 30, STEPS = 3000 };

struct model {
	struct deadline deadline;
	bool is_set;
	uint64_t time_ns, set_at; /* set_at: the step, which orders equal times */
};

static struct model models[COUNT];

static struct model *first(void)
{
	struct model *best = NULL;
	for (int i = 0; i < COUNT; i++) {
		struct model *m = &models[i];
		if (m->is_set && (!best || m->time_ns < best->time_ns ||
		                  (m->time_ns == best->time_ns && m->set_at < best->set_at)))
			best = m;
	}
	return best;
}

static void step(struct deadlines *deadlines)
{
	struct model *m = &models[test_below(COUNT)], *best = first();
	uint64_t time = test_below(50);
	CHECK(deadlines_first_ns(deadlines) == (best ? best->time_ns : DEADLINE_NEVER));
	switch (test_below(4)) {
	case 0:
	case 1:
		deadline_set(deadlines, &m->deadline, time);
		*m = (struct model){ m->deadline, true, time, test_step };
		break;
	case 2:
		deadline_cancel(deadlines, &m->deadline);
		m->is_set = false;
		break;
	default:
		if (best && best->time_ns <= time) {
			CHECK(deadlines_expire(deadlines, time) == &best->deadline);
			best->is_set = false;
		} else {
			CHECK(!deadlines_expire(deadlines, time));
		}
		break;
	}
	CHECK(m->deadline.is_set == m->is_set);
}

int main(void)
{
	for (uint64_t seed = 1; seed <= SEEDS; seed++) {
		struct deadlines deadlines;
		test_start(seed);
		deadlines_init(&deadlines);
		for (int i = 0; i < COUNT; i++) {
			deadline_init(&models[i].deadline);
			models[i].is_set = false;
		}
		for (test_step = 0; test_step < STEPS; test_step++) {
			step(&deadlines);
			CHECK(deadlines_valid(&deadlines));
		}
	}
	return 0;
}
