/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The test runner, a main() for images of registered tests. A failed check leaves its test by a
 * jump back here; from another thread, by making the main thread continue at test_resume.
 */
#include <test/monitor.h>
#include <test/test.h>

extern const struct test __start_tests[], __stop_tests[];

enum outcome { RUNNING, PASSED, FAILED, SKIPPED };

static struct {
	const struct test *test;
	word_t number;
	volatile enum outcome outcome;
	void *jump[5];
} run;

int main(const struct abi_boot_info *info);

/* The end of a test that did not return: in the main thread, on its own stack. */
_Noreturn static void leave(void)
{
	__builtin_longjmp(run.jump, 1);
}

/* Where the main thread goes on if another thread ended the test. */
_Noreturn static void test_resume(void)
{
	leave();
}

/* Ends the test from another thread; returns there only if that is impossible. */
static void leave_from_helper(void)
{
	static unsigned char stack[4096] __attribute__((aligned(16)));
	struct abi_user_context context = { 0 };
	if (sel4_tcb_read_registers(INIT_TCB, 1, ABI_CONTEXT_WORDS, &context))
		panic("the main thread cannot be stopped");
	context.rip = (word_t)test_resume;
	context.rsp = (word_t)stack + sizeof stack - 8;
	if (sel4_tcb_write_registers(INIT_TCB, SEL4_WRITE_RESUME, ABI_CONTEXT_WORDS, &context))
		panic("the main thread cannot be sent on");
}

static const char *error_name(enum abi_error err)
{
	switch (err) {
#define ERROR(name, nr, text)                                                                      \
	case ERR_##name:                                                                           \
		return #name;
#include <abi/error.def>
#undef ERROR
	default:
		return "not an error number";
	}
}

static void begin_failure(const char *file, int line)
{
	run.outcome = FAILED;
	print("not ok %lu - %s # %s:%d ", run.number, run.test->name, file, line);
}

_Noreturn static void finish(void)
{
	if (thread_self() == NULL)
		leave();
	leave_from_helper();
	for (;;)
		(void)sel4_tcb_suspend(thread_self()->tcb);
}

_Noreturn void test_fail(const char *file, int line, const char *format, ...)
{
	va_list args;
	va_start(args, format);
	begin_failure(file, line);
	print_args(format, args);
	print("\n");
	va_end(args);
	finish();
}

_Noreturn void test_fail_error(const char *file, int line, const char *call, enum abi_error err)
{
	word_t words[5];
	for (unsigned int i = 0; i < 5; i++)
		words[i] = sel4_get_word(i);
	begin_failure(file, line);
	print("%s: %s (0x%lx 0x%lx 0x%lx 0x%lx 0x%lx)\n", call, error_name(err), words[0], words[1],
	      words[2], words[3], words[4]);
	finish();
}

void test_check_error(const char *file, int line, const char *call, enum abi_error err,
                      enum abi_error expected, const word_t *words, size_t count)
{
	word_t info = sel4_ipc_buffer()->tag;
	word_t have[ABI_CONTEXT_WORDS];
	for (unsigned int i = 0; i < ABI_CONTEXT_WORDS; i++)
		have[i] = sel4_get_word(i);
	if (err != expected) {
		begin_failure(file, line);
		print("%s: %s (0x%lx 0x%lx 0x%lx 0x%lx 0x%lx), not %s\n", call, error_name(err),
		      have[0], have[1], have[2], have[3], have[4], error_name(expected));
		finish();
	}
	if (info != abi_msginfo((word_t)err, 0, 0, count))
		test_fail(file, line, "%s: %s: reply info 0x%lx, not %lu words", call,
		          error_name(err), info, count);
	for (size_t i = 0; i < count; i++)
		if (have[i] != words[i])
			test_fail(file, line, "%s: %s: word %lu is 0x%lx, not 0x%lx", call,
			          error_name(err), i, have[i], words[i]);
}

_Noreturn void test_skip(const char *why)
{
	run.outcome = SKIPPED;
	print("ok %lu - %s # SKIP %s\n", run.number, run.test->name, why);
	finish();
}

void test_fail_elsewhere(const char *why)
{
	if (run.outcome != RUNNING)
		panic("outside of a test: %s", why);
	begin_failure("monitor", 0);
	print("%s\n", why);
	leave_from_helper();
}

/* The library panicked: within a test, that fails it; once only, for failing takes calls, too. */
static void fail_by_panic(void)
{
	panic_hook = NULL;
	if (run.outcome == RUNNING)
		test_fail("lib", 0, "the library gave up");
	print("\nBail out! panic outside of a test\n");
}

/* Not inlined: __builtin_longjmp must leave another function than the one it enters. */
__attribute__((noinline)) static void run_test(const struct test *test)
{
	run.test = test;
	run.number++;
	run.outcome = RUNNING;
	panic_hook = fail_by_panic;
	env_mark();
	if (!__builtin_setjmp(run.jump)) {
		test->run();
		run.outcome = PASSED;
		print("ok %lu - %s\n", run.number, run.test->name);
	}
	if (sel4_tcb_set_priority(INIT_TCB, INIT_TCB, ABI_PRIORITY_MAX))
		panic("the main thread has no priority");
	/* A test that was ended from outside may have left main anywhere. */
	if (sel4_tcb_set_priority(INIT_TCB, INIT_TCB, ABI_PRIORITY_MAX))
		panic("the main thread's priority");
	env_release();
	thread_reset();
	vspace_reset();
	monitor_tick();
}

int main(const struct abi_boot_info *info)
{
	word_t counts[SKIPPED + 1] = { 0 };
	(void)info;
	monitor_init();
	print("\nTAP version 13\n1..%lu\n", (word_t)(__stop_tests - __start_tests));
	for (const struct test *test = __start_tests; test < __stop_tests; test++) {
		run_test(test);
		counts[run.outcome]++;
	}
	print("# %lu passed, %lu failed, %lu skipped\n", counts[PASSED], counts[FAILED],
	      counts[SKIPPED]);
	return counts[FAILED] == 0 ? 0 : 1;
}
