/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Address spaces: the four levels of page tables (seL4 manual, chapter 7).
 *
 * A PML4 with an ASID is an address space. Tables and frames are mapped by capabilities that
 * remember ASID and address; what they remember may be stale (the ASID was given up, the table
 * above was unmapped), so unmapping looks whether the entry still leads to the object.
 *
 * Entries that lead to tables allow everything; rights and memory type are in the last level. The
 * last PML4 entry is the kernel's, shared by all. Without PCIDs, address spaces that are not loaded
 * have nothing in the TLB: only the loaded one needs flushing.
 */
#include "switch.h"

enum { PT_ENTRIES = 512, LEVEL_BITS = 9, PAGE_BITS = 12 };

void vspace_init(paddr_t pml4)
{
	uint64_t *to = ptr_of(pml4), *from = ptr_of(kernel_cr3);
	to[PT_ENTRIES - 1] = from[PT_ENTRIES - 1];
}

void vspace_activate(struct tcb *thread)
{
	vspace_switch(thread);
}

bool vspace_of_asid(unsigned asid, paddr_t *pml4)
{
	uint64_t *pool = asid_table[asid / ABI_ASIDS_PER_POOL % ABI_ASID_POOLS];
	*pml4 = pool ? pool[asid % ABI_ASIDS_PER_POOL] : 0;
	return *pml4 && asid;
}

/* Bits of the address that a level (4: PML4 ... 1: page table) leaves to those below. */
static always_inline unsigned level_shift(unsigned level)
{
	return PAGE_BITS + LEVEL_BITS * (level - 1);
}

static always_inline uint64_t *entry_in(uint64_t *table, vaddr_t vaddr, unsigned level)
{
	return &table[vaddr >> level_shift(level) & (PT_ENTRIES - 1)];
}

static always_inline bool leads_to_table(uint64_t entry)
{
	return likely((entry & (PTE_PRESENT | PTE_LARGE)) == PTE_PRESENT);
}

uint64_t *vspace_entry(paddr_t pml4, vaddr_t vaddr, unsigned level)
{
	uint64_t *table = ptr_of(pml4);
	for (unsigned l = 4;; l--) {
		uint64_t *entry = entry_in(table, vaddr, l);
		if (l == level)
			return entry;
		if (unlikely(!leads_to_table(*entry))) {
			(void)lookup_missing(level_shift(l));
			return NULL;
		}
		table = ptr_of(*entry & PTE_ADDR);
	}
}

/* The same for a frame; straight on to the page table for the smallest. */
static always_inline uint64_t *frame_entry_at(paddr_t pml4, vaddr_t vaddr, unsigned class)
{
	uint64_t *table = ptr_of(pml4);
	if (class)
		return vspace_entry(pml4, vaddr, class + 1);
	uint64_t entry4 = *entry_in(table, vaddr, 4);
	if (leads_to_table(entry4)) {
		uint64_t entry3 = *entry_in(ptr_of(entry4 & PTE_ADDR), vaddr, 3);
		if (leads_to_table(entry3)) {
			uint64_t entry2 = *entry_in(ptr_of(entry3 & PTE_ADDR), vaddr, 2);
			if (leads_to_table(entry2))
				return entry_in(ptr_of(entry2 & PTE_ADDR), vaddr, 1);
		}
	}
	return vspace_entry(pml4, vaddr, 1); /* says what is missing */
}

static unsigned table_level(struct cap cap)
{
	switch (cap_type(cap)) {
	case CAP_PAGE_TABLE:
		return 1;
	case CAP_PAGE_DIRECTORY:
		return 2;
	default:
		return 3;
	}
}

/* Everything that was cached of the loaded address space. */
static void flush_all(paddr_t pml4)
{
	if (pml4 == loaded_cr3)
		cpu_set_cr3(pml4);
}

void page_table_finalise(struct cap cap)
{
	paddr_t pml4;
	if (!vspace_of_asid(cap_asid(cap), &pml4))
		return;
	uint64_t *entry = vspace_entry(pml4, cap_vaddr(cap), table_level(cap) + 1);
	if (!entry || !(*entry & PTE_PRESENT) || *entry & PTE_LARGE ||
	    (*entry & PTE_ADDR) != cap_paddr(cap))
		return;
	*entry = 0;
	flush_all(pml4);
}

/* The mark is missing: fails, as capability number 1. */
static enum outcome check_asid(struct cap cap, paddr_t *pml4)
{
	if (!vspace_of_asid(cap_asid(cap), pml4)) {
		(void)lookup_invalid_root();
		return fail_lookup(false);
	}
	if (*pml4 != cap_paddr(cap))
		return fail_word(ERR_INVALID_CAPABILITY, 1);
	return DONE;
}

/* The address space of `cap`, which is a PML4's and has an ASID; fails if that was given up. */
static always_inline enum outcome check_vspace(struct cap cap, paddr_t *pml4)
{
	*pml4 = cap_paddr(cap);
	return likely(*vspace_asid_mark(*pml4) == vspace_mark(cap)) ? DONE : check_asid(cap, pml4);
}

static enum outcome map_table(struct invocation *inv)
{
	paddr_t pml4;
	unsigned level = table_level(inv->cap);
	if (inv->length < 2 || !inv->extra[0])
		return fail(ERR_TRUNCATED_MESSAGE);
	if (cap_asid(inv->cap))
		return fail_word(ERR_INVALID_CAPABILITY, 0);
	struct cap vspace = inv->extra[0]->cap;
	vaddr_t vaddr = ALIGN_DOWN(inv_arg(inv, 0), level_shift(level + 1));
	if (cap_type(vspace) != CAP_PML4 || !cap_asid(vspace))
		return fail_word(ERR_INVALID_CAPABILITY, 1);
	if (vaddr > ABI_USER_TOP)
		return fail_word(ERR_INVALID_ARGUMENT, 0);
	if (check_vspace(vspace, &pml4) != DONE)
		return FAILED;
	uint64_t *entry = vspace_entry(pml4, vaddr, level + 1);
	if (!entry)
		return fail_lookup(false);
	if (*entry & PTE_PRESENT)
		return fail(ERR_DELETE_FIRST);
	/* Memory types of the tables themselves: as of the pages, but always cached. */
	*entry = cap_paddr(inv->cap) | PTE_PRESENT | PTE_WRITE | PTE_USER;
	inv->slot->cap.w1 = cap_mapping(cap_asid(vspace), vaddr);
	flush_all(pml4);
	return DONE;
}

static enum outcome unmap_table(struct invocation *inv)
{
	if (!cdt_is_final(inv->slot))
		return fail(ERR_REVOKE_FIRST);
	if (cap_asid(inv->cap)) {
		page_table_finalise(inv->cap);
		memset(cap_ptr(inv->cap), 0, PT_ENTRIES * sizeof(uint64_t));
		inv->slot->cap.w1 = 0;
	}
	return DONE;
}

enum outcome decode_page_table(struct invocation *inv)
{
	static const uint8_t map_labels[] = { 0, INV_X86_PAGE_TABLE_MAP, INV_X86_PAGE_DIRECTORY_MAP,
		                              INV_X86_PDPT_MAP };
	unsigned map = map_labels[table_level(inv->cap)];
	if (inv->label == map + 1)
		return unmap_table(inv);
	if (inv->label != map)
		return fail(ERR_ILLEGAL_OPERATION);
	return map_table(inv);
}

/* ---- Frames ---- */

unsigned frame_mask_rights(unsigned aux, word_t rights)
{
	unsigned have = aux & (FRAME_WRITE | FRAME_USER);
	if (!(have & FRAME_USER) || !(rights & RIGHT_READ))
		return 0;
	return rights & RIGHT_WRITE ? have : FRAME_USER;
}

/* `rights`: FRAME_WRITE and FRAME_USER, or neither. */
static always_inline uint64_t frame_entry(paddr_t paddr, unsigned class, unsigned rights,
                                          word_t attributes)
{
	/* Memory types by PAT entry: 0 WB, 1 WT, 2 UC-, 3 UC, 4 WC. */
	enum { PAT_4K = 1 << 7, PAT_LARGE = 1 << 12 };
	uint64_t entry = paddr | PTE_PRESENT;
	_Static_assert(FRAME_WRITE >> 1 == PTE_WRITE && FRAME_USER >> 1 == PTE_USER, "rights");
	entry |= likely(rights & FRAME_USER) ? rights >> 1 : PTE_WRITE;
	_Static_assert(PTE_PWT == 1 << 3 && PTE_PCD == 2 << 3, "attributes");
	entry |= (attributes & 3) << 3;
	if (unlikely(attributes & VM_WRITE_COMBINING))
		entry |= class ? PAT_LARGE : PAT_4K;
	if (class)
		entry |= PTE_LARGE;
	if (attributes & VM_NO_EXECUTE && cpu.nx)
		entry |= PTE_NX;
	return entry;
}

static always_inline bool entry_leads_to(uint64_t entry, struct cap frame)
{
	paddr_t address = entry & PTE_ADDR;
	if (!(entry & PTE_PRESENT))
		return false;
	if (cap_frame_class(frame)) {
		if (!(entry & PTE_LARGE))
			return false;
		address = ALIGN_DOWN(address, cap_frame_bits(frame)); /* bit 12 is the PAT bit */
	}
	return address == cap_paddr(frame);
}

/* Map and unmap are compiled for the smallest class, and for the others. */

static always_inline void unmap(struct cap cap, unsigned class)
{
	paddr_t pml4;
	if (!vspace_of_asid(cap_asid(cap), &pml4))
		return;
	uint64_t *entry = frame_entry_at(pml4, cap_vaddr(cap), class);
	if (!entry || !entry_leads_to(*entry, cap))
		return;
	*entry = 0;
	if (pml4 == loaded_cr3)
		cpu_invlpg(cap_vaddr(cap));
}

void frame_unmap(struct cap cap)
{
	unsigned class = cap_frame_class(cap);
	if (!cap_asid(cap))
		return;
	if (likely(!class))
		unmap(cap, 0);
	else
		unmap(cap, class);
}

static always_inline enum outcome map(struct invocation *inv, unsigned class)
{
	struct cap cap = inv->cap;
	unsigned bits = level_shift(class + 1);
	paddr_t pml4;
	if (inv->length < 3 || !inv->extra[0])
		return fail(ERR_TRUNCATED_MESSAGE);
	vaddr_t vaddr = inv_arg(inv, 0);
	struct cap vspace = inv->extra[0]->cap;
	if (cap_type(vspace) != CAP_PML4 || !cap_asid(vspace))
		return fail_word(ERR_INVALID_CAPABILITY, 1);
	if (cap_asid(cap)) {
		if (cap_asid(cap) != cap_asid(vspace))
			return fail_word(ERR_INVALID_CAPABILITY, 1);
		if (cap_vaddr(cap) != vaddr)
			return fail_word(ERR_INVALID_ARGUMENT, 0);
	} else if (vaddr > ABI_USER_TOP || vaddr + BIT(bits) > ABI_USER_TOP) {
		return fail_word(ERR_INVALID_ARGUMENT, 0);
	}
	if (check_vspace(vspace, &pml4) != DONE)
		return FAILED;
	if (vaddr & MASK(bits))
		return fail(ERR_ALIGNMENT);
	uint64_t *entry = frame_entry_at(pml4, vaddr, class);
	if (!entry)
		return fail_lookup(false);
	if (class && *entry & PTE_PRESENT && !(*entry & PTE_LARGE))
		return fail(ERR_DELETE_FIRST);

	uint64_t old = *entry;
	*entry = frame_entry(cap_paddr(cap), class,
	                     frame_mask_rights(cap_aux(cap), inv_arg(inv, 1)), inv_arg(inv, 2));
	inv->slot->cap.w1 = vspace.w1 | vaddr; /* a PML4's own is the ASID alone */
	if (old & PTE_PRESENT && pml4 == loaded_cr3)
		cpu_invlpg(vaddr);
	return DONE;
}

static __attribute__((noinline)) enum outcome map_large(struct invocation *inv)
{
	return map(inv, cap_frame_class(inv->cap));
}

enum outcome decode_frame(struct invocation *inv)
{
	switch (inv->label) {
	case INV_X86_PAGE_MAP:
		return likely(!cap_frame_class(inv->cap)) ? map(inv, 0) : map_large(inv);
	case INV_X86_PAGE_UNMAP:
		frame_unmap(inv->cap);
		inv->slot->cap.w1 = 0;
		return DONE;
	case INV_X86_PAGE_GET_ADDRESS:
		inv_result(inv, 0, cap_paddr(inv->cap));
		return DONE;
	default:
		return fail(ERR_ILLEGAL_OPERATION);
	}
}

bool vspace_read_word(struct tcb *thread, vaddr_t vaddr, word_t *value)
{
	struct cap cap = thread->slots[TCB_VSPACE].cap;
	if (cap_type(cap) != CAP_PML4 || vaddr > ABI_USER_TOP - 8 || vaddr & 7)
		return false;
	/* Without its ASID nobody keeps its tables: they may be something else by now. */
	if (*vspace_asid_mark(cap_paddr(cap)) != vspace_mark(cap))
		return false;
	uint64_t *table = cap_ptr(cap);
	for (unsigned level = 4; level > 0; level--) {
		uint64_t entry = table[vaddr >> level_shift(level) & (PT_ENTRIES - 1)];
		paddr_t address = entry & PTE_ADDR;
		if (!(entry & PTE_PRESENT))
			return false;
		if (level == 1 || entry & PTE_LARGE) {
			address = ALIGN_DOWN(address, level_shift(level)) |
			          (vaddr & MASK(level_shift(level)));
			if (address >= KERNEL_PADDR_TOP)
				return false;
			*value = *(word_t *)ptr_of(address);
			return true;
		}
		table = ptr_of(address);
	}
	return false;
}
