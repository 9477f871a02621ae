/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Interrupts (seL4 manual, chapter 8): IRQControl gives out handlers, each for one CPU vector,
 * which an IOAPIC pin or a message-signalled interrupt is routed to. An interrupt signals the
 * handler's notification and is masked at its IOAPIC until acknowledged.
 */
#include "arch.h"

enum irq_kind { IRQ_FREE, IRQ_IOAPIC, IRQ_MSI };
static struct {
	uint8_t kind, ioapic, pin;
} irqs[ABI_USER_IRQ_MAX + 1];

struct slot irq_slots[ABI_USER_IRQ_MAX + 1];

static void mask(unsigned irq, bool masked)
{
	if (irqs[irq].kind == IRQ_IOAPIC)
		plat_ioapic_mask(irqs[irq].ioapic, irqs[irq].pin, masked);
}

void irq_interrupt(unsigned vector)
{
	unsigned irq = vector - ABI_IRQ_VECTOR_BASE;
	if (vector >= ABI_IRQ_VECTOR_BASE && irq <= ABI_USER_IRQ_MAX &&
	    irqs[irq].kind != IRQ_FREE) {
		struct cap cap = irq_slots[irq].cap;
		mask(irq, true);
		if (cap_type(cap) == CAP_NOTIFICATION && cap_may(cap, RIGHT_WRITE))
			ntfn_signal(cap_notification(cap), cap.w1);
	}
	plat_eoi();
}

bool irq_handler_finalise(unsigned irq)
{
	if (!slot_delete_step(&irq_slots[irq]))
		return false;
	mask(irq, true);
	irqs[irq].kind = IRQ_FREE;
	return true;
}

static enum outcome check_ioapic(struct invocation *inv)
{
	word_t ioapic = inv_arg(inv, 2), pin = inv_arg(inv, 3);
	unsigned count = plat_ioapic_count();
	if (count == 0)
		return fail(ERR_ILLEGAL_OPERATION);
	if (ioapic >= count)
		return fail_range(0, count - 1);
	if (pin >= plat_ioapic_pins(ioapic))
		return fail_range(0, plat_ioapic_pins(ioapic) - 1);
	if (inv_arg(inv, 4) > 1 || inv_arg(inv, 5) > 1)
		return fail_range(0, 1);
	return DONE;
}

static enum outcome check_msi(struct invocation *inv)
{
	static const uint8_t max[] = { 255, 31, 7 }; /* bus, device, function */
	for (unsigned i = 0; i < ARRAY_LEN(max); i++) {
		if (inv_arg(inv, 2 + i) > max[i])
			return fail_range(0, max[i]);
	}
	return DONE;
}

enum outcome decode_irq_control(struct invocation *inv)
{
	struct slot *dest;
	if (inv->label == INV_IRQ_CONTROL_GET) {
		if (inv->length < 3 || !inv->extra[0])
			return fail(ERR_TRUNCATED_MESSAGE);
		return fail(ERR_ILLEGAL_OPERATION);
	}
	if (inv->label != INV_X86_IRQ_GET_IOAPIC && inv->label != INV_X86_IRQ_GET_MSI)
		return fail(ERR_ILLEGAL_OPERATION);
	if (inv->length < 7 || !inv->extra[0])
		return fail(ERR_TRUNCATED_MESSAGE);
	bool msi = inv->label == INV_X86_IRQ_GET_MSI;
	word_t irq = inv_arg(inv, 6);
	if (irq > ABI_USER_IRQ_MAX)
		return fail_range(0, ABI_USER_IRQ_MAX);
	if (irqs[irq].kind != IRQ_FREE)
		return fail(ERR_REVOKE_FIRST);
	if (cspace_lookup_op(false, inv->extra[0]->cap, inv_arg(inv, 0), inv_arg(inv, 1), &dest) !=
	            DONE ||
	    slot_must_be_empty(dest) != DONE)
		return FAILED;
	if ((msi ? check_msi(inv) : check_ioapic(inv)) != DONE)
		return FAILED;

	irqs[irq].kind = msi ? IRQ_MSI : IRQ_IOAPIC;
	if (!msi) {
		irqs[irq].ioapic = inv_arg(inv, 2);
		irqs[irq].pin = inv_arg(inv, 3);
		plat_ioapic_route(inv_arg(inv, 2), inv_arg(inv, 3), inv_arg(inv, 4),
		                  inv_arg(inv, 5), ABI_IRQ_VECTOR_BASE + irq);
		mask(irq, false);
	}
	cdt_insert(dest, cap_make(CAP_IRQ_HANDLER, 0, 0, irq), inv->slot);
	return DONE;
}

enum outcome decode_irq_handler(struct invocation *inv)
{
	unsigned irq = inv->cap.w1;
	switch (inv->label) {
	case INV_IRQ_HANDLER_ACK:
		mask(irq, false);
		return DONE;
	case INV_IRQ_HANDLER_SET_NOTIFICATION: {
		struct slot *slot = inv->extra[0];
		if (!slot)
			return fail(ERR_TRUNCATED_MESSAGE);
		struct cap cap = slot->cap;
		if (cap_type(cap) != CAP_NOTIFICATION || !cap_may(cap, RIGHT_WRITE))
			return fail_word(ERR_INVALID_CAPABILITY, 0);
		enum outcome outcome = slot_delete(&irq_slots[irq]);
		if (outcome == DONE && cap_same_object(cap, slot->cap))
			cdt_insert(&irq_slots[irq], cap, slot);
		return outcome;
	}
	case INV_IRQ_HANDLER_CLEAR:
		return slot_delete(&irq_slots[irq]);
	default:
		return fail(ERR_ILLEGAL_OPERATION);
	}
}
