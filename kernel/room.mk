# SPDX-License-Identifier: BSD-2-Clause
# kernel: the embedded kernel, a root task cannot tell it from seL4. Nothing above may include it.
kernel_USES := abi
kernel_SOURCES := $(filter-out %_test.c,$(wildcard kernel/*.c kernel/*.S kernel/arch/x86_64/*.c \
	kernel/arch/x86_64/*.S kernel/plat/pc/*.c))
kernel_PRIVATE := kernel kernel/arch/x86_64 kernel/plat/pc
kernel_SCRIPT := kernel/arch/x86_64/kernel.ld

# Two kernels from the same sources; the debug one adds checks and messages.
ifneq ($(wildcard $(kernel_SCRIPT)),)
$(call kernel,release,-DCONFIG_DEBUG=0)
$(call kernel,debug,-DCONFIG_DEBUG=1)
endif

# All registers are saved when this file's one function is entered: gcc can be told so.
ifeq ($(findstring clang,$(CC)),)
$(B)/kernel/%/obj/kernel/fastpath.c.o: private KERNEL_CFLAGS += -fcall-used-rbx \
	-fcall-used-r12 -fcall-used-r13 -fcall-used-r14 -fcall-used-r15
endif

# Host tests of what reads the boot loader's, the firmware's and the root task's words.
$(B)/unit/kernel/%: UNIT_CFLAGS += $(addprefix -I,$(kernel_PRIVATE))
$(call unit_test,kernel/boot_memory_test.c,kernel/boot_memory.c kernel/boot_test.c)
$(call unit_test,kernel/boot_image_test.c,kernel/boot_image.c kernel/boot_test.c)
$(call unit_test,kernel/plat/pc/firmware_test.c,kernel/plat/pc/acpi.c kernel/plat/pc/multiboot.c \
	kernel/boot_test.c)
