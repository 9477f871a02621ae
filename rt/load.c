/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Programs are loaded here: see rt/load.h.
 *
 * All memory that is the program's own is one dataspace: the copied segments, in order, then the
 * stack, the page of the IPC buffer, the start block. It is mapped here while it is filled, and
 * there in as many regions as there are copied segments, and one for the rest.
 */
#include "internal.h"
#include <lib/elf.h>
#include <lib/range.h>
#include <proto/rm_client.h>
#include <rt/load.h>
#include <rt/name.h>
#include <rt/slot.h>
#include <rt/tsc.h>

enum {
	SEGMENTS_MAX = 16,
	STACK_DEFAULT = 256 * 1024,
	STACK_MAX = 1 << 30,
	SLOT_BITS_DEFAULT = 7,
	SLOTS_TO_SPARE = 32,
	BLOCK_DEFAULT = RT_PAGE,
};
#define IMAGE_TOP 0x700000000000ul

/* A segment as it will lie in the program. */
struct piece {
	uint64_t start, pages; /* address of its first page */
	uint64_t first;        /* page of the image, or of the program's own memory */
	uint8_t rights;
	bool is_shared;
	struct elf_segment segment;
};

struct loader {
	const struct rt_spawn *how;
	struct rt_program *program;
	const char *file;                 /* where the image is mapped here */
	uint64_t file_region, file_pages; /* if it was for the time being */
	struct piece pieces[SEGMENTS_MAX];
	unsigned int count;
	struct elf elf;
	uint64_t pages, at; /* of its own memory; where it is here */
	uint64_t copied;    /* pages of segments in it */
	uint64_t stack_pages, block_pages;
	uint64_t stack_low; /* there */
	uint32_t slot_bits;
};

/* -- what is in the image ---------------------------------------------------------------------- */

static err_t open_image(struct loader *l)
{
	const struct rt_spawn *how = l->how;
	if (how->mapped) {
		l->file = how->mapped;
		return E_OK;
	}
	uint64_t first = how->offset / RT_PAGE, skip = how->offset % RT_PAGE;
	if (!range_ok(how->offset, how->bytes, RM_MEMORY_MAX) || how->bytes == 0)
		return E_INVAL;
	l->file_pages = (skip + how->bytes + RT_PAGE - 1) / RT_PAGE;
	err_t err = rt_memory_show(RT_VSPACE, how->image, first, l->file_pages, RM_RIGHT_READ,
	                           &l->file_region);
	l->file = (const char *)l->file_region + skip;
	return err;
}

static void close_image(struct loader *l)
{
	if (l->file_region)
		rt_memory_hide(l->file_region, l->file_pages);
	l->file_region = 0;
}

static err_t add_piece(struct loader *l, const struct elf_segment *segment)
{
	if (l->count == SEGMENTS_MAX)
		return E_UNSUPPORTED;
	uint64_t start = range_align_down(segment->vaddr, RT_PAGE), end;
	if (!range_ok(segment->vaddr, segment->mem_bytes, IMAGE_TOP) || start == 0 ||
	    !range_align_up(segment->vaddr + segment->mem_bytes, RT_PAGE, &end))
		return E_UNSUPPORTED;
	uint64_t in_image = l->how->offset + segment->offset;
	struct piece *piece = &l->pieces[l->count++];
	*piece = (struct piece){
		.start = start,
		.pages = (end - start) / RT_PAGE,
		.segment = *segment,
		.rights = (segment->flags & ELF_READ ? RM_RIGHT_READ : 0) |
		          (segment->flags & ELF_WRITE ? RM_RIGHT_WRITE : 0) |
		          (segment->flags & ELF_EXECUTE ? RM_RIGHT_EXECUTE : 0),
		.is_shared = !l->how->own_code && !(segment->flags & ELF_WRITE) &&
		             segment->file_bytes == segment->mem_bytes &&
		             (in_image - segment->vaddr) % RT_PAGE == 0,
	};
	if (piece->rights == 0)
		return E_UNSUPPORTED;
	piece->first = piece->is_shared ? in_image / RT_PAGE : l->copied;
	if (!piece->is_shared)
		l->copied += piece->pages;
	return E_OK;
}

static err_t read_image(struct loader *l)
{
	struct elf_walk walk = { 0 };
	struct elf_segment segment;
	err_t err = elf_open(&l->elf, l->file, l->how->bytes);
	if (err == E_OK && l->elf.is_relocatable)
		err = E_UNSUPPORTED;
	while (err == E_OK && (err = elf_next_load(&l->elf, &walk, &segment)) == E_OK)
		err = add_piece(l, &segment);
	if (err != E_NOENT)
		return err;
	if (l->count == 0)
		return E_UNSUPPORTED;
	const struct piece *last = &l->pieces[l->count - 1];
	uint32_t stack = l->how->stack_bytes ? l->how->stack_bytes : STACK_DEFAULT;
	if (stack < RT_PAGE || stack > STACK_MAX)
		return E_INVAL;
	l->stack_pages = (stack + RT_PAGE - 1ul) / RT_PAGE;
	l->stack_low = last->start + (last->pages + 1) * RT_PAGE;
	return E_OK;
}

/* -- the start block --------------------------------------------------------------------------- */

#define ROTATE(x, bits) ((x) << (bits) | (x) >> (64 - (bits)))

/*
 * SipHash-2-4 of two words, with the program's own random bytes as its key: what those get who are
 * started tells none of them anything about the others, or the key.
 */
static uint64_t random_word(void)
{
	static uint64_t number;
	uint64_t key[2], words[3] = { __atomic_add_fetch(&number, 1, __ATOMIC_RELAXED), rt_tsc(),
		                      16ull << 56 };
	__builtin_memcpy(key, rt_start()->random, sizeof(key));
	uint64_t v0 = key[0] ^ 0x736f6d6570736575, v1 = key[1] ^ 0x646f72616e646f6d;
	uint64_t v2 = key[0] ^ 0x6c7967656e657261, v3 = key[1] ^ 0x7465646279746573;
	for (unsigned int i = 0; i < 10; i++) {
		if (i < 6 && i % 2 == 0)
			v3 ^= words[i / 2];
		if (i == 6)
			v2 ^= 0xff;
		v0 += v1;
		v2 += v3;
		v1 = ROTATE(v1, 13) ^ v0;
		v3 = ROTATE(v3, 16) ^ v2;
		v0 = ROTATE(v0, 32);
		v2 += v1;
		v0 += v3;
		v1 = ROTATE(v1, 17) ^ v2;
		v3 = ROTATE(v3, 21) ^ v0;
		v2 = ROTATE(v2, 32);
		if (i < 6 && i % 2 == 1)
			v0 ^= words[i / 2];
	}
	return v0 ^ v1 ^ v2 ^ v3;
}

/* Bytes that the block takes at most. */
static uint64_t block_bytes(const struct rt_spawn *how)
{
	uint64_t bytes = sizeof(struct rt_start) + 16;
	for (int i = 0; i < 2; i++) {
		const char *const *text = i ? how->env : how->argv;
		for (uint32_t j = 0; j < (i ? how->envc : how->argc); j++) {
			bytes += 12;
			for (const char *at = text[j]; *at; at++)
				bytes++;
		}
	}
	return bytes + how->gifts * (RT_GIVEN_NAME_MAX + 12ul);
}

static struct rm_schedule schedule_of(const struct rt_spawn *how)
{
	struct rm_schedule schedule = how->schedule.period_us ? how->schedule : rt_schedule();
	if (!how->schedule.period_us)
		schedule.priority_max = schedule.priority;
	return schedule;
}

static err_t fill_block(struct loader *l)
{
	const struct rt_spawn *how = l->how;
	struct rt_given given[RT_GIVEN_MAX];
	const struct rm_schedule schedule = schedule_of(how);
	uint64_t offset = (l->copied + l->stack_pages + 1) * RT_PAGE;
	struct rt_start *block = (struct rt_start *)(l->at + offset);
	for (uint32_t i = 0; i < how->gifts; i++)
		given[i] = (struct rt_given){ how->gift[i].name, RT_SLOT_FIRST + i };
	l->program->stack = l->stack_low + l->stack_pages * RT_PAGE;
	l->program->start = l->program->stack + RT_PAGE;
	*block = (struct rt_start){
		.ipc_buffer = l->program->stack,
		.slot_bits = l->slot_bits,
		.slot_first_free = RT_SLOT_FIRST + how->gifts,
		.stack_low = l->stack_low,
		.stack_high = l->program->stack,
		.tsc_hz = rt_start()->tsc_hz,
		.budget_us = schedule.budget_us,
		.period_us = schedule.period_us,
		.priority = schedule.priority,
		.priority_max = schedule.priority_max,
	};
	const uint64_t random[2] = { random_word(), random_word() };
	_Static_assert(sizeof(random) == sizeof(block->random));
	__builtin_memcpy(block->random, random, sizeof(random));
	const struct rt_start_extra extra = { .argc = how->argc,
		                              .argv = how->argv,
		                              .envc = how->envc,
		                              .env = how->env,
		                              .givens = how->gifts,
		                              .given = given };
	return rt_start_build(block, l->block_pages * RT_PAGE, &extra);
}

/* -- its memory -------------------------------------------------------------------------------- */

static err_t check_sizes(struct loader *l)
{
	const struct rt_spawn *how = l->how;
	uint64_t bytes;
	if (how->gifts > RT_GIVEN_MAX || how->argc > RT_ARGS_MAX || how->envc > RT_ARGS_MAX)
		return E_TOOBIG;
	bytes = block_bytes(how);
	if (bytes > RT_START_BYTES_MAX)
		return E_TOOBIG;
	l->block_pages = (bytes + RT_PAGE - 1) / RT_PAGE;
	l->slot_bits = how->slot_bits ? how->slot_bits : SLOT_BITS_DEFAULT;
	while (!how->slot_bits && 1u << l->slot_bits < RT_SLOT_FIRST + how->gifts + SLOTS_TO_SPARE)
		l->slot_bits++;
	if (l->slot_bits < RT_SLOT_BITS_MIN || l->slot_bits > RT_SLOT_BITS_MAX ||
	    1u << l->slot_bits < RT_SLOT_FIRST + how->gifts)
		return E_LIMIT;
	return E_OK;
}

static err_t fill_memory(struct loader *l)
{
	l->pages = l->copied + l->stack_pages + 1 + l->block_pages;
	err_t err = rt_memory_make(l->how->bank, l->pages, &l->program->memory, &l->at);
	if (err != E_OK)
		return err;
	for (unsigned int i = 0; i < l->count; i++) {
		const struct piece *piece = &l->pieces[i];
		const struct elf_segment *segment = &piece->segment;
		if (piece->is_shared)
			continue;
		uint64_t to = piece->first * RT_PAGE + (segment->vaddr - piece->start);
		__builtin_memcpy((char *)l->at + to, l->file + segment->offset,
		                 segment->file_bytes);
	}
	err = fill_block(l);
	rt_memory_hide(l->at, l->pages);
	return err;
}

static err_t show_there(struct loader *l)
{
	struct rt_program *program = l->program;
	err_t err = rm_vspace_create(l->how->bank, rt_slot(program->vspace));
	for (unsigned int i = 0; i < l->count && err == E_OK; i++) {
		struct piece *piece = &l->pieces[i];
		err = rt_memory_show(program->vspace,
		                     piece->is_shared ? l->how->image : program->memory,
		                     piece->first, piece->pages, piece->rights, &piece->start);
	}
	uint64_t low = l->stack_low;
	if (err == E_OK)
		err = rt_memory_show(program->vspace, program->memory, l->copied,
		                     l->pages - l->copied, RM_RIGHT_READ | RM_RIGHT_WRITE, &low);
	return err;
}

/* -- the task ---------------------------------------------------------------------------------- */

static err_t give(const struct rt_program *program, cptr_t cap, uint32_t slot)
{
	return rm_task_give(program->task, cap, &(struct rm_task_give_in){ .slot = slot });
}

static err_t make_task(struct loader *l)
{
	struct rt_program *program = l->program;
	const struct rt_spawn *how = l->how;
	struct rm_task_create_in task = { .slot_bits = (uint8_t)l->slot_bits };
	task.name_count = rt_name(task.name, how->name, RM_NAME_MAX);
	const struct rm_thread_create_in thread = { .buffer = program->stack,
		                                    .schedule = schedule_of(how) };
	err_t err = rm_task_create(how->bank, program->vspace, &task, rt_slot(program->task));
	if (err == E_OK)
		err = rm_thread_create(program->task, &thread, rt_slot(program->thread));
	const struct {
		cptr_t cap;
		uint32_t slot;
	} own[] = { { program->task, RT_TASK },
		    { how->bank, RT_BANK },
		    { program->vspace, RT_VSPACE },
		    { program->thread, RT_THREAD } };
	for (unsigned int i = 0; i < sizeof(own) / sizeof(own[0]) && err == E_OK; i++)
		err = give(program, own[i].cap, own[i].slot);
	for (uint32_t i = 0; i < how->gifts && err == E_OK; i++)
		err = give(program, how->gift[i].cap, RT_SLOT_FIRST + i);
	return err;
}

static err_t get_slots(struct rt_program *program)
{
	program->vspace = rt_slot_get();
	program->task = rt_slot_get();
	program->thread = rt_slot_get();
	return program->vspace && program->task && program->thread ? E_OK : E_LIMIT;
}

void rt_program_forget(struct rt_program *program)
{
	rt_slot_put(program->thread);
	rt_slot_put(program->task);
	rt_slot_put(program->vspace);
	rt_slot_put(program->memory);
	*program = (struct rt_program){ 0 };
}

/* Where nothing is, nothing happens: an empty slot's answer is an error. */
err_t rt_program_destroy(struct rt_program *program)
{
	err_t err = E_OK;
	if (program->task)
		(void)rm_task_destroy(program->task);
	if (program->vspace)
		err = rm_vspace_destroy(program->vspace);
	if (program->memory)
		(void)rm_dataspace_destroy(program->memory);
	rt_program_forget(program);
	return err == E_NOMEM ? err : E_OK;
}

err_t rt_program_load(struct rt_program *program, const struct rt_spawn *how)
{
	struct loader l = { .how = how, .program = program };
	*program = (struct rt_program){ 0 };
	err_t err = check_sizes(&l);
	if (err == E_OK)
		err = get_slots(program);
	if (err == E_OK)
		err = open_image(&l);
	if (err == E_OK)
		err = read_image(&l);
	if (err == E_OK)
		err = fill_memory(&l);
	close_image(&l);
	if (err == E_OK)
		err = show_there(&l);
	if (err == E_OK)
		err = make_task(&l);
	program->entry = l.elf.entry;
	if (err != E_OK)
		(void)rt_program_destroy(program);
	return err;
}

err_t rt_program_start(const struct rt_program *program)
{
	const struct rm_thread_start_in in = { .entry = program->entry,
		                               .stack = program->stack,
		                               .argument = program->start };
	return rm_thread_start(program->thread, &in);
}

err_t rt_spawn(struct rt_program *program, const struct rt_spawn *how)
{
	err_t err = rt_program_load(program, how);
	if (err == E_OK) {
		err = rt_program_start(program);
		if (err != E_OK)
			(void)rt_program_destroy(program);
	}
	return err;
}
