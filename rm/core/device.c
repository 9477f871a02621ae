/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Memory of devices: dataspaces of physical addresses that are not RAM.
 *
 * The kernel gives it as untypeds, from which objects come in order only; so they are halved down
 * to single pages where a device is asked for, and stay so. A page is in one dataspace at a time.
 * The frames get numbers in chunks of their own; they cost the bank nothing but the records.
 */
#include "internal.h"
#include <lib/assert.h>
#include <lib/range.h>

/* An untyped of which nothing was made, or, of one page, a frame: is_used. */
struct device {
	struct list link;
	slot_t untyped;
	uint64_t base;
	uint8_t bits;
	bool is_used;
};

static err_t device_add(struct rm *rm, slot_t untyped, uint64_t base, unsigned int bits)
{
	struct device *d = record_get(rm->root, SLAB_RECORD);
	_Static_assert(sizeof(*d) <= RECORD_BYTES);
	if (!d)
		return E_NOMEM;
	*d = (struct device){ .untyped = untyped, .base = base, .bits = (uint8_t)bits };
	list_push_front(&rm->devices, &d->link);
	return E_OK;
}

err_t device_init(struct rm *rm, const struct rm_boot *boot)
{
	err_t err = E_OK;
	list_init(&rm->devices);
	for (uint32_t i = 0; i < boot->devices_count && err == E_OK; i++)
		err = device_add(rm, boot->devices[i].untyped, boot->devices[i].base,
		                 boot->devices[i].bits);
	return err;
}

static struct device *device_at(const struct rm *rm, uint64_t physical)
{
	for (struct list *at = list_first(&rm->devices); at; at = list_after(&rm->devices, at)) {
		struct device *d = container_of(at, struct device, link);
		if (physical >= d->base && physical - d->base < 1ull << d->bits)
			return d;
	}
	return NULL;
}

/* Two halves in its place. */
static err_t device_halve(struct rm *rm, struct device *d)
{
	slot_t slots[2] = { 0, 0 };
	unsigned int bits = d->bits - 1u, made = 0;
	err_t err = E_OK;
	for (; made < 2 && err == E_OK; made++) {
		slots[made] = slot_get(rm, rm->root);
		err = slots[made]
		              ? KERNEL(rm, retype, d->untyped, OBJ_UNTYPED, bits, slots[made], 1)
		              : E_NOMEM;
	}
	struct device whole = *d;
	if (err == E_OK)
		err = device_add(rm, slots[1], d->base + (1ull << bits), bits);
	if (err == E_OK) {
		d->untyped = slots[0];
		d->bits = (uint8_t)bits;
		return E_OK;
	}
	rm->ops->revoke(rm->kernel, whole.untyped);
	for (unsigned int i = 0; i < 2; i++)
		if (slots[i])
			slot_put(rm, rm->root, slots[i]);
	return err;
}

/* The page's frame in a slot. NOENT: it is RAM, or nothing. BUSY: another dataspace has it. */
static err_t device_take(struct rm *rm, uint64_t physical, slot_t slot)
{
	struct device *d = device_at(rm, physical);
	if (!d)
		return E_NOENT;
	while (d->bits > PAGE_BITS) {
		err_t err = device_halve(rm, d);
		if (err != E_OK)
			return err;
		d = device_at(rm, physical);
	}
	if (d->is_used)
		return E_BUSY;
	err_t err = KERNEL(rm, retype, d->untyped, OBJ_X86_4K_PAGE, 0, slot, 1);
	d->is_used = err == E_OK;
	return err;
}

/* The frame is no more; with the last one of its chunk, that. */
void device_put(struct rm *rm, frame_t f)
{
	struct chunk *chunk = chunk_of(rm, f);
	device_at(rm, frame_physical(rm, f))->is_used = false;
	rm->ops->remove(rm->kernel, frame_slot(rm, f));
	*frame_at(rm, f) = (struct frame){ 0 };
	if (--chunk->free == 0)
		memory_device_end(rm, f >> CHUNK_BITS);
}

static err_t fill(struct rm *rm, struct dataspace *ds, uint64_t physical)
{
	struct bank *bank = ds->object.bank;
	uint32_t c;
	err_t err = memory_device_begin(rm, physical, &c);
	for (uint64_t i = 0; i < ds->size && err == E_OK; i++) {
		frame_t f = c << CHUNK_BITS | (frame_t)i;
		struct page *page = record_get(bank, SLAB_PAGE);
		err = page ? device_take(rm, physical + i * PAGE, frame_slot(rm, f)) : E_NOMEM;
		if (err != E_OK) {
			if (page)
				record_put(bank, SLAB_PAGE, page);
			if (i == 0)
				memory_device_end(rm, c);
			break;
		}
		*page = (struct page){ .frame = f, .holders = 1 };
		*frame_at(rm, f) = (struct frame){ .use = FRAME_PAGE, .page = page };
		rm->chunks[c].free++; /* those in use */
		err = dataspace_put_page(rm, ds, i, page);
	}
	return err;
}

err_t on_dataspace_create_device(struct rm *rm, struct proto_request *request, struct bank *bank,
                                 const struct rm_dataspace_create_device_in *in)
{
	struct dataspace *ds;
	if (in->size > CHUNK_PAGES)
		return E_LIMIT;
	err_t err = dataspace_new(rm, bank, RM_DATASPACE_KIND_DEVICE, in->size, false, &ds);
	if (err != E_OK)
		return err;
	ds->caching = in->caching;
	err = fill(rm, ds, in->physical);
	if (err == E_OK)
		return object_made(rm, request, &ds->object, FACET_RIGHTS);
	object_kill(rm, &ds->object);
	return err;
}
