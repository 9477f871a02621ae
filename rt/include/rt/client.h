/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * How the stubs of interfaces (generated, <proto/x_client.h>) send a request and take its reply, on
 * seL4's Call. The first four words travel in registers: a message without more, and without
 * capabilities, touches no memory.
 *
 * The receive path (where a capability that comes is put) is set only while one is expected: a stub
 * sets it before its Call and clears it afterwards, a server's loop does so around its receive. A
 * peer can then put nothing into a slot that waits for something else.
 */
#pragma once
#include <proto/proto.h>
#include <rt/sel4.h>

static inline void proto_receive_into(struct sel4_slot slot)
{
	struct abi_ipc_buffer *buffer = sel4_ipc_buffer();
	buffer->receive_cnode = slot.root;
	buffer->receive_index = slot.index;
	buffer->receive_depth = slot.depth;
}

/* A failed call; errors: those that the method may return. Anything else is the server's breach. */
static inline err_t proto_reply_error(uint64_t label, uint64_t errors)
{
	if (label == PROTO_LABEL_SEVERED)
		return E_SEVERED;
	if (!range_ok(label, 1, PROTO_LABEL_BASE + 64) || label < PROTO_LABEL_BASE)
		return E_PROTOCOL;
	return errors >> (label - PROTO_LABEL_BASE) & 1 ? (err_t)label : E_PROTOCOL;
}

/*
 * Calls dest with so many words and capabilities, and replaces the words by those of the reply,
 * *length of them, at most capacity (at least four). made: where the capability that must come back
 * goes, or null if none does. After an error, one may have come all the same: the caller's slot is
 * the caller's.
 */
static inline err_t proto_call(cptr_t dest, unsigned int number, const cptr_t *caps,
                               unsigned int caps_count, const struct sel4_slot *made,
                               uint64_t errors, uint64_t *words, unsigned int words_count,
                               unsigned int *length, unsigned int capacity)
{
	struct sel4_msg m = { abi_msginfo(PROTO_LABEL_BASE + number, 0, caps_count, words_count),
		              { 0 },
		              0 };
	for (unsigned int i = 0; i < PROTO_WORDS_FAST && i < words_count; i++)
		m.mr[i] = words[i];
	for (unsigned int i = PROTO_WORDS_FAST; i < words_count; i++)
		sel4_ipc_buffer()->msg[i] = words[i];
	for (unsigned int i = 0; i < caps_count; i++)
		sel4_set_cap(i, caps[i]);
	if (made)
		proto_receive_into(*made);
	m = sel4_call(dest, m);
	if (made)
		proto_receive_into((struct sel4_slot){ 0 });
	if (abi_msginfo_label(m.info) != 0) {
		err_t err =
		        proto_reply_error(abi_msginfo_label(m.info), errors | PROTO_ERRORS_COMMON);
		return err != E_OK ? err : E_PROTOCOL; /* never E_OK; for those who analyse */
	}
	*length = (unsigned int)abi_msginfo_length(m.info);
	if (*length > capacity || abi_msginfo_caps(m.info) != (made != NULL))
		return E_PROTOCOL;
	if (*length == 0)
		return E_OK;
	for (unsigned int i = 0; i < PROTO_WORDS_FAST; i++)
		words[i] = m.mr[i];
	for (unsigned int i = PROTO_WORDS_FAST; i < *length; i++)
		words[i] = sel4_ipc_buffer()->msg[i];
	return E_OK;
}
