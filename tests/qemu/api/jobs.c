/* SPDX-License-Identifier: BSD-2-Clause */
/* See jobs.h. */
#include "jobs.h"

word_t job_run(word_t arg)
{
	struct job *job = (struct job *)arg;
	job->out = sel4_syscall(job->nr, job->cap, job->in, job->r12, job->r13);
	job->done = true;
	return 0;
}

struct thread *job_start(struct job *job, const struct thread_options *options)
{
	static const struct thread_options defaults;
	job->thread = thread_new(options ? options : &defaults);
	job->done = false;
	thread_start(job->thread, job_run, (word_t)job);
	return job->thread;
}

struct thread *job_start_at(struct job *job, word_t priority)
{
	return job_start(job, &(struct thread_options){ .priority = priority });
}

void settle(void)
{
	CHECK_OK(sel4_tcb_set_priority(INIT_TCB, INIT_TCB, 1));
	CHECK_OK(sel4_tcb_set_priority(INIT_TCB, INIT_TCB, ABI_PRIORITY_MAX));
}

static void main_slice(word_t us)
{
	CHECK_OK(sel4_sched_control_configure_flags(env_sched_control, INIT_SCHED_CONTEXT, us, us,
	                                            0, 0, 0));
}

void main_slice_long(void)
{
	main_slice(LONG_SLICE_US);
}

void main_slice_restore(void)
{
	main_slice(5000);
}

void make_passive(struct thread *thread)
{
	CHECK_OK(sel4_sched_context_unbind(thread->sched_context));
}

word_t registers_run(word_t arg)
{
	syscall_with((struct registers *)arg);
	return 0;
}

struct registers registers_pattern(word_t seed)
{
	struct registers r;
	word_t *words = (word_t *)&r;
	for (unsigned int i = 0; i < sizeof r / sizeof *words; i++)
		words[i] = (seed + i) * 0x9e3779b97f4a7c15ull;
	return r;
}

word_t boot_tsc_mhz(void)
{
	const unsigned char *p = (const unsigned char *)boot_info + 4096;
	const unsigned char *end = p + boot_info->extra_len;
	for (;;) {
		struct abi_boot_record record = { 0 };
		if (p + sizeof record <= end)
			memcpy(&record, p, sizeof record);
		if (record.len < sizeof record)
			panic("no record of the TSC's frequency");
		if (record.id == BOOT_RECORD_X86_TSC_FREQ) {
			uint32_t value;
			memcpy(&value, p + sizeof record, sizeof value);
			return value;
		}
		p += record.len;
	}
}

word_t max_period_us(void)
{
	cptr_t sc = object_new(OBJ_SCHED_CONTEXT, ABI_SCHED_CONTEXT_BITS_MIN);
	CHECK_EQ(sel4_sched_control_configure_flags(env_sched_control, sc, ~0ull, ~0ull, 0, 0, 0),
	         ERR_RANGE);
	return sel4_get_word(1);
}

/* (2^64 - 1) / rate / 8 is the longest period. */
word_t tsc_mhz(void)
{
	static word_t mhz;
	if (mhz == 0) {
		word_t max = max_period_us();
		mhz = (~0ull / 8 + max / 2) / max;
	}
	return mhz;
}

/* The rest of the first budget goes away; the next one comes a period later. */
_Noreturn static void alarm_main(word_t notification)
{
	sel4_yield();
	sel4_signal(notification);
	for (;;)
		;
}

void sleep_us(word_t us)
{
	static unsigned char stack[1024] __attribute__((aligned(16)));
	cptr_t tcb = tcb_new(), rang = notification_new();
	cptr_t sc = sched_context_new_sized(8, us > 2000 ? 1000 : us / 2, us, 0);
	CHECK_OK(sel4_tcb_configure(tcb, INIT_CNODE, 0, INIT_VSPACE, 0, 0, 0));
	CHECK_OK(sel4_tcb_set_sched_params(tcb, INIT_TCB, 0, ABI_PRIORITY_MAX - 1, sc,
	                                   thread_fault_ep));
	CHECK_OK(sel4_tcb_write_registers(
	        tcb, SEL4_WRITE_RESUME, ABI_CONTEXT_WORDS,
	        &(struct abi_user_context){ .rip = (word_t)alarm_main,
	                                    .rsp = (word_t)stack + sizeof stack - 8,
	                                    .rdi = rang }));
	(void)sel4_wait(rang);
	CHECK_OK(sel4_tcb_suspend(tcb));
}

enum { AWAIT_STEP_US = 5000, AWAIT_STEPS = 400, REST_STEPS = 4 };

bool counts_on(const volatile word_t *counter)
{
	word_t before = *counter;
	for (int i = 0; i < AWAIT_STEPS && *counter == before; i++)
		sleep_us(AWAIT_STEP_US);
	return *counter != before;
}

bool comes_to_rest(const volatile word_t *counter)
{
	word_t before = 0;
	for (int i = 0, same = 0; i < AWAIT_STEPS; i++) {
		same = *counter == before && before != 0 ? same + 1 : 0;
		if (same == REST_STEPS)
			return true;
		before = *counter;
		sleep_us(AWAIT_STEP_US);
	}
	return false;
}

void spin_us(word_t us)
{
	word_t start = rdtsc(), ticks = us * tsc_mhz();
	while (rdtsc() - start < ticks)
		;
}

bool any_attempt(bool (*attempt)(void))
{
	for (int i = 0; i < 5; i++) {
		if (attempt())
			return true;
		env_release();
		thread_reset();
		vspace_reset();
	}
	return false;
}
