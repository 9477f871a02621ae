/* SPDX-License-Identifier: BSD-2-Clause */
/* Has a picture changed where it lies, in as many requests as that takes; and takes it away. */
#include "client.h"
#include <proto/filter_client.h>
#include <proto/rm_client.h>
#include <rt/program.h>
#include <rt/share.h>

enum { PICTURE_PAGES = 1024, WIDTH = 2048, ROWS = PICTURE_PAGES * PAGE / WIDTH };

static struct lender filter;
static uint32_t requests;

static uint8_t pixel_of(uint64_t i)
{
	return (uint8_t)(i + i / WIDTH);
}

/* Of all rows, from the first on: how many are done when it ends, and why. */
static err_t apply(enum filter_kind kind, uint8_t amount, uint32_t *rows)
{
	struct filter_apply_in in = { .width = WIDTH, .kind = kind, .amount = amount };
	struct filter_apply_out out = { .rows = 1 };
	err_t err = E_OK;
	for (*rows = 0; *rows < ROWS && err == E_OK && out.rows > 0; *rows += out.rows) {
		uint64_t done = (uint64_t)*rows * WIDTH;
		in.pixels =
		        (struct proto_bulk){ filter.share.raw, done, PICTURE_PAGES * PAGE - done };
		out = (struct filter_apply_out){ 0 };
		err = filter_apply(filter.session.endpoint, &in, &out);
		err = err == E_OK ? out.why : err;
		requests++;
	}
	return err;
}

static bool is_picture(uint8_t inverted_by, uint8_t more)
{
	const uint8_t *picture = (const uint8_t *)filter.at;
	for (uint64_t i = 0; i < PICTURE_PAGES * PAGE; i++) {
		uint32_t pixel = (uint32_t)(pixel_of(i) ^ inverted_by) + more;
		if (picture[i] != (pixel < 255 ? pixel : 255))
			return false;
	}
	return true;
}

static bool measure(uint8_t darkest, uint8_t brightest)
{
	const struct filter_measure_in in = {
		.pixels = { filter.share.raw, 0, (uint64_t)WIDTH * 256 }, .width = WIDTH
	};
	struct filter_measure_out out;
	err_t err = filter_measure(filter.session.endpoint, &in, &out);
	return check(err != E_OK || (out.rows == 256 && out.darkest == darkest &&
	                             out.brightest == brightest),
	             err, "measure");
}

static bool use(void)
{
	uint8_t *picture = (uint8_t *)filter.at;
	uint32_t rows = 0;
	for (uint64_t i = 0; i < PICTURE_PAGES * PAGE; i++)
		picture[i] = pixel_of(i);
	if (!check(true, apply(FILTER_KIND_INVERT, 0, &rows), "invert") ||
	    !check(is_picture(255, 0), E_OK, "what invert did") || !measure(0, 255) ||
	    !check(true, apply(FILTER_KIND_BRIGHTEN, 40, &rows), "brighten") ||
	    !check(is_picture(255, 40), E_OK, "what brighten did") || !measure(40, 255))
		return false;
	rt_log("client: filter changed %u rows where they lie, twice, in %u requests", rows,
	       requests);
	/* Half of it is no more: filter must say how far it came, and serve on. */
	const struct rm_dataspace_resize_in in = { .size = PICTURE_PAGES / 2 };
	err_t err = rm_dataspace_resize(filter.memory, &in);
	if (!check(true, err, "resize"))
		return false;
	err = apply(FILTER_KIND_BLUR, 3, &rows);
	if (!check(err == E_GONE && rows == ROWS / 2, E_OK, "half a picture"))
		return false;
	rt_log("client: and blurred %u rows of a picture of which the others were gone", rows);
	return true;
}

bool client_filter(void)
{
	err_t err = lender_open(&filter, "filter", FILTER_VERSION, PICTURE_PAGES);
	bool good = check(true, err, "filter") && use();
	lender_close(&filter);
	return good;
}
