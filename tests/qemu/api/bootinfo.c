/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The boot info: what the kernel tells the first thread, and whether it is true. seL4 manual,
 * chapter 9. Nothing here depends on how much memory or which devices a machine has.
 */
#include "api.h"

enum {
	PAGE = 4096,
	IOAPIC = 0xfec00000,
	LOCAL_APIC = 0xfee00000,
	/* The last 8 bytes below 4 GiB are said to be special, too. */
	TOP_HOLE = 0xfffffff0,
};

static bool is_page_aligned(word_t address)
{
	return (address & (PAGE - 1)) == 0;
}

/* The first thread */

TEST(boot_registers)
{
	const struct abi_user_context *c = &root_entry_registers;
	CHECK_EQ(c->rdi, (word_t)boot_info);
	CHECK_EQ(c->rsp, 0);
	CHECK_EQ(c->rflags, 0x202);
	const word_t zero = c->rax | c->rbx | c->rcx | c->rdx | c->rsi | c->rbp | c->r8 | c->r9 |
	                    c->r10 | c->r11 | c->r12 | c->r13 | c->r14 | c->r15;
	CHECK_EQ(zero, 0);
}

TEST(boot_initial_thread_priority)
{
	CHECK_ERR(sel4_tcb_set_priority(tcb_new(), INIT_TCB, 256), ERR_RANGE, 0, 255);
	CHECK_OK(sel4_tcb_set_priority(tcb_new(), INIT_TCB, 255));
}

/* The thread has this context: it may be given it again, and nobody else may have it. */
TEST(boot_initial_sched_context)
{
	CHECK_OK(sel4_tcb_set_sched_params(INIT_TCB, INIT_TCB, 255, 255, INIT_SCHED_CONTEXT,
	                                   thread_fault_ep));
	CHECK_ERR(sel4_tcb_set_sched_params(tcb_new(), INIT_TCB, 1, 1, INIT_SCHED_CONTEXT,
	                                    slot_new()),
	          ERR_ILLEGAL_OPERATION);
	word_t consumed;
	CHECK_OK(sel4_sched_context_consumed(INIT_SCHED_CONTEXT, &consumed));
}

/* It has room for no extra refills. */
TEST(boot_initial_sched_context_size)
{
	CHECK_ERR(sel4_sched_control_configure_flags(env_sched_control, INIT_SCHED_CONTEXT, 5000,
	                                             10000, 1, 0, 0),
	          ERR_RANGE, 0, 0);
}

/* Words */

TEST(boot_info_words)
{
	CHECK_EQ(boot_info->node_id, 0);
	CHECK_EQ(boot_info->num_nodes, 1);
	CHECK_EQ(boot_info->num_iopt_levels, ~0ull);
	CHECK_EQ(boot_info->init_cnode_size_bits, ABI_ROOT_CNODE_RADIX);
	CHECK_EQ(boot_info->init_domain, 0);
}

TEST(boot_info_unused_regions)
{
	CHECK_EQ(boot_info->shared_frames.start, boot_info->shared_frames.end);
	CHECK_EQ(boot_info->io_space_caps.start, boot_info->io_space_caps.end);
}

/* Image, IPC buffer, boot info, extra records follow one another. */
TEST(boot_info_layout)
{
	extern const char __ehdr_start[];
	CHECK_EQ(image_base(), (word_t)__ehdr_start);
	CHECK(is_page_aligned(boot_info->ipc_buffer));
	CHECK_EQ((word_t)boot_info, boot_info->ipc_buffer + PAGE);
	CHECK_LE((boot_info->extra_len + PAGE - 1) / PAGE,
	         boot_info->extra_bi_pages.end - boot_info->extra_bi_pages.start);
}

/* Slots */

TEST(boot_info_slot_regions)
{
	const struct abi_boot_info *b = boot_info;
	CHECK_EQ(b->sched_control.start, INIT_FIRST_FREE);
	CHECK_EQ(b->sched_control.end, INIT_FIRST_FREE + 1);
	CHECK_EQ(b->user_image_paging.start, b->sched_control.end);
	CHECK_EQ(b->extra_bi_pages.start, b->user_image_paging.end);
	CHECK_EQ(b->user_image_frames.start, b->extra_bi_pages.end);
	CHECK_EQ(b->untyped.start, b->user_image_frames.end);
	CHECK_EQ(b->empty.start, b->untyped.end);
	CHECK_EQ(b->empty.end, 1 << ABI_ROOT_CNODE_RADIX);
	CHECK_LE(b->untyped.end - b->untyped.start, ABI_BOOT_UNTYPEDS_MAX);
	CHECK_EQ(b->user_image_paging.end - b->user_image_paging.start, 3);
}

TEST(boot_info_initial_slots)
{
	for (cptr_t c = 0; c < INIT_FIRST_FREE; c++) {
		bool empty = c == INIT_NULL || c == INIT_IO_SPACE || c == INIT_SMMU_SID ||
		             c == INIT_SMMU_CB || c == INIT_SMC;
		if (slot_is_empty(c) != empty)
			FAIL("slot %lu is %s", c, empty ? "occupied" : "empty");
	}
}

TEST(boot_info_regions_are_occupied)
{
	for (cptr_t c = INIT_FIRST_FREE; c < boot_info->empty.start; c++)
		if (slot_is_empty(c))
			FAIL("slot %lu is empty", c);
}

TEST(boot_info_empty_slots_are_empty)
{
	for (cptr_t c = slot_new(); c < boot_info->empty.end; c++)
		if (!slot_is_empty(c))
			FAIL("slot %lu is occupied", c);
}

/* Types, by a question that only this type answers so. */
TEST(boot_info_capabilities)
{
	word_t word;
	CHECK_OK(sel4_tcb_set_flags(INIT_TCB, 0, 0, &word));
	CHECK_ERR(invoke(INIT_CNODE, INV_CNODE_DELETE, 0, 0, 0, 0, 0, 0), ERR_TRUNCATED_MESSAGE);
	CHECK_ERR(sel4_x86_asid_pool_assign(INIT_ASID_POOL, INIT_VSPACE), ERR_INVALID_CAPABILITY,
	          1);
	CHECK_ERR(invoke(INIT_IRQ_CONTROL, INV_X86_IRQ_GET_MSI, 0, 0, 0, 0, 0, 0),
	          ERR_TRUNCATED_MESSAGE);
	CHECK_ERR(invoke(INIT_ASID_CONTROL, INV_X86_ASID_CONTROL_MAKE_POOL, 0, 0, 0, 0, 0, 0),
	          ERR_TRUNCATED_MESSAGE);
	CHECK_ERR(invoke(INIT_ASID_POOL, INV_X86_ASID_POOL_ASSIGN, 0, 0, 0, 0, 0, 0),
	          ERR_TRUNCATED_MESSAGE);
	CHECK_ERR(invoke(INIT_IO_PORT_CONTROL, INV_X86_IO_PORT_CONTROL_ISSUE, 0, 0, 0, 0, 0, 0),
	          ERR_TRUNCATED_MESSAGE);
	CHECK_OK(sel4_x86_page_get_address(INIT_BOOT_INFO_FRAME, &word));
	CHECK_OK(sel4_x86_page_get_address(INIT_IPC_BUFFER_FRAME, &word));
	CHECK_ERR(invoke(INIT_DOMAIN, INV_DOMAIN_SET_SET, 0, 0, 0, 0, 0, 0), ERR_TRUNCATED_MESSAGE);
	CHECK_OK(sel4_sched_context_consumed(INIT_SCHED_CONTEXT, &word));
	CHECK_ERR(invoke(boot_info->sched_control.start, INV_SCHED_CONTROL_CONFIGURE_FLAGS, 0, 0, 0,
	                 0, 0, 0),
	          ERR_TRUNCATED_MESSAGE);
}

/* Frames: each is the page that it is said to be. */

static void check_same_page(cptr_t frame, word_t vaddr)
{
	cptr_t copy = cap_copy(frame, RIGHTS_ALL);
	vspace_map(INIT_VSPACE, TEST_VADDR, copy, RIGHT_READ, 0);
	int difference = memcmp((const void *)TEST_VADDR, (const void *)vaddr, PAGE);
	CHECK_OK(sel4_x86_page_unmap(copy));
	if (difference)
		FAIL("frame 0x%lx is not the page at 0x%lx", frame, vaddr);
}

TEST(boot_info_image_frames)
{
	for (word_t i = 0; i < image_frames(); i++) {
		/* The stack changes meanwhile. */
		word_t vaddr = image_base() + i * PAGE;
		word_t sp = (word_t)__builtin_frame_address(0);
		if (sp - vaddr < PAGE || vaddr - sp < PAGE)
			continue;
		check_same_page(boot_info->user_image_frames.start + i, vaddr);
	}
}

TEST(boot_info_frame)
{
	check_same_page(INIT_BOOT_INFO_FRAME, (word_t)boot_info);
}

TEST(boot_info_ipc_buffer_frame)
{
	cptr_t copy = cap_copy(INIT_IPC_BUFFER_FRAME, RIGHTS_ALL);
	vspace_map(INIT_VSPACE, TEST_VADDR, copy, RIGHTS_ALL, 0);
	((volatile struct abi_ipc_buffer *)TEST_VADDR)->user_data = 0x1bcb;
	CHECK_EQ(((volatile struct abi_ipc_buffer *)boot_info->ipc_buffer)->user_data, 0x1bcb);
}

TEST(boot_info_extra_pages)
{
	word_t vaddr = (word_t)boot_info + PAGE;
	for (cptr_t c = boot_info->extra_bi_pages.start; c < boot_info->extra_bi_pages.end; c++)
		check_same_page(c, vaddr + (c - boot_info->extra_bi_pages.start) * PAGE);
}

/* The image is writable and executable everywhere, whatever its ELF file says. */
TEST(boot_info_image_is_writable)
{
	volatile unsigned char *text = (volatile unsigned char *)image_base();
	unsigned char byte = *text;
	*text = (unsigned char)~byte;
	CHECK_EQ(*text, (unsigned char)~byte);
	*text = byte;
}

/* What lies beyond the file's contents is zero. */
static unsigned char bss[3 * PAGE];

TEST(boot_info_bss_is_zero)
{
	for (size_t i = 0; i < sizeof bss; i++)
		CHECK_EQ(((volatile unsigned char *)bss)[i], 0);
}

/* Extra records */

struct record {
	word_t id, len;
	const unsigned char *content;
};

/* The record at the offset; false at the end. */
static bool record_at(word_t offset, struct record *record)
{
	const unsigned char *base = (const unsigned char *)boot_info + PAGE;
	struct abi_boot_record header;
	if (offset == boot_info->extra_len)
		return false;
	CHECK_LE(offset + sizeof header, boot_info->extra_len);
	memcpy(&header, base + offset, sizeof header);
	CHECK_LE(sizeof header, header.len);
	CHECK_LE(header.len, boot_info->extra_len - offset);
	*record = (struct record){ header.id, header.len, base + offset + sizeof header };
	return true;
}

static bool record_find(word_t id, struct record *record)
{
	for (word_t offset = 0; record_at(offset, record); offset += record->len)
		if (record->id == id)
			return true;
	return false;
}

TEST(boot_info_extra_records)
{
	struct record r;
	word_t seen = 0;
	for (word_t offset = 0; record_at(offset, &r); offset += r.len) {
		CHECK_LE(r.id, BOOT_RECORD_X86_TSC_FREQ);
		if (r.id != BOOT_RECORD_PADDING)
			CHECK_EQ(seen & 1ull << r.id, 0);
		seen |= 1ull << r.id;
	}
	CHECK(seen & 1 << BOOT_RECORD_X86_MBMMAP);
	CHECK(seen & 1 << BOOT_RECORD_X86_ACPI_RSDP);
	CHECK(seen & 1 << BOOT_RECORD_X86_TSC_FREQ);
}

TEST(boot_info_tsc_record)
{
	struct record r;
	uint32_t mhz;
	CHECK(record_find(BOOT_RECORD_X86_TSC_FREQ, &r));
	CHECK_EQ(r.len, 20);
	memcpy(&mhz, r.content, sizeof mhz);
	CHECK_LE(100, mhz); /* no upper limit: a kernel may measure it while QEMU is stopped */
}

TEST(boot_info_rsdp_record)
{
	struct record r;
	CHECK(record_find(BOOT_RECORD_X86_ACPI_RSDP, &r));
	CHECK_EQ(r.len, 52);
	CHECK_EQ(memcmp(r.content, "RSD PTR ", 8), 0);
	unsigned int sum = 0;
	for (int i = 0; i < 20; i++)
		sum += r.content[i];
	CHECK_EQ(sum & 0xff, 0);
}

/* The memory map: a length and 50 entries, packed. */
struct memory_region {
	uint32_t size;
	uint64_t base, length;
	uint32_t type;
} __attribute__((packed));

static word_t memory_map(struct memory_region *regions)
{
	struct record r;
	uint32_t bytes;
	CHECK(record_find(BOOT_RECORD_X86_MBMMAP, &r));
	CHECK_EQ(r.len, 1220);
	memcpy(&bytes, r.content, sizeof bytes);
	CHECK_LE(bytes, 50 * sizeof *regions);
	CHECK_EQ(bytes % sizeof *regions, 0);
	memcpy(regions, r.content + sizeof bytes, bytes);
	return bytes / sizeof *regions;
}

static struct memory_region regions[50];

/* True if all of it is RAM according to the memory map. */
static bool is_ram(word_t base, word_t bytes)
{
	word_t count = memory_map(regions);
	for (word_t i = 0; i < count; i++)
		if (regions[i].type == 1 && base >= regions[i].base && bytes <= regions[i].length &&
		    base - regions[i].base <= regions[i].length - bytes)
			return true;
	return false;
}

TEST(boot_info_memory_map_record)
{
	word_t count = memory_map(regions), ram = 0;
	CHECK_LE(1, count);
	for (word_t i = 0; i < count; i++) {
		CHECK_EQ(regions[i].size, 20);
		if (regions[i].type == 1)
			ram += regions[i].length;
	}
	CHECK_LE(32ull << 20, ram);
	CHECK(is_ram(1 << 20, 1 << 20));
}

/* Untypeds */

/* seL4 aligns by the address in its window, which begins 2^39 bytes below the top of all. */
static bool is_untyped_aligned(const struct abi_untyped_desc *d)
{
	word_t mask = (1ull << d->size_bits) - 1, window = 1ull << 39;
	return (d->paddr & mask) == 0 || ((d->paddr - window) & mask) == 0;
}

TEST(boot_untypeds_are_aligned)
{
	for (cptr_t c = boot_info->untyped.start; c < boot_info->untyped.end; c++) {
		const struct abi_untyped_desc *d = boot_untyped_desc(c);
		CHECK_LE(ABI_UNTYPED_BITS_MIN, d->size_bits);
		CHECK_LE(d->size_bits, ABI_UNTYPED_BITS_MAX);
		CHECK(is_untyped_aligned(d));
		CHECK_LE(d->is_device, 1);
	}
}

TEST(boot_untypeds_come_devices_first)
{
	bool ram = false;
	for (cptr_t c = boot_info->untyped.start; c < boot_info->untyped.end; c++) {
		if (!boot_untyped_desc(c)->is_device)
			ram = true;
		else
			CHECK(!ram);
	}
	CHECK(ram);
}

TEST(boot_untyped_devices_ascend)
{
	word_t end = 0;
	for (cptr_t c = boot_info->untyped.start; c < boot_info->untyped.end; c++) {
		const struct abi_untyped_desc *d = boot_untyped_desc(c);
		if (!d->is_device)
			break;
		CHECK_LE(end, d->paddr);
		end = d->paddr + (1ull << d->size_bits);
	}
	CHECK_EQ(end, 1ull << 47);
}

static bool overlaps(const struct abi_untyped_desc *a, const struct abi_untyped_desc *b)
{
	return a->paddr < b->paddr + (1ull << b->size_bits) &&
	       b->paddr < a->paddr + (1ull << a->size_bits);
}

TEST(boot_untypeds_do_not_overlap)
{
	for (cptr_t c = boot_info->untyped.start; c < boot_info->untyped.end; c++)
		for (cptr_t e = c + 1; e < boot_info->untyped.end; e++)
			if (overlaps(boot_untyped_desc(c), boot_untyped_desc(e)))
				FAIL("untypeds %lu and %lu overlap", c, e);
}

TEST(boot_untyped_ram_is_ram)
{
	for (cptr_t c = boot_info->untyped.start; c < boot_info->untyped.end; c++) {
		const struct abi_untyped_desc *d = boot_untyped_desc(c);
		if (!d->is_device && !is_ram(d->paddr, 1ull << d->size_bits))
			FAIL("untyped at 0x%lx, 2^%u bytes, is no RAM", d->paddr,
			     (unsigned int)d->size_bits);
	}
}

/* Nothing above 1 MiB that is RAM may be had as device memory. */
TEST(boot_untyped_devices_are_no_ram)
{
	word_t count = memory_map(regions);
	for (cptr_t c = boot_info->untyped.start; c < boot_info->untyped.end; c++) {
		const struct abi_untyped_desc *d = boot_untyped_desc(c);
		if (!d->is_device || d->paddr < 1 << 20)
			continue;
		for (word_t i = 0; i < count; i++) {
			word_t end = regions[i].base + regions[i].length;
			if (regions[i].type == 1 && d->paddr < (end & ~0xfffull) &&
			    regions[i].base < d->paddr + (1ull << d->size_bits))
				FAIL("device untyped at 0x%lx overlaps RAM", d->paddr);
		}
	}
}

static bool covers(const struct abi_untyped_desc *d, word_t paddr)
{
	return paddr - d->paddr < 1ull << d->size_bits;
}

static cptr_t untyped_at(word_t paddr)
{
	for (cptr_t c = boot_info->untyped.start; c < boot_info->untyped.end; c++)
		if (covers(boot_untyped_desc(c), paddr))
			return c;
	return 0;
}

/* The first megabyte is device memory as a whole, RAM or not. */
TEST(boot_untyped_low_memory)
{
	cptr_t c = untyped_at(0);
	CHECK_EQ(c, boot_info->untyped.start);
	CHECK_EQ(boot_untyped_desc(c)->paddr, 0);
	CHECK_EQ(boot_untyped_desc(c)->size_bits, 20);
	CHECK_EQ(boot_untyped_desc(c)->is_device, 1);
}

/* The kernel keeps its interrupt controllers for itself, and no more than their pages. */
TEST(boot_untyped_interrupt_controllers_are_withheld)
{
	CHECK_EQ(untyped_at(IOAPIC), 0);
	CHECK_EQ(untyped_at(LOCAL_APIC), 0);
	CHECK_NE(untyped_at(IOAPIC - 1), 0);
	CHECK_NE(untyped_at(IOAPIC + PAGE), 0);
	CHECK_NE(untyped_at(LOCAL_APIC - 1), 0);
	CHECK_NE(untyped_at(LOCAL_APIC + PAGE), 0);
}

/* Every other hole in physical memory is RAM: the kernel and what it made of this program. */
TEST(boot_untyped_holes_are_ram)
{
	for (word_t paddr = 0; paddr < 1ull << 47;) {
		cptr_t c = untyped_at(paddr);
		if (c) {
			paddr += 1ull << boot_untyped_desc(c)->size_bits;
		} else if (paddr == IOAPIC || paddr == LOCAL_APIC) {
			paddr += PAGE;
		} else if (paddr == TOP_HOLE) {
			paddr += 16;
		} else {
			if (!is_ram(paddr, 16))
				FAIL("0x%lx is neither RAM nor in an untyped", paddr);
			paddr += 16;
		}
	}
}

/* The image is RAM that no untyped has. */
TEST(boot_untypeds_leave_out_the_image)
{
	word_t paddr;
	for (cptr_t c = boot_info->user_image_frames.start; c < boot_info->user_image_frames.end;
	     c++) {
		CHECK_OK(sel4_x86_page_get_address(c, &paddr));
		CHECK(is_ram(paddr, PAGE));
		CHECK_EQ(untyped_at(paddr), 0);
	}
	CHECK_OK(sel4_x86_page_get_address(INIT_BOOT_INFO_FRAME, &paddr));
	CHECK_EQ(untyped_at(paddr), 0);
	CHECK_OK(sel4_x86_page_get_address(INIT_IPC_BUFFER_FRAME, &paddr));
	CHECK_EQ(untyped_at(paddr), 0);
}

/* Each is where its description says: its first page, where it has one. */
TEST(boot_untypeds_are_where_they_are_said_to_be)
{
	for (cptr_t c = boot_info->untyped.start; c < boot_info->untyped.end; c++) {
		const struct abi_untyped_desc *d = boot_untyped_desc(c);
		cptr_t frame = slot_new();
		word_t paddr;
		/* Big ones of RAM take long to clear. */
		if (d->size_bits < 12 || (!d->is_device && d->size_bits > 22))
			continue;
		enum abi_error err =
		        sel4_untyped_retype(c, OBJ_X86_4K_PAGE, 0, root_node(), frame, 1);
		if (err == ERR_NOT_ENOUGH_MEMORY) /* the library uses it */
			continue;
		CHECK_OK(err);
		CHECK_OK(sel4_x86_page_get_address(frame, &paddr));
		if (paddr != d->paddr && boot_untyped_find(d->size_bits, d->is_device))
			CHECK_LE(paddr - d->paddr, (1ull << d->size_bits) - 1);
	}
}

/* Each has the size it is said to have. */
TEST(boot_untypeds_have_their_sizes)
{
	for (cptr_t c = boot_info->untyped.start; c < boot_info->untyped.end; c++) {
		const struct abi_untyped_desc *d = boot_untyped_desc(c);
		if (d->size_bits == ABI_UNTYPED_BITS_MAX)
			continue;
		CHECK_EQ(sel4_untyped_retype(c, OBJ_UNTYPED, d->size_bits + 1, root_node(),
		                             slot_new(), 1),
		         ERR_NOT_ENOUGH_MEMORY);
		CHECK_LE(sel4_get_word(0), 1ull << d->size_bits);
	}
}
