# SPDX-License-Identifier: BSD-2-Clause
# bench: what things cost, in instructions; the same work on Freehold and on Linux.
# bench/kernel is a root-task image that links the framework of the test programs.
bench_USES := abi lib proto rt
bench_INCLUDES := tests/qemu/lib/include bench/rm
$(if $(wildcard bench/kernel/*.c),$(call image,bench/kernel,tests/qemu/lib rt lib))

# bench/rm: a system of which init measures, and starts the programs that measure the rest.
bench_programs := bench_null bench_server bench_client
$(call library,bench/rm)
$(foreach p,bench_init $(bench_programs),$(call program,bench/rm/$(p),bench/rm proto rt lib))
$(B)/system/bench.cpio: $(patsubst %,$(B)/prog/%.elf,bench_init $(bench_programs)) tools/archive
	$(say) CPIO $@; mkdir -p $(@D)
	$(Q)tools/archive $@ init=$< $(foreach p,$(bench_programs),$(p)=$(B)/prog/$(p).elf)
$(B)/image/bench/rm/rm/sel4/archive.S.o: $(B)/system/bench.cpio
$(call image_as,bench/rm,rm/sel4,rm/core proto rt lib,-DARCHIVE=\"$(B)/system/bench.cpio\")

# bench/protocols: another such system, of memory across sessions.
$(foreach p,bench_lender bench_borrower,$(call program,bench/protocols/$(p),bench/rm proto rt lib))
$(B)/system/protocols.cpio: $(B)/prog/bench_lender.elf $(B)/prog/bench_borrower.elf tools/archive
	$(say) CPIO $@; mkdir -p $(@D)
	$(Q)tools/archive $@ init=$< bench_borrower=$(B)/prog/bench_borrower.elf
$(B)/image/bench/protocols/rm/sel4/archive.S.o: $(B)/system/protocols.cpio
$(call image_as,bench/protocols,rm/sel4,rm/core proto rt lib,\
	-DARCHIVE=\"$(B)/system/protocols.cpio\")

# bench/hostile: a system with init and kv, of an honest client and a hostile one.
$(foreach p,bench_honest bench_hostile,$(call program,bench/hostile/$(p),bench/rm proto rt lib))
$(call system,bench/hostile,bench/hostile/hostile.manifest,init kv bench_honest bench_hostile)
