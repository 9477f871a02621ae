/* SPDX-License-Identifier: BSD-2-Clause */
#include "bench.h"
void measure_servers(void)
{
}
