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

# user/kv, user/filter and user/logger, of which every access fails in turn.
$(foreach p,kv filter logger,$(call program_nth,user/$(p),proto rt lib))
$(call program,tests/guard/values_init,tests/nth proto rt lib)
$(B)/system/values.cpio: $(foreach p,values_init kv_nth filter_nth logger_nth,\
		$(B)/prog/$(p).elf) tools/archive
	$(say) CPIO $@; mkdir -p $(@D)
	$(Q)tools/archive $@ init=$< \
		$(foreach p,kv_nth filter_nth logger_nth,$(p)=$(B)/prog/$(p).elf)
$(B)/image/tests/values/rm/sel4/archive.S.o: $(B)/system/values.cpio
$(call image_as,tests/values,rm/sel4,rm/core proto rt lib,-DARCHIVE=\"$(B)/system/values.cpio\")

# The same servers, of the same objects, with tests/guard/guarded between them and rt: windows can
# be accessed in guards only, and no byte of them is read twice in a request. It takes names of rt's
# and calls what rt has by them plain_NAME.
$(call library,tests/guard/guarded)
guarded_client_memory := client_read client_write client_copy client_load32 client_load64 \
	client_store32 client_store64 client_cas32 client_strnlen client_reread window_begin \
	window_end window_run window_drop
guarded_share := rt_window_map rt_window_unmap
guarded_server := rt_server_start
guarded_objects := $(patsubst %,$(B)/prog/guarded/%.o,client_memory share server)
$(B)/prog/guarded/%.o: $(B)/user/rt/%.c.o tests/guard/guard.mk
	$(say) OBJCPY $@; mkdir -p $(@D)
	$(Q)$(OBJCOPY) $(foreach n,$(guarded_$*),--redefine-sym $(n)=plain_$(n)) \
		--redefine-sym proto_dispatch=guarded_dispatch $< $@
$(B)/lib/rt_guarded.a: $(B)/lib/rt.a $(guarded_objects)
	$(say) AR $@
	$(Q)cp $< $@.new; $(AR) dD $@.new $(patsubst %.o,%.c.o,$(notdir $(guarded_objects))); \
		$(AR) rcsD $@.new $(guarded_objects); mv $@.new $@

# $(1): DIR, $(2): NAME, $(3): libraries, $(4): for the linker
define guarded_rules
programs += $(B)/prog/$(2).elf
$(B)/prog/$(2).elf: $(call objects_in,prog/obj,$(1)) \
		$(patsubst %,$(B)/lib/%.a,$(3) tests/guard/guarded proto rt_guarded lib) \
		$(B)/sources
	$$(say) LD $$@; mkdir -p $$(@D)
	$$(Q)$$(LD) $$(IMAGE_LDFLAGS) $$(PROGRAM_LDFLAGS) $(4) -o $$(@:.elf=.debug) \
		$$(filter %.o,$$^) --start-group $$(filter %.a,$$^) --end-group
	$$(Q)$$(OBJCOPY) --strip-debug $$(@:.elf=.debug) $$@
all: $(B)/prog/$(2).elf
endef
program_guarded = $(eval $(call guarded_rules,$(1),$(notdir $(1))_guarded))
program_nth_guarded = $(eval $(call guarded_rules,$(1),$(notdir $(1))_nth_guarded,\
	tests/nth,$(addprefix --wrap=,$(nth_wrapped))))
$(foreach p,user/kv user/filter tests/guard/guard_server,\
	$(call program_guarded,$(p))$(call program_nth_guarded,$(p)))
$(call program_guarded,user/logger)
$(call program_nth_guarded,user/logger)
guarded_elf = $(foreach p,$(1),$(p)=$(B)/prog/$(p)_guarded.elf)
guarded_elves := $(foreach p,kv filter guard_server,$(B)/prog/$(p)_guarded.elf \
	$(B)/prog/$(p)_nth_guarded.elf) $(B)/prog/logger_guarded.elf \
	$(B)/prog/logger_nth_guarded.elf
$(B)/prog/guard_server_guarded.elf $(B)/prog/guard_server_nth_guarded.elf: \
	$(B)/user/$(B)/gen/proto/lent.c.o

# $(call guarded_system,NAME,FILE=ELF...): tests/NAME.elf, with the archive system/NAME.cpio.
define guarded_system_rules
$(B)/system/$(1).cpio: $(guarded_elves) $(filter $(B)/%,$(subst =, ,$(2))) tools/archive \
		tests/guard/guard.mk
	$$(say) CPIO $$@; mkdir -p $$(@D)
	$$(Q)tools/archive $$@ $(2)
$(B)/image/tests/$(1)/rm/sel4/archive.S.o: $(B)/system/$(1).cpio
$(call image_rules,tests/$(1),rm/sel4 tests/valid,rm/core proto rt lib,\
	-DARCHIVE=\"$(B)/system/$(1).cpio\" -Irm/core -Irm/include)
endef
guarded_system = $(eval $(call guarded_system_rules,$(1),$(2)))
$(call guarded_system,guarded,init=$(B)/prog/guard_init.elf \
	guard_client=$(B)/prog/guard_client.elf guard_pager=$(B)/prog/guard_pager.elf \
	guarded=tests/guard/README.md \
	$(call guarded_elf,guard_server guard_server_nth))
$(call guarded_system,guarded-values,init=$(B)/prog/values_init.elf \
	$(call guarded_elf,kv_nth filter_nth logger_nth))
$(B)/system/guarded-demo.manifest: system/demo.manifest tests/guard/guard.mk
	$(Q)mkdir -p $(@D); sed 's/^program demo$$/&\n\targuments guarded/' $< >$@
$(call guarded_system,guarded-demo,manifest=$(B)/system/guarded-demo.manifest \
	init=$(B)/prog/init.elf demo=$(B)/prog/demo.elf attacker=$(B)/prog/attacker.elf \
	$(call guarded_elf,kv filter))
$(call guarded_system,guarded-logger,manifest=tests/system/logger.manifest \
	init=$(B)/prog/init.elf client=$(B)/prog/client.elf $(call guarded_elf,logger))

# Mistakes that the guarded server does not outlive, and the other one does.
$(call program,tests/guard/planted_init,proto rt lib)
$(B)/prog/planted_init.elf: $(B)/user/$(B)/gen/proto/lent.c.o
$(call guarded_system,planted,init=$(B)/prog/planted_init.elf \
	guard_server=$(B)/prog/guard_server.elf guarded=$(B)/prog/guard_server_guarded.elf)
