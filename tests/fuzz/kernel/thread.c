/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A fuzz thread: one random thing after another. It may be stopped, sent elsewhere or given other
 * registers at any point, by the others and by its own doing; the controller then starts it again
 * at fuzz_entry. It uses nothing but its struct fuzz.
 */
#include "fuzz.h"
#include <test/mem.h>

enum {
	FLAG_TRAP = 0x100,
	FLAG_DIRECTION = 0x400,
	FLAG_NESTED_TASK = 0x4000,
};

/* All flags that a user can set; seL4 keeps two of them on entry that make it stumble. */
static word_t random_flags(struct fuzz *f)
{
	word_t flags = random_word(&f->random) & 0x247fd7;
	return f->freehold ? flags : flags & ~(word_t)(FLAG_DIRECTION | FLAG_NESTED_TASK);
}

static void set_registers(struct fuzz *f)
{
	word_t *regs = &f->in.rax;
	for (unsigned int i = 0; i < 16; i++)
		regs[i] = random_odd(&f->random);
	f->in.rsp = f->stack - 256;
	f->in.rflags = 2;
	if (random_one_in(&f->random, 8))
		f->in.rflags |= random_flags(f) & ~(word_t)FLAG_TRAP;
}

static void do_syscall(struct fuzz *f)
{
	word_t index = ~f->in.rdx; /* -1 is 0 */
	struct tally *tally = &f->syscall[index < SYSCALLS ? index : SYSCALLS - 1];
	tally->made++;
	f->target = (word_t)fuzz_syscall;
	f->calls++;
	fuzz_execute();
	tally->succeeded++; /* it came back */
}

static word_t label_of(struct fuzz *f)
{
	word_t label = abi_msginfo_label(f->in.rsi);
	return label < LABELS ? label : 0;
}

static void invoke(struct fuzz *f)
{
	word_t label = label_of(f);
	bool call = f->in.rdx == (word_t)SYS_CALL;
	uint8_t kind = f->in.rdi < PLAY_SLOTS ? f->group->kind[f->in.rdi] : KIND_NODE;
	/* Messages to other threads are not invocations. */
	bool counts = call && kind != OBJ_ENDPOINT && kind != OBJ_NOTIFICATION && kind != OBJ_REPLY;
	if (counts)
		f->label[label].made++;
	do_syscall(f);
	if (!counts)
		return;
	word_t error = abi_msginfo_label(f->out.rsi);
	if (error == ERR_NONE)
		f->label[label].succeeded++;
	if (label == abi_msginfo_label(f->in.rsi))
		plausible_learn(f, label, error, f->out.r10);
}

static void step_plausible(struct fuzz *f)
{
	set_registers(f);
	(void)plausible_prepare(f);
	invoke(f);
}

/* Any label with any words on whatever is in a slot, or on nothing. */
static void step_random_invocation(struct fuzz *f)
{
	word_t *r = &f->random;
	struct abi_ipc_buffer *buffer = f->block.ipc_buffer;
	set_registers(f);
	f->mid = true; /* nothing is learned about slots */
	f->object = f->in.rdi =
	        random_one_in(r, 4) ? random_below(r, CPTR_TOP) : random_below(r, PLAY_SLOTS);
	f->in.rsi = abi_msginfo(random_below(r, INV_COUNT + 2), random_below(r, 8),
	                        random_below(r, 4), random_below(r, 12));
	for (unsigned int i = 0; i < 12; i++)
		buffer->msg[i] = random_odd(r);
	for (unsigned int i = 0; i < ABI_MSG_CAPS_MAX; i++)
		buffer->caps_or_badges[i] = random_below(r, PLAY_SLOTS);
	f->in.rdx = (word_t)SYS_CALL;
	uint8_t kind = f->in.rdi < PLAY_SLOTS ? f->group->kind[f->in.rdi] : KIND_NODE;
	if (kind == OBJ_ENDPOINT || kind == KIND_UNKNOWN || random_one_in(r, 20))
		f->in.rdx = (word_t)SYS_NB_SEND; /* a Call would wait */
	invoke(f);
}

static enum abi_syscall choose_ipc(struct fuzz *f)
{
	static const struct {
		int8_t nr;
		uint8_t weight;
	} choice[] = {
		{ SYS_NB_SEND, 24 },     { SYS_NB_RECV, 18 },   { SYS_NB_WAIT, 8 },
		{ SYS_SEND, 10 },        { SYS_CALL, 10 },      { SYS_RECV, 6 },
		{ SYS_WAIT, 4 },         { SYS_REPLY_RECV, 6 }, { SYS_NB_SEND_RECV, 6 },
		{ SYS_NB_SEND_WAIT, 6 },
	};
	word_t pick = random_below(&f->random, 98);
	for (unsigned int i = 0; i < sizeof choice / sizeof choice[0]; i++) {
		if (pick < choice[i].weight)
			return (enum abi_syscall)choice[i].nr;
		pick -= choice[i].weight;
	}
	return SYS_YIELD;
}

/* Endpoints, notifications and replies, with messages of all sizes and a receive slot. */
static void step_ipc(struct fuzz *f)
{
	word_t *r = &f->random;
	struct abi_ipc_buffer *buffer = f->block.ipc_buffer;
	set_registers(f);
	enum abi_syscall nr = choose_ipc(f);
	word_t length = random_one_in(r, 3) ? random_below(r, 128) : random_below(r, 6);
	word_t caps = random_one_in(r, 3) ? random_below(r, 4) : 0;
	f->in.rdx = (word_t)nr;
	f->in.rdi = slot_of_kind(f, random_one_in(r, 3) ? OBJ_NOTIFICATION : OBJ_ENDPOINT);
	if (nr == SYS_SEND && random_one_in(r, 2))
		f->in.rdi = slot_of_kind(f, random_one_in(r, 2) ? OBJ_REPLY : OBJ_NOTIFICATION);
	f->in.rsi = abi_msginfo(random_odd(r), random_below(r, 8), caps, length);
	f->in.r12 = slot_of_kind(f, nr == SYS_NB_SEND_WAIT ? OBJ_ENDPOINT : OBJ_REPLY);
	f->in.r13 = slot_of_kind(f, random_one_in(r, 2) ? OBJ_REPLY : OBJ_ENDPOINT);
	for (unsigned int i = 0; i < ABI_MSG_CAPS_MAX; i++)
		buffer->caps_or_badges[i] = random_below(r, PLAY_SLOTS);
	for (unsigned int i = 0; i < 4; i++)
		buffer->msg[random_below(r, ABI_MSG_MAX)] = random_odd(r);
	buffer->receive_cnode = random_one_in(r, 8) ? random_below(r, CPTR_TOP) : PLAY_SELF;
	buffer->receive_index = PLAY_BASE + random_below(r, PLAY_SLOTS - PLAY_BASE);
	buffer->receive_depth = random_one_in(r, 8) ? random_below(r, 66) : ABI_WORD_BITS;
	do_syscall(f);
}

/* Registers as they come. */
static void step_raw_syscall(struct fuzz *f)
{
	set_registers(f);
	f->in.rsp = random_odd(&f->random);
	f->in.rdx = random_syscall(&f->random, f->freehold);
	if (f->in.rdx == (word_t)SYS_SET_TLS_BASE && !random_one_in(&f->random, 50))
		f->in.rdi = (word_t)f;
	else if (f->in.rdi >= CPTR_TOP && random_one_in(&f->random, 2))
		f->in.rdi = random_below(&f->random, CPTR_TOP);
	do_syscall(f);
}

/* -- instructions -- */

static uint8_t *put_bytes(uint8_t *at, const char *bytes, unsigned int n)
{
	for (unsigned int i = 0; i < n; i++)
		*at++ = (uint8_t)bytes[i];
	return at;
}

/* Runs code[] up to `end`. */
static void run_code(struct fuzz *f, uint8_t *end)
{
	word_t after = (word_t)fuzz_after;
	end = put_bytes(end, "\xff\x25\x00\x00\x00\x00", 6); /* jmp *0(%rip) */
	put_bytes(end, (const char *)&after, sizeof after);
	f->target = (word_t)f->code;
	f->calls++;
	fuzz_execute();
}

/* What only a kernel may do, what needs care, and what raises exceptions. */
#define CODE(bytes)                                                                                \
	{                                                                                          \
		bytes, sizeof(bytes) - 1                                                           \
	}
static const struct {
	char bytes[12];
	uint8_t length;
} instructions[] = {
	CODE("\x0f\x0b"),                     /* ud2 */
	CODE("\xcc"),                         /* int3 */
	CODE("\xf1"),                         /* int1 */
	CODE("\xf4"),                         /* hlt */
	CODE("\xfa"),                         /* cli */
	CODE("\xfb"),                         /* sti */
	CODE("\xec"),                         /* in (%dx), %al */
	CODE("\xee"),                         /* out %al, (%dx) */
	CODE("\x6c"),                         /* insb */
	CODE("\x9d\x0f\x05"),                 /* popf, syscall: with the trap flag, too */
	CODE("\x9d\x90\x90"),                 /* popf, nop */
	CODE("\x9c\x58"),                     /* pushf, pop %rax */
	CODE("\x0f\x01\x14\x24"),             /* lgdt (%rsp) */
	CODE("\x0f\x01\x1c\x24"),             /* lidt (%rsp) */
	CODE("\x0f\x01\x04\x24"),             /* sgdt (%rsp) */
	CODE("\x0f\x00\xd8"),                 /* ltr %ax */
	CODE("\x0f\x00\xd0"),                 /* lldt %ax */
	CODE("\x0f\x20\xc0"),                 /* mov %cr0, %rax */
	CODE("\x0f\x22\xd8"),                 /* mov %rax, %cr3 */
	CODE("\x0f\x22\xe0"),                 /* mov %rax, %cr4 */
	CODE("\x0f\x23\xf8"),                 /* mov %rax, %db7 */
	CODE("\x0f\x30"),                     /* wrmsr */
	CODE("\x0f\x32"),                     /* rdmsr */
	CODE("\x0f\x33"),                     /* rdpmc */
	CODE("\x0f\x34"),                     /* sysenter */
	CODE("\x0f\x35"),                     /* sysexit */
	CODE("\x48\x0f\x07"),                 /* sysretq */
	CODE("\x48\xcf"),                     /* iretq */
	CODE("\x48\xcb"),                     /* lretq */
	CODE("\x0f\x01\xf8"),                 /* swapgs */
	CODE("\x0f\x01\x38"),                 /* invlpg (%rax) */
	CODE("\x0f\x09"),                     /* wbinvd */
	CODE("\x0f\x06"),                     /* clts */
	CODE("\x0f\x01\xf0"),                 /* lmsw %ax */
	CODE("\x0f\x01\xe0"),                 /* smsw %eax */
	CODE("\x0f\x01\xc8"),                 /* monitor */
	CODE("\x0f\x01\xc1"),                 /* vmcall */
	CODE("\x0f\x01\xd0"),                 /* xgetbv */
	CODE("\x0f\x01\xd1"),                 /* xsetbv */
	CODE("\x0f\xae\xe3"),                 /* (xsave, a register: undefined) */
	CODE("\xf3\x48\x0f\xae\xd0"),         /* wrfsbase %rax */
	CODE("\xf3\x48\x0f\xae\xd8"),         /* wrgsbase %rax */
	CODE("\x8e\xd8"),                     /* mov %eax, %ds */
	CODE("\x8e\xd0"),                     /* mov %eax, %ss */
	CODE("\x8e\xe0"),                     /* mov %eax, %fs */
	CODE("\x8e\xe8"),                     /* mov %eax, %gs */
	CODE("\x31\xc9\xf7\xf1"),             /* xor %ecx, %ecx; div %ecx */
	CODE("\x0f\xae\x14\x24"),             /* ldmxcsr (%rsp) */
	CODE("\x0f\xae\x14\x24\x0f\x5e\xc1"), /* the same; divps %xmm1, %xmm0 */
	CODE("\x0f\x28\x44\x24\x01"),         /* movaps 1(%rsp), %xmm0 */
	CODE("\xdb\xe3\xd9\x2c\x24\xd9\xee\xd9\xe8\xd8\xf1\x9b"), /* fninit, fldcw, 1/0, wait */
	CODE("\x0f\xae\x0f"),                                     /* fxrstor (%rdi) */
	CODE("\x0f\xae\x2f"),                                     /* xrstor (%rdi) */
	CODE("\x0f\xae\x27"),                                     /* xsave (%rdi) */
	CODE("\xff\xe0"),                                         /* jmp *%rax */
	CODE("\xc8\xff\xff\x1f"),                                 /* enter $65535, $31 */
	CODE("\x0f\xa2"),                                         /* cpuid */
	CODE("\x48\x0f\xc7\x0c\x24"),                             /* cmpxchg16b (%rsp) */
	/* For Freehold only: */
	CODE("\xfd\x0f\x0b"),                     /* std, ud2 */
	CODE("\xfd\x8b\x04\x25\x00\x00\x00\x00"), /* std, mov 0, %eax */
};
#undef CODE

static void step_instruction(struct fuzz *f)
{
	word_t *r = &f->random,
	       count = sizeof instructions / sizeof instructions[0] - (f->freehold ? 0 : 2);
	word_t pick = random_below(r, count);
	set_registers(f);
	f->in.rsp = (word_t)f->flags_word;
	f->in.rdi = (word_t)f->scratch;
	if (f->in.rdx > CPTR_TOP)
		f->in.rdx = random_below(r, INV_COUNT); /* no debug call in what follows popf */
	f->flags_word[0] = random_flags(f);
	run_code(f, put_bytes(f->code, instructions[pick].bytes, instructions[pick].length));
}

static void step_interrupt(struct fuzz *f)
{
	uint8_t code[2] = { 0xcd, (uint8_t)random_word(&f->random) };
	set_registers(f);
	run_code(f, put_bytes(f->code, (const char *)code, sizeof code));
}

/*
 * Not IRET (CF), unless with a prefix that makes it 64 bits wide: QEMU 7.2 lets it enter VM86 mode
 * from here, with flags and code segment that no kernel can be given on a real CPU.
 */
static void step_random_code(struct fuzz *f)
{
	word_t words[2] = { random_word(&f->random), random_word(&f->random) };
	uint8_t code[sizeof words];
	if (!f->freehold)
		return; /* among them is STD */
	memcpy(code, words, sizeof code);
	for (unsigned int i = 0; i < sizeof code; i++)
		if (code[i] == 0xcf)
			code[i] = 0x90;
	set_registers(f);
	f->in.rdx = random_below(&f->random, 100);
	run_code(f, put_bytes(f->code, (const char *)code, sizeof code));
}

static void step_memory(struct fuzz *f)
{
	static const char codes[][4] = {
		"\x48\x8b\x07\x90", /* mov (%rdi), %rax; nop */
		"\x48\x89\x07\x90", /* mov %rax, (%rdi); nop */
		"\xf3\xa4\x90\x90", /* rep movsb; nop; nop */
		"\xf3\x48\xab\x90", /* rep stosq; nop */
		"\xff\xd7\x90\x90", /* call *%rdi; nop; nop */
	};
	word_t *r = &f->random;
	set_registers(f);
	f->in.rdi = random_one_in(r, 2) ? PLAY_VADDR + (random_below(r, 16) << 12) : random_odd(r);
	f->in.rsi = (word_t)f->scratch;
	f->in.rcx = random_below(r, 2000);
	/* Not over itself. */
	if (f->in.rdi - (word_t)fuzz_memory < sizeof fuzz_memory)
		f->in.rdi = 0;
	run_code(f, put_bytes(f->code, codes[random_below(r, sizeof codes / 4)], 4));
}

_Noreturn void fuzz_main(struct fuzz *f)
{
	static const struct {
		void (*step)(struct fuzz *f);
		uint8_t weight;
	} steps[] = {
		{ step_plausible, 62 },  { step_random_invocation, 8 },
		{ step_ipc, 16 },        { step_raw_syscall, 6 },
		{ step_interrupt, 2 },   { step_instruction, 3 },
		{ step_random_code, 1 }, { step_memory, 2 },
	};
	for (;;) {
		word_t pick = random_below(&f->random, 100);
		unsigned int i = 0;
		for (; pick >= steps[i].weight; i++)
			pick -= steps[i].weight;
		steps[i].step(f);
	}
}
