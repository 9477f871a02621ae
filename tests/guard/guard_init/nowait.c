/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Lent memory whose pages a pager brings, late, never, or not at all: a server that does not wait
 * for them serves others meanwhile, and the request ends with the right bytes, or with LOST.
 */
#include "test.h"
#include <rt/archive.h>

static struct {
	cptr_t bank, supply, capability, memory, source, pages, control_memory;
	struct rt_program program;
	volatile uint64_t *control;
	uint64_t at;   /* pages, here */
	uint64_t next; /* of memory: nobody touched what is from there on */
} pager;

_Static_assert(LENT_PAGER_TEMPLATE == (int)PAGES);

/* -- the pager --------------------------------------------------------------------------------- */

static void load(void)
{
	const struct rm_bank_create_in bank = { .limit = MIB,
		                                .pin_limit = 4 * PAGE,
		                                .priority_max = CLIENT_PRIORITY };
	const struct rt_gift gifts[] = { { "control", pager.control_memory },
		                         { "pages", pager.pages },
		                         { "source", pager.source },
		                         { "supply", pager.supply } };
	const char *argv[] = { "guard_pager" };
	struct rt_archive_file file = { 0 };
	CHECK_OK(rt_archive_find("guard_pager", &file));
	CHECK_OK(rm_bank_create(RT_BANK, &bank, rt_slot(pager.bank)));
	const struct rt_spawn how = { .name = "guard_pager",
		                      .bank = pager.bank,
		                      .image = RT_ARCHIVE,
		                      .offset = file.offset,
		                      .bytes = file.bytes,
		                      .mapped = file.data,
		                      .argc = 1,
		                      .argv = argv,
		                      .gifts = COUNT_OF(gifts),
		                      .gift = gifts,
		                      .slot_bits = 8,
		                      .schedule = { .budget_us = 10000,
		                                    .period_us = 10000,
		                                    .priority = CLIENT_PRIORITY,
		                                    .priority_max = CLIENT_PRIORITY } };
	CHECK_OK(rt_program_load(&pager.program, &how));
}

static cptr_t memory_make(uint64_t pages)
{
	const struct rm_dataspace_create_in in = { .size = pages, .align = 12 };
	cptr_t made = rt_slot_get();
	CHECK_OK(rm_dataspace_create(RT_BANK, &in, rt_slot(made)));
	return made;
}

static uint64_t show(cptr_t memory, uint64_t pages)
{
	const struct rm_region_map_in in = { .size = pages,
		                             .rights = RW,
		                             .inherit = RM_INHERIT_NONE };
	struct rm_region_map_out out = { 0 };
	CHECK_OK(rm_region_map(RT_VSPACE, memory, &in, &out));
	return out.at;
}

static void pager_start(uint32_t deadline_ms)
{
	const struct rm_pager_create_in in = { .size = LENT_PAGER_PAGES, .deadline = deadline_ms };
	const struct rm_notification_create_in note = { .badge = 1 };
	const struct rm_pager_open_in all = { .rights = RW | RM_RIGHT_EXECUTE };
	struct rm_notification_create_out out;
	pager.bank = rt_slot_get();
	pager.capability = rt_slot_get();
	pager.memory = rt_slot_get();
	pager.supply = rt_slot_get();
	pager.next = 0;
	CHECK_OK(rm_notification_create(RT_TASK, &note, rt_slot(pager.supply), &out));
	pager.control_memory = memory_make(1);
	pager.control = (volatile uint64_t *)show(pager.control_memory, 1);
	CHECK(pager.control);
	if (!pager.control)
		return;
	pager.control[LENT_PAGER_DOES] = LENT_PAGER_SUPPLIES;
	pager.pages = memory_make(PAGES);
	pager.source = memory_make(PAGES);
	pager.at = show(pager.pages, PAGES);
	load();
	CHECK_OK(rm_pager_create(RT_BANK, pager.program.task, &in, rt_slot(pager.capability)));
	CHECK_OK(rm_pager_open(pager.capability, &all, rt_slot(pager.memory)));
	CHECK_OK(rm_task_give(pager.program.task, pager.capability,
	                      &(struct rm_task_give_in){ .slot = LENT_PAGER_SLOT }));
	CHECK_OK(rt_program_start(&pager.program));
}

static void hide(uint64_t at, uint64_t pages)
{
	CHECK_OK(rm_region_unmap(RT_VSPACE,
	                         &(struct rm_region_unmap_in){ .start = at, .size = pages }));
}

static void pager_end(void)
{
	const cptr_t slots[] = { pager.bank,   pager.capability, pager.memory,        pager.supply,
		                 pager.source, pager.pages,      pager.control_memory };
	hide((uint64_t)pager.control, 1);
	hide(pager.at, PAGES);
	rt_program_forget(&pager.program);
	CHECK_OK(rm_bank_destroy(pager.bank));
	CHECK_OK(rm_dataspace_destroy(pager.memory));
	CHECK_OK(rm_dataspace_destroy(pager.source));
	CHECK_OK(rm_dataspace_destroy(pager.pages));
	CHECK_OK(rm_dataspace_destroy(pager.control_memory));
	for (unsigned int i = 0; i < COUNT_OF(slots); i++)
		rt_slot_put(slots[i]);
}

/* It does that from now on, and has not been asked. */
static void pager_does(uint64_t what)
{
	pager.control[LENT_PAGER_DOES] = what;
	pager.control[LENT_PAGER_ASKED] = 0;
}

static void pager_goes_on(void)
{
	pager.control[LENT_PAGER_DOES] = LENT_PAGER_SUPPLIES;
	sel4_signal(pager.supply);
}

/* -- who lends --------------------------------------------------------------------------------- */

/* Pages that are missing still, all of them. */
static err_t lend_missing(struct lender *l)
{
	err_t err = rt_share(&l->session, pager.memory, pager.next, PAGES, RW, &l->share);
	pager.next += PAGES;
	return err;
}

/* A lender of what the pager brings, or of what it has, with the same content. */
static err_t open_with(struct lender *l, const char *server, bool missing)
{
	err_t err = lender_begin(l, server, RM_POLICY_SEVER);
	l->memory = pager.pages;
	l->at = pager.at;
	lender_fill(l);
	if (err == E_OK)
		err = missing ? lend_missing(l)
		              : rt_share(&l->session, pager.pages, 0, PAGES, RW, &l->share);
	if (err == E_OK)
		err = lender_map(l);
	return err == E_OK ? lent_nowait(l->session.endpoint) : err;
}

static void close_with(struct lender *l)
{
	rt_session_close(&l->session);
	lender_leave(l);
}

/* -- a call that takes its time ---------------------------------------------------------------- */

static struct {
	struct rt_worker worker;
	struct lender lender;
	const struct kind *kind;
	volatile bool is_done;
	err_t err;
} caller;

static int call(void *arg)
{
	(void)arg;
	caller.err = caller.kind->request(&caller.lender, LENT_STOP_NOWHERE);
	caller.is_done = true;
	return 0;
}

static void call_begin(const struct kind *kind)
{
	const struct rm_schedule schedule = { .budget_us = 1000,
		                              .period_us = 1000,
		                              .priority = rt_start()->priority,
		                              .priority_max = rt_start()->priority };
	caller.kind = kind;
	caller.is_done = false;
	CHECK_OK(rt_worker_start(&caller.worker, call, NULL, 4 * PAGE, &schedule));
}

static err_t call_end(void)
{
	(void)rt_worker_join(&caller.worker);
	worker_bury();
	return caller.err;
}

/* The pager was asked by it, and it waits. */
static bool call_waits(void)
{
	uint64_t until = rt_time_ns() + 2000000000;
	while (pager.control[LENT_PAGER_ASKED] == 0 && rt_time_ns() < until)
		rt_yield();
	return pager.control[LENT_PAGER_ASKED] > 0 && !caller.is_done;
}

/* -- tests ------------------------------------------------------------------------------------- */

/* Kinds that can wait for all that they touch; each begins with nothing there. */
static bool waits(const struct kind *kind)
{
	return !kind->delivers;
}

static void slowly(const struct kind *kind)
{
	struct lent_last_out last;
	uint64_t digest, expected;
	CHECK_OK(open_with(&caller.lender, LENT, true));
	pager_does(LENT_PAGER_HOLDS);
	call_begin(kind);
	CHECK(call_waits());
	/* Others are served, and this session's other requests. */
	for (unsigned int i = 0; i < 3; i++)
		CHECK_OK(honest(LENT, NULL));
	CHECK_OK(lent_last(caller.lender.session.endpoint, &last));
	CHECK(!caller.is_done && pager.control[LENT_PAGER_ASKED] == 1);
	pager_goes_on();
	CHECK_OK(call_end());
	CHECK_OK(server_state(LENT, &digest));
	close_with(&caller.lender);
	/* The same without a pager. */
	CHECK_OK(open_with(&caller.lender, LENT, false));
	CHECK_OK(kind->request(&caller.lender, LENT_STOP_NOWHERE));
	CHECK_OK(server_state(LENT, &expected));
	close_with(&caller.lender);
	CHECK(digest == expected);
	if (digest != expected)
		rt_log("# %s: the server's state is another than without a pager", kind->name);
}

/* A request that waits while another is handled. */
void nowait_warm_up(void)
{
	static const char *const servers[] = { LENT, LENT_NTH };
	pager_start(60000);
	for (unsigned int i = 0; i < COUNT_OF(servers); i++) {
		CHECK_OK(open_with(&caller.lender, servers[i], true));
		pager_does(LENT_PAGER_HOLDS);
		call_begin(&kinds[0]);
		CHECK(call_waits());
		CHECK_OK(honest(servers[i], NULL));
		pager_goes_on();
		CHECK_OK(call_end());
		close_with(&caller.lender);
	}
	pager_end();
}

void test_slow_pager(void)
{
	pager_start(60000);
	for (unsigned int i = 0; i < kinds_count; i++)
		if (waits(&kinds[i]))
			slowly(&kinds[i]);
	pager_end();
}

/*
 * The pages never come: the answer is LOST, and the session goes on. What has no pager any more is
 * gone, as memory that its client took away is.
 */
static void lost(const struct kind *kind, uint64_t how)
{
	CHECK_OK(open_with(&caller.lender, LENT, true));
	pager_does(how);
	err_t err = kind->request(&caller.lender, LENT_STOP_NOWHERE);
	CHECK(err == (how == LENT_PAGER_DIES ? E_GONE : E_LOST));
	CHECK_OK(honest(LENT, NULL));
	pager_does(LENT_PAGER_SUPPLIES);
	err = kind->request(&caller.lender, LENT_STOP_NOWHERE);
	CHECK(how == LENT_PAGER_DIES ? rt_session_is_lost(err) : err == E_OK);
	close_with(&caller.lender);
}

void test_lost_pages(void)
{
	const uint64_t ways[] = { LENT_PAGER_NEVER, LENT_PAGER_FAILS };
	pager_start(100);
	for (unsigned int way = 0; way < COUNT_OF(ways); way++)
		for (unsigned int i = 0; i < kinds_count; i++)
			if (waits(&kinds[i]))
				lost(&kinds[i], ways[way]);
	pager_end();
	for (unsigned int i = 0; i < kinds_count; i++) {
		if (!waits(&kinds[i]))
			continue;
		pager_start(60000);
		lost(&kinds[i], LENT_PAGER_DIES);
		pager_end();
	}
}

/* The session ends, by its client's other thread, while the request waits for its page. */
static void ends_meanwhile(bool client_revokes)
{
	CHECK_OK(open_with(&caller.lender, LENT, true));
	pager_does(LENT_PAGER_HOLDS);
	call_begin(&kinds[0]);
	CHECK(call_waits());
	if (client_revokes)
		CHECK_OK(rt_share_revoke(caller.lender.share));
	else
		rt_session_close(&caller.lender.session);
	CHECK_OK(honest(LENT, NULL));
	pager_goes_on();
	err_t err = call_end();
	CHECK(rt_session_is_lost(err) || (client_revokes && err == E_GONE));
	close_with(&caller.lender);
}

void test_end_while_waiting(void)
{
	pager_start(60000);
	ends_meanwhile(false);
	ends_meanwhile(true);
	pager_end();
}

/* What cannot be done twice ends with AGAIN, and the count is exact. */
void test_again(void)
{
	struct lender *l = &caller.lender;
	const struct lent_get_in get = { .to = span(0, PAGE - 500, 1000),
		                         .seed = 9,
		                         .stop = LENT_STOP_NOWHERE };
	struct lent_put_in put = { .from = span(0, 0, 8), .stop = LENT_STOP_NOWHERE };
	pager_start(60000);
	CHECK_OK(open_with(l, LENT, true));
	CHECK_OK(lent_put(l->session.endpoint, &put));
	pager_does(LENT_PAGER_HOLDS);
	CHECK_ERR(lent_get(l->session.endpoint, &get), E_AGAIN);
	CHECK(lender_done(l) == 500);
	CHECK_OK(honest(LENT, NULL));
	pager_goes_on();
	put.from = span(0, PAGE, 8);
	CHECK_OK(lent_put(l->session.endpoint, &put));
	CHECK_OK(lent_get(l->session.endpoint, &get));
	close_with(l);
	kinds_check = false;
	for (unsigned int i = 0; i < kinds_count; i++) {
		err_t err = E_AGAIN;
		CHECK_OK(open_with(l, LENT, true));
		for (unsigned int n = 0; n < PAGES && err == E_AGAIN; n++) {
			err = kinds[i].request(l, LENT_STOP_NOWHERE);
			CHECK_OK(lent_put(l->session.endpoint, &put));
		}
		CHECK_OK(err);
		close_with(l);
	}
	kinds_check = true;
	pager_end();
}

/* -- at every access --------------------------------------------------------------------------- */

struct nth_run {
	uint64_t digest, count, phase, wrong;
	err_t err;
};

static struct nth_run run(const struct kind *kind, uint64_t n)
{
	struct nth_run r = { 0 };
	struct lender *l = &caller.lender;
	CHECK_OK(open_with(l, LENT_NTH, false));
	rm_share_t share = l->share;
	CHECK_OK(lend_missing(l));
	nth->other = l->share.raw;
	l->share = share;
	nth->wrong = nth->count = 0;
	nth->fail_at = n;
	r.err = kind->request(l, LENT_STOP_NOWHERE);
	nth->fail_at = nth->other = 0;
	r.count = nth->count;
	r.phase = nth->phase;
	r.wrong = nth->wrong;
	CHECK_OK(server_state(LENT_NTH, &r.digest));
	close_with(l);
	return r;
}

/* The n-th access finds a page missing: it is waited for, or told of if that is too late. */
static void nth_waits(const struct kind *kind, uint64_t *all)
{
	enum { FETCH = 0 };
	(void)run(kind, 1); /* what is used for the first time */
	const struct nth_run whole = run(kind, 0);
	CHECK_OK(whole.err);
	CHECK(whole.count > 0 && whole.wrong == 0);
	for (uint64_t n = 1; n <= whole.count; n++) {
		const struct nth_run r = run(kind, n);
		bool good = r.wrong == 0 && r.digest == whole.digest &&
		            r.err == (r.phase == FETCH ? E_OK : E_AGAIN);
		CHECK(good);
		if (!good)
			rt_log("# %s: access %lu of %lu, phase %lu: %s, %lu wrong, %lx for %lx",
			       kind->name, n, whole.count, r.phase, err_name(r.err), r.wrong,
			       r.digest, whole.digest);
	}
	*all += whole.count;
}

void test_nth_waits(void)
{
	uint64_t all = 0;
	if (is_guarded) {
		rt_log("# the guarded server copies by windows of its own");
		return;
	}
	pager_start(60000);
	kinds_check = false;
	for (unsigned int i = 0; i < kinds_count; i++)
		nth_waits(&kinds[i], &all);
	kinds_check = true;
	pager_end();
	rt_log("# %lu accesses found a page missing, one by one", all);
}
