/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Tests: TEST(name) { ... } registers itself; the runner (test_main.c) runs all in link order
 * and prints TAP. The first failed check ends its test. Everything that a test makes through
 * test/env.h and test/thread.h is taken back afterwards.
 *
 * Checks may be used in helper threads that run in the root CNode: a failure there ends the
 * test too, wherever the main thread is.
 */
#pragma once
#include <test/env.h>
#include <test/mem.h>
#include <test/print.h>
#include <test/thread.h>

struct test {
	const char *name;
	void (*run)(void);
};

/* gcc would turn the order of the tests around; clang does not. */
#ifdef __clang__
#define TEST_IN_ORDER
#else
#define TEST_IN_ORDER __attribute__((no_reorder))
#endif

#define TEST(test_name)                                                                            \
	static void test_body_##test_name(void);                                                   \
	TEST_IN_ORDER static const struct test test_entry_##test_name                              \
	        __attribute__((section("tests"), used, aligned(16))) = { #test_name,               \
		                                                         test_body_##test_name };  \
	static void test_body_##test_name(void)

_Noreturn __attribute__((format(printf, 3, 4))) void test_fail(const char *file, int line,
                                                               const char *format, ...);
_Noreturn void test_skip(const char *why);
/* Ends the running test as failed, and returns: for threads outside the test. */
void test_fail_elsewhere(const char *why);

#define SKIP(why) test_skip(why)
#define FAIL(...) test_fail(__FILE_NAME__, __LINE__, __VA_ARGS__)

#define CHECK(condition)                                                                           \
	do {                                                                                       \
		if (!(condition))                                                                  \
			FAIL("%s", #condition);                                                    \
	} while (0)

#define TEST_COMPARE(a, b, op)                                                                     \
	do {                                                                                       \
		word_t test_a = (word_t)(a), test_b = (word_t)(b);                                 \
		if (!(test_a op test_b))                                                           \
			FAIL("%s " #op " %s: 0x%lx, 0x%lx", #a, #b, test_a, test_b);               \
	} while (0)
#define CHECK_EQ(a, b) TEST_COMPARE(a, b, ==)
#define CHECK_NE(a, b) TEST_COMPARE(a, b, !=)
#define CHECK_LT(a, b) TEST_COMPARE(a, b, <)
#define CHECK_LE(a, b) TEST_COMPARE(a, b, <=)

/* The invocation succeeds; shows the error by name otherwise. */
#define CHECK_OK(call)                                                                             \
	do {                                                                                       \
		enum abi_error test_err = (call);                                                  \
		if (test_err != ERR_NONE)                                                          \
			test_fail_error(__FILE_NAME__, __LINE__, #call, test_err);                 \
	} while (0)

/*
 * The invocation fails with exactly this error and exactly these reply words:
 * CHECK_ERR(sel4_tcb_set_priority(tcb, tcb, 256), ERR_RANGE, 0, 255);
 */
#define CHECK_ERR(call, error, ...)                                                                \
	do {                                                                                       \
		const word_t test_words[] = { 0 __VA_OPT__(, ) __VA_ARGS__ };                      \
		sel4_ipc_buffer()->tag = 0;                                                        \
		enum abi_error test_err = (call);                                                  \
		test_check_error(__FILE_NAME__, __LINE__, #call, test_err, error, test_words + 1,  \
		                 sizeof test_words / sizeof test_words[0] - 1);                    \
	} while (0)

_Noreturn void test_fail_error(const char *file, int line, const char *call, enum abi_error err);
void test_check_error(const char *file, int line, const char *call, enum abi_error err,
                      enum abi_error expected, const word_t *words, size_t count);

/* FailedLookup's reply words for CHECK_ERR, after the word "source or not". */
#define AT_SOURCE 1
#define AT_DEST 0
#define WORDS_INVALID_ROOT LOOKUP_INVALID_ROOT
#define WORDS_MISSING(bits_left) LOOKUP_MISSING_CAPABILITY, bits_left
#define WORDS_DEPTH(bits_left, bits_found) LOOKUP_DEPTH_MISMATCH, bits_left, bits_found
#define WORDS_GUARD(bits_left, guard, guard_bits)                                                  \
	LOOKUP_GUARD_MISMATCH, bits_left, guard, guard_bits
