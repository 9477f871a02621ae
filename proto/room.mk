# SPDX-License-Identifier: BSD-2-Clause
# proto: the interfaces, each described once in an .idl file. What tools/idl makes of them is
# build/gen/include/proto/*.h and, with dispatch.c and trace.c, build/lib/proto.a.
proto_USES := lib
$(call library,proto)
$(call interface,$(wildcard proto/*.idl))
$(call unit_test,proto/trace_test.c,proto/trace.c proto/dispatch.c lib/format.c lib/err.c \
	$(foreach i,test log rm,$(B)/gen/proto/$(i).c))
