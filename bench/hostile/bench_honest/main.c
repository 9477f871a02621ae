/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * An honest client of kv that measures how it is served: alone, then during each attack. It has
 * init start the attacker and end it. See ../README.md.
 */
#include <bench.h>
#include <lib/format.h>
#include <proto/init_client.h>
#include <proto/kv_client.h>
#include <rt/dataspace.h>
#include <rt/donate.h>
#include <rt/name.h>
#include <rt/session.h>
#include <rt/share.h>
#include <rt/thread.h>

enum {
	REQUESTS = 10000,
	BURST = 16,
	VALUE_PAGES = 8,
	POOL_PAGES = 48,
	RW = RM_RIGHT_READ | RM_RIGHT_WRITE,
	GAP_MAX = 100, /* of the idle thread's loop */
	SETTLE = 60,   /* periods */
	LITTLE = 300,
	LITTLE_SHARE = 100, /* an attacker with a budget has one part of so many */
};

static const struct attack {
	const char *name;
	bool holds;     /* the bars, today: README.md says why not all */
	bool is_little; /* there is one of a single thread with a small budget as well */
} attacks[] = {
	{ "revoke", true, true },      { "reconnect", true, true }, { "flood", true, true },
	{ "fault", true, true },       { "donate", true, true },    { "all", true, false },
	{ "fault-many", false, true }, { "gift", true, true },      { "donate-many", false, true },
	{ "large", false, true },
};

static struct rt_session kv, init;
static rm_share_t share;
static volatile uint64_t idle;
static uint32_t took[REQUESTS];

/* From the end of a burst until the next one can begin, if nothing is in its way. */
static uint64_t pause_ticks;

struct served {
	uint64_t usual, slowest;
	uint64_t busy; /* of all bursts, from their begin to their end */
	uint64_t all, idle, late;
};

/* -- requests ---------------------------------------------------------------------------------- */

static void honest_open(void)
{
	struct rt_connect how = {
		.name = "kv", .version = KV_VERSION, .limit = 32 * PAGE, .wait = true
	};
	static cptr_t lent, given;
	uint64_t at, given_at;
	rm_donation_t donation;
	must(rt_memory_make(RT_BANK, VALUE_PAGES, &lent, &at));
	must(rt_memory_make(RT_BANK, POOL_PAGES, &given, &given_at));
	must(rt_session_open(&kv, &how));
	must(rt_share(&kv, lent, 0, VALUE_PAGES, RW, &share));
	must(rt_donate(&kv, given, 0, POOL_PAGES, RM_CONTENTS_WIPED, &donation));
	for (uint64_t i = 0; i < VALUE_PAGES * PAGE; i++)
		((uint8_t *)at)[i] = (uint8_t)i;
	how.name = "init";
	how.version = INIT_VERSION;
	must(rt_session_open(&init, &how));
}

static void ask(unsigned int i)
{
	const struct proto_bulk value = { share.raw, 0, VALUE_PAGES * PAGE };
	const struct kv_put_in put = { .value = value, .key_count = 6, .key = "honest" };
	const struct kv_get_in get = { .room = value, .key_count = 6, .key = "honest" };
	struct kv_get_out out;
	if (i % 2 == 0)
		must(kv_put(kv.endpoint, &put));
	else
		must(kv_get(kv.endpoint, &get, &out));
}

static void sort(uint32_t *values, unsigned int count)
{
	for (unsigned int gap = count / 2; gap > 0; gap /= 2)
		for (unsigned int i = gap; i < count; i++)
			for (unsigned int k = i; k >= gap && values[k] < values[k - gap];
			     k -= gap) {
				uint32_t v = values[k];
				values[k] = values[k - gap];
				values[k - gap] = v;
			}
}

/* The median, with nobody else there. The same requests as ever come first. */
static void measure_pause(void)
{
	static uint64_t pauses[RUNS];
	uint64_t end = rt_tsc();
	for (unsigned int n = 0; n < RUNS; n++) {
		rt_yield();
		pauses[n] = rt_tsc() - end;
		for (unsigned int i = 0; i < BURST; i++)
			ask(i);
		end = rt_tsc();
	}
	pause_ticks = median(pauses, RUNS);
}

static void serve(struct served *s)
{
	*s = (struct served){ .idle = idle };
	uint64_t begin = rt_tsc(), end = begin, late_most = 0;
	for (unsigned int i = 0; i < REQUESTS;) {
		uint64_t due = end + pause_ticks;
		rt_yield();
		end = rt_tsc();
		if (end > due && i > 0 && end - due > late_most)
			late_most = end - due;
		uint64_t burst = i > 0 && end > due ? due : end;
		end = burst;
		for (unsigned int k = 0; k < BURST; k++, i++) {
			uint64_t t = end;
			ask(i);
			end = rt_tsc();
			took[i] = (uint32_t)(end - t);
		}
		s->busy += end - burst;
	}
	s->late = late_most;
	s->all = rt_tsc() - begin;
	s->idle = idle - s->idle;
	sort(took, REQUESTS);
	s->usual = took[REQUESTS / 2];
	s->slowest = took[REQUESTS - 1];
}

/* -- the attacker ------------------------------------------------------------------------------ */

static void wait(unsigned int periods)
{
	for (unsigned int i = 0; i < periods; i++)
		rt_yield();
}

static void start(const char *name)
{
	struct init_program_start_in in = { 0 };
	in.name_count = rt_name(in.name, name, INIT_NAME_MAX);
	must(init_program_start(init.endpoint, &in));
	wait(SETTLE);
}

static void end(const char *name)
{
	struct init_program_kill_in in = { 0 };
	in.name_count = rt_name(in.name, name, INIT_NAME_MAX);
	must(init_program_kill(init.endpoint, &in));
	wait(SETTLE);
}

/* What nobody else takes. */
static int idler(void *arg)
{
	uint64_t last = rt_tsc();
	(void)arg;
	for (;;) {
		uint64_t now = rt_tsc();
		if (now - last < GAP_MAX)
			idle += now - last;
		last = now;
	}
	return 0;
}

/* -- rows -------------------------------------------------------------------------------------- */

/* In thousandths. */
static void show(const char *attack, const char *what, const char *unit, uint64_t figure,
                 const char *bar)
{
	char name[80], text[24];
	(void)format_buffer(name, sizeof(name), "%s: %s", attack, what);
	(void)format_buffer(text, sizeof(text), "%lu.%03lu", figure / 1000, figure % 1000);
	report_as(name, unit, text, bar);
}

static void say(const char *name, const struct served *s)
{
	rt_log("# %s: usual %lu, 90%% %u, 99%% %u, 99.9%% %u, slowest %lu; busy %lu of %lu, idle "
	       "%lu; late %lu",
	       name, s->usual, took[REQUESTS / 10 * 9], took[REQUESTS / 100 * 99],
	       took[REQUESTS / 1000 * 999], s->slowest, s->busy, s->all, s->idle, s->late);
}

static void judge(const struct attack *attack, const struct served *alone)
{
	const char *name = attack->name;
	struct served s;
	start(name);
	serve(&s);
	end(name);
	say(name, &s);
	uint64_t lost = s.busy > alone->busy ? (s.busy - alone->busy) * 100000 / s.busy : 0;
	uint64_t taken = (s.all - s.busy - s.idle) * 100000 / s.all;
	show(name, "throughput that the honest client loses", "percent", lost,
	     attack->holds ? "10" : "-");
	show(name, "its slowest of 10,000 requests, over the usual", "times",
	     s.slowest * 1000 / alone->usual, attack->holds ? "4" : "-");
	show(name, "the machine's time that went to the attack", "percent", taken, "-");
	if (s.idle > s.all / 10)
		fail("an attack that leaves the machine idle is none", E_IO);
}

/* With a budget of a hundredth: how much of all time that costs. */
static void amplify(const char *name)
{
	char little[32];
	(void)format_buffer(little, sizeof(little), "%s-little", name);
	start(little);
	uint64_t idle_first = idle, begin = rt_tsc();
	wait(LITTLE);
	uint64_t all = rt_tsc() - begin, not_idle = all - (idle - idle_first);
	end(little);
	show(name, "time that it costs, over its own", "times",
	     not_idle * 1000 / (all / LITTLE_SHARE), "-");
}

int rt_main(const struct rt_start *start)
{
	static struct rt_worker worker;
	static struct served alone;
	const struct rm_schedule lowest = {
		.budget_us = 10000, .period_us = 10000, .priority = 1, .priority_max = 1
	};
	(void)start;
	honest_open();
	must(rt_worker_start(&worker, idler, NULL, 0, &lowest));
	wait(SETTLE);
	measure_pause();
	serve(&alone);
	say("alone", &alone);
	for (unsigned int i = 0; i < sizeof(attacks) / sizeof(attacks[0]); i++) {
		judge(&attacks[i], &alone);
		if (attacks[i].is_little)
			amplify(attacks[i].name);
	}
	return 0;
}
