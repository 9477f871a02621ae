/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Memory across sessions: clients and servers that lend, seal, want back, release, pass on, and die
 * in between; and when a share may have ended, by what was asked and answered, not by the core's
 * word. What windows show is model.c's.
 */
#include "world.h"
#include <string.h>

void lend_reset(void)
{
	memset(w.share, 0, sizeof(w.share));
}

static void *living(uint64_t id)
{
	return id ? slotmap_get(&w.rm.objects, id) : NULL;
}

static bool is_alive(uint64_t id)
{
	const struct object *o = living(id);
	return o && !o->dying;
}

static struct model_share *share_at(uint64_t id)
{
	for (unsigned int i = 0; id && i < MODEL_SHARES; i++)
		if (w.share[i].id == id)
			return &w.share[i];
	return NULL;
}

/* -- when a share may have ended --------------------------------------------------------------- */

/* No window shows it, as far as is known. */
static bool is_unused(const struct model_share *m)
{
	for (unsigned int i = 0; i < MODEL_SPACES; i++) {
		const struct model_space *s = &w.space[i];
		if (!s->id || !is_alive(s->id) || s->unsettled)
			continue;
		for (unsigned int r = 0; r < s->regions; r++)
			if (s->region[r].share == m->id)
				return false;
	}
	return true;
}

static bool is_passed_on(const struct model_share *m)
{
	for (unsigned int i = 0; i < MODEL_SHARES; i++)
		if (w.share[i].parent == m->id && living(w.share[i].id))
			return true;
	return false;
}

/* Whether anybody used it, or not. */
static bool may_be_cut(const struct model_share *m)
{
	const struct task *server = living(m->server);
	const struct session *s = living(m->session);
	if (m->ended || m->cut || !server || server->object.dying ||
	    server->state == RM_TASK_STATE_DEAD)
		return true;
	if (m->sealed)
		return false;
	const struct model_share *parent = share_at(m->parent);
	return !s || s->state == RM_SESSION_STATE_SEVERED || (parent && may_be_cut(parent));
}

static bool may_be_over(const struct model_share *m)
{
	return may_be_cut(m) || (m->recalled && (is_unused(m) || !is_alive(m->ds)));
}

/* It is no more, and what was passed on from it may have gone with it. */
static void forget(struct model_share *m)
{
	for (unsigned int i = 0; i < MODEL_SHARES; i++)
		if (w.share[i].parent == m->id && !w.share[i].sealed)
			w.share[i].cut |= may_be_cut(m);
	m->gone = true;
}

bool lend_is_firm(uint64_t share)
{
	const struct model_share *m = share_at(share);
	return m && m->sealed && !may_be_over(m);
}

static const struct session *session_of_share(uint64_t share)
{
	const struct model_share *m = share_at(share);
	return m ? living(m->session) : NULL;
}

/* One that was passed on, in a session that is open. */
bool lend_session_open(uint64_t share)
{
	const struct session *s = session_of_share(share);
	return s && s->state == RM_SESSION_STATE_OPEN && share_at(share)->parent;
}

/* Its session is over, for it is said to be missing. */
bool lend_is_violated(uint64_t share)
{
	const struct session *s = session_of_share(share);
	return s && s->state == RM_SESSION_STATE_SEVERED && s->reason == RM_REASON_VIOLATION;
}

/* The client of its session took it away. */
bool lend_may_blame(uint64_t share)
{
	const struct model_share *m = share_at(share);
	const struct session *s = session_of_share(share);
	const struct model_share *up = m ? share_at(m->parent) : NULL;
	return !up || m->ended || !s || s->reason != RM_REASON_VIOLATION ||
	       up->session == m->session;
}

void lend_check(void)
{
	for (unsigned int i = 0; i < MODEL_SHARES; i++) {
		struct model_share *m = &w.share[i];
		const struct share *core = living(m->id);
		if (!m->id || m->gone)
			continue;
		MUST(is_alive(m->id) || may_be_over(m), "share %#lx%s has ended (I10)", m->id,
		     m->sealed ? ", sealed," : "");
		if (core && !core->object.dying && m->sealed && !may_be_over(m))
			MUST(core->sealed && core->dataspace && core->dataspace->seals > 0,
			     "share %#lx is not sealed any more", m->id);
		MUST(!core || m->sealed || !m->parent || living(m->parent),
		     "share %#lx outlives what it is a part of", m->id);
		const struct session *s = living(m->session);
		MUST(!core || !m->sealed || !m->parent || living(m->parent) || core->object.dying ||
		             (s && s->state == RM_SESSION_STATE_SEVERED),
		     "share %#lx is sealed for ever", m->id);
		if (!core)
			forget(m);
	}
}

/* -- what was asked, and answered -------------------------------------------------------------- */

void lend_taken(const struct sent *s)
{
	struct model_share *m = share_at(s->words[0]);
	switch (s->method) {
	case RM_METHOD_SHARE_REVOKE:
		MUST(m, "a share is revoked that nobody made");
		MUST(!m->sealed || s->words[1] == RM_WHEN_RELEASED || !lend_is_firm(m->id),
		     "what is sealed is revoked");
		m->ended |= s->words[1] == RM_WHEN_NOW;
		m->recalled |= s->words[1] == RM_WHEN_RELEASED;
		break;
	case RM_METHOD_SHARE_RELEASE:
		MUST(m, "a share is released that nobody made");
		m->ended = true;
		w.released++;
		break;
	case RM_METHOD_SESSION_ACKNOWLEDGE:
		for (unsigned int i = 0; i < MODEL_SHARES; i++)
			w.share[i].ended |= w.share[i].session == s->words[0];
		break;
	default:
		break;
	}
}

void lend_answered(const struct sent *s, const uint64_t *words)
{
	if (s->method != RM_METHOD_SHARE_CREATE && s->method != RM_METHOD_SHARE_PASS)
		return;
	const struct share *core = living(words[0]);
	unsigned int i = (unsigned int)below(MODEL_SHARES), tries = 0;
	MUST(core && core->object.kind == KIND_SHARE, "the share that was made is not there");
	for (; tries < MODEL_SHARES && w.share[i].id && !w.share[i].gone; tries++)
		i = (i + 1) % MODEL_SHARES;
	MUST(tries < MODEL_SHARES, "the simulation has no more shares");
	bool passed = s->method == RM_METHOD_SHARE_PASS;
	const struct model_share *parent = share_at(passed ? s->words[0] : 0);
	struct rm_share_create_in in;
	memcpy(&in, s->words, sizeof(in));
	w.share[i] = (struct model_share){
		.id = words[0],
		.parent = passed ? s->words[0] : 0,
		.session = slotmap_id(&w.rm.objects, core->session),
		.server = slotmap_id(&w.rm.objects, core->session->server),
		.ds = slotmap_id(&w.rm.objects, core->dataspace),
		.sealed = passed ? parent->sealed : in.class == RM_SHARE_CLASS_SEALED,
	};
	for (uint64_t at = 0; w.share[i].sealed && at < core->size; at++) {
		bool shared;
		const struct page *page =
		        dataspace_page(core->dataspace, core->first + at, &shared);
		MUST(page && !(shared && core->rights & RM_RIGHT_WRITE),
		     "page %lu of sealed share %#lx may need memory", at, words[0]);
	}
	w.sealed_made += w.share[i].sealed;
	w.passed_on += passed;
}

/* Its answer may be up to a server, for what it was lent. */
bool lend_may_wait(const struct sent *s)
{
	const struct model_share *m = share_at(s->words[0]);
	if (s->method == RM_METHOD_SHARE_REVOKE)
		return m && m->recalled && !m->ended && (!is_unused(m) || is_passed_on(m));
	if (s->method != RM_METHOD_BANK_DESTROY)
		return false;
	uint32_t cursor = 0;
	const struct object *o;
	while ((o = slotmap_next(&w.rm.objects, &cursor)) != NULL)
		if (o->kind == KIND_DATASPACE && o->dying &&
		    ((const struct dataspace *)o)->seals > 0) {
			w.held_up++;
			return true;
		}
	return false;
}

/* -- what they do ------------------------------------------------------------------------------ */

/* A living object of that kind; NULL: none was found. */
static void *some(uint8_t kind)
{
	uint32_t cursor = (uint32_t)below(w.rm.objects.live * 2 + 1);
	const struct object *o;
	for (unsigned int n = 0; n < 600 && (o = slotmap_next(&w.rm.objects, &cursor)); n++)
		if (o->kind == kind && !o->dying)
			return living(slotmap_id(&w.rm.objects, o));
	return NULL;
}

static struct session *open_session(void)
{
	for (unsigned int i = 0; i < 8; i++) {
		struct session *s = some(KIND_SESSION);
		if (s && s->state == RM_SESSION_STATE_OPEN && s->client && s->server)
			return s;
	}
	return NULL;
}

static struct share *some_share(void)
{
	const struct model_share *m = &w.share[below(MODEL_SHARES)];
	for (unsigned int i = 0; i < MODEL_SHARES && (!m->id || m->gone); i++)
		m = m + 1 < w.share + MODEL_SHARES ? m + 1 : w.share;
	return is_alive(m->id) ? living(m->id) : NULL;
}

static uint64_t id_of(const void *object)
{
	return slotmap_id(&w.rm.objects, object);
}

/* In the task's name; sometimes of somebody who has no business with it. */
static uint64_t ask(const struct task *task, uint8_t method, const void *body, unsigned int bytes,
                    int cap)
{
	const struct task *asks = one_in(30) ? some(KIND_TASK) : task;
	int target = asks ? held_of(&asks->object) : -1;
	if (target < 0)
		return E_GONE;
	struct request r = { .method = method,
		             .target = (uint32_t)target,
		             .caps = cap >= 0,
		             .cap = { (uint32_t)cap },
		             .length = (bytes + 7) / 8 };
	memcpy(r.words, body, bytes);
	return send_request(&r);
}
#define ASK(task, method, body, cap) ask(task, RM_METHOD_##method, &(body), sizeof(body), cap)

/* Its pages are shared with a copy, mostly. */
static void copy(const struct dataspace *ds, int memory)
{
	const struct rm_dataspace_clone_in in = { .size = ds->size };
	int bank = held_of(&ds->object.bank->object);
	struct request r = { .method = RM_METHOD_DATASPACE_CLONE,
		             .target = (uint32_t)memory,
		             .caps = 1,
		             .cap = { (uint32_t)bank } };
	PUT_BODY(r, in);
	if (bank >= 0 && !model_is_crowded())
		(void)send_request(&r);
}

/* What a client may lend; of a pager, if it is not to be sealed, as often as not. */
static int some_memory(uint8_t class)
{
	int memory = pick(KIND_DATASPACE);
	bool paged = class == RM_SHARE_CLASS_FAULTABLE && one_in(2);
	for (unsigned int i = 0; paged && memory >= 0 && i < 20; i++) {
		const struct model_dataspace *ds = model_dataspace(ID(w.held[memory].badge));
		if (ds && ds->paged && !ds->lost)
			break;
		memory = pick(KIND_DATASPACE);
	}
	return memory;
}

static void lend(const struct session *s, uint8_t class)
{
	int memory = some_memory(class);
	const struct model_dataspace *ds =
	        memory < 0 ? NULL : model_dataspace(ID(w.held[memory].badge));
	if (!s || !ds || !ds->size)
		return;
	struct rm_share_create_in in = { .session = { id_of(s) },
		                         .size = 1 + below(ds->size < 600 ? ds->size : 600),
		                         .rights = (uint8_t)(1 + below(3)),
		                         .class = class };
	in.size = one_in(2) && in.size > 20 ? 1 + below(20) : in.size;
	in.first = below(ds->size - in.size + 1);
	if (one_in(3))
		copy(ds->core, memory);
	(void)ASK(s->client, SHARE_CREATE, in, memory);
}

static void pass(const struct share *share)
{
	const struct session *to = NULL;
	for (unsigned int i = 0; i < 20 && (!to || to->client != share->session->server); i++)
		to = open_session();
	if (!to || to->client != share->session->server)
		return;
	struct rm_share_pass_in in = { .share = { id_of(share) },
		                       .session = { id_of(to) },
		                       .size = 1 + below(share->size),
		                       .rights = one_in(3) ? 1 : share->rights };
	in.first = below(share->size - in.size + 1);
	(void)ASK(to->client, SHARE_PASS, in, -1);
}

static void map(const struct share *share)
{
	const struct task *server = share->session->server;
	int space = server ? held_of(&server->vspace->object) : -1;
	int task = server ? held_of(&server->object) : -1;
	const struct model_space *s = vspace_of(space);
	if (!s || task < 0 || s->regions > MODEL_REGIONS / 3)
		return;
	struct rm_window_map_in in = { .share = { id_of(share) },
		                       .size = 1 + below(share->size),
		                       .rights = share->rights,
		                       .policy = (uint8_t)(1 + below(2)) };
	in.first = below(share->size - in.size + 1);
	struct request r = { .method = RM_METHOD_WINDOW_MAP,
		             .target = (uint32_t)space,
		             .caps = 1,
		             .cap = { (uint32_t)task } };
	PUT_BODY(r, in);
	(void)send_request(&r);
}

/* Its server touches pages of a window of its, or unmaps it. */
static void use(const struct share *share, bool ends)
{
	const struct task *server = share->session->server;
	int space = server ? held_of(&server->vspace->object) : -1;
	struct model_space *s = vspace_of(space);
	uint64_t id = id_of(share);
	for (unsigned int i = 0; s && i < s->regions; i++) {
		const struct model_region r = s->region[i];
		struct rm_region_unmap_in in = { r.start, (r.end - r.start) / PAGE };
		if (r.share != id)
			continue;
		for (unsigned int n = 0; !ends && n < 4; n++)
			thread_uses(s, r.start + below(in.size) * PAGE);
		struct request end = { .method = RM_METHOD_REGION_UNMAP,
			               .target = (uint32_t)space };
		PUT_BODY(end, in);
		if (ends)
			(void)send_request(&end);
		return;
	}
}

/* A server touches a window on what is no more. */
static void use_lost(void)
{
	struct model_space *s = &w.space[below(MODEL_SPACES)];
	for (unsigned int i = 0; i < MODEL_SPACES && (!s->id || !is_alive(s->id)); i++)
		s = s + 1 < w.space + MODEL_SPACES ? s + 1 : w.space;
	for (unsigned int i = 0; s->id && is_alive(s->id) && i < s->regions; i++) {
		const struct model_share *m = share_at(s->region[i].share);
		if (m && m->parent && !lend_is_firm(m->id)) {
			thread_uses(s, s->region[i].start);
			return;
		}
	}
}

/* A client lends what a pager is to supply to a server that has threads, which use it. */
static void lend_paged(void)
{
	const struct session *s = open_session();
	for (unsigned int i = 0; i < 10 && s && s->server->thread_count == 0; i++)
		s = open_session();
	if (!s || w.sealed)
		return;
	uint64_t session = id_of(s);
	lend(s, RM_SHARE_CLASS_FAULTABLE);
	if (!is_alive(session) || list_is_empty(&s->shares))
		return;
	const struct share *share =
	        container_of(list_first(&s->shares), struct share, session_link);
	uint64_t id = id_of(share);
	map(share);
	for (unsigned int i = 0; i < 3 && is_alive(id); i++)
		use(share, false);
}

/* The owner of what was lent does with it what may be forbidden, or must not show. */
static void meddle(const struct share *share)
{
	const struct dataspace *ds = share->dataspace;
	int memory = ds ? held_of(&ds->object) : -1;
	int bank = ds ? held_of(&ds->object.bank->object) : -1;
	struct rm_dataspace_resize_in resize = { .size = below(share->first + share->size + 9) };
	struct rm_dataspace_clone_in clone = { .size = ds ? ds->size : 1 };
	struct request r = { .method = RM_METHOD_DATASPACE_RESIZE, .target = (uint32_t)memory };
	if (memory < 0 || w.waiting > SENT_MAX / 2)
		return;
	PUT_BODY(r, resize);
	switch (below(bank < 0 || w.held[bank].keep ? 4 : 5)) {
	case 0:
		r.method = RM_METHOD_DATASPACE_DESTROY;
		r.length = 0;
		break;
	case 1:
		if (model_is_crowded() || w.sealed)
			return;
		r.method = RM_METHOD_DATASPACE_CLONE;
		r.caps = 1;
		r.cap[0] = own(KIND_BANK);
		PUT_BODY(r, clone);
		break;
	case 4:
		if (!one_in(3))
			return;
		r.method = RM_METHOD_BANK_DESTROY;
		r.target = (uint32_t)bank;
		r.length = 0;
		break;
	default:
		break;
	}
	(void)send_request(&r);
}

/* One with threads, mostly: they make guarded accesses. */
static const struct task *some_task(void)
{
	const struct task *t = some(KIND_TASK);
	for (unsigned int i = 0; i < 8 && (!t || list_is_empty(&t->threads)); i++)
		t = some(KIND_TASK);
	return t && held_of(&t->object) >= 0 && t->state != RM_TASK_STATE_DEAD ? t : NULL;
}

static void grant(const struct task *t, const char *name)
{
	struct rm_name_grant_in in = { .rights = 3, .name_count = (uint16_t)strlen(name) };
	struct request r = { .method = RM_METHOD_NAME_GRANT,
		             .target = own(KIND_SYSTEM),
		             .caps = 1,
		             .cap = { (uint32_t)held_of(&t->object) } };
	memcpy(in.name, name, in.name_count);
	PUT_BODY(r, in);
	r.length = (unsigned int)(offsetof(struct rm_name_grant_in, name) + in.name_count + 7) / 8;
	(void)send_request(&r);
}

/* A name of the task's, which may have to register one; NULL: it has none. */
static const char *serve(const struct task *server)
{
	static const char *const names[] = { "a", "log", "fs", "net", "x.y" };
	const char *name = names[below(5)];
	if (list_is_empty(&server->names)) {
		struct rm_name_register_in in = { .deadline = (uint32_t)(1 + below(2000)),
			                          .version = 1,
			                          .name_count = (uint16_t)strlen(name) };
		memcpy(in.name, name, in.name_count);
		grant(server, name);
		(void)ask(server, RM_METHOD_NAME_REGISTER, &in,
		          (unsigned int)offsetof(struct rm_name_register_in, name) + in.name_count,
		          -1);
	}
	const struct list *link = list_first(&server->names);
	return link ? container_of(link, struct name, server_link)->text : NULL;
}

/* A server, or another task, becomes the client of one. */
static void connect(void)
{
	const struct session *s = open_session();
	const struct task *server = some_task();
	const struct task *client = s && one_in(2) ? s->server : some_task();
	if (!server || !client || w.sealed || held_of(&client->object) < 0)
		return;
	const char *name = serve(server);
	struct rm_session_connect_in in = { .version = 1, .limit = (8 + below(40)) * PAGE };
	if (!name)
		return;
	in.name_count = (uint16_t)strlen(name);
	memcpy(in.name, name, in.name_count);
	grant(client, name);
	const struct list *before = list_last(&server->server_sessions);
	(void)ask(client, RM_METHOD_SESSION_CONNECT, &in,
	          (unsigned int)offsetof(struct rm_session_connect_in, name) + in.name_count,
	          (int)own(KIND_BANK));
	const struct list *link = list_last(&server->server_sessions);
	if (!link || link == before)
		return;
	const struct session *made = container_of(link, struct session, server_link);
	for (unsigned int i = 0; i < 12 && !made->server_knows; i++)
		if (ask(server, RM_METHOD_EVENT_NEXT, &in, 0, -1) != E_OK)
			return;
	const struct rm_session_accept_in accept = { .session = { id_of(made) } };
	(void)ASK(server, SESSION_ACCEPT, accept, -1);
}

/*
 * A session that has sealed memory ends: by its client, or its server has done with it; mostly one
 * whose server passed it on.
 */
static void end_session(const struct share *share)
{
	const struct share *sealed = share->sealed && share->parent ? share->parent : share;
	uint64_t id = id_of(sealed->session);
	const struct session *s = living(id);
	const struct rm_session_sever_in in = { .session = { id } };
	if (s->state == RM_SESSION_STATE_OPEN && s->client &&
	    one_in(list_is_empty(&sealed->children) ? 3 : 1))
		(void)ASK(s->client, SESSION_SEVER, in, -1);
	for (unsigned int i = (unsigned int)below(12); i > 0; i--)
		(void)rm_work();
	s = living(id);
	if (s && s->state == RM_SESSION_STATE_SEVERED && s->server && one_in(2))
		(void)ASK(s->server, SESSION_ACKNOWLEDGE, in, -1);
}

/* A whole chain: lent to the client of a session, sealed, and passed on there; then it ends. */
static void chain(void)
{
	const struct session *to = open_session();
	const struct list *link = to ? list_first(&to->client->server_sessions) : NULL;
	const struct session *from = link ? container_of(link, struct session, server_link) : NULL;
	if (!from || from->state != RM_SESSION_STATE_OPEN || !from->client)
		return;
	uint64_t id = id_of(from);
	lend(from, RM_SHARE_CLASS_SEALED);
	for (unsigned int i = 0; i < 60; i++)
		(void)rm_work();
	for (unsigned int i = 0; i < MODEL_SHARES; i++) {
		const struct model_share *m = &w.share[i];
		if (m->session != id || !m->sealed || !is_alive(m->id) || m->parent)
			continue;
		const struct share *share = living(m->id);
		pass(share);
		if (one_in(2) && is_alive(m->id))
			end_session(share);
		return;
	}
}

/* One of those who have to do with it dies. */
static void die(const struct share *share)
{
	const struct task *t = one_in(2) ? share->session->client : share->session->server;
	const struct rm_task_exit_in in = { .status = 3 };
	if (t && t != w.task && one_in(6))
		(void)ASK(t, TASK_EXIT, in, -1);
}

void lend_chance(void)
{
	const struct share *share = some_share();
	if (w.waiting > SENT_MAX / 2)
		return;
	if (one_in(6)) {
		lend_paged();
		return;
	}
	uint64_t what = below(share ? 28 : 4);
	const struct rm_share_revoke_in revoke = { .share = { share ? id_of(share) : 0 },
		                                   .when = (uint8_t)(1 + below(2)) };
	const struct rm_share_release_in release = { .share = revoke.share };
	if (what < 2)
		connect();
	else if (what >= 26)
		chain();
	else if (what >= 24)
		use_lost();
	else if (what < 5)
		lend(open_session(), (uint8_t)(1 + below(2)));
	else if (what < 9)
		map(share);
	else if (what < 13)
		use(share, false);
	else if (what < 14)
		use(share, true);
	else if (what < 17)
		pass(share);
	else if (what < 19)
		meddle(share);
	else if (what < 20)
		end_session(share);
	else if (what < 21)
		die(share);
	else if (what < 23 && share->session->client)
		(void)ASK(share->session->client, SHARE_REVOKE, revoke, -1);
	else if (share->session->server)
		(void)ASK(share->session->server, SHARE_RELEASE, release, -1);
}
