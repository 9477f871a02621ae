/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Two threads that nobody can reach. They fill all registers, run beside the fuzz threads and
 * look whether the registers and a page of memory still are as they were.
 */
#pragma once
#include <abi/abi.h>

void bystanders_start(void);
extern volatile word_t bystander_errors;
