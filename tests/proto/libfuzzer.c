/* SPDX-License-Identifier: BSD-2-Clause */
/* libFuzzer's entry for one interface, FUZZ. */
#include <proto/fuzz.h>
#include <lib/assert.h>
#include <stdio.h>
#include <stdlib.h>

extern const struct proto_fuzz FUZZ;
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

_Noreturn void assert_failed(const char *file, int line, const char *what)
{
	fprintf(stderr, "%s:%d: not so: %s\n", file, line, what);
	abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	proto_fuzz_input(&FUZZ, data, size);
	return 0;
}
