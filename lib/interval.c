/* SPDX-License-Identifier: BSD-2-Clause */
/* See lib/interval.h. */
#include <lib/assert.h>
#include <lib/interval.h>
#include <lib/range.h>
#include <stddef.h>

static struct interval *of(struct tree_node *node)
{
	return node ? container_of(node, struct interval, node) : NULL;
}

static uint64_t max(uint64_t a, uint64_t b)
{
	return a > b ? a : b;
}

static void update(struct tree_node *node)
{
	struct interval *interval = of(node);
	const struct interval *before = of(node->child[0]), *after = of(node->child[1]);
	interval->low = interval->start;
	interval->high = interval->end;
	interval->gap = 0;
	if (before) {
		interval->low = before->low;
		interval->gap = max(before->gap, interval->start - before->high);
	}
	if (after) {
		interval->high = after->high;
		interval->gap = max(interval->gap, max(after->gap, after->low - interval->end));
	}
}

void interval_map_init(struct interval_map *map)
{
	*map = (struct interval_map){ .tree = { .update = update } };
}

struct interval *interval_find_from(const struct interval_map *map, uint64_t address)
{
	struct interval *found = NULL;
	for (struct interval *at = of(map->tree.root); at;) {
		if (at->end > address) {
			found = at;
			at = of(at->node.child[0]);
		} else {
			at = of(at->node.child[1]);
		}
	}
	return found;
}

struct interval *interval_find(const struct interval_map *map, uint64_t address)
{
	struct interval *found = interval_find_from(map, address);
	return found && found->start <= address ? found : NULL;
}

struct interval *interval_first(const struct interval_map *map)
{
	return of(tree_first(&map->tree));
}

struct interval *interval_next(const struct interval *interval)
{
	return of(tree_step(&interval->node, 1));
}

struct interval *interval_prev(const struct interval *interval)
{
	return of(tree_step(&interval->node, 0));
}

/* Where start comes, after all that start before it. */
static void link_at_start(struct interval_map *map, struct interval *interval)
{
	struct tree_node *parent = NULL;
	int side = 0;
	for (struct tree_node *at = map->tree.root; at; at = at->child[side]) {
		parent = at;
		side = interval->start > of(at)->start;
	}
	tree_link(&map->tree, parent, side, &interval->node);
}

err_t interval_insert(struct interval_map *map, struct interval *interval, uint64_t start,
                      uint64_t end)
{
	if (start >= end)
		return E_INVAL;
	const struct interval *next = interval_find_from(map, start);
	if (next && next->start < end)
		return E_EXIST;
	interval->start = start;
	interval->end = end;
	link_at_start(map, interval);
	return E_OK;
}

void interval_remove(struct interval_map *map, struct interval *interval)
{
	tree_remove(&map->tree, &interval->node);
}

err_t interval_resize(struct interval_map *map, struct interval *interval, uint64_t start,
                      uint64_t end)
{
	const struct interval *prev = interval_prev(interval), *next = interval_next(interval);
	if (start >= end)
		return E_INVAL;
	if ((prev && start < prev->end) || (next && end > next->start))
		return E_EXIST;
	interval->start = start;
	interval->end = end;
	tree_refresh(&map->tree, &interval->node);
	return E_OK;
}

err_t interval_split(struct interval_map *map, struct interval *interval, uint64_t at,
                     struct interval *upper)
{
	if (at <= interval->start || at >= interval->end)
		return E_INVAL;
	upper->start = at;
	upper->end = interval->end;
	interval->end = at;
	tree_refresh(&map->tree, &interval->node);
	link_at_start(map, upper);
	return E_OK;
}

/* -- gaps -------------------------------------------------------------------------------------- */

/* The first interval in a subtree whose gap is wide enough that a wide gap follows it in there. */
static const struct interval *first_before_gap(const struct interval *at, uint64_t width)
{
	for (;;) {
		const struct interval *before = of(at->node.child[0]);
		const struct interval *after = of(at->node.child[1]);
		if (before && before->gap >= width) {
			at = before;
		} else if (before && at->start - before->high >= width) {
			return of(tree_step(&at->node, 0));
		} else {
			assert(after);
			if (after->low - at->end >= width)
				return at;
			assert(after->gap >= width);
			at = after;
		}
	}
}

/* The first interval at from or after that has a gap of width before the next one; NULL: none. */
static const struct interval *next_before_gap(const struct interval *from, uint64_t width)
{
	const struct interval *at = from, *after = of(at->node.child[1]);
	if (after && after->low - at->end >= width)
		return at;
	if (after && after->gap >= width)
		return first_before_gap(after, width);
	/* What remains: up to each ancestor that comes after, and what is after that one. */
	for (; at->node.parent; at = of(at->node.parent)) {
		const struct interval *parent = of(at->node.parent);
		if (parent->node.child[1] == &at->node)
			continue;
		if (parent->start - at->high >= width)
			return of(tree_step(&parent->node, 0));
		after = of(parent->node.child[1]);
		if (after && after->low - parent->end >= width)
			return parent;
		if (after && after->gap >= width)
			return first_before_gap(after, width);
	}
	return NULL;
}

/* [from, to) has room for size at a multiple of align, which goes to *start. */
static bool fits(uint64_t from, uint64_t to, uint64_t size, uint64_t align, uint64_t *start)
{
	return range_align_up(from, align, start) && *start <= to && size <= to - *start;
}

err_t interval_find_gap(const struct interval_map *map, uint64_t low, uint64_t high, uint64_t size,
                        uint64_t align, uint64_t *start)
{
	assert(range_is_power_of_2(align));
	if (size == 0)
		return E_INVAL;
	/* The first gap begins at low, or where the interval ends that is there. */
	const struct interval *next = interval_find_from(map, low);
	uint64_t from = low, width = size;
	if (next && next->start <= low) {
		from = next->end;
		next = interval_next(next);
	}
	for (int tries = 0; next && next->start < high; tries++) {
		if (fits(from, next->start, size, align, start))
			return E_OK;
		if (tries == INTERVAL_TRIES && __builtin_add_overflow(size, align - 1, &width))
			width = UINT64_MAX;
		const struct interval *before = next_before_gap(next, width);
		if (!before)
			before = of(tree_end(&map->tree, 1));
		from = before->end;
		next = interval_next(before);
	}
	return fits(from, high, size, align, start) ? E_OK : E_NOENT;
}

/* -- checking ---------------------------------------------------------------------------------- */

bool interval_map_valid(const struct interval_map *map)
{
	if (!tree_valid(&map->tree))
		return false;
	for (struct interval *at = interval_first(map); at; at = interval_next(at)) {
		const struct interval *next = interval_next(at);
		if (at->start >= at->end || (next && next->start < at->end))
			return false;
		uint64_t low = at->low, high = at->high, gap = at->gap;
		update(&at->node);
		if (at->low != low || at->high != high || at->gap != gap)
			return false;
	}
	return true;
}
