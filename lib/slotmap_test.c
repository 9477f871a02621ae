/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Slot maps against an array of every id that was ever given out: the living ones give their
 * object, all others nothing. Memory that runs out changes nothing; empty maps have no pages;
 * generations at their end.
 */
#include <lib/slotmap.h>
#include "unit_test.h"

enum { SEEDS = 24, STEPS = 3400, LIVE_MAX = 1200 };

struct known {
	uint64_t id, stamp;
	struct list *owner;
};

static struct known live[LIVE_MAX], dead[STEPS + LIVE_MAX];
static size_t live_count, dead_count;
static struct test_pages test_pages;
static const struct lib_pages pages = { test_pages_get, test_pages_put, &test_pages };
static struct list owner, other_owner;
static const uint32_t sizes[] = { 8, 1, 24, 200, 1000, SLOTMAP_ENTRY_MAX };

static void add(struct slotmap *map, uint32_t bytes)
{
	uint64_t id, stamp = test_random();
	void *entry;
	if (test_below(3) == 0)
		test_pages.left = test_below(3);
	size_t out = test_pages.out;
	struct list *whose = test_below(2) ? &owner : &other_owner;
	err_t err = slotmap_add(map, whose, &pages, &id, &entry);
	CHECK(err == E_OK || (err == E_NOMEM && test_pages.left == 0));
	test_pages.left = SIZE_MAX;
	if (err != E_OK) {
		CHECK(out == test_pages.out);
		return;
	}
	CHECK(id != 0 && (uint64_t)entry % 8 == 0 && slotmap_id(map, entry) == id);
	for (uint32_t i = 0; i < bytes; i++)
		CHECK(((char *)entry)[i] == 0);
	memset(entry, (int)stamp, bytes);
	live[live_count++] = (struct known){ id, stamp, whose };
	/* No page has objects of two owners. */
	uint64_t page = (uint64_t)entry / LIB_PAGE_BYTES;
	for (size_t i = live_count < 8 ? 0 : live_count - 8; i < live_count; i++)
		CHECK((uint64_t)slotmap_get(map, live[i].id) / LIB_PAGE_BYTES != page ||
		      live[i].owner == whose);
}

static void take(struct slotmap *map)
{
	size_t i = test_below(live_count);
	CHECK(slotmap_remove(map, live[i].owner, &pages, live[i].id) == E_OK);
	CHECK(slotmap_remove(map, live[i].owner, &pages, live[i].id) == E_GONE);
	dead[dead_count++] = live[i];
	live[i] = live[--live_count];
}

static void check_known(const struct slotmap *map, uint32_t bytes)
{
	CHECK(map->live == live_count && test_pages.out == map->pages);
	for (size_t i = 0; i < live_count; i++) {
		unsigned char *entry = slotmap_get(map, live[i].id);
		CHECK(entry && entry[0] == (unsigned char)live[i].stamp);
		CHECK(entry[bytes - 1] == (unsigned char)live[i].stamp);
	}
	for (size_t i = 0; i < dead_count; i++)
		CHECK(!slotmap_get(map, dead[i].id));
	uint32_t cursor = 0;
	size_t seen = 0;
	uint64_t before = 0;
	for (void *entry; (entry = slotmap_next(map, &cursor)) != NULL; seen++) {
		uint64_t index = slotmap_id(map, entry) & 0xffffff;
		CHECK(seen == 0 || index > before);
		before = index;
	}
	CHECK(seen == live_count && !slotmap_next(map, &cursor));
}

/* What lives from the first to the last step of a walk is seen once, whatever goes meanwhile. */
static void walk_while_removing(struct slotmap *map)
{
	static uint64_t seen[LIVE_MAX];
	size_t count = 0;
	uint32_t cursor = 0;
	for (void *entry; (entry = slotmap_next(map, &cursor)) != NULL;) {
		seen[count++] = slotmap_id(map, entry);
		for (uint64_t i = test_below(4); i > 0 && live_count > 0; i--)
			take(map);
	}
	for (size_t i = 0; i < live_count; i++) {
		size_t times = 0;
		for (size_t j = 0; j < count; j++)
			times += seen[j] == live[i].id;
		CHECK(times == 1);
	}
}

static void run(uint64_t seed)
{
	struct slotmap map;
	uint32_t bytes = sizes[seed % (sizeof(sizes) / sizeof(sizes[0]))];
	test_start(seed);
	test_pages = (struct test_pages){ LIB_PAGE_BYTES, 0, SIZE_MAX };
	slotmap_init(&map, bytes, &pages);
	list_init(&owner);
	list_init(&other_owner);
	live_count = dead_count = 0;
	for (test_step = 0; test_step < STEPS; test_step++) {
		/* The number of objects swings between none and many. */
		bool grows = test_step / 500 % 2 == 0;
		if (live_count < LIVE_MAX && (live_count == 0 || test_below(8) < (grows ? 6 : 1)))
			add(&map, bytes);
		else
			take(&map);
		CHECK(slotmap_get(&map, test_random()) == NULL);
		CHECK(slotmap_get(&map, test_below(1 << 24)) == NULL);
		if (test_step % 16 == 0) {
			CHECK(slotmap_valid(&map));
			check_known(&map, bytes);
		}
	}
	walk_while_removing(&map);
	while (seed % 2 && live_count > 0)
		take(&map);
	check_known(&map, bytes);
	CHECK(slotmap_valid(&map));
	CHECK(live_count > 0 || map.pages == 0);
	slotmap_fini(&map, &pages);
	CHECK(test_pages.out == 0 && slotmap_valid(&map));
}

/* One object more than one leaf of the directory holds, one object a page. */
static void check_many(void)
{
	struct slotmap map;
	static uint64_t ids[257];
	void *entry;
	test_start(100);
	slotmap_init(&map, SLOTMAP_ENTRY_MAX, &pages);
	list_init(&owner);
	list_init(&other_owner);
	for (int i = 0; i < 257; i++)
		CHECK(slotmap_add(&map, &owner, &pages, &ids[i], &entry) == E_OK);
	CHECK(map.pages == 1 + 2 + 257 && slotmap_valid(&map));
	CHECK(slotmap_remove(&map, &owner, &pages, ids[256]) == E_OK);
	CHECK(map.pages == 1 + 1 + 256 && slotmap_valid(&map));
	uint64_t again;
	CHECK(slotmap_add(&map, &owner, &pages, &again, &entry) == E_OK);
	CHECK((again & 0xffffff) == (ids[256] & 0xffffff) && again != ids[256]);
	CHECK(!slotmap_get(&map, ids[256]) && slotmap_get(&map, again) == entry);
	slotmap_fini(&map, &pages);
}

/* Two generations before the end: every id is still given once, then there are none. */
static void check_end_of_generations(void)
{
	struct slotmap map;
	uint64_t a, b;
	void *entry;
	test_start(101);
	slotmap_init(&map, 8, &pages);
	list_init(&owner);
	list_init(&other_owner);
	map.root = (SLOTMAP_GENERATION_MAX - 1) << 1 | 1;
	CHECK(slotmap_add(&map, &owner, &pages, &a, &entry) == E_OK);
	CHECK(slotmap_remove(&map, &owner, &pages, a) == E_OK && map.pages == 0);
	CHECK(slotmap_add(&map, &owner, &pages, &b, &entry) == E_OK && b > a);
	CHECK(slotmap_remove(&map, &owner, &pages, b) == E_OK && map.pages == 0);
	CHECK(!slotmap_get(&map, a) && !slotmap_get(&map, b));
	CHECK(slotmap_add(&map, &owner, &pages, &a, &entry) == E_LIMIT && map.pages == 0);

	/* In a page that stays, each slot retires alone. */
	slotmap_init(&map, SLOTMAP_ENTRY_MAX / 2 - 16, &pages);
	list_init(&owner);
	list_init(&other_owner);
	CHECK(map.slots == 2);
	map.root = SLOTMAP_GENERATION_MAX << 1 | 1;
	CHECK(slotmap_add(&map, &owner, &pages, &a, &entry) == E_OK);
	CHECK(slotmap_add(&map, &owner, &pages, &b, &entry) == E_OK && map.pages == 3);
	CHECK(slotmap_remove(&map, &owner, &pages, b) == E_OK && slotmap_valid(&map));
	CHECK(slotmap_add(&map, &owner, &pages, &b, &entry) == E_OK && map.pages == 4);
	CHECK(slotmap_valid(&map) && slotmap_get(&map, a));
	CHECK(slotmap_remove(&map, &owner, &pages, a) == E_OK && map.pages == 3 &&
	      slotmap_valid(&map));
	slotmap_fini(&map, &pages);
}

int main(void)
{
	for (uint64_t seed = 1; seed <= SEEDS; seed++)
		run(seed);
	check_many();
	check_end_of_generations();
	CHECK(test_pages.out == 0);
	return 0;
}
