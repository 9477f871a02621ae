/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The simulated kernel: capabilities, objects, what is mapped, who waits. It refuses nothing
 * silently: what seL4 would refuse ends the run, but for the refusals that kernel.h names.
 *
 * The derivation tree is a tree here (seL4 keeps a list in which it is implied): the parent of a
 * copy is its source if that is revocable (an original, or minted with another badge), else the
 * source's parent.
 */
#include "sim.h"
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/asan_interface.h>
#define POISON(at, size) ASAN_POISON_MEMORY_REGION(at, size)
#define UNPOISON(at, size) ASAN_UNPOISON_MEMORY_REGION(at, size)
#else
#define POISON(at, size) ((void)(at), (void)(size))
#define UNPOISON(at, size) ((void)(at), (void)(size))
#endif

static struct sim_cap *cap_at(struct sim_kernel *k, uint64_t slot)
{
	MUST(slot > 0 && slot < SIM_RM_CAPS && k->slot_page_there[slot >> SLOT_PAGE_BITS],
	     "kernel: no slot %#lx in rm's CSpace", slot);
	if (slot >= k->caps_end)
		k->caps_end = (uint32_t)slot + 1;
	return &k->caps[slot];
}

/* A slot of rm's that has a capability of that type. */
static struct sim_cap *cap_of(struct sim_kernel *k, uint64_t slot, unsigned int type,
                              const char *op)
{
	struct sim_cap *c = cap_at(k, slot);
	MUST(c->type == type, "kernel: %s: slot %#lx has type %u, not %u", op, slot, c->type, type);
	return c;
}

static struct sim_object *object_of(struct sim_kernel *k, const struct sim_cap *c)
{
	return &k->objects[c->object];
}

/* -- the derivation tree ---------------------------------------------------------------------- */

static bool is_page_untyped(const struct sim_kernel *k, uint32_t at)
{
	const struct sim_cap *c = &k->caps[at];
	const struct sim_object *o = &k->objects[c->object];
	return c->type == SIM_UNTYPED && o->bits == PAGE_BITS && !o->is_device;
}

/* An untyped of one page, the first one for it, has something in it from now on, or nothing. */
static void count_page(struct sim_kernel *k, uint32_t untyped, uint64_t by)
{
	if (is_page_untyped(k, untyped) && !is_page_untyped(k, k->caps[untyped].parent))
		k->pages_used += by;
}

static void link_child(struct sim_kernel *k, uint32_t parent, uint32_t child)
{
	struct sim_cap *c = &k->caps[child];
	c->parent = parent;
	c->prev = 0;
	c->next = parent ? k->caps[parent].child : 0;
	if (parent && !c->next)
		count_page(k, parent, 1);
	if (c->next)
		k->caps[c->next].prev = child;
	if (parent)
		k->caps[parent].child = child;
}

static void unlink_child(struct sim_kernel *k, uint32_t child)
{
	struct sim_cap *c = &k->caps[child];
	if (c->prev)
		k->caps[c->prev].next = c->next;
	else if (c->parent)
		k->caps[c->parent].child = c->next;
	if (c->next)
		k->caps[c->next].prev = c->prev;
	if (c->parent && !k->caps[c->parent].child)
		count_page(k, c->parent, -1ull);
}

static void cap_put(struct sim_kernel *k, uint32_t at, uint32_t parent, struct sim_cap cap)
{
	MUST(k->caps[at].type == SIM_NONE, "kernel: slot %#x is not empty", at);
	cap.child = 0;
	k->caps[at] = cap;
	link_child(k, parent, at);
	if (cap.object)
		k->objects[cap.object].refs++;
}

static void cap_delete(struct sim_kernel *k, uint32_t at);

static void cap_revoke(struct sim_kernel *k, uint32_t at)
{
	uint32_t child;
	while ((child = k->caps[at].child) != 0) {
		cap_revoke(k, child);
		cap_delete(k, child);
	}
}

static uint32_t object_new(struct sim_kernel *k, unsigned int type, uint64_t base,
                           unsigned int bits);

/*
 * A copy of an untyped is its child, and leaves it full. Each capability has a mark of its own, so
 * it is an object of its own here.
 */
static void derive_untyped(struct sim_kernel *k, uint32_t at, uint32_t from)
{
	struct sim_cap cap = k->caps[from];
	struct sim_object *src = &k->objects[cap.object];
	MUST(!cap.child, "kernel: an untyped with children is not copied (%#x)", from);
	cap.object = object_new(k, SIM_UNTYPED, src->base, src->bits);
	k->objects[cap.object].used = src->used;
	k->objects[cap.object].is_device = src->is_device;
	src->used = 1ull << src->bits;
	cap.is_copy = cap.revocable = true;
	cap_put(k, at, from, cap);
}

/* As CNode_Copy and CNode_Mint derive; badge 0: a copy. */
static void cap_derive(struct sim_kernel *k, uint32_t at, uint32_t from, unsigned int rights,
                       uint64_t badge)
{
	const struct sim_cap *src = &k->caps[from];
	struct sim_cap cap = *src;
	bool message = src->type == SIM_ENDPOINT || src->type == SIM_NOTIFICATION;
	MUST(src->type != SIM_NONE, "kernel: nothing to copy in %#x", from);
	MUST(src->type != SIM_TABLE, "kernel: a page table's capability is not copied");
	if (src->type == SIM_UNTYPED) {
		derive_untyped(k, at, from);
		return;
	}
	MUST(!badge || (message && !src->badge), "kernel: %#x takes no badge", from);
	MUST(src->type != SIM_PML4 || src->asid, "kernel: a PML4 without ASID is not copied");
	if (message)
		cap.rights &= (uint8_t)rights;
	if (message && badge)
		cap.badge = badge;
	if (src->type == SIM_FRAME) {
		cap.rights &= (uint8_t)rights;
		cap.asid = 0;
		cap.address = 0;
	}
	cap.revocable = message && badge;
	cap_put(k, at, src->revocable ? from : src->parent, cap);
}

/* -- objects ----------------------------------------------------------------------------------- */

static uint32_t pop(uint32_t *free, uint32_t *count, uint32_t *end, uint32_t max, const char *what)
{
	if (*count)
		return free[--*count];
	MUST(*end < max, "the simulation has no more %s", what);
	return (*end)++;
}

static uint32_t object_new(struct sim_kernel *k, unsigned int type, uint64_t base,
                           unsigned int bits)
{
	uint32_t o =
	        pop(k->free_objects, &k->objects_free, &k->objects_end, SIM_OBJECTS, "objects");
	k->objects[o] =
	        (struct sim_object){ .base = base, .type = (uint8_t)type, .bits = (uint8_t)bits };
	k->live[type]++;
	return o;
}

static void cnode_init(struct sim_kernel *k, uint32_t o)
{
	uint32_t n = pop(k->free_cnodes, &k->cnodes_free, &k->cnodes_end, SIM_CNODES, "CNodes");
	k->objects[o].data = SIM_CAP_CNODES + (n << SLOT_PAGE_BITS);
}

static uint32_t tcb_cap(uint32_t tcb, unsigned int i)
{
	return SIM_CAP_TCBS + tcb * 4 + i;
}
enum { TCB_CNODE, TCB_VSPACE, TCB_BUFFER, TCB_HANDLER };

static void call_end(struct sim_kernel *k, uint32_t call, uint64_t label, const uint64_t *words,
                     unsigned int length, uint32_t cap, bool cancelled)
{
	k->calls[call].state = SIM_CALL_FREE;
	sim_answered(k->calls[call].user, label, words, length, cap, cancelled);
}

/* Callers in an endpoint's queue, with that badge, or all: they call again, and find nothing. */
static void queue_cancel(struct sim_kernel *k, struct sim_object *o, bool all, uint64_t badge)
{
	uint32_t *at = &o->data;
	while (*at) {
		uint32_t call = *at;
		if (all || k->calls[call].badge == badge) {
			*at = k->calls[call].next;
			call_end(k, call, PROTO_LABEL_SEVERED, NULL, 0, 0, true);
		} else {
			at = &k->calls[call].next;
		}
	}
}

/* The bytes of a frame that lives on go elsewhere. */
static void window_unmap(struct sim_kernel *k, uint64_t page)
{
	struct sim_object *o = &k->objects[k->window_frames[page]];
	if (o->refs > 1)
		memcpy(k->physical + o->base, k->window + page * PAGE, 1ull << o->bits);
	o->data = 0;
	k->window_frames[page] = 0;
	POISON(k->window + page * PAGE, 1ull << o->bits);
}

static void tcb_end(struct sim_kernel *k, uint32_t t)
{
	struct sim_tcb *tcb = &k->tcbs[t];
	for (unsigned int i = 0; i < 4; i++)
		if (k->caps[tcb_cap(t, i)].type)
			cap_delete(k, tcb_cap(t, i));
	if (tcb->sched_context)
		k->objects[tcb->sched_context].data = 0;
	if (tcb->notification)
		k->objects[tcb->notification].data = 0;
	k->free_tcbs[k->tcbs_free++] = t;
}

/* The last capability to it is gone. */
static void object_end(struct sim_kernel *k, uint32_t id)
{
	struct sim_object *o = &k->objects[id];
	switch (o->type) {
	case SIM_CNODE: {
		uint32_t first = o->data;
		for (uint32_t i = 0; i < 1u << o->bits; i++)
			if (k->caps[first + i].type)
				cap_delete(k, first + i);
		if (first >= SIM_CAP_CNODES && first < SIM_CAP_TCBS)
			k->free_cnodes[k->cnodes_free++] =
			        (first - SIM_CAP_CNODES) >> SLOT_PAGE_BITS;
		else if (first < SIM_RM_CAPS)
			k->slot_page_there[first >> SLOT_PAGE_BITS] = 0;
		break;
	}
	case SIM_TCB:
		tcb_end(k, o->data);
		break;
	case SIM_SC:
		k->objects[o->lends].lends = 0;
		if (o->data)
			k->tcbs[k->objects[o->data].data].sched_context = 0;
		break;
	case SIM_NOTIFICATION:
		k->objects[o->lends].lends = 0;
		if (o->data)
			k->tcbs[k->objects[o->data].data].notification = 0;
		break;
	case SIM_ENDPOINT:
		queue_cancel(k, o, true, 0);
		break;
	case SIM_REPLY:
		if (o->data)
			call_end(k, o->data, PROTO_LABEL_SEVERED, NULL, 0, 0, true);
		break;
	case SIM_FRAME:
		k->frames_of_pages -= o->used;
		k->device_frames -= o->is_device;
		k->large_frames -= o->bits == LARGE_BITS;
		break;
	case SIM_TABLE:
	case SIM_PML4:
		k->free_tables[k->tables_free++] = o->data;
		break;
	default:
		break;
	}
	k->live[o->type]--;
	o->type = SIM_NONE;
	k->free_objects[k->objects_free++] = id;
}

/* -- page tables ------------------------------------------------------------------------------- */

static unsigned int index_of(unsigned int level, uint64_t address)
{
	return address >> (PAGE_BITS + 9 * level) & 511; /* level 0: in a page table */
}

/* The table of that level that an address goes through; NULL: it is not there. */
static uint32_t *table_for(const struct sim_kernel *k, uint32_t pml4, unsigned int level,
                           uint64_t address)
{
	uint32_t *table = k->tables[k->objects[pml4].data];
	for (unsigned int at = LEVELS; at >= level && at > 0; at--) {
		uint32_t next = table[index_of(at, address)];
		if (!next || next & SIM_TABLE_LARGE)
			return NULL;
		table = k->tables[k->objects[next].data];
	}
	return table;
}

uint32_t sim_walk(const struct sim_kernel *k, uint32_t pml4, uint64_t address, bool *write)
{
	const uint32_t *table = table_for(k, pml4, 2, address);
	uint32_t entry = table ? table[index_of(1, address)] : 0;
	if (entry && !(entry & SIM_TABLE_LARGE))
		entry = k->tables[k->objects[entry].data][index_of(0, address)];
	*write = entry & SIM_TABLE_WRITE;
	return entry & SIM_TABLE_OBJECT;
}

/* What the deletion of a capability unmaps: by its ASID, whose ever that is by now. */
static void unmap(struct sim_kernel *k, const struct sim_cap *c)
{
	uint32_t pml4 = k->asids[c->asid];
	if (!pml4)
		return;
	const struct sim_object *o = &k->objects[c->object];
	unsigned int level = c->type == SIM_FRAME ? o->bits == LARGE_BITS : o->bits;
	uint32_t *table = table_for(k, pml4, level + 1, c->address);
	uint32_t *entry = table ? &table[index_of(level, c->address)] : NULL;
	if (entry && (*entry & SIM_TABLE_OBJECT) == c->object)
		*entry = 0;
}

/* A capability goes; its children become its parent's. */
static void cap_delete(struct sim_kernel *k, uint32_t at)
{
	struct sim_cap *c = &k->caps[at], cap = *c;
	MUST(cap.type != SIM_NONE, "kernel: nothing to delete in %#x", at);
	/* Programs may do that: what was made of it is then below the untyped above. */
	MUST(cap.type != SIM_UNTYPED || !cap.child || cap.is_copy || at >= SIM_RM_CAPS,
	     "kernel: an untyped goes before its children");
	while (c->child) {
		uint32_t child = c->child;
		unlink_child(k, child);
		link_child(k, cap.parent, child);
	}
	unlink_child(k, at);
	*c = (struct sim_cap){ 0 };
	if (cap.type == SIM_FRAME && cap.asid == SIM_ASID_WINDOW)
		window_unmap(k, cap.address);
	else if (cap.type == SIM_TABLE && cap.asid == SIM_ASID_WINDOW)
		k->window_tables[cap.address] = 0;
	else if ((cap.type == SIM_FRAME || cap.type == SIM_TABLE) && cap.asid)
		unmap(k, &cap);
	if (at >= SIM_CAP_SYSTEM && at < SIM_CAP_SYSTEM + SIM_SLOT_PAGES)
		k->directory_there[at - SIM_CAP_SYSTEM] = 0;
	if (!cap.object || --k->objects[cap.object].refs > 0)
		return;
	if (cap.type == SIM_PML4 && cap.asid)
		k->asids[cap.asid] = 0;
	object_end(k, cap.object);
}

/* -- physical memory --------------------------------------------------------------------------- */

char *sim_content(struct sim_kernel *k, uint32_t frame, uint64_t page)
{
	const struct sim_object *o = &k->objects[frame];
	MUST(o->type == SIM_FRAME, "kernel: object %u is no frame", frame);
	uint64_t at = page * PAGE & ((1ull << o->bits) - 1);
	k->touched[(o->base + at) >> PAGE_BITS] = true;
	return (o->data ? k->window + (uint64_t)o->data * PAGE : k->physical + o->base) + at;
}

static void frame_init(struct sim_kernel *k, const struct sim_object *o)
{
	uint64_t page = o->base >> PAGE_BITS, end = page + (1ull << (o->bits - PAGE_BITS));
	if (end > k->physical_pages)
		k->physical_pages = end;
	for (; page < end; page++) {
		if (k->touched[page])
			memset(k->physical + page * PAGE, 0, PAGE);
		k->touched[page] = false;
	}
}

static void table_init(struct sim_kernel *k, uint32_t o)
{
	k->objects[o].data =
	        pop(k->free_tables, &k->tables_free, &k->tables_end, SIM_TABLES, "page tables");
	memset(k->tables[k->objects[o].data], 0, sizeof(k->tables[0]));
}

static void tcb_init(struct sim_kernel *k, uint32_t o)
{
	uint32_t t = pop(k->free_tcbs, &k->tcbs_free, &k->tcbs_end, SIM_TCBS, "TCBs");
	k->objects[o].data = t;
	k->tcbs[t] = (struct sim_tcb){ .object = o };
}

/* -- ops: objects ------------------------------------------------------------------------------ */

static bool fails(struct sim_kernel *k)
{
	k->ops++;
	k->acquired++;
	bool now = (k->fail_in && --k->fail_in == 0) ||
	           (k->fail_every && k->acquired % k->fail_every == 0);
	k->failed += now;
	return now;
}

struct made {
	uint8_t type, bits, level;
};

static struct made made_of(enum abi_object type, unsigned int size_bits)
{
	switch (type) {
	case OBJ_UNTYPED:
		return (struct made){ SIM_UNTYPED, (uint8_t)size_bits, 0 };
	case OBJ_TCB:
		return (struct made){ SIM_TCB, OBJ_BITS_TCB, 0 };
	case OBJ_ENDPOINT:
		return (struct made){ SIM_ENDPOINT, OBJ_BITS_ENDPOINT, 0 };
	case OBJ_NOTIFICATION:
		return (struct made){ SIM_NOTIFICATION, OBJ_BITS_NOTIFICATION, 0 };
	case OBJ_CNODE:
		return (struct made){ SIM_CNODE, (uint8_t)(size_bits + ABI_SLOT_BITS), 0 };
	case OBJ_SCHED_CONTEXT:
		return (struct made){ SIM_SC, (uint8_t)size_bits, 0 };
	case OBJ_REPLY:
		return (struct made){ SIM_REPLY, OBJ_BITS_REPLY, 0 };
	case OBJ_X86_PML4:
		return (struct made){ SIM_PML4, PAGE_BITS, 4 };
	case OBJ_X86_PDPT:
		return (struct made){ SIM_TABLE, PAGE_BITS, 3 };
	case OBJ_X86_PAGE_DIRECTORY:
		return (struct made){ SIM_TABLE, PAGE_BITS, 2 };
	case OBJ_X86_PAGE_TABLE:
		return (struct made){ SIM_TABLE, PAGE_BITS, 1 };
	case OBJ_X86_LARGE_PAGE:
		return (struct made){ SIM_FRAME, LARGE_BITS, 0 };
	default:
		MUST(type == OBJ_X86_4K_PAGE, "kernel: retype to type %u", type);
		return (struct made){ SIM_FRAME, PAGE_BITS, 0 };
	}
}

/* Cuts an object off an untyped; the capability to it is put at at. */
static uint32_t make(struct sim_kernel *k, uint32_t untyped, enum abi_object type,
                     unsigned int size_bits, uint32_t at)
{
	struct made made = made_of(type, size_bits);
	struct sim_object *u = object_of(k, &k->caps[untyped]);
	MUST(!u->is_device || made.type == SIM_FRAME || made.type == SIM_UNTYPED,
	     "kernel: retype of device memory to type %u", type);
	uint64_t size = 1ull << made.bits, from = (u->used + size - 1) & ~(size - 1);
	MUST(range_ok(from, size, 1ull << u->bits), "kernel: no room in untyped %#x for type %u",
	     untyped, type);
	u->used = from + size;
	unsigned int bits = made.level ? made.level : made.bits;
	if (made.type == SIM_CNODE)
		bits = size_bits;
	uint32_t o = object_new(k, made.type, u->base + from, bits);
	k->objects[o].is_device = u->is_device;
	if (made.type == SIM_FRAME && u->is_device) {
		k->device_frames++;
	} else if (made.type == SIM_FRAME) {
		frame_init(k, &k->objects[o]);
		k->objects[o].used = u->bits == PAGE_BITS;
		k->frames_of_pages += u->bits == PAGE_BITS;
		k->large_frames += made.bits == LARGE_BITS;
		k->large_made += made.bits == LARGE_BITS;
	}
	if (made.type == SIM_TABLE || made.type == SIM_PML4)
		table_init(k, o);
	else if (made.type == SIM_TCB)
		tcb_init(k, o);
	else if (made.type == SIM_CNODE && at < SIM_CAP_SYSTEM)
		cnode_init(k, o);
	cap_put(k, at, untyped,
	        (struct sim_cap){
	                .object = o, .type = made.type, .rights = RIGHTS_ALL, .revocable = true });
	return o;
}

/* An untyped without children begins anew. */
static void reset(struct sim_kernel *k, const struct sim_cap *untyped)
{
	if (!untyped->child)
		object_of(k, untyped)->used = 0;
}

static enum abi_error op_retype(void *kernel, slot_t untyped, enum abi_object type,
                                unsigned int size_bits, slot_t dest, unsigned int count)
{
	struct sim_kernel *k = kernel;
	struct sim_cap *u = cap_of(k, untyped, SIM_UNTYPED, "retype");
	MUST(count > 0 && count <= ABI_RETYPE_MAX, "kernel: retype of %u objects", count);
	MUST(type != OBJ_UNTYPED ||
	             (size_bits >= ABI_UNTYPED_BITS_MIN && size_bits <= ABI_UNTYPED_BITS_MAX),
	     "kernel: an untyped of 2^%u", size_bits);
	MUST(type != OBJ_CNODE || (size_bits >= 1 && size_bits <= SLOT_PAGE_BITS),
	     "kernel: a CNode of 2^%u slots", size_bits);
	MUST(type != OBJ_SCHED_CONTEXT || size_bits >= ABI_SCHED_CONTEXT_BITS_MIN,
	     "kernel: a scheduling context of 2^%u", size_bits);
	MUST(dest >> SLOT_PAGE_BITS == (dest + count - 1) >> SLOT_PAGE_BITS,
	     "kernel: retype across CNodes");
	for (unsigned int i = 0; i < count; i++)
		MUST(cap_at(k, dest + i)->type == SIM_NONE, "kernel: retype into a full slot %#lx",
		     dest + i);
	if (fails(k))
		return ERR_NOT_ENOUGH_MEMORY;
	reset(k, u);
	for (unsigned int i = 0; i < count; i++)
		make(k, (uint32_t)untyped, type, size_bits, (uint32_t)dest + i);
	return ERR_NONE;
}

static void system_cnode(struct sim_kernel *k, slot_t untyped, uint32_t at, uint32_t first)
{
	struct sim_cap *u = cap_of(k, untyped, SIM_UNTYPED, "slots");
	MUST(object_of(k, u)->bits == PAGE_BITS && !u->child, "kernel: untyped %#lx is not free",
	     untyped);
	reset(k, u);
	uint32_t o = make(k, (uint32_t)untyped, OBJ_CNODE, SLOT_PAGE_BITS, at);
	k->objects[o].data = first;
	k->objects[o].bits = first < SIM_CAPS ? SLOT_PAGE_BITS : 0;
}

static enum abi_error op_slots_add(void *kernel, slot_t untyped, uint32_t slot_page)
{
	struct sim_kernel *k = kernel;
	MUST(slot_page < SIM_SLOT_PAGES && !k->slot_page_there[slot_page] &&
	             (slot_page < k->flat_end || k->directory_there[slot_page / SLOT_PAGE]),
	     "kernel: slot page %u", slot_page);
	(void)cap_of(k, untyped, SIM_UNTYPED, "slots_add");
	if (fails(k))
		return ERR_NOT_ENOUGH_MEMORY;
	system_cnode(k, untyped, SIM_CAP_SYSTEM + SIM_SLOT_PAGES + slot_page,
	             slot_page << SLOT_PAGE_BITS);
	k->slot_page_there[slot_page] = 1;
	return ERR_NONE;
}

static enum abi_error op_slots_directory(void *kernel, slot_t untyped, uint32_t directory)
{
	struct sim_kernel *k = kernel;
	MUST(directory < SIM_SLOT_PAGES / SLOT_PAGE && !k->directory_there[directory],
	     "kernel: directory %u", directory);
	(void)cap_of(k, untyped, SIM_UNTYPED, "slots_directory");
	if (fails(k))
		return ERR_NOT_ENOUGH_MEMORY;
	system_cnode(k, untyped, SIM_CAP_SYSTEM + directory, SIM_CAPS);
	k->directory_there[directory] = 1;
	return ERR_NONE;
}

static enum abi_error op_copy(void *kernel, slot_t dest, slot_t src, unsigned int rights)
{
	struct sim_kernel *k = kernel;
	MUST(cap_at(k, dest)->type == SIM_NONE, "kernel: copy into a full slot %#lx", dest);
	MUST(cap_at(k, src)->type != SIM_NONE, "kernel: copy of an empty slot %#lx", src);
	if (fails(k))
		return ERR_NOT_ENOUGH_MEMORY;
	cap_derive(k, (uint32_t)dest, (uint32_t)src, rights, 0);
	return ERR_NONE;
}

static enum abi_error op_mint(void *kernel, slot_t dest, slot_t src, unsigned int rights,
                              uint64_t badge)
{
	struct sim_kernel *k = kernel;
	MUST(cap_at(k, dest)->type == SIM_NONE, "kernel: mint into a full slot %#lx", dest);
	const struct sim_cap *s = cap_at(k, src);
	MUST((s->type == SIM_ENDPOINT || s->type == SIM_NOTIFICATION) && !s->badge && badge,
	     "kernel: mint of type %u, badge %#lx, onto %#lx", s->type, s->badge, badge);
	if (fails(k))
		return ERR_NOT_ENOUGH_MEMORY;
	cap_derive(k, (uint32_t)dest, (uint32_t)src, rights, badge);
	return ERR_NONE;
}

static void op_remove(void *kernel, slot_t slot)
{
	struct sim_kernel *k = kernel;
	k->ops++;
	if (cap_at(k, slot)->type == SIM_NONE && slot == k->may_be_empty)
		return;
	cap_delete(k, (uint32_t)slot);
}

static void op_revoke(void *kernel, slot_t slot)
{
	struct sim_kernel *k = kernel;
	k->ops++;
	MUST(cap_at(k, slot)->type != SIM_NONE, "kernel: revoke on an empty slot %#lx", slot);
	cap_revoke(k, (uint32_t)slot);
}

/* Cannot fail: so the memory must be there, and the slot empty. */
static void op_reframe(void *kernel, slot_t untyped, slot_t dest)
{
	struct sim_kernel *k = kernel;
	op_revoke(kernel, untyped);
	struct sim_cap *u = cap_of(k, untyped, SIM_UNTYPED, "reframe");
	MUST(cap_at(k, dest)->type == SIM_NONE, "kernel: reframe into a full slot %#lx", dest);
	reset(k, u);
	make(k, (uint32_t)untyped, OBJ_X86_4K_PAGE, 0, (uint32_t)dest);
}

static void op_cancel_sends(void *kernel, slot_t slot)
{
	struct sim_kernel *k = kernel;
	k->ops++;
	struct sim_cap *c = cap_of(k, slot, SIM_ENDPOINT, "cancel_sends");
	MUST(c->badge && c->rights == RIGHTS_ALL, "kernel: cancel_sends needs a badge, all rights");
	queue_cancel(k, object_of(k, c), false, c->badge);
}

static enum abi_error op_give(void *kernel, slot_t cnode, uint64_t index, unsigned int index_bits,
                              slot_t src)
{
	struct sim_kernel *k = kernel;
	const struct sim_object *o = object_of(k, cap_of(k, cnode, SIM_CNODE, "give"));
	MUST(index >> index_bits == 0, "kernel: give to %#lx of %u bits", index, index_bits);
	while (index_bits > o->bits) {
		index_bits -= o->bits;
		const struct sim_cap *c = &k->caps[o->data + (index >> index_bits)];
		index &= (1ull << index_bits) - 1;
		MUST(c->type == SIM_CNODE, "kernel: give into a CSpace with a hole");
		o = object_of(k, c);
	}
	MUST(index_bits == o->bits, "kernel: give with %u bits too few", o->bits - index_bits);
	MUST(cap_at(k, src)->type != SIM_NONE, "kernel: give of an empty slot %#lx", src);
	if (fails(k))
		return ERR_NOT_ENOUGH_MEMORY;
	uint32_t at = o->data + (uint32_t)index;
	if (k->caps[at].type != SIM_NONE)
		return ERR_DELETE_FIRST;
	cap_derive(k, at, (uint32_t)src, RIGHTS_ALL, 0);
	return ERR_NONE;
}

/* What the root task was loaded with. */
static enum abi_error op_adopt(void *kernel, slot_t dest, uint32_t i)
{
	struct sim_kernel *k = kernel;
	MUST(cap_at(k, dest)->type == SIM_NONE, "kernel: adopt into a full slot %#lx", dest);
	uint32_t o = object_new(k, SIM_FRAME, k->adopted + (uint64_t)i * PAGE, PAGE_BITS);
	cap_put(k, (uint32_t)dest, 0,
	        (struct sim_cap){
	                .object = o, .type = SIM_FRAME, .rights = RIGHTS_ALL, .revocable = true });
	return ERR_NONE;
}

/* -- ops: address spaces ----------------------------------------------------------------------- */

static enum abi_error op_vspace_init(void *kernel, slot_t vspace)
{
	struct sim_kernel *k = kernel;
	struct sim_cap *c = cap_of(k, vspace, SIM_PML4, "vspace_init");
	MUST(!c->asid, "kernel: the PML4 has an ASID");
	if (fails(k))
		return ERR_NOT_ENOUGH_MEMORY;
	for (uint16_t asid = 1; asid < k->asid_limit; asid++) {
		if (k->asids[asid])
			continue;
		k->asids[asid] = c->object;
		c->asid = asid;
		return ERR_NONE;
	}
	return ERR_DELETE_FIRST;
}

static uint16_t asid_of(struct sim_kernel *k, slot_t vspace)
{
	const struct sim_cap *c = cap_of(k, vspace, SIM_PML4, "map");
	MUST(c->asid && k->asids[c->asid] == c->object, "kernel: map in a vspace without ASID");
	return c->asid;
}

static enum abi_error op_asid_pool_add(void *kernel, slot_t untyped)
{
	struct sim_kernel *k = kernel;
	const struct sim_cap *u = cap_of(k, untyped, SIM_UNTYPED, "asid_pool_add");
	if (k->asid_limit >= k->asid_max)
		return ERR_DELETE_FIRST;
	MUST(object_of(k, u)->bits == PAGE_BITS && !u->child, "kernel: asid_pool_add: %#lx",
	     untyped);
	if (fails(k))
		return ERR_NOT_ENOUGH_MEMORY;
	k->asid_limit += k->asid_limit + SIM_ASIDS_POOL <= k->asid_max
	                         ? SIM_ASIDS_POOL
	                         : k->asid_max - k->asid_limit;
	/* The untyped is used up by the pool. */
	cap_put(k, SIM_CAP_SYSTEM + 2 * SIM_SLOT_PAGES + k->asid_pools++, (uint32_t)untyped,
	        (struct sim_cap){ .type = SIM_PORT });
	return ERR_NONE;
}

static enum abi_error op_table_map(void *kernel, slot_t table, unsigned int level, slot_t vspace,
                                   uint64_t address)
{
	struct sim_kernel *k = kernel;
	struct sim_cap *c = cap_of(k, table, SIM_TABLE, "table_map");
	uint16_t asid = asid_of(k, vspace);
	MUST(object_of(k, c)->bits == level && !c->asid && address < RM_USER_TOP,
	     "kernel: table_map level %u", level);
	uint32_t *above = table_for(k, k->asids[asid], level + 1, address);
	MUST(above, "kernel: table_map: the table above level %u is missing", level);
	uint32_t *entry = &above[index_of(level, address)];
	MUST(!*entry, "kernel: table_map: there is one already");
	if (fails(k))
		return ERR_NOT_ENOUGH_MEMORY;
	*entry = c->object;
	c->asid = asid;
	c->address = address & ~((1ull << (PAGE_BITS + 9 * level)) - 1);
	return ERR_NONE;
}

static void op_table_unmap(void *kernel, slot_t table, unsigned int level)
{
	struct sim_kernel *k = kernel;
	struct sim_cap *c = cap_of(k, table, SIM_TABLE, "table_unmap");
	k->ops++;
	MUST(object_of(k, c)->bits == level && object_of(k, c)->refs == 1,
	     "kernel: table_unmap level %u", level);
	if (c->asid)
		unmap(k, c);
	c->asid = 0;
	memset(k->tables[object_of(k, c)->data], 0, sizeof(k->tables[0]));
}

static enum abi_error op_page_map(void *kernel, slot_t page, slot_t vspace, uint64_t address,
                                  unsigned int rights, unsigned int attributes)
{
	struct sim_kernel *k = kernel;
	struct sim_cap *c = cap_of(k, page, SIM_FRAME, "page_map");
	uint16_t asid = asid_of(k, vspace);
	unsigned int bits = object_of(k, c)->bits, level = bits == LARGE_BITS;
	MUST(address % (1ull << bits) == 0 && address < RM_USER_TOP, "kernel: page_map at %#lx",
	     address);
	MUST(!c->asid || (c->asid == asid && c->address == address),
	     "kernel: page_map: the capability is mapped elsewhere");
	MUST((attributes & 7) == VM_WRITE_BACK || (attributes & 7) == VM_UNCACHEABLE ||
	             (attributes & 7) == VM_WRITE_COMBINING,
	     "kernel: page_map with attributes %#x", attributes);
	uint32_t *table = table_for(k, k->asids[asid], level + 1, address);
	MUST(table, "kernel: page_map at %#lx: a table is missing", address);
	uint32_t *entry = &table[index_of(level, address)];
	MUST(!*entry || (*entry & SIM_TABLE_OBJECT) == c->object,
	     "kernel: page_map at %#lx: another frame, or a table, is mapped there", address);
	if (fails(k))
		return ERR_NOT_ENOUGH_MEMORY;
	*entry = c->object | (level ? (uint32_t)SIM_TABLE_LARGE : 0) |
	         (rights & c->rights & RIGHT_WRITE ? (uint32_t)SIM_TABLE_WRITE : 0);
	c->asid = asid;
	c->address = address;
	return ERR_NONE;
}

static void op_page_unmap(void *kernel, slot_t page)
{
	struct sim_kernel *k = kernel;
	struct sim_cap *c = cap_of(k, page, SIM_FRAME, "page_unmap");
	k->ops++;
	MUST(c->asid != SIM_ASID_WINDOW, "kernel: page_unmap of the window");
	if (c->asid)
		unmap(k, c);
	c->asid = 0;
}

static enum abi_error op_window_map(void *kernel, slot_t frame, uint32_t page)
{
	struct sim_kernel *k = kernel;
	struct sim_cap *c = cap_of(k, frame, SIM_FRAME, "window_map");
	struct sim_object *o = object_of(k, c);
	bool large = o->bits == LARGE_BITS;
	MUST(page && page < SIM_PAGES && !c->asid && !o->is_device && !k->window_frames[page] &&
	             !k->window_tables[page / LARGE_PAGES] == large &&
	             (!large || page % LARGE_PAGES == 0),
	     "kernel: window_map of %#lx at page %#x (asid %u, device %d, there %u, table %u)",
	     frame, page, c->asid, o->is_device, k->window_frames[page],
	     k->window_tables[page / LARGE_PAGES]);
	if (fails(k))
		return ERR_NOT_ENOUGH_MEMORY;
	char *window = k->window + (uint64_t)page * PAGE;
	UNPOISON(window, 1ull << o->bits);
	if (page >= k->window_pages)
		k->window_pages = page + 1;
	/* From now on the bytes are there. */
	for (uint64_t at = 0; at < 1ull << o->bits; at += PAGE) {
		if (k->touched[(o->base + at) >> PAGE_BITS])
			memcpy(window + at, k->physical + o->base + at, PAGE);
		else
			memset(window + at, 0, PAGE);
		k->touched[(o->base + at) >> PAGE_BITS] = true;
	}
	o->data = page;
	k->window_frames[page] = c->object;
	c->asid = SIM_ASID_WINDOW;
	c->address = page;
	return ERR_NONE;
}

static enum abi_error op_window_table(void *kernel, slot_t table, uint32_t page)
{
	struct sim_kernel *k = kernel;
	struct sim_cap *c = cap_of(k, table, SIM_TABLE, "window_table");
	MUST(object_of(k, c)->bits == 1 && !c->asid && !k->window_tables[page / LARGE_PAGES],
	     "kernel: window_table at page %#x", page);
	if (fails(k))
		return ERR_NOT_ENOUGH_MEMORY;
	k->window_tables[page / LARGE_PAGES] = c->object;
	c->asid = SIM_ASID_WINDOW;
	c->address = page / LARGE_PAGES;
	return ERR_NONE;
}

/* -- ops: threads ------------------------------------------------------------------------------ */

static struct sim_tcb *tcb_of(struct sim_kernel *k, slot_t slot, const char *op)
{
	return &k->tcbs[object_of(k, cap_of(k, slot, SIM_TCB, op))->data];
}

static void tcb_set(struct sim_kernel *k, const struct sim_tcb *tcb, unsigned int i, slot_t from)
{
	uint32_t at = tcb_cap((uint32_t)(tcb - k->tcbs), i);
	if (k->caps[at].type)
		cap_delete(k, at);
	cap_derive(k, at, (uint32_t)from, RIGHTS_ALL, 0);
}

static enum abi_error op_thread_init(void *kernel, const struct kernel_thread *thread)
{
	struct sim_kernel *k = kernel;
	struct sim_tcb *tcb = tcb_of(k, thread->tcb, "thread_init");
	const struct sim_cap *cnode = cap_of(k, thread->cnode, SIM_CNODE, "thread_init");
	(void)asid_of(k, thread->vspace);
	MUST(!object_of(k, cap_of(k, thread->buffer_frame, SIM_FRAME, "thread_init"))->is_device,
	     "kernel: thread_init with a buffer in device memory");
	MUST(thread->cnode_guard + object_of(k, cnode)->bits <= 64 &&
	             thread->buffer % (1u << ABI_IPC_BUFFER_BITS) == 0,
	     "kernel: thread_init with guard %lu, buffer %#lx", thread->cnode_guard,
	     thread->buffer);
	if (fails(k))
		return ERR_NOT_ENOUGH_MEMORY;
	tcb_set(k, tcb, TCB_CNODE, thread->cnode);
	tcb_set(k, tcb, TCB_VSPACE, thread->vspace);
	tcb_set(k, tcb, TCB_BUFFER, thread->buffer_frame);
	return ERR_NONE;
}

static enum abi_error op_thread_schedule(void *kernel, const struct kernel_thread *thread,
                                         uint32_t budget_us, uint32_t period_us)
{
	struct sim_kernel *k = kernel;
	struct sim_tcb *tcb = tcb_of(k, thread->tcb, "thread_schedule");
	uint32_t sc = cap_of(k, thread->sched_context, SIM_SC, "thread_schedule")->object;
	MUST(budget_us >= ABI_BUDGET_MIN_US && budget_us <= period_us, "kernel: budget %u of %u",
	     budget_us, period_us);
	const struct sim_cap *h = thread->fault_endpoint ? cap_at(k, thread->fault_endpoint) : NULL;
	/* A server has it that the thread called. */
	if (h && ((tcb->sched_context && tcb->sched_context != sc) ||
	          (k->objects[sc].data && k->objects[sc].data != tcb->object)))
		return ERR_ILLEGAL_OPERATION;
	if (h && (h->type != SIM_ENDPOINT || !(h->rights & RIGHT_WRITE) ||
	          !(h->rights & (RIGHT_GRANT | RIGHT_GRANT_REPLY))))
		return ERR_INVALID_CAPABILITY;
	if (fails(k))
		return ERR_NOT_ENOUGH_MEMORY;
	k->objects[sc].base = thread->badge;
	if (!h)
		return ERR_NONE;
	tcb_set(k, tcb, TCB_HANDLER, thread->fault_endpoint);
	tcb->sched_context = sc;
	k->objects[sc].data = tcb->object;
	return ERR_NONE;
}

static enum abi_error op_thread_read(void *kernel, slot_t tcb, struct abi_user_context *context)
{
	struct sim_kernel *k = kernel;
	const struct sim_tcb *t = tcb_of(k, tcb, "thread_read");
	if (fails(k))
		return ERR_NOT_ENOUGH_MEMORY;
	*context = t->context;
	return ERR_NONE;
}

static enum abi_error op_thread_write(void *kernel, slot_t tcb,
                                      const struct abi_user_context *context)
{
	struct sim_kernel *k = kernel;
	struct sim_tcb *t = tcb_of(k, tcb, "thread_write");
	MUST(t->state != SIM_RUNNING || t->asked, "kernel: thread_write of a thread that runs");
	if (fails(k))
		return ERR_NOT_ENOUGH_MEMORY;
	t->context = *context;
	return ERR_NONE;
}

static enum abi_error op_thread_lend(void *kernel, slot_t sched_context, slot_t tcb,
                                     slot_t notification, slot_t timeout_endpoint)
{
	struct sim_kernel *k = kernel;
	struct sim_tcb *t = tcb_of(k, tcb, "thread_lend");
	const struct sim_cap *h = cap_of(k, timeout_endpoint, SIM_ENDPOINT, "thread_lend");
	uint32_t sc = cap_of(k, sched_context, SIM_SC, "thread_lend")->object;
	uint32_t n = cap_of(k, notification, SIM_NOTIFICATION, "thread_lend")->object;
	if (t->sched_context != sc || k->objects[n].lends)
		return ERR_ILLEGAL_OPERATION;
	if (fails(k))
		return ERR_NOT_ENOUGH_MEMORY;
	t->sched_context = 0;
	t->timeout_badge = h->badge;
	k->objects[sc].data = 0;
	k->objects[sc].lends = n;
	k->objects[sc].used = t->object;
	k->objects[n].lends = sc;
	return ERR_NONE;
}

/* These two fail for what they say alone: never for want of anything. */
static enum abi_error op_context_take(void *kernel, slot_t sched_context, slot_t tcb)
{
	struct sim_kernel *k = kernel;
	struct sim_tcb *t = tcb_of(k, tcb, "context_take");
	uint32_t sc = cap_of(k, sched_context, SIM_SC, "context_take")->object;
	k->ops++;
	if (t->sched_context != sc)
		return ERR_ILLEGAL_OPERATION;
	t->sched_context = 0;
	k->objects[sc].data = 0;
	return ERR_NONE;
}

static enum abi_error op_context_give(void *kernel, slot_t sched_context, slot_t tcb)
{
	struct sim_kernel *k = kernel;
	struct sim_tcb *t = tcb_of(k, tcb, "context_give");
	uint32_t sc = cap_of(k, sched_context, SIM_SC, "context_give")->object;
	k->ops++;
	if (t->sched_context || k->objects[sc].data)
		return ERR_ILLEGAL_OPERATION;
	t->sched_context = sc;
	k->objects[sc].data = t->object;
	return ERR_NONE;
}

static void op_thread_suspend(void *kernel, slot_t tcb)
{
	struct sim_kernel *k = kernel;
	k->ops++;
	tcb_of(k, tcb, "thread_suspend")->state = SIM_INACTIVE;
}

static void op_thread_resume(void *kernel, slot_t tcb)
{
	struct sim_kernel *k = kernel;
	struct sim_tcb *t = tcb_of(k, tcb, "thread_resume");
	k->ops++;
	MUST(k->caps[tcb_cap((uint32_t)(t - k->tcbs), TCB_VSPACE)].type,
	     "kernel: thread_resume of a thread that is not set up");
	t->state = SIM_RUNNING;
}

static enum abi_error op_thread_bind(void *kernel, slot_t tcb, slot_t notification)
{
	struct sim_kernel *k = kernel;
	struct sim_tcb *t = tcb_of(k, tcb, "thread_bind");
	uint32_t n = cap_of(k, notification, SIM_NOTIFICATION, "thread_bind")->object;
	if (t->notification || k->objects[n].data)
		return ERR_ILLEGAL_OPERATION;
	if (fails(k))
		return ERR_NOT_ENOUGH_MEMORY;
	t->notification = n;
	k->objects[n].data = t->object;
	return ERR_NONE;
}

/* -- ops: messages ----------------------------------------------------------------------------- */

static void op_signal(void *kernel, slot_t notification)
{
	struct sim_kernel *k = kernel;
	const struct sim_cap *c = cap_of(k, notification, SIM_NOTIFICATION, "signal");
	k->ops++;
	k->signals++;
	MUST(c->rights & RIGHT_WRITE, "kernel: signal without the right");
	object_of(k, c)->used |= c->badge;
	/* Its context is lent to who waits there. */
	uint32_t sc = object_of(k, c)->lends;
	const struct sim_object *o = sc ? &k->objects[k->objects[sc].used] : NULL;
	struct sim_tcb *t = o && o->type == SIM_TCB ? &k->tcbs[o->data] : NULL;
	if (t && !t->works && t->state == SIM_RUNNING && !t->sched_context &&
	    !k->objects[sc].data) {
		t->sched_context = sc;
		k->objects[sc].data = t->object;
	}
}

static void op_answer(void *kernel, slot_t reply, uint64_t label, const uint64_t *words,
                      unsigned int length, slot_t cap)
{
	struct sim_kernel *k = kernel;
	struct sim_object *o = object_of(k, cap_of(k, reply, SIM_REPLY, "answer"));
	k->ops++;
	MUST(length <= ABI_MSG_MAX && (!length || words), "kernel: an answer of %u words", length);
	if (cap)
		MUST(cap_at(k, cap)->type, "kernel: an answer with the empty slot %#lx", cap);
	uint32_t call = o->data;
	o->data = 0;
	if (call)
		call_end(k, call, label, words, length, (uint32_t)cap, false);
}

/* -- ops: the machine -------------------------------------------------------------------------- */

static enum abi_error op_ports_issue(void *kernel, slot_t dest, uint16_t first, uint16_t last)
{
	struct sim_kernel *k = kernel;
	MUST(cap_at(k, dest)->type == SIM_NONE, "kernel: ports_issue into a full slot");
	if (last < first)
		return ERR_INVALID_ARGUMENT;
	enum { EACH = 65536 / SIM_PORTS };
	for (unsigned int i = first / EACH; i <= last / EACH; i++)
		if (k->ports[i])
			return ERR_REVOKE_FIRST;
	if (fails(k))
		return ERR_NOT_ENOUGH_MEMORY;
	for (unsigned int i = first / EACH; i <= last / EACH; i++)
		k->ports[i] = 1;
	cap_put(k, (uint32_t)dest, 0, (struct sim_cap){ .type = SIM_PORT });
	return ERR_NONE;
}

static enum abi_error op_irq_issue(void *kernel, slot_t dest, uint8_t ioapic, uint8_t pin,
                                   bool level, bool low, uint8_t vector)
{
	struct sim_kernel *k = kernel;
	(void)level, (void)low;
	MUST(cap_at(k, dest)->type == SIM_NONE, "kernel: irq_issue into a full slot");
	MUST(vector <= ABI_USER_IRQ_MAX, "kernel: vector %u", vector);
	if (ioapic > 0 || pin >= 24)
		return ERR_RANGE;
	if (vector < k->irqs)
		return ERR_REVOKE_FIRST;
	if (fails(k))
		return ERR_NOT_ENOUGH_MEMORY;
	k->irqs = vector + 1u;
	cap_put(k, (uint32_t)dest, 0, (struct sim_cap){ .type = SIM_IRQ });
	return ERR_NONE;
}

static void op_log(void *kernel, const char *text)
{
	(void)kernel;
	sim_logged(text);
}

static uint64_t op_time_ns(void *kernel)
{
	const struct sim_kernel *k = kernel;
	return k->now_ns;
}

static void op_off(void *kernel, bool good)
{
	struct sim_kernel *k = kernel;
	(void)good;
	k->off = true;
}

const struct kernel_ops sim_kernel_ops = {
	.retype = op_retype,
	.slots_add = op_slots_add,
	.slots_directory = op_slots_directory,
	.copy = op_copy,
	.mint = op_mint,
	.remove = op_remove,
	.revoke = op_revoke,
	.reframe = op_reframe,
	.cancel_sends = op_cancel_sends,
	.give = op_give,
	.adopt = op_adopt,
	.vspace_init = op_vspace_init,
	.asid_pool_add = op_asid_pool_add,
	.table_map = op_table_map,
	.table_unmap = op_table_unmap,
	.page_map = op_page_map,
	.page_unmap = op_page_unmap,
	.window_map = op_window_map,
	.window_table = op_window_table,
	.thread_init = op_thread_init,
	.thread_schedule = op_thread_schedule,
	.thread_read = op_thread_read,
	.thread_write = op_thread_write,
	.thread_lend = op_thread_lend,
	.context_take = op_context_take,
	.context_give = op_context_give,
	.thread_suspend = op_thread_suspend,
	.thread_resume = op_thread_resume,
	.thread_bind = op_thread_bind,
	.signal = op_signal,
	.answer = op_answer,
	.ports_issue = op_ports_issue,
	.irq_issue = op_irq_issue,
	.log = op_log,
	.time_ns = op_time_ns,
	.off = op_off,
};

/* -- for the driver ---------------------------------------------------------------------------- */

static void *reserve(uint64_t bytes)
{
	void *at = mmap(NULL, bytes, PROT_READ | PROT_WRITE,
	                MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (at == MAP_FAILED)
		abort();
	return at;
}

static void reserve_all(struct sim_kernel *k)
{
	k->caps = reserve(sizeof(*k->caps) * SIM_CAPS);
	k->objects = reserve(sizeof(*k->objects) * SIM_OBJECTS);
	k->tables = reserve(sizeof(*k->tables) * SIM_TABLES);
	k->tcbs = reserve(sizeof(*k->tcbs) * SIM_TCBS);
	k->free_objects = reserve(4ull * SIM_OBJECTS);
	k->free_tables = reserve(4ull * SIM_TABLES);
	k->free_tcbs = reserve(4ull * SIM_TCBS);
	k->free_cnodes = reserve(4ull * SIM_CNODES);
	k->free_held = reserve(4ull * SIM_HELD);
	k->physical = reserve((uint64_t)SIM_PAGES * PAGE);
	k->window = reserve((uint64_t)SIM_PAGES * PAGE);
	k->touched = reserve(SIM_PAGES);
	k->window_frames = reserve(4ull * SIM_PAGES);
	k->window_tables = reserve(4ull * SIM_PAGES / LARGE_PAGES);
	k->slot_page_there = reserve(SIM_SLOT_PAGES);
	k->directory_there = reserve(SIM_SLOT_PAGES);
	POISON(k->window, (uint64_t)SIM_PAGES * PAGE);
}

static void clear_all(struct sim_kernel *k)
{
	struct sim_cap *caps = k->caps;
	memset(caps, 0, sizeof(*caps) * k->caps_end);
	memset(caps + SIM_CAP_CNODES, 0, sizeof(*caps) * (k->cnodes_end << SLOT_PAGE_BITS));
	memset(caps + SIM_CAP_TCBS, 0, sizeof(*caps) * k->tcbs_end * 4);
	memset(caps + SIM_CAP_HELD, 0, sizeof(*caps) * k->held_end);
	memset(caps + SIM_CAP_SYSTEM, 0, sizeof(*caps) * SIM_SLOT_PAGES / SLOT_PAGE);
	/* All: a slot page may be there of which no slot was ever used. */
	memset(caps + SIM_CAP_SYSTEM + SIM_SLOT_PAGES, 0, sizeof(*caps) * SIM_SLOT_PAGES);
	for (uint64_t page = 0; page < k->window_pages; page++)
		if (k->window_frames[page])
			window_unmap(k, page);
	memset(k->window_tables, 0, 4 * (k->window_pages / LARGE_PAGES + 1));
	memset(caps + SIM_CAP_SYSTEM + 2 * SIM_SLOT_PAGES, 0, sizeof(*caps) * k->asid_pools);
	memset(k->slot_page_there, 0, SIM_SLOT_PAGES);
	memset(k->directory_there, 0, SIM_SLOT_PAGES);
}

void sim_kernel_init(struct sim_kernel *k)
{
	if (!k->caps)
		reserve_all(k);
	else
		clear_all(k);
	k->now_ns = 0;
	memset(k->calls, 0, sizeof(k->calls));
	memset(k->live, 0, sizeof(k->live));
	memset(k->asids, 0, sizeof(k->asids));
	memset(k->ports, 0, sizeof(k->ports));
	k->objects_free = k->tables_free = k->tcbs_free = k->cnodes_free = k->held_free = 0;
	k->objects_end = k->tables_end = k->tcbs_end = k->held_end = 1;
	k->cnodes_end = 0;
	k->caps_end = 0;
	k->window_pages = 0;
	k->asid_limit = SIM_ASIDS_POOL;
	k->asid_max = SIM_ASIDS;
	k->asid_pools = 0;
	k->fail_in = k->fail_every = k->acquired = k->failed = k->ops = k->signals = 0;
	k->irqs = 0;
	k->pages_used = k->frames_of_pages = k->device_frames = k->large_frames = 0;
	k->may_be_empty = 0;
	k->off = false;
	/* What the root task was loaded with: the slots below rm's own. */
	memset(k->slot_page_there, 1, SIM_BOOT_SLOTS / SLOT_PAGE);
}

void sim_boot_untyped(struct sim_kernel *k, slot_t slot, uint64_t base, unsigned int bits,
                      bool is_device)
{
	MUST((base + (1ull << bits)) >> PAGE_BITS <= SIM_PAGES, "too much physical memory");
	uint32_t o = object_new(k, SIM_UNTYPED, base, bits);
	k->objects[o].used = 1ull << bits;
	k->objects[o].is_device = is_device;
	(void)cap_at(k, slot);
	cap_put(k, (uint32_t)slot, 0,
	        (struct sim_cap){ .object = o, .type = SIM_UNTYPED, .revocable = true });
}

void sim_boot_endpoint(struct sim_kernel *k, slot_t slot)
{
	uint32_t o = object_new(k, SIM_ENDPOINT, 0, OBJ_BITS_ENDPOINT);
	(void)cap_at(k, slot);
	cap_put(k, (uint32_t)slot, 0,
	        (struct sim_cap){ .object = o,
	                          .type = SIM_ENDPOINT,
	                          .rights = RIGHTS_ALL,
	                          .revocable = true });
}

uint32_t sim_hold(struct sim_kernel *k, uint32_t from)
{
	uint32_t n = pop(k->free_held, &k->held_free, &k->held_end, SIM_HELD, "held capabilities");
	cap_derive(k, SIM_CAP_HELD + n, from, RIGHTS_ALL, 0);
	return SIM_CAP_HELD + n;
}

void sim_drop(struct sim_kernel *k, uint32_t held)
{
	if (k->caps[held].type)
		cap_delete(k, held);
	k->free_held[k->held_free++] = held - SIM_CAP_HELD;
}

/* False: it cannot be copied, so it does not come, nor what comes after it in the message. */
bool sim_receive(struct sim_kernel *k, slot_t slot, uint32_t from)
{
	MUST(cap_at(k, slot)->type == SIM_NONE, "the receive slot is full");
	if (!sim_can_copy(k, from))
		return false;
	cap_derive(k, (uint32_t)slot, from, RIGHTS_ALL, 0);
	return true;
}

/* Of the capabilities that programs have. */
bool sim_can_copy(const struct sim_kernel *k, uint32_t from)
{
	const struct sim_cap *c = &k->caps[from];
	return c->type != SIM_TABLE && (c->type != SIM_UNTYPED || !c->child) &&
	       (c->type != SIM_PML4 || c->asid);
}

uint32_t sim_retype(struct sim_kernel *k, uint32_t untyped, enum abi_object type,
                    unsigned int size_bits)
{
	const struct sim_cap *u = &k->caps[untyped];
	uint64_t size = 1ull << made_of(type, size_bits).bits;
	reset(k, u);
	uint64_t from = (object_of(k, u)->used + size - 1) & ~(size - 1);
	if (!range_ok(from, size, 1ull << object_of(k, u)->bits))
		return 0;
	uint32_t at = SIM_CAP_HELD +
	              pop(k->free_held, &k->held_free, &k->held_end, SIM_HELD, "held capabilities");
	(void)make(k, untyped, type, size_bits, at);
	return at;
}

static uint32_t call_new(struct sim_kernel *k, uint8_t state, uint32_t object, uint64_t badge,
                         uint32_t user)
{
	for (uint32_t i = 1; i < SIM_CALLS; i++)
		if (k->calls[i].state == SIM_CALL_FREE) {
			k->calls[i] = (struct sim_call){
				.state = state, .object = object, .badge = badge, .user = user
			};
			return i;
		}
	sim_fail("the simulation has no more callers");
}

uint32_t sim_call_held(struct sim_kernel *k, slot_t reply, uint32_t user)
{
	const struct sim_cap *c = cap_of(k, reply, SIM_REPLY, "receive");
	MUST(!object_of(k, c)->data, "the reply object rm receives with holds a caller");
	return object_of(k, c)->data = call_new(k, SIM_CALL_HELD, c->object, 0, user);
}

uint32_t sim_call_queue(struct sim_kernel *k, uint32_t held, uint32_t user)
{
	const struct sim_cap *c = &k->caps[held];
	uint32_t call = call_new(k, SIM_CALL_QUEUED, c->object, c->badge, user);
	uint32_t *at = &k->objects[c->object].data;
	while (*at)
		at = &k->calls[*at].next;
	*at = call;
	return call;
}

uint32_t sim_call_receive(struct sim_kernel *k, uint32_t endpoint_object, uint32_t reply_object)
{
	struct sim_object *e = &k->objects[endpoint_object], *r = &k->objects[reply_object];
	uint32_t call = e->data;
	if (!call)
		return 0;
	if (r->data)
		call_end(k, r->data, PROTO_LABEL_SEVERED, NULL, 0, 0, true);
	e->data = k->calls[call].next;
	k->calls[call].state = SIM_CALL_HELD;
	k->calls[call].object = reply_object;
	r->data = call;
	return call;
}

void sim_call_answer(struct sim_kernel *k, uint32_t reply_object)
{
	uint32_t call = k->objects[reply_object].data;
	k->objects[reply_object].data = 0;
	if (call)
		call_end(k, call, 0, NULL, 0, 0, false);
}

uint32_t sim_some_thread(const struct sim_kernel *k, uint32_t from)
{
	for (uint32_t n = 0; n < 64 && n < k->tcbs_end; n++) {
		uint32_t t = (from + n) % k->tcbs_end;
		const struct sim_tcb *tcb = &k->tcbs[t];
		if (tcb->object && k->objects[tcb->object].type == SIM_TCB &&
		    k->objects[tcb->object].data == t && tcb->state == SIM_RUNNING)
			return t;
	}
	return 0;
}

bool sim_thread_whole(const struct sim_kernel *k, uint32_t tcb)
{
	for (unsigned int i = TCB_CNODE; i <= TCB_BUFFER; i++)
		if (!k->caps[tcb_cap(tcb, i)].type)
			return false;
	return true;
}

static uint64_t mapped_below(const struct sim_kernel *k, uint32_t table, unsigned int level)
{
	const uint32_t *entries = k->tables[k->objects[table].data];
	uint64_t count = 0;
	for (unsigned int i = 0; i < 512; i++)
		if (entries[i])
			count += level == 0 || entries[i] & SIM_TABLE_LARGE
			                 ? 1
			                 : mapped_below(k, entries[i], level - 1);
	return count;
}

uint64_t sim_mapped(const struct sim_kernel *k, uint32_t pml4)
{
	return mapped_below(k, pml4, LEVELS);
}

const struct sim_cap *sim_thread_space(const struct sim_kernel *k, uint32_t tcb)
{
	return &k->caps[tcb_cap(tcb, TCB_VSPACE)];
}

const struct sim_cap *sim_thread_handler(const struct sim_kernel *k, uint32_t tcb)
{
	return &k->caps[tcb_cap(tcb, TCB_HANDLER)];
}

/* -- its own order ----------------------------------------------------------------------------- */

void sim_kernel_check(const struct sim_kernel *k)
{
	for (uint32_t i = 1; i < k->caps_end; i++) {
		const struct sim_cap *c = &k->caps[i];
		if (!c->type)
			continue;
		MUST(k->slot_page_there[i >> SLOT_PAGE_BITS], "kernel: %#x is in no CNode", i);
		MUST(!c->child || k->caps[c->child].parent == i, "kernel: derivation at %#x", i);
		MUST(!c->next || k->caps[c->next].prev == i, "kernel: derivation at %#x", i);
		MUST(!c->object || k->objects[c->object].type == c->type, "kernel: object of %#x",
		     i);
	}
}
