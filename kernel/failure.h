/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a failed operation leaves behind, for the one who asked: an error reply (label and words), or a
 * look-up failure that becomes part of an error reply or of a cap fault. One of each at a time: the
 * kernel does one thing at a time. seL4 manual, sections 3.4, 6.2 and 10.1.
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

enum outcome fail(enum abi_error label);
enum outcome fail_word(enum abi_error label, word_t word); /* argument, capability, memory */
enum outcome fail_range(word_t min, word_t max);
/* FailedLookup with what is in lookup_failure. */
enum outcome fail_lookup(bool source);
/* FailedLookup with MissingCapability. */
enum outcome fail_missing(bool source, word_t bits_left);

/* Set lookup_failure; always FAILED. */
enum outcome lookup_invalid_root(void);
enum outcome lookup_missing(word_t bits_left);
enum outcome lookup_depth_mismatch(word_t bits_left, word_t bits_found);
enum outcome lookup_guard_mismatch(word_t bits_left, word_t guard_found, word_t guard_bits);
