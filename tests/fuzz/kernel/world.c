/* SPDX-License-Identifier: BSD-2-Clause */
/* See world.h, and fuzz.h for what a group's CSpace looks like. */
#include <test/mem.h>
#include <test/print.h>
#include "actors.h"
#include "world.h"

enum {
	ROUND_BITS = 24, /* memory of a round: 16 MiB, of which 4 lie aligned in the middle */
	ROUND_SLOTS = 300,
	HIDDEN_RADIX = 10,
	TOP_RADIX = 2,
	PAGE_BITS = 12,
	DEVICE_BITS = 30,
	DEVICE_PADDR_MIN = 0x40000000,
	DEVICE_PADDR_MAX = 0xc0000000u, /* below lie no devices in QEMU's PCs, above some */
};

cptr_t world_faults;
word_t controller_random;

/* Each group on pages of its own: they are mapped into its vspace. */
static union {
	struct group group;
	uint8_t page[4096];
} groups[GROUPS] __attribute__((aligned(4096)));

cptr_t round_untyped;
static cptr_t device_untyped, fixed_node;
static cptr_t round_first, round_next; /* slots in the root CNode */
static cptr_t hidden_node;             /* copies of frames, no one else sees it */
static word_t hidden_next;
bool kernel_freehold;

/* What the groups have in common. */
static struct {
	cptr_t endpoint, notification, asid_pool, server_endpoint[SERVERS], server_reply[SERVERS];
} common;

extern char edata[];

struct group *world_group(unsigned int group)
{
	return &groups[group].group;
}

/* -- once -- */

static void take_ports(word_t first, word_t last)
{
	must(sel4_x86_io_port_control_issue(INIT_IO_PORT_CONTROL, first, last, slot(slot_new())));
}

static struct sel4_slot fixed(word_t index)
{
	return (struct sel4_slot){ fixed_node, index, FIXED_RADIX };
}

static void find_device(void)
{
	for (cptr_t c = boot_info->untyped.start; c < boot_info->untyped.end; c++) {
		const struct abi_untyped_desc *d = boot_untyped_desc(c);
		if (d->is_device && d->size_bits >= DEVICE_BITS && d->paddr >= DEVICE_PADDR_MIN &&
		    d->paddr < DEVICE_PADDR_MAX)
			device_untyped = c;
	}
}

void world_init(word_t seed, bool freehold)
{
	controller_random = seed * 0x9e3779b97f4a7c15ull + 1;
	kernel_freehold = freehold;
	cptr_t memory = boot_untyped_find(ROUND_BITS, false);
	round_untyped = slot_new();
	must(sel4_untyped_retype(memory, OBJ_UNTYPED, ROUND_BITS, root_node(), round_untyped, 1));
	world_faults = endpoint_new();
	actors_init();
	/* All but COM1 (0x3f8), the exit port (0xf4), which are taken, and a harmless gap. */
	take_ports(0, 0xf3);
	take_ports(0xf8, 0x3f7);
	take_ports(0x400, PORT_FIRST - 1);
	take_ports(PORT_LAST + 1, 0xffff);
	fixed_node = cnode_new(FIXED_RADIX);
	must(sel4_cnode_move(fixed(FIXED_IRQ_CONTROL), slot(INIT_IRQ_CONTROL)));
	must(sel4_cnode_move(fixed(FIXED_IO_PORT_CONTROL), slot(INIT_IO_PORT_CONTROL)));
	must(sel4_cnode_copy(fixed(FIXED_ASID_CONTROL), slot(INIT_ASID_CONTROL), RIGHTS_ALL));
	must(sel4_cnode_copy(fixed(FIXED_SCHED_CONTROL), slot(env_sched_control), RIGHTS_ALL));
	must(sel4_cnode_copy(fixed(FIXED_DOMAIN), slot(INIT_DOMAIN), RIGHTS_ALL));
	find_device();
	round_first = slot_new_range(ROUND_SLOTS);
}

/* -- objects of a round -- */

cptr_t world_slot(void)
{
	if (round_next == round_first + ROUND_SLOTS - 1) /* the last is spare_slot() */
		panic("a round needs more slots");
	return round_next++;
}

cptr_t world_object(enum abi_object type, word_t bits)
{
	cptr_t s = world_slot();
	must(sel4_untyped_retype(round_untyped, type, bits, root_node(), s, 1));
	return s;
}

cptr_t world_mint(cptr_t source, word_t data)
{
	cptr_t s = world_slot();
	must(sel4_cnode_mint(slot(s), slot(source), RIGHTS_ALL, data));
	return s;
}

/* -- address spaces -- */

static cptr_t spare_slot(void)
{
	return round_first + ROUND_SLOTS - 1;
}

static void map(cptr_t vspace, word_t vaddr, cptr_t frame, word_t rights)
{
	for (;;) {
		enum abi_error err = sel4_x86_page_map(frame, vspace, vaddr, rights, 0);
		if (!err)
			return;
		word_t left = sel4_get_word(2);
		if (err != ERR_FAILED_LOOKUP)
			panic("map at 0x%lx: error %d", vaddr, err);
		if (left == 39)
			must(sel4_x86_pdpt_map(world_object(OBJ_X86_PDPT, 0), vspace, vaddr, 0));
		else if (left == 30)
			must(sel4_x86_page_directory_map(world_object(OBJ_X86_PAGE_DIRECTORY, 0),
			                                 vspace, vaddr, 0));
		else
			must(sel4_x86_page_table_map(world_object(OBJ_X86_PAGE_TABLE, 0), vspace,
			                             vaddr, 0));
	}
}

/* A page of this program at its own address, by a capability that ends up in the hidden CNode. */
static void map_page(cptr_t vspace, word_t vaddr, word_t rights)
{
	must(sel4_cnode_copy(slot(spare_slot()), slot(image_frame((void *)vaddr)), RIGHTS_ALL));
	map(vspace, vaddr, spare_slot(), rights);
	must(sel4_cnode_move((struct sel4_slot){ hidden_node, hidden_next++, HIDDEN_RADIX },
	                     slot(spare_slot())));
}

static void map_pages(cptr_t vspace, const void *first, const void *end, word_t rights)
{
	word_t page = (word_t)1 << PAGE_BITS;
	for (word_t v = (word_t)first & ~(page - 1); v < (word_t)end; v += page)
		map_page(vspace, v, rights);
}

static cptr_t make_vspace(unsigned int group)
{
	cptr_t vspace = world_object(OBJ_X86_PML4, 0);
	must(sel4_x86_asid_pool_assign(common.asid_pool, vspace));
	map_pages(vspace, (void *)image_base(), edata, RIGHT_READ);
	map_pages(vspace, &groups[group], &groups[group] + 1, RIGHTS_ALL);
	for (unsigned int i = 0; i < THREADS; i++)
		if (world_threads[i].group == group)
			map_pages(vspace, &fuzz_memory[i], &fuzz_memory[i] + 1, RIGHTS_ALL);
	/* Tables for the first pages that the group will map. */
	must(sel4_cnode_copy(slot(spare_slot()), slot(image_frame(&groups[group])), RIGHTS_ALL));
	map(vspace, PLAY_VADDR, spare_slot(), RIGHT_READ);
	cap_delete(spare_slot());
	return vspace;
}

/* -- a group -- */

static void put(unsigned int group, cptr_t node, word_t index, cptr_t source, unsigned int kind)
{
	must(sel4_cnode_copy((struct sel4_slot){ node, index, PLAY_RADIX }, slot(source),
	                     RIGHTS_ALL));
	world_group(group)->kind[index] = (uint8_t)kind;
}

/* Straight from the untyped: the group's is the only capability. */
static void put_from(cptr_t untyped, unsigned int group, cptr_t node, word_t index,
                     enum abi_object type, word_t bits)
{
	struct sel4_slot to = { INIT_CNODE, node, ABI_WORD_BITS };
	must(sel4_untyped_retype(untyped, type, bits, to, index, 1));
	world_group(group)->kind[index] = (uint8_t)type;
}

static void put_new(unsigned int group, cptr_t node, word_t index, enum abi_object type,
                    word_t bits)
{
	put_from(round_untyped, group, node, index, type, bits);
}

/* The threads of the group, and one of the next; not those that can be lost, which come later. */
static void put_threads(unsigned int g, cptr_t node)
{
	struct group *group = world_group(g);
	word_t n = 0;
	bool other = false;
	for (unsigned int i = 0; i < THREADS; i++) {
		const struct world_thread *t = &world_threads[i];
		if (t->group == g)
			group->thread[group->threads++] = t->fuzz;
		if (t->mortal || (t->group != g && (other || t->group != (g + 1) % GROUPS)))
			continue;
		other = t->group != g;
		put(g, node, PLAY_TCBS + n, t->tcb, OBJ_TCB);
		put(g, node, PLAY_CONTEXTS + n, t->context, OBJ_SCHED_CONTEXT);
		n++;
	}
}

static void put_servers(unsigned int g, cptr_t node)
{
	for (unsigned int i = 0; i < SERVERS; i++) {
		put(g, node, PLAY_SERVER_ENDPOINTS + i,
		    world_mint(common.server_endpoint[i], g + 1), OBJ_ENDPOINT);
		if (g != SERVERS_GROUP)
			continue;
		put(g, node, PLAY_SERVER_REPLIES + i, common.server_reply[i], OBJ_REPLY);
		put(g, node, PLAY_SERVER_TCBS + i, world_servers[i].tcb, OBJ_TCB);
	}
}

static void fill_play(unsigned int g, cptr_t node, cptr_t vspace)
{
	struct group *group = world_group(g);
	memset(group, 0, sizeof *group);
	memset(group->kind, KIND_EMPTY, sizeof group->kind);
	put(g, node, PLAY_VSPACE, vspace, OBJ_X86_PML4);
	put_new(g, node, PLAY_UNTYPED, OBJ_UNTYPED, 18);
	put_new(g, node, PLAY_UNTYPED_SMALL, OBJ_UNTYPED, 14);
	put_new(g, node, PLAY_UNTYPED_PAGE, OBJ_UNTYPED, 12);
	if (g == 0)
		put_new(g, node, PLAY_UNTYPED_LARGE, OBJ_UNTYPED, 22);
	if (device_untyped && g == 0)
		put_from(device_untyped, g, node, PLAY_DEVICE, OBJ_UNTYPED, DEVICE_BITS);
	put_threads(g, node);
	put_servers(g, node);
	put(g, node, PLAY_ASID_POOL, common.asid_pool, KIND_ASID_POOL);
	put(g, node, PLAY_ENDPOINT, common.endpoint, OBJ_ENDPOINT);
	put(g, node, PLAY_ENDPOINT_BADGED, world_mint(common.endpoint, g + 1), OBJ_ENDPOINT);
	put(g, node, PLAY_NOTIFICATION, common.notification, OBJ_NOTIFICATION);
	put(g, node, PLAY_NOTIFICATION_BADGED, world_mint(common.notification, (word_t)1 << g),
	    OBJ_NOTIFICATION);
	put_new(g, node, PLAY_REPLY, OBJ_REPLY, 0);
	put_new(g, node, PLAY_REPLY_OTHER, OBJ_REPLY, 0);
	put_new(g, node, PLAY_SPARE_TCB, OBJ_TCB, 0);
	put_new(g, node, PLAY_SPARE_TCB_OTHER, OBJ_TCB, 0);
	put_new(g, node, PLAY_SPARE_CONTEXT, OBJ_SCHED_CONTEXT, 8);
	put_new(g, node, PLAY_FRAME, OBJ_X86_4K_PAGE, 0);
	put_new(g, node, PLAY_FRAME_OTHER, OBJ_X86_4K_PAGE, 0);
	put_new(g, node, PLAY_LEAF, OBJ_CNODE, MID_RADIX);
}

/* The CSpace root of a group: play, fixed and mid CNode. */
static cptr_t make_cspace(unsigned int g, cptr_t play, cptr_t vspace)
{
	enum { BELOW_TOP = 10, ROOT_GUARD = ABI_WORD_BITS - TOP_RADIX - BELOW_TOP };
	cptr_t mid = world_object(OBJ_CNODE, MID_RADIX);
	cptr_t top = world_object(OBJ_CNODE, TOP_RADIX);
	fill_play(g, play, vspace);
	put(g, play, PLAY_SELF, world_mint(play, abi_cnode_guard(0, ABI_WORD_BITS - PLAY_RADIX)),
	    OBJ_CNODE);
	put(g, play, PLAY_MID, world_mint(mid, abi_cnode_guard(0, ABI_WORD_BITS - MID_RADIX)),
	    OBJ_CNODE);
	cptr_t leaf = world_slot();
	must(sel4_cnode_copy(slot(leaf), (struct sel4_slot){ play, PLAY_LEAF, PLAY_RADIX },
	                     RIGHTS_ALL));
	must(sel4_cnode_copy((struct sel4_slot){ mid, 0, MID_RADIX }, slot(leaf), RIGHTS_ALL));

	struct sel4_slot at = { top, 0, TOP_RADIX };
	must(sel4_cnode_mint(at, slot(play), RIGHTS_ALL,
	                     abi_cnode_guard(0, BELOW_TOP - PLAY_RADIX)));
	at.index = FIXED_CPTR >> BELOW_TOP;
	must(sel4_cnode_mint(at, slot(fixed_node), RIGHTS_ALL,
	                     abi_cnode_guard(0, BELOW_TOP - FIXED_RADIX)));
	at.index = MID_CPTR >> BELOW_TOP;
	must(sel4_cnode_copy(at, slot(mid), RIGHTS_ALL));
	return world_mint(top, abi_cnode_guard(0, ROOT_GUARD));
}

void world_make(void)
{
	round_next = round_first;
	hidden_next = 0;
	hidden_node = world_object(OBJ_CNODE, HIDDEN_RADIX);
	common.endpoint = world_object(OBJ_ENDPOINT, 0);
	common.notification = world_object(OBJ_NOTIFICATION, 0);
	common.asid_pool = world_slot();
	must(sel4_x86_asid_control_make_pool(INIT_ASID_CONTROL, world_object(OBJ_UNTYPED, 12),
	                                     slot(common.asid_pool)));
	for (unsigned int i = 0; i < SERVERS; i++) {
		common.server_endpoint[i] = world_object(OBJ_ENDPOINT, 0);
		common.server_reply[i] = world_object(OBJ_REPLY, 0);
	}
	actors_make();
	for (unsigned int g = 0; g < GROUPS; g++) {
		struct space space = { .play = world_object(OBJ_CNODE, PLAY_RADIX) };
		space.vspace = make_vspace(g);
		space.cspace = make_cspace(g, space.play, space.vspace);
		actors_enter(g, space);
	}
	actors_start();
}

void world_destroy(void)
{
	cap_revoke(round_untyped);
	if (device_untyped)
		cap_revoke(device_untyped);
}
