/* SPDX-License-Identifier: BSD-2-Clause */
#include "jobs.h"
TEST(jobs_sleep)
{
	for (int i = 0; i < 4; i++) {
		word_t t = now_us();
		sleep_us(20000);
		print("# slept %lu us, mhz %lu\n", now_us() - t, tsc_mhz());
	}
}
