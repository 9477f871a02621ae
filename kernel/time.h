/* SPDX-License-Identifier: BSD-2-Clause */
/* Time: microseconds in the API, ticks of the time-stamp counter inside. */
#pragma once
#include "arch.h"

#define MIN_BUDGET min_budget
#define MAX_PERIOD_US (UINT64_MAX / ticks_per_us / 8)
#define MAX_RELEASE_TIME (UINT64_MAX - 5 * MAX_PERIOD_US * ticks_per_us)
