# SPDX-License-Identifier: BSD-2-Clause
# tools: scripts of the host; nothing here is compiled into a program.
tools_USES :=
