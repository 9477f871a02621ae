/* SPDX-License-Identifier: BSD-2-Clause */
/* See servers.h. */
#include "servers.h"

_Noreturn static word_t server_run(word_t arg)
{
	struct server *s = (struct server *)arg;
	struct sel4_msg m = sel4_recv(s->ep, s->reply);
	for (;;) {
		s->entered++;
		if (s->next)
			m = sel4_call(s->next->ep, message(7, 1, m.mr[0], 0, 0, 0));
		else if (!s->gate_is_open)
			(void)sel4_wait(s->gate);
		s->left++;
		struct sel4_msg answer = message(8, 1, m.mr[0] + 1, 0, 0, 0);
		if (s->by_send) {
			sel4_send(s->reply, answer);
			m = sel4_recv(s->ep, s->reply);
		} else {
			m = sel4_reply_recv(s->ep, answer, s->reply);
		}
	}
}

void server_start(struct server *server, struct server *next, word_t priority, bool passive)
{
	server->ep = endpoint_new();
	server->reply = reply_new();
	server->gate = notification_new();
	server->next = next;
	server->entered = server->left = 0;
	server->thread = thread_new(&(struct thread_options){ .priority = priority });
	thread_start(server->thread, server_run, (word_t)server);
	settle();
	if (passive)
		make_passive(server->thread);
}

void servers_start(struct server *servers, unsigned int count)
{
	for (unsigned int i = 0; i < count; i++) {
		servers[i] = (struct server){ 0 };
		server_start(&servers[i], i + 1 < count ? &servers[i + 1] : NULL,
		             THREAD_PRIORITY + 1 + i, true);
	}
}

struct thread *client_start(struct job *job, const struct server *server)
{
	*job = (struct job){ .nr = SYS_CALL, .cap = server->ep, .in = message(7, 1, 10, 0, 0, 0) };
	return job_start(job, NULL);
}

bool has_context(cptr_t tcb)
{
	cptr_t spare = sched_context_new();
	if (sel4_sched_context_bind(spare, tcb))
		return true;
	cap_delete(spare);
	return false;
}

bool context_is_bound(cptr_t sched_context)
{
	cptr_t spare = tcb_new();
	if (sel4_sched_context_bind(sched_context, spare))
		return true;
	CHECK_OK(sel4_sched_context_unbind_object(sched_context, spare));
	return false;
}
