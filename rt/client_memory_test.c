/* SPDX-License-Identifier: BSD-2-Clause */
/* Copies and words: every operation with its n-th byte missing, for all n; what is refused. */
#define _GNU_SOURCE
#include "client_test.h"

enum { TRAP = 0x100 };

static char mine[AREA + 64];

/* Afterwards there is no guard, and nothing in it that another could take for its own. */
static err_t run(struct call *c)
{
	uint64_t kept = 0;
	c->done = SIZE_MAX;
	err_t err = (err_t)keeps(call_op, c, &kept);
	CHECK(kept && guard()->mode == GUARD_NONE && guard()->result == E_OK);
	return err;
}

static void fill_mine(void)
{
	for (size_t i = 0; i < sizeof(mine); i++)
		mine[i] = pattern(i);
}

/* -- copies ------------------------------------------------------------------------------------ */

/* One copy of which `there` bytes can be accessed; before and after it nothing may change. */
static void copy_once(enum op op, char *to, char *from, size_t bytes, size_t there, size_t first)
{
	struct call c = { .op = op, .a = to, .b = from, .bytes = bytes };
	size_t expected = there < bytes ? there : bytes;
	uint64_t before = faults;
	/* What can be looked at of the destination, which may itself end at `there`. */
	size_t seen = op == READ ? bytes + 8 : expected;
	memset(to, 0x55, seen);
	test_step++;
	CHECK(run(&c) == (there < bytes ? why : E_OK));
	CHECK(c.done == expected);
	CHECK(faults - before <= (there < bytes ? 2 : 0) && (there >= bytes || faults > before));
	for (size_t i = 0; i < seen; i++)
		CHECK(to[i] == (i < expected ? pattern(first + i) : 0x55));
}

/* The n-th byte is missing, for all n, on any alignment of either side; or the copy ends there. */
static void test_copies(void)
{
	char *end = client + 3 * PAGE;
	rights(end, PAGE, PROT_NONE);
	for (size_t n = 0; n <= 2 * PAGE + 20; n = n < 600 ? n + 1 : n + 61) {
		for (size_t more = 0; more <= 24; more++) {
			size_t skew = (n + more) % 8, first = 3 * PAGE - n;
			copy_once(READ, mine + skew, end - n, n + more, n, first);
			copy_once(COPY, other + skew, end - n, n + more, n, first);
		}
	}
	fill_mine();
	for (int prot = PROT_NONE; prot <= PROT_READ; prot += PROT_READ) {
		rights(end, PAGE, prot);
		for (size_t n = 0; n <= 2 * PAGE + 20; n = n < 600 ? n + 1 : n + 61) {
			for (size_t more = 0; more <= 24; more++) {
				size_t skew = (n + more) % 8;
				copy_once(WRITE, end - n, mine + skew, n + more, n, skew);
			}
		}
	}
	/* Read-only memory of the client's is read. */
	restore();
	rights(client, AREA, PROT_READ);
	copy_once(READ, mine, client + 5, 2 * PAGE, 2 * PAGE, 5);
	restore();
}

/* Either side of a copy between windows ends, whichever comes first in memory. */
static void test_both_sides(void)
{
	for (int swapped = 0; swapped < 2; swapped++) {
		char *from = (swapped ? other : client) + 3 * PAGE;
		char *to = (swapped ? client : other) + 3 * PAGE;
		restore();
		rights(from, PAGE, PROT_NONE);
		rights(to, PAGE, PROT_READ);
		for (size_t n = 0; n <= 40; n++)
			for (size_t m = 0; m <= 40; m++)
				copy_once(COPY, to - m, from - n, 36, n < m ? n : m, 3 * PAGE - n);
	}
	restore();
}

/* Any page of several, any length and any place. */
static void test_random_copies(void)
{
	test_start(1);
	for (int round = 0; round < 20000; round++) {
		size_t gone = test_below(PAGES), at = test_below(AREA),
		       bytes = test_below(AREA - at);
		size_t there = gone * PAGE >= at ? gone * PAGE - at : at / PAGE > gone ? AREA : 0;
		why = round % 3 == 0 ? E_AGAIN : round % 3 == 1 ? E_CORRUPT : E_GONE;
		rights(client + gone * PAGE, PAGE, PROT_NONE);
		struct call c = { .op = READ, .a = mine, .b = client + at, .bytes = bytes };
		CHECK(run(&c) == (there < bytes ? why : E_OK));
		CHECK(c.done == (there < bytes ? there : bytes));
		for (size_t i = 0; i < c.done; i += 1 + test_below(300))
			CHECK(mine[i] == pattern(at + i));
		rights(client + gone * PAGE, PAGE, PROT_READ | PROT_WRITE);
		test_step++;
	}
	why = E_GONE;
}

/*
 * The page, of the n-th byte on the one side, is back as soon as it was missed: the copy ends all
 * the same, and within its bytes. The other side is anywhere.
 */
static void back_once(bool is_source, size_t n, size_t bytes, size_t place)
{
	char *from = is_source ? client + PAGE - n : client + place;
	char *to = is_source ? other + place : other + PAGE - n;
	struct call c = { .op = COPY, .a = to, .b = from, .bytes = bytes };
	memset(other, 0x55, 4 * PAGE);
	rights(is_source ? client + PAGE : other + PAGE, PAGE, PROT_NONE);
	CHECK(run(&c) == why && c.done >= n && c.done < n + 8 && c.done <= bytes);
	for (size_t i = 0; i < PAGE; i++)
		CHECK(to[i] == (i < c.done ? pattern((size_t)(from - client) + i) : 0x55));
	test_step++;
}

static void test_back(void)
{
	why = E_AGAIN;
	comes_back = true;
	for (size_t n = 0; n <= 20; n++)
		for (size_t more = 1; more <= 20; more++)
			for (size_t i = 0; i < 16; i++)
				back_once(more % 2, n, n + more, i < 8 ? PAGE - i : 100 + i);
	for (size_t i = 0; i < 16; i++)
		back_once(false, 9, 40, i < 8 ? PAGE - i : 100 + i);
	comes_back = false;
	why = E_GONE;
	restore();
}

/*
 * The guard spans no more than the copy: private memory that is missing is the program's own bug.
 * (The private side lies in client memory here, outside of what is named.)
 */
static void do_call(void *arg)
{
	(void)run(arg);
}

static void test_narrow(void)
{
	char *gone = client + PAGE, *after = client + 3 * PAGE;
	rights(gone, PAGE, PROT_NONE);
	CHECK(crashes(do_call, &(struct call){ READ, gone - 8, client, 64, 0, 0 }));
	CHECK(crashes(do_call, &(struct call){ WRITE, client, gone - 8, 64, 0, 0 }));
	CHECK(crashes(do_call, &(struct call){ READ, gone, after, 64, 0, 0 }));
	CHECK(crashes(do_call, &(struct call){ WRITE, after, gone, 64, 0, 0 }));
	CHECK(crashes(touch, gone));
	restore();
}

/* -- words ------------------------------------------------------------------------------------- */

static void test_missing_words(void)
{
	char *gone = client + PAGE;
	struct call c;
	rights(gone, PAGE, PROT_NONE);
	for (enum op op = LOAD32; op <= CAS32; op++) {
		c = (struct call){ .op = op, .a = gone + 8, .b = gone + 8, .value = 5 };
		CHECK(run(&c) == why && c.value == 5);
		size_t size = op == LOAD64 || op == STORE64 ? 8 : 4;
		for (size_t i = 1; i < size; i++) {
			/* Nothing is touched: no fault. */
			uint64_t before = faults;
			c.a = c.b = gone - size + i;
			CHECK(run(&c) == E_INVAL && c.value == 5 && faults == before);
		}
		c.a = c.b = gone - size; /* the last before the end */
		memset(c.a, 0, size);
		CHECK(run(&c) == E_OK);
	}
	rights(gone, PAGE, PROT_READ);
	for (enum op op = STORE32; op <= CAS32; op++) {
		c = (struct call){ .op = op, .a = gone, .value = 5 };
		CHECK(run(&c) == why && c.value == 5);
	}
	restore();
}

static void test_words(void)
{
	struct call c;
	memset(client, 0xee, 64);
	c = (struct call){ .op = STORE32, .a = client + 4, .value = 0x11223344 };
	CHECK(run(&c) == E_OK && *(uint32_t *)(client + 4) == 0x11223344);
	CHECK(client[3] == (char)0xee && client[8] == (char)0xee);
	c = (struct call){ .op = LOAD32, .b = client + 4 };
	CHECK(run(&c) == E_OK && c.value == 0x11223344);
	c = (struct call){ .op = STORE64, .a = client + 16, .value = 0x1122334455667788 };
	CHECK(run(&c) == E_OK && client[15] == (char)0xee && client[24] == (char)0xee);
	c = (struct call){ .op = LOAD64, .b = client + 16 };
	CHECK(run(&c) == E_OK && c.value == 0x1122334455667788);
	c = (struct call){ .op = CAS32, .a = client + 4, .value = 1 };
	CHECK(run(&c) == E_OK && c.value == 0x11223344);
	CHECK(*(uint32_t *)(client + 4) == 0x11223344);
	CHECK(run(&c) == E_OK && c.value == 0x11223344 && *(uint32_t *)(client + 4) == 77);
	restore();
}

static void test_strnlen(void)
{
	char *end = client + PAGE;
	memset(client, 'x', PAGE);
	rights(end, PAGE, PROT_NONE);
	for (size_t n = 0; n < 70; n++) {
		for (size_t max = 0; max < 80; max++) {
			struct call c = { .op = STRNLEN, .b = end - n, .bytes = max };
			CHECK(run(&c) == (max > n ? why : E_OK));
			CHECK(c.done == (max > n ? n : max));
			for (size_t zero = 1; zero <= n; zero += 5) {
				end[-(ptrdiff_t)zero] = 0;
				CHECK(run(&c) == E_OK);
				CHECK(c.done == (max > n - zero ? n - zero : max));
				end[-(ptrdiff_t)zero] = 'x';
			}
		}
	}
	restore();
}

/* -- what is refused --------------------------------------------------------------------------- */

static void test_ranges(void)
{
	static const uint64_t huge[] = { UINT64_C(1) << 63, UINT64_MAX, UINT64_MAX - 7,
		                         UINT64_C(1) << 47, (UINT64_C(1) << 47) - 1 };
	uint64_t before = faults;
	rights(client, AREA, PROT_NONE);
	for (enum op op = READ; op < OPS; op++) {
		bool is_word = op >= LOAD32 && op <= CAS32;
		for (size_t i = 0; i < 5; i++) {
			struct call c = { op, client, client, huge[i], 0, 5 };
			if (!is_word) {
				CHECK(run(&c) == E_RANGE && c.done == 0);
				/* From an address near the end, or beyond it. */
				c.bytes = 16;
			}
			/* The last word of all is a word like others. */
			c.a = c.b =
			        (void *)((huge[i] & ~UINT64_C(7)) + (is_word && i == 4 ? 8 : 0));
			if (op == COPY && i % 2)
				c.b = client;
			CHECK(run(&c) == E_RANGE && c.value == 5 && (is_word || c.done == 0));
		}
		if (!is_word) {
			struct call c = { op, other, client, 0, 0, 0 };
			CHECK(run(&c) == E_OK && c.done == 0);
		}
	}
	CHECK(faults == before);
	restore();
}

static void test_overlaps(void)
{
	uint64_t before = faults;
	struct call c;
	rights(client, AREA, PROT_NONE);
	for (size_t by = 0; by < 32; by++) {
		c = (struct call){ COPY, client + by, client, 32, 0, 0 };
		CHECK(run(&c) == E_INVAL && c.done == 0);
		c = (struct call){ COPY, client, client + by, 32, 0, 0 };
		CHECK(run(&c) == E_INVAL && c.done == 0);
	}
	CHECK(faults == before);
	restore();
	c = (struct call){ COPY, client + 32, client, 32, 0, 0 };
	CHECK(run(&c) == E_OK && c.done == 32);
	restore();
}

static void test_at(void)
{
	const struct client_window w = window(client, 64);
	CHECK(client_at(&w, 0, 64) == named(client) && client_at(&w, 64, 0) == named(client + 64));
	CHECK(client_at(&w, 3, 61) == named(client + 3) && !client_at(&w, 3, 62));
	CHECK(!client_at(&w, 65, 0) && !client_at(&w, UINT64_MAX, 2));
	CHECK(!client_at(&w, 1, UINT64_MAX) &&
	      !client_at(&w, UINT64_C(1) << 63, UINT64_C(1) << 63));
}

/* -- what is read once ------------------------------------------------------------------------- */

static volatile uint64_t steps, read_to;
static volatile bool reads_twice;

/* Before an instruction: if it reads client memory (`rep movs`), that must be further on. */
static void on_step(int signal, siginfo_t *info, void *context)
{
	greg_t *regs = ((ucontext_t *)context)->uc_mcontext.gregs;
	const unsigned char *code = (const unsigned char *)regs[REG_RIP];
	uint64_t from = (uint64_t)regs[REG_RSI];
	(void)signal;
	(void)info;
	steps++;
	bool is_rep = code[0] == 0xf3 && (code[1] == 0xa4 || (code[1] == 0x48 && code[2] == 0xa5));
	if (guard()->mode != GUARD_ABORT || !is_rep || regs[REG_RCX] == 0)
		return;
	if (from < read_to)
		reads_twice = true;
	read_to = from + (code[1] == 0xa4 ? 1 : 8);
}

/* Beside the red zone. */
static void set_trap(bool on)
{
	uint64_t keep = on ? ~UINT64_C(0) : ~(uint64_t)TRAP, set = on ? TRAP : 0;
	__asm__ volatile("leaq -128(%%rsp), %%rsp\npushfq\nandq %0, (%%rsp)\norq %1, (%%rsp)\n"
	                 "popfq\nleaq 128(%%rsp), %%rsp"
	                 :
	                 : "r"(keep), "r"(set)
	                 : "memory", "cc");
}

static void test_once(void)
{
	catch_signal(SIGTRAP, on_step);
	for (size_t bytes = 0; bytes < 80; bytes++) {
		struct call c = { READ, mine, client + 3, bytes, 0, 0 };
		read_to = 0;
		steps = 0;
		set_trap(true);
		int err = call_op(&c);
		set_trap(false);
		CHECK(err == E_OK && c.done == bytes && !reads_twice && steps > 10);
		CHECK(read_to == (bytes ? (uint64_t)client + 3 + bytes : 0));
	}
}

int main(void)
{
	client_test_start();
	test_copies();
	test_both_sides();
	test_random_copies();
	test_back();
	test_narrow();
	test_missing_words();
	test_words();
	test_strnlen();
	test_ranges();
	test_overlaps();
	test_at();
	test_once();
	return 0;
}
