# SPDX-License-Identifier: BSD-2-Clause
# Servers whose clients take lent memory away: a system of which init is the test.
$(call interface_for_test,tests/guard/lent.idl)
$(call library,tests/nth)
guard_programs := guard_server guard_client guard_pager
$(foreach p,$(guard_programs),$(call program,tests/guard/$(p),proto rt lib))
$(call program,tests/guard/guard_init,tests/nth proto rt lib)
$(call program_nth,tests/guard/guard_server,proto rt lib)
$(foreach p,guard_init $(guard_programs) guard_server_nth,$(B)/prog/$(p).elf): \
	$(B)/user/$(B)/gen/proto/lent.c.o
guard_files := $(foreach p,$(guard_programs) guard_server_nth,$(p)=$(B)/prog/$(p).elf)
$(B)/system/guard.cpio: $(foreach p,guard_init $(guard_programs) guard_server_nth,\
		$(B)/prog/$(p).elf) tools/archive
	$(say) CPIO $@; mkdir -p $(@D)
	$(Q)tools/archive $@ init=$< $(guard_files)
$(B)/image/tests/guard/rm/sel4/archive.S.o: $(B)/system/guard.cpio
# rm can be asked whether it is right, as in tests/rm.
$(call image_as,tests/guard,rm/sel4 tests/valid,rm/core proto rt lib,\
	-DARCHIVE=\"$(B)/system/guard.cpio\" -Irm/core -Irm/include)

# The same, with handlers of their own in the servers: a file says so.
$(B)/system/guard-internal.cpio: $(B)/system/guard.cpio tests/guard/README.md
	$(say) CPIO $@; mkdir -p $(@D)
	$(Q)tools/archive $@ init=$(B)/prog/guard_init.elf $(guard_files) \
		internal=tests/guard/README.md
$(B)/image/tests/guard-internal/rm/sel4/archive.S.o: $(B)/system/guard-internal.cpio
$(call image_as,tests/guard-internal,rm/sel4 tests/valid,rm/core proto rt lib,\
	-DARCHIVE=\"$(B)/system/guard-internal.cpio\" -Irm/core -Irm/include)

# user/kv and user/filter, of which every access fails in turn.
$(foreach p,kv filter,$(call program_nth,user/$(p),proto rt lib))
$(call program,tests/guard/values_init,tests/nth proto rt lib)
$(B)/system/values.cpio: $(foreach p,values_init kv_nth filter_nth,$(B)/prog/$(p).elf) tools/archive
	$(say) CPIO $@; mkdir -p $(@D)
	$(Q)tools/archive $@ init=$< $(foreach p,kv_nth filter_nth,$(p)=$(B)/prog/$(p).elf)
$(B)/image/tests/values/rm/sel4/archive.S.o: $(B)/system/values.cpio
$(call image_as,tests/values,rm/sel4,rm/core proto rt lib,-DARCHIVE=\"$(B)/system/values.cpio\")
