/* SPDX-License-Identifier: BSD-2-Clause */
/* What the programs of the simulation share: who holds what, who waits, what must be true. */
#pragma once
#include "sim.h"
#include "internal.h"
#include <proto/guard.h>
#include <proto/trace.h>

/* -- chance ------------------------------------------------------------------------------------ */

extern uint64_t chance_state;
static inline uint64_t chance(void)
{
	uint64_t z = chance_state += 0x9e3779b97f4a7c15;
	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
	z = (z ^ z >> 27) * 0x94d049bb133111eb;
	return z ^ z >> 31;
}
/* 0 to n - 1. */
static inline uint64_t below(uint64_t n)
{
	return (uint64_t)((unsigned __int128)chance() * n >> 64);
}
static inline bool one_in(uint64_t n)
{
	return below(n) == 0;
}

/* -- who holds what ---------------------------------------------------------------------------- */

/* The object that a badge of rm's is for. */
#define ID(badge) ((badge) << 4 >> 4)

/* Beside the kinds of rm's objects. */
enum held_kind {
	HELD_SESSION = 16, /* a client's: to a server */
	HELD_SERVER,       /* with which a server receives */
	HELD_REPLY,
	HELD_SIGNAL,
	HELD_RAW, /* an untyped of rm's raw memory, or what a program made of it */
	HELD_OTHER,
};

struct held {
	uint32_t cap;
	uint8_t kind;
	bool keep;      /* one of the first program's own */
	bool may_go;    /* its root may have been revoked */
	uint64_t badge; /* of rm's objects; of others, what they are for: a session, a task */
};

/* A request that was sent, until it is answered. */
struct sent {
	bool used, is_call, was_sealed;
	uint8_t method;
	uint64_t badge;
	uint64_t cap_badges[PROTO_CAPS_MAX];
	uint64_t label, answer;
	uint64_t words[PROTO_WORDS_MAX];
	unsigned int length;
	uint64_t step;
};

struct request {
	uint8_t method;
	uint32_t target;
	unsigned int caps;
	uint32_t cap[PROTO_CAPS_MAX]; /* in held[] */
	uint64_t words[PROTO_WORDS_MAX];
	unsigned int length;
};

#define DEVICES 0xf0000000ull /* physical addresses of three devices, 1 MiB apart */

/* -- what memory has in it (model.c) ----------------------------------------------------------- */

enum {
	MODEL_DATASPACES = 1024,
	MODEL_PAGES_BITS = 17,
	MODEL_PAGES = 1 << MODEL_PAGES_BITS,
	MODEL_SPACES = 128,
	MODEL_REGIONS = 96,
	MODEL_DONATIONS = 512,
	MODEL_WORDS = 4,
	MODEL_SHARES = 256,
};

struct model_page {
	uint64_t index;
	uint64_t words[MODEL_WORDS];
	uint32_t next, chain; /* of its dataspace; of its bucket */
	uint16_t dataspace;
};

struct model_dataspace {
	uint64_t id; /* 0: not used */
	struct dataspace *core;
	uint64_t size;
	uint32_t pages;
	uint16_t backing;
	bool lost, trims, paged, device, raw;
};

struct model_region {
	uint64_t start, end, first;
	uint64_t share; /* of a window */
	uint16_t dataspace;
	uint8_t rights, rights_max, flags, inherit;
};

/* What was lent, and what its ends may be. */
struct model_share {
	uint64_t id; /* 0: not used */
	uint64_t parent, session, server, ds;
	bool sealed, recalled;
	bool ended; /* by its own client or server */
	bool cut;   /* what it is a part of ended */
	bool gone;
};

struct model_space {
	uint64_t id;
	struct vspace *core;
	uint32_t pml4, regions;
	uint32_t unsettled; /* unmaps that were not answered */
	struct model_region region[MODEL_REGIONS];
};

/* Pages [first, first + size) of home, which are in given; owed: the core's, as it was last. */
struct model_donation {
	uint64_t id; /* 0: not used */
	uint64_t home, given, session, first, size, owed;
	bool wiped, takes, returns; /* takes, returns: on their way */
	bool returned;              /* the pages, as far as the model goes */
};

/* What an access must come to. */
enum expected { X_ANY, X_OK, X_WAIT, X_NO_REGION, X_NO_RIGHT, X_LOST, X_GONE };

enum { HELD_MAX = 600, SENT_MAX = 256, HISTORY = 64 };

struct world {
	struct sim_kernel kernel;
	struct rm rm;
	struct bank *bank;
	struct vspace *vspace;
	struct task *task;
	uint64_t seed, step;
	uint64_t passive; /* what happened to passive servers */
	struct held held[HELD_MAX];
	uint32_t held_count;
	struct sent sent[SENT_MAX];
	uint32_t waiting;
	uint64_t rm_object; /* rm's endpoint, the kernel's object */
	bool failing;       /* ops fail on purpose */
	bool verbose, sealed;
	uint64_t populated; /* what the last vspace_populate made; UINT64_MAX: it is not answered */
	uint64_t laid_out;  /* spaces, of which all was found to be */
	uint64_t ops_request_max, ops_step_max, steps_rm;
	uint8_t told;               /* what a handler was told last */
	uint64_t handlers, handled; /* faults, by handlers */
	uint64_t answers, requests, faults, accesses;
	uint64_t chunks_moved, windows, guarded, donations, returned;
	uint64_t raw_made, raw_given; /* objects of raw memory; donations of it */
	uint64_t hurried, forgeries, sealed_made, passed_on, released, held_up;
	uint64_t large_end; /* large pages that were taken at the end */
	uint8_t ops_request_method;
	struct guard guard_was;
	bool forged;         /* the guard that is up is none */
	uint64_t recent[32]; /* ids of sessions, roots, notifications */
	struct model_dataspace ds[MODEL_DATASPACES];
	struct model_page *pages;
	struct model_share share[MODEL_SHARES];
	uint32_t *buckets;
	uint32_t page_free, ds_next;
	bool crowded;
	struct model_space space[MODEL_SPACES];
	struct model_donation donation[MODEL_DONATIONS];
	uint64_t boot_pages;
	uint64_t errors[64];
	uint64_t method_ok[256], method_all[256];
};
extern struct world w;

/* main.c */
void note(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* check.c */
void check_step(void);
void check_all(void);
void check_held(void);
void check_end(void);

/* makeup.c: false: there is nobody who could ask for that. */
bool make_up(struct request *r);

/* requests.c */
uint64_t send_request(const struct request *r);
uint64_t request_any(const struct request *r); /* perhaps failing on purpose */
void request_chance(void);
uint32_t hold(uint32_t from, uint8_t kind, uint64_t badge);
uint32_t hold_made(uint32_t cap, uint8_t kind, uint64_t badge);
void drop(uint32_t index);
bool is_gone(const struct held *it);
int pick(uint8_t kind);
uint32_t own(uint8_t kind);          /* the first program's */
int held_of(const struct object *o); /* a capability to it; -1: nobody has one */
struct model_space *vspace_of(int held);
#define PUT_BODY(r, body)                                                                          \
	(memcpy((r).words, &(body), sizeof(body)), (r).length = (sizeof(body) + 7) / 8)
void drain(void);
bool rm_work(void);

/* model.c */
void model_reset(void);
struct model_dataspace *model_dataspace(uint64_t id);
struct model_space *model_space(uint64_t id);
struct model_dataspace *model_dataspace_new(struct dataspace *core, uint16_t backing);
void model_resize(struct model_dataspace *m, uint64_t size);
void model_keep_shadows(struct model_dataspace *m);
void model_copy(struct model_dataspace *to, struct model_dataspace *from, uint64_t first,
                uint64_t size);
void model_supply(struct model_dataspace *to, uint64_t first, struct model_dataspace *from,
                  uint64_t from_first, uint64_t count);
void model_move(struct model_dataspace *to, uint64_t to_first, struct model_dataspace *from,
                uint64_t first, uint64_t count, bool kept);
struct model_space *model_space_new(struct vspace *core);
void model_map(struct model_space *s, const struct rm_region_map_in *in, uint64_t at,
               struct model_dataspace *ds, uint8_t rights_max);
void model_window(struct model_space *s, const struct rm_window_map_in *in, uint64_t at,
                  struct model_dataspace *ds, uint64_t first);
uint64_t model_share_at(struct model_space *s, uint64_t address); /* of a window; else 0 */
void model_follow_growth(struct model_space *s);
void model_unmap(struct model_space *s, uint64_t start, uint64_t end);
void model_protect(struct model_space *s, uint64_t start, uint64_t end, uint8_t rights);
void model_clone(struct model_space *to, struct model_space *from);
enum expected model_expect(struct model_space *s, uint64_t address, enum rm_access access);
bool model_result_ok(struct model_space *s, uint64_t address, enum rm_access access,
                     enum expected x, enum rm_fault_result result);
bool model_is_poor(struct model_space *s, uint64_t address);
void model_touch(struct model_space *s, uint64_t address, bool write, uint32_t frame);
void model_collect(void);
void model_count(void);
bool model_is_crowded(void); /* as it was counted last */
void model_check(void);
uint64_t model_pages(const struct model_space *s); /* that its regions show */
void model_check_laid_out(struct model_space *s);
uint64_t model_address(const struct model_space *s);

/* lend.c */
void lend_reset(void);
bool lend_is_firm(uint64_t share); /* sealed, and nobody may have ended it */
bool lend_session_open(uint64_t share);
bool lend_is_violated(uint64_t share);
bool lend_may_blame(uint64_t share);
void lend_taken(const struct sent *s);
void lend_answered(const struct sent *s, const uint64_t *words);
bool lend_may_wait(const struct sent *s);
void lend_check(void);
void lend_chance(void);

/* programs.c */
void thread_uses(struct model_space *s, uint64_t at); /* one in it, if there is one */
void thread_chance(void);
void server_chance(void);
void passive_chance(void);
bool thread_message(uint32_t t, uint64_t label, const uint64_t *words, unsigned int length);

/* donate.c */
void donate_chance(void);
void donate_page(uint32_t memory, uint64_t index);
void donate_follow(void);
void donate_sent(const struct sent *s, bool parked);
void donate_answered(const struct sent *s, bool well, const uint64_t *words);
enum expected donate_expect(const struct model_dataspace *m, uint64_t index);
bool donate_moves(const struct model_dataspace *m);

/* raw.c */
void raw_opened(const struct sent *s, uint32_t untyped);
void raw_chance(void);
void raw_check(void);
