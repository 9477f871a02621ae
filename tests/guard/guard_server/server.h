/* SPDX-License-Identifier: BSD-2-Clause */
/* What the parts of this server share. */
#pragma once
#include <lib/container.h>
#include <proto/lent.h>
#include <rt/client_memory.h>
#include <rt/server.h>
#include <rt/share.h>

struct state {
	struct client_window window[LENT_PLACES];
	rm_share_t told[LENT_PLACES];
	uint32_t told_count;
	uint64_t done; /* diagnosis, no state */
	bool ignored, hurries;
	struct {
		uint64_t requests, bytes, sum;
		char name[64];
	} content;
};

/* What is common to all sessions. */
struct board {
	uint64_t sum;
};
extern struct board board;

static inline struct state *state_of(struct proto_request *request)
{
	return rt_client_state(rt_request(request)->client);
}

/* The span in client memory. NULL: it is not in what is mapped there. */
static inline char __client *span_at(struct proto_request *request, const struct lent_span *span)
{
	client_nowait(state_of(request)->hurries);
	return span->place < LENT_PLACES
	               ? (char __client *)client_at(&state_of(request)->window[span->place],
	                                            span->offset, span->bytes)
	               : NULL;
}

/* Leaves the handler, for an access that ended early; it comes back if it can. */
_Noreturn static inline void leave(struct proto_request *request, err_t err)
{
	struct rt_request *r = rt_request(request);
	if (err == E_AGAIN && r->phase == RT_FETCH)
		rt_retry(r);
	rt_abort(r, err);
}

void stop_at(enum lent_stop point, enum lent_stop wanted);
uint64_t hash(const void *bytes, size_t count, uint64_t seed);

/* copies.c */
err_t on_put(void *, struct proto_request *request, const struct lent_put_in *in);
err_t on_get(void *, struct proto_request *request, const struct lent_get_in *in);
err_t on_copy(void *, struct proto_request *request, const struct lent_copy_in *in);
err_t on_cells(void *, struct proto_request *request, const struct lent_cells_in *in,
               struct lent_cells_out *out);
err_t on_name(void *, struct proto_request *request, const struct lent_name_in *in,
              struct lent_name_out *out);
err_t on_vector(void *, struct proto_request *request, const struct lent_vector_in *in);

/* windows.c */
err_t on_sum(void *, struct proto_request *request, const struct lent_sum_in *in,
             struct lent_sum_out *out);
err_t on_fill(void *, struct proto_request *request, const struct lent_fill_in *in);
err_t on_seek(void *, struct proto_request *request, const struct lent_seek_in *in,
              struct lent_seek_out *out);
err_t on_count(void *, struct proto_request *request, const struct lent_count_in *in,
               struct lent_count_out *out);
err_t on_run(void *, struct proto_request *request, const struct lent_run_in *in);
err_t on_mix(void *, struct proto_request *request, const struct lent_mix_in *in);

/* planted.c */
err_t on_plant(void *, struct proto_request *request, const struct lent_plant_in *in,
               struct lent_plant_out *out);

/* What a request commits. */
static inline void commit(struct proto_request *request, uint64_t bytes, uint64_t sum)
{
	struct state *state = state_of(request);
	rt_commit(rt_request(request));
	state->content.requests++;
	state->content.bytes += bytes;
	state->content.sum += sum;
	if (!state->ignored)
		board.sum = sum;
}
