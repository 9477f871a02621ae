/* SPDX-License-Identifier: BSD-2-Clause */
/* Slots, untypeds and objects: see test/env.h. */
#include <test/env.h>
#include <test/print.h>

enum {
	POOL_BITS_MIN = 24,
	KEEP_BITS_MIN = 16,
};

const struct abi_boot_info *boot_info;
cptr_t env_sched_control;

static cptr_t pool; /* objects of the running test; before env_mark(): the keep untyped */
static cptr_t pool_untyped, keep_untyped;
static cptr_t slot_next, slot_mark;

/* The smallest RAM untyped of at least this size. */
static cptr_t smallest_ram(word_t bits_min, cptr_t except)
{
	cptr_t best = 0;
	word_t best_bits = ABI_WORD_BITS;
	for (cptr_t c = boot_info->untyped.start; c < boot_info->untyped.end; c++) {
		const struct abi_untyped_desc *d = boot_untyped_desc(c);
		if (c != except && !d->is_device && d->size_bits >= bits_min &&
		    d->size_bits < best_bits) {
			best = c;
			best_bits = d->size_bits;
		}
	}
	return best;
}

void env_init(const struct abi_boot_info *info)
{
	boot_info = info;
	env_sched_control = info->sched_control.start;
	slot_next = slot_mark = info->empty.start;
	pool_untyped = smallest_ram(POOL_BITS_MIN, 0);
	keep_untyped = smallest_ram(KEEP_BITS_MIN, pool_untyped);
	pool = keep_untyped;
}

void env_mark(void)
{
	if (!pool_untyped || !keep_untyped)
		panic("no RAM untyped of 2^%d bytes", POOL_BITS_MIN);
	slot_mark = slot_next;
	pool = pool_untyped;
}

void env_release(void)
{
	enum abi_error err = sel4_cnode_revoke(slot(pool_untyped));
	if (err)
		panic("revoke of the pool: error %d", err);
	while (slot_next > slot_mark)
		cap_delete(--slot_next);
}

const struct abi_untyped_desc *boot_untyped_desc(cptr_t untyped)
{
	return &boot_info->untyped_list[untyped - boot_info->untyped.start];
}

cptr_t boot_untyped_find(word_t bits_min, bool device)
{
	for (cptr_t c = boot_info->untyped.start; c < boot_info->untyped.end; c++) {
		const struct abi_untyped_desc *d = boot_untyped_desc(c);
		if (c != pool_untyped && c != keep_untyped && d->is_device == device &&
		    d->size_bits >= bits_min)
			return c;
	}
	return 0;
}

cptr_t slot_new_range(word_t count)
{
	cptr_t first = slot_next;
	if (count > boot_info->empty.end - slot_next)
		panic("no free slots");
	slot_next += count;
	return first;
}

cptr_t slot_new(void)
{
	return slot_new_range(1);
}

cptr_t object_new_range(enum abi_object type, word_t bits, word_t count)
{
	cptr_t first = slot_new_range(count);
	enum abi_error err = sel4_untyped_retype(pool, type, bits, root_node(), first, count);
	if (err)
		panic("retype of %lu objects of type %d, size %lu: error %d, 0x%lx", count, type,
		      bits, err, sel4_get_word(0));
	return first;
}

cptr_t object_new(enum abi_object type, word_t bits)
{
	return object_new_range(type, bits, 1);
}

cptr_t untyped_new(word_t bits)
{
	return object_new(OBJ_UNTYPED, bits);
}

cptr_t endpoint_new(void)
{
	return object_new(OBJ_ENDPOINT, 0);
}

cptr_t notification_new(void)
{
	return object_new(OBJ_NOTIFICATION, 0);
}

cptr_t reply_new(void)
{
	return object_new(OBJ_REPLY, 0);
}

cptr_t tcb_new(void)
{
	return object_new(OBJ_TCB, 0);
}

cptr_t cnode_new(word_t radix)
{
	return object_new(OBJ_CNODE, radix);
}

cptr_t frame_new(void)
{
	return object_new(OBJ_X86_4K_PAGE, 0);
}

cptr_t sched_context_new_sized(word_t bits, word_t budget_us, word_t period_us, word_t badge)
{
	cptr_t sc = object_new(OBJ_SCHED_CONTEXT, bits);
	word_t refills = (((word_t)1 << bits) - ABI_SCHED_CONTEXT_CORE) / ABI_REFILL_BYTES;
	enum abi_error err = sel4_sched_control_configure_flags(env_sched_control, sc, budget_us,
	                                                        period_us, refills, badge, 0);
	if (err)
		panic("sched_context_new: error %d", err);
	return sc;
}

cptr_t sched_context_new(void)
{
	return sched_context_new_sized(9, 10000, 10000, 0);
}

cptr_t cap_copy(cptr_t source, word_t rights)
{
	cptr_t copy = slot_new();
	enum abi_error err = sel4_cnode_copy(slot(copy), slot(source), rights);
	if (err)
		panic("copy of capability 0x%lx: error %d", source, err);
	return copy;
}

cptr_t cap_mint(cptr_t source, word_t rights, word_t badge)
{
	cptr_t copy = slot_new();
	enum abi_error err = sel4_cnode_mint(slot(copy), slot(source), rights, badge);
	if (err)
		panic("mint of capability 0x%lx: error %d", source, err);
	return copy;
}

void cap_delete(cptr_t cap)
{
	enum abi_error err = sel4_cnode_delete(slot(cap));
	if (err)
		panic("delete of capability 0x%lx: error %d", cap, err);
}

void cap_revoke(cptr_t cap)
{
	enum abi_error err = sel4_cnode_revoke(slot(cap));
	if (err)
		panic("revoke of capability 0x%lx: error %d", cap, err);
}

bool slot_is_empty(cptr_t index)
{
	enum abi_error err = sel4_cnode_move(slot(index), slot(index));
	if (err == ERR_DELETE_FIRST)
		return false;
	if (err == ERR_FAILED_LOOKUP)
		return true;
	panic("slot_is_empty: error %d", err);
}
