/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Uses a key-value server: gives it memory for values, puts some through lent memory, gets them
 * back, and takes a page back with the value in it.
 */
#include "client.h"
#include <proto/kv_client.h>
#include <rt/dataspace.h>
#include <rt/donate.h>
#include <rt/name.h>
#include <rt/program.h>
#include <rt/share.h>

enum { LENT_PAGES = 8, POOL_PAGES = 16, VALUE_BYTES = 20000, ROOM_AT = 4 * PAGE - 700 };

static struct lender kv;
static cptr_t pool;
static uint64_t pool_at;

static uint8_t byte_of(uint64_t i, uint8_t seed)
{
	return (uint8_t)(i * 7 + i / 251 + seed);
}

/* Writes a value to the beginning of what is lent, and puts it. */
static err_t put(const char *key, uint64_t bytes, uint8_t seed)
{
	struct kv_put_in in = { .value = { kv.share.raw, 0, bytes } };
	uint8_t *lent = (uint8_t *)kv.at;
	for (uint64_t i = 0; i < bytes; i++)
		lent[i] = byte_of(i, seed);
	in.key_count = rt_name(in.key, key, KV_KEY_MAX);
	return kv_put(kv.session.endpoint, &in);
}

/* Gets it to another place of what is lent: true if it is that value. */
static bool get(const char *key, uint64_t bytes, uint8_t seed)
{
	struct kv_get_in in = { .room = { kv.share.raw, ROOM_AT, kv.pages * PAGE - ROOM_AT } };
	const uint8_t *lent = (const uint8_t *)kv.at + ROOM_AT;
	struct kv_get_out out;
	uint64_t same = 0;
	in.key_count = rt_name(in.key, key, KV_KEY_MAX);
	err_t err = kv_get(kv.session.endpoint, &in, &out);
	if (err != E_OK || out.bytes != bytes)
		return check(false, err, key);
	while (same < bytes && same < in.room.length && lent[same] == byte_of(same, seed))
		same++;
	return check(same == (bytes < in.room.length ? bytes : in.room.length), E_OK, key);
}

static bool is_gone(const char *key)
{
	struct kv_get_in in = { .room = { kv.share.raw, 0, 1 } };
	struct kv_get_out out;
	in.key_count = rt_name(in.key, key, KV_KEY_MAX);
	return kv_get(kv.session.endpoint, &in, &out) == E_NOENT;
}

/* The pages that the value lies in are ours again, and it can be read there. */
static bool take(const char *key, uint64_t bytes, uint8_t seed, rm_donation_t donation)
{
	struct kv_take_in in = { 0 };
	struct kv_take_out out;
	uint64_t same = 0;
	in.key_count = rt_name(in.key, key, KV_KEY_MAX);
	err_t err = kv_take(kv.session.endpoint, &in, &out);
	if (err != E_OK || out.donation != donation.raw || out.bytes != bytes ||
	    !range_ok(out.offset, bytes, POOL_PAGES * PAGE))
		return check(false, err, "take");
	while (same < bytes && ((const uint8_t *)pool_at)[out.offset + same] == byte_of(same, seed))
		same++;
	return check(same == bytes, E_OK, "what was taken");
}

static bool use(void)
{
	rm_donation_t donation;
	if (!check(put("early", 10, 1) == E_NOMEM, E_OK, "no value without memory for it") ||
	    !check(true, rt_donate(&kv.session, pool, 0, POOL_PAGES, RM_CONTENTS_WIPED, &donation),
	           "donate") ||
	    !check(true, put("a", 1, 2), "put") || !check(true, put("b", VALUE_BYTES, 3), "put") ||
	    !check(true, put("a", VALUE_BYTES, 4), "put once more"))
		return false;
	if (!get("a", VALUE_BYTES, 4) || !get("b", VALUE_BYTES, 3) ||
	    !check(is_gone("c"), E_OK, "there is no c"))
		return false;
	rt_log("client: kv keeps values of %d bytes in %d pages that were donated", VALUE_BYTES,
	       POOL_PAGES);
	struct kv_remove_in in = { .key_count = 1, .key = "a" };
	if (!check(true, kv_remove(kv.session.endpoint, &in), "remove") ||
	    !check(is_gone("a"), E_OK, "a is gone") || !take("b", VALUE_BYTES, 3, donation) ||
	    !check(is_gone("b"), E_OK, "b was taken"))
		return false;
	rt_log("client: and gave a value back without a copy, in the pages themselves");
	return check(true, rt_share_recall(kv.share), "what was lent comes back on request");
}

bool client_kv(void)
{
	err_t err = lender_open(&kv, "kv", KV_VERSION, LENT_PAGES);
	if (err == E_OK)
		err = rt_memory_make(RT_BANK, POOL_PAGES, &pool, &pool_at);
	bool good = check(true, err, "kv") && use();
	if (pool)
		rt_memory_end(pool, POOL_PAGES, pool_at);
	lender_close(&kv);
	return good;
}
