/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The seL4 API as Freehold speaks it: x86-64, pc99, MCS, one core, one domain; no IOMMU, VT-x,
 * hardware debug API, PCID. Numbers, layouts and limits only; nothing here is code that runs.
 * The kernel and user programs include this same file. docs/design/sel4-abi.md explains it.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef uint64_t word_t;

enum abi_syscall {
#define SYSCALL(name, nr) SYS_##name = nr,
#include <abi/syscall.def>
#undef SYSCALL
};

enum abi_invocation {
	INV_INVALID = 0,
#define INVOCATION(object, method, label, caps, words) INV_##object##_##method = label,
#include <abi/invocation.def>
#undef INVOCATION
	INV_COUNT
};

enum abi_object {
#define OBJECT(name, nr, bits) OBJ_##name = nr,
#include <abi/object.def>
#undef OBJECT
	OBJ_COUNT
};

/* Sizes of objects in bits, where the type fixes them. */
enum abi_object_bits {
#define OBJECT(name, nr, bits) OBJ_BITS_##name = bits,
#include <abi/object.def>
#undef OBJECT
};

enum abi_error {
#define ERROR(name, nr, text) ERR_##name = nr,
#include <abi/error.def>
#undef ERROR
	ERR_COUNT
};

enum abi_fault {
#define FAULT(name, nr, words, text) FAULT_##name = nr,
#include <abi/fault.def>
#undef FAULT
};

enum abi_lookup_failure {
	LOOKUP_OK = 0,
	LOOKUP_INVALID_ROOT = 1,       /* 1 word: type */
	LOOKUP_MISSING_CAPABILITY = 2, /* 2 words: type, bits left */
	LOOKUP_DEPTH_MISMATCH = 3,     /* 3 words: type, bits left, bits found */
	LOOKUP_GUARD_MISMATCH = 4,     /* 4 words: type, bits left, guard found, guard bits */
};

/* Sizes and limits. */
enum {
	ABI_WORD_BITS = 64,
	ABI_SLOT_BITS = 5,
	ABI_UNTYPED_BITS_MIN = 4,
	ABI_UNTYPED_BITS_MAX = 47,
	ABI_SCHED_CONTEXT_BITS_MIN = 7,
	ABI_SCHED_CONTEXT_CORE = 128, /* bytes, two refills included */
	ABI_REFILL_BYTES = 16,
	ABI_RETYPE_MAX = 256,
	ABI_ASID_POOL_BITS = 12,
	ABI_ASIDS_PER_POOL = 512,
	ABI_ASID_POOLS = 8,
	ABI_PRIORITY_MAX = 255,
	ABI_ROOT_CNODE_RADIX = 13,
	ABI_BUDGET_MIN_US = 20,
	ABI_USER_IRQ_MAX = 107, /* last vector argument of GetIOAPIC and GetMSI */
	ABI_IRQ_VECTOR_BASE = 0x30,
	ABI_MSG_MAX = 120, /* message words */
	ABI_MSG_REGS = 4,  /* of these, in registers */
	ABI_MSG_CAPS_MAX = 3,
	ABI_IPC_BUFFER_BITS = 10,
	ABI_BOOT_UNTYPEDS_MAX = 230,
};
#define ABI_USER_TOP 0x7fffffffffffull /* no mapping reaches this address */

/* Message info word: label << 12 | caps unwrapped << 9 | extra caps << 7 | length. */
static inline word_t abi_msginfo(word_t label, word_t unwrapped, word_t caps, word_t length)
{
	return label << 12 | unwrapped << 9 | caps << 7 | length;
}
static inline word_t abi_msginfo_label(word_t info)
{
	return info >> 12;
}
static inline word_t abi_msginfo_unwrapped(word_t info)
{
	return info >> 9 & 7;
}
static inline word_t abi_msginfo_caps(word_t info)
{
	return info >> 7 & 3;
}
static inline word_t abi_msginfo_length(word_t info)
{
	return info & 127;
}

/* Capability rights, as Copy and Mint take them. */
enum abi_rights {
	RIGHT_WRITE = 1,
	RIGHT_READ = 2,
	RIGHT_GRANT = 4,
	RIGHT_GRANT_REPLY = 8,
	RIGHTS_ALL = 15,
};

/* CNode capdata: the guard of a CNode capability. */
static inline word_t abi_cnode_guard(word_t guard, word_t guard_bits)
{
	return guard << 6 | guard_bits;
}

/* Page attributes (Page_Map and page-table maps): memory type in bits 0..2. */
enum abi_vm_attr {
	VM_WRITE_BACK = 0,
	VM_WRITE_THROUGH = 1,
	VM_CACHE_DISABLED = 2,
	VM_UNCACHEABLE = 3,
	VM_WRITE_COMBINING = 4,
	VM_NO_EXECUTE = 8, /* Freehold's kernel only; seL4 ignores it */
};

/* TCB_SetFlags. */
enum abi_tcb_flags {
	TCB_FLAG_FPU_DISABLED = 1,
	TCB_FLAG_SYSCALLS_FAULT = 2, /* Freehold's kernel only; seL4 masks it off */
};

/* SchedControl_ConfigureFlags. */
enum abi_sched_flags { SCHED_FLAG_SPORADIC = 1 };

struct abi_ipc_buffer {
	word_t tag;
	word_t msg[ABI_MSG_MAX];
	word_t user_data;
	word_t caps_or_badges[ABI_MSG_CAPS_MAX];
	word_t receive_cnode;
	word_t receive_index;
	word_t receive_depth;
};
_Static_assert(sizeof(struct abi_ipc_buffer) == 1 << ABI_IPC_BUFFER_BITS, "ipc buffer");
_Static_assert(offsetof(struct abi_ipc_buffer, caps_or_badges) == 976, "ipc buffer");

/* TCB_ReadRegisters and TCB_WriteRegisters, in message order. */
struct abi_user_context {
	word_t rip, rsp, rflags, rax, rbx, rcx, rdx, rsi, rdi, rbp;
	word_t r8, r9, r10, r11, r12, r13, r14, r15;
	word_t fs_base, gs_base;
};
enum { ABI_CONTEXT_WORDS = 20, ABI_CONTEXT_FRAME_WORDS = 18 };
_Static_assert(sizeof(struct abi_user_context) == 8 * ABI_CONTEXT_WORDS, "user context");

/* Words of an UnknownSyscall fault message; the first 18 can be written back by the reply. */
enum abi_unknown_syscall_word {
	UNKNOWN_SYSCALL_RAX,
	UNKNOWN_SYSCALL_RBX,
	UNKNOWN_SYSCALL_RCX,
	UNKNOWN_SYSCALL_RDX,
	UNKNOWN_SYSCALL_RSI,
	UNKNOWN_SYSCALL_RDI,
	UNKNOWN_SYSCALL_RBP,
	UNKNOWN_SYSCALL_R8,
	UNKNOWN_SYSCALL_R9,
	UNKNOWN_SYSCALL_R10,
	UNKNOWN_SYSCALL_R11,
	UNKNOWN_SYSCALL_R12,
	UNKNOWN_SYSCALL_R13,
	UNKNOWN_SYSCALL_R14,
	UNKNOWN_SYSCALL_R15,
	UNKNOWN_SYSCALL_FAULT_IP,
	UNKNOWN_SYSCALL_RSP,
	UNKNOWN_SYSCALL_RFLAGS,
	UNKNOWN_SYSCALL_NR,
	UNKNOWN_SYSCALL_WORDS
};

/* Slots of the initial thread's root CNode. */
enum abi_init_slot {
	INIT_NULL = 0,
	INIT_TCB = 1,
	INIT_CNODE = 2,
	INIT_VSPACE = 3,
	INIT_IRQ_CONTROL = 4,
	INIT_ASID_CONTROL = 5,
	INIT_ASID_POOL = 6,
	INIT_IO_PORT_CONTROL = 7,
	INIT_IO_SPACE = 8,
	INIT_BOOT_INFO_FRAME = 9,
	INIT_IPC_BUFFER_FRAME = 10,
	INIT_DOMAIN = 11,
	INIT_SMMU_SID = 12,
	INIT_SMMU_CB = 13,
	INIT_SCHED_CONTEXT = 14,
	INIT_SMC = 15,
	INIT_FIRST_FREE = 16,
};

struct abi_slot_region {
	word_t start, end; /* [start, end) */
};

struct abi_untyped_desc {
	word_t paddr;
	uint8_t size_bits;
	uint8_t is_device;
	uint8_t padding[6];
};

struct abi_boot_info {
	word_t extra_len; /* bytes of extra records, which start one page above */
	word_t node_id;
	word_t num_nodes;
	word_t num_iopt_levels; /* -1 without IOMMU */
	word_t ipc_buffer;
	struct abi_slot_region empty;
	struct abi_slot_region shared_frames;
	struct abi_slot_region user_image_frames;
	struct abi_slot_region user_image_paging;
	struct abi_slot_region io_space_caps;
	struct abi_slot_region extra_bi_pages;
	word_t init_cnode_size_bits;
	word_t init_domain;
	struct abi_slot_region sched_control;
	struct abi_slot_region untyped;
	struct abi_untyped_desc untyped_list[ABI_BOOT_UNTYPEDS_MAX];
};
_Static_assert(offsetof(struct abi_boot_info, untyped_list) == 184, "boot info");
_Static_assert(sizeof(struct abi_boot_info) == 3864, "boot info");

/* Extra records of the boot info: packed, without alignment. */
struct abi_boot_record {
	word_t id;
	word_t len; /* bytes, this header included */
};
enum abi_boot_record_id {
	BOOT_RECORD_PADDING = 0,
	BOOT_RECORD_X86_VBE = 1,
	BOOT_RECORD_X86_MBMMAP = 2,
	BOOT_RECORD_X86_ACPI_RSDP = 3,
	BOOT_RECORD_X86_FRAMEBUFFER = 4,
	BOOT_RECORD_X86_TSC_FREQ = 5, /* u32, MHz */
	BOOT_RECORD_FDT = 6,
};
