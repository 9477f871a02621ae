/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Random messages to rm, from hostile programs. Each hostile program has several threads,
 * capabilities to objects of its own of every kind, and some that are not rm's; they send what the
 * tables of the interface allow, mostly, or nearly: labels (also those of faults), lengths, words,
 * capabilities at random. It does to itself what it can, and so it stops or dies now and then: it
 * is ended, all must come back to the page, and another one begins. rm's own check runs in
 * between.
 *
 * Calls that are parked for long are cut short: when a hostile program has made no call for a
 * while, it is ended, too.
 */
#include "test.h"
#include <rt/sel4_object.h>
#include <rt/thread.h>

enum {
	HOSTILES = 2,
	THREADS = 3,
	POOL = 64,
	POOL_FIRST = 100, /* slots of the pool, in the hostile program */
	POOL_KEPT = 8,    /* what it was equipped with stays in the first ones */
	WORDS_SEEN = 64,
	IDS_SEEN = 16,
	CHECK_EVERY = 2000,
	LIFE_MAX = 20000, /* messages of one program */
	IDLE_MS = 100,
};

/* words of the box: calls made, the seed, messages until it ends; answered with success */
enum { W_CALLS, W_SEED, W_LIFE, W_GOOD, W_TRACE };

/* How often each method succeeded, behind the box, in its page. */
enum { METHODS = 140 };
static volatile uint64_t *counts_of(struct box *box)
{
	_Static_assert(sizeof(*box) + METHODS * 8 <= PAGE);
	return (volatile uint64_t *)(box + 1);
}

/* -- the hostile program ----------------------------------------------------------------------- */

struct chaos {
	uint64_t state;
	struct box *box;
};
static uint64_t seen[WORDS_SEEN]; /* words that came back */
static uint64_t ids[IDS_SEEN];    /* those of them that are ids, mostly */

static uint64_t next(struct chaos *c)
{
	c->state ^= c->state << 13;
	c->state ^= c->state >> 7;
	c->state ^= c->state << 17;
	return c->state * 0x2545f4914f6cdd1d >> 16;
}

static uint64_t below(struct chaos *c, uint64_t n)
{
	return n ? next(c) % n : 0;
}

static cptr_t pool_any(struct chaos *c)
{
	return POOL_FIRST + below(c, POOL);
}

/* A number as a field of that kind may have it, or nearly. */
static uint64_t value_for(struct chaos *c, const struct proto_field *field)
{
	uint64_t value;
	if (below(c, 60) == 0)
		return next(c);
	if (field->kind == PROTO_FLAGS)
		return next(c) & field->high;
	if (field->kind == PROTO_TEXT)
		return 'a' + below(c, 2);
	if (field->kind == PROTO_ID)
		return ids[below(c, IDS_SEEN)];
	if (field->low == 1 && field->high == 65535)
		return 1; /* a version */
	if (field->high == 600000 && below(c, 8))
		return 50 + below(c, 1000); /* a deadline */
	if (below(c, 16) == 0)
		return seen[below(c, WORDS_SEEN)];
	uint64_t step = field->step ? field->step : 1;
	uint64_t span = field->high - field->low;
	if (field->high == RM_MEMORY_MAX)
		return below(c, 2) * below(c, 100) * PAGE;
	switch (below(c, 24)) {
	case 0:
		value = field->low;
		break;
	case 1:
		value = field->high;
		break;
	case 2:
		value = span + 1 ? field->low + below(c, span + 1) : next(c);
		break;
	default:
		/* Small numbers of steps: sizes, pages, milliseconds. */
		value = step * below(c, 1ull << below(c, 7));
		value = field->low + (span + 1 ? value % (span + 1) : value);
		break;
	}
	value -= value % step;
	return value;
}

static void put_value(unsigned char *body, unsigned int offset, unsigned int size, uint64_t value)
{
	for (unsigned int i = 0; i < size; i++)
		body[offset + i] = (unsigned char)(value >> 8 * i);
}

/* The words of a message for the method: its length. */
static unsigned int compose(struct chaos *c, const struct proto_method *method, uint64_t *words)
{
	unsigned char *body = (unsigned char *)words;
	unsigned int bytes = 8u * method->in.words_min;
	for (unsigned int i = 0; i < PROTO_WORDS_MAX; i++)
		words[i] = 0;
	for (unsigned int i = 0; i < method->in.fields_count; i++) {
		const struct proto_field *field = &method->in.fields[i];
		unsigned int count = field->count;
		if (field->count_offset != PROTO_FIXED) {
			unsigned int few = field->count < 4 ? field->count : 4;
			count = field->count_min +
			        (unsigned int)below(
			                c, few > field->count_min ? few - field->count_min + 1 : 1);
			put_value(body, field->count_offset, 2, count);
		}
		for (unsigned int j = 0; j < count; j++) {
			unsigned int at = field->offset + j * field->stride;
			if (at + field->size > 8 * PROTO_WORDS_MAX)
				break;
			put_value(body, at, field->size, value_for(c, field));
			if (field->count_offset != PROTO_FIXED && at + field->size > bytes)
				bytes = at + field->size;
		}
	}
	if (below(c, 40) == 0)
		words[below(c, method->in.words_max + 1u)] ^= 1ull << below(c, 64);
	return (bytes + 7) / 8;
}

/* Seldom what it needs to live. */
static cptr_t target_any(struct chaos *c)
{
	if (below(c, 3000) == 0)
		return RT_TASK + below(c, 4);
	return pool_any(c);
}

static void remember(struct chaos *c, const struct sel4_msg *m, unsigned int length, bool has_ids)
{
	for (unsigned int i = 0; i < length && i < 12; i++) {
		uint64_t word = i < ABI_MSG_REGS ? m->mr[i] : sel4_get_word(i);
		if (word)
			seen[below(c, WORDS_SEEN)] = word;
		/* Of an event the second word; of what makes something with an id the first. */
		if (word && i < 2 && has_ids)
			ids[below(c, IDS_SEEN)] = word;
	}
}

/*
 * Objects know their methods: a capability that was refused as the wrong one is tried as another.
 */
static uint8_t kind_of[POOL];

static cptr_t target_for(struct chaos *c, uint8_t kind)
{
	if (below(c, 12) == 0)
		return target_any(c);
	cptr_t slot = pool_any(c);
	for (unsigned int i = 0; i < POOL && kind_of[slot - POOL_FIRST] != kind; i++)
		slot = POOL_FIRST + (slot + 1 - POOL_FIRST) % POOL;
	return slot;
}

static const struct proto_method *method_any(struct chaos *c, unsigned int *number, cptr_t *target)
{
	for (;;) {
		*number = (unsigned int)below(c, rm_interface.methods_count);
		const struct proto_method *method = &rm_interface.methods[*number];
		/* What ends much is rarer than what makes much. */
		bool ends = *number == RM_METHOD_BANK_DESTROY ||
		            *number == RM_METHOD_TASK_DESTROY || *number == RM_METHOD_TASK_EXIT ||
		            *number == RM_METHOD_TASK_STOP || *number == RM_METHOD_VSPACE_DESTROY ||
		            *number == RM_METHOD_DATASPACE_DESTROY ||
		            *number == RM_METHOD_LOG_WRITE;
		if (!method->name || (ends && below(c, 4) != 0))
			continue;
		*target = target_for(c, method->target);
		/* Nor is much left of it without what it began with. */
		if (!ends || *target >= POOL_FIRST + POOL_KEPT || below(c, 1000) == 0)
			return method;
	}
}

static void send_one(struct chaos *c)
{
	uint64_t words[PROTO_WORDS_MAX];
	unsigned int number;
	cptr_t target;
	const struct proto_method *method = method_any(c, &number, &target);
	unsigned int length = compose(c, method, words), caps = method->caps_in;
	uint64_t label = PROTO_LABEL_BASE + number;
	cptr_t made = POOL_FIRST + POOL_KEPT + below(c, POOL - POOL_KEPT);
	if (below(c, 50) == 0)
		label = below(c, 3) ? below(c, PROTO_LABEL_BASE) : next(c) & ((1ull << 52) - 1);
	if (below(c, 50) == 0)
		length = (unsigned int)below(c, PROTO_WORDS_MAX + 1);
	if (below(c, 50) == 0)
		caps = (unsigned int)below(c, 4);
	cptr_t give[3] = { 0 };
	for (unsigned int i = 0; i < caps && i < 3; i++) {
		uint8_t kind = i < PROTO_CAPS_MAX ? method->cap_kinds[i] : 0;
		give[i] = kind ? target_for(c, kind) : pool_any(c);
		if (below(c, 60) == 0)
			give[i] = RT_CNODE + below(c, 5);
	}
	if (method->caps_out > 0 || below(c, 30) == 0) {
		kind_of[made - POOL_FIRST] = 0;
		if (sel4_cnode_delete(rt_slot(made)) != ERR_NONE)
			return;
	}
	c->box->word[W_TRACE] = label << 32 | target << 16 | length;
	struct sel4_msg m = { abi_msginfo(label, 0, caps, length), { 0 }, 0 };
	for (unsigned int i = 0; i < length; i++)
		if (i < ABI_MSG_REGS)
			m.mr[i] = words[i];
		else
			sel4_set_word(i, words[i]);
	for (unsigned int i = 0; i < caps; i++)
		sel4_set_cap(i, give[i]);
	proto_receive_into(rt_slot(made));
	m = sel4_call(target, m);
	bool good = abi_msginfo_label(m.info) == 0;
	if (good) {
		c->box->word[W_GOOD]++;
		if (label >= PROTO_LABEL_BASE && label < PROTO_LABEL_BASE + METHODS)
			counts_of(c->box)[label - PROTO_LABEL_BASE]++;
		remember(c, &m, (unsigned int)abi_msginfo_length(m.info),
		         number == RM_METHOD_EVENT_NEXT ||
		                 (number >= RM_METHOD_SESSION_CONNECT && method->caps_out > 0));
	}
	if (good && abi_msginfo_caps(m.info)) {
		static const struct {
			uint16_t method;
			uint8_t kind;
		} makes[] = { { RM_METHOD_BANK_CREATE, RM_OBJECT_BANK },
			      { RM_METHOD_SESSION_BANK, RM_OBJECT_BANK },
			      { RM_METHOD_DATASPACE_CREATE, RM_OBJECT_DATASPACE },
			      { RM_METHOD_DATASPACE_CLONE, RM_OBJECT_DATASPACE },
			      { RM_METHOD_DATASPACE_RESTRICT, RM_OBJECT_DATASPACE },
			      { RM_METHOD_PAGER_OPEN, RM_OBJECT_DATASPACE },
			      { RM_METHOD_PAGER_CREATE, RM_OBJECT_PAGER },
			      { RM_METHOD_VSPACE_CREATE, RM_OBJECT_VSPACE },
			      { RM_METHOD_VSPACE_CLONE, RM_OBJECT_VSPACE },
			      { RM_METHOD_TASK_CREATE, RM_OBJECT_TASK },
			      { RM_METHOD_THREAD_CREATE, RM_OBJECT_THREAD } };
		kind_of[made - POOL_FIRST] = 255;
		for (unsigned int i = 0; i < COUNT_OF(makes); i++)
			if (label == (uint64_t)PROTO_LABEL_BASE + makes[i].method)
				kind_of[made - POOL_FIRST] = makes[i].kind;
	}
	__atomic_fetch_add((uint64_t *)&c->box->word[W_CALLS], 1, __ATOMIC_RELAXED);
}

static struct box *hostile_box;

static int hostile_thread(void *arg)
{
	struct chaos c = { .state = hostile_box->word[W_SEED] + (uintptr_t)arg * 7919 + 1,
		           .box = hostile_box };
	while (hostile_box->word[W_CALLS] < hostile_box->word[W_LIFE])
		send_one(&c);
	return 0;
}

static void hostile(struct box *box)
{
	static struct rt_worker worker[THREADS];
	static const uint8_t kinds[] = { 0,
		                         RM_OBJECT_BANK,
		                         RM_OBJECT_VSPACE,
		                         RM_OBJECT_DATASPACE,
		                         RM_OBJECT_TASK,
		                         RM_OBJECT_TASK,
		                         RM_OBJECT_TASK,
		                         RM_OBJECT_TASK };
	const struct rm_schedule schedule = schedule_at(200);
	hostile_box = box;
	for (unsigned int i = 1; i < COUNT_OF(kinds); i++)
		kind_of[i] = kinds[i];
	for (uintptr_t i = 1; i < THREADS; i++)
		CHECK_OK(rt_worker_start(&worker[i], hostile_thread, (void *)i, 0, &schedule));
	(void)hostile_thread(NULL);
	for (unsigned int i = 1; i < THREADS; i++)
		(void)rt_worker_join(&worker[i]);
}

/* -- main, who watches ------------------------------------------------------------------------- */

/* Objects to begin with, in the pool's first places, of the program's own bank. */
static void equip(struct actor *actor)
{
	enum { TASKS = 4 };
	static const char *const names[] = { "a", "b", "aa", "bb" };
	cptr_t own, space = slot_new(), task[TASKS], memory, owner = actor->program.task;
	CHECK_OK(bank_make(actor->bank, 600, &own));
	CHECK_OK(rm_vspace_create(own, rt_slot(space)));
	CHECK_OK(memory_make(own, 20, 0, &memory));
	const cptr_t things[] = { own, space, memory };
	for (unsigned int i = 0; i < COUNT_OF(things); i++)
		CHECK_OK(task_put(owner, things[i], POOL_FIRST + 1 + i));
	for (unsigned int i = 0; i < TASKS; i++) {
		CHECK_OK(task_make(own, space, "pool", &task[i]));
		for (unsigned int j = 0; j < COUNT_OF(names); j++)
			CHECK_OK(rt_name_grant(task[i], names[j],
			                       i == j ? RM_NAME_RIGHT_SERVE | RM_NAME_RIGHT_CONNECT
			                              : RM_NAME_RIGHT_CONNECT));
		CHECK_OK(task_put(owner, task[i], POOL_FIRST + 4 + i));
	}
	slots_put(things, COUNT_OF(things));
	slots_put(task, TASKS);
}

struct watched {
	struct actor *actor;
	uint64_t calls, since_ns;
};

static void begin(struct watched *w, unsigned int i, cptr_t bank, uint64_t seed, uint64_t life)
{
	const struct rm_thread_schedule_in equal = { .schedule = schedule_at(200) };
	const struct rm_bank_transfer_in more = { .limit = 700 * PAGE, .pin_limit = 200 * PAGE };
	w->actor = actor_new(i, bank);
	CHECK_OK(rm_bank_transfer(bank, w->actor->bank, &more));
	equip(w->actor);
	CHECK_OK(rm_thread_schedule(w->actor->program.thread, &equal));
	w->calls = 0;
	w->since_ns = rt_time_ns();
	w->actor->box->word[W_CALLS] = 0;
	w->actor->box->word[W_GOOD] = 0;
	w->actor->box->word[W_SEED] = seed * 0x9e3779b97f4a7c15 >> 1;
	w->actor->box->word[W_LIFE] = life;
	actor_start(w->actor, hostile);
}

/* All that it had comes back, whatever it did; it may have destroyed its bank itself. */
static void end(struct watched *w, unsigned int i)
{
	const struct rm_task_unwatch_in unwatch = { .cookie = i };
	struct rm_bank_query_out out = { 0 };
	w->actor->box->what = NULL;
	(void)rm_task_unwatch(w->actor->program.task, RT_TASK, &unwatch);
	err_t err = rm_bank_destroy(w->actor->bank);
	CHECK(err == E_OK || err == E_GONE);
	while (rm_bank_query(w->actor->bank, &out) == E_OK)
		wait_ms(1);
	rt_program_forget(&w->actor->program);
	rt_slot_put(w->actor->bank);
	while (event_next(RT_TASK).number)
		continue;
}

static uint64_t counts[METHODS];

static void count_all(struct box *box)
{
	for (unsigned int i = 0; i < METHODS; i++) {
		counts[i] += counts_of(box)[i];
		counts_of(box)[i] = 0;
	}
}

/* What succeeded never was not tried well. */
static void show_counts(void)
{
	for (unsigned int i = 0; i < rm_interface.methods_count; i++)
		if (rm_interface.methods[i].name)
			rt_log("#   %s: %lu", rm_interface.methods[i].name, counts[i]);
}

void fuzz(uint64_t calls, uint64_t seed)
{
	struct watched watched[HOSTILES];
	cptr_t bank;
	uint64_t made = 0, good = 0, checked = 0, programs = 0, shown = 0;
	const struct rm_bank_status before = bank_status(RT_BANK);
	CHECK_OK(bank_make(RT_BANK, 16 * MIB_PAGES, &bank));
	const struct rm_bank_status empty = bank_status(bank);
	for (unsigned int i = 0; i < HOSTILES; i++)
		begin(&watched[i], i, bank, seed + programs++, LIFE_MAX);
	while (made < calls) {
		sel4_yield();
		uint64_t now = rt_time_ns();
		for (unsigned int i = 0; i < HOSTILES; i++) {
			struct watched *w = &watched[i];
			uint64_t done = w->actor->box->word[W_CALLS];
			if (done != w->calls) {
				made += done - w->calls;
				w->calls = done;
				w->since_ns = now;
			}
			if (actor_is_busy(w->actor) && now - w->since_ns < IDLE_MS * 1000000ull)
				continue;
			good += w->actor->box->word[W_GOOD];
			count_all(w->actor->box);
			end(w, i);
			programs++;
			begin(w, i, bank, seed * 1000003 + programs, LIFE_MAX / (1 + programs % 7));
		}
		if (made - checked >= CHECK_EVERY) {
			checked = made;
			if (!rm_is_valid()) {
				CHECK(false);
				rt_log("# after %lu messages, seed %lu", made, seed);
				break;
			}
		}
		if (made - shown >= 1000000) {
			shown = made;
			rt_log("# %lu messages, %lu programs, %lu good", made, programs, good);
		}
	}
	for (unsigned int i = 0; i < HOSTILES; i++)
		end(&watched[i], i);
	show_counts();
	for (unsigned int i = 0; i < 1000 && bank_status(bank).children > 0; i++)
		wait_ms(1);
	struct rm_bank_status after = bank_status(bank);
	CHECK(bank_same(&empty, &after));
	CHECK_OK(rm_bank_destroy(bank));
	rt_slot_put(bank);
	CHECK(rm_is_valid());
	after = bank_status(RT_BANK);
	CHECK(bank_same(&before, &after));
	if (!bank_same(&before, &after))
		rt_log("# used %lu -> %lu, limit %lu -> %lu", before.used, after.used, before.limit,
		       after.limit);
	rt_log("# %lu messages, %lu programs, %lu good", made, programs, good);
}
