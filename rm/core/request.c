/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Requests: from a message to its handler. The badge says which object is invoked and what the
 * capability is for; what the interface (proto/rm.idl) excludes never reaches a handler.
 */
#include "internal.h"
#include <lib/assert.h>

#define HANDLER(name) .name = on_##name,
#define PLANNED(name)
static const struct rm_ops handlers = { RM_METHODS(HANDLER, PLANNED) };

/* What a capability with this badge is; 0: of no object that lives. */
static uint8_t kind_of(const struct object *object, uint64_t badge)
{
	unsigned int facet = badge >> FACET_SHIFT;
	if (!object)
		return 0;
	if (facet & FACET_OTHER)
		return object->kind == KIND_DATASPACE ? KIND_PAGER : 0;
	/* Ids of these go about as plain numbers; nobody holds a capability with one. */
	return object->kind > KIND_SYSTEM ? 0 : object->kind;
}

bool request_handle(struct rm *rm, struct proto_request *request)
{
	if (!rm->scratch_root)
		scratch_clear(rm);
	request->state = PROTO_NEW;
	request->sealed = rm->sealed;
	request->objects[0] = object_find(rm, request->badge);
	request->target_kind = kind_of(request->objects[0], request->badge);
	request->privileged = request->target_kind == KIND_SYSTEM ||
	                      (request->target_kind != KIND_DATASPACE &&
	                       request->badge >> FACET_SHIFT & FACET_PRIVILEGE);
	if (!request->target_kind) {
		request->state = PROTO_ANSWERED;
		request->error = E_GONE;
		request->reply_length = 0;
		request->cap_out = 0;
		return true;
	}
	for (unsigned int i = 0; i < request->caps; i++) {
		uint64_t badge = request->cap_badges[i];
		bool own = request->unwrapped >> i & 1;
		request->objects[1 + i] = own ? object_find(rm, badge) : NULL;
		request->cap_kinds[i] = kind_of(request->objects[1 + i], badge);
	}
	return proto_dispatch(&rm_interface, &handlers, rm, request);
}

bool rm_request(struct rm *rm, struct proto_request *request)
{
	return __builtin_expect(rm->traced, 0) ? trace_request(rm, request)
	                                       : request_handle(rm, request);
}

void rm_tick(struct rm *rm, uint64_t now_ns)
{
	struct deadline *due;
	rm->now_ns = now_ns;
	while ((due = deadlines_expire(&rm->session_deadlines, now_ns)) != NULL)
		session_timeout(rm, container_of(due, struct session, deadline));
	while ((due = deadlines_expire(&rm->probe_deadlines, now_ns)) != NULL)
		task_died(rm, container_of(due, struct task, probe), RM_REASON_DEADLINE, 0);
	while ((due = deadlines_expire(&rm->pager_deadlines, now_ns)) != NULL)
		dataspace_timeout(rm, container_of(due, struct dataspace, deadline));
	while ((due = deadlines_expire(&rm->passive_deadlines, now_ns)) != NULL)
		passive_look(rm, container_of(due, struct task, watch));
}

/* -- the machine ------------------------------------------------------------------------------- */

err_t on_memory_query(struct rm *rm, struct proto_request *, struct task *,
                      struct rm_memory_query_out *out)
{
	out->status = (struct rm_memory_status){
		.total = rm->pages_total * PAGE,
		.given = rm->pages_given * PAGE,
		.cleared = (uint64_t)rm->cleared.count * PAGE,
		.overhead = rm->root->used * PAGE,
		.objects = rm->objects.live,
	};
	return E_OK;
}

err_t on_system_seal(struct rm *rm, struct proto_request *)
{
	rm->sealed = true;
	return E_OK;
}

err_t on_log_write(struct rm *rm, struct proto_request *, struct task *,
                   const struct rm_log_write_in *in)
{
	char text[RM_LINE_MAX + 1];
	__builtin_memcpy(text, in->line, in->line_count);
	text[in->line_count] = 0;
	rm->ops->log(rm->kernel, text);
	return E_OK;
}

/* What a driver gets of the machine is put into a slot of init's bank, and stays there. */
static err_t issued(struct rm *rm, struct proto_request *request, slot_t slot, enum abi_error err)
{
	if (err != ERR_NONE) {
		slot_put(rm, rm->system->bank, slot);
		return err == ERR_REVOKE_FIRST       ? E_BUSY
		       : err == ERR_INVALID_ARGUMENT ? E_INVAL
		                                     : E_LIMIT;
	}
	request->cap_out = slot;
	return E_OK;
}

err_t on_ports_create(struct rm *rm, struct proto_request *request,
                      const struct rm_ports_create_in *in)
{
	slot_t slot = slot_get(rm, rm->system->bank);
	if (!slot)
		return E_LIMIT;
	return issued(rm, request, slot,
	              rm->ops->ports_issue(rm->kernel, slot, in->first, in->last));
}

err_t on_interrupt_create(struct rm *rm, struct proto_request *request,
                          const struct rm_interrupt_create_in *in)
{
	slot_t slot = rm->irq_next > ABI_USER_IRQ_MAX ? 0 : slot_get(rm, rm->system->bank);
	if (!slot)
		return E_LIMIT;
	err_t err = issued(rm, request, slot,
	                   rm->ops->irq_issue(rm->kernel, slot, in->controller, in->pin, in->level,
	                                      in->low, rm->irq_next));
	rm->irq_next += err == E_OK;
	return err;
}

err_t on_system_off(struct rm *rm, struct proto_request *, const struct rm_system_off_in *in)
{
	rm->ops->off(rm->kernel, in->status == 0);
	return E_OK;
}

err_t on_system_check(struct rm *rm, struct proto_request *, struct rm_system_check_out *out)
{
	if (!rm_valid)
		return E_UNSUPPORTED;
	out->valid = rm_valid(rm);
	return E_OK;
}

err_t on_system_trace(struct rm *rm, struct proto_request *, const struct rm_system_trace_in *in)
{
	if (!rm->ops->trace)
		return E_UNSUPPORTED;
	rm->traced = in->on;
	return E_OK;
}

/* -- beginning --------------------------------------------------------------------------------- */

err_t rm_init(struct rm *rm, const struct rm_boot *boot)
{
	*rm = (struct rm){ .ops = boot->ops,
		           .kernel = boot->kernel,
		           .window = boot->window,
		           .endpoint = boot->endpoint };
	list_init(&rm->jobs);
	list_init(&rm->retry);
	deadlines_init(&rm->session_deadlines);
	deadlines_init(&rm->pager_deadlines);
	deadlines_init(&rm->passive_deadlines);
	list_init(&rm->passive);
	deadlines_init(&rm->probe_deadlines);
	uint64_t pages = 0;
	for (uint32_t i = 0; i < boot->bulks_count; i++)
		pages += 1ull << (boot->bulks[i].bits - PAGE_BITS);
	bank_init_root(rm, pages);
	slotmap_init(&rm->objects, sizeof(union any_object), &rm->root->pages);
	err_t err = memory_init(rm, boot);
	if (err == E_OK)
		err = device_init(rm, boot);
	if (err != E_OK)
		return err;
	rm->scratch = slot_get(rm, rm->root);
	rm->receive = slot_get(rm, rm->root);
	rm->reply = reply_get(rm);
	return rm->reply ? E_OK : E_NOMEM;
}

/*
 * The bank, address space and task of the first program. It gets all memory but what rm needs for
 * itself: for each chunk 3 pages and a page table's fourth part, for replies a 64th part, for the
 * slots of sessions half of that.
 */
err_t rm_init_task(struct rm *rm, unsigned int slot_bits, struct bank **bank,
                   struct vspace **vspace, struct task **task)
{
	uint64_t reserve =
	        rm->pages_total / 32 + rm->pages_total / 64 + rm->pages_total / 128 + 256;
	if (rm->pages_total < 2 * reserve)
		return E_NOMEM;
	uint64_t limit = rm->pages_total - reserve;
	err_t err = bank_new(rm, rm->root, limit, limit, limit / 2, bank);
	if (err != E_OK)
		return err;
	err = object_new(rm, *bank, KIND_SYSTEM, &rm->system);
	if (err == E_OK)
		err = vspace_new(rm, *bank, vspace);
	if (err == E_OK)
		err = task_new(rm, *bank, *vspace, slot_bits, "init", 4, task);
	if (err == E_OK)
		rm->init = *task;
	return err;
}

/* A capability to an object in a slot of a task's CSpace. */
err_t rm_give(struct rm *rm, struct task *task, uint32_t slot, const struct object *object,
              unsigned int facet)
{
	err_t err = scratch_mint(rm, rm->endpoint, CAP_SEND, object_badge(rm, object, facet));
	return err == E_OK ? KERNEL(rm, give, kernel_slot(rm, task->cnode), slot, task->slot_bits,
	                            rm->scratch)
	                   : err;
}
