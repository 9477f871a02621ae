# SPDX-License-Identifier: BSD-2-Clause
# Makes libc.a of musl's sources; rt/musl.mk calls it when they are there, for the list of files is
# theirs. It sets SOURCE, INCLUDE (the installed headers), OUT (for objects), LIBC (what to make),
# CC and FLAGS.

.SUFFIXES:
.DELETE_ON_ERROR:

src := $(SOURCE)/src
dirs := conf ctype dirent env errno exit fcntl fenv internal legacy locale malloc malloc/mallocng \
	math misc mman multibyte prng regex sched search select setjmp signal stat stdio stdlib \
	string temp thread time unistd
# What the others call.
more := $(addprefix $(src)/linux/,gettid.c sysinfo.c utimes.c) \
	$(addprefix $(src)/network/,htonl.c htons.c ntohl.c ntohs.c)

# Instead of these, which make system calls in assembly, rt/libc.c has __clone, __unmapself and
# __set_thread_area. musl's C stands in for the rest: system calls are no points of cancellation,
# and signals have no way back.
assembly := thread/x86_64/clone.s thread/x86_64/__unmapself.s thread/x86_64/__set_thread_area.s \
	thread/x86_64/syscall_cp.s signal/x86_64/restore.s
ours := thread/clone.c thread/__unmapself.c thread/__set_thread_area.c
# Could not work: these need signals, processes, users, terminals, sockets, or a look at the stack
# of the first thread. (And iconv is large, and syscall() invites what is not there.)
cannot := $(addprefix thread/,pthread_cancel pthread_getattr_np pthread_getname_np \
		pthread_setname_np synccall syscall_cp) \
	$(addprefix unistd/,setegid seteuid setgid setregid setresgid setresuid setreuid setuid \
		setxid alarm pause ualarm) \
	$(addprefix time/,timer_create timer_delete timer_getoverrun timer_gettime timer_settime) \
	$(addprefix signal/,getitimer setitimer) \
	$(addprefix misc/,forkpty getentropy initgroups openpty setrlimit syscall syslog wordexp) \
	$(addprefix legacy/,cuserid daemon getpass ulimit) \
	stdio/popen stdio/pclose regex/glob locale/iconv locale/iconv_close
left_out := $(addprefix $(src)/,$(assembly) $(ours) $(cannot:%=%.c))

all_c := $(filter-out $(left_out),$(wildcard $(dirs:%=$(src)/%/*.c)) $(more))
arch := $(filter-out $(left_out),$(wildcard $(dirs:%=$(src)/%/x86_64/*.[csS])))
replaced := $(addsuffix .c,$(basename $(subst /x86_64/,/,$(arch))))
sources := $(filter-out $(replaced),$(all_c)) $(arch)
objects := $(patsubst $(src)/%,$(OUT)/%.o,$(sources))

# rt.a has these four as well, in one object: as one object here, either can be the one that is
# linked, but never parts of both.
memory := $(foreach f,memcpy memmove memset memcmp,$(filter %/$(f).c.o %/$(f).s.o,$(objects)))

$(LIBC): $(filter-out $(memory),$(objects)) $(OUT)/memory.o
	mkdir -p $(@D); rm -f $@; ar rcsD $@ $^

$(OUT)/memory.o: $(memory)
	ld -r -o $@ $^

# Ours comes first: rt/musl/syscall_arch.h is there in place of musl's.
flags := $(FLAGS) -D_XOPEN_SOURCE=700 -Irt/musl -I$(SOURCE)/arch/x86_64 -I$(SOURCE)/arch/generic \
	-I$(OUT)/include -I$(src)/include -I$(src)/internal -I$(INCLUDE)
inputs := rt/musl/objects.mk rt/musl/syscall_arch.h $(OUT)/flags $(OUT)/include/version.h

$(shell mkdir -p $(sort $(dir $(objects))))

$(OUT)/%.c.o: $(src)/%.c $(inputs)
	$(CC) $(flags) -c -o $@ $<
$(OUT)/%.s.o: $(src)/%.s $(inputs)
	$(CC) $(flags) -Wa,--noexecstack -c -o $@ $<

$(OUT)/include/version.h: $(SOURCE)/VERSION
	mkdir -p $(@D); printf '#define VERSION "%s"\n' "$$(cat $<)" >$@
