# SPDX-License-Identifier: BSD-2-Clause
# system: init, and the manifests: what starts, with which capabilities and bank.
system_USES := abi lib proto rt
$(call unit_test,system/init/manifest_test.c,system/init/manifest.c)
$(call program,system/init,proto rt lib)

# The systems: make run SYSTEM=name.
system_programs := init uart echo shell
$(call system,dynamic,system/dynamic.manifest,$(system_programs))
$(call system,static,system/static.manifest,$(system_programs))
