/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Rings against a plain queue; against another side that writes anything anywhere in the shared
 * part (the sanitizer watches the bounds); and between two threads that sleep: a lost wake-up would
 * hang, which an alarm ends.
 */
#include <lib/ring.h>
#include "unit_test.h"
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <unistd.h>

enum { SEEDS = 40, STEPS = 3000, ENTRY_MAX = 24, QUEUE = 128 };

static struct ring_shared *new_shared(uint32_t capacity, uint32_t entry_bytes)
{
	void *memory = NULL;
	CHECK(posix_memalign(&memory, 64, ring_bytes(capacity, entry_bytes)) == 0);
	memset(memory, 0xa5, ring_bytes(capacity, entry_bytes));
	ring_shared_init(memory);
	return memory;
}

/* Both counts begin close to where they wrap. */
static void start_at(struct ring_end *producer, struct ring_end *consumer, uint32_t count)
{
	producer->count = consumer->count = count;
	producer->mine->count = consumer->mine->count = count;
}

static void run_queue(uint64_t seed)
{
	test_start(seed);
	uint32_t capacity = 1u << test_below(7), bytes = 1 + (uint32_t)test_below(ENTRY_MAX);
	struct ring_shared *shared = new_shared(capacity, bytes);
	struct ring_end producer, consumer;
	ring_end_init(&producer, shared, capacity, bytes, true);
	ring_end_init(&consumer, shared, capacity, bytes, false);
	start_at(&producer, &consumer, seed % 2 ? 0 : -(uint32_t)test_below(STEPS));
	static unsigned char queue[QUEUE][ENTRY_MAX];
	uint32_t in = 0, out = 0, ready;
	for (test_step = 0; test_step < STEPS; test_step++) {
		unsigned char entry[ENTRY_MAX + 1];
		entry[bytes] = 0x5a;
		if (test_below(8) < (test_step / 200 % 2 ? 5 : 3)) {
			for (uint32_t i = 0; i < bytes; i++)
				entry[i] = queue[in % QUEUE][i] = (unsigned char)test_random();
			err_t err = ring_produce(&producer, entry);
			CHECK(err == (in - out == capacity ? E_AGAIN : E_OK));
			in += err == E_OK;
		} else {
			err_t err = ring_consume(&consumer, entry);
			CHECK(err == (in == out ? E_AGAIN : E_OK) && entry[bytes] == 0x5a);
			if (err == E_OK)
				CHECK(memcmp(entry, queue[out++ % QUEUE], bytes) == 0);
		}
		CHECK(ring_ready(&producer, &ready) == E_OK && ready == capacity - (in - out));
		CHECK(ring_ready(&consumer, &ready) == E_OK && ready == in - out);
		CHECK(ring_valid(&producer) && ring_valid(&consumer));
	}
	free(shared);
}

static void check_flags(void)
{
	struct ring_shared *shared = new_shared(2, 1);
	struct ring_end producer, consumer;
	char entry = 'x';
	ring_end_init(&producer, shared, 2, 1, true);
	ring_end_init(&consumer, shared, 2, 1, false);
	CHECK(!ring_may_sleep(&producer) && ring_may_sleep(&consumer));
	CHECK(ring_produce(&producer, &entry) == E_OK);
	CHECK(ring_must_signal(&producer) && !ring_must_signal(&producer));
	CHECK(!ring_may_sleep(&consumer));
	CHECK(ring_produce(&producer, &entry) == E_OK && !ring_must_signal(&producer));
	CHECK(ring_may_sleep(&producer));
	CHECK(ring_consume(&consumer, &entry) == E_OK);
	CHECK(ring_must_signal(&consumer) && !ring_must_signal(&consumer));
	free(shared);
}

/* The other side writes what it likes, between any two calls; errors come, and stay. */
static void run_hostile(uint64_t seed)
{
	test_start(seed);
	uint32_t capacity = 1u << test_below(5), bytes = 1 + (uint32_t)test_below(ENTRY_MAX);
	struct ring_shared *shared = new_shared(capacity, bytes);
	struct ring_end end;
	bool produces = seed % 2;
	ring_end_init(&end, shared, capacity, bytes, produces);
	for (test_step = 0; test_step < STEPS; test_step++) {
		unsigned char entry[ENTRY_MAX] = { 0 };
		uint32_t count = end.count, ready;
		uint32_t claim = produces ? count - (uint32_t)test_below(capacity + 2)
		                          : count + (uint32_t)test_below(capacity + 2);
		if (test_below(500) == 0)
			claim = (uint32_t)test_random();
		if (test_step < STEPS / 2 && (produces ? count - claim : claim - count) > capacity)
			claim = count; /* honest about that, for a while */
		atomic_store(&end.other->count, claim);
		atomic_store(&end.other->sleeps, (uint32_t)test_random());
		if (test_below(2))
			atomic_store(&end.mine->count, (uint32_t)test_random());
		uint32_t used = produces ? count - claim : claim - count;
		bool broken = end.broken || used > capacity;
		uint32_t left = produces ? capacity - used : used;
		err_t expected = broken ? E_PROTOCOL : left == 0 ? E_AGAIN : E_OK;
		CHECK((produces ? ring_produce(&end, entry) : ring_consume(&end, entry)) ==
		      expected);
		CHECK(end.count == count + (expected == E_OK) && end.broken == broken);
		CHECK(ring_ready(&end, &ready) == (broken ? E_PROTOCOL : E_OK) &&
		      ready <= capacity);
		if (broken)
			CHECK(ready == 0 && !ring_may_sleep(&end));
	}
	free(shared);
}

/* -- two threads ------------------------------------------------------------------------------- */

enum { TRANSFERS = 50000 };

struct party {
	struct ring_end end;
	_Atomic int *wake_me, *wake_other;
	uint64_t sleeps;
};

/* Like a notification: a word that is set, and waited for. Spinning first makes races likely. */
static void wait_for(_Atomic int *wake)
{
	for (int spins = 0; !atomic_exchange(wake, 0); spins++)
		if (spins > 1000)
			sched_yield();
}

static void pause_between(struct party *party)
{
	if (ring_must_signal(&party->end))
		atomic_store(party->wake_other, 1);
	if (ring_may_sleep(&party->end)) {
		party->sleeps++;
		wait_for(party->wake_me);
	}
}

static void *produce_all(void *arg)
{
	struct party *party = arg;
	for (uint64_t i = 0; i < TRANSFERS;) {
		uint64_t entry[2] = { i, ~i };
		if (ring_produce(&party->end, entry) == E_OK) {
			i++;
			if (i % 3 == 0 && ring_must_signal(&party->end))
				atomic_store(party->wake_other, 1);
		} else {
			pause_between(party);
		}
	}
	if (ring_must_signal(&party->end))
		atomic_store(party->wake_other, 1);
	return NULL;
}

static void check_threads(uint32_t capacity)
{
	struct ring_shared *shared = new_shared(capacity, 16);
	_Atomic int producer_wakes = 0, consumer_wakes = 0;
	struct party producer = { .wake_me = &producer_wakes, .wake_other = &consumer_wakes };
	struct party consumer = { .wake_me = &consumer_wakes, .wake_other = &producer_wakes };
	ring_end_init(&producer.end, shared, capacity, 16, true);
	ring_end_init(&consumer.end, shared, capacity, 16, false);
	start_at(&producer.end, &consumer.end, -1000u);
	pthread_t thread;
	CHECK(pthread_create(&thread, NULL, produce_all, &producer) == 0);
	for (uint64_t i = 0; i < TRANSFERS;) {
		uint64_t entry[2];
		if (ring_consume(&consumer.end, entry) == E_OK) {
			CHECK(entry[0] == i && entry[1] == ~i);
			i++;
		} else {
			pause_between(&consumer);
		}
	}
	if (ring_must_signal(&consumer.end))
		atomic_store(consumer.wake_other, 1);
	CHECK(pthread_join(thread, NULL) == 0);
	CHECK(producer.sleeps + consumer.sleeps > 0);
	free(shared);
}

int main(void)
{
	alarm(40);
	for (uint64_t seed = 1; seed <= SEEDS; seed++) {
		run_queue(seed);
		run_hostile(seed);
	}
	check_flags();
	CHECK(!ring_shape_ok(0, 8) && !ring_shape_ok(3, 8) && !ring_shape_ok(4, 0));
	CHECK(!ring_shape_ok(4, RING_ENTRY_MAX + 1) && ring_shape_ok(4, RING_ENTRY_MAX));
	CHECK(!ring_shape_ok(RING_CAPACITY_MAX * 2, 8) && ring_shape_ok(RING_CAPACITY_MAX, 8));
	check_threads(1);
	check_threads(256);
	return 0;
}
