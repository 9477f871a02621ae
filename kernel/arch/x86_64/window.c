/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The kernel's own mappings, from what boot.S began to their final state: the identity mapping
 * goes, the window becomes global and not executable, the image gets pages with the rights of its
 * parts, and the devices that the kernel itself uses are mapped uncached.
 *
 * The window reaches as far as its pages do: with 1 GiB pages over all of its 510 GiB; with 2 MiB
 * pages over the first 4 GiB and each GiB in which there is RAM. Everything here belongs to the
 * boot part of the image, but for the tables themselves.
 */
#include "arch.h"
#include "boot.h"
#include "layout.h"

enum { WINDOW_GIBS = KERNEL_PADDR_TOP >> 30, GIB_BITS = 30, LARGE_BITS = 21, PAGE_BITS = 12 };

/* boot.S */
extern uint64_t kernel_pml4[512], kernel_pdpt[512];
extern uint64_t kernel_image_directory[512], kernel_image_table[512];
extern uint64_t boot_directories[BOOT_DIRECTORIES][512];

/* kernel.ld */
extern const uint8_t boot_start[], boot_text_start[], boot_data_start[], boot_end[];
extern const uint8_t boot_directories_end[], text_start[], rodata_start[], data_start[],
        image_end[];

static bool complete; /* all of the window is there */

static paddr_t paddr_of_image(const void *ptr)
{
	return (uint64_t)ptr - KERNEL_IMAGE;
}

static uint64_t no_execute(void)
{
	return cpu.nx ? PTE_NX : 0;
}

static uint64_t global(void)
{
	return cpu.pge ? PTE_GLOBAL : 0;
}

static bool gib_mapped(uint64_t gib)
{
	if (gib >= WINDOW_GIBS)
		return false;
	return complete ? kernel_pdpt[gib] != 0 : cpu.huge_pages || gib < BOOT_DIRECTORIES;
}

const void *window_ptr(paddr_t paddr, uint64_t size)
{
	if (paddr >= KERNEL_PADDR_TOP || size > KERNEL_PADDR_TOP - paddr)
		return NULL;
	for (uint64_t gib = paddr >> GIB_BITS; gib << GIB_BITS < paddr + size; gib++) {
		if (!gib_mapped(gib))
			return NULL;
	}
	return ptr_of(paddr);
}

static void window_complete_huge(void)
{
	uint64_t flags = PTE_PRESENT | PTE_WRITE | PTE_LARGE | global() | no_execute();
	for (uint64_t gib = 0; gib < WINDOW_GIBS; gib++)
		kernel_pdpt[gib] = gib << GIB_BITS | flags;
}

static void directory_fill(uint64_t *directory, uint64_t gib)
{
	uint64_t flags = PTE_PRESENT | PTE_WRITE | PTE_LARGE | global() | no_execute();
	for (uint64_t i = 0; i < 512; i++)
		directory[i] = gib << GIB_BITS | i << LARGE_BITS | flags;
}

static void window_complete_large(struct regions *free)
{
	for (uint64_t gib = 0; gib < BOOT_DIRECTORIES; gib++)
		directory_fill(boot_directories[gib], gib);
	for (uint64_t gib = BOOT_DIRECTORIES; gib < WINDOW_GIBS; gib++) {
		bool used = false;
		paddr_t directory;
		for (unsigned i = 0; i < free->count; i++)
			used |= free->list[i].start < (gib + 1) << GIB_BITS &&
			        free->list[i].end > gib << GIB_BITS;
		if (!used)
			continue;
		if (!regions_take(free, 1 << PAGE_BITS, PAGE_BITS, 0,
		                  (uint64_t)BOOT_DIRECTORIES << GIB_BITS, &directory))
			panic("no memory for the kernel's page tables");
		directory_fill(ptr_of(directory), gib);
		kernel_pdpt[gib] = directory | PTE_PRESENT | PTE_WRITE;
	}
}

static void image_map(const void *start, const void *end, uint64_t flags)
{
	paddr_t top = paddr_of_image(end);
	for (paddr_t at = paddr_of_image(start); at < top; at += BIT(PAGE_BITS))
		kernel_image_table[at >> PAGE_BITS] = at | PTE_PRESENT | global() | flags;
}

static void image_complete(void)
{
	uint64_t data = PTE_WRITE | no_execute();
	image_map(boot_text_start, boot_data_start, 0);
	image_map(boot_data_start, boot_directories_end, data);
	image_map(text_start, rodata_start, 0);
	image_map(rodata_start, data_start, no_execute());
	image_map(data_start, image_end, data);
	kernel_image_directory[0] = paddr_of_image(kernel_image_table) | PTE_PRESENT | PTE_WRITE;
	kernel_pdpt[WINDOW_GIBS] = paddr_of_image(kernel_image_directory) | PTE_PRESENT | PTE_WRITE;
}

void window_init(struct regions *free)
{
	kernel_cr3 = paddr_of_image(kernel_pml4);
	kernel_pml4[0] = 0;
	cpu_set_cr3(kernel_cr3); /* before anything is global */
	image_complete(); /* before the window's pages stop being executable: it may be in one */
	if (cpu.huge_pages)
		window_complete_huge();
	else
		window_complete_large(free);
	cpu_set_cr3(kernel_cr3);
	complete = true;
}

void window_map_device(unsigned page, paddr_t paddr)
{
	assert(page > 0 && page < IMAGE_PADDR >> PAGE_BITS && kernel_image_table[page] == 0);
	kernel_image_table[page] = (paddr & PTE_ADDR) | PTE_PRESENT | PTE_WRITE | PTE_PWT |
	                           PTE_PCD | global() | no_execute();
}

struct region window_image(void)
{
	return (struct region){ IMAGE_PADDR, paddr_of_image(image_end) };
}

struct region window_boot_part(void)
{
	const uint8_t *end = cpu.huge_pages ? boot_directories_end : boot_end;
	return (struct region){ paddr_of_image(boot_start), paddr_of_image(end) };
}
