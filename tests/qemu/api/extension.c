/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What Freehold's kernel promises beyond seL4: registers that survive system calls, threads whose
 * every system call is a fault, pages without execution, what newer processors have. Skipped on
 * seL4. docs/design/sel4-abi.md.
 */
#include "faults.h"
#include "servers.h"

#define NEED_FREEHOLD()                                                                            \
	do {                                                                                       \
		if (!kernel_is_freehold())                                                         \
			SKIP("this is seL4");                                                      \
	} while (0)

/* RSP, RCX and R11 */

/* The registers after a `syscall` that has gone on: RCX and R11 as the processor leaves them. */
static void expect_return(struct abi_user_context *c)
{
	c->rcx = (word_t)fault_syscall + 2;
	c->r11 = c->rflags;
}

static void faulter_call(enum abi_syscall nr, cptr_t cap, word_t info)
{
	faulter_new(fault_syscall);
	faulter.start.rdx = (word_t)nr;
	faulter.start.rdi = cap;
	faulter.start.rsi = info;
	faulter.start.r12 = faulter.start.r13 = reply_new();
	/* Any value will do. */
	faulter.start.rsp = 0xfedcba9876543210ull;
}

TEST(extension_registers_after_system_calls)
{
	NEED_FREEHOLD();
	cptr_t n = notification_new(), ep = endpoint_new();
	const struct {
		enum abi_syscall nr;
		cptr_t cap;
		bool badge;
	} calls[] = { { SYS_YIELD, 5, false },      { SYS_SEND, INIT_NULL, false },
		      { SYS_NB_SEND, ep, false },   { SYS_SEND, n, false },
		      { SYS_NB_WAIT, n, true },     { SYS_NB_WAIT, ep, true },
		      { SYS_NB_RECV, n, true },     { SYS_NB_RECV, ep, true },
		      { SYS_NB_SEND, ~0ull, false } };
	for (unsigned int i = 0; i < sizeof calls / sizeof *calls; i++) {
		faulter_call(calls[i].nr, calls[i].cap, 0);
		faulter_run();
		expect_return(&faulter.start);
		if (calls[i].badge)
			faulter.start.rdi = 0;
		check_report(&faulter.start);
		while (sel4_nb_wait(n).badge)
			;
	}
}

TEST(extension_registers_after_an_invocation)
{
	NEED_FREEHOLD();
	faulter_call(SYS_CALL, INIT_NULL, 0);
	faulter_run();
	expect_return(&faulter.start);
	faulter.start.rdi = 0;
	faulter.start.rsi = abi_msginfo(ERR_INVALID_CAPABILITY, 0, 0, 1);
	faulter.start.r10 = 0;
	check_report(&faulter.start);
}

TEST(extension_registers_after_set_tls_base)
{
	NEED_FREEHOLD();
	faulter_call(SYS_SET_TLS_BASE, 0x123456000, 0);
	faulter_run();
	expect_return(&faulter.start);
	check_report(&faulter.start);
	CHECK_EQ(thread_registers(faulter.thread).fs_base, 0x123456000);
}

TEST(extension_registers_after_waiting)
{
	NEED_FREEHOLD();
	cptr_t ep = cap_mint(endpoint_new(), RIGHTS_ALL, 9), n = notification_new();
	faulter_call(SYS_RECV, ep, 0);
	thread_start_at(faulter.thread, &faulter.start);
	settle();
	sel4_send(ep, message(3, 1, 4, 0, 0, 0));
	faulter_receive();
	expect_return(&faulter.start);
	faulter.start.rdi = 9;
	faulter.start.rsi = abi_msginfo(3, 0, 0, 1);
	faulter.start.r10 = 4;
	check_report(&faulter.start);
	faulter_call(SYS_WAIT, n, 0);
	thread_start_at(faulter.thread, &faulter.start);
	settle();
	sel4_signal(n);
	faulter_receive();
	expect_return(&faulter.start);
	faulter.start.rdi = 0;
	check_report(&faulter.start);
}

static void check_call(bool passive)
{
	struct server server = { 0 };
	server_start(&server, NULL, 120, passive);
	sel4_signal(server.gate);
	faulter_call(SYS_CALL, server.ep, abi_msginfo(7, 0, 0, 1));
	faulter_run();
	expect_return(&faulter.start);
	faulter.start.rdi = 0;
	faulter.start.rsi = abi_msginfo(8, 0, 0, 1);
	faulter.start.r10++;
	check_report(&faulter.start);
}

TEST(extension_registers_after_a_call)
{
	NEED_FREEHOLD();
	check_call(false);
	check_call(true);
}

static word_t yield_once(word_t arg)
{
	struct registers *r = (struct registers *)arg;
	r->rdx = (word_t)SYS_YIELD;
	syscall_with(r);
	return 0;
}

TEST(extension_stack_pointer_is_there_at_the_next_instruction)
{
	NEED_FREEHOLD();
	struct registers r = registers_pattern(3);
	thread_join(thread_run(yield_once, (word_t)&r));
	CHECK_EQ(r.rsp, r.saved_rsp);
}

TEST(extension_registers_in_an_unknown_syscall)
{
	NEED_FREEHOLD();
	faulter_call(SYS_YIELD, 0, 0);
	faulter.start.rdx = 1234;
	faulter_run();
	expect_return(&faulter.start);
	check_unknown_syscall(1234, &faulter.start, true);
	check_registers_are(faulter.thread, &faulter.start);
}

/* Answers of all lengths: what they set is set, RSP, RCX and R11 too. */
TEST(extension_reply_to_an_unknown_syscall_sets_registers)
{
	NEED_FREEHOLD();
	for (unsigned int length = 0; length <= UNKNOWN_SYSCALL_WORDS; length++) {
		faulter_call(SYS_YIELD, 0, 0);
		faulter.start.rdx = 1234;
		faulter_run();
		expect_return(&faulter.start);
		for (unsigned int i = 0; i < UNKNOWN_SYSCALL_NR; i++) {
			if (i == UNKNOWN_SYSCALL_FAULT_IP)
				faulter.words[i] += 2;
			else if (i == UNKNOWN_SYSCALL_RDX)
				faulter.words[i] = 4321;
			else if (i == UNKNOWN_SYSCALL_RFLAGS)
				faulter.words[i] = 0x246;
			else
				faulter.words[i] = 0x3030303030303035ull * (i + 1);
			if (i < length)
				*unknown_syscall_word(&faulter.start, i) = faulter.words[i];
		}
		faulter_reply(0, length);
		faulter_receive();
		if (length > UNKNOWN_SYSCALL_FAULT_IP) {
			check_report(&faulter.start);
		} else {
			/* It made the call again. */
			expect_return(&faulter.start);
			check_unknown_syscall(faulter.start.rdx, &faulter.start, true);
		}
		env_release();
		thread_reset();
	}
}

/* Emulating a call: the result, and past the instruction. Nothing else changes. */
TEST(extension_emulated_call)
{
	NEED_FREEHOLD();
	faulter_call(SYS_YIELD, 0, 0);
	faulter.start.rdx = 1234;
	faulter_run();
	expect_return(&faulter.start);
	faulter.words[UNKNOWN_SYSCALL_RAX] = 77;
	faulter.words[UNKNOWN_SYSCALL_FAULT_IP] += 2;
	faulter_reply(0, UNKNOWN_SYSCALL_FAULT_IP + 1);
	faulter_receive();
	faulter.start.rax = 77;
	check_report(&faulter.start);
}

TEST(extension_write_registers_of_a_waiting_thread)
{
	NEED_FREEHOLD();
	faulter_call(SYS_WAIT, notification_new(), 0);
	thread_start_at(faulter.thread, &faulter.start);
	settle();
	expect_return(&faulter.start);
	faulter.start.rip = (word_t)fault_syscall;
	check_registers_are(faulter.thread, &faulter.start);
	faulter.start.rip = (word_t)fault_report;
	faulter.start.rcx = 1;
	faulter.start.r11 = 2;
	faulter.start.rsp = 3;
	CHECK_OK(sel4_tcb_write_registers(faulter.thread->tcb, SEL4_WRITE_RESUME, ABI_CONTEXT_WORDS,
	                                  &faulter.start));
	faulter_receive();
	check_report(&faulter.start);
}

/* Threads whose system calls are faults */

static word_t set_flags(cptr_t tcb, word_t clear, word_t set)
{
	word_t flags = ~0ull;
	CHECK_OK(sel4_tcb_set_flags(tcb, clear, set, &flags));
	return flags;
}

TEST(extension_syscalls_fault_whatever_their_number)
{
	NEED_FREEHOLD();
	cptr_t n = notification_new();
	faulter_new(fault_syscall);
	CHECK_EQ(set_flags(faulter.thread->tcb, 0, TCB_FLAG_SYSCALLS_FAULT),
	         TCB_FLAG_SYSCALLS_FAULT);
	for (int nr = -40; nr <= 10; nr++) {
		faulter.start.rcx = 1;
		faulter.start.r11 = 2;
		faulter.start.rdx = (word_t)(long)nr;
		faulter.start.rdi = n;
		faulter.start.rsi = 0;
		faulter.start.r12 = n;
		faulter_run();
		expect_return(&faulter.start);
		check_unknown_syscall((word_t)(long)nr, &faulter.start, true);
		CHECK_OK(sel4_tcb_suspend(faulter.thread->tcb));
	}
	CHECK_EQ(sel4_nb_wait(n).badge, 0);
}

TEST(extension_syscalls_fault_and_do_nothing)
{
	NEED_FREEHOLD();
	struct server server = { 0 };
	server_start(&server, NULL, 120, true);
	sel4_signal(server.gate);
	faulter_call(SYS_CALL, server.ep, abi_msginfo(7, 0, 0, 1));
	(void)set_flags(faulter.thread->tcb, 0, TCB_FLAG_SYSCALLS_FAULT);
	faulter_run();
	expect_return(&faulter.start);
	check_unknown_syscall((word_t)SYS_CALL, &faulter.start, true);
	CHECK_EQ(server.entered, 0);
}

TEST(extension_syscalls_fault_until_the_flag_is_cleared)
{
	NEED_FREEHOLD();
	faulter_call(SYS_YIELD, 0, 0);
	(void)set_flags(faulter.thread->tcb, 0, TCB_FLAG_SYSCALLS_FAULT);
	faulter_run();
	expect_return(&faulter.start);
	check_unknown_syscall((word_t)SYS_YIELD, &faulter.start, true);
	CHECK_EQ(set_flags(faulter.thread->tcb, TCB_FLAG_SYSCALLS_FAULT, 0), 0);
	faulter_reply(0, 0);
	faulter_receive();
	check_report(&faulter.start);
}

TEST(extension_syscalls_fault_beside_the_other_flag)
{
	NEED_FREEHOLD();
	cptr_t tcb = tcb_new();
	CHECK_EQ(set_flags(tcb, 0, ~0ull), TCB_FLAG_SYSCALLS_FAULT | TCB_FLAG_FPU_DISABLED);
	CHECK_EQ(set_flags(tcb, TCB_FLAG_FPU_DISABLED, 0), TCB_FLAG_SYSCALLS_FAULT);
	CHECK_EQ(set_flags(tcb, TCB_FLAG_SYSCALLS_FAULT, TCB_FLAG_FPU_DISABLED),
	         TCB_FLAG_FPU_DISABLED);
}

TEST(extension_syscalls_fault_but_a_call_in_progress_ends)
{
	NEED_FREEHOLD();
	cptr_t n = cap_mint(notification_new(), RIGHTS_ALL, 6);
	faulter_call(SYS_WAIT, n, 0);
	thread_start_at(faulter.thread, &faulter.start);
	settle();
	(void)set_flags(faulter.thread->tcb, 0, TCB_FLAG_SYSCALLS_FAULT);
	sel4_signal(n);
	faulter_receive();
	expect_return(&faulter.start);
	faulter.start.rdi = 6;
	check_report(&faulter.start);
}

TEST(extension_syscalls_fault_in_one_thread_only)
{
	NEED_FREEHOLD();
	(void)set_flags(tcb_new(), 0, TCB_FLAG_SYSCALLS_FAULT);
	faulter_call(SYS_YIELD, 0, 0);
	faulter_run();
	expect_return(&faulter.start);
	check_report(&faulter.start);
}

TEST(extension_syscalls_fault_without_a_handler)
{
	NEED_FREEHOLD();
	faulter_call(SYS_YIELD, 0, 0);
	(void)set_flags(faulter.thread->tcb, 0, TCB_FLAG_SYSCALLS_FAULT);
	CHECK_OK(sel4_tcb_set_space(faulter.thread->tcb, INIT_NULL, INIT_CNODE, 0, INIT_VSPACE, 0));
	thread_start_at(faulter.thread, &faulter.start);
	settle();
	CHECK_EQ(thread_registers(faulter.thread).rip, (word_t)fault_syscall);
}

/* A handler of its own context, then a passive one: the short way and the long way. */
_Noreturn static word_t emulate(word_t arg)
{
	struct server *s = (struct server *)arg;
	(void)sel4_recv(s->ep, s->reply);
	for (;;) {
		s->entered++;
		sel4_set_word(UNKNOWN_SYSCALL_FAULT_IP, (word_t)fault_syscall + 2);
		struct sel4_msg m = message(0, UNKNOWN_SYSCALL_FAULT_IP + 1, 0, 0, 0, 0);
		for (unsigned int i = 0; i < ABI_MSG_REGS; i++)
			m.mr[i] = 100 + i;
		for (unsigned int i = ABI_MSG_REGS; i < UNKNOWN_SYSCALL_FAULT_IP; i++)
			sel4_set_word(i, 100 + i);
		(void)sel4_reply_recv(s->ep, m, s->reply);
	}
}

static void check_emulation(bool passive)
{
	struct server s = { .ep = endpoint_new(), .reply = reply_new() };
	s.thread = thread_new(&(struct thread_options){ .priority = 120 });
	thread_start(s.thread, emulate, (word_t)&s);
	settle();
	if (passive)
		make_passive(s.thread);
	faulter_call(SYS_CALL, 0, 0);
	(void)set_flags(faulter.thread->tcb, 0, TCB_FLAG_SYSCALLS_FAULT);
	CHECK_OK(sel4_tcb_set_space(faulter.thread->tcb, s.ep, INIT_CNODE, 0, INIT_VSPACE, 0));
	thread_start_at(faulter.thread, &faulter.start);
	/* The end is fault_report, whose fault goes to the same handler: it makes the thread
	 * turn in circles through fault_report, so it is stopped there. */
	CHECK_OK(sel4_tcb_set_priority(faulter.thread->tcb, INIT_TCB, 110));
	sleep_us(5000);
	CHECK_OK(sel4_tcb_suspend(faulter.thread->tcb));
	CHECK_OK(sel4_tcb_suspend(s.thread->tcb));
	CHECK_LT(1, s.entered);
	struct abi_user_context now = thread_registers(faulter.thread);
	CHECK_EQ(now.rax, 100);
	CHECK_EQ(now.rcx, 102);
	CHECK_EQ(now.r11, 110);
	CHECK_EQ(now.r15, 114);
	CHECK_EQ(now.rsp, faulter.start.rsp);
}

TEST(extension_syscalls_emulated_by_handlers)
{
	NEED_FREEHOLD();
	check_emulation(false);
	check_emulation(true);
}

/* Pages without execution */

enum { PRESENT = 1, USER = 4, FETCH = 16 };

/* The page at address holds `jmp fault_report`, by way of RBX. */
static void check_page(word_t address, bool executable)
{
	static const unsigned char code[] = { 0xff, 0xe3 }; /* jmp *%rbx */
	memcpy((void *)address, code, sizeof code);
	faulter_new((const void *)address);
	faulter.start.rbx = (word_t)fault_report;
	faulter_run();
	if (executable) {
		check_report(&faulter.start);
	} else {
		check_vm_fault((const void *)address, address, USER | PRESENT | FETCH);
		CHECK_EQ(faulter.words[2], 1);
		CHECK_EQ(faulter.words[3], USER | PRESENT | FETCH);
	}
}

TEST(extension_page_without_execution)
{
	NEED_FREEHOLD();
	cptr_t frame = frame_new();
	vspace_map(INIT_VSPACE, TEST_VADDR, frame, RIGHTS_ALL, VM_NO_EXECUTE);
	check_page(TEST_VADDR, false);
	CHECK_EQ(*(volatile unsigned char *)TEST_VADDR, 0xff);
}

TEST(extension_page_gets_and_loses_execution)
{
	NEED_FREEHOLD();
	cptr_t frame = frame_new();
	for (int i = 0; i < 2; i++) {
		vspace_map(INIT_VSPACE, TEST_VADDR, frame, RIGHTS_ALL, 0);
		check_page(TEST_VADDR, true);
		CHECK_OK(sel4_x86_page_unmap(frame));
		vspace_map(INIT_VSPACE, TEST_VADDR, frame, RIGHTS_ALL, VM_NO_EXECUTE);
		check_page(TEST_VADDR, false);
		CHECK_OK(sel4_x86_page_unmap(frame));
	}
}

TEST(extension_page_without_execution_by_remapping)
{
	NEED_FREEHOLD();
	cptr_t frame = frame_new();
	vspace_map(INIT_VSPACE, TEST_VADDR, frame, RIGHTS_ALL, 0);
	check_page(TEST_VADDR, true);
	vspace_map(INIT_VSPACE, TEST_VADDR, frame, RIGHTS_ALL, VM_NO_EXECUTE);
	check_page(TEST_VADDR, false);
	vspace_map(INIT_VSPACE, TEST_VADDR, frame, RIGHTS_ALL, 0);
	check_page(TEST_VADDR, true);
}

TEST(extension_page_without_execution_and_memory_types)
{
	NEED_FREEHOLD();
	static const word_t types[] = { VM_WRITE_THROUGH, VM_CACHE_DISABLED, VM_UNCACHEABLE,
		                        VM_WRITE_COMBINING };
	for (unsigned int i = 0; i < 4; i++) {
		cptr_t frame = frame_new();
		vspace_map(INIT_VSPACE, TEST_VADDR, frame, RIGHTS_ALL, types[i] | VM_NO_EXECUTE);
		check_page(TEST_VADDR, false);
		CHECK_OK(sel4_x86_page_unmap(frame));
	}
}

TEST(extension_large_page_without_execution)
{
	NEED_FREEHOLD();
	cptr_t page = object_new(OBJ_X86_LARGE_PAGE, 0);
	word_t address = TEST_VADDR + (1ull << 30);
	vspace_map_tables(INIT_VSPACE, address + (1ull << 21));
	CHECK_OK(sel4_x86_page_map(page, INIT_VSPACE, address, RIGHTS_ALL, VM_NO_EXECUTE));
	check_page(address + 0x12345, false);
	CHECK_OK(sel4_x86_page_unmap(page));
	CHECK_OK(sel4_x86_page_map(page, INIT_VSPACE, address, RIGHTS_ALL, 0));
	check_page(address + 0x12345, true);
}

/* Other bits have no meaning, on both kernels. */
TEST(extension_page_attributes_beyond)
{
	NEED_FREEHOLD();
	cptr_t frame = frame_new();
	vspace_map(INIT_VSPACE, TEST_VADDR, frame, RIGHTS_ALL, ~(word_t)0xf);
	check_page(TEST_VADDR, true);
}

/* A page for the kernel only is not executable either. */
TEST(extension_page_without_user_rights)
{
	NEED_FREEHOLD();
	cptr_t frame = frame_new();
	vspace_map(INIT_VSPACE, TEST_VADDR, frame, 0, 0);
	faulter_start((const void *)TEST_VADDR);
	check_vm_fault((const void *)TEST_VADDR, TEST_VADDR, USER | PRESENT | FETCH);
}
