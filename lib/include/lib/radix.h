/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A radix tree from 64-bit indices to words: of a dataspace, from page number to page record.
 *
 * Nodes have 64 places and are RADIX_NODE_BYTES, from the caller's provider; lib/slab.h makes such
 * blocks of pages. A tree is as high as its highest index needs (1 node for indices below 64, at
 * most 11 levels), and becomes lower again. A node says in one word which of its places are taken,
 * so finding the next index takes O(height). No recursion; every operation is bounded by the
 * height.
 *
 * Limits: every index 0 to 2^64-1; a value is any word but 0, which stands for none.
 *
 * Who owns what: the tree owns its nodes; what the values mean is the caller's.
 *
 * Invariants: no node is empty; a place is taken exactly where the node's word says so; the tree is
 * not higher than its highest index needs; recent is a node of the tree.
 */
#pragma once
#include <lib/err.h>
#include <lib/pages.h>
#include <stdbool.h>
#include <stdint.h>

enum { RADIX_FANOUT = 64, RADIX_NODE_BYTES = 8 * (1 + RADIX_FANOUT) };

struct radix_node;

struct radix {
	struct radix_node *root;
	struct radix_node
	        *recent;     /* the lowest one that was set in last, or NULL: the next is near */
	uint64_t recent_at;  /* its indices / RADIX_FANOUT */
	unsigned int height; /* levels of nodes; 0 when empty */
	uint64_t count;      /* values */
	uint64_t nodes;
};

void radix_init(struct radix *radix);

/* The value at index, 0 if there is none. */
uint64_t radix_get(const struct radix *radix, uint64_t index);

/*
 * value, not 0, is at index now, in place of any other. nodes gives blocks of RADIX_NODE_BYTES at
 * multiples of 8. NOMEM: nothing changed; not possible where there was a value already.
 */
err_t radix_set(struct radix *radix, const struct lib_pages *nodes, uint64_t index, uint64_t value);

/* No value is at index any more; gives back empty nodes. Returns the value that was there, or 0. */
uint64_t radix_remove(struct radix *radix, const struct lib_pages *nodes, uint64_t index);

/* The first value at *index or after; *index becomes its index. 0, and *index as it was: none. */
uint64_t radix_next(const struct radix *radix, uint64_t *index);

/* Every invariant holds. O(n). */
bool radix_valid(const struct radix *radix);
