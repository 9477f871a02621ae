/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Passive servers and those who call them. What the kernel does with contexts when a thread calls,
 * sends, is answered or runs out of budget is done here; check_thread() demands that no server is
 * left without one in the middle of a request.
 */
#include "world.h"

/* Some passive server that runs; NULL: none. */
static const struct thread *some_server(void)
{
	const struct thread *found = NULL;
	unsigned int n = 0;
	for (struct list *at = list_first(&w.rm.passive); at; at = list_after(&w.rm.passive, at)) {
		const struct thread *t = container_of(at, struct task, passive_link)->passive;
		if (t->state == THREAD_RUNNING && !t->in_fault && !t->object.dying && one_in(++n))
			found = t;
	}
	return found;
}

static struct sim_tcb *tcb_of(slot_t tcb)
{
	return &w.kernel.tcbs[w.kernel.objects[w.kernel.caps[tcb].object].data];
}

static void context_to(struct sim_tcb *from, struct sim_tcb *to)
{
	to->sched_context = from->sched_context;
	from->sched_context = 0;
	w.kernel.objects[to->sched_context].data = to->object;
}

/* A thread calls it. */
static void begin(struct sim_tcb *server)
{
	uint32_t t = sim_some_thread(&w.kernel, (uint32_t)below(w.kernel.tcbs_end));
	struct sim_tcb *caller = &w.kernel.tcbs[t];
	if (!t || caller == server || !caller->sched_context || caller->works)
		return;
	context_to(caller, server);
	server->works = true;
	note("thread %u calls a passive server", t);
}

/* Somebody sends to it in the last of its several sessions. */
static void send(const struct thread *server, struct sim_tcb *tcb)
{
	struct list *link = list_last(&server->task->server_sessions);
	const struct session *s = link ? container_of(link, struct session, server_link) : NULL;
	if (!s || s->state != RM_SESSION_STATE_OPEN ||
	    link == list_first(&server->task->server_sessions))
		return;
	uint64_t id = slotmap_id(&w.rm.objects, s), thread = slotmap_id(&w.rm.objects, server);
	tcb->works = tcb->was_sent = true;
	tcb->context.rdi = id;
	note("somebody sends to a passive server in session %#lx", id);
	if (one_in(2))
		return;
	w.kernel.now_ns += 60000000;
	rm_tick(&w.rm, w.kernel.now_ns);
	s = slotmap_get(&w.rm.objects, id);
	server = slotmap_get(&w.rm.objects, thread);
	MUST(!server || server->state != THREAD_RUNNING || tcb->sched_context,
	     "a passive server that got a message stays without a context (I8)");
	/* Unless it was told something meanwhile, and has its context for that. */
	MUST(!s || !s->server || s->state == RM_SESSION_STATE_SEVERED ||
	             !list_is_empty(&s->server->events),
	     "who sends to a passive server is not cut off");
}

/* The budget is used up of what it runs on. */
static void time_out(const struct thread *server, struct sim_tcb *tcb)
{
	uint32_t sc = tcb->sched_context, own = w.kernel.caps[server->sched_context].object;
	uint64_t words[2] = { w.kernel.objects[sc].base, 1000 };
	note("a passive server's time is up, of %s context", sc == own ? "its own" : "a caller's");
	MUST(tcb->timeout_badge == object_badge(&w.rm, &server->object, FACET_OTHER),
	     "the timeouts of a passive server are not its own");
	(void)thread_message((uint32_t)(tcb - w.kernel.tcbs), FAULT_TIMEOUT, words, 2);
	MUST(tcb->sched_context == own, "a passive server does not go on with its own context");
	MUST(tcb->state == SIM_RUNNING, "a passive server stands after a timeout");
	MUST(sc == own || !w.kernel.objects[sc].data, "a caller's context is still a server's");
}

/* It answers, and receives: the context goes where it came from. */
static void end(const struct thread *server, struct sim_tcb *tcb)
{
	uint32_t sc = tcb->sched_context;
	const struct thread *owner = slotmap_get(&w.rm.objects, w.kernel.objects[sc].base);
	tcb->works = tcb->was_sent = false;
	tcb->sched_context = 0;
	w.kernel.objects[sc].data = 0;
	if (owner == server || !owner || !owner->tcb || tcb_of(owner->tcb)->sched_context)
		return;
	tcb->sched_context = sc;
	context_to(tcb, tcb_of(owner->tcb));
}

void passive_chance(void)
{
	const struct thread *server = some_server();
	if (!server)
		return;
	struct sim_tcb *tcb = tcb_of(server->tcb);
	const struct sim_object *own =
	        &w.kernel.objects[w.kernel.caps[server->sched_context].object];
	if (tcb->state != SIM_RUNNING)
		return;
	if (!tcb->sched_context && own->data)
		return; /* it waits for another one that it called by itself */
	w.passive++;
	if (!tcb->works && tcb->sched_context)
		end(server, tcb); /* it has taken its events */
	else if (!tcb->works && one_in(4))
		send(server, tcb);
	else if (!tcb->works)
		begin(tcb);
	else if (tcb->sched_context && one_in(3))
		time_out(server, tcb);
	else if (tcb->sched_context)
		end(server, tcb);
}
