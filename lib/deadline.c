/* SPDX-License-Identifier: BSD-2-Clause */
/* See lib/deadline.h. */
#include <lib/deadline.h>

static struct deadline *of(struct tree_node *node)
{
	return node ? container_of(node, struct deadline, node) : NULL;
}

void deadlines_init(struct deadlines *deadlines)
{
	*deadlines = (struct deadlines){ 0 };
}

void deadline_init(struct deadline *deadline)
{
	deadline->is_set = false;
}

void deadline_set(struct deadlines *deadlines, struct deadline *deadline, uint64_t time_ns)
{
	deadline_cancel(deadlines, deadline);
	struct tree_node *parent = NULL;
	int side = 0;
	for (struct tree_node *at = deadlines->tree.root; at; at = at->child[side]) {
		parent = at;
		side = time_ns >= of(at)->time_ns;
	}
	deadline->time_ns = time_ns;
	deadline->is_set = true;
	tree_link(&deadlines->tree, parent, side, &deadline->node);
	if (!deadlines->first || time_ns < deadlines->first->time_ns)
		deadlines->first = deadline;
}

void deadline_cancel(struct deadlines *deadlines, struct deadline *deadline)
{
	if (!deadline->is_set)
		return;
	if (deadlines->first == deadline)
		deadlines->first = of(tree_next(&deadline->node));
	tree_remove(&deadlines->tree, &deadline->node);
	deadline->is_set = false;
}

uint64_t deadlines_first_ns(const struct deadlines *deadlines)
{
	return deadlines->first ? deadlines->first->time_ns : DEADLINE_NEVER;
}

struct deadline *deadlines_expire(struct deadlines *deadlines, uint64_t now_ns)
{
	struct deadline *first = deadlines->first;
	if (!first || first->time_ns > now_ns)
		return NULL;
	deadline_cancel(deadlines, first);
	return first;
}

bool deadlines_valid(const struct deadlines *deadlines)
{
	struct tree_node *node = tree_first(&deadlines->tree);
	if (!tree_valid(&deadlines->tree) || deadlines->first != of(node))
		return false;
	for (; node; node = tree_next(node)) {
		struct deadline *next = of(tree_next(node));
		if (!of(node)->is_set || (next && next->time_ns < of(node)->time_ns))
			return false;
	}
	return true;
}
