/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One seed is one machine and one history: boot, random steps, the end of everything.
 *
 *   sim --seed n --steps n [--verbose]   one seed, its history told
 *   sim --seeds first count --steps n    TAP: many of them, each with so many steps
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

/* -- history ------------------------------------------------------------------------------------ */

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
		               "%s --seed %lu --steps %lu --check %lu --last 30 | grep -v '^#' | sed 's/^/# /'",
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

/* -- boot ------------------------------------------------------------------------------------------ */

static void *tables;
enum { TABLES_BYTES = 64 << 20, ENDPOINT_SLOT = 1, BOOT_SLOT = 2, BULK_SLOT = 16,
       SMALLEST_BULK_BITS = 16 };

/* Untypeds as a kernel gives them: of any size, each at a multiple of it, with holes. */
static void some_machine(struct rm_boot *boot)
{
	uint64_t at = 0x100000, end = at + ((uint64_t)16 << 20);
	if (one_in(3))
		end = at + ((uint64_t)(16 + below(48)) << 20);
	if (one_in(20))
		end = at + ((uint64_t)(64 + below(448)) << 20);
	for (unsigned int i = 0; i < BOOT_KERNEL_PAGES; i++, at += PAGE) {
		boot->boot_pages[i] = BOOT_SLOT + i;
		sim_boot_untyped(&w.kernel, BOOT_SLOT + i, at, PAGE_BITS);
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
			sim_boot_untyped(&w.kernel, slot, at, bits);
			boot->bulks[boot->bulks_count++] =
			        (struct bulk){ .untyped = slot, .base = at, .bits = (uint8_t)bits };
		}
		at += 1ull << bits;
	}
}

/* The large ones first. */
static int by_size(const void *a, const void *b)
{
	return ((const struct bulk *)b)->bits - ((const struct bulk *)a)->bits;
}

static void give_first(const struct object *o)
{
	uint64_t badge = object_badge(&w.rm, o, o->kind == KIND_DATASPACE ? FACET_RIGHTS
	                                                                  : FACET_PRIVILEGE);
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
	w.kernel.flat_end = boot.slot_pages_first + boot.slot_pages_flat;
	qsort(boot.bulks, boot.bulks_count, sizeof(boot.bulks[0]), by_size);
	sim_boot_endpoint(&w.kernel, ENDPOINT_SLOT);
	w.rm_object = w.kernel.caps[ENDPOINT_SLOT].object;
	uint64_t bytes = rm_tables_bytes(&boot);
	MUST(bytes <= TABLES_BYTES, "rm's tables take %lu bytes", bytes);
	memset(tables, 0, bytes);
	err_t err = rm_init(&w.rm, &boot);
	if (err == E_OK)
		err = rm_init_task(&w.rm, 8, "init", &w.bank, &w.vspace, &w.task);
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
	w.used_first = w.bank->used;
	return true;
}

/* -- checks ------------------------------------------------------------------------------------------ */

void check_step(void)
{
	const struct rm *rm = &w.rm;
	uint64_t frames = w.kernel.live[SIM_FRAME] - w.kernel.frames_of_pages;
	uint64_t given = w.kernel.pages_used - w.boot_pages + frames - rm->cleared.count -
	                 rm->dirty.count - rm->ready.count;
	(void)frames;
	MUST(given == rm->pages_given, "the kernel counts %lu pages given out, rm %lu (I2)", given,
	     rm->pages_given);
	if (w.step % 16 != 0)
		return;
	uint64_t used = rm->root->used, limits = rm->root->limit;
	uint32_t cursor = 0;
	const struct object *o;
	while ((o = slotmap_next(&rm->objects, &cursor)) != NULL)
		if (o->kind == KIND_BANK) {
			const struct bank *b = (const struct bank *)o;
			used += b->used;
			limits += b->limit;
			MUST(b->used <= b->limit && b->pinned <= b->pin_limit,
			     "a bank is over its limit");
		}
	MUST(used == rm->pages_given, "banks pay for %lu pages, %lu are given (I2)", used,
	     rm->pages_given);
	MUST(limits == rm->pages_total, "limits add up to %lu, not %lu (I11)", limits,
	     rm->pages_total);
	for (uint32_t i = 0; i < SENT_MAX; i++)
		MUST(!w.sent[i].used || w.sent[i].is_call || rm->parked > 0,
		     "a caller waits whom rm does not know (I8)");
}

void check_all(void)
{
	MUST(rm_valid(&w.rm), "rm_valid");
	model_collect();
	model_check();
	sim_kernel_check(&w.kernel);
}

/* What rm needs for itself, with the chunks that are open. */
static uint64_t overhead(void)
{
	const struct rm *rm = &w.rm;
	uint64_t pages = 0;
	for (uint32_t c = 1; c < rm->chunks_count; c++) {
		uint8_t kind = rm->chunks[c].kind;
		pages += kind == CHUNK_FRAMES ? 2 : kind == CHUNK_KERNEL ? 3 : 0;
		/* Boot's are made of boot pages. */
	}
	return pages;
}

/* -- the end -------------------------------------------------------------------------------------------- */

static bool is_first(const struct object *o)
{
	return o == &w.bank->object || o == &w.vspace->object || o == &w.task->object ||
	       o == w.rm.system;
}

static void end_all(void)
{
	for (unsigned int tries = 0; tries < 100; tries++) {
		uint32_t cursor = 0, others = 0;
		struct object *o;
		while ((o = slotmap_next(&w.rm.objects, &cursor)) != NULL) {
			bool root = o->kind == KIND_ROOT || o->kind == KIND_NOTIFICATION ||
			            o->kind == KIND_SESSION;
			if (is_first(o) || root)
				continue;
			others++;
			if (o->kind == KIND_BANK && ((struct bank *)o)->session)
				session_sever(&w.rm, ((struct bank *)o)->session, RM_REASON_STOPPED);
			else if (!o->dying)
				object_kill(&w.rm, o);
		}
		/* Sessions of the first program itself. */
		w.now_ns += 1000000000000;
		rm_tick(&w.rm, w.now_ns);
		drain();
		if (!others)
			break;
	}
}

static void end_world(void)
{
	note("the end");
	while (w.held_count > 0 && (w.held_count > 4 || !w.held[0].keep)) {
		uint32_t i = w.held_count - 1;
		if (w.held[i].keep)
			break;
		drop(i);
	}
	end_all();
	check_all();
	uint32_t cursor = 0;
	const struct object *o;
	uint64_t mine = 0;
	while ((o = slotmap_next(&w.rm.objects, &cursor)) != NULL)
		MUST(is_first(o) || o->bank == w.bank || o->bank->session,
		     "an object of kind %u is left", o->kind);
	(void)mine;
	for (uint32_t i = 0; i < SENT_MAX; i++)
		MUST(!w.sent[i].used || w.sent[i].is_call, "a request from step %lu is not answered (I8)",
		     w.sent[i].step);
}

/* -- steps ------------------------------------------------------------------------------------------------ */

static void pass_time(void)
{
	w.now_ns += one_in(50) ? below(700000000000) : below(20000000);
	rm_tick(&w.rm, w.now_ns);
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
	else
		(void)rm_work();
	check_step();
}

static bool run_seed(uint64_t seed, uint64_t steps)
{
	chance_state = seed * 0x2545f4914f6cdd1d + 1;
	w.seed = seed;
	w.step = w.now_ns = 0;
	w.held_count = w.waiting = 0;
	w.sealed = w.failing = w.crowded = false;
	memset(w.sent, 0, sizeof(w.sent));
	memset(w.recent, 0, sizeof(w.recent));
	sim_kernel_init(&w.kernel);
	model_reset();
	if (!boot_world())
		return false;
	for (w.step = 1; w.step < steps; w.step++) {
		step();
		if (w.step % 64 == 0)
			model_collect();
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
	(void)printf("# %lu requests, %lu faults, %lu accesses, %lu steps of rm, %lu answers\n",
	             w.requests, w.faults, w.accesses, w.steps_rm, w.answers);
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
		else if (!strcmp(argv[i], "--last") && more)
			replay_from = strtoull(argv[++i], NULL, 0);
		else
			return 2;
	}
	arguments = argv;
	tables = mmap(NULL, TABLES_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
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
	(void)overhead;
	return 0;
}
