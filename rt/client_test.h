/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * For the tests of guarded access on the host: client memory, and rm, played by a handler of
 * SIGSEGV that does what proto/guard.h says. Included by one file a program.
 *
 * Of the client's memory the pages that are gone are PROT_NONE, or read-only for those who write.
 * A fault for which there is no guard ends in crashes(), which says that the program would have
 * crashed.
 */
#pragma once
#include <unit_test.h>
#include <lib/err.h>
#include <lib/range.h>
#include <proto/guard.h>
#include <rt/client_memory.h>
#include <rt/share.h>
#include <setjmp.h>
#include <signal.h>
#include <sys/mman.h>
#include <ucontext.h>
#if defined(__SANITIZE_ADDRESS__) || defined(__clang__)
#include <sanitizer/asan_interface.h>
#else
#define ASAN_UNPOISON_MEMORY_REGION(at, bytes) (void)0
#endif

enum { PAGE = 4096, PAGES = 8, AREA = PAGES * PAGE };

static char *buffer;       /* the page of the IPC buffer */
static char *client;       /* AREA of client memory */
static char *other;        /* and AREA more, elsewhere */
static err_t why = E_GONE; /* what rm says of missing pages */
static uint64_t faults;    /* so many were there */
static bool comes_back;    /* what an access failed on is there for the next */
static sigjmp_buf crash;

static inline struct guard *guard(void)
{
	return (struct guard *)(buffer + GUARD_OFFSET);
}

static inline void __client *named(const void *at)
{
	return (void __client *)(uintptr_t)at;
}

static inline struct client_window window(void *at, uint64_t bytes)
{
	return (struct client_window){ named(at), bytes };
}

static inline void rights(const void *at, size_t bytes, int prot)
{
	CHECK(mprotect((void *)(uintptr_t)at, bytes, prot) == 0);
}

/* What rt/window.c has rm do: here zeros are taken out by restore() alone. */
static unsigned int cleaned; /* so often, the last time at: */
static uint64_t cleaned_at;
void rt_window_clean(uint64_t at)
{
	cleaned++;
	cleaned_at = at;
}

/* -- rm ---------------------------------------------------------------------------------------- */

static bool is_client(uint64_t at)
{
	return range_ok(at - (uint64_t)client, 1, AREA) || range_ok(at - (uint64_t)other, 1, AREA);
}

static void on_fault(int signal, siginfo_t *info, void *context)
{
	greg_t *regs = ((ucontext_t *)context)->uc_mcontext.gregs;
	uint64_t at = (uint64_t)info->si_addr;
	void *page = (void *)(at & ~(uint64_t)(PAGE - 1));
	struct guard *g = guard();
	(void)signal;
	faults++;
	if (g->mode == GUARD_NONE || at < g->low || at >= g->high || !is_client(at))
		siglongjmp(crash, 1);
	if (g->mode == GUARD_ABORT) {
		uint64_t below = (uint64_t)regs[REG_RSP] - 128;
		/* Or the frames that are left would stay poisoned. */
		ASAN_UNPOISON_MEMORY_REGION((void *)below, g->stack - below);
		if (comes_back)
			rights(page, PAGE, PROT_READ | PROT_WRITE);
		regs[REG_RIP] = (greg_t)g->landing;
		regs[REG_RSP] = (greg_t)g->stack;
		g->mode = GUARD_NONE;
	} else if (mmap(page, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED,
	                -1, 0) != page) {
		abort();
	}
	if (g->result == E_OK) {
		g->result = why;
		g->address = at;
	}
}

/* Whether fn(arg) would crash the program. */
static inline bool crashes(void (*fn)(void *arg), void *arg)
{
	if (sigsetjmp(crash, 1) == 0) {
		fn(arg);
		return false;
	}
	window_drop();
	return true;
}

static inline void touch(void *arg)
{
	(void)*(volatile char *)arg;
}

static inline char pattern(size_t i)
{
	return (char)(i * 7 + i / 251 + 1);
}

/* Both areas whole again, with the pattern. */
static inline void restore(void)
{
	for (int i = 0; i < 2; i++) {
		char *area = i ? other : client;
		CHECK(mmap(area, AREA, PROT_READ | PROT_WRITE,
		           MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) == area);
		for (size_t k = 0; k < AREA; k++)
			area[k] = pattern(k);
	}
}

static inline void catch_signal(int signal, void (*fn)(int, siginfo_t *, void *))
{
	struct sigaction action = { .sa_sigaction = fn, .sa_flags = SA_SIGINFO };
	CHECK(sigaction(signal, &action, NULL) == 0);
}

/* First. The IPC buffer is where rt's threads have it: the host's libc has nothing there. */
static inline void client_test_start(void)
{
	enum { RW = PROT_READ | PROT_WRITE, HOW = MAP_PRIVATE | MAP_ANONYMOUS };
	buffer = mmap(NULL, PAGE, RW, HOW, -1, 0);
	client = mmap(NULL, AREA, RW, HOW, -1, 0);
	other = mmap(NULL, AREA, RW, HOW, -1, 0);
	CHECK(buffer != MAP_FAILED && client != MAP_FAILED && other != MAP_FAILED);
	restore();
	__asm__ volatile("movq %0, %%fs:32" : : "r"(buffer));
	catch_signal(SIGSEGV, on_fault);
}

/* -- registers and stack ----------------------------------------------------------------------- */

/*
 * keeps(fn, arg, kept): fn(arg) with known values in the registers that it must not change; *kept
 * says whether they, RSP and the direction were the same afterwards.
 */
int keeps(int (*fn)(void *arg), void *arg, uint64_t *kept);
__asm__(".text\n.globl keeps\n.type keeps, @function\nkeeps:\n"
        "pushq %rbp\npushq %rbx\npushq %r12\npushq %r13\npushq %r14\npushq %r15\n"
        "pushq %rdx\n"
        "movq %rdi, %rax\nmovq %rsi, %rdi\n"
        "movq $0x1234567, %rbx\nmovq $0x2345678, %rbp\nmovq $0x3456789, %r12\n"
        "movq %rsp, %r13\nmovq $0x4567891, %r14\nmovq $0x5678912, %r15\n"
        "call *%rax\n"
        "movl $1, %ecx\n"
        "cmpq %rsp, %r13\njne 1f\n"
        "cmpq $0x1234567, %rbx\njne 1f\ncmpq $0x2345678, %rbp\njne 1f\n"
        "cmpq $0x3456789, %r12\njne 1f\ncmpq $0x4567891, %r14\njne 1f\n"
        "cmpq $0x5678912, %r15\njne 1f\n"
        "pushfq\npopq %rdx\ntestl $0x400, %edx\njz 2f\n"
        "1: xorl %ecx, %ecx\n"
        "2: popq %rdx\nmovq %rcx, (%rdx)\n"
        "popq %r15\npopq %r14\npopq %r13\npopq %r12\npopq %rbx\npopq %rbp\nret\n"
        ".size keeps, . - keeps\n");

/* -- every operation as one call --------------------------------------------------------------- */

enum op { READ, WRITE, COPY, LOAD32, LOAD64, STORE32, STORE64, CAS32, STRNLEN, OPS };
struct call {
	enum op op;
	void *a, *b; /* destination and source */
	size_t bytes, done;
	uint64_t value;
};

static inline int call_op(void *arg)
{
	struct call *c = arg;
	uint32_t value32 = (uint32_t)c->value;
	err_t err = E_INVAL;
	switch (c->op) {
	case READ:
		return client_read(c->a, named(c->b), c->bytes, &c->done);
	case WRITE:
		return client_write(named(c->a), c->b, c->bytes, &c->done);
	case COPY:
		return client_copy(named(c->a), named(c->b), c->bytes, &c->done);
	case LOAD32:
		err = client_load32(named(c->b), &value32);
		break;
	case LOAD64:
		return client_load64(named(c->b), &c->value);
	case STORE32:
		return client_store32(named(c->a), value32);
	case STORE64:
		return client_store64(named(c->a), c->value);
	case CAS32:
		err = client_cas32(named(c->a), value32, 77, &value32);
		break;
	case STRNLEN:
		return client_strnlen(named(c->b), c->bytes, &c->done);
	case OPS:
		break;
	}
	c->value = value32;
	return err;
}
