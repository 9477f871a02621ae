/* SPDX-License-Identifier: BSD-2-Clause */
/* Offsets in struct fuzz that execute.S uses through FS; fuzz.h checks them. */
#pragma once
#define FUZZ_IPC_BUFFER 32
#define FUZZ_SAVED_RSP 40
#define FUZZ_TARGET 48
#define FUZZ_TAG 56
#define FUZZ_STACK 64
#define FUZZ_IN 72
#define FUZZ_OUT 208

/* Places in struct fuzz_regs. */
#define REG_RAX 0
#define REG_RBX 8
#define REG_RCX 16
#define REG_RDX 24
#define REG_RSI 32
#define REG_RDI 40
#define REG_RBP 48
#define REG_RSP 56
#define REG_R8 64
#define REG_R9 72
#define REG_R10 80
#define REG_R11 88
#define REG_R12 96
#define REG_R13 104
#define REG_R14 112
#define REG_R15 120
#define REG_RFLAGS 128
