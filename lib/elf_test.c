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

/* -- symbols ----------------------------------------------------------------------------------- */

enum { SYMBOLS = 6, NAMES = 40, SYMBOLS_AT = 64 * 4, NAMES_AT = SYMBOLS_AT + 24 * SYMBOLS };

/* What the look-up should say, by the host's structures and another way of going about it. */
static err_t judge_symbol(const unsigned char *bytes, size_t size, uint64_t address, char *name,
                          size_t capacity, uint64_t *offset)
{
	Elf64_Ehdr h;
	Elf64_Shdr table = { 0 }, names = { 0 };
	memcpy(&h, bytes, sizeof(h));
	if (h.e_shentsize != sizeof(Elf64_Shdr) || (wide)h.e_shoff + h.e_shnum * 64u > size)
		return E_NOENT;
	int i = 0;
	for (; i < h.e_shnum && table.sh_type != SHT_SYMTAB; i++)
		memcpy(&table, bytes + h.e_shoff + i * 64u, 64);
	if (table.sh_type != SHT_SYMTAB)
		return E_NOENT;
	if (table.sh_link < h.e_shnum)
		memcpy(&names, bytes + h.e_shoff + table.sh_link * 64ul, 64);
	if (names.sh_type != SHT_STRTAB || (wide)names.sh_offset + names.sh_size > size ||
	    (wide)table.sh_offset + table.sh_size > size)
		return E_CORRUPT;
	Elf64_Sym best = { 0 }, s;
	uint64_t highest = 0;
	bool found = false;
	for (uint64_t pass = 0; pass < 2; pass++) {
		for (uint64_t at = 0; at + 24 <= table.sh_size; at += 24) {
			memcpy(&s, bytes + table.sh_offset + at, 24);
			int type = ELF64_ST_TYPE(s.st_info);
			if (s.st_shndx == SHN_UNDEF || (type != STT_FUNC && type != STT_NOTYPE) ||
			    s.st_value > address)
				continue;
			if (pass == 0 && s.st_value >= highest)
				highest = s.st_value;
			if (pass == 1 && s.st_value == highest && best.st_size == 0)
				best = s, found = true;
		}
	}
	if (!found || (best.st_size > 0 && address >= (wide)best.st_value + best.st_size))
		return E_NOENT;
	*offset = address - best.st_value;
	for (size_t n = 0; n + 1 < capacity; n++) {
		if ((wide)best.st_name + n >= names.sh_size)
			return E_CORRUPT;
		name[n] = (char)bytes[names.sh_offset + best.st_name + n];
		if (name[n] == 0)
			return E_OK;
	}
	/* What is cut off must still have been a character of the table. */
	name[capacity - 1] = 0;
	return (wide)best.st_name + capacity - 1 < names.sh_size ? E_OK : E_CORRUPT;
}

static void check_symbol(const unsigned char *bytes, size_t size, uint64_t address)
{
	struct elf elf;
	char name[24], expected_name[24];
	uint64_t offset = 0, expected_offset = 0;
	size_t capacity = 1 + test_below(sizeof(name));
	CHECK(elf_open(&elf, bytes, size) == E_OK);
	err_t expected =
	        judge_symbol(bytes, size, address, expected_name, capacity, &expected_offset);
	CHECK(elf_symbol(&elf, address, name, capacity, &offset) == expected);
	if (expected == E_OK)
		CHECK(strcmp(name, expected_name) == 0 && offset == expected_offset);
}

static void put_symbol_tables(unsigned char *bytes)
{
	Elf64_Shdr sections[] = {
		{ .sh_type = SHT_PROGBITS },
		{ .sh_type = SHT_SYMTAB,
		  .sh_link = 2,
		  .sh_offset = SYMBOLS_AT,
		  .sh_size = 24 * SYMBOLS },
		{ .sh_type = SHT_STRTAB, .sh_offset = NAMES_AT, .sh_size = NAMES },
	};
	Elf64_Shdr *one = &sections[1 + test_below(2)];
	if (test_below(8) == 0)
		*(test_below(2) ? &one->sh_offset : &one->sh_size) = edge();
	if (test_below(16) == 0)
		one->sh_link = (uint32_t)edge();
	memcpy(bytes + 64, sections, sizeof(sections));
	for (int i = 0; i < SYMBOLS; i++) {
		static const unsigned char types[] = { STT_FUNC, STT_FUNC, STT_NOTYPE, STT_OBJECT };
		Elf64_Sym s = { .st_name = (uint32_t)test_below(NAMES + 2),
			        .st_info = types[test_below(4)],
			        .st_shndx = (Elf64_Section)test_below(4),
			        .st_value = test_below(8) ? 0x1000 + test_below(16) * 8 : edge(),
			        .st_size = test_below(4) ? test_below(4) * 8 : edge() };
		memcpy(bytes + SYMBOLS_AT + 24 * i, &s, 24);
	}
	for (int i = 0; i < NAMES; i++)
		bytes[NAMES_AT + i] = test_below(8) ? (unsigned char)('a' + i % 26) : 0;
}

static void run_symbols(uint64_t seed)
{
	test_start(seed);
	size_t size = NAMES_AT + NAMES;
	unsigned char *bytes = calloc(1, size);
	CHECK(bytes);
	Elf64_Ehdr h = { .e_ident = { 127, 'E', 'L', 'F', ELFCLASS64, ELFDATA2LSB, EV_CURRENT },
		         .e_type = ET_EXEC,
		         .e_machine = EM_X86_64,
		         .e_version = EV_CURRENT,
		         .e_shoff = test_below(16) ? 64 : edge(),
		         .e_shentsize = test_below(16) ? 64 : 63,
		         .e_shnum = (Elf64_Half)(test_below(16) ? 3 : edge()) };
	memcpy(bytes, &h, sizeof(h));
	put_symbol_tables(bytes);
	for (int i = 0; i < 8; i++)
		check_symbol(bytes, size, test_below(4) ? 0x1000 + test_below(160) : edge());
	free(bytes);
}

extern const char __ehdr_start[];

/* This program's own functions, wherever it was put. */
static void check_own_symbols(const unsigned char *bytes, size_t size)
{
	struct elf elf;
	char name[32];
	uint64_t offset, base;
	CHECK(elf_open(&elf, bytes, size) == E_OK);
	base = elf.is_relocatable ? (uint64_t)__ehdr_start : 0;
	CHECK(elf_symbol(&elf, (uint64_t)elf_symbol + 5 - base, name, sizeof(name), &offset) ==
	      E_OK);
	CHECK(strcmp(name, "elf_symbol") == 0 && offset == 5);
	CHECK(elf_symbol(&elf, (uint64_t)run_symbols - base, name, 4, &offset) == E_OK);
	CHECK(strcmp(name, "run") == 0 && offset == 0);
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
	check_own_symbols(bytes, size);
	free(bytes);
}

int main(void)
{
	uint64_t opened = 0;
	for (uint64_t seed = 1; seed <= SEEDS; seed++)
		opened += run(seed);
	CHECK(opened > SEEDS / 2 && opened < SEEDS);
	for (uint64_t seed = 1; seed <= SEEDS; seed++)
		run_symbols(seed);
	check_own_file();
	return 0;
}
