/* SPDX-License-Identifier: BSD-2-Clause */
/* The start block, made and checked; pure. See rt/program.h. */
#include <lib/range.h>
#include <rt/program.h>

enum { PAGE_BYTES = 4096 };

/* -- making ------------------------------------------------------------------------------------ */

struct maker {
	char *bytes;
	size_t capacity, used;
	bool is_full;
};

/* Room at a multiple of 4; NULL: there is none. */
static void *take(struct maker *to, size_t bytes)
{
	uint64_t at;
	if (to->is_full || !range_align_up(to->used, 4, &at) ||
	    !range_ok(at, bytes, to->capacity)) {
		to->is_full = true;
		return NULL;
	}
	to->used = at + bytes;
	return to->bytes + at;
}

static uint32_t offset_of(const struct maker *to, const void *at)
{
	return at ? (uint32_t)((const char *)at - to->bytes) : 0;
}

static uint32_t put_string(struct maker *to, const char *text)
{
	size_t bytes = 1;
	while (text[bytes - 1])
		bytes++;
	char *at = take(to, bytes);
	if (at)
		__builtin_memcpy(at, text, bytes);
	return offset_of(to, at);
}

static uint32_t put_strings(struct maker *to, const char *const *text, uint32_t count)
{
	uint32_t *at = take(to, count * sizeof(*at));
	for (uint32_t i = 0; at && i < count; i++)
		at[i] = put_string(to, text[i]);
	return offset_of(to, at);
}

err_t rt_start_build(struct rt_start *block, size_t capacity, const struct rt_start_extra *extra)
{
	struct maker to = { .bytes = (char *)block,
		            .capacity =
		                    capacity < RT_START_BYTES_MAX ? capacity : RT_START_BYTES_MAX,
		            .used = sizeof(*block) };
	if (extra->argc > RT_ARGS_MAX || extra->envc > RT_ARGS_MAX || extra->givens > RT_GIVEN_MAX)
		return E_TOOBIG;
	block->magic = RT_START_MAGIC;
	block->version = RT_START_VERSION;
	block->argc = extra->argc;
	block->envc = extra->envc;
	block->givens = extra->givens;
	block->argv = put_strings(&to, extra->argv, extra->argc);
	block->env = put_strings(&to, extra->env, extra->envc);
	struct rt_start_given *given = take(&to, extra->givens * sizeof(*given));
	for (uint32_t i = 0; given && i < extra->givens; i++) {
		size_t length = 0;
		while (extra->given[i].name[length])
			length++;
		if (length >= RT_GIVEN_NAME_MAX)
			return E_TOOBIG;
		given[i].slot = extra->given[i].slot;
		given[i].name = put_string(&to, extra->given[i].name);
	}
	block->given = offset_of(&to, given);
	block->bytes = (uint32_t)to.used;
	return to.is_full ? E_TOOBIG : E_OK;
}

/* -- checking ---------------------------------------------------------------------------------- */

/* An array of count elements of bytes each, at an offset; it may be anywhere if it is empty. */
static bool array_ok(const struct rt_start *block, uint32_t offset, uint32_t count, size_t bytes)
{
	return count == 0 || (offset % 4 == 0 && offset >= sizeof(*block) &&
	                      range_ok(offset, count * bytes, block->bytes));
}

/* It ends inside the block, within most bytes. */
static bool string_ok(const struct rt_start *block, uint32_t offset, uint32_t most)
{
	for (uint32_t i = 0; i < most && range_ok(offset, i + 1ul, block->bytes); i++)
		if (((const char *)block)[offset + i] == 0)
			return offset >= sizeof(*block);
	return false;
}

static bool strings_ok(const struct rt_start *block, uint32_t offset, uint32_t count)
{
	if (count > RT_ARGS_MAX || !array_ok(block, offset, count, sizeof(uint32_t)))
		return false;
	const uint32_t *at = (const uint32_t *)((const char *)block + offset);
	for (uint32_t i = 0; i < count; i++)
		if (!string_ok(block, at[i], block->bytes))
			return false;
	return true;
}

static bool given_ok(const struct rt_start *block)
{
	if (block->givens > RT_GIVEN_MAX ||
	    !array_ok(block, block->given, block->givens, sizeof(struct rt_start_given)))
		return false;
	const struct rt_start_given *at =
	        (const struct rt_start_given *)((const char *)block + block->given);
	for (uint32_t i = 0; i < block->givens; i++)
		if (!string_ok(block, at[i].name, RT_GIVEN_NAME_MAX) ||
		    at[i].slot < RT_SLOT_FIRST || at[i].slot >= block->slot_first_free)
			return false;
	return true;
}

err_t rt_start_check(const struct rt_start *block, size_t capacity)
{
	if (capacity < sizeof(*block) || block->magic != RT_START_MAGIC ||
	    block->version != RT_START_VERSION || block->bytes < sizeof(*block) ||
	    block->bytes > capacity || block->bytes > RT_START_BYTES_MAX)
		return E_CORRUPT;
	if (block->ipc_buffer == 0 || block->ipc_buffer % PAGE_BYTES != 0 ||
	    block->slot_bits < RT_SLOT_BITS_MIN || block->slot_bits > RT_SLOT_BITS_MAX ||
	    block->slot_first_free < RT_SLOT_FIRST ||
	    block->slot_first_free > 1u << block->slot_bits)
		return E_CORRUPT;
	if (block->stack_low > block->stack_high || block->budget_us > block->period_us)
		return E_CORRUPT;
	if (!strings_ok(block, block->argv, block->argc) ||
	    !strings_ok(block, block->env, block->envc) || !given_ok(block))
		return E_CORRUPT;
	return E_OK;
}
