/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the kernel asks of the processor (x86-64) and of the PC platform.
 */
#pragma once
#include "kernel.h"

/* ---- cpu.c: features and set-up ---- */
struct cpu_features {
	bool xsave; /* XSAVE with state components xcr0 */
	bool avx;
	bool nx, smep, smap, umip, fsgsbase, pge, huge_pages, tsc_deadline, rdrand;
	uint64_t xcr0;
};
extern struct cpu_features cpu;
/* GDT, IDT, TSS, MSRs, control registers, FPU; panics on a CPU that won't do */
void cpu_init(void);
void cpu_set_kernel_stack(uint64_t top); /* TSS.RSP0 */
extern uint64_t tss_rsp0 __asm__("tss_rsp0_alias");

static inline uint64_t rdtsc(void)
{
	uint32_t low, high;
	__asm__ volatile("rdtsc" : "=a"(low), "=d"(high));
	return (uint64_t)high << 32 | low;
}
static inline void wrmsr(uint32_t msr, uint64_t value)
{
	__asm__ volatile("wrmsr" ::"c"(msr), "a"((uint32_t)value), "d"((uint32_t)(value >> 32))
	                 : "memory");
}
static inline uint64_t rdmsr(uint32_t msr)
{
	uint32_t low, high;
	__asm__ volatile("rdmsr" : "=a"(low), "=d"(high) : "c"(msr));
	return (uint64_t)high << 32 | low;
}
static inline void cpu_set_cr3(uint64_t cr3)
{
	__asm__ volatile("mov %0, %%cr3" ::"r"(cr3) : "memory");
}
static inline uint64_t cpu_cr2(void)
{
	uint64_t cr2;
	__asm__ volatile("mov %%cr2, %0" : "=r"(cr2));
	return cr2;
}
static inline void cpu_invlpg(vaddr_t vaddr)
{
	__asm__ volatile("invlpg (%0)" ::"r"(vaddr) : "memory");
}
static inline void outb(uint16_t port, uint8_t v)
{
	__asm__ volatile("outb %0, %1" ::"a"(v), "Nd"(port));
}
static inline void outw(uint16_t port, uint16_t v)
{
	__asm__ volatile("outw %0, %1" ::"a"(v), "Nd"(port));
}
static inline void outl(uint16_t port, uint32_t v)
{
	__asm__ volatile("outl %0, %1" ::"a"(v), "Nd"(port));
}
static inline uint8_t inb(uint16_t port)
{
	uint8_t v;
	__asm__ volatile("inb %1, %0" : "=a"(v) : "Nd"(port));
	return v;
}
static inline uint16_t inw(uint16_t port)
{
	uint16_t v;
	__asm__ volatile("inw %1, %0" : "=a"(v) : "Nd"(port));
	return v;
}
static inline uint32_t inl(uint16_t port)
{
	uint32_t v;
	__asm__ volatile("inl %1, %0" : "=a"(v) : "Nd"(port));
	return v;
}

/* ---- thread.c: registers ---- */
void context_init(struct context *ctx);
void context_init_idle(struct context *ctx);
uint64_t context_sanitise(unsigned offset, uint64_t value); /* what a user may put there */
void context_sync(struct tcb *thread); /* `current`: FS and GS base from the CPU to the TCB */
void context_load(struct tcb *thread); /* and back */

/* ---- fpu.c ---- */
extern struct tcb *fpu_ready; /* the registers hold its state, and it may use them; or null */
void fpu_init(struct fpu_state *state);
void fpu_switch_mode(struct tcb *thread); /* thread is about to run, or its flags changed */
void fpu_release(struct tcb *thread);     /* its state is in memory, or dropped with it */

/* ---- vspace.c, frame.c, asid.c: chapter 7 ---- */
extern paddr_t kernel_cr3;
void vspace_init(paddr_t pml4); /* the kernel's entries of a fresh PML4 */
/* A PML4 notes its ASID in an entry that is never used, as one that is not present: vspace_mark. */
static inline uint64_t *vspace_asid_mark(paddr_t pml4)
{
	enum { UNUSED_ENTRY = 510 };
	return (uint64_t *)ptr_of(pml4) + UNUSED_ENTRY;
}
static inline uint64_t vspace_mark(struct cap pml4)
{
	return pml4.w1 | 2; /* never the 0 of a PML4 without ASID */
}
void vspace_activate(struct tcb *thread);
bool vspace_of_asid(unsigned asid, paddr_t *pml4);
/* The entry that maps `vaddr` at level 4 (PML4), 3, 2 or 1 (page table); null: lookup_failure says
 * which table is missing. */
uint64_t *vspace_entry(paddr_t pml4, vaddr_t vaddr, unsigned level);
enum outcome decode_page_table(struct invocation *inv);
enum outcome decode_frame(struct invocation *inv);
void page_table_finalise(struct cap cap);
void frame_unmap(struct cap cap);
enum outcome decode_asid_control(struct invocation *inv);
enum outcome decode_asid_pool(struct invocation *inv);
void asid_pool_finalise(struct cap cap);
void asid_release(unsigned asid, paddr_t pml4);
extern uint64_t *asid_table[ABI_ASID_POOLS]; /* pools of PML4 addresses */
unsigned frame_mask_rights(unsigned aux, word_t rights);
enum {
	PTE_PRESENT = 1,
	PTE_WRITE = 2,
	PTE_USER = 4,
	PTE_PWT = 8,
	PTE_PCD = 16,
	PTE_LARGE = 128,
	PTE_GLOBAL = 256
};
#define PTE_NX (1ull << 63)
#define PTE_ADDR 0x000ffffffffff000ull

/* ---- ioport.c ---- */
enum outcome decode_io_port_control(struct invocation *inv);
enum outcome decode_io_port(struct invocation *inv);
void io_port_finalise(struct cap cap);

/* ---- irq.c ---- */
enum outcome decode_irq_control(struct invocation *inv);
enum outcome decode_irq_handler(struct invocation *inv);
bool irq_handler_finalise(unsigned irq);            /* in bounded steps: false: call again */
void irq_interrupt(unsigned vector);                /* a device's */
extern struct slot irq_slots[ABI_USER_IRQ_MAX + 1]; /* the notification of each */

/* ---- plat/pc: interrupt controllers, timer, console ---- */
bool plat_interrupt_pending(void); /* something waits that is not masked (LAPIC IRR) */
void plat_eoi(void);
unsigned plat_ioapic_count(void);
unsigned plat_ioapic_pins(unsigned ioapic);
void plat_ioapic_route(unsigned ioapic, unsigned pin, bool level, bool active_low, unsigned vector);
void plat_ioapic_mask(unsigned ioapic, unsigned pin, bool masked); /* a fresh route is masked */
extern ticks_t ticks_per_us; /* of the TSC; whole MHz, as boot info says */
/* interrupt VECTOR_TIMER at or soon after; 0 or past: at once */
void plat_timer_set(ticks_t deadline);
void plat_console_putc(char c);
_Noreturn void plat_halt(void);

/* ---- syscall.c, called by entry.S ---- */
_Noreturn void kernel_syscall(word_t cptr, word_t info, long nr);
void kernel_trap(unsigned vector);
void kernel_exception(unsigned vector);
void kernel_interrupt(unsigned vector);
_Noreturn void kernel_bug(unsigned vector, const uint64_t *frame);

/* ---- entry.S ---- */
_Noreturn void exit_to_user(void); /* leaves to `current` */
void idle_loop(void);              /* where the idle thread is; not to be called */
extern char kernel_stack_top[];
/* Reads a word of user memory through a thread's page tables; false if it is not mapped. */
bool vspace_read_word(struct tcb *thread, vaddr_t vaddr, word_t *value);
