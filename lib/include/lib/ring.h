/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A queue of fixed-size entries in memory that two programs share, who need not trust each other:
 * one produces, one consumes, no lock, and a signal only when the other side sleeps.
 *
 * The shared part is struct ring_shared and, right behind it, the entries. The producer's count
 * says how many were ever produced, the consumer's how many ever consumed, modulo 2^32. Each is
 * written by its side only, which keeps its own count privately and never reads it back. The other
 * side's count is believed as far as it makes sense: it can claim up to capacity entries, not more
 * (PROTOCOL; from then on this end stays broken). So whatever is written into the shared part, this
 * side's accesses stay in bounds. An entry is copied out once, and the copy is what may be checked:
 * its content is anybody's.
 *
 * Sleeping. To sleep, a side raises its flag, then looks at the ring once more; to signal, a side
 * moves its count, then looks at the other's flag. Both with sequential consistency in between: at
 * least one of the two sees the other, so no wake-up is lost. Who sees the flag takes it down, so
 * there is one signal for one sleep. Needless signals are possible, and must be borne: the flags
 * are the other side's to write, too.
 *
 * Who owns what: the shared memory is the caller's, mapped as long as the end is used; struct
 * ring_end is private to its side.
 *
 * Limits: RING_CAPACITY_MAX entries of at most RING_ENTRY_MAX bytes.
 */
#pragma once
#include <lib/err.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define RING_CAPACITY_MAX (1u << 20)
#define RING_ENTRY_MAX 4096u

struct ring_side {
	_Alignas(64) _Atomic uint32_t count; /* produced or consumed by this side, modulo 2^32 */
	_Atomic uint32_t sleeps;             /* 1: signal me */
};

struct ring_shared {
	struct ring_side producer, consumer;
};

_Static_assert(sizeof(struct ring_shared) == 128);

struct ring_end {
	struct ring_side *mine, *other; /* No ownership; shared */
	unsigned char *entries;         /* No ownership; shared */
	uint32_t count;                 /* what mine->count should be */
	uint32_t capacity;              /* a power of 2 */
	uint32_t entry_bytes;
	bool produces, broken;
};

/* Bytes of shared memory, from a multiple of 64 on. */
size_t ring_bytes(uint32_t capacity, uint32_t entry_bytes);

/* capacity and entry_bytes, from wherever they are, are such that a ring can be. */
bool ring_shape_ok(uint64_t capacity, uint64_t entry_bytes);

/* By one side, or whoever sets the two up, before either begins. */
void ring_shared_init(struct ring_shared *shared);

/* One side's end of a fresh ring; the shape is ok and agreed upon. */
void ring_end_init(struct ring_end *end, struct ring_shared *shared, uint32_t capacity,
                   uint32_t entry_bytes, bool produces);

/*
 * The producer's: entry_bytes bytes go in. The consumer's: they come out.
 * AGAIN: the ring is full, or empty. PROTOCOL: the other side's count is impossible.
 */
err_t ring_produce(struct ring_end *end, const void *entry);
err_t ring_consume(struct ring_end *end, void *entry);

/* How many can be produced, or consumed, right now. PROTOCOL as above, and *ready is 0. */
err_t ring_ready(struct ring_end *end, uint32_t *ready);

/*
 * After producing or consuming, once for any number of entries: true if the other side is to be
 * signalled now.
 */
bool ring_must_signal(struct ring_end *end);

/*
 * Before waiting for a signal: true if there is nothing to do and the other side will signal. False
 * if there is something, or the ring is broken: do not wait.
 */
bool ring_may_sleep(struct ring_end *end);

/* What this end keeps privately makes sense, and the shared part has not been tampered with. */
bool ring_valid(const struct ring_end *end);
