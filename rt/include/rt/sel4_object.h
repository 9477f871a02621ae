/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Invocations of the kernel objects that every architecture has: one function for each, in the
 * order of abi/invocation.def. Each returns the error of the reply; its words are then in the
 * IPC buffer (sel4_get_word). Results come through pointers, written on success only.
 */
#pragma once
#include <rt/sel4.h>

/* Untyped */

/* Makes count objects in the slots from node_offset on of the CNode at (root, index, depth). */
[[nodiscard]] static inline enum abi_error sel4_untyped_retype(cptr_t untyped, word_t type,
                                                               word_t size_bits,
                                                               struct sel4_slot node,
                                                               word_t node_offset, word_t count)
{
	sel4_set_cap(0, node.root);
	sel4_set_word(4, node_offset);
	sel4_set_word(5, count);
	return sel4_msg_error(sel4_invoke(untyped, INV_UNTYPED_RETYPE, 1, 6, type, size_bits,
	                                  node.index, node.depth));
}

/* TCB */

enum { SEL4_READ_SUSPEND = 1, SEL4_WRITE_RESUME = 1 };
enum sel4_copy_flags {
	SEL4_COPY_SUSPEND_SOURCE = 1,
	SEL4_COPY_RESUME_TARGET = 2,
	SEL4_COPY_FRAME = 4,
	SEL4_COPY_INTEGER = 8,
};

/* Reads the first count words of the thread's context. */
[[nodiscard]] static inline enum abi_error sel4_tcb_read_registers(cptr_t tcb, word_t flags,
                                                                   word_t count,
                                                                   struct abi_user_context *context)
{
	struct sel4_msg m = sel4_invoke(tcb, INV_TCB_READ_REGISTERS, 0, 2, flags, count, 0, 0);
	enum abi_error err = sel4_msg_error(m);
	if (err)
		return err;
	word_t *words = (word_t *)context;
	for (word_t i = 0; i < count && i < abi_msginfo_length(m.info); i++)
		words[i] = i < ABI_MSG_REGS ? m.mr[i] : sel4_get_word((unsigned int)i);
	return ERR_NONE;
}

/* Writes the first count words of the thread's context. */
[[nodiscard]] static inline enum abi_error sel4_tcb_write_registers(
        cptr_t tcb, word_t flags, word_t count, const struct abi_user_context *context)
{
	const word_t *words = (const word_t *)context;
	for (word_t i = 2; i < count && i < ABI_CONTEXT_WORDS; i++)
		sel4_set_word((unsigned int)i + 2, words[i]);
	return sel4_msg_error(sel4_invoke(tcb, INV_TCB_WRITE_REGISTERS, 0, 2 + count, flags, count,
	                                  words[0], words[1]));
}

[[nodiscard]] static inline enum abi_error sel4_tcb_copy_registers(cptr_t tcb, cptr_t source,
                                                                   word_t flags)
{
	sel4_set_cap(0, source);
	return sel4_msg_error(sel4_invoke(tcb, INV_TCB_COPY_REGISTERS, 1, 1, flags, 0, 0, 0));
}

[[nodiscard]] static inline enum abi_error sel4_tcb_configure(cptr_t tcb, cptr_t cspace,
                                                              word_t cspace_data, cptr_t vspace,
                                                              word_t vspace_data,
                                                              word_t buffer_vaddr,
                                                              cptr_t buffer_frame)
{
	sel4_set_cap(0, cspace);
	sel4_set_cap(1, vspace);
	sel4_set_cap(2, buffer_frame);
	return sel4_msg_error(sel4_invoke(tcb, INV_TCB_CONFIGURE, 3, 3, cspace_data, vspace_data,
	                                  buffer_vaddr, 0));
}

[[nodiscard]] static inline enum abi_error sel4_tcb_set_priority(cptr_t tcb, cptr_t authority,
                                                                 word_t priority)
{
	sel4_set_cap(0, authority);
	return sel4_msg_error(sel4_invoke(tcb, INV_TCB_SET_PRIORITY, 1, 1, priority, 0, 0, 0));
}

[[nodiscard]] static inline enum abi_error sel4_tcb_set_mc_priority(cptr_t tcb, cptr_t authority,
                                                                    word_t mcp)
{
	sel4_set_cap(0, authority);
	return sel4_msg_error(sel4_invoke(tcb, INV_TCB_SET_MC_PRIORITY, 1, 1, mcp, 0, 0, 0));
}

[[nodiscard]] static inline enum abi_error sel4_tcb_set_sched_params(cptr_t tcb, cptr_t authority,
                                                                     word_t mcp, word_t priority,
                                                                     cptr_t sched_context,
                                                                     cptr_t fault_ep)
{
	sel4_set_cap(0, authority);
	sel4_set_cap(1, sched_context);
	sel4_set_cap(2, fault_ep);
	return sel4_msg_error(
	        sel4_invoke(tcb, INV_TCB_SET_SCHED_PARAMS, 3, 2, mcp, priority, 0, 0));
}

[[nodiscard]] static inline enum abi_error sel4_tcb_set_timeout_endpoint(cptr_t tcb,
                                                                         cptr_t timeout_ep)
{
	sel4_set_cap(0, timeout_ep);
	return sel4_msg_error(sel4_invoke(tcb, INV_TCB_SET_TIMEOUT_ENDPOINT, 1, 0, 0, 0, 0, 0));
}

[[nodiscard]] static inline enum abi_error sel4_tcb_set_ipc_buffer(cptr_t tcb, word_t vaddr,
                                                                   cptr_t frame)
{
	sel4_set_cap(0, frame);
	return sel4_msg_error(sel4_invoke(tcb, INV_TCB_SET_IPC_BUFFER, 1, 1, vaddr, 0, 0, 0));
}

[[nodiscard]] static inline enum abi_error sel4_tcb_set_space(cptr_t tcb, cptr_t fault_ep,
                                                              cptr_t cspace, word_t cspace_data,
                                                              cptr_t vspace, word_t vspace_data)
{
	sel4_set_cap(0, fault_ep);
	sel4_set_cap(1, cspace);
	sel4_set_cap(2, vspace);
	return sel4_msg_error(
	        sel4_invoke(tcb, INV_TCB_SET_SPACE, 3, 2, cspace_data, vspace_data, 0, 0));
}

[[nodiscard]] static inline enum abi_error sel4_tcb_suspend(cptr_t tcb)
{
	return sel4_msg_error(sel4_invoke(tcb, INV_TCB_SUSPEND, 0, 0, 0, 0, 0, 0));
}

[[nodiscard]] static inline enum abi_error sel4_tcb_resume(cptr_t tcb)
{
	return sel4_msg_error(sel4_invoke(tcb, INV_TCB_RESUME, 0, 0, 0, 0, 0, 0));
}

[[nodiscard]] static inline enum abi_error sel4_tcb_bind_notification(cptr_t tcb,
                                                                      cptr_t notification)
{
	sel4_set_cap(0, notification);
	return sel4_msg_error(sel4_invoke(tcb, INV_TCB_BIND_NOTIFICATION, 1, 0, 0, 0, 0, 0));
}

[[nodiscard]] static inline enum abi_error sel4_tcb_unbind_notification(cptr_t tcb)
{
	return sel4_msg_error(sel4_invoke(tcb, INV_TCB_UNBIND_NOTIFICATION, 0, 0, 0, 0, 0, 0));
}

[[nodiscard]] static inline enum abi_error sel4_tcb_set_tls_base(cptr_t tcb, word_t fs_base)
{
	return sel4_msg_error(sel4_invoke(tcb, INV_TCB_SET_TLS_BASE, 0, 1, fs_base, 0, 0, 0));
}

[[nodiscard]] static inline enum abi_error sel4_tcb_set_flags(cptr_t tcb, word_t clear, word_t set,
                                                              word_t *flags)
{
	struct sel4_msg m = sel4_invoke(tcb, INV_TCB_SET_FLAGS, 0, 2, clear, set, 0, 0);
	enum abi_error err = sel4_msg_error(m);
	if (!err)
		*flags = m.mr[0];
	return err;
}

/* CNode: the object invoked is the root of the destination (or only) slot. */

[[nodiscard]] static inline enum abi_error sel4_cnode_revoke(struct sel4_slot slot)
{
	return sel4_msg_error(
	        sel4_invoke(slot.root, INV_CNODE_REVOKE, 0, 2, slot.index, slot.depth, 0, 0));
}

[[nodiscard]] static inline enum abi_error sel4_cnode_delete(struct sel4_slot slot)
{
	return sel4_msg_error(
	        sel4_invoke(slot.root, INV_CNODE_DELETE, 0, 2, slot.index, slot.depth, 0, 0));
}

[[nodiscard]] static inline enum abi_error sel4_cnode_cancel_badged_sends(struct sel4_slot slot)
{
	return sel4_msg_error(sel4_invoke(slot.root, INV_CNODE_CANCEL_BADGED_SENDS, 0, 2,
	                                  slot.index, slot.depth, 0, 0));
}

[[nodiscard]] static inline enum abi_error sel4_cnode_copy(struct sel4_slot dest,
                                                           struct sel4_slot src, word_t rights)
{
	sel4_set_cap(0, src.root);
	sel4_set_word(4, rights);
	return sel4_msg_error(sel4_invoke(dest.root, INV_CNODE_COPY, 1, 5, dest.index, dest.depth,
	                                  src.index, src.depth));
}

/* badge: of an endpoint or notification; for a CNode its guard (abi_cnode_guard). */
[[nodiscard]] static inline enum abi_error sel4_cnode_mint(struct sel4_slot dest,
                                                           struct sel4_slot src, word_t rights,
                                                           word_t badge)
{
	sel4_set_cap(0, src.root);
	sel4_set_word(4, rights);
	sel4_set_word(5, badge);
	return sel4_msg_error(sel4_invoke(dest.root, INV_CNODE_MINT, 1, 6, dest.index, dest.depth,
	                                  src.index, src.depth));
}

[[nodiscard]] static inline enum abi_error sel4_cnode_move(struct sel4_slot dest,
                                                           struct sel4_slot src)
{
	sel4_set_cap(0, src.root);
	return sel4_msg_error(sel4_invoke(dest.root, INV_CNODE_MOVE, 1, 4, dest.index, dest.depth,
	                                  src.index, src.depth));
}

[[nodiscard]] static inline enum abi_error sel4_cnode_mutate(struct sel4_slot dest,
                                                             struct sel4_slot src, word_t guard)
{
	sel4_set_cap(0, src.root);
	sel4_set_word(4, guard);
	return sel4_msg_error(sel4_invoke(dest.root, INV_CNODE_MUTATE, 1, 5, dest.index, dest.depth,
	                                  src.index, src.depth));
}

/* Moves pivot to dest, and src to pivot; the words are new guards of CNode capabilities. */
[[nodiscard]] static inline enum abi_error sel4_cnode_rotate(struct sel4_slot dest,
                                                             word_t pivot_data,
                                                             struct sel4_slot pivot,
                                                             word_t src_data, struct sel4_slot src)
{
	sel4_set_cap(0, pivot.root);
	sel4_set_cap(1, src.root);
	sel4_set_word(4, pivot.depth);
	sel4_set_word(5, src_data);
	sel4_set_word(6, src.index);
	sel4_set_word(7, src.depth);
	return sel4_msg_error(sel4_invoke(dest.root, INV_CNODE_ROTATE, 2, 8, dest.index, dest.depth,
	                                  pivot_data, pivot.index));
}

/* Interrupts */

/* For interrupt controllers without an IOAPIC: always refused here. */
[[nodiscard]] static inline enum abi_error sel4_irq_control_get(cptr_t control, word_t irq,
                                                                struct sel4_slot dest)
{
	sel4_set_cap(0, dest.root);
	return sel4_msg_error(
	        sel4_invoke(control, INV_IRQ_CONTROL_GET, 1, 3, irq, dest.index, dest.depth, 0));
}

[[nodiscard]] static inline enum abi_error sel4_irq_handler_ack(cptr_t handler)
{
	return sel4_msg_error(sel4_invoke(handler, INV_IRQ_HANDLER_ACK, 0, 0, 0, 0, 0, 0));
}

[[nodiscard]] static inline enum abi_error sel4_irq_handler_set_notification(cptr_t handler,
                                                                             cptr_t notification)
{
	sel4_set_cap(0, notification);
	return sel4_msg_error(
	        sel4_invoke(handler, INV_IRQ_HANDLER_SET_NOTIFICATION, 1, 0, 0, 0, 0, 0));
}

[[nodiscard]] static inline enum abi_error sel4_irq_handler_clear(cptr_t handler)
{
	return sel4_msg_error(sel4_invoke(handler, INV_IRQ_HANDLER_CLEAR, 0, 0, 0, 0, 0, 0));
}

/* Domains */

[[nodiscard]] static inline enum abi_error sel4_domain_set_set(cptr_t domain_set, word_t domain,
                                                               cptr_t tcb)
{
	sel4_set_cap(0, tcb);
	return sel4_msg_error(sel4_invoke(domain_set, INV_DOMAIN_SET_SET, 1, 1, domain, 0, 0, 0));
}

[[nodiscard]] static inline enum abi_error sel4_domain_set_schedule_configure(cptr_t domain_set,
                                                                              word_t index,
                                                                              word_t domain,
                                                                              word_t duration)
{
	return sel4_msg_error(sel4_invoke(domain_set, INV_DOMAIN_SET_SCHEDULE_CONFIGURE, 0, 3,
	                                  index, domain, duration, 0));
}

[[nodiscard]] static inline enum abi_error sel4_domain_set_schedule_set_start(cptr_t domain_set,
                                                                              word_t index)
{
	return sel4_msg_error(
	        sel4_invoke(domain_set, INV_DOMAIN_SET_SCHEDULE_SET_START, 0, 1, index, 0, 0, 0));
}

/* Scheduling contexts */

/* Times in microseconds; badge is the first word of the context's timeout faults. */
[[nodiscard]] static inline enum abi_error sel4_sched_control_configure_flags(
        cptr_t control, cptr_t sched_context, word_t budget_us, word_t period_us,
        word_t extra_refills, word_t badge, word_t flags)
{
	sel4_set_cap(0, sched_context);
	sel4_set_word(4, flags);
	return sel4_msg_error(sel4_invoke(control, INV_SCHED_CONTROL_CONFIGURE_FLAGS, 1, 5,
	                                  budget_us, period_us, extra_refills, badge));
}

/* object: a TCB or a notification. */
[[nodiscard]] static inline enum abi_error sel4_sched_context_bind(cptr_t sched_context,
                                                                   cptr_t object)
{
	sel4_set_cap(0, object);
	return sel4_msg_error(sel4_invoke(sched_context, INV_SCHED_CONTEXT_BIND, 1, 0, 0, 0, 0, 0));
}

[[nodiscard]] static inline enum abi_error sel4_sched_context_unbind(cptr_t sched_context)
{
	return sel4_msg_error(
	        sel4_invoke(sched_context, INV_SCHED_CONTEXT_UNBIND, 0, 0, 0, 0, 0, 0));
}

[[nodiscard]] static inline enum abi_error sel4_sched_context_unbind_object(cptr_t sched_context,
                                                                            cptr_t object)
{
	sel4_set_cap(0, object);
	return sel4_msg_error(
	        sel4_invoke(sched_context, INV_SCHED_CONTEXT_UNBIND_OBJECT, 1, 0, 0, 0, 0, 0));
}

[[nodiscard]] static inline enum abi_error sel4_sched_context_consumed(cptr_t sched_context,
                                                                       word_t *consumed_us)
{
	struct sel4_msg m =
	        sel4_invoke(sched_context, INV_SCHED_CONTEXT_CONSUMED, 0, 0, 0, 0, 0, 0);
	enum abi_error err = sel4_msg_error(m);
	if (!err)
		*consumed_us = m.mr[0];
	return err;
}

[[nodiscard]] static inline enum abi_error sel4_sched_context_yield_to(cptr_t sched_context,
                                                                       word_t *consumed_us)
{
	struct sel4_msg m =
	        sel4_invoke(sched_context, INV_SCHED_CONTEXT_YIELD_TO, 0, 0, 0, 0, 0, 0);
	enum abi_error err = sel4_msg_error(m);
	if (!err)
		*consumed_us = m.mr[0];
	return err;
}
