/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Actors: programs that are started out of the same ELF file as init, so that functions and
 * constants are where they are here. What they share with main is a page, their box, and two
 * notifications; these are made once and used by one actor of that number after the other.
 *
 * An actor is above main: when main has told it to do something, it goes on until it must wait.
 */
#include "test.h"
#include <rt/archive.h>
#include <rt/libc.h>

#define BOXES ((struct box *)0x600000000000ul)
enum { ACTOR_PAGES = MIB_PAGES, GO = RT_SLOT_FIRST, DONE, BOX };

struct box *actor_box;
bool actors_own_code;

static struct {
	struct actor actor;
	cptr_t memory, go, done;
} actors[ACTORS_MAX];
static struct rt_archive_file file;

static struct box *box_at(unsigned int i)
{
	return (struct box *)((uint64_t)BOXES + i * (uint64_t)PAGE);
}

static cptr_t notification_make(void)
{
	struct rm_notification_create_out out = { 0 };
	const struct rm_notification_create_in in = { .badge = 1 };
	cptr_t slot = slot_new();
	CHECK_OK(rm_notification_create(RT_TASK, &in, rt_slot(slot), &out));
	return slot;
}

void actors_init(void)
{
	CHECK_OK(rt_archive_open());
	CHECK_OK(rt_archive_find("init", &file));
	for (unsigned int i = 0; i < ACTORS_MAX; i++) {
		uint64_t at = (uint64_t)box_at(i);
		actors[i].go = notification_make();
		actors[i].done = notification_make();
		CHECK_OK(memory_make(RT_BANK, 1, 0, &actors[i].memory));
		CHECK_OK(show_as(RT_VSPACE, actors[i].memory, 0, 1, RW, RM_REGION_FLAGS_FIXED,
		                 RM_INHERIT_NONE, &at));
		*box_at(i) = (struct box){ .number = i };
		actors[i].actor.box = box_at(i);
	}
}

struct actor *actor_new(unsigned int i, cptr_t parent)
{
	struct actor *actor = &actors[i].actor;
	const char number[] = { (char)('a' + i), 0 };
	const char *argv[] = { "actor", number };
	const struct rt_gift gifts[] = { { "go", actors[i].go },
		                         { "done", actors[i].done },
		                         { "box", actors[i].memory } };
	struct rt_spawn how = { .name = "actor",
		                .argc = 2,
		                .argv = argv,
		                .gifts = COUNT_OF(gifts),
		                .gift = gifts,
		                .slot_bits = 8,
		                .stack_bytes = 64 * 1024,
		                .own_code = actors_own_code,
		                .schedule = schedule_at(ACTOR_PRIORITY) };
	*actor->box = (struct box){ .number = i, .busy = 1 };
	(void)sel4_nb_wait(actors[i].go);
	(void)sel4_nb_wait(actors[i].done);
	CHECK_OK(bank_make(parent, ACTOR_PAGES, &actor->bank));
	how.bank = actor->bank;
	rt_archive_image(&file, &how);
	CHECK_OK(rt_program_load(&actor->program, &how));
	CHECK_OK(rm_task_watch(actor->program.task, RT_TASK,
	                       &(struct rm_task_watch_in){ .cookie = i }));
	CHECK_OK(rt_program_start(&actor->program));
	actor_join(actor);
	return actor;
}

void actor_start(struct actor *actor, void (*fn)(struct box *box))
{
	actor->box->fn = fn;
	actor->box->busy = 1;
	sel4_signal(actors[actor->box->number].go);
}

bool actor_is_busy(const struct actor *actor)
{
	return actor->box->busy;
}

void actor_join(struct actor *actor)
{
	struct box *box = actor->box;
	while (box->busy)
		(void)sel4_wait(actors[box->number].done);
	if (box->what)
		check_failed(box->file, box->line, box->what, box->err);
	box->what = NULL;
}

void actor_do(struct actor *actor, void (*fn)(struct box *box))
{
	actor_start(actor, fn);
	actor_join(actor);
}

struct rm_task_died_event actor_died(const struct actor *actor)
{
	const struct event event = event_wait(RM_EVENT_TASK_DIED);
	CHECK(event.died.cookie == actor->box->number);
	return event.died;
}

void actor_end(struct actor *actor)
{
	if (task_status(actor->program.task).state != RM_TASK_STATE_DEAD) {
		const struct rm_task_unwatch_in in = { .cookie = actor->box->number };
		CHECK_OK(rm_task_unwatch(actor->program.task, RT_TASK, &in));
	}
	CHECK_OK(rm_bank_destroy(actor->bank));
	rt_program_forget(&actor->program);
	rt_slot_put(actor->bank);
	actor->bank = 0;
}

_Noreturn void actor_main(void)
{
	unsigned int i = (unsigned int)(rt_arg(1)[0] - 'a');
	struct box *box = box_at(i);
	uint64_t at = (uint64_t)box;
	if (show_as(RT_VSPACE, BOX, 0, 1, RW, RM_REGION_FLAGS_FIXED, RM_INHERIT_SHARE, &at) != E_OK)
		rt_exit(99);
	actor_box = box;
	for (;;) {
		if (box->fn)
			box->fn(box);
		box->fn = NULL;
		box->busy = 0;
		sel4_signal(DONE);
		(void)sel4_wait(GO);
	}
}

void wait_ms(unsigned int ms)
{
	uint64_t end = rt_time_ns() + ms * 1000000ull;
	while (rt_time_ns() < end)
		sel4_yield();
}
