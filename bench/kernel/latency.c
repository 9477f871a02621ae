/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * From an interrupt to the first instruction of the thread that waits for it, while another
 * thread computes, and while it has the kernel do something long. The probe is a thread above
 * all others; it asks for an interrupt, waits, notes how late it is, and starts again. The delays
 * vary, so that interrupts fall anywhere in the long operation.
 */
#include "bench.h"
#include "hpet.h"

enum {
	PROBE_PRIORITY = 250,
	DELAY_NS_MIN = 4000, /* more than arming and waiting takes */
	DELAY_NS_SPREAD = 20000,
	CAPS_BITS = 12,
	CAPS = 1 << CAPS_BITS,
	WAITERS = 500,
	WAITERS_AT_ONCE = 250,
	LARGE_BITS = 26, /* 64 MiB */
	ROUNDS = 8,
};

static struct hpet hpet;
static struct samples samples;

/* Between main and the probe. */
static struct {
	cptr_t wanted; /* notification: main wants measuring to begin */
	volatile bool running;
	volatile word_t worst, count, due;
} probe;

_Noreturn static word_t probe_run(word_t arg)
{
	uint32_t random = 1;
	(void)arg;
	for (;;) {
		if (!probe.running)
			(void)sel4_wait(probe.wanted);
		random = random * 1103515245 + 12345;
		word_t due = hpet_arm(DELAY_NS_MIN + (random >> 8) % DELAY_NS_SPREAD);
		must(sel4_irq_handler_ack(hpet.irq));
		probe.due = due;
		(void)sel4_wait(hpet.notification);
		word_t late = time_now() - due;
		if (probe.running) {
			sample_add(&samples, late);
			if (late > probe.worst)
				probe.worst = late;
			probe.count++;
		}
	}
}

static void probe_start(void)
{
	probe.running = true;
	sel4_signal(probe.wanted);
}

/* Ends after the probe has had its last interrupt. */
static void probe_stop(void)
{
	probe.running = false;
	word_t end = time_now() + 4 * DELAY_NS_SPREAD;
	while (time_now() < end)
		;
}

static void report_worst(enum row row)
{
	if (probe.count == 0)
		panic("no interrupt came");
	report_figure(row, probe.worst);
	probe.worst = probe.count = samples.count = 0;
}

static void measure_idle_kernel(void)
{
	probe_start();
	word_t end = time_now() + 20000000;
	while (time_now() < end)
		;
	probe_stop();
	report(ROW_LATENCY, &samples);
	report_worst(ROW_LATENCY_WORST);
}

/* The operation is prepared, timed and cleaned up ROUNDS times. */
static void measure_worst(enum row row, cptr_t (*prepare)(void), void (*operation)(cptr_t),
                          void (*clean)(cptr_t))
{
	for (unsigned int i = 0; i < ROUNDS; i++) {
		cptr_t object = prepare();
		probe_start();
		operation(object);
		probe_stop();
		if (clean)
			clean(object);
	}
	report_worst(row);
}

/* -- revoke of many capabilities -- */

static cptr_t caps_node, caps_source;

static cptr_t prepare_copies(void)
{
	for (word_t i = 0; i < CAPS; i++)
		must(sel4_cnode_mint((struct sel4_slot){ caps_node, i, CAPS_BITS },
		                     slot(caps_source), RIGHTS_ALL, i + 1));
	return caps_source;
}

static cptr_t prepare_frame_copies(void)
{
	for (word_t i = 0; i < CAPS; i++)
		must(sel4_cnode_copy((struct sel4_slot){ caps_node, i, CAPS_BITS },
		                     slot(caps_source), RIGHTS_ALL));
	return caps_source;
}

/* -- retyping much memory -- */

static cptr_t large_untyped, large_pages;

static cptr_t prepare_memory(void)
{
	return large_untyped;
}

static void retype_memory(cptr_t untyped)
{
	must(sel4_untyped_retype(untyped, OBJ_X86_LARGE_PAGE, 0, root_node(), large_pages,
	                         1 << (LARGE_BITS - OBJ_BITS_X86_LARGE_PAGE)));
}

/* -- deleting a CNode of many objects -- */

static cptr_t node_untyped, node_slot;

static cptr_t prepare_node(void)
{
	must(sel4_untyped_retype(node_untyped, OBJ_CNODE, CAPS_BITS, root_node(), node_slot, 1));
	struct sel4_slot node = { INIT_CNODE, node_slot, ABI_WORD_BITS };
	for (word_t i = 0; i < CAPS; i += ABI_RETYPE_MAX)
		must(sel4_untyped_retype(node_untyped, OBJ_ENDPOINT, 0, node, i, ABI_RETYPE_MAX));
	return node_slot;
}

/* -- deleting an endpoint with many waiting threads -- */

/* What they do once they are woken ends in a fault that nobody receives: they stand still. */
static cptr_t waiters_untyped, waiters_endpoint, waiters_badged, waiters_faults;
static cptr_t waiter_tcbs, waiter_contexts;

static void start_waiter(cptr_t tcb, cptr_t context, thread_fn code, cptr_t endpoint)
{
	must(sel4_sched_control_configure_flags(env_sched_control, context, 1000, 1000, 0, 0, 0));
	must(sel4_tcb_set_space(tcb, 0, INIT_CNODE, 0, INIT_VSPACE, 0));
	must(sel4_tcb_set_sched_params(tcb, INIT_TCB, ABI_PRIORITY_MAX, ABOVE_MAIN, context,
	                               waiters_faults));
	struct abi_user_context start = { .rip = (word_t)code, .rdi = endpoint };
	must(sel4_tcb_write_registers(tcb, SEL4_WRITE_RESUME, ABI_CONTEXT_WORDS, &start));
}

static void prepare_waiters(thread_fn code)
{
	must(sel4_untyped_retype(waiters_untyped, OBJ_ENDPOINT, 0, root_node(), waiters_endpoint,
	                         1));
	must(sel4_cnode_mint(slot(waiters_badged), slot(waiters_endpoint), RIGHTS_ALL, 1));
	for (word_t i = 0; i < WAITERS; i += WAITERS_AT_ONCE) {
		must(sel4_untyped_retype(waiters_untyped, OBJ_TCB, 0, root_node(), waiter_tcbs + i,
		                         WAITERS_AT_ONCE));
		must(sel4_untyped_retype(waiters_untyped, OBJ_SCHED_CONTEXT,
		                         ABI_SCHED_CONTEXT_BITS_MIN, root_node(),
		                         waiter_contexts + i, WAITERS_AT_ONCE));
	}
	for (word_t i = 0; i < WAITERS; i++) {
		start_waiter(waiter_tcbs + i, waiter_contexts + i, code, waiters_badged);
		/* It waits. Woken, it shall not run before the operation is over. */
		must(sel4_tcb_set_priority(waiter_tcbs + i, INIT_TCB, BELOW_MAIN));
	}
}

static cptr_t prepare_senders(void)
{
	prepare_waiters(send_to);
	return waiters_endpoint;
}

static cptr_t prepare_receivers(void)
{
	prepare_waiters(receive_from);
	return waiters_endpoint;
}

static void delete_endpoint(cptr_t endpoint)
{
	cap_delete(waiters_badged);
	cap_delete(endpoint);
}

static void cancel_sends(cptr_t endpoint)
{
	(void)endpoint;
	must(sel4_cnode_cancel_badged_sends(slot(waiters_badged)));
}

static void revoke_waiters(cptr_t endpoint)
{
	(void)endpoint;
	cap_revoke(waiters_untyped);
}

/* -- the rows -- */

static void measure_revoke(void)
{
	caps_node = cnode_new(CAPS_BITS);
	caps_source = endpoint_new();
	measure_worst(ROW_LATENCY_REVOKE, prepare_copies, cap_revoke, NULL);
	caps_source = frame_new();
	measure_worst(ROW_LATENCY_REVOKE_FRAMES, prepare_frame_copies, cap_revoke, NULL);
}

static void measure_retype(void)
{
	large_untyped = boot_untyped_find(LARGE_BITS, false);
	if (!large_untyped)
		panic("no untyped of 64 MiB");
	large_pages = slot_new_range(1 << (LARGE_BITS - OBJ_BITS_X86_LARGE_PAGE));
	measure_worst(ROW_LATENCY_RETYPE, prepare_memory, retype_memory, cap_revoke);
}

static void measure_node(void)
{
	node_untyped = untyped_new(CAPS_BITS + ABI_SLOT_BITS + 1);
	node_slot = slot_new();
	measure_worst(ROW_LATENCY_NODE, prepare_node, cap_delete, NULL);
}

static void measure_waiters(void)
{
	waiters_untyped = untyped_new(21);
	waiters_endpoint = slot_new();
	waiters_badged = slot_new();
	waiters_faults = endpoint_new();
	waiter_tcbs = slot_new_range(WAITERS);
	waiter_contexts = slot_new_range(WAITERS);
	measure_worst(ROW_LATENCY_RECEIVERS, prepare_receivers, delete_endpoint, revoke_waiters);
	measure_worst(ROW_LATENCY_SENDERS, prepare_senders, delete_endpoint, revoke_waiters);
	measure_worst(ROW_LATENCY_CANCEL, prepare_senders, cancel_sends, revoke_waiters);
	measure_worst(ROW_LATENCY_THREADS, prepare_senders, revoke_waiters, NULL);
}

void latency_measure(void)
{
	if (!hpet_init(&hpet)) {
		print("# no HPET: no interrupt latencies\n");
		return;
	}
	probe.wanted = notification_new();
	struct thread *t = thread_new(&(struct thread_options){ .priority = PROBE_PRIORITY });
	thread_start(t, probe_run, 0);
	measure_idle_kernel();
	measure_revoke();
	measure_retype();
	measure_node();
	measure_waiters();
	hpet_fini(&hpet);
}
