/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What Freehold's kernel uses where the processor has it: AVX state, FSGSBASE, UMIP. Skipped on
 * seL4, and on processors without (QEMU: -cpu max has all).
 */
#include "faults.h"

struct cpuid {
	uint32_t eax, ebx, ecx, edx;
};

static struct cpuid cpuid(uint32_t leaf, uint32_t subleaf)
{
	struct cpuid c;
	__asm__ volatile("cpuid"
	                 : "=a"(c.eax), "=b"(c.ebx), "=c"(c.ecx), "=d"(c.edx)
	                 : "0"(leaf), "2"(subleaf));
	return c;
}

#define NEED(condition, what)                                                                      \
	do {                                                                                       \
		if (!kernel_is_freehold())                                                         \
			SKIP("this is seL4");                                                      \
		if (!(condition))                                                                  \
			SKIP("the processor has no " what);                                        \
	} while (0)

enum { AVX = 1 << 28, XSAVE = 1 << 26, OSXSAVE = 1 << 27, FSGSBASE = 1, UMIP = 1 << 2 };

static bool has_avx(void)
{
	return (cpuid(1, 0).ecx & (AVX | XSAVE)) == (AVX | XSAVE);
}

/* The sixteen YMM registers. */
struct ymm_area {
	uint64_t ymm[16][4];
};
void avx_yield(const struct ymm_area *in, struct ymm_area *out);
void avx_spin(const struct ymm_area *in, struct ymm_area *out, word_t rounds);
extern const char avx_first[], bases_set[], bases_set_report[], umip_sgdt[];

static struct ymm_area in[4], out[4];

static void fill(struct ymm_area *area, word_t seed)
{
	for (unsigned int i = 0; i < 64; i++)
		(&area->ymm[0][0])[i] = (seed * 64 + i + 1) * 0x9e3779b97f4a7c15ull;
}

static bool equal(const struct ymm_area *a, const struct ymm_area *b)
{
	return memcmp(a, b, sizeof *a) == 0;
}

TEST(extension_avx_is_enabled)
{
	NEED(has_avx(), "AVX");
	CHECK(cpuid(1, 0).ecx & OSXSAVE);
	uint32_t low, high;
	__asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
	/* x87, SSE, AVX, and nothing that would not be saved. */
	CHECK_EQ(low, 7);
	CHECK_EQ(high, 0);
}

static word_t yield_with_avx(word_t i)
{
	for (word_t round = 0; round < 30; round++) {
		fill(&in[i], i * 100 + round);
		avx_yield(&in[i], &out[i]);
		CHECK(equal(&in[i], &out[i]));
	}
	return 1;
}

TEST(extension_avx_state_of_threads_that_yield)
{
	NEED(has_avx(), "AVX");
	struct thread *t[4];
	for (word_t i = 0; i < 4; i++)
		t[i] = thread_run(yield_with_avx, i);
	for (unsigned int i = 0; i < 4; i++)
		CHECK_EQ(thread_join(t[i]), 1);
}

static word_t spin_with_avx(word_t i)
{
	for (word_t round = 0; round < 10; round++) {
		fill(&in[i], i * 100 + round);
		avx_spin(&in[i], &out[i], 1000000);
		CHECK(equal(&in[i], &out[i]));
	}
	return 1;
}

TEST(extension_avx_state_of_threads_that_are_preempted)
{
	NEED(has_avx(), "AVX");
	struct thread *t[4];
	for (word_t i = 0; i < 4; i++) {
		t[i] = thread_new(&(struct thread_options){ .budget_us = 500 });
		thread_start(t[i], spin_with_avx, i);
	}
	for (unsigned int i = 0; i < 4; i++)
		CHECK_EQ(thread_join(t[i]), 1);
}

TEST(extension_avx_state_of_a_new_thread_is_clean)
{
	NEED(has_avx(), "AVX");
	CHECK_EQ(thread_join(thread_run(yield_with_avx, 0)), 1);
	faulter_new(avx_first);
	fill(&out[1], 1);
	faulter.start.rdi = (word_t)&out[1];
	faulter_run();
	check_report(&faulter.start);
	for (unsigned int i = 0; i < 64; i++)
		CHECK_EQ((&out[1].ymm[0][0])[i], 0);
}

/* A thread may set its own FS and GS base; they are its own. */
TEST(extension_fsgsbase)
{
	NEED(cpuid(7, 0).ebx & FSGSBASE, "FSGSBASE");
	faulter_new(bases_set);
	faulter.start.rbx = 0x123456789000;
	faulter.start.rbp = 0xffff800012345678ull;
	faulter_run();
	faulter.start.rip = (word_t)bases_set_report;
	faulter.start.fs_base = faulter.start.rbx;
	faulter.start.gs_base = faulter.start.rbp;
	check_registers_are(faulter.thread, &faulter.start);
	/* Others come and go. */
	struct registers other = { .rdx = (word_t)SYS_YIELD };
	CHECK_EQ(thread_join(thread_run(registers_run, (word_t)&other)), 0);
	faulter.words[UNKNOWN_SYSCALL_FAULT_IP] += 2;
	faulter_reply(0, UNKNOWN_SYSCALL_NR);
	faulter_receive();
	faulter.start.rax = faulter.start.rbx;
	faulter.start.rcx = faulter.start.rbp;
	check_report(&faulter.start);
}

TEST(extension_fsgsbase_written_by_others)
{
	NEED(cpuid(7, 0).ebx & FSGSBASE, "FSGSBASE");
	faulter_new(bases_set);
	faulter.start.rbx = faulter.start.rbp = 0x1000;
	faulter_run();
	faulter.start.fs_base = 0x2000;
	faulter.start.gs_base = 0x3000;
	faulter.start.rip = (word_t)bases_set_report + 2;
	CHECK_OK(sel4_tcb_write_registers(faulter.thread->tcb, 0, ABI_CONTEXT_WORDS,
	                                  &faulter.start));
	faulter_reply(0, 0);
	faulter_receive();
	faulter.start.rax = 0x2000;
	faulter.start.rcx = 0x3000;
	check_report(&faulter.start);
}

TEST(extension_umip)
{
	NEED(cpuid(7, 0).ecx & UMIP, "UMIP");
	word_t scratch[2];
	faulter_new(umip_sgdt);
	faulter.start.rsi = (word_t)scratch;
	faulter_run();
	check_exception(umip_sgdt, 13, 0);
}
