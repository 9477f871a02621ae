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

# make fuzz-lib: libFuzzer on what reads a stranger's data; tests/fuzz/lib/README.md. clang's.
lib_fuzzed := cpio elf ring
FUZZ_LIB_RUNS ?= 1000000
lib_fuzzer = $(Q)clang $(COMMON) -fsanitize=fuzzer,address,undefined -fno-sanitize-recover=all \
	$(call includes,tests/fuzz/lib/) $(1) -o $@ $(filter %.c,$^)
lib_fuzz_needs := tests/fuzz/lib/fuzz.h $(wildcard lib/include/lib/*.h)
$(B)/fuzz/lib/%: tests/fuzz/lib/%.c lib/%.c $(lib_fuzz_needs)
	$(say) FUZZ $@; mkdir -p $(@D)
	$(call lib_fuzzer)
$(B)/fuzz/lib/%-canary: tests/fuzz/lib/%.c lib/%.c $(lib_fuzz_needs)
	$(say) FUZZ $@; mkdir -p $(@D)
	$(call lib_fuzzer,-DCANARY)
.PHONY: fuzz-lib $(addprefix fuzz-lib-,$(lib_fuzzed))
fuzz-lib: $(addprefix fuzz-lib-,$(lib_fuzzed))
lib_fuzz := -seed=1 -max_len=1024 -use_value_profile=1 -verbosity=0
$(addprefix fuzz-lib-,$(lib_fuzzed)): fuzz-lib-%: \
		$(B)/fuzz/lib/% $(B)/fuzz/lib/%-canary | need-check
	$(Q)mkdir -p $<.corpus; tests/fuzz/lib/seed $* $<.corpus/seed
	$(Q)rm -rf $<-canary.corpus; mkdir $<-canary.corpus; cp $<.corpus/seed $<-canary.corpus; \
		$<-canary $(lib_fuzz) -runs=5000000 -artifact_prefix=$<-canary. \
			$<-canary.corpus >$<-canary.log 2>&1; \
		grep -q 'deadly signal' $<-canary.log || \
			{ echo 'fuzz-lib: $*: the canary was not found'; exit 1; }
	$(Q)$< $(lib_fuzz) -runs=$(FUZZ_LIB_RUNS) -artifact_prefix=$<. $<.corpus >$<.log 2>&1 || \
		{ cat $<.log; exit 1; }; echo 'fuzz-lib: $*: nothing found'
