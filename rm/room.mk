# SPDX-License-Identifier: BSD-2-Clause
# rm: the root task, which will be the resource manager. So far: a greeting and a monitor.
rm_USES := abi lib rt
$(call image_as,rm,rm,rt lib)
$(call unit_test,rm/line_test.c,rm/line.c)
$(call unit_test,rm/boot_test.c,rm/boot.c)
