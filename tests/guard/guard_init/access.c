/* SPDX-License-Identifier: BSD-2-Clause */
/* Requests on memory of which some pages are gone already: what was done, exactly. */
#include "test.h"

static struct lender lender;

/* All kinds, twice on one share, and with each policy. */
void test_served(void)
{
	for (unsigned int policy = RM_POLICY_REPORT; policy <= RM_POLICY_SEVER; policy++) {
		CHECK_OK(lender_open(&lender, LENT, (uint8_t)policy));
		for (unsigned int i = 0; i < 2 * kinds_count; i++) {
			lender_fill(&lender);
			CHECK_OK(kinds[i % kinds_count].request(&lender, LENT_STOP_NOWHERE));
		}
		CHECK_OK(honest(LENT, NULL));
		lender_close(&lender);
	}
	/* Spans outside of what is mapped. */
	CHECK_OK(lender_open(&lender, LENT, RM_POLICY_REPORT));
	const struct lent_span bad[] = {
		span(0, 0, HALF + 1),          span(0, HALF, 1),       span(2, 0, 1),
		span(0, UINT64_MAX, 2),        span(0, 1, UINT64_MAX), span(9, 0, 8),
		span(0, UINT64_MAX - 4095, 8), span(1, 1ull << 63, 8),
	};
	for (unsigned int i = 0; i < COUNT_OF(bad); i++) {
		const struct lent_sum_in sum = { .of = bad[i], .stop = LENT_STOP_NOWHERE };
		const struct lent_put_in put = { .from = bad[i], .stop = LENT_STOP_NOWHERE };
		struct lent_sum_out out;
		CHECK_ERR(lent_sum(lender.session.endpoint, &sum, &out), E_RANGE);
		CHECK_ERR(lent_put(lender.session.endpoint, &put), E_RANGE);
	}
	lender_close(&lender);
}

/* -- copies ------------------------------------------------------------------------------------ */

static const uint64_t offsets[] = { 0, 1, 7, 8, 100, 2047, 4088, 4089, 4095 };
static const uint64_t sizes[] = { 1, 7, 8, 9, 15, 4096, 4097, 5000, 8192, 8205 };

/* How many of so many bytes from there on are before the end. */
static uint64_t before(uint64_t end, uint64_t offset, uint64_t bytes)
{
	uint64_t there = offset < end ? end - offset : 0;
	return there < bytes ? there : bytes;
}

static void check_done(err_t err, uint64_t bytes, uint64_t expected)
{
	CHECK_ERR(err, expected == bytes ? E_OK : E_GONE);
	uint64_t done = lender_done(&lender);
	if (done != expected)
		rt_log("# %lu bytes: done %lu, not %lu", bytes, done, expected);
	CHECK(done == expected);
}

/* left: bytes of place 0 that are there. */
static void put_and_get(uint64_t left, uint64_t offset, uint64_t bytes)
{
	const struct lent_put_in put = { .from = span(0, offset, bytes),
		                         .stop = LENT_STOP_NOWHERE };
	const struct lent_get_in get = { .to = span(0, offset, bytes),
		                         .seed = 3,
		                         .stop = LENT_STOP_NOWHERE };
	const struct lent_name_in name = { .at = span(0, offset, bytes),
		                           .stop = LENT_STOP_NOWHERE };
	struct lent_name_out out;
	const unsigned char *at = (unsigned char *)lender.at + offset;
	uint64_t expected = before(left, offset, bytes);
	if (left > 0)
		__builtin_memset((char *)lender.at, 0x55, left);
	check_done(lent_put(lender.session.endpoint, &put), bytes, expected);
	check_done(lent_name(lender.session.endpoint, &name, &out), bytes, expected);
	check_done(lent_get(lender.session.endpoint, &get), bytes, expected);
	for (uint64_t i = 0; i < expected; i++)
		if (at[i] != (unsigned char)(3 + i)) {
			CHECK(at[i] == (unsigned char)(3 + i));
			break;
		}
	/* Nothing around it. */
	CHECK(offset == 0 || offset > left || at[-1] == 0x55);
	CHECK(offset + bytes >= left || at[bytes] == 0x55);
}

/* left: pages of place 1 that are there; it is either side of a copy. */
static void copy_both_ways(uint64_t left, uint64_t offset, uint64_t bytes)
{
	const struct lent_copy_in from = { .to = span(0, 3, bytes),
		                           .from = span(1, offset, bytes),
		                           .stop = LENT_STOP_NOWHERE };
	const struct lent_copy_in to = { .to = span(1, offset, bytes),
		                         .from = span(0, 5, bytes),
		                         .stop = LENT_STOP_NOWHERE };
	uint64_t expected = before(left * PAGE, offset, bytes);
	unsigned char *mine = (unsigned char *)lender.at, *gone = mine + HALF;
	__builtin_memset(mine, 0x66, HALF);
	__builtin_memset(gone, 0x77, left * PAGE);
	check_done(lent_copy(lender.session.endpoint, &from), bytes, expected);
	CHECK(mine[2] == 0x66 && mine[3 + expected] == 0x66);
	CHECK(expected == 0 || (mine[3] == 0x77 && mine[2 + expected] == 0x77));
	check_done(lent_copy(lender.session.endpoint, &to), bytes, expected);
	CHECK(expected < 4 || gone[offset + expected - 1] == 0x66);
	CHECK(offset + bytes >= left * PAGE || gone[offset + bytes] == 0x77);
}

void test_counts(void)
{
	for (uint64_t left = 1; left <= 3; left++) {
		CHECK_OK(lender_open(&lender, LENT, RM_POLICY_REPORT));
		CHECK_OK(lender_shrink(&lender, PAGES / 2 + left));
		for (unsigned int i = 0; i < COUNT_OF(offsets); i++)
			for (unsigned int k = 0; k < COUNT_OF(sizes); k++)
				copy_both_ways(left, offsets[i], sizes[k]);
		CHECK_OK(lender_shrink(&lender, left));
		for (unsigned int i = 0; i < COUNT_OF(offsets); i++)
			for (unsigned int k = 0; k < COUNT_OF(sizes); k++)
				put_and_get(left * PAGE, offsets[i], sizes[k]);
		CHECK_OK(honest(LENT, NULL));
		lender_close(&lender);
	}
}

/* -- words ------------------------------------------------------------------------------------- */

static err_t words(uint64_t offset)
{
	const struct lent_cells_in in = { .at = span(0, offset, 24), .stop = LENT_STOP_NOWHERE };
	struct lent_cells_out out;
	return lent_cells(lender.session.endpoint, &in, &out);
}

void test_words(void)
{
	CHECK_OK(lender_open(&lender, LENT, RM_POLICY_REPORT));
	/* Not at a multiple of their size: refused, wherever; and across the end of a page. */
	for (uint64_t offset = 1; offset < 8; offset++) {
		CHECK_ERR(words(offset), E_INVAL);
		CHECK_ERR(words(PAGE - 16 + offset), E_INVAL);
	}
	CHECK_OK(lender_shrink(&lender, 1));
	/* The second page is gone: after none, one, two, ... of the five accesses. */
	const struct {
		uint64_t offset, done;
	} cases[] = { { PAGE, 0 }, { PAGE - 8, 1 }, { PAGE - 16, 4 }, { 2 * PAGE, 0 } };
	for (unsigned int i = 0; i < COUNT_OF(cases); i++) {
		uint32_t *at = (uint32_t *)(lender.at + cases[i].offset);
		CHECK_ERR(words(cases[i].offset), E_GONE);
		CHECK(lender_done(&lender) == cases[i].done);
		if (cases[i].done == 4)
			CHECK(at[0] == at[2]);
	}
	*(uint32_t *)(lender.at + PAGE - 8) = 0;
	CHECK_OK(words(PAGE - 24));
	CHECK_OK(honest(LENT, NULL));
	lender_close(&lender);
}

/* -- in place ---------------------------------------------------------------------------------- */

static err_t sum(uint64_t offset, uint64_t bytes)
{
	const struct lent_sum_in in = { .of = span(0, offset, bytes), .stop = LENT_STOP_NOWHERE };
	struct lent_sum_out out;
	return lent_sum(lender.session.endpoint, &in, &out);
}

static err_t seek(uint64_t offset, uint64_t bytes, uint64_t value)
{
	const struct lent_seek_in in = { .at = span(0, offset, bytes),
		                         .value = value,
		                         .stop = LENT_STOP_NOWHERE };
	struct lent_seek_out out;
	return lent_seek(lender.session.endpoint, &in, &out);
}

/* The zeros are there for one window: for the next one the page is missing again. */
void test_in_place(void)
{
	CHECK_OK(lender_open(&lender, LENT, RM_POLICY_REPORT));
	CHECK_ERR(seek(0, HALF, word_at(800)), E_NOENT);
	CHECK_OK(sum(0, HALF));
	CHECK_OK(lender_shrink(&lender, 2));
	for (unsigned int i = 0; i < 3; i++) {
		CHECK_ERR(sum(0, HALF), E_GONE);
		CHECK(lender_done(&lender) == 2 * PAGE / 8);
		CHECK_OK(sum(0, 2 * PAGE));
		CHECK_ERR(sum(3 * PAGE, 8), E_GONE);
		/* rt_abort() where a zero was found that is none of the client's. */
		CHECK_ERR(seek(PAGE, 2 * PAGE, 0), E_NOENT);
		CHECK_ERR(seek(PAGE, 2 * PAGE, 5), E_GONE);
		CHECK_ERR(seek(0, 2 * PAGE, 0), i == 3 ? E_NOENT : E_OK);
	}
	/* They come back, empty, and are the client's again. */
	CHECK_OK(lender_shrink(&lender, PAGES));
	err_t err = sum(0, HALF);
	CHECK(err == E_OK || err == E_GONE);
	rt_log("# pages that were given up and made anew: %s", err_name(err));
	CHECK_OK(rt_share_revoke(lender.share));
	CHECK_ERR(sum(0, 8), E_GONE);
	CHECK_ERR(seek(0, 8, 0), E_NOENT);
	CHECK_ERR(sum(0, 8), E_GONE);
	CHECK_OK(honest(LENT, NULL));
	lender_close(&lender);
}
