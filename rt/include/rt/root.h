/* SPDX-License-Identifier: BSD-2-Clause */
/* The start of a root task, the program that the kernel itself starts. */
#pragma once
#include <abi/abi.h>

/* The program's main: its stack, FS and the IPC buffer are there. It has nowhere to return to. */
_Noreturn void root_main(const struct abi_boot_info *info);
