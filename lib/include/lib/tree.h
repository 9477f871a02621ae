/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A balanced (AVL) search tree of nodes that stand in the caller's structs.
 *
 * The order is the caller's: to find or to insert, it walks down from root by itself, child[0]
 * being what comes before. The tree keeps balance, so that every operation is O(log n) in the worst
 * case, and not only on the average: what hostile clients fill must not become slow. With an
 * update function the nodes carry sums over their subtrees (augmentation). No recursion, no memory
 * of its own, nothing fails. The tree owns nothing: a node is its caller's, and must be removed
 * before its memory goes.
 *
 * Invariants: the children of a node name it as their parent; height is 1 + that of the higher
 * child; the heights of two siblings differ by at most 1; update was run on every node after the
 * last change below it.
 */
#pragma once
#include <lib/container.h>
#include <stdbool.h>
#include <stddef.h>

struct tree_node {
	struct tree_node *parent, *child[2];
	unsigned int height; /* 1 for a leaf */
};

struct tree {
	struct tree_node *root;
	/* Recomputes a node's sums from the node and its two children; NULL for none. */
	void (*update)(struct tree_node *node);
};

/* node, in no tree, becomes parent's child on side (0, 1), where none is; parent NULL: the root. */
void tree_link(struct tree *tree, struct tree_node *parent, int side, struct tree_node *node);

/* node is in the tree. Its fields are undefined afterwards. */
void tree_remove(struct tree *tree, struct tree_node *node);

/* To be called when what update makes of a node has changed, but not its place in the order. */
void tree_refresh(struct tree *tree, struct tree_node *node);

/* The outermost node: side 0 for the first, 1 for the last; NULL if the tree is empty. */
struct tree_node *tree_end(const struct tree *tree, int side);

/* The node next to one: side 1 for the one after, 0 for the one before; NULL at the end. */
struct tree_node *tree_step(const struct tree_node *node, int side);

static inline struct tree_node *tree_first(const struct tree *tree)
{
	return tree_end(tree, 0);
}

static inline struct tree_node *tree_next(const struct tree_node *node)
{
	return tree_step(node, 1);
}

/* The first three invariants hold. O(n). */
bool tree_valid(const struct tree *tree);
