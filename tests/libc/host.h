/* SPDX-License-Identifier: BSD-2-Clause */
/* What rt/libc.h wants of a program's surroundings, done by Linux; and what the tests see of it. */
#pragma once
#include <stdbool.h>
#include <stddef.h>

/* Mappings there are; those that were given back otherwise than they were taken. */
extern unsigned int host_maps, host_bad_unmaps;

/* While it is on, what goes to the log is kept instead of written. */
void host_keep_log(bool on);

/* What was kept since it was put on; ends with 0. */
const char *host_log(void);

/* Of rt_exit() in place of an end: its status, and where to go on (a jmp_buf's longjmp). */
extern void (*host_on_exit)(int status);

/* The address that the first thread's "IPC buffer" has. */
extern char host_buffer[];
