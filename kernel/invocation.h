/* SPDX-License-Identifier: BSD-2-Clause */
/* Invocations on their way from a thread's registers to decode_*: invoke.c and fastpath.c. */
#pragma once
#include "cspace.h"

/* The words that are there. */
static inline word_t message_length(const struct tcb *thread, word_t info)
{
	word_t length = abi_msginfo_length(info);
	if (likely(length <= ABI_MSG_REGS))
		return length;
	if (!thread->buffer)
		return ABI_MSG_REGS;
	return length > ABI_MSG_MAX ? ABI_MSG_MAX : length;
}

/* Of the capability in `slot`; all but how the system call was meant and the extra capabilities. */
static always_inline void invocation_begin(struct invocation *inv, struct tcb *thread,
                                           struct slot *slot, word_t info)
{
	inv->thread = thread;
	inv->slot = slot;
	inv->cap = slot->cap;
	inv->label = abi_msginfo_label(info);
	inv->length = message_length(thread, info);
	inv->buffer = thread->buffer;
	inv->result_words = 0;
}

/* Does it, and answers a Call. */
enum outcome invocation_perform(struct invocation *inv);
void invocation_failed(struct invocation *inv);

static always_inline void invocation_done(struct invocation *inv)
{
	struct tcb *thread = inv->thread;
	if (inv->call) {
		thread->ctx.rdi = 0;
		thread->ctx.rsi = abi_msginfo(0, 0, 0, inv->result_words);
	}
}
