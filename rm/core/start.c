/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * init, the one program that rm starts: it is the file `init` of the boot archive, and gets
 * everything: all memory, the machine, the archive. rt/program.h says how it finds that.
 *
 * Its memory: the program's segments as the ELF file says, then a stack, then a page for its IPC
 * buffer and one for its start block. A mistake here is the end of the boot.
 */
#include "internal.h"
#include <lib/cpio.h>
#include <lib/elf.h>
#include <lib/range.h>
#include <rt/program.h>

enum {
	INIT_SLOT_BITS = 10,
	STACK_PAGES = 16,
	INIT_PRIORITY = 200,
	INIT_BUDGET_US = 10000,
};

#define STACK_TOP 0x7f0000000000ul

/* Writes into a dataspace's own pages, which come if need be. */
static err_t write_pages(struct rm *rm, struct dataspace *ds, uint64_t at, const char *from,
                         uint64_t bytes)
{
	while (bytes > 0) {
		bool shared;
		struct page *page = dataspace_page(ds, at / PAGE, &shared);
		err_t err = page ? E_OK : dataspace_fill(rm, ds, at / PAGE, &page);
		if (err != E_OK)
			return err;
		char *to = frame_window(rm, page->frame);
		if (!to)
			return E_NOMEM;
		uint64_t part = PAGE - at % PAGE;
		part = part < bytes ? part : bytes;
		__builtin_memcpy(to + at % PAGE, from, part);
		at += part;
		from += part;
		bytes -= part;
	}
	return E_OK;
}

static err_t show(struct rm *rm, struct vspace *vspace, struct dataspace *ds, uint64_t start,
                  uint64_t pages, uint64_t first, uint8_t rights)
{
	struct region like = { .rights = rights, .rights_max = rights, .inherit = RM_INHERIT_NONE };
	return region_new(rm, vspace, &like, ds, start, pages, first);
}

static err_t load_segments(struct rm *rm, struct vspace *vspace, const struct elf *elf)
{
	uint64_t low, high;
	struct dataspace *ds;
	struct elf_walk walk = { 0 };
	struct elf_segment segment;
	err_t err = elf_span(elf, &low, &high);
	if (err != E_OK)
		return err;
	low = range_align_down(low, PAGE);
	err = dataspace_new(rm, vspace->object.bank, RM_DATASPACE_KIND_ANONYMOUS,
	                    (high - low + PAGE - 1) / PAGE, false, &ds);
	while (err == E_OK && (err = elf_next_load(elf, &walk, &segment)) == E_OK) {
		uint64_t start = range_align_down(segment.vaddr, PAGE);
		uint64_t end = segment.vaddr + segment.mem_bytes;
		uint8_t rights = (segment.flags & ELF_READ ? RM_RIGHT_READ : 0) |
		                 (segment.flags & ELF_WRITE ? RM_RIGHT_WRITE : 0) |
		                 (segment.flags & ELF_EXECUTE ? RM_RIGHT_EXECUTE : 0);
		err = show(rm, vspace, ds, start, (end - start + PAGE - 1) / PAGE,
		           (start - low) / PAGE, rights);
		if (err == E_OK)
			err = write_pages(rm, ds, segment.vaddr - low,
			                  (const char *)elf->bytes + segment.offset,
			                  segment.file_bytes);
	}
	return err == E_NOENT ? E_OK : err;
}

static err_t make_stack(struct rm *rm, struct vspace *vspace, struct rt_start *block)
{
	struct dataspace *ds;
	const uint8_t rw = RM_RIGHT_READ | RM_RIGHT_WRITE;
	err_t err = dataspace_new(rm, vspace->object.bank, RM_DATASPACE_KIND_ANONYMOUS,
	                          STACK_PAGES + 2, false, &ds);
	if (err != E_OK)
		return err;
	block->ipc_buffer = STACK_TOP + PAGE;
	block->stack_low = STACK_TOP - STACK_PAGES * PAGE;
	block->stack_high = STACK_TOP;
	err = show(rm, vspace, ds, block->stack_low, STACK_PAGES, 0, rw);
	if (err == E_OK)
		err = show(rm, vspace, ds, STACK_TOP + PAGE, 2, STACK_PAGES, rw);
	return err == E_OK ? write_pages(rm, ds, (STACK_PAGES + 1) * PAGE, (const char *)block,
	                                 sizeof(*block))
	                   : err;
}

static err_t give_all(struct rm *rm, struct task *task, struct thread *thread,
                      struct dataspace *archive)
{
	const struct {
		uint32_t slot;
		const struct object *object;
		unsigned int facet;
	} gifts[] = {
		{ RT_TASK, &task->object, FACET_PRIVILEGE },
		{ RT_BANK, &task->object.bank->object, FACET_PRIVILEGE },
		{ RT_VSPACE, &task->vspace->object, 0 },
		{ RT_THREAD, &thread->object, FACET_PRIVILEGE },
		{ RT_SYSTEM, rm->system, 0 },
		{ RT_ARCHIVE, &archive->object, FACET_RIGHTS },
	};
	err_t err = E_OK;
	for (unsigned int i = 0; i < sizeof(gifts) / sizeof(gifts[0]) && err == E_OK; i++)
		err = rm_give(rm, task, gifts[i].slot, gifts[i].object, gifts[i].facet);
	return err;
}

err_t rm_start_init(struct rm *rm, const struct rm_init *init)
{
	struct cpio_entry file;
	struct elf elf;
	struct bank *bank;
	struct vspace *vspace;
	struct task *task;
	struct thread *thread;
	struct dataspace *archive;
	err_t err = cpio_find(init->archive, init->archive_bytes, "init", &file);
	if (err == E_OK)
		err = elf_open(&elf, file.data, file.size);
	if (err == E_OK)
		err = rm_init_task(rm, INIT_SLOT_BITS, &bank, &vspace, &task);
	if (err == E_OK)
		err = load_segments(rm, vspace, &elf);
	if (err != E_OK)
		return err;
	struct rt_start block = { .magic = RT_START_MAGIC,
		                  .version = RT_START_VERSION,
		                  .bytes = sizeof(block),
		                  .slot_bits = INIT_SLOT_BITS,
		                  .slot_first_free = RT_SLOT_FIRST,
		                  .budget_us = INIT_BUDGET_US,
		                  .period_us = INIT_BUDGET_US,
		                  .priority = INIT_PRIORITY,
		                  .priority_max = PRIORITY_PROGRAMS,
		                  .tsc_hz = init->tsc_hz };
	__builtin_memcpy(block.random, init->random, sizeof(block.random));
	err = make_stack(rm, vspace, &block);
	const struct rm_thread_create_in in = {
		.buffer = block.ipc_buffer,
		.schedule = { .budget_us = INIT_BUDGET_US,
		              .period_us = INIT_BUDGET_US,
		              .priority = INIT_PRIORITY,
		              .priority_max = PRIORITY_PROGRAMS },
	};
	if (err == E_OK)
		err = thread_new(rm, task, &in, &thread);
	/* The archive cannot be read here any more from then on. */
	if (err == E_OK)
		err = rm_adopt(rm, bank, (uint32_t)(init->archive_bytes / PAGE), &archive);
	if (err == E_OK)
		err = give_all(rm, task, thread, archive);
	return err == E_OK
	               ? thread_begin(rm, thread, elf.entry, STACK_TOP - 8, block.ipc_buffer + PAGE)
	               : err;
}
