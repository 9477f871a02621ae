/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Bits in words of the caller's: bit i is bit i % 64 of word i / 64. Searching is linear, a word at
 * a time; struct bitset searches in O(log n), for maps of millions.
 *
 * A range of bits [first, first+count) must lie in the map: that is the caller's to know. Bits
 * behind the last one are neither read for a result nor changed.
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>

/* The words that so many bits need. */
static inline uint64_t bitmap_words(uint64_t bits)
{
	return bits / 64 + (bits % 64 != 0);
}

static inline bool bitmap_get(const uint64_t *map, uint64_t i)
{
	return map[i / 64] >> (i % 64) & 1;
}

static inline void bitmap_put(uint64_t *map, uint64_t i, bool value)
{
	uint64_t bit = 1ull << (i % 64);
	map[i / 64] = value ? map[i / 64] | bit : map[i / 64] & ~bit;
}

/* All bits of the range become value. */
void bitmap_fill(uint64_t *map, uint64_t first, uint64_t count, bool value);

/* How many of the range are 1. */
uint64_t bitmap_count(const uint64_t *map, uint64_t first, uint64_t count);

/* The first bit from from on, and below bits, that is value; bits if there is none. */
uint64_t bitmap_find(const uint64_t *map, uint64_t bits, uint64_t from, bool value);

/*
 * The first bit from from on, a multiple of align (a power of 2), at which count > 0 bits in a row,
 * all below bits, are value; bits if there is none.
 */
uint64_t bitmap_find_run(const uint64_t *map, uint64_t bits, uint64_t from, uint64_t count,
                         uint64_t align, bool value);

/*
 * A set of numbers below bits, 0 < bits <= BITSET_BITS_MAX, in words of the caller's: the bits,
 * then one bit for each word of them that is not 0, and so on up to a single word. Everything is
 * O(log n): at most five steps.
 *
 * Invariant: a bit of a level above is 1 exactly if the word below it is not 0.
 */
#define BITSET_BITS_MAX (1ull << 30)
enum { BITSET_LEVELS_MAX = 5 };

struct bitset {
	uint64_t *level[BITSET_LEVELS_MAX]; /* No ownership. The bits are level[0]. */
	uint64_t bits, count;               /* count: members */
	unsigned int levels;
};

/* The words that a set of numbers below bits needs. */
uint64_t bitset_words(uint64_t bits);

/* Empty. memory: bitset_words(bits) words, the set's as long as it is used. */
void bitset_init(struct bitset *set, uint64_t *memory, uint64_t bits);

static inline bool bitset_has(const struct bitset *set, uint64_t i)
{
	return bitmap_get(set->level[0], i);
}

/* i < bits; nothing happens if it is in already, or not in. */
void bitset_add(struct bitset *set, uint64_t i);
void bitset_remove(struct bitset *set, uint64_t i);

/* The least member from from on; bits if there is none. */
uint64_t bitset_next(const struct bitset *set, uint64_t from);

/* The invariant and the count hold. O(n). */
bool bitset_valid(const struct bitset *set);
