/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Sets of physical memory, and their division into untypeds (seL4 manual, section 2.4). Pure:
 * nothing here touches the memory that it speaks of.
 *
 * Limits: REGIONS_MAX regions in a set, ABI_BOOT_UNTYPEDS_MAX untypeds. What goes beyond is lost,
 * the smallest first.
 */
#include "boot.h"

static bool regions_valid(const struct regions *regions)
{
	if (regions->count > REGIONS_MAX)
		return false;
	for (unsigned i = 0; i < regions->count; i++) {
		const struct region *r = &regions->list[i];
		if (r->start >= r->end || (i > 0 && r[-1].end >= r->start))
			return false;
	}
	return true;
}

static void region_delete(struct regions *regions, unsigned i)
{
	for (; i + 1 < regions->count; i++)
		regions->list[i] = regions->list[i + 1];
	regions->count--;
}

/* Makes room at index i; false if the new one, of `size` bytes, is the smallest of too many. */
static bool region_make_room(struct regions *regions, unsigned *i, uint64_t size)
{
	if (regions->count == REGIONS_MAX) {
		unsigned least = 0;
		for (unsigned k = 1; k < regions->count; k++) {
			const struct region *r = &regions->list[k], *l = &regions->list[least];
			if (r->end - r->start < l->end - l->start)
				least = k;
		}
		if (size <= regions->list[least].end - regions->list[least].start)
			return false;
		region_delete(regions, least);
		if (least < *i)
			(*i)--;
	}
	for (unsigned k = regions->count; k > *i; k--)
		regions->list[k] = regions->list[k - 1];
	regions->count++;
	return true;
}

void regions_add(struct regions *regions, paddr_t start, paddr_t end)
{
	unsigned i = 0;
	if (start >= end)
		return;
	while (i < regions->count && regions->list[i].end < start)
		i++;
	/* All that it overlaps or touches becomes part of it. */
	while (i < regions->count && regions->list[i].start <= end) {
		if (regions->list[i].start < start)
			start = regions->list[i].start;
		if (regions->list[i].end > end)
			end = regions->list[i].end;
		region_delete(regions, i);
	}
	if (region_make_room(regions, &i, end - start))
		regions->list[i] = (struct region){ start, end };
	assert(regions_valid(regions));
}

void regions_remove(struct regions *regions, paddr_t start, paddr_t end)
{
	if (start >= end)
		return;
	for (unsigned i = 0; i < regions->count;) {
		struct region r = regions->list[i];
		if (r.end <= start || r.start >= end) {
			i++;
			continue;
		}
		region_delete(regions, i);
		if (r.start < start && region_make_room(regions, &i, start - r.start))
			regions->list[i++] = (struct region){ r.start, start };
		if (r.end > end && region_make_room(regions, &i, r.end - end))
			regions->list[i++] = (struct region){ end, r.end };
	}
	assert(regions_valid(regions));
}

bool regions_take(struct regions *regions, uint64_t size, unsigned align_bits, paddr_t from,
                  paddr_t to, paddr_t *start)
{
	for (unsigned i = 0; i < regions->count; i++) {
		struct region r = regions->list[i];
		paddr_t end = r.end < to ? r.end : to;
		paddr_t at = ALIGN_UP(r.start > from ? r.start : from, align_bits);
		if (at >= end || end - at < size)
			continue;
		*start = at;
		regions_remove(regions, at, at + size);
		return true;
	}
	return false;
}

uint64_t regions_size(const struct regions *regions)
{
	uint64_t size = 0;
	for (unsigned i = 0; i < regions->count; i++)
		size += regions->list[i].end - regions->list[i].start;
	return size;
}

static unsigned log2_floor(uint64_t x)
{
	return 63 - (unsigned)__builtin_clzll(x);
}

/* Appends; drops the smallest, this one or another, when there are too many. */
static void untyped_list_append(struct untyped_list *list, struct abi_untyped_desc desc)
{
	if (list->count == ABI_BOOT_UNTYPEDS_MAX) {
		unsigned least = 0;
		for (unsigned i = 1; i < list->count; i++) {
			if (list->list[i].size_bits < list->list[least].size_bits)
				least = i;
		}
		list->dropped++;
		if (desc.size_bits <= list->list[least].size_bits)
			return;
		for (unsigned i = least; i + 1 < list->count; i++)
			list->list[i] = list->list[i + 1];
		list->count--;
	}
	list->list[list->count++] = desc;
}

void untyped_list_add(struct untyped_list *list, paddr_t start, paddr_t end, bool device)
{
	while (start < end) {
		unsigned bits = log2_floor(end - start);
		if (start != 0 && (unsigned)__builtin_ctzll(start) < bits)
			bits = (unsigned)__builtin_ctzll(start);
		if (bits > ABI_UNTYPED_BITS_MAX)
			bits = ABI_UNTYPED_BITS_MAX;
		if (bits >= ABI_UNTYPED_BITS_MIN) {
			struct abi_untyped_desc desc = { .paddr = start, .is_device = device };
			desc.size_bits = (uint8_t)bits;
			untyped_list_append(list, desc);
		}
		start += BIT(bits);
	}
}
