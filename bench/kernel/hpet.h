/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The HPET's first timer as a source of interrupts at known times: one shot, edge-triggered, in
 * the place of the PIT (pin 2 of the IOAPIC). Under icount its counter and the time stamp counter
 * run off the same clock, 10 ns a tick, so that lateness is counted in instructions.
 */
#pragma once
#include <test/env.h>

struct hpet {
	cptr_t irq;          /* handler */
	cptr_t notification; /* signalled by it */
};

/* False where there is no HPET or no capability to it. */
bool hpet_init(struct hpet *hpet);
/* Asks for an interrupt in delay ns; when it is due, as time_now() counts. */
word_t hpet_arm(word_t delay_ns);
/* No more interrupts; gives the interrupt back. */
void hpet_fini(struct hpet *hpet);
