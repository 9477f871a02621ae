/* SPDX-License-Identifier: BSD-2-Clause */
/* The allocator of slots: each is given out once, none outside, all of them. */
#include <unit_test.h>
#include <rt/slot.h>

static struct rt_slots slots;
static bool taken[RT_SLOTS_MAX];

static void fill_and_empty(uint32_t first, uint32_t count)
{
	rt_slots_init(&slots, first, count);
	memset(taken, 0, sizeof(taken));
	for (uint32_t i = first; i < count; i++) {
		uint32_t slot = rt_slots_get(&slots);
		CHECK(slot >= first && slot < count && !taken[slot]);
		taken[slot] = true;
	}
	CHECK(rt_slots_get(&slots) == 0);
	for (uint32_t i = first; i < count; i++)
		rt_slots_put(&slots, i);
	if (first < count)
		CHECK(rt_slots_get(&slots) >= first);
}

static void random_steps(uint64_t seed)
{
	test_start(seed);
	uint32_t count = 1u << (RT_SLOT_BITS_MIN + test_below(6)), out = 0;
	uint32_t first = RT_SLOT_FIRST + (uint32_t)test_below(count - RT_SLOT_FIRST);
	rt_slots_init(&slots, first, count);
	memset(taken, 0, sizeof(taken));
	for (test_step = 0; test_step < 5000; test_step++) {
		uint32_t slot = first + (uint32_t)test_below(count - first);
		if (test_below(2)) {
			slot = rt_slots_get(&slots);
			CHECK((slot == 0) == (out == count - first));
			CHECK(slot == 0 || (slot >= first && slot < count && !taken[slot]));
			out += slot != 0;
			taken[slot] = slot != 0;
		} else if (taken[slot]) {
			rt_slots_put(&slots, slot);
			taken[slot] = false;
			out--;
		}
	}
}

int main(void)
{
	for (uint32_t first = 16; first < 140; first++)
		fill_and_empty(first, 256);
	fill_and_empty(16, 32);
	fill_and_empty(20, RT_SLOTS_MAX);
	fill_and_empty(64, 64);
	for (uint64_t seed = 1; seed <= 50; seed++)
		random_steps(seed);
	printf("rt/slots: ok\n");
	return 0;
}
