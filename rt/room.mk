# SPDX-License-Identifier: BSD-2-Clause
# rt: what a native program starts with: the seL4 stubs, how the stubs of interfaces call, the start
# of a root task, and libc.
rt_USES := abi lib proto
rt_EXPORTS := abi
$(call library,rt)
include rt/musl.mk
