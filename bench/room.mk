# SPDX-License-Identifier: BSD-2-Clause
# bench: what things cost, in instructions; the same work on Freehold and on Linux.
# bench/kernel is a root-task image that links the framework of the test programs.
bench_USES := abi rt
bench_INCLUDES := tests/qemu/lib/include
$(if $(wildcard bench/kernel/*.c),$(call image,bench/kernel,tests/qemu/lib rt lib))
