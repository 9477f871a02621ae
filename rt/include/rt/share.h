/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Lending memory: a client lends pages of a dataspace to the server of a session, which touches
 * them by rt/client_memory.h; the client can take them back at any moment.
 *
 *   client   rt_share(&session, memory, first, pages, rights, &share);
 *            request(session.endpoint, { share, offset, bytes });
 *            rt_share_revoke(share);
 *   server   .shared = on_shared in its struct rt_service: told before any request that the client
 *            makes afterwards; rt_window_map() there, or when a request names the share.
 *            rt_window_unmap() when the window is no more used, at the latest in close().
 *
 * A sealed share cannot be taken back before the server has released it, and needs no guards; both
 * sides pay for that: see docs/design/protocols.md, section 3.
 *
 * A request's share and offset are the client's numbers: the server looks the share up in what it
 * has of that client, and the offset by client_at() or a window.
 */
#pragma once
#include <proto/rm.h>
#include <rt/client_memory.h>
#include <rt/session.h>

/* -- the client's side ------------------------------------------------------------------------- */

/*
 * Lends pages [first, first + pages) of the dataspace, READ or READ | WRITE. They stay the
 * client's. GONE: the session is over. PERM: rights that the client has not. RANGE: not in it.
 * UNSUPPORTED: pages of a device. NOMEM, LIMIT: the session's bank.
 */
err_t rt_share(const struct rt_session *session, cptr_t memory, uint64_t first, uint64_t pages,
               uint8_t rights, rm_share_t *share);

/*
 * The same, sealed: the client cannot take them back, and the dataspace, which it holds with all
 * rights, neither shrinks nor ends, until the server has released them or acknowledged the end of
 * the session. BUSY: some are donated. NOMEM, LIMIT: the client's bank, for pages not there yet.
 */
err_t rt_share_sealed(const struct rt_session *session, cptr_t memory, uint64_t first,
                      uint64_t pages, uint8_t rights, rm_share_t *share);

/*
 * Takes them back now: when it returns the server can reach none of it. GONE: it is over already.
 * BUSY: it is sealed. NOMEM: the client's bank.
 */
err_t rt_share_revoke(rm_share_t share);

/*
 * Asks for them, and returns when the server has released them, or the session is over. Errors as
 * above, without BUSY.
 */
err_t rt_share_recall(rm_share_t share);

/* -- the server's side ------------------------------------------------------------------------- */

/*
 * Pages [first, first + pages) of the share, from now on at window->at. policy: whether an access
 * to a page that is gone ends with an error (REPORT), or severs the session, too (SEVER). The
 * window is the caller's to unmap. GONE: the share is over, or another's. PERM: more rights than
 * were lent. RANGE. NOMEM.
 */
err_t rt_window_map(rm_share_t share, uint64_t first, uint64_t pages, uint8_t rights,
                    enum rm_policy policy, struct client_window *window);

/* *window is all 0 afterwards. One that is all 0 is left alone. */
void rt_window_unmap(struct client_window *window);

/*
 * It is not needed any more, or not wanted: it ends, and its windows show nothing. GONE: it is over
 * already. BUSY: it was passed on.
 */
err_t rt_share_release(rm_share_t share);

/*
 * Zeros that stand in for missing pages of the window that shows this address are taken out.
 * window_end() and rt_abort() do so where there are any.
 */
void rt_window_clean(uint64_t at);
