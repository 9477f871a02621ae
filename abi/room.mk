# SPDX-License-Identifier: BSD-2-Clause
# abi: the seL4 API's facts, once, for the kernel and for everything above it. Headers only.
abi_USES :=
$(call unit_test,abi/abi_test.c)
