/* SPDX-License-Identifier: BSD-2-Clause */
/* Badges: found by the whole value, whatever else is there; nodes come and go; no memory. And the
 * arena of a request. */
#include <unit_test.h>
#include <rt/arena.h>
#include <rt/badge.h>

enum { BADGES = 300, STEPS = 20000 };

static struct test_pages blocks = { .bytes = LIB_PAGE_BYTES, .left = SIZE_MAX };
static const struct lib_pages provider = { test_pages_get, test_pages_put, &blocks };
static struct rt_badges badges;
static struct rt_badge badge[BADGES];

static uint64_t random_value(void)
{
	uint64_t low = test_below(3) | test_below(4) << 8 | test_below(5) << 16;
	if (test_below(4) == 0)
		low = test_below(1 << 24);
	return (test_below(6) + 1) << 24 | low;
}

static bool is_unique(uint64_t value)
{
	for (unsigned int i = 0; i < BADGES; i++)
		if (badge[i].value && ((badge[i].value ^ value) & 0xffffff) == 0)
			return false;
	return true;
}

static void step(void)
{
	struct rt_badge *it = &badge[test_below(BADGES)];
	if (it->value) {
		uint64_t value = it->value;
		CHECK(rt_badge_find(&badges, value) == it);
		CHECK(rt_badge_find(&badges, value + (1 << 24)) == NULL);
		rt_badge_remove(&badges, &provider, it);
		CHECK(it->value == 0 && rt_badge_find(&badges, value) == NULL);
		return;
	}
	uint64_t count = badges.count;
	size_t used = blocks.out - badges.kept_count;
	it->value = random_value();
	struct rt_badge other = *it;
	it->value = 0;
	bool unique = is_unique(other.value);
	it->value = other.value;
	blocks.left = test_below(4) ? SIZE_MAX : test_below(3);
	err_t err = rt_badge_add(&badges, &provider, it);
	blocks.left = SIZE_MAX;
	if (err == E_OK) {
		CHECK(unique && badges.count == count + 1);
		CHECK(rt_badge_find(&badges, it->value) == it);
		return;
	}
	CHECK(err == (unique ? E_NOMEM : E_EXIST));
	CHECK(badges.count == count && blocks.out - badges.kept_count == used);
	it->value = 0;
}

static void test_arena(void)
{
	static _Alignas(4096) char memory[8192];
	struct rt_arena arena = { memory, sizeof(memory), 0 };
	CHECK(rt_arena_get(&arena, 10, 16) == memory);
	CHECK(rt_arena_get(&arena, 1, 1) == memory + 10);
	CHECK(rt_arena_get(&arena, 8, 64) == memory + 64);
	CHECK(rt_arena_get(&arena, 0, 4096) == memory + 4096);
	CHECK(rt_arena_get(&arena, SIZE_MAX, 1) == NULL);
	CHECK(rt_arena_get(&arena, 4097, 1) == NULL);
	CHECK(rt_arena_get(&arena, 4096, 1) == memory + 4096);
	CHECK(rt_arena_get(&arena, 1, 1) == NULL);
	CHECK(rt_arena_get(&arena, 0, 4096) == memory + 8192);
	rt_arena_drop(&arena);
	CHECK(rt_arena_get(&arena, 8192, 4096) == memory);
}

int main(void)
{
	for (uint64_t seed = 1; seed <= 20; seed++) {
		test_start(seed);
		memset(badge, 0, sizeof(badge));
		for (test_step = 0; test_step < STEPS; test_step++)
			step();
		for (unsigned int i = 0; i < BADGES; i++)
			if (badge[i].value)
				rt_badge_remove(&badges, &provider, &badge[i]);
		CHECK(badges.count == 0 && blocks.out == badges.kept_count);
		CHECK(rt_badge_find(&badges, 0) == NULL);
		CHECK(rt_badge_find(&badges, UINT64_MAX) == NULL);
	}
	test_arena();
	printf("rt/badge: ok\n");
	return 0;
}
