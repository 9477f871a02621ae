/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the tests of rm_init share: checks, helpers for what is asked of rm all the time, and
 * actors: other programs, made of the same ELF file, that do what the test tells them.
 */
#pragma once
#include <nth/check.h>
#include <proto/rm_client.h>
#include <rt/load.h>
#include <rt/name.h>
#include <rt/program.h>
#include <rt/slot.h>

enum { PAGE = 4096, MIB = 1 << 20, MIB_PAGES = MIB / PAGE, RW = RM_RIGHT_READ | RM_RIGHT_WRITE };
#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

/* Checks (nth/check.h): in main they fail the test; in an actor main is told when it is joined. */

/* -- memory ------------------------------------------------------------------------------------ */

struct rm_bank_status bank_status(cptr_t bank);
bool bank_same(const struct rm_bank_status *a, const struct rm_bank_status *b);
/*
 * After an error: the bank as it is when what was half made is gone, which goes in steps, also
 * after the answer. It should be as before.
 */
struct rm_bank_status bank_settled(cptr_t bank, const struct rm_bank_status *before);
/* A slot; the test cannot go on without. */
cptr_t slot_new(void);
void slots_put(const cptr_t *slots, unsigned int count);
/* pages: the limit. They have a pin quota of a quarter, and no guarantee. */
err_t bank_make(cptr_t parent, uint64_t pages, cptr_t *made);
/* All that the bank has left but so many pages goes to RT_BANK. */
void bank_leave(cptr_t bank, uint64_t pages);
err_t memory_make(cptr_t bank, uint64_t pages, uint8_t flags, cptr_t *made);
err_t memory_clone(cptr_t memory, cptr_t bank, uint64_t first, uint64_t pages, cptr_t *made);
struct rm_dataspace_status memory_status(cptr_t memory);
/* at 0: anywhere, else there. */
err_t show_as(cptr_t vspace, cptr_t memory, uint64_t first, uint64_t pages, uint8_t rights,
              uint8_t flags, uint8_t inherit, void *at_out);
/* Readable and writable, in RT_VSPACE. */
err_t show(cptr_t memory, uint64_t pages, void *at_out);
err_t hide(cptr_t vspace, uint64_t at, uint64_t pages);
err_t protect(cptr_t vspace, uint64_t at, uint64_t pages, uint8_t rights);
/* In RT_VSPACE: the first word of each page is value, value + 1, ... */
volatile uint64_t *word_at(uint64_t at, uint64_t page);
void fill(uint64_t at, uint64_t pages, uint64_t value);
bool holds(uint64_t at, uint64_t pages, uint64_t value);
/* Without regions; the own task is asked about faults. */
cptr_t space_make(cptr_t bank);
/* What rm says to an access; the token is the address. */
enum rm_fault_result fault(cptr_t vspace, uint64_t at, enum rm_access access);
/* A word of the address space as rm sees it; 1 << 63: it is not there. */
uint64_t peek(cptr_t vspace, uint64_t at);
#define NOT_THERE (1ull << 63)

/* -- tasks, names, sessions -------------------------------------------------------------------- */

err_t task_make(cptr_t bank, cptr_t space, const char *name, cptr_t *made);
err_t task_put(cptr_t task, cptr_t cap, uint32_t slot);
struct rm_task_status task_status(cptr_t task);
err_t name_register(cptr_t task, const char *name, uint32_t deadline_ms, cptr_t *endpoint);
err_t session_connect(cptr_t task, cptr_t payer, uint64_t pages, const char *name, cptr_t *endpoint,
                      rm_session_t *session);
err_t session_accept(cptr_t task, rm_session_t session);
err_t session_sever(cptr_t task, rm_session_t session);
err_t session_acknowledge(cptr_t task, rm_session_t session);
struct rm_schedule schedule_at(uint8_t priority);

/* -- events ------------------------------------------------------------------------------------ */

struct event {
	unsigned int number; /* 0: none */
	union {
		uint64_t words[RM_EVENT_WORDS_MAX];
		struct rm_session_opened_event opened;
		struct rm_session_severed_event severed;
		struct rm_name_up_event name_up;
		struct rm_task_died_event died;
		struct rm_fault_done_event fault_done;
		struct rm_pager_read_event read;
		struct rm_pager_detached_event detached;
		struct rm_shared_event shared;
		struct rm_donated_event donated;
		struct rm_client_page_event client_page;
		struct rm_share_recalled_event recalled;
	};
};
/* Once. */
void events_init(void);
/* Of a task: the next one now, or none. */
struct event event_next(cptr_t task);
/* Of the own task: waits for the next one of that number; others meanwhile are failures. */
struct event event_wait(unsigned int number);
/* None waits for the own task. */
void event_none(void);

/* -- actors ------------------------------------------------------------------------------------ */

enum { ACTORS_MAX = 12, ACTOR_PRIORITY = 201, BOX_WORDS = 64, GIFT_FIRST = 200 };

/* A page that main and an actor share, at the same address in both. */
struct box {
	void (*fn)(struct box *box);
	volatile uint32_t busy;
	uint32_t number;
	const char *file, *what; /* of the first check that failed */
	int line;
	err_t err;
	volatile uint64_t word[BOX_WORDS];
};

struct actor {
	struct box *box;
	cptr_t bank;
	struct rt_program program;
};

extern struct box *actor_box; /* of the actor that this program is; NULL: it is main */
/* Once, before anything else. */
void actors_init(void);
/* Actors that are made while this is set have code of their own (rt_spawn's own_code). */
extern bool actors_own_code;
/* Actor i, which pays out of a bank of its own below that one; main watches it: the cookie is i. */
struct actor *actor_new(unsigned int i, cptr_t parent);
/* It does fn, until it has to wait or is done. */
void actor_start(struct actor *actor, void (*fn)(struct box *box));
bool actor_is_busy(const struct actor *actor);
/* Waits until it is done. */
void actor_join(struct actor *actor);
void actor_do(struct actor *actor, void (*fn)(struct box *box));
/* The actor's bank with all that is in it is destroyed; it may be dead. */
void actor_end(struct actor *actor);
/* It is dead, and why. */
struct rm_task_died_event actor_died(const struct actor *actor);
_Noreturn void actor_main(void);
/* Time goes by: others, and rm's worker, go on. */
void wait_ms(unsigned int ms);

/* A server and a client with a session (session.c); the deadline is the server's. */
struct pair {
	struct actor *server, *client;
};
void pair_make(struct pair *p, cptr_t bank, uint32_t deadline_ms);
void pair_open(struct pair *p);
void pair_end(struct pair *p);
/* A call is answered. */
bool pair_calls(struct pair *p);
/* The server's next event is that the session was severed for that reason; acknowledges it. */
void server_cleans_up(struct pair *p, uint64_t reason);

/* A pair of which the client lends memory, all but its first page (share.c). */
enum { LENT_PAGES = 8, LENT_DEADLINE_MS = 400 };
struct lent {
	struct pair p;
	cptr_t memory;
	uint64_t at; /* where main sees it */
	rm_share_t share;
};
/* In the box of a server: of the share that it was told of last, its window, an access. */
enum { SHARE = 10, SIZE, RIGHTS, CLASS, POLICY, WINDOW, AT, VALUE, FAILED_AT };
void take_shared(struct box *box);
void map_window(struct box *box);
void unmap_window(struct box *box);
void load(struct box *box);          /* ends at what is missing */
void load_in_place(struct box *box); /* and writes; zeros stand in for what is missing */
err_t server_loads(struct actor *server, void (*how)(struct box *box), uint64_t page);
err_t lend(struct lent *l, cptr_t memory, uint64_t first, uint64_t size, uint8_t rights,
           uint8_t class);
void lent_make(struct lent *l, cptr_t bank, uint8_t policy, uint8_t class);
void lent_end(struct lent *l);

/* A pair of which the client gives memory (donation.c). */
struct given {
	struct pair p;
	cptr_t memory;
	uint64_t at, pages; /* where main sees it */
	struct rm_bank_status client;
};
/* In the box of a server: of what it was given last, where it is. */
enum { DONATION = 10, GIVEN, GIVEN_AT, PAGE_AT, GIVEN_VALUE, CONTENTS };
err_t given_donate(struct given *g, cptr_t memory, uint64_t first, uint64_t size, uint8_t contents);
/* Pages [first, first + size) of its memory, which the server then has, and has mapped. */
void given_take(struct given *g, uint64_t first, uint64_t size, uint8_t contents);
uint64_t server_has(struct given *g, uint64_t page);
err_t server_gives_back(struct given *g, uint8_t contents);

/* -- the tests --------------------------------------------------------------------------------- */

struct test {
	const char *name;
	void (*fn)(cptr_t bank); /* the test's own, of which nothing needs to be given back */
};
extern const struct test bank_tests[], dataspace_tests[], large_tests[], pager_tests[],
        vspace_tests[], populate_tests[], clone_tests[], task_tests[], fault_tests[],
        handler_tests[], name_tests[], session_tests[], end_tests[], share_tests[], seal_tests[],
        donation_tests[], raw_tests[], event_tests[], oom_tests[], wrong_tests[], stress_tests[],
        attack_tests[], accused_tests[];
void test_seal(void);
void fuzz(uint64_t calls, uint64_t seed);
uint64_t config_number(const char *name, uint64_t otherwise);
bool rm_is_valid(void);
