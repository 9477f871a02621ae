/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Deadlines in the order in which they come: what waits, until when, and who is first. On
 * lib/tree.h: O(log n) in the worst case, the earliest in O(1).
 *
 * A deadline stands in the caller's struct and is the caller's; it must be cancelled, or have
 * expired, before its memory goes. Equal times expire in the order in which they were set.
 */
#pragma once
#include <lib/tree.h>
#include <stdint.h>

struct deadline {
	struct tree_node node;
	uint64_t time_ns;
	bool is_set;
};

struct deadlines {
	struct tree tree;
	struct deadline *first; /* No ownership. NULL if there is none. */
};

#define DEADLINE_NEVER UINT64_MAX

void deadlines_init(struct deadlines *deadlines);
void deadline_init(struct deadline *deadline);

/* From now on it is due at time_ns; one that was set already is moved. */
void deadline_set(struct deadlines *deadlines, struct deadline *deadline, uint64_t time_ns);

/* It is not due any more; nothing happens to one that is not set. */
void deadline_cancel(struct deadlines *deadlines, struct deadline *deadline);

/* The time of the earliest; DEADLINE_NEVER if there is none. */
uint64_t deadlines_first_ns(const struct deadlines *deadlines);

/* Takes out the earliest, if it is due at now_ns or was before; else NULL. */
struct deadline *deadlines_expire(struct deadlines *deadlines, uint64_t now_ns);

bool deadlines_valid(const struct deadlines *deadlines);
