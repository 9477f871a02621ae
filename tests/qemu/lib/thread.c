/* SPDX-License-Identifier: BSD-2-Clause */
/* Helper threads: see test/thread.h. */
#include <test/mem.h>
#include <test/print.h>
#include <test/thread.h>

cptr_t thread_fault_ep;
static struct thread threads[THREADS_MAX];
static unsigned int threads_used, threads_kept;
static unsigned char stacks[THREADS_MAX][THREAD_STACK_BYTES] __attribute__((aligned(4096)));
static struct abi_ipc_buffer ipc_buffers[THREADS_MAX] __attribute__((aligned(4096)));

_Noreturn void thread_main(struct thread *thread);
void thread_entry(void);

static void must(enum abi_error err, const char *what)
{
	if (err)
		panic("thread: %s: error %d, 0x%lx", what, err, sel4_get_word(0));
}

static struct thread *thread_take(void)
{
	if (threads_used == THREADS_MAX)
		panic("more than %d threads", THREADS_MAX);
	unsigned int i = threads_used++;
	struct thread *t = &threads[i];
	memset(t, 0, sizeof *t);
	memset(&ipc_buffers[i], 0, sizeof ipc_buffers[i]);
	t->ipc_buffer = &ipc_buffers[i];
	t->stack_top = (word_t)stacks[i] + THREAD_STACK_BYTES;
	t->block.self = &t->block;
	t->block.ipc_buffer = t->ipc_buffer;
	return t;
}

struct thread *thread_new(const struct thread_options *options)
{
	struct thread *t = thread_take();
	const struct thread_options *o = options;
	t->tcb = tcb_new();
	t->exited = notification_new();
	t->priority = o->priority ? o->priority : THREAD_PRIORITY;
	if (!o->passive) {
		word_t budget = o->budget_us ? o->budget_us : 10000;
		word_t period = o->period_us ? o->period_us : budget;
		t->sched_context = sched_context_new_sized(9, budget, period, o->sc_badge);
	}
	must(sel4_tcb_configure(t->tcb, o->cspace ? o->cspace : INIT_CNODE, o->cspace_guard,
	                        o->vspace ? o->vspace : INIT_VSPACE, 0, (word_t)t->ipc_buffer,
	                        image_frame(t->ipc_buffer)),
	     "configure");
	cptr_t fault_ep = o->fault_ep;
	if (!fault_ep && !o->no_fault_ep)
		fault_ep = thread_fault_ep;
	must(sel4_tcb_set_sched_params(t->tcb, INIT_TCB, ABI_PRIORITY_MAX, t->priority,
	                               t->sched_context, fault_ep),
	     "set_sched_params");
	if (o->timeout_ep)
		must(sel4_tcb_set_timeout_endpoint(t->tcb, o->timeout_ep), "timeout endpoint");
	return t;
}

void thread_start_at(struct thread *thread, struct abi_user_context *context)
{
	if (!context->rsp)
		context->rsp = thread->stack_top;
	if (!context->fs_base)
		context->fs_base = (word_t)&thread->block;
	must(sel4_tcb_write_registers(thread->tcb, SEL4_WRITE_RESUME, ABI_CONTEXT_WORDS, context),
	     "write_registers");
}

void thread_start(struct thread *thread, thread_fn fn, word_t arg)
{
	thread->fn = fn;
	thread->arg = arg;
	thread_start_at(thread, &(struct abi_user_context){ .rip = (word_t)thread_entry,
	                                                    .rdi = (word_t)thread });
}

struct thread *thread_run(thread_fn fn, word_t arg)
{
	struct thread *t = thread_new(&(struct thread_options){ 0 });
	thread_start(t, fn, arg);
	return t;
}

_Noreturn void thread_main(struct thread *thread)
{
	thread->result = thread->fn(thread->arg);
	thread->done = true;
	sel4_signal(thread->exited);
	(void)sel4_tcb_suspend(thread->tcb);
	__builtin_trap(); /* in a CSpace of its own: a fault, for the monitor to see */
}

word_t thread_join(struct thread *thread)
{
	while (!thread->done)
		(void)sel4_wait(thread->exited);
	return thread->result;
}

struct abi_user_context thread_registers(struct thread *thread)
{
	struct abi_user_context context = { 0 };
	must(sel4_tcb_read_registers(thread->tcb, 0, ABI_CONTEXT_WORDS, &context),
	     "read_registers");
	return context;
}

/* The main thread comes back from priority 1 when nobody above can run. */
void thread_settle(void)
{
	must(sel4_tcb_set_priority(INIT_TCB, INIT_TCB, 1), "settle");
	must(sel4_tcb_set_priority(INIT_TCB, INIT_TCB, ABI_PRIORITY_MAX), "settle");
}

void thread_keep(void)
{
	threads_kept = threads_used;
}

void thread_reset(void)
{
	threads_used = threads_kept;
}
