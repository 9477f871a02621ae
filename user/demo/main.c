/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The demonstration: an honest client that is served while others attack its servers. It has init
 * start one attacker after the other, goes on with its own work meanwhile, and says how it was
 * served. See README.md.
 */
#include "demo.h"
#include <proto/init_client.h>
#include <proto/rm_client.h>
#include <rt/name.h>
#include <rt/program.h>
#include <rt/session.h>

enum { KIB = 1024, ROUNDS_LEAST = 10, NS_A_US = 1000, SETTLE_ROUNDS = 50 };
/* Servers keep reply objects, and rm records, for the next time. */
enum { SPARE_KIB = 64, SPARE_KIB_GUARDED = 256 };
#define ACT_NS_MAX UINT64_C(6000000000)

static const struct act {
	const char *name, *what, *lesson;
	enum init_program_end end; /* what becomes of the attacker */
} acts[] = {
	{ "touch", "It gives kv memory, and writes to it all the same.",
	  "What is given is given: the attacker was ended by its own access, kv noticed nothing.",
	  INIT_PROGRAM_END_FAULT },
	{ "revoke", "It lends memory and takes it away in the middle of the servers' work.",
	  "kv broke off, and broke with it; filter broke off, and said how far it had come.",
	  INIT_PROGRAM_END_EXIT },
	{ "flood", "It calls kv from many threads at once.",
	  "A flood is served in turn; whoever matters more goes first.", INIT_PROGRAM_END_EXIT },
	{ "lie", "It sends wild offsets, lengths, and ids that are not its own.",
	  "Every lie was refused with an error.", INIT_PROGRAM_END_EXIT },
	{ "scribble", "It writes to what it lent while the servers read it.",
	  "What is checked is a copy, so nothing changes between check and use.",
	  INIT_PROGRAM_END_EXIT },
	{ "hoard", "It lends and gives far more than kv takes, and never cleans up.",
	  "It paid for all of it out of its own memory.", INIT_PROGRAM_END_EXIT },
	{ "die", "It dies while the servers work for it.",
	  "Its memory came back as soon as it was gone.", INIT_PROGRAM_END_EXIT },
	{ "storm", "It opens sessions as fast as it can, breaking the rules in every second one.",
	  "Each was opened, ended, and cleaned up.", INIT_PROGRAM_END_EXIT },
};
enum { ACTS = sizeof(acts) / sizeof(acts[0]) };

static struct rt_session init;
/* An argument says so: the servers map each window twice, and in parts (tests/guard/guarded). */
static bool is_guarded;
static struct served total;
static uint64_t memory_first; /* KiB given out before the first act */
static bool all_good = true;

static void must(bool good, const char *what)
{
	if (!good)
		rt_log("demo: WRONG: %s", what);
	all_good &= good;
}

/* -- the running system ------------------------------------------------------------------------ */

/* KiB given out, without what rm keeps ready for later. */
static uint64_t memory_given(void)
{
	struct rm_memory_query_out out = { 0 };
	must(rm_memory_query(RT_TASK, &out) == E_OK, "rm does not answer");
	return (out.status.given - out.status.overhead) / KIB;
}

static bool find(const char *name, struct init_program *program)
{
	struct init_program_query_in in = { 0 };
	struct init_program_query_out out;
	char want[INIT_NAME_MAX];
	uint16_t count = rt_name(want, name, INIT_NAME_MAX);
	for (; init_program_query(init.endpoint, &in, &out) == E_OK; in.number++) {
		if (out.name_count != count || __builtin_memcmp(out.name, want, count) != 0)
			continue;
		*program = out.program;
		return true;
	}
	return false;
}

static void check_server(const char *name)
{
	struct init_program program;
	must(find(name, &program) && program.state == INIT_PROGRAM_STATE_RUNNING &&
	             program.restarts == 0,
	     "a server did not run all the time");
	rt_log("  %s ran all the time, with %lu of its %lu KiB in use", name, program.used / KIB,
	       program.limit / KIB);
}

/* -- acts -------------------------------------------------------------------------------------- */

static void say_served(const char *when, const struct served *s)
{
	rt_log("  %s I was served %u times: %u wrong; %lu us on average, %lu us at worst", when,
	       s->requests, s->wrong, s->all_ns / s->requests / NS_A_US, s->slowest_ns / NS_A_US);
	must(s->wrong == 0, "an honest request was answered wrongly");
	total.requests += s->requests;
	total.wrong += s->wrong;
	total.all_ns += s->all_ns;
	total.slowest_ns = s->slowest_ns > total.slowest_ns ? s->slowest_ns : total.slowest_ns;
}

/* What is left of the attacker, when nothing of it goes any more: nothing. */
static void say_left(struct served *s)
{
	uint64_t clients = 0, values = 0, requests = 0, before = 0, given = 1;
	for (unsigned int i = 0; i < SETTLE_ROUNDS && (clients != 1 || given != before); i++) {
		honest_serve(s, 1);
		before = given;
		given = memory_given();
		if (honest_query(&clients, &values, &requests) != E_OK)
			break;
	}
	must(clients == 1 && values == 1, "kv keeps something of a client that is gone");
	must(given <= memory_first + (is_guarded ? SPARE_KIB_GUARDED : SPARE_KIB),
	     "memory is lost");
	rt_log("  Left: %lu client and %lu value in kv, mine; %lu KiB in use (%lu before)", clients,
	       values, given, memory_first);
}

static void play(const struct act *act)
{
	struct init_program_start_in start = { 0 };
	struct init_program_kill_in kill = { 0 };
	struct init_program program = { 0 };
	struct served served = { 0 };
	start.name_count = rt_name(start.name, act->name, INIT_NAME_MAX);
	kill.name_count = rt_name(kill.name, act->name, INIT_NAME_MAX);
	rt_log(" ");
	rt_log("-- %s: %s", act->name, act->what);
	must(init_program_start(init.endpoint, &start) == E_OK, "the attacker does not start");
	uint64_t until_ns = rt_time_ns() + ACT_NS_MAX;
	do
		honest_serve(&served, ROUNDS_LEAST);
	while (find(act->name, &program) && program.state == INIT_PROGRAM_STATE_RUNNING &&
	       rt_time_ns() < until_ns);
	if (program.state == INIT_PROGRAM_STATE_RUNNING)
		must(init_program_kill(init.endpoint, &kill) == E_OK, "the attacker stays");
	else
		must(program.last == act->end &&
		             (act->end == INIT_PROGRAM_END_FAULT || program.status == 0),
		     "the attacker ended otherwise than it had to");
	rt_log("  %s", act->lesson);
	say_served("Meanwhile", &served);
	say_left(&served);
}

static void begin(void)
{
	struct served served = { 0 };
	rt_log("Two servers: kv keeps values for its clients, filter changes pictures. Both work "
	       "in");
	rt_log("memory that belongs to their clients. I am an honest client of both, and ask them");
	rt_log("for something every few milliseconds. Others attack them meanwhile.");
	rt_log(" ");
	rt_log("-- nobody else is there");
	honest_serve(&served, 2 * ROUNDS_LEAST);
	memory_first = memory_given();
	say_served("Alone", &served);
}

static void end(void)
{
	uint64_t clients, values, requests = 0;
	must(honest_query(&clients, &values, &requests) == E_OK, "kv does not answer");
	rt_log(" ");
	rt_log("-- the end");
	check_server("kv");
	check_server("filter");
	rt_log("  kv answered %lu requests, %u of %u attacks are over", requests, ACTS, ACTS);
	rt_log("  I was served %u times in all: %u wrong, %lu us at worst", total.requests,
	       total.wrong, total.slowest_ns / NS_A_US);
	rt_log("%s", all_good ? "All is well." : "Something is wrong.");
}

int rt_main(const struct rt_start *start)
{
	const struct rt_connect how = {
		.name = "init", .version = INIT_VERSION, .limit = 16 * 4096, .wait = true
	};
	(void)start;
	is_guarded = rt_arg(1) != NULL;
	err_t err = honest_open();
	if (err == E_OK)
		err = rt_session_open(&init, &how);
	if (err != E_OK) {
		rt_log("demo: %s", err_text(err));
		return 1;
	}
	begin();
	for (unsigned int i = 0; i < ACTS; i++)
		play(&acts[i]);
	end();
	return all_good ? 0 : 1;
}
