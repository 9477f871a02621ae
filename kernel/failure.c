/* SPDX-License-Identifier: BSD-2-Clause */
/* Recording why an operation failed: see failure.h. */
#include "failure.h"

struct failure failure;
struct lookup_failure lookup_failure;

void record_error(enum abi_error label)
{
	failure.label = label;
	failure.length = 0;
}

void record_error_word(enum abi_error label, word_t word)
{
	failure.label = label;
	failure.length = 1;
	failure.words[0] = word;
}

void record_error_range(word_t min, word_t max)
{
	failure.label = ERR_RANGE;
	failure.length = 2;
	failure.words[0] = min;
	failure.words[1] = max;
}

void record_error_lookup(bool source)
{
	failure.label = ERR_FAILED_LOOKUP;
	failure.length = 1 + lookup_failure.length;
	failure.words[0] = source;
	for (unsigned i = 0; i < lookup_failure.length; i++)
		failure.words[1 + i] = lookup_failure.words[i];
}

void record_invalid_root(void)
{
	lookup_failure = (struct lookup_failure){ 1, { LOOKUP_INVALID_ROOT } };
}

void record_missing(word_t bits_left)
{
	lookup_failure = (struct lookup_failure){ 2, { LOOKUP_MISSING_CAPABILITY, bits_left } };
}

void record_depth_mismatch(word_t bits_left, word_t bits_found)
{
	lookup_failure =
	        (struct lookup_failure){ 3, { LOOKUP_DEPTH_MISMATCH, bits_left, bits_found } };
}

void record_guard_mismatch(word_t bits_left, word_t guard_found, word_t guard_bits)
{
	lookup_failure = (struct lookup_failure){
		4, { LOOKUP_GUARD_MISMATCH, bits_left, guard_found, guard_bits }
	};
}
