/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A doubly linked ring of nodes that stand in the caller's structs; also a queue (push at the back,
 * pop at the front) and a stack.
 *
 * A head and a node are the same struct; a head that points to itself is an empty list, a node that
 * does so is in no list. Every operation is O(1) and cannot fail. The list owns nothing: a node is
 * its caller's and must be removed before its memory goes.
 *
 * Invariant: for every node n of a ring, n->next->prev == n and n->prev->next == n.
 */
#pragma once
#include <lib/container.h>
#include <stdbool.h>
#include <stddef.h>

struct list {
	struct list *next, *prev;
};

/* An empty list, or a node in no list. */
static inline void list_init(struct list *list)
{
	list->next = list->prev = list;
}

/* Of a head: nothing in it. Of a node: in no list. */
static inline bool list_is_empty(const struct list *list)
{
	return list->next == list;
}

/* node is in no list; it comes right before at. With a head for at: the last one. */
static inline void list_insert_before(struct list *at, struct list *node)
{
	node->next = at;
	node->prev = at->prev;
	at->prev->next = node;
	at->prev = node;
}

static inline void list_push_back(struct list *list, struct list *node)
{
	list_insert_before(list, node);
}

static inline void list_push_front(struct list *list, struct list *node)
{
	list_insert_before(list->next, node);
}

/* node ends in no list; nothing happens if it was in none. */
static inline void list_remove(struct list *node)
{
	node->prev->next = node->next;
	node->next->prev = node->prev;
	list_init(node);
}

/* NULL if the list is empty. */
static inline struct list *list_first(const struct list *list)
{
	return list_is_empty(list) ? NULL : list->next;
}

static inline struct list *list_last(const struct list *list)
{
	return list_is_empty(list) ? NULL : list->prev;
}

/* The one after node; NULL at the end. */
static inline struct list *list_after(const struct list *list, const struct list *node)
{
	return node->next == list ? NULL : node->next;
}

/* Takes the first node out; NULL if the list is empty. */
static inline struct list *list_pop_front(struct list *list)
{
	struct list *node = list_first(list);
	if (node)
		list_remove(node);
	return node;
}

/* All of from, in its order, behind what list has; from ends empty. They are two lists. */
static inline void list_append_all(struct list *list, struct list *from)
{
	if (list_is_empty(from))
		return;
	from->next->prev = list->prev;
	from->prev->next = list;
	list->prev->next = from->next;
	list->prev = from->prev;
	list_init(from);
}

/* The invariant holds, for at most max nodes; false as well if there are more. */
static inline bool list_valid(const struct list *list, size_t max)
{
	const struct list *node = list;
	do {
		if (node->next->prev != node || node->prev->next != node)
			return false;
		node = node->next;
	} while (node != list && max-- > 0);
	return node == list;
}
