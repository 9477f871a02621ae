/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * From start.S to root_main(). FS comes first: the stubs of all calls find the IPC buffer by it.
 */
#include <rt/root.h>
#include <rt/sel4.h>

static struct rt_thread main_thread;

_Noreturn void rt_root_start(const struct abi_boot_info *info);

_Noreturn void rt_root_start(const struct abi_boot_info *info)
{
	main_thread.self = &main_thread;
	main_thread.ipc_buffer = (struct abi_ipc_buffer *)info->ipc_buffer;
	sel4_set_tls_base((word_t)&main_thread);
	root_main(info);
}
