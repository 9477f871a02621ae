/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Memory taken away at every instruction of a request, and so at every access, also in windows. A
 * thread above all others sleeps for a time that is always the same; the request is made a little
 * earlier before it wakes each time.
 *
 * Where instructions are counted (-icount) that is exact, and every access must have been the first
 * one that failed. On other machines the moments are what they are: each sweep has so much time,
 * and says how many of the moments it tried.
 */
#include "test.h"
#include <rt/tsc.h>

enum { TRIES = 8, LATE = 8000, JITTER_MAX = 500, STEP_MIN = 8, PASSES = 8 };
enum { ROUNDS_MAX = 300, ROUNDS_GUARDED = 24 };
static const uint64_t SWEEP_NS = 2000000000;

static struct lender lender;
static uint64_t slept;  /* ticks from arming the revoker until it wakes */
static bool is_counted; /* always the same, that is */

static void revoke(struct lender *l)
{
	CHECK_OK(rt_share_revoke(l->share));
}

static void calibrate(void)
{
	uint64_t least = UINT64_MAX, most = 0;
	revoker_does(NULL, NULL);
	for (unsigned int i = 0; i < TRIES; i++) {
		unsigned int count = revoker_count();
		uint64_t armed = revoker_arm();
		while (revoker_count() == count)
			continue;
		uint64_t ticks = revoker_woke() - armed;
		least = ticks < least ? ticks : least;
		most = ticks > most ? ticks : most;
	}
	slept = least;
	is_counted = most - least <= JITTER_MAX;
	rt_log("# the revoker sleeps %lu to %lu ticks", least, most);
}

static err_t lend(void)
{
	err_t err = rt_share(&lender.session, lender.memory, 0, PAGES, RW, &lender.share);
	for (unsigned int place = 0; place < 2 && err == E_OK; place++)
		err = lent_map(lender.session.endpoint,
		               &(struct lent_map_in){ .share = lender.share.raw,
		                                      .first = place * PAGES / 2,
		                                      .pages = PAGES / 2,
		                                      .place = (uint8_t)place,
		                                      .rights = RW,
		                                      .policy = RM_POLICY_REPORT });
	return err;
}

static void take_back(void)
{
	(void)rt_share_revoke(lender.share);
	for (unsigned int place = 0; place < 2; place++)
		CHECK_OK(lent_unmap(lender.session.endpoint,
		                    &(struct lent_unmap_in){ .place = (uint8_t)place }));
}

static uint64_t state(void)
{
	uint64_t digest = 0;
	CHECK_OK(server_state(LENT, &digest));
	return digest;
}

/* The request begins so many ticks before the share is revoked. is_mapped: the pages are. */
static err_t try(const struct kind *kind, uint64_t early, bool is_mapped)
{
	unsigned int count = revoker_count();
	CHECK_OK(lend());
	if (is_mapped)
		CHECK_OK(kind->request(&lender, LENT_STOP_NOWHERE));
	uint64_t before = state();
	revoker_does(revoke, &lender);
	uint64_t begin = revoker_arm() + slept - early;
	while (rt_tsc() < begin)
		continue;
	err_t err = kind->request(&lender, LENT_STOP_NOWHERE);
	while (revoker_count() == count)
		continue;
	uint64_t after = state();
	CHECK(err == E_OK || err == E_GONE);
	/* An error in FETCH changes nothing; what went well changed something. */
	CHECK(err == E_OK || kind->delivers || after == before);
	CHECK(err != E_OK || after != before);
	return err;
}

/* How long it takes if nothing happens. */
static uint64_t time_of(const struct kind *kind, bool is_mapped)
{
	CHECK_OK(lend());
	if (is_mapped)
		CHECK_OK(kind->request(&lender, LENT_STOP_NOWHERE));
	uint64_t t = rt_tsc();
	CHECK_OK(kind->request(&lender, LENT_STOP_NOWHERE));
	t = rt_tsc() - t;
	take_back();
	return t;
}

/* What became of the moments that were tried. */
struct swept {
	uint64_t seen; /* bit n: the n-th word was the first one missing */
	unsigned int gone, rounds;
};
static struct swept all;

static void sweep_moment(const struct kind *kind, uint64_t early, bool is_mapped, struct swept *s)
{
	err_t err = try(kind, early, is_mapped);
	s->gone += err == E_GONE;
	if (err == E_GONE)
		s->seen |= 1ull << (lender_done(&lender) % 64);
	take_back();
	if (++s->rounds % 256 == 0)
		CHECK_OK(honest(LENT, NULL));
}

/*
 * Every eighth moment, then those between. Where moments are not exact anyway it ends when its time
 * is over, but not before the first pass is.
 */
static void sweep_all(const struct kind *kind, uint64_t end, uint64_t step, bool is_mapped,
                      struct swept *s)
{
	uint64_t until = is_counted ? UINT64_MAX : rt_time_ns() + SWEEP_NS;
	for (uint64_t pass = 0; pass < PASSES; pass++)
		for (uint64_t early = pass * step; early < end; early += PASSES * step) {
			if (pass > 0 && rt_time_ns() >= until)
				return;
			sweep_moment(kind, early, is_mapped, s);
		}
}

/*
 * In windows each word must have been the first that was missing. is_mapped: when the request
 * begins its pages are; else rm maps them meanwhile.
 */
static void sweep(const struct kind *kind, bool is_mapped)
{
	uint64_t takes = time_of(kind, is_mapped), end = takes + takes / 4 + LATE;
	uint64_t step = takes / (is_guarded ? ROUNDS_GUARDED : ROUNDS_MAX);
	/* Where each guard takes rm's time, that is too many instructions to try them all. */
	bool every_word = is_counted && is_mapped && kind->words > 0 && !is_guarded;
	struct swept s = { 0 };
	if (every_word || step < STEP_MIN)
		step = STEP_MIN;
	sweep_all(kind, end, step, is_mapped, &s);
	rt_log("# %s: %lu ticks, %u of %lu moments, %u times gone", kind->name, takes, s.rounds,
	       (end + step - 1) / step, s.gone);
	CHECK(!is_counted || (s.gone > 0 && s.gone < s.rounds));
	all.gone += s.gone;
	all.rounds += s.rounds;
	if (every_word && s.seen != (1ull << kind->words) - 1) {
		rt_log("# words that were missing first: 0x%lx", s.seen);
		CHECK(s.seen == (1ull << kind->words) - 1);
	}
}

void test_sweep(void)
{
	client_pause(true);
	calibrate();
	CHECK_OK(lender_open(&lender, LENT, RM_POLICY_REPORT));
	take_back();
	kinds_check = false;
	for (unsigned int i = 0; i < kinds_count; i++)
		for (unsigned int mapped = 0; mapped < 2; mapped++)
			sweep(&kinds[i], mapped);
	CHECK(all.gone > 0 && all.gone < all.rounds);
	kinds_check = true;
	lender_close(&lender);
	client_pause(false);
}
