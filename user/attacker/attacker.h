/* SPDX-License-Identifier: BSD-2-Clause */
/* What the attacks share. */
#pragma once
#include <proto/filter_client.h>
#include <proto/kv_client.h>
#include <rt/dataspace.h>
#include <rt/donate.h>
#include <rt/name.h>
#include <rt/program.h>
#include <rt/session.h>
#include <rt/share.h>
#include <rt/thread.h>

enum {
	PAGE = 4096,
	LENT_PAGES = 16,    /* to kv */
	PICTURE_PAGES = 64, /* to filter */
	POOL_PAGES = 40,    /* room for a value of LENT_PAGES, and for one that replaces it */
	RW = RM_RIGHT_READ | RM_RIGHT_WRITE,
	SESSION_LIMIT = 32 * PAGE, /* what a server may spend for us */
};

/* A session, memory that is lent to its server, and, if there is, memory that was given to it. */
struct victim {
	struct rt_session session;
	cptr_t lent, given;
	uint64_t lent_at, lent_pages, given_at;
	rm_share_t share;
	rm_donation_t donation;
};

/* A session with kv, LENT_PAGES lent, POOL_PAGES given. After an error nothing is left. */
err_t kv_open(struct victim *v);
/* A session with filter, PICTURE_PAGES lent. */
err_t filter_open(struct victim *v);
/* In whatever state it is. */
void victim_close(struct victim *v);
/* Lends the same memory anew. */
err_t victim_lend(struct victim *v);

err_t put(const struct victim *v, const char *key, struct proto_bulk value);
err_t get(const struct victim *v, const char *key, struct proto_bulk room);

/* Answers, by how often each came. */
struct tally {
	uint32_t count[64];
};
void tally_add(struct tally *tally, err_t err);
uint32_t tally_of(const struct tally *tally, err_t err);
void tally_say(const struct tally *tally, const char *what);

/* The attacks. 0: all went as it must. */
int attack_touch(uint32_t count);
int attack_revoke(uint32_t count);
int attack_flood(uint32_t count);
int attack_lie(uint32_t count);
int attack_die(uint32_t count);
int attack_scribble(uint32_t count);
int attack_storm(uint32_t count);
int attack_hoard(uint32_t count);
