/* SPDX-License-Identifier: BSD-2-Clause */
/* What the tests of guard_init share. */
#pragma once
#include <nth/check.h>
#include <nth/nth.h>
#include <proto/lent_client.h>
#include <proto/rm_client.h>
#include <rt/load.h>
#include <rt/program.h>
#include <rt/session.h>
#include <rt/share.h>
#include <rt/slot.h>
#include <rt/thread.h>

enum {
	PAGE = 4096,
	MIB = 1 << 20,
	RW = RM_RIGHT_READ | RM_RIGHT_WRITE,
	PAGES = 8,               /* that a lender lends: */
	HALF = PAGES / 2 * PAGE, /* so many bytes at place 0, and at place 1 */
	REVOKER_PRIORITY = 240,  /* above the servers', which are above all others' */
	SERVER_PRIORITY = 220,
	CLIENT_PRIORITY = 210,
};
#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

/* -- programs ---------------------------------------------------------------------------------- */

/* The servers by their names; nth: the one in which accesses fail. */
#define LENT "lent"
#define LENT_NTH "lent-nth"

extern volatile struct nth_control *nth;
extern bool is_guarded; /* the servers have tests/guard/guarded below them */
/* Both servers still run, and the honest client, which has been served since it was last asked. */
bool all_are_well(void);
/* The honest client stands still, so that instructions can be counted. */
void client_pause(bool pause);
/* What the servers' banks has used. */
uint64_t used_by_servers(void);

/* -- lending ----------------------------------------------------------------------------------- */

/* A session with memory that is lent to its server. */
struct lender {
	const char *server;
	uint8_t policy;
	struct rt_session session;
	cptr_t memory;
	uint64_t at; /* here; PAGES */
	rm_share_t share;
	uint32_t sessions; /* that the server had before */
};

/* Each byte of it is byte_at(its offset), and no word is 0. */
void lender_fill(const struct lender *l);
static inline unsigned char byte_at(uint64_t offset)
{
	return (unsigned char)(1 + offset % 251);
}
uint64_t word_at(uint64_t offset);
err_t lender_open(struct lender *l, const char *server, uint8_t policy);
/* Whatever became of its session and share. The server knows afterwards that it is over. */
void lender_close(struct lender *l);
/* Parts of these two: the session, with its memory to come; windows on it; the server knows. */
err_t lender_begin(struct lender *l, const char *server, uint8_t policy);
err_t lender_map(const struct lender *l);
void lender_leave(const struct lender *l);
err_t lender_shrink(const struct lender *l, uint64_t pages);
/* Bytes that the last request did. */
uint64_t lender_done(const struct lender *l);

static inline struct lent_span span(uint8_t place, uint64_t offset, uint64_t bytes)
{
	return (struct lent_span){ .place = place, .offset = offset, .bytes = bytes };
}

/* A number for all that the server keeps. */
err_t server_state(const char *server, uint64_t *digest);
/* A new client's requests, with the right results; *digest: as above, before that. */
err_t honest(const char *server, uint64_t *digest);

/* -- kinds of requests ------------------------------------------------------------------------- */

struct kind {
	const char *name;
	/* With that stop; E_PROTOCOL: the result is wrong. */
	err_t (*request)(const struct lender *l, enum lent_stop stop);
	uint32_t stops; /* bits of the stops that it has */
	bool delivers;  /* it has accesses after COMMIT */
	uint32_t words; /* that it accesses in windows, one by one; 0: it copies */
};
extern const struct kind kinds[];
extern const unsigned int kinds_count;
/* They look at what the server wrote, where that is there. */
extern bool kinds_check;

/* -- tests ------------------------------------------------------------------------------------- */

/* What the revoker does when a server stops, or at its time; at once, before anybody goes on. */
void revoker_does(void (*fn)(struct lender *l), struct lender *l);
/* It waits from now on, always the same time: when that began, and when it was over, by the TSC. */
uint64_t revoker_arm(void);
uint64_t revoker_woke(void);
/* So often it did. */
unsigned int revoker_count(void);
/* Notifications: it is told of stops, and says when the server may go on. */
void revoker_start(cptr_t stop, cptr_t resume, cptr_t arm);

void test_served(void);
void test_counts(void);
void test_words(void);
void test_in_place(void);
void test_alias(void);
void test_crowd(void);
/* What its threads leave behind is there from now on. */
void crowd_warm_up(void);
/* What a thread that was joined left behind is gone. */
void worker_bury(void);
/* What servers keep for requests that wait for pages is there from now on. */
void nowait_warm_up(void);
void test_slow_pager(void);
void test_lost_pages(void);
void test_end_while_waiting(void);
void test_again(void);
void test_nth_waits(void);
void test_stops(void);
void test_every(void);
void test_changes(void);
void test_sweep(void);
