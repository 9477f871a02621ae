/* SPDX-License-Identifier: BSD-2-Clause */
/* See bystander.h. */
#include <test/thread.h>
#include "bystander.h"

enum {
	BYSTANDERS = 2,
	PRIORITY = 100, /* above the fuzz threads, with little time: interrupted anywhere */
	BUDGET_US = 100,
	PERIOD_US = 3000,
	PAGE_WORDS = 512,
};

/* watch.S: wrong registers after a while with the pattern in all of them. */
word_t bystander_watch(word_t pattern);

volatile word_t bystander_errors;
static word_t pages[BYSTANDERS][PAGE_WORDS] __attribute__((aligned(4096)));

_Noreturn static word_t bystander_run(word_t index)
{
	word_t pattern = 0x0123456789abcdefull * (index + 1), *page = pages[index];
	for (word_t i = 0; i < PAGE_WORDS; i++)
		page[i] = pattern + i;
	for (;;) {
		word_t errors = bystander_watch(pattern);
		for (word_t i = 0; i < PAGE_WORDS; i++)
			errors += page[i] != pattern + i;
		bystander_errors += errors;
	}
}

void bystanders_start(void)
{
	for (word_t i = 0; i < BYSTANDERS; i++) {
		struct thread *t = thread_new(&(struct thread_options){ .priority = PRIORITY,
		                                                        .no_fault_ep = true,
		                                                        .budget_us = BUDGET_US,
		                                                        .period_us = PERIOD_US });
		thread_start(t, bystander_run, i);
	}
}
