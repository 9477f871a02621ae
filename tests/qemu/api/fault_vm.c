/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Page faults: instruction, address, and the processor's error code (bit 0 page present, 1 write,
 * 2 user, 4 instruction fetch). seL4 manual, section 6.2.7 (VM fault).
 *
 * seL4 never makes a page non-executable, so its processor does not tell instruction fetches
 * apart: bit 4 and the word derived from it are 0 there. Where the kernel uses no-execute
 * protection, both are 1. Either is right.
 */
#include "faults.h"

enum { PRESENT = 1, WRITE = 2, USER = 4, FETCH = 16 };

static void start_at_address(const void *code, word_t address)
{
	faulter_new(code);
	faulter.start.rsi = address;
	faulter_run();
}

TEST(fault_vm_read)
{
	start_at_address(fault_read, TEST_VADDR + 0x123);
	check_vm_fault(fault_read, TEST_VADDR + 0x123, USER);
	CHECK_EQ(faulter.m.badge, 0);
}

TEST(fault_vm_read_of_the_first_page)
{
	start_at_address(fault_read, 0);
	check_vm_fault(fault_read, 0, USER);
}

TEST(fault_vm_read_of_the_last_user_address)
{
	start_at_address(fault_read_byte, ABI_USER_TOP);
	check_vm_fault(fault_read_byte, ABI_USER_TOP, USER);
}

TEST(fault_vm_write)
{
	start_at_address(fault_write, TEST_VADDR + 0xff8);
	check_vm_fault(fault_write, TEST_VADDR + 0xff8, USER | WRITE);
}

TEST(fault_vm_read_and_write)
{
	start_at_address(fault_add, TEST_VADDR);
	/* The read comes first, but the processor knows what is coming. */
	CHECK_EQ(faulter.words[1], TEST_VADDR);
	CHECK_EQ(faulter.words[3] & ~(word_t)WRITE, USER);
}

TEST(fault_vm_push)
{
	faulter_new(fault_push);
	faulter.start.rsp = TEST_VADDR + 0x1000;
	faulter_run();
	check_vm_fault(fault_push, TEST_VADDR + 0xff8, USER | WRITE);
	check_registers_are(faulter.thread, &faulter.start);
}

TEST(fault_vm_instruction_fetch)
{
	start_at_address(fault_jump, TEST_VADDR + 0x40);
	check_vm_fault((const void *)(TEST_VADDR + 0x40), TEST_VADDR + 0x40, USER | FETCH);
}

TEST(fault_vm_read_only_page)
{
	cptr_t frame = frame_new();
	vspace_map(INIT_VSPACE, TEST_VADDR, frame, RIGHT_READ, 0);
	start_at_address(fault_write, TEST_VADDR + 8);
	check_vm_fault(fault_write, TEST_VADDR + 8, USER | WRITE | PRESENT);
}

TEST(fault_vm_kernel_only_page)
{
	cptr_t frame = frame_new();
	vspace_map(INIT_VSPACE, TEST_VADDR, frame, 0, 0);
	start_at_address(fault_read, TEST_VADDR + 8);
	check_vm_fault(fault_read, TEST_VADDR + 8, USER | PRESENT);
	start_at_address(fault_write, TEST_VADDR + 8);
	check_vm_fault(fault_write, TEST_VADDR + 8, USER | WRITE | PRESENT);
}

TEST(fault_vm_of_kernel_addresses)
{
	static const word_t addresses[] = { 0xffffff8000100000ull, 0xffffffff80100000ull,
		                            0xfffffffffffff000ull, 0xffff800000000000ull };
	for (unsigned int i = 0; i < 4; i++) {
		start_at_address(fault_read, addresses[i]);
		/* Present or not: that depends on how much of the kernel is mapped. */
		CHECK_EQ(faulter.m.info, abi_msginfo(FAULT_VM, 0, 0, 4));
		CHECK_EQ(faulter.words[0], (word_t)fault_read);
		CHECK_EQ(faulter.words[1], addresses[i]);
		CHECK_EQ(faulter.words[3] & ~(word_t)PRESENT, USER);
		start_at_address(fault_write, addresses[i]);
		CHECK_EQ(faulter.words[3] & ~(word_t)PRESENT, USER | WRITE);
		start_at_address(fault_jump, addresses[i]);
		CHECK_EQ(faulter.words[0], addresses[i]);
	}
}

TEST(fault_vm_registers_are_kept)
{
	start_at_address(fault_read, TEST_VADDR);
	check_registers_are(faulter.thread, &faulter.start);
}

TEST(fault_vm_handler_maps_the_page)
{
	cptr_t frame;
	word_t *page = page_new(&frame);
	*page = 0xfeedface;
	start_at_address(fault_read, TEST_VADDR);
	vspace_map(INIT_VSPACE, TEST_VADDR, cap_copy(frame, RIGHTS_ALL), RIGHTS_ALL, 0);
	faulter_reply(0, 0);
	faulter_receive();
	faulter.start.rax = 0xfeedface;
	check_report(&faulter.start);
}

TEST(fault_vm_reply_always_restarts)
{
	start_at_address(fault_read, TEST_VADDR);
	faulter_reply(0, 0);
	faulter_receive();
	check_vm_fault(fault_read, TEST_VADDR, USER);
	faulter_reply(77, 0);
	faulter_receive();
	check_vm_fault(fault_read, TEST_VADDR, USER);
}

TEST(fault_vm_reply_writes_no_registers)
{
	start_at_address(fault_read, TEST_VADDR);
	for (unsigned int i = 0; i < ABI_MSG_MAX; i++)
		faulter.words[i] = (word_t)fault_ud2;
	faulter_reply(0, ABI_MSG_MAX);
	faulter_receive();
	check_vm_fault(fault_read, TEST_VADDR, USER);
	check_registers_are(faulter.thread, &faulter.start);
}

TEST(fault_vm_handler_writes_registers)
{
	start_at_address(fault_read, TEST_VADDR);
	word_t value = 0x4711;
	faulter.start.rsi = (word_t)&value;
	faulter.start.r11 = 0x1111;
	faulter.start.rcx = 0x2222;
	CHECK_OK(sel4_tcb_write_registers(faulter.thread->tcb, 0, ABI_CONTEXT_WORDS,
	                                  &faulter.start));
	faulter_reply(0, 0);
	faulter_receive();
	faulter.start.rax = value;
	check_report(&faulter.start);
}

/* With resume, the thread is off its fault: the reply has nobody to go to. */
TEST(fault_vm_handler_writes_registers_and_resumes)
{
	start_at_address(fault_read, TEST_VADDR);
	word_t value = 0x4711;
	faulter.start.rsi = (word_t)&value;
	CHECK_OK(sel4_tcb_write_registers(faulter.thread->tcb, SEL4_WRITE_RESUME, ABI_CONTEXT_WORDS,
	                                  &faulter.start));
	faulter_receive();
	faulter.start.rax = value;
	check_report(&faulter.start);
}

TEST(fault_vm_in_another_address_space)
{
	cptr_t vspace = vspace_new();
	vspace_map_image(vspace);
	struct faulter *f = &faulter;
	faulter_new(fault_read);
	CHECK_OK(sel4_tcb_set_space(f->thread->tcb, f->ep, INIT_CNODE, 0, vspace, 0));
	page_new(NULL);
	f->start.rsi = (word_t)page_new(NULL);
	faulter_run();
	check_vm_fault(fault_read, f->start.rsi, USER);
}

TEST(fault_vm_after_unmapping)
{
	cptr_t frame;
	word_t address = (word_t)page_new(&frame);
	start_at_address(fault_read, address);
	CHECK_EQ(abi_msginfo_label(faulter.m.info), FAULT_UNKNOWN_SYSCALL);
	CHECK_OK(sel4_x86_page_unmap(frame));
	faulter.words[UNKNOWN_SYSCALL_FAULT_IP] = (word_t)fault_read;
	faulter_reply(0, UNKNOWN_SYSCALL_NR);
	faulter_receive();
	check_vm_fault(fault_read, address, USER);
}
