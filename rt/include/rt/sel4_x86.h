/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Invocations of the kernel objects that only x86-64 has; conventions as in rt/sel4_object.h.
 */
#pragma once
#include <rt/sel4.h>

/* The three kinds of tables below a PML4 are mapped alike. */
[[nodiscard]] static inline enum abi_error sel4_x86_table_map(cptr_t table, word_t label,
                                                              cptr_t vspace, word_t vaddr,
                                                              word_t attr)
{
	sel4_set_cap(0, vspace);
	return sel4_msg_error(sel4_invoke(table, label, 1, 2, vaddr, attr, 0, 0));
}

[[nodiscard]] static inline enum abi_error sel4_x86_pdpt_map(cptr_t pdpt, cptr_t vspace,
                                                             word_t vaddr, word_t attr)
{
	return sel4_x86_table_map(pdpt, INV_X86_PDPT_MAP, vspace, vaddr, attr);
}

[[nodiscard]] static inline enum abi_error sel4_x86_pdpt_unmap(cptr_t pdpt)
{
	return sel4_msg_error(sel4_invoke(pdpt, INV_X86_PDPT_UNMAP, 0, 0, 0, 0, 0, 0));
}

[[nodiscard]] static inline enum abi_error sel4_x86_page_directory_map(cptr_t directory,
                                                                       cptr_t vspace, word_t vaddr,
                                                                       word_t attr)
{
	return sel4_x86_table_map(directory, INV_X86_PAGE_DIRECTORY_MAP, vspace, vaddr, attr);
}

[[nodiscard]] static inline enum abi_error sel4_x86_page_directory_unmap(cptr_t directory)
{
	return sel4_msg_error(
	        sel4_invoke(directory, INV_X86_PAGE_DIRECTORY_UNMAP, 0, 0, 0, 0, 0, 0));
}

[[nodiscard]] static inline enum abi_error sel4_x86_page_table_map(cptr_t table, cptr_t vspace,
                                                                   word_t vaddr, word_t attr)
{
	return sel4_x86_table_map(table, INV_X86_PAGE_TABLE_MAP, vspace, vaddr, attr);
}

[[nodiscard]] static inline enum abi_error sel4_x86_page_table_unmap(cptr_t table)
{
	return sel4_msg_error(sel4_invoke(table, INV_X86_PAGE_TABLE_UNMAP, 0, 0, 0, 0, 0, 0));
}

[[nodiscard]] static inline enum abi_error sel4_x86_page_map(cptr_t page, cptr_t vspace,
                                                             word_t vaddr, word_t rights,
                                                             word_t attr)
{
	sel4_set_cap(0, vspace);
	return sel4_msg_error(sel4_invoke(page, INV_X86_PAGE_MAP, 1, 3, vaddr, rights, attr, 0));
}

[[nodiscard]] static inline enum abi_error sel4_x86_page_unmap(cptr_t page)
{
	return sel4_msg_error(sel4_invoke(page, INV_X86_PAGE_UNMAP, 0, 0, 0, 0, 0, 0));
}

[[nodiscard]] static inline enum abi_error sel4_x86_page_get_address(cptr_t page, word_t *paddr)
{
	struct sel4_msg m = sel4_invoke(page, INV_X86_PAGE_GET_ADDRESS, 0, 0, 0, 0, 0, 0);
	enum abi_error err = sel4_msg_error(m);
	if (!err)
		*paddr = m.mr[0];
	return err;
}

[[nodiscard]] static inline enum abi_error sel4_x86_asid_control_make_pool(cptr_t control,
                                                                           cptr_t untyped,
                                                                           struct sel4_slot dest)
{
	sel4_set_cap(0, untyped);
	sel4_set_cap(1, dest.root);
	return sel4_msg_error(sel4_invoke(control, INV_X86_ASID_CONTROL_MAKE_POOL, 2, 2, dest.index,
	                                  dest.depth, 0, 0));
}

[[nodiscard]] static inline enum abi_error sel4_x86_asid_pool_assign(cptr_t pool, cptr_t vspace)
{
	sel4_set_cap(0, vspace);
	return sel4_msg_error(sel4_invoke(pool, INV_X86_ASID_POOL_ASSIGN, 1, 0, 0, 0, 0, 0));
}

/* The ports first..last, both included. */
[[nodiscard]] static inline enum abi_error sel4_x86_io_port_control_issue(cptr_t control,
                                                                          word_t first, word_t last,
                                                                          struct sel4_slot dest)
{
	sel4_set_cap(0, dest.root);
	return sel4_msg_error(sel4_invoke(control, INV_X86_IO_PORT_CONTROL_ISSUE, 1, 4, first, last,
	                                  dest.index, dest.depth));
}

[[nodiscard]] static inline enum abi_error sel4_x86_io_port_in(cptr_t ports, word_t label,
                                                               word_t port, word_t *value)
{
	struct sel4_msg m = sel4_invoke(ports, label, 0, 1, port, 0, 0, 0);
	enum abi_error err = sel4_msg_error(m);
	if (!err)
		*value = m.mr[0];
	return err;
}

[[nodiscard]] static inline enum abi_error sel4_x86_io_port_in8(cptr_t ports, word_t port,
                                                                word_t *value)
{
	return sel4_x86_io_port_in(ports, INV_X86_IO_PORT_IN8, port, value);
}

[[nodiscard]] static inline enum abi_error sel4_x86_io_port_in16(cptr_t ports, word_t port,
                                                                 word_t *value)
{
	return sel4_x86_io_port_in(ports, INV_X86_IO_PORT_IN16, port, value);
}

[[nodiscard]] static inline enum abi_error sel4_x86_io_port_in32(cptr_t ports, word_t port,
                                                                 word_t *value)
{
	return sel4_x86_io_port_in(ports, INV_X86_IO_PORT_IN32, port, value);
}

[[nodiscard]] static inline enum abi_error sel4_x86_io_port_out8(cptr_t ports, word_t port,
                                                                 word_t value)
{
	return sel4_msg_error(sel4_invoke(ports, INV_X86_IO_PORT_OUT8, 0, 2, port, value, 0, 0));
}

[[nodiscard]] static inline enum abi_error sel4_x86_io_port_out16(cptr_t ports, word_t port,
                                                                  word_t value)
{
	return sel4_msg_error(sel4_invoke(ports, INV_X86_IO_PORT_OUT16, 0, 2, port, value, 0, 0));
}

[[nodiscard]] static inline enum abi_error sel4_x86_io_port_out32(cptr_t ports, word_t port,
                                                                  word_t value)
{
	return sel4_msg_error(sel4_invoke(ports, INV_X86_IO_PORT_OUT32, 0, 2, port, value, 0, 0));
}

[[nodiscard]] static inline enum abi_error sel4_x86_irq_get_ioapic(cptr_t control,
                                                                   struct sel4_slot dest,
                                                                   word_t ioapic, word_t pin,
                                                                   word_t level, word_t polarity,
                                                                   word_t vector)
{
	sel4_set_cap(0, dest.root);
	sel4_set_word(4, level);
	sel4_set_word(5, polarity);
	sel4_set_word(6, vector);
	return sel4_msg_error(sel4_invoke(control, INV_X86_IRQ_GET_IOAPIC, 1, 7, dest.index,
	                                  dest.depth, ioapic, pin));
}

[[nodiscard]] static inline enum abi_error sel4_x86_irq_get_msi(cptr_t control,
                                                                struct sel4_slot dest,
                                                                word_t pci_bus, word_t pci_dev,
                                                                word_t pci_func, word_t handle,
                                                                word_t vector)
{
	sel4_set_cap(0, dest.root);
	sel4_set_word(4, pci_func);
	sel4_set_word(5, handle);
	sel4_set_word(6, vector);
	return sel4_msg_error(sel4_invoke(control, INV_X86_IRQ_GET_MSI, 1, 7, dest.index,
	                                  dest.depth, pci_bus, pci_dev));
}
