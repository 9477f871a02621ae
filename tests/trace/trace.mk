# SPDX-License-Identifier: BSD-2-Clause
# The trace: a program that sends anything, a system of which one server alone is traced, and the
# static one.
$(call program,tests/trace/hostile,proto rt lib)
$(call system,tests/hostile,tests/trace/hostile.manifest,init echo hostile)
$(call system,tests/static-traced,$(B)/tests/static-traced.manifest,$(system_programs))
$(B)/tests/static-traced.manifest: system/static.manifest tests/trace/trace.mk
	$(Q)mkdir -p $(@D); sed -e 's/^system .*/&\ntrace/' \
		-e 's/^program .*/&\n\tenvironment TRACE=1/' $< >$@
$(call system,tests/traced,tests/trace/server.manifest,init echo ping)
