/* SPDX-License-Identifier: BSD-2-Clause */
/* Intervals against one byte for each address of a small space, at both ends of the numbers. */
#include <lib/interval.h>
#include "unit_test.h"

enum { SPACE = 256, MAX = 64, SEEDS = 60, STEPS = 1500 };

static struct interval intervals[MAX];
static bool used[MAX];
static int owner[SPACE]; /* 1 + the interval's number, 0 when free */
static uint64_t base;    /* the space begins here */

static int unused(void)
{
	int i = 0;
	while (i < MAX && used[i])
		i++;
	return i;
}

static bool is_free(uint64_t start, uint64_t end, int but)
{
	for (uint64_t i = start; i < end; i++)
		if (owner[i] != 0 && owner[i] != but)
			return false;
	return true;
}

static void paint(uint64_t start, uint64_t end, int with)
{
	for (uint64_t i = start; i < end; i++)
		owner[i] = with;
}

static void insert(struct interval_map *map)
{
	int i = unused();
	uint64_t start = test_below(SPACE), end = start + test_below(12);
	if (i == MAX || end >= SPACE)
		return;
	err_t expected = start == end ? E_INVAL : is_free(start, end, 0) ? E_OK : E_EXIST;
	CHECK(interval_insert(map, &intervals[i], base + start, base + end) == expected);
	if (expected == E_OK) {
		used[i] = true;
		paint(start, end, i + 1);
	}
}

static void resize(struct interval_map *map, int i)
{
	uint64_t start = test_below(SPACE), end = test_below(SPACE);
	struct interval *interval = &intervals[i];
	uint64_t old_start = interval->start - base, old_end = interval->end - base;
	if (test_below(4)) { /* mostly a little */
		start = old_start + test_below(5) - 2;
		end = old_end + test_below(5) - 2;
	}
	if (start >= SPACE || end >= SPACE)
		return;
	/* The neighbours stay: the new place must touch what lies between them only. */
	uint64_t low = old_start, high = old_end;
	while (low > 0 && owner[low - 1] == 0)
		low--;
	while (high < SPACE - 1 && owner[high] == 0)
		high++;
	err_t expected = start >= end ? E_INVAL : start < low || end > high ? E_EXIST : E_OK;
	CHECK(interval_resize(map, interval, base + start, base + end) == expected);
	if (expected == E_OK) {
		paint(old_start, old_end, 0);
		paint(start, end, i + 1);
	}
}

static void split(struct interval_map *map, int i)
{
	int j = unused();
	uint64_t at = test_below(SPACE), end = intervals[i].end - base;
	if (test_below(4))
		at = intervals[i].start - base + test_below(6);
	if (j == MAX || at >= SPACE)
		return;
	bool inside = owner[at] == i + 1 && at > intervals[i].start - base;
	err_t expected = inside ? E_OK : E_INVAL;
	CHECK(interval_split(map, &intervals[i], base + at, &intervals[j]) == expected);
	if (inside) {
		used[j] = true;
		paint(at, end, j + 1);
	}
}

static void check_find(const struct interval_map *map)
{
	uint64_t at = test_below(SPACE - 1), from = at;
	struct interval *here = owner[at] ? &intervals[owner[at] - 1] : NULL;
	CHECK(interval_find(map, base + at) == here);
	while (from < SPACE && owner[from] == 0)
		from++;
	CHECK(interval_find_from(map, base + at) ==
	      (from < SPACE ? &intervals[owner[from] - 1] : NULL));
	if (here) {
		CHECK(here->start <= base + at && base + at < here->end);
		struct interval *next = interval_next(here);
		CHECK(next ? interval_prev(next) == here
		           : interval_find_from(map, here->end) == NULL);
		CHECK(here != interval_first(map) || !interval_prev(here));
	}
}

/* align 1 is exact; else the lowest, if it is among the first gaps, or one in a gap with room. */
static void check_gap(const struct interval_map *map)
{
	uint64_t low = test_below(SPACE), high = test_below(SPACE), start;
	uint64_t size = test_below(4) ? 1 + test_below(20) : test_below(SPACE);
	uint64_t align = test_below(2) ? 1 : 1ull << test_below(6);
	err_t err = interval_find_gap(map, base + low, base + high, size, align, &start);
	if (size == 0) {
		CHECK(err == E_INVAL);
		return;
	}
	uint64_t lowest = SPACE, roomy = SPACE;
	for (uint64_t i = low; i <= high && size <= high - i; i++) {
		if (lowest == SPACE && (base + i) % align == 0 && is_free(i, i + size, 0))
			lowest = i;
		if (roomy == SPACE && size + align - 1 <= high - i &&
		    is_free(i, i + size + align - 1, 0))
			roomy = i;
	}
	if (err == E_OK) {
		CHECK(start % align == 0 && start - base >= low && start - base <= high);
		CHECK(size <= high - (start - base));
		CHECK(is_free(start - base, start - base + size, 0) && lowest <= start - base);
		CHECK(align > 1 || start - base == lowest);
		CHECK(roomy == SPACE || start - base < roomy + align);
	} else {
		CHECK(err == E_NOENT && roomy == SPACE && (align > 1 || lowest == SPACE));
	}
}

static void run(uint64_t seed)
{
	struct interval_map map;
	test_start(seed);
	static const uint64_t bases[] = { 0, 1ull << 46, UINT64_MAX - SPACE + 1 };
	base = bases[seed % 3];
	interval_map_init(&map);
	memset(used, 0, sizeof(used));
	memset(owner, 0, sizeof(owner));
	for (test_step = 0; test_step < STEPS; test_step++) {
		int i = (int)test_below(MAX);
		switch (used[i] ? test_below(6) : 0) {
		case 1:
			interval_remove(&map, &intervals[i]);
			paint(intervals[i].start - base, intervals[i].end - base, 0);
			used[i] = false;
			break;
		case 2:
		case 3:
			resize(&map, i);
			break;
		case 4:
			split(&map, i);
			break;
		default:
			insert(&map);
			break;
		}
		CHECK(interval_map_valid(&map));
		for (int j = 0; j < 3; j++) {
			check_find(&map);
			check_gap(&map);
		}
	}
}

/* Many gaps that only look wide enough: the search gives up on them, and finds the one that is. */
static void check_misaligned(void)
{
	struct interval_map map;
	uint64_t start;
	test_start(100);
	interval_map_init(&map);
	for (uint64_t i = 0; i < MAX; i++) /* [0x100 i + 0x90, 0x100 i + 0x110) is free */
		CHECK(interval_insert(&map, &intervals[i], 0x100 * i + 0x10, 0x100 * i + 0x90) ==
		      E_OK);
	CHECK(interval_find_gap(&map, 0x10, -1ull, 0x80, 0x100, &start) == E_OK);
	CHECK(start == 0x100 * MAX);
	/* [0x280, 0x310) fits and is seen in time; one like it that comes later is passed over. */
	CHECK(interval_resize(&map, &intervals[2], 0x210, 0x280) == E_OK);
	CHECK(interval_find_gap(&map, 0x10, -1ull, 0x80, 0x80, &start) == E_OK && start == 0x280);
	CHECK(interval_resize(&map, &intervals[20], 0x1410, 0x1480) == E_OK);
	CHECK(interval_find_gap(&map, 0x310, -1ull, 0x80, 0x80, &start) == E_OK);
	CHECK(start == 0x100 * MAX);
	interval_remove(&map, &intervals[1]);
	CHECK(interval_find_gap(&map, 0x10, -1ull, 0x80, 0x80, &start) == E_OK && start == 0x100);
	interval_remove(&map, &intervals[MAX - 2]);
	CHECK(interval_find_gap(&map, 0x310, -1ull, 0x80, 0x80, &start) == E_OK);
	CHECK(start == 0x100 * (MAX - 2));
	CHECK(interval_find_gap(&map, 0x200, -1ull, 1ull << 63, 1ull << 63, &start) == E_NOENT);
	CHECK(interval_find_gap(&map, 0, -1ull, (1ull << 63) - 1, 1ull << 63, &start) == E_OK);
	CHECK(start == 1ull << 63);
}

int main(void)
{
	for (uint64_t seed = 1; seed <= SEEDS; seed++)
		run(seed);
	check_misaligned();
	return 0;
}
