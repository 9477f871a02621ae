/* SPDX-License-Identifier: BSD-2-Clause */
/* See store.h. */
#include "store.h"
#include <lib/assert.h>

static struct store_block *first(const struct store_pool *pool)
{
	return (struct store_block *)pool->at;
}

/* NULL: it is the last one. */
static struct store_block *next(const struct store_pool *pool, const struct store_block *block)
{
	char *at = (char *)block + block->bytes;
	return at < pool->at + pool->bytes ? (struct store_block *)at : NULL;
}

static uint32_t whole(uint64_t value_bytes)
{
	return (uint32_t)((sizeof(struct store_block) + value_bytes + STORE_UNIT - 1) &
	                  -(uint64_t)STORE_UNIT);
}

void store_add(struct store *store, unsigned int i, char *at, uint32_t bytes)
{
	assert(!store->pool[i].at && bytes >= STORE_UNIT && bytes <= STORE_POOL_BYTES_MAX);
	store->pool[i] = (struct store_pool){ at, bytes };
	*first(&store->pool[i]) = (struct store_block){ .bytes = bytes };
}

void store_drop(struct store *store, unsigned int i)
{
	const struct store_pool *pool = &store->pool[i];
	for (struct store_block *b = pool->at ? first(pool) : NULL; b; b = next(pool, b)) {
		store->values -= b->key_count > 0;
		store->bytes -= b->value_bytes;
	}
	store->pool[i] = (struct store_pool){ 0 };
}

struct store_block *store_find(const struct store *store, const char *key, uint16_t key_count,
                               unsigned int *pool)
{
	for (unsigned int i = 0; i < KV_POOLS_MAX; i++) {
		const struct store_pool *p = &store->pool[i];
		*pool = i;
		for (struct store_block *b = p->at ? first(p) : NULL; b; b = next(p, b))
			if (b->key_count == key_count && !__builtin_memcmp(b->key, key, key_count))
				return b;
	}
	return NULL;
}

struct store_block *store_room(const struct store *store, uint64_t bytes)
{
	if (bytes > STORE_POOL_BYTES_MAX)
		return NULL;
	for (unsigned int i = 0; i < KV_POOLS_MAX; i++) {
		const struct store_pool *p = &store->pool[i];
		for (struct store_block *b = p->at ? first(p) : NULL; b; b = next(p, b))
			if (b->key_count == 0 && b->bytes >= whole(bytes))
				return b;
	}
	return NULL;
}

void store_fill(struct store *store, struct store_block *room, const char *key, uint16_t key_count,
                uint64_t bytes)
{
	uint32_t taken = whole(bytes), left = room->bytes - taken;
	assert(room->key_count == 0 && room->bytes >= taken && key_count <= KV_KEY_MAX);
	room->bytes = taken;
	room->value_bytes = (uint32_t)bytes;
	room->key_count = key_count;
	__builtin_memcpy(room->key, key, key_count);
	if (left > 0)
		*(struct store_block *)((char *)room + taken) =
		        (struct store_block){ .bytes = left };
	store->values++;
	store->bytes += bytes;
}

void store_remove(struct store *store, struct store_block *block, unsigned int pool)
{
	const struct store_pool *p = &store->pool[pool];
	struct store_block *after;
	assert(block->key_count > 0);
	store->values--;
	store->bytes -= block->value_bytes;
	block->key_count = block->value_bytes = 0;
	/* Neighbours that are free become one. */
	for (struct store_block *b = first(p); (after = next(p, b)) != NULL;) {
		if (b->key_count == 0 && after->key_count == 0)
			b->bytes += after->bytes;
		else
			b = after;
	}
}

static bool pool_valid(const struct store_pool *p, uint64_t *values, uint64_t *bytes)
{
	bool was_free = false;
	uint64_t sum = 0;
	for (struct store_block *b = p->at ? first(p) : NULL; b; b = next(p, b)) {
		bool is_free = b->key_count == 0;
		sum += b->bytes;
		if (b->bytes < sizeof(*b) || b->bytes % STORE_UNIT || sum > p->bytes ||
		    b->key_count > KV_KEY_MAX || (is_free && (was_free || b->value_bytes)) ||
		    b->value_bytes > b->bytes - sizeof(*b))
			return false;
		was_free = is_free;
		*values += !is_free;
		*bytes += b->value_bytes;
	}
	return sum == p->bytes;
}

bool store_valid(const struct store *store)
{
	uint64_t values = 0, bytes = 0;
	for (unsigned int i = 0; i < KV_POOLS_MAX; i++)
		if (!pool_valid(&store->pool[i], &values, &bytes))
			return false;
	return values == store->values && bytes == store->bytes;
}
