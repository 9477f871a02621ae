/* SPDX-License-Identifier: BSD-2-Clause */
/* See connect.h. rm tells when a name is up, but not how long that has taken: so this asks. */
#include "connect.h"
#include <rt/libc.h>

err_t connect_again(struct rt_session *session, const struct rt_connect *how)
{
	uint64_t end_ns = rt_time_ns() + CONNECT_WAIT_MS * UINT64_C(1000000);
	err_t err;
	rt_session_close(session);
	for (;;) {
		err = rt_session_open(session, how);
		if ((err != E_AGAIN && err != E_SERVER_DIED) || rt_time_ns() >= end_ns)
			return err;
		rt_yield();
	}
}
