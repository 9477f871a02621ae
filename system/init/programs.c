/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Programs: how one is made out of its part of the manifest, and what becomes of it when it ends.
 *
 * All that a program is made of is bought from a bank of its own, a child of init's; destroying the
 * bank is the end of all of it. Capabilities of the machine (ports, interrupts) are made once and
 * given again at each start.
 *
 * A program that is to be started again is, after a time that doubles with each restart in quick
 * succession, unless it was so often within a time that the manifest gives it up.
 */
#include "init.h"
#include "text.h"
#include <proto/rm_client.h>
#include <rt/libc.h>
#include <rt/name.h>
#include <rt/slot.h>

enum { BACKOFF_DOUBLINGS_MAX = 10, NS_A_MS = 1000000 };

bool system_is_sealed;

static void fail(const struct program *program, const char *what, err_t err)
{
	rt_log("init: %s: %s: %s", program->what->name, what, err_text(err));
}

/* -- starting ---------------------------------------------------------------------------------- */

static err_t make_bank(struct program *program)
{
	const struct manifest_program *what = program->what;
	const struct rm_bank_create_in in = { .guarantee = what->guarantee,
		                              .limit = what->limit,
		                              .pin_limit = what->pinned,
		                              .priority_max = what->ceiling };
	program->bank = rt_slot_get();
	return program->bank ? rm_bank_create(RT_BANK, &in, rt_slot(program->bank)) : E_LIMIT;
}

static err_t make_device(const struct manifest_device *device, cptr_t *made)
{
	const struct rm_ports_create_in ports = { .first = device->first, .last = device->last };
	const struct rm_interrupt_create_in interrupt = { .controller = device->controller,
		                                          .pin = device->pin,
		                                          .level = device->level,
		                                          .low = device->low };
	cptr_t slot = rt_slot_get();
	if (!slot)
		return E_LIMIT;
	err_t err = device->is_interrupt ? rm_interrupt_create(RT_SYSTEM, &interrupt, rt_slot(slot))
	                                 : rm_ports_create(RT_SYSTEM, &ports, rt_slot(slot));
	if (err == E_OK)
		*made = slot;
	else
		rt_slot_put(slot);
	return err;
}

static err_t make_devices(struct program *program, struct rt_gift *gifts)
{
	const struct manifest_program *what = program->what;
	for (uint32_t i = 0; i < what->devices_count; i++) {
		err_t err = program->devices[i]
		                    ? E_OK
		                    : make_device(&what->devices[i], &program->devices[i]);
		if (err != E_OK) {
			fail(program, what->devices[i].name, err);
			return err;
		}
		gifts[i] = (struct rt_gift){ what->devices[i].name, program->devices[i] };
	}
	return E_OK;
}

static err_t load(struct program *program)
{
	const struct manifest_program *what = program->what;
	struct rt_gift gifts[MANIFEST_DEVICES_MAX];
	err_t err = make_devices(program, gifts);
	if (err != E_OK)
		return err;
	struct rt_spawn how = { .name = what->name,
		                .bank = program->bank,
		                .argc = what->args_count,
		                .argv = what->args,
		                .envc = what->env_count,
		                .env = what->env,
		                .gifts = what->devices_count,
		                .gift = gifts,
		                .stack_bytes = what->stack_bytes,
		                .own_code = what->own_code,
		                .schedule = { .budget_us = what->budget_us,
		                              .period_us = what->period_us,
		                              .priority = what->priority,
		                              .priority_max = what->ceiling } };
	rt_archive_image(&program->file, &how);
	return rt_program_load(&program->made, &how);
}

static err_t grant_names(const struct program *program)
{
	err_t err = E_OK;
	for (uint32_t i = 0; i < program->what->names_count && err == E_OK; i++) {
		const struct manifest_name *name = &program->what->names[i];
		_Static_assert(MANIFEST_NAME_MAX <= RM_NAME_MAX);
		err = rt_name_grant(program->made.task, name->name,
		                    name->serve ? RM_NAME_RIGHT_SERVE : RM_NAME_RIGHT_CONNECT);
	}
	return err;
}

static uint64_t cookie_of(const struct program *program)
{
	return (uint64_t)program->generation << 8 | (uint64_t)(program - programs);
}

/* -- watching ---------------------------------------------------------------------------------- */

static void probe_later(struct program *program)
{
	program->due_ns = rt_time_ns() + (uint64_t)program->what->watchdog_ms * NS_A_MS;
	if (program->what->watchdog_ms > 0)
		timer_set(program->due_ns);
}

/* If it hangs, its death is told like any other. */
static void probe(struct program *program)
{
	const struct rm_task_probe_in in = { .deadline = program->what->watchdog_ms };
	err_t err = rm_task_probe(program->made.task, &in);
	if (err != E_OK && err != E_GONE)
		fail(program, "it cannot be watched", err);
	probe_later(program);
}

/* -- starting, continued ----------------------------------------------------------------------- */

err_t program_start(struct program *program)
{
	program->generation++;
	program->is_ready = false;
	const char *what = "its bank cannot be made";
	err_t err = make_bank(program);
	if (err == E_OK) {
		what = "it cannot be loaded";
		err = load(program);
	}
	if (err == E_OK) {
		what = "it cannot be started";
		err = grant_names(program);
	}
	if (err == E_OK)
		err = rm_task_watch(program->made.task, RT_TASK,
		                    &(struct rm_task_watch_in){ .cookie = cookie_of(program) });
	if (err == E_OK)
		err = rt_program_start(&program->made);
	if (err != E_OK) {
		fail(program, what, err);
		program_end(program);
		return err;
	}
	program->state = INIT_PROGRAM_STATE_RUNNING;
	probe_later(program);
	return E_OK;
}

/* -- ending ------------------------------------------------------------------------------------ */

void program_end(struct program *program)
{
	program->generation++; /* nothing is told of this one any more */
	rt_program_forget(&program->made);
	if (program->bank) {
		err_t err = rm_bank_destroy(program->bank);
		if (err != E_OK && err != E_GONE)
			fail(program, "its bank stays", err);
	}
	rt_slot_put(program->bank);
	program->bank = 0;
}

void machine_off(uint32_t status)
{
	rt_log_flush();
	(void)rm_system_off(RT_SYSTEM, &(struct rm_system_off_in){
	                                       .status = status > 255 ? 255 : (uint8_t)status });
	rt_log("init: the machine cannot be switched off from here");
}

/* So often within the time that it is given up. */
static bool is_too_often(const struct program *program, uint64_t now_ns)
{
	uint32_t most = program->what->restarts;
	if (most > RESTARTS_MAX)
		most = RESTARTS_MAX;
	if (program->restarts < most)
		return false;
	uint64_t then_ns = program->restarted_ns[(program->restarts - most) % RESTARTS_MAX];
	return now_ns - then_ns < (uint64_t)program->what->within_ms * NS_A_MS;
}

/* How long it waits: not at all if it ran for long, else twice as long as the last time. */
static uint64_t backoff_ns(struct program *program, uint64_t now_ns)
{
	uint64_t unit_ns = (uint64_t)program->what->backoff_ms * NS_A_MS;
	uint64_t last_ns = program->restarted_ns[(program->restarts - 1) % RESTARTS_MAX];
	if (program->restarts == 0 || now_ns - last_ns > unit_ns << BACKOFF_DOUBLINGS_MAX)
		program->in_turn = 0;
	else if (program->in_turn < BACKOFF_DOUBLINGS_MAX)
		program->in_turn++;
	return program->in_turn == 0 ? 0 : unit_ns << (program->in_turn - 1);
}

/* Whether it is to be started again. If not, the log says why, unless the manifest does. */
static bool comes_back(const struct program *program, bool good)
{
	const struct manifest_program *what = program->what;
	if (what->restart == MANIFEST_NEVER || (what->restart == MANIFEST_FAILURE && good))
		return false;
	if (system_is_sealed) {
		rt_log("init: %s stays away: the system is sealed", what->name);
		return false;
	}
	if (is_too_often(program, rt_time_ns())) {
		rt_log("init: %s is given up: %u restarts in %u ms", what->name, what->restarts,
		       what->within_ms);
		return false;
	}
	return true;
}

/* It does not come back. */
static void give_up(struct program *program, bool good)
{
	const struct manifest_program *what = program->what;
	program->state = good ? INIT_PROGRAM_STATE_ENDED : INIT_PROGRAM_STATE_GIVEN_UP;
	if (what->once) {
		machine_off(program->last == INIT_PROGRAM_END_EXIT ? program->status : 255);
	} else if (what->vital && !good) {
		rt_log("init: without %s the system is of no use", what->name);
		machine_off(1);
	}
}

static void start_again(struct program *program)
{
	program->restarted_ns[program->restarts++ % RESTARTS_MAX] = rt_time_ns();
	if (program_start(program) == E_OK)
		rt_log("init: %s runs again", program->what->name);
	else
		give_up(program, false);
}

void program_ended(struct program *program, enum init_program_end how, uint32_t status)
{
	bool good = how == INIT_PROGRAM_END_EXIT && status == 0;
	uint64_t now_ns = rt_time_ns(), wait_ns;
	program->last = how;
	program->status = status;
	program->crashes += how == INIT_PROGRAM_END_FAULT || how == INIT_PROGRAM_END_DEADLINE;
	program->kills += how == INIT_PROGRAM_END_KILLED;
	if (!comes_back(program, good)) {
		give_up(program, good);
		return;
	}
	wait_ns = backoff_ns(program, now_ns);
	program->state = INIT_PROGRAM_STATE_WAITING;
	program->due_ns = now_ns + wait_ns;
	if (wait_ns == 0)
		start_again(program);
	else
		timer_set(program->due_ns);
}

void programs_start_due(void)
{
	uint64_t now_ns = rt_time_ns();
	for (uint32_t i = 0; i < manifest.count; i++) {
		struct program *program = &programs[i];
		bool runs = program->state == INIT_PROGRAM_STATE_RUNNING;
		if (runs ? program->what->watchdog_ms == 0
		         : program->state != INIT_PROGRAM_STATE_WAITING)
			continue;
		if (program->due_ns <= now_ns && runs)
			probe(program);
		else if (program->due_ns <= now_ns)
			start_again(program);
		else
			timer_set(program->due_ns);
	}
}
