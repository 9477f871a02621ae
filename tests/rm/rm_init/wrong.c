/* SPDX-License-Identifier: BSD-2-Clause */
/* What every method refuses: by rm's own tables of the interface, method by method. */
#include "test.h"

/* A capability of each kind of object, in the order of enum rm_object; 0 at first. */
enum { KINDS = RM_OBJECT_SYSTEM + 1 };
static cptr_t things[KINDS];

static void things_make(cptr_t bank)
{
	cptr_t space = slot_new(), thread = slot_new(), pager = slot_new(), task, memory, own;
	uint64_t at = 0x20000000;
	CHECK_OK(bank_make(bank, 600, &own));
	CHECK_OK(rm_vspace_create(own, rt_slot(space)));
	CHECK_OK(task_make(own, space, "thing", &task));
	CHECK_OK(memory_make(own, 8, 0, &memory));
	CHECK_OK(show_as(space, memory, 0, 1, RW, RM_REGION_FLAGS_FIXED, RM_INHERIT_NONE, &at));
	const struct rm_thread_create_in in = { .buffer = at, .schedule = schedule_at(1) };
	CHECK_OK(rm_thread_create(task, &in, rt_slot(thread)));
	const struct rm_pager_create_in paged = { .size = 8, .deadline = 60000 };
	CHECK_OK(rm_pager_create(own, task, &paged, rt_slot(pager)));
	things[RM_OBJECT_BANK] = own;
	things[RM_OBJECT_DATASPACE] = memory;
	things[RM_OBJECT_PAGER] = pager;
	things[RM_OBJECT_VSPACE] = space;
	things[RM_OBJECT_TASK] = task;
	things[RM_OBJECT_THREAD] = thread;
	things[RM_OBJECT_SYSTEM] = RT_SYSTEM;
}

static void things_put(void)
{
	for (unsigned int i = 1; i < RM_OBJECT_SYSTEM; i++)
		rt_slot_put(things[i]);
}

/* A message as it is said: the label of what came back. */
static uint64_t say(cptr_t to, uint64_t label, unsigned int caps, const cptr_t *cap,
                    unsigned int words)
{
	struct sel4_msg m = { abi_msginfo(label, 0, caps, words), { 0 }, 0 };
	for (unsigned int i = 0; i < words; i++)
		sel4_set_word(i, 0);
	for (unsigned int i = 0; i < caps; i++)
		sel4_set_cap(i, cap[i]);
	return abi_msginfo_label(sel4_call(to, m).info);
}

static void test_targets(cptr_t bank)
{
	const cptr_t none[3] = { RT_CNODE, RT_CNODE, RT_CNODE };
	things_make(bank);
	for (unsigned int n = 0; n < rm_interface.methods_count; n++) {
		const struct proto_method *method = &rm_interface.methods[n];
		if (!method->name)
			continue;
		const uint64_t label = PROTO_LABEL_BASE + n;
		/* Another object; too long; too many capabilities; none of rm's. */
		for (unsigned int kind = 1; kind < KINDS; kind++) {
			if (kind == method->target)
				continue;
			uint64_t said = say(things[kind], label, method->caps_in, none,
			                    method->in.words_min);
			CHECK(said >= PROTO_LABEL_BASE);
			CHECK(said == E_INVAL || said == E_PERM || said == E_UNSUPPORTED ||
			      said == E_PROTOCOL);
		}
		cptr_t target = things[method->target];
		uint64_t said =
		        say(target, label, method->caps_in, none, method->in.words_max + 1u);
		CHECK(said == E_PROTOCOL || said == E_UNSUPPORTED);
		if (method->in.words_min > 0) {
			said = say(target, label, method->caps_in, none, method->in.words_min - 1u);
			CHECK(said == E_PROTOCOL || said == E_UNSUPPORTED);
		}
		if (method->caps_in > 0) {
			said = say(target, label, 0, none, method->in.words_min);
			CHECK(said == E_PROTOCOL || said == E_UNSUPPORTED);
			if (method->cap_kinds[0]) {
				said = say(target, label, method->caps_in, none,
				           method->in.words_min);
				CHECK(said == E_INVAL || said == E_UNSUPPORTED ||
				      said == E_PROTOCOL);
			}
		} else {
			said = say(target, label, 1, none, method->in.words_min);
			CHECK(said == E_PROTOCOL || said == E_UNSUPPORTED);
		}
	}
	/* All things are what they were. */
	CHECK(bank_status(things[RM_OBJECT_BANK]).objects == 5);
	CHECK(memory_status(things[RM_OBJECT_DATASPACE]).size == 8);
	CHECK(task_status(things[RM_OBJECT_TASK]).state == RM_TASK_STATE_NEW);
	things_put();
}

/* Numbers that no method has, of all sizes. */
static void test_numbers(cptr_t bank)
{
	things_make(bank);
	for (unsigned int kind = 1; kind < KINDS; kind++) {
		for (unsigned int n = 0; n < 300; n++) {
			if (n < rm_interface.methods_count && rm_interface.methods[n].name)
				continue;
			CHECK(say(things[kind], PROTO_LABEL_BASE + n, 0, NULL, 0) == E_UNSUPPORTED);
		}
		for (unsigned int bit = 9; bit < 52; bit++)
			CHECK(say(things[kind], 1ull << bit, 0, NULL, 3) == E_UNSUPPORTED);
	}
	things_put();
}

static void fake_faults(struct box *box)
{
	for (uint64_t label = 0; label < PROTO_LABEL_BASE; label++)
		for (unsigned int words = 0; words < 24; words += 4) {
			box->word[1] = label;
			box->word[2] = say(GIFT_FIRST + box->word[0], label, 0, NULL, words);
			CHECK(box->word[2] >= PROTO_LABEL_BASE);
		}
}

/* What looks like a fault, by whoever is no kernel: an error, also on a pager's capability. */
static void test_faults(cptr_t bank)
{
	struct actor *a = actor_new(0, bank);
	things_make(bank);
	for (unsigned int kind = 1; kind < KINDS; kind++) {
		CHECK_OK(task_put(a->program.task, things[kind], GIFT_FIRST + kind));
		a->box->word[0] = kind;
		actor_start(a, fake_faults);
		for (unsigned int i = 0; i < 100 && actor_is_busy(a); i++)
			wait_ms(1);
		CHECK(!actor_is_busy(a));
		if (actor_is_busy(a)) {
			rt_log("# kind %u, label %lu is not answered", kind, a->box->word[1]);
			actor_end(a);
			a = actor_new(0, bank);
			continue;
		}
		actor_join(a);
	}
	CHECK(task_status(things[RM_OBJECT_TASK]).state == RM_TASK_STATE_NEW);
	things_put();
	actor_end(a);
}

const struct test wrong_tests[] = {
	{ "wrong objects, lengths, capabilities", test_targets },
	{ "no such method", test_numbers },
	{ "faults that are none", test_faults },
	{ 0 },
};
