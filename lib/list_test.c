/* SPDX-License-Identifier: BSD-2-Clause */
/* Two lists against two arrays, over random moves. */
#include <lib/list.h>
#include "unit_test.h"

enum { NODES = 24, SEEDS = 50, STEPS = 1000 };

struct item {
	int number;
	struct list link;
};

struct model {
	int at[NODES];
	int count;
};

static struct item items[NODES];
static struct list lists[2];
static struct model models[2];

static void model_insert(struct model *m, int at, int number)
{
	memmove(m->at + at + 1, m->at + at, (size_t)(m->count - at) * sizeof(int));
	m->at[at] = number;
	m->count++;
}

static bool model_remove(struct model *m, int number)
{
	for (int i = 0; i < m->count; i++) {
		if (m->at[i] != number)
			continue;
		m->count--;
		memmove(m->at + i, m->at + i + 1, (size_t)(m->count - i) * sizeof(int));
		return true;
	}
	return false;
}

static void check_same(const struct list *list, const struct model *m)
{
	CHECK(list_valid(list, NODES));
	CHECK(list_is_empty(list) == (m->count == 0));
	const struct list *node = list_first(list);
	for (int i = 0; i < m->count; i++, node = list_after(list, node)) {
		CHECK(node);
		CHECK(container_of(node, struct item, link)->number == m->at[i]);
	}
	CHECK(!node);
	CHECK((list_last(list) == NULL) == (m->count == 0));
}

static void step(void)
{
	int which = (int)test_below(2), number = (int)test_below(NODES);
	struct list *list = &lists[which], *link = &items[number].link;
	struct model *m = &models[which];
	bool linked = model_remove(&models[0], number) || model_remove(&models[1], number);
	CHECK(list_is_empty(link) == !linked);
	list_remove(link);
	switch (test_below(6)) {
	case 0:
		model_insert(m, 0, number);
		list_push_front(list, link);
		break;
	case 1:
	case 2:
		model_insert(m, m->count, number);
		list_push_back(list, link);
		break;
	case 3:
		if (m->count > 0) {
			int first = m->at[0];
			model_remove(m, first);
			CHECK(list_pop_front(list) == &items[first].link);
			CHECK(list_is_empty(&items[first].link));
		} else {
			CHECK(!list_pop_front(list));
		}
		break;
	case 4:
		if (test_below(8) == 0) {
			struct model *from = &models[!which];
			for (int i = 0; i < from->count; i++)
				model_insert(m, m->count, from->at[i]);
			from->count = 0;
			list_append_all(list, &lists[!which]);
		}
		break;
	default:
		break;
	}
}

static void check_checker(void)
{
	struct list list, node;
	list_init(&list);
	list_push_back(&list, &node);
	CHECK(list_valid(&list, 1) && !list_valid(&list, 0));
	node.prev = &node;
	CHECK(!list_valid(&list, 1));
}

int main(void)
{
	for (uint64_t seed = 1; seed <= SEEDS; seed++) {
		test_start(seed);
		list_init(&lists[0]);
		list_init(&lists[1]);
		models[0].count = models[1].count = 0;
		for (int i = 0; i < NODES; i++) {
			items[i].number = i;
			list_init(&items[i].link);
		}
		for (test_step = 0; test_step < STEPS; test_step++) {
			step();
			check_same(&lists[0], &models[0]);
			check_same(&lists[1], &models[1]);
		}
	}
	check_checker();
	return 0;
}
