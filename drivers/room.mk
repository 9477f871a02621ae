# SPDX-License-Identifier: BSD-2-Clause
# drivers: one program for each device, restartable; each serves an interface of proto/.
drivers_USES := abi lib proto rt
$(call program,drivers/uart,proto rt lib)
$(call unit_test,drivers/uart/screen_test.c,drivers/uart/screen.c)
