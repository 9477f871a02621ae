/* SPDX-License-Identifier: BSD-2-Clause */
/* Attacks with requests: too many, with wild numbers, by one that dies, in sessions that end. */
#include "attacker.h"
#include <proto/rm_client.h>
#include <rt/slot.h>

enum { FLOODERS_MAX = 64, FLOOD_CALLS = 40 };

static struct victim kv, filter;

static int fail(const char *what, err_t err)
{
	rt_log("  attacker: %s: %s", what, err_text(err));
	return 1;
}

/* -- flood ------------------------------------------------------------------------------------- */

static struct rt_worker flooders[FLOODERS_MAX];
static struct tally flood;

static int flooder(void *arg)
{
	const struct proto_bulk value = { kv.share.raw, 0, 2 * PAGE };
	(void)arg;
	for (uint32_t i = 0; i < FLOOD_CALLS; i++)
		tally_add(&flood, i & 1 ? put(&kv, "x", value) : get(&kv, "x", value));
	return 0;
}

int attack_flood(uint32_t count)
{
	uint32_t started = 0;
	err_t err = kv_open(&kv);
	if (err == E_OK)
		err = put(&kv, "x", (struct proto_bulk){ kv.share.raw, 0, PAGE });
	if (err != E_OK)
		return fail("flood", err);
	while (started < count && started < FLOODERS_MAX && err == E_OK) {
		err = rt_worker_start(&flooders[started], flooder, NULL, 2 * PAGE, NULL);
		started += err == E_OK;
	}
	for (uint32_t i = 0; i < started; i++)
		(void)rt_worker_join(&flooders[i]);
	victim_close(&kv);
	rt_log("  attacker: %u threads called kv at once", started);
	tally_say(&flood, "their calls");
	return err == E_OK && tally_of(&flood, E_OK) == started * FLOOD_CALLS ? 0 : 1;
}

/* -- lie --------------------------------------------------------------------------------------- */

static const uint64_t wild[] = {
	0,
	1,
	PAGE - 1,
	LENT_PAGES *PAGE - 1,
	LENT_PAGES *PAGE,
	LENT_PAGES *PAGE + 1,
	UINT64_C(1) << 31,
	UINT64_C(1) << 32,
	UINT64_C(1) << 47,
	UINT64_C(1) << 63,
	UINT64_MAX - PAGE,
	UINT64_MAX,
};
enum { WILD = sizeof(wild) / sizeof(wild[0]) };

/* What is in range is a fair request; everything else must be refused. */
static bool is_fair(struct proto_bulk bulk, const struct victim *v)
{
	return bulk.share == v->share.raw && bulk.length > 0 &&
	       range_ok(bulk.offset, bulk.length, v->lent_pages * PAGE);
}

static uint32_t lie_about(struct proto_bulk bulk, struct tally *answers)
{
	const struct filter_apply_in in = { .pixels = bulk,
		                            .width = 1,
		                            .kind = FILTER_KIND_INVERT };
	struct filter_apply_out out;
	err_t err[3] = { put(&kv, "x", bulk), get(&kv, "x", bulk),
		         filter_apply(filter.session.endpoint, &in, &out) };
	uint32_t wrong = 0;
	for (unsigned int i = 0; i < 3; i++) {
		tally_add(answers, err[i]);
		wrong += (err[i] == E_OK) != is_fair(bulk, i < 2 ? &kv : &filter);
	}
	return wrong;
}

/* Raw words to every method: nothing that a stub would send. */
static uint32_t lie_raw(cptr_t server, struct tally *answers)
{
	uint32_t wrong = 0;
	for (unsigned int method = 0; method < 8; method++)
		for (unsigned int words = 0; words <= 16; words++) {
			uint64_t w[PROTO_WORDS_MAX];
			unsigned int length = 0;
			for (unsigned int i = 0; i < words; i++)
				w[i] = wild[(i + method + words) % WILD];
			err_t err = proto_call(server, method, NULL, 0, NULL, UINT64_MAX, w, words,
			                       &length, PROTO_WORDS_MAX);
			tally_add(answers, err);
			wrong += rt_session_is_lost(err);
		}
	return wrong;
}

/* A share without the right to write, and one that is over. */
static uint32_t lie_rights(struct tally *answers)
{
	rm_share_t share;
	err_t err = rt_share(&kv.session, kv.lent, 0, LENT_PAGES, RM_RIGHT_READ, &share);
	if (err == E_OK) {
		err = get(&kv, "x", (struct proto_bulk){ share.raw, 0, PAGE });
		tally_add(answers, err);
	}
	(void)rt_share_revoke(share);
	tally_add(answers, rt_share_revoke(share));
	return err != E_PERM;
}

/* What is sealed stays until the server has released it, which it is asked for at last. */
static uint32_t lie_sealed(struct tally *answers)
{
	const struct rm_dataspace_resize_in none = { .size = 0 };
	rm_share_t share;
	err_t err = rt_share_sealed(&kv.session, kv.lent, 0, LENT_PAGES, RW, &share);
	if (err != E_OK)
		return 1;
	const err_t got[] = { rt_share_revoke(share), rm_dataspace_resize(kv.lent, &none),
		              rm_dataspace_destroy(kv.lent), rt_share_recall(share) };
	uint32_t wrong = 0;
	for (unsigned int i = 0; i < 4; i++) {
		tally_add(answers, got[i]);
		wrong += got[i] != (i < 3 ? E_BUSY : E_OK);
	}
	return wrong;
}

int attack_lie(uint32_t count)
{
	struct tally answers = { 0 }, raw = { 0 };
	uint32_t wrong = 0;
	(void)count;
	err_t err = kv_open(&kv);
	if (err == E_OK)
		err = filter_open(&filter);
	if (err == E_OK)
		err = put(&kv, "x", (struct proto_bulk){ kv.share.raw, 0, PAGE });
	if (err != E_OK)
		return fail("lie", err);
	const uint64_t shares[] = { kv.share.raw,     kv.donation.raw,
		                    filter.share.raw, kv.session.id.raw,
		                    kv.share.raw - 1, 1,
		                    UINT64_MAX,       0 };
	for (unsigned int s = 0; s < sizeof(shares) / sizeof(shares[0]); s++)
		for (unsigned int i = 0; i < WILD; i++)
			for (unsigned int j = 0; j < WILD; j++)
				wrong += lie_about(
				        (struct proto_bulk){ shares[s], wild[i], wild[j] },
				        &answers);
	wrong += lie_rights(&answers) + lie_sealed(&answers);
	wrong += lie_raw(kv.session.endpoint, &raw) + lie_raw(filter.session.endpoint, &raw);
	tally_say(&answers, "wild offsets, lengths and ids");
	tally_say(&raw, "wild words");
	victim_close(&kv);
	victim_close(&filter);
	rt_log("  attacker: %u lies were believed", wrong);
	return wrong == 0 ? 0 : 1;
}

/* -- die --------------------------------------------------------------------------------------- */

static int asks(void *arg)
{
	const struct filter_apply_in in = { .pixels = { filter.share.raw, 0, PICTURE_PAGES * PAGE },
		                            .width = PAGE,
		                            .kind = FILTER_KIND_BLUR,
		                            .amount = 3 };
	struct filter_apply_out out;
	(void)arg;
	for (;;) {
		(void)put(&kv, "x", (struct proto_bulk){ kv.share.raw, 0, LENT_PAGES * PAGE / 2 });
		(void)filter_apply(filter.session.endpoint, &in, &out);
		rt_yield(); /* what it asks for takes long, but hardly any of its own time */
	}
	return 0;
}

/* Ends while its other thread is being served. */
int attack_die(uint32_t count)
{
	static struct rt_worker worker;
	uint64_t until = rt_time_ns() + 50000000ull * count;
	err_t err = kv_open(&kv);
	if (err == E_OK)
		err = filter_open(&filter);
	if (err == E_OK)
		err = rt_worker_start(&worker, asks, NULL, 0, NULL);
	if (err != E_OK)
		return fail("die", err);
	while (rt_time_ns() < until)
		rt_yield();
	rt_log("  attacker: dies, while kv and filter have its requests, its loans and its gifts");
	return 0;
}

/* -- storm ------------------------------------------------------------------------------------- */

/* Sessions, each with a loan and a gift, one after the other, and what they leave behind. */
int attack_storm(uint32_t count)
{
	struct tally answers = { 0 };
	uint64_t begin = rt_time_ns();
	for (uint32_t i = 0; i < count; i++) {
		err_t err = kv_open(&kv);
		if (err == E_OK)
			err = put(&kv, "x", (struct proto_bulk){ kv.share.raw, 0, PAGE });
		if (err == E_OK && i & 1) /* taken away, and asked for: a violation */
			err = rt_share_revoke(kv.share);
		if (err == E_OK && i & 1)
			err = get(&kv, "x", (struct proto_bulk){ kv.share.raw, 0, PAGE });
		tally_add(&answers, err);
		victim_close(&kv);
	}
	uint64_t ms = (rt_time_ns() - begin) / 1000000;
	rt_log("  attacker: opened %u sessions in %lu ms, each with a loan and a gift", count, ms);
	tally_say(&answers, "they ended with");
	return 0;
}
