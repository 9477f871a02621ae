/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once
/*
 * The number of an invariant of protocols.md, and what it demands here. The number is in what pan
 * prints when it does not hold, "assertion violated ( ... ||(7<0))": tests/models/run looks for it.
 */
#define HOLDS(number, what) assert((what) || (number) < 0)
