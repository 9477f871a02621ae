/* SPDX-License-Identifier: BSD-2-Clause */
/* Any bytes as an ELF file: segments are as lib/elf.h says. Canary: a second one to load. */
#include "fuzz.h"
#include <lib/elf.h>

void assert_failed(const char *file, int line, const char *what)
{
	(void)file, (void)line, (void)what;
	__builtin_trap();
}

static volatile uint8_t sink;

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct elf elf;
	struct elf_walk walk = { 0 };
	struct elf_segment s;
	uint64_t end = 0, low, high, offset;
	char name[64];
	int seen = 0;
	if (elf_open(&elf, data, size) != E_OK)
		return 0;
	for (; elf_next_load(&elf, &walk, &s) == E_OK; end = s.vaddr + s.mem_bytes) {
		CHECK(s.file_bytes <= s.mem_bytes && s.mem_bytes <= UINT64_MAX - s.vaddr);
		CHECK(s.vaddr >= end && s.align != 0 && (s.vaddr - s.offset) % s.align == 0);
		for (uint64_t i = 0; i < s.file_bytes; i++)
			sink = data[s.offset + i];
		REACHED(++seen == 2);
	}
	if (elf_span(&elf, &low, &high) == E_OK)
		CHECK(low < high && high == end);
	if (elf_interp(&elf, name, sizeof(name)) == E_OK)
		CHECK(name[0] != 0);
	if (elf_symbol(&elf, size % 64 * 0x1000, name, sizeof(name), &offset) == E_OK)
		CHECK(offset <= size % 64 * 0x1000);
	return 0;
}
