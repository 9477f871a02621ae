# SPDX-License-Identifier: BSD-2-Clause
# user: native programs, mostly examples. Each directory is a program, without libc unless it is in
# user_with_libc.
user_USES := lib proto rt
user_with_libc :=
user_programs := $(patsubst %/,%,$(sort $(dir $(wildcard user/*/*.c))))
$(foreach d,$(filter-out $(user_with_libc),$(user_programs)),$(call program,$(d),proto rt lib))
$(foreach d,$(user_with_libc),$(call program,$(d),libc proto rt lib))
$(call unit_test,user/shell/line_test.c,user/shell/line.c)
$(call unit_test,user/kv/store_test.c,user/kv/store.c)
$(call unit_test,user/filter/image_test.c,user/filter/image.c)
$(call unit_test,user/logger/text_test.c,user/logger/text.c)
