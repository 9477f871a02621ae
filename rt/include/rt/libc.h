/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * libc (musl) on Freehold: musl makes system calls as on Linux, each a call of rt_syscall(), which
 * does what there is by the functions below. What there is: the log as standard output and error,
 * memory, time, futexes, threads. No files, no signals, no processes.
 *
 * A thread's FS points at musl's own block, whose first 48 bytes are as struct rt_thread says. musl
 * writes ipc_buffer there (its name for it is sysinfo) but never reads it: rt_libc_start() makes it
 * write the right address in the first thread, rt_clone() puts it right in the others.
 *
 * How a program starts: FS points at a struct rt_thread of the program's, with the IPC buffer. Then
 * rt_libc_start(), which calls __libc_start_main(main, argc, argv) with a block of words as Linux
 * leaves it on the stack: argv, 0, the environment, 0, the auxiliary vector. That makes the first
 * thread's block and storage (AT_PHDR: in the program headers there is the TLS segment), calls
 * rt_set_thread_pointer(), runs the constructors, main(), and exit(). No libc function may be
 * called before.
 *
 * Standard output is fully buffered, for it is no terminal: setvbuf(), or fflush() in time.
 */
#pragma once
#include <lib/err.h>
#include <stddef.h>
#include <stdint.h>

/* -- what rt/libc.c has ------------------------------------------------------------------------ */

/*
 * Linux's system call n of x86-64: its result, or -errno. One that is not there is -ENOSYS, and its
 * number goes to the log the first time.
 */
long rt_syscall(long n, long a, long b, long c, long d, long e, long f);

enum { RT_LIBC_STRINGS_MAX = 1024 };

struct rt_libc_start {
	int argc;
	char **argv;                 /* argc of them; argv[0] is the program's name */
	char **envp;                 /* ends with NULL */
	void *ipc_buffer;            /* the first thread's; not NULL */
	const unsigned char *random; /* 16 bytes that nobody can guess: malloc's secrets */
};

/*
 * Starts libc and the program; see above. At most RT_LIBC_STRINGS_MAX strings in argv and envp.
 * The program must be linked so that its first segment has its ELF header (IMAGE_LDFLAGS does).
 */
_Noreturn void rt_libc_start(const struct rt_libc_start *start,
                             int (*main)(int argc, char **argv, char **envp));

/* -- what it needs of the program's surroundings ----------------------------------------------- */

/* Any thread may call any of these at any time. None calls libc. */

/* Ends the program: exit(), abort() (128 + 6), or an argument that makes no sense (127). */
_Noreturn void rt_exit(int status);

/* Writes to the log; text is any bytes, not ended by 0. Whether it arrives is never told. */
void rt_log_write(const char *text, size_t length);

/*
 * New memory of bytes, a multiple of 4096 and not 0, at *at, a multiple of 4096: readable,
 * writable, all zero. NOMEM or any other error: there is none, *at is untouched.
 */
[[nodiscard]] err_t rt_map(size_t bytes, void **at);

/*
 * Gives back what rt_map() gave: the same at, the same bytes. Another pair is INVAL, and nothing
 * is changed.
 */
[[nodiscard]] err_t rt_unmap(void *at, size_t bytes);

/* Nanoseconds since some moment of the past; never less than before. All clocks show this. */
uint64_t rt_time_ns(void);

#define RT_FOREVER UINT64_MAX

/*
 * Waits for rt_futex_wake(at), unless *at is not value (AGAIN); the comparison and the beginning of
 * the wait are one, seen from rt_futex_wake(). TIMEOUT: timeout_ns passed meanwhile. Success may
 * come without a wake.
 */
[[nodiscard]] err_t rt_futex_wait(const volatile int *at, int value, uint64_t timeout_ns);

/* Wakes at most count of those who wait; how many. The word itself may be gone already. */
unsigned int rt_futex_wake(const volatile int *at, unsigned int count);

/* Lets others run that could. */
void rt_yield(void);

/*
 * Called once, by the first thread, whose struct rt_thread this replaces: copies the address of its
 * IPC buffer into thread->ipc_buffer (offset 32 from at), then FS is at. at[0] points to itself
 * already.
 */
void rt_set_thread_pointer(void *at);

/* The calling thread's number: over 0, below 2^29, not that of another one alive. */
int rt_thread_id(void);

/*
 * Starts a thread: puts the address of its IPC buffer at offset 32 of thread_pointer, its number
 * into *tid, both before it runs; then, with FS thread_pointer and its stack below stack (which
 * may have to be aligned), fn(arg) runs in it, which does not return. flags are Linux's CLONE_...;
 * musl uses one set of them, that for a thread. Returns the number, or less than 0.
 */
int rt_clone(int (*fn)(void *), void *stack, int flags, void *arg, int *tid, void *thread_pointer);

/*
 * Ends the calling thread, which is not the last. When it will use neither its stack nor its block
 * any more (and not sooner: another thread may then unmap them), *done becomes 0, then one waiter
 * is woken at done.
 */
_Noreturn void rt_thread_exit(volatile int *done);

/* The same, and gives back its stack, which rt_map() gave. */
_Noreturn void rt_unmap_self(void *at, size_t bytes, volatile int *done);
