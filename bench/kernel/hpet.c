/* SPDX-License-Identifier: BSD-2-Clause */
/* IA-PC HPET specification 1.0a; registers are at fixed places on PCs. */
#include "hpet.h"
#include "bench.h"

enum {
	HPET_PADDR = 0xfed00000u,
	HPET_PAGE_BITS = 12,
	HPET_CAPABILITIES = 0x000, /* high word: femtoseconds in a tick */
	HPET_CONFIG = 0x010,
	HPET_COUNTER = 0x0f0,
	HPET_TIMER_CONFIG = 0x100,
	HPET_TIMER_COMPARATOR = 0x108,

	CONFIG_ENABLE = 1,
	CONFIG_LEGACY = 2, /* timer 0 takes the place of the PIT */
	TIMER_INTERRUPTS = 4,

	IOAPIC_PIN = 2,
	VECTOR = 20,
	TICK_NS = 10,
	TICK_FS = TICK_NS * 1000000,
};

static volatile unsigned char *registers;
static word_t time_of_tick_0;

static uint32_t hpet_read(unsigned int at)
{
	return *(volatile uint32_t *)(registers + at);
}

static void hpet_write(unsigned int at, uint32_t value)
{
	*(volatile uint32_t *)(registers + at) = value;
}

/* Cuts the page out of the device untyped that has it; 0 where there is none. */
static cptr_t device_page(word_t paddr)
{
	cptr_t at = 0;
	word_t base = 0, bits = 0;
	for (cptr_t c = boot_info->untyped.start; c < boot_info->untyped.end; c++) {
		const struct abi_untyped_desc *d = boot_untyped_desc(c);
		if (d->is_device && paddr - d->paddr < (word_t)1 << d->size_bits) {
			at = c;
			base = d->paddr;
			bits = d->size_bits;
		}
	}
	if (!at || bits <= HPET_PAGE_BITS)
		return 0;
	for (; bits > HPET_PAGE_BITS; bits--) {
		word_t half = (word_t)1 << (bits - 1), upper = paddr - base >= half;
		bool last = bits - 1 == HPET_PAGE_BITS;
		cptr_t parts = slot_new_range(2);
		must(sel4_untyped_retype(at, last ? OBJ_X86_4K_PAGE : OBJ_UNTYPED, bits - 1,
		                         root_node(), parts, 2));
		at = parts + upper;
		base += upper * half;
	}
	return at;
}

bool hpet_init(struct hpet *hpet)
{
	cptr_t frame = device_page(HPET_PADDR);
	if (!frame)
		return false;
	vspace_map(INIT_VSPACE, TEST_VADDR, frame, RIGHTS_ALL, VM_CACHE_DISABLED);
	registers = (volatile unsigned char *)TEST_VADDR;
	if (hpet_read(HPET_CAPABILITIES + 4) != TICK_FS)
		return false;
	hpet->irq = slot_new();
	hpet->notification = notification_new();
	must(sel4_x86_irq_get_ioapic(INIT_IRQ_CONTROL, slot(hpet->irq), 0, IOAPIC_PIN, 0, 0,
	                             VECTOR));
	must(sel4_irq_handler_set_notification(hpet->irq, hpet->notification));

	hpet_write(HPET_CONFIG, 0);
	hpet_write(HPET_TIMER_CONFIG, 0);
	hpet_write(HPET_COUNTER, 0);
	hpet_write(HPET_COUNTER + 4, 0);
	hpet_write(HPET_TIMER_COMPARATOR + 4, 0);
	hpet_write(HPET_CONFIG, CONFIG_ENABLE | CONFIG_LEGACY);
	hpet_write(HPET_TIMER_CONFIG, TIMER_INTERRUPTS);
	/* The counter shows whole ticks: the latest start of a tick that fits all readings. */
	time_of_tick_0 = ~(word_t)0;
	for (unsigned int i = 0; i < 100; i++) {
		word_t ticks = hpet_read(HPET_COUNTER);
		word_t start = time_now() - ticks * TICK_NS;
		if (start < time_of_tick_0)
			time_of_tick_0 = start;
	}
	return true;
}

word_t hpet_arm(word_t delay_ns)
{
	uint32_t at = hpet_read(HPET_COUNTER) + (uint32_t)(delay_ns / TICK_NS);
	hpet_write(HPET_TIMER_COMPARATOR, at);
	return time_of_tick_0 + (word_t)at * TICK_NS;
}

void hpet_fini(struct hpet *hpet)
{
	hpet_write(HPET_CONFIG, 0);
	must(sel4_irq_handler_clear(hpet->irq));
}
