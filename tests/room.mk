# SPDX-License-Identifier: BSD-2-Clause
# tests: everything that `make test` runs. A suite is listed in tests/suites.
tests_USES := abi lib proto rt
tests_INCLUDES := tests/qemu/lib/include

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
