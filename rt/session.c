/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A client's sessions: see rt/session.h.
 *
 * rm tells again and again when a name comes up, once it was asked; so the names that were waited
 * for stand in a table, each with how often it came up. Who waits remembers that count from before
 * it tried to connect, and so misses none.
 */
#include "internal.h"
#include <lib/container.h>
#include <proto/rm_client.h>
#include <rt/event.h>
#include <rt/name.h>
#include <rt/session.h>
#include <rt/slot.h>

enum { NAMES_MAX = 32 };

static struct {
	char text[RM_NAME_MAX];
	uint16_t length;
	uint32_t ups;
} names[NAMES_MAX];
static unsigned int names_count;
static struct list open_sessions = { &open_sessions, &open_sessions };

static void on_name_up(uint64_t cookie)
{
	uint64_t i = cookie & ~RT_COOKIE;
	if (i < names_count)
		names[i].ups++;
}

static void on_severed(const struct rm_session_severed_event *it)
{
	for (struct list *at = list_first(&open_sessions); at;
	     at = list_after(&open_sessions, at)) {
		struct rt_session *session = container_of(at, struct rt_session, link);
		if (session->id.raw != it->session.raw || session->state != RT_SESSION_OPEN)
			continue;
		session->state = RT_SESSION_LOST;
		session->reason = it->reason;
		if (session->how.severed)
			session->how.severed(session, it->reason);
		return;
	}
}

/* The name's place in the table, and from then on rm tells of it. */
static err_t name_watch(const char *name, unsigned int *place)
{
	struct rm_name_watch_in in = { .cookie = RT_COOKIE | names_count };
	in.name_count = rt_name(in.name, name, RM_NAME_MAX);
	for (unsigned int i = 0; i < names_count; i++)
		if (names[i].length == in.name_count &&
		    __builtin_memcmp(names[i].text, in.name, in.name_count) == 0) {
			*place = i;
			return E_OK;
		}
	if (names_count == NAMES_MAX)
		return E_LIMIT;
	rt_event_hooks.name_up = on_name_up;
	err_t err = rm_name_watch(RT_TASK, &in);
	if (err != E_OK)
		return err;
	__builtin_memcpy(names[names_count].text, in.name, in.name_count);
	names[names_count].length = in.name_count;
	*place = names_count++;
	return E_OK;
}

static err_t connect(struct rt_session *session, struct rm_session_connect_out *out)
{
	const struct rt_connect *how = &session->how;
	struct rm_session_connect_in in = { .guarantee = how->guarantee,
		                            .limit = how->limit,
		                            .version = (uint16_t)how->version };
	in.name_count = rt_name(in.name, how->name, RM_NAME_MAX);
	cptr_t payer = how->payer ? how->payer : RT_BANK;
	unsigned int place = NAMES_MAX;
	for (;;) {
		uint32_t ups = place < NAMES_MAX ? names[place].ups : 0;
		err_t err =
		        rm_session_connect(RT_TASK, payer, &in, rt_slot(session->endpoint), out);
		if (!how->wait || (err != E_AGAIN && err != E_SERVER_DIED))
			return err;
		rt_slot_clear(session->endpoint);
		if (place == NAMES_MAX) {
			err = name_watch(how->name, &place);
			if (err != E_OK)
				return err;
			continue; /* it may have come up meanwhile */
		}
		while (err == E_AGAIN && names[place].ups == ups)
			rt_event_wait();
	}
}

err_t rt_session_open(struct rt_session *session, const struct rt_connect *how)
{
	struct rm_session_connect_out out;
	cptr_t slot = rt_slot_get();
	if (slot == 0)
		return E_LIMIT;
	*session = (struct rt_session){ .endpoint = slot, .how = *how };
	rt_event_hooks.client_severed = on_severed;
	err_t err = connect(session, &out);
	if (err != E_OK) {
		rt_slot_put(slot);
		session->endpoint = 0;
		return err;
	}
	session->id = out.session;
	session->state = RT_SESSION_OPEN;
	list_push_back(&open_sessions, &session->link);
	return E_OK;
}

void rt_session_close(struct rt_session *session)
{
	if (session->state == RT_SESSION_CLOSED)
		return;
	list_remove(&session->link);
	session->state = RT_SESSION_CLOSED;
	const struct rm_session_sever_in in = { .session = session->id };
	/* What is severed is revoked: there is nothing left to delete. */
	if (rm_session_sever(RT_TASK, &in) == E_OK)
		rt_slot_put_empty(session->endpoint);
	else
		rt_slot_put(session->endpoint);
	session->endpoint = 0;
}

err_t rt_session_reopen(struct rt_session *session)
{
	const struct rt_connect how = session->how;
	rt_session_close(session);
	return rt_session_open(session, &how);
}

bool rt_session_again(struct rt_session *session, err_t err)
{
	return rt_session_is_lost(err) && rt_session_reopen(session) == E_OK;
}

/* A Send: it waits for the server, and for no answer. Where nothing is, nothing happens. */
void rt_session_ring_bell(const struct rt_session *session)
{
	if (session->state == RT_SESSION_OPEN)
		sel4_send(session->endpoint,
		          (struct sel4_msg){ abi_msginfo(RT_LABEL_BELL, 0, 0, 0), { 0 }, 0 });
}

err_t rt_session_probe(const struct rt_session *session)
{
	return rm_session_probe(RT_TASK, &(struct rm_session_probe_in){ .session = session->id });
}
