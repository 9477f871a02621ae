/* SPDX-License-Identifier: BSD-2-Clause */
/* A tree of numbers with sums over subtrees, against a sorted array; deep trees stay shallow. */
#include <lib/tree.h>
#include "unit_test.h"

enum { KEYS = 200, SEEDS = 20, STEPS = 2000, MANY = 100000 };

struct item {
	struct tree_node node;
	uint64_t value, sum;
	bool in;
};

static struct item items[KEYS], many[MANY];

static struct item *of(struct tree_node *node)
{
	return container_of(node, struct item, node);
}

static void update(struct tree_node *node)
{
	of(node)->sum = of(node)->value;
	for (int side = 0; side < 2; side++)
		if (node->child[side])
			of(node)->sum += of(node->child[side])->sum;
}

/* The order is that of the array. */
static void insert(struct tree *tree, struct item *item)
{
	struct tree_node *parent = NULL;
	int side = 0;
	for (struct tree_node *at = tree->root; at; at = at->child[side]) {
		parent = at;
		side = item > of(at);
	}
	tree_link(tree, parent, side, &item->node);
}

static void check_same(const struct tree *tree)
{
	CHECK(tree_valid(tree));
	struct tree_node *node = tree_first(tree), *before = NULL;
	uint64_t sum = 0;
	for (int i = 0; i < KEYS; i++) {
		if (!items[i].in)
			continue;
		CHECK(node == &items[i].node);
		CHECK(tree_step(node, 0) == before);
		sum += items[i].value;
		before = node;
		node = tree_next(node);
	}
	CHECK(!node && tree_end(tree, 1) == before);
	CHECK(tree->root ? of(tree->root)->sum == sum : sum == 0);
}

static void run(uint64_t seed)
{
	test_start(seed);
	struct tree tree = { .update = update };
	memset(items, 0, sizeof(items));
	for (test_step = 0; test_step < STEPS; test_step++) {
		struct item *item = &items[test_below(1 + seed * KEYS / SEEDS) % KEYS];
		if (!item->in) {
			item->value = test_below(1000);
			insert(&tree, item);
			item->in = true;
		} else if (test_below(4) == 0) {
			item->value = test_below(1000);
			tree_refresh(&tree, &item->node);
		} else {
			tree_remove(&tree, &item->node);
			item->in = false;
		}
		check_same(&tree);
	}
}

/* An AVL tree of n nodes is at most 1.44 log2(n) high: 24 for a hundred thousand. */
static void check_height(void)
{
	struct tree tree = { 0 };
	for (int i = 0; i < MANY; i++)
		insert(&tree, &many[i]);
	CHECK(tree_valid(&tree) && tree.root->height <= 24);
	for (int i = 0; i < MANY - 10; i++)
		tree_remove(&tree, &many[i].node);
	CHECK(tree_valid(&tree) && tree.root->height <= 4);
}

static void check_checker(void)
{
	struct tree tree = { 0 };
	for (int i = 0; i < 3; i++)
		insert(&tree, &many[i]);
	CHECK(tree_valid(&tree));
	many[0].node.height = 2;
	CHECK(!tree_valid(&tree));
}

int main(void)
{
	for (uint64_t seed = 1; seed <= SEEDS; seed++)
		run(seed);
	check_height();
	check_checker();
	return 0;
}
