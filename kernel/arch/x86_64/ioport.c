/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * I/O ports (seL4 manual, section 8.2.1): ranges of them are given out once each, and used by
 * invocation only.
 */
#include "arch.h"

enum { PORTS = 1 << 16 };
static uint64_t issued[PORTS / 64]; /* one bit for each port */

static bool range_is_free(unsigned first, unsigned last)
{
	for (unsigned port = first; port <= last;) {
		if (port % 64 == 0 && port + 63 <= last) {
			if (issued[port / 64])
				return false;
			port += 64;
		} else {
			if (issued[port / 64] & BIT(port % 64))
				return false;
			port++;
		}
	}
	return true;
}

static void range_set(unsigned first, unsigned last, bool set)
{
	for (unsigned port = first; port <= last;) {
		bool whole = port % 64 == 0 && port + 63 <= last;
		uint64_t bits = whole ? ~0ull : BIT(port % 64);
		if (set)
			issued[port / 64] |= bits;
		else
			issued[port / 64] &= ~bits;
		port += whole ? 64 : 1;
	}
}

void io_port_finalise(struct cap cap)
{
	range_set(cap_io_port_first(cap), cap_io_port_last(cap), false);
}

enum outcome decode_io_port_control(struct invocation *inv)
{
	struct slot *dest;
	if (inv->label != INV_X86_IO_PORT_CONTROL_ISSUE)
		return fail(ERR_ILLEGAL_OPERATION);
	if (inv->length < 4 || !inv->extra[0])
		return fail(ERR_TRUNCATED_MESSAGE);
	unsigned first = inv_arg(inv, 0) & 0xffff, last = inv_arg(inv, 1) & 0xffff;
	if (last < first)
		return fail_word(ERR_INVALID_ARGUMENT, 1);
	if (!range_is_free(first, last))
		return fail(ERR_REVOKE_FIRST);
	if (cspace_lookup_op(false, inv->extra[0]->cap, inv_arg(inv, 2), inv_arg(inv, 3), &dest) !=
	            DONE ||
	    slot_must_be_empty(dest) != DONE)
		return FAILED;
	range_set(first, last, true);
	cdt_insert(dest, cap_make(CAP_IO_PORT, 0, 0, first | (uint64_t)last << 16), inv->slot);
	return DONE;
}

static uint32_t port_in(unsigned port, unsigned size)
{
	switch (size) {
	case 1:
		return inb(port);
	case 2:
		return inw(port);
	default:
		return inl(port);
	}
}

static void port_out(unsigned port, unsigned size, uint32_t value)
{
	switch (size) {
	case 1:
		outb(port, value);
		break;
	case 2:
		outw(port, value);
		break;
	default:
		outl(port, value);
		break;
	}
}

enum outcome decode_io_port(struct invocation *inv)
{
	if (inv->label < INV_X86_IO_PORT_IN8 || inv->label > INV_X86_IO_PORT_OUT32)
		return fail(ERR_ILLEGAL_OPERATION);
	bool out = inv->label >= INV_X86_IO_PORT_OUT8;
	unsigned size = 1 << (inv->label - (out ? INV_X86_IO_PORT_OUT8 : INV_X86_IO_PORT_IN8));
	if (inv->length < (out ? 2 : 1))
		return fail(ERR_TRUNCATED_MESSAGE);
	unsigned port = inv_arg(inv, 0) & 0xffff;
	if (port < cap_io_port_first(inv->cap) || port + size - 1 > cap_io_port_last(inv->cap))
		return fail(ERR_ILLEGAL_OPERATION);
	if (out)
		port_out(port, size, inv_arg(inv, 1));
	else
		inv_result(inv, 0, port_in(port, size));
	return DONE;
}
