/* SPDX-License-Identifier: BSD-2-Clause */
/* See kernel.h, and rm/kernel.h for what each op does. */
#include "kernel.h"
#include "console.h"
#include <rt/tsc.h>

/* -- objects ----------------------------------------------------------------------------------- */

static enum abi_error op_retype(void *kernel, slot_t untyped, enum abi_object type,
                                unsigned int size_bits, slot_t dest, unsigned int count)
{
	const struct kernel *k = kernel;
	cptr_t place = cptr_of(k, dest);
	struct sel4_slot node = { k->root, place >> SLOT_PAGE_BITS,
		                  ABI_WORD_BITS - SLOT_PAGE_BITS };
	if (place >> ROOT_SHIFT < k->flat_end)
		node = root_at(k, place >> ROOT_SHIFT);
	return sel4_untyped_retype(cptr_of(k, untyped), type, size_bits, node, dest % SLOT_PAGE,
	                           count);
}

static enum abi_error op_slots_add(void *kernel, slot_t untyped, uint32_t slot_page)
{
	const struct kernel *k = kernel;
	const struct sel4_slot root = { k->root, 0, 0 };
	uint64_t page = slot_page - SLOT_PAGE_FIRST, flat = k->flat_end - k->flat_first;
	if (page >= flat) {
		page -= flat;
		return sel4_untyped_retype(cptr_of(k, untyped), OBJ_CNODE, SLOT_PAGE_BITS,
		                           root_at(k, k->flat_end + page / SLOT_PAGE),
		                           page % SLOT_PAGE, 1);
	}
	enum abi_error err = sel4_untyped_retype(cptr_of(k, untyped), OBJ_CNODE, SLOT_PAGE_BITS,
	                                         root, k->spare, 1);
	return err ? err
	           : sel4_cnode_mutate(root_at(k, k->flat_first + page), root_at(k, k->spare),
	                               abi_cnode_guard(0, SLOT_PAGE_BITS));
}

static enum abi_error op_slots_directory(void *kernel, slot_t untyped, uint32_t directory)
{
	const struct kernel *k = kernel;
	uint64_t flat = k->flat_end - k->flat_first;
	uint64_t i = directory - (SLOT_PAGE_FIRST + flat) / SLOT_PAGE;
	return sel4_untyped_retype(cptr_of(k, untyped), OBJ_CNODE, SLOT_PAGE_BITS,
	                           (struct sel4_slot){ k->root, 0, 0 }, k->flat_end + i, 1);
}

static enum abi_error op_copy(void *kernel, slot_t dest, slot_t src, unsigned int rights)
{
	return sel4_cnode_copy(slot_at(kernel, dest), slot_at(kernel, src), rights);
}

static enum abi_error op_mint(void *kernel, slot_t dest, slot_t src, unsigned int rights,
                              uint64_t badge)
{
	return sel4_cnode_mint(slot_at(kernel, dest), slot_at(kernel, src), rights, badge);
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
	must(sel4_cnode_delete(slot_at(kernel, slot)), "delete", slot);
}

static void op_revoke(void *kernel, slot_t slot)
{
	must(sel4_cnode_revoke(slot_at(kernel, slot)), "revoke", slot);
}

/* Nothing is left of the untyped, so a frame fits. */
static void op_reframe(void *kernel, slot_t untyped, slot_t dest)
{
	op_revoke(kernel, untyped);
	must(op_retype(kernel, untyped, OBJ_X86_4K_PAGE, 0, dest, 1), "reframe", untyped);
}

static void op_cancel_sends(void *kernel, slot_t slot)
{
	must(sel4_cnode_cancel_badged_sends(slot_at(kernel, slot)), "cancel", slot);
}

static enum abi_error op_give(void *kernel, slot_t cnode, uint64_t index, unsigned int index_bits,
                              slot_t src)
{
	return sel4_cnode_copy((struct sel4_slot){ cptr_of(kernel, cnode), index, index_bits },
	                       slot_at(kernel, src), RIGHTS_ALL);
}

static enum abi_error op_adopt(void *kernel, slot_t dest, uint32_t i)
{
	const struct kernel *k = kernel;
	enum abi_error err = sel4_cnode_move(slot_at(k, dest), root_at(k, k->archive_frames + i));
	return err ? err : sel4_x86_page_unmap(cptr_of(k, dest));
}

/* -- address spaces ---------------------------------------------------------------------------- */

static enum abi_error op_vspace_init(void *kernel, slot_t vspace)
{
	const struct kernel *k = kernel;
	enum abi_error err = sel4_x86_asid_pool_assign(k->asid_pool, cptr_of(k, vspace));
	for (unsigned int i = k->asid_pools; err == ERR_DELETE_FIRST && i-- > 0;)
		err = sel4_x86_asid_pool_assign((k->asid_pool_first + i) << ROOT_SHIFT,
		                                cptr_of(k, vspace));
	return err;
}

static enum abi_error op_asid_pool_add(void *kernel, slot_t untyped)
{
	struct kernel *k = kernel;
	if (k->asid_pools == ABI_ASID_POOLS)
		return ERR_DELETE_FIRST;
	enum abi_error err =
	        sel4_x86_asid_control_make_pool(k->asid_control, cptr_of(k, untyped),
	                                        root_at(k, k->asid_pool_first + k->asid_pools));
	k->asid_pools += err == ERR_NONE;
	return err;
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
	return sel4_x86_table_map(cptr_of(kernel, table), table_labels[level][0],
	                          cptr_of(kernel, vspace), address, 0);
}

static void op_table_unmap(void *kernel, slot_t table, unsigned int level)
{
	must(sel4_msg_error(
	             sel4_invoke(cptr_of(kernel, table), table_labels[level][1], 0, 0, 0, 0, 0, 0)),
	     "unmap of a table", table);
}

static enum abi_error op_page_map(void *kernel, slot_t page, slot_t vspace, uint64_t address,
                                  unsigned int rights, unsigned int attributes)
{
	return sel4_x86_page_map(cptr_of(kernel, page), cptr_of(kernel, vspace), address, rights,
	                         attributes);
}

static void op_page_unmap(void *kernel, slot_t page)
{
	must(sel4_x86_page_unmap(cptr_of(kernel, page)), "unmap of a page", page);
}

static enum abi_error op_window_map(void *kernel, slot_t frame, uint32_t page)
{
	return sel4_x86_page_map(cptr_of(kernel, frame), ((struct kernel *)kernel)->vspace,
	                         WINDOW_BASE + (uint64_t)page * PAGE, RIGHT_READ | RIGHT_WRITE,
	                         VM_NO_EXECUTE);
}

static enum abi_error op_window_table(void *kernel, slot_t table, uint32_t page)
{
	return sel4_x86_page_table_map(cptr_of(kernel, table), ((struct kernel *)kernel)->vspace,
	                               WINDOW_BASE + (uint64_t)page * PAGE, 0);
}

/* -- threads ----------------------------------------------------------------------------------- */

static enum abi_error op_thread_init(void *kernel, const struct kernel_thread *t)
{
	const struct kernel *k = kernel;
	return sel4_tcb_configure(cptr_of(k, t->tcb), cptr_of(k, t->cnode),
	                          abi_cnode_guard(0, t->cnode_guard), cptr_of(k, t->vspace), 0,
	                          t->buffer, cptr_of(k, t->buffer_frame));
}

static enum abi_error op_thread_schedule(void *kernel, const struct kernel_thread *t,
                                         uint32_t budget_us, uint32_t period_us)
{
	enum { EXTRA_REFILLS = 8 };
	const struct kernel *k = kernel;
	cptr_t tcb = cptr_of(k, t->tcb);
	enum abi_error err = sel4_sched_control_configure_flags(
	        k->sched_control, cptr_of(k, t->sched_context), budget_us, period_us,
	        budget_us == period_us ? 0 : EXTRA_REFILLS, t->badge, 0);
	if (err != ERR_NONE)
		return err;
	if (!t->fault_endpoint) {
		err = sel4_tcb_set_mc_priority(tcb, k->tcb, t->priority_max);
		return err ? err : sel4_tcb_set_priority(tcb, k->tcb, t->priority);
	}
	return sel4_tcb_set_sched_params(tcb, k->tcb, t->priority_max, t->priority,
	                                 cptr_of(k, t->sched_context),
	                                 cptr_of(k, t->fault_endpoint));
}

static enum abi_error op_thread_read(void *kernel, slot_t tcb, struct abi_user_context *context)
{
	return sel4_tcb_read_registers(cptr_of(kernel, tcb), 0, ABI_CONTEXT_WORDS, context);
}

static enum abi_error op_thread_write(void *kernel, slot_t tcb,
                                      const struct abi_user_context *context)
{
	return sel4_tcb_write_registers(cptr_of(kernel, tcb), 0, ABI_CONTEXT_WORDS, context);
}

static enum abi_error op_thread_lend(void *kernel, slot_t sched_context, slot_t tcb,
                                     slot_t notification, slot_t timeout_endpoint)
{
	cptr_t sc = cptr_of(kernel, sched_context);
	enum abi_error err = sel4_sched_context_unbind_object(sc, cptr_of(kernel, tcb));
	if (err != ERR_NONE)
		return err;
	err = sel4_sched_context_bind(sc, cptr_of(kernel, notification));
	if (err != ERR_NONE)
		must(sel4_sched_context_bind(sc, cptr_of(kernel, tcb)), "bind", tcb);
	else
		must(sel4_tcb_set_timeout_endpoint(cptr_of(kernel, tcb),
		                                   cptr_of(kernel, timeout_endpoint)),
		     "timeout endpoint", tcb);
	return err;
}

static enum abi_error op_context_take(void *kernel, slot_t sched_context, slot_t tcb)
{
	return sel4_sched_context_unbind_object(cptr_of(kernel, sched_context),
	                                        cptr_of(kernel, tcb));
}

static enum abi_error op_context_give(void *kernel, slot_t sched_context, slot_t tcb)
{
	return sel4_sched_context_bind(cptr_of(kernel, sched_context), cptr_of(kernel, tcb));
}

static void op_thread_suspend(void *kernel, slot_t tcb)
{
	must(sel4_tcb_suspend(cptr_of(kernel, tcb)), "suspend", tcb);
}

static void op_thread_resume(void *kernel, slot_t tcb)
{
	must(sel4_tcb_resume(cptr_of(kernel, tcb)), "resume", tcb);
}

static enum abi_error op_thread_bind(void *kernel, slot_t tcb, slot_t notification)
{
	enum abi_error err =
	        sel4_tcb_bind_notification(cptr_of(kernel, tcb), cptr_of(kernel, notification));
	return err == ERR_ILLEGAL_OPERATION ? ERR_NONE : err; /* it is bound already */
}

/* -- messages ---------------------------------------------------------------------------------- */

static void op_signal(void *kernel, slot_t notification)
{
	sel4_signal(cptr_of(kernel, notification));
}

static void op_answer(void *kernel, slot_t reply, uint64_t label, const uint64_t *words,
                      unsigned int length, slot_t cap)
{
	struct sel4_msg m = { abi_msginfo(label, 0, cap != 0, length), { 0 }, 0 };
	for (unsigned int i = 0; i < length; i++)
		if (i < ABI_MSG_REGS)
			m.mr[i] = words[i];
		else
			sel4_set_word(i, words[i]);
	if (cap)
		sel4_set_cap(0, cptr_of(kernel, cap));
	sel4_nb_send(cptr_of(kernel, reply), m);
}

/* -- the machine ------------------------------------------------------------------------------- */

static enum abi_error op_ports_issue(void *kernel, slot_t dest, uint16_t first, uint16_t last)
{
	const struct kernel *k = kernel;
	/* rm's own log goes there, too. */
	if (first == CONSOLE_PORT_FIRST && last == CONSOLE_PORT_LAST)
		return sel4_cnode_copy(slot_at(k, dest),
		                       slot_at(k, SLOT_OF_ROOT | k->console_ports >> ROOT_SHIFT),
		                       RIGHTS_ALL);
	return sel4_x86_io_port_control_issue(k->port_control, first, last, slot_at(k, dest));
}

static enum abi_error op_irq_issue(void *kernel, slot_t dest, uint8_t ioapic, uint8_t pin,
                                   bool level, bool low, uint8_t vector)
{
	const struct kernel *k = kernel;
	return sel4_x86_irq_get_ioapic(k->irq_control, slot_at(k, dest), ioapic, pin, level, low,
	                               vector);
}

static void op_log(void *, const char *text)
{
	console_print("%s\n", text);
}

static void op_trace(void *kernel, const char *line)
{
	const struct kernel *k = kernel;
	word_t there = 0;
	(void)sel4_x86_io_port_in8(k->exit_ports, TRACE_PORT, &there);
	if (there != TRACE_PORT)
		console_print("%s\n", line);
	for (bool more = there == TRACE_PORT; more; more = *line++ != 0)
		(void)sel4_x86_io_port_out8(k->exit_ports, TRACE_PORT,
		                            *line ? (unsigned char)*line : '\n');
}

uint64_t kernel_time_ns(void *kernel)
{
	const struct kernel *k = kernel;
	return (uint64_t)((unsigned __int128)rt_tsc() * k->tick_scale >> 32);
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
	.reframe = op_reframe,
	.cancel_sends = op_cancel_sends,
	.give = op_give,
	.adopt = op_adopt,
	.vspace_init = op_vspace_init,
	.asid_pool_add = op_asid_pool_add,
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
	.thread_lend = op_thread_lend,
	.context_take = op_context_take,
	.context_give = op_context_give,
	.thread_suspend = op_thread_suspend,
	.thread_resume = op_thread_resume,
	.thread_bind = op_thread_bind,
	.signal = op_signal,
	.answer = op_answer,
	.ports_issue = op_ports_issue,
	.irq_issue = op_irq_issue,
	.log = op_log,
	.trace = op_trace,
	.time_ns = kernel_time_ns,
	.off = op_off,
};
