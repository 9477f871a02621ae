/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One seed is one machine and one history: boot, random steps, the end of everything.
 *
 *   sim --seed n --steps n [--verbose]   one seed, its history told
 *   sim --seed n --seeds n --steps n [--quick]   TAP: so many from that one on; without the history
 *                                                of what fails
 *
 * --check n: everything is checked every n steps.
 */
#include "world.h"
#include <lib/format.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

struct world w;
uint64_t chance_state;

/* -- history ----------------------------------------------------------------------------------- */

static char history[HISTORY][400];
static uint32_t history_next;
static bool telling = false;

void note(const char *format, ...)
{
	if (!w.verbose)
		return;
	va_list args;
	va_start(args, format);
	char *line = history[history_next++ % HISTORY];
	int n = snprintf(line, sizeof(history[0]), "%8lu ", w.step);
	(void)vsnprintf(line + n, sizeof(history[0]) - (size_t)n, format, args);
	va_end(args);
	if (telling)
		puts(line);
}

static uint64_t replay_from; /* the history of a failed run is made by doing it again */
static uint64_t steps_wanted, check_every = 1000;
static char **arguments;

_Noreturn void sim_fail(const char *format, ...)
{
	va_list args;
	va_start(args, format);
	char text[400];
	(void)vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	if (!w.verbose && arguments) {
		/* The same again, told. */
		char command[300];
		(void)snprintf(command, sizeof(command),
		               "%s --seed %lu --steps %lu --check %lu --last 30 | grep -v '^#' | "
		               "sed 's/^/# /'",
		               arguments[0], w.seed, w.step + 1, check_every);
		(void)fflush(stdout);
		if (system(command) < 0)
			(void)fprintf(stderr, "no history\n");
	} else if (!telling) {
		for (uint32_t i = history_next > 30 ? history_next - 30 : 0; i < history_next; i++)
			puts(history[i % HISTORY]);
	}
	(void)printf("# seed %lu, step %lu: %s\n", w.seed, w.step, text);
	(void)fflush(stdout);
	if (getenv("SIM_ABORT"))
		abort();
	_exit(1);
}

_Noreturn void assert_failed(const char *file, int line, const char *what)
{
	sim_fail("%s:%d: assertion failed: %s", file, line, what);
}

static void crashed(int number)
{
	sim_fail("signal %d", number);
}

/* -- boot -------------------------------------------------------------------------------------- */

static void *tables;
enum {
	TABLES_BYTES = 64 << 20,
	ENDPOINT_SLOT = 1,
	BOOT_SLOT = 2,
	BULK_SLOT = 16,
	DEVICE_SLOT = 300,
	SMALLEST_BULK_BITS = 16
};

/* Untypeds as a kernel gives them: of any size, each at a multiple of it, with holes. */
static void some_machine(struct rm_boot *boot)
{
	uint64_t at = 0x100000, end = at + ((uint64_t)16 << 20);
	if (one_in(3))
		end = at + ((uint64_t)(16 + below(48)) << 20);
	if (one_in(10))
		end = at + ((uint64_t)(64 + below(448)) << 20);
	for (unsigned int i = 0; i < BOOT_KERNEL_PAGES; i++, at += PAGE) {
		boot->boot_pages[i] = BOOT_SLOT + i;
		sim_boot_untyped(&w.kernel, BOOT_SLOT + i, at, PAGE_BITS, false);
	}
	while (at < end && boot->bulks_count < BULKS_MAX) {
		unsigned int bits = (unsigned int)__builtin_ctzll(at);
		while (at + (1ull << bits) > end || bits > 29)
			bits--;
		if (one_in(4) && bits > PAGE_BITS)
			bits -= (unsigned int)below(bits - PAGE_BITS + 1) / 3;
		if (bits < PAGE_BITS)
			break;
		if (bits >= SMALLEST_BULK_BITS && !one_in(30)) {
			slot_t slot = BULK_SLOT + boot->bulks_count;
			sim_boot_untyped(&w.kernel, slot, at, bits, false);
			boot->bulks[boot->bulks_count++] =
			        (struct bulk){ .untyped = slot, .base = at, .bits = (uint8_t)bits };
		}
		at += 1ull << bits;
	}
	for (at = DEVICES; boot->devices_count < 3; at += 1ull << 20) {
		unsigned int bits = PAGE_BITS + (unsigned int)below(7);
		slot_t slot = DEVICE_SLOT + boot->devices_count;
		sim_boot_untyped(&w.kernel, slot, at, bits, true);
		boot->devices[boot->devices_count++] =
		        (struct bulk){ .untyped = slot, .base = at, .bits = (uint8_t)bits };
	}
}

/* The large ones first. */
static int by_size(const void *a, const void *b)
{
	return ((const struct bulk *)b)->bits - ((const struct bulk *)a)->bits;
}

static void give_first(const struct object *o)
{
	uint64_t badge =
	        object_badge(&w.rm, o, o->kind == KIND_DATASPACE ? FACET_RIGHTS : FACET_PRIVILEGE);
	err_t err = scratch_mint(&w.rm, w.rm.endpoint, CAP_SEND, badge);
	MUST(err == E_OK, "the first program gets no capabilities");
	uint32_t i = hold((uint32_t)w.rm.scratch, o->kind, badge);
	w.held[i].keep = true;
}

static bool boot_world(void)
{
	static struct rm_boot boot;
	boot = (struct rm_boot){ .ops = &sim_kernel_ops,
		                 .kernel = &w.kernel,
		                 .window = w.kernel.window,
		                 .tables = tables,
		                 .slot_pages_first = SLOT_PAGE,
		                 .slot_pages_flat = (uint32_t)below(3) * 60,
		                 .slot_pages_end = SIM_SLOT_PAGES,
		                 .endpoint = ENDPOINT_SLOT };
	some_machine(&boot);
	if (one_in(10)) {
		w.kernel.asid_limit = 2 + (uint32_t)below(12);
		w.kernel.asid_max = w.kernel.asid_limit + (uint32_t)below(12);
	}
	w.kernel.flat_end = boot.slot_pages_first + boot.slot_pages_flat;
	qsort(boot.bulks, boot.bulks_count, sizeof(boot.bulks[0]), by_size);
	sim_boot_endpoint(&w.kernel, ENDPOINT_SLOT);
	w.rm_object = w.kernel.caps[ENDPOINT_SLOT].object;
	uint64_t bytes = rm_tables_bytes(&boot);
	MUST(bytes <= TABLES_BYTES, "rm's tables take %lu bytes", bytes);
	memset(tables, 0, bytes);
	err_t err = rm_init(&w.rm, &boot);
	if (err == E_OK)
		err = rm_init_task(&w.rm, 8, &w.bank, &w.vspace, &w.task);
	if (err != E_OK) {
		note("boot: %s", err_name(err));
		return false;
	}
	give_first(&w.bank->object);
	give_first(&w.vspace->object);
	give_first(&w.task->object);
	give_first(w.rm.system);
	(void)model_space_new(w.vspace);
	drain();
	w.boot_pages = 0;
	for (unsigned int i = 0; i < BOOT_KERNEL_PAGES; i++)
		w.boot_pages += w.kernel.caps[boot.boot_pages[i]].child != 0;
	return true;
}

/* -- the end ----------------------------------------------------------------------------------- */

static bool is_first(const struct object *o)
{
	return o == &w.bank->object || o == &w.vspace->object || o == &w.task->object ||
	       o == w.rm.system;
}

static void end_all(void)
{
	uint32_t others = 1;
	for (unsigned int tries = 0; others > 0; tries++) {
		MUST(tries < 100, "%u objects do not come to their end", others);
		uint32_t cursor = 0;
		struct object *o;
		others = 0;
		while ((o = slotmap_next(&w.rm.objects, &cursor)) != NULL) {
			/* What is of a session goes with it. */
			if (is_first(o) || o->kind == KIND_ROOT || o->kind == KIND_NOTIFICATION ||
			    o->kind == KIND_SESSION)
				continue;
			others++;
			if (o->kind == KIND_BANK && ((struct bank *)o)->session)
				session_sever(&w.rm, ((struct bank *)o)->session,
				              RM_REASON_STOPPED);
			else
				object_kill(&w.rm, o);
		}
		w.kernel.now_ns += 1000000000000;
		rm_tick(&w.rm, w.kernel.now_ns);
		drain();
	}
}

/* All memory is free, but what rm has for itself: it can be had in large pages, again and again. */
static void take_large(void)
{
	enum { MOST = 64 };
	struct bank *bank = w.rm.root;
	frame_t f[MOST];
	unsigned int count = 0;
	while (count < MOST && (f[count] = large_get(&w.rm, bank)) != 0) {
		char *content = frame_window(&w.rm, f[count]);
		for (unsigned int at = 0; content && at < 1 << LARGE_BITS; at += PAGE)
			MUST(!*(uint64_t *)(content + at + 8 * below(512)),
			     "a large page is not clear");
		if (content)
			memset(content + below(512) * PAGE, 0x5a, PAGE);
		count++;
	}
	w.large_end += count;
	while (count > 0)
		frame_put(&w.rm, bank, f[--count]);
}

static void end_world(void)
{
	note("the end");
	while (w.held_count > 0)
		drop(w.held_count - 1);
	end_all();
	check_all();
	object_kill(&w.rm, &w.task->object);
	object_kill(&w.rm, &w.vspace->object);
	drain();
	for (uint32_t i = 0; i < SENT_MAX; i++)
		MUST(!w.sent[i].used, "a caller from step %lu is not answered (I8)",
		     w.sent[i].step);
	for (unsigned int i = 0; i < 3; i++)
		take_large();
	w.chunks_moved += w.rm.chunks_moved;
	check_end();
}

/* -- steps ------------------------------------------------------------------------------------- */

static void pass_time(void)
{
	w.kernel.now_ns += one_in(50) ? below(700000000000) : below(20000000);
	rm_tick(&w.rm, w.kernel.now_ns);
}

/* Somebody who waits for an answer is no more: rm does not know, and answers nobody. */
static void kill_caller(void)
{
	uint32_t i = 1 + (uint32_t)below(SIM_CALLS - 1);
	struct sim_call *call = &w.kernel.calls[i % 64];
	if (call->state != SIM_CALL_HELD)
		return;
	note("the caller of step %lu is killed", w.sent[call->user].step);
	w.kernel.objects[call->object].data = 0;
	call->state = SIM_CALL_FREE;
	w.sent[call->user].used = false;
	w.waiting--;
}

/* Nothing can be made any more. */
static void seal(void)
{
	struct request r = { .method = RM_METHOD_SYSTEM_SEAL, .target = 3 };
	MUST(send_request(&r) == E_OK && w.rm.sealed, "the system cannot be sealed");
	w.sealed = true;
}

static void step(void)
{
	uint64_t what = below(100);
	if (what < 40)
		request_chance();
	else if (what < 75)
		thread_chance();
	else if (what < 82)
		server_chance();
	else if (what < 84)
		pass_time();
	else if (what < 85)
		kill_caller();
	else if (what < 87)
		raw_chance();
	else
		(void)rm_work();
	check_step();
}

static uint64_t seals; /* the step at which the system is sealed */

static bool run_seed(uint64_t seed, uint64_t steps)
{
	chance_state = seed * 0x2545f4914f6cdd1d + 1;
	w.seed = seed;
	w.step = 0;
	w.held_count = w.waiting = 0;
	w.sealed = w.failing = w.crowded = false;
	memset(w.sent, 0, sizeof(w.sent));
	memset(w.recent, 0, sizeof(w.recent));
	sim_kernel_init(&w.kernel);
	model_reset();
	if (!boot_world())
		return false;
	seals = one_in(20) ? below(steps) : 0;
	for (w.step = 1; w.step < steps; w.step++) {
		step();
		if (w.step == seals)
			seal();
		if (w.step % 64 == 0) {
			model_collect();
			model_count();
			check_held();
		}
		if (w.step % check_every == 0)
			check_all();
	}
	end_world();
	return true;
}

static double seconds(void)
{
	struct timespec t;
	(void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void tell_methods(void)
{
	for (unsigned int i = 0; i < rm_interface.methods_count; i++)
		if (rm_interface.methods[i].name)
			(void)printf("# %-28s %8lu of %8lu\n", rm_interface.methods[i].name,
			             w.method_ok[i], w.method_all[i]);
}

static void run_many(uint64_t first, uint64_t count, uint64_t steps)
{
	double start = seconds();
	uint64_t small = 0;
	(void)printf("TAP version 13\n1..1\n");
	for (uint64_t seed = first; seed < first + count; seed++)
		small += !run_seed(seed, steps);
	double took = seconds() - start;
	(void)printf("# %.0f steps/s: %lu seeds of %lu steps, %lu machines too small\n",
	             (double)(count * steps) / took, count, steps, small);
	(void)printf(
	        "# %lu handlers, %lu faults that they were told of, %lu things done to passive "
	        "servers\n",
	        w.handlers, w.handled, w.passive);
	(void)printf("# %lu requests, %lu faults, %lu accesses, %lu steps of rm, %lu answers, "
	             "%lu large pages, %lu chunks moved, "
	             "%lu windows, %lu guarded accesses, %lu would not wait, %lu forged, %lu "
	             "sealed, %lu "
	             "passed on, %lu released, "
	             "%lu ends held up, %lu donations, %lu of them returned, %lu spaces laid out, "
	             "%lu objects of raw memory, %lu donations of it\n",
	             w.requests, w.faults, w.accesses, w.steps_rm, w.answers,
	             w.kernel.large_made - w.large_end, w.chunks_moved, w.windows, w.guarded,
	             w.hurried, w.forgeries, w.sealed_made, w.passed_on, w.released, w.held_up,
	             w.donations, w.returned, w.laid_out, w.raw_made, w.raw_given);
	(void)printf("# at most %lu kernel ops for a request (method %u), %lu for a step (I5)\n",
	             w.ops_request_max, w.ops_request_method, w.ops_step_max);
	if (getenv("SIM_METHODS"))
		tell_methods();
	(void)printf("ok 1 - rm's core, simulated\n");
}

int main(int argc, char **argv)
{
	uint64_t seed = 1, seeds = 0;
	steps_wanted = 20000;
	arguments = argv;
	for (int i = 1; i < argc; i++) {
		bool more = i + 1 < argc;
		if (!strcmp(argv[i], "--seed") && more)
			seed = strtoull(argv[++i], NULL, 0);
		else if (!strcmp(argv[i], "--seeds") && more)
			seeds = strtoull(argv[++i], NULL, 0);
		else if (!strcmp(argv[i], "--steps") && more)
			steps_wanted = strtoull(argv[++i], NULL, 0);
		else if (!strcmp(argv[i], "--check") && more)
			check_every = strtoull(argv[++i], NULL, 0);
		else if (!strcmp(argv[i], "--quick"))
			arguments = NULL;
		else if (!strcmp(argv[i], "--last") && more)
			replay_from = strtoull(argv[++i], NULL, 0);
		else
			return 2;
	}
	tables = mmap(NULL, TABLES_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1,
	              0);
	w.pages = calloc(MODEL_PAGES, sizeof(*w.pages));
	w.buckets = calloc(MODEL_PAGES, sizeof(*w.buckets));
	(void)signal(SIGSEGV, crashed);
	if (seeds) {
		run_many(seed, seeds, steps_wanted);
	} else {
		w.verbose = true;
		telling = !replay_from;
		(void)run_seed(seed, steps_wanted);
	}
	return 0;
}
