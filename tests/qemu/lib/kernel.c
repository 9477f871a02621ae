/* SPDX-License-Identifier: BSD-2-Clause */
/* What the kernel is: asked by trying, never assumed. */
#include <test/env.h>
#include <test/print.h>
#include <test/thread.h>

bool kernel_is_freehold(void)
{
	static int known = -1;
	if (known < 0) {
		word_t flags = 0;
		enum abi_error err =
		        sel4_tcb_set_flags(tcb_new(), 0, TCB_FLAG_SYSCALLS_FAULT, &flags);
		known = !err && flags == TCB_FLAG_SYSCALLS_FAULT;
	}
	return known;
}

static word_t try_syscall(word_t nr)
{
	(void)sel4_syscall_plain((enum abi_syscall)nr, 0, (struct sel4_msg){ 0 });
	return 1;
}

/* The call is made by a thread whose faults end up here, and which signals otherwise. */
static bool syscall_exists(enum abi_syscall nr)
{
	cptr_t faults = endpoint_new(), reply = reply_new();
	struct thread *t = thread_new(&(struct thread_options){ .fault_ep = faults });
	if (sel4_tcb_bind_notification(INIT_TCB, t->exited))
		panic("syscall_exists: main has a bound notification");
	thread_start(t, try_syscall, (word_t)nr);
	(void)sel4_recv(faults, reply);
	if (sel4_tcb_unbind_notification(INIT_TCB))
		panic("syscall_exists: unbind");
	return t->done;
}

bool kernel_has_printing(void)
{
	static int known = -1;
	if (known < 0)
		known = syscall_exists(SYS_DEBUG_PUT_CHAR);
	return known;
}

bool kernel_has_debug_calls(void)
{
	static int known = -1;
	if (known < 0)
		known = syscall_exists(SYS_DEBUG_CAP_IDENTIFY);
	return known;
}
