/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a failed operation leaves behind, for the one who asked: an error reply (label and words),
 * or a look-up failure that becomes part of an error reply or of a cap fault. One of each at a
 * time: the kernel does one thing at a time. seL4 manual, sections 3.4, 6.2 and 10.1.
 */
#pragma once
#include "object.h"

struct failure {
	enum abi_error label;
	unsigned length;
	word_t words[5];
};
extern struct failure failure;
extern struct lookup_failure lookup_failure;

/*
 * The functions that fail_* and lookup_* call. That these return FAILED, always, is said here in
 * the open, where compilers and analysers see it.
 */
void record_error(enum abi_error label);
void record_error_word(enum abi_error label, word_t word);
void record_error_range(word_t min, word_t max);
void record_error_lookup(bool source);
void record_invalid_root(void);
void record_missing(word_t bits_left);
void record_depth_mismatch(word_t bits_left, word_t bits_found);
void record_guard_mismatch(word_t bits_left, word_t guard_found, word_t guard_bits);

static inline enum outcome fail(enum abi_error label)
{
	record_error(label);
	return FAILED;
}

/* The word is the number of an argument or capability, or the bytes of memory that there are. */
static inline enum outcome fail_word(enum abi_error label, word_t word)
{
	record_error_word(label, word);
	return FAILED;
}

static inline enum outcome fail_range(word_t min, word_t max)
{
	record_error_range(min, max);
	return FAILED;
}

/* FailedLookup with what is in lookup_failure. */
static inline enum outcome fail_lookup(bool source)
{
	record_error_lookup(source);
	return FAILED;
}

/* FailedLookup with MissingCapability. */
static inline enum outcome fail_missing(bool source, word_t bits_left)
{
	record_missing(bits_left);
	return fail_lookup(source);
}

/* These set lookup_failure. */

static inline enum outcome lookup_invalid_root(void)
{
	record_invalid_root();
	return FAILED;
}

static inline enum outcome lookup_missing(word_t bits_left)
{
	record_missing(bits_left);
	return FAILED;
}

static inline enum outcome lookup_depth_mismatch(word_t bits_left, word_t bits_found)
{
	record_depth_mismatch(bits_left, bits_found);
	return FAILED;
}

static inline enum outcome lookup_guard_mismatch(word_t bits_left, word_t guard_found,
                                                 word_t guard_bits)
{
	record_guard_mismatch(bits_left, guard_found, guard_bits);
	return FAILED;
}
