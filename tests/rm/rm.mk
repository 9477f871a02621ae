# SPDX-License-Identifier: BSD-2-Clause
# rm: a system of which init is the test of rm; it starts actors out of its own file.
$(call program,tests/rm/rm_init,proto rt lib)
$(B)/system/rm-tests.cpio: $(B)/prog/rm_init.elf tools/archive
	$(say) CPIO $@; mkdir -p $(@D)
	$(Q)tools/archive $@ init=$<
$(B)/image/tests/rm/rm/sel4/archive.S.o: $(B)/system/rm-tests.cpio
# Here alone rm can be asked whether it is right (tests/valid), which looks into the core.
$(call image_as,tests/rm,rm/sel4 tests/valid,rm/core proto rt lib,\
	-DARCHIVE=\"$(B)/system/rm-tests.cpio\" -Irm/core -Irm/include)
$(B)/tidy/tests/valid/%.ok: private COMMON += -Irm/core -Irm/include

# A short run of the same is a suite of `make test`. CALLS=n SEED=n
fuzz-rm: $(kernels) $(B)/tests/rm.elf | need-run
	$(Q)tools/qemu --kernel $(or $(KERNEL),$(B)/kernel/debug/kernel32.elf) \
		--image $(B)/tests/rm.elf --limit 7200 --log $(B)/fuzz-rm.log -- \
		-fw_cfg name=opt/rm/calls,string=$(CALLS) \
		-fw_cfg name=opt/rm/seed,string=$(SEED)
.PHONY: fuzz-rm
