/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Invocations as a program makes them (shapes.def), one in ten of them with a mistake. What the
 * slots of the group hold is a model: it learns from what succeeds and from errors, and other
 * threads make it wrong all the time.
 */
#include "fuzz.h"

enum arg {
	END,
	ZERO,
	BIT,
	BITS,
	SMALL,
	ODD,
	RARELY_1,
	TYPE,
	SIZE,
	COUNT,
	DEST,
	SOURCE,
	VICTIM,
	OTHER_VICTIM,
	NODE_VICTIM,
	ENDPOINT,
	DEPTH,
	RIGHTS,
	BADGE,
	GUARD,
	GUARD_SELF,
	REGISTERS,
	CONTEXT,
	COPY_FLAGS,
	BUFFER,
	PRIORITY,
	BUDGET,
	PERIOD,
	REFILLS,
	VADDR,
	ATTRIBUTES,
	PORT,
	NEW_PORT,
	PORT_ABOVE,
	PIN,
	VECTOR,
};

enum { WORDS_MAX = 8 };

struct shape {
	uint8_t label, weight, object;
	uint8_t caps[ABI_MSG_CAPS_MAX + 1]; /* to KIND_NONE */
	uint8_t words[WORDS_MAX + 1];       /* to END */
};

#define C(...)                                                                                     \
	{                                                                                          \
		__VA_ARGS__ __VA_OPT__(, ) KIND_NONE                                               \
	}
#define W(...)                                                                                     \
	{                                                                                          \
		__VA_ARGS__ __VA_OPT__(, ) END                                                     \
	}
static const struct shape shapes[] = {
#define SHAPE(weight, label, object, caps, words) { INV_##label, weight, object, caps, words },
#include "shapes.def"
#undef SHAPE
};
#undef C
#undef W

/* -- slots -- */

static bool kind_matches(uint8_t have, unsigned int want)
{
	if (want == KIND_PAGE)
		return have == OBJ_X86_4K_PAGE || have == OBJ_X86_LARGE_PAGE ||
		       have == OBJ_X86_HUGE_PAGE;
	if (want == KIND_TCB_OR_NOTIFICATION)
		return have == OBJ_TCB || have == OBJ_NOTIFICATION;
	return have == want;
}

/* From a random slot at or above first on; 0 if there is none. */
static word_t find_slot(struct fuzz *f, unsigned int kind, word_t first)
{
	word_t n = PLAY_SLOTS - first, start = random_below(&f->random, n);
	for (word_t i = 0; i < n; i++) {
		word_t s = first + (start + i) % n;
		if (kind_matches(f->group->kind[s], kind))
			return s;
	}
	return 0;
}

static bool is_live(word_t s)
{
	return s >= PLAY_TCBS && s < PLAY_ENDPOINT;
}

word_t slot_of_kind(struct fuzz *f, unsigned int kind)
{
	word_t s = find_slot(f, kind, 1);
	/* What the group made itself can be lost while somebody waits for it. */
	if (s < PLAY_BASE && random_one_in(&f->random, 2)) {
		word_t own = find_slot(f, kind, PLAY_BASE);
		s = own ? own : s;
	}
	/* Mostly not the threads that fuzz, and not the vspace that they are in. */
	if (is_live(s) && !random_one_in(&f->random, 3))
		s = find_slot(f, kind, 1);
	if (is_live(s) && !random_one_in(&f->random, 3))
		s = kind == OBJ_SCHED_CONTEXT ? PLAY_SPARE_CONTEXT : PLAY_SPARE_TCB;
	return s ? s : random_below(&f->random, PLAY_SLOTS);
}

/* A slot that may be lost: above those that every round begins with, but for a few times. */
static word_t victim(struct fuzz *f)
{
	if (random_one_in(&f->random, 300))
		return random_below(&f->random, PLAY_BASE);
	static const uint8_t busy[] = { OBJ_ENDPOINT,      OBJ_NOTIFICATION, OBJ_REPLY,
		                        OBJ_SCHED_CONTEXT, OBJ_TCB,          OBJ_X86_PML4 };
	word_t s = random_one_in(&f->random, 4)
	                   ? find_slot(f, busy[random_below(&f->random, sizeof busy)], PLAY_BASE)
	                   : find_slot(f, KIND_UNKNOWN, PLAY_BASE);
	for (unsigned int i = 0; i < 20 && (!s || f->group->kind[s] == KIND_EMPTY); i++)
		s = PLAY_BASE + random_below(&f->random, PLAY_SLOTS - PLAY_BASE);
	return s ? s : PLAY_BASE;
}

static word_t full_slot(struct fuzz *f)
{
	word_t s = 0;
	for (unsigned int i = 0; i < 20; i++) {
		s = random_below(&f->random, PLAY_SLOTS);
		if (f->group->kind[s] != KIND_EMPTY)
			break;
	}
	return s;
}

/* The first of f->count empty slots. */
static word_t empty_slots(struct fuzz *f)
{
	word_t s = 0;
	for (unsigned int tries = 0; tries < 8; tries++) {
		s = find_slot(f, KIND_EMPTY, PLAY_BASE);
		word_t n = 1;
		while (n < f->count && s + n < PLAY_SLOTS && f->group->kind[s + n] == KIND_EMPTY)
			n++;
		if (s && n == f->count)
			return s;
	}
	return s ? s : PLAY_BASE + random_below(&f->random, PLAY_SLOTS - PLAY_BASE);
}

static cptr_t cptr_of(struct fuzz *f, unsigned int kind)
{
	switch (kind) {
	case KIND_IRQ_CONTROL:
		return FIXED_CPTR + FIXED_IRQ_CONTROL;
	case KIND_IO_PORT_CONTROL:
		return FIXED_CPTR + FIXED_IO_PORT_CONTROL;
	case KIND_ASID_CONTROL:
		return FIXED_CPTR + FIXED_ASID_CONTROL;
	case KIND_SCHED_CONTROL:
		return FIXED_CPTR + FIXED_SCHED_CONTROL;
	case KIND_DOMAIN:
		return FIXED_CPTR + FIXED_DOMAIN;
	case KIND_NODE:
		return f->mid ? PLAY_MID : PLAY_SELF;
	case KIND_CONTEXT_OR_NULL:
		return random_one_in(&f->random, 2) ? PLAY_NULL
		                                    : slot_of_kind(f, OBJ_SCHED_CONTEXT);
	case KIND_ENDPOINT_OR_NULL:
		return random_one_in(&f->random, 3) ? PLAY_NULL : slot_of_kind(f, OBJ_ENDPOINT);
	case KIND_AUTHORITY:
		return random_one_in(&f->random, 4) ? slot_of_kind(f, OBJ_TCB) : PLAY_TCBS;
	case KIND_NEW_VSPACE:
		return slot_of_kind(f, OBJ_X86_PML4);
	case OBJ_X86_PML4:
		return random_one_in(&f->random, 4) ? slot_of_kind(f, kind) : PLAY_VSPACE;
	default:
		return slot_of_kind(f, kind);
	}
}

/* -- words -- */

/* Some things can only be made from one untyped. */
static word_t choose_type(struct fuzz *f)
{
	f->type = random_below(&f->random, OBJ_COUNT);
	bool large = f->type == OBJ_X86_HUGE_PAGE || f->type == OBJ_X86_LARGE_PAGE;
	if (large && f->group->kind[PLAY_DEVICE] != OBJ_UNTYPED)
		f->type = OBJ_X86_4K_PAGE;
	if (f->type == OBJ_X86_HUGE_PAGE)
		f->object = PLAY_DEVICE;
	else if (f->type == OBJ_X86_LARGE_PAGE)
		f->object = random_one_in(&f->random, 2) ? PLAY_DEVICE : PLAY_UNTYPED_LARGE;
	else if (random_one_in(&f->random, 2))
		f->object = PLAY_UNTYPED;
	return f->type;
}

static word_t choose_size(struct fuzz *f)
{
	switch (f->type) {
	case OBJ_UNTYPED:
		return random_one_in(&f->random, 3) ? 12 : 4 + random_below(&f->random, 11);
	case OBJ_CNODE:
		return 1 + random_below(&f->random, random_one_in(&f->random, 8) ? 11 : 6);
	case OBJ_SCHED_CONTEXT:
		return ABI_SCHED_CONTEXT_BITS_MIN + random_below(&f->random, 4);
	default:
		return 0;
	}
}

static word_t choose_vaddr(struct fuzz *f)
{
	if (random_one_in(&f->random, 50))
		return random_odd(&f->random);
	uint8_t kind = f->object < PLAY_SLOTS ? f->group->kind[f->object] : KIND_EMPTY;
	word_t spread = kind == OBJ_X86_4K_PAGE ? 1 : 6; /* tables: where none is yet */
	word_t vaddr = PLAY_VADDR + (random_below(&f->random, 8) << 12);
	for (unsigned int shift = 21; shift <= 39; shift += 9)
		if (random_one_in(&f->random, 3))
			vaddr += (1 + random_below(&f->random, spread)) << shift;
	/* A larger page must lie at a multiple of its size. */
	if (kind == OBJ_X86_LARGE_PAGE)
		vaddr &= ~(((word_t)1 << 21) - 1);
	else if (kind == OBJ_X86_HUGE_PAGE)
		vaddr &= ~(((word_t)1 << 30) - 1);
	return vaddr;
}

/* Registers for a thread: to go on fuzzing, or to do what is in execute.S, or anything. */
static word_t set_context(struct fuzz *f, word_t *words)
{
	struct abi_user_context context;
	word_t *c = (word_t *)&context, which = f->object - PLAY_TCBS;
	for (unsigned int i = 0; i < ABI_CONTEXT_WORDS; i++)
		c[i] = random_odd(&f->random);
	if (which < PLAY_GROUP_TCBS && which < f->group->threads) {
		context.rip = (word_t)fuzz_entry;
		context.fs_base = (word_t)f->group->thread[which];
	} else if (!random_one_in(&f->random, 3)) {
		context.rip = (word_t)fuzz_rogue;
	}
	for (unsigned int i = 0; i < ABI_CONTEXT_WORDS; i++)
		words[i] = c[i];
	return ABI_CONTEXT_WORDS;
}

static word_t choose_slot(struct fuzz *f, enum arg arg)
{
	if (f->mid)
		return random_below(&f->random, 1 << MID_RADIX);
	switch (arg) {
	case DEST:
		return f->dest = empty_slots(f);
	case SOURCE:
		return f->source = full_slot(f);
	case ENDPOINT:
		return f->source = slot_of_kind(f, OBJ_ENDPOINT);
	case NODE_VICTIM:
		f->source = find_slot(f, OBJ_CNODE, PLAY_BASE);
		return f->source;
	default:
		return f->source = victim(f);
	}
}

static word_t choose_word(struct fuzz *f, enum arg arg)
{
	word_t *r = &f->random;
	switch (arg) {
	case BIT:
		return random_below(r, 2);
	case BITS:
		/* Rarely that all system calls fault: nothing else would be tried any more. */
		return random_one_in(r, 20) ? random_odd(r) : random_below(r, 2);
	case SMALL:
		return random_below(r, 6);
	case ODD:
		return random_odd(r);
	case RARELY_1:
		return random_one_in(r, 10);
	case TYPE:
		return choose_type(f);
	case SIZE:
		return choose_size(f);
	case COUNT:
		return f->count;
	case DEPTH:
		return ABI_WORD_BITS;
	case RIGHTS:
		return random_one_in(r, 3) ? random_below(r, 16) : RIGHTS_ALL;
	case BADGE:
		return random_one_in(r, 3) ? 0 : random_below(r, 8);
	case GUARD:
		return abi_cnode_guard(random_below(r, 4), random_below(r, 64));
	case GUARD_SELF:
		return random_one_in(r, 8) ? random_odd(r) : 0;
	case REGISTERS:
		return random_one_in(r, 4) ? random_below(r, 22) : ABI_CONTEXT_WORDS;
	case COPY_FLAGS:
		return random_below(r, 4) << 2 | random_one_in(r, 4);
	case BUFFER:
		return random_one_in(r, 2) ? 0 : PLAY_VADDR + (random_below(r, 8) << 10);
	case PRIORITY:
		return random_below(r, PRIORITY_MAX + 2);
	case BUDGET:
		return ABI_BUDGET_MIN_US + random_below(r, random_one_in(r, 2) ? 20000 : 100);
	case PERIOD:
		return random_one_in(r, 2) ? 20020 + random_below(r, 1000000) : 20000;
	case REFILLS:
		return random_below(r, 9);
	case VADDR:
		return choose_vaddr(f);
	case ATTRIBUTES:
		return random_one_in(r, 2) ? 0 : random_below(r, 16);
	case PORT:
		return f->group->port[f->object % PLAY_SLOTS] + random_below(r, 2);
	case NEW_PORT:
		return f->port = PORT_FIRST + random_below(r, PORT_LAST - PORT_FIRST);
	case PORT_ABOVE:
		return f->port + random_below(r, 8);
	case PIN:
		return random_below(r, 24);
	case VECTOR:
		return random_below(r, ABI_USER_IRQ_MAX + 2);
	default:
		return 0;
	}
}

static bool is_slot_arg(enum arg arg)
{
	return arg >= DEST && arg <= ENDPOINT;
}

/* Everything into registers and IPC buffer. */
static void put_message(struct fuzz *f, word_t label, word_t caps, const word_t *words,
                        word_t length)
{
	word_t *r = &f->random, info = abi_msginfo(label, 0, caps, length);
	struct abi_ipc_buffer *buffer = f->block.ipc_buffer;
	word_t mr[ABI_MSG_REGS];
	for (unsigned int i = 0; i < ABI_MSG_REGS; i++)
		mr[i] = i < length ? words[i] : random_odd(r);
	for (word_t i = ABI_MSG_REGS; i < length; i++)
		buffer->msg[i] = words[i];
	f->in.rdi = f->object;
	f->in.rsi = info;
	f->in.r10 = mr[0];
	f->in.r8 = mr[1];
	f->in.r9 = mr[2];
	f->in.r15 = mr[3];
	f->in.rdx = (word_t)SYS_CALL;
	if (random_one_in(r, 20))
		f->in.rdx = random_one_in(r, 2) ? (word_t)SYS_SEND : (word_t)SYS_NB_SEND;
}

/* One thing is not as it should be. */
static void make_mistake(struct fuzz *f)
{
	word_t *r = &f->random;
	word_t *regs[] = { &f->in.r10, &f->in.r8, &f->in.r9, &f->in.r15 };
	struct abi_ipc_buffer *buffer = f->block.ipc_buffer;
	switch (random_below(r, 8)) {
	case 0:
		f->in.rdi = random_below(r, CPTR_TOP);
		break;
	case 1: /* length */
		f->in.rsi = (f->in.rsi & ~(word_t)127) | random_below(r, 128);
		break;
	case 2: /* capabilities */
		f->in.rsi = (f->in.rsi & ~(word_t)0x180) | random_below(r, 4) << 7;
		break;
	case 3:
		buffer->caps_or_badges[random_below(r, ABI_MSG_CAPS_MAX)] =
		        random_below(r, CPTR_TOP);
		break;
	case 4:
		buffer->msg[4 + random_below(r, 4)] = random_odd(r);
		break;
	default:
		*regs[random_below(r, 4)] = random_odd(r);
	}
}

static const struct shape *choose_shape(struct fuzz *f)
{
	word_t total = 0;
	for (unsigned int i = 0; i < sizeof shapes / sizeof shapes[0]; i++)
		total += shapes[i].weight;
	word_t pick = random_below(&f->random, total);
	for (const struct shape *s = shapes;; s++) {
		if (pick < s->weight)
			return s;
		pick -= s->weight;
	}
}

word_t plausible_prepare(struct fuzz *f)
{
	const struct shape *s = choose_shape(f);
	word_t words[ABI_CONTEXT_WORDS + WORDS_MAX], caps = 0, length = 0;
	struct abi_ipc_buffer *buffer = f->block.ipc_buffer;
	f->dest = f->source = 0;
	f->mid = random_one_in(&f->random, 20);
	f->count = random_one_in(&f->random, 6) ? 1 + random_below(&f->random, 4) : 1;
	if (s->label != INV_UNTYPED_RETYPE)
		f->count = 1;
	f->object = cptr_of(f, s->object);
	for (; s->caps[caps] != KIND_NONE; caps++)
		buffer->caps_or_badges[caps] = cptr_of(f, s->caps[caps]);
	for (const uint8_t *arg = s->words; *arg != END; arg++)
		if (*arg == CONTEXT)
			length += set_context(f, words + length);
		else
			words[length++] =
			        is_slot_arg(*arg) ? choose_slot(f, *arg) : choose_word(f, *arg);
	/* What the tables cannot say. */
	if (s->label == INV_X86_ASID_CONTROL_MAKE_POOL && random_one_in(&f->random, 2))
		buffer->caps_or_badges[0] = PLAY_UNTYPED_PAGE;
	if (s->label == INV_CNODE_REVOKE && !f->mid && !random_one_in(&f->random, 3))
		words[0] = f->source = slot_of_kind(f, OBJ_UNTYPED);
	if (s->label == INV_TCB_SUSPEND && is_live(f->object) && !random_one_in(&f->random, 4))
		f->object = PLAY_SPARE_TCB;
	put_message(f, s->label, caps, words, length);
	if (random_one_in(&f->random, 10))
		make_mistake(f);
	return s->label;
}

/* -- what was learned -- */

static void set_kind(struct group *g, word_t s, uint8_t kind, word_t parent)
{
	if (s == 0 || s >= PLAY_SLOTS)
		return;
	g->kind[s] = kind;
	g->parent[s] = (uint8_t)parent;
}

static void forget_children(struct group *g, word_t untyped)
{
	for (word_t s = 1; s < PLAY_SLOTS; s++)
		if (untyped && g->parent[s] == untyped && s != untyped) {
			set_kind(g, s, KIND_EMPTY, 0);
			for (word_t i = 1; i < PLAY_SLOTS; i++)
				if (g->parent[i] == s)
					set_kind(g, i, KIND_EMPTY, 0);
		}
}

static void learn_success(struct fuzz *f, word_t label)
{
	struct group *g = f->group;
	word_t source = f->source % PLAY_SLOTS, kind = g->kind[source], parent = g->parent[source];
	switch (label) {
	case INV_UNTYPED_RETYPE:
		for (word_t i = 0; i < f->count; i++)
			set_kind(g, f->dest + i, (uint8_t)f->type, f->object);
		break;
	case INV_CNODE_COPY:
	case INV_CNODE_MINT:
		set_kind(g, f->dest, (uint8_t)kind, parent);
		break;
	case INV_CNODE_MOVE:
	case INV_CNODE_MUTATE:
		set_kind(g, f->dest, (uint8_t)kind, parent);
		set_kind(g, source, KIND_EMPTY, 0);
		break;
	case INV_CNODE_ROTATE: /* the pivot is not remembered */
		set_kind(g, f->dest, KIND_UNKNOWN, 0);
		set_kind(g, source, KIND_EMPTY, 0);
		break;
	case INV_CNODE_DELETE:
		set_kind(g, source, KIND_EMPTY, 0);
		break;
	case INV_CNODE_REVOKE:
		forget_children(g, source);
		break;
	case INV_X86_ASID_CONTROL_MAKE_POOL:
		set_kind(g, f->dest, KIND_ASID_POOL, PLAY_UNTYPED_PAGE);
		break;
	case INV_X86_IO_PORT_CONTROL_ISSUE:
		set_kind(g, f->dest, KIND_IO_PORT, 0);
		g->port[f->dest % PLAY_SLOTS] = (uint16_t)f->port;
		break;
	case INV_X86_IRQ_GET_IOAPIC:
	case INV_X86_IRQ_GET_MSI:
		set_kind(g, f->dest, KIND_IRQ_HANDLER, 0);
		break;
	default:
		break;
	}
}

void plausible_learn(struct fuzz *f, word_t label, word_t error, word_t error_word)
{
	struct group *g = f->group;
	if (error == ERR_NONE && !f->mid)
		learn_success(f, label);
	else if (error == ERR_INVALID_CAPABILITY && error_word == 0)
		set_kind(g, f->object, KIND_EMPTY, 0);
	else if (error == ERR_DELETE_FIRST && !f->mid)
		set_kind(g, f->dest, KIND_UNKNOWN, 0);
	else if (error == ERR_FAILED_LOOKUP && !f->mid && error_word == 1)
		set_kind(g, f->source, KIND_EMPTY, 0);
}
