/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Where a growing structure gets its memory: from its caller, at each call that may grow or shrink
 * it, so that whoever makes it grow pays. The provider knows whom it charged for a page; the
 * structure does not. Neither function may call back into the structure.
 */
#pragma once

enum { LIB_PAGE_BYTES = 4096 };

struct lib_pages {
	/*
	 * LIB_PAGE_BYTES bytes at a multiple of that (a structure with blocks of another size says
	 * so), content undefined, the structure's until put; NULL if there is none.
	 */
	void *(*get)(void *ctx);
	/* Takes back what some get of the same provider gave. */
	void (*put)(void *ctx, void *page);
	void *ctx;
};
