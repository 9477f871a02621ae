/* SPDX-License-Identifier: BSD-2-Clause */
/* See kernel.h, and rm/kernel.h for what each op does. */
#include "kernel.h"
#include "console.h"

static struct sel4_slot at(const struct kernel *k, slot_t slot)
{
	return kernel_slot_at(k, slot);
}

/* The CNode that holds a slot page's capability, or a directory's. */
static struct sel4_slot node_above(const struct kernel *k, uint64_t index, unsigned int bits_below)
{
	return (struct sel4_slot){ k->root, index, ABI_WORD_BITS - bits_below };
}

/* -- objects -------------------------------------------------------------------------------------- */

static enum abi_error op_retype(void *kernel, slot_t untyped, enum abi_object type,
                                unsigned int size_bits, slot_t dest, unsigned int count)
{
	struct sel4_slot node = node_above(kernel, dest >> SLOT_PAGE_BITS, SLOT_PAGE_BITS);
	return sel4_untyped_retype(untyped, type, size_bits, node, dest % SLOT_PAGE, count);
}

static enum abi_error op_slots_add(void *kernel, slot_t untyped, uint32_t slot_page)
{
	struct sel4_slot node = node_above(kernel, slot_page >> SLOT_PAGE_BITS, ROOT_SHIFT);
	return sel4_untyped_retype(untyped, OBJ_CNODE, SLOT_PAGE_BITS, node, slot_page % SLOT_PAGE,
	                           1);
}

static enum abi_error op_slots_directory(void *kernel, slot_t untyped, uint32_t directory)
{
	const struct kernel *k = kernel;
	return sel4_untyped_retype(untyped, OBJ_CNODE, SLOT_PAGE_BITS,
	                           (struct sel4_slot){ k->root, 0, 0 }, directory, 1);
}

static enum abi_error op_copy(void *kernel, slot_t dest, slot_t src, unsigned int rights)
{
	return sel4_cnode_copy(at(kernel, dest), at(kernel, src), rights);
}

static enum abi_error op_mint(void *kernel, slot_t dest, slot_t src, unsigned int rights,
                              uint64_t badge)
{
	return sel4_cnode_mint(at(kernel, dest), at(kernel, src), rights, badge);
}

/* What gives up cannot fail, or the core is wrong about what is there. */
static void must(enum abi_error err, const char *what, slot_t slot)
{
	if (err != ERR_NONE) {
		console_print("rm: %s of slot 0x%lx: error %d\n", what, slot, (int)err);
		assert_failed(__FILE__, __LINE__, what);
	}
}

static void op_remove(void *kernel, slot_t slot)
{
	must(sel4_cnode_delete(at(kernel, slot)), "delete", slot);
}

static void op_revoke(void *kernel, slot_t slot)
{
	must(sel4_cnode_revoke(at(kernel, slot)), "revoke", slot);
}

static void op_cancel_sends(void *kernel, slot_t slot)
{
	must(sel4_cnode_cancel_badged_sends(at(kernel, slot)), "cancel", slot);
}

static enum abi_error op_give(void *kernel, slot_t cnode, uint64_t index, unsigned int index_bits,
                              slot_t src)
{
	return sel4_cnode_copy((struct sel4_slot){ cnode, index, index_bits }, at(kernel, src),
	                       RIGHTS_ALL);
}

static enum abi_error op_adopt(void *kernel, slot_t dest, uint32_t i)
{
	const struct kernel *k = kernel;
	struct sel4_slot from = { k->root, k->archive_frames + i, ABI_WORD_BITS - ROOT_SHIFT };
	enum abi_error err = sel4_cnode_move(at(k, dest), from);
	return err ? err : sel4_x86_page_unmap(dest);
}

/* -- address spaces ---------------------------------------------------------------------------------- */

static enum abi_error op_vspace_init(void *kernel, slot_t vspace)
{
	return sel4_x86_asid_pool_assign(((struct kernel *)kernel)->asid_pool, vspace);
}

static const enum abi_invocation table_labels[][2] = {
	{ 0, 0 },
	{ INV_X86_PAGE_TABLE_MAP, INV_X86_PAGE_TABLE_UNMAP },
	{ INV_X86_PAGE_DIRECTORY_MAP, INV_X86_PAGE_DIRECTORY_UNMAP },
	{ INV_X86_PDPT_MAP, INV_X86_PDPT_UNMAP },
};

static enum abi_error op_table_map(void *kernel, slot_t table, unsigned int level, slot_t vspace,
                                   uint64_t address)
{
	(void)kernel;
	return sel4_x86_table_map(table, table_labels[level][0], vspace, address, 0);
}

static void op_table_unmap(void *kernel, slot_t table, unsigned int level)
{
	(void)kernel;
	must(sel4_msg_error(sel4_invoke(table, table_labels[level][1], 0, 0, 0, 0, 0, 0)),
	     "unmap of a table", table);
}

static enum abi_error op_page_map(void *kernel, slot_t page, slot_t vspace, uint64_t address,
                                  unsigned int rights, unsigned int attributes)
{
	(void)kernel;
	return sel4_x86_page_map(page, vspace, address, rights, attributes);
}

static void op_page_unmap(void *kernel, slot_t page)
{
	(void)kernel;
	must(sel4_x86_page_unmap(page), "unmap of a page", page);
}

static enum abi_error op_window_map(void *kernel, slot_t frame, uint32_t page)
{
	return sel4_x86_page_map(frame, ((struct kernel *)kernel)->vspace,
	                         WINDOW_BASE + (uint64_t)page * PAGE, RIGHT_READ | RIGHT_WRITE,
	                         VM_NO_EXECUTE);
}

static enum abi_error op_window_table(void *kernel, slot_t table, uint32_t page)
{
	return sel4_x86_page_table_map(table, ((struct kernel *)kernel)->vspace,
	                               WINDOW_BASE + (uint64_t)page * PAGE, 0);
}

/* -- threads ------------------------------------------------------------------------------------------ */

static enum abi_error op_thread_init(void *kernel, const struct kernel_thread *t)
{
	(void)kernel;
	return sel4_tcb_configure(t->tcb, t->cnode, abi_cnode_guard(0, t->cnode_guard), t->vspace,
	                          0, t->buffer, t->buffer_frame);
}

static enum abi_error op_thread_schedule(void *kernel, const struct kernel_thread *t,
                                         uint32_t budget_us, uint32_t period_us)
{
	enum { EXTRA_REFILLS = 8 };
	const struct kernel *k = kernel;
	enum abi_error err = sel4_sched_control_configure_flags(
	        k->sched_control, t->sched_context, budget_us, period_us,
	        budget_us == period_us ? 0 : EXTRA_REFILLS, 0, 0);
	return err ? err
	           : sel4_tcb_set_sched_params(t->tcb, k->tcb, t->priority_max, t->priority,
	                                       t->sched_context, t->fault_endpoint);
}

static enum abi_error op_thread_read(void *kernel, slot_t tcb, struct abi_user_context *context)
{
	(void)kernel;
	return sel4_tcb_read_registers(tcb, 0, ABI_CONTEXT_WORDS, context);
}

static enum abi_error op_thread_write(void *kernel, slot_t tcb,
                                      const struct abi_user_context *context)
{
	(void)kernel;
	return sel4_tcb_write_registers(tcb, 0, ABI_CONTEXT_WORDS, context);
}

static void op_thread_suspend(void *kernel, slot_t tcb)
{
	(void)kernel;
	must(sel4_tcb_suspend(tcb), "suspend", tcb);
}

static void op_thread_resume(void *kernel, slot_t tcb)
{
	(void)kernel;
	must(sel4_tcb_resume(tcb), "resume", tcb);
}

static enum abi_error op_thread_bind(void *kernel, slot_t tcb, slot_t notification)
{
	(void)kernel;
	enum abi_error err = sel4_tcb_bind_notification(tcb, notification);
	return err == ERR_ILLEGAL_OPERATION ? ERR_NONE : err; /* it is bound already */
}

/* -- messages ----------------------------------------------------------------------------------------- */

static void op_signal(void *kernel, slot_t notification)
{
	(void)kernel;
	sel4_signal(notification);
}

static void op_answer(void *kernel, slot_t reply, uint64_t label, const uint64_t *words,
                      unsigned int length, slot_t cap)
{
	(void)kernel;
	struct sel4_msg m = { abi_msginfo(label, 0, cap != 0, length), { 0 }, 0 };
	for (unsigned int i = 0; i < length; i++)
		if (i < ABI_MSG_REGS)
			m.mr[i] = words[i];
		else
			sel4_set_word(i, words[i]);
	if (cap)
		sel4_set_cap(0, cap);
	sel4_nb_send(reply, m);
}

/* -- the machine --------------------------------------------------------------------------------------- */

static enum abi_error op_ports_issue(void *kernel, slot_t dest, uint16_t first, uint16_t last)
{
	const struct kernel *k = kernel;
	/* rm's own log goes there, too. */
	if (first == CONSOLE_PORT_FIRST && last == CONSOLE_PORT_LAST)
		return sel4_cnode_copy(at(k, dest), at(k, k->console_ports), RIGHTS_ALL);
	return sel4_x86_io_port_control_issue(k->port_control, first, last, at(k, dest));
}

static enum abi_error op_irq_issue(void *kernel, slot_t dest, uint8_t ioapic, uint8_t pin,
                                   bool level, bool low, uint8_t vector)
{
	const struct kernel *k = kernel;
	return sel4_x86_irq_get_ioapic(k->irq_control, at(k, dest), ioapic, pin, level, low,
	                               vector);
}

static void op_log(void *kernel, const char *text)
{
	(void)kernel;
	console_print("%s\n", text);
}

static void op_off(void *kernel, bool good)
{
	enum { EXIT_PORT = 0xf4, EXIT_SUCCESS = 0x10, EXIT_FAILURE = 0x11 };
	const struct kernel *k = kernel;
	(void)sel4_x86_io_port_out8(k->exit_ports, EXIT_PORT, good ? EXIT_SUCCESS : EXIT_FAILURE);
}

const struct kernel_ops kernel_ops = {
	.retype = op_retype,
	.slots_add = op_slots_add,
	.slots_directory = op_slots_directory,
	.copy = op_copy,
	.mint = op_mint,
	.remove = op_remove,
	.revoke = op_revoke,
	.cancel_sends = op_cancel_sends,
	.give = op_give,
	.adopt = op_adopt,
	.vspace_init = op_vspace_init,
	.table_map = op_table_map,
	.table_unmap = op_table_unmap,
	.page_map = op_page_map,
	.page_unmap = op_page_unmap,
	.window_map = op_window_map,
	.window_table = op_window_table,
	.thread_init = op_thread_init,
	.thread_schedule = op_thread_schedule,
	.thread_read = op_thread_read,
	.thread_write = op_thread_write,
	.thread_suspend = op_thread_suspend,
	.thread_resume = op_thread_resume,
	.thread_bind = op_thread_bind,
	.signal = op_signal,
	.answer = op_answer,
	.ports_issue = op_ports_issue,
	.irq_issue = op_irq_issue,
	.log = op_log,
	.off = op_off,
};
