/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Intervals [start, end) that do not overlap, in order: the regions of an address space.
 *
 * They stand in the caller's structs, in a balanced tree (lib/tree.h) in which every node knows the
 * lowest start, the highest end and the widest gap below it. So everything is O(log n) in the worst
 * case, the search for a free gap too: an address space of a hundred thousand regions costs
 * seventeen steps. Addresses are any 64-bit words; an interval is never empty, so the address
 * 2^64-1 is in none.
 *
 * Who owns what: the intervals are the caller's. start and end are read by anyone, and written by
 * this module only while an interval is in the map.
 *
 * Invariants: start < end; an interval ends at or before the next one starts; the sums are right.
 */
#pragma once
#include <lib/err.h>
#include <lib/tree.h>
#include <stdbool.h>
#include <stdint.h>

struct interval {
	struct tree_node node;
	uint64_t start, end;
	uint64_t low, high, gap; /* of the subtree: lowest start, highest end, widest gap between */
};

struct interval_map {
	struct tree tree;
};

void interval_map_init(struct interval_map *map);

/* [start, end) of an interval in no map. INVAL: it is empty. EXIST: it overlaps another. */
err_t interval_insert(struct interval_map *map, struct interval *interval, uint64_t start,
                      uint64_t end);

/* An interval of the map is in no map any more. */
void interval_remove(struct interval_map *map, struct interval *interval);

/* interval's new bounds, its neighbours staying. INVAL, EXIST as above, and nothing changed. */
err_t interval_resize(struct interval_map *map, struct interval *interval, uint64_t start,
                      uint64_t end);

/*
 * Cuts interval at an address inside: it keeps [start, at), and upper, in no map so far, becomes
 * [at, end). INVAL: at is not inside.
 */
err_t interval_split(struct interval_map *map, struct interval *interval, uint64_t at,
                     struct interval *upper);

/* The interval that contains address; NULL if none does. */
struct interval *interval_find(const struct interval_map *map, uint64_t address);

/* The first interval that ends after address: it contains it, or is the next one. NULL: none. */
struct interval *interval_find_from(const struct interval_map *map, uint64_t address);

/* The neighbours in the order of addresses; NULL at the end. */
struct interval *interval_first(const struct interval_map *map);
struct interval *interval_next(const struct interval *interval);
struct interval *interval_prev(const struct interval *interval);

/*
 * The lowest *start, a multiple of align (a power of 2), such that [*start, *start + size) is free
 * and lies in [low, high). A random low makes the place random. Where align is more than 1, up to
 * INTERVAL_TRIES gaps that are wide enough are tried in turn, after that only those that are wide
 * enough wherever they start. NOENT: there is none (with the exception just named). INVAL: size is
 * 0.
 */
err_t interval_find_gap(const struct interval_map *map, uint64_t low, uint64_t high, uint64_t size,
                        uint64_t align, uint64_t *start);

enum { INTERVAL_TRIES = 8 };

/* Every invariant holds. O(n). */
bool interval_map_valid(const struct interval_map *map);
