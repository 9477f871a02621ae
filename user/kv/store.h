/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A client's values, in the memory that it donated: pure.
 *
 * Each donation is a pool: blocks one behind the other, the first at its beginning, the last to its
 * end. A block is a header and a value, in multiples of STORE_UNIT. Of two neighbours never both
 * are free. Whatever is looked for is looked for from the first block on: a pool is small
 * (STORE_POOL_BYTES_MAX), so that takes at most 2048 steps.
 *
 * Headers hold sizes and no address: the client reads them when a pool goes back. What it wrote
 * there before it donated them is never looked at.
 */
#pragma once
#include <proto/kv.h>
#include <stdbool.h>
#include <stddef.h>

enum { STORE_UNIT = 64, STORE_POOL_BYTES_MAX = KV_POOL_PAGES_MAX * 4096 };

struct store_block {
	uint32_t bytes; /* the header's as well */
	uint32_t value_bytes;
	uint32_t key_count; /* 0: it is free */
	uint32_t reserved;
	char key[KV_KEY_MAX];
	char value[];
};
_Static_assert(sizeof(struct store_block) == STORE_UNIT);

/* at: a multiple of 16. bytes: of STORE_UNIT, up to STORE_POOL_BYTES_MAX. No ownership. */
struct store_pool {
	char *at;
	uint32_t bytes;
};

/* All 0: without any pool. */
struct store {
	struct store_pool pool[KV_POOLS_MAX];
	uint64_t values, bytes; /* that it holds */
};

/* The pool number i is that memory from now on, and empty. It was none. */
void store_add(struct store *store, unsigned int i, char *at, uint32_t bytes);

/* It is none, and its values are not there, from now on. */
void store_drop(struct store *store, unsigned int i);

/* NULL: there is no such key. *pool: where it lies. */
struct store_block *store_find(const struct store *store, const char *key, uint16_t key_count,
                               unsigned int *pool);

/* A free block whose value has room for so many bytes, over 0; nothing changes. NULL: none has. */
struct store_block *store_room(const struct store *store, uint64_t bytes);

/* That block holds this key's value from now on, of which the bytes are there already. */
void store_fill(struct store *store, struct store_block *room, const char *key, uint16_t key_count,
                uint64_t bytes);

/* The block, which store_find() gave, is free from now on. */
void store_remove(struct store *store, struct store_block *block, unsigned int pool);

bool store_valid(const struct store *store);
