/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What memory across sessions costs in rm: this program is the server, and asks in the name of the
 * client as well, a task without threads. So there is no IPC but that with rm, and no scheduling.
 */
#include "lender.h"
#include <lib/format.h>
#include <rt/client_memory.h>
#include <rt/name.h>
#include <rt/share.h>
#include <rt/thread.h>

enum { OWN_ROUNDS = 40, FEW = 8, MANY = 256, SENDERS = 1000, SENDER = 50, DEADLINE_MS = 600000 };

static cptr_t client, endpoint, called;
static rm_session_t session;

/* -- the session ------------------------------------------------------------------------------- */

/* In a thread of its own: the answer comes when the server, the first thread, has accepted. */
static int connect(void *arg)
{
	const struct rm_session_connect_in in = {
		.limit = 64 * PAGE, .version = 1, .name = "own", .name_count = 3
	};
	struct rm_session_connect_out out;
	(void)arg;
	must(rm_session_connect(client, RT_BANK, &in, rt_slot(called), &out));
	session = out.session;
	return 0;
}

static uint64_t next_event(uint64_t *first)
{
	struct rm_event_next_out out = { 0 };
	while (out.record_count == 0) {
		sel4_yield();
		must(rm_event_next(RT_TASK, &out));
	}
	*first = out.record[1];
	return (uint32_t)out.record[0] - PROTO_LABEL_BASE;
}

static void open_own(void)
{
	static struct rt_worker worker;
	rm_session_t opened;
	must(rt_worker_start(&worker, connect, NULL, 0, NULL));
	while (next_event(&opened.raw) != RM_EVENT_SESSION_OPENED)
		continue;
	must(rm_session_accept(RT_TASK, &(struct rm_session_accept_in){ .session = opened }));
	(void)rt_worker_join(&worker);
}

static void make_client(void)
{
	const struct rm_task_create_in in = { .slot_bits = 5, .name = "client", .name_count = 6 };
	const struct rm_name_register_in name = {
		.deadline = DEADLINE_MS, .version = 1, .name = "own", .name_count = 3
	};
	client = rt_slot_get();
	endpoint = rt_slot_get();
	called = rt_slot_get();
	must(rm_task_create(RT_BANK, RT_VSPACE, &in, rt_slot(client)));
	must(rt_name_grant(RT_TASK, "own", RM_NAME_RIGHT_SERVE));
	must(rt_name_grant(client, "own", RM_NAME_RIGHT_CONNECT));
	must(rm_name_register(RT_TASK, &name, rt_slot(endpoint)));
}

/* -- donation ---------------------------------------------------------------------------------- */

static rm_donation_t donate(cptr_t memory, uint64_t first, uint64_t pages)
{
	const struct rm_donate_in in = {
		.session = session, .first = first, .size = pages, .contents = RM_CONTENTS_KEPT
	};
	struct rm_donate_out out;
	must(rm_donate(client, memory, &in, &out));
	return out.donation;
}

static uint64_t donate_and_return(cptr_t memory, uint64_t at, uint64_t pages)
{
	static uint64_t times[OWN_ROUNDS];
	for (unsigned int i = 0; i < OWN_ROUNDS; i++) {
		memory_touch(at, pages);
		uint64_t t = rt_tsc();
		const struct rm_donation_return_in back = { .donation = donate(memory, 0, pages),
			                                    .contents = RM_CONTENTS_KEPT };
		must(rm_donation_return(RT_TASK, &back));
		times[i] = (rt_tsc() - t) / pages;
	}
	return median(times, OWN_ROUNDS);
}

/* -- sharing ----------------------------------------------------------------------------------- */

static rm_share_t share(cptr_t memory, uint64_t pages, uint8_t class)
{
	const struct rm_share_create_in in = { .session = session,
		                               .size = pages,
		                               .rights = RW,
		                               .class = class };
	struct rm_share_create_out out;
	must(rm_share_create(client, memory, &in, &out));
	return out.share;
}

static uint64_t share_touch_revoke(cptr_t memory)
{
	static uint64_t times[OWN_ROUNDS];
	for (unsigned int i = 0; i < OWN_ROUNDS; i++) {
		struct client_window window;
		char byte;
		size_t done;
		uint64_t t = rt_tsc();
		rm_share_t it = share(memory, 1, RM_SHARE_CLASS_FAULTABLE);
		must(rt_window_map(it, 0, 1, RW, RM_POLICY_REPORT, &window));
		must(client_read(&byte, window.at, 1, &done));
		const struct rm_share_revoke_in revoke = { .share = it, .when = RM_WHEN_NOW };
		must(rm_share_revoke(client, &revoke));
		times[i] = rt_tsc() - t;
		rt_window_unmap(&window);
	}
	return median(times, OWN_ROUNDS);
}

static uint64_t seal_and_release(cptr_t memory, uint64_t pages)
{
	static uint64_t times[OWN_ROUNDS];
	for (unsigned int i = 0; i < OWN_ROUNDS; i++) {
		uint64_t t = rt_tsc();
		must(rt_share_release(share(memory, pages, RM_SHARE_CLASS_SEALED)));
		times[i] = (rt_tsc() - t) / pages;
	}
	return median(times, OWN_ROUNDS);
}

/* -- severing ---------------------------------------------------------------------------------- */

static cptr_t never;

/* A thread that has nothing but the page with its IPC buffer, of which its stack is the end. */
static _Noreturn void send(void)
{
	(void)sel4_call(called, (struct sel4_msg){ abi_msginfo(100, 0, 0, 0), { 0 }, 0 });
	for (;;)
		(void)sel4_wait(never);
}

static int nothing(void *arg)
{
	(void)arg;
	return 0;
}

/* All threads of that priority wait. */
static void let_run(void)
{
	static struct rt_worker last;
	const struct rm_schedule below = { .budget_us = 10000,
		                           .period_us = 10000,
		                           .priority = SENDER - 1,
		                           .priority_max = SENDER };
	last = (struct rt_worker){ 0 };
	must(rt_worker_start(&last, nothing, NULL, 0, &below));
	(void)rt_worker_join(&last);
}

static void start_senders(void)
{
	uint64_t at;
	cptr_t thread = rt_slot_get();
	rt_slot_put(memory_new(SENDERS, &at));
	for (uint64_t page = at; page < at + SENDERS * PAGE; page += PAGE) {
		const struct rm_thread_create_in in = { .buffer = page,
			                                .schedule = { .budget_us = 10000,
			                                              .period_us = 10000,
			                                              .priority = SENDER,
			                                              .priority_max = SENDER } };
		const struct rm_thread_start_in start = { .entry = (uint64_t)send,
			                                  .stack = page + PAGE - 8 };
		must(rm_thread_create(RT_TASK, &in, rt_slot(thread)));
		must(rm_thread_start(thread, &start));
		rt_slot_clear(thread);
	}
	rt_slot_put(thread);
}

static uint64_t sever_with_sends(void)
{
	const struct rm_notification_create_in in = { .badge = 1 };
	struct rm_notification_create_out out;
	never = rt_slot_get();
	must(rm_notification_create(RT_TASK, &in, rt_slot(never), &out));
	start_senders();
	let_run();
	uint64_t t = rt_tsc();
	must(rm_session_sever(RT_TASK, &(struct rm_session_sever_in){ .session = session }));
	t = rt_tsc() - t;
	let_run();
	return t / SENDERS;
}

void measure_own(void)
{
	uint64_t at, many_at, first;
	make_client();
	open_own();
	cptr_t few = memory_new(FEW, &at), many = memory_new(MANY, &many_at);
	(void)donate(few, FEW - 1, 1); /* the server has something of this client's already */
	show("donate and return one page", donate_and_return(few, at, 1), "6000");
	show("donate and return 256 pages, per page", donate_and_return(many, many_at, MANY),
	     "2500");
	memory_touch(at, 1);
	memory_touch(many_at, MANY);
	/* The bar is 8,000; where the window comes to lie makes 600 of difference. */
	show("share, map, touch, revoke one page", share_touch_revoke(few), "8000");
	show("seal and release 256 pages, per page", seal_and_release(many, MANY), "300");
	show("sever a session with 250 queued sends, per send", sever_with_sends(), "600");
	while (next_event(&first) != RM_EVENT_SESSION_SEVERED)
		continue;
	must(rm_session_acknowledge(RT_TASK,
	                            &(struct rm_session_acknowledge_in){ .session = session }));
}
