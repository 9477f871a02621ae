/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Starting programs: from an ELF image in a dataspace to a task that runs.
 *
 *   struct rt_program program;
 *   err_t err = rt_program_load(&program, &how);        everything is there, nothing runs
 *   ... rm_name_grant(RT_SYSTEM, program.task, ...), rm_task_watch(program.task, RT_TASK, ...)
 *   err = rt_program_start(&program);
 *
 * rt_spawn() is both at once. All that the program is made of is bought from one bank, the
 * program's RT_BANK: destroying that bank ends the program and gives everything back. The bank
 * needs a pin quota of a page for each thread.
 *
 * Segments without the right to write are mapped straight from the image's dataspace where the
 * image lies at a multiple of 4096 in it (tools/archive sees to that) and its segments do so in the
 * image; the dataspace must stay as long as the program. All others are copied. The program's
 * memory, from low to high: its segments, a free page or more, the stack, the page of the IPC
 * buffer, the start block.
 *
 * Loading costs about 20 requests to rm.
 */
#pragma once
#include <proto/rm.h>
#include <rt/program.h>
#include <rt/sel4.h>

/* A capability of the starter's that the program gets, and how it is called there. */
struct rt_gift {
	const char *name;
	cptr_t cap;
};

/* No ownership of anything in it; nothing is needed after rt_program_load() has returned. */
struct rt_spawn {
	const char *name;       /* of the task, 1 to RM_NAME_MAX characters */
	cptr_t bank;            /* pays for everything, and becomes the program's */
	cptr_t image;           /* a dataspace that can be read and executed */
	uint64_t offset, bytes; /* where in it the ELF file is */
	/* The file where the caller has it mapped, or NULL: it is mapped for the time being. */
	const void *mapped;
	uint32_t argc, envc, gifts;
	const char *const *argv; /* argv[0] is the program's name */
	const char *const *env;
	const struct rt_gift *gift;
	uint32_t slot_bits;   /* RT_SLOT_BITS_MIN.._MAX; 0: 7, or as many as the gifts need */
	uint32_t stack_bytes; /* at least 4096; 0: 256 KiB; charged as it is touched */
	bool own_code;        /* nothing is mapped from the image: the program can pin its code */
	struct rm_schedule
	        schedule; /* all 0: as the caller's first thread's, not above its priority */
};

/* Slots of the caller's, each with a capability; 0 where there is none. */
struct rt_program {
	cptr_t task, vspace, thread, memory; /* memory: a dataspace, of what was not mapped */
	uint64_t entry, stack, start;        /* of the first thread */
};

/*
 * *program is loaded, does not run, and has capabilities in four slots of the caller's, which are
 * the caller's to give back (rt_program_forget). After an error nothing is left, and *program is
 * all 0. CORRUPT, UNSUPPORTED: no ELF file of a program for this machine. TOOBIG: arguments and
 * environment do not fit. LIMIT: no slots, a pin quota used up. NOMEM: the bank, or rm. Or any
 * error of the requests to rm.
 */
err_t rt_program_load(struct rt_program *program, const struct rt_spawn *how);

/* It runs. Once; BUSY afterwards. */
err_t rt_program_start(const struct rt_program *program);

/* Both. After an error nothing is left. */
err_t rt_spawn(struct rt_program *program, const struct rt_spawn *how);

/*
 * Ends the program, whatever it is doing, and gives back what it is made of; what it bought from
 * its bank by itself is the bank's end. Then as rt_program_forget(). E_OK if it was over already.
 */
err_t rt_program_destroy(struct rt_program *program);

/* Gives back the caller's slots; the program goes on. */
void rt_program_forget(struct rt_program *program);
