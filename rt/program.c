/* SPDX-License-Identifier: BSD-2-Clause */
/* The beginning and the end of a native program: see rt/program.h. */
#include "internal.h"
#include <lib/range.h>
#include <proto/rm_client.h>
#include <rt/slot.h>

enum { STATUS_BAD_START = 127, DEFAULT_PRIORITY = 100, DEFAULT_BUDGET_US = 10000 };

static const struct rt_start *block;

_Noreturn void rt_program_begin(const struct rt_start *start);

/* Short enough to need no IPC buffer. */
_Noreturn static void end(int status)
{
	(void)rm_task_exit(RT_TASK, &(struct rm_task_exit_in){ .status = (uint32_t)status });
	for (;;)
		sel4_yield();
}

_Noreturn void rt_exit(int status)
{
	rt_log_flush();
	end(status);
}

/* FS first: it is by FS that stubs find the IPC buffer. */
_Noreturn void rt_program_begin(const struct rt_start *start)
{
	if (rt_start_check(start, RT_START_BYTES_MAX) != E_OK)
		end(STATUS_BAD_START);
	struct abi_ipc_buffer *buffer = (struct abi_ipc_buffer *)start->ipc_buffer;
	struct rt_local *local = (struct rt_local *)(buffer + 1);
	*local = (struct rt_local){ .block = { .self = &local->block, .ipc_buffer = buffer },
		                    .thread = RT_THREAD,
		                    .is_first = true };
	sel4_set_tls_base((word_t)&local->block);
	block = start;
	rt_slot_start(start);
	rt_time_start(start);
	if (!rt_waiter_take(&local->place))
		end(STATUS_BAD_START);
	rt_exit(rt_main(start));
}

const struct rt_start *rt_start(void)
{
	return block;
}

static const char *string(uint32_t offsets, uint32_t count, uint32_t i)
{
	if (i >= count)
		return NULL;
	const uint32_t *offset = (const uint32_t *)((const char *)block + offsets);
	return (const char *)block + offset[i];
}

const char *rt_arg(uint32_t i)
{
	return string(block->argv, block->argc, i);
}

const char *rt_env(uint32_t i)
{
	return string(block->env, block->envc, i);
}

uint64_t rt_given(const char *name)
{
	const struct rt_start_given *given =
	        (const struct rt_start_given *)((const char *)block + block->given);
	for (uint32_t i = 0; i < block->givens; i++) {
		const char *is = (const char *)block + given[i].name;
		uint32_t j = 0;
		while (is[j] && is[j] == name[j])
			j++;
		if (is[j] == name[j])
			return given[i].slot;
	}
	return 0;
}

struct rm_schedule rt_schedule(void)
{
	if (block->period_us == 0)
		return (struct rm_schedule){ .budget_us = DEFAULT_BUDGET_US,
			                     .period_us = DEFAULT_BUDGET_US,
			                     .priority = DEFAULT_PRIORITY,
			                     .priority_max = DEFAULT_PRIORITY };
	return (struct rm_schedule){ .budget_us = block->budget_us,
		                     .period_us = block->period_us,
		                     .priority = block->priority,
		                     .priority_max = block->priority_max };
}
