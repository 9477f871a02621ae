/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Donations: clients that make them, servers that give back, and what of it the model knows. Of a
 * donation that is moved in steps the model reads off the core when that is done; until then it
 * expects nothing of the pages.
 */
#include "world.h"
#include <string.h>

static const struct donation *donation(const struct model_donation *m)
{
	const struct object *o = slotmap_get(&w.rm.objects, m->id);
	return o ? (const struct donation *)o : NULL;
}

static struct model_donation *find(uint64_t id)
{
	for (unsigned int i = 0; i < MODEL_DONATIONS; i++)
		if (w.donation[i].id == id)
			return &w.donation[i];
	return NULL;
}

static struct model_donation *add(const struct donation *d, uint64_t home, bool wiped)
{
	struct model_donation *m = find(0);
	MUST(m, "the simulation has no more donations of the model");
	*m = (struct model_donation){ .id = slotmap_id(&w.rm.objects, d),
		                      .home = home,
		                      .first = d->away.start,
		                      .size = d->away.end - d->away.start,
		                      .session = d->session ? slotmap_id(&w.rm.objects, d->session)
		                                            : 0,
		                      .wiped = wiped,
		                      .takes = true };
	return m;
}

/* It was made: the model's pages go where the core's have gone. */
static void was_given(struct model_donation *m, const struct donation *d)
{
	struct model_dataspace *home = model_dataspace(m->home);
	m->takes = false;
	m->owed = d->owed;
	MUST(m->owed == m->size, "%lu pages of a donation of %lu (I11)", m->owed, m->size);
	struct model_dataspace *given = model_dataspace_new(d->dataspace, 0);
	m->given = given->id;
	if (home)
		model_move(given, 0, home, m->first, m->size, !m->wiped);
	w.raw_given += home && home->raw;
	w.donations++;
}

static void was_returned(struct model_donation *m)
{
	struct model_dataspace *home = model_dataspace(m->home);
	m->returns = false;
	m->returned = true;
	for (unsigned int i = 1; i < MODEL_DATASPACES; i++)
		if (w.ds[i].id == m->given && home)
			model_move(home, m->first, &w.ds[i], 0, m->size, true);
	w.returned++;
}

void donate_follow(void)
{
	for (unsigned int i = 0; i < MODEL_DONATIONS; i++) {
		struct model_donation *m = &w.donation[i];
		const struct donation *d = m->id ? donation(m) : NULL;
		if (!m->id)
			continue;
		if (m->takes && d && d->phase == DONATION_GIVEN && d->owed > 0)
			was_given(m, d);
		/* Over; else its session ended meanwhile, and nothing came back. */
		bool over = !d || (d->object.dying && d->phase == DONATION_GIVEN);
		if (m->returns && over && (!d || d->owed != m->owed))
			was_returned(m);
		m->returns &= !over;
		if (m->given && !m->returns && d)
			m->owed = d->owed;
		if (!d)
			*m = (struct model_donation){ 0 };
	}
}

/* It is given back with its content, which raw memory does not get. */
static bool is_kept(const struct model_donation *m, const struct sent *s)
{
	const struct model_dataspace *home = m ? model_dataspace(m->home) : NULL;
	return m && (uint8_t)s->words[1] == RM_CONTENTS_KEPT && !(home && home->raw);
}

void donate_sent(const struct sent *s, bool parked)
{
	struct model_donation *m;
	const struct dataspace *home;
	switch (s->method) {
	case RM_METHOD_DONATE:
		home = slotmap_get(&w.rm.objects, ID(s->cap_badges[0]));
		if (parked && home && home->giving)
			(void)add(home->giving, slotmap_id(&w.rm.objects, home),
			          (uint8_t)s->words[3] == RM_CONTENTS_WIPED);
		break;
	case RM_METHOD_DONATION_RETURN:
		m = find(s->words[0]);
		/* It may have been answered already. */
		if (is_kept(m, s) && s->used)
			m->returns = true;
		break;
	default:
		break;
	}
}

void donate_answered(const struct sent *s, bool well, const uint64_t *words)
{
	struct model_donation *m;
	if (s->method == RM_METHOD_DONATION_RETURN) {
		m = find(s->words[0]);
		if (is_kept(m, s) && !m->returned && well)
			was_returned(m);
		if (m)
			m->returns = false;
	} else if (s->method == RM_METHOD_DONATE && well && !find(words[0])) {
		const struct donation *d = slotmap_get(&w.rm.objects, words[0]);
		MUST(d, "a donation that was made is not there");
		was_given(add(d, ID(s->cap_badges[0]), (uint8_t)s->words[3] == RM_CONTENTS_WIPED),
		          d);
	}
}

/* What an access to a page must come to as far as donations are concerned. OK: as ever. */
enum expected donate_expect(const struct model_dataspace *m, uint64_t index)
{
	if (m->core->donation && m->core->donation->phase != DONATION_GIVEN)
		return X_ANY;
	for (unsigned int i = 0; i < MODEL_DONATIONS; i++) {
		const struct model_donation *it = &w.donation[i];
		if (it->home != m->id || index < it->first || index - it->first >= it->size)
			continue;
		const struct donation *d = it->id ? donation(it) : NULL;
		return !d || d->object.dying || it->takes || it->returns ? X_ANY : X_LOST;
	}
	/* What was passed on may not have come back. */
	return m->core->donation && !radix_get(&m->core->pages, index) ? X_LOST : X_OK;
}

/* Pages of it are on their way. */
bool donate_moves(const struct model_dataspace *m)
{
	return m->core->giving || (m->core->donation && m->core->donation->phase != DONATION_GIVEN);
}

/* -- programs ---------------------------------------------------------------------------------- */

static const struct session *some_session(void)
{
	uint32_t cursor = (uint32_t)below(w.rm.objects.live + 1);
	const struct object *o;
	for (unsigned int n = 0; n < 400 && (o = slotmap_next(&w.rm.objects, &cursor)); n++) {
		const struct session *s = (const struct session *)o;
		if (o->kind == KIND_SESSION && s->state == RM_SESSION_STATE_OPEN && s->client &&
		    s->server)
			return s;
	}
	return NULL;
}

static uint64_t donate(const struct rm_donate_in *in, uint32_t client, uint32_t memory)
{
	struct request r = {
		.method = RM_METHOD_DONATE, .target = client, .caps = 1, .cap = { memory }
	};
	memcpy(r.words, in, sizeof(*in));
	r.length = (sizeof(*in) + 7) / 8;
	return request_any(&r);
}

/* A copy of the whole dataspace, while it is being donated from, or paid for by the session. */
static void copy(uint32_t memory, uint32_t bank)
{
	struct request r = {
		.method = RM_METHOD_DATASPACE_CLONE, .target = memory, .caps = 1, .cap = { bank }
	};
	const struct model_dataspace *m = model_dataspace(ID(w.held[memory].badge));
	if (!m || !m->size || m->size > 2000)
		return;
	r.words[1] = m->size;
	r.length = 2;
	(void)send_request(&r);
}

static void give(const struct session *s, uint32_t client)
{
	int memory = pick(KIND_DATASPACE);
	const struct model_dataspace *m =
	        memory < 0 ? NULL : model_dataspace(ID(w.held[memory].badge));
	if (!m || !m->size)
		return;
	struct rm_donate_in in = { .session = { slotmap_id(&w.rm.objects, s) },
		                   .size = 1 + below(one_in(4)   ? 150
		                                     : one_in(2) ? 10
		                                                 : 1),
		                   .contents = (uint8_t)(1 + below(2)) };
	in.size = in.size < m->size ? in.size : 1 + below(m->size);
	in.first = below(m->size - in.size + 1);
	if (one_in(2))
		in.first = in.first < 4 ? in.first : below(4);
	if (in.first + in.size > m->size)
		in.first = 0;
	if (donate(&in, client, (uint32_t)memory) == E_PENDING && one_in(2))
		copy((uint32_t)memory, 0);
}

/* The server takes a donation up, mostly into its address space, or gives it back. */
static void use(const struct donation *d, uint32_t server, int space)
{
	uint64_t size = d->away.end - d->away.start;
	struct request r = { .method = RM_METHOD_DONATION_OPEN,
		             .target = server,
		             .words = { slotmap_id(&w.rm.objects, d) },
		             .length = 1 };
	struct model_space *s = space < 0 ? NULL : model_space(ID(w.held[space].badge));
	if (one_in(3)) {
		r.method = RM_METHOD_DONATION_RETURN;
		r.words[1] = 1 + below(2);
		r.length = 2;
		(void)request_any(&r);
		return;
	}
	if (send_request(&r) != E_OK || !s || s->regions > MODEL_REGIONS / 3 || w.held_count == 0 ||
	    w.held[w.held_count - 1].kind != KIND_DATASPACE)
		return;
	uint32_t memory = w.held_count - 1;
	if (one_in(4)) {
		const struct request bank = { .method = RM_METHOD_SESSION_BANK,
			                      .target = server,
			                      .words = { slotmap_id(&w.rm.objects, d->session) },
			                      .length = 1 };
		if (send_request(&bank) == E_OK && w.held_count == memory + 2 &&
		    !model_is_crowded())
			copy(memory, memory + 1);
		return;
	}
	const struct rm_region_map_in map = { .size = size,
		                              .rights = RM_RIGHT_READ | RM_RIGHT_WRITE,
		                              .flags = (uint8_t)(one_in(5) ? RM_REGION_FLAGS_PRIVATE
		                                                           : 0),
		                              .inherit = (uint8_t)(1 + below(3)) };
	r = (struct request){ .method = RM_METHOD_REGION_MAP,
		              .target = (uint32_t)space,
		              .caps = 1,
		              .cap = { memory } };
	memcpy(r.words, &map, sizeof(map));
	r.length = (sizeof(map) + 7) / 8;
	(void)send_request(&r);
}

/* Of such a dataspace, one page, to whomever. */
void donate_page(uint32_t memory, uint64_t index)
{
	const struct session *s = some_session();
	int client = s ? held_of(&s->client->object) : -1;
	if (client < 0)
		return;
	const struct rm_donate_in in = { .session = { slotmap_id(&w.rm.objects, s) },
		                         .first = index,
		                         .size = 1,
		                         .contents = RM_CONTENTS_KEPT };
	(void)donate(&in, (uint32_t)client, memory);
}

/* The n-th donation that the session's server has. */
static const struct donation *nth(const struct session *s, uint64_t n)
{
	const struct list *at = list_first(&s->donations);
	for (; at && n > 0; n--)
		at = list_after(&s->donations, (struct list *)at);
	return at ? container_of((struct list *)at, struct donation, session_link) : NULL;
}

/* The server of a session that is cut off has what it was given, and cannot give it back. */
static void return_late(void)
{
	const struct model_donation *m = &w.donation[below(MODEL_DONATIONS)];
	const struct session *s = m->id ? slotmap_get(&w.rm.objects, m->session) : NULL;
	if (!s || s->state != RM_SESSION_STATE_SEVERED || !session_is_cut(s) || !s->server)
		return;
	int server = held_of(&s->server->object);
	const struct request r = { .method = RM_METHOD_DONATION_RETURN,
		                   .target = (uint32_t)server,
		                   .words = { m->id, RM_CONTENTS_KEPT },
		                   .length = 2 };
	if (server >= 0)
		MUST(send_request(&r) == E_GONE, "a donation of a session that is cut is returned");
}

void donate_chance(void)
{
	for (unsigned int i = 0; i < 8; i++)
		return_late();
	const struct session *s = some_session();
	if (!s || w.waiting > SENT_MAX / 2)
		return;
	int client = held_of(&s->client->object), server = held_of(&s->server->object);
	const struct donation *d = nth(s, below(3));
	if (d && d->phase == DONATION_GIVEN && server >= 0 && one_in(2))
		use(d, (uint32_t)server, held_of(&s->server->vspace->object));
	else if (client >= 0 && !model_is_crowded())
		give(s, (uint32_t)client);
}
