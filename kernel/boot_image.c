/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The root task's image: an ELF64 file, of which every program header that has a size in memory
 * counts, whatever its type (seL4 does the same; docs/design/sel4-abi.md, section 14). The file is
 * not trusted: whatever it says lies in its bounds when image_parse has let it pass.
 *
 * Loading means: all of the memory is zero, then header after header puts its bytes from the file
 * and zeroes behind them. The last matters where a header's zeroes lie over an earlier header's
 * bytes (a PT_TLS inside a PT_LOAD). Memory is written once where that is all the same: booting
 * should not take longer for a large .bss than it must.
 */
#include "boot.h"

struct elf_header {
	uint8_t ident[16];
	uint16_t type, machine;
	uint32_t version;
	uint64_t entry, program_offset, section_offset;
	uint32_t flags;
	uint16_t header_size, program_size, program_count;
	uint16_t section_size, section_count, section_names;
};
_Static_assert(sizeof(struct elf_header) == 64, "elf header");

struct elf_program {
	uint32_t type, flags;
	uint64_t offset, vaddr, paddr, file_size, memory_size, align;
};
_Static_assert(sizeof(struct elf_program) == 56, "elf program header");

enum { PROGRAMS_MAX = 128 };
enum { ELF_CLASS_64 = 2, ELF_LITTLE_ENDIAN = 1, ELF_X86_64 = 62 };
enum { PAGE_BITS = 12, PAGES_BEHIND = 3 }; /* IPC buffer, boot info, its records */
#define IMAGE_TOP (ABI_USER_TOP & ~MASK(PAGE_BITS))

static bool range_ok(uint64_t offset, uint64_t size, uint64_t limit)
{
	return offset <= limit && size <= limit - offset;
}

/* A copy: the file may lie at any alignment. */
static struct elf_program program_at(const struct image *image, unsigned i)
{
	struct elf_header header;
	struct elf_program program;
	memcpy(&header, image->file, sizeof(header));
	memcpy(&program, image->file + header.program_offset + i * sizeof(program),
	       sizeof(program));
	return program;
}

static unsigned program_count(const struct image *image)
{
	struct elf_header header;
	memcpy(&header, image->file, sizeof(header));
	return header.program_count;
}

static const char *header_check(const struct elf_header *h, uint64_t size, uint64_t *value)
{
	if (memcmp(h->ident, "\177ELF", 4) != 0) {
		memcpy(value, h->ident, sizeof(*value));
		return "it is not an ELF file";
	}
	*value = h->ident[4];
	if (h->ident[4] != ELF_CLASS_64)
		return "its ELF class is not 64 bit";
	*value = h->ident[5];
	if (h->ident[5] != ELF_LITTLE_ENDIAN)
		return "its byte order is not little endian";
	*value = h->machine;
	if (h->machine != ELF_X86_64)
		return "it is for another machine";
	*value = h->program_size;
	if (h->program_size != sizeof(struct elf_program))
		return "its program headers have a strange size";
	*value = h->program_count;
	if (h->program_count > PROGRAMS_MAX)
		return "it has too many program headers";
	*value = h->program_offset;
	if (!range_ok(h->program_offset, h->program_count * sizeof(struct elf_program), size))
		return "its program headers lie outside the file";
	return NULL;
}

static const char *program_check(const struct elf_program *p, uint64_t size, uint64_t *value)
{
	*value = p->file_size;
	if (p->file_size > p->memory_size)
		return "a segment is larger in the file than in memory";
	*value = p->offset;
	if (!range_ok(p->offset, p->file_size, size))
		return "a segment lies outside the file";
	*value = p->vaddr;
	if (!range_ok(p->vaddr, p->memory_size, IMAGE_TOP))
		return "a segment lies outside the user's addresses";
	return NULL;
}

static const char *bounds_check(const struct image *image, uint64_t *value)
{
	*value = 0;
	if (image->end == 0)
		return "it has no segments";
	*value = image->start;
	if (image->start & MASK(PAGE_BITS))
		return "its lowest address is not page aligned";
	*value = image->end;
	if (!range_ok(image->end, PAGES_BEHIND << PAGE_BITS, IMAGE_TOP))
		return "it ends too high for the pages behind it";
	*value = image->entry;
	if (image->entry < image->start || image->entry >= image->end)
		return "its entry point is not in it";
	return NULL;
}

const char *image_parse(struct image *image, const void *file, uint64_t size, uint64_t *value)
{
	struct elf_header header;
	const char *error;
	*value = size;
	if (size < sizeof(header))
		return "the file is too short";
	memcpy(&header, file, sizeof(header));
	error = header_check(&header, size, value);
	if (error)
		return error;
	*image = (struct image){
		.file = file, .file_size = size, .start = ~0ull, .entry = header.entry
	};
	for (unsigned i = 0; i < header.program_count; i++) {
		struct elf_program p = program_at(image, i);
		if (p.memory_size == 0)
			continue;
		error = program_check(&p, size, value);
		if (error)
			return error;
		if (p.vaddr < image->start)
			image->start = p.vaddr;
		if (p.vaddr + p.memory_size > image->end)
			image->end = p.vaddr + p.memory_size;
	}
	image->end = ALIGN_UP(image->end, PAGE_BITS);
	return bounds_check(image, value);
}

/* The lowest range with bytes from the file that ends above `at`; false if there is none. */
static bool next_filled(const struct image *image, vaddr_t at, vaddr_t *start, vaddr_t *end)
{
	unsigned count = program_count(image);
	bool found = false;
	for (unsigned i = 0; i < count; i++) {
		struct elf_program p = program_at(image, i);
		if (p.file_size == 0 || p.memory_size == 0 || p.vaddr + p.file_size <= at)
			continue;
		if (!found || p.vaddr < *start) {
			*start = p.vaddr;
			*end = p.vaddr + p.file_size;
			found = true;
		}
	}
	return found;
}

static void zero_gaps(const struct image *image, uint8_t *to)
{
	vaddr_t at = image->start, start = 0, end = 0;
	while (next_filled(image, at, &start, &end)) {
		if (start > at)
			memset(to + (at - image->start), 0, start - at);
		at = end;
	}
	memset(to + (at - image->start), 0, image->end - at);
}

/* Whether one of the first `count` headers has bytes in [start, end). */
static bool filled_before(const struct image *image, unsigned count, vaddr_t start, vaddr_t end)
{
	for (unsigned i = 0; i < count; i++) {
		struct elf_program p = program_at(image, i);
		if (p.memory_size > 0 && p.vaddr < end && p.vaddr + p.file_size > start)
			return true;
	}
	return false;
}

void image_load(const struct image *image, uint8_t *to)
{
	unsigned count = program_count(image);
	zero_gaps(image, to);
	for (unsigned i = 0; i < count; i++) {
		struct elf_program p = program_at(image, i);
		if (p.memory_size == 0)
			continue;
		uint8_t *dst = to + (p.vaddr - image->start);
		memcpy(dst, image->file + p.offset, p.file_size);
		if (filled_before(image, i, p.vaddr + p.file_size, p.vaddr + p.memory_size))
			memset(dst + p.file_size, 0, p.memory_size - p.file_size);
	}
}
