/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A native program: what it finds when it starts, and what it may take for granted.
 *
 * A program is one of two kinds, by the function that it has:
 *
 *   int main(int argc, char **argv)             with libc (musl); <stdio.h> and the rest
 *   int rt_main(const struct rt_start *start)   without: small, quick to start, no _Thread_local
 *
 * Either's result is the exit status. Build it by $(call program,DIR,LIBS) (tools/build.mk), with
 * `libc` among LIBS for the first kind.
 *
 * The contract between a program and whoever starts it (rm starts init, rt/load.h everything else):
 *
 * Capabilities. The program's CSpace has 2^slot_bits slots, addressed by plain numbers. Slots 1 to
 * 15 are those of enum rt_slot; from RT_SLOT_FIRST on come those that the starter gives by name
 * (rt_given()), and from slot_first_free on all are free (rt/slot.h gives them out).
 *
 * The first thread. It begins at the ELF file's entry with RDI = the address of its struct
 * rt_start, and RSP somewhere in [stack_low, stack_high], of any alignment. FS is nothing yet: rt
 * sets it before anything else. The thread's IPC buffer is the first KiB of the page at ipc_buffer;
 * the rest of that page is rt's (each thread has such a page).
 *
 * The start block. struct rt_start, then what its offsets name: `bytes` in all, which the program
 * can read and write, and nobody else. Offsets count from the block's start. Strings end with 0.
 * rt checks all of it before anything is used; a block that is wrong ends the program at once.
 */
#pragma once
#include <rt/libc.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum rt_slot {
	RT_CNODE = 1,   /* the CNode that these slots are in */
	RT_TASK = 2,    /* rm's objects: itself */
	RT_BANK = 3,    /* what pays for it */
	RT_VSPACE = 4,  /* its address space */
	RT_THREAD = 5,  /* its first thread */
	RT_SYSTEM = 6,  /* the machine: of init only; empty in others */
	RT_ARCHIVE = 7, /* of init only: a dataspace with the boot archive (lib/cpio.h) */
	RT_SLOT_FIRST = 16,
};

enum {
	RT_START_VERSION = 2,
	RT_START_BYTES_MAX = 65536,
	RT_ARGS_MAX = 512,      /* argv and environment, each */
	RT_GIVEN_MAX = 256,     /* capabilities given by name */
	RT_GIVEN_NAME_MAX = 32, /* bytes, with its end */
	RT_SLOT_BITS_MIN = 5,
	RT_SLOT_BITS_MAX = 14,
};
#define RT_START_MAGIC UINT64_C(0x7472617473746872) /* "rhtstart" */

/* A capability given by name. */
struct rt_start_given {
	uint32_t name; /* offset */
	uint32_t slot;
};

struct rt_start {
	uint64_t magic;
	uint32_t version;
	uint32_t bytes;      /* of the whole block */
	uint64_t ipc_buffer; /* address of a page */
	uint32_t slot_bits;
	uint32_t slot_first_free;
	uint32_t argc, argv;        /* argv: offset of argc offsets of strings, each uint32_t */
	uint32_t envc, env;         /* the same, NAME=VALUE */
	uint32_t givens, given;     /* given: offset of givens struct rt_start_given */
	uint32_t phdrs, phdr_bytes; /* program headers: how many, bytes of each */
	uint64_t phdr;              /* their address; 0: not said */
	uint64_t stack_low, stack_high;
	uint64_t tsc_hz; /* ticks of the time stamp counter in a second */
	/* What the first thread runs with, and other threads by default; 0: not said. */
	uint32_t budget_us, period_us;
	uint8_t priority, priority_max;
	uint8_t reserved[6];
	unsigned char random[16]; /* that nobody can guess */
};
_Static_assert(sizeof(struct rt_start) == 128, "the starter and the program agree");

/* The program's own, of the kind without libc. rt_start() gives the same block. */
int rt_main(const struct rt_start *start);

/* The start block; valid for the program's life. */
const struct rt_start *rt_start(void);

/* Argument i, or environment variable i as NAME=VALUE; NULL: there are not so many. */
const char *rt_arg(uint32_t i);
const char *rt_env(uint32_t i);

/* The slot of the capability that was given by that name; 0: none was. */
uint64_t rt_given(const char *name);

/*
 * One line of text to the log, with an end of line: printf's language as far as lib/format.h has
 * it. What is longer than RT_LOG_LINE_MAX is cut off.
 */
enum { RT_LOG_LINE_MAX = 240 };
__attribute__((format(printf, 1, 2))) void rt_log(const char *format, ...);

/*
 * rt_log_write() of rt/libc.h collects what is written until a line ends and sends whole lines (or
 * what is there when a buffer is full). This sends what is there. The end of the program does it,
 * too.
 */
void rt_log_flush(void);

/*
 * Where lines go in place of rm's log: out gets whole lines without their ends, from any thread,
 * one at a time. NULL: to rm's log again. (A console's client sets it.)
 */
void rt_log_set(void (*out)(void *ctx, const char *line, size_t length), void *ctx);

/* -- for starters: the block as it is made and checked; pure, also in rm and on the host ------- */

struct rt_given {
	const char *name;
	uint32_t slot;
};

/* What goes behind the fixed part. No ownership. */
struct rt_start_extra {
	uint32_t argc, envc, givens;
	const char *const *argv;
	const char *const *env;
	const struct rt_given *given;
};

/*
 * Completes a block of which the fixed fields are set, in block[0..capacity): magic, version, bytes
 * and all offsets. TOOBIG: it does not fit, or there are too many of something.
 */
err_t rt_start_build(struct rt_start *block, size_t capacity, const struct rt_start_extra *extra);

/*
 * CORRUPT: the block is not as it says, in capacity bytes. Afterwards every count, offset and
 * string in it may be used without a thought.
 */
err_t rt_start_check(const struct rt_start *block, size_t capacity);
