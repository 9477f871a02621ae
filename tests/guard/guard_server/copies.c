/* SPDX-License-Identifier: BSD-2-Clause */
/* Handlers that copy, and access words. */
#include "server.h"

/* Leaves the handler if a copy ended early. */
static void must(struct proto_request *request, err_t err, size_t done)
{
	state_of(request)->done = done;
	if (err != E_OK)
		leave(request, err);
}

err_t on_put(void *, struct proto_request *request, const struct lent_put_in *in)
{
	struct rt_request *r = rt_request(request);
	const char __client *from = span_at(request, &in->from);
	size_t half = in->from.bytes / 2, done = 0, more = 0;
	char *copy = rt_request_alloc(r, in->from.bytes);
	if (!from || !copy)
		return from ? E_NOMEM : E_RANGE;
	stop_at(LENT_STOP_BEFORE, in->stop);
	if (in->stop == LENT_STOP_BETWEEN) {
		must(request, client_read(copy, from, half, &done), done);
		stop_at(LENT_STOP_BETWEEN, in->stop);
	}
	err_t err = client_read(copy + done, from + done, in->from.bytes - done, &more);
	must(request, err, done + more);
	commit(request, in->from.bytes, hash(copy, in->from.bytes, 1));
	stop_at(LENT_STOP_COMMIT, in->stop);
	return E_OK;
}

err_t on_get(void *, struct proto_request *request, const struct lent_get_in *in)
{
	struct rt_request *r = rt_request(request);
	char __client *to = span_at(request, &in->to);
	size_t half = in->to.bytes / 2, done = 0, more = 0;
	char *copy = rt_request_alloc(r, in->to.bytes);
	if (!to || !copy)
		return to ? E_NOMEM : E_RANGE;
	commit(request, in->to.bytes, in->seed);
	for (size_t i = 0; i < in->to.bytes; i++)
		copy[i] = (char)(in->seed + i);
	stop_at(LENT_STOP_COMMIT, in->stop);
	rt_deliver(r);
	stop_at(LENT_STOP_DELIVER, in->stop);
	if (in->stop == LENT_STOP_DELIVERING) {
		must(request, client_write(to, copy, half, &done), done);
		stop_at(LENT_STOP_DELIVERING, in->stop);
	}
	err_t err = client_write(to + done, copy + done, in->to.bytes - done, &more);
	must(request, err, done + more);
	return E_OK;
}

err_t on_copy(void *, struct proto_request *request, const struct lent_copy_in *in)
{
	char __client *to = span_at(request, &in->to);
	const char __client *from = span_at(request, &in->from);
	size_t done;
	if (!to || !from || in->to.bytes != in->from.bytes)
		return E_RANGE;
	commit(request, in->to.bytes, 1);
	rt_deliver(rt_request(request));
	stop_at(LENT_STOP_DELIVER, in->stop);
	err_t err = client_copy(to, from, in->to.bytes, &done);
	must(request, err, done);
	return E_OK;
}

err_t on_cells(void *, struct proto_request *request, const struct lent_cells_in *in,
               struct lent_cells_out *out)
{
	char __client *at = span_at(request, &in->at);
	uint32_t small, found;
	uint64_t large;
	if (!at || in->at.bytes < 24)
		return E_RANGE;
	uint32_t __client *word32 = (uint32_t __client *)at;
	uint64_t __client *word64 = (uint64_t __client *)(at + 8);
	stop_at(LENT_STOP_BEFORE, in->stop);
	must(request, client_load32(word32, &small), 0);
	stop_at(LENT_STOP_BETWEEN, in->stop);
	must(request, client_load64(word64, &large), 1);
	out->sum = small + large;
	commit(request, 12, out->sum);
	stop_at(LENT_STOP_COMMIT, in->stop);
	rt_deliver(rt_request(request));
	stop_at(LENT_STOP_DELIVER, in->stop);
	must(request, client_store32(word32, (uint32_t)out->sum), 2);
	stop_at(LENT_STOP_DELIVERING, in->stop);
	must(request, client_store64(word64, out->sum), 3);
	must(request, client_cas32(word32 + 4, 0, 7, &found), 4);
	must(request, E_OK, 5);
	return found == 0 || found == 7 ? E_OK : E_RANGE;
}

err_t on_name(void *, struct proto_request *request, const struct lent_name_in *in,
              struct lent_name_out *out)
{
	struct rt_request *r = rt_request(request);
	struct state *state = state_of(request);
	const char __client *at = span_at(request, &in->at);
	size_t length, done;
	if (!at)
		return E_RANGE;
	stop_at(LENT_STOP_BEFORE, in->stop);
	err_t err = client_strnlen(at, in->at.bytes, &length);
	must(request, err, length);
	char *copy = rt_request_alloc(r, length + 1);
	if (!copy)
		return E_NOMEM;
	stop_at(LENT_STOP_BETWEEN, in->stop);
	err = client_read(copy, at, length, &done);
	must(request, err, done);
	/* How long it is now, for nobody changes it any more. */
	size_t found = 0;
	while (found < length && copy[found])
		found++;
	length = found;
	commit(request, length, hash(copy, length, 1));
	size_t kept = length < sizeof(state->content.name) ? length : sizeof(state->content.name);
	__builtin_memcpy(state->content.name, copy, kept);
	out->found = length;
	return E_OK;
}

struct entry {
	uint64_t offset, bytes;
};

err_t on_vector(void *, struct proto_request *request, const struct lent_vector_in *in)
{
	enum { ENTRIES_MAX = 8 };
	struct rt_request *r = rt_request(request);
	char __client *table = span_at(request, &in->table);
	struct entry entries[ENTRIES_MAX];
	uint64_t sums[ENTRIES_MAX], total = 0, bytes = 0;
	size_t count = in->table.bytes / sizeof(entries[0]), done;
	if (!table || count > ENTRIES_MAX)
		return table ? E_TOOBIG : E_RANGE;
	err_t err = client_read(entries, table, count * sizeof(entries[0]), &done);
	must(request, err, done);
	for (size_t i = 0; i < count; i++) {
		const struct lent_span span = { .place = in->table.place,
			                        .offset = entries[i].offset,
			                        .bytes = entries[i].bytes };
		const char __client *from = span_at(request, &span);
		char *copy = rt_request_alloc(r, span.bytes);
		if (!from || !copy)
			return from ? E_NOMEM : E_RANGE;
		stop_at(i == 1 ? LENT_STOP_BETWEEN : LENT_STOP_NOWHERE, in->stop);
		err = client_read(copy, from, span.bytes, &done);
		must(request, err, done);
		sums[i] = hash(copy, span.bytes, 1);
		total += sums[i];
		bytes += span.bytes;
	}
	commit(request, bytes, total);
	rt_deliver(r);
	for (size_t i = 0; i < count; i++) {
		char __client *to = table + i * sizeof(entries[0]);
		must(request, client_store64((uint64_t __client *)to, sums[i]), i);
	}
	return E_OK;
}
