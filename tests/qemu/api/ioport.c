/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * X86_IOPortControl_Issue and X86_IOPort_In, Out: ranges, their exclusivity, the six operations
 * on real ports. The ports of the PCI configuration mechanism serve: an address at 0xcf8, data of
 * 1, 2 or 4 bytes at 0xcfc.
 */
#include "api.h"

enum {
	PCI_ADDRESS = 0xcf8,
	PCI_DATA = 0xcfc,
	PCI_LAST = 0xcff,
	PCI_ENABLE = 0x80000000,
	PCI_INTERRUPT_LINE = 0x3c, /* a byte that keeps what is written */
	CMOS_ADDRESS = 0x70,
	CMOS_DATA = 0x71,
	FREE_PORT = 0x5500, /* nobody's */
};

static cptr_t issue(word_t first, word_t last)
{
	cptr_t ports = slot_new();
	CHECK_OK(sel4_x86_io_port_control_issue(INIT_IO_PORT_CONTROL, first, last, slot(ports)));
	return ports;
}

static enum abi_error try_issue(word_t first, word_t last)
{
	return sel4_x86_io_port_control_issue(INIT_IO_PORT_CONTROL, first, last, slot(slot_new()));
}

/* Issue */

TEST(ioport_issue)
{
	cptr_t ports = issue(FREE_PORT, FREE_PORT + 7);
	CHECK(!slot_is_empty(ports));
}

TEST(ioport_issue_one_port)
{
	cptr_t ports = issue(FREE_PORT, FREE_PORT);
	word_t value;
	CHECK_OK(sel4_x86_io_port_in8(ports, FREE_PORT, &value));
	CHECK_ERR(sel4_x86_io_port_in16(ports, FREE_PORT, &value), ERR_ILLEGAL_OPERATION);
}

TEST(ioport_issue_reply)
{
	cptr_t dest = slot_new();
	sel4_set_cap(0, INIT_CNODE);
	struct sel4_msg m = sel4_invoke(INIT_IO_PORT_CONTROL, INV_X86_IO_PORT_CONTROL_ISSUE, 1, 4,
	                                FREE_PORT, FREE_PORT, dest, 64);
	CHECK_EQ(m.info, 0);
	CHECK_EQ(m.badge, 0);
}

TEST(ioport_issue_truncated)
{
	cptr_t dest = slot_new();
	sel4_set_cap(0, INIT_CNODE);
	for (word_t words = 0; words < 4; words++)
		CHECK_ERR(invoke(INIT_IO_PORT_CONTROL, INV_X86_IO_PORT_CONTROL_ISSUE, 1, words,
		                 FREE_PORT, FREE_PORT, dest, 64),
		          ERR_TRUNCATED_MESSAGE);
	CHECK_ERR(invoke(INIT_IO_PORT_CONTROL, INV_X86_IO_PORT_CONTROL_ISSUE, 0, 4, FREE_PORT,
	                 FREE_PORT, dest, 64),
	          ERR_TRUNCATED_MESSAGE);
}

TEST(ioport_issue_backwards)
{
	CHECK_ERR(try_issue(FREE_PORT, FREE_PORT - 1), ERR_INVALID_ARGUMENT, 1);
	CHECK_ERR(try_issue(0xffff, 0), ERR_INVALID_ARGUMENT, 1);
}

/* Only 16 bits of a port count. */
TEST(ioport_issue_masks_ports)
{
	cptr_t ports = issue(0x12340000 | FREE_PORT, ~0ull << 16 | (FREE_PORT + 3));
	word_t value;
	CHECK_OK(sel4_x86_io_port_in32(ports, FREE_PORT, &value));
	CHECK_ERR(try_issue(FREE_PORT + 3, FREE_PORT + 4), ERR_REVOKE_FIRST);
	CHECK_ERR(try_issue(FREE_PORT + 8, 0x10000), ERR_INVALID_ARGUMENT, 1);
}

TEST(ioport_issue_overlapping)
{
	issue(FREE_PORT + 0x100, FREE_PORT + 0x1ff);
	CHECK_ERR(try_issue(FREE_PORT + 0x100, FREE_PORT + 0x1ff), ERR_REVOKE_FIRST);
	CHECK_ERR(try_issue(FREE_PORT + 0x100, FREE_PORT + 0x100), ERR_REVOKE_FIRST);
	CHECK_ERR(try_issue(FREE_PORT + 0x1ff, FREE_PORT + 0x1ff), ERR_REVOKE_FIRST);
	CHECK_ERR(try_issue(FREE_PORT + 0x140, FREE_PORT + 0x150), ERR_REVOKE_FIRST);
	CHECK_ERR(try_issue(FREE_PORT, FREE_PORT + 0x100), ERR_REVOKE_FIRST);
	CHECK_ERR(try_issue(FREE_PORT + 0x1ff, FREE_PORT + 0x300), ERR_REVOKE_FIRST);
	CHECK_ERR(try_issue(FREE_PORT, FREE_PORT + 0x300), ERR_REVOKE_FIRST);
	CHECK_ERR(try_issue(0, 0xffff), ERR_REVOKE_FIRST);
	issue(FREE_PORT, FREE_PORT + 0xff);
	issue(FREE_PORT + 0x200, FREE_PORT + 0x200);
}

/* Every boundary within and between the words of a bitmap. */
TEST(ioport_issue_boundaries)
{
	for (word_t first = FREE_PORT + 60; first < FREE_PORT + 68; first++)
		for (word_t last = first; last < FREE_PORT + 68; last++) {
			cptr_t ports = issue(first, last);
			cptr_t below = issue(first - 1, first - 1),
			       above = issue(last + 1, last + 1);
			CHECK_ERR(try_issue(first, first), ERR_REVOKE_FIRST);
			CHECK_ERR(try_issue(last, last), ERR_REVOKE_FIRST);
			cap_delete(ports);
			cap_delete(below);
			cap_delete(above);
		}
}

TEST(ioport_issue_the_highest_ports)
{
	cptr_t ports = issue(0xfff0, 0xffff);
	word_t value;
	CHECK_OK(sel4_x86_io_port_in8(ports, 0xffff, &value));
	CHECK_OK(sel4_x86_io_port_in32(ports, 0xfffc, &value));
	CHECK_ERR(sel4_x86_io_port_in32(ports, 0xfffd, &value), ERR_ILLEGAL_OPERATION);
	CHECK_ERR(sel4_x86_io_port_in16(ports, 0xffff, &value), ERR_ILLEGAL_OPERATION);
}

TEST(ioport_issue_destination)
{
	cptr_t full = endpoint_new(), node = cnode_new(4), control = INIT_IO_PORT_CONTROL;
	CHECK_ERR(sel4_x86_io_port_control_issue(control, FREE_PORT, FREE_PORT, slot(full)),
	          ERR_DELETE_FIRST);
	CHECK_ERR(sel4_x86_io_port_control_issue(control, FREE_PORT, FREE_PORT, at(full, 0, 64)),
	          ERR_FAILED_LOOKUP, AT_DEST, WORDS_INVALID_ROOT);
	CHECK_ERR(sel4_x86_io_port_control_issue(control, FREE_PORT, FREE_PORT, at(node, 0, 0)),
	          ERR_RANGE, 1, 64);
	CHECK_ERR(sel4_x86_io_port_control_issue(control, FREE_PORT, FREE_PORT, at(node, 0, 5)),
	          ERR_FAILED_LOOKUP, AT_DEST, WORDS_DEPTH(1, 0));
	CHECK_OK(sel4_x86_io_port_control_issue(control, FREE_PORT, FREE_PORT, at(node, 3, 4)));
	CHECK(!is_empty(at(node, 3, 4)));
}

TEST(ioport_issue_order_of_checks)
{
	cptr_t full = endpoint_new(), control = INIT_IO_PORT_CONTROL;
	CHECK_ERR(sel4_x86_io_port_control_issue(control, 0x3f8, 0, at(full, 0, 0)),
	          ERR_INVALID_ARGUMENT, 1);
	CHECK_ERR(sel4_x86_io_port_control_issue(control, 0x3f8, 0x3f8, at(full, 0, 0)),
	          ERR_REVOKE_FIRST);
}

/* The range is free again when the last capability is gone. */

TEST(ioport_deleting_frees_the_range)
{
	cptr_t ports = issue(FREE_PORT, FREE_PORT + 7), copy = cap_copy(ports, 0);
	cap_delete(ports);
	CHECK_ERR(try_issue(FREE_PORT, FREE_PORT), ERR_REVOKE_FIRST);
	cap_delete(copy);
	issue(FREE_PORT, FREE_PORT);
}

TEST(ioport_revoking_takes_the_copies)
{
	cptr_t ports = issue(FREE_PORT, FREE_PORT + 7), copy = cap_copy(ports, 0);
	cptr_t second = cap_copy(copy, 0);
	cap_revoke(copy);
	CHECK(!slot_is_empty(second));
	cap_revoke(ports);
	CHECK(slot_is_empty(copy));
	CHECK(slot_is_empty(second));
	CHECK(!slot_is_empty(ports));
	CHECK_ERR(try_issue(FREE_PORT, FREE_PORT), ERR_REVOKE_FIRST);
}

/* No console in between. */
TEST(ioport_revoking_the_control_takes_everything)
{
	cptr_t ports = issue(FREE_PORT, FREE_PORT + 7), copy = cap_copy(ports, 0);
	enum abi_error revoked = sel4_cnode_revoke(slot(INIT_IO_PORT_CONTROL));
	enum abi_error free = try_issue(0, 0xffff);
	enum abi_error again = sel4_cnode_revoke(slot(INIT_IO_PORT_CONTROL));
	console_restore();
	CHECK_OK(revoked);
	CHECK_OK(free);
	CHECK_OK(again);
	CHECK(slot_is_empty(ports));
	CHECK(slot_is_empty(copy));
	CHECK(!slot_is_empty(INIT_IO_PORT_CONTROL));
}

/* In and Out */

static void select_pci(cptr_t ports, word_t reg)
{
	CHECK_OK(sel4_x86_io_port_out32(ports, PCI_ADDRESS, PCI_ENABLE | reg));
}

/* Register 0 of device 0 has the vendor, Intel in every PC that QEMU has. */
TEST(ioport_in_sizes)
{
	cptr_t ports = issue(PCI_ADDRESS, PCI_LAST);
	word_t byte, half, full;
	select_pci(ports, 0);
	CHECK_OK(sel4_x86_io_port_in32(ports, PCI_DATA, &full));
	CHECK_EQ(full & 0xffff, 0x8086);
	CHECK_EQ(full >> 32, 0);
	CHECK_OK(sel4_x86_io_port_in16(ports, PCI_DATA, &half));
	CHECK_EQ(half, 0x8086);
	CHECK_OK(sel4_x86_io_port_in8(ports, PCI_DATA, &byte));
	CHECK_EQ(byte, 0x86);
	CHECK_OK(sel4_x86_io_port_in8(ports, PCI_DATA + 1, &byte));
	CHECK_EQ(byte, 0x80);
	CHECK_OK(sel4_x86_io_port_in16(ports, PCI_DATA + 2, &half));
	CHECK_EQ(half, full >> 16);
}

TEST(ioport_out_sizes)
{
	cptr_t ports = issue(PCI_ADDRESS, PCI_LAST);
	word_t before, value;
	select_pci(ports, PCI_INTERRUPT_LINE);
	CHECK_OK(sel4_x86_io_port_in32(ports, PCI_DATA, &before));
	CHECK_OK(sel4_x86_io_port_out8(ports, PCI_DATA, 0x11));
	CHECK_OK(sel4_x86_io_port_in8(ports, PCI_DATA, &value));
	CHECK_EQ(value, 0x11);
	CHECK_OK(sel4_x86_io_port_out16(ports, PCI_DATA, 0x22));
	CHECK_OK(sel4_x86_io_port_in8(ports, PCI_DATA, &value));
	CHECK_EQ(value, 0x22);
	CHECK_OK(sel4_x86_io_port_out32(ports, PCI_DATA, 0x33));
	CHECK_OK(sel4_x86_io_port_in8(ports, PCI_DATA, &value));
	CHECK_EQ(value, 0x33);
	CHECK_OK(sel4_x86_io_port_out32(ports, PCI_DATA, before));
}

/* A byte operation changes and reads no more than its byte. */
TEST(ioport_out_cuts_the_value)
{
	cptr_t ports = issue(PCI_ADDRESS, PCI_LAST);
	word_t value;
	CHECK_OK(sel4_x86_io_port_out32(ports, PCI_ADDRESS, 0xabcdef0180000010));
	CHECK_OK(sel4_x86_io_port_in32(ports, PCI_ADDRESS, &value));
	CHECK_EQ(value, 0x80000010);
	select_pci(ports, PCI_INTERRUPT_LINE);
	CHECK_OK(sel4_x86_io_port_out8(ports, PCI_DATA, ~0xffull | 0x44));
	CHECK_OK(sel4_x86_io_port_in8(ports, PCI_DATA, &value));
	CHECK_EQ(value, 0x44);
}

TEST(ioport_cmos)
{
	cptr_t ports = issue(CMOS_ADDRESS, CMOS_DATA);
	word_t before, value;
	CHECK_OK(sel4_x86_io_port_out8(ports, CMOS_ADDRESS, 0x3f));
	CHECK_OK(sel4_x86_io_port_in8(ports, CMOS_DATA, &before));
	CHECK_OK(sel4_x86_io_port_out8(ports, CMOS_DATA, 0x5a));
	CHECK_OK(sel4_x86_io_port_in8(ports, CMOS_DATA, &value));
	CHECK_EQ(value, 0x5a);
	CHECK_OK(sel4_x86_io_port_out8(ports, CMOS_DATA, before));
}

TEST(ioport_port_outside_of_the_range)
{
	cptr_t ports = issue(FREE_PORT, FREE_PORT + 3);
	word_t value;
	static const word_t outside[3][4] = {
		/* one byte, two bytes, four bytes */
		{ FREE_PORT - 1, FREE_PORT + 4, 0, 0xffff },
		{ FREE_PORT - 1, FREE_PORT + 3, FREE_PORT - 2, 0xffff },
		{ FREE_PORT - 1, FREE_PORT + 1, FREE_PORT - 4, 0xffff },
	};
	for (int i = 0; i < 4; i++) {
		CHECK_ERR(sel4_x86_io_port_in8(ports, outside[0][i], &value),
		          ERR_ILLEGAL_OPERATION);
		CHECK_ERR(sel4_x86_io_port_out8(ports, outside[0][i], 0), ERR_ILLEGAL_OPERATION);
		CHECK_ERR(sel4_x86_io_port_in16(ports, outside[1][i], &value),
		          ERR_ILLEGAL_OPERATION);
		CHECK_ERR(sel4_x86_io_port_out16(ports, outside[1][i], 0), ERR_ILLEGAL_OPERATION);
		CHECK_ERR(sel4_x86_io_port_in32(ports, outside[2][i], &value),
		          ERR_ILLEGAL_OPERATION);
		CHECK_ERR(sel4_x86_io_port_out32(ports, outside[2][i], 0), ERR_ILLEGAL_OPERATION);
	}
	CHECK_OK(sel4_x86_io_port_in32(ports, FREE_PORT, &value));
	CHECK_OK(sel4_x86_io_port_in16(ports, FREE_PORT + 2, &value));
	CHECK_OK(sel4_x86_io_port_in8(ports, FREE_PORT + 3, &value));
	CHECK_OK(sel4_x86_io_port_in8(ports, ~0xffffull | FREE_PORT, &value));
}

TEST(ioport_in_reply)
{
	cptr_t ports = issue(FREE_PORT, FREE_PORT + 3);
	struct sel4_msg m = sel4_invoke(ports, INV_X86_IO_PORT_IN8, 0, 1, FREE_PORT, 2, 3, 4);
	CHECK_EQ(m.info, 1);
	CHECK_EQ(m.badge, 0);
	CHECK_EQ(m.mr[0], 0xff); /* nothing answers there */
	CHECK_EQ(m.mr[1], 2);
	m = sel4_invoke(ports, INV_X86_IO_PORT_IN16, 0, 1, FREE_PORT, 2, 3, 4);
	CHECK_EQ(m.mr[0], 0xffff);
	m = sel4_invoke(ports, INV_X86_IO_PORT_IN32, 0, 1, FREE_PORT, 2, 3, 4);
	CHECK_EQ(m.mr[0], 0xffffffff);
}

TEST(ioport_out_reply)
{
	cptr_t ports = issue(FREE_PORT, FREE_PORT + 3);
	struct sel4_msg m = sel4_invoke(ports, INV_X86_IO_PORT_OUT8, 0, 2, FREE_PORT, 2, 3, 4);
	CHECK_EQ(m.info, 0);
	CHECK_EQ(m.badge, 0);
}

TEST(ioport_truncated)
{
	cptr_t ports = issue(FREE_PORT, FREE_PORT + 3);
	for (word_t label = INV_X86_IO_PORT_IN8; label <= INV_X86_IO_PORT_IN32; label++)
		CHECK_ERR(invoke(ports, label, 0, 0, FREE_PORT, 0, 0, 0), ERR_TRUNCATED_MESSAGE);
	for (word_t label = INV_X86_IO_PORT_OUT8; label <= INV_X86_IO_PORT_OUT32; label++)
		for (word_t words = 0; words < 2; words++)
			CHECK_ERR(invoke(ports, label, 0, words, FREE_PORT, 0, 0, 0),
			          ERR_TRUNCATED_MESSAGE);
}

/* Without a capability the instructions fault. */

static word_t use_port(word_t port)
{
	unsigned char value;
	__asm__ volatile("inb %%dx, %0" : "=a"(value) : "d"(port));
	return value;
}

TEST(ioport_instructions_are_not_for_users)
{
	cptr_t faults = endpoint_new(), reply = reply_new();
	issue(FREE_PORT, FREE_PORT);
	struct thread *t = thread_new(&(struct thread_options){ .fault_ep = faults });
	thread_start(t, use_port, FREE_PORT);
	struct sel4_msg m = sel4_recv(faults, reply);
	CHECK_EQ(m.info, abi_msginfo(FAULT_USER_EXCEPTION, 0, 0, 5));
	CHECK_EQ(m.mr[3], 13);
}

TEST(ioport_invoke_with_wrong_labels)
{
	cptr_t ports = issue(FREE_PORT, FREE_PORT);
	for (word_t label = 0; label <= INV_COUNT + 2; label++) {
		if (label < INV_X86_IO_PORT_IN8 || label > INV_X86_IO_PORT_OUT32)
			CHECK_ERR(invoke(ports, label, 0, 2, FREE_PORT, 0, 0, 0),
			          ERR_ILLEGAL_OPERATION);
		if (label != INV_X86_IO_PORT_CONTROL_ISSUE)
			CHECK_ERR(invoke(INIT_IO_PORT_CONTROL, label, 0, 2, 0, 0, 0, 0),
			          ERR_ILLEGAL_OPERATION);
	}
}
