/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * "At every access means every one" (protocols.md, section 8): a server in which the n-th access to
 * client memory fails, for n = 1, 2, ... until none does.
 *
 * The server is the same program, linked once more ($(call program_nth,...)) with nth.c between its
 * calls and rt's: each page that a copy, a word or a window names is an access; before the n-th the
 * server revokes the share, so that this one fails, and all after it. A request is told from the
 * next by the test, which sets count to 0. The test and the server share a page, which the server
 * is given as `nth`.
 *
 * What stands between window_begin() and window_end(), and what runs in window_run(), are plain
 * instructions, which nothing counts: for these a test takes the memory away at every instruction
 * (tests/guard/guard_init/sweep.c).
 */
#pragma once
#include <lib/err.h>
#include <stdbool.h>
#include <stdint.h>

struct nth_control {
	uint64_t fail_at; /* the test's: that access fails; 0: none */
	uint64_t count;   /* accesses since the test set it to 0 */
	uint64_t phase;   /* enum rt_phase of the one that failed */
	uint64_t other;   /* a share: instead, its pages are shown where the access will be */
	uint64_t wrong;   /* accesses in COMMIT, and others that no share was known for */
	/* The test's: before that access the word at that byte of the share changes. 0: no */
	uint64_t change_at, word, value;
};

/*
 * A kind of request, as the test makes it. All errors are failures of the test but those of
 * request(). Whatever is called has the same outcome each time if nothing fails.
 */
struct nth_case {
	const char *name;
	void *ctx;
	bool severs; /* an access that fails ends the session */
	/* A session, a share, a window on it. And back, also if the session or share is over. */
	err_t (*open)(void *ctx);
	void (*close)(void *ctx);
	err_t (*request)(void *ctx);
	/*
	 * By another client, whose requests are answered as ever: a number that differs if anything
	 * in the server's state does that it can find out about. It may change that state; the
	 * second of two in a row finds what the third does.
	 */
	err_t (*probe)(void *ctx, uint64_t *digest);
};

/*
 * Makes the request n times, each time with the next access failing. False: it says on the log what
 * was not as I15 has it: the answer is GONE (or the session over, if that severs); in FETCH all is
 * as before the request, in DELIVER as after one that went well, in both without the session if
 * that is over; nothing is accessed in COMMIT. *accesses: how many a whole request has.
 */
bool nth_try(const struct nth_case *it, volatile struct nth_control *control, uint64_t *accesses);

/* A word of the share, at a multiple of 8, and what the client makes of it. */
struct nth_change {
	uint64_t word, value;
};

/*
 * Makes the request with the word changed before no access, before the first, the second, ...
 * False: once the outcome, as answer and server's state, was neither that of the word as it was nor
 * that of the word as it came to be: it was read twice. *accesses: as above.
 *
 * Each byte must be read at one access, so that of a copy only one page may see the word.
 */
bool nth_try_change(const struct nth_case *it, volatile struct nth_control *control,
                    const struct nth_change *change, uint64_t *accesses);
