/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The shell: reads lines from the console, and asks init, rm and the server `echo`.
 *
 * It is a client only. Servers may die under it: it says so, connects anew, and goes on.
 */
#include "connect.h"
#include "console.h"
#include "line.h"
#include <lib/format.h>
#include <proto/echo_client.h>
#include <proto/init_client.h>
#include <proto/rm_client.h>
#include <rt/libc.h>
#include <rt/name.h>
#include <rt/program.h>
#include <rt/slot.h>
#include <rt/tsc.h>

enum { PINGS = 1000, PINGS_MAX = 10000000, KIB = 1024 };

static struct rt_session init, echo;
static struct init_status status; /* as it was when the shell began */

static const struct rt_connect to_init = { .name = "init",
	                                   .version = INIT_VERSION,
	                                   .limit = 16 * 4096 };
static const struct rt_connect to_echo = { .name = "echo",
	                                   .version = ECHO_VERSION,
	                                   .limit = 16 * 4096 };

static void print_error(const char *what, err_t err)
{
	console_print("%s: %s\n", what, err_text(err));
}

/* The server of a request is gone: connected anew, so that it can be asked once more. */
static bool echo_again(err_t err)
{
	if (!rt_session_is_lost(err))
		return false;
	console_print("(echo: %s; connecting anew)\n", err_text(err));
	err = connect_again(&echo, &to_echo);
	if (err != E_OK)
		print_error("echo", err);
	return err == E_OK;
}

/* A session of before is there, or a new one. False: it cannot be had, and the user knows. */
static bool has_echo(void)
{
	if (echo.state != RT_SESSION_CLOSED)
		return true;
	err_t err = connect_again(&echo, &to_echo);
	if (err != E_OK)
		print_error("echo", err);
	return err == E_OK;
}

/* -- init's programs --------------------------------------------------------------------------- */

/* The program with that number, its name ended by 0; false: there are no more. */
static bool get_program(uint32_t number, struct init_program_query_out *out)
{
	const struct init_program_query_in in = { .number = number };
	err_t err = init_program_query(init.endpoint, &in, out);
	if (err != E_OK && err != E_NOENT)
		print_error("init", err);
	return err == E_OK;
}

static void print_name(const struct init_program_query_out *out, uint16_t width)
{
	for (uint16_t i = 0; i < out->name_count || i < width; i++)
		console_print("%c", i < out->name_count ? out->name[i] : ' ');
}

static const char *state_name(uint8_t state)
{
	static const char *const names[] = { [INIT_PROGRAM_STATE_WAITING] = "waiting",
		                             [INIT_PROGRAM_STATE_RUNNING] = "running",
		                             [INIT_PROGRAM_STATE_ENDED] = "ended",
		                             [INIT_PROGRAM_STATE_GIVEN_UP] = "given up" };
	return state < sizeof(names) / sizeof(names[0]) && names[state] ? names[state] : "?";
}

static const char *end_name(uint8_t end)
{
	static const char *const names[] = { [INIT_PROGRAM_END_NEVER] = "-",
		                             [INIT_PROGRAM_END_EXIT] = "exit",
		                             [INIT_PROGRAM_END_KILLED] = "killed",
		                             [INIT_PROGRAM_END_FAULT] = "crash",
		                             [INIT_PROGRAM_END_DEADLINE] = "deadline" };
	return end < sizeof(names) / sizeof(names[0]) && names[end] ? names[end] : "?";
}

static void on_programs(const char *rest)
{
	struct init_program_query_out out;
	(void)rest;
	console_print("program          state     restarts  crashes  kills  last end\n");
	for (uint32_t i = 0; get_program(i, &out); i++) {
		const struct init_program *p = &out.program;
		print_name(&out, 16);
		console_print(" %-8s  %8u  %7u  %5u  %s\n", state_name(p->state), p->restarts,
		              p->crashes, p->kills, end_name(p->last));
	}
}

static void on_memory(const char *rest)
{
	struct rm_memory_query_out memory;
	struct init_program_query_out out;
	(void)rest;
	err_t err = rm_memory_query(RT_TASK, &memory);
	if (err != E_OK) {
		print_error("rm", err);
		return;
	}
	const struct rm_memory_status *m = &memory.status;
	console_print("%lu KiB of memory; %lu given out, of which rm keeps %lu for itself; "
	              "%lu objects\n",
	              m->total / KIB, m->given / KIB, m->overhead / KIB, m->objects);
	console_print("program          KiB: used   limit  pinned\n");
	for (uint32_t i = 0; get_program(i, &out); i++) {
		const struct init_program *p = &out.program;
		print_name(&out, 16);
		console_print(" %9lu %7lu %7lu\n", p->used / KIB, p->limit / KIB, p->pinned / KIB);
	}
}

/* A request of init's about the program that the user names. */
#define ON_PROGRAM(verb)                                                                           \
	static void on_##verb(const char *rest)                                                    \
	{                                                                                          \
		struct init_program_##verb##_in in = { 0 };                                        \
		in.name_count = rt_name(in.name, rest, INIT_NAME_MAX);                             \
		if (in.name_count == 0) {                                                          \
			console_print(#verb ": which program? `programs` lists them\n");           \
			return;                                                                    \
		}                                                                                  \
		err_t err = init_program_##verb(init.endpoint, &in);                               \
		if (err != E_OK)                                                                   \
			print_error(rest, err);                                                    \
	}
ON_PROGRAM(crash)
ON_PROGRAM(kill)
ON_PROGRAM(start)

/* -- echo -------------------------------------------------------------------------------------- */

static void on_echo(const char *rest)
{
	struct echo_say_in in = { 0 };
	struct echo_say_out out;
	err_t err;
	while (rest[in.said_count] && in.said_count < ECHO_TEXT_MAX) {
		in.said[in.said_count] = rest[in.said_count];
		in.said_count++;
	}
	if (in.said_count == 0) {
		console_print("echo: what?\n");
		return;
	}
	if (!has_echo())
		return;
	do
		err = echo_say(echo.endpoint, &in, &out);
	while (echo_again(err));
	if (err == E_OK) {
		for (uint16_t i = 0; i < out.said_count; i++)
			console_print("%c", out.said[i]);
		console_print("\n");
	} else if (!rt_session_is_lost(err)) {
		print_error("echo", err);
	}
}

/* The number that text is; most if it is larger, 0 if it is none. */
static uint32_t number_of(const char *text, uint32_t most)
{
	uint64_t value = 0;
	for (; *text >= '0' && *text <= '9'; text++)
		value = value < most ? value * 10 + (uint64_t)(*text - '0') : value;
	return *text ? 0 : value < most ? (uint32_t)value : most;
}

static void on_ping(const char *rest)
{
	uint32_t count = *rest ? number_of(rest, PINGS_MAX) : PINGS;
	uint64_t least = UINT64_MAX, begin;
	err_t err = E_OK;
	if (count == 0) {
		console_print("ping: how often? 1 to %d times\n", PINGS_MAX);
		return;
	}
	if (!has_echo())
		return;
	do {
		begin = rt_tsc();
		for (uint32_t i = 0; i < count && err == E_OK; i++) {
			uint64_t before = rt_tsc();
			err = echo_null(echo.endpoint);
			uint64_t took = rt_tsc() - before;
			least = took < least ? took : least;
		}
	} while (echo_again(err) && (err = E_OK) == E_OK);
	if (err == E_OK)
		console_print("%u round trips: %lu ticks each, %lu at best\n", count,
		              (rt_tsc() - begin) / count, least);
	else if (!rt_session_is_lost(err))
		print_error("ping", err);
}

/* -- the rest ---------------------------------------------------------------------------------- */

static void on_create(const char *rest)
{
	const struct rm_dataspace_create_in in = { .size = 1, .align = 12 };
	cptr_t slot = rt_slot_get();
	(void)rest;
	if (!slot) {
		print_error("create", E_LIMIT);
		return;
	}
	err_t err = rm_dataspace_create(RT_BANK, &in, rt_slot(slot));
	if (err != E_OK) {
		print_error("create: refused", err);
	} else {
		err = rm_dataspace_destroy(slot);
		console_print("create: a dataspace of a page was made, and %s\n",
		              err == E_OK ? "given back" : err_text(err));
	}
	rt_slot_put(slot);
}

static void on_time(const char *rest)
{
	(void)rest;
	console_print("the TSC stood at %lu when init began, and stands at %lu; %lu a second\n",
	              status.began_ticks, rt_tsc(), status.ticks_a_second);
}

static void on_quit(const char *rest)
{
	const struct init_off_in in = { .status = 0 };
	(void)rest;
	console_print("Bye.\n");
	console_drain();
	err_t err = init_off(init.endpoint, &in);
	console_print("the machine cannot be switched off: %s\n", err_text(err));
	console_drain();
	rt_exit(1);
}

static void on_help(const char *rest);

static const struct {
	const char *name, *arguments;
	void (*run)(const char *rest);
	const char *help;
} commands[] = {
	{ "help", "", on_help, "this list" },
	{ "programs", "", on_programs, "what runs, how often it was started again, and why" },
	{ "memory", "", on_memory, "the machine's memory, and what the programs have of it" },
	{ "echo", " TEXT", on_echo, "the server `echo` says it again" },
	{ "ping", " [N]", on_ping, "how long a request to that server takes, of N (1000)" },
	{ "crash", " NAME", on_crash, "sends a program to the address 0" },
	{ "kill", " NAME", on_kill, "ends a program; its manifest says what then" },
	{ "start", " NAME", on_start, "starts a program that is not there" },
	{ "create", "", on_create, "makes something new, which a sealed system refuses" },
	{ "time", "", on_time, "the time stamp counter" },
	{ "quit", "", on_quit, "switches the machine off; so does Ctrl-D" },
};
enum { COMMANDS = sizeof(commands) / sizeof(commands[0]) };

static void on_help(const char *rest)
{
	(void)rest;
	for (unsigned int i = 0; i < COMMANDS; i++) {
		char text[16];
		format_buffer(text, sizeof(text), "%s%s", commands[i].name, commands[i].arguments);
		console_print("%-12s %s\n", text, commands[i].help);
	}
}

/* What follows the word in the text, without spaces before it; NULL: the text begins otherwise. */
static const char *after_word(const char *text, const char *word)
{
	while (*word && *text == *word) {
		text++;
		word++;
	}
	if (*word || (*text && *text != ' '))
		return NULL;
	while (*text == ' ')
		text++;
	return text;
}

static void run_line(struct line *line)
{
	char *text = line->text;
	if (line->too_long) {
		console_print("too long: a line has at most %d characters\n", LINE_MAX);
		return;
	}
	while (line->length > 0 && text[line->length - 1] == ' ')
		text[--line->length] = 0;
	while (*text == ' ')
		text++;
	if (!*text)
		return;
	for (unsigned int i = 0; i < COMMANDS; i++) {
		const char *rest = after_word(text, commands[i].name);
		if (!rest)
			continue;
		if (*rest && !*commands[i].arguments)
			console_print("%s: takes nothing behind it\n", commands[i].name);
		else
			commands[i].run(rest);
		return;
	}
	console_print("no command \"%s\"; help lists them\n", text);
}

/* Reads a line into *line; false when the input is over. */
static bool read_line(struct line *line)
{
	size_t rubout = 0;
	for (;;) {
		uint8_t key = console_key();
		switch (line_take(line, key, &rubout)) {
		case LINE_NOTHING:
			break;
		case LINE_ECHO:
			console_print("%c", key);
			break;
		case LINE_RUBOUT:
			while (rubout-- > 0)
				console_print("\b");
			break;
		case LINE_DONE:
			console_print("\n");
			return true;
		case LINE_END:
			console_print("\n");
			return false;
		}
	}
}

/* -- start ------------------------------------------------------------------------------------- */

static void greet(void)
{
	struct rm_memory_query_out memory;
	struct init_program_query_out out;
	if (rm_memory_query(RT_TASK, &memory) == E_OK)
		console_print("Freehold: %lu KiB of memory. Programs:", memory.status.total / KIB);
	for (uint32_t i = 0; get_program(i, &out); i++) {
		console_print(" ");
		print_name(&out, 0);
	}
	console_print(".%s\nType help for the commands. Ctrl-D ends.\n",
	              status.to_be_sealed ? " The system is sealed." : "");
}

/* All that it ever needs; of a static system nothing comes later. */
static err_t connect_all(const char **what)
{
	struct init_query_out query;
	struct init_ready_in ready = { 0 };
	const char *name = rt_arg(0);
	*what = "console";
	err_t err = console_open();
	if (err != E_OK)
		return err;
	*what = "init";
	err = connect_again(&init, &to_init);
	if (err == E_OK)
		err = init_query(init.endpoint, &query);
	if (err != E_OK)
		return err;
	status = query.status;
	if (status.to_be_sealed)
		(void)has_echo();
	console_drain(); /* the console knows by now how to let one wait */
	if (name)
		ready.name_count = rt_name(ready.name, name, INIT_NAME_MAX);
	return init_ready(init.endpoint, &ready);
}

int rt_main(const struct rt_start *start)
{
	static struct line line;
	const char *what = "";
	bool more = true;
	(void)start;
	err_t err = connect_all(&what);
	if (err != E_OK) {
		rt_log("shell: %s: %s", what, err_text(err));
		return 1;
	}
	greet();
	while (more) {
		console_print("> ");
		line_clear(&line);
		more = read_line(&line);
		console_send();
		run_line(&line);
	}
	on_quit("");
	return 1;
}
