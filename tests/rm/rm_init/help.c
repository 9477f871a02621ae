/* SPDX-License-Identifier: BSD-2-Clause */
#include "test.h"

/* -- memory ------------------------------------------------------------------------------------ */

cptr_t slot_new(void)
{
	cptr_t slot = rt_slot_get();
	if (!slot)
		rt_log("Bail out! no slots");
	return slot;
}

void slots_put(const cptr_t *slots, unsigned int count)
{
	for (unsigned int i = 0; i < count; i++)
		rt_slot_put(slots[i]);
}

/* What comes into a new slot, which is given back after an error. */
static err_t got(err_t err, cptr_t slot, cptr_t *made)
{
	if (err != E_OK)
		rt_slot_put(slot);
	*made = err == E_OK ? slot : 0;
	return err;
}

struct rm_bank_status bank_status(cptr_t bank)
{
	struct rm_bank_query_out out = { 0 };
	CHECK_OK(rm_bank_query(bank, &out));
	return out.status;
}

bool bank_same(const struct rm_bank_status *a, const struct rm_bank_status *b)
{
	return a->guarantee == b->guarantee && a->limit == b->limit && a->used == b->used &&
	       a->pinned == b->pinned && a->pin_limit == b->pin_limit &&
	       a->children == b->children && a->objects == b->objects;
}

struct rm_bank_status bank_settled(cptr_t bank, const struct rm_bank_status *before)
{
	struct rm_bank_status status = bank_status(bank);
	for (unsigned int i = 0; i < 200 && status.objects != before->objects; i++) {
		wait_ms(1);
		status = bank_status(bank);
	}
	return status;
}

err_t bank_make(cptr_t parent, uint64_t pages, cptr_t *made)
{
	const struct rm_bank_create_in in = { .limit = pages * PAGE,
		                              .pin_limit = pages / 4 * PAGE,
		                              .priority_max = 210 };
	cptr_t slot = slot_new();
	return got(rm_bank_create(parent, &in, rt_slot(slot)), slot, made);
}

void bank_leave(cptr_t bank, uint64_t pages)
{
	const struct rm_bank_status status = bank_status(bank);
	uint64_t left = status.limit - status.used;
	const struct rm_bank_transfer_in in = { .limit = left > pages * PAGE ? left - pages * PAGE
		                                                             : 0 };
	CHECK_OK(rm_bank_transfer(bank, RT_BANK, &in));
}

err_t memory_make(cptr_t bank, uint64_t pages, uint8_t flags, cptr_t *made)
{
	const struct rm_dataspace_create_in in = { .size = pages, .flags = flags, .align = 12 };
	cptr_t slot = slot_new();
	return got(rm_dataspace_create(bank, &in, rt_slot(slot)), slot, made);
}

err_t memory_clone(cptr_t memory, cptr_t bank, uint64_t first, uint64_t pages, cptr_t *made)
{
	const struct rm_dataspace_clone_in in = { .first = first, .size = pages };
	cptr_t slot = slot_new();
	return got(rm_dataspace_clone(memory, bank, &in, rt_slot(slot)), slot, made);
}

struct rm_dataspace_status memory_status(cptr_t memory)
{
	struct rm_dataspace_query_out out = { 0 };
	CHECK_OK(rm_dataspace_query(memory, &out));
	return out.status;
}

err_t show_as(cptr_t vspace, cptr_t memory, uint64_t first, uint64_t pages, uint8_t rights,
              uint8_t flags, uint8_t inherit, void *at_out)
{
	uint64_t *at = at_out;
	struct rm_region_map_out out = { 0 };
	const struct rm_region_map_in in = { .start = *at,
		                             .size = pages,
		                             .first = first,
		                             .rights = rights,
		                             .flags = flags,
		                             .inherit = inherit };
	err_t err = rm_region_map(vspace, memory, &in, &out);
	if (err == E_OK)
		*at = out.at;
	return err;
}

err_t show(cptr_t memory, uint64_t pages, void *at_out)
{
	*(uint64_t *)at_out = 0;
	return show_as(RT_VSPACE, memory, 0, pages, RW, 0, RM_INHERIT_NONE, at_out);
}

volatile uint64_t *word_at(uint64_t at, uint64_t page)
{
	return (volatile uint64_t *)(at + page * PAGE);
}

void fill(uint64_t at, uint64_t pages, uint64_t value)
{
	for (uint64_t i = 0; i < pages; i++)
		*word_at(at, i) = value + i;
}

bool holds(uint64_t at, uint64_t pages, uint64_t value)
{
	for (uint64_t i = 0; i < pages; i++)
		if (*word_at(at, i) != value + i)
			return false;
	return true;
}

err_t hide(cptr_t vspace, uint64_t at, uint64_t pages)
{
	return rm_region_unmap(vspace, &(struct rm_region_unmap_in){ .start = at, .size = pages });
}

err_t protect(cptr_t vspace, uint64_t at, uint64_t pages, uint8_t rights)
{
	const struct rm_region_protect_in in = { .start = at, .size = pages, .rights = rights };
	return rm_region_protect(vspace, &in);
}

cptr_t space_make(cptr_t bank)
{
	cptr_t space = slot_new();
	CHECK_OK(rm_vspace_create(bank, rt_slot(space)));
	CHECK_OK(rm_vspace_set_pager(space, RT_TASK, &(struct rm_vspace_set_pager_in){ 0 }));
	return space;
}

enum rm_fault_result fault(cptr_t vspace, uint64_t at, enum rm_access access)
{
	struct rm_vspace_fault_out out = { 0 };
	const struct rm_vspace_fault_in in = { .at = at, .token = at, .access = (uint8_t)access };
	CHECK_OK(rm_vspace_fault(vspace, &in, &out));
	return (enum rm_fault_result)out.result;
}

uint64_t peek(cptr_t vspace, uint64_t at)
{
	struct rm_vspace_read_out out = { 0 };
	const struct rm_vspace_read_in in = { .at = at, .count = 1 };
	CHECK_OK(rm_vspace_read(vspace, &in, &out));
	return out.content_count ? out.content[0] : NOT_THERE;
}

/* -- tasks, names, sessions -------------------------------------------------------------------- */

err_t task_make(cptr_t bank, cptr_t space, const char *name, cptr_t *made)
{
	struct rm_task_create_in in = { .slot_bits = 7 };
	in.name_count = rt_name(in.name, name, RM_NAME_MAX);
	cptr_t slot = slot_new();
	return got(rm_task_create(bank, space, &in, rt_slot(slot)), slot, made);
}

err_t task_put(cptr_t task, cptr_t cap, uint32_t slot)
{
	return rm_task_give(task, cap, &(struct rm_task_give_in){ .slot = slot });
}

struct rm_task_status task_status(cptr_t task)
{
	struct rm_task_query_out out = { 0 };
	CHECK_OK(rm_task_query(task, &out));
	return out.status;
}

err_t name_register(cptr_t task, const char *name, uint32_t deadline_ms, cptr_t *endpoint)
{
	struct rm_name_register_in in = { .deadline = deadline_ms, .version = 1 };
	in.name_count = rt_name(in.name, name, RM_NAME_MAX);
	cptr_t slot = slot_new();
	return got(rm_name_register(task, &in, rt_slot(slot)), slot, endpoint);
}

err_t session_connect(cptr_t task, cptr_t payer, uint64_t pages, const char *name, cptr_t *endpoint,
                      rm_session_t *session)
{
	struct rm_session_connect_in in = { .limit = pages * PAGE, .version = 1 };
	struct rm_session_connect_out out = { 0 };
	in.name_count = rt_name(in.name, name, RM_NAME_MAX);
	cptr_t slot = slot_new();
	err_t err = got(rm_session_connect(task, payer, &in, rt_slot(slot), &out), slot, endpoint);
	*session = out.session;
	return err;
}

err_t session_accept(cptr_t task, rm_session_t session)
{
	return rm_session_accept(task, &(struct rm_session_accept_in){ .session = session });
}

err_t session_sever(cptr_t task, rm_session_t session)
{
	return rm_session_sever(task, &(struct rm_session_sever_in){ .session = session });
}

err_t session_acknowledge(cptr_t task, rm_session_t session)
{
	const struct rm_session_acknowledge_in in = { .session = session };
	return rm_session_acknowledge(task, &in);
}

struct rm_schedule schedule_at(uint8_t priority)
{
	return (struct rm_schedule){ .budget_us = 10000,
		                     .period_us = 10000,
		                     .priority = priority,
		                     .priority_max = priority };
}

/* -- events ------------------------------------------------------------------------------------ */

struct event event_next(cptr_t task)
{
	struct rm_event_next_out out = { 0 };
	struct event event = { 0 };
	CHECK_OK(rm_event_next(task, &out));
	if (out.record_count == 0)
		return event;
	CHECK(out.record[0] >> 32 == out.record_count - 1u);
	event.number = (unsigned int)(uint32_t)out.record[0] - PROTO_LABEL_BASE;
	for (unsigned int i = 1; i < out.record_count; i++)
		event.words[i - 1] = out.record[i];
	return event;
}

static cptr_t notification;

void events_init(void)
{
	const struct rm_event_notification_in in = { .badge = 1 };
	notification = slot_new();
	CHECK_OK(rm_event_notification(RT_TASK, &in, rt_slot(notification)));
}

struct event event_wait(unsigned int number)
{
	for (;;) {
		struct event event = event_next(RT_TASK);
		if (event.number == number)
			return event;
		if (event.number)
			rt_log("# event %u of 0x%lx instead of %u", event.number, event.words[0],
			       number);
		CHECK(event.number == 0);
		if (event.number == 0)
			(void)sel4_wait(notification);
	}
}

void event_none(void)
{
	struct event event;
	while ((event = event_next(RT_TASK)).number) {
		rt_log("# event %u of 0x%lx was left", event.number, event.words[0]);
		if (event.number == RM_EVENT_TASK_DIED)
			rt_log("# it died: reason %u, status 0x%x, at 0x%lx, instruction 0x%lx",
			       event.died.reason, event.died.status, event.died.at,
			       event.died.instruction);
		CHECK(event.number == 0);
	}
}
