/* SPDX-License-Identifier: BSD-2-Clause */
/* The ground that all other tests stand on: allocation, threads, checks. */
#include <test/test.h>

TEST(smoke_pool_gives_memory_back)
{
	untyped_new(20);
	page_new(NULL);
	CHECK(slot_is_empty(slot_new()));
}

static word_t add_one(word_t arg)
{
	return arg + 1;
}

TEST(smoke_thread)
{
	CHECK_EQ(thread_join(thread_run(add_one, 41)), 42);
}
