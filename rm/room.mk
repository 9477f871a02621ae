# SPDX-License-Identifier: BSD-2-Clause
# rm: the resource manager, which is the root task. rm/sel4 becomes part of each system's image,
# with its boot archive (system/room.mk).
rm_USES := abi lib proto rt
$(call whole_library,rm/core,proto/dispatch.c $(B)/gen/proto/rm.c \
	$(addprefix lib/,deadline.c interval.c radix.c slab.c slotmap.c tree.c))
$(call unit_test,rm/sel4/boot_test.c,rm/sel4/boot.c)
