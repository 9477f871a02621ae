/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * An init that asks a server to make mistakes with its client's memory: in the ordinary build none
 * of them shows; where tests/guard/guarded is below the server, each is its end. TAP on rm's log.
 */
#include <lib/container.h>
#include <proto/lent_client.h>
#include <proto/rm_client.h>
#include <rt/archive.h>
#include <rt/dataspace.h>
#include <rt/event.h>
#include <rt/load.h>
#include <rt/name.h>
#include <rt/program.h>
#include <rt/session.h>
#include <rt/share.h>
#include <rt/slot.h>

enum {
	PAGE = 4096,
	MIB = 1 << 20,
	RW = RM_RIGHT_READ | RM_RIGHT_WRITE,
	PAGES = 2,
	PRIORITY = 120,
	STATUS_TWICE = 135, /* guarded/fetches.c */
	LENGTH = 24,
};

static struct rm_task_died_event died;
static uint64_t tries; /* of this one; that those before it were ended is told late */

static void on_died(void *self, const struct rm_task_died_event *it)
{
	(void)self;
	if (it->cookie == tries)
		died = *it;
}

/* -- a server, and a session with it ----------------------------------------------------------- */

struct side {
	cptr_t bank, memory;
	struct rt_program program;
	struct rt_session session;
	uint64_t at;
	rm_share_t share;
};

static err_t load(struct side *s, const char *file_name, const char *name)
{
	const struct rm_bank_create_in bank = { .limit = 4 * MIB,
		                                .pin_limit = 16 * PAGE,
		                                .priority_max = PRIORITY };
	const char *argv[] = { file_name, name };
	struct rt_archive_file file = { 0 };
	s->bank = rt_slot_get();
	err_t err = rt_archive_find(file_name, &file);
	if (err == E_OK)
		err = rm_bank_create(RT_BANK, &bank, rt_slot(s->bank));
	if (err != E_OK)
		return err;
	struct rt_spawn how = { .name = file_name,
		                .bank = s->bank,
		                .argc = 2,
		                .argv = argv,
		                .schedule = { .budget_us = 10000,
		                              .period_us = 10000,
		                              .priority = PRIORITY,
		                              .priority_max = PRIORITY } };
	rt_archive_image(&file, &how);
	return rt_program_load(&s->program, &how);
}

static err_t start(struct side *s, const char *file, const char *name)
{
	err_t err = load(s, file, name);
	if (err == E_OK)
		err = rt_name_grant(s->program.task, name, RM_NAME_RIGHT_SERVE);
	if (err == E_OK)
		err = rt_name_grant(RT_TASK, name, RM_NAME_RIGHT_CONNECT);
	if (err == E_OK)
		err = rm_task_watch(s->program.task, RT_TASK,
		                    &(struct rm_task_watch_in){ .cookie = tries });
	return err == E_OK ? rt_program_start(&s->program) : err;
}

static err_t lend(struct side *s, const char *name)
{
	const struct rt_connect how = {
		.name = name, .version = LENT_VERSION, .limit = 64 * PAGE, .wait = true
	};
	err_t err = rt_memory_make(RT_BANK, PAGES, &s->memory, &s->at);
	if (err == E_OK)
		err = rt_session_open(&s->session, &how);
	if (err == E_OK)
		err = rt_share(&s->session, s->memory, 0, PAGES, RW, &s->share);
	if (err != E_OK)
		return err;
	const struct lent_map_in map = {
		.share = s->share.raw, .pages = PAGES, .rights = RW, .policy = RM_POLICY_REPORT
	};
	*(uint64_t *)s->at = LENGTH;
	*(uint64_t *)(s->at + PAGE) = LENGTH;
	return lent_map(s->session.endpoint, &map);
}

static void end(struct side *s)
{
	rt_session_close(&s->session);
	(void)rt_program_destroy(&s->program);
	(void)rm_bank_destroy(s->bank);
	rt_slot_put(s->bank);
	rt_memory_end(s->memory, PAGES, s->at);
}

/* -- tests ------------------------------------------------------------------------------------- */

static const struct plant {
	const char *name;
	enum lent_plant plant;
	uint64_t at, bytes; /* of the window, what it touches last */
	bool is_twice;
} plants[] = {
	{ "outside of any guard", LENT_PLANT_TOUCH, 0, 8, false },
	{ "after the window's end", LENT_PLANT_AFTER, 0, 8, false },
	{ "in a window, on a page behind it", LENT_PLANT_BEHIND, PAGE, 8, false },
	{ "a length, twice", LENT_PLANT_TWICE, 0, 8, true },
	{ "what was copied, in a window", LENT_PLANT_ALSO, 0, 8, true },
};
enum { PLANTS = sizeof(plants) / sizeof(plants[0]) };

/* As it must be where it is found; on the log what is not. */
static bool is_found(const struct plant *it, err_t err)
{
	rt_log("# %s: %s; reason %u, status 0x%x, at 0x%lx, instruction 0x%lx", it->name,
	       err_name(err), died.reason, died.status, died.at, died.instruction);
	if (!rt_session_is_lost(err))
		return false;
	return it->is_twice ? died.reason == RM_REASON_EXIT && died.status == STATUS_TWICE
	                    : died.reason == RM_REASON_FAULT && died.at % PAGE == 0;
}

static bool try(const struct plant *it, const char *file, const char *name, bool is_guarded)
{
	const struct lent_plant_in in = { .at = { .bytes = PAGES * PAGE }, .plant = it->plant };
	struct side s = { 0 };
	struct lent_plant_out out = { 0 };
	struct lent_state_out state;
	died = (struct rm_task_died_event){ 0 };
	tries++;
	err_t err = start(&s, file, name);
	if (err == E_OK)
		err = lend(&s, name);
	if (err != E_OK) {
		rt_log("# %s: %s", it->name, err_name(err));
		return false;
	}
	err = lent_plant(s.session.endpoint, &in, &out);
	uint64_t until = rt_time_ns() + 1000000000;
	while (is_guarded && !died.reason && rt_time_ns() < until)
		if (rt_event_poll() == 0)
			rt_yield();
	bool good = is_guarded ? is_found(it, err)
	                       : err == E_OK && lent_state(s.session.endpoint, &state) == E_OK &&
	                                 !died.reason;
	end(&s);
	return good;
}

int rt_main(const struct rt_start *from)
{
	static const struct rm_event_ops ops = { .task_died = on_died };
	unsigned int failed = 0;
	(void)from;
	rt_event_set(&ops, NULL);
	err_t err = rt_archive_open();
	rt_log("1..%u", 2 * PLANTS);
	for (unsigned int i = 0; i < 2 * PLANTS && err == E_OK; i++) {
		const struct plant *it = &plants[i / 2];
		const char names[2] = { (char)('a' + i), 0 };
		bool good = try(it, i % 2 ? "guarded" : "guard_server", names, i % 2);
		rt_log("%sok %u - %s: %s", good ? "" : "not ", i + 1, it->name,
		       i % 2 ? "ends the guarded server" : "nothing shows it");
		failed += !good;
	}
	if (err != E_OK)
		rt_log("Bail out! %s", err_text(err));
	rt_log("%u passed, %u failed", 2 * PLANTS - failed, failed);
	(void)rm_system_off(RT_SYSTEM,
	                    &(struct rm_system_off_in){ .status = failed > 0 || err != E_OK });
	return 1;
}
