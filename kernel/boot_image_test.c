/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ELF images: each rule of image_parse by a file that breaks it, loading against the plain way
 * (zero everything, then header by header), and both with random files under the sanitizers.
 */
#include <elf.h>
#include <string.h>
#include "boot_test.h"

enum { FILE_SIZE = 4096, SEGMENTS = 4, ROUNDS = 40000 };

struct file {
	Elf64_Ehdr header;
	Elf64_Phdr segments[SEGMENTS];
	uint8_t bytes[FILE_SIZE - sizeof(Elf64_Ehdr) - SEGMENTS * sizeof(Elf64_Phdr)];
};
_Static_assert(sizeof(struct file) == FILE_SIZE, "file");

static struct file good_file(void)
{
	struct file f = { 0 };
	memcpy(f.header.e_ident, ELFMAG, SELFMAG);
	f.header.e_ident[EI_CLASS] = ELFCLASS64;
	f.header.e_ident[EI_DATA] = ELFDATA2LSB;
	f.header.e_machine = EM_X86_64;
	f.header.e_entry = 0x401008;
	f.header.e_phoff = sizeof(f.header);
	f.header.e_phentsize = sizeof(f.segments[0]);
	f.header.e_phnum = SEGMENTS;
	f.segments[0] = (Elf64_Phdr){
		.p_type = PT_LOAD, .p_vaddr = 0x400000, .p_filesz = 0x800, .p_memsz = 0x800
	};
	f.segments[1] = (Elf64_Phdr){ .p_type = PT_LOAD,
		                      .p_vaddr = 0x401000,
		                      .p_offset = 0x800,
		                      .p_filesz = 0x10,
		                      .p_memsz = 0x1800 };
	f.segments[2] = (Elf64_Phdr){ .p_type = PT_GNU_STACK, .p_vaddr = 0x123, .p_filesz = 77 };
	f.segments[3] = (Elf64_Phdr){ .p_type = PT_TLS,
		                      .p_vaddr = 0x400100,
		                      .p_offset = 0x100,
		                      .p_filesz = 0x20,
		                      .p_memsz = 0x40 };
	for (unsigned i = 0; i < sizeof(f.bytes); i++)
		f.bytes[i] = (uint8_t)(i * 7 + 1);
	return f;
}

/* Null if it is accepted. */
static const char *parse(const struct file *f, uint64_t size, uint64_t *value)
{
	struct image image;
	uint8_t *copy = malloc(size ? size : 1); /* exact, for the sanitizer */
	memcpy(copy, f, size);
	const char *error = image_parse(&image, copy, size, value);
	free(copy);
	return error;
}

#define REFUSES(change, number)                                                                    \
	do {                                                                                       \
		struct file f = good_file();                                                       \
		uint64_t wrong;                                                                    \
		change;                                                                            \
		CHECK(parse(&f, sizeof(f), &wrong) && wrong == (uint64_t)(number));                \
	} while (0)

static void test_rules(void)
{
	struct file good = good_file();
	uint64_t value;
	CHECK(!parse(&good, sizeof(good), &value));
	for (uint64_t size = 0; size < sizeof(Elf64_Ehdr); size++)
		CHECK(parse(&good, size, &value));
	REFUSES(f.header.e_ident[EI_CLASS] = ELFCLASS32, ELFCLASS32);
	REFUSES(f.header.e_ident[EI_DATA] = ELFDATA2MSB, ELFDATA2MSB);
	REFUSES(f.header.e_machine = EM_AARCH64, EM_AARCH64);
	REFUSES(f.header.e_phentsize = 32, 32);
	REFUSES(f.header.e_phnum = 0xffff, 0xffff);
	REFUSES(f.header.e_phoff = ~0ull, ~0ull);
	REFUSES(f.header.e_phoff = FILE_SIZE - 8, FILE_SIZE - 8);
	REFUSES(f.header.e_phnum = 0, 0);
	REFUSES(f.segments[0].p_filesz = 0x801, 0x801);
	REFUSES(f.segments[1].p_offset = FILE_SIZE - 0xf, FILE_SIZE - 0xf);
	REFUSES(f.segments[1].p_offset = ~0ull - 4, ~0ull - 4);
	REFUSES(f.segments[1].p_memsz = ~0ull, 0x401000);
	REFUSES(f.segments[1].p_vaddr = 0x7ffffffff000, 0x7ffffffff000);
	REFUSES(f.segments[1].p_vaddr = 0x7fffffffb000, 0x7fffffffd000); /* no room for three */
	REFUSES(f.segments[0].p_vaddr = 0x3ff800, 0x3ff800);
	REFUSES(f.header.e_entry = 0x403000, 0x403000);
	REFUSES(f.header.e_entry = 0x3fffff, 0x3fffff);
}

static void load_plainly(const struct image *image, uint8_t *to)
{
	const Elf64_Ehdr *header = (const void *)image->file;
	const Elf64_Phdr *p = (const void *)(image->file + header->e_phoff);
	memset(to, 0, image->end - image->start);
	for (unsigned i = 0; i < header->e_phnum; i++) {
		if (p[i].p_memsz == 0)
			continue;
		uint8_t *dst = to + (p[i].p_vaddr - image->start);
		memcpy(dst, image->file + p[i].p_offset, p[i].p_filesz);
		memset(dst + p[i].p_filesz, 0, p[i].p_memsz - p[i].p_filesz);
	}
}

static void check_loading(const struct file *f)
{
	struct image image;
	uint64_t value;
	if (image_parse(&image, f, sizeof(*f), &value) || image.end - image.start > 1 << 20)
		return;
	uint64_t size = image.end - image.start;
	uint8_t *expected = malloc(size), *got = malloc(size);
	memset(got, 0xee, size);
	load_plainly(&image, expected);
	image_load(&image, got);
	CHECK(memcmp(expected, got, size) == 0);
	free(expected);
	free(got);
}

/* Headers that overlap, touch, nest and repeat. */
static void test_loading(void)
{
	struct file f = good_file();
	check_loading(&f);
	for (unsigned round = 0; round < ROUNDS / 4; round++) {
		f = good_file();
		for (unsigned i = 0; i < SEGMENTS; i++) {
			Elf64_Phdr *p = &f.segments[i];
			p->p_vaddr = 0x400000 + (i ? test_random_below(0x2000) : 0);
			p->p_memsz = test_random_below(0x1800);
			p->p_filesz = p->p_memsz ? test_random_below(p->p_memsz + 1) & 0x7ff : 0;
			p->p_offset = test_random_below(0x800);
		}
		f.header.e_entry = 0x400000;
		check_loading(&f);
	}
}

static void test_random_files(void)
{
	for (unsigned round = 0; round < ROUNDS; round++) {
		struct file f = good_file();
		uint64_t value;
		for (unsigned n = 1 + (unsigned)test_random_below(4); n > 0; n--) {
			uint64_t at = test_random_below(sizeof(f.header) + sizeof(f.segments));
			((uint8_t *)&f)[at] = (uint8_t)test_random();
		}
		(void)parse(&f, test_random_below(8) ? sizeof(f) : test_random_below(sizeof(f)),
		            &value);
		check_loading(&f);
	}
}

int main(void)
{
	test_rules();
	test_loading();
	test_random_files();
	return 0;
}
