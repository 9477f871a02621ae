/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Names, and sessions between a client and a server.
 *
 * A session: OPENING (the server is told), OPEN (it accepted), SEVERED. Severed: every capability
 * that the client got through it (its roots) is revoked, wherever it was passed on, and what was
 * sent with it and not received is cancelled: first Revoke, then CancelBadgedSends, then Delete.
 * Then the server cleans up and acknowledges. The session is over, and its bank destroyed, when the
 * roots are gone, the server has acknowledged (or never knew of it, or is dead), and the client has
 * taken the event that says so (or is dead, or ended it itself). A server that does not accept, or
 * acknowledge, in time is a failed one. What the client sealed for the server (share.c) ends when
 * that has acknowledged, or is dead.
 */
#include "internal.h"
#include <lib/assert.h>

enum { SEVER_STEPS = 8, SETTLE_STEPS = 3 };

/* ---- names ----------------------------------------------------------------------------------- */

static int name_compare(const struct name *name, const char *text, unsigned int length)
{
	for (unsigned int i = 0; i < length; i++)
		if (name->text[i] != text[i])
			return (unsigned char)text[i] < (unsigned char)name->text[i] ? -1 : 1;
	return name->text[length] ? -1 : 0;
}

/* NULL: no such name; *parent and *side tell where it would be. */
static struct name *name_at(struct rm *rm, const char *text, unsigned int length,
                            struct tree_node **parent, int *side)
{
	*parent = NULL;
	for (struct tree_node *node = rm->names.root; node; node = node->child[*side]) {
		struct name *name = container_of(node, struct name, node);
		int order = name_compare(name, text, length);
		if (order == 0)
			return name;
		*parent = node;
		*side = order > 0;
	}
	return NULL;
}

static struct bank *names_bank(const struct rm *rm)
{
	return rm->system->bank;
}

/* Nobody has anything to do with it any more. */
void name_settle(struct rm *rm, struct name *name)
{
	if (name->server || !list_is_empty(&name->grants) || !list_is_empty(&name->watches))
		return;
	tree_remove(&rm->names, &name->node);
	record_put(names_bank(rm), SLAB_NODE, name);
}

static struct grant *grant_find(const struct task *task, const struct name *name)
{
	for (struct list *at = list_first(&task->grants); at; at = list_after(&task->grants, at)) {
		struct grant *grant = container_of(at, struct grant, task_link);
		if (grant->name == name)
			return grant;
	}
	return NULL;
}

void grant_drop(struct rm *rm, struct grant *grant)
{
	struct name *name = grant->name;
	list_remove(&grant->task_link);
	list_remove(&grant->name_link);
	record_put(grant->task->object.bank, SLAB_RECORD, grant);
	name_settle(rm, name);
}

/* The name, if the task has the right to it; else it is as if there were none. */
static struct name *name_for(struct rm *rm, const struct task *task, const char *text,
                             unsigned int length, uint8_t rights)
{
	struct tree_node *parent;
	int side;
	struct name *name = name_at(rm, text, length, &parent, &side);
	const struct grant *grant = name ? grant_find(task, name) : NULL;
	return grant && grant->rights & rights ? name : NULL;
}

void name_drop_server(struct rm *rm, struct name *name)
{
	list_remove(&name->server_link);
	name->server = NULL;
	name->endpoint = 0;
	name_settle(rm, name);
}

err_t on_name_grant(struct rm *rm, struct proto_request *, struct task *task,
                    const struct rm_name_grant_in *in)
{
	struct tree_node *parent;
	int side = 0;
	if (task->state == RM_TASK_STATE_DEAD)
		return E_GONE;
	struct name *name = name_at(rm, in->name, in->name_count, &parent, &side);
	struct grant *grant = name ? grant_find(task, name) : NULL;
	if (grant) {
		grant->rights = in->rights;
		return E_OK;
	}
	grant = record_get(task->object.bank, SLAB_RECORD);
	if (!grant)
		return E_NOMEM;
	if (!name) {
		name = record_get(names_bank(rm), SLAB_NODE);
		if (!name) {
			record_put(task->object.bank, SLAB_RECORD, grant);
			return E_NOMEM;
		}
		*name = (struct name){ 0 };
		list_init(&name->server_link);
		list_init(&name->grants);
		list_init(&name->watches);
		__builtin_memcpy(name->text, in->name, in->name_count);
		tree_link(&rm->names, parent, side, &name->node);
	}
	*grant = (struct grant){ .task = task, .name = name, .rights = in->rights };
	list_push_back(&task->grants, &grant->task_link);
	list_push_back(&name->grants, &grant->name_link);
	return E_OK;
}

err_t on_name_register(struct rm *rm, struct proto_request *request, struct task *task,
                       const struct rm_name_register_in *in)
{
	struct name *name = name_for(rm, task, in->name, in->name_count, RM_NAME_RIGHT_SERVE);
	struct notification *endpoint;
	if (task->state == RM_TASK_STATE_DEAD || !name)
		return E_NOENT;
	if (name->server)
		return E_EXIST;
	err_t err =
	        notification_new(rm, task->object.bank, OBJ_ENDPOINT, &task->endpoints, &endpoint);
	if (err != E_OK)
		return err;
	err = reply_copy(rm, request, endpoint->slot, CAP_RECEIVE);
	if (err != E_OK) {
		object_kill(rm, &endpoint->object);
		return err;
	}
	name->server = task;
	name->endpoint = endpoint->slot;
	name->version = in->version;
	name->deadline_ms = in->deadline;
	list_push_back(&task->names, &name->server_link);
	for (struct list *at = list_first(&name->watches); at;
	     at = list_after(&name->watches, at)) {
		struct watch *watch = container_of(at, struct watch, link);
		event_send(rm, watch->watcher, &watch->event);
	}
	return E_OK;
}

err_t on_name_unregister(struct rm *rm, struct proto_request *, struct task *task,
                         const struct rm_name_unregister_in *in)
{
	struct name *name = name_for(rm, task, in->name, in->name_count, RM_NAME_RIGHT_SERVE);
	if (!name || name->server != task)
		return E_NOENT;
	name_drop_server(rm, name);
	return E_OK;
}

err_t on_name_query(struct rm *rm, struct proto_request *, struct task *task,
                    const struct rm_name_query_in *in, struct rm_name_query_out *out)
{
	const struct name *name = name_for(rm, task, in->name, in->name_count,
	                                   RM_NAME_RIGHT_SERVE | RM_NAME_RIGHT_CONNECT);
	if (!name)
		return E_NOENT;
	out->state = name->server ? RM_NAME_STATE_UP : RM_NAME_STATE_ABSENT;
	out->version = name->version;
	return E_OK;
}

err_t on_name_watch(struct rm *rm, struct proto_request *, struct task *task,
                    const struct rm_name_watch_in *in)
{
	struct name *name = name_for(rm, task, in->name, in->name_count,
	                             RM_NAME_RIGHT_SERVE | RM_NAME_RIGHT_CONNECT);
	if (task->state == RM_TASK_STATE_DEAD || !name)
		return E_NOENT;
	struct watch *watch = watch_new(task, &name->watches, in->cookie, name);
	if (!watch)
		return E_NOMEM;
	if (name->server)
		event_send(rm, task, &watch->event);
	return E_OK;
}

/* ---- roots ----------------------------------------------------------------------------------- */

/*
 * A capability to from with a badge of its own, from which the client's are copied. The session's
 * first one stands in a slot of rm's own: a slot page for each session would be most of its cost,
 * and the session has paid for a hundred times as much.
 */
static err_t root_new(struct rm *rm, struct session *session, slot_t from, uint8_t kind,
                      uint64_t badge, uint8_t rights, struct root **made)
{
	struct bank *bank = session->object.bank;
	struct bank *slots = list_is_empty(&session->roots) ? rm->root : bank;
	err_t err = object_new(rm, bank, KIND_ROOT, made);
	if (err != E_OK)
		return err;
	struct root *root = *made;
	root->slots = slots;
	root->slot = slot_get(rm, slots);
	root->badge = badge ? badge : slotmap_id(&rm->objects, root);
	err = root->slot ? KERNEL(rm, mint, root->slot, from, CAP_ALL, root->badge) : E_NOMEM;
	if (err != E_OK) {
		if (root->slot)
			slot_put(rm, slots, root->slot);
		object_free(rm, &root->object);
		return err;
	}
	root->session = session;
	root->kind = kind;
	root->rights = rights;
	list_push_back(&session->roots, &root->link);
	return E_OK;
}

void root_kill(struct rm *rm, struct root *root)
{
	rm->ops->revoke(rm->kernel, root->slot);
	if (rm->scratch_root == root) {
		rm->scratch_full = false;
		rm->scratch_root = NULL;
	}
	if (root->kind == RM_ROOT_KIND_ENDPOINT)
		rm->ops->cancel_sends(rm->kernel, root->slot);
	rm->ops->remove(rm->kernel, root->slot);
	slot_put(rm, root->slots, root->slot);
	list_remove(&root->link);
	object_free(rm, &root->object);
}

/* ---- the end of a session -------------------------------------------------------------------- */

/* A side of it, if it is there still, has nothing to do with it any more. */
static void side_leaves(struct rm *rm, struct task **side, struct list *link, struct event *told)
{
	if (!*side)
		return;
	event_cancel(rm, *side, told);
	list_remove(link);
	(*side)->session_count--;
	*side = NULL;
}

/* The next share that is not sealed; NULL: none. */
static struct share *next_share(const struct session *s)
{
	struct list *link = list_first(&s->shares);
	struct share *share = link ? container_of(link, struct share, session_link) : NULL;
	return share && !share->sealed ? share : NULL;
}

/* What is sealed for it is not any more. */
static void server_leaves(struct rm *rm, struct session *s)
{
	deadline_cancel(&rm->session_deadlines, &s->deadline);
	for (struct list *link; (link = list_last(&s->shares)) != NULL;) {
		struct share *share = container_of(link, struct share, session_link);
		if (!share->sealed)
			break;
		share_close(rm, share);
	}
	if (!list_is_empty(&s->shares))
		job_add(rm, &s->object);
	side_leaves(rm, &s->server, &s->server_link, &s->severed_server);
}

/* Nor does it wait for what is sealed. */
static void client_leaves(struct rm *rm, struct session *s)
{
	for (struct list *at = list_first(&s->shares); at; at = list_after(&s->shares, at))
		answer_all(rm, &container_of(at, struct share, session_link)->object.waiters,
		           E_GONE);
	side_leaves(rm, &s->client, &s->client_link, &s->severed_client);
}

/* No capability of it is left, and no window on memory of the client's but what is sealed. */
bool session_is_cut(const struct session *s)
{
	return list_is_empty(&s->roots) && !next_share(s) && list_is_empty(&s->donations);
}

/* If nobody needs anything of it any more, the session is over, and its bank goes. */
void session_settle(struct rm *rm, struct session *s)
{
	struct bank *bank = s->object.bank;
	if (s->state != RM_SESSION_STATE_SEVERED || !list_is_empty(&s->roots) ||
	    !list_is_empty(&s->shares) || !bank->session || (s->server && s->server_knows) ||
	    (s->client && !list_is_empty(&s->severed_client.link)))
		return;
	server_leaves(rm, s);
	client_leaves(rm, s);
	bank->session = NULL;
	object_kill(rm, &bank->object);
	/* If the server bought nothing from it, it is gone at once. */
	for (unsigned int i = 0; i < SETTLE_STEPS; i++)
		if (bank_reap(rm, bank))
			return;
}

/* It dies, and there is nothing more to be done for it than for a thread. */
bool session_is_small(const struct session *s)
{
	return list_is_empty(&s->notifications) && list_is_empty(&s->severing) &&
	       list_is_empty(&s->shares);
}

/*
 * The next root goes, or a part of the next share; true: all have gone. Only then do the server's
 * threads go on that found client memory missing. (The session itself goes with its bank.)
 */
bool session_step(struct rm *rm, struct session *s)
{
	struct share *share = next_share(s);
	if (donation_detach(rm, s))
		return false;
	if (share && (s->object.dying || list_is_empty(&s->roots))) {
		object_kill(rm, &share->object);
		(void)share_reap(rm, share);
		return false;
	}
	if (s->object.dying) {
		answer_all(rm, &s->severing, E_OK);
		list_append_all(&rm->retry, &s->faulted);
		while (!list_is_empty(&s->notifications))
			object_kill(rm, &container_of(list_first(&s->notifications),
			                              struct notification, link)
			                         ->object);
		object_free(rm, &s->object);
		return true;
	}
	if (!list_is_empty(&s->roots)) {
		root_kill(rm, container_of(list_first(&s->roots), struct root, link));
		return false;
	}
	list_append_all(&rm->retry, &s->faulted);
	job_end(rm, &s->object);
	answer_all(rm, &s->severing, E_OK);
	/* Told now: nothing of the session reaches the server any more. */
	if (s->server && s->server_knows)
		event_send(rm, s->server, &s->severed_server);
	session_settle(rm, s);
	return true;
}

static err_t connect_error(enum rm_reason reason)
{
	return reason == RM_REASON_DEADLINE ? E_TIMEOUT
	       : reason == RM_REASON_BANK   ? E_SEVERED
	                                    : E_SERVER_DIED;
}

static void connect_answer(struct rm *rm, struct session *s, err_t err)
{
	struct list *link = list_first(&s->connecting);
	if (!link)
		return;
	struct proto_request request = { .state = PROTO_PARKED };
	uint64_t words[PROTO_WORDS_FAST];
	request.reply = words;
	struct rm_session_connect_out out = { .session = { slotmap_id(&rm->objects, s) } };
	struct root *root = container_of(list_first(&s->roots), struct root, link);
	if (err == E_OK)
		err = reply_copy(rm, &request, root->slot, CAP_SEND);
	if (err == E_OK)
		rm->scratch_root = root;
	rm_session_connect_answer(&request, err, &out);
	answer_request(rm, container_of(link, struct waiter, link), &request);
}

void session_sever(struct rm *rm, struct session *s, enum rm_reason reason)
{
	if (s->state == RM_SESSION_STATE_SEVERED)
		return;
	bool opening = s->state == RM_SESSION_STATE_OPENING;
	s->state = RM_SESSION_STATE_SEVERED;
	s->reason = (uint8_t)reason;
	deadline_cancel(&rm->session_deadlines, &s->deadline);
	connect_answer(rm, s, connect_error(reason));
	if (s->server)
		event_cancel(rm, s->server, &s->opened);
	if (s->server && s->server_knows)
		deadline_set(&rm->session_deadlines, &s->deadline, rm_in_ms(rm, s->deadline_ms));
	if (s->client && reason != RM_REASON_CLOSED && !opening)
		event_send(rm, s->client, &s->severed_client);
	job_add(rm, &s->object);
}

/* The task, one of the two sides, is dead. Called again until its list is empty. */
void session_leave(struct rm *rm, struct session *s, const struct task *task)
{
	session_sever(rm, s,
	              task->reason == RM_REASON_DEADLINE ? RM_REASON_DEADLINE : RM_REASON_PEER);
	if (!session_is_cut(s)) {
		(void)session_step(rm, s);
		return;
	}
	if (s->server == task)
		server_leaves(rm, s);
	else
		client_leaves(rm, s);
	session_settle(rm, s);
}

/* The server did not accept, or acknowledge, in time. */
void session_timeout(struct rm *rm, struct session *s)
{
	if (s->server)
		task_died(rm, s->server, RM_REASON_DEADLINE, 0);
}

/* ---- requests -------------------------------------------------------------------------------- */

/* The session of that id, if the task is its server. */
struct session *session_of_server(const struct rm *rm, const struct task *task, uint64_t id)
{
	struct session *s = object_of_kind(rm, id, KIND_SESSION);
	return s && s->server == task ? s : NULL;
}

struct session *session_of_client(const struct rm *rm, const struct task *task, uint64_t id)
{
	struct session *s = object_of_kind(rm, id, KIND_SESSION);
	return s && s->client == task ? s : NULL;
}

/* Of either side. */
struct session *session_of(const struct rm *rm, const struct task *task, uint64_t id)
{
	struct session *s = session_of_server(rm, task, id);
	return s ? s : session_of_client(rm, task, id);
}

err_t on_session_connect(struct rm *rm, struct proto_request *, struct task *client,
                         struct bank *payer, const struct rm_session_connect_in *in,
                         struct rm_session_connect_out *)
{
	struct bank *bank;
	struct name *name = name_for(rm, client, in->name, in->name_count, RM_NAME_RIGHT_CONNECT);
	struct session *s;
	struct root *root;
	if (client->state == RM_TASK_STATE_DEAD || !name)
		return E_NOENT;
	if (!name->server || name->server->state == RM_TASK_STATE_DEAD)
		return E_AGAIN;
	if (name->version != in->version)
		return E_UNSUPPORTED;
	err_t err = bank_new(rm, payer, in->guarantee / PAGE, in->limit / PAGE, 0, &bank);
	if (err != E_OK)
		return err;
	err = object_new(rm, bank, KIND_SESSION, &s);
	if (err != E_OK) {
		object_kill(rm, &bank->object);
		return err;
	}
	struct list *const lists[] = { &s->roots,       &s->notifications, &s->shares,
		                       &s->faulted,     &s->connecting,    &s->severing,
		                       &s->client_link, &s->server_link,   &s->donations };
	for (unsigned int i = 0; i < sizeof(lists) / sizeof(lists[0]); i++)
		list_init(lists[i]);
	event_init(&s->opened, RM_EVENT_SESSION_OPENED);
	event_init(&s->severed_server, RM_EVENT_SESSION_SEVERED);
	event_init(&s->severed_client, EVENT_SEVERED_CLIENT);
	deadline_init(&s->deadline);
	err = root_new(rm, s, name->endpoint, RM_ROOT_KIND_ENDPOINT, slotmap_id(&rm->objects, s),
	               RM_RIGHT_WRITE, &root);
	if (err == E_OK)
		err = wait_for(rm, client->object.bank, &s->connecting, RM_METHOD_SESSION_CONNECT);
	if (err != E_OK) {
		object_kill(rm, &bank->object);
		return err;
	}
	bank->session = s;
	s->state = RM_SESSION_STATE_OPENING;
	s->client = client;
	s->server = name->server;
	s->endpoint = name->endpoint;
	s->deadline_ms = name->deadline_ms;
	list_push_back(&client->client_sessions, &s->client_link);
	list_push_back(&s->server->server_sessions, &s->server_link);
	client->session_count++;
	s->server->session_count++;
	event_send(rm, s->server, &s->opened);
	deadline_set(&rm->session_deadlines, &s->deadline, rm_in_ms(rm, s->deadline_ms));
	return E_PENDING;
}

err_t on_session_accept(struct rm *rm, struct proto_request *, struct task *task,
                        const struct rm_session_accept_in *in)
{
	struct session *s = session_of_server(rm, task, in->session.raw);
	if (!s || s->state != RM_SESSION_STATE_OPENING || !s->server_knows)
		return E_GONE;
	s->state = RM_SESSION_STATE_OPEN;
	deadline_cancel(&rm->session_deadlines, &s->deadline);
	connect_answer(rm, s, E_OK);
	if (task->passive)
		passive_watch(rm, task);
	return E_OK;
}

err_t on_session_refuse(struct rm *rm, struct proto_request *, struct task *task,
                        const struct rm_session_refuse_in *in)
{
	struct session *s = session_of_server(rm, task, in->session.raw);
	if (!s || s->state != RM_SESSION_STATE_OPENING)
		return E_GONE;
	/* What a client cannot be told is PERM. */
	uint64_t told =
	        rm_interface.methods[RM_METHOD_SESSION_CONNECT].errors | PROTO_ERRORS_COMMON;
	bool is_told =
	        in->reason != E_OK && in->reason != E_PENDING && told & PROTO_ERROR(in->reason);
	connect_answer(rm, s, is_told ? (err_t)in->reason : E_PERM);
	s->server_knows = false;
	session_sever(rm, s, RM_REASON_CLOSED);
	return E_OK;
}

err_t on_session_bank(struct rm *rm, struct proto_request *request, struct task *task,
                      const struct rm_session_bank_in *in)
{
	struct session *s = session_of_server(rm, task, in->session.raw);
	if (!s || s->state == RM_SESSION_STATE_SEVERED)
		return E_GONE;
	return object_cap(rm, request, &s->object.bank->object, 0);
}

err_t on_session_sever(struct rm *rm, struct proto_request *, struct task *task,
                       const struct rm_session_sever_in *in)
{
	struct session *s = session_of(rm, task, in->session.raw);
	if (!s)
		return E_GONE;
	/* A client that ends it needs no telling any more that it ended. */
	if (s->client == task)
		event_cancel(rm, task, &s->severed_client);
	if (s->state == RM_SESSION_STATE_SEVERED && session_is_cut(s)) {
		session_settle(rm, s);
		return E_OK;
	}
	session_sever(rm, s, s->client == task ? RM_REASON_CLOSED : RM_REASON_STOPPED);
	for (unsigned int i = 0; i < SEVER_STEPS; i++)
		if (session_step(rm, s))
			return E_OK;
	err_t err = wait_for(rm, task->object.bank, &s->severing, RM_METHOD_SESSION_SEVER);
	if (err == E_OK)
		return E_PENDING;
	while (!session_step(rm, s))
		continue; /* there is no memory to wait with */
	return E_OK;
}

err_t on_session_probe(struct rm *rm, struct proto_request *, struct task *task,
                       const struct rm_session_probe_in *in)
{
	const struct session *s = session_of_client(rm, task, in->session.raw);
	if (!s || !s->server || s->server->state == RM_TASK_STATE_DEAD)
		return E_GONE;
	task_probe(rm, s->server, s->deadline_ms);
	return E_OK;
}

err_t on_session_acknowledge(struct rm *rm, struct proto_request *, struct task *task,
                             const struct rm_session_acknowledge_in *in)
{
	struct session *s = session_of_server(rm, task, in->session.raw);
	if (!s)
		return E_GONE;
	if (s->state != RM_SESSION_STATE_SEVERED || !session_is_cut(s))
		return E_BUSY;
	server_leaves(rm, s);
	session_settle(rm, s);
	return E_OK;
}

/* The capability that the reply carries is a copy of the root's. */
static err_t root_cap(struct rm *rm, struct proto_request *request, struct root *root,
                      unsigned int rights)
{
	err_t err = reply_copy(rm, request, root->slot, rights);
	if (err != E_OK)
		root_kill(rm, root);
	return err;
}

err_t on_session_mint_endpoint(struct rm *rm, struct proto_request *request, struct task *task,
                               const struct rm_session_mint_endpoint_in *in,
                               struct rm_session_mint_endpoint_out *out)
{
	struct session *s = session_of_server(rm, task, in->session.raw);
	struct root *root;
	if (!s || s->state == RM_SESSION_STATE_SEVERED)
		return E_GONE;
	err_t err = root_new(rm, s, s->endpoint, RM_ROOT_KIND_ENDPOINT, 0, RM_RIGHT_WRITE, &root);
	if (err != E_OK)
		return err;
	out->badge = root->badge;
	out->root.raw = slotmap_id(&rm->objects, root);
	return root_cap(rm, request, root, CAP_SEND);
}

err_t on_notification_create(struct rm *rm, struct proto_request *request, struct task *task,
                             const struct rm_notification_create_in *in,
                             struct rm_notification_create_out *out)
{
	bool own = in->session.raw == 0; /* it goes with the task, as its endpoints do */
	struct session *s = own ? NULL : session_of_server(rm, task, in->session.raw);
	struct notification *n;
	if (own ? task->state == RM_TASK_STATE_DEAD : !s || s->state == RM_SESSION_STATE_SEVERED)
		return E_GONE;
	err_t err = notification_new(rm, own ? task->object.bank : s->object.bank, OBJ_NOTIFICATION,
	                             own ? &task->endpoints : &s->notifications, &n);
	if (err != E_OK)
		return err;
	err = scratch_mint(rm, n->slot, CAP_ALL, in->badge);
	if (err != E_OK) {
		object_kill(rm, &n->object);
		return err;
	}
	request->cap_out = rm->scratch;
	out->notification.raw = slotmap_id(&rm->objects, n);
	return E_OK;
}

err_t on_session_mint_notification(struct rm *rm, struct proto_request *request, struct task *task,
                                   const struct rm_session_mint_notification_in *in,
                                   struct rm_session_mint_notification_out *out)
{
	struct session *s = session_of_server(rm, task, in->session.raw);
	const struct notification *n = object_of_kind(rm, in->notification.raw, KIND_NOTIFICATION);
	struct root *root;
	if (!s || s->state == RM_SESSION_STATE_SEVERED)
		return E_GONE;
	if (!n || n->object.bank != s->object.bank)
		return E_NOENT;
	err_t err =
	        root_new(rm, s, n->slot, RM_ROOT_KIND_NOTIFICATION, in->badge, in->rights, &root);
	if (err != E_OK)
		return err;
	out->root.raw = slotmap_id(&rm->objects, root);
	return root_cap(rm, request, root,
	                (in->rights & RM_RIGHT_READ ? RIGHT_READ : 0) |
	                        (in->rights & RM_RIGHT_WRITE ? RIGHT_WRITE : 0));
}

err_t on_session_revoke_root(struct rm *rm, struct proto_request *, struct task *task,
                             const struct rm_session_revoke_root_in *in)
{
	struct session *s = session_of_server(rm, task, in->session.raw);
	struct root *root = object_of_kind(rm, in->root.raw, KIND_ROOT);
	if (!s || s->state == RM_SESSION_STATE_SEVERED)
		return E_GONE;
	/* The first one is not the client's before the session is open. */
	if (!root || root->session != s || s->state == RM_SESSION_STATE_OPENING)
		return E_NOENT;
	root_kill(rm, root);
	return E_OK;
}

err_t on_session_roots(struct rm *rm, struct proto_request *, struct task *task,
                       const struct rm_session_roots_in *in, struct rm_session_roots_out *out)
{
	struct session *s = session_of_server(rm, task, in->session.raw);
	out->roots_count = 0;
	if (!s)
		return E_GONE;
	const struct root *after = object_of_kind(rm, in->after.raw, KIND_ROOT);
	struct list *at = after && after->session == s ? list_after(&s->roots, &after->link)
	                                               : list_first(&s->roots);
	for (; at && out->roots_count < RM_ROOTS_MAX; at = list_after(&s->roots, at)) {
		const struct root *root = container_of(at, struct root, link);
		out->roots[out->roots_count++] = (struct rm_root_status){
			.root = { slotmap_id(&rm->objects, root) },
			.badge = root->badge,
			.kind = root->kind,
			.rights = root->rights,
		};
	}
	return E_OK;
}

err_t on_session_query(struct rm *rm, struct proto_request *, struct task *task,
                       const struct rm_session_query_in *in, struct rm_session_query_out *out)
{
	const struct session *s = session_of(rm, task, in->session.raw);
	if (!s)
		return E_GONE;
	const struct bank *bank = s->object.bank;
	out->status = (struct rm_session_status){
		.guarantee = bank->guarantee * PAGE,
		.limit = bank->limit * PAGE,
		.used = bank->used * PAGE,
		.state = s->state,
		.reason = s->reason,
	};
	for (struct list *at = list_first(&s->roots); at; at = list_after(&s->roots, at))
		out->status.roots++;
	return E_OK;
}
