# SPDX-License-Identifier: BSD-2-Clause
# tests: everything that `make test` runs. A suite is listed in tests/suites.
tests_USES := abi lib proto rt
tests_INCLUDES := tests/qemu/lib/include tests/nth/include tests/rt/include

# The framework of the test programs: entry, console, allocator.
$(call library,tests/qemu/lib)

# Each other directory of tests/qemu is a root-task image. (tests/fuzz/lib: lib/room.mk.)
tests_programs := $(patsubst %/,%,$(sort $(dir $(wildcard tests/qemu/*/*.c tests/fuzz/*/*.c))))
$(foreach d,$(filter-out tests/qemu/lib tests/fuzz/lib,$(tests_programs)),\
	$(call image,$(d),tests/qemu/lib rt lib))

# The interface generator: its tests' own interface, and what is random against all of them.
$(call interface_for_test,proto/golden/test.idl)
tests_interfaces := test $(basename $(notdir $(wildcard proto/*.idl)))
$(call unit_test,tests/proto/idl_test.c,tests/proto/fuzz.c proto/dispatch.c \
	$(foreach i,$(tests_interfaces),$(addprefix $(B)/gen/proto/,$(i).c $(i)_fuzz.c)))
$(foreach i,$(tests_interfaces),$(call fuzzer,$(i)))

# libc, on the host: a native program but for what is below rt/libc.h.
$(call libc_image,tests/libc,tests/libc,libc rt lib,-fno-builtin)

# A root task that fails.
$(call image,tests/crash)

$(call fake_guest,$(wildcard tests/fake/*.S))

# rt: a system of which init is the test of rt; it starts the others.
$(foreach p,rt_init rt_null rt_server,$(call program,tests/rt/$(p),proto rt lib))
$(call program,tests/rt/rt_libc,libc proto rt lib)
$(B)/prog/rt_init.elf $(B)/prog/rt_server.elf: $(B)/user/$(B)/gen/proto/test.c.o
rt_files := $(foreach p,rt_null rt_server rt_libc echo ping,$(p)=$(B)/prog/$(p).elf)
$(B)/system/rt.cpio: $(B)/prog/rt_init.elf $(foreach f,$(rt_files),$(lastword $(subst =, ,$(f)))) \
		tools/archive
	$(say) CPIO $@; mkdir -p $(@D)
	$(Q)tools/archive $@ init=$< $(rt_files) garbage=tests/suites
$(B)/image/tests/rt/rm/sel4/archive.S.o: $(B)/system/rt.cpio
$(call image_as,tests/rt,rm/sel4,rm/core proto rt lib,-DARCHIVE=\"$(B)/system/rt.cpio\")

# Systems that end by themselves, or cannot be started (tests/system).
$(foreach s,once fails wrong absent cramped,\
	$(call system,tests/$(s),tests/system/$(s).manifest,init uart echo ping))
$(call system,tests/lent,tests/system/lent.manifest,init kv filter client)
$(call system,tests/logger,tests/system/logger.manifest,init logger client)
$(call program,tests/system/hang,proto rt lib)
$(call system,tests/watchdog,tests/system/watchdog.manifest,$(system_programs) hang)
$(call system,tests/stress,tests/system/stress.manifest,$(system_programs))

# The simulation of rm's core.
include tests/sim/sim.mk

# The protocols' models (docs/design/models): all of it, for minutes; make test has a part.
.PHONY: models
models: | need-models
	$(Q)tests/models/run --jobs $(JOBS) --cc $(CC) --out $(B)/models all

# rm on the running kernel.
include tests/rm/rm.mk

# Lent memory that is taken away.
include tests/guard/guard.mk

# The trace.
include tests/trace/trace.mk
