/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What musl asks of Linux, done by what there is: see rt/libc.h. The list of calls is linux.def.
 * Numbers, structures and errno are Linux's for x86-64, and are known in this file only.
 */
#include <rt/libc.h>
#include <lib/format.h>
#include <stdbool.h>

enum {
	ENOENT = 2,
	EBADF = 9,
	EAGAIN = 11,
	ENOMEM = 12,
	EACCES = 13,
	EFAULT = 14,
	ENODEV = 19,
	EINVAL = 22,
	ENOTTY = 25,
	ESPIPE = 29,
	ENOSYS = 38,
	ETIMEDOUT = 110,
};
enum { PAGE = 4096, CALLS_MAX = 512 };
static const uint64_t second_ns = 1000000000;

struct timespec {
	int64_t seconds, ns;
};
struct iovec {
	char *at;
	size_t bytes;
};

/* Called by musl; it declares them in headers of its own. */
int __clone(int (*fn)(void *), void *stack, int flags, void *arg, int *tid, void *thread_pointer);
_Noreturn void __unmapself(void *at, size_t bytes);
int __set_thread_area(void *at);

/*
 * What an ending thread clears: the first thread tells it, it is the same for all (musl's lock of
 * its list of threads), but one may tell another word for itself.
 */
static volatile int *all_done;
static _Thread_local volatile int *own_done;

static volatile int *thread_done(void)
{
	return own_done ? own_done : all_done;
}

/* -- files: 0 is at its end, 1 and 2 are the log ----------------------------------------------- */

static long call_read(const long *arg)
{
	return arg[0] == 0 ? 0 : -EBADF;
}

static long call_readv(const long *arg)
{
	return call_read(arg);
}

static bool is_log(long fd)
{
	return fd == 1 || fd == 2;
}

static long call_write(const long *arg)
{
	if (!is_log(arg[0]))
		return -EBADF;
	rt_log_write((const char *)arg[1], (size_t)arg[2]);
	return arg[2];
}

static long call_writev(const long *arg)
{
	const struct iovec *part = (const struct iovec *)arg[1];
	size_t bytes = 0;
	if (!is_log(arg[0]))
		return -EBADF;
	for (long i = 0; i < arg[2]; i++) {
		if (part[i].bytes > 0)
			rt_log_write(part[i].at, part[i].bytes);
		bytes += part[i].bytes;
	}
	return (long)bytes;
}

/* -- memory ------------------------------------------------------------------------------------ */

/*
 * Anonymous memory, wherever there is room. Rights are not kept: all of it can be read and written,
 * and mprotect() changes nothing, so that a guard below a thread's stack guards nothing.
 */
static long call_mmap(const long *arg)
{
	enum { EXECUTE = 4, FIXED = 0x10, ANONYMOUS = 0x20 };
	size_t bytes = (size_t)arg[1];
	void *at;
	if (bytes == 0 || arg[3] & FIXED)
		return -EINVAL;
	if (!(arg[3] & ANONYMOUS))
		return -ENODEV;
	if (arg[2] & EXECUTE)
		return -EACCES;
	if (bytes > PTRDIFF_MAX - PAGE)
		return -ENOMEM;
	if (rt_map((bytes + PAGE - 1) & -(size_t)PAGE, &at) != E_OK)
		return -ENOMEM;
	return (long)at;
}

static long call_munmap(const long *arg)
{
	size_t bytes = (size_t)arg[1];
	if (bytes == 0 || bytes > PTRDIFF_MAX - PAGE)
		return -EINVAL;
	bytes = (bytes + PAGE - 1) & -(size_t)PAGE;
	return rt_unmap((void *)arg[0], bytes) == E_OK ? 0 : -EINVAL;
}

/* -- time -------------------------------------------------------------------------------------- */

static bool is_clock(long clock)
{
	enum { CPU_OF_PROCESS = 2, CPU_OF_THREAD = 3, BOOT_TIME = 7 };
	return clock >= 0 && clock <= BOOT_TIME && clock != CPU_OF_PROCESS &&
	       clock != CPU_OF_THREAD;
}

static struct timespec timespec_of(uint64_t ns)
{
	return (struct timespec){ (int64_t)(ns / second_ns), (int64_t)(ns % second_ns) };
}

static bool timespec_valid(const struct timespec *t)
{
	return t->seconds >= 0 && t->ns >= 0 && t->ns < (int64_t)second_ns;
}

/* RT_FOREVER for what does not fit. */
static uint64_t timespec_ns(const struct timespec *t)
{
	if ((uint64_t)t->seconds >= RT_FOREVER / second_ns)
		return RT_FOREVER;
	return (uint64_t)t->seconds * second_ns + (uint64_t)t->ns;
}

static long call_clock_gettime(const long *arg)
{
	if (!is_clock(arg[0]))
		return -EINVAL;
	*(struct timespec *)arg[1] = timespec_of(rt_time_ns());
	return 0;
}

static long call_clock_getres(const long *arg)
{
	if (!is_clock(arg[0]))
		return -EINVAL;
	if (arg[1])
		*(struct timespec *)arg[1] = timespec_of(1);
	return 0;
}

/* A wait for what nobody wakes; it may end early, and goes on then. */
static long sleep_until(uint64_t end_ns)
{
	int word = 0;
	for (uint64_t now = rt_time_ns(); now < end_ns; now = rt_time_ns()) {
		uint64_t left = end_ns == RT_FOREVER ? RT_FOREVER : end_ns - now;
		if (rt_futex_wait(&word, 0, left) == E_INVAL)
			return -EINVAL;
	}
	return 0;
}

static long sleep(const struct timespec *time, bool absolute)
{
	if (!timespec_valid(time))
		return -EINVAL;
	uint64_t ns = timespec_ns(time);
	uint64_t now = absolute ? 0 : rt_time_ns();
	return sleep_until(ns > RT_FOREVER - now ? RT_FOREVER : now + ns);
}

static long call_nanosleep(const long *arg)
{
	return sleep((const struct timespec *)arg[0], false);
}

static long call_clock_nanosleep(const long *arg)
{
	enum { ABSOLUTE = 1 };
	if (!is_clock(arg[0]))
		return -EINVAL;
	return sleep((const struct timespec *)arg[2], arg[1] & ABSOLUTE);
}

/* -- threads ----------------------------------------------------------------------------------- */

static long futex_wait(const volatile int *at, int value, const struct timespec *timeout)
{
	if (timeout && !timespec_valid(timeout))
		return -EINVAL;
	switch (rt_futex_wait(at, value, timeout ? timespec_ns(timeout) : RT_FOREVER)) {
	case E_OK:
		return 0;
	case E_AGAIN:
		return -EAGAIN;
	case E_TIMEOUT:
		return -ETIMEDOUT;
	default:
		return -EFAULT;
	}
}

static unsigned int count_of(long n)
{
	return (int)n < 0 ? 0 : (unsigned int)n;
}

static long call_futex(const long *arg)
{
	enum { WAIT = 0, WAKE = 1, REQUEUE = 3, PRIVATE = 128 };
	const volatile int *at = (const volatile int *)arg[0];
	switch (arg[1] & ~PRIVATE) {
	case WAIT:
		return futex_wait(at, (int)arg[2], (const struct timespec *)arg[3]);
	case WAKE:
		return rt_futex_wake(at, count_of(arg[2]));
	case REQUEUE: /* who would wait for the other word is woken, and looks for itself */
		return rt_futex_wake(at, count_of(arg[2]) + count_of(arg[3]));
	default:
		return -ENOSYS;
	}
}

static long call_sched_yield(const long *arg)
{
	(void)arg;
	rt_yield();
	return 0;
}

static long call_gettid(const long *arg)
{
	(void)arg;
	return rt_thread_id();
}

static long call_set_tid_address(const long *arg)
{
	volatile int *done = (volatile int *)arg[0];
	if (all_done)
		own_done = done;
	else
		all_done = done;
	return rt_thread_id();
}

static _Noreturn long call_exit(const long *arg)
{
	(void)arg;
	rt_thread_exit(thread_done());
}

static _Noreturn long call_exit_group(const long *arg)
{
	rt_exit((int)arg[0]);
}

int __clone(int (*fn)(void *), void *stack, int flags, void *arg, int *tid, void *thread_pointer)
{
	return rt_clone(fn, stack, flags, arg, tid, thread_pointer);
}

_Noreturn void __unmapself(void *at, size_t bytes)
{
	rt_unmap_self(at, bytes, thread_done());
}

int __set_thread_area(void *at)
{
	rt_set_thread_pointer(at);
	return 0;
}

/* -- signals: accepted, and there are none ----------------------------------------------------- */

static void clear(long at, size_t words)
{
	for (size_t i = 0; at && i < words; i++)
		((volatile uint64_t *)at)[i] = 0;
}

static long call_rt_sigaction(const long *arg)
{
	clear(arg[2], 4); /* what was done so far: the default */
	return 0;
}

static long call_rt_sigprocmask(const long *arg)
{
	clear(arg[2], 1);
	return 0;
}

/* One to oneself ends the program, as those do for which nothing was arranged. */
static long call_tkill(const long *arg)
{
	if (arg[0] != rt_thread_id())
		return -ENOSYS;
	if (arg[1] != 0)
		rt_exit(128 + (int)arg[1]);
	return 0;
}

/* -- the table --------------------------------------------------------------------------------- */

struct call {
	long (*call)(const long *arg); /* NULL: result */
	bool known;
	short result;
};
static const struct call calls[CALLS_MAX] = {
#define CALL(number, name) [number] = { .known = true, .call = call_##name },
#define FIXED(number, name, value) [number] = { .known = true, .result = value },
#include "linux.def"
#undef CALL
#undef FIXED
};

/* The first time only; numbers that are none are one number. */
static long call_unknown(long n)
{
	static unsigned char said[CALLS_MAX / 8];
	unsigned int i = n >= 0 && n < CALLS_MAX ? (unsigned int)n : CALLS_MAX - 1;
	unsigned char bit = (unsigned char)(1 << i % 8);
	if (!(__atomic_fetch_or(&said[i / 8], bit, __ATOMIC_RELAXED) & bit)) {
		char line[64];
		size_t length = format_buffer(line, sizeof(line), "libc: no system call %ld\n", n);
		rt_log_write(line, length);
	}
	return -ENOSYS;
}

long rt_syscall(long n, long a, long b, long c, long d, long e, long f)
{
	if (n < 0 || n >= CALLS_MAX || !calls[n].known)
		return call_unknown(n);
	if (!calls[n].call)
		return calls[n].result;
	return calls[n].call((const long[]){ a, b, c, d, e, f });
}
