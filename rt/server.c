/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The server's loop: see rt/server.h.
 *
 * One request is current: its reply object is in the receive. If its handler parks it another one
 * becomes current, which is made before the handler is called: a park cannot fail. Requests that
 * were parked stay, with their reply objects, for the next that are.
 *
 * A passive server answers by ReplyRecv alone, which gives its caller's scheduling context back: a
 * plain send of the answer would give it away for good. So what a request leaves behind is cleaned
 * up before the answer, or by the next one.
 *
 * Notifications come to the same receive, with the highest bit of the badge set or others of the
 * four highest; ids have none of them.
 */
#include "internal.h"
#include <lib/container.h>
#include <proto/rm_client.h>
#include <rt/client_memory.h>
#include <rt/event.h>
#include <rt/name.h>
#include <rt/server.h>
#include <rt/session.h>
#include <rt/slot.h>

enum {
	ARENA_DEFAULT = 65536,
	CLIENTS_DEFAULT = 1024,
	PARKED_DEFAULT = 16,
	DEADLINE_DEFAULT_MS = 5000,
	ID_BITS = 60,
};

/* The program's one server. */
static struct rt_server *server;

/* server_entry.S: calls loop(s), and again when rt_loop_again() drops everything below. */
_Noreturn void rt_loop_run(struct rt_server *s, void (*loop)(struct rt_server *s), uint64_t *frame);
_Noreturn void rt_loop_again(uint64_t frame);

/* -- requests ---------------------------------------------------------------------------------- */

static err_t request_new(struct rt_server *s)
{
	struct rt_request *r = slab_get(&s->request_slab);
	if (!r)
		return E_NOMEM;
	*r = (struct rt_request){ .server = s, .reply = rt_slot_get() };
	r->proto.words = r->proto.reply = sel4_ipc_buffer()->msg;
	r->proto.state = PROTO_ANSWERED;
	err_t err = r->reply ? rm_reply_create(RT_TASK, rt_slot(r->reply)) : E_LIMIT;
	if (err != E_OK) {
		rt_slot_put(r->reply);
		slab_put(&s->request_slab, r);
		return err;
	}
	list_init(&r->link);
	list_init(&r->page_link);
	list_push_back(&s->free, &r->link);
	return E_OK;
}

/* An answered request as a message; its words are in the IPC buffer. */
static inline __attribute__((always_inline)) struct sel4_msg answer_of(const struct rt_request *r)
{
	const uint64_t *words = sel4_ipc_buffer()->msg;
	word_t info = abi_msginfo(proto_reply_label(&r->proto), 0, 0, r->proto.reply_length);
	if (__builtin_expect(r->proto.cap_out != 0, 0)) {
		assert(r->proto.error != E_OK ||
		       r->server->methods[r->proto.label - PROTO_LABEL_BASE].caps_out);
		sel4_set_cap(0, r->proto.cap_out);
		info |= abi_msginfo(0, 0, 1, 0);
	}
	return (struct sel4_msg){ info, { words[0], words[1], words[2], words[3] }, 0 };
}

/* Whoever waits on the request gets its answer. */
static void send_answer(struct rt_request *r)
{
	bool is_traced = r->server->is_traced;
	if (is_traced)
		rt_trace_answer(r);
	sel4_send(r->reply, answer_of(r));
	if (is_traced)
		rt_trace_show(r->server);
	rt_slot_put(r->given);
	r->given = 0;
}

static void unpark(struct rt_request *r)
{
	r->client->parked_count--;
	if (r->words)
		slab_put(&r->server->words_slab, r->words);
	r->words = NULL;
	list_remove(&r->page_link);
	r->proto.caps = r->proto.unwrapped = 0;
	list_remove(&r->link);
	list_push_back(&r->server->free, &r->link);
}

void rt_answer(struct rt_request *r)
{
	assert(r->proto.state == PROTO_ANSWERED);
	send_answer(r);
	unpark(r);
}

/* A parked request ends with an error. */
static void end_parked(struct rt_request *r, err_t err)
{
	r->proto.state = PROTO_ANSWERED;
	r->proto.error = err;
	r->proto.reply_length = 0;
	r->proto.cap_out = 0;
	send_answer(r);
	unpark(r);
}

/* -- clients ----------------------------------------------------------------------------------- */

/* One is kept, so that a server of few clients does not get and put a page for each. */
static void client_put(struct rt_server *s, struct rt_client *client)
{
	if (s->kept)
		slab_put(&s->client_slab, client);
	else
		s->kept = client;
}

/* What rt keeps for it is no more. */
static void client_free(struct rt_server *s, struct rt_client *client)
{
	struct list *link;
	while ((link = list_pop_front(&client->badges)) != NULL)
		rt_badge_remove(&s->badges, &rt_pages, container_of(link, struct rt_badge, link));
	rt_badge_remove(&s->badges, &rt_pages, &client->badge);
	list_remove(&client->link);
	s->clients_count--;
	client_put(s, client);
}

static void client_end(struct rt_server *s, struct rt_client *client)
{
	const struct rm_session_acknowledge_in in = { .session = client->session };
	struct list *link;
	if (s->service->close && client->accepted)
		s->service->close(s->self, client);
	while ((link = list_first(&client->parked)) != NULL)
		end_parked(container_of(link, struct rt_request, link), E_SEVERED);
	client_free(s, client);
	(void)rm_session_acknowledge(RT_TASK, &in);
}

static err_t client_new(struct rt_server *s, const struct rm_session_opened_event *it,
                        struct rt_client **made)
{
	uint32_t most = s->service->clients_max ? s->service->clients_max : CLIENTS_DEFAULT;
	if (s->clients_count >= most)
		return E_LIMIT;
	if (it->badge != it->session.raw)
		return E_UNSUPPORTED;
	struct rt_client *client = s->kept ? s->kept : slab_get(&s->client_slab);
	if (!client)
		return E_NOMEM;
	s->kept = NULL;
	__builtin_memset(client, 0, sizeof(*client) + s->service->client_bytes);
	client->badge = (struct rt_badge){ .value = it->badge, .client = client };
	client->session = it->session;
	client->server = s;
	client->guarantee = it->guarantee;
	client->limit = it->limit;
	list_init(&client->parked);
	list_init(&client->badges);
	list_init(&client->badge.link);
	err_t err = rt_badge_add(&s->badges, &rt_pages, &client->badge);
	if (err != E_OK) {
		client_put(s, client);
		return err;
	}
	list_push_back(&s->clients, &client->link);
	s->clients_count++;
	*made = client;
	return E_OK;
}

static void on_opened(const struct rm_session_opened_event *it)
{
	struct rt_server *s = server;
	struct rt_client *client = NULL;
	err_t err = client_new(s, it, &client);
	if (err == E_OK && s->service->open)
		err = s->service->open(s->self, client);
	if (err != E_OK) {
		if (client)
			client_free(s, client);
		const struct rm_session_refuse_in in = { .session = it->session, .reason = err };
		(void)rm_session_refuse(RT_TASK, &in);
		return;
	}
	/* If it is gone already, it is severed, and that is told as of any other. */
	client->accepted = true;
	(void)rm_session_accept(RT_TASK, &(struct rm_session_accept_in){ .session = it->session });
}

/*
 * NULL: not a client's: a session of our own with another server; or one that was refused, or is
 * over already.
 */
static struct rt_client *client_of(rm_session_t session)
{
	const struct rt_badge *badge = rt_badge_find(&server->badges, session.raw);
	return badge && badge == &badge->client->badge ? badge->client : NULL;
}

static bool on_severed(const struct rm_session_severed_event *it)
{
	struct rt_client *client = client_of(it->session);
	if (!client)
		return false;
	if (server->is_handling) {
		list_remove(&client->link);
		list_push_back(&server->ending, &client->link);
		server->is_untidy = true;
	} else {
		client_end(server, client);
	}
	return true;
}

static void on_shared(const struct rm_shared_event *it)
{
	struct rt_client *client = client_of(it->session);
	if (client && server->service->shared)
		server->service->shared(server->self, client, it);
}

static void on_recalled(const struct rm_share_recalled_event *it)
{
	struct rt_client *client = client_of(it->session);
	if (client && server->service->recalled)
		server->service->recalled(server->self, client, it);
}

static void on_donated(const struct rm_donated_event *it)
{
	struct rt_client *client = client_of(it->session);
	if (client && server->service->donated)
		server->service->donated(server->self, client, it);
}

/* Those who wait for the page are handled again; by the loop, for a handler may run. */
static void on_client_page(const struct rm_client_page_event *it)
{
	struct rt_server *s = server;
	for (struct list *at = list_first(&s->awaiting), *next; at; at = next) {
		struct rt_request *r = container_of(at, struct rt_request, page_link);
		next = list_after(&s->awaiting, at);
		if (r->at / RT_PAGE != it->at / RT_PAGE)
			continue;
		if (it->result == RM_FAULT_RESULT_LOST) {
			end_parked(r, E_LOST);
		} else {
			list_remove(at);
			list_push_back(&s->again, at);
		}
	}
	s->was_told = true;
	s->is_untidy |= s->is_handling;
}

void rt_client_sever(struct rt_client *client)
{
	(void)rm_session_sever(RT_TASK,
	                       &(struct rm_session_sever_in){ .session = client->session });
}

err_t rt_client_bank(struct rt_client *client, cptr_t *bank)
{
	const struct rm_session_bank_in in = { .session = client->session };
	cptr_t slot = rt_slot_get();
	err_t err = slot ? rm_session_bank(RT_TASK, &in, rt_slot(slot)) : E_LIMIT;
	if (err == E_OK)
		*bank = slot;
	else
		rt_slot_put(slot);
	return err;
}

err_t rt_badge_make(struct rt_client *client, struct rt_badge *badge, uint8_t kind, void *ctx,
                    cptr_t *slot)
{
	const struct rm_session_mint_endpoint_in in = { .session = client->session };
	struct rm_session_mint_endpoint_out out;
	cptr_t made = rt_slot_get();
	err_t err = made ? rm_session_mint_endpoint(RT_TASK, &in, rt_slot(made), &out) : E_LIMIT;
	if (err != E_OK) {
		rt_slot_put(made);
		return err;
	}
	*badge = (struct rt_badge){
		.value = out.badge, .client = client, .ctx = ctx, .root = out.root.raw, .kind = kind
	};
	list_init(&badge->link);
	err = rt_badge_add(&client->server->badges, &rt_pages, badge);
	if (err != E_OK) {
		rt_slot_put(made);
		const struct rm_session_revoke_root_in back = { .session = client->session,
			                                        .root = out.root };
		(void)rm_session_revoke_root(RT_TASK, &back);
		return err;
	}
	list_push_back(&client->badges, &badge->link);
	*slot = made;
	return E_OK;
}

void rt_badge_end(struct rt_client *client, struct rt_badge *badge)
{
	const struct rm_session_revoke_root_in in = { .session = client->session,
		                                      .root = { badge->root } };
	(void)rm_session_revoke_root(RT_TASK, &in);
	list_remove(&badge->link);
	rt_badge_remove(&client->server->badges, &rt_pages, badge);
}

err_t rt_client_notification(struct rt_client *client, cptr_t *mine, cptr_t *theirs)
{
	const struct rm_notification_create_in in = { .session = client->session, .badge = 1 };
	struct rm_notification_create_out made;
	struct rm_session_mint_notification_out minted;
	cptr_t first = rt_slot_get(), second = rt_slot_get();
	err_t err = first && second ? rm_notification_create(RT_TASK, &in, rt_slot(first), &made)
	                            : E_LIMIT;
	if (err == E_OK) {
		const struct rm_session_mint_notification_in mint = {
			.session = client->session,
			.notification = made.notification,
			.badge = 1,
			.rights = RM_RIGHT_READ,
		};
		err = rm_session_mint_notification(RT_TASK, &mint, rt_slot(second), &minted);
	}
	if (err != E_OK) {
		rt_slot_put(first);
		rt_slot_put(second);
		return err;
	}
	*mine = first;
	*theirs = second;
	return E_OK;
}

/* -- handlers ---------------------------------------------------------------------------------- */

cptr_t rt_take(struct rt_request *r)
{
	struct rt_server *s = r->server;
	assert(r == s->current);
	cptr_t next = s->has_come ? rt_slot_get() : 0;
	if (next == 0)
		return 0;
	cptr_t taken = s->receive;
	s->receive = next;
	s->has_come = false;
	return taken;
}

void rt_give(struct rt_request *r, cptr_t slot, bool take)
{
	r->proto.cap_out = slot;
	r->given = take ? slot : 0;
	r->server->is_untidy |= take;
}

/* Answered, without a handler's doing. */
static bool refuse(struct rt_request *r, err_t err)
{
	r->proto.state = PROTO_ANSWERED;
	r->proto.error = err;
	r->proto.reply_length = 0;
	r->proto.cap_out = 0;
	return true;
}

/* A method that parks is handled only if it can be parked. */
static bool may_park(struct rt_server *s, const struct rt_client *client)
{
	return s->service->passive || (client->parked_count < s->parked_max &&
	                               (!list_is_empty(&s->free) || request_new(s) == E_OK));
}

/* The handler said PENDING. True: that is the answer. */
static bool park(struct rt_server *s, struct rt_request *r)
{
	if (s->service->passive)
		return refuse(r, E_PENDING);
	list_push_back(&r->client->parked, &r->link);
	r->client->parked_count++;
	s->current = container_of(list_pop_front(&s->free), struct rt_request, link);
	return false;
}

/* The capabilities that came: those of the server's own by what they stand for. */
static void note_caps(struct rt_server *s, struct rt_request *r)
{
	unsigned int own = 0;
	for (unsigned int i = 0; i < r->proto.caps && i < PROTO_CAPS_MAX; i++) {
		r->proto.cap_badges[i] = sel4_ipc_buffer()->caps_or_badges[i];
		r->proto.cap_kinds[i] = 0;
		if (!(r->proto.unwrapped >> i & 1))
			continue;
		const struct rt_badge *badge = rt_badge_find(&s->badges, r->proto.cap_badges[i]);
		r->proto.cap_kinds[i] = badge ? badge->kind : 0;
		r->proto.objects[1 + i] = badge ? badge->ctx : NULL;
		own++;
	}
	s->has_come = r->proto.caps > own;
	s->is_untidy |= s->has_come;
}

/* After a handler: what it left behind. */
static void clean_up(struct rt_server *s)
{
	struct list *link;
	if (s->has_come)
		rt_slot_clear(s->receive);
	s->has_come = false;
	if (s->is_traced)
		rt_trace_show(s);
	while ((link = list_first(&s->ending)) != NULL)
		client_end(s, container_of(link, struct rt_client, link));
}

/* An answer's words, while something else is called. */
static void clean_up_before(struct rt_server *s, const struct rt_request *r)
{
	static uint64_t saved[ABI_MSG_MAX];
	uint64_t *words = sel4_ipc_buffer()->msg;
	size_t bytes = r->proto.reply_length * sizeof(saved[0]);
	__builtin_memcpy(saved, words, bytes);
	/* What went with the answer before this one. */
	rt_slot_put(s->given);
	clean_up(s);
	__builtin_memcpy(words, saved, bytes);
}

/* What the request that was handled left behind goes. */
__attribute__((noinline)) static bool tidy_up(struct rt_server *s, struct rt_request *r,
                                              bool answered)
{
	s->is_untidy = false;
	if (!s->has_come && list_is_empty(&s->ending) && !r->given && !s->given && !s->is_traced)
		return answered;
	if (s->service->passive) {
		if (s->is_traced)
			rt_trace_answer(r);
		clean_up_before(s, r);
		s->given = r->given;
		r->given = 0;
		s->is_untidy = s->given != 0; /* at the next one */
		return answered;
	}
	/* The answer is in the buffer, and has to go before anything else is called. */
	if (answered)
		send_answer(r);
	clean_up(s);
	return false;
}

/* After a handler. True: r is answered, and that is to be sent. */
static inline bool handled(struct rt_server *s, struct rt_request *r, bool answered)
{
	s->is_handling = false;
	rt_arena_drop(&s->arena);
	return __builtin_expect(s->is_untidy, 0) ? tidy_up(s, r, answered) : answered;
}

_Noreturn void rt_abort(struct rt_request *r, err_t err)
{
	struct rt_server *s = r->server;
	assert(r->phase != RT_COMMIT && err != E_PENDING && s->is_handling);
	assert(r == s->current);
	r->proto.caps = r->proto.unwrapped = 0;
	window_drop();
	s->answers = handled(s, r, refuse(r, err));
	rt_loop_again(s->frame);
}

/* The words of the request that is handled, if it may park: calls overwrite the buffer. */
static uint64_t came[ABI_MSG_MAX];

static bool method_parks(const struct rt_server *s, const struct rt_request *r)
{
	const struct proto_interface *interface = s->service->interface;
	uint64_t number = r->proto.label - PROTO_LABEL_BASE;
	return number < interface->methods_count && interface->methods[number].flags & PROTO_PARKS;
}

static bool may_retry(const struct rt_server *s, const struct rt_request *r)
{
	return method_parks(s, r) && r->proto.caps == 0 && !s->service->passive;
}

_Noreturn void rt_retry(struct rt_request *r)
{
	struct rt_server *s = r->server;
	assert(r->phase != RT_COMMIT && s->is_handling && r == s->current);
	r->words = may_retry(s, r) ? slab_get(&s->words_slab) : NULL;
	if (!r->words)
		rt_abort(r, E_AGAIN);
	__builtin_memcpy(r->words, came, r->proto.length * sizeof(came[0]));
	r->at = client_missed();
	window_drop();
	(void)park(s, r);
	/* The page may have come while the handler took events itself. */
	list_push_back(s->was_told ? &s->again : &s->awaiting, &r->page_link);
	s->answers = handled(s, r, false);
	rt_loop_again(s->frame);
}

static inline void begin(struct rt_server *s, struct rt_request *r, struct rt_badge *target,
                         word_t info)
{
	r->client = target->client;
	r->target = target;
	r->phase = RT_FETCH;
	r->proto.label = abi_msginfo_label(info);
	r->proto.length = (unsigned int)abi_msginfo_length(info);
	r->proto.badge = target->value;
	r->proto.target_kind = target->kind;
	r->proto.objects[0] = target->ctx;
	s->is_handling = true;
}

/* The method of a request of which nothing has to be asked but what is here; NULL: handle() it. */
static inline const struct proto_method *plain_method(const struct rt_server *s,
                                                      const struct rt_badge *target, word_t info)
{
	enum { ASKED = PROTO_PRIVILEGED | PROTO_PARKS };
	uint64_t number = abi_msginfo_label(info) - PROTO_LABEL_BASE;
	uint32_t length = (uint32_t)abi_msginfo_length(info);
	if (number >= s->methods_count)
		return NULL;
	const struct proto_method *method = &s->methods[number];
	if (!method->serve || method->flags & ASKED || method->caps_in || abi_msginfo_caps(info) ||
	    length < method->in.words_min || length > method->in.words_max ||
	    (method->target && method->target != target->kind))
		return NULL;
	return method;
}

/*
 * What comes and is no request. True: s->current is answered, for those who call and do not send.
 */
__attribute__((noinline)) static bool take_other(struct rt_server *s, struct rt_badge *target,
                                                 word_t badge, word_t info)
{
	if (badge >> ID_BITS != 0) {
		(void)rt_event_dispatch(badge);
		return false;
	}
	/* A capability may have come even so, and must not be in the way of the next. */
	if (s->receive && abi_msginfo_caps(info) > 0)
		rt_slot_clear(s->receive);
	if (target && s->service->bell)
		s->service->bell(s->self, target->client);
	return refuse(s->current, target ? E_OK : E_GONE);
}

/* Any request. True: s->current is answered, and that is to be sent. */
__attribute__((noinline)) static bool handle(struct rt_server *s, struct rt_badge *target,
                                             word_t info)
{
	const struct proto_interface *interface = s->service->interface;
	if (abi_msginfo_label(info) == RT_LABEL_BELL)
		return take_other(s, target, target->value, info);
	struct rt_request *r = s->current;
	begin(s, r, target, info);
	r->proto.state = PROTO_NEW;
	r->proto.caps = (unsigned int)abi_msginfo_caps(info);
	r->proto.unwrapped = (unsigned int)abi_msginfo_unwrapped(info);
	if (r->proto.caps > 0)
		note_caps(s, r);
	if (s->is_traced) {
		rt_trace_request(r);
		s->is_untidy = true;
	}
	bool answered, parks = method_parks(s, r);
	if (parks) {
		__builtin_memcpy(came, r->proto.words, r->proto.length * sizeof(came[0]));
		s->was_told = false;
	}
	if (parks && !may_park(s, r->client))
		answered = refuse(r, E_NOMEM);
	else
		answered = proto_dispatch(interface, s->service->ops, s->self, &r->proto);
	if (!answered)
		answered = park(s, r);
	if (answered)
		r->proto.caps = r->proto.unwrapped = 0;
	return handled(s, r, answered);
}

/*
 * A request whose page has come is handled once more, as the current one. True: it is answered, and
 * that is to be sent.
 */
__attribute__((noinline, cold)) static bool handle_again(struct rt_server *s)
{
	struct rt_request *r = container_of(list_first(&s->again), struct rt_request, page_link);
	/* Its object may have ended meanwhile. */
	struct rt_badge *target = rt_badge_find(&s->badges, r->proto.badge);
	for (unsigned int i = 0; i < r->proto.length; i++)
		sel4_ipc_buffer()->msg[i] = r->words[i];
	unpark(r);
	list_remove(&r->link);
	list_push_back(&s->free, &s->current->link);
	s->current = r;
	return target ? handle(s, target, abi_msginfo(r->proto.label, 0, 0, r->proto.length))
	              : refuse(r, E_GONE);
}

/* -- the loop ---------------------------------------------------------------------------------- */

/* True: s->current is answered, and that is to be sent. */
static inline bool take(struct rt_server *s, word_t badge, word_t info)
{
	struct rt_request *r = s->current;
	struct rt_badge *target = badge >> ID_BITS ? NULL : rt_badge_find(&s->badges, badge);
	if (__builtin_expect(!target, 0))
		return take_other(s, target, badge, info);
	const struct proto_method *method = plain_method(s, target, info);
	if (__builtin_expect(!method, 0))
		return handle(s, target, info);
	begin(s, r, target, info);
	r->proto.reply_length = 0;
	r->proto.cap_out = 0;
	r->proto.error = method->serve(s->ops, s->self, &r->proto);
	assert(r->proto.error != E_PENDING);
	return handled(s, r, true);
}

static inline __attribute__((always_inline)) void receive_open(const struct rt_server *s)
{
	if (s->receive)
		proto_receive_into(rt_slot(s->receive));
}

_Noreturn static void loop(struct rt_server *s)
{
	/*
	 * Volatile, or the compiler brings them together for a store of two, by way of the stack.
	 */
	volatile uint64_t *words = sel4_ipc_buffer()->msg;
	struct sel4_msg m;
	bool was_left = s->answers;
	s->answers = false;
	if (was_left)
		goto answer;
receive:
	while (__builtin_expect(!list_is_empty(&s->again), 0))
		if (handle_again(s))
			goto answer;
	receive_open(s);
	m = sel4_recv(s->endpoint, s->current->reply);
	goto came;
answer:
	receive_open(s);
	m = sel4_reply_recv(s->endpoint, answer_of(s->current), s->current->reply);
came:
	for (unsigned int i = 0; i < ABI_MSG_REGS; i++)
		words[i] = m.mr[i];
	if (s->receive)
		proto_receive_into((struct sel4_slot){ 0 });
	if (take(s, m.badge, m.info))
		goto answer;
	goto receive;
}

_Noreturn void rt_server_run(struct rt_server *s)
{
	rt_loop_run(s, loop, &s->frame);
}

/*
 * The thread's scheduling context is the notification's from now on: rm does that while this waits
 * there, and says so by a signal. If it found events for this program instead, once more.
 */
static void give_up_context(void)
{
	const struct sel4_msg m = {
		abi_msginfo(PROTO_LABEL_BASE + RM_METHOD_THREAD_GIVE_UP_CONTEXT, 0, 0, 0), { 0 }, 0
	};
	cptr_t notification = rt_event_notification();
	uint64_t badge;
	do
		while ((badge = sel4_nb_wait(notification).badge) != 0)
			(void)rt_event_dispatch(badge);
	while (rt_event_dispatch(sel4_nb_send_wait(RT_THREAD, m, notification).badge) > 0);
}

/* Some method takes a capability that is not one of the server's own. */
static bool takes_caps(const struct proto_interface *interface)
{
	for (unsigned int i = 0; i < interface->methods_count; i++)
		for (unsigned int j = 0; j < interface->methods[i].caps_in; j++)
			if (interface->methods[i].cap_kinds[j] == 0)
				return true;
	return false;
}

/* The parts that cost something; what is there is given back by server_fini(). */
static err_t server_init(struct rt_server *s)
{
	const struct rt_service *service = s->service;
	struct rm_name_register_in in = {
		.deadline = service->deadline_ms ? service->deadline_ms : DEADLINE_DEFAULT_MS,
		.version = (uint16_t)service->interface->version,
	};
	void *arena;
	err_t err = rt_map(s->arena.bytes, &arena);
	if (err != E_OK)
		return err;
	s->arena.base = arena;
	err = request_new(s);
	if (err != E_OK)
		return err;
	s->current = container_of(list_pop_front(&s->free), struct rt_request, link);
	s->endpoint = rt_slot_get();
	if (takes_caps(service->interface))
		s->receive = rt_slot_get();
	if (!s->endpoint || (takes_caps(service->interface) && !s->receive))
		return E_LIMIT;
	const struct rm_event_bind_in bind = { .badge = RT_BADGE_EVENT };
	if (!rt_event_notification())
		return E_NOMEM;
	err = rm_event_bind(RT_TASK, RT_THREAD, &bind);
	if (err != E_OK)
		return err;
	if (service->passive)
		give_up_context();
	in.name_count = rt_name(in.name, service->name, RM_NAME_MAX);
	return rm_name_register(RT_TASK, &in, rt_slot(s->endpoint));
}

static void server_fini(struct rt_server *s)
{
	if (s->arena.base)
		(void)rt_unmap(s->arena.base, s->arena.bytes);
	if (s->current) {
		rt_slot_put(s->current->reply);
		slab_put(&s->request_slab, s->current);
	}
	rt_slot_put(s->endpoint);
	rt_slot_put(s->receive);
	server = NULL;
}

err_t rt_server_start(struct rt_server *s, const struct rt_service *service)
{
	uint32_t arena = service->arena_bytes ? service->arena_bytes : ARENA_DEFAULT;
	_Static_assert(sizeof(struct rt_client) + RT_CLIENT_BYTES_MAX <= SLAB_BLOCK_MAX &&
	               sizeof(struct rt_client) % 16 == 0);
	if (server)
		return E_BUSY;
	if (service->client_bytes > RT_CLIENT_BYTES_MAX)
		return E_TOOBIG;
	*s = (struct rt_server){ .service = service,
		                 .self = service->self ? service->self : s,
		                 .ops = service->ops,
		                 .methods = service->interface->methods,
		                 .parked_max = service->parked_max ? service->parked_max
		                                                   : PARKED_DEFAULT };
	s->arena.bytes = (arena + RT_PAGE - 1ul) & -(size_t)RT_PAGE;
	list_init(&s->free);
	list_init(&s->clients);
	list_init(&s->ending);
	list_init(&s->awaiting);
	list_init(&s->again);
	/* At multiples of 16: a page's blocks are so if their size is. */
	slab_init(&s->client_slab, &rt_pages,
	          (uint32_t)(sizeof(struct rt_client) + service->client_bytes + 15) & ~15u);
	slab_init(&s->request_slab, &rt_pages, sizeof(struct rt_request));
	slab_init(&s->words_slab, &rt_pages, sizeof(came));
	server = s;
	rt_event_hooks.opened = on_opened;
	rt_event_hooks.server_severed = on_severed;
	rt_event_hooks.shared = on_shared;
	rt_event_hooks.recalled = on_recalled;
	rt_event_hooks.donated = on_donated;
	rt_event_hooks.client_page = on_client_page;
	rt_server_trace(s, rt_trace_is_wanted());
	err_t err = server_init(s);
	if (err != E_OK)
		server_fini(s);
	return err;
}
