/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The tables of abi/: that no number is given twice, that labels are dense, and that message info
 * words keep their fields apart. Layouts are static asserts in abi.h itself.
 */
#include <abi/abi.h>
#include <unit_test.h>

struct entry {
	const char *name;
	long nr;
};

static const struct entry syscalls[] = {
#define SYSCALL(name, nr) { #name, nr },
#include <abi/syscall.def>
#undef SYSCALL
};

static const struct entry invocations[] = {
#define INVOCATION(object, method, label, caps, words) { #object "_" #method, label },
#include <abi/invocation.def>
#undef INVOCATION
};

static const struct entry objects[] = {
#define OBJECT(name, nr, bits) { #name, nr },
#include <abi/object.def>
#undef OBJECT
};

static const struct entry errors[] = {
#define ERROR(name, nr, text) { #name, nr },
#include <abi/error.def>
#undef ERROR
};

static const struct entry faults[] = {
#define FAULT(name, nr, words, text) { #name, nr },
#include <abi/fault.def>
#undef FAULT
};

#define LENGTH(a) (sizeof(a) / sizeof((a)[0]))

static void check_unique(const struct entry *table, size_t n)
{
	for (size_t i = 0; i < n; i++)
		for (size_t j = i + 1; j < n; j++)
			if (table[i].nr == table[j].nr) {
				fprintf(stderr, "%s and %s are both %ld\n", table[i].name,
				        table[j].name, table[i].nr);
				exit(1);
			}
}

/* Numbers first, first + 1, ... in the order of the table. */
static void check_dense(const struct entry *table, size_t n, long first)
{
	for (size_t i = 0; i < n; i++)
		if (table[i].nr != first + (long)i) {
			fprintf(stderr, "%s is %ld, not %ld\n", table[i].name, table[i].nr,
			        first + (long)i);
			exit(1);
		}
}

static void check_msginfo(void)
{
	for (word_t length = 0; length <= ABI_MSG_MAX; length++)
		for (word_t caps = 0; caps <= ABI_MSG_CAPS_MAX; caps++)
			for (word_t unwrapped = 0; unwrapped < 8; unwrapped++) {
				word_t label = length * 0x1234567 + caps;
				word_t info = abi_msginfo(label, unwrapped, caps, length);
				CHECK(abi_msginfo_label(info) == label);
				CHECK(abi_msginfo_unwrapped(info) == unwrapped);
				CHECK(abi_msginfo_caps(info) == caps);
				CHECK(abi_msginfo_length(info) == length);
			}
	/* Fault messages as seL4 sends them. */
	CHECK(abi_msginfo(FAULT_VM, 0, 0, 4) == 0x6004);
	CHECK(abi_msginfo(FAULT_UNKNOWN_SYSCALL, 0, 0, UNKNOWN_SYSCALL_WORDS) == 0x2013);
}

int main(void)
{
	check_unique(syscalls, LENGTH(syscalls));
	check_unique(faults, LENGTH(faults));
	check_dense(invocations, LENGTH(invocations), 1);
	check_dense(objects, LENGTH(objects), 0);
	check_dense(errors, LENGTH(errors), 0);
	CHECK(INV_COUNT == LENGTH(invocations) + 1);
	CHECK(OBJ_COUNT == LENGTH(objects));
	CHECK(ERR_COUNT == LENGTH(errors));
	check_msginfo();
	return 0;
}
