/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Threads that make one system call for the test to watch, and the means to let them run: a test
 * is usually "some threads get stuck in calls; main does something; who goes on, with what?"
 */
#pragma once
#include "api.h"

/* A system call for a thread: what it takes and what it gave. */
struct job {
	enum abi_syscall nr;
	cptr_t cap, r12, r13;
	struct sel4_msg in;
	struct sel4_msg out;
	volatile bool done;
	struct thread *thread;
};

/* Makes the call; a thread_fn, arg is the struct job. */
word_t job_run(word_t arg);
/* Makes the call in a new thread of these options (NULL: defaults), which is returned too. */
struct thread *job_start(struct job *job, const struct thread_options *options);
/* The same at this priority. */
struct thread *job_start_at(struct job *job, word_t priority);

/*
 * Lets all other threads run until each of them waits: main continues at priority 1 for a
 * moment. Threads that never wait make it hang.
 */
void settle(void);

static inline struct sel4_msg message(word_t label, word_t length, word_t mr0, word_t mr1,
                                      word_t mr2, word_t mr3)
{
	return (struct sel4_msg){ abi_msginfo(label, 0, 0, length), { mr0, mr1, mr2, mr3 }, 0 };
}

/*
 * Main's turn among threads of its own priority 255: so long that only main itself ends it, or
 * as it was in the beginning.
 */
void main_slice_long(void);
void main_slice_restore(void);
/* For other threads whose turns must not end by time. */
enum { LONG_SLICE_US = 2000000 };

/* Takes the scheduling context away from a thread made active. */
void make_passive(struct thread *thread);

/* Where the caller's IPC buffer says a received capability shall go: a slot of the root CNode. */
static inline void set_receive_slot(struct abi_ipc_buffer *buffer, cptr_t index)
{
	buffer->receive_cnode = INIT_CNODE;
	buffer->receive_index = index;
	buffer->receive_depth = ABI_WORD_BITS;
}

/* All registers around one `syscall` instruction, see registers.S. */
struct registers {
	word_t rax, rbx, rcx, rdx, rsi, rdi, rbp;
	word_t r8, r9, r10, r11, r12, r13, r14, r15;
	word_t rsp, rflags; /* afterwards only */
	word_t saved_rsp;   /* of registers.S */
};
_Static_assert(offsetof(struct registers, saved_rsp) == 136, "registers.S");

/* Loads the registers, makes the call, stores the registers. */
void syscall_with(struct registers *registers);
/* The address behind its `syscall`. */
extern const char syscall_with_return[];
/* syscall_with as a thread_fn; arg is the struct registers. */
word_t registers_run(word_t arg);
/* Different values in all registers. */
struct registers registers_pattern(word_t seed);

/* Time. */
static inline word_t rdtsc(void)
{
	uint32_t low, high;
	__asm__ volatile("lfence\n\trdtsc" : "=a"(low), "=d"(high) : : "memory");
	return (word_t)high << 32 | low;
}
/*
 * TSC ticks per microsecond as the kernel reckons, told by the longest period that it allows; and
 * as the boot info says. seL4 measures them one after the other: on a busy host they differ.
 */
word_t tsc_mhz(void);
word_t boot_tsc_mhz(void);
word_t max_period_us(void);
static inline word_t now_us(void)
{
	return rdtsc() / tsc_mhz();
}
/* Main waits while the others run; the time is measured by an alarm thread at priority 254. */
void sleep_us(word_t us);
/* A counter that another thread counts: true if it goes on within two seconds. */
bool counts_on(const volatile word_t *counter);
/* True if it comes to rest within two seconds, at another value than 0. */
bool comes_to_rest(const volatile word_t *counter);
/* Spins. */
void spin_us(word_t us);
/*
 * For what depends on time: true if an attempt succeeds, out of a few. The machine may be a
 * program that stands still now and then, for longer than any period of a test; what is wrong
 * with the kernel fails each time. Each attempt starts with nothing: no object from before.
 */
bool any_attempt(bool (*attempt)(void));
