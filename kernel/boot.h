/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the modules that boot the kernel offer each other; nobody else includes this. Most of them
 * lie in the boot part of the image (kernel.ld), which is gone when the root task runs.
 *
 * The order: boot_main brings up the console and the processor, reads what the boot loader left
 * (multiboot.c), completes the kernel's mappings (window.c), finds and sets up the interrupt
 * controllers and clocks (acpi.c, apic.c, ioapic.c, pic.c, tsc.c), and makes the root task
 * (boot_root.c) out of module 0 (boot_image.c) and free memory (boot_memory.c).
 */
#pragma once
#include "types.h"

/* A function of the boot part in a file that stays. */
#define BOOT_TEXT __attribute__((section(".boot.text")))

/* ---- boot_memory.c: sets of physical memory ---- */
struct region {
	paddr_t start, end; /* [start, end) */
};

enum { REGIONS_MAX = 160 };

/* Ascending, none empty, none touching. */
struct regions {
	unsigned count;
	struct region list[REGIONS_MAX];
};

void regions_add(struct regions *regions, paddr_t start, paddr_t end);
void regions_remove(struct regions *regions, paddr_t start, paddr_t end);
/* Takes the lowest `size` bytes, aligned to 2^align_bits, in [from, to). */
bool regions_take(struct regions *regions, uint64_t size, unsigned align_bits, paddr_t from,
                  paddr_t to, paddr_t *start);
uint64_t regions_size(const struct regions *regions);

/* Naturally aligned powers of two; of too many, the smallest are left out. */
struct untyped_list {
	unsigned count;
	unsigned dropped;
	struct abi_untyped_desc list[ABI_BOOT_UNTYPEDS_MAX];
};
void untyped_list_add(struct untyped_list *list, paddr_t start, paddr_t end, bool device);

/* ---- boot_image.c: ELF ---- */
struct image {
	const uint8_t *file;
	uint64_t file_size;
	vaddr_t start, end; /* of all segments; page aligned */
	vaddr_t entry;
};
/* Null, or what is wrong with it; *value is the number that is wrong. */
const char *image_parse(struct image *image, const void *file, uint64_t size, uint64_t *value);
void image_load(const struct image *image, uint8_t *to); /* image.end - image.start bytes */

/* ---- multiboot.c: what the boot loader says ---- */
enum { LOADER_MEMORY_MAX = 128, LOADER_RAM = 1, RSDP_SIZE = 36, RSDP_V1_SIZE = 20 };

struct loader_memory {
	uint64_t base, length;
	uint32_t type; /* LOADER_RAM: usable */
};

/* As the record of the same name in the boot info has it. */
struct loader_framebuffer {
	uint64_t address;
	uint32_t pitch, width, height;
	uint8_t bits_per_pixel, type;
} __attribute__((packed));

struct loader_vbe {
	uint8_t info[512], mode_info[256];
	uint32_t mode, interface_segment, interface_offset, interface_length;
};

struct loader {
	struct region module; /* the first one */
	unsigned memory_count;
	struct loader_memory memory[LOADER_MEMORY_MAX];
	bool has_rsdp, has_framebuffer, has_vbe;
	uint8_t rsdp[RSDP_SIZE];
	struct loader_framebuffer framebuffer;
	struct loader_vbe vbe;
};
extern struct loader loader;
void multiboot_read(uint32_t magic, paddr_t info);

/* ---- window.c: the kernel's own mappings ---- */
void window_init(struct regions *free);
/* Maps a page of device registers at KERNEL_IMAGE + page * 4 KiB. */
void window_map_device(unsigned page, paddr_t paddr);
/* Null where the window does not reach. */
const void *window_ptr(paddr_t paddr, uint64_t size);
/* The image, and the part of it that only booting uses. */
struct region window_image(void);
struct region window_boot_part(void);

/* ---- cpu.c ---- */
_Noreturn void cpu_leave_boot(void); /* unmaps the boot part and goes to `current` */

/* ---- plat/pc ---- */
void uart_init(void);
void pic_init(void);
/* Root tables, and in them the interrupt controllers; panics without. */
void acpi_init(void);
enum { ACPI_IOAPICS_MAX = 16 };
extern unsigned acpi_ioapic_count;
extern paddr_t acpi_ioapics[ACPI_IOAPICS_MAX];
void apic_init(void);
paddr_t apic_paddr(void);
unsigned apic_id(void);
uint32_t apic_timer_count(void);
void apic_timer_set_rate(uint64_t apic_ticks, uint64_t tsc_ticks);
void ioapic_init(void);
void tsc_init(void); /* ticks_per_us, and the APIC timer's rate */

/* ---- boot_root.c ---- */
void root_task_make(struct regions *ram, struct regions *free);
