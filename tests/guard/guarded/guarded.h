/* SPDX-License-Identifier: BSD-2-Clause */
/* What the current request has read of client memory. */
#pragma once
#include <proto/proto.h>
#include <rt/client_memory.h>
#include <stdbool.h>
#include <stdint.h>

/* bytes of client memory, read by an instruction. bytes 0: nothing. */
struct fetch {
	uint64_t at, bytes, by;
	bool is_hint; /* only looked at by client_strnlen() */
};

/* A request begins. */
void fetch_none(void);
/* A request is being handled; outside of any nothing is noted. */
bool fetch_counts(void);
/* Some of it was read already. The program ends then; not if a copy follows a hint (hints). */
void fetch_check(struct fetch it, bool hints);
bool fetch_known(struct fetch it);
void fetch_note(struct fetch it);
/* It may be read once more. */
void fetch_forget(struct fetch it);

bool guarded_dispatch(const struct proto_interface *interface, const void *ops, void *self,
                      struct proto_request *request);
