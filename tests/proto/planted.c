/* SPDX-License-Identifier: BSD-2-Clause */
/* The tables' test of proto/golden/test.idl alone, for decoders with a mistake planted in them. */
#include <proto/fuzz.h>
#include <lib/assert.h>
#include <stdio.h>
#include <stdlib.h>

extern const struct proto_fuzz test_fuzz;

_Noreturn void assert_failed(const char *file, int line, const char *what)
{
	fprintf(stderr, "%s:%d: not so: %s\n", file, line, what);
	abort();
}

int main(void)
{
	proto_fuzz_all(&test_fuzz, 20, 3);
	return 0;
}
