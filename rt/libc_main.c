/* SPDX-License-Identifier: BSD-2-Clause */
/* A program with libc: its rt_main(), which comes to its main(). See rt/program.h, rt/libc.h. */
#include <rt/program.h>

int main(int argc, char **argv, char **envp);

int rt_main(const struct rt_start *start)
{
	static char *argv[RT_ARGS_MAX + 1], *envp[RT_ARGS_MAX + 1];
	char *const block = (char *)(uintptr_t)start;
	const uint32_t *offsets = (const uint32_t *)(block + start->argv);
	for (uint32_t i = 0; i < start->argc; i++)
		argv[i] = block + offsets[i];
	offsets = (const uint32_t *)(block + start->env);
	for (uint32_t i = 0; i < start->envc; i++)
		envp[i] = block + offsets[i];
	const struct rt_libc_start libc = { .argc = (int)start->argc,
		                            .argv = argv,
		                            .envp = envp,
		                            .ipc_buffer = (void *)start->ipc_buffer,
		                            .random = start->random };
	rt_libc_start(&libc, main);
}
