/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * An init that tests rm on the running kernel; prints TAP to rm's log and switches the machine off.
 * Each test has a bank of its own, which is destroyed afterwards: then all must be as it was.
 * Started with arguments, it is an actor. With opt/rm/calls it is the fuzzer.
 */
#include "test.h"

static unsigned int passed, failed;
static const char *test_name;
static bool test_failed;

void check_failed(const char *file, int line, const char *what, err_t err)
{
	if (actor_box) {
		if (actor_box->what)
			return;
		actor_box->file = file;
		actor_box->line = line;
		actor_box->err = err;
		actor_box->what = what;
		return;
	}
	if (!test_failed || failed < 10)
		rt_log("# %s:%d: %s: %s%s%s", file, line, test_name, what, err == E_OK ? "" : ": ",
		       err == E_OK ? "" : err_name(err));
	test_failed = true;
}

bool rm_is_valid(void)
{
	struct rm_system_check_out out = { 0 };
	return rm_system_check(RT_SYSTEM, &out) == E_OK && out.valid;
}

enum { TEST_PAGES = 16 * MIB_PAGES };

/* Main's own memory is all mapped: a page that moved would not be. */
static void lay_out(void)
{
	struct rm_vspace_populate_out out = { 0 };
	do
		CHECK_OK(rm_vspace_populate(RT_VSPACE, &out));
	while (out.made > 0);
}

static void run(const struct test *test)
{
	cptr_t bank;
	test_name = test->name;
	test_failed = false;
	lay_out();
	const struct rm_bank_status before = bank_status(RT_BANK);
	uint32_t slots = rt_slots_free();
	CHECK_OK(bank_make(RT_BANK, TEST_PAGES, &bank));
	test->fn(bank);
	CHECK_OK(rm_bank_destroy(bank));
	rt_slot_put(bank);
	CHECK(rm_is_valid());
	event_none();
	lay_out();
	const struct rm_bank_status after = bank_status(RT_BANK);
	if (!bank_same(&before, &after)) {
		rt_log("# used %lu -> %lu, limit %lu -> %lu, pinned %lu -> %lu, objects %u -> %u",
		       before.used, after.used, before.limit, after.limit, before.pinned,
		       after.pinned, before.objects, after.objects);
		check_failed(__FILE__, __LINE__, "all is given back", E_OK);
	}
	if (rt_slots_free() != slots) {
		rt_log("# slots %u -> %u", slots, rt_slots_free());
		check_failed(__FILE__, __LINE__, "slots are given back", E_OK);
	}
	rt_log("%sok %u - %s", test_failed ? "not " : "", passed + failed + 1, test->name);
	if (test_failed)
		failed++;
	else
		passed++;
}

static const struct test *const tests[] = {
	bank_tests,    dataspace_tests, large_tests, pager_tests,    vspace_tests, populate_tests,
	clone_tests,   task_tests,      fault_tests, handler_tests,  name_tests,   session_tests,
	end_tests,     share_tests,     seal_tests,  donation_tests, raw_tests,    attack_tests,
	accused_tests, event_tests,     wrong_tests, oom_tests,      stress_tests
};

/* Main's own stack is paid for as it is touched. */
__attribute__((noinline)) static void touch_stack(void)
{
	volatile char deep[48 * 1024];
	for (unsigned int i = 0; i < sizeof(deep); i += 1024)
		deep[i] = 1;
}

/* The first use of some of rm's tables, and of rt's, is paid for once. */
static void warm_up(void)
{
	cptr_t bank, memory;
	test_name = "warm-up";
	touch_stack();
	events_init();
	actors_init();
	CHECK_OK(bank_make(RT_BANK, 4 * MIB_PAGES, &bank));
	struct actor *actor = actor_new(0, bank);
	actor_end(actor);
	CHECK_OK(memory_make(bank, 1, 0, &memory));
	CHECK_OK(rm_bank_destroy(bank));
	slots_put((cptr_t[]){ bank, memory }, 2);
	event_none();
}

static void seal(cptr_t bank)
{
	(void)bank;
	test_seal();
}

static void test_all(void)
{
	const struct test last = { "system_seal", seal };
	unsigned int count = 1;
	for (unsigned int i = 0; i < COUNT_OF(tests); i++)
		for (const struct test *test = tests[i]; test->name; test++)
			count++;
	rt_log("1..%u", count);
	warm_up();
	for (unsigned int i = 0; i < COUNT_OF(tests); i++)
		for (const struct test *test = tests[i]; test->name; test++)
			run(test);
	run(&last);
	rt_log("%u passed, %u failed", passed, failed);
}

static void test_fuzz(uint64_t calls)
{
	rt_log("1..1");
	warm_up();
	fuzz(calls, config_number("opt/rm/seed", 1));
	rt_log("%sok 1 - %lu random messages", test_failed ? "not " : "", calls);
	failed = test_failed;
}

int rt_main(const struct rt_start *start)
{
	(void)start;
	if (rt_arg(0))
		actor_main();
	uint64_t calls = config_number("opt/rm/calls", 0);
	if (calls)
		test_fuzz(calls);
	else
		test_all();
	(void)rm_system_off(RT_SYSTEM, &(struct rm_system_off_in){ .status = failed > 0 });
	return 1;
}
