/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The local APIC, in xAPIC mode: end of interrupt, what is pending, and the timer (Intel SDM,
 * volume 3, chapter 11).
 *
 * The timer interrupts at or soon after the last deadline set, and never not at all: where the
 * hardware counts in 32 bits of its own clock, the interrupt may come early. In TSC-deadline mode
 * the deadline is the processor's business.
 */
#include "arch.h"
#include "boot.h"
#include "layout.h"

enum { MSR_APIC_BASE = 0x1b, MSR_TSC_DEADLINE = 0x6e0 };
enum { BASE_ENABLE = 1 << 11, BASE_X2APIC = 1 << 10 };

enum apic_register {
	APIC_ID = 0x20,
	APIC_VERSION = 0x30,
	APIC_TASK_PRIORITY = 0x80,
	APIC_EOI = 0xb0,
	APIC_SPURIOUS = 0xf0,
	APIC_ISR = 0x100,
	APIC_IRR = 0x200,
	APIC_ERROR = 0x280,
	APIC_LVT_CMCI = 0x2f0,
	APIC_LVT_TIMER = 0x320,
	APIC_LVT_THERMAL = 0x330,
	APIC_LVT_COUNTERS = 0x340,
	APIC_LVT_LINT0 = 0x350,
	APIC_LVT_LINT1 = 0x360,
	APIC_LVT_ERROR = 0x370,
	APIC_TIMER_INITIAL = 0x380,
	APIC_TIMER_CURRENT = 0x390,
	APIC_TIMER_DIVIDE = 0x3e0,
};

enum {
	SPURIOUS_ENABLE = 1 << 8,
	LVT_MASKED = 1 << 16,
	LVT_TSC_DEADLINE = 2 << 17,
	DIVIDE_BY_1 = 0xb,
};
enum { VECTORS_PER_WORD = 32, WORD_STRIDE = 16 };
enum { TICKS_MAX = 1 << 30 }; /* ahead; farther deadlines are approached in steps */

ticks_t ticks_per_us;

/* APIC ticks per TSC tick, times 2^32; 0 in TSC-deadline mode. */
static uint64_t timer_rate;

static volatile uint32_t *apic_at(unsigned reg)
{
	return (volatile uint32_t *)(KERNEL_IMAGE + (DEVICE_PAGE_LAPIC << 12) + reg);
}

static uint32_t apic_read(unsigned reg)
{
	return *apic_at(reg);
}

static void apic_write(unsigned reg, uint32_t value)
{
	*apic_at(reg) = value;
}

void plat_eoi(void)
{
	apic_write(APIC_EOI, 0);
}

bool plat_interrupt_pending(void)
{
	for (unsigned word = ABI_IRQ_VECTOR_BASE / VECTORS_PER_WORD;
	     word <= VECTOR_TIMER / VECTORS_PER_WORD; word++) {
		if (apic_read(APIC_IRR + word * WORD_STRIDE))
			return true;
	}
	return false;
}

void plat_timer_set(ticks_t deadline)
{
	if (timer_rate == 0) {
		wrmsr(MSR_TSC_DEADLINE, deadline ? deadline : 1); /* 0 would stop it */
		return;
	}
	ticks_t time = rdtsc();
	ticks_t ahead = deadline > time ? deadline - time : 0;
	if (ahead > TICKS_MAX)
		ahead = TICKS_MAX;
	apic_write(APIC_TIMER_INITIAL, (uint32_t)(ahead * timer_rate >> 32) + 1);
}

BOOT_TEXT paddr_t apic_paddr(void)
{
	return rdmsr(MSR_APIC_BASE) & PTE_ADDR;
}

BOOT_TEXT unsigned apic_id(void)
{
	return apic_read(APIC_ID) >> 24;
}

BOOT_TEXT uint32_t apic_timer_count(void)
{
	return apic_read(APIC_TIMER_CURRENT);
}

/* Starts the timer; `apic_ticks` are as long as `tsc_ticks`. */
BOOT_TEXT void apic_timer_set_rate(uint64_t apic_ticks, uint64_t tsc_ticks)
{
	uint32_t mode = 0;
	if (cpu.tsc_deadline) {
		mode = LVT_TSC_DEADLINE;
	} else {
		if (apic_ticks == 0 || apic_ticks >> 32 || apic_ticks > tsc_ticks * 4)
			panic("APIC: its timer counts %lu in %lu TSC ticks", apic_ticks, tsc_ticks);
		timer_rate = (apic_ticks << 32) / tsc_ticks;
		if (timer_rate == 0)
			timer_rate = 1;
	}
	apic_write(APIC_TIMER_INITIAL, 0);
	apic_write(APIC_LVT_TIMER, VECTOR_TIMER | mode);
	__asm__ volatile("mfence" ::: "memory"); /* the mode before any deadline */
}

BOOT_TEXT void apic_init(void)
{
	uint64_t base = rdmsr(MSR_APIC_BASE);
	if (base & BASE_X2APIC)
		panic("APIC: the firmware left it in x2APIC mode, which the kernel does not know");
	wrmsr(MSR_APIC_BASE, base | BASE_ENABLE);
	window_map_device(DEVICE_PAGE_LAPIC, apic_paddr());

	uint32_t version = apic_read(APIC_VERSION);
	unsigned last_lvt = version >> 16 & 0xff;
	if ((version >> 4 & 0xf) != 1 || last_lvt < 3)
		panic("APIC: version register 0x%x", version);
	apic_write(APIC_LVT_TIMER, LVT_MASKED | VECTOR_TIMER);
	apic_write(APIC_LVT_LINT0, LVT_MASKED);
	apic_write(APIC_LVT_LINT1, LVT_MASKED);
	apic_write(APIC_LVT_ERROR, LVT_MASKED);
	if (last_lvt >= 4)
		apic_write(APIC_LVT_COUNTERS, LVT_MASKED);
	if (last_lvt >= 5)
		apic_write(APIC_LVT_THERMAL, LVT_MASKED);
	if (last_lvt >= 6)
		apic_write(APIC_LVT_CMCI, LVT_MASKED);
	apic_write(APIC_TASK_PRIORITY, 0);
	apic_write(APIC_SPURIOUS, SPURIOUS_ENABLE | VECTOR_SPURIOUS);
	/* The firmware may have left interrupts in service: each would block those below it. */
	for (unsigned word = 0; word < 8; word++) {
		for (uint32_t left = apic_read(APIC_ISR + word * WORD_STRIDE); left;
		     left &= left - 1)
			plat_eoi();
	}
	apic_write(APIC_TIMER_DIVIDE, DIVIDE_BY_1);
	apic_write(APIC_TIMER_INITIAL, UINT32_MAX); /* counts, masked, for tsc.c */
}
