/* SPDX-License-Identifier: BSD-2-Clause */
/* Bitmaps and sets against arrays of bytes. */
#include <lib/bitmap.h>
#include "unit_test.h"

enum { BITS_MAX = 700, SEEDS = 60, STEPS = 500 };

static uint64_t words[BITS_MAX / 64 + 1];
static unsigned char model[BITS_MAX + 64];

static uint64_t model_run(uint64_t bits, uint64_t from, uint64_t count, uint64_t align, bool value)
{
	for (uint64_t i = from; i + count <= bits; i++) {
		uint64_t n = 0;
		while (n < count && model[i + n] == value)
			n++;
		if (n == count && i % align == 0)
			return i;
	}
	return bits;
}

static void run_map(uint64_t seed)
{
	test_start(seed);
	uint64_t bits = 1 + test_below(BITS_MAX);
	/* What lies behind the last bit is rubbish, and stays. */
	for (size_t i = 0; i < BITS_MAX / 64 + 1; i++)
		words[i] = test_random();
	for (uint64_t i = 0; i < bitmap_words(bits) * 64; i++)
		model[i] = words[i / 64] >> (i % 64) & 1;
	for (test_step = 0; test_step < STEPS; test_step++) {
		uint64_t first = test_below(bits), count = test_below(bits - first + 1);
		bool value = test_below(2);
		if (test_below(2))
			count = count % 70;
		bitmap_fill(words, first, count, value);
		memset(model + first, value, count);
		bitmap_put(words, first, !value);
		model[first] = !value;
		for (uint64_t i = 0; i < bitmap_words(bits) * 64; i++)
			CHECK(bitmap_get(words, i) == model[i]);
		uint64_t sum = 0, align = 1ull << test_below(7);
		for (uint64_t i = 0; i < count; i++)
			sum += model[first + i];
		CHECK(bitmap_count(words, first, count) == sum);
		first = test_below(bits + 2);
		CHECK(bitmap_find(words, bits, first, value) ==
		      model_run(bits, first, 1, 1, value));
		count = test_below(4) ? 1 + test_below(12) : 1 + test_below(bits + 2);
		CHECK(bitmap_find_run(words, bits, first, count, align, value) ==
		      model_run(bits, first, count, align, value));
	}
}

static void run_set(uint64_t bits, unsigned int levels)
{
	test_start(bits);
	struct bitset set;
	uint64_t *memory = malloc(bitset_words(bits) * sizeof(uint64_t));
	unsigned char *members = calloc(bits, 1);
	uint64_t count = 0;
	CHECK(memory && members);
	memset(memory, 0xa5, bitset_words(bits) * sizeof(uint64_t));
	bitset_init(&set, memory, bits);
	CHECK(set.levels == levels);
	for (test_step = 0; test_step < 2000; test_step++) {
		bool adds = test_below(4) ? test_step / 200 % 2 == 0 : test_below(2);
		uint64_t i = test_below(4) ? test_below(bits) : test_below(bits < 80 ? bits : 80);
		if (!adds && test_below(8)) /* rather one that is in */
			i = bitset_next(&set, i) < bits ? bitset_next(&set, i) : i;
		count += adds ? !members[i] : -(uint64_t)members[i];
		members[i] = adds;
		if (adds)
			bitset_add(&set, i);
		else
			bitset_remove(&set, i);
		CHECK(bitset_has(&set, i) == adds && set.count == count);
		uint64_t from = test_below(bits + 2), next = from;
		while (next < bits && !members[next])
			next++;
		CHECK(bitset_next(&set, from) == (next < bits ? next : bits));
		if (test_step % 100 == 0 || bits < 100)
			CHECK(bitset_valid(&set));
	}
	free(memory);
	free(members);
}

int main(void)
{
	for (uint64_t seed = 1; seed <= SEEDS; seed++)
		run_map(seed);
	run_set(1, 1);
	run_set(64, 1);
	run_set(65, 2);
	run_set(4096, 2);
	run_set(4097, 3);
	run_set(300000, 4);
	/* Runs that would end behind the last number. */
	words[0] = 0;
	CHECK(bitmap_find_run(words, 64, 1, UINT64_MAX, 1, false) == 64);
	CHECK(bitmap_find_run(words, 64, 1, 1, 1ull << 63, false) == 64);
	return 0;
}
