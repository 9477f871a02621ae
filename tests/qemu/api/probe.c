/* SPDX-License-Identifier: BSD-2-Clause */
#include "probe.h"

/* Not across a page boundary: one page is mapped for them. */
void probe_code_load(void);
void probe_code_store(void);
__asm__(".text\n"
        ".balign 64\n"
        ".globl probe_code_load, probe_code_store\n"
        "probe_code_load:\n"
        "\tmovq (%rdi), %rax\n"
        "\tud2\n"
        "probe_code_store:\n"
        "\tmovq %rsi, (%rdi)\n"
        "\tud2\n"
        ".balign 64\n");

struct prober prober_new(cptr_t vspace)
{
	struct prober p = { .faults = endpoint_new(), .reply = reply_new() };
	if (vspace) {
		const void *code = (const void *)probe_code_load;
		vspace_map(vspace, (word_t)code & ~0xfffull,
		           cap_copy(image_frame(code), RIGHTS_ALL), RIGHTS_ALL, 0);
	}
	p.thread = thread_new(&(struct thread_options){ .vspace = vspace, .fault_ep = p.faults });
	return p;
}

static struct outcome probe(struct prober *p, void (*code)(void), word_t vaddr, word_t value)
{
	struct abi_user_context c = {
		.rip = (word_t)code, .rsi = value, .rdi = vaddr, .rax = 0xdead
	};
	CHECK_OK(
	        sel4_tcb_write_registers(p->thread->tcb, SEL4_WRITE_RESUME, ABI_CONTEXT_WORDS, &c));
	struct sel4_msg m = sel4_recv(p->faults, p->reply);
	struct outcome o = { .faulted = abi_msginfo_label(m.info) == FAULT_VM };
	if (o.faulted) {
		o.address = m.mr[1];
		o.code = m.mr[3];
		CHECK_EQ(m.info, abi_msginfo(FAULT_VM, 0, 0, 4));
		CHECK_EQ(m.mr[0], (word_t)code);
		CHECK_EQ(m.mr[2], 0);
	} else {
		CHECK_EQ(abi_msginfo_label(m.info), FAULT_USER_EXCEPTION);
		o.value = thread_registers(p->thread).rax;
	}
	return o;
}

struct outcome probe_load(struct prober *p, word_t vaddr)
{
	return probe(p, probe_code_load, vaddr, 0);
}

struct outcome probe_store(struct prober *p, word_t vaddr, word_t value)
{
	return probe(p, probe_code_store, vaddr, value);
}

void check_load(struct prober *p, word_t vaddr, word_t value)
{
	struct outcome o = probe_load(p, vaddr);
	if (o.faulted || o.value != value)
		FAIL("load at 0x%lx: fault %d, code 0x%lx, value 0x%lx, not 0x%lx", vaddr,
		     o.faulted, o.code, o.value, value);
}

void check_store(struct prober *p, word_t vaddr, word_t value)
{
	struct outcome o = probe_store(p, vaddr, value);
	if (o.faulted)
		FAIL("store at 0x%lx: fault, code 0x%lx", vaddr, o.code);
}

static void check_fault(struct outcome o, word_t vaddr, word_t code)
{
	if (!o.faulted || o.address != vaddr || o.code != code)
		FAIL("access at 0x%lx: fault %d, address 0x%lx, code 0x%lx, not 0x%lx", vaddr,
		     o.faulted, o.address, o.code, code);
}

void check_no_load(struct prober *p, word_t vaddr, word_t code)
{
	check_fault(probe_load(p, vaddr), vaddr, code);
}

void check_no_store(struct prober *p, word_t vaddr, word_t code)
{
	check_fault(probe_store(p, vaddr, 0), vaddr, code);
}
