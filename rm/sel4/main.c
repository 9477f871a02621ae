/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * rm as a program: the root task. It sets up the core, starts init, and then answers: whatever
 * comes to its one endpoint, by the badge, is a request on an object, a fault of a thread, or one
 * of two threads of its own, which ask for steps of long work.
 *
 * The worker is as important as the work that is next: as the bank that pays (rm_work_priority()).
 * So what is done for one program does not go before one that matters more. The clock is above all
 * programs and asks for one step in each of its periods, so that no work stands still whatever the
 * others do; its periods are the clock of deadlines, too.
 */
#include "console.h"
#include "setup.h"
#include <lib/assert.h>
#include <rt/root.h>
#include <rt/tsc.h>

enum order { ORDER_WAIT, ORDER_AGAIN, ORDER_LATER, ORDER_MAKE };

enum { STACK_BYTES = 16384, PRIORITY_IDLE = 1, STEPS_A_CALL = 8, CALL_NS = 5000 };

static struct setup boot;
static struct rm rm;

/* A thread of rm's own. */
static struct helper {
	struct rt_thread thread;
	const struct setup_thread *made;
	bool waits, has_made;
	enum abi_error error; /* of what it has made */
	_Alignas(16) char stack[STACK_BYTES];
} clock, worker;
static uint8_t worker_priority = PRIORITY_IDLE;

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

/* -- the clock and the worker ------------------------------------------------------------------ */

_Noreturn static void helper_main(struct helper *helper)
{
	sel4_set_tls_base((word_t)&helper->thread);
	for (;;) {
		struct sel4_msg m = sel4_call(helper->made->endpoint, (struct sel4_msg){ 0 });
		switch (abi_msginfo_label(m.info)) {
		case ORDER_WAIT:
			(void)sel4_wait(helper->made->signal);
			if (helper == &clock)
				sel4_yield(); /* first it is the worker's turn */
			break;
		case ORDER_LATER:
			sel4_yield(); /* until its next period */
			break;
		case ORDER_MAKE:
			helper->error = rm_make(&rm);
			helper->has_made = true;
			break;
		default:
			break;
		}
	}
}

static void helper_start(struct helper *helper, const struct setup_thread *made)
{
	helper->made = made;
	helper->thread.self = &helper->thread;
	helper->thread.ipc_buffer = made->buffer;
	struct abi_user_context context = { .rip = (word_t)helper_main,
		                            .rsp = (word_t)helper->stack + STACK_BYTES - 8,
		                            .rdi = (word_t)helper,
		                            .rflags = 0x202 };
	enum abi_error err = sel4_tcb_write_registers(made->tcb, SEL4_WRITE_RESUME,
	                                              ABI_CONTEXT_FRAME_WORDS, &context);
	if (err != ERR_NONE)
		setup_fail("the worker does not start", err);
}

static bool has_deadlines(void)
{
	return rm.session_deadlines.first || rm.pager_deadlines.first ||
	       rm.passive_deadlines.first || rm.probe_deadlines.first;
}

/* A step; small ones follow, as long as that does not take longer than a request may. */
static enum order work_of(const struct helper *helper)
{
	uint64_t begin_ns = kernel_time_ns(&boot.kernel);
	bool more = true;
	rm_tick(&rm, begin_ns);
	if (helper == &worker && worker.has_made) {
		worker.has_made = false;
		rm_made(&rm, worker.error);
	}
	for (unsigned int i = 0; more && i < STEPS_A_CALL; i++) {
		more = rm_step(&rm);
		if (helper == &worker && rm.making.count && !rm_has_jobs(&rm))
			return ORDER_MAKE;
		if (kernel_time_ns(&boot.kernel) - begin_ns > CALL_NS)
			break;
	}
	if (helper == &worker) {
		worker.waits = !more;
		return more ? ORDER_AGAIN : ORDER_WAIT;
	}
	clock.waits = !more && !has_deadlines();
	return clock.waits ? ORDER_WAIT : ORDER_LATER;
}

static void wake(struct helper *helper)
{
	if (!helper->waits)
		return;
	helper->waits = false;
	sel4_signal(helper->made->signal);
}

/*
 * They are told what there is to do. A worker that is at work finds it itself, if it is important
 * enough for that.
 */
static void tell_helpers(bool by_helper)
{
	bool urgent = rm_has_jobs(&rm), busy = !worker.waits && !by_helper;
	if (!urgent && (busy ? rm.refill_priority <= worker_priority : !rm_has_work(&rm))) {
		if (clock.waits && has_deadlines())
			wake(&clock);
		return;
	}
	uint8_t priority = rm_work_priority(&rm);
	if (priority < PRIORITY_IDLE)
		priority = PRIORITY_IDLE;
	if (priority != worker_priority) {
		/* The answer's capability stands where the authority is put. */
		word_t *cap = &sel4_ipc_buffer()->caps_or_badges[0], answer = *cap;
		if (sel4_tcb_set_priority(worker.made->tcb, boot.kernel.tcb, priority) == ERR_NONE)
			worker_priority = priority;
		*cap = answer;
	}
	wake(&worker);
	wake(&clock);
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
	if (m->badge == WORKER_BADGE || m->badge == CLOCK_BADGE) {
		const struct helper *helper = m->badge == CLOCK_BADGE ? &clock : &worker;
		*m = (struct sel4_msg){ abi_msginfo(work_of(helper), 0, 0, 0), { 0 }, 0 };
		return true;
	}
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
	err_t err = rm_init(&rm, &boot.boot);
	if (err != E_OK)
		setup_fail("too little memory", err);
	init_start();
	helper_start(&clock, &boot.clock);
	helper_start(&worker, &boot.worker);
	receive_into(rm.receive);
	struct sel4_msg m = sel4_recv(boot.endpoint, cptr_of(&boot.kernel, rm.reply));
	for (;;) {
		bool by_helper = m.badge >= WORKER_BADGE;
		bool answers = handle(&m);
		tell_helpers(by_helper);
		cptr_t reply = cptr_of(&boot.kernel, rm.reply);
		m = answers ? sel4_reply_recv(boot.endpoint, m, reply)
		            : sel4_recv(boot.endpoint, reply);
	}
}
