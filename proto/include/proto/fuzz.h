/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Tests of any interface by its tables, on the host. What a decoder lets pass is judged a second
 * time, by the field tables, which the decoders' code does not use.
 */
#pragma once
#include <proto/proto.h>

enum proto_codec_kind { PROTO_FUZZ_IN, PROTO_FUZZ_OUT, PROTO_FUZZ_EVENT };

/* Decodes, and encodes again what came out. */
typedef err_t proto_again_fn(const uint64_t *words, unsigned int length, uint64_t *again,
                             unsigned int *again_length);

struct proto_codec {
	const char *name; /* null ends a list */
	proto_again_fn *again;
	uint8_t number;
	uint8_t kind;
};

struct proto_fuzz {
	const struct proto_interface *interface;
	const void *ops; /* PROTO_FUZZ_SERVE for every method */
	const struct proto_codec *codecs;
};

#define PROTO_AGAIN(interface, message)                                                            \
	static err_t again_##message(const uint64_t *words, unsigned int length, uint64_t *again,  \
	                             unsigned int *again_length)                                   \
	{                                                                                          \
		struct interface##_##message body;                                                 \
		err_t err = interface##_##message##_decode(&body, words, length);                  \
		if (err == E_OK)                                                                   \
			*again_length = interface##_##message##_encode(again, &body);              \
		return err;                                                                        \
	}

/* A handler that takes everything: done at once, or PENDING if the badge is odd. */
#define PROTO_FUZZ_SERVE(interface, method, ...)                                                   \
	_Pragma("GCC diagnostic push");                                                            \
	_Pragma("GCC diagnostic ignored \"-Wunused-parameter\"");                                  \
	static err_t on_##method(__VA_ARGS__)                                                      \
	{                                                                                          \
		return proto_fuzz_handle(&interface##_interface, request);                         \
	}                                                                                          \
	_Pragma("GCC diagnostic pop")

#define PROTO_FUZZ_OP(method) .method = on_##method,
#define PROTO_FUZZ(interface, METHODS)                                                             \
	static const struct interface##_ops ops = { METHODS(PROTO_FUZZ_OP, PROTO_FUZZ_OP) };       \
	extern const struct proto_fuzz interface##_fuzz;                                           \
	const struct proto_fuzz interface##_fuzz = { &interface##_interface, &ops, codecs }

err_t proto_fuzz_handle(const struct proto_interface *interface, struct proto_request *request);

/* One input of a fuzzer: a message to a decoder, and to the dispatch. Aborts on a mistake. */
void proto_fuzz_input(const struct proto_fuzz *fuzz, const uint8_t *data, size_t size);

/*
 * Each message: valid ones at random go round; every bound, every length, every byte of padding is
 * broken in turn; random damage. Aborts if something is wrong.
 */
void proto_fuzz_all(const struct proto_fuzz *fuzz, unsigned int rounds, uint64_t seed);
