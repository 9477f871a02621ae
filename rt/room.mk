# SPDX-License-Identifier: BSD-2-Clause
# rt: what a native program starts with. So far: the seL4 stubs, how the stubs of interfaces call,
# and the start of a root task.
rt_USES := abi lib proto
$(call library,rt)
