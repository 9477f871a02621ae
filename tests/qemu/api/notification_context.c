/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Scheduling contexts bound to notifications: a passive thread that a signal wakes runs on the
 * notification's context, until it waits again. seL4 manual, section 6.1.8 (Passive threads).
 */
#include "servers.h"

static struct {
	cptr_t object, badged, sc, ep, reply;
} test;

static void make_objects(void)
{
	test.object = notification_new();
	test.badged = cap_mint(test.object, RIGHTS_ALL, 5);
	test.sc = sched_context_new();
	CHECK_OK(sel4_sched_context_bind(test.sc, test.object));
	test.ep = endpoint_new();
	test.reply = reply_new();
}

/* How often it has woken, and from what. */
struct driver {
	volatile word_t signals, messages;
	struct thread *thread;
};

_Noreturn static word_t wait_for_signals(word_t arg)
{
	struct driver *d = (struct driver *)arg;
	for (;;) {
		if (sel4_wait(test.object).badge == 5)
			d->signals++;
	}
}

/* A bound notification brings badge 5, calls have none. */
_Noreturn static word_t receive_both(word_t arg)
{
	struct driver *d = (struct driver *)arg;
	struct sel4_msg m = sel4_recv(test.ep, test.reply);
	for (;;) {
		if (m.badge == 5) {
			d->signals++;
			m = sel4_recv(test.ep, test.reply);
		} else {
			d->messages++;
			m = sel4_reply_recv(test.ep, message(8, 0, 0, 0, 0, 0), test.reply);
		}
	}
}

static struct thread *driver_start(struct driver *d, thread_fn fn, bool bound)
{
	*d = (struct driver){ 0 };
	d->thread = thread_new(&(struct thread_options){ .priority = 120 });
	if (bound)
		CHECK_OK(sel4_tcb_bind_notification(d->thread->tcb, test.object));
	thread_start(d->thread, fn, (word_t)d);
	settle();
	make_passive(d->thread);
	return d->thread;
}

TEST(notification_context_is_lent_and_returned)
{
	make_objects();
	struct driver d;
	struct thread *t = driver_start(&d, wait_for_signals, false);
	for (word_t i = 1; i <= 5; i++) {
		CHECK(!context_is_bound(test.sc));
		sel4_signal(test.badged);
		CHECK(has_context(t->tcb));
		CHECK(context_is_bound(test.sc));
		settle();
		CHECK_EQ(d.signals, i);
		CHECK(!has_context(t->tcb));
		CHECK(!context_is_bound(test.sc));
	}
}

TEST(notification_context_serves_each_waiter_in_turn)
{
	make_objects();
	struct driver d[3];
	for (unsigned int i = 0; i < 3; i++)
		driver_start(&d[i], wait_for_signals, false);
	for (unsigned int i = 0; i < 6; i++) {
		sel4_signal(test.badged);
		settle();
	}
	for (unsigned int i = 0; i < 3; i++) {
		CHECK_EQ(d[i].signals, 2);
		CHECK(!has_context(d[i].thread->tcb));
	}
}

TEST(notification_context_goes_to_passive_waiters_only)
{
	make_objects();
	struct job job = { .nr = SYS_WAIT, .cap = test.object };
	struct thread *t = job_start(&job, NULL);
	settle();
	sel4_signal(test.badged);
	settle();
	CHECK(job.done);
	CHECK(!context_is_bound(test.sc));
	CHECK_OK(sel4_sched_context_unbind_object(t->sched_context, t->tcb));
}

/* While one thread has it, another one wakes, but cannot run. */
TEST(notification_context_that_is_away_is_not_lent)
{
	make_objects();
	struct driver d[2];
	driver_start(&d[0], wait_for_signals, false);
	driver_start(&d[1], wait_for_signals, false);
	sel4_signal(test.badged);
	sel4_signal(test.badged);
	CHECK(has_context(d[0].thread->tcb));
	CHECK(!has_context(d[1].thread->tcb));
	settle();
	CHECK_EQ(d[0].signals, 1);
	CHECK_EQ(d[1].signals, 0);
	CHECK_OK(sel4_sched_context_bind(sched_context_new(), d[1].thread->tcb));
	settle();
	CHECK_EQ(d[1].signals, 1);
}

/* A wait that need not block returns nothing. */
TEST(notification_context_stays_while_signals_are_left)
{
	make_objects();
	struct driver d;
	struct thread *t = driver_start(&d, wait_for_signals, false);
	sel4_signal(test.badged);
	sel4_signal(test.badged);
	settle();
	CHECK_EQ(d.signals, 2);
	CHECK(!has_context(t->tcb));
}

static word_t wait_then_poll(word_t arg)
{
	struct driver *d = (struct driver *)arg;
	(void)sel4_wait(test.object);
	d->signals++;
	(void)sel4_nb_wait(test.object);
	(void)sel4_nb_recv(test.ep, test.reply);
	d->signals++;
	(void)sel4_wait(test.ep);
	return 0;
}

TEST(notification_context_is_not_returned_by_polls)
{
	make_objects();
	struct driver d;
	struct thread *t = driver_start(&d, wait_then_poll, false);
	sel4_signal(test.badged);
	settle();
	CHECK_EQ(d.signals, 2);
	/* Nor by a wait for something else, unless the notification is bound. */
	CHECK(has_context(t->tcb));
	CHECK(context_is_bound(test.sc));
}

TEST(notification_context_is_not_returned_by_waiting_for_another)
{
	make_objects();
	struct thread *t = thread_new(&(struct thread_options){ .priority = 120 });
	struct job job = { .nr = SYS_NB_SEND_WAIT, .cap = notification_new() };
	CHECK_OK(sel4_sched_context_unbind(t->sched_context));
	CHECK_OK(sel4_sched_context_bind(test.sc, t->tcb));
	thread_start(t, job_run, (word_t)&job);
	settle();
	CHECK(has_context(t->tcb));
}

/* A context that the thread got by itself is returned as well if it is the notification's. */
TEST(notification_context_bound_to_the_waiter_by_hand_is_returned)
{
	make_objects();
	struct thread *t = thread_new(&(struct thread_options){ .passive = true });
	struct job job = { .nr = SYS_WAIT, .cap = test.object };
	CHECK_OK(sel4_sched_context_bind(test.sc, t->tcb));
	thread_start(t, job_run, (word_t)&job);
	settle();
	CHECK(!has_context(t->tcb));
	CHECK(!context_is_bound(test.sc));
	sel4_signal(test.badged);
	settle();
	CHECK(job.done);
	CHECK_EQ(job.out.badge, 5);
}

/* Passive servers with a bound notification: the context comes with a call or with a signal. */

TEST(notification_context_bound_server_takes_both)
{
	make_objects();
	struct driver d;
	struct thread *t = driver_start(&d, receive_both, true);
	for (word_t i = 1; i <= 5; i++) {
		sel4_signal(test.badged);
		settle();
		CHECK_EQ(d.signals, i);
		CHECK(!has_context(t->tcb));
		struct job call = { .nr = SYS_CALL, .cap = test.ep };
		struct thread *client = job_start(&call, NULL);
		settle();
		CHECK(call.done);
		CHECK_EQ(d.messages, i);
		CHECK(!has_context(t->tcb));
		CHECK(has_context(client->tcb));
	}
	CHECK(!context_is_bound(test.sc));
}

/* A call that waits while the server runs on the notification's context brings its own. */
TEST(notification_context_bound_server_with_a_call_waiting)
{
	make_objects();
	struct driver d;
	struct thread *t = driver_start(&d, receive_both, true);
	struct job call = { .nr = SYS_CALL, .cap = test.ep };
	sel4_signal(test.badged);
	/* At a higher priority, the client calls before the server gets to run. */
	struct thread *client = job_start_at(&call, 200);
	settle();
	CHECK_EQ(d.signals, 1);
	CHECK_EQ(d.messages, 1);
	CHECK(call.done);
	CHECK(has_context(client->tcb));
	CHECK(!has_context(t->tcb));
	CHECK(!context_is_bound(test.sc));
}

/* The signal comes while the server runs on a client's context: it is served with that. */
TEST(notification_context_signal_while_serving)
{
	make_objects();
	struct driver d;
	struct thread *t = driver_start(&d, receive_both, true);
	struct job call = { .nr = SYS_CALL, .cap = test.ep };
	CHECK_OK(sel4_tcb_set_priority(t->tcb, INIT_TCB, 50));
	job_start_at(&call, 60);
	/* The client has called as soon as anything below it runs. */
	CHECK_OK(sel4_tcb_set_priority(INIT_TCB, INIT_TCB, 55));
	sel4_signal(test.badged);
	settle();
	CHECK(call.done);
	CHECK_EQ(d.messages, 1);
	CHECK_EQ(d.signals, 1);
	CHECK(!has_context(t->tcb));
	CHECK(!context_is_bound(test.sc));
}

/* Woken by a signal, takes a call without waiting, and answers it on the notification's context. */
_Noreturn static word_t receive_polling(word_t arg)
{
	struct driver *d = (struct driver *)arg;
	struct sel4_msg m = sel4_recv(test.ep, test.reply);
	for (;;) {
		if (m.badge == 5) {
			d->signals++;
			m = sel4_nb_recv(test.ep, test.reply);
		} else if (m.badge == 0 && abi_msginfo_label(m.info) == 7) {
			d->messages++;
			m = sel4_reply_recv(test.ep, message(8, 0, 0, 0, 0, 0), test.reply);
		} else {
			m = sel4_recv(test.ep, test.reply);
		}
	}
}

TEST(notification_context_returned_by_the_wait_after_an_answer)
{
	make_objects();
	struct driver d;
	struct thread *t = driver_start(&d, receive_polling, true);
	for (word_t i = 1; i <= 5; i++) {
		struct job call = { .nr = SYS_CALL,
			            .cap = test.ep,
			            .in = message(7, 0, 0, 0, 0, 0) };
		sel4_signal(test.badged);
		CHECK(has_context(t->tcb));
		/* At a higher priority, the client calls before the server gets to run. */
		struct thread *client = job_start_at(&call, 200);
		settle();
		CHECK_EQ(d.signals, i);
		CHECK_EQ(d.messages, i);
		CHECK(call.done);
		CHECK(has_context(client->tcb));
		CHECK(!has_context(t->tcb));
		CHECK(!context_is_bound(test.sc));
	}
	/* It has none left: a call brings one. */
	struct job call = { .nr = SYS_CALL, .cap = test.ep, .in = message(7, 0, 0, 0, 0, 0) };
	struct thread *client = job_start(&call, NULL);
	settle();
	CHECK(call.done);
	CHECK(has_context(client->tcb));
	CHECK(!has_context(t->tcb));
}

/* Unbinding and deletion */

TEST(notification_context_unbound_is_not_lent)
{
	make_objects();
	struct driver d;
	struct thread *t = driver_start(&d, wait_for_signals, false);
	CHECK_OK(sel4_sched_context_unbind_object(test.sc, test.object));
	sel4_signal(test.badged);
	settle();
	CHECK_EQ(d.signals, 0);
	CHECK(!has_context(t->tcb));
}

TEST(notification_context_unbound_while_lent_stays)
{
	make_objects();
	struct driver d;
	struct thread *t = driver_start(&d, wait_for_signals, false);
	sel4_signal(test.badged);
	CHECK_OK(sel4_sched_context_unbind_object(test.sc, test.object));
	settle();
	CHECK_EQ(d.signals, 1);
	CHECK(has_context(t->tcb));
	sel4_signal(test.badged);
	settle();
	CHECK_EQ(d.signals, 2);
}

TEST(notification_context_unbind_takes_it_from_both)
{
	make_objects();
	struct driver d;
	struct thread *t = driver_start(&d, wait_for_signals, false);
	sel4_signal(test.badged);
	CHECK_OK(sel4_sched_context_unbind(test.sc));
	settle();
	CHECK_EQ(d.signals, 0);
	CHECK(!has_context(t->tcb));
	CHECK_OK(sel4_sched_context_bind(test.sc, notification_new()));
	CHECK_OK(sel4_sched_context_bind(sched_context_new(), test.object));
}

TEST(notification_context_deleted_while_lent)
{
	make_objects();
	struct driver d;
	struct thread *t = driver_start(&d, wait_for_signals, false);
	sel4_signal(test.badged);
	cap_delete(test.sc);
	settle();
	CHECK_EQ(d.signals, 0);
	CHECK(!has_context(t->tcb));
	CHECK_OK(sel4_sched_context_bind(sched_context_new(), test.object));
	CHECK_OK(sel4_sched_context_bind(sched_context_new(), t->tcb));
	settle();
	CHECK_EQ(d.signals, 1);
}

TEST(notification_context_outlives_the_notification)
{
	make_objects();
	cap_delete(test.badged);
	cap_delete(test.object);
	CHECK_OK(sel4_sched_context_bind(test.sc, notification_new()));
}

TEST(notification_context_lent_when_the_notification_goes)
{
	make_objects();
	struct driver d;
	cptr_t faults = endpoint_new();
	struct thread *t = driver_start(&d, wait_for_signals, false);
	CHECK_OK(sel4_tcb_set_space(t->tcb, faults, INIT_CNODE, 0, INIT_VSPACE, 0));
	sel4_signal(test.badged);
	cap_delete(test.badged);
	cap_delete(test.object);
	/* It goes on with the context, and waits for what is no more. */
	CHECK_EQ(sel4_wait(faults).mr[1], test.object);
	CHECK_EQ(d.signals, 1);
	CHECK(has_context(t->tcb));
}

TEST(notification_context_deleted_thread_gives_it_back)
{
	make_objects();
	struct driver d[2];
	driver_start(&d[0], wait_for_signals, false);
	driver_start(&d[1], wait_for_signals, false);
	sel4_signal(test.badged);
	cap_delete(d[0].thread->tcb);
	CHECK(!context_is_bound(test.sc));
	sel4_signal(test.badged);
	settle();
	CHECK_EQ(d[1].signals, 1);
}

/* A context that is not configured wakes its borrower, but does not make it run. */
TEST(notification_context_never_configured)
{
	make_objects();
	cptr_t sc = object_new(OBJ_SCHED_CONTEXT, ABI_SCHED_CONTEXT_BITS_MIN);
	CHECK_OK(sel4_sched_context_unbind(test.sc));
	CHECK_OK(sel4_sched_context_bind(sc, test.object));
	struct driver d;
	driver_start(&d, wait_for_signals, false);
	sel4_signal(test.badged);
	settle();
	CHECK_EQ(d.signals, 0);
	CHECK_OK(sel4_sched_control_configure_flags(env_sched_control, sc, 1000, 1000, 0, 0, 0));
	settle();
	CHECK_EQ(d.signals, 1);
}
