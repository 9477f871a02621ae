/* SPDX-License-Identifier: BSD-2-Clause */
/* The table of errors: names and numbers differ, and stay clear of the kernel's labels. */
#include <lib/err.h>
#include "unit_test.h"

static const unsigned long numbers[] = {
#define ERR(name, nr, text) nr,
#include <lib/err.def>
#undef ERR
};

int main(void)
{
	size_t count = sizeof(numbers) / sizeof(numbers[0]);
	for (size_t i = 0; i < count; i++) {
		CHECK(i == 0 ? numbers[i] == 0 : numbers[i] >= 64);
		for (size_t j = 0; j < i; j++) {
			CHECK(numbers[i] != numbers[j]);
			CHECK(strcmp(err_name(numbers[i]), err_name(numbers[j])) != 0);
			CHECK(strcmp(err_text(numbers[i]), err_text(numbers[j])) != 0);
		}
	}
	CHECK(strcmp(err_name(E_NOMEM), "NOMEM") == 0);
	CHECK(strcmp(err_name(2), "?") == 0);
	CHECK(strcmp(err_text(-1ul), "unknown error") == 0);
	return 0;
}
