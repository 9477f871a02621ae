/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Mistakes, made on purpose, that tests must find: the client's memory is there, and what it says
 * does not change, so that nothing else shows them.
 */
#include "server.h"

enum { PAGE = 4096, WORDS_MAX = 8 };

/* The client's word, by hand. (sparse would not let it through without the number.) */
static uint64_t touch(const char __client *at)
{
	return *(const volatile uint64_t *)(uint64_t)at;
}

static err_t load(const char __client *at, uint64_t *value)
{
	return client_load64((const uint64_t __client *)at, value);
}

/* A length that was checked is not the one that is used. */
static err_t twice(struct proto_request *request, const char __client *at, uint64_t *sum)
{
	uint64_t words[WORDS_MAX] = { 0 }, length;
	size_t done;
	err_t err = load(at, &length);
	if (err != E_OK || length > sizeof(words))
		return err != E_OK ? err : E_RANGE;
	err = load(at, &length);
	if (err == E_OK && length <= PAGE) /* or the test would end here */
		err = client_read(words, at + 8, length < sizeof(words) ? length : sizeof(words),
		                  &done);
	*sum = hash(words, sizeof(words), length);
	if (err == E_OK)
		commit(request, length, *sum);
	return err;
}

static err_t also(const struct client_window *window, uint64_t offset, uint64_t *sum)
{
	uint64_t copy;
	void *at;
	err_t err = load(window->at + offset, &copy);
	if (err == E_OK)
		err = window_begin(window, offset, sizeof(copy), &at);
	if (err != E_OK)
		return err;
	*sum = copy + *(const volatile uint64_t *)at;
	return window_end();
}

/* After the end, or behind it. */
static err_t beside(const struct client_window *window, uint64_t offset, enum lent_plant plant,
                    uint64_t *sum)
{
	void *at;
	err_t err = window_begin(window, offset, sizeof(*sum), &at);
	if (err != E_OK)
		return err;
	*sum = *(const volatile uint64_t *)((char *)at + (plant == LENT_PLANT_BEHIND ? PAGE : 0));
	err = window_end();
	if (plant == LENT_PLANT_AFTER)
		*sum = *(const volatile uint64_t *)at;
	return err;
}

err_t on_plant(void *, struct proto_request *request, const struct lent_plant_in *in,
               struct lent_plant_out *out)
{
	const char __client *at = span_at(request, &in->at);
	if (!at || in->at.bytes <= PAGE)
		return E_RANGE;
	const struct client_window *window = &state_of(request)->window[in->at.place];
	switch (in->plant) {
	case LENT_PLANT_TOUCH:
		out->sum = touch(at);
		return E_OK;
	case LENT_PLANT_TWICE:
		return twice(request, at, &out->sum);
	case LENT_PLANT_ALSO:
		return also(window, in->at.offset, &out->sum);
	default:
		return beside(window, in->at.offset, in->plant, &out->sum);
	}
}
