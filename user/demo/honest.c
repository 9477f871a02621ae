/* SPDX-License-Identifier: BSD-2-Clause */
/* An honest client of both servers, which looks at every byte and at the time. */
#include "demo.h"
#include <proto/filter_client.h>
#include <proto/kv_client.h>
#include <rt/dataspace.h>
#include <rt/donate.h>
#include <rt/program.h>
#include <rt/session.h>
#include <rt/share.h>

enum {
	PAGE = 4096,
	LENT_PAGES = 8,
	POOL_PAGES = 16,
	VALUE_BYTES = 2 * PAGE + 100,
	WIDTH = 512,
	ROWS = 32,
	PICTURE_AT = VALUE_BYTES,
	RW = RM_RIGHT_READ | RM_RIGHT_WRITE,
};
_Static_assert(PICTURE_AT + WIDTH * ROWS <= LENT_PAGES * PAGE);

static struct rt_session kv, filter;
static rm_share_t to_kv, to_filter;
static cptr_t lent, given;
static uint64_t given_at;
static uint8_t *memory;

err_t honest_open(void)
{
	struct rt_connect how = {
		.name = "kv", .version = KV_VERSION, .limit = 16 * PAGE, .wait = true
	};
	rm_donation_t donation;
	uint64_t at = 0;
	err_t err = rt_memory_make(RT_BANK, LENT_PAGES, &lent, &at);
	memory = (uint8_t *)at;
	if (err == E_OK)
		err = rt_memory_make(RT_BANK, POOL_PAGES, &given, &given_at);
	if (err == E_OK)
		err = rt_session_open(&kv, &how);
	how.name = "filter";
	how.version = FILTER_VERSION;
	if (err == E_OK)
		err = rt_session_open(&filter, &how);
	if (err == E_OK)
		err = rt_share(&kv, lent, 0, LENT_PAGES, RW, &to_kv);
	if (err == E_OK)
		err = rt_share(&filter, lent, 0, LENT_PAGES, RW, &to_filter);
	if (err == E_OK)
		err = rt_donate(&kv, given, 0, POOL_PAGES, RM_CONTENTS_WIPED, &donation);
	return err;
}

static uint8_t byte_of(uint32_t i, uint32_t turn)
{
	return (uint8_t)(i * 3 + i / 256 + turn);
}

/* One of three requests; false: the answer was not as it must be. */
static bool ask(unsigned int which)
{
	const struct kv_put_in put = { .value = { to_kv.raw, 0, VALUE_BYTES },
		                       .key_count = 6,
		                       .key = "honest" };
	const struct kv_get_in get = { .room = put.value, .key_count = 6, .key = "honest" };
	const struct filter_apply_in apply = { .pixels = { to_filter.raw, PICTURE_AT,
		                                           WIDTH * ROWS },
		                               .width = WIDTH,
		                               .kind = FILTER_KIND_INVERT };
	struct kv_get_out got;
	struct filter_apply_out applied;
	switch (which) {
	case 0:
		return kv_put(kv.endpoint, &put) == E_OK;
	case 1:
		return kv_get(kv.endpoint, &get, &got) == E_OK && got.bytes == VALUE_BYTES;
	default:
		return filter_apply(filter.endpoint, &apply, &applied) == E_OK &&
		       applied.rows == ROWS && applied.why == E_OK;
	}
}

static void before(uint32_t turn, unsigned int which)
{
	uint8_t *picture = memory + PICTURE_AT;
	for (uint32_t i = 0; i < VALUE_BYTES; i++)
		memory[i] = which == 0 ? byte_of(i, turn) : 0;
	for (uint32_t i = 0; i < WIDTH * ROWS; i++)
		picture[i] = byte_of(i, turn);
}

static bool is_right(uint32_t turn, unsigned int which)
{
	const uint8_t *picture = memory + PICTURE_AT;
	for (uint32_t i = 0; which == 1 && i < VALUE_BYTES; i++)
		if (memory[i] != byte_of(i, turn))
			return false;
	for (uint32_t i = 0; which == 2 && i < WIDTH * ROWS; i++)
		if (picture[i] != 255 - byte_of(i, turn))
			return false;
	return true;
}

void honest_serve(struct served *served, unsigned int rounds)
{
	static uint32_t turn;
	for (unsigned int i = 0; i < rounds; i++) {
		turn++;
		for (unsigned int which = 0; which < 3; which++) {
			before(turn, which);
			rt_yield(); /* a request begins with a fresh budget */
			uint64_t begin_ns = rt_time_ns();
			bool good = ask(which);
			uint64_t took_ns = rt_time_ns() - begin_ns;
			served->requests++;
			served->all_ns += took_ns;
			served->slowest_ns =
			        took_ns > served->slowest_ns ? took_ns : served->slowest_ns;
			served->wrong += !good || !is_right(turn, which);
		}
	}
}

err_t honest_query(uint64_t *clients, uint64_t *values, uint64_t *all_served)
{
	struct kv_query_out out = { 0 };
	err_t err = kv_query(kv.endpoint, &out);
	*clients = out.status.clients;
	*values = out.status.values;
	*all_served = out.status.served + out.status.refused;
	return err;
}
