/* SPDX-License-Identifier: BSD-2-Clause */
/* Windows in place, windows that are left, copies inside them; what is refused. */
#define _GNU_SOURCE
#include "client_test.h"

static char mine[64];

/* -- in place ---------------------------------------------------------------------------------- */

static void test_in_place(void)
{
	const struct client_window w = window(client, AREA);
	char *at = NULL;
	uint64_t low = (uint64_t)client + 10;
	CHECK(window_begin(&w, 10, 3 * PAGE, (void **)&at) == E_OK && at == client + 10);
	CHECK(guard()->mode == GUARD_SUBSTITUTE && guard()->low == low);
	CHECK(guard()->high == low + 3 * PAGE);
	CHECK(at[0] == pattern(10));
	CHECK(window_end() == E_OK && guard()->mode == GUARD_NONE && cleaned == 0);

	/* Any page goes: zeros from then on, writes go in, the others stay. */
	for (size_t gone = 0; gone < 3; gone++) {
		why = gone == 0 ? E_GONE : gone == 1 ? E_AGAIN : E_CORRUPT;
		CHECK(window_begin(&w, 0, 3 * PAGE, (void **)&at) == E_OK);
		rights(client + gone * PAGE, PAGE, PROT_NONE);
		for (size_t i = 0; i < 3 * PAGE; i++)
			CHECK(at[i] == (i / PAGE == gone ? 0 : pattern(i)));
		at[gone * PAGE + 1] = 9;
		CHECK(at[gone * PAGE + 1] == 9);
		CHECK(guard()->mode == GUARD_SUBSTITUTE);
		CHECK(window_end() == why && guard()->address == (uint64_t)client + gone * PAGE);
		/* The zeros are taken out. */
		CHECK(cleaned == gone + 1 && cleaned_at == (uint64_t)client);
		/* The next one is not to blame. */
		CHECK(window_begin(&w, 0, PAGE, (void **)&at) == E_OK && window_end() == E_OK);
		restore();
	}
	/* The first reason counts. */
	why = E_AGAIN;
	CHECK(window_begin(&w, 0, AREA, (void **)&at) == E_OK);
	rights(client, AREA, PROT_NONE);
	at[5 * PAGE + 3] = 1;
	why = E_GONE;
	at[0] = 1;
	CHECK(window_end() == E_AGAIN && guard()->address == (uint64_t)client + 5 * PAGE + 3);
	restore();
}

/* -- what is refused --------------------------------------------------------------------------- */

static err_t run_nothing(void *at, void *arg)
{
	(void)at;
	(*(int *)arg)++;
	return E_OK;
}

/* Nothing is begun, no function is called, no guard changed; in a window, or not in one. */
static void refused(bool inside)
{
	const struct client_window w = window(client, AREA), none = window((void *)-PAGE, AREA);
	struct guard before = *guard();
	void *at = &at;
	int ran = 0;
	CHECK(window_begin(&w, 0, 0, &at) == E_INVAL);
	CHECK(window_begin(&w, AREA, 1, &at) == E_RANGE);
	CHECK(window_begin(&w, 1, AREA, &at) == E_RANGE);
	CHECK(window_begin(&w, UINT64_MAX, 2, &at) == E_RANGE);
	CHECK(window_begin(&w, 2, UINT64_MAX, &at) == E_RANGE);
	CHECK(window_begin(&w, UINT64_C(1) << 63, UINT64_C(1) << 63, &at) == E_RANGE);
	CHECK(window_begin(&none, 0, 1, &at) == E_RANGE);
	CHECK(window_run(&w, 0, 0, run_nothing, &ran) == E_INVAL);
	CHECK(window_run(&w, 1, AREA, run_nothing, &ran) == E_RANGE);
	CHECK(window_run(&none, 0, 1, run_nothing, &ran) == E_RANGE);
	if (inside) {
		CHECK(window_begin(&w, 0, 8, &at) == E_BUSY);
		CHECK(window_run(&w, 0, 8, run_nothing, &ran) == E_BUSY);
	}
	CHECK(memcmp(&before, guard(), sizeof(before)) == 0 && at == &at && ran == 0);
}

static err_t run_refused(void *at, void *arg)
{
	(void)at;
	refused(true);
	(*(int *)arg)++;
	return E_OK;
}

static void test_refused(void)
{
	const struct client_window w = window(client, AREA);
	void *at;
	int ran = 0;
	refused(false);
	CHECK(window_begin(&w, 8, 8, &at) == E_OK);
	refused(true);
	CHECK(window_end() == E_OK);
	CHECK(window_run(&w, 8, 8, run_refused, &ran) == E_OK && ran == 1);
}

static void begin_and_touch(void *arg)
{
	const struct client_window w = window(client, AREA);
	char *at = NULL;
	CHECK(window_begin(&w, PAGE, PAGE, (void **)&at) == E_OK);
	touch(at + (ptrdiff_t)arg);
	CHECK(window_end() == E_GONE);
}

/* The guard is as wide as the window, and gone with it. */
static void test_narrow(void)
{
	const struct client_window w = window(client, AREA);
	char *at;
	rights(client, AREA, PROT_NONE);
	CHECK(crashes(begin_and_touch, (void *)PAGE));
	CHECK(crashes(begin_and_touch, (void *)-1));
	CHECK(!crashes(begin_and_touch, (void *)(PAGE - 1)));
	restore();
	rights(client, AREA, PROT_NONE);
	CHECK(!crashes(begin_and_touch, (void *)0));
	CHECK(crashes(touch, client));

	/* Dropped: so is what came of it. */
	CHECK(window_begin(&w, 0, 8, (void **)&at) == E_OK && at[0] == 0);
	unsigned int before = cleaned;
	window_drop();
	CHECK(cleaned == before + 1 && cleaned_at == (uint64_t)client);
	window_drop();
	CHECK(cleaned == before + 1);
	CHECK(guard()->mode == GUARD_NONE && crashes(touch, client + 2 * PAGE));
	CHECK(window_begin(&w, 0, 8, (void **)&at) == E_OK && window_end() == E_OK);
	restore();
}

/* -- windows that are left --------------------------------------------------------------------- */

struct deep {
	char *at;
	int depth, reached;
	bool is_misused;
};

/* Uses every register and much stack, and touches `at` at the bottom. */
__attribute__((noinline)) static uint64_t descend(struct deep *d, int depth)
{
	volatile uint64_t many[40];
	for (int i = 0; i < 40; i++)
		many[i] = (uint64_t)(i + depth) * 3;
	d->reached = depth;
	if (depth < d->depth)
		many[7] += descend(d, depth + 1);
	else if (d->is_misused)
		/* Backwards, with another rounding and the floating point stack full. */
		__asm__ volatile("pushq $0x7f80\nldmxcsr (%%rsp)\n"
		                 "movw $0x0c7f, (%%rsp)\nfldcw (%%rsp)\npopq %%rax\n"
		                 "fld1\nfld1\nfld1\nfld1\nfld1\nfld1\nfld1\nfld1\n"
		                 "std\nmovb (%0), %%al\ncld\nemms"
		                 :
		                 : "r"(d->at)
		                 : "rax", "memory");
	else
		touch(d->at);
	uint64_t sum = 0;
	for (int i = 0; i < 40; i++)
		sum += many[i];
	return sum;
}

static err_t run_deep(void *at, void *arg)
{
	struct deep *d = arg;
	CHECK(at == client + PAGE && guard()->mode == GUARD_ABORT);
	CHECK(((uintptr_t)__builtin_frame_address(0) & 15) == 0);
	return descend(d, 0) != 0 ? E_EXIST : E_OK;
}

static int call_run(void *arg)
{
	const struct client_window w = window(client, AREA);
	return window_run(&w, PAGE, PAGE, run_deep, arg);
}

static void do_run(void *arg)
{
	(void)call_run(arg);
}

static uint32_t control_words(void)
{
	uint32_t mxcsr;
	uint16_t cw;
	__asm__ volatile("stmxcsr %0\nfnstcw %1" : "=m"(mxcsr), "=m"(cw));
	return (mxcsr & 0xffc0) | (uint32_t)cw << 16;
}

static void run_at_depth(int depth)
{
	uint32_t words = control_words();
	struct deep d = { .at = client + PAGE + 100, .depth = depth };
	volatile uint64_t own[64]; /* the frame of one who calls it */
	uint64_t kept;
	for (uint64_t i = 0; i < 64; i++)
		own[i] = ~i;
	CHECK(keeps(call_run, &d, &kept) == E_EXIST && kept && d.reached == depth);
	CHECK(guard()->mode == GUARD_NONE);
	rights(client + PAGE, PAGE, PROT_NONE);
	for (int twice = 0; twice < 2; twice++) {
		why = twice ? E_AGAIN : E_GONE;
		d.reached = -1;
		CHECK(keeps(call_run, &d, &kept) == (int)why && kept && d.reached == depth);
		CHECK(guard()->mode == GUARD_NONE);
		CHECK(guard()->address == (uint64_t)client + PAGE + 100);
	}
	why = E_GONE;
	d.is_misused = true;
	CHECK(keeps(call_run, &d, &kept) == E_GONE && kept);
	CHECK(control_words() == words);
	/* More values find room, or the result is no number. */
	volatile long double one = 1.0L;
	CHECK(((one + 1) * (one + 2) + (one + 3) * (one + 4)) == 26);
	for (uint64_t i = 0; i < 64; i++)
		CHECK(own[i] == ~i);
	restore();
}

static void test_run(void)
{
	for (int depth = 0; depth < 200; depth += 1 + depth / 4)
		run_at_depth(depth);
	/* Outside of the window it is a crash. */
	rights(client, AREA, PROT_NONE);
	struct deep d = { .at = client + PAGE - 1, .depth = 3 };
	CHECK(crashes(do_run, &d));
	d.at = client + 2 * PAGE;
	CHECK(crashes(do_run, &d));
	restore();
}

/* What is under the guard, called as it is: with nobody between who keeps the registers as well. */
struct bare {
	err_t (*fn)(void *at, void *arg);
	void *at, *arg;
	uint64_t high;
};
int bare_run(void *bare);
__asm__(".text\n.globl bare_run\n.type bare_run, @function\nbare_run:\n"
        "movq 24(%rdi), %rcx\nmovq 16(%rdi), %rdx\nmovq 8(%rdi), %rsi\nmovq (%rdi), %rdi\n"
        "jmp rt_window_run\n.size bare_run, . - bare_run\n");

static err_t run_bare(void *at, void *arg)
{
	__asm__ volatile("xorl %%ebx, %%ebx\nxorl %%r12d, %%r12d\nxorl %%r13d, %%r13d\n"
	                 "xorl %%r14d, %%r14d\nxorl %%r15d, %%r15d\nmovb (%0), %%al"
	                 :
	                 : "c"(at)
	                 : "rax", "rbx", "r12", "r13", "r14", "r15", "memory");
	return *(err_t *)arg;
}

static void test_bare(void)
{
	err_t err = E_EXIST;
	struct bare bare = { run_bare, client + 3, &err, (uint64_t)client + 4 };
	uint64_t kept;
	CHECK(keeps(bare_run, &bare, &kept) == E_EXIST && kept);
	rights(client, PAGE, PROT_NONE);
	CHECK(keeps(bare_run, &bare, &kept) == E_GONE && kept);
	restore();
}

/* -- copies inside windows --------------------------------------------------------------------- */

/* Every operation, once well and once not, while there is a guard, which must stay as it is. */
static void ops_inside(void)
{
	struct guard outer = *guard();
	err_t why_outside = why;
	why = E_AGAIN;
	for (enum op op = READ; op < OPS; op++) {
		for (int well = 0; well < 2; well++) {
			struct call c = { .op = op, .bytes = 64, .value = 1 };
			uint64_t kept;
			char *there = other + (well ? 0 : PAGE);
			c.a = op == READ ? mine : there;
			c.b = op == WRITE ? mine : op == COPY ? other + 2 * PAGE : there;
			memset(other, 'x', PAGE);
			err_t err = (err_t)keeps(call_op, &c, &kept);
			CHECK(kept && err == (well ? E_OK : why));
			if (op == READ || op == WRITE || op == COPY || op == STRNLEN)
				CHECK(c.done == (well ? 64 : 0));
			/* All but where the last failure was. */
			CHECK(well || client_missed() == (uint64_t)other + PAGE);
			outer.address = guard()->address;
			CHECK(memcmp(&outer, guard(), sizeof(outer)) == 0);
		}
	}
	why = why_outside;
}

/* What the thread said of waiting is no guard's: it stays whatever begins and ends. */
static void test_nowait(void)
{
	const struct client_window w = window(client, AREA);
	char *at = NULL;
	for (unsigned int on = 2; on-- > 0;) {
		client_nowait(on);
		CHECK(guard()->flags == on * GUARD_NOWAIT);
		CHECK(window_begin(&w, 0, AREA, (void **)&at) == E_OK);
		ops_inside();
		CHECK(window_end() == E_OK && guard()->flags == on * GUARD_NOWAIT);
		window_drop();
		CHECK(guard()->flags == on * GUARD_NOWAIT);
	}
}

static err_t run_inside(void *at, void *arg)
{
	ops_inside();
	/* The window's guard is there again. */
	*(volatile char *)at = 0;
	*(bool *)arg = true;
	return E_OK;
}

static void test_nested(void)
{
	const struct client_window w = window(client, AREA);
	char *at = NULL;
	bool came_on = false;
	rights(other + PAGE, PAGE, PROT_NONE);
	CHECK(window_begin(&w, 0, AREA, (void **)&at) == E_OK);
	ops_inside();
	CHECK(at[1] == pattern(1));
	CHECK(window_end() == E_OK);

	CHECK(window_begin(&w, 0, AREA, (void **)&at) == E_OK);
	rights(client + PAGE, PAGE, PROT_NONE);
	CHECK(at[PAGE] == 0);
	ops_inside(); /* the result so far is kept, too */
	rights(client + 2 * PAGE, PAGE, PROT_NONE);
	CHECK(at[2 * PAGE] == 0);
	CHECK(window_end() == E_GONE && client_missed() == (uint64_t)other + PAGE);

	restore();
	rights(other + PAGE, PAGE, PROT_NONE);
	CHECK(window_run(&w, 0, AREA, run_inside, &came_on) == E_OK && came_on);
	rights(client, PAGE, PROT_NONE);
	came_on = false;
	CHECK(window_run(&w, 0, AREA, run_inside, &came_on) == E_GONE && !came_on);
	restore();
}

int main(void)
{
	client_test_start();
	test_in_place();
	test_refused();
	test_narrow();
	test_run();
	test_bare();
	rights(other + PAGE, PAGE, PROT_NONE);
	test_nowait();
	test_nested();
	return 0;
}
