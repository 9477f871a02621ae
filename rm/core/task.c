/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Tasks and threads.
 *
 * A task that dies (its own exit, a fault, a deadline missed, somebody's word) stands still at
 * once. Then, in steps: its sessions are severed, callers that it had received are answered
 * SERVER_DIED, its names are free, who serves it or is served by it is told. What is left, its
 * threads with their registers for whoever wants to look, goes when it is destroyed.
 *
 * The untyped of a thread's kernel objects is one page. Its IPC buffer is a page of its task's
 * memory, pinned as long as the thread lives.
 */
#include "internal.h"
#include <lib/assert.h>
#include <lib/format.h>

enum { SCHED_CONTEXT_BITS = 8, SLOT_OWN_CNODE = 1 };

/* -- threads ----------------------------------------------------------------------------------- */

static struct kernel_thread kernel_thread(struct rm *rm, const struct thread *thread)
{
	const struct task *task = thread->task;
	return (struct kernel_thread){
		.tcb = thread->tcb,
		.sched_context = thread->sched_context,
		.cnode = kernel_slot(rm, task->cnode),
		.cnode_guard = 64u - task->slot_bits,
		.vspace = kernel_slot(rm, task->vspace->root),
		.buffer = thread->buffer_address,
		.buffer_frame = thread->buffer ? frame_slot(rm, thread->buffer->frame) : 0,
		.fault_endpoint = rm->scratch,
		.badge = slotmap_id(&rm->objects, thread),
		.priority = thread->schedule.priority,
		.priority_max = thread->schedule.priority_max,
	};
}

static err_t thread_objects(struct rm *rm, struct thread *thread)
{
	struct bank *bank = thread->object.bank;
	thread->page = kernel_get(rm, bank);
	thread->tcb = slot_get(rm, bank);
	thread->sched_context = slot_get(rm, bank);
	if (!thread->page || !thread->tcb || !thread->sched_context)
		return E_NOMEM;
	slot_t untyped = page_slot(rm, thread->page);
	err_t err = KERNEL(rm, retype, untyped, OBJ_TCB, 0, thread->tcb, 1);
	if (err == E_OK)
		err = KERNEL(rm, retype, untyped, OBJ_SCHED_CONTEXT, SCHED_CONTEXT_BITS,
		             thread->sched_context, 1);
	return err;
}

/* In the scratch slot: where its faults go, to its handler or to rm. */
static err_t fault_endpoint(struct rm *rm, const struct thread *thread)
{
	slot_t handler = handler_of(rm, thread);
	return handler ? scratch_mint(rm, handler, CAP_SEND, thread->handler_badge)
	               : scratch_mint(rm, rm->endpoint, CAP_SEND,
	                              object_badge(rm, &thread->object, FACET_OTHER));
}

/* Also where its faults go, unless that is an endpoint of which rm has no capability. */
err_t thread_schedule(struct rm *rm, struct thread *thread, const struct rm_schedule *schedule)
{
	const struct bank *bank = thread->object.bank;
	if (schedule->priority > bank->priority_max || schedule->priority_max > bank->priority_max)
		return E_PERM;
	if (schedule->budget_us > schedule->period_us)
		return E_INVAL;
	err_t err = thread->keeps_handler ? E_OK : fault_endpoint(rm, thread);
	if (err != E_OK)
		return err;
	struct rm_schedule before = thread->schedule;
	thread->schedule = *schedule;
	struct kernel_thread k = kernel_thread(rm, thread);
	if (thread->keeps_handler)
		k.fault_endpoint = 0;
	err = KERNEL(rm, thread_schedule, &k, schedule->budget_us, schedule->period_us);
	if (err != E_OK)
		thread->schedule = before;
	return err;
}

err_t thread_new(struct rm *rm, struct task *task, const struct rm_thread_create_in *in,
                 struct thread **made)
{
	err_t err = object_new(rm, task->object.bank, KIND_THREAD, made);
	if (err != E_OK)
		return err;
	struct thread *thread = *made;
	thread->task = task;
	list_push_back(&task->threads, &thread->link);
	task->thread_count++;
	thread->fs_base = in->fs_base;
	list_init(&thread->pins);
	list_init(&thread->fault.link);
	list_init(&thread->fault.asked_link);
	list_init(&thread->fault.event.link);
	thread->fault.thread = thread;
	thread->fault.vspace = task->vspace;
	thread->buffer_address = in->buffer;
	err = page_pin_at(rm, thread, in->buffer, RM_RIGHT_WRITE, &thread->buffer);
	if (err == E_OK)
		err = thread_objects(rm, thread);
	if (err == E_OK)
		err = thread_schedule(rm, thread, &in->schedule);
	if (err == E_OK) {
		struct kernel_thread k = kernel_thread(rm, thread);
		err = KERNEL(rm, thread_init, &k);
	}
	if (err != E_OK)
		object_kill(rm, &thread->object);
	return err;
}

/* It runs no more; what it has pinned goes in steps. */
bool thread_reap(struct rm *rm, struct thread *thread)
{
	struct bank *bank = thread->object.bank;
	fault_forget(rm, &thread->fault);
	handler_leave(rm, thread);
	list_remove(&thread->link);
	/* It may be at a server, and that is to go on. */
	if (thread->state != THREAD_NEW && thread->tcb)
		context_take_home(rm, thread);
	passive_leave(rm, thread);
	if (thread->page)
		kernel_put(rm, bank, thread->page);
	if (thread->tcb)
		slot_put(rm, bank, thread->tcb);
	if (thread->sched_context)
		slot_put(rm, bank, thread->sched_context);
	if (thread->buffer)
		page_unpin(rm, bank, thread->buffer);
	if (thread->handler_endpoint)
		small_put(rm, bank, thread->handler_endpoint);
	thread->page = 0;
	thread->tcb = thread->sched_context = thread->handler_endpoint = 0;
	thread->buffer = NULL;
	if (!thread_unpin(rm, thread))
		return false;
	thread->task->thread_count--;
	object_free(rm, &thread->object);
	return true;
}

static void thread_go_on(struct rm *rm, struct thread *thread)
{
	if (thread->state != THREAD_STOPPED)
		return;
	thread->state = THREAD_RUNNING;
	if (!thread->in_fault)
		rm->ops->thread_resume(rm->kernel, thread->tcb);
}

/* It runs, for the first time, as soon as its task may. BUSY: it has begun. */
err_t thread_begin(struct rm *rm, struct thread *thread, uint64_t entry, uint64_t stack,
                   uint64_t argument)
{
	struct task *task = thread->task;
	if (thread->state != THREAD_NEW)
		return E_BUSY;
	const struct abi_user_context context = { .rip = entry,
		                                  .rsp = stack,
		                                  .rdi = argument,
		                                  .rflags = 0x202,
		                                  .fs_base = thread->fs_base };
	err_t err = KERNEL(rm, thread_write, thread->tcb, &context);
	if (err != E_OK)
		return err;
	thread->state = THREAD_STOPPED;
	if (task->state == RM_TASK_STATE_NEW)
		task->state = RM_TASK_STATE_RUNNING;
	if (task->state == RM_TASK_STATE_RUNNING)
		thread_go_on(rm, thread);
	return E_OK;
}

/* Its fault is dealt with: it goes on, if nobody stopped it meanwhile. */
void thread_fault_end(struct rm *rm, struct thread *thread)
{
	thread->in_fault = false;
	trace_fault_end(rm, thread, RM_FAULT_RESULT_RESUME);
	if (thread->state == THREAD_RUNNING)
		rm->ops->thread_resume(rm->kernel, thread->tcb);
}

static void thread_suspend(struct rm *rm, struct thread *thread)
{
	if (thread->state == THREAD_RUNNING) {
		rm->ops->thread_suspend(rm->kernel, thread->tcb);
		thread->state = THREAD_STOPPED;
		/* What it called goes on without it, and it will need its context. */
		context_take_home(rm, thread);
		(void)rm->ops->context_give(rm->kernel, thread->sched_context, thread->tcb);
	}
}

/*
 * A fault that is the program's own mistake: the end of its task. Who watches is told all there is
 * to know; if nobody does, the log is.
 */
void thread_crash(struct rm *rm, struct thread *thread, uint64_t fault, uint64_t what)
{
	static const char *const names[] = { "no fault",  "capability fault", "unknown system call",
		                             "exception", "debug exception",  "timeout",
		                             "page fault" };
	static const char *const results[] = { "",     "",          "",     "no region", "no right",
		                               "lost", "no memory", "gone", "not pinned" };
	struct task *task = thread->task;
	char text[160];
	bool page = fault == FAULT_VM;
	format_buffer(text, sizeof(text), "rm: %s: %s%s%s at 0x%lx, instruction 0x%lx", task->name,
	              fault < sizeof(names) / sizeof(names[0]) ? names[fault] : "fault",
	              page ? ", " : "",
	              page && what < sizeof(results) / sizeof(results[0]) ? results[what] : "",
	              thread->fault.address, thread->fault.token);
	if (list_is_empty(&task->watchers))
		rm->ops->log(rm->kernel, text);
	thread->in_fault = false;
	trace_fault_end(rm, thread, what);
	task->fault_address = thread->fault.address;
	task->fault_instruction = thread->fault.token;
	uint32_t status = (uint32_t)fault;
	if (page)
		status |= (uint32_t)what << 8 | (uint32_t)thread->fault.access << 16;
	task_died(rm, task, RM_REASON_FAULT, status);
}

/* A message of the kernel's about the thread. */
enum rm_fault_answer thread_fault_message(struct rm *rm, struct thread *thread, uint64_t label,
                                          const uint64_t *words, unsigned int length)
{
	enum { ERROR_WRITE = 2 };
	struct fault *fault = &thread->fault;
	fault->address = 0;
	fault->token = length > 0 ? words[0] : 0;
	thread->in_fault = true;
	if (label == FAULT_UNKNOWN_SYSCALL && length > UNKNOWN_SYSCALL_FAULT_IP)
		fault->token = words[UNKNOWN_SYSCALL_FAULT_IP];
	if (label == FAULT_TIMEOUT && thread->is_passive) {
		passive_timeout(rm, thread, fault->token);
		return RM_FAULT_WAIT;
	}
	if (label != FAULT_VM || length < 4) {
		thread_crash(rm, thread, label, 0);
		return RM_FAULT_WAIT;
	}
	fault->address = words[1];
	fault->access = words[2]                 ? RM_ACCESS_EXECUTE
	                : words[3] & ERROR_WRITE ? RM_ACCESS_WRITE
	                                         : RM_ACCESS_READ;
	enum rm_fault_result result = RM_FAULT_RESULT_NOT_PINNED;
	if (!thread->handler_endpoint || thread_has_pinned(thread, fault->address))
		result = fault_resolve(rm, thread->task->vspace, fault->address, fault->access,
		                       fault);
	result = fault_of_thread(rm, thread, result);
	if (result == RM_FAULT_RESULT_RESUME) {
		thread->in_fault = false;
		return RM_FAULT_RESUME;
	}
	if (result != RM_FAULT_RESULT_WAIT)
		thread_crash(rm, thread, label, result);
	return RM_FAULT_WAIT;
}

enum rm_fault_answer fault_handle(struct rm *rm, uint64_t badge, uint64_t label,
                                  const uint64_t *words, unsigned int length)
{
	struct object *object = object_find(rm, badge);
	assert(badge >> FACET_SHIFT == FACET_OTHER);
	return object && object->kind == KIND_THREAD
	               ? thread_fault_message(rm, (struct thread *)object, label, words, length)
	               : RM_FAULT_NONE;
}

enum rm_fault_answer rm_fault(struct rm *rm, uint64_t badge, uint64_t label, const uint64_t *words,
                              unsigned int length)
{
	return __builtin_expect(rm->traced, 0) ? trace_fault(rm, badge, label, words, length)
	                                       : fault_handle(rm, badge, label, words, length);
}

/* -- tasks ------------------------------------------------------------------------------------- */

/* CNodes for 2^slot_bits slots: one, or a root and its leaves. */
static err_t cspace_make(struct rm *rm, struct task *task)
{
	struct bank *bank = task->object.bank;
	unsigned int root_bits = task->slot_bits;
	if (root_bits > SLOT_PAGE_BITS)
		root_bits -= SLOT_PAGE_BITS;
	task->cnode = object_get(rm, bank, OBJ_CNODE, root_bits);
	if (!task->cnode)
		return E_NOMEM;
	bool has_leaves = task->slot_bits > SLOT_PAGE_BITS;
	for (uint64_t i = 0; has_leaves && i < 1ull << root_bits; i++) {
		frame_t f = object_get(rm, bank, OBJ_CNODE, SLOT_PAGE_BITS);
		if (!f)
			return E_NOMEM;
		frames_push(rm, &task->cnode_leaves, f);
		err_t err = KERNEL(rm, give, kernel_slot(rm, task->cnode), i, root_bits,
		                   kernel_slot(rm, f));
		if (err != E_OK)
			return err;
	}
	return KERNEL(rm, give, kernel_slot(rm, task->cnode), SLOT_OWN_CNODE, task->slot_bits,
	              kernel_slot(rm, task->cnode));
}

static void cspace_unmake(struct rm *rm, struct task *task)
{
	while (task->cnode_leaves.first) {
		frame_t f = task->cnode_leaves.first;
		frames_remove(rm, &task->cnode_leaves, f);
		kernel_put(rm, task->object.bank, f);
	}
	if (task->cnode)
		kernel_put(rm, task->object.bank, task->cnode);
	task->cnode = 0;
}

err_t task_new(struct rm *rm, struct bank *bank, struct vspace *vspace, unsigned int slot_bits,
               const char *name, unsigned int length, struct task **made)
{
	err_t err = object_new(rm, bank, KIND_TASK, made);
	if (err != E_OK)
		return err;
	struct task *task = *made;
	struct list *const lists[] = {
		&task->threads, &task->client_sessions, &task->server_sessions, &task->names,
		&task->grants,  &task->watches,         &task->watchers,        &task->pagers,
		&task->handled, &task->replies,         &task->endpoints,       &task->events,
		&task->awaited
	};
	for (unsigned int i = 0; i < sizeof(lists) / sizeof(lists[0]); i++)
		list_init(lists[i]);
	list_init(&task->passive_link);
	deadline_init(&task->watch);
	event_init(&task->probed, RM_EVENT_PROBED);
	deadline_init(&task->probe);
	task->vspace = vspace;
	list_push_back(&vspace->tasks, &task->vspace_link);
	task->slot_bits = (uint8_t)slot_bits;
	task->state = RM_TASK_STATE_NEW;
	__builtin_memcpy(task->name, name, length);
	err = cspace_make(rm, task);
	if (err != E_OK)
		object_kill(rm, &task->object);
	return err;
}

/* It stands still from now on; steps do the rest. */
void task_died(struct rm *rm, struct task *task, enum rm_reason reason, uint32_t status)
{
	if (task->state == RM_TASK_STATE_DEAD)
		return;
	task->state = RM_TASK_STATE_DEAD;
	deadline_cancel(&rm->probe_deadlines, &task->probe);
	task->reason = (uint8_t)reason;
	task->status = status;
	for (struct list *at = list_first(&task->threads); at;
	     at = list_after(&task->threads, at)) {
		struct thread *thread = container_of(at, struct thread, link);
		fault_forget(rm, &thread->fault);
		thread_suspend(rm, thread);
	}
	if (!task->object.dying)
		job_add(rm, &task->object);
}

/*
 * It has so long to take the event, or it has failed. No probe makes the one before it any longer:
 * whoever asks again and again changes nothing.
 */
void task_probe(struct rm *rm, struct task *task, uint32_t deadline_ms)
{
	event_send(rm, task, &task->probed);
	if (!task->probe.is_set)
		deadline_set(&rm->probe_deadlines, &task->probe, rm_in_ms(rm, deadline_ms));
}

err_t on_task_probe(struct rm *rm, struct proto_request *, struct task *task,
                    const struct rm_task_probe_in *in)
{
	if (task->state == RM_TASK_STATE_DEAD)
		return E_GONE;
	task_probe(rm, task, in->deadline);
	return E_OK;
}

/* A part of what a dead task leaves behind; true: it is done. */
static bool task_leave(struct rm *rm, struct task *task)
{
	struct list *link;
	if ((link = list_first(&task->server_sessions)) != NULL)
		session_leave(rm, container_of(link, struct session, server_link), task);
	else if ((link = list_first(&task->client_sessions)) != NULL)
		session_leave(rm, container_of(link, struct session, client_link), task);
	else if ((link = list_first(&task->replies)) != NULL) {
		struct notification *reply = container_of(link, struct notification, link);
		rm->ops->answer(rm->kernel, reply->slot, E_SERVER_DIED, NULL, 0, 0);
		object_kill(rm, &reply->object);
	} else if ((link = list_first(&task->endpoints)) != NULL)
		object_kill(rm, &container_of(link, struct notification, link)->object);
	else if ((link = list_first(&task->names)) != NULL)
		name_drop_server(rm, container_of(link, struct name, server_link));
	else if ((link = list_first(&task->grants)) != NULL)
		grant_drop(rm, container_of(link, struct grant, task_link));
	else if ((link = list_first(&task->pagers)) != NULL) {
		struct dataspace *ds = container_of(link, struct dataspace, pager_link);
		dataspace_detach(rm, ds);
		event_cancel(rm, task, &ds->detached_event);
		ds->pager = NULL;
	} else if ((link = list_first(&task->handled)) != NULL) {
		struct vspace *vspace = container_of(link, struct vspace, handler_link);
		fault_forget_asked(rm, &vspace->asked);
		list_remove(link);
		vspace->handler = NULL;
	} else if ((link = list_first(&task->awaited)) != NULL)
		fault_forget(rm, container_of(link, struct fault, asked_link));
	else if ((link = list_first(&task->watches)) != NULL)
		watch_drop(rm, container_of(link, struct watch, watcher_link));
	else if ((link = list_first(&task->watchers)) != NULL)
		watch_tell(rm, container_of(link, struct watch, link), task);
	else
		return true;
	return false;
}

/* A dead task that is not destroyed yet. */
bool task_work(struct rm *rm, struct task *task)
{
	if (!task_leave(rm, task))
		return false;
	job_end(rm, &task->object);
	return true;
}

bool task_reap(struct rm *rm, struct task *task)
{
	if (!task_leave(rm, task))
		return false;
	struct list *link = list_first(&task->threads);
	if (link) {
		struct thread *thread = container_of(link, struct thread, link);
		list_remove(link);
		object_kill(rm, &thread->object);
		return false;
	}
	if (task->thread_count > 0)
		return false;
	event_end(rm, task);
	cspace_unmake(rm, task);
	list_remove(&task->vspace_link);
	if (rm->init == task)
		rm->init = NULL;
	object_free(rm, &task->object);
	return true;
}

/* A notification, a reply object or an endpoint. */
err_t notification_new(struct rm *rm, struct bank *bank, enum abi_object type, struct list *list,
                       struct notification **made)
{
	err_t err = object_new(rm, bank, KIND_NOTIFICATION, made);
	if (err != E_OK)
		return err;
	(*made)->slot = small_get(rm, bank, type);
	if (!(*made)->slot) {
		object_free(rm, &(*made)->object);
		return E_NOMEM;
	}
	list_push_back(list, &(*made)->link);
	return E_OK;
}

/* It is no more, nor any capability to it. */
void notification_kill(struct rm *rm, struct notification *notification)
{
	list_remove(&notification->link);
	small_put(rm, notification->object.bank, notification->slot);
	object_free(rm, &notification->object);
}

/* -- requests on tasks ------------------------------------------------------------------------- */

static unsigned int privilege(const struct proto_request *request)
{
	return request->privileged ? FACET_PRIVILEGE : 0;
}

err_t on_task_create(struct rm *rm, struct proto_request *request, struct bank *bank,
                     struct vspace *vspace, const struct rm_task_create_in *in)
{
	struct task *task;
	err_t err = task_new(rm, bank, vspace, in->slot_bits, in->name, in->name_count, &task);
	return err == E_OK ? object_made(rm, request, &task->object, privilege(request)) : err;
}

err_t on_task_give(struct rm *rm, struct proto_request *request, struct task *task,
                   const struct rm_task_give_in *in)
{
	if (in->slot >> task->slot_bits)
		return E_RANGE;
	slot_t given = rm->receive;
	if (request->unwrapped & 1) {
		/* One of rm's own: it came as its badge. */
		err_t err = scratch_mint(rm, rm->endpoint, CAP_SEND, request->cap_badges[0]);
		if (err != E_OK)
			return err;
		given = rm->scratch;
	}
	enum abi_error err = rm->ops->give(rm->kernel, kernel_slot(rm, task->cnode), in->slot,
	                                   task->slot_bits, given);
	return err == ERR_DELETE_FIRST ? E_EXIST : kernel_err(rm, err);
}

err_t on_task_query(struct rm *, struct proto_request *, struct task *task,
                    struct rm_task_query_out *out)
{
	out->status = (struct rm_task_status){
		.used = task->object.bank->used * PAGE,
		.threads = task->thread_count,
		.sessions = task->session_count,
		.events = task->event_count,
		.state = task->state,
		.reason = task->reason,
	};
	return E_OK;
}

err_t on_task_stop(struct rm *rm, struct proto_request *, struct task *task)
{
	if (task->state == RM_TASK_STATE_DEAD)
		return E_GONE;
	task->state = RM_TASK_STATE_STOPPED;
	for (struct list *at = list_first(&task->threads); at; at = list_after(&task->threads, at))
		thread_suspend(rm, container_of(at, struct thread, link));
	return E_OK;
}

err_t on_task_resume(struct rm *rm, struct proto_request *, struct task *task)
{
	if (task->state == RM_TASK_STATE_DEAD)
		return E_GONE;
	task->state = RM_TASK_STATE_RUNNING;
	for (struct list *at = list_first(&task->threads); at; at = list_after(&task->threads, at))
		thread_go_on(rm, container_of(at, struct thread, link));
	return E_OK;
}

err_t on_task_exit(struct rm *rm, struct proto_request *, struct task *task,
                   const struct rm_task_exit_in *in)
{
	if (task->state == RM_TASK_STATE_DEAD)
		return E_GONE;
	task_died(rm, task, RM_REASON_EXIT, in->status);
	return E_OK;
}

err_t on_task_destroy(struct rm *rm, struct proto_request *, struct task *task)
{
	return object_destroy(rm, task->object.bank, &task->object, RM_METHOD_TASK_DESTROY);
}

err_t on_reply_create(struct rm *rm, struct proto_request *request, struct task *task)
{
	struct notification *reply;
	if (task->state == RM_TASK_STATE_DEAD)
		return E_GONE;
	err_t err = notification_new(rm, task->object.bank, OBJ_REPLY, &task->replies, &reply);
	if (err == E_OK)
		request->cap_out = reply->slot;
	return err;
}

/* -- requests on threads ----------------------------------------------------------------------- */

err_t on_thread_create(struct rm *rm, struct proto_request *request, struct task *task,
                       const struct rm_thread_create_in *in)
{
	struct thread *thread;
	if (task->state == RM_TASK_STATE_DEAD)
		return E_GONE;
	err_t err = thread_new(rm, task, in, &thread);
	return err == E_OK ? object_made(rm, request, &thread->object, privilege(request)) : err;
}

err_t on_thread_schedule(struct rm *rm, struct proto_request *, struct thread *thread,
                         const struct rm_thread_schedule_in *in)
{
	return thread->is_passive ? E_LIMIT : thread_schedule(rm, thread, &in->schedule);
}

err_t on_thread_set_handler(struct rm *rm, struct proto_request *request, struct thread *thread)
{
	if (request->unwrapped & 1 || thread->handler_endpoint)
		return E_INVAL;
	if (thread->is_passive)
		return E_LIMIT;
	struct kernel_thread k = kernel_thread(rm, thread);
	k.fault_endpoint = rm->receive;
	err_t err = KERNEL(rm, thread_schedule, &k, thread->schedule.budget_us,
	                   thread->schedule.period_us);
	if (err != E_OK)
		return err;
	handler_leave(rm, thread);
	thread->keeps_handler = true;
	return E_OK;
}

err_t on_thread_start(struct rm *rm, struct proto_request *, struct thread *thread,
                      const struct rm_thread_start_in *in)
{
	if (thread->task->state == RM_TASK_STATE_DEAD)
		return E_GONE;
	return thread_begin(rm, thread, in->entry, in->stack, in->argument);
}

err_t on_thread_stop(struct rm *rm, struct proto_request *, struct thread *thread)
{
	if (thread->task->state == RM_TASK_STATE_DEAD)
		return E_GONE;
	thread_suspend(rm, thread);
	return E_OK;
}

err_t on_thread_resume(struct rm *rm, struct proto_request *, struct thread *thread)
{
	if (thread->task->state == RM_TASK_STATE_DEAD)
		return E_GONE;
	if (thread->task->state == RM_TASK_STATE_RUNNING)
		thread_go_on(rm, thread);
	return E_OK;
}

err_t on_thread_destroy(struct rm *rm, struct proto_request *, struct thread *thread)
{
	/* Nobody would answer those that it handles. */
	if (thread->handled > 0 && thread->task->state != RM_TASK_STATE_DEAD)
		return E_BUSY;
	object_kill(rm, &thread->object);
	return E_OK;
}

/* Its registers can be looked at, and written. */
static bool is_still(const struct thread *thread)
{
	return thread->state != THREAD_RUNNING || thread->in_fault || thread->left_to_handler;
}

err_t on_thread_read_registers(struct rm *rm, struct proto_request *, struct thread *thread,
                               struct rm_thread_read_registers_out *out)
{
	struct abi_user_context context;
	_Static_assert(sizeof(context) == sizeof(out->registers));
	if (!is_still(thread))
		return E_BUSY;
	err_t err = KERNEL(rm, thread_read, thread->tcb, &context);
	if (err == E_OK)
		__builtin_memcpy(&out->registers, &context, sizeof(context));
	return err;
}

err_t on_thread_write_registers(struct rm *rm, struct proto_request *, struct thread *thread,
                                const struct rm_thread_write_registers_in *in)
{
	struct abi_user_context context;
	if (!is_still(thread))
		return E_BUSY;
	thread->left_to_handler = false;
	__builtin_memcpy(&context, &in->registers, sizeof(context));
	return KERNEL(rm, thread_write, thread->tcb, &context);
}

err_t on_thread_object(struct rm *rm, struct proto_request *request, struct thread *thread)
{
	return reply_copy(rm, request, thread->tcb, CAP_ALL);
}
