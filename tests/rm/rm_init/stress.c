/* SPDX-License-Identifier: BSD-2-Clause */
/* Many tasks, made and ended in random order by several programs, with little memory. */
#include "test.h"

enum { STRESSERS = 4, PLACES = 12, FIRST_SLOT = 60, STEPS = 250 };

/*
 * What is in a place: slots FIRST_SLOT + 8 * place on hold its bank, space, task, memory, thread.
 */
enum { P_BANK, P_SPACE, P_TASK, P_MEMORY, P_THREAD, P_COPY, P_SLOTS = 8 };
static bool is_full[PLACES];
static uint64_t state;
static volatile uint64_t *progress;

static uint64_t random_below(uint64_t n)
{
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return state % n;
}

static cptr_t place_slot(unsigned int place, unsigned int what)
{
	return FIRST_SLOT + P_SLOTS * place + what;
}

static bool is_want(err_t err)
{
	return err == E_NOMEM || err == E_LIMIT;
}

static void empty(unsigned int place)
{
	err_t err = rm_bank_destroy(place_slot(place, P_BANK));
	CHECK(err == E_OK || err == E_NOMEM);
	if (err != E_OK)
		return;
	for (unsigned int i = 0; i < P_SLOTS; i++)
		rt_slot_clear(place_slot(place, i));
	is_full[place] = false;
}

/* A bank with a program in it that runs, more or less; it may be out of memory at any point. */
static err_t build(unsigned int place)
{
	const struct rm_bank_create_in bank = { .limit = (20 + random_below(60)) * PAGE,
		                                .pin_limit = 4 * PAGE,
		                                .priority_max = 200 };
	cptr_t slot[P_SLOTS];
	for (unsigned int i = 0; i < P_SLOTS; i++)
		slot[i] = place_slot(place, i);
	err_t err = rm_bank_create(RT_BANK, &bank, rt_slot(slot[P_BANK]));
	if (err != E_OK)
		return err;
	is_full[place] = true;
	const struct rm_dataspace_create_in memory = { .size = 1 + random_below(40), .align = 12 };
	const struct rm_task_create_in task = { .slot_bits = (uint8_t)(4 + random_below(6)),
		                                .name = "short",
		                                .name_count = 5 };
	uint64_t at = 0x10000000;
	err = rm_vspace_create(slot[P_BANK], rt_slot(slot[P_SPACE]));
	if (err == E_OK)
		err = rm_dataspace_create(slot[P_BANK], &memory, rt_slot(slot[P_MEMORY]));
	if (err == E_OK)
		err = show_as(slot[P_SPACE], slot[P_MEMORY], 0, memory.size, RW | RM_RIGHT_EXECUTE,
		              RM_REGION_FLAGS_FIXED, RM_INHERIT_COPY, &at);
	if (err == E_OK)
		err = rm_task_create(slot[P_BANK], slot[P_SPACE], &task, rt_slot(slot[P_TASK]));
	const uint8_t priority = random_below(4) ? 150 : 200; /* it never runs, or does */
	const struct rm_thread_create_in thread = { .buffer = at,
		                                    .schedule = schedule_at(priority) };
	if (err == E_OK)
		err = rm_thread_create(slot[P_TASK], &thread, rt_slot(slot[P_THREAD]));
	const struct rm_thread_start_in start = { .entry = at + random_below(2) * PAGE,
		                                  .stack = at + PAGE };
	if (err == E_OK)
		err = rm_thread_start(slot[P_THREAD], &start);
	return err;
}

static void disturb(unsigned int place)
{
	const struct rm_dataspace_clone_in clone = { .size = 1 };
	const struct rm_dataspace_resize_in resize = { .size = random_below(50) };
	const cptr_t space = place_slot(place, P_SPACE), memory = place_slot(place, P_MEMORY);
	const cptr_t copy = place_slot(place, P_COPY);
	err_t err = E_OK;
	switch (random_below(8)) {
	case 0:
		rt_slot_clear(copy);
		err = rm_dataspace_clone(memory, place_slot(place, P_BANK), &clone, rt_slot(copy));
		break;
	case 1:
		rt_slot_clear(copy);
		err = rm_vspace_clone(space, place_slot(place, P_BANK), rt_slot(copy));
		break;
	case 2:
		err = rm_dataspace_resize(memory, &resize);
		break;
	case 3:
		err = rm_task_stop(place_slot(place, P_TASK));
		break;
	case 4:
		err = rm_vspace_destroy(space);
		break;
	case 5:
		err = hide(space, 0x10000000, 1 + random_below(5));
		break;
	case 6:
		err = rm_task_destroy(place_slot(place, P_TASK));
		break;
	default:
		err = rm_dataspace_destroy(memory);
		break;
	}
	/* What was not made, or is no more: also good. */
	(void)err;
}

static void stress(struct box *box)
{
	state = box->word[0] * 0x9e3779b97f4a7c15 + 1;
	progress = &box->word[1];
	for (unsigned int step = 0; step < STEPS; step++) {
		unsigned int place = (unsigned int)random_below(PLACES);
		if (!is_full[place]) {
			err_t err = build(place);
			CHECK(err == E_OK || is_want(err));
			box->word[2] += err != E_OK;
		} else if (random_below(2)) {
			disturb(place);
		} else {
			empty(place);
		}
		(*progress)++;
	}
	for (unsigned int place = 0; place < PLACES; place++)
		if (is_full[place])
			empty(place);
}

static void test_stress(cptr_t bank)
{
	struct actor *actor[STRESSERS];
	struct rm_bank_status before[STRESSERS];
	const struct rm_thread_schedule_in equal = { .schedule = schedule_at(200) };
	uint64_t wants = 0;
	for (unsigned int i = 0; i < STRESSERS; i++) {
		actor[i] = actor_new(i, bank);
		const struct rm_bank_transfer_in less = { .limit = i * 20 * PAGE };
		CHECK_OK(rm_bank_transfer(actor[i]->bank, bank, &less));
		CHECK_OK(rm_thread_schedule(actor[i]->program.thread, &equal));
		actor[i]->box->word[0] = i + 1;
		actor[i]->box->word[2] = 0;
	}
	/* Once before, for what is touched for the first time. */
	for (unsigned int round = 0; round < 3; round++) {
		for (unsigned int i = 0; i < STRESSERS; i++) {
			before[i] = bank_status(actor[i]->bank);
			actor[i]->box->word[0] += 100;
			actor_start(actor[i], stress);
		}
		for (unsigned int i = 0; i < STRESSERS; i++) {
			CHECK(rm_is_valid());
			actor_join(actor[i]);
			const struct rm_bank_status after = bank_status(actor[i]->bank);
			CHECK(after.limit == before[i].limit &&
			      after.objects == before[i].objects && after.children == 0);
			CHECK(round == 0 || after.used == before[i].used);
			wants += actor[i]->box->word[2];
		}
	}
	CHECK(wants > 0);
	CHECK(rm_is_valid());
	for (unsigned int i = 0; i < STRESSERS; i++)
		actor_end(actor[i]);
}

const struct test stress_tests[] = {
	{ "stress: tasks come and go", test_stress },
	{ 0 },
};
