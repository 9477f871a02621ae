/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Threads that handle the faults of others: rm.idl's methods 81 to 85. The handler is the first
 * thread of an actor, the worker a second one; main asks and answers in the handler's name, so that
 * each step can be looked at.
 */
#include "test.h"
#include <proto/guard.h>
#include <rt/sel4_object.h>

enum { PAGES = 24, BUFFER = 0, STACK = 1, DATA = 2, BADGE = 0x1234, LOW_PRIORITY = 200 };
/* In the actor's box: what the worker is to do, and that it is to. */
enum { FN = 40, BUSY, TOUCH, TOUCHED };
#define BASE 0x20000000ul

struct pair_of_threads {
	struct actor *a;
	cptr_t memory, worker, endpoint, reply;
	uint64_t at; /* where main sees the memory */
};

/* -- what the actor does ----------------------------------------------------------------------- */

_Noreturn static void worker_main(struct box *box)
{
	sel4_set_tls_base(BASE + BUFFER * PAGE + sizeof(struct abi_ipc_buffer));
	for (;;) {
		while (!box->word[BUSY])
			__asm__ volatile("pause");
		((void (*)(struct box *))box->word[FN])(box);
		box->word[BUSY] = 0;
	}
}

static void touch(struct box *box)
{
	box->word[TOUCHED] = 0;
	*(volatile uint64_t *)box->word[TOUCH] += 1;
	box->word[TOUCHED] = 1;
}

static void trap(struct box *box)
{
	(void)box;
	__asm__ volatile("ud2");
}

/* -- the two of them --------------------------------------------------------------------------- */

static err_t pin(cptr_t thread, uint64_t at, unsigned int pages)
{
	const struct rm_thread_pin_in in = { .start = at & ~(PAGE - 1ul),
		                             .count = (uint16_t)pages };
	return rm_thread_pin(thread, &in);
}

/* Where an actor that waits is, and its stack: seL4 does not tell the stack pointer then. */
static uint64_t code_of(const struct actor *a)
{
	struct rm_thread_read_registers_out out = { 0 };
	CHECK_OK(rm_thread_stop(a->program.thread));
	CHECK_OK(rm_thread_read_registers(a->program.thread, &out));
	CHECK_OK(rm_thread_resume(a->program.thread));
	return out.registers.rip;
}

static uint64_t stack_of(const struct actor *a)
{
	return a->program.stack - 8;
}

static err_t create(cptr_t thread, uint64_t stack, cptr_t slot)
{
	return rm_handler_create(thread, &(struct rm_handler_create_in){ .stack = stack },
	                         rt_slot(slot));
}

static err_t handle(const struct pair_of_threads *p, cptr_t worker)
{
	return rm_handler_set(worker, p->a->program.thread,
	                      &(struct rm_handler_set_in){ .badge = BADGE });
}

/* Memory of the actor's, and a thread in it, which waits for something to do. */
static void pair_start(struct pair_of_threads *p, struct actor *a)
{
	uint64_t at = BASE;
	*p = (struct pair_of_threads){ .a = a, .worker = slot_new(), .endpoint = slot_new() };
	p->reply = slot_new();
	CHECK_OK(rm_reply_create(a->program.task, rt_slot(p->reply)));
	CHECK_OK(memory_make(a->bank, PAGES, 0, &p->memory));
	CHECK_OK(show(p->memory, PAGES, &p->at));
	CHECK_OK(show_as(a->program.vspace, p->memory, 0, PAGES, RW, RM_REGION_FLAGS_FIXED,
	                 RM_INHERIT_NONE, &at));
	struct rt_thread *block = (struct rt_thread *)(p->at + sizeof(struct abi_ipc_buffer));
	block->self = (struct rt_thread *)(BASE + sizeof(struct abi_ipc_buffer));
	block->ipc_buffer = (struct abi_ipc_buffer *)BASE;
	const struct rm_thread_create_in in = { .buffer = BASE,
		                                .schedule = schedule_at(LOW_PRIORITY) };
	CHECK_OK(rm_thread_create(a->program.task, &in, rt_slot(p->worker)));
	const struct rm_thread_start_in start = { .entry = (uint64_t)worker_main,
		                                  .stack = BASE + (STACK + 1) * PAGE - 8,
		                                  .argument = (uint64_t)a->box };
	CHECK_OK(rm_thread_start(p->worker, &start));
}

/* The actor's first thread pins what it stands on, and is a handler; main receives. */
static void pair_handle(struct pair_of_threads *p)
{
	cptr_t thread = p->a->program.thread;
	CHECK_OK(pin(thread, code_of(p->a), 1));
	CHECK_OK(pin(thread, stack_of(p->a), 1));
	CHECK_OK(create(thread, stack_of(p->a), p->endpoint));
	CHECK_OK(handle(p, p->worker));
}

static void pair_stop(struct pair_of_threads *p)
{
	CHECK_OK(hide(RT_VSPACE, p->at, PAGES));
	slots_put((cptr_t[]){ p->memory, p->worker, p->endpoint, p->reply }, 4);
}

static void worker_start(struct pair_of_threads *p, void (*fn)(struct box *box), uint64_t at)
{
	p->a->box->word[FN] = (uint64_t)fn;
	p->a->box->word[TOUCH] = at;
	p->a->box->word[BUSY] = 1;
}

static bool worker_ends(const struct pair_of_threads *p)
{
	for (unsigned int i = 0; i < 100 && p->a->box->word[BUSY]; i++)
		wait_ms(2);
	return !p->a->box->word[BUSY];
}

static void answer(const struct pair_of_threads *p)
{
	sel4_send(p->reply, (struct sel4_msg){ 0 });
}

/* The worker's fault at that address comes. Those on its code and stack are none of the test's. */
static bool fault_comes(const struct pair_of_threads *p, uint64_t at)
{
	for (;;) {
		const struct sel4_msg m = sel4_recv(p->endpoint, p->reply);
		struct rm_thread_fault_in in = { .at = m.mr[1],
			                         .access = m.mr[2] ? RM_ACCESS_EXECUTE
			                                           : RM_ACCESS_READ };
		struct rm_thread_fault_out out = { 0 };
		CHECK(m.badge == BADGE && abi_msginfo_label(m.info) == FAULT_VM);
		if (m.mr[1] == at)
			return true;
		if (m.mr[1] - (BASE + STACK * PAGE) < PAGE)
			in.access = RM_ACCESS_WRITE;
		if (rm_thread_fault(p->worker, &in, &out) != E_OK ||
		    out.result != RM_FAULT_RESULT_RESUME)
			return false;
		answer(p);
	}
}

static rm_session_t blamed;

static enum rm_fault_result ask(const struct pair_of_threads *p, uint64_t at)
{
	const struct rm_thread_fault_in in = { .at = at, .access = RM_ACCESS_WRITE };
	struct rm_thread_fault_out out = { 0 };
	CHECK_OK(rm_thread_fault(p->worker, &in, &out));
	blamed = out.session;
	return out.result;
}

static enum rm_fault_result pass(const struct pair_of_threads *p, uint64_t at)
{
	bool is_code = at >= 0x400000 && at < 0x600000;
	const struct rm_thread_fault_pass_in in = { .kind = FAULT_VM,
		                                    .message_count = 4,
		                                    .message = { 0x1234, at, is_code,
		                                                 is_code ? 4 : 6 } };
	struct rm_thread_fault_pass_out out = { 0 };
	CHECK_OK(rm_thread_fault_pass(p->worker, &in, &out));
	return out.result;
}

/* -- tests ------------------------------------------------------------------------------------- */

static void test_pin(cptr_t bank)
{
	struct pair_of_threads p;
	cptr_t other, clone, thread;
	uint64_t foreign = 0x30000000, readable = 0x31000000;
	pair_start(&p, actor_new(0, bank));
	thread = p.a->program.thread;
	const struct rm_bank_status before = bank_status(p.a->bank);
	struct rm_thread_pin_in in = { .start = BASE };
	CHECK_ERR(rm_thread_pin(thread, &in), E_INVAL);
	in.count = 17;
	CHECK_ERR(rm_thread_pin(thread, &in), E_INVAL);
	in = (struct rm_thread_pin_in){ .start = BASE + 8, .count = 1 };
	CHECK_ERR(rm_thread_pin(thread, &in), E_INVAL);
	CHECK(pin(thread, RM_USER_TOP - PAGE, 2) != E_OK);
	/* Nothing there; a part of which nothing is there; its code, which is init's. */
	CHECK_ERR(pin(thread, 0x40000000, 1), E_INVAL);
	CHECK_ERR(pin(thread, BASE + (PAGES - 2) * PAGE, 3), E_INVAL);
	CHECK_ERR(pin(thread, (uint64_t)worker_main, 1), E_PERM);
	/* Memory of another bank. */
	CHECK_OK(memory_make(bank, 2, 0, &other));
	CHECK_OK(show_as(p.a->program.vspace, other, 0, 2, RW, RM_REGION_FLAGS_FIXED,
	                 RM_INHERIT_NONE, &foreign));
	CHECK_ERR(pin(thread, foreign, 1), E_PERM);
	CHECK(bank_status(p.a->bank).pinned == before.pinned);
	/* What was touched by the failed ones stays. */
	const struct rm_bank_status touched = bank_status(p.a->bank);
	CHECK_OK(pin(thread, BASE + (PAGES - 4) * PAGE, 4));
	CHECK(bank_status(p.a->bank).pinned == before.pinned + 4 * PAGE);
	CHECK(bank_status(p.a->bank).used > touched.used);
	/* It is there, is not touched any more when it is used, and is not given away. */
	const struct rm_bank_status pinned = bank_status(p.a->bank);
	p.a->box->word[TOUCH] = BASE + (PAGES - 2) * PAGE;
	actor_do(p.a, touch);
	CHECK(bank_status(p.a->bank).used == pinned.used);
	const struct rm_dataspace_resize_in cut = { .size = PAGES };
	CHECK_OK(rm_dataspace_resize(p.memory, &cut));
	/* Only readable, and shared with a clone: it becomes a page of its own. */
	*word_at(p.at, 5) = 7;
	CHECK_OK(memory_clone(p.memory, p.a->bank, 0, PAGES, &clone));
	CHECK_OK(show_as(p.a->program.vspace, clone, 0, PAGES, RM_RIGHT_READ, RM_REGION_FLAGS_FIXED,
	                 RM_INHERIT_NONE, &readable));
	CHECK_OK(pin(thread, readable + 5 * PAGE, 1));
	*word_at(p.at, 5) = 8;
	CHECK(peek(p.a->program.vspace, readable + 5 * PAGE) == 7);
	/* No more than the quota. */
	err_t err = E_OK;
	while (err == E_OK)
		err = pin(thread, BASE + DATA * PAGE, 16);
	CHECK_ERR(err, E_LIMIT);
	CHECK(bank_status(p.a->bank).pinned <= bank_status(p.a->bank).pin_limit);
	CHECK_OK(pin(p.worker, BASE + DATA * PAGE, 1));
	CHECK_OK(rm_thread_destroy(p.worker));
	CHECK_ERR(pin(p.worker, BASE, 1), E_GONE);
	CHECK_OK(rm_thread_destroy(thread));
	wait_ms(20);
	CHECK(bank_status(p.a->bank).pinned == 0 && rm_is_valid());
	slots_put((cptr_t[]){ other, clone }, 2);
	pair_stop(&p);
	actor_end(p.a);
}

static void test_registration(cptr_t bank)
{
	struct pair_of_threads p, q;
	actors_own_code = true;
	struct actor *a = actor_new(0, bank), *b = actor_new(1, bank);
	actors_own_code = false;
	pair_start(&p, a);
	pair_start(&q, b);
	cptr_t thread = a->program.thread, slot = slot_new();
	uint64_t code = code_of(a), stack = stack_of(a);
	const struct rm_bank_status before = bank_status(a->bank);
	CHECK_ERR(handle(&p, p.worker), E_NOENT);
	CHECK_ERR(create(thread, stack, slot), E_INVAL);
	CHECK_OK(pin(thread, code, 1));
	CHECK_ERR(create(thread, stack, slot), E_INVAL);
	CHECK_OK(pin(p.worker, stack, 1)); /* by another */
	CHECK_ERR(create(thread, stack, slot), E_INVAL);
	/* One without code at all. */
	CHECK_ERR(create(q.worker, BASE, slot), E_INVAL);
	CHECK_OK(pin(thread, stack, 1));
	CHECK_ERR(create(thread, stack - PAGE, slot), E_INVAL);
	CHECK_ERR(create(thread, RM_USER_TOP, slot), E_INVAL);
	CHECK_OK(create(thread, stack, p.endpoint));
	CHECK_ERR(create(thread, stack, slot), E_EXIST);
	CHECK(bank_status(a->bank).pinned == before.pinned + 3 * PAGE);
	CHECK_ERR(handle(&p, q.worker), E_PERM);
	CHECK_ERR(handle(&p, thread), E_INVAL);
	CHECK_ERR(handle(&q, p.worker), E_NOENT);
	CHECK_ERR(rm_handler_set(p.worker, thread, &(struct rm_handler_set_in){ 0 }), E_INVAL);
	CHECK_ERR(rm_thread_set_handler(thread, p.endpoint), E_INVAL);
	/* Asked for no fault, and by nobody's handler. */
	const struct rm_thread_fault_in in = { .at = BASE, .access = RM_ACCESS_READ };
	struct rm_thread_fault_out out;
	const struct rm_thread_fault_pass_in message = { .kind = FAULT_VM };
	struct rm_thread_fault_pass_out passed;
	CHECK_ERR(rm_thread_fault(p.worker, &in, &out), E_INVAL);
	CHECK_ERR(rm_thread_fault_pass(p.worker, &message, &passed), E_INVAL);
	CHECK_OK(handle(&p, p.worker));
	CHECK_OK(handle(&p, p.worker));
	CHECK_ERR(rm_thread_destroy(thread), E_BUSY);
	CHECK_ERR(create(p.worker, BASE, slot), E_INVAL);
	/* It cannot receive for others, and what it receives with cannot send. */
	CHECK(rm_thread_set_handler(q.worker, p.endpoint) != E_OK);
	CHECK(rm_is_valid());
	CHECK_OK(rm_thread_destroy(p.worker));
	CHECK_OK(rm_thread_destroy(thread));
	rt_slot_put(slot);
	pair_stop(&p);
	pair_stop(&q);
	actor_end(a);
	actor_end(b);
}

static struct actor *own_actor(unsigned int i, cptr_t bank)
{
	actors_own_code = true;
	struct actor *a = actor_new(i, bank);
	actors_own_code = false;
	return a;
}

/* Memory of its own: rm maps it, the handler answers. Registers are not the handler's then. */
static void test_paging(cptr_t bank)
{
	struct pair_of_threads p;
	struct rm_thread_read_registers_out regs;
	const struct rm_thread_schedule_in low = { .schedule = schedule_at(LOW_PRIORITY) };
	pair_start(&p, own_actor(0, bank));
	pair_handle(&p);
	/* Far enough apart that no neighbours come with them. */
	for (uint64_t page = DATA; page < PAGES - 1; page += 9) {
		uint64_t at = BASE + page * PAGE;
		worker_start(&p, touch, at);
		CHECK(fault_comes(&p, at));
		CHECK_ERR(rm_thread_read_registers(p.worker, &regs), E_BUSY);
		CHECK(ask(&p, at) == RM_FAULT_RESULT_RESUME);
		CHECK_ERR(rm_thread_read_registers(p.worker, &regs), E_BUSY);
		CHECK(p.a->box->word[BUSY] && !p.a->box->word[TOUCHED]);
		answer(&p);
		CHECK(worker_ends(&p) && p.a->box->word[TOUCHED]);
		CHECK_OK(rm_thread_schedule(p.worker, &low)); /* its handler stays */
	}
	/* Stopped and resumed in the middle: it faults again. */
	uint64_t at = BASE + (PAGES - 1) * PAGE;
	worker_start(&p, touch, at);
	CHECK(fault_comes(&p, at));
	CHECK_OK(rm_thread_stop(p.worker));
	answer(&p); /* to nobody */
	CHECK_OK(rm_thread_resume(p.worker));
	CHECK(fault_comes(&p, at));
	CHECK(ask(&p, at) == RM_FAULT_RESULT_RESUME);
	answer(&p);
	CHECK(worker_ends(&p));
	pair_stop(&p);
	actor_end(p.a);
}

/* A page that a pager has: the worker goes on without an answer, and with the page. */
static void test_wait(cptr_t bank)
{
	struct pair_of_threads p;
	cptr_t pager = slot_new(), memory = slot_new(), source;
	uint64_t there = 0x30000000, from;
	const struct rm_pager_create_in in = { .size = 4, .cookie = 5, .deadline = 60000 };
	const struct rm_pager_open_in rights = { .rights = RW };
	const struct rm_thread_fault_in again = { .at = there, .access = RM_ACCESS_READ };
	struct rm_thread_fault_out out;
	pair_start(&p, own_actor(0, bank));
	pair_handle(&p);
	CHECK_OK(rm_pager_create(bank, RT_TASK, &in, rt_slot(pager)));
	CHECK_OK(rm_pager_open(pager, &rights, rt_slot(memory)));
	CHECK_OK(show_as(p.a->program.vspace, memory, 0, 4, RW, RM_REGION_FLAGS_FIXED,
	                 RM_INHERIT_NONE, &there));
	CHECK_OK(memory_make(bank, 4, 0, &source));
	CHECK_OK(show(source, 4, &from));
	for (uint64_t page = 0; page < 3; page++) {
		*word_at(from, page) = 40 + page;
		uint64_t at = there + page * PAGE;
		worker_start(&p, touch, at);
		CHECK(fault_comes(&p, at));
		CHECK(ask(&p, at) == RM_FAULT_RESULT_WAIT);
		CHECK_ERR(rm_thread_fault(p.worker, &again, &out), E_BUSY);
		if (page ==
		    1) /* the message is forgotten: another may come with that reply object */
			CHECK(!sel4_nb_recv(p.endpoint, p.reply).badge);
		if (page == 2) { /* the end of what it waits for */
			CHECK_OK(rm_pager_detach(pager));
			while (event_next(RT_TASK).number != RM_EVENT_PAGER_DETACHED)
				sel4_yield();
			CHECK(fault_comes(&p, at));
			CHECK(ask(&p, at) == RM_FAULT_RESULT_LOST);
			break;
		}
		CHECK(event_wait(RM_EVENT_PAGER_READ).read.first == page);
		CHECK_OK(rm_pager_supply(
		        pager, source,
		        &(struct rm_pager_supply_in){ .first = page, .count = 1, .from = page }));
		CHECK(worker_ends(&p));
		CHECK(peek(p.a->program.vspace, at) == 41 + page);
	}
	(void)pass(&p, there + 2 * PAGE);
	const struct rm_task_died_event died = actor_died(p.a);
	CHECK((died.status >> 8 & 0xff) == RM_FAULT_RESULT_LOST && died.instruction == 0x1234 &&
	      died.at == there + 2 * PAGE);
	CHECK_OK(hide(RT_VSPACE, from, 4));
	slots_put((cptr_t[]){ pager, memory, source }, 3);
	pair_stop(&p);
	actor_end(p.a);
}

/* A handler that faults is the end of its task; but on what it has pinned. */
static void test_faults_itself(cptr_t bank)
{
	for (unsigned int way = 0; way < 4; way++) {
		struct pair_of_threads p;
		cptr_t clone = 0;
		pair_start(&p, own_actor(0, bank));
		pair_handle(&p);
		CHECK_OK(pin(p.a->program.thread, BASE + 10 * PAGE, 1));
		uint64_t at = BASE + (way == 0 ? 10 : 12) * PAGE;
		if (way == 2) { /* what was pinned is no more what is there */
			at = BASE + 10 * PAGE;
			CHECK_OK(hide(p.a->program.vspace, at, 1));
			CHECK_OK(show_as(p.a->program.vspace, p.memory, 11, 1, RW,
			                 RM_REGION_FLAGS_FIXED, RM_INHERIT_NONE, &at));
		}
		if (way == 0) { /* what copies it hides it for a while */
			CHECK_OK(memory_clone(p.memory, p.a->bank, 0, PAGES, &clone));
			*(volatile uint64_t *)(p.at + 10 * PAGE) = 5;
		}
		p.a->box->word[TOUCH] = at;
		actor_start(p.a, way == 3 ? trap : touch);
		if (way == 0) {
			actor_join(p.a);
			CHECK(p.a->box->word[TOUCHED] == 1 && *word_at(p.at, 10) == 6);
			rt_slot_put(clone);
		} else {
			const struct rm_task_died_event died = actor_died(p.a);
			CHECK(died.reason == RM_REASON_FAULT);
			CHECK(way == 3 || (died.at == at && (died.status >> 8 & 0xff) ==
			                                            RM_FAULT_RESULT_NOT_PINNED));
		}
		CHECK(rm_is_valid());
		pair_stop(&p);
		actor_end(p.a);
	}
}

/* What the handler leaves to rm comes to what it would without a handler. */
static void test_pass(cptr_t bank)
{
	struct pair_of_threads p;
	struct rm_thread_fault_pass_in in = { .kind = FAULT_USER_EXCEPTION, .message_count = 0 };
	struct rm_thread_fault_pass_out out;
	pair_start(&p, own_actor(0, bank));
	pair_handle(&p);
	in.kind = 0;
	CHECK_ERR(rm_thread_fault_pass(p.worker, &in, &out), E_INVAL);
	in.kind = 7;
	CHECK_ERR(rm_thread_fault_pass(p.worker, &in, &out), E_INVAL);
	uint64_t at = BASE + 5 * PAGE;
	worker_start(&p, touch, at);
	CHECK(fault_comes(&p, at));
	CHECK(pass(&p, at) == RM_FAULT_RESULT_RESUME);
	answer(&p);
	CHECK(worker_ends(&p));
	/* An exception. */
	worker_start(&p, trap, 0);
	struct sel4_msg m = sel4_recv(p.endpoint, p.reply);
	while (abi_msginfo_label(m.info) == FAULT_VM) { /* of its code */
		CHECK(pass(&p, m.mr[1]) == RM_FAULT_RESULT_RESUME);
		answer(&p);
		m = sel4_recv(p.endpoint, p.reply);
	}
	CHECK(abi_msginfo_label(m.info) == FAULT_USER_EXCEPTION);
	in = (struct rm_thread_fault_pass_in){ .kind = FAULT_USER_EXCEPTION,
		                               .message_count = 1,
		                               .message = { m.mr[0] } };
	CHECK_OK(rm_thread_fault_pass(p.worker, &in, &out));
	const struct rm_task_died_event died = actor_died(p.a);
	CHECK(died.reason == RM_REASON_FAULT && died.status == FAULT_USER_EXCEPTION &&
	      died.instruction == m.mr[0]);
	CHECK_ERR(rm_thread_fault_pass(p.worker, &in, &out), E_GONE);
	pair_stop(&p);
	actor_end(p.a);
}

/* Client memory that is gone: aborted by the registers, as the guard says; by rm, in place. */
static void test_gone(cptr_t bank)
{
	struct pair_of_threads p;
	struct lent l;
	struct rm_thread_read_registers_out regs = { 0 };
	actors_own_code = true;
	lent_make(&l, bank, RM_POLICY_SEVER, RM_SHARE_CLASS_FAULTABLE);
	actors_own_code = false;
	struct box *box = l.p.server->box;
	pair_start(&p, l.p.server);
	pair_handle(&p);
	uint64_t at = box->word[WINDOW] + 2 * PAGE;
	CHECK_ERR(pin(p.a->program.thread, at, 1), E_PERM);
	CHECK_OK(rm_dataspace_resize(l.memory, &(struct rm_dataspace_resize_in){ .size = 1 }));
	volatile struct guard *guard = (volatile struct guard *)(p.at + GUARD_OFFSET);
	box->word[AT] = 2 * PAGE;
	worker_start(&p, load, 0);
	CHECK(fault_comes(&p, at));
	enum rm_fault_result result = ask(&p, at);
	while (result == RM_FAULT_RESULT_WAIT) { /* until the session is cut off */
		CHECK(fault_comes(&p, at));
		result = ask(&p, at);
	}
	CHECK(result == RM_FAULT_RESULT_GONE && blamed.raw == box->word[0]);
	CHECK_OK(rm_thread_read_registers(p.worker, &regs));
	struct rm_thread_write_registers_in in = { .registers = regs.registers };
	in.registers.rip = guard->landing;
	in.registers.rsp = guard->stack;
	guard->result = E_GONE;
	guard->address = at;
	guard->mode = GUARD_NONE;
	CHECK_OK(rm_thread_write_registers(p.worker, &in));
	CHECK_ERR(rm_thread_write_registers(p.worker, &in), E_BUSY); /* once */
	CHECK_ERR(rm_thread_read_registers(p.worker, &regs), E_BUSY);
	answer(&p);
	CHECK(worker_ends(&p));
	CHECK(box->word[1] == E_GONE && box->word[FAILED_AT] == at);
	/* In place, which is left to rm. */
	worker_start(&p, load_in_place, 0);
	CHECK(fault_comes(&p, at));
	CHECK(ask(&p, at) == RM_FAULT_RESULT_GONE);
	CHECK(pass(&p, at) == RM_FAULT_RESULT_RESUME);
	answer(&p);
	CHECK(worker_ends(&p));
	CHECK(box->word[1] == E_GONE && box->word[VALUE] == 0);
	CHECK(rm_is_valid());
	server_cleans_up(&l.p, RM_REASON_VIOLATION);
	/* A guard that leads nowhere: the server's own end. */
	guard->mode = GUARD_ABORT;
	guard->landing = RM_USER_TOP;
	worker_start(&p, touch, at + PAGE);
	CHECK(fault_comes(&p, at + PAGE));
	CHECK(ask(&p, at + PAGE) == RM_FAULT_RESULT_GONE);
	(void)pass(&p, at + PAGE);
	CHECK(actor_died(l.p.server).reason == RM_REASON_FAULT);
	CHECK_OK(rm_dataspace_destroy(l.memory));
	pair_stop(&p);
	lent_end(&l);
}

/* A lent page that a pager has: what it does not bring, and who would not wait, are rm's. */
static void test_paged_window(cptr_t bank)
{
	struct pair_of_threads p;
	struct lent l;
	cptr_t pager = slot_new(), memory = slot_new(), source;
	uint64_t from, own = 0x30000000;
	const struct rm_pager_create_in in = { .size = 4, .cookie = 5, .deadline = 60000 };
	const struct rm_pager_open_in rights = { .rights = RW };
	const struct rm_pager_fail_in fails = { .first = 2, .count = 2, .error = RM_PAGE_ERROR_IO };
	const struct rm_pager_supply_in supply = { .first = 1, .count = 1, .from = 1 };
	actors_own_code = true;
	lent_make(&l, bank, RM_POLICY_REPORT, RM_SHARE_CLASS_FAULTABLE);
	actors_own_code = false;
	struct box *box = l.p.server->box;
	CHECK_OK(rm_pager_create(bank, RT_TASK, &in, rt_slot(pager)));
	CHECK_OK(rm_pager_open(pager, &rights, rt_slot(memory)));
	CHECK_OK(memory_make(bank, 4, 0, &source));
	CHECK_OK(show(source, 4, &from));
	fill(from, 4, 70);
	CHECK_OK(lend(&l, memory, 0, 4, RW, RM_SHARE_CLASS_FAULTABLE));
	actor_do(l.p.server, take_shared);
	actor_do(l.p.server, map_window);
	CHECK(box->word[1] == E_OK);
	pair_start(&p, l.p.server);
	pair_handle(&p);
	uint64_t at = box->word[WINDOW] + 2 * PAGE;
	volatile struct guard *guard = (volatile struct guard *)(p.at + GUARD_OFFSET);
	box->word[AT] = 2 * PAGE;
	worker_start(&p, load, 0);
	CHECK(fault_comes(&p, at) && ask(&p, at) == RM_FAULT_RESULT_WAIT);
	CHECK(event_wait(RM_EVENT_PAGER_READ).read.first == 2);
	CHECK_OK(rm_pager_fail(pager, &fails));
	CHECK(worker_ends(&p) && box->word[1] == E_GONE && box->word[FAILED_AT] == at);
	/* NOWAIT. */
	guard->flags = GUARD_NOWAIT;
	box->word[AT] = PAGE;
	worker_start(&p, load, 0);
	CHECK(fault_comes(&p, at - PAGE) && ask(&p, at - PAGE) == RM_FAULT_RESULT_RESUME);
	answer(&p);
	CHECK(worker_ends(&p) && box->word[1] == E_AGAIN && box->word[FAILED_AT] == at - PAGE);
	CHECK(event_wait(RM_EVENT_PAGER_READ).read.first == 1);
	CHECK_OK(rm_pager_supply(pager, source, &supply));
	for (unsigned int i = 0; i < 50 && !task_status(l.p.server->program.task).events; i++)
		wait_ms(1);
	CHECK(event_next(l.p.server->program.task).number == RM_EVENT_CLIENT_PAGE);
	worker_start(&p, load, 0);
	CHECK(worker_ends(&p) ||
	      (fault_comes(&p, at - PAGE) && ask(&p, at - PAGE) == RM_FAULT_RESULT_RESUME));
	answer(&p);
	CHECK(worker_ends(&p) && box->word[1] == E_OK && box->word[VALUE] == 71);
	/* Memory that is no client's: its own end. */
	CHECK_OK(show_as(l.p.server->program.vspace, memory, 0, 4, RW, RM_REGION_FLAGS_FIXED,
	                 RM_INHERIT_NONE, &own));
	worker_start(&p, touch, own + 3 * PAGE);
	CHECK(fault_comes(&p, own + 3 * PAGE) && ask(&p, own + 3 * PAGE) == RM_FAULT_RESULT_WAIT);
	CHECK(event_wait(RM_EVENT_PAGER_READ).read.first == 3);
	CHECK_OK(rm_pager_fail(pager, &fails));
	const struct rm_task_died_event died = actor_died(l.p.server);
	CHECK((died.status >> 8 & 0xff) == RM_FAULT_RESULT_LOST && died.at == own + 3 * PAGE);
	CHECK_OK(hide(RT_VSPACE, from, 4));
	slots_put((cptr_t[]){ pager, memory, source }, 3);
	CHECK_OK(rm_dataspace_destroy(l.memory));
	pair_stop(&p);
	lent_end(&l);
}

const struct test handler_tests[] = {
	{ "thread_pin", test_pin },
	{ "handler_create, handler_set", test_registration },
	{ "handler: pages that are there to be had", test_paging },
	{ "handler: a page that is waited for", test_wait },
	{ "handler: its own faults", test_faults_itself },
	{ "handler: what is left to rm", test_pass },
	{ "handler: client memory that is gone", test_gone },
	{ "handler: lent pages of a pager", test_paged_window },
	{ 0 },
};
