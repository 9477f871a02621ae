/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the controller and the fuzz threads share.
 *
 * A fuzz thread sees of the program only this: its code and constants, which it cannot write; the
 * struct fuzz of its own and of the threads of its group, with stack and IPC buffer; and its
 * struct group. So all that it needs lies there, and nothing that the controller believes: a
 * thread may destroy its own struct fuzz, and the controller makes it anew.
 *
 * The CSpace of a group, in cptrs: 0..255 the play CNode, whose slots the group's model in struct
 * group describes; FIXED_CPTR.. capabilities that nobody can delete, for the group holds no
 * capability to their CNode; MID_CPTR.. a CNode of CNodes.
 */
#pragma once
#include <abi/abi.h>
#include <rt/sel4.h>
#include "layout.h"

enum {
	THREADS = 9,
	GROUPS = 4,
	SERVERS = 3, /* as many as PLAY_SERVER_... has slots for */
	SERVERS_GROUP = 0,
	PLAY_RADIX = 8,
	PLAY_SLOTS = 1 << PLAY_RADIX,
	FIXED_RADIX = 3,
	FIXED_CPTR = 0x400,
	MID_RADIX = 5,
	MID_CPTR = 0x800,
	CPTR_TOP = 0xc00, /* nothing lies above */

	PRIORITY_IDLE = 1,
	PRIORITY_MAX = 60,   /* and MCP, of fuzz threads */
	PORT_FIRST = 0x5000, /* the only ports that they can get: there is nothing */
	PORT_LAST = 0x5fff,
};

/* Slots of the play CNode that are full when a round begins. */
enum play_slot {
	PLAY_NULL,
	PLAY_SELF, /* the play CNode, 64 bits deep */
	PLAY_MID,  /* the mid CNode, likewise */
	PLAY_VSPACE,
	PLAY_UNTYPED, /* 128 KiB */
	PLAY_UNTYPED_SMALL,
	PLAY_UNTYPED_PAGE,
	PLAY_UNTYPED_LARGE, /* groups 0 and 1: 4 MiB */
	PLAY_DEVICE,        /* a GiB of addresses where nothing is */
	PLAY_ASID_POOL,
	PLAY_TCBS, /* the threads of the group, then of the next one */
	PLAY_CONTEXTS = PLAY_TCBS + 5,
	PLAY_ENDPOINT = 20, /* fuzz_rogue in execute.S knows the numbers from here to PLAY_REPLY */
	PLAY_ENDPOINT_BADGED,
	PLAY_NOTIFICATION,
	PLAY_NOTIFICATION_BADGED,
	PLAY_REPLY,
	PLAY_REPLY_OTHER,
	PLAY_SPARE_TCB,
	PLAY_SPARE_TCB_OTHER,
	PLAY_SPARE_CONTEXT,
	PLAY_FRAME,
	PLAY_FRAME_OTHER,
	PLAY_LEAF, /* a CNode that also hangs in the mid CNode */
	PLAY_SERVER_ENDPOINTS,
	PLAY_SERVER_REPLIES = PLAY_SERVER_ENDPOINTS + 3, /* these and the next: group 0 */
	PLAY_SERVER_TCBS = PLAY_SERVER_REPLIES + 3,
	PLAY_BASE = PLAY_SERVER_TCBS + 3,
	PLAY_GROUP_TCBS = 4, /* at most, in a group */
};

enum fixed_slot {
	FIXED_IRQ_CONTROL,
	FIXED_IO_PORT_CONTROL,
	FIXED_ASID_CONTROL,
	FIXED_SCHED_CONTROL,
	FIXED_DOMAIN,
};

/* What the model thinks is in a slot: an object type of the API, or one of these. */
enum {
	KIND_IRQ_HANDLER = OBJ_COUNT,
	KIND_IO_PORT,
	KIND_ASID_POOL,
	KIND_UNKNOWN,
	KIND_EMPTY,
	KIND_NONE, /* no capability is wanted */
	/* Not in the play CNode: */
	KIND_IRQ_CONTROL,
	KIND_IO_PORT_CONTROL,
	KIND_ASID_CONTROL,
	KIND_SCHED_CONTROL,
	KIND_DOMAIN,
	KIND_NODE, /* PLAY_SELF or PLAY_MID: a CNode that is full of things */
	/* Either of several: */
	KIND_PAGE,
	KIND_TCB_OR_NOTIFICATION,
	KIND_CONTEXT_OR_NULL,
	KIND_ENDPOINT_OR_NULL,
	KIND_AUTHORITY,  /* a TCB that may raise priorities */
	KIND_NEW_VSPACE, /* a PML4 that the group made */
};

struct group {
	uint8_t kind[PLAY_SLOTS];
	uint8_t parent[PLAY_SLOTS]; /* the untyped that the object came from, or 0 */
	uint16_t port[PLAY_SLOTS];  /* the first one of an I/O port capability */
	word_t threads;             /* how many */
	struct fuzz *thread[PLAY_GROUP_TCBS];
};

struct fuzz_regs {
	word_t rax, rbx, rcx, rdx, rsi, rdi, rbp, rsp, r8, r9, r10, r11, r12, r13, r14, r15, rflags;
};

enum {
	LABELS = 64,
	SYSCALLS = 16,
	FUZZ_MAGIC = 0x5a2b3c4d,
};

/* How often, and how often it worked. */
struct tally {
	uint32_t made, succeeded;
};

struct fuzz {
	struct rt_thread block; /* FS points here */
	word_t saved_rsp;
	word_t target; /* fuzz_syscall, or a place in code[] */
	word_t tag;    /* what XMM15 holds: the thread uses the FPU */
	word_t stack;
	struct fuzz_regs in, out;

	word_t magic;
	word_t random;
	volatile word_t calls; /* system calls, exceptions and accesses tried */
	struct group *group;
	bool freehold;       /* the kernel */
	word_t object;       /* slot of the object that is invoked */
	word_t dest, source; /* slots of the invocation's arguments */
	word_t type, count, port;
	bool mid;             /* the slots meant are those of the mid CNode, which has no model */
	word_t flags_word[2]; /* for POPF in code[] */
	struct tally label[LABELS], syscall[SYSCALLS];
	uint8_t code[64];
	uint8_t scratch[512] __attribute__((aligned(64)));
};

/* All that a fuzz thread may write, in whole pages. */
struct fuzz_memory {
	struct fuzz fuzz __attribute__((aligned(4096)));
	struct abi_ipc_buffer buffer __attribute__((aligned(4096)));
	uint8_t stack[8192] __attribute__((aligned(4096)));
};
_Static_assert(sizeof(struct fuzz) <= 4096, "struct fuzz is a page");
#define AT(member, offset) _Static_assert(offsetof(struct fuzz, member) == (offset), #member)
AT(block.ipc_buffer, FUZZ_IPC_BUFFER);
AT(saved_rsp, FUZZ_SAVED_RSP);
AT(target, FUZZ_TARGET);
AT(tag, FUZZ_TAG);
AT(stack, FUZZ_STACK);
AT(in, FUZZ_IN);
AT(out, FUZZ_OUT);
AT(in.rflags, FUZZ_IN + REG_RFLAGS);
#undef AT

extern struct fuzz_memory fuzz_memory[THREADS];

/* Addresses that play frames are mapped at: 2 of each level, 8 pages in the last. */
#define PLAY_VADDR 0x10000000000ull

/* execute.S */
void fuzz_execute(void);
void fuzz_syscall(void);
void fuzz_after(void);
void fuzz_entry(void);
void fuzz_rogue(void);
void fuzz_server(void);

/* thread.c */
_Noreturn void fuzz_main(struct fuzz *f);

/* random.c: used on both sides. */
word_t random_word(word_t *state);
word_t random_below(word_t *state, word_t limit);
bool random_one_in(word_t *state, word_t n);
/* A number that programs get wrong: small, near a power of two, an address. */
word_t random_odd(word_t *state);
/* A system call number that is safe to make: not one that stops the kernel or fills the log. */
word_t random_syscall(word_t *state, bool freehold);

/* plausible.c: prepares an invocation as a program would make it; its label. */
word_t plausible_prepare(struct fuzz *f);
/* After it returned: what the reply says about the group's slots. */
void plausible_learn(struct fuzz *f, word_t label, word_t error, word_t error_word);
/* A slot of the group that the model believes to hold this kind; any slot if there is none. */
word_t slot_of_kind(struct fuzz *f, unsigned int kind);
