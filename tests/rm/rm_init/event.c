/* SPDX-License-Identifier: BSD-2-Clause */
/* Events, the log, the machine: rm.idl's methods 120 to 136. */
#include "test.h"
#include <rt/sel4_object.h>
#include <rt/sel4_x86.h>

static void test_notification(cptr_t bank)
{
	cptr_t space = slot_new(), task, other, slot = slot_new(), thread = slot_new(), memory;
	uint64_t at = 0x20000000;
	CHECK_OK(rm_vspace_create(bank, rt_slot(space)));
	CHECK_OK(task_make(bank, space, "e", &task));
	CHECK_OK(task_make(bank, space, "o", &other));
	struct rm_event_notification_in in = { .badge = 0 };
	CHECK_ERR(rm_event_notification(task, &in, rt_slot(slot)), E_INVAL);
	in.badge = 5;
	CHECK_OK(rm_event_notification(task, &in, rt_slot(slot)));
	CHECK(sel4_nb_wait(slot).badge == 0);
	/* It is signalled when an event comes while none waits; once. */
	CHECK_OK(rm_task_watch(other, task, &(struct rm_task_watch_in){ .cookie = 1 }));
	CHECK_OK(rm_task_watch(other, task, &(struct rm_task_watch_in){ .cookie = 2 }));
	CHECK_OK(rm_task_exit(other, &(struct rm_task_exit_in){ .status = 3 }));
	for (unsigned int i = 0; i < 100 && task_status(task).events < 2; i++)
		wait_ms(1);
	CHECK(task_status(task).events == 2);
	CHECK(sel4_nb_wait(slot).badge == 5);
	CHECK(sel4_nb_wait(slot).badge == 0);
	/* Asked for again while events wait: signalled at once, with the new badge. */
	rt_slot_clear(slot);
	in.badge = 6;
	CHECK_OK(rm_event_notification(task, &in, rt_slot(slot)));
	CHECK(sel4_nb_wait(slot).badge == 6);
	CHECK(event_next(task).died.cookie == 1);
	CHECK(event_next(task).died.cookie == 2);
	CHECK(event_next(task).number == 0);
	/* The task may signal it as well, with badges of its own. */
	cptr_t own = slot_new();
	CHECK(sel4_cnode_mint(rt_slot(own), rt_slot(slot), RIGHT_WRITE, 3) == ERR_NONE);
	sel4_signal(own);
	CHECK(sel4_nb_wait(slot).badge == 3);
	/* Bound to one of its threads only. */
	CHECK_OK(memory_make(bank, 1, 0, &memory));
	CHECK_OK(show_as(space, memory, 0, 1, RW, RM_REGION_FLAGS_FIXED, RM_INHERIT_NONE, &at));
	const struct rm_thread_create_in make = { .buffer = at, .schedule = schedule_at(1) };
	CHECK_OK(rm_thread_create(task, &make, rt_slot(thread)));
	const struct rm_event_bind_in bind = { .badge = 9 };
	CHECK_OK(rm_event_bind(task, thread, &bind));
	CHECK_ERR(rm_event_bind(RT_TASK, thread, &bind), E_PERM);
	CHECK_ERR(rm_event_bind(task, memory, &bind), E_INVAL);
	CHECK_ERR(rm_event_bind(task, thread, &(struct rm_event_bind_in){ 0 }), E_INVAL);
	CHECK_OK(rm_task_destroy(task));
	CHECK_ERR(rm_event_bind(task, thread, &bind), E_GONE);
	slots_put((cptr_t[]){ space, task, other, slot, thread, memory, own }, 7);
}

/* A thread that receives is woken by its task's events. */
static void bind_and_receive(struct box *box)
{
	const struct rm_event_bind_in bind = { .badge = 0x40 };
	cptr_t reply = rt_slot_get(), endpoint;
	CHECK_OK(rm_reply_create(RT_TASK, rt_slot(reply)));
	CHECK_OK(rm_event_bind(RT_TASK, RT_THREAD, &bind));
	CHECK_OK(name_register(RT_TASK, "bound", 1000, &endpoint));
	box->word[1] = sel4_recv(endpoint, reply).badge;
	const struct event event = event_next(RT_TASK);
	box->word[2] = event.number;
	box->word[3] = event.died.cookie;
}

static void test_bind(cptr_t bank)
{
	cptr_t space = slot_new(), task;
	struct actor *a = actor_new(0, bank);
	CHECK_OK(rm_vspace_create(bank, rt_slot(space)));
	CHECK_OK(task_make(bank, space, "e", &task));
	CHECK_OK(rt_name_grant(a->program.task, "bound", RM_NAME_RIGHT_SERVE));
	CHECK_OK(rm_task_watch(task, a->program.task, &(struct rm_task_watch_in){ .cookie = 11 }));
	actor_start(a, bind_and_receive);
	CHECK(actor_is_busy(a));
	CHECK_OK(rm_task_exit(task, &(struct rm_task_exit_in){ 0 }));
	actor_join(a);
	CHECK(a->box->word[1] == 0x40 && a->box->word[2] == RM_EVENT_TASK_DIED &&
	      a->box->word[3] == 11);
	slots_put((cptr_t[]){ space, task }, 2);
	actor_end(a);
}

static void test_machine(cptr_t bank)
{
	struct rm_memory_query_out before = { 0 }, after = { 0 };
	cptr_t memory, slot = slot_new(), pinned;
	CHECK_OK(rm_memory_query(RT_TASK, &before));
	CHECK(before.status.given <= before.status.total && before.status.overhead > 0);
	CHECK_OK(memory_make(bank, 50, RM_DATASPACE_FLAGS_PINNED, &pinned));
	CHECK_OK(rm_memory_query(RT_TASK, &after));
	CHECK(after.status.given >= before.status.given + 50 * PAGE);
	CHECK(after.status.objects == before.status.objects + 1);
	CHECK(after.status.total == before.status.total);
	CHECK_OK(rm_dataspace_destroy(pinned));
	/* A line for the log. */
	struct rm_log_write_in line = { .line = "# a line", .line_count = 8 };
	CHECK_OK(rm_log_write(RT_TASK, &line));
	line.line_count = 0;
	CHECK_ERR(rm_log_write(RT_TASK, &line), E_INVAL);
	line = (struct rm_log_write_in){ .line = "a\0b", .line_count = 3 };
	CHECK_ERR(rm_log_write(RT_TASK, &line), E_INVAL);
	/* Only with the machine itself, which others do not have. */
	CHECK_ERR(rm_system_seal(RT_TASK), E_INVAL);
	CHECK_ERR(rm_system_off(bank, &(struct rm_system_off_in){ 0 }), E_INVAL);
	struct rm_system_check_out check = { 0 };
	CHECK_ERR(rm_system_check(RT_TASK, &check), E_INVAL);
	/* Ports and interrupts. */
	struct rm_ports_create_in ports = { .first = 0x80, .last = 0x7f };
	CHECK(rm_ports_create(RT_SYSTEM, &ports, rt_slot(slot)) != E_OK);
	CHECK_ERR(rm_ports_create(RT_TASK, &ports, rt_slot(slot)), E_INVAL);
	ports.first = 0xf4;
	ports.last = 0xf4;
	CHECK(rm_ports_create(RT_SYSTEM, &ports, rt_slot(slot)) != E_OK); /* rm's own */
	struct rm_interrupt_create_in irq = { .controller = 99 };
	CHECK(rm_interrupt_create(RT_SYSTEM, &irq, rt_slot(slot)) != E_OK);
	/* Not there yet, but for what rm says about it. */
	const struct rm_dataspace_create_device_in device = { .physical = 0xb8000,
		                                              .size = 1,
		                                              .caching = RM_CACHING_UNCACHED };
	err_t err = rm_dataspace_create_device(RT_SYSTEM, bank, &device, rt_slot(slot));
	CHECK(err == E_UNSUPPORTED || err == E_OK);
	if (err == E_OK)
		CHECK_OK(rm_dataspace_destroy(slot));
	CHECK_OK(memory_make(bank, 1, 0, &memory));
	slots_put((cptr_t[]){ memory, slot, pinned }, 3);
}

const struct test event_tests[] = {
	{ "event_notification, event_bind", test_notification },
	{ "event_bind: a thread that receives", test_bind },
	{ "memory_query, log_write, the machine", test_machine },
	{ 0 },
};

/* Nothing can be created any more, by anyone; all else goes on. For ever: the last test. */
void test_seal(void)
{
	cptr_t made = slot_new(), memory, space = slot_new(), task;
	uint64_t at = 0;
	CHECK_OK(memory_make(RT_BANK, 4, 0, &memory));
	CHECK_OK(rm_vspace_create(RT_BANK, rt_slot(space)));
	CHECK_OK(task_make(RT_BANK, space, "s", &task));
	CHECK_OK(show(memory, 4, &at));
	uint64_t there = at;
	CHECK_OK(show_as(space, memory, 0, 4, RW, 0, RM_INHERIT_NONE, &there));
	CHECK_OK(rm_system_seal(RT_SYSTEM));
	const struct rm_bank_create_in bank = { .limit = 10 * PAGE };
	CHECK_ERR(rm_bank_create(RT_BANK, &bank, rt_slot(made)), E_SEALED);
	CHECK_ERR(rm_vspace_create(RT_BANK, rt_slot(made)), E_SEALED);
	CHECK_ERR(rm_reply_create(task, rt_slot(made)), E_SEALED);
	const struct rm_dataspace_create_in create = { .size = 1, .align = 12 };
	CHECK_ERR(rm_dataspace_create(RT_BANK, &create, rt_slot(made)), E_SEALED);
	const struct rm_dataspace_clone_in clone = { .size = 1 };
	CHECK_ERR(rm_dataspace_clone(memory, RT_BANK, &clone, rt_slot(made)), E_SEALED);
	CHECK_ERR(rm_vspace_clone(space, RT_BANK, rt_slot(made)), E_SEALED);
	uint64_t again = 0;
	CHECK_ERR(show_as(space, memory, 0, 1, RW, 0, RM_INHERIT_NONE, &again), E_SEALED);
	struct rm_vspace_populate_out laid_out = { 0 };
	CHECK_OK(rm_vspace_populate(space, &laid_out));
	CHECK(laid_out.made == 4 && memory_status(memory).resident == 4);
	*(volatile uint64_t *)at = 1;
	CHECK_OK(hide(RT_VSPACE, at, 4));
	CHECK_OK(rm_task_destroy(task));
	CHECK_OK(rm_vspace_destroy(space));
	CHECK_OK(rm_dataspace_destroy(memory));
	slots_put((cptr_t[]){ made, memory, space, task }, 4);
}
