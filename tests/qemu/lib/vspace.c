/* SPDX-License-Identifier: BSD-2-Clause */
/* Address spaces: tables are made when a mapping says that they are missing. */
#include <test/env.h>
#include <test/mem.h>
#include <test/print.h>

enum { PAGE_BITS = 12 };

static word_t page_next;

word_t image_frames(void)
{
	return boot_info->user_image_frames.end - boot_info->user_image_frames.start;
}

/* The IPC buffer's page follows the last page of the image. */
word_t image_base(void)
{
	return boot_info->ipc_buffer - (image_frames() << PAGE_BITS);
}

cptr_t image_frame(const void *address)
{
	word_t page = ((word_t)address - image_base()) >> PAGE_BITS;
	if (page >= image_frames())
		panic("image_frame: 0x%lx is not in the program", (word_t)address);
	return boot_info->user_image_frames.start + page;
}

cptr_t vspace_new(void)
{
	cptr_t vspace = object_new(OBJ_X86_PML4, 0);
	enum abi_error err = sel4_x86_asid_pool_assign(INIT_ASID_POOL, vspace);
	if (err)
		panic("vspace_new: error %d", err);
	return vspace;
}

/* Makes the table whose absence left these bits of the address unresolved. */
static enum abi_error add_table(cptr_t vspace, word_t vaddr, word_t bits_left)
{
	if (bits_left == 39)
		return sel4_x86_pdpt_map(object_new(OBJ_X86_PDPT, 0), vspace, vaddr, 0);
	if (bits_left == 30)
		return sel4_x86_page_directory_map(object_new(OBJ_X86_PAGE_DIRECTORY, 0), vspace,
		                                   vaddr, 0);
	return sel4_x86_page_table_map(object_new(OBJ_X86_PAGE_TABLE, 0), vspace, vaddr, 0);
}

void vspace_map(cptr_t vspace, word_t vaddr, cptr_t frame, word_t rights, word_t attr)
{
	enum abi_error err;
	for (int level = 0; level <= 3; level++) {
		err = sel4_x86_page_map(frame, vspace, vaddr, rights, attr);
		if (err != ERR_FAILED_LOOKUP)
			break;
		err = add_table(vspace, vaddr, sel4_get_word(2));
		if (err)
			break;
	}
	if (err)
		panic("vspace_map at 0x%lx: error %d", vaddr, err);
}

void vspace_map_tables(cptr_t vspace, word_t vaddr)
{
	cptr_t frame = frame_new();
	vspace_map(vspace, vaddr & ~(word_t)0xfff, frame, RIGHTS_ALL, 0);
	enum abi_error err = sel4_x86_page_unmap(frame);
	if (err)
		panic("vspace_map_tables: error %d", err);
}

void vspace_map_image(cptr_t vspace)
{
	for (word_t i = 0; i <= image_frames(); i++) {
		/* The page after the last one is main's IPC buffer. */
		cptr_t frame = i == image_frames() ? INIT_IPC_BUFFER_FRAME
		                                   : boot_info->user_image_frames.start + i;
		vspace_map(vspace, image_base() + (i << PAGE_BITS), cap_copy(frame, RIGHTS_ALL),
		           RIGHTS_ALL, 0);
	}
}

void vspace_reset(void)
{
	page_next = 0;
}

/* In the second half of the test area, so that fixed addresses of tests stay free. */
void *page_new(cptr_t *frame)
{
	word_t vaddr = TEST_VADDR + ((word_t)1 << 38) + (page_next++ << PAGE_BITS);
	cptr_t new_frame = frame_new();
	vspace_map(INIT_VSPACE, vaddr, new_frame, RIGHTS_ALL, 0);
	if (frame)
		*frame = new_frame;
	return (void *)vaddr;
}
