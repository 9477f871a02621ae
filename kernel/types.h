/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The words that all of the kernel is written in: addresses, bits, outcomes, assertions.
 */
#pragma once
#include <abi/abi.h>

typedef uint64_t paddr_t; /* physical address, bytes */
typedef uint64_t vaddr_t; /* user virtual address, bytes */
typedef uint64_t ticks_t; /* time-stamp counter ticks */

/*
 * Virtual layout (seL4 manual, section 7.1.1 and the pc99 memory map): the last PML4 entry is the
 * kernel's. Its first 510 GiB are a window on physical memory, its last 2 GiB hold the kernel
 * image.
 */
#define KERNEL_WINDOW 0xffffff8000000000ull
#define KERNEL_IMAGE 0xffffffff80000000ull
#define KERNEL_PADDR_TOP (KERNEL_IMAGE - KERNEL_WINDOW) /* memory above is never an object's */

#define BIT(n) (1ull << (n))
#define MASK(n) (BIT(n) - 1)
#define ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))
#define always_inline inline __attribute__((always_inline))
#define likely(x) __builtin_expect(!!(x), 1)
#define unlikely(x) __builtin_expect(!!(x), 0)
#define ALIGN_UP(x, bits) (((x) + MASK(bits)) & ~MASK(bits))
#define ALIGN_DOWN(x, bits) ((x) & ~MASK(bits))

#if CONFIG_DEBUG
enum { config_debug = true };
#else
enum { config_debug = false };
#endif

/*
 * How a kernel operation ended. FAILED: the error reply, fault or lookup failure is recorded in
 * `failure` (failure.h); nothing was changed. PREEMPTED: an interrupt is pending; what was done so
 * far is consistent, and the system call is to be executed again from its start.
 */
enum [[nodiscard]] outcome{ DONE, FAILED, PREEMPTED };

static inline void *ptr_of(paddr_t paddr)
{
	return (void *)(paddr + KERNEL_WINDOW);
}
static inline paddr_t paddr_of(const void *ptr)
{
	return (uint64_t)ptr - KERNEL_WINDOW;
}

/* Freestanding memory functions (lib.c); the compiler may call them too. */
void *memset(void *dst, int c, size_t n);
void *memcpy(void *restrict dst, const void *restrict src, size_t n);
int memcmp(const void *a, const void *b, size_t n);

/* Console output for people: %s %c %d %u %x %lx %lu %p, widths and zero padding (console.c). */
__attribute__((format(printf, 1, 2))) void kprintf(const char *format, ...);
_Noreturn __attribute__((format(printf, 3, 4))) void panic_at(const char *file, int line,
                                                              const char *format, ...);
#define panic(...) panic_at(__FILE__, __LINE__, __VA_ARGS__)

/* Our own bug: stops the machine in every build. Never used on what a user controls. */
#define assert(x)                                                                                  \
	do {                                                                                       \
		if (unlikely(!(x)))                                                                \
			panic("assertion failed: %s", #x);                                         \
	} while (0)
