# SPDX-License-Identifier: BSD-2-Clause
# rt: what a native program starts with. So far: the seL4 stubs, and the start of a root task.
rt_USES := abi
$(call library,rt)
