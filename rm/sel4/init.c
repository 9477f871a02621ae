/* SPDX-License-Identifier: BSD-2-Clause */
/* See init.h. */
#include "init.h"
#include "console.h"
#include <rt/tsc.h>

extern const char archive_start[], archive_end[];
extern const char __ehdr_start[];

/* 64 bits that nobody can guess: the CPU's, or, where it has none, what the time stamp counter
 * gives, which CAVEATS says is too little. */
static uint64_t random_word(void)
{
	enum { CPUID_RDRAND = 1 << 30, TRIES = 10 };
	uint32_t eax = 1, ebx, ecx = 0, edx;
	__asm__ volatile("cpuid" : "+a"(eax), "=b"(ebx), "+c"(ecx), "=d"(edx));
	uint64_t word;
	for (unsigned int i = 0; ecx & CPUID_RDRAND && i < TRIES; i++) {
		bool good;
		__asm__ volatile("rdrand %0" : "=r"(word), "=@ccc"(good));
		if (good)
			return word;
	}
	return rt_tsc() * 0x9e3779b97f4a7c15u;
}

void init_start(struct rm *rm, struct setup *s)
{
	struct rm_init init = { .archive = archive_start,
		                .archive_bytes = (uint64_t)(archive_end - archive_start),
		                .tsc_hz = s->tsc_hz };
	for (unsigned int i = 0; i < sizeof(init.random) / 8; i++)
		((uint64_t *)init.random)[i] = random_word();
	err_t err = rm_start_init(rm, &init);
	if (err != E_OK) {
		console_print("rm: init: %s: %s\n", err_name(err), err_text(err));
		setup_fail("init does not start", err);
	}
}
