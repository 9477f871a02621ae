/* SPDX-License-Identifier: BSD-2-Clause */
/* What the parts of init share. */
#pragma once
#include "manifest.h"
#include <lib/elf.h>
#include <proto/init.h>
#include <proto/rm.h>
#include <rt/archive.h>
#include <rt/load.h>
#include <rt/program.h>
#include <rt/sel4.h>

enum { RESTARTS_MAX = 32 };

/* A program of the manifest, as it is at the moment. */
struct program {
	const struct manifest_program *what; /* No ownership. */
	struct rt_archive_file file;
	cptr_t devices[MANIFEST_DEVICES_MAX]; /* its capabilities of the machine: made once, kept */
	/* Of the one that runs: */
	cptr_t bank;
	struct rt_program made;
	/* Raised at each start: events of an earlier one are told from those of this. */
	uint32_t generation;
	enum init_program_state state;
	enum init_program_end last;
	uint32_t status;
	uint32_t restarts, crashes, kills;
	/* Of the last restarts, when they were; [restarts % RESTARTS_MAX] is the next. */
	uint64_t restarted_ns[RESTARTS_MAX];
	uint64_t due_ns;  /* WAITING: when it is to be started; RUNNING: to be probed, or 0 */
	uint32_t in_turn; /* restarts in quick succession: the backoff doubles with each */
	bool is_ready;
	struct rt_request *waits; /* its request `ready`, parked; or NULL */
};

extern struct manifest manifest;
extern struct program programs[MANIFEST_PROGRAMS_MAX];
extern bool system_is_sealed;

/* -- programs.c -------------------------------------------------------------------------------- */

/* The program runs. After an error nothing is left of it, and the log says why. */
err_t program_start(struct program *program);

/* Its task, which is dead or is to be, and all that it has, are no more. */
void program_end(struct program *program);

/* It has ended, and nothing is left of it: what the manifest says then. */
void program_ended(struct program *program, enum init_program_end how, uint32_t status);

/* Starts those that are due, and asks those that run whether they still take their events. */
void programs_start_due(void);

/* The machine goes off. */
void machine_off(uint32_t status);

/* -- memory.c ---------------------------------------------------------------------------------- */

/* All memory of all programs that run is laid out. False: it is not, and the log says why. */
bool memory_lay_out(void);

/* -- report.c ---------------------------------------------------------------------------------- */

/* What happened to a program that crashed, with its threads' state, on the log. */
void report_crash(const struct program *program, const struct rm_task_died_event *event);

/* -- timer.c ----------------------------------------------------------------------------------- */

/* Once: programs_start_due() is called from the main loop when the time has come. */
err_t timer_init(void);

/* It is to be called then, or before. */
void timer_set(uint64_t due_ns);
