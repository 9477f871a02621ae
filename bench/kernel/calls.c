/* SPDX-License-Identifier: BSD-2-Clause */
/* System calls, IPC, faults and signals. */
#include "bench.h"

static struct samples samples;
static uint32_t fault_times[RUNS + 2];

/* A helper in one of the loops of servers.S, waiting. */
struct helper {
	struct server server;
	struct thread *thread;
	cptr_t endpoint;
};

enum helper_kind { OWN_SPACE = 1, PASSIVE = 2 };

static struct helper helpers[THREADS_MAX]; /* static: seen in their own address spaces too */
static unsigned int helpers_used;

static struct helper *helper_new(thread_fn loop, struct server server, unsigned int kind,
                                 struct thread_options options)
{
	if (helpers_used == sizeof helpers / sizeof helpers[0])
		panic("too many helpers");
	struct helper *h = &helpers[helpers_used++];
	if (kind & OWN_SPACE) {
		options.vspace = vspace_new();
		vspace_map_image(options.vspace);
	}
	if (!options.priority)
		options.priority = ABOVE_MAIN;
	h->thread = thread_new(&options);
	h->server = server;
	if (!server.endpoint)
		h->server.endpoint = endpoint_new();
	if (!server.reply)
		h->server.reply = reply_new();
	h->server.buffer = h->thread->ipc_buffer;
	h->endpoint = h->server.endpoint;
	thread_start(h->thread, loop, (word_t)&h->server);
	if (kind & PASSIVE)
		must(sel4_sched_context_unbind(h->thread->sched_context));
	return h;
}

static struct helper *server_new(word_t reply_length, unsigned int kind)
{
	return helper_new(serve, (struct server){ .info = abi_msginfo(0, 0, 0, reply_length) },
	                  kind, (struct thread_options){ 0 });
}

static void measure_calls(enum row row, cptr_t endpoint, word_t info)
{
	struct call c = { .nr = SYS_CALL, .cap = endpoint, .info = info };
	for (unsigned int i = 0; i < RUNS; i++)
		sample_add(&samples, call_timed(&c).instructions);
	report(row, &samples);
}

static void measure_syscall(void)
{
	word_t fs_base;
	__asm__("movq %%fs:0, %0" : "=r"(fs_base));
	struct call c = { .nr = SYS_SET_TLS_BASE, .cap = fs_base };
	for (unsigned int i = 0; i < RUNS; i++)
		sample_add(&samples, call_timed(&c).instructions);
	report(ROW_SYSCALL, &samples);

	cptr_t frame = frame_new();
	for (unsigned int i = 0; i < RUNS; i++)
		sample_add(&samples, invoke_timed(frame, INV_X86_PAGE_GET_ADDRESS, 0, 0,
		                                  (word_t[ABI_MSG_REGS]){ 0 }));
	report(ROW_INVOKE, &samples);
}

static void measure_ipc(void)
{
	cptr_t same = server_new(4, PASSIVE)->endpoint;
	measure_calls(ROW_IPC_SAME, same, abi_msginfo(0, 0, 0, 4));
	cptr_t other = server_new(4, PASSIVE | OWN_SPACE)->endpoint;
	measure_calls(ROW_IPC_OTHER, other, abi_msginfo(0, 0, 0, 4));
	cptr_t quiet = server_new(0, PASSIVE | OWN_SPACE)->endpoint;
	measure_calls(ROW_IPC_5, quiet, abi_msginfo(0, 0, 0, 5));
	cptr_t active = server_new(4, OWN_SPACE)->endpoint;
	measure_calls(ROW_IPC_ACTIVE, active, abi_msginfo(0, 0, 0, 4));
	cptr_t active_quiet = server_new(0, OWN_SPACE)->endpoint;
	measure_calls(ROW_IPC_ACTIVE_5, active_quiet, abi_msginfo(0, 0, 0, 5));
}

/* Both ways, to a passive and to an active server. */
static void measure_lengths(void)
{
	static const struct {
		word_t length;
		enum row passive, active;
	} rows[] = {
		{ 0, ROW_IPC_0_BOTH, ROW_IPC_ACTIVE_0_BOTH },
		{ 5, ROW_IPC_5_BOTH, ROW_IPC_ACTIVE_5_BOTH },
		{ 20, ROW_IPC_20_BOTH, ROW_IPC_ACTIVE_20_BOTH },
		{ 120, ROW_IPC_120_BOTH, ROW_IPC_ACTIVE_120_BOTH },
	};
	for (unsigned int i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		word_t info = abi_msginfo(0, 0, 0, rows[i].length);
		measure_calls(rows[i].passive,
		              server_new(rows[i].length, PASSIVE | OWN_SPACE)->endpoint, info);
		measure_calls(rows[i].active, server_new(rows[i].length, OWN_SPACE)->endpoint,
		              info);
	}
}

static void measure_nb_send_recv(void)
{
	struct helper *h = helper_new(serve_nb_send_recv, (struct server){ 0 }, OWN_SPACE,
	                              (struct thread_options){ 0 });
	measure_calls(ROW_NB_SEND_RECV, h->endpoint, 0);
}

/* Main sends a copy of a capability; the server's receive slot is cleared in between. */
static void measure_cap_transfer(void)
{
	struct helper *h = server_new(0, OWN_SPACE);
	cptr_t received = slot_new(), sent = notification_new();
	h->thread->ipc_buffer->receive_cnode = INIT_CNODE;
	h->thread->ipc_buffer->receive_index = received;
	h->thread->ipc_buffer->receive_depth = ABI_WORD_BITS;
	struct call c = { .nr = SYS_CALL, .cap = h->endpoint, .info = abi_msginfo(0, 0, 1, 0) };
	for (unsigned int i = 0; i < RUNS; i++) {
		sel4_set_cap(0, sent);
		sample_add(&samples, call_timed(&c).instructions);
		cap_delete(received);
	}
	report(ROW_CAP_TRANSFER, &samples);
}

/* The handler notes when each fault arrives; the faulter can do nothing but fault again. */
static void measure_page_fault(void)
{
	cptr_t done = notification_new();
	struct helper *h =
	        helper_new(serve_faults, (struct server){ .times = fault_times, .done = done },
	                   OWN_SPACE, (struct thread_options){ 0 });
	struct thread *faulter = thread_new(
	        &(struct thread_options){ .priority = BELOW_MAIN, .fault_ep = h->endpoint });
	thread_start(faulter, touch, TEST_VADDR);
	(void)sel4_wait(done);
	for (unsigned int i = 0; i < RUNS; i++)
		sample_add(&samples, fault_times[i + 1] - fault_times[i]);
	report(ROW_VM_FAULT, &samples);
}

/* Main itself makes a system call that the kernel does not know. */
static void measure_unknown_syscall(enum row row, thread_fn loop)
{
	word_t info = abi_msginfo(0, 0, 0, UNKNOWN_SYSCALL_NR);
	struct helper *h = helper_new(loop, (struct server){ .info = info }, OWN_SPACE,
	                              (struct thread_options){ 0 });
	must(sel4_tcb_set_space(INIT_TCB, h->endpoint, INIT_CNODE, 0, INIT_VSPACE, 0));
	struct call c = { .nr = (enum abi_syscall)39 };
	for (unsigned int i = 0; i < RUNS; i++)
		sample_add(&samples, call_timed(&c).instructions);
	report(row, &samples);
	must(sel4_tcb_set_space(INIT_TCB, 0, INIT_CNODE, 0, INIT_VSPACE, 0));
}

static void measure_send(enum row row, cptr_t notification)
{
	struct call c = { .nr = SYS_SEND, .cap = notification };
	for (unsigned int i = 0; i < RUNS; i++)
		sample_add(&samples, call_timed(&c).instructions);
	report(row, &samples);
}

static void measure_signals(void)
{
	cptr_t notification = notification_new();
	struct call wait = { .nr = SYS_WAIT, .cap = notification };
	static struct samples waits;
	for (unsigned int i = 0; i < RUNS; i++) {
		struct call signal = { .nr = SYS_SEND, .cap = notification };
		sample_add(&samples, call_timed(&signal).instructions);
		sample_add(&waits, call_timed(&wait).instructions);
	}
	report(ROW_SIGNAL, &samples);
	report(ROW_WAIT, &waits);

	(void)helper_new(serve_wait, (struct server){ .endpoint = notification }, OWN_SPACE,
	                 (struct thread_options){ 0 });
	measure_send(ROW_SIGNAL_WAITER, notification);

	cptr_t bound = notification_new();
	struct helper *h =
	        helper_new(serve, (struct server){ 0 }, OWN_SPACE, (struct thread_options){ 0 });
	must(sel4_tcb_suspend(h->thread->tcb));
	must(sel4_tcb_bind_notification(h->thread->tcb, bound));
	thread_start(h->thread, serve_bound, (word_t)&h->server);
	measure_send(ROW_SIGNAL_BOUND, bound);
}

/* Two threads of one priority, each with a scheduling context, wake each other. */
static void measure_ping_pong(void)
{
	cptr_t ping = notification_new(), pong = notification_new();
	struct helper *h =
	        helper_new(serve_ping, (struct server){ .endpoint = ping, .reply = pong },
	                   OWN_SPACE, (struct thread_options){ 0 });
	must(sel4_tcb_set_priority(h->thread->tcb, INIT_TCB, MAIN_PRIORITY));
	struct call c = { .nr = SYS_NB_SEND_WAIT, .cap = pong, .r12 = ping };
	for (unsigned int i = 0; i < RUNS; i++)
		sample_add(&samples, call_timed(&c).instructions);
	report(ROW_SWITCH, &samples);
}

void calls_measure(void)
{
	measure_syscall();
	measure_ipc();
	measure_page_fault();
	measure_unknown_syscall(ROW_UNKNOWN, serve_syscalls);
	measure_unknown_syscall(ROW_UNKNOWN_RCX, serve_syscalls_rcx);
	measure_signals();
	measure_ping_pong();
	measure_lengths();
	measure_nb_send_recv();
	measure_cap_transfer();
}
