/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The client's side of a session with a server.
 *
 *   static struct rt_session echo;
 *   err_t err = rt_session_open(&echo, &(struct rt_connect){
 *           .name = "echo", .version = ECHO_VERSION, .limit = 1 << 16, .wait = true });
 *   do
 *           err = echo_say(echo.endpoint, &in, &out);
 *   while (rt_session_again(&echo, err));
 *
 * The stubs (<proto/x_client.h>) call session.endpoint. A session can end at any time: the server
 * dies, or cuts it off. A call then is SEVERED or SERVER_DIED, now and ever after; the session can
 * be opened anew, and nothing of the old one is left.
 *
 * Of the program's first thread, where they wait for events; calls through the endpoint may be made
 * by any thread.
 */
#pragma once
#include <lib/list.h>
#include <proto/rm.h>
#include <rt/sel4.h>

struct rt_session;

/* No ownership; name and handler must stay as long as the session is used. */
struct rt_connect {
	const char *name;     /* the server's, 1 to RM_NAME_MAX characters */
	unsigned int version; /* of the interface */
	cptr_t payer;         /* a bank that fills the session's; 0: RT_BANK */
	/* What the server may spend for this client, in bytes, out of the payer's. */
	uint64_t guarantee, limit;
	bool wait; /* until there is a server of that name, however long */
	/* Called when rm says that the session is over (not by rt_session_close); may be null. */
	void (*severed)(struct rt_session *session, enum rm_reason reason);
	void *ctx; /* the handler's */
};

enum rt_session_state { RT_SESSION_CLOSED, RT_SESSION_OPEN, RT_SESSION_LOST };

/* To be read only. All 0: CLOSED. */
struct rt_session {
	cptr_t endpoint; /* what stubs call; a slot of the session's, 0 if CLOSED */
	rm_session_t id;
	uint8_t state;  /* enum rt_session_state */
	uint8_t reason; /* enum rm_reason, of a LOST one */
	struct rt_connect how;
	struct list link;
};

/*
 * A CLOSED session becomes OPEN. Without wait, AGAIN: there is no server at the moment. NOENT: no
 * such name, or no right to it. UNSUPPORTED: it speaks another version. NOMEM, LIMIT: the payer, or
 * no slot. Or what the server refuses with. TIMEOUT: it did not answer in time. After an error it
 * is CLOSED.
 */
err_t rt_session_open(struct rt_session *session, const struct rt_connect *how);

/* Ends it, from whatever state; CLOSED afterwards. What is being called through it is SEVERED. */
void rt_session_close(struct rt_session *session);

/* Ends it and opens it as it was opened before; errors as there. */
err_t rt_session_reopen(struct rt_session *session);

/* The result of a call says that the session is over. */
static inline bool rt_session_is_lost(err_t err)
{
	return err == E_SEVERED || err == E_SERVER_DIED;
}

/*
 * For calls that may be done twice: true if err says that the session is over, and it is open
 * again: call once more. False: err is the result (or the session could not be opened: CLOSED).
 */
bool rt_session_again(struct rt_session *session, err_t err);

/*
 * Tells the server to look (at a ring, say): its bell handler is called for this client. Returns
 * when the server has taken it; does nothing on a session that is over.
 */
void rt_session_ring_bell(const struct rt_session *session);

/*
 * Does not wait; by any thread, while another waits for an answer: the server has failed, and that
 * call ends with SERVER_DIED, if the server does not come back to its loop within its deadline
 * (rt/server.h, deadline_ms). A server that lives takes it as it takes events, and goes on: a call
 * that it has parked waits on. Who does not want to wait for that one either has another thread
 * call rt_session_close(): it ends with SEVERED, or, if the server does not acknowledge that within
 * the deadline, with SERVER_DIED. GONE: the session is over.
 */
err_t rt_session_probe(const struct rt_session *session);

/* The label of that message, below those of methods. */
enum { RT_LABEL_BELL = 63 };
