/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * In place of musl's header of this name, which comes later on the include path: what musl would
 * ask Linux for goes to a function, rt_syscall() of rt/libc.c. No VDSO_ name is defined, so musl
 * looks for no vDSO.
 */
#pragma once

long rt_syscall(long n, long a, long b, long c, long d, long e, long f);

static inline long __syscall0(long n)
{
	return rt_syscall(n, 0, 0, 0, 0, 0, 0);
}

static inline long __syscall1(long n, long a)
{
	return rt_syscall(n, a, 0, 0, 0, 0, 0);
}

static inline long __syscall2(long n, long a, long b)
{
	return rt_syscall(n, a, b, 0, 0, 0, 0);
}

static inline long __syscall3(long n, long a, long b, long c)
{
	return rt_syscall(n, a, b, c, 0, 0, 0);
}

static inline long __syscall4(long n, long a, long b, long c, long d)
{
	return rt_syscall(n, a, b, c, d, 0, 0);
}

static inline long __syscall5(long n, long a, long b, long c, long d, long e)
{
	return rt_syscall(n, a, b, c, d, e, 0);
}

static inline long __syscall6(long n, long a, long b, long c, long d, long e, long f)
{
	return rt_syscall(n, a, b, c, d, e, f);
}

/* A long long argument travels in one register; System V IPC needs no flag. */
#define __SYSCALL_LL_E(x) (x)
#define __SYSCALL_LL_O(x) (x)
#define IPC_64 0
