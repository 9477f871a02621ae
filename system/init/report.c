/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What happened to a program that crashed: the fault, the registers of its first thread, and a back
 * trace by frame pointers. Everything read from the program may be anything: each frame must lie
 * above the one before, and there is a limit.
 */
#include "init.h"
#include <proto/rm_client.h>

enum { FRAMES_MAX = 12, SYMBOL_MAX = 48 };

/* The kernel's labels of faults. */
static const char *fault_name(uint32_t fault)
{
	static const char *const names[] = {
		"no fault",     "an empty capability", "a system call that is not seL4's",
		"an exception", "a debug exception",   "its budget ran out",
		"a page fault"
	};
	return fault < sizeof(names) / sizeof(names[0]) ? names[fault] : "an unknown fault";
}

static const char *result_name(uint32_t result)
{
	static const char *const names[] = { [RM_FAULT_RESULT_NO_REGION] = "nothing is there",
		                             [RM_FAULT_RESULT_NO_RIGHT] = "it has no right to",
		                             [RM_FAULT_RESULT_LOST] = "its content is lost",
		                             [RM_FAULT_RESULT_NO_MEMORY] =
		                                     "its bank has no memory left" };
	return result < sizeof(names) / sizeof(names[0]) && names[result] ? names[result] : "?";
}

/* Without no-execute pages the machine does not tell a fetch from a read. */
static const char *access_name(const struct rm_task_died_event *event)
{
	uint32_t access = event->status >> 16 & 255;
	return access == RM_ACCESS_WRITE                                        ? "writing"
	       : access == RM_ACCESS_EXECUTE || event->at == event->instruction ? "executing"
	                                                                        : "reading";
}

static void print_fault(const char *name, const struct rm_task_died_event *event)
{
	uint32_t fault = event->status & 255;
	if (event->status >> 8)
		rt_log("init: %s crashed: %s, %s 0x%lx: %s", name, fault_name(fault),
		       access_name(event), event->at, result_name(event->status >> 8 & 255));
	else
		rt_log("init: %s crashed: %s at 0x%lx", name, fault_name(fault),
		       event->instruction);
}

static void print_registers(const struct rm_registers *r)
{
	rt_log("  rip %016lx  rsp %016lx  rbp %016lx  flags %lx", r->rip, r->rsp, r->rbp,
	       r->rflags);
	rt_log("  rax %016lx  rbx %016lx  rcx %016lx  rdx %016lx", r->rax, r->rbx, r->rcx, r->rdx);
	rt_log("  rsi %016lx  rdi %016lx  r8  %016lx  r9  %016lx", r->rsi, r->rdi, r->r8, r->r9);
	rt_log("  r10 %016lx  r11 %016lx  r12 %016lx  r13 %016lx", r->r10, r->r11, r->r12, r->r13);
	rt_log("  r14 %016lx  r15 %016lx  fs  %016lx  gs  %016lx", r->r14, r->r15, r->fs_base,
	       r->gs_base);
}

/* back: how far before the address to look: of a return address, the call is before it. */
static void print_frame(const struct elf *elf, uint64_t address, uint64_t back)
{
	char name[SYMBOL_MAX];
	uint64_t offset;
	if (elf && elf_symbol(elf, address - back, name, sizeof(name), &offset) == E_OK)
		rt_log("  at %016lx  %s + 0x%lx", address, name, offset + back);
	else
		rt_log("  at %016lx  ?", address);
}

static void print_trace(const struct program *program, const struct rm_registers *registers)
{
	struct elf elf;
	bool has_symbols = elf_open(&elf, program->file.data, program->file.bytes) == E_OK;
	uint64_t frame = registers->rbp;
	print_frame(has_symbols ? &elf : NULL, registers->rip, 0);
	for (unsigned int i = 0; i < FRAMES_MAX && frame % 8 == 0 && frame < RM_USER_TOP; i++) {
		const struct rm_vspace_read_in in = { .at = frame, .count = 2 };
		struct rm_vspace_read_out out;
		if (frame == 0 || rm_vspace_read(program->made.vspace, &in, &out) != E_OK ||
		    out.content_count < 2 || out.content[1] == 0)
			return;
		print_frame(has_symbols ? &elf : NULL, out.content[1], 1);
		if (out.content[0] <= frame)
			return;
		frame = out.content[0];
	}
}

void report_crash(const struct program *program, const struct rm_task_died_event *event)
{
	struct rm_thread_read_registers_out out;
	if (event->reason != RM_REASON_FAULT) {
		rt_log("init: %s was ended: it did not answer in time", program->what->name);
		return;
	}
	print_fault(program->what->name, event);
	err_t err = rm_thread_read_registers(program->made.thread, &out);
	if (err != E_OK) {
		rt_log("  its registers cannot be read: %s", err_text(err));
		return;
	}
	if (event->status >> 8 && out.registers.rip != event->instruction)
		rt_log("  in a thread that it started, at 0x%lx; its first thread stood here:",
		       event->instruction);
	print_registers(&out.registers);
	print_trace(program, &out.registers);
}
