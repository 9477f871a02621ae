/* SPDX-License-Identifier: BSD-2-Clause */
/* Programs: how long one takes to start. The servers and the client measure by themselves. */
#include "init.h"
#include <proto/rm_client.h>
#include <rt/archive.h>
#include <rt/event.h>
#include <rt/load.h>
#include <rt/name.h>

enum { STARTS = 20, CLIENT_PRIORITY = 100, SERVER_PRIORITY = 120, LIMIT = 16 << 20 };

struct child {
	cptr_t bank;
	struct rt_program program;
	bool died;
	uint32_t status;
};

static void on_died(void *self, const struct rm_task_died_event *it)
{
	struct child *child = (struct child *)it->cookie;
	(void)self;
	child->died = true;
	child->status = it->status;
	if (it->reason != RM_REASON_EXIT)
		fail("a program", E_IO);
}

/* Loaded from the archive, with a bank of its own. */
static void load(struct child *child, const char *program, const char *argument, uint8_t priority)
{
	const struct rm_bank_create_in bank = { .limit = LIMIT,
		                                .pin_limit = 4 * PAGE,
		                                .priority_max = priority };
	struct rt_archive_file file;
	*child = (struct child){ .bank = rt_slot_get() };
	must(rt_archive_find(program, &file));
	must(rm_bank_create(RT_BANK, &bank, rt_slot(child->bank)));
	const char *argv[] = { program, argument };
	struct rt_spawn how = { .name = program,
		                .bank = child->bank,
		                .argc = argument ? 2 : 1,
		                .argv = argv,
		                .schedule = { .budget_us = 10000,
		                              .period_us = 10000,
		                              .priority = priority,
		                              .priority_max = priority } };
	rt_archive_image(&file, &how);
	must(rt_program_load(&child->program, &how));
}

static void watch(struct child *child)
{
	must(rm_task_watch(child->program.task, RT_TASK,
	                   &(struct rm_task_watch_in){ .cookie = (uint64_t)child }));
}

static void wait_for(struct child *child)
{
	while (!child->died)
		rt_event_wait();
}

static void end(struct child *child)
{
	must(rt_program_destroy(&child->program));
	must(rm_bank_destroy(child->bank));
	rt_slot_put(child->bank);
}

static void grant(const struct child *child, const char *name, uint8_t rights)
{
	must(rt_name_grant(child->program.task, name, rights));
}

/* The program says when its main began. */
static void measure_start(void)
{
	uint64_t times[STARTS];
	for (unsigned int i = 0; i < STARTS; i++) {
		struct child child;
		settle();
		uint64_t t = rt_tsc();
		load(&child, "bench_null", NULL, CLIENT_PRIORITY);
		must(rt_program_start(&child.program));
		uint64_t watched = rt_tsc();
		watch(&child);
		watched = rt_tsc() - watched;
		wait_for(&child);
		times[i] = child.status - (uint32_t)t - (uint32_t)watched;
		end(&child);
	}
	report(ROW_PROGRAM, median(times, STARTS));
}

static void measure_requests(void)
{
	static struct child active, passive, client;
	load(&active, "bench_server", "active", SERVER_PRIORITY);
	grant(&active, "active", RM_NAME_RIGHT_SERVE);
	must(rt_program_start(&active.program));
	load(&passive, "bench_server", "passive", SERVER_PRIORITY);
	grant(&passive, "passive", RM_NAME_RIGHT_SERVE);
	must(rt_program_start(&passive.program));
	load(&client, "bench_client", NULL, CLIENT_PRIORITY);
	grant(&client, "active", RM_NAME_RIGHT_CONNECT);
	grant(&client, "passive", RM_NAME_RIGHT_CONNECT);
	watch(&client);
	must(rt_program_start(&client.program));
	wait_for(&client);
	if (client.status != 0)
		fail("the client", E_IO);
}

void measure_programs(void)
{
	static const struct rm_event_ops ops = { .task_died = on_died };
	rt_event_set(&ops, NULL);
	must(rt_archive_open());
	measure_start();
	measure_requests();
}
