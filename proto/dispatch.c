/* SPDX-License-Identifier: BSD-2-Clause */
#include <proto/proto.h>
#include <lib/assert.h>

const struct proto_method *proto_find_method(const struct proto_interface *interface,
                                             uint64_t label)
{
	if (label < PROTO_LABEL_BASE)
		return NULL;
	uint64_t number = label - PROTO_LABEL_BASE;
	if (number >= interface->methods_count || !interface->methods[number].serve)
		return NULL;
	return &interface->methods[number];
}

err_t proto_check(const struct proto_interface *interface, const struct proto_request *request)
{
	const struct proto_method *method = proto_find_method(interface, request->label);
	if (!method)
		return E_UNSUPPORTED;
	if (request->length < method->in.words_min || request->length > method->in.words_max)
		return E_PROTOCOL;
	if (request->caps != method->caps_in)
		return E_PROTOCOL;
	if (method->target && method->target != request->target_kind)
		return E_INVAL;
	if (request->unwrapped >> method->caps_in)
		return E_INVAL;
	/* An `any` may be one of the server's own objects, too. */
	for (unsigned int i = 0; i < method->caps_in && i < PROTO_CAPS_MAX; i++)
		if (method->cap_kinds[i] && (!(request->unwrapped >> i & 1) ||
		                             method->cap_kinds[i] != request->cap_kinds[i]))
			return E_INVAL;
	if (method->flags & PROTO_PRIVILEGED && !request->privileged)
		return E_PERM;
	return method->flags & PROTO_CREATES && request->sealed ? E_SEALED : E_OK;
}

bool proto_dispatch(const struct proto_interface *interface, const void *ops, void *server,
                    struct proto_request *request)
{
	assert(request->state == PROTO_NEW);
	request->reply_length = 0;
	request->cap_out = 0;
	request->error = proto_check(interface, request);
	if (request->error == E_OK) {
		const struct proto_method *method = proto_find_method(interface, request->label);
		request->error = method->serve(ops, server, request);
		if (request->error == E_PENDING) {
			assert(method->flags & PROTO_PARKS);
			request->state = PROTO_PARKED;
			return false;
		}
		assert(request->error != E_OK || (request->cap_out != 0) == method->caps_out);
	}
	request->state = PROTO_ANSWERED;
	return true;
}

void proto_answer(struct proto_request *request, err_t error, unsigned int caps_out)
{
	assert(request->state == PROTO_PARKED && error != E_PENDING);
	assert(error != E_OK || (request->cap_out != 0) == caps_out);
	request->state = PROTO_ANSWERED;
	request->error = error;
}

err_t proto_event_dispatch(const struct proto_interface *interface, const void *ops, void *client,
                           const uint64_t *record, unsigned int length)
{
	if (length == 0 || record[0] >> 32 != length - 1)
		return E_PROTOCOL;
	uint64_t number = (uint32_t)record[0] - (uint64_t)PROTO_LABEL_BASE;
	if (number >= interface->events_count || !interface->events[number].name)
		return E_UNSUPPORTED;
	return interface->events[number].serve(ops, client, record + 1, length - 1);
}
