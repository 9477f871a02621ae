# SPDX-License-Identifier: BSD-2-Clause
# system: init, and the manifests: what starts, with which capabilities and bank.
system_USES := abi lib proto rt
$(call unit_test,system/init/manifest_test.c,system/init/manifest.c)
$(call program,system/init,proto rt lib)

# The systems: make run SYSTEM=name.
system_programs := init uart echo shell
$(call system,dynamic,system/dynamic.manifest,$(system_programs))
$(call system,static,system/static.manifest,$(system_programs))

# make trace: the dynamic one, with everything traced.
$(call system,trace,$(B)/system/trace.manifest,$(system_programs))
$(B)/system/trace.manifest: system/dynamic.manifest system/room.mk
	$(Q)mkdir -p $(@D); sed -e 's/^system .*/&\ntrace/' \
		-e 's/^program .*/&\n\tenvironment TRACE=1/' $< >$@

# make demo.
$(call system,demo,system/demo.manifest,init kv filter demo attacker)

# make run SYSTEM=attacks: the dynamic one, with the servers and attackers of the demo.
$(call system,attacks,$(B)/system/attacks.manifest,$(system_programs) kv filter attacker)
$(B)/system/attacks.manifest: system/dynamic.manifest system/demo.manifest system/room.mk
	$(Q)mkdir -p $(@D); { cat $<; awk '/^program/ { off = $$2 == "demo" } \
		!off && !/^system/' system/demo.manifest; } >$@
