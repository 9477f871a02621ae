/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The kernel's own address space, beyond what types.h says; for C, assembly and the linker script.
 *
 * The last two GiB show physical memory from 0 on, but only where the kernel image is: kernel text
 * executable and read-only, the rest not executable. The image starts at 1 MiB, so that the pages
 * below are free: there the device registers are mapped that the kernel itself uses, uncached.
 *
 * The image starts with its boot part (.boot32, .boot.text, .boot.data): code and data that only
 * booting uses, unmapped and given to the root task as untyped memory at the end of booting.
 */
#pragma once

#define KERNEL_WINDOW_BASE 0xffffff8000000000 /* KERNEL_WINDOW, KERNEL_IMAGE of types.h */
#define KERNEL_IMAGE_BASE 0xffffffff80000000

#define BOOT_DIRECTORIES 4 /* 4 GiB are mapped from the start */
#define BOOT_STACK_SIZE 16384

#define IMAGE_PADDR 0x100000     /* first byte of the image */
#define IMAGE_PADDR_TOP 0x200000 /* all of it lies below: one page table maps it */

#define DEVICE_PAGE_LAPIC 1 /* page number from KERNEL_IMAGE on */
#define DEVICE_PAGE_IOAPIC 2
#define IOAPICS_MAX 16
