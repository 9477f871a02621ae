/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Donating memory: a client gives pages of a dataspace to the server of a session, which has them
 * as its own until it gives them back, or the session has ended (docs/design/protocols.md,
 * section 2). For what must not go away: rings, buffers for a device, long-lived state.
 *
 *   client   rt_donate(&session, memory, first, pages, RM_CONTENTS_KEPT, &donation);
 *            request(session.endpoint, { donation, ... });
 *   server   .donated = on_donated in its struct rt_service: told before any request that the
 *            client makes afterwards; rt_donation_map(), and use without guards;
 *            rt_donation_return() when it is done, or never: the end of the session does it.
 */
#pragma once
#include <proto/rm.h>
#include <rt/session.h>

/* -- the client's side ------------------------------------------------------------------------- */

/*
 * Gives pages [first, first + pages) of the dataspace, which the client holds with all rights, and
 * as much of the limit of the bank that pays for them. From then on an access to them there is the
 * client's own fault. GONE: the session is over. PERM, RANGE, UNSUPPORTED: not its to give. BUSY:
 * pinned, or donated already. NOMEM, LIMIT: its bank, or the session's for rm's records. After an
 * error nothing has changed.
 */
err_t rt_donate(const struct rt_session *session, cptr_t memory, uint64_t first, uint64_t pages,
                enum rm_contents contents, rm_donation_t *donation);

/* -- the server's side ------------------------------------------------------------------------- */

/* What a client gave, as the server has it. */
struct rt_donated {
	rm_donation_t id;
	char *at;
	uint64_t pages;
};

/*
 * The donation that an event told of, from now on at it->at, to read and write. GONE: its session
 * is over, or it is another's. NOMEM, LIMIT: for page tables, or slots.
 */
err_t rt_donation_map(const struct rm_donated_event *event, struct rt_donated *it);

/*
 * In place of that: gives it back, and does not wait. With its content if it is small, and the
 * client has room for it.
 */
void rt_donation_refuse(const struct rm_donated_event *event);

/*
 * Gives it back, with its content or without; *it is all 0 afterwards, and nothing is mapped.
 * NOMEM, LIMIT, BUSY, of KEPT: the client has no room for it now; it is still there. WIPED always
 * works. One that is all 0 is left alone. When the session is over it unmaps and is E_OK: rm gives
 * it back.
 */
err_t rt_donation_return(struct rt_donated *it, enum rm_contents contents);
