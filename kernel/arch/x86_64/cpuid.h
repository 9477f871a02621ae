/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The CPUID instruction. Leaves that the processor does not have read as zero.
 */
#pragma once
#include <stdint.h>

struct cpuid {
	uint32_t eax, ebx, ecx, edx;
};

static inline struct cpuid cpuid_raw(uint32_t leaf, uint32_t subleaf)
{
	struct cpuid r;
	__asm__("cpuid"
	        : "=a"(r.eax), "=b"(r.ebx), "=c"(r.ecx), "=d"(r.edx)
	        : "a"(leaf), "c"(subleaf));
	return r;
}

static inline struct cpuid cpuid(uint32_t leaf, uint32_t subleaf)
{
	uint32_t max = cpuid_raw(leaf & 0xffff0000, 0).eax;
	if (max < leaf || max - leaf > 0xffff)
		return (struct cpuid){ 0, 0, 0, 0 };
	return cpuid_raw(leaf, subleaf);
}
