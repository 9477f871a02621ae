/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What tests on the host share: a check that says where and in which run, random numbers from a
 * seed, and a provider of pages that counts and can run dry. Included by one file a program.
 */
#pragma once
#include <lib/assert.h>
#include <lib/pages.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What CHECK names when it fails: the seed of the run and the step in it. */
static uint64_t test_seed, test_step;

_Noreturn void assert_failed(const char *file, int line, const char *what)
{
	fprintf(stderr, "%s:%d: %s does not hold (seed %llu, step %llu)\n", file, line, what,
	        (unsigned long long)test_seed, (unsigned long long)test_step);
	abort();
}

#define CHECK(x) ((x) ? (void)0 : assert_failed(__FILE__, __LINE__, #x))

/* splitmix64: every seed is a good one. */
static uint64_t test_random_state;

static inline void test_start(uint64_t seed)
{
	test_seed = test_random_state = seed;
	test_step = 0;
}

static inline uint64_t test_random(void)
{
	uint64_t x = test_random_state += 0x9e3779b97f4a7c15;
	x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9;
	x = (x ^ (x >> 27)) * 0x94d049bb133111eb;
	return x ^ (x >> 31);
}

/* 0 .. below-1 */
static inline uint64_t test_below(uint64_t below)
{
	return test_random() % below;
}

/* Blocks of bytes each, full of rubbish. left: so many can still be had; SIZE_MAX for no limit. */
struct test_pages {
	size_t bytes, out, left;
};

static inline void *test_pages_get(void *ctx)
{
	struct test_pages *pages = ctx;
	if (pages->left == 0)
		return NULL;
	if (pages->left != SIZE_MAX)
		pages->left--;
	size_t align = pages->bytes == LIB_PAGE_BYTES ? LIB_PAGE_BYTES : 8;
	void *page = NULL;
	CHECK(posix_memalign(&page, align, pages->bytes) == 0);
	memset(page, 0xa5, pages->bytes);
	pages->out++;
	return page;
}

static inline void test_pages_put(void *ctx, void *page)
{
	struct test_pages *pages = ctx;
	CHECK(pages->out > 0);
	pages->out--;
	free(page);
}
