# SPDX-License-Identifier: BSD-2-Clause
# lib: pure C, no system: the same source runs in every program and in tests on the host.
lib_USES :=
$(call library,lib)
$(call unit_test,lib/format_test.c,lib/format.c)
$(call unit_test,lib/err_test.c,lib/err.c)
$(call unit_test,lib/list_test.c)
$(call unit_test,lib/tree_test.c,lib/tree.c)
$(call unit_test,lib/deadline_test.c,lib/deadline.c lib/tree.c)
$(call unit_test,lib/range_test.c)
$(call unit_test,lib/slotmap_test.c,lib/slotmap.c)
$(call unit_test,lib/slab_test.c,lib/slab.c)
$(call unit_test,lib/radix_test.c,lib/radix.c)
$(call unit_test,lib/interval_test.c,lib/interval.c lib/tree.c)
$(call unit_test,lib/bitmap_test.c,lib/bitmap.c)
$(call unit_test,lib/ring_test.c,lib/ring.c)
$(call unit_test,lib/buddy_test.c,lib/buddy.c lib/bitmap.c)
$(call unit_test,lib/elf_test.c,lib/elf.c)
$(call unit_test,lib/cpio_test.c,lib/cpio.c)
