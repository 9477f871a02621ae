/* SPDX-License-Identifier: BSD-2-Clause */
/* What the host tests of the boot modules share. */
#include "boot_test.h"

jmp_buf test_panicked;

void panic_at(const char *file, int line, const char *format, ...)
{
	(void)file, (void)line, (void)format;
	longjmp(test_panicked, 1);
}

void kprintf(const char *format, ...)
{
	(void)format;
}

uint64_t test_random(void)
{
	static uint64_t state = 0x9e3779b97f4a7c15;
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return state;
}

uint64_t test_random_below(uint64_t n)
{
	return test_random() % n;
}
