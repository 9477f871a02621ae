/* SPDX-License-Identifier: BSD-2-Clause */
/* From a native program's start to musl's: see rt/libc.h. */
#include <rt/libc.h>

/* The auxiliary vector's entries, and its longest length. (Nothing says 0 for those not there.) */
enum {
	AT_NULL = 0,
	AT_PHDR = 3,
	AT_PHENT = 4,
	AT_PHNUM = 5,
	AT_PAGESZ = 6,
	AT_RANDOM = 25,
	AT_SYSINFO = 32,
	AUX_MAX = 8,
};

struct elf_head {
	unsigned char before[32];
	uint64_t phoff;
	unsigned char between[14];
	uint16_t phentsize, phnum;
};
_Static_assert(offsetof(struct elf_head, phentsize) == 54, "as in an ELF file of 64 bits");

/* The linker's: the program's own ELF header, where it was loaded. */
extern const struct elf_head __ehdr_start __attribute__((visibility("hidden")));

/* musl's; the last three are not looked at. */
_Noreturn int __libc_start_main(int (*main)(int, char **, char **), int argc, char **argv,
                                void (*init)(void), void (*fini)(void), void (*ldso)(void));

/* musl keeps pointers into it. */
static uintptr_t block[RT_LIBC_STRINGS_MAX + 2 + 2 * AUX_MAX];

static uintptr_t *aux_put(uintptr_t *to, uintptr_t entry, uintptr_t value)
{
	to[0] = entry;
	to[1] = value;
	return to + 2;
}

_Noreturn void rt_libc_start(const struct rt_libc_start *start,
                             int (*main)(int argc, char **argv, char **envp))
{
	static const char too_many[] = "libc: too many arguments\n";
	size_t argc = (size_t)start->argc, envc = 0;
	while (envc <= RT_LIBC_STRINGS_MAX && start->envp[envc])
		envc++;
	if (argc > RT_LIBC_STRINGS_MAX || envc > RT_LIBC_STRINGS_MAX - argc) {
		rt_log_write(too_many, sizeof(too_many) - 1);
		rt_exit(127);
	}
	uintptr_t *to = block;
	for (size_t i = 0; i < argc; i++)
		*to++ = (uintptr_t)start->argv[i];
	*to++ = 0;
	for (size_t i = 0; i < envc; i++)
		*to++ = (uintptr_t)start->envp[i];
	*to++ = 0;
	to = aux_put(to, AT_PHDR, (uintptr_t)&__ehdr_start + __ehdr_start.phoff);
	to = aux_put(to, AT_PHENT, __ehdr_start.phentsize);
	to = aux_put(to, AT_PHNUM, __ehdr_start.phnum);
	to = aux_put(to, AT_PAGESZ, 4096);
	to = aux_put(to, AT_RANDOM, (uintptr_t)start->random);
	/* musl writes it at %fs:32 of its block, where the stubs find the IPC buffer. */
	to = aux_put(to, AT_SYSINFO, (uintptr_t)start->ipc_buffer);
	(void)aux_put(to, AT_NULL, 0);
	__libc_start_main(main, start->argc, (char **)block, 0, 0, 0);
}
