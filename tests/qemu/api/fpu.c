/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Floating point: each thread has its own x87 and SSE registers, whatever makes the kernel switch;
 * a new thread's are clean; and the flag that takes the FPU away. AVX: extension.c.
 */
#include "faults.h"

struct fpu_area {
	uint16_t fcw, fsw;
	uint8_t ftw, reserved;
	uint16_t fop;
	uint64_t fip, fdp;
	uint32_t mxcsr, mxcsr_mask;
	uint8_t st[8][16]; /* 10 bytes each */
	uint8_t xmm[16][16];
	uint8_t rest[96];
} __attribute__((aligned(16)));
_Static_assert(sizeof(struct fpu_area) == 512, "FXSAVE area");

void fpu_store(struct fpu_area *out);
void fpu_syscall(const struct fpu_area *in, struct fpu_area *out, enum abi_syscall nr, cptr_t cap);
void fpu_spin(const struct fpu_area *in, struct fpu_area *out, word_t rounds);
void fpu_fault(const struct fpu_area *in, struct fpu_area *out);
void fpu_disable_oneself(const struct fpu_area *in, struct fpu_area *out, cptr_t tcb, word_t info);
extern const char fpu_first[], fpu_report[];

enum { AREAS = 8 };
static struct fpu_area in[AREAS], out[AREAS];

/* State that differs in everything from that of another seed. */
static void fill(struct fpu_area *area, word_t seed)
{
	memset(area, 0, sizeof *area);
	area->fcw = (uint16_t)(0x37f | (seed & 3) << 10);
	area->ftw = 0xff;
	area->mxcsr = 0x1f80 | (uint32_t)(seed & 3) << 13;
	for (unsigned int i = 0; i < 8; i++) {
		for (unsigned int j = 0; j < 8; j++)
			area->st[i][j] = (uint8_t)(0x80 | (seed * 16 + i * 8 + j));
		area->st[i][8] = (uint8_t)seed;
		area->st[i][9] = 0x3f;
	}
	for (unsigned int i = 0; i < 16; i++)
		for (unsigned int j = 0; j < 16; j++)
			area->xmm[i][j] = (uint8_t)(seed * 77 + i * 16 + j);
}

static bool equal(const struct fpu_area *a, const struct fpu_area *b)
{
	if (a->fcw != b->fcw || a->fsw != b->fsw || a->ftw != b->ftw || a->mxcsr != b->mxcsr)
		return false;
	for (unsigned int i = 0; i < 8; i++)
		if (memcmp(a->st[i], b->st[i], 10) != 0)
			return false;
	return memcmp(a->xmm, b->xmm, sizeof a->xmm) == 0;
}

static void check_clean(const struct fpu_area *area)
{
	struct fpu_area clean = { .fcw = 0x37f, .mxcsr = 0x1f80 };
	CHECK_EQ(area->fcw, 0x37f);
	CHECK_EQ(area->fsw, 0);
	CHECK_EQ(area->ftw, 0);
	CHECK_EQ(area->mxcsr, 0x1f80);
	for (unsigned int i = 0; i < 8; i++)
		CHECK_EQ(memcmp(area->st[i], clean.st[i], 10), 0);
	CHECK_EQ(memcmp(area->xmm, clean.xmm, sizeof clean.xmm), 0);
}

static void start_with_areas(const void *code, unsigned int i)
{
	fill(&in[i], i + 1);
	memset(&out[i], 0, sizeof out[i]);
	faulter_new(code);
	faulter.start.rdi = (word_t)&in[i];
	faulter.start.rsi = (word_t)&out[i];
	faulter_run();
}

static void check_reported(void)
{
	CHECK_EQ(abi_msginfo_label(faulter.m.info), FAULT_UNKNOWN_SYSCALL);
}

static void let_it_go_on(void)
{
	faulter.words[UNKNOWN_SYSCALL_FAULT_IP] += 2;
	faulter_reply(0, UNKNOWN_SYSCALL_NR);
	faulter_receive();
}

TEST(fpu_of_a_new_thread_is_clean)
{
	/* Main's, which may be in the registers, is not. */
	fill(&in[0], 5);
	fpu_syscall(&in[0], &out[0], SYS_YIELD, 0);
	CHECK(equal(&in[0], &out[0]));
	faulter_new(fpu_first);
	faulter.start.rdi = (word_t)&out[1];
	memset(&out[1], 0xee, sizeof out[1]);
	faulter_run();
	check_reported();
	check_clean(&out[1]);
	fill(&in[0], 0);
	fpu_syscall(&in[0], &out[0], SYS_YIELD, 0);
}

/* Of a TCB in the memory of one that used the FPU, too. */
TEST(fpu_of_a_new_thread_in_used_memory_is_clean)
{
	cptr_t untyped = untyped_new(11), tcb = slot_new();
	for (int i = 0; i < 2; i++) {
		CHECK_OK(sel4_untyped_retype(untyped, OBJ_TCB, 0, root_node(), tcb, 1));
		faulter_new(fpu_first);
		cap_delete(faulter.thread->tcb);
		faulter.thread->tcb = tcb;
		CHECK_OK(sel4_tcb_configure(tcb, INIT_CNODE, 0, INIT_VSPACE, 0, 0, 0));
		CHECK_OK(sel4_tcb_set_sched_params(tcb, INIT_TCB, 0, 100,
		                                   faulter.thread->sched_context, faulter.ep));
		faulter.start.rdi = (word_t)&out[1];
		memset(&out[1], 0xee, sizeof out[1]);
		faulter_run();
		check_reported();
		check_clean(&out[1]);
		/* Now dirty, and gone. */
		fill(&in[1], 7);
		faulter.start.rip = (word_t)fpu_report;
		faulter.start.rdi = (word_t)&in[1];
		faulter.start.rsi = (word_t)&out[1];
		CHECK_OK(sel4_tcb_suspend(tcb));
		faulter_run();
		check_reported();
		cap_delete(tcb);
	}
}

TEST(fpu_survives_system_calls)
{
	static const enum abi_syscall calls[] = { SYS_YIELD, SYS_NB_SEND, SYS_NB_WAIT, SYS_SEND };
	cptr_t n = notification_new();
	for (unsigned int i = 0; i < 4; i++) {
		fill(&in[i], i + 2);
		fpu_syscall(&in[i], &out[i], calls[i], n);
		CHECK(equal(&in[i], &out[i]));
	}
}

static word_t yield_often(word_t i)
{
	for (word_t round = 0; round < 30; round++) {
		fill(&in[i], i * 100 + round);
		fpu_syscall(&in[i], &out[i], SYS_YIELD, 0);
		CHECK(equal(&in[i], &out[i]));
	}
	return 0;
}

TEST(fpu_of_threads_that_yield)
{
	struct thread *t[4];
	for (word_t i = 0; i < 4; i++)
		t[i] = thread_run(yield_often, i);
	for (unsigned int i = 0; i < 4; i++)
		thread_join(t[i]);
}

static word_t spin_often(word_t i)
{
	for (word_t round = 0; round < 10; round++) {
		fill(&in[i], i * 100 + round);
		fpu_spin(&in[i], &out[i], 1000000);
		CHECK(equal(&in[i], &out[i]));
	}
	return 0;
}

TEST(fpu_of_threads_that_are_preempted)
{
	struct thread *t[4];
	for (word_t i = 0; i < 4; i++) {
		t[i] = thread_new(&(struct thread_options){ .budget_us = 500 });
		thread_start(t[i], spin_often, i);
	}
	for (unsigned int i = 0; i < 4; i++)
		thread_join(t[i]);
}

/* A server uses the FPU between the call and the answer. */
_Noreturn static word_t serve_with_fpu(word_t arg)
{
	struct job *s = (struct job *)arg;
	(void)sel4_recv(s->cap, s->r12);
	for (word_t seed = 200;; seed++) {
		fill(&in[7], seed);
		fpu_syscall(&in[7], &out[7], SYS_YIELD, 0);
		CHECK(equal(&in[7], &out[7]));
		(void)sel4_reply_recv(s->cap, message(0, 0, 0, 0, 0, 0), s->r12);
	}
}

static word_t call_with_fpu(word_t ep)
{
	for (word_t round = 0; round < 30; round++) {
		fill(&in[0], round);
		fpu_syscall(&in[0], &out[0], SYS_CALL, ep);
		CHECK(equal(&in[0], &out[0]));
	}
	return 0;
}

static void check_calls(bool passive)
{
	struct job s = { .cap = endpoint_new(), .r12 = reply_new() };
	struct thread *server = thread_new(&(struct thread_options){ .priority = 120 });
	thread_start(server, serve_with_fpu, (word_t)&s);
	settle();
	if (passive)
		make_passive(server);
	thread_join(thread_run(call_with_fpu, s.cap));
}

TEST(fpu_survives_calls)
{
	check_calls(false);
}

TEST(fpu_survives_calls_to_a_passive_server)
{
	check_calls(true);
}

static word_t fault_with_fpu(word_t i)
{
	fill(&in[i], 33);
	fpu_fault(&in[i], &out[i]);
	CHECK(equal(&in[i], &out[i]));
	return 1;
}

TEST(fpu_survives_faults)
{
	cptr_t ep = endpoint_new(), reply = reply_new();
	struct thread *t = thread_new(&(struct thread_options){ .fault_ep = ep });
	thread_start(t, fault_with_fpu, 0);
	word_t ip = sel4_recv(ep, reply).mr[0];
	fill(&in[1], 44);
	fpu_syscall(&in[1], &out[1], SYS_YIELD, 0);
	sel4_send(reply, message(0, 1, ip + 2, 0, 0, 0));
	CHECK_EQ(thread_join(t), 1);
}

TEST(fpu_survives_suspension)
{
	start_with_areas(fpu_report, 0);
	check_reported();
	CHECK_OK(sel4_tcb_suspend(faulter.thread->tcb));
	struct abi_user_context c = thread_registers(faulter.thread);
	c.rip += 2;
	fill(&in[1], 44);
	fpu_syscall(&in[1], &out[1], SYS_YIELD, 0);
	CHECK_OK(sel4_tcb_write_registers(faulter.thread->tcb, SEL4_WRITE_RESUME, ABI_CONTEXT_WORDS,
	                                  &c));
	faulter_receive();
	check_reported();
	CHECK(equal(&in[0], &out[0]));
}

TEST(fpu_of_a_deleted_thread_harms_nobody)
{
	for (unsigned int i = 0; i < 4; i++) {
		start_with_areas(fpu_report, i);
		check_reported();
		/* It was the last one to use the FPU. */
		cap_delete(faulter.thread->tcb);
		fill(&in[7], i);
		fpu_syscall(&in[7], &out[7], SYS_YIELD, 0);
		CHECK(equal(&in[7], &out[7]));
	}
}

/* The flag */

static word_t set_flags(cptr_t tcb, word_t clear, word_t set)
{
	word_t flags = ~0ull;
	CHECK_OK(sel4_tcb_set_flags(tcb, clear, set, &flags));
	return flags;
}

TEST(fpu_disabled_raises_exceptions)
{
	const void *const uses[] = { fault_fpu, fault_sse };
	for (unsigned int i = 0; i < 2; i++) {
		faulter_new(uses[i]);
		CHECK_EQ(set_flags(faulter.thread->tcb, 0, TCB_FLAG_FPU_DISABLED),
		         TCB_FLAG_FPU_DISABLED);
		faulter_run();
		check_exception(uses[i], 7, 0);
		/* Enabled, it goes on. */
		CHECK_EQ(set_flags(faulter.thread->tcb, TCB_FLAG_FPU_DISABLED, 0), 0);
		faulter_reply(0, 0);
		faulter_receive();
		check_report(&faulter.start);
	}
}

TEST(fpu_disabled_is_for_one_thread_only)
{
	faulter_new(fault_report);
	(void)set_flags(faulter.thread->tcb, 0, TCB_FLAG_FPU_DISABLED);
	fill(&in[0], 3);
	fpu_syscall(&in[0], &out[0], SYS_YIELD, 0);
	CHECK(equal(&in[0], &out[0]));
	faulter_run();
	check_report(&faulter.start);
	CHECK_EQ(thread_join(thread_run(yield_often, 0)), 0);
}

TEST(fpu_disabled_keeps_the_state)
{
	start_with_areas(fpu_report, 0);
	check_reported();
	CHECK_EQ(set_flags(faulter.thread->tcb, 0, TCB_FLAG_FPU_DISABLED), 1);
	/* fxsave itself needs the FPU. */
	let_it_go_on();
	check_exception(fpu_report + 6, 7, 0);
	fill(&in[1], 44);
	fpu_syscall(&in[1], &out[1], SYS_YIELD, 0);
	CHECK_EQ(set_flags(faulter.thread->tcb, 1, 0), 0);
	faulter_reply(0, 0);
	faulter_receive();
	check_reported();
	CHECK(equal(&in[0], &out[0]));
}

static word_t disable_oneself(word_t arg)
{
	(void)arg;
	fill(&in[0], 9);
	fpu_disable_oneself(&in[0], &out[0], thread_self()->tcb,
	                    abi_msginfo(INV_TCB_SET_FLAGS, 0, 0, 2));
	CHECK(equal(&in[0], &out[0]));
	return 1;
}

TEST(fpu_disabled_by_the_thread_itself)
{
	cptr_t ep = endpoint_new(), reply = reply_new();
	struct thread *t = thread_new(&(struct thread_options){ .fault_ep = ep });
	thread_start(t, disable_oneself, 0);
	struct sel4_msg m = sel4_recv(ep, reply);
	CHECK_EQ(m.info, abi_msginfo(FAULT_USER_EXCEPTION, 0, 0, 5));
	CHECK_EQ(m.mr[3], 7);
	sel4_send(reply, message(0, 1, m.mr[0] + 2, 0, 0, 0));
	CHECK_EQ(thread_join(t), 1);
}
