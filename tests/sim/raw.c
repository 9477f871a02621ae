/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Raw memory: programs that make objects of the untypeds that rm gave them, copy them and drop them
 * in any order; and that nothing of it is left where rm has taken it back.
 */
#include "world.h"

/* rm's page at a physical address; 0: there is none. */
static frame_t frame_of(uint64_t physical)
{
	for (uint32_t c = 1; c < w.rm.parts_next; c++) {
		const struct chunk *chunk = &w.rm.chunks[c];
		if (chunk->kind == CHUNK_KERNEL &&
		    physical - chunk->base < (uint64_t)PAGE << chunk->pages_bits)
			return c << CHUNK_BITS | (frame_t)((physical - chunk->base) / PAGE);
	}
	return 0;
}

/* It is given out as raw memory now. */
static bool is_raw(uint64_t physical)
{
	frame_t f = frame_of(physical);
	return f && frame_at(&w.rm, f)->use == FRAME_PAGE &&
	       w.kernel.caps[kernel_slot(&w.rm, f)].type == SIM_UNTYPED;
}

/* An untyped came with an answer: of a page that is there, and nobody else's. */
void raw_opened(const struct sent *s, uint32_t untyped)
{
	const struct sim_cap *c = &w.kernel.caps[untyped];
	const struct dataspace *ds = slotmap_get(&w.rm.objects, ID(s->badge));
	MUST(ds && c->type == SIM_UNTYPED && ds->kind == RM_DATASPACE_KIND_RAW,
	     "what was opened is not raw");
	const struct page *page = (struct page *)radix_get(&ds->pages, s->words[0]);
	MUST(page && untyped == frame_slot(&w.rm, page->frame), "another page was opened");
	MUST(!c->child, "a page is opened, and somebody has something of it still");
	MUST(donation_spares(ds, s->words[0], s->words[0] + 1), "a page is opened that is donated");
	MUST((s->badge >> FACET_SHIFT & FACET_RIGHTS) == FACET_RIGHTS,
	     "a page is opened without all rights");
}

static void make_something(uint32_t held)
{
	static const struct {
		uint8_t type, bits;
	} kinds[] = {
		{ OBJ_UNTYPED, 12 },     { OBJ_UNTYPED, 10 }, { OBJ_TCB, 0 },
		{ OBJ_NOTIFICATION, 0 }, { OBJ_CNODE, 7 },    { OBJ_SCHED_CONTEXT, 8 },
		{ OBJ_REPLY, 0 },        { OBJ_X86_PML4, 0 }, { OBJ_X86_PAGE_TABLE, 0 },
		{ OBJ_X86_4K_PAGE, 0 },
	};
	unsigned int i = (unsigned int)below(sizeof(kinds) / sizeof(kinds[0]));
	uint32_t made = sim_retype(&w.kernel, w.held[held].cap, kinds[i].type, kinds[i].bits);
	if (!made)
		return;
	(void)hold_made(made, HELD_RAW, 0);
	w.raw_made++;
}

void raw_chance(void)
{
	int held = pick(HELD_RAW);
	if (held < 0)
		return;
	uint32_t cap = w.held[held].cap;
	if (one_in(4))
		drop((uint32_t)held);
	else if (one_in(4) && sim_can_copy(&w.kernel, cap))
		(void)hold(cap, HELD_RAW, 0);
	else if (w.kernel.caps[cap].type == SIM_UNTYPED)
		make_something((uint32_t)held);
}

/* What programs have of raw memory is of such that is given out. */
void raw_check(void)
{
	for (uint32_t i = 0; i < w.held_count; i++) {
		const struct sim_cap *c = &w.kernel.caps[w.held[i].cap];
		if (w.held[i].kind == HELD_RAW && c->type)
			MUST(is_raw(w.kernel.objects[c->object].base),
			     "somebody has something of memory that was raw");
	}
}
