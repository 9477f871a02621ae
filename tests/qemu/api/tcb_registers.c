/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * TCB_ReadRegisters, WriteRegisters and CopyRegisters. seL4 manual, section 10.3 (TCB).
 */
#include "api.h"

enum { FLAGS_DEFAULT = 0x202 };

/* Each register its own value, each legal. */
static struct abi_user_context pattern(word_t seed)
{
	struct abi_user_context c;
	word_t *words = (word_t *)&c;
	for (word_t i = 0; i < ABI_CONTEXT_WORDS; i++)
		words[i] = seed << 32 | (i + 1) * 0x1001;
	c.rflags = FLAGS_DEFAULT;
	return c;
}

static void check_words(const struct abi_user_context *a, const struct abi_user_context *b,
                        word_t from, word_t to)
{
	for (word_t i = from; i < to; i++)
		if (((const word_t *)a)[i] != ((const word_t *)b)[i])
			FAIL("register %lu: 0x%lx, 0x%lx", i, ((const word_t *)a)[i],
			     ((const word_t *)b)[i]);
}

static struct abi_user_context read_all(cptr_t tcb)
{
	struct abi_user_context c;
	memset(&c, 0xee, sizeof c);
	CHECK_OK(sel4_tcb_read_registers(tcb, 0, ABI_CONTEXT_WORDS, &c));
	return c;
}

TEST(tcb_registers_of_a_new_tcb)
{
	struct abi_user_context c = read_all(tcb_new()), zero = { .rflags = FLAGS_DEFAULT };
	check_words(&c, &zero, 0, ABI_CONTEXT_WORDS);
}

TEST(tcb_write_and_read_registers)
{
	cptr_t tcb = tcb_new();
	struct abi_user_context c = pattern(1);
	CHECK_OK(sel4_tcb_write_registers(tcb, 0, ABI_CONTEXT_WORDS, &c));
	struct abi_user_context d = read_all(tcb);
	check_words(&c, &d, 0, ABI_CONTEXT_WORDS);
}

TEST(tcb_write_some_registers)
{
	cptr_t tcb = tcb_new();
	struct abi_user_context c = pattern(1), d = pattern(2);
	CHECK_OK(sel4_tcb_write_registers(tcb, 0, ABI_CONTEXT_WORDS, &c));
	for (word_t count = ABI_CONTEXT_WORDS; count-- > 0;) {
		d = pattern(count + 2);
		CHECK_OK(sel4_tcb_write_registers(tcb, 0, count, &d));
		struct abi_user_context e = read_all(tcb);
		check_words(&d, &e, 0, count);
		if (count + 1 < ABI_CONTEXT_WORDS)
			d = pattern(count + 3);
		else
			d = c;
		check_words(&d, &e, count, count + 1);
	}
}

TEST(tcb_read_some_registers)
{
	cptr_t tcb = tcb_new();
	struct abi_user_context c = pattern(1);
	CHECK_OK(sel4_tcb_write_registers(tcb, 0, ABI_CONTEXT_WORDS, &c));
	for (word_t count = 1; count <= ABI_CONTEXT_WORDS; count++) {
		for (unsigned int i = 0; i < ABI_CONTEXT_WORDS + 1; i++)
			sel4_set_word(i, 0xeeee);
		struct sel4_msg m = sel4_invoke(tcb, INV_TCB_READ_REGISTERS, 0, 2, 0, count, 0, 0);
		CHECK_EQ(m.info, abi_msginfo(0, 0, 0, count));
		CHECK_EQ(m.badge, 0);
		CHECK_EQ(m.mr[0], c.rip);
		if (count > 4)
			CHECK_EQ(sel4_get_word((unsigned int)count - 1), ((word_t *)&c)[count - 1]);
		CHECK_EQ(sel4_get_word((unsigned int)count), 0xeeee);
	}
}

/* Message registers beyond the answer keep what the caller had in them. */
TEST(tcb_read_one_register_leaves_the_others)
{
	cptr_t tcb = tcb_new();
	struct sel4_msg m = sel4_invoke(tcb, INV_TCB_READ_REGISTERS, 0, 2, 0, 1, 0x1234, 0x5678);
	CHECK_EQ(m.info, 1);
	CHECK_EQ(m.mr[0], 0);
	CHECK_EQ(m.mr[1], 1);
	CHECK_EQ(m.mr[2], 0x1234);
	CHECK_EQ(m.mr[3], 0x5678);
}

TEST(tcb_read_registers_count)
{
	struct abi_user_context c;
	cptr_t tcb = tcb_new();
	CHECK_ERR(sel4_tcb_read_registers(tcb, 0, 0, &c), ERR_RANGE, 1, ABI_CONTEXT_WORDS);
	CHECK_ERR(sel4_tcb_read_registers(tcb, 0, 21, &c), ERR_RANGE, 1, ABI_CONTEXT_WORDS);
	CHECK_ERR(sel4_tcb_read_registers(tcb, 0, ~0ull, &c), ERR_RANGE, 1, ABI_CONTEXT_WORDS);
}

TEST(tcb_read_registers_truncated)
{
	cptr_t tcb = tcb_new();
	CHECK_ERR(invoke(tcb, INV_TCB_READ_REGISTERS, 0, 0, 0, 1, 0, 0), ERR_TRUNCATED_MESSAGE);
	CHECK_ERR(invoke(tcb, INV_TCB_READ_REGISTERS, 0, 1, 0, 1, 0, 0), ERR_TRUNCATED_MESSAGE);
}

TEST(tcb_read_own_registers)
{
	struct abi_user_context c;
	CHECK_ERR(sel4_tcb_read_registers(INIT_TCB, 0, 1, &c), ERR_ILLEGAL_OPERATION);
	CHECK_ERR(sel4_tcb_read_registers(INIT_TCB, 1, 20, &c), ERR_ILLEGAL_OPERATION);
	/* The count is looked at first. */
	CHECK_ERR(sel4_tcb_read_registers(INIT_TCB, 0, 0, &c), ERR_RANGE, 1, ABI_CONTEXT_WORDS);
}

TEST(tcb_write_own_registers)
{
	struct abi_user_context c = pattern(1);
	CHECK_ERR(sel4_tcb_write_registers(INIT_TCB, 0, 20, &c), ERR_ILLEGAL_OPERATION);
	CHECK_ERR(sel4_tcb_write_registers(INIT_TCB, 1, 0, &c), ERR_ILLEGAL_OPERATION);
	CHECK_ERR(invoke(INIT_TCB, INV_TCB_WRITE_REGISTERS, 0, 2, 0, 1, 0, 0),
	          ERR_TRUNCATED_MESSAGE);
}

TEST(tcb_write_registers_truncated)
{
	cptr_t tcb = tcb_new();
	CHECK_ERR(invoke(tcb, INV_TCB_WRITE_REGISTERS, 0, 0, 0, 0, 0, 0), ERR_TRUNCATED_MESSAGE);
	CHECK_ERR(invoke(tcb, INV_TCB_WRITE_REGISTERS, 0, 1, 0, 0, 0, 0), ERR_TRUNCATED_MESSAGE);
	CHECK_ERR(invoke(tcb, INV_TCB_WRITE_REGISTERS, 0, 2, 0, 1, 0, 0), ERR_TRUNCATED_MESSAGE);
	CHECK_ERR(invoke(tcb, INV_TCB_WRITE_REGISTERS, 0, 3, 0, 2, 0, 0), ERR_TRUNCATED_MESSAGE);
	CHECK_ERR(invoke(tcb, INV_TCB_WRITE_REGISTERS, 0, 21, 0, 20, 0, 0), ERR_TRUNCATED_MESSAGE);
	CHECK_ERR(invoke(tcb, INV_TCB_WRITE_REGISTERS, 0, 120, 0, 119, 0, 0),
	          ERR_TRUNCATED_MESSAGE);
	CHECK_ERR(invoke(tcb, INV_TCB_WRITE_REGISTERS, 0, 120, 0, ~0ull, 0, 0),
	          ERR_TRUNCATED_MESSAGE);
	CHECK_OK(invoke(tcb, INV_TCB_WRITE_REGISTERS, 0, 2, 0, 0, 0, 0));
}

/* What is beyond the 20 registers is ignored. */
TEST(tcb_write_too_many_registers)
{
	cptr_t tcb = tcb_new();
	struct abi_user_context c = pattern(3);
	CHECK_OK(sel4_tcb_write_registers(tcb, 0, ABI_CONTEXT_WORDS, &c));
	CHECK_OK(invoke(tcb, INV_TCB_WRITE_REGISTERS, 0, 120, 0, 118, c.rip, c.rsp));
	struct abi_user_context d = read_all(tcb);
	check_words(&c, &d, 0, ABI_CONTEXT_WORDS);
}

/* Message length counts, not count: registers beyond are not written. */
TEST(tcb_write_fewer_than_the_message_has)
{
	cptr_t tcb = tcb_new();
	CHECK_OK(invoke(tcb, INV_TCB_WRITE_REGISTERS, 0, 20, 0, 1, 0x1111, 0x2222));
	struct abi_user_context c = read_all(tcb);
	CHECK_EQ(c.rip, 0x1111);
	CHECK_EQ(c.rsp, 0);
}

TEST(tcb_write_registers_sanitises_flags)
{
	static const word_t flags[][2] = {
		{ 0, 0x202 },          { 0x202, 0x202 },  { 0x1, 0x203 },   { 0xcd5, 0xed7 },
		{ ~0ull, 0xed7 },      { 0x3000, 0x202 }, { 0x100, 0x202 }, { 0x200000, 0x202 },
		{ 0x40000, 0x202 },    { 0x28, 0x202 },   { 0x400, 0x602 }, { 0x800, 0xa02 },
		{ 1ull << 32, 0x202 },
	};
	cptr_t tcb = tcb_new();
	struct abi_user_context c = pattern(1), d;
	for (size_t i = 0; i < sizeof flags / sizeof flags[0]; i++) {
		c.rflags = flags[i][0];
		CHECK_OK(sel4_tcb_write_registers(tcb, 0, 3, &c));
		d = read_all(tcb);
		CHECK_EQ(d.rflags, flags[i][1]);
	}
}

TEST(tcb_write_registers_canonical_addresses)
{
	static const word_t addresses[][2] = {
		{ 0x7fffffffffff, 0x7fffffffffff },
		{ 0x800000000000, 0 },
		{ 0xffff7fffffffffff, 0 },
		{ 0xffff800000000000, 0xffff800000000000 },
		{ ~0ull, ~0ull },
		{ 0x8000000000000000, 0 },
	};
	cptr_t tcb = tcb_new();
	for (size_t i = 0; i < sizeof addresses / sizeof addresses[0]; i++) {
		struct abi_user_context c = pattern(1);
		c.rip = c.rsp = c.fs_base = c.gs_base = c.rax = addresses[i][0];
		CHECK_OK(sel4_tcb_write_registers(tcb, 0, ABI_CONTEXT_WORDS, &c));
		struct abi_user_context d = read_all(tcb);
		CHECK_EQ(d.rip, addresses[i][1]);
		CHECK_EQ(d.fs_base, addresses[i][1]);
		CHECK_EQ(d.gs_base, addresses[i][1]);
		/* Others take everything. */
		CHECK_EQ(d.rsp, addresses[i][0]);
		CHECK_EQ(d.rax, addresses[i][0]);
	}
}

/* All registers arrive in the processor, and come back from an exception. */

void trap_here(void);
__asm__(".text\n"
        ".globl trap_here\n"
        "trap_here:\n"
        "\tud2\n");

TEST(tcb_registers_reach_the_thread)
{
	cptr_t faults = endpoint_new(), reply = reply_new();
	struct thread *t = thread_new(&(struct thread_options){ .fault_ep = faults });
	struct abi_user_context c = pattern(5);
	c.rip = (word_t)trap_here;
	c.rflags = 0xed7; /* every flag that a user may set */
	CHECK_OK(sel4_tcb_write_registers(t->tcb, SEL4_WRITE_RESUME, ABI_CONTEXT_WORDS, &c));
	struct sel4_msg m = sel4_recv(faults, reply);
	CHECK_EQ(abi_msginfo_label(m.info), FAULT_USER_EXCEPTION);
	struct abi_user_context d = read_all(t->tcb);
	d.rflags &= ~(word_t)(1 << 16); /* RF: a processor pushes it set, QEMU does not */
	check_words(&c, &d, 0, ABI_CONTEXT_WORDS);
}

void increment_registers(void);
__asm__(".text\n"
        "increment_registers:\n"
        "\tincq %rax\n\tincq %rbx\n\tincq %rcx\n\tincq %rdx\n\tincq %rsi\n\tincq %rdi\n"
        "\tincq %rbp\n\tincq %rsp\n\tincq %r8\n\tincq %r9\n\tincq %r10\n\tincq %r11\n"
        "\tincq %r12\n\tincq %r13\n\tincq %r14\n\tincq %r15\n"
        "1:\tud2\n"
        "\tjmp increment_registers\n");

/* Twice round: written by another thread, then changed by that thread, then replied to. */
TEST(tcb_registers_survive_a_fault)
{
	cptr_t faults = endpoint_new(), reply = reply_new();
	struct thread *t = thread_new(&(struct thread_options){ .fault_ep = faults });
	struct abi_user_context c = pattern(6);
	c.rip = (word_t)increment_registers;
	CHECK_OK(sel4_tcb_write_registers(t->tcb, SEL4_WRITE_RESUME, ABI_CONTEXT_WORDS, &c));
	for (word_t round = 1; round <= 3; round++) {
		struct sel4_msg m = sel4_recv(faults, reply);
		struct abi_user_context d = read_all(t->tcb);
		for (word_t i = 1; i < ABI_CONTEXT_FRAME_WORDS; i++)
			if (i != 2)
				CHECK_EQ(((word_t *)&d)[i], ((word_t *)&c)[i] + round);
		CHECK_EQ(d.fs_base, c.fs_base);
		CHECK_EQ(d.gs_base, c.gs_base);
		/* Skip the ud2. */
		m.info = abi_msginfo(0, 0, 0, 1);
		m.mr[0] = d.rip + 2;
		sel4_send(reply, m);
	}
}

static word_t read_gs(word_t arg)
{
	word_t value;
	(void)arg;
	__asm__ volatile("movq %%gs:8, %0" : "=r"(value));
	return value;
}

TEST(tcb_gs_base_reaches_the_thread)
{
	static word_t block[2] = { 1, 0xabcdef };
	struct thread *t = thread_new(&(struct thread_options){ 0 });
	thread_start(t, read_gs, 0);
	CHECK_OK(sel4_tcb_suspend(t->tcb));
	struct abi_user_context c = read_all(t->tcb);
	c.gs_base = (word_t)block;
	CHECK_OK(sel4_tcb_write_registers(t->tcb, SEL4_WRITE_RESUME, ABI_CONTEXT_WORDS, &c));
	CHECK_EQ(thread_join(t), 0xabcdef);
}

TEST(tcb_read_registers_suspends)
{
	struct thread *t = thread_new(&(struct thread_options){ 0 });
	thread_start(t, read_gs, 0);
	struct abi_user_context c;
	CHECK_OK(sel4_tcb_read_registers(t->tcb, SEL4_READ_SUSPEND, 1, &c));
	thread_settle();
	CHECK(!t->done);
}

TEST(tcb_read_registers_flags_are_bits)
{
	struct thread *t = thread_new(&(struct thread_options){ 0 });
	thread_start_at(t, &(struct abi_user_context){ .rip = (word_t)trap_here });
	struct abi_user_context c = { 0 };
	CHECK_OK(sel4_tcb_read_registers(t->tcb, ~1ull, 1, &c));
	CHECK_EQ(c.rip, (word_t)trap_here);
	CHECK_OK(sel4_tcb_suspend(t->tcb));
}

/* CopyRegisters */

TEST(tcb_copy_frame_registers)
{
	cptr_t a = tcb_new(), b = tcb_new();
	struct abi_user_context c = pattern(1), d = pattern(2);
	CHECK_OK(sel4_tcb_write_registers(a, 0, ABI_CONTEXT_WORDS, &c));
	CHECK_OK(sel4_tcb_write_registers(b, 0, ABI_CONTEXT_WORDS, &d));
	CHECK_OK(sel4_tcb_copy_registers(b, a, SEL4_COPY_FRAME));
	struct abi_user_context e = read_all(b);
	check_words(&c, &e, 0, ABI_CONTEXT_FRAME_WORDS);
	check_words(&d, &e, ABI_CONTEXT_FRAME_WORDS, ABI_CONTEXT_WORDS);
}

TEST(tcb_copy_integer_registers)
{
	cptr_t a = tcb_new(), b = tcb_new();
	struct abi_user_context c = pattern(1), d = pattern(2);
	CHECK_OK(sel4_tcb_write_registers(a, 0, ABI_CONTEXT_WORDS, &c));
	CHECK_OK(sel4_tcb_write_registers(b, 0, ABI_CONTEXT_WORDS, &d));
	CHECK_OK(sel4_tcb_copy_registers(b, a, SEL4_COPY_INTEGER));
	struct abi_user_context e = read_all(b);
	check_words(&d, &e, 0, ABI_CONTEXT_FRAME_WORDS);
	check_words(&c, &e, ABI_CONTEXT_FRAME_WORDS, ABI_CONTEXT_WORDS);
}

TEST(tcb_copy_no_registers)
{
	cptr_t a = tcb_new(), b = tcb_new();
	struct abi_user_context c = pattern(1), d = pattern(2);
	CHECK_OK(sel4_tcb_write_registers(a, 0, ABI_CONTEXT_WORDS, &c));
	CHECK_OK(sel4_tcb_write_registers(b, 0, ABI_CONTEXT_WORDS, &d));
	CHECK_OK(sel4_tcb_copy_registers(b, a, ~(word_t)15));
	struct abi_user_context e = read_all(b);
	check_words(&d, &e, 0, ABI_CONTEXT_WORDS);
}

TEST(tcb_copy_registers_to_itself)
{
	cptr_t a = tcb_new();
	struct abi_user_context c = pattern(1);
	CHECK_OK(sel4_tcb_write_registers(a, 0, ABI_CONTEXT_WORDS, &c));
	CHECK_OK(sel4_tcb_copy_registers(a, a, SEL4_COPY_FRAME | SEL4_COPY_INTEGER));
	struct abi_user_context d = read_all(a);
	check_words(&c, &d, 0, ABI_CONTEXT_WORDS);
}

/* The caller's registers are those of its system call. */
TEST(tcb_copy_registers_of_the_caller)
{
	cptr_t a = tcb_new();
	CHECK_OK(sel4_tcb_copy_registers(a, INIT_TCB, SEL4_COPY_FRAME | SEL4_COPY_INTEGER));
	struct abi_user_context c = read_all(a);
	CHECK_EQ(c.rdx, (word_t)SYS_CALL);
	CHECK_EQ(c.rdi, a);
	CHECK_EQ(c.rsi, abi_msginfo(INV_TCB_COPY_REGISTERS, 0, 1, 1));
	CHECK_EQ(c.r10, SEL4_COPY_FRAME | SEL4_COPY_INTEGER);
	CHECK_NE(c.rbx, 0); /* the stack pointer, by the stub's convention */
	const unsigned char *code = (const unsigned char *)c.rip;
	CHECK_EQ(code[0], 0x0f); /* rip is at the syscall instruction */
	CHECK_EQ(code[1], 0x05);
}

TEST(tcb_copy_registers_suspends_the_source)
{
	struct thread *t = thread_new(&(struct thread_options){ 0 });
	thread_start(t, read_gs, 0);
	CHECK_OK(sel4_tcb_copy_registers(tcb_new(), t->tcb, SEL4_COPY_SUSPEND_SOURCE));
	thread_settle();
	CHECK(!t->done);
}

static word_t return_arg(word_t arg)
{
	return arg;
}

TEST(tcb_copy_registers_resumes_the_target)
{
	struct thread *t = thread_new(&(struct thread_options){ 0 });
	thread_start(t, return_arg, 7);
	CHECK_OK(sel4_tcb_suspend(t->tcb));
	CHECK_OK(sel4_tcb_copy_registers(t->tcb, tcb_new(), SEL4_COPY_RESUME_TARGET));
	CHECK_EQ(thread_join(t), 7);
}

/* A thread's whole state moved to another TCB goes on there. */
TEST(tcb_copy_registers_moves_a_computation)
{
	struct thread *t = thread_new(&(struct thread_options){ 0 });
	struct thread *other = thread_new(&(struct thread_options){ 0 });
	thread_start(t, return_arg, 9);
	CHECK_OK(sel4_tcb_copy_registers(other->tcb, t->tcb,
	                                 SEL4_COPY_SUSPEND_SOURCE | SEL4_COPY_RESUME_TARGET |
	                                         SEL4_COPY_FRAME | SEL4_COPY_INTEGER));
	/* It signals as t, suspends t and traps then: stop it first. */
	while (!t->done)
		sel4_wait(t->exited);
	CHECK_EQ(t->result, 9);
	CHECK_OK(sel4_tcb_suspend(other->tcb));
}

TEST(tcb_copy_registers_source_is_no_tcb)
{
	cptr_t tcb = tcb_new();
	CHECK_ERR(sel4_tcb_copy_registers(tcb, endpoint_new(), 0), ERR_INVALID_CAPABILITY, 1);
	CHECK_ERR(sel4_tcb_copy_registers(tcb, slot_new(), 0), ERR_INVALID_CAPABILITY, 1);
}

TEST(tcb_copy_registers_truncated)
{
	cptr_t tcb = tcb_new();
	sel4_set_cap(0, tcb);
	CHECK_ERR(invoke(tcb, INV_TCB_COPY_REGISTERS, 1, 0, 0, 0, 0, 0), ERR_TRUNCATED_MESSAGE);
	CHECK_ERR(invoke(tcb, INV_TCB_COPY_REGISTERS, 0, 1, 0, 0, 0, 0), ERR_TRUNCATED_MESSAGE);
}

/* A thread stopped in a system call, restarted: it makes the call again. */

static word_t wait_for(word_t ntfn)
{
	return sel4_wait(ntfn).badge;
}

TEST(tcb_registers_of_a_thread_in_a_system_call)
{
	cptr_t ntfn = notification_new();
	struct thread *t = thread_run(wait_for, ntfn);
	thread_settle();
	struct abi_user_context c = read_all(t->tcb);
	const unsigned char *code = (const unsigned char *)c.rip;
	CHECK_EQ(code[0], 0x0f);
	CHECK_EQ(code[1], 0x05);
	CHECK_EQ(c.rdx, (word_t)SYS_WAIT);
	CHECK_EQ(c.rdi, ntfn);
	/* Written back without resuming: it still waits, and goes on after the call. */
	CHECK_OK(sel4_tcb_write_registers(t->tcb, 0, 0, &c));
	thread_settle();
	CHECK(!t->done);
	CHECK_OK(sel4_tcb_suspend(t->tcb));
	CHECK_OK(sel4_tcb_resume(t->tcb));
	thread_settle();
	sel4_signal(cap_mint(ntfn, RIGHTS_ALL, 0x77));
	CHECK_EQ(thread_join(t), 0x77);
}
