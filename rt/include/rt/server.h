/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Servers: a program that others open sessions with, by its name.
 *
 *   static const struct echo_ops ops = { .say = on_say };
 *   int rt_main(const struct rt_start *start)
 *   {
 *           static struct rt_server server;
 *           err_t err = rt_server_start(&server, &(struct rt_service){ .name = "echo",
 *                   .interface = &echo_interface, .ops = &ops, .client_bytes = 64 });
 *           if (err != E_OK) ...
 *           rt_server_run(&server);
 *   }
 *
 * One thread does everything: it receives a request, has it handled by the interface's table, and
 * answers; opens and ends sessions when rm says so; calls signal handlers. So there are no locks.
 * The server is active (it has a scheduling context of its own), unless it is to be passive.
 *
 * Handlers are those of the interface, `err_t on_m(void *self, struct proto_request *request,
 * objects..., in, out)`: E_OK and *out, or an error, or, in a method that `parks`, E_PENDING. self
 * is the service's; rt_request(request) has the rest: the client, the arena, capabilities.
 *
 * The three phases of a handler (protocols.md, section 4):
 *
 *   FETCH     it begins here. Reads client memory, into the arena and into its own variables;
 *             writes nothing that outlives the request.
 *   COMMIT    from rt_commit(r) on. Changes the server's state. Touches no client memory.
 *   DELIVER   from rt_deliver(r) on. Writes results into client memory; all state is final.
 *
 * rt_abort(r, err) leaves the handler at once, from any depth, in FETCH or DELIVER: the arena is
 * dropped, a window on client memory that is open (rt/client_memory.h) is left, and the request is
 * answered with err. A handler ends so when the client's memory has gone away under it. So nothing
 * may be held in these phases that only the handler's own end would give back: take memory from the
 * arena, slots and everything else in COMMIT. A handler that touches no client memory needs none of
 * these calls.
 *
 * Parking. A handler that returns E_PENDING has kept r: it stands in r->client's list of parked
 * requests until rt_answer(r), or until the client's session ends (the cleanup answers SEVERED to
 * all that are left, after the service's close()). The arena is dropped when it is parked; what is
 * needed later stands in r->state or in the client's. At most parked_max requests of a client can
 * be parked: further ones are answered NOMEM without being handled; methods that park must name it.
 *
 * Pages that are awaited. Where client_nowait() holds (rt/client_memory.h), an access to a page
 * that a pager has still to bring ends with AGAIN. A handler that then leaves by rt_retry(r) is
 * called again, from its beginning and with the same arguments, when the page is there; others are
 * served meanwhile. Until then the request is a parked one, and its method must `park`:
 *
 *           err = client_read(copy, from, bytes, &done);
 *           if (err == E_AGAIN)
 *                   rt_retry(r);
 *           if (err != E_OK)
 *                   rt_abort(r, err);
 *
 * A passive server runs on its callers' scheduling contexts, and on its own for events and signals
 * only: a request is cheaper, and takes its caller's time. It never keeps a caller: a handler's
 * E_PENDING is the answer. What a client with too little time, or whose thread is destroyed while
 * it calls, leaves over of a request, it does on its own. One that sends and does not call holds it
 * up for a while, and is severed for it (CAVEATS). So there are no bells: rt_session_ring_bell() is
 * not for passive servers.
 *
 * Costs: a request allocates nothing; the client is found in three steps; a null request takes
 * about 120 instructions in here (`make bench-rm` has the whole call).
 */
#pragma once
#include <lib/list.h>
#include <lib/slab.h>
#include <proto/proto.h>
#include <proto/rm.h>
#include <rt/arena.h>
#include <rt/badge.h>
#include <rt/sel4.h>

struct rt_server;
struct rt_client;
struct rt_request;

/* What a server is. No ownership; it must stay as long as the server. */
struct rt_service {
	const char *name;
	const struct proto_interface *interface;
	const void *ops; /* the interface's struct x_ops */
	void *self;      /* the first argument of all handlers; NULL: the struct rt_server */
	/* A client wants a session: E_OK takes it, any error but PENDING refuses it. NULL: all are
	 * taken. client->state is all zero. */
	err_t (*open)(void *self, struct rt_client *client);
	/* The session is over, nothing of it will come any more; to give back what is kept for it.
	 * client is no more afterwards. Not called for one that was refused. May be NULL. */
	void (*close)(void *self, struct rt_client *client);
	/* The client lends memory (rt/share.h); comes before the requests that it makes afterwards.
	 * May be NULL. */
	void (*shared)(void *self, struct rt_client *client, const struct rm_shared_event *it);
	/* It wants it back, when rt_share_release() or rt_window_unmap() says so. May be NULL. */
	void (*recalled)(void *self, struct rt_client *client,
	                 const struct rm_share_recalled_event *it);
	/* It gives memory (rt/donate.h); as shared. */
	void (*donated)(void *self, struct rt_client *client, const struct rm_donated_event *it);
	/* The client's rt_session_ring_bell(). May be NULL. */
	void (*bell)(void *self, struct rt_client *client);
	uint32_t client_bytes; /* of state for each client, up to RT_CLIENT_BYTES_MAX */
	uint32_t arena_bytes;  /* 0: 64 KiB */
	uint32_t clients_max;  /* 0: 1024; more are refused with LIMIT */
	uint32_t parked_max;   /* of one client; 0: 16 */
	/* rm ends the server if it takes longer to open or close a session, or to come back to its
	 * loop when a client wonders (rt_session_probe()); 0: 5 s */
	uint32_t deadline_ms;
	/* It runs on its callers' time, as the section on passive servers has it. */
	bool passive;
};
enum { RT_CLIENT_BYTES_MAX = 3840 };

/*
 * A client: an open session as the server has it. To be read only, but for state, ctx, and, in
 * open(), badge.kind: what object of the interface the session's capability stands for (0: none),
 * and badge.ctx: that object, as handlers get it.
 */
struct rt_client {
	struct rt_badge badge; /* of the session's endpoint */
	rm_session_t session;
	struct rt_server *server;
	uint64_t guarantee, limit; /* of its bank, as it was opened, bytes */
	struct list link, parked, badges;
	uint32_t parked_count;
	bool accepted;
	void *ctx;                 /* the service's */
	_Alignas(16) char state[]; /* client_bytes of the service's */
};

enum rt_phase { RT_FETCH, RT_COMMIT, RT_DELIVER };

/* A request in a handler, or parked. */
struct rt_request {
	struct proto_request proto;
	struct rt_client *client;
	struct rt_server *server;
	struct rt_badge *target; /* what was invoked: the client's own, or one of rt_badge_make() */
	struct list link;        /* of a parked one, in its client's */
	struct list page_link;   /* of one that waits for a page */
	uint64_t *words, at;     /* of that: as it came; the address */
	cptr_t reply;
	cptr_t given;      /* the slot of cap_out, if it goes with the answer */
	uint32_t number;   /* in a trace */
	uint8_t phase;     /* enum rt_phase */
	uint64_t state[4]; /* the handler's, while it is parked */
};

/* To be read only. */
struct rt_server {
	const struct rt_service *service;
	void *self;      /* the first argument of handlers */
	const void *ops; /* the service's; and of its interface: */
	const struct proto_method *methods;
	uint32_t methods_count;   /* 0 in a trace: then no request is a plain one */
	cptr_t given;             /* a passive one's, sent with the last answer: to be put back */
	cptr_t endpoint, receive; /* receive: where a capability that comes is put; 0: none can */
	struct rt_badges badges;
	struct rt_request *current; /* of which the reply object is in the receive */
	struct list free;           /* requests that are in no use, with their reply objects */
	struct rt_arena arena;
	struct rt_client *kept;      /* one that is no more */
	struct list clients, ending; /* ending: severed while a handler ran */
	struct list awaiting, again; /* parked by rt_retry(): the page is awaited; it has come */
	uint32_t clients_count, parked_max;
	bool is_handling, has_come; /* has_come: a capability, which nobody took so far */
	bool is_untidy;             /* there may be something to clean up after the handler */
	bool answers;               /* rt_abort() has answered the current request */
	bool was_told;              /* of a page, while the handler ran */
	bool is_traced;
	uint32_t number; /* of the last request that was traced */
	uint64_t frame;  /* where it goes on */
	struct slab client_slab, request_slab, words_slab;
};

/*
 * Registers the name and gets ready to serve; once in a program, by its first thread. NOENT: no
 * such name, or no right to serve it. EXIST: it has a server. NOMEM, LIMIT. After an error nothing
 * is left.
 */
err_t rt_server_start(struct rt_server *server, const struct rt_service *service);

/*
 * Requests and answers go to the log from now on, or not any more; docs/trace.md explains the
 * lines. A program with TRACE=1 in its environment begins with that.
 */
static inline void rt_server_trace(struct rt_server *server, bool on)
{
	server->is_traced = on;
	server->methods_count = on ? 0 : server->service->interface->methods_count;
}

/* Serves, until the program ends. */
_Noreturn void rt_server_run(struct rt_server *server);

/* -- in handlers ------------------------------------------------------------------------------- */

/* The request that a handler was called with. */
static inline struct rt_request *rt_request(struct proto_request *request)
{
	return (struct rt_request *)((char *)request - offsetof(struct rt_request, proto));
}

/* The client's state: client_bytes, all zero at first. */
static inline void *rt_client_state(struct rt_client *client)
{
	return client->state;
}

/* Memory until the end of this request, at a multiple of 16. NULL: the arena is used up. */
static inline void *rt_request_alloc(struct rt_request *r, size_t bytes)
{
	return rt_arena_get(&r->server->arena, bytes, 16);
}

/* FETCH ends; see above. */
static inline void rt_commit(struct rt_request *r)
{
	assert(r->phase == RT_FETCH);
	r->phase = RT_COMMIT;
}

/* COMMIT ends; see above. */
static inline void rt_deliver(struct rt_request *r)
{
	assert(r->phase == RT_COMMIT);
	r->phase = RT_DELIVER;
}

/* Leaves the handler of the request that is being handled; not in COMMIT. err is not PENDING. */
_Noreturn void rt_abort(struct rt_request *r, err_t err);

/*
 * The same as rt_abort(), for an access that has just ended with AGAIN: the request is parked, and
 * handled anew when the page is there, or gone, as it is without a pager. If that fails, or is too
 * late, it is answered LOST. In DELIVER only if nothing is wrong with doing COMMIT twice. A method
 * that does not park, a request with capabilities, a passive server, no memory: it is answered
 * AGAIN. So the method names AGAIN and LOST among its errors.
 */
_Noreturn void rt_retry(struct rt_request *r);

/*
 * Takes over the capability that came with the request as `any`: its slot is the handler's. What is
 * not taken is deleted when the handler returns. 0: there are no slots left, or it is one of the
 * server's own objects (then rt_came() has it). Once in a request.
 */
cptr_t rt_take(struct rt_request *r);

/*
 * What the i-th capability that came stands for, if it is one of the server's own objects; NULL
 * else. Of whichever client: to be compared with r->client.
 */
static inline struct rt_badge *rt_came(struct rt_request *r, unsigned int i)
{
	if (i >= r->proto.caps || !(r->proto.unwrapped >> i & 1))
		return NULL;
	return rt_badge_find(&r->server->badges, r->proto.cap_badges[i]);
}

/*
 * The answer carries the capability in slot. If the slot is given away with it (take), it is put
 * back afterwards. (The same as setting proto.cap_out, without take.)
 */
void rt_give(struct rt_request *r, cptr_t slot, bool take);

/*
 * Ends the wait of a parked request. First the interface's x_m_answer(&r->proto, error, &out), then
 * this at once: nothing in between may make a call. r is no more afterwards.
 */
void rt_answer(struct rt_request *r);

/* -- clients ----------------------------------------------------------------------------------- */

/* Ends a client's session: close() is called from the loop, soon, not from here. */
void rt_client_sever(struct rt_client *client);

/*
 * The session's bank in a slot, which is the caller's then: what the server may spend for this
 * client. NOMEM, LIMIT: no slot.
 */
err_t rt_client_bank(struct rt_client *client, cptr_t *bank);

/*
 * A further capability to this server, for the client: requests through it arrive with r->target =
 * badge, whose kind and ctx are as set here (kind: an object of the interface). badge is the
 * caller's memory until rt_badge_end(), or until the client's close() has returned. *slot is the
 * caller's: give it to the client by rt_give(take).
 */
err_t rt_badge_make(struct rt_client *client, struct rt_badge *badge, uint8_t kind, void *ctx,
                    cptr_t *slot);

/* Takes it back, wherever the client passed it on to. */
void rt_badge_end(struct rt_client *client, struct rt_badge *badge);

/*
 * A notification paid for by the session, for waking the client: *mine (a slot of the caller's) to
 * signal it, *theirs (the same; give it to the client by rt_give(take)) to wait on it.
 */
err_t rt_client_notification(struct rt_client *client, cptr_t *mine, cptr_t *theirs);
