/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Radix trees against an unsorted array, with indices that crowd together, lie far apart, and at
 * both ends; memory that runs out changes nothing; an empty tree has no nodes.
 */
#include <lib/radix.h>
#include "unit_test.h"

enum { SEEDS = 40, STEPS = 1500, MAX = 400 };

struct pair {
	uint64_t index, value;
};

static struct pair pairs[MAX];
static size_t count;
static struct test_pages test_nodes;
static const struct lib_pages nodes = { test_pages_get, test_pages_put, &test_nodes };

static uint64_t some_index(void)
{
	switch (test_seed % 4) {
	case 0:
		return test_below(300);
	case 1:
		return test_random() >> test_below(64);
	case 2:
		return -test_below(200);
	default:
		return (test_below(8) << (6 * test_below(11))) | test_below(3);
	}
}

static struct pair *find(uint64_t index)
{
	for (size_t i = 0; i < count; i++)
		if (pairs[i].index == index)
			return &pairs[i];
	return NULL;
}

static const struct pair *find_next(uint64_t index)
{
	const struct pair *best = NULL;
	for (size_t i = 0; i < count; i++)
		if (pairs[i].index >= index && (!best || pairs[i].index < best->index))
			best = &pairs[i];
	return best;
}

static void set(struct radix *radix)
{
	uint64_t index = some_index(), value = test_random() | 1;
	struct pair *pair = find(index);
	struct radix before = *radix;
	size_t out = test_nodes.out;
	if (test_below(3) == 0)
		test_nodes.left = test_below(12);
	err_t err = radix_set(radix, &nodes, index, value);
	CHECK(err == E_OK || (err == E_NOMEM && test_nodes.left == 0 && !pair));
	test_nodes.left = SIZE_MAX;
	if (err != E_OK) {
		CHECK(memcmp(&before, radix, sizeof(before)) == 0 && out == test_nodes.out);
		return;
	}
	if (!pair)
		pair = &pairs[count++];
	*pair = (struct pair){ index, value };
}

static void take(struct radix *radix)
{
	uint64_t index = count > 0 && test_below(4) ? pairs[test_below(count)].index : some_index();
	struct pair *pair = find(index);
	CHECK(radix_remove(radix, &nodes, index) == (pair ? pair->value : 0));
	if (pair)
		*pair = pairs[--count];
}

static void check_same(const struct radix *radix)
{
	CHECK(test_step % 16 || radix_valid(radix));
	CHECK(radix->count == count && radix->nodes == test_nodes.out);
	for (int i = 0; i < 4; i++) {
		uint64_t index = some_index(), found = index;
		const struct pair *pair = find(index), *next = find_next(index);
		CHECK(radix_get(radix, index) == (pair ? pair->value : 0));
		CHECK(radix_next(radix, &found) == (next ? next->value : 0));
		CHECK(found == (next ? next->index : index));
	}
}

static void check_walk(const struct radix *radix)
{
	size_t seen = 0;
	uint64_t index = 0, value;
	while ((value = radix_next(radix, &index)) != 0) {
		CHECK(find(index) && find(index)->value == value);
		seen++;
		if (index++ == UINT64_MAX)
			break;
	}
	CHECK(seen == count);
}

static void run(uint64_t seed)
{
	struct radix radix;
	test_start(seed);
	test_nodes = (struct test_pages){ RADIX_NODE_BYTES, 0, SIZE_MAX };
	radix_init(&radix);
	count = 0;
	for (test_step = 0; test_step < STEPS; test_step++) {
		bool grows = test_step / 300 % 2 == 0;
		if (count < MAX && test_below(8) < (grows ? 6 : 2))
			set(&radix);
		else
			take(&radix);
		check_same(&radix);
		if (test_step % 100 == 0)
			check_walk(&radix);
	}
	check_walk(&radix);
	while (count > 0)
		take(&radix);
	CHECK(radix_valid(&radix) && !radix.root && test_nodes.out == 0);
}

static void check_shape(void)
{
	struct radix radix;
	test_start(100);
	radix_init(&radix);
	CHECK(radix_set(&radix, &nodes, 63, 1) == E_OK && radix.nodes == 1);
	CHECK(radix_set(&radix, &nodes, 64, 1) == E_OK && radix.nodes == 3);
	CHECK(radix_set(&radix, &nodes, UINT64_MAX, 1) == E_OK && radix.nodes == 22);
	CHECK(radix_remove(&radix, &nodes, UINT64_MAX) == 1 && radix.nodes == 3);
	CHECK(radix_remove(&radix, &nodes, 64) == 1 && radix.nodes == 1);
	CHECK(radix_remove(&radix, &nodes, 63) == 1 && radix.nodes == 0);
}

int main(void)
{
	for (uint64_t seed = 1; seed <= SEEDS; seed++)
		run(seed);
	check_shape();
	return 0;
}
