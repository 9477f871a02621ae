# SPDX-License-Identifier: BSD-2-Clause
# kernel: the embedded kernel, a root task cannot tell it from seL4. Nothing above may include it.
kernel_USES := abi
kernel_SOURCES := $(wildcard kernel/*.c kernel/*.S kernel/arch/x86_64/*.c kernel/arch/x86_64/*.S \
	kernel/plat/pc/*.c)
kernel_PRIVATE := kernel kernel/arch/x86_64 kernel/plat/pc
kernel_SCRIPT := kernel/arch/x86_64/kernel.ld

# Two kernels from the same sources; the debug one adds checks and messages.
ifneq ($(wildcard $(kernel_SCRIPT)),)
$(call kernel,release,-DCONFIG_DEBUG=0)
$(call kernel,debug,-DCONFIG_DEBUG=1)
endif
