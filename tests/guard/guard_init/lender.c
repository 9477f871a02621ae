/* SPDX-License-Identifier: BSD-2-Clause */
/* Sessions that lend memory, and who takes it away. */
#include "test.h"
#include <rt/tsc.h>

void lender_fill(const struct lender *l)
{
	unsigned char *at = (unsigned char *)l->at;
	for (uint64_t i = 0; i < PAGES * PAGE; i++)
		at[i] = byte_at(i);
}

uint64_t word_at(uint64_t offset)
{
	uint64_t word = 0;
	for (unsigned int i = 8; i-- > 0;)
		word = word << 8 | byte_at(offset + i);
	return word;
}

static err_t memory_make(struct lender *l)
{
	const struct rm_dataspace_create_in in = { .size = PAGES, .align = 12 };
	const struct rm_region_map_in map = { .size = PAGES,
		                              .rights = RW,
		                              .inherit = RM_INHERIT_NONE };
	struct rm_region_map_out out = { 0 };
	l->memory = rt_slot_get();
	err_t err = rm_dataspace_create(RT_BANK, &in, rt_slot(l->memory));
	if (err == E_OK)
		err = rm_region_map(RT_VSPACE, l->memory, &map, &out);
	l->at = out.at;
	return err;
}

/* By a session that does nothing else, so that asking is no change of it. */
static err_t ask_state(const char *server, struct lent_state_out *out)
{
	static struct rt_session watcher[2];
	struct rt_session *w = &watcher[server[4] != 0];
	err_t err = E_OK;
	if (w->state != RT_SESSION_OPEN)
		err = rt_session_open(w, &(struct rt_connect){ .name = server,
		                                               .version = LENT_VERSION,
		                                               .limit = 64 * PAGE,
		                                               .wait = true });
	if (err == E_OK)
		err = lent_state(w->endpoint, out);
	return err;
}

err_t server_state(const char *server, uint64_t *digest)
{
	struct lent_state_out out = { 0 };
	err_t err = ask_state(server, &out);
	*digest = out.digest;
	return err;
}

err_t lender_begin(struct lender *l, const char *server, uint8_t policy)
{
	const struct rt_connect how = {
		.name = server, .version = LENT_VERSION, .limit = 64 * PAGE, .wait = true
	};
	struct lent_state_out state = { 0 };
	err_t asked = ask_state(server, &state);
	*l = (struct lender){ .server = server, .policy = policy, .sessions = state.sessions };
	return asked == E_OK ? rt_session_open(&l->session, &how) : asked;
}

err_t lender_map(const struct lender *l)
{
	err_t err = E_OK;
	for (unsigned int place = 0; place < 2 && err == E_OK; place++)
		err = lent_map(l->session.endpoint,
		               &(struct lent_map_in){ .share = l->share.raw,
		                                      .first = place * PAGES / 2,
		                                      .pages = PAGES / 2,
		                                      .place = (uint8_t)place,
		                                      .rights = RW,
		                                      .policy = l->policy });
	return err;
}

err_t lender_open(struct lender *l, const char *server, uint8_t policy)
{
	err_t err = lender_begin(l, server, policy);
	if (err != E_OK)
		return err;
	err = memory_make(l);
	if (err != E_OK)
		return err;
	lender_fill(l);
	err = rt_share(&l->session, l->memory, 0, PAGES, RW, &l->share);
	return err == E_OK ? lender_map(l) : err;
}

void lender_close(struct lender *l)
{
	rt_session_close(&l->session);
	CHECK_OK(rm_region_unmap(RT_VSPACE,
	                         &(struct rm_region_unmap_in){ .start = l->at, .size = PAGES }));
	(void)rm_dataspace_destroy(l->memory);
	rt_slot_put(l->memory);
	lender_leave(l);
}

void lender_leave(const struct lender *l)
{
	/* After a violation the server is told a little after it went on. */
	struct lent_state_out state = { 0 };
	uint64_t until = rt_time_ns() + 10000000000;
	do
		CHECK_OK(ask_state(l->server, &state));
	while (state.sessions > l->sessions && rt_time_ns() < until);
	CHECK(state.sessions <= l->sessions);
}

err_t lender_shrink(const struct lender *l, uint64_t pages)
{
	return rm_dataspace_resize(l->memory, &(struct rm_dataspace_resize_in){ .size = pages });
}

uint64_t lender_done(const struct lender *l)
{
	struct lent_last_out out = { 0 };
	CHECK_OK(lent_last(l->session.endpoint, &out));
	return out.done;
}

/* -- the honest one ---------------------------------------------------------------------------- */

err_t honest(const char *server, uint64_t *digest)
{
	static struct lender lender;
	uint64_t unasked;
	err_t err = server_state(server, digest ? digest : &unasked);
	if (err != E_OK)
		return err;
	err = lender_open(&lender, server, RM_POLICY_SEVER);
	for (unsigned int i = 0; i < 3 && err == E_OK; i++)
		err = kinds[i].request(&lender, LENT_STOP_NOWHERE);
	lender_close(&lender);
	return err;
}

/* -- the revoker ------------------------------------------------------------------------------- */

enum { BUDGET_US = 100, PERIOD_US = 300 };

static struct {
	struct rt_worker at_stops, in_time;
	cptr_t stop, resume, arm;
	void (*fn)(struct lender *l);
	struct lender *l;
	volatile uint64_t armed_at, woke_at;
	volatile unsigned int count;
} revoker;

static void act(void)
{
	if (revoker.fn)
		revoker.fn(revoker.l);
	revoker.count++;
}

static int act_at_stops(void *arg)
{
	(void)arg;
	for (;;) {
		(void)sel4_wait(revoker.stop);
		act();
		sel4_signal(revoker.resume);
	}
	return 0;
}

/* It gives up its budget, and goes on when its next period begins, whatever others are doing. */
static int act_in_time(void *arg)
{
	(void)arg;
	for (;;) {
		(void)sel4_wait(revoker.arm);
		revoker.armed_at = rt_tsc();
		sel4_yield();
		revoker.woke_at = rt_tsc();
		act();
	}
	return 0;
}

void revoker_start(cptr_t stop, cptr_t resume, cptr_t arm)
{
	struct rm_schedule schedule = { .budget_us = PERIOD_US,
		                        .period_us = PERIOD_US,
		                        .priority = REVOKER_PRIORITY,
		                        .priority_max = REVOKER_PRIORITY };
	revoker.stop = stop;
	revoker.resume = resume;
	revoker.arm = arm;
	CHECK_OK(rt_worker_start(&revoker.at_stops, act_at_stops, NULL, 0, &schedule));
	schedule.budget_us = BUDGET_US;
	CHECK_OK(rt_worker_start(&revoker.in_time, act_in_time, NULL, 0, &schedule));
}

void revoker_does(void (*fn)(struct lender *l), struct lender *l)
{
	revoker.fn = fn;
	revoker.l = l;
}

/* What it used last time is its budget's again, or it would wake earlier. */
uint64_t revoker_arm(void)
{
	uint64_t ready = revoker.woke_at + 2ul * PERIOD_US * (rt_start()->tsc_hz / 1000000);
	while (rt_tsc() < ready)
		continue;
	sel4_signal(revoker.arm);
	return revoker.armed_at;
}

uint64_t revoker_woke(void)
{
	return revoker.woke_at;
}

unsigned int revoker_count(void)
{
	return revoker.count;
}
