/* SPDX-License-Identifier: BSD-2-Clause */
/* A request of each kind, of which the result is known. */
#include "test.h"

enum { WORDS = 24, AT = 3 * PAGE - 96 }; /* words that lie in two pages */

bool kinds_check = true;

/* It can be looked at if nothing is taken away meanwhile. */
static bool looks(enum lent_stop stop)
{
	return stop == LENT_STOP_NOWHERE && kinds_check;
}

#define STOP(name) (1u << LENT_STOP_##name)

static err_t put(const struct lender *l, enum lent_stop stop)
{
	const struct lent_put_in in = { .from = span(0, 100, 2 * PAGE + 5), .stop = stop };
	return lent_put(l->session.endpoint, &in);
}

static err_t get(const struct lender *l, enum lent_stop stop)
{
	const struct lent_get_in in = { .to = span(0, PAGE - 500, 1000), .seed = 9, .stop = stop };
	err_t err = lent_get(l->session.endpoint, &in);
	const unsigned char *at = (unsigned char *)l->at + PAGE - 500;
	for (uint64_t i = 0; i < in.to.bytes && err == E_OK && looks(stop); i++)
		if (at[i] != (unsigned char)(9 + i))
			err = E_PROTOCOL;
	return err;
}

static err_t sum(const struct lender *l, enum lent_stop stop)
{
	const struct lent_sum_in in = { .of = span(1, AT, 8 * WORDS), .stop = stop };
	struct lent_sum_out out = { 0 };
	err_t err = lent_sum(l->session.endpoint, &in, &out);
	uint64_t expected = 0;
	for (uint64_t i = 0; i < WORDS; i++)
		expected += word_at(HALF + AT + 8 * i);
	return err == E_OK && out.sum != expected ? E_PROTOCOL : err;
}

static err_t copy(const struct lender *l, enum lent_stop stop)
{
	const struct lent_copy_in in = { .to = span(0, 4090, PAGE + 10),
		                         .from = span(1, 9, PAGE + 10),
		                         .stop = stop };
	err_t err = lent_copy(l->session.endpoint, &in);
	const unsigned char *at = (unsigned char *)l->at + 4090;
	for (uint64_t i = 0; i < in.to.bytes && err == E_OK && looks(stop); i++)
		if (at[i] != byte_at(HALF + 9 + i))
			err = E_PROTOCOL;
	return err;
}

static err_t words(const struct lender *l, enum lent_stop stop)
{
	const struct lent_cells_in in = { .at = span(0, 40, 24), .stop = stop };
	struct lent_cells_out out = { 0 };
	*(uint32_t *)(l->at + 56) = 0;
	err_t err = lent_cells(l->session.endpoint, &in, &out);
	if (err == E_OK && looks(stop) &&
	    (*(uint32_t *)(l->at + 40) != (uint32_t)out.sum ||
	     *(uint64_t *)(l->at + 48) != out.sum || *(uint32_t *)(l->at + 56) != 7))
		err = E_PROTOCOL;
	return err;
}

static err_t name(const struct lender *l, enum lent_stop stop)
{
	const struct lent_name_in in = { .at = span(1, PAGE - 30, 200), .stop = stop };
	struct lent_name_out out = { 0 };
	*(char *)(l->at + HALF + PAGE + 20) = 0;
	err_t err = lent_name(l->session.endpoint, &in, &out);
	return err == E_OK && looks(stop) && out.found != 50 ? E_PROTOCOL : err;
}

static err_t vector(const struct lender *l, enum lent_stop stop)
{
	enum { ENTRIES = 3 };
	const struct lent_vector_in in = { .table = span(0, 3 * PAGE - 16, 16 * ENTRIES),
		                           .stop = stop };
	uint64_t *table = (uint64_t *)(l->at + 3 * PAGE - 16);
	for (uint64_t i = 0; i < ENTRIES; i++) {
		table[2 * i] = i * 3000;
		table[2 * i + 1] = 2000;
	}
	return lent_vector(l->session.endpoint, &in);
}

static err_t fill(const struct lender *l, enum lent_stop stop)
{
	const struct lent_fill_in in = { .at = span(0, AT, 8 * WORDS), .value = 77, .stop = stop };
	err_t err = lent_fill(l->session.endpoint, &in);
	const uint64_t *at = (uint64_t *)(l->at + AT);
	for (uint64_t i = 0; i < WORDS && err == E_OK && looks(stop); i++)
		if (at[i] != 77)
			err = E_PROTOCOL;
	return err;
}

static err_t seek(const struct lender *l, enum lent_stop stop)
{
	const struct lent_seek_in in = { .at = span(1, AT, 8 * WORDS), .value = 5, .stop = stop };
	struct lent_seek_out out = { 0 };
	err_t err = lent_seek(l->session.endpoint, &in, &out);
	return err == E_OK && out.index != WORDS ? E_PROTOCOL : err;
}

static err_t count(const struct lender *l, enum lent_stop stop)
{
	const struct lent_count_in in = { .of = span(1, AT, 8 * WORDS),
		                          .value = word_at(HALF + AT + 8),
		                          .stop = stop };
	struct lent_count_out out = { 0 };
	err_t err = lent_count(l->session.endpoint, &in, &out);
	return err == E_OK && out.count != 1 ? E_PROTOCOL : err;
}

static err_t run(const struct lender *l, enum lent_stop stop)
{
	const struct lent_run_in in = { .at = span(0, AT, 8 * WORDS), .value = 78, .stop = stop };
	err_t err = lent_run(l->session.endpoint, &in);
	const uint64_t *at = (uint64_t *)(l->at + AT);
	for (uint64_t i = 0; i < WORDS && err == E_OK && looks(stop); i++)
		if (at[i] != 78)
			err = E_PROTOCOL;
	return err;
}

static err_t mix(const struct lender *l, enum lent_stop stop)
{
	const struct lent_mix_in in = { .to = span(0, AT, 8 * WORDS),
		                        .from = span(1, AT, 8 * WORDS),
		                        .stop = stop };
	return lent_mix(l->session.endpoint, &in);
}

const struct kind kinds[] = {
	{ "put", put, STOP(BEFORE) | STOP(BETWEEN) | STOP(COMMIT), false, 0 },
	{ "get", get, STOP(COMMIT) | STOP(DELIVER) | STOP(DELIVERING), true, 0 },
	{ "sum", sum, STOP(BEFORE) | STOP(BETWEEN) | STOP(COMMIT), false, WORDS },
	{ "copy", copy, STOP(DELIVER), true, 0 },
	{ "words", words,
	  STOP(BEFORE) | STOP(BETWEEN) | STOP(COMMIT) | STOP(DELIVER) | STOP(DELIVERING), true, 0 },
	{ "name", name, STOP(BEFORE) | STOP(BETWEEN), false, 0 },
	{ "vector", vector, STOP(BETWEEN), true, 0 },
	{ "fill", fill, STOP(COMMIT) | STOP(DELIVER) | STOP(DELIVERING), true, 0 },
	{ "seek", seek, STOP(BEFORE) | STOP(BETWEEN), false, 0 },
	{ "count", count, STOP(BEFORE) | STOP(BETWEEN) | STOP(COMMIT), false, WORDS },
	{ "run", run, STOP(COMMIT) | STOP(DELIVER) | STOP(DELIVERING), true, WORDS },
	{ "mix", mix, STOP(BETWEEN) | STOP(DELIVERING), true, 0 },
};
const unsigned int kinds_count = COUNT_OF(kinds);
