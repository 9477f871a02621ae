/* SPDX-License-Identifier: BSD-2-Clause */
/* See image.h. */
#include "image.h"

/* The sum of all that are near goes along: one comes, one goes. */
static void blur_row(uint8_t *row, uint32_t width, uint32_t radius, uint8_t *scratch)
{
	uint32_t sum = 0, count = 0;
	__builtin_memcpy(scratch, row, width);
	for (uint32_t i = 0; i < width && i < radius; i++, count++)
		sum += scratch[i];
	for (uint32_t i = 0; i < width; i++) {
		if (width - i > radius) {
			sum += scratch[i + radius];
			count++;
		}
		if (i > radius) {
			sum -= scratch[i - radius - 1];
			count--;
		}
		row[i] = (uint8_t)(sum / count);
	}
}

void image_filter_row(uint8_t *row, uint32_t width, enum filter_kind kind, uint8_t amount,
                      uint8_t *scratch)
{
	switch (kind) {
	case FILTER_KIND_INVERT:
		for (uint32_t i = 0; i < width; i++)
			row[i] = (uint8_t)~row[i];
		break;
	case FILTER_KIND_BRIGHTEN:
		for (uint32_t i = 0; i < width; i++) {
			uint32_t pixel = (uint32_t)row[i] + amount;
			row[i] = pixel < 255 ? (uint8_t)pixel : 255;
		}
		break;
	case FILTER_KIND_DARKEN:
		for (uint32_t i = 0; i < width; i++) {
			int pixel = (int)row[i] - (int)amount;
			row[i] = pixel > 0 ? (uint8_t)pixel : 0;
		}
		break;
	case FILTER_KIND_BLUR:
		blur_row(row, width, amount, scratch);
		break;
	}
}

void image_measure_row(struct image_measure *measure, const uint8_t *row, uint32_t width)
{
	for (uint32_t i = 0; i < width; i++) {
		uint8_t pixel = *(const volatile uint8_t *)&row[i]; /* once */
		measure->sum += pixel;
		measure->darkest = pixel < measure->darkest ? pixel : measure->darkest;
		measure->brightest = pixel > measure->brightest ? pixel : measure->brightest;
	}
}
