/* SPDX-License-Identifier: BSD-2-Clause */
/* What the parts of the client share. */
#pragma once
#include <proto/rm.h>
#include <rt/session.h>
#include <stdbool.h>

enum { PAGE = 4096, RW = RM_RIGHT_READ | RM_RIGHT_WRITE };

/* A session, and memory that is lent to its server. */
struct lender {
	struct rt_session session;
	cptr_t memory;
	uint64_t at, pages; /* where it is mapped */
	rm_share_t share;
};

err_t lender_open(struct lender *l, const char *name, unsigned int version, uint64_t pages);
void lender_close(struct lender *l);

/* Says that what is not so, or err, is wrong. */
bool check(bool is_so, err_t err, const char *what);

/* With one server each: true if all was as it must be. */
bool client_kv(void);
bool client_filter(void);
bool client_logger(void);
