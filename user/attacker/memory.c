/* SPDX-License-Identifier: BSD-2-Clause */
/* Attacks with memory: given and touched, lent and taken away, scribbled into, hoarded. */
#include "attacker.h"
#include <proto/rm_client.h>

enum { VALUE_BYTES = 10 * PAGE };

static struct victim kv, filter;

static int fail(const char *what, err_t err)
{
	rt_log("  attacker: %s: %s", what, err_text(err));
	return 1;
}

static struct proto_bulk value_of(const struct victim *v)
{
	return (struct proto_bulk){ v->share.raw, 0, VALUE_BYTES };
}

/* Of the whole picture. *rows: how many were done. */
static err_t change(enum filter_kind kind, uint8_t amount, uint32_t *rows)
{
	const struct filter_apply_in in = { .pixels = { filter.share.raw, 0, PICTURE_PAGES * PAGE },
		                            .width = PAGE / 4,
		                            .kind = kind,
		                            .amount = amount };
	struct filter_apply_out out = { 0 };
	err_t err = filter_apply(filter.session.endpoint, &in, &out);
	*rows = out.rows;
	return err == E_OK ? out.why : err;
}

/* -- touch ------------------------------------------------------------------------------------- */

/* Gives memory, takes everything from it that it can, and still the server must have it. */
int attack_touch(uint32_t count)
{
	const struct rm_dataspace_resize_in none = { .size = 0 };
	(void)count;
	err_t err = kv_open(&kv);
	if (err == E_OK) {
		*(uint64_t *)kv.lent_at = 42;
		err = put(&kv, "mine", value_of(&kv));
	}
	if (err != E_OK)
		return fail("touch", err);
	rt_log("  attacker: gave kv %d pages and put a value there; now it donates them once more, "
	       "revokes, resizes",
	       POOL_PAGES);
	rm_donation_t donation;
	err_t again = rt_donate(&kv.session, kv.given, 0, POOL_PAGES, RM_CONTENTS_KEPT, &donation);
	err_t revoked = rt_share_revoke((rm_share_t){ kv.donation.raw });
	err_t resized = rm_dataspace_resize(kv.given, &none);
	rt_log("  attacker: donate: %s; revoke: %s; resize: %s", err_name(again), err_name(revoked),
	       err_name(resized));
	*(uint64_t *)kv.lent_at = 0;
	err = get(&kv, "mine", value_of(&kv));
	if (err != E_OK || *(uint64_t *)kv.lent_at != 42)
		return fail("touch: the value is lost", err);
	rt_log("  attacker: kv still has the value. Now it writes to the pages that it gave away;"
	       " init tells how that ends");
	*(volatile uint64_t *)kv.given_at = 666;
	return fail("touch: the page was written", E_OK);
}

/* -- revoke ------------------------------------------------------------------------------------ */

/* A second thread, which does something to the victim, again and again, until it is told to end. */
static struct {
	struct rt_worker worker;
	void (*fn)(uint32_t turn);
	volatile bool ends;
} other;

static int other_run(void *arg)
{
	(void)arg;
	for (uint32_t turn = 0; !other.ends; turn++)
		other.fn(turn);
	return 0;
}

/*
 * With the manifest's `ceiling` above the server's priority it comes to run in the middle of what
 * the server does for us.
 */
static err_t other_start(void (*fn)(uint32_t turn))
{
	const struct rm_schedule schedule = { .budget_us = 100,
		                              .period_us = 400,
		                              .priority = rt_start()->priority_max,
		                              .priority_max = rt_start()->priority_max };
	other.fn = fn;
	other.ends = false;
	return rt_worker_start(&other.worker, other_run, NULL, 0, &schedule);
}

static void other_end(void)
{
	other.ends = true;
	(void)rt_worker_join(&other.worker);
}

/* Takes away what is lent, after a while that differs. */
static void take_away(uint32_t turn)
{
	struct victim *v = turn & 1 ? &kv : &filter;
	for (uint32_t i = 0; i < turn % 7; i++)
		sel4_yield();
	rm_share_t share = v->share;
	if (share.raw)
		(void)rt_share_revoke(share);
	sel4_yield();
}

/* One request of each, in sessions that are opened anew whenever they are over. */
static err_t strike(struct tally *puts, struct tally *changes, uint32_t *halves)
{
	uint32_t rows;
	err_t err = kv.session.state == RT_SESSION_OPEN ? E_OK : kv_open(&kv);
	if (err == E_OK && filter.session.state != RT_SESSION_OPEN)
		err = filter_open(&filter);
	if (err != E_OK)
		return err;
	err = put(&kv, "x", value_of(&kv));
	tally_add(puts, err);
	if (err != E_OK && (rt_session_is_lost(err) || victim_lend(&kv) != E_OK))
		victim_close(&kv);
	err = change(FILTER_KIND_BLUR, 2, &rows);
	tally_add(changes, err);
	*halves += err == E_GONE && rows > 0;
	if (err != E_OK && victim_lend(&filter) != E_OK)
		victim_close(&filter);
	return E_OK;
}

int attack_revoke(uint32_t count)
{
	struct tally puts = { 0 }, changes = { 0 };
	uint32_t halves = 0;
	err_t err = other_start(take_away);
	if (err != E_OK)
		return fail("revoke", err);
	for (uint32_t i = 0; i < count && err == E_OK; i++)
		err = strike(&puts, &changes, &halves);
	other_end();
	victim_close(&kv);
	victim_close(&filter);
	tally_say(&puts, "put, with the memory taken away in the middle");
	tally_say(&changes, "blur, the same");
	rt_log("  attacker: %u times some of the picture was done by then", halves);
	return err == E_OK ? 0 : fail("revoke", err);
}

/* -- scribble ---------------------------------------------------------------------------------- */

static void scribble(uint32_t turn)
{
	volatile uint64_t *a = (volatile uint64_t *)kv.lent_at;
	volatile uint64_t *b = (volatile uint64_t *)filter.lent_at;
	for (uint32_t i = 0; i < LENT_PAGES * PAGE / 8; i += 61)
		a[i] = b[i] = (turn & 1 ? UINT64_MAX : (uint64_t)1 << 63) - i;
}

/* Whatever is written while it is read: each answer is as if one moment's bytes had been there. */
int attack_scribble(uint32_t count)
{
	struct tally answers = { 0 };
	err_t err = kv_open(&kv);
	if (err == E_OK)
		err = filter_open(&filter);
	if (err == E_OK)
		err = other_start(scribble);
	if (err != E_OK)
		return fail("scribble", err);
	for (uint32_t i = 0; i < count; i++) {
		uint32_t rows;
		tally_add(&answers, put(&kv, "x", value_of(&kv)));
		tally_add(&answers, get(&kv, "x", value_of(&kv)));
		tally_add(&answers, change(FILTER_KIND_INVERT + i % 4, (uint8_t)i, &rows));
	}
	other_end();
	victim_close(&kv);
	victim_close(&filter);
	tally_say(&answers, "requests about memory that another thread scribbles into");
	return tally_of(&answers, E_OK) == 3 * count ? 0 : 1;
}

/* -- hoard ------------------------------------------------------------------------------------- */

/* Lends and gives far more than a server keeps, and never takes any of it back. */
int attack_hoard(uint32_t count)
{
	struct tally shares = { 0 }, gifts = { 0 }, puts = { 0 };
	char key[] = "00";
	err_t err = kv_open(&kv);
	if (err != E_OK)
		return fail("hoard", err);
	for (uint32_t i = 0; i < count; i++) {
		cptr_t memory;
		uint64_t at;
		rm_donation_t donation;
		kv.share.raw = 0; /* or the one before would be taken back */
		tally_add(&shares, victim_lend(&kv));
		if (rt_memory_make(RT_BANK, POOL_PAGES, &memory, &at) != E_OK)
			break;
		tally_add(&gifts, rt_donate(&kv.session, memory, 0, POOL_PAGES, RM_CONTENTS_KEPT,
		                            &donation));
		key[0] = (char)('0' + i / 10 % 10);
		key[1] = (char)('0' + i % 10);
		tally_add(&puts, put(&kv, key, value_of(&kv)));
		rt_memory_end(memory, POOL_PAGES, at); /* the slot; the pages are kv's, or ours */
	}
	victim_close(&kv);
	tally_say(&shares, "shares of the same memory");
	tally_say(&gifts, "donations, of which kv keeps eight");
	tally_say(&puts, "values of ten pages");
	return 0;
}
