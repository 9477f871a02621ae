/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Threads as objects (seL4 manual, section 6.1 and 10.3.9): the TCB's invocations and its life.
 *
 * A TCB contains five slots: capability space, address space, IPC buffer, fault endpoint, timeout
 * endpoint. The address of the IPC buffer in the kernel's window is kept beside its slot
 * (tcb.buffer) so that messages need not look at the capability; tcb_update_buffer keeps the two
 * together, and tcb_buffer_gone tells when the slot is emptied (its copy of the capability is
 * marked for that).
 */
#include "arch.h"
#include "cspace.h"

void tcb_init(struct tcb *thread)
{
	context_init(&thread->ctx);
	fpu_init(&thread->fpu);
}

/* ---- Life ---- */

void tcb_suspend(struct tcb *thread)
{
	ipc_cancel(thread);
	thread->cancel_until = 0;
	if (thread->state == THREAD_RUNNING) /* where it goes on is where it would restart */
		thread->ctx.fault_ip = thread->ctx.rip;
	sched_dequeue(thread);
	sc_cancel_yield(thread);
	thread_set_state(thread, THREAD_INACTIVE);
}

void tcb_restart(struct tcb *thread)
{
	if (thread_is_runnable(thread) || thread->state == THREAD_IDLE)
		return;
	ipc_cancel(thread);
	thread_set_state(thread, THREAD_RESTART);
	sc_unblocked(thread->sc);
	sched_consider(thread);
}

void tcb_finalise(struct tcb *thread)
{
	ntfn_unbind(thread->bound_ntfn);
	if (thread->sc) {
		struct sched_context *sc = thread->sc;
		sc_unbind_tcb(sc);
		if (sc->yield_from)
			sc_complete_yield(sc->yield_from);
	}
	tcb_suspend(thread);
	fpu_release(thread);
	thread->buffer = NULL;
}

/* ---- Registers ---- */

static const uint8_t context_order[ABI_CONTEXT_WORDS] = {
	offsetof(struct context, fault_ip), offsetof(struct context, rsp),
	offsetof(struct context, rflags),   offsetof(struct context, rax),
	offsetof(struct context, rbx),      offsetof(struct context, rcx),
	offsetof(struct context, rdx),      offsetof(struct context, rsi),
	offsetof(struct context, rdi),      offsetof(struct context, rbp),
	offsetof(struct context, r8),       offsetof(struct context, r9),
	offsetof(struct context, r10),      offsetof(struct context, r11),
	offsetof(struct context, r12),      offsetof(struct context, r13),
	offsetof(struct context, r14),      offsetof(struct context, r15),
	offsetof(struct context, fs_base),  offsetof(struct context, gs_base),
};

word_t *tcb_context_word(struct tcb *thread, unsigned i)
{
	return (word_t *)((char *)&thread->ctx + context_order[i]);
}

void tcb_set_context_word(struct tcb *thread, unsigned i, word_t value)
{
	*tcb_context_word(thread, i) = context_sanitise(context_order[i], value);
}

static enum outcome decode_read_registers(struct invocation *inv)
{
	struct tcb *thread = cap_tcb(inv->cap);
	if (inv->length < 2)
		return fail(ERR_TRUNCATED_MESSAGE);
	word_t flags = inv_arg(inv, 0), count = inv_arg(inv, 1);
	if (count < 1 || count > ABI_CONTEXT_WORDS)
		return fail_range(1, ABI_CONTEXT_WORDS);
	if (thread == current)
		return fail(ERR_ILLEGAL_OPERATION);
	if (flags & 1)
		tcb_suspend(thread);
	for (unsigned i = 0; i < count; i++)
		inv_result(inv, i, *tcb_context_word(thread, i));
	return DONE;
}

static enum outcome decode_write_registers(struct invocation *inv)
{
	struct tcb *thread = cap_tcb(inv->cap);
	if (inv->length < 2)
		return fail(ERR_TRUNCATED_MESSAGE);
	word_t flags = inv_arg(inv, 0), count = inv_arg(inv, 1);
	if (inv->length - 2 < count)
		return fail(ERR_TRUNCATED_MESSAGE);
	if (thread == current)
		return fail(ERR_ILLEGAL_OPERATION);
	if (count > ABI_CONTEXT_WORDS)
		count = ABI_CONTEXT_WORDS;
	for (unsigned i = 0; i < count; i++)
		tcb_set_context_word(thread, i, inv_arg(inv, i + 2));
	thread->ctx.rip = thread->ctx.fault_ip;
	thread->cancel_until = 0;
	if (flags & 1)
		tcb_restart(thread);
	return DONE;
}

static enum outcome decode_copy_registers(struct invocation *inv)
{
	enum { SUSPEND_SOURCE = 1, RESUME_TARGET = 2, FRAME = 4, INTEGER = 8 };
	struct tcb *dest = cap_tcb(inv->cap);
	if (inv->length < 1 || !inv->extra[0])
		return fail(ERR_TRUNCATED_MESSAGE);
	word_t flags = inv_arg(inv, 0);
	if (cap_type(inv->extra[0]->cap) != CAP_TCB)
		return fail_word(ERR_INVALID_CAPABILITY, 1);
	struct tcb *source = cap_tcb(inv->extra[0]->cap);
	context_sync(current);
	if (flags & SUSPEND_SOURCE)
		tcb_suspend(source);
	if (flags & RESUME_TARGET)
		tcb_restart(dest);
	if (flags & FRAME) {
		for (unsigned i = 0; i < ABI_CONTEXT_FRAME_WORDS; i++)
			*tcb_context_word(dest, i) = *tcb_context_word(source, i);
		dest->ctx.rip = dest->ctx.fault_ip;
		dest->cancel_until = 0;
	}
	if (flags & INTEGER) {
		for (unsigned i = ABI_CONTEXT_FRAME_WORDS; i < ABI_CONTEXT_WORDS; i++)
			*tcb_context_word(dest, i) = *tcb_context_word(source, i);
	}
	if (dest == current)
		context_load(current);
	return DONE;
}

/* ---- Spaces ---- */

void tcb_update_buffer(struct tcb *thread)
{
	struct cap cap = thread->slots[TCB_BUFFER].cap;
	thread->buffer = NULL;
	if (cap_type(cap) != CAP_FRAME || cap_aux(cap) & FRAME_DEVICE ||
	    !(cap_aux(cap) & FRAME_USER))
		return;
	thread->buffer =
	        (void *)((char *)cap_ptr(cap) + (thread->buffer_vaddr & MASK(cap_frame_bits(cap))));
	thread->buffer_writable = cap_aux(cap) & FRAME_WRITE;
}

void tcb_buffer_gone(struct slot *slot)
{
	struct tcb *thread = (struct tcb *)ALIGN_DOWN((uint64_t)slot, OBJ_BITS_TCB);
	thread->buffer = NULL;
}

bool cap_is_fault_handler(struct cap cap)
{
	if (cap_type(cap) == CAP_NULL)
		return true;
	return cap_type(cap) == CAP_ENDPOINT && cap_may(cap, RIGHT_WRITE) &&
	       (cap_may(cap, RIGHT_GRANT) || cap_may(cap, RIGHT_GRANT_REPLY));
}

/*
 * Replaces a slot of the TCB by a copy of `source`. Deleting what was there may delete the source
 * or the TCB capability that was invoked; then nothing is put in its place.
 */
static enum outcome install(struct invocation *inv, enum tcb_slot index, struct cap cap,
                            struct slot *source)
{
	struct tcb *thread = cap_tcb(inv->cap);
	struct slot *slot = &thread->slots[index];
	enum outcome outcome = slot_delete(slot);
	if (outcome != DONE)
		return outcome;
	if (cap_type(cap) != CAP_NULL && cap_same_object(cap, source->cap) &&
	    cap_same_object(inv->cap, inv->slot->cap))
		cdt_insert(slot, cap, source);
	return DONE;
}

static enum outcome install_buffer(struct invocation *inv, vaddr_t vaddr, struct cap cap,
                                   struct slot *source)
{
	struct tcb *thread = cap_tcb(inv->cap);
	struct slot *slot = &thread->slots[TCB_BUFFER];
	enum outcome outcome = slot_delete(slot);
	if (outcome != DONE)
		return outcome;
	thread->buffer_vaddr = vaddr;
	cap.w0 |= (uint64_t)FRAME_IPC_BUFFER << CAP_AUX_SHIFT;
	if (vaddr && cap_same_object(cap, source->cap) && cap_same_object(inv->cap, inv->slot->cap))
		cdt_insert(slot, cap, source);
	tcb_update_buffer(thread);
	return DONE;
}

static enum outcome check_buffer(struct slot *source, vaddr_t vaddr, struct cap *copy)
{
	if (vaddr == 0)
		return DONE;
	if (cap_derive(source, source->cap, copy) != DONE)
		return FAILED;
	if (cap_type(*copy) != CAP_FRAME || cap_aux(*copy) & FRAME_DEVICE)
		return fail(ERR_ILLEGAL_OPERATION);
	if (vaddr & MASK(ABI_IPC_BUFFER_BITS))
		return fail(ERR_ALIGNMENT);
	return DONE;
}

/* A root capability for `space`, changed by its data word, of the right type. */
static enum outcome check_root(struct slot *source, word_t data, enum cap_type type,
                               struct cap *copy)
{
	struct cap cap = source->cap;
	if (data != 0)
		cap = cap_with_data(cap, data, false);
	if (cap_derive(source, cap, copy) != DONE)
		return FAILED;
	if (cap_type(*copy) != type)
		return fail(ERR_ILLEGAL_OPERATION);
	return DONE;
}

static enum outcome check_spaces(struct invocation *inv, struct slot *cspace, word_t cspace_data,
                                 struct slot *vspace, word_t vspace_data, struct cap copies[2])
{
	struct tcb *thread = cap_tcb(inv->cap);
	if (slot_delete_is_long(&thread->slots[TCB_CSPACE]) ||
	    slot_delete_is_long(&thread->slots[TCB_VSPACE]))
		return fail(ERR_ILLEGAL_OPERATION);
	if (check_root(cspace, cspace_data, CAP_CNODE, &copies[0]) != DONE)
		return FAILED;
	return check_root(vspace, vspace_data, CAP_PML4, &copies[1]);
}

static enum outcome install_spaces(struct invocation *inv, struct cap copies[2],
                                   struct slot *cspace, struct slot *vspace)
{
	struct tcb *thread = cap_tcb(inv->cap);
	enum outcome outcome = install(inv, TCB_CSPACE, copies[0], cspace);
	thread->flags &= (uint8_t)~TCB_DEEP_CSPACE;
	if (!cspace_is_whole(copies[0]))
		thread->flags |= TCB_DEEP_CSPACE;
	if (outcome == DONE)
		outcome = install(inv, TCB_VSPACE, copies[1], vspace);
	if (cap_tcb(inv->cap) == current)
		vspace_activate(current);
	return outcome;
}

static enum outcome decode_configure(struct invocation *inv)
{
	struct cap buffer = cap_null(), spaces[2];
	struct slot *const *extra = inv->extra;
	if (inv->length < 3 || !extra[0] || !extra[1] || !extra[2])
		return fail(ERR_TRUNCATED_MESSAGE);
	vaddr_t vaddr = inv_arg(inv, 2);
	if (check_buffer(extra[2], vaddr, &buffer) != DONE)
		return FAILED;
	if (check_spaces(inv, extra[0], inv_arg(inv, 0), extra[1], inv_arg(inv, 1), spaces) != DONE)
		return FAILED;
	enum outcome outcome = install_spaces(inv, spaces, extra[0], extra[1]);
	if (outcome == DONE)
		outcome = install_buffer(inv, vaddr, buffer, extra[2]);
	return outcome;
}

static enum outcome decode_set_space(struct invocation *inv)
{
	struct cap spaces[2];
	struct slot *const *extra = inv->extra;
	if (inv->length < 2 || !extra[0] || !extra[1] || !extra[2])
		return fail(ERR_TRUNCATED_MESSAGE);
	if (check_spaces(inv, extra[1], inv_arg(inv, 0), extra[2], inv_arg(inv, 1), spaces) != DONE)
		return FAILED;
	if (!cap_is_fault_handler(extra[0]->cap))
		return fail_word(ERR_INVALID_CAPABILITY, 1);
	enum outcome outcome = install(inv, TCB_FAULT_EP, extra[0]->cap, extra[0]);
	if (outcome == DONE)
		outcome = install_spaces(inv, spaces, extra[1], extra[2]);
	return outcome;
}

static enum outcome decode_set_ipc_buffer(struct invocation *inv)
{
	struct cap copy = cap_null();
	if (inv->length < 1 || !inv->extra[0])
		return fail(ERR_TRUNCATED_MESSAGE);
	vaddr_t vaddr = inv_arg(inv, 0);
	if (check_buffer(inv->extra[0], vaddr, &copy) != DONE)
		return FAILED;
	return install_buffer(inv, vaddr, copy, inv->extra[0]);
}

static enum outcome decode_set_timeout_endpoint(struct invocation *inv)
{
	if (!inv->extra[0])
		return fail(ERR_TRUNCATED_MESSAGE);
	if (!cap_is_fault_handler(inv->extra[0]->cap))
		return fail_word(ERR_INVALID_CAPABILITY, 1);
	return install(inv, TCB_TIMEOUT_EP, inv->extra[0]->cap, inv->extra[0]);
}

/* ---- Scheduling ---- */

static enum outcome check_authority(struct slot *slot, word_t priority)
{
	unsigned mcp = cap_tcb(slot->cap)->mcp;
	return priority > mcp ? fail_range(0, mcp) : DONE;
}

static enum outcome decode_set_priority(struct invocation *inv, bool mcp)
{
	struct tcb *thread = cap_tcb(inv->cap);
	if (inv->length < 1 || !inv->extra[0])
		return fail(ERR_TRUNCATED_MESSAGE);
	if (cap_type(inv->extra[0]->cap) != CAP_TCB)
		return fail_word(ERR_INVALID_CAPABILITY, 1);
	word_t priority = inv_arg(inv, 0);
	if (check_authority(inv->extra[0], priority) != DONE)
		return FAILED;
	if (mcp)
		thread->mcp = priority;
	else
		sched_set_priority(thread, priority);
	return DONE;
}

static enum outcome check_sched_context(struct tcb *thread, struct cap cap)
{
	switch (cap_type(cap)) {
	case CAP_SCHED_CONTEXT: {
		struct sched_context *sc = cap_sc(cap);
		if (thread->sc != sc && (thread->sc || sc->tcb))
			return fail(ERR_ILLEGAL_OPERATION);
		if (thread_is_blocked(thread) && !(sc_active(sc) && refill_ready(sc)))
			return fail(ERR_ILLEGAL_OPERATION);
		return DONE;
	}
	case CAP_NULL:
		return thread == current ? fail(ERR_ILLEGAL_OPERATION) : DONE;
	default:
		return fail_word(ERR_INVALID_CAPABILITY, 2);
	}
}

static enum outcome decode_set_sched_params(struct invocation *inv)
{
	struct tcb *thread = cap_tcb(inv->cap);
	struct slot *const *extra = inv->extra;
	if (inv->length < 2 || !extra[0] || !extra[1] || !extra[2])
		return fail(ERR_TRUNCATED_MESSAGE);
	word_t mcp = inv_arg(inv, 0), priority = inv_arg(inv, 1);
	if (cap_type(extra[0]->cap) != CAP_TCB)
		return fail_word(ERR_INVALID_CAPABILITY, 1);
	if (check_authority(extra[0], mcp) != DONE || check_authority(extra[0], priority) != DONE)
		return FAILED;
	struct cap sc_cap = extra[1]->cap;
	if (check_sched_context(thread, sc_cap) != DONE)
		return FAILED;
	if (!cap_is_fault_handler(extra[2]->cap))
		return fail_word(ERR_INVALID_CAPABILITY, 3);

	struct sched_context *sc = cap_type(sc_cap) == CAP_NULL ? NULL : cap_sc(sc_cap);
	enum outcome outcome = install(inv, TCB_FAULT_EP, extra[2]->cap, extra[2]);
	if (outcome != DONE)
		return outcome;
	thread->mcp = mcp;
	sched_set_priority(thread, priority);
	if (sc && sc != thread->sc)
		sc_bind_tcb(sc, thread);
	else if (!sc && thread->sc)
		sc_unbind_tcb(thread->sc);
	return DONE;
}

/* ---- The rest ---- */

static enum outcome decode_bind_notification(struct invocation *inv)
{
	struct tcb *thread = cap_tcb(inv->cap);
	if (!inv->extra[0])
		return fail(ERR_TRUNCATED_MESSAGE);
	struct cap cap = inv->extra[0]->cap;
	if (thread->bound_ntfn || cap_type(cap) != CAP_NOTIFICATION || !cap_may(cap, RIGHT_READ))
		return fail(ERR_ILLEGAL_OPERATION);
	struct notification *ntfn = cap_notification(cap);
	if (ntfn->queue.head || ntfn->bound_tcb)
		return fail(ERR_ILLEGAL_OPERATION);
	ntfn_bind(ntfn, thread);
	return DONE;
}

static enum outcome decode_unbind_notification(struct invocation *inv)
{
	struct tcb *thread = cap_tcb(inv->cap);
	if (!thread->bound_ntfn)
		return fail(ERR_ILLEGAL_OPERATION);
	ntfn_unbind(thread->bound_ntfn);
	return DONE;
}

static enum outcome decode_set_tls_base(struct invocation *inv)
{
	struct tcb *thread = cap_tcb(inv->cap);
	if (inv->length < 1)
		return fail(ERR_TRUNCATED_MESSAGE);
	context_sync(current);
	thread->ctx.fs_base = context_sanitise(offsetof(struct context, fs_base), inv_arg(inv, 0));
	if (thread == current)
		context_load(current);
	return DONE;
}

static enum outcome decode_set_flags(struct invocation *inv)
{
	enum { KNOWN = TCB_FLAG_FPU_DISABLED | TCB_FLAG_SYSCALLS_FAULT };
	struct tcb *thread = cap_tcb(inv->cap);
	if (inv->length < 2)
		return fail(ERR_TRUNCATED_MESSAGE);
	thread->flags = (thread->flags & ~(inv_arg(inv, 0) & KNOWN)) | (inv_arg(inv, 1) & KNOWN);
	if (thread->flags & TCB_FLAG_FPU_DISABLED)
		fpu_release(thread);
	if (thread == current)
		fpu_switch_mode(current);
	inv_result(inv, 0, thread->flags & KNOWN);
	return DONE;
}

enum outcome decode_tcb(struct invocation *inv)
{
	switch (inv->label) {
	case INV_TCB_READ_REGISTERS:
		return decode_read_registers(inv);
	case INV_TCB_WRITE_REGISTERS:
		return decode_write_registers(inv);
	case INV_TCB_COPY_REGISTERS:
		return decode_copy_registers(inv);
	case INV_TCB_CONFIGURE:
		return decode_configure(inv);
	case INV_TCB_SET_PRIORITY:
		return decode_set_priority(inv, false);
	case INV_TCB_SET_MC_PRIORITY:
		return decode_set_priority(inv, true);
	case INV_TCB_SET_SCHED_PARAMS:
		return decode_set_sched_params(inv);
	case INV_TCB_SET_TIMEOUT_ENDPOINT:
		return decode_set_timeout_endpoint(inv);
	case INV_TCB_SET_IPC_BUFFER:
		return decode_set_ipc_buffer(inv);
	case INV_TCB_SET_SPACE:
		return decode_set_space(inv);
	case INV_TCB_SUSPEND:
		tcb_suspend(cap_tcb(inv->cap));
		return DONE;
	case INV_TCB_RESUME:
		tcb_restart(cap_tcb(inv->cap));
		return DONE;
	case INV_TCB_BIND_NOTIFICATION:
		return decode_bind_notification(inv);
	case INV_TCB_UNBIND_NOTIFICATION:
		return decode_unbind_notification(inv);
	case INV_TCB_SET_TLS_BASE:
		return decode_set_tls_base(inv);
	case INV_TCB_SET_FLAGS:
		return decode_set_flags(inv);
	default:
		return fail(ERR_ILLEGAL_OPERATION);
	}
}
