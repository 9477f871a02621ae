/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * An address space whose memory is all laid out before it is used: no access needs a page, a page
 * table or a record then, so none can fail for want of memory.
 *
 * Page after page in the order of addresses, STEP_PAGES of them in a step, half as many if each has
 * to be made, or one large one. What changes behind the cursor
 * meanwhile is not looked at again; and a page that one region comes to own may have been mapped by
 * another one, here or elsewhere, which has to map it anew. Therefore the caller is told for how
 * many pages something was to be done, and asks again until there are none.
 *
 * While the space, or the dataspace of the region at the cursor, is being copied, the work waits,
 * as faults do. It ends with the space, or with its bank.
 */
#include "internal.h"
#include <lib/assert.h>

/* Nothing of the region can be laid out. */
static bool is_left_out(const struct rm *rm, const struct region *r)
{
	const struct dataspace *ds = r->dataspace;
	if (!r->rights || !ds || ds->object.dying || (r->share && !share_find(rm, r->share)))
		return true;
	return ds->kind == RM_DATASPACE_KIND_PAGED ||
	       (ds->backing && ds->backing->kind == RM_DATASPACE_KIND_PAGED);
}

/* A region that grows down does so as far as its neighbour, or its dataspace, lets it. */
static void grow(struct vspace *vspace, struct region *r)
{
	const struct interval *below = interval_prev(&r->interval);
	uint64_t start = r->interval.start, low = below ? below->end : USER_LOW;
	uint64_t more = start > low ? (start - low) / PAGE : 0;
	if (more > r->first)
		more = r->first;
	if (more > 0 && interval_resize(&vspace->regions, &r->interval, start - more * PAGE,
	                                r->interval.end) == E_OK)
		r->first -= more;
}

/* Behind the last page of the region that its dataspace has. */
static uint64_t end_of(const struct region *r)
{
	uint64_t size = r->dataspace->size, pages = size > r->first ? size - r->first : 0;
	uint64_t most = (r->interval.end - r->interval.start) / PAGE;
	return r->interval.start + (pages < most ? pages : most) * PAGE;
}

/* The first page at or above the address that may be there, or be made. */
static uint64_t next_page(const struct region *r, uint64_t address)
{
	const struct dataspace *ds = r->dataspace;
	uint64_t index = region_index(r, address);
	uint64_t page = index, large = index / LARGE_PAGES, next = UINT64_MAX;
	if (!ds->lost || ds->backing)
		return address;
	if (radix_next(&ds->pages, &page))
		next = page;
	if (radix_next(&ds->large, &large) && large * LARGE_PAGES < next)
		next = large * LARGE_PAGES > index ? large * LARGE_PAGES : index;
	return next == UINT64_MAX ? r->interval.end : address + (next - index) * PAGE;
}

/* The region's next page at or above the cursor. steps: what has been done in this step. */
static err_t lay_out_next(struct rm *rm, struct vspace *vspace, struct region *r,
                          unsigned int *steps)
{
	uint64_t at = vspace->populate_at, next;
	if (at <= r->interval.start) {
		if (r->flags & RM_REGION_FLAGS_GROWS_DOWN)
			grow(vspace, r);
		at = r->interval.start;
	}
	at = next_page(r, at);
	if (at >= end_of(r)) {
		vspace->populate_at = r->interval.end;
		return E_OK;
	}
	if (fault_is_laid_out(rm, r, at, &next)) {
		vspace->populate_at = next;
		return E_OK;
	}
	err_t err = fault_lay_out(rm, r, at);
	if (err == E_OK) {
		bool laid_out = fault_is_laid_out(rm, r, at, &next);
		assert(laid_out);
		vspace->populated++;
		*steps += next - at > PAGE ? STEP_PAGES : 1;
	}
	vspace->populate_at = err == E_GONE ? r->interval.end : next;
	return err == E_GONE || err == E_NOENT ? E_OK : err;
}

/* A part of the work. PENDING: there is more. */
static err_t populate_step(struct rm *rm, struct vspace *vspace)
{
	if (vspace->object.bank->object.dying)
		return E_GONE;
	if (vspace->copier)
		return E_PENDING;
	for (unsigned int steps = 0; steps < STEP_PAGES; steps++) {
		struct interval *next = interval_find_from(&vspace->regions, vspace->populate_at);
		if (!next)
			return E_OK;
		struct region *r = container_of(next, struct region, interval);
		bool left_out = is_left_out(rm, r);
		if (!left_out && r->dataspace->copy)
			return E_PENDING;
		err_t err = E_OK;
		if (left_out)
			vspace->populate_at = r->interval.end;
		else
			err = lay_out_next(rm, vspace, r, &steps);
		if (err != E_OK)
			return err;
	}
	return E_PENDING;
}

/* True: nobody waits for it, or not any more. */
bool populate_work(struct rm *rm, struct vspace *vspace)
{
	struct list *link = list_first(&vspace->populating);
	err_t err = link ? populate_step(rm, vspace) : E_OK;
	if (!link || err == E_PENDING)
		return !link;
	uint64_t words[PROTO_WORDS_FAST];
	struct proto_request request = { .state = PROTO_PARKED, .reply = words };
	const struct rm_vspace_populate_out out = { .made = vspace->populated };
	rm_vspace_populate_answer(&request, err, &out);
	answer_request(rm, container_of(link, struct waiter, link), &request);
	return true;
}

err_t on_vspace_populate(struct rm *rm, struct proto_request *, struct vspace *vspace,
                         struct rm_vspace_populate_out *)
{
	if (!list_is_empty(&vspace->populating))
		return E_BUSY;
	err_t err =
	        wait_for(rm, vspace->object.bank, &vspace->populating, RM_METHOD_VSPACE_POPULATE);
	if (err != E_OK)
		return err;
	vspace->populate_at = vspace->populated = 0;
	job_add(rm, &vspace->object);
	return E_PENDING;
}
