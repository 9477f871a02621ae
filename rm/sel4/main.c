/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * rm as a program: the root task. It sets up the core, starts init, and then answers: whatever
 * comes to its one endpoint, by the badge, is a request on an object, a fault of a thread, or the
 * worker.
 *
 * The worker is a second thread, with a budget: it asks for one step of long work after the other,
 * so that such work goes on whatever the others do. Its budget, a fifth of the processor, bounds
 * its asking, not the steps, which run on rm's own time. Its periods are the clock of deadlines
 * as well.
 */
#include "console.h"
#include "setup.h"
#include <lib/assert.h>
#include <rt/root.h>
#include <rt/tsc.h>

enum worker_order { WORKER_WAIT, WORKER_AGAIN, WORKER_LATER };

enum { STEPS_A_CALL = 4, STACK_BYTES = 16384 };

static struct setup boot;
static struct rm rm;
static struct {
	struct rt_thread thread;
	bool waits;
	_Alignas(16) char stack[STACK_BYTES];
} worker;

_Noreturn void assert_failed(const char *file, int line, const char *what)
{
	console_print("rm: %s:%d: does not hold: %s\n", file, line, what);
	kernel_ops.off(&boot.kernel, false);
	for (;;)
		(void)sel4_tcb_suspend(boot.kernel.tcb);
}

/* -- init: the boot archive is part of rm's image ---------------------------------------------- */

extern const char archive_start[], archive_end[];

/* 64 bits that nobody can guess: the CPU's, or, where it has none, what the time stamp counter
 * gives, which CAVEATS says is too little. */
static uint64_t random_word(void)
{
	enum { CPUID_RDRAND = 1 << 30, TRIES = 10 };
	uint32_t eax = 1, ebx, ecx = 0, edx;
	__asm__ volatile("cpuid" : "+a"(eax), "=b"(ebx), "+c"(ecx), "=d"(edx));
	uint64_t word;
	for (unsigned int i = 0; ecx & CPUID_RDRAND && i < TRIES; i++) {
		bool good;
		__asm__ volatile("rdrand %0" : "=r"(word), "=@ccc"(good));
		if (good)
			return word;
	}
	return rt_tsc() * 0x9e3779b97f4a7c15u;
}

static void init_start(void)
{
	struct rm_init init = { .archive = archive_start,
		                .archive_bytes = (uint64_t)(archive_end - archive_start),
		                .tsc_hz = boot.kernel.tsc_mhz * 1000000 };
	for (unsigned int i = 0; i < sizeof(init.random) / 8; i++)
		((uint64_t *)init.random)[i] = random_word();
	err_t err = rm_start_init(&rm, &init);
	if (err != E_OK) {
		console_print("rm: init: %s: %s\n", err_name(err), err_text(err));
		setup_fail("init does not start", err);
	}
}

/* -- the worker -------------------------------------------------------------------------------- */

_Noreturn static void worker_main(void)
{
	sel4_set_tls_base((word_t)&worker.thread);
	for (;;) {
		struct sel4_msg m = sel4_call(boot.worker_endpoint, (struct sel4_msg){ 0 });
		switch (abi_msginfo_label(m.info)) {
		case WORKER_WAIT:
			(void)sel4_wait(boot.worker_signal);
			break;
		case WORKER_LATER:
			sel4_yield(); /* until its next period */
			break;
		default:
			break;
		}
	}
}

static void worker_start(void)
{
	worker.thread.self = &worker.thread;
	worker.thread.ipc_buffer = boot.worker_buffer;
	struct abi_user_context context = { .rip = (word_t)worker_main,
		                            .rsp = (word_t)worker.stack + STACK_BYTES - 8,
		                            .rflags = 0x202 };
	enum abi_error err = sel4_tcb_write_registers(boot.worker_tcb, SEL4_WRITE_RESUME,
	                                              ABI_CONTEXT_FRAME_WORDS, &context);
	if (err != ERR_NONE)
		setup_fail("the worker does not start", err);
}

static bool has_deadlines(void)
{
	return deadlines_first_ns(&rm.session_deadlines) != DEADLINE_NEVER ||
	       deadlines_first_ns(&rm.pager_deadlines) != DEADLINE_NEVER;
}

static enum worker_order work(void)
{
	rm_tick(&rm, kernel_time_ns(&boot.kernel));
	bool more = true;
	for (unsigned int i = 0; i < STEPS_A_CALL && more; i++)
		more = rm_step(&rm);
	worker.waits = !more && !has_deadlines();
	return more ? WORKER_AGAIN : worker.waits ? WORKER_WAIT : WORKER_LATER;
}

static void wake_worker(void)
{
	if (worker.waits && (rm_has_work(&rm) || has_deadlines())) {
		worker.waits = false;
		sel4_signal(boot.worker_signal);
	}
}

/* -- messages ---------------------------------------------------------------------------------- */

static void receive_into(slot_t slot)
{
	struct abi_ipc_buffer *buffer = sel4_ipc_buffer();
	struct sel4_slot place = slot_at(&boot.kernel, slot);
	buffer->receive_cnode = place.root;
	buffer->receive_index = place.index;
	buffer->receive_depth = place.depth;
}

/* The message's words as one array: the buffer's. */
static uint64_t *words_of(const struct sel4_msg *m)
{
	for (unsigned int i = 0; i < ABI_MSG_REGS; i++)
		sel4_ipc_buffer()->msg[i] = m->mr[i];
	return sel4_ipc_buffer()->msg;
}

/* A request's answer as a message. */
static struct sel4_msg reply_of(const struct proto_request *request)
{
	struct sel4_msg m = { abi_msginfo(proto_reply_label(request), 0, request->cap_out != 0,
		                          request->reply_length),
		              { 0 },
		              0 };
	for (unsigned int i = 0; i < ABI_MSG_REGS; i++)
		m.mr[i] = request->reply[i];
	if (request->cap_out)
		sel4_set_cap(0, cptr_of(&boot.kernel, request->cap_out));
	return m;
}

/* True: *m is the answer to whoever waits on rm.reply. */
static bool handle_request(struct sel4_msg *m)
{
	struct proto_request request; /* its answer's part is rm_request's to fill in */
	request.label = abi_msginfo_label(m->info);
	request.length = (unsigned int)abi_msginfo_length(m->info);
	request.caps = (unsigned int)abi_msginfo_caps(m->info);
	request.unwrapped = (unsigned int)abi_msginfo_unwrapped(m->info);
	request.badge = m->badge;
	request.words = words_of(m);
	request.reply = sel4_ipc_buffer()->msg;
	for (unsigned int i = 0; i < request.caps; i++)
		request.cap_badges[i] = sel4_ipc_buffer()->caps_or_badges[i];
	unsigned int u = request.unwrapped;
	bool came = request.caps > (u & 1) + (u >> 1 & 1) + (u >> 2);
	bool answered = rm_request(&rm, &request);
	if (came)
		kernel_ops.remove(&boot.kernel, rm.receive);
	if (answered)
		*m = reply_of(&request);
	return answered;
}

static bool handle(struct sel4_msg *m)
{
	uint64_t label = abi_msginfo_label(m->info);
	if (m->badge == WORKER_BADGE) {
		*m = (struct sel4_msg){ abi_msginfo(work(), 0, 0, 0), { 0 }, 0 };
		return true;
	}
	/* Nobody told the time while the worker waited; a deadline that begins now needs it. */
	if (worker.waits)
		rm.now_ns = kernel_time_ns(&boot.kernel);
	if (m->badge >> FACET_SHIFT == FACET_OTHER && label < PROTO_LABEL_BASE) {
		unsigned int length = (unsigned int)abi_msginfo_length(m->info);
		enum rm_fault_answer answer = rm_fault(&rm, m->badge, label, words_of(m), length);
		if (answer == RM_FAULT_NONE)
			return handle_request(m);
		*m = (struct sel4_msg){ 0 };
		return answer == RM_FAULT_RESUME;
	}
	return handle_request(m);
}

_Noreturn void root_main(const struct abi_boot_info *info)
{
	setup(&boot, info);
	if (!boot.kernel.tsc_mhz)
		setup_fail("the kernel does not say how fast the time stamp counter is", 0);
	err_t err = rm_init(&rm, &boot.boot);
	if (err != E_OK)
		setup_fail("too little memory", err);
	rm.now_ns = kernel_time_ns(&boot.kernel);
	init_start();
	worker_start();
	receive_into(rm.receive);
	struct sel4_msg m = sel4_recv(boot.endpoint, cptr_of(&boot.kernel, rm.reply));
	for (;;) {
		bool answers = handle(&m);
		wake_worker();
		cptr_t reply = cptr_of(&boot.kernel, rm.reply);
		m = answers ? sel4_reply_recv(boot.endpoint, m, reply)
		            : sel4_recv(boot.endpoint, reply);
	}
}
