/* SPDX-License-Identifier: BSD-2-Clause */
/* See lib/tree.h. side is 0 or 1, and !side the other one: each case is written once. */
#include <lib/assert.h>
#include <lib/tree.h>

static unsigned int height(const struct tree_node *node)
{
	return node ? node->height : 0;
}

static void update(struct tree *tree, struct tree_node *node)
{
	unsigned int h0 = height(node->child[0]), h1 = height(node->child[1]);
	node->height = 1 + (h0 > h1 ? h0 : h1);
	if (tree->update)
		tree->update(node);
}

static void set_child(struct tree_node *parent, int side, struct tree_node *child)
{
	parent->child[side] = child;
	if (child)
		child->parent = parent;
}

/* What hung below parent as old is now new (which may be NULL). */
static void replace(struct tree *tree, struct tree_node *parent, struct tree_node *old,
                    struct tree_node *new)
{
	if (parent) {
		set_child(parent, parent->child[1] == old, new);
		return;
	}
	tree->root = new;
	if (new)
		new->parent = NULL;
}

/* node goes down to side, its child of the other side takes its place. Returns that. */
static struct tree_node *rotate(struct tree *tree, struct tree_node *node, int side)
{
	struct tree_node *up = node->child[!side];
	replace(tree, node->parent, node, up);
	set_child(node, !side, up->child[side]);
	set_child(up, side, node);
	update(tree, node);
	update(tree, up);
	return up;
}

/* Makes node's children differ by at most 1, who differ by at most 2. Returns who stands there. */
static struct tree_node *balance(struct tree *tree, struct tree_node *node)
{
	unsigned int h0 = height(node->child[0]), h1 = height(node->child[1]);
	if (h0 <= h1 + 1 && h1 <= h0 + 1)
		return node;
	int heavy = h1 > h0;
	struct tree_node *child = node->child[heavy];
	if (height(child->child[!heavy]) > height(child->child[heavy]))
		rotate(tree, child, heavy);
	return rotate(tree, node, !heavy);
}

/* From node, below which something changed, up to the root: an update reaches all above it. */
static void repair(struct tree *tree, struct tree_node *node)
{
	for (; node; node = node->parent) {
		update(tree, node);
		node = balance(tree, node);
	}
}

void tree_link(struct tree *tree, struct tree_node *parent, int side, struct tree_node *node)
{
	*node = (struct tree_node){ 0 };
	if (parent) {
		assert(!parent->child[side]);
		set_child(parent, side, node);
	} else {
		assert(!tree->root);
		tree->root = node;
	}
	repair(tree, node);
}

void tree_remove(struct tree *tree, struct tree_node *node)
{
	struct tree_node *changed = node->parent;
	if (!node->child[0] || !node->child[1]) {
		replace(tree, node->parent, node, node->child[node->child[0] == NULL]);
	} else {
		/* The next one, which has no child before it, takes node's place. */
		struct tree_node *next = node->child[1];
		while (next->child[0])
			next = next->child[0];
		changed = next->parent == node ? next : next->parent;
		replace(tree, next->parent, next, next->child[1]);
		set_child(next, 0, node->child[0]);
		set_child(next, 1, node->child[1]);
		replace(tree, node->parent, node, next);
	}
	repair(tree, changed);
}

void tree_refresh(struct tree *tree, struct tree_node *node)
{
	repair(tree, node);
}

struct tree_node *tree_end(const struct tree *tree, int side)
{
	struct tree_node *node = tree->root;
	while (node && node->child[side])
		node = node->child[side];
	return node;
}

struct tree_node *tree_step(const struct tree_node *node, int side)
{
	if (node->child[side]) {
		node = node->child[side];
		while (node->child[!side])
			node = node->child[!side];
		return (struct tree_node *)node;
	}
	while (node->parent && node->parent->child[side] == node)
		node = node->parent;
	return node->parent;
}

static bool node_valid(const struct tree_node *node)
{
	unsigned int h0 = height(node->child[0]), h1 = height(node->child[1]);
	return node->height == 1 + (h0 > h1 ? h0 : h1) && h0 <= h1 + 1 && h1 <= h0 + 1 &&
	       (!node->child[0] || node->child[0]->parent == node) &&
	       (!node->child[1] || node->child[1]->parent == node);
}

bool tree_valid(const struct tree *tree)
{
	if (tree->root && tree->root->parent)
		return false;
	for (struct tree_node *node = tree_end(tree, 0); node; node = tree_step(node, 1))
		if (!node_valid(node))
			return false;
	return true;
}
