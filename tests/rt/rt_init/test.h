/* SPDX-License-Identifier: BSD-2-Clause */
/* What the tests of rt_init share. */
#pragma once
#include <rt/program.h>
#include <rt/session.h>
#include <rt/thread.h>

enum { PAGE = 4096, MIB = 1 << 20 };

extern const char *test_name;
extern bool test_failed;

#define CHECK(x)                                                                                   \
	((x) ? (void)0                                                                             \
	     : (test_failed = true, rt_log("# %s:%d: %s: %s", __FILE__, __LINE__, test_name, #x)))
#define CHECK_OK(x)                                                                                \
	do {                                                                                       \
		err_t check_err = (x);                                                             \
		if (check_err != E_OK) {                                                           \
			test_failed = true;                                                        \
			rt_log("# %s:%d: %s: %s: %s", __FILE__, __LINE__, test_name, #x,           \
			       err_name(check_err));                                               \
		}                                                                                  \
	} while (0)

void test_server_open(void);
void test_abort(void);
void test_objects(void);
void test_capabilities(void);
void test_rings(void);
void test_server_close(void);
void test_passive(void);
void test_passive_budget(void);
void test_passive_destroyed(void);
void test_passive_sent(void);
