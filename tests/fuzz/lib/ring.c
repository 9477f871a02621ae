/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Any bytes as what the other side of a ring does to the shared part, between our own calls.
 * Canary: a count of ours that went once around the ring.
 */
#include "fuzz.h"
#include <lib/ring.h>
#include <stdlib.h>
#include <string.h>

void assert_failed(const char *file, int line, const char *what)
{
	(void)file, (void)line, (void)what;
	__builtin_trap();
}

/* One step: four bytes say what. */
static void step(struct ring_end *end, const uint8_t *in, unsigned char *shared, size_t bytes)
{
	unsigned char entry[64] = { 0 };
	uint32_t count = end->count, ready = 0;
	err_t err = E_OK;
	switch (in[0] % 8) {
	case 0: /* a byte anywhere in the shared part */
		shared[(in[1] | in[2] << 8) % bytes] = in[3];
		break;
	case 1: /* the other's count, from ours on */
		end->other->count = end->count + (uint32_t)(int8_t)in[1];
		break;
	case 2:
		err = ring_ready(end, &ready);
		CHECK(ready <= end->capacity);
		break;
	case 3:
		if (ring_may_sleep(end))
			CHECK(!end->broken && end->mine->sleeps == 1);
		break;
	case 4:
		(void)ring_must_signal(end);
		break;
	default:
		err = end->produces ? ring_produce(end, entry) : ring_consume(end, entry);
		CHECK(end->count == count + (err == E_OK));
		REACHED(end->count > end->capacity);
		break;
	}
	CHECK(err == E_OK || err == E_AGAIN || (err == E_PROTOCOL && end->broken));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct ring_end end;
	if (size < 4)
		return 0;
	uint32_t capacity = 1u << data[0] % 5, entry_bytes = 1 + data[1] % 64;
	size_t bytes = ring_bytes(capacity, entry_bytes);
	void *shared = NULL;
	CHECK(posix_memalign(&shared, 64, bytes) == 0);
	memset(shared, data[2], bytes);
	ring_shared_init(shared);
	ring_end_init(&end, shared, capacity, entry_bytes, data[3] & 1);
	for (size_t at = 4; at + 4 <= size; at += 4)
		step(&end, data + at, shared, bytes);
	free(shared);
	return 0;
}
