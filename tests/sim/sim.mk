# SPDX-License-Identifier: BSD-2-Clause
# The simulation of rm's core (README.md): two programs for the host, one with sanitizers.
#
#   make sim SEED=n [STEPS=n]   one seed, its history told
#   make sim-mutants            mistakes planted in rm/core: each must be found

sim_sources := $(call sources_in,tests/sim tests/valid rm/core) \
	$(filter %.c,$(call sources_in,lib)) proto/dispatch.c proto/trace.c $(B)/gen/proto/rm.c
depfiles += $(patsubst %.c,$(B)/sim/obj/%.d,$(sim_sources)) \
	$(patsubst %.c,$(B)/unit/%.d,$(sim_sources))

# It looks into the core.
$(B)/sim/obj/tests/%.o: private COMMON += -Irm/core -Irm/include
$(B)/unit/tests/sim/%.o $(B)/unit/tests/valid/%.o: private UNIT_CFLAGS += -Irm/core -Irm/include
$(B)/sim/obj/%.o: %.c $(made_of)
	$(compile)
	$(Q)$(CC) $(COMMON) $(call includes,$<) $(depflags) -c -o $@ $<
$(B)/sim/sim: $(patsubst %.c,$(B)/sim/obj/%.o,$(sim_sources)) $(B)/sources
	$(say) LD $@
	$(Q)$(CC) $(COMMON) -o $@ $(filter %.o,$^)
$(B)/sim/sim-asan: $(patsubst %.c,$(B)/unit/%.o,$(sim_sources)) $(B)/sources
	$(say) LD $@; mkdir -p $(@D)
	$(Q)$(CC) $(UNIT_CFLAGS) -o $@ $(filter %.o,$^)

STEPS ?= 20000
.PHONY: sim sim-mutants
test: $(B)/sim/sim $(B)/sim/sim-asan $(B)/sim/planted
sim: $(B)/sim/sim
	$(Q)$< --seed $(SEED) --steps $(STEPS)

# How the mutants' sources are compiled; the suite of a sample runs it.
sim_cc = $(CC) $(COMMON) $(call includes,rm/) -Irm/core
$(B)/sim/planted: $(B)/sim/sim tests/sim/sim.mk
	$(Q)printf '%s\n' '#!/bin/sh' 'exec tests/sim/mutants --cc "$(sim_cc)" --jobs $(JOBS) \
		--program $(B)/sim/sim --out $(B)/sim/mutants --objects $(B)/sim/obj "$$@" -- \
		$(patsubst %.c,$(B)/sim/obj/%.o,$(sim_sources))' >$@ && chmod +x $@
sim-mutants: $(B)/sim/planted
	$(Q)$< $(if $(MUTANTS),--only $(MUTANTS))
