/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * From start.S to main(): FS and the IPC buffer first, for every invocation needs them; then the
 * allocators, then the console.
 */
#include <test/env.h>
#include <test/print.h>
#include <test/thread.h>

int main(const struct abi_boot_info *info);
_Noreturn void entry(const struct abi_boot_info *info);

static struct rt_thread main_block;

_Noreturn void entry(const struct abi_boot_info *info)
{
	main_block.self = &main_block;
	main_block.ipc_buffer = (struct abi_ipc_buffer *)info->ipc_buffer;
	sel4_set_tls_base((word_t)&main_block);
	env_init(info);
	console_init();
	machine_exit(main(info) == 0);
}

struct thread *thread_self(void)
{
	struct rt_thread *block;
	__asm__("movq %%fs:0, %0" : "=r"(block));
	return block == &main_block ? NULL : (struct thread *)block;
}
