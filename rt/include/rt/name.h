/* SPDX-License-Identifier: BSD-2-Clause */
/* Names in requests: characters without an end, and how many there are. */
#pragma once
#include <lib/err.h>
#include <rt/sel4.h>
#include <stdint.h>

/*
 * from, without its end, at to[0..most). Returns how many characters; 0, which servers refuse as a
 * name, if there are more than most, or none.
 */
static inline uint16_t rt_name(char *to, const char *from, unsigned int most)
{
	unsigned int length = 0;
	for (; from[length] && length < most; length++)
		to[length] = from[length];
	return from[length] ? 0 : (uint16_t)length;
}

/*
 * The task may serve or connect to the name: rights are enum rm_name_right's. Of init, which has
 * RT_SYSTEM. INVAL: a name of no or of more than RM_NAME_MAX characters; otherwise as
 * rm_name_grant().
 */
err_t rt_name_grant(cptr_t task, const char *name, uint8_t rights);
