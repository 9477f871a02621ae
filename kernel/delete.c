/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Deleting and revoking capabilities (seL4 manual, sections 3.1.4 and 3.1.5).
 *
 * When the last capability to an object goes, the object is finalised. CNodes and TCBs contain
 * slots, each maybe the last capability to another CNode, and so on without bound and in cycles. So
 * they die in steps, between which interrupts are served:
 *
 *   exposed zombie  The slot whose deletion was asked for keeps a zombie capability in place of the
 *                   dying object's until all the object's slots are empty. It keeps the memory in
 *                   use (it is a descendant of its untyped), and nobody can use or copy it.
 *   buried zombie   A dying object found inside another dying one is buried: its zombie moves into
 *                   its own slot 0, whose former content takes the place of the capability that was
 *                   found (both slots are in dead objects: nobody can see them) and is deleted.
 *                   What else the buried object holds stays there until its untyped is revoked, as
 *                   on seL4. Cycles are no special case, for a buried zombie needs no memory but
 *                   its own.
 *
 * An exposed zombie that is found inside a dying object (its CNode died too) is buried as well.
 *
 * A zombie capability: word 0: type, TCB flag in bit 58, address with radix in 0..38; word 1:
 * `count`, the slots from there on are empty.
 *
 * Invariants: a zombie is never copied; the slots of a dying object from its count on are empty; an
 * exposed zombie does not lie in its own object.
 */
#include "arch.h"
#include "cspace.h"

#define ZOMBIE_TCB BIT(58)

static struct cap zombie_make(struct cap dying, word_t count)
{
	uint64_t type = (uint64_t)CAP_ZOMBIE << CAP_TYPE_SHIFT;
	uint64_t tcb = cap_type(dying) == CAP_TCB ? ZOMBIE_TCB : 0;
	return (struct cap){ type | tcb | (dying.w0 & MASK(39)), count };
}

unsigned zombie_memory(struct cap zombie, paddr_t *paddr)
{
	*paddr = zombie.w0 & MASK(39) & ~MASK(6);
	if (zombie.w0 & ZOMBIE_TCB)
		return OBJ_BITS_TCB;
	return (zombie.w0 & MASK(6)) + ABI_SLOT_BITS;
}

static struct slot *zombie_slots(struct cap zombie)
{
	paddr_t paddr;
	(void)zombie_memory(zombie, &paddr);
	if (zombie.w0 & ZOMBIE_TCB)
		return ((struct tcb *)ptr_of(paddr))->slots;
	return ptr_of(paddr);
}

/* The zombie for `slot` goes into its object's slot 0, whose content comes to `slot`. */
static void bury(struct slot *slot, struct cap zombie)
{
	struct slot *host = zombie_slots(zombie);
	if (zombie.w1 == 0)
		zombie.w1 = 1; /* slot 0 is in use again */
	if (slot == host)
		slot->cap = zombie;
	else
		cdt_swap(slot, host->cap, host, zombie);
}

/* A CNode or TCB lost its last capability, in `slot`. */
static void die(struct slot *slot, bool exposed)
{
	struct cap cap = slot->cap;
	word_t count = TCB_SLOTS;
	if (cap_type(cap) == CAP_TCB)
		tcb_finalise(cap_tcb(cap));
	else
		count = BIT(cap_cnode_radix(cap));
	struct cap zombie = zombie_make(cap, count);
	struct slot *slots = zombie_slots(zombie);
	cspace_forget(cap);
	if (exposed && !(slot >= slots && slot < slots + count))
		slot->cap = zombie;
	else
		bury(slot, zombie);
}

/* Ends an object other than CNode and TCB. False: there is more to do, call again. */
static bool finalise(struct slot *slot)
{
	struct cap cap = slot->cap;
	switch (cap_type(cap)) {
	case CAP_ENDPOINT:
		/* Threads that restart find a capability without rights. */
		slot->cap.w0 &= ~((uint64_t)RIGHTS_ALL << CAP_AUX_SHIFT);
		return ipc_cancel_some(cap_endpoint(cap));
	case CAP_NOTIFICATION:
		slot->cap.w0 &= ~((uint64_t)RIGHTS_ALL << CAP_AUX_SHIFT);
		return ntfn_finalise(cap_notification(cap));
	case CAP_REPLY:
		reply_finalise(cap_reply(cap));
		return true;
	case CAP_SCHED_CONTEXT:
		sc_finalise(cap_sc(cap));
		return true;
	case CAP_IRQ_HANDLER:
		return irq_handler_finalise(cap.w1);
	case CAP_IO_PORT:
		io_port_finalise(cap);
		return true;
	case CAP_PAGE_TABLE:
	case CAP_PAGE_DIRECTORY:
	case CAP_PDPT:
		page_table_finalise(cap);
		return true;
	case CAP_PML4:
		asid_release(cap_asid(cap), cap_paddr(cap));
		return true;
	case CAP_ASID_POOL:
		asid_pool_finalise(cap);
		return true;
	default:
		return true;
	}
}

/* One bounded step towards an empty slot; not for zombies. False: it was a long one. */
static bool delete_step(struct slot *slot, bool exposed)
{
	enum cap_type type = cap_type(slot->cap);
	if (type == CAP_FRAME) { /* each capability has its own mapping */
		frame_unmap(slot->cap);
		if (unlikely(cap_aux(slot->cap) & FRAME_IPC_BUFFER))
			tcb_buffer_gone(slot);
	} else if (cdt_is_final(slot)) {
		if (type == CAP_CNODE || type == CAP_TCB) {
			die(slot, exposed);
			return true;
		}
		if (!finalise(slot))
			return false;
	}
	cdt_remove(slot);
	return true;
}

/* How many slots are left if some that are empty, of which there are many, are not counted. */
static word_t skip_empty(const struct slot *slots, word_t count)
{
	enum { AT_ONCE = 16 };
	for (unsigned i = 0; i < AT_ONCE && count > 0 && slot_empty(&slots[count - 1]); i++)
		count--;
	return count;
}

/* One bounded step towards the end of a zombie; as delete_step. */
static bool zombie_step(struct slot *slot)
{
	word_t count = slot->cap.w1;
	struct slot *slots = zombie_slots(slot->cap);
	struct slot *victim = &slots[count - 1];
	if (count == 0 || (count == 1 && slot == slots))
		cdt_remove(slot);
	else if (slot_empty(victim))
		slot->cap.w1 = skip_empty(slots, count);
	else if (cap_type(victim->cap) == CAP_ZOMBIE)
		bury(victim, victim->cap);
	else
		return delete_step(victim, false);
	return true;
}

enum outcome slot_delete(struct slot *slot)
{
	enum { STEPS_PER_CHECK = 8 };
	for (unsigned steps = 1; !slot_empty(slot); steps++) {
		bool zombie = cap_type(slot->cap) == CAP_ZOMBIE;
		bool quick = zombie ? zombie_step(slot) : delete_step(slot, true);
		if ((!quick || steps % STEPS_PER_CHECK == 0) && plat_interrupt_pending())
			return PREEMPTED;
	}
	return DONE;
}

enum outcome slot_revoke(struct slot *slot)
{
	while (slot->next && cdt_is_parent(slot, slot->next)) {
		enum outcome outcome = slot_delete(slot->next);
		if (outcome != DONE)
			return outcome;
		if (plat_interrupt_pending())
			return PREEMPTED;
	}
	return DONE;
}

bool slot_delete_step(struct slot *slot)
{
	if (!slot_empty(slot))
		(void)delete_step(slot, true);
	return slot_empty(slot);
}

bool slot_delete_is_long(const struct slot *slot)
{
	enum cap_type type = cap_type(slot->cap);
	return (type == CAP_CNODE || type == CAP_TCB || type == CAP_ZOMBIE) && cdt_is_final(slot);
}
