/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * From the boot loader to C: 32-bit protected mode without paging, to 64-bit mode at the kernel's
 * own addresses. Multiboot 1 and 2: EAX holds the loader's magic number, EBX the physical address
 * of its information.
 *
 * The first page tables are final in shape, not in attributes (window.c sets these): PML4 entries 0
 * and 511 share one PDPT, so that physical memory appears at 0 (until window_init cuts that off)
 * and in the window; PDPT entry 510 shows its first GiB once more, where the kernel image is
 * linked. With 1 GiB pages the window is complete; without, its first 4 GiB are there, of 2 MiB
 * pages.
 */
#include "context.h"
#include "layout.h"

#define PHYS(symbol) (symbol - KERNEL_IMAGE_BASE)
#define PAGE_TABLE 3       /* present, writable */
#define PAGE_LARGE 0x83    /* the same, and a page */
#define WINDOW_ENTRIES 510 /* of the PDPT: the window's GiBs */
#define COM1 0x3f8

#define MB1_MAGIC 0x1badb002
#define MB1_FLAGS 3 /* modules at page boundaries; memory map wanted */
#define MB2_MAGIC 0xe85250d6

	.section .boot32.header, "a"
	.balign 8
	.long MB1_MAGIC, MB1_FLAGS, -(MB1_MAGIC + MB1_FLAGS)

	.balign 8
mb2_header:
	.long MB2_MAGIC, 0, mb2_header_end - mb2_header
	.long 0x100000000 - MB2_MAGIC - (mb2_header_end - mb2_header)
	.word 6, 0 /* modules at page boundaries */
	.long 8
	.word 0, 0 /* end */
	.long 8
mb2_header_end:

	.section .boot32.text, "ax"
	.code32
	.globl boot_entry
boot_entry:
	cli
	cld
	movl %eax, %edi /* stays there: boot_main's first argument */
	movl %ebx, %ebp

	movl $0x80000000, %eax
	cpuid
	cmpl $0x80000001, %eax
	jb no_long_mode
	movl $0x80000001, %eax
	cpuid
	btl $29, %edx
	jnc no_long_mode

	movl $PHYS(kernel_pdpt), %ebx
	btl $26, %edx
	jnc small_pages

	/* 1 GiB pages: entry i maps GiB i. */
	xorl %ecx, %ecx
1:	movl %ecx, %eax
	shll $30, %eax
	orl $PAGE_LARGE, %eax
	movl %eax, (%ebx, %ecx, 8)
	movl %ecx, %eax
	shrl $2, %eax
	movl %eax, 4(%ebx, %ecx, 8)
	incl %ecx
	cmpl $WINDOW_ENTRIES, %ecx
	jb 1b
	movl $PAGE_LARGE, WINDOW_ENTRIES * 8(%ebx)
	jmp tables_ready

small_pages:
	movl $PHYS(boot_directories), %edx
	movl $PAGE_LARGE, %eax
	xorl %ecx, %ecx
2:	movl %eax, (%edx, %ecx, 8)
	addl $0x200000, %eax
	incl %ecx
	cmpl $BOOT_DIRECTORIES * 512, %ecx
	jb 2b
	leal PAGE_TABLE(%edx), %eax
	movl %eax, WINDOW_ENTRIES * 8(%ebx)
	xorl %ecx, %ecx
3:	movl %eax, (%ebx, %ecx, 8)
	addl $0x1000, %eax
	incl %ecx
	cmpl $BOOT_DIRECTORIES, %ecx
	jb 3b

tables_ready:
	leal PAGE_TABLE(%ebx), %eax
	movl %eax, PHYS(kernel_pml4)
	movl %eax, PHYS(kernel_pml4) + 511 * 8

	movl $0x20, %eax /* CR4: PAE */
	movl %eax, %cr4
	movl $PHYS(kernel_pml4), %eax
	movl %eax, %cr3
	movl $0xc0000080, %ecx /* EFER */
	rdmsr
	orl $0x100, %eax /* LME */
	wrmsr
	movl $0x80010001, %eax /* CR0: PG, WP, PE */
	movl %eax, %cr0
	lgdt boot_gdt_pointer
	ljmp $SEL_KERNEL_CODE, $boot_entry64

no_long_mode:
	movl $no_long_mode_text, %esi
4:	lodsb
	testb %al, %al
	jz 6f
	movb %al, %cl
	movw $COM1 + 5, %dx
5:	inb %dx, %al
	testb $0x20, %al
	jz 5b
	movb %cl, %al
	movw $COM1, %dx
	outb %al, %dx
	jmp 4b
6:	hlt
	jmp 6b

	.code64
boot_entry64:
	movl $SEL_KERNEL_DATA, %eax
	movl %eax, %ds
	movl %eax, %es
	movl %eax, %ss
	xorl %eax, %eax
	movl %eax, %fs
	movl %eax, %gs
	/* The stack is in the window: the boot part's own mapping goes away at the end. */
	movabsq $boot_stack_top - KERNEL_IMAGE_BASE + KERNEL_WINDOW_BASE, %rsp
	movl %edi, %edi
	movl %ebp, %esi
	xorl %ebp, %ebp
	movabsq $boot_main, %rax
	call *%rax
	ud2

	.balign 8
boot_gdt:
	.quad 0
	.quad 0x00209b0000000000 /* 64-bit code */
	.quad 0x0000930000000000 /* data */
boot_gdt_pointer:
	.word . - boot_gdt - 1
	.long boot_gdt

no_long_mode_text:
	.asciz "panic: Freehold needs a 64-bit processor\r\n"

	.section .boot.bss, "aw", @nobits
	.balign 16
	.skip BOOT_STACK_SIZE
boot_stack_top:

	.section .boot_directories, "aw", @nobits
	.balign 4096
	.globl boot_directories
boot_directories:
	.skip BOOT_DIRECTORIES * 4096

	.section .bss
	.balign 4096
	.globl kernel_pml4, kernel_pdpt, kernel_image_directory, kernel_image_table
kernel_pml4:
	.skip 4096
kernel_pdpt:
	.skip 4096
kernel_image_directory:
	.skip 4096
kernel_image_table:
	.skip 4096
	.section .note.GNU-stack, "", @progbits
