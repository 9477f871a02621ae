/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Reads ELF files of x86-64 (64 bits, little end first): what is to be loaded, and where.
 *
 * The file is any bytes, made by an enemy if need be. Every header is copied out once and the copy
 * is checked, so nothing outside [bytes, bytes+size) is read, and nothing that is returned points
 * or reaches outside, even if somebody writes the file meanwhile. (The bytes of a segment are then
 * still theirs.) Nothing is allocated, nothing is written but the results.
 *
 * Limits: at most 65,534 program headers. Section headers are looked at for symbols only; a file
 * needs none.
 */
#pragma once
#include <lib/err.h>
#include <stdbool.h>
#include <stdint.h>

struct elf {
	const unsigned char *bytes; /* No ownership. */
	uint64_t size;
	uint64_t entry;      /* address of the first instruction; not checked to lie in a segment */
	uint64_t table;      /* offset of the program headers, which lie in the file */
	uint32_t headers;    /* program headers */
	bool is_relocatable; /* ET_DYN: addresses count from wherever it is put */
};

enum elf_segment_type {
	ELF_NULL = 0,
	ELF_LOAD = 1,
	ELF_DYNAMIC = 2,
	ELF_INTERP = 3,
	ELF_PHDR = 6,
	ELF_TLS = 7,
	ELF_STACK = 0x6474e551, /* GNU */
	ELF_RELRO = 0x6474e552, /* GNU */
};

enum { ELF_EXECUTE = 1, ELF_WRITE = 2, ELF_READ = 4, ELF_INTERP_MAX = 4096 };

/*
 * A program header. Of those of type LOAD holds: [offset, offset+file_bytes) lies in the file,
 * file_bytes <= mem_bytes, vaddr+mem_bytes does not wrap, align is a power of 2 (1 for none), vaddr
 * and offset are equal modulo align. Of TLS, INTERP and DYNAMIC the same but for the last. Of
 * others the fields are as in the file.
 */
struct elf_segment {
	uint32_t type; /* enum elf_segment_type, or any other */
	uint32_t flags;
	uint64_t offset, vaddr, file_bytes, mem_bytes, align;
};

/* CORRUPT: no ELF file, or the table is not in it. UNSUPPORTED: for another machine, no program. */
err_t elf_open(struct elf *elf, const void *bytes, uint64_t size);

/* Program header i. RANGE: there are not so many. CORRUPT: it is not as said above. */
err_t elf_segment_at(const struct elf *elf, uint32_t i, struct elf_segment *segment);

/* Where a walk over what is to be loaded stands; begins all zero. */
struct elf_walk {
	uint32_t next;
	uint64_t end; /* of the segment before */
};

/*
 * The next segment of type LOAD that is not empty. NOENT: that was the last one. CORRUPT: a header
 * is wrong, or segments overlap or do not ascend.
 */
err_t elf_next_load(const struct elf *elf, struct elf_walk *walk, struct elf_segment *segment);

/* All of them lie in [*low, *high). CORRUPT as above; NOENT: there are none. */
err_t elf_span(const struct elf *elf, uint64_t *low, uint64_t *high);

/*
 * The interpreter's name, with its closing 0, into name, which has capacity bytes. NOENT: none is
 * asked for. TOOBIG: it does not fit. CORRUPT: no proper name.
 */
err_t elf_interp(const struct elf *elf, char *name, uint64_t capacity);

/*
 * The function at an address, as the symbol table has it: its name, cut off after capacity - 1
 * characters and ended by 0, and how far into it the address is. capacity is not 0. NOENT: there is
 * none there, or no symbol table. CORRUPT: the table is not as it should be. Looks at every symbol.
 */
err_t elf_symbol(const struct elf *elf, uint64_t address, char *name, uint64_t capacity,
                 uint64_t *offset);
