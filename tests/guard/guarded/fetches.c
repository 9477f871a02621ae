/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * See guarded.h. By addresses: where a client lends the same page twice, what is read by one window
 * and then by the other is two things to the server, which cannot know better (attack 10).
 */
#include "guarded.h"
#include <lib/assert.h>
#include <rt/program.h>

enum { FETCHES_MAX = 1024, STATUS_TWICE = 135 };

static struct fetch fetches[FETCHES_MAX];
static unsigned int count;

void fetch_none(void)
{
	count = 0;
}

static bool overlap(const struct fetch *a, const struct fetch *b)
{
	return a->bytes > 0 && b->bytes > 0 && a->at < b->at + b->bytes && b->at < a->at + a->bytes;
}

static const struct fetch *find(const struct fetch *it, bool hints)
{
	for (unsigned int i = 0; i < count; i++)
		if (overlap(it, &fetches[i]) && (hints || !fetches[i].is_hint))
			return &fetches[i];
	return NULL;
}

bool fetch_known(struct fetch it)
{
	return find(&it, true);
}

void fetch_check(struct fetch it, bool hints)
{
	const struct fetch *before = fetch_counts() ? find(&it, hints) : NULL;
	if (!before)
		return;
	rt_log("%s: client memory at 0x%lx is read twice in one request: at 0x%lx, then at 0x%lx",
	       rt_arg(0) ? rt_arg(0) : "program", before->at > it.at ? before->at : it.at,
	       before->by, it.by);
	rt_exit(STATUS_TWICE);
}

void fetch_note(struct fetch it)
{
	struct fetch *last = count > 0 ? &fetches[count - 1] : NULL;
	if (!fetch_counts() || it.bytes == 0)
		return;
	if (last && last->at + last->bytes == it.at && last->by == it.by &&
	    last->is_hint == it.is_hint) {
		last->bytes += it.bytes;
		return;
	}
	assert(count < FETCHES_MAX);
	fetches[count++] = it;
}

void fetch_forget(struct fetch it)
{
	for (unsigned int i = 0; i < count; i++) {
		struct fetch *f = &fetches[i];
		uint64_t end = f->at + f->bytes, cut = it.at + it.bytes;
		if (!overlap(&it, f))
			continue;
		if (end > cut) { /* what lies behind it stays */
			assert(count < FETCHES_MAX);
			fetches[count] = *f;
			fetches[count].at = cut;
			fetches[count++].bytes = end - cut;
		}
		f->bytes = f->at < it.at ? it.at - f->at : 0;
	}
}
