/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Address space identifiers (seL4 manual, section 7.1.2): a table of 8 pools of 512 PML4 addresses.
 * ASID 0 is never given out: in a capability it means not mapped.
 */
#include "switch.h"

uint64_t *asid_table[ABI_ASID_POOLS];

/* An address space loses its identifier: nothing of it is valid any more. */
static void release(paddr_t pml4)
{
	if (!pml4)
		return;
	*vspace_asid_mark(pml4) = 0;
	if (pml4 == loaded_cr3) {
		loaded_cr3 = kernel_cr3;
		cpu_set_cr3(kernel_cr3);
	}
}

void asid_release(unsigned asid, paddr_t pml4)
{
	uint64_t *pool = asid_table[asid / ABI_ASIDS_PER_POOL % ABI_ASID_POOLS];
	if (asid && pool && pool[asid % ABI_ASIDS_PER_POOL] == pml4) {
		pool[asid % ABI_ASIDS_PER_POOL] = 0;
		release(pml4);
	}
}

void asid_pool_finalise(struct cap cap)
{
	uint64_t *pool = cap_ptr(cap);
	unsigned index = cap.w1 / ABI_ASIDS_PER_POOL;
	if (asid_table[index] != pool)
		return;
	asid_table[index] = NULL;
	for (unsigned i = 0; i < ABI_ASIDS_PER_POOL; i++)
		release(pool[i]);
}

enum outcome decode_asid_control(struct invocation *inv)
{
	struct slot *untyped = inv->extra[0], *dest;
	unsigned index = 0;
	if (inv->label != INV_X86_ASID_CONTROL_MAKE_POOL)
		return fail(ERR_ILLEGAL_OPERATION);
	if (inv->length < 2 || !inv->extra[0] || !inv->extra[1])
		return fail(ERR_TRUNCATED_MESSAGE);
	while (index < ABI_ASID_POOLS && asid_table[index])
		index++;
	if (index == ABI_ASID_POOLS)
		return fail(ERR_DELETE_FIRST);
	struct cap cap = untyped->cap;
	if (cap_type(cap) != CAP_UNTYPED || cap_size_bits(cap) != ABI_ASID_POOL_BITS ||
	    cap_untyped_is_device(cap))
		return fail_word(ERR_INVALID_CAPABILITY, 1);
	if (cdt_has_children(untyped))
		return fail(ERR_REVOKE_FIRST);
	if (cspace_lookup_op(false, inv->extra[1]->cap, inv_arg(inv, 0), inv_arg(inv, 1), &dest) !=
	            DONE ||
	    slot_must_be_empty(dest) != DONE)
		return FAILED;

	untyped->cap.w1 = untyped_full(cap);
	memset(cap_ptr(cap), 0, BIT(ABI_ASID_POOL_BITS));
	cdt_insert(dest, cap_make(CAP_ASID_POOL, 0, cap_paddr(cap), index * ABI_ASIDS_PER_POOL),
	           untyped);
	asid_table[index] = cap_ptr(cap);
	return DONE;
}

enum outcome decode_asid_pool(struct invocation *inv)
{
	struct slot *slot = inv->extra[0];
	if (inv->label != INV_X86_ASID_POOL_ASSIGN)
		return fail(ERR_ILLEGAL_OPERATION);
	if (!slot)
		return fail(ERR_TRUNCATED_MESSAGE);
	if (cap_type(slot->cap) != CAP_PML4 || cap_asid(slot->cap))
		return fail_word(ERR_INVALID_CAPABILITY, 1);
	word_t base = inv->cap.w1;
	uint64_t *pool = asid_table[base / ABI_ASIDS_PER_POOL];
	if (!pool) {
		(void)lookup_invalid_root();
		return fail_lookup(false);
	}
	if (pool != cap_ptr(inv->cap))
		return fail_word(ERR_INVALID_CAPABILITY, 0);
	unsigned i = base == 0; /* not ASID 0 */
	while (i < ABI_ASIDS_PER_POOL && pool[i])
		i++;
	if (i == ABI_ASIDS_PER_POOL)
		return fail(ERR_DELETE_FIRST);
	pool[i] = cap_paddr(slot->cap);
	slot->cap.w1 = cap_mapping(base + i, 0);
	*vspace_asid_mark(cap_paddr(slot->cap)) = vspace_mark(slot->cap);
	return DONE;
}
