# SPDX-License-Identifier: BSD-2-Clause
# How things are compiled and linked, and the macros with which a room.mk declares its programs:
#
#   $(call image,DIR,LIBS)       a root-task image build/DIR.elf from DIR/*.c and DIR/*.S, linked
#                                with the libraries LIBS
#   $(call image_as,NAME,DIR...,LIBS,FLAGS)   the same under another name, with compiler flags
#   $(call library,DIR...)       build/lib/DIR.a for images, from DIR/*.c and DIR/*.S
#   $(call whole_library,DIR,SOURCES)   the same as one object, with sources of other libraries
#   $(call libc_image,NAME,DIR,libc rt lib,FLAGS)   image_as for a program that uses libc. Of the
#                                functions that rt has as well, those of the first are linked
#   $(call libc_library,DIR...)  a library whose sources may include libc's headers
#   $(call program,DIR,LIBS)     a native program build/prog/NAME.elf (NAME: DIR's last part) from
#                                DIR/*.c and DIR/*.S, added to $(programs). LIBS: `proto rt lib`,
#                                and `libc` before them for one with libc
#   $(call program_nth,DIR,LIBS) the same as build/prog/NAME_nth.elf, for tests in which its n-th
#                                access to client memory fails (tests/nth)
#   $(call system,NAME,MANIFEST,PROGRAM...)   build/NAME.elf: rm, and in it what it starts
#   $(call kernel,VARIANT,FLAGS) a kernel below build/kernel/VARIANT/ from $(kernel_SOURCES)
#   $(call unit_test,DIR/x_test.c,DIR/x.c...)   a host program under ASan and UBSan; also DIR/x.S
#   $(call interface,DIR/x.idl...)   what tools/idl makes of it, in build/gen; part of proto.a

ifeq ($(V),1)
Q :=
say = @:
else
Q := @
say = @printf '  %-6s %s\n'
endif

clang := $(findstring clang,$(CC))
LD := ld
AR := ar
OBJCOPY := objcopy

WARNINGS := -Wall -Wextra -Werror -Wmissing-prototypes -Wshadow -Wvla
COMMON := -std=gnu2x -O2 -g -fno-common -ffile-prefix-map=$(CURDIR)=. $(WARNINGS)

# Only the compiler's own headers: nothing of the host's C library. (Looked up at first use, when
# tools/need has made sure that there is a compiler.)
compiler_headers = $(eval compiler_headers := $$(if $$(clang),-nostdlibinc,-nostdinc \
	-isystem $$(shell $$(CC) -print-file-name=include)))$(compiler_headers)
FREESTANDING = -ffreestanding $(compiler_headers) -fno-pic -fno-pie -fno-stack-protector \
	-fno-asynchronous-unwind-tables -fcf-protection=none

IMAGE_CFLAGS = $(COMMON) $(FREESTANDING)
IMAGE_LDFLAGS := -nostdlib -static -no-pie --build-id=none -z noexecstack -z max-page-size=4096 \
	-Ttext-segment=0x400000 -e _start
KERNEL_CFLAGS = $(COMMON) $(FREESTANDING) -mcmodel=kernel -mno-red-zone -mno-mmx -mno-sse \
	-mgeneral-regs-only
KERNEL_LDFLAGS := -nostdlib -static --build-id=none -z noexecstack -z max-page-size=4096
UNIT_CFLAGS = $(COMMON) -fsanitize=address,undefined -fno-sanitize-recover=all

# A source may include its own room's public headers, those of the rooms that its room names, and
# the directories of <room>_INCLUDES (headers shared by the programs of one room).
room_of = $(if $(filter $(B)/gen/%,$(1)),proto,$(firstword $(subst /, ,$(1))))
# What <room>_EXPORTS names comes with a room: its own public headers include it.
includes = $(foreach r,$(call room_of,$(1)),$(foreach u,$(sort $(r) $($(r)_USES) \
		$(foreach u,$($(r)_USES),$($(u)_EXPORTS))),-I$(u)/include \
		$(if $(filter proto,$(u)),-I$(B)/gen/include)) \
	$(addprefix -I,$($(r)_INCLUDES)))

compile = $(say) CC $@; mkdir -p $(@D)
depflags = -MMD -MP -MF $(@:.o=.d)

sources_in = $(filter-out %_test.c,$(foreach d,$(1),$(wildcard $(d)/*.c $(d)/*.S)))
objects_in = $(addsuffix .o,$(addprefix $(B)/$(1)/,$(call sources_in,$(2))))

images :=
programs :=
kernels :=
unit_tests :=
fake_guests :=
isos :=
all_objects :=
all_sources :=
depfiles :=

# What the compiler is told and which sources there are: a change of either makes things again.
$(B)/flags: FORCE
	@mkdir -p $(@D); printf '%s\n' \
		'$(CC) $(IMAGE_CFLAGS) $(KERNEL_CFLAGS) $(UNIT_CFLAGS) $(PROGRAM_CFLAGS)' \
		>$@.new; cmp -s $@.new $@ && rm $@.new || mv $@.new $@
$(B)/sources: FORCE
	@mkdir -p $(@D); printf '%s\n' '$(sort $(all_sources))' >$@.new; \
		cmp -s $@.new $@ && rm $@.new || mv $@.new $@
.PHONY: FORCE
FORCE: | need-build

.PHONY: need-build need-idl need-run need-models need-test need-check
need-build:
	@tools/need build $(if $(clang),clang)
need-idl: need-build
	@tools/need python
need-run: need-build
	@tools/need python qemu
need-models: need-build
	@tools/need python models
need-test: need-run need-models
	@tools/need grub
need-check: need-build
	@tools/need python clang check

# -- images ----------------------------------------------------------------------------------------

made_of = Makefile tools/build.mk $(wildcard */room.mk) $(B)/flags

$(B)/user/%.c.o: %.c $(made_of)
	$(compile)
	$(Q)$(CC) $(IMAGE_CFLAGS) $(call in_programs,$<) $(call includes,$<) $(depflags) -c -o $@ $<

$(B)/user/%.S.o: %.S $(made_of)
	$(compile)
	$(Q)$(CC) $(IMAGE_CFLAGS) $(call includes,$<) $(depflags) -c -o $@ $<

define library_rules
all_sources += $(call sources_in,$(1))
all_objects += $(call objects_in,user,$(1))
$(B)/lib/$(1).a: $(call objects_in,user,$(1)) $(B)/sources
	$$(say) AR $$@; mkdir -p $$(@D); rm -f $$@
	$$(Q)$$(AR) rcsD $$@ $$(filter %.o,$$^)
endef
library = $(foreach d,$(1),$(eval $(call library_rules,$(d))))

# gcc optimises the sources of such a library as one program.
WHOLE = $(if $(clang),,-flto -flto-partition=one)
$(B)/whole/%.c.o: %.c $(made_of)
	$(compile)
	$(Q)$(CC) $(IMAGE_CFLAGS) $(WHOLE) $(call includes,$<) $(depflags) -c -o $@ $<
define whole_library_rules
all_sources += $(call sources_in,$(1))
whole_objects := $(addsuffix .o,$(addprefix $(B)/whole/,$(call sources_in,$(1)) $(2)))
all_objects += $$(whole_objects)
$(B)/lib/$(1).a: $$(whole_objects) $(B)/sources
	$$(say) LTO $$@; mkdir -p $$(@D); rm -f $$@
	$$(Q)$$(if $$(clang),$$(LD) -r,$$(CC) $$(IMAGE_CFLAGS) $$(WHOLE) -nostdlib -r \
		-flinker-output=nolto-rel) -o $$(@:.a=.o) $$(filter %.o,$$^)
	$$(Q)$$(AR) rcsD $$@ $$(@:.a=.o)
endef
whole_library = $(eval $(call whole_library_rules,$(1),$(2)))

# Images are kept apart by name, so that one directory can be compiled twice with different flags.
define image_rules
images += $(B)/$(1).elf
all_sources += $(call sources_in,$(2))
all_objects += $(call objects_in,image/$(1),$(2))
$(B)/image/$(1)/%.c.o: %.c $(made_of)
	$$(compile)
	$$(Q)$$(CC) $$(IMAGE_CFLAGS) $(4) $$(call includes,$$<) $$(depflags) -c -o $$@ $$<
$(B)/image/$(1)/%.S.o: %.S $(made_of)
	$$(compile)
	$$(Q)$$(CC) $$(IMAGE_CFLAGS) $(4) $$(call includes,$$<) $$(depflags) -c -o $$@ $$<
$(B)/$(1).elf: $(call objects_in,image/$(1),$(2)) $(patsubst %,$(B)/lib/%.a,$(3)) $(B)/sources
	$$(say) LD $$@; mkdir -p $$(@D)
	$$(Q)$$(LD) $$(IMAGE_LDFLAGS) -o $$(@:.elf=.debug) $$(filter %.o,$$^) \
		--start-group $$(filter %.a,$$^) --end-group
	$$(Q)$$(OBJCOPY) --strip-debug $$(@:.elf=.debug) $$@
endef
image_as = $(eval $(call image_rules,$(1),$(2),$(3),$(4)))
image = $(call image_as,$(1),$(1),$(2))

# -- libc ------------------------------------------------------------------------------------------

# What rt/musl.mk makes: one copy of the sources and the headers for all compilers, whatever B is.
musl := build/musl
musl_INCLUDE := $(musl)/include
musl_headers := $(musl)/headers

# musl's headers come before the compiler's, with all that they can declare. Hosted: the compiler
# may take functions of libc for what they are.
libc_headers = $(eval $(1): private COMMON += -D_GNU_SOURCE -isystem $(musl_INCLUDE))$(eval \
	$(1): rt/musl.mk $(musl_headers))
libc_hosted = $(call libc_headers,$(1))$(eval $(1): private IMAGE_CFLAGS += -fhosted)
libc_tidied = $(call libc_headers,$(patsubst %,$(B)/tidy/%.ok,\
	$(filter %.c,$(call sources_in,$(1)))))

libc_image = $(call image_as,$(1),$(2),$(3),$(4))$(call libc_hosted,\
	$(call objects_in,image/$(1),$(2)))$(call libc_tidied,$(2))
libc_library = $(call library,$(1))$(foreach d,$(1),$(call libc_hosted,\
	$(call objects_in,user,$(d)))$(call libc_tidied,$(d)))

# -- systems --------------------------------------------------------------------------------------

# $(call system,NAME,MANIFEST,FILE...): build/NAME.elf, rm with a boot archive of the manifest and
# the programs build/prog/FILE.elf, of which init is one.
define system_rules
$(B)/system/$(1).cpio: $(2) $(patsubst %,$(B)/prog/%.elf,$(3)) tools/archive | need-idl
	$$(say) CPIO $$@; mkdir -p $$(@D)
	$$(Q)tools/archive $$@ manifest=$(2) $(foreach f,$(3),$(f)=$(B)/prog/$(f).elf)
$(B)/image/$(1)/rm/sel4/archive.S.o: $(B)/system/$(1).cpio
$(call image_rules,$(1),rm/sel4,rm/core proto rt lib,-DARCHIVE=\"$(B)/system/$(1).cpio\")
endef
system = $(eval $(call system_rules,$(1),$(2),$(3)))

# -- native programs -------------------------------------------------------------------------------

# Frame pointers and symbols, so that a stopped program's back trace can be read.
PROGRAM_CFLAGS := -fno-omit-frame-pointer
PROGRAM_LDFLAGS := -e rt_program_entry
in_programs = $(if $(filter rt lib proto,$(call room_of,$(1))),$(PROGRAM_CFLAGS))

# $(1): DIR, $(2): LIBS, $(3): NAME
define program_rules
programs += $(B)/prog/$(3).elf
all_sources += $(call sources_in,$(1))
all_objects += $(call objects_in,prog/obj,$(1))
$(B)/prog/$(3).elf: $(call objects_in,prog/obj,$(1)) $(patsubst %,$(B)/lib/%.a,$(2)) $(B)/sources
	$$(say) LD $$@; mkdir -p $$(@D)
	$$(Q)$$(LD) $$(IMAGE_LDFLAGS) $$(PROGRAM_LDFLAGS) -o $$(@:.elf=.debug) $$(filter %.o,$$^) \
		--start-group $$(filter %.a,$$^) --end-group
	$$(Q)$$(OBJCOPY) --strip-debug $$(@:.elf=.debug) $$@
all: $(B)/prog/$(3).elf
endef
program = $(eval $(call program_rules,$(1),$(2),$(notdir $(1))))$(if $(filter libc,$(2)),$(call \
	libc_hosted,$(call objects_in,prog/obj,$(1)))$(call libc_tidied,$(1)))
# The same linked once more, with tests/nth between it and rt: build/prog/NAME_nth.elf.
nth_wrapped := client_read client_write client_copy client_load32 client_load64 client_store32 \
	client_store64 client_cas32 client_strnlen window_begin window_run rt_window_map \
	rt_window_unmap rt_server_start
define program_nth_rules
programs += $(B)/prog/$(2)_nth.elf
$(B)/prog/$(2)_nth.elf: $(call objects_in,prog/obj,$(1)) \
		$(patsubst %,$(B)/lib/%.a,tests/nth $(3)) $(B)/sources
	$$(say) LD $$@; mkdir -p $$(@D)
	$$(Q)$$(LD) $$(IMAGE_LDFLAGS) $$(PROGRAM_LDFLAGS) $(addprefix --wrap=,$(nth_wrapped)) \
		-o $$(@:.elf=.debug) $$(filter %.o,$$^) --start-group $$(filter %.a,$$^) --end-group
	$$(Q)$$(OBJCOPY) --strip-debug $$(@:.elf=.debug) $$@
all: $(B)/prog/$(2)_nth.elf
endef
program_nth = $(eval $(call program_nth_rules,$(1),$(notdir $(1)),$(2)))
$(B)/prog/obj/%.c.o: %.c $(made_of)
	$(compile)
	$(Q)$(CC) $(IMAGE_CFLAGS) $(PROGRAM_CFLAGS) $(call includes,$<) $(depflags) -c -o $@ $<
$(B)/prog/obj/%.S.o: %.S $(made_of)
	$(compile)
	$(Q)$(CC) $(IMAGE_CFLAGS) $(call includes,$<) $(depflags) -c -o $@ $<

# -- interfaces ------------------------------------------------------------------------------------

generated :=
define interface_rules
generated += $(B)/gen/include/proto/$(2).h
all_objects += $(B)/user/$(B)/gen/proto/$(2).c.o
$(B)/gen/include/proto/$(2).h: $(1) tools/idl lib/include/lib/err.def | need-idl
	$$(say) IDL $$@
	$$(Q)tools/idl $$< $(B)/gen $(3)
$(addprefix $(B)/gen/,proto/$(2).c proto/$(2)_fuzz.c include/proto/$(2)_client.h): \
	$(B)/gen/include/proto/$(2).h ;
endef
define interface_in_library
$(B)/lib/proto.a: $(B)/user/$(B)/gen/proto/$(1).c.o
all: $(B)/lib/proto.a
docs: $(B)/gen/include/proto/$(1).h
endef
interface_for_test = $(eval $(call interface_rules,$(1),$(basename $(notdir $(1))),$(B)/gen/docs))
interface = $(foreach i,$(1),$(eval \
	$(call interface_rules,$(i),$(basename $(notdir $(i))),$(B)/docs/reference))$(eval \
	$(call interface_in_library,$(basename $(notdir $(i))))))

# $(call fuzzer,X): build/fuzz/X, libFuzzer on the decoders of the interface X.
define fuzzer_rules
fuzzers += $(B)/fuzz/$(1)
$(B)/fuzz/$(1): tests/proto/libfuzzer.c tests/proto/fuzz.c proto/dispatch.c \
		$(addprefix $(B)/gen/proto/,$(1).c $(1)_fuzz.c) $(made_of) | $(generated) need-check
	$$(say) FUZZ $$@; mkdir -p $$(@D)
	$$(Q)clang $(COMMON) -fsanitize=fuzzer,address,undefined -fno-sanitize-recover=all \
		-DFUZZ=$(1)_fuzz $(call includes,tests/) -o $$@ $$(filter %.c,$$^)
endef
fuzzers :=
fuzzer = $(eval $(call fuzzer_rules,$(1)))

# -- kernels ---------------------------------------------------------------------------------------

define kernel_rules
kernels += $(B)/kernel/$(1)/kernel32.elf
all_sources += $(kernel_SOURCES)
all_objects += $(patsubst %,$(B)/kernel/$(1)/obj/%.o,$(kernel_SOURCES))
$(B)/kernel/$(1)/obj/%.o: % $(made_of)
	$$(compile)
	$$(Q)$$(CC) $$(KERNEL_CFLAGS) $(2) $(addprefix -I,$(kernel_PRIVATE)) \
		$$(call includes,$$<) $$(depflags) -c -o $$@ $$<
$(B)/kernel/$(1)/kernel.elf: $(patsubst %,$(B)/kernel/$(1)/obj/%.o,$(kernel_SOURCES)) \
		$(kernel_SCRIPT) $(B)/sources
	$$(say) LD $$@
	$$(Q)$$(LD) $$(KERNEL_LDFLAGS) -T $(kernel_SCRIPT) -o $$@ $$(filter %.o,$$^)
# QEMU's -kernel takes multiboot kernels in 32-bit ELF files only.
$(B)/kernel/$(1)/kernel32.elf: $(B)/kernel/$(1)/kernel.elf
	$$(say) OBJCPY $$@
	$$(Q)$$(OBJCOPY) --strip-debug -O elf32-i386 $$< $$@
endef
kernel = $(eval $(call kernel_rules,$(1),$(2)))

# -- checks ----------------------------------------------------------------------------------------

# clang-tidy reads each source once, with the flags of its kind; .clang-tidy says what it looks for.
# Each public header must compile alone.
tidy = $(say) TIDY $<; mkdir -p $(@D)
tidy_with = $(Q)clang-tidy --quiet $< -- $(COMMON) -ffreestanding -nostdlibinc $(1) \
	$(call includes,$<) >$@.log 2>/dev/null || { cat $@.log; exit 1; }; touch $@

$(B)/tidy/kernel/%.ok: kernel/% $(made_of) .clang-tidy | need-check
	$(tidy)
	$(call tidy_with,-mcmodel=kernel -mgeneral-regs-only -DCONFIG_DEBUG=1 \
		$(addprefix -I,$(kernel_PRIVATE)))
$(B)/tidy/%.ok: % $(made_of) .clang-tidy | need-check
	$(tidy)
	$(call tidy_with,)
$(B)/alone/%.ok: % $(made_of)
	$(say) CC $<; mkdir -p $(@D)
	$(Q)$(CC) $(IMAGE_CFLAGS) $(call includes,$<) -fsyntax-only -x c -include $< /dev/null
	@touch $@

public_headers = $(wildcard */include/*/*.h tests/qemu/lib/include/*/*.h)

# What names client memory follows no pointer to it: tools/client-check, by sparse. (clang sees
# most of it too, in all sources, when it compiles them.)
client_check_flags = $(CC) $(COMMON) -ffreestanding $(compiler_headers) -iquote $(<D)
$(B)/client/%.ok: % tools/client-check $(made_of) $(public_headers) | need-check
	$(say) SPARSE $<; mkdir -p $(@D)
	$(Q)tools/client-check $< $(client_check_flags) $(call includes,$<) && touch $@
$(B)/client/refused.ok: tests/client/run tests/client/accesses.c tools/client-check $(made_of) \
		$(public_headers) | need-check
	$(say) SPARSE tests/client/accesses.c; mkdir -p $(@D)
	$(Q)tests/client/run $(client_check_flags) $(call includes,tests/) && touch $@

client_sources = $(shell grep -lE '__client\b|rt/client_memory\.h|client_window\b' \
	$(sort $(filter %.c,$(all_sources))) /dev/null)
client_checked = $(patsubst %,$(B)/client/%.ok,$(client_sources)) $(B)/client/refused.ok
tidied = $(patsubst %,$(B)/tidy/%.ok,$(sort $(filter %.c,$(all_sources))))
alone = $(patsubst %,$(B)/alone/%.ok,$(public_headers))

# -- fake guests: tiny multiboot kernels, for the tests of the harness -----------------------------

define fake_guest_rules
fake_guests += $(patsubst %.S,$(B)/%.elf,$(1))
$(patsubst %.S,$(B)/%.elf,$(1)): $(1) $(made_of)
	$$(say) AS $$@; mkdir -p $$(@D)
	$$(Q)$$(CC) -m32 -nostdlib -static -fno-pie -no-pie -Wl,--build-id=none \
		-Wl,-Ttext=0x100000 -Wl,-z,noexecstack -o $$@ $$<
endef
fake_guest = $(foreach s,$(1),$(eval $(call fake_guest_rules,$(s))))

# -- host programs ---------------------------------------------------------------------------------

define unit_test_rules
unit_tests += $(patsubst %.c,$(B)/unit/%,$(1))
depfiles += $(patsubst %,$(B)/unit/%.d,$(basename $(1) $(2)))
$(patsubst %.c,$(B)/unit/%,$(1)): $(patsubst %,$(B)/unit/%.o,$(basename $(1) $(2)))
	$$(say) LD $$@
	$$(Q)$$(CC) $$(UNIT_CFLAGS) -o $$@ $$(filter %.o,$$^)
endef
unit_test = $(eval $(call unit_test_rules,$(1),$(2)))
# A test, but not what it tests, may use lib's unit_test.h, whatever its room names.
unit_includes = $(if $(filter %_test.c,$(1)),-Ilib -Ilib/include)
$(B)/unit/%.o: %.c $(made_of)
	$(compile)
	$(Q)$(CC) $(UNIT_CFLAGS) $(call includes,$<) $(call unit_includes,$<) $(depflags) \
		-c -o $@ $<
$(B)/unit/%.o: %.S $(made_of)
	$(compile)
	$(Q)$(CC) $(UNIT_CFLAGS) $(call includes,$<) $(depflags) -c -o $@ $<

# -- bootable CD images ----------------------------------------------------------------------------

# $(call iso,NAME,KERNEL,IMAGE): build/NAME.iso, on which GRUB starts KERNEL by multiboot 2.
define iso_rules
isos += $(B)/$(1).iso
$(B)/$(1).iso: $(2) $(3) | need-test
	$$(say) ISO $$@; rm -rf $$@.dir; mkdir -p $$@.dir/boot/grub
	$$(Q)cp $(2) $$@.dir/boot/kernel && cp $(3) $$@.dir/boot/image && \
		printf '%s\n' 'set timeout=0' 'menuentry freehold {' 'multiboot2 /boot/kernel' \
			'module2 /boot/image' '}' >$$@.dir/boot/grub/grub.cfg && \
		grub-mkrescue -o $$@ $$@.dir >$$@.log 2>&1 || { cat $$@.log; exit 1; }
endef
iso = $(eval $(call iso_rules,$(1),$(2),$(3)))
