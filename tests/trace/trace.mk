# SPDX-License-Identifier: BSD-2-Clause
# The trace: a program that sends anything, and a system of which one server alone is traced.
$(call program,tests/trace/hostile,proto rt lib)
$(call system,tests/hostile,tests/trace/hostile.manifest,init echo hostile)
$(call system,tests/traced,tests/trace/server.manifest,init echo ping)
