/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Monitor and watchdog, see test/monitor.h. Both live outside the pool. They make a test fail by
 * test_fail, which sends the main thread to the end of its test from wherever it is.
 */
#include <test/monitor.h>
#include <test/test.h>

enum { WATCHDOG_SECONDS = 10 };

static cptr_t endpoint, reply;
static struct thread *watchdog;
static volatile word_t ticks;
static word_t tsc_mhz;

static const char *fault_name(word_t label)
{
	switch (label) {
#define FAULT(name, nr, words, text)                                                               \
	case FAULT_##name:                                                                         \
		return text;
#include <abi/fault.def>
#undef FAULT
	default:
		return "fault";
	}
}

_Noreturn static word_t monitor_run(word_t arg)
{
	(void)arg;
	for (;;) {
		struct sel4_msg m = sel4_recv(endpoint, reply);
		word_t length = abi_msginfo_length(m.info);
		for (unsigned int i = 0; i < ABI_MSG_REGS; i++)
			sel4_set_word(i, m.mr[i]);
		word_t words[20];
		for (unsigned int i = 0; i < length && i < 20; i++)
			words[i] = sel4_get_word(i);
		print("# unexpected %s:", fault_name(abi_msginfo_label(m.info)));
		for (unsigned int i = 0; i < length && i < 20; i++)
			print(" 0x%lx", words[i]);
		print("\n");
		test_fail_elsewhere("a thread faulted unexpectedly");
	}
}

static word_t rdtsc(void)
{
	uint32_t low, high;
	__asm__ volatile("rdtsc" : "=a"(low), "=d"(high));
	return (word_t)high << 32 | low;
}

static word_t watchdog_run(word_t arg)
{
	(void)arg;
	for (;;) {
		word_t seen = ticks, start = rdtsc();
		while (seen == ticks)
			if (rdtsc() - start > tsc_mhz * 1000000 * WATCHDOG_SECONDS) {
				test_fail_elsewhere("every thread waits for ever");
				break;
			}
	}
	return 0;
}

/* A record of the boot info, or NULL. The records are packed without alignment. */
static word_t boot_tsc_mhz(void)
{
	const unsigned char *p = (const unsigned char *)boot_info + 4096;
	const unsigned char *end = p + boot_info->extra_len;
	while (p + sizeof(struct abi_boot_record) <= end) {
		struct abi_boot_record record;
		memcpy(&record, p, sizeof record);
		if (record.id == BOOT_RECORD_X86_TSC_FREQ) {
			uint32_t mhz;
			memcpy(&mhz, p + sizeof record, sizeof mhz);
			return mhz;
		}
		if (record.len < sizeof record)
			break;
		p += record.len;
	}
	return 3000;
}

void monitor_init(void)
{
	tsc_mhz = boot_tsc_mhz();
	endpoint = endpoint_new();
	reply = reply_new();
	struct thread *t = thread_new(
	        &(struct thread_options){ .priority = ABI_PRIORITY_MAX, .no_fault_ep = true });
	thread_fault_ep = endpoint;
	thread_start(t, monitor_run, 0);
	if (sel4_tcb_set_space(INIT_TCB, endpoint, INIT_CNODE, 0, INIT_VSPACE, 0))
		panic("monitor_init: cannot set the main thread's fault endpoint");
	watchdog = thread_new(&(struct thread_options){ 0 });
	if (sel4_tcb_set_priority(watchdog->tcb, INIT_TCB, 0))
		panic("monitor_init: priority 0");
	thread_start(watchdog, watchdog_run, 0);
	thread_keep();
	sel4_yield();
}

void monitor_tick(void)
{
	ticks++;
}

void monitor_stop_watchdog(void)
{
	if (sel4_tcb_suspend(watchdog->tcb))
		panic("monitor_stop_watchdog");
}

void monitor_start_watchdog(void)
{
	if (sel4_tcb_resume(watchdog->tcb))
		panic("monitor_start_watchdog");
}
