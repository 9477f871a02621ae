/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The reader against the host's own idea of ELF: on this program's file, and on small files whose
 * fields take values at every edge. Each lies in memory of its very size, so that the sanitizer
 * sees a read beyond.
 */
#include <lib/elf.h>
#include "unit_test.h"
#include <elf.h>

enum { SEEDS = 40000, SEGMENTS = 4, FILE_BYTES = 64 + 56 * SEGMENTS + 64 };

typedef unsigned __int128 wide;

static bool sound(const Elf64_Phdr *p, size_t size)
{
	uint64_t align = p->p_align ? p->p_align : 1;
	if (p->p_type != PT_LOAD && p->p_type != PT_TLS && p->p_type != PT_INTERP &&
	    p->p_type != PT_DYNAMIC)
		return true;
	return __builtin_popcountll(align) == 1 && (wide)p->p_offset + p->p_filesz <= size &&
	       p->p_filesz <= p->p_memsz && (wide)p->p_vaddr + p->p_memsz <= UINT64_MAX &&
	       (p->p_type != PT_LOAD || p->p_vaddr % align == p->p_offset % align);
}

/* What opening should say. */
static err_t judge(const unsigned char *bytes, size_t size)
{
	Elf64_Ehdr h;
	if (size < sizeof(h))
		return E_CORRUPT;
	memcpy(&h, bytes, sizeof(h));
	if (memcmp(h.e_ident, ELFMAG, SELFMAG) != 0)
		return E_CORRUPT;
	if (h.e_ident[EI_CLASS] != ELFCLASS64 || h.e_ident[EI_DATA] != ELFDATA2LSB ||
	    h.e_ident[EI_VERSION] != EV_CURRENT || h.e_version != EV_CURRENT ||
	    h.e_machine != EM_X86_64 || (h.e_type != ET_EXEC && h.e_type != ET_DYN) ||
	    h.e_phnum == PN_XNUM)
		return E_UNSUPPORTED;
	if (h.e_phnum > 0 && h.e_phentsize != sizeof(Elf64_Phdr))
		return E_CORRUPT;
	return (wide)h.e_phoff + h.e_phnum * sizeof(Elf64_Phdr) <= size ? E_OK : E_CORRUPT;
}

static void check_segments(const struct elf *elf)
{
	struct elf_segment s, load;
	struct elf_walk walk = { 0 };
	err_t expected = E_NOENT, err;
	uint64_t end = 0, low = 0, high = 0, start, last;
	Elf64_Phdr p;
	for (uint32_t i = 0; i < elf->headers; i++) {
		memcpy(&p, elf->bytes + elf->table + i * sizeof(p), sizeof(p));
		bool is_sound = sound(&p, elf->size);
		err = elf_segment_at(elf, i, &s);
		CHECK(err == (is_sound ? E_OK : E_CORRUPT));
		if (is_sound && (p.p_type != PT_LOAD || p.p_memsz == 0))
			continue;
		if (!is_sound || p.p_vaddr < end) {
			expected = E_CORRUPT;
			break;
		}
		CHECK(s.type == p.p_type && s.flags == p.p_flags && s.vaddr == p.p_vaddr);
		CHECK(elf_next_load(elf, &walk, &load) == E_OK);
		CHECK(load.vaddr == p.p_vaddr && load.offset == p.p_offset);
		CHECK(load.file_bytes == p.p_filesz && load.mem_bytes == p.p_memsz);
		low = end == 0 ? p.p_vaddr : low;
		end = high = p.p_vaddr + p.p_memsz;
	}
	CHECK(elf_next_load(elf, &walk, &load) == expected);
	err = elf_span(elf, &start, &last);
	CHECK(err == (expected == E_NOENT && high > 0 ? E_OK : expected));
	if (err == E_OK)
		CHECK(start == low && last == high);
	CHECK(elf_segment_at(elf, elf->headers, &s) == E_RANGE);
}

static void check_interp(const struct elf *elf)
{
	Elf64_Phdr p;
	char name[ELF_INTERP_MAX];
	uint64_t capacity = test_below(2) ? sizeof(name) : test_below(24);
	err_t expected = E_NOENT;
	for (uint32_t i = 0; i < elf->headers && expected == E_NOENT; i++) {
		memcpy(&p, elf->bytes + elf->table + i * sizeof(p), sizeof(p));
		if (!sound(&p, elf->size))
			expected = E_CORRUPT;
		else if (p.p_type != PT_INTERP)
			continue;
		else if (p.p_filesz < 2 || p.p_filesz > ELF_INTERP_MAX)
			expected = E_CORRUPT;
		else if (p.p_filesz > capacity)
			expected = E_TOOBIG;
		else if (strnlen((const char *)elf->bytes + p.p_offset, p.p_filesz) !=
		         p.p_filesz - 1)
			expected = E_CORRUPT;
		else
			expected = E_OK;
	}
	CHECK(elf_interp(elf, name, capacity) == expected);
	if (expected == E_OK)
		CHECK(strcmp(name, (const char *)elf->bytes + p.p_offset) == 0);
}

static err_t check(const unsigned char *bytes, size_t size)
{
	struct elf elf;
	err_t err = elf_open(&elf, bytes, size);
	CHECK(err == judge(bytes, size));
	if (err == E_OK) {
		check_segments(&elf);
		check_interp(&elf);
	}
	return err;
}

/* Close to an edge: 0, the file's size, a page, 2^63, 2^64. */
static uint64_t edge(void)
{
	static const uint64_t edges[] = { 1, FILE_BYTES, 4096, 1ull << 63, 0 };
	return edges[test_below(5)] + test_below(3) - 1;
}

static void make_segments(unsigned char *bytes)
{
	static const uint32_t types[] = { PT_LOAD, PT_LOAD, PT_LOAD, PT_TLS, PT_GNU_STACK };
	uint64_t at = 0x400000;
	for (int i = 0; i < SEGMENTS; i++) {
		Elf64_Phdr p = { .p_type = types[test_below(5)],
			         .p_align = 1ull << test_below(13) };
		p.p_offset = test_below(FILE_BYTES);
		p.p_filesz = test_below(FILE_BYTES - p.p_offset + 1);
		p.p_memsz = p.p_filesz + test_below(3) * 100;
		p.p_vaddr = at + p.p_offset % p.p_align;
		at = (p.p_vaddr + p.p_memsz + 4095) & ~4095ull;
		if (i == 3 && test_below(2)) {
			p.p_type = PT_INTERP;
			p.p_offset = FILE_BYTES - 64;
			p.p_filesz = p.p_memsz = 13;
			memcpy(bytes + p.p_offset, "/lib/ld.so.2", 13);
			if (test_below(8) == 0) { /* an empty name */
				p.p_offset += 12;
				p.p_filesz = 1;
			}
		}
		if (test_below(8) == 0) {
			uint64_t *fields[] = { &p.p_offset, &p.p_vaddr, &p.p_filesz, &p.p_memsz,
				               &p.p_align };
			*fields[test_below(5)] = edge();
		}
		memcpy(bytes + 64 + 56 * i, &p, sizeof(p));
	}
}

static bool run(uint64_t seed)
{
	test_start(seed);
	unsigned char bytes[FILE_BYTES];
	for (size_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = (unsigned char)test_random();
	Elf64_Ehdr h = { .e_ident = { 127, 'E', 'L', 'F', ELFCLASS64, ELFDATA2LSB, EV_CURRENT },
		         .e_type = test_below(2) ? ET_EXEC : ET_DYN,
		         .e_machine = EM_X86_64,
		         .e_version = EV_CURRENT,
		         .e_phoff = 64,
		         .e_phentsize = 56,
		         .e_phnum = (Elf64_Half)test_below(SEGMENTS + 1) };
	if (test_below(16) == 0)
		h.e_phoff = edge();
	if (test_below(16) == 0)
		h.e_phnum = (Elf64_Half)edge();
	memcpy(bytes, &h, sizeof(h));
	make_segments(bytes);
	if (test_below(4) == 0)
		bytes[test_below(64)] ^= 1 << test_below(8);
	if (test_below(4) == 0)
		bytes[test_below(FILE_BYTES)] ^= 1 << test_below(8);
	size_t size = test_below(8) ? sizeof(bytes) : test_below(sizeof(bytes));
	unsigned char *exact = malloc(size ? size : 1);
	CHECK(exact);
	memcpy(exact, bytes, size);
	bool opened = check(exact, size) == E_OK;
	free(exact);
	return opened;
}

static void check_own_file(void)
{
	FILE *file = fopen("/proc/self/exe", "rb");
	CHECK(file && fseek(file, 0, SEEK_END) == 0);
	size_t size = (size_t)ftell(file);
	unsigned char *bytes = malloc(size);
	CHECK(bytes && fseek(file, 0, SEEK_SET) == 0 && fread(bytes, 1, size, file) == size);
	CHECK(fclose(file) == 0);
	CHECK(check(bytes, size) == E_OK);
	struct elf elf;
	struct elf_walk walk = { 0 };
	struct elf_segment s;
	CHECK(elf_open(&elf, bytes, size) == E_OK && elf_next_load(&elf, &walk, &s) == E_OK);
	free(bytes);
}

int main(void)
{
	uint64_t opened = 0;
	for (uint64_t seed = 1; seed <= SEEDS; seed++)
		opened += run(seed);
	CHECK(opened > SEEDS / 2 && opened < SEEDS);
	check_own_file();
	return 0;
}
