/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * IRQControl and IRQHandler: issuing handlers for IOAPIC pins and MSIs, and the delivery of real
 * interrupts, those of the PIT (pin 2). seL4 manual, chapter 8.
 */
#include "jobs.h"

enum {
	PIT_PIN = 2,
	PIT_DATA = 0x40,
	PIT_CONTROL = 0x43,
	PIT_PERIODIC = 0x34, /* channel 0, two bytes, mode 2 */
	PIT_ONE_SHOT = 0x30, /* channel 0, two bytes, mode 0 */
	PIT_STATUS = 0xe2,   /* read back: the status of channel 0 */
	PIT_OUTPUT = 0x80,   /* in it: the output is high, the shot was fired */
	PIT_HZ = 1193182,
	IOAPIC_PINS = 24,
	VECTOR = 5,
	UNUSED_PIN = 20,
};

static enum abi_error get_ioapic(struct sel4_slot dest, word_t ioapic, word_t pin, word_t level,
                                 word_t polarity, word_t vector)
{
	return sel4_x86_irq_get_ioapic(INIT_IRQ_CONTROL, dest, ioapic, pin, level, polarity,
	                               vector);
}

static cptr_t handler_new(word_t pin, word_t vector)
{
	cptr_t handler = slot_new();
	CHECK_OK(get_ioapic(slot(handler), 0, pin, 0, 0, vector));
	return handler;
}

static cptr_t pit_ports(void)
{
	cptr_t ports = slot_new();
	CHECK_OK(sel4_x86_io_port_control_issue(INIT_IO_PORT_CONTROL, PIT_DATA, PIT_CONTROL,
	                                        slot(ports)));
	return ports;
}

static void pit_set(cptr_t ports, word_t mode, word_t hz)
{
	word_t count = PIT_HZ / hz;
	CHECK_OK(sel4_x86_io_port_out8(ports, PIT_CONTROL, mode));
	CHECK_OK(sel4_x86_io_port_out8(ports, PIT_DATA, count & 0xff));
	CHECK_OK(sel4_x86_io_port_out8(ports, PIT_DATA, count >> 8));
}

/* Its interrupts end: a single shot, which nobody takes. */
static void pit_stop(cptr_t ports)
{
	word_t status = 0;
	pit_set(ports, PIT_ONE_SHOT, 10000);
	while (!(status & PIT_OUTPUT)) {
		CHECK_OK(sel4_x86_io_port_out8(ports, PIT_CONTROL, PIT_STATUS));
		CHECK_OK(sel4_x86_io_port_in8(ports, PIT_DATA, &status));
	}
}

/* Get: not on a machine with an IOAPIC */

TEST(irq_get_is_refused)
{
	CHECK_ERR(sel4_irq_control_get(INIT_IRQ_CONTROL, 0, slot(slot_new())),
	          ERR_ILLEGAL_OPERATION);
	CHECK_ERR(sel4_irq_control_get(INIT_IRQ_CONTROL, ~0ull, at(0, 0, 0)),
	          ERR_ILLEGAL_OPERATION);
}

TEST(irq_get_truncated)
{
	sel4_set_cap(0, INIT_CNODE);
	for (word_t words = 0; words < 3; words++)
		CHECK_ERR(invoke(INIT_IRQ_CONTROL, INV_IRQ_CONTROL_GET, 1, words, 0, 0, 0, 0),
		          ERR_TRUNCATED_MESSAGE);
	CHECK_ERR(invoke(INIT_IRQ_CONTROL, INV_IRQ_CONTROL_GET, 0, 3, 0, 0, 0, 0),
	          ERR_TRUNCATED_MESSAGE);
}

/* GetIOAPIC and GetMSI: what is common to both */

static enum abi_error get(int msi, struct sel4_slot dest, word_t vector)
{
	if (msi)
		return sel4_x86_irq_get_msi(INIT_IRQ_CONTROL, dest, 0, 0, 0, 0, vector);
	return get_ioapic(dest, 0, UNUSED_PIN, 0, 0, vector);
}

TEST(irq_issue)
{
	for (int msi = 0; msi < 2; msi++) {
		cptr_t handler = slot_new();
		CHECK_OK(get(msi, slot(handler), VECTOR));
		CHECK(!slot_is_empty(handler));
		cap_delete(handler);
	}
}

TEST(irq_issue_vectors)
{
	for (int msi = 0; msi < 2; msi++) {
		struct sel4_slot dest = slot(slot_new());
		CHECK_ERR(get(msi, dest, ABI_USER_IRQ_MAX + 1), ERR_RANGE, 0, ABI_USER_IRQ_MAX);
		CHECK_ERR(get(msi, dest, 1ull << 32), ERR_RANGE, 0, ABI_USER_IRQ_MAX);
		CHECK_ERR(get(msi, dest, ~0ull), ERR_RANGE, 0, ABI_USER_IRQ_MAX);
		for (word_t vector = 0; vector <= ABI_USER_IRQ_MAX; vector++) {
			CHECK_OK(get(msi, dest, vector));
			CHECK_OK(sel4_cnode_delete(dest));
		}
	}
}

TEST(irq_issue_an_active_vector)
{
	for (int msi = 0; msi < 2; msi++) {
		cptr_t handler = slot_new(), other = slot_new();
		CHECK_OK(get(msi, slot(handler), VECTOR));
		CHECK_ERR(get(0, slot(other), VECTOR), ERR_REVOKE_FIRST);
		CHECK_ERR(get(1, slot(other), VECTOR), ERR_REVOKE_FIRST);
		CHECK_OK(get(1, slot(other), VECTOR + 1));
		/* Free again with the last capability. */
		cptr_t copy = cap_copy(handler, 0);
		cap_delete(handler);
		CHECK_ERR(get(msi, slot(handler), VECTOR), ERR_REVOKE_FIRST);
		cap_delete(copy);
		CHECK_OK(get(msi, slot(handler), VECTOR));
		cap_delete(handler);
		cap_delete(other);
	}
}

/* Two vectors for one pin: nobody minds. */
TEST(irq_issue_a_pin_twice)
{
	handler_new(UNUSED_PIN, VECTOR);
	handler_new(UNUSED_PIN, VECTOR + 1);
}

TEST(irq_issue_destination)
{
	for (int msi = 0; msi < 2; msi++) {
		cptr_t full = endpoint_new(), node = cnode_new(4);
		CHECK_ERR(get(msi, slot(full), VECTOR), ERR_DELETE_FIRST);
		CHECK_ERR(get(msi, at(full, 0, 64), VECTOR), ERR_FAILED_LOOKUP, AT_DEST,
		          WORDS_INVALID_ROOT);
		CHECK_ERR(get(msi, at(node, 0, 65), VECTOR), ERR_RANGE, 1, 64);
		CHECK_ERR(get(msi, at(node, 0, 2), VECTOR), ERR_FAILED_LOOKUP, AT_DEST,
		          WORDS_DEPTH(2, 4));
		CHECK_OK(get(msi, at(node, 2, 4), VECTOR));
		CHECK(!is_empty(at(node, 2, 4)));
		CHECK_OK(sel4_cnode_delete(at(node, 2, 4)));
	}
}

TEST(irq_issue_truncated)
{
	for (int msi = 0; msi < 2; msi++)
		for (word_t words = 0; words <= 7; words++) {
			word_t label = msi ? INV_X86_IRQ_GET_MSI : INV_X86_IRQ_GET_IOAPIC;
			cptr_t dest = slot_new();
			sel4_set_cap(0, INIT_CNODE);
			for (unsigned int i = 4; i < 7; i++)
				sel4_set_word(i, 0);
			CHECK_ERR(invoke(INIT_IRQ_CONTROL, label, words < 7, words, dest, 64, 0, 0),
			          ERR_TRUNCATED_MESSAGE);
		}
}

TEST(irq_issue_reply)
{
	cptr_t dest = slot_new();
	sel4_set_cap(0, INIT_CNODE);
	for (unsigned int i = 4; i < 7; i++)
		sel4_set_word(i, 0);
	struct sel4_msg m =
	        sel4_invoke(INIT_IRQ_CONTROL, INV_X86_IRQ_GET_MSI, 1, 7, dest, 64, 0, 0);
	CHECK_EQ(m.info, 0);
	CHECK_EQ(m.badge, 0);
}

TEST(irq_issue_order_of_checks)
{
	cptr_t full = endpoint_new();
	CHECK_ERR(get_ioapic(at(full, 0, 0), 9, 99, 9, 9, 108), ERR_RANGE, 0, ABI_USER_IRQ_MAX);
	handler_new(UNUSED_PIN, VECTOR);
	CHECK_ERR(get_ioapic(at(full, 0, 0), 9, 99, 9, 9, VECTOR), ERR_REVOKE_FIRST);
	CHECK_ERR(get_ioapic(slot(full), 9, 99, 9, 9, VECTOR + 1), ERR_DELETE_FIRST);
	CHECK_ERR(get_ioapic(slot(slot_new()), 9, 99, 9, 9, VECTOR + 1), ERR_RANGE, 0, 0);
	CHECK_ERR(get_ioapic(slot(slot_new()), 0, 99, 9, 9, VECTOR + 1), ERR_RANGE, 0,
	          IOAPIC_PINS - 1);
}

/* IOAPIC */

TEST(irq_ioapic_number)
{
	struct sel4_slot dest = slot(slot_new());
	CHECK_ERR(get_ioapic(dest, 1, 0, 0, 0, VECTOR), ERR_RANGE, 0, 0);
	CHECK_ERR(get_ioapic(dest, ~0ull, 0, 0, 0, VECTOR), ERR_RANGE, 0, 0);
	CHECK_ERR(get_ioapic(dest, 1ull << 32, 0, 0, 0, VECTOR), ERR_RANGE, 0, 0);
}

TEST(irq_ioapic_pins)
{
	struct sel4_slot dest = slot(slot_new());
	for (word_t pin = 0; pin < IOAPIC_PINS; pin++) {
		CHECK_OK(get_ioapic(dest, 0, pin, 0, 0, VECTOR));
		CHECK_OK(sel4_cnode_delete(dest));
	}
	CHECK_ERR(get_ioapic(dest, 0, IOAPIC_PINS, 0, 0, VECTOR), ERR_RANGE, 0, IOAPIC_PINS - 1);
	CHECK_ERR(get_ioapic(dest, 0, 256, 0, 0, VECTOR), ERR_RANGE, 0, IOAPIC_PINS - 1);
	CHECK_ERR(get_ioapic(dest, 0, 1ull << 32, 0, 0, VECTOR), ERR_RANGE, 0, IOAPIC_PINS - 1);
}

TEST(irq_ioapic_level_and_polarity)
{
	struct sel4_slot dest = slot(slot_new());
	for (word_t both = 0; both < 4; both++) {
		CHECK_OK(get_ioapic(dest, 0, UNUSED_PIN, both & 1, both >> 1, VECTOR));
		CHECK_OK(sel4_cnode_delete(dest));
	}
	CHECK_ERR(get_ioapic(dest, 0, UNUSED_PIN, 2, 0, VECTOR), ERR_RANGE, 0, 1);
	CHECK_ERR(get_ioapic(dest, 0, UNUSED_PIN, 0, 2, VECTOR), ERR_RANGE, 0, 1);
	CHECK_ERR(get_ioapic(dest, 0, UNUSED_PIN, 1ull << 32, 0, VECTOR), ERR_RANGE, 0, 1);
	CHECK_ERR(get_ioapic(dest, 0, UNUSED_PIN, 0, ~0ull, VECTOR), ERR_RANGE, 0, 1);
}

/* MSI: the address of the function is checked for its form only. */

TEST(irq_msi_arguments)
{
	struct sel4_slot dest = slot(slot_new());
	cptr_t control = INIT_IRQ_CONTROL;
	CHECK_OK(sel4_x86_irq_get_msi(control, dest, 255, 31, 7, ~0ull, VECTOR));
	CHECK_OK(sel4_cnode_delete(dest));
	CHECK_ERR(sel4_x86_irq_get_msi(control, dest, 256, 0, 0, 0, VECTOR), ERR_RANGE, 0, 255);
	CHECK_ERR(sel4_x86_irq_get_msi(control, dest, 0, 32, 0, 0, VECTOR), ERR_RANGE, 0, 31);
	CHECK_ERR(sel4_x86_irq_get_msi(control, dest, 0, 0, 8, 0, VECTOR), ERR_RANGE, 0, 7);
	CHECK_ERR(sel4_x86_irq_get_msi(control, dest, 256, 32, 8, 0, VECTOR), ERR_RANGE, 0, 255);
	CHECK_ERR(sel4_x86_irq_get_msi(control, dest, ~0ull, 0, 0, 0, VECTOR), ERR_RANGE, 0, 255);
}

/* Handlers */

TEST(irq_handler_notification)
{
	cptr_t handler = handler_new(UNUSED_PIN, VECTOR);
	CHECK_OK(sel4_irq_handler_set_notification(handler, notification_new()));
	CHECK_OK(sel4_irq_handler_set_notification(handler,
	                                           cap_mint(notification_new(), RIGHT_WRITE, 1)));
	CHECK_OK(sel4_irq_handler_clear(handler));
	CHECK_OK(sel4_irq_handler_clear(handler));
	CHECK_OK(sel4_irq_handler_ack(handler));
	CHECK_OK(sel4_irq_handler_ack(handler));
}

/* The number in the answer is that of the handler, not of the notification. */
TEST(irq_handler_notification_errors)
{
	cptr_t handler = handler_new(UNUSED_PIN, VECTOR);
	CHECK_ERR(sel4_irq_handler_set_notification(handler, endpoint_new()),
	          ERR_INVALID_CAPABILITY, 0);
	CHECK_ERR(sel4_irq_handler_set_notification(handler, slot_new()), ERR_INVALID_CAPABILITY,
	          0);
	CHECK_ERR(sel4_irq_handler_set_notification(handler,
	                                            cap_copy(notification_new(), RIGHT_READ)),
	          ERR_INVALID_CAPABILITY, 0);
	CHECK_ERR(invoke(handler, INV_IRQ_HANDLER_SET_NOTIFICATION, 0, 0, 0, 0, 0, 0),
	          ERR_TRUNCATED_MESSAGE);
}

TEST(irq_handler_of_an_msi)
{
	cptr_t handler = slot_new();
	CHECK_OK(sel4_x86_irq_get_msi(INIT_IRQ_CONTROL, slot(handler), 0, 1, 2, 3, VECTOR));
	CHECK_OK(sel4_irq_handler_set_notification(handler, notification_new()));
	CHECK_OK(sel4_irq_handler_ack(handler));
	CHECK_OK(sel4_irq_handler_clear(handler));
}

/* The tree */

TEST(irq_revoking_a_handler_takes_its_copies)
{
	cptr_t handler = handler_new(UNUSED_PIN, VECTOR), copy = cap_copy(handler, 0);
	cptr_t second = cap_copy(copy, 0);
	cap_revoke(copy);
	CHECK(!slot_is_empty(second));
	cap_revoke(handler);
	CHECK(slot_is_empty(copy));
	CHECK(slot_is_empty(second));
	CHECK_ERR(get(0, slot(copy), VECTOR), ERR_REVOKE_FIRST);
}

TEST(irq_revoking_the_control_takes_all_handlers)
{
	cptr_t a = handler_new(UNUSED_PIN, VECTOR), b = handler_new(UNUSED_PIN + 1, VECTOR + 1);
	cptr_t copy = cap_copy(a, 0);
	cap_revoke(INIT_IRQ_CONTROL);
	CHECK(slot_is_empty(a));
	CHECK(slot_is_empty(b));
	CHECK(slot_is_empty(copy));
	CHECK(!slot_is_empty(INIT_IRQ_CONTROL));
	handler_new(UNUSED_PIN, VECTOR);
}

/* The handler has a capability of its own to the notification. */
TEST(irq_handler_keeps_its_notification)
{
	cptr_t handler = handler_new(UNUSED_PIN, VECTOR), untyped = untyped_new(12);
	cptr_t ntfn = slot_new();
	CHECK_OK(sel4_untyped_retype(untyped, OBJ_NOTIFICATION, 0, root_node(), ntfn, 1));
	CHECK_OK(sel4_irq_handler_set_notification(handler, ntfn));
	cap_delete(ntfn);
	CHECK_ERR(sel4_cnode_copy(slot(slot_new()), slot(untyped), RIGHTS_ALL), ERR_REVOKE_FIRST);
	cap_delete(handler);
	CHECK_OK(sel4_cnode_copy(slot(slot_new()), slot(untyped), RIGHTS_ALL));
}

TEST(irq_handler_clear_lets_the_notification_go)
{
	cptr_t handler = handler_new(UNUSED_PIN, VECTOR), untyped = untyped_new(12);
	cptr_t ntfn = slot_new();
	CHECK_OK(sel4_untyped_retype(untyped, OBJ_NOTIFICATION, 0, root_node(), ntfn, 1));
	CHECK_OK(sel4_irq_handler_set_notification(handler, ntfn));
	cap_delete(ntfn);
	CHECK_OK(sel4_irq_handler_clear(handler));
	CHECK_OK(sel4_cnode_copy(slot(slot_new()), slot(untyped), RIGHTS_ALL));
}

/* Interrupts, really */

TEST(irq_delivery)
{
	cptr_t ports = pit_ports(), ntfn = notification_new();
	cptr_t handler = handler_new(PIT_PIN, VECTOR);
	CHECK_OK(sel4_irq_handler_set_notification(handler, cap_mint(ntfn, RIGHT_WRITE, 0x42)));
	pit_set(ports, PIT_PERIODIC, 1000);
	for (int i = 0; i < 5; i++) {
		CHECK_OK(sel4_irq_handler_ack(handler));
		CHECK_EQ(sel4_wait(ntfn).badge, 0x42);
	}
}

/* At every vector of a range that spans the APIC's priority classes. */
TEST(irq_delivery_at_every_vector)
{
	cptr_t ports = pit_ports(), ntfn = notification_new();
	pit_set(ports, PIT_PERIODIC, 5000);
	for (word_t vector = 0; vector <= ABI_USER_IRQ_MAX; vector++) {
		cptr_t handler = handler_new(PIT_PIN, vector);
		cptr_t badged = cap_mint(ntfn, RIGHT_WRITE, vector + 1);
		CHECK_OK(sel4_irq_handler_set_notification(handler, badged));
		CHECK_OK(sel4_irq_handler_ack(handler));
		CHECK_EQ(sel4_wait(ntfn).badge, vector + 1);
		cap_delete(handler);
		sel4_nb_wait(ntfn);
	}
}

/*
 * One signal, then nothing until it is acknowledged: but one that the processor had taken before
 * the kernel masked the pin may follow. Unmasked, there would be 20.
 */
TEST(irq_is_masked_until_acknowledged)
{
	cptr_t ports = pit_ports(), ntfn = notification_new();
	cptr_t handler = handler_new(PIT_PIN, VECTOR);
	CHECK_OK(sel4_irq_handler_set_notification(handler, cap_mint(ntfn, RIGHT_WRITE, 1)));
	pit_set(ports, PIT_PERIODIC, 1000);
	CHECK_OK(sel4_irq_handler_ack(handler));
	CHECK_EQ(sel4_wait(ntfn).badge, 1);
	word_t followed = 0;
	for (word_t start = now_us(); now_us() - start < 20000;)
		followed += sel4_nb_wait(ntfn).badge;
	CHECK_LE(followed, 1);
	CHECK_OK(sel4_irq_handler_ack(handler));
	CHECK_EQ(sel4_wait(ntfn).badge, 1);
}

/*
 * A handler is issued unmasked: the first interrupt needs no acknowledgement before. Should an
 * old one of the PIT come just then, the pin is masked; so several attempts are made.
 */
static bool first_interrupt_arrives(cptr_t ports, cptr_t ntfn)
{
	pit_stop(ports);
	cptr_t handler = handler_new(PIT_PIN, VECTOR);
	CHECK_OK(sel4_irq_handler_set_notification(handler, cap_mint(ntfn, RIGHT_WRITE, 1)));
	pit_set(ports, PIT_ONE_SHOT, 1000);
	word_t badge = 0;
	for (word_t start = now_us(); !badge && now_us() - start < 300000;)
		badge = sel4_nb_wait(ntfn).badge;
	cap_delete(handler);
	return badge == 1;
}

TEST(irq_is_issued_unmasked)
{
	cptr_t ports = pit_ports(), ntfn = notification_new();
	int attempts = 10;
	while (!first_interrupt_arrives(ports, ntfn))
		CHECK(--attempts > 0);
}

TEST(irq_accumulates_in_the_notification)
{
	cptr_t ports = pit_ports(), ntfn = notification_new();
	cptr_t handler = handler_new(PIT_PIN, VECTOR);
	CHECK_OK(sel4_irq_handler_set_notification(handler, cap_mint(ntfn, RIGHT_WRITE, 0x10)));
	sel4_signal(cap_mint(ntfn, RIGHT_WRITE, 1));
	pit_set(ports, PIT_PERIODIC, 1000);
	CHECK_OK(sel4_irq_handler_ack(handler));
	word_t badge = 0;
	while (!(badge & 0x10))
		badge |= sel4_wait(ntfn).badge;
	CHECK_EQ(badge, 0x11);
}

/* With no notification it is masked and forgotten. */
TEST(irq_without_notification)
{
	cptr_t ports = pit_ports(), ntfn = notification_new();
	cptr_t handler = handler_new(PIT_PIN, VECTOR);
	CHECK_OK(sel4_irq_handler_set_notification(handler, cap_mint(ntfn, RIGHT_WRITE, 1)));
	pit_set(ports, PIT_PERIODIC, 5000);
	CHECK_OK(sel4_irq_handler_ack(handler));
	CHECK_EQ(sel4_wait(ntfn).badge, 1);
	CHECK_OK(sel4_irq_handler_clear(handler));
	sel4_nb_wait(ntfn);
	CHECK_OK(sel4_irq_handler_ack(handler));
	for (int i = 0; i < 2000; i++)
		CHECK_EQ(sel4_nb_wait(ntfn).badge, 0);
	CHECK_OK(sel4_irq_handler_set_notification(handler, cap_mint(ntfn, RIGHT_WRITE, 2)));
	CHECK_OK(sel4_irq_handler_ack(handler));
	CHECK_EQ(sel4_wait(ntfn).badge, 2);
}

/* Revoking the notification takes the handler's capability, too. */
TEST(irq_with_a_revoked_notification)
{
	cptr_t ports = pit_ports(), ntfn = notification_new();
	cptr_t handler = handler_new(PIT_PIN, VECTOR);
	CHECK_OK(sel4_irq_handler_set_notification(handler, cap_mint(ntfn, RIGHT_WRITE, 1)));
	pit_set(ports, PIT_PERIODIC, 5000);
	CHECK_OK(sel4_irq_handler_ack(handler));
	CHECK_EQ(sel4_wait(ntfn).badge, 1);
	cap_revoke(ntfn);
	sel4_nb_wait(ntfn);
	CHECK_OK(sel4_irq_handler_ack(handler));
	for (int i = 0; i < 2000; i++)
		CHECK_EQ(sel4_nb_wait(ntfn).badge, 0);
}

TEST(irq_deleting_the_handler_ends_delivery)
{
	cptr_t ports = pit_ports(), ntfn = notification_new();
	cptr_t handler = handler_new(PIT_PIN, VECTOR);
	CHECK_OK(sel4_irq_handler_set_notification(handler, cap_mint(ntfn, RIGHT_WRITE, 1)));
	pit_set(ports, PIT_PERIODIC, 5000);
	CHECK_OK(sel4_irq_handler_ack(handler));
	CHECK_EQ(sel4_wait(ntfn).badge, 1);
	CHECK_OK(sel4_irq_handler_ack(handler));
	cap_delete(handler);
	sel4_nb_wait(ntfn);
	for (int i = 0; i < 2000; i++)
		CHECK_EQ(sel4_nb_wait(ntfn).badge, 0);
	/* And again, with another vector. */
	handler = handler_new(PIT_PIN, VECTOR + 1);
	CHECK_OK(sel4_irq_handler_set_notification(handler, cap_mint(ntfn, RIGHT_WRITE, 2)));
	CHECK_OK(sel4_irq_handler_ack(handler));
	CHECK_EQ(sel4_wait(ntfn).badge, 2);
}

TEST(irq_replacing_the_notification)
{
	cptr_t ports = pit_ports(), a = notification_new(), b = notification_new();
	cptr_t handler = handler_new(PIT_PIN, VECTOR);
	CHECK_OK(sel4_irq_handler_set_notification(handler, cap_mint(a, RIGHT_WRITE, 1)));
	CHECK_OK(sel4_irq_handler_set_notification(handler, cap_mint(b, RIGHT_WRITE, 2)));
	sel4_nb_wait(a);
	pit_set(ports, PIT_PERIODIC, 1000);
	CHECK_OK(sel4_irq_handler_ack(handler));
	CHECK_EQ(sel4_wait(b).badge, 2);
	CHECK_EQ(sel4_nb_wait(a).badge, 0);
}

/* A waiting thread of a lower priority than main's, woken while main spins. */

static volatile word_t woken;

static word_t wait_for_irq(word_t ntfn)
{
	woken = sel4_wait(ntfn).badge;
	return woken;
}

TEST(irq_wakes_a_thread)
{
	cptr_t ports = pit_ports(), ntfn = notification_new();
	cptr_t handler = handler_new(PIT_PIN, VECTOR);
	CHECK_OK(sel4_irq_handler_set_notification(handler, cap_mint(ntfn, RIGHT_WRITE, 7)));
	struct thread *t = thread_run(wait_for_irq, ntfn);
	thread_settle();
	pit_set(ports, PIT_PERIODIC, 1000);
	CHECK_OK(sel4_irq_handler_ack(handler));
	CHECK_EQ(thread_join(t), 7);
}

TEST(irq_preempts_a_lower_thread)
{
	cptr_t ports = pit_ports(), ntfn = notification_new();
	cptr_t handler = handler_new(PIT_PIN, VECTOR);
	CHECK_OK(sel4_irq_handler_set_notification(handler, cap_mint(ntfn, RIGHT_WRITE, 7)));
	struct thread *t = thread_new(&(struct thread_options){ .priority = 255 });
	woken = 0;
	thread_start(t, wait_for_irq, ntfn);
	thread_settle();
	pit_set(ports, PIT_PERIODIC, 1000);
	CHECK_OK(sel4_irq_handler_ack(handler));
	CHECK_OK(sel4_tcb_set_priority(INIT_TCB, INIT_TCB, 100));
	while (!woken) /* spins: only an interrupt lets t run */
		;
	CHECK_OK(sel4_tcb_set_priority(INIT_TCB, INIT_TCB, 255));
	CHECK_EQ(woken, 7);
}

TEST(irq_invoke_with_wrong_labels)
{
	cptr_t handler = handler_new(UNUSED_PIN, VECTOR);
	for (word_t label = 0; label <= INV_COUNT + 2; label++) {
		if (label < INV_IRQ_HANDLER_ACK || label > INV_IRQ_HANDLER_CLEAR)
			CHECK_ERR(invoke(handler, label, 0, 0, 0, 0, 0, 0), ERR_ILLEGAL_OPERATION);
		if (label != INV_IRQ_CONTROL_GET && label != INV_X86_IRQ_GET_IOAPIC &&
		    label != INV_X86_IRQ_GET_MSI)
			CHECK_ERR(invoke(INIT_IRQ_CONTROL, label, 0, 0, 0, 0, 0, 0),
			          ERR_ILLEGAL_OPERATION);
	}
}
