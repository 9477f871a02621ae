# SPDX-License-Identifier: BSD-2-Clause
# musl, the libc of native programs: fetched from Debian, built here, calling rt/libc.c where it
# would call Linux. Nothing of it is in the repository.
# (tools/build.mk has the macros for programs that use it, and where its headers lie.)

musl_PACKAGE := musl=1.2.3-1
musl_TAR := $(musl)/musl_1.2.3.orig.tar.gz
musl_SOURCE := $(musl)/musl-1.2.3

# As its own configure chooses them, with our FREESTANDING; its headers replace the compiler's.
musl_CFLAGS = -std=c99 -O2 -g -ffile-prefix-map=$(CURDIR)=. -frounding-math -w \
	$(filter-out -isystem %/include,$(FREESTANDING)) -nostdinc \
	$(if $(clang),-Qunused-arguments,-fexcess-precision=standard \
		-fno-tree-loop-distribute-patterns)

$(musl_TAR): rt/musl/sha256 | need-build
	$(say) FETCH $@
	$(Q)tools/source $(musl_PACKAGE) $(@D) $<

$(musl)/source: $(musl_TAR)
	$(say) TAR $(musl_SOURCE)
	$(Q)rm -rf $(musl_SOURCE) && tar -C $(@D) -xzmf $< && touch $@

# As its own Makefile installs them, two of them made by its own script.
musl_bits := $(musl_INCLUDE)/bits
$(musl_headers): $(musl)/source rt/musl.mk
	$(say) MUSL $(musl_INCLUDE)
	$(Q)rm -rf $(musl_INCLUDE) && mkdir -p $(musl_bits) && cd $(musl_SOURCE) && \
		cp -r include/. $(CURDIR)/$(musl_INCLUDE) && \
		cp arch/generic/bits/*.h $(CURDIR)/$(musl_bits) && \
		cp arch/x86_64/bits/*.h $(CURDIR)/$(musl_bits)
	$(Q)rm -f $(musl_INCLUDE)/*.in
	$(Q)sed -f $(musl_SOURCE)/tools/mkalltypes.sed \
		$(musl_SOURCE)/arch/x86_64/bits/alltypes.h.in $(musl_SOURCE)/include/alltypes.h.in \
		>$(musl_bits)/alltypes.h
	$(Q){ cat $(musl_SOURCE)/arch/x86_64/bits/syscall.h.in && \
		sed -n 's/__NR_/SYS_/p' $(musl_SOURCE)/arch/x86_64/bits/syscall.h.in; } \
		>$(musl_bits)/syscall.h
	$(Q)touch $@

$(B)/musl/obj/flags: FORCE
	@mkdir -p $(@D); printf '%s\n' '$(CC) $(musl_CFLAGS)' >$@.new; \
		cmp -s $@.new $@ && rm $@.new || mv $@.new $@

$(B)/lib/libc.a: $(musl_headers) $(B)/musl/obj/flags rt/musl.mk rt/musl/objects.mk \
		rt/musl/syscall_arch.h
	$(say) MUSL $@
	$(Q)$(MAKE) $(if $(Q),-s) -f rt/musl/objects.mk \
		SOURCE=$(musl_SOURCE) INCLUDE=$(musl_INCLUDE) \
		OUT=$(B)/musl/obj LIBC=$@ CC='$(CC)' FLAGS='$(musl_CFLAGS)' $@
	@touch $@

all: $(B)/lib/libc.a
