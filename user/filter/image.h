/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the filters do: pure. Pixels may change at any moment under these functions, for a client
 * writes to them: what they come to may be wrong then, but no loop and no index depends on them.
 */
#pragma once
#include <proto/filter.h>
#include <stdint.h>

/* A row of width pixels. scratch: room for a row. */
void image_filter_row(uint8_t *row, uint32_t width, enum filter_kind kind, uint8_t amount,
                      uint8_t *scratch);

/* What rows come to; darkest is 255 at first. */
struct image_measure {
	uint64_t sum;
	uint8_t darkest, brightest;
};
void image_measure_row(struct image_measure *measure, const uint8_t *row, uint32_t width);
