/* SPDX-License-Identifier: BSD-2-Clause */
/* What the files of the API suite share. */
#pragma once
#include <test/test.h>

/* An invocation whose every word is given: for messages that the stubs never make. */
[[nodiscard]] static inline enum abi_error invoke(cptr_t object, word_t label, word_t caps,
                                                  word_t words, word_t mr0, word_t mr1, word_t mr2,
                                                  word_t mr3)
{
	return sel4_msg_error(sel4_invoke(object, label, caps, words, mr0, mr1, mr2, mr3));
}

/* A slot addressed through any CNode. */
static inline struct sel4_slot at(cptr_t root, word_t index, word_t depth)
{
	return (struct sel4_slot){ root, index, depth };
}

/* True if the slot at (root, index, depth) holds nothing. */
static inline bool is_empty(struct sel4_slot s)
{
	enum abi_error err = sel4_cnode_move(s, s);
	CHECK(err == ERR_DELETE_FIRST || err == ERR_FAILED_LOOKUP);
	return err == ERR_FAILED_LOOKUP;
}
