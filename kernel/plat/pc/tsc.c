/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * How fast the time-stamp counter runs, and beside it the APIC timer. The processor or the
 * hypervisor may know; else both are measured against the timer chip (8254, channel 2), whose rate
 * is fixed.
 *
 * Measuring takes as long as it must to be exact: each end of the window is an observed step of the
 * chip's counter, known to lie between two readings of the TSC, and the window grows until these
 * uncertainties are small beside it. So it is short in an emulator that counts instructions, some
 * milliseconds where port accesses are slow, and right even if a hypervisor takes the processor
 * away.
 */
#include "arch.h"
#include "boot.h"
#include "cpuid.h"

enum { PIT_HZ = 1193182, PIT_CHANNEL2 = 0x42, PIT_COMMAND = 0x43, PIT_GATE_PORT = 0x61 };
enum { PIT_CHANNEL2_MODE0 = 0xb0, PIT_LATCH_CHANNEL2 = 0x80, PIT_START = 0xffff };
enum { GATE_ON = 1, SPEAKER_ON = 2, PIT_OUTPUT = 0x20 };

enum { PRECISION = 4096 };       /* window over uncertainty */
enum { PIT_WINDOW_MIN = 100 };   /* counts: 84 us */
enum { PIT_WINDOW_MAX = 48000 }; /* counts: 40 ms; the counter wraps at 55 */
enum { STEP_POLLS_MAX = 1000000, ATTEMPTS_MAX = 8 };
enum { MHZ_MIN = 100, MHZ_MAX = 20000 };

struct sample {
	uint16_t pit;  /* counts down */
	uint32_t apic; /* counts down */
	uint64_t tsc, uncertainty;
};

static uint16_t pit_read(void)
{
	outb(PIT_COMMAND, PIT_LATCH_CHANNEL2);
	uint8_t low = inb(PIT_CHANNEL2);
	return (uint16_t)(low | inb(PIT_CHANNEL2) << 8);
}

static void pit_start(void)
{
	uint8_t gate = inb(PIT_GATE_PORT) & ~(GATE_ON | SPEAKER_ON);
	outb(PIT_GATE_PORT, gate);
	outb(PIT_COMMAND, PIT_CHANNEL2_MODE0);
	outb(PIT_CHANNEL2, PIT_START & 0xff);
	outb(PIT_CHANNEL2, PIT_START >> 8);
	outb(PIT_GATE_PORT, gate | GATE_ON);
}

static void pit_stop(void)
{
	outb(PIT_GATE_PORT, inb(PIT_GATE_PORT) & ~(GATE_ON | SPEAKER_ON));
}

/* The next step of the counter. */
static struct sample sample_step(void)
{
	uint16_t before = pit_read();
	uint64_t earlier = rdtsc();
	for (unsigned polls = 0; polls < STEP_POLLS_MAX; polls++) {
		uint16_t pit = pit_read();
		uint64_t later = rdtsc();
		if (pit != before)
			return (struct sample){ pit, apic_timer_count(), later, later - earlier };
		earlier = later;
	}
	panic("the timer chip does not count: the rate of the TSC is unknown");
}

/* MHz as the processor or the hypervisor says; 0 if neither does. */
static uint64_t known_mhz(void)
{
	bool hypervisor = cpuid(1, 0).ecx >> 31;
	uint64_t mhz = 0;
	if (hypervisor) {
		mhz = (cpuid(0x40000010, 0).eax + 500) / 1000;
	} else {
		struct cpuid clock = cpuid(0x15, 0);
		if (clock.eax && clock.ebx && clock.ecx)
			mhz = ((uint64_t)clock.ecx * clock.ebx / clock.eax + 500000) / 1000000;
		else if (clock.eax && clock.ebx)
			mhz = cpuid(0x16, 0).eax & 0xffff;
	}
	return mhz >= MHZ_MIN && mhz <= MHZ_MAX ? mhz : 0;
}

/* Whether the counter went through zero since pit_start. */
static bool pit_wrapped(void)
{
	return inb(PIT_GATE_PORT) & PIT_OUTPUT;
}

struct window {
	uint64_t tsc, apic, pit;
	uint64_t uncertainty; /* of tsc; 0: there is no result */
};

static bool window_exact(const struct window *window)
{
	return window->pit >= PIT_WINDOW_MIN && window->uncertainty * PRECISION <= window->tsc;
}

static struct window measure(void)
{
	pit_start();
	struct sample first = sample_step(), last;
	struct window window;
	do {
		last = sample_step();
		window = (struct window){ last.tsc - first.tsc, first.apic - last.apic,
			                  (uint16_t)(first.pit - last.pit),
			                  first.uncertainty + last.uncertainty };
	} while (!window_exact(&window) && window.pit < PIT_WINDOW_MAX && !pit_wrapped());
	if (pit_wrapped())
		window.uncertainty = 0;
	pit_stop();
	return window;
}

/* Some attempts, for the processor may be elsewhere meanwhile; the best one counts. */
static struct window measure_well(void)
{
	struct window best = { 0 };
	unsigned attempts = 0;
	do {
		struct window window = measure();
		if (window.uncertainty &&
		    (!best.uncertainty ||
		     window.uncertainty * best.tsc < best.uncertainty * window.tsc))
			best = window;
	} while (!window_exact(&best) && ++attempts < ATTEMPTS_MAX);
	if (!best.uncertainty)
		panic("the rate of the TSC cannot be measured: the timer chip runs away");
	return best;
}

void tsc_init(void)
{
	ticks_per_us = known_mhz();
	if (ticks_per_us && cpu.tsc_deadline) {
		apic_timer_set_rate(0, 0);
		return;
	}
	struct window window = measure_well();
	if (!ticks_per_us)
		ticks_per_us = (window.tsc * PIT_HZ / window.pit + 500000) / 1000000;
	if (ticks_per_us < MHZ_MIN || ticks_per_us > MHZ_MAX)
		panic("the TSC runs at %lu MHz: %lu ticks in %lu of the timer chip", ticks_per_us,
		      window.tsc, window.pit);
	apic_timer_set_rate(window.apic, window.tsc);
}
