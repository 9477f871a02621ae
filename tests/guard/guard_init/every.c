/* SPDX-License-Identifier: BSD-2-Clause */
/* Memory taken away while a request is served: at chosen points, and at every access. */
#include "test.h"

static struct lender lender;

/* -- at chosen points -------------------------------------------------------------------------- */

static void revoke(struct lender *l)
{
	CHECK_OK(rt_share_revoke(l->share));
}

static void destroy(struct lender *l)
{
	CHECK_OK(rm_dataspace_destroy(l->memory));
}

static void shrink(struct lender *l)
{
	CHECK_OK(lender_shrink(l, 0));
}

static void sever(struct lender *l)
{
	CHECK_OK(rm_session_sever(RT_TASK,
	                          &(struct rm_session_sever_in){ .session = l->session.id }));
}

static const struct {
	const char *name;
	void (*fn)(struct lender *l);
} ways[] = {
	{ "revoke", revoke }, { "destroy", destroy }, { "shrink", shrink }, { "sever", sever }
};

struct stopped {
	uint64_t without, with, after; /* the server's state */
	err_t err;
	bool completes, is_lost; /* what must become of request and session */
	bool was_lost;
};

/* What is wrong with it; NULL: nothing. */
static const char *judge(const struct stopped *s, enum lent_stop stop)
{
	if (s->err != (s->completes ? E_OK : E_GONE) && !(s->is_lost && rt_session_is_lost(s->err)))
		return err_name(s->err);
	if (s->was_lost != s->is_lost)
		return s->was_lost ? "the session is over" : "the session goes on";
	if (stop <= LENT_STOP_BETWEEN && s->after != (s->is_lost ? s->without : s->with))
		return "the server's state";
	if (stop > LENT_STOP_BETWEEN && !s->is_lost && s->after == s->with)
		return "the server's state is as if nothing was done";
	return NULL;
}

static const char *stopped(const struct kind *kind, uint8_t policy, enum lent_stop stop,
                           unsigned int way)
{
	struct stopped s = { .completes = stop == LENT_STOP_COMMIT && !kind->delivers };
	struct lent_last_out out;
	unsigned int count = revoker_count();
	s.is_lost = ways[way].fn == sever || (policy == RM_POLICY_SEVER && !s.completes);
	CHECK_OK(honest(LENT, &s.without));
	CHECK_OK(lender_open(&lender, LENT, policy));
	CHECK_OK(honest(LENT, &s.with));
	revoker_does(ways[way].fn, &lender);
	s.err = kind->request(&lender, stop);
	revoker_does(NULL, NULL);
	CHECK(revoker_count() == count + 1);
	s.was_lost = rt_session_is_lost(lent_last(lender.session.endpoint, &out));
	if (s.is_lost)
		lender_close(&lender);
	CHECK_OK(honest(LENT, &s.after));
	if (!s.is_lost)
		lender_close(&lender);
	return judge(&s, stop);
}

static void stop_everywhere(const struct kind *kind, uint8_t policy)
{
	for (unsigned int stop = LENT_STOP_BEFORE; stop <= LENT_STOP_DELIVERING; stop++)
		for (unsigned int way = 0; way < (is_guarded ? 1 : COUNT_OF(ways)); way++) {
			const char *wrong =
			        kind->stops & 1u << stop
			                ? stopped(kind, policy, (enum lent_stop)stop, way)
			                : NULL;
			if (!wrong)
				continue;
			rt_log("# %s, policy %u, stop %u, %s: %s", kind->name, policy, stop,
			       ways[way].name, wrong);
			check_failed(__FILE__, __LINE__, "stopped", E_OK);
		}
}

void test_stops(void)
{
	for (unsigned int i = 0; i < kinds_count; i++) {
		stop_everywhere(&kinds[i], RM_POLICY_REPORT);
		stop_everywhere(&kinds[i], RM_POLICY_SEVER);
	}
}

/* -- at every access --------------------------------------------------------------------------- */

static const struct kind *kind;

static err_t every_open(void *ctx)
{
	return lender_open(&lender, LENT_NTH, (uint8_t)(*(unsigned int *)ctx));
}

static void every_close(void *ctx)
{
	(void)ctx;
	lender_close(&lender);
}

static err_t every_request(void *ctx)
{
	(void)ctx;
	return kind->request(&lender, LENT_STOP_NOWHERE);
}

static err_t every_probe(void *ctx, uint64_t *digest)
{
	(void)ctx;
	return honest(LENT_NTH, digest);
}

static struct nth_case every_case(const struct kind *of, unsigned int *policy)
{
	kind = of;
	return (struct nth_case){ .name = of->name,
		                  .ctx = policy,
		                  .severs = *policy == RM_POLICY_SEVER,
		                  .open = every_open,
		                  .close = every_close,
		                  .request = every_request,
		                  .probe = every_probe };
}

void test_every(void)
{
	uint64_t accesses, all = 0;
	unsigned int policy = is_guarded ? RM_POLICY_SEVER : RM_POLICY_REPORT;
	for (; policy <= RM_POLICY_SEVER; policy++)
		for (unsigned int i = 0; i < kinds_count; i++) {
			const struct nth_case it = every_case(&kinds[i], &policy);
			CHECK(nth_try(&it, nth, &accesses));
			CHECK(accesses > 0);
			all += accesses;
		}
	rt_log("# %lu accesses failed, one by one", all);
}

/* -- changed between any two accesses ---------------------------------------------------------- */

/* Words that a request steers by, or that it adds up, and what becomes of them. */
static const struct {
	const char *kind;
	struct nth_change change;
} changes[] = {
	{ "put", { PAGE + 8, 7 } },
	{ "words", { 40, 7 } },
	{ "words", { 48, 7 } },
	{ "seek", { HALF + 3 * PAGE - 96, 5 } },
	{ "count", { HALF + 3 * PAGE - 96, 7 } },
	{ "mix", { 3 * PAGE - 96, 7 } },
	/* A string that becomes shorter, and one that becomes longer, the same before that. */
	{ "name", { HALF + PAGE - 16, 0 } },
	{ "name", { HALF + PAGE + 16, 0xffffffffa9a8a7a6 } },
	/* A table's length: another one, and one that goes beyond all memory. */
	{ "vector", { 3 * PAGE - 8, 1000 } },
	{ "vector", { 3 * PAGE - 8, UINT64_MAX } },
};

static const struct kind *kind_called(const char *name)
{
	for (const struct kind *it = kinds;; it++) {
		unsigned int i = 0;
		while (name[i] && it->name[i] == name[i])
			i++;
		if (it->name[i] == name[i])
			return it;
	}
}

/* A length that is checked, read again, and then used: at most 64 it was checked to be. */
static err_t twice(const struct lender *l, enum lent_stop stop)
{
	const struct lent_plant_in in = { .at = span(0, 0, 2 * PAGE), .plant = LENT_PLANT_TWICE };
	struct lent_plant_out out;
	(void)stop;
	*(uint64_t *)l->at = 24;
	return lent_plant(l->session.endpoint, &in, &out);
}

void test_changes(void)
{
	static const struct kind planted = { .name = "twice", .request = twice };
	static const struct nth_change longer = { 0, 100 };
	unsigned int policy = RM_POLICY_REPORT;
	uint64_t accesses, all = 0;
	kinds_check = false;
	for (unsigned int i = 0; i < COUNT_OF(changes); i += is_guarded ? 4 : 1) {
		const struct nth_case it = every_case(kind_called(changes[i].kind), &policy);
		CHECK(nth_try_change(&it, nth, &changes[i].change, &accesses));
		CHECK(accesses > 0);
		all += accesses;
	}
	rt_log("# changed before %lu accesses, one by one", all);
	if (!is_guarded) { /* which would end the server at once */
		const struct nth_case it = every_case(&planted, &policy);
		CHECK(!nth_try_change(&it, nth, &longer, &accesses));
		CHECK(accesses > 1);
	}
	kinds_check = true;
}
