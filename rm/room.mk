# SPDX-License-Identifier: BSD-2-Clause
# rm: the resource manager, which is the root task. rm/sel4 becomes part of each system's image,
# with its boot archive (system/room.mk).
rm_USES := abi lib proto rt
$(call library,rm/core)
$(call unit_test,rm/sel4/boot_test.c,rm/sel4/boot.c)
