/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Donation: pages that a client gives to its session's server, until the server gives them back or
 * the session has ended.
 *
 * They move, with their frames and as much of the limit that paid for them, out of the client's
 * dataspace, their home, into one of the server's, which the session's bank pays for. Where they
 * were, the home has nothing (an interval of its map `away`): an access there is LOST. All donated
 * pages are resident, and nothing shares them or pins them: so whatever the client does, the server
 * needs no memory for them.
 *
 * A move, either way, has two parts, each in steps. Preparing makes each page the dataspace's own,
 * and a record for it, without a frame, where it goes to; it may fail, and then the records go
 * again. Handing over cannot fail: it goes on whoever dies meanwhile, and both dataspaces wait.
 *
 * What is owed goes back to the bank that it came from; when that is gone, to its parent. Of pages
 * that the server donated in its turn, what does not come back to its dataspace goes where that is
 * owed.
 */
#include "internal.h"
#include <lib/assert.h>
#include <lib/range.h>

/* So many move within the request: the server waits for them, and steps take longer. */
enum { AT_ONCE_MAX = 64 };

static struct donation *donation_away(struct interval *i)
{
	return i ? container_of(i, struct donation, away) : NULL;
}

/* There is no page, for it is away from its home, or went away from a donation for good. */
bool donation_took(const struct dataspace *ds, uint64_t index)
{
	const struct donation *d = donation_away(interval_find(&ds->away, index));
	return ds->donation || (d && d->took);
}

/* None of the pages is away, or about to be. */
bool donation_spares(const struct dataspace *ds, uint64_t first, uint64_t end)
{
	const struct interval *i = interval_find_from(&ds->away, first);
	return !i || i->start >= end;
}

/* -- moves ------------------------------------------------------------------------------------ */

struct move {
	struct dataspace *from, *to;
	uint64_t from_first, to_first, size;
};

static struct move move_of(const struct donation *d)
{
	uint64_t first = d->away.start, size = d->away.end - first;
	return d->returns ? (struct move){ d->dataspace, d->home, 0, first, size }
	                  : (struct move){ d->home, d->dataspace, first, 0, size };
}

/* Those it has to do with are there still, and want it. */
static bool is_wanted(const struct donation *d)
{
	return !d->object.dying && !d->home->object.dying && !d->dataspace->object.dying &&
	       (d->returns || (d->session && d->session->state == RM_SESSION_STATE_OPEN));
}

static err_t prepare_page(struct rm *rm, const struct donation *d, const struct move *m, uint64_t i)
{
	struct page *page;
	/* The home may have been cut; what was passed on may not have come back. */
	bool is_hole = m->from->donation && !dataspace_has(m->from, m->from_first + i);
	if (d->returns && (is_hole || m->to_first + i >= m->to->size))
		return E_OK;
	if (is_hole)
		return E_GONE;
	err_t err = dataspace_take(rm, m->from, m->from_first + i, &page);
	if (err != E_OK)
		return err;
	if (page->pins > 0)
		return E_BUSY;
	if (d->wipes && !frame_window(rm, page->frame))
		return E_NOMEM;
	return dataspace_place(m->to, m->to_first + i);
}

static void hand_over_page(struct rm *rm, struct donation *d, const struct move *m, uint64_t i)
{
	struct page *page = dataspace_placed(m->to, m->to_first + i);
	if (!page)
		return;
	frame_t f = dataspace_leave(rm, m->from, m->from_first + i);
	page->frame = f;
	frame_at(rm, f)->page = page;
	m->to->resident++;
	if (d->wipes)
		__builtin_memset(frame_window(rm, f), 0, PAGE);
	struct bank *from = m->from->object.bank, *to = m->to->object.bank;
	from->used--;
	from->limit--;
	to->limit++;
	to->used++;
	d->owed += d->returns ? -1ull : 1ull;
}

/* A step of each part of a move. PENDING, false: there is more to do. */
static err_t prepare(struct rm *rm, struct donation *d, const struct move *m)
{
	for (unsigned int i = 0; i < STEP_PAGES && d->cursor < m->size; i++, d->cursor++) {
		err_t err = is_wanted(d) ? prepare_page(rm, d, m, d->cursor) : E_GONE;
		if (err != E_OK)
			return err;
	}
	return d->cursor < m->size ? E_PENDING : E_OK;
}

static bool unprepare(struct donation *d, const struct move *m)
{
	for (unsigned int i = 0; i < STEP_PAGES && d->cursor > 0; i++)
		dataspace_unplace(m->to, m->to_first + --d->cursor);
	return d->cursor == 0;
}

static bool hand_over(struct rm *rm, struct donation *d, const struct move *m)
{
	for (unsigned int i = 0; i < STEP_PAGES && d->cursor < m->size; i++)
		hand_over_page(rm, d, m, d->cursor++);
	return d->cursor == m->size;
}

static void donate_answer(struct rm *rm, const struct donation *d, struct waiter *waiter, err_t err)
{
	struct proto_request request = { .state = PROTO_PARKED };
	uint64_t words[PROTO_WORDS_FAST];
	request.reply = words;
	const struct rm_donate_out out = { { slotmap_id(&rm->objects, d) } };
	rm_donate_answer(&request, err, &out);
	answer_request(rm, waiter, &request);
}

/* The move is over; the caller, if it waits, is told. */
static void move_end(struct rm *rm, struct donation *d, err_t err)
{
	struct list *waiter = list_first(&d->working);
	assert(d->home && d->dataspace); /* both wait for that */
	bool returned = d->returns && (err == E_OK || (err == E_GONE && d->home->object.dying));
	d->home->giving = d->dataspace->giving = NULL;
	d->phase = DONATION_GIVEN;
	d->cursor = 0;
	if (!d->object.dying)
		job_end(rm, &d->object);
	if (d->returns) {
		d->returns = false;
		/* Who returned it waits until it is gone. */
		if (returned)
			list_append_all(&d->object.waiters, &d->working);
		answer_all(rm, &d->working, err);
	} else if (waiter) {
		donate_answer(rm, d, container_of(waiter, struct waiter, link), err);
	}
	if (returned || d->owed == 0)
		object_kill(rm, &d->object);
	else if (err == E_OK && d->session && d->session->server)
		event_send(rm, d->session->server, &d->donated);
}

/* A step of the move. PENDING: there is more to do. Else it is over. */
static err_t move_step(struct rm *rm, struct donation *d)
{
	const struct move m = move_of(d);
	switch (d->phase) {
	case DONATION_PREPARING:
		d->error = prepare(rm, d, &m);
		if (d->error != E_OK) {
			if (d->error != E_PENDING)
				d->phase = DONATION_FAILED;
			return E_PENDING;
		}
		d->phase = DONATION_MOVING;
		d->took = true;
		d->cursor = 0;
		[[fallthrough]];
	case DONATION_MOVING:
		if (!hand_over(rm, d, &m))
			return E_PENDING;
		break;
	default:
		if (!unprepare(d, &m))
			return E_PENDING;
		break;
	}
	move_end(rm, d, d->error);
	return d->error;
}

static void move_begin(struct donation *d, bool returns)
{
	d->home->giving = d->dataspace->giving = d;
	d->returns = returns;
	d->phase = DONATION_PREPARING;
	d->cursor = 0;
}

/* -- the end ----------------------------------------------------------------------------------- */

static void owe(struct donation *d, struct bank *lender)
{
	d->lender = lender;
	list_remove(&d->lender_link);
	list_push_back(&lender->lent, &d->lender_link);
}

/* The next of the bank's donations is owed to its parent. False: there is none. */
bool donation_inherit(struct bank *bank)
{
	struct list *link = list_first(&bank->lent);
	if (link)
		owe(container_of(link, struct donation, lender_link), bank->parent);
	return link != NULL;
}

/*
 * So many pages of it do not come back: whoever passed them on is not owed them either. The one who
 * passed them on first.
 */
static struct donation *write_off(struct donation *d, uint64_t pages)
{
	while (d->home && d->home->donation) {
		d = d->home->donation;
		d->owed -= pages;
	}
	return d;
}

/* A page of it is no more: its limit goes back at once, before the session's bank can spend it. */
void donation_pay(struct donation *d)
{
	d->object.bank->limit--;
	d->owed--;
	write_off(d, 1)->lender->limit++;
}

/* The next donation out of a dataspace that ends has no home any more. False: there is none. */
bool donation_orphan(struct dataspace *home)
{
	struct donation *d = donation_away(interval_first(&home->away));
	if (!d)
		return false;
	owe(d, write_off(d, d->owed)->lender);
	interval_remove(&home->away, &d->away);
	d->home = NULL;
	return true;
}

/*
 * The session is severed: the server keeps the next of its donations as it is, until it has
 * acknowledged that. False: there is none.
 */
bool donation_detach(struct rm *rm, struct session *s)
{
	struct list *link = list_pop_front(&s->donations);
	if (!link)
		return false;
	struct donation *d = container_of(link, struct donation, session_link);
	if (s->server)
		event_cancel(rm, s->server, &d->donated);
	d->session = NULL;
	return true;
}

/* The donation's dataspace is no more: the donation ends, or goes on ending. */
void donation_lose(struct rm *rm, struct donation *d)
{
	d->dataspace = NULL;
	d->object.dying = true;
	job_add(rm, &d->object);
}

/* A part of a move, or of the donation's end. True: it is over, or goes on later. */
bool donation_work(struct rm *rm, struct donation *d)
{
	if (d->phase != DONATION_GIVEN)
		return move_step(rm, d) != E_PENDING && !d->object.dying;
	if (d->dataspace) {
		list_remove(&d->object.link); /* until donation_lose */
		object_kill(rm, &d->dataspace->object);
		return true;
	}
	assert(d->owed == 0);
	if (d->home)
		interval_remove(&d->home->away, &d->away);
	if (d->session && d->session->server)
		event_cancel(rm, d->session->server, &d->donated);
	list_remove(&d->session_link);
	list_remove(&d->lender_link);
	object_free(rm, &d->object);
	return true;
}

/* -- requests ---------------------------------------------------------------------------------- */

static err_t donation_new(struct rm *rm, struct session *s, struct dataspace *home, uint64_t first,
                          uint64_t size, struct donation **made)
{
	err_t err = object_new(rm, s->object.bank, KIND_DONATION, made);
	if (err != E_OK)
		return err;
	struct donation *d = *made;
	err = dataspace_new(rm, s->object.bank, RM_DATASPACE_KIND_ANONYMOUS, size, false,
	                    &d->dataspace);
	if (err != E_OK) {
		object_free(rm, &d->object);
		return err;
	}
	d->dataspace->donation = d;
	d->session = s;
	d->home = home;
	d->lender = home->object.bank;
	list_init(&d->working);
	list_init(&d->session_link);
	list_init(&d->lender_link);
	list_push_back(&s->donations, &d->session_link);
	list_push_back(&d->lender->lent, &d->lender_link);
	event_init(&d->donated, RM_EVENT_DONATED);
	return interval_insert(&home->away, &d->away, first, first + size);
}

err_t on_donate(struct rm *rm, struct proto_request *request, struct task *task,
                struct dataspace *home, const struct rm_donate_in *in, struct rm_donate_out *out)
{
	struct session *s = session_to_give(rm, task, in->session.raw);
	const struct bank *bank = home->object.bank;
	struct donation *d;
	if (!s)
		return E_GONE;
	if (rights_of(request->cap_badges[0]) != FACET_RIGHTS)
		return E_PERM;
	if (!range_ok(in->first, in->size, home->size))
		return E_RANGE;
	bool wipes = in->contents == RM_CONTENTS_WIPED, raw = home->kind == RM_DATASPACE_KIND_RAW;
	if (home->kind == RM_DATASPACE_KIND_PAGED || home->kind == RM_DATASPACE_KIND_DEVICE ||
	    home->backing || home->lost || (raw && !wipes))
		return E_UNSUPPORTED;
	if (home->flags || home->seals > 0 || dataspace_is_busy(home) ||
	    !donation_spares(home, in->first, in->first + in->size))
		return E_BUSY;
	if (in->size > bank->limit - bank->used + home->resident)
		return E_LIMIT;
	err_t err = donation_new(rm, s, home, in->first, in->size, &d);
	if (err != E_OK)
		return err;
	d->wipes = wipes && !raw; /* the kernel does */
	move_begin(d, false);
	if (in->size > AT_ONCE_MAX) {
		err = wait_for(rm, task->object.bank, &d->working, RM_METHOD_DONATE);
		if (err == E_OK) {
			job_add(rm, &d->object);
			return E_PENDING;
		}
		move_end(rm, d, err);
		return err;
	}
	out->donation = (rm_donation_t){ slotmap_id(&rm->objects, d) };
	while ((err = move_step(rm, d)) == E_PENDING)
		continue;
	return err;
}

/* The donation of that id, if the task is its server. */
static struct donation *donation_of(struct rm *rm, const struct task *task, uint64_t id)
{
	struct donation *d = object_of_kind(rm, id, KIND_DONATION);
	return d && d->phase == DONATION_GIVEN && !d->dataspace->object.dying && d->session &&
	                       d->session->server == task
	               ? d
	               : NULL;
}

err_t on_donation_open(struct rm *rm, struct proto_request *request, struct task *task,
                       const struct rm_donation_open_in *in)
{
	const struct donation *d = donation_of(rm, task, in->donation.raw);
	return d ? object_cap(rm, request, &d->dataspace->object, FACET_RIGHTS) : E_GONE;
}

/* Few pages are back at once, and what is left of the donation goes in steps. */
static err_t return_few(struct rm *rm, struct donation *d)
{
	err_t err;
	move_begin(d, true);
	while ((err = move_step(rm, d)) == E_PENDING)
		continue;
	bool home_is_gone = err == E_GONE && d->home->object.dying;
	if (err != E_OK && !home_is_gone)
		return err;
	(void)donation_work(rm, d); /* the end of its dataspace */
	if (!d->dataspace)
		(void)donation_work(rm, d);
	return E_OK;
}

err_t on_donation_return(struct rm *rm, struct proto_request *, struct task *task,
                         const struct rm_donation_return_in *in)
{
	struct donation *d = donation_of(rm, task, in->donation.raw);
	if (!d)
		return E_GONE;
	if (d->dataspace->seals > 0)
		return E_BUSY;
	bool kept = in->contents == RM_CONTENTS_KEPT && d->home && !d->home->object.dying &&
	            d->home->kind != RM_DATASPACE_KIND_RAW;
	if (!kept) {
		object_kill(rm, &d->object);
		return E_OK;
	}
	if (dataspace_is_busy(d->home) || dataspace_is_busy(d->dataspace))
		return E_BUSY;
	d->wipes = false;
	if (d->away.end - d->away.start <= AT_ONCE_MAX)
		return return_few(rm, d);
	err_t err = wait_for(rm, task->object.bank, &d->working, RM_METHOD_DONATION_RETURN);
	if (err != E_OK)
		return err;
	move_begin(d, true);
	job_add(rm, &d->object);
	return E_PENDING;
}
