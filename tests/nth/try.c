/* SPDX-License-Identifier: BSD-2-Clause */
/* In the test: see nth/nth.h. */
#include <nth/nth.h>
#include <rt/program.h>
#include <rt/server.h>

/* What the server is like: before the session, with it, after the request, without the session. */
enum { WITHOUT, BEFORE, AFTER, CLOSED, PROBES };

struct run {
	uint64_t digest[PROBES];
	uint64_t count, phase, wrong;
	err_t err, failed; /* failed: of what must not fail */
};

/* Something happens at the n-th access: *at is the control's. */
static struct run run(const struct nth_case *it, volatile struct nth_control *control,
                      volatile uint64_t *at, uint64_t n)
{
	struct run r = { 0 };
	control->fail_at = control->change_at = 0;
	control->wrong = 0;
	if ((r.failed = it->probe(it->ctx, &r.digest[WITHOUT])) != E_OK)
		return r;
	if ((r.failed = it->open(it->ctx)) == E_OK)
		r.failed = it->probe(it->ctx, &r.digest[BEFORE]);
	control->count = 0;
	*at = n;
	if (r.failed == E_OK)
		r.err = it->request(it->ctx);
	*at = 0;
	r.count = control->count;
	r.phase = control->phase;
	r.wrong = control->wrong;
	if (it->severs) /* also the one that went well: what is left is the same */
		it->close(it->ctx);
	if (r.failed == E_OK)
		r.failed = it->probe(it->ctx, &r.digest[AFTER]);
	if (!it->severs)
		it->close(it->ctx);
	if (r.failed == E_OK)
		r.failed = it->probe(it->ctx, &r.digest[CLOSED]);
	return r;
}

/* Whether a request ended as it must if its n-th access failed. */
static const char *judge(const struct nth_case *it, const struct run *r, const struct run *whole)
{
	bool is_over = r->err == E_SEVERED || r->err == E_SERVER_DIED;
	bool delivered = r->phase == RT_DELIVER;
	if (r->wrong > 0)
		return "an access in COMMIT, or without a share";
	if (it->severs ? !is_over && r->err != E_GONE : r->err != E_GONE)
		return "the wrong answer";
	uint64_t after = delivered    ? whole->digest[AFTER]
	                 : it->severs ? r->digest[WITHOUT]
	                              : r->digest[BEFORE];
	if (r->digest[AFTER] != after)
		return "the server's state";
	return r->digest[CLOSED] == whole->digest[CLOSED] ? NULL : "what is left of the session";
}

bool nth_try(const struct nth_case *it, volatile struct nth_control *control, uint64_t *accesses)
{
	const struct run whole = run(it, control, &control->fail_at, 0);
	*accesses = whole.count;
	if (whole.failed != E_OK || whole.err != E_OK || whole.wrong > 0) {
		rt_log("# %s: %s, %s, %lu wrong accesses", it->name, err_name(whole.failed),
		       err_name(whole.err), whole.wrong);
		return false;
	}
	for (uint64_t n = 1; n <= whole.count; n++) {
		const struct run r = run(it, control, &control->fail_at, n);
		const char *wrong = r.failed == E_OK ? judge(it, &r, &whole) : err_name(r.failed);
		if (wrong) {
			rt_log("# digests: %lx %lx %lx %lx, all went well: %lx %lx %lx %lx",
			       r.digest[0], r.digest[1], r.digest[2], r.digest[3], whole.digest[0],
			       whole.digest[1], whole.digest[2], whole.digest[3]);
			rt_log("# %s: access %lu of %lu: %s (%s, phase %lu)", it->name, n,
			       whole.count, wrong, err_name(r.err), r.phase);
			return false;
		}
	}
	return true;
}

static bool same_outcome(const struct run *a, const struct run *b)
{
	return a->err == b->err && a->digest[AFTER] == b->digest[AFTER] &&
	       a->digest[CLOSED] == b->digest[CLOSED];
}

bool nth_try_change(const struct nth_case *it, volatile struct nth_control *control,
                    const struct nth_change *change, uint64_t *accesses)
{
	control->word = change->word;
	control->value = change->value;
	const struct run before = run(it, control, &control->change_at, 0);
	const struct run after = run(it, control, &control->change_at, 1);
	*accesses = before.count;
	for (uint64_t n = 1; n <= before.count; n++) {
		const struct run r = run(it, control, &control->change_at, n);
		bool good = r.failed == E_OK && r.wrong == 0 &&
		            (same_outcome(&r, &before) || same_outcome(&r, &after));
		if (good)
			continue;
		rt_log("# %s: 0x%lx at 0x%lx from access %lu of %lu on: %s, state %lx; "
		       "before %s, %lx; after %s, %lx",
		       it->name, change->value, change->word, n, before.count,
		       err_name(r.failed != E_OK ? r.failed : r.err), r.digest[AFTER],
		       err_name(before.err), before.digest[AFTER], err_name(after.err),
		       after.digest[AFTER]);
		return false;
	}
	return before.failed == E_OK && after.failed == E_OK;
}
