/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The common look-up, inline: a capability space of one CNode that resolves all 64 bits.
 */
#pragma once
#include "kernel.h"

/* A CNode that resolves all 64 bits. */
static always_inline bool cspace_is_whole(struct cap root)
{
	enum { WHOLE_CNODE = CAP_CNODE << (CAP_TYPE_SHIFT - 54) | CNODE_WHOLE >> 6 };
	return root.w0 >> 54 == WHOLE_CNODE;
}

/* Finds the slot of `cptr`; false if `root` is of another shape or the guard does not match. */
static always_inline bool cspace_whole(struct cap root, word_t cptr, struct slot **slot)
{
	if (unlikely(!cspace_is_whole(root)))
		return false;
	unsigned radix = root.w0 & 63;
	word_t index = cptr ^ root.w1 << radix;
	if (unlikely(index >> radix))
		return false;
	*slot = cap_cnode_slots(root) + index;
	return true;
}

/* As system calls look up. */
static always_inline enum outcome cspace_lookup(const struct tcb *thread, word_t cptr,
                                                struct slot **slot)
{
	unsigned bits_left;
	struct cap root = thread->slots[TCB_CSPACE].cap;
	if (likely(cspace_whole(root, cptr, slot)))
		return DONE;
	return cspace_resolve(root, cptr, 64, slot, &bits_left);
}
