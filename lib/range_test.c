/* SPDX-License-Identifier: BSD-2-Clause */
/* Ranges near the ends of the numbers, against arithmetic in 128 bits. */
#include <lib/range.h>
#include "unit_test.h"

typedef unsigned __int128 wide;

/* Small, close to 2^63, or close to 2^64. */
static uint64_t edge(void)
{
	static const uint64_t bases[] = { 0, UINT64_MAX / 2 + 1, -(uint64_t)8 };
	return bases[test_below(3)] + test_below(8);
}

int main(void)
{
	test_start(1);
	for (test_step = 0; test_step < 200000; test_step++) {
		uint64_t a = edge(), b = edge(), c = edge(), d = edge();
		CHECK(range_ok(a, b, c) == ((wide)a + b <= c));
		if ((wide)a + b <= UINT64_MAX && (wide)c + d <= UINT64_MAX)
			CHECK(range_overlaps(a, b, c, d) ==
			      (b > 0 && d > 0 && a < (wide)c + d && c < (wide)a + b));
		uint64_t align = 1ull << test_below(64), up;
		wide up_wide = ((wide)a + align - 1) / align * align;
		CHECK(range_align_up(a, align, &up) == (up_wide <= UINT64_MAX));
		if (up_wide <= UINT64_MAX)
			CHECK(up == up_wide);
		CHECK(range_align_down(a, align) == a / align * align);
		CHECK(range_is_aligned(a, align) == (a % align == 0));
		CHECK(range_is_power_of_2(align) &&
		      range_is_power_of_2(a) == (__builtin_popcountll(a) == 1));
	}
	return 0;
}
