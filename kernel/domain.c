/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Domains (seL4 manual, section 6.1.13), in the configuration with one domain: every thread is in
 * domain 0, whose schedule has one entry of unlimited length and an end marker.
 */
#include "kernel.h"

enum { DOMAINS = 1, SCHEDULE_LENGTH = 2, DURATION_BITS = 56 };
static word_t start;
static struct {
	word_t domain, duration;
} schedule[SCHEDULE_LENGTH] = { { 0, 1 }, { 0, 0 } };

static enum outcome decode_set(struct invocation *inv)
{
	if (inv->length == 0)
		return fail(ERR_TRUNCATED_MESSAGE);
	if (inv_arg(inv, 0) >= DOMAINS)
		return fail_word(ERR_INVALID_ARGUMENT, 0);
	if (!inv->extra[0])
		return fail(ERR_TRUNCATED_MESSAGE);
	if (cap_type(inv->extra[0]->cap) != CAP_TCB)
		return fail_word(ERR_INVALID_ARGUMENT, 1);
	return DONE;
}

static enum outcome decode_configure(struct invocation *inv)
{
	if (inv->length < 3)
		return fail(ERR_TRUNCATED_MESSAGE);
	word_t index = inv_arg(inv, 0), domain = inv_arg(inv, 1), duration = inv_arg(inv, 2);
	if (index >= SCHEDULE_LENGTH - 1) /* the last one stays an end marker */
		return fail_range(0, SCHEDULE_LENGTH - 2);
	if (domain >= DOMAINS)
		return fail_range(0, DOMAINS - 1);
	if (duration > MASK(DURATION_BITS))
		return fail_word(ERR_INVALID_ARGUMENT, 2);
	if (duration == 0 && domain != 0)
		return fail_word(ERR_INVALID_ARGUMENT, 1);
	if (index == start && duration == 0)
		return fail_word(ERR_INVALID_ARGUMENT, 2);
	schedule[index].domain = domain;
	schedule[index].duration = duration;
	return DONE;
}

static enum outcome decode_set_start(struct invocation *inv)
{
	if (inv->length < 1)
		return fail(ERR_TRUNCATED_MESSAGE);
	word_t index = inv_arg(inv, 0);
	if (index >= SCHEDULE_LENGTH)
		return fail_range(0, SCHEDULE_LENGTH - 1);
	if (schedule[index].duration == 0)
		return fail_word(ERR_INVALID_ARGUMENT, 0);
	start = index;
	sched_reschedule();
	return DONE;
}

enum outcome decode_domain(struct invocation *inv)
{
	switch (inv->label) {
	case INV_DOMAIN_SET_SET:
		return decode_set(inv);
	case INV_DOMAIN_SET_SCHEDULE_CONFIGURE:
		return decode_configure(inv);
	case INV_DOMAIN_SET_SCHEDULE_SET_START:
		return decode_set_start(inv);
	default:
		return fail(ERR_ILLEGAL_OPERATION);
	}
}
