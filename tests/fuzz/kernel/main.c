/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The controller. It has the highest priority and sleeps in Recv on the fault endpoint of all
 * fuzz threads; bound to it is a notification that two helpers signal: a ticker, now and then, and
 * a thread below all fuzz threads, which runs when none of them can. What it hears makes it send
 * threads on: by a reply with good or random registers, by writing registers, or by rebuilding the
 * thread. When nothing helps (something that the fuzz threads started runs for ever above them),
 * the round ends: all that they could reach is revoked, and made anew.
 */
#include <test/env.h>
#include <test/mem.h>
#include <test/print.h>
#include <test/thread.h>
#include "bystander.h"
#include "config.h"
#include "actors.h"
#include "world.h"

enum {
	CALLS_DEFAULT = 200000,
	CALLS_A_ROUND = 10000,
	CALLS_A_CHECK = 500,
	CALLS_A_REPORT = 1000000,
	TICK_PRIORITY = 254,
	TICK_US = 10000,
	JITTER_US = 170,
	IDLE_EVERY = 64,
	STUCK_TICKS = 5,          /* without any call: everything is rebuilt */
	HOPELESS_TICKS = 12,      /* the round is given up */
	SILENT_TICKS = 20,        /* one thread alone makes no calls */
	CALLS_BELIEVED = 1000000, /* more between two looks is nonsense */
	SUCCESS_PERCENT = 25,
};

static const word_t BADGE_NOTIFIED = (word_t)1 << 63, BADGE_TICK = 1, BADGE_IDLE = 2;

int main(const struct abi_boot_info *info);

static struct {
	word_t target, seed, check_every, next_check;
	word_t calls, rounds, hopeless, faults[8], idle, ticks, revived, restarted;
	word_t violations, checks;
	struct tally label[LABELS], syscall[SYSCALLS];
} run;

/* What is known of a thread, in memory that it cannot reach. */
static struct {
	word_t calls;        /* as last seen */
	word_t silent;       /* ticks since they changed */
	bool just_restarted; /* and no call since */
} known[THREADS];

static bool round_over;
static word_t stuck_ticks, round_calls;
static bool can_check;

static word_t tick_run(word_t notification)
{
	for (;;) {
		sel4_signal(notification);
		sel4_yield(); /* until the next period */
	}
	return 0;
}

/* Now and then it lets the machine idle for a moment. */
static word_t idle_run(word_t notification)
{
	for (word_t n = 1;; n++) {
		sel4_signal(notification);
		if (n % IDLE_EVERY == 0)
			sel4_yield();
	}
	return 0;
}

/* Does nothing but have its timer interrupt whatever the kernel does at length. */
static word_t jitter_run(word_t arg)
{
	(void)arg;
	for (;;)
		sel4_yield();
	return 0;
}

static void start_helpers(cptr_t notification)
{
	struct thread *tick = thread_new(&(struct thread_options){ .priority = TICK_PRIORITY,
	                                                           .no_fault_ep = true,
	                                                           .budget_us = 500,
	                                                           .period_us = TICK_US });
	struct thread *idle = thread_new(&(struct thread_options){ .priority = PRIORITY_IDLE,
	                                                           .no_fault_ep = true,
	                                                           .budget_us = 5000,
	                                                           .period_us = 6000 });
	struct thread *jitter = thread_new(&(struct thread_options){ .priority = TICK_PRIORITY,
	                                                             .no_fault_ep = true,
	                                                             .budget_us = ABI_BUDGET_MIN_US,
	                                                             .period_us = JITTER_US });
	thread_start(jitter, jitter_run, 0);
	thread_start(tick, tick_run,
	             cap_mint(notification, RIGHTS_ALL, BADGE_NOTIFIED | BADGE_TICK));
	thread_start(idle, idle_run,
	             cap_mint(notification, RIGHTS_ALL, BADGE_NOTIFIED | BADGE_IDLE));
}

/* -- sending threads on -- */

static void revive(unsigned int i)
{
	if (!world_revive(i))
		round_over = true;
	known[i].just_restarted = true;
	run.revived++;
}

/* Gently first: a thread that has done nothing since is rebuilt. */
static void restart(unsigned int i)
{
	struct fuzz *f = &fuzz_memory[i].fuzz;
	bool sane = f->magic == FUZZ_MAGIC && f->block.self == f &&
	            f->block.ipc_buffer == &fuzz_memory[i].buffer;
	if (known[i].just_restarted || !sane || random_one_in(&controller_random, 20) ||
	    !world_restart(i)) {
		revive(i);
		return;
	}
	known[i].just_restarted = true;
	run.restarted++;
}

/* New calls of all threads; updates what is known. */
static word_t count_calls(void)
{
	word_t sum = 0;
	for (unsigned int i = 0; i < THREADS; i++) {
		word_t calls = fuzz_memory[i].fuzz.calls, new = calls - known[i].calls;
		known[i].calls = calls;
		if (new == 0)
			continue;
		known[i].silent = 0;
		known[i].just_restarted = false;
		if (new < CALLS_BELIEVED)
			sum += new;
	}
	run.calls += sum;
	round_calls += sum;
	return sum;
}

static void on_tick(void)
{
	run.ticks++;
	world_settle_servers();
	stuck_ticks = count_calls() == 0 ? stuck_ticks + 1 : 0;
	if (stuck_ticks == STUCK_TICKS)
		for (unsigned int i = 0; i < THREADS; i++)
			revive(i);
	if (stuck_ticks >= HOPELESS_TICKS) {
		run.hopeless++;
		round_over = true;
		return;
	}
	for (unsigned int i = 0; i < THREADS; i++)
		if (++known[i].silent >= SILENT_TICKS) {
			known[i].silent = 0;
			revive(i);
		}
}

/* All wait. One of them is sent on, so that queues stay full. */
static void on_idle(void)
{
	run.idle++;
	if (count_calls() != 0)
		stuck_ticks = 0;
	world_settle_servers();
	word_t which = random_below(&controller_random, THREADS + 2);
	if (which < THREADS)
		restart((unsigned int)which);
	else
		world_start_server((unsigned int)random_below(&controller_random, SERVERS));
}

/* -- faults -- */

/* Fills in the reply to a fault, and says whether one is to be made. */
static bool answer_fault(unsigned int i, struct sel4_msg *m)
{
	word_t label = abi_msginfo_label(m->info), *r = &controller_random;
	word_t kind = random_below(r, 16);
	struct abi_ipc_buffer *buffer = sel4_ipc_buffer();
	run.faults[label & 7]++;
	if (kind == 0) { /* anything */
		for (unsigned int w = 0; w < 20; w++)
			buffer->msg[w] = random_odd(r);
		for (unsigned int w = 0; w < ABI_MSG_REGS; w++)
			m->mr[w] = random_odd(r);
		m->info =
		        abi_msginfo(random_below(r, 2), 0, random_below(r, 4), random_below(r, 24));
		return true;
	}
	if (kind == 1) /* nothing: it waits, until the reply object is used again */
		return false;
	if (kind > 12 || known[i].just_restarted) {
		restart(i);
		return false;
	}
	if (label == FAULT_UNKNOWN_SYSCALL) { /* as it was, behind the call */
		buffer->msg[UNKNOWN_SYSCALL_FAULT_IP] = (word_t)fuzz_after;
		m->info = abi_msginfo(0, 0, 0, UNKNOWN_SYSCALL_NR);
		return true;
	}
	if (label == FAULT_USER_EXCEPTION) {
		m->mr[0] = (word_t)fuzz_after;
		m->mr[2] = 2;
		m->info = abi_msginfo(0, 0, 0, 3);
		known[i].just_restarted = true;
		return true;
	}
	restart(i);
	return false;
}

/* The debug kernel counts what is wrong with its data and prints each thing. */
static void check_kernel(void)
{
	if (!can_check)
		return;
	run.checks++;
	run.next_check = run.calls + run.check_every;
	run.violations += sel4_syscall_plain(SYS_DEBUG_SNAPSHOT, 0, (struct sel4_msg){ 0 }).badge;
}

static void watch_round(cptr_t reply)
{
	struct sel4_msg m;
	bool answer = false;
	for (round_over = false, stuck_ticks = round_calls = 0; !round_over;) {
		m = answer ? sel4_reply_recv(world_faults, m, reply)
		           : sel4_recv(world_faults, reply);
		if (m.badge & BADGE_NOTIFIED) {
			if (m.badge & BADGE_IDLE)
				on_idle();
			if (m.badge & BADGE_TICK)
				on_tick();
			if (run.calls >= run.next_check)
				check_kernel();
			if (round_calls >= CALLS_A_ROUND || run.violations)
				round_over = true;
		} else if (m.badge - 1 < THREADS) {
			answer = answer_fault((unsigned int)m.badge - 1, &m);
		} else if (m.badge - 1 - THREADS < SERVERS) {
			if (!random_one_in(&controller_random, 4))
				world_start_server((unsigned int)(m.badge - 1 - THREADS));
		} else {
			panic("a message with badge 0x%lx", m.badge);
		}
	}
}

/* -- afterwards -- */

static void add_tally(struct tally *sum, const struct tally *t)
{
	if (t->made > CALLS_BELIEVED || t->succeeded > t->made)
		return;
	sum->made += t->made;
	sum->succeeded += t->succeeded;
}

static void end_round(void)
{
	(void)count_calls();
	for (unsigned int i = 0; i < THREADS; i++) {
		const struct fuzz *f = &fuzz_memory[i].fuzz;
		for (unsigned int l = 0; l < LABELS; l++)
			add_tally(&run.label[l], &f->label[l]);
		for (unsigned int n = 0; n < SYSCALLS; n++)
			add_tally(&run.syscall[n], &f->syscall[n]);
		known[i].calls = known[i].silent = 0;
	}
	run.rounds++;
}

static const char *label_name(unsigned int label)
{
	switch (label) {
#define INVOCATION(object, method, nr, caps, words)                                                \
	case nr:                                                                                   \
		return #object "_" #method;
#include <abi/invocation.def>
#undef INVOCATION
	default:
		return "(no such label)";
	}
}

static const char *syscall_name(unsigned int index)
{
	static const char *const names[] = { "Call", "ReplyRecv", "NBSendRecv", "NBSendWait",
		                             "Send", "NBSend",    "Recv",       "NBRecv",
		                             "Wait", "NBWait",    "Yield" };
	return index < sizeof names / sizeof names[0] ? names[index] : "others";
}

static void print_coverage(void)
{
	print("# seed %lu: %lu calls in %lu rounds, %lu of them given up; %lu ticks, %lu idle\n",
	      run.seed, run.calls, run.rounds, run.hopeless, run.ticks, run.idle);
	print("# threads restarted %lu times, rebuilt %lu times\n", run.restarted, run.revived);
	print("# faults: cap %lu, unknown syscall %lu, exception %lu, timeout %lu, page %lu\n",
	      run.faults[FAULT_CAP], run.faults[FAULT_UNKNOWN_SYSCALL],
	      run.faults[FAULT_USER_EXCEPTION], run.faults[FAULT_TIMEOUT], run.faults[FAULT_VM]);
	for (unsigned int n = 0; n < SYSCALLS; n++)
		if (run.syscall[n].made)
			print("# %-32s %9u made %9u returned\n", syscall_name(n),
			      run.syscall[n].made, run.syscall[n].succeeded);
	for (unsigned int l = 0; l < LABELS; l++)
		if (run.label[l].made)
			print("# %2u %-29s %9u made %9u succeeded\n", l, label_name(l),
			      run.label[l].made, run.label[l].succeeded);
}

static unsigned int failed;

static void point(unsigned int number, bool ok, const char *what)
{
	if (!ok)
		failed++;
	print("%sok %u - %s\n", ok ? "" : "not ", number, what);
}

static void judge_coverage(unsigned int number)
{
	word_t made = 0, succeeded = 0, without = 0;
	for (unsigned int l = 1; l < INV_COUNT; l++) {
		made += run.label[l].made;
		succeeded += run.label[l].succeeded;
		/* The one that is always refused here. */
		if (l == INV_IRQ_CONTROL_GET || run.label[l].succeeded)
			continue;
		without++;
		print("# never succeeded: %s\n", label_name(l));
	}
	print("# %lu of %lu invocations succeeded\n", succeeded, made);
	point(number, made > 0 && succeeded * 100 >= made * SUCCESS_PERCENT,
	      "a quarter of all invocations succeeded");
	point(number + 1, without == 0, "every invocation succeeded at least once");
}

int main(const struct abi_boot_info *info)
{
	(void)info;
	env_mark();
	run.target = config_number("opt/fuzz/calls", CALLS_DEFAULT);
	run.seed = config_number("opt/fuzz/seed", 1);
	run.check_every = run.next_check = config_number("opt/fuzz/check", CALLS_A_CHECK);
	can_check = kernel_is_freehold() && kernel_has_debug_calls();
	world_init(run.seed, kernel_is_freehold());
	cptr_t notification = notification_new(), reply = reply_new();
	must(sel4_tcb_bind_notification(INIT_TCB, notification));
	start_helpers(notification);
	bystanders_start();
	print("\nTAP version 13\n1..5\n# seed %lu, %lu calls\n", run.seed, run.target);
	for (word_t next = CALLS_A_REPORT; run.calls < run.target && !run.violations;) {
		world_make();
		watch_round(reply);
		check_kernel();
		end_round();
		world_destroy();
		if (run.calls >= next) {
			next += CALLS_A_REPORT;
			print("# %lu calls\n", run.calls);
		}
	}
	world_make();
	world_destroy();
	check_kernel();
	print_coverage();
	print("# the kernel was checked %lu times\n", run.checks);
	point(1, true, "the kernel lives, and gives all memory back");
	judge_coverage(2);
	point(4, bystander_errors == 0, "no register and no memory of the bystanders changed");
	if (can_check)
		point(5, run.violations == 0, "the kernel's data is consistent");
	else
		print("ok 5 - the kernel's data is consistent # SKIP no check in this kernel\n");
	return failed != 0;
}
