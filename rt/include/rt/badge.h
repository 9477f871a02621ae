/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * From the badge of a message to what it stands for, in three steps, whatever badges there are.
 *
 * Badges are rm's ids (lib/slotmap.h): of two that live at the same time the lowest 24 bits differ;
 * the rest tells an old id from a new one and is compared. A tree of 256 places a level, by slot
 * (mostly small numbers), then by the two bytes of the page. Nodes are RT_BADGE_NODE_BYTES, come
 * when needed and go when they are empty, but for the last two. Pure.
 */
#pragma once
#include <lib/err.h>
#include <lib/list.h>
#include <lib/pages.h>
#include <stdbool.h>
#include <stdint.h>

struct rt_client;

struct rt_badge {
	uint64_t value; /* 0: in no tree */
	struct rt_client *client;
	void *ctx;
	struct list link;
	uint64_t root; /* rm's id of it */
	uint8_t kind;
};

struct rt_badge_leaf {
	struct rt_badge *badge[256];
	uint32_t count;
};
struct rt_badge_node {
	struct rt_badge_leaf *leaf[256];
	uint32_t count;
};
enum { RT_BADGE_NODE_BYTES = 256 * 8 + 8, RT_BADGE_KEPT_MAX = 2 };

struct rt_badges {
	struct rt_badge_node *node[256];
	uint64_t count;
	uint32_t kept_count;
	void *kept[RT_BADGE_KEPT_MAX]; /* empty nodes, so all 0 */
};

/* The badge with that value, NULL if there is none. value may be anything. */
static inline __attribute__((always_inline)) struct rt_badge *rt_badge_find(
        const struct rt_badges *badges, uint64_t value)
{
	const struct rt_badge_node *node = badges->node[value & 0xff];
	const struct rt_badge_leaf *leaf = node ? node->leaf[value >> 16 & 0xff] : NULL;
	struct rt_badge *badge = leaf ? leaf->badge[value >> 8 & 0xff] : NULL;
	return badge && badge->value == value ? badge : NULL;
}

/*
 * badge->value, not 0, leads to badge from now on. nodes gives blocks of RT_BADGE_NODE_BYTES.
 * EXIST: another one has the same lowest 24 bits. NOMEM. After an error nothing changed.
 */
err_t rt_badge_add(struct rt_badges *badges, const struct lib_pages *nodes, struct rt_badge *badge);

/* badge was added. */
void rt_badge_remove(struct rt_badges *badges, const struct lib_pages *nodes,
                     struct rt_badge *badge);
