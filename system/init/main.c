/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * init: the program that rm starts, and that starts all others, as the manifest of the boot archive
 * says. Then it serves proto/init.idl, watches the programs, and does what is to be done when one
 * ends.
 *
 * It trusts rm, and calls nobody else; so nobody can keep it from its work. Its lines go to rm's
 * own log, for a console may be what just crashed.
 *
 * A static system is sealed when all programs with `ready` have said so and all servers are there;
 * then all its memory is laid out, before anybody goes on.
 */
#include "init.h"
#include "text.h"
#include <proto/rm_client.h>
#include <rt/event.h>
#include <rt/name.h>
#include <rt/server.h>
#include <rt/tsc.h>

/* Cookies: of tasks, generation and number; of names, this and a number. */
#define COOKIE_NAME (UINT64_C(1) << 62)

struct manifest manifest;
struct program programs[MANIFEST_PROGRAMS_MAX];

static uint64_t began_ticks;
static struct rt_server server;

_Noreturn static void give_up(void)
{
	machine_off(1);
	for (;;)
		rt_event_wait();
}

/* -- sealing ----------------------------------------------------------------------------------- */

static bool is_up(const char *name)
{
	struct rm_name_query_in in;
	struct rm_name_query_out out;
	in.name_count = rt_name(in.name, name, RM_NAME_MAX);
	return rm_name_query(RT_TASK, &in, &out) == E_OK && out.state == RM_NAME_STATE_UP;
}

static bool all_is_ready(void)
{
	for (uint32_t i = 0; i < manifest.count; i++) {
		const struct manifest_program *what = programs[i].what;
		if (what->ready && !programs[i].is_ready)
			return false;
		for (uint32_t j = 0; j < what->names_count; j++)
			if (what->names[j].serve && !is_up(what->names[j].name))
				return false;
	}
	return true;
}

static void answer_ready(void)
{
	for (uint32_t i = 0; i < manifest.count; i++) {
		struct rt_request *r = programs[i].waits;
		programs[i].waits = NULL;
		if (!r)
			continue;
		init_ready_answer(&r->proto, E_OK);
		rt_answer(r);
	}
}

static void seal_if_ready(void)
{
	if (!manifest.sealed || system_is_sealed || !all_is_ready())
		return;
	err_t err = rm_system_seal(RT_SYSTEM);
	if (err != E_OK) {
		rt_log("init: the system cannot be sealed: %s", err_text(err));
		give_up();
	}
	system_is_sealed = true;
	if (!memory_lay_out())
		give_up();
	answer_ready();
}

/* -- events ------------------------------------------------------------------------------------ */

static void on_name_up(void *self, const struct rm_name_up_event *event)
{
	(void)self;
	if (event->cookie & COOKIE_NAME)
		seal_if_ready();
}

/* A parked request of a program that is no more is rt's to answer. */
static void forget_requests(struct rt_client *client)
{
	for (uint32_t i = 0; i < manifest.count; i++)
		if (programs[i].waits && programs[i].waits->client == client)
			programs[i].waits = NULL;
}

static void on_close(void *self, struct rt_client *client)
{
	(void)self;
	forget_requests(client);
}

static void on_task_died(void *self, const struct rm_task_died_event *event)
{
	(void)self;
	uint64_t number = event->cookie & 255;
	if (number >= manifest.count || programs[number].generation != event->cookie >> 8)
		return;
	struct program *program = &programs[number];
	enum init_program_end how = INIT_PROGRAM_END_FAULT;
	if (event->reason == RM_REASON_EXIT)
		how = INIT_PROGRAM_END_EXIT;
	else if (event->reason == RM_REASON_DEADLINE)
		how = INIT_PROGRAM_END_DEADLINE;
	else if (event->reason != RM_REASON_FAULT)
		how = INIT_PROGRAM_END_KILLED;
	if (how == INIT_PROGRAM_END_EXIT)
		rt_log("init: %s ended with status %u", program->what->name, event->status);
	else if (how == INIT_PROGRAM_END_KILLED)
		rt_log("init: %s was ended", program->what->name);
	else
		report_crash(program, event);
	program_end(program);
	program_ended(program, how, event->status);
}

/* -- requests ---------------------------------------------------------------------------------- */

static struct program *find(const char *name, uint16_t length)
{
	char text[INIT_NAME_MAX + 1] = { 0 };
	__builtin_memcpy(text, name, length);
	int i = manifest_find(&manifest, text);
	return i >= 0 ? &programs[i] : NULL;
}

static err_t on_query(void *self, struct proto_request *request, struct init_query_out *out)
{
	(void)self;
	(void)request;
	out->status = (struct init_status){ .began_ticks = began_ticks,
		                            .ticks_a_second = rt_start()->tsc_hz,
		                            .programs = manifest.count,
		                            .to_be_sealed = manifest.sealed,
		                            .sealed = system_is_sealed };
	for (uint32_t i = 0; i < manifest.count; i++) {
		out->status.restarts += programs[i].restarts;
		out->status.crashes += programs[i].crashes;
	}
	return E_OK;
}

static err_t on_program_query(void *self, struct proto_request *request,
                              const struct init_program_query_in *in,
                              struct init_program_query_out *out)
{
	struct rm_bank_query_out bank = { 0 };
	(void)self;
	(void)request;
	if (in->number >= manifest.count)
		return E_NOENT;
	const struct program *program = &programs[in->number];
	if (program->bank && rm_bank_query(program->bank, &bank) != E_OK)
		bank = (struct rm_bank_query_out){ 0 };
	out->program = (struct init_program){ .used = bank.status.used,
		                              .limit = bank.status.limit,
		                              .pinned = bank.status.pinned,
		                              .restarts = program->restarts,
		                              .crashes = program->crashes,
		                              .kills = program->kills,
		                              .status = program->status,
		                              .state = program->state,
		                              .last = program->last };
	for (uint32_t i = 0; i < program->what->names_count; i++)
		out->program.serves |= program->what->names[i].serve;
	_Static_assert(MANIFEST_NAME_MAX <= INIT_NAME_MAX);
	out->name_count = rt_name(out->name, program->what->name, INIT_NAME_MAX);
	return E_OK;
}

static err_t on_program_kill(void *self, struct proto_request *request,
                             const struct init_program_kill_in *in)
{
	struct program *program = find(in->name, in->name_count);
	(void)self;
	if (!program)
		return E_NOENT;
	if (program->state != INIT_PROGRAM_STATE_RUNNING)
		return E_GONE;
	rt_commit(rt_request(request));
	rt_log("init: %s is ended on request", program->what->name);
	program_end(program);
	program_ended(program, INIT_PROGRAM_END_KILLED, 0);
	return E_OK;
}

static err_t on_program_crash(void *self, struct proto_request *request,
                              const struct init_program_crash_in *in)
{
	struct program *program = find(in->name, in->name_count);
	struct rm_thread_read_registers_out out;
	(void)self;
	if (!program)
		return E_NOENT;
	if (program->state != INIT_PROGRAM_STATE_RUNNING)
		return E_GONE;
	rt_commit(rt_request(request));
	err_t err = rm_task_stop(program->made.task);
	if (err == E_OK)
		err = rm_thread_read_registers(program->made.thread, &out);
	if (err == E_OK) {
		struct rm_thread_write_registers_in in_registers = { .registers = out.registers };
		in_registers.registers.rip = 0;
		err = rm_thread_write_registers(program->made.thread, &in_registers);
	}
	err_t resumed = rm_task_resume(program->made.task);
	return err == E_OK ? resumed == E_OK ? E_OK : E_GONE : E_GONE;
}

static err_t on_program_start(void *self, struct proto_request *request,
                              const struct init_program_start_in *in)
{
	struct program *program = find(in->name, in->name_count);
	(void)self;
	if (!program)
		return E_NOENT;
	if (system_is_sealed)
		return E_SEALED;
	if (program->state == INIT_PROGRAM_STATE_RUNNING)
		return E_BUSY;
	rt_commit(rt_request(request));
	err_t err = program_start(program);
	if (err != E_OK)
		program->state = INIT_PROGRAM_STATE_GIVEN_UP;
	return err == E_OK || err == E_NOMEM || err == E_LIMIT ? err : E_IO;
}

static err_t on_ready(void *self, struct proto_request *request, const struct init_ready_in *in)
{
	struct program *program = find(in->name, in->name_count);
	(void)self;
	if (!program || program->waits)
		return E_NOENT;
	rt_commit(rt_request(request));
	program->is_ready = true;
	if (!manifest.sealed || system_is_sealed)
		return E_OK;
	seal_if_ready();
	if (system_is_sealed)
		return E_OK;
	program->waits = rt_request(request);
	return E_PENDING;
}

static err_t on_off(void *self, struct proto_request *request, const struct init_off_in *in)
{
	(void)self;
	(void)request;
	machine_off(in->status);
	return E_OK;
}

/* -- start ------------------------------------------------------------------------------------- */

static void read_manifest(void)
{
	static char text[MANIFEST_BYTES_MAX + 1];
	struct manifest_error error;
	struct rt_archive_file file;
	if (rt_archive_find("manifest", &file) != E_OK) {
		rt_log("init: there is no file `manifest` in the boot archive");
		give_up();
	}
	if (file.bytes > MANIFEST_BYTES_MAX) {
		rt_log("init: manifest: more than %d bytes", MANIFEST_BYTES_MAX);
		give_up();
	}
	__builtin_memcpy(text, file.data, file.bytes);
	if (!manifest_parse(&manifest, text, file.bytes, &error)) {
		rt_log("init: manifest, line %u: \"%s\" %s", error.line, error.word, error.what);
		give_up();
	}
}

static void find_files(void)
{
	for (uint32_t i = 0; i < manifest.count; i++) {
		programs[i].what = &manifest.programs[i];
		programs[i].last = INIT_PROGRAM_END_NEVER;
		programs[i].state = INIT_PROGRAM_STATE_GIVEN_UP;
		if (rt_archive_find(programs[i].what->file, &programs[i].file) == E_OK)
			continue;
		rt_log("init: manifest, line %u: %s: there is no file \"%s\" in the boot archive",
		       programs[i].what->line, programs[i].what->name, programs[i].what->file);
		give_up();
	}
}

/* Of a static system, init is told when a server is there. */
static err_t watch_name(const char *name)
{
	struct rm_name_watch_in in = { .cookie = COOKIE_NAME };
	in.name_count = rt_name(in.name, name, RM_NAME_MAX);
	err_t err = rt_name_grant(RT_TASK, name, RM_NAME_RIGHT_CONNECT);
	return err == E_OK ? rm_name_watch(RT_TASK, &in) : err;
}

static err_t watch_names(void)
{
	err_t err = E_OK;
	for (uint32_t i = 0; i < manifest.count; i++)
		for (uint32_t j = 0; j < programs[i].what->names_count && err == E_OK; j++)
			if (programs[i].what->names[j].serve)
				err = watch_name(programs[i].what->names[j].name);
	return err;
}

static void start_all(void)
{
	for (uint32_t i = 0; i < manifest.count; i++) {
		if (manifest.programs[i].later)
			programs[i].state = INIT_PROGRAM_STATE_ENDED;
		else if (program_start(&programs[i]) != E_OK)
			give_up();
	}
}

static err_t start_serving(void)
{
	static const struct init_ops ops = { .query = on_query,
		                             .program_query = on_program_query,
		                             .program_kill = on_program_kill,
		                             .program_crash = on_program_crash,
		                             .program_start = on_program_start,
		                             .ready = on_ready,
		                             .off = on_off };
	static const struct rt_service service = { .name = "init",
		                                   .interface = &init_interface,
		                                   .ops = &ops,
		                                   .close = on_close,
		                                   .arena_bytes = 4096,
		                                   .clients_max = 64,
		                                   .parked_max = 2 };
	static const struct rm_event_ops events = { .name_up = on_name_up,
		                                    .task_died = on_task_died };
	err_t err = rt_name_grant(RT_TASK, "init", RM_NAME_RIGHT_SERVE);
	if (err == E_OK)
		err = rt_server_start(&server, &service);
	rt_event_set(&events, NULL);
	if (err == E_OK)
		err = timer_init();
	return err;
}

int rt_main(const struct rt_start *start)
{
	(void)start;
	began_ticks = rt_tsc();
	err_t err = rt_archive_open();
	if (err != E_OK) {
		rt_log("init: the boot archive cannot be read: %s", err_text(err));
		give_up();
	}
	read_manifest();
	find_files();
	if (manifest.traced)
		(void)rm_system_trace(RT_SYSTEM, &(struct rm_system_trace_in){ .on = true });
	err = start_serving();
	if (err == E_OK && manifest.sealed)
		err = watch_names();
	if (err != E_OK) {
		rt_log("init: cannot serve: %s", err_text(err));
		give_up();
	}
	if (manifest.traced)
		rt_server_trace(&server, true);
	start_all();
	rt_server_run(&server);
}
