/* SPDX-License-Identifier: BSD-2-Clause */
/* Tasks and threads: rm.idl's methods 60 to 80. */
#include "test.h"
#include <rt/sel4_object.h>
#include <rt/thread.h>

static err_t thread_make(cptr_t task, uint64_t buffer, uint8_t priority, cptr_t made)
{
	const struct rm_thread_create_in in = { .buffer = buffer,
		                                .schedule = schedule_at(priority) };
	return rm_thread_create(task, &in, rt_slot(made));
}

static void test_create(cptr_t bank)
{
	cptr_t task, space = slot_new();
	CHECK_OK(rm_vspace_create(bank, rt_slot(space)));
	struct rm_task_create_in in = { .slot_bits = 3, .name = "t", .name_count = 1 };
	cptr_t slot = slot_new();
	CHECK_ERR(rm_task_create(bank, space, &in, rt_slot(slot)), E_INVAL);
	in.slot_bits = 15;
	CHECK_ERR(rm_task_create(bank, space, &in, rt_slot(slot)), E_INVAL);
	in.slot_bits = 4;
	CHECK_ERR(rm_task_create(bank, bank, &in, rt_slot(slot)), E_INVAL);
	in.name_count = 0;
	CHECK_ERR(rm_task_create(bank, space, &in, rt_slot(slot)), E_INVAL);
	for (uint8_t bits = 4; bits <= 14; bits++) {
		in = (struct rm_task_create_in){ .slot_bits = bits, .name = "n", .name_count = 1 };
		const struct rm_bank_status before = bank_status(bank);
		err_t err = rm_task_create(bank, space, &in, rt_slot(slot));
		CHECK_OK(err);
		if (err != E_OK)
			continue;
		struct rm_task_status status = task_status(slot);
		CHECK(status.state == RM_TASK_STATE_NEW && status.threads == 0 &&
		      status.sessions == 0 && status.events == 0);
		/* The last slot, none beyond it, none that is taken. */
		CHECK_OK(task_put(slot, bank, (1u << bits) - 1));
		CHECK_ERR(task_put(slot, bank, (1u << bits) - 1), E_EXIST);
		CHECK_ERR(task_put(slot, bank, 1u << bits), bits == 14 ? E_INVAL : E_RANGE);
		CHECK_ERR(task_put(slot, bank, 1), E_INVAL);
		CHECK_OK(task_put(slot, slot, 2));
		CHECK_OK(task_put(slot, RT_CNODE, 3)); /* not one of rm's */
		CHECK_OK(rm_task_destroy(slot));
		CHECK_ERR(rm_task_destroy(slot), E_GONE);
		rt_slot_clear(slot);
		const struct rm_bank_status after = bank_status(bank);
		CHECK(after.used <= before.used + 2 * PAGE && after.objects == before.objects);
	}
	CHECK_OK(task_make(bank, space, "x", &task));
	CHECK_OK(rm_task_exit(task, &(struct rm_task_exit_in){ .status = 12 }));
	CHECK(task_status(task).state == RM_TASK_STATE_DEAD);
	CHECK(task_status(task).reason == RM_REASON_EXIT);
	CHECK_ERR(rm_task_exit(task, &(struct rm_task_exit_in){ 0 }), E_GONE);
	CHECK_ERR(rm_task_stop(task), E_GONE);
	CHECK_ERR(rm_task_resume(task), E_GONE);
	CHECK_ERR(rm_reply_create(task, rt_slot(slot)), E_GONE);
	CHECK_ERR(thread_make(task, 0x1000, 1, slot), E_GONE);
	slots_put((cptr_t[]){ task, space, slot }, 3);
}

static void test_watch(cptr_t bank)
{
	cptr_t task, other, space = slot_new();
	CHECK_OK(rm_vspace_create(bank, rt_slot(space)));
	CHECK_OK(task_make(bank, space, "a", &task));
	CHECK_OK(task_make(bank, space, "b", &other));
	struct rm_task_watch_in in = { .cookie = 1 };
	CHECK_OK(rm_task_watch(task, RT_TASK, &in));
	CHECK_ERR(rm_task_watch(task, RT_TASK, &in), E_EXIST);
	CHECK_OK(rm_task_watch(task, other, &in));
	in.cookie = 2;
	CHECK_OK(rm_task_watch(task, RT_TASK, &in));
	CHECK_OK(rm_task_unwatch(task, RT_TASK, &(struct rm_task_unwatch_in){ .cookie = 2 }));
	CHECK_ERR(rm_task_unwatch(task, RT_TASK, &(struct rm_task_unwatch_in){ .cookie = 2 }),
	          E_NOENT);
	CHECK_OK(rm_task_exit(task, &(struct rm_task_exit_in){ .status = 77 }));
	struct event event = event_wait(RM_EVENT_TASK_DIED);
	CHECK(event.died.cookie == 1 && event.died.status == 77 &&
	      event.died.reason == RM_REASON_EXIT);
	CHECK(event_next(other).number == RM_EVENT_TASK_DIED && !event_next(other).number);
	/* It is dead: at once. */
	in.cookie = 3;
	CHECK_OK(rm_task_watch(task, RT_TASK, &in));
	event = event_wait(RM_EVENT_TASK_DIED);
	CHECK(event.died.cookie == 3 && event.died.status == 77);
	/* A dead watcher; a watcher that dies first; a bank that ends. */
	CHECK_ERR(rm_task_watch(other, task, &in), E_GONE);
	CHECK_OK(rm_task_watch(RT_TASK, other, &in));
	CHECK_OK(rm_task_destroy(other));
	CHECK_ERR(rm_task_unwatch(RT_TASK, other, &(struct rm_task_unwatch_in){ 3 }), E_INVAL);
	rt_slot_put(other);
	CHECK_OK(bank_make(bank, 100, &other));
	cptr_t third;
	CHECK_OK(task_make(other, space, "c", &third));
	in.cookie = 4;
	CHECK_OK(rm_task_watch(third, RT_TASK, &in));
	CHECK_OK(rm_bank_destroy(other));
	event = event_wait(RM_EVENT_TASK_DIED);
	CHECK(event.died.cookie == 4 && event.died.reason == RM_REASON_BANK);
	if (event.died.reason != RM_REASON_BANK)
		rt_log("# reason %u", event.died.reason);
	slots_put((cptr_t[]){ task, other, third, space }, 4);
}

static void count(struct box *box)
{
	for (;;) {
		box->word[0]++;
		if (box->word[0] % 50 == 0)
			sel4_yield();
	}
}

static bool counts(const struct actor *actor)
{
	uint64_t before = actor->box->word[0];
	wait_ms(25);
	return actor->box->word[0] != before;
}

static void test_stop(cptr_t bank)
{
	struct actor *a = actor_new(0, bank);
	struct rm_thread_read_registers_out regs = { 0 };
	const struct rm_thread_schedule_in low = { .schedule = schedule_at(200) };
	CHECK_OK(rm_thread_schedule(a->program.thread, &low));
	actor_start(a, count);
	CHECK(counts(a));
	CHECK_ERR(rm_thread_read_registers(a->program.thread, &regs), E_BUSY);
	CHECK_OK(rm_task_stop(a->program.task));
	CHECK(!counts(a) && task_status(a->program.task).state == RM_TASK_STATE_STOPPED);
	CHECK_OK(rm_thread_resume(a->program.thread)); /* not while the task is stopped */
	CHECK(!counts(a));
	CHECK_OK(rm_thread_read_registers(a->program.thread, &regs));
	CHECK(regs.registers.rip > 0x400000 && regs.registers.rip < 0x600000);
	CHECK_OK(rm_task_resume(a->program.task));
	CHECK(counts(a) && task_status(a->program.task).state == RM_TASK_STATE_RUNNING);
	CHECK_OK(rm_thread_stop(a->program.thread));
	CHECK_OK(rm_thread_stop(a->program.thread));
	CHECK(!counts(a));
	CHECK_OK(rm_thread_resume(a->program.thread));
	CHECK_OK(rm_thread_resume(a->program.thread));
	CHECK(counts(a));
	const struct rm_thread_start_in start = { .entry = 0x400000 };
	CHECK_ERR(rm_thread_start(a->program.thread, &start), E_BUSY);
	CHECK_OK(rm_thread_destroy(a->program.thread));
	CHECK(!counts(a) && task_status(a->program.task).threads == 0);
	CHECK_ERR(rm_thread_stop(a->program.thread), E_GONE);
	CHECK_OK(rm_task_destroy(a->program.task));
	CHECK(actor_died(a).reason == RM_REASON_STOPPED);
	CHECK_OK(rm_bank_destroy(a->bank));
	rt_program_forget(&a->program);
	rt_slot_put(a->bank);
}

static void dummy(struct box *box)
{
	box->word[1]++;
}

/* A stopped thread's registers can be written, and it goes on with them. */
static void test_registers(cptr_t bank)
{
	cptr_t memory, space = slot_new(), task, thread = slot_new();
	uint64_t at, there = 0x20000000;
	struct rm_thread_read_registers_out out = { 0 };
	CHECK_OK(rm_vspace_create(bank, rt_slot(space)));
	CHECK_OK(memory_make(bank, 4, 0, &memory));
	CHECK_OK(show(memory, 4, &at));
	/* mov %rax, (%rdi); 1: pause; jmp 1b */
	static const uint8_t code[] = { 0x48, 0x89, 0x07, 0xf3, 0x90, 0xeb, 0xfc };
	for (unsigned int i = 0; i < sizeof(code); i++)
		((volatile uint8_t *)at)[PAGE + i] = code[i];
	CHECK_OK(show_as(space, memory, 0, 4, RW | RM_RIGHT_EXECUTE, RM_REGION_FLAGS_FIXED,
	                 RM_INHERIT_NONE, &there));
	CHECK_OK(task_make(bank, space, "r", &task));
	CHECK_OK(thread_make(task, there, 205, thread));
	CHECK(task_status(task).threads == 1);
	CHECK(bank_status(bank).pinned == PAGE);
	struct rm_thread_write_registers_in in = { 0 };
	in.registers.rdi = there + 2 * PAGE;
	CHECK_OK(rm_thread_read_registers(thread, &out));
	const struct rm_schedule low = schedule_at(200);
	CHECK_OK(rm_thread_schedule(thread, &(struct rm_thread_schedule_in){ .schedule = low }));
	const struct rm_thread_start_in start = { .entry = there + PAGE + 3,
		                                  .stack = there + 4 * PAGE,
		                                  .argument = 5 };
	CHECK_OK(rm_thread_start(thread, &start));
	CHECK_ERR(rm_thread_start(thread, &start), E_BUSY);
	CHECK(task_status(task).state == RM_TASK_STATE_RUNNING);
	CHECK_ERR(rm_thread_write_registers(thread, &in), E_BUSY);
	wait_ms(5);
	CHECK_OK(rm_thread_stop(thread));
	CHECK_OK(rm_thread_read_registers(thread, &out));
	CHECK(out.registers.rdi == 5 && out.registers.rsp == there + 4 * PAGE);
	CHECK(out.registers.rip - (there + PAGE + 3) <= 2);
	in.registers = out.registers;
	in.registers.rip = there + PAGE;
	in.registers.rax = 0x1234567890abcdef;
	in.registers.rdi = there + 2 * PAGE;
	in.registers.r15 = 15;
	in.registers.fs_base = 0x7000;
	CHECK_OK(rm_thread_write_registers(thread, &in));
	CHECK_OK(rm_thread_resume(thread));
	for (unsigned int i = 0; i < 200 && !*(volatile uint64_t *)(at + 2 * PAGE); i++)
		wait_ms(5);
	CHECK_OK(rm_thread_stop(thread));
	CHECK(*(volatile uint64_t *)(at + 2 * PAGE) == 0x1234567890abcdef);
	CHECK_OK(rm_thread_read_registers(thread, &out));
	CHECK(out.registers.r15 == 15 && out.registers.fs_base == 0x7000);
	CHECK_OK(rm_task_destroy(task));
	CHECK(bank_status(bank).pinned == 0);
	CHECK_OK(hide(RT_VSPACE, at, 4));
	slots_put((cptr_t[]){ memory, space, task, thread }, 4);
}

static void test_thread(cptr_t bank)
{
	cptr_t memory, space = slot_new(), task, thread = slot_new(), poor, other;
	uint64_t there = 0x20000000, readable = 0x30000000, foreign = 0x40000000;
	CHECK_OK(rm_vspace_create(bank, rt_slot(space)));
	CHECK_OK(memory_make(bank, 8, 0, &memory));
	CHECK_OK(show_as(space, memory, 0, 4, RW, RM_REGION_FLAGS_FIXED, RM_INHERIT_NONE, &there));
	CHECK_OK(show_as(space, memory, 0, 4, RM_RIGHT_READ, RM_REGION_FLAGS_FIXED, RM_INHERIT_NONE,
	                 &readable));
	CHECK_OK(task_make(bank, space, "r", &task));
	/* A priority above the bank's; a budget above its period; a buffer that is none. */
	CHECK_ERR(thread_make(task, there, 211, thread), E_PERM);
	struct rm_thread_create_in in = { .buffer = there, .schedule = schedule_at(210) };
	in.schedule.budget_us = 20000;
	CHECK_ERR(rm_thread_create(task, &in, rt_slot(thread)), E_INVAL);
	in.schedule = schedule_at(10);
	in.schedule.priority_max = 211;
	CHECK_ERR(rm_thread_create(task, &in, rt_slot(thread)), E_PERM);
	CHECK_ERR(thread_make(task, there + 8, 1, thread), E_INVAL);
	CHECK_ERR(thread_make(task, there + 4 * PAGE, 1, thread), E_INVAL);
	CHECK_ERR(thread_make(task, readable, 1, thread), E_INVAL);
	CHECK_OK(bank_make(bank, 50, &poor));
	CHECK_OK(memory_make(poor, 2, 0, &other));
	CHECK_OK(show_as(space, other, 0, 2, RW, RM_REGION_FLAGS_FIXED, RM_INHERIT_NONE, &foreign));
	CHECK_ERR(thread_make(task, foreign, 1, thread), E_PERM);
	CHECK(task_status(task).threads == 0 && bank_status(bank).pinned == 0);
	CHECK_OK(thread_make(task, there, 210, thread));
	/* Changed later. */
	struct rm_thread_schedule_in schedule = { .schedule = schedule_at(211) };
	CHECK_ERR(rm_thread_schedule(thread, &schedule), E_PERM);
	schedule.schedule = schedule_at(5);
	schedule.schedule.budget_us = 20;
	CHECK_OK(rm_thread_schedule(thread, &schedule));
	schedule.schedule.budget_us = 10001;
	CHECK_ERR(rm_thread_schedule(thread, &schedule), E_INVAL);
	schedule.schedule.budget_us = 19;
	CHECK_ERR(rm_thread_schedule(thread, &schedule), E_INVAL);
	/* No pin quota: no thread. */
	cptr_t poor_task, no_pins = slot_new();
	const struct rm_bank_create_in bank_in = { .limit = 60 * PAGE, .priority_max = 10 };
	CHECK_OK(rm_bank_create(bank, &bank_in, rt_slot(no_pins)));
	CHECK_OK(task_make(no_pins, space, "p", &poor_task));
	CHECK_OK(rm_dataspace_destroy(other));
	rt_slot_put(other);
	CHECK_OK(memory_make(no_pins, 2, 0, &other));
	foreign += 0x100000;
	CHECK_OK(show_as(space, other, 0, 2, RW, RM_REGION_FLAGS_FIXED, RM_INHERIT_NONE, &foreign));
	rt_slot_clear(thread);
	CHECK_ERR(thread_make(poor_task, foreign, 1, thread), E_LIMIT);
	CHECK(task_status(poor_task).threads == 0);
	CHECK_OK(rm_bank_destroy(no_pins));
	CHECK(bank_status(bank).pinned == PAGE);
	/* The buffer outlives its dataspace as long as the thread does. */
	CHECK_OK(rm_dataspace_destroy(memory));
	CHECK(bank_status(bank).pinned == PAGE);
	CHECK_OK(rm_task_destroy(task));
	CHECK(bank_status(bank).pinned == 0);
	slots_put((cptr_t[]){ memory, space, task, thread, poor, other, poor_task, no_pins }, 8);
}

/* A thread's faults go to whoever is its handler. */
static void make_endpoint(struct box *box)
{
	(void)box;
}

static void test_handler(cptr_t bank)
{
	struct actor *a = actor_new(0, bank);
	cptr_t endpoint, reply = slot_new(), send = slot_new(), task, space = slot_new();
	actor_do(a, make_endpoint);
	actor_do(a, dummy);
	CHECK_OK(rm_vspace_create(bank, rt_slot(space)));
	CHECK_OK(task_make(bank, space, "h", &task));
	CHECK_OK(rt_name_grant(task, "handler", RM_NAME_RIGHT_SERVE));
	CHECK_OK(name_register(task, "handler", 1000, &endpoint));
	CHECK_OK(rm_reply_create(task, rt_slot(reply)));
	CHECK_ERR(rm_thread_set_handler(a->program.thread, bank), E_INVAL);
	/* What a server has can only receive; a handler must be able to send. */
	CHECK(rm_thread_set_handler(a->program.thread, endpoint) != E_OK);
	CHECK(actor_is_busy(a) == false);
	actor_do(a, dummy);
	slots_put((cptr_t[]){ endpoint, reply, send, task, space }, 5);
	actor_end(a);
}

const struct test task_tests[] = {
	{ "task_create, task_give", test_create },
	{ "task_watch", test_watch },
	{ "task_stop, thread_stop", test_stop },
	{ "thread_read_registers, thread_write_registers", test_registers },
	{ "thread_create, thread_schedule", test_thread },
	{ "thread_set_handler", test_handler },
	{ 0 },
};

/* -- faults: what whoever watches is told ------------------------------------------------------ */

static void read_at(struct box *box)
{
	box->word[3] = *(volatile uint64_t *)box->word[2];
}

static void write_at(struct box *box)
{
	*(volatile uint64_t *)box->word[2] = 1;
}

static void execute_at(struct box *box)
{
	((void (*)(void))box->word[2])();
}

static void bad_instruction(struct box *box)
{
	(void)box;
	__asm__ volatile("ud2");
}

static void divide(struct box *box)
{
	uint64_t zero = box->word[5], one = 1;
	__asm__ volatile("div %1" : "+a"(one) : "r"(zero) : "rdx");
}

static void privileged(struct box *box)
{
	(void)box;
	__asm__ volatile("cli");
}

static void unknown_syscall(struct box *box)
{
	(void)box;
	__asm__ volatile("syscall" : : "d"(12345L), "a"(12345L) : "rcx", "r11", "memory");
}

static void say_exit(struct box *box)
{
	(void)box;
	rt_exit(42);
}

static void overflow(struct box *box)
{
	volatile char frame[66000];
	frame[0] = (char)box->word[0];
	box->word[1] = (uint64_t)frame[0];
}

static const struct {
	const char *what;
	void (*fn)(struct box *box);
	uint64_t at; /* 1: the shown memory, read only; 2: the same, beyond its end */
	uint8_t fault, result, access;
} faults[] = {
	{ "null", read_at, 0, FAULT_VM, RM_FAULT_RESULT_NO_REGION, RM_ACCESS_READ },
	{ "kernel", read_at, 0xffffffff80000000, FAULT_VM, RM_FAULT_RESULT_NO_REGION,
	  RM_ACCESS_READ },
	{ "write to nothing", write_at, 0x1000, FAULT_VM, RM_FAULT_RESULT_NO_REGION,
	  RM_ACCESS_WRITE },
	{ "write to what is read", write_at, 1, FAULT_VM, RM_FAULT_RESULT_NO_RIGHT,
	  RM_ACCESS_WRITE },
	{ "beyond the end", read_at, 2, FAULT_VM, RM_FAULT_RESULT_LOST, RM_ACCESS_READ },
	{ "stack overflow", overflow, 0, FAULT_VM, RM_FAULT_RESULT_NO_REGION, RM_ACCESS_WRITE },
	{ "not canonical", read_at, 0x800000000000, FAULT_USER_EXCEPTION, 0, 0 },
	{ "bad instruction", bad_instruction, 0, FAULT_USER_EXCEPTION, 0, 0 },
	{ "division", divide, 0, FAULT_USER_EXCEPTION, 0, 0 },
	{ "privileged", privileged, 0, FAULT_USER_EXCEPTION, 0, 0 },
	{ "unknown system call", unknown_syscall, 0, FAULT_UNKNOWN_SYSCALL, 0, 0 },
	{ "exit", say_exit, 0, 0, 0, 0 },
};

static void test_faults(cptr_t bank)
{
	for (unsigned int i = 0; i < COUNT_OF(faults); i++) {
		struct actor *a = actor_new(0, bank);
		cptr_t memory;
		uint64_t at = 0x50000000;
		CHECK_OK(memory_make(a->bank, 4, 0, &memory));
		CHECK_OK(show_as(a->program.vspace, memory, 0, 4, RM_RIGHT_READ,
		                 RM_REGION_FLAGS_FIXED, RM_INHERIT_NONE, &at));
		CHECK_OK(
		        rm_dataspace_resize(memory, &(struct rm_dataspace_resize_in){ .size = 2 }));
		uint64_t where = faults[i].at == 1   ? at
		                 : faults[i].at == 2 ? at + 2 * PAGE
		                                     : faults[i].at;
		a->box->word[2] = where;
		actor_start(a, faults[i].fn);
		const struct rm_task_died_event died = actor_died(a);
		bool good =
		        died.reason == RM_REASON_FAULT && (died.status & 0xff) == faults[i].fault;
		if (faults[i].fault == 0)
			good = died.reason == RM_REASON_EXIT && died.status == 42;
		if (faults[i].fault == FAULT_VM)
			good &= (died.status >> 8 & 0xff) == faults[i].result &&
			        died.status >> 16 == faults[i].access &&
			        (faults[i].fn == overflow || died.at == where);
		if (faults[i].fault)
			good &= died.instruction > 0x400000 && died.instruction < 0x600000;
		CHECK(good);
		if (!good)
			rt_log("# %s: reason %u, status 0x%x, at 0x%lx, instruction 0x%lx",
			       faults[i].what, died.reason, died.status, died.at, died.instruction);
		CHECK(task_status(a->program.task).state == RM_TASK_STATE_DEAD);
		/* What is left can be looked at. */
		struct rm_thread_read_registers_out regs = { 0 };
		CHECK_OK(rm_thread_read_registers(a->program.thread, &regs));
		rt_slot_put(memory);
		actor_end(a);
	}
}

/* The instruction fetch of what is not there; a kernel without NX (seL4) takes it for a read. */
static void test_execute(cptr_t bank)
{
	struct actor *a = actor_new(0, bank);
	a->box->word[2] = 0x7000;
	actor_start(a, execute_at);
	struct rm_task_died_event died = actor_died(a);
	CHECK(died.reason == RM_REASON_FAULT && died.at == 0x7000);
	CHECK((died.status & 0xffff) == (FAULT_VM | RM_FAULT_RESULT_NO_REGION << 8));
	CHECK(died.status >> 16 == RM_ACCESS_EXECUTE || died.status >> 16 == RM_ACCESS_READ);
	actor_end(a);
}

static void read_much(struct box *box)
{
	for (uint64_t i = 0; i < 2000; i++)
		((volatile char *)box->word[2])[i * PAGE] = 1;
}

/* The bank has nothing left: the end of the program that wanted it, and of no other. */
static void test_no_memory(cptr_t bank)
{
	struct actor *a = actor_new(0, bank), *b = actor_new(1, bank);
	cptr_t memory;
	uint64_t at = 0x50000000;
	CHECK_OK(memory_make(a->bank, 2000, 0, &memory));
	CHECK_OK(show_as(a->program.vspace, memory, 0, 2000, RW, RM_REGION_FLAGS_FIXED,
	                 RM_INHERIT_NONE, &at));
	a->box->word[2] = at;
	actor_start(a, read_much);
	const struct rm_task_died_event died = actor_died(a);
	CHECK(died.reason == RM_REASON_FAULT);
	CHECK((died.status >> 8 & 0xff) == RM_FAULT_RESULT_NO_MEMORY);
	actor_do(b, dummy);
	rt_slot_put(memory);
	actor_end(a);
	actor_end(b);
}

const struct test fault_tests[] = {
	{ "faults", test_faults },
	{ "faults: execution", test_execute },
	{ "faults: no memory", test_no_memory },
	{ 0 },
};
