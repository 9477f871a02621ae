#!/bin/sh
# while it grows: sh build.sh [asan]
cd /work/main || exit 1
FLAGS="-std=gnu2x -O2 -g -Wall -Wextra -Wshadow"
OUT=build/sim
[ "$1" = asan ] && FLAGS="$FLAGS -fsanitize=address,undefined -fno-sanitize-recover=all" && OUT=build/sim-asan
mkdir -p build/tmp-sim
INC="-Irm/core -Irm/include -Ilib/include -Iproto/include -Ibuild/gen/include -Iabi/include -Itests/sim"
CORE="rm/core/memory.c rm/core/bank.c rm/core/object.c rm/core/request.c rm/core/dataspace.c rm/core/vspace.c rm/core/fault.c rm/core/pager.c rm/core/event.c rm/core/task.c rm/core/session.c rm/core/valid.c"
LIB="lib/bitmap.c lib/deadline.c lib/err.c lib/format.c lib/interval.c lib/radix.c lib/slab.c lib/slotmap.c lib/tree.c"
gcc $FLAGS $INC -o $OUT/sim.new tests/sim/*.c $CORE $LIB proto/dispatch.c proto/trace.c build/gen/proto/rm.c && mv $OUT/sim.new $OUT/sim
