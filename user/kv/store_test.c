/* SPDX-License-Identifier: BSD-2-Clause */
/* The store against an array of what it must hold, at random. */
#include "store.h"
#include <unit_test.h>

enum { KEYS = 40, VALUE_MAX = 3000 };

static struct {
	int length, pool; /* length 0: none */
	char value[VALUE_MAX];
} model[KEYS];
static char *memory[KV_POOLS_MAX];

static uint16_t key_of(uint64_t i, char *key)
{
	return (uint16_t)snprintf(key, KV_KEY_MAX, "%0*u", (int)(1 + i), (unsigned int)i);
}

static void add(struct store *store, unsigned int i)
{
	uint32_t bytes = 4096u << test_below(3);
	if (store->pool[i].at)
		return;
	memory[i] = aligned_alloc(4096, bytes);
	memset(memory[i], 0xff, bytes); /* as hostile as any */
	store_add(store, i, memory[i], bytes);
}

static void drop(struct store *store, int i)
{
	store_drop(store, (unsigned int)i);
	free(memory[i]);
	memory[i] = NULL;
	for (int k = 0; k < KEYS; k++)
		if (model[k].pool == i)
			model[k].length = 0;
}

static void put(struct store *store, uint64_t k)
{
	char key[KV_KEY_MAX];
	unsigned int pool;
	uint16_t count = key_of(k, key);
	uint64_t bytes = 1 + test_below(VALUE_MAX);
	struct store_block *old = store_find(store, key, count, &pool);
	struct store_block *room = store_room(store, bytes);
	CHECK((old != NULL) == (model[k].length > 0));
	if (!room)
		return;
	for (uint64_t i = 0; i < bytes; i++)
		room->value[i] = model[k].value[i] = (char)test_random();
	store_fill(store, room, key, count, bytes);
	if (old)
		store_remove(store, old, pool);
	CHECK(store_find(store, key, count, &pool) == room);
	model[k].length = (int)bytes;
	model[k].pool = (int)pool;
}

static void check(const struct store *store)
{
	uint64_t values = 0;
	CHECK(store_valid(store));
	for (uint64_t k = 0; k < KEYS; k++) {
		char key[KV_KEY_MAX];
		unsigned int pool;
		const struct store_block *b = store_find(store, key, key_of(k, key), &pool);
		CHECK((b != NULL) == (model[k].length > 0));
		values += b != NULL;
		CHECK(!b ||
		      (b->value_bytes == (uint32_t)model[k].length && (int)pool == model[k].pool &&
		       !memcmp(b->value, model[k].value, b->value_bytes)));
	}
	CHECK(store->values == values);
}

static void run(uint64_t seed)
{
	struct store store = { 0 };
	test_start(seed);
	for (test_step = 0; test_step < 1500; test_step++) {
		uint64_t what = test_below(100), k = test_below(KEYS);
		char key[KV_KEY_MAX];
		unsigned int pool;
		struct store_block *b = store_find(&store, key, key_of(k, key), &pool);
		if (what < 10)
			add(&store, (unsigned int)test_below(KV_POOLS_MAX));
		else if (what < 12)
			drop(&store, (int)test_below(KV_POOLS_MAX));
		else if (what < 60)
			put(&store, k);
		else if (b)
			store_remove(&store, b, pool), model[k].length = 0;
		check(&store);
	}
	for (int i = 0; i < (int)KV_POOLS_MAX; i++)
		drop(&store, i);
	CHECK(store.values == 0 && store.bytes == 0);
}

static void check_bounds(void)
{
	struct store store = { 0 };
	CHECK(!store_room(&store, 1) && !store_room(&store, UINT64_MAX));
	add(&store, 0);
	CHECK(!store_room(&store, UINT64_MAX) && !store_room(&store, UINT64_MAX - 64));
	CHECK(!store_room(&store, store.pool[0].bytes - 63));
	CHECK(store_room(&store, store.pool[0].bytes - 64));
	drop(&store, 0);
}

int main(void)
{
	test_start(0);
	check_bounds();
	for (uint64_t seed = 1; seed <= 20; seed++)
		run(seed);
	return 0;
}
