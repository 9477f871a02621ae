/* SPDX-License-Identifier: BSD-2-Clause */
/* See lib/ring.h. */
#include <lib/assert.h>
#include <lib/range.h>
#include <lib/ring.h>
#include <stdatomic.h>

bool ring_shape_ok(uint64_t capacity, uint64_t entry_bytes)
{
	return range_is_power_of_2(capacity) && capacity <= RING_CAPACITY_MAX && entry_bytes > 0 &&
	       entry_bytes <= RING_ENTRY_MAX;
}

size_t ring_bytes(uint32_t capacity, uint32_t entry_bytes)
{
	return sizeof(struct ring_shared) + (size_t)capacity * entry_bytes;
}

void ring_shared_init(struct ring_shared *shared)
{
	for (int i = 0; i < 2; i++) {
		struct ring_side *side = i ? &shared->consumer : &shared->producer;
		atomic_store_explicit(&side->count, 0, memory_order_relaxed);
		atomic_store_explicit(&side->sleeps, 0, memory_order_relaxed);
	}
}

void ring_end_init(struct ring_end *end, struct ring_shared *shared, uint32_t capacity,
                   uint32_t entry_bytes, bool produces)
{
	assert(ring_shape_ok(capacity, entry_bytes));
	*end = (struct ring_end){
		.mine = produces ? &shared->producer : &shared->consumer,
		.other = produces ? &shared->consumer : &shared->producer,
		.entries = (unsigned char *)(shared + 1),
		.capacity = capacity,
		.entry_bytes = entry_bytes,
		.produces = produces,
	};
}

err_t ring_ready(struct ring_end *end, uint32_t *ready)
{
	*ready = 0;
	if (end->broken)
		return E_PROTOCOL;
	/* Read once. Acquire: what the other side did to the entries before is seen now. */
	uint32_t other = atomic_load_explicit(&end->other->count, memory_order_acquire);
	uint32_t used = end->produces ? end->count - other : other - end->count;
	if (used > end->capacity) {
		end->broken = true;
		return E_PROTOCOL;
	}
	*ready = end->produces ? end->capacity - used : used;
	return E_OK;
}

static unsigned char *entry_at(const struct ring_end *end)
{
	return end->entries + (size_t)(end->count & (end->capacity - 1)) * end->entry_bytes;
}

/* One copy, which the compiler may neither repeat later nor put off. */
static void copy(void *to, const void *from, uint32_t bytes)
{
	__builtin_memcpy(to, from, bytes);
	__asm__ volatile("" : : : "memory");
}

/* Release: the copy is done before the other side can see the count. */
static void advance(struct ring_end *end)
{
	end->count++;
	atomic_store_explicit(&end->mine->count, end->count, memory_order_release);
}

err_t ring_produce(struct ring_end *end, const void *entry)
{
	assert(end->produces);
	uint32_t ready;
	err_t err = ring_ready(end, &ready);
	if (err != E_OK)
		return err;
	if (ready == 0)
		return E_AGAIN;
	copy(entry_at(end), entry, end->entry_bytes);
	advance(end);
	return E_OK;
}

err_t ring_consume(struct ring_end *end, void *entry)
{
	assert(!end->produces);
	uint32_t ready;
	err_t err = ring_ready(end, &ready);
	if (err != E_OK)
		return err;
	if (ready == 0)
		return E_AGAIN;
	copy(entry, entry_at(end), end->entry_bytes);
	advance(end);
	return E_OK;
}

bool ring_must_signal(struct ring_end *end)
{
	/* Between moving my count and reading the other's flag: see "Sleeping". */
	atomic_thread_fence(memory_order_seq_cst);
	if (!atomic_load_explicit(&end->other->sleeps, memory_order_relaxed))
		return false;
	return atomic_exchange_explicit(&end->other->sleeps, 0, memory_order_relaxed) != 0;
}

bool ring_may_sleep(struct ring_end *end)
{
	atomic_store_explicit(&end->mine->sleeps, 1, memory_order_relaxed);
	/* Between raising my flag and reading the other's count. */
	atomic_thread_fence(memory_order_seq_cst);
	uint32_t ready;
	if (ring_ready(end, &ready) == E_OK && ready == 0)
		return true;
	atomic_store_explicit(&end->mine->sleeps, 0, memory_order_relaxed);
	return false;
}

bool ring_valid(const struct ring_end *end)
{
	struct ring_end copy_of_end = *end;
	uint32_t ready;
	return ring_shape_ok(end->capacity, end->entry_bytes) &&
	       atomic_load_explicit(&end->mine->count, memory_order_relaxed) == end->count &&
	       ring_ready(&copy_of_end, &ready) == E_OK && ready <= end->capacity;
}
