/* SPDX-License-Identifier: BSD-2-Clause */
/* What the fuzzers of lib share: libFuzzer's entry, a check, and the canary. */
#pragma once
#include <lib/assert.h>
#include <stddef.h>
#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define CHECK(x) ((x) ? (void)0 : __builtin_trap())

/*
 * Stands where only an input that got far comes by. In the canary build that is a bug, and a fuzzer
 * that does not find it is no good.
 */
#ifdef CANARY
#define REACHED(x) ((x) ? __builtin_trap() : (void)0)
#else
#define REACHED(x) ((void)(x))
#endif
