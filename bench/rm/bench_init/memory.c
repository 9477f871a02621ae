/* SPDX-License-Identifier: BSD-2-Clause */
/* First touches, copy-on-write, copies of address spaces. */
#include "init.h"
#include <proto/rm_client.h>

#define AREA 0x100000000000ul

enum { POOL = 48, MANY = 4096, COPIED = 1000, LARGE = 2 << 20 };

static void touch(uint64_t page)
{
	*(volatile char *)(AREA + page * PAGE) = 1;
}

/* One page at a time, not in order, so that nothing comes with it. */
static void measure_one(void)
{
	uint64_t times[POOL];
	cptr_t ds = new_dataspace(512);
	(void)map(ds, AREA, 512);
	touch(511);
	for (unsigned int leaf = 0; leaf < 4; leaf++)
		touch(leaf * 128 + 127);
	settle();
	for (unsigned int i = 0; i < POOL; i++) {
		uint64_t t = rt_tsc();
		touch(100 - 2 * i);
		times[i] = rt_tsc() - t;
	}
	report(ROW_TOUCH_ONE, median(times, POOL));
	unmap(AREA, 512);
	drop(ds);
}

/*
 * In order; not where 2 MiB of the dataspace would be 2 MiB of the address space. The pool is
 * refilled in one of eight windows, three chunks of frames at a time: that is what it takes longer.
 */
static void measure_around(void)
{
	enum { CHUNK = 3 * 128, WARM = 128, FIRST = CHUNK, WINDOWS = (MANY - WARM) / POOL };
	cptr_t ds = new_dataspace(MANY);
	(void)map(ds, AREA + FIRST * PAGE, MANY);
	unsigned int i = FIRST, count = 0;
	for (; i < FIRST + WARM; i++)
		touch(i);
	settle();
	static uint64_t times[WINDOWS], sorted[WINDOWS];
	for (unsigned int k = 0; k < WINDOWS; k++) {
		uint64_t t = rt_tsc();
		for (unsigned int n = 0; n < POOL; n++)
			touch(i++);
		times[k] = sorted[k] = rt_tsc() - t;
	}
	uint64_t usual = median(sorted, WINDOWS);
	for (unsigned int k = 0; k < WINDOWS; k++)
		if (times[k] > 2 * usual)
			sorted[count++] = (times[k] - usual) / CHUNK;
	report(ROW_TOUCH_AROUND, usual / POOL);
	report(ROW_REFILL, median(sorted, count));
	unmap(AREA + FIRST * PAGE, MANY);
	drop(ds);
}

static void measure_large(void)
{
	enum { PAGES = 8 * LARGE / PAGE };
	cptr_t ds = new_dataspace(PAGES);
	(void)map(ds, AREA, PAGES);
	for (unsigned int i = 0; i < LARGE / PAGE; i++)
		touch(i);
	uint64_t t = rt_tsc();
	for (unsigned int i = LARGE / PAGE; i < PAGES; i++)
		touch(i);
	report(ROW_TOUCH_LARGE, (rt_tsc() - t) / (PAGES - LARGE / PAGE));
	unmap(AREA, PAGES);
	drop(ds);
}

static void measure_copy_on_write(void)
{
	uint64_t times[POOL];
	cptr_t ds = new_dataspace(128), copy = rt_slot_get();
	(void)map(ds, AREA, 128);
	for (unsigned int i = 0; i < 128; i++)
		touch(i);
	const struct rm_dataspace_clone_in in = { .first = 0, .size = 128 };
	must(rm_dataspace_clone(ds, RT_BANK, &in, rt_slot(copy)));
	settle();
	/* Read first: a write to what is mapped read-only is the fault that is meant. */
	for (unsigned int i = 0; i < 128; i++)
		(void)*(volatile char *)(AREA + i * PAGE);
	for (unsigned int i = 0; i < POOL; i++) {
		uint64_t t = rt_tsc();
		touch(2 * i);
		times[i] = rt_tsc() - t;
	}
	report(ROW_COPY_ON_WRITE, median(times, POOL));
	unmap(AREA, 128);
	drop(ds);
	drop(copy);
}

static void measure_clone(void)
{
	cptr_t ds = new_dataspace(COPIED), copy = rt_slot_get();
	(void)map(ds, AREA, COPIED);
	for (unsigned int i = 0; i < COPIED; i++)
		touch(i);
	settle();
	uint64_t t = rt_tsc();
	must(rm_vspace_clone(RT_VSPACE, RT_BANK, rt_slot(copy)));
	report(ROW_CLONE, (rt_tsc() - t) / COPIED);
	must(rm_vspace_destroy(copy));
	rt_slot_put(copy);
	unmap(AREA, COPIED);
	drop(ds);
}

void measure_memory(void)
{
	measure_one();
	measure_around();
	measure_large();
	measure_copy_on_write();
	measure_clone();
}
