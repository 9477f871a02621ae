/* SPDX-License-Identifier: BSD-2-Clause */
/* What rt_init asks of rt_server beyond its interface. */
#pragma once

/* add() with such a number works long, in that phase, for b rounds. */
enum work {
	WORK_FETCH = 1000,
	WORK_WINDOW, /* FETCH, with a window open */
	WORK_COMMIT,
	WORK_DELIVER,
	WORK_CALLS, /* COMMIT: calls of rm */
	WORK_END,
	WORK_LEFT = 2000 /* the sum says how many requests were left in COMMIT */
};
