/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The manifest: which programs a system has, and what each of them gets. A text file; README.md of
 * system/ is its reference. Parsing is pure: it knows neither rm nor the archive.
 *
 * The text is made of lines, a line of words with spaces or tabs between, # begins a comment. A
 * line `program NAME` begins a program, to which all lines belong up to the next such line. Every
 * mistake is found before anything is started, and told by line and word.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	MANIFEST_BYTES_MAX = 16384,
	MANIFEST_WORDS_MAX = 20, /* of a line */
	MANIFEST_PROGRAMS_MAX = 32,
	MANIFEST_ARGS_MAX = 16, /* the program's name, as the first, included */
	MANIFEST_ENV_MAX = 8,
	MANIFEST_NAMES_MAX = 8,
	MANIFEST_DEVICES_MAX = 4,
	MANIFEST_NAME_MAX = 31, /* characters of a program's, a server's, a capability's name */
};

enum manifest_restart {
	MANIFEST_NEVER,
	MANIFEST_FAILURE, /* when it crashed, or ended with a status that is not 0 */
	MANIFEST_ALWAYS,
};

/* A server's name, and what the program may do with it. */
struct manifest_name {
	const char *name;
	bool serve; /* else: connect */
};

/* A capability of the machine's, and its name in the program. */
struct manifest_device {
	const char *name;
	bool is_interrupt;
	uint16_t first, last;    /* I/O ports */
	uint8_t controller, pin; /* an interrupt line of an I/O APIC */
	bool level, low;
};

/* Strings: no ownership; they lie in the text. */
struct manifest_program {
	const char *name;
	const char *file; /* in the archive */
	uint32_t line;    /* where it begins */
	uint32_t args_count, env_count, names_count, devices_count;
	const char *args[MANIFEST_ARGS_MAX];
	const char *env[MANIFEST_ENV_MAX];
	struct manifest_name names[MANIFEST_NAMES_MAX];
	struct manifest_device devices[MANIFEST_DEVICES_MAX];
	uint64_t limit, guarantee, pinned; /* of its bank, bytes */
	uint32_t stack_bytes;
	bool own_code;
	uint32_t budget_us, period_us; /* equal: round robin */
	uint8_t priority, ceiling;
	enum manifest_restart restart;
	uint32_t backoff_ms;
	uint32_t watchdog_ms;         /* it takes its events within that; 0: or never */
	uint32_t restarts, within_ms; /* so many in that time, then no more */
	bool ready;                   /* it says so itself, by init's interface */
	bool later;                   /* it is not started but by init's interface */
	bool once;                    /* the system ends with it */
	bool vital;                   /* the system ends, and has failed, when it is given up */
};

struct manifest {
	bool sealed; /* nothing is created any more once all is ready */
	bool traced; /* what rm and init are asked is shown */
	uint32_t count;
	struct manifest_program programs[MANIFEST_PROGRAMS_MAX];
};

/* word may be empty, never NULL. No ownership: it lies in the text. */
struct manifest_error {
	uint32_t line;
	const char *word, *what;
};

/*
 * Reads text[0..bytes), which must have room for one byte more, and is written into: words are
 * closed by 0 where they stand. False: *error says what is wrong; *manifest is of no use.
 */
bool manifest_parse(struct manifest *manifest, char *text, size_t bytes,
                    struct manifest_error *error);

/* The program of that name; -1: there is none. */
int manifest_find(const struct manifest *manifest, const char *name);
