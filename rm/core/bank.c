/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Banks: who pays, in whole pages.
 *
 * Limits are funded by transfer: a child's limit is taken out of its parent's, and comes back when
 * it is gone. So the limits of all banks always sum up to that of the machine (I11), a charge looks
 * at one bank only, however deep the tree, and what is within a limit is there.
 *
 * A bank pays for itself. A session's bank is a child of the client's, but does not die with it: it
 * then becomes its parent's, until the session is over.
 */
#include "internal.h"
#include <lib/assert.h>

/* -- records of rm's own ----------------------------------------------------------------------- */

static void *pages_get(void *ctx)
{
	struct bank *bank = ctx;
	struct rm *rm = bank->rm;
	frame_t f = meta_get(rm, bank);
	if (!f)
		return NULL;
	void *page = frame_window(rm, f);
	if (!page) {
		frame_put(rm, bank, f);
		return NULL;
	}
	frame_at(rm, f)->use = FRAME_META;
	return page;
}

static void pages_put(void *ctx, void *page)
{
	struct bank *bank = ctx;
	struct rm *rm = bank->rm;
	frame_put(rm, bank, (frame_t)(((char *)page - rm->window) / PAGE));
}

void *record_get(struct bank *bank, unsigned int slab)
{
	return slab_get(&bank->slab[slab]);
}

void record_put(struct bank *bank, unsigned int slab, void *record)
{
	slab_put(&bank->slab[slab], record);
}

/* Where radix trees get their nodes. */
struct lib_pages bank_nodes(struct bank *bank)
{
	return slab_provider(&bank->slab[SLAB_NODE]);
}

/* -- banks ------------------------------------------------------------------------------------- */

static void bank_init(struct rm *rm, struct bank *bank)
{
	static const uint32_t bytes[SLABS] = { sizeof(struct page), RECORD_BYTES,
		                               RADIX_NODE_BYTES };
	_Static_assert(sizeof(struct name) <= RADIX_NODE_BYTES);
	bank->rm = rm;
	bank->object.kind = KIND_BANK;
	bank->object.bank = bank;
	bank->pages = (struct lib_pages){ pages_get, pages_put, bank };
	list_init(&bank->object.link);
	list_init(&bank->object.waiters);
	list_init(&bank->children);
	list_init(&bank->sibling);
	list_init(&bank->objects);
	list_init(&bank->entries);
	list_init(&bank->lent);
	for (unsigned int i = 0; i < SLABS; i++)
		slab_init(&bank->slab[i], &bank->pages, bytes[i]);
}

void bank_init_root(struct rm *rm, uint64_t limit)
{
	rm->root = &rm->root_bank;
	bank_init(rm, rm->root);
	rm->root->limit = rm->root->guarantee = rm->root->pin_limit = limit;
	rm->root->priority_max = PRIORITY_PROGRAMS;
}

/* A bank whose pages are those of another struct from now on. */
static void bank_move(struct bank *to, struct bank *from)
{
	*to = *from;
	list_init(&to->entries);
	list_append_all(&to->entries, &from->entries);
	to->pages.ctx = to;
	to->object.bank = to;
}

/* NOMEM: not even the bank itself fits in the limit. LIMIT: the parent has not so much. */
err_t bank_new(struct rm *rm, struct bank *parent, uint64_t guarantee, uint64_t limit,
               uint64_t pin_limit, struct bank **made)
{
	if (limit > parent->limit - parent->used || guarantee > parent->guarantee ||
	    pin_limit > parent->pin_limit - parent->pinned)
		return E_LIMIT;
	struct bank first;
	/* It stands for the bank until that has a place; all it ever pays for is the place. */
	first.rm = rm;
	first.pages = (struct lib_pages){ pages_get, pages_put, &first };
	first.limit = limit;
	first.used = 0;
	list_init(&first.entries);
	uint64_t id;
	void *entry;
	err_t err = slotmap_add(&rm->objects, &first.entries, &first.pages, &id, &entry);
	if (err != E_OK)
		return err;
	struct bank *bank = entry;
	uint64_t used = first.used;
	struct list entries;
	list_init(&entries);
	list_append_all(&entries, &first.entries);
	bank_init(rm, bank);
	list_append_all(&bank->entries, &entries);
	bank->used = used;
	bank->limit = limit;
	bank->guarantee = guarantee;
	bank->pin_limit = pin_limit;
	bank->parent = parent;
	bank->priority_max = parent->priority_max;
	list_push_back(&parent->children, &bank->sibling);
	parent->child_count++;
	parent->limit -= limit;
	parent->guarantee -= guarantee;
	parent->pin_limit -= pin_limit;
	*made = bank;
	return E_OK;
}

/* Whatever it paid for is gone. */
static void bank_free(struct rm *rm, struct bank *bank)
{
	struct bank *parent = bank->parent;
	list_remove(&bank->sibling);
	list_remove(&bank->object.link);
	parent->child_count--;
	bank_wake(rm, parent);
	answer_all(rm, &bank->object.waiters, E_OK);
	uint64_t id = slotmap_id(&rm->objects, bank);
	struct bank last;
	bank_move(&last, bank);
	err_t err = slotmap_remove(&rm->objects, &last.entries, &last.pages, id);
	assert(err == E_OK && last.used == 0 && last.pinned == 0);
	parent->limit += last.limit;
	parent->guarantee += last.guarantee;
	parent->pin_limit += last.pin_limit;
}

/* A bank that waits for the end of what it paid for has got on. */
void bank_wake(struct rm *rm, struct bank *bank)
{
	if (bank->object.dying)
		job_add(rm, &bank->object);
}

/* A part of a bank's end. True: it is gone, or waits. */
bool bank_reap(struct rm *rm, struct bank *bank)
{
	if (!list_is_empty(&bank->children)) {
		struct bank *child =
		        container_of(list_first(&bank->children), struct bank, sibling);
		if (child->session) {
			session_sever(rm, child->session, RM_REASON_BANK);
			list_remove(&child->sibling);
			list_push_back(&bank->parent->children, &child->sibling);
			child->parent = bank->parent;
			bank->child_count--;
			bank->parent->child_count++;
		} else {
			/* Out of the way of the next one: it is counted, and in the jobs. */
			list_remove(&child->sibling);
			object_kill(rm, &child->object);
		}
		return false;
	}
	if (!list_is_empty(&bank->objects)) {
		struct object *object =
		        container_of(list_first(&bank->objects), struct object, link);
		/* The last in the list: a task that is on its way out still needs them. */
		if (object->kind != KIND_NOTIFICATION ||
		    list_is_empty(&((struct notification *)object)->link))
			object_kill(rm, object);
		return false;
	}
	if (donation_inherit(bank))
		return false;
	if (bank->object_count > 0 || bank->child_count > 0 || bank->waits > 0)
		list_remove(&bank->object.link); /* until bank_wake */
	else
		bank_free(rm, bank);
	return true;
}

/* -- objects ----------------------------------------------------------------------------------- */

/* An object that the bank pays for, all zero but for its head, in *made. */
err_t object_new(struct rm *rm, struct bank *bank, uint8_t kind, void *made)
{
	uint64_t id;
	void *entry;
	err_t err = slotmap_add(&rm->objects, &bank->entries, &bank->pages, &id, &entry);
	if (err != E_OK)
		return err;
	struct object *object = entry;
	object->kind = kind;
	object->bank = bank;
	list_init(&object->waiters);
	if (kind == KIND_NOTIFICATION)
		list_push_back(&bank->objects, &object->link);
	else
		list_push_front(&bank->objects, &object->link);
	bank->object_count++;
	*(void **)made = entry;
	return E_OK;
}

/* The object is no more; who waited for that is answered. */
void object_free(struct rm *rm, struct object *object)
{
	struct bank *bank = object->bank;
	list_remove(&object->link);
	answer_all(rm, &object->waiters, E_OK);
	bank->object_count--;
	bank_wake(rm, bank);
	err_t err = slotmap_remove(&rm->objects, &bank->entries, &bank->pages,
	                           slotmap_id(&rm->objects, object));
	assert(err == E_OK);
}

/* -- requests ---------------------------------------------------------------------------------- */

static uint64_t pages_of(uint64_t bytes)
{
	return bytes / PAGE;
}

err_t on_bank_create(struct rm *rm, struct proto_request *request, struct bank *parent,
                     const struct rm_bank_create_in *in)
{
	struct bank *bank;
	bool privileged = request->privileged && in->privileged;
	if (in->privileged && !request->privileged)
		return E_PERM;
	err_t err = bank_new(rm, parent, pages_of(in->guarantee), pages_of(in->limit),
	                     pages_of(in->pin_limit), &bank);
	if (err != E_OK)
		return err;
	bank->priority_max =
	        in->priority_max < parent->priority_max ? in->priority_max : parent->priority_max;
	err = object_cap(rm, request, &bank->object, privileged ? FACET_PRIVILEGE : 0);
	if (err != E_OK)
		bank_free(rm, bank);
	return err;
}

err_t on_bank_destroy(struct rm *rm, struct proto_request *, struct bank *bank)
{
	if (bank->session || bank == rm->init->object.bank)
		return E_BUSY;
	/* The parent pays for the wait: the bank is on its way out. */
	return object_destroy(rm, bank->parent, &bank->object, RM_METHOD_BANK_DESTROY);
}

err_t on_bank_transfer(struct rm *, struct proto_request *, struct bank *from, struct bank *to,
                       const struct rm_bank_transfer_in *in)
{
	uint64_t limit = pages_of(in->limit), guarantee = pages_of(in->guarantee);
	uint64_t pin_limit = pages_of(in->pin_limit);
	if (limit > from->limit - from->used || guarantee > from->guarantee ||
	    pin_limit > from->pin_limit - from->pinned)
		return E_LIMIT;
	from->limit -= limit;
	from->guarantee -= guarantee;
	from->pin_limit -= pin_limit;
	to->limit += limit;
	to->guarantee += guarantee;
	to->pin_limit += pin_limit;
	return E_OK;
}

err_t on_bank_query(struct rm *, struct proto_request *, struct bank *bank,
                    struct rm_bank_query_out *out)
{
	out->status = (struct rm_bank_status){
		.guarantee = bank->guarantee * PAGE,
		.limit = bank->limit * PAGE,
		.used = bank->used * PAGE,
		.pinned = bank->pinned * PAGE,
		.pin_limit = bank->pin_limit * PAGE,
		.children = bank->child_count,
		.objects = bank->object_count,
	};
	return E_OK;
}
