/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Attacks of docs/design/protocols.md, section 8, on a server's loop: 10, the same memory twice in
 * what is lent; 14, a hundred threads that call while their session is cut off.
 */
#include "test.h"

static struct lender lender;

/* -- 10 ---------------------------------------------------------------------------------------- */

enum { OLD = 0x11, NEW = 0x22 };

/* All bytes are the client's, before or after: what was copied is some mixture of them. */
static bool is_mixture(const unsigned char *at, uint64_t bytes)
{
	for (uint64_t i = 0; i < bytes; i++)
		if (at[i] != OLD && at[i] != NEW)
			return false;
	return true;
}

static void copy_over_itself(uint64_t to, uint64_t from, uint64_t bytes)
{
	unsigned char *at = (unsigned char *)lender.at;
	const struct lent_copy_in alias = { .to = span(0, to, bytes),
		                            .from = span(1, from, bytes),
		                            .stop = LENT_STOP_NOWHERE };
	const struct lent_copy_in same = { .to = alias.to,
		                           .from = span(0, from, bytes),
		                           .stop = LENT_STOP_NOWHERE };
	uint64_t apart = to < from ? from - to : to - from;
	__builtin_memset(at, OLD, HALF); /* what is behind the destination is OLD, and stays so */
	__builtin_memset(at + from, NEW, bytes / 2);
	CHECK_OK(lent_copy(lender.session.endpoint, &alias));
	CHECK(is_mixture(at, HALF) && at[HALF - 1] == OLD);
	/* Where it can be seen it is refused, and nothing was written. */
	CHECK_ERR(lent_copy(lender.session.endpoint, &same), apart < bytes ? E_INVAL : E_OK);
	CHECK(is_mixture(at, HALF));
}

void test_alias(void)
{
	static const uint64_t places[] = { 0, 1, 8, 100, PAGE - 3, PAGE, PAGE + 100 };
	CHECK_OK(lender_open(&lender, LENT, RM_POLICY_SEVER));
	const struct lent_map_in again = { .share = lender.share.raw,
		                           .pages = PAGES / 2,
		                           .place = 1,
		                           .rights = RW,
		                           .policy = RM_POLICY_SEVER };
	CHECK_OK(lent_unmap(lender.session.endpoint, &(struct lent_unmap_in){ .place = 1 }));
	CHECK_OK(lent_map(lender.session.endpoint, &again));
	for (unsigned int i = 0; i < COUNT_OF(places); i++)
		for (unsigned int j = 0; j < COUNT_OF(places); j++)
			copy_over_itself(places[i], places[j], i & 1 ? 50 : 5000);
	/* A word that is read by one window and written by the other, in windows of both kinds. */
	const struct lent_mix_in mix = { .to = span(0, 80, 8 * 20),
		                         .from = span(1, 88, 8 * 20),
		                         .stop = LENT_STOP_NOWHERE };
	CHECK_OK(lent_mix(lender.session.endpoint, &mix));
	/* Both are gone at once. */
	CHECK_OK(rt_share_revoke(lender.share));
	CHECK_ERR(lent_mix(lender.session.endpoint, &mix), E_GONE);
	CHECK_OK(honest(LENT, NULL));
	lender_close(&lender);
}

/* -- 14 ---------------------------------------------------------------------------------------- */

enum { THREADS = 100, STACK_BYTES = 2 * PAGE };

static struct rt_worker workers[THREADS];
static volatile uint32_t calls[THREADS];
static volatile bool takes_away;

static void cut_off(void)
{
	const struct rm_session_sever_in in = { .session = lender.session.id };
	if (takes_away)
		CHECK_OK(rt_share_revoke(lender.share));
	else
		CHECK_OK(rm_session_sever(RT_TASK, &in));
}

/* Calls until the session is over, which the last one sees to. 0: it ended as it must. */
static int caller(void *arg)
{
	uint64_t i = (uint64_t)arg;
	const struct kind *kind = &kinds[i % 3];
	for (;;) {
		struct lent_state_out out;
		err_t err = i < THREADS / 2 ? lent_state(lender.session.endpoint, &out)
		                            : kind->request(&lender, LENT_STOP_NOWHERE);
		if (++calls[i] == 3 && i == THREADS - 1)
			cut_off();
		if (rt_session_is_lost(err))
			return 0;
		if (err != E_OK && !(err == E_GONE && takes_away))
			return (int)err;
	}
}

static bool all_have_called(void)
{
	for (unsigned int i = 0; i < THREADS; i++)
		if (calls[i] == 0)
			return false;
	return true;
}

static int nothing(void *arg)
{
	(void)arg;
	return 0;
}

static uint64_t in_use(void)
{
	struct rm_bank_query_out out = { 0 };
	CHECK_OK(rm_bank_query(RT_BANK, &out));
	return out.status.used;
}

/*
 * A thread's last page is given back by the next one, when it has come to its end. All have come
 * to theirs when nothing more is given back for a while.
 */
void worker_bury(void)
{
	enum { WAIT_NS = 10000000, CALM = 4, TRIES = 200 };
	static struct rt_worker last;
	uint64_t before = 0;
	for (unsigned int i = 0, calm = 0; i < TRIES && calm < CALM; i++) {
		uint64_t until = rt_time_ns() + WAIT_NS;
		while (rt_time_ns() < until)
			rt_yield();
		CHECK_OK(rt_worker_start(&last, nothing, NULL, STACK_BYTES, NULL));
		(void)rt_worker_join(&last);
		uint64_t now = in_use();
		calm = now == before ? calm + 1 : 0;
		before = now;
	}
}

static void crowd(bool violates)
{
	CHECK_OK(lender_open(&lender, LENT, RM_POLICY_SEVER));
	__builtin_memset((void *)calls, 0, sizeof(calls));
	takes_away = violates;
	kinds_check = false;
	/* Short turns: all of them are in the middle of something. */
	const struct rm_schedule schedule = { .budget_us = 100,
		                              .period_us = 100,
		                              .priority = rt_start()->priority,
		                              .priority_max = rt_start()->priority };
	for (uint64_t i = 0; i < THREADS; i++)
		CHECK_OK(rt_worker_start(&workers[i], caller, (void *)i, STACK_BYTES, &schedule));
	for (unsigned int i = 0; i < THREADS; i++) {
		int result = rt_worker_join(&workers[i]);
		if (result)
			rt_log("# thread %u: %s", i, err_name((err_t)result));
		CHECK(result == 0);
	}
	CHECK(all_have_called());
	kinds_check = true;
	lender_close(&lender);
	worker_bury();
	CHECK_OK(honest(LENT, NULL));
}

/* What a hundred threads take is kept for the next ones: from now on it is there. */
void crowd_warm_up(void)
{
	enum { ROUNDS = 4 };
	for (unsigned int round = 0; round < ROUNDS; round++) {
		for (unsigned int i = 0; i < THREADS; i++)
			CHECK_OK(rt_worker_start(&workers[i], nothing, NULL, STACK_BYTES, NULL));
		for (unsigned int i = 0; i < THREADS; i++)
			(void)rt_worker_join(&workers[i]);
		worker_bury();
	}
}

void test_crowd(void)
{
	crowd(false);
	crowd(true);
}
