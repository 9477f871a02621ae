/* SPDX-License-Identifier: BSD-2-Clause */
/* See lib/bitmap.h. */
#include <lib/assert.h>
#include <lib/bitmap.h>
#include <lib/range.h>

/* The bits of word number word that lie in [first, end), which has one in it. */
static uint64_t mask_of(uint64_t word, uint64_t first, uint64_t end)
{
	uint64_t mask = ~0ull;
	if (first / 64 == word)
		mask &= ~0ull << (first % 64);
	if (end / 64 == word)
		mask &= (1ull << (end % 64)) - 1;
	return mask;
}

void bitmap_fill(uint64_t *map, uint64_t first, uint64_t count, bool value)
{
	uint64_t end = first + count;
	for (uint64_t word = first / 64; word < bitmap_words(end) && count > 0; word++) {
		uint64_t mask = mask_of(word, first, end);
		map[word] = value ? map[word] | mask : map[word] & ~mask;
	}
}

/* The ones of a word, in three rounds: no instruction and no library is asked. */
static unsigned int ones(uint64_t x)
{
	x -= x >> 1 & 0x5555555555555555;
	x = (x & 0x3333333333333333) + (x >> 2 & 0x3333333333333333);
	x = (x + (x >> 4)) & 0x0f0f0f0f0f0f0f0f;
	return x * 0x0101010101010101 >> 56;
}

uint64_t bitmap_count(const uint64_t *map, uint64_t first, uint64_t count)
{
	uint64_t end = first + count, sum = 0;
	for (uint64_t word = first / 64; word < bitmap_words(end) && count > 0; word++)
		sum += ones(map[word] & mask_of(word, first, end));
	return sum;
}

uint64_t bitmap_find(const uint64_t *map, uint64_t bits, uint64_t from, bool value)
{
	for (uint64_t word = from / 64; from < bits && word < bitmap_words(bits); word++) {
		uint64_t found = (value ? map[word] : ~map[word]) & mask_of(word, from, bits);
		if (found)
			return word * 64 + (uint64_t)__builtin_ctzll(found);
	}
	return bits;
}

uint64_t bitmap_find_run(const uint64_t *map, uint64_t bits, uint64_t from, uint64_t count,
                         uint64_t align, bool value)
{
	assert(count > 0 && range_is_power_of_2(align));
	uint64_t start = from;
	while ((start = bitmap_find(map, bits, start, value)) < bits) {
		if (!range_align_up(start, align, &start) || !range_ok(start, count, bits))
			break;
		uint64_t end = bitmap_find(map, start + count, start, !value);
		if (end == start + count)
			return start;
		start = end + 1;
	}
	return bits;
}

/* -- sets -------------------------------------------------------------------------------------- */

uint64_t bitset_words(uint64_t bits)
{
	assert(bits > 0 && bits <= BITSET_BITS_MAX);
	uint64_t words = 0;
	do {
		bits = bitmap_words(bits);
		words += bits;
	} while (bits > 1);
	return words;
}

void bitset_init(struct bitset *set, uint64_t *memory, uint64_t bits)
{
	__builtin_memset(memory, 0, bitset_words(bits) * sizeof(uint64_t));
	*set = (struct bitset){ .bits = bits };
	do {
		set->level[set->levels++] = memory;
		bits = bitmap_words(bits);
		memory += bits;
	} while (bits > 1);
}

void bitset_add(struct bitset *set, uint64_t i)
{
	assert(i < set->bits);
	set->count += !bitset_has(set, i);
	for (unsigned int level = 0; level < set->levels; level++, i /= 64)
		bitmap_put(set->level[level], i, true);
}

void bitset_remove(struct bitset *set, uint64_t i)
{
	assert(i < set->bits);
	set->count -= bitset_has(set, i);
	for (unsigned int level = 0; level < set->levels; level++, i /= 64) {
		bitmap_put(set->level[level], i, false);
		if (set->level[level][i / 64])
			return;
	}
}

uint64_t bitset_next(const struct bitset *set, uint64_t from)
{
	unsigned int level = 0;
	uint64_t bits = set->bits, found = 0;
	/* Up, until the word at hand has a member from from on; then down to its first. */
	while (level < set->levels && from < bits) {
		found = set->level[level][from / 64] & ~0ull << (from % 64);
		if (found)
			break;
		from = from / 64 + 1;
		bits = bitmap_words(bits);
		level++;
	}
	if (!found)
		return set->bits;
	from = from / 64 * 64 + (uint64_t)__builtin_ctzll(found);
	while (level-- > 0)
		from = from * 64 + (uint64_t)__builtin_ctzll(set->level[level][from]);
	return from;
}

bool bitset_valid(const struct bitset *set)
{
	uint64_t bits = set->bits;
	if (bitmap_count(set->level[0], 0, bits) != set->count)
		return false;
	for (unsigned int level = 0; level + 1 < set->levels; level++) {
		bits = bitmap_words(bits);
		for (uint64_t i = 0; i < bits; i++)
			if (bitmap_get(set->level[level + 1], i) != (set->level[level][i] != 0))
				return false;
	}
	return bitmap_words(bits) == 1;
}
