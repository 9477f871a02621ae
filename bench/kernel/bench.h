/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What costs how many instructions. Under QEMU's -icount shift=0 the time stamp counter counts
 * them. A figure is the median of many runs: it is that of the run which no timer interrupted.
 *
 * Each part (calls.c, objects.c, latency.c) is a function that reports its rows. It may use the
 * test library's pool, which bench_part() takes back afterwards. The main thread has priority
 * MAIN_PRIORITY, so that helpers can stand above and below it.
 */
#pragma once
#include <test/env.h>
#include <test/mem.h>
#include <test/print.h>
#include <test/thread.h>

enum row {
#define ROW(id, name, sel4, bar) ROW_##id,
#include "rows.def"
#undef ROW
	ROW_COUNT
};

enum {
	RUNS = 400,
	MAIN_PRIORITY = 100,
	ABOVE_MAIN = 110,
	BELOW_MAIN = 90,
};

/* The figures of one row's runs. */
struct samples {
	word_t count;
	word_t value[RUNS];
};
void sample_add(struct samples *s, word_t value);
void report(enum row row, struct samples *s); /* their median; empties them */
void report_figure(enum row row, word_t figure);

/* A failed step makes every figure worthless. */
#define must(call)                                                                                 \
	do {                                                                                       \
		enum abi_error must_err = (call);                                                  \
		if (must_err)                                                                      \
			panic("%s: error %d, 0x%lx", #call, must_err, sel4_get_word(0));           \
	} while (0)

void calls_measure(void);
void objects_measure(void);
void latency_measure(void);

/* Calls that are measured: registers are loaded before the first rdtsc. */
struct call {
	enum abi_syscall nr;
	word_t cap;
	word_t info;
	word_t mr[ABI_MSG_REGS];
	word_t r12, r13;
};

struct timed {
	word_t instructions;
	word_t info, badge;
};

/*
 * The two copies of RSP, RDX, the system call itself, the copy of the first time and one rdtsc
 * are the six user instructions in each figure.
 */
static inline struct timed call_timed(const struct call *c)
{
	register word_t r10 __asm__("r10") = c->mr[0];
	register word_t r8 __asm__("r8") = c->mr[1];
	register word_t r9 __asm__("r9") = c->mr[2];
	register word_t r15 __asm__("r15") = c->mr[3];
	register word_t r12 __asm__("r12") = c->r12;
	register word_t r13 __asm__("r13") = c->r13;
	register word_t nr __asm__("r14") = (word_t)c->nr;
	struct timed t = { 0, c->info, c->cap };
	uint32_t end;
	__asm__ volatile("rdtsc\n\t"
	                 "movq %%rsp, %%rbx\n\t"
	                 "movq %%r14, %%rdx\n\t"
	                 "syscall\n\t"
	                 "movq %%rbx, %%rsp\n\t"
	                 "movl %%eax, %%r14d\n\t"
	                 "rdtsc\n\t"
	                 : "+D"(t.badge), "+S"(t.info), "+r"(r10), "+r"(r8), "+r"(r9), "+r"(r15),
	                   "+r"(nr), "=a"(end)
	                 : "r"(r12), "r"(r13)
	                 : "rcx", "rdx", "r11", "rbx", "memory");
	t.instructions = (uint32_t)(end - (uint32_t)nr);
	return t;
}

/* An invocation; it must succeed. */
word_t invoke_timed(cptr_t object, enum abi_invocation label, word_t caps, word_t words,
                    const word_t mr[ABI_MSG_REGS]);

static inline word_t time_now(void)
{
	uint32_t low, high;
	__asm__ volatile("rdtsc" : "=a"(low), "=d"(high) : : "memory");
	return (word_t)high << 32 | low;
}

/* A server's registers, for the loops of servers.S. All are a thread_fn of a struct server. */
struct server {
	cptr_t endpoint; /* or notification */
	cptr_t reply;    /* or notification to signal */
	word_t info;     /* of every answer */
	uint32_t *times; /* RUNS + 2 of them */
	cptr_t done;     /* notification: all times are there */
	struct abi_ipc_buffer *buffer;
};
word_t serve(word_t server);              /* Recv, then ReplyRecv for ever */
word_t serve_nb_send_recv(word_t server); /* NBSendRecv through the reply object instead */
word_t serve_faults(word_t server);       /* notes the time of each fault, answers with nothing */
word_t serve_syscalls(word_t server);     /* skips the system call, writes 18 registers back */
word_t serve_syscalls_rcx(word_t server); /* the same, with another RCX */
word_t serve_bound(word_t server);        /* Recv for ever: a bound notification comes */
word_t serve_wait(word_t server);         /* Wait for ever */
word_t serve_ping(word_t server);         /* NBSendWait for ever */
word_t touch(word_t address);             /* reads there */
word_t send_to(word_t endpoint);          /* blocks in Send */
word_t receive_from(word_t endpoint);     /* blocks in Wait */
