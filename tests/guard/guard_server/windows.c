/* SPDX-License-Identifier: BSD-2-Clause */
/* Handlers that touch client memory in place, and in windows that they are left in. */
#include "server.h"

/* The words of a span of a window in place; the handler is left if there is none. */
static volatile uint64_t *begin(struct proto_request *request, const struct lent_span *span)
{
	const struct state *state = state_of(request);
	void *at = NULL;
	client_nowait(state->hurries);
	err_t err = span->place < LENT_PLACES ? window_begin(&state->window[span->place],
	                                                     span->offset, span->bytes, &at)
	                                      : E_RANGE;
	if (err != E_OK)
		rt_abort(rt_request(request), err);
	return at;
}

static void end(struct proto_request *request)
{
	err_t err = window_end();
	if (err != E_OK)
		leave(request, err);
}

/* done: words that were not 0, which the client has none of. */
err_t on_sum(void *, struct proto_request *request, const struct lent_sum_in *in,
             struct lent_sum_out *out)
{
	struct state *state = state_of(request);
	uint64_t count = in->of.bytes / 8, sum = 0;
	stop_at(LENT_STOP_BEFORE, in->stop);
	const volatile uint64_t *word = begin(request, &in->of);
	state->done = 0;
	for (uint64_t i = 0; i < count; i++) {
		if (i == count / 2)
			stop_at(LENT_STOP_BETWEEN, in->stop);
		uint64_t value = word[i];
		state->done += value != 0;
		sum += value;
	}
	end(request);
	commit(request, in->of.bytes, sum);
	stop_at(LENT_STOP_COMMIT, in->stop);
	out->sum = sum;
	return E_OK;
}

err_t on_fill(void *, struct proto_request *request, const struct lent_fill_in *in)
{
	uint64_t count = in->at.bytes / 8;
	commit(request, in->at.bytes, in->value);
	stop_at(LENT_STOP_COMMIT, in->stop);
	rt_deliver(rt_request(request));
	stop_at(LENT_STOP_DELIVER, in->stop);
	volatile uint64_t *word = begin(request, &in->at);
	for (uint64_t i = 0; i < count; i++) {
		if (i == count / 2)
			stop_at(LENT_STOP_DELIVERING, in->stop);
		word[i] = in->value;
	}
	end(request);
	return E_OK;
}

err_t on_seek(void *, struct proto_request *request, const struct lent_seek_in *in,
              struct lent_seek_out *out)
{
	uint64_t count = in->at.bytes / 8;
	stop_at(LENT_STOP_BEFORE, in->stop);
	const volatile uint64_t *word = begin(request, &in->at);
	for (uint64_t i = 0; i < count; i++) {
		if (i == count / 2)
			stop_at(LENT_STOP_BETWEEN, in->stop);
		if (word[i] == in->value)
			rt_abort(rt_request(request), E_NOENT);
	}
	end(request);
	commit(request, in->at.bytes, count);
	out->index = count;
	return E_OK;
}

/* -- left -------------------------------------------------------------------------------------- */

struct job {
	struct state *state;
	uint64_t words, value, found;
	enum lent_stop stop;
	const char __client *from;
};

static err_t count_words(void *at, void *arg)
{
	struct job *job = arg;
	const volatile uint64_t *word = at;
	for (uint64_t i = 0; i < job->words; i++) {
		if (i == job->words / 2)
			stop_at(LENT_STOP_BETWEEN, job->stop);
		job->found += word[i] == job->value;
		job->state->done = i + 1;
	}
	return E_OK;
}

static err_t write_words(void *at, void *arg)
{
	struct job *job = arg;
	volatile uint64_t *word = at;
	for (uint64_t i = 0; i < job->words; i++) {
		if (i == job->words / 2)
			stop_at(LENT_STOP_DELIVERING, job->stop);
		word[i] = job->value;
		job->state->done = i + 1;
	}
	return E_OK;
}

static void run(struct proto_request *request, const struct lent_span *span,
                err_t (*fn)(void *at, void *arg), struct job *job)
{
	struct state *state = state_of(request);
	job->state = state;
	job->words = span->bytes / 8;
	state->done = 0;
	client_nowait(state->hurries);
	err_t err = span->place < LENT_PLACES ? window_run(&state->window[span->place],
	                                                   span->offset, span->bytes, fn, job)
	                                      : E_RANGE;
	if (err != E_OK)
		leave(request, err);
}

err_t on_count(void *, struct proto_request *request, const struct lent_count_in *in,
               struct lent_count_out *out)
{
	struct job job = { .value = in->value, .stop = in->stop };
	stop_at(LENT_STOP_BEFORE, in->stop);
	run(request, &in->of, count_words, &job);
	commit(request, in->of.bytes, job.found);
	stop_at(LENT_STOP_COMMIT, in->stop);
	out->count = job.found;
	return E_OK;
}

err_t on_run(void *, struct proto_request *request, const struct lent_run_in *in)
{
	struct job job = { .value = in->value, .stop = in->stop };
	commit(request, in->at.bytes, in->value);
	stop_at(LENT_STOP_COMMIT, in->stop);
	rt_deliver(rt_request(request));
	stop_at(LENT_STOP_DELIVER, in->stop);
	run(request, &in->at, write_words, &job);
	return E_OK;
}

/* -- copies inside ----------------------------------------------------------------------------- */

/* Adds up the words of the window, and those of the other memory, word by word. */
static err_t add_words(void *at, void *arg)
{
	struct job *job = arg;
	const volatile uint64_t *word = at;
	err_t err = E_OK;
	for (uint64_t i = 0; i < job->words && err == E_OK; i++) {
		uint64_t theirs = 0;
		size_t done;
		stop_at(i == job->words / 2 ? LENT_STOP_BETWEEN : LENT_STOP_NOWHERE, job->stop);
		err = client_read(&theirs, job->from + 8 * i, sizeof(theirs), &done);
		job->found += word[i] + theirs;
		job->state->done = i + 1;
	}
	return err;
}

err_t on_mix(void *, struct proto_request *request, const struct lent_mix_in *in)
{
	struct state *state = state_of(request);
	struct job job = { .stop = in->stop, .from = span_at(request, &in->from) };
	err_t err = E_OK;
	if (!job.from || in->from.bytes != in->to.bytes)
		return E_RANGE;
	run(request, &in->to, add_words, &job);
	commit(request, in->to.bytes, job.found);
	rt_deliver(rt_request(request));
	/* It is added up once more, to be written back; nothing of the server's depends on it. */
	client_reread(span_at(request, &in->to), in->to.bytes);
	client_reread(job.from, in->from.bytes);
	volatile uint64_t *word = begin(request, &in->to);
	for (uint64_t i = 0; i < job.words && err == E_OK; i++) {
		uint64_t theirs = 0;
		stop_at(i == job.words / 2 ? LENT_STOP_DELIVERING : LENT_STOP_NOWHERE, in->stop);
		err = client_load64((const uint64_t __client *)(job.from + 8 * i), &theirs);
		word[i] += theirs;
		state->done = i + 1;
	}
	err_t ended = window_end();
	if (err != E_OK || ended != E_OK)
		rt_abort(rt_request(request), err != E_OK ? err : ended);
	return E_OK;
}
