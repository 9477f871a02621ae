/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * DomainSet with one domain: only 0 is one, and its schedule has one entry that may be changed.
 */
#include "api.h"

enum {
	SCHEDULE_LAST = 0, /* of the entries before the end marker */
	SCHEDULE_LENGTH = 2,
};
#define DURATION_MAX ((1ull << 56) - 1)

static enum abi_error set(word_t domain, cptr_t tcb)
{
	return sel4_domain_set_set(INIT_DOMAIN, domain, tcb);
}

static enum abi_error configure(word_t index, word_t domain, word_t duration)
{
	return sel4_domain_set_schedule_configure(INIT_DOMAIN, index, domain, duration);
}

TEST(domain_set)
{
	CHECK_OK(set(0, tcb_new()));
	CHECK_OK(set(0, INIT_TCB));
	CHECK_ERR(set(1, tcb_new()), ERR_INVALID_ARGUMENT, 0);
	CHECK_ERR(set(256, tcb_new()), ERR_INVALID_ARGUMENT, 0);
	CHECK_ERR(set(~0ull, tcb_new()), ERR_INVALID_ARGUMENT, 0);
}

TEST(domain_set_no_tcb)
{
	CHECK_ERR(set(0, endpoint_new()), ERR_INVALID_ARGUMENT, 1);
	CHECK_ERR(set(0, slot_new()), ERR_INVALID_ARGUMENT, 1);
	CHECK_ERR(set(1, slot_new()), ERR_INVALID_ARGUMENT, 0);
}

TEST(domain_set_truncated)
{
	sel4_set_cap(0, INIT_TCB);
	CHECK_ERR(invoke(INIT_DOMAIN, INV_DOMAIN_SET_SET, 1, 0, 0, 0, 0, 0), ERR_TRUNCATED_MESSAGE);
	CHECK_ERR(invoke(INIT_DOMAIN, INV_DOMAIN_SET_SET, 0, 1, 0, 0, 0, 0), ERR_TRUNCATED_MESSAGE);
	/* The domain is looked at before the TCB is missed. */
	CHECK_ERR(invoke(INIT_DOMAIN, INV_DOMAIN_SET_SET, 0, 1, 1, 0, 0, 0), ERR_INVALID_ARGUMENT,
	          0);
}

TEST(domain_set_by_a_copy)
{
	CHECK_OK(sel4_domain_set_set(cap_copy(INIT_DOMAIN, 0), 0, tcb_new()));
}

TEST(domain_schedule_configure)
{
	CHECK_OK(configure(0, 0, 1000000));
	CHECK_OK(configure(0, 0, DURATION_MAX));
}

TEST(domain_schedule_configure_errors)
{
	CHECK_ERR(configure(SCHEDULE_LAST + 1, 0, 1), ERR_RANGE, 0, SCHEDULE_LAST);
	CHECK_ERR(configure(~0ull, 0, 1), ERR_RANGE, 0, SCHEDULE_LAST);
	CHECK_ERR(configure(0, 1, 1), ERR_RANGE, 0, 0);
	CHECK_ERR(configure(0, ~0ull, 1), ERR_RANGE, 0, 0);
	CHECK_ERR(configure(0, 0, DURATION_MAX + 1), ERR_INVALID_ARGUMENT, 2);
	CHECK_ERR(configure(0, 0, ~0ull), ERR_INVALID_ARGUMENT, 2);
	CHECK_ERR(configure(0, 0, 0), ERR_INVALID_ARGUMENT, 2);
	/* index, domain, duration */
	CHECK_ERR(configure(9, 9, ~0ull), ERR_RANGE, 0, SCHEDULE_LAST);
	CHECK_ERR(configure(0, 9, ~0ull), ERR_RANGE, 0, 0);
}

TEST(domain_schedule_configure_truncated)
{
	for (word_t words = 0; words < 3; words++)
		CHECK_ERR(invoke(INIT_DOMAIN, INV_DOMAIN_SET_SCHEDULE_CONFIGURE, 0, words, 0, 0, 1,
		                 0),
		          ERR_TRUNCATED_MESSAGE);
}

TEST(domain_schedule_set_start)
{
	CHECK_OK(sel4_domain_set_schedule_set_start(INIT_DOMAIN, 0));
	CHECK_ERR(sel4_domain_set_schedule_set_start(INIT_DOMAIN, SCHEDULE_LENGTH - 1),
	          ERR_INVALID_ARGUMENT, 0);
	CHECK_ERR(sel4_domain_set_schedule_set_start(INIT_DOMAIN, SCHEDULE_LENGTH), ERR_RANGE, 0,
	          SCHEDULE_LENGTH - 1);
	CHECK_ERR(sel4_domain_set_schedule_set_start(INIT_DOMAIN, ~0ull), ERR_RANGE, 0,
	          SCHEDULE_LENGTH - 1);
}

TEST(domain_schedule_set_start_truncated)
{
	CHECK_ERR(invoke(INIT_DOMAIN, INV_DOMAIN_SET_SCHEDULE_SET_START, 0, 0, 0, 0, 0, 0),
	          ERR_TRUNCATED_MESSAGE);
}

static word_t return_arg(word_t arg)
{
	return arg;
}

/* A short turn comes to its end and begins again: the only domain goes on. */
TEST(domain_schedule_goes_round)
{
	CHECK_OK(configure(0, 0, 1000));
	CHECK_OK(sel4_domain_set_schedule_set_start(INIT_DOMAIN, 0));
	for (word_t i = 0; i < 20; i++)
		CHECK_EQ(thread_join(thread_run(return_arg, i)), i);
	CHECK_OK(configure(0, 0, DURATION_MAX));
	CHECK_OK(sel4_domain_set_schedule_set_start(INIT_DOMAIN, 0));
}

TEST(domain_invoke_with_wrong_labels)
{
	for (word_t label = 0; label <= INV_COUNT + 2; label++)
		if (label < INV_DOMAIN_SET_SET || label > INV_DOMAIN_SET_SCHEDULE_SET_START)
			CHECK_ERR(invoke(INIT_DOMAIN, label, 0, 3, 0, 0, 0, 0),
			          ERR_ILLEGAL_OPERATION);
}
