/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * See setup.h. Everything that is made here comes out of one untyped, the smallest that is large
 * enough, into slots of the root CNode, and is never given back: the tables of the core, the upper
 * page tables of the window, the pages that the core begins with, the clock and the worker.
 */
#include "setup.h"
#include "boot.h"
#include "console.h"
#include <lib/range.h>

enum {
	BITS_4K = 12,
	BITS_512G = 39,
	BITS_1G = 30,
	SMALLEST_BULK_BITS = 16, /* smaller ones cost more than they have */
	CLOCK_PRIORITY = 254,
	CLOCK_BUDGET_US = 200,
	WORKER_PERIOD_US = 2000,
};

/* The linker's: where the image begins, whose first page is the first of its frames. */
extern const char archive_start[], archive_end[], __executable_start[];

static struct {
	struct kernel *kernel;
	cptr_t untyped;
	word_t next; /* slot of the root CNode */
} maker;

_Noreturn void setup_fail(const char *what, word_t value)
{
	console_print("rm: %s: 0x%lx\n", what, value);
	if (maker.kernel)
		kernel_ops.off(maker.kernel, false);
	for (;;)
		sel4_yield();
}

static void check(enum abi_error err, const char *what)
{
	if (err != ERR_NONE)
		setup_fail(what, err);
}

static cptr_t root_cptr(word_t index)
{
	return index << ROOT_SHIFT;
}

/* The slot of the root CNode with a new object. */
static word_t make_in(struct sel4_slot node, cptr_t untyped, enum abi_object type, word_t bits)
{
	check(sel4_untyped_retype(untyped, type, bits, node, maker.next, 1), "boot object");
	return maker.next++;
}

static cptr_t make(enum abi_object type, word_t bits)
{
	struct sel4_slot node = { maker.kernel->root, 0, 0 };
	return root_cptr(make_in(node, maker.untyped, type, bits));
}

/*
 * Shortens the guard of rm's CSpace, so that there is room for two levels below the root. The
 * root itself, to be named in CNode operations, must stand at the lowest level: a look-up goes on
 * through every CNode. So two CNodes are made for it.
 */
static void deepen_cspace(struct kernel *k, const struct abi_boot_info *info, word_t untyped)
{
	const struct sel4_slot node = { INIT_CNODE, 0, 0 };
	const struct sel4_slot own = { INIT_CNODE, INIT_CNODE, ABI_WORD_BITS };
	maker.next = info->empty.start;
	word_t upper = make_in(node, untyped, OBJ_CNODE, SLOT_PAGE_BITS);
	word_t lower = make_in(node, untyped, OBJ_CNODE, SLOT_PAGE_BITS);
	word_t root = maker.next++;
	word_t guard = abi_cnode_guard(0, ABI_WORD_BITS - info->init_cnode_size_bits - ROOT_SHIFT);
	const struct sel4_slot lowest = { lower, 0, SLOT_PAGE_BITS };
	check(sel4_cnode_mint((struct sel4_slot){ INIT_CNODE, root, ABI_WORD_BITS }, own,
	                      RIGHTS_ALL, guard),
	      "CSpace");
	check(sel4_cnode_mint(lowest, own, RIGHTS_ALL, guard), "CSpace");
	check(sel4_cnode_move((struct sel4_slot){ upper, 0, SLOT_PAGE_BITS },
	                      (struct sel4_slot){ INIT_CNODE, lower, ABI_WORD_BITS }),
	      "CSpace");
	check(sel4_tcb_set_space(INIT_TCB, 0, root, 0, INIT_VSPACE, 0), "CSpace");
	*k = (struct kernel){
		.root = root_cptr(upper),
		.tcb = root_cptr(INIT_TCB),
		.vspace = root_cptr(INIT_VSPACE),
		.asid_pool = root_cptr(INIT_ASID_POOL),
		.asid_control = root_cptr(INIT_ASID_CONTROL),
		.irq_control = root_cptr(INIT_IRQ_CONTROL),
		.port_control = root_cptr(INIT_IO_PORT_CONTROL),
		.sched_control = root_cptr(info->sched_control.start),
	};
	maker.kernel = k;
	maker.untyped = root_cptr(untyped);
}

/*
 * A copy of what stands in the root, beside the root's own capability: there all bits of an address
 * are taken, and our kernel remembers such look-ups.
 */
static cptr_t copy_near(word_t i, word_t index)
{
	struct sel4_slot to = { maker.kernel->root, maker.kernel->root + i, ABI_WORD_BITS };
	check(sel4_cnode_copy(to, root_at(maker.kernel, index), RIGHTS_ALL), "CSpace");
	return maker.kernel->root + i;
}

static cptr_t issue_ports(struct kernel *k, word_t first, word_t last)
{
	check(sel4_x86_io_port_control_issue(k->port_control, first, last, root_at(k, maker.next)),
	      "I/O ports");
	return root_cptr(maker.next++);
}

/* -- memory ------------------------------------------------------------------------------------ */

/* All RAM untypeds but one, the large ones first. */
static void list_bulks(struct rm_boot *boot, const struct abi_boot_info *info, word_t except)
{
	boot->bulks_count = 0;
	boot->devices_count = 0;
	for (word_t i = 0; i < boot_untypeds(info); i++) {
		const struct abi_untyped_desc *u = &info->untyped_list[i];
		if (u->is_device && u->size_bits >= PAGE_BITS)
			boot->devices[boot->devices_count++] =
			        (struct bulk){ .untyped = SLOT_OF_ROOT | (info->untyped.start + i),
				               .base = u->paddr,
				               .bits = u->size_bits };
	}
	for (word_t bits = ABI_UNTYPED_BITS_MAX; bits >= SMALLEST_BULK_BITS; bits--) {
		for (word_t i = 0; i < boot_untypeds(info); i++) {
			const struct abi_untyped_desc *u = &info->untyped_list[i];
			if (u->is_device || u->size_bits != bits || i == except)
				continue;
			boot->bulks[boot->bulks_count++] =
			        (struct bulk){ .untyped = SLOT_OF_ROOT | (info->untyped.start + i),
				               .base = u->paddr,
				               .bits = (uint8_t)bits };
		}
	}
}

/* Page tables down to level for an address of rm's own. */
static void map_table(word_t vaddr, unsigned int level)
{
	static const enum abi_object types[] = { 0, OBJ_X86_PAGE_TABLE, OBJ_X86_PAGE_DIRECTORY,
		                                 OBJ_X86_PDPT };
	slot_t table = SLOT_OF_ROOT | make(types[level], 0) >> ROOT_SHIFT;
	check(kernel_ops.table_map(maker.kernel, table, level, SLOT_OF_ROOT | INIT_VSPACE, vaddr),
	      "page tables");
}

static void map_window(uint64_t bytes)
{
	for (uint64_t at = 0; at < bytes; at += 1ul << BITS_512G)
		map_table(WINDOW_BASE + at, 3);
	for (uint64_t at = 0; at < bytes; at += 1ul << BITS_1G)
		map_table(WINDOW_BASE + at, 2);
}

static void map_tables(uint64_t bytes)
{
	map_table(TABLES_BASE, 3);
	map_table(TABLES_BASE, 2);
	for (uint64_t at = 0; at < bytes;) {
		bool large = at % (1ul << LARGE_BITS) == 0 && bytes - at >= 1ul << LARGE_BITS;
		if (!large && at % (1ul << LARGE_BITS) == 0)
			map_table(TABLES_BASE + at, 1);
		cptr_t frame = make(large ? OBJ_X86_LARGE_PAGE : OBJ_X86_4K_PAGE, 0);
		check(sel4_x86_page_map(frame, maker.kernel->vspace, TABLES_BASE + at,
		                        RIGHT_READ | RIGHT_WRITE, VM_NO_EXECUTE),
		      "rm's tables");
		at += large ? 1ul << LARGE_BITS : PAGE;
	}
}

/*
 * What has to come out of one untyped: pages for the tables, their page tables, those of the
 * window, boot pages, and some for the rest.
 */
static uint64_t boot_bytes(const struct rm_boot *boot, uint64_t window)
{
	uint64_t tables = rm_tables_bytes(boot);
	uint64_t pages = tables / PAGE + (window >> BITS_1G) + (window >> BITS_512G) +
	                 BOOT_KERNEL_PAGES + 32;
	/* Large pages must be aligned. */
	return pages * PAGE + (tables >> LARGE_BITS ? 1ul << LARGE_BITS : 0);
}

/* The untyped to take it from is one of those that are counted: without it less is needed. */
static word_t choose_untyped(struct rm_boot *boot, const struct abi_boot_info *info,
                             uint64_t *window)
{
	list_bulks(boot, info, ~0ul);
	*window = rm_window_bytes(boot);
	uint64_t bytes = boot_bytes(boot, *window);
	word_t bits = BITS_4K;
	while (1ul << bits < bytes)
		bits++;
	word_t untyped = boot_find_untyped(info, bits);
	if (!untyped)
		setup_fail("no untyped is large enough for rm's tables", bytes);
	list_bulks(boot, info, untyped - info->untyped.start);
	return untyped;
}

/* -- the clock and the worker ------------------------------------------------------------------ */

/* A page of rm's image, which all begins with, and the capability to it. */
static struct abi_ipc_buffer *image_buffer(const struct abi_boot_info *info, unsigned int i,
                                           cptr_t *frame)
{
	static _Alignas(PAGE) char pages[2][PAGE];
	*frame = root_cptr(info->user_image_frames.start +
	                   (word_t)(pages[i] - __executable_start) / PAGE);
	return (struct abi_ipc_buffer *)pages[i];
}

static struct setup_thread make_thread(struct setup *s, const struct abi_boot_info *info,
                                       uint64_t badge, unsigned int priority, word_t budget_us)
{
	struct kernel *k = &s->kernel;
	cptr_t sc = make(OBJ_SCHED_CONTEXT, 8);
	struct setup_thread t = { .tcb = make(OBJ_TCB, 0), .signal = make(OBJ_NOTIFICATION, 0) };
	cptr_t frame;
	t.buffer = image_buffer(info, badge == WORKER_BADGE, &frame);
	check(sel4_tcb_configure(t.tcb, k->root, 0, k->vspace, 0, (word_t)t.buffer, frame),
	      "worker");
	check(sel4_sched_control_configure_flags(k->sched_control, sc, budget_us, WORKER_PERIOD_US,
	                                         4, 0, 0),
	      "worker");
	check(sel4_tcb_set_sched_params(t.tcb, k->tcb, CLOCK_PRIORITY, priority, sc, 0), "worker");
	check(sel4_cnode_mint(root_at(k, maker.next), root_at(k, s->endpoint >> ROOT_SHIFT),
	                      CAP_SEND, badge),
	      "worker");
	t.endpoint = root_cptr(maker.next++);
	return t;
}

void setup(struct setup *s, const struct abi_boot_info *info)
{
	enum { EXIT_PORT = 0xf4, ROOT_SLOTS_KEPT = 1024 };
	struct kernel *k = &s->kernel;
	uint64_t window;
	word_t flat = (info->empty.end - info->empty.start) / 2 & ~(word_t)(SLOT_PAGE - 1);
	word_t flat_first = info->empty.start + ROOT_SLOTS_KEPT;
	s->boot.slot_pages_first = SLOT_PAGE_FIRST;
	s->boot.slot_pages_flat = (uint32_t)flat;
	s->boot.slot_pages_end = (uint32_t)(SLOT_PAGE_FIRST + flat +
	                                    (info->empty.end - flat_first - flat) * SLOT_PAGE);
	s->boot.adopted = (uint32_t)((archive_end - archive_start) / PAGE);
	deepen_cspace(k, info, choose_untyped(&s->boot, info, &window));
	k->tsc_mhz = boot_tsc_mhz(info);
	k->asid_pool_first = maker.next;
	maker.next += ABI_ASID_POOLS;
	k->spare = maker.next++;
	k->flat_first = flat_first;
	k->flat_end = flat_first + flat;
	k->console_ports = issue_ports(k, CONSOLE_PORT_FIRST, CONSOLE_PORT_LAST);
	console_init(k->console_ports);
	if (!k->tsc_mhz)
		setup_fail("the kernel does not say how fast the time stamp counter is", 0);
	k->tick_scale = (1000ull << 32) / k->tsc_mhz;
	k->exit_ports = issue_ports(k, TRACE_PORT, EXIT_PORT);
	k->archive_frames =
	        info->user_image_frames.start + (word_t)(archive_start - __executable_start) / PAGE;
	uint64_t tables = rm_tables_bytes(&s->boot);
	map_window(window);
	map_tables(tables);
	for (unsigned int i = 0; i < BOOT_KERNEL_PAGES; i++)
		s->boot.boot_pages[i] = SLOT_OF_ROOT | make(OBJ_UNTYPED, BITS_4K) >> ROOT_SHIFT;
	s->endpoint = make(OBJ_ENDPOINT, 0);
	s->boot.endpoint = SLOT_OF_ROOT | s->endpoint >> ROOT_SHIFT;
	s->clock = make_thread(s, info, CLOCK_BADGE, CLOCK_PRIORITY, CLOCK_BUDGET_US);
	s->worker = make_thread(s, info, WORKER_BADGE, 1, WORKER_PERIOD_US);
	if (maker.next >= info->empty.start + ROOT_SLOTS_KEPT)
		setup_fail("too many boot objects", maker.next);
	s->endpoint = copy_near(1, s->endpoint >> ROOT_SHIFT);
	k->vspace = copy_near(2, INIT_VSPACE);
	s->boot.ops = &kernel_ops;
	s->boot.kernel = k;
	s->boot.window = (void *)WINDOW_BASE;
	s->boot.tables = (void *)TABLES_BASE;
}
