/* SPDX-License-Identifier: BSD-2-Clause */
/* Filters against what they are said to do, pixel by pixel. */
#include "image.h"
#include <unit_test.h>

enum { WIDTH = 700 };

static int expected(const uint8_t *row, int width, int i, int kind, int amount)
{
	int sum = 0, count = 0;
	switch (kind) {
	case FILTER_KIND_INVERT:
		return 255 - row[i];
	case FILTER_KIND_BRIGHTEN:
		return row[i] + amount > 255 ? 255 : row[i] + amount;
	case FILTER_KIND_DARKEN:
		return row[i] < amount ? 0 : row[i] - amount;
	default:
		for (int j = i - amount; j <= i + amount; j++)
			if (j >= 0 && j < width)
				sum += row[j], count++;
		return sum / count;
	}
}

static void run(int kind, int width, int amount)
{
	uint8_t *row = malloc((size_t)width), *scratch = malloc((size_t)width), before[WIDTH];
	struct image_measure have = { .darkest = 255 }, want = { .darkest = 255 };
	for (int i = 0; i < width; i++) {
		before[i] = row[i] = (uint8_t)test_random();
		want.sum += row[i];
		want.darkest = row[i] < want.darkest ? row[i] : want.darkest;
		want.brightest = row[i] > want.brightest ? row[i] : want.brightest;
	}
	image_measure_row(&have, row, (uint32_t)width);
	CHECK(have.sum == want.sum && have.darkest == want.darkest &&
	      have.brightest == want.brightest);
	image_filter_row(row, (uint32_t)width, (enum filter_kind)kind, (uint8_t)amount, scratch);
	for (int i = 0; i < width; i++)
		CHECK(row[i] == expected(before, width, i, kind, amount));
	free(row);
	free(scratch);
}

int main(void)
{
	test_start(1);
	for (int kind = FILTER_KIND_INVERT; kind <= FILTER_KIND_BLUR; kind++)
		for (test_step = 0; test_step < 300; test_step++)
			run(kind, 1 + (int)test_below(WIDTH), (int)test_below(256));
	return 0;
}
