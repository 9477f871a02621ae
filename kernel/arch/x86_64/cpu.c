/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The processor's set-up: what it can do (`cpu`), segments, gates, the task state segment,
 * system-call registers, control registers. Done once, by cpu_init; afterwards only TSS.RSP0
 * changes, with each thread that runs.
 *
 * Every gate is an interrupt gate: the kernel runs with interrupts off. Interrupts and exceptions
 * save into the TCB of the running thread (RSP0, context.h); those that can strike inside the
 * kernel, where no stack can be trusted, have stacks of their own.
 */
#include "arch.h"
#include "boot.h"
#include "cpuid.h"
#include "layout.h"

enum {
	MSR_SYSENTER_CS = 0x174,
	MSR_PAT = 0x277,
	MSR_EFER = 0xc0000080,
	MSR_STAR = 0xc0000081,
	MSR_LSTAR = 0xc0000082,
	MSR_FMASK = 0xc0000084,
};

enum { EFER_SCE = 1 << 0, EFER_NXE = 1 << 11 };

enum {
	CR0_PE = 1 << 0,
	CR0_MP = 1 << 1,
	CR0_NE = 1 << 5,
	CR0_WP = 1 << 16,
};
#define CR0_PG (1ull << 31)

enum {
	CR4_PAE = 1 << 5,
	CR4_MCE = 1 << 6,
	CR4_PGE = 1 << 7,
	CR4_OSFXSR = 1 << 9,
	CR4_OSXMMEXCPT = 1 << 10,
	CR4_UMIP = 1 << 11,
	CR4_FSGSBASE = 1 << 16,
	CR4_OSXSAVE = 1 << 18,
	CR4_SMEP = 1 << 20,
	CR4_SMAP = 1 << 21,
};

/* RFLAGS that a system call clears: TF, IF, DF, IOPL, NT, RF, AC. */
#define FMASK 0x57700

/* PA0..PA7: WB, WT, UC-, UC as after reset, then WC instead of WB, and WT, UC-, UC. */
#define PAT 0x0007040100070406ull

enum { XCR0_X87 = 1, XCR0_SSE = 2, XCR0_AVX = 4 };

enum { IST_NMI = 1, IST_DOUBLE_FAULT = 2, IST_MACHINE_CHECK = 3, IST_COUNT = 3 };
enum { IST_STACK_SIZE = 2048 };

enum {
	VECTOR_NMI = 2,
	VECTOR_BREAKPOINT = 3,
	VECTOR_DOUBLE_FAULT = 8,
	VECTOR_MACHINE_CHECK = 18,
};

enum { GATE_INTERRUPT = 0x8e, GATE_DPL3 = 0x60 };

#define SEGMENT_CODE64(dpl) (0x00209b0000000000ull | (uint64_t)(dpl) << 45)
#define SEGMENT_DATA(dpl) (0x0000930000000000ull | (uint64_t)(dpl) << 45)
#define SEGMENT_TSS 0x0000890000000000ull

struct gate {
	uint16_t offset_low, selector;
	uint8_t ist, type;
	uint16_t offset_mid;
	uint32_t offset_high, zero;
};
_Static_assert(sizeof(struct gate) == 16, "gate");

struct tss {
	uint32_t reserved0;
	uint64_t rsp[3];
	uint64_t reserved1;
	uint64_t ist[7];
	uint64_t reserved2;
	uint16_t reserved3, io_bitmap;
} __attribute__((packed));
_Static_assert(sizeof(struct tss) == 104, "tss");

/* The padding aligns RSP0, which is written at each switch of threads. */
struct tss_room {
	uint32_t padding;
	struct tss tss;
} __attribute__((packed, aligned(128)));

struct table_pointer {
	uint16_t limit;
	uint64_t base;
} __attribute__((packed));

struct cpu_features cpu;
paddr_t kernel_cr3; /* window.c */
struct tss_room tss_room;
__asm__(".globl tss_rsp0_alias\n.set tss_rsp0_alias, tss_room + 8");

static uint64_t gdt[8] __attribute__((aligned(64)));
static struct gate idt[256] __attribute__((aligned(4096)));
static uint8_t ist_stacks[IST_COUNT][IST_STACK_SIZE] __attribute__((aligned(16)));

extern const uint64_t entry_vectors[256]; /* entry.S */
void entry_syscall(void);

extern uint64_t kernel_image_table[512];                               /* boot.S */
extern const uint8_t boot_start[], boot_end[], boot_directories_end[]; /* kernel.ld */

void cpu_set_kernel_stack(uint64_t top)
{
	tss_rsp0 = top;
}

BOOT_TEXT static void cpu_find_features(void)
{
	struct cpuid basic = cpuid(1, 0), extended = cpuid(7, 0), amd = cpuid(0x80000001, 0);
	cpu.nx = amd.edx >> 20 & 1;
	cpu.huge_pages = amd.edx >> 26 & 1;
	cpu.pge = basic.edx >> 13 & 1;
	cpu.tsc_deadline = basic.ecx >> 24 & 1;
	cpu.rdrand = basic.ecx >> 30 & 1;
	cpu.fsgsbase = extended.ebx & 1;
	cpu.smep = extended.ebx >> 7 & 1;
	cpu.smap = extended.ebx >> 20 & 1;
	cpu.umip = extended.ecx >> 2 & 1;
	cpu.xsave = basic.ecx >> 26 & 1;
	if (cpu.xsave) {
		uint64_t offered = cpuid(0xd, 0).eax;
		cpu.avx = basic.ecx >> 28 & 1 && (offered & XCR0_AVX);
		cpu.xcr0 = XCR0_X87 | XCR0_SSE | (cpu.avx ? XCR0_AVX : 0);
	}
	if (!(basic.edx >> 9 & 1))
		panic("this processor has no local APIC");
	if (!(basic.edx >> 4 & 1) || !(basic.edx >> 16 & 1))
		panic("this processor has no time-stamp counter or no PAT");
}

BOOT_TEXT static void gdt_init(void)
{
	uint64_t base = (uint64_t)&tss_room.tss;
	struct table_pointer pointer = { sizeof(gdt) - 1, (uint64_t)gdt };
	gdt[SEL_KERNEL_CODE / 8] = SEGMENT_CODE64(0);
	gdt[SEL_KERNEL_DATA / 8] = SEGMENT_DATA(0);
	gdt[SEL_USER_DATA / 8] = SEGMENT_DATA(3);
	gdt[SEL_USER_CODE / 8] = SEGMENT_CODE64(3);
	gdt[SEL_TSS / 8] = SEGMENT_TSS | (sizeof(struct tss) - 1) | (base & MASK(24)) << 16 |
	                   (base >> 24 & MASK(8)) << 56;
	gdt[SEL_TSS / 8 + 1] = base >> 32;
	tss_room.tss.io_bitmap = sizeof(struct tss);
	for (unsigned i = 0; i < IST_COUNT; i++)
		tss_room.tss.ist[i] = (uint64_t)(ist_stacks[i] + IST_STACK_SIZE);
	/* The boot GDT has the same kernel segments: no need to load them again. */
	__asm__ volatile("lgdt %0" ::"m"(pointer));
	__asm__ volatile("lldt %w0" ::"r"(0));
	__asm__ volatile("ltr %w0" ::"r"(SEL_TSS));
}

BOOT_TEXT static void idt_init(void)
{
	struct table_pointer pointer = { sizeof(idt) - 1, (uint64_t)idt };
	for (unsigned i = 0; i < ARRAY_LEN(idt); i++) {
		uint64_t entry = entry_vectors[i];
		/* The last one, for spurious interrupts, does nothing. */
		bool user = i == VECTOR_BREAKPOINT || i >= VECTOR_TRAP_FIRST;
		idt[i] = (struct gate){
			.offset_low = (uint16_t)entry,
			.offset_mid = (uint16_t)(entry >> 16),
			.offset_high = (uint32_t)(entry >> 32),
			.selector = SEL_KERNEL_CODE,
			.type = GATE_INTERRUPT | (user ? GATE_DPL3 : 0),
		};
	}
	idt[VECTOR_NMI].ist = IST_NMI;
	idt[VECTOR_DOUBLE_FAULT].ist = IST_DOUBLE_FAULT;
	idt[VECTOR_MACHINE_CHECK].ist = IST_MACHINE_CHECK;
	__asm__ volatile("lidt %0" ::"m"(pointer));
}

BOOT_TEXT static void syscall_init(void)
{
	wrmsr(MSR_EFER, rdmsr(MSR_EFER) | EFER_SCE | (cpu.nx ? EFER_NXE : 0));
	/* sysretq takes SS from base + 8, CS from base + 16. */
	wrmsr(MSR_STAR, (uint64_t)SEL_KERNEL_CODE << 32 | (uint64_t)(SEL_USER_DATA - 8) << 48);
	wrmsr(MSR_LSTAR, (uint64_t)entry_syscall);
	wrmsr(MSR_FMASK, FMASK);
	wrmsr(MSR_SYSENTER_CS, 0); /* sysenter faults */
}

BOOT_TEXT static void control_registers_init(void)
{
	uint64_t cr0 = CR0_PG | CR0_WP | CR0_NE | CR0_MP | CR0_PE;
	uint64_t cr4 = CR4_PAE | CR4_MCE | CR4_OSFXSR | CR4_OSXMMEXCPT | (cpu.pge ? CR4_PGE : 0) |
	               (cpu.umip ? CR4_UMIP : 0) | (cpu.fsgsbase ? CR4_FSGSBASE : 0) |
	               (cpu.xsave ? CR4_OSXSAVE : 0) | (cpu.smep ? CR4_SMEP : 0) |
	               (cpu.smap ? CR4_SMAP : 0);
	__asm__ volatile("mov %0, %%cr0" ::"r"(cr0) : "memory");
	__asm__ volatile("mov %0, %%cr4" ::"r"(cr4) : "memory");
	__asm__ volatile("mov %0, %%dr7" ::"r"(0x400ull));
}

BOOT_TEXT static void fpu_registers_init(void)
{
	uint32_t mxcsr = 0x1f80;
	if (cpu.xsave) {
		__asm__ volatile("xsetbv" ::"c"(0), "a"((uint32_t)cpu.xcr0), "d"(0));
		uint32_t size = cpuid(0xd, 0).ebx;
		if (size > sizeof(struct fpu_state))
			panic("XSAVE area of %u bytes with XCR0 = %lu", size, cpu.xcr0);
	}
	__asm__ volatile("fninit");
	__asm__ volatile("ldmxcsr %0" ::"m"(mxcsr));
}

BOOT_TEXT void cpu_init(void)
{
	cpu_find_features();
	gdt_init();
	idt_init();
	syscall_init();
	wrmsr(MSR_PAT, PAT);
	control_registers_init();
	fpu_registers_init();
}

/*
 * The last step of booting. The stack is the boot stack still, in the window: the root task cannot
 * use that memory before the kernel has left to it.
 */
_Noreturn void cpu_leave_boot(void)
{
	uint64_t end = (uint64_t)(cpu.huge_pages ? boot_directories_end : boot_end);
	for (uint64_t at = (uint64_t)boot_start; at < end; at += 4096) {
		kernel_image_table[(at - KERNEL_IMAGE) >> 12] = 0;
		cpu_invlpg(at);
	}
	exit_to_user();
}
