# SPDX-License-Identifier: BSD-2-Clause
# Freehold's build: one tree, one make. `make help` lists the targets.
#
# Each top directory with a room.mk is a room. <room>_USES in it names the rooms whose public
# headers its sources may include; nothing else is on their include path. Programs are declared
# in a room's room.mk with the macros of tools/build.mk. Everything made lies below build/.

.DEFAULT_GOAL := all
.SUFFIXES:
.DELETE_ON_ERROR:

# In parallel by default; `make JOBS=1` for one at a time.
JOBS ?= $(shell nproc 2>/dev/null || echo 2)
ifeq ($(MAKELEVEL),0)
MAKEFLAGS += -j$(JOBS)
endif
MAKEFLAGS += -rR --no-print-directory

ifneq ($(filter default undefined,$(origin CC)),)
CC := gcc
endif
export CC

# make run: the kernel image (ours, unless named), the system (one of system/), or else any root
# task's image, memory, our debug kernel.
KERNEL ?=
SYSTEM ?= dynamic
IMAGE ?= $(B)/$(SYSTEM).elf
MEM ?= 512
DEBUG ?= 0
V ?= 0
FUZZ_RUNS ?= 1000000

B := build

include tools/build.mk
ROOMS := $(patsubst %/room.mk,%,$(wildcard */room.mk))
include $(addsuffix /room.mk,$(ROOMS))
-include $(depfiles) $(all_objects:.o=.d)
$(all_objects) $(depfiles:.d=.o) $(tidied) $(alone) $(client_checked): | $(generated)

$(call iso,freehold,$(B)/kernel/release/kernel.elf,$(B)/dynamic.elf)

OUR_KERNEL := $(B)/kernel/$(if $(filter 1,$(DEBUG)),debug,release)/kernel32.elf
RUN_KERNEL := $(or $(KERNEL),$(OUR_KERNEL))
kernel_made := $(if $(KERNEL),,$(OUR_KERNEL))

.PHONY: all kernel images tests-images run trace test check text-check format iso bench \
	bench-kernel bench-rm bench-protocols bench-hostile fuzz fuzz-proto mutants docs size \
	clean help

all: $(kernels) $(images)

kernel: $(kernels)

images: $(images)

tests-images: $(filter $(B)/tests/% $(B)/bench/%,$(images)) $(fake_guests)

run: $(kernel_made) $(IMAGE) | need-run
	$(Q)tools/qemu --console --kernel $(RUN_KERNEL) --image $(IMAGE) --memory $(MEM) \
		--log $(B)/run.log

.PHONY: demo
demo: $(kernel_made) $(B)/demo.elf | need-run
	$(Q)tools/qemu --kernel $(RUN_KERNEL) --image $(B)/demo.elf --memory $(MEM) --limit 120 \
		--log $(B)/demo.log

COMMANDS ?= echo hello; ping 3; kill echo; echo again
trace: export COMMANDS := $(COMMANDS)
trace: $(kernel_made) $(B)/trace.elf | need-run
	$(Q)rm -f $(B)/trace.raw; printf '%s\n' "$$COMMANDS" | sed 's/; */\n/g' | \
		tools/qemu --console --quiet --limit 120 --kernel $(RUN_KERNEL) \
		--image $(B)/trace.elf --memory $(MEM) \
		--log $(B)/trace-console.log -- -debugcon file:$(B)/trace.raw
	$(Q)tools/trace $(B)/trace.raw >$(B)/trace.log
	@echo '$(B)/trace.log: '$$(wc -l <$(B)/trace.log)' lines'

# With KERNEL=path, only the suites that hold on any seL4 kernel are run, on that kernel.
test: $(kernels) $(images) $(fake_guests) $(unit_tests) $(isos) | need-test
	$(Q)tests/run --jobs $(JOBS) $(if $(KERNEL),--kernel $(KERNEL)) $(SUITES)

# The other compiler builds everything too, without a warning.
check: text-check $(tidied) $(alone) $(client_checked) | need-check
	$(Q)$(MAKE) B=$(B)/other CC=$(if $(clang),gcc,clang) all

size: | need-idl
	$(Q)tools/size rm

text-check: | need-check
	$(Q)tools/check

format: | need-check
	$(Q)git ls-files '*.c' '*.h' | grep -v '^tests/fake/' | xargs clang-format -i

iso: $(isos)

bench: bench-kernel bench-rm bench-protocols bench-hostile

bench-kernel: $(if $(KERNEL),,$(B)/kernel/release/kernel32.elf) $(B)/bench/kernel.elf \
		$(B)/tests/fake/ticks.elf | need-run
	$(Q)tools/bench $(if $(KERNEL),--no-bars) --entry $(B)/tests/fake/ticks.elf \
		--kernel $(or $(KERNEL),$(B)/kernel/release/kernel32.elf) \
		--image $(B)/bench/kernel.elf --log $(B)/bench-kernel.log

bench-rm: $(if $(KERNEL),,$(B)/kernel/release/kernel32.elf) $(B)/bench/rm.elf \
		$(B)/tests/fake/ticks.elf | need-run
	$(Q)tools/bench $(if $(KERNEL),--no-bars) --entry $(B)/tests/fake/ticks.elf \
		--kernel $(or $(KERNEL),$(B)/kernel/release/kernel32.elf) \
		--image $(B)/bench/rm.elf --log $(B)/bench-rm.log

bench-protocols: $(if $(KERNEL),,$(B)/kernel/release/kernel32.elf) \
		$(B)/bench/protocols.elf | need-run
	$(Q)tools/bench $(if $(KERNEL),--no-bars) \
		--kernel $(or $(KERNEL),$(B)/kernel/release/kernel32.elf) \
		--image $(B)/bench/protocols.elf --log $(B)/bench-protocols.log

bench-hostile: $(if $(KERNEL),,$(B)/kernel/release/kernel32.elf) \
		$(B)/bench/hostile.elf | need-run
	$(Q)tools/bench $(if $(KERNEL),--no-bars) \
		--kernel $(or $(KERNEL),$(B)/kernel/release/kernel32.elf) \
		--image $(B)/bench/hostile.elf --log $(B)/bench-hostile.log

# A short run of the same program is a suite of `make test`.
CALLS ?= 10000000
SEED ?= 1
fuzz: $(kernels) $(B)/tests/fuzz/kernel.elf | need-run
	$(Q)tools/qemu --kernel $(or $(KERNEL),$(B)/kernel/debug/kernel32.elf) \
		--image $(B)/tests/fuzz/kernel.elf --limit 7200 --log $(B)/fuzz.log -- \
		-fw_cfg name=opt/fuzz/calls,string=$(CALLS) \
		-fw_cfg name=opt/fuzz/seed,string=$(SEED)

# Every decoder of every interface, each until it was tried so often.
fuzz-proto: $(fuzzers)
	$(Q)for f in $(fuzzers); do mkdir -p $$f.corpus; \
		$$f -runs=$(FUZZ_RUNS) -max_len=964 -verbosity=0 $$f.corpus || exit 1; done

docs:
	@echo 'The reference of the interfaces is in $(B)/docs/reference/'

# The kernel broken on purpose: the API suite must notice. Minutes; MUTANTS="a b" for some.
mutants: $(B)/tests/qemu/api.elf | need-run
	$(Q)tests/mutants/run --jobs $(JOBS) --image $< --out $(B)/mutants $(MUTANTS)

clean:
	$(Q)rm -rf $(B)

help:
	@sed -n 's/^#: //p' $(firstword $(MAKEFILE_LIST))

#: make                  build everything into build/
#: make run              boot in QEMU; Ctrl-D or `quit` ends it
#:   KERNEL=path         on another kernel image, e.g. seL4's
#:   SYSTEM=name         another system of system/: static
#:   IMAGE=path          another root task
#:   MEM=megabytes       memory of the machine (512)
#:   DEBUG=1             on our debug kernel
#: make demo             an honest client is served while others attack; ends by itself
#: make trace            boot, run commands, show all messages in build/trace.log (docs/trace.md)
#:   COMMANDS="a; b"     these commands
#: make test             run all tests; logs in build/test-logs/
#:   SUITES="a b"        only these suites of tests/suites
#:   KERNEL=path         the suites for any seL4 kernel, on that one
#: make check            format, lint, layers, client memory; builds with the other compiler, too
#: make format           clang-format on all C files
#: make iso              build/freehold.iso, which GRUB boots
#: make bench            all benchmarks; fails where a figure misses its bar
#: make bench-kernel     those of the kernel; KERNEL=path shows figures only
#: make bench-rm         the same for rm and rt
#: make bench-protocols  the same for memory across distrust
#: make bench-hostile    an honest client of a server, while a hostile one attacks
#: make fuzz             ten million random calls against the kernel
#:   CALLS=n SEED=n      so many, other ones
#: make fuzz-rm          ten million random messages to rm; CALLS=n SEED=n
#: make fuzz-proto       random messages against every decoder; FUZZ_RUNS of them (1000000)
#: make docs             build/docs/: the reference of the interfaces
#: make fuzz-lib         libFuzzer on lib's readers; FUZZ_LIB_RUNS of each (1000000)
#: make mutants          mistakes planted in the kernel, each must be found; MUTANTS="a b": some
#: make sim SEED=n       rm's core simulated: the history of a seed; STEPS=n (20000)
#: make sim-mutants      mistakes planted in rm's core, each must be found
#: make models           the protocols' models, exhaustively, and with mistakes planted
#: make size             lines of each room, rm's file by file
#: make clean            remove build/
#: CC=clang chooses the compiler, JOBS=n the number of jobs, V=1 shows every command.
