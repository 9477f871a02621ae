/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What must hold: after each step a few sums, now and then everything, by walking rm's state and
 * the kernel's side by side. The numbers are those of docs/design/protocols.md.
 */
#include "world.h"

void check_step(void)
{
	const struct rm *rm = &w.rm;
	uint64_t frames = w.kernel.live[SIM_FRAME] - w.kernel.frames_of_pages -
	                  w.kernel.device_frames + w.kernel.large_frames * (LARGE_PAGES - 1);
	const struct chunk *closing = &rm->chunks[rm->closing];
	uint64_t closes = rm->closing && closing->kind != CHUNK_KERNEL ? closing->made : 0;
	uint64_t given = w.kernel.pages_used - w.boot_pages + frames - rm->cleared.count -
	                 rm->dirty.count - rm->ready.count - rm->meta_free.count - closes;
	MUST(given == rm->pages_given, "the kernel counts %lu pages given out, rm %lu (I2)", given,
	     rm->pages_given);
	if (w.step % 16 != 0)
		return;
	lend_check();
	uint64_t used = rm->root->used, limits = rm->root->limit;
	uint32_t cursor = 0;
	const struct object *o;
	while ((o = slotmap_next(&rm->objects, &cursor)) != NULL)
		if (o->kind == KIND_BANK) {
			const struct bank *b = (const struct bank *)o;
			used += b->used;
			limits += b->limit;
			MUST(b->used <= b->limit && b->pinned <= b->pin_limit,
			     "a bank is over its limit");
		}
	MUST(used == rm->pages_given, "banks pay for %lu pages, %lu are given (I2)", used,
	     rm->pages_given);
	MUST(limits == rm->pages_total, "limits add up to %lu, not %lu (I11)", limits,
	     rm->pages_total);
	for (uint32_t i = 0; i < SENT_MAX; i++)
		MUST(!w.sent[i].used || w.sent[i].is_call || rm->parked > 0,
		     "a caller waits whom rm does not know (I8)");
}

/* What rm takes to be mapped is mapped, and nothing else. */
static void check_mappings(const struct vspace *v)
{
	uint64_t key = 0, live = 0;
	uint32_t pml4 = w.kernel.caps[kernel_slot(&w.rm, v->root)].object;
	for (struct leaf *leaf; (leaf = (struct leaf *)radix_next(&v->leaves, &key)) != NULL;
	     key++) {
		live += leaf->live;
		for (unsigned int i = 0; i < SLOT_PAGE; i++) {
			const struct mapping *m = &leaf->map[i];
			bool write;
			if (m->state != MAPPING_LIVE)
				continue;
			uint32_t frame = sim_walk(&w.kernel, pml4, leaf->base + i * PAGE, &write);
			MUST(frame == w.kernel.caps[frame_slot(&w.rm, m->frame)].object &&
			             write == m->writable,
			     "%#lx is not mapped as rm takes it to be", leaf->base + i * PAGE);
		}
	}
	uint64_t mapped = sim_mapped(&w.kernel, pml4);
	MUST(mapped == live, "%lu pages are mapped where rm knows of %lu", mapped, live);
}

/* A thread runs, or stands, as rm has it; and has what it needs. */
static void check_thread(const struct thread *t)
{
	const struct sim_cap *c = &w.kernel.caps[t->tcb];
	MUST(c->type == SIM_TCB, "a thread without TCB");
	const struct sim_tcb *tcb = &w.kernel.tcbs[w.kernel.objects[c->object].data];
	MUST(!t->in_fault || t->task->state == RM_TASK_STATE_DEAD || !list_is_empty(&t->fault.link),
	     "a thread waits for nothing (I8)");
	bool runs = t->state == THREAD_RUNNING && !t->in_fault;
	/* A handler may ask about a thread that runs: then what it says is of its own making. */
	MUST((tcb->state == SIM_RUNNING) == runs || (t->handler && t->in_fault),
	     "a thread %s that should %s", tcb->state == SIM_RUNNING ? "runs" : "stands",
	     runs ? "run" : "stand");
	MUST(!tcb->works || tcb->sched_context || tcb->was_sent,
	     "a passive server is in the middle of a request, without a context (I8)");
	MUST(sim_thread_whole(&w.kernel, w.kernel.objects[c->object].data),
	     "a thread has lost its CSpace, its address space or its buffer");
}

static void check_objects(void)
{
	uint32_t cursor = 0;
	const struct object *o;
	while ((o = slotmap_next(&w.rm.objects, &cursor)) != NULL) {
		const struct dataspace *ds = (const struct dataspace *)o;
		if (o->kind == KIND_DATASPACE && !list_is_empty(&ds->waiters))
			MUST(ds->copy || (ds->kind == RM_DATASPACE_KIND_PAGED && !ds->lost),
			     "somebody waits for a page that nobody brings (I8)");
		if (o->kind == KIND_VSPACE && !list_is_empty(&((const struct vspace *)o)->waiters))
			MUST(((const struct vspace *)o)->copier,
			     "somebody waits for the end of no copy (I8)");
		if (o->kind == KIND_VSPACE && !o->dying)
			check_mappings((const struct vspace *)o);
		if (o->kind == KIND_THREAD && !o->dying &&
		    !((const struct thread *)o)->task->object.dying)
			check_thread((const struct thread *)o);
	}
}

/* What a client holds of a session goes with the session, and with nothing else (I9). */
void check_held(void)
{
	for (uint32_t i = 0; i < w.held_count; i++) {
		const struct held *it = &w.held[i];
		if ((it->kind != HELD_SESSION && it->kind != HELD_SIGNAL) || it->may_go ||
		    sim_is_held(&w.kernel, it->cap))
			continue;
		const struct object *o = slotmap_get(&w.rm.objects, it->badge);
		const struct session *s = (const struct session *)o;
		MUST(!o || o->kind != KIND_SESSION || o->dying ||
		             s->state == RM_SESSION_STATE_SEVERED,
		     "a capability of session %#lx, which lives, is gone (I9)", it->badge);
	}
}

void check_all(void)
{
	MUST(rm_valid(&w.rm), "rm_valid");
	check_objects();
	model_collect();
	model_check();
	raw_check();
	sim_kernel_check(&w.kernel);
}

/* The first program is gone as well: what is left is rm's own, and the machine's object. */
void check_end(void)
{
	const struct rm *rm = &w.rm;
	uint64_t kernel = 0, meta = rm->objects.pages, by_use[16] = { 0 };
	for (uint32_t c = 1; c < rm->parts_next; c++) {
		const struct chunk *chunk = &rm->chunks[c];
		MUST(chunk->kind != CHUNK_LARGE, "a large page is left");
		if (chunk->kind != CHUNK_FRAMES && chunk->kind != CHUNK_META &&
		    chunk->kind != CHUNK_KERNEL)
			continue;
		bool boot = (char *)chunk->frames < rm->window ||
		            (char *)chunk->frames >= rm->window + (uint64_t)SIM_PAGES * PAGE;
		unsigned int slots = chunk->kind == CHUNK_KERNEL ? 2 : 1;
		kernel += (boot ? 0 : slots) + (chunk->window_page != 0);
		meta += !boot;
		for (unsigned int i = 0; i < chunk->made; i++)
			by_use[chunk->frames[i].use & 15]++;
	}
	for (unsigned int i = 0; i < SLABS; i++)
		meta += rm->root->slab[i].pages;
	for (uint32_t i = 0; i < SIM_SLOT_PAGES; i++)
		kernel += w.kernel.directory_there[i];
	kernel -= rm->slot_page_flat == 0; /* of a boot page */
	kernel += w.kernel.asid_pools;
	for (uint32_t i = 0; i < SIM_PAGES / LARGE_PAGES; i++)
		kernel += w.kernel.window_tables[i] != 0;
	MUST(by_use[FRAME_KERNEL] == kernel, "%lu kernel pages are left, of which %lu are known",
	     by_use[FRAME_KERNEL], kernel);
	MUST(by_use[FRAME_META] == meta, "%lu pages of records are left, of which %lu are known",
	     by_use[FRAME_META], meta);
	MUST(by_use[FRAME_PAGE] == 0, "%lu pages of dataspaces are left", by_use[FRAME_PAGE]);
	MUST(rm->objects.live == 2, "%lu objects are left", rm->objects.live);
	MUST(!rm->parked && !rm_has_work(rm) && list_is_empty(&rm->retry) &&
	             deadlines_first_ns(&rm->session_deadlines) == DEADLINE_NEVER &&
	             deadlines_first_ns(&rm->pager_deadlines) == DEADLINE_NEVER &&
	             deadlines_first_ns(&rm->passive_deadlines) == DEADLINE_NEVER &&
	             deadlines_first_ns(&rm->probe_deadlines) == DEADLINE_NEVER &&
	             list_is_empty(&rm->passive) && !rm->names.root,
	     "somebody still waits, or a name is left");
	MUST(w.kernel.live[SIM_TCB] == 0 && w.kernel.live[SIM_PML4] == 0 &&
	             w.kernel.live[SIM_SC] == 0 && w.kernel.live[SIM_ENDPOINT] == 1 &&
	             w.kernel.live[SIM_NOTIFICATION] == 0 &&
	             w.kernel.live[SIM_REPLY] == 1 + rm->replies_kept,
	     "kernel objects are left: TCBs %u, PML4s %u, contexts %u, endpoints %u, notifications "
	     "%u, replies %u",
	     w.kernel.live[SIM_TCB], w.kernel.live[SIM_PML4], w.kernel.live[SIM_SC],
	     w.kernel.live[SIM_ENDPOINT], w.kernel.live[SIM_NOTIFICATION],
	     w.kernel.live[SIM_REPLY]);
	check_step();
}
