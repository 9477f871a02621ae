/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A pager: its pages are those of the dataspace `pages`, again and again, as they are when it is
 * asked. It does as the page `control` says.
 */
#include <proto/lent.h>
#include <proto/rm_client.h>
#include <rt/event.h>
#include <rt/program.h>

enum { PAGE = 4096 };

static volatile uint64_t *control;
static const char *pages;
static char *source; /* as many pages, which go when they are supplied */

static void *map(const char *name, uint64_t size)
{
	const struct rm_region_map_in in = { .size = size,
		                             .rights = RM_RIGHT_READ | RM_RIGHT_WRITE,
		                             .inherit = RM_INHERIT_NONE };
	struct rm_region_map_out out = { 0 };
	err_t err = rm_region_map(RT_VSPACE, rt_given(name), &in, &out);
	return err == E_OK ? (void *)out.at : NULL;
}

static void supply(uint64_t page)
{
	const struct rm_pager_supply_in in = { .first = page,
		                               .count = 1,
		                               .from = page % LENT_PAGER_TEMPLATE };
	uint64_t at = page % LENT_PAGER_TEMPLATE * PAGE;
	__builtin_memcpy(source + at, pages + at, PAGE);
	err_t err = rm_pager_supply(LENT_PAGER_SLOT, rt_given("source"), &in);
	if (err != E_OK)
		rt_log("# the pager supplies nothing: %s", err_name(err));
}

static void on_read(void *self, const struct rm_pager_read_event *it)
{
	const struct rm_pager_fail_in fail = { .first = it->first,
		                               .count = it->count,
		                               .error = RM_PAGE_ERROR_IO };
	(void)self;
	control[LENT_PAGER_ASKED]++;
	switch (control[LENT_PAGER_DOES]) {
	case LENT_PAGER_HOLDS:
		(void)sel4_wait(rt_given("supply"));
		break;
	case LENT_PAGER_NEVER:
		return;
	case LENT_PAGER_FAILS:
		(void)rm_pager_fail(LENT_PAGER_SLOT, &fail);
		return;
	case LENT_PAGER_DIES:
		(void)rm_task_exit(RT_TASK, &(struct rm_task_exit_in){ .status = 0 });
		return;
	default:
		break;
	}
	for (uint64_t i = 0; i < it->count; i++)
		supply(it->first + i);
}

int rt_main(const struct rt_start *start)
{
	static const struct rm_event_ops ops = { .pager_read = on_read };
	(void)start;
	control = map("control", 1);
	pages = map("pages", LENT_PAGER_TEMPLATE);
	source = map("source", LENT_PAGER_TEMPLATE);
	if (!control || !pages || !source)
		return 1;
	rt_event_set(&ops, NULL);
	rt_event_loop();
}
