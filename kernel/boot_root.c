/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The root task (seL4 manual, chapter 9): its image, its objects, its capabilities and the boot
 * info that says where everything is. All memory for it comes out of `free`; what is left then
 * becomes its untypeds. Slots and their order are those of seL4: docs/design/sel4-abi.md, section
 * 11.
 *
 * The address space: the image's pages, then the IPC buffer, the boot info and the page of its
 * extra records; every page read, write, execute.
 */
#include "arch.h"
#include "boot.h"

enum {
	PAGE_BITS = 12,
	PAGE_SIZE = 1 << PAGE_BITS,
	CNODE_BITS = ABI_ROOT_CNODE_RADIX + ABI_SLOT_BITS,
	SLOTS = 1 << ABI_ROOT_CNODE_RADIX,
	ROOT_ASID = 1,
	ROOT_REFILLS = 2,
	ROOT_SLICE_US = 5000,
	MEMORY_MAP_MAX = 50,
	LEVELS = 3, /* PDPT, directory, table */
};

enum { PAGE_OF_TABLE = PTE_PRESENT | PTE_WRITE | PTE_USER };

/* What the initial system consists of. */
static struct {
	struct image image;
	paddr_t image_paddr;
	struct slot *slots;
	paddr_t cnode, vspace, asid_pool, boot_info, extra, buffer, tcb, sched_context;
	vaddr_t buffer_vaddr, boot_info_vaddr, extra_vaddr, end;
	word_t next_slot;
	struct abi_boot_info *info;
} root;

static struct untyped_list untypeds;

/* ---- Memory ---- */

static paddr_t take(struct regions *free, uint64_t size, unsigned align_bits, bool clear)
{
	paddr_t paddr;
	if (!regions_take(free, size, align_bits, 0, KERNEL_PADDR_TOP, &paddr))
		panic("not enough memory: no %lu bytes for the root task", size);
	if (clear)
		memset(ptr_of(paddr), 0, size);
	return paddr;
}

static paddr_t take_object(struct regions *free, unsigned size_bits)
{
	return take(free, BIT(size_bits), size_bits, true);
}

/* ---- Capabilities ---- */

static word_t provide(struct cap cap)
{
	if (root.next_slot == SLOTS)
		panic("the root task's capabilities do not fit into its CNode of %u slots", SLOTS);
	cdt_append_boot(&root.slots[root.next_slot], cap);
	return root.next_slot++;
}

static void provide_at(enum abi_init_slot slot, struct cap cap)
{
	cdt_append_boot(&root.slots[slot], cap);
}

/* ---- The address space ---- */

static unsigned level_bits(unsigned level)
{
	return PAGE_BITS + 9 * level;
}

/* The table of `level` (3: PDPT, 1: page table) that covers vaddr goes into the one above it. */
static void table_map(unsigned level, vaddr_t vaddr, paddr_t table)
{
	uint64_t *entries = ptr_of(root.vspace);
	for (unsigned above = LEVELS + 1; above > level + 1; above--)
		entries = ptr_of(entries[vaddr >> level_bits(above - 1) & MASK(9)] & PTE_ADDR);
	entries[vaddr >> level_bits(level) & MASK(9)] = table | PAGE_OF_TABLE;
}

static void tables_make(struct regions *free)
{
	static const enum cap_type types[LEVELS] = { CAP_PDPT, CAP_PAGE_DIRECTORY, CAP_PAGE_TABLE };
	root.info->user_image_paging.start = root.next_slot;
	for (unsigned level = LEVELS; level > 0; level--) {
		unsigned bits = level_bits(level);
		for (vaddr_t at = ALIGN_DOWN(root.image.start, bits); at < root.end;
		     at += BIT(bits)) {
			paddr_t table = take_object(free, PAGE_BITS);
			table_map(level, at, table);
			provide(cap_make(types[LEVELS - level], 0, table,
			                 cap_mapping(ROOT_ASID, at)));
		}
	}
	root.info->user_image_paging.end = root.next_slot;
}

/* Maps a page and gives the capability of its frame. */
static struct cap page_map(vaddr_t vaddr, paddr_t paddr)
{
	table_map(0, vaddr, paddr);
	struct cap cap = cap_frame(paddr, 0, false);
	cap.w1 = cap_mapping(ROOT_ASID, vaddr);
	return cap;
}

static void pages_map(void)
{
	provide_at(INIT_BOOT_INFO_FRAME, page_map(root.boot_info_vaddr, root.boot_info));
	provide_at(INIT_IPC_BUFFER_FRAME, page_map(root.buffer_vaddr, root.buffer));
	root.info->extra_bi_pages.start = provide(page_map(root.extra_vaddr, root.extra));
	root.info->extra_bi_pages.end = root.next_slot;
	root.info->user_image_frames.start = root.next_slot;
	for (vaddr_t at = root.image.start; at < root.image.end; at += PAGE_SIZE)
		provide(page_map(at, root.image_paddr + (at - root.image.start)));
	root.info->user_image_frames.end = root.next_slot;
}

/* ---- The image ---- */

static void image_take(struct regions *free)
{
	const char *error;
	uint64_t value;
	uint64_t size = loader.module.end - loader.module.start;
	error = image_parse(&root.image, ptr_of(loader.module.start), size, &value);
	if (error)
		panic("root task: %s (0x%lx)", error, value);
	size = root.image.end - root.image.start;
	if (size >> PAGE_BITS > SLOTS)
		panic("root task: its image has 0x%lx bytes; there are capabilities for 0x%lx",
		      size, (uint64_t)SLOTS << PAGE_BITS);
	/* Behind the file if that goes: what the file leaves is one piece with other memory. */
	if (!regions_take(free, size, PAGE_BITS, loader.module.end, KERNEL_PADDR_TOP,
	                  &root.image_paddr))
		root.image_paddr = take(free, size, PAGE_BITS, false);
	image_load(&root.image, ptr_of(root.image_paddr));
	root.buffer_vaddr = root.image.end;
	root.boot_info_vaddr = root.buffer_vaddr + PAGE_SIZE;
	root.extra_vaddr = root.boot_info_vaddr + PAGE_SIZE;
	root.end = root.extra_vaddr + PAGE_SIZE;
}

/* The file's memory is free again, as far as it is memory. */
static void module_give(const struct regions *ram, struct regions *free)
{
	struct regions file = *ram;
	struct region kernel = window_image();
	regions_remove(&file, 0, ALIGN_DOWN(loader.module.start, PAGE_BITS));
	regions_remove(&file, ALIGN_UP(loader.module.end, PAGE_BITS), ~0ull);
	regions_remove(&file, kernel.start, kernel.end);
	for (unsigned i = 0; i < file.count; i++)
		regions_add(free, file.list[i].start, file.list[i].end);
}

/* ---- Boot info ---- */

static uint8_t *record_add(word_t id, word_t length)
{
	struct abi_boot_record record = { id, sizeof(record) + length };
	uint8_t *at = (uint8_t *)ptr_of(root.extra) + root.info->extra_len;
	if (record.len > PAGE_SIZE - root.info->extra_len)
		panic("the boot info's records do not fit into their page");
	memcpy(at, &record, sizeof(record));
	root.info->extra_len += record.len;
	return at + sizeof(record);
}

static void record_add_memory_map(void)
{
	struct {
		uint32_t size;
		uint64_t base, length;
		uint32_t type;
	} __attribute__((packed)) entry = { .size = sizeof(entry) - sizeof(entry.size) };
	uint32_t count =
	        loader.memory_count < MEMORY_MAP_MAX ? loader.memory_count : MEMORY_MAP_MAX;
	uint32_t bytes = count * (uint32_t)sizeof(entry);
	uint8_t *at =
	        record_add(BOOT_RECORD_X86_MBMMAP, sizeof(bytes) + MEMORY_MAP_MAX * sizeof(entry));
	memcpy(at, &bytes, sizeof(bytes));
	at += sizeof(bytes);
	for (uint32_t i = 0; i < count; i++) {
		entry.base = loader.memory[i].base;
		entry.length = loader.memory[i].length;
		entry.type = loader.memory[i].type;
		memcpy(at + i * sizeof(entry), &entry, sizeof(entry));
	}
}

static void records_add(void)
{
	uint32_t mhz = (uint32_t)ticks_per_us;
	if (loader.has_vbe)
		memcpy(record_add(BOOT_RECORD_X86_VBE, sizeof(loader.vbe)), &loader.vbe,
		       sizeof(loader.vbe));
	memcpy(record_add(BOOT_RECORD_X86_ACPI_RSDP, RSDP_SIZE), loader.rsdp, RSDP_SIZE);
	if (loader.has_framebuffer)
		memcpy(record_add(BOOT_RECORD_X86_FRAMEBUFFER, sizeof(loader.framebuffer)),
		       &loader.framebuffer, sizeof(loader.framebuffer));
	record_add_memory_map();
	memcpy(record_add(BOOT_RECORD_X86_TSC_FREQ, sizeof(mhz)), &mhz, sizeof(mhz));
}

static void info_init(void)
{
	root.info = ptr_of(root.boot_info);
	root.info->num_nodes = 1;
	root.info->num_iopt_levels = (word_t)-1;
	root.info->ipc_buffer = root.buffer_vaddr;
	root.info->init_cnode_size_bits = ABI_ROOT_CNODE_RADIX;
	records_add();
}

/* ---- Untypeds ---- */

/* A region of `taken` that is lost below would be given away as a device's. */
_Static_assert(REGIONS_MAX >= LOADER_MEMORY_MAX + ACPI_IOAPICS_MAX + 3, "room in `taken`");

/* All that is neither memory nor the kernel's own devices, up to 2^47. */
static void device_untypeds_add(const struct regions *ram)
{
	struct regions taken = *ram;
	struct region image = window_image();
	paddr_t at = 0;
	regions_add(&taken, image.start, image.end);
	regions_add(&taken, apic_paddr(), apic_paddr() + PAGE_SIZE);
	for (unsigned i = 0; i < acpi_ioapic_count; i++) {
		paddr_t page = ALIGN_DOWN(acpi_ioapics[i], PAGE_BITS);
		regions_add(&taken, page, page + PAGE_SIZE);
	}
	/* Writes there may be taken for message-signalled interrupts; seL4 withholds it too. */
	regions_add(&taken, 0xfffffff8, 0x100000000);
	for (unsigned i = 0; i < taken.count; i++) {
		untyped_list_add(&untypeds, at, taken.list[i].start, true);
		at = taken.list[i].end;
	}
	untyped_list_add(&untypeds, at, BIT(ABI_UNTYPED_BITS_MAX), true);
}

static void untypeds_make(const struct regions *ram, const struct regions *free)
{
	device_untypeds_add(ram);
	struct region boot = window_boot_part();
	untyped_list_add(&untypeds, boot.start, boot.end, false);
	for (unsigned i = 0; i < free->count; i++)
		untyped_list_add(&untypeds, free->list[i].start, free->list[i].end, false);
	if (untypeds.dropped > 0)
		kprintf("boot info has no room for %u small untypeds\n", untypeds.dropped);
	root.info->untyped.start = root.next_slot;
	for (unsigned i = 0; i < untypeds.count; i++) {
		const struct abi_untyped_desc *u = &untypeds.list[i];
		provide(cap_untyped(u->paddr, u->size_bits, u->is_device));
		root.info->untyped_list[i] = *u;
	}
	root.info->untyped.end = root.next_slot;
}

/* ---- The thread ---- */

static void thread_set_slot(enum tcb_slot slot, enum abi_init_slot source, struct cap cap)
{
	struct tcb *thread = ptr_of(root.tcb);
	cdt_insert(&thread->slots[slot], cap, &root.slots[source]);
}

static void thread_make(void)
{
	struct tcb *thread = ptr_of(root.tcb);
	struct sched_context *sc = ptr_of(root.sched_context);
	struct cap buffer = root.slots[INIT_IPC_BUFFER_FRAME].cap;
	tcb_init(thread);
	buffer.w1 = 0; /* copies of frames are not mapped */
	buffer.w0 |= (uint64_t)FRAME_IPC_BUFFER << CAP_AUX_SHIFT;
	thread_set_slot(TCB_CSPACE, INIT_CNODE, root.slots[INIT_CNODE].cap);
	thread_set_slot(TCB_VSPACE, INIT_VSPACE, root.slots[INIT_VSPACE].cap);
	thread_set_slot(TCB_BUFFER, INIT_IPC_BUFFER_FRAME, buffer);
	thread->buffer_vaddr = root.buffer_vaddr;
	tcb_update_buffer(thread);
	thread->ctx.rip = root.image.entry;
	thread->ctx.rdi = root.boot_info_vaddr;
	thread->priority = ABI_PRIORITY_MAX;
	thread->mcp = ABI_PRIORITY_MAX;
	memcpy(thread->name, "rootserver", sizeof("rootserver"));
	refill_new(sc, ROOT_REFILLS, ROOT_SLICE_US * ticks_per_us, 0);
	thread->sc = sc;
	sc->tcb = thread;
	thread->state = THREAD_RUNNING;
}

static void objects_take(struct regions *free)
{
	root.cnode = take_object(free, CNODE_BITS);
	root.slots = ptr_of(root.cnode);
	root.vspace = take_object(free, OBJ_BITS_X86_PML4);
	root.asid_pool = take_object(free, ABI_ASID_POOL_BITS);
	root.boot_info = take_object(free, PAGE_BITS);
	root.extra = take_object(free, PAGE_BITS);
	root.buffer = take_object(free, PAGE_BITS);
	root.tcb = take_object(free, OBJ_BITS_TCB);
	root.sched_context = take_object(free, ABI_SCHED_CONTEXT_BITS_MIN);
	root.next_slot = INIT_FIRST_FREE;
}

/* The capabilities at fixed slots, but for those of the two pages. */
static void capabilities_make(void)
{
	const unsigned guard_bits = ABI_WORD_BITS - ABI_ROOT_CNODE_RADIX;
	provide_at(INIT_CNODE, cap_cnode(root.cnode, ABI_ROOT_CNODE_RADIX, 0, guard_bits));
	provide_at(INIT_VSPACE, cap_make(CAP_PML4, 0, root.vspace, cap_mapping(ROOT_ASID, 0)));
	provide_at(INIT_TCB, cap_make(CAP_TCB, 0, root.tcb, 0));
	provide_at(INIT_SCHED_CONTEXT,
	           cap_make(CAP_SCHED_CONTEXT, ABI_SCHED_CONTEXT_BITS_MIN, root.sched_context, 0));
	provide_at(INIT_ASID_POOL, cap_make(CAP_ASID_POOL, 0, root.asid_pool, 0));
	provide_at(INIT_ASID_CONTROL, cap_make(CAP_ASID_CONTROL, 0, 0, 0));
	provide_at(INIT_IRQ_CONTROL, cap_make(CAP_IRQ_CONTROL, 0, 0, 0));
	provide_at(INIT_IO_PORT_CONTROL, cap_make(CAP_IO_PORT_CONTROL, 0, 0, 0));
	provide_at(INIT_DOMAIN, cap_make(CAP_DOMAIN, 0, 0, 0));
	root.info->sched_control.start = provide(cap_make(CAP_SCHED_CONTROL, 0, 0, 0));
	root.info->sched_control.end = root.next_slot;
}

void root_task_make(struct regions *ram, struct regions *free)
{
	image_take(free);
	objects_take(free);
	info_init();
	cdt_init();
	capabilities_make();
	vspace_init(root.vspace);
	asid_table[0] = ptr_of(root.asid_pool);
	asid_table[0][ROOT_ASID] = root.vspace;
	*vspace_asid_mark(root.vspace) =
	        vspace_mark(cap_make(CAP_PML4, 0, root.vspace, cap_mapping(ROOT_ASID, 0)));
	tables_make(free);
	pages_map();
	module_give(ram, free);
	untypeds_make(ram, free);
	root.info->empty = (struct abi_slot_region){ root.next_slot, SLOTS };
	sched_init();
	thread_make();
	sched_consider(ptr_of(root.tcb));
	sched_exit();
}
