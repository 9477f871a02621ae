/* SPDX-License-Identifier: BSD-2-Clause */
/* See host.h: raw system calls of Linux, and no libc, for libc stands on this. */
#include "host.h"
#include <rt/libc.h>
#include <rt/sel4.h>

enum {
	SYS_write = 1,
	SYS_mmap = 9,
	SYS_munmap = 11,
	SYS_sched_yield = 24,
	SYS_exit = 60,
	SYS_arch_prctl = 158,
	SYS_gettid = 186,
	SYS_futex = 202,
	SYS_set_tid_address = 218,
	SYS_clock_gettime = 228,
	SYS_exit_group = 231,
};
enum { MAPS_MAX = 4096, LOG_MAX = 4096 };

unsigned int host_maps, host_bad_unmaps;
void (*host_on_exit)(int status);
char host_buffer[1024];

static struct {
	void *at;
	size_t bytes;
} maps[MAPS_MAX];
static volatile int lock;
static char kept[LOG_MAX + 1];
static size_t kept_bytes;
static bool keeps;

void host_start(const uintptr_t *stack);
int main(int argc, char **argv, char **envp);
long host_clone(long flags, void *stack, int *tid, void *fs, int (*fn)(void *), void *arg);

static long host_call(long n, long a, long b, long c, long d, long e, long f)
{
	register long r10 __asm__("r10") = d;
	register long r8 __asm__("r8") = e;
	register long r9 __asm__("r9") = f;
	__asm__ volatile("syscall"
	                 : "+a"(n)
	                 : "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9)
	                 : "rcx", "r11", "memory");
	return n;
}

static void take(void)
{
	while (__atomic_exchange_n(&lock, 1, __ATOMIC_ACQUIRE))
		rt_yield();
}

static void give(void)
{
	__atomic_store_n(&lock, 0, __ATOMIC_RELEASE);
}

/* -- for the tests ----------------------------------------------------------------------------- */

void host_keep_log(bool on)
{
	keeps = on;
	if (on)
		kept_bytes = 0;
}

const char *host_log(void)
{
	kept[kept_bytes] = 0;
	return kept;
}

/* -- rt/libc.h --------------------------------------------------------------------------------- */

_Noreturn void rt_exit(int status)
{
	if (host_on_exit)
		host_on_exit(status);
	host_call(SYS_exit_group, status, 0, 0, 0, 0, 0);
	__builtin_trap();
}

void rt_log_write(const char *text, size_t length)
{
	while (keeps && length > 0 && kept_bytes < LOG_MAX) {
		kept[kept_bytes++] = *text++;
		length--;
	}
	while (!keeps && length > 0) {
		long done = host_call(SYS_write, 1, (long)text, (long)length, 0, 0, 0);
		if (done <= 0)
			__builtin_trap();
		text += done;
		length -= (size_t)done;
	}
}

err_t rt_map(size_t bytes, void **at)
{
	enum { READ_WRITE = 3, PRIVATE_ANONYMOUS = 0x22 };
	if (bytes == 0 || bytes % 4096 != 0)
		return E_INVAL;
	long got = host_call(SYS_mmap, 0, (long)bytes, READ_WRITE, PRIVATE_ANONYMOUS, -1, 0);
	if (got < 0 && got > -4096)
		return E_NOMEM;
	take();
	size_t i = 0;
	while (i < MAPS_MAX && maps[i].at)
		i++;
	if (i == MAPS_MAX)
		__builtin_trap();
	maps[i].at = *at = (void *)got;
	maps[i].bytes = bytes;
	host_maps++;
	give();
	return E_OK;
}

/* Whether there was such a one. */
static bool forget(const void *at, size_t bytes)
{
	size_t i = 0;
	take();
	while (i < MAPS_MAX && (maps[i].at != at || maps[i].bytes != bytes))
		i++;
	bool is_there = at && i < MAPS_MAX;
	if (is_there) {
		maps[i].at = NULL;
		host_maps--;
	} else {
		host_bad_unmaps++;
	}
	give();
	return is_there;
}

err_t rt_unmap(void *at, size_t bytes)
{
	if (!forget(at, bytes))
		return E_INVAL;
	if (host_call(SYS_munmap, (long)at, (long)bytes, 0, 0, 0, 0) != 0)
		__builtin_trap();
	return E_OK;
}

uint64_t rt_time_ns(void)
{
	enum { MONOTONIC = 1 };
	uint64_t t[2] = { 0 };
	if (host_call(SYS_clock_gettime, MONOTONIC, (long)t, 0, 0, 0, 0) != 0)
		__builtin_trap();
	return t[0] * 1000000000 + t[1];
}

err_t rt_futex_wait(const volatile int *at, int value, uint64_t timeout_ns)
{
	enum { WAIT = 0, EAGAIN = 11, ETIMEDOUT = 110 };
	uint64_t t[2] = { timeout_ns / 1000000000, timeout_ns % 1000000000 };
	switch (-host_call(SYS_futex, (long)at, WAIT, value, timeout_ns == RT_FOREVER ? 0 : (long)t,
	                   0, 0)) {
	case EAGAIN:
		return E_AGAIN;
	case ETIMEDOUT:
		return E_TIMEOUT;
	default:
		return E_OK;
	}
}

unsigned int rt_futex_wake(const volatile int *at, unsigned int count)
{
	enum { WAKE = 1 };
	long woken = host_call(SYS_futex, (long)at, WAKE, (long)count, 0, 0, 0);
	return woken < 0 ? 0 : (unsigned int)woken;
}

void rt_yield(void)
{
	host_call(SYS_sched_yield, 0, 0, 0, 0, 0, 0);
}

void rt_set_thread_pointer(void *at)
{
	enum { ARCH_SET_FS = 0x1002 };
	((struct rt_thread *)at)->ipc_buffer = sel4_ipc_buffer();
	host_call(SYS_arch_prctl, ARCH_SET_FS, (long)at, 0, 0, 0, 0);
}

/* Asked by musl as soon as FS is at its block, where the buffer must be already. */
int rt_thread_id(void)
{
	if (!sel4_ipc_buffer())
		__builtin_trap();
	return (int)host_call(SYS_gettid, 0, 0, 0, 0, 0, 0);
}

/* A thread's "IPC buffer" is its block, so that each has another. */
int rt_clone(int (*fn)(void *), void *stack, int flags, void *arg, int *tid, void *thread_pointer)
{
	enum { CHILD_CLEARTID = 0x200000 };
	((struct rt_thread *)thread_pointer)->ipc_buffer = thread_pointer;
	return (int)host_clone(flags & ~CHILD_CLEARTID, stack, tid, thread_pointer, fn, arg);
}

_Noreturn void rt_thread_exit(volatile int *done)
{
	host_call(SYS_set_tid_address, (long)done, 0, 0, 0, 0, 0);
	host_call(SYS_exit, 0, 0, 0, 0, 0, 0);
	__builtin_trap();
}

_Noreturn void rt_unmap_self(void *at, size_t bytes, volatile int *done)
{
	if (!forget(at, bytes))
		__builtin_trap();
	host_call(SYS_set_tid_address, (long)done, 0, 0, 0, 0, 0);
	/* No stack from here on. */
	__asm__ volatile("syscall\n\t"
	                 "xorl %%edi, %%edi\n\t"
	                 "movl %0, %%eax\n\t"
	                 "syscall\n\t"
	                 "ud2"
	                 :
	                 : "i"(SYS_exit), "a"(SYS_munmap), "D"(at), "S"(bytes)
	                 : "rcx", "r11", "memory");
	__builtin_unreachable();
}

/* -- the start, as a native program's ---------------------------------------------------------- */

void host_start(const uintptr_t *stack)
{
	static struct rt_thread first;
	static const unsigned char random[16] = "sixteen numbers";
	first.self = &first;
	first.ipc_buffer = (struct abi_ipc_buffer *)host_buffer;
	enum { ARCH_SET_FS = 0x1002 };
	host_call(SYS_arch_prctl, ARCH_SET_FS, (long)&first, 0, 0, 0, 0);
	struct rt_libc_start start = {
		.argc = (int)stack[0],
		.argv = (char **)stack + 1,
		.envp = (char **)stack + 1 + stack[0] + 1,
		.ipc_buffer = host_buffer,
		.random = random,
	};
	rt_libc_start(&start, main);
}
