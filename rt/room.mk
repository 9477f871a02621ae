# SPDX-License-Identifier: BSD-2-Clause
# rt: what a native program starts with: the seL4 stubs, how the stubs of interfaces call, the start
# of a root task and of all others, libc, servers and clients, loading programs.
rt_USES := abi lib proto
rt_EXPORTS := abi
$(call library,rt)
$(call unit_test,rt/start_block_test.c,rt/start_block.c)
$(call unit_test,rt/slots_test.c,rt/slots.c)
$(call unit_test,rt/badge_test.c,rt/badge.c)
$(call unit_test,rt/client_memory_test.c,rt/client_memory.c rt/client_copy.S)
$(call unit_test,rt/client_window_test.c,rt/client_memory.c rt/client_copy.S)
include rt/musl.mk
