/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The system calls of the seL4 API, as a user program makes them. Invocations of kernel objects
 * are calls with a label: rt/sel4_object.h (every architecture) and rt/sel4_x86.h.
 *
 * Registers: RDX system call number, RDI capability in and badge out, RSI message info, R10 R8
 * R9 R15 the first four message words, R12 reply object, R13 the capability of NBSendRecv's send.
 * seL4 does not keep RSP over `syscall`, so it waits in RBX meanwhile; nothing touches the stack
 * in between.
 *
 * Message words from the fifth on, and capabilities, lie in the thread's IPC buffer, which is
 * found through FS (struct rt_thread). A thread must have FS set before it makes a call that
 * uses the buffer; a thread without a buffer must send at most four words.
 */
#pragma once
#include <abi/abi.h>

/*
 * A capability's address in the caller's CSpace. A plain word, for the same number is also the
 * index of a slot in CNode operations and is counted up in loops.
 */
typedef word_t cptr_t;

/*
 * What FS base points at in every thread of ours. The offset of ipc_buffer is free in the thread
 * control blocks of glibc and musl on x86-64 ("sysinfo"), so their TLS can live beside it.
 */
struct rt_thread {
	void *self;
	word_t libc[3];
	struct abi_ipc_buffer *ipc_buffer;
};
_Static_assert(offsetof(struct rt_thread, ipc_buffer) == 32, "sel4_ipc_buffer reads %fs:32");

static inline struct abi_ipc_buffer *sel4_ipc_buffer(void)
{
	struct abi_ipc_buffer *buffer;
	__asm__("movq %%fs:32, %0" : "=r"(buffer));
	return buffer;
}

/* The registers of a message; badge is what RDI holds afterwards. */
struct sel4_msg {
	word_t info;
	word_t mr[ABI_MSG_REGS];
	word_t badge;
};

/* The place of a capability: a CNode, and an index that is resolved from it in depth bits. */
struct sel4_slot {
	cptr_t root;
	word_t index;
	word_t depth;
};

static inline struct sel4_msg sel4_syscall(enum abi_syscall nr, cptr_t cap, struct sel4_msg m,
                                           cptr_t r12_cap, cptr_t r13_cap)
{
	register word_t r10 __asm__("r10") = m.mr[0];
	register word_t r8 __asm__("r8") = m.mr[1];
	register word_t r9 __asm__("r9") = m.mr[2];
	register word_t r15 __asm__("r15") = m.mr[3];
	register word_t r12 __asm__("r12") = r12_cap;
	register word_t r13 __asm__("r13") = r13_cap;
	__asm__ volatile("movq %%rsp, %%rbx\n\t"
	                 "syscall\n\t"
	                 "movq %%rbx, %%rsp"
	                 : "+D"(cap), "+S"(m.info), "+r"(r10), "+r"(r8), "+r"(r9), "+r"(r15)
	                 : "d"((word_t)nr), "r"(r12), "r"(r13)
	                 : "rcx", "r11", "rbx", "memory");
	return (struct sel4_msg){ m.info, { r10, r8, r9, r15 }, cap };
}

/* The same without R12 and R13 being taken. */
static inline struct sel4_msg sel4_syscall_plain(enum abi_syscall nr, cptr_t cap, struct sel4_msg m)
{
	register word_t r10 __asm__("r10") = m.mr[0];
	register word_t r8 __asm__("r8") = m.mr[1];
	register word_t r9 __asm__("r9") = m.mr[2];
	register word_t r15 __asm__("r15") = m.mr[3];
	__asm__ volatile("movq %%rsp, %%rbx\n\t"
	                 "syscall\n\t"
	                 "movq %%rbx, %%rsp"
	                 : "+D"(cap), "+S"(m.info), "+r"(r10), "+r"(r8), "+r"(r9), "+r"(r15)
	                 : "d"((word_t)nr)
	                 : "rcx", "r11", "rbx", "memory");
	return (struct sel4_msg){ m.info, { r10, r8, r9, r15 }, cap };
}

static inline struct sel4_msg sel4_call(cptr_t dest, struct sel4_msg m)
{
	return sel4_syscall_plain(SYS_CALL, dest, m);
}

static inline void sel4_send(cptr_t dest, struct sel4_msg m)
{
	(void)sel4_syscall_plain(SYS_SEND, dest, m);
}

static inline void sel4_nb_send(cptr_t dest, struct sel4_msg m)
{
	(void)sel4_syscall_plain(SYS_NB_SEND, dest, m);
}

static inline void sel4_signal(cptr_t notification)
{
	sel4_send(notification, (struct sel4_msg){ 0 });
}

static inline struct sel4_msg sel4_recv(cptr_t source, cptr_t reply)
{
	return sel4_syscall(SYS_RECV, source, (struct sel4_msg){ 0 }, reply, 0);
}

static inline struct sel4_msg sel4_nb_recv(cptr_t source, cptr_t reply)
{
	return sel4_syscall(SYS_NB_RECV, source, (struct sel4_msg){ 0 }, reply, 0);
}

static inline struct sel4_msg sel4_wait(cptr_t source)
{
	return sel4_syscall_plain(SYS_WAIT, source, (struct sel4_msg){ 0 });
}

static inline struct sel4_msg sel4_nb_wait(cptr_t source)
{
	return sel4_syscall_plain(SYS_NB_WAIT, source, (struct sel4_msg){ 0 });
}

/* Answers through reply, then receives from source with the same reply object. */
static inline struct sel4_msg sel4_reply_recv(cptr_t source, struct sel4_msg m, cptr_t reply)
{
	return sel4_syscall(SYS_REPLY_RECV, source, m, reply, 0);
}

static inline struct sel4_msg sel4_nb_send_recv(cptr_t dest, struct sel4_msg m, cptr_t source,
                                                cptr_t reply)
{
	return sel4_syscall(SYS_NB_SEND_RECV, source, m, reply, dest);
}

static inline struct sel4_msg sel4_nb_send_wait(cptr_t dest, struct sel4_msg m, cptr_t source)
{
	return sel4_syscall(SYS_NB_SEND_WAIT, source, m, dest, 0);
}

static inline void sel4_yield(void)
{
	(void)sel4_syscall_plain(SYS_YIELD, 0, (struct sel4_msg){ 0 });
}

/* Sets the caller's FS base. */
static inline void sel4_set_tls_base(word_t fs_base)
{
	(void)sel4_syscall_plain(SYS_SET_TLS_BASE, fs_base, (struct sel4_msg){ 0 });
}

/* The debug calls are unknown system calls where the kernel is built without them. */
static inline void sel4_debug_put_char(char c)
{
	(void)sel4_syscall_plain(SYS_DEBUG_PUT_CHAR, (unsigned char)c, (struct sel4_msg){ 0 });
}

static inline void sel4_debug_dump_scheduler(void)
{
	(void)sel4_syscall_plain(SYS_DEBUG_DUMP_SCHEDULER, 0, (struct sel4_msg){ 0 });
}

static inline void sel4_debug_halt(void)
{
	(void)sel4_syscall_plain(SYS_DEBUG_HALT, 0, (struct sel4_msg){ 0 });
}

/* The kernel's own number for the capability's type; 0 for an empty slot. */
static inline word_t sel4_debug_cap_identify(cptr_t cap)
{
	return sel4_syscall_plain(SYS_DEBUG_CAP_IDENTIFY, cap, (struct sel4_msg){ 0 }).badge;
}

static inline void sel4_debug_snapshot(void)
{
	(void)sel4_syscall_plain(SYS_DEBUG_SNAPSHOT, 0, (struct sel4_msg){ 0 });
}

/* The name is cut to what fits in an IPC buffer. */
static inline void sel4_debug_name_thread(cptr_t tcb, const char *name)
{
	char *text = (char *)sel4_ipc_buffer()->msg;
	size_t room = sizeof(sel4_ipc_buffer()->msg) - 1;
	while (room-- > 0 && *name)
		*text++ = *name++;
	*text = 0;
	(void)sel4_syscall_plain(SYS_DEBUG_NAME_THREAD, tcb, (struct sel4_msg){ 0 });
}

/* Message word i, for words that do not travel in registers. */
static inline void sel4_set_word(unsigned int i, word_t value)
{
	sel4_ipc_buffer()->msg[i] = value;
}
static inline word_t sel4_get_word(unsigned int i)
{
	return sel4_ipc_buffer()->msg[i];
}
static inline void sel4_set_cap(unsigned int i, cptr_t cap)
{
	sel4_ipc_buffer()->caps_or_badges[i] = cap;
}

/*
 * Invokes a kernel object: a Call whose label names the operation. Words from the fifth on and
 * capabilities are in the IPC buffer already.
 */
static inline struct sel4_msg sel4_invoke(cptr_t object, word_t label, word_t caps, word_t words,
                                          word_t mr0, word_t mr1, word_t mr2, word_t mr3)
{
	word_t info = abi_msginfo(label, 0, caps, words);
	return sel4_call(object, (struct sel4_msg){ info, { mr0, mr1, mr2, mr3 }, 0 });
}

/*
 * The error of an invocation. The words that explain it are then in msg[0..] of the IPC buffer
 * (sel4_get_word), those that came in registers too, and the message info is in its tag: that
 * costs nothing on success, and the kernel uses none of these words.
 */
[[nodiscard]] static inline enum abi_error sel4_msg_error(struct sel4_msg m)
{
	word_t label = abi_msginfo_label(m.info);
	if (__builtin_expect(label != ERR_NONE, 0)) {
		sel4_ipc_buffer()->tag = m.info;
		for (unsigned int i = 0; i < ABI_MSG_REGS; i++)
			sel4_set_word(i, m.mr[i]);
	}
	return (enum abi_error)label;
}
