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

/*
 * Spaces of several CNodes: the last look-ups are remembered, by root and the bits that lead to the
 * last CNode. What is remembered holds until a slot with a CNode's capability changes, anywhere.
 */
struct cspace_memory {
	struct cap root;
	word_t prefix, prefix_mask; /* the bits above those that the last CNode takes */
	uint64_t epoch;
	uint64_t base; /* where the slot of cptr 0 would be in the last CNode, modulo 2^64 */
} __attribute__((aligned(64)));
enum { CSPACE_MEMORIES = 64 };
extern struct cspace_memory cspace_memories[CSPACE_MEMORIES];
extern uint64_t cspace_epoch;

/* A capability that stands in a slot is about to be changed or taken out. */
static always_inline void cspace_forget(struct cap cap)
{
	if (unlikely(cap_type(cap) == CAP_CNODE))
		cspace_epoch++;
}

static always_inline struct cspace_memory *cspace_memory_of(word_t cptr)
{
	return &cspace_memories[(cptr >> 7 ^ cptr >> 14) & (CSPACE_MEMORIES - 1)];
}

/* The slot that all 64 bits lead to, if that is remembered; else false. */
static always_inline bool cspace_recall(struct cap root, word_t cptr, struct slot **slot)
{
	const struct cspace_memory *m = cspace_memory_of(cptr);
	if (unlikely(m->root.w0 != root.w0) || unlikely(m->root.w1 != root.w1) ||
	    unlikely((cptr & m->prefix_mask) != m->prefix) || unlikely(m->epoch != cspace_epoch))
		return false;
	*slot = (struct slot *)(m->base + cptr * sizeof(struct slot));
	return true;
}

/* The slow part of cspace_find. */
struct slot *cspace_walk(struct cap root, word_t cptr);

/* The slot that 64 bits lead to, or fewer where there is no CNode to go on; false: none. */
static always_inline bool cspace_find(struct cap root, word_t cptr, struct slot **slot)
{
	return cspace_recall(root, cptr, slot) || (*slot = cspace_walk(root, cptr));
}

/* As system calls look up. */
static always_inline enum outcome cspace_lookup(const struct tcb *thread, word_t cptr,
                                                struct slot **slot)
{
	unsigned bits_left;
	struct cap root = thread->slots[TCB_CSPACE].cap;
	if (likely(cspace_whole(root, cptr, slot) || cspace_find(root, cptr, slot)))
		return DONE;
	return cspace_resolve(root, cptr, 64, slot, &bits_left);
}
