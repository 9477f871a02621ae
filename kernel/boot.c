/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Booting, from the first C function to the root task. The order matters: the console first, so
 * that whatever fails can say so; the processor's gates next; the window before anything above 4
 * GiB is read; the clocks before anything is scheduled.
 *
 * `ram` is all memory that objects may be made of, `free` what of it nobody has taken yet. Memory
 * below 1 MiB is the firmware's and goes to the root task as device memory, as on seL4.
 */
#include "arch.h"
#include "boot.h"

enum { HIGH_MEMORY = 0x100000, PAGE_BITS = 12 };

static struct regions ram, free;

_Noreturn void boot_main(uint32_t magic, paddr_t info); /* boot.S */

/* Where regions overlap, as they do at times, memory is usable only if all say so. */
static void memory_find(void)
{
	for (unsigned i = 0; i < loader.memory_count; i++) {
		const struct loader_memory *m = &loader.memory[i];
		uint64_t end = m->base + m->length;
		if (m->type != LOADER_RAM || end < m->base || m->base >= KERNEL_PADDR_TOP)
			continue;
		if (end > KERNEL_PADDR_TOP)
			end = KERNEL_PADDR_TOP;
		regions_add(&ram, ALIGN_UP(m->base, PAGE_BITS), ALIGN_DOWN(end, PAGE_BITS));
	}
	for (unsigned i = 0; i < loader.memory_count; i++) {
		const struct loader_memory *m = &loader.memory[i];
		uint64_t end = m->base + m->length;
		if (m->type == LOADER_RAM || m->base >= KERNEL_PADDR_TOP)
			continue;
		if (end < m->base || end > KERNEL_PADDR_TOP)
			end = KERNEL_PADDR_TOP;
		regions_remove(&ram, ALIGN_DOWN(m->base, PAGE_BITS), ALIGN_UP(end, PAGE_BITS));
	}
	regions_remove(&ram, 0, HIGH_MEMORY);
	if (ram.count == 0)
		panic("boot loader: no memory above 1 MiB");
}

static void memory_divide(void)
{
	struct region image = window_image();
	if (loader.module.start < image.end && loader.module.end > image.start)
		panic("boot loader: the module at 0x%lx lies in the kernel", loader.module.start);
	free = ram;
	regions_remove(&free, image.start, image.end);
	regions_remove(&free, ALIGN_DOWN(loader.module.start, PAGE_BITS),
	               ALIGN_UP(loader.module.end, PAGE_BITS));
}

void boot_main(uint32_t magic, paddr_t info)
{
	uart_init();
	cpu_init();
	multiboot_read(magic, info);
	memory_find();
	memory_divide();
	window_init(&free);
	acpi_init();
	pic_init();
	apic_init();
	ioapic_init();
	tsc_init();
	kprintf("Freehold kernel (%s), %lu MiB RAM, TSC %lu MHz, %u I/O APIC%s%s%s\n",
	        config_debug ? "debug" : "release", regions_size(&ram) >> 20, ticks_per_us,
	        plat_ioapic_count(), plat_ioapic_count() == 1 ? "" : "s", cpu.avx ? ", AVX" : "",
	        cpu.smap ? ", SMAP" : "");
	root_task_make(&ram, &free);
	cpu_leave_boot();
}
