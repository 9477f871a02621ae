/* SPDX-License-Identifier: BSD-2-Clause */
/* See rt/badge.h. */
#include <lib/assert.h>
#include <rt/badge.h>

static struct rt_badge_node **node_at(struct rt_badges *badges, uint64_t value)
{
	return &badges->node[value & 0xff];
}

static struct rt_badge_leaf **leaf_at(struct rt_badge_node *node, uint64_t value)
{
	return &node->leaf[value >> 16 & 0xff];
}

static struct rt_badge **badge_at(struct rt_badge_leaf *leaf, uint64_t value)
{
	return &leaf->badge[value >> 8 & 0xff];
}

static void *block_new(struct rt_badges *badges, const struct lib_pages *nodes)
{
	_Static_assert(sizeof(struct rt_badge_node) == RT_BADGE_NODE_BYTES);
	_Static_assert(sizeof(struct rt_badge_leaf) == RT_BADGE_NODE_BYTES);
	if (badges->kept_count > 0)
		return badges->kept[--badges->kept_count];
	void *block = nodes->get(nodes->ctx);
	if (block)
		__builtin_memset(block, 0, RT_BADGE_NODE_BYTES);
	return block;
}

/* It is empty. */
static void block_put(struct rt_badges *badges, const struct lib_pages *nodes, void *block)
{
	if (badges->kept_count < RT_BADGE_KEPT_MAX)
		badges->kept[badges->kept_count++] = block;
	else
		nodes->put(nodes->ctx, block);
}

err_t rt_badge_add(struct rt_badges *badges, const struct lib_pages *nodes, struct rt_badge *badge)
{
	uint64_t value = badge->value;
	assert(value != 0);
	struct rt_badge_node **node = node_at(badges, value);
	bool is_new = !*node;
	if (is_new && !(*node = block_new(badges, nodes)))
		return E_NOMEM;
	struct rt_badge_leaf **leaf = leaf_at(*node, value);
	if (!*leaf) {
		*leaf = block_new(badges, nodes);
		if (!*leaf) {
			if (is_new) {
				block_put(badges, nodes, *node);
				*node = NULL;
			}
			return E_NOMEM;
		}
		(*node)->count++;
	}
	struct rt_badge **at = badge_at(*leaf, value);
	if (*at)
		return E_EXIST;
	*at = badge;
	(*leaf)->count++;
	badges->count++;
	return E_OK;
}

void rt_badge_remove(struct rt_badges *badges, const struct lib_pages *nodes,
                     struct rt_badge *badge)
{
	struct rt_badge_node **node = node_at(badges, badge->value);
	struct rt_badge_leaf **leaf = leaf_at(*node, badge->value);
	struct rt_badge **at = badge_at(*leaf, badge->value);
	assert(*at == badge);
	*at = NULL;
	badge->value = 0;
	badges->count--;
	if (--(*leaf)->count > 0)
		return;
	block_put(badges, nodes, *leaf);
	*leaf = NULL;
	if (--(*node)->count > 0)
		return;
	block_put(badges, nodes, *node);
	*node = NULL;
}
