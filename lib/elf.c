/* SPDX-License-Identifier: BSD-2-Clause */
/* See lib/elf.h. Layouts: System V ABI, chapters 4 and 5. */
#include <lib/elf.h>
#include <lib/range.h>

struct file_header {
	unsigned char ident[16];
	uint16_t type, machine;
	uint32_t version;
	uint64_t entry, phoff, shoff;
	uint32_t flags;
	uint16_t ehsize, phentsize, phnum, shentsize, shnum, shstrndx;
};

struct program_header {
	uint32_t type, flags;
	uint64_t offset, vaddr, paddr, filesz, memsz, align;
};

struct section_header {
	uint32_t name, type;
	uint64_t flags, addr, offset, size;
	uint32_t link, info;
	uint64_t addralign, entsize;
};

struct symbol {
	uint32_t name;
	uint8_t info, other;
	uint16_t section;
	uint64_t value, size;
};

_Static_assert(sizeof(struct file_header) == 64);
_Static_assert(sizeof(struct program_header) == 56);
_Static_assert(sizeof(struct section_header) == 64);
_Static_assert(sizeof(struct symbol) == 24);

enum { CLASS_64 = 2, LITTLE = 1, VERSION = 1, EXECUTABLE = 2, SHARED = 3, X86_64 = 62 };
enum { HEADERS_ELSEWHERE = 0xffff, SYMBOL_TABLE = 2, STRING_TABLE = 3 };
enum { SYMBOL_FUNCTION = 2, TYPE_MASK = 15 };

/* One copy, which the compiler may not repeat later. False: not in the file. */
static bool fetch(const struct elf *elf, uint64_t offset, void *to, uint64_t bytes)
{
	if (!range_ok(offset, bytes, elf->size))
		return false;
	__builtin_memcpy(to, elf->bytes + offset, bytes);
	__asm__ volatile("" : : : "memory");
	return true;
}

err_t elf_open(struct elf *elf, const void *bytes, uint64_t size)
{
	struct file_header header;
	*elf = (struct elf){ .bytes = bytes, .size = size };
	if (!fetch(elf, 0, &header, sizeof(header)) ||
	    __builtin_memcmp(header.ident, "\177ELF", 4) != 0)
		return E_CORRUPT;
	if (header.ident[4] != CLASS_64 || header.ident[5] != LITTLE ||
	    header.ident[6] != VERSION || header.version != VERSION || header.machine != X86_64 ||
	    (header.type != EXECUTABLE && header.type != SHARED) ||
	    header.phnum == HEADERS_ELSEWHERE)
		return E_UNSUPPORTED;
	if (header.phnum > 0 && header.phentsize != sizeof(struct program_header))
		return E_CORRUPT;
	if (!range_ok(header.phoff, header.phnum * sizeof(struct program_header), size))
		return E_CORRUPT;
	elf->entry = header.entry;
	elf->table = header.phoff;
	elf->headers = header.phnum;
	elf->is_relocatable = header.type == SHARED;
	return E_OK;
}

static bool is_sound(const struct elf *elf, const struct elf_segment *s)
{
	switch (s->type) {
	case ELF_LOAD:
		if (((s->vaddr - s->offset) & (s->align - 1)) != 0)
			return false;
		break;
	case ELF_TLS:
	case ELF_INTERP:
	case ELF_DYNAMIC:
		break;
	default:
		return true;
	}
	return range_is_power_of_2(s->align) && range_ok(s->offset, s->file_bytes, elf->size) &&
	       s->file_bytes <= s->mem_bytes && range_ok(s->vaddr, s->mem_bytes, UINT64_MAX);
}

err_t elf_segment_at(const struct elf *elf, uint32_t i, struct elf_segment *segment)
{
	struct program_header header;
	if (i >= elf->headers)
		return E_RANGE;
	if (!fetch(elf, elf->table + i * sizeof(header), &header, sizeof(header)))
		return E_CORRUPT;
	*segment = (struct elf_segment){
		.type = header.type,
		.flags = header.flags,
		.offset = header.offset,
		.vaddr = header.vaddr,
		.file_bytes = header.filesz,
		.mem_bytes = header.memsz,
		.align = header.align ? header.align : 1,
	};
	return is_sound(elf, segment) ? E_OK : E_CORRUPT;
}

err_t elf_next_load(const struct elf *elf, struct elf_walk *walk, struct elf_segment *segment)
{
	while (walk->next < elf->headers) {
		err_t err = elf_segment_at(elf, walk->next++, segment);
		if (err != E_OK)
			return err;
		if (segment->type != ELF_LOAD || segment->mem_bytes == 0)
			continue;
		if (segment->vaddr < walk->end)
			return E_CORRUPT;
		walk->end = segment->vaddr + segment->mem_bytes;
		return E_OK;
	}
	return E_NOENT;
}

err_t elf_span(const struct elf *elf, uint64_t *low, uint64_t *high)
{
	struct elf_walk walk = { 0 };
	struct elf_segment segment;
	err_t err = elf_next_load(elf, &walk, &segment);
	if (err != E_OK)
		return err;
	*low = segment.vaddr;
	do
		*high = walk.end;
	while ((err = elf_next_load(elf, &walk, &segment)) == E_OK);
	return err == E_NOENT ? E_OK : err;
}

err_t elf_interp(const struct elf *elf, char *name, uint64_t capacity)
{
	struct elf_segment segment;
	for (uint32_t i = 0; i < elf->headers; i++) {
		err_t err = elf_segment_at(elf, i, &segment);
		if (err != E_OK)
			return err;
		if (segment.type != ELF_INTERP)
			continue;
		uint64_t bytes = segment.file_bytes;
		if (bytes < 2 || bytes > ELF_INTERP_MAX)
			return E_CORRUPT;
		if (bytes > capacity)
			return E_TOOBIG;
		if (!fetch(elf, segment.offset, name, bytes))
			return E_CORRUPT;
		for (uint64_t j = 0; j < bytes; j++)
			if ((name[j] == 0) != (j == bytes - 1))
				return E_CORRUPT;
		return E_OK;
	}
	return E_NOENT;
}

/* -- symbols ----------------------------------------------------------------------------------- */

/* The table of section headers: where it is, how many there are; none if it is not in the file. */
static uint32_t sections(const struct elf *elf, uint64_t *table)
{
	struct file_header header;
	if (!fetch(elf, 0, &header, sizeof(header)) ||
	    header.shentsize != sizeof(struct section_header) ||
	    !range_ok(header.shoff, header.shnum * sizeof(struct section_header), elf->size))
		return 0;
	*table = header.shoff;
	return header.shnum;
}

/* The symbol table and its names, which lie in the file. */
static err_t find_symbols(const struct elf *elf, struct section_header *symbols,
                          struct section_header *names)
{
	uint64_t table = 0;
	uint32_t count = sections(elf, &table);
	for (uint32_t i = 0; i < count; i++) {
		if (!fetch(elf, table + i * sizeof(*symbols), symbols, sizeof(*symbols)))
			return E_CORRUPT;
		if (symbols->type != SYMBOL_TABLE)
			continue;
		if (symbols->link >= count ||
		    !fetch(elf, table + symbols->link * sizeof(*names), names, sizeof(*names)) ||
		    names->type != STRING_TABLE ||
		    !range_ok(names->offset, names->size, elf->size) ||
		    !range_ok(symbols->offset, symbols->size, elf->size))
			return E_CORRUPT;
		return E_OK;
	}
	return E_NOENT;
}

/* A string of the table, from a place on. */
static err_t copy_name(const struct elf *elf, const struct section_header *names, uint64_t at,
                       char *name, uint64_t capacity)
{
	uint64_t i = 0;
	char c = 0;
	do {
		if (!range_ok(at, i + 1, names->size) || !fetch(elf, names->offset + at + i, &c, 1))
			return E_CORRUPT;
		name[i] = i + 1 < capacity ? c : 0;
	} while (name[i++] != 0);
	return E_OK;
}

/* Symbols that were written in assembler have no size: they reach up to the next one. */
err_t elf_symbol(const struct elf *elf, uint64_t address, char *name, uint64_t capacity,
                 uint64_t *offset)
{
	struct section_header symbols, names;
	struct symbol symbol, best = { 0 };
	bool found = false;
	err_t err = find_symbols(elf, &symbols, &names);
	if (err != E_OK)
		return err;
	for (uint64_t i = 0; i < symbols.size / sizeof(symbol); i++) {
		if (!fetch(elf, symbols.offset + i * sizeof(symbol), &symbol, sizeof(symbol)))
			return E_CORRUPT;
		unsigned int type = symbol.info & TYPE_MASK;
		if (symbol.section == 0 || (type != SYMBOL_FUNCTION && type != 0) ||
		    symbol.value > address || (found && symbol.value < best.value))
			continue;
		/* Of two at the same place, the one that has a size. */
		if (found && symbol.value == best.value && best.size > 0)
			continue;
		best = symbol;
		found = true;
	}
	if (!found || (best.size > 0 && address - best.value >= best.size))
		return E_NOENT;
	*offset = address - best.value;
	return copy_name(elf, &names, best.name, name, capacity);
}
