/* SPDX-License-Identifier: BSD-2-Clause */
/* The allocator of slots; pure, and free of locks. See rt/slot.h. */
#include <lib/assert.h>
#include <rt/slot.h>

void rt_slots_init(struct rt_slots *slots, uint32_t first, uint32_t count)
{
	assert(first <= count && count <= RT_SLOTS_MAX);
	slots->count = count;
	slots->next = first / 64;
	for (uint32_t word = 0; word < RT_SLOTS_MAX / 64; word++) {
		uint32_t base = word * 64;
		uint64_t below = first <= base        ? 0
		                 : first >= base + 64 ? ~0ull
		                                      : (1ull << (first - base)) - 1;
		uint64_t above = count >= base + 64 ? 0
		                 : count <= base    ? ~0ull
		                                    : ~0ull << (count - base);
		slots->taken[word] = below | above;
	}
}

uint32_t rt_slots_get(struct rt_slots *slots)
{
	uint32_t words = (slots->count + 63) / 64;
	uint32_t start = __atomic_load_n(&slots->next, __ATOMIC_RELAXED);
	for (uint32_t i = 0; i < words; i++) {
		uint32_t word = (start + i) % words;
		uint64_t taken = __atomic_load_n(&slots->taken[word], __ATOMIC_RELAXED);
		while (~taken) {
			uint64_t bit = ~taken & -~taken;
			if (!__atomic_compare_exchange_n(&slots->taken[word], &taken, taken | bit,
			                                 false, __ATOMIC_ACQUIRE, __ATOMIC_RELAXED))
				continue;
			__atomic_store_n(&slots->next, word, __ATOMIC_RELAXED);
			return word * 64 + (uint32_t)__builtin_ctzll(bit);
		}
	}
	return 0;
}

void rt_slots_put(struct rt_slots *slots, uint32_t slot)
{
	uint64_t bit = 1ull << slot % 64;
	assert(slot < slots->count);
	uint64_t before = __atomic_fetch_and(&slots->taken[slot / 64], ~bit, __ATOMIC_RELEASE);
	assert(before & bit);
}
