/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * See lib/radix.h. Levels are counted from below: level 0 holds values, and a place of level k
 * covers 64^k indices.
 */
#include <lib/assert.h>
#include <lib/radix.h>
#include <stddef.h>

enum { BITS = 6, LEVELS_MAX = 11 };

struct radix_node {
	uint64_t taken;               /* bit i: place[i] is not 0 */
	uint64_t place[RADIX_FANOUT]; /* a value in level 0, else the address of a node */
};

_Static_assert(sizeof(struct radix_node) == RADIX_NODE_BYTES);

static unsigned int digit(uint64_t index, unsigned int level)
{
	return index >> (level * BITS) & (RADIX_FANOUT - 1);
}

/* The height that a tree needs to hold index. */
static unsigned int height_for(uint64_t index)
{
	unsigned int height = 1;
	while (height < LEVELS_MAX && index >> (height * BITS))
		height++;
	return height;
}

static struct radix_node *child(const struct radix_node *node, unsigned int at)
{
	return (struct radix_node *)node->place[at];
}

static void take(struct radix_node *node, unsigned int at, uint64_t value)
{
	node->place[at] = value;
	node->taken |= 1ull << at;
}

void radix_init(struct radix *radix)
{
	*radix = (struct radix){ 0 };
}

/* The node of level 0 for index; NULL if there is none. */
static struct radix_node *leaf_of(const struct radix *radix, uint64_t index)
{
	if (!radix->root || height_for(index) > radix->height)
		return NULL;
	struct radix_node *node = radix->root;
	for (unsigned int level = radix->height - 1; node && level > 0; level--)
		node = child(node, digit(index, level));
	return node;
}

uint64_t radix_get(const struct radix *radix, uint64_t index)
{
	if (radix->recent && radix->recent_at == index / RADIX_FANOUT)
		return radix->recent->place[digit(index, 0)];
	const struct radix_node *leaf = leaf_of(radix, index);
	return leaf ? leaf->place[digit(index, 0)] : 0;
}

/* How many nodes index lacks: those above the root, and those from where its path ends. */
static unsigned int nodes_lacking(const struct radix *radix, uint64_t index)
{
	unsigned int needs = height_for(index), height = radix->height;
	if (!radix->root)
		return needs;
	if (needs > height)
		return needs - height + needs - 1;
	const struct radix_node *node = radix->root;
	for (unsigned int level = height - 1; level > 0; level--) {
		node = child(node, digit(index, level));
		if (!node)
			return level;
	}
	return 0;
}

/* count nodes, empty, chained by place[0]. False: they were not to be had. */
static bool get_chain(const struct lib_pages *nodes, unsigned int count, struct radix_node **chain)
{
	for (*chain = NULL; count > 0; count--) {
		struct radix_node *node = nodes->get(nodes->ctx);
		if (!node) {
			while (*chain) {
				struct radix_node *next = child(*chain, 0);
				nodes->put(nodes->ctx, *chain);
				*chain = next;
			}
			return false;
		}
		__builtin_memset(node, 0, sizeof(*node));
		node->place[0] = (uint64_t)*chain;
		*chain = node;
	}
	return true;
}

static struct radix_node *from_chain(struct radix *radix, struct radix_node **chain)
{
	struct radix_node *node = *chain;
	assert(node);
	*chain = child(node, 0);
	node->place[0] = 0;
	radix->nodes++;
	return node;
}

err_t radix_set(struct radix *radix, const struct lib_pages *nodes, uint64_t index, uint64_t value)
{
	assert(value != 0);
	if (radix->recent && radix->recent_at == index / RADIX_FANOUT) {
		radix->count += radix->recent->place[digit(index, 0)] == 0;
		take(radix->recent, digit(index, 0), value);
		return E_OK;
	}
	struct radix_node *chain;
	if (!get_chain(nodes, nodes_lacking(radix, index), &chain))
		return E_NOMEM;
	if (!radix->root) {
		radix->root = from_chain(radix, &chain);
		radix->height = height_for(index);
	}
	for (; radix->height < height_for(index); radix->height++) {
		struct radix_node *root = from_chain(radix, &chain);
		take(root, 0, (uint64_t)radix->root);
		radix->root = root;
	}
	struct radix_node *node = radix->root;
	for (unsigned int level = radix->height - 1; level > 0; level--) {
		unsigned int at = digit(index, level);
		if (!child(node, at))
			take(node, at, (uint64_t)from_chain(radix, &chain));
		node = child(node, at);
	}
	assert(!chain);
	radix->count += node->place[digit(index, 0)] == 0;
	take(node, digit(index, 0), value);
	radix->recent = node;
	radix->recent_at = index / RADIX_FANOUT;
	return E_OK;
}

/* Levels at the top that lead to place 0 alone go. */
static void lower(struct radix *radix, const struct lib_pages *nodes)
{
	while (radix->height > 1 && radix->root->taken == 1) {
		struct radix_node *root = radix->root;
		radix->root = child(root, 0);
		radix->height--;
		radix->nodes--;
		nodes->put(nodes->ctx, root);
	}
}

uint64_t radix_remove(struct radix *radix, const struct lib_pages *nodes, uint64_t index)
{
	uint64_t value = radix_get(radix, index);
	if (!value)
		return 0;
	struct radix_node *path[LEVELS_MAX];
	struct radix_node *node = radix->root;
	for (unsigned int level = radix->height - 1; level > 0; level--) {
		path[level] = node;
		node = child(node, digit(index, level));
	}
	path[0] = node;
	radix->count--;
	for (unsigned int level = 0; level < radix->height; level++) {
		unsigned int at = digit(index, level);
		path[level]->place[at] = 0;
		path[level]->taken &= ~(1ull << at);
		if (path[level]->taken) {
			lower(radix, nodes);
			return value;
		}
		radix->nodes--;
		if (path[level] == radix->recent)
			radix->recent = NULL;
		nodes->put(nodes->ctx, path[level]);
	}
	radix->root = NULL;
	radix->height = 0;
	return value;
}

/* The first place taken from at on, at <= 64; 64 if there is none. */
static unsigned int first_taken(const struct radix_node *node, unsigned int at)
{
	uint64_t taken = at < RADIX_FANOUT ? node->taken & ~0ull << at : 0;
	return taken ? (unsigned int)__builtin_ctzll(taken) : RADIX_FANOUT;
}

uint64_t radix_next(const struct radix *radix, uint64_t *index)
{
	if (!radix->root || height_for(*index) > radix->height)
		return 0;
	const struct radix_node *path[LEVELS_MAX];
	unsigned int level = radix->height - 1, at = digit(*index, level);
	uint64_t above = 0;  /* the digits of the levels above this one */
	bool on_path = true; /* all of them are those of *index */
	path[level] = radix->root;
	for (;;) {
		unsigned int found = first_taken(path[level], at);
		if (found == RADIX_FANOUT) {
			if (level == radix->height - 1)
				return 0;
			level++;
			at = digit(above, level) + 1;
			above &= ~(((uint64_t)RADIX_FANOUT - 1) << (level * BITS));
			continue;
		}
		on_path = on_path && found == digit(*index, level);
		above |= (uint64_t)found << (level * BITS);
		if (level == 0) {
			*index = above;
			return path[0]->place[found];
		}
		path[level - 1] = child(path[level], found);
		level--;
		at = on_path ? digit(*index, level) : 0;
	}
}

/* Walks the nodes in order, with the place in each that comes next. */
bool radix_valid(const struct radix *radix)
{
	const struct radix_node *path[LEVELS_MAX];
	unsigned int at[LEVELS_MAX];
	uint64_t count = 0, nodes = 0;
	bool is_recent = false;
	if (!radix->root)
		return radix->height == 0 && radix->count == 0 && radix->nodes == 0 &&
		       !radix->recent;
	if (radix->height == 0 || radix->height > LEVELS_MAX ||
	    (radix->height > 1 && radix->root->taken == 1))
		return false;
	unsigned int level = radix->height - 1;
	path[level] = radix->root;
	at[level] = 0;
	while (level < radix->height) {
		const struct radix_node *node = path[level];
		is_recent = is_recent || (level == 0 && node == radix->recent);
		if (at[level] == 0) {
			nodes++;
			if (!node->taken)
				return false;
		}
		if (at[level] == RADIX_FANOUT) {
			level++;
			continue;
		}
		unsigned int i = at[level]++;
		if ((node->place[i] != 0) != (node->taken >> i & 1))
			return false;
		count += level == 0 && node->place[i] != 0;
		if (level > 0 && node->place[i]) {
			path[--level] = child(node, i);
			at[level] = 0;
		}
	}
	return count == radix->count && nodes == radix->nodes && (!radix->recent || is_recent);
}
